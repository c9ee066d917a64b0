"""What every restoration task offers: its measurement operator A and its loss."""

from abc import ABC, abstractmethod

from torch import Tensor

from engine.backbones.backbone import Backbone
from engine.pretext.pretext_task import LossParts


class RestorationTask(ABC):
    """A task with the measurement operator A: the noisy photo is x = A y + n.

    Attributes:
        scale: How many output pixels an input pixel becomes to a side.
    """

    scale: int

    @abstractmethod
    def measure(self, clean: Tensor) -> Tensor:
        """A y: what a perfect camera of this task would have recorded. Shape: (batch, 3, height, width)."""

    @abstractmethod
    def add_head(self, backbone: Backbone) -> Backbone:
        """The network of this task on a backbone."""

    @abstractmethod
    def supervised_loss(self, restored: Tensor, clean: Tensor) -> LossParts:
        """How far restored crops are from their clean references. Shapes: (batch, 3, height, width)."""
