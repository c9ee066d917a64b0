"""The part of one picture that a canvas shows, put together from tiles into one image, so that nothing shows a seam."""

from collections.abc import Mapping, Sequence
from enum import Enum

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter

from app.viewer.tiles.image_pyramid import TILE_PX, ImagePyramid, TileKey, tiles_within
from app.viewer.tiles.pixel_pyramid import level_for

NEAREST_FROM_ZOOM = 2.0
"""Above this many screen pixels a picture pixel, pixels are shown as squares where nothing else is chosen."""


class Interpolation(Enum):
    """How a picture is enlarged; one that is shrunk is always averaged."""

    AUTOMATIC = "automatic"
    """Smooth up to 200 %, squares above."""
    NEAREST = "nearest"
    """Every pixel a square."""
    SMOOTH = "smooth"
    """Bilinear."""

    def is_smooth(self, zoom: float) -> bool:
        """Whether pixels run into each other at a zoom (screen pixels a picture pixel)."""
        if zoom < 1.0:
            return True
        return zoom <= NEAREST_FROM_ZOOM if self is Interpolation.AUTOMATIC else self is Interpolation.SMOOTH


class TileMosaic:
    """Paints one pyramid on one canvas. Belongs to the main thread, and never waits.

    The image holds the visible tiles of one level and a ring of tiles around them. While panning it stays as it is
    until the ring is used up; what is still missing shows the overview until `take_tiles` finds it. A zoom that asks
    for another level goes on showing the image that is there until the tiles in view have come: to draw stand-ins for
    all of them would take longer than a frame may.

    Attributes:
        pyramid: What is painted.
    """

    def __init__(self, pyramid: ImagePyramid) -> None:
        self.pyramid = pyramid
        self._level = pyramid.overview_level
        self._image = pyramid.overview
        self._covered = self._level_rect(self._level)
        self._in_view = QRect()
        self._lacking: dict[TileKey, None] = {}
        """Tiles that the image has not got, or not with the present values."""
        self._drawn: dict[TileKey, int] = {}
        """Which of several versions of a tile the image has got."""
        self._blank: dict[TileKey, None] = {}
        """Tiles of the image that have not been in view yet: nothing is drawn there."""
        self._awaited: dict[TileKey, None] = {}
        """Tiles of another level that have to come before that level is shown."""

    @property
    def is_sharp(self) -> bool:
        """Whether no tile is missing in view."""
        return not self.missing_in_view

    @property
    def missing_in_view(self) -> list[TileKey]:
        """Tiles that are seen and not there yet."""
        return [key for key in self.missing if self.pyramid.tile_place(key).intersects(self._in_view)]

    @property
    def missing(self) -> list[TileKey]:
        """Tiles that are not there yet, those in view first."""
        return list(self._awaited or self._lacking)

    def cover(self, target: QRectF, viewport: QRectF, zoom: float) -> None:
        """Bring together what a viewport shows, as far as it is there.

        Args:
            target: Where the whole picture lies, in the canvas's coordinates.
            viewport: The canvas.
            zoom: Screen pixels a picture pixel.
        """
        visible = target.intersected(viewport)
        self._awaited = {}
        if visible.isEmpty():
            self._show_overview()
            return
        level, needed = needed_pixels(self.pyramid, target, visible, zoom)
        self._in_view = needed
        if level == self.pyramid.overview_level:
            self._show_overview()
        elif level == self._level:
            if not self._covered.contains(needed):
                self._assemble(level, needed)
            self._fill([key for key in self._blank if self.pyramid.tile_place(key).intersects(needed)])
        elif self._covered.contains(_pixels_within(self.pyramid, target, visible, self._level)):
            self._await(level, needed)
        else:
            self._assemble(level, needed)

    def paint(self, painter: QPainter, target: QRectF, clip: QRectF, zoom: float, interpolation: Interpolation) -> None:
        """Paint a part of what `cover` has brought together.

        Args:
            painter: In the canvas's coordinates.
            target: As for `cover`.
            clip: The part, within the canvas.
            zoom: As for `cover`.
            interpolation: How to enlarge.
        """
        visible = target.intersected(clip)
        if visible.isEmpty():
            return
        level = self._level
        needed = _pixels_within(self.pyramid, target, visible, level)
        # Units of the canvas a pixel of this level: halvings are exact.
        scale_x = target.width() / self.pyramid.size.width() * 2**level
        scale_y = target.height() / self.pyramid.size.height() * 2**level
        left, top = target.left() + needed.left() * scale_x, target.top() + needed.top() * scale_y
        place = QRectF(left, top, needed.width() * scale_x, needed.height() * scale_y)
        painter.save()
        # The last pixel of a level reaches beyond an odd edge.
        painter.setClipRect(target, Qt.ClipOperation.IntersectClip)
        # Squares of a coarser level would be mistaken for pixels.
        is_smooth = bool(self._awaited) or interpolation.is_smooth(zoom)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, is_smooth)
        painter.drawImage(place, self._image, QRectF(needed.translated(-self._covered.topLeft())))
        painter.restore()

    def take_tiles(self) -> bool:
        """Put in the missing tiles that have been made since.

        Returns:
            Whether there is something new to paint.
        """
        if self._awaited:
            self._awaited = {key: None for key in self._awaited if self.pyramid.kept(key) is None}
            return not self._awaited
        found = {key: tile for key in self._lacking if (tile := self.pyramid.kept(key)) is not None}
        seen = {
            key: tile
            for key, tile in found.items()
            if key not in self._blank and self._drawn.get(key) != tile.cacheKey()
        }
        self._put_in(seen)
        for key in found:
            if self.pyramid.is_current(key):
                del self._lacking[key]
        return bool(seen)

    def take_changes(self) -> None:
        """Note which of the tiles that are shown have other values by now; they stay until they have been made anew."""
        if self._level == self.pyramid.overview_level:
            self._image = self.pyramid.overview
            return
        for key in tiles_within(self._level, self._covered):
            if not self.pyramid.is_current(key):
                self._lacking[key] = None

    def complete(self) -> None:
        """Make what is missing in view now, here: for a picture of what is on screen."""
        is_other_level = bool(self._awaited)
        missing = self.missing_in_view
        for key in missing:
            if not self.pyramid.is_current(key):
                self.pyramid.keep(key, self.pyramid.render(key))
        if is_other_level:
            self._assemble(missing[0].level, self._in_view)
        self.take_tiles()

    def _level_rect(self, level: int) -> QRect:
        return QRect(0, 0, *self.pyramid.pixels.level_size(level))

    def _show_overview(self) -> None:
        self._level = self.pyramid.overview_level
        self._covered = self._level_rect(self._level)
        self._image = self.pyramid.overview
        self._lacking, self._blank, self._awaited, self._drawn = {}, {}, {}, {}

    def _await(self, level: int, needed: QRect) -> None:
        """Show another level once its tiles in view are there."""
        self._awaited = {key: None for key in tiles_within(level, needed) if self.pyramid.kept(key) is None}
        if not self._awaited:
            self._assemble(level, needed)

    def _assemble(self, level: int, needed: QRect) -> None:
        """Begin another image: tiles that are kept, and in view what the last one shows, elsewhere the overview."""
        in_view = tiles_within(level, needed)
        first, last = self.pyramid.tile_place(in_view[0]), self.pyramid.tile_place(in_view[-1])
        ring = QRect(first.topLeft(), last.bottomRight()).adjusted(-TILE_PX, -TILE_PX, TILE_PX, TILE_PX)
        covered = ring.intersected(self._level_rect(level))
        wanted = dict.fromkeys([*in_view, *tiles_within(level, covered)])
        previous, was_covered, was_level = self._image, self._covered, self._level
        self._image = QImage(covered.size(), QImage.Format.Format_RGB32)
        self._covered, self._level, self._drawn = covered, level, {}
        self._lacking = {key: None for key in wanted if not self.pyramid.is_current(key)}
        # The ring is drawn tile by tile as it comes into view: all of it at once would take too much of a frame.
        self._blank = wanted
        self._fill(in_view)
        if was_level != self.pyramid.overview_level:
            for key in in_view:
                if key not in self._drawn:
                    self._paint_stand_in(key, previous, was_covered.topLeft(), was_level, is_smooth=was_level > level)

    def _fill(self, keys: Sequence[TileKey]) -> None:
        """Draw tiles that come into view; the overview where one is lacking."""
        found: dict[TileKey, QImage] = {}
        for key in keys:
            self._blank.pop(key)
            tile = self.pyramid.kept(key)
            if not self.pyramid.is_current(key):
                self._lacking[key] = None
            if tile is not None:
                found[key] = tile
            else:
                overview_level = self.pyramid.overview_level
                self._paint_stand_in(key, self.pyramid.overview, QPoint(0, 0), overview_level, is_smooth=True)
        self._put_in(found)

    def _paint_stand_in(self, key: TileKey, image: QImage, corner: QPoint, level: int, *, is_smooth: bool) -> None:
        """Paint another level's pixels in the place of a tile, as far as they reach.

        Args:
            key: The tile, on the image's level.
            image: The pixels.
            corner: Where on their level they begin.
            level: Their level.
            is_smooth: Whether to interpolate; slower.
        """
        factor = 2.0 ** (level - self._level)
        part = QRectF(QPointF(corner) * factor, image.size().toSizeF() * factor)
        target = part.intersected(QRectF(self.pyramid.tile_place(key)))
        if target.isEmpty():
            return
        source = QRectF((target.topLeft() - part.topLeft()) / factor, target.size() / factor)
        painter = QPainter(self._image)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, is_smooth)
        painter.drawImage(target.translated(-QPointF(self._covered.topLeft())), image, source)
        painter.end()

    def _put_in(self, tiles: Mapping[TileKey, QImage]) -> None:
        if not tiles:
            return
        painter = QPainter(self._image)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
        for key, tile in tiles.items():
            painter.drawImage(self.pyramid.tile_place(key).topLeft() - self._covered.topLeft(), tile)
            self._drawn[key] = tile.cacheKey()
        painter.end()


def needed_pixels(pyramid: ImagePyramid, target: QRectF, visible: QRectF, zoom: float) -> tuple[int, QRect]:
    """Return the level to paint and which of its pixels are seen.

    Args:
        pyramid: The picture.
        target: Where the whole picture lies, in any coordinates.
        visible: The part of it that is seen, in the same coordinates.
        zoom: Screen pixels a picture pixel.
    """
    level = level_for(pyramid.pixels, zoom)
    return level, _pixels_within(pyramid, target, visible, level)


def _pixels_within(pyramid: ImagePyramid, target: QRectF, visible: QRectF, level: int) -> QRect:
    """Return which pixels of a level are seen; the arguments are those of `needed_pixels`."""
    width, height = pyramid.pixels.level_size(level)
    size: QSize = pyramid.size
    scale_x = size.width() / target.width() / 2**level
    scale_y = size.height() / target.height() / 2**level
    left = min(max(0, int((visible.left() - target.left()) * scale_x) - 1), width - 1)
    top = min(max(0, int((visible.top() - target.top()) * scale_y) - 1), height - 1)
    right = min(width, int((visible.right() - target.left()) * scale_x) + 2)
    bottom = min(height, int((visible.bottom() - target.top()) * scale_y) + 2)
    return QRect(left, top, max(1, right - left), max(1, bottom - top))
