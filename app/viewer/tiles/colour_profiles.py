"""Showing pixels in the colours that their file's profile means, on a display that is taken to be sRGB."""

from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColorSpace, QImage

from app.look.image_convert import image_view, qimage_from_pixels
from app.viewer.tiles.false_colours import luma
from engine.contracts.photo import Pixels

# Where a profile's header says so (ICC.1:2022, table 17).
_HEADER_BYTES = 128
_SIZE = slice(0, 4)
_COLOUR_MODEL = slice(16, 20)
_SIGNATURE = slice(36, 40)
_MODELS = {3: b"RGB ", 1: b"GRAY"}

_GRAY_STEPS = 4096


class ProfileConversion:
    """From one profile's colours to sRGB, in floats: what lies outside of sRGB is clipped only when it is painted.

    Curves, matrices and tables are all read by Qt's colour management.
    """

    def __init__(self, colour_space: QColorSpace) -> None:
        self._colour_space = colour_space
        self._srgb = QColorSpace(QColorSpace.NamedColorSpace.SRgb)

    @property
    def name(self) -> str:
        """What the profile calls itself."""
        return self._colour_space.description()

    def apply(self, pixels: Pixels) -> Pixels:
        """Convert pixels; any thread.

        Args:
            pixels: Height x width x channels, 0 to 1.

        Returns:
            A new array of the same shape; of colour, what sRGB does not hold lies outside of 0 to 1.
        """
        return self._apply_to_colour(pixels) if pixels.shape[2] == 3 else self._apply_to_gray(pixels)

    def gray_before(self, converted: float) -> float:
        """Return which gray value of the profile becomes a gray one of sRGB: the inverse of `apply`.

        Args:
            converted: 0 to 1.
        """
        return float(np.interp(converted, self._grays, np.linspace(0, 1, _GRAY_STEPS)))

    @cached_property
    def _grays(self) -> NDArray[np.float64]:
        """What evenly spaced gray values become, black to white. Shape: (`_GRAY_STEPS`,)."""
        num_channels = 1 if self._colour_space.colorModel() is QColorSpace.ColorModel.Gray else 3
        ramp = np.linspace(0, 1, _GRAY_STEPS, dtype=np.float32)[None, :, None]
        converted = self.apply(np.ascontiguousarray(np.broadcast_to(ramp, (1, _GRAY_STEPS, num_channels))))
        # Rounding may take a step back, of which there is no inverse.
        return np.maximum.accumulate(luma(converted).ravel().astype(np.float64))

    def _apply_to_colour(self, pixels: Pixels) -> Pixels:
        height, width = pixels.shape[:2]
        image = QImage(width, height, QImage.Format.Format_RGBX32FPx4)
        rows = np.frombuffer(image.bits(), np.float32).reshape(height, width, 4)
        rows[:, :, :3] = pixels
        rows[:, :, 3] = 1.0
        image.setColorSpace(self._colour_space)
        converted = image.convertedToColorSpace(self._srgb)
        values = np.frombuffer(converted.constBits(), np.float32).reshape(height, width, 4)
        return np.array(values[:, :, :3])

    def _apply_to_gray(self, pixels: Pixels) -> Pixels:
        # Qt has no gray image of floats; 16 bits hold all that a gray file does.
        image = qimage_from_pixels(pixels, bit_depth=16)
        image.setColorSpace(self._colour_space)
        converted = image.convertedToColorSpace(self._srgb).convertToFormat(QImage.Format.Format_Grayscale16)
        gray: Pixels = image_view(converted).astype(np.float32)
        gray *= np.float32(1 / 65535)
        return gray


@lru_cache(maxsize=32)
def conversion_to_srgb(icc_profile: bytes | None, num_channels: int) -> ProfileConversion | None:
    """Return how to show pixels of a profile.

    Args:
        icc_profile: As embedded in a file; None for none.
        num_channels: 1 for gray, 3 for colour.

    Returns:
        None where nothing is to be done: no profile, sRGB itself, or a profile that is broken or of another colour
        model, in which case the values are shown as if they were sRGB.
    """
    if icc_profile is None or not _is_whole(icc_profile) or icc_profile[_COLOUR_MODEL] != _MODELS[num_channels]:
        return None
    colour_space = QColorSpace.fromIccProfile(icc_profile)
    if not colour_space.isValid():
        return None
    srgb = QColorSpace(QColorSpace.NamedColorSpace.SRgb)
    if colour_space.transformationToColorSpace(srgb).isIdentity():
        return None
    return ProfileConversion(colour_space)


def _is_whole(icc_profile: bytes) -> bool:
    """Whether a profile is one, and has not been cut off."""
    declared = int.from_bytes(icc_profile[_SIZE], "big")
    return _HEADER_BYTES < declared <= len(icc_profile) and icc_profile[_SIGNATURE] == b"acsp"
