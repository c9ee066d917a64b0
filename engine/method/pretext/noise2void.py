"""Noise2Void: foretell a pixel that was hidden from its surroundings.

Krull, Buchholz, Jug: "Noise2Void - Learning Denoising from Single Noisy Images", CVPR 2019. Some pixels of a crop are
replaced by a random one of their 5x5 surroundings, themselves excluded, and the network has to give back the hidden
values; the loss is counted at these pixels alone. One pixel of every square of `cell_px` is hidden, at a random place
of it (the paper's stratified sampling).

The hidden pixel's noise must be independent of what the network sees; where the noise of neighbours is correlated, the
crop is first thinned by the stride at which it is not.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from engine.method.catalogue.pretexts import Noise2VoidParams
from engine.method.pretext.pretext_task import LossParts, PretextTask, Restore
from engine.method.pretext.subsampling import thinned

WINDOW_RADIUS_PX = 2
"""Replacements come from the 5x5 surroundings."""


class BlindSpots(NamedTuple):
    """Which pixels are hidden, and by which they are replaced.

    Attributes:
        hidden: Indices into a crop's pixels, row by row. Shape: (batch, hidden pixels).
        replacements: Indices of the pixels that stand there instead. Same shape.
    """

    hidden: Tensor
    replacements: Tensor


def draw_blind_spots(batch: int, height: int, width: int, cell_px: int, generator: torch.Generator) -> BlindSpots:
    """Choose one pixel of each whole cell, and a neighbour of each.

    A neighbour that would lie outside the crop is taken from the opposite side of the pixel.

    Args:
        batch: Number of crops.
        height: Of a crop, at least `cell_px` and 4.
        width: Of a crop, at least `cell_px` and 4.
        cell_px: Side of the cells.
        generator: Source of randomness, on the CPU.

    Raises:
        ValueError: A crop holds no whole cell, or no window.
    """
    smallest = max(cell_px, 2 * WINDOW_RADIUS_PX)
    if min(height, width) < smallest:
        raise ValueError(f"crops must have {smallest} px a side; found {height} x {width}")
    rows, columns = height // cell_px, width // cell_px
    inside = torch.randint(cell_px, (2, batch, rows, columns), generator=generator)
    row = inside[0] + cell_px * torch.arange(rows)[:, None]
    column = inside[1] + cell_px * torch.arange(columns)
    side = 2 * WINDOW_RADIUS_PX + 1
    centre = side * side // 2
    neighbour = torch.randint(side * side - 1, row.shape, generator=generator)
    neighbour += neighbour >= centre
    other_row = _kept_inside(row, neighbour // side - WINDOW_RADIUS_PX, height)
    other_column = _kept_inside(column, neighbour % side - WINDOW_RADIUS_PX, width)
    return BlindSpots((row * width + column).flatten(1), (other_row * width + other_column).flatten(1))


def _kept_inside(position: Tensor, offset: Tensor, size: int) -> Tensor:
    moved = position + offset
    return torch.where((moved < 0) | (moved >= size), position - offset, moved)


class Noise2Void(PretextTask):
    """Hidden pixels foretold from their surroundings.

    Two crops a photo, so that a step sees as many crops as with the contrastive methods.

    Raises:
        ValueError: The stride has not been measured yet.
    """

    crops_per_photo = 2

    def __init__(self, params: Noise2VoidParams) -> None:
        params.require_stride()
        self.params = params

    def source_crop_px(self, crop_px: int) -> int:
        """The network's crop, times the stride that makes noise independent."""
        return self.params.stride * crop_px

    def residual(self, restore: Restore, crops: Tensor, generator: torch.Generator) -> Tensor:
        """Hidden minus foretold values, one a cell. Shape: (batch, 3, rows of cells, columns of cells)."""
        noisy = thinned(crops, self.params.stride, generator)
        batch, channels, height, width = noisy.shape
        cell_px = min(self.params.cell_px, height, width)
        spots = draw_blind_spots(batch, height, width, cell_px, generator)
        hidden, replacements = (
            index.to(noisy.device)[:, None].expand(batch, channels, -1) for index in (spots.hidden, spots.replacements)
        )
        pixels = noisy.flatten(2)
        truth = pixels.gather(2, hidden)
        seen = pixels.scatter(2, hidden, pixels.gather(2, replacements)).view_as(noisy)
        foretold = restore(seen).flatten(2).gather(2, hidden)
        return (truth - foretold).view(batch, channels, height // cell_px, width // cell_px)

    def loss(self, restore: Restore, crops: Tensor, photos: Tensor, generator: torch.Generator) -> LossParts:
        """Mean square over the hidden pixels."""
        consistency = self.residual(restore, crops, generator).square().mean()
        return LossParts(total=consistency, parts={"consistency": consistency.detach()})
