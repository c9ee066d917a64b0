"""What a learned spectrum looks like to the eye: how coarse the grain is, whether it runs in bands, how grey it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.contracts.learned_noise import NUM_CHANNELS, LearnedNoise
from engine.translatable import say

LAGS = (1, 2, 3, 4)

# Spectra of white noise, learned from 13 photos, have neighbours that correlate with up to 0.05.
_INDEPENDENT = 0.1
_REACHED = 0.15
_BAND = 0.3
"""Correlation still left 4 pixels on in one direction, and not in the other: lines, not grain."""

_GRAY, _OWN_COLOURS = 0.85, 0.25


@dataclass(frozen=True, kw_only=True)
class Grain:
    """Figures of one spectrum.

    Attributes:
        along_rows: Correlation of the noise of pixels 1, 2, 3 and 4 to the right.
        along_columns: The same down.
        between_channels: Mean correlation of the noise of two channels of one pixel.
    """

    along_rows: tuple[float, ...]
    along_columns: tuple[float, ...]
    between_channels: float

    @property
    def sentence(self) -> str:
        """Its form, in a sentence."""
        rows, columns = self.along_rows, self.along_columns
        strongest = max(rows[0], columns[0])
        if abs(rows[-1] - columns[-1]) > _BAND:
            return "It runs in bands along rows." if rows[-1] > columns[-1] else "It runs in bands along columns."
        weakest = min(rows[0], columns[0])
        if weakest < -_INDEPENDENT and strongest < _INDEPENDENT:
            return say(
                "Neighbouring pixels differ more than by chance, as after sharpening (correlation {weakest}).",
                weakest=_figure(weakest),
            )
        if strongest < _INDEPENDENT:
            return say(
                "Each pixel has noise of its own (correlation of neighbours {strongest}).", strongest=_figure(strongest)
            )
        reach = 1 + sum(max(pair) > _REACHED for pair in zip(rows, columns, strict=True))
        return say(
            "Its grain is about {reach} pixels wide (correlation of neighbours {strongest}).",
            reach=reach,
            strongest=_figure(strongest),
        )

    @property
    def colour_sentence(self) -> str:
        """How its colours hang together, in a sentence."""
        if self.between_channels > _GRAY:
            return say(
                "It is gray: all colours share it (correlation {between_channels}).",
                between_channels=_figure(self.between_channels),
            )
        if self.between_channels < _OWN_COLOURS:
            return say(
                "Each colour has noise of its own (correlation {between_channels}).",
                between_channels=_figure(self.between_channels),
            )
        return say(
            "The colours share a part of it (correlation {between_channels}).",
            between_channels=_figure(self.between_channels),
        )


def grain_of(spectrum: NDArray[np.float64]) -> Grain:
    """Measure a spectrum.

    Args:
        spectrum: Covariance of the channels at each frequency, as in `LearnedNoise.spectra`. Shape: (16, 16, 3, 3).
    """
    power = np.trace(spectrum, axis1=2, axis2=3)
    # Wiener-Khinchin: the power's transform is the correlation.
    correlation = np.fft.ifft2(power).real
    correlation = correlation / correlation[0, 0]
    covariance = spectrum.mean(axis=(0, 1))
    deviations = np.sqrt(np.diagonal(covariance))
    alike = covariance / np.maximum(np.outer(deviations, deviations), np.finfo(np.float64).tiny)
    return Grain(
        along_rows=tuple(float(correlation[0, lag]) for lag in LAGS),
        along_columns=tuple(float(correlation[lag, 0]) for lag in LAGS),
        between_channels=float(alike[~np.eye(NUM_CHANNELS, dtype=bool)].mean()),
    )


def common_grain(noise: LearnedNoise, photos: Sequence[int]) -> Grain:
    """Measure the spectrum that most of some photos share.

    Args:
        noise: What was learned.
        photos: Indices of at least one photo.
    """
    found = [noise.photos[photo].spectrum for photo in photos]
    return grain_of(noise.spectra[max(sorted(set(found)), key=found.count)])


def _figure(correlation: float) -> str:
    """Two digits, and never a minus before zero."""
    return say("{correlation:.2f}", correlation=round(correlation, 2) + 0.0)
