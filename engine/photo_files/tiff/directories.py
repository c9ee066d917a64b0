"""The directories of TIFF, BigTIFF and raw files, which are TIFF but for their mark: read from whole files.

They come from strangers: every offset is checked, every list is bounded.
"""

import struct
from collections.abc import Container, Iterable, Iterator
from typing import Final

from engine.photo_files.exif import (
    BYTES_PER_VALUE,
    MAX_ENTRIES,
    SUBDIRECTORIES,
    ByteOrder,
    ExifEntry,
    InvalidExifError,
    build_directory,
    build_exif,
    read_directory,
    read_raw_header,
)

_BYTES_PER_BIG_VALUE: Final = BYTES_PER_VALUE | {16: 8, 17: 8, 18: 8}
_SUB_DIRECTORIES_OF_PICTURES: Final = 330
_OFFSET_CODES: Final = {4: "I", 13: "I", 16: "Q", 18: "Q"}


def extract_exif_from_tiff(tiff: bytes, offset: int | None = None) -> bytes | None:
    """Return the descriptive tags of a page of a TIFF or BigTIFF file, or of a raw file that is one but for its mark.

    Args:
        tiff: The file.
        offset: Where the page's directory lies; None: that of the first page.

    Returns:
        An EXIF block; None where there are none.
    """
    try:
        order, is_big, first = read_any_header(tiff)
        read = read_big_directory if is_big else read_directory
        entries = read(tiff, first if offset is None else offset, order)
    except InvalidExifError:
        return None
    return build_exif(entries, order)


def extract_tiff_values(tiff: bytes, tags: Container[int], max_bytes: int) -> dict[int, bytes]:
    """Return the values of some tags of the first page of a TIFF, BigTIFF or raw file, as they lie in it.

    Args:
        tiff: The file.
        tags: Their numbers.
        max_bytes: Larger values are left out.
    """
    try:
        order, is_big, offset = read_any_header(tiff)
        entries = (read_big_directory if is_big else read_directory)(tiff, offset, order)
    except InvalidExifError:
        return {}
    return {entry.tag: bytes(entry.value) for entry in entries if entry.tag in tags and len(entry.value) <= max_bytes}


def read_directories(content: bytes, most: int) -> Iterator[tuple[list[ExifEntry], ByteOrder]]:
    """Yield the directories of pictures of a TIFF, BigTIFF or raw file: those of its chain and those under them.

    Args:
        content: The whole file.
        most: How many are looked at.

    Raises:
        InvalidExifError: It is no TIFF inside.
    """
    order, is_big, offset = read_any_header(content)
    waiting, seen = [offset], set[int]()
    while waiting and len(seen) < most:
        offset = waiting.pop(0)
        if offset in seen:
            continue
        seen.add(offset)
        try:
            entries = (read_big_directory if is_big else read_directory)(content, offset, order)
        except InvalidExifError:
            continue
        yield entries, order
        for entry in entries:
            if entry.tag == _SUB_DIRECTORIES_OF_PICTURES and entry.value_type in _OFFSET_CODES:
                code = _OFFSET_CODES[entry.value_type]
                waiting += [each[0] for each in struct.iter_unpack(order + code, entry.value)][:most]
        following = next_directory(content, offset, order, is_big=is_big)
        waiting += [following] if following else []


def next_directory(content: bytes, offset: int, order: ByteOrder, *, is_big: bool) -> int:
    """Return where the directory behind the one at `offset` lies, which may be anywhere; 0 where there is none."""
    (num_entries,) = struct.unpack_from(order + ("Q" if is_big else "H"), content, offset)
    position = offset + (8 + 20 * num_entries if is_big else 2 + 12 * num_entries)
    layout = order + ("Q" if is_big else "I")
    there = position + struct.calcsize(layout) <= len(content)
    return int(struct.unpack_from(layout, content, position)[0]) if there else 0


def read_any_header(tiff: bytes) -> tuple[ByteOrder, bool, int]:
    """Return the byte order, whether the file is a BigTIFF, and where its first directory lies."""
    marks: dict[bytes, ByteOrder] = {b"II+\x00": "<", b"MM\x00+": ">"}
    order = marks.get(bytes(tiff[:4]))
    if order is None:
        order, offset = read_raw_header(tiff)
        return order, False, offset
    if len(tiff) < 16:
        raise InvalidExifError("the file is cut off")
    (offset,) = struct.unpack_from(order + "Q", tiff, 8)
    return order, True, offset


def read_big_directory(tiff: bytes, offset: int, order: ByteOrder, depth: int = 0) -> list[ExifEntry]:
    """Return the entries of a directory of a BigTIFF file, as `read_directory` does of a classic one."""
    if not 16 <= offset <= len(tiff) - 8:
        raise InvalidExifError("a directory lies outside of the file")
    (num_entries,) = struct.unpack_from(order + "Q", tiff, offset)
    end = offset + 8 + 20 * num_entries
    if num_entries > MAX_ENTRIES or end > len(tiff):
        raise InvalidExifError("a directory is cut off")
    entries: dict[int, ExifEntry] = {}
    for position in range(offset + 8, end, 20):
        tag, value_type, count, start = struct.unpack_from(order + "HHQQ", tiff, position)
        if tag in SUBDIRECTORIES:
            if depth < 2 and count == 1 and value_type in (4, 13, 16, 18) and tag not in entries:
                pointer = struct.unpack_from(order + ("I" if value_type in (4, 13) else "Q"), tiff, position + 12)[0]
                try:
                    below = tuple(read_big_directory(tiff, pointer, order, depth + 1))
                except InvalidExifError:
                    continue
                entries[tag] = ExifEntry(tag, 4, 1, memoryview(bytes(4)), position, below)
            continue
        size = _BYTES_PER_BIG_VALUE.get(value_type, 0) * count
        start = position + 12 if size <= 8 else start
        if size == 0 or start + size > len(tiff) or tag in entries:
            continue
        entries[tag] = ExifEntry(tag, value_type, count, memoryview(tiff)[start : start + size], position)
    return list(entries.values())


def build_any_directory(entries: Iterable[ExifEntry], offset: int, order: ByteOrder, *, is_big: bool) -> bytes:
    """Return a directory that will lie at `offset` of a TIFF or BigTIFF file, see `build_directory`.

    Raises:
        InvalidExifError: Its values are larger than any camera's.
    """
    if not is_big:
        return build_directory(entries, offset, order)
    ordered = sorted(entries, key=lambda entry: entry.tag)
    table = struct.pack(order + "Q", len(ordered))
    values = bytearray()
    values_offset = offset + next_directory_at(len(ordered), is_big=True) + 8
    for entry in ordered:
        place = values_offset + len(values)
        value_type, count, value = entry.value_type, entry.count, bytes(entry.value)
        if entry.directory is not None:
            values += build_any_directory(entry.directory, place, order, is_big=True)
            value_type, count, value = 16, 1, struct.pack(order + "Q", place)
        elif len(value) > 8:
            values += value + bytes(len(value) % 2)
            value = struct.pack(order + "Q", place)
        table += struct.pack(order + "HHQ", entry.tag, value_type, count) + value.ljust(8, b"\x00")
    return table + bytes(8) + values


def next_directory_at(num_entries: int, *, is_big: bool) -> int:
    """Return where in a directory it is noted where the next one lies."""
    return 8 + 20 * num_entries if is_big else 2 + 12 * num_entries
