"""What a residual is like as noise: the distribution of its values, how far it reaches, and its power by fineness."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.contracts.photo import Pixels

MAX_LAG_PX = 16
HISTOGRAM_REACH_SIGMAS = 5.0
"""Values further from the mean are counted in the outermost bins."""

_NUM_BINS = 81
_ROUNDING = 1e-6
_MOST_ROUNDING_STEPS = 0.05
_MAX_JUDGED_VALUES = 10_000
_MAX_LEVEL_VALUES = 2_000_000
_NUM_LEVEL_STEPS = 8
_TILE_PX = 64
_SMALLEST_SIGMA = 1e-9

_Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ResidualHistogram:
    """How often which value occurs, all channels together.

    Attributes:
        centres: Middle of each bin, on the scale of 0 to 1. Shape: (bins,).
        density: Probability density of the values; its integral is 1. Shape: (bins,).
        normal: Density of the normal distribution of the same mean and variance. Shape: (bins,).
    """

    centres: _Array
    density: _Array
    normal: _Array


@dataclass(frozen=True, kw_only=True)
class RadialSpectrum:
    """Power by fineness, averaged over all directions and channels.

    Attributes:
        frequencies: Cycles a pixel, above 0 to 0.5. Shape: (rings,).
        power: Power as a multiple of that of white noise of the same variance. Shape: (rings,).
    """

    frequencies: _Array
    power: _Array


@dataclass(frozen=True, kw_only=True)
class ResidualLevels:
    """How strong a residual is at which brightness, all channels together.

    Attributes:
        brightness: Mean brightness of each step, 0 to 1, rising; each step holds as many values. Shape: (steps,).
        sigma: Standard deviation of the residual there, 0 to 1. Shape: (steps,).
    """

    brightness: _Array
    sigma: _Array


def residual_levels(residual: Pixels, restored: Pixels) -> ResidualLevels:
    """Measure a residual by the brightness below it.

    Args:
        residual: Height x width x channels.
        restored: What it was taken away to. Same shape.
    """
    num_channels = residual.shape[2]
    # Of a pixel all channels or none; and an odd distance, or of a photo of even width one column in two would be seen
    # at most, which is one half of the colour filter's cells.
    every = max(residual.size // _MAX_LEVEL_VALUES, 1) | 1
    values, below = (
        pixels.reshape(-1, num_channels)[::every].reshape(-1).astype(np.float64) for pixels in (residual, restored)
    )
    steps = [step for step in np.array_split(np.argsort(below, kind="stable"), _NUM_LEVEL_STEPS) if step.size]
    return ResidualLevels(
        brightness=np.array([below[step].mean() for step in steps]),
        sigma=np.array([values[step].std() for step in steps]),
    )


def residual_histogram(residual: Pixels) -> ResidualHistogram:
    """Count the values of a residual.

    Args:
        residual: Height x width x channels, -1 to 1.
    """
    values = residual.astype(np.float64).ravel()
    mean, sigma = float(values.mean()), max(float(values.std()), _SMALLEST_SIGMA)
    width = 2 * HISTOGRAM_REACH_SIGMAS * sigma / _NUM_BINS
    middle = mean
    step = _step_between(values)
    if step is not None:
        # Each bin holds as many steps as its neighbours, or photos of whole numbers would give a comb.
        width = max(np.ceil(width / step), 1) * step
        middle = round(mean / step) * step
    num_each_side = max(int(np.ceil(HISTOGRAM_REACH_SIGMAS * sigma / width)), 1)
    edges = middle + width * (np.arange(-num_each_side, num_each_side + 2) - 0.5)
    centres = (edges[1:] + edges[:-1]) / 2
    counts, _ = np.histogram(np.clip(values, centres[0], centres[-1]), edges)
    normal = np.exp(-np.square((centres - mean) / sigma) / 2) / (sigma * np.sqrt(2 * np.pi))
    return ResidualHistogram(centres=centres, density=counts / (len(values) * width), normal=normal)


def autocorrelation(residual: Pixels, max_lag_px: int = MAX_LAG_PX) -> _Array:
    """How alike values are that lie some pixels apart, averaged over channels.

    Each lag's mean product, over as many pixels as there are at that lag, over the variance; by the fast Fourier
    transform of the array continued with zeros (Wiener-Khinchin).

    Args:
        residual: Height x width x channels.
        max_lag_px: How far to look in each direction; less where the photo is smaller.

    Returns:
        -1 to 1 but for rounding and few pixels; 1 in the middle, where the lag is 0; all 0 for a residual of nothing.
        Shape: (2 * lags + 1, 2 * lags + 1), rows by vertical lag.
    """
    height, width, num_channels = residual.shape
    lag = min(max_lag_px, height - 1, width - 1)
    total = np.zeros((2 * lag + 1, 2 * lag + 1))
    variance = 0.0
    # Only lags within reach must not wrap around.
    shape = (_good_length(height + lag), _good_length(width + lag))
    for channel in range(num_channels):
        values = residual[:, :, channel].astype(np.float64)
        values -= values.mean()
        variance += float(np.mean(np.square(values)))
        products = np.fft.irfft2(np.square(np.abs(np.fft.rfft2(values, s=shape))), s=shape)
        total += np.roll(products, (lag, lag), axis=(0, 1))[: 2 * lag + 1, : 2 * lag + 1]
    if variance < _SMALLEST_SIGMA**2:
        return np.zeros_like(total)
    lags = np.abs(np.arange(-lag, lag + 1))
    return np.asarray(total / np.outer(height - lags, width - lags) / variance)


def radial_spectrum(residual: Pixels) -> RadialSpectrum:
    """Measure power by fineness: Welch's method (IEEE Trans. Audio Electroacoust. 15, 1967) on tiles half overlapping.

    Args:
        residual: Height x width x channels, at least 4 pixels a side.

    Raises:
        ValueError: The photo is too small.
    """
    height, width, num_channels = residual.shape
    side = min(_TILE_PX, height, width)
    if side < 4:
        raise ValueError(f"each side needs at least 4 pixels; found {residual.shape[:2]}")
    window = np.outer(*(np.hanning(side + 2)[1:-1],) * 2)
    window /= np.sqrt(np.mean(np.square(window)))
    values = residual.astype(np.float64) - residual.mean(axis=(0, 1), dtype=np.float64)
    variance = float(np.mean(np.square(values)))
    power = np.zeros((side, side))
    num_tiles = 0
    for top in range(0, height - side + 1, max(side // 2, 1)):
        for left in range(0, width - side + 1, max(side // 2, 1)):
            tile = values[top : top + side, left : left + side] * window[:, :, None]
            power += np.square(np.abs(np.fft.fft2(tile, axes=(0, 1)))).sum(axis=2)
            num_tiles += num_channels
    power /= num_tiles * side**2 * max(variance, _SMALLEST_SIGMA**2)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij"))
    ring = np.rint(frequency * side).astype(int)
    rings = np.arange(1, side // 2 + 1)
    in_ring = np.bincount(ring.ravel(), minlength=side)[rings]
    summed = np.bincount(ring.ravel(), power.ravel(), minlength=side)[rings]
    return RadialSpectrum(frequencies=rings / side, power=summed / in_ring)


def _step_between(values: _Array) -> float | None:
    """The step that all values are multiples of, such as a level of an 8-bit file or a count; None: there is none."""
    found = np.unique(values[:: max(len(values) // _MAX_JUDGED_VALUES, 1)])
    gaps = np.diff(found)
    # Equal ones differ by the rounding of single precision.
    gaps = gaps[gaps > _ROUNDING]
    if not len(gaps):
        return None
    step = float(np.median(gaps[gaps < 1.5 * gaps.min()]))
    # The further from zero, the more exactly a value tells it.
    furthest = float(np.abs(found).max())
    step = furthest / max(round(furthest / step), 1)
    of_steps = found / step
    return step if float(np.abs(of_steps - np.rint(of_steps)).max()) < _MOST_ROUNDING_STEPS else None


def _good_length(length: int) -> int:
    """The next length whose prime factors are 2, 3 and 5, for which the Fourier transform is quick."""
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1


UNCHANGED_LEVEL = 0.25 / 255
"""A residual smaller than this (root mean square) is invisible: the photo comes back as it was."""
