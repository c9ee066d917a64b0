"""Joint demosaicking and denoising: the operator A keeps of each pixel the one colour that a Bayer filter lets through.

The network sees a mosaic with red top left, white-balanced and sRGB-encoded (see `engine.photo_files.raw.mosaic`,
which brings other filter orders to this one). Fixed linear interpolation makes a photo of it, the backbone restores
that photo, the measured samples included: they are as noisy as the rest.
"""

import math
from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 - the customary name
from torch import Tensor, nn

from engine.method.backbones.backbone import Backbone, RestorationNetwork
from engine.method.catalogue.tasks import DemosaickParams
from engine.method.pretext.pretext_task import Restore
from engine.method.tasks.restoration_task import RestorationTask
from engine.photo_files.raw.demosaicking import INTERPOLATION_REACH_PX, interpolation_kernels

CELL_PX: Final = 2

_NOISE_FREE_SHARE = 0.1
_CAMERA_NOISE_SHARE = 0.5
_MID_GRAY_LIGHT = 0.2140
_MID_GRAY_SLOPE = 1.081
"""Of the sRGB curve at half of its range: encoded difference for a difference of light."""
_MAX_READ_NOISE_SHARE = 0.3
_MAX_BALANCE_GAIN = 2.5


class BayerInterpolation(nn.Module):
    """From an RGGB mosaic to a photo: the fixed filters of Malvar, He and Cutler (ICASSP 2004) as one convolution.

    It steps from cell to cell and gives all three colours of a cell's four pixels, which are then laid out.
    """

    kernels: Tensor

    def __init__(self) -> None:
        super().__init__()
        side = CELL_PX + 2 * INTERPOLATION_REACH_PX
        kernels = torch.zeros(3, CELL_PX, CELL_PX, side, side)
        for row in range(CELL_PX):
            for column in range(CELL_PX):
                kernels[:, row, column, row : row + 5, column : column + 5] = torch.from_numpy(
                    interpolation_kernels()[:, row, column]
                )
        # Not a weight: every model file would carry the same numbers.
        self.register_buffer("kernels", kernels.reshape(-1, 1, side, side), persistent=False)

    def forward(self, mosaic: Tensor) -> Tensor:
        """Interpolate. Shape: (batch, 1, height, width) to (batch, 3, height, width), not clipped."""
        height, width = mosaic.shape[-2:]
        reach = INTERPOLATION_REACH_PX
        padding = (reach, reach + width % CELL_PX, reach, reach + height % CELL_PX)
        # Reflection about the border pixel keeps the filters' order beyond the border; it needs enough pixels.
        mode = "reflect" if min(height, width) > reach + 1 else "replicate"
        padded = F.pad(mosaic, padding, mode=mode)
        # In half precision the network would see a mosaic rounded to 8 bits.
        with torch.autocast(mosaic.device.type, enabled=False):
            filtered = F.conv2d(padded, self.kernels.to(padded.dtype), stride=CELL_PX)
        return F.pixel_shuffle(filtered, CELL_PX)[..., :height, :width]


class DemosaickNetwork(RestorationNetwork):
    """Interpolation, then the backbone.

    Attributes:
        interpolation: Fixed.
        restoration: The backbone.
    """

    input_channels = 1

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.interpolation = BayerInterpolation()
        self.restoration = backbone
        self.alignment_px = math.lcm(backbone.alignment_px, CELL_PX)
        self.context_px = backbone.context_px + INTERPOLATION_REACH_PX

    @property
    def backbone(self) -> Backbone:
        """The part that tasks share."""
        return self.restoration

    def forward(self, observed: Tensor) -> Tensor:
        """Demosaick. Shape: (batch, 1, height, width) to (batch, 3, height, width), not clipped."""
        restored: Tensor = self.restoration(self.interpolation(observed))
        return restored


class Demosaick(RestorationTask):
    """Give a Bayer mosaic its missing colours and remove its noise."""

    def __init__(self, params: DemosaickParams) -> None:
        self.params = params

    def measure(self, clean: Tensor) -> Tensor:
        """Keep red, green, green, blue of each 2x2 cell. Shape: (batch, 3, height, width) to (batch, 1, ...)."""
        mosaic = clean[:, 1:2].clone()
        mosaic[..., 0::2, 0::2] = clean[:, 0:1, 0::2, 0::2]
        mosaic[..., 1::2, 1::2] = clean[:, 2:3, 1::2, 1::2]
        return mosaic

    def observe(self, noisy: Tensor, generator: torch.Generator) -> Tensor:
        """The mosaic of each crop with noise of its own strength.

        Shape: (batch, 3, height, width) to (batch, 1, height, width), 0 to 1.
        """
        mosaic = self.measure(noisy)
        if self.params.noise_sigma == 0:
            return mosaic
        return self._add_noise(mosaic, generator).clamp(0, 1)

    def sample(self, noisy: Tensor) -> Tensor:
        """The mosaic, without further noise."""
        return self.measure(noisy)

    def measured(self, restore: Restore) -> Restore:
        """Photos to photos: the photo's mosaic, demosaicked. Shapes: (batch, 3, height, width), kept."""
        return lambda noisy: restore(self.measure(noisy))

    def add_head(self, backbone: Backbone) -> RestorationNetwork:
        """The backbone behind the interpolation."""
        return DemosaickNetwork(backbone)

    def _add_noise(self, mosaic: Tensor, generator: torch.Generator) -> Tensor:
        count = len(mosaic)

        def uniform() -> Tensor:
            return torch.rand(count, 1, 1, 1, generator=generator).to(mosaic.device)

        sigma = uniform() * (self.params.noise_sigma / 255)
        sigma = sigma * (uniform() >= _NOISE_FREE_SHARE)
        normal = torch.randn(mosaic.shape, generator=generator).to(mosaic.device)
        is_camera = uniform() < (_CAMERA_NOISE_SHARE if self.params.camera_noise else 0.0)
        read_share, red_gain, blue_gain = uniform() * _MAX_READ_NOISE_SHARE, uniform(), uniform()
        gains = torch.ones_like(mosaic)
        gains[..., 0::2, 0::2] += red_gain * (_MAX_BALANCE_GAIN - 1)
        gains[..., 1::2, 1::2] += blue_gain * (_MAX_BALANCE_GAIN - 1)
        # On light the variance is a y + b (Foi et al., IEEE TIP 2008); white balance multiplies light and noise alike.
        # At mid-gray, without gain, it is `sigma` on the encoded scale.
        light = _linear(mosaic)
        variance = (sigma / _MID_GRAY_SLOPE) ** 2
        grain = variance * (1 - read_share) / _MID_GRAY_LIGHT * gains * light + variance * read_share * gains**2
        as_camera = _encoded((light + grain.sqrt() * normal).clamp(0, 1))
        return torch.where(is_camera, as_camera, mosaic + sigma * normal)


def _linear(encoded: Tensor) -> Tensor:
    """Undo the sRGB curve (IEC 61966-2-1)."""
    return torch.where(encoded <= 0.04045, encoded / 12.92, ((encoded.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4)


def _encoded(light: Tensor) -> Tensor:
    """Apply the sRGB curve (IEC 61966-2-1)."""
    return torch.where(light <= 0.0031308, light * 12.92, 1.055 * light.clamp_min(0.0031308) ** (1 / 2.4) - 0.055)
