"""Restoring a raw file: from the sensor's mosaic to the finished picture, or to the light that a DNG holds."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from engine.contracts.blending import FULL, Blend
from engine.contracts.job_control import JobControl
from engine.contracts.output_formats import RawLook
from engine.contracts.photo import PhotoRef, Pixels
from engine.machine.interruptible import run_interruptibly
from engine.photo_files.exif import state_size
from engine.photo_files.orientation import area_before_turning
from engine.photo_files.photos import PhotoImage, read_camera_colours, read_raw_mosaic, read_tone
from engine.photo_files.raw.camera import NotAMosaicError
from engine.photo_files.raw.camera_colours import (
    CameraColours,
    colours_of_mosaic,
    decode_colours,
    encode_colours,
    rendered,
    upright_light,
)
from engine.photo_files.raw.demosaicking import interpolate_rggb
from engine.photo_files.raw.mosaic import EncodedMosaic, RawMosaic, demosaick_simply, encode, render
from engine.restoring.blending import blended

if TYPE_CHECKING:
    from engine.restoring.restorer import OnTile, Restorer


SURROUNDINGS_PX = 48
"""Restored with an area and cut off again, so that its edges look as they will in the whole picture."""
_GRID_PX = 16
"""Areas begin at multiples of it, so that networks sample them as they sample the whole mosaic."""


@dataclass(frozen=True, kw_only=True)
class OpenRaw:
    """A raw file that has been read, for restoring one area of it after the other.

    Attributes:
        raw: What the sensor recorded.
        encoded: The same as demosaicking takes it.
    """

    raw: RawMosaic
    encoded: EncodedMosaic


def open_raw(photo: PhotoRef) -> OpenRaw:
    """Read a raw file.

    Raises:
        NotAMosaicError: The file is a photo, or a raw file without Bayer mosaic.
        ImageReadError: The file cannot be read.
    """
    raw = read_raw_mosaic(photo)
    return OpenRaw(raw=raw, encoded=encode(raw))


def restore_raw_area(
    opened: OpenRaw, rows: slice, columns: slice, restorer: "Restorer", *, control: JobControl | None = None
) -> Pixels:
    """Restore an area of what `restore_raw_file` makes of the whole file.

    Args:
        opened: The file.
        rows: Of the upright picture, with both ends.
        columns: Of the upright picture, with both ends.
        restorer: Holds a model that takes mosaics.
        control: Asked before each tile.

    Returns:
        The upright area in sRGB. Shape: (rows, columns, 3), 0 to 1, read-only.

    Raises:
        JobCancelled: The job has been asked to end.
        DeviceError: Not even the smallest tile fits into memory.
    """
    raw, encoded = opened.raw, opened.encoded
    height, width = raw.mosaic.shape
    upright_shape = (width, height) if raw.orientation >= 5 else (height, width)
    rows, columns = area_before_turning(rows, columns, upright_shape, raw.orientation)
    rows = slice(rows.start + encoded.top, rows.stop + encoded.top)
    columns = slice(columns.start + encoded.left, columns.stop + encoded.left)
    around_rows, around_columns = _with_surroundings(rows), _with_surroundings(columns)
    colours = restorer.restore(encoded.pixels[around_rows, around_columns], control=control)
    inner = colours[
        rows.start - around_rows.start : rows.stop - around_rows.start,
        columns.start - around_columns.start : columns.stop - around_columns.start,
    ]
    return render(raw, replace(encoded, top=0, left=0), inner)


def _with_surroundings(area: slice) -> slice:
    return slice(max(area.start - SURROUNDINGS_PX, 0) // _GRID_PX * _GRID_PX, area.stop + SURROUNDINGS_PX)


def restore_raw_file(
    photo: PhotoRef,
    restorer: "Restorer",
    *,
    blend: Blend = FULL,
    control: JobControl | None = None,
    on_tile: "OnTile | None" = None,
) -> PhotoImage:
    """Demosaick and denoise one raw file.

    Args:
        photo: A camera raw file or a bare mosaic.
        restorer: Holds a model that takes mosaics.
        blend: How much of the model's result is kept: of none of it plain interpolation is left, noise and all. The
            rendered pictures are what is mixed: brightness and colours are then those that one sees, and areas that
            are looked at show what the whole file will be.
        control: Asked before each tile.
        on_tile: Told after each tile.

    Returns:
        The upright picture in sRGB; its metadata asks for 16-bit TIFF.

    Raises:
        NotAMosaicError: The file is a photo, or a raw file without Bayer mosaic.
        ImageReadError: The file cannot be read.
        JobCancelled: The job has been asked to end.
        DeviceError: Not even the smallest tile fits into memory.
    """
    opened = run_interruptibly(lambda: open_raw(photo), control)
    raw, encoded = opened.raw, opened.encoded
    colours = restorer.restore(encoded.pixels, control=control, on_tile=on_tile)

    def finish() -> Pixels:
        picture = render(raw, encoded, colours)
        return picture if blend.is_full else blended(demosaick_simply(raw), picture, blend)

    return PhotoImage(run_interruptibly(finish, control), None, raw.metadata)


def restore_camera_colours(
    photo: PhotoRef,
    restorer: "Restorer",
    *,
    blend: Blend = FULL,
    raw_look: RawLook = "neutral",
    control: JobControl | None = None,
    on_tile: "OnTile | None" = None,
) -> PhotoImage:
    """Denoise one raw file, demosaicked, in the colours of its camera: white balance and exposure stay open.

    Args:
        photo: A camera raw file or a bare mosaic.
        restorer: Holds a model that takes mosaics, or photos; the latter sees the interpolated colours.
        blend: How much of the model's result is kept. What is mixed is encoded light in the camera's colours: of what
            is still to be developed there is no rendered picture.
        raw_look: How previews of it look.
        control: Asked before each tile.
        on_tile: Told after each tile.

    Returns:
        The upright picture for a DNG: linear, as `ImageMetadata.camera` says.

    Raises:
        NotAMosaicError: The model takes mosaics, and the file has none.
        ImageReadError: The file cannot be read.
        JobCancelled: The job has been asked to end.
        DeviceError: Not even the smallest tile fits into memory.
    """
    from engine.restoring.restorer import is_constant

    if restorer.takes_mosaics:
        opened = run_interruptibly(lambda: open_raw(photo), control)
        raw, encoded = opened.raw, opened.encoded
        colours = _demosaicked(encoded, restorer, blend, control, on_tile)
        camera = run_interruptibly(lambda: colours_of_mosaic(raw, encoded, colours), control)
        toned = run_interruptibly(lambda: _with_tone(camera, photo, raw_look), control)
        return run_interruptibly(lambda: _undeveloped(toned), control)
    camera = run_interruptibly(lambda: _with_tone(_open_colours(photo), photo, raw_look), control)
    noisy = run_interruptibly(lambda: encode_colours(camera).pixels, control)
    if is_constant(noisy):
        restored = restorer.enlarged(noisy)
    else:
        restored = restorer.restore(noisy, control=control, on_tile=on_tile)
        if not blend.is_full:
            restored = blended(restorer.unrestored(noisy), restored, blend)
    del noisy
    return run_interruptibly(lambda: _undeveloped(decode_colours(camera, restored, restorer.enlarged)), control)


def _open_colours(photo: PhotoRef) -> CameraColours:
    try:
        opened = open_raw(photo)
    except NotAMosaicError:
        return read_camera_colours(photo)
    return colours_of_mosaic(opened.raw, opened.encoded)


def _with_tone(camera: CameraColours, photo: PhotoRef, raw_look: RawLook) -> CameraColours:
    if raw_look == "neutral":
        return camera
    return replace(camera, space=replace(camera.space, tone=read_tone(photo, rendered(camera))))


def _undeveloped(camera: CameraColours) -> PhotoImage:
    pixels, metadata = upright_light(camera), replace(camera.metadata, camera=camera.space)
    if metadata.exif is not None:
        metadata = replace(metadata, exif=state_size(metadata.exif, pixels.shape[1], pixels.shape[0]))
    return PhotoImage(pixels, None, metadata)


def _demosaicked(
    encoded: EncodedMosaic,
    restorer: "Restorer",
    blend: Blend,
    control: JobControl | None,
    on_tile: "OnTile | None",
) -> Pixels:
    """Return the encoded colours that a model makes of a mosaic. Shape: (height, width, 3), 0 to 1."""
    colours = restorer.restore(encoded.pixels, control=control, on_tile=on_tile)
    if blend.is_full:
        return colours
    interpolated = np.clip(interpolate_rggb(encoded.pixels[:, :, 0]), 0, 1)
    return blended(interpolated, colours, blend)
