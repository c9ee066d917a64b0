"""The corrections that a DNG asks for: its lists of opcodes (DNG 1.7, chapter 7).

Phones and drones record corners that are darker and tinted, and describe by a gain for each place how to make up for
it; nobody else does that for the reader of the file. What changes the brightness of pixels is done here, on the linear
values of a mosaic or of a linear picture. What moves pixels (the distortion of a lens) would have to be done to the
finished picture; it is not, and is told.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.photo_files.raw.directories import Area
from engine.translatable import say

_WARP_RECTILINEAR: Final = 1
_WARP_FISHEYE: Final = 2
_FIX_VIGNETTE: Final = 3
_FIX_BAD_CONSTANT: Final = 4
_FIX_BAD_LIST: Final = 5
_MAP_TABLE: Final = 7
_MAP_POLYNOMIAL: Final = 8
_GAIN_MAP: Final = 9
_DELTA_ROWS: Final = 10
_DELTA_COLUMNS: Final = 11
_SCALE_ROWS: Final = 12
_SCALE_COLUMNS: Final = 13
_WARP_RECTILINEAR_2: Final = 14

_LENS_CORRECTIONS: Final = frozenset({_WARP_RECTILINEAR, _WARP_FISHEYE, _WARP_RECTILINEAR_2})
# Dead and hot pixels are found in the picture itself, see `defects`.
_DONE_ELSEWHERE: Final = frozenset({_FIX_BAD_CONSTANT, _FIX_BAD_LIST})
# LibRaw 0.22 follows it where it decodes lossy JPEG, whose 8 bits it spreads over 16.
DONE_WITH_LOSSY_JPEG: Final = frozenset({_MAP_POLYNOMIAL})

_IS_OPTIONAL: Final = 1
_MAX_OPCODES: Final = 1000
_MAX_TABLE: Final = 65536
_MAX_MAP_VALUES: Final = 2**22
_MAX_DEGREE: Final = 8
_LARGEST_NUMBER: Final = 1e9
_ROWS_AT_ONCE: Final = 256


class InvalidOpcodeError(Exception):
    """The opcode is broken, or of a kind that is not done here."""


@dataclass(frozen=True, kw_only=True)
class Opcode:
    """One correction.

    Attributes:
        number: Its kind.
        is_optional: Whether a reader may leave it out.
        parameters: As stored.
    """

    number: int
    is_optional: bool
    parameters: bytes


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """The samples of one plane, which opcodes change in place: of a linear picture, or those behind a mosaic's filter.

    Attributes:
        values: Linear, 0 (black) to 1 (saturation). Shape: (rows, columns), float32, writable.
        rows: Where each row lies in the active area, evenly spaced.
        columns: Where each column lies in it, evenly spaced.
        plane: The number of the colour, from 0; 0 too for a mosaic as a whole.
    """

    values: NDArray[np.float32]
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    plane: int


def read_opcodes(content: bytes) -> list[Opcode]:
    """Return the opcodes of a list; those before it breaks off, where it is damaged."""
    opcodes: list[Opcode] = []
    if len(content) < 4:
        return opcodes
    (count,) = struct.unpack_from(">I", content)
    position = 4
    for _ in range(min(count, _MAX_OPCODES)):
        if position + 16 > len(content):
            break
        number, _, flags, size = struct.unpack_from(">4I", content, position)
        if position + 16 + size > len(content):
            break
        parameters = content[position + 16 : position + 16 + size]
        opcodes.append(Opcode(number=number, is_optional=bool(flags & _IS_OPTIONAL), parameters=parameters))
        position += 16 + size
    return opcodes


def apply_opcodes(opcodes: list[Opcode], planes: list[Samples], size: tuple[int, int]) -> list[Opcode]:
    """Correct samples in place.

    Args:
        opcodes: In their order.
        planes: All samples of the picture.
        size: Rows and columns of the active area.

    Returns:
        Those that were not done and may not be left out.
    """
    left: list[Opcode] = []
    for opcode in opcodes:
        if opcode.number in _DONE_ELSEWHERE:
            continue
        try:
            change = _change_of(opcode, size)
        except InvalidOpcodeError:
            left += [] if opcode.is_optional else [opcode]
            continue
        for samples in planes:
            change(samples)
            np.clip(samples.values, 0, 1, out=samples.values)
    return left


def describe_undone(opcodes: list[Opcode]) -> tuple[str, ...]:
    """What a person should know of corrections that were not done."""
    numbers = {opcode.number for opcode in opcodes}
    sentences = []
    if numbers & _LENS_CORRECTIONS:
        sentences.append("The distortion of the lens is not corrected, though the file asks for it.")
    if numbers & {_FIX_VIGNETTE, _GAIN_MAP}:
        sentences.append("The corners may stay dark: the file's map of the lens's shading is damaged.")
    if others := sorted(numbers - _LENS_CORRECTIONS - {_FIX_VIGNETTE, _GAIN_MAP}):
        sentences.append(
            say(
                "The file asks for corrections that are not known here, and are not done ({others}).",
                others=", ".join(str(number) for number in others),
            )
        )
    return tuple(sentences)


_Change = Callable[[Samples], None]


def _change_of(opcode: Opcode, size: tuple[int, int]) -> _Change:
    """What an opcode does to the samples of a plane.

    Raises:
        InvalidOpcodeError: It is broken or not known.
    """
    numbers = _Numbers(opcode.parameters)
    if opcode.number == _FIX_VIGNETTE:
        return _vignette_change(numbers, size)
    if opcode.number not in _CHANGES_OF_AREAS:
        raise InvalidOpcodeError(f"opcode {opcode.number} is not known")
    area = _AreaOfOpcode.read(numbers)
    change = _CHANGES_OF_AREAS[opcode.number](numbers, size)

    def change_area(samples: Samples) -> None:
        if not area.plane <= samples.plane < area.plane + area.num_planes:
            return
        rows = _chosen(samples.rows, area.bounds.top, area.bounds.bottom, area.row_pitch)
        columns = _chosen(samples.columns, area.bounds.left, area.bounds.right, area.column_pitch)
        chosen = samples.values[rows, columns]
        if chosen.size:
            change(
                Samples(values=chosen, rows=samples.rows[rows], columns=samples.columns[columns], plane=samples.plane),
                area,
            )

    return change_area


class _Numbers:
    """Big-endian numbers, read one after the other."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._position = 0

    def read(self, layout: str) -> tuple[Any, ...]:
        """Read some.

        Raises:
            InvalidOpcodeError: There are not so many.
        """
        if self._position + struct.calcsize(">" + layout) > len(self._content):
            raise InvalidOpcodeError("the parameters are cut off")
        values = struct.unpack_from(">" + layout, self._content, self._position)
        self._position += struct.calcsize(">" + layout)
        return values

    def read_array(self, code: str, count: int) -> NDArray[np.float64]:
        """Read many.

        Raises:
            InvalidOpcodeError: There are not so many, or some are no numbers.
        """
        dtype = np.dtype(">" + code)
        if not 0 < count * dtype.itemsize <= len(self._content) - self._position:
            raise InvalidOpcodeError("the parameters are cut off")
        values = np.frombuffer(self._content, dtype, count, self._position).astype(np.float64)
        self._position += count * dtype.itemsize
        if not np.isfinite(values).all() or np.abs(values).max() > _LARGEST_NUMBER:
            raise InvalidOpcodeError("the parameters are no numbers")
        return values


@dataclass(frozen=True, kw_only=True)
class _AreaOfOpcode:
    """Which samples an opcode changes: each so many rows and columns of an area, of some planes."""

    bounds: Area
    plane: int
    num_planes: int
    row_pitch: int
    column_pitch: int

    @classmethod
    def read(cls, numbers: _Numbers) -> "_AreaOfOpcode":
        top, left, bottom, right, plane, num_planes, row_pitch, column_pitch = numbers.read("8I")
        if not row_pitch or not column_pitch:
            raise InvalidOpcodeError("each 0th row is meant")
        return cls(
            bounds=Area(top=top, left=left, bottom=bottom, right=right),
            plane=plane,
            num_planes=num_planes,
            row_pitch=row_pitch,
            column_pitch=column_pitch,
        )


_AreaChange = Callable[[Samples, _AreaOfOpcode], None]


def _chosen(places: NDArray[np.intp], start: int, stop: int, pitch: int) -> slice:
    """Which of evenly spaced places lie at each `pitch`th from `start` on; these are evenly spaced again."""
    indices = np.flatnonzero((places >= start) & (places < stop) & ((places - start) % pitch == 0))
    if not indices.size:
        return slice(0, 0)
    return slice(int(indices[0]), int(indices[-1]) + 1, int(indices[1] - indices[0]) if indices.size > 1 else 1)


def _gain_map_change(numbers: _Numbers, size: tuple[int, int]) -> _AreaChange:
    """A gain for each place, linear between the points of a map; beyond its borders that of the border."""
    num_rows, num_columns = numbers.read("2I")
    spacing, origin = numbers.read("2d"), numbers.read("2d")
    (num_planes,) = numbers.read("I")
    if not 0 < num_rows * num_columns * num_planes <= _MAX_MAP_VALUES or not np.isfinite([*spacing, *origin]).all():
        raise InvalidOpcodeError("the map has no points")
    if (num_rows > 1 and spacing[0] <= 0) or (num_columns > 1 and spacing[1] <= 0):
        raise InvalidOpcodeError("the points of the map lie at one place")
    gains = numbers.read_array("f4", num_rows * num_columns * num_planes).reshape(num_rows, num_columns, num_planes)

    def change(samples: Samples, area: _AreaOfOpcode) -> None:
        of_plane = gains[:, :, min(samples.plane, num_planes - 1)]
        column, next_column, column_share = _neighbours(samples.columns, size[1], origin[1], spacing[1], num_columns)
        for first in range(0, len(samples.rows), _ROWS_AT_ONCE):
            block = slice(first, first + _ROWS_AT_ONCE)
            row, next_row, row_share = _neighbours(samples.rows[block], size[0], origin[0], spacing[0], num_rows)
            between = of_plane[row] * (1 - row_share[:, None]) + of_plane[next_row] * row_share[:, None]
            samples.values[block] *= between[:, column] * (1 - column_share) + between[:, next_column] * column_share

    return change


def _neighbours(
    places: NDArray[np.intp], length: int, origin: float, spacing: float, num_points: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """The points of a map on both sides of each place, and how much the second one counts."""
    if num_points == 1:
        only = np.zeros(len(places), np.intp)
        return only, only, np.zeros(len(places))
    position = np.clip(((places + 0.5) / length - origin) / spacing, 0, num_points - 1)
    first = np.minimum(position.astype(np.intp), num_points - 2)
    return first, first + 1, position - first


def _vignette_change(numbers: _Numbers, size: tuple[int, int]) -> _Change:
    """A gain that is a polynomial of the squared distance from the optical centre, the farthest corner being at 1."""
    terms = numbers.read_array("f8", 5)
    across, down = numbers.read_array("f8", 2)
    if not (0 <= across <= 1 and 0 <= down <= 1):
        raise InvalidOpcodeError("the optical centre lies outside of the picture")
    centre = down * size[0], across * size[1]
    farthest = sum(max(at, length - at) ** 2 for at, length in zip(centre, size, strict=True))

    def change(samples: Samples) -> None:
        columns = (samples.columns + 0.5 - centre[1]) ** 2
        for first in range(0, len(samples.rows), _ROWS_AT_ONCE):
            block = slice(first, first + _ROWS_AT_ONCE)
            squared = ((samples.rows[block] + 0.5 - centre[0]) ** 2)[:, None] + columns
            squared /= max(farthest, 1e-9)
            samples.values[block] *= np.polynomial.polynomial.polyval(squared, np.array([1.0, *terms]))

    return change


def _table_change(numbers: _Numbers, size: tuple[int, int]) -> _AreaChange:
    """Each level of 16 bits becomes that of a table, of which the last stands for all further ones."""
    (count,) = numbers.read("I")
    if count > _MAX_TABLE:
        raise InvalidOpcodeError("the table is larger than all levels")
    table = (numbers.read_array("u2", count) / 65535).astype(np.float32)

    def change(samples: Samples, area: _AreaOfOpcode) -> None:
        index = np.rint(np.clip(samples.values, 0, 1) * 65535).astype(np.intp)
        samples.values[...] = table[np.minimum(index, count - 1)]

    return change


def _polynomial_change(numbers: _Numbers, size: tuple[int, int]) -> _AreaChange:
    (degree,) = numbers.read("I")
    if degree > _MAX_DEGREE:
        raise InvalidOpcodeError("the polynomial has too many terms")
    terms = numbers.read_array("f8", degree + 1).astype(np.float32)

    def change(samples: Samples, area: _AreaOfOpcode) -> None:
        samples.values[...] = np.polynomial.polynomial.polyval(samples.values, terms)

    return change


def _lines_change(is_by_row: bool, is_scale: bool) -> "Callable[[_Numbers, tuple[int, int]], _AreaChange]":
    """What is added to each row or column of the area, or what it is multiplied by."""

    def make(numbers: _Numbers, size: tuple[int, int]) -> _AreaChange:
        (count,) = numbers.read("I")
        lines = numbers.read_array("f4", count).astype(np.float32)

        def change(samples: Samples, area: _AreaOfOpcode) -> None:
            if is_by_row:
                index = (samples.rows - area.bounds.top) // area.row_pitch
            else:
                index = (samples.columns - area.bounds.left) // area.column_pitch
            own = np.where(index < count, lines[np.minimum(index, count - 1)], np.float32(is_scale))
            own = own[:, None] if is_by_row else own[None, :]
            if is_scale:
                samples.values[...] *= own
            else:
                samples.values[...] += own

        return change

    return make


_CHANGES_OF_AREAS: Final[dict[int, Callable[[_Numbers, tuple[int, int]], _AreaChange]]] = {
    _MAP_TABLE: _table_change,
    _MAP_POLYNOMIAL: _polynomial_change,
    _GAIN_MAP: _gain_map_change,
    _DELTA_ROWS: _lines_change(is_by_row=True, is_scale=False),
    _DELTA_COLUMNS: _lines_change(is_by_row=False, is_scale=False),
    _SCALE_ROWS: _lines_change(is_by_row=True, is_scale=True),
    _SCALE_COLUMNS: _lines_change(is_by_row=False, is_scale=True),
}
