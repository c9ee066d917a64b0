"""Camera raw files (DNG, NEF, CR2, CR3, ARW, ...), read by LibRaw.

Only LibRaw knows all the makers' formats. It is asked for the sensor's numbers and for what the file says about them;
what becomes of these is decided here and in `mosaic`. Files that hold no Bayer mosaic (linear DNG, small raw,
X-Trans, Foveon) are developed by LibRaw and handled as photos.
"""

import logging
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from engine.contracts.errors import ImageReadError
from engine.photo_files.exif import InvalidExifError, mark_upright
from engine.photo_files.formats import check_size, truncated_error
from engine.photo_files.metadata.camera_facts import read_camera_facts
from engine.photo_files.orientation import turn_upright
from engine.photo_files.photo_image import ImageInfo, ImageMetadata, PhotoImage
from engine.photo_files.raw.camera_colours import CameraColours, gain_of_colours, rendered
from engine.photo_files.raw.corrections.defects import correct_defects
from engine.photo_files.raw.corrections.dng import (
    TOP_LEVEL,
    RawLayout,
    correct_levels,
    correct_mosaic,
    scale_by_pattern,
)
from engine.photo_files.raw.directories import (
    Area,
    SensorDirectory,
    check_compression,
    find_sensor_directory,
    missing_share,
    read_colour_tags,
)
from engine.photo_files.raw.exif import read_raw_descriptions, read_raw_exif
from engine.photo_files.raw.missing_data import check_plain_parts, check_sensor_rows
from engine.photo_files.raw.mosaic import FILTER_ORDERS, FilterOrder, RawMosaic, info_of_raw
from engine.photo_files.sensors.camera_space import CameraSpace, tags_of_matrix, tags_of_rendering
from engine.photo_files.sensors.colour import Matrix, matrix_from_xyz, normalise_gains, normalise_rows
from engine.photo_files.tiff.big import as_classic_tiff, is_big_tiff
from engine.translatable import say

if TYPE_CHECKING:
    import rawpy

_logger = logging.getLogger(__name__)

# Bits 0 and 1: mirrored from left to right and upside down; bit 2: then transposed.
_EXIF_ORIENTATION_OF_FLIP: Final = {0: 1, 1: 2, 2: 4, 3: 3, 4: 5, 5: 8, 6: 6, 7: 7}

# No camera packs its pixels tighter, by far.
_MIN_BITS_PER_PIXEL: Final = 0.25
_MIN_MATRIX_ELEMENT: Final = 0.125
_SMALLEST_DETERMINANT: Final = 1e-6
_SATURATED_SHARE: Final = 1e-5
_OF_CORRECTED_LEVELS: Final[dict[str, Any]] = {"user_black": 0, "user_cblack": [0] * 4, "user_sat": TOP_LEVEL}
"""How LibRaw is told of them."""


class NotAMosaicError(ImageReadError):
    """A raw file whose pixels are not behind Bayer filters (any more)."""


def read_camera_mosaic(path: Path) -> RawMosaic:
    """Read the sensor's mosaic, corrected as the file asks for, its dead and hot pixels too.

    Raises:
        NotAMosaicError: The file holds no Bayer mosaic.
        ImageReadError: The file cannot be read.
    """
    with _open(path) as (raw, layout):
        raw.unpack()
        order = _filter_order(raw, layout.picture)
        area = layout.picture
        levels = raw.raw_image_visible[area.top : area.bottom, area.left : area.right]
        _check_all_there(raw, layout)
        saturation = _saturation(raw, levels)
        mosaic = _scale(raw, levels, order, layout, saturation)
        remarks = correct_mosaic(mosaic, order, layout)
        return RawMosaic(
            mosaic=correct_defects(mosaic),
            order=order,
            white_balance=_white_balance(raw),
            camera_to_srgb=_camera_to_srgb(raw),
            orientation=_orientation(raw),
            metadata=_metadata(path, remarks),
            space=replace(_camera_space(raw, path), top=_share_of_stated(raw, saturation)),
        )


def read_camera_colours(path: Path) -> CameraColours:
    """Let LibRaw demosaick a file that holds no Bayer mosaic, and leave its colours the camera's.

    Raises:
        ImageReadError: The file cannot be read, or its sensor has other than three colours.
    """
    import rawpy

    with _open(path) as (raw, layout):
        raw.unpack()
        orientation = _orientation(raw)
        space = _camera_space(raw, path)
        area = layout.picture
        _check_all_there(raw, layout)
        corrected = correct_levels(raw, layout)
        levels = raw.postprocess(
            rawpy.Params(
                user_wb=[1.0] * 4,
                output_color=rawpy.ColorSpace.raw,
                no_auto_bright=True,
                output_bps=16,
                gamma=(1, 1),
                user_flip=0,
                adjust_maximum_thr=0.0,
                **(_OF_CORRECTED_LEVELS if corrected.is_changed else {}),
            )
        )[area.top : area.bottom, area.left : area.right]
    if levels.shape[2] not in (1, 3):
        raise ImageReadError(
            say(
                "The camera's sensor sees {num_colours} colours, of which no linear DNG can be made here.",
                num_colours=levels.shape[2],
            ),
            "Choose TIFF.",
        )
    colours = np.broadcast_to(levels, (*levels.shape[:2], 3)).astype(np.float32) * np.float32(1 / TOP_LEVEL)
    return CameraColours(
        colours=colours,
        space=replace(space, exposure_gain=gain_of_colours(colours, space.white_balance)),
        orientation=orientation,
        metadata=_metadata(path, corrected.remarks),
    )


def read_developed(path: Path) -> PhotoImage:
    """Let LibRaw develop a file that holds no Bayer mosaic: as shot, neutral, sRGB.

    What this program has restored looks as its original does here: one measures the other's exposure in the same way.

    Raises:
        ImageReadError: The file cannot be read.
    """
    import rawpy

    with _open(path) as (raw, layout):
        raw.unpack()
        # Developing it unturned makes LibRaw forget how it was to be turned.
        orientation = _orientation(raw)
        area = layout.picture
        _check_all_there(raw, layout)
        if layout.is_own and raw.raw_type is rawpy.RawType.Stack:
            return PhotoImage(rendered(_own_colours(raw, path, layout)), None, _metadata(path, ()))
        corrected = correct_levels(raw, layout)
        levels = raw.postprocess(
            rawpy.Params(
                use_camera_wb=True,
                no_auto_bright=True,
                output_bps=16,
                gamma=(2.4, 12.92),
                user_flip=0,
                **(_OF_CORRECTED_LEVELS | {"adjust_maximum_thr": 0.0} if corrected.is_changed else {}),
            )
        )
        upright = turn_upright(levels[area.top : area.bottom, area.left : area.right], orientation)
    pixels = upright.astype(np.float32) * np.float32(1 / 65535)
    return PhotoImage(np.ascontiguousarray(pixels), None, _metadata(path, corrected.remarks))


def probe_camera_raw(path: Path) -> ImageInfo:
    """Read the header alone.

    Raises:
        ImageReadError: LibRaw does not know the file, or it is too short for its own size.
    """
    with _open(path) as (raw, layout):
        return info_of_raw(*layout.picture_size, _orientation(raw))


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

    with _open(path) as (raw, layout):
        width, height = layout.picture_size
        frame = _orientation(raw), (height, width)
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
def _open(path: Path) -> "Iterator[tuple[rawpy.RawPy, RawLayout]]":
    """Open a file by its header and turn what LibRaw raises, now and later, into read errors."""
    import rawpy

    with _libraw_errors(), rawpy.RawPy() as raw:
        directory = _sensor_directory(path)
        _open_file(raw, path)
        width, height = raw.sizes.width, raw.sizes.height
        # Eight bytes of LibRaw's own for a sample, and the picture.
        check_size(width, height, 8 + 12)
        if path.stat().st_size * 8 < width * height * _MIN_BITS_PER_PIXEL:
            raise truncated_error()
        yield raw, RawLayout.of(raw.sizes, directory)


def _sensor_directory(path: Path) -> SensorDirectory | None:
    """What the file's own directories say, if it has some.

    Raises:
        ImageReadError: They say that part of the file is missing, or is packed as nothing here can read it.
    """
    if not path.stat().st_size:
        # An empty file cannot be mapped.
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        content = cast(bytes, mapped)
        directory = find_sensor_directory(content)
        if directory is not None:
            check_compression(directory)
            if missing_share(directory, content) > 0:
                raise truncated_error()
            check_plain_parts(directory, content)
        return directory


def _open_file(raw: "rawpy.RawPy", path: Path) -> None:
    name = str(path)
    with path.open("rb") as file:
        if is_big_tiff(file.read(4)):
            file.seek(0)
            raw.open_buffer(BytesIO(_as_classic_tiff(file.read())))
            return
    try:
        name.encode()
    except UnicodeEncodeError:
        # A name of bytes that are no text, which LibRaw's own opening would refuse.
        with path.open("rb") as file:
            raw.open_buffer(file)
    else:
        raw.open_file(name)


def _as_classic_tiff(content: bytes) -> bytes:
    try:
        return as_classic_tiff(content)
    except InvalidExifError as error:
        raise ImageReadError(
            "This raw file is a BigTIFF file that is damaged, or larger than 4 GB.",
            "Convert it with Adobe DNG Converter or the program that made it to an ordinary DNG, or to TIFF.",
        ) from error


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


def _filter_order(raw: "rawpy.RawPy", area: Area) -> FilterOrder:
    """The order of the first cell of an area of the visible picture.

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
            say("The colour filters of this camera cannot be demosaicked here ({name}).", name=name),
            "Choose a denoising model, which takes the file as a photo.",
        )
    names = raw.color_desc.decode("ascii", "replace")
    order = "".join(names[_filter_at(raw, area, row, column)] for row in (0, 1) for column in (0, 1))
    for known in FILTER_ORDERS:
        if order == known:
            return known
    raise NotAMosaicError(
        say("The colour filters of this camera cannot be demosaicked here ({order}).", order=order),
        "Choose a denoising model, which takes the file as a photo.",
    )


def _filter_at(raw: "rawpy.RawPy", area: Area, row: int, column: int) -> int:
    """The number of the filter at a place of an area of the visible picture."""
    return raw.raw_color(raw.sizes.top_margin + area.top + row, raw.sizes.left_margin + area.left + column)


def _scale(
    raw: "rawpy.RawPy", levels: NDArray[np.uint16], order: FilterOrder, layout: RawLayout, saturation: float
) -> NDArray[np.float32]:
    """Subtract the black level of each filter and divide by the saturation above it."""
    mosaic = levels.astype(np.float32)
    if layout.blacks is not None:
        scale_by_pattern(mosaic, layout, saturation)
        return np.clip(mosaic, 0, 1, out=mosaic)
    blacks = raw.black_level_per_channel
    for position in range(len(order)):
        row, column = divmod(position, 2)
        black = blacks[_filter_at(raw, layout.picture, row, column)]
        part = mosaic[row::2, column::2]
        part -= black
        part *= np.float32(1 / max(saturation - black, 1))
    return np.clip(mosaic, 0, 1, out=mosaic)


def _check_all_there(raw: "rawpy.RawPy", layout: RawLayout) -> None:
    """Refuse a picture with empty rows.

    Raises:
        ImageReadError: With the share that is missing.
    """
    blacks, area = layout.blacks, layout.picture
    lowest = float(min(raw.black_level_per_channel)) if blacks is None else blacks.lowest()
    try:
        levels = raw.raw_image_visible[area.top : area.bottom, area.left : area.right]
    except RuntimeError:
        # Numbers of a kind that LibRaw does not hand out, such as floating-point ones.
        return
    check_sensor_rows(levels, lowest, layout.tile_starts)


def _saturation(raw: "rawpy.RawPy", levels: NDArray[np.uint16]) -> float:
    """The level that no pixel exceeds.

    Cameras saturate somewhat below what their files say, at some sensitivities; with too high a level, white highlights
    would turn out magenta. Where many pixels share the highest value, this is where the sensor saturated.
    """
    stated = _stated_saturation(raw)
    highest = int(levels.max())
    if 0.75 * stated < highest < stated and np.count_nonzero(levels == highest) > _SATURATED_SHARE * levels.size + 20:
        return highest
    return stated


def _own_colours(raw: "rawpy.RawPy", path: Path, layout: RawLayout) -> CameraColours:
    """The camera's colours in a DNG of this program, with saturation at 1 as in the original."""
    area = layout.picture
    levels = raw.raw_image_visible[area.top : area.bottom, area.left : area.right, :3]
    colours = levels.astype(np.float32) * np.float32(1 / _saturation(raw, levels))
    space = _camera_space(raw, path)
    return CameraColours(
        colours=colours,
        space=replace(space, exposure_gain=gain_of_colours(colours, space.white_balance)),
        orientation=_orientation(raw),
        metadata=_metadata(path, ()),
    )


def _stated_saturation(raw: "rawpy.RawPy") -> int:
    stated: int = min([raw.white_level, *(raw.camera_white_level_per_channel or ())])
    return stated


def _share_of_stated(raw: "rawpy.RawPy", saturation: float) -> float:
    """Where the sensor saturated, of what the file states, both above black."""
    black = max(raw.black_level_per_channel)
    return (saturation - black) / max(_stated_saturation(raw) - black, 1)


def _camera_space(raw: "rawpy.RawPy", path: Path) -> CameraSpace:
    """What the file says of its colours, or LibRaw knows of them."""
    with path.open("rb") as file:
        facts = read_camera_facts(read_raw_exif(file))
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            tags = read_colour_tags(cast(bytes, mapped))
    if not tags:
        from_xyz = np.asarray(raw.rgb_xyz_matrix, np.float64)[:3]
        if np.isfinite(from_xyz).all() and abs(np.linalg.det(from_xyz)) > _SMALLEST_DETERMINANT:
            tags = tags_of_matrix(from_xyz)
        else:
            tags = tags_of_rendering(_camera_to_srgb(raw), _white_balance(raw))
    return CameraSpace(
        white_balance=_white_balance(raw), camera_to_srgb=_camera_to_srgb(raw), model=facts.camera, tags=tags
    )


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


def _metadata(path: Path, remarks: tuple[str, ...]) -> ImageMetadata:
    """Keep what the file says about the photo."""
    with path.open("rb") as file:
        exif, descriptions = read_raw_exif(file), read_raw_descriptions(file)
    return ImageMetadata(
        file_format="tiff",
        bit_depth=16,
        exif=mark_upright(exif) if exif else None,
        remarks=(*remarks, *descriptions.remarks),
        descriptions=descriptions,
    )
