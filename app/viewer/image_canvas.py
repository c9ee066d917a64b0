"""The surface on which one picture, or two with a split between them, is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, QSizeF, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.viewer.image_pyramid import ImagePyramid
from app.viewer.split_handle import SplitHandle
from app.viewer.view_transform import ViewTransform

_WHEEL_UNITS_PER_DOUBLING = 480.0
_SAME_SHAPE_TOLERANCE = 0.02
_POINTER_RADIUS = 9
_CHIP_MARGIN = 8


class Backdrop(Enum):
    """What lies behind a picture: never a colour, since it would tint the eye."""

    GRAY = "#777777"
    """Lightness 50 of 100: the least pull in either direction."""
    BLACK = "#000000"
    WHITE = "#ffffff"


@dataclass(frozen=True)
class Layer:
    """One picture on a canvas.

    Attributes:
        pyramid: The picture.
        label: Its name, shown beside the split handle.
    """

    pyramid: ImagePyramid
    label: str


class ImageCanvas(QWidget):
    """Paints the visible part of its layers through a shared `ViewTransform`.

    The wheel zooms about the cursor, dragging pans, a double click toggles fit and 1:1.

    Signals:
        hovered(QPointF | None): The scene point under the cursor; None once it leaves.
        split_moved(float): The split handle was moved to this share of the width.
    """

    hovered = Signal(object)
    split_moved = Signal(float)

    def __init__(self, transform: ViewTransform, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view_transform = transform
        self._layers: tuple[Layer, ...] = ()
        self._shown = 0
        self._is_split = False
        self._message = ""
        self._backdrop = Backdrop.GRAY
        self._pointer: QPointF | None = None
        self._drag_from: QPointF | None = None
        self._handle = SplitHandle(self)
        self._handle.moved.connect(self._move_split)
        self._handle.hide()
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(64, 64)
        transform.changed.connect(self._repaint)

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

    def show_layers(self, layers: Sequence[Layer], *, is_split: bool = False, message: str = "") -> None:
        """Show pictures.

        Args:
            layers: One picture; two for a split; any number to flicker between. None at all shows the message.
            is_split: Show the first left and the second right of the handle.
            message: A sentence over the pictures: what is loading, or why there is none.
        """
        self._layers = tuple(layers)
        self._shown = min(self._shown, max(0, len(self._layers) - 1))
        self._is_split = is_split and len(self._layers) == 2
        self._message = message
        self._handle.setVisible(self._is_split)
        self.setAccessibleName(message or " | ".join(layer.label for layer in self._layers))
        self.update()

    def show_layer(self, index: int) -> None:
        """Bring one of several layers to the front."""
        if index != self._shown:
            self._shown = index
            self.update()

    def set_message(self, message: str) -> None:
        """Show a sentence over what is there."""
        if message != self._message:
            self._message = message
            self.update()

    def set_backdrop(self, backdrop: Backdrop) -> None:
        """Choose what lies behind the picture."""
        self._backdrop = backdrop
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
                reach = _POINTER_RADIUS + 2
                self.update(round(centre.x()) - reach, round(centre.y()) - reach, 2 * reach, 2 * reach)
        self._pointer = point

    def sizeHint(self) -> QSize:
        return QSize(480, 360)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        clip = QRectF(event.rect())
        painter.fillRect(clip, QColor(self._backdrop.value))
        if self._layers and self._is_split:
            line = self._handle.line_x
            left = QRectF(0, 0, line, self.height())
            right = QRectF(line, 0, self.width() - line, self.height())
            for layer, side in zip(self._layers, (left, right), strict=True):
                painter.save()
                painter.setClipRect(side)
                self._paint_layer(painter, layer, clip.intersected(side))
                painter.restore()
            self._paint_side_labels(painter, line)
        elif self._layers:
            self._paint_layer(painter, self._layers[self._shown], clip)
        if self._pointer is not None:
            self._paint_pointer(painter, self._pointer)
        if self._message:
            self._paint_message(painter)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._handle.place()
        super().resizeEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
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
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._drag_from = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._drag_from is not None:
            offset = event.position() - self._drag_from
            self._drag_from = event.position()
            self.view_transform.pan_by(offset)
        self.hovered.emit(self._scene_point(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._drag_from = None
        self.unsetCursor()
        super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            if self.view_transform.is_fit:
                self.view_transform.show_actual_size(event.position(), self._viewport())
            else:
                self.view_transform.fit()

    def leaveEvent(self, event: QEvent) -> None:
        self.hovered.emit(None)
        super().leaveEvent(event)

    def _viewport(self) -> QSizeF:
        return QSizeF(self.size())

    def _scene_point(self, position: QPointF) -> QPointF:
        """The scene point in the middle of the screen pixel that the cursor is on."""
        half = 0.5 / self.devicePixelRatioF()
        return self.view_transform.to_scene(position + QPointF(half, half), self._viewport())

    @Slot()
    def _repaint(self) -> None:
        self.update()

    @Slot(float)
    def _move_split(self, position: float) -> None:
        self.update()
        self.split_moved.emit(position)

    def _paint_layer(self, painter: QPainter, layer: Layer, clip: QRectF) -> None:
        scene = self.view_transform.scene_rect(self._viewport())
        place = place_in_scene(layer.pyramid.size, scene)
        layer.pyramid.paint(painter, place, clip, self.devicePixelRatioF())

    def _paint_side_labels(self, painter: QPainter, line: float) -> None:
        left, right = self._layers
        metrics = QFontMetricsF(self.font())
        gap = _CHIP_MARGIN
        for text, is_left in ((left.label, True), (right.label, False)):
            room = (line if is_left else self.width() - line) - 2 * gap
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room - 2 * gap)
            if len(shown) < min(len(text), 4):
                continue
            width, height = metrics.horizontalAdvance(shown) + 2 * gap, metrics.height() + gap
            chip = QRectF(line - gap - width if is_left else line + gap, gap, width, height)
            paint_chip(painter, chip, shown)

    def _paint_pointer(self, painter: QPainter, point: QPointF) -> None:
        centre = self.view_transform.to_viewport(point, self._viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for colour, width in ((QColor(0, 0, 0, 160), 3.0), (QColor(255, 255, 255, 230), 1.0)):
            painter.setPen(QPen(colour, width))
            for direction in (QPointF(1, 0), QPointF(-1, 0), QPointF(0, 1), QPointF(0, -1)):
                painter.drawLine(centre + direction * 4, centre + direction * _POINTER_RADIUS)

    def _paint_message(self, painter: QPainter) -> None:
        margin = 2 * _CHIP_MARGIN
        room = QRectF(self.rect()).adjusted(margin, margin, -margin, -margin)
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        metrics = QFontMetricsF(self.font())
        limited = QRectF(0, 0, min(room.width(), 420.0), room.height())
        text = metrics.boundingRect(limited, int(flags), self._message)
        chip = QRectF(0, 0, text.width() + 2 * margin, text.height() + margin)
        chip.moveCenter(room.center())
        paint_chip(painter, chip, self._message)


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


def paint_chip(painter: QPainter, chip: QRectF, text: str) -> None:
    """Paint light text on a dark, rounded ground: readable over any picture, and neutral."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(20, 20, 20, 200))
    painter.drawRoundedRect(chip, 4, 4)
    painter.setPen(QColor(240, 240, 240))
    painter.drawText(chip, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), text)
    painter.restore()
