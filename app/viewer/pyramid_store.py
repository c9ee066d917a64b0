"""The pyramids of one comparison, made once and kept for as long as they are shown."""

from dataclasses import dataclass

from app.look.image_convert import DisplayLevels
from app.viewer.pictures import Picture, ViewSettings, at_common_size, deepest
from app.viewer.tiles.display_settings import DisplaySettings, ValueKind
from app.viewer.tiles.image_pyramid import ImagePyramid
from app.viewer.tiles.pixel_pyramid import PixelPyramid, PlainPixels, SubtractedPixels
from engine.photo_files.values.levels import ValueLevels


@dataclass(frozen=True, eq=False)
class _Kept:
    """A picture's halvings, and the way in which they were shown last."""

    pixels: PixelPyramid
    shown: ImagePyramid


_Key = tuple[Picture, Picture | None, bool, tuple[ValueLevels, ...]]
"""One picture less another, signed or not, and what is black and white in both; or a picture as it is."""


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
        self._used.add(_plain_key(picture))

    def plain(self, picture: Picture) -> ImagePyramid:
        """Return a picture as it is shown."""
        settings = self._settings
        key = _plain_key(picture)
        display = DisplaySettings(
            levels=settings.levels.shown(picture),
            exposure_stops=settings.exposure_stops,
            gamma=settings.gamma,
            has_false_colours=settings.has_false_colours,
            icc_profile=picture.icc_profile,
            channels=settings.levels.tints(picture),
        )
        kept = self._kept.get(key)
        pixels = kept.pixels if kept is not None else PixelPyramid(PlainPixels(picture.pixels))
        return self._show(key, pixels, display)

    def subtracted(self, base: Picture, other: Picture, *, is_signed: bool) -> ImagePyramid | None:
        """Return one picture minus another as it is shown; a smaller one is enlarged first.

        The values as stored are subtracted, whatever the profiles: both are versions of one file. Where that has other
        numbers, or numbers of another type, both are brought to one black and white first; the difference is in the
        numbers of the deepest file, and shown as a share of what lies between.

        Returns:
            None where neither size is a whole multiple of the other.
        """
        common = self._settings.levels
        of_base, of_other = common.of_file(base), common.of_file(other)
        of_both = common.of_file(deepest([base, other]))
        key = (base, other, is_signed, (of_base, of_other))
        display = DisplaySettings(
            kind=ValueKind.SIGNED if is_signed else ValueKind.MAGNITUDE,
            levels=DisplayLevels.of_file(of_both),
            gain=self._settings.gain,
            channels=base.channels or other.channels,
            has_false_colours=self._settings.has_false_colours,
        )
        kept = self._kept.get(key)
        if kept is None:
            pair = at_common_size(base.pixels, other.pixels)
            if pair is None:
                return None
            levels = (of_base, of_other, of_both)
            pixels = PixelPyramid(SubtractedPixels(*pair, is_signed=is_signed, levels=levels))
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


def _plain_key(picture: Picture) -> _Key:
    return picture, None, False, ()
