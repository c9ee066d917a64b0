"""The token through which a running job is paused, resumed and cancelled.

The job calls `JobControl.wait_if_paused` once per step, tile or file: that one call waits while the job is
paused and raises `JobCancelled` once it is cancelled, so a job needs no other check.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

_ANSWER_INTERVAL_S = 0.2
"""How long a question to a paused job may wait for its answer."""


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
        self._asked = threading.Event()
        self._answer: Callable[[], None] | None = None
        self._rest: Callable[[], AbstractContextManager[None]] = nullcontext
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

    def ask(self) -> None:
        """Ask the job to show what it has by now, at its next step or amid a pause.

        A job that has nothing to show passes over the question.
        """
        self._asked.set()

    @contextmanager
    def answering(self, answer: Callable[[], None]) -> Iterator[None]:
        """Answer questions within this block.

        Args:
            answer: Shows what the job has by now; called, in the job's thread, by `wait_if_paused`, once for all
                questions since the last answer.
        """
        self._answer = answer
        try:
            yield
        finally:
            self._answer = None

    @contextmanager
    def resting(self, rest: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
        """Within this block, let every pause be spent inside a context that makes room for other programs.

        Args:
            rest: Makes the context; entered and left in the job's thread.
        """
        self._rest = rest
        try:
            yield
        finally:
            self._rest = nullcontext

    def wait_if_paused(self) -> None:
        """Return at once while running; wait while paused. Questions are answered before and meanwhile.

        Raises:
            JobCancelled: The job has been asked to end.
        """
        self._answer_question()
        if not self._may_run.is_set():
            started = time.monotonic()
            with self._rest():
                while not self._may_run.wait(None if self._answer is None else _ANSWER_INTERVAL_S):
                    self._answer_question()
            self.paused_seconds += time.monotonic() - started
        if self._cancelled.is_set():
            raise JobCancelled

    def _answer_question(self) -> None:
        if self._answer is not None and self._asked.is_set():
            self._asked.clear()
            self._answer()
