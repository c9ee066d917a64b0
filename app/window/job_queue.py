"""The queue of jobs: what runs, what waits, and in which order it will start."""

from collections.abc import Iterator

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPoint, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QCheckBox, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.jobs.runner import JobHandle, JobLane, JobRunner, JobState
from app.look.buttons import icon_button, set_reason
from app.look.layouts import in_column, in_row
from app.look.text import ElidedLabel, IconLabel, label
from app.look.theme import SPACING, Theme, set_role
from app.look.translation import format_number, tr
from app.widgets.job_controls import JobControls

_WIDTH_PX = 560


class QueuePanel(QFrame):
    """All jobs that have not ended, above the bar that opened it; Escape or a click elsewhere closes it.

    No popup: Qt's popups end a drag.

    Attributes:
        stop_after: Whether the queue stands still after the job that runs.

    Signals:
        page_requested: The page of the job whose arrow was clicked.
    """

    page_requested = Signal(str)

    def __init__(self, runner: JobRunner, bar: QWidget) -> None:
        """Build the panel, hidden.

        Args:
            runner: Whose jobs are shown.
            bar: The bar that it stands above.
        """
        super().__init__(bar.window())
        set_role(self, "card")
        self.setAccessibleName(tr("Jobs"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._runner = runner
        self._bar = bar
        self._is_open = False
        self._running: dict[JobHandle, QWidget] = {}
        self._waiting: dict[JobHandle, WaitingRow] = {}
        close = icon_button("x", tr("Close"))
        close.clicked.connect(self.close)
        top = in_row((label(tr("Jobs"), "section"), 1), close, spacing=None)
        self._running_rows, self._waiting_rows = QVBoxLayout(), QVBoxLayout()
        self._running_rows.setSpacing(SPACING)
        self._waiting_rows.setSpacing(SPACING // 2)
        self._caption = label(tr("Waiting: drag to reorder, or Alt+Up and Alt+Down; Del removes"), "caption")
        self.stop_after = QCheckBox(tr("Stop after this one"))
        self.stop_after.setToolTip(tr("The jobs that wait stay in the queue until you let it go on."))
        self.stop_after.clicked.connect(runner.set_held)
        in_column(
            top,
            self._running_rows,
            self._caption,
            self._waiting_rows,
            self.stop_after,
            of=self,
            margins=(2 * SPACING, SPACING, SPACING, SPACING),
        )
        self.hide()
        runner.jobs_changed.connect(self._update)
        Theme.of_application().changed.connect(self._place)

    @property
    def waiting_rows(self) -> tuple["WaitingRow", ...]:
        """The rows of the jobs that wait, the next one first."""
        return tuple(self._waiting[job] for job in self._runner.waiting if job in self._waiting)

    def open(self) -> None:
        """Show the panel and let keys go to it."""
        self._is_open = True
        self._update()
        self.show()
        self.raise_()
        (self.waiting_rows[0] if self.waiting_rows else self).setFocus()
        _application().installEventFilter(self)

    def hideEvent(self, event: object) -> None:
        self._is_open = False
        _application().removeEventFilter(self)
        super().hideEvent(event)  # type: ignore[arg-type]

    def mousePressEvent(self, event: QMouseEvent) -> None:
        # Left alone, a click on a free place would go on to the window behind and count as one outside.
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.MouseButtonPress and isinstance(watched, QWidget):
            is_inside = any(part in (self, self._bar) for part in _lineage(watched))
            if not is_inside:
                self.close()
        elif event.type() == QEvent.Type.Resize and watched is self.window():
            self._place()
        return False

    @Slot()
    def _update(self) -> None:
        if not self._is_open:
            return
        jobs, waiting = self._runner.jobs, self._runner.waiting
        for rows in (self._running, self._waiting):
            for job in [job for job in rows if job not in jobs or (job in waiting) != (rows is self._waiting)]:
                rows.pop(job).deleteLater()
        for job in jobs:
            if job not in waiting and job not in self._running:
                self._running[job] = self._make_running_row(job)
                self._running_rows.addWidget(self._running[job])
        for position, job in enumerate(waiting):
            if job not in self._waiting:
                self._waiting[job] = WaitingRow(self._runner, job)
                self._waiting[job].page_requested.connect(self._go_to)
            row = self._waiting[job]
            if self._waiting_rows.indexOf(row) != position:
                self._waiting_rows.insertWidget(position, row)
                # Now, not with the next event: what is hidden cannot take the focus.
                row.show()
            row.set_position(position, len(waiting))
        self._caption.setVisible(bool(waiting))
        is_main_busy = any(job.request.lane is JobLane.MAIN and job.state is not JobState.QUEUED for job in jobs)
        self.stop_after.setText(tr("Stop after this one") if is_main_busy else tr("The queue stands still"))
        self.stop_after.setChecked(self._runner.is_held)
        set_reason(
            self.stop_after, "" if is_main_busy or self._runner.is_held else tr("No job runs that others wait for.")
        )
        if not jobs:
            self.close()
        else:
            self._place()

    @Slot()
    def _place(self) -> None:
        """Stand at the right edge, just above the bar."""
        if not self._is_open:
            return
        # A layout that has lost or got rows is measured anew only when it is next activated.
        layout = self.layout()
        if layout is not None:
            layout.activate()
        window = self.window()
        width = min(Theme.of_application().px(_WIDTH_PX), window.width() - 2 * SPACING)
        top_of_bar = self._bar.mapTo(window, QPoint(0, 0)).y()
        height = min(self.sizeHint().height(), top_of_bar - SPACING)
        self.setGeometry(window.width() - width - SPACING, top_of_bar - height - SPACING // 2, width, height)

    def _make_running_row(self, job: JobHandle) -> QWidget:
        row = QWidget()
        rows = in_column(ElidedLabel(job.request.title, role="strong"), of=row, margins=0, spacing=SPACING // 2)
        layout = QHBoxLayout()
        rows.addLayout(layout)
        controls = JobControls(shows_title=False)
        controls.set_job(job)
        go_to = icon_button("arrow-right", tr("Go to its page"))
        go_to.clicked.connect(lambda: self._go_to(job.request.page_id))
        layout.addWidget(controls, 1)
        layout.addWidget(go_to)
        return row

    @Slot(str)
    def _go_to(self, page_id: str) -> None:
        self.page_requested.emit(page_id)
        self.close()


class WaitingRow(QFrame):
    """One job that waits: it can be moved by button, by dragging and by key, and removed.

    Attributes:
        earlier_button: Moves it up.
        later_button: Moves it down.
        remove_button: Takes it out of the queue.

    Signals:
        page_requested: The page of the job.
    """

    page_requested = Signal(str)

    def __init__(self, runner: JobRunner, job: JobHandle, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "row")
        self.job = job
        self._runner = runner
        self._position = 0
        self._num_waiting = 1
        self._is_dragged = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self._number = label("", "muted")
        self._number.setMinimumWidth(Theme.of_application().px(20))
        self._title = ElidedLabel(job.request.title)
        self._title.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.earlier_button = icon_button("arrow-up", tr("Earlier (Alt+Up)"))
        self.later_button = icon_button("arrow-down", tr("Later (Alt+Down)"))
        self.remove_button = icon_button("x", tr("Remove from the queue (Del)"))
        go_to = icon_button("arrow-right", tr("Go to its page"))
        self.earlier_button.clicked.connect(lambda: self._move(-1))
        self.later_button.clicked.connect(lambda: self._move(1))
        self.remove_button.clicked.connect(job.cancel)
        go_to.clicked.connect(lambda: self.page_requested.emit(job.request.page_id))
        layout = in_row(
            IconLabel("dots-six-vertical", "text_muted", size_px=16),
            self._number,
            (self._title, 1),
            of=self,
            margins=(SPACING // 2, 0, 0, 0),
            spacing=SPACING // 2,
        )
        for control in (self.earlier_button, self.later_button, self.remove_button, go_to):
            control.setCursor(Qt.CursorShape.PointingHandCursor)
            layout.addWidget(control)

    def set_position(self, position: int, num_waiting: int) -> None:
        """Show its place among those that wait.

        Args:
            position: 0: it starts next.
            num_waiting: How many wait.
        """
        self._position, self._num_waiting = position, num_waiting
        self._number.setText(str(position + 1))
        self.setAccessibleName(
            tr("{title}, number {number} of {count} that wait").format(
                title=self.job.request.title, number=position + 1, count=format_number(num_waiting)
            )
        )
        self.earlier_button.setEnabled(position > 0)
        self.later_button.setEnabled(position + 1 < num_waiting)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        has_alt = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        match event.key():
            case Qt.Key.Key_Up if has_alt:
                self._move(-1)
            case Qt.Key.Key_Down if has_alt:
                self._move(1)
            case Qt.Key.Key_Up:
                self.focusPreviousChild()
            case Qt.Key.Key_Down:
                self.focusNextChild()
            case Qt.Key.Key_Delete:
                self.job.cancel()
            case _:
                super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._is_dragged = event.button() == Qt.MouseButton.LeftButton
        self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Change places with a neighbour as soon as the pointer has crossed into it."""
        if not self._is_dragged:
            return
        y = event.position().y()
        if y < 0 and self._position > 0:
            self._move(-1)
        elif y > self.height() and self._position + 1 < self._num_waiting:
            self._move(1)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._is_dragged = False
        self.setCursor(Qt.CursorShape.OpenHandCursor)

    def _move(self, by: int) -> None:
        self._runner.move(self.job, min(max(self._position + by, 0), self._num_waiting - 1))


def _application() -> QCoreApplication:
    application = QApplication.instance()
    assert application is not None
    return application


def _lineage(widget: QWidget) -> Iterator[QWidget]:
    """Yield a widget, its parent, and so on."""
    current: QWidget | None = widget
    while current is not None:
        yield current
        current = current.parentWidget()
