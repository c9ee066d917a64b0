"""Restoring a raw file with a demosaicking model: from the sensor's mosaic to the finished picture."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.data.bayer_interpolation import interpolate_rggb
from engine.data.image_files import PhotoImage, read_raw_mosaic
from engine.data.raw_mosaic import encode, render
from engine.job_control import JobControl

if TYPE_CHECKING:
    from engine.restorer import OnTile, Restorer


def restore_raw_file(
    path: Path,
    restorer: "Restorer",
    *,
    strength: float = 1.0,
    control: JobControl | None = None,
    on_tile: "OnTile | None" = None,
) -> PhotoImage:
    """Demosaick and denoise one raw file.

    Args:
        path: A camera raw file or a bare mosaic.
        restorer: Holds a model that takes mosaics.
        strength: 0 is plain interpolation, noise and all; 1 the model's result.
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
    from engine.restorer import blend_with_input

    raw = read_raw_mosaic(path)
    encoded = encode(raw)
    colours = restorer.restore(encoded.pixels, control=control, on_tile=on_tile)
    if strength < 1:
        interpolated = np.clip(interpolate_rggb(encoded.pixels[:, :, 0]), 0, 1)
        colours = blend_with_input(interpolated, colours, strength)
    return PhotoImage(render(raw, encoded, colours), None, raw.metadata)
