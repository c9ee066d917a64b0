"""How strong white noise is, told by what a network answers to it.

The best possible answer f to a photo y with white noise of variance v leaves an error of v times its mean derivative d:
that is what Tweedie's formula and Stein's unbiased risk estimate say of the posterior mean (Robbins, Berkeley Symposium
1956; Stein, Annals of Statistics 9(6), 1981). What it takes away, y - f(y), then has the power v (1 - d), whatever the
picture: texture that it leaves alone is in neither. d is probed with a noise as strong, at each brightness, as the one
that was learned (Ramani, Blu and Unser, IEEE TIP 17(9), 2008).

A textured photo with white noise of 8 of 255, for which flat blocks and finest detail tell 12.8 and twins 11, gives
8.1; one of 15 gives 15.0 for 16.8, eight sample photos 0.84 (grass) to 1.03 of the truth (measured, shipped model).
Where it is answered as white noise is, it is taken to be white: what its spectrum has more at low frequencies is
texture. Noise that is alike from pixel to pixel is not answered so, nor is what a network does not know: both are left
as they are.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.contracts.learned_noise import NUM_BANDS, LearnedNoise
from engine.contracts.noise import spread_evenly
from engine.contracts.photo import Pixels
from engine.simulation.learned.spectra import HIGH, of_unit_channels
from engine.simulation.learned.twins import CROP_PX, MAX_PHOTOS, Restore, central_crop, typical_of_its_kind

_MOST_CORRELATED = 0.3
"""Correlation of neighbours up to which noise counts as white. Textured photos with white noise seem to have 0.17,
fluorescence by a confocal microscope 0.06, by a wide field one 0.58, film grain 0.7 and more (measured)."""

_MOST_ANSWERED = 0.65
"""Mean derivative up to which the network knows the noise: with coarse grain it is 1."""

_TOLERANCE = 1.05
"""Times the standard deviation that is told."""

_PROBE_STEP = 0.1
_SMALLEST = 1e-12


def not_above_answer(noise: LearnedNoise, photos: Sequence[Pixels], restore: Restore) -> LearnedNoise:
    """Lower the levels of white noise that are higher than a network's answer tells, and flatten its spectrum.

    Args:
        noise: As twins have left it.
        photos: Its photos, in the same order. Shape of each: (height, width, 3), 0 to 1.
        restore: The network.

    Returns:
        The same noise, no photo's stronger than before.
    """
    asked = [index for index in range(len(photos)) if _is_nearly_white(noise, index)]
    chosen = spread_evenly(asked, MAX_PHOTOS)
    answered = {index: _allowed_share(noise, index, photos[index], restore) for index in chosen}
    factors = {index: share for index, share in answered.items() if share is not None}
    if 2 * len(factors) <= len(chosen):
        return noise
    typical = typical_of_its_kind(noise, factors)
    for index in asked:
        factor = factors.get(index, 1.0 if index in answered else typical[index])
        noise = noise.weakened(index, factor)
    white = {noise.photos[index].spectrum for index in asked}
    spectra = tuple(_flat(one) if number in white else one for number, one in enumerate(noise.spectra))
    return replace(noise, spectra=spectra)


def _flat(spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same covariance of the channels at every frequency: that of the high ones, where pictures hold least."""
    flat, _ = of_unit_channels(np.broadcast_to(spectrum[HIGH].mean(axis=0), spectrum.shape).copy())
    return flat


def _is_nearly_white(noise: LearnedNoise, photo: int) -> bool:
    if noise.photos[photo].jpeg is not None or noise.photos[photo].broad_variance:
        return False
    power = np.trace(noise.spectra[noise.photos[photo].spectrum], axis1=2, axis2=3)
    towards_neighbour = np.cos(2 * np.pi * np.fft.fftfreq(NUM_BANDS))
    along = [
        float(np.sum(power * weights) / np.sum(power)) for weights in (towards_neighbour[:, None], towards_neighbour)
    ]
    return max(along) < _MOST_CORRELATED


def _allowed_share(noise: LearnedNoise, photo: int, pixels: Pixels, restore: Restore) -> float | None:
    """The part of a photo's learned variance that the network's answer allows, 0 to 1; None where it says nothing.

    Above 0 also where nothing was taken away, as of a black photo.
    """
    crop = central_crop(pixels, min(CROP_PX, *pixels.shape[:2]))
    restored = np.asarray(restore(crop), np.float32)
    white = np.random.default_rng(photo).standard_normal(crop.shape).astype(np.float32)
    if noise.photos[photo].is_gray:
        white[:] = white[..., :1]
    probe = noise.deviation(restored, photo) * white
    answer = np.asarray(restore(np.asarray(crop + _PROBE_STEP * probe, np.float32)), np.float32) - restored
    derivative = float(np.mean(probe * answer) / (_PROBE_STEP * np.mean(probe**2) + _SMALLEST))
    if not 0 <= derivative <= _MOST_ANSWERED:
        return None
    told = float(np.mean((crop - restored) ** 2)) / (1 - derivative)
    return float(np.clip(told * _TOLERANCE**2 / (noise.power(restored, photo) + _SMALLEST), _SMALLEST, 1))
