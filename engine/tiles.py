"""The parts that a photo is restored in, and how it is continued beyond its edges."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Tile:
    """A part of a photo. Rows `top` to `bottom` and columns `left` to `right`, ends excluded."""

    top: int
    bottom: int
    left: int
    right: int


def split_into_tiles(area: Tile, tile_px: int, grid_px: int) -> list[Tile]:
    """Cover an area with tiles of about equal size, without overlap.

    Args:
        area: What to cover; begins on the grid.
        tile_px: Largest side of a tile; a multiple of the grid.
        grid_px: Tiles begin at multiples of it.

    Returns:
        Tiles from top left to bottom right.
    """
    rows = _split_range(area.top, area.bottom, tile_px, grid_px)
    columns = _split_range(area.left, area.right, tile_px, grid_px)
    return [Tile(top, bottom, left, right) for top, bottom in rows for left, right in columns]


def mirror_indices(start: int, stop: int, size: int) -> NDArray[np.intp]:
    """Return the indices 0 to size - 1 that a range takes if the axis is continued by reflection at its ends.

    Args:
        start: First position; may be negative.
        stop: Behind the last position; may exceed `size`.
        size: Length of the axis, at least 1.
    """
    period = max(2 * (size - 1), 1)
    positions = np.arange(start, stop) % period
    return np.minimum(positions, period - positions) if size > 1 else np.zeros(stop - start, np.intp)


def _split_range(start: int, stop: int, tile_px: int, grid_px: int) -> list[tuple[int, int]]:
    num_tiles = math.ceil((stop - start) / tile_px)
    side = math.ceil((stop - start) / num_tiles / grid_px) * grid_px
    return [(begin, min(begin + side, stop)) for begin in range(start, stop, side)]
