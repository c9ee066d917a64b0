"""The parts that a photo is restored in, and how it is continued beyond its edges."""

import math
from collections.abc import Iterable
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

    def grown(self, by_px: int, height: int, width: int) -> "Tile":
        """Return it with its surroundings, as far as a photo of this size has any."""
        return Tile(
            max(self.top - by_px, 0),
            min(self.bottom + by_px, height),
            max(self.left - by_px, 0),
            min(self.right + by_px, width),
        )

    def within(self, other: "Tile") -> tuple[slice, slice]:
        """Return the rows and columns that it takes in what covers another tile."""
        return (
            slice(self.top - other.top, self.bottom - other.top),
            slice(self.left - other.left, self.right - other.left),
        )


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


@dataclass(frozen=True, kw_only=True)
class WindowRule:
    """How much around a tile is computed with it; windows begin and end on the network's grid.

    So no network has to add to a window what it lacks to whole cells, which each library would have to do alike.

    Attributes:
        context_px: To each side, where the photo goes on; a multiple of the grid.
        border_px: To each side, where it ends and is continued by its mirror image; a multiple of the grid, to which
            the last cell is filled up.
        grid_px: The network's.
        step_px: What the sides of windows are multiples of where that can be chosen; a multiple of the grid.
    """

    context_px: int
    border_px: int
    grid_px: int
    step_px: int

    def smallest(self, start: int, stop: int, size: int) -> tuple[int, int]:
        """Return the range that a tile's range needs to be computed from.

        Args:
            start: Where the tile begins; a multiple of the grid.
            stop: Where it ends.
            size: Of the photo along this axis.
        """
        last = min(_round_up(stop + self.context_px, self.grid_px), self._end(size))
        return max(start - self.context_px, -self.border_px), last

    def common_length(self, ranges: Iterable[tuple[int, int]], size: int) -> int:
        """Return the length that holds what each of some tiles needs; a multiple of the step.

        Args:
            ranges: Where each tile begins and ends along this axis.
            size: Of the photo along this axis.
        """
        needed = (self.smallest(start, stop, size) for start, stop in ranges)
        return _round_up(max(last - first for first, last in needed), self.step_px)

    def of_length(self, length: int, start: int, stop: int, size: int) -> tuple[int, int]:
        """Return a range of a length that holds the smallest.

        So there are few lengths, without a pixel that is not the photo's or its mirrored border's: a window that would
        go beyond reaches farther in instead, and is shorter only where all of the axis is.

        Args:
            length: As of `common_length`.
            start: Where the tile begins; a multiple of the grid.
            stop: Where it ends.
            size: Of the photo along this axis.
        """
        end = self._end(size)
        first = max(min(self.smallest(start, stop, size)[0], end - length), -self.border_px)
        return first, min(first + length, end)

    def _end(self, size: int) -> int:
        return _round_up(size + self.border_px, self.grid_px)


def _round_up(length: int, step: int) -> int:
    return math.ceil(length / step) * step


def _split_range(start: int, stop: int, tile_px: int, grid_px: int) -> list[tuple[int, int]]:
    num_tiles = math.ceil((stop - start) / tile_px)
    side = _round_up(math.ceil((stop - start) / num_tiles), grid_px)
    return [(begin, min(begin + side, stop)) for begin in range(start, stop, side)]
