"""Gradient-corrected linear interpolation of Bayer mosaics (Malvar, He and Cutler, ICASSP 2004, figure 2).

A missing colour is the mean of its nearest samples, corrected by how far the colour that was measured there departs
from its own surroundings.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.contracts.photo import Pixels

_GREEN_AT_RED_OR_BLUE = (
    (0, 0, -1, 0, 0),
    (0, 0, 2, 0, 0),
    (-1, 2, 4, 2, -1),
    (0, 0, 2, 0, 0),
    (0, 0, -1, 0, 0),
)
_BESIDE = (
    (0, 0, 0.5, 0, 0),
    (0, -1, 0, -1, 0),
    (-1, 4, 5, 4, -1),
    (0, -1, 0, -1, 0),
    (0, 0, 0.5, 0, 0),
)
_DIAGONAL = (
    (0, 0, -1.5, 0, 0),
    (0, 2, 0, 2, 0),
    (-1.5, 0, 6, 0, -1.5),
    (0, 2, 0, 2, 0),
    (0, 0, -1.5, 0, 0),
)

INTERPOLATION_REACH_PX: Final = 2
"""How many pixels to a side an interpolated colour depends on."""


def interpolation_kernels() -> NDArray[np.float32]:
    """The kernel of each colour at each place of an RGGB cell.

    Returns:
        To be correlated with the mosaic. Shape: (3 colours, 2 rows, 2 columns, 5, 5).
    """
    measured = np.zeros((5, 5))
    measured[2, 2] = 1
    green, beside, diagonal = (np.array(kernel) / 8 for kernel in (_GREEN_AT_RED_OR_BLUE, _BESIDE, _DIAGONAL))
    red_at = ((measured, beside), (beside.T, diagonal))
    green_at = ((green, measured), (measured, green))
    blue_at = ((diagonal, beside.T), (beside, measured))
    return np.array((red_at, green_at, blue_at), np.float32)


def interpolate_rggb(mosaic: NDArray[np.float32]) -> NDArray[np.float32]:
    """Interpolate a mosaic with red top left. Shape: (height, width) to (height, width, 3), not clipped."""
    return interpolate_with_red_at(mosaic, 0, 0)


def interpolate_with_red_at(mosaic: NDArray[np.float32], red_row: int, red_column: int) -> NDArray[np.float32]:
    """Interpolate a mosaic of any filter order.

    Args:
        mosaic: Shape: (height, width), 0 to 1.
        red_row: Row of the first red pixel, 0 or 1; blue is diagonally next to it.
        red_column: Its column, 0 or 1.

    Returns:
        Not clipped. Shape: (height, width, 3).
    """
    kernels = interpolation_kernels()
    colours = np.empty((*mosaic.shape, 3), np.float32)
    # What was measured, red at red's place for one, stays as it is.
    filtered = {kernels[0, 0, 0].tobytes(): mosaic}
    for colour, row, column in np.ndindex(3, 2, 2):
        kernel = kernels[colour, row ^ red_row, column ^ red_column]
        key = kernel.tobytes()
        if key not in filtered:
            # Reflection about the border pixel keeps the filters' order beyond the border.
            filtered[key] = np.asarray(cv2.filter2D(mosaic, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.float32)
        colours[row::2, column::2, colour] = filtered[key][row::2, column::2]
    return colours


def bayer_mosaic(pixels: Pixels) -> Pixels:
    """Take of each pixel the colour that a camera's filter, with red top left (RGGB), lets through.

    Args:
        pixels: Shape: (height, width, 3), 0 to 1.

    Returns:
        Shape: (height, width, 1), read-only.
    """
    mosaic: Pixels = np.array(pixels[:, :, 1:2], np.float32)
    mosaic[0::2, 0::2, 0] = pixels[0::2, 0::2, 0]
    mosaic[1::2, 1::2, 0] = pixels[1::2, 1::2, 2]
    mosaic.setflags(write=False)
    return mosaic
