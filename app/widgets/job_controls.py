"""Title, progress, pause and stop of one job, for the bar, the queue and the training pages."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QProgressBar, QSizePolicy, QWidget

from app.jobs.runner import JobHandle, JobState
from app.look import phrases
from app.look.buttons import icon_button
from app.look.layouts import in_row
from app.look.text import ElidedLabel, label
from app.look.theme import SPACING, Theme, follow_theme, themed_icon
from app.look.translation import mark, tr, translate_engine
from engine.contracts.events import StepDone

_STATE_TEXTS = {
    JobState.QUEUED: mark("waiting"),
    JobState.PAUSED: mark("paused"),
    JobState.STOPPING: mark("stopping and saving …"),
}


_BAR_STEPS = 1000


def progress_text(job: JobHandle) -> str:
    """Return where a job stands: "step 1,240 / 2,000 · 3 min left"."""
    if job.state in _STATE_TEXTS:
        return tr(_STATE_TEXTS[job.state])
    progress = job.progress
    if progress is None:
        if not job.request.num_steps:
            return tr("starting …")
        return tr("starting · 0 / {steps}").format(steps=phrases.number(job.request.num_steps))
    is_optimising = "steps_per_second" in progress.metrics
    done = f"{phrases.number(progress.step)} / {phrases.number(progress.num_steps)}"
    what = tr("step {done}").format(done=done) if is_optimising else f"{translate_engine(progress.stage)} {done}"
    # Of steps of different size, as photos are, the number of those that are done says little.
    percent = percent_text(progress) if "fraction" in progress.metrics else ""
    parts = [what, percent, phrases.time_left(progress.seconds_left)]
    return " · ".join(part for part in parts if part)


def percent_text(progress: StepDone) -> str:
    """Return how much of a stage is done: "62 %", the same wherever it is said."""
    return f"{int(100 * progress.fraction)}{phrases.NO_BREAK}%"


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
        self._bar = QProgressBar(textVisible=False)
        self._bar.setMinimumWidth(80)
        self._bar.setAccessibleName(tr("Progress"))
        self._text = label("", "muted")
        self._text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.pause_button = icon_button("pause", tr("Pause"))
        self.stop_button = icon_button("stop", tr("Stop; what has been done is kept"))
        self.pause_button.clicked.connect(self._toggle_pause)
        self.stop_button.clicked.connect(self._stop)
        layout = in_row(of=self, margins=0, spacing=2 * SPACING)
        if shows_title:
            self._title.setMinimumWidth(Theme.of_application().px(160))
            layout.addWidget(self._title, 3)
        layout.addWidget(self._bar, 4)
        layout.addWidget(self._text)
        buttons = in_row(self.pause_button, self.stop_button, spacing=SPACING // 2)
        layout.addLayout(buttons)
        follow_theme(self._fit_text)

    @property
    def job(self) -> JobHandle | None:
        """The job shown."""
        return self._job

    def set_job(self, job: JobHandle | None) -> None:
        """Show another job."""
        if job is self._job:
            return
        if self._job is not None and not self._job.state.is_ended:
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
        widest = self._text.fontMetrics().horizontalAdvance(
            tr("step {done}").format(done="100,000 / 100,000") + " · 10 h 55 min"
        )
        self._text.setMinimumWidth(min(widest, Theme.of_application().px(260)))

    def _update(self) -> None:
        job = self._job
        if job is None:
            return
        self._text.setText(progress_text(job))
        if job.progress is None and job.state is JobState.RUNNING:
            self._bar.setRange(0, 0)
        else:
            self._bar.setRange(0, _BAR_STEPS)
            self._bar.setValue(0 if job.progress is None else int(_BAR_STEPS * job.progress.fraction))
        is_paused = job.state is JobState.PAUSED
        self.pause_button.setIcon(themed_icon("play" if is_paused else "pause"))
        self.pause_button.setToolTip(tr("Resume") if is_paused else tr("Pause"))
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
