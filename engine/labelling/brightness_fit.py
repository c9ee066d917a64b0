"""Bringing a reference of another exposure or stretch to the brightness of its noisy photo: a gain and an offset.

Taught as it is, such a reference teaches its exposure with the picture, and every restored photo takes it on. What is
fitted is the reference, never the photo: a network then leaves the brightness of what it restores where it was. The
photo follows the reference, since only the reference is nearly free of noise, which would else pull the gain down.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.contracts.photo import Pixels
from engine.photo_files.bicubic_resize import shrink
from engine.photo_files.values.levels import ValueLevels
from engine.photos.crops import DecodedPhoto
from engine.translatable import say, say_joined

MAX_COLOUR_DRIFT = 0.025
"""In how far channels may differ from each other in brightness; of 60 sound real pairs, 0.004 at most."""

MAX_CHANGE = 0.02
"""Of white, root mean square over the picture: a fit that changes a reference more than that is wanted."""

MAX_CONTRAST_RATIO = 4 / 3
"""A reference of more contrast than its photo, or of less, by this factor is fitted, however little that changes."""

LEAST_GAIN = 0.02
"""Below, a photo follows its reference so little that nothing can be fitted."""

_FITTED_SIDE_PX = 192
_MIN_FITTED = 64
_WHOLLY_SHOWN = 0.999
_LEAST_SPREAD = 0.01
# A number at the end of the range that so many pixels share is where a picture was cut off; around a pixel, this much
# may be.
_CUT_OFF_SHARE, _MAX_CUT_OFF, _CUT_OFF_SIDE_PX = 0.01, 0.05, 9
_NUM_REWEIGHTINGS = 12
# The usual constants: 95 % as exact as least squares where there are no outliers (Huber 1964; Tukey's biweight).
_HUBER_DEVIATIONS, _BIWEIGHT_DEVIATIONS = 1.345, 4.685
_DEVIATION_OF_MEDIAN = 1.4826
_NUM_CURVE_POINTS, _MIN_AT_POINT = 12, 24
_LEAST_CURVE, _MAX_CURVE, _MAX_CURVE_OF_CONTRAST = 0.005, 0.05, 0.5


@dataclass(frozen=True, kw_only=True)
class ChannelFit:
    """How one channel of the noisy photo follows the reference's: noisy = gain x clean + offset.

    Attributes:
        gain: 1 in a sound pair.
        offset: 0 in a sound pair, of 0 to 1.
        difference: By how much the noisy photo is brighter in this channel, of 0 to 1, on average.
        curve: How far the photo's brightness strays from that line, of 0 to 1.
        spread: Standard deviation of the reference, of 0 to 1; 0 where it is too even for a gain.
    """

    gain: float
    offset: float
    difference: float
    curve: float = 0.0
    spread: float = 0.0

    @property
    def change(self) -> float:
        """How much the fit changes the reference, root mean square, of 0 to 1."""
        return float(np.hypot(self.difference, (self.gain - 1) * self.spread))


@dataclass(frozen=True, kw_only=True)
class BrightnessFit:
    """How a noisy photo's brightness follows that of its reference.

    Attributes:
        channels: One for each channel that both have; empty where nothing was compared.
    """

    channels: tuple[ChannelFit, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether exposure, contrast or colours differ by more than a sound pair's do."""
        ratio = self.contrast_ratio
        return (
            any(fit.change > MAX_CHANGE for fit in self.channels)
            or any(abs(drift) > MAX_COLOUR_DRIFT for drift in self.colour_drifts)
            or not 1 / MAX_CONTRAST_RATIO <= ratio <= MAX_CONTRAST_RATIO
        )

    @property
    def contrast_ratio(self) -> float:
        """The photo's contrast as a multiple of the reference's, over all channels."""
        spread = sum(fit.spread for fit in self.channels)
        return sum(fit.gain * fit.spread for fit in self.channels) / spread if spread > 0 else 1.0

    @property
    def difference(self) -> float:
        """By how much the photo is brighter on average, of 0 to 1."""
        return sum(fit.difference for fit in self.channels) / max(1, len(self.channels))

    @property
    def colour_drifts(self) -> tuple[float, ...]:
        """By how much each channel of the photo is brighter than all channels are on average, of 0 to 1."""
        return tuple(fit.difference - self.difference for fit in self.channels)

    @property
    def is_wanted(self) -> bool:
        """Whether a reference is fitted: it differs, and gain and offset mend that."""
        return self.differs and self.can_mend

    @property
    def can_mend(self) -> bool:
        """Whether gain and offset explain it: the photo follows the reference in a line, and more than barely."""
        return all(
            fit.gain >= LEAST_GAIN
            and fit.curve <= min(_MAX_CURVE, max(_LEAST_CURVE, _MAX_CURVE_OF_CONTRAST * fit.gain * fit.spread))
            for fit in self.channels
        )

    @property
    def gains_text(self) -> str:
        """The gain, or that of each channel: "0.62" or "0.62 / 0.70 / 0.65"."""
        return _in_words(say("{gain:.2f}", gain=fit.gain) for fit in self.channels)

    @property
    def offsets_text(self) -> str:
        """The offset in per cent of white, or that of each channel: "+3.1 %"."""
        return _in_words(say("{offset:+.1f} %", offset=100 * fit.offset) for fit in self.channels)

    def applied_to(self, clean: Pixels) -> Pixels:
        """Return a reference as bright as its photo.

        Args:
            clean: Between black and white. Shape: (height, width, channels), of which one takes the mean of the fits.
        """
        gains, offsets = self._gains_and_offsets(clean.shape[2])
        return np.asarray(gains * clean + offsets, np.float32)

    def taken_off(self, noisy: Pixels) -> Pixels:
        """Return a photo as bright as its reference, the inverse of `applied_to`; only what `can_mend` has one.

        Args:
            noisy: Between black and white. Shape: (height, width, channels).
        """
        gains, offsets = self._gains_and_offsets(noisy.shape[2])
        return np.asarray((noisy - offsets) / gains, np.float32)

    def scale_of(self, clean: DecodedPhoto) -> ValueLevels:
        """Return what is black and white in a reference for it to be as bright as its photo: nothing is rounded."""
        gains, offsets = self._gains_and_offsets(len(self.channels))
        if clean.scale.are_of_type and len(set(gains)) == len(set(offsets)) == 1:
            gains, offsets = gains[:1], offsets[:1]
        black, white = np.array(clean.scale.black), np.array(clean.scale.white)
        span = white - black
        fitted_black, fitted_white = black - offsets / gains * span, black + (1 - offsets) / gains * span
        return ValueLevels(
            black=tuple(fitted_black.tolist()),
            white=tuple(fitted_white.tolist()),
            is_unbounded=clean.scale.is_unbounded,
        )

    def _gains_and_offsets(self, num_channels: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        gains, offsets = (np.array([getattr(fit, name) for fit in self.channels]) for name in ("gain", "offset"))
        if num_channels != len(gains):
            return gains.mean(keepdims=True), offsets.mean(keepdims=True)
        return gains, offsets


NOT_COMPARED: Final = BrightnessFit()
"""Of pictures that show different things."""


def compare_brightness(noisy: Pixels, clean: Pixels, shown: NDArray[np.bool_] | None = None) -> BrightnessFit:
    """Fit gain and offset of each channel, on pictures so small that their noise does not count.

    A line that things present in one picture alone hardly move: least squares, reweighted. What is cut off at black or
    white in either picture takes no part.

    Args:
        noisy: Between black and white, best not clipped. Shape: (height, width, channels).
        clean: The same shape.
        shown: Where both show something. Shape: (height, width); None: everywhere.
    """
    is_whole = _is_whole(noisy) & _is_whole(clean)
    values, references = (_reduced(pixels) for pixels in (noisy, clean))
    if shown is None:
        is_shown = np.ones_like(is_whole)
    else:
        is_shown = _reduced(shown[:, :, None].astype(np.float32))[:, :, 0] > _WHOLLY_SHOWN
        is_whole &= is_shown
    fits = []
    for channel in range(noisy.shape[2]):
        fitted = is_whole if int(is_whole.sum()) >= _MIN_FITTED else is_shown
        value, reference = (side[..., channel][fitted] for side in (values, references))
        all_values, all_references = (side[..., channel][is_shown] for side in (values, references))
        if float(reference.std()) < _LEAST_SPREAD <= float(all_references.std()):
            value, reference = all_values, all_references
        fits.append(_fit_channel(value, reference))
    return BrightnessFit(channels=tuple(fits))


def fit_reference(noisy: DecodedPhoto, clean: DecodedPhoto) -> BrightnessFit:
    """Compare the brightness of a decoded photo with that of its reference, which may be larger."""
    photo, reference = noisy.unclipped, clean.unclipped
    scale = max(1, reference.shape[0] // max(1, photo.shape[0]))
    return compare_brightness(photo, shrink(reference, scale) if scale > 1 else reference)


def _in_words(figures: Iterable[str]) -> str:
    found = list(figures)
    return found[0] if len(set(found)) == 1 else say_joined(found, " / ")


def _fit_channel(values: NDArray[np.float64], reference: NDArray[np.float64]) -> ChannelFit:
    difference = float(np.median(values - reference))
    if float(reference.std()) < _LEAST_SPREAD:
        return ChannelFit(gain=1.0, offset=difference, difference=difference)
    difference = float(values.mean() - reference.mean())
    terms = np.stack([reference, np.ones_like(reference)], axis=1)
    weights: NDArray[np.floating[Any]] = np.ones_like(values)
    line: NDArray[np.floating[Any]] = np.zeros(2)
    for iteration in range(_NUM_REWEIGHTINGS):
        weighted = terms * weights[:, None]
        line = np.linalg.solve(weighted.T @ terms, weighted.T @ values)
        away = np.abs(values - terms @ line)
        usual = max(_DEVIATION_OF_MEDIAN * float(np.median(away)), 1e-6)
        if iteration < _NUM_REWEIGHTINGS // 2:
            weights = np.minimum(1, _HUBER_DEVIATIONS * usual / np.maximum(away, 1e-12))
        else:
            # From here on what is far away counts for nothing; from the start it could lead to another line.
            weights = np.square(np.clip(1 - np.square(away / (_BIWEIGHT_DEVIATIONS * usual)), 1e-6, 1))
    gain, offset = (float(part) for part in line)
    return ChannelFit(
        gain=gain,
        offset=offset,
        difference=difference,
        curve=_curve(values - (gain * reference + offset), reference),
        spread=float(reference.std()),
    )


def _curve(rest: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    """Return how far the rest of a line is from 0 at any brightness, in the middle of what is found there."""
    places = np.array_split(np.argsort(reference, kind="stable"), _NUM_CURVE_POINTS)
    return max((abs(float(np.median(rest[place]))) for place in places if len(place) >= _MIN_AT_POINT), default=0.0)


def _reduced(pixels: Pixels) -> NDArray[np.float64]:
    longer = max(pixels.shape[:2])
    size = tuple(max(1, round(side * min(1.0, _FITTED_SIDE_PX / longer))) for side in pixels.shape[1::-1])
    small = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small.reshape(size[1], size[0], pixels.shape[2]), np.float64)


def _is_whole(pixels: Pixels) -> NDArray[np.bool_]:
    """Return where a reduced picture is not cut off at black or white, in no channel. Shape: (rows, columns)."""
    cut_off = np.zeros(pixels.shape[:2], np.float32)
    for index in range(pixels.shape[2]):
        channel: NDArray[Any] = pixels[:, :, index]
        for end in (channel.min(), channel.max()):
            at_end = channel == end
            if at_end.mean() > _CUT_OFF_SHARE:
                cut_off = np.maximum(cut_off, at_end)
    # Around each pixel: left out one by one, those that noise did not push beyond the end would remain.
    share = np.asarray(cv2.blur(cut_off, (_CUT_OFF_SIDE_PX, _CUT_OFF_SIDE_PX)), np.float32)
    return _reduced(share[:, :, None])[:, :, 0] <= _MAX_CUT_OFF
