"""What raw files say about their photos, as an EXIF block, as XMP and IPTC, wherever their makers put it.

Most are TIFF inside, see `engine.photo_files.exif`. Others carry a whole EXIF block (Fujifilm's RAF in a JPEG picture,
Canon's CR3 in three pieces, Minolta's MRW, Sigma's newer X3F), or the facts alone in a form of their own (Canon's CRW,
Sigma's older X3F). The files come from strangers: every offset is checked, every list is bounded.
"""

import mmap
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, BinaryIO, Final, cast

from engine.photo_files.exif import (
    EXIF_DIRECTORY,
    GPS_DIRECTORY,
    ExifEntry,
    InvalidExifError,
    build_exif,
    exif_byte_order,
    read_directory,
    read_raw_header,
)
from engine.photo_files.metadata.descriptions import described_by_xmp, read_descriptions
from engine.photo_files.metadata.texts import MAX_BYTES
from engine.photo_files.photo_image import PictureDescriptions
from engine.photo_files.tiff.directories import extract_exif_from_tiff, extract_tiff_values

_MAKE: Final = 0x010F
_MODEL: Final = 0x0110
_DATE_TIME: Final = 0x0132
_EXPOSURE_TIME: Final = 0x829A
_F_NUMBER: Final = 0x829D
_SENSITIVITY: Final = 0x8827
_DATE_TIME_ORIGINAL: Final = 0x9003
_FOCAL_LENGTH: Final = 0x920A
_MAKER_NOTE: Final = 0x927C
_ASCII: Final = 2
_SHORT: Final = 3
_LONG: Final = 4
_RATIONAL: Final = 5

_PANASONIC_MARK: Final = b"IIU\x00"
_PANASONIC_JPEG: Final = 0x002E
_CANON_BOX: Final = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")

_XMP_BOX: Final = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_XMP: Final = 700
_IPTC: Final = 33723

_MAX_PARTS: Final = 1000
_MAX_TEXT_BYTES: Final = 200
_MAX_BLOCK_BYTES: Final = 4 * 2**20
_LARGEST_TIME: Final = 2**32
_NUMBER: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")


def read_raw_exif(file: BinaryIO) -> bytes | None:
    """Return what a raw file on a disk says about its photo, see `extract_exif_from_raw`."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return extract_exif_from_raw(cast(bytes, content))


def extract_exif_from_raw(content: bytes) -> bytes | None:
    """Return what a raw file says about its photo, as an EXIF block.

    Args:
        content: The whole file.

    Returns:
        The block, beginning with its byte order mark; None where the file says nothing that is understood.
    """
    for offset, mark, extract in _OPENINGS:
        if content[offset : offset + len(mark)] == mark:
            try:
                return extract(content)
            except InvalidExifError:
                return None
    return extract_exif_from_tiff(content)


def read_raw_descriptions(file: BinaryIO) -> PictureDescriptions:
    """Return what a raw file on a disk says about its photo beside EXIF, see `extract_descriptions_from_raw`."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return extract_descriptions_from_raw(cast(bytes, content))


def extract_descriptions_from_raw(content: bytes) -> PictureDescriptions:
    """Return a raw file's XMP and IPTC: most are TIFF inside, others have them in the camera's JPEG or in a box.

    Args:
        content: The whole file.
    """
    if content[:15] == b"FUJIFILMCCD-RAW":
        try:
            start, length = _unpack(">II", content, 84)
        except InvalidExifError:
            return PictureDescriptions()
        found = read_descriptions(bytes(content[start : start + length]))
        return described_by_xmp(found.xmp, iptc=found.iptc, is_raw=True)
    if content[4:12] == b"ftypcrx ":
        boxes = _boxes(content, 0, len(content))
        packets = (
            bytes(content[start + 16 : end])
            for name, start, end in boxes
            if name == b"uuid" and content[start : start + 16] == _XMP_BOX and end - start <= MAX_BYTES
        )
        return described_by_xmp(next(packets, None), is_raw=True)
    values = extract_tiff_values(content, (_XMP, _IPTC), MAX_BYTES)
    return described_by_xmp(values.get(_XMP), iptc=values.get(_IPTC), is_raw=True)


@dataclass(frozen=True, kw_only=True)
class _Facts:
    """What is known of a photo whose file holds no EXIF block; what is missing is empty or zero."""

    make: str = ""
    model: str = ""
    taken_s: float = 0
    exposure_s: float = 0
    f_number: float = 0
    iso: float = 0
    focal_length_mm: float = 0

    def as_exif(self) -> bytes | None:
        details = [
            entry
            for tag, value in (
                (_EXPOSURE_TIME, self.exposure_s),
                (_F_NUMBER, self.f_number),
                (_FOCAL_LENGTH, self.focal_length_mm),
            )
            if 1e-6 <= value <= 1e6
            for entry in (_rational_entry(tag, value),)
        ]
        if 1 <= self.iso < 2**16:
            details.append(_entry(_SENSITIVITY, _SHORT, 1, struct.pack("<H", round(self.iso))))
        main = [_text_entry(tag, text) for tag, text in ((_MAKE, self.make), (_MODEL, self.model)) if text]
        if 0 < self.taken_s < _LARGEST_TIME:
            # Cameras count by their own clock, without a time zone.
            taken = datetime.fromtimestamp(self.taken_s, UTC).strftime("%Y:%m:%d %H:%M:%S")
            main.append(_text_entry(_DATE_TIME, taken))
            details.append(_text_entry(_DATE_TIME_ORIGINAL, taken))
        if details:
            main.append(replace(_entry(EXIF_DIRECTORY, _LONG, 1, bytes(4)), directory=tuple(details)))
        return build_exif(main, "<")


def _from_panasonic(content: bytes) -> bytes | None:
    """RW2: the directory's own tags; what it lacks stands in the camera's JPEG picture within it."""
    order, offset = read_raw_header(content)
    main = {entry.tag: entry for entry in read_directory(content, offset, order)}
    picture = main.pop(_PANASONIC_JPEG, None)
    if picture is not None:
        embedded = _exif_of_jpeg(picture.value, 0, len(picture.value))
        if embedded is not None and exif_byte_order(embedded) == order:
            for tag, entry in _main_directory(embedded).items():
                if tag not in main:
                    main[tag] = replace(entry, directory=_without_maker_note(entry.directory))
                elif entry.directory is not None:
                    own = main[tag].directory or ()
                    known = {each.tag for each in own}
                    added = (each for each in _without_maker_note(entry.directory) or () if each.tag not in known)
                    main[tag] = replace(main[tag], directory=(*own, *added))
    return build_exif(main.values(), order)


def _from_fujifilm(content: bytes) -> bytes | None:
    """RAF: the camera's JPEG picture, whose place the header tells."""
    start, length = _unpack(">II", content, 84)
    return _exif_of_jpeg(content, start, length)


def _from_canon_boxes(content: bytes) -> bytes | None:
    """CR3: boxes as of an ISO media file; the main, EXIF and GPS directory are a TIFF block each."""
    pieces: dict[bytes, tuple[int, int]] = {}
    for name, start, end in _boxes(content, 0, len(content)):
        if name != b"moov":
            continue
        for inner_name, inner_start, inner_end in _boxes(content, start, end):
            if inner_name == b"uuid" and content[inner_start : inner_start + 16] == _CANON_BOX:
                pieces |= {each: (at, to) for each, at, to in _boxes(content, inner_start + 16, inner_end)}
    if b"CMT1" not in pieces:
        return None
    blocks = {
        name: bytes(content[at : min(to, at + _MAX_BLOCK_BYTES)])
        for name, (at, to) in pieces.items()
        if name in (b"CMT1", b"CMT2", b"CMT4")
    }
    order = exif_byte_order(blocks[b"CMT1"])
    main = _main_directory(blocks[b"CMT1"])
    for name, pointer in ((b"CMT2", EXIF_DIRECTORY), (b"CMT4", GPS_DIRECTORY)):
        if name not in blocks or exif_byte_order(blocks[name]) != order:
            continue
        directory = tuple(_main_directory(blocks[name]).values())
        if directory:
            main[pointer] = replace(_entry(pointer, _LONG, 1, bytes(4)), directory=directory)
    return build_exif(main.values(), order)


def _from_minolta(content: bytes) -> bytes | None:
    """MRW: blocks, of which one is a TIFF file without pixels."""
    (length,) = _unpack(">I", content, 4)
    position, end = 8, min(8 + length, len(content))
    for _ in range(_MAX_PARTS):
        if position + 8 > end:
            break
        (size,) = _unpack(">I", content, position + 4)
        if content[position : position + 4] == b"\x00TTW":
            start = position + 8
            return extract_exif_from_tiff(bytes(content[start : start + min(size, _MAX_BLOCK_BYTES)]))
        position += 8 + size
    return None


def _from_canon_heap(content: bytes) -> bytes | None:
    """CRW: a heap of values by number, heaps in it (Canon, CIFF 1.0)."""
    (start,) = _unpack("<I", content, 2)
    values: dict[int, tuple[int, int]] = {}
    _read_canon_heap(content, start, len(content), values)
    names, model = b"", b""
    if 0x080A in values:
        at, size = values[0x080A]
        names, _, model = bytes(content[at : at + min(size, _MAX_TEXT_BYTES)]).partition(b"\x00")
    facts = _Facts(make=_text(names), model=_text(model.partition(b"\x00")[0]))
    if 0x180E in values:
        facts = replace(facts, taken_s=_unpack("<I", content, values[0x180E][0])[0])
    if 0x1818 in values and values[0x1818][1] >= 12:
        # Time and aperture as exponents of two (APEX).
        _, time_value, aperture_value = _unpack("<3f", content, values[0x1818][0])
        facts = replace(facts, exposure_s=_power_of_two(-time_value), f_number=_power_of_two(aperture_value / 2))
    if 0x102A in values and values[0x102A][1] >= 6:
        _, automatic, base = _unpack("<3h", content, values[0x102A][0])
        facts = replace(facts, iso=_power_of_two((automatic + base) / 32) * 100 / 32)
    if 0x1029 in values and values[0x1029][1] >= 4:
        facts = replace(facts, focal_length_mm=_unpack("<2H", content, values[0x1029][0])[1])
    return facts.as_exif()


def _read_canon_heap(content: bytes, start: int, end: int, values: dict[int, tuple[int, int]], depth: int = 0) -> None:
    """Collect where a heap's values lie and how many bytes they have, with those of the heaps in it."""
    if not 0 <= start <= end - 6:
        return
    table = start + _unpack("<I", content, end - 4)[0]
    if table + 2 > end:
        return
    (count,) = _unpack("<H", content, table)
    for position in range(table + 2, table + 2 + 10 * min(count, _MAX_PARTS), 10):
        if position + 10 > end or len(values) > _MAX_PARTS:
            return
        tag, size, offset = _unpack("<HII", content, position)
        at, size = (position + 2, 8) if tag & 0xC000 == 0x4000 else (start + offset, size)
        tag &= 0x3FFF
        if at + size > end:
            continue
        if tag & 0x3800 in (0x2800, 0x3000):
            if depth < 4:
                _read_canon_heap(content, at, at + size, values, depth + 1)
        else:
            values.setdefault(tag, (at, size))


def _from_sigma(content: bytes) -> bytes | None:
    """X3F: sections, listed at the end; newer cameras' JPEG picture has EXIF, older ones list properties."""
    (table,) = _unpack("<I", content, len(content) - 4)
    name, _, count = _unpack("<4sII", content, table)
    if name != b"SECd":
        return None
    properties: Mapping[str, str] = {}
    for position in range(table + 12, table + 12 + 12 * min(count, _MAX_PARTS), 12):
        offset, length, kind = _unpack("<II4s", content, position)
        if kind in (b"IMAG", b"IMA2"):
            exif = _exif_of_jpeg(content, offset + 28, length - 28)
            if exif is not None:
                return exif
        elif kind == b"PROP" and not properties:
            properties = _sigma_properties(content, offset, length)

    def number(key: str) -> float:
        text = properties.get(key, "")
        return float(text) if _NUMBER.fullmatch(text) else 0.0

    return _Facts(
        make=properties.get("CAMMANUF", ""),
        model=properties.get("CAMMODEL", ""),
        taken_s=number("TIME"),
        exposure_s=number("SHUTTER"),
        f_number=number("APERTURE"),
        iso=number("ISO"),
        focal_length_mm=number("FLENGTH"),
    ).as_exif()


def _sigma_properties(content: bytes, offset: int, length: int) -> Mapping[str, str]:
    """Names and values of a property list: pairs of offsets into one text of UTF-16."""
    name, _, count, _, _, _ = _unpack("<4s5I", content, offset)
    text_start, end = offset + 24 + 8 * count, offset + length
    if name != b"SECp" or count > _MAX_PARTS or not text_start <= end <= len(content):
        return {}
    properties: dict[str, str] = {}
    for position in range(offset + 24, text_start, 8):
        texts = []
        for character in _unpack("<II", content, position):
            at = text_start + 2 * character
            texts.append(bytes(content[at : min(at + _MAX_TEXT_BYTES, end)]).decode("utf-16-le", "replace"))
        properties.setdefault(*(text.partition("\x00")[0] for text in texts))
    return properties


def _exif_of_jpeg(content: bytes | memoryview, start: int, length: int) -> bytes | None:
    """The EXIF block of a JPEG picture within a file; None where there is none."""
    end = min(start + length, len(content))
    if start < 0 or bytes(content[start : min(start + 2, end)]) != b"\xff\xd8":
        return None
    position = start + 2
    for _ in range(_MAX_PARTS):
        head = bytes(content[position : min(position + 10, end)])
        if len(head) < 10 or head[0] != 0xFF or head[1] == 0xDA:
            return None
        size = int.from_bytes(head[2:4], "big")
        if head[1] == 0xE1 and head[4:10] == b"Exif\x00\x00":
            return bytes(content[position + 10 : min(position + 2 + size, end)]) or None
        position += 2 + size
    return None


def _boxes(content: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The boxes of an ISO media file between two places: name, where the content begins and where it ends."""
    for _ in range(_MAX_PARTS):
        if start + 8 > end:
            return
        size, name = _unpack(">I4s", content, start)
        head = 8
        if size == 1:
            if start + 16 > end:
                return
            (size,) = _unpack(">Q", content, start + 8)
            head = 16
        elif size == 0:
            size = end - start
        if size < head:
            return
        yield name, start + head, min(start + size, end)
        start += size


def _main_directory(block: bytes) -> dict[int, ExifEntry]:
    (offset,) = _unpack(exif_byte_order(block) + "I", block, 4)
    return {entry.tag: entry for entry in read_directory(block, offset, exif_byte_order(block))}


def _without_maker_note(directory: tuple[ExifEntry, ...] | None) -> tuple[ExifEntry, ...] | None:
    """Its offsets count from the beginning of the block that it was written into."""
    return None if directory is None else tuple(entry for entry in directory if entry.tag != _MAKER_NOTE)


def _unpack(layout: str, content: bytes, offset: int) -> tuple[Any, ...]:
    """Read numbers.

    Raises:
        InvalidExifError: They do not lie in the file.
    """
    if not 0 <= offset <= len(content) - struct.calcsize(layout):
        raise InvalidExifError("a value lies outside of the file")
    return struct.unpack_from(layout, content, offset)


def _power_of_two(exponent: float) -> float:
    return 2.0**exponent if -60 < exponent < 60 else 0.0


def _text(text: bytes) -> str:
    return " ".join(text[:_MAX_TEXT_BYTES].decode("utf-8", "replace").split())


def _entry(tag: int, value_type: int, count: int, value: bytes) -> ExifEntry:
    return ExifEntry(tag, value_type, count, memoryview(value))


def _text_entry(tag: int, text: str) -> ExifEntry:
    value = text.encode("ascii", "replace") + b"\x00"
    return _entry(tag, _ASCII, len(value), value)


def _rational_entry(tag: int, value: float) -> ExifEntry:
    fraction = Fraction(value).limit_denominator(1000 if value >= 1 else 1_000_000)
    return _entry(tag, _RATIONAL, 1, struct.pack("<II", fraction.numerator, fraction.denominator))


_OPENINGS: Final[tuple[tuple[int, bytes, Callable[[bytes], bytes | None]], ...]] = (
    (0, _PANASONIC_MARK, _from_panasonic),
    (0, b"FUJIFILMCCD-RAW", _from_fujifilm),
    (4, b"ftypcrx ", _from_canon_boxes),
    (0, b"\x00MRM", _from_minolta),
    (6, b"HEAPCCDR", _from_canon_heap),
    (0, b"FOVb", _from_sigma),
)
"""Where each kind's mark stands, and what reads it."""
