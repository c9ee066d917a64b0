"""The bar at the bottom of every page while anything runs, and the queue that it opens."""

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from app import phrases
from app.job_runner import JobHandle, JobLane, JobRunner, JobState
from app.theme import ICON_PX, SPACING, Theme, set_role, themed_icon
from app.widgets.buttons import icon_button
from app.widgets.text import ElidedLabel, label

_APPEAR_MS = 250
"""A job shorter than this never moves the layout."""

_STATE_TEXTS = {
    JobState.QUEUED: "waiting",
    JobState.PAUSED: "paused",
    JobState.STOPPING: "stopping and saving …",
}


def progress_text(job: JobHandle) -> str:
    """Return where a job stands: "step 1,240 / 2,000 · 3 min left"."""
    if job.state in _STATE_TEXTS:
        return _STATE_TEXTS[job.state]
    progress = job.progress
    if progress is None:
        return f"starting · 0 / {job.request.num_steps:,}" if job.request.num_steps else "starting …"
    is_optimising = "steps_per_second" in progress.metrics
    done = f"{progress.step:,} / {progress.num_steps:,}"
    parts = [f"step {done}" if is_optimising else f"{progress.stage} {done}", phrases.time_left(progress.seconds_left)]
    return " · ".join(part for part in parts if part)


def progress_percent(job: JobHandle) -> int:
    """Return how much of the present stage is done, 0 to 100."""
    progress = job.progress
    return 0 if progress is None or not progress.num_steps else 100 * progress.step // progress.num_steps


class JobControls(QWidget):
    """Title, progress, pause and stop of one job.

    Attributes:
        pause_button: Pauses and resumes.
        stop_button: Stops.
    """

    def __init__(self, *, shows_title: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._job: JobHandle | None = None
        self._title = ElidedLabel(role="strong")
        self._title.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setMinimumWidth(80)
        self._bar.setAccessibleName("Progress")
        self._text = label("", "muted")
        self._text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.pause_button = icon_button("pause", "Pause")
        self.stop_button = icon_button("stop", "Stop; what has been done is kept")
        self.pause_button.clicked.connect(self._toggle_pause)
        self.stop_button.clicked.connect(self._stop)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * SPACING)
        if shows_title:
            self._title.setMinimumWidth(Theme.of_application().px(160))
            layout.addWidget(self._title, 3)
        layout.addWidget(self._bar, 4)
        layout.addWidget(self._text)
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACING // 2)
        buttons.addWidget(self.pause_button)
        buttons.addWidget(self.stop_button)
        layout.addLayout(buttons)
        self._fit_text()
        Theme.of_application().changed.connect(self._fit_text)

    @property
    def job(self) -> JobHandle | None:
        """The job shown."""
        return self._job

    def set_job(self, job: JobHandle | None) -> None:
        """Show another job."""
        if job is self._job:
            return
        if self._job is not None:
            self._job.progressed.disconnect(self._update)
            self._job.state_changed.disconnect(self._update)
        self._job = job
        if job is not None:
            self._title.set_text(job.request.title)
            job.progressed.connect(self._update)
            job.state_changed.connect(self._update)
            self._update()

    def _fit_text(self) -> None:
        # Room for the longest text there is, so that nothing moves while numbers grow.
        widest = self._text.fontMetrics().horizontalAdvance("step 100,000 / 100,000 · 10 h 55 min left")
        self._text.setMinimumWidth(min(widest, Theme.of_application().px(260)))

    def _update(self) -> None:
        job = self._job
        if job is None:
            return
        self._text.setText(progress_text(job))
        if job.progress is None and job.state is JobState.RUNNING:
            self._bar.setRange(0, 0)
        else:
            self._bar.setRange(0, 100)
            self._bar.setValue(progress_percent(job))
        is_paused = job.state is JobState.PAUSED
        self.pause_button.setIcon(themed_icon("play" if is_paused else "pause"))
        self.pause_button.setToolTip("Resume" if is_paused else "Pause")
        self.pause_button.setAccessibleName(self.pause_button.toolTip())
        self.pause_button.setEnabled(job.state in (JobState.RUNNING, JobState.PAUSED))
        self.stop_button.setEnabled(job.state is not JobState.STOPPING and not job.state.is_ended)

    def _toggle_pause(self) -> None:
        if self._job is not None:
            if self._job.state is JobState.PAUSED:
                self._job.resume()
            else:
                self._job.pause()

    def _stop(self) -> None:
        if self._job is not None:
            self._job.cancel()


class JobBar(QFrame):
    """Shows the job that matters most; a click opens the queue.

    Signals:
        page_requested: The page of the job that was clicked in the queue.
    """

    page_requested = Signal(str)

    def __init__(self, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("JobBar")
        self._runner = runner
        self._controls = JobControls()
        self._queue_button = QToolButton()
        self._queue_button.setIcon(themed_icon("queue"))
        self._queue_button.setToolTip("Show all jobs")
        self._queue_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._queue_button.clicked.connect(self.open_queue)
        self._popup: QueuePopup | None = None
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * SPACING, SPACING // 2, SPACING, SPACING // 2)
        layout.setSpacing(SPACING)
        layout.addWidget(self._controls, 1)
        layout.addWidget(self._queue_button)
        self._appear = QTimer(self)
        self._appear.setSingleShot(True)
        self._appear.setInterval(_APPEAR_MS)
        self._appear.timeout.connect(self._show_if_busy)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.hide()
        runner.jobs_changed.connect(self._update)

    @property
    def controls(self) -> JobControls:
        """Title, progress, pause and stop."""
        return self._controls

    def toggle_pause(self) -> None:
        """Pause or resume the job shown."""
        if self._controls.job is not None and self._controls.pause_button.isEnabled():
            self._controls.pause_button.click()

    def open_queue(self) -> None:
        """Show all jobs above the bar."""
        if not self._runner.is_busy:
            return
        popup = QueuePopup(self._runner, self.window())
        popup.page_requested.connect(self.page_requested)
        popup.open_above(self)
        self._popup = popup

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.open_queue()

    def _update(self) -> None:
        jobs = self._runner.jobs
        active = [job for job in jobs if job.state is not JobState.QUEUED]
        main = [job for job in active if job.request.lane is JobLane.MAIN]
        self._controls.set_job(next(iter(main or active or jobs), None))
        waiting = len(jobs) - 1
        self._queue_button.setText(f"+{waiting}" if waiting > 0 else "")
        if not jobs:
            self._appear.stop()
            self.hide()
        elif not self.isVisible() and not self._appear.isActive():
            self._appear.start()

    def _show_if_busy(self) -> None:
        self.setVisible(self._runner.is_busy)


class QueuePopup(QFrame):
    """All jobs that have not ended; closes by a click elsewhere.

    Signals:
        page_requested: The page of the job whose name was clicked.
    """

    page_requested = Signal(str)

    def __init__(self, runner: JobRunner, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        set_role(self, "card")
        self._runner = runner
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(2 * SPACING, SPACING, SPACING, SPACING)
        self._layout.setSpacing(SPACING)
        self._rows: dict[JobHandle, QWidget] = {}
        self._update()
        runner.jobs_changed.connect(self._update)

    def open_above(self, bar: QWidget) -> None:
        """Show the popup right above the job bar, as wide as it where there is room."""
        self.setFixedWidth(min(bar.width() - 2 * SPACING, Theme.of_application().px(860)))
        self.adjustSize()
        corner = bar.mapToGlobal(QPoint(bar.width() - self.width() - SPACING, -self.height() - SPACING // 2))
        self.move(corner)
        self.show()

    def _update(self) -> None:
        jobs = self._runner.jobs
        for job in [job for job in self._rows if job not in jobs]:
            self._rows.pop(job).deleteLater()
        for job in jobs:
            if job not in self._rows:
                self._rows[job] = self._make_row(job)
                self._layout.addWidget(self._rows[job])
        if not jobs:
            self.close()

    def _make_row(self, job: JobHandle) -> QWidget:
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        controls = JobControls()
        controls.set_job(job)
        go_to = icon_button("arrow-right", "Go to its page")
        go_to.clicked.connect(lambda: self._go_to(job))
        layout.addWidget(controls, 1)
        layout.addWidget(go_to)
        row.setMinimumHeight(ICON_PX + 2 * SPACING)
        return row

    def _go_to(self, job: JobHandle) -> None:
        self.page_requested.emit(job.request.page_id)
        self.close()
