"""Classical demosaicking, without any noise removal.

OpenCV is imported where it is used: the names of the methods must be there at once.
"""

import numpy as np

from engine.contracts.photo import Pixels

_ACROSS_AND_ALONG = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 4
_PYRAMID = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 4


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
    from engine.photo_files.raw.demosaicking import interpolate_rggb

    return interpolate_rggb(np.ascontiguousarray(mosaic[:, :, 0])).clip(0.0, 1.0)
