"""From a picture's float values to what a display shows: the last step, done tile by tile and never saved."""

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from PySide6.QtGui import QImage

from app.look.image_convert import (
    ChannelTint,
    DisplayLevels,
    apply_levels,
    image_view,
    qimage_from_bytes,
    qimage_from_pixels,
    tinted,
)
from app.viewer.tiles.colour_profiles import conversion_to_srgb
from app.viewer.tiles.false_colours import ColourScale, colours_of, luma
from engine.contracts.photo import Pixels
from engine.photo_files.sensors.colour import linear_from_srgb, srgb_from_linear
from engine.photo_files.sensors.tone import ToneCurve

EXPOSURE_RANGE_STOPS = (-10.0, 10.0)
GAMMA_RANGE = (0.2, 5.0)


class ValueKind(Enum):
    """What values stand for."""

    PICTURE = "picture"
    """Encoded light, 0 to 1."""
    MAGNITUDE = "magnitude"
    """How far two pictures are apart, in their numbers: black is nothing."""
    SIGNED = "signed"
    """One picture minus another, in their numbers: mid-gray is nothing."""


@dataclass(frozen=True, kw_only=True)
class DisplaySettings:
    """How values are shown.

    Attributes:
        kind: What the values stand for.
        levels: Of pictures: what is black and white; of differences, what is so in the pictures.
        exposure_stops: Of pictures: by how many doublings of light they are shown brighter.
        gamma: Of pictures: encoded values are raised to 1 / gamma; above 1 lifts the shadows.
        gain: Of differences: what they are multiplied by, as shares of what lies between black and white.
        has_false_colours: Whether to show brightness, or the difference in brightness, on a colour scale.
        icc_profile: Of pictures: what their values mean; None: sRGB.
        tone: Of neutral renderings of raw: the curve that is written into them later; None: none.
        channels: Of pictures whose channels are no colours: how each is shown, in place of `levels`. Their brightness,
            and how far two of them are apart, is the mean of all channels.
    """

    kind: ValueKind = ValueKind.PICTURE
    levels: DisplayLevels = field(default_factory=DisplayLevels)
    exposure_stops: float = 0.0
    gamma: float = 1.0
    gain: float = 1.0
    has_false_colours: bool = False
    icc_profile: bytes | None = None
    tone: ToneCurve | None = None
    channels: tuple[ChannelTint, ...] = ()

    def __post_init__(self) -> None:
        if not EXPOSURE_RANGE_STOPS[0] <= self.exposure_stops <= EXPOSURE_RANGE_STOPS[1]:
            raise ValueError(f"exposure_stops must be within {EXPOSURE_RANGE_STOPS}, got {self.exposure_stops}")
        if not GAMMA_RANGE[0] <= self.gamma <= GAMMA_RANGE[1]:
            raise ValueError(f"gamma must be within {GAMMA_RANGE}, got {self.gamma}")

    @property
    def scale(self) -> ColourScale:
        """The colour scale that goes with the values."""
        return ColourScale.SIGNED if self.kind is ValueKind.SIGNED else ColourScale.MAGNITUDE

    @property
    def _gain_of_numbers(self) -> float:
        return self.gain / (self.levels.white - self.levels.black)

    def shown(self, values: Pixels) -> Pixels:
        """Return what a display shows, before it is rounded and clipped.

        Args:
            values: Height x width x channels.

        Returns:
            Same height and width, of 1 channel or 3; 0 is black and 1 is white, or the ends of the colour scale. The
            same array where nothing is to be done.
        """
        if self.kind is not ValueKind.PICTURE and (self.channels or values.shape[2] not in (1, 3)):
            values = self._brightness(values)
        if self.kind is ValueKind.MAGNITUDE:
            return values * np.float32(self._gain_of_numbers)
        if self.kind is ValueKind.SIGNED:
            return values * np.float32(self._gain_of_numbers) + np.float32(0.5)
        if self.tone is not None:
            values = self.tone.applied(values)
        if self.channels and len(self.channels) == values.shape[2] and not self.has_false_colours:
            values = tinted(values, self.channels)
        else:
            values = values if values.shape[2] in (1, 3) and not self.channels else self._brightness(values)
            # First of all: levels are in the numbers of the file, and its profile says what lies between them.
            values = apply_levels(values, self.levels)
            conversion = conversion_to_srgb(self.icc_profile, values.shape[2])
            if conversion is not None:
                values = conversion.apply(values)
        if self.exposure_stops or self.gamma != 1.0:
            # Light is multiplied, as a longer exposure does; the camera's curve is undone for it.
            light = linear_from_srgb(np.maximum(values, 0)) * np.float32(2.0**self.exposure_stops)
            values = srgb_from_linear(light)
            if self.gamma != 1.0:
                values **= np.float32(1 / self.gamma)
        return values

    def _brightness(self, values: Pixels) -> Pixels:
        return luma(values, are_colours=not self.channels)

    def value_at(self, shown: float) -> float:
        """Return the value that is shown at a share of the scale: the inverse of `shown` for plain gray."""
        if self.kind is ValueKind.MAGNITUDE:
            return shown / self._gain_of_numbers
        if self.kind is ValueKind.SIGNED:
            return (shown - 0.5) / self._gain_of_numbers
        light = linear_from_srgb(np.array([shown**self.gamma], np.float32)) / np.float32(2.0**self.exposure_stops)
        encoded = float(srgb_from_linear(light)[0])
        conversion = conversion_to_srgb(self.icc_profile, 1) or conversion_to_srgb(self.icc_profile, 3)
        if conversion is not None:
            encoded = conversion.gray_before(encoded)
        return self.levels.black + encoded * (self.levels.white - self.levels.black)

    def render(self, values: Pixels) -> QImage:
        """Turn values into an image that Qt paints fast; any thread.

        Args:
            values: Height x width x channels.

        Returns:
            `Format_Grayscale8` or `Format_RGB32`.
        """
        if not self.has_false_colours:
            return qimage_from_pixels(self.shown(values), padded=True)
        if self.kind is ValueKind.PICTURE:
            brightness = luma(np.clip(self.shown(values), 0, 1))
        else:
            brightness = self.shown(self._brightness(values))
        indices = image_view(qimage_from_pixels(brightness))[:, :, 0]
        return qimage_from_bytes(colours_of(self.scale)[indices]).convertToFormat(QImage.Format.Format_RGB32)
