"""What can be chosen by name. One file plus one row here adds a pretext task, a restoration task or a backbone.

Plain dicts, not import side effects: readers, type checkers and PyInstaller can follow them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from engine.contracts.configs import OWN_NOISE, JobConfig
from engine.contracts.errors import InvalidInputError
from engine.method.backbones.backbone import Backbone
from engine.method.backbones.dncnn import DnCNN, DnCNNParams
from engine.method.backbones.nafnet import NAFNet, NAFNetParams
from engine.method.backbones.residual_unet import ResidualUNet, ResidualUNetParams
from engine.method.backbones.unet import UNet, UNetParams
from engine.method.pretext.neighbor2neighbor import Neighbor2Neighbor, Neighbor2NeighborParams
from engine.method.pretext.noise2void import Noise2Void, Noise2VoidParams
from engine.method.pretext.own_noise import OwnNoise, OwnNoiseParams
from engine.method.pretext.pretext_task import PretextTask
from engine.method.pretext.residual_contrastive import (
    FidelityParams,
    FidelityResidualContrastive,
    ResidualContrastive,
    ResidualContrastiveParams,
)
from engine.method.tasks.demosaick import Demosaick, DemosaickParams
from engine.method.tasks.denoise import Denoise, DenoiseParams
from engine.method.tasks.restoration_task import RestorationTask
from engine.method.tasks.super_resolution import SuperResolution, SuperResolutionParams

Product = TypeVar("Product")


@dataclass(frozen=True)
class Entry(Generic[Product]):
    """One choice.

    Attributes:
        title: What a person reads.
        description: What it does, one sentence.
        params_model: Its settings.
        factory: Makes it from its settings.
    """

    title: str
    description: str
    params_model: type[JobConfig]
    factory: Callable[[Any], Product]

    def make(self, params: dict[str, Any]) -> Product:
        """Make it from plain values.

        Raises:
            InvalidInputError: A setting does not exist or is out of bounds.
        """
        return self.factory(self.validate(params))

    def validate(self, params: dict[str, Any]) -> JobConfig:
        """Check plain values against the settings model.

        Raises:
            InvalidInputError: A setting does not exist or is out of bounds.
        """
        try:
            return self.params_model.model_validate(params)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise InvalidInputError(
                f"A setting of {self.title} is not valid: {field}: {first['msg']}.",
                f"Its settings are: {', '.join(self.params_model.model_fields)}.",
            ) from error


PRETEXTS: dict[str, Entry[PretextTask]] = {
    OWN_NOISE: Entry(
        "The photos' own noise",
        "Learns what the photos' noise is like and refines a model on it, as far as that pays. One photo is enough.",
        OwnNoiseParams,
        OwnNoise,
    ),
    "rcl": Entry(
        "Residual contrastive learning",
        "Tells the noises of photos apart, through residuals that cannot see their own noise.",
        ResidualContrastiveParams,
        ResidualContrastive,
    ),
    "rcl-plain": Entry(
        "Residual contrastive learning, plain",
        "The paper's plain form with a fidelity term. For comparison: it removes little noise.",
        FidelityParams,
        FidelityResidualContrastive,
    ),
    "neighbor2neighbor": Entry(
        "Neighbor2Neighbor",
        "One half of neighbouring pixels has to foretell the other. Learns from a single photo too.",
        Neighbor2NeighborParams,
        Neighbor2Neighbor,
    ),
    "noise2void": Entry(
        "Noise2Void",
        "Hidden pixels have to be foretold from their surroundings. Learns from a single photo too.",
        Noise2VoidParams,
        Noise2Void,
    ),
}

TASKS: dict[str, Entry[RestorationTask]] = {
    "denoise": Entry("Denoise", "Remove noise and keep the size.", DenoiseParams, Denoise),
    "demosaick": Entry(
        "Demosaick and denoise",
        "Give raw photos all their colours and remove their noise at once.",
        DemosaickParams,
        Demosaick,
    ),
    **{
        f"sr{factor}": Entry(
            f"Super-resolution x{factor}",
            f"Make photos {factor} times finer to a side and remove their noise.",
            SuperResolutionParams,
            partial(SuperResolution, factor),
        )
        for factor in (2, 3, 4)
    },
}

BACKBONES: dict[str, Entry[Backbone]] = {
    "unet": Entry("U-Net", "Small and quick; works at several resolutions.", UNetParams, UNet),
    "nafnet": Entry("NAFNet", "Gated blocks without activations at several resolutions.", NAFNetParams, NAFNet),
    "residual_unet": Entry(
        "Residual U-Net",
        "Wide plain convolutions at several resolutions; quick to restore.",
        ResidualUNetParams,
        ResidualUNet,
    ),
    "dncnn": Entry("DnCNN", "A plain stack of convolutions at one resolution.", DnCNNParams, DnCNN),
}


def find_entry(entries: dict[str, Entry[Product]], name: str, kind: str) -> Entry[Product]:
    """The entry of a name.

    Raises:
        InvalidInputError: There is none.
    """
    if name not in entries:
        raise InvalidInputError(f"There is no {kind} called '{name}'.", f"Choose one of: {', '.join(entries)}.")
    return entries[name]
