"""What files say of their pictures beside EXIF: XMP, IPTC, text of PNG and the resolution; read here, and written.

The files are strangers': every offset is checked, what is damaged is passed over, and sizes have bounds.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, Literal

from engine.contracts.output_formats import FORMATS, FileFormat
from engine.photo_files.exif import (
    ByteOrder,
    InvalidExifError,
    add_tiff_value,
    exif_byte_order,
    read_directory,
)
from engine.photo_files.metadata.place_removal import iptc_without_place, xmp_without_place
from engine.photo_files.metadata.texts import MAX_BYTES, chunk_of_comment, comment_of, read_text, text_tells_place
from engine.photo_files.metadata.xmp_packets import (
    LARGEST_JPEG_PACKET,
    MAX_PACKET_BYTES,
    Content,
    extended_xmp,
    find_xmp,
    insert_extended_xmp,
    insert_xmp,
    jpeg_segments,
    with_inserted,
)
from engine.photo_files.metadata.xmp_properties import as_utf8, extended_id, joined, split_packet, without_properties
from engine.photo_files.photo_image import PictureDescriptions

_PNG_START: Final = b"\x89PNG\r\n\x1a\n"
_END_OF_PNG_HEADER: Final = 33
_INCHES_PER_METRE: Final = 0.0254
_PHOTOSHOP: Final = b"Photoshop 3.0\x00"
_IPTC_RESOURCE: Final = 0x0404
_TIFF_IPTC: Final = 33723
LARGEST_JPEG_IPTC: Final = 65_533 - len(_PHOTOSHOP) - 12 - 1
"""What one segment holds beside its name, the resource's header and a filling byte."""
_MAX_COMMENTS: Final = 100
_XMP_KEYWORD: Final = b"XML:com.adobe.xmp"
_RAW_PROFILE: Final = b"Raw profile type "
_END_OF_BMP_HEADER: Final = 54
_BMP_INFO_HEADER_BYTES: Final = 40
GAIN_MAP_REMARK: Final = (
    "The photo's gain map, with which HDR screens show it brighter, is not kept: it belongs to the unrestored picture."
)
# Namespaces that speak of what lies beside the main picture in its file: a gain map, a video.
_OF_PARTS: Final = (
    "{http://ns.adobe.com/hdr-gain-map/1.0/}",
    "{http://ns.apple.com/HDRGainMap/1.0/}",
    "{http://ns.apple.com/pixeldatainfo/1.0/}",
    "{http://ns.google.com/photos/1.0/container/}",
    "{http://ns.google.com/photos/1.0/camera/}Micro",
    "{http://ns.google.com/photos/1.0/camera/}Motion",
)
_GAIN_MAP_MARKS: Final = (b"http://ns.adobe.com/hdr-gain-map/1.0/", b"http://ns.apple.com/HDRGainMap/1.0/")
_VIDEO_MARKS: Final = (b'MotionPhoto="1"', b'MicroVideo="1"', b"MotionPhoto>1<", b"MicroVideo>1<")
# How a raw file is to be developed, which programs would do once more, and how its numbers are stored.
_OF_RAW_FILES: Final = (
    "{http://ns.adobe.com/camera-raw-settings/1.0/}",
    "{http://purl.org/dc/elements/1.1/}format",
    "{http://ns.adobe.com/tiff/1.0/}BitsPerSample",
    "{http://ns.adobe.com/tiff/1.0/}Compression",
    "{http://ns.adobe.com/tiff/1.0/}PhotometricInterpretation",
    "{http://ns.adobe.com/tiff/1.0/}SamplesPerPixel",
)


def read_descriptions(content: Content) -> PictureDescriptions:
    """Return what a PNG, JPEG or WebP file says; nothing of any other."""
    start = content[:12]
    if start.startswith(_PNG_START):
        return _of_png(content)
    if start.startswith(b"\xff\xd8"):
        return _of_jpeg(content)
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        packet = find_xmp(content)
        return described_by_xmp(None if packet is None else _bounded(content[packet]))
    if start.startswith(b"BM") and len(content) >= _END_OF_BMP_HEADER:
        across, down = struct.unpack("<ii", content[38:46])
        is_stated = across > 0 and down > 0 and int.from_bytes(content[14:18], "little") >= _BMP_INFO_HEADER_BYTES
        return PictureDescriptions(
            dots_per_inch=(across * _INCHES_PER_METRE, down * _INCHES_PER_METRE) if is_stated else None
        )
    return PictureDescriptions()


def described_by_xmp(
    packet: bytes | None, *, extended: bytes | None = None, is_raw: bool = False, **others: Any
) -> PictureDescriptions:
    """Return what a file says, of its XMP what is true of a picture that is made of it.

    Args:
        packet: As the file holds it.
        extended: The packet that continues it; None where there is none, or it is lost.
        is_raw: Whether the file is a raw one: its settings for developing and its kind are not the picture's.
        others: Further attributes of `PictureDescriptions`.
    """
    remarks: list[str] = []
    if packet is not None:
        packet = as_utf8(packet)
        if extended_id(packet):
            packet = joined(packet, extended)
            if extended is None:
                remarks.append("A part of the photo's XMP is damaged or missing and was left out.")
        has_gain_map = any(mark in packet for mark in _GAIN_MAP_MARKS)
        if has_gain_map:
            remarks.append(GAIN_MAP_REMARK)
        if any(mark in packet for mark in _VIDEO_MARKS):
            remarks.append("The short video within the photo's file is not kept; the photo itself is.")
        if is_raw or has_gain_map or any(mark in packet for mark in _VIDEO_MARKS):
            # What is no XML speaks to nobody.
            packet = without_properties(packet, lambda name: _is_untrue(name, is_raw=is_raw))[0] or packet
    return PictureDescriptions(xmp=packet or None, remarks=tuple(remarks), **others)


def _is_untrue(name: str, *, is_raw: bool) -> bool:
    return name.startswith(_OF_PARTS) or (is_raw and name.startswith(_OF_RAW_FILES))


def insert_descriptions(
    content: bytes, file_format: FileFormat, descriptions: PictureDescriptions, width: int, height: int
) -> bytes:
    """Return an encoded picture with what is known of it, as far as its format has a place for it.

    Args:
        content: The encoded picture.
        file_format: Of the picture. BMP has a place for the resolution alone; that of WebP stands in its EXIF, which
            its encoder writes.
        descriptions: What is put in; it fits, see `fitting`.
        width: Of the picture, pixels.
        height: Of the picture, pixels.

    Raises:
        InvalidExifError: The TIFF is not one of this program.
    """
    iptc, container = descriptions.iptc, FORMATS[file_format].container
    match container:
        case "png":
            chunks = list(descriptions.texts)
            if iptc is not None:
                chunks.append((b"zTXt", _raw_profile(b"iptc", _photoshop_resource(iptc))))
            if descriptions.dots_per_inch is not None:
                dots = (_clipped(side / _INCHES_PER_METRE, 2**31 - 1) for side in descriptions.dots_per_inch)
                chunks.insert(0, (b"pHYs", struct.pack(">IIB", *dots, 1)))
            made = b"".join(png_chunk(kind, body) for kind, body in chunks)
            content = with_inserted(content, _END_OF_PNG_HEADER, made) if made else content
        case "jpeg":
            if iptc is not None:
                body = _PHOTOSHOP + _photoshop_resource(iptc)
                segment = b"\xff\xed" + struct.pack(">H", len(body) + 2) + body
                content = with_inserted(content, _behind_application_segments(content), segment)
            comments = [comment for chunk in descriptions.texts if (comment := comment_of(*chunk)) is not None]
            if comments:
                made = b"".join(b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment for comment in comments)
                content = with_inserted(content, _behind_application_segments(content), made)
            if descriptions.dots_per_inch is not None and content[6:11] == b"JFIF\x00":
                dots = (_clipped(side, 65_535) for side in descriptions.dots_per_inch)
                content = b"".join((content[:13], struct.pack(">BHH", 1, *dots), memoryview(content)[18:]))
        case "tiff":
            if iptc is not None:
                content = add_tiff_value(content, _TIFF_IPTC, 7, iptc)
            order = exif_byte_order(content)
            if descriptions.dots_per_inch is not None and not _states_resolution(content, order):
                for tag, side in zip((282, 283), descriptions.dots_per_inch, strict=True):
                    fraction = struct.pack(order + "II", _clipped(side * 100, 2**31 - 1), 100)
                    content = add_tiff_value(content, tag, 5, fraction)
                content = add_tiff_value(content, 296, 3, struct.pack(order + "H", 2))
        case "bmp":
            if descriptions.dots_per_inch is not None:
                dots = (_clipped(side / _INCHES_PER_METRE, 2**31 - 1) for side in descriptions.dots_per_inch)
                content = b"".join((content[:38], struct.pack("<ii", *dots), memoryview(content)[46:]))
    if descriptions.xmp is None:
        return content
    packet = xmp_of_size(descriptions.xmp, width, height)
    if container == "jpeg" and len(packet) > LARGEST_JPEG_PACKET:
        parts = split_packet(packet, LARGEST_JPEG_PACKET)
        if parts is not None:
            return insert_extended_xmp(insert_xmp(content, file_format, parts.main, width, height), parts)
    return insert_xmp(content, file_format, packet, width, height)


def main_part(packet: bytes) -> bytes | None:
    """Return of an XMP packet what a JPEG file holds in its first segment; None where it cannot be divided so."""
    if len(packet) <= LARGEST_JPEG_PACKET:
        return packet
    parts = split_packet(packet, LARGEST_JPEG_PACKET)
    if parts is not None:
        return parts.main
    return packet if len(packet) <= MAX_PACKET_BYTES else None


def resolution_of_exif(exif: bytes) -> tuple[float, float] | None:
    """Return the dots per inch, across and down, that an EXIF block states; None where it states none."""
    try:
        order = exif_byte_order(exif)
        (offset,) = struct.unpack_from(order + "I", exif, 4)
        entries = {entry.tag: entry.value for entry in read_directory(exif, offset, order)}
    except (InvalidExifError, struct.error):
        return None
    unit = struct.unpack(order + "H", entries[296])[0] if len(entries.get(296, b"")) == 2 else 2
    sides = [struct.unpack(order + "II", entries[tag]) for tag in (282, 283) if len(entries.get(tag, b"")) == 8]
    if unit not in (2, 3) or len(sides) != 2 or not all(all(side) for side in sides):
        return None
    across, down = (numerator / denominator * (2.54 if unit == 3 else 1) for numerator, denominator in sides)
    return across, down


def _states_resolution(tiff: bytes, order: ByteOrder) -> bool:
    """Tell whether a TIFF file states a resolution already, as its EXIF had it; its encoder writes one without unit."""
    (offset,) = struct.unpack_from(order + "I", tiff, 4)
    units = [entry.value for entry in read_directory(tiff, offset, order) if entry.tag == 296 and len(entry.value) == 2]
    return any(struct.unpack(order + "H", unit)[0] > 1 for unit in units)


def chosen_descriptions(
    descriptions: PictureDescriptions, policy: Literal["keep", "without-gps", "none"]
) -> PictureDescriptions:
    """Return what of it is written: all, all but the place, the resolution alone."""
    if policy == "keep":
        return descriptions
    if policy == "none":
        return PictureDescriptions(dots_per_inch=descriptions.dots_per_inch)
    return replace(
        descriptions,
        xmp=None if descriptions.xmp is None else xmp_without_place(descriptions.xmp),
        iptc=None if descriptions.iptc is None else iptc_without_place(descriptions.iptc),
        texts=tuple(chunk for chunk in descriptions.texts if not text_tells_place(*chunk)),
    )


def exif_of_png_text(kind: bytes, body: bytes) -> bytes | None:
    """Return the EXIF block that older programs put into a text of a PNG file; None where the chunk is another.

    Args:
        kind: Four letters.
        body: What the chunk holds.
    """
    if not body.startswith(_RAW_PROFILE):
        return None
    text = read_text(kind, body)
    if text is None or text.keyword not in (_RAW_PROFILE + b"exif", _RAW_PROFILE + b"APP1"):
        return None
    profile = _parse_raw_profile(text.text)
    if profile is None:
        return None
    profile = profile.removeprefix(b"Exif\x00\x00")
    # APP1 may as well be XMP.
    return profile if profile[:4] in (b"II*\x00", b"MM\x00*") else None


def _of_png(content: Content) -> PictureDescriptions:
    xmp = iptc = dots = None
    texts: list[tuple[bytes, bytes]] = []
    num_bytes = 0
    for kind, start, end in walk_png_chunks(content):
        if kind == b"pHYs" and end - start == 9:
            across, down, unit = struct.unpack(">IIB", content[start:end])
            dots = (across * _INCHES_PER_METRE, down * _INCHES_PER_METRE) if unit == 1 and across and down else None
        if kind not in (b"tEXt", b"zTXt", b"iTXt") or num_bytes + end - start > MAX_BYTES:
            continue
        body = content[start:end]
        num_bytes += len(body)
        if not body.startswith((_XMP_KEYWORD, _RAW_PROFILE)):
            texts.append((kind, body))
            continue
        text = read_text(kind, body)
        if text is None:
            continue
        if text.keyword == _XMP_KEYWORD:
            xmp = xmp or text.text
            continue
        profile = _parse_raw_profile(text.text)
        if profile is None:
            continue
        match text.keyword.removeprefix(_RAW_PROFILE):
            case b"xmp":
                xmp = xmp or profile
            case b"iptc" | b"8bim":
                iptc = iptc or find_iptc(profile) or (profile if profile[:1] == b"\x1c" else None)
            case _:
                pass
    return described_by_xmp(xmp, iptc=iptc, texts=tuple(texts), dots_per_inch=dots)


def _of_jpeg(content: Content) -> PictureDescriptions:
    dots = None
    resources = b""
    comments: list[tuple[bytes, bytes]] = []
    for position, marker, end in jpeg_segments(content):
        body = content[position + 4 : end]
        if marker == 0xE0 and body[:5] == b"JFIF\x00" and len(body) >= 12:
            unit, across, down = struct.unpack(">BHH", body[7:12])
            per_inch = {1: 1.0, 2: 2.54}.get(unit)
            dots = (across * per_inch, down * per_inch) if per_inch and across and down else None
        elif marker == 0xED and body.startswith(_PHOTOSHOP) and len(resources) < MAX_BYTES:
            resources += body[len(_PHOTOSHOP) :]
        elif marker == 0xFE and body.strip(b"\x00 ") and len(comments) < _MAX_COMMENTS:
            comments.append(chunk_of_comment(body))
    place = find_xmp(content)
    packet = None if place is None else as_utf8(content[place])
    return described_by_xmp(
        packet,
        extended=extended_xmp(content, extended_id(packet)) if packet else None,
        iptc=find_iptc(resources),
        texts=tuple(comments),
        dots_per_inch=dots,
    )


def find_iptc(resources: bytes) -> bytes | None:
    """Return the IPTC block among Photoshop's image resources; None where there is none."""
    position = 0
    while resources[position : position + 4] == b"8BIM" and position + 12 <= len(resources):
        number, name_length = struct.unpack_from(">HB", resources, position + 4)
        size_at = position + 6 + (name_length + 2) // 2 * 2
        if size_at + 4 > len(resources):
            return None
        (size,) = struct.unpack_from(">I", resources, size_at)
        start = size_at + 4
        if start + size > len(resources):
            return None
        if number == _IPTC_RESOURCE:
            return resources[start : start + size] or None
        position = start + size + size % 2
    return None


def _photoshop_resource(iptc: bytes) -> bytes:
    return struct.pack(">4sHHI", b"8BIM", _IPTC_RESOURCE, 0, len(iptc)) + iptc + bytes(len(iptc) % 2)


def _parse_raw_profile(text: bytes) -> bytes | None:
    """Return the bytes of a profile that ImageMagick writes as hexadecimal digits behind its name and length."""
    parts = text.split(None, 2)
    if len(parts) < 3 or not parts[1].isdigit() or len(parts[1]) > 9:
        return None
    try:
        profile = bytes.fromhex(parts[2].decode("ascii"))
    except ValueError:
        return None
    return profile if len(profile) == int(parts[1]) else None


def _raw_profile(name: bytes, profile: bytes) -> bytes:
    text = b"\n%b\n%8d\n%b\n" % (name, len(profile), profile.hex().encode())
    return _RAW_PROFILE + name + b"\x00\x00" + zlib.compress(text)


def walk_png_chunks(content: Content) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of the body of each chunk that is whole."""
    position = len(_PNG_START)
    while position + 12 <= len(content):
        length, kind = struct.unpack(">I4s", content[position : position + 8])
        if position + 12 + length > len(content) or kind == b"IEND":
            return
        yield kind, position + 8, position + 8 + length
        position += 12 + length


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Return a whole chunk of a PNG file: length, kind, body, checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _behind_application_segments(jpeg: bytes) -> int:
    place = 2
    for _, marker, end in jpeg_segments(jpeg):
        if not 0xE0 <= marker <= 0xEF:
            break
        place = end
    return place


def xmp_of_size(packet: bytes, width: int, height: int) -> bytes:
    """Return a packet that says what holds for the upright picture: its orientation and its size."""
    for name, value in (
        (rb"tiff:Orientation", 1),
        (rb"(?:exif:PixelXDimension|tiff:ImageWidth)", width),
        (rb"(?:exif:PixelYDimension|tiff:ImageLength)", height),
    ):
        packet = re.sub(rb"(\b" + name + rb"""(?:\s*=\s*["']|>\s*))\d+""", rb"\g<1>%d" % value, packet)
    return packet


def _clipped(value: float, largest: int) -> int:
    return max(1, min(round(value), largest))


def _bounded(packet: bytes) -> bytes | None:
    return packet if len(packet) <= MAX_BYTES else None
