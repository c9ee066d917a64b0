"""Classical methods: what they do to noise, to sizes and to bit depths, and that interpolation is what it says."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from engine.comparing.baselines.catalogue import BASELINES, Baseline
from engine.comparing.baselines.interpolation import interpolate_bilinear, interpolate_malvar
from engine.comparing.metrics import psnr
from engine.contracts.errors import InvalidInputError
from engine.photo_files.raw.demosaicking import bayer_mosaic

DENOISING = [name for name, entry in BASELINES.items() if entry.denoise is not None and entry.is_installed]


def scene(height: int = 64, width: int = 72, num_channels: int = 3, seed: int = 0) -> NDArray[np.float32]:
    """Smooth shades with an edge."""
    values = np.random.default_rng(seed).random((height, width, num_channels))
    smooth = gaussian_filter(values, (6, 6, 0))
    smooth = 0.1 + 0.5 * (smooth - smooth.min()) / (smooth.max() - smooth.min())
    smooth[:, width // 2 :] += 0.25
    return smooth.astype(np.float32)


def with_noise(clean: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    noise = np.random.default_rng(1).normal(0, sigma, clean.shape)
    return (clean + noise).clip(0, 1).astype(np.float32)


@pytest.mark.parametrize("name", DENOISING)
@pytest.mark.parametrize("num_channels", [1, 3])
def test_noise_of_unknown_level_is_lowered(name: str, num_channels: int) -> None:
    baseline = Baseline(BASELINES[name])
    clean = scene(num_channels=num_channels)
    for sigma in (0.03, 0.1):
        noisy = with_noise(clean, sigma)
        restored = baseline.restore(noisy)
        assert restored.shape == clean.shape
        assert restored.dtype == np.float32
        assert not restored.flags.writeable
        assert psnr(restored, clean) > psnr(noisy, clean) + 3


@pytest.mark.parametrize("name", DENOISING)
def test_a_dark_16_bit_photo_keeps_its_detail(name: str) -> None:
    """Its values lie within 10 levels of 8 bits: rounded to those, hardly a detail would be left."""
    clean = scene(num_channels=1) * np.float32(0.04)
    noisy = (np.rint(with_noise(clean, 0.002) * 65535) / 65535).astype(np.float32)
    assert psnr(Baseline(BASELINES[name]).restore(noisy), clean) > psnr(noisy, clean) + 2


@pytest.mark.parametrize("name", DENOISING)
def test_a_photo_without_noise_stays(name: str) -> None:
    flat = np.full((32, 32, 3), 0.5, np.float32)
    np.testing.assert_array_equal(Baseline(BASELINES[name]).restore(flat), flat)


@pytest.mark.parametrize("name", [name for name in DENOISING if name != "bm3d"])
def test_sizes_of_each_task(name: str) -> None:
    noisy = with_noise(scene(33, 47), 0.05)
    assert Baseline(BASELINES[name], scale=3).restore(noisy).shape == (99, 141, 3)
    assert Baseline(BASELINES[name], takes_mosaics=True).restore(noisy).shape == (33, 47, 3)
    assert Baseline(BASELINES[name], takes_mosaics=True).restore(noisy[:, :, :1]).shape == (33, 47, 3)


def test_bicubic_is_the_input_where_the_size_is_kept() -> None:
    noisy = with_noise(scene(), 0.05)
    np.testing.assert_array_equal(Baseline(BASELINES["bicubic"]).restore(noisy), noisy)


@pytest.mark.parametrize(("name", "takes_mosaics"), [("bicubic", True), ("bilinear", False), ("malvar", False)])
def test_a_method_for_another_task_gives_a_sentence(name: str, takes_mosaics: bool) -> None:
    with pytest.raises(InvalidInputError, match="mosaic"):
        Baseline(BASELINES[name], takes_mosaics=takes_mosaics)


def test_a_tiny_photo_gives_a_sentence() -> None:
    with pytest.raises(InvalidInputError, match="9 x 15 pixels is too small"):
        Baseline(BASELINES["wavelet"]).restore(np.zeros((15, 9, 3), np.float32))


def test_a_method_that_is_not_installed_gives_a_sentence() -> None:
    missing = dataclasses.replace(BASELINES["bm3d"], package="a_package_that_nobody_has")
    with pytest.raises(InvalidInputError, match="not installed") as caught:
        Baseline(missing)
    assert "pip" in caught.value.hint


def test_the_names_are_there_without_heavy_libraries() -> None:
    program = (
        "import sys; import engine.comparing.baselines.catalogue\n"
        "print([m for m in ('torch', 'cv2', 'skimage', 'pywt', 'bm3d') if m in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


@pytest.mark.parametrize("interpolate", [interpolate_bilinear, interpolate_malvar])
@pytest.mark.parametrize("size", [(8, 10), (9, 13)])
def test_interpolation_keeps_what_was_measured_and_is_exact_on_gray_ramps(interpolate, size: tuple[int, int]) -> None:
    picture = scene(*size)
    mosaic = bayer_mosaic(picture)
    filled = interpolate(mosaic)
    np.testing.assert_allclose(bayer_mosaic(filled), mosaic, atol=1e-6)
    rows, columns = np.mgrid[: size[0], : size[1]]
    ramp = np.repeat((0.2 + 0.02 * rows + 0.03 * columns)[..., None], 3, axis=2).astype(np.float32)
    # Two pixels from the edge, beyond which the ramp is reflected.
    np.testing.assert_allclose(interpolate(bayer_mosaic(ramp))[2:-2, 2:-2], ramp[2:-2, 2:-2], atol=1e-6)


def test_bilinear_takes_the_mean_of_the_nearest() -> None:
    picture = np.random.default_rng(0).random((6, 6, 3)).astype(np.float32)
    filled = interpolate_bilinear(bayer_mosaic(picture))
    red, green, blue = np.moveaxis(picture, 2, 0)
    assert filled[2, 3, 0] == pytest.approx((red[2, 2] + red[2, 4]) / 2)
    assert filled[3, 3, 0] == pytest.approx((red[2, 2] + red[2, 4] + red[4, 2] + red[4, 4]) / 4)
    assert filled[2, 2, 1] == pytest.approx((green[1, 2] + green[3, 2] + green[2, 1] + green[2, 3]) / 4)
    assert filled[2, 3, 2] == pytest.approx((blue[1, 3] + blue[3, 3]) / 2)


def test_malvar_beats_bilinear_where_colours_share_their_detail() -> None:
    gray = np.repeat(gaussian_filter(np.random.default_rng(0).random((64, 64, 1)), (0.8, 0.8, 0)), 3, axis=2)
    picture = (gray * np.array([0.8, 1.0, 0.9])).astype(np.float32)
    mosaic = bayer_mosaic(picture)
    assert psnr(interpolate_malvar(mosaic), picture) > psnr(interpolate_bilinear(mosaic), picture) + 3
