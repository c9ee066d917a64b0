"""HEIC and AVIF photos, as phones take them: read, never written.

HEIC is read by libheif through pi-heif, the twin of pillow-heif without the GPL-licensed encoder. What is restored from
these files is written as JPEG, as TIFF where they hold more than 8 bits, or as PNG where they are transparent.
"""

import logging
from typing import Any, BinaryIO, Final, Literal

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin

from engine.contracts.errors import ImageReadError
from engine.contracts.output_formats import FileFormat
from engine.photo_files.colour.description import profile_of_code_points
from engine.photo_files.exif import mark_upright, read_exif_orientation
from engine.photo_files.formats import check_size, decode_content
from engine.photo_files.media_boxes import read_picture_boxes
from engine.photo_files.metadata.descriptions import described_by_xmp
from engine.photo_files.missing.data import check_extents
from engine.photo_files.photo_image import BitDepth, DecodedImage, ImageInfo

logging.getLogger("PIL.AvifImagePlugin").setLevel(logging.CRITICAL + 1)

PhoneFormat = Literal["heic", "avif"]

_EXIF_PREFIX: Final = b"Exif\x00\x00"
_DEPTH_SEARCH_BYTES: Final = 64 * 1024
_HIGH_BIT_DEPTH: Final = 0x40
_TWELVE_BIT: Final = 0x20


def probe_phone_file(file: BinaryIO, phone_format: PhoneFormat) -> tuple[ImageInfo, bytes | None]:
    """Read the header alone.

    Args:
        file: The opened file.
        phone_format: "heic" or "avif".

    Returns:
        What the header says before the picture is turned upright, its format being the one that results are written
        in; and the EXIF block, or None.

    Raises:
        ImageReadError: The header announces what cannot be read.
    """
    if phone_format == "heic":
        picture = _open_heic(file)
        (width, height), mode, exif = picture.size, picture.mode, _upright_exif(picture.info)
        depth: BitDepth = 16 if ";16" in mode else 8
    else:
        with _open_avif(file) as image:
            (width, height), mode, exif = image.size, image.mode, _exif_of(image.info)
        depth = 16 if _avif_bits(file) > 8 else 8
    has_alpha = mode.startswith(("RGBA", "LA"))
    info = ImageInfo(
        width=width,
        height=height,
        num_channels=1 if mode.startswith("L") else 3,
        bit_depth=depth,
        file_format=_written_format(depth, has_alpha),
        has_alpha=has_alpha,
    )
    return info, exif


def decode_phone_file(file: BinaryIO, phone_format: PhoneFormat) -> DecodedImage:
    """Decode the picture; of several the main one.

    Args:
        file: The opened file.
        phone_format: "heic" or "avif".

    Returns:
        The samples, those of a HEIC upright already.

    Raises:
        ImageReadError: The file is of a kind that cannot be read.
    """
    boxes = read_picture_boxes(file)

    def read_at(offset: int, size: int) -> bytes:
        file.seek(offset)
        return file.read(size)

    check_extents(read_at, boxes.extents, has_escapes=phone_format == "heic")
    if phone_format == "heic":
        picture = _open_heic(file)
        # A copy: what `asarray` gives is freed with `picture` (pi-heif 1.4), and reading it then ends the process.
        samples = np.array(picture, copy=True)
        exif, info = _upright_exif(picture.info), picture.info
    else:
        bits = _avif_bits(file)
        with _open_avif(file) as image:
            exif, info = _exif_of(image.info), image.info
            if bits == 8:
                samples = np.asarray(image)
        if bits > 8:
            # Pillow would round to 8 bits.
            file.seek(0)
            samples = _spread_over_16_bits(decode_content(imagecodecs.avif_decode, file.read()), bits)
    if samples.ndim == 2:
        samples = samples[:, :, np.newaxis]
    if samples.shape[2] not in (1, 2, 3, 4):
        raise ImageReadError("The picture's colours are of a kind that is not supported.", "Save it as JPEG first.")
    depth: BitDepth = 16 if samples.dtype == np.uint16 else 8
    icc_profile, xmp = info.get("icc_profile"), info.get("xmp")
    if not icc_profile and boxes.code_points is not None:
        icc_profile = profile_of_code_points(boxes.code_points, 1 if samples.shape[2] <= 2 else 3)
    return DecodedImage(
        samples=samples,
        bit_depth=depth,
        icc_profile=icc_profile or None,
        exif=exif,
        is_lossless=False,
        written_format=_written_format(depth, samples.shape[2] in (2, 4)),
        descriptions=described_by_xmp(xmp if isinstance(xmp, bytes) else None),
    )


def count_heic_images(file: BinaryIO) -> int:
    """Return how many images stand side by side in a HEIC file, without their previews and masks.

    Args:
        file: The opened file, one that can be read.
    """
    return len(_open_heic_container(file))


def _open_heic_container(file: BinaryIO) -> Any:
    # Here and not above: few people have such files.
    import pi_heif

    file.seek(0)
    return pi_heif.open_heif(file, convert_hdr_to_8bit=False)


def _open_heic(file: BinaryIO) -> Any:
    container = _open_heic_container(file)
    picture = container[container.primary_index]
    check_size(*picture.size)
    return picture


def _open_avif(file: BinaryIO) -> AvifImagePlugin.AvifImageFile:
    file.seek(0)
    image = AvifImagePlugin.AvifImageFile(file)
    check_size(*image.size)
    return image


def _avif_bits(file: BinaryIO) -> int:
    """Return the bits per channel, 8, 10 or 12, from the box that configures the decoder.

    AV1 Codec ISO Media File Format Binding, section 2.3.3: the third byte holds the tier, `high_bitdepth` and
    `twelve_bit` in its upper bits.
    """
    file.seek(0)
    start = file.read(_DEPTH_SEARCH_BYTES)
    position = start.find(b"av1C")
    if position < 0 or position + 6 >= len(start):
        return 8
    flags = start[position + 6]
    if not flags & _HIGH_BIT_DEPTH:
        return 8
    return 12 if flags & _TWELVE_BIT else 10


def _spread_over_16_bits(samples: NDArray[Any], bits: int) -> NDArray[np.uint16]:
    top = 2**bits - 1
    spread: NDArray[np.uint16] = np.rint(samples.astype(np.float64) * (65535 / top)).astype(np.uint16)
    return spread


def _exif_of(info: dict[Any, Any]) -> bytes | None:
    exif = info.get("exif")
    return exif.removeprefix(_EXIF_PREFIX) or None if isinstance(exif, bytes) else None


def _upright_exif(info: dict[Any, Any]) -> bytes | None:
    """Return the EXIF block of a picture that libheif has turned upright: its orientation is done with."""
    exif = _exif_of(info)
    if exif is None or read_exif_orientation(exif) == 1:
        return exif
    return mark_upright(exif)


def _written_format(bit_depth: BitDepth, has_alpha: bool) -> FileFormat:
    if bit_depth == 16:
        return "tiff"
    return "png" if has_alpha else "jpeg"
