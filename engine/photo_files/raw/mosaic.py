"""What a camera recorded behind its Bayer colour filters, and how it becomes a picture.

The way from a mosaic to a picture, for a network and for plain interpolation alike:

1. `encode`: white balance, the gain of a very dark file, clipping at the sensor's saturation (so that highlights turn
   out neutral, not magenta), the sRGB curve, and the reflected shift that brings every filter order to RGGB;
2. demosaicking, which keeps these encoded camera colours;
3. `render`: the curve undone, the camera's colour matrix, the curve again, turned upright.

There is no tone curve beyond sRGB's and no sharpening: the result is what raw converters call neutral, and darker than
the camera's own JPEG. Only a file so dark that little could be seen of it is brightened, see `exposure_gain`. The curve
by which results look as in the camera comes afterwards, see `engine.photo_files.sensors.tone`.
"""

from dataclasses import dataclass, field, replace
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from engine.contracts.photo import Pixels
from engine.photo_files.orientation import turn_upright
from engine.photo_files.photo_image import ImageInfo, ImageMetadata
from engine.photo_files.raw.demosaicking import interpolate_rggb
from engine.photo_files.sensors.camera_space import CameraSpace, tags_of_rendering
from engine.photo_files.sensors.colour import NEUTRAL_MATRIX, Matrix, linear_from_srgb, srgb_from_linear

FilterOrder = Literal["RGGB", "BGGR", "GRBG", "GBRG"]
"""The colours of the top left 2x2 cell, row by row."""

FILTER_ORDERS: Final[tuple[FilterOrder, ...]] = get_args(FilterOrder)

_DARK_LEVEL = 0.18
_MAX_EXPOSURE_GAIN = 8.0
_HIGHLIGHT_PERCENTILE = 99.0


@dataclass(frozen=True, kw_only=True, eq=False)
class RawMosaic:
    """One colour a pixel, as light: linear, black subtracted.

    Attributes:
        mosaic: Shape: (height, width), float32, 0 (black level) to 1 (saturation), read-only.
        order: The colour filters.
        white_balance: Gains of red, green and blue that make gray neutral; the smallest is 1.
        camera_to_srgb: From white-balanced camera colours to linear sRGB, row by row; rows sum to 1, so white stays.
        orientation: As in EXIF, 1 to 8.
        metadata: What is kept beside the pixels; results are written as 16-bit TIFF.
        space: What its file says of the camera's colours; None: nothing, see `space_of`.
    """

    mosaic: NDArray[np.float32]
    order: FilterOrder
    white_balance: tuple[float, float, float]
    camera_to_srgb: Matrix = NEUTRAL_MATRIX
    orientation: int = 1
    metadata: ImageMetadata = field(default_factory=lambda: ImageMetadata(file_format="tiff", bit_depth=16))
    space: CameraSpace | None = None

    def __post_init__(self) -> None:
        if self.mosaic.ndim != 2 or self.mosaic.dtype != np.float32:
            raise ValueError(f"mosaic must be float32 of two axes; found {self.mosaic.dtype} {self.mosaic.shape}")
        view = self.mosaic.view()
        view.setflags(write=False)
        object.__setattr__(self, "mosaic", view)


@dataclass(frozen=True, kw_only=True, eq=False)
class EncodedMosaic:
    """A mosaic as demosaicking takes it.

    Attributes:
        pixels: White-balanced and sRGB-encoded, RGGB. Shape: (height, width, 1), 0 to 1, read-only.
        top: Rows at the top that the shift to RGGB added.
        left: Columns at the left that it added.
    """

    pixels: Pixels
    top: int
    left: int


def encode(raw: RawMosaic) -> EncodedMosaic:
    """Prepare a mosaic for demosaicking: balanced, encoded, in RGGB order.

    An order that does not begin with red begins with it one row or column further on. A row or column is put before
    the first, the mirror image of the second: reflection about the first keeps every colour at its place.
    """
    encoded = srgb_from_linear(balanced(raw))
    row, column = divmod(raw.order.index("R"), 2)
    if min(encoded.shape) > 1:
        encoded = np.pad(encoded, ((row, 0), (column, 0)), mode="reflect")
    else:
        encoded = np.pad(encoded, ((row, 0), (column, 0)), mode="edge")
    pixels = np.ascontiguousarray(encoded[:, :, np.newaxis], np.float32)
    pixels.setflags(write=False)
    return EncodedMosaic(pixels=pixels, top=row, left=column)


def render(raw: RawMosaic, encoded: EncodedMosaic, demosaicked: Pixels) -> Pixels:
    """Turn demosaicked camera colours into the upright picture.

    Args:
        raw: The mosaic that they come from.
        encoded: What was demosaicked.
        demosaicked: Encoded camera colours. Shape: (height, width, 3) of `encoded`, 0 to 1.

    Returns:
        sRGB. Shape: (height, width, 3), or with height and width exchanged; 0 to 1, read-only.
    """
    colours = demosaicked[encoded.top :, encoded.left :]
    return srgb_picture(linear_from_srgb(np.clip(colours, 0, 1)), raw.camera_to_srgb, raw.orientation)


def demosaick_simply(raw: RawMosaic) -> Pixels:
    """Return the upright picture by interpolation alone. Shape: (height, width, 3), sRGB, 0 to 1, read-only."""
    encoded = encode(raw)
    return render(raw, encoded, interpolate_rggb(encoded.pixels[:, :, 0]))


def superpixels(raw: RawMosaic) -> Pixels:
    """Return the upright picture at half size, each 2x2 cell one pixel.

    Nothing is interpolated, so the noise of neighbours stays independent, as learning from noisy photos needs it.

    Returns:
        Shape: (height // 2, width // 2, 3), sRGB, 0 to 1, read-only.
    """
    light = balanced(raw)
    height, width = (side // 2 * 2 for side in light.shape)
    cells: dict[str, list[NDArray[np.float32]]] = {"R": [], "G": [], "B": []}
    for position, colour in enumerate(raw.order):
        row, column = divmod(position, 2)
        cells[colour].append(light[row:height:2, column:width:2])
    colours = [np.mean(cells[colour], axis=0, dtype=np.float32) for colour in "RGB"]
    return srgb_picture(np.stack(colours, axis=2), raw.camera_to_srgb, raw.orientation)


def camera_cells(raw: RawMosaic) -> Pixels:
    """Return what was recorded at half size: of each 2x2 cell its red, its first green and its blue sample.

    Nothing is mixed or turned, so each channel's noise is that of the mosaic which a network is given.

    Returns:
        Encoded camera colours. Shape: (height // 2, width // 2, 3), 0 to 1, read-only.
    """
    mosaic = encode(raw).pixels[:, :, 0]
    height, width = (side // 2 * 2 for side in mosaic.shape)
    places = ((0, 0), (0, 1), (1, 1))
    cells = np.stack([mosaic[row:height:2, column:width:2] for row, column in places], axis=2)
    cells.setflags(write=False)
    return cells


def balanced(raw: RawMosaic) -> NDArray[np.float32]:
    """White-balanced light, brightened where it is very dark. Shape: (height, width), 0 to 1, linear."""
    gain = exposure_gain(raw)
    light = raw.mosaic.copy()
    for position, colour in enumerate(raw.order):
        row, column = divmod(position, 2)
        light[row::2, column::2] *= np.float32(gain * raw.white_balance["RGB".index(colour)])
    return np.clip(light, 0, 1, out=light)


def exposure_gain(raw: RawMosaic) -> float:
    """How much a mosaic is brightened, see `gain_of_green`."""
    row, column = divmod(raw.order.index("G"), 2)
    return gain_of_green(raw.mosaic[row::2, column::2], raw.white_balance[1])


def space_of(raw: RawMosaic) -> CameraSpace:
    """What the colours of a mosaic mean to others."""
    space = raw.space or CameraSpace(white_balance=raw.white_balance, camera_to_srgb=raw.camera_to_srgb)
    tags = space.tags or tags_of_rendering(raw.camera_to_srgb, raw.white_balance)
    return replace(space, tags=tags, exposure_gain=exposure_gain(raw))


def gain_of_green(green: NDArray[np.float32], white_balance: float) -> float:
    """How much a file is brightened: 1, unless 99 % of it are darker than a gray card.

    Then the brightest hundredth of its green pixels is lifted to that gray (18 % of saturation), by three stops at
    most, so that a night stays a night.

    Args:
        green: Its green samples, linear, 0 to 1.
        white_balance: Gain of green.
    """
    if not green.size:
        return 1.0
    highlights = float(np.percentile(green, _HIGHLIGHT_PERCENTILE)) * white_balance
    return min(max(_DARK_LEVEL / max(highlights, 1e-6), 1.0), _MAX_EXPOSURE_GAIN)


def info_of_raw(width: int, height: int, orientation: int) -> ImageInfo:
    """What the header tells of a raw file of this size on the sensor; results are 16-bit TIFF."""
    if orientation >= 5:
        width, height = height, width
    return ImageInfo(width=width, height=height, num_channels=3, bit_depth=16, file_format="tiff", is_raw=True)


def srgb_picture(colours: NDArray[np.float32], camera_to_srgb: Matrix, orientation: int) -> Pixels:
    """From linear, white-balanced camera colours to the upright sRGB picture. Shape: (height, width, 3), 0 to 1."""
    matrix = np.asarray(camera_to_srgb, np.float32)
    pixels = srgb_from_linear(np.clip(colours @ matrix.T, 0, 1))
    upright: Pixels = np.ascontiguousarray(turn_upright(pixels, orientation))
    upright.setflags(write=False)
    return upright
