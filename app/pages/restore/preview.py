"""One spot of a photo at 100 %, noisy against restored, before anything is written."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QSize, QTimer, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.core.session import ModelChoice
from app.jobs.latest_task import LatestTask
from app.look.image_convert import DisplayLevels
from app.look.phrases import NO_BREAK, number
from app.look.text import label
from app.look.theme import SPACING, Theme
from app.look.thumbnails import ThumbnailLoader
from app.look.translation import tr, translate_engine
from app.pages.shared.spot_map import SpotMap
from app.pages.shared.spot_restoring import SpotPreview, SpotRestorer, spot_around
from app.viewer.compare_viewer import CompareViewer
from app.viewer.picture_files import PictureFiles
from app.viewer.pictures import Picture, PictureRole
from engine.contracts.errors import EngineError
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef

PREVIEW_SIDE_PX = 512
"""Largest side of the spot: some tenths of a second on two processor cores."""

_PATIENCE_S = 0.7
"""A model that needs longer for the whole spot shows a smaller one first."""

_LEAST_HINT_PX = 120
_ACTUAL_SIZE = f"100{NO_BREAK}%"
_SETTLE_MS = 180
"""The spot follows when the view has stood still for so long."""


class RestorePreview(QWidget):
    """The split view, and below it a map of the photo to choose the spot on.

    Attributes:
        viewer: The split view.
        spot_map: The map.
    """

    def __init__(self, files: PictureFiles, thumbnails: ThumbnailLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._path: PhotoRef | None = None
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
        self._settle_later = QTimer(self)
        self._settle_later.setSingleShot(True)
        self._settle_later.setInterval(_SETTLE_MS)
        self._settle_later.timeout.connect(self._follow_view)
        self._is_new_spot = False
        self.viewer = CompareViewer()
        self.viewer.panels_shown.connect(self._on_panels_shown)
        self.viewer.view_transform.changed.connect(self._settle_later.start)
        self.viewer.set_mode("split")
        self.spot_map = SpotMap(thumbnails)
        self.spot_map.spot_moved.connect(self.set_centre)
        self._hint = label(
            tr("The rectangle on the map is the spot shown above: drag it, or drag the picture itself."),
            "caption",
            wraps=True,
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
        Theme.of_application().changed.connect(self._fit)
        self._show_nothing()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    @Slot()
    def _fit(self) -> None:
        # In a narrow column the advice would be cut; the map's tooltip says as much.
        room = self.width() - self.spot_map.width() - 2 * SPACING
        self._hint.setVisible(room >= Theme.of_application().px(_LEAST_HINT_PX))

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

    def set_photo(self, path: PhotoRef | None) -> None:
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
        self.spot_map.set_centre(centre)
        self._ask_soon()

    def refresh(self) -> None:
        """Restore the spot again, after the page has been shown."""
        self._ask_soon()

    def shut_down(self) -> None:
        """Wait for the background threads."""
        self._settle_later.stop()
        self._control.cancel()
        self._task.shut_down()
        self.viewer.shut_down()

    def _ask_soon(self) -> None:
        self._control.cancel()
        self._ask_later.start()

    @Slot()
    def _ask(self) -> None:
        if self._path is None or self._model is None:
            self._show_nothing()
        elif self.isVisible():
            self.viewer.set_loading(
                tr("Restoring this spot…") if self._preview is not None else tr("Loading the model…")
            )
            self._submit(self._spot_restorer.side_within(self._model, self._side_px(), _PATIENCE_S))

    def _submit(self, side_px: QSize) -> None:
        path, model, centre, control = self._path, self._model, self._centre, JobControl()
        if path is not None and model is not None:
            self._control = control
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
        self._is_new_spot = True
        self._status.setText(_describe(preview))
        self.spot_map.set_photo_size(preview.photo_size)
        self.spot_map.set_spot(preview.path, preview.spot)
        self._blend(preview)
        if is_first or self.viewer.view_transform.is_fit:
            self.viewer.view_transform.show_actual_size()
        side_px = self._side_px()
        if spot_around(self._centre, preview.photo_size, side_px / preview.scale) != preview.spot:
            # What came was as large as the time allowed, or the canvas has grown meanwhile.
            self._submit(side_px)

    def _blend(self, preview: SpotPreview) -> None:
        blended = preview.noisy + np.float32(self._strength) * (preview.restored - preview.noisy)
        is_whole = self._strength == 1.0
        self.viewer.set_panes(
            [
                Picture(
                    title=tr("Noisy") if preview.scale == 1 else tr("Noisy, enlarged"),
                    pixels=preview.noisy,
                    bit_depth=preview.bit_depth,
                    levels=DisplayLevels.of_file(preview.levels),
                    role=PictureRole.INPUT,
                    icc_profile=preview.icc_profile,
                ),
                Picture(
                    title=tr("Restored")
                    if is_whole
                    else tr("Restored at {percent} %").format(percent=round(self._strength * 100)),
                    pixels=blended,
                    bit_depth=preview.bit_depth,
                    levels=DisplayLevels.of_file(preview.levels),
                    role=PictureRole.RESTORED,
                    icc_profile=preview.icc_profile,
                ),
            ]
        )

    @Slot()
    def _on_panels_shown(self) -> None:
        if self._is_new_spot and self._preview is not None:
            self._is_new_spot = False
            self._centre_view(self._preview)

    def _centre_view(self, preview: SpotPreview) -> None:
        """Bring the wanted point to the middle of the view, as far as no edge of the spot comes into sight."""
        transform, canvas = self.viewer.view_transform, self.viewer.pane_views[0].canvas
        if transform.is_fit:
            return
        wanted = (
            (self._centre.x() * preview.photo_size.width() - preview.spot.left) * preview.scale,
            (self._centre.y() * preview.photo_size.height() - preview.spot.top) * preview.scale,
        )
        extents = preview.spot.width * preview.scale, preview.spot.height * preview.scale
        seen = canvas.width() / transform.scale, canvas.height() / transform.scale
        x, y = (_kept_inside(*axis) for axis in zip(wanted, extents, seen, strict=True))
        if max(abs(x - transform.centre.x()), abs(y - transform.centre.y())) > 0.5:
            transform.centre_on(QPointF(x, y))

    @Slot()
    def _follow_view(self) -> None:
        """Let the spot follow a view that was dragged or zoomed beyond it."""
        preview, transform = self._preview, self.viewer.view_transform
        if preview is None or transform.is_fit or self.is_busy or preview.path != self._path or not self.isVisible():
            return
        canvas, spot, scale = self.viewer.pane_views[0].canvas, preview.spot, preview.scale
        seen_width, seen_height = canvas.width() / transform.scale, canvas.height() / transform.scale
        middle = transform.centre
        is_inside = (
            abs(middle.x() - spot.width * scale / 2) <= max(0.0, (spot.width * scale - seen_width) / 2) + 1
            and abs(middle.y() - spot.height * scale / 2) <= max(0.0, (spot.height * scale - seen_height) / 2) + 1
        )
        if is_inside:
            return
        centre = QPointF(
            min(max((spot.left + middle.x() / scale) / preview.photo_size.width(), 0.0), 1.0),
            min(max((spot.top + middle.y() / scale) / preview.photo_size.height(), 0.0), 1.0),
        )
        if spot_around(centre, preview.photo_size, self._side_px() / scale) == spot:
            # There is no more photo on that side.
            self._centre_view(preview)
        else:
            self.set_centre(centre)

    @Slot(object)
    def _show_failure(self, error: EngineError) -> None:
        self._preview = None
        self._status.setText("")
        self.viewer.show_message(translate_engine(str(error)))

    def _show_nothing(self) -> None:
        self._task.cancel()
        self._preview = None
        self._status.setText("")
        self.viewer.show_message(tr("Choose a photo on the left to see a spot of it restored."))


def _describe(preview: SpotPreview) -> str:
    seconds = f"{number(preview.seconds, 1)}{NO_BREAK}s"
    if preview.scale > 1:
        return tr("Restored with {model} in {seconds}, {scale} times larger, shown at {zoom}.").format(
            model=translate_engine(preview.model_name), seconds=seconds, scale=preview.scale, zoom=_ACTUAL_SIZE
        )
    return tr("Restored with {model} in {seconds}, shown at {zoom}.").format(
        model=translate_engine(preview.model_name), seconds=seconds, zoom=_ACTUAL_SIZE
    )


def _kept_inside(wanted: float, extent: float, seen: float) -> float:
    """Return where the middle of a view of that length goes within a spot of that length."""
    if seen >= extent:
        return extent / 2
    return min(max(wanted, seen / 2), extent - seen / 2)
