"""What every restoration task offers: its measurement operator A, its network, its loss and its pair maker."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from engine.contracts.photo import Pixels
from engine.method.backbones.backbone import Backbone, RestorationNetwork
from engine.method.pretext.pretext_task import LossParts, Restore


class RestorationTask(ABC):
    """A task with the measurement operator A: what was recorded is x = A y + n.

    Attributes:
        scale: How many output pixels an input pixel becomes to a side.
    """

    scale: int = 1

    @abstractmethod
    def measure(self, clean: Tensor) -> Tensor:
        """A y: what a perfect camera of this task would have recorded.

        Args:
            clean: 0 to 1. Shape: (batch, 3, scale * height, scale * width).

        Returns:
            Shape: (batch, 3 or, for a mosaic, 1, height, width).
        """

    @abstractmethod
    def add_head(self, backbone: Backbone) -> RestorationNetwork:
        """The network of this task on a backbone."""

    def supervised_loss(self, restored: Tensor, clean: Tensor) -> LossParts:
        """How far restored crops are from their clean references: the mean absolute error.

        It is less drawn to the noisiest photos, and sharper, than the mean square (Zhao et al., 2017).

        Args:
            restored: Shape: (batch, 3, height, width).
            clean: Same shape, 0 to 1.
        """
        error = (restored.float() - clean).abs().mean()
        return LossParts(total=error, parts={"supervised": error.detach()})

    def make_noisy(self, clean: Pixels) -> Pixels:
        """The noisy side of a label that is a clean photo alone, as it would lie in a file; noise comes in `observe`.

        Args:
            clean: 0 to 1. Shape: (scale * height, scale * width, channels).

        Returns:
            Shape: (height, width, channels), read-only.
        """
        return clean

    def observe(self, noisy: Tensor, generator: torch.Generator) -> Tensor:
        """What the network is given for crops of the noisy side of labels.

        Args:
            noisy: 0 to 1. Shape: (batch, 3, height, width).
            generator: The only source of randomness, on the CPU.

        Returns:
            Shape: (batch, the network's input channels, height, width).
        """
        return noisy

    def sample(self, noisy: Tensor) -> Tensor:
        """What the network is given of photos that are noisy already, at the measurement's resolution.

        Args:
            noisy: 0 to 1. Shape: (batch, 3, height, width).

        Returns:
            Shape: (batch, the network's input channels, height, width).
        """
        return noisy

    def measured(self, restore: Restore) -> Restore:
        """The network as a map of photos at the measurement's resolution, x to A f(x), for self-supervised terms.

        Args:
            restore: The task's network.

        Returns:
            Shapes: (batch, 3, height, width), kept.
        """
        return lambda noisy: self.measure(restore(noisy))
