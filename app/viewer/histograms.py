"""How often each brightness occurs in a picture, or in a part of it; no widgets."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect

from app.viewer.pictures import Picture
from app.viewer.tiles.false_colours import luma
from engine.contracts.photo import Pixels

NUM_BINS = 256
_STRIP_ROWS = 512


@dataclass(frozen=True, eq=False)
class Histogram:
    """Brightness of one picture.

    Attributes:
        title: The picture's.
        shares: What share of the pixels lies in each bin; values outside of the range count in the outermost bins.
            Shape: (`NUM_BINS`,).
        num_pixels: How many pixels there are; 0 where the picture does not reach into the part.
    """

    title: str
    shares: NDArray[np.float64]
    num_pixels: int


def histogram_of(picture: Picture, part: QRect | None = None, low: float = 0.0, high: float = 1.0) -> Histogram:
    """Count the brightness of a picture's pixels, as they are stored.

    Args:
        picture: The picture.
        part: Of it, in its own pixels; cut to it. None: the whole.
        low: Value in the middle of the first bin.
        high: Value in the middle of the last bin, above `low`.

    Raises:
        ValueError: The range is empty.
    """
    if not high > low:
        raise ValueError(f"high must be above low, got {low} and {high}")
    whole = QRect(0, 0, picture.width, picture.height)
    inside = whole if part is None else part.intersected(whole)
    counts = np.zeros(NUM_BINS, np.int64)
    if not inside.isEmpty():
        columns = slice(inside.left(), inside.left() + inside.width())
        for top in range(inside.top(), inside.top() + inside.height(), _STRIP_ROWS):
            bottom = min(top + _STRIP_ROWS, inside.top() + inside.height())
            counts += _count(luma(picture.pixels[top:bottom, columns], are_colours=not picture.channels), low, high)
    num_pixels = int(counts.sum())
    return Histogram(picture.title, counts / max(1, num_pixels), num_pixels)


def bin_values(low: float, high: float, peak: float) -> NDArray[np.float64]:
    """Return the values in the middle of the bins, on a file's scale.

    Args:
        low: Value in the middle of the first bin, 0 to 1.
        high: Value in the middle of the last bin.
        peak: What a value of 1 is in the numbers of the file: 255, 65535 or another.
    """
    return np.linspace(low * peak, high * peak, NUM_BINS)


def _count(brightness: Pixels, low: float, high: float) -> NDArray[np.int64]:
    scale = (NUM_BINS - 1) / (high - low)
    # Rounded and clipped to 0 to 255 in one pass.
    bins = cv2.convertScaleAbs(np.maximum(brightness[:, :, 0] - np.float32(low), 0), alpha=scale)
    counts: NDArray[np.int64] = np.bincount(bins.ravel(), minlength=NUM_BINS)
    return counts
