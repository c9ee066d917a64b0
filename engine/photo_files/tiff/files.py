"""TIFF photos: from the many kinds of TIFF to plain samples, and back to the plainest kind."""

import logging
import math
import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO, Final, cast

import numpy as np
import tifffile
from numpy.typing import NDArray

from engine.contracts.errors import ImageReadError
from engine.photo_files.colour.conversion import LabEncoding, cmyk_to_rgb, lab_to_rgb, ycbcr_to_rgb
from engine.photo_files.colour.description import profile_of_exif
from engine.photo_files.exif import ByteOrder, InvalidExifError, append_exif_to_tiff, exif_byte_order
from engine.photo_files.formats import check_size
from engine.photo_files.metadata.descriptions import described_by_xmp
from engine.photo_files.missing.coded_holes import (
    SMALLEST_HOLE_BYTES,
    SMALLEST_PACKBITS_HOLE_BYTES,
    find_hole_in_jpeg,
    find_zeros,
)
from engine.photo_files.missing.data import end_within_a_row, ends_as_broken_off, incomplete_error, shares_missing
from engine.photo_files.photo_image import BitDepth, DecodedImage, ImageInfo
from engine.photo_files.tiff.directories import extract_exif_from_tiff
from engine.photo_files.tiff.imagej_stacks import slice_of
from engine.photo_files.tiff.remarks import remarks_on_page
from engine.photo_files.values.sample_types import SampleType
from engine.translatable import say

# tifffile logs each oddity of a file; what matters to a person is raised as an error here.
logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)

_DNG_VERSION = 50706
_ORIENTATION = 274
_SUB_IFDS = 330
_RESOLUTIONS = (282, 283)
_RESOLUTION_UNIT = 296
_XMP = 700
_IPTC = 33723
_MAX_METADATA_BYTES = 32 * 2**20
_CONVERT_HINT = "Save it as an 8 or 16 bit RGB or gray TIFF first."
_GRAY_OR_RGB = (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.MINISWHITE, tifffile.PHOTOMETRIC.RGB)
_LAB_ENCODINGS: dict[tifffile.PHOTOMETRIC, LabEncoding] = {
    tifffile.PHOTOMETRIC.CIELAB: "cielab",
    tifffile.PHOTOMETRIC.ICCLAB: "icclab",
    tifffile.PHOTOMETRIC.ITULAB: "itulab",
}
# The pixels of all others are converted to sRGB, which their profile does not describe.
_KEEPING_PROFILE = (*_GRAY_OR_RGB, tifffile.PHOTOMETRIC.PALETTE, tifffile.PHOTOMETRIC.YCBCR)
_ALPHA = (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)
_GRAY = (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.MINISWHITE)
# A spectral camera's; beyond it the header is damaged.
_MAX_CHANNELS = 512
# The JPEG decoder converts YCbCr to RGB itself.
_JPEG_COMPRESSIONS = (tifffile.COMPRESSION.OJPEG, tifffile.COMPRESSION.JPEG)


@dataclass(frozen=True, kw_only=True)
class TiffForm:
    """How the samples of a page lie in a file.

    Attributes:
        byte_order: None: that of the EXIF.
        is_compressed: Whether they are deflated.
        is_planar: Whether each channel lies by itself.
    """

    byte_order: ByteOrder | None = None
    is_compressed: bool = True
    is_planar: bool = False


USUAL_FORM: Final = TiffForm()
"""That of a file of one page."""


def holds_camera_raw(file: BinaryIO) -> bool:
    """Tell by the tags of the first page whether a TIFF file holds what a camera's sensor recorded.

    Args:
        file: A TIFF file.
    """
    file.seek(0)
    try:
        with tifffile.TiffFile(file) as tiff:
            page = tiff.pages.first
            is_thumbnail_of_raw = page.is_reduced and _SUB_IFDS in page.tags
            return (
                _DNG_VERSION in page.tags
                or is_thumbnail_of_raw
                or page.photometric in (tifffile.PHOTOMETRIC.CFA, tifffile.PHOTOMETRIC.LINEAR_RAW)
            )
    # Decoders raise nearly every kind of exception on damaged files; reading it as a TIFF then says what is wrong.
    except Exception:  # noqa: BLE001
        return False


def probe_tiff(file: BinaryIO, page_number: int = 1) -> tuple[ImageInfo, int]:
    """Return what the header of a page says, and its orientation.

    Args:
        file: A TIFF file.
        page_number: From 1.

    Raises:
        ImageReadError: The page is of a kind that cannot be read, or not there.
    """
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        page = find_page(tiff, page_number)
        _check_page(page)
        orientation = page.tags.valueof(_ORIENTATION, 1)
        info = ImageInfo(
            width=page.imagewidth,
            height=page.imagelength,
            num_channels=_num_colours(page),
            bit_depth=_bit_depth(page),
            file_format="tiff",
            has_alpha=_has_alpha(page),
            num_extra=_num_extra(page),
            sample_type=_sample_type(page),
            channels_are_gray=_num_colours(page) == 3 and page.photometric in _GRAY,
        )
        return info, orientation if orientation in range(1, 9) else 1


def decode_tiff(file: BinaryIO, page_number: int = 1) -> DecodedImage:
    """Decode a page.

    Args:
        file: A TIFF file on a disk.
        page_number: From 1.

    Returns:
        Its samples.

    Raises:
        ImageReadError: The page is truncated, of a kind that cannot be read, or not there.
    """
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        page = find_page(tiff, page_number)
        _check_page(page)
        _check_all_there(page, tiff.filehandle)
        samples: NDArray[Any] = np.asarray(page.asarray(maxworkers=2))
        _check_plain_rows(page, samples, tiff.filehandle)
        if page.axes == "SYX":
            samples = np.moveaxis(samples, 0, -1)
        elif page.axes == "YX":
            samples = samples[:, :, np.newaxis]
        elif page.axes != "YXS":
            raise ImageReadError(
                say("The TIFF's page is not a flat picture (axes {axes}).", axes=page.axes), _CONVERT_HINT
            )
        icc_profile = page.tags.valueof(34675)
        num_extra = _num_extra(page)
        has_alpha = _has_alpha(page)
        if has_alpha and samples.dtype.kind == "f" and float(samples[:, :, -num_extra - 1].max()) > 1:
            # Called transparency, which it cannot be.
            has_alpha, num_extra = False, num_extra + 1
        is_premultiplied = has_alpha and tifffile.EXTRASAMPLE.ASSOCALPHA in page.extrasamples
        samples = _to_gray_or_rgb(page, samples, icc_profile, is_premultiplied=is_premultiplied)
        exif = read_tiff_exif(file, page.offset)
        if page.photometric not in _KEEPING_PROFILE:
            icc_profile = None
        elif icc_profile is None:
            icc_profile = profile_of_exif(exif, 1 if samples.shape[2] - num_extra <= 2 else 3)
        return DecodedImage(
            samples=samples,
            bit_depth=_bit_depth(page),
            icc_profile=icc_profile,
            exif=exif,
            remarks=remarks_on_page(page),
            descriptions=described_by_xmp(
                _tag_bytes(page, _XMP), iptc=_tag_bytes(page, _IPTC), dots_per_inch=_dots_per_inch(page)
            ),
            num_extra=num_extra,
            channels_are_gray=samples.shape[2] >= 3 and page.photometric in _GRAY,
            sample_type=_sample_type(page),
        )


def read_tiff_exif(file: BinaryIO, offset: int | None = None) -> bytes | None:
    """Return what a directory of a TIFF file says about its photo, as an EXIF block; None where it says nothing.

    Args:
        file: A TIFF file on a disk, or a raw file that is one inside.
        offset: Where the directory lies; None: the first one.
    """
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return extract_exif_from_tiff(cast(bytes, content), offset)


def read_page_exif(file: BinaryIO, page_number: int) -> bytes | None:
    """Return what a page of a TIFF file says about its photo, see `read_tiff_exif`.

    Raises:
        ImageReadError: The page is not there.
    """
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        offset = find_page(tiff, page_number).offset
        return read_tiff_exif(file, offset)


def encode_tiff(
    samples: NDArray[Any],
    icc_profile: bytes | None,
    exif: bytes | None,
    *,
    num_extra: int = 0,
    channels_are_gray: bool = False,
    form: TiffForm = USUAL_FORM,
) -> bytes:
    """Encode samples as a TIFF of one page.

    Args:
        samples: Height x width x channels as in `DecodedImage`, of any `SampleType`.
        icc_profile: The profile, or None.
        exif: The EXIF block, beginning with its byte order mark, or None.
        num_extra: How many of the last channels are no transparency.
        channels_are_gray: Whether the channels are no red, green and blue.
        form: How they are laid down.

    Returns:
        The content of the file.
    """
    num_channels = samples.shape[2]
    is_planar = form.is_planar and num_channels > 1
    byte_order = form.byte_order or "<"
    if exif is not None:
        try:
            byte_order = form.byte_order or exif_byte_order(exif)
        except InvalidExifError:
            exif = None
    num_others = num_channels - num_extra
    kinds_of_extra = [*["unassalpha"] * (num_others in (2, 4)), *["unspecified"] * num_extra]
    if channels_are_gray and num_others >= 3:
        kinds_of_extra = ["unspecified", "unspecified", *kinds_of_extra]
    file = BytesIO()
    tifffile.imwrite(
        file,
        samples[:, :, 0] if num_channels == 1 else np.moveaxis(samples, -1, 0) if is_planar else samples,
        photometric="rgb" if num_others >= 3 and not channels_are_gray else "minisblack",
        planarconfig=None if num_channels == 1 else "separate" if is_planar else "contig",
        extrasamples=kinds_of_extra or None,
        compression="zlib" if form.is_compressed else None,
        predictor=form.is_compressed,
        iccprofile=icc_profile,
        metadata=None,
        software=False,
        byteorder=cast(Any, byte_order),
    )
    if exif is not None:
        append_exif_to_tiff(file, exif)
    return file.getvalue()


def find_page(tiff: tifffile.TiffFile, number: int) -> tifffile.TiffPage:
    """Return a page of an open file, or a slice of ImageJ's that lies behind the only one.

    Raises:
        ImageReadError: It is not there.
    """
    try:
        page = tiff.pages[number - 1]
    except IndexError:
        imagej_slice = slice_of(tiff, number)
        if imagej_slice is not None:
            return imagej_slice
        raise ImageReadError(
            say("The file has no page {number} (any more).", number=number),
            "Close its folder and open it again, to see what it has now.",
        ) from None
    # Frames share a page's tags and come only where they were asked for.
    return cast(tifffile.TiffPage, page)


def _dots_per_inch(page: tifffile.TiffPage) -> tuple[float, float] | None:
    per_inch = {2: 1.0, 3: 2.54}.get(page.tags.valueof(_RESOLUTION_UNIT, 2))
    values = [page.tags.valueof(tag) for tag in _RESOLUTIONS]
    if per_inch is None or not all(isinstance(value, tuple) and len(value) == 2 and all(value) for value in values):
        return None
    across, down = (value[0] / value[1] * per_inch for value in values)
    return across, down


def _tag_bytes(page: tifffile.TiffPage, number: int) -> bytes | None:
    """Return a tag's bytes as they lie in the file, whatever type its writer has given them."""
    tag = page.tags.get(number)
    if tag is None or not 0 < tag.valuebytecount <= _MAX_METADATA_BYTES:
        return None
    page.parent.filehandle.seek(tag.valueoffset)
    content: bytes = page.parent.filehandle.read(tag.valuebytecount)
    return content if len(content) == tag.valuebytecount else None


def _check_page(page: tifffile.TiffPage) -> None:
    """Refuse what cannot be read, before any memory is taken for it."""
    photometric = page.photometric
    if page.imagedepth != 1:
        raise ImageReadError("The TIFF holds a volume, not a flat picture.", "Save its slices as single pictures.")
    num_more = page.samplesperpixel - _num_stored_colours(page)
    if num_more < 0 or page.samplesperpixel > _MAX_CHANNELS:
        raise ImageReadError(
            say(
                "The TIFF has {samplesperpixel} channels per pixel, which do not fit its colours.",
                samplesperpixel=page.samplesperpixel,
            ),
            _CONVERT_HINT,
        )
    check_size(page.imagewidth, page.imagelength, 4 * 3 + 2 * page.samplesperpixel)
    kind = None if page.dtype is None else page.dtype.kind
    if kind not in ("b", "u", "i", "f"):
        raise ImageReadError("The TIFF's pixels are complex numbers, not brightness.", _CONVERT_HINT)
    if kind in ("u", "i") and page.bitspersample > 16 and page.bitspersample != 32:
        raise ImageReadError(
            say(
                "The TIFF has {bitspersample} bits per channel, which could not be kept; 8, 16 and 32 can.",
                bitspersample=page.bitspersample,
            ),
            _CONVERT_HINT,
        )
    if kind == "i" and (page.bitspersample not in (8, 16, 32) or photometric != tifffile.PHOTOMETRIC.MINISBLACK):
        raise ImageReadError("The TIFF's colours are stored as numbers with sign.", _CONVERT_HINT)
    if kind == "f" and photometric not in _GRAY_OR_RGB:
        raise ImageReadError("The TIFF's colours are stored as floating-point numbers of no RGB.", _CONVERT_HINT)
    if page.bitspersample > 16 and kind != "f" and photometric not in _GRAY_OR_RGB:
        raise ImageReadError(
            say("The TIFF's colours have {bitspersample} bits and are no RGB.", bitspersample=page.bitspersample),
            _CONVERT_HINT,
        )


def _check_all_there(page: tifffile.TiffPage, file: tifffile.FileHandle) -> None:
    """Refuse a page of which parts are missing, which tifffile takes for black; mend a list of their sizes.

    Some programs state none, or more than there is: plain pixels take what their number says.

    Raises:
        ImageReadError: With the share that is missing.
    """
    num_parts = math.prod(page.chunked)
    if not page.dataoffsets or not num_parts:
        raise ImageReadError("The TIFF's list of picture parts is damaged.", "Use another copy.")
    offsets = (*page.dataoffsets[:num_parts], *[0] * (num_parts - len(page.dataoffsets)))
    sizes = (*page.databytecounts[:num_parts], *[0] * (num_parts - len(page.databytecounts)))
    is_plain = page.compression == tifffile.COMPRESSION.NONE
    if is_plain:
        plain_sizes = [_plain_size(page, index) for index in range(num_parts)]
        sizes = tuple(min(size or plain, plain) for size, plain in zip(sizes, plain_sizes, strict=True))
    else:
        # A decoder stops where the part ends.
        ends = (*offsets, file.size)
        sizes = tuple(
            size or min((end for end in ends if end > offset), default=offset) - offset
            for offset, size in zip(offsets, sizes, strict=True)
        )

    read_end = partial(_read_at, file)
    missing = shares_missing(tuple(zip(offsets, sizes, strict=True)), file.size, None if is_plain else read_end)
    if any(missing):
        is_last = page.planarconfig != tifffile.PLANARCONFIG.SEPARATE and _grows_only(missing)
        weights = [_num_rows(page, index) for index in range(num_parts)]
        share = sum(part * weight for part, weight in zip(missing, weights, strict=True)) / sum(weights)
        raise incomplete_error(share, "last rows" if is_last else "data")
    holes = [_hole_in(page, read_end(offset, size)) for offset, size in zip(offsets, sizes, strict=True) if size]
    if any(holes):
        raise incomplete_error(sum(holes) / sum(sizes), "data")
    page.dataoffsets, page.databytecounts = offsets, sizes


def _read_at(file: tifffile.FileHandle, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)


def _hole_in(page: tifffile.TiffPage, part: bytes) -> int:
    """Return how many bytes of a part are zeros that its coder does not write."""
    match page.compression:
        case tifffile.COMPRESSION.LZW:
            zeros = find_zeros(part, SMALLEST_HOLE_BYTES)
        case tifffile.COMPRESSION.PACKBITS:
            zeros = find_zeros(part, SMALLEST_PACKBITS_HOLE_BYTES)
        case tifffile.COMPRESSION.JPEG:
            hole = find_hole_in_jpeg(part, page.jpegtables or b"")
            return hole.size if hole is not None and hole.is_sure else 0
        case _:
            return 0
    return zeros[1] if zeros is not None else 0


def _plain_size(page: tifffile.TiffPage, index: int) -> int:
    """Return how many bytes a part takes that is not compressed."""
    columns = page.tilewidth if page.is_tiled else page.imagewidth
    channels = 1 if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE else page.samplesperpixel
    row_bytes = -(-columns * channels * page.bitspersample // 8)
    return row_bytes * (page.tilelength if page.is_tiled else _num_rows(page, index))


def _num_rows(page: tifffile.TiffPage, index: int) -> int:
    """Return how many rows of the picture a part holds; parts of a row of tiles hold the same ones."""
    rows = page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength)
    across = -(-page.imagewidth // page.tilewidth) if page.is_tiled else 1
    down = -(-page.imagelength // rows)
    place = index // across % down
    return min(rows, page.imagelength - place * rows)


def _grows_only(missing: Sequence[float]) -> bool:
    """Tell whether all that is missing lies behind what is there."""
    first = next(index for index, share in enumerate(missing) if share)
    return all(share == 1 for share in missing[first + 1 :])


def _check_plain_rows(page: tifffile.TiffPage, samples: NDArray[Any], file: tifffile.FileHandle) -> None:
    if page.compression != tifffile.COMPRESSION.NONE or page.is_tiled or not samples.size:
        return
    row_axis = page.axes.find("Y")
    planes = samples if row_axis == 1 else samples[np.newaxis]
    # Their order in the file: what is missing of several planes is the end of the last one.
    rows = planes[-1].reshape(planes.shape[1], -1)
    row = end_within_a_row(rows)
    if row is None:
        return
    end = max(offset + size for offset, size in zip(page.dataoffsets, page.databytecounts, strict=True))
    if ends_as_broken_off(partial(_read_at, file), file.size, end, samples.dtype.itemsize):
        raise incomplete_error((len(rows) - row) / (len(rows) * len(planes)), "last rows" if row_axis == 0 else "data")


def _has_alpha(page: tifffile.TiffPage) -> bool:
    """Tell whether the first channel behind the colours is transparency.

    tifffile calls the fourth of any array's channels so where nothing else was said, and notes the array's shape:
    beyond 8 bits that is a measurement.
    """
    num_colours = _num_stored_colours(page)
    if page.samplesperpixel <= num_colours or (page.is_shaped and page.bitspersample > 8):
        return False
    # Of gray ones that are taken together, all but the first are extra samples.
    place = len(page.extrasamples) - (page.samplesperpixel - num_colours)
    return 0 <= place < len(page.extrasamples) and page.extrasamples[place] in _ALPHA


def _num_extra(page: tifffile.TiffPage) -> int:
    """Return how many channels are neither colour nor transparency."""
    return page.samplesperpixel - _num_stored_colours(page) - _has_alpha(page)


def _num_stored_colours(page: tifffile.TiffPage) -> int:
    if page.photometric == tifffile.PHOTOMETRIC.SEPARATED:
        return 4
    if page.photometric in (
        tifffile.PHOTOMETRIC.RGB,
        tifffile.PHOTOMETRIC.YCBCR,
        *_LAB_ENCODINGS,
    ):
        return 3
    if page.photometric in (
        tifffile.PHOTOMETRIC.MINISBLACK,
        tifffile.PHOTOMETRIC.MINISWHITE,
        tifffile.PHOTOMETRIC.PALETTE,
    ):
        # Scientific programs write RGB as gray of three samples.
        return 3 if page.samplesperpixel >= 3 and page.photometric != tifffile.PHOTOMETRIC.PALETTE else 1
    name = getattr(page.photometric, "name", page.photometric)
    raise ImageReadError(
        say("The TIFF's colours are of a kind that is not supported ({name}).", name=name), _CONVERT_HINT
    )


def _num_colours(page: tifffile.TiffPage) -> int:
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
        return 3
    return min(_num_stored_colours(page), 3)


def _bit_depth(page: tifffile.TiffPage) -> BitDepth:
    return 8 if page.bitspersample <= 8 or page.photometric == tifffile.PHOTOMETRIC.PALETTE else 16


def _sample_type(page: tifffile.TiffPage) -> SampleType:
    """Return the type of the numbers in which the page is written back."""
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE or page.dtype is None or page.bitspersample <= 8:
        return "int8" if page.dtype is not None and page.dtype.kind == "i" else "uint8"
    if page.dtype.kind == "f":
        return cast(SampleType, page.dtype.name) if page.bitspersample in (16, 32, 64) else "float32"
    if page.bitspersample <= 16:
        return "int16" if page.dtype.kind == "i" else "uint16"
    return "int32" if page.dtype.kind == "i" else "uint32"


def _to_gray_or_rgb(
    page: tifffile.TiffPage, samples: NDArray[Any], icc_profile: bytes | None, *, is_premultiplied: bool
) -> NDArray[Any]:
    """Return samples as in `DecodedImage`."""
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
        return _look_up_palette(page, samples)
    if samples.dtype.kind == "f":
        samples = _checked_float(samples)
    elif page.bitspersample not in (8, 16, 32):
        samples = _scale_to_full_range(samples, page.bitspersample)
    num_colours = _num_stored_colours(page)
    colours, alpha = samples[:, :, :num_colours], samples[:, :, num_colours:]
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        colours = (1 if colours.dtype.kind == "f" else np.iinfo(colours.dtype).max) - colours
    elif page.photometric == tifffile.PHOTOMETRIC.SEPARATED:
        colours = cmyk_to_rgb(colours, icc_profile)
    elif (encoding := _LAB_ENCODINGS.get(tifffile.PHOTOMETRIC(page.photometric))) is not None:
        colours = lab_to_rgb(colours, encoding)
    elif page.photometric == tifffile.PHOTOMETRIC.YCBCR and page.compression not in _JPEG_COMPRESSIONS:
        colours = ycbcr_to_rgb(colours)
    if is_premultiplied:
        colours = _divide_by_alpha(colours, alpha[:, :, :1])
    return np.concatenate([colours, alpha], axis=2) if alpha.shape[2] else colours


def _look_up_palette(page: tifffile.TiffPage, samples: NDArray[Any]) -> NDArray[Any]:
    if page.colormap is None:
        raise ImageReadError("The TIFF's palette is missing.", "Use another copy.")
    # Palettes hold 16-bit values, nearly all made from 8-bit ones; some programs left those as they were, which would
    # be black. libtiff tells them apart in the same way.
    is_of_8_bits = int(page.colormap.max(initial=0)) < 256
    palette = (page.colormap if is_of_8_bits else page.colormap >> 8).astype(np.uint8).T
    index = samples[:, :, 0].astype(np.intp)
    if int(index.max(initial=0)) >= len(palette):
        raise ImageReadError("The TIFF's pixels point outside of its palette.", "Use another copy.")
    colours = palette[index]
    if samples.shape[2] == 1:
        return colours
    return np.concatenate([colours, samples[:, :, 1:].astype(np.uint8)], axis=2)


def _checked_float(samples: NDArray[Any]) -> NDArray[Any]:
    if not np.isfinite([float(samples.min()), float(samples.max())]).all():
        raise ImageReadError(
            "The TIFF holds values that are no numbers (NaN or infinity).",
            "Replace them in the program that made it, then save it again.",
        )
    return samples


def _scale_to_full_range(samples: NDArray[Any], bits: int) -> NDArray[Any]:
    """Spread samples of an odd number of bits over 8 or 16."""
    top = np.float64(2**bits - 1)
    if bits <= 8:
        return np.rint(samples * (255 / top)).astype(np.uint8)
    return np.rint(samples * (65535 / top)).astype(np.uint16)


def _divide_by_alpha(colours: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Undo the multiplication of the colours by their alpha; floating-point colours may lie beyond 0 to 1."""
    is_float = colours.dtype.kind == "f"
    top = 1.0 if is_float else float(np.iinfo(colours.dtype).max)
    limits = np.finfo(colours.dtype) if is_float else np.iinfo(colours.dtype)
    divided = colours.astype(np.float64) * top / np.maximum(alpha.astype(np.float64), 1e-9)
    divided = np.where(alpha > 0, np.clip(divided, limits.min, limits.max), 0)
    return divided.astype(colours.dtype) if is_float else np.rint(divided).astype(colours.dtype)
