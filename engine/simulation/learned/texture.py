"""Texture that passed for noise, told by what the network takes away of it.

A network that restores photos finds most noises at least in part, and about the same part of them in all photos of a
folder; fine texture it leaves where it is. Neither flat blocks nor twins can tell texture from a noise that the network
does not know, such as coarse grain. The folder's calmest photos can: noise that it does not know is in them too. A
photo whose noise would be far stronger than theirs, and of which the network finds a far smaller part, holds texture:
its noise is what the network finds, and as much more as it misses of theirs. Where the network finds next to nothing in
the calmest ones either, the photos themselves are asked: noise is in every part of them, so hardly any block is calmer
than what is drawn of it; texture is not.

Kodak photos without an added noise: the calmest third has 1.3 to 2.3 of 255, of which the network finds a part of 0.16;
six more have 5 to 14, of which it finds less than 0.02. With coarse grain all have 20 to 25, and it finds less than
0.01 of any. Of the blocks that are as calm as drawn noise or calmer, a share of 0.03 is calmer with grain, of 0.18 with
banding (the median of the photos), and of 0.46 in those six photos without noise (measured).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from engine.contracts.learned_noise import LearnedNoise
from engine.contracts.photo import Pixels
from engine.photos.noise_estimate import CLIPPED_ABOVE, CLIPPED_BELOW, MAX_CLIPPED_SHARE
from engine.simulation.learned.spectra import cut_into_blocks
from engine.simulation.learned.twins import CROP_PX, Restore, central_crop

_CALM_SHARE = 1 / 3
_FAR_STRONGER = 2.0
"""Times the standard deviation of the calmest photos."""

_FAR_SMALLER = 1 / 4
"""Of the part of the power that the network finds in the calmest photos."""

_FEWEST_TO_COMPARE = 3
_NEXT_TO_NOTHING = 0.1
"""The part up to which the network is taken to know best, where there are too few photos to compare."""

_MOST_CALMER_BLOCKS = 0.3
"""Share of the blocks that may be calmer than drawn noise."""

_DRAWN_QUANTILES = 0.05, 0.95
_TOLERANCE = 0.03
_FEWEST_BLOCKS = 20
_SMALLEST = 1e-12


def without_texture(noise: LearnedNoise, photos: Sequence[Pixels], restore: Restore) -> LearnedNoise:
    """Lower the levels of photos whose texture passed for noise.

    Args:
        noise: As the twins have left it.
        photos: Its photos, in the same order. Shape of each: (height, width, 3), 0 to 1.
        restore: The network.

    Returns:
        The same noise, no photo's stronger than before.
    """
    crops = [central_crop(pixels, min(CROP_PX, *pixels.shape[:2])) for pixels in photos]
    powers = np.array([noise.power(crop, index) for index, crop in enumerate(crops)])

    def found_part(index: int) -> float:
        restored = np.asarray(restore(crops[index]), np.float32)
        # Compression takes much of the learned noise away.
        put_in = noise.add(restored, index, np.random.default_rng(index)) - restored
        return float(np.mean((crops[index] - restored) ** 2) / (np.mean(put_in**2) + _SMALLEST))

    if len(photos) < _FEWEST_TO_COMPARE:
        parts = {index: found_part(index) for index in range(len(photos))}
        factors = {index: part for index, part in parts.items() if part < _NEXT_TO_NOTHING}
    else:
        calmest = np.argsort(powers, kind="stable")[: max(round(_CALM_SHARE * len(photos)), 1)]
        usual_part = float(np.median([found_part(int(index)) for index in calmest]))
        if usual_part < _NEXT_TO_NOTHING and _is_uneven(noise, photos):
            return _lowered(noise, {index: min(found_part(index), 1.0) for index in range(len(photos))})
        strong = np.flatnonzero(powers > _FAR_STRONGER**2 * np.median(powers[calmest]))
        parts = {int(index): found_part(int(index)) for index in strong}
        factors = {index: part / usual_part for index, part in parts.items() if part < _FAR_SMALLER * usual_part}
    return _lowered(noise, factors)


def _lowered(noise: LearnedNoise, factors: Mapping[int, float]) -> LearnedNoise:
    """The same noise, the power of some photos scaled."""
    for index, factor in factors.items():
        noise = noise.weakened(index, factor)
    return noise


def _is_uneven(noise: LearnedNoise, photos: Sequence[Pixels]) -> bool:
    """Whether most photos have many blocks that are calmer than any noise as strong as theirs would leave them."""
    shares = [_calmer_share(noise, index, pixels) for index, pixels in enumerate(photos)]
    return float(np.median(shares)) > _MOST_CALMER_BLOCKS


def _calmer_share(noise: LearnedNoise, index: int, pixels: Pixels) -> float:
    """Of the blocks that are as calm as drawn noise or calmer, the share that is calmer, 0 to 1."""
    blocks = cut_into_blocks(np.asarray(pixels, np.float32))
    clipped = ((blocks <= CLIPPED_BELOW) | (blocks >= CLIPPED_ABOVE)).mean(axis=(1, 2, 3))
    is_judged = clipped <= MAX_CLIPPED_SHARE
    if np.count_nonzero(is_judged) < _FEWEST_BLOCKS:
        is_judged = np.ones_like(is_judged)
    brightness = blocks.mean(axis=(2, 3))[is_judged].astype(np.float32)
    expected = noise.deviation(brightness[:, None, :], index)[:, 0]
    level = np.sqrt(np.mean(expected**2, axis=1) + noise.photos[index].broad_variance + _SMALLEST)
    drawn = cut_into_blocks(noise.draw(np.asarray(pixels, np.float32), index, np.random.default_rng(index)))
    of_photo, of_noise = (np.sqrt(part[is_judged].var(axis=(2, 3)).mean(axis=1)) / level for part in (blocks, drawn))
    low, high = np.quantile(of_noise, _DRAWN_QUANTILES)
    num_calmer = np.count_nonzero(of_photo < low * (1 - _TOLERANCE))
    num_alike = np.count_nonzero(of_photo <= high * (1 + _TOLERANCE)) - num_calmer
    return float(num_calmer) / max(float(num_calmer + num_alike), 1.0)
