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
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.machine.atomic_files import replace_atomically
from engine.machine.caches import BoundedFolder
from engine.machine.places import Place
from engine.photo_files.values.levels import OF_TYPE, ValueLevels

_logger = logging.getLogger(__name__)

DECODER_VERSION = 3
"""To be raised when the levels of a decoded photo change; what was computed from them is then computed again."""

SMALLEST_BYTES = 4 * 2**20
"""Decoded photos below it stay in memory: about 1.4 megapixels of 8 bits, decoded sooner than a file is made."""

LIMIT_BYTES = 16 * 2**30
"""What decoded photos take on disk where nothing else is said."""

LIMIT_VARIABLE = "RESIDUA_DECODED_GB"
"""Environment variable that says something else, in gigabytes; 0: none is kept."""

RESERVE_BYTES = 4 * 2**30
"""What is left free on the disk in any case."""

PATTERN = "*.npy"

_SCALE: Final = struct.Struct("<6d")
"""Black and white of three channels: behind the array, where numpy does not look."""

Levels = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]


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

    def find(self, identity: str) -> tuple[Levels, ValueLevels] | None:
        """Map a kept photo.

        Args:
            identity: As given to `keep`; "": there is none.

        Returns:
            Shape: (3, height, width), read only, and what is black and white; None if it is not kept, or damaged.
        """
        if not identity or not self.limit_bytes:
            return None
        path = self._path_of(identity)
        try:
            # Unlike `np.load` it knows nothing of pickles, whatever the file holds.
            mapped: np.memmap[Any, Any] = np.lib.format.open_memmap(path, mode="r")
            scale = _read_scale(path)
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
        return np.asarray(mapped).transpose(2, 0, 1), scale

    def keep(self, identity: str, levels: Levels, scale: ValueLevels = OF_TYPE) -> tuple[Levels, ValueLevels] | None:
        """Write a decoded photo, and map it.

        Args:
            identity: Changes when the photo does; "": it is not kept.
            levels: Shape: (3, height, width).
            scale: What of them is black and white.

        Returns:
            The same, read only, on the disk; None if there is no room for them, or none can be made.
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
                file.write(_SCALE.pack(*np.resize(scale.black, 3), *np.resize(scale.white, 3)))
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


def _read_scale(path: Path) -> ValueLevels:
    """Read what is black and white.

    Raises:
        OSError: The file cannot be read.
        ValueError: There are no such numbers.
    """
    with path.open("rb") as file:
        file.seek(-_SCALE.size, os.SEEK_END)
        numbers = _SCALE.unpack(file.read(_SCALE.size))
    black, white = numbers[:3], numbers[3:]
    is_one = len(set(zip(black, white, strict=True))) == 1
    return ValueLevels(black=black[:1], white=white[:1]) if is_one else ValueLevels(black=black, white=white)


def decoded_files() -> DecodedFiles:
    """Return this process's decoded photos; what they may take stands in the environment, for child processes too."""
    store = _store_in(Place.DECODED_PHOTOS.path())
    store.limit_bytes = _limit_bytes()
    return store


@lru_cache(maxsize=8)
def _store_in(folder: Path) -> DecodedFiles:
    return DecodedFiles(folder)


def _limit_bytes() -> int:
    text = os.environ.get(LIMIT_VARIABLE, "")
    try:
        return max(int(float(text) * 2**30), 0) if text else LIMIT_BYTES
    except (ValueError, OverflowError):
        _logger.warning("%s must be a number of gigabytes, not %r.", LIMIT_VARIABLE, text)
        return LIMIT_BYTES
