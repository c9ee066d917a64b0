"""The first guess of photos' noise, from their flat blocks; photos whose noises agree share a spectrum.

What a plane leaves of a flat block is noise, so its mean periodogram is the noise's spectrum. In a photo full of
texture there is no flat block, and texture passes for noise: such a photo stands out by its spectrum, takes that of the
others where they agree, and its level is put right by its finest detail (`levels`) and by its twin (`twins`).

A small photo has too few blocks for some of them to be flat: those of all small photos are judged together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.contracts.learned_noise import BRIGHTNESS, NUM_BANDS, NUM_CHANNELS, LearnedNoise, PhotoNoise
from engine.contracts.photo import Pixels
from engine.photos.noise_estimate import FlatBlocks, flat_blocks, flat_blocks_of_all
from engine.simulation.learned.broad_colour import find_broad_colour, without_broad_colour
from engine.simulation.learned.levels import put_levels_right
from engine.simulation.learned.spectra import (
    HIGH,
    OPPONENTS,
    common_spectrum,
    of_unit_channels,
    smoothed,
    spectrum_of_blocks,
)

_WHITE = np.broadcast_to(np.eye(NUM_CHANNELS), (NUM_BANDS, NUM_BANDS, NUM_CHANNELS, NUM_CHANNELS)).copy()

_AGREEMENT = 0.35
"""Mean difference of the logarithms of two spectra, up to which photos share one. White noises of 13 photos differ by
0.10 to 0.15, camera JPEGs of one maker by 0.24, textures from noise by 1 and more (measured)."""

_LARGEST_MINORITY = 1 / 6
"""Spectra of so few photos, beside a majority that agrees, count as texture."""

_ENOUGH_BLOCKS = 100
"""Of a photo whose spectrum is compared with others'. Of fewer hardly one is flat: of twelve photos with white noise,
sixteen blocks each, it seemed to have five spectra (measured)."""

_MANY_BLOCKS = 300
"""From here on a photo has flat ones of its own. Below, those of photos that agree are looked for among all of theirs:
with grain of 15 of 255, textured ones come out at 16 instead of 23 (measured)."""

_LEAST_SIGMA_SHARE = 0.2
_SMALLEST_VARIANCE = 1e-12
_LEAST_POWER = 1e-3


@dataclass(frozen=True, kw_only=True)
class _Guess:
    """What one photo's flat blocks say."""

    spectrum: NDArray[np.float64]
    shape: NDArray[np.float64]
    num_blocks: int
    is_gray: bool


def guess_noise(
    names: Sequence[str], photos: Sequence[Pixels], highest_levels: Sequence[int], *, is_white: bool = False
) -> LearnedNoise:
    """Measure the noise of photos in their flat blocks.

    Args:
        names: The photos' file names.
        photos: Shape of each: (height, width, 3), 0 to 1, at least 16 pixels a side.
        highest_levels: 255 or 65535 for each.
        is_white: Whether pixels and channels are known to be independent, as samples of a sensor are.

    Returns:
        Levels by brightness, and spectra that photos share.
    """
    if is_white:
        return _guess_fine(names, photos, highest_levels, is_white=True)
    in_colour = [index for index, pixels in enumerate(photos) if _is_in_colour(pixels)]
    blotches = find_broad_colour([photos[index] for index in in_colour])
    if blotches is None:
        return _guess_fine(names, photos, highest_levels)
    # What is broad would be taken for fine noise.
    found = dict(zip(in_colour, blotches.variances, strict=True))
    fine_parts = [without_broad_colour(pixels) if found.get(index) else pixels for index, pixels in enumerate(photos)]
    guess = replace(_guess_fine(names, fine_parts, highest_levels), broad_colour=blotches.spectrum)
    for index, variance in found.items():
        guess = guess.with_photo(index, broad_variance=variance)
    return guess


def _is_in_colour(pixels: Pixels) -> bool:
    return bool(np.any(pixels[..., 0] != pixels[..., 1]) or np.any(pixels[..., 0] != pixels[..., 2]))


def _guess_fine(
    names: Sequence[str], photos: Sequence[Pixels], highest_levels: Sequence[int], *, is_white: bool = False
) -> LearnedNoise:
    """Levels and spectra by flat blocks alone."""
    blocks = [flat_blocks(pixels) for pixels in photos]
    guesses = [_guess(found) for found in blocks]
    num_blocks = [found.num_blocks for found in blocks]

    def judge_together(members: Sequence[int]) -> None:
        for is_gray in (False, True):
            alike = [member for member in members if guesses[member].is_gray is is_gray]
            if alike:
                found = _less_structure(flat_blocks_of_all([photos[member] for member in alike]))
                for member in alike:
                    blocks[member], guesses[member] = found, replace(_guess(found), is_gray=is_gray)

    judge_together([index for index, number in enumerate(num_blocks) if number < _ENOUGH_BLOCKS])
    groups, outliers = ([list(range(len(guesses)))], set()) if is_white else _group(guesses)
    for members in groups:
        if max(num_blocks[member] for member in members) < _MANY_BLOCKS:
            judge_together(members)
    spectra: list[NDArray[np.float64]] = []
    shares_of_channels: list[NDArray[np.float64]] = []
    index_of: dict[tuple[int, bool], int] = {}
    noises = []
    rows = zip(names, photos, blocks, guesses, highest_levels, strict=True)
    for number, (name, pixels, found, guess, highest) in enumerate(rows):
        group = next(index for index, members in enumerate(groups) if number in members)
        key = (group, guess.is_gray)
        if key not in index_of:
            index_of[key] = len(spectra)
            teaching = [guesses[member] for member in groups[group] if member not in outliers]
            common = _WHITE if is_white else _common_spectrum(teaching, is_gray=guess.is_gray)
            # Of gray noise the channels are one.
            shape, shares = (common, np.ones(NUM_CHANNELS)) if guess.is_gray else of_unit_channels(common)
            spectra.append(shape)
            shares_of_channels.append(shares)
        by_flat_blocks = np.outer(shares_of_channels[index_of[key]], _variance_by_brightness(found))
        noises.append(
            PhotoNoise(
                name=name,
                variance=put_levels_right(by_flat_blocks, pixels, spectra[index_of[key]]),
                spectrum=index_of[key],
                is_gray=guess.is_gray,
                highest_level=highest,
                has_shared_spectrum=number in outliers,
            )
        )
    return LearnedNoise(photos=tuple(noises), spectra=tuple(spectra))


def _less_structure(found: FlatBlocks) -> FlatBlocks:
    """The same blocks without what their noise, by its correlation, does not have: structure of the pictures."""
    seen, less = found.with_structure, found.estimate
    if less is seen:
        return found
    reach = np.zeros(NUM_BANDS)
    reach[0] = 1
    for lag, value in enumerate(less.correlation, start=1):
        reach[lag] = reach[-lag] = max(value, 0.0)
    along = np.maximum(np.fft.fft(reach).real, _LEAST_POWER)
    allowed = np.outer(along, along)
    transformed = np.fft.fft2(found.residuals.astype(np.float64))
    power = np.mean(np.abs(transformed) ** 2, axis=(0, 1)) + _SMALLEST_VARIANCE
    # Both beside what they are where pictures hold least.
    kept = np.minimum(allowed / allowed[HIGH].mean() / (power / power[HIGH].mean()), 1)
    residuals = np.fft.ifft2(transformed * np.sqrt(kept)).real.astype(np.float32)
    return replace(found, residuals=residuals, with_structure=less)


def _guess(found: FlatBlocks) -> _Guess:
    blocks = found.residuals.astype(np.float64)
    spectrum = spectrum_of_blocks(blocks)
    power = np.stack([np.einsum("c,ijcd,d->ij", mixture, spectrum, mixture) for mixture in OPPONENTS])
    is_gray = bool(power[1:].mean() < 1e-4 * power[0].mean())
    shape = np.log(smoothed(power / power[0].mean()) + _LEAST_POWER)
    return _Guess(spectrum=spectrum, shape=shape, num_blocks=len(blocks), is_gray=is_gray)


def _common_spectrum(guesses: Sequence[_Guess], *, is_gray: bool) -> NDArray[np.float64]:
    """The mean over photos; of gray ones and for them, that of what the channels share."""
    colour = [guess for guess in guesses if not guess.is_gray]
    if not is_gray and colour:
        return common_spectrum([(guess.spectrum, guess.num_blocks) for guess in colour])
    gray = np.ones((NUM_CHANNELS, NUM_CHANNELS))
    shared = []
    for guess in guesses:
        power = np.einsum("c,ijcd,d->ij", OPPONENTS[0], guess.spectrum, OPPONENTS[0])
        shared.append((power[..., None, None] / power.mean() * gray, guess.num_blocks))
    return common_spectrum(shared)


def _group(guesses: Sequence[_Guess]) -> tuple[list[list[int]], set[int]]:
    """Photos whose spectra agree, and those that take the majority's though their own is another."""
    num_photos = len(guesses)
    near = np.eye(num_photos, dtype=bool)
    for first in range(num_photos):
        for second in range(first):
            one, other = guesses[first], guesses[second]
            mixtures = 1 if one.is_gray or other.is_gray else NUM_CHANNELS
            difference = np.abs(one.shape[:mixtures] - other.shape[:mixtures]).mean()
            near[first, second] = near[second, first] = difference < _AGREEMENT
    left = set(range(num_photos))
    groups: list[list[int]] = []
    while left:
        centre = max(sorted(left), key=lambda photo: sum(near[photo, other] for other in left))
        members = sorted(other for other in left if near[centre, other])
        groups.append(members)
        left -= set(members)
    majority, *others = groups
    if 2 * len(majority) <= num_photos:
        return groups, set()
    few = max(1, int(_LARGEST_MINORITY * num_photos))
    outliers = {photo for members in others if len(members) <= few for photo in members}
    rest = [members for members in others if not set(members) <= outliers]
    return [sorted({*majority, *outliers}), *rest], outliers


def _variance_by_brightness(found: FlatBlocks) -> NDArray[np.float64]:
    """The measured line of variance over brightness, at each `BRIGHTNESS`.

    Noise that grows with the light goes on growing beyond the brightest flat parts; noise that falls is not
    followed to where it was not seen.
    """
    sigma, line = found.with_structure.sigma, found.with_structure.dependence
    if line is None:
        return np.full(len(BRIGHTNESS), max(sigma**2, _SMALLEST_VARIANCE))
    lowest = 0.0 if line.slope >= 0 and line.offset > 0 else line.darkest
    highest = 1.0 if line.slope > 0 else line.brightest
    variance = line.slope * np.clip(BRIGHTNESS, lowest, highest) + line.offset
    return np.maximum(variance, max((_LEAST_SIGMA_SHARE * sigma) ** 2, _SMALLEST_VARIANCE))
