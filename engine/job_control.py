"""The token through which a running job is paused, resumed and cancelled.

The job calls `JobControl.wait_if_paused` once per step, tile or file: that one call waits while the job is
paused and raises `JobCancelled` once it is cancelled, so a job needs no other check.
"""

import threading
import time


class JobCancelled(Exception):  # noqa: N818 - an outcome, not an error
    """Raised inside a job when it has been asked to end."""


class JobControl:
    """Pause, resume and cancel, from any thread.

    Attributes:
        paused_seconds: How long the job has waited in pause so far, for honest speed and time-left figures.
    """

    def __init__(self) -> None:
        self._may_run = threading.Event()
        self._may_run.set()
        self._cancelled = threading.Event()
        self.paused_seconds = 0.0

    @property
    def is_paused(self) -> bool:
        """Whether a pause has been asked for."""
        return not self._may_run.is_set()

    @property
    def is_cancelled(self) -> bool:
        """Whether the job has been asked to end."""
        return self._cancelled.is_set()

    def pause(self) -> None:
        """Ask the job to wait at its next step."""
        if not self.is_cancelled:
            self._may_run.clear()

    def resume(self) -> None:
        """Let a paused job go on."""
        self._may_run.set()

    def cancel(self) -> None:
        """Ask the job to end at its next step, also out of a pause."""
        self._cancelled.set()
        self._may_run.set()

    def wait_if_paused(self) -> None:
        """Return at once while running; wait while paused.

        Raises:
            JobCancelled: The job has been asked to end.
        """
        if not self._may_run.is_set():
            started = time.monotonic()
            self._may_run.wait()
            self.paused_seconds += time.monotonic() - started
        if self._cancelled.is_set():
            raise JobCancelled
