"""Denoising: the operator A is the identity, and the backbone's own output is the restored photo."""

from torch import Tensor

from engine.method.backbones.backbone import Backbone, RestorationNetwork
from engine.method.catalogue.rows import NoParams
from engine.method.tasks.restoration_task import RestorationTask


class Denoise(RestorationTask):
    """Remove noise and keep the size."""

    def __init__(self, params: NoParams) -> None:
        self.params = params

    def measure(self, clean: Tensor) -> Tensor:
        """The identity."""
        return clean

    def add_head(self, backbone: Backbone) -> RestorationNetwork:
        """The backbone itself."""
        return backbone
