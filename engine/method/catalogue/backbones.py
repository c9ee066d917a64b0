"""The networks that can be chosen, and their settings.

`engine.method.backbones.backbone` says what a network offers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, JsonValue, model_validator

from engine.contracts.configs import JobConfig
from engine.method.catalogue.rows import Row, Table
from engine.translatable import say, say_joined

SizeName = Literal["small", "medium", "large"]

BY_SIZE: Final[dict[str, JsonValue]] = {"zero": "By the size"}
"""Marks a number that the size gives where it is 0."""
CELL_FIELD: Final = Field(
    ge=0,
    le=2,
    title="Cell",
    description="Side of the pixel cells it works on; 2: quicker, wider view; 0: by the size.",
    json_schema_extra=BY_SIZE,
)
"""The field `shuffle`, which all backbones have."""


@dataclass(frozen=True)
class NamedSize:
    """What a size stands for.

    Attributes:
        settings: The numbers of the params model, by field.
        num_parameters: Weights of the network, in thousands.
        kflop_per_pixel: Multiplications and additions for one pixel of a photo, in thousands.
    """

    settings: Mapping[str, int]
    num_parameters: int
    kflop_per_pixel: int


class SizedParams(JobConfig):
    """Settings of a backbone with named sizes; a number left at 0 is that of the size.

    Once validated, all numbers are filled in, so that a model's card does not depend on what a size means later.

    Attributes:
        sizes: The named sizes.
        unnamed: The numbers beside which given numbers stand where no size is given; None: those of the default size.
    """

    sizes: ClassVar[Mapping[str, NamedSize]]
    unnamed: ClassVar[Mapping[str, int] | None] = None

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        if cls.unnamed is not None and "size" not in values and any(values.get(name) for name in cls.unnamed):
            settings = cls.unnamed
        else:
            size = values.get("size", cls.model_fields["size"].default)
            if not isinstance(size, str) or size not in cls.sizes:
                # The field's own validation says what is wrong.
                return values
            settings = cls.sizes[size].settings
        return {**values, **{name: number for name, number in settings.items() if not values.get(name)}}


def size_field(sizes: Mapping[str, NamedSize]) -> Any:
    """The field by which a person picks a size, with what each one costs."""
    costs = [
        say(
            "{name}: {num_parameters:,} thousand weights, {kflop_per_pixel:,} kFLOP a pixel",
            name=name.capitalize() if name == next(iter(sizes)) else name,
            num_parameters=size.num_parameters,
            kflop_per_pixel=size.kflop_per_pixel,
        )
        for name, size in sizes.items()
    ]
    return Field(
        title="Size",
        description=say("Larger is better and slower. {costs}.", costs=say_joined(costs, "; ")),
    )


UNET_SIZES = {
    "small": NamedSize(
        {"width": 32, "num_levels": 3, "max_width": 96, "shuffle": 2}, num_parameters=381, kflop_per_pixel=49
    ),
    "medium": NamedSize(
        {"width": 64, "num_levels": 3, "max_width": 128, "shuffle": 2}, num_parameters=1219, kflop_per_pixel=179
    ),
    "large": NamedSize(
        {"width": 96, "num_levels": 3, "max_width": 160, "shuffle": 2}, num_parameters=2039, kflop_per_pixel=334
    ),
}


class UNetParams(SizedParams):
    """Size of the U-Net."""

    sizes: ClassVar[Mapping[str, NamedSize]] = UNET_SIZES
    # The network from before sizes had names: cards of that time do not mention a cell.
    unnamed: ClassVar[Mapping[str, int]] = {"width": 32, "num_levels": 3, "max_width": 96, "shuffle": 1}

    size: Annotated[SizeName, size_field(UNET_SIZES)] = "small"
    width: Annotated[
        int,
        Field(
            ge=0,
            le=256,
            title="Width",
            description="Channels at first; doubled at each level; 0: by the size.",
            json_schema_extra=BY_SIZE,
        ),
    ] = 0
    num_levels: Annotated[
        int,
        Field(
            ge=0,
            le=6,
            title="Levels",
            description="How many resolutions it works at; 0: by the size.",
            json_schema_extra=BY_SIZE,
        ),
    ] = 0
    max_width: Annotated[
        int,
        Field(
            ge=0,
            le=1024,
            title="Largest width",
            description="Channels at most; 0: by the size.",
            json_schema_extra=BY_SIZE,
        ),
    ] = 0
    shuffle: Annotated[int, CELL_FIELD] = 0


NAFNET_SIZES = {
    "small": NamedSize(
        {"width": 32, "num_levels": 3, "num_blocks": 1, "shuffle": 2}, num_parameters=257, kflop_per_pixel=24
    ),
    "medium": NamedSize(
        {"width": 48, "num_levels": 3, "num_blocks": 2, "shuffle": 2}, num_parameters=939, kflop_per_pixel=86
    ),
    "large": NamedSize(
        {"width": 64, "num_levels": 3, "num_blocks": 3, "shuffle": 2}, num_parameters=2309, kflop_per_pixel=213
    ),
}


class NAFNetParams(SizedParams):
    """Size of the network."""

    sizes: ClassVar[Mapping[str, NamedSize]] = NAFNET_SIZES

    size: Annotated[SizeName, size_field(NAFNET_SIZES)] = "small"
    width: Annotated[
        int,
        Field(
            ge=0,
            le=128,
            title="Width",
            description="Channels at first; doubled at each level; 0: by the size.",
            json_schema_extra=BY_SIZE,
        ),
    ] = 0
    num_levels: Annotated[
        int,
        Field(
            ge=0,
            le=5,
            title="Levels",
            description="How many resolutions it works at; 0: by the size.",
            json_schema_extra=BY_SIZE,
        ),
    ] = 0
    num_blocks: Annotated[
        int,
        Field(
            ge=0,
            le=12,
            title="Blocks",
            description="Blocks a level, down and up; 0: by the size.",
            json_schema_extra=BY_SIZE,
        ),
    ] = 0
    shuffle: Annotated[int, CELL_FIELD] = 0


RESIDUAL_UNET_SIZES = {
    "small": NamedSize(
        {"width": 32, "num_levels": 3, "max_width": 64, "num_blocks": 1, "shuffle": 2},
        num_parameters=314,
        kflop_per_pixel=46,
    ),
    "medium": NamedSize(
        {"width": 64, "num_levels": 3, "max_width": 96, "num_blocks": 1, "shuffle": 2},
        num_parameters=782,
        kflop_per_pixel=136,
    ),
    "large": NamedSize(
        {"width": 96, "num_levels": 3, "max_width": 128, "num_blocks": 1, "shuffle": 2},
        num_parameters=1467,
        kflop_per_pixel=276,
    ),
}


class ResidualUNetParams(SizedParams):
    """Size of the network."""

    sizes: ClassVar[Mapping[str, NamedSize]] = RESIDUAL_UNET_SIZES

    size: Annotated[SizeName, size_field(RESIDUAL_UNET_SIZES)] = "small"
    width: Annotated[
        int,
        Field(
            ge=0,
            le=256,
            title="Width",
            description="Channels at first; doubled at each level; 0: by the size.",
            json_schema_extra=BY_SIZE,
        ),
    ] = 0
    num_levels: Annotated[
        int,
        Field(
            ge=0,
            le=5,
            title="Levels",
            description="How many resolutions it works at; 0: by the size.",
            json_schema_extra=BY_SIZE,
        ),
    ] = 0
    max_width: Annotated[
        int,
        Field(
            ge=0,
            le=512,
            title="Largest width",
            description="Channels at most; 0: by the size.",
            json_schema_extra=BY_SIZE,
        ),
    ] = 0
    num_blocks: Annotated[
        int,
        Field(
            ge=0,
            le=12,
            title="Blocks",
            description="Blocks a level, down and up; 0: by the size.",
            json_schema_extra=BY_SIZE,
        ),
    ] = 0
    shuffle: Annotated[int, CELL_FIELD] = 0


DNCNN_SIZES = {
    "small": NamedSize({"width": 48, "num_layers": 8, "shuffle": 2}, num_parameters=135, kflop_per_pixel=67),
    "medium": NamedSize({"width": 64, "num_layers": 12, "shuffle": 2}, num_parameters=383, kflop_per_pixel=191),
    "large": NamedSize({"width": 96, "num_layers": 12, "shuffle": 2}, num_parameters=851, kflop_per_pixel=425),
}


class DnCNNParams(SizedParams):
    """Size of the stack."""

    sizes: ClassVar[Mapping[str, NamedSize]] = DNCNN_SIZES

    size: Annotated[SizeName, size_field(DNCNN_SIZES)] = "small"
    width: Annotated[
        int, Field(ge=0, le=256, title="Width", description="Channels; 0: by the size.", json_schema_extra=BY_SIZE)
    ] = 0
    num_layers: Annotated[
        int,
        Field(
            ge=0,
            le=30,
            title="Layers",
            description="Convolutions, at least 2; 0: by the size.",
            json_schema_extra=BY_SIZE,
        ),
    ] = 0
    shuffle: Annotated[int, CELL_FIELD] = 0


BACKBONES: Table[Row] = Table(
    "network",
    {
        "unet": Row(
            title="U-Net",
            description="Small and quick; works at several resolutions.",
            implementation="engine.method.backbones.unet:UNet",
            params_model=UNetParams,
        ),
        "nafnet": Row(
            title="NAFNet",
            description="Gated blocks without activations at several resolutions.",
            implementation="engine.method.backbones.nafnet:NAFNet",
            params_model=NAFNetParams,
        ),
        "residual_unet": Row(
            title="Residual U-Net",
            description="Wide plain convolutions at several resolutions; quick to restore.",
            implementation="engine.method.backbones.residual_unet:ResidualUNet",
            params_model=ResidualUNetParams,
        ),
        "dncnn": Row(
            title="DnCNN",
            description="A plain stack of convolutions at one resolution.",
            implementation="engine.method.backbones.dncnn:DnCNN",
            params_model=DnCNNParams,
        ),
    },
)
