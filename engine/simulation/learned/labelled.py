"""What labels tell of the noise: a noisy photo less its clean reference is the noise itself, not an estimate of it.

The labelled photos get the noise that was seen in them. What twins had made of it before shows how far they are off,
and the levels of the other photos are moved by as much, the more the more labels there are; a spectrum that photos
share is mixed with that of its labels likewise.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.contracts.learned_noise import BRIGHTNESS, NUM_CHANNELS, LearnedNoise
from engine.contracts.photo import Pixels
from engine.photos.noise_estimate import CLIPPED_ABOVE, CLIPPED_BELOW, MAX_CLIPPED_SHARE
from engine.simulation.learned.spectra import common_spectrum, cut_into_blocks, of_unit_channels, spectrum_of_blocks

_NUM_STEPS = 6
_MIN_STEP_BLOCKS = 8
_CALM_SHARE = 0.5
_SMALLEST = 1e-12


@dataclass(frozen=True, kw_only=True)
class LabelledPart:
    """A part of a photo, and of its clean reference.

    Attributes:
        photo: Index of the photo in the noise.
        noisy: Shape: (height, width, 3), 0 to 1.
        clean: Same shape.
    """

    photo: int
    noisy: Pixels
    clean: Pixels


def put_right_by_labels(noise: LearnedNoise, parts: Sequence[LabelledPart]) -> LearnedNoise:
    """Take the noise of labelled photos from their references, and move that of the others with it.

    Args:
        noise: As twins, or flat blocks, have it.
        parts: Parts of labelled photos; several of one photo count together.

    Returns:
        The noise put right; as it was where the parts are too small, or clipped, to tell anything.
    """
    by_photo: defaultdict[int, list[LabelledPart]] = defaultdict(list)
    for part in parts:
        by_photo[part.photo].append(part)
    photos, spectra = list(noise.photos), list(noise.spectra)
    moved: defaultdict[int, list[float]] = defaultdict(list)
    seen: defaultdict[int, list[tuple[NDArray[np.float64], int]]] = defaultdict(list)
    for index, of_photo in by_photo.items():
        blocks, brightness = _calm_blocks(of_photo)
        if len(blocks) < _MIN_STEP_BLOCKS:
            continue
        photo = noise.photos[index]
        if photo.jpeg is not None:
            # Seen is what compression has left of it; what was learned is the noise before.
            continue
        ratio = _variance_ratio(blocks, brightness, photo.variance)
        photos[index] = replace(photo, variance=photo.variance * ratio)
        moved[photo.spectrum].append(float(np.mean(np.log(ratio))))
        deviation = np.sqrt(
            [
                np.interp(brightness[:, channel], BRIGHTNESS, photos[index].variance[channel])
                for channel in range(NUM_CHANNELS)
            ]
        ).T
        seen[photo.spectrum].append((spectrum_of_blocks(blocks / deviation[..., None, None]), len(blocks)))
    for group, logarithms in moved.items():
        trust = len(logarithms) / (len(logarithms) + 1)
        factor = float(np.exp(trust * np.mean(logarithms)))
        for index, photo in enumerate(noise.photos):
            if photo.spectrum == group and photos[index] is photo:
                photos[index] = replace(photo, variance=photo.variance * factor)
        of_labels, _ = of_unit_channels(common_spectrum(seen[group]))
        spectra[group] = (1 - trust) * spectra[group] + trust * of_labels
    return replace(noise, photos=tuple(photos), spectra=tuple(spectra))


def _median_in_blocks(spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
    """What half of the blocks hold at most of the variance of noise, in each channel.

    A block less its mean has lost the lowest frequency; and the fewer frequencies carry the noise, the more the median
    of its power lies below the mean (of chi-squared: Wilson and Hilferty, PNAS 1931).

    Args:
        spectrum: Of the noise. Shape: (16, 16, 3, 3).

    Returns:
        Shares, of white noise nearly 1. Shape: (3,).
    """
    power = np.diagonal(spectrum, axis1=2, axis2=3).reshape(-1, NUM_CHANNELS)
    left = power[1:].sum(axis=0)
    degrees = left**2 / np.square(power[1:]).sum(axis=0)
    median: NDArray[np.float64] = left / power.sum(axis=0) * (1 - 2 / (9 * degrees)) ** 3
    return median


def _calm_blocks(parts: Sequence[LabelledPart]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Noise in blocks that are not clipped and hold little structure, which a shift of the reference would show.

    Returns:
        The noise less its mean, and the clean brightness. Shapes: (blocks, 3, 16, 16) and (blocks, 3).
    """
    noises, brightness, structure = [], [], []
    for part in parts:
        noisy, clean = (cut_into_blocks(picture) for picture in (part.noisy, part.clean))
        clipped = ((noisy <= CLIPPED_BELOW) | (noisy >= CLIPPED_ABOVE)).mean(axis=(1, 2, 3))
        found = clipped <= MAX_CLIPPED_SHARE
        difference = (noisy - clean)[found]
        noises.append(difference - difference.mean(axis=(2, 3), keepdims=True))
        brightness.append(clean[found].mean(axis=(2, 3)))
        structure.append(clean[found].std(axis=(2, 3)).mean(axis=1))
    order = np.argsort(np.concatenate(structure), kind="stable")
    calm = np.sort(order[: max(_MIN_STEP_BLOCKS, round(_CALM_SHARE * len(order)))])
    return np.concatenate(noises)[calm], np.concatenate(brightness)[calm]


def _variance_ratio(
    blocks: NDArray[np.float64], brightness: NDArray[np.float64], variance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """By how much the variance that was seen differs from what was thought, at each `BRIGHTNESS`. Shape: (3, 17)."""
    rows = []
    num_steps = int(np.clip(len(blocks) // _MIN_STEP_BLOCKS, 1, _NUM_STEPS))
    found = np.mean(blocks**2, axis=(2, 3)) / _median_in_blocks(spectrum_of_blocks(blocks))
    for channel in range(NUM_CHANNELS):
        places, ratios = [], []
        for step in np.array_split(np.argsort(brightness[:, channel], kind="stable"), num_steps):
            place = float(brightness[step, channel].mean())
            thought = float(np.interp(place, BRIGHTNESS, variance[channel]))
            places.append(place)
            # The median: a block in which the reference has moved shows an edge.
            ratios.append(float(np.median(found[step, channel])) / (thought + _SMALLEST) + _SMALLEST)
        rows.append(np.exp(np.interp(BRIGHTNESS, places, np.log(ratios))))
    return np.stack(rows)
