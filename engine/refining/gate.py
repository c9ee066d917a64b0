"""How far a refinement is followed: as far as the photos' own risk falls, and never to where it began to lose.

Stein's unbiased risk estimate (Stein, Annals of Statistics 9(6), 1981) tells the mean squared error of a restored photo
without its reference, up to a constant, where the noise is known: mean (x - f(x))^2 + 2 mean n (f(x + e n) - f(x)) / e,
the divergence being probed with a noise n drawn as the photo's own is (Ramani, Blu and Unser, IEEE TIP 17(9), 2008). It
is measured for shares of the straight way between the weights before and after, on parts of the photos that were not
learned from where there is room. The estimate is as good as the noise: `learned.twins`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.data.patches import DecodedPhoto
from engine.events import Emit, Pixels, StepDone
from engine.job_control import JobControl
from engine.refining.own_noise import WINDOW_PX, gate_places
from engine.simulation.learned.noise import LearnedNoise

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
MAX_PHOTOS = 16
PROBE_STEP = 0.1
"""By which part of the noise the photo is changed to see what the network makes of it."""

LEAST_GAIN_DB = 0.01
"""Below it the start is kept: what cannot be measured is no reason to change a model."""

ALLOWED_LOSS_DB = 0.02
"""What a group of photos with a noise of its own may lose, by the estimate, where the others gain."""

_LEAST_ERROR_SHARE = 0.02
_STAGE = "Measuring the gain"


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """How far a refinement was followed.

    Attributes:
        share: Part of the way that is kept, 0 to 1.
        shares: Those that were tried.
        gains_db: Estimated gain of each over the start, mean over the photos, dB.
        weights: The weights to keep.
    """

    share: float
    shares: tuple[float, ...]
    gains_db: tuple[float, ...]
    weights: dict[str, Tensor]

    @property
    def gain_db(self) -> float:
        """Of the share that is kept, by estimate."""
        return self.gains_db[self.shares.index(self.share)]

    @property
    def figures(self) -> dict[str, float]:
        """What a run's record keeps."""
        by_share = {
            f"gain_at_{round(100 * share)}": gain for share, gain in zip(self.shares, self.gains_db, strict=True)
        }
        return {"share_of_way": self.share, "estimated_gain": self.gain_db, **by_share}

    @property
    def sentence(self) -> str:
        """What was found and done, for the person who waits."""
        if self.share == 0:
            return "The model that it started from already fits these photos; it is kept as it was."
        fallen = 1 - 10 ** (-self.gain_db / 10)
        return (
            f"On your photos the error is {fallen:.0%} lower than before ({self.gain_db:+.2f} dB, estimated without "
            f"references); {self.share:.0%} of what was learned is kept."
        )


def choose_share(
    begun: Mapping[str, Tensor],
    ended: Mapping[str, Tensor],
    restore_with: Callable[[Mapping[str, Tensor]], Callable[[Pixels], Pixels]],
    photos: Sequence[DecodedPhoto],
    noise: LearnedNoise,
    *,
    seed: int,
    control: JobControl,
    emit: Emit,
) -> GateResult:
    """Find how far the way from one network's weights to another's is worth going on these photos.

    Args:
        begun: Weights before.
        ended: Weights after, by the same names.
        restore_with: Gives what restores with some weights.
        photos: Those of the noise, in its order.
        noise: What was learned of them.
        seed: Of the probes.
        control: Pause and cancel.
        emit: Receives progress.

    Raises:
        JobCancelled: Asked to end.
    """
    chosen = list(range(0, len(photos), -(-len(photos) // MAX_PHOTOS)))
    crops = [_measured_part(photos[index]) for index in chosen]
    num_steps = len(SHARES) * len(crops)
    emit(StepDone(stage=_STAGE, step=0, num_steps=num_steps))
    risks = np.empty((len(SHARES), len(crops)))
    probes: list[tuple[Pixels, float]] = []
    for row, share in enumerate(SHARES):
        restore = restore_with(between(begun, ended, share))
        for column, (index, crop) in enumerate(zip(chosen, crops, strict=True)):
            control.wait_if_paused()
            restored = restore(crop)
            if row == 0:
                drawn = noise.draw(np.asarray(restored), index, np.random.default_rng((seed, 3, index)))
                probes.append((drawn, float(np.mean(noise.deviation(np.asarray(restored), index) ** 2))))
            probe, _ = probes[column]
            answer = restore(np.asarray(crop + PROBE_STEP * probe)) - restored
            risks[row, column] = np.mean((crop - restored) ** 2) + 2 * np.mean(probe * answer) / PROBE_STEP
            emit(StepDone(stage=_STAGE, step=row * len(crops) + column + 1, num_steps=num_steps))
    gains = _gains_db(risks, np.array([level for _, level in probes]))
    groups = np.array([noise.photos[index].spectrum for index in chosen])
    share = _best_share(gains, groups)
    means = tuple(float(gain) for gain in gains.mean(axis=1))
    return GateResult(share=share, shares=SHARES, gains_db=means, weights=between(begun, ended, share))


def between(begun: Mapping[str, Tensor], ended: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Weights on the straight line between two networks (Wortsman et al., CVPR 2022)."""
    if share in {0.0, 1.0}:
        return dict(ended if share else begun)
    return {name: torch.lerp(begun[name].float(), ended[name].float(), share) for name in ended}


def _gains_db(risks: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """By how much each photo's error falls, dB. Shapes: (shares, photos) and (photos,), to (shares, photos)."""
    # The risk less the noise's own power is the error; estimated, it may come out near or below nothing.
    least = _LEAST_ERROR_SHARE * variances
    start = np.maximum(risks[0] - variances, least)
    gains: np.ndarray = -10 * np.log10(np.maximum(start + risks - risks[0], least / 4) / start)
    return gains


def _best_share(gains: np.ndarray, groups: np.ndarray) -> float:
    """The share with the highest mean gain at which no group of photos loses."""
    best, best_gain = 0.0, LEAST_GAIN_DB
    for share, row in zip(SHARES, gains, strict=True):
        of_groups = [row[groups == group].mean() for group in np.unique(groups)]
        if row.mean() > best_gain and min(of_groups) >= -ALLOWED_LOSS_DB:
            best, best_gain = share, float(row.mean())
    return best


def _measured_part(photo: DecodedPhoto) -> Pixels:
    top, left = gate_places(photo)
    part = photo.levels[:, top : top + WINDOW_PX, left : left + WINDOW_PX]
    return DecodedPhoto(photo.path, part).pixels
