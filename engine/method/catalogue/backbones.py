"""The networks that can be chosen, and their settings.

`engine.method.backbones.backbone` says what a network offers.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from engine.method.catalogue.rows import Row, Table
from engine.method.catalogue.sizes import BY_SIZE, CELL_FIELD, NamedSize, SizedParams, SizeName, size_field

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
