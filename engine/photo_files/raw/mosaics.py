"""What a camera's Bayer colour filters let through: one colour a pixel."""

import numpy as np

from engine.contracts.photo import Pixels


def bayer_mosaic(pixels: Pixels) -> Pixels:
    """Take of each pixel the colour that a filter with red top left (RGGB) lets through.

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
