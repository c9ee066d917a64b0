"""From the colour models that print and video use to sRGB."""

from io import BytesIO
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms


def cmyk_to_rgb(samples: NDArray[Any], icc_profile: bytes | None) -> NDArray[Any]:
    """Convert ink amounts to sRGB.

    Args:
        samples: Height x width x 4, uint8 or uint16; 0 is no ink.
        icc_profile: The press's profile; without one, or with a broken one, inks are taken to be ideal. It is only
            used with 8 bits.

    Returns:
        Height x width x 3, same type.
    """
    if icc_profile is not None and samples.dtype == np.uint8:
        try:
            converted = ImageCms.profileToProfile(
                Image.fromarray(np.ascontiguousarray(samples), "CMYK"),
                ImageCms.ImageCmsProfile(BytesIO(icc_profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
        except (ImageCms.PyCMSError, OSError):
            converted = None
        if converted is not None:
            return np.asarray(converted)
    top = np.float32(np.iinfo(samples.dtype).max)
    light = 1 - samples.astype(np.float32) / top
    return np.rint(light[:, :, :3] * light[:, :, 3:] * top).astype(samples.dtype)


def lab_to_rgb(samples: NDArray[Any]) -> NDArray[Any]:
    """Convert CIE L*a*b* as TIFF stores it to sRGB.

    Args:
        samples: Height x width x 3, uint8 or uint16; a* and b* are signed numbers in the same bits.

    Returns:
        Height x width x 3, same type.
    """
    top = np.float32(np.iinfo(samples.dtype).max)
    signed = samples[:, :, 1:].astype(samples.dtype.str.replace("u", "i")).astype(np.float32)
    lab = np.empty(samples.shape, np.float32)
    lab[:, :, 0] = samples[:, :, 0] * (np.float32(100) / top)
    # In 16 bits a* and b* count in steps of 1/256.
    lab[:, :, 1:] = signed if samples.dtype.itemsize == 1 else signed / 256
    rgb = np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1)
    converted: NDArray[Any] = np.rint(rgb * top).astype(samples.dtype)
    return converted


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
