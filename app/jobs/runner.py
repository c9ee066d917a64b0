"""The only way from the window to the engine's jobs: background threads, a queue, events back on the main thread.

Two lanes, one job at a time in each. The main lane is for what takes minutes (training, restoring a batch); the side
lane for what a person waits for now (scanning a folder, matching labels, a preview) and must not queue behind an
hour of training.
"""

import logging
import os
import sys
import threading
import time
import traceback

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from app.jobs.handle import (
    JobEnded,
    JobFailure,
    JobFunction,
    JobHandle,
    JobLane,
    JobMessage,
    JobRequest,
    JobStarted,
    JobState,
)
from engine.contracts.errors import EngineError
from engine.contracts.events import JobEvent, StepDone
from engine.contracts.job_control import JobCancelled
from engine.machine.system_memory import return_freed_memory

__all__ = [
    "JobFailure",
    "JobFunction",
    "JobHandle",
    "JobLane",
    "JobRequest",
    "JobRunner",
    "JobState",
    "lower_priority_of_this_thread",
]

logger = logging.getLogger(__name__)

DELIVERY_INTERVAL_MS = 50
LOW_PRIORITY = 10


class _Mailbox(QObject):
    """Carries what the worker threads say to the main thread, with one queued wake at a time, at most 20 a second."""

    _woken = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._pending: list[tuple[JobHandle, JobMessage]] = []
        self._is_wake_posted = False
        self._last_delivery = 0.0
        self._later = QTimer(self, singleShot=True)
        self._later.timeout.connect(self.deliver)
        self._woken.connect(self._on_woken, Qt.ConnectionType.QueuedConnection)

    def post(self, handle: JobHandle, message: JobMessage) -> None:
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
        events: list[JobEvent] = []
        for position, (handle, message) in enumerate(pending):
            if not isinstance(message, JobStarted | JobEnded):
                events.append(message)
                following = pending[position + 1] if position + 1 < len(pending) else None
                if following is not None and following[0] is handle and _is_event(following[1]):
                    continue
                handle.take_events(tuple(events))
                events = []
            elif isinstance(message, JobStarted):
                handle.take_started()
            else:
                handle.take_ended(message)


def _is_event(message: JobMessage) -> bool:
    return not isinstance(message, JobStarted | JobEnded)


class _Lane:
    """One worker thread and the jobs that wait for it, in an order that may change."""

    def __init__(self, name: str, mailbox: _Mailbox) -> None:
        self._mailbox = mailbox
        self._name = name
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()
        self._waiting: list[JobHandle] = []
        self._is_held = False
        self._is_ending = False

    @property
    def waiting(self) -> list[JobHandle]:
        """The jobs that the thread has not taken yet, the next one first."""
        with self._changed:
            return list(self._waiting)

    @property
    def is_held(self) -> bool:
        """Whether no further job is taken."""
        return self._is_held

    def put(self, handle: JobHandle) -> None:
        if self._thread is None:
            # A daemon, so that a job that hangs in a driver cannot keep the process alive after the window has gone.
            self._thread = threading.Thread(target=self._work, name=f"jobs-{self._name}", daemon=True)
            self._thread.start()
        with self._changed:
            self._waiting.append(handle)
            self._changed.notify()

    def move(self, handle: JobHandle, position: int) -> bool:
        """Put a waiting job at another place; return whether it still waited."""
        with self._changed:
            if handle not in self._waiting:
                return False
            self._waiting.remove(handle)
            self._waiting.insert(max(position, 0), handle)
            return True

    def remove(self, handle: JobHandle) -> None:
        """Forget a waiting job."""
        with self._changed:
            if handle in self._waiting:
                self._waiting.remove(handle)

    def set_held(self, held: bool) -> None:
        """Take no further job, or go on."""
        with self._changed:
            self._is_held = held
            self._changed.notify()

    def shut_down(self, timeout_s: float) -> bool:
        """End the thread after its present job; return whether it has ended in time."""
        if self._thread is None:
            return True
        with self._changed:
            self._is_ending = True
            self._changed.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _take(self) -> JobHandle | None:
        """Wait for the next job; None when the thread shall end."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_ending or bool(self._waiting and not self._is_held))
            return None if self._is_ending else self._waiting.pop(0)

    def _work(self) -> None:
        lower_priority_of_this_thread()
        while (handle := self._take()) is not None:
            if handle.claim():
                self._mailbox.post(handle, JobStarted())
                self._mailbox.post(handle, self._run(handle))
            # Nothing may keep a finished job's tensors alive while this thread waits for the next.
            del handle
            if self._name == JobLane.MAIN:
                return_freed_memory()

    def _run(self, handle: JobHandle) -> JobEnded:
        request, control = handle.request, handle.control

        def emit(event: JobEvent) -> None:
            self._mailbox.post(handle, event)

        try:
            control.wait_if_paused()
            return JobEnded(JobState.FINISHED, result=request.function(request.config, control, emit))
        except JobCancelled:
            return JobEnded(JobState.CANCELLED)
        except EngineError as error:
            logger.warning("%s failed: %s", request.title, error)
            failure = JobFailure(
                message=error.message, hint=error.hint, traceback=traceback.format_exc(), is_expected=True
            )
            return JobEnded(JobState.FAILED, failure=failure)
        except BaseException as error:
            logger.exception("%s failed unexpectedly", request.title)
            failure = JobFailure(
                message=f"{request.title} ended by a fault of the program: {type(error).__name__}: {error}",
                hint="Copy the details and report them. Everything saved so far is still there.",
                traceback=traceback.format_exc(),
                is_expected=False,
            )
            return JobEnded(JobState.FAILED, failure=failure)


class JobRunner(QObject):
    """Runs jobs in the background; belongs to the main thread.

    Signals:
        job_submitted: A `JobHandle` has entered the queue.
        jobs_changed: A job was submitted, moved, started, paused, resumed, stopped or ended; the queue was held or
            released.
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
        """All jobs that have not ended: those that run, then those that wait in the order in which they will start."""
        return tuple(self._jobs)

    @property
    def is_busy(self) -> bool:
        """Whether any job has not ended."""
        return bool(self._jobs)

    @property
    def waiting(self) -> tuple[JobHandle, ...]:
        """The jobs of the main lane that have not begun, the next one first."""
        left = self._lanes[JobLane.MAIN].waiting
        return tuple(job for job in left if job.state is JobState.QUEUED)

    @property
    def is_held(self) -> bool:
        """Whether no waiting job of the main lane will start; ends by itself when none is left."""
        return self._lanes[JobLane.MAIN].is_held

    def submit(self, request: JobRequest) -> JobHandle:
        """Put a job in its queue.

        Returns:
            Its handle. Connect to its signals before the event loop runs again: nothing arrives earlier.
        """
        handle = JobHandle(request, self._mailbox.post, self)
        self._jobs.append(handle)
        handle.state_changed.connect(self._on_state_changed)
        self._lanes[request.lane].put(handle)
        self.job_submitted.emit(handle)
        self.jobs_changed.emit()
        return handle

    def move(self, job: JobHandle, position: int) -> None:
        """Let a waiting job start earlier or later; one that has begun meanwhile stays where it is.

        Args:
            job: A job of the main lane.
            position: Its new place among those that wait; 0: the next to start.
        """
        lane = self._lanes[job.request.lane]
        if lane.move(job, position):
            waiting = lane.waiting
            self._jobs = [*(other for other in self._jobs if other not in waiting), *waiting]
            self.jobs_changed.emit()

    def set_held(self, held: bool) -> None:
        """Let the queue of the main lane stand still after the job that runs, or go on."""
        if held != self.is_held:
            self._lanes[JobLane.MAIN].set_held(held)
            self.jobs_changed.emit()

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
            self._lanes[job.request.lane].remove(job)
            if not any(other.request.lane is JobLane.MAIN for other in self._jobs):
                # What is started next was not meant by it.
                self._lanes[JobLane.MAIN].set_held(False)
        self.jobs_changed.emit()


def lower_priority_of_this_thread() -> None:
    """Let the window go first. Only Linux lets one thread step back; elsewhere nothing is done.

    To be called before the thread's first computation with torch: the threads that torch starts inherit it.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOW_PRIORITY)
