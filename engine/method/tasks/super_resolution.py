"""Super-resolution by a whole factor, of noisy photos too; the operator A is bicubic shrinking.

One pass of the backbone gives both what to subtract from the small photo, by the head that denoising has trained, and
the detail that its bicubic enlargement lacks, by a head of its own laid out as in ESPCN (Shi et al., CVPR 2016). So a
backbone that removes noise starts as denoising followed by bicubic enlargement.
"""

from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 - the customary name
from torch import Tensor, nn

from engine.contracts.photo import Pixels
from engine.method.backbones.backbone import Backbone, RestorationNetwork
from engine.method.catalogue.tasks import SuperResolutionParams
from engine.method.pretext.pretext_task import Restore
from engine.method.tasks.restoration_task import RestorationTask
from engine.photo_files.bicubic_resize import (
    ENLARGING_REACH_PX,
    enlarge,
    enlarging_weights,
    shrink,
    shrinking_reach_px,
    shrinking_weights,
)

_NOISE_FREE_SHARE: Final = 0.25


class BicubicShrinking(nn.Module):
    """Bicubic shrinking of tensors by a whole factor."""

    weights: Tensor

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        # Not a weight: every model file would carry the same numbers.
        self.register_buffer("weights", torch.from_numpy(shrinking_weights(scale)), persistent=False)

    def forward(self, large: Tensor) -> Tensor:
        """Shrink. Shape: (batch, channels, scale * height, scale * width) to (batch, channels, height, width)."""
        batch, channels, height, width = large.shape
        reach = shrinking_reach_px(self.scale)
        planes = pad_symmetrically(large, reach).flatten(0, 1).unsqueeze(1)
        weights = self.weights.to(planes)
        with torch.autocast(planes.device.type, enabled=False):
            planes = F.conv2d(planes, weights.view(1, 1, -1, 1), stride=(self.scale, 1))
            planes = F.conv2d(planes, weights.view(1, 1, 1, -1), stride=(1, self.scale))
        return planes.view(batch, channels, height // self.scale, width // self.scale)


class BicubicEnlargement(nn.Module):
    """Bicubic enlargement of tensors by a whole factor."""

    weights: Tensor

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        along = torch.from_numpy(enlarging_weights(scale))
        size = 2 * ENLARGING_REACH_PX + 1
        kernels = torch.einsum("pi,qj->pqij", along, along).reshape(scale**2, 1, size, size)
        self.register_buffer("weights", kernels, persistent=False)

    def forward(self, small: Tensor) -> Tensor:
        """Enlarge. Shape: (batch, channels, height, width) to (batch, channels, scale * height, scale * width)."""
        batch, channels, height, width = small.shape
        planes = pad_symmetrically(small, ENLARGING_REACH_PX).flatten(0, 1).unsqueeze(1)
        # In half precision the photo itself would be rounded to 8 bits.
        with torch.autocast(planes.device.type, enabled=False):
            phases = F.conv2d(planes, self.weights.to(planes))
        return F.pixel_shuffle(phases, self.scale).view(batch, channels, self.scale * height, self.scale * width)


class SuperResolutionNetwork(RestorationNetwork):
    """Noise removal and enlargement with one backbone.

    For photos that have been enlarged already it shrinks them first and keeps their size: `scale` is then 1.

    Attributes:
        factor: How many times finer the result is, to a side.
        restoration: The backbone.
        head: From features to the detail that bicubic enlargement lacks.
    """

    def __init__(self, backbone: Backbone, factor: int, *, enlarged_input: bool) -> None:
        super().__init__()
        self.factor = factor
        self.restoration = backbone
        self.head = backbone.new_head(factor)
        self.enlargement = BicubicEnlargement(factor)
        self.alignment_px = backbone.alignment_px
        self.context_px = backbone.context_px + ENLARGING_REACH_PX
        self.shrinking: BicubicShrinking | None = None
        if enlarged_input:
            self.shrinking = BicubicShrinking(factor)
            self.alignment_px *= factor
            self.context_px = factor * self.context_px + shrinking_reach_px(factor) + factor - 1
        else:
            self.scale = factor

    @property
    def backbone(self) -> Backbone:
        """The part that tasks share."""
        return self.restoration

    def forward(self, observed: Tensor) -> Tensor:
        """Restore. Shape: (batch, 3, height, width) to (batch, 3, scale * height, scale * width), not clipped."""
        if self.shrinking is None:
            noise, detail = self._noise_and_detail(observed)
            enlarged: Tensor = self.enlargement(observed - noise)
            return enlarged + detail
        height, width = observed.shape[-2:]
        padding = (0, -width % self.factor, 0, -height % self.factor)
        whole = F.pad(observed, padding, mode="replicate") if any(padding) else observed
        noise, detail = self._noise_and_detail(self.shrinking(whole))
        # From the photo itself: shrunk and enlarged again it would be blurred a little.
        restored: Tensor = whole - self.enlargement(noise.to(whole)) + detail
        return restored[..., :height, :width]

    def _noise_and_detail(self, small: Tensor) -> tuple[Tensor, Tensor]:
        noise, detail = self.restoration.predict_all(small, ((self.restoration.head, 1), (self.head, self.factor)))
        return noise, detail


class SuperResolution(RestorationTask):
    """Make photos finer by a whole factor, and remove their noise.

    Attributes:
        factor: How many times finer, to a side.
        scale: The factor; 1 where the photos have been enlarged already.
    """

    def __init__(self, params: SuperResolutionParams, factor: int) -> None:
        self.params = params
        self.factor = factor
        self.scale = 1 if params.enlarged_input else factor
        self._shrinking = BicubicShrinking(factor)
        self._enlargement = BicubicEnlargement(factor)

    def measure(self, clean: Tensor) -> Tensor:
        """Shrink and, for photos that have been enlarged already, enlarge again."""
        small: Tensor = self._shrinking(clean)
        if not self.params.enlarged_input:
            return small
        enlarged: Tensor = self._enlargement(small)
        return enlarged

    def make_noisy(self, clean: Pixels) -> Pixels:
        """The small photo of a large one; rows and columns that fill no whole pixel of it are left out."""
        small = shrink(clean, self.factor)
        return enlarge(small, self.factor) if self.params.enlarged_input else small

    def observe(self, noisy: Tensor, generator: torch.Generator) -> Tensor:
        """Add noise of each crop's own strength, part of it growing with brightness.

        Photos that have been enlarged already get it before the enlargement, as theirs came before it.
        """
        if self.params.noise_sigma == 0:
            return noisy
        if not self.params.enlarged_input:
            return (noisy + self._noise(noisy, generator)).clamp(0, 1)
        height, width = noisy.shape[-2:]
        whole = F.pad(noisy, (0, -width % self.factor, 0, -height % self.factor), mode="replicate")
        noise: Tensor = self._enlargement(self._noise(self._shrinking(whole), generator))
        return (noisy + noise[..., :height, :width]).clamp(0, 1)

    def measured(self, restore: Restore) -> Restore:
        """Small photos to small photos: restored, then shrunk. Shapes: (batch, 3, height, width), kept."""

        def shrunk_again(noisy: Tensor) -> Tensor:
            observed = self._enlargement(noisy) if self.params.enlarged_input else noisy
            small: Tensor = self._shrinking(restore(observed))
            return small

        return shrunk_again

    def add_head(self, backbone: Backbone) -> RestorationNetwork:
        """The backbone with a second head."""
        return SuperResolutionNetwork(backbone, self.factor, enlarged_input=self.params.enlarged_input)

    def _noise(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        """Gaussian noise whose variance, at mid-gray the same for all shares, is linear in brightness."""

        def uniform() -> Tensor:
            return torch.rand(len(clean), 1, 1, 1, generator=generator).to(clean.device)

        sigma = uniform() * (self.params.noise_sigma / 255) * (uniform() >= _NOISE_FREE_SHARE)
        growing = uniform()
        normal = torch.randn(clean.shape, generator=generator).to(clean.device)
        noise: Tensor = sigma * (1 - growing + 2 * growing * clean).clamp_min(0).sqrt() * normal
        return noise


def pad_symmetrically(planes: Tensor, padding_px: int) -> Tensor:
    """Continue tensors by their mirror image, border pixel included, however small they are.

    Returns:
        Shape: (..., height + 2 * padding_px, width + 2 * padding_px).
    """
    for axis in (-2, -1):
        size = planes.shape[axis]
        # Tensors throughout, so that an exported graph works at any size.
        places = torch.arange(-padding_px, size + padding_px, device=planes.device).remainder(2 * size)
        planes = planes.index_select(axis, torch.minimum(places, 2 * size - 1 - places))
    return planes
