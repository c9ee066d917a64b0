"""How far a refinement is followed: as far as the photos' own risk falls, and never to where it began to lose.

Stein's unbiased risk estimate (Stein, Annals of Statistics 9(6), 1981) tells the mean squared error of a restored photo
without its reference, up to a constant, where the noise is known: mean (x - f(x))^2 + 2 mean n (f(x + e n) - f(x)) / e,
the divergence being probed with a noise n drawn as the photo's own is (Ramani, Blu and Unser, IEEE TIP 17(9), 2008). It
is measured for shares of the straight way between the weights before and after, on parts of the photos that were not
learned from where there is room. The estimate is as good as the noise: `learned.twins`. Where there are labels, their
held-back parts tell the error itself. Where there is hardly any noise the start is kept: what fine texture could lose
is then more than what could be gained, and texture is what the estimate errs upon.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.contracts.events import Emit, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.learned_noise import HARDLY_ANY_NOISE, LearnedNoise, Refusal
from engine.contracts.noise import spread_evenly
from engine.contracts.photo import Pixels
from engine.photos.crops import DecodedPhoto
from engine.refining.label_parts import JudgedLabel
from engine.refining.own_noise import WINDOW_PX, gate_places
from engine.translatable import say

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
MAX_PHOTOS = 16
PROBE_STEP = 0.1
"""By which part of the noise the photo is changed to see what the network makes of it."""

LEAST_GAIN_DB = 0.01
"""Below it the start is kept: what cannot be measured is no reason to change a model."""

ALLOWED_LOSS_DB = 0.02
"""What a group of photos with a noise of its own may lose, by the estimate, where the others gain; and labels."""

_LEAST_ERROR = 1e-8
_LEAST_ERROR_SHARE = 0.02
_UNCERTAIN_SHARE = 0.05
"""Of the noise's power, by which its level is not known: added to every error, it keeps gains from being promised where
next to nothing seems to be left. The order of the shares stays."""

_LEAST_OF_USUAL = 1e-3
"""Of the photos' usual power of noise, by which an error is measured at least: of an empty photo, which has none, the
rounding of a network is many times its noise, and would outweigh all that is gained on the others."""

_LEAST_GROUP = 3
_SURE_DEVIATIONS = 2.0
_EVEN_LABELS = 3
"""So many labels count as much as all estimates together."""

_STAGE = "Measuring the gain"
_REFUSED = {
    Refusal.FORGETTING: (
        "What was learned would lower the error on your photos, but forget more of other noises than is allowed; the "
        "model that it started from is kept as it was."
    ),
    Refusal.OWN_NOISE: (
        "What was learned would help most of your photos, but harm those with a noise of their own; the model that it "
        "started from is kept as it was."
    ),
    Refusal.UNLABELLED: (
        "What was learned would help the held-back parts of your labels, but harm photos without a label; the model "
        "that it started from is kept as it was."
    ),
    Refusal.LABELS: (
        "What was learned would help photos without a label, but harm the held-back parts of your labels; the model "
        "that it started from is kept as it was."
    ),
}

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """How far a refinement was followed.

    Attributes:
        share: Part of the way that is kept, 0 to 1.
        shares: Those that were tried.
        gains_db: Gain of each over the start, dB: mean over the photos, estimated, and over the labels, measured.
        weights: The weights to keep.
        estimated_db: Of the share that is kept, mean over the photos without a label; None without such photos.
        labels_db: Likewise over the held-back parts of the labels.
        is_hardly_noisy: Whether the start is kept because there is hardly any noise.
        refusal: Why a share of a higher gain is not kept; None where none is higher.
    """

    share: float
    shares: tuple[float, ...]
    gains_db: tuple[float, ...]
    weights: dict[str, Tensor]
    estimated_db: float | None
    labels_db: float | None
    is_hardly_noisy: bool = False
    refusal: Refusal | None = None

    @property
    def gain_db(self) -> float:
        """Of the share that is kept."""
        return self.gains_db[self.shares.index(self.share)]

    @property
    def figures(self) -> dict[str, float]:
        """What a run's record keeps."""
        by_share = {
            f"gain_at_{round(100 * share)}": gain for share, gain in zip(self.shares, self.gains_db, strict=True)
        }
        parts = {"estimated_gain": self.estimated_db, "labels_gain": self.labels_db}
        found = {name: gain for name, gain in parts.items() if gain is not None}
        reasons = {HARDLY_ANY_NOISE: 1.0} if self.is_hardly_noisy else {}
        if self.refusal is not None:
            reasons[self.refusal.value] = 1.0
        return {"gain": self.gain_db, "share_of_way": self.share, **found, **reasons, **by_share}

    @property
    def sentence(self) -> str:
        """What was found and done, for the person who waits."""
        if self.is_hardly_noisy:
            return "There is hardly any noise in these photos; the model that it started from is kept as it was."
        if self.share == 0 and self.refusal is not None:
            return _REFUSED[self.refusal]
        if self.share == 0:
            return "The model that it started from already fits these photos; it is kept as it was."
        fallen = 1 - 10 ** (-self.gain_db / 10)
        if self.labels_db is None:
            return say(
                "On your photos the error is {fallen:.0%} lower than before ({gain_db:+.2f} dB, estimated "
                "without references); {share:.0%} of what was learned is kept.",
                fallen=fallen,
                gain_db=self.gain_db,
                share=self.share,
            )
        if self.estimated_db is None:
            return say(
                "On the held-back parts of your labels the error is {fallen:.0%} lower than before "
                "({labels_db:+.2f} dB); {share:.0%} of what was learned is kept.",
                fallen=fallen,
                labels_db=self.labels_db,
                share=self.share,
            )
        return say(
            "On your photos the error is {fallen:.0%} lower than before ({estimated_db:+.2f} dB "
            "estimated on photos without a label, {labels_db:+.2f} dB measured on the labels' held-back "
            "parts); {share:.0%} of what was learned is kept.",
            fallen=fallen,
            estimated_db=self.estimated_db,
            labels_db=self.labels_db,
            share=self.share,
        )


def choose_share(
    begun: Mapping[str, Tensor],
    ended: Mapping[str, Tensor],
    restore_with: Callable[[Mapping[str, Tensor]], Callable[[Pixels], Pixels]],
    photos: Sequence[DecodedPhoto],
    noise: LearnedNoise | None,
    *,
    seed: int,
    control: JobControl,
    emit: Emit,
    labelled: Collection[int] = (),
    judged: Sequence[JudgedLabel] = (),
    is_allowed: Callable[[Mapping[str, Tensor]], bool] = lambda weights: True,
    measure: Callable[[Pixels], Pixels] = lambda restored: restored,
) -> GateResult:
    """Find how far the way from one network's weights to another's is worth going on these photos.

    Args:
        begun: Weights before.
        ended: Weights after, by the same names.
        restore_with: Gives what restores with some weights.
        photos: Those of the noise, in its order.
        noise: What was learned of them; None: labels alone decide.
        seed: Of the probes.
        control: Pause and cancel.
        emit: Receives progress.
        labelled: Indices of photos with a label, whose own estimate is not needed.
        judged: Held-back parts of labels.
        measure: What would have been measured of a restored photo, without noise.
        is_allowed: Whether weights may be kept, whatever they gain here; asked of few.

    Raises:
        JobCancelled: Asked to end.
        ValueError: There is nothing to judge by.
    """
    unlabelled = [index for index in range(len(photos)) if index not in labelled] if noise is not None else []
    chosen = spread_evenly(unlabelled, MAX_PHOTOS)
    if not chosen and not judged:
        raise ValueError("there are neither photos nor labels to judge by")
    crops = [_measured_part(photos[index]) for index in chosen]
    num_columns = len(crops) + len(judged)
    emit(StepDone(stage=_STAGE, step=0, num_steps=len(SHARES) * num_columns))
    risks, errors = np.empty((len(SHARES), len(crops))), np.empty((len(SHARES), len(judged)))
    probes: list[tuple[Pixels, float]] = []
    for row, share in enumerate(SHARES):
        restore = restore_with(between(begun, ended, share))
        for column in range(num_columns):
            control.wait_if_paused()
            if column >= len(crops):
                label = judged[column - len(crops)]
                errors[row, column - len(crops)] = np.mean((restore(label.noisy) - label.clean) ** 2)
            else:
                assert noise is not None
                index, crop = chosen[column], crops[column]
                restored = measure(restore(crop))
                if row == 0:
                    probes.append(_probe_of(noise, index, np.asarray(restored), seed))
                probe, _ = probes[column]
                answer = measure(restore(np.asarray(crop + PROBE_STEP * probe))) - restored
                risks[row, column] = np.mean((crop - restored) ** 2) + 2 * np.mean(probe * answer) / PROBE_STEP
            emit(StepDone(stage=_STAGE, step=row * num_columns + column + 1, num_steps=len(SHARES) * num_columns))
    variances = _comparable(np.array([level for _, level in probes]))
    spectra = np.array([noise.photos[index].spectrum for index in chosen] if noise is not None else [], int)
    estimated = _estimated_gains(risks, variances) if crops else None
    measured = -10 * np.log10((errors + _LEAST_ERROR) / (errors[0] + _LEAST_ERROR)).mean(axis=1) if judged else None
    gains = _together(estimated, measured, len(judged))
    losers = {
        Refusal.OWN_NOISE: _loses_somewhere(risks, variances, spectra),
        Refusal.UNLABELLED: estimated < -ALLOWED_LOSS_DB if estimated is not None else None,
        Refusal.LABELS: measured < -ALLOWED_LOSS_DB if measured is not None else None,
    }
    is_worth = gains > LEAST_GAIN_DB
    for loses in losers.values():
        if loses is not None:
            is_worth &= ~loses
    worth = sorted(np.flatnonzero(is_worth), key=lambda row: float(-gains[row]))
    is_hardly_noisy = noise is not None and not judged and noise.is_hardly_any
    if is_hardly_noisy:
        worth = []
    row = next((int(row) for row in worth if is_allowed(between(begun, ended, SHARES[row]))), 0)
    refusal = Refusal.FORGETTING if worth and row != worth[0] else None
    # What photos or labels alone would gain counts too: it is for the others' sake that it is not kept.
    hopes = np.max([of_some for of_some in (gains, estimated, measured) if of_some is not None], axis=0)
    best = int(hopes.argmax())
    if refusal is None and hopes[best] - hopes[row] > LEAST_GAIN_DB and not is_hardly_noisy:
        refusal = next((why for why, loses in losers.items() if loses is not None and loses[best]), None)
    return GateResult(
        share=SHARES[row],
        shares=SHARES,
        gains_db=tuple(float(gain) for gain in gains),
        weights=between(begun, ended, SHARES[row]),
        estimated_db=float(estimated[row]) if estimated is not None else None,
        labels_db=float(measured[row]) if measured is not None else None,
        is_hardly_noisy=is_hardly_noisy,
        refusal=refusal,
    )


def between(begun: Mapping[str, Tensor], ended: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Weights on the straight line between two networks (Wortsman et al., CVPR 2022)."""
    if share in {0.0, 1.0}:
        return dict(ended if share else begun)
    return {name: torch.lerp(begun[name].float(), ended[name].float(), share) for name in ended}


def _probe_of(noise: LearnedNoise, photo: int, restored: Pixels, seed: int) -> tuple[Pixels, float]:
    """Noise as the photo has it, and its power."""
    generator = np.random.default_rng((seed, 3, photo))
    if noise.photos[photo].jpeg is None:
        return noise.draw(restored, photo, generator), noise.power(restored, photo)
    # What was learned is the noise before compression, which takes much of it away.
    compressed = noise.add(restored, photo, generator) - restored
    return compressed, float(np.mean(compressed**2))


def _comparable(variances: Values) -> Values:
    """Powers of the photos' noises by which their errors can be compared. Shape: (photos,)."""
    return np.maximum(variances, _LEAST_OF_USUAL * np.median(variances)) if len(variances) else variances


def _estimated_gains(risks: Values, variances: Values) -> Values:
    """By how much the photos' error falls for each share, dB. Shapes: (shares, photos) and (photos,), to (shares,).

    The risk less the noise's own power is the error. Estimated it may come out near nothing, or below, for single
    photos: so errors, as parts of each photo's noise, are averaged before they are compared, and none falls below 0.
    """
    fallen = risks[0] - risks.min(axis=0)
    start = np.max([risks[0] - variances, fallen, _LEAST_ERROR_SHARE * variances], axis=0)
    errors = ((start + risks - risks[0]) / variances).mean(axis=1) + _UNCERTAIN_SHARE
    gains: Values = -10 * np.log10(errors / errors[0])
    return gains


def _together(estimated: Values | None, measured: Values | None, num_labels: int) -> Values:
    """The gains that decide: what is measured on labels counts the more, the more labels there are."""
    if estimated is None or measured is None:
        only = measured if estimated is None else estimated
        assert only is not None
        return only
    trust = num_labels / (num_labels + _EVEN_LABELS)
    return (1 - trust) * estimated + trust * measured


def _loses_somewhere(risks: Values, variances: Values, spectra: NDArray[np.int64]) -> NDArray[np.bool_]:
    """For which shares photos with a noise of their own lose while others gain. Shape: (shares,).

    Single photos' estimates err, so it takes several that lose alike; rare noises are taken together.
    """
    members = [np.flatnonzero(spectra == spectrum) for spectrum in np.unique(spectra)]
    groups = [group for group in members if len(group) >= _LEAST_GROUP]
    rare = np.concatenate([np.empty(0, np.int64), *(group for group in members if len(group) < _LEAST_GROUP)])
    loses = np.zeros(len(risks), bool)
    for group in [*groups, *([rare] if len(rare) >= _LEAST_GROUP else [])]:
        changes = (risks[:, group] - risks[0, group]) / variances[group]
        error = changes.std(axis=1, ddof=1) / np.sqrt(len(group))
        is_sure = changes.mean(axis=1) > _SURE_DEVIATIONS * error
        loses |= is_sure & (_estimated_gains(risks[:, group], variances[group]) < -ALLOWED_LOSS_DB)
    return loses


def _measured_part(photo: DecodedPhoto) -> Pixels:
    top, left = gate_places(photo)
    return photo.part(slice(top, top + WINDOW_PX), slice(left, left + WINDOW_PX)).pixels
