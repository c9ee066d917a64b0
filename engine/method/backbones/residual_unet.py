"""A bias-free residual U-Net of plain 3x3 convolutions, made to restore quickly on a processor.

It is a small sibling of DRUNet (Zhang et al., "Plug-and-Play Image Restoration with Deep Denoiser Prior", IEEE TPAMI
2022) without its noise map: residual blocks of two convolutions, strided convolutions down, transposed ones up, skips
that are added. On 2x2 cells of pixels as channels (FFDNet; Zhang, Zuo, Zhang, IEEE TIP 2018), with wide layers and few
of them: plain convolutions reach a far larger part of a processor's arithmetic than what needs many passes over
memory, and few layers keep the surroundings small that each tile is computed with.

Without any additive constant the network is homogeneous: a photo of half the brightness is restored to half the
result. It so serves noise levels that it never saw (Mohan et al., "Robust and Interpretable Blind Image Denoising via
Bias-Free Convolutional Neural Networks", ICLR 2020), and what is near black keeps its colour.
"""

import itertools

import torch.nn.functional as F  # noqa: N812 - the customary name
from torch import Tensor, nn

from engine.method.backbones.backbone import PHOTO_CHANNELS, Backbone, initialise_for_relu
from engine.method.catalogue.backbones import ResidualUNetParams


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with a ReLU between them, around a shortcut; the identity at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Shape: (batch, channels, height, width), kept."""
        result: Tensor = features + self.second(F.relu(self.first(features), inplace=True))
        return result


class ResidualUNet(Backbone):
    """Noise-predicting U-Net of residual blocks.

    Attributes:
        alignment_px: Down-sampling of the deepest level.
        context_px: Radius of the receptive field.
    """

    def __init__(self, params: ResidualUNetParams) -> None:
        super().__init__()
        widths = [min(params.width * 2**level, params.max_width) for level in range(params.num_levels)]
        self.feature_stride = params.shuffle
        self.feature_channels = widths[0]
        deepest = params.num_levels - 1
        self.alignment_px = params.shuffle * 2**deepest
        # A block reaches two places of its level to a side, the first convolution and the head one cell each; a pixel
        # sees the far side of the deepest place that it lies in.
        places = sum(4 * params.num_blocks * 2**level for level in range(deepest)) + 2 * params.num_blocks * 2**deepest
        self.context_px = params.shuffle * (places + 2) + self.alignment_px - 1
        self.first = nn.Conv2d(PHOTO_CHANNELS * params.shuffle**2, widths[0], 3, padding=1, bias=False)
        self.encoder = nn.ModuleList(_blocks(width, params.num_blocks) for width in widths)
        self.down = nn.ModuleList(
            nn.Conv2d(wider, deeper, 2, stride=2, bias=False) for wider, deeper in itertools.pairwise(widths)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(deeper, wider, 2, stride=2, bias=False) for wider, deeper in itertools.pairwise(widths)
        )
        self.decoder = nn.ModuleList(_blocks(width, params.num_blocks) for width in widths[:-1])
        initialise_for_relu(self)
        for module in self.modules():
            if isinstance(module, ResidualBlock):
                nn.init.zeros_(module.second.weight)
        self.head = self.new_head()

    def features(self, noisy: Tensor) -> Tensor:
        """What the network knows of each cell. Shape: (batch, width, height / shuffle, width / shuffle)."""
        cells = F.pixel_unshuffle(noisy, self.feature_stride) if self.feature_stride > 1 else noisy
        features: Tensor = self.encoder[0](self.first(cells))
        skips: list[Tensor] = []
        for down, blocks in zip(self.down, self.encoder[1:], strict=True):
            skips.append(features)
            features = blocks(down(features))
        for up, blocks in zip(reversed(self.up), reversed(self.decoder), strict=True):
            features = blocks(skips.pop() + up(features))
        return features

    def new_head(self, scale: int = 1) -> nn.Conv2d:
        """Return a head that predicts nothing yet, like the rest without an additive constant."""
        channels = PHOTO_CHANNELS * (scale * self.feature_stride) ** 2
        head = nn.Conv2d(self.feature_channels, channels, 3, padding=1, bias=False)
        nn.init.zeros_(head.weight)
        return head


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width) for _ in range(count)))
