"""How far a restoration moved the picture's own values: its contrast, its brightness, and its broad parts.

A restored picture of g times the contrast and shifted by o leaves (1 - g) x + n - o of the photo x + n: a straight line
on the picture, beside the noise. The line is fitted to the means of blocks. There the noise is small, and so is what
noise that was left in the picture has in common with noise that was taken away; broad parts of the picture, which local
measures (`leak`) take for the level of a block, show in them as well.

What no line on a channel itself explains (colours that moved against each other, broad parts of the picture that went
with the noise) is looked for in what surrounds a block: the residual's mean in a block is regressed on the means of the
blocks around it, of all channels. Noise that was left there has nothing in common with the noise that was taken here,
so that a gray photo at half strength, whose colours are noise alone, does not pass for one that lost its colours.

Blocks that black or white cut off are left out: there noise itself shifts the mean.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.contracts.photo import Pixels
from engine.photos.noise_estimate import CLIPPED_ABOVE, CLIPPED_BELOW, MAX_CLIPPED_SHARE

BLOCK_PX = 16
"""Side of the blocks by which the noise's small scale and the picture's broad one are told apart."""

MIN_BLOCKS = 12

TOLD_SHARE = 0.014
"""Of the residual's variance, from which on a line is told. Where 3 % are there, noise of 6 % of the range with a reach
of a few pixels lets 1.5 to 5 % be found in a picture of 384 pixels (`_CERTAIN` keeps chance out)."""

TOLD_SHIFT = 0.003
"""Of the range from black to white, from which on a shift of the mean is told."""

TOLD_BROAD_SHARE = 0.012
"""Of the residual's variance, from which on what the surroundings explain is told: they explain a half to nine
tenths of what is there."""

_CERTAIN = 4.5
"""Standard errors from nothing, at which a line or a shift is no chance: once in 150,000 of pure noise."""

_SMALLEST_VARIANCE = 1e-14
_LEAST_DIRECTION = 1e-3
"""Of the strongest mixture of the channels: a weaker one is rounding (a gray photo has three equal channels)."""

_Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ValueDrift:
    """By how much the picture's values were moved.

    Attributes:
        share: Part of the residual's variance that a straight line on the picture explains, 0 to 1; 0 where it may be
            chance.
        contrast: Of the restored picture, beside the photo's; 1 likewise.
        shift: By how much it is brighter on the mean, -1 to 1; 0 likewise.
        channel_shifts: By how much more than that each channel is, -1 to 1; 0 likewise.
        broad_share: Part of the residual's variance that the picture around explains, of all channels, 0 to 1; 0
            likewise.
    """

    share: float
    contrast: float
    shift: float
    channel_shifts: tuple[float, ...] = ()
    broad_share: float = 0.0

    @property
    def is_line_told(self) -> bool:
        """Whether the contrast moved more than one would want to pass over."""
        return self.share >= TOLD_SHARE

    @property
    def is_shift_told(self) -> bool:
        """Whether the brightness did."""
        return abs(self.shift) >= TOLD_SHIFT

    @property
    def most_shifted_channel(self) -> int | None:
        """The channel that moved against the others, where one did by more than one would want to pass over."""
        if not self.channel_shifts:
            return None
        most = int(np.argmax(np.abs(self.channel_shifts)))
        return most if abs(self.channel_shifts[most]) >= TOLD_SHIFT else None

    @property
    def is_told(self) -> bool:
        """Whether anything moved more than one would want to pass over."""
        return (
            self.is_line_told
            or self.is_shift_told
            or self.most_shifted_channel is not None
            or self.broad_share >= TOLD_BROAD_SHARE
        )


def measure_drift(residual: Pixels, restored: Pixels) -> ValueDrift | None:
    """Fit a straight line on the picture to a residual.

    Args:
        residual: Noisy minus restored. Height x width x channels.
        restored: The restored picture. Same shape.

    Returns:
        None where there are too few blocks to tell.

    Raises:
        ValueError: The shapes differ.
    """
    if residual.shape != restored.shape or residual.ndim != 3:
        raise ValueError(f"both must be height x width x channels; found {residual.shape} and {restored.shape}")
    found, below = (whole_blocks(picture).astype(np.float64) for picture in (residual, restored))
    noisy = below + found
    clipped = ((noisy <= CLIPPED_BELOW) | (noisy >= CLIPPED_ABOVE)).mean(axis=1).max(axis=1)
    judged = clipped <= MAX_CLIPPED_SHARE
    if int(judged.sum()) < MIN_BLOCKS:
        return None
    means, brightness = found[judged].mean(axis=1), below[judged].mean(axis=1)
    # Of all blocks: the line is measured where nothing is cut off, and goes on where something is.
    contrasts = np.var(below, axis=(0, 1))
    variance = float(np.mean(np.var(found[judged].astype(np.float64), axis=(0, 1))))
    if variance < _SMALLEST_VARIANCE:
        return ValueDrift(share=0.0, contrast=1.0, shift=0.0)
    everywhere = float(np.mean(np.var(found, axis=(0, 1))))
    grid = block_grid(residual)
    slopes = _slopes(means, brightness, judged, grid)
    slope = float(np.mean(slopes))
    shift = means.mean()
    error = float(np.sqrt(np.mean(np.var(means, axis=0)) / means.size))
    is_shifted = abs(shift) > _CERTAIN * error
    beyond = means.mean(axis=0) - shift
    errors = np.std(means - means.mean(axis=1, keepdims=True), axis=0) / np.sqrt(len(means))
    around = _around(found.mean(axis=1), below.mean(axis=1), judged, grid)
    return ValueDrift(
        share=float(np.clip(np.mean(slopes**2 * contrasts) / everywhere, 0, 1)),
        contrast=1 / (1 + slope) if slope > -0.5 else 2.0,
        shift=-float(shift) if is_shifted else 0.0,
        channel_shifts=tuple(np.where(np.abs(beyond) > _CERTAIN * errors, -beyond, 0.0).tolist()),
        broad_share=float(np.clip(around / variance, 0, 1)),
    )


def _around(found: _Array, below: _Array, judged: NDArray[np.bool_], grid: tuple[int, int]) -> float:
    """The variance of the residual's blocks that the picture around them explains; 0 where it may be chance.

    Args:
        found: Means of the residual's blocks. Shape: (blocks, channels).
        below: Of the restored picture's. The same shape.
        judged: Which blocks count. Shape: (blocks,).
        grid: Rows and columns of blocks.
    """
    # Imported late: scipy takes a quarter of a second, and the window loads this module.
    from scipy.special import chdtri

    num_channels = below.shape[1]
    counted = judged.reshape(*grid, 1).astype(np.float64)
    sums, counts = (_of_neighbours(plane) for plane in (below.reshape(*grid, num_channels) * counted, counted))
    used = judged & (counts.reshape(-1) > 0.5)
    if int(used.sum()) < MIN_BLOCKS * (1 + num_channels):
        return 0.0
    around = (sums / np.maximum(counts, 1)).reshape(-1, num_channels)[used]
    directions, sizes, _ = np.linalg.svd(around - around.mean(axis=0), full_matrices=False)
    directions = directions[:, sizes > _LEAST_DIRECTION * sizes[0]]
    if not directions.shape[1] or sizes[0] < _SMALLEST_VARIANCE:
        return 0.0
    # As rare as the same number of standard errors on either side.
    certain = chdtri(directions.shape[1], math.erfc(_CERTAIN / math.sqrt(2)) / num_channels)
    explained = 0.0
    for channel in range(num_channels):
        means = found[used, channel] - found[used, channel].mean()
        weights = directions.T @ means
        left = means - directions @ weights
        covariance = (directions * np.square(left)[:, None]).T @ directions * _shared_by_neighbours(left, used, grid)
        if float(weights @ np.linalg.pinv(covariance, hermitian=True) @ weights) > certain:
            # Less what chance gives on average.
            explained += max(float(weights @ weights - np.trace(covariance)), 0.0) / len(means)
    return float(explained / num_channels)


def _of_neighbours(plane: _Array) -> _Array:
    """The sum of the eight blocks around each. Shape: (rows, columns, channels)."""
    rows, columns = plane.shape[:2]
    padded = np.pad(plane, ((1, 1), (1, 1), (0, 0)))
    places = [(down, across) for down in range(3) for across in range(3) if (down, across) != (1, 1)]
    total: _Array = np.sum([padded[down : down + rows, across : across + columns] for down, across in places], axis=0)
    return total


def _shared_by_neighbours(left: _Array, used: NDArray[np.bool_], grid: tuple[int, int]) -> float:
    """By how much blotches that reach over blocks make a mean over them less certain: a factor of its variance, from 1.

    Args:
        left: What a fit left of the blocks that are used. Shape: (used blocks,).
        used: Which blocks those are. Shape: (blocks,).
        grid: Rows and columns of blocks.
    """
    plane = np.zeros(len(used))
    plane[used] = left
    placed = plane.reshape(*grid, 1)
    return max(1.0, 1 + float(np.sum(placed * _of_neighbours(placed))) / max(float(left @ left), _SMALLEST_VARIANCE))


def _slopes(means: _Array, brightness: _Array, judged: NDArray[np.bool_], grid: tuple[int, int]) -> _Array:
    """The slopes of a line for each channel; 0 where they may be chance.

    A line that all channels share is clearer than each one's: together they are judged first.

    Args:
        means: Of the residual's judged blocks. Shape: (judged blocks, channels).
        brightness: Of the restored picture's. The same shape.
        judged: Which blocks those are. Shape: (blocks,).
        grid: Rows and columns of blocks.

    Returns:
        Shape: (channels,).
    """
    centred = brightness - brightness.mean(axis=0)
    spreads = np.mean(centred**2, axis=0)
    has_spread = spreads > _SMALLEST_VARIANCE
    inverse = np.divide(1.0, spreads, out=np.zeros_like(spreads), where=has_spread)
    slopes: _Array = np.mean(centred * means, axis=0) * inverse
    left = means - means.mean(axis=0) - slopes * centred
    # Noise that grows with the light has blocks of unlike certainty (White, Econometrica 48(4), 1980).
    pulls = centred * left * inverse / len(means)

    def chance(pull: _Array) -> float:
        return _CERTAIN * math.sqrt(float(pull @ pull) * _shared_by_neighbours(pull, judged, grid))

    if abs(float(slopes.mean())) > chance(pulls.mean(axis=1)):
        return slopes
    return np.where(np.abs(slopes) > [chance(pull) for pull in pulls.T], slopes, 0.0)


def whole_blocks(picture: Pixels) -> NDArray[np.float32]:
    """The whole blocks of a picture, row by row; what is left at its right and lower border is left out.

    Args:
        picture: Height x width x channels.

    Returns:
        Shape: (blocks, pixels of a block, channels).
    """
    rows, columns = block_grid(picture)
    whole = picture[: rows * BLOCK_PX, : columns * BLOCK_PX]
    grid = whole.reshape(rows, BLOCK_PX, columns, BLOCK_PX, picture.shape[2]).transpose(0, 2, 1, 3, 4)
    return grid.reshape(rows * columns, BLOCK_PX**2, picture.shape[2])


def block_grid(picture: Pixels) -> tuple[int, int]:
    """How many rows and columns of whole blocks a picture has."""
    return picture.shape[0] // BLOCK_PX, picture.shape[1] // BLOCK_PX
