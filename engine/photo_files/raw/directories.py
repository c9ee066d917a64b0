"""What the TIFF directories of a raw file say of the sensor's picture, beside what LibRaw tells.

LibRaw neither says where the parts of the picture lie in the file, nor hands out what DNG describes beyond one black
level a colour: the black levels' pattern, the crop, the lists of corrections. Nearly all makers' formats have such
directories; only a DNG's say what its pixels mean (DNG 1.7, chapter 6). They come from strangers: every offset is
checked, every list is bounded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.contracts.errors import ImageReadError
from engine.photo_files.exif import BYTES_PER_VALUE, ByteOrder, ExifEntry, InvalidExifError
from engine.photo_files.missing.coded_holes import SMALLEST_HOLE_BYTES, find_hole_in_jpeg, find_zeros
from engine.photo_files.sensors.camera_space import (
    AS_SHOT_NEUTRAL,
    CALIBRATION_ILLUMINANT_1,
    COLOR_MATRIX_1,
    THIRD_ILLUMINANT_TAGS,
    UNIQUE_CAMERA_MODEL,
    DngTag,
    in_other_order,
)
from engine.photo_files.tiff.directories import read_directories
from engine.translatable import say

JPEG: Final = 7
LOSSY_JPEG: Final = 34892

_CFA: Final = 32803
_LINEAR_RAW: Final = 34892
_NEW_SUBFILE_TYPE: Final = 254
_IMAGE_WIDTH: Final = 256
_IMAGE_LENGTH: Final = 257
_BITS_PER_SAMPLE: Final = 258
_COMPRESSION: Final = 259
_NOT_COMPRESSED: Final = 1
_PHOTOMETRIC: Final = 262
_STRIP_OFFSETS: Final = 273
_SAMPLES_PER_PIXEL: Final = 277
_STRIP_BYTE_COUNTS: Final = 279
_TILE_WIDTH: Final = 322
_TILE_LENGTH: Final = 323
_TILE_OFFSETS: Final = 324
_TILE_BYTE_COUNTS: Final = 325
_SAMPLE_FORMAT: Final = 339
_FLOATING_POINT: Final = 3
_DNG_VERSION: Final = 50706
_BLACK_REPEAT: Final = 50713
_BLACK_LEVEL: Final = 50714
_BLACK_DELTA_H: Final = 50715
_BLACK_DELTA_V: Final = 50716
_CROP_ORIGIN: Final = 50719
_CROP_SIZE: Final = 50720
_ACTIVE_AREA: Final = 50829
_OPCODE_LISTS: Final = (51008, 51009, 51022)

WRITER: Final = 50966
"""PreviewApplicationName."""
OWN_NAME: Final = b"Residua\x00"

_MAX_DIRECTORIES: Final = 40
_MAX_BLACK_PATTERN: Final = 4096
_IN_A_HEADER_OF_ITS_OWN: Final = 0xFFFFFFFF
_SMALLEST_HOLE_BYTES: Final = 512
_JPEG_START: Final = b"\xff\xd8"
_JPEG_END: Final = b"\xff\xd9"
_TYPE_CODES: Final = {
    1: "u1",
    3: "u2",
    4: "u4",
    5: "u4",
    6: "i1",
    8: "i2",
    9: "i4",
    10: "i4",
    11: "f4",
    12: "f8",
    16: "u8",
    17: "i8",
}
_SIGNED_RATIONAL: Final = 10
_RATIONALS: Final = (5, _SIGNED_RATIONAL)

# DNG 1.7.1, Compression; what no decoder here knows, and what makes of it a file that can be read.
_UNREADABLE_COMPRESSIONS: Final = {52546: "JPEG XL", 9: "GoPro's VC-5"}
_READABLE_COMPRESSIONS: Final = frozenset({1, JPEG, 8, 32946, LOSSY_JPEG})


_TAGS_OF_COLOURS: Final = THIRD_ILLUMINANT_TAGS | {
    UNIQUE_CAMERA_MODEL,
    50709,  # LocalizedCameraModel
    COLOR_MATRIX_1,
    50722,  # ColorMatrix2
    50723,  # CameraCalibration1
    50724,  # CameraCalibration2
    50727,  # AnalogBalance
    AS_SHOT_NEUTRAL,
    50729,  # AsShotWhiteXY
    50730,  # BaselineExposure
    50732,  # BaselineSharpness
    50734,  # LinearResponseLimit
    50739,  # ShadowScale
    CALIBRATION_ILLUMINANT_1,
    50779,  # CalibrationIlluminant2
    50931,  # CameraCalibrationSignature
    50932,  # ProfileCalibrationSignature
    *range(50936, 50943),  # ProfileName, ProfileHueSatMap..., ProfileToneCurve, ProfileEmbedPolicy, ProfileCopyright
    50964,  # ForwardMatrix1
    50965,  # ForwardMatrix2
    50981,  # ProfileLookTableDims
    50982,  # ProfileLookTableData
    51107,  # ProfileHueSatMapEncoding
    51108,  # ProfileLookTableEncoding
    51109,  # BaselineExposureOffset
    51110,  # DefaultBlackRender
}
"""Those of a DNG's main directory that stay true when its picture is demosaicked and denoised."""
_LARGEST_TAG_BYTES: Final = 8 * 2**20


@dataclass(frozen=True, kw_only=True)
class Area:
    """Rows and columns, with their first and without their last."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, kw_only=True, eq=False)
class BlackLevels:
    """What a sensor measures without light (DNG 1.7, BlackLevel and the tags around it).

    Attributes:
        pattern: Repeats over the active area from its top left on. Shape: (rows, columns, samples of a pixel).
        of_columns: Added in each column of the active area. Shape: (columns,); of length 0 where nothing is.
        of_rows: Likewise in each row.
    """

    pattern: NDArray[np.float32]
    of_columns: NDArray[np.float32]
    of_rows: NDArray[np.float32]

    def highest(self) -> NDArray[np.float32]:
        """The highest level of each sample of a pixel. Shape: (samples,)."""
        deltas = sum(float(values.max(initial=-np.inf)) for values in (self.of_columns, self.of_rows) if values.size)
        highest: NDArray[np.float32] = self.pattern.max(axis=(0, 1)) + np.float32(deltas)
        return highest

    def lowest(self) -> float:
        """The lowest level of all."""
        deltas = sum(float(values.min(initial=np.inf)) for values in (self.of_columns, self.of_rows) if values.size)
        return float(self.pattern.min()) + deltas

    def of_area(self, area: Area) -> NDArray[np.float32]:
        """The levels of an area, its rows and columns counted from the active area's. Shape: (rows, columns, samples).

        The deltas' last value stands for what lies beyond them.
        """
        rows, columns = np.arange(area.top, area.bottom), np.arange(area.left, area.right)
        levels = self.pattern[np.ix_(rows % self.pattern.shape[0], columns % self.pattern.shape[1])]
        if self.of_columns.size:
            levels = levels + self.of_columns[np.clip(columns, 0, self.of_columns.size - 1)][None, :, None]
        if self.of_rows.size:
            levels = levels + self.of_rows[np.clip(rows, 0, self.of_rows.size - 1)][:, None, None]
        return levels


@dataclass(frozen=True, kw_only=True, eq=False)
class SensorDirectory:
    """The directory of the sensor's picture.

    Attributes:
        is_dng: Whether the file is a DNG; else nothing but the parts is known.
        is_own: Whether it is a DNG that this program has written.
        size: Rows and columns of recorded pixels.
        compression: As TIFF numbers it; 0 where the file does not say.
        parts: Where the strips or tiles begin and how many bytes they have.
        bits: Of a sample; 0 where the file does not say.
        tile_size: Rows and columns of a tile; None: the parts are strips.
        active_area: Of the recorded pixels, those that light fell on; None: all.
        crop: What the picture shortly is, counted from the active area; None: all of that.
        blacks: None where the file says nothing of them.
        opcode_lists: OpcodeList1 to 3; empty where there is none.
    """

    is_dng: bool
    is_own: bool = False
    size: tuple[int, int]
    compression: int
    parts: tuple[tuple[int, int], ...]
    bits: int = 0
    tile_size: tuple[int, int] | None = None
    active_area: Area | None = None
    crop: Area | None = None
    blacks: BlackLevels | None = None
    opcode_lists: tuple[bytes, bytes, bytes] = (b"", b"", b"")

    @property
    def is_plain(self) -> bool:
        """Whether the pixels lie in the file as they are."""
        return self.compression == _NOT_COMPRESSED


def find_sensor_directory(content: bytes) -> SensorDirectory | None:
    """Find the directory of the largest picture of a sensor; None where the file has none that can be read.

    Args:
        content: The whole file.
    """
    is_dng = is_own = False
    order: ByteOrder = "<"
    found: list[tuple[tuple[int, int], Mapping[int, ExifEntry]]] = []
    try:
        for entries, order in read_directories(content, _MAX_DIRECTORIES):
            by_tag = {entry.tag: entry for entry in entries}
            is_dng = is_dng or _DNG_VERSION in by_tag
            is_own = is_own or (WRITER in by_tag and bytes(by_tag[WRITER].value) == OWN_NAME)
            subfile_type = _number(by_tag, _NEW_SUBFILE_TYPE, order)
            if _number(by_tag, _PHOTOMETRIC, order) in (_CFA, _LINEAR_RAW) and subfile_type in (None, 0):
                height, width = (_number(by_tag, tag, order) or 0 for tag in (_IMAGE_LENGTH, _IMAGE_WIDTH))
                found.append(((height, width), by_tag))
    except InvalidExifError:
        return None
    if not found:
        return None
    size, directory = max(found, key=lambda each: each[0][0] * each[0][1])
    parts = _parts(directory, order)
    compression = _number(directory, _COMPRESSION, order) or 0
    bits = _number(directory, _BITS_PER_SAMPLE, order) or 0
    sides = [_number(directory, tag, order) or 0 for tag in (_TILE_LENGTH, _TILE_WIDTH)]
    tile_size = (sides[0], sides[1]) if _TILE_OFFSETS in directory and all(sides) else None
    if not is_dng:
        return SensorDirectory(
            is_dng=False, size=size, compression=compression, parts=parts, bits=bits, tile_size=tile_size
        )
    lists = tuple(bytes(directory[tag].value) if tag in directory else b"" for tag in _OPCODE_LISTS)
    return SensorDirectory(
        is_dng=True,
        is_own=is_own,
        size=size,
        compression=compression,
        parts=parts,
        bits=bits,
        tile_size=tile_size,
        active_area=_active_area(directory, order),
        crop=_crop(directory, order),
        blacks=_blacks(directory, order),
        opcode_lists=(lists[0], lists[1], lists[2]),
    )


def read_colour_tags(content: bytes) -> tuple[DngTag, ...]:
    """Return what a DNG says of its camera's colours; nothing where the file is none, or has no matrix for three.

    Args:
        content: The whole file.
    """
    try:
        entries, order = next(read_directories(content, 1))
    except (InvalidExifError, StopIteration):
        return ()
    by_tag = {entry.tag: entry for entry in entries}
    matrix = by_tag.get(COLOR_MATRIX_1)
    if _DNG_VERSION not in by_tag or matrix is None or matrix.count != 9 or matrix.value_type != _SIGNED_RATIONAL:
        return ()
    return tuple(
        DngTag(entry.tag, entry.value_type, entry.count, in_other_order(bytes(entry.value), entry.value_type, order))
        for entry in entries
        if entry.tag in _TAGS_OF_COLOURS
        and entry.value_type in BYTES_PER_VALUE
        and len(entry.value) <= _LARGEST_TAG_BYTES
        and _is_defined(entry, order)
    )


def _is_defined(entry: ExifEntry, order: ByteOrder) -> bool:
    """Tell whether a tag's fractions are numbers; some writers leave zeroths where they know nothing."""
    if entry.value_type not in _RATIONALS:
        return True
    return bool(np.frombuffer(entry.value, np.dtype("u4").newbyteorder(order))[1::2].all())


def missing_share(directory: SensorDirectory, content: bytes) -> float:
    """How much of the sensor's picture the file lacks, as it says itself, 0 to 1.

    Counted are bytes beyond the file's end, and compressed parts that are empty, end in nothing or have holes: where
    copying was broken off, a file of full length may be filled with zeros.
    """
    stated = sum(num_bytes for _, num_bytes in directory.parts)
    missing = 0
    for offset, num_bytes in directory.parts:
        there = min(max(len(content) - offset, 0), num_bytes)
        missing += num_bytes - there
        if there == num_bytes and directory.is_dng and directory.compression in (JPEG, LOSSY_JPEG):
            missing += _num_empty(content, offset, num_bytes) or _num_in_hole(content, offset, num_bytes)
    return missing / stated if stated else 0.0


def check_compression(directory: SensorDirectory) -> None:
    """Refuse a DNG whose picture is packed in a way that no decoder here knows, by the name of that.

    Raises:
        ImageReadError: It is.
    """
    if not directory.is_dng or directory.compression in _READABLE_COMPRESSIONS or not directory.compression:
        return
    hint = "Convert it with Adobe DNG Converter to a DNG that is not lossy, or with the camera's program to TIFF."
    name = _UNREADABLE_COMPRESSIONS.get(directory.compression)
    if name is None:
        raise ImageReadError(
            say(
                "The picture in this DNG is compressed in a way that cannot be read (number {compression}).",
                compression=directory.compression,
            ),
            hint,
        )
    raise ImageReadError(
        say("The picture in this DNG is compressed with {name}, which cannot be read.", name=name), hint
    )


def _num_empty(content: bytes, offset: int, num_bytes: int) -> int:
    """How many bytes at the end of a JPEG part hold nothing: all, or zeros without an end mark before them."""
    if content[offset : offset + 2] != _JPEG_START:
        return num_bytes
    end = offset + num_bytes
    if any(content[max(end - _SMALLEST_HOLE_BYTES, offset) : end]):
        return 0
    length = len(content[offset:end].rstrip(b"\x00"))
    return 0 if content[offset + length - 2 : offset + length] == _JPEG_END else num_bytes - length


def _num_in_hole(content: bytes, offset: int, num_bytes: int) -> int:
    """How many bytes amid a JPEG part are zeros that were never written over."""
    if find_zeros(content, SMALLEST_HOLE_BYTES, offset, offset + num_bytes) is None:
        return 0
    hole = find_hole_in_jpeg(content[offset : offset + num_bytes])
    return hole.size if hole is not None and hole.is_sure else 0


def _parts(directory: Mapping[int, ExifEntry], order: ByteOrder) -> tuple[tuple[int, int], ...]:
    for tags in ((_TILE_OFFSETS, _TILE_BYTE_COUNTS), (_STRIP_OFFSETS, _STRIP_BYTE_COUNTS)):
        offsets, sizes = (_values(directory, tag, order) for tag in tags)
        if offsets.size and offsets.size == sizes.size:
            pairs = zip(offsets.tolist(), sizes.tolist(), strict=True)
            # Panasonic's cameras say elsewhere where the picture lies.
            return tuple((int(at), int(size)) for at, size in pairs if at != _IN_A_HEADER_OF_ITS_OWN)
    return ()


def _active_area(directory: Mapping[int, ExifEntry], order: ByteOrder) -> Area | None:
    values = _values(directory, _ACTIVE_AREA, order)
    if values.size != 4:
        return None
    top, left, bottom, right = (int(value) for value in values)
    return Area(top=top, left=left, bottom=bottom, right=right) if top < bottom and left < right else None


def _crop(directory: Mapping[int, ExifEntry], order: ByteOrder) -> Area | None:
    """Sides that are no whole numbers, as of enlarged pixels, are rounded inwards."""
    origin, size = (_values(directory, tag, order) for tag in (_CROP_ORIGIN, _CROP_SIZE))
    if origin.size != 2 or size.size != 2 or not np.isfinite([*origin, *size]).all():
        return None
    left, top = (int(np.ceil(value)) for value in origin)
    right, bottom = (int(np.floor(start + length)) for start, length in zip(origin, size, strict=True))
    return Area(top=top, left=left, bottom=bottom, right=right) if 0 <= top < bottom and 0 <= left < right else None


def _blacks(directory: Mapping[int, ExifEntry], order: ByteOrder) -> BlackLevels | None:
    levels = _values(directory, _BLACK_LEVEL, order)
    repeat = _values(directory, _BLACK_REPEAT, order)
    rows, columns = (int(repeat[0]), int(repeat[1])) if repeat.size == 2 else (1, 1)
    samples = _number(directory, _SAMPLES_PER_PIXEL, order) or 1
    if not levels.size:
        rows, columns, samples, levels = 1, 1, 1, np.zeros(1)
    if not 0 < rows * columns * samples <= _MAX_BLACK_PATTERN or not np.isfinite(levels).all():
        return None
    if levels.size != rows * columns * samples:
        # Some writers state one level for all samples.
        if levels.size != rows * columns:
            return None
        samples = 1
    if _number(directory, _SAMPLE_FORMAT, order) == _FLOATING_POINT:
        # LibRaw spreads them over 16 bits, black level and all.
        return None
    deltas = [_values(directory, tag, order).astype(np.float32) for tag in (_BLACK_DELTA_H, _BLACK_DELTA_V)]
    if not all(np.isfinite(values).all() for values in deltas):
        return None
    pattern = levels.reshape(rows, columns, samples).astype(np.float32)
    return BlackLevels(pattern=pattern, of_columns=deltas[0], of_rows=deltas[1])


def _number(directory: Mapping[int, ExifEntry], tag: int, order: ByteOrder) -> int | None:
    """The first value of a tag; None where there is none that is a number."""
    values = _values(directory, tag, order)
    return int(values[0]) if values.size and np.isfinite(values[0]) else None


def _values(directory: Mapping[int, ExifEntry], tag: int, order: ByteOrder) -> NDArray[np.float64]:
    """All values of a tag; of length 0 where it is missing or of no number. Fractions of zeroths are infinite."""
    entry = directory.get(tag)
    # Types 13 and 18 are offsets of four and eight bytes.
    code = None if entry is None else _TYPE_CODES.get({13: 4, 18: 16}.get(entry.value_type, entry.value_type))
    if entry is None or code is None:
        return np.empty(0)
    values = np.frombuffer(entry.value, np.dtype(code).newbyteorder(order)).astype(np.float64)
    if entry.value_type in _RATIONALS:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = values[0::2] / values[1::2]
    return values
