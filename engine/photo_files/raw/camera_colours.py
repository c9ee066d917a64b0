"""A camera's colours at each pixel: linear, before white balance, as a DNG holds them.

The way to a network and back leaves them what they are. The network sees them balanced and encoded, as a mosaic's
(`engine.photo_files.raw.mosaic`), clipped where a picture shows white; what lies beyond, which another white balance or
exposure would bring back, is carried past it. Where the sensor saturated there is no noise, and whoever develops the
file has to see that it did: it stays exactly 1.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.contracts.photo import Pixels
from engine.photo_files.orientation import turn_upright
from engine.photo_files.photo_image import ImageMetadata
from engine.photo_files.raw.demosaicking import interpolate_rggb
from engine.photo_files.raw.mosaic import EncodedMosaic, FilterOrder, RawMosaic, gain_of_green, space_of, srgb_picture
from engine.photo_files.sensors.camera_space import CameraSpace
from engine.photo_files.sensors.colour import linear_from_srgb, srgb_from_linear

_ALL_AROUND: Final = 0.99
"""Of marks that are 0 or 1 and were interpolated: more than that only amid ones."""

_NEARLY_WHITE: Final = np.float32(0.8)
_AS_GOOD_AS_WHITE: Final = np.float32(0.95)

_KERNELS: Final = {
    "R": np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 4,
    "B": np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 4,
    "G": np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraColours:
    """A picture in its camera's own colours.

    Attributes:
        colours: Linear, 0 (black) to 1 (saturation). Shape: (height, width, 3), float32, as the sensor lies.
        space: What they mean.
        orientation: As in EXIF, 1 to 8.
        metadata: What is kept beside the pixels.
    """

    colours: NDArray[np.float32]
    space: CameraSpace
    orientation: int
    metadata: ImageMetadata


@dataclass(frozen=True, kw_only=True, eq=False)
class EncodedColours:
    """What a network sees of a picture, and what it does not.

    Attributes:
        pixels: Balanced and sRGB-encoded. Shape: (height, width, 3), 0 to 1, read-only.
        beyond: The light above 1, balanced and linear; None where there is none. Same shape, at least 0.
    """

    pixels: Pixels
    beyond: NDArray[np.float32] | None


def colours_of_mosaic(raw: RawMosaic, encoded: EncodedMosaic, demosaicked: Pixels | None = None) -> CameraColours:
    """Turn a demosaicked picture back into the sensor's light.

    Args:
        raw: The mosaic.
        encoded: As it was demosaicked.
        demosaicked: Encoded colours. Shape: (height, width, 3) of `encoded`, 0 to 1; None: they are interpolated.
    """
    if demosaicked is None:
        demosaicked = interpolate_rggb(encoded.pixels[:, :, 0])
    space = space_of(raw)
    colours = linear_from_srgb(np.clip(demosaicked[encoded.top :, encoded.left :], 0, 1))
    beyond = _beyond_of_mosaic(raw, space)
    if beyond is not None:
        _add_beyond(colours, beyond)
    colours /= space.gains
    np.clip(colours, 0, 1, out=colours)
    is_saturated = raw.mosaic >= 1
    if is_saturated.any():
        colours[_spread(is_saturated.astype(np.float32), raw.order) > _ALL_AROUND] = 1
    return CameraColours(colours=colours, space=space, orientation=raw.orientation, metadata=raw.metadata)


def encode_colours(camera: CameraColours) -> EncodedColours:
    """Prepare a picture for a network that removes noise."""
    light = camera.colours * camera.space.gains
    seen = np.clip(light, 0, 1)
    pixels = srgb_from_linear(seen)
    pixels.setflags(write=False)
    beyond = light - seen
    return EncodedColours(pixels=pixels, beyond=beyond if beyond.any() else None)


def decode_colours(
    camera: CameraColours, restored: Pixels, enlarged: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> CameraColours:
    """Return the picture that a network has made of what `encode_colours` gave it.

    Args:
        camera: The picture before.
        restored: What the network made of its encoded colours.
        enlarged: Brings a picture to the size of the restored one.
    """
    light = linear_from_srgb(np.clip(restored, 0, 1))
    beyond = encode_colours(camera).beyond
    if beyond is not None:
        _add_beyond(light, np.maximum(enlarged(beyond), 0))
    light /= camera.space.gains
    np.clip(light, 0, 1, out=light)
    is_saturated = camera.colours >= 1
    if is_saturated.any():
        light[enlarged(is_saturated.astype(np.float32)) > _ALL_AROUND] = 1
    return replace(camera, colours=light)


def upright_light(camera: CameraColours) -> Pixels:
    """Return the upright picture as a DNG holds it: 1 where the file says that the sensor saturates.

    Returns:
        Linear camera colours. Shape: (height, width, 3), or with height and width exchanged, read-only.
    """
    light = camera.colours.copy()
    light *= np.float32(camera.space.top)
    upright: Pixels = np.ascontiguousarray(turn_upright(light, camera.orientation))
    upright.setflags(write=False)
    return upright


def rendered(camera: CameraColours) -> Pixels:
    """Return the upright picture, as `engine.photo_files.raw.mosaic.render` does. Shape: (height, width, 3), sRGB."""
    light = camera.colours * camera.space.gains
    return srgb_picture(np.clip(light, 0, 1, out=light), camera.space.camera_to_srgb, camera.orientation)


def gain_of_colours(colours: NDArray[np.float32], white_balance: tuple[float, float, float]) -> float:
    """How much a picture is brightened, as a mosaic."""
    return gain_of_green(colours[::2, ::2, 1], white_balance[1])


def _add_beyond(light: NDArray[np.float32], beyond: NDArray[np.float32]) -> None:
    """Add what a network did not see; in place. Beside a highlight, of which it has drawn the edge, that is nothing."""
    is_white = np.clip((light - _NEARLY_WHITE) * np.float32(1 / (_AS_GOOD_AS_WHITE - _NEARLY_WHITE)), 0, 1)
    light += beyond * is_white


def _beyond_of_mosaic(raw: RawMosaic, space: CameraSpace) -> NDArray[np.float32] | None:
    """The light that `encode` clips off, interpolated; None where it clips nothing. Shape: (height, width, 3)."""
    beyond = raw.mosaic.copy()
    for position, colour in enumerate(raw.order):
        row, column = divmod(position, 2)
        beyond[row::2, column::2] *= space.gains["RGB".index(colour)]
    beyond -= 1
    np.maximum(beyond, 0, out=beyond)
    return _spread(beyond, raw.order) if beyond.any() else None


def _spread(mosaic: NDArray[np.float32], order: FilterOrder) -> NDArray[np.float32]:
    """Interpolate each colour by itself, linearly. Shape: (height, width) to (height, width, 3)."""
    planes = []
    for colour in "RGB":
        plane = np.zeros_like(mosaic)
        for position, measured in enumerate(order):
            if measured == colour:
                row, column = divmod(position, 2)
                plane[row::2, column::2] = mosaic[row::2, column::2]
        # Reflection about the border pixel keeps the filters' order beyond the border.
        planes.append(cv2.filter2D(plane, -1, _KERNELS[colour], borderType=cv2.BORDER_REFLECT_101))
    interpolated: NDArray[np.float32] = np.stack(planes, axis=2).astype(np.float32, copy=False)
    return interpolated
