"""Classical noise removal, each method as a function of the photo and the standard deviation of its noise.

What a method calls its strength is the noise's standard deviation times a factor. The factors are those with the
highest mean PSNR on photographs that scikit-image brings along, with the level estimated as in use, half of the time
with white noise and half of the time with noise that spreads over neighbours as that of cameras does:
`python3 run.py bench baseline_strength` measures them again.
"""

import importlib
from typing import Final

import numpy as np

from engine.contracts.photo import Pixels

NON_LOCAL_MEANS_FACTOR: Final = 0.7
"""OpenCV's filter strength h, in levels, for each level of noise."""

WAVELET_FACTOR: Final = 1.0
"""The noise level that BayesShrink is told, for each level of noise."""

TOTAL_VARIATION_FACTOR: Final = 0.8
"""Chambolle's weight on the 0 to 1 scale, for each unit of noise."""

BM3D_FACTOR: Final = 1.0
"""BM3D is defined by the noise level itself."""

_PATCH_PX: Final = 7
_SEARCH_PX: Final = 21
_LEVELS: Final = 255


def non_local_means(pixels: Pixels, sigma: float, factor: float = NON_LOCAL_MEANS_FACTOR) -> Pixels:
    """Average alike patches (Buades et al., 2005), by OpenCV's `fastNlMeansDenoising` and its variant for colour.

    OpenCV's work on 8 bits. The range between the photo's darkest and brightest value is what becomes 256 levels, so
    that a 16-bit photo of little contrast keeps its detail.

    Args:
        pixels: Shape: (height, width, 1 or 3), 0 to 1.
        sigma: Standard deviation of the noise, on the same scale.
        factor: Strength for each unit of noise.

    Returns:
        Same shape.
    """
    import cv2

    lowest, highest = float(pixels.min()), float(pixels.max())
    if highest <= lowest:
        return pixels
    span = highest - lowest
    levels = np.rint((pixels - lowest) * (_LEVELS / span)).astype(np.uint8)
    strength = factor * sigma * _LEVELS / span
    if pixels.shape[2] == 1:
        denoised = cv2.fastNlMeansDenoising(
            levels, None, strength, templateWindowSize=_PATCH_PX, searchWindowSize=_SEARCH_PX
        )
    else:
        # It takes blue first; the two chroma channels of CIELAB are treated as strongly as the lightness.
        denoised = cv2.fastNlMeansDenoisingColored(
            np.ascontiguousarray(levels[:, :, ::-1]), None, strength, strength, _PATCH_PX, _SEARCH_PX
        )[:, :, ::-1]
    restored: Pixels = denoised.reshape(pixels.shape).astype(np.float32) * np.float32(span / _LEVELS)
    return restored + np.float32(lowest)


def wavelet(pixels: Pixels, sigma: float, factor: float = WAVELET_FACTOR) -> Pixels:
    """Shrink wavelet coefficients by BayesShrink (Chang et al., 2000), colour photos in YCbCr, by scikit-image.

    Args:
        pixels: Shape: (height, width, 1 or 3), 0 to 1.
        sigma: Standard deviation of the noise, on the same scale.
        factor: Noise level that it is told, for each unit of noise.

    Returns:
        Same shape.
    """
    from skimage.restoration import denoise_wavelet

    is_colour = pixels.shape[2] > 1
    denoised = denoise_wavelet(
        pixels if is_colour else pixels[:, :, 0],
        sigma=factor * sigma,
        method="BayesShrink",
        mode="soft",
        convert2ycbcr=is_colour,
        channel_axis=2 if is_colour else None,
        rescale_sigma=True,
    )
    return np.asarray(denoised, np.float32).reshape(pixels.shape)


def total_variation(pixels: Pixels, sigma: float, factor: float = TOTAL_VARIATION_FACTOR) -> Pixels:
    """Lower the total variation (Rudin et al., 1992; Chambolle, 2004), of all colours together, by scikit-image.

    Args:
        pixels: Shape: (height, width, 1 or 3), 0 to 1.
        sigma: Standard deviation of the noise, on the same scale.
        factor: Weight for each unit of noise.

    Returns:
        Same shape.
    """
    from skimage.restoration import denoise_tv_chambolle

    denoised = denoise_tv_chambolle(  # type: ignore[no-untyped-call] # scikit-image has no annotations
        pixels, weight=factor * sigma, channel_axis=2
    )
    return np.asarray(denoised, np.float32)


def bm3d(pixels: Pixels, sigma: float, factor: float = BM3D_FACTOR) -> Pixels:
    """Filter stacks of alike patches together (Dabov et al., 2007), by its authors' package.

    Args:
        pixels: Shape: (height, width, 1 or 3), 0 to 1.
        sigma: Standard deviation of the noise, on the same scale.
        factor: Noise level that it is told, for each unit of noise.

    Returns:
        Same shape.
    """
    # By name, so that a packaged program never takes it in.
    package = importlib.import_module("bm3d")
    if pixels.shape[2] == 1:
        denoised = package.bm3d(pixels[:, :, 0], sigma_psd=factor * sigma)
    else:
        denoised = package.bm3d_rgb(pixels, sigma_psd=factor * sigma)
    return np.asarray(denoised, np.float32).reshape(pixels.shape)
