"""Data that a raw file lacks though it has its full length: zeros, where its copying was interrupted.

Zeros may as well be black: the border of a stitched panorama, of a registered stack. A sensor's own black is a level
above zero with noise around it, so that where a file states such a level no row of the picture is zero throughout.
Where it states none, black begins with a row, or gets dark slowly; a copy breaks off anywhere.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.photo_files.missing.data import EMPTY_BYTES, end_within_a_row, ends_as_broken_off, incomplete_error
from engine.photo_files.raw.directories import SensorDirectory

_NARROWEST_BLOCK: Final = 16
_NUMBER_BYTES: Final = 2
_FEWEST_ROWS: Final = 2
"""A single empty row may be a defect of the sensor."""


def check_sensor_rows(levels: NDArray[np.uint16], black: float, block_starts: Sequence[int] = (0,)) -> None:
    """Refuse a picture of a sensor of which rows are zeros, though the sensor's black is not.

    Args:
        levels: The picture as recorded. Shape: (rows, columns) or (rows, columns, samples).
        black: The lowest level that stands for black.
        block_starts: In which columns the tiles begin that the file keeps its picture in; the first is 0.

    Raises:
        ImageReadError: With the share that is missing.
    """
    if black < 1 or not levels.size:
        return
    brightest = levels if levels.ndim == 2 else levels.max(axis=2)
    starts = np.array(block_starts)
    widths = np.diff([*starts, brightest.shape[1]])
    blocks = np.maximum.reduceat(brightest, starts, axis=1)[:, widths >= min(_NARROWEST_BLOCK, brightest.shape[1])]
    is_empty = blocks == 0
    if not is_empty.any():
        return
    num_missing = 0
    for column in is_empty.T:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], column.astype(np.int8), [0]])))
        lengths = edges[1::2] - edges[::2]
        num_missing += int(lengths[lengths >= _FEWEST_ROWS].sum())
    if num_missing:
        whole_rows = is_empty.all(axis=1)
        is_end = bool(whole_rows[-1]) and int(whole_rows.sum()) * is_empty.shape[1] == num_missing
        # Nothing above the empty rows is.
        is_end = is_end and bool(whole_rows[len(whole_rows) - int(whole_rows.sum()) :].all())
        raise incomplete_error(num_missing / is_empty.size, "last rows" if is_end else "data")


def check_plain_parts(directory: SensorDirectory, content: bytes) -> None:
    """Refuse a picture without compression that breaks off in the middle of a row, and its file with it.

    Args:
        directory: Of the picture.
        content: The whole file, all parts of the picture in it.

    Raises:
        ImageReadError: With the share that is missing.
    """
    if not directory.is_plain or not directory.parts:
        return
    offset, size = directory.parts[-1]
    if any(content[max(offset + size - EMPTY_BYTES, offset) : offset + size]):
        return
    if not ends_as_broken_off(
        lambda start, size: content[start : start + size], len(content), offset + size, _NUMBER_BYTES
    ):
        return
    if directory.tile_size is None:
        joined = b"".join(content[offset : offset + size] for offset, size in directory.parts)
        num_rows = directory.size[0]
        row = _end_of_rows(joined, num_rows, directory.bits)
        if row is not None:
            raise incomplete_error(1 - row / num_rows)
        return
    num_rows = directory.tile_size[0]
    for index in range(len(directory.parts) - 1, -1, -1):
        offset, size = directory.parts[index]
        tile = content[offset : offset + size]
        if any(tile):
            row = _end_of_rows(tile, num_rows, directory.bits)
            if row is not None:
                num_there = index + row / num_rows
                raise incomplete_error(1 - num_there / len(directory.parts), "data")
            return


def _end_of_rows(content: bytes, num_rows: int, bits: int) -> int | None:
    numbers = np.frombuffer(content, np.uint16 if bits == 16 and len(content) % 2 == 0 else np.uint8)
    if not num_rows or numbers.size % num_rows:
        return None
    return end_within_a_row(numbers.reshape(num_rows, -1))
