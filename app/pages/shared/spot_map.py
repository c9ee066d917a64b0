"""The whole photo, small, with the spot of a preview marked on it."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.theme import palette
from app.look.thumbnails import ThumbnailLoader
from app.look.translation import tr
from app.pages.shared.spot_restoring import Spot
from engine.contracts.photo import PhotoRef

_DIRECTIONS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
_STEP = 0.5
"""How far a key moves the spot, as a share of its own size."""


class SpotMap(QWidget):
    """The whole photo, small, with the spot as a rectangle on it.

    Signals:
        spot_moved(QPointF): The person wants another spot, around these shares of width and height.
    """

    spot_moved = Signal(QPointF)

    def __init__(self, thumbnails: ThumbnailLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._photo: PhotoRef | None = None
        self._spot: tuple[PhotoRef, Spot] | None = None
        self._photo_size = QSize()
        self._centre = QPointF(0.5, 0.5)
        self.setFixedSize(148, 100)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(tr("Map of the photo: choose the spot of the preview"))
        self.setToolTip(tr("Click or drag to choose the spot, or move it with the arrow keys"))
        thumbnails.ready.connect(self._repaint)

    def set_photo(self, photo: PhotoRef | None) -> None:
        """Show another photo, with the spot in its middle."""
        self._photo = photo
        self._centre = QPointF(0.5, 0.5)
        self._thumbnails.want(() if photo is None else (photo,), view=self)
        self.update()

    def set_photo_size(self, size: QSize) -> None:
        """Tell the photo's size in pixels."""
        self._photo_size = QSize(size)
        self.update()

    def set_spot(self, photo: PhotoRef, spot: Spot) -> None:
        """Mark the spot that is shown."""
        self._spot = (photo, spot)
        self.update()

    def picture_rect(self) -> QRectF:
        """Where the photo lies within the map."""
        if self._photo_size.isEmpty():
            return QRectF(self.rect())
        size = self._photo_size.scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        rect = QRectF(0, 0, size.width(), size.height())
        rect.moveCenter(QRectF(self.rect()).center())
        return rect

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._move_to(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._move_to(event.position())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        direction = _DIRECTIONS.get(Qt.Key(event.key()))
        if direction is None or self._spot is None or self._photo_size.isEmpty():
            super().keyPressEvent(event)
            return
        spot = self._spot[1]
        across, down = direction
        self._choose(
            QPointF(
                self._centre.x() + across * _STEP * spot.width / self._photo_size.width(),
                self._centre.y() + down * _STEP * spot.height / self._photo_size.height(),
            )
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        rect = self.picture_rect()
        pixmap = self._thumbnails.pixmap(self._photo) if self._photo is not None else None
        if pixmap is None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(palette().raised))
            painter.drawRoundedRect(rect, 3, 3)
            return
        painter.drawPixmap(rect, pixmap, QRectF(pixmap.rect()))
        if self._spot is not None and self._spot[0] == self._photo and not self._photo_size.isEmpty():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            frame = QColor(palette().accent) if self.hasFocus() else QColor(255, 255, 255)
            for colour, width in ((QColor(0, 0, 0, 170), 3.0), (frame, 1.5)):
                painter.setPen(QPen(colour, width))
                painter.drawRect(self._spot_rect(self._spot[1], rect))

    def _spot_rect(self, spot: Spot, rect: QRectF) -> QRectF:
        scale = rect.width() / self._photo_size.width()
        wanted = QPointF(self._centre.x() * self._photo_size.width(), self._centre.y() * self._photo_size.height())
        left = min(max(wanted.x() - spot.width / 2, 0.0), self._photo_size.width() - spot.width)
        top = min(max(wanted.y() - spot.height / 2, 0.0), self._photo_size.height() - spot.height)
        return QRectF(
            rect.left() + left * scale, rect.top() + top * scale, spot.width * scale, spot.height * scale
        ).intersected(rect.adjusted(1, 1, -1, -1))

    def _move_to(self, position: QPointF) -> None:
        rect = self.picture_rect()
        self._choose(QPointF((position.x() - rect.left()) / rect.width(), (position.y() - rect.top()) / rect.height()))

    def _choose(self, centre: QPointF) -> None:
        self._centre = QPointF(min(max(centre.x(), 0.0), 1.0), min(max(centre.y(), 0.0), 1.0))
        self.update()
        self.spot_moved.emit(self._centre)

    @Slot(object)
    def _repaint(self, photo: PhotoRef) -> None:
        if photo == self._photo:
            self.update()
