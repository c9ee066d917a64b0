"""What stands in the boxes of a HEIF or AVIF file about its main picture, which the decoders do not hand over.

ISO/IEC 14496-12 (boxes, item locations) and 23008-12 (item properties). Files come from strangers: every size is
checked, and whatever is damaged says nothing.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

_MAX_META_BYTES: Final = 16 * 2**20
_MAX_ITEMS: Final = 10_000
_APPLE_GAIN_MAP: Final = b"urn:com:apple:photo:2020:aux:hdrgainmap\x00"


@dataclass(frozen=True, kw_only=True)
class PictureBoxes:
    """What was found.

    Attributes:
        code_points: Primaries, transfer characteristics, matrix and range flag of ITU-T H.273, a byte each, of a
            picture without ICC profile; None where it does not state them.
        has_gain_map: Whether a gain map belongs to it, for HDR screens.
        extents: Where its coded data lie: offset and size, in their order; empty where that cannot be told.
    """

    code_points: bytes | None = None
    extents: tuple[tuple[int, int], ...] = ()
    has_gain_map: bool = False


def read_picture_boxes(file: BinaryIO) -> PictureBoxes:
    """Read what the file says of its main picture.

    Args:
        file: A HEIF or AVIF file.
    """
    try:
        meta = _find_meta(file)
        return PictureBoxes() if meta is None else _examined(meta)
    except (struct.error, IndexError, KeyError, ValueError):
        return PictureBoxes()


def _find_meta(file: BinaryIO) -> bytes | None:
    size_of_file = file.seek(0, os.SEEK_END)
    position = 0
    while position + 8 <= size_of_file:
        file.seek(position)
        head = file.read(16)
        size, kind = struct.unpack_from(">I4s", head)
        head_bytes = 8
        if size == 1 and len(head) == 16:
            (size,), head_bytes = struct.unpack_from(">Q", head, 8), 16
        size = size or size_of_file - position
        if size < head_bytes:
            return None
        if kind == b"meta":
            if size > _MAX_META_BYTES:
                return None
            file.seek(position + head_bytes)
            return file.read(size - head_bytes)
        position += size
    return None


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, position)
        size = size or len(content) - position
        if size < 8:
            return
        yield kind, content[position + 8 : position + size]
        position += size


def _examined(meta: bytes) -> PictureBoxes:
    # The first box of each kind counts; a meta box begins with its version and flags.
    parts: dict[bytes, bytes] = {}
    for kind, body in _boxes(meta[4:]):
        parts.setdefault(kind, body)
    main = struct.unpack_from(">I" if parts[b"pitm"][0] else ">H", parts[b"pitm"], 4)[0]
    tiles = _tiles_of(parts.get(b"iref", b""), main)
    properties = _properties_of(parts.get(b"iprp", b""), main)
    if not any(kind == b"colr" for kind, _ in properties) and tiles:
        properties += _properties_of(parts.get(b"iprp", b""), tiles[0])
    colours = [body for kind, body in properties if kind == b"colr"]
    has_profile = any(body[:4] in (b"prof", b"rICC") for body in colours)
    stated = [body for body in colours if body[:4] == b"nclx" and len(body) >= 11]
    code_points = None
    if stated and not has_profile:
        primaries, transfer, matrix = struct.unpack_from(">HHH", stated[0], 4)
        if max(primaries, transfer, matrix) <= 255:
            code_points = bytes((primaries, transfer, matrix, stated[0][10] >> 7))
    locations = _locations(parts.get(b"iloc", b""))
    extents = tuple(extent for item in (tiles or [main]) for extent in locations.get(item, ()))
    # Apple's is an auxiliary picture, that of ISO 21496-1 an item by which both are put together.
    has_gain_map = _has_apple_gain_map(parts.get(b"iprp", b"")) or b"tmap" in _kinds_of_items(parts.get(b"iinf", b""))
    return PictureBoxes(code_points=code_points, extents=extents, has_gain_map=has_gain_map)


def _has_apple_gain_map(properties: bytes) -> bool:
    return any(
        kind == b"auxC" and body[4 : 4 + len(_APPLE_GAIN_MAP)] == _APPLE_GAIN_MAP
        for outer, inner in _boxes(properties)
        if outer == b"ipco"
        for kind, body in _boxes(inner)
    )


def _kinds_of_items(items: bytes) -> set[bytes]:
    """Return of what kinds the file's items are (ISO/IEC 14496-12, section 8.11.6)."""
    if len(items) < 6:
        return set()
    entries = (body for kind, body in _boxes(items[8 if items[0] else 6 :]) if kind == b"infe" and len(body) >= 12)
    # Version 3 has longer numbers before it.
    return {body[10:14] if body[0] >= 3 else body[8:12] for body in entries}


def _tiles_of(references: bytes, item: int) -> list[int]:
    """Return the pictures that a picture is put together from."""
    if len(references) < 4:
        return []
    number, width = ("I", 4) if references[0] else ("H", 2)
    for kind, body in _boxes(references[4:]):
        (source,) = struct.unpack_from(">" + number, body)
        if kind == b"dimg" and source == item:
            (count,) = struct.unpack_from(">H", body, width)
            return list(struct.unpack_from(f">{min(count, _MAX_ITEMS)}{number}", body, width + 2))
    return []


def _properties_of(box: bytes, item: int) -> list[tuple[bytes, bytes]]:
    properties: list[tuple[bytes, bytes]] = []
    indices: list[int] = []
    for kind, body in _boxes(box):
        if kind == b"ipco":
            properties = list(_boxes(body))
        elif kind == b"ipma":
            indices += _associated(body, item)
    return [properties[index - 1] for index in indices if 0 < index <= len(properties)]


def _associated(body: bytes, item: int) -> list[int]:
    version, is_wide = body[0], bool(body[3] & 1)
    (num_entries,) = struct.unpack_from(">I", body, 4)
    position = 8
    for _ in range(min(num_entries, _MAX_ITEMS)):
        (found,) = struct.unpack_from(">I" if version else ">H", body, position)
        position += 4 if version else 2
        count = body[position]
        position += 1
        # The uppermost bit says whether the property is essential.
        if is_wide:
            indices = [number & 0x7FFF for number in struct.unpack_from(f">{count}H", body, position)]
        else:
            indices = [number & 0x7F for number in struct.unpack_from(f">{count}B", body, position)]
        position += count * (2 if is_wide else 1)
        if found == item:
            return indices
    return []


def _locations(body: bytes) -> dict[int, list[tuple[int, int]]]:
    """Return for each item where its data lie in the file; items that lie elsewhere are left out."""
    if len(body) < 8:
        return {}
    version = body[0]
    offset_bytes, length_bytes = body[4] >> 4, body[4] & 15
    base_bytes, index_bytes = body[5] >> 4, body[5] & 15 if version else 0
    position = 6

    def number(num_bytes: int) -> int:
        nonlocal position
        value = body[position : position + num_bytes]
        if len(value) < num_bytes:
            raise ValueError("the list of places is cut off")
        position += num_bytes
        return int.from_bytes(value, "big")

    found: dict[int, list[tuple[int, int]]] = {}
    for _ in range(min(number(4 if version >= 2 else 2), _MAX_ITEMS)):
        item = number(4 if version >= 2 else 2)
        method = number(2) & 15 if version else 0
        number(2)
        base = number(base_bytes)
        extents = []
        for _ in range(number(2)):
            number(index_bytes)
            extents.append((base + number(offset_bytes), number(length_bytes)))
        if method == 0:
            found[item] = extents
    return found
