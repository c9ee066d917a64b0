"""The line that a person drags over a picture to see what is on either side."""

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.look.translation import tr

_WIDTH_PX = 28
_GRIP_RADIUS = 11
_SMALL_STEP = 0.01
_LARGE_STEP = 0.1
_KEYS = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End)


class SplitHandle(QWidget):
    """A vertical line with a grip; moved by dragging, or by the arrow keys once reached with Tab.

    A click does not take the keyboard, since the arrows walk the photos then.

    Signals:
        moved(float): The person moved it to this share of the parent's width.

    Attributes:
        position: Share of the parent's width, 0 to 1.
    """

    moved = Signal(float)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._canvas = parent
        self.position = 0.5
        self._grab_offset = 0.0
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setAccessibleName(tr("Split position"))
        self.setToolTip(tr("Drag to compare. Shift and the arrow keys move it too."))

    @property
    def line_x(self) -> float:
        """Where the line is in the parent's coordinates, on a whole screen pixel."""
        ratio = self.devicePixelRatioF()
        return round(self.position * self._canvas.width() * ratio) / ratio

    def place(self) -> None:
        """Follow the parent's size."""
        self.setGeometry(round(self.line_x) - _WIDTH_PX // 2, 0, _WIDTH_PX, self._canvas.height())

    def set_position(self, position: float) -> None:
        """Put the line at this share of the parent's width."""
        self.position = min(max(position, 0.0), 1.0)
        self.setAccessibleDescription(tr("{percent} % from the left").format(percent=round(self.position * 100)))
        self.place()

    def step(self, direction: int, *, large: bool = False) -> None:
        """Move the line as a key does: left (-1) or right (1)."""
        self._move_to(self.position + direction * (_LARGE_STEP if large else _SMALL_STEP))

    def event(self, event: QEvent) -> bool:
        """Keep the arrow keys from the page's shortcuts while the handle has the keyboard."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() in _KEYS:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        large = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        match event.key():
            case Qt.Key.Key_Left:
                self.step(-1, large=large)
            case Qt.Key.Key_Right:
                self.step(1, large=large)
            case Qt.Key.Key_Home:
                self._move_to(0.0)
            case Qt.Key.Key_End:
                self._move_to(1.0)
            case _:
                super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._grab_offset = self.mapToParent(event.position()).x() - self.line_x
        else:
            event.ignore()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            x = self.mapToParent(event.position()).x() - self._grab_offset
            self._move_to(x / max(1, self._canvas.width()))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._move_to(0.5)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        x = self.line_x - self.x()
        centre = QPointF(x, self.height() / 2)
        for colour, width in ((QColor(0, 0, 0, 120), 3.0), (QColor(255, 255, 255), 1.0)):
            painter.setPen(QPen(colour, width))
            painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))
        is_active = self.underMouse() or self.hasFocus()
        painter.setPen(QPen(QColor(0, 0, 0, 150), 1.0))
        painter.setBrush(QColor(255, 255, 255) if is_active else QColor(240, 240, 240, 225))
        painter.drawEllipse(centre, _GRIP_RADIUS, _GRIP_RADIUS)
        painter.setPen(QPen(QColor(40, 40, 40), 1.6, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        for side in (-1, 1):
            tip = QPointF(centre.x() + side * 7, centre.y())
            for rise in (-3.5, 3.5):
                painter.drawLine(tip, QPointF(tip.x() - side * 3.5, tip.y() + rise))
        if self.hasFocus():
            ring = QRectF(0, 0, 2 * _GRIP_RADIUS + 4, 2 * _GRIP_RADIUS + 4)
            ring.moveCenter(centre)
            painter.setPen(QPen(QColor(0, 0, 0), 2.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(ring)

    def enterEvent(self, event: QEvent) -> None:
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self.update()

    def _move_to(self, position: float) -> None:
        self.set_position(position)
        self.moved.emit(self.position)
