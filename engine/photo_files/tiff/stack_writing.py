"""Putting pages, each encoded as a TIFF file of its own, into one file, one after the other as they come.

Behind the pixels of a page lies its directory. ImageJ alone looks for the slices of an uncompressed stack right behind
the first one, whatever the directories say: there the first directory lies before all pixels, and the others behind
them; beyond 4 GB, where a classic TIFF could not say where they lie, it is the only one, as in ImageJ's own files.
"""

import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any, BinaryIO, Final

from engine.photo_files.exif import DESCRIPTIVE_TAGS, ByteOrder, ExifEntry, InvalidExifError, read_directory
from engine.photo_files.tiff.directories import build_any_directory, next_directory_at, read_any_header

_XMP: Final = 700
_IPTC: Final = 33723
_IMAGEJ_TAGS: Final = (50838, 50839)
_PARTS: Final = ((273, 279), (324, 325))
"""Tags of where strips, or tiles, lie, and of how long they are."""

_END_OF_CLASSIC: Final = 2**32
_LONG, _LONG8 = 4, 16
_OF_FIRST_SLICE: Final = frozenset({*DESCRIPTIVE_TAGS, _XMP, _IPTC, *_IMAGEJ_TAGS}) - {0x011A, 0x011B, 0x0128}


class StackWriter:
    """Writes the pages of a file, each as it comes."""

    def __init__(
        self, file: BinaryIO, byte_order: ByteOrder, *, is_big: bool, slices_lie_together: bool = False
    ) -> None:
        """Begin.

        Args:
            file: Empty, to be written and to be looked for places in.
            byte_order: Of all pages.
            is_big: Whether it becomes a BigTIFF, which may be larger than 4 GB.
            slices_lie_together: As ImageJ wants it; the pages are alike, and not compressed.
        """
        self._file = file
        self._order: ByteOrder = byte_order
        self._is_big = is_big
        self._lies_together = slices_lie_together
        self._pointer_at = 8 if is_big else 4
        self._num_pages = 0
        self._slice: list[ExifEntry] = []
        self._slice_bytes = 0
        self._first_slice_at = 0
        mark = b"II" if byte_order == "<" else b"MM"
        header = struct.pack(byte_order + "HHHQ", 43, 8, 0, 0) if is_big else struct.pack(byte_order + "HI", 42, 0)
        file.write(mark + header)

    def add(self, page: bytes, entries: Iterable[ExifEntry] = (), without: Iterable[int] = ()) -> None:
        """Write a page.

        Args:
            page: A classic TIFF file of one page, in the byte order of this file.
            entries: Tags that take the place of the page's.
            without: Tags of the page that are left out.

        Raises:
            InvalidExifError: The page is not one of this program, the file would be larger than its kind can be, or
                slices that are to lie together are not alike.
        """
        _, _, offset = read_any_header(page)
        tags = {entry.tag: entry for entry in read_directory(page, offset, self._order)}
        for tag in without:
            tags.pop(tag, None)
        tags.update({entry.tag: entry for entry in entries})
        places, sizes, parts = _parts_of(page, tags, self._order)
        self._num_pages += 1
        if not self._lies_together:
            starts = [self._write(part) for part in parts]
            tags[places] = self._numbers(places, starts)
            tags[sizes] = self._numbers(sizes, [len(part) for part in parts])
            self._write_directory(tags.values())
            return
        size = sum(map(len, parts))
        if self._num_pages == 1:
            self._begin_slices(tags, places, sizes, [len(part) for part in parts])
        elif size != self._slice_bytes:
            raise InvalidExifError(f"slices that lie together have {self._slice_bytes} bytes each; found {size}")
        for part in parts:
            self._file.write(part)

    @property
    def state(self) -> dict[str, Any]:
        """All that has to be known to go on with the file, as JSON values."""
        return {
            "length": self._file.tell(),
            "order": self._order,
            "is_big": self._is_big,
            "lies_together": self._lies_together,
            "pointer_at": self._pointer_at,
            "num_pages": self._num_pages,
            "slice": [[entry.tag, entry.value_type, entry.count, bytes(entry.value).hex()] for entry in self._slice],
            "slice_bytes": self._slice_bytes,
            "first_slice_at": self._first_slice_at,
        }

    @classmethod
    def going_on(cls, file: BinaryIO, state: Mapping[str, Any]) -> "StackWriter":
        """Go on with a file that was left.

        Args:
            file: As it was left, or with more behind it, which is cut off; open to be written.
            state: As it was then.

        Raises:
            LookupError: It is the state of nothing.
            ValueError: A number in it cannot be.
            TypeError: A value in it is of another kind.
        """
        # Of the header nothing is left: the file has one.
        writer = cls(
            BytesIO(), state["order"], is_big=bool(state["is_big"]), slices_lie_together=bool(state["lies_together"])
        )
        writer._file = file
        writer._pointer_at, writer._num_pages = int(state["pointer_at"]), int(state["num_pages"])
        writer._slice_bytes, writer._first_slice_at = int(state["slice_bytes"]), int(state["first_slice_at"])
        writer._slice = [
            ExifEntry(int(tag), int(kind), int(count), memoryview(bytes.fromhex(value)))
            for tag, kind, count, value in state["slice"]
        ]
        file.truncate(int(state["length"]))
        file.seek(writer._pointer_at)
        file.write(bytes(8 if writer._is_big else 4))
        file.seek(0, os.SEEK_END)
        return writer

    def close(self) -> None:
        """Write what can be written at the end alone; the file itself stays open."""
        if self._lies_together and self._num_pages > 1:
            self._write_directories_of_slices()

    def _begin_slices(self, tags: dict[int, ExifEntry], places: int, sizes: int, num_bytes: Sequence[int]) -> None:
        """Write the directory of the first slice, behind which it then lies."""
        tags[sizes] = self._numbers(sizes, num_bytes)
        # Where the pixels begin changes no length.
        length = len(self._directory([*_without(tags, places), self._numbers(places, num_bytes)], self._file.tell()))
        self._first_slice_at = self._file.tell() + length + length % 2
        self._slice_bytes = sum(num_bytes)
        tags[places] = self._numbers(places, _starts(self._first_slice_at, num_bytes))
        self._slice = [
            replace(entry, value=memoryview(bytes(entry.value)))
            for tag, entry in tags.items()
            if tag not in _OF_FIRST_SLICE and entry.directory is None
        ]
        self._write_directory(tags.values())
        self._file.write(bytes(self._first_slice_at - self._file.tell()))

    def _write_directories_of_slices(self) -> None:
        tags = {entry.tag: entry for entry in self._slice}
        places, sizes = next(pair for pair in _PARTS if pair[0] in tags)
        num_bytes = _numbers_in(tags[sizes], self._order)
        length = len(self._directory(tags.values(), 0))
        end = self._file.tell() + (self._num_pages - 1) * (length + 1)
        if not self._is_big and end >= _END_OF_CLASSIC:
            return
        for index in range(1, self._num_pages):
            start = self._first_slice_at + index * self._slice_bytes
            self._write_directory([*_without(tags, places), self._numbers(places, _starts(start, num_bytes))])

    def _numbers(self, tag: int, numbers: Sequence[int]) -> ExifEntry:
        code, value_type = ("Q", _LONG8) if self._is_big else ("I", _LONG)
        try:
            value = struct.pack(f"{self._order}{len(numbers)}{code}", *numbers)
        except struct.error as error:
            raise InvalidExifError("the file is too large") from error
        return ExifEntry(tag, value_type, len(numbers), memoryview(value))

    def _directory(self, entries: Iterable[ExifEntry], place: int) -> bytes:
        return build_any_directory(entries, place, self._order, is_big=self._is_big)

    def _write(self, content: bytes | memoryview) -> int:
        """Write what begins at an even place; return where it lies."""
        place = self._file.tell()
        if place % 2:
            self._file.write(b"\x00")
            place += 1
        self._file.write(content)
        return place

    def _write_directory(self, entries: Iterable[ExifEntry]) -> None:
        ordered = list(entries)
        place = self._file.tell()
        place += place % 2
        directory = self._directory(ordered, place)
        if not self._is_big and place + len(directory) >= _END_OF_CLASSIC:
            raise InvalidExifError("the file is too large")
        self._write(directory)
        end = self._file.tell()
        self._file.seek(self._pointer_at)
        self._file.write(struct.pack(self._order + ("Q" if self._is_big else "I"), place))
        self._file.seek(end)
        self._pointer_at = place + next_directory_at(len(ordered), is_big=self._is_big)


def _parts_of(page: bytes, tags: dict[int, ExifEntry], order: ByteOrder) -> tuple[int, int, list[memoryview]]:
    """Return the tags of places and of lengths, and the strips or tiles."""
    found = next((pair for pair in _PARTS if pair[0] in tags and pair[1] in tags), None)
    if found is None:
        raise InvalidExifError("the page says nothing of where its pixels lie")
    starts, sizes = (_numbers_in(tags[tag], order) for tag in found)
    content = memoryview(page)
    return *found, [content[start : start + size] for start, size in zip(starts, sizes, strict=True)]


def _numbers_in(entry: ExifEntry, order: ByteOrder) -> tuple[int, ...]:
    code = {3: "H", _LONG: "I", _LONG8: "Q"}[entry.value_type]
    return struct.unpack(f"{order}{entry.count}{code}", entry.value)


def _starts(first: int, num_bytes: Sequence[int]) -> list[int]:
    return [first + sum(num_bytes[:index]) for index in range(len(num_bytes))]


def _without(tags: dict[int, ExifEntry], tag: int) -> list[ExifEntry]:
    return [entry for entry in tags.values() if entry.tag != tag]
