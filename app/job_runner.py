"""The only way from the window to the engine's jobs: background threads, a queue, events back on the main thread.

Two lanes, one job at a time in each. The main lane is for what takes minutes (training, restoring a batch); the side
lane for what a person waits for now (scanning a folder, matching labels, a preview) and must not queue behind an
hour of training.
"""

import itertools
import logging
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from engine.errors import EngineError
from engine.events import Emit, JobEvent, StepDone
from engine.job_control import JobCancelled, JobControl

logger = logging.getLogger(__name__)

JobFunction = Callable[[Any, JobControl, Emit], Any]
"""job(config, control, emit) -> result, as in `engine.jobs`."""

DELIVERY_INTERVAL_MS = 50
LOW_PRIORITY = 10


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
    SIDE = "side"


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """A job to be run.

    Attributes:
        title: What it is called in the job bar: 'Pretraining "Holiday 2025"'.
        page_id: The page it belongs to; a click on the job bar leads there.
        function: A job of `engine.jobs`, or any function of the same form. It imports what is slow itself.
        config: Its settings.
        num_steps: Expected number of steps, until the job's own events say; 0: unknown.
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


class JobHandle(QObject):
    """One submitted job, seen from the main thread.

    Exactly one of `finished`, `cancelled` and `failed` is emitted, after the last event.

    Attributes:
        request: What was submitted.
        progress: The latest progress; None before the first.
        failure: Why it failed; None otherwise.

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

    def __init__(self, request: JobRequest, mailbox: "_Mailbox", parent: QObject) -> None:
        super().__init__(parent)
        self.request = request
        self._mailbox = mailbox
        self.progress: StepDone | None = None
        self.failure: JobFailure | None = None
        self._control = JobControl()
        self._state = JobState.QUEUED
        self._claim = threading.Lock()

    @property
    def state(self) -> JobState:
        """Where the job stands."""
        return self._state

    def pause(self) -> None:
        """Let the job wait at its next step; a job in the queue waits when its turn comes."""
        if self._state in (JobState.RUNNING, JobState.QUEUED):
            self._control.pause()
            if self._state is JobState.RUNNING:
                self._set_state(JobState.PAUSED)

    def resume(self) -> None:
        """Let a paused job go on."""
        self._control.resume()
        if self._state is JobState.PAUSED:
            self._set_state(JobState.RUNNING)

    def cancel(self) -> None:
        """Ask the job to end at its next step; what it saves on the way out is its own business.

        A job still in the queue ends without having begun.
        """
        if self._state.is_ended or self._state is JobState.STOPPING:
            return
        self._control.cancel()
        self._set_state(JobState.STOPPING)
        if self.claim():
            self._mailbox.post(self, _Ended(JobState.CANCELLED))

    def claim(self) -> bool:
        """Take the right to bring the job to its ending: the worker that runs it, or whoever cancels it before.

        Returns:
            Whether the right was still free; from any thread.
        """
        return self._claim.acquire(blocking=False)

    def _set_state(self, state: JobState) -> None:
        if state is not self._state:
            self._state = state
            self.state_changed.emit(state)

    def _receive(self, message: "_Started | _Ended | JobEvent") -> None:
        """Take a single delivery other than an event batch."""
        if isinstance(message, _Started):
            if self._state is JobState.QUEUED:
                self._set_state(JobState.PAUSED if self._control.is_paused else JobState.RUNNING)
            self.started.emit()
        elif isinstance(message, _Ended):
            self.failure = message.failure
            self._set_state(message.state)
            if message.state is JobState.FINISHED:
                self.finished.emit(message.result)
            elif message.state is JobState.CANCELLED:
                self.cancelled.emit()
            else:
                self.failed.emit(message.failure)

    def _receive_events(self, events: tuple[JobEvent, ...]) -> None:
        latest = next((event for event in reversed(events) if isinstance(event, StepDone)), None)
        if latest is not None:
            self.progress = latest
            self.progressed.emit(latest)
        self.events_received.emit(events)


@dataclass(frozen=True)
class _Started:
    pass


@dataclass(frozen=True)
class _Ended:
    state: JobState
    result: Any = None
    failure: JobFailure | None = None


class _Mailbox(QObject):
    """Carries what the worker threads say to the main thread, with one queued wake at a time, at most 20 a second."""

    _woken = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._pending: list[tuple[JobHandle, _Started | _Ended | JobEvent]] = []
        self._is_wake_posted = False
        self._last_delivery = 0.0
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.deliver)
        self._woken.connect(self._on_woken, Qt.ConnectionType.QueuedConnection)

    def post(self, handle: JobHandle, message: "_Started | _Ended | JobEvent") -> None:
        """Leave a message; from any thread."""
        with self._lock:
            if isinstance(message, StepDone) and self._pending:
                last_handle, last = self._pending[-1]
                if last_handle is handle and isinstance(last, StepDone) and last.stage == message.stage:
                    self._pending.pop()
            self._pending.append((handle, message))
            if self._is_wake_posted:
                return
            self._is_wake_posted = True
        self._woken.emit()

    @Slot()
    def _on_woken(self) -> None:
        elapsed_ms = (time.monotonic() - self._last_delivery) * 1000
        if elapsed_ms >= DELIVERY_INTERVAL_MS:
            self.deliver()
        else:
            self._later.start(round(DELIVERY_INTERVAL_MS - elapsed_ms))

    @Slot()
    def deliver(self) -> None:
        """Hand over everything that is pending, in order."""
        self._last_delivery = time.monotonic()
        with self._lock:
            pending, self._pending = self._pending, []
            self._is_wake_posted = False
        for (handle, is_event), group in itertools.groupby(
            pending, key=lambda entry: (entry[0], not isinstance(entry[1], _Started | _Ended))
        ):
            messages = [message for _, message in group]
            if is_event:
                handle._receive_events(tuple(messages))
            else:
                for message in messages:
                    handle._receive(message)


class _Lane:
    """One worker thread that takes jobs from its queue."""

    def __init__(self, name: str, mailbox: _Mailbox) -> None:
        self._mailbox = mailbox
        self._queue: queue.SimpleQueue[JobHandle | None] = queue.SimpleQueue()
        self._name = name
        self._thread: threading.Thread | None = None

    def put(self, handle: JobHandle) -> None:
        if self._thread is None:
            # A daemon, so that a job that hangs in a driver cannot keep the process alive after the window has gone.
            self._thread = threading.Thread(target=self._work, name=f"jobs-{self._name}", daemon=True)
            self._thread.start()
        self._queue.put(handle)

    def shut_down(self, timeout_s: float) -> bool:
        """End the thread after its present job; return whether it has ended in time."""
        if self._thread is None:
            return True
        self._queue.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        lower_priority_of_this_thread()
        while (handle := self._queue.get()) is not None:
            if handle.claim():
                self._mailbox.post(handle, _Started())
                self._mailbox.post(handle, self._run(handle))
            # Nothing may keep a finished job's tensors alive while this thread waits for the next.
            del handle

    def _run(self, handle: JobHandle) -> _Ended:
        request, control = handle.request, handle._control

        def emit(event: JobEvent) -> None:
            self._mailbox.post(handle, event)

        try:
            control.wait_if_paused()
            return _Ended(JobState.FINISHED, result=request.function(request.config, control, emit))
        except JobCancelled:
            return _Ended(JobState.CANCELLED)
        except EngineError as error:
            logger.warning("%s failed: %s", request.title, error)
            failure = JobFailure(
                message=error.message, hint=error.hint, traceback=traceback.format_exc(), is_expected=True
            )
            return _Ended(JobState.FAILED, failure=failure)
        except BaseException as error:
            logger.exception("%s failed unexpectedly", request.title)
            failure = JobFailure(
                message=f"{request.title} ended by a fault of the program: {type(error).__name__}: {error}",
                hint="Copy the details and report them. Everything saved so far is still there.",
                traceback=traceback.format_exc(),
                is_expected=False,
            )
            return _Ended(JobState.FAILED, failure=failure)


class JobRunner(QObject):
    """Runs jobs in the background; belongs to the main thread.

    Signals:
        job_submitted: A `JobHandle` has entered the queue.
        jobs_changed: A job was submitted, started, paused, resumed, stopped or ended.
    """

    job_submitted = Signal(object)
    jobs_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._mailbox = _Mailbox(self)
        self._lanes = {lane: _Lane(lane.value, self._mailbox) for lane in JobLane}
        self._jobs: list[JobHandle] = []

    @property
    def jobs(self) -> tuple[JobHandle, ...]:
        """All jobs that have not ended, in the order they were submitted."""
        return tuple(self._jobs)

    @property
    def is_busy(self) -> bool:
        """Whether any job has not ended."""
        return bool(self._jobs)

    def submit(self, request: JobRequest) -> JobHandle:
        """Put a job in its queue.

        Returns:
            Its handle. Connect to its signals before the event loop runs again: nothing arrives earlier.
        """
        handle = JobHandle(request, self._mailbox, self)
        self._jobs.append(handle)
        handle.state_changed.connect(self._on_state_changed)
        self._lanes[request.lane].put(handle)
        self.job_submitted.emit(handle)
        self.jobs_changed.emit()
        return handle

    def jobs_of(self, page_id: str) -> tuple[JobHandle, ...]:
        """Return the jobs of one page that have not ended."""
        return tuple(job for job in self._jobs if job.request.page_id == page_id)

    def cancel_all(self) -> None:
        """Ask every job to end; the last submitted first, so that none starts in between."""
        for job in reversed(self._jobs):
            job.cancel()

    def shut_down(self, timeout_s: float = 5.0) -> bool:
        """Cancel what still runs and end the threads.

        Args:
            timeout_s: How long to wait for each thread.

        Returns:
            Whether all have ended; one that has not is left behind, never killed.
        """
        self.cancel_all()
        ended = [lane.shut_down(timeout_s) for lane in self._lanes.values()]
        self._mailbox.deliver()
        return all(ended)

    @Slot(object)
    def _on_state_changed(self, state: JobState) -> None:
        job = self.sender()
        if state.is_ended and isinstance(job, JobHandle) and job in self._jobs:
            self._jobs.remove(job)
        self.jobs_changed.emit()


def lower_priority_of_this_thread() -> None:
    """Let the window go first. Only Linux lets one thread step back; elsewhere nothing is done.

    To be called before the thread's first computation with torch: the threads that torch starts inherit it.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOW_PRIORITY)
