"""Colour filter mosaics and the ways in which cameras turn them into pictures, for the simulation of cameras.

The filters are linear interpolation, the gradient-corrected one of Malvar, He and Cutler ("High-quality linear
interpolation for demosaicing of Bayer-patterned color images", ICASSP 2004, figure 2), and OpenCV's edge-aware one.
Each shapes noise in its own way, which is what a simulation needs them for.
"""

from collections.abc import Callable, Mapping
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.photo_files.raw.demosaicking import interpolate_with_red_at
from engine.photo_files.raw.mosaic import FilterOrder
from engine.simulation.pictures import Picture

Mosaic = NDArray[np.float32]

_RED, _GREEN, _BLUE = 0, 1, 2

_EDGE_AWARE_CODES: Final[Mapping[FilterOrder, int]] = {
    "RGGB": cv2.COLOR_BayerRGGB2RGB_EA,
    "BGGR": cv2.COLOR_BayerBGGR2RGB_EA,
    "GRBG": cv2.COLOR_BayerGRBG2RGB_EA,
    "GBRG": cv2.COLOR_BayerGBRG2RGB_EA,
}

_HEADROOM = 0.25
"""Room below black and above white for the noise, where a mosaic is turned into integers."""

_LINEAR_GREEN = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4
_LINEAR_OTHERS = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 4


def mosaic_of(picture: Picture, order: FilterOrder) -> Mosaic:
    """Keep the one colour of each pixel that its filter lets through.

    Args:
        picture: Linear. Shape: (height, width, 3).
        order: The filters.

    Returns:
        Shape: (height, width).
    """
    mosaic = np.empty(picture.shape[:2], np.float32)
    for channel, row, column in _sites(order):
        mosaic[row::2, column::2] = picture[row::2, column::2, channel]
    return mosaic


def demosaick_linear(mosaic: Mosaic, order: FilterOrder) -> Picture:
    """Average the nearest pixels of a colour. Shape: (height, width) to (height, width, 3)."""
    picture = np.zeros((*mosaic.shape, 3), np.float32)
    for channel, row, column in _sites(order):
        picture[row::2, column::2, channel] = mosaic[row::2, column::2]
    planes = [
        cv2.filter2D(
            picture[..., channel],
            -1,
            _LINEAR_GREEN if channel == _GREEN else _LINEAR_OTHERS,
            borderType=cv2.BORDER_REFLECT_101,
        )
        for channel in (_RED, _GREEN, _BLUE)
    ]
    return np.stack(planes, axis=-1)


def demosaick_gradient_corrected(mosaic: Mosaic, order: FilterOrder) -> Picture:
    """Linear interpolation, corrected by the gradient of the colour at hand (Malvar, He, Cutler, 2004).

    Shape: (height, width) to (height, width, 3).
    """
    return interpolate_with_red_at(mosaic, *divmod(order.index("R"), 2))


def demosaick_edge_aware(mosaic: Mosaic, order: FilterOrder) -> Picture:
    """Interpolate along edges (OpenCV's edge-aware method). Shape: (height, width) to (height, width, 3)."""
    scale = 65535 / (1 + 2 * _HEADROOM)
    levels = np.clip((mosaic + _HEADROOM) * scale + 0.5, 0, 65535).astype(np.uint16)
    picture = cv2.cvtColor(levels, _EDGE_AWARE_CODES[order])
    return np.asarray(picture.astype(np.float32) * np.float32(1 / scale) - np.float32(_HEADROOM))


DEMOSAICKERS: Final[Mapping[str, Callable[[Mosaic, FilterOrder], Picture]]] = {
    "linear": demosaick_linear,
    "gradient-corrected": demosaick_gradient_corrected,
    "edge-aware": demosaick_edge_aware,
}


def _sites(order: FilterOrder) -> list[tuple[int, int, int]]:
    """Return channel, row and column of the four pixels of a cell."""
    return [("RGB".index(letter), place // 2, place % 2) for place, letter in enumerate(order)]
