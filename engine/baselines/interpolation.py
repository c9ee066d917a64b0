"""Classical enlargement and classical demosaicking, without any noise removal.

OpenCV and Pillow are imported where they are used: the names of the methods must be there at once.
"""

import numpy as np
from numpy.typing import NDArray

from engine.events import Pixels

Plane = NDArray[np.float32]


def _kernel(rows: list[list[float]], divisor: int) -> Plane:
    return np.asarray(np.array(rows) / divisor, np.float32)


_ACROSS_AND_ALONG = _kernel([[0, 1, 0], [1, 4, 1], [0, 1, 0]], 4)
_PYRAMID = _kernel([[1, 2, 1], [2, 4, 2], [1, 2, 1]], 4)

# The filters of figure 2 in Malvar, He and Cutler, "High-quality linear interpolation for demosaicing of
# Bayer-patterned color images", ICASSP 2004.
_GREEN_AT_OTHERS = _kernel([[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]], 8)
_OTHER_AT_GREEN_IN_ITS_ROW = _kernel(
    [[0, 0, 0.5, 0, 0], [0, -1, 0, -1, 0], [-1, 4, 5, 4, -1], [0, -1, 0, -1, 0], [0, 0, 0.5, 0, 0]], 8
)
_OTHER_AT_OPPOSITE = _kernel(
    [[0, 0, -1.5, 0, 0], [0, 2, 0, 2, 0], [-1.5, 0, 6, 0, -1.5], [0, 2, 0, 2, 0], [0, 0, -1.5, 0, 0]], 8
)


def enlarge_bicubic(pixels: Pixels, scale: int) -> Pixels:
    """Enlarge by cubic convolution with a = -1/2 (Keys, 1981), as MATLAB's imresize does and the field reports.

    OpenCV's cubic has a = -3/4 and scores some tenths of a dB less.

    Args:
        pixels: Shape: (height, width, channels), 0 to 1.
        scale: How many pixels a pixel becomes to a side.

    Returns:
        Shape: (scale * height, scale * width, channels), clipped to 0 to 1.
    """
    height, width = pixels.shape[:2]
    return _resize_bicubic(pixels, height * scale, width * scale)


def shrink_bicubic(pixels: Pixels, scale: int) -> Pixels:
    """Shrink with the same cubic, widened so that it averages over what becomes one pixel.

    Args:
        pixels: Shape: (height, width, channels), 0 to 1.
        scale: How many pixels become one, to a side.

    Returns:
        Shape: (height / scale, width / scale, channels), each side rounded down, clipped to 0 to 1.
    """
    height, width = (side // scale for side in pixels.shape[:2])
    return _resize_bicubic(pixels[: height * scale, : width * scale], height, width)


def interpolate_bilinear(mosaic: Pixels) -> Pixels:
    """Fill each colour in with the mean of its nearest samples.

    Args:
        mosaic: Red top left (RGGB). Shape: (height, width, 1), 0 to 1.

    Returns:
        Shape: (height, width, 3), 0 to 1.
    """
    values = mosaic[:, :, 0]
    is_red, is_blue = _red_and_blue_places(values.shape)
    planes = ((is_red, _PYRAMID), (~is_red & ~is_blue, _ACROSS_AND_ALONG), (is_blue, _PYRAMID))
    return np.dstack([_filter(np.where(places, values, np.float32(0)), kernel) for places, kernel in planes])


def interpolate_malvar(mosaic: Pixels) -> Pixels:
    """Fill each colour in with its nearest samples, corrected by the other colours' detail (Malvar et al., 2004).

    Args:
        mosaic: Red top left (RGGB). Shape: (height, width, 1), 0 to 1.

    Returns:
        Shape: (height, width, 3), clipped to 0 to 1.
    """
    values = np.ascontiguousarray(mosaic[:, :, 0])
    is_red, is_blue = _red_and_blue_places(values.shape)
    in_red_row = np.zeros(values.shape, bool)
    in_red_row[0::2] = True
    green = np.where(is_red | is_blue, _filter(values, _GREEN_AT_OTHERS), values)
    in_row = _filter(values, _OTHER_AT_GREEN_IN_ITS_ROW)
    in_column = _filter(values, np.ascontiguousarray(_OTHER_AT_GREEN_IN_ITS_ROW.T))
    opposite = _filter(values, _OTHER_AT_OPPOSITE)
    red = np.where(is_blue, opposite, np.where(in_red_row, in_row, in_column))
    blue = np.where(is_red, opposite, np.where(in_red_row, in_column, in_row))
    rgb = np.dstack([np.where(is_red, values, red), green, np.where(is_blue, values, blue)])
    return np.asarray(rgb.clip(0.0, 1.0), np.float32)


def _resize_bicubic(pixels: Pixels, height: int, width: int) -> Pixels:
    from PIL import Image

    planes = [
        np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize((width, height), Image.Resampling.BICUBIC))
        for plane in np.moveaxis(pixels, 2, 0)
    ]
    return np.asarray(np.dstack(planes).clip(0.0, 1.0), np.float32)


def _filter(values: Plane, kernel: Plane) -> Plane:
    import cv2

    # Reflection without the outermost pixel keeps the order of the colours beyond the edge.
    return np.asarray(cv2.filter2D(values, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.float32)


def _red_and_blue_places(shape: tuple[int, ...]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    is_red, is_blue = np.zeros(shape, bool), np.zeros(shape, bool)
    is_red[0::2, 0::2] = True
    is_blue[1::2, 1::2] = True
    return is_red, is_blue
