"""Pairs of neighbouring sub-samples: one picture twice, with independent noise.

The random neighbour sub-sampler of Neighbor2Neighbor (Huang et al., CVPR 2021, section 4.1): each 2x2 cell gives one
pixel to either sub-sample, the two being neighbours. Where the noise of neighbours is correlated, as in camera JPEGs,
the crop is first thinned to every stride-th pixel, from a random offset.
"""

import torch
from torch import Tensor

# Ordered pairs of horizontally or vertically adjacent pixels of a 2x2 cell numbered 0 1 / 2 3.
_NEIGHBOURS = torch.tensor([(0, 1), (1, 0), (2, 3), (3, 2), (0, 2), (2, 0), (1, 3), (3, 1)])


def neighbour_subsamples(crops: Tensor, stride: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two sub-samples of each crop, whose pixels lie `stride` apart.

    Args:
        crops: Sides divisible by 2 * stride. Shape: (batch, channels, height, width).
        stride: Distance in pixels at which noise is independent, at least 1.
        generator: Source of randomness, on the CPU.

    Returns:
        Two tensors of shape (batch, channels, height / (2 stride), width / (2 stride)).
    """
    batch, channels, height, width = crops.shape
    if stride < 1 or height % (2 * stride) or width % (2 * stride):
        raise ValueError(f"a crop of {height} x {width} px cannot be sub-sampled with stride {stride}")
    if stride > 1:
        row, column = (int(offset) for offset in torch.randint(stride, (2,), generator=generator))
        crops = crops[:, :, row::stride, column::stride]
    rows, columns = height // (2 * stride), width // (2 * stride)
    cells = torch.nn.functional.pixel_unshuffle(crops, 2).view(batch, channels, 4, rows, columns)
    choice = torch.randint(len(_NEIGHBOURS), (batch, 1, 1, rows, columns), generator=generator)
    chosen = _NEIGHBOURS[choice].to(crops.device).expand(batch, channels, 1, rows, columns, 2)
    return cells.gather(2, chosen[..., 0])[:, :, 0], cells.gather(2, chosen[..., 1])[:, :, 0]
