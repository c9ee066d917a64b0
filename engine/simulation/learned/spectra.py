"""Spectra of noise in small blocks, and in mixtures of the channels that pictures fill unalike."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.contracts.learned_noise import NUM_BANDS, NUM_CHANNELS

OPPONENTS: NDArray[np.float64] = np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]]) / np.sqrt([[3], [2], [6]])
"""Orthonormal mixtures of the channels: what all share, and two of colour alone."""

_WINDOW = np.outer(np.hanning(NUM_BANDS + 2)[1:-1], np.hanning(NUM_BANDS + 2)[1:-1])
_WINDOW /= np.sqrt(np.mean(_WINDOW**2))

_STEPS = np.fft.fftfreq(NUM_BANDS) * NUM_BANDS
HIGH: NDArray[np.bool_] = np.hypot(_STEPS[:, None], _STEPS[None, :]) > NUM_BANDS / 3
"""Frequencies where pictures hold least."""

_FEWEST_FOR_MEDIAN = 3
_SMALLEST = 1e-12
_NEIGHBOURS = ((0, 1), (1, 0), (0, -1), (-1, 0))


def cut_into_blocks(picture: NDArray[np.float32]) -> NDArray[np.float64]:
    """The whole blocks of a picture. Shape: (height, width, 3) to (blocks, 3, 16, 16)."""
    rows, columns = (side // NUM_BANDS for side in picture.shape[:2])
    grid = picture[: rows * NUM_BANDS, : columns * NUM_BANDS].reshape(rows, NUM_BANDS, columns, NUM_BANDS, NUM_CHANNELS)
    return grid.transpose(0, 2, 4, 1, 3).reshape(-1, NUM_CHANNELS, NUM_BANDS, NUM_BANDS).astype(np.float64)


def transformed_mixtures(blocks: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Windowed Fourier transform of each of the `OPPONENTS` of blocks less their mean. Shape: (blocks, 3, 16, 16)."""
    mixed = np.einsum("kc,bcij->bkij", OPPONENTS, blocks - blocks.mean(axis=(2, 3), keepdims=True))
    transformed: NDArray[np.complex128] = np.fft.fft2(mixed * _WINDOW)
    return transformed


def opponent_power(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean windowed periodogram of blocks in each of the `OPPONENTS`.

    Args:
        blocks: Shape: (blocks, 3, 16, 16).

    Returns:
        Power of each mixture at each frequency; white noise of variance 1 has 1 everywhere. Shape: (3, 16, 16).
    """
    power: NDArray[np.float64] = np.mean(np.abs(transformed_mixtures(blocks)) ** 2, axis=0) / NUM_BANDS**2
    return power


def smoothed(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean with the neighbouring frequencies. Shape: (..., 16, 16), kept."""
    around = sum(np.roll(power, shift, axis=(-2, -1)) for shift in _NEIGHBOURS)
    return np.asarray((power + around) / (1 + len(_NEIGHBOURS)))


def spectrum_of_blocks(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariance of the channels of noise at each frequency.

    Args:
        blocks: Noise alone. Shape: (blocks, 3, 16, 16).

    Returns:
        Of a mean variance of 1 over frequencies and channels. Shape: (16, 16, 3, 3).
    """
    blocks = blocks - blocks.mean(axis=(2, 3), keepdims=True)
    transformed = np.fft.fft2(blocks * _WINDOW)
    covariance = np.einsum("bcij,bdij->ijcd", transformed, transformed.conj()).real / len(blocks)
    covariance = (covariance + np.roll(covariance[::-1, ::-1], (1, 1), axis=(0, 1))) / 2
    # The mean, or a plane, has taken the lowest frequency away.
    covariance[0, 0] = np.mean([covariance[place] for place in _NEIGHBOURS], axis=0)
    return normalised(covariance + 1e-12 * np.eye(NUM_CHANNELS))


def common_spectrum(spectra: Sequence[tuple[NDArray[np.float64], int]]) -> NDArray[np.float64]:
    """The mean of spectra, weighted by the blocks that each was seen in, with the power that most of them have.

    Texture adds power, at low frequencies most, and never takes any away: at each frequency the median of the photos
    counts, of each beside its own power at high ones.

    Args:
        spectra: Shape of each: (16, 16, 3, 3), and its number of blocks.

    Returns:
        Same shape.
    """
    mean = np.asarray(sum(spectrum * num_blocks for spectrum, num_blocks in spectra))
    if len(spectra) >= _FEWEST_FOR_MEDIAN:
        powers = np.array([np.trace(spectrum, axis1=2, axis2=3) for spectrum, _ in spectra])
        powers /= powers[:, HIGH].mean(axis=1)[:, None, None] + _SMALLEST
        mean_power = np.trace(mean, axis1=2, axis2=3)
        mean_power = mean_power / (mean_power[HIGH].mean() + _SMALLEST)
        factor = np.minimum(np.median(smoothed(powers), axis=0) / (smoothed(mean_power) + _SMALLEST), 1)
        mean = mean * factor[..., None, None]
    return normalised(mean)


def of_unit_channels(covariance: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Part a spectrum into its shape and the channels' variances.

    Args:
        covariance: Shape: (16, 16, 3, 3).

    Returns:
        The spectrum with each channel scaled to a mean variance of 1, as in `LearnedNoise.spectra`, and the variances
        that it had. Shapes: (16, 16, 3, 3) and (3,).
    """
    variances = np.maximum(np.diagonal(covariance.mean(axis=(0, 1))), _SMALLEST)
    return covariance / np.sqrt(np.outer(variances, variances)), variances


def normalised(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scaled to a mean variance of 1 over frequencies and channels."""
    scaled: NDArray[np.float64] = covariance / (np.trace(covariance, axis1=2, axis2=3).mean() / NUM_CHANNELS)
    return scaled
