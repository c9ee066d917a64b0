"""Values along a line, and mean and standard deviation of a rectangle: what a microscopist reads off a picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.comparing.region_metrics import Region
from engine.contracts.photo import Pixels

_ROWS_AT_ONCE = 1024


@dataclass(frozen=True, eq=False)
class LineProfile:
    """Values along a line.

    Attributes:
        distances: From its start, in pixels, a pixel apart. Shape: (places,).
        values: Shape: (places, channels); NaN where the line lies outside of the picture.
    """

    distances: NDArray[np.float64]
    values: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Statistics:
    """What the pixels of a region are like.

    Attributes:
        mean: Shape: (channels,).
        deviation: Their standard deviation (of a sample: divided by one less than their number); 0 of one pixel.
        num_pixels: How many there are.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    num_pixels: int


def line_profile(
    pixels: Pixels, start: tuple[float, float], end: tuple[float, float], *, width_px: int = 1
) -> LineProfile:
    """Read the values along a line, between pixels linearly interpolated.

    Args:
        pixels: Height x width x channels.
        start: Column and row; whole numbers are the middles of pixels.
        end: Column and row.
        width_px: So many parallel lines, a pixel apart, are averaged.

    Raises:
        ValueError: The width is below 1.
    """
    if width_px < 1:
        raise ValueError(f"a line is at least 1 pixel wide; found {width_px}")
    first, last = np.array(start, np.float64), np.array(end, np.float64)
    length = float(np.hypot(*(last - first)))
    distances = np.arange(int(length + 1e-9) + 1, dtype=np.float64)
    along = (last - first) / length if length > 0 else np.array([1.0, 0.0])
    across = np.array([-along[1], along[0]])
    sides = np.arange(width_px) - (width_px - 1) / 2
    places = first + distances[:, None, None] * along + sides[None, :, None] * across
    return LineProfile(distances, np.mean(_interpolated(pixels, places[..., 0], places[..., 1]), axis=1))


def region_statistics(pixels: Pixels, region: Region | None = None) -> Statistics | None:
    """Return mean and standard deviation of each channel.

    Args:
        pixels: Height x width x channels.
        region: Of which rectangle; cut to the picture. None: of the whole.

    Returns:
        None where the region lies outside.
    """
    inside = Region(0, 0, pixels.shape[1], pixels.shape[0]) if region is None else region
    clipped = inside.clipped(pixels.shape[1], pixels.shape[0])
    if clipped is None:
        return None
    part = clipped.of(pixels)
    num_pixels = part.shape[0] * part.shape[1]
    strips = [slice(top, top + _ROWS_AT_ONCE) for top in range(0, part.shape[0], _ROWS_AT_ONCE)]
    mean = np.sum([part[rows].sum(axis=(0, 1), dtype=np.float64) for rows in strips], axis=0) / num_pixels
    squares = np.sum([np.square(part[rows].astype(np.float64) - mean).sum(axis=(0, 1)) for rows in strips], axis=0)
    return Statistics(mean, np.sqrt(squares / max(num_pixels - 1, 1)), num_pixels)


def _interpolated(pixels: Pixels, columns: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values at places between pixels. Shape: that of the places, and the channels."""
    height, width = pixels.shape[:2]
    # A pixel reaches half a pixel around its middle: so far the outermost ones hold.
    reach = 0.5 + 1e-6
    beyond_columns = (columns < -reach) | (columns > width - 1 + reach)
    is_outside = beyond_columns | (rows < -reach) | (rows > height - 1 + reach)
    columns, rows = np.clip(columns, 0, width - 1), np.clip(rows, 0, height - 1)
    left, top = np.floor(columns).astype(np.int64), np.floor(rows).astype(np.int64)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    share_x, share_y = (columns - left)[..., None], (rows - top)[..., None]
    upper = pixels[top, left] * (1 - share_x) + pixels[top, right] * share_x
    lower = pixels[bottom, left] * (1 - share_x) + pixels[bottom, right] * share_x
    values = np.asarray(upper * (1 - share_y) + lower * share_y, np.float64)
    values[is_outside] = np.nan
    return values
