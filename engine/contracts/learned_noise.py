"""A noise that was learned from photos: its level by brightness, its spectrum, its rounding; drawn upon any picture.

The noise n of a picture y is n = s(y) u: a stationary field u of mean power 1, with a power at each spatial frequency
and a covariance of the channels there, times a standard deviation s that follows the brightness below each pixel,
channel by channel. Sensors have such noise (Foi et al., IEEE TIP 17(10), 2008), and with the spectrum what cameras,
scanners and film make of it: correlated pixels, correlated channels, bands.

Photos whose noises agree share a spectrum; each has its own level.
"""

import io
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NUM_BANDS: Final = 16
"""Spatial frequencies along each axis of a spectrum: those of a block of 16 x 16 pixels."""

BRIGHTNESS: Final[NDArray[np.float64]] = np.linspace(0, 1, 17)
"""Brightness at which levels are known; between them the variance follows a straight line."""

NUM_CHANNELS: Final = 3


SMALLEST_VARIANCE = 1e-14

Field = NDArray[np.float32]


BLOCK_PX = 16
"""Side of the largest unit that a file is compressed in: beyond it all repeats."""

NUM_COEFFICIENTS: Final = 64


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
    """

    name: str
    variance: NDArray[np.float64]
    spectrum: int
    is_gray: bool
    highest_level: int
    has_shared_spectrum: bool = False
    jpeg: JpegCompression | None = None

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
        spectra: Covariance of the three channels at each spatial frequency, in the order of `numpy.fft.fft2`; the mean
            over frequencies and channels of the variances is 1. Shape of each: (16, 16, 3, 3).
        distance: Mean earth mover's distance of photos and their twins, on the scale of the residual's own mean
            magnitude; None where no twins were made.
        unfitted_distance: The same of twins by the first guess.
        accuracy: Share of the photos whose own twin is nearer than that of any other photo; None for a single one.
    """

    photos: tuple[PhotoNoise, ...]
    spectra: tuple[NDArray[np.float64], ...]
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
        noise = self.photos[photo]
        height, width = clean.shape[:2]
        root = self._root(noise.spectrum, height, width)
        white = generator.standard_normal((height, width, NUM_CHANNELS), np.float32)
        transformed = np.fft.fft2(white, axes=(0, 1))
        coloured = np.fft.ifft2(np.matmul(root, transformed[..., None])[..., 0], axes=(0, 1)).real
        drawn: Field = (coloured * (scale * self.deviation(clean, photo))).astype(np.float32)
        return drawn

    def deviation(self, clean: Field, photo: int) -> Field:
        """Standard deviation of a photo's noise upon each pixel of a picture. Shape: (height, width, 3)."""
        rows = self.photos[photo].variance
        levels = [np.interp(clean[..., channel], BRIGHTNESS, rows[channel]) for channel in range(NUM_CHANNELS)]
        deviation: Field = np.sqrt(np.stack(levels, axis=-1)).astype(np.float32)
        return deviation

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

    @property
    def sentence(self) -> str:
        """What was learned, in one or two sentences."""
        levels = [255 * photo.sigma() for photo in self.photos]
        low, high = min(levels), max(levels)
        strength = f"{low:.1f}" if round(low, 1) == round(high, 1) else f"{low:.1f} to {high:.1f}"
        found = f"Noise of {strength} of 255 at mid brightness, {len(self.spectra)} kinds of grain."
        if len(self.spectra) == 1:
            found = f"Noise of {strength} of 255 at mid brightness, one kind of grain."
        if self.accuracy is None:
            return found
        return f"{found} {self.accuracy:.0%} of the photos are found by their twins."

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

    def _root(self, spectrum: int, height: int, width: int) -> NDArray[np.complex64]:
        """The matrix that gives white noise its spectrum at each frequency. Shape: (height, width, 3, 3)."""
        key = (id(self.spectra[spectrum]), height, width)
        found = _roots.get(key)
        if found is None or found[0] is not self.spectra[spectrum]:
            if len(_roots) >= _MAX_ROOTS:
                _roots.clear()
            found = _roots[key] = (self.spectra[spectrum], _root_of(self.spectra[spectrum], height, width))
        return found[1]


_MAX_ROOTS = 64
_roots: dict[tuple[int, int, int], tuple[NDArray[np.float64], NDArray[np.complex64]]] = {}
"""Roots by spectrum and size; the spectrum is held, so that no other can take its id."""


def _root_of(spectrum: NDArray[np.float64], height: int, width: int) -> NDArray[np.complex64]:
    """Interpolate a spectrum to a picture's frequencies, and take the symmetric root of the covariance at each."""
    # Only now: the command line's parser knows this noise, and starts without pictures.
    import cv2

    table = np.fft.fftshift(spectrum.reshape(NUM_BANDS, NUM_BANDS, -1), axes=(0, 1)).astype(np.float32)
    # Frequencies go round: behind the highest comes the lowest.
    table = np.pad(table, ((0, 1), (0, 1), (0, 0)), mode="wrap")
    rows, columns = ((np.fft.fftfreq(side) * NUM_BANDS + NUM_BANDS / 2).astype(np.float32) for side in (height, width))
    at_columns, at_rows = np.meshgrid(columns, rows)
    planes = [
        cv2.remap(np.ascontiguousarray(table[..., plane]), at_columns, at_rows, cv2.INTER_LINEAR)
        for plane in range(table.shape[2])
    ]
    covariance = np.stack(planes, axis=-1).reshape(height, width, NUM_CHANNELS, NUM_CHANNELS)
    values, vectors = np.linalg.eigh(covariance)
    root = np.einsum("hwij,hwj,hwkj->hwik", vectors, np.sqrt(np.maximum(values, 0)), vectors)
    power = np.mean(np.maximum(values, 0))
    scaled: NDArray[np.complex64] = (root / np.sqrt(power + SMALLEST_VARIANCE)).astype(np.complex64)
    return scaled
