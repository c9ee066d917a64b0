"""Broad blotches of colour: noise coarser than the blocks that a spectrum is measured in, and gray nowhere.

Demosaicking and noise reduction in cameras leave such blotches in dark photos. In blocks of a photo shrunk to a quarter
they they stand out in the differences of the channels, where pictures hold little. Pictures hold some, though: what is
noise is told by that it is alike from place to place, and, beside the fine noise of the same colours, in photo after
photo, as no picture's own colours are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.contracts.learned_noise import BROAD_SCALE, NUM_BANDS, NUM_CHANNELS
from engine.contracts.photo import Pixels
from engine.simulation.learned.spectra import OPPONENTS, cut_into_blocks, transformed_mixtures

MIN_PHOTOS = 3
"""Fewer cannot be told to agree."""

_LEAST_EXCESS = 8.0
"""Power of the blotches beside that of the colours' finest detail. White noises have 1 to 6 (measured)."""

_LARGEST_SPREAD = 0.25
"""Standard deviation of the excess' logarithm among photos that agree. Made blotches have 0.07, white noise upon
pictures with colours of their own 0.3, sample photos 0.5, photos of several cameras 0.7 and more (measured)."""

_NEAR = 0.6
"""Difference of a logarithm from the median, up to which a photo counts as one of those that agree."""

_LEAST_SHARE = 0.5
"""Of the colour photos, that have to agree."""

_LEAST_FINE_VARIANCE = (0.5 / 255) ** 2
"""Of the colours' finest detail: below it, after compression, there is nothing to compare with."""

_MOST_UNEVEN = 2.3
"""Quotient of the upper and the lower quartile of the blocks' power. Blotches have 1.6 to 1.7, pictures 2 to 75."""

_DETAIL_BLOCK_PX = 8
_DETAIL_QUANTILE = 0.4
_MIN_SMALL_PX = 4 * NUM_BANDS
_MIN_RADIUS, _MAX_RADIUS = 1.5, 3.5
_SMALLEST = 1e-12
_CALM_QUANTILE = 0.25
"""Of a periodogram's values over the blocks: a picture's own colours lie in the others. Such values are exponentially
distributed, which gives their mean."""


@dataclass(frozen=True, kw_only=True)
class BroadColour:
    """Blotches that photos share.

    Attributes:
        variances: Of the blotches of each photo, 0 where it has none.
        spectrum: As `LearnedNoise.broad_colour`. Shape: (16, 16, 3, 3).
    """

    variances: tuple[float, ...]
    spectrum: NDArray[np.float64]


def find_broad_colour(photos: Sequence[Pixels]) -> BroadColour | None:
    """Find blotches on which photos agree.

    Args:
        photos: Those in colour. Shape of each: (height, width, 3), 0 to 1.

    Returns:
        None where there are none.
    """
    powers = [_broad_power(pixels) for pixels in photos]
    fine = [_fine_variance(pixels) for pixels in photos]
    known = [
        index
        for index, (power, variance) in enumerate(zip(powers, fine, strict=True))
        if power is not None and variance >= _LEAST_FINE_VARIANCE
    ]
    if len(known) < MIN_PHOTOS:
        return None
    found = np.array([powers[index] for index in known])
    levels = found[:, :, _ring()].mean(axis=(1, 2))
    excess = np.log(levels / np.array([fine[index] for index in known]) + _SMALLEST)
    near = np.abs(excess - np.median(excess)) < _NEAR
    is_common = near.sum() >= max(MIN_PHOTOS, _LEAST_SHARE * len(photos))
    if np.median(excess) < np.log(_LEAST_EXCESS) or not is_common or np.std(excess[near]) > _LARGEST_SPREAD:
        return None
    shape = np.median(found[near] / levels[near][:, None, None, None], axis=0)
    spectrum = np.einsum("kc,kij,kd->ijcd", OPPONENTS[1:], shape, OPPONENTS[1:])
    power = float(np.trace(spectrum, axis1=2, axis2=3).mean()) / NUM_CHANNELS
    variances = np.zeros(len(photos))
    variances[np.array(known)[near]] = levels[near] * power / BROAD_SCALE**2
    return BroadColour(variances=tuple(float(variance) for variance in variances), spectrum=spectrum / power)


def without_broad_colour(pixels: Pixels) -> Pixels:
    """A photo less all that is broad in its colours; brightness stays. Shape: (height, width, 3), kept."""
    height, width = pixels.shape[:2]
    small = _shrunk(pixels)
    of_colour = OPPONENTS[1:].T @ OPPONENTS[1:]
    smooth = cv2.resize(small @ of_colour.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    mean = smooth.mean(axis=(0, 1), keepdims=True)
    return np.asarray(pixels - (smooth - mean), np.float32)


def _broad_power(pixels: Pixels) -> NDArray[np.float64] | None:
    """Power of what is broad in the two mixtures of colour alone, as it is in most of a photo's blocks.

    Returns:
        Variance density on the photo's full scale; white noise of variance v has v. None where the photo is too small,
        or where the power is another from place to place, as that of a picture is.
        Shape: (2, 16, 16).
    """
    small = _shrunk(pixels)
    if min(small.shape[:2]) < _MIN_SMALL_PX:
        return None
    half = NUM_BANDS // 2
    corners = ((0, 0), (0, half), (half, 0), (half, half))
    blocks = np.concatenate([cut_into_blocks(small[top:, left:]) for top, left in corners])
    transformed = transformed_mixtures(blocks)[:, 1:]
    power_of_block = (np.abs(transformed) ** 2)[:, :, _ring()].mean(axis=(1, 2))
    lower, upper = np.quantile(power_of_block, (0.25, 0.75))
    if upper > _MOST_UNEVEN * lower:
        return None
    calm = np.quantile(np.abs(transformed) ** 2, _CALM_QUANTILE, axis=0) / -np.log1p(-_CALM_QUANTILE)
    power = calm * BROAD_SCALE**2 / NUM_BANDS**2
    # The block's mean has taken the lowest frequency away; a smooth spectrum goes on towards it.
    first, second = ((power[:, place, 0] + power[:, 0, place]) / 2 for place in (1, 2))
    power[:, 0, 0] = first * np.clip(first / (second + _SMALLEST), 1, 2) ** (1 / 3)
    return np.asarray(power)


def _fine_variance(pixels: Pixels) -> float:
    """Mean square of the colours' finest diagonal detail, as it is in most blocks; white noise of variance v has v."""
    colours = pixels @ OPPONENTS[1:].T.astype(np.float32)
    detail = (colours[1:, 1:] - colours[1:, :-1] - colours[:-1, 1:] + colours[:-1, :-1]) / 2
    side = _DETAIL_BLOCK_PX
    rows, columns = (size // side for size in detail.shape[:2])
    squares = detail[: rows * side, : columns * side].reshape(rows, side, columns, side, 2) ** 2
    if not squares.size:
        return 0.0
    return float(np.quantile(squares.mean(axis=(1, 3, 4)), _DETAIL_QUANTILE))


def _shrunk(pixels: Pixels) -> NDArray[np.float32]:
    height, width = (side // BROAD_SCALE * BROAD_SCALE for side in pixels.shape[:2])
    size = (max(width // BROAD_SCALE, 1), max(height // BROAD_SCALE, 1))
    whole = np.ascontiguousarray(pixels[: max(height, 1), : max(width, 1)])
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.float32)


def _ring() -> NDArray[np.bool_]:
    """Frequencies that blotches have, and that neither a block's mean nor its window hides. Shape: (16, 16)."""
    steps = np.fft.fftfreq(NUM_BANDS) * NUM_BANDS
    radius = np.hypot(steps[:, None], steps[None, :])
    return np.asarray((radius > _MIN_RADIUS) & (radius < _MAX_RADIUS))
