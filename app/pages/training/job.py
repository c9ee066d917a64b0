"""One training from its submission to its end, as the pages see it."""

from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.jobs.runner import JobFailure, JobHandle, JobState
from app.look.phrases import NO_BREAK
from app.look.translation import tr
from engine.contracts.configs import FinetuneConfig, PretrainConfig
from engine.contracts.events import JobEvent, RunStarted, StepDone, VerdictReady
from engine.contracts.results import TrainingResult


class TrainingJob(QObject):
    """A submitted training, with what was known when it was submitted.

    Attributes:
        job: Its job.
        config: Its settings; None for a run that is resumed.
        num_photos: Photos that it learns from.
        estimated_seconds: How long it should take; 0: unknown.
        speed_key: What its speed depends on; "" where unknown.
        run: The run's folder, once it exists.
        last_step: Its latest optimisation step; None before the first.
        is_unjudged: Whether it was stopped while its model was still the one that it started from.
        result: What it returned; None unless it has finished.
        failure: Why it failed; None otherwise.

    Signals (all with this object):
        began: It has left the queue.
        progressed: It has done a step or part of its preparation, or was paused or resumed.
        run_started: Its run folder exists.
        ended: It has finished, was stopped, or has failed.
    """

    began = Signal(object)
    progressed = Signal(object)
    run_started = Signal(object)
    ended = Signal(object)

    def __init__(
        self,
        job: JobHandle,
        config: PretrainConfig | FinetuneConfig | None,
        *,
        num_photos: int,
        estimated_seconds: float = 0.0,
        speed_key: str = "",
        run: Path | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.job = job
        self.config = config
        self.num_photos = num_photos
        self.estimated_seconds = estimated_seconds
        self.speed_key = speed_key
        self.run = run
        self.last_step: StepDone | None = None
        self.is_unjudged = False
        self.result: TrainingResult | None = None
        self.failure: JobFailure | None = None
        job.started.connect(self._on_started)
        job.events_received.connect(self._on_events)
        job.progressed.connect(self._on_progressed)
        job.state_changed.connect(self._on_state_changed)
        job.finished.connect(self._on_finished)
        job.cancelled.connect(self._on_cancelled)
        job.failed.connect(self._on_failed)

    @property
    def is_waiting(self) -> bool:
        """Whether it has not left the queue."""
        return self.job.state is JobState.QUEUED

    @property
    def status(self) -> str:
        """Where it stands, in as few words as the rail has room for: "waiting", "● 62 %"."""
        if self.is_waiting:
            return tr("waiting")
        if self.last_step is None:
            return "● " + tr("starting")
        sign = tr("paused") if self.job.state is JobState.PAUSED else "●"
        return f"{sign} {100 * self.last_step.step // max(1, self.last_step.num_steps)}{NO_BREAK}%"

    def expected_seconds(self, num_steps: int) -> float:
        """Return how long a number of its steps should have taken, as it may end early; 0: unknown."""
        return self.estimated_seconds * num_steps / self.config.steps if self.config is not None else 0.0

    @Slot()
    def _on_started(self) -> None:
        self.began.emit(self)

    @Slot(tuple)
    def _on_events(self, events: tuple[JobEvent, ...]) -> None:
        for event in events:
            if isinstance(event, RunStarted):
                self.run = event.run
                self.run_started.emit(self)
            elif isinstance(event, VerdictReady):
                self.is_unjudged = event.state == "unjudged"

    @Slot(object)
    def _on_progressed(self, progress: StepDone) -> None:
        if "steps_per_second" in progress.metrics:
            self.last_step = progress
        self.progressed.emit(self)

    @Slot(object)
    def _on_state_changed(self, state: JobState) -> None:
        if not state.is_ended:
            self.progressed.emit(self)

    @Slot(object)
    def _on_finished(self, result: TrainingResult) -> None:
        self.result = result
        self.ended.emit(self)

    @Slot()
    def _on_cancelled(self) -> None:
        self.ended.emit(self)

    @Slot(object)
    def _on_failed(self, failure: JobFailure) -> None:
        self.failure = failure
        self.ended.emit(self)
