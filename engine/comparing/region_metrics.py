"""PSNR and SSIM of a whole picture or of a rectangle of it, in bounded memory."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.comparing.metrics import ssim
from engine.contracts.job_control import JobControl
from engine.contracts.photo import Pixels

_SSIM_MARGIN_PX = 5
"""Half the SSIM's window: nearer to an edge than this there is no value."""
_STRIP_PIXELS = 2_000_000
"""Measured at once: SSIM keeps some ten copies in double precision."""


@dataclass(frozen=True)
class Region:
    """A rectangle of a picture, in its pixels.

    Attributes:
        left: First column.
        top: First row.
        width: Columns, at least 1.
        height: Rows, at least 1.
    """

    left: int
    top: int
    width: int
    height: int

    def clipped(self, width: int, height: int) -> "Region | None":
        """Return the part that lies within a picture of this size; None where nothing does."""
        left, top = max(self.left, 0), max(self.top, 0)
        right, bottom = min(self.left + self.width, width), min(self.top + self.height, height)
        return Region(left, top, right - left, bottom - top) if right > left and bottom > top else None

    def of(self, pixels: Pixels) -> Pixels:
        """Return a picture's pixels within it, without copying."""
        return pixels[self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True)
class Closeness:
    """How close a picture is to its reference.

    Attributes:
        psnr: In dB; infinite where both are equal.
        ssim: -1 to 1; None where the picture is smaller than the window of 11 pixels.
    """

    psnr: float
    ssim: float | None


def measure_closeness(
    picture: Pixels, reference: Pixels, region: Region | None = None, *, control: JobControl | None = None
) -> Closeness:
    """Compare a picture with its reference.

    Args:
        picture: Height x width x 1 or 3 channels, 0 to 1.
        reference: Of the same height and width; gray and colour may meet.
        region: Measure only within it; None: everywhere.
        control: Asked every two megapixels.

    Returns:
        PSNR over all pixels and channels, and SSIM (Wang et al. 2004) over all places where the whole window lies
        within what is measured.

    Raises:
        ValueError: The sizes differ, or the region lies outside.
        JobCancelled: The measuring has been asked to end.
    """
    if picture.shape[:2] != reference.shape[:2]:
        raise ValueError(f"both must have one size; found {picture.shape} and {reference.shape}")
    if region is not None:
        inside = region.clipped(picture.shape[1], picture.shape[0])
        if inside is None:
            raise ValueError(f"{region} lies outside of {picture.shape[1]} x {picture.shape[0]} pixels")
        picture, reference = inside.of(picture), inside.of(reference)
    num_channels = max(picture.shape[2], reference.shape[2])
    first, second = (np.broadcast_to(pixels, (*pixels.shape[:2], num_channels)) for pixels in (picture, reference))
    control = control or JobControl()
    return Closeness(_psnr_in_strips(first, second, control), _ssim_in_strips(first, second, control))


def _psnr_in_strips(first: Pixels, second: Pixels, control: JobControl) -> float:
    """Return what `psnr` does of the whole."""
    total = 0.0
    for rows in _strips(first.shape[0], first.shape[1], control):
        difference = first[rows].astype(np.float64) - second[rows]
        total += float(np.sum(np.square(difference, out=difference)))
    return -10 * math.log10(total / first.size) if total else math.inf


def _ssim_in_strips(first: Pixels, second: Pixels, control: JobControl) -> float | None:
    """Return what `ssim` does of the whole: strips overlap by the margin in which it has no values."""
    height, width = int(first.shape[0]), int(first.shape[1])
    num_rows = height - 2 * _SSIM_MARGIN_PX
    if min(num_rows, width - 2 * _SSIM_MARGIN_PX) < 1:
        return None
    total = 0.0
    for strip in _strips(num_rows, width, control):
        rows = slice(strip.start, strip.stop + 2 * _SSIM_MARGIN_PX)
        total += ssim(first[rows], second[rows]) * (strip.stop - strip.start)
    return total / num_rows


def _strips(num_rows: int, width: int, control: JobControl) -> Iterator[slice]:
    """Yield rows of which so many are measured at once."""
    strip_rows = max(1, _STRIP_PIXELS // width)
    for start in range(0, num_rows, strip_rows):
        control.wait_if_paused()
        yield slice(start, min(start + strip_rows, num_rows))
