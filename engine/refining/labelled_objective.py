"""Learning from pairs and twins together: real noise on few pictures, and learned noise on many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

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
        """Noisy crops and clean ones. Shape of both: (crops_per_batch, 3, crop_px, crop_px), 0 to 1."""
        noisy, clean = self.twins.batch(step)
        generator = np.random.default_rng(step_seed(self.twins.seed, step, stream=2))
        places = np.flatnonzero(generator.random(len(noisy)) < self.pair_share)
        for place, index in zip(places, choose_distinct(len(self.pairs), len(places), generator), strict=True):
            pair = self.pairs[index]
            crops = random_aligned_crops((pair.noisy, pair.clean), self.twins.crop_px, generator)
            noisy[place], clean[place] = (torch.from_numpy(np.ascontiguousarray(crop)) for crop in crops)
        return noisy, clean

    def loss(self, restore: Restore, batch: tuple[Tensor, ...], generator: torch.Generator) -> LossParts:
        """Mean absolute error."""
        return self.twins.loss(restore, batch, generator)

    def state_tensors(self) -> dict[str, Tensor]:
        """Nothing: a batch is a function of its step."""
        return {}

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Refuse what another objective remembered.

        Raises:
            ValueError: There is something.
        """
        self.twins.load_state_tensors(tensors)
