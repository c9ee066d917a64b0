"""Photos of all formats but raw ones: from the file to plain samples."""

import logging
import os
import warnings
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple

import cv2
import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, Image, JpegImagePlugin, WebPImagePlugin
from PIL.ImageFile import ImageFile

from engine.contracts.errors import ImageReadError
from engine.contracts.output_formats import Container
from engine.contracts.photo import PhotoRef
from engine.photo_files.colour.conversion import cmyk_to_rgb
from engine.photo_files.colour.description import (
    narrow_to_full_range,
    png_code_points,
    profile_of_bmp,
    profile_of_exif,
    profile_of_png,
)
from engine.photo_files.exif import extract_exif_thumbnail, read_exif_orientation
from engine.photo_files.formats import (
    FORMAT_TITLES,
    PictureFormat,
    check_size,
    decode_content,
    decoder_errors_as_read_errors,
)
from engine.photo_files.metadata.png_chunks import read_png_header
from engine.photo_files.missing.data import check_bmp, check_jpeg_rows, check_webp, whole_jpeg, whole_png
from engine.photo_files.phone import decode_phone_file, probe_phone_file
from engine.photo_files.photo_image import DecodedImage, ImageInfo
from engine.photo_files.tiff.files import decode_tiff, probe_tiff
from engine.photo_files.tiff.stack_reading import channel_in_stack
from engine.photo_files.values.given import levels_by_hand
from engine.photo_files.values.levels import OF_TYPE, ValueLevels, measure_levels
from engine.photo_files.values.sample_types import to_float
from engine.translatable import say

# Both report each oddity of a file on the console; what matters to a person is raised as an error here.
logging.getLogger("imagecodecs").setLevel(logging.CRITICAL + 1)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.TiffImagePlugin")

_EXIF_PREFIX = b"Exif\x00\x00"
# Its run-length code packs up to 255 pixels into two bytes.
_MAX_BMP_PIXELS_PER_BYTE = 128
_GRAY_PNG_COLOUR_TYPES = (0, 4)
# Below it decoding takes no longer than a glance.
_LARGE_JPEG_PIXELS = 2_000_000
_ASPECT_TOLERANCE = 0.02
_STRETCH_PERCENTILES = (0.1, 99.9)


class PictureHeader(NamedTuple):
    """What a header says before the picture is turned upright.

    Attributes:
        info: Size and kind.
        orientation: EXIF's, 1 to 8.
        exif: The block, where reading the header has met it; never of a TIFF.
    """

    info: ImageInfo
    orientation: int
    exif: bytes | None = None


def probe(file: BinaryIO, file_format: PictureFormat, page_number: int = 1) -> PictureHeader:
    """Read the header alone.

    Args:
        file: The opened file.
        file_format: As `sniff_format` says.
        page_number: From 1; only a TIFF has more than one.

    Raises:
        ImageReadError: The header is damaged or announces what cannot be read.
    """
    with decoder_errors_as_read_errors(FORMAT_TITLES[file_format]):
        if file_format == "tiff":
            return PictureHeader(*probe_tiff(file, page_number))
        if file_format == "heic" or file_format == "avif":
            info, exif = probe_phone_file(file, file_format)
            return PictureHeader(info, read_exif_orientation(exif or b""), exif)
        if file_format == "png":
            header = read_png_header(file)
            check_size(header.width, header.height)
            info = ImageInfo(
                width=header.width,
                height=header.height,
                num_channels=1 if header.colour_type in _GRAY_PNG_COLOUR_TYPES else 3,
                bit_depth=16 if header.bits == 16 else 8,
                file_format="png",
                has_alpha=header.has_alpha,
            )
            return PictureHeader(info, read_exif_orientation(header.exif or b""), header.exif)
        with _open_with_pillow(file, file_format) as image:
            info = ImageInfo(
                width=image.width,
                height=image.height,
                num_channels=1 if image.mode in ("1", "L") else 3,
                bit_depth=8,
                file_format=file_format,
                has_alpha=image.mode in ("LA", "PA", "RGBA", "RGBa") or "transparency" in image.info,
            )
            exif = _pillow_exif(image)
            return PictureHeader(info, read_exif_orientation(exif or b""), exif)


def decode(file: BinaryIO, file_format: PictureFormat, page_number: int = 1) -> DecodedImage:
    """Decode the picture; of several frames the first.

    Args:
        file: The opened file, on a disk.
        file_format: As `sniff_format` says.
        page_number: From 1; only a TIFF has more than one.

    Returns:
        The samples as stored, not turned upright.

    Raises:
        ImageReadError: The file is damaged or of a kind that cannot be read.
    """
    with decoder_errors_as_read_errors(FORMAT_TITLES[file_format]):
        if file_format == "tiff":
            return decode_tiff(file, page_number)
        if file_format == "heic" or file_format == "avif":
            return decode_phone_file(file, file_format)
        if file_format == "png":
            return _decode_png(file)
        with _open_with_pillow(_whole_file(file, file_format), file_format) as image:
            image.load()
            stored_profile = image.info.get("icc_profile") or None
            samples, exif = _pillow_samples(image, stored_profile), _pillow_exif(image)
            if file_format == "jpeg":
                check_jpeg_rows(lambda: _content(file), np.asarray(image))
            return DecodedImage(
                samples=samples,
                bit_depth=8,
                icc_profile=None if image.mode == "CMYK" else stored_profile or _described_profile(file, samples, exif),
                exif=exif,
                is_lossless=file_format == "bmp" or (file_format == "webp" and _is_lossless_webp(file)),
            )


def decode_reduced(
    file: BinaryIO,
    file_format: PictureFormat,
    max_side_px: int,
    page_number: int = 1,
    *,
    stretched: bool = False,
    photo: PhotoRef | None = None,
) -> tuple[NDArray[np.uint8], int]:
    """Decode a small version for a thumbnail, fast where the format allows it.

    Args:
        file: The opened file, on a disk.
        file_format: As `sniff_format` says.
        max_side_px: The longer side, in pixels; smaller pictures stay as they are.
        page_number: From 1; only a TIFF has more than one.
        stretched: Whether the contrast is stretched, see `shrink`.
        photo: Whose black and white count where they are given by hand; None: nobody's.

    Returns:
        Samples, uint8, height x width x channels as in `DecodedImage`, not turned upright; and the orientation.

    Raises:
        ImageReadError: As `decode`.
    """
    if file_format == "jpeg":
        with (
            decoder_errors_as_read_errors(FORMAT_TITLES[file_format]),
            _open_with_pillow(_whole_file(file, file_format), file_format) as image,
        ):
            orientation = read_exif_orientation(_pillow_exif(image) or b"")
            # Lets the decoder skip detail: it takes the smallest of 1/1, 1/2, 1/4, 1/8 that is still large enough.
            image.draft(None, (max_side_px, max_side_px))
            image.load()
            samples: NDArray[Any] = _pillow_samples(image, None)
            check_jpeg_rows(lambda: _content(file), np.asarray(image))
        samples = _between(samples, OF_TYPE, photo)
    else:
        decoded = decode(file, file_format, page_number)
        orientation = read_exif_orientation(decoded.exif or b"")
        samples = _seen(decoded, photo)
    return shrink(samples, max_side_px, stretched=stretched), orientation


def _seen(decoded: DecodedImage, photo: PhotoRef | None) -> NDArray[Any]:
    """Return colours and transparency as a person sees them: of a picture whose levels are measured, between these."""
    samples = decoded.samples[:, :, : decoded.samples.shape[2] - decoded.num_extra]
    num_colours = 1 if samples.shape[2] <= 2 else 3
    measured = measure_levels(samples[:, :, :num_colours], channels_are_gray=decoded.channels_are_gray)
    return _between(samples, measured, photo)


def _between(samples: NDArray[Any], measured: ValueLevels, photo: PhotoRef | None) -> NDArray[Any]:
    """Return colours and transparency between black and white: those by hand where a person has given them."""
    num_colours = 1 if samples.shape[2] <= 2 else 3
    levels = (
        measured
        if photo is None
        else levels_by_hand(photo, measured, samples.dtype.name, num_colours, channel_in_stack=channel_in_stack)
    )
    if levels.are_of_type:
        return to_float(samples) if samples.dtype.kind == "f" else samples
    colours = np.clip(levels.normalised_samples(samples[:, :, :num_colours]), 0, 1)
    return np.concatenate([colours, to_float(samples[:, :, num_colours:])], axis=2)


def decode_embedded_thumbnail(file: BinaryIO) -> tuple[NDArray[np.uint8], int] | None:
    """Decode the small picture that a camera puts into a JPEG file's EXIF block.

    Args:
        file: A JPEG file.

    Returns:
        Samples, uint8, height x width x 3, not turned upright, and the orientation; None where the file is small
        itself, has no such picture, or one of another shape (with black bars, or of the photo before it was cut).
    """
    with decoder_errors_as_read_errors(FORMAT_TITLES["jpeg"]), _open_with_pillow(file, "jpeg") as image:
        exif, (width, height) = _pillow_exif(image), image.size
    thumbnail = extract_exif_thumbnail(exif) if exif and width * height > _LARGE_JPEG_PIXELS else None
    if exif is None or thumbnail is None:
        return None
    try:
        samples, _ = decode_reduced(BytesIO(thumbnail), "jpeg", max(width, height))
    except ImageReadError:
        return None
    if samples.shape[2] != 3 or abs(samples.shape[1] * height / (samples.shape[0] * width) - 1) > _ASPECT_TOLERANCE:
        return None
    return samples, read_exif_orientation(exif)


def shrink(samples: NDArray[Any], max_side_px: int, *, stretched: bool = False) -> NDArray[np.uint8]:
    """Bring a picture to the size and depth of a thumbnail.

    Args:
        samples: Height x width x channels as in `DecodedImage`.
        max_side_px: The longer side; smaller pictures stay as they are.
        stretched: Whether the values are spread over the whole range, for looking alone: all but the most extreme
            0.2 % then lie between black and white.
    """
    height, width = samples.shape[:2]
    scale = max_side_px / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        samples = cv2.resize(samples, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1)
    if stretched:
        return _stretch(samples)
    if samples.dtype == np.uint16:
        samples = samples >> 8
    elif samples.dtype.kind == "f":
        # A transparency of floats is of any size.
        samples = np.rint(np.clip(samples, 0, 1) * 255)
    return samples.astype(np.uint8, copy=False)


def _stretch(samples: NDArray[Any]) -> NDArray[np.uint8]:
    is_float = samples.dtype.kind == "f"
    top = 1.0 if is_float else float(np.iinfo(samples.dtype).max)
    num_colours = 1 if samples.shape[2] <= 2 else 3
    scaled = samples.astype(np.float32) * np.float32(255 / top)
    low, high = np.percentile(scaled[:, :, :num_colours], _STRETCH_PERCENTILES)
    # A picture of one value stays as it is: there is nothing to see in its rounding.
    if high - low >= 255 / (np.iinfo(np.uint16).max if is_float else top):
        scaled[:, :, :num_colours] = (scaled[:, :, :num_colours] - low) * (255 / (high - low))
    stretched: NDArray[np.uint8] = np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)
    return stretched


def _decode_png(file: BinaryIO) -> DecodedImage:
    header = read_png_header(file)
    check_size(header.width, header.height)
    content = _content(file)
    try:
        samples: NDArray[Any] = decode_content(imagecodecs.png_decode, content)
    except (imagecodecs.PngError, ValueError):
        whole = whole_png(content)
        if whole is content:
            raise
        samples = decode_content(imagecodecs.png_decode, whole)
    if samples.ndim == 2:
        samples = samples[:, :, np.newaxis]
    num_colours = 1 if samples.shape[2] <= 2 else 3
    code_points = png_code_points(header.colour_chunks)
    if code_points is not None and not code_points[3]:
        samples = narrow_to_full_range(samples, num_colours)
    return DecodedImage(
        samples=samples,
        bit_depth=16 if samples.dtype == np.uint16 else 8,
        icc_profile=profile_of_png(header.colour_chunks, header.icc_profile, num_colours),
        exif=header.exif,
    )


def _content(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()


def _whole_file(file: BinaryIO, file_format: Container) -> BinaryIO:
    """Return the file, or a JPEG with the end mark that it lacks.

    Raises:
        ImageReadError: Data of its picture are missing.
    """
    content = _content(file)
    if file_format == "jpeg":
        with _open_with_pillow(file, file_format):
            # Refuses what is too large, before it is decoded.
            pass
        whole = whole_jpeg(content)
        return file if whole is content else BytesIO(whole)
    if file_format == "webp":
        check_webp(content)
    elif file_format == "bmp":
        check_bmp(content)
    return file


def _described_profile(file: BinaryIO, samples: NDArray[Any], exif: bytes | None) -> bytes | None:
    """Return a profile made of what the file says of its colours in other words."""
    num_colours = 1 if samples.shape[2] <= 2 else 3

    def read_at(offset: int, size: int) -> bytes:
        file.seek(offset)
        return file.read(size)

    if read_at(0, 2) == b"BM":
        return profile_of_bmp(read_at(0, 138), read_at, num_colours)
    return profile_of_exif(exif, num_colours)


def _open_with_pillow(file: BinaryIO, file_format: Container) -> ImageFile:
    """Open a file by its format's own class.

    `PIL.Image.open` would try other formats too and guard the size by a setting of the whole process.
    """
    file.seek(0)
    openers: dict[Container, type[ImageFile]] = {
        "jpeg": JpegImagePlugin.JpegImageFile,
        "webp": WebPImagePlugin.WebPImageFile,
        "bmp": BmpImagePlugin.BmpImageFile,
    }
    image = openers[file_format](file)
    check_size(*image.size)
    if file_format == "bmp" and image.width * image.height > _MAX_BMP_PIXELS_PER_BYTE * file.seek(0, os.SEEK_END):
        # Pillow would fill what is missing pixel by pixel, in minutes.
        raise ImageReadError(
            say(
                "The file claims a size of {width:,} x {height:,} pixels but is too small to hold them.",
                width=image.width,
                height=image.height,
            ),
            "It is damaged; use another copy.",
        )
    return image


def _pillow_exif(image: ImageFile) -> bytes | None:
    exif = image.info.get("exif")
    return exif.removeprefix(_EXIF_PREFIX) or None if isinstance(exif, bytes) else None


def _pillow_samples(image: Image.Image, icc_profile: bytes | None) -> NDArray[np.uint8]:
    if image.mode == "CMYK":
        return cmyk_to_rgb(np.asarray(image), icc_profile)
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode in ("P", "PA", "RGBa"):
        image = image.convert("RGBA" if image.mode != "P" or "transparency" in image.info else "RGB")
    elif image.mode == "RGBX":
        image = image.convert("RGB")
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        raise ImageReadError(
            say("The picture's colours are of a kind that is not supported ({mode}).", mode=image.mode),
            "Save it as 8 or 16 bit RGB or gray first.",
        )
    samples = np.asarray(image)
    return samples if samples.ndim == 3 else samples[:, :, np.newaxis]


def _is_lossless_webp(file: BinaryIO) -> bool:
    """Tell by the kind of its first image chunk."""
    file.seek(12)
    for _ in range(100):
        head = file.read(8)
        if len(head) < 8 or head[:4] in (b"VP8 ", b"ANMF"):
            return False
        if head[:4] == b"VP8L":
            return True
        size = int.from_bytes(head[4:], "little")
        file.seek(size + size % 2, 1)
    return False
