"""How noisy a photo is, how far its noise reaches from pixel to pixel and how it follows the brightness.

All is judged from the photo alone. Level and reach are measured in the flattest small blocks, from which a plane is
taken away: what is left there is noise. First the blocks of least variance are taken at each brightness, since noise
grows with it; of these the ones whose variance is small beside that of their finest diagonal detail, since a picture's
structure is coarser than noise.

Dependence on brightness is measured in more blocks, those of least coarse structure at each brightness, by diagonal
detail between pixels whose noise is independent: on white noise neither choice nor measure then depends on the other,
so that choosing calm blocks does not make the noise look weaker.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.contracts.noise import (
    LEVELS,
    MAX_STRIDE,
    FolderNoise,
    Item,
    NoiseDoubt,
    NoiseEstimate,
    SignalDependence,
    independent_distance,
    spread_evenly,
    summarize_noise,
)
from engine.contracts.photo import Pixels
from engine.photos.noise_correlation import BLOCKS_FOR_ALL_GROUPS, find_correlation

MIN_SIDE_PX = 16
"""The smallest photo, in both directions, that can be judged."""

_BLOCK_PX = 16
_PLANE_TERMS = 3
_NUM_BRIGHTNESS_GROUPS = 4
_CALM_SHARE = 0.2
_FLAT_SHARE = 0.4
_MIN_BLOCKS = 8
# Photos are judged in 3 x 3 windows of this side, spread evenly: quick, and as exact as the whole.
_WINDOW_PX = 256
_NUM_WINDOWS = 3
CLIPPED_BELOW, CLIPPED_ABOVE = 0.004, 0.996
MAX_CLIPPED_SHARE = 0.02
"""Blocks of which more lies beyond these values tell of the clipping, not of the noise."""

_NEARLY_ALL = 99.9
_REACH_PX = 512
"""Of so many rows and columns: a single pixel says nothing about how bright a picture is."""

# For doubts about the level. Of 24 clean photos with noise of known levels, white and grainy (Kodak, Urban100, CBSD68):
# below 0.8 five of six levels were more than 1.4 times too high, above 0.9 one of ten.
_LEAST_BLOCKS = 64
_CALMEST_SHARE = 0.05
_LEAST_EVENNESS = 0.8
_DOUBTED_FROM = 2 / LEVELS
"""Weaker noise is hardly any, whether or not some of it is picture."""

# For the dependence on brightness.
_CELL_PX = 4
_MAX_GROUPS = 12
_MIN_GROUPS = 4
_MIN_GROUP_BLOCKS = 16
_LEAST_STRUCTURED_SHARE = 0.2
_LEAST_BRIGHTNESS_RANGE = 0.1
_NUM_REWEIGHTINGS = 20
# The usual constant: 95 % as exact as least squares where there are no outliers (Huber 1964).
_HUBER_DEVIATIONS = 1.345
_DEVIATION_OF_MEDIAN = 1.4826
_LEAST_SHARE_OF_MEAN = 0.05
_LEAST_KEPT = 0.05
"""Of the variance, in the mixed difference: of stripes, alike all along a row, it keeps nothing."""

_SMALLEST_VARIANCE = 1e-12

# What is cut off weakens noise, but hardly changes how far it reaches.
_MOST_CLIPPED_FOR_REACH = 0.25
# Where the flattest blocks hold structure.
_CLEAR_EXCESS = 0.1
# Of thin lines, as sharp as a lens or a microscope draws them (measured: 0.65 to 0.8).
_STRUCTURE_CORRELATION, _MOST_STRUCTURE = 0.75, 0.9


@dataclass(frozen=True, kw_only=True)
class FlatBlocks:
    """The flattest blocks of a photo, and what they say of its noise.

    Attributes:
        residuals: What a plane leaves of them. Shape: (blocks, channels, 16, 16).
        estimate: Level, correlation and dependence on brightness, less what structure adds to them.
        with_structure: The same as the blocks are: coarse grain may pass for structure in a photo full of texture, and
            learning a folder's noise has means of its own to tell them apart.
        num_blocks: How many blocks the flattest were chosen from.
    """

    residuals: NDArray[np.float32]
    estimate: NoiseEstimate
    with_structure: NoiseEstimate
    num_blocks: int


def estimate_noise(pixels: Pixels) -> NoiseEstimate:
    """Estimate a photo's noise.

    Where noise is weak, and in a photo without a flat spot, fine texture counts as noise too.

    Args:
        pixels: Height x width x channels, 0 to 1; at least `MIN_SIDE_PX` a side.

    Returns:
        Level, correlation and dependence on brightness.

    Raises:
        ValueError: The photo is too small.
    """
    return flat_blocks(pixels).estimate


def flat_blocks(pixels: Pixels) -> FlatBlocks:
    """Find a photo's flattest blocks and estimate its noise in them.

    Args:
        pixels: Height x width x channels, 0 to 1; at least `MIN_SIDE_PX` a side.

    Raises:
        ValueError: The photo is too small.
    """
    found, doubt = _flat_blocks([pixels])
    if doubt is NoiseDoubt.DETAILED and found.estimate.sigma < _DOUBTED_FROM:
        doubt = NoiseDoubt.NONE
    step = max(1, min(pixels.shape[:2]) // _REACH_PX)
    reach = float(np.percentile(pixels[::step, ::step], _NEARLY_ALL))
    return replace(found, estimate=replace(found.estimate, doubt=doubt, reach=reach))


def flat_blocks_of_all(pictures: Sequence[Pixels]) -> FlatBlocks:
    """Find the flattest blocks of photos that are too small to be judged one by one.

    Args:
        pictures: Height x width x channels, 0 to 1, of equally many channels; at least `MIN_SIDE_PX` a side.

    Returns:
        As if the photos were one.

    Raises:
        ValueError: One is smaller than that.
    """
    return _flat_blocks(pictures)[0]


def _flat_blocks(pictures: Sequence[Pixels]) -> tuple[FlatBlocks, NoiseDoubt]:
    for pixels in pictures:
        if min(pixels.shape[:2]) < MIN_SIDE_PX:
            raise ValueError(f"the photo must have {MIN_SIDE_PX} pixels a side; found {pixels.shape[:2]}")
    blocks = np.concatenate([_cut_into_blocks(pixels) for pixels in pictures])
    clipped = _clipped_shares(blocks)
    all_residuals = _without_plane(blocks)
    unclipped = clipped.mean(axis=1) <= MAX_CLIPPED_SHARE
    judged = unclipped if int(unclipped.sum()) >= _MIN_BLOCKS else np.ones_like(unclipped)
    residuals = _flattest(blocks[judged], all_residuals[judged])
    doubt = _doubt_about(blocks[judged], all_residuals[judged])
    variance = float(np.mean(np.square(residuals)))

    def _of_blocks(estimate: NoiseEstimate, with_structure: NoiseEstimate) -> FlatBlocks:
        return FlatBlocks(
            residuals=residuals, estimate=estimate, with_structure=with_structure, num_blocks=len(all_residuals)
        )

    if variance < _SMALLEST_VARIANCE:
        none = NoiseEstimate(sigma=0.0, correlation=(0.0,) * MAX_STRIDE)
        return _of_blocks(none, none), NoiseDoubt.NONE
    along_columns = [
        float(np.mean(residuals[:, :, lag:] * residuals[:, :, :-lag])) / variance for lag in range(1, MAX_STRIDE + 1)
    ]
    along_rows = [
        float(np.mean(residuals[..., lag:] * residuals[..., :-lag])) / variance for lag in range(1, MAX_STRIDE + 1)
    ]

    def estimate(columns: Sequence[float], rows: Sequence[float], structure: float) -> NoiseEstimate:
        # A plane takes as many degrees of freedom as it has terms; of correlated noise more, as many times as one grain
        # covers pixels: estimated with the correlations before their correction.
        grain_px = max(1.0, 1 + 2 * sum(columns)) * max(1.0, 1 + 2 * sum(rows))
        lost = min(_PLANE_TERMS / _BLOCK_PX**2 * grain_px, 0.5)
        both = [(one * (1 - lost) + lost, other * (1 - lost) + lost) for one, other in zip(columns, rows, strict=True)]
        return NoiseEstimate(
            sigma=float(np.sqrt(variance * (1 - structure) / (1 - lost))),
            correlation=tuple(max(pair) for pair in both),
            dependence=_signal_dependence(blocks, all_residuals, clipped <= MAX_CLIPPED_SHARE, both),
        )

    as_seen = estimate(along_columns, along_rows, structure=0.0)
    found = find_correlation(_blocks_for_reach(pictures, all_residuals, clipped), MAX_STRIDE)
    if found is None:
        return _of_blocks(as_seen, as_seen), doubt
    excess = max(along_columns[0], along_rows[0]) - float(found.values[0].max())
    if not found.has_structure and excess <= _CLEAR_EXCESS:
        return _of_blocks(as_seen, as_seen), doubt
    # The flattest blocks hold structure too: nothing else makes their neighbours more alike than noise does.
    structure = min(max(excess / (_STRUCTURE_CORRELATION - float(found.values[0].max())), 0.0), _MOST_STRUCTURE)
    columns, rows = ([float(value) for value in along] for along in found.values.T)
    less_structure = estimate(columns, rows, structure)
    return _of_blocks(less_structure, as_seen), doubt


def measure_noise(photos: Sequence[Item], pixels_of: Callable[[Item], Pixels]) -> FolderNoise | None:
    """Estimate what the noises of a folder's photos have in common, on some of them.

    The one rule by which a stride is chosen, whoever asks: see `spread_evenly`.

    Args:
        photos: Of one kind, in the folder's order.
        pixels_of: Their pixels, each height x width x channels, 0 to 1; those below `MIN_SIDE_PX` are passed over.

    Returns:
        The common facts; None without a photo to judge.
    """
    chosen = (pixels_of(photo) for photo in spread_evenly(photos))
    return summarize_noise(estimate_noise(pixels) for pixels in chosen if min(pixels.shape[:2]) >= MIN_SIDE_PX)


def _cut_into_blocks(pixels: Pixels) -> NDArray[np.float32]:
    """Return blocks of the windows. Shape: (blocks, channels, rows, columns)."""
    blocks = []
    for window in _windows(pixels):
        rows, columns = window.shape[0] // _BLOCK_PX, window.shape[1] // _BLOCK_PX
        whole = window[: rows * _BLOCK_PX, : columns * _BLOCK_PX]
        grid = whole.reshape(rows, _BLOCK_PX, columns, _BLOCK_PX, pixels.shape[2])
        blocks.append(grid.transpose(0, 2, 4, 1, 3).reshape(-1, pixels.shape[2], _BLOCK_PX, _BLOCK_PX))
    return np.concatenate(blocks)


def _blocks_for_reach(
    pictures: Sequence[Pixels], residuals: NDArray[np.float32], clipped: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return what a plane leaves of the blocks that tell how far noise reaches. Shape: (blocks, channels, 16, 16).

    Args:
        pictures: The photo, or several.
        residuals: What a plane leaves of their blocks.
        clipped: How much of each is clipped. Shape: (blocks, channels).
    """
    if len(residuals) < BLOCKS_FOR_ALL_GROUPS:
        # Too few to tell structure from noise: blocks that overlap are nearly four times as many.
        blocks = np.concatenate([_overlapping_blocks(pixels) for pixels in pictures])
        residuals, clipped = _without_plane(blocks), _clipped_shares(blocks)
    chosen: NDArray[np.float32] = residuals[clipped.mean(axis=1) <= _MOST_CLIPPED_FOR_REACH]
    return chosen


def _overlapping_blocks(pixels: Pixels) -> NDArray[np.float32]:
    """Return blocks half a block apart. Shape: (blocks, channels, 16, 16)."""
    places = np.lib.stride_tricks.sliding_window_view(pixels, (_BLOCK_PX, _BLOCK_PX), axis=(0, 1))
    step = _BLOCK_PX // 2
    return np.ascontiguousarray(places[::step, ::step]).reshape(-1, pixels.shape[2], _BLOCK_PX, _BLOCK_PX)


def _windows(pixels: Pixels) -> list[Pixels]:
    height, width = pixels.shape[:2]
    if height * width <= (_NUM_WINDOWS * _WINDOW_PX) ** 2:
        return [pixels]
    tops, lefts = (
        np.linspace(0, max(0, side - _WINDOW_PX), _NUM_WINDOWS if side > _WINDOW_PX else 1).astype(int)
        for side in (height, width)
    )
    return [pixels[top : top + _WINDOW_PX, left : left + _WINDOW_PX] for top in tops for left in lefts]


def _clipped_shares(blocks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how much of each block is at black or white, where noise is cut off. Shape: (blocks, channels)."""
    clipped = (blocks <= CLIPPED_BELOW) | (blocks >= CLIPPED_ABOVE)
    shares: NDArray[np.float64] = clipped.mean(axis=(2, 3))
    return shares


def _without_plane(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what a plane leaves of each block. Same shape."""
    plane = _plane_basis()
    flattened = blocks.reshape(*blocks.shape[:2], -1)
    residuals = np.asarray(flattened - (flattened @ plane) @ plane.T, dtype=np.float32)
    return residuals.reshape(blocks.shape)


def _diagonal_detail(residuals: NDArray[np.float32], distance: int) -> NDArray[np.float32]:
    """Return each block's mean square mixed difference: the variance of white noise. Shape: (blocks, channels)."""
    across = residuals[..., distance:] - residuals[..., :-distance]
    diagonal = across[:, :, distance:] - across[:, :, :-distance]
    detail: NDArray[np.float32] = np.mean(np.square(diagonal), axis=(2, 3)) / 4
    return detail


def _flattest(blocks: NDArray[np.float32], residuals: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what a plane leaves of the flattest blocks. Shape: (flat blocks, channels, rows, columns)."""
    variance = np.mean(np.square(residuals), axis=(1, 2, 3))
    roughness = variance / (_diagonal_detail(residuals, 1).mean(axis=1) + _SMALLEST_VARIANCE)
    calm = np.concatenate(
        [group[np.argsort(variance[group])[: _num_calm(len(group))]] for group in _by_brightness(blocks)]
    )
    num_flat = max(_MIN_BLOCKS, round(_FLAT_SHARE * len(calm)))
    flat: NDArray[np.float32] = residuals[calm[np.argsort(roughness[calm])[:num_flat]]]
    return flat


def _by_brightness(blocks: NDArray[np.float32]) -> list[NDArray[np.intp]]:
    """Return the places of blocks in groups of rising brightness."""
    return np.array_split(np.argsort(blocks.mean(axis=(1, 2, 3))), _NUM_BRIGHTNESS_GROUPS)


def _num_calm(num_blocks: int) -> int:
    return max(_MIN_BLOCKS, round(_CALM_SHARE * num_blocks))


def _doubt_about(blocks: NDArray[np.float32], residuals: NDArray[np.float32]) -> NoiseDoubt:
    """Return why the level of the noise may be wrong.

    Noise is alike in all blocks of a brightness, structure is not: where it is noise that the calm blocks hold, the
    calmest of them hold nearly as much.
    """
    if len(blocks) < _LEAST_BLOCKS:
        return NoiseDoubt.SMALL
    variance = np.mean(np.square(residuals), axis=(1, 2, 3))
    evenness = []
    for group in _by_brightness(blocks):
        rising = np.sort(variance[group])
        calmest = rising[: max(2, round(_CALMEST_SHARE * len(rising)))].mean()
        evenness.append(np.sqrt(calmest / max(rising[: _num_calm(len(rising))].mean(), _SMALLEST_VARIANCE)))
    return NoiseDoubt.DETAILED if np.mean(evenness) < _LEAST_EVENNESS else NoiseDoubt.NONE


def _plane_basis() -> NDArray[np.float32]:
    """Return an orthonormal basis of the planes over a block. Shape: (pixels of a block, 3)."""
    ramp = np.linspace(-1, 1, _BLOCK_PX)
    ones = np.ones(_BLOCK_PX)
    terms = np.stack([np.outer(first, second).ravel() for first, second in ((ones, ones), (ramp, ones), (ones, ramp))])
    basis, _ = np.linalg.qr(terms.T)
    return np.asarray(basis, dtype=np.float32)


def _signal_dependence(
    blocks: NDArray[np.float32],
    residuals: NDArray[np.float32],
    is_unclipped: NDArray[np.bool_],
    correlation: Sequence[tuple[float, float]],
) -> SignalDependence | None:
    """Fit a line to the noise variance over brightness, each block's channels on their own.

    Args:
        blocks: Shape: (blocks, channels, rows, columns).
        residuals: What a plane leaves of them. Same shape.
        is_unclipped: Which of them can be judged. Shape: (blocks, channels).
        correlation: Of the photo's noise, pixels 1, 2, ... apart, along columns and along rows.
    """
    brightness = blocks.mean(axis=(2, 3))[is_unclipped]
    num_groups = min(_MAX_GROUPS, len(brightness) // _MIN_GROUP_BLOCKS)
    if num_groups < _MIN_GROUPS:
        return None
    distance = independent_distance([max(pair) for pair in correlation])
    variance = _diagonal_detail(residuals, distance)[is_unclipped]
    if distance > 1:
        # Of noise whose correlation along rows and along columns multiply, the mixed difference keeps this much.
        kept = float(np.prod([1 - max(along, 0.0) for along in correlation[distance - 1]]))
        if kept < _LEAST_KEPT:
            return None
        variance = variance / kept
    num_cells = _BLOCK_PX // _CELL_PX
    cells = residuals.reshape(*residuals.shape[:2], num_cells, _CELL_PX, num_cells, _CELL_PX).mean(axis=(3, 5))
    structure = np.mean(np.square(cells), axis=(2, 3))[is_unclipped]
    channels = np.broadcast_to(np.arange(blocks.shape[1]), is_unclipped.shape)[is_unclipped]
    positions, variances = [], []
    for group in np.array_split(np.argsort(brightness), num_groups):
        # Of each channel its own calm blocks: chosen from all together they would be those of the least noisy channel.
        of_channels = [group[channels[group] == channel] for channel in np.unique(channels[group])]
        num_calm = max(_MIN_BLOCKS, round(_LEAST_STRUCTURED_SHARE * len(group))) / len(group)
        calm = [own[np.argsort(structure[own])[: max(round(num_calm * len(own)), 1)]] for own in of_channels]
        positions.append(float(np.mean(brightness[np.concatenate(calm)])))
        shares = [len(own) / len(group) for own in of_channels]
        variances.append(float(np.dot(shares, [np.median(variance[own]) for own in calm])))
    darkest, brightest = min(positions), max(positions)
    if brightest - darkest < _LEAST_BRIGHTNESS_RANGE or np.mean(variances) < _SMALLEST_VARIANCE:
        return None
    slope, offset = _robust_line(np.array(positions), np.array(variances))
    return SignalDependence(slope=slope, offset=offset, darkest=darkest, brightest=brightest)


def _robust_line(positions: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, float]:
    """Fit slope and offset to positive values whose errors are in proportion to them.

    Least squares, reweighted so that values far from the line, such as those of a texture that takes up a brightness,
    count less (Huber 1964).
    """
    terms = np.stack([positions, np.ones_like(positions)], axis=1)
    least = _LEAST_SHARE_OF_MEAN * values.mean()
    fitted = np.full_like(values, values.mean())
    trust = np.ones_like(values)
    line = np.zeros(2)
    for _ in range(_NUM_REWEIGHTINGS):
        roots = np.sqrt(trust) / fitted
        line[:] = np.linalg.lstsq(terms * roots[:, None], values * roots, rcond=None)[0]
        fitted[:] = np.maximum(terms @ line, least)
        deviations = np.abs(values - fitted) / fitted
        usual = _HUBER_DEVIATIONS * _DEVIATION_OF_MEDIAN * np.median(deviations)
        trust[:] = np.clip(usual / np.maximum(deviations, _SMALLEST_VARIANCE), _SMALLEST_VARIANCE, 1)
    return float(line[0]), float(line[1])
