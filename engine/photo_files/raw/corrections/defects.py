"""Dead and hot pixels of a sensor: found by standing alone, replaced along the smoothest direction.

A defect is one sample: the pixels around it, behind other filters, know nothing of it. A star or a glint is light,
which lens and filters spread over neighbours too. That, and a wide margin against noise, keeps what belongs to the
picture.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_MIN_DEPARTURE = 0.04
_DEPARTURE_TO_SPREAD = 1.25
_MAX_SHARE_BESIDE = 0.4

_SAME_COLOUR = np.array([[1, 0, 1, 0, 1], [0, 0, 0, 0, 0], [1, 0, 0, 0, 1], [0, 0, 0, 0, 0], [1, 0, 1, 0, 1]], np.uint8)
_ADJACENT = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.uint8)
_DIRECTIONS = ((0, 2), (2, 0), (2, 2), (2, -2))


def correct_defects(mosaic: NDArray[np.float32]) -> NDArray[np.float32]:
    """Replace samples that stand alone above or below all eight neighbours of their own colour.

    How far is judged on square roots, on which the noise of light is about the same everywhere (Anscombe, 1948): by
    more than the neighbours' own spread and a fixed margin.

    Args:
        mosaic: One sample a pixel behind 2x2 colour filters, linear, 0 to 1. Shape: (height, width).

    Returns:
        The corrected mosaic. Same shape; the same array where nothing was found.
    """
    if min(mosaic.shape) < 5:
        return mosaic
    roots = np.sqrt(mosaic)
    highest = _extreme(roots, cv2.dilate)
    lowest = _extreme(roots, cv2.erode)
    margin = _MIN_DEPARTURE + _DEPARTURE_TO_SPREAD * (highest - lowest)
    is_defect = _stands_alone(roots, highest, margin) | _stands_alone(-roots, -lowest, margin)
    rows, columns = np.nonzero(is_defect)
    if not rows.size:
        return mosaic
    corrected = mosaic.copy()
    padded = np.pad(mosaic, 2, mode="reflect")
    pairs = np.stack(
        [
            (padded[rows + 2 + down, columns + 2 + right], padded[rows + 2 - down, columns + 2 - right])
            for down, right in _DIRECTIONS
        ]
    )
    smoothest = np.abs(pairs[:, 0] - pairs[:, 1]).argmin(axis=0)
    corrected[rows, columns] = pairs.mean(axis=1)[smoothest, np.arange(rows.size)]
    return corrected


def _extreme(roots: NDArray[np.float32], operation: Callable[..., Any]) -> NDArray[np.float32]:
    # Reflection about the border pixel keeps the filters' order beyond the border; morphology itself does not offer it.
    padded = cv2.copyMakeBorder(roots, 2, 2, 2, 2, cv2.BORDER_REFLECT_101)
    found: NDArray[np.float32] = operation(padded, _SAME_COLOUR)[2:-2, 2:-2]
    return found


def _stands_alone(
    roots: NDArray[np.float32], highest: NDArray[np.float32], margin: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Tell what exceeds its own colour's highest neighbour by more than the margin, the pixels beside it far less."""
    departure = roots - highest
    # These may be one another's neighbours, so that each is judged by the mean of its own.
    rise = roots - cv2.filter2D(roots, -1, _SAME_COLOUR / np.float32(8), borderType=cv2.BORDER_REFLECT_101)
    beside = cv2.dilate(rise, _ADJACENT)
    alone: NDArray[np.bool_] = (departure > margin) & (beside < _MAX_SHARE_BESIDE * departure)
    return alone
