"""What the levels dialog shows of a picture: the numbers of each of its channels, and what was measured on them."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.comparing.shown_channels import channel_pages
from engine.contracts.errors import ImageReadError
from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import PhotoSamples, read_samples
from engine.photo_files.tiff.channel_descriptions import Channel, describe_channels
from engine.photo_files.values.given import levels_given
from engine.photo_files.values.levels import ValueLevels
from engine.photo_files.values.sample_types import unit_of
from engine.photos.stack_levels import as_in_stack

_MOST_CHANNELS: Final = 8
_SHOWN_PIXELS: Final = 250_000


@dataclass(frozen=True, eq=False)
class ChannelNumbers:
    """One channel of a picture.

    Attributes:
        values: Some of its numbers, as they stand in the file, evenly spread. Shape: (pixels,).
        black: What was measured as black, in these numbers.
        white: The same for white.
    """

    values: NDArray[np.float64]
    black: float
    white: float


@dataclass(frozen=True, eq=False)
class PictureNumbers:
    """The channels of a picture.

    Attributes:
        photo: Which it is.
        channels: Its own, or those of its stack at that place.
        are_colours: Whether they are red, green and blue.
        are_whole: Whether its numbers are whole ones.
        described: What each channel is called, and its colour, where they are no colours.
        is_stack: Whether each lies on a page of its own.
    """

    photo: PhotoRef
    channels: tuple[ChannelNumbers, ...]
    are_colours: bool
    are_whole: bool
    described: tuple[Channel, ...] = ()
    is_stack: bool = False


def read_numbers(photo: PhotoRef) -> PictureNumbers:
    """Read the numbers of a picture's channels; of a stack that counts channels those at the page's place.

    Raises:
        ImageReadError: It cannot be read.
    """
    # As it was measured, whatever a person has given.
    with levels_given(()):
        first = _read(photo)
        pages = channel_pages(photo)[:_MOST_CHANNELS]
        is_stack = len(pages) > 1 and first.samples.shape[2] == 1
        if is_stack:
            channels: list[ChannelNumbers] = []
            for page in pages:
                try:
                    channels += _channels_of(first if page == photo else _read(page))
                except ImageReadError:
                    # It keeps its place, so that the others keep their numbers.
                    channels.append(ChannelNumbers(np.zeros(1), 0.0, 1.0))
        else:
            channels = _channels_of(first)
    are_colours = first.samples.shape[2] == 3 and not first.metadata.channels_are_gray
    return PictureNumbers(
        photo=photo,
        channels=tuple(channels[:_MOST_CHANNELS]),
        are_colours=are_colours,
        are_whole=first.samples.dtype.kind != "f",
        described=() if are_colours or len(channels) < 2 else describe_channels(photo.file, len(channels)),
        is_stack=is_stack,
    )


def _read(photo: PhotoRef) -> PhotoSamples:
    return as_in_stack(photo, read_samples(photo))


def _channels_of(read: PhotoSamples) -> list[ChannelNumbers]:
    channels = _numbers(read.samples, read.metadata.levels)
    return channels if read.extra is None else channels + _numbers(read.extra, read.metadata.extra_levels)


def _numbers(samples: NDArray[Any], levels: ValueLevels) -> list[ChannelNumbers]:
    step = max(1, round((samples[:, :, 0].size / _SHOWN_PIXELS) ** 0.5))
    unit = unit_of(samples.dtype.name)
    found = []
    for index in range(samples.shape[2]):
        own = levels.of_channel(index)
        values = samples[::step, ::step, index].astype(np.float64).ravel()
        found.append(ChannelNumbers(values, own.black[0] * unit, own.white[0] * unit))
    return found
