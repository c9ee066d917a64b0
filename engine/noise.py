"""How noisy a photo is, and how far its noise reaches from pixel to pixel, judged from the photo alone.

Both are measured in the flattest small blocks, from which a plane is taken away: what is left there is noise. First the
blocks of least variance are taken at each brightness, since noise grows with it; of these the ones whose variance
is small beside that of their finest diagonal detail, since a picture's structure is coarser than noise.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.events import Pixels

MIN_SIDE_PX = 16
"""The smallest photo, in both directions, that can be judged."""

MAX_STRIDE = 4

_BLOCK_PX = 16
_PLANE_TERMS = 3
_NUM_BRIGHTNESS_GROUPS = 4
_CALM_SHARE = 0.2
_FLAT_SHARE = 0.4
_MIN_BLOCKS = 8
# Photos are judged in 3 x 3 windows of this side, spread evenly: quick, and as exact as the whole.
_WINDOW_PX = 256
_NUM_WINDOWS = 3
_CLIPPED_BELOW, _CLIPPED_ABOVE = 0.004, 0.996
_MAX_CLIPPED_SHARE = 0.02
# Between the noise of real camera JPEGs two pixels apart (0.24) and three pixels apart (0.05).
_NEARLY_UNCORRELATED = 0.15
# Neighbours of camera noise correlate with 0.4 to 0.7. Remains of the picture lift white noise to 0.2 where it is weak.
_NEARLY_UNCORRELATED_NEIGHBOURS = 0.25
_SMALLEST_VARIANCE = 1e-12


@dataclass(frozen=True, kw_only=True)
class NoiseEstimate:
    """The noise of a photo.

    Attributes:
        sigma: Standard deviation on the 0 to 1 scale, averaged over the channels. Some percent too low in flat
            pictures, whose calmest blocks are taken, and too high in finely structured ones.
        correlation: Correlation of the noise of pixels 1, 2, 3 and 4 apart, along rows or columns, whichever is
            higher; near 0 for white noise.
    """

    sigma: float
    correlation: tuple[float, ...]


def estimate_noise(pixels: Pixels) -> NoiseEstimate:
    """Estimate a photo's noise.

    Where noise is weak, and in a photo without a flat spot, fine texture counts as noise too.

    Args:
        pixels: Height x width x channels, 0 to 1; at least `MIN_SIDE_PX` a side.

    Returns:
        Level and correlation.

    Raises:
        ValueError: The photo is too small.
    """
    if min(pixels.shape[:2]) < MIN_SIDE_PX:
        raise ValueError(f"the photo must have {MIN_SIDE_PX} pixels a side; found {pixels.shape[:2]}")
    residuals = _flat_residuals(_cut_into_blocks(pixels))
    # A plane takes as many degrees of freedom as it has terms.
    plane_share = _PLANE_TERMS / _BLOCK_PX**2
    variance = float(np.mean(np.square(residuals)))
    if variance < _SMALLEST_VARIANCE:
        return NoiseEstimate(sigma=0.0, correlation=(0.0,) * MAX_STRIDE)
    along_columns = [
        float(np.mean(residuals[:, :, lag:] * residuals[:, :, :-lag])) / variance for lag in range(1, MAX_STRIDE + 1)
    ]
    along_rows = [
        float(np.mean(residuals[..., lag:] * residuals[..., :-lag])) / variance for lag in range(1, MAX_STRIDE + 1)
    ]
    # Of correlated noise the plane takes more, as many times as one noise grain covers pixels: estimated with the
    # correlations before their correction.
    grain_px = max(1.0, 1 + 2 * sum(along_columns)) * max(1.0, 1 + 2 * sum(along_rows))
    lost = min(plane_share * grain_px, 0.5)
    correlation = tuple(
        (max(column, row) * (1 - lost) + lost) for column, row in zip(along_columns, along_rows, strict=True)
    )
    return NoiseEstimate(sigma=float(np.sqrt(variance / (1 - lost))), correlation=correlation)


def decorrelating_stride(images: Iterable[Pixels]) -> int:
    """Return how far apart pixels must be for their noise to be nearly independent.

    Args:
        images: Photos of one kind, each height x width x channels, 0 to 1; those below `MIN_SIDE_PX` are passed over.

    Returns:
        The smallest stride from 1 to `MAX_STRIDE` at which the median correlation is low; 1 for white noise, 2 or 3
        for camera JPEGs, 1 without a photo to judge.
    """
    correlations = [estimate_noise(pixels).correlation for pixels in images if min(pixels.shape[:2]) >= MIN_SIDE_PX]
    if not correlations:
        return 1
    for stride, correlation in enumerate(np.median(correlations, axis=0), start=1):
        if correlation < (_NEARLY_UNCORRELATED_NEIGHBOURS if stride == 1 else _NEARLY_UNCORRELATED):
            return stride
    return MAX_STRIDE


def _cut_into_blocks(pixels: Pixels) -> NDArray[np.float32]:
    """Return blocks of the windows. Shape: (blocks, channels, rows, columns)."""
    blocks = []
    for window in _windows(pixels):
        rows, columns = window.shape[0] // _BLOCK_PX, window.shape[1] // _BLOCK_PX
        whole = window[: rows * _BLOCK_PX, : columns * _BLOCK_PX]
        grid = whole.reshape(rows, _BLOCK_PX, columns, _BLOCK_PX, pixels.shape[2])
        blocks.append(grid.transpose(0, 2, 4, 1, 3).reshape(-1, pixels.shape[2], _BLOCK_PX, _BLOCK_PX))
    return np.concatenate(blocks)


def _windows(pixels: Pixels) -> list[Pixels]:
    height, width = pixels.shape[:2]
    if height * width <= (_NUM_WINDOWS * _WINDOW_PX) ** 2:
        return [pixels]
    tops, lefts = (
        np.linspace(0, max(0, side - _WINDOW_PX), _NUM_WINDOWS if side > _WINDOW_PX else 1).astype(int)
        for side in (height, width)
    )
    return [pixels[top : top + _WINDOW_PX, left : left + _WINDOW_PX] for top in tops for left in lefts]


def _flat_residuals(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what a plane leaves of the flattest blocks. Shape: (flat blocks, channels, rows, columns)."""
    clipped = (blocks <= _CLIPPED_BELOW) | (blocks >= _CLIPPED_ABOVE)
    unclipped = clipped.mean(axis=(1, 2, 3)) <= _MAX_CLIPPED_SHARE
    if int(unclipped.sum()) >= _MIN_BLOCKS:
        blocks = blocks[unclipped]
    plane = _plane_basis()
    flattened = blocks.reshape(*blocks.shape[:2], -1)
    residuals = (flattened - (flattened @ plane) @ plane.T).reshape(blocks.shape)
    variance = np.mean(np.square(residuals), axis=(1, 2, 3))
    across = residuals[..., 1:] - residuals[..., :-1]
    diagonal = across[:, :, 1:] - across[:, :, :-1]
    detail = np.mean(np.square(diagonal), axis=(1, 2, 3)) / 4
    roughness = variance / (detail + _SMALLEST_VARIANCE)
    calm = np.concatenate(
        [
            group[np.argsort(variance[group])[: max(_MIN_BLOCKS, round(_CALM_SHARE * len(group)))]]
            for group in np.array_split(np.argsort(blocks.mean(axis=(1, 2, 3))), _NUM_BRIGHTNESS_GROUPS)
        ]
    )
    num_flat = max(_MIN_BLOCKS, round(_FLAT_SHARE * len(calm)))
    flat: NDArray[np.float32] = residuals[calm[np.argsort(roughness[calm])[:num_flat]]]
    return flat


def _plane_basis() -> NDArray[np.float32]:
    """Return an orthonormal basis of the planes over a block. Shape: (pixels of a block, 3)."""
    ramp = np.linspace(-1, 1, _BLOCK_PX)
    ones = np.ones(_BLOCK_PX)
    terms = np.stack([np.outer(first, second).ravel() for first, second in ((ones, ones), (ramp, ones), (ones, ramp))])
    basis, _ = np.linalg.qr(terms.T)
    return np.asarray(basis, dtype=np.float32)
