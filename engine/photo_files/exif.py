"""Reading, mending and rebuilding EXIF blocks.

An EXIF block is a small TIFF file: a byte order mark, then directories of tagged values. The same code therefore takes
the EXIF out of a TIFF photo and puts it into one. Blocks come from strangers' files: every offset is checked.
"""

import re
import struct
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from io import SEEK_END, BytesIO
from typing import Literal

ByteOrder = Literal["<", ">"]

ORIENTATION = 0x0112
EXIF_DIRECTORY = 0x8769
GPS_DIRECTORY = 0x8825
INTEROPERABILITY_DIRECTORY = 0xA005
PIXEL_WIDTH = 0xA002
PIXEL_HEIGHT = 0xA003
MAKER_NOTE = 0x927C

SUBDIRECTORIES = frozenset({EXIF_DIRECTORY, GPS_DIRECTORY, INTEROPERABILITY_DIRECTORY})
_INTEROPERABILITY_INDEX = 0x0001
_X_RESOLUTION = 0x011A
_Y_RESOLUTION = 0x011B
_RESOLUTION_UNIT = 0x0128
_THUMBNAIL_OFFSET = 0x0201
_THUMBNAIL_LENGTH = 0x0202
BYTES_PER_VALUE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_IMAGE_DESCRIPTION = 0x010E
_LINES_OF_IMAGEJ_STACKS = (b"images", b"channels", b"slices", b"frames", b"hyperstack", b"mode", b"loop", b"spacing")
MAX_ENTRIES = 2000
_MAX_BUILT_BYTES = 32 * 2**20

DESCRIPTIVE_TAGS = frozenset(
    {
        0x010D,  # DocumentName
        0x010E,  # ImageDescription
        0x010F,  # Make
        0x0110,  # Model
        ORIENTATION,
        0x011A,  # XResolution
        0x011B,  # YResolution
        0x011D,  # PageName
        0x0128,  # ResolutionUnit
        0x0131,  # Software
        0x0132,  # DateTime
        0x013B,  # Artist
        0x013C,  # HostComputer
        0x4746,  # Rating
        0x8298,  # Copyright
        EXIF_DIRECTORY,
        GPS_DIRECTORY,
        *range(0x9C9B, 0x9CA0),  # XPTitle to XPSubject
    }
)
"""Tags of a TIFF's main directory that speak about the photo, not about how its pixels are stored."""

_OF_THE_FILE = frozenset(
    {
        ORIENTATION,
        _X_RESOLUTION,
        _Y_RESOLUTION,
        _RESOLUTION_UNIT,
        PIXEL_WIDTH,
        PIXEL_HEIGHT,
        0x0213,  # YCbCrPositioning
        0x9000,  # ExifVersion
        0x9101,  # ComponentsConfiguration
        0xA000,  # FlashpixVersion
        0xA001,  # ColorSpace
        INTEROPERABILITY_DIRECTORY,
    }
)

_MARKS: dict[bytes, ByteOrder] = {b"II*\x00": "<", b"MM\x00*": ">"}
_RAW_MARKS = _MARKS | {b"IIRO": "<", b"IIRS": "<", b"MMOR": ">", b"IIU\x00": "<"}
"""Those of Olympus' and Panasonic's raw files, which are TIFF in all else."""


class InvalidExifError(Exception):
    """The block is not EXIF, or broken."""


@dataclass(frozen=True)
class ExifEntry:
    """One tagged value.

    Attributes:
        tag: Its number.
        value_type: Its TIFF type, 1 to 13; of a BigTIFF file to 18.
        count: How many values.
        value: The values' bytes in the block's byte order, a view into the block: values may overlap, so that copies
            of a hostile block's values could fill the memory. A subdirectory's entries stand in `directory`.
        position: Where the 12 bytes of the entry lie in the block.
        directory: Entries of the subdirectory that this one points to.
    """

    tag: int
    value_type: int
    count: int
    value: memoryview
    position: int = 0
    directory: tuple["ExifEntry", ...] | None = None


def read_exif_orientation(exif: bytes) -> int:
    """Return the orientation, 1 to 8; 1 where it is missing, invalid or unreadable."""
    try:
        order, offset = _read_header(exif)
        entries = read_directory(exif, offset, order)
    except InvalidExifError:
        return 1
    return _orientation_of(entries, order)


def read_interoperability_index(exif: bytes) -> str:
    """Return by which rule of DCF the photo's file was made, such as "R98"; "" where it does not say."""
    try:
        order, offset = _read_header(exif)
        entries = read_directory(exif, offset, order)
    except InvalidExifError:
        return ""
    for tag in (EXIF_DIRECTORY, INTEROPERABILITY_DIRECTORY):
        entries = next((list(entry.directory or ()) for entry in entries if entry.tag == tag), [])
    index = next((bytes(entry.value) for entry in entries if entry.tag == _INTEROPERABILITY_INDEX), b"")
    return index.rstrip(b"\x00 ").decode("ascii", "replace")


def says_something(exif: bytes) -> bool:
    """Tell whether a block says more than how its file holds the picture: turned, sized and coded in which way."""
    try:
        order, offset = _read_header(exif)
        entries = read_directory(exif, offset, order)
    except InvalidExifError:
        return False
    return _speak(entries)


def _speak(entries: Iterable[ExifEntry]) -> bool:
    return any(
        entry.tag not in _OF_THE_FILE and (entry.directory is None or _speak(entry.directory)) for entry in entries
    )


def mark_upright(exif: bytes) -> bytes | None:
    """Return the block as it is right for the upright picture.

    The orientation becomes 1, the stated sides and resolutions change places where the picture was turned by a quarter,
    and the embedded thumbnail is cut off: it shows the picture before its restoration. All else stays, byte for byte:
    makers' notes may hold offsets of their own.

    Args:
        exif: An EXIF block, beginning with its byte order mark.

    Returns:
        The mended block; None where the block is broken and not worth keeping.
    """
    block = bytearray(exif)
    try:
        order, offset = _read_header(exif)
        entries = read_directory(exif, offset, order)
    except InvalidExifError:
        return None
    orientation = _orientation_of(entries, order)
    for entry in entries:
        if entry.tag == ORIENTATION:
            block[entry.position + 2 : entry.position + 12] = struct.pack(order + "HIHH", 3, 1, 1, 0)
        if entry.tag == EXIF_DIRECTORY and entry.directory and orientation >= 5:
            _swap_values(block, entry.directory, PIXEL_WIDTH, PIXEL_HEIGHT)
    if orientation >= 5:
        _swap_values(block, entries, _X_RESOLUTION, _Y_RESOLUTION)
    (num_entries,) = struct.unpack_from(order + "H", exif, offset)
    next_directory = offset + 2 + 12 * num_entries
    block[next_directory : next_directory + 4] = bytes(4)
    return bytes(block)


def extract_exif_thumbnail(exif: bytes) -> bytes | None:
    """Return the small JPEG picture that a camera puts behind the main directory; None where there is none.

    Exif 2.32, section 4.5.3: directory 1 points to it by JPEGInterchangeFormat and its length.
    """
    try:
        order, offset = _read_header(exif)
        if not 8 <= offset <= len(exif) - 2:
            return None
        (num_entries,) = struct.unpack_from(order + "H", exif, offset)
        next_directory = offset + 2 + 12 * num_entries
        if next_directory + 4 > len(exif):
            return None
        (thumbnail_directory,) = struct.unpack_from(order + "I", exif, next_directory)
        entries = {entry.tag: entry for entry in read_directory(exif, thumbnail_directory, order)}
    except InvalidExifError:
        return None
    start, length = (_single_number(entries.get(tag), order) for tag in (_THUMBNAIL_OFFSET, _THUMBNAIL_LENGTH))
    if not start or not length or start + length > len(exif):
        return None
    return exif[start : start + length]


def state_size(exif: bytes, width: int, height: int) -> bytes:
    """Return the block with another width and height stated, where it states them; a broken one as it is."""
    block = bytearray(exif)
    try:
        order, offset = _read_header(exif)
        entries = read_directory(exif, offset, order)
    except InvalidExifError:
        return exif
    for directory in (entry.directory or () for entry in entries if entry.tag == EXIF_DIRECTORY):
        for entry in directory:
            side = {PIXEL_WIDTH: width, PIXEL_HEIGHT: height}.get(entry.tag)
            if side is not None and entry.count == 1:
                # As a long number: a short one ends at 65,535.
                block[entry.position + 2 : entry.position + 12] = struct.pack(order + "HII", 4, 1, side)
    return bytes(block)


def shrink_exif(exif: bytes, max_bytes: int) -> tuple[bytes, frozenset[int]]:
    """Return a block that is too large as one that is not: without the maker's note, then without the largest values.

    What nothing points to, as a thumbnail that was cut off, goes in any case. The maker's note goes first: it holds
    offsets of its own, which are wrong wherever else the block's values are put.

    Args:
        exif: An EXIF block of more than `max_bytes`.
        max_bytes: What there is room for.

    Returns:
        The smaller block, and the tags that it has no more.

    Raises:
        InvalidExifError: The block is broken.
    """
    order, offset = _read_header(exif)
    entries = read_directory(exif, offset, order)
    values = sorted(_values_of(entries), key=lambda entry: (entry.tag != MAKER_NOTE, -len(entry.value)))
    size = 8 + _built_bytes(entries)
    left_out: dict[int, int] = {}
    for entry in values:
        if entry.tag != MAKER_NOTE and size <= max_bytes:
            break
        left_out[entry.position] = entry.tag
        size -= _entry_bytes(entry)
    kept = _without(entries, left_out)
    return exif[:4] + struct.pack(order + "I", 8) + build_directory(kept, 8, order), frozenset(left_out.values())


def _values_of(entries: Iterable[ExifEntry]) -> Iterator[ExifEntry]:
    for entry in entries:
        if entry.directory is None:
            yield entry
        else:
            yield from _values_of(entry.directory)


def _without(entries: Iterable[ExifEntry], positions: Container[int]) -> list[ExifEntry]:
    return [
        entry if entry.directory is None else replace(entry, directory=tuple(_without(entry.directory, positions)))
        for entry in entries
        if entry.directory is not None or entry.position not in positions
    ]


def _entry_bytes(entry: ExifEntry) -> int:
    """Return what an entry takes in a directory that is built, with all below it."""
    if entry.directory is not None:
        return 12 + _built_bytes(entry.directory)
    size = len(entry.value)
    return 12 + (size + size % 2 if size > 4 else 0)


def _built_bytes(entries: Iterable[ExifEntry]) -> int:
    return 2 + 4 + sum(_entry_bytes(entry) for entry in entries)


def with_resolution(exif: bytes | None, dots_per_inch: tuple[float, float]) -> bytes:
    """Return a block that states a resolution, as it does already or as is given.

    The main directory moves behind all else, which stays where it is: makers' notes may hold offsets of their own.

    Args:
        exif: An EXIF block; None or a broken one: a new one is made.
        dots_per_inch: Across and down.
    """
    try:
        order, offset = _read_header(exif or b"")
        known = {entry.tag for entry in read_directory(exif or b"", offset, order, depth=2)}
    except InvalidExifError:
        exif, order, offset, known = b"II*\x00\x08\x00\x00\x00" + bytes(6), "<", 8, set()
    assert exif is not None
    if {_X_RESOLUTION, _Y_RESOLUTION} <= known:
        return exif
    (num_entries,) = struct.unpack_from(order + "H", exif, offset)
    start = offset + 2
    table = [exif[at : at + 12] for at in range(start, start + 12 * num_entries, 12)]
    of_resolution = (_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT)
    table = [entry for entry in table if struct.unpack_from(order + "H", entry)[0] not in of_resolution]
    rest = exif[start + 12 * num_entries : start + 12 * num_entries + 4].ljust(4, b"\x00")
    block = exif + bytes(len(exif) % 2)
    values_at = len(block) + 2 + 12 * (len(table) + 3) + 4
    values = b""
    for tag, side in zip((_X_RESOLUTION, _Y_RESOLUTION), dots_per_inch, strict=True):
        table.append(struct.pack(order + "HHII", tag, 5, 1, values_at + len(values)))
        values += struct.pack(order + "II", max(1, min(round(side * 100), 2**31 - 1)), 100)
    table.append(struct.pack(order + "HHIHxx", _RESOLUTION_UNIT, 3, 1, 2))
    table.sort(key=lambda entry: int(struct.unpack_from(order + "H", entry)[0]))
    directory = struct.pack(order + "H", len(table)) + b"".join(table) + rest + values
    return block[:4] + struct.pack(order + "I", len(block)) + block[8:] + directory


def build_exif(entries: Iterable[ExifEntry], order: ByteOrder) -> bytes | None:
    """Build an EXIF block of the descriptive ones of some entries; None where there are none, or too much of them.

    Args:
        entries: Of a main directory, their values in this byte order.
        order: The byte order.
    """
    # Values of eight bytes are BigTIFF's alone.
    kept = [
        _of_one_page(entry)
        for entry in entries
        if entry.tag in DESCRIPTIVE_TAGS and entry.value_type in BYTES_PER_VALUE
    ]
    if not kept:
        return None
    mark = b"II*\x00" if order == "<" else b"MM\x00*"
    try:
        return mark + struct.pack(order + "I", 8) + build_directory(kept, 8, order)
    except InvalidExifError:
        return None


def _of_one_page(entry: ExifEntry) -> ExifEntry:
    """Return a description of a stack as one of a single page, which is all that a restored file holds.

    Other programs would look for the stack's slices otherwise: ImageJ counts them in its description, OME-XML and
    tifffile state the shape of all.
    """
    if entry.tag != _IMAGE_DESCRIPTION or len(entry.value) > _MAX_BUILT_BYTES:
        return entry
    text = bytes(entry.value)
    if text.startswith(b"ImageJ="):
        lines = text.rstrip(b"\x00").split(b"\n")
        text = b"\n".join(line for line in lines if line.split(b"=")[0] not in _LINES_OF_IMAGEJ_STACKS) + b"\x00"
    elif text.startswith(b'{"shape"') or re.search(rb"<(\w+:)?OME[\s>]", text):
        text = b"\x00"
    return replace(entry, value=memoryview(text), count=len(text))


def append_exif_to_tiff(file: BytesIO, exif: bytes) -> None:
    """Add an EXIF block's descriptive tags to a classic TIFF file of one page, in place.

    A file of hundreds of megabytes is not copied, as long as it is its only reader's.

    Args:
        file: The file, in the byte order of the EXIF block (see `exif_byte_order`). It gets a new main directory at its
            end that holds the tags of both.
        exif: The block, beginning with its byte order mark.

    Raises:
        InvalidExifError: The block is broken, or the byte orders differ; the file is as it was.
    """
    order, exif_offset = _read_header(exif)
    added = read_directory(exif, exif_offset, order)
    append_tiff_entries(file, [entry for entry in added if entry.tag in DESCRIPTIVE_TAGS], order)


def add_tiff_value(tiff: bytes, tag: int, value_type: int, value: bytes) -> bytes:
    """Add one tag to the main directory of a classic TIFF file of one page; one that is there is replaced.

    Args:
        tiff: The file.
        tag: The tag's number.
        value_type: Its TIFF type.
        value: The bytes of its values, in the file's byte order.

    Returns:
        The file with a new main directory at its end.

    Raises:
        InvalidExifError: This is no classic TIFF file.
    """
    count = len(value) // BYTES_PER_VALUE[value_type]
    file = BytesIO(tiff)
    append_tiff_entries(file, [ExifEntry(tag, value_type, count, memoryview(value))], exif_byte_order(tiff))
    return file.getvalue()


def exif_byte_order(exif: bytes) -> ByteOrder:
    """Return "<" or ">".

    Raises:
        InvalidExifError: This is no EXIF block.
    """
    return _read_header(exif)[0]


def read_directory(block: bytes | memoryview, offset: int, order: ByteOrder, depth: int = 0) -> list[ExifEntry]:
    """Return the entries of one directory and of the EXIF, GPS and interoperability directories under it.

    An entry whose value lies outside of the block, whose type is unknown or whose tag was there before is left out.

    Args:
        block: The whole block or TIFF file.
        offset: Where the directory begins.
        order: The byte order.
        depth: How many directories this one lies under.

    Returns:
        The entries in their order in the block.

    Raises:
        InvalidExifError: The directory lies outside of the block.
    """
    if not 8 <= offset <= len(block) - 2:
        raise InvalidExifError("a directory lies outside of the block")
    (num_entries,) = struct.unpack_from(order + "H", block, offset)
    # The four bytes behind the entries hold the next directory's offset; some writers leave them out at the end.
    if num_entries > MAX_ENTRIES or offset + 2 + 12 * num_entries > len(block):
        raise InvalidExifError("a directory is cut off")
    entries: dict[int, ExifEntry] = {}
    for position in range(offset + 2, offset + 2 + 12 * num_entries, 12):
        entry = _read_entry(block, position, order)
        if entry is None or entry.tag in entries:
            continue
        if entry.tag in SUBDIRECTORIES:
            if depth >= 2 or len(entry.value) != 4:
                continue
            (pointer,) = struct.unpack(order + "I", entry.value)
            try:
                entry = replace(entry, directory=tuple(read_directory(block, pointer, order, depth + 1)))
            except InvalidExifError:
                continue
        entries[entry.tag] = entry
    return list(entries.values())


def read_raw_header(content: bytes) -> tuple[ByteOrder, int]:
    """Return the byte order of a TIFF or raw file, and where its first directory lies.

    Raises:
        InvalidExifError: It is no TIFF inside.
    """
    return _read_header(content, _RAW_MARKS)


def _read_header(block: bytes | memoryview, marks: dict[bytes, ByteOrder] = _MARKS) -> tuple[ByteOrder, int]:
    order = marks.get(bytes(block[:4]))
    if order is None or len(block) < 8:
        raise InvalidExifError("there is no byte order mark")
    (offset,) = struct.unpack_from(order + "I", block, 4)
    return order, offset


def _read_entry(block: bytes | memoryview, position: int, order: ByteOrder) -> ExifEntry | None:
    tag, value_type, count = struct.unpack_from(order + "HHI", block, position)
    size = BYTES_PER_VALUE.get(value_type, 0) * count
    if size == 0:
        return None
    start = position + 8
    if size > 4:
        (start,) = struct.unpack_from(order + "I", block, start)
    if start + size > len(block):
        return None
    return ExifEntry(tag, value_type, count, memoryview(block)[start : start + size], position)


def _single_number(entry: ExifEntry | None, order: ByteOrder) -> int | None:
    """Return the value of an entry that holds one short or long number; None for any other."""
    if entry is None or entry.count != 1 or entry.value_type not in (3, 4):
        return None
    (value,) = struct.unpack(order + {2: "H", 4: "I"}[len(entry.value)], entry.value)
    return int(value)


def _orientation_of(entries: Iterable[ExifEntry], order: ByteOrder) -> int:
    for entry in entries:
        if entry.tag == ORIENTATION and (value := _single_number(entry, order)) is not None:
            return value if 1 <= value <= 8 else 1
    return 1


def _swap_values(block: bytearray, entries: Iterable[ExifEntry], first: int, second: int) -> None:
    positions = {entry.tag: entry.position for entry in entries if entry.count == 1 and entry.value_type in (3, 4, 5)}
    if first in positions and second in positions:
        one, two = (slice(positions[tag] + 2, positions[tag] + 12) for tag in (first, second))
        block[one], block[two] = block[two], block[one]


def append_tiff_entries(file: BytesIO, added: Iterable[ExifEntry], order: ByteOrder) -> None:
    """Give a classic TIFF file of one page a new main directory at its end, in place.

    Args:
        file: The file.
        added: In it beside the file's own entries, or in their place. Their values lie elsewhere.
        order: Of the added entries.

    Raises:
        InvalidExifError: This is no classic TIFF file of that byte order; it is as it was.
    """
    size = file.seek(0, SEEK_END)
    padding = bytes(size % 2)
    # What the directory is made of looks into the file, which cannot grow before all of that is let go.
    directory = _merged_directory(file.getbuffer(), added, size + len(padding), order)
    file.write(padding + directory)
    file.seek(4)
    file.write(struct.pack(order + "I", size + len(padding)))


def _merged_directory(tiff: memoryview, added: Iterable[ExifEntry], offset: int, order: ByteOrder) -> bytes:
    own_order, own_offset = _read_header(tiff)
    if own_order != order:
        raise InvalidExifError("the byte orders differ")
    entries = {entry.tag: entry for entry in read_directory(tiff, own_offset, order)}
    entries.update({entry.tag: entry for entry in added})
    return build_directory(entries.values(), offset, order)


def build_directory(entries: Iterable[ExifEntry], offset: int, order: ByteOrder) -> bytes:
    """Return a directory that will lie at `offset`, its values and its subdirectories behind it.

    Raises:
        InvalidExifError: Its values are larger than any camera's.
    """
    ordered = sorted(entries, key=lambda entry: entry.tag)
    table = struct.pack(order + "H", len(ordered))
    values = bytearray()
    values_offset = offset + 2 + 12 * len(ordered) + 4
    for entry in ordered:
        value_type, count, value = entry.value_type, entry.count, bytes(entry.value)
        if entry.directory is not None:
            subdirectory = build_directory(entry.directory, values_offset + len(values), order)
            value_type, count, value = 4, 1, struct.pack(order + "I", values_offset + len(values))
            values += subdirectory
        elif len(value) > 4:
            pointer = struct.pack(order + "I", values_offset + len(values))
            values += value + bytes(len(value) % 2)
            value = pointer
        if len(values) > _MAX_BUILT_BYTES:
            raise InvalidExifError("the block is too large")
        table += struct.pack(order + "HHI", entry.tag, value_type, count) + value.ljust(4, b"\x00")
    return table + bytes(4) + values
