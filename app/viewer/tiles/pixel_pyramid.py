"""Float pixels at full size, half, a quarter and so on, read in windows: what is zoomed out touches few of them."""

from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.contracts.photo import Pixels
from engine.photo_files.values.levels import OF_TYPE, ValueLevels
from engine.photo_files.values.sample_types import to_float

OVERVIEW_SIDE_PX = 768
"""The smallest level is at most so large on its longer side."""

_STRIP_ROWS = 512
"""Rows halved at a time; even."""


class PixelSource(Protocol):
    """Pixels at full size that can be read in windows, from any thread.

    Attributes:
        width: Columns.
        height: Rows.
        num_channels: 1 or 3, or as many as a microscope's file has.
    """

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    @property
    def num_channels(self) -> int: ...

    def window(self, left: int, top: int, right: int, bottom: int) -> Pixels:
        """Return the columns `left` to `right` and the rows `top` to `bottom`, the ends left out."""
        ...


class PixelLevels(Protocol):
    """A picture at full size and in halvings of it, read in windows from any thread.

    Level 0 is the full size; a pixel of level k stands for 2^k x 2^k of it.
    """

    @property
    def num_levels(self) -> int:
        """How many levels there are, the full size among them."""
        ...

    @property
    def num_channels(self) -> int:
        """As of `PixelSource`."""
        ...

    def level_size(self, level: int) -> tuple[int, int]:
        """Return a level's width and height."""
        ...

    def window(self, level: int, left: int, top: int, right: int, bottom: int) -> Pixels:
        """Return the columns `left` to `right` and the rows `top` to `bottom` of a level, the ends left out."""
        ...


class PlainPixels:
    """A picture's own pixels."""

    def __init__(self, pixels: Pixels) -> None:
        """Take the pixels, without a copy.

        Args:
            pixels: Height x width x channels.

        Raises:
            ValueError: The shape is another one, or the picture is empty.
        """
        if pixels.ndim != 3 or 0 in pixels.shape:
            raise ValueError(f"pixels must be height x width x channels, got shape {pixels.shape}")
        self._pixels = pixels
        self.height, self.width, self.num_channels = pixels.shape

    def window(self, left: int, top: int, right: int, bottom: int) -> Pixels:
        """Return a view of a window."""
        return self._pixels[top:bottom, left:right]


class SamplePixels:
    """The numbers of a file, floats only where they are looked at: of 8 bits they take a quarter of the memory."""

    def __init__(self, samples: NDArray[Any]) -> None:
        """Take the numbers, without a copy.

        Args:
            samples: Height x width x channels; as of `PhotoSamples` or `ShownPhoto`.
        """
        self._samples = samples
        self.height, self.width, self.num_channels = samples.shape

    def window(self, left: int, top: int, right: int, bottom: int) -> Pixels:
        """Return a window as floats, 0 to 1."""
        return to_float(self._samples[top:bottom, left:right])


class SubtractedPixels:
    """One picture minus another, computed where it is looked at: a difference of large photos needs no memory."""

    def __init__(
        self,
        base: Pixels,
        other: Pixels,
        *,
        is_signed: bool,
        levels: tuple[ValueLevels, ValueLevels, ValueLevels] = (OF_TYPE, OF_TYPE, OF_TYPE),
    ) -> None:
        """Take both pictures, without copies.

        Args:
            base: Height x width x channels.
            other: Of the same height and width; gray and colour may meet.
            is_signed: Whether to keep the sign of `base - other`.
            levels: What is black and white in `base`, in `other`, and in the values that both are brought to first.

        Raises:
            ValueError: The sizes differ.
        """
        if base.shape[:2] != other.shape[:2]:
            raise ValueError(f"sizes must be equal, got shapes {base.shape} and {other.shape}")
        self._base, self._other, self._is_signed, self._levels = base, other, is_signed, levels
        self.height, self.width = base.shape[:2]
        self.num_channels = max(base.shape[2], other.shape[2])

    def window(self, left: int, top: int, right: int, bottom: int) -> Pixels:
        """Return the difference in a window: -1 to 1 of photographs where it is signed, else 0 to 1."""
        of_base, of_other, of_both = self._levels
        base = of_base.brought_to(of_both, self._base[top:bottom, left:right])
        difference: Pixels = base - of_other.brought_to(of_both, self._other[top:bottom, left:right])
        return difference if self._is_signed else np.abs(difference, out=difference)


class PixelPyramid:
    """Halvings of pixels. Level 0 is the source itself; a pixel of level k stands for 2^k x 2^k of it.

    At an odd edge the last pixel stands for what is there: it reaches beyond the picture, and is cut off when painted.
    Making one reads every pixel once (some tenths of a second for 50 megapixels), so it belongs in a background
    thread; afterwards any thread may read.
    """

    def __init__(self, source: PixelSource) -> None:
        self._source = source
        self._halvings: list[Pixels] = []
        if max(source.width, source.height) > OVERVIEW_SIDE_PX:
            self._halvings.append(_halve_in_strips(source))
            while max(self._halvings[-1].shape[:2]) > OVERVIEW_SIDE_PX:
                self._halvings.append(_halve_in_strips(PlainPixels(self._halvings[-1])))

    @property
    def num_levels(self) -> int:
        """How many levels there are, the full size among them."""
        return 1 + len(self._halvings)

    @property
    def num_channels(self) -> int:
        """As of `PixelSource`."""
        return self._source.num_channels

    def level_size(self, level: int) -> tuple[int, int]:
        """Return a level's width and height."""
        if level == 0:
            return self._source.width, self._source.height
        height, width = self._halvings[level - 1].shape[:2]
        return width, height

    def window(self, level: int, left: int, top: int, right: int, bottom: int) -> Pixels:
        """Return the columns `left` to `right` and the rows `top` to `bottom` of a level, the ends left out."""
        if level == 0:
            return self._source.window(left, top, right, bottom)
        return self._halvings[level - 1][top:bottom, left:right]


def level_for(levels: PixelLevels, zoom: float) -> int:
    """Return the smallest level that still holds every detail a screen shows.

    Args:
        levels: The picture.
        zoom: Screen pixels a picture pixel.
    """
    level = 0
    # A hundredth of slack: a fit that comes out a rounding above a half needs no level of four times the pixels.
    while level + 1 < levels.num_levels and zoom * 2 ** (level + 1) <= 1.01:
        level += 1
    return level


def halved(pixels: Pixels) -> Pixels:
    """Average every 2 x 2 pixels; a last odd row or column counts twice.

    Args:
        pixels: Height x width x channels.
    """
    height, width, num_channels = pixels.shape
    if height % 2 or width % 2:
        padding = (0, height % 2, 0, width % 2)
        pixels = np.asarray(cv2.copyMakeBorder(pixels, *padding, cv2.BORDER_REPLICATE), np.float32)
    size = ((width + 1) // 2, (height + 1) // 2)
    averaged = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return np.asarray(averaged, np.float32).reshape(size[1], size[0], num_channels)


def _halve_in_strips(source: PixelSource) -> Pixels:
    """Halve a picture without ever holding all of it as floats."""
    width, height = (source.width + 1) // 2, (source.height + 1) // 2
    result = np.empty((height, width, source.num_channels), np.float32)
    for top in range(0, source.height, _STRIP_ROWS):
        rows = halved(source.window(0, top, source.width, min(top + _STRIP_ROWS, source.height)))
        result[top // 2 : top // 2 + rows.shape[0]] = rows
    return result
