"""Holes in the middle of coded data: zeros that were never written over, where their coder writes none.

A file whose copying was interrupted and resumed, or whose disk failed, may hold zeros amid its data. Most decoders make
something of them without a word. What zeros mean is told by the code itself: LZW never repeats one code, a Huffman code
of zeros alone stands for one symbol, and only where that may follow itself for long (no difference, end of block) can
whole rows of zeros be flat areas of a picture. PNG and deflate have check sums, and need none of this.
"""

import re
from dataclasses import dataclass
from typing import Final

SMALLEST_HOLE_BYTES: Final = 64
"""Hundreds of codes: more than chance repeats."""

SMALLEST_PACKBITS_HOLE_BYTES: Final = 260
"""A literal run takes 128 bytes as they are."""

_END_OF_SCAN: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_MARKER: Final = re.compile(rb"\xff+[\x01-\xfe]")
_HUFFMAN_TABLES: Final = 0xC4
_START_OF_SCAN: Final = 0xDA
_SEQUENTIAL: Final = (0xC0, 0xC1)
_PROGRESSIVE: Final = 0xC2
_LOSSLESS: Final = 0xC3
_FRAMES: Final = (*_SEQUENTIAL, _PROGRESSIVE, _LOSSLESS)
_WITHOUT_BODY: Final = (0x01, *range(0xD0, 0xDA))
_AC: Final = 1
_LONGEST_RUN: Final = 0xF


@dataclass(frozen=True)
class Hole:
    """Zeros amid coded data.

    Attributes:
        start: Where they begin.
        size: How many bytes.
        is_sure: Whether no coder writes them; else they may be a flat area.
    """

    start: int
    size: int
    is_sure: bool


def find_zeros(content: bytes, smallest: int, start: int = 0, end: int | None = None) -> tuple[int, int] | None:
    """Return where the first long run of zeros begins, and how long it is; None where there is none.

    Args:
        content: Any bytes, or a memory map.
        smallest: How many zeros are looked for.
        start: Where to begin.
        end: Where to end; None: at the end.
    """
    end = len(content) if end is None else end
    found = content.find(bytes(smallest), start, end)
    if found < 0:
        return None
    size = smallest
    while found + size < end and not content[found + size]:
        size += 1
    return found, size


def find_hole_in_jpeg(content: bytes, tables: bytes = b"") -> Hole | None:
    """Return the first hole in the scans of a JPEG file, of whatever kind of Huffman coding.

    Args:
        content: The file.
        tables: Another one with the tables that it lacks, as of a TIFF file.
    """
    if find_zeros(content, SMALLEST_HOLE_BYTES) is None:
        return None
    first_symbols: dict[int, int] = {}
    if tables:
        _follow(tables, first_symbols)
    return _follow(content, first_symbols)


def _follow(content: bytes, first_symbols: dict[int, int]) -> Hole | None:
    """Follow a JPEG's markers, noting by class and number of each table what its code of zeros alone stands for."""
    position, frame = 2, 0
    while (match := _MARKER.search(content, position)) is not None:
        marker, position = content[match.end() - 1], match.end()
        if marker in _WITHOUT_BODY:
            continue
        size = int.from_bytes(content[position : position + 2], "big")
        body = content[position + 2 : position + size]
        if size < 2 or len(body) < size - 2:
            return None
        position += size
        if marker in _FRAMES:
            frame = marker
        elif marker == _HUFFMAN_TABLES:
            _note_tables(body, first_symbols)
        elif marker == _START_OF_SCAN and frame:
            end_match = _END_OF_SCAN.search(content, position)
            end = len(content) if end_match is None else end_match.start()
            zeros = find_zeros(content, SMALLEST_HOLE_BYTES, position, end)
            # Those at the end are another matter.
            if zeros is not None and sum(zeros) < end and body:
                return Hole(*zeros, is_sure=not _may_be_flat(frame, body, first_symbols))
            position = end
    return None


def _note_tables(body: bytes, first_symbols: dict[int, int]) -> None:
    position = 0
    while position + 17 <= len(body):
        num_symbols = sum(body[position + 1 : position + 17])
        if num_symbols and position + 17 < len(body):
            first_symbols[body[position]] = body[position + 17]
        position += 17 + num_symbols


def _may_be_flat(frame: int, scan: bytes, first_symbols: dict[int, int]) -> bool:
    """Tell whether a scan's codes of zeros alone, one behind the other, mean a flat area or only bits of refinement.

    Args:
        frame: The frame's marker.
        scan: The body of the scan's header.
        first_symbols: See `_follow`; of tables that are not there nothing is known.
    """
    selectors = scan[2 : 1 + 2 * scan[0] : 2]
    first, _, approximation = scan[1 + 2 * scan[0] : 4 + 2 * scan[0]].ljust(3, b"\x00")
    of_dc = [first_symbols.get(selector >> 4, 0) for selector in selectors]
    of_ac = [first_symbols.get(_AC << 4 | selector & 15, 0) for selector in selectors]
    if frame == _LOSSLESS:
        return not any(of_dc)
    if frame != _PROGRESSIVE:
        return not any(of_dc) and not any(of_ac)
    if first == 0:
        # Each later scan holds one bit of each block.
        return bool(approximation >> 4) or not any(of_dc)
    return all(symbol & 15 == 0 and symbol >> 4 < _LONGEST_RUN for symbol in of_ac)
