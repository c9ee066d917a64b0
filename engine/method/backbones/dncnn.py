"""DnCNN (Zhang, Zuo, Chen, Meng, Zhang, IEEE TIP 2017): a plain stack of 3x3 convolutions that predicts the noise.

Without the paper's batch normalisation, so that the result of a tile does not depend on the tile's other content.
With `shuffle` 2 it works on 2x2 cells of pixels as channels, which is FFDNet's network (Zhang, Zuo, Zhang, IEEE TIP
2018) without its noise map.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch.nn.functional as F  # noqa: N812 - the customary name
from pydantic import Field
from torch import Tensor, nn

from engine.method.backbones.backbone import PHOTO_CHANNELS, Backbone, initialise_for_relu
from engine.method.backbones.sizes import BY_SIZE, CELL_FIELD, NamedSize, SizedParams, SizeName, size_field

SIZES = {
    "small": NamedSize({"width": 48, "num_layers": 8, "shuffle": 2}, num_parameters=135, kflop_per_pixel=67),
    "medium": NamedSize({"width": 64, "num_layers": 12, "shuffle": 2}, num_parameters=383, kflop_per_pixel=191),
    "large": NamedSize({"width": 96, "num_layers": 12, "shuffle": 2}, num_parameters=851, kflop_per_pixel=425),
}


class DnCNNParams(SizedParams):
    """Size of the stack."""

    sizes: ClassVar[Mapping[str, NamedSize]] = SIZES

    size: Annotated[SizeName, size_field(SIZES)] = "small"
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


class DnCNN(Backbone):
    """Noise-predicting stack of convolutions.

    Attributes:
        alignment_px: Side of its cells.
        context_px: Radius of the receptive field.
    """

    def __init__(self, params: DnCNNParams) -> None:
        super().__init__()
        self.feature_stride = self.alignment_px = params.shuffle
        self.feature_channels = params.width
        inputs = [PHOTO_CHANNELS * params.shuffle**2, *[params.width] * (params.num_layers - 2)]
        self.body = nn.ModuleList(nn.Conv2d(channels, params.width, 3, padding=1) for channels in inputs)
        # Each convolution, the head's too, reaches one cell to a side; a pixel sees its own cell to the far side.
        self.context_px = params.shuffle * (len(self.body) + 1) + params.shuffle - 1
        initialise_for_relu(self)
        self.head = self.new_head()

    def features(self, noisy: Tensor) -> Tensor:
        """What the network knows of each cell. Shape: (batch, width, height / shuffle, width / shuffle)."""
        features = F.pixel_unshuffle(noisy, self.feature_stride) if self.feature_stride > 1 else noisy
        for layer in self.body:
            features = F.relu(layer(features), inplace=True)
        return features
