"""A small U-Net (Ronneberger, Fischer, Brox, MICCAI 2015) that predicts what to subtract from a noisy photo.

Without normalisation layers, so that the result of a tile does not depend on the tile's other content, and fully
convolutional: any height and width. It predicts the noise, as in DnCNN (Zhang et al., IEEE TIP 2017), and starts as
the identity. With `shuffle` 2 it works on 2x2 cells of pixels as channels, as FFDNet does (Zhang et al., IEEE TIP
2018): four times fewer places to compute, so wider layers and a larger view in the same time.
"""

import itertools

import torch
import torch.nn.functional as F  # noqa: N812 - the customary name
from torch import Tensor, nn

from engine.method.backbones.backbone import PHOTO_CHANNELS, Backbone, initialise_for_relu
from engine.method.catalogue.backbones import UNetParams


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
        self.feature_stride = params.shuffle
        self.feature_channels = widths[0]
        self.alignment_px = params.shuffle * 2 ** (params.num_levels - 1)
        # Two 3x3 convolutions a block on the way down and, but for the deepest level, up again, then the head: each
        # reaches one place of its level to a side; cells, pooling and up-sampling add at most the alignment.
        deepest = params.num_levels - 1
        reach = params.shuffle * (sum(4 * 2**level for level in range(deepest)) + 2 * 2**deepest + 1)
        self.context_px = reach + self.alignment_px
        inputs = PHOTO_CHANNELS * params.shuffle**2
        self.encoder = nn.ModuleList(
            ConvBlock(wider, deeper) for wider, deeper in zip([inputs, *widths[:-1]], widths, strict=True)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(deeper, wider, 2, stride=2) for wider, deeper in itertools.pairwise(widths)
        )
        self.decoder = nn.ModuleList(ConvBlock(2 * width, width) for width in widths[:-1])
        initialise_for_relu(self)
        self.head = self.new_head()

    def features(self, noisy: Tensor) -> Tensor:
        """What the network knows of each cell. Shape: (batch, width, height / shuffle, width / shuffle)."""
        features = F.pixel_unshuffle(noisy, self.feature_stride) if self.feature_stride > 1 else noisy
        skips: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            features = block(features if level == 0 else F.avg_pool2d(features, 2))
            skips.append(features)
        skips.pop()
        for up, block in zip(reversed(self.up), reversed(self.decoder), strict=True):
            features = block(torch.cat([up(features), skips.pop()], dim=1))
        return features
