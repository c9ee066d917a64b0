"""What is black and white in a stack: one for all its pages, or those of a channel, so that none flickers.

A page would else be measured by itself: of a series that gets dimmer each frame would be seen by the network as bright
as the first, and where a frame lies near the limit of what is measured at all, the result would change from one to the
next.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from engine.contracts.errors import ImageReadError
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.machine.interruptible import run_interruptibly
from engine.photo_files.photo_image import ImageMetadata, PhotoImage, PhotoSamples
from engine.photo_files.photos import read_samples
from engine.photo_files.tiff.pages import list_pages
from engine.photo_files.tiff.stack_reading import StackLayout, read_layout
from engine.photo_files.values.levels import SharedLevels, ValueLevels
from engine.photos.identity import identity_of

_Read = TypeVar("_Read", PhotoSamples, PhotoImage)

_MEASURED_PAGES: Final = 16
"""Of a channel, evenly spread: a longer stack takes no longer to begin with."""

_NUM_REMEMBERED: Final = 8
_remembered: OrderedDict[str, "StackLevels"] = OrderedDict()
_remembered_lock = threading.Lock()


class StackLevels:
    """The levels of the pages of a stack."""

    def __init__(self, shared: dict[Hashable, SharedLevels], channels: dict[int, int]) -> None:
        self._shared = shared
        self._channels = channels

    @classmethod
    def of_file(cls, file: Path, pages: Sequence[int] = (), control: JobControl | None = None) -> "StackLevels":
        """Read pages of a stack, one at a time; those of the stacks that were asked for last are remembered.

        Args:
            file: The stack.
            pages: The numbers of its pages; none: they are looked for.
            control: Asked before each page, and while it is read.

        Raises:
            JobCancelled: Asked to end.
            ImageReadError: There is not enough memory to read a page.
        """
        identity = identity_of(file)
        with _remembered_lock:
            if identity in _remembered:
                _remembered.move_to_end(identity)
                return _remembered[identity]
        layout = read_layout(file, pages or [photo.page or 1 for photo in list_pages(file)])
        measured = cls._measure(file, layout, control)
        with _remembered_lock:
            _remembered[identity] = measured
            while len(_remembered) > _NUM_REMEMBERED:
                _remembered.popitem(last=False)
        return measured

    @classmethod
    def _measure(cls, file: Path, layout: StackLayout, control: JobControl | None) -> "StackLevels":
        channels = layout.channels()
        measured: dict[Hashable, list[ValueLevels]] = {}
        for page in _chosen(layout, channels):
            try:
                samples = run_interruptibly(partial(read_samples, PhotoRef(file, page)), control)
            except ImageReadError as error:
                if isinstance(error.__cause__, MemoryError):
                    # The page is not damaged: without it the others would have other levels than the next time.
                    raise
                # Its own turn says so.
                continue
            key = _key(channels[page], samples.metadata, samples.samples.shape[2])
            measured.setdefault(key, []).append(samples.metadata.levels)
        return cls({key: SharedLevels(levels) for key, levels in measured.items()}, channels)

    def of_page(self, page: int, metadata: ImageMetadata, num_channels: int) -> ValueLevels:
        """Return what is black and white in a page.

        Args:
            page: Its number.
            metadata: As it was read.
            num_channels: 1 or 3.
        """
        shared = self._shared.get(_key(self._channels.get(page, 0), metadata, num_channels))
        return metadata.levels if shared is None else shared.of(metadata.levels)


def levels_in_stack(
    photo: PhotoRef, metadata: ImageMetadata, num_channels: int, control: JobControl | None = None
) -> ValueLevels:
    """Return what is black and white in a photo: in a page what is so in its stack, else its own.

    Args:
        photo: Which it is.
        metadata: As it was read.
        num_channels: 1 or 3.
        control: Asked while pages are read.

    Raises:
        JobCancelled: Asked to end.
        ImageReadError: There is not enough memory to read a page.
    """
    if not photo.page or metadata.type_written == "uint8":
        return metadata.levels
    return StackLevels.of_file(photo.file, control=control).of_page(photo.page, metadata, num_channels)


def as_in_stack(photo: PhotoRef, read: _Read, control: JobControl | None = None) -> _Read:
    """Return a photo with the levels that it has among the pages of its stack, see `levels_in_stack`.

    Args:
        photo: Which it is.
        read: What was read of it.
        control: Asked while pages are read.

    Raises:
        JobCancelled: Asked to end.
        ImageReadError: There is not enough memory to read a page.
    """
    num_channels = int((read.samples if isinstance(read, PhotoSamples) else read.pixels).shape[2])
    levels = levels_in_stack(photo, read.metadata, num_channels, control)
    return read if levels is read.metadata.levels else replace(read, metadata=replace(read.metadata, levels=levels))


def _chosen(layout: StackLayout, channels: dict[int, int]) -> Sequence[int]:
    by_channel: dict[int, list[int]] = {}
    for page in layout.pages:
        by_channel.setdefault(channels[page], []).append(page)
    chosen = []
    for pages in by_channel.values():
        num = min(len(pages), _MEASURED_PAGES)
        chosen += [pages[round(index * (len(pages) - 1) / max(num - 1, 1))] for index in range(num)]
    return sorted(chosen)


def _key(channel: int, metadata: ImageMetadata, num_channels: int) -> Hashable:
    """What pages have in common that share their levels."""
    return channel, metadata.type_written, num_channels
