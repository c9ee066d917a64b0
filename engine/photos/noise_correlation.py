"""How far noise reaches from pixel to pixel, in pictures that have no flat spot.

Thin bright lines all over a dark picture leave hardly a block without one, and what they add to the calmest blocks is
alike from pixel to pixel: white noise then seems to be grain. But they add to coarse detail too, more in one block than
in the next. So blocks are grouped by their coarse detail, variance and covariances are drawn as lines over it, and read
where the coarse detail is no more than that of noise alone, of just these covariances.

Of each block one half of its cells says to which group it belongs, and the other half how much coarse detail the group
has: noise, which differs between the halves, then neither flattens nor steepens the lines.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CELL_PX = 4
_MAX_GROUPS, _MIN_GROUPS = 10, 4
_VALUES_A_GROUP = 24
BLOCKS_FOR_ALL_GROUPS = _MAX_GROUPS * _VALUES_A_GROUP // 2
"""Each is in two groups, by one half and by the other. Fewer are told apart less well."""

# Up to here coarse detail is that of noise alone, as far as can be told; a plane takes some of it.
_FREE_OF_STRUCTURE = 1.25
# Noise of coarse grain and structure look alike: so much correlation in the calmest group is taken for grain.
_COARSE_GRAIN = 0.75
_CALM_REACH, _LINE_REACH = 1.3, 4.0
_NUM_ROUNDS = 12
_LEAST_SHARE_OF_VARIANCE = 0.6
_SMALLEST_VARIANCE = 1e-12


@dataclass(frozen=True, kw_only=True)
class FoundCorrelation:
    """What was found.

    Attributes:
        values: Correlations 1, 2, ... pixels apart, along columns and along rows. Shape: (lags, 2).
        has_structure: Whether the calmest blocks show some, which was taken away.
    """

    values: NDArray[np.float64]
    has_structure: bool


def find_correlation(residuals: NDArray[np.float32], num_lags: int) -> FoundCorrelation | None:
    """Find the correlation of noise, whatever structure lies below it.

    Args:
        residuals: Square blocks of a picture, without their planes. Shape: (blocks, channels, side, side).
        num_lags: The farthest pixels that are compared.

    Returns:
        The correlations; None where there are too few blocks, or nothing in them.
    """
    variances = np.asarray(np.mean(np.square(residuals, dtype=np.float64), axis=(1, 2, 3)))
    halves = _coarse_detail(residuals)
    num_groups = min(_MAX_GROUPS, 2 * len(variances) // _VALUES_A_GROUP)
    if num_groups < _MIN_GROUPS or variances.mean() < _SMALLEST_VARIANCE:
        return None
    covariances = np.stack([_covariances(residuals, lag) for lag in range(1, num_lags + 1)])
    groups = np.array_split(np.argsort(np.concatenate(halves)), num_groups)
    blocks = [group % len(variances) for group in groups]
    other_half = np.concatenate(halves[::-1])
    coarse = np.array([other_half[group].mean() for group in groups])
    variance = np.array([variances[block].mean() for block in blocks])
    covariance = np.stack([covariances[:, :, block].mean(axis=2) for block in blocks], axis=2)
    if min(variance.min(), coarse.min()) < _SMALLEST_VARIANCE:
        return None
    calmest = covariance[:, :, 0] / variance[0]
    if coarse[0] <= _FREE_OF_STRUCTURE * variance[0] * _share_of_coarse(calmest) or calmest[0].max() > _COARSE_GRAIN:
        calm = coarse <= _CALM_REACH * coarse[0]
        return FoundCorrelation(values=covariance[:, :, calm].mean(axis=2) / variance[calm].mean(), has_structure=False)
    return FoundCorrelation(values=_extrapolate(coarse, variance, covariance), has_structure=True)


def _extrapolate(
    coarse: NDArray[np.float64], variance: NDArray[np.float64], covariance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Read the correlation where coarse detail is no more than that of noise with this correlation.

    Args:
        coarse: Coarse detail of each group, rising.
        variance: Of each group.
        covariance: Of each group. Shape: (lags, 2, groups).
    """
    calmest = covariance[:, :, 0] / variance[0]
    correlation: NDArray[np.float64] = calmest
    place = float(coarse[0]) / 2
    for _ in range(_NUM_ROUNDS):
        num_used = max(_MIN_GROUPS, int((coarse <= _LINE_REACH * place).sum()))
        terms = np.stack([np.ones(num_used), coarse[:num_used]], axis=1) / coarse[:num_used, None]
        values = np.concatenate([variance[None, :num_used], covariance.reshape(-1, covariance.shape[2])[:, :num_used]])
        lines = np.linalg.lstsq(terms, (values / coarse[:num_used]).T, rcond=None)[0]
        read = lines[0] + lines[1] * place
        level = max(float(read[0]), _LEAST_SHARE_OF_VARIANCE * float(variance.min()))
        # Structure makes neighbours alike, never unlike.
        correlation = np.clip(read[1:].reshape(calmest.shape) / level, np.minimum(calmest, 0), calmest)
        place = (place + min(level * _share_of_coarse(correlation), float(coarse[0]))) / 2
    return correlation


def _coarse_detail(residuals: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean square of the means of a block's cells, of the black fields of a chessboard and of its white ones."""
    num_cells = residuals.shape[-1] // _CELL_PX
    cells = residuals.reshape(*residuals.shape[:2], num_cells, _CELL_PX, num_cells, _CELL_PX).mean(axis=(3, 5))
    energy: NDArray[np.float64] = np.asarray(np.square(cells, dtype=np.float64).mean(axis=1), np.float64)
    is_white = np.indices((num_cells, num_cells)).sum(axis=0) % 2 == 1
    return np.asarray(energy[:, is_white].mean(axis=1)), np.asarray(energy[:, ~is_white].mean(axis=1))


def _covariances(residuals: NDArray[np.float32], lag: int) -> NDArray[np.float64]:
    """Along columns and along rows, of each block. Shape: (2, blocks)."""
    along_columns = np.mean(residuals[:, :, lag:] * residuals[:, :, :-lag], axis=(1, 2, 3), dtype=np.float64)
    along_rows = np.mean(residuals[..., lag:] * residuals[..., :-lag], axis=(1, 2, 3), dtype=np.float64)
    return np.stack([along_columns, along_rows])


def _share_of_coarse(correlation: NDArray[np.float64]) -> float:
    """How much of the variance of noise is left in the means of cells, if rows and columns correlate independently."""
    shares = []
    for along in np.clip(correlation, 0, 1).T:
        by_distance = np.concatenate([[1.0], along])[:_CELL_PX]
        distances = np.abs(np.subtract.outer(np.arange(_CELL_PX), np.arange(_CELL_PX)))
        shares.append(by_distance[distances].mean())
    return float(np.prod(shares))
