"""Putting an XMP packet into an encoded picture, and finding it there.

XMP is the one kind of metadata that PNG, JPEG, TIFF and WebP all have a place for, and that other programs show (Adobe,
XMP Specification Part 3, 2020: sections 1.1.3 JPEG, 1.1.4 PNG, 1.1.6 TIFF; WebP Container Specification, "XMP ").
"""

import mmap
import struct
import zlib
from collections.abc import Iterator

from engine.contracts.output_formats import FORMATS, FileFormat
from engine.photo_files.exif import MAX_ENTRIES, InvalidExifError, add_tiff_value, exif_byte_order, read_directory
from engine.photo_files.metadata.xmp_properties import SplitPacket, is_named

Content = bytes | mmap.mmap

_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_KEYWORD = b"XML:com.adobe.xmp\x00\x00\x00\x00\x00"
"""Keyword, no compression, no language, no translated keyword."""
_END_OF_PNG_HEADER = 8 + 4 + 4 + 13 + 4
_JPEG_NAMESPACE = b"http://ns.adobe.com/xap/1.0/\x00"
_TIFF_TAG = 700
_TIFF_BYTES = 1
_WEBP_HAS_XMP = 0x04
_WEBP_HAS_ALPHA = 0x10
MAX_PACKET_BYTES = 65_535 - 2 - len(_JPEG_NAMESPACE)
"""What a JPEG holds in one segment."""
LARGEST_JPEG_PACKET = MAX_PACKET_BYTES - 20_000
"""Of a longer packet the largest properties go into further segments, so that there is room for its provenance."""
_EXTENSION = b"http://ns.adobe.com/xmp/extension/\x00"
_BYTES_OF_EXTENSION_HEAD = 32 + 4 + 4
_MAX_EXTENDED_BYTES = 32 * 2**20
_BYTES_OF_EXTENDED_SEGMENT = 65_000


def insert_xmp(content: bytes, file_format: FileFormat, packet: bytes, width: int, height: int) -> bytes:
    """Return an encoded picture with an XMP packet in it.

    Args:
        content: The encoded picture; a packet that it has is replaced.
        file_format: Of the picture. One that has no place for it is returned as it is.
        packet: For a JPEG at most `MAX_PACKET_BYTES`.
        width: Of the picture, pixels.
        height: Of the picture, pixels.

    Raises:
        ValueError: The packet is too long.
        InvalidExifError: The TIFF is not one of this program.
    """
    container = FORMATS[file_format].container
    if container == "jpeg" and len(packet) > MAX_PACKET_BYTES:
        raise ValueError(f"an XMP packet has at most {MAX_PACKET_BYTES} bytes, found {len(packet)}")
    if container != "tiff":
        content = _without_packet(content)
    match container:
        case "png":
            body = b"iTXt" + _PNG_KEYWORD + packet
            chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
            return with_inserted(content, _END_OF_PNG_HEADER, chunk)
        case "jpeg":
            segment = b"\xff\xe1" + struct.pack(">H", 2 + len(_JPEG_NAMESPACE) + len(packet)) + _JPEG_NAMESPACE + packet
            return with_inserted(content, _behind_first_segments(content), segment)
        case "tiff":
            return add_tiff_value(content, _TIFF_TAG, _TIFF_BYTES, packet)
        case "webp":
            return _insert_into_webp(content, packet, width, height)
        case _:
            return content


def _without_packet(content: bytes) -> bytes:
    """Return a PNG, JPEG or WebP file without its XMP packet and what is wrapped around it."""
    packet = find_xmp(content)
    if packet is None:
        return content
    start, end = packet.start, packet.stop
    if content[:8] == _PNG_START:
        start, end = start - len(_PNG_KEYWORD) - 8, end + 4
    elif content[:2] == b"\xff\xd8":
        start -= len(_JPEG_NAMESPACE) + 4
    else:
        start, end = start - 8, end + (end - start) % 2
    return b"".join((memoryview(content)[:start], memoryview(content)[end:]))


def with_inserted(content: bytes, place: int, added: bytes) -> bytes:
    """Return a file with more in it, joined at once: each sum of hundreds of megabytes would be one more in memory."""
    return b"".join((memoryview(content)[:place], added, memoryview(content)[place:]))


def find_xmp(content: Content) -> slice | None:
    """Return where the XMP packet of a PNG, JPEG, TIFF or WebP file lies; None where there is none.

    Args:
        content: The whole file, of whatever kind.
    """
    start = content[:12]
    if start.startswith(_PNG_START):
        return _find_in_png(content)
    if start.startswith(b"\xff\xd8"):
        for position, marker, end in jpeg_segments(content):
            body = position + 4
            if marker == 0xE1 and content[body : body + len(_JPEG_NAMESPACE)] == _JPEG_NAMESPACE:
                return slice(body + len(_JPEG_NAMESPACE), end)
        return None
    if start[:4] in (b"II*\x00", b"MM\x00*"):
        return _find_in_tiff(content)
    if start[:4] in (b"II+\x00", b"MM\x00+"):
        return _find_in_big_tiff(content)
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return _find_in_webp(content)
    return None


def extended_xmp(content: Content, name: str) -> bytes | None:
    """Return the packet that continues a JPEG's (XMP Specification Part 3, section 1.1.3.1).

    Args:
        content: The JPEG file.
        name: As the first packet calls it; segments of others are leftovers.

    Returns:
        The packet; None where a part of it is missing, or it is not what its name says.
    """
    extended, num_there = bytearray(), 0
    for position, marker, end in jpeg_segments(content):
        start = position + 4 + len(_EXTENSION)
        if marker != 0xE1 or content[position + 4 : start] != _EXTENSION or end < start + _BYTES_OF_EXTENSION_HEAD:
            continue
        named, size, offset = struct.unpack(">32sII", content[start : start + _BYTES_OF_EXTENSION_HEAD])
        part = content[start + _BYTES_OF_EXTENSION_HEAD : end]
        if named.decode("ascii", "replace").upper() != name.upper() or not 0 < size <= _MAX_EXTENDED_BYTES:
            continue
        extended = extended or bytearray(size)
        if offset + len(part) > len(extended):
            return None
        extended[offset : offset + len(part)] = part
        num_there += len(part)
    is_whole = bool(extended) and num_there >= len(extended)
    return bytes(extended) if is_whole and is_named(bytes(extended), name) else None


def insert_extended_xmp(jpeg: bytes, parts: SplitPacket) -> bytes:
    """Return a JPEG file that holds the first part of a packet with the second one behind it."""
    segments = []
    for offset in range(0, len(parts.extended), _BYTES_OF_EXTENDED_SEGMENT):
        part = parts.extended[offset : offset + _BYTES_OF_EXTENDED_SEGMENT]
        head = _EXTENSION + struct.pack(">32sII", parts.name.encode(), len(parts.extended), offset)
        segments.append(b"\xff\xe1" + struct.pack(">H", 2 + len(head) + len(part)) + head + part)
    return with_inserted(jpeg, _behind_first_segments(jpeg), b"".join(segments))


def bytes_behind(content: Content, packet: slice) -> int:
    """Return where the file goes on behind a packet and what is computed from it: a PNG's checksum."""
    return int(packet.stop) + (4 if content[:8] == _PNG_START else 0)


def _find_in_png(content: Content) -> slice | None:
    position = len(_PNG_START)
    while position + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[position : position + 8])
        body = position + 8
        if kind == b"iTXt" and content[body : body + len(_PNG_KEYWORD)] == _PNG_KEYWORD:
            packet = slice(body + len(_PNG_KEYWORD), body + length)
            return packet if packet.start <= packet.stop <= len(content) else None
        position = body + length + 4
    return None


def jpeg_segments(content: Content) -> Iterator[tuple[int, int, int]]:
    """Yield start, marker and end of each segment before the pixels."""
    position = 2
    while position + 4 <= len(content):
        mark, marker, length = struct.unpack(">BBH", content[position : position + 4])
        end = position + 2 + length
        if mark != 0xFF or marker == 0xDA or length < 2 or end > len(content):
            return
        yield position, marker, end
        position = end


def _behind_first_segments(jpeg: bytes) -> int:
    """Where a reader expects further metadata: behind JFIF's header and the EXIF."""
    place = 2
    for _, marker, end in jpeg_segments(jpeg):
        if marker not in (0xE0, 0xE1):
            break
        place = end
    return place


def _find_in_tiff(content: Content) -> slice | None:
    try:
        block = bytes(content[:8])
        order = exif_byte_order(block)
        (offset,) = struct.unpack(order + "I", block[4:])
        # A memory map serves as bytes here.
        entries = read_directory(content, offset, order, depth=2)  # type: ignore[arg-type]
    except InvalidExifError:
        return None
    for entry in entries:
        if entry.tag == _TIFF_TAG and len(entry.value) > 4:
            size = len(entry.value)
            (start,) = struct.unpack(order + "I", content[entry.position + 8 : entry.position + 12])
            return slice(start, start + size)
    return None


def _find_in_big_tiff(content: Content) -> slice | None:
    order = "<" if content[:2] == b"II" else ">"
    try:
        (offset,) = struct.unpack_from(order + "Q", content, 8)
        (num_entries,) = struct.unpack_from(order + "Q", content, offset)
        for place in range(offset + 8, offset + 8 + 20 * min(num_entries, MAX_ENTRIES), 20):
            tag, value_type, size, start = struct.unpack_from(order + "HHQQ", content, place)
            if (tag, value_type) == (_TIFF_TAG, _TIFF_BYTES) and 8 < size <= len(content) - start:
                return slice(start, start + size)
    except (struct.error, OverflowError):
        return None
    return None


def webp_chunks(content: Content) -> Iterator[tuple[int, bytes, int]]:
    """Yield start, kind and end of each chunk, the filling byte left out."""
    position = 12
    while position + 8 <= len(content):
        kind, length = struct.unpack("<4sI", content[position : position + 8])
        end = position + 8 + length
        if end > len(content):
            return
        yield position, kind, end
        position = end + length % 2


def _find_in_webp(content: Content) -> slice | None:
    return next((slice(start + 8, end) for start, kind, end in webp_chunks(content) if kind == b"XMP "), None)


def _insert_into_webp(content: bytes, packet: bytes, width: int, height: int) -> bytes:
    chunks = content[12:]
    if chunks[:4] != b"VP8X":
        flags = _WEBP_HAS_ALPHA if chunks[:4] == b"VP8L" and chunks[12] & 0x10 else 0
        size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
        chunks = struct.pack("<4sIBxxx", b"VP8X", 10, flags) + size + chunks
    extended = bytearray(chunks)
    extended[8] |= _WEBP_HAS_XMP
    body = bytes(extended) + struct.pack("<4sI", b"XMP ", len(packet)) + packet + bytes(len(packet) % 2)
    return struct.pack("<4sI4s", b"RIFF", 4 + len(body), b"WEBP") + body
