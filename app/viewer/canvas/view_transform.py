"""Zoom and position, shared by all panes of a comparison."""

import math

from PySide6.QtCore import QObject, QPointF, QRect, QRectF, QSize, QSizeF, Signal

MAX_ZOOM = 64.0
ZOOM_STOPS = (0.05, 0.1, 0.17, 0.25, 0.33, 0.5, 0.67, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 64.0)

_SAME_SHAPE_TOLERANCE = 0.02
_TOUCH_TOLERANCE_PX = 1e-6
"""What scaling loses touches no further pixel."""


class ViewTransform(QObject):
    """Maps the scene (the picture's pixels) to a viewport (a canvas, in its own coordinates).

    Zoom counts real screen pixels a picture pixel, so 1.0 is 1:1 on a high-density display too. The scene point
    at the middle of the viewport is what panes share: each maps by its own size.

    Signals:
        changed(): Zoom, position or scene is another.

    Attributes:
        scene_size: Size of the scene in picture pixels.
        is_fit: Whether the scene is kept as large as fits while the viewport's size changes.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.scene_size = QSizeF(1, 1)
        self.is_fit = True
        self._viewport = QSizeF(1, 1)
        self._device_pixel_ratio = 1.0
        self._zoom = 1.0
        self._centre = QPointF(0.5, 0.5)

    @property
    def zoom(self) -> float:
        """Screen pixels a picture pixel."""
        return self._zoom

    @property
    def centre(self) -> QPointF:
        """The scene point at the middle of the viewport."""
        return QPointF(self._centre)

    @property
    def viewport(self) -> QSizeF:
        """Size of a pane, in the canvas's coordinates."""
        return QSizeF(self._viewport)

    @property
    def device_pixel_ratio(self) -> float:
        """Screen pixels a unit of the canvas's coordinates."""
        return self._device_pixel_ratio

    @property
    def scale(self) -> float:
        """Units of the canvas's coordinates a picture pixel."""
        return self._zoom / self._device_pixel_ratio

    @property
    def fit_zoom(self) -> float:
        """The zoom at which the whole scene just fits."""
        return min(
            self._viewport.width() * self._device_pixel_ratio / self.scene_size.width(),
            self._viewport.height() * self._device_pixel_ratio / self.scene_size.height(),
            MAX_ZOOM,
        )

    def set_scene(self, size: QSizeF) -> None:
        """Show another scene; one of the same size keeps zoom and position.

        Args:
            size: In picture pixels, at least 1 x 1.
        """
        if size == self.scene_size:
            return
        was_relative = QPointF(self._centre.x() / self.scene_size.width(), self._centre.y() / self.scene_size.height())
        self.scene_size = QSizeF(size)
        self._centre = QPointF(was_relative.x() * size.width(), was_relative.y() * size.height())
        self._settle()

    def set_viewport(self, size: QSizeF, device_pixel_ratio: float) -> None:
        """Tell the size of a pane; all panes of a comparison have the same, give or take a pixel.

        Args:
            size: In the canvas's coordinates.
            device_pixel_ratio: Screen pixels a unit of them.
        """
        size = QSizeF(max(1.0, size.width()), max(1.0, size.height()))
        if size == self._viewport and device_pixel_ratio == self._device_pixel_ratio:
            return
        self._viewport = size
        self._device_pixel_ratio = device_pixel_ratio
        self._settle()

    def fit(self) -> None:
        """Show the whole scene as large as fits."""
        self.is_fit = True
        self._settle()

    def show_actual_size(self, anchor: QPointF | None = None, viewport: QSizeF | None = None) -> None:
        """Show one picture pixel on one screen pixel.

        Args:
            anchor: Point of the viewport that stays where it is; None: its middle.
            viewport: Size of the canvas that `anchor` belongs to; None: the shared one.
        """
        self.zoom_to(1.0, anchor, viewport)

    def zoom_to(self, zoom: float, anchor: QPointF | None = None, viewport: QSizeF | None = None) -> None:
        """Zoom so that the scene point under `anchor` stays under it.

        Args:
            zoom: Screen pixels a picture pixel; held between a tenth of the fit and 64.
            anchor: Point of the viewport; None: its middle.
            viewport: Size of the canvas that `anchor` belongs to; None: the shared one.
        """
        size = viewport or self._viewport
        anchor = anchor if anchor is not None else QPointF(size.width() / 2, size.height() / 2)
        # Without the alignment to screen pixels, whose rounding would add up from step to step.
        from_middle = QPointF(anchor.x() - size.width() / 2, anchor.y() - size.height() / 2)
        fixed = self._centre + from_middle / self.scale
        self.is_fit = False
        self._zoom = min(max(zoom, min(self.fit_zoom, 1.0) / 10), MAX_ZOOM)
        self._centre = fixed - from_middle / self.scale
        self._settle()

    def zoom_by(self, factor: float, anchor: QPointF | None = None, viewport: QSizeF | None = None) -> None:
        """Zoom by a factor; see `zoom_to`."""
        self.zoom_to(self._zoom * factor, anchor, viewport)

    def zoom_step(self, direction: int) -> None:
        """Go to the next larger (1) or smaller (-1) customary zoom; below them all, to twice or half the zoom."""
        if direction > 0:
            larger = next((stop for stop in ZOOM_STOPS if stop > self._zoom * 1.001), MAX_ZOOM)
            self.zoom_to(min(larger, self._zoom * 2))
        else:
            smaller = [stop for stop in ZOOM_STOPS if stop < self._zoom * 0.999]
            self.zoom_to(smaller[-1] if smaller else self._zoom / 2)

    def pan_by(self, offset: QPointF) -> None:
        """Move the picture by an offset in the canvas's coordinates."""
        self.is_fit = False
        self._centre = self._centre - offset / self.scale
        self._settle()

    def centre_on(self, point: QPointF) -> None:
        """Bring a scene point to the middle."""
        self.is_fit = False
        self._centre = QPointF(point)
        self._settle()

    def to_scene(self, point: QPointF, viewport: QSizeF) -> QPointF:
        """Map a point of a canvas of that size to the scene, as it is painted."""
        corner = self.scene_rect(viewport).topLeft()
        return QPointF((point.x() - corner.x()) / self.scale, (point.y() - corner.y()) / self.scale)

    def to_viewport(self, point: QPointF, viewport: QSizeF) -> QPointF:
        """Map a scene point to a canvas of that size, as it is painted."""
        corner = self.scene_rect(viewport).topLeft()
        return QPointF(corner.x() + point.x() * self.scale, corner.y() + point.y() * self.scale)

    def scene_rect(self, viewport: QSizeF) -> QRectF:
        """Where the scene lies on a canvas of that size, aligned to whole screen pixels so that 1:1 is crisp."""
        ratio = self._device_pixel_ratio
        left = viewport.width() / 2 - self._centre.x() * self.scale
        top = viewport.height() / 2 - self._centre.y() * self.scale
        return QRectF(
            math.floor(left * ratio + 0.5) / ratio,
            math.floor(top * ratio + 0.5) / ratio,
            self.scene_size.width() * self.scale,
            self.scene_size.height() * self.scale,
        )

    def _settle(self) -> None:
        """Apply the fit, keep the picture in view, tell the panes."""
        width, height = self.scene_size.width(), self.scene_size.height()
        if self.is_fit:
            self._zoom = self.fit_zoom
            self._centre = QPointF(width / 2, height / 2)
        self._centre = QPointF(min(max(self._centre.x(), 0.0), width), min(max(self._centre.y(), 0.0), height))
        self.changed.emit()


def place_in_scene(size: QSize, scene: QRectF) -> QRectF:
    """Where a picture lies on the scene: filling it, or centred within it where the shapes differ.

    Args:
        size: Of the picture.
        scene: The scene's place.
    """
    shape, scene_shape = size.width() / size.height(), scene.width() / scene.height()
    if abs(shape / scene_shape - 1) <= _SAME_SHAPE_TOLERANCE:
        return scene
    scale = min(scene.width() / size.width(), scene.height() / size.height())
    place = QRectF(0, 0, size.width() * scale, size.height() * scale)
    place.moveCenter(scene.center())
    return place


def own_point(size: QSize, scene: QRectF, point: QPointF) -> QPointF:
    """Return where a point of the scene lies in a picture's own pixels, from its upper left corner.

    Args:
        size: Of the picture, which lies on the scene as `place_in_scene` says.
        scene: The scene.
        point: Of the scene.
    """
    place = place_in_scene(size, scene)
    return QPointF(
        (point.x() - place.left()) * size.width() / place.width(),
        (point.y() - place.top()) * size.height() / place.height(),
    )


def own_pixels(size: QSize, scene: QRectF, part: QRectF) -> QRect:
    """Return which of a picture's pixels a part of the scene touches; empty where that is none.

    Args:
        size: Of the picture, which lies on the scene as `place_in_scene` says.
        scene: The scene.
        part: Of the scene.
    """
    touched = QRectF(own_point(size, scene, part.topLeft()), own_point(size, scene, part.bottomRight()))
    inside = touched.intersected(QRectF(QPointF(0, 0), size.toSizeF()))
    tolerance = _TOUCH_TOLERANCE_PX
    return inside.adjusted(tolerance, tolerance, -tolerance, -tolerance).toAlignedRect()
