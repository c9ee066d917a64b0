"""What a fine-tuned starter has forgotten of other noises, and how it is made to remember.

A network that is refined on a few photos of one camera gets better there and worse elsewhere. The straight line
between the weights before and after keeps most of both (Wortsman et al., "Robust fine-tuning of zero-shot models",
CVPR 2022), so the way is gone back as far as a fixed set of simulated noises asks for, and no further.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.comparing.metrics import psnr
from engine.contracts.job_control import JobControl
from engine.contracts.photo import Pixels
from engine.machine.devices import ComputeDevice
from engine.method.catalogue.tasks import TASKS
from engine.models.files import ModelCard, RestorationModel, task_of
from engine.restoring.restorer import Restorer
from engine.simulation.pairs import simulate_pair
from engine.translatable import say

PROBE_PX = 192
PROBE_SEED = 20261
NUM_NOISES = 3
"""Simulated noises of each probe picture."""

INVISIBLE_PSNR = 50.0
"""Differences beyond it, dB, are not seen, and shall not count: one probe may happen to have almost no noise."""

SHARES = (1.0, 0.85, 0.7, 0.55, 0.4, 0.3, 0.2, 0.15, 0.1, 0.05, 0.0)
"""Parts of the way from the starter that are tried, in this order; the last is the starter itself."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One picture with a noise that is not the person's own.

    Attributes:
        noisy: What the network is given. Shape: (height, width, 3), 0 to 1.
        clean: What it should make of it; the task's scale times as large.
    """

    noisy: Pixels
    clean: Pixels


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """How far a refined model was taken back towards its starter.

    Attributes:
        weights: The weights to keep, by name.
        share: Part of the way from the starter to the refined weights that is kept, 0 to 1.
        starter_psnr: Mean PSNR of the starter on the probes, dB.
        refined_psnr: Of the refined model as trained.
        kept_psnr: Of the weights kept.
    """

    weights: dict[str, Tensor]
    share: float
    starter_psnr: float
    refined_psnr: float
    kept_psnr: float

    @property
    def figures(self) -> dict[str, float]:
        """What a run's record keeps."""
        return {
            "other_noise_psnr_starter": self.starter_psnr,
            "other_noise_psnr_trained": self.refined_psnr,
            "other_noise_psnr": self.kept_psnr,
            "share_of_way": self.share,
        }

    @property
    def sentence(self) -> str:
        """What was found and done, for the log."""
        change = say(
            "On other noises it changed by {refined_psnr:+.2f} dB", refined_psnr=self.refined_psnr - self.starter_psnr
        )
        if self.share == 1:
            return say("{change}: within what may be forgotten.", change=change)
        kept = self.kept_psnr - self.starter_psnr
        return say(
            "{change}; with {share:.0%} of the way from the starter it is {kept:+.2f} dB, and that is kept.",
            change=change,
            share=self.share,
            kept=kept,
        )


def simulated_probes(card: ModelCard) -> list[Probe]:
    """Pictures that scikit-image brings along, each with several simulated noises; always the same.

    Args:
        card: Names the task; for one that makes its own noisy side, the pictures are measured without noise.
    """
    task = task_of(card)
    probes: list[Probe] = []
    for index, clean in enumerate(_probe_pictures()):
        if TASKS[card.task].makes_own_pairs:
            probes.append(Probe(noisy=task.make_noisy(clean), clean=clean))
            continue
        for noise in range(NUM_NOISES):
            noisy, target = simulate_pair(clean, np.random.default_rng((PROBE_SEED, index, noise)))
            probes.append(Probe(noisy=noisy, clean=target))
    return probes


class OtherNoises:
    """Measures models of one task on noises that are not the person's own."""

    def __init__(self, card: ModelCard, device: ComputeDevice, control: JobControl) -> None:
        """Make the probes.

        Args:
            card: Of any of the models.
            device: Where to compute.
            control: Pause and cancel.
        """
        self._probes = simulated_probes(card)
        self._device = device
        self._control = control

    def psnr(self, model: RestorationModel) -> float:
        """Mean PSNR of a model, dB.

        Raises:
            JobCancelled: Asked to end.
        """
        restorer = Restorer(model, self._device)
        figures = [psnr(restorer.restore(probe.noisy, control=self._control), probe.clean) for probe in self._probes]
        return float(np.mean(np.minimum(figures, INVISIBLE_PSNR)))


def remember_starter(
    starter: RestorationModel,
    refined: RestorationModel,
    *,
    limit_db: float,
    device: ComputeDevice,
    control: JobControl,
) -> Remembered:
    """Find the largest part of the way from the starter at which no more than a limit is forgotten.

    Args:
        starter: Where the refinement began; the same network.
        refined: Where it ended.
        limit_db: How far the mean PSNR on the probes may fall below the starter's.
        device: Where to compute.
        control: Pause and cancel.

    Raises:
        JobCancelled: Asked to end.
    """
    measure = OtherNoises(refined.card, device, control).psnr
    # Copies, since loading weights into a network changes what its state shows.
    begun, ended = (
        {name: tensor.clone() for name, tensor in model.network.state_dict().items()} for model in (starter, refined)
    )
    starter_psnr, refined_psnr = measure(starter), measure(refined)
    share, weights, kept_psnr = _first_within(
        lambda share: _between(begun, ended, share),
        lambda weights: _measured_with(refined, weights, measure),
        lowest=starter_psnr - limit_db,
        as_trained=refined_psnr,
        shares=SHARES,
    )
    refined.network.load_state_dict(weights)
    return Remembered(
        weights=weights, share=share, starter_psnr=starter_psnr, refined_psnr=refined_psnr, kept_psnr=kept_psnr
    )


def _first_within(
    at_share: Callable[[float], dict[str, Tensor]],
    measure: Callable[[dict[str, Tensor]], float],
    *,
    lowest: float,
    as_trained: float,
    shares: Sequence[float],
) -> tuple[float, dict[str, Tensor], float]:
    """The first share whose measure does not fall below `lowest`; the last one where none is."""
    for share in shares:
        weights = at_share(share)
        value = as_trained if share == 1 else measure(weights)
        if value >= lowest:
            break
    return share, weights, value


def _measured_with(
    model: RestorationModel, weights: Mapping[str, Tensor], measure: Callable[[RestorationModel], float]
) -> float:
    model.network.load_state_dict(weights)
    return measure(model)


def _between(begun: Mapping[str, Tensor], ended: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Weights on the straight line between two networks."""
    if share == 1:
        return dict(ended)
    return {name: torch.lerp(begun[name], ended[name], share) for name in ended}


def _probe_pictures() -> list[Pixels]:
    """The central squares of some of scikit-image's photographs."""
    from skimage import data

    pictures: list[Pixels] = []
    for name in ("astronaut", "coffee", "chelsea", "rocket"):
        picture = getattr(data, name)()
        top, left = ((side - PROBE_PX) // 2 for side in picture.shape[:2])
        square = np.divide(picture[top : top + PROBE_PX, left : left + PROBE_PX, :3], 255, dtype=np.float32)
        square.setflags(write=False)
        pictures.append(square)
    return pictures
