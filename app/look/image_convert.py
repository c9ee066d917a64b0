"""Between the engine's float pixels and Qt's images.

Every `QImage` made here owns its memory: Qt keeps no reference to a NumPy buffer, so an image that borrows one
shows rubbish or crashes once the array is collected. Pixels are therefore written once, straight into the
image's own buffer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from engine.comparing.shown_channels import ShownPhoto
from engine.contracts.photo import Pixels
from engine.photo_files.tiff.channel_descriptions import Channel, mixed
from engine.photo_files.values.levels import ValueLevels

BitDepth = Literal[8, 16]

ImageValues = NDArray[np.uint8] | NDArray[np.uint16]
"""Quantised pixels: height x width x channels."""

_STRETCH_SAMPLES = 200_000
_STRETCH_PERCENTILES = (0.1, 99.9)


@dataclass(frozen=True)
class DisplayLevels:
    """Which values are shown as black and as white; everything between is spread evenly.

    Attributes:
        black: Value shown as black, on the 0 to 1 scale.
        white: Value shown as white, above `black`.
    """

    black: float = 0.0
    white: float = 1.0

    def __post_init__(self) -> None:
        if not self.white > self.black:
            raise ValueError(f"white must be above black, got black={self.black}, white={self.white}")

    @classmethod
    def of_file(cls, levels: ValueLevels) -> "DisplayLevels":
        """Show what is black and white in a photo's file as that.

        Args:
            levels: Of channels that have their own: from the darkest black to the brightest white.
        """
        return cls(min(levels.black), max(levels.white))

    @property
    def is_identity(self) -> bool:
        """Whether the picture is shown as it is."""
        return self.black == 0.0 and self.white == 1.0


@dataclass(frozen=True)
class ChannelTint:
    """How one of several channels is shown.

    Attributes:
        name: What its file calls it; "" where it does not.
        colour: Red, green and blue, 0 to 1.
        levels: What of it is black and white.
    """

    name: str
    colour: tuple[float, float, float]
    levels: DisplayLevels

    @classmethod
    def of_photo(cls, photo: ShownPhoto) -> "tuple[ChannelTint, ...]":
        """Return those of a photo; none where it is a photo of colours, or gray."""
        levels = photo.metadata.levels
        return tuple(
            cls(channel.name, channel.colour, DisplayLevels.of_file(levels.of_channel(index)))
            for index, channel in enumerate(photo.channels)
        )

    @classmethod
    def of_channels(cls, channels: Sequence[Channel]) -> "tuple[ChannelTint, ...]":
        """Return those of channels whose values lie between black and white already."""
        return tuple(cls(channel.name, channel.colour, DisplayLevels()) for channel in channels)


def tinted(pixels: Pixels, tints: Sequence[ChannelTint]) -> Pixels:
    """Show channels in their colours.

    Args:
        pixels: Height x width x channels.
        tints: One for each.

    Returns:
        Height x width x 3, 0 to 1.
    """
    planes = [apply_levels(pixels[:, :, index : index + 1], tint.levels) for index, tint in enumerate(tints)]
    return mixed(np.concatenate(planes, axis=2), [tint.colour for tint in tints])


def stretch_levels(pixels: Pixels) -> DisplayLevels:
    """Choose levels that spread a dim or flat picture over the display's whole range.

    One pair of levels serves all channels, so that colours keep their balance, and all panes of a comparison,
    so that none is flattered.

    Args:
        pixels: Height x width x channels, 0 to 1.

    Returns:
        The levels between which all but the most extreme 0.2 % of the values lie.
    """
    step = max(1, int(np.sqrt(pixels.shape[0] * pixels.shape[1] / _STRETCH_SAMPLES)))
    low, high = np.percentile(pixels[::step, ::step], _STRETCH_PERCENTILES)
    if not high > low:
        return DisplayLevels()
    return DisplayLevels(float(low), float(high))


def apply_levels(pixels: Pixels, levels: DisplayLevels) -> Pixels:
    """Map the levels' black to 0 and white to 1, without clipping.

    Args:
        pixels: Height x width x channels.
        levels: What to show as black and white.

    Returns:
        The same array where the levels change nothing, otherwise a new one.
    """
    if levels.is_identity:
        return pixels
    return (pixels - np.float32(levels.black)) * np.float32(1 / (levels.white - levels.black))


def image_view(image: QImage) -> ImageValues:
    """Look at an image's pixels without a copy.

    The view keeps the pixels alive, and what is painted into `image` later does not reach it.

    Args:
        image: In one of the formats that this module makes.

    Returns:
        Read-only. Height x width x channels, with Qt's channels (four where Qt pads to four).

    Raises:
        ValueError: The format is another one.
    """
    height, width = image.height(), image.width()
    num_channels, dtype = _layout(image.format())
    # Qt's own sharing pins the pixels: a second QImage counts as an owner, and a later write goes to a copy.
    owner = QImage(image)
    rows = np.frombuffer(owner.constBits(), dtype=dtype).reshape(height, -1)
    pixels = rows[:, : width * num_channels].reshape(height, width, num_channels)
    return np.asarray(_PinnedPixels(owner, pixels.__array_interface__))


def qimage_from_pixels(
    pixels: Pixels, *, bit_depth: BitDepth = 8, levels: DisplayLevels | None = None, padded: bool = False
) -> QImage:
    """Turn float pixels into an image that owns its memory.

    Args:
        pixels: Height x width x channels (1 or 3), 0 to 1; values outside are clipped.
        bit_depth: 8 or 16 bits a channel.
        levels: What to show as black and white; None shows the values as they are.
        padded: At 8 bits, make colour images `Format_RGB32` rather than `Format_RGB888`: a third more memory,
            but Qt paints it about four times faster.

    Returns:
        `Format_Grayscale8` / `Format_Grayscale16` for one channel, `Format_RGB888` (or `Format_RGB32`) /
        `Format_RGBX64` for three.

    Raises:
        ValueError: The pixels have another shape.
    """
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3) or 0 in pixels.shape:
        raise ValueError(f"pixels must be height x width x 1 or 3, got shape {pixels.shape}")
    height, width, num_channels = pixels.shape
    shown = apply_levels(pixels, levels) if levels is not None else pixels
    flat = np.ascontiguousarray(shown, dtype=np.float32).reshape(height, width * num_channels)
    if num_channels == 1:
        gray = QImage.Format.Format_Grayscale8 if bit_depth == 8 else QImage.Format.Format_Grayscale16
        image = QImage(width, height, gray)
        _quantise(flat, bit_depth, out=_writable_rows(image))
    elif bit_depth == 8 and not padded:
        image = QImage(width, height, QImage.Format.Format_RGB888)
        _quantise(flat, 8, out=_writable_rows(image))
    else:
        image = QImage(width, height, _PADDED_FORMATS[bit_depth])
        colours = _quantise(flat, bit_depth).reshape(height, width, 3)
        # Format_RGB32 lies in memory as blue, green, red, 255; Format_RGBX64 as red, green, blue, 65535.
        order = cv2.COLOR_RGB2BGRA if bit_depth == 8 else cv2.COLOR_RGB2RGBA
        target = _writable_rows(image).reshape(height, width, 4)
        cv2.cvtColor(colours, order, dst=target)
    return image


def qimage_from_bytes(values: NDArray[np.uint8]) -> QImage:
    """Turn 8 bit values into an image that owns its memory.

    Args:
        values: Height x width x channels, 0 to 255: 1 (gray), 3 (red, green, blue) or 4 (blue, green, red and
            padding, as `image_view` shows `Format_RGB32`).

    Returns:
        `Format_Grayscale8`, `Format_RGB888` or `Format_RGB32`.

    Raises:
        ValueError: The values have another shape.
    """
    if values.ndim != 3 or values.shape[2] not in _BYTE_FORMATS or 0 in values.shape:
        raise ValueError(f"values must be height x width x 1, 3 or 4, got shape {values.shape}")
    height, width, num_channels = values.shape
    image = QImage(width, height, _BYTE_FORMATS[num_channels])
    _writable_rows(image)[:] = values.reshape(height, width * num_channels)
    return image


def pixels_from_qimage(image: QImage) -> Pixels:
    """Turn any image into float pixels; transparency is dropped.

    Args:
        image: Not null.

    Returns:
        Read-only. Height x width x 1 for gray formats, x 3 otherwise, 0 to 1.

    Raises:
        ValueError: The image is null.
    """
    if image.isNull():
        raise ValueError("image is null")
    converted = image.convertToFormat(_exchange_format(image))
    values = image_view(converted)[:, :, :3]
    peak = np.float32(255 if values.dtype == np.uint8 else 65535)
    pixels = np.divide(values, peak, dtype=np.float32)
    pixels.flags.writeable = False
    return pixels


class _PinnedPixels:
    """Lends an image's memory to NumPy, which keeps this object, and so the image, as long as the array.

    Attributes:
        image: The owner of the memory.
    """

    def __init__(self, image: QImage, array_interface: dict[str, Any]) -> None:
        self.image = image
        self.__array_interface__ = array_interface


_BYTE_FORMATS = {
    1: QImage.Format.Format_Grayscale8,
    3: QImage.Format.Format_RGB888,
    4: QImage.Format.Format_RGB32,
}

_PADDED_FORMATS = {8: QImage.Format.Format_RGB32, 16: QImage.Format.Format_RGBX64}

_LAYOUTS: dict[QImage.Format, tuple[int, "np.dtype[np.uint8] | np.dtype[np.uint16]"]] = {
    QImage.Format.Format_Grayscale8: (1, np.dtype(np.uint8)),
    QImage.Format.Format_Grayscale16: (1, np.dtype(np.uint16)),
    QImage.Format.Format_RGB888: (3, np.dtype(np.uint8)),
    QImage.Format.Format_RGB32: (4, np.dtype(np.uint8)),
    QImage.Format.Format_RGBX64: (4, np.dtype(np.uint16)),
}


def _layout(image_format: QImage.Format) -> tuple[int, "np.dtype[np.uint8] | np.dtype[np.uint16]"]:
    """Channels and type of a format that this module makes."""
    if image_format not in _LAYOUTS:
        raise ValueError(f"image format {image_format.name} is not one of {[kind.name for kind in _LAYOUTS]}")
    return _LAYOUTS[image_format]


def _exchange_format(image: QImage) -> QImage.Format:
    """Return the format that keeps the most of an image."""
    if image.format() in _GRAY_FORMATS and image.isGrayscale():
        return _GRAY_FORMATS[image.format()]
    is_deep = image.pixelFormat().redSize() > 8
    return QImage.Format.Format_RGBX64 if is_deep else QImage.Format.Format_RGB888


_GRAY_FORMATS = {
    QImage.Format.Format_Grayscale8: QImage.Format.Format_Grayscale8,
    QImage.Format.Format_Grayscale16: QImage.Format.Format_Grayscale16,
    QImage.Format.Format_Mono: QImage.Format.Format_Grayscale8,
    QImage.Format.Format_MonoLSB: QImage.Format.Format_Grayscale8,
    QImage.Format.Format_Indexed8: QImage.Format.Format_Grayscale8,
}


def _writable_rows(image: QImage) -> ImageValues:
    """Rows of an image's own buffer, without their padding; valid while `image` lives."""
    num_channels, dtype = _layout(image.format())
    rows = np.frombuffer(image.bits(), dtype=dtype).reshape(image.height(), -1)
    return cast(ImageValues, rows[:, : image.width() * num_channels])


def _quantise(flat: NDArray[np.float32], bit_depth: BitDepth, out: ImageValues | None = None) -> ImageValues:
    """Scale, round and clip in one pass. Two-dimensional, since OpenCV scales only the first channel otherwise."""
    peak, depth = (255.0, cv2.CV_8U) if bit_depth == 8 else (65535.0, cv2.CV_16U)
    if out is None:
        out = np.empty(flat.shape, np.uint8 if bit_depth == 8 else np.uint16)
    cv2.multiply(flat, np.float64(peak), dst=out, dtype=depth)  # type: ignore[call-overload]
    return out
