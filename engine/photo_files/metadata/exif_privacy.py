"""Taking the place out of an EXIF block: where the photo was taken, to the metre, is not everybody's business."""

import struct

from engine.photo_files.exif import (
    EXIF_DIRECTORY,
    GPS_DIRECTORY,
    ByteOrder,
    InvalidExifError,
    exif_byte_order,
    read_directory,
)

_MAX_ENTRIES = 2000


def remove_gps(exif: bytes) -> bytes | None:
    """Return the block without its GPS directory (Exif 2.32, section 4.6.3, tag 34853).

    The pointer to it is taken out and its values are overwritten with zeros. Everything else stays where it is: makers'
    notes may hold offsets of their own.

    Args:
        exif: A block, beginning with its byte order mark.

    Returns:
        The block of the same length; None where it is broken, so that nobody could tell what is left in it.
    """
    block = bytearray(exif)
    try:
        order = exif_byte_order(exif)
        (offset,) = struct.unpack_from(order + "I", exif, 4)
        _remove_from(block, exif, offset, order, depth=0)
    except (InvalidExifError, struct.error):
        return None
    return bytes(block)


def _remove_from(block: bytearray, exif: bytes, offset: int, order: ByteOrder, depth: int) -> None:
    """Take every GPS pointer out of one directory, and out of the EXIF directory below it.

    Read from the table itself: `read_directory` leaves out entries that lead nowhere, and those must go too.
    """
    if not 8 <= offset <= len(block) - 2:
        raise InvalidExifError("a directory lies outside of the block")
    (num_entries,) = struct.unpack_from(order + "H", block, offset)
    end = offset + 2 + 12 * num_entries
    if num_entries > _MAX_ENTRIES or end > len(block):
        raise InvalidExifError("a directory is cut off")
    kept: list[bytes] = []
    gps_offsets: list[int] = []
    for position in range(offset + 2, end, 12):
        entry = bytes(block[position : position + 12])
        tag, _, _, value = struct.unpack(order + "HHII", entry)
        if tag == GPS_DIRECTORY:
            gps_offsets.append(value)
            continue
        kept.append(entry)
        if tag == EXIF_DIRECTORY and depth == 0:
            _remove_from(block, exif, value, order, depth + 1)
    if not gps_offsets:
        return
    for gps_offset in gps_offsets:
        _overwrite(block, exif, gps_offset, order)
    rest = bytes(block[end : end + 4])
    table = struct.pack(order + "H", len(kept)) + b"".join(kept) + rest
    block[offset : end + len(rest)] = table.ljust(end + len(rest) - offset, b"\x00")


def _overwrite(block: bytearray, exif: bytes, offset: int, order: ByteOrder) -> None:
    """Fill a directory and its values with zeros."""
    # At the greatest depth, so that no directory below it is followed.
    try:
        entries = read_directory(exif, offset, order, depth=2)
    except InvalidExifError:
        # It points outside of the block, or to what is none: there is nothing to overwrite.
        return
    (num_entries,) = struct.unpack_from(order + "H", exif, offset)
    for entry in entries:
        size = len(entry.value)
        start = entry.position + 8
        if size > 4:
            (start,) = struct.unpack_from(order + "I", exif, start)
        block[start : start + size] = bytes(size)
    end = offset + 2 + 12 * num_entries
    block[offset:end] = bytes(end - offset)
