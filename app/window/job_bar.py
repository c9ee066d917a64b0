"""The bar at the bottom of every page while anything runs."""

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QFrame, QToolButton, QWidget

from app.core.actions import tip_with_keys
from app.jobs.runner import JobLane, JobRunner, JobState
from app.look.buttons import button
from app.look.layouts import in_row
from app.look.text import label
from app.look.theme import SPACING, Theme, themed_icon
from app.look.translation import tr
from app.widgets.job_controls import JobControls
from app.window.job_queue import QueuePanel

_APPEAR_MS = 250
"""A job shorter than this would only flash."""


class JobBar(QFrame):
    """Shows the job that matters most; a click opens the queue.

    Attributes:
        go_on_button: Lets a queue go on that stands still; hidden otherwise.
        queue_button: Opens the queue.

    Signals:
        page_requested: The page of the job that was clicked in the queue.
    """

    page_requested = Signal(str)

    def __init__(self, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("JobBar")
        self._runner = runner
        self._controls = JobControls()
        self._note = label("", "muted")
        self.go_on_button = button(tr("Go on"), "play")
        self.go_on_button.setToolTip(tr("Start the jobs that wait"))
        self.go_on_button.clicked.connect(lambda: runner.set_held(False))
        self.queue_button = QToolButton()
        self.queue_button.setIcon(themed_icon("queue"))
        self.queue_button.setToolTip(tip_with_keys(tr("Show all jobs"), "window.job_queue"))
        self.queue_button.setAccessibleName(tr("Show all jobs"))
        self.queue_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.queue_button.clicked.connect(self.toggle_queue)
        self._panel: QueuePanel | None = None
        in_row(
            (self._controls, 1),
            self._note,
            self.go_on_button,
            self.queue_button,
            of=self,
            margins=(2 * SPACING, SPACING // 2, SPACING, SPACING // 2),
        )
        self._appear = QTimer(self, singleShot=True, interval=_APPEAR_MS)
        self._appear.timeout.connect(self._show_if_busy)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        # Its room stays free, so that no page jumps when a job begins or ends.
        policy = self.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.setSizePolicy(policy)
        self.hide()
        runner.jobs_changed.connect(self._update)
        Theme.of_application().changed.connect(self.updateGeometry)

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), self._tallest())

    def minimumSizeHint(self) -> QSize:
        return QSize(super().minimumSizeHint().width(), self._tallest())

    @property
    def controls(self) -> JobControls:
        """Title, progress, pause and stop."""
        return self._controls

    @property
    def panel(self) -> QueuePanel | None:
        """The queue, while it is open."""
        return self._panel if self._panel is not None and self._panel.isVisible() else None

    def toggle_pause(self) -> None:
        """Pause or resume the job shown."""
        if self._controls.job is not None and self._controls.pause_button.isEnabled():
            self._controls.pause_button.click()

    @Slot()
    def toggle_queue(self) -> None:
        """Show all jobs above the bar, or hide them again."""
        if self.panel is not None:
            self.panel.close()
        elif self._runner.is_busy:
            if self._panel is None:
                self._panel = QueuePanel(self._runner, self)
                self._panel.page_requested.connect(self.page_requested)
            self._panel.open()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.toggle_queue()

    def _tallest(self) -> int:
        """The height that no state exceeds, with the present text size.

        A layout tells that of the widgets shown, and while the bar is hidden that of before the text size was changed.
        """
        layout = self.layout()
        assert layout is not None
        margins = self.contentsMargins() + layout.contentsMargins()
        parts = [part for part in self.findChildren(QWidget) if part.layout() is None and not part.isWindow()]
        return margins.top() + margins.bottom() + max(part.sizeHint().height() for part in parts)

    @Slot()
    def _update(self) -> None:
        jobs = self._runner.jobs
        active = [job for job in jobs if job.state is not JobState.QUEUED]
        main = [job for job in active if job.request.lane is JobLane.MAIN]
        self._controls.set_job(next(iter(main or active or jobs), None))
        waiting = len(jobs) - 1
        self.queue_button.setText(f"+{waiting}" if waiting > 0 else "")
        stands_still = self._runner.is_held and not main
        self.go_on_button.setVisible(stands_still)
        self._note.setVisible(self._runner.is_held)
        self._note.setText(tr("the queue stands still") if stands_still else tr("stops after this one"))
        if not jobs:
            self._appear.stop()
            self.hide()
        elif not self.isVisible() and not self._appear.isActive():
            self._appear.start()

    def _show_if_busy(self) -> None:
        self.setVisible(self._runner.is_busy)
