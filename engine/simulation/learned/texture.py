"""Texture that passed for noise, told by what the network takes away of it.

A network that restores photos finds most noises at least in part, and about the same part of them in all photos of a
folder; fine texture it leaves where it is. Neither flat blocks nor twins can tell texture from a noise that the network
does not know, such as coarse grain. The folder's calmest photos can: noise that it does not know is in them too. A
photo whose noise would be far stronger than theirs, and of which the network finds a far smaller part, holds texture:
its noise is what the network finds, and as much more as it misses of theirs.

Kodak photos without an added noise: the calmest third has 1.3 to 2.3 of 255, of which the network finds a part of 0.16;
six more have 5 to 14, of which it finds less than 0.02. With coarse grain all have 20 to 25, and it finds less than
0.01 of any (measured).
"""

from collections.abc import Sequence

import numpy as np

from engine.contracts.learned_noise import LearnedNoise
from engine.contracts.photo import Pixels
from engine.simulation.learned.twins import CROP_PX, Restore, central_crop

_CALM_SHARE = 1 / 3
_FAR_STRONGER = 2.0
"""Times the standard deviation of the calmest photos."""

_FAR_SMALLER = 1 / 4
"""Of the part of the power that the network finds in the calmest photos."""

_FEWEST_TO_COMPARE = 3
_NEXT_TO_NOTHING = 0.1
"""The part up to which the network is taken to know best, where there are too few photos to compare."""

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
        strong = np.flatnonzero(powers > _FAR_STRONGER**2 * np.median(powers[calmest]))
        parts = {int(index): found_part(int(index)) for index in strong}
        factors = {index: part / usual_part for index, part in parts.items() if part < _FAR_SMALLER * usual_part}
    for index, factor in factors.items():
        photo = noise.photos[index]
        lowered = {"variance": photo.variance * factor, "broad_variance": photo.broad_variance * factor}
        noise = noise.with_photo(index, **lowered)
    return noise
