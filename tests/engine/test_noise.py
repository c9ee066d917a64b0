"""Noise level and reach, against noise that is known."""

from pathlib import Path

import numpy as np
import pytest
import skimage
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from engine.data.image_files import read_image
from engine.noise import MIN_SIDE_PX, decorrelating_stride, estimate_noise

PICTURES = ["astronaut.png", "coffee.png", "camera.png", "rocket.jpg", "retina.jpg"]


def clean_picture(name: str) -> NDArray[np.float32]:
    return read_image(Path(skimage.__file__).parent / "data" / name).pixels[:512, :640]


def with_noise(clean: NDArray[np.float32], sigma: float, seed: int = 0, blur_px: float = 0) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).standard_normal(clean.shape)
    if blur_px:
        noise = gaussian_filter(noise, (blur_px, blur_px, 0))
        noise /= noise.std()
    # Kept clear of black and white: the noise added must be the noise that is there.
    return (0.2 + 0.6 * clean + sigma * noise).clip(0, 1).astype(np.float32)


@pytest.mark.parametrize("sigma", [15 / 255, 25 / 255, 50 / 255])
@pytest.mark.parametrize("name", PICTURES)
def test_the_level_of_white_noise_on_real_pictures(name: str, sigma: float) -> None:
    estimate = estimate_noise(with_noise(clean_picture(name), sigma))
    assert estimate.sigma == pytest.approx(sigma, rel=0.15)
    assert max(map(abs, estimate.correlation)) < 0.15


@pytest.mark.parametrize("blur_px", [0.4, 0.6, 0.8])
def test_the_correlation_of_noise_on_a_flat_field(blur_px: float) -> None:
    flat = np.full((512, 512, 1), 0.5, np.float32)
    estimate = estimate_noise(with_noise(flat, 0.05, blur_px=blur_px))
    # White noise through a filter correlates as the filter does with itself.
    kernel = gaussian_filter(np.eye(1, 41, 20)[0], blur_px)
    expected = [float(np.sum(kernel[lag:] * kernel[:-lag]) / np.sum(kernel**2)) for lag in (1, 2, 3, 4)]
    assert estimate.correlation == pytest.approx(expected, abs=0.15)
    assert estimate.sigma == pytest.approx(0.05, rel=0.2)


def test_signal_dependent_noise_is_averaged_over_brightness() -> None:
    ramp = np.broadcast_to(np.linspace(0.1, 0.9, 512, dtype=np.float32)[:, None, None], (512, 512, 3))
    sigma = np.sqrt(0.002 + 0.01 * ramp)
    noise = np.random.default_rng(0).standard_normal(ramp.shape) * sigma
    estimate = estimate_noise((ramp + noise).astype(np.float32))
    assert estimate.sigma == pytest.approx(float(np.sqrt(np.mean(sigma**2))), rel=0.1)


def test_large_photos_are_judged_like_small_ones() -> None:
    noisy = with_noise(np.full((1500, 2100, 1), 0.5, np.float32), 0.1)
    assert estimate_noise(noisy).sigma == pytest.approx(0.1, rel=0.08)


@pytest.mark.parametrize("shape", [(16, 16, 1), (17, 300, 3), (16, 5000, 1), (5000, 40, 3)])
def test_any_shape_from_the_smallest_on(shape: tuple[int, int, int]) -> None:
    estimate = estimate_noise(with_noise(np.full(shape, 0.5, np.float32), 0.1))
    assert estimate.sigma == pytest.approx(0.1, rel=0.2)


def test_flat_and_clipped_pictures_have_no_noise() -> None:
    for value in (0.0, 0.5, 1.0):
        estimate = estimate_noise(np.full((64, 64, 3), value, np.float32))
        assert estimate.sigma == 0
        assert not any(estimate.correlation)


def test_too_small_a_photo_is_refused() -> None:
    with pytest.raises(ValueError, match="16 pixels"):
        estimate_noise(np.zeros((MIN_SIDE_PX - 1, 100, 3), np.float32))


def test_strides_of_known_noise() -> None:
    pictures = [clean_picture(name) for name in PICTURES]
    white = [
        with_noise(picture, sigma, seed)
        for seed, (picture, sigma) in enumerate(zip(pictures, (0.04, 0.1, 0.04, 0.1, 0.06), strict=True))
    ]
    assert decorrelating_stride(white) == 1
    grainy = [with_noise(picture, 0.06, blur_px=0.6) for picture in pictures]
    assert decorrelating_stride(grainy) == 2
    coarse = [with_noise(picture, 0.06, blur_px=3) for picture in pictures]
    assert decorrelating_stride(coarse) == 4
    assert decorrelating_stride([]) == 1
    assert decorrelating_stride([np.zeros((4, 4, 3), np.float32)]) == 1


def test_the_noise_of_real_cameras_reaches_two_or_three_pixels(shared_data: Path) -> None:
    folder = shared_data / "real_noisy_pairs" / "polyu"
    paths = sorted((folder / "noisy").iterdir())[::3]
    photos = [read_image(path).pixels for path in paths]
    assert decorrelating_stride(photos) in (2, 3)
    estimated = np.median([estimate_noise(pixels).correlation for pixels in photos], axis=0)
    true = []
    for path, noisy in zip(paths, photos, strict=True):
        noise = noisy - read_image(folder / "clean" / path.name).pixels
        noise = noise - gaussian_filter(noise, (6, 6, 0))
        true.append([float(np.mean(noise[:, lag:] * noise[:, :-lag]) / noise.var()) for lag in (1, 2, 3, 4)])
    assert estimated == pytest.approx(np.median(true, axis=0), abs=0.15)


def test_white_noise_on_the_shared_photos_has_stride_one(shared_data: Path) -> None:
    generator = np.random.default_rng(0)
    photos = []
    for path in sorted((shared_data / "clean_color" / "bsds500_test").glob("*.jpg"))[::12]:
        clean = read_image(path).pixels
        noise = generator.uniform(8, 50) / 255 * generator.standard_normal(clean.shape)
        photos.append((clean + noise).clip(0, 1).astype(np.float32))
    assert decorrelating_stride(photos) == 1
