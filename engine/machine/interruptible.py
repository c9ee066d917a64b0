"""Giving up what cannot be interrupted: decoding and encoding a large photo takes seconds inside a library."""

import contextvars
import queue
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from engine.contracts.job_control import JobControl

Answer = TypeVar("Answer")

_LOOK_EVERY_S = 0.1
_PATIENCE_S = 2.0
"""A folder on a machine that is up answers within; one that does not would keep for minutes whoever looks into it."""


class Pending(Generic[Answer]):
    """A function that runs in a thread of its own."""

    def __init__(self, function: Callable[[], Answer]) -> None:
        """Begin.

        Args:
            function: As for `run_interruptibly`.
        """
        self._answers: queue.SimpleQueue[tuple[Answer | None, Exception | None]] = queue.SimpleQueue()
        # With what the caller's blocks have set, such as the memory of decoded photos.
        context = contextvars.copy_context()

        def work() -> None:
            try:
                self._answers.put((context.run(function), None))
            except Exception as error:  # noqa: BLE001 - raised again where the answer is waited for
                self._answers.put((None, error))

        # A daemon: the program may end while it still computes.
        threading.Thread(target=work, name="interruptible", daemon=True).start()

    @property
    def is_done(self) -> bool:
        """Whether there is an answer that nobody has waited for yet."""
        return not self._answers.empty()

    def wait(self, control: JobControl) -> Answer:
        """Wait for the answer, once.

        Returns:
            What the function returns.

        Raises:
            JobCancelled: The job has been asked to end; the function may still run, its answer is lost.
            Exception: What the function raises.
        """
        while True:
            control.wait_if_paused()
            try:
                answer, error = self._answers.get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                continue
            if error is not None:
                raise error
            return answer  # type: ignore[return-value] # None only where the function returns it


def run_interruptibly(function: Callable[[], Answer], control: JobControl | None) -> Answer:
    """Run a function in a thread of its own, and leave it to itself once the job is cancelled.

    Args:
        function: Changes nothing that anyone would miss or meet: it computes, or reads a file.
        control: Of the job; None: nobody can cancel, and the function is simply called.

    Returns:
        What the function returns.

    Raises:
        JobCancelled: The job has been asked to end; the function may still run, its answer is lost.
        Exception: What the function raises.
    """
    return function() if control is None else Pending(function).wait(control)


def answering_folders(folders: Sequence[Path], control: JobControl, patience_s: float = _PATIENCE_S) -> list[Path]:
    """Return the folders that are there and can be looked into now.

    One on a network drive whose other end is gone holds whoever asks for it: nobody waits longer than `patience_s`,
    and while an earlier question is unanswered it is not asked again.

    Args:
        folders: Any; one that is named twice is returned once.
        control: Of the job.
        patience_s: For all of them together.

    Raises:
        JobCancelled: The job has been asked to end.
    """
    # Nobody else has them meanwhile: an answer can be waited for once.
    questions = {folder: _question_of(folder) for folder in folders}
    answering: list[Path] = []
    until = time.monotonic() + patience_s
    try:
        for folder, question in list(questions.items()):
            while not question.is_done and time.monotonic() < until:
                control.wait_if_paused()
                time.sleep(_LOOK_EVERY_S / 10)
            if question.is_done:
                del questions[folder]
                try:
                    if question.wait(control):
                        answering.append(folder)
                except OSError:
                    continue
    finally:
        _unanswered.update(questions)
    return answering


def _question_of(folder: Path) -> Pending[bool]:
    """Return the question that is still open, if one is: an answer that came late may hold no more."""
    question = _unanswered.pop(folder, None)
    return Pending(folder.is_dir) if question is None or question.is_done else question


_unanswered: dict[Path, Pending[bool]] = {}
"""The folders that have not answered yet."""
