"""The part of one picture that a canvas shows, put together from tiles into one image, so that nothing shows a seam."""

from enum import Enum

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter

from app.viewer.image_pyramid import TILE_PX, ImagePyramid, TileKey, tiles_within

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
    until the ring is used up; what is still missing shows the overview until `take_tiles` finds it.

    Attributes:
        pyramid: What is painted.
    """

    def __init__(self, pyramid: ImagePyramid) -> None:
        self.pyramid = pyramid
        self._level = -1
        self._covered = QRect()
        self._in_view = QRect()
        self._image = QImage()
        self._missing: dict[TileKey, None] = {}

    @property
    def is_sharp(self) -> bool:
        """Whether no tile is missing in view."""
        return not self.missing_in_view

    @property
    def missing_in_view(self) -> list[TileKey]:
        """Tiles that are seen and not there yet."""
        return [key for key in self._missing if self.pyramid.tile_place(key).intersects(self._in_view)]

    @property
    def missing(self) -> list[TileKey]:
        """Tiles that are not there yet, those in view first."""
        return list(self._missing)

    def cover(self, target: QRectF, viewport: QRectF, zoom: float) -> None:
        """Bring together what a viewport shows, as far as it is there.

        Args:
            target: Where the whole picture lies, in the canvas's coordinates.
            viewport: The canvas.
            zoom: Screen pixels a picture pixel.
        """
        visible = target.intersected(viewport)
        if visible.isEmpty():
            self._missing = {}
            return
        level, needed = needed_pixels(self.pyramid, target, visible, zoom)
        self._in_view = needed
        if level == self.pyramid.overview_level:
            self._missing = {}
        elif level != self._level or not self._covered.contains(needed):
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
        level, needed = needed_pixels(self.pyramid, target, visible, zoom)
        is_overview = level == self.pyramid.overview_level
        image = self.pyramid.overview if is_overview else self._image
        corner = QPoint(0, 0) if is_overview else self._covered.topLeft()
        # Units of the canvas a pixel of this level: halvings are exact.
        scale_x = target.width() / self.pyramid.size.width() * 2**level
        scale_y = target.height() / self.pyramid.size.height() * 2**level
        left, top = target.left() + needed.left() * scale_x, target.top() + needed.top() * scale_y
        place = QRectF(left, top, needed.width() * scale_x, needed.height() * scale_y)
        painter.save()
        # The last pixel of a level reaches beyond an odd edge.
        painter.setClipRect(target, Qt.ClipOperation.IntersectClip)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, interpolation.is_smooth(zoom))
        painter.drawImage(place, image, QRectF(needed.translated(-corner)))
        painter.restore()

    def take_tiles(self) -> bool:
        """Put in the missing tiles that have been made since.

        Returns:
            Whether there were any.
        """
        found = {key: tile for key in self._missing if (tile := self.pyramid.kept(key)) is not None}
        if not found:
            return False
        self._put_in(found)
        for key in found:
            del self._missing[key]
        return True

    def complete(self) -> None:
        """Make what is missing in view now, here: for a picture of what is on screen."""
        for key in self.missing_in_view:
            if self.pyramid.kept(key) is None:
                self.pyramid.keep(key, self.pyramid.render(key))
        self.take_tiles()

    def _level_rect(self, level: int) -> QRect:
        return QRect(0, 0, *self.pyramid.pixels.level_size(level))

    def _assemble(self, level: int, needed: QRect) -> None:
        """Begin another image: what the last one shows, what is kept, and elsewhere the overview."""
        in_view = tiles_within(level, needed)
        first, last = self.pyramid.tile_place(in_view[0]), self.pyramid.tile_place(in_view[-1])
        ring = QRect(first.topLeft(), last.bottomRight()).adjusted(-TILE_PX, -TILE_PX, TILE_PX, TILE_PX)
        covered = ring.intersected(self._level_rect(level))
        wanted = dict.fromkeys([*in_view, *tiles_within(level, covered)])
        tiles = {key: tile for key in wanted if (tile := self.pyramid.kept(key)) is not None}
        previous, was_covered, was_level = self._image, self._covered, self._level
        self._image = QImage(covered.size(), QImage.Format.Format_RGB32)
        self._covered, self._level = covered, level
        self._missing = {key: None for key in wanted if key not in tiles}
        if self._missing:
            overview_level = self.pyramid.overview_level
            had_tiles = was_level not in (-1, overview_level)
            self._paint_stand_in(self.pyramid.overview, QPoint(0, 0), overview_level, is_smooth=not had_tiles)
            if had_tiles:
                self._paint_stand_in(previous, was_covered.topLeft(), was_level, is_smooth=was_level > level)
        self._put_in(tiles)

    def _paint_stand_in(self, image: QImage, corner: QPoint, level: int, *, is_smooth: bool) -> None:
        """Paint another level's pixels where tiles are missing.

        Args:
            image: The pixels.
            corner: Where on their level they begin.
            level: Their level.
            is_smooth: Whether to interpolate; slower.
        """
        missing = QRect()
        for key in self._missing:
            missing = missing.united(self.pyramid.tile_place(key))
        factor = 2.0 ** (level - self._level)
        part = QRectF(QPointF(corner) * factor, image.size().toSizeF() * factor)
        target = part.intersected(QRectF(missing))
        if target.isEmpty():
            return
        source = QRectF((target.topLeft() - part.topLeft()) / factor, target.size() / factor)
        painter = QPainter(self._image)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, is_smooth)
        painter.drawImage(target.translated(-QPointF(self._covered.topLeft())), image, source)
        painter.end()

    def _put_in(self, tiles: dict[TileKey, QImage]) -> None:
        painter = QPainter(self._image)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
        for key, tile in tiles.items():
            painter.drawImage(self.pyramid.tile_place(key).topLeft() - self._covered.topLeft(), tile)
        painter.end()


def needed_pixels(pyramid: ImagePyramid, target: QRectF, visible: QRectF, zoom: float) -> tuple[int, QRect]:
    """Return the level to paint and which of its pixels are seen.

    Args:
        pyramid: The picture.
        target: Where the whole picture lies, in any coordinates.
        visible: The part of it that is seen, in the same coordinates.
        zoom: Screen pixels a picture pixel.
    """
    level = pyramid.pixels.level_for(zoom)
    width, height = pyramid.pixels.level_size(level)
    size: QSize = pyramid.size
    scale_x = size.width() / target.width() / 2**level
    scale_y = size.height() / target.height() / 2**level
    left = min(max(0, int((visible.left() - target.left()) * scale_x) - 1), width - 1)
    top = min(max(0, int((visible.top() - target.top()) * scale_y) - 1), height - 1)
    right = min(width, int((visible.right() - target.left()) * scale_x) + 2)
    bottom = min(height, int((visible.bottom() - target.top()) * scale_y) + 2)
    return level, QRect(left, top, max(1, right - left), max(1, bottom - top))
