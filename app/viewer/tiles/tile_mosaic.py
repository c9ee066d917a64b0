"""The part of one picture that a canvas shows: which level, from which image of tiles, and which image comes next."""

from enum import Enum

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter

from app.viewer.tiles.image_pyramid import ImagePyramid, TileKey, tiles_within
from app.viewer.tiles.pixel_pyramid import level_for
from app.viewer.tiles.tile_image import TileImage

NEAREST_FROM_ZOOM = 2.0
"""Above this many screen pixels a picture pixel, pixels are shown as squares where nothing else is chosen."""

_TILES_A_FRAME = 2
"""Of an image that is being prepared; some tenths of a millisecond each, most of it for fresh memory."""


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

    While panning one image stays as it is until its ring of tiles is used up; what is still missing shows the overview
    until `take_tiles` finds it. A zoom that asks for another level goes on showing the image that is there until the
    tiles in view have come. The next image is put together a few tiles a frame, before it is needed: to draw all of
    them, or stand-ins for them, would take longer than a frame may.

    Attributes:
        pyramid: What is painted.
    """

    def __init__(self, pyramid: ImagePyramid) -> None:
        self.pyramid = pyramid
        self._shown = TileImage.overview(pyramid)
        self._coming: TileImage | None = None
        """What will be shown once it is ready, or needed."""
        self._in_view = QRect()
        self._awaited: dict[TileKey, None] = {}
        """Tiles of another level that have to come before that level is shown."""
        self._is_new = True
        """Whether nothing has been shown yet: then there is nothing to go on with while another level is prepared."""

    @property
    def is_sharp(self) -> bool:
        """Whether what is in view is painted as it is to be."""
        return not self.is_preparing and not self.missing_in_view

    @property
    def is_preparing(self) -> bool:
        """Whether another level will be shown after a few more calls of `cover`, with no tile missing any more."""
        return self._coming is not None and self._coming.level != self._shown.level and not self._awaited

    @property
    def missing_in_view(self) -> list[TileKey]:
        """Tiles that are seen and not there yet."""
        return [key for key in self.missing if self.pyramid.tile_place(key).intersects(self._in_view)]

    @property
    def missing(self) -> list[TileKey]:
        """Tiles that are not there yet, those in view first."""
        if self._awaited:
            return list(self._awaited)
        shown, coming = self._shown.lacking, {} if self._coming is None else self._coming.lacking
        return list(coming if self.is_preparing else {**shown, **coming})

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
        shown = self._shown
        if level == self.pyramid.overview_level:
            self._show_overview()
        elif level == shown.level:
            if shown.covered.contains(needed):
                shown.draw_all(needed)
                if shown.is_nearly_left(needed):
                    self._prepare(level, needed)
                else:
                    self._coming = None
                    # One after the other, so that no frame has a whole row of them to draw.
                    shown.draw_some(shown.covered, 1)
            else:
                self._show(level, needed)
        elif shown.covered.contains(_pixels_within(self.pyramid, target, visible, shown.level)):
            self._await(level, needed)
        else:
            self._show(level, needed)
        self._is_new = False

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
        level = self._shown.level
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
        is_smooth = bool(self._awaited) or self.is_preparing or interpolation.is_smooth(zoom)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, is_smooth)
        painter.drawImage(place, self._shown.image, QRectF(needed.translated(-self._shown.covered.topLeft())))
        painter.restore()

    def take_tiles(self) -> bool:
        """Put in the missing tiles that have been made since.

        Returns:
            Whether there is something new to paint.
        """
        if self._awaited:
            self._awaited = {key: None for key in self._awaited if self.pyramid.kept(key) is None}
            return not self._awaited
        if self._coming is not None:
            self._coming.take_tiles()
        return self._shown.take_tiles()

    def take_changes(self) -> None:
        """Note which of the tiles that are shown have other values by now; they stay until they have been made anew."""
        self._coming = None
        if self._shown.level == self.pyramid.overview_level:
            self._show_overview()
        else:
            self._shown.take_changes()

    def complete(self) -> None:
        """Make what is missing in view now, here: for a picture of what is on screen."""
        missing = self.missing_in_view
        for key in missing:
            if not self.pyramid.is_current(key):
                self.pyramid.keep(key, self.pyramid.render(key))
        if self._awaited:
            self._show(missing[0].level, self._in_view)
        elif self._coming is not None and self.is_preparing:
            self._show(self._coming.level, self._in_view)
        self.take_tiles()

    def _show_overview(self) -> None:
        self._shown, self._coming, self._awaited = TileImage.overview(self.pyramid), None, {}

    def _await(self, level: int, needed: QRect) -> None:
        """Show another level once its tiles in view are there and drawn."""
        self._awaited = {key: None for key in tiles_within(level, needed) if self.pyramid.kept(key) is None}
        if self._awaited:
            self._coming = None
        elif self._is_new or self._prepare(level, needed):
            self._show(level, needed)

    def _prepare(self, level: int, needed: QRect) -> bool:
        """Go on with the next image; return whether all that is in view and made is drawn in it."""
        if self._coming is None or self._coming.level != level or not self._coming.covered.contains(needed):
            self._coming = TileImage.begun(self.pyramid, level, needed)
        return self._coming.draw_some(needed, _TILES_A_FRAME)

    def _show(self, level: int, needed: QRect) -> None:
        """Show another image: tiles that are made, and in view what the last one shows, elsewhere the overview."""
        coming, self._coming, self._awaited = self._coming, None, {}
        if coming is None or coming.level != level or not coming.covered.contains(needed):
            coming = TileImage.begun(self.pyramid, level, needed)
        coming.draw_all(needed, self._shown)
        self._shown = coming


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
