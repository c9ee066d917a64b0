"""Decoded photos on disk: large ones that a training learns from, decoded once and mapped into memory from then on.

A training takes crops from all over its photos, again and again, and a folder of large photos does not fit into memory.
So their levels are kept as plain arrays beside the program's other caches, and the operating system holds in memory
what is in use. The cache is bounded: what was not used for longest goes first. It is never needed: without room, or on
a disk that cannot be written, photos are decoded into memory as before.
"""

import hashlib
import logging
import os
import struct
import threading
import weakref
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.machine.atomic_files import replace_atomically
from engine.machine.caches import BoundedFolder
from engine.machine.places import Place
from engine.machine.processes.environment import DECODED_PHOTOS_VARIABLE
from engine.photo_files.values.levels import OF_TYPE, ValueLevels

_logger = logging.getLogger(__name__)

DECODER_VERSION = 5
"""To be raised when the levels of a decoded photo change; what was computed from them is then computed again."""

SMALLEST_BYTES = 4 * 2**20
"""Decoded photos below it stay in memory: about 1.4 megapixels of 8 bits, decoded sooner than a file is made."""

LIMIT_BYTES = 16 * 2**30
"""What decoded photos take on disk where nothing else is said."""

RESERVE_BYTES = 4 * 2**30
"""What is left free on the disk in any case."""

PATTERN = "*.npy"

_MOST_CHANNELS: Final = 1000

Levels = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]


class KeptPhoto(NamedTuple):
    """A decoded photo on the disk.

    Attributes:
        levels: Read only. Shape: (channels, height, width).
        scale: What is black and white in them.
        channels_are_pictures: Whether they are no red, green and blue.
        is_gray: Whether they are one, three times.
    """

    levels: Levels
    scale: ValueLevels
    channels_are_pictures: bool
    is_gray: bool


class DecodedFiles(BoundedFolder):
    """A folder of decoded photos. Safe to use from several threads, and beside other processes."""

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES, reserve_bytes: int = RESERVE_BYTES) -> None:
        """Set where photos are kept.

        Args:
            folder: Made when the first photo is kept.
            limit_bytes: What they may take; 0: none is kept.
            reserve_bytes: What is left free on the disk.
        """
        super().__init__(folder, PATTERN, limit_bytes, reserve_bytes)
        self._lock = threading.Lock()
        # A photo that is mapped here would not give its room back, and would be decoded again at once.
        self._mapped: weakref.WeakValueDictionary[str, np.memmap[Any, Any]] = weakref.WeakValueDictionary()

    def find(self, identity: str) -> KeptPhoto | None:
        """Map a kept photo.

        Args:
            identity: As given to `keep`; "": there is none.

        Returns:
            The photo; None if it is not kept, or damaged.
        """
        if not identity or not self.limit_bytes:
            return None
        path = self._path_of(identity)
        try:
            # Unlike `np.load` it knows nothing of pickles, whatever the file holds.
            mapped: np.memmap[Any, Any] = np.lib.format.open_memmap(path, mode="r")
            scale, are_pictures, is_gray = _read_meaning(path, mapped.shape[-1] if mapped.ndim else 0)
            scale = replace(scale, is_unbounded=mapped.dtype.kind == "f")
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, OverflowError) as error:
            _logger.warning("The decoded photo %s is damaged and will be decoded again: %s", path, error)
            with suppress(OSError):
                path.unlink()
            return None
        if mapped.ndim != 3 or mapped.dtype not in (np.uint8, np.uint16, np.float32):
            return None
        with self._lock:
            self._mapped[path.name] = mapped
        return KeptPhoto(np.asarray(mapped).transpose(2, 0, 1), scale, are_pictures, is_gray)

    def keep(
        self,
        identity: str,
        levels: Levels,
        scale: ValueLevels = OF_TYPE,
        *,
        channels_are_pictures: bool = False,
        is_gray: bool = False,
    ) -> KeptPhoto | None:
        """Write a decoded photo, and map it.

        Args:
            identity: Changes when the photo does; "": it is not kept.
            levels: Shape: (channels, height, width).
            scale: What of them is black and white.
            channels_are_pictures: Whether they are no red, green and blue.
            is_gray: Whether they are one, three times.

        Returns:
            The same on the disk; None if there is no room for them, or none can be made.
        """
        if not identity or levels.nbytes > self.limit_bytes:
            return None
        path = self._path_of(identity)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._lock:
                if not self.make_room(levels.nbytes, keep=self._mapped):
                    return None
            with replace_atomically(path) as temporary, temporary.open("wb") as file:
                # A row of all colours lies together: a crop then touches a third of the pages.
                np.save(file, np.ascontiguousarray(levels.transpose(1, 2, 0)), allow_pickle=False)
                numbers = [*np.resize(scale.black, len(levels)), *np.resize(scale.white, len(levels))]
                file.write(_meaning_of(len(levels)).pack(*numbers, channels_are_pictures, is_gray))
        except OSError as error:
            _logger.warning("A decoded photo is not kept in %s: %s", self.folder, error)
            return None
        return self.find(identity)

    def prune(self) -> None:
        """Delete what goes beyond the limit, the longest unused first."""
        with self._lock:
            self.make_room(keep=self._mapped)

    def _path_of(self, identity: str) -> Path:
        digest = hashlib.sha256(f"{DECODER_VERSION}\n{identity}".encode("utf-8", "surrogateescape")).hexdigest()
        return self.folder / f"{digest[:40]}.npy"


def _meaning_of(num_channels: int) -> struct.Struct:
    """What stands behind the array, where numpy does not look: black and white of the channels, what they are."""
    return struct.Struct(f"<{2 * num_channels}d2?")


def _read_meaning(path: Path, num_channels: int) -> tuple[ValueLevels, bool, bool]:
    """Read what is black and white, whether channels are pictures, and whether they are one.

    Raises:
        OSError: The file cannot be read.
        ValueError: There are no such numbers.
    """
    if not 0 < num_channels <= _MOST_CHANNELS:
        raise ValueError(f"a photo has 1 to {_MOST_CHANNELS} channels; found {num_channels}")
    meaning = _meaning_of(num_channels)
    with path.open("rb") as file:
        file.seek(-meaning.size, os.SEEK_END)
        *numbers, are_pictures, is_gray = meaning.unpack(file.read(meaning.size))
    black, white = tuple(numbers[:num_channels]), tuple(numbers[num_channels:])
    if len(set(zip(black, white, strict=True))) == 1:
        black, white = black[:1], white[:1]
    return ValueLevels(black=black, white=white), bool(are_pictures), bool(is_gray)


def decoded_files() -> DecodedFiles:
    """Return this process's decoded photos; what they may take stands in the environment, for child processes too."""
    store = _store_in(Place.DECODED_PHOTOS.path())
    store.limit_bytes = _limit_bytes()
    return store


@lru_cache(maxsize=8)
def _store_in(folder: Path) -> DecodedFiles:
    return DecodedFiles(folder)


def _limit_bytes() -> int:
    text = os.environ.get(DECODED_PHOTOS_VARIABLE, "")
    try:
        return max(int(float(text) * 2**30), 0) if text else LIMIT_BYTES
    except (ValueError, OverflowError):
        _logger.warning("%s must be a number of gigabytes, not %r.", DECODED_PHOTOS_VARIABLE, text)
        return LIMIT_BYTES
