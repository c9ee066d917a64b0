"""How close a restored photo is to its reference."""

import math

import numpy as np
from numpy.typing import NDArray

from engine.contracts.photo import Pixels

Values = NDArray[np.float32] | NDArray[np.float64]

SMALLEST_SSIM_SIDE_PX = 11
"""The window's."""

_LUMINANCE_WEIGHTS = (65.481, 128.553, 24.966)
_LUMINANCE_OFFSET = 16


def psnr(restored: Values, reference: Values) -> float:
    """Return the peak signal-to-noise ratio in dB, over all pixels and channels; infinite for equal pictures.

    Args:
        restored: Height x width x channels; values outside of 0 to 1 count as they are.
        reference: Same shape, 0 to 1.

    Returns:
        10 log10(1 / mean squared error), computed in double precision.

    Raises:
        ValueError: The shapes differ.
    """
    _check_shapes(restored, reference)
    error = np.mean(np.square(restored.astype(np.float64) - reference.astype(np.float64)))
    return math.inf if error == 0 else float(-10 * np.log10(error))


def ssim(restored: Values, reference: Values) -> float:
    """Return the structural similarity (Wang et al. 2004), averaged over the channels; 1 for equal pictures.

    A Gaussian window of 11 x 11 pixels, sigma 1.5, as in the paper.

    Args:
        restored: Height x width x channels, each side at least 11 pixels.
        reference: Same shape, 0 to 1.

    Returns:
        -1 to 1.

    Raises:
        ValueError: The shapes differ, or the picture is smaller than the window.
    """
    _check_shapes(restored, reference)
    if min(restored.shape[:2]) < SMALLEST_SSIM_SIDE_PX:
        raise ValueError(f"SSIM needs at least {SMALLEST_SSIM_SIDE_PX} pixels a side; found {restored.shape[:2]}")
    # Imported late: SciPy, which it needs, takes half a second.
    from skimage.metrics import structural_similarity

    return float(
        structural_similarity(  # type: ignore[no-untyped-call] # scikit-image has no annotations
            _as_double(restored),
            _as_double(reference),
            channel_axis=2,
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def luminance(pixels: Pixels) -> NDArray[np.float64]:
    """Return the luminance by which super-resolution is customarily measured: Y of ITU-R BT.601 in the studio range.

    Y = 16 + 65.481 R + 128.553 G + 24.966 B of 255, the first row of MATLAB's rgb2ycbcr: a range of 219 levels,
    measured against a peak of 255 all the same. Gray photos are measured as they are.

    Args:
        pixels: Height x width x 1 or 3 channels, 0 to 1.

    Returns:
        Height x width x 1; 16 / 255 to 235 / 255 for colours.
    """
    if pixels.shape[2] == 1:
        return _as_double(pixels)
    weighted: NDArray[np.float64] = _as_double(pixels) @ np.array(_LUMINANCE_WEIGHTS)
    return ((weighted + _LUMINANCE_OFFSET) / 255)[:, :, np.newaxis]


def shave(pixels: Pixels, border_px: int) -> Pixels:
    """Return a picture without its border, as is customary for super-resolution.

    Args:
        pixels: Height x width x channels.
        border_px: Pixels to take away at each side.

    Raises:
        ValueError: Nothing would be left.
    """
    height, width = pixels.shape[:2]
    if min(height, width) <= 2 * border_px:
        raise ValueError(f"nothing is left of {width} x {height} pixels without {border_px} at each side")
    return pixels[border_px : height - border_px, border_px : width - border_px]


def fit_brightness(pixels: Pixels, reference: Pixels) -> Pixels:
    """Return gain * pixels + offset with the gain and the offset that bring it closest to the reference.

    For microscopy and other pictures whose exposure or stretch differs from that of their reference.

    Args:
        pixels: Height x width x channels.
        reference: Same shape.

    Returns:
        Same shape; the least squares fit over all pixels and channels. A flat picture becomes the reference's mean.

    Raises:
        ValueError: The shapes differ.
    """
    _check_shapes(pixels, reference)
    values, wanted = _as_double(pixels), _as_double(reference)
    centred = values - values.mean()
    energy = float(np.mean(np.square(centred)))
    gain = float(np.mean(centred * wanted)) / energy if energy > 0 else 0.0
    fitted: NDArray[np.float64] = gain * centred + float(wanted.mean())
    return fitted.astype(np.float32)


def exposure_error(pixels: Pixels, reference: Pixels) -> float:
    """Return how much of a picture's error is its brightness and contrast: dB that its PSNR loses by them.

    The picture is fitted by the reference, not the reference by the picture: noise, which no gain explains, then counts
    for nothing, however strong it is.

    Args:
        pixels: Height x width x channels.
        reference: Same shape.

    Returns:
        0 and more; 0 for equal pictures, infinite where gain and offset are all that differs.

    Raises:
        ValueError: The shapes differ.
    """
    _check_shapes(pixels, reference)
    error = float(np.mean(np.square(_as_double(pixels) - _as_double(reference))))
    left = float(np.mean(np.square(_as_double(pixels) - _as_double(fit_brightness(reference, pixels)))))
    if error == 0:
        return 0.0
    return max(0.0, 10 * math.log10(error / left)) if left > 0 else math.inf


def _check_shapes(restored: Values, reference: Values) -> None:
    if restored.shape != reference.shape or restored.ndim != 3:
        raise ValueError(
            f"both must be of one shape, height x width x channels; found {restored.shape} and {reference.shape}"
        )


def _as_double(pixels: Values) -> NDArray[np.float64]:
    return pixels.astype(np.float64)
