"""How far the experiment is: one line of progress over all its trainings."""

import time
from collections.abc import Iterable

from engine.contracts.events import (
    Emit,
    FileSkipped,
    JobEvent,
    JobWarning,
    RunStarted,
    StepDone,
    TrainingMeasured,
    TrainingsPlanned,
)
from engine.contracts.job_control import JobControl
from engine.contracts.results import PairScore
from engine.label_budget.plan import Cell
from engine.label_budget.scores import Score
from engine.translatable import say

REPORT_INTERVAL_S = 0.2

_TRAINING_STAGES = frozenset({"Pretraining", "Fine-tuning"})


class ExperimentProgress:
    """Adds the steps of all trainings up, and passes on what a person should know."""

    def __init__(self, cells: Iterable[Cell], control: JobControl, emit: Emit) -> None:
        """Start the clock.

        Args:
            cells: All of the experiment.
            control: Its pauses are no working time.
            emit: Receives `TrainingsPlanned` at once, then `StepDone`, `TrainingMeasured`, `JobWarning` and
                `FileSkipped`.
        """
        self._cells = list(cells)
        self._control = control
        self._emit = emit
        self._steps = dict.fromkeys((cell.name for cell in self._cells), 0)
        self._first_steps: dict[str, int] = {}
        self._num_done = 0
        self._said: set[str] = set()
        self._started = time.monotonic()
        self._paused_before = control.paused_seconds
        self._last_report = 0.0
        emit(TrainingsPlanned(titles=tuple(cell.title for cell in self._cells), steps=tuple(self._steps_of_all())))

    @property
    def seconds(self) -> float:
        """Time so far, without pauses."""
        return time.monotonic() - self._started - (self._control.paused_seconds - self._paused_before)

    def event(self, cell: Cell, event: JobEvent) -> None:
        """Take note of an event of a cell's training; the same warning is passed on once."""
        if isinstance(event, RunStarted):
            self._first_steps[cell.name] = event.first_step
        elif isinstance(event, StepDone):
            if event.stage in _TRAINING_STAGES:
                self._steps[cell.name] = event.step
            self._report()
        elif isinstance(event, JobWarning | FileSkipped):
            text = (
                event.message
                if isinstance(event, JobWarning)
                else say("{file}: {problem}", file=event.path, problem=event.reason)
            )
            if text not in self._said:
                self._said.add(text)
                self._emit(event)

    def finished(self, cell: Cell, score: Score) -> None:
        """Take note of a cell that is measured."""
        self._steps[cell.name] = cell.steps
        # One that was kept from before has taken no time now.
        self._first_steps.setdefault(cell.name, cell.steps)
        self._num_done += 1
        self._emit(
            TrainingMeasured(
                title=cell.title,
                gain=mean_gain(score.photos.values()),
                num_done=self._num_done,
                num_trainings=len(self._cells),
            )
        )
        self._report(always=self._num_done == len(self._cells))

    def failed(self, cell: Cell, reason: str) -> None:
        """Take note of a cell that cannot be done."""
        self._steps[cell.name] = cell.steps
        self._first_steps[cell.name] = cell.steps
        self._num_done += 1
        self._emit(
            TrainingMeasured(title=cell.title, gain=None, num_done=self._num_done, num_trainings=len(self._cells))
        )
        self._emit(
            JobWarning(
                message=say("{title} could not be done: {reason}", title=cell.title, reason=reason),
                hint="The others go on.",
            )
        )

    def _steps_of_all(self) -> Iterable[int]:
        return (cell.steps for cell in self._cells)

    def _report(self, always: bool = False) -> None:
        now = time.monotonic()
        if not always and now - self._last_report < REPORT_INTERVAL_S:
            return
        self._last_report = now
        done = sum(self._steps.values())
        total = sum(self._steps_of_all())
        done_now = done - sum(self._first_steps.values())
        self._emit(
            StepDone(
                stage=say(
                    "Training {number} of {num_trainings}",
                    number=min(self._num_done + 1, len(self._cells)),
                    num_trainings=len(self._cells),
                ),
                step=done,
                num_steps=total,
                seconds_left=self.seconds / done_now * (total - done) if done_now > 0 else None,
                metrics={"fraction": done / total if total else 1.0},
            )
        )


def mean_gain(scores: Iterable[PairScore]) -> float:
    """Mean PSNR above the untouched photos, dB."""
    gains = [score.psnr - score.noisy_psnr for score in scores]
    return sum(gains) / len(gains)
