"""From the colour models that print and video use to sRGB."""

from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from engine.photo_files.colour.icc_profiles import convert_inks_to_srgb, encode_srgb

LabEncoding = Literal["cielab", "icclab", "itulab"]
"""As TIFF numbers the photometric interpretations 8, 9 and 10."""

_D50: Final = np.array([0.9642, 1.0, 0.8249], np.float32)
# IEC 61966-2-1, with white moved to D50 as ICC does it (Bradford), inverted.
_XYZ_D50_TO_SRGB: Final = np.array(
    [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]],
    np.float32,
)
_SAMPLES_AT_ONCE: Final = 1 << 22


def cmyk_to_rgb(samples: NDArray[Any], icc_profile: bytes | None) -> NDArray[Any]:
    """Convert ink amounts to sRGB.

    Args:
        samples: Height x width x 4, uint8 or uint16; 0 is no ink.
        icc_profile: The press's profile; without one, or with a broken one, inks are taken to be ideal.

    Returns:
        Height x width x 3, same type.
    """
    converted = None if icc_profile is None else convert_inks_to_srgb(samples, icc_profile)
    if converted is not None:
        return converted
    top = np.float32(np.iinfo(samples.dtype).max)
    light = 1 - samples.astype(np.float32) / top
    return np.rint(light[:, :, :3] * light[:, :, 3:] * top).astype(samples.dtype)


def lab_to_rgb(samples: NDArray[Any], encoding: LabEncoding) -> NDArray[Any]:
    """Convert CIE L*a*b* of white D50, which print and scanners mean, to sRGB.

    Args:
        samples: Height x width x 3, uint8 or uint16.
        encoding: How TIFF stores the numbers: a* and b* signed ("cielab"), with an offset ("icclab"), or with the
            ranges of fax machines ("itulab", RFC 3949).

    Returns:
        Height x width x 3, same type.
    """
    converted = np.empty(samples.shape, samples.dtype)
    top = np.float32(np.iinfo(samples.dtype).max)
    step = max(_SAMPLES_AT_ONCE // max(samples.shape[1], 1), 1)
    for row in range(0, len(samples), step):
        lab = _stored_lab(samples[row : row + step], encoding)
        converted[row : row + step] = np.rint(_lab_to_srgb(lab) * top)
    return converted


def _stored_lab(samples: NDArray[Any], encoding: LabEncoding) -> NDArray[np.float32]:
    is_byte = samples.dtype == np.uint8
    top = float(np.iinfo(samples.dtype).max)
    unit = 1.0 if is_byte else 256.0
    lab = samples.astype(np.float32)
    if encoding == "itulab":
        offset = np.array([0, 128 * unit, 96 * unit], np.float32)
        return (lab - offset) * np.array([100 / top, 170 / top, 200 / top], np.float32)
    if encoding == "icclab":
        lightness_top = top if is_byte else 65280.0
        offset = np.array([0, 128 * unit, 128 * unit], np.float32)
        return (lab - offset) * np.array([100 / lightness_top, 1 / unit, 1 / unit], np.float32)
    lab[:, :, 0] *= np.float32(100 / top)
    # In 16 bits a* and b* count in steps of 1/256.
    lab[:, :, 1:] = samples[:, :, 1:].astype(np.int8 if is_byte else np.int16).astype(np.float32) / np.float32(unit)
    return lab


def _lab_to_srgb(lab: NDArray[np.float32]) -> NDArray[Any]:
    """By CIE 15 (section 8.2) to XYZ, then to sRGB, clipped to it."""
    y = (lab[:, :, 0] + 16) / 116
    roots = np.stack([y + lab[:, :, 1] / 500, y, y - lab[:, :, 2] / 200], axis=2)
    xyz = np.where(roots > 6 / 29, roots**3, 3 * (6 / 29) ** 2 * (roots - 4 / 29)) * _D50
    return encode_srgb(xyz @ _XYZ_D50_TO_SRGB.T)


def ycbcr_to_rgb(samples: NDArray[Any]) -> NDArray[Any]:
    """Convert full-range YCbCr (ITU-R BT.601, as in JPEG) to RGB.

    Args:
        samples: Height x width x 3, uint8 or uint16.

    Returns:
        Height x width x 3, same type.
    """
    top = np.float32(np.iinfo(samples.dtype).max)
    middle = (np.iinfo(samples.dtype).max + 1) // 2
    luma, blue, red = np.moveaxis(samples.astype(np.float32), 2, 0)
    blue, red = blue - middle, red - middle
    rgb = np.stack([luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue], axis=2)
    converted: NDArray[Any] = np.rint(np.clip(rgb, 0, top)).astype(samples.dtype)
    return converted
