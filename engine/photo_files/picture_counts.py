"""How many pictures a file holds, of which the first alone is taken: animations, bursts, both views of a 3D photo.

Pages of TIFF files are photos of their own, see `PhotoRef`. What is no picture for people is not counted: previews,
masks, and the gain maps of HDR photos. Read from the files' own tables; no picture is decoded.
"""

import mmap
import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from engine.photo_files.exif import InvalidExifError, exif_byte_order, read_directory
from engine.photo_files.formats import FileContent
from engine.photo_files.media_boxes import read_picture_boxes
from engine.photo_files.metadata.descriptions import walk_png_chunks
from engine.photo_files.metadata.xmp_packets import jpeg_segments, webp_chunks
from engine.photo_files.phone import count_heic_images
from engine.translatable import say

_MULTI_PICTURE: Final = b"MPF\x00"
_PICTURE_ENTRIES: Final = 0xB002
_BYTES_PER_PICTURE: Final = 16
_PICTURE_TYPE: Final = 0x00FF_FFFF
# CIPA DC-007, section 5.2.3.3.1: what is shown, and what has no type. Others are previews of the first picture.
_SHOWN_TYPES: Final = (0x03_0000, 0x02_0001, 0x02_0002, 0x02_0003, 0)
_GAIN_MAP_MARKS: Final = (b"hdr-gain-map", b"HDRGainMap", b"urn:iso:std:iso:ts:21496")
_GAIN_MAP_SEARCH_BYTES: Final = 64 * 1024
_PATH_TO_SAMPLES: Final = (b"minf", b"stbl", b"stsz")
_PICTURE_TRACKS: Final = (b"pict", b"vide")


def count_pictures(file: BinaryIO, content: FileContent) -> int:
    """Return how many pictures a file holds, at least 1.

    Args:
        file: A file on a disk, that can be read as a photo.
        content: What it is.
    """
    if content not in ("png", "webp", "jpeg", "heic", "avif"):
        return 1
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        match content:
            case "png":
                return max(1, _count_in_png(mapped))
            case "webp":
                return max(1, sum(kind == b"ANMF" for _, kind, _ in webp_chunks(mapped)))
            case "jpeg":
                return max(1, _count_in_jpeg(mapped))
            case _:
                num_images = count_heic_images(file) if content == "heic" else 1
                return max(1, num_images, _count_in_tracks(mapped))


def holds_gain_map(file: BinaryIO, content: FileContent) -> bool:
    """Tell whether a file holds a gain map beside its picture: how much brighter HDR screens show which part.

    Args:
        file: A file on a disk, that can be read as a photo.
        content: What it is.
    """
    if content == "heic" or content == "avif":
        return read_picture_boxes(file).has_gain_map
    if content != "jpeg":
        return False
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return _is_gain_map(mapped, 0) or any(
            offset and _is_gain_map(mapped, offset) for _, offset in _pictures_of_jpeg(mapped)
        )


def remark_on_pictures(num_pictures: int) -> str:
    """Say that the first of several pictures alone is taken."""
    return say(
        "The file holds {num_pictures:,} pictures, an animation or a series; only the first of them is taken.",
        num_pictures=num_pictures,
    )


def _count_in_png(content: mmap.mmap) -> int:
    for kind, start, end in walk_png_chunks(content):
        if kind == b"IDAT":
            break
        if kind == b"acTL" and end - start == 8:
            return int.from_bytes(content[start : start + 4], "big")
    return 1


def _count_in_jpeg(content: mmap.mmap) -> int:
    """Count the pictures that a multi-picture file lists."""
    pictures = list(_pictures_of_jpeg(content))
    return sum(kind in _SHOWN_TYPES and not (offset and _is_gain_map(content, offset)) for kind, offset in pictures)


def _pictures_of_jpeg(content: mmap.mmap) -> Iterator[tuple[int, int]]:
    """Yield kind and place of each picture that a multi-picture file lists (CIPA DC-007); the first lies at 0."""
    for position, marker, end in jpeg_segments(content):
        start = position + 4 + len(_MULTI_PICTURE)
        if marker != 0xE2 or content[position + 4 : start] != _MULTI_PICTURE:
            continue
        block = content[start:end]
        try:
            order = exif_byte_order(block)
            entries = read_directory(block, struct.unpack_from(order + "I", block, 4)[0], order)
        except InvalidExifError:
            return
        table = next((bytes(entry.value) for entry in entries if entry.tag == _PICTURE_ENTRIES), b"")
        pictures = struct.iter_unpack(order + "IIIHH", table[: len(table) // _BYTES_PER_PICTURE * _BYTES_PER_PICTURE])
        for attribute, _, offset, _, _ in pictures:
            yield attribute & _PICTURE_TYPE, start + offset if offset else 0
        return


def _is_gain_map(content: mmap.mmap, start: int) -> bool:
    head = content[start : start + _GAIN_MAP_SEARCH_BYTES]
    return any(mark in head for mark in _GAIN_MAP_MARKS)


def _count_in_tracks(content: mmap.mmap) -> int:
    """Count the pictures of the longest track of an ISO media file (ISO/IEC 14496-12, section 8.7.3.2)."""
    longest = 0
    for movie in _boxes(content, 0, len(content), b"moov"):
        for track in _boxes(content, *movie, b"trak"):
            for media in _boxes(content, *track, b"mdia"):
                handlers = [content[start + 8 : start + 12] for start, _ in _boxes(content, *media, b"hdlr")]
                if not any(handler in _PICTURE_TRACKS for handler in handlers):
                    continue
                found = [media]
                for kind in _PATH_TO_SAMPLES:
                    found = [box for outer in found for box in _boxes(content, *outer, kind)]
                counts = [content[start + 8 : start + 12] for start, end in found if end - start >= 12]
                longest = max(longest, *(int.from_bytes(count, "big") for count in counts), 0)
    return longest


def _boxes(content: mmap.mmap, start: int, end: int, wanted: bytes) -> Iterator[tuple[int, int]]:
    """Yield where the body of each box of a kind begins and ends, within another box's body."""
    while start + 8 <= end:
        size, kind = struct.unpack(">I4s", content[start : start + 8])
        body = start + 8
        if size == 1 and body + 8 <= end:
            size, body = int.from_bytes(content[body : body + 8], "big"), body + 8
        box_end = end if size == 0 else start + size
        if not body <= box_end <= end:
            return
        if kind == wanted:
            yield body, box_end
        start = box_end
