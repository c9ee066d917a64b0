"""Data that are not there: told with how much, by one rule for all formats.

A file that ends too early, or that is zeros from some place on (its copying was interrupted, its disk space reserved
and never written), decodes to black or gray rows in most decoders, without a word. What tells is the coded data and
never the picture: parts of it that the file's own list misses, a decoder that runs out of data, and zeros where no
coder writes any. A dark picture is no such thing.
"""

import re
import struct
import zlib
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import JpegImagePlugin, WebPImagePlugin

from engine.contracts.errors import ImageReadError
from engine.photo_files.missing.coded_holes import find_hole_in_jpeg, find_zeros
from engine.translatable import say

EMPTY_BYTES: Final = 64
"""Coded data never hold as many zeros in a row at their end."""

_COPY_HINT: Final = "Copy it again from where it came from."
_END_OF_JPEG: Final = b"\xff\xd9"
_JPEG_MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = 0xD9
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE_FRAMES: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_NUM_COEFFICIENTS: Final = 64
_GRAY_OF_NO_DATA: Final = 128
_INFLATED_AT_ONCE: Final = 1 << 20
_READ_AT_ONCE: Final = 1 << 16
_SECTOR_BYTES: Final = 512
# Any bytes that decode to something, so that what a decoder makes of them shows where the data end.
_FILLER: Final = bytes((37 * index + 11) % 251 + 2 for index in range(4096))
# More is not filled in to see which rows are missing: a file may declare gigabytes.
_MOST_FILLED: Final = 2**25
# Of Adam7, PNG's interlacing: first column and row, steps of columns and rows.
_PASSES: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_CHANNELS_OF_PNG: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def incomplete_error(share: float, part: Literal["last rows", "first rows", "data"] = "last rows") -> ImageReadError:
    """Return the refusal of a picture of which a part is missing.

    Args:
        share: How much, 0 to 1.
        part: Which part: rows where these are known, else the share of the coded data.
    """
    percent = min(max(round(100 * share), 1), 100)
    if part == "last rows":
        return ImageReadError(
            say("The picture is incomplete: the last {percent} % of its rows are missing.", percent=percent), _COPY_HINT
        )
    if part == "first rows":
        return ImageReadError(
            say("The picture is incomplete: the first {percent} % of its rows are missing.", percent=percent),
            _COPY_HINT,
        )
    return ImageReadError(
        say("The picture is incomplete: {percent} % of its data are missing.", percent=percent), _COPY_HINT
    )


def end_of_data(content: bytes) -> int:
    """Return where coded data end before the zeros that were never written over; their length where there are none."""
    end = len(content.rstrip(b"\x00"))
    return end if len(content) - end >= EMPTY_BYTES else len(content)


def check_extents(
    read_at: Callable[[int, int], bytes], extents: Sequence[tuple[int, int]], *, has_escapes: bool = False
) -> None:
    """Refuse coded data of which a part lies beyond the end of the file, or is empty.

    Args:
        read_at: Returns so many bytes of the file from a place on, fewer where it ends.
        extents: Offset and size of each part, in their order.
        has_escapes: Whether zeros are escaped in them, so that a hole is one wherever it is: HEVC does so, AV1 not.

    Raises:
        ImageReadError: With the share of the data that is missing.
    """
    total = sum(size for _, size in extents)
    missing = 0
    for offset, size in reversed(extents):
        content = read_at(offset, size)
        present = end_of_data(content)
        missing += size - present
        hole = find_zeros(content, EMPTY_BYTES, end=present) if has_escapes else None
        missing += hole[1] if hole is not None else 0
        if present and not has_escapes:
            break
    if missing:
        raise incomplete_error(missing / total, "data")


def shares_missing(
    parts: Sequence[tuple[int, int]], file_size: int, read_end: Callable[[int, int], bytes] | None
) -> list[float]:
    """Return of each part of a picture how much of it is missing, 0 to 1.

    Args:
        parts: Offset and size of each; an offset or a size of 0: it was never written.
        file_size: Bytes.
        read_end: Returns so many bytes of the file from a place on; None: the parts hold plain pixels, whose zeros
            may be black.
    """
    shares = []
    for offset, size in parts:
        present = min(size, max(file_size - offset, 0)) if offset > 0 else 0
        if read_end is not None and size > EMPTY_BYTES and present == size:
            # Most are whole, and their ends tell it.
            end = read_end(offset + size - EMPTY_BYTES, EMPTY_BYTES)
            if not any(end):
                present = end_of_data(read_end(offset, size))
        shares.append(1 - present / size if size > 0 else 1.0)
    return shares


def end_within_a_row(rows: NDArray[Any]) -> int | None:
    """Find where plain pixels stop in the middle of a row, though the row above goes on.

    Black that begins with a row, or where the picture was getting dark, stays what it is. So may end a picture too that
    was turned by a hundredth of a degree: whether the file ends there says `ends_as_broken_off`.

    Args:
        rows: The stored numbers. Shape: (height, numbers in a row).

    Returns:
        The row from which on they are missing; None where none are.
    """
    height, row_length = rows.shape
    if height < 3 or rows[-1].any():
        return None
    # From below, in steps: a whole picture is mostly decided by its last row.
    last = height - 2
    while last >= 0 and not rows[last].any():
        last -= 1
    if last < 1 or height - 1 - last < 1:
        return None
    column = int(np.flatnonzero(rows[last])[-1]) + 1
    if not 0 < column < row_length - 3:
        return None
    before, beside = rows[last, max(column - row_length // 2, 0) : column], rows[last - 1, column:]
    is_sudden = np.count_nonzero(before) > 0.5 * before.size and np.count_nonzero(beside) > 0.5 * beside.size
    return last if is_sudden else None


def ends_as_broken_off(
    read_at: Callable[[int, int], bytes], file_size: int, end_of_pixels: int, number_bytes: int
) -> bool:
    """Tell whether a file is zeros to its end from amid its plain pixels on, and from where a copy breaks off.

    What is written behind a picture shows that the file is whole. Disks and programs copy whole sectors.

    Args:
        read_at: Returns so many bytes of the file from a place on.
        file_size: Bytes.
        end_of_pixels: Where in the file the picture ends.
        number_bytes: How many bytes a number of it takes: the last of them may be zeros.
    """
    end = file_size
    while end > 0:
        start = max(end - _READ_AT_ONCE, 0)
        num_written = len(read_at(start, end - start).rstrip(b"\x00"))
        end = start + num_written
        if num_written:
            break
    return end <= end_of_pixels and -end % _SECTOR_BYTES < number_bytes


def whole_jpeg(content: bytes) -> bytes:
    """Return a JPEG that a decoder takes: as it is, or with the end mark that it lacks.

    Args:
        content: The file.

    Raises:
        ImageReadError: Data of its picture are missing.
    """
    _require_no_hole(content)
    # Looked at from its end first: nearly every file is whole.
    if content.endswith(_END_OF_JPEG):
        return content
    num_scans, is_script_done, has_end = _walk_jpeg(content)
    if has_end:
        return content
    if not num_scans:
        raise incomplete_error(1.0)
    present = content[: end_of_data(content)].removesuffix(b"\xff")
    ended = present + _END_OF_JPEG
    if num_scans == 1:
        _require_all_rows(_decode_jpeg(ended), ended)
    if not is_script_done or _first_difference(_decode_jpeg(ended), _decode_jpeg(_with_filler(ended))) is not None:
        raise ImageReadError(
            "The picture is incomplete: the data of its finer details or of its colours are missing.", _COPY_HINT
        )
    return ended


def _require_no_hole(content: bytes) -> None:
    """Refuse a JPEG with zeros amid its data.

    Raises:
        ImageReadError: With the share of the data that is missing.
    """
    hole = find_hole_in_jpeg(content)
    if hole is None:
        return
    if not hole.is_sure:
        end = content.rfind(_END_OF_JPEG)
        if end < hole.start + hole.size or not _is_end_idle(content[:end] + _END_OF_JPEG):
            return
    raise incomplete_error(hole.size / len(content), "data")


def _is_end_idle(content: bytes) -> bool:
    """Tell whether a JPEG's last bytes change nothing: it was full before them, since zeros stand for many pixels."""
    num_scans, _, _ = _walk_jpeg(content)
    cut = content.removesuffix(_END_OF_JPEG)[:-EMPTY_BYTES]
    if num_scans != 1 or cut.endswith(b"\xff"):
        return False
    return _first_difference(_decode_jpeg(content), _decode_jpeg(_with_filler(cut))) is None


def check_jpeg_rows(read_content: Callable[[], bytes], samples: NDArray[Any]) -> None:
    """Refuse a JPEG with an end mark whose data end before.

    Args:
        read_content: Returns the file.
        samples: What it was decoded to: the gray of no data in its last row makes it suspect.

    Raises:
        ImageReadError: With the share of the rows that are missing.
    """
    if not (samples[-1] == _GRAY_OF_NO_DATA).all():
        return
    content = read_content()
    content = content[: content.rfind(_END_OF_JPEG) + 2]
    num_scans, _, _ = _walk_jpeg(content)
    if num_scans == 1:
        _require_all_rows(_decode_jpeg(content), content)


def _require_all_rows(shown: NDArray[Any], content: bytes) -> None:
    row = _first_difference(shown, _decode_jpeg(_with_filler(content)))
    if row is not None:
        raise incomplete_error((len(shown) - row) / len(shown))


def _with_filler(content: bytes) -> bytes:
    return content.removesuffix(_END_OF_JPEG) + _FILLER + _END_OF_JPEG


def _decode_jpeg(content: bytes) -> NDArray[Any]:
    with JpegImagePlugin.JpegImageFile(BytesIO(content)) as image:
        return np.asarray(image)


def _first_difference(one: NDArray[Any], other: NDArray[Any]) -> int | None:
    """Return the first row in which two pictures differ."""
    differing = np.flatnonzero((one != other).reshape(len(one), -1).any(axis=1))
    return int(differing[0]) if differing.size else None


def _walk_jpeg(content: bytes) -> tuple[int, bool, bool]:
    """Follow a JPEG's markers.

    Returns:
        How many scans have begun, whether they are all that the picture needs, and whether its end mark came.
    """
    position, num_scans = 2, 0
    bits_left: dict[int, list[int]] = {}
    is_progressive = False
    while (match := _JPEG_MARKER.search(content, position)) is not None:
        marker, position = content[match.end() - 1], match.end()
        if marker == _END_OF_IMAGE:
            return num_scans, _is_script_done(bits_left), True
        if marker in (0x01, 0xD8):
            continue
        size = int.from_bytes(content[position : position + 2], "big")
        body = content[position + 2 : position + size]
        if size < 2 or len(body) < size - 2:
            break
        position += size
        if marker in _FRAMES and len(body) >= 6:
            is_progressive = marker in _PROGRESSIVE_FRAMES
            bits_left = {number: [16] * _NUM_COEFFICIENTS for number in body[6::3]}
        elif marker == _START_OF_SCAN and body:
            num_scans += 1
            components = body[1 : 1 + 2 * body[0] : 2]
            first, last, approximation = body[1 + 2 * body[0] : 4 + 2 * body[0]].ljust(3, b"\x00")
            if not is_progressive:
                first, last, approximation = 0, _NUM_COEFFICIENTS - 1, 0
            for component in components:
                left = bits_left.get(component, [])
                left[first : last + 1] = [approximation & 15] * len(left[first : last + 1])
    return num_scans, _is_script_done(bits_left), False


def _is_script_done(bits_left: dict[int, list[int]]) -> bool:
    return bool(bits_left) and not any(any(left) for left in bits_left.values())


def whole_png(content: bytes) -> bytes:
    """Return a PNG that a decoder may take after it has refused it: with the end mark that it lacks.

    Args:
        content: The file, its header read.

    Raises:
        ImageReadError: Data of its picture are missing.
    """
    width, height, bits, colour_type, _, _, interlace = struct.unpack_from(">IIBBBBB", content, 16)
    position, parts, has_end = 8, [], False
    end_of_parts = len(content)
    while position + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, position)
        if not kind.isalpha():
            break
        if kind == b"IDAT":
            parts.append(content[position + 8 : position + 8 + size])
            end_of_parts = position + 12 + size
        has_end = has_end or kind == b"IEND"
        position += 12 + size
    coded = b"".join(parts)
    num_bits = bits * _CHANNELS_OF_PNG[colour_type]
    if interlace:
        sizes = [(-(-(width - x) // across), -(-(height - y) // down)) for x, y, across, down in _PASSES]
        total = sum(rows * (1 + -(-columns * num_bits // 8)) for columns, rows in sizes if columns > 0 and rows > 0)
    else:
        total = height * (1 + -(-width * num_bits // 8))
    present = _num_inflated(coded[: end_of_data(coded)], total)
    if present < total:
        if interlace:
            raise incomplete_error(1 - present / total, "data")
        raise incomplete_error(1 - present * height // total / height)
    if has_end:
        return content
    return content[:end_of_parts] + struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))


def _num_inflated(coded: bytes, most: int) -> int:
    """Return how many bytes come out of deflated data before they end or are damaged."""
    inflater = zlib.decompressobj()
    num_bytes, rest = 0, coded
    try:
        while num_bytes < most and not inflater.eof:
            inflated = inflater.decompress(rest, _INFLATED_AT_ONCE)
            rest = inflater.unconsumed_tail
            num_bytes += len(inflated)
            if not inflated and not rest:
                break
    except zlib.error:
        pass
    return min(num_bytes, most)


def check_webp(content: bytes) -> None:
    """Refuse a WebP file of whose picture data are missing.

    Args:
        content: The file.

    Raises:
        ImageReadError: With the share of the rows that are missing, or of the data.
    """
    position, declared, is_animation = 12, 0, False
    begin = end = 0
    while position + 8 <= len(content):
        kind, size = struct.unpack_from("<4sI", content, position)
        if kind in (b"VP8 ", b"VP8L", b"ANMF"):
            begin, end = position + 8, position + 8 + size
            declared, is_animation = declared + size, is_animation or kind == b"ANMF"
        elif not kind.strip().isalnum():
            break
        position += 8 + size + size % 2
    if not end:
        raise incomplete_error(1.0)
    present = begin + end_of_data(content[begin:end])
    if present == end:
        return
    if not is_animation and end - present <= _MOST_FILLED:
        fillers = (_FILLER, bytes(255 - byte for byte in _FILLER))
        shown = [_decode_webp(_filled(content[:present], filler, end)) for filler in fillers]
        row = None if shown[0] is None or shown[1] is None else _first_difference(shown[0], shown[1])
        if row is not None and shown[0] is not None:
            raise incomplete_error((len(shown[0]) - row) / len(shown[0]))
    raise incomplete_error((end - present) / declared, "data")


def _filled(content: bytes, filler: bytes, size: int) -> bytes:
    missing = size - len(content)
    filled = content + (filler * (missing // len(filler) + 1))[:missing] + bytes(size % 2)
    return filled[:4] + struct.pack("<I", len(filled) - 8) + filled[8:]


def _decode_webp(content: bytes) -> NDArray[Any] | None:
    try:
        with WebPImagePlugin.WebPImageFile(BytesIO(content)) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, EOFError, SyntaxError):
        return None


def check_bmp(content: bytes) -> None:
    """Refuse a BMP file without compression of whose pixels a part is missing.

    Args:
        content: The file.

    Raises:
        ImageReadError: With the share of the rows that are missing.
    """
    if len(content) < 34:
        return
    start, header_bytes = struct.unpack_from("<II", content, 10)
    if header_bytes < 40:
        return
    width, height, _, bits, compression = struct.unpack_from("<iiHHI", content, 18)
    row_bytes, num_rows = -(-width * bits // 32) * 4, abs(height)
    if compression not in (0, 3, 6) or width <= 0 or not num_rows or not row_bytes:
        return
    part: Literal["last rows", "first rows"] = "first rows" if height > 0 else "last rows"
    # Some programs leave out what only fills up the last row.
    pixels = content[start : start + num_rows * row_bytes] + bytes(row_bytes - -(-width * bits // 8))
    num_present = len(pixels) // row_bytes
    if num_present < num_rows:
        raise incomplete_error(1 - num_present / num_rows, part)
    rows = np.frombuffer(pixels, np.uint8, num_rows * row_bytes).reshape(num_rows, row_bytes)
    row = end_within_a_row(rows)
    if row is not None and ends_as_broken_off(
        lambda offset, size: content[offset : offset + size], len(content), start + rows.size, 1
    ):
        raise incomplete_error((num_rows - row) / num_rows, part)
