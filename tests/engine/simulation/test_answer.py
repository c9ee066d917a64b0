"""White noise's level by a network's answer, where the best possible answer is known exactly."""

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.contracts.learned_noise import (
    BRIGHTNESS,
    NUM_BANDS,
    NUM_CHANNELS,
    JpegCompression,
    LearnedNoise,
    PhotoNoise,
)
from engine.simulation.learned.answer import not_above_answer

Picture = NDArray[np.float32]
SIGMA = 0.03
WHITE = np.broadcast_to(np.eye(NUM_CHANNELS), (NUM_BANDS, NUM_BANDS, NUM_CHANNELS, NUM_CHANNELS)).copy()


def textured_photo(texture: float, seed: int = 0) -> Picture:
    """All texture, without a flat spot: values that know nothing of one another, and noise."""
    generator = np.random.default_rng(seed)
    clean = 0.5 + texture * generator.standard_normal((192, 192, 3))
    return (clean + SIGMA * generator.standard_normal(clean.shape)).astype(np.float32)


def posterior_mean(pixels: Picture, texture: float) -> Picture:
    """The best answer to such a photo (Wiener 1949)."""
    kept = texture**2 / (texture**2 + SIGMA**2)
    return (0.5 + kept * (pixels - 0.5)).astype(np.float32)


def believed(sigma: float, spectrum: NDArray[np.float64] = WHITE, jpeg: JpegCompression | None = None) -> LearnedNoise:
    level = np.full((NUM_CHANNELS, len(BRIGHTNESS)), sigma**2)
    photo = PhotoNoise(name="a.png", variance=level, spectrum=0, is_gray=False, highest_level=65535, jpeg=jpeg)
    return LearnedNoise(photos=(photo,), spectra=(spectrum,))


@pytest.mark.parametrize("texture", [0.005, 0.03])
@pytest.mark.parametrize("times", [1.3, 3.0])
def test_texture_that_passed_for_white_noise_is_told_by_the_answer(texture: float, times: float) -> None:
    told = not_above_answer(believed(times * SIGMA), [textured_photo(texture)], lambda y: posterior_mean(y, texture))
    assert told.photos[0].sigma() == pytest.approx(1.05 * SIGMA, rel=0.02)


def test_a_level_that_the_answer_bears_out_is_left_alone() -> None:
    noise = believed(SIGMA)
    told = not_above_answer(noise, [textured_photo(0.02)], lambda y: posterior_mean(y, 0.02))
    assert told.photos[0].sigma() == noise.photos[0].sigma()


def test_noise_that_the_network_does_not_know_is_left_alone() -> None:
    noise = believed(3 * SIGMA)
    told = not_above_answer(noise, [textured_photo(0.02)], lambda y: np.asarray(0.5 + 0.9 * (y - 0.5), np.float32))
    assert told.photos[0].sigma() == noise.photos[0].sigma()


def test_grain_and_compressed_photos_are_left_alone() -> None:
    frequency = np.fft.fftfreq(NUM_BANDS)
    power = np.exp(-8 * (2 * np.pi) ** 2 * (frequency[:, None] ** 2 + frequency**2) / 8)
    grain = WHITE * (power / power.mean())[..., None, None]
    jpeg = JpegCompression(tables=((4,) * 64,), subsampling=0)
    for noise in (believed(3 * SIGMA, grain), believed(3 * SIGMA, jpeg=jpeg)):
        told = not_above_answer(noise, [textured_photo(0.02)], lambda y: posterior_mean(y, 0.02))
        assert told.photos[0].sigma() == noise.photos[0].sigma()
