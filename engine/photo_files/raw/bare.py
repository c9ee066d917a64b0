"""Bare mosaics: files of nothing but unsigned 16-bit numbers, as sensor boards, simulators and test sets write them.

What the numbers mean stands in a side-car, a JSON file. For `frame.raw` it is looked for as `frame.raw.json`,
`frame.json` and, for all such files of a folder, `mosaics.json`::

    {"width": 768, "height": 512, "cfa": "RGGB", "bit_depth": 14, "black": 600, "white": 15520,
     "white_balance": [1.95, 1.0, 1.34],
     "color_matrix": [[0.902, -0.289, -0.0715], [-0.4535, 1.2436, 0.2348], [-0.0934, 0.1919, 0.7086]]}

Only `width`, `height` and `cfa` are required, and these may stand in the file's name instead, as in
`frame_768x512_rggb.raw` or `frame_768x512_grbg_14bit.raw`. See `MosaicDescription` for every field and for what is
assumed where it is missing.
"""

import json
import os
import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engine.contracts.errors import ImageReadError
from engine.photo_files.formats import check_size, truncated_error
from engine.photo_files.missing.data import end_within_a_row, ends_as_broken_off, incomplete_error
from engine.photo_files.photo_image import ImageInfo
from engine.photo_files.raw.corrections.defects import correct_defects
from engine.photo_files.raw.missing_data import check_sensor_rows
from engine.photo_files.raw.mosaic import FILTER_ORDERS, FilterOrder, RawMosaic, info_of_raw
from engine.photo_files.sensors.colour import (
    TYPICAL_DAYLIGHT,
    TYPICAL_MATRIX,
    matrix_from_xyz,
    normalise_gains,
    normalise_rows,
)
from engine.translatable import say

BARE_SUFFIXES: Final = frozenset({".raw", ".bin"})
COMMON_SIDE_CAR: Final = "mosaics.json"

_SIZE_IN_NAME: Final = re.compile(r"(?<![0-9])([0-9]{1,6})x([0-9]{1,6})(?![0-9])", re.IGNORECASE)
_ORDER_IN_NAME: Final = re.compile(r"(?<![a-z])(rggb|bggr|grbg|gbrg)(?![a-z])", re.IGNORECASE)
_BITS_IN_NAME: Final = re.compile(r"(?<![0-9])([0-9]{1,2})[ _-]?bits?(?![a-z])", re.IGNORECASE)
_MAX_SIDE_CAR_BYTES: Final = 2**20
_BYTES_PER_PIXEL: Final = 2
_DARKEST_PERCENT: Final = 0.1
_BRIGHTEST_PERCENT: Final = 99.9
_MAX_BLACK_SHARE: Final = 1 / 8
_SURROUNDINGS_PX: Final = 9
# Exchanged samples were seen to be 12 to 18 % rougher than at their own places; recordings of a camera never were.
_CLEARLY_SMOOTHER: Final = 0.95
_DARKEST: Final = 1e-3
_EXAMPLE: Final = '{"width": 4000, "height": 3000, "cfa": "RGGB", "bit_depth": 14, "black": 600}'

Vector = tuple[float, float, float]
Gain = Annotated[float, Field(gt=0)]


class MosaicDescription(BaseModel):
    """What a side-car says.

    Attributes:
        width: Pixels a row.
        height: Rows.
        cfa: Colour filters of the top left 2x2 cell, row by row.
        bit_depth: Bits of a number; missing: the fewest that hold all but the brightest thousandth.
        black: Level of no light, one for all or one for each place of the cell, row by row; missing: the level of the
            darkest thousandth, an eighth of `white` at most.
        white: Level of saturation; missing: the highest of the bit depth.
        white_balance: Gains of red, green and blue; missing: daylight, for a typical sensor.
        camera_to_srgb: From white-balanced camera colours to linear sRGB, row by row; its rows are made to sum to 1.
        color_matrix: Instead: from XYZ to camera colours, as DNG's ColorMatrix for daylight; missing too: a typical
            sensor's colours.
        orientation: As in EXIF, 1 to 8.
        byte_order: Of the numbers.
        header_bytes: Bytes to pass over before the first number.
        recorded_cfa: The order in which the sensor recorded, where samples were exchanged within their cells
            afterwards; missing: found by the picture (see `find_recorded_order`).
        defect_correction: Whether dead and hot pixels are corrected.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    cfa: FilterOrder
    bit_depth: Annotated[int | None, Field(ge=8, le=16)] = None
    black: Annotated[float, Field(ge=0, lt=65535)] | tuple[float, float, float, float] | None = None
    white: Annotated[float | None, Field(gt=0, le=65535)] = None
    white_balance: tuple[Gain, Gain, Gain] = TYPICAL_DAYLIGHT
    camera_to_srgb: tuple[Vector, Vector, Vector] | None = None
    color_matrix: tuple[Vector, Vector, Vector] | None = None
    orientation: Annotated[int, Field(ge=1, le=8)] = 1
    byte_order: Literal["little", "big"] = "little"
    header_bytes: Annotated[int, Field(ge=0)] = 0
    recorded_cfa: FilterOrder | None = None
    defect_correction: bool = True

    @model_validator(mode="before")
    @classmethod
    def _spell_orders_in_capitals(cls, values: Any) -> Any:
        if isinstance(values, dict):
            return {
                name: value.upper() if name in ("cfa", "recorded_cfa") and isinstance(value, str) else value
                for name, value in values.items()
            }
        return values

    @model_validator(mode="after")
    def _give_one_matrix(self) -> "MosaicDescription":
        if self.camera_to_srgb is not None and self.color_matrix is not None:
            raise ValueError("give camera_to_srgb or color_matrix, not both")
        return self

    def matrix(self) -> tuple[Vector, ...]:
        """From white-balanced camera colours to linear sRGB."""
        if self.camera_to_srgb is not None:
            return normalise_rows(np.array(self.camera_to_srgb))
        if self.color_matrix is not None:
            return matrix_from_xyz(np.array(self.color_matrix))
        return TYPICAL_MATRIX


def describes_itself(path: Path) -> bool:
    """Tell whether a name or a side-car beside the file says that it is a bare mosaic."""
    if path.suffix.lower() not in BARE_SUFFIXES:
        return False
    return find_side_car(path) is not None or {"width", "height", "cfa"} <= _said_by_name(path).keys()


def read_bare_mosaic(path: Path) -> RawMosaic:
    """Read a bare mosaic, its dead and hot pixels corrected.

    Raises:
        ImageReadError: It does not say what it is, or does not hold what it says.
    """
    description = describe(path)
    levels = _read_levels(path, description)
    _check_all_there(levels, description, path)
    mosaic = _scale(levels, description)
    order = description.recorded_cfa or find_recorded_order(mosaic, description.cfa)
    mosaic = rearrange(mosaic, description.cfa, order)
    return RawMosaic(
        mosaic=correct_defects(mosaic) if description.defect_correction else mosaic,
        order=order,
        white_balance=normalise_gains(*description.white_balance),
        camera_to_srgb=description.matrix(),
        orientation=description.orientation,
    )


def probe_bare_mosaic(path: Path) -> ImageInfo:
    """Read the description and the file's length alone.

    Raises:
        ImageReadError: As `read_bare_mosaic`.
    """
    description = describe(path)
    _check_length(path, description)
    return info_of_raw(description.width, description.height, description.orientation)


def describe(path: Path) -> MosaicDescription:
    """Gather what name and side-car say; the side-car's word counts.

    Raises:
        ImageReadError: They do not say enough, or the side-car is damaged.
    """
    side_car = find_side_car(path)
    said = _said_by_name(path) | (_read_side_car(side_car) if side_car else {})
    missing = [name for name in ("width", "height", "cfa") if name not in said]
    where = say("in {file}", file=side_car.name) if side_car else say("in a file {file}.json beside it", file=path.name)
    if missing:
        raise ImageReadError(
            say("This file holds bare numbers, and nothing says what they are: {missing}.", missing=", ".join(missing)),
            say("Say so {where}, for example {example}.", where=where, example=_EXAMPLE),
        )
    try:
        return MosaicDescription.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][:1])
        problem = f"{field}: {first['msg']}" if field else first["msg"].removeprefix("Value error, ")
        raise ImageReadError(
            say("The description of this mosaic is not valid: {problem}.", problem=problem),
            say("Correct it {where}; for example {example}.", where=where, example=_EXAMPLE),
        ) from error


def find_side_car(path: Path) -> Path | None:
    """Return the file beside a bare mosaic that describes it; None where there is none."""
    candidates = (path.with_name(f"{path.name}.json"), path.with_suffix(".json"), path.with_name(COMMON_SIDE_CAR))
    return next((candidate for candidate in candidates if os.path.isfile(candidate)), None)


def _read_side_car(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_MAX_SIDE_CAR_BYTES).decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise ImageReadError(
            say("The description {file} cannot be read as JSON.", file=path.name),
            say("Correct it; for example {example}.", example=_EXAMPLE),
        ) from error
    if not isinstance(content, dict):
        raise ImageReadError(
            say("The description {file} is not a JSON object.", file=path.name),
            say("Correct it; for example {example}.", example=_EXAMPLE),
        )
    return content


def _said_by_name(path: Path) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if size := _SIZE_IN_NAME.search(path.stem):
        said |= {"width": int(size[1]), "height": int(size[2])}
    if order := _ORDER_IN_NAME.search(path.stem):
        said["cfa"] = order[1].upper()
    if bits := _BITS_IN_NAME.search(path.stem):
        said["bit_depth"] = int(bits[1])
    return said


def _check_length(path: Path, description: MosaicDescription) -> None:
    check_size(description.width, description.height, 4 * (_BYTES_PER_PIXEL + 12))
    stated = description.header_bytes + description.width * description.height * _BYTES_PER_PIXEL
    found = path.stat().st_size
    if found < stated:
        raise truncated_error()
    if found > stated:
        raise ImageReadError(
            say(
                "The file holds {found:,} bytes; {width} x {height} numbers of 16 bits take {stated:,}.",
                found=found,
                width=description.width,
                height=description.height,
                stated=stated,
            ),
            "Correct width and height in its description; a header is passed over by header_bytes.",
        )


def _read_levels(path: Path, description: MosaicDescription) -> NDArray[np.uint16]:
    _check_length(path, description)
    try:
        levels = np.fromfile(
            path, "<u2" if description.byte_order == "little" else ">u2", offset=description.header_bytes
        )
    except OSError as error:
        raise ImageReadError(
            say("The file cannot be read from the disk ({strerror}).", strerror=error.strerror),
            "Check the disk, then try again.",
        ) from error
    except MemoryError as error:
        raise ImageReadError(
            "There is not enough memory to open the picture.", "Close other programs, or make the picture smaller."
        ) from error
    return levels.astype(np.uint16, copy=False).reshape(description.height, description.width)


def _check_all_there(levels: NDArray[np.uint16], description: MosaicDescription, path: Path) -> None:
    """Refuse a mosaic that ends in zeros which no sensor measures, or where a copy breaks off.

    Raises:
        ImageReadError: With the share that is missing.
    """
    row = end_within_a_row(levels)
    if row is not None and _ends_as_broken_off(path):
        raise incomplete_error(1 - row / len(levels))
    black = description.black
    if black is not None:
        check_sensor_rows(levels, min(black) if isinstance(black, tuple) else black)


def _ends_as_broken_off(path: Path) -> bool:
    size = path.stat().st_size
    with path.open("rb") as file:

        def read_at(offset: int, num_bytes: int) -> bytes:
            file.seek(offset)
            return file.read(num_bytes)

        return ends_as_broken_off(read_at, size, size, _BYTES_PER_PIXEL)


def _scale(levels: NDArray[np.uint16], description: MosaicDescription) -> NDArray[np.float32]:
    """Subtract the black levels and divide by what lies between them and white.

    Raises:
        ImageReadError: White is not above black.
    """
    white = description.white or _highest_level(levels, description.bit_depth)
    black = description.black
    if black is None:
        black = min(float(np.percentile(levels, _DARKEST_PERCENT)), white * _MAX_BLACK_SHARE)
    blacks = black if isinstance(black, tuple) else (black,) * 4
    if white <= max(blacks):
        raise ImageReadError(
            say(
                "The description of this mosaic is not valid: white ({white:g}) is not above black ({blacks:g}).",
                white=white,
                blacks=max(blacks),
            ),
            "Correct both; they are levels of the file's own numbers.",
        )
    mosaic = levels.astype(np.float32)
    for (row, column), level in zip(np.ndindex(2, 2), blacks, strict=True):
        part = mosaic[row::2, column::2]
        part -= level
        part *= np.float32(1 / (white - level))
    return np.clip(mosaic, 0, 1, out=mosaic)


def _highest_level(levels: NDArray[np.uint16], bit_depth: int | None) -> float:
    if bit_depth is None:
        # The brightest thousandth may be hot pixels.
        brightest = float(np.percentile(levels, _BRIGHTEST_PERCENT))
        bit_depth = next(bits for bits in (8, 10, 12, 14, 16) if brightest < 2**bits)
    return 2.0**bit_depth - 1


def find_recorded_order(mosaic: NDArray[np.float32], stated: FilterOrder) -> FilterOrder:
    """The order in which the samples lie where the sensor measured them.

    Some test recordings in "all four orders" are one recording: its red, green and blue samples were written to the
    places that another order has for them, up to a pixel from where the sensor measured them. Taken at its word such a
    file shows every edge twice. Where samples truly lie is told by the picture: at their own places neighbours agree
    best.

    Args:
        mosaic: Linear, 0 to 1. Shape: (height, width).
        stated: The order of the file.

    Returns:
        The stated order, unless another is clearly smoother.
    """
    if min(mosaic.shape) < 2 * _SURROUNDINGS_PX:
        return stated
    height, width = (side // 2 * 2 for side in mosaic.shape)
    # The logarithm and the subtraction of the surroundings leave the detail that all colours share.
    detail = np.log(np.maximum(mosaic[:height, :width], _DARKEST))
    for row, column in np.ndindex(2, 2):
        part = detail[row::2, column::2]
        part -= cv2.blur(part, (_SURROUNDINGS_PX, _SURROUNDINGS_PX))
    roughness = {order: _roughness(rearrange(detail, stated, order)) for order in FILTER_ORDERS}
    smoothest = min(FILTER_ORDERS, key=lambda order: roughness[order])
    return smoothest if roughness[smoothest] < _CLEARLY_SMOOTHER * roughness[stated] else stated


def rearrange(mosaic: NDArray[np.float32], stated: FilterOrder, recorded: FilterOrder) -> NDArray[np.float32]:
    """Put each sample of a cell where its colour lies in another order; the greens keep their sequence.

    Args:
        mosaic: Shape: (height, width); an odd last row or column, which has no whole cells, stays as it is.
        stated: The order of the file.
        recorded: The order of the result.
    """
    if stated == recorded:
        return mosaic
    height, width = (side // 2 * 2 for side in mosaic.shape)
    rearranged = mosaic.copy()
    for source, target in zip(_places(stated), _places(recorded), strict=True):
        rearranged[target[0] : height : 2, target[1] : width : 2] = mosaic[
            source[0] : height : 2, source[1] : width : 2
        ]
    return rearranged


def _places(order: FilterOrder) -> list[tuple[int, int]]:
    """Row and column of red, the first green, the second green and blue."""
    positions = sorted(range(4), key=lambda position: ("RGB".index(order[position]), position))
    return [divmod(position, 2) for position in positions]


def _roughness(detail: NDArray[np.float32]) -> float:
    return float(np.abs(np.diff(detail, axis=0)).mean() + np.abs(np.diff(detail, axis=1)).mean())
