"""From plain samples to the content of a file, one encoder for each format."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, Final

import cv2
import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.contracts.errors import ImageWriteError
from engine.contracts.output_formats import FORMATS, USUAL_CHOICES, FileChoices, FileFormat
from engine.photo_files.colour.icc_profiles import convert_to_srgb, fitting_profile
from engine.photo_files.exif import InvalidExifError
from engine.photo_files.metadata.png_chunks import insert_png_metadata
from engine.photo_files.raw.linear_dng import encode_linear_dng
from engine.photo_files.sensors.camera_space import CameraSpace
from engine.photo_files.tiff.files import USUAL_FORM, TiffForm, encode_tiff
from engine.photo_files.values.sample_types import USUAL_TYPES, SampleType
from engine.translatable import say

_EXIF_PREFIX = b"Exif\x00\x00"
# Beyond this level deflate takes twice as long for one hundredth of the size on noisy photos.
_PNG_LEVEL = 3


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How a picture is encoded.

    Attributes:
        choices: A person's.
        is_lossless: Whether a WebP shall be lossless.
        icc_profile: Of the file's colour model, if the format has a place for it.
        exif: The EXIF block, beginning with its byte order mark, at most 64 KB for a JPEG; left out where the format
            has no place for it.
        num_extra: As in `DecodedImage`; for TIFF alone.
        channels_are_gray: As in `DecodedImage`; for TIFF alone.
        camera: As in `ImageMetadata`; for DNG alone.
        tiff_form: For TIFF alone.
    """

    choices: FileChoices = USUAL_CHOICES
    is_lossless: bool = False
    icc_profile: bytes | None = None
    exif: bytes | None = None
    num_extra: int = 0
    channels_are_gray: bool = False
    camera: CameraSpace | None = None
    tiff_form: TiffForm = USUAL_FORM


Encoder = Callable[[NDArray[Any], Encoding], bytes]
"""From samples, height x width x channels as in `DecodedImage`, to the content of a file: uint8 or uint16, of formats
that hold "numbers" any `SampleType`."""


def check_can_hold(
    file_format: FileFormat, width: int, height: int, sample_type: SampleType, has_alpha: bool, num_extra: int = 0
) -> None:
    """Refuse what a format cannot hold.

    Args:
        file_format: Of the new file.
        width: Pixels.
        height: Pixels.
        sample_type: Of the numbers asked for.
        has_alpha: Whether the photo has transparency.
        num_extra: Further channels that are neither colour nor transparency.

    Raises:
        ImageWriteError: With the formats that can hold it.
    """
    spec = FORMATS[file_format]
    name, longest_side = spec.name, spec.largest_side_px
    if sample_type not in USUAL_TYPES and "numbers" not in spec.holds:
        raise ImageWriteError(
            say("A {name} file cannot hold numbers of the type {sample_type}.", name=name, sample_type=sample_type),
            "Choose TIFF.",
        )
    bit_depth = 8 * np.dtype(sample_type).itemsize
    if sample_type in USUAL_TYPES and bit_depth > spec.bits:
        raise ImageWriteError(
            say("A {name} file cannot hold {bit_depth} bits per channel.", name=name, bit_depth=bit_depth),
            "Choose PNG or TIFF.",
        )
    if has_alpha and "alpha" not in spec.holds:
        raise ImageWriteError(say("A {name} file cannot hold transparency.", name=name), "Choose PNG or TIFF.")
    if num_extra and "extra" not in spec.holds:
        raise ImageWriteError(
            say("A {name} file cannot hold a further channel, such as infrared, that is no transparency.", name=name),
            "Choose TIFF.",
        )
    if longest_side is not None and max(width, height) > longest_side:
        raise ImageWriteError(
            say(
                "A {name} file can be at most {longest_side:,} pixels wide or high; the photo has {width:,} "
                "x {height:,}.",
                name=name,
                longest_side=longest_side,
                width=width,
                height=height,
            ),
            "Choose PNG or TIFF.",
        )


def encode(samples: NDArray[Any], file_format: FileFormat, wanted: Encoding) -> bytes:
    """Return the content of a file.

    Args:
        samples: Height x width x channels as in `DecodedImage`; the format can hold them.
        file_format: Of the file.
        wanted: How. Its profile is converted to one of the file's colour model where it is of another; for a format
            that has no place for it, the colours are converted to sRGB.

    Raises:
        ImageWriteError: The encoder failed, or the picture is none that is still to be developed.
    """
    spec = FORMATS[file_format]
    if spec.is_of_sensors and (wanted.camera is None or samples.shape[2] != 3):
        raise ImageWriteError(say("Only raw files can become {spec} files.", spec=spec.name), "Choose TIFF.")
    num_colours = 1 if samples.shape[2] - wanted.num_extra <= 2 and "gray" in spec.holds else 3
    wanted = replace(wanted, icc_profile=fitting_profile(wanted.icc_profile, num_colours))
    if "profile" not in spec.holds:
        samples = convert_to_srgb(samples, wanted.icc_profile)
    try:
        return ENCODERS[file_format](samples, wanted)
    except (OSError, ValueError, RuntimeError, InvalidExifError, cv2.error) as error:
        raise ImageWriteError(
            say("The photo could not be encoded as {spec} ({error}).", spec=spec.name, error=error),
            "Choose another format.",
        ) from error
    except MemoryError as error:
        raise ImageWriteError(
            "There is not enough memory to write the photo.", "Close other programs, then try again."
        ) from error


def _encode_png(samples: NDArray[Any], wanted: Encoding) -> bytes:
    plain = imagecodecs.png_encode(np.ascontiguousarray(samples), level=_PNG_LEVEL)
    return insert_png_metadata(bytes(plain), wanted.icc_profile, wanted.exif)


def _encode_tiff(samples: NDArray[Any], wanted: Encoding) -> bytes:
    return encode_tiff(
        np.ascontiguousarray(samples),
        wanted.icc_profile,
        wanted.exif,
        num_extra=wanted.num_extra,
        channels_are_gray=wanted.channels_are_gray,
        form=wanted.tiff_form,
    )


def _encode_jpeg(samples: NDArray[Any], wanted: Encoding) -> bytes:
    file = BytesIO()
    _to_pillow(samples).save(
        file,
        "JPEG",
        quality=wanted.choices.jpeg_quality,
        # Full colour resolution: half of it would blur coloured edges that the network has restored.
        subsampling="4:4:4" if wanted.choices.jpeg_quality >= 90 else "4:2:0",
        icc_profile=wanted.icc_profile,
        exif=b"" if wanted.exif is None else _EXIF_PREFIX + wanted.exif,
    )
    return file.getvalue()


def _encode_webp(samples: NDArray[Any], wanted: Encoding) -> bytes:
    image = _to_pillow(samples).convert("RGBA" if samples.shape[2] in (2, 4) else "RGB")
    file = BytesIO()
    # exact: colours under full transparency are kept as well.
    image.save(
        file,
        "WEBP",
        quality=wanted.choices.jpeg_quality,
        lossless=wanted.is_lossless,
        exact=True,
        icc_profile=wanted.icc_profile,
        exif=wanted.exif or b"",
    )
    return file.getvalue()


def _encode_bmp(samples: NDArray[Any], wanted: Encoding) -> bytes:
    del wanted
    conversions = {2: cv2.COLOR_GRAY2BGRA, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    num_channels = samples.shape[2]
    if num_channels == 2:
        pixels = cv2.cvtColor(np.ascontiguousarray(samples[:, :, 0]), conversions[2])
        pixels[:, :, 3] = samples[:, :, 1]
    else:
        pixels = cv2.cvtColor(samples, conversions[num_channels]) if num_channels > 1 else samples
    _, encoded = cv2.imencode(".bmp", pixels)
    return bytes(encoded)


def _encode_dng(samples: NDArray[Any], wanted: Encoding) -> bytes:
    assert wanted.camera is not None
    return encode_linear_dng(samples, wanted.camera, wanted.exif)


def _to_pillow(samples: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(samples[:, :, 0] if samples.shape[2] == 1 else samples))


ENCODERS: Final[dict[FileFormat, Encoder]] = {
    "png": _encode_png,
    "tiff": _encode_tiff,
    "jpeg": _encode_jpeg,
    "webp": _encode_webp,
    "bmp": _encode_bmp,
    "dng": _encode_dng,
}
"""One for each of `FORMATS`."""
