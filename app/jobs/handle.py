"""One job as the main thread sees it: what was asked for, where it stands, what it says."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from PySide6.QtCore import QObject, Signal

from engine.contracts.events import Emit, JobEvent, StepDone
from engine.contracts.job_control import JobControl

JobFunction = Callable[[Any, JobControl, Emit], Any]
"""job(config, control, emit) -> result, as in `engine.jobs`."""


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will come from the job."""
        return self in (JobState.FINISHED, JobState.CANCELLED, JobState.FAILED)


class JobLane(StrEnum):
    """Which queue a job waits in."""

    MAIN = "main"
    """What takes minutes."""
    SIDE = "side"
    """What a person waits for now."""
    BACKGROUND = "background"
    """What nobody waits for, and may take hours with many photos."""


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """A job to be run.

    Attributes:
        title: What it is called in the job bar: 'Pretraining "Holiday 2025"'.
        page_id: The page it belongs to; a click on the job bar leads there.
        function: A job of `engine.jobs`, or any function of the same form. It imports what is slow itself.
        config: Its settings.
        num_steps: Expected number of steps, shown until the job's own events say; 0: unknown.
        lane: The queue it waits in.
    """

    title: str
    page_id: str
    function: JobFunction
    config: Any
    num_steps: int = 0
    lane: JobLane = JobLane.MAIN


@dataclass(frozen=True, kw_only=True)
class JobFailure:
    """Why a job failed.

    Attributes:
        message: What happened, one sentence.
        hint: What to do about it, one sentence.
        traceback: Where it happened.
        is_expected: Whether a person can remove the cause; if not, it is a fault of the program.
    """

    message: str
    hint: str
    traceback: str
    is_expected: bool


@dataclass(frozen=True)
class JobStarted:
    """The job has left the queue."""


@dataclass(frozen=True)
class JobEnded:
    """The job's one ending.

    Attributes:
        state: Finished, cancelled or failed.
        result: What it returned.
        failure: Why it failed.
    """

    state: JobState
    result: Any = None
    failure: JobFailure | None = None


JobMessage = JobStarted | JobEnded | JobEvent
"""What the worker thread says about a job."""


def _do_nothing(_config: Any, _control: JobControl, _emit: Emit) -> None:
    """Stand for the function of a job that has ended."""


class JobHandle(QObject):
    """One submitted job, seen from the main thread.

    Exactly one of `finished`, `cancelled` and `failed` is emitted, after the last event. Whoever keeps the handle
    longer still reads where the job stands, but its signals are gone then, and all that is connected to them.

    Attributes:
        request: What was submitted; without its function and config once the job has ended.
        progress: The latest progress; None before the first.
        failure: Why it failed; None otherwise.
        control: What the job itself looks at; belongs to the worker.

    Signals (all on the main thread):
        started: The job left the queue.
        progressed: The latest `StepDone`.
        events_received: All events since the last time, a tuple in their order. Of progress reports in a row only the
            last is there; no other event is ever left out.
        state_changed: A `JobState`.
        finished: The job's result.
        cancelled: It ended because it was asked to.
        failed: A `JobFailure`.
    """

    started = Signal()
    progressed = Signal(object)
    events_received = Signal(tuple)
    state_changed = Signal(object)
    finished = Signal(object)
    cancelled = Signal()
    failed = Signal(object)

    def __init__(self, request: JobRequest, post: Callable[["JobHandle", JobMessage], None], parent: QObject) -> None:
        super().__init__(parent)
        self.request = request
        self._post = post
        self.progress: StepDone | None = None
        self.failure: JobFailure | None = None
        self.control = JobControl()
        self._state = JobState.QUEUED
        self._claim = threading.Lock()

    @property
    def state(self) -> JobState:
        """Where the job stands."""
        return self._state

    def pause(self) -> None:
        """Let the job wait at its next step; a job in the queue waits when its turn comes."""
        if self._state in (JobState.RUNNING, JobState.QUEUED):
            self.control.pause()
            if self._state is JobState.RUNNING:
                self._set_state(JobState.PAUSED)

    def resume(self) -> None:
        """Let a paused job go on."""
        self.control.resume()
        if self._state is JobState.PAUSED:
            self._set_state(JobState.RUNNING)

    def cancel(self) -> None:
        """Ask the job to end at its next step; what it saves on the way out is its own business.

        A job still in the queue ends without having begun.
        """
        if self._state.is_ended or self._state is JobState.STOPPING:
            return
        self.control.cancel()
        self._set_state(JobState.STOPPING)
        if self.claim():
            self._post(self, JobEnded(JobState.CANCELLED))

    def claim(self) -> bool:
        """Take the right to bring the job to its ending: the worker that runs it, or whoever cancels it before.

        Returns:
            Whether the right was still free; from any thread.
        """
        return self._claim.acquire(blocking=False)

    def take_started(self) -> None:
        """Note that the job has left the queue; main thread."""
        if self._state is JobState.QUEUED:
            self._set_state(JobState.PAUSED if self.control.is_paused else JobState.RUNNING)
        self.started.emit()

    def take_events(self, events: tuple[JobEvent, ...]) -> None:
        """Pass on what the job said; main thread."""
        latest = next((event for event in reversed(events) if isinstance(event, StepDone)), None)
        if latest is not None:
            self.progress = latest
            self.progressed.emit(latest)
        self.events_received.emit(events)

    def take_ended(self, ending: JobEnded) -> None:
        """Pass on how the job ended; main thread."""
        self.failure = ending.failure
        self._set_state(ending.state)
        if ending.state is JobState.FINISHED:
            self.finished.emit(ending.result)
        elif ending.state is JobState.CANCELLED:
            self.cancelled.emit()
        else:
            self.failed.emit(ending.failure)
        # Function and config may hold whole pictures, and who is connected a window: none of them shall last as long as
        # the runner. Deleted in this thread, since the worker may be the last to let go of the handle.
        self.request = replace(self.request, function=_do_nothing, config=None)
        self.deleteLater()

    def _set_state(self, state: JobState) -> None:
        if state is not self._state:
            self._state = state
            self.state_changed.emit(state)
