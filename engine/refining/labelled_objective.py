"""Learning from pairs and twins together: real noise on few pictures, and learned noise on many."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.contracts.photo import Pixels
from engine.machine.seeds import step_seed
from engine.method.pretext.pretext_task import LossParts, Restore
from engine.photos.crops import DecodedPair, choose_distinct, random_aligned_crops
from engine.refining.twin_objective import TwinObjective


@dataclass(frozen=True)
class LabelledTwinObjective:
    """Supervised learning on twins of all photos and on pairs of a few, in one batch.

    Attributes:
        twins: The other part of the batch; of its size.
        pairs: Labels, or the parts of them that teach.
        pair_share: Part of the crops that pairs give, 0 to 1, on average.
    """

    twins: TwinObjective
    pairs: Sequence[DecodedPair]
    pair_share: float

    @property
    def num_crops(self) -> int:
        """Crops that a contrastive term compares: none."""
        return self.twins.num_crops

    def batch(self, step: int) -> tuple[Tensor, ...]:
        """Noisy crops, what they are measured against, and the deviation of its noise, as of `TwinObjective`."""
        noisy, target, deviations = self.twins.batch(step)
        generator = np.random.default_rng(step_seed(self.twins.seed, step, stream=2))
        places = np.flatnonzero(generator.random(len(noisy)) < self.pair_share)
        for place, index in zip(places, choose_distinct(len(self.pairs), len(places), generator), strict=True):
            pair = self.pairs[index]
            crops = random_aligned_crops((pair.noisy, pair.clean), self.twins.crop_px, generator)
            noisy[place], target[place] = (torch.from_numpy(np.ascontiguousarray(crop)) for crop in crops)
            deviations[place] = 0
        return noisy, target, deviations

    def loss(self, restore: Restore, batch: tuple[Tensor, ...], generator: torch.Generator) -> LossParts:
        """That of twins; labels are clean targets."""
        return self.twins.loss(restore, batch, generator)

    def state_tensors(self) -> dict[str, Tensor]:
        """What the twins remember."""
        return self.twins.state_tensors()

    def renew(self, step: int, restore: Callable[[Pixels], Pixels]) -> None:
        """Make the photos' clean parts anew, as `TwinObjective.renew`."""
        self.twins.renew(step, restore)

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Let the twins go on from it.

        Raises:
            ValueError: It is another objective's.
        """
        self.twins.load_state_tensors(tensors)
