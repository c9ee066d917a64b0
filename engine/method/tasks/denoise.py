"""Denoising: the operator A is the identity, and the backbone's own output is the restored photo."""

from torch import Tensor

from engine.contracts.configs import JobConfig
from engine.method.backbones.backbone import Backbone, RestorationNetwork
from engine.method.tasks.restoration_task import RestorationTask


class DenoiseParams(JobConfig):
    """Denoising has no settings."""


class Denoise(RestorationTask):
    """Remove noise and keep the size."""

    def __init__(self, params: DenoiseParams) -> None:
        self.params = params

    def measure(self, clean: Tensor) -> Tensor:
        """The identity."""
        return clean

    def add_head(self, backbone: Backbone) -> RestorationNetwork:
        """The backbone itself."""
        return backbone
