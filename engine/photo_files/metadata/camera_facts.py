"""What a camera noted beside a photo: which camera, how sensitive, when. Read from the EXIF block."""

import struct
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from engine.contracts.photo import NOTHING_NOTED, CameraFacts
from engine.photo_files.exif import (
    EXIF_DIRECTORY,
    ByteOrder,
    ExifEntry,
    InvalidExifError,
    exif_byte_order,
    read_directory,
)

# Exif 2.32, tables 4 and 8.
_MAKE: Final = 0x010F
_MODEL: Final = 0x0110
_DATE_TIME: Final = 0x0132
_SENSITIVITY: Final = 0x8827
_RECOMMENDED_EXPOSURE_INDEX: Final = 0x8832
_DATE_TIME_ORIGINAL: Final = 0x9003
_SENSITIVITY_IS_ELSEWHERE: Final = 65535
_ASCII: Final = 2
_MAX_ISO: Final = 10_000_000


def read_camera_facts(exif: bytes | None) -> CameraFacts:
    """Read an EXIF block; what it lacks or what is broken stays unknown.

    Args:
        exif: The block, beginning with its byte order mark, or None.
    """
    if not exif:
        return NOTHING_NOTED
    try:
        order = exif_byte_order(exif)
        (offset,) = struct.unpack_from(order + "I", exif, 4)
        main = {entry.tag: entry for entry in read_directory(exif, offset, order)}
    except InvalidExifError:
        return NOTHING_NOTED
    pointer = main.get(EXIF_DIRECTORY)
    details = {entry.tag: entry for entry in (pointer.directory or ())} if pointer is not None else {}
    return CameraFacts(
        camera=_camera(_text(main.get(_MAKE)), _text(main.get(_MODEL))),
        iso=_iso(details, order),
        taken=_time(_text(details.get(_DATE_TIME_ORIGINAL))) or _time(_text(main.get(_DATE_TIME))),
    )


def _camera(make: str, model: str) -> str:
    """Join maker and model, without saying the maker twice: "NIKON CORPORATION", "NIKON D80"."""
    if not make or not model:
        return model or make
    first_word = make.split()[0]
    return model if model.casefold().startswith(first_word.casefold()) else f"{make} {model}"


def _iso(details: Mapping[int, ExifEntry], order: ByteOrder) -> int | None:
    iso = _number(details.get(_SENSITIVITY), order)
    if iso == _SENSITIVITY_IS_ELSEWHERE:
        iso = _number(details.get(_RECOMMENDED_EXPOSURE_INDEX), order) or iso
    return iso if iso is not None and 0 < iso <= _MAX_ISO else None


def _time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text[:19], "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None


def _text(entry: ExifEntry | None) -> str:
    if entry is None or entry.value_type != _ASCII:
        return ""
    text = bytes(entry.value[:200]).split(b"\0")[0].decode("utf-8", "replace")
    return " ".join(text.split())


def _number(entry: ExifEntry | None, order: ByteOrder) -> int | None:
    if entry is None or entry.value_type not in (3, 4):
        return None
    code, size = ("H", 2) if entry.value_type == 3 else ("I", 4)
    return int(struct.unpack(order + code, entry.value[:size])[0])
