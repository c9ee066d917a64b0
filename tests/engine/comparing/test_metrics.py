"""PSNR and SSIM against independent computations."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio

from engine.comparing.metrics import fit_brightness, luminance, psnr, shave, ssim


def noisy_pair(num_channels: int, sigma: float, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    generator = np.random.default_rng(seed)
    clean = gaussian_filter(generator.random((48, 61, num_channels)), (2, 2, 0))
    clean = (clean - clean.min()) / (clean.max() - clean.min())
    noisy = clean + generator.normal(0, sigma, clean.shape)
    return noisy.astype(np.float32), clean.astype(np.float32)


def ssim_by_formula(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Equation 13 of Wang et al. 2004, without the border that the window does not fit into."""

    def blur(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(gaussian_filter(values, 1.5, radius=5))

    scores = []
    for x, y in zip(np.moveaxis(first, 2, 0), np.moveaxis(second, 2, 0), strict=True):
        x, y = x.astype(np.float64), y.astype(np.float64)
        mean_x, mean_y = blur(x), blur(y)
        var_x, var_y, covariance = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2, blur(x * y) - mean_x * mean_y
        similarity = ((2 * mean_x * mean_y + 0.01**2) * (2 * covariance + 0.03**2)) / (
            (mean_x**2 + mean_y**2 + 0.01**2) * (var_x + var_y + 0.03**2)
        )
        scores.append(similarity[5:-5, 5:-5].mean())
    return float(np.mean(scores))


@pytest.mark.parametrize("num_channels", [1, 3])
@pytest.mark.parametrize("sigma", [0.01, 0.1, 0.4])
def test_psnr_agrees_with_scikit_image(num_channels: int, sigma: float) -> None:
    noisy, clean = noisy_pair(num_channels, sigma)
    expected = peak_signal_noise_ratio(clean.astype(np.float64), noisy.astype(np.float64), data_range=1)
    assert psnr(noisy, clean) == pytest.approx(expected, abs=1e-9)


def test_psnr_of_a_known_error() -> None:
    reference = np.zeros((4, 4, 3), np.float32)
    assert psnr(reference + np.float32(0.1), reference) == pytest.approx(20, abs=1e-5)
    assert psnr(reference, reference) == math.inf


@pytest.mark.parametrize("num_channels", [1, 3])
@pytest.mark.parametrize("sigma", [0.01, 0.1, 0.4])
def test_ssim_agrees_with_the_formula(num_channels: int, sigma: float) -> None:
    noisy, clean = noisy_pair(num_channels, sigma)
    assert ssim(noisy, clean) == pytest.approx(ssim_by_formula(noisy, clean), abs=1e-6)


def test_ssim_of_equal_pictures_is_one_and_is_symmetric() -> None:
    noisy, clean = noisy_pair(3, 0.1)
    assert ssim(clean, clean) == pytest.approx(1)
    assert ssim(noisy, clean) == pytest.approx(ssim(clean, noisy))


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        psnr(np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 1), np.float32))
    with pytest.raises(ValueError, match="11 pixels"):
        ssim(np.zeros((4, 40, 3), np.float32), np.zeros((4, 40, 3), np.float32))


def test_luminance_agrees_with_scikit_image() -> None:
    noisy, _ = noisy_pair(3, 0.0)
    np.testing.assert_allclose(luminance(noisy)[..., 0], rgb2ycbcr(noisy.astype(np.float64))[..., 0] / 255, atol=1e-6)
    limits = luminance(np.array([[[0, 0, 0], [1, 1, 1]]], np.float32))
    np.testing.assert_allclose(limits.ravel() * 255, [16, 235])


def test_gray_is_its_own_luminance() -> None:
    noisy, _ = noisy_pair(1, 0.1)
    np.testing.assert_array_equal(luminance(noisy), noisy)


def test_shaving_takes_the_border_away() -> None:
    pixels = np.arange(7 * 8, dtype=np.float32).reshape(7, 8, 1)
    np.testing.assert_array_equal(shave(pixels, 2), pixels[2:5, 2:6])
    np.testing.assert_array_equal(shave(pixels, 0), pixels)
    with pytest.raises(ValueError, match="nothing is left"):
        shave(pixels, 4)


def test_brightness_fit_is_the_least_squares_solution() -> None:
    noisy, clean = noisy_pair(3, 0.05)
    design = np.stack([noisy.ravel(), np.ones(noisy.size)], axis=1).astype(np.float64)
    (gain, offset), *_ = np.linalg.lstsq(design, clean.ravel().astype(np.float64), rcond=None)
    np.testing.assert_allclose(fit_brightness(noisy, clean), gain * noisy + offset, atol=1e-5)
    flat = np.full_like(clean, 0.2)
    np.testing.assert_allclose(fit_brightness(flat, clean), clean.mean(), atol=1e-5)
