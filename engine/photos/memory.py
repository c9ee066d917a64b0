"""Keeping decoded photos while many jobs run on the same files, as an experiment's trainings do.

Within `photos_remembered` every photo is decoded once. A context variable holds the memory, so that no job needs to
know of it, and jobs in other threads stay as they are.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from engine.photo_files.tiff.pages import containing_file

if TYPE_CHECKING:
    from engine.photos.crops import DecodedPhoto

_FileState = tuple[Path, int, int]


class PhotoMemory:
    """Decoded whole photos by file, up to a number of bytes; a file that has changed is another file."""

    def __init__(self, budget_bytes: int) -> None:
        """Start empty.

        Args:
            budget_bytes: Decoded photos are kept until they need more.
        """
        self._left = budget_bytes
        self._photos: dict[_FileState, DecodedPhoto] = {}

    def find(self, path: Path, largest_bytes: int) -> "DecodedPhoto | None":
        """Return a kept photo; None if there is none, or if it is larger than what is wanted."""
        state = _state_of(path)
        photo = None if state is None else self._photos.get(state)
        return photo if photo is not None and photo.levels.nbytes <= largest_bytes else None

    def keep(self, photo: "DecodedPhoto") -> None:
        """Keep a whole photo if there is room."""
        state = _state_of(photo.path)
        if state is not None and state not in self._photos and photo.levels.nbytes <= self._left:
            self._left -= photo.levels.nbytes
            self._photos[state] = photo


_memory: ContextVar[PhotoMemory | None] = ContextVar("photo_memory", default=None)


@contextmanager
def photos_remembered(budget_bytes: int) -> Iterator[None]:
    """Decode every photo once within this block, as long as there is room.

    Args:
        budget_bytes: Memory that decoded photos may take.
    """
    token = _memory.set(PhotoMemory(budget_bytes))
    try:
        yield
    finally:
        _memory.reset(token)


def current_memory() -> PhotoMemory | None:
    """Return the memory of the block that this code runs in; None outside of any."""
    return _memory.get()


def _state_of(path: Path) -> _FileState | None:
    """What changes with the file; None where it has gone."""
    try:
        status = containing_file(path).stat()
    except OSError:
        return None
    return path, status.st_size, status.st_mtime_ns
