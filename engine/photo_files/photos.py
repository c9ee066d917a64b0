"""The only reader and writer of photos.

Whatever a file is, reading gives an upright `PhotoImage` or raises `ImageReadError`; the format is decided by content,
not by the file's name. Of animations the first picture is read, of a TIFF file the page that is meant (see `PhotoRef`),
raw files are developed.
"""

import mmap
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.contracts.output_formats import FileFormat, RawLook
from engine.contracts.photo import CameraFacts, PhotoRef, Pixels
from engine.photo_files import decoding as image_decoding
from engine.photo_files.colour.icc_profiles import fitting_profile
from engine.photo_files.exif import mark_upright, read_exif_orientation
from engine.photo_files.formats import IMAGE_SUFFIXES, RAW_CONTENTS, FileContent
from engine.photo_files.metadata.camera_facts import read_camera_facts
from engine.photo_files.metadata.descriptions import GAIN_MAP_REMARK, read_descriptions
from engine.photo_files.metadata.fitting import DAMAGED_EXIF_REMARK, MetadataPolicy
from engine.photo_files.opened_photo import OpenedPhoto, open_photo
from engine.photo_files.orientation import turn_upright
from engine.photo_files.photo_image import (
    BitDepth,
    ImageInfo,
    ImageMetadata,
    PhotoImage,
    PhotoSamples,
)
from engine.photo_files.picture_counts import count_pictures, holds_gain_map, remark_on_pictures
from engine.photo_files.raw import files as raw_files
from engine.photo_files.raw.camera_colours import CameraColours
from engine.photo_files.raw.exif import read_raw_exif
from engine.photo_files.raw.mosaic import RawMosaic, camera_cells
from engine.photo_files.sensors.tone import ToneCurve
from engine.photo_files.tiff.files import read_page_exif
from engine.photo_files.tiff.stack_reading import channel_in_stack
from engine.photo_files.values.given import identity_of_levels, levels_by_hand
from engine.photo_files.values.levels import OF_TYPE, ValueLevels, measure_levels
from engine.photo_files.values.sample_types import to_float
from engine.photo_files.writing import (
    encode_image,
    encode_samples,
    format_of_name,
    usual_suffix,
    with_provenance,
    write_encoded_image,
    write_image,
)

__all__ = [
    "IMAGE_SUFFIXES",
    "BitDepth",
    "FileFormat",
    "ImageInfo",
    "ImageMetadata",
    "MetadataPolicy",
    "PhotoFacts",
    "PhotoImage",
    "PhotoSamples",
    "encode_image",
    "encode_samples",
    "examine_photo",
    "format_of_name",
    "is_raw_file",
    "probe_image",
    "read_camera_cells",
    "read_camera_colours",
    "read_embedded_thumbnail",
    "read_image",
    "read_independent_pixels",
    "read_raw_mosaic",
    "read_samples",
    "read_thumbnail",
    "read_tone",
    "usual_suffix",
    "with_provenance",
    "write_encoded_image",
    "write_image",
]

_MID_GRAY = 0.5

LEVELS_OF_RAW_REMARK = "A raw file keeps the black and white of its camera: those given by hand are not used for it."


@dataclass(frozen=True, kw_only=True)
class PhotoFacts:
    """What a file tells about its photo without being decoded.

    Attributes:
        info: Size and kind, after EXIF orientation.
        content: What the file is.
        num_bytes: Its size on the disk.
        camera: What the camera noted.
        num_pictures: How many pictures the file holds, of which the first is the photo; pages of a TIFF file are not
            counted.
    """

    info: ImageInfo
    content: FileContent
    num_bytes: int
    camera: CameraFacts
    num_pictures: int = 1


def read_image(photo: PhotoRef | Path, *, raw_look: RawLook = "neutral") -> PhotoImage:
    """Read a photo, turned upright.

    Palettes and single bits are expanded; CMYK and L*a*b* become sRGB; gray stays gray. A raw file is developed in the
    plainest way, see `engine.photo_files.raw.mosaic`.

    Args:
        photo: The photo, or its file.
        raw_look: How a raw file is to look; networks see and learn from neutral ones.

    Returns:
        The photo; its metadata says how to write it back alike.

    Raises:
        ImageReadError: The file cannot be read as a photo, with the reason and what to do.
    """
    image = read_samples(photo).as_image()
    tone = read_tone(photo, image.pixels) if raw_look == "camera" else None
    return image if tone is None else image.with_pixels(tone.applied(image.pixels), image.alpha, image.extra)


def read_tone(photo: PhotoRef | Path, neutral: Pixels | None = None) -> ToneCurve | None:
    """Find the base curve by which a raw file looks as in the camera; None for all other photos.

    Args:
        photo: The photo, or its file.
        neutral: What `read_image` makes of it, neutral; None: it is read.

    Raises:
        ImageReadError: The file cannot be read.
    """
    with open_photo(photo) as opened:
        if opened.content not in RAW_CONTENTS:
            return None
        if neutral is None:
            neutral = raw_files.read_raw_photo(opened.path, opened.content).pixels
        return raw_files.read_tone(opened.path, opened.content, neutral)


def read_samples(photo: PhotoRef | Path) -> PhotoSamples:
    """Read a photo as `read_image` does, in the numbers of its file; raw files give floats.

    Raises:
        ImageReadError: As `read_image`.
    """
    ref = PhotoRef.of(photo)
    with open_photo(photo) as opened:
        if opened.content == "camera raw" or opened.content == "bare mosaic":
            developed = raw_files.read_raw_photo(opened.path, opened.content)
            metadata = developed.metadata
            if identity_of_levels(ref):
                metadata = replace(metadata, remarks=(*metadata.remarks, LEVELS_OF_RAW_REMARK))
            return PhotoSamples(developed.pixels, developed.alpha, metadata)
        file_format = opened.content
        decoded = image_decoding.decode(opened.file, file_format, opened.page)
        num_pictures = count_pictures(opened.file, file_format)
        descriptions = decoded.descriptions
        if file_format in ("png", "jpeg", "webp", "bmp"):
            with mmap.mmap(opened.file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                descriptions = read_descriptions(content)
        remarks = [remark_on_pictures(num_pictures)] if num_pictures > 1 else []
        if holds_gain_map(opened.file, file_format) and GAIN_MAP_REMARK not in descriptions.remarks:
            remarks.append(GAIN_MAP_REMARK)
    exif = mark_upright(decoded.exif) if decoded.exif else None
    if decoded.exif and exif is None:
        remarks.append(DAMAGED_EXIF_REMARK)
    orientation = read_exif_orientation(decoded.exif or b"")
    if orientation >= 5 and descriptions.dots_per_inch is not None:
        descriptions = replace(descriptions, dots_per_inch=descriptions.dots_per_inch[::-1])
    samples = turn_upright(decoded.samples, orientation)
    num_others = samples.shape[2] - decoded.num_extra
    num_colours = 1 if num_others <= 2 else 3
    colours = samples[:, :, :num_colours]
    extra = samples[:, :, num_others:] if decoded.num_extra else None
    measured = measure_levels(colours, channels_are_gray=decoded.channels_are_gray)

    def by_hand(measured: ValueLevels, channels: NDArray[Any], first_channel: int = 1) -> ValueLevels:
        name, num = channels.dtype.name, channels.shape[2]
        return levels_by_hand(ref, measured, name, num, channel_in_stack=channel_in_stack, first_channel=first_channel)

    extra_levels = OF_TYPE
    if extra is not None:
        of_extra = measure_levels(extra, channels_are_gray=True)
        extra_levels = by_hand(of_extra, extra, first_channel=num_colours + 1)
    return PhotoSamples(
        colours,
        samples[:, :, num_colours] if num_others in (2, 4) else None,
        ImageMetadata(
            file_format=decoded.written_format or file_format,
            bit_depth=decoded.bit_depth,
            icc_profile=fitting_profile(decoded.icc_profile, num_colours),
            exif=exif,
            is_lossless=decoded.is_lossless,
            remarks=(*remarks, *decoded.remarks, *descriptions.remarks),
            descriptions=descriptions,
            channels_are_gray=decoded.channels_are_gray,
            sample_type=decoded.sample_type,
            levels=by_hand(measured, colours),
            extra_levels=extra_levels,
        ),
        extra,
    )


def read_independent_pixels(photo: PhotoRef | Path) -> PhotoImage:
    """Read a photo for learning from its noise: of a raw file each 2x2 cell of filters becomes one pixel.

    Nothing is interpolated then, so that the noise of neighbours stays independent; the photo has half the size.

    Raises:
        ImageReadError: As `read_image`.
    """
    with open_photo(photo) as opened:
        if opened.content == "camera raw" or opened.content == "bare mosaic":
            return raw_files.read_raw_superpixels(opened.path, opened.content)
    return read_image(photo)


def read_camera_cells(photo: PhotoRef | Path) -> PhotoImage:
    """Read a raw file for learning from the noise of its mosaic, see `engine.photo_files.raw.mosaic.camera_cells`.

    Raises:
        NotAMosaicError: The file is a photo, or a raw file without Bayer mosaic.
        ImageReadError: The file cannot be read.
    """
    raw = read_raw_mosaic(photo)
    return PhotoImage(camera_cells(raw), None, raw.metadata)


def read_raw_mosaic(photo: PhotoRef | Path) -> RawMosaic:
    """Read what a camera's sensor recorded.

    Raises:
        NotAMosaicError: The file is a photo, or a raw file without Bayer mosaic.
        ImageReadError: The file cannot be read.
    """
    with open_photo(photo) as opened:
        return raw_files.read_mosaic(opened.path, opened.content)


def read_camera_colours(photo: PhotoRef | Path) -> CameraColours:
    """Read a raw file without Bayer mosaic in its camera's own colours.

    Raises:
        ImageReadError: The file cannot be read.
    """
    with open_photo(photo) as opened:
        return raw_files.read_camera_colours(opened.path)


def is_raw_file(photo: PhotoRef | Path) -> bool:
    """Tell whether a file is a raw file of any kind, by its content where that tells.

    Raises:
        ImageReadError: It is of no supported kind.
    """
    with open_photo(photo) as opened:
        return opened.content == "camera raw" or opened.content == "bare mosaic"


def probe_image(photo: PhotoRef | Path) -> ImageInfo:
    """Read a photo's header alone: fast, and no promise that the rest of the file is whole.

    Args:
        photo: The photo, or its file.

    Returns:
        Size after EXIF orientation, channels, bit depth and format.

    Raises:
        ImageReadError: The header shows that the file cannot be read as a photo.
    """
    with open_photo(photo) as opened:
        return _probe(opened)[0]


def examine_photo(photo: PhotoRef | Path) -> PhotoFacts:
    """Read all that a photo's header tells, at once.

    Args:
        photo: The photo, or its file.

    Returns:
        What is known without decoding it.

    Raises:
        ImageReadError: As `probe_image`.
    """
    with open_photo(photo) as opened:
        return _examine(opened)


def _probe(opened: OpenedPhoto) -> tuple[ImageInfo, bytes | None]:
    """Return what a photo's header tells, and its EXIF."""
    if opened.content == "camera raw" or opened.content == "bare mosaic":
        info = raw_files.probe_raw(opened.path, opened.content)
        exif = read_raw_exif(opened.file) if opened.content == "camera raw" else None
    else:
        info, orientation, exif = image_decoding.probe(opened.file, opened.content, opened.page)
        if opened.content == "tiff":
            exif = read_page_exif(opened.file, opened.page)
        if orientation >= 5:
            info = replace(info, width=info.height, height=info.width)
    return info, exif


def _examine(opened: OpenedPhoto) -> PhotoFacts:
    info, exif = _probe(opened)
    return PhotoFacts(
        info=info,
        content=opened.content,
        num_bytes=os.fstat(opened.file.fileno()).st_size,
        camera=read_camera_facts(exif),
        num_pictures=count_pictures(opened.file, opened.content),
    )


def read_thumbnail(photo: PhotoRef | Path, max_side_px: int, *, stretched: bool = False) -> NDArray[np.uint8]:
    """Read a small upright version; JPEG decodes no more detail than is asked for, raw files show their preview.

    Args:
        photo: The photo, or its file.
        max_side_px: The longer side; smaller photos are not enlarged.
        stretched: Whether its contrast is stretched, from the file's own bit depth: a dim 16-bit picture shows
            what is in it then. For looking alone.

    Returns:
        Height x width x 3, uint8, sRGB or as the profile says; transparency is shown over mid-gray.

    Raises:
        ImageReadError: As `read_image`.
    """
    if max_side_px < 1:
        raise ValueError(f"max_side_px must be at least 1; found {max_side_px}")
    with open_photo(photo) as opened:
        if opened.content == "camera raw" or opened.content == "bare mosaic":
            return raw_files.read_raw_thumbnail(opened.path, opened.content, max_side_px, stretched=stretched)
        samples, orientation = image_decoding.decode_reduced(
            opened.file, opened.content, max_side_px, opened.page, stretched=stretched, photo=PhotoRef.of(photo)
        )
    samples = turn_upright(samples, orientation)
    num_colours = 1 if samples.shape[2] <= 2 else 3
    colours = np.broadcast_to(samples[:, :, :num_colours], (*samples.shape[:2], 3))
    if samples.shape[2] in (2, 4):
        alpha = to_float(samples[:, :, num_colours:])
        colours = np.rint(colours * alpha + 255 * _MID_GRAY * (1 - alpha)).astype(np.uint8)
    return np.ascontiguousarray(colours)


def read_embedded_thumbnail(photo: PhotoRef | Path) -> NDArray[np.uint8] | None:
    """Read the small picture, mostly 160 pixels wide, that a camera puts into a large JPEG file: in a millisecond.

    Args:
        photo: The photo, or its file.

    Returns:
        Height x width x 3, uint8, upright; None where there is none, or the file is small or no JPEG.

    Raises:
        ImageReadError: As `probe_image`.
    """
    with open_photo(photo) as opened:
        is_as_shown = opened.content == "jpeg" and not identity_of_levels(PhotoRef.of(photo))
        embedded = image_decoding.decode_embedded_thumbnail(opened.file) if is_as_shown else None
    return None if embedded is None else np.ascontiguousarray(turn_upright(*embedded))
