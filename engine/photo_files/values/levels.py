"""Which numbers of a picture are black and white.

A photograph uses the range of its type: 0 is black, and the greatest number is white. A microscope's camera counts
light, and 88 to 390 counts of 65,535 are a whole picture: taken for a photograph it would be nearly black, and a
network that learned from photographs would see neither its noise nor its detail. So the levels of such a picture are
measured, networks see it between them, and what they give is brought back to the file's own numbers.

Which picture is which is decided by its numbers alone, the same for a window and a command line:

- Numbers of 8 bits without sign keep the range of their type, and so does everything developed from a raw file.
- Numbers with sign, of 32 bits, and floating-point numbers beyond 0 to 1 are measured: their type's range says nothing.
- Of the rest (16 bits, and floats within 0 to 1) a gray channel is measured where 99.9 % of it lies below a quarter of
  the range: 10, 12 or 14 bits in 16. An RGB picture is measured below a sixteenth: a photograph at night is brighter.

White is the greatest number, unless it stands far apart from nearly all others and single, as a hot pixel does. Black
is what half a percent lies below: the tails of the noise would else lift the dark of a sparse picture, which networks
restore the worse the less of the range it spans (measured: 0.4 to 1.1 dB on simulated filaments against the least
number). What lies beyond a level is not lost: it is carried past the network, see `engine.restoring.restorer`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.photo_files.values.sample_types import USUAL_TYPES, SampleType, to_float, unit_of

GRAY_SHARE: Final = 1 / 4
"""A gray picture of which nearly nothing lies above this share of its type's range does not use that range."""

COLOUR_SHARE: Final = 1 / 16
"""The same for RGB."""

_NEARLY_ALL: Final = (0.5, 99.9)
"""Percentiles."""

_FARTHEST: Final = 1.0
"""The greatest number is white as long as it is not farther from nearly all than so many times their span."""

_MEASURED_PIXELS: Final = 1_000_000
_RANGE_TOLERANCE: Final = 1e-6
_MOST_APART: Final = 4.0


@dataclass(frozen=True, kw_only=True)
class ValueLevels:
    """What is black and what is white.

    Attributes:
        black: In units of the type, see `sample_types`: one for all channels, or one for each.
        white: As many, each above its black.
        is_given: Whether a person says so; pictures that belong together then do not share them with this one.
        is_unbounded: Whether numbers of the picture may lie beyond 0 to 1.
    """

    black: tuple[float, ...] = (0.0,)
    white: tuple[float, ...] = (1.0,)
    is_given: bool = field(default=False, compare=False)
    is_unbounded: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.black) != len(self.white) or not self.black:
            raise ValueError(f"there must be as many blacks as whites; found {self.black} and {self.white}")
        if not all(black < white for black, white in zip(self.black, self.white, strict=True)):
            raise ValueError(f"white must be above black; found {self.black} and {self.white}")

    @property
    def are_of_type(self) -> bool:
        """Whether they are those of the type, and nothing lies beyond them: nothing is to be done then."""
        return not self.is_unbounded and self == OF_TYPE

    def of_channel(self, index: int) -> "ValueLevels":
        """Return the levels of one channel."""
        if len(self.black) == 1:
            return self
        return replace(self, black=(self.black[index],), white=(self.white[index],))

    def beside(self, others: "ValueLevels", num_own: int, num_others: int) -> "ValueLevels":
        """Return the levels of each channel of two pictures that are laid side by side, channel behind channel.

        Args:
            others: Those of the channels behind.
            num_own: How many channels these are of.
            num_others: How many are behind.
        """
        parts = [self.of_channel(index) for index in range(num_own)]
        parts += [others.of_channel(index) for index in range(num_others)]
        return ValueLevels(
            black=tuple(part.black[0] for part in parts),
            white=tuple(part.white[0] for part in parts),
            is_given=self.is_given or others.is_given,
            is_unbounded=self.is_unbounded or others.is_unbounded,
        )

    def normalised(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return values with black at 0 and white at 1, not clipped; the same array where nothing is to be done.

        Args:
            values: In units of the type. Shape: (height, width, channels).
        """
        if self.are_of_type:
            return values
        black, span = self._black_and_span()
        return np.asarray((values.astype(np.float64) - black) / span, np.float32)

    def normalised_samples(self, samples: NDArray[Any]) -> NDArray[np.float32]:
        """The same of samples in the numbers of their file, of which none is lost, however large they are."""
        if self.are_of_type:
            return to_float(samples)
        black, span = self._black_and_span()
        return np.asarray((samples / unit_of(samples.dtype.name) - black) / span, np.float32)

    def in_units_of_type(self, normalised: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """The inverse of `normalised`."""
        black, span = self._black_and_span()
        return np.asarray(black + normalised * span, np.float64)

    def brought_to(self, others: "ValueLevels", values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return values with black and white where they are among others; the same array where nothing is to be done.

        Args:
            others: Of as many channels.
            values: In units of the type. Shape: (height, width, channels).

        Returns:
            In units of the others' type, not clipped. Same shape.
        """
        if self == others:
            return values
        black, span = self._black_and_span()
        return np.asarray(others.in_units_of_type((values.astype(np.float64) - black) / span), np.float32)

    def _black_and_span(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        black, white = np.array(self.black), np.array(self.white)
        return black, white - black


OF_TYPE: Final = ValueLevels()
"""Those of a photograph."""


def levels_of_numbers(both: Sequence[tuple[float, float]], sample_type: str) -> ValueLevels:
    """Return what a person says is black and white.

    Args:
        both: Black and white in units of the type, of each channel.
        sample_type: Of the file's numbers: beyond all but the usual ones' 0 to 1 there may be more.
    """
    both = both[:1] if len(set(both)) == 1 else both
    return ValueLevels(
        black=tuple(black for black, _ in both),
        white=tuple(white for _, white in both),
        is_given=True,
        is_unbounded=sample_type not in USUAL_TYPES,
    )


def measure_levels(samples: NDArray[Any], *, channels_are_gray: bool = False) -> ValueLevels:
    """Measure what is black and white in a picture; see this module for the rule.

    Args:
        samples: In the numbers of the file. Shape: (height, width, channels).
        channels_are_gray: Whether each of three channels is a picture of its own.

    Returns:
        One level for all channels of an RGB picture, whose colours would change else; one for each channel of others,
        unless all of them are those of the type.
    """
    num_channels = samples.shape[2]
    if samples.dtype == np.uint8 or not samples.size:
        return OF_TYPE
    if num_channels == 1 or not channels_are_gray:
        return _measure(samples, COLOUR_SHARE if num_channels == 3 else GRAY_SHARE)
    found = [_measure(samples[:, :, index : index + 1], GRAY_SHARE) for index in range(num_channels)]
    if all(levels.are_of_type for levels in found):
        return OF_TYPE
    return ValueLevels(
        black=tuple(levels.black[0] for levels in found),
        white=tuple(levels.white[0] for levels in found),
        is_unbounded=any(levels.is_unbounded for levels in found),
    )


class SharedLevels:
    """The levels of pictures that belong together, such as the frames of a series.

    Where most of them keep the range of their type, all do, or, where numbers of some lie beyond it, have one black and
    one white around it and them; those that lie beyond 4 times that range show something else, and keep their own. Of
    the others each has the least black and the greatest white, but those whose span is more than 4 times, or less than
    a quarter of, the usual one: they keep their own too.
    """

    def __init__(self, levels: Sequence[ValueLevels]) -> None:
        """Take what was measured.

        Args:
            levels: Of pictures of one folder or stack, one type and one number of channels.
        """
        levels = [one for one in levels if not one.is_given]
        measured = [one for one in levels if not one.are_of_type]
        self._common: ValueLevels | None = None
        self._usual: NDArray[np.float64] = np.ones(1)
        self._keep_type = False
        if not levels:
            return
        self._keep_type = 2 * len(measured) < len(levels) or not measured
        if self._keep_type:
            beyond = [one for one in measured if one.is_unbounded and self._is_alike(one)]
            self._common = _around_type(beyond) if beyond else OF_TYPE
            return
        self._usual = np.asarray(np.median([np.subtract(one.white, one.black) for one in measured], axis=0))
        alike = [one for one in measured if self._is_alike(one)]
        if alike:
            self._common = ValueLevels(
                black=tuple(np.min([one.black for one in alike], axis=0).tolist()),
                white=tuple(np.max([one.white for one in alike], axis=0).tolist()),
                is_unbounded=any(one.is_unbounded for one in alike),
            )

    def of(self, own: ValueLevels) -> ValueLevels:
        """Return the levels of a picture among them, whether it was measured with them or not.

        Args:
            own: What was measured of it.
        """
        if own.is_given or self._common is None:
            return own
        if self._keep_type and not own.is_unbounded:
            return self._common
        if not self._is_alike(own):
            return own
        return _around_type([own]) if self._common.are_of_type else self._common

    def _is_alike(self, one: ValueLevels) -> bool:
        if self._keep_type:
            around = _around_type([one])
            return around.white[0] - around.black[0] <= _MOST_APART
        if one.are_of_type or len(one.black) != len(self._usual):
            return False
        span = np.subtract(one.white, one.black)
        return bool(((span <= _MOST_APART * self._usual) & (span >= self._usual / _MOST_APART)).all())


def _around_type(levels: Sequence[ValueLevels]) -> ValueLevels:
    """Return one black and one white around the range of the type, and around all that pictures have of their own."""
    return ValueLevels(
        black=(min(0.0, *(black for one in levels for black in one.black)),),
        white=(max(1.0, *(white for one in levels for white in one.white)),),
        is_unbounded=True,
    )


def share_levels(levels: Sequence[ValueLevels]) -> list[ValueLevels]:
    """Give pictures that belong together the same levels, see `SharedLevels`.

    Args:
        levels: Of pictures of one folder, one type and one number of channels.

    Returns:
        As many.
    """
    shared = SharedLevels(levels)
    return [shared.of(one) for one in levels]


def levels_of_reference(noisy: ValueLevels, noisy_unit: float, clean: ValueLevels, clean_unit: float) -> ValueLevels:
    """Return what is black and white in a reference, to compare it with its noisy picture.

    Args:
        noisy: What is so in the noisy picture.
        noisy_unit: Of its type, see `unit_of`.
        clean: What was measured of the reference.
        clean_unit: Of its type.

    Returns:
        What is given for the reference. Else the noisy picture's where both files hold numbers of one type, or the same
        numbers in another type, as the mean of frames of counts does that was saved as floats; else the reference's
        own.
    """
    if clean.is_given:
        return clean
    if noisy_unit == clean_unit:
        return replace(noisy, is_unbounded=noisy.is_unbounded or clean.is_unbounded)
    if noisy.are_of_type or clean.are_of_type or len(noisy.black) != len(clean.black):
        return clean
    ratio = noisy_unit / clean_unit
    black, white = np.array(noisy.black) * ratio, np.array(noisy.white) * ratio
    span = white - black
    holds_same_numbers = (np.array(clean.black) > black - span).all() and (np.array(clean.white) < white + span).all()
    if not holds_same_numbers:
        return clean
    return replace(clean, black=tuple(black.tolist()), white=tuple(white.tolist()))


def levels_of_measuring(
    noisy: ValueLevels, noisy_type: SampleType, of_clean: ValueLevels, clean_type: SampleType
) -> ValueLevels:
    """Return between which levels it is measured how far a photo, or what became of it, is from its reference.

    Args:
        noisy: What is black and white in the photo.
        noisy_type: Of its numbers.
        of_clean: The same in the reference, see `levels_of_reference`.
        clean_type: Of its numbers.

    Returns:
        The photo's own where both files hold 8 or 16 bits with one black and white: the peak is the white of the type,
        as everybody measures it. Else those of a photograph, to which both have to be brought.
    """
    return noisy if {noisy_type, clean_type} <= USUAL_TYPES and noisy == of_clean else OF_TYPE


def _measure(samples: NDArray[Any], share: float) -> ValueLevels:
    """Levels of channels that belong together."""
    unit = unit_of(samples.dtype.name)
    lowest, highest = float(samples.min()) / unit, float(samples.max()) / unit
    step = max(1, round((samples[:, :, 0].size / _MEASURED_PIXELS) ** 0.5))
    low, high = (np.percentile(samples[::step, ::step].max(axis=2), _NEARLY_ALL) / unit).tolist()
    if samples.shape[2] > 1:
        low = float(np.percentile(samples[::step, ::step].min(axis=2), _NEARLY_ALL[0])) / unit
    has_usual_range = samples.dtype == np.uint16 or (
        samples.dtype.kind == "f" and lowest >= -_RANGE_TOLERANCE and highest <= 1 + _RANGE_TOLERANCE
    )
    if has_usual_range and high >= share:
        return OF_TYPE
    # Of one number there is nothing to measure; the next one that the type can tell apart from it is white then.
    least_span = 1 / unit
    if samples.dtype.kind == "f":
        least_span = max(abs(lowest), abs(highest), 1e-30) * float(np.finfo(samples.dtype).eps)
    reach = _FARTHEST * max(high - low, least_span)
    white = min(highest, max(high + reach, _brightest_spot(samples) / unit))
    return ValueLevels(black=(low,), white=(max(white, low + least_span),), is_unbounded=not has_usual_range)


def _brightest_spot(samples: NDArray[Any]) -> float:
    """Return the greatest number that is not alone: a bead covers several pixels, a hot pixel is one."""
    channels = (np.ascontiguousarray(samples[:, :, index], np.float32) for index in range(samples.shape[2]))
    return max(float(cv2.medianBlur(channel, 3).max()) for channel in channels)
