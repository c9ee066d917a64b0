"""Colours of sensors: white balance gains, matrices to sRGB, and the sRGB curve."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Matrix = tuple[tuple[float, float, float], ...]
"""Three rows of three."""

NEUTRAL_MATRIX: Final[Matrix] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

TYPICAL_DAYLIGHT: Final = (2.0, 1.0, 1.4)
"""Gains for daylight of a sensor nothing is known of: green filters let through about twice as much light as others."""

TYPICAL_MATRIX: Final[Matrix] = ((1.75, -0.75, 0.0), (-0.2, 1.6, -0.4), (0.0, -0.5, 1.5))
"""To sRGB from the colours of a sensor nothing is known of; those of common cameras lie around it."""

XYZ_FROM_SRGB: Final = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
"""Linear sRGB to CIE XYZ of daylight, D65 (ITU-R BT.709 primaries)."""


def normalise_gains(red: float, green: float, blue: float) -> tuple[float, float, float]:
    """White balance gains of which the smallest is 1: then what is saturated in one colour is white in all."""
    smallest = min(red, green, blue)
    return red / smallest, green / smallest, blue / smallest


def normalise_rows(matrix: NDArray[np.float64]) -> Matrix:
    """A colour matrix whose rows sum to 1, so that white stays white; neutral where that cannot be. Shape: (3, 3)."""
    sums = matrix.sum(axis=1, keepdims=True)
    if not np.isfinite(matrix).all() or (sums < 1e-3).any():
        return NEUTRAL_MATRIX
    return tuple((float(row[0]), float(row[1]), float(row[2])) for row in matrix / sums)


def matrix_from_xyz(camera_from_xyz: NDArray[np.float64]) -> Matrix:
    """The matrix from white-balanced camera colours to sRGB, out of that from XYZ to the camera.

    The camera's answers to sRGB's white are made equal first, as white balance makes them.

    Args:
        camera_from_xyz: As DNG's ColorMatrix for D65. Shape: (3, 3).
    """
    camera_from_srgb = camera_from_xyz @ XYZ_FROM_SRGB
    answers_to_white = camera_from_srgb.sum(axis=1, keepdims=True)
    if not np.isfinite(answers_to_white).all() or (answers_to_white <= 0).any():
        return NEUTRAL_MATRIX
    balanced = camera_from_srgb / answers_to_white
    return normalise_rows(np.linalg.inv(balanced)) if abs(np.linalg.det(balanced)) > 1e-3 else NEUTRAL_MATRIX


def srgb_from_linear(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Apply the sRGB curve (IEC 61966-2-1). Same shape, 0 to 1."""
    encoded = np.float32(1.055) * light ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.where(light <= np.float32(0.0031308), light * np.float32(12.92), encoded)


def linear_from_srgb(encoded: NDArray[np.float32]) -> NDArray[np.float32]:
    """Undo the sRGB curve (IEC 61966-2-1). Same shape, 0 to 1."""
    light = ((encoded + np.float32(0.055)) * np.float32(1 / 1.055)) ** np.float32(2.4)
    return np.where(encoded <= np.float32(0.04045), encoded * np.float32(1 / 12.92), light)
