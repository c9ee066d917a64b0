"""Pairs of neighbouring sub-samples: one picture twice, with independent noise.

The random neighbour sub-sampler of Neighbor2Neighbor (Huang et al., CVPR 2021, section 4.1): each 2x2 cell gives one
pixel to either sub-sample, the two being neighbours. Where the noise of neighbours is correlated, as in camera JPEGs,
the crop is first thinned to every stride-th pixel, from a random offset.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.method.catalogue.pretexts import StrideParams
from engine.method.pretext.pretext_task import PretextTask, Restore

# Ordered pairs of horizontally or vertically adjacent pixels of a 2x2 cell numbered 0 1 / 2 3.
_NEIGHBOURS = torch.tensor([(0, 1), (1, 0), (2, 3), (3, 2), (0, 2), (2, 0), (1, 3), (3, 1)])


@dataclass(frozen=True)
class NeighbourSampler:
    """One random choice of two neighbours in every 2x2 cell, to be applied to any picture of the same size.

    Attributes:
        choice: Rows of the table of neighbours. Shape: (batch, 1, 1, rows, columns).
    """

    choice: Tensor

    @classmethod
    def draw(cls, crops: Tensor, generator: torch.Generator) -> "NeighbourSampler":
        """Choose for crops of this shape.

        Args:
            crops: Even sides. Shape: (batch, channels, height, width).
            generator: Source of randomness, on the CPU.
        """
        batch, _, height, width = crops.shape
        shape = (batch, 1, 1, height // 2, width // 2)
        return cls(torch.randint(len(_NEIGHBOURS), shape, generator=generator))

    def __call__(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Both sub-samples, g1 and g2. Shapes: (batch, channels, height / 2, width / 2)."""
        batch, channels, height, width = crops.shape
        rows, columns = height // 2, width // 2
        # Places of the cells' top left pixels, and from there to the two chosen ones.
        corners = 2 * (width * torch.arange(rows)[:, None] + torch.arange(columns))
        from_corner = torch.tensor([0, 1, width, width + 1])[_NEIGHBOURS]
        pixels = crops.flatten(2)

        def taken(steps: Tensor) -> Tensor:
            places = (corners + steps[self.choice[:, 0]]).view(batch, 1, -1).to(crops.device)
            return pixels.gather(2, places.expand(batch, channels, rows * columns)).view(batch, channels, rows, columns)

        return taken(from_corner[:, 0]), taken(from_corner[:, 1])


def thinned(crops: Tensor, stride: int, generator: torch.Generator) -> Tensor:
    """Every stride-th pixel of each crop, from one random offset.

    Args:
        crops: Sides divisible by the stride. Shape: (batch, channels, height, width).
        stride: At least 1; 1 returns the crops themselves.
        generator: Source of randomness, on the CPU; not used for stride 1.

    Returns:
        Shape: (batch, channels, height / stride, width / stride).

    Raises:
        ValueError: The sides are not divisible by the stride.
    """
    if stride < 1 or crops.shape[-2] % stride or crops.shape[-1] % stride:
        raise ValueError(f"a crop of {crops.shape[-2]} x {crops.shape[-1]} px cannot be thinned with stride {stride}")
    if stride == 1:
        return crops
    row, column = (int(offset) for offset in torch.randint(stride, (2,), generator=generator))
    return crops[:, :, row::stride, column::stride]


def neighbour_subsamples(crops: Tensor, stride: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two sub-samples of each crop, whose pixels lie `stride` apart.

    Args:
        crops: Sides divisible by 2 * stride. Shape: (batch, channels, height, width).
        stride: Distance in pixels at which noise is independent, at least 1.
        generator: Source of randomness, on the CPU.

    Returns:
        Two tensors of shape (batch, channels, height / (2 stride), width / (2 stride)).

    Raises:
        ValueError: The sides are not divisible by 2 * stride.
    """
    height, width = crops.shape[-2:]
    if stride < 1 or height % (2 * stride) or width % (2 * stride):
        raise ValueError(f"a crop of {height} x {width} px cannot be sub-sampled with stride {stride}")
    thin = thinned(crops, stride, generator)
    return NeighbourSampler.draw(thin, generator)(thin)


class SubsampledTask(PretextTask):
    """What foretells one sub-sample of a crop from the other, which shows the same picture with independent noise.

    Attributes:
        params: With the stride at which the noise is independent.
    """

    params: StrideParams

    def source_crop_px(self, crop_px: int) -> int:
        """Twice the network's crop for the two sub-samples, times the stride that makes noise independent."""
        return 2 * self.params.stride * crop_px

    def residual(self, restore: Restore, crops: Tensor, generator: torch.Generator) -> Tensor:
        """g2(x) - f(g1(x)). Shape: (batch, 3, side / (2 stride), side / (2 stride))."""
        seen, hidden = neighbour_subsamples(crops, self.params.stride, generator)
        return hidden - restore(seen)
