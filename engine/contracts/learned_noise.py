"""A noise that was learned from photos: its level by brightness, its spectrum, its rounding; drawn upon any picture.

The noise n of a picture y is n = s(y) u: a stationary field u of mean power 1, with a power at each spatial frequency
and a covariance of the channels there, times a standard deviation s that follows the brightness below each pixel,
channel by channel. Sensors have such noise (Foi et al., IEEE TIP 17(10), 2008), and with the spectrum what cameras,
scanners and film make of it: correlated pixels, correlated channels, bands.

Photos whose noises agree share a spectrum; each has its own level. What is coarser than a spectrum's blocks, broad
blotches of colour, has a second spectrum of its own beside it.

Where few photons were counted, noise is not Gaussian: it is skewed, and comes in steps. There the part of the variance
that grows in proportion to the light is drawn as counts.
"""

import io
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.translatable import say

NUM_BANDS: Final = 16
"""Spatial frequencies along each axis of a spectrum: those of a block of 16 x 16 pixels."""

BROAD_SCALE: Final = 4
"""How many times finer the spatial frequencies of the spectrum of broad blotches lie, all of them low."""

BRIGHTNESS: Final[NDArray[np.float64]] = np.linspace(0, 1, 17)
"""Brightness at which levels are known; between them the variance follows a straight line."""

NUM_CHANNELS: Final = 3


SMALLEST_VARIANCE = 1e-14

Field = NDArray[np.float32]


BLOCK_PX = 16
"""Side of the largest unit that a file is compressed in: beyond it all repeats."""

NUM_COEFFICIENTS: Final = 64

MOST_PHOTONS: Final = 30.0
"""Counts above it are as good as Gaussian."""

HARDLY_ANY: Final = 0.01
"""Standard deviation at mid brightness below which noise is hardly any."""

HARDLY_ANY_NOISE: Final = "hardly_any_noise"
"""Among a run's figures where its start was kept for that."""


class Refusal(StrEnum):
    """Why a refinement was not followed to where the mean error is lowest; among a run's figures by its value."""

    FORGETTING = "refused_for_forgetting"
    """More of other noises would be forgotten than is allowed."""
    OWN_NOISE = "refused_for_photos_with_own_noise"
    """Photos with a noise of their own would lose."""
    UNLABELLED = "refused_for_photos_without_label"
    LABELS = "refused_for_labels"


_LEAST_PHOTON_SHARE: Final = 0.5
"""Of the variance, that must grow in proportion to the light before any of it is drawn as counts."""


@dataclass(frozen=True, kw_only=True)
class JpegCompression:
    """How a file is compressed.

    Attributes:
        tables: Quantisation of brightness and, in colour, of the colours; 64 steps each.
        subsampling: Of the colours: 0 none, 1 to half the width, 2 to half of both sides.
    """

    tables: tuple[tuple[int, ...], ...]
    subsampling: int

    def __post_init__(self) -> None:
        is_sound = all(len(table) == NUM_COEFFICIENTS and 1 <= min(table) <= max(table) <= 255 for table in self.tables)
        if not (is_sound and len(self.tables) in {1, 2} and self.subsampling in {0, 1, 2}):
            raise ValueError("these are no quantisation tables")

    def apply(self, picture: Field, offset: tuple[int, int] = (0, 0)) -> Field:
        """Compress a picture.

        Args:
            picture: 0 to 1. Shape: (height, width, 3); equal channels where there is one table.
            offset: Where in a unit of the file its first pixel lies, from the top and from the left.

        Returns:
            Same shape, in steps of 1/255.
        """
        top, left = offset
        height, width = picture.shape[:2]
        levels = np.rint(picture * 255).astype(np.uint8)
        is_gray = len(self.tables) == 1
        padded = np.pad(levels[..., :1] if is_gray else levels, ((top, 0), (left, 0), (0, 0)), mode="edge")
        file = io.BytesIO()
        image = Image.fromarray(padded[..., 0] if is_gray else padded)
        options = {} if is_gray else {"subsampling": self.subsampling}
        image.save(file, "JPEG", qtables=[list(table) for table in self.tables], **options)
        decoded = np.asarray(Image.open(file), np.float32) * np.float32(1 / 255)
        cut = decoded.reshape(*decoded.shape[:2], -1)[top : top + height, left : left + width]
        return np.broadcast_to(cut, picture.shape).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class PhotoNoise:
    """The noise of one photo.

    Attributes:
        name: The photo's file name.
        variance: Variance at each `BRIGHTNESS`, per channel, on the 0 to 1 scale. Shape: (3, 17).
        spectrum: Index of its spectrum in `LearnedNoise.spectra`.
        is_gray: Whether its channels are one.
        highest_level: What white is as an integer, 255 or 65535: values are rounded to such steps.
        has_shared_spectrum: Whether the spectrum is that of other photos, its own being unlike all of theirs.
        jpeg: How its file is compressed; level and spectrum are then those before. None where it is not.
        broad_variance: Of the folder's broad blotches of colour upon it, 0 where it has none.
    """

    name: str
    variance: NDArray[np.float64]
    spectrum: int
    is_gray: bool
    highest_level: int
    has_shared_spectrum: bool = False
    jpeg: JpegCompression | None = None
    broad_variance: float = 0.0

    def sigma(self, brightness: float = 0.5) -> float:
        """Standard deviation at a brightness, the channels' mean square's root, 0 to 1."""
        return float(np.sqrt(np.mean([np.interp(brightness, BRIGHTNESS, row) for row in self.variance])))

    @property
    def facts(self) -> str:
        """Its level from dark to bright, and whose grain it has."""
        dark, middle, bright = (255 * self.sigma(brightness) for brightness in (0.1, 0.5, 0.9))
        whose = ", grain of the other photos" if self.has_shared_spectrum else ""
        return f"noise {dark:.1f} in dark parts, {middle:.1f} in middle ones, {bright:.1f} in bright ones{whose}"


@dataclass(frozen=True, kw_only=True)
class LearnedNoise:
    """The noise of some photos.

    Attributes:
        photos: One a photo, in their order.
        spectra: Covariance of the three channels at each spatial frequency, in the order of `numpy.fft.fft2`; each
            channel's variance is 1 on the mean over frequencies: how strong it is says `PhotoNoise.variance` alone.
            Shape of each: (16, 16, 3, 3).
        broad_colour: Spectrum of broad blotches of colour, as the others but at frequencies `BROAD_SCALE` times as
            fine, those of the photo shrunk as many times; their mean variance is 1. None where no photo has them.
        distance: Mean earth mover's distance of photos and their twins, on the scale of the residual's own mean
            magnitude; None where no twins were made.
        unfitted_distance: The same of twins by the first guess.
        accuracy: Share of the photos whose own twin is nearer than that of any other photo; None for a single one.
    """

    photos: tuple[PhotoNoise, ...]
    spectra: tuple[NDArray[np.float64], ...]
    broad_colour: NDArray[np.float64] | None = None
    distance: float | None = None
    unfitted_distance: float | None = None
    accuracy: float | None = None

    def draw(self, clean: Field, photo: int, generator: np.random.Generator, scale: float = 1.0) -> Field:
        """Draw the noise that a photo would have upon a picture.

        Args:
            clean: The picture, 0 to 1. Shape: (height, width, 3).
            photo: Index of the photo.
            generator: Source of the noise.
            scale: Times its level.

        Returns:
            The noise alone. Shape: as of the picture.
        """
        noise, size = self.photos[photo], (clean.shape[0], clean.shape[1])
        spectrum = self.spectra[noise.spectrum]
        unit = _field(spectrum, size, generator)
        level = scale * self.deviation(clean, photo)
        line = _photon_line(noise.variance)
        if line is None:
            drawn: Field = unit * level
        else:
            gain, offset = line
            light = np.maximum(clean, 0)
            share = np.asarray(gain * light / (gain * light + offset + SMALLEST_VARIANCE), np.float32)
            drawn = _photon_noise(light, unit, level * np.sqrt(share))
            drawn += _field(spectrum, size, generator) * level * np.sqrt(1 - share)
        if self.broad_colour is not None and noise.broad_variance:
            deviation = np.float32(scale * np.sqrt(noise.broad_variance))
            drawn += deviation * _field(self.broad_colour, size, generator, BROAD_SCALE)
        return drawn

    def deviation(self, clean: Field, photo: int) -> Field:
        """Standard deviation of a photo's noise upon each pixel of a picture. Shape: (height, width, 3)."""
        rows = self.photos[photo].variance
        levels = [np.interp(clean[..., channel], BRIGHTNESS, rows[channel]) for channel in range(NUM_CHANNELS)]
        deviation: Field = np.sqrt(np.stack(levels, axis=-1)).astype(np.float32)
        return deviation

    def taken_by_limits(self, clean: Field, photo: int) -> Field:
        """What black and white take from the mean of a noisy picture: noise beyond them is cut off.

        That of Gaussian noise as strong (Foi, Signal Processing 89(12), 2009). Counted photons are never below none.

        Args:
            clean: The picture, 0 to 1. Shape: (height, width, 3).
            photo: Index of the photo.

        Returns:
            Mean of the noisy picture less the picture: below zero near white, above zero near black. Same shape.
        """
        deviation = self.deviation(clean, photo) + np.float32(np.sqrt(SMALLEST_VARIANCE))
        taken = -_mean_beyond((1 - clean) / deviation)
        if _photon_line(self.photos[photo].variance) is None:
            taken += _mean_beyond(clean / deviation)
        return taken * deviation

    def power(self, clean: Field, photo: int) -> float:
        """Mean square of a photo's noise upon a picture, all channels together."""
        return float(np.mean(self.deviation(clean, photo) ** 2)) + self.photos[photo].broad_variance

    def add(self, clean: Field, photo: int, generator: np.random.Generator, scale: float = 1.0) -> Field:
        """A picture as that photo would have recorded it: with its noise, clipped, rounded or compressed as it is.

        The blocks of its compression lie anywhere.
        """
        noisy = clean + self.draw(clean, photo, generator, scale)
        offset = (0, 0)
        if self.photos[photo].jpeg is not None:
            top, left = generator.integers(BLOCK_PX, size=2)
            offset = int(top), int(left)
        return self.record(noisy, photo, offset)

    def record(self, noisy: Field, photo: int, offset: tuple[int, int] = (0, 0)) -> Field:
        """Clip a noisy picture, and round or compress it as a photo is.

        Args:
            noisy: Shape: (height, width, 3).
            photo: Index of the photo.
            offset: Where in a unit of its compression the first pixel lies.

        Returns:
            Same shape, 0 to 1.
        """
        clipped = np.clip(noisy, 0, 1)
        jpeg = self.photos[photo].jpeg
        if jpeg is not None:
            compressed: Field = jpeg.apply(clipped, offset)
            return compressed
        highest = np.float32(self.photos[photo].highest_level)
        rounded: Field = np.rint(clipped * highest) / highest
        return rounded

    def with_photo(self, photo: int, **changes: Any) -> "LearnedNoise":
        """The same with one photo's noise changed."""
        photos = list(self.photos)
        photos[photo] = replace(photos[photo], **changes)
        return replace(self, photos=tuple(photos))

    def weakened(self, photo: int, factor: float) -> "LearnedNoise":
        """The same with one photo's power times a factor of 0 to 1; never none at all, since levels are divided by."""
        noise = self.photos[photo]
        variance = np.maximum(noise.variance * factor, SMALLEST_VARIANCE)
        return self.with_photo(photo, variance=variance, broad_variance=noise.broad_variance * factor)

    @property
    def is_hardly_any(self) -> bool:
        """Whether most photos have so little that what a network loses on their texture outweighs what it gains."""
        return float(np.median([photo.sigma() for photo in self.photos])) < HARDLY_ANY

    @property
    def sentence(self) -> str:
        """What was learned, in one to three sentences."""
        levels = [255 * photo.sigma() for photo in self.photos]
        low, high = min(levels), max(levels)
        strength = say(
            "{low:.1f}" if round(low, 1) == round(high, 1) else "{low:.1f} to {high:.1f}", low=low, high=high
        )
        found = say(
            "Noise of {strength} of 255 at mid brightness, {num_spectra} kinds of grain.",
            strength=strength,
            num_spectra=len(self.spectra),
        )
        if len(self.spectra) == 1:
            found = say("Noise of {strength} of 255 at mid brightness, one kind of grain.", strength=strength)
        if self.broad_colour is not None:
            found = say("{found} Broad blotches of colour lie over it.", found=found)
        if self.is_hardly_any:
            found = say("{found} That is hardly any noise.", found=found)
        if self.accuracy is None:
            return found
        return say(
            "{found} {accuracy:.0%} of the photos are found by their twins.", found=found, accuracy=self.accuracy
        )

    @property
    def summary(self) -> dict[str, Any]:
        """Its figures as plain values, for scripts."""
        return {
            "sentence": self.sentence,
            "num_spectra": len(self.spectra),
            "twin_distance": self.distance,
            "unfitted_twin_distance": self.unfitted_distance,
            "twins_that_find_their_photo": self.accuracy,
            "photos": [
                {
                    "name": photo.name,
                    "spectrum": photo.spectrum,
                    "sigma": {str(level): photo.sigma(level) for level in (0.1, 0.5, 0.9)},
                }
                for photo in self.photos
            ],
        }


_MAX_ROOTS = 64
_roots: dict[tuple[int, int, int], tuple[NDArray[np.float64], NDArray[np.complex64]]] = {}
"""Roots by spectrum and size; the spectrum is held, so that no other can take its id."""


def _field(
    spectrum: NDArray[np.float64], size: tuple[int, int], generator: np.random.Generator, scale: int = 1
) -> Field:
    """A stationary field of mean variance 1 with a spectrum.

    Args:
        spectrum: Shape: (16, 16, 3, 3).
        size: Height and width.
        generator: Its source.
        scale: How many times as fine the spectrum's frequencies lie.

    Returns:
        Shape: (height, width, 3).
    """
    key = (id(spectrum), *size)
    found = _roots.get(key)
    if found is None or found[0] is not spectrum:
        if len(_roots) >= _MAX_ROOTS:
            _roots.clear()
        found = _roots[key] = (spectrum, _root_of(spectrum, *size, scale))
    white = generator.standard_normal((*size, NUM_CHANNELS), np.float32)
    transformed = np.fft.fft2(white, axes=(0, 1))
    coloured = np.fft.ifft2(np.matmul(found[1], transformed[..., None])[..., 0], axes=(0, 1)).real
    return np.asarray(coloured, np.float32)


def _root_of(spectrum: NDArray[np.float64], height: int, width: int, scale: int) -> NDArray[np.complex64]:
    """Interpolate a spectrum to a picture's frequencies, and take the symmetric root of the covariance at each."""
    covariance = _at_frequencies(spectrum, height, width, scale)
    values, vectors = np.linalg.eigh(covariance)
    root = np.einsum("hwij,hwj,hwkj->hwik", vectors, np.sqrt(np.maximum(values, 0)), vectors)
    power = np.mean(np.maximum(values, 0))
    scaled: NDArray[np.complex64] = (root / np.sqrt(power + SMALLEST_VARIANCE)).astype(np.complex64)
    return scaled


def _at_frequencies(table: NDArray[np.float64], height: int, width: int, scale: int) -> NDArray[np.float32]:
    """A spectrum at a picture's frequencies; zero beyond its own. Shape: (height, width, 3, 3)."""
    # Only now: the command line's parser knows this noise, and starts without pictures.
    import cv2

    planes_of = np.fft.fftshift(table.reshape(NUM_BANDS, NUM_BANDS, -1), axes=(0, 1)).astype(np.float32)
    # Frequencies go round: behind the highest comes the lowest.
    planes_of = np.pad(planes_of, ((0, 1), (0, 1), (0, 0)), mode="wrap")
    rows, columns = (
        (np.fft.fftfreq(side) * scale * NUM_BANDS + NUM_BANDS / 2).astype(np.float32) for side in (height, width)
    )
    at_columns, at_rows = np.meshgrid(columns, rows)
    planes = [
        cv2.remap(np.ascontiguousarray(planes_of[..., plane]), at_columns, at_rows, cv2.INTER_LINEAR)
        for plane in range(planes_of.shape[2])
    ]
    stacked = np.stack(planes, axis=-1).reshape(height, width, NUM_CHANNELS, NUM_CHANNELS)
    return np.asarray(stacked, np.float32)


def _mean_beyond(limit: Field) -> Field:
    """By how much a standard normal variable exceeds a limit, on the mean: 0 where it does not."""
    from scipy.special import ndtr

    mean: Field = np.exp(-0.5 * limit**2) * np.float32(1 / np.sqrt(2 * np.pi)) - limit * ndtr(-limit)
    return mean


def _photon_line(variance: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """The line that the variance follows over brightness where photons are few.

    Args:
        variance: At each `BRIGHTNESS`. Shape: (3, 17).

    Returns:
        Variance that each unit of light adds, as the counting of photons does, and that without light, per channel.
        None where photons are too many, or other noise is too strong, for it to matter.
    """
    # Fitted to proportions: what is alike from dark to bright are the relative errors of levels.
    gain, offset = _nonnegative_fit(BRIGHTNESS / variance, 1 / variance)
    half = BRIGHTNESS[len(BRIGHTNESS) // 2]
    photons = half / (gain + SMALLEST_VARIANCE)
    share = gain * half / (gain * half + offset + SMALLEST_VARIANCE)
    if photons.min() > MOST_PHOTONS or share.max() < _LEAST_PHOTON_SHARE:
        return None
    return gain.astype(np.float32), offset.astype(np.float32)


def _nonnegative_fit(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Factors, none negative, with which two rows of numbers add up to ones by least squares; one pair a row."""
    along, across, both = (first**2).sum(1), (second**2).sum(1), (first * second).sum(1)
    to_first, to_second = first.sum(1), second.sum(1)
    determinant = along * across - both**2 + SMALLEST_VARIANCE
    one = (to_first * across - to_second * both) / determinant
    other = (to_second * along - to_first * both) / determinant
    alone_one, alone_other = to_first / along, to_second / across
    return (
        np.where(one < 0, 0, np.where(other < 0, alone_one, one)),
        np.where(other < 0, 0, np.where(one < 0, alone_other, other)),
    )


def _photon_noise(light: Field, unit: Field, deviation: Field) -> Field:
    """Noise of counted photons: Poisson, with the ranks of a Gaussian field, so that its correlation stays.

    Args:
        light: 0 or more. Shape: (height, width, 3).
        unit: The field. Same shape.
        deviation: Standard deviation. Same shape.

    Returns:
        Same shape; Gaussian where there are more than `MOST_PHOTONS`.
    """
    from scipy.special import ndtr

    variance = np.maximum(deviation.astype(np.float64) ** 2, SMALLEST_VARIANCE)
    expected = light / variance * light
    is_counted = expected < MOST_PHOTONS
    mean = expected[is_counted]
    rank = ndtr(unit[is_counted].astype(np.float64))
    counts = np.zeros_like(mean)
    probability = np.exp(-mean)
    cumulated = probability.copy()
    for count in range(1, int(MOST_PHOTONS + 8 * np.sqrt(MOST_PHOTONS))):
        is_above = rank > cumulated
        if not is_above.any():
            break
        counts += is_above
        probability *= mean / count
        cumulated += probability
    drawn = unit * deviation
    drawn[is_counted] = (counts - mean) * variance[is_counted] / np.maximum(light[is_counted], SMALLEST_VARIANCE)
    return drawn
