"""What the simulation does to pictures whatever their noise: rounding, gray, smoothing, and random fields."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
"""Shape: (height, width, 3)."""

Plane = NDArray[np.float32]
"""Shape: (height, width)."""

_REACH = 3.5
"""Standard deviations of a Gaussian after which its kernel ends."""


def rounded(picture: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """Clip to 0 to 1 and round to the levels of a file of so many bits."""
    levels = np.float32(2**bits - 1)
    return np.asarray(np.rint(np.clip(picture, 0, 1) * levels) / levels, np.float32)


def gray(picture: Picture) -> Picture:
    """Make the channels equal. Shape: (height, width, 3)."""
    return as_three(luminance(picture))


def luminance(picture: Picture) -> Plane:
    """Shape: (height, width, 3) to (height, width)."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)


def as_three(plane: Plane) -> Picture:
    """Shape: (height, width) to (height, width, 3), all channels equal."""
    return np.asarray(cv2.cvtColor(plane, cv2.COLOR_GRAY2RGB), np.float32)


def smoothed(picture: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """Blur by a Gaussian; 0 leaves the picture as it is."""
    if not sigma_px:
        return picture
    kernel = _gaussian(sigma_px)
    return np.asarray(cv2.sepFilter2D(picture, -1, kernel, kernel, borderType=cv2.BORDER_REFLECT_101), np.float32)


def random_field(
    generator: np.random.Generator, shape: tuple[int, ...], sigma_px: float, *, along: str = "both"
) -> NDArray[np.float32]:
    """Draw Gaussian noise of variance 1 everywhere, whose neighbours are alike.

    Args:
        generator: Source of chance.
        shape: (height, width) or (height, width, channels); channels are independent.
        sigma_px: Standard deviation of the blur; the autocorrelation is a Gaussian that is sqrt(2) as wide. 0: white.
        along: "both" ways, or "rows": only from row to row.
    """
    if not sigma_px:
        return generator.standard_normal(shape, np.float32)
    kernel = _gaussian(sigma_px)
    # Drawn larger, since mirrored borders would have another variance.
    margin = len(kernel) // 2
    sides = (margin, margin if along == "both" else 0)
    white = generator.standard_normal((shape[0] + 2 * sides[0], shape[1] + 2 * sides[1], *shape[2:]), np.float32)
    norm = np.float32(np.sqrt(np.square(kernel).sum()))
    none = np.ones((1, 1), np.float32)
    field = cv2.sepFilter2D(white, -1, kernel / norm if along == "both" else none, kernel / norm)
    return np.asarray(field, np.float32).reshape(white.shape)[
        sides[0] : sides[0] + shape[0], sides[1] : sides[1] + shape[1]
    ]


@lru_cache(maxsize=256)
def _gaussian(sigma_px: float) -> NDArray[np.float32]:
    radius = max(int(np.ceil(_REACH * sigma_px)), 1)
    return np.asarray(cv2.getGaussianKernel(2 * radius + 1, sigma_px, cv2.CV_32F), np.float32)
