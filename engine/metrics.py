"""How close a restored photo is to its reference."""

import math

import numpy as np
from numpy.typing import NDArray

from engine.events import Pixels

_SMALLEST_SSIM_SIDE_PX = 11


def psnr(restored: Pixels, reference: Pixels) -> float:
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


def ssim(restored: Pixels, reference: Pixels) -> float:
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
    if min(restored.shape[:2]) < _SMALLEST_SSIM_SIDE_PX:
        raise ValueError(f"SSIM needs at least {_SMALLEST_SSIM_SIDE_PX} pixels a side; found {restored.shape[:2]}")
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


def _check_shapes(restored: Pixels, reference: Pixels) -> None:
    if restored.shape != reference.shape or restored.ndim != 3:
        raise ValueError(
            f"both must be of one shape, height x width x channels; found {restored.shape} and {reference.shape}"
        )


def _as_double(pixels: Pixels) -> NDArray[np.float64]:
    return pixels.astype(np.float64)
