"""What every pretext task offers to the trainer: which crops it needs, and a loss over them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

Restore = Callable[[Tensor], Tensor]
"""A network at the device's precision. Shape: (batch, 3, height, width), kept, unless its task says otherwise."""


@dataclass(frozen=True)
class LossParts:
    """A loss and what it consists of.

    Attributes:
        total: What is minimised; a scalar whose gradient counts, its value need not mean anything.
        parts: Scalars to show, by name, without gradient.
    """

    total: Tensor
    parts: Mapping[str, Tensor]


class PretextTask(ABC):
    """A way to learn from noisy photos alone.

    Attributes:
        crops_per_photo: Crops that each step takes of each photo.
    """

    crops_per_photo: int

    def source_crop_px(self, crop_px: int) -> int:
        """Side of the crop of the photo from which the network sees a square of `crop_px`; that side unless told."""
        return crop_px

    @abstractmethod
    def loss(self, restore: Restore, crops: Tensor, photos: Tensor, generator: torch.Generator) -> LossParts:
        """The loss over one batch; its parts hold at least `consistency`, the residual's mean square.

        The total's gradient is on the scale of that mean square's, so that methods can be exchanged beside labels.

        Args:
            restore: The network.
            crops: All photos' first crops, then all photos' second crops, and so on; 0 to 1.
                Shape: (crops_per_photo * photos, 3, source_crop_px, source_crop_px).
            photos: A number for the photo that each crop is of, the same at all steps. Shape: (crops,), int64.
            generator: The only source of randomness, on the CPU.
        """

    def residual(self, restore: Restore, crops: Tensor, generator: torch.Generator) -> Tensor:
        """The residual of each crop as this task sees it, what it takes for noise: x - f(x) unless told.

        Shape: (batch, 3, height, width); may be smaller than the crops.
        """
        return crops - restore(crops)

    def state_tensors(self) -> dict[str, Tensor]:
        """What this task remembers of earlier steps, for the checkpoint; nothing unless it says so."""
        return {}

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `state_tensors` gave.

        Raises:
            ValueError: The tensors are those of another task or of other settings.
        """
        if tensors:
            raise ValueError(f"this method remembers nothing, but a checkpoint holds {', '.join(sorted(tensors))}")
