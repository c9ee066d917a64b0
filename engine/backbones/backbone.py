"""What every backbone offers to the trainer and to the restorer."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Backbone(nn.Module, ABC):
    """A network that restores photos of any height and width.

    Attributes:
        alignment_px: Tiles that start at multiples of it see the same sampling grid as the whole photo.
        context_px: How far to a side a pixel's result depends on its surroundings, at most.
    """

    alignment_px: int
    context_px: int

    @abstractmethod
    def forward(self, noisy: Tensor) -> Tensor:
        """Restore photos.

        Args:
            noisy: 0 to 1. Shape: (batch, 3, height, width).

        Returns:
            The restored photos, not clipped. Same shape.
        """
