"""Raw files as mosaics and as photos: camera raw files and bare mosaics through one door.

A raw file serves wherever a photo does. It is then developed here in the plainest way; a demosaicking model takes its
mosaic instead.
"""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from engine.contracts.errors import ImageReadError
from engine.contracts.photo import Pixels
from engine.photo_files.decoding import decode_reduced, shrink
from engine.photo_files.formats import RAW_SUFFIXES, FileContent, sniff_format
from engine.photo_files.orientation import turn_upright
from engine.photo_files.photo_image import ImageInfo, PhotoImage
from engine.photo_files.raw.bare import BARE_SUFFIXES, probe_bare_mosaic, read_bare_mosaic
from engine.photo_files.raw.camera import NotAMosaicError
from engine.photo_files.raw.mosaic import RawMosaic, demosaick_simply, superpixels
from engine.photo_files.raw.process import (
    is_known_to_libraw,
    probe_camera_raw,
    read_camera_colours,
    read_camera_mosaic,
    read_developed,
    read_preview,
)
from engine.photo_files.sensors.tone import ToneCurve, fit_tone
from engine.photo_files.tiff.files import holds_camera_raw

__all__ = [
    "NotAMosaicError",
    "identify",
    "probe_raw",
    "read_camera_colours",
    "read_mosaic",
    "read_raw_photo",
    "read_raw_superpixels",
    "read_raw_thumbnail",
    "read_tone",
]

_TONE_PREVIEW_PX: Final = 160
_MAX_ASPECT_DIFFERENCE: Final = 0.05
_SMALLEST_PREVIEW_SHARE: Final = 0.75


def identify(path: Path, file: BinaryIO, start: bytes) -> FileContent:
    """Tell what a file holds, by content where content tells: nearly all raw files are TIFF inside.

    Args:
        path: Its name decides where the content leaves it open.
        file: The opened file.
        start: Its first bytes.

    Raises:
        ImageReadError: It is of no supported kind.
    """
    suffix = path.suffix.lower()
    try:
        content = sniff_format(start)
    except ImageReadError:
        if start and suffix in BARE_SUFFIXES:
            return "bare mosaic"
        if start and suffix in RAW_SUFFIXES:
            return "camera raw"
        raise
    if content == "tiff" and (holds_camera_raw(file) or (suffix in RAW_SUFFIXES and is_known_to_libraw(path))):
        return "camera raw"
    return content


def read_mosaic(path: Path, content: FileContent) -> RawMosaic:
    """Read what the sensor recorded.

    Args:
        path: The file.
        content: As `identify` says.

    Raises:
        NotAMosaicError: A raw file without Bayer mosaic.
        ImageReadError: The file cannot be read, or is no raw file.
    """
    if content == "bare mosaic":
        return read_bare_mosaic(path)
    if content == "camera raw":
        return read_camera_mosaic(path)
    raise NotAMosaicError(
        "This is a finished picture, not a raw file: it has all its colours already.",
        "Choose a denoising model for it, or give the raw file.",
    )


def read_raw_photo(path: Path, content: FileContent) -> PhotoImage:
    """Develop a raw file by plain interpolation.

    Raises:
        ImageReadError: The file cannot be read.
    """
    return _developed(path, content, demosaick_simply)


def read_raw_superpixels(path: Path, content: FileContent) -> PhotoImage:
    """Develop a raw file at half size without interpolation, so that the noise of neighbours stays independent.

    Raises:
        ImageReadError: The file cannot be read.
    """
    return _developed(
        path, content, lambda raw: demosaick_simply(raw) if min(raw.mosaic.shape) < 2 else superpixels(raw)
    )


def _developed(path: Path, content: FileContent, develop: Callable[[RawMosaic], Pixels]) -> PhotoImage:
    """What is made of a mosaic; a raw file that is none is read as the picture that it is."""
    try:
        raw = read_mosaic(path, content)
    except NotAMosaicError:
        return read_developed(path)
    return PhotoImage(develop(raw), None, raw.metadata)


def probe_raw(path: Path, content: FileContent) -> ImageInfo:
    """Read a raw file's header alone.

    Raises:
        ImageReadError: The header shows that the file cannot be read.
    """
    return probe_bare_mosaic(path) if content == "bare mosaic" else probe_camera_raw(path)


def read_raw_thumbnail(
    path: Path, content: FileContent, max_side_px: int, *, stretched: bool = False
) -> NDArray[np.uint8]:
    """Take the camera's own preview where it is large enough, or else develop at half size.

    Returns:
        Height x width x 3, upright.

    Raises:
        ImageReadError: The file cannot be read.
    """
    preview = _read_large_preview(path, max_side_px) if content == "camera raw" else None
    if preview is not None:
        return shrink(preview, max_side_px, stretched=stretched)
    return shrink(read_raw_superpixels(path, content).pixels, max_side_px, stretched=stretched)


def read_tone(path: Path, content: FileContent, neutral: Pixels) -> ToneCurve:
    """Find the base curve of a raw file.

    Args:
        path: The file.
        content: As `identify` says.
        neutral: What `read_raw_photo` made of it.

    Raises:
        ImageReadError: The file cannot be read (any more).
    """
    return fit_tone(neutral, _read_large_preview(path, _TONE_PREVIEW_PX) if content == "camera raw" else None)


def _read_large_preview(path: Path, max_side_px: int) -> NDArray[np.uint8] | None:
    """Return the preview, upright; None where it is too small, of another shape, gray or damaged."""
    preview, orientation, (height, width) = read_preview(path)
    if preview is None:
        return None
    if isinstance(preview, bytes):
        try:
            samples, own_orientation = decode_reduced(BytesIO(preview), "jpeg", max_side_px)
        except ImageReadError:
            return None
    else:
        samples, own_orientation = shrink(preview, max_side_px), 1
    if samples.shape[2] != 3 or max(samples.shape) < _SMALLEST_PREVIEW_SHARE * min(max_side_px, height, width):
        return None
    aspect = samples.shape[1] / samples.shape[0]
    if own_orientation != 1:
        orientation = own_orientation
    elif orientation >= 5 and abs(aspect * width / height - 1) < _MAX_ASPECT_DIFFERENCE:
        # The camera has turned its preview already.
        return samples
    if abs(aspect * height / width - 1) > _MAX_ASPECT_DIFFERENCE:
        return None
    return np.ascontiguousarray(turn_upright(samples, orientation))
