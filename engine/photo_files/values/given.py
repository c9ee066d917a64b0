"""What is black and white in pictures by hand, for all that read them: to learn, to judge noise, to show, to restore.

It belongs to a file as the side-car of a bare mosaic does, so that every reader of it has to see the same. Settings of
jobs hold it (`engine.contracts.configs.ReadingConfig`); within a job those count. The window says it for all it shows.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Concatenate, Final, ParamSpec, Protocol, TypeVar

from engine.contracts.given_levels import GivenLevels, given_for, given_for_pages, levels_for
from engine.contracts.photo import PhotoRef
from engine.photo_files.values.levels import ValueLevels, levels_of_numbers
from engine.photo_files.values.sample_types import unit_of

_of_process: tuple[GivenLevels, ...] = ()
_of_process_lock = threading.Lock()
_of_job: Final[ContextVar[tuple[GivenLevels, ...] | None]] = ContextVar("levels_of_job", default=None)


class _Reads(Protocol):
    """Settings of a job that reads photos."""

    @property
    def levels(self) -> tuple[GivenLevels, ...]:
        """What is black and white by hand."""
        ...


Settings = TypeVar("Settings", bound=_Reads)
Others = ParamSpec("Others")
Result = TypeVar("Result")


def prefer_levels(given: Sequence[GivenLevels]) -> None:
    """Say what counts in this process, but for jobs whose settings say it."""
    global _of_process
    with _of_process_lock:
        _of_process = tuple(given)


@contextmanager
def levels_given(given: Sequence[GivenLevels]) -> Iterator[None]:
    """Let nothing but this count within the block, and in threads that it starts by `engine.machine.interruptible`."""
    token = _of_job.set(tuple(given))
    try:
        yield
    finally:
        _of_job.reset(token)


def reads_as_set(
    job: Callable[Concatenate[Settings, Others], Result],
) -> Callable[Concatenate[Settings, Others], Result]:
    """Let a job, a function of its settings and more, read photos as its settings say."""

    @wraps(job)
    def with_levels(config: Settings, /, *others: Others.args, **named: Others.kwargs) -> Result:
        with levels_given(config.levels):
            return job(config, *others, **named)

    return with_levels


def given_here() -> tuple[GivenLevels, ...]:
    """Return what counts where this is asked."""
    of_job = _of_job.get()
    return _of_process if of_job is None else of_job


def identity_of_levels(photo: PhotoRef) -> str:
    """Return what changes when other levels are given for a photo; "" where none are."""
    given = given_here()
    return ", ".join(one.levels_as_text for one in given_for(photo, given)) if given else ""


def identity_of_page_levels(photo: PhotoRef) -> str:
    """Return what changes when other levels are given for a page of a photo's file alone; "" where none are.

    What its other pages share, being measured together, depends on that too.
    """
    given = given_here()
    return ", ".join(f"page {page}: {one.levels_as_text}" for page, one in given_for_pages(photo.file, given))


def levels_by_hand(
    photo: PhotoRef,
    measured: ValueLevels,
    sample_type: str,
    num_channels: int,
    *,
    channel_in_stack: Callable[[PhotoRef], int],
    first_channel: int = 1,
) -> ValueLevels:
    """Return what is black and white in a photo as a person says, and as it was measured where nobody does.

    Args:
        photo: Which it is.
        measured: For all its channels, or one for each.
        sample_type: Of the file's numbers.
        num_channels: Of the picture.
        channel_in_stack: Tells which channel of its stack a page shows, from 1; 0: its file counts none by pages.
        first_channel: Which number the first one has elsewhere.

    Returns:
        In units of the type.
    """
    given = given_here()
    if not any(one.is_of(photo) for one in given):
        return measured
    of_stack = channel_in_stack(photo) if any(one.channel for one in given) else 0
    channels = [of_stack or first_channel + index for index in range(num_channels)]
    found = [levels_for(photo, channel, given) for channel in channels]
    if not any(found):
        return measured
    unit = unit_of(sample_type)
    both = [
        (measured.of_channel(index).black[0], measured.of_channel(index).white[0])
        if one is None
        else (one.black / unit, one.white / unit)
        for index, one in enumerate(found)
    ]
    return levels_of_numbers(both, sample_type)
