"""A running label-budget experiment: each training with where it stands and what it has reached."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from app.jobs.runner import JobHandle
from app.look import phrases
from app.look.layouts import in_column
from app.look.text import label
from app.look.theme import SPACING
from app.look.translation import tr, translate_engine
from app.widgets.job_controls import JobControls
from engine.contracts.events import JobEvent, StepDone, TrainingMeasured, TrainingsPlanned


class BudgetProgressView(QWidget):
    """Lists the trainings of one experiment while it runs.

    Attributes:
        controls: Progress of the whole; pause and stop.
        table: The trainings in their order.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._titles: tuple[str, ...] = ()
        self._steps: dict[str, int] = {}
        self._measured: set[str] = set()
        self._now = label("", "strong", wraps=True)
        self.controls = JobControls(shows_title=False)
        self.table = QTableWidget(0, 3)
        self.table.setAccessibleName(tr("Trainings of the experiment"))
        self.table.setHorizontalHeaderLabels([tr("Training"), tr("State"), tr("PSNR gained")])
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        room = self.table.fontMetrics().horizontalAdvance(tr("could not be done"))
        self.table.horizontalHeader().setMinimumSectionSize(room + 4 * SPACING)
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        in_column(
            self._now,
            self.controls,
            (self.table, 1),
            label(
                tr(
                    "It may be stopped at any time: what is done is kept, and the experiment goes on from there when "
                    "it is opened again."
                ),
                "muted",
                wraps=True,
            ),
            of=self,
            margins=0,
            spacing=2 * SPACING,
        )

    def follow(self, job: JobHandle) -> None:
        """Show another experiment's job from its start."""
        self._titles, self._steps = (), {}
        self._measured.clear()
        self.table.setRowCount(0)
        self._now.setText(tr("Checking the photos …"))
        self.controls.set_job(job)
        job.events_received.connect(self._take_events)

    def _take_events(self, events: tuple[JobEvent, ...]) -> None:
        for event in events:
            if isinstance(event, TrainingsPlanned):
                self._show_plan(event)
            elif isinstance(event, TrainingMeasured):
                self._measured.add(event.title)
                if event.gain is None:
                    self._set_row(event.title, tr("could not be done"), "")
                else:
                    self._set_row(event.title, tr("measured"), phrases.signed_decibels(event.gain))
            elif isinstance(event, StepDone) and self._titles and event.num_steps == sum(self._steps.values()):
                self._show_step(event)

    def _show_plan(self, plan: TrainingsPlanned) -> None:
        self._titles = plan.titles
        self._steps = dict(zip(plan.titles, plan.steps, strict=True))
        self.table.setRowCount(len(plan.titles))
        for line, title in enumerate(plan.titles):
            self.table.setItem(line, 0, QTableWidgetItem(translate_engine(title)))
            self._set_row(title, tr("waiting"), "")

    def _show_step(self, progress: StepDone) -> None:
        """Find the training at work: one is done after the other, so the steps beyond those measured are its own."""
        title = next((title for title in self._titles if title not in self._measured), None)
        if title is None:
            self._now.setText(tr("Drawing the chart …"))
            return
        done = progress.step - sum(self._steps[name] for name in self._measured if name in self._steps)
        percent = min(max(100 * done // max(self._steps[title], 1), 0), 100)
        self._set_row(title, tr("{percent} %").format(percent=percent) if percent < 100 else tr("being measured"), "")
        self._now.setText(
            tr("{number} of {total}: {title}").format(
                number=phrases.number(len(self._measured) + 1),
                total=phrases.number(len(self._titles)),
                title=translate_engine(title),
            )
        )

    def _set_row(self, title: str, state: str, gain: str) -> None:
        if title not in self._titles:
            return
        line = self._titles.index(title)
        for column, text in ((1, state), (2, gain)):
            item = QTableWidgetItem(text)
            item.setTextAlignment(
                (Qt.AlignmentFlag.AlignRight if column == 2 else Qt.AlignmentFlag.AlignLeft)
                | Qt.AlignmentFlag.AlignVCenter
            )
            self.table.setItem(line, column, item)
