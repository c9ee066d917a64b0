"""The pyramids of one comparison, made once and kept for as long as they are shown."""

from dataclasses import dataclass

from app.viewer.pictures import Picture, ViewSettings, at_common_size
from app.viewer.tiles.display_settings import DisplaySettings, ValueKind
from app.viewer.tiles.image_pyramid import ImagePyramid
from app.viewer.tiles.pixel_pyramid import PixelPyramid, PlainPixels, SubtractedPixels


@dataclass(frozen=True, eq=False)
class _Kept:
    """A picture's halvings, and the way in which they were shown last."""

    pixels: PixelPyramid
    shown: ImagePyramid


_Key = tuple[Picture, Picture | None, bool]


class PyramidStore:
    """Makes pyramids; the halvings of a picture do not depend on how it is shown, and are made once.

    Belongs to the one background thread that arranges.
    """

    def __init__(self) -> None:
        self._kept: dict[_Key, _Kept] = {}
        self._used: set[_Key] = set()
        self._settings = ViewSettings()

    def begin(self, settings: ViewSettings) -> None:
        """Start an arrangement with these settings."""
        self._settings = settings
        self._used = set()

    def end(self) -> None:
        """Let go of what the arrangement did not use."""
        self._kept = {key: kept for key, kept in self._kept.items() if key in self._used}

    def keep(self, picture: Picture) -> None:
        """Keep what has been made of a picture, though this arrangement does not show it as it is."""
        self._used.add((picture, None, False))

    def plain(self, picture: Picture) -> ImagePyramid:
        """Return a picture as it is shown."""
        settings = self._settings
        key = (picture, None, False)
        display = DisplaySettings(
            levels=settings.levels,
            exposure_stops=settings.exposure_stops,
            gamma=settings.gamma,
            has_false_colours=settings.has_false_colours,
            icc_profile=picture.icc_profile,
            channels=settings.channels if len(settings.channels) == len(picture.channels) else picture.channels,
        )
        kept = self._kept.get(key)
        pixels = kept.pixels if kept is not None else PixelPyramid(PlainPixels(picture.pixels))
        return self._show(key, pixels, display)

    def subtracted(self, base: Picture, other: Picture, *, is_signed: bool) -> ImagePyramid | None:
        """Return one picture minus another as it is shown; a smaller one is enlarged first.

        The values as stored are subtracted, whatever the profiles: both are versions of one file.

        Returns:
            None where neither size is a whole multiple of the other.
        """
        key = (base, other, is_signed)
        display = DisplaySettings(
            kind=ValueKind.SIGNED if is_signed else ValueKind.MAGNITUDE,
            gain=self._settings.gain,
            has_false_colours=self._settings.has_false_colours,
        )
        kept = self._kept.get(key)
        if kept is None:
            pair = at_common_size(base.pixels, other.pixels)
            if pair is None:
                return None
            pixels = PixelPyramid(SubtractedPixels(*pair, is_signed=is_signed))
        else:
            pixels = kept.pixels
        return self._show(key, pixels, display)

    def _show(self, key: _Key, pixels: PixelPyramid, display: DisplaySettings) -> ImagePyramid:
        kept = self._kept.get(key)
        if kept is None or kept.shown.settings != display:
            kept = _Kept(pixels, ImagePyramid(pixels, display))
            self._kept[key] = kept
        self._used.add(key)
        return kept.shown
