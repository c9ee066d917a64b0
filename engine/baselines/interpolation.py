"""Classical enlargement and classical demosaicking, without any noise removal.

OpenCV and Pillow are imported where they are used: the names of the methods must be there at once.
"""

import numpy as np

from engine.events import Pixels

_ACROSS_AND_ALONG = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 4
_PYRAMID = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 4


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
    import cv2

    values = mosaic[:, :, 0]
    is_red, is_blue = np.zeros(values.shape, bool), np.zeros(values.shape, bool)
    is_red[0::2, 0::2] = True
    is_blue[1::2, 1::2] = True
    planes = ((is_red, _PYRAMID), (~is_red & ~is_blue, _ACROSS_AND_ALONG), (is_blue, _PYRAMID))
    # Reflection about the border pixel keeps the order of the colours beyond the border.
    filled = [
        cv2.filter2D(np.where(places, values, np.float32(0)), -1, kernel, borderType=cv2.BORDER_REFLECT_101)
        for places, kernel in planes
    ]
    return np.asarray(np.dstack(filled), np.float32)


def interpolate_malvar(mosaic: Pixels) -> Pixels:
    """Fill each colour in with its nearest samples, corrected by the other colours' detail (Malvar et al., 2004).

    Args:
        mosaic: Red top left (RGGB). Shape: (height, width, 1), 0 to 1.

    Returns:
        Shape: (height, width, 3), clipped to 0 to 1.
    """
    from engine.data.bayer_interpolation import interpolate_rggb

    return interpolate_rggb(np.ascontiguousarray(mosaic[:, :, 0])).clip(0.0, 1.0)


def _resize_bicubic(pixels: Pixels, height: int, width: int) -> Pixels:
    from PIL import Image

    planes = [
        np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize((width, height), Image.Resampling.BICUBIC))
        for plane in np.moveaxis(pixels, 2, 0)
    ]
    return np.asarray(np.dstack(planes).clip(0.0, 1.0), np.float32)
