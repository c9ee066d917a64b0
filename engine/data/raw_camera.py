"""Camera raw files (DNG, NEF, CR2, CR3, ARW, ...), read by LibRaw.

Only LibRaw knows all the makers' formats. It is asked for the sensor's numbers and for what the file says about them;
what becomes of these is decided here and in `raw_mosaic`. Files that hold no Bayer mosaic (linear DNG, small raw,
X-Trans, Foveon) are developed by LibRaw and handled as photos.
"""

import logging
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import numpy as np
from numpy.typing import NDArray

from engine.data.exif_blocks import extract_exif_from_tiff, mark_upright
from engine.data.image_formats import check_size, truncated_error
from engine.data.photo_image import ImageInfo, ImageMetadata, PhotoImage
from engine.data.raw_colour import Matrix, matrix_from_xyz, normalise_gains, normalise_rows
from engine.data.raw_defects import correct_defects
from engine.data.raw_mosaic import FILTER_ORDERS, FilterOrder, RawMosaic, info_of_raw
from engine.errors import ImageReadError

if TYPE_CHECKING:
    import rawpy

_logger = logging.getLogger(__name__)

# Bits 0 and 1: mirrored from left to right and upside down; bit 2: then transposed.
_EXIF_ORIENTATION_OF_FLIP: Final = {0: 1, 1: 2, 2: 4, 3: 3, 4: 5, 5: 8, 6: 6, 7: 7}

# No camera packs its pixels tighter, by far.
_MIN_BITS_PER_PIXEL: Final = 0.25
_MIN_MATRIX_ELEMENT: Final = 0.125
_SATURATED_SHARE: Final = 1e-5
_TIFF_MARKS: Final = (b"II*\x00", b"MM\x00*")


class NotAMosaicError(ImageReadError):
    """A raw file whose pixels are not behind Bayer filters (any more)."""


def read_camera_mosaic(path: Path) -> RawMosaic:
    """Read the sensor's mosaic, its dead and hot pixels corrected.

    Raises:
        NotAMosaicError: The file holds no Bayer mosaic.
        ImageReadError: The file cannot be read.
    """
    with _open(path) as raw:
        order = _filter_order(raw)
        levels = raw.raw_image_visible
        _check_not_cut_off(levels)
        mosaic = correct_defects(_scale(raw, levels, order))
        return RawMosaic(
            mosaic=mosaic,
            order=order,
            white_balance=_white_balance(raw),
            camera_to_srgb=_camera_to_srgb(raw),
            orientation=_orientation(raw),
            metadata=_metadata(path),
        )


def read_developed(path: Path, *, half_size: bool = False) -> PhotoImage:
    """Let LibRaw develop a file that holds no Bayer mosaic: as shot, neutral, sRGB.

    Raises:
        ImageReadError: The file cannot be read.
    """
    import rawpy

    with _open(path) as raw:
        raw.unpack()
        _check_not_cut_off(raw.raw_image_visible)
        levels = raw.postprocess(
            rawpy.Params(
                use_camera_wb=True, no_auto_bright=True, output_bps=16, gamma=(2.4, 12.92), half_size=half_size
            )
        )
    return PhotoImage(levels.astype(np.float32) * np.float32(1 / 65535), None, _metadata(path))


def probe_camera_raw(path: Path) -> ImageInfo:
    """Read the header alone.

    Raises:
        ImageReadError: LibRaw does not know the file, or it is too short for its own size.
    """
    with _open(path) as raw:
        return info_of_raw(raw.sizes.width, raw.sizes.height, _orientation(raw))


def is_known_to_libraw(path: Path) -> bool:
    """Tell from the header whether LibRaw takes the file for a raw file at all."""
    import rawpy

    with rawpy.RawPy() as raw:
        try:
            _open_file(raw, path)
        except (rawpy.LibRawError, OSError):
            return False
    return True


def read_preview(path: Path) -> tuple[bytes | NDArray[np.uint8] | None, int, tuple[int, int]]:
    """Read the preview picture that the camera put into the file.

    Returns:
        A JPEG file's content or samples (height x width x 3), or None where there is neither; the orientation of the
        sensor's picture, 1 to 8; and its height and width.

    Raises:
        ImageReadError: As `probe_camera_raw`.
    """
    import rawpy

    with _open(path) as raw:
        frame = _orientation(raw), (raw.sizes.height, raw.sizes.width)
        try:
            preview = raw.extract_thumb()
        except (rawpy.LibRawError, NotImplementedError) as error:
            _logger.debug("%s has no preview: %s", path, error)
            return None, *frame
        if preview.format is rawpy.ThumbFormat.JPEG:
            return bytes(cast(bytes, preview.data)), *frame
        samples = np.array(preview.data)
        return (samples if samples.ndim == 3 and samples.shape[2] == 3 else None), *frame


@contextmanager
def _open(path: Path) -> "Iterator[rawpy.RawPy]":
    """Open a file by its header and turn what LibRaw raises, now and later, into read errors."""
    import rawpy

    with _libraw_errors(), rawpy.RawPy() as raw:
        _open_file(raw, path)
        width, height = raw.sizes.width, raw.sizes.height
        # Eight bytes of LibRaw's own for a sample, and the picture.
        check_size(width, height, 8 + 12)
        if path.stat().st_size * 8 < width * height * _MIN_BITS_PER_PIXEL:
            raise truncated_error()
        yield raw


def _open_file(raw: "rawpy.RawPy", path: Path) -> None:
    name = str(path)
    try:
        name.encode()
    except UnicodeEncodeError:
        # A name of bytes that are no text, which LibRaw's own opening would refuse.
        with path.open("rb") as file:
            raw.open_buffer(file)
    else:
        raw.open_file(name)


@contextmanager
def _libraw_errors() -> Iterator[None]:
    import rawpy

    try:
        yield
    except (rawpy.LibRawFileUnsupportedError, rawpy.LibRawNotImplementedError) as error:
        raise ImageReadError(
            "This kind of camera raw file is not known, or its header is damaged.",
            "Convert it to DNG, TIFF or JPEG with the camera maker's program, or use another copy.",
        ) from error
    except (rawpy.LibRawIOError, rawpy.LibRawDataError) as error:
        raise ImageReadError(
            "The camera raw file is damaged or ends too early.", "Copy it again from where it came from."
        ) from error
    except rawpy.LibRawTooBigError as error:
        raise ImageReadError(
            "The camera raw file claims a size that no camera makes.", "It is damaged; use another copy."
        ) from error
    except (rawpy.LibRawUnsufficientMemoryError, rawpy.LibRawMemPoolOverflowError, MemoryError) as error:
        raise ImageReadError(
            "There is not enough memory to open the camera raw file.", "Close other programs, then try again."
        ) from error
    except (rawpy.LibRawError, NotImplementedError, OSError) as error:
        raise ImageReadError(
            "The camera raw file cannot be read.",
            "Convert it to DNG, TIFF or JPEG with the camera maker's program, or use another copy.",
        ) from error


def _filter_order(raw: "rawpy.RawPy") -> FilterOrder:
    """The order of the visible picture's first cell.

    Raises:
        NotAMosaicError: There is none.
    """
    import rawpy

    if raw.raw_type is not rawpy.RawType.Flat:
        raise NotAMosaicError(
            "This raw file is not a mosaic: each of its pixels has all colours already.",
            "Choose a denoising model, which takes it as a photo.",
        )
    pattern = raw.raw_pattern
    if pattern is None or pattern.shape != (2, 2):
        name = "X-Trans" if pattern is not None and pattern.shape == (6, 6) else "not Bayer's"
        raise NotAMosaicError(
            f"The colour filters of this camera cannot be demosaicked here ({name}).",
            "Choose a denoising model, which takes the file as a photo.",
        )
    names = raw.color_desc.decode("ascii", "replace")
    margins = raw.sizes.top_margin, raw.sizes.left_margin
    order = "".join(names[raw.raw_color(margins[0] + row, margins[1] + column)] for row in (0, 1) for column in (0, 1))
    for known in FILTER_ORDERS:
        if order == known:
            return known
    raise NotAMosaicError(
        f"The colour filters of this camera cannot be demosaicked here ({order}).",
        "Choose a denoising model, which takes the file as a photo.",
    )


def _check_not_cut_off(levels: NDArray[np.uint16]) -> None:
    """Refuse a file whose last part is missing: LibRaw leaves zeros there, and a sensor never measures rows of them."""
    num_rows = max(len(levels) // 100, 8)
    if not levels[-num_rows:].any():
        raise truncated_error()


def _scale(raw: "rawpy.RawPy", levels: NDArray[np.uint16], order: FilterOrder) -> NDArray[np.float32]:
    """Subtract the black level of each filter and divide by the saturation above it."""
    blacks = raw.black_level_per_channel
    saturation = _saturation(raw, levels)
    mosaic = levels.astype(np.float32)
    for position in range(len(order)):
        row, column = divmod(position, 2)
        black = blacks[raw.raw_color(raw.sizes.top_margin + row, raw.sizes.left_margin + column)]
        part = mosaic[row::2, column::2]
        part -= black
        part *= np.float32(1 / max(saturation - black, 1))
    return np.clip(mosaic, 0, 1, out=mosaic)


def _saturation(raw: "rawpy.RawPy", levels: NDArray[np.uint16]) -> float:
    """The level that no pixel exceeds.

    Cameras saturate somewhat below what their files say, at some sensitivities; with too high a level, white highlights
    would turn out magenta. Where many pixels share the highest value, this is where the sensor saturated.
    """
    stated: int = min([raw.white_level, *(raw.camera_white_level_per_channel or ())])
    highest = int(levels.max())
    if 0.75 * stated < highest < stated and np.count_nonzero(levels == highest) > _SATURATED_SHARE * levels.size + 20:
        return highest
    return stated


def _white_balance(raw: "rawpy.RawPy") -> tuple[float, float, float]:
    """As shot; daylight where the file does not say."""
    for gains in (raw.camera_whitebalance, raw.daylight_whitebalance):
        red, green, blue = gains[:3]
        if min(red, green, blue) > 0 and np.isfinite([red, green, blue]).all():
            return normalise_gains(red, green, blue)
    return 1.0, 1.0, 1.0


def _camera_to_srgb(raw: "rawpy.RawPy") -> Matrix:
    """The file's own matrix, or else that of its camera model; neutral where neither is known."""
    own = np.asarray(raw.color_matrix, np.float64)[:, :3]
    if own[0, 0] > _MIN_MATRIX_ELEMENT and (own.sum(axis=1) > _MIN_MATRIX_ELEMENT).all():
        return normalise_rows(own)
    return matrix_from_xyz(np.asarray(raw.rgb_xyz_matrix, np.float64)[:3])


def _orientation(raw: "rawpy.RawPy") -> int:
    return _EXIF_ORIENTATION_OF_FLIP.get(raw.sizes.flip, 1)


def _metadata(path: Path) -> ImageMetadata:
    """Keep the EXIF of the raw files that are TIFF inside, as most are."""
    exif: bytes | None = None
    with path.open("rb") as file:
        if file.read(4) in _TIFF_MARKS:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                exif = extract_exif_from_tiff(cast(bytes, content))
    return ImageMetadata(file_format="tiff", bit_depth=16, exif=mark_upright(exif) if exif else None)
