"""Tiles of one level put together into one image, so that nothing shows a seam."""

from __future__ import annotations

import time
from collections.abc import Mapping

from PySide6.QtCore import QPointF, QRect, QRectF, QSize
from PySide6.QtGui import QImage, QPainter

from app.viewer.tiles.drawing_room import DrawingRoom
from app.viewer.tiles.image_pyramid import TILE_PX, ImagePyramid, TileKey, tiles_within


class TileImage:
    """The tiles that were in view when it was begun, and a ring of tiles around them.

    Tiles are drawn as they come into view: all of them at once would take too much of a frame.

    Attributes:
        level: Of its tiles.
        covered: Which pixels of the level it holds.
        image: They themselves, from its upper left corner; it may be larger.
        lacking: Tiles that the image has not got, or not with the present values.
    """

    def __init__(self, pyramid: ImagePyramid, level: int, covered: QRect, image: QImage) -> None:
        """Take an image; `begun` and `overview` are the ways to one.

        Args:
            pyramid: The picture.
            level: See the attribute.
            covered: See the attribute.
            image: See the attribute.
        """
        self.level, self.covered, self.image = level, covered, image
        self.lacking: dict[TileKey, None] = {}
        self._pyramid = pyramid
        self._drawn: dict[TileKey, int] = {}
        """Which of several versions of a tile the image has got."""
        self._blank: dict[TileKey, None] = {}
        """Tiles that have not been in view yet: nothing is drawn there."""

    @classmethod
    def overview(cls, pyramid: ImagePyramid) -> TileImage:
        """Return the smallest level as it is."""
        level = pyramid.overview_level
        return cls(pyramid, level, _level_rect(pyramid, level), pyramid.overview)

    @classmethod
    def begun(cls, pyramid: ImagePyramid, level: int, needed: QRect, largest: QSize, room: DrawingRoom) -> TileImage:
        """Return an image in which nothing is drawn yet.

        Args:
            pyramid: The picture.
            level: Of which tiles are shown.
            needed: Pixels of the level that are in view.
            largest: How many may be in view at another zoom, for memory that serves then too.
            room: Gives the memory.
        """
        in_view = tiles_within(level, needed)
        first, last = pyramid.tile_place(in_view[0]), pyramid.tile_place(in_view[-1])
        ring = QRect(first.topLeft(), last.bottomRight()).adjusted(-TILE_PX, -TILE_PX, TILE_PX, TILE_PX)
        covered = ring.intersected(_level_rect(pyramid, level))
        begun = cls(pyramid, level, covered, room.take_image(covered.size(), _aligned(largest)))
        begun._blank = dict.fromkeys([*in_view, *tiles_within(level, covered)])
        begun.lacking = {key: None for key in begun._blank if not pyramid.is_current(key)}
        return begun

    def serves(self, level: int, needed: QRect) -> bool:
        """Whether it holds some pixels of a level."""
        return self.level == level and self.covered.contains(needed)

    def is_nearly_left(self, needed: QRect) -> bool:
        """Whether the outermost tiles are in view, beyond which there is more of the picture."""
        whole = _level_rect(self._pyramid, self.level)
        inner = QRect(self.covered)
        if inner.left() > whole.left():
            inner.setLeft(inner.left() + TILE_PX)
        if inner.top() > whole.top():
            inner.setTop(inner.top() + TILE_PX)
        if inner.right() < whole.right():
            inner.setRight(inner.right() - TILE_PX)
        if inner.bottom() < whole.bottom():
            inner.setBottom(inner.bottom() - TILE_PX)
        return not inner.contains(needed)

    def draw_some(self, needed: QRect, until: float) -> bool:
        """Draw tiles in view that have been made, before they are shown: one, and others while time is left.

        Args:
            needed: What is in view.
            until: Until when, by `time.perf_counter`.

        Returns:
            Whether none of them is left.
        """
        num_drawn = 0
        for key in self._blank_within(needed):
            tile = self._pyramid.kept(key)
            if tile is None:
                continue
            if num_drawn and time.perf_counter() > until:
                return False
            self._put_in({key: tile})
            num_drawn += 1
        return True

    def draw_all(self, needed: QRect, previous: TileImage | None = None) -> None:
        """Draw all tiles in view: where one is lacking the overview, and over it what was shown before.

        Args:
            needed: What is in view.
            previous: What was shown before.
        """
        overview = TileImage.overview(self._pyramid)
        found: dict[TileKey, QImage] = {}
        stand_ins: list[TileKey] = []
        for key in self._blank_within(needed):
            tile = self._pyramid.kept(key)
            if not self._pyramid.is_current(key):
                self.lacking[key] = None
            if tile is not None:
                found[key] = tile
            else:
                del self._blank[key]
                self._paint_stand_in(key, overview, is_smooth=True)
                stand_ins.append(key)
        self._put_in(found)
        if previous is not None and previous.level != overview.level:
            for key in stand_ins:
                self._paint_stand_in(key, previous, is_smooth=previous.level > self.level)

    def take_tiles(self) -> bool:
        """Put in the missing tiles that have been made since; return whether something that was seen is another."""
        found = {key: tile for key in self.lacking if (tile := self._pyramid.kept(key)) is not None}
        seen = {
            key: tile
            for key, tile in found.items()
            if key not in self._blank and self._drawn.get(key) != tile.cacheKey()
        }
        self._put_in(seen)
        for key in found:
            if self._pyramid.is_current(key):
                del self.lacking[key]
        return bool(seen)

    def take_changes(self) -> None:
        """Note which tiles have other values by now; they stay until they have been made anew."""
        for key in tiles_within(self.level, self.covered):
            if not self._pyramid.is_current(key):
                self.lacking[key] = None

    def _blank_within(self, needed: QRect) -> list[TileKey]:
        return [key for key in self._blank if self._pyramid.tile_place(key).intersects(needed)]

    def _paint_stand_in(self, key: TileKey, other: TileImage, *, is_smooth: bool) -> None:
        """Paint another level's pixels in the place of a tile, as far as they reach.

        Args:
            key: The tile.
            other: The pixels.
            is_smooth: Whether to interpolate; slower.
        """
        factor = 2.0 ** (other.level - self.level)
        part = QRectF(QPointF(other.covered.topLeft()) * factor, other.covered.size().toSizeF() * factor)
        target = part.intersected(QRectF(self._pyramid.tile_place(key)))
        if target.isEmpty():
            return
        source = QRectF((target.topLeft() - part.topLeft()) / factor, target.size() / factor)
        painter = QPainter(self.image)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, is_smooth)
        painter.drawImage(target.translated(-QPointF(self.covered.topLeft())), other.image, source)
        painter.end()

    def _put_in(self, tiles: Mapping[TileKey, QImage]) -> None:
        if not tiles:
            return
        painter = QPainter(self.image)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
        for key, tile in tiles.items():
            painter.drawImage(self._pyramid.tile_place(key).topLeft() - self.covered.topLeft(), tile)
            self._drawn[key] = tile.cacheKey()
            self._blank.pop(key, None)
        painter.end()


def _aligned(in_view: QSize) -> QSize:
    """Return what a number of pixels, wherever they begin, may take as tiles with a ring around them."""
    return QSize(*((side // TILE_PX + 4) * TILE_PX for side in in_view.toTuple()))


def _level_rect(pyramid: ImagePyramid, level: int) -> QRect:
    return QRect(0, 0, *pyramid.pixels.level_size(level))
