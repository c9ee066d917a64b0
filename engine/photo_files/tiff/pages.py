"""Finding the pages of TIFF files, which are photos of their own."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import tifffile

from engine.contracts.output_formats import FORMATS
from engine.contracts.photo import PhotoRef
from engine.photo_files.tiff.files import holds_camera_raw
from engine.photo_files.tiff.imagej_stacks import DESCRIPTION_START, count_slices

_NEW_SUBFILE_TYPE: Final = 254
_SUBFILE_TYPE: Final = 255
_IMAGE_DESCRIPTION: Final = 270
# TIFF 6.0, section 8: bit 0, a smaller version of another page; bit 2, a transparency mask of another page.
_NO_PHOTO_BITS: Final = 1 | 4
_REDUCED: Final = 2
_MAX_PAGES: Final = 100_000
_MAX_ENTRIES: Final = 4096
_MAX_OFFSET: Final = 2**63 - 1


class _Directory(NamedTuple):
    """What is asked of a page's directory.

    Attributes:
        shows_photo: Whether the page is a photo of its own.
        description_at: Where in the file its description lies, if it has a long one; 0 otherwise.
    """

    shows_photo: bool
    description_at: int


def list_pages(file: Path) -> list[PhotoRef]:
    """Return a file's photos: each page that shows one, where there are several.

    Smaller versions and masks of other pages are passed over. A file that cannot be read is one photo: reading that
    says what is wrong.
    """
    if file.suffix.lower() not in FORMATS["tiff"].suffixes:
        return [PhotoRef(file)]
    try:
        # Opening a pipe would wait for a writer for ever.
        if not file.is_file():
            return [PhotoRef(file)]
        with file.open("rb") as opened:
            numbers = _photo_pages(opened)
            if len(numbers) < 2 or holds_camera_raw(opened):
                return [PhotoRef(file)]
    except (OSError, ValueError):
        return [PhotoRef(file)]
    return [PhotoRef(file, number) for number in numbers]


def _photo_pages(file: BinaryIO) -> list[int]:
    """Return the numbers of the pages that show photos of their own.

    Reads the chain of directories alone: tifffile takes a hundred times as long for a file of one page.
    """
    directories = list(_walk_directories(file))
    if len(directories) == 1 and _is_described_by_imagej(file, directories[0]):
        return list(range(1, _count_slices(file) + 1))
    return [number for number, directory in enumerate(directories, start=1) if directory.shows_photo]


def _is_described_by_imagej(file: BinaryIO, directory: _Directory) -> bool:
    file.seek(directory.description_at)
    return file.read(len(DESCRIPTION_START)) == DESCRIPTION_START


def _count_slices(file: BinaryIO) -> int:
    file.seek(0)
    try:
        with tifffile.TiffFile(file) as tiff:
            return count_slices(tiff)
    # As in `holds_camera_raw`.
    except Exception:  # noqa: BLE001
        return 1


def _walk_directories(file: BinaryIO) -> Iterator[_Directory]:
    """Yield what is asked of each directory of a TIFF file, until one is damaged."""
    header = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(header[:2])
    if order is None or len(header) < 8:
        return
    (version,) = struct.unpack_from(order + "H", header, 2)
    if version == 42:
        count_format, entry_size, offset_format, value_at = order + "H", 12, order + "I", 8
        (offset,) = struct.unpack_from(offset_format, header, 4)
    elif version == 43 and len(header) == 16:
        count_format, entry_size, offset_format, value_at = order + "Q", 20, order + "Q", 12
        (offset,) = struct.unpack_from(offset_format, header, 8)
    else:
        return
    size = os.fstat(file.fileno()).st_size
    visited: set[int] = set()
    while 0 < offset < size and offset not in visited and len(visited) < _MAX_PAGES:
        visited.add(offset)
        file.seek(offset)
        count_bytes = file.read(struct.calcsize(count_format))
        if len(count_bytes) < struct.calcsize(count_format):
            return
        (num_entries,) = struct.unpack(count_format, count_bytes)
        if num_entries > _MAX_ENTRIES:
            return
        entries = file.read(num_entries * entry_size + struct.calcsize(offset_format))
        if len(entries) < num_entries * entry_size:
            return
        yield _examine(entries[: num_entries * entry_size], entry_size, value_at, order)
        next_offset = entries[num_entries * entry_size :]
        if len(next_offset) < struct.calcsize(offset_format):
            return
        (offset,) = struct.unpack(offset_format, next_offset)


def _examine(entries: bytes, entry_size: int, value_at: int, order: str) -> _Directory:
    shows_photo, description_at = True, 0
    for start in range(0, len(entries), entry_size):
        tag, value_type = struct.unpack_from(order + "HH", entries, start)
        if tag > _IMAGE_DESCRIPTION:
            # Tags stand in their order.
            break
        if tag == _IMAGE_DESCRIPTION:
            (description_at,) = struct.unpack_from(
                order + ("I" if entry_size == 12 else "Q"), entries, start + value_at
            )
        elif tag in (_NEW_SUBFILE_TYPE, _SUBFILE_TYPE):
            (value,) = struct.unpack_from(order + ("H" if value_type == 3 else "I"), entries, start + value_at)
            if value == _REDUCED if tag == _SUBFILE_TYPE else value & _NO_PHOTO_BITS:
                shows_photo = False
    return _Directory(shows_photo, min(description_at, _MAX_OFFSET))
