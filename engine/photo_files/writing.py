"""The only writer of photos; `engine.photo_files.photos` hands it on."""

import errno
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.contracts.errors import ImageWriteError
from engine.contracts.output_formats import FORMATS, USUAL_CHOICES, FileChoices, FileFormat
from engine.contracts.output_names import split_name
from engine.contracts.photo import PhotoRef
from engine.machine.atomic_files import Publish, put_in_place, write_bytes_atomically
from engine.photo_files import encoding as image_encoding
from engine.photo_files.exif import InvalidExifError
from engine.photo_files.metadata.descriptions import insert_descriptions
from engine.photo_files.metadata.fitting import MetadataPolicy, fit_metadata
from engine.photo_files.metadata.provenance import Provenance, add_provenance
from engine.photo_files.photo_image import BitDepth, PhotoImage, PhotoSamples, as_samples, type_of_bit_depth
from engine.photo_files.tiff.files import USUAL_FORM, TiffForm
from engine.photo_files.values.sample_types import USUAL_TYPES, SampleType, type_of_samples
from engine.translatable import say


def write_image(
    path: Path,
    image: PhotoImage,
    *,
    file_format: FileFormat | None = None,
    bit_depth: BitDepth | None = None,
    jpeg_quality: int = 95,
    metadata: MetadataPolicy = "keep",
    provenance: Provenance | None = None,
) -> None:
    """Write a photo, whole or not at all; see `encode_image`.

    Args:
        path: The file; its folder must exist.
        image: The photo.
        file_format: None: as the path's ending says, or else the format that the photo was read from.
        bit_depth: As for `encode_image`.
        jpeg_quality: As for `encode_image`.
        metadata: As for `encode_image`.
        provenance: As for `encode_image`.

    Raises:
        ImageWriteError: The format cannot hold the photo, or the file cannot be written.
    """
    content = encode_image(
        image,
        file_format=file_format or format_of_name(path) or image.metadata.file_format,
        bit_depth=bit_depth,
        jpeg_quality=jpeg_quality,
        metadata=metadata,
        provenance=provenance,
    )
    write_encoded_image(path, content)


def write_encoded_image(
    path: Path, content: bytes, modified_ns: int | None = None, publish: Publish = put_in_place
) -> None:
    """Write what `encode_image` returned, whole or not at all.

    Args:
        path: The file; its folder must exist.
        content: Of the file.
        modified_ns: When the file counts as modified, nanoseconds since 1970; None: now.
        publish: Gives the finished file its name.

    Raises:
        ImageWriteError: The file cannot be written.
    """
    try:
        write_bytes_atomically(path, content, modified_ns, publish)
    except OSError as error:
        raise write_error(path, error) from error


def encode_image(
    image: PhotoImage,
    *,
    file_format: FileFormat,
    bit_depth: BitDepth | None = None,
    jpeg_quality: int = 95,
    metadata: MetadataPolicy = "keep",
    provenance: Provenance | None = None,
) -> bytes:
    """Return the content of a photo's file.

    Args:
        image: Values outside of the range of the file's type are clipped.
        file_format: Of the file.
        bit_depth: Bits per channel; None: as the photo was read, or the nearest that the format holds. In numbers of
            another type than its own a picture whose levels were measured is spread between black and white.
        jpeg_quality: 1 to 100, of JPEG and of lossy WebP.
        metadata: What of the EXIF is written, where the format has a place for it. The ICC profile always is, or the
            colours are converted to sRGB: without either they would be others.
        provenance: How the photo was restored, written into the file where it has a place for it; None: nothing.

    Raises:
        ImageWriteError: The format cannot hold the photo.
    """
    own_type = image.metadata.type_written
    sample_type = type_that_fits(file_format, own_type) if bit_depth is None else type_of_bit_depth(bit_depth)
    image_encoding.check_can_hold(
        file_format, image.width, image.height, sample_type, image.alpha is not None, _num_extra(image.extra)
    )
    if sample_type != own_type:
        image = image.spread()
    content = encode_samples(
        as_samples(image, sample_type),
        file_format=file_format,
        choices=FileChoices(jpeg_quality=jpeg_quality),
        metadata=metadata,
    )
    return with_provenance(content, file_format, provenance, image.width, image.height)


def encode_samples(
    photo: PhotoSamples,
    *,
    file_format: FileFormat,
    choices: FileChoices = USUAL_CHOICES,
    metadata: MetadataPolicy = "keep",
    tiff_form: TiffForm = USUAL_FORM,
) -> bytes:
    """Return the content of a photo's file.

    What else holds the photo's arrays keeps them in memory beside the file twice over.

    Args:
        photo: In the numbers of the file.
        file_format: As for `encode_image`, and so are the others.
        choices: For the encoder.
        metadata: What of the EXIF is written.
        tiff_form: How a TIFF file's samples are laid down.

    Raises:
        ImageWriteError: The format cannot hold the photo.
    """
    num_extra = _num_extra(photo.extra)
    image_encoding.check_can_hold(
        file_format,
        photo.width,
        photo.height,
        type_of_samples(photo.samples),
        photo.alpha is not None,
        num_extra,
    )
    described = fit_metadata(photo.metadata, file_format, metadata, None, photo.width, photo.height)
    further = [channels for channels in (photo.alpha, photo.extra) if channels is not None]
    content = image_encoding.encode(
        np.dstack([photo.samples, *further]) if further else photo.samples,
        file_format,
        image_encoding.Encoding(
            choices=choices,
            is_lossless=described.is_lossless and described.file_format == "webp",
            icc_profile=described.icc_profile,
            exif=described.exif,
            num_extra=num_extra,
            channels_are_gray=described.channels_are_gray,
            camera=described.camera,
            tiff_form=tiff_form,
        ),
    )
    width, height = photo.width, photo.height
    del photo, further
    try:
        return insert_descriptions(content, file_format, described.descriptions, width, height)
    except (InvalidExifError, ValueError) as error:
        raise ImageWriteError(
            "What the photo's file says of it could not be written.", "Choose to write no metadata, or another format."
        ) from error


def with_provenance(
    content: bytes, file_format: FileFormat, provenance: Provenance | None, width: int, height: int
) -> bytes:
    """Return a photo's file with a note of how the photo was restored.

    Args:
        content: The file, as `encode_samples` made it.
        file_format: Of the file, which may have no place for the note.
        provenance: The note; None: the file stays as it is.
        width: Of the photo, pixels.
        height: Of the photo, pixels.

    Raises:
        ImageWriteError: There is no room for it.
    """
    if provenance is None:
        return content
    try:
        return add_provenance(content, file_format, provenance, width, height)
    except InvalidExifError as error:
        raise ImageWriteError(
            "How the photo was restored could not be written into the file.", "Choose another format."
        ) from error


def type_that_fits(file_format: FileFormat, sample_type: SampleType) -> SampleType:
    """Return the type of a file's numbers that comes nearest to a photo's."""
    spec = FORMATS[file_format]
    if spec.is_of_sensors:
        return "uint16"
    if sample_type not in USUAL_TYPES and "numbers" in spec.holds:
        return sample_type
    return "uint8" if sample_type == "uint8" or spec.bits < 16 else "uint16"


def format_of_name(path: Path) -> FileFormat | None:
    """Return the format that a file's name promises; None where its ending is not one of a photo."""
    suffix = path.suffix.lower()
    return next((name for name, spec in FORMATS.items() if suffix in spec.suffixes), None)


def usual_suffix(file_format: FileFormat) -> str:
    """Return the usual ending of a format's files, with its dot."""
    return FORMATS[file_format].suffixes[0]


def suffix_of_result(photo: PhotoRef, file_format: FileFormat) -> str:
    """Return the ending of a photo's result: the photo's own where it is of the format, else the usual one."""
    if format_of_name(photo.file) != file_format:
        return usual_suffix(file_format)
    return photo.suffix if photo.page else split_name(photo.file.name)[1]


def _num_extra(extra: NDArray[Any] | None) -> int:
    return 0 if extra is None else int(extra.shape[2])


def write_error(path: Path, error: OSError) -> ImageWriteError:
    """Return what to say of a file that the disk does not take."""
    if error.errno == errno.ENOSPC:
        return ImageWriteError("The disk is full.", "Free some space or choose another folder, then try again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ImageWriteError(
            say("The folder {folder} may not be written.", folder=path.parent), "Choose another folder."
        )
    if error.errno == errno.ENOENT:
        return ImageWriteError(say("The folder {folder} is not there.", folder=path.parent), "Choose another folder.")
    return ImageWriteError(
        say("{file} cannot be written ({error}).", file=path.name, error=error.strerror or error),
        "Choose another folder or a shorter name.",
    )
