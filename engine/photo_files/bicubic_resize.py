"""Shrinking and enlarging photos by whole factors with the cubic of Keys (IEEE TASSP 1981, a = -1/2).

As MATLAB's `imresize` does it, which made the usual super-resolution sets: for shrinking the cubic is widened by the
factor, so that it averages over what becomes one pixel; borders are continued by their mirror image, border pixel
included. OpenCV's own cubic has a = -3/4 and does not widen.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.contracts.photo import Pixels

ENLARGING_REACH_PX: Final = 2
"""How far to a side, in pixels of the small photo, the cubic looks to enlarge one pixel."""


def cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weight of a sample at a distance, in pixels: Keys' equation 15; 0 from 2 on."""
    x = np.abs(distance)
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def shrinking_reach_px(scale: int) -> int:
    """How far beyond the scale x scale pixels that become one pixel the widened cubic looks, to each side."""
    return 3 * scale // 2


def shrinking_weights(scale: int) -> NDArray[np.float32]:
    """What the pixels of a line weigh in one pixel of the shrunk line, from `shrinking_reach_px` before its first one.

    Returns:
        Shape: (scale + 2 * shrinking_reach_px(scale),); they sum to 1.
    """
    reach = shrinking_reach_px(scale)
    places = np.arange(-reach, scale + reach) - (scale - 1) / 2
    weights = cubic(places / scale)
    return np.asarray(weights / weights.sum(), np.float32)


def enlarging_weights(scale: int) -> NDArray[np.float32]:
    """What the pixels around a pixel of a line weigh in each of the `scale` pixels that it becomes.

    Returns:
        Shape: (scale, 2 * ENLARGING_REACH_PX + 1); each row sums to 1.
    """
    offsets = (np.arange(scale) + 0.5) / scale - 0.5
    places = np.arange(-ENLARGING_REACH_PX, ENLARGING_REACH_PX + 1)
    return np.asarray(cubic(places - offsets[:, None]), np.float32)


def shrink(pixels: Pixels, scale: int) -> Pixels:
    """Shrink a photo; rows and columns that fill no whole pixel are cut off at the bottom and on the right.

    Args:
        pixels: At least one pixel remains of each side. Shape: (height, width, channels), 0 to 1 for photographs.
        scale: How many pixels become one, to a side.

    Returns:
        Clipped, read-only. Shape: (height // scale, width // scale, channels).
    """
    height, width = (side // scale * scale for side in pixels.shape[:2])
    weights = shrinking_weights(scale)
    start = shrinking_reach_px(scale)
    filtered = cv2.sepFilter2D(
        np.ascontiguousarray(pixels[:height, :width]),
        -1,
        weights,
        weights,
        anchor=(start, start),
        borderType=cv2.BORDER_REFLECT,
    )
    shrunk = np.asarray(filtered, np.float32)[::scale, ::scale]
    return _finished(shrunk.reshape(height // scale, width // scale, -1), pixels)


def enlarge(pixels: Pixels, scale: int) -> Pixels:
    """Enlarge a photo.

    Args:
        pixels: Shape: (height, width, channels), 0 to 1 for photographs.
        scale: How many pixels a pixel becomes to a side.

    Returns:
        Clipped, read-only. Shape: (scale * height, scale * width, channels).
    """
    height, width, num_channels = pixels.shape
    weights = enlarging_weights(scale)
    tall = np.empty((height, scale, width, num_channels), np.float32)
    for phase, row in enumerate(weights):
        tall[:, phase] = _filtered(pixels, row[:, None]).reshape(pixels.shape)
    filled = tall.reshape(scale * height, width, num_channels)
    large = np.empty((scale * height, width, scale, num_channels), np.float32)
    for phase, row in enumerate(weights):
        large[:, :, phase] = _filtered(filled, row[None, :]).reshape(filled.shape)
    return _finished(large.reshape(scale * height, scale * width, num_channels), pixels)


def _filtered(pixels: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.filter2D(np.ascontiguousarray(pixels), -1, weights, borderType=cv2.BORDER_REFLECT))


def _finished(pixels: NDArray[np.float32], source: Pixels) -> Pixels:
    """Clip what overshoots to 0 to 1, or to the range of the source where that is wider."""
    lowest, highest = min(0.0, float(source.min())), max(1.0, float(source.max()))
    result: Pixels = np.clip(pixels, lowest, highest, dtype=np.float32)
    result.flags.writeable = False
    return result
