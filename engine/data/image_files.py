"""The only reader and writer of photos.

Whatever a file is, reading gives an upright `PhotoImage` or raises `ImageReadError`; the format is decided by content,
not by the file's name. Of animations and files with several pages the first picture is read. Raw files are developed.
"""

import errno
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from engine.atomic_files import write_bytes_atomically
from engine.data import image_decoding, image_encoding, raw_files
from engine.data.exif_blocks import mark_upright, read_exif_orientation
from engine.data.image_formats import IMAGE_SUFFIXES, SIGNATURE_BYTES, SUFFIXES_OF_FORMATS, FileContent
from engine.data.orientation import turn_upright
from engine.data.photo_image import BitDepth, FileFormat, ImageInfo, ImageMetadata, PhotoImage
from engine.data.raw_mosaic import RawMosaic
from engine.errors import ImageReadError, ImageWriteError
from engine.events import Pixels

__all__ = [
    "IMAGE_SUFFIXES",
    "BitDepth",
    "FileFormat",
    "ImageInfo",
    "ImageMetadata",
    "PhotoImage",
    "format_of_name",
    "is_raw_file",
    "probe_image",
    "read_image",
    "read_independent_pixels",
    "read_raw_mosaic",
    "read_thumbnail",
    "usual_suffix",
    "write_image",
]

_MID_GRAY = 0.5


def read_image(path: Path) -> PhotoImage:
    """Read a photo, turned upright.

    Palettes and single bits are expanded; CMYK and L*a*b* become sRGB; gray stays gray. A raw file is developed in the
    plainest way, see `engine.data.raw_mosaic`.

    Args:
        path: The file.

    Returns:
        The photo; its metadata says how to write it back alike.

    Raises:
        ImageReadError: The file cannot be read as a photo, with the reason and what to do.
    """
    with _open_photo(path) as (file, content):
        if content == "camera raw" or content == "bare mosaic":
            return raw_files.read_raw_photo(path, content)
        file_format = content
        decoded = image_decoding.decode(file, file_format)
    orientation = read_exif_orientation(decoded.exif or b"")
    samples = turn_upright(decoded.samples, orientation)
    num_colours = 1 if samples.shape[2] <= 2 else 3
    return PhotoImage(
        _to_float(samples[:, :, :num_colours]),
        _to_float(samples[:, :, num_colours]) if samples.shape[2] in (2, 4) else None,
        ImageMetadata(
            file_format=file_format,
            bit_depth=decoded.bit_depth,
            icc_profile=decoded.icc_profile,
            exif=mark_upright(decoded.exif) if decoded.exif else None,
            is_lossless=decoded.is_lossless,
        ),
    )


def read_independent_pixels(path: Path) -> PhotoImage:
    """Read a photo for learning from its noise: of a raw file each 2x2 cell of filters becomes one pixel.

    Nothing is interpolated then, so that the noise of neighbours stays independent; the photo has half the size.

    Raises:
        ImageReadError: As `read_image`.
    """
    with _open_photo(path) as (_, content):
        if content == "camera raw" or content == "bare mosaic":
            return raw_files.read_raw_superpixels(path, content)
    return read_image(path)


def read_raw_mosaic(path: Path) -> RawMosaic:
    """Read what a camera's sensor recorded.

    Raises:
        NotAMosaicError: The file is a photo, or a raw file without Bayer mosaic.
        ImageReadError: The file cannot be read.
    """
    with _open_photo(path) as (_, content):
        return raw_files.read_mosaic(path, content)


def is_raw_file(path: Path) -> bool:
    """Tell whether a file is a raw file of any kind, by its content where that tells.

    Raises:
        ImageReadError: It is of no supported kind.
    """
    with _open_photo(path) as (_, content):
        return content == "camera raw" or content == "bare mosaic"


def probe_image(path: Path) -> ImageInfo:
    """Read a photo's header alone: fast, and no promise that the rest of the file is whole.

    Args:
        path: The file.

    Returns:
        Size after EXIF orientation, channels, bit depth and format.

    Raises:
        ImageReadError: The header shows that the file cannot be read as a photo.
    """
    with _open_photo(path) as (file, content):
        if content == "camera raw" or content == "bare mosaic":
            return raw_files.probe_raw(path, content)
        info, orientation = image_decoding.probe(file, content)
    if orientation < 5:
        return info
    return ImageInfo(
        width=info.height,
        height=info.width,
        num_channels=info.num_channels,
        bit_depth=info.bit_depth,
        file_format=info.file_format,
    )


def read_thumbnail(path: Path, max_side_px: int) -> NDArray[np.uint8]:
    """Read a small upright version; JPEG decodes no more detail than is asked for, raw files show their preview.

    Args:
        path: The file.
        max_side_px: The longer side; smaller photos are not enlarged.

    Returns:
        Height x width x 3, uint8, sRGB or as the profile says; transparency is shown over mid-gray.

    Raises:
        ImageReadError: As `read_image`.
    """
    if max_side_px < 1:
        raise ValueError(f"max_side_px must be at least 1; found {max_side_px}")
    with _open_photo(path) as (file, content):
        if content == "camera raw" or content == "bare mosaic":
            return raw_files.read_raw_thumbnail(path, content, max_side_px)
        samples, orientation = image_decoding.decode_reduced(file, content, max_side_px)
    samples = turn_upright(samples, orientation)
    num_colours = 1 if samples.shape[2] <= 2 else 3
    colours = np.broadcast_to(samples[:, :, :num_colours], (*samples.shape[:2], 3))
    if samples.shape[2] in (2, 4):
        alpha = _to_float(samples[:, :, num_colours:])
        colours = np.rint(colours * alpha + 255 * _MID_GRAY * (1 - alpha)).astype(np.uint8)
    return np.ascontiguousarray(colours)


def write_image(
    path: Path,
    image: PhotoImage,
    *,
    file_format: FileFormat | None = None,
    bit_depth: BitDepth | None = None,
    jpeg_quality: int = 95,
    keep_metadata: bool = True,
) -> None:
    """Write a photo, whole or not at all.

    Args:
        path: The file; its folder must exist.
        image: Values outside of 0 to 1 are clipped.
        file_format: None: as the path's ending says, or else the format that the photo was read from.
        bit_depth: Bits per channel; None: as the photo was read, or 8 where the format holds no more.
        jpeg_quality: 1 to 100, of JPEG and of lossy WebP.
        keep_metadata: Whether the EXIF and the ICC profile are written, where the format has a place for them (BMP has
            none).

    Raises:
        ImageWriteError: The format cannot hold the photo, or the file cannot be written.
    """
    file_format = file_format or format_of_name(path) or image.metadata.file_format
    if bit_depth is None:
        bit_depth = 8 if image_encoding.max_bit_depth(file_format) == 8 else image.metadata.bit_depth
    image_encoding.check_can_hold(file_format, image.width, image.height, bit_depth, image.alpha is not None)
    channels = image.pixels if image.alpha is None else np.dstack([image.pixels, image.alpha])
    metadata = image.metadata
    content = image_encoding.encode(
        _to_integers(channels, bit_depth),
        file_format,
        quality=jpeg_quality,
        is_lossless=metadata.is_lossless and metadata.file_format == "webp",
        icc_profile=metadata.icc_profile if keep_metadata else None,
        exif=metadata.exif if keep_metadata else None,
    )
    try:
        write_bytes_atomically(path, content)
    except OSError as error:
        raise _write_error(path, error) from error


def format_of_name(path: Path) -> FileFormat | None:
    """Return the format that a file's name promises; None where its ending is not one of a photo."""
    suffix = path.suffix.lower()
    for file_format, suffixes in SUFFIXES_OF_FORMATS.items():
        if suffix in suffixes:
            return file_format
    return None


def usual_suffix(file_format: FileFormat) -> str:
    """Return the usual ending of a format's files, with its dot."""
    return SUFFIXES_OF_FORMATS[file_format][0]


@contextmanager
def _open_photo(path: Path) -> Iterator[tuple[BinaryIO, FileContent]]:
    """Open a regular file and tell its format by content.

    Raises:
        ImageReadError: It cannot be opened, or is of no supported format.
    """
    try:
        # Opening a pipe would wait for a writer for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            kind = "a folder" if path.is_dir() else "a device or pipe"
            raise ImageReadError(f"This is {kind}, not a file.", "Choose a file.")
        file = path.open("rb")
    except FileNotFoundError as error:
        raise ImageReadError("The file is not there.", "It may have been moved or deleted; add it again.") from error
    except PermissionError as error:
        raise ImageReadError("The file may not be read.", "Change its permissions, or copy it elsewhere.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageReadError(f"The file cannot be opened ({reason}).", "Check the disk, then try again.") from error
    with file:
        try:
            start = file.read(SIGNATURE_BYTES)
        except OSError as error:
            raise ImageReadError(
                f"The file cannot be read from the disk ({error.strerror}).", "Check the disk, then try again."
            ) from error
        yield file, raw_files.identify(path, file, start)


def _to_float(samples: NDArray[Any]) -> NDArray[np.float32]:
    if samples.dtype.kind == "f":
        return np.ascontiguousarray(samples, dtype=np.float32)
    scaled: NDArray[np.float32] = samples.astype(np.float32)
    scaled *= np.float32(1 / np.iinfo(samples.dtype).max)
    return scaled


def _to_integers(channels: Pixels, bit_depth: BitDepth) -> NDArray[Any]:
    if not np.isfinite(channels).all():
        raise ImageWriteError(
            "The restored picture holds values that are no numbers.",
            "Restore it again with another model, and report this.",
        )
    scaled = np.rint(np.clip(channels, 0, 1) * np.float32(2**bit_depth - 1))
    integers: NDArray[Any] = scaled.astype(np.uint8 if bit_depth == 8 else np.uint16)
    return integers


def _write_error(path: Path, error: OSError) -> ImageWriteError:
    if error.errno == errno.ENOSPC:
        return ImageWriteError("The disk is full.", "Free some space or choose another folder, then try again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ImageWriteError(f"The folder {path.parent} may not be written.", "Choose another folder.")
    if error.errno == errno.ENOENT:
        return ImageWriteError(f"The folder {path.parent} is not there.", "Choose another folder.")
    return ImageWriteError(
        f"{path.name} cannot be written ({error.strerror or error}).", "Choose another folder or a shorter name."
    )
