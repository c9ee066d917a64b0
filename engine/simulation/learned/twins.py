"""Learning a noise by twins: photos made noisy anew must leave the residuals that the photos themselves leave.

A photo x, restored by a network f, leaves the residual x - f(x). Its twin t = f(x) + n carries a noise n drawn from
what was learned so far, and leaves t - f(t). The same network looks at both, so its own errors cancel; where the noise
was learned rightly, the two residuals are as near as two crops of one photo. This is residual contrastive learning
(Dong et al., IJCAI 2022) turned round: there the earth mover's distance of residuals teaches the network, here it
teaches the noise. Making noisy pictures from a network's own output is that of Pseudo-ISP (Cao et al., 2021).

The distance is W1 per step of brightness, of the residual and of its differences to neighbours 1 to 4 pixels away,
along rows and columns, which hold its correlation. A level that is wrong by a factor stretches the residual's quantile
function by nearly that factor: the slope between the quantile functions of photo and twin says how to put it right; a
wrong spectrum shows in the ratio of their periodograms. Where the network hardly answers to the noise (coarse grain
that it takes for picture) residuals say nothing, and the flat blocks' word stands.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.contracts.learned_noise import BLOCK_PX, BRIGHTNESS, NUM_BANDS, NUM_CHANNELS, LearnedNoise, PhotoNoise
from engine.contracts.noise import spread_evenly
from engine.contracts.photo import Pixels
from engine.method.losses.earth_mover import earth_mover_distance_matrix, sorted_residuals
from engine.simulation.learned.levels import told_by_detail
from engine.simulation.learned.spectra import OPPONENTS, cut_into_blocks, of_unit_channels, opponent_power, smoothed

Restore = Callable[[Pixels], Pixels]
"""A network on one photo of any size. Shape: (height, width, 3), kept; 0 to 1."""

NUM_ROUNDS = 3
CROP_PX = 256
MAX_PHOTOS = 24
"""Photos whose twins are made; the spectrum of the others follows, their level by the median of these."""

_ENOUGH_PX = 128
"""Side of a crop that shows enough. Smaller photos get no twin where there are larger ones."""

LAGS = (1, 2, 3, 4)

_NUM_BRIGHTNESS_STEPS = 4
_NUM_LEVEL_STEPS = 6
_MIN_STEP_PIXELS = 256
_QUANTILES = np.linspace(0.02, 0.98, 49)
_SLOPE_RANGE = (0.2, 3.0)
_POWER_RANGE = (0.1, 4.0)
_MOST_ABOVE_DETAIL, _MOST_ABOVE_FLAT_BLOCKS = 1.06, 10.0
"""Times the guessed standard deviation."""

# Below the first share of the noise in its residual the network's answer says nothing, above the second all.
_UNANSWERED, _ANSWERED = 0.15, 0.5
_SMALLEST = 1e-12

_Values = NDArray[np.float32]
_Factor = TypeVar("_Factor", float, NDArray[np.float64])


@dataclass(frozen=True)
class _Subject:
    """One photo's crop as the network sees it."""

    photo: int
    restored: _Values
    residual: _Values
    power: NDArray[np.float64]


@dataclass(frozen=True)
class _Twin:
    """A subject's twin in one round."""

    noise: _Values
    residual: _Values
    power: NDArray[np.float64]
    noise_power: NDArray[np.float64]


def fit_by_twins(
    noise: LearnedNoise,
    photos: Sequence[Pixels],
    restore: Restore,
    *,
    seed: int,
    num_rounds: int = NUM_ROUNDS,
    max_twins: int = MAX_PHOTOS,
    is_white: bool = False,
    on_round: Callable[[int, int, float], None] = lambda done, rounds, distance: None,
) -> LearnedNoise:
    """Put a guessed noise right until photos and their twins leave alike residuals.

    Args:
        noise: The first guess.
        photos: Its photos, in the same order. Shape of each: (height, width, 3), 0 to 1.
        restore: The network that looks at both.
        seed: Of the twins' noise.
        num_rounds: How often it is put right.
        max_twins: Photos whose twins are made, at most.
        is_white: Whether the spectrum is known to be flat, and is left alone.
        on_round: Told after each round: rounds done, their number, and the distance so far.

    Returns:
        The noise of the round whose twins were nearest, with its distance, that of the guess, and the accuracy.
    """
    sides = [min(pixels.shape[:2]) for pixels in photos]
    # All crops are of one size, for which a single icon among photos would leave nothing to see.
    large = [index for index, side in enumerate(sides) if side >= _ENOUGH_PX]
    chosen = spread_evenly(large or range(len(photos)), max_twins)
    side = min(CROP_PX, *(sides[photo] for photo in chosen))
    subjects = [_look_at(photo, photos[photo], side, restore) for photo in chosen]
    guess, best, best_distance, accuracy, first_distance = noise, noise, np.inf, None, None
    for number in range(num_rounds + 1):
        generator = np.random.default_rng((seed, number))
        twins = [_make_twin(noise, subject, restore, generator) for subject in subjects]
        distances = _distances(subjects, twins)
        own = float(distances.diagonal().mean())
        first_distance = own if first_distance is None else first_distance
        if own < best_distance:
            best, best_distance, accuracy = noise, own, _accuracy(distances)
        on_round(number, num_rounds, own)
        if number < num_rounds:
            shaped = noise if is_white else _spectra_put_right(noise, subjects, twins)
            noise = _levels_put_right(shaped, noise, subjects, twins)
            noise = replace(noise, photos=_not_far_above(noise.photos, guess))
    return replace(best, distance=best_distance, unfitted_distance=first_distance, accuracy=accuracy)


def central_crop(pixels: Pixels, side: int) -> Pixels:
    """The middle of a photo. Shape: (side, side, 3)."""
    # Where the blocks of its compression begin, those of its twin will.
    top, left = ((size - side) // 2 // BLOCK_PX * BLOCK_PX for size in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


def _look_at(photo: int, pixels: Pixels, side: int, restore: Restore) -> _Subject:
    crop = central_crop(pixels, side)
    restored = restore(crop)
    residual = np.asarray(crop - restored, np.float32)
    return _Subject(photo, np.asarray(restored), residual, _power(residual))


def _make_twin(noise: LearnedNoise, subject: _Subject, restore: Restore, generator: np.random.Generator) -> _Twin:
    drawn = noise.draw(subject.restored, subject.photo, generator)
    twin = noise.record(subject.restored + drawn, subject.photo)
    residual = np.asarray(twin - restore(twin), np.float32)
    return _Twin(drawn, residual, _power(residual), _power(drawn))


def _power(values: _Values) -> NDArray[np.float64]:
    """Mean periodogram of half overlapping blocks. Shape: (3, 16, 16)."""
    half = NUM_BANDS // 2
    corners = ((0, 0), (0, half), (half, 0), (half, half))
    return opponent_power(np.concatenate([cut_into_blocks(values[top:, left:]) for top, left in corners]))


def _distances(subjects: Sequence[_Subject], twins: Sequence[_Twin]) -> NDArray[np.float64]:
    """W1 of each photo to each twin, as a share of the photo's own mean magnitude. Shape: (photos, twins)."""
    of_photos = _quantile_functions([subject.residual for subject in subjects], subjects)
    of_twins = _quantile_functions([twin.residual for twin in twins], subjects)
    magnitudes = of_photos.abs().mean(dim=(1, 2)).clamp_min(_SMALLEST)
    distances = earth_mover_distance_matrix(of_photos, of_twins) / magnitudes[:, None]
    return np.asarray(distances.double().numpy())


def _quantile_functions(residuals: Sequence[_Values], subjects: Sequence[_Subject]) -> Tensor:
    """Sorted values of residuals and of their differences to neighbours, by steps of brightness.

    Shape: (residuals, 3 * (1 + 2 lags), samples).
    """
    stacked = torch.from_numpy(np.stack(residuals).transpose(0, 3, 1, 2).copy())
    brightness = torch.from_numpy(np.stack([subject.restored for subject in subjects]).transpose(0, 3, 1, 2).copy())
    reach = max(LAGS)
    inner = stacked[..., reach:, reach:]
    height, width = stacked.shape[2:]
    parts = [inner]
    for lag in LAGS:
        parts.append(inner - stacked[..., reach - lag : height - lag, reach:])
        parts.append(inner - stacked[..., reach:, reach - lag : width - lag])
    values = torch.cat(parts, dim=1)
    intensity = brightness[..., reach:, reach:].repeat(1, len(parts), 1, 1)
    return sorted_residuals(values, intensity, _NUM_BRIGHTNESS_STEPS)


def _accuracy(distances: NDArray[np.float64]) -> float | None:
    """Share of the photos whose own twin is the nearest; None for a single photo."""
    if len(distances) < 2:
        return None
    return float(np.mean(distances.argmin(axis=1) == np.arange(len(distances))))


def _spectra_put_right(noise: LearnedNoise, subjects: Sequence[_Subject], twins: Sequence[_Twin]) -> LearnedNoise:
    """Scale each spectrum by the ratio of the photos' to the twins' power, as far as the network answers."""
    spectra = list(noise.spectra)
    for index, spectrum in enumerate(spectra):
        of_it = [
            (subject, twin)
            for subject, twin in zip(subjects, twins, strict=True)
            if noise.photos[subject.photo].spectrum == index
        ]
        # Texture has spoiled the residuals of outliers too.
        of_it = [pair for pair in of_it if not noise.photos[pair[0].photo].has_shared_spectrum] or of_it
        if not of_it:
            continue
        found, expected, put_in = (
            np.sum(
                [power / (twin.power.mean() + _SMALLEST) for (_, twin), power in zip(of_it, powers, strict=True)],
                axis=0,
            )
            for powers in (
                [subject.power for subject, _ in of_it],
                [twin.power for _, twin in of_it],
                [twin.noise_power for _, twin in of_it],
            )
        )
        trust = _trust(np.sqrt(expected / (put_in + _SMALLEST)))
        ratio = np.clip(found / (expected + _SMALLEST), *_POWER_RANGE)
        amplitude = np.exp(0.5 * smoothed(trust * np.log(ratio))).transpose(1, 2, 0)
        mixed = np.einsum("kc,ijcd,ld->ijkl", OPPONENTS, spectrum, OPPONENTS)
        mixed *= amplitude[..., :, None] * amplitude[..., None, :]
        scaled = np.einsum("kc,ijkl,ld->ijcd", OPPONENTS, mixed, OPPONENTS)
        # How strong each channel is, the levels say, which are put right by themselves.
        spectra[index], _ = of_unit_channels(scaled)
    return replace(noise, spectra=tuple(spectra))


def _levels_put_right(
    noise: LearnedNoise, before: LearnedNoise, subjects: Sequence[_Subject], twins: Sequence[_Twin]
) -> LearnedNoise:
    """Scale each photo's levels by the slope between quantile functions, per brightness and channel."""
    factors = {}
    for subject, twin in zip(subjects, twins, strict=True):
        factor = _level_factors(subject, twin, is_gray=before.photos[subject.photo].is_gray)
        factors[subject.photo] = factor
    photos = tuple(
        replace(photo, variance=photo.variance * factors.get(index, typical) ** 2)
        for index, (photo, typical) in enumerate(zip(noise.photos, typical_of_its_kind(noise, factors), strict=True))
    )
    return replace(noise, photos=photos)


def typical_of_its_kind(noise: LearnedNoise, factors: Mapping[int, _Factor]) -> tuple[_Factor, ...]:
    """For each photo, the typical factor of those that share its spectrum; of all, where none of them is known.

    Args:
        noise: The photos.
        factors: Of some of them, by their number; positive.

    Returns:
        Medians of the logarithms.
    """
    kinds = [photo.spectrum for photo in noise.photos]
    of_kind = {kind: [factor for photo, factor in factors.items() if kinds[photo] == kind] for kind in set(kinds)}
    typical = {
        kind: np.exp(np.median(np.log(found or list(factors.values())), axis=0)) for kind, found in of_kind.items()
    }
    return tuple(typical[kind] for kind in kinds)


def _not_far_above(photos: Sequence[PhotoNoise], guess: LearnedNoise) -> tuple[PhotoNoise, ...]:
    """Photos' noises, no stronger than their finest detail allows.

    What the network takes away beside the noise, small stars and hairs, is in the photo's residual and not in its
    twin's, and looks like more noise.
    """
    limited = []
    for photo, before in zip(photos, guess.photos, strict=True):
        told = told_by_detail(guess.spectra[before.spectrum])[:, None]
        highest = np.exp(told * np.log(_MOST_ABOVE_DETAIL) + (1 - told) * np.log(_MOST_ABOVE_FLAT_BLOCKS))
        limited.append(replace(photo, variance=np.minimum(photo.variance, before.variance * highest**2)))
    return tuple(limited)


def _level_factors(subject: _Subject, twin: _Twin, *, is_gray: bool) -> NDArray[np.float64]:
    """By how much to scale a photo's standard deviation at each `BRIGHTNESS`. Shape: (3, 17)."""
    rows = []
    for channel in range(1 if is_gray else NUM_CHANNELS):
        brightness = subject.restored[..., channel].ravel()
        found, expected, put_in = (
            values[..., channel].ravel() for values in (subject.residual, twin.residual, twin.noise)
        )
        places, logarithms = [], []
        for step in np.array_split(np.argsort(brightness, kind="stable"), _NUM_LEVEL_STEPS):
            if len(step) < _MIN_STEP_PIXELS:
                continue
            answer = expected[step].std() / (put_in[step].std() + _SMALLEST)
            slope = np.clip(_slope(found[step], expected[step]), *_SLOPE_RANGE)
            places.append(float(brightness[step].mean()))
            logarithms.append(float(_trust(answer) * np.log(slope)))
        if not places:
            return np.ones((NUM_CHANNELS, len(BRIGHTNESS)))
        calm = np.convolve(np.pad(logarithms, 1, mode="edge"), (0.25, 0.5, 0.25), "valid")
        rows.append(np.exp(np.interp(BRIGHTNESS, places, calm)))
    return np.broadcast_to(np.stack(rows), (NUM_CHANNELS, len(BRIGHTNESS)))


def _slope(found: _Values, expected: _Values) -> float:
    """The slope between two quantile functions: by how much one distribution is a stretched other one."""
    one, other = (np.quantile(values - values.mean(), _QUANTILES) for values in (found, expected))
    return float(np.sum(one * other) / (np.sum(other * other) + _SMALLEST**2))


def _trust(answer: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """How far a residual that holds this share of the noise put in is believed, 0 to 1."""
    return np.clip((np.asarray(answer) - _UNANSWERED) / (_ANSWERED - _UNANSWERED), 0, 1)
