"""What a canvas paints: tiles of a picture's levels as a display shows them, each made when it is first needed."""

import threading
from collections import OrderedDict
from typing import NamedTuple

from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QImage

from app.look.image_convert import DisplayLevels
from app.viewer.tiles.display_settings import DisplaySettings
from app.viewer.tiles.pixel_pyramid import PixelLevels, PixelPyramid, PlainPixels
from engine.contracts.photo import Pixels

TILE_PX = 256
_MIN_KEPT_TILES = 320
"""80 MB a picture: the visible ones of a display of 2560 x 1440 pixels at any zoom, and those around them."""


class TileKey(NamedTuple):
    """Which tile.

    Attributes:
        level: 0 for the full size.
        column: From the left.
        row: From the top.
    """

    level: int
    column: int
    row: int


class ImagePyramid:
    """A picture's pixels with the way in which they are shown.

    Any thread may ask. Where the values change, as those of a photo that is being restored, `outdate` says so: a tile
    is shown on until it has been made anew.

    Attributes:
        pixels: The values.
        settings: How they are shown.
        overview: The smallest level; always there, and shown where a tile is still missing.
    """

    def __init__(self, pixels: PixelLevels, settings: DisplaySettings) -> None:
        self.pixels = pixels
        self.settings = settings
        self._lock = threading.Lock()
        self._overview_lock = threading.Lock()
        self._max_tiles = _MIN_KEPT_TILES
        self._tiles: OrderedDict[TileKey, QImage] = OrderedDict()
        self._outdated: set[TileKey] = set()
        """Of the kept tiles those whose values are others by now."""
        self._begun: dict[TileKey, bool] = {}
        """The tiles that are being made; whether their values have stayed the same since."""
        self.overview = self._render_level(pixels.num_levels - 1)

    @classmethod
    def from_pixels(cls, pixels: Pixels, levels: DisplayLevels | None = None) -> "ImagePyramid":
        """Build the pyramid of a picture.

        Args:
            pixels: Height x width x channels, 0 to 1.
            levels: What to show as black and white; None shows the values as they are.
        """
        return cls(PixelPyramid(PlainPixels(pixels)), DisplaySettings(levels=levels or DisplayLevels()))

    @property
    def size(self) -> QSize:
        """Size of the picture."""
        return QSize(*self.pixels.level_size(0))

    @property
    def overview_level(self) -> int:
        """The level of `overview`."""
        return self.pixels.num_levels - 1

    def tile_place(self, key: TileKey) -> QRect:
        """Return where a tile lies on its level."""
        whole = QRect(0, 0, *self.pixels.level_size(key.level))
        return QRect(key.column * TILE_PX, key.row * TILE_PX, TILE_PX, TILE_PX).intersected(whole)

    def make_room(self, num_tiles: int) -> None:
        """Keep at least so many tiles: those in view would else drive each other out on a large display."""
        with self._lock:
            self._max_tiles = max(_MIN_KEPT_TILES, num_tiles)

    def kept(self, key: TileKey) -> QImage | None:
        """Return a tile if it has been made."""
        with self._lock:
            tile = self._tiles.get(key)
            if tile is not None:
                self._tiles.move_to_end(key)
            return tile

    def is_current(self, key: TileKey) -> bool:
        """Whether a tile has been made, and of the present values."""
        with self._lock:
            return key in self._tiles and key not in self._outdated

    def keep(self, key: TileKey, tile: QImage) -> None:
        """Keep a tile that has been made; the one that was not asked for the longest goes."""
        with self._lock:
            self._tiles[key] = tile
            if self._begun.pop(key, True):
                self._outdated.discard(key)
            else:
                self._outdated.add(key)
            while len(self._tiles) > self._max_tiles:
                self._outdated.discard(self._tiles.popitem(last=False)[0])

    def outdate(self, area: QRect | None = None) -> None:
        """Note that values are others than before; `overview` shows them at once, so this belongs in the background.

        Args:
            area: Where, in pixels of the full size; None: everywhere.
        """
        with self._lock:
            self._outdated.update(key for key in self._tiles if self._touches(key, area))
            self._begun.update((key, False) for key in self._begun if self._touches(key, area))
        # One after the other, so that the last one shows the last values.
        with self._overview_lock:
            self.overview = self._render_level(self.overview_level)

    def render(self, key: TileKey) -> QImage:
        """Make a tile."""
        with self._lock:
            self._begun[key] = True
        place = self.tile_place(key)
        right, bottom = place.left() + place.width(), place.top() + place.height()
        return self.settings.render(self.pixels.window(key.level, place.left(), place.top(), right, bottom))

    def prepare(self, level: int, visible: QRect) -> None:
        """Make and keep the tiles of a part of a level, where they are not there yet."""
        if level == self.overview_level:
            return
        for key in tiles_within(level, visible.intersected(QRect(0, 0, *self.pixels.level_size(level)))):
            if self.kept(key) is None:
                self.keep(key, self.render(key))

    def _touches(self, key: TileKey, area: QRect | None) -> bool:
        if area is None:
            return True
        side = TILE_PX << key.level
        return QRect(key.column * side, key.row * side, side, side).intersects(area)

    def whole_image(self) -> QImage:
        """Render all of the picture at full size; for small pictures, and for tests."""
        return self._render_level(0)

    def _render_level(self, level: int) -> QImage:
        width, height = self.pixels.level_size(level)
        return self.settings.render(self.pixels.window(level, 0, 0, width, height))


def tiles_within(level: int, part: QRect) -> list[TileKey]:
    """Return the tiles of a level that a part of it touches, row by row; none for an empty part."""
    if part.isEmpty():
        return []
    columns = range(part.left() // TILE_PX, part.right() // TILE_PX + 1)
    rows = range(part.top() // TILE_PX, part.bottom() // TILE_PX + 1)
    return [TileKey(level, column, row) for row in rows for column in columns]
