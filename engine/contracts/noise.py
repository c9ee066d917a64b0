"""What is known about the noise of a photo and of a folder, in figures and in plain words.

Free of measuring: `engine.photos.noise_estimate` finds the figures out.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import numpy as np

from engine.translatable import say, say_joined

Item = TypeVar("Item")

MAX_STRIDE = 4
"""The farthest pixels whose noise is compared."""

NUM_JUDGED = 16
"""Of a folder's photos so many tell how far its noise reaches."""

LEVELS = 255
"""Figures for people are given on the scale of 8-bit values."""

# Between the noise of real camera JPEGs two pixels apart (0.24) and three pixels apart (0.05).
_NEARLY_UNCORRELATED = 0.15
# Neighbours of camera noise correlate with 0.4 to 0.7. Remains of the picture lift white noise to 0.2 where it is weak.
_NEARLY_UNCORRELATED_NEIGHBOURS = 0.25
_LEVEL_WORDS = ((2, "Hardly any noise"), (6, "Little noise"), (15, "Clear noise"), (35, "Strong noise"))
# Below a quarter more noise at one end of the brightness than at the other, the measurement's own error may be all.
_CLEAR_RATIO = 1.25
_LEAST_SIGMA = 0.1 / LEVELS
_SPREAD_PERCENTILES = (10, 90)
_DIM_SHARE = 1 / 4
"""A picture whose brightest parts are below it is dim, as for `engine.photo_files.values.levels`."""

_DIMMEST = 4 / LEVELS
"""Below it the numbers of 8 bits say more than the noise does."""


@dataclass(frozen=True, kw_only=True)
class SignalDependence:
    """How the noise follows the brightness y: variance = slope * y + offset, all on the 0 to 1 scale.

    A sensor's noise has a positive slope (photons arrive at random) and offset (read noise); Foi et al., "Practical
    Poissonian-Gaussian noise modeling and fitting for single-image raw-data", IEEE TIP 17(10), 2008, equation 4. A
    camera JPEG has been through a tone curve, which lifts shadows and flattens highlights: its slope is often about 0
    or negative, and the line only sums up a curve. It says nothing outside the brightness it was measured at.

    Attributes:
        slope: Called a; 0 where the noise is alike everywhere.
        offset: Called b; negative where the line would reach 0 before black.
        darkest: Mean brightness of the darkest measured parts.
        brightest: Mean brightness of the brightest measured parts.
    """

    slope: float
    offset: float
    darkest: float
    brightest: float

    def sigma_at(self, brightness: float) -> float:
        """Return the noise's standard deviation at a brightness, both on the 0 to 1 scale."""
        return math.sqrt(max(self.slope * brightness + self.offset, 0.0))

    @property
    def sentence(self) -> str:
        """Where the noise is stronger, with the figures at both ends."""
        dark, bright = self.sigma_at(self.darkest), self.sigma_at(self.brightest)
        # Whole sentences, since no other language puts its words in the same places.
        if max(dark, bright) < _CLEAR_RATIO * max(min(dark, bright), _LEAST_SIGMA):
            return say(
                "It is about as strong in dark parts ({dark}) as in bright ones ({bright}).",
                dark=_in_levels(dark),
                bright=_in_levels(bright),
            )
        if dark > bright:
            return say(
                "It is stronger in dark parts ({dark}) than in bright ones ({bright}).",
                dark=_in_levels(dark),
                bright=_in_levels(bright),
            )
        return say(
            "It is stronger in bright parts ({bright}) than in dark ones ({dark}).",
            bright=_in_levels(bright),
            dark=_in_levels(dark),
        )


class NoiseDoubt(StrEnum):
    """Why a noise level may be wrong."""

    NONE = ""
    SMALL = "small"
    """There are too few blocks to tell noise from picture."""
    DETAILED = "detailed"
    """Even the calmest blocks differ among themselves as picture does: there is less noise, or none."""

    @property
    def sentence(self) -> str:
        """The same for a person; "" where there is none."""
        match self:
            case NoiseDoubt.SMALL:
                return "Uncertain: the photo is too small to tell noise from picture."
            case NoiseDoubt.DETAILED:
                return "Uncertain: fine detail all over counts as noise; there may be less of it."
            case NoiseDoubt.NONE:
                return ""


@dataclass(frozen=True, kw_only=True)
class NoiseEstimate:
    """The noise of a photo.

    Attributes:
        sigma: Standard deviation on the 0 to 1 scale, averaged over the channels. Some percent too low in flat
            pictures, whose calmest blocks are taken, and too high in finely structured ones.
        correlation: Correlation of the noise of pixels 1, 2, 3 and 4 apart, along rows or columns, whichever is
            higher; near 0 for white noise.
        dependence: How it follows the brightness; None where the photo is too small or too even to tell.
        doubt: Why the level may be wrong.
        reach: Nearly nothing in the picture is brighter, on the 0 to 1 scale.
    """

    sigma: float
    correlation: tuple[float, ...]
    dependence: SignalDependence | None = None
    doubt: NoiseDoubt = NoiseDoubt.NONE
    reach: float = 1.0

    @property
    def seen_sigma(self) -> float:
        """As strong as it is against the picture: see `sigma_against`."""
        return sigma_against(self.sigma, self.reach)

    @property
    def stride(self) -> int:
        """How far apart pixels must be for their noise to be nearly independent, 1 to `MAX_STRIDE`."""
        return independent_distance(self.correlation)

    @property
    def correlation_sentence(self) -> str:
        """How far the noise reaches from pixel to pixel."""
        return _phrase_correlation(self.correlation)


@dataclass(frozen=True, kw_only=True)
class FolderNoise:
    """The noise that photos have in common.

    Attributes:
        num_photos: Photos in which it was measured.
        sigma: Median standard deviation on the 0 to 1 scale.
        low_sigma: A tenth of the photos have less noise.
        high_sigma: A tenth of the photos have more noise.
        correlation: Median correlation of the noise of pixels 1, 2, 3 and 4 apart.
        stride: How far apart pixels must be for their noise to be nearly independent, 1 to `MAX_STRIDE`: what
            pretraining sub-samples by.
        dependence: That of a photo of median noise; None where fewer than half of the photos show one.
        reach: Of a typical photo nearly nothing is brighter, on the 0 to 1 scale.
    """

    num_photos: int
    sigma: float
    low_sigma: float
    high_sigma: float
    correlation: tuple[float, ...]
    stride: int
    dependence: SignalDependence | None
    reach: float = 1.0

    @property
    def level_sentence(self) -> str:
        """How strong it is, and how much that differs from photo to photo."""
        typical, low, high = (_in_levels(sigma) for sigma in (self.sigma, self.low_sigma, self.high_sigma))
        word = noise_word(sigma_against(self.sigma, self.reach))
        if low == high:
            return say(
                "{strength}: {typical} of {levels} in each photo.", strength=word, typical=typical, levels=LEVELS
            )
        return say(
            "{strength}: {typical} of {levels}, most photos {low} to {high}.",
            strength=word,
            typical=typical,
            levels=LEVELS,
            low=low,
            high=high,
        )

    @property
    def stride_sentence(self) -> str:
        """What pretraining does about the noise's reach."""
        if self.stride == 1:
            return "The noise of neighbouring pixels is independent: sub-sampling with stride 1."
        return say("The noise of neighbouring pixels is alike: sub-sampling with stride {stride}.", stride=self.stride)

    @property
    def sentence(self) -> str:
        """Level, dependence on brightness, reach, and what is done about it."""
        dependence = [self.dependence.sentence] if self.dependence is not None else []
        return say_joined([self.level_sentence, *dependence, self.stride_sentence])


def spread_evenly(items: Sequence[Item], most: int = NUM_JUDGED) -> list[Item]:
    """Choose some of a folder's photos, the first and the last among them, as far from one another as can be.

    Args:
        items: In the folder's order.
        most: How many; fewer items are all chosen.
    """
    if len(items) <= most:
        return list(items)
    return [items[round(place)] for place in np.linspace(0, len(items) - 1, most)]


def summarize_noise(estimates: Iterable[NoiseEstimate]) -> FolderNoise | None:
    """Find what the noises of photos have in common.

    How far it reaches say those that `spread_evenly` chooses: where only those were measured, and where all were, the
    stride is the same.

    Args:
        estimates: One a photo, in the folder's order.

    Returns:
        The common facts; None without an estimate.
    """
    noises = list(estimates)
    if not noises:
        return None
    sigmas = [noise.sigma for noise in noises]
    low, high = np.percentile(sigmas, _SPREAD_PERCENTILES)
    reaches = [noise.correlation for noise in spread_evenly(noises)]
    correlation = tuple(float(value) for value in np.median(reaches, axis=0))
    return FolderNoise(
        num_photos=len(noises),
        sigma=float(np.median(sigmas)),
        low_sigma=float(low),
        high_sigma=float(high),
        correlation=correlation,
        stride=independent_distance(correlation),
        dependence=_common_dependence(noises, float(np.median(sigmas))),
        reach=float(np.median([noise.reach for noise in noises])),
    )


def independent_distance(correlation: Sequence[float]) -> int:
    """Return how far apart pixels must be for their noise to be nearly independent.

    Args:
        correlation: Of pixels 1, 2, ... apart.

    Returns:
        The smallest such distance, at most the number of correlations; 1 for white noise, 2 or 3 for camera JPEGs.
    """
    for distance, value in enumerate(correlation, start=1):
        if value < (_NEARLY_UNCORRELATED_NEIGHBOURS if distance == 1 else _NEARLY_UNCORRELATED):
            return distance
    return len(correlation)


def sigma_against(sigma: float, reach: float) -> float:
    """Return how strong noise is against a picture that may use little of its range.

    In a picture of 8 bits whose brightest parts are 20 of 255, noise of 2 is a tenth of all there is to see. What uses
    a quarter of the range or more is judged as it is.

    Args:
        sigma: Standard deviation on the 0 to 1 scale.
        reach: How bright the brightest parts are, on the same scale.
    """
    return sigma * max(1.0, _DIM_SHARE / max(reach, _DIMMEST))


def noise_word(sigma: float) -> str:
    """Name a noise level, by its standard deviation on the 0 to 1 scale: "Clear noise"."""
    return next((words for limit, words in _LEVEL_WORDS if sigma * LEVELS < limit), "Very strong noise")


def _common_dependence(noises: Sequence[NoiseEstimate], sigma: float) -> SignalDependence | None:
    """Return the line through the median variances at the ends of the median brightness range.

    Each photo's variances count in relation to its level, so that a few very noisy photos do not speak for the others.
    """
    known = [(noise.dependence, noise.sigma**2) for noise in noises if noise.dependence is not None and noise.sigma > 0]
    if 2 * len(known) < len(noises) or not known:
        return None
    darkest = float(np.median([dependence.darkest for dependence, _ in known]))
    brightest = float(np.median([dependence.brightest for dependence, _ in known]))
    dark, bright = (
        sigma**2 * float(np.median([(line.slope * brightness + line.offset) / level for line, level in known]))
        for brightness in (darkest, brightest)
    )
    slope = (bright - dark) / (brightest - darkest)
    return SignalDependence(slope=slope, offset=dark - slope * darkest, darkest=darkest, brightest=brightest)


def _phrase_correlation(correlation: Sequence[float]) -> str:
    distance = independent_distance(correlation)
    if distance == 1:
        return say(
            "Neighbouring pixels have independent noise (correlation {correlation:.2f}).", correlation=correlation[0]
        )
    return say(
        "Neighbouring pixels share their noise (correlation {correlation:.2f}); {distance} pixels "
        "apart it is independent.",
        correlation=correlation[0],
        distance=distance,
    )


def _in_levels(sigma: float) -> str:
    return say("{level:.1f}", level=sigma * LEVELS)
