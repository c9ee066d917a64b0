"""What every restoring network, and every backbone of one, offers to the trainer and to the restorer."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

import torch.nn.functional as F  # noqa: N812 - the customary name
from torch import Tensor, nn

PHOTO_CHANNELS: Final = 3


class RestorationNetwork(nn.Module, ABC):
    """A network that restores photos of any height and width.

    Attributes:
        alignment_px: Tiles that start at multiples of it see the same sampling grid as the whole photo.
        context_px: How far to a side a pixel's result depends on its surroundings, at most, in input pixels.
        scale: How many output pixels an input pixel becomes to a side.
        input_channels: 3 for photos, 1 for a colour filter mosaic.
    """

    alignment_px: int
    context_px: int
    scale: int = 1
    input_channels: int = PHOTO_CHANNELS

    @property
    @abstractmethod
    def backbone(self) -> "Backbone":
        """The part that tasks share."""

    @abstractmethod
    def forward(self, observed: Tensor) -> Tensor:
        """Restore photos.

        Args:
            observed: 0 to 1. Shape: (batch, input_channels, height, width).

        Returns:
            The restored photos, not clipped. Shape: (batch, 3, scale * height, scale * width).
        """


class Backbone(RestorationNetwork):
    """A network whose features serve every task; by itself it is a denoiser that predicts what to subtract.

    It must not normalise over space or over the batch: the result of a tile must not depend on other content.

    Attributes:
        feature_channels: Channels of its features.
        feature_stride: How many input pixels a feature covers to a side; divides `alignment_px`.
        head: From features to the noise, `feature_stride`^2 values a colour and feature.
    """

    feature_channels: int
    feature_stride: int = 1
    head: nn.Conv2d

    @property
    def backbone(self) -> "Backbone":
        """Itself."""
        return self

    @abstractmethod
    def features(self, noisy: Tensor) -> Tensor:
        """What the network knows of each place.

        Args:
            noisy: 0 to 1, sides divisible by `alignment_px`. Shape: (batch, 3, height, width).

        Returns:
            Shape: (batch, feature_channels, height / feature_stride, width / feature_stride).
        """

    def forward(self, observed: Tensor) -> Tensor:
        """Subtract the noise. Shape: (batch, 3, height, width), kept."""
        (noise,) = self.predict_all(observed, ((self.head, 1),))
        return observed - noise

    def predict_all(self, observed: Tensor, heads: Sequence[tuple[nn.Conv2d, int]]) -> tuple[Tensor, ...]:
        """Apply several heads to the same features, at the resolution of the output.

        Args:
            observed: Any sides. Shape: (batch, 3, height, width).
            heads: Each with the scale that `new_head` made it for: how many output pixels an input pixel becomes to a
                side.

        Returns:
            One for each head. Shape: (batch, 3, scale * height, scale * width).
        """
        height, width = observed.shape[-2:]
        pad_height, pad_width = -height % self.alignment_px, -width % self.alignment_px
        if pad_height or pad_width:
            # Replication, since reflection needs more pixels than a photo of a few pixels has.
            observed = F.pad(observed, (0, pad_width, 0, pad_height), mode="replicate")
        features = self.features(observed)
        predictions: list[Tensor] = []
        for head, scale in heads:
            predicted: Tensor = head(features)
            if scale * self.feature_stride > 1:
                predicted = F.pixel_shuffle(predicted, scale * self.feature_stride)
            predictions.append(predicted[..., : scale * height, : scale * width])
        return tuple(predictions)

    def new_head(self, scale: int = 1) -> nn.Conv2d:
        """Return a head that predicts nothing yet.

        Its 3x3 convolution reaches one more feature to each side.
        """
        head = nn.Conv2d(self.feature_channels, PHOTO_CHANNELS * (scale * self.feature_stride) ** 2, 3, padding=1)
        nn.init.zeros_(head.weight)
        assert head.bias is not None
        nn.init.zeros_(head.bias)
        return head


def initialise_for_relu(module: nn.Module) -> None:
    """Give all convolutions of a network the start that keeps a ReLU network's variance (He et al., ICCV 2015).

    What has no memory is left alone: torch would load its compiler, for more than a second, to draw nothing.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and not layer.weight.is_meta:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
