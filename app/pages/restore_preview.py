"""One spot of a photo at 100 %, noisy against restored, before anything is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.pages.spot_restoring import Spot, SpotPreview, SpotRestorer
from app.phrases import NO_BREAK
from app.session import ModelChoice
from app.theme import SPACING, palette
from app.thumbnails import ThumbnailLoader
from app.viewer.compare_viewer import CompareViewer
from app.viewer.latest_task import LatestTask
from app.viewer.picture_files import PictureFiles
from app.viewer.view_modes import Picture, PictureRole
from app.widgets.text import label
from engine.errors import EngineError
from engine.job_control import JobControl

PREVIEW_SIDE_PX = 512
"""Largest side of the spot: some tenths of a second on two processor cores."""


class RestorePreview(QWidget):
    """The split view, and below it a map of the photo to choose the spot on.

    Attributes:
        viewer: The split view.
        spot_map: The map.
    """

    def __init__(self, files: PictureFiles, thumbnails: ThumbnailLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._path: Path | None = None
        self._model: ModelChoice | None = None
        self._strength = 1.0
        self._centre = QPointF(0.5, 0.5)
        self._preview: SpotPreview | None = None
        self._spot_restorer = SpotRestorer(files)
        self._control = JobControl()
        self._task = LatestTask(self)
        self._task.finished.connect(self._show)
        self._task.failed.connect(self._show_failure)
        self._ask_later = QTimer(self)
        self._ask_later.setSingleShot(True)
        self._ask_later.setInterval(60)
        self._ask_later.timeout.connect(self._ask)
        self.viewer = CompareViewer()
        self.viewer.set_mode("split")
        self.spot_map = SpotMap(thumbnails)
        self.spot_map.spot_moved.connect(self.set_centre)
        self._hint = label(
            "The rectangle on the map is the spot shown above: drag it, or click.", "caption", wraps=True
        )
        self._status = label("", "muted", wraps=True)
        words = QVBoxLayout()
        words.setSpacing(SPACING // 2)
        words.addWidget(self._status)
        words.addWidget(self._hint)
        words.addStretch(1)
        below = QHBoxLayout()
        below.setSpacing(2 * SPACING)
        below.addWidget(self.spot_map)
        below.addLayout(words, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.viewer, 1)
        layout.addLayout(below)
        self._show_nothing()

    @property
    def preview(self) -> SpotPreview | None:
        """What is shown; None while there is nothing."""
        return self._preview

    @property
    def is_busy(self) -> bool:
        """Whether a spot is being restored."""
        return self._ask_later.isActive() or self._task.is_busy

    @property
    def status(self) -> str:
        """What is said about the preview."""
        return self._status.text()

    def set_photo(self, path: Path | None) -> None:
        """Look at another photo, at its middle."""
        if path != self._path:
            self._path = path
            self._centre = QPointF(0.5, 0.5)
            self.spot_map.set_photo(path)
            self._ask_soon()

    def set_model(self, model: ModelChoice | None) -> None:
        """Restore with another model."""
        if model != self._model:
            self._model = model
            self._ask_soon()

    def set_strength(self, strength: float) -> None:
        """Blend anew; nothing is computed again."""
        self._strength = strength
        if self._preview is not None:
            self._blend(self._preview)

    @Slot(QPointF)
    def set_centre(self, centre: QPointF) -> None:
        """Look at another spot, around these shares of the photo's width and height."""
        self._centre = QPointF(centre)
        self._ask_soon()

    def refresh(self) -> None:
        """Restore the spot again, after the page has been shown or resized."""
        self._ask_soon()

    def shut_down(self) -> None:
        """Wait for the background threads."""
        self._control.cancel()
        self._task.shut_down()
        self.viewer.shut_down()

    def _ask_soon(self) -> None:
        self._control.cancel()
        self._ask_later.start()

    @Slot()
    def _ask(self) -> None:
        path, model, centre = self._path, self._model, self._centre
        if path is None or model is None or not self.isVisible():
            if path is None or model is None:
                self._show_nothing()
            return
        side_px = self._side_px()
        control = JobControl()
        self._control = control
        self.viewer.set_loading("Restoring this spot…" if self._preview is not None else "Loading the model…")
        self._task.submit(lambda: self._spot_restorer.restore(path, centre, side_px, model, control))

    def _side_px(self) -> QSize:
        """The spot that fills the canvas at 100 %, within bounds."""
        canvas = self.viewer.pane_views[0].canvas
        ratio = canvas.devicePixelRatioF()
        return QSize(
            min(PREVIEW_SIDE_PX, max(64, round(canvas.width() * ratio))),
            min(PREVIEW_SIDE_PX, max(64, round(canvas.height() * ratio))),
        )

    @Slot(object)
    def _show(self, preview: SpotPreview) -> None:
        is_first = self._preview is None
        self._preview = preview
        seconds = f"{preview.seconds:.1f}{NO_BREAK}s"
        size = f" {preview.scale} times larger," if preview.scale > 1 else ""
        self._status.setText(f"Restored with {preview.model_name} in {seconds},{size} shown at 100{NO_BREAK}%.")
        self.spot_map.set_spot(preview.path, preview.spot)
        self._blend(preview)
        if is_first or self.viewer.view_transform.is_fit:
            self.viewer.view_transform.show_actual_size()

    def _blend(self, preview: SpotPreview) -> None:
        blended = preview.noisy + np.float32(self._strength) * (preview.restored - preview.noisy)
        percent = "" if self._strength == 1.0 else f" at {round(self._strength * 100)} %"
        self.viewer.set_panes(
            [
                Picture(
                    title="Noisy" if preview.scale == 1 else "Noisy, enlarged",
                    pixels=preview.noisy,
                    bit_depth=preview.bit_depth,
                    role=PictureRole.INPUT,
                ),
                Picture(
                    title=f"Restored{percent}", pixels=blended, bit_depth=preview.bit_depth, role=PictureRole.RESTORED
                ),
            ]
        )

    @Slot(object)
    def _show_failure(self, error: EngineError) -> None:
        self._preview = None
        self._status.setText("")
        self.viewer.show_message(str(error))

    def _show_nothing(self) -> None:
        self._task.cancel()
        self._preview = None
        self._status.setText("")
        self.viewer.show_message("Choose a photo on the left to see a spot of it restored.")


class SpotMap(QWidget):
    """The whole photo, small, with the spot as a rectangle on it.

    Signals:
        spot_moved(QPointF): The person wants another spot, around these shares of width and height.
    """

    spot_moved = Signal(QPointF)

    def __init__(self, thumbnails: ThumbnailLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._path: Path | None = None
        self._spot: tuple[Path, Spot] | None = None
        self._photo_size = QSize()
        self._centre = QPointF(0.5, 0.5)
        self.setFixedSize(148, 100)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAccessibleName("Map of the photo: choose the spot of the preview")
        self.setToolTip("Click or drag to choose the spot")
        thumbnails.ready.connect(self._repaint)

    def set_photo(self, path: Path | None) -> None:
        """Show another photo, with the spot in its middle."""
        self._path = path
        self._centre = QPointF(0.5, 0.5)
        self._thumbnails.want(() if path is None else (path,), view=self)
        self.update()

    def set_photo_size(self, size: QSize) -> None:
        """Tell the photo's size in pixels."""
        self._photo_size = QSize(size)
        self.update()

    def set_spot(self, path: Path, spot: Spot) -> None:
        """Mark the spot that is shown."""
        self._spot = (path, spot)
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

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        rect = self.picture_rect()
        pixmap = self._thumbnails.pixmap(self._path) if self._path is not None else None
        if pixmap is None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(palette().raised))
            painter.drawRoundedRect(rect, 3, 3)
            return
        painter.drawPixmap(rect, pixmap, QRectF(pixmap.rect()))
        if self._spot is not None and self._spot[0] == self._path and not self._photo_size.isEmpty():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for colour, width in ((QColor(0, 0, 0, 170), 3.0), (QColor(255, 255, 255), 1.5)):
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
        self._centre = QPointF(
            min(max((position.x() - rect.left()) / rect.width(), 0.0), 1.0),
            min(max((position.y() - rect.top()) / rect.height(), 0.0), 1.0),
        )
        self.update()
        self.spot_moved.emit(self._centre)

    @Slot(object)
    def _repaint(self, path: Path) -> None:
        if path == self._path:
            self.update()
