"""The part of one picture that a canvas shows: which level, from which image of tiles, and which image comes next."""

import math
from enum import Enum

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter

from app.viewer.tiles.drawing_room import DrawingRoom, shared_drawing_room
from app.viewer.tiles.image_pyramid import TILE_PX, ImagePyramid, TileKey, tiles_within
from app.viewer.tiles.pixel_pyramid import level_for
from app.viewer.tiles.tile_image import TileImage

NEAREST_FROM_ZOOM = 2.0
"""Above this many screen pixels a picture pixel, pixels are shown as squares where nothing else is chosen."""

_ZOOM_AHEAD = 1.3
"""A level is made ready once a zoom by so much would ask for it: a notch of a wheel is 1.19."""


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
    tiles in view have come. The next image is put together before it is needed, as far as each frame has time for it:
    to draw all tiles into fresh memory, or stand-ins for them, would take longer than a frame may.

    Attributes:
        pyramid: What is painted.
    """

    def __init__(self, pyramid: ImagePyramid, room: DrawingRoom | None = None) -> None:
        """Show the overview at first.

        Args:
            pyramid: The picture.
            room: Memory and time for drawing; None: the one that the window's canvases share.
        """
        self.pyramid = pyramid
        self._room = room or shared_drawing_room()
        self._shown = TileImage.overview(pyramid)
        self._coming: TileImage | None = None
        """What will be shown once it is ready, or needed."""
        self._in_view = QRect()
        self._largest = QSize()
        """How many pixels of a level may be in view, at any zoom."""
        self._awaited: dict[TileKey, None] = {}
        """Tiles of another level that have to come before that level is shown."""
        self._waiting_level: int | None = None
        """Which other level is to be drawn, where other canvases have taken the time for that so far."""
        self._last_target = QRectF()
        self._ahead: tuple[TileKey, ...] = ()
        """Tiles of another level that will be in view if one goes on zooming as one does."""
        self._is_new = True
        """Whether nothing has been shown yet: then there is nothing to go on with while another level is prepared."""

    @property
    def is_sharp(self) -> bool:
        """Whether what is in view is painted as it is to be."""
        return not self.is_preparing and not self.missing_in_view

    @property
    def is_preparing(self) -> bool:
        """Whether another level will be shown after a few more calls of `cover`, with no tile missing any more."""
        is_coming = self._coming is not None and self._coming.level != self._shown.level
        return (is_coming or self._waiting_level is not None) and not self._awaited

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

    @property
    def missing_ahead(self) -> list[TileKey]:
        """Tiles that are not there yet and will be seen if one goes on zooming, the nearest to the cursor first."""
        return [key for key in self._ahead if self.pyramid.kept(key) is None]

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
        self._look_ahead(target, visible, zoom, level)
        with_ring = tiles_within(level, needed.adjusted(-TILE_PX, -TILE_PX, TILE_PX, TILE_PX))
        self.pyramid.make_room(len(with_ring) + len(self._ahead))
        self._in_view = needed
        self._waiting_level = None
        # Screen pixels, of which each may show 2 x 2 of a level.
        self._largest = (viewport.size() * (2 * zoom * self.pyramid.size.width() / target.width())).toSize()
        shown = self._shown
        if level == self.pyramid.overview_level:
            self._show_overview()
        elif level == shown.level:
            if shown.covered.contains(needed):
                shown.draw_all(needed)
                if shown.is_nearly_left(needed):
                    self._prepare(level, needed)
                else:
                    self._set_coming(None)
                    # One after the other, so that no frame has a whole row of them to draw.
                    shown.draw_some(shown.covered, 0.0)
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
        self._set_coming(None)
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
        elif self._waiting_level is not None:
            self._show(self._waiting_level, self._in_view)
            self._waiting_level = None
        self.take_tiles()

    def _look_ahead(self, target: QRectF, visible: QRectF, zoom: float, level: int) -> None:
        """Note what another level will have to show soon; the first arguments are those of `cover`."""
        last, self._last_target = self._last_target, QRectF(target)
        growth = target.width() - last.width()
        if not growth or last.isEmpty():
            # One rests between two notches, or pans.
            return
        towards = level_for(self.pyramid.pixels, zoom * _ZOOM_AHEAD if growth > 0 else zoom / _ZOOM_AHEAD)
        if towards in (level, self.pyramid.overview_level):
            self._ahead = ()
            return
        # The point that stays where it is, and what will lie around it once the level is asked for.
        still = (last.topLeft() * target.width() - target.topLeft() * last.width()) / growth
        share = zoom * 2 ** max(level, towards)
        seen = QRectF(visible.topLeft() - still, visible.size())
        seen = QRectF(seen.topLeft() * share + still, seen.size() * share).intersected(target)
        if seen.isEmpty():
            self._ahead = ()
            return
        tiles = tiles_within(towards, _pixels_within(self.pyramid, target, seen, towards))
        side_px = TILE_PX * 2**towards * target.width() / self.pyramid.size.width()
        centre = (still - target.topLeft()) / side_px
        self._ahead = tuple(
            sorted(tiles, key=lambda key: math.hypot(key.column + 0.5 - centre.x(), key.row + 0.5 - centre.y()))
        )

    def _show_overview(self) -> None:
        self._set_coming(None)
        self._set_shown(TileImage.overview(self.pyramid))
        self._awaited = {}

    def _await(self, level: int, needed: QRect) -> None:
        """Show another level once its tiles in view are there and drawn."""
        self._awaited = {key: None for key in tiles_within(level, needed) if self.pyramid.kept(key) is None}
        if self._awaited:
            self._set_coming(None)
        elif self._is_new or self._prepare(level, needed):
            self._show(level, needed)
        else:
            self._waiting_level = level if self._coming is None else None

    def _prepare(self, level: int, needed: QRect) -> bool:
        """Go on with the next image; return whether all that is in view and made is drawn in it."""
        with self._room.drawing(id(self)) as until:
            if self._room.is_spent:
                # Other canvases took what this frame has; panes that move together would all begin at once.
                return False
            if self._coming is None or not self._coming.serves(level, needed):
                self._set_coming(TileImage.begun(self.pyramid, level, needed, self._largest, self._room))
            assert self._coming is not None
            return self._coming.draw_some(needed, until)

    def _show(self, level: int, needed: QRect) -> None:
        """Show another image: tiles that are made, and in view what the last one shows, elsewhere the overview."""
        coming, self._coming, self._awaited = self._coming, None, {}
        if coming is None or not coming.serves(level, needed):
            self._give_back(coming)
            coming = TileImage.begun(self.pyramid, level, needed, self._largest, self._room)
        coming.draw_all(needed, self._shown)
        self._set_shown(coming)

    def _set_shown(self, image: TileImage) -> None:
        self._give_back(self._shown)
        self._shown = image

    def _set_coming(self, image: TileImage | None) -> None:
        self._give_back(self._coming)
        self._coming = image

    def _give_back(self, image: TileImage | None) -> None:
        # The overview belongs to the pyramid.
        if image is not None and image.level != self.pyramid.overview_level:
            self._room.give_back(image.image)


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
