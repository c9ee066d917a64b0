"""Restoring a raw file with a demosaicking model: from the sensor's mosaic to the finished picture."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from engine.contracts.blending import FULL, Blend
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef, Pixels
from engine.machine.interruptible import run_interruptibly
from engine.photo_files.orientation import area_before_turning
from engine.photo_files.photos import PhotoImage, read_raw_mosaic
from engine.photo_files.raw.demosaicking import interpolate_rggb
from engine.photo_files.raw.mosaic import EncodedMosaic, RawMosaic, encode, render
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


def open_raw(path: PhotoRef) -> OpenRaw:
    """Read a raw file.

    Raises:
        NotAMosaicError: The file is a photo, or a raw file without Bayer mosaic.
        ImageReadError: The file cannot be read.
    """
    raw = read_raw_mosaic(path)
    return OpenRaw(raw=raw, encoded=encode(raw))


def restore_raw_area(
    opened: OpenRaw, rows: slice, columns: slice, restorer: "Restorer", *, control: JobControl | None = None
) -> Pixels:
    """Restore an area of what `restore_raw_file` makes of the whole file.

    Args:
        opened: The file.
        rows: Of the upright picture, with both ends.
        columns: Likewise.
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
    path: PhotoRef,
    restorer: "Restorer",
    *,
    blend: Blend = FULL,
    control: JobControl | None = None,
    on_tile: "OnTile | None" = None,
) -> PhotoImage:
    """Demosaick and denoise one raw file.

    Args:
        path: A camera raw file or a bare mosaic.
        restorer: Holds a model that takes mosaics.
        blend: How much of the model's result is kept: of none of it plain interpolation is left, noise and all. The
            camera's colours are what is mixed, before they are rendered.
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
    opened = run_interruptibly(lambda: open_raw(path), control)
    raw, encoded = opened.raw, opened.encoded
    colours = restorer.restore(encoded.pixels, control=control, on_tile=on_tile)
    if not blend.is_full:
        interpolated = np.clip(interpolate_rggb(encoded.pixels[:, :, 0]), 0, 1)
        colours = blended(interpolated, colours, blend)
    return PhotoImage(run_interruptibly(lambda: render(raw, encoded, colours), control), None, raw.metadata)
