"""What is black and white in a stack: one for all its pages, or those of a channel, so that none flickers.

A page would else be measured by itself: of a series that gets dimmer each frame would be seen by the network as bright
as the first, and where a frame lies near the limit of what is measured at all, the result would change from one to the
next.
"""

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Final

from engine.contracts.errors import ImageReadError
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.machine.interruptible import run_interruptibly
from engine.photo_files.photos import PhotoSamples, read_samples
from engine.photo_files.tiff.stack_reading import StackLayout
from engine.photo_files.values.levels import SharedLevels, ValueLevels

_MEASURED_PAGES: Final = 64
"""Of a channel, evenly spread: a longer stack takes no longer to begin with."""


class StackLevels:
    """The levels of the pages of a stack."""

    def __init__(self, shared: dict[Hashable, SharedLevels], channels: dict[int, int]) -> None:
        self._shared = shared
        self._channels = channels

    @classmethod
    def measure(cls, file: Path, layout: StackLayout, control: JobControl | None = None) -> "StackLevels":
        """Read pages of a stack, one at a time.

        Args:
            file: The stack.
            layout: Of its pages.
            control: Asked before each page, and while it is read.

        Raises:
            JobCancelled: Asked to end.
        """
        channels = layout.channels()
        measured: dict[Hashable, list[ValueLevels]] = {}
        for page in _chosen(layout, channels):
            try:
                samples = run_interruptibly(lambda page=page: read_samples(PhotoRef(file, page)), control)  # type: ignore[misc]
            except ImageReadError:
                # Its own turn says so.
                continue
            measured.setdefault(_key(samples, channels[page]), []).append(samples.metadata.levels)
        return cls({key: SharedLevels(levels) for key, levels in measured.items()}, channels)

    def of(self, page: int, samples: PhotoSamples) -> ValueLevels:
        """Return what is black and white in a page.

        Args:
            page: Its number.
            samples: As it was read.
        """
        own = samples.metadata.levels
        shared = self._shared.get(_key(samples, self._channels.get(page, 0)))
        return own if shared is None else shared.of(own)


def _chosen(layout: StackLayout, channels: dict[int, int]) -> Sequence[int]:
    by_channel: dict[int, list[int]] = {}
    for page in layout.pages:
        by_channel.setdefault(channels[page], []).append(page)
    chosen = []
    for pages in by_channel.values():
        num = min(len(pages), _MEASURED_PAGES)
        chosen += [pages[round(index * (len(pages) - 1) / max(num - 1, 1))] for index in range(num)]
    return sorted(chosen)


def _key(samples: PhotoSamples, channel: int) -> Hashable:
    """What pages have in common that share their levels."""
    return channel, samples.samples.dtype.name, samples.samples.shape[2]
