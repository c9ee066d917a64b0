"""From plain samples to the content of PNG, JPEG, WebP, BMP and TIFF files."""

from io import BytesIO
from typing import Any

import cv2
import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.contracts.errors import ImageWriteError
from engine.photo_files.colour.icc_profiles import convert_to_srgb, fitting_profile
from engine.photo_files.exif import InvalidExifError
from engine.photo_files.metadata.png_chunks import insert_png_metadata
from engine.photo_files.photo_image import FileFormat
from engine.photo_files.tiff.files import encode_tiff

_MAX_SIDES: dict[FileFormat, int] = {"jpeg": 65_535, "webp": 16_383}
_FORMATS_WITH_16_BITS: tuple[FileFormat, ...] = ("png", "tiff")
_EXIF_PREFIX = b"Exif\x00\x00"
# Beyond this level deflate takes twice as long for one hundredth of the size on noisy photos.
_PNG_LEVEL = 3


def max_bit_depth(file_format: FileFormat) -> int:
    """Return how many bits per channel a format can hold: 8 or 16."""
    return 16 if file_format in _FORMATS_WITH_16_BITS else 8


def check_can_hold(
    file_format: FileFormat, width: int, height: int, bit_depth: int, has_alpha: bool, has_extra: bool = False
) -> None:
    """Refuse what a format cannot hold.

    Args:
        file_format: Of the new file.
        width: Pixels.
        height: Pixels.
        bit_depth: Bits per channel asked for.
        has_alpha: Whether the photo has transparency.
        has_extra: Whether it has a further channel that is neither colour nor transparency.

    Raises:
        ImageWriteError: With the formats that can hold it.
    """
    name = file_format.upper()
    if bit_depth > max_bit_depth(file_format):
        raise ImageWriteError(f"A {name} file cannot hold {bit_depth} bits per channel.", "Choose PNG or TIFF.")
    if has_alpha and file_format == "jpeg":
        raise ImageWriteError("A JPEG file cannot hold transparency.", "Choose PNG or TIFF.")
    if has_extra and file_format != "tiff":
        raise ImageWriteError(
            f"A {name} file cannot hold a further channel, such as infrared, that is no transparency.", "Choose TIFF."
        )
    longest_side = _MAX_SIDES.get(file_format)
    if longest_side is not None and max(width, height) > longest_side:
        raise ImageWriteError(
            f"A {name} file can be at most {longest_side:,} pixels wide or high; the photo has {width:,} x {height:,}.",
            "Choose PNG or TIFF.",
        )


def encode(
    samples: NDArray[Any],
    file_format: FileFormat,
    *,
    quality: int,
    is_lossless: bool,
    icc_profile: bytes | None,
    exif: bytes | None,
    has_extra: bool = False,
    channels_are_gray: bool = False,
) -> bytes:
    """Return the content of a file.

    Args:
        samples: Height x width x channels as in `DecodedImage`, uint8 or uint16; the format can hold them.
        file_format: Of the file.
        quality: 1 to 100; of JPEG and of lossy WebP.
        is_lossless: Whether a WebP shall be lossless.
        icc_profile: Converted to one of the file's colour model where it is of another; for a format that has no place
            for it, the colours are converted to sRGB.
        exif: The EXIF block, beginning with its byte order mark, at most 64 KB for a JPEG; left out where the format
            has no place for it.
        has_extra: As in `DecodedImage`; for TIFF alone.
        channels_are_gray: Likewise.

    Returns:
        The encoded file.

    Raises:
        ImageWriteError: The encoder failed.
    """
    # WebP stores gray as RGB.
    icc_profile = fitting_profile(icc_profile, 1 if samples.shape[2] <= 2 and file_format != "webp" else 3)
    if file_format == "bmp":
        samples = convert_to_srgb(samples, icc_profile)
    try:
        match file_format:
            case "png":
                plain = imagecodecs.png_encode(np.ascontiguousarray(samples), level=_PNG_LEVEL)
                return insert_png_metadata(bytes(plain), icc_profile, exif)
            case "tiff":
                return encode_tiff(
                    np.ascontiguousarray(samples),
                    icc_profile,
                    exif,
                    has_extra=has_extra,
                    channels_are_gray=channels_are_gray,
                )
            case "jpeg":
                return _encode_jpeg(samples, quality, icc_profile, exif)
            case "webp":
                return _encode_webp(samples, quality, is_lossless, icc_profile, exif)
            case "bmp":
                return _encode_bmp(samples)
    except (OSError, ValueError, RuntimeError, InvalidExifError, cv2.error) as error:
        raise ImageWriteError(
            f"The photo could not be encoded as {file_format.upper()} ({error}).", "Choose another format."
        ) from error
    except MemoryError as error:
        raise ImageWriteError(
            "There is not enough memory to write the photo.", "Close other programs, then try again."
        ) from error


def _encode_jpeg(samples: NDArray[np.uint8], quality: int, icc_profile: bytes | None, exif: bytes | None) -> bytes:
    file = BytesIO()
    _to_pillow(samples).save(
        file,
        "JPEG",
        quality=quality,
        # Full colour resolution: half of it would blur coloured edges that the network has restored.
        subsampling="4:4:4" if quality >= 90 else "4:2:0",
        icc_profile=icc_profile,
        exif=b"" if exif is None else _EXIF_PREFIX + exif,
    )
    return file.getvalue()


def _encode_webp(
    samples: NDArray[np.uint8], quality: int, is_lossless: bool, icc_profile: bytes | None, exif: bytes | None
) -> bytes:
    image = _to_pillow(samples).convert("RGBA" if samples.shape[2] in (2, 4) else "RGB")
    file = BytesIO()
    # exact: colours under full transparency are kept as well.
    image.save(
        file,
        "WEBP",
        quality=quality,
        lossless=is_lossless,
        exact=True,
        icc_profile=icc_profile,
        exif=exif or b"",
    )
    return file.getvalue()


def _encode_bmp(samples: NDArray[np.uint8]) -> bytes:
    conversions = {2: cv2.COLOR_GRAY2BGRA, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    num_channels = samples.shape[2]
    if num_channels == 2:
        pixels = cv2.cvtColor(np.ascontiguousarray(samples[:, :, 0]), conversions[2])
        pixels[:, :, 3] = samples[:, :, 1]
    else:
        pixels = cv2.cvtColor(samples, conversions[num_channels]) if num_channels > 1 else samples
    _, encoded = cv2.imencode(".bmp", pixels)
    return bytes(encoded)


def _to_pillow(samples: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(samples[:, :, 0] if samples.shape[2] == 1 else samples))
