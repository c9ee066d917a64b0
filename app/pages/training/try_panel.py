"""Restores a spot of any open photo with the newest weights of a training, while it runs or when it has ended."""

from pathlib import Path

from PySide6.QtCore import QPointF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QWidget

from app.core.session import ModelChoice, Session
from app.jobs.latest_task import LatestTask
from app.jobs.runner import JobHandle
from app.look.buttons import button, set_reason
from app.look.layouts import in_column, in_row
from app.look.text import label
from app.look.theme import SPACING
from app.look.thumbnails import shared_thumbnails
from app.look.translation import format_number, tr, translate_engine
from app.pages.shared.spot_map import SpotMap
from app.pages.shared.spot_restoring import SpotPreview, SpotRestorer
from app.viewer.compare_viewer import CompareViewer
from app.viewer.picture_files import PictureFiles, ShownPixels
from app.viewer.pictures import PictureRole
from app.widgets.elided_box import ElidedComboBox
from app.widgets.room.fitting_grid import FittingGrid
from engine.contracts.errors import EngineError
from engine.contracts.events import JobEvent, WeightsShown
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.runs.store import Run

CROP_PX = QSize(384, 384)
_KEPT_BYTES = 256 * 2**20
"""Of decoded photos, so that another spot of the same photo is there at once."""
_MIN_VIEWER_PX = 140
_WHOLE = QSize(100_000, 100_000)


class TryPanel(QWidget):
    """A photo, a button, and the spot before and after, side by side.

    The training writes its weights down between two steps and goes on; they are loaded and used in a thread of low
    priority, so that neither the training nor the window waits.

    Attributes:
        photo_box: The open photos.
        size_box: A crop, or the whole photo.
        try_button: Asks for the weights.
        viewer: Noisy and restored.

    Signals:
        tried: A spot has been restored; the optimisation step whose weights did it, None after the training's end.
    """

    tried = Signal(object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._job: JobHandle | None = None
        self._run: Path | None = None
        self._step: int | None = None
        self._centre = QPointF(0.5, 0.5)
        self._is_asked = False
        self._control = JobControl()
        self._restorer = SpotRestorer(PictureFiles(_KEPT_BYTES))
        self._task = LatestTask(self, finished=self._on_restored, failed=self._on_failed)
        self.photo_box = ElidedComboBox()
        self.photo_box.setAccessibleName(tr("Photo to try"))
        self.photo_box.setMinimumContentsLength(12)
        self.photo_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.photo_box.setEditable(True)
        self.photo_box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        completer = self.photo_box.completer()
        if completer is not None:
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.size_box = ElidedComboBox()
        self.size_box.setAccessibleName(tr("How much of it"))
        self.size_box.addItem(tr("A crop"), CROP_PX)
        self.size_box.addItem(tr("The whole photo"), _WHOLE)
        self.try_button = button(tr("Try the current weights"), "magic-wand")
        self.try_button.setToolTip(
            tr("Restore this photo with what the network has learned so far; the training goes on meanwhile.")
        )
        self.viewer = CompareViewer()
        self.viewer.set_mode("side_by_side")
        # Lower than a viewer would like: the smallest window is 600 pixels high.
        self.viewer.setMinimumHeight(_MIN_VIEWER_PX)
        self._map = SpotMap(shared_thumbnails(session))
        self._map.spot_moved.connect(self._on_spot_moved)
        self._status = label("", "muted", wraps=True)
        self.photo_box.currentIndexChanged.connect(self._on_photo_changed)
        self.photo_box.activated.connect(self.ask)
        self.size_box.activated.connect(self.ask)
        self.try_button.clicked.connect(self.ask)
        session.photos_changed.connect(self._list_photos)
        session.folders_changed.connect(self._list_photos)
        how = QWidget()
        in_row(self.size_box, self.try_button, of=how, margins=0)
        controls = FittingGrid((self.photo_box, how), most_columns=2, first_is_wide=True)
        below = in_row(self._map, (self._status, 1), spacing=2 * SPACING)
        in_column(controls, (self.viewer, 1), below, of=self, margins=(0, SPACING, 0, 0))
        self._photos: tuple[PhotoRef, ...] = ()
        self._refresh()
        self._show_nothing()

    @property
    def status(self) -> str:
        """What is said about the spot."""
        return self._status.text()

    @property
    def photo(self) -> PhotoRef | None:
        """The photo that is chosen."""
        row = self.photo_box.currentIndex()
        return self._photos[row] if 0 <= row < len(self._photos) else None

    @property
    def is_busy(self) -> bool:
        """Whether weights are awaited or a spot is being restored."""
        return self._is_asked or self._task.is_busy

    def follow(self, job: JobHandle) -> None:
        """Try the weights of another training from now on."""
        self._job, self._run, self._is_asked = job, None, False
        job.events_received.connect(self._on_events)
        self._show_nothing()
        self._refresh()

    def set_run(self, run: Path) -> None:
        """Note that the training has its folder, and so weights."""
        self._run = run
        self._refresh()

    def end(self) -> None:
        """From now on the weights that the run keeps are tried."""
        was_asked, self._is_asked = self._is_asked, False
        self._job = None
        self._refresh()
        if was_asked:
            self.ask()

    @Slot()
    def ask(self) -> None:
        """Restore the chosen spot with the newest weights there are."""
        if not self.try_button.isEnabled():
            return
        self._control.cancel()
        if self._job is not None:
            self._is_asked = True
            self._job.control.ask()
            self.viewer.set_loading(tr("Waiting for the weights of the next step…"))
        elif self._run is not None:
            self._restore(Run(self._run).model_path, None)

    def shut_down(self) -> None:
        """Wait for the background threads."""
        self._control.cancel()
        self._task.shut_down()
        self.viewer.shut_down()

    @Slot(tuple)
    def _on_events(self, events: tuple[JobEvent, ...]) -> None:
        if self.sender() is not self._job or not self._is_asked:
            return
        shown = next((event for event in reversed(events) if isinstance(event, WeightsShown)), None)
        if shown is not None:
            self._is_asked = False
            self._restore(shown.path, shown.step)

    def _restore(self, weights: Path, step: int | None) -> None:
        path = self.photo
        if path is None:
            return
        self._step = step
        control = self._control = JobControl()
        centre, side_px = QPointF(self._centre), QSize(self.size_box.currentData())
        self.viewer.set_loading(tr("Restoring…"))
        model = ModelChoice(weights, weights.stem)
        self._task.submit(lambda: self._restorer.restore(path, centre, side_px, model, control))

    @Slot(object)
    def _on_restored(self, preview: SpotPreview) -> None:
        when = (
            tr("the final weights") if self._step is None else tr("step {step}").format(step=format_number(self._step))
        )
        self.viewer.set_panes(
            [
                ShownPixels(pixels, preview.metadata, preview.channels).picture(title=title, role=role)
                for title, pixels, role in (
                    (tr("Noisy") if preview.scale == 1 else tr("Noisy, enlarged"), preview.noisy, PictureRole.INPUT),
                    (tr("Restored, {when}").format(when=when), preview.restored, PictureRole.RESTORED),
                )
            ]
        )
        if self.size_box.currentData() == CROP_PX:
            # Noise shows only where one pixel is one pixel.
            self.viewer.view_transform.show_actual_size()
        self._map.set_spot(preview.photo, preview.spot)
        self._status.setText(
            tr("Restored with {when} in {seconds} s. Click the map for another spot.").format(
                when=when, seconds=format_number(preview.seconds, 1)
            )
        )
        self.tried.emit(self._step)

    @Slot(object)
    def _on_failed(self, error: EngineError) -> None:
        self._status.setText("")
        self.viewer.show_message(translate_engine(str(error)))

    @Slot()
    def _on_photo_changed(self) -> None:
        self._centre = QPointF(0.5, 0.5)
        path = self.photo
        scanned = self._session.photo(path) if path is not None else None
        self._map.set_photo(path)
        if scanned is not None:
            self._map.set_photo_size(QSize(scanned.width, scanned.height))
        edit = self.photo_box.lineEdit()
        if edit is not None:
            # The beginning of a long name tells more than its end.
            edit.setCursorPosition(0)

    @Slot(QPointF)
    def _on_spot_moved(self, centre: QPointF) -> None:
        self._centre = QPointF(centre)
        self.ask()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._list_photos()

    @Slot()
    def _list_photos(self) -> None:
        # Nobody chooses from a hidden box, and filling it with thousands of names would stall the window.
        if not self.isVisible():
            return
        paths = tuple(photo.path for photo in self._session.photos)
        if paths == self._photos:
            return
        chosen, self._photos = self.photo, paths
        self.photo_box.clear()
        self.photo_box.addItems([path.name for path in paths])
        if chosen in paths:
            self.photo_box.setCurrentIndex(paths.index(chosen))
        self._refresh()

    def _refresh(self) -> None:
        reason = ""
        if self.photo is None:
            reason = tr("Open a folder of photos first.")
        elif self._run is None:
            reason = tr("The training has not begun its first step yet.")
        set_reason(self.try_button, reason)

    def _show_nothing(self) -> None:
        self._task.cancel()
        self._status.setText("")
        self.viewer.show_message(tr("Choose a photo and try what the network has learned so far."))
