"""NAFNet (Chen, Chu, Zhang, Sun, "Simple Baselines for Image Restoration", ECCV 2022), without its global attention.

A U-shaped network of blocks that need no activation function: layer normalisation over the channels of each pixel,
1x1 and depth-wise 3x3 convolutions, and the product of two halves of the channels (SimpleGate).

The paper's Simplified Channel Attention averages over the whole picture, so that a tile's result would depend on
what else lies in it, and a crop of training would differ from a photo (Chu et al., "Improving Image Restoration by
Revisiting Global Information Aggregation", ECCV 2022). It is left out: tiles stay exact. The paper's
scale on each branch, zero at first, is here the branch's last convolution, zero at first: the same start with one pass
over memory less. With `shuffle` 2 the network works on 2x2 cells of pixels as channels.
"""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the customary name
from torch import Tensor, nn

from engine.method.backbones.backbone import PHOTO_CHANNELS, Backbone
from engine.method.catalogue.backbones import NAFNetParams


class GatedBlock(nn.Module):
    """The paper's block without its attention: spatial mixing, then channel mixing, each around a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spatial_in = nn.Conv2d(channels, 2 * channels, 1)
        self.depthwise = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels)
        self.spatial_out = nn.Conv2d(channels, channels, 1)
        self.channel_in = nn.Conv2d(channels, 2 * channels, 1)
        self.channel_out = nn.Conv2d(channels, channels, 1)
        for layer in (self.spatial_out, self.channel_out):
            nn.init.zeros_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Shape: (batch, channels, height, width), kept."""
        mixed = self.depthwise(self.spatial_in(normalise_channels(features)))
        features = features + self.spatial_out(simple_gate(mixed))
        mixed = self.channel_in(normalise_channels(features))
        result: Tensor = features + self.channel_out(simple_gate(mixed))
        return result


class NAFNet(Backbone):
    """Noise-predicting U-shaped network of gated blocks.

    Attributes:
        alignment_px: Down-sampling of the deepest level.
        context_px: Radius of the receptive field.
    """

    def __init__(self, params: NAFNetParams) -> None:
        super().__init__()
        widths = [params.width * 2**level for level in range(params.num_levels)]
        self.feature_stride = params.shuffle
        self.feature_channels = params.width
        deepest = params.num_levels - 1
        self.alignment_px = params.shuffle * 2**deepest
        # A block reaches one place of its level to a side, the first convolution and the head one cell each; a pixel
        # sees the far side of the deepest place that it lies in.
        blocks = sum(2 * params.num_blocks * 2**level for level in range(deepest)) + params.num_blocks * 2**deepest
        self.context_px = params.shuffle * (blocks + 2) + self.alignment_px - 1
        self.first = nn.Conv2d(PHOTO_CHANNELS * params.shuffle**2, params.width, 3, padding=1)
        self.encoder = nn.ModuleList(_blocks(width, params.num_blocks) for width in widths)
        self.down = nn.ModuleList(nn.Conv2d(width, 2 * width, 2, stride=2) for width in widths[:-1])
        self.up = nn.ModuleList(nn.Conv2d(2 * width, 4 * width, 1, bias=False) for width in widths[:-1])
        self.decoder = nn.ModuleList(_blocks(width, params.num_blocks) for width in widths[:-1])
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
            features = blocks(skips.pop() + F.pixel_shuffle(up(features), 2))
        return features


def normalise_channels(features: Tensor) -> Tensor:
    """Layer normalisation over the channels of each pixel. Shape: (batch, channels, height, width), kept.

    Without the learned scale and offset: the 1x1 convolution that follows holds both. In channels-last memory the
    channels of a pixel lie side by side, so that this is one fused pass (8 times quicker to train than means and
    products by hand, measured on a CPU).
    """
    # A plain number, so that an exported graph has it as a constant.
    channels = int(features.shape[1])
    return F.layer_norm(features.permute(0, 2, 3, 1), (channels,), eps=1e-6).permute(0, 3, 1, 2)


def simple_gate(features: Tensor) -> Tensor:
    """The product of the two halves of the channels. Shape: (batch, 2 C, height, width) to (batch, C, ...)."""
    if torch.is_grad_enabled() and features.requires_grad:
        product: Tensor = _Gate.apply(features)  # type: ignore[no-untyped-call] # torch declares it so
        return product
    first, second = features.chunk(2, dim=1)
    return first * second


class _Gate(torch.autograd.Function):
    """The gate for training: both halves of its gradient are written where they belong, not copied there."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        """See `simple_gate`."""
        ctx.save_for_backward(features)
        first, second = features.chunk(2, dim=1)
        return first * second

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """The gradient on the features. Shape: (batch, 2 C, height, width)."""
        (features,) = ctx.saved_tensors
        first, second = features.chunk(2, dim=1)
        whole = torch.empty_like(features)
        on_first, on_second = whole.chunk(2, dim=1)
        torch.mul(gradients[0], second, out=on_first)
        torch.mul(gradients[0], first, out=on_second)
        return whole


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(GatedBlock(width) for _ in range(count)))
