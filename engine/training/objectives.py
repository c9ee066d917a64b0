"""What a training is about: its batches and its loss. Batches are a function of seed and step alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from engine.contracts.configs import TrainingConfig
from engine.machine.seeds import step_seed
from engine.method.pretext.pretext_task import LossParts, PretextTask, Restore
from engine.method.tasks.restoration_task import RestorationTask
from engine.photos.crops import DecodedPair, DecodedPhoto, choose_distinct, crops_of_photos, random_aligned_crops


class Objective(Protocol):
    """What the trainer minimises."""

    def batch(self, step: int) -> tuple[Tensor, ...]:
        """The batch of a step, on the CPU: a function of the step alone. Called from another thread, ahead of time."""

    def loss(self, restore: Restore, batch: tuple[Tensor, ...], generator: torch.Generator) -> LossParts:
        """The loss over one batch on the device."""

    def state_tensors(self) -> dict[str, Tensor]:
        """What it remembers of earlier steps, for the checkpoint."""

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `state_tensors` gave.

        Raises:
            ValueError: The tensors are those of another objective.
        """


@dataclass(frozen=True)
class PretextObjective:
    """Learning from noisy photos alone.

    Attributes:
        photos: The noisy photos.
        pretext: The task they are given.
        photos_per_batch: Photos that a step sees, if there are as many.
        crop_px: Side of the square that the network sees.
        seed: Of the choice of crops.
    """

    photos: Sequence[DecodedPhoto]
    pretext: PretextTask
    photos_per_batch: int
    crop_px: int
    seed: int

    @property
    def num_crops(self) -> int:
        """Crops of one batch."""
        return self.pretext.crops_per_photo * min(self.photos_per_batch, len(self.photos))

    def batch(self, step: int) -> tuple[Tensor, ...]:
        """Crops and the index of each one's photo. Shapes: (crops, 3, side, side), 0 to 1, and (crops,)."""
        generator = np.random.default_rng(step_seed(self.seed, step, stream=1))
        chosen = choose_distinct(len(self.photos), min(self.photos_per_batch, len(self.photos)), generator)
        indices = np.tile(chosen, self.pretext.crops_per_photo)
        crops = crops_of_photos(self.photos, indices, self.pretext.source_crop_px(self.crop_px), generator)
        return (torch.from_numpy(crops), torch.from_numpy(indices))

    def loss(self, restore: Restore, batch: tuple[Tensor, ...], generator: torch.Generator) -> LossParts:
        """The pretext task's own loss."""
        crops, photos = batch
        return self.pretext.loss(restore, crops, photos, generator)

    def state_tensors(self) -> dict[str, Tensor]:
        """What the pretext task remembers."""
        return self.pretext.state_tensors()

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Let the pretext task go on from it.

        Raises:
            ValueError: The tensors are those of another task.
        """
        self.pretext.load_state_tensors(tensors)


@dataclass(frozen=True)
class SupervisedObjective:
    """Learning from pairs, while the unlabelled photos go on teaching.

    Few labels show few cameras, exposures and noise levels. The self-supervised term on the whole folder keeps what
    pretraining learned of the others.

    Attributes:
        pairs: The labels.
        task: What is learned.
        config: Batch and crop sizes, seed.
        unlabelled: The self-supervised side; None for labels alone.
        unlabelled_weight: Weight of its residual's root mean square, which is on the scale of the labels' error; or of
            its own error, where it is supervised by made pairs.
    """

    pairs: Sequence[DecodedPair]
    task: RestorationTask
    config: TrainingConfig
    unlabelled: Objective | None = None
    unlabelled_weight: float = 0.0

    def batch(self, step: int) -> tuple[Tensor, ...]:
        """Noisy crops, clean crops, and the unlabelled crops where there are any. Shapes: (batch, 3, side, side)."""
        generator = np.random.default_rng(step_seed(self.config.seed, step, stream=2))
        count, side, scale = self.config.photos_per_batch, self.config.crop_px, self.task.scale
        noisy = np.empty((count, 3, side, side), np.float32)
        clean = np.empty((count, 3, scale * side, scale * side), np.float32)
        for position, index in enumerate(choose_distinct(len(self.pairs), count, generator)):
            pair = self.pairs[index]
            noisy[position], clean[position] = random_aligned_crops(
                (pair.noisy, pair.clean), side, generator, scale=scale
            )
        unlabelled = self.unlabelled.batch(step) if self.unlabelled else ()
        return (torch.from_numpy(noisy), torch.from_numpy(clean), *unlabelled)

    def loss(self, restore: Restore, batch: tuple[Tensor, ...], generator: torch.Generator) -> LossParts:
        """The task's loss on the labels plus the weighted self-supervised loss."""
        noisy, clean, *unlabelled = batch
        supervised = self.task.supervised_loss(restore(self.task.observe(noisy, generator)), clean)
        if not self.unlabelled:
            return supervised
        own = self.unlabelled.loss(self.task.measured(restore), tuple(unlabelled), generator)
        if "consistency" not in own.parts:
            parts = {f"unlabelled_{name}": value for name, value in own.parts.items()}
            return LossParts(
                total=supervised.total + self.unlabelled_weight * own.total, parts={**supervised.parts, **parts}
            )
        # The gradient of a root mean square instead of a mean square: the balance then holds at any noise level.
        scale = self.unlabelled_weight / own.parts["consistency"].clamp_min(1e-10).sqrt()
        return LossParts(
            total=supervised.total + 0.5 * scale * own.total,
            parts={**supervised.parts, **own.parts},
        )

    def state_tensors(self) -> dict[str, Tensor]:
        """What the self-supervised side remembers."""
        return self.unlabelled.state_tensors() if self.unlabelled else {}

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Let the self-supervised side go on from it.

        Raises:
            ValueError: The tensors are those of another side, or there is none.
        """
        if self.unlabelled:
            self.unlabelled.load_state_tensors(tensors)
        elif tensors:
            raise ValueError("a checkpoint remembers unlabelled photos, but this training has none")
