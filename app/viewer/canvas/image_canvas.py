"""The surface on which one picture, or two with a split between them, is looked at."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from PySide6.QtCore import QEvent, QLineF, QPointF, QRect, QRectF, QSize, QSizeF, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.buttons import primary_button
from app.look.theme import SPACING
from app.viewer.canvas.canvas_marks import (
    POINTER_RADIUS_PX,
    paint_line,
    paint_message,
    paint_pointer,
    paint_region,
    paint_side_labels,
    place_message,
)
from app.viewer.canvas.legend import Legend, paint_legend
from app.viewer.canvas.pixel_marks import paint_pixel_marks
from app.viewer.canvas.split_handle import SplitHandle
from app.viewer.canvas.view_transform import ViewTransform, place_in_scene
from app.viewer.tiles.image_pyramid import ImagePyramid
from app.viewer.tiles.tile_loader import TileLoader
from app.viewer.tiles.tile_mosaic import Interpolation, TileMosaic

_WHEEL_UNITS_PER_DOUBLING = 480.0
_NOTHING = QPointF(0, 0)


class Backdrop(Enum):
    """What lies behind a picture: never a colour, since it would tint the eye."""

    GRAY = "#777777"
    """Lightness 50 of 100: the least pull in either direction."""
    BLACK = "#000000"
    WHITE = "#ffffff"


class _Drag(Enum):
    """What moving the pressed mouse does."""

    PAN = "pan"
    SHIFT_LAYER = "shift layer"
    DRAW_REGION = "draw region"
    DRAW_LINE = "draw line"


@dataclass(frozen=True)
class Layer:
    """One picture on a canvas.

    Attributes:
        pyramid: The picture.
        label: Its name, shown beside the split handle.
        peak: What a value of 1 is in the numbers of its file, in which values are written.
    """

    pyramid: ImagePyramid
    label: str
    peak: float = 255.0


class ImageCanvas(QWidget):
    """Paints the visible part of its layers through a shared `ViewTransform`.

    The wheel zooms about the cursor, dragging pans, a double click toggles fit and 1:1. Dragging with Alt or Ctrl
    moves one layer against the others, with Shift it draws a region, with both a line.

    Signals:
        hovered(QPointF | None): The scene point under the cursor; None once it leaves.
        split_moved(float): The split handle was moved to this share of the width.
        layer_shifted(int, QPointF): A layer was dragged by so many scene pixels.
        region_drawn(QRectF, bool): A region was drawn, in pixels of the layer under its corner, scaled to the scene;
            whether the mouse has been released. An empty one was a mere click.
        action_requested: The button below the sentence was pressed.

    Attributes:
        action_button: What can be done about a picture that is not there; hidden where nothing can.
    """

    hovered = Signal(object)
    split_moved = Signal(float)
    layer_shifted = Signal(int, QPointF)
    region_drawn = Signal(QRectF, bool)
    action_requested = Signal()
    line_drawn = Signal(QLineF, bool)

    def __init__(self, transform: ViewTransform, loader: TileLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view_transform = transform
        self._loader = loader
        self._layers: tuple[Layer, ...] = ()
        self._mosaics: tuple[TileMosaic, ...] = ()
        self._offsets: tuple[QPointF, ...] = ()
        self._shown = 0
        self._is_split = False
        self._message = ""
        self._legend: Legend | None = None
        self._backdrop = Backdrop.GRAY
        self._interpolation = Interpolation.AUTOMATIC
        self._has_grid = False
        self._region: QRect | None = None
        self._line: QLineF | None = None
        self._pointer: QPointF | None = None
        self._drag: _Drag | None = None
        self._drag_from = QPointF()
        self._drag_layer = 0
        self._handle = SplitHandle(self)
        self._handle.moved.connect(self._move_split)
        self._handle.hide()
        self.action_button = primary_button("", parent=self)
        self.action_button.clicked.connect(self.action_requested)
        self.action_button.hide()
        self._action = ""
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(64, 64)
        transform.changed.connect(self._repaint)
        loader.tiles_ready.connect(self._take_tiles)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """What is shown."""
        return self._layers

    @property
    def message(self) -> str:
        """The sentence shown in place of a picture, or over it while one loads."""
        return self._message

    @property
    def split(self) -> float:
        """Where the split handle is, as a share of the width."""
        return self._handle.position

    @property
    def split_handle(self) -> SplitHandle:
        """The handle between the two sides."""
        return self._handle

    @property
    def is_sharp(self) -> bool:
        """Whether no tile in view was missing when it was painted last."""
        return all(mosaic.is_sharp for mosaic in self._mosaics)

    def show_layers(
        self,
        layers: Sequence[Layer],
        *,
        is_split: bool = False,
        message: str = "",
        legend: Legend | None = None,
        action: str = "",
    ) -> None:
        """Show pictures.

        Args:
            layers: One picture; two for a split; any number to flicker between. None at all shows the message.
            is_split: Show the first left and the second right of the handle.
            message: A sentence over the pictures: what is loading, or why there is none.
            legend: What false colours stand for.
            action: What a button below the sentence says; "": there is none.
        """
        kept = {mosaic.pyramid: mosaic for mosaic in self._mosaics}
        self._layers = tuple(layers)
        self._mosaics = tuple(kept.get(layer.pyramid) or TileMosaic(layer.pyramid) for layer in layers)
        self._offsets = ()
        self._shown = min(self._shown, max(0, len(self._layers) - 1))
        self._is_split = is_split and len(self._layers) == 2
        self._message = message
        self._legend = legend
        self._action = action
        self.action_button.setText(action)
        self.action_button.setVisible(bool(action))
        self._place_action()
        self._handle.setVisible(self._is_split)
        self._loader.forget(self)
        self.setAccessibleName(message or " | ".join(layer.label for layer in self._layers))
        self.update()

    def show_changes(self) -> None:
        """Show the present values of pictures that have changed; what is there stays until they are ready."""
        for mosaic in self._mosaics:
            mosaic.take_changes()
        self.update()

    def show_layer(self, index: int) -> None:
        """Bring one of several layers to the front."""
        if index != self._shown:
            self._shown = index
            self.update()

    def set_offsets(self, offsets: Sequence[QPointF]) -> None:
        """Move layers against the scene, by scene pixels; one offset a layer, or none at all."""
        self._offsets = tuple(offsets)
        self.update()

    def set_message(self, message: str) -> None:
        """Show a sentence over what is there."""
        if message != self._message:
            self._message = message
            # It stands below another sentence.
            self.action_button.hide()
            self.update()

    def set_backdrop(self, backdrop: Backdrop) -> None:
        """Choose what lies behind the picture."""
        self._backdrop = backdrop
        self.update()

    def set_interpolation(self, interpolation: Interpolation) -> None:
        """Choose how pictures are enlarged."""
        self._interpolation = interpolation
        self.update()

    def set_grid_shown(self, is_shown: bool) -> None:
        """Show lines between pixels, once they are large enough."""
        self._has_grid = is_shown
        self.update()

    def set_region(self, region: QRect | None) -> None:
        """Outline a region, in pixels of the picture, scaled to the scene where its size is another."""
        self._region = region
        self.update()

    def set_line(self, line: QLineF | None) -> None:
        """Show a line, in pixels of the picture, scaled to the scene; whole numbers are their middles."""
        self._line = line
        self.update()

    def set_split(self, position: float) -> None:
        """Move the split handle, as a share of the width."""
        self._handle.set_position(position)
        self.update()

    def set_pointer(self, point: QPointF | None) -> None:
        """Mark the scene point that the cursor shows in another pane."""
        for place in (self._pointer, point):
            if place is not None:
                centre = self.view_transform.to_viewport(place, self._viewport())
                reach = POINTER_RADIUS_PX + 2
                self.update(round(centre.x()) - reach, round(centre.y()) - reach, 2 * reach, 2 * reach)
        self._pointer = point

    def complete(self) -> None:
        """Make every tile in view here and now, for a picture of what is on screen."""
        self._cover()
        for mosaic in self._mosaics:
            mosaic.complete()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(480, 360)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        clip = QRectF(event.rect())
        canvas = QRectF(self.rect())
        painter.fillRect(clip, QColor(self._backdrop.value))
        self._cover()
        if self._layers and self._is_split:
            line = self._handle.line_x
            left = QRectF(0, 0, line, self.height())
            right = QRectF(line, 0, self.width() - line, self.height())
            for index, side in enumerate((left, right)):
                painter.save()
                painter.setClipRect(side, Qt.ClipOperation.IntersectClip)
                self._paint_layer(painter, index, clip.intersected(side))
                painter.restore()
            paint_side_labels(painter, self._layers[0].label, self._layers[1].label, line, canvas)
        elif self._layers:
            self._paint_layer(painter, self._shown, clip)
        if self._pointer is not None and self._layers:
            paint_pointer(painter, self.view_transform.to_viewport(self._pointer, self._viewport()))
        if self._legend is not None and self._layers:
            paint_legend(painter, self._legend, canvas)
        if self._message:
            paint_message(painter, self._message, self._room_of_message())
        painter.end()
        self._want_tiles()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._handle.place()
        self._place_action()
        super().resizeEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        # With Alt, some systems turn the wheel sideways.
        turned = event.angleDelta().y() or event.angleDelta().x()
        if turned:
            factor = 2.0 ** (turned / _WHEEL_UNITS_PER_DOUBLING)
            self.view_transform.zoom_by(factor, event.position(), self._viewport())
            self.hovered.emit(self._scene_point(event.position()))
        event.accept()

    def event(self, event: QEvent) -> bool:
        """Also zoom by a pinch on a trackpad."""
        if isinstance(event, QNativeGestureEvent) and (event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture):
            self.view_transform.zoom_by(1.0 + event.value(), event.position(), self._viewport())
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() not in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            super().mousePressEvent(event)
            return
        self._drag_from = event.position()
        self._drag_layer = self._layer_at(event.position())
        self._drag = _Drag.PAN
        if event.button() == Qt.MouseButton.LeftButton and self._layers:
            # Some window managers keep Alt for moving windows, so Ctrl does the same.
            has_shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            if event.modifiers() & (Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ControlModifier):
                self._drag = _Drag.DRAW_LINE if has_shift else _Drag.SHIFT_LAYER
            elif has_shift:
                self._drag = _Drag.DRAW_REGION
        is_drawing = self._drag in (_Drag.DRAW_REGION, _Drag.DRAW_LINE)
        self.setCursor(Qt.CursorShape.CrossCursor if is_drawing else Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._drag is _Drag.DRAW_REGION:
            self.region_drawn.emit(self._drawn_region(event.position()), False)
        elif self._drag is _Drag.DRAW_LINE:
            self.line_drawn.emit(self._drawn_line(event.position()), False)
        elif self._drag is not None:
            offset = event.position() - self._drag_from
            self._drag_from = event.position()
            if self._drag is _Drag.PAN:
                self.view_transform.pan_by(offset)
            else:
                self.layer_shifted.emit(self._drag_layer, offset / self.view_transform.scale)
        self.hovered.emit(self._scene_point(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._drag is _Drag.DRAW_REGION:
            self.region_drawn.emit(self._drawn_region(event.position()), True)
        elif self._drag is _Drag.DRAW_LINE:
            self.line_drawn.emit(self._drawn_line(event.position()), True)
        self._drag = None
        self.unsetCursor()
        super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not event.modifiers():
            if self.view_transform.is_fit:
                self.view_transform.show_actual_size(event.position(), self._viewport())
            else:
                self.view_transform.fit()

    def leaveEvent(self, event: QEvent) -> None:
        self.hovered.emit(None)
        super().leaveEvent(event)

    def _room_of_message(self) -> QRectF:
        """Where a sentence stands: above the button, where there is one."""
        room = QRectF(self.rect())
        if not self.action_button.isHidden():
            room.setHeight(max(1.0, room.height() - self.action_button.sizeHint().height() - SPACING))
        return room

    def _place_action(self) -> None:
        button = self.action_button
        if button.isHidden():
            return
        button.setText(self._action)
        if button.sizeHint().width() > self.width():
            button.setText(_in_two_lines(self._action))
        _, sentence = place_message(self._message, self.font(), self._room_of_message())
        size = button.sizeHint()
        width = min(size.width(), self.width())
        top = min(round(sentence.bottom()) + SPACING, self.height() - size.height())
        button.setGeometry((self.width() - width) // 2, top, width, size.height())

    def _viewport(self) -> QSizeF:
        return QSizeF(self.size())

    def _scene_point(self, position: QPointF) -> QPointF:
        """The scene point in the middle of the screen pixel that the cursor is on."""
        half = 0.5 / self.devicePixelRatioF()
        return self.view_transform.to_scene(position + QPointF(half, half), self._viewport())

    def _layer_at(self, position: QPointF) -> int:
        if self._is_split:
            return 0 if position.x() < self._handle.line_x else 1
        return self._shown

    def _offset(self, index: int) -> QPointF:
        return self._offsets[index] if index < len(self._offsets) else _NOTHING

    def _drawn_region(self, position: QPointF) -> QRectF:
        """What lies between the place where the mouse was pressed and where it is; empty below a few pixels."""
        drawn = QRectF(self._drag_from, position).normalized()
        if max(drawn.width(), drawn.height()) < 3:
            return QRectF()
        corners = (
            self.view_transform.to_scene(corner, self._viewport()) for corner in (drawn.topLeft(), drawn.bottomRight())
        )
        offset = self._offset(self._drag_layer)
        return QRectF(*(corner - offset for corner in corners))

    def _drawn_line(self, position: QPointF) -> QLineF:
        """The line from the pixel where the mouse was pressed to that where it is."""
        offset = self._offset(self._drag_layer)
        ends = (self._scene_point(point) - offset for point in (self._drag_from, position))
        return QLineF(*(QPointF(math.floor(end.x()), math.floor(end.y())) for end in ends))

    def _target(self, index: int) -> QRectF:
        """Where a layer lies."""
        scene = self.view_transform.scene_rect(self._viewport())
        ratio, offset = self.devicePixelRatioF(), self._offset(index) * self.view_transform.scale
        # Whole screen pixels, as the scene itself, so that 1:1 stays crisp.
        scene.translate(round(offset.x() * ratio) / ratio, round(offset.y() * ratio) / ratio)
        return place_in_scene(self._layers[index].pyramid.size, scene)

    def _zoom(self, index: int, target: QRectF) -> float:
        """Screen pixels a pixel of a layer."""
        return target.width() * self.devicePixelRatioF() / self._layers[index].pyramid.size.width()

    def _cover(self) -> None:
        """Let all layers know what is in view, those behind the others too: they are shown next."""
        for index, mosaic in enumerate(self._mosaics):
            target = self._target(index)
            mosaic.cover(target, QRectF(self.rect()), self._zoom(index, target))

    def _want_tiles(self) -> None:
        """Ask for what is missing: in view first, of the shown layer first, then for when one zooms on, or pans."""
        mosaics = [*self._mosaics[self._shown :], *self._mosaics[: self._shown]]
        wishes = [(mosaic.pyramid, key) for mosaic in mosaics for key in mosaic.missing_in_view]
        wishes += [(mosaic.pyramid, key) for mosaic in mosaics for key in mosaic.missing_ahead]
        wishes += [(mosaic.pyramid, key) for mosaic in mosaics for key in mosaic.missing]
        self._loader.want(self, list(dict.fromkeys(wishes)))
        if any(mosaic.is_preparing for mosaic in self._mosaics):
            self.update()

    def _paint_layer(self, painter: QPainter, index: int, clip: QRectF) -> None:
        target = self._target(index)
        zoom = self._zoom(index, target)
        self._mosaics[index].paint(painter, target, clip, zoom, self._interpolation)
        if self._has_grid:
            layer = self._layers[index]
            paint_pixel_marks(painter, target, layer.pyramid, zoom, clip, layer.peak)
        if self._region is not None:
            scale, scene = self.view_transform.scale, self.view_transform.scene_rect(self._viewport())
            corner = scene.topLeft() + (QPointF(self._region.topLeft()) + self._offset(index)) * scale
            paint_region(painter, QRectF(corner, QSizeF(self._region.size()) * scale))
        if self._line is not None:
            scale, scene = self.view_transform.scale, self.view_transform.scene_rect(self._viewport())
            middle = QPointF(0.5, 0.5) + self._offset(index)
            ends = (scene.topLeft() + (end + middle) * scale for end in (self._line.p1(), self._line.p2()))
            paint_line(painter, QLineF(*ends))

    @Slot()
    def _repaint(self) -> None:
        self.update()

    @Slot()
    def _take_tiles(self) -> None:
        num_changed = sum(mosaic.take_tiles() for mosaic in self._mosaics)
        if num_changed:
            self.update()

    @Slot(float)
    def _move_split(self, position: float) -> None:
        self.update()
        self.split_moved.emit(position)


def _in_two_lines(text: str) -> str:
    """Break a text at the space that is nearest to its middle."""
    places = [place for place, letter in enumerate(text) if letter == " "]
    if not places:
        return text
    middle = min(places, key=lambda place: abs(place - len(text) / 2))
    return f"{text[:middle]}\n{text[middle + 1 :]}"
