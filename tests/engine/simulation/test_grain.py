"""Learned spectra in figures and words, against noise that was made so."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, gaussian_filter

from engine.contracts.learned_noise import BRIGHTNESS, LearnedNoise, PhotoNoise
from engine.simulation.learned.grain import common_grain, grain_of


def spectrum_of(noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean covariance over blocks of 16 x 16, scaled to a mean variance of 1. Shape of the noise: (side, side, 3)."""
    count = noise.shape[0] // 16
    blocks = noise[: 16 * count, : 16 * count].reshape(count, 16, count, 16, 3).transpose(0, 2, 1, 3, 4)
    transformed = np.fft.fft2(blocks.reshape(-1, 16, 16, 3), axes=(1, 2))
    covariance = np.einsum("bijc,bijd->ijcd", transformed, transformed.conj()).real
    return np.asarray(covariance / (np.trace(covariance, axis1=2, axis2=3).mean() / 3))


def white(seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal((480, 480, 3))


def test_white_noise_is_each_pixels_and_each_colours_own() -> None:
    grain = grain_of(spectrum_of(white()))
    assert grain.along_rows == pytest.approx((0, 0, 0, 0), abs=0.02)
    assert grain.between_channels == pytest.approx(0, abs=0.02)
    assert grain.sentence.startswith("Each pixel has noise of its own")
    assert grain.colour_sentence.startswith("Each colour has noise of its own")


def test_correlations_are_those_of_the_noise_itself() -> None:
    noise = gaussian_filter(white(), (0.8, 0.8, 0), mode="wrap")
    grain = grain_of(spectrum_of(noise))
    direct = [float(np.mean(noise * np.roll(noise, lag, axis=1)) / np.mean(noise**2)) for lag in (1, 2, 3, 4)]
    # A block goes round at its edges, where the noise does not: what is near comes out a little lower.
    assert grain.along_rows == pytest.approx(direct, abs=0.08)
    assert grain.along_columns == pytest.approx(direct, abs=0.08)
    assert "about 3 pixels wide" in grain.sentence


def test_gray_grain_and_half_shared_noise_are_told_apart() -> None:
    noise = white()
    gray = np.repeat(noise[..., :1], 3, axis=2)
    assert grain_of(spectrum_of(gray)).between_channels == pytest.approx(1)
    assert "gray" in grain_of(spectrum_of(gray)).colour_sentence
    assert grain_of(spectrum_of(gray + white(1))).between_channels == pytest.approx(0.5, abs=0.02)
    assert "share a part" in grain_of(spectrum_of(gray + white(1))).colour_sentence


def test_bands_and_sharpening_are_named() -> None:
    noise = white()
    banded = noise + 2 * noise[:, :1]
    assert grain_of(spectrum_of(banded)).sentence == "It runs in bands along rows."
    assert grain_of(spectrum_of(banded.transpose(1, 0, 2))).sentence == "It runs in bands along columns."
    kernel = np.array([-0.3, 1.0, -0.3])
    sharpened = convolve1d(convolve1d(noise, kernel, axis=0), kernel, axis=1)
    assert "after sharpening" in grain_of(spectrum_of(sharpened)).sentence


def test_the_grain_of_several_photos_is_what_most_of_them_share() -> None:
    variance = np.full((3, len(BRIGHTNESS)), 0.01)
    photos = tuple(
        PhotoNoise(name=f"{index}.png", variance=variance, spectrum=spectrum, is_gray=False, highest_level=255)
        for index, spectrum in enumerate((0, 1, 1))
    )
    gray = np.repeat(white()[..., :1], 3, axis=2)
    noise = LearnedNoise(photos=photos, spectra=(spectrum_of(white()), spectrum_of(gray)))
    assert common_grain(noise, [0, 1, 2]).between_channels == pytest.approx(1)
    assert common_grain(noise, [0]).between_channels == pytest.approx(0, abs=0.02)
