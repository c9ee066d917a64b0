"""Mosaics whose samples were exchanged within their cells.

Some test recordings in "all four orders" are one recording: its red, green and blue samples were written to the places
that another order has for them, up to a pixel from where the sensor measured them. Taken at its word such a file shows
every edge twice. Where samples truly lie is told by the picture: at their own places neighbours agree best.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.photo_files.raw.mosaic import FILTER_ORDERS, FilterOrder

_SURROUNDINGS_PX: Final = 9
# Exchanged samples were seen to be 12 to 18 % rougher than at their own places; recordings of a camera never were.
_CLEARLY_SMOOTHER: Final = 0.95
_DARKEST: Final = 1e-3


def find_recorded_order(mosaic: NDArray[np.float32], stated: FilterOrder) -> FilterOrder:
    """The order in which the samples lie where the sensor measured them.

    Args:
        mosaic: Linear, 0 to 1. Shape: (height, width).
        stated: The order of the file.

    Returns:
        The stated order, unless another is clearly smoother.
    """
    if min(mosaic.shape) < 2 * _SURROUNDINGS_PX:
        return stated
    height, width = (side // 2 * 2 for side in mosaic.shape)
    # The logarithm and the subtraction of the surroundings leave the detail that all colours share.
    detail = np.log(np.maximum(mosaic[:height, :width], _DARKEST))
    for row, column in np.ndindex(2, 2):
        part = detail[row::2, column::2]
        part -= cv2.blur(part, (_SURROUNDINGS_PX, _SURROUNDINGS_PX))
    roughness = {order: _roughness(rearrange(detail, stated, order)) for order in FILTER_ORDERS}
    smoothest = min(FILTER_ORDERS, key=lambda order: roughness[order])
    return smoothest if roughness[smoothest] < _CLEARLY_SMOOTHER * roughness[stated] else stated


def rearrange(mosaic: NDArray[np.float32], stated: FilterOrder, recorded: FilterOrder) -> NDArray[np.float32]:
    """Put each sample of a cell where its colour lies in another order; the greens keep their sequence.

    Args:
        mosaic: Shape: (height, width); an odd last row or column, which has no whole cells, stays as it is.
        stated: The order of the file.
        recorded: The order of the result.
    """
    if stated == recorded:
        return mosaic
    height, width = (side // 2 * 2 for side in mosaic.shape)
    rearranged = mosaic.copy()
    for source, target in zip(_places(stated), _places(recorded), strict=True):
        rearranged[target[0] : height : 2, target[1] : width : 2] = mosaic[
            source[0] : height : 2, source[1] : width : 2
        ]
    return rearranged


def _places(order: FilterOrder) -> list[tuple[int, int]]:
    """Row and column of red, the first green, the second green and blue."""
    positions = sorted(range(4), key=lambda position: ("RGB".index(order[position]), position))
    return [divmod(position, 2) for position in positions]


def _roughness(detail: NDArray[np.float32]) -> float:
    return float(np.abs(np.diff(detail, axis=0)).mean() + np.abs(np.diff(detail, axis=1)).mean())
