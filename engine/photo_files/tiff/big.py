"""BigTIFF files as classic ones, for decoders that know these alone: LibRaw takes no other DNG.

The pixels stay where they are; only the directories are written anew, behind them.
"""

import struct
from dataclasses import replace
from typing import Final

from engine.photo_files.exif import ByteOrder, ExifEntry, InvalidExifError, build_directory
from engine.photo_files.tiff.directories import next_directory, read_any_header, read_big_directory

_SUB_DIRECTORIES: Final = 330
_MAX_DIRECTORIES: Final = 40
# Numbers of eight bytes, and what they become.
_NARROWED: Final = {16: 4, 17: 9, 18: 4}
_OFFSET_TYPES: Final = (4, 13, 16, 18)


def is_big_tiff(start: bytes) -> bool:
    """Tell by a file's first four bytes."""
    return bytes(start[:4]) in (b"II+\x00", b"MM\x00+")


def as_classic_tiff(content: bytes) -> bytes:
    """Return a BigTIFF file as a classic one.

    Args:
        content: The whole file.

    Raises:
        InvalidExifError: It is damaged, or too large for that: offsets of a classic TIFF end at 4 GB.
    """
    order, _, offset = read_any_header(content)
    added = bytearray(len(content) % 2)
    directories = _Directories(content, order, added)
    first = directories.copy_chain(offset)
    mark = b"II*\x00" if order == "<" else b"MM\x00*"
    return b"".join((mark, struct.pack(order + "I", first), memoryview(content)[8:], added))


class _Directories:
    """Writes the directories of a file anew, each once."""

    def __init__(self, content: bytes, order: ByteOrder, added: bytearray) -> None:
        self._content = content
        self._order: ByteOrder = order
        self._added = added
        self._num_copied = 0

    def copy_chain(self, offset: int) -> int:
        """Copy a directory and those that follow it; return where the first one lies then."""
        first, pointer_at = 0, 0
        while offset:
            place, place_of_pointer = self._copy(offset)
            if pointer_at:
                struct.pack_into(self._order + "I", self._added, pointer_at - len(self._content), place)
            first, pointer_at = first or place, place_of_pointer
            offset = next_directory(self._content, offset, self._order, is_big=True)
        return first

    def _copy(self, offset: int) -> tuple[int, int]:
        """Copy one directory with those under it; return where it lies, and where the next one's place is noted."""
        self._num_copied += 1
        if self._num_copied > _MAX_DIRECTORIES:
            raise InvalidExifError("there are too many directories")
        entries = [self._narrowed(entry) for entry in read_big_directory(self._content, offset, self._order)]
        place = len(self._content) + len(self._added)
        directory = build_directory(entries, place, self._order)
        if place + len(directory) >= 2**32:
            raise InvalidExifError("the file is too large")
        self._added += directory + bytes(len(directory) % 2)
        return place, place + 2 + 12 * len(entries)

    def _narrowed(self, entry: ExifEntry) -> ExifEntry:
        value_type, value = entry.value_type, entry.value
        if value_type in _NARROWED:
            value_type = _NARROWED[value_type]
            try:
                code = "q" if entry.value_type == 17 else "Q"
                numbers = struct.unpack(f"{self._order}{entry.count}{code}", value)
                value = memoryview(struct.pack(f"{self._order}{entry.count}{'i' if code == 'q' else 'I'}", *numbers))
            except struct.error as error:
                raise InvalidExifError("a number is too large") from error
        if entry.tag == _SUB_DIRECTORIES and entry.value_type in _OFFSET_TYPES:
            places = struct.unpack(f"{self._order}{entry.count}I", value)
            value = memoryview(b"".join(struct.pack(self._order + "I", self._copy(place)[0]) for place in places))
        return replace(entry, value_type=value_type, value=value)
