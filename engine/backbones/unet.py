"""A small U-Net (Ronneberger, Fischer, Brox, MICCAI 2015) that predicts what to subtract from a noisy photo.

Without normalisation layers, so that the result of a tile does not depend on the tile's other content, and fully
convolutional: any height and width. It predicts the noise, as in DnCNN (Zhang et al., IEEE TIP 2017), and starts as
the identity.
"""

import itertools
from typing import Annotated

import torch
import torch.nn.functional as F  # noqa: N812 - the customary name
from pydantic import Field
from torch import Tensor, nn

from engine.backbones.backbone import Backbone
from engine.configs import JobConfig

PHOTO_CHANNELS = 3


class UNetParams(JobConfig):
    """Size of the U-Net."""

    width: Annotated[
        int, Field(ge=4, le=256, title="Width", description="Channels at full resolution; doubled at each level.")
    ] = 32
    num_levels: Annotated[int, Field(ge=1, le=6, title="Levels", description="How many resolutions it works at.")] = 3
    max_width: Annotated[int, Field(ge=4, le=1024, title="Largest width", description="Channels at most.")] = 96


class ConvBlock(nn.Module):
    """Two 3x3 convolutions with ReLU, the second around a shortcut where the widths allow it."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.second = nn.Conv2d(out_channels, out_channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Shape: (batch, in_channels, height, width) to (batch, out_channels, height, width)."""
        hidden = F.relu(self.first(features))
        return F.relu(hidden + self.second(hidden))


class UNet(Backbone):
    """Noise-predicting U-Net.

    Attributes:
        alignment_px: Down-sampling of the deepest level.
        context_px: Radius of the receptive field.
    """

    def __init__(self, params: UNetParams) -> None:
        super().__init__()
        widths = [min(params.width * 2**level, params.max_width) for level in range(params.num_levels)]
        self.alignment_px = 2 ** (params.num_levels - 1)
        # Two 3x3 convolutions a block on the way down and up again, then the head: each reaches one pixel of
        # its level to a side; pooling and up-sampling add at most the alignment.
        reach = sum(4 * 2**level for level in range(params.num_levels))
        self.context_px = reach + self.alignment_px + 1
        self.encoder = nn.ModuleList(
            ConvBlock(inputs, outputs) for inputs, outputs in zip([PHOTO_CHANNELS, *widths[:-1]], widths, strict=True)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(deeper, wider, 2, stride=2) for wider, deeper in itertools.pairwise(widths)
        )
        self.decoder = nn.ModuleList(ConvBlock(2 * width, width) for width in widths[:-1])
        self.head = nn.Conv2d(widths[0], PHOTO_CHANNELS, 3, padding=1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.head.weight)

    def forward(self, noisy: Tensor) -> Tensor:
        """Restore photos.

        Args:
            noisy: 0 to 1, any height and width. Shape: (batch, 3, height, width).

        Returns:
            The restored photos, not clipped. Same shape.
        """
        height, width = noisy.shape[-2:]
        pad_height, pad_width = -height % self.alignment_px, -width % self.alignment_px
        # Replication, since reflection needs more pixels than a photo of a few pixels has.
        features = F.pad(noisy, (0, pad_width, 0, pad_height), mode="replicate")
        skips: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            features = block(features if level == 0 else F.avg_pool2d(features, 2))
            skips.append(features)
        skips.pop()
        for up, block in zip(reversed(self.up), reversed(self.decoder), strict=True):
            features = block(torch.cat([up(features), skips.pop()], dim=1))
        noise: Tensor = self.head(features)
        return noisy - noise[..., :height, :width]
