"""Writing linear DNG: demosaicked, in the camera's own colours, still to be developed (DNG 1.4, chapters 3, 4 and 6).

As in cameras' own files, the main directory shows a thumbnail and says what is true of the photo. Below it lie the
picture itself, without compression, which every program reads, and a larger preview for those that show files quickly.
"""

import struct
from dataclasses import replace
from io import BytesIO
from typing import Any, Final, cast

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from engine import __version__
from engine.photo_files.exif import (
    ORIENTATION,
    ByteOrder,
    ExifEntry,
    InvalidExifError,
    append_exif_to_tiff,
    append_tiff_entries,
    exif_byte_order,
    read_directory,
)
from engine.photo_files.raw.directories import OWN_NAME, WRITER
from engine.photo_files.sensors.camera_space import (
    AS_SHOT_NEUTRAL,
    COLOR_MATRIX_1,
    THIRD_ILLUMINANT_TAGS,
    UNIQUE_CAMERA_MODEL,
    CameraSpace,
    DngTag,
    in_other_order,
    tags_of_rendering,
)
from engine.photo_files.sensors.colour import srgb_from_linear

_LINEAR_RAW: Final = 34892
_SUB_IFDS: Final = 330
_WHITE: Final = 65535
_THUMBNAIL_PX: Final = 256
_PREVIEW_PX: Final = 1600
_PREVIEW_QUALITY: Final = 90
_UNKNOWN_MODEL: Final = "Unknown camera"
_DENOMINATOR: Final = 1_000_000
_BYTE, _ASCII, _SHORT, _LONG, _FRACTION = 1, 2, 3, 4, 5


def encode_linear_dng(samples: NDArray[np.uint16], space: CameraSpace, exif: bytes | None) -> bytes:
    """Return the content of a DNG.

    Args:
        samples: Upright, linear, in the camera's colours, 65535 where the file states its saturation. Shape: (height,
            width, 3).
        space: What the colours mean.
        exif: The EXIF block, beginning with its byte order mark, or None.
    """
    order: ByteOrder = "<"
    if exif is not None:
        try:
            order = exif_byte_order(exif)
        except InvalidExifError:
            exif = None
    preview = _preview(samples, space)
    scale = _THUMBNAIL_PX / max(preview.shape)
    size = [max(1, round(side * min(scale, 1))) for side in preview.shape[1::-1]]
    thumbnail = cv2.resize(preview, size, interpolation=cv2.INTER_AREA)
    height, width = samples.shape[:2]
    file = BytesIO()
    with tifffile.TiffWriter(file, byteorder=cast(Any, order)) as tiff:
        shared: dict[str, Any] = {"metadata": None, "software": False, "planarconfig": "contig"}
        tiff.write(thumbnail, photometric="rgb", subfiletype=1, subifds=2, **shared)
        tiff.write(
            np.ascontiguousarray(samples),
            photometric=_LINEAR_RAW,
            subfiletype=0,
            extratags=[
                (50713, _SHORT, 2, (1, 1), True),  # BlackLevelRepeatDim
                (50714, _SHORT, 3, (0, 0, 0), True),  # BlackLevel
                (50717, _LONG, 3, (_WHITE,) * 3, True),  # WhiteLevel
                (50718, _FRACTION, 2, (1, 1, 1, 1), True),  # DefaultScale
                (50719, _LONG, 2, (0, 0), True),  # DefaultCropOrigin
                (50720, _LONG, 2, (width, height), True),  # DefaultCropSize
                (50780, _FRACTION, 1, (1, 1), True),  # BestQualityScale
                (50829, _LONG, 4, (0, 0, height, width), True),  # ActiveArea
            ],
            **shared,
        )
        # One whole JPEG file, as other programs take it out.
        tiff.write(
            iter([_as_jpeg(preview)]),
            shape=preview.shape,
            dtype=preview.dtype,
            photometric="ycbcr",
            subsampling=(2, 2),
            compression="jpeg",
            subfiletype=1,
            rowsperstrip=preview.shape[0],
            extratags=[(50970, _LONG, 1, 2, True)],  # PreviewColorSpace: sRGB
            **shared,
        )
    if exif is not None:
        append_exif_to_tiff(file, exif)
    append_tiff_entries(file, [*_main_entries(space, order), _sub_directories(file.getbuffer(), order)], order)
    return file.getvalue()


def _sub_directories(content: memoryview, order: ByteOrder) -> ExifEntry:
    """Where the directories below the main one lie, as the long numbers that DNG has for it."""
    (offset,) = struct.unpack_from(order + "I", content, 4)
    (entry,) = (each for each in read_directory(content, offset, order) if each.tag == _SUB_IFDS)
    # Apart from the file, which cannot grow while somebody looks into it.
    return replace(entry, value_type=_LONG, value=memoryview(bytes(entry.value)))


def _main_entries(space: CameraSpace, order: ByteOrder) -> list[ExifEntry]:
    """What makes a TIFF file a DNG."""
    tags = {each.tag: each for each in space.tags or tags_of_rendering(space.camera_to_srgb, space.white_balance)}
    assert COLOR_MATRIX_1 in tags
    version = 6 if tags.keys() & THIRD_ILLUMINANT_TAGS else 4
    tags[50706] = DngTag(50706, _BYTE, 4, bytes((1, version, 0, 0)))  # DNGVersion
    tags[50707] = DngTag(50707, _BYTE, 4, bytes((1, 1, 0, 0)))  # DNGBackwardVersion
    tags[ORIENTATION] = DngTag(ORIENTATION, _SHORT, 1, np.array([1], "<u2").tobytes())
    tags.setdefault(UNIQUE_CAMERA_MODEL, _text_tag(UNIQUE_CAMERA_MODEL, space.model or _UNKNOWN_MODEL))
    neutral = min(space.white_balance) / np.asarray(space.white_balance)
    fractions = np.stack([np.rint(neutral * _DENOMINATOR), np.full(3, _DENOMINATOR)], axis=1)
    tags.setdefault(AS_SHOT_NEUTRAL, DngTag(AS_SHOT_NEUTRAL, _FRACTION, 3, fractions.astype("<u4").tobytes()))
    tags[WRITER] = DngTag(WRITER, _ASCII, len(OWN_NAME), OWN_NAME)
    tags[50967] = _text_tag(50967, __version__)  # PreviewApplicationVersion
    return _as_entries(tuple(tags.values()), order)


def _as_entries(tags: tuple[DngTag, ...], order: ByteOrder) -> list[ExifEntry]:
    """Return tags as entries of a directory."""
    return [
        ExifEntry(
            each.tag, each.value_type, each.num_values, memoryview(in_other_order(each.value, each.value_type, order))
        )
        for each in tags
    ]


def _text_tag(tag: int, text: str) -> DngTag:
    value = text.encode("ascii", "replace") + b"\x00"
    return DngTag(tag, _ASCII, len(value), value)


def _as_jpeg(picture: NDArray[np.uint8]) -> bytes:
    file = BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=_PREVIEW_QUALITY, subsampling="4:2:0")
    return file.getvalue()


def _preview(samples: NDArray[np.uint16], space: CameraSpace) -> NDArray[np.uint8]:
    """What the photo looks like in this program, small. Shape: (height, width, 3), sRGB."""
    height, width = samples.shape[:2]
    scale = min(_PREVIEW_PX / max(height, width), 1)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    reduced = cv2.resize(samples, size, interpolation=cv2.INTER_AREA) if scale < 1 else samples
    light = reduced.astype(np.float32) * (space.gains / np.float32(_WHITE * space.top))
    colours = np.clip(light, 0, 1) @ np.asarray(space.camera_to_srgb, np.float32).T
    shown = srgb_from_linear(np.clip(colours, 0, 1))
    if space.tone is not None:
        shown = space.tone.applied(shown)
    preview: NDArray[np.uint8] = np.rint(shown * np.float32(255)).astype(np.uint8)
    return preview
