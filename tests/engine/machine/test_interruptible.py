"""What cannot be interrupted is given up when its job is cancelled."""

import threading
from pathlib import Path

import pytest

from engine.contracts.errors import ImageReadError
from engine.contracts.job_control import JobCancelled, JobControl
from engine.machine.interruptible import run_interruptibly


def test_the_answer_or_the_error_comes_through() -> None:
    assert run_interruptibly(lambda: 7, JobControl()) == 7
    assert run_interruptibly(lambda: None, JobControl()) is None
    assert run_interruptibly(lambda: Path("a"), None) == Path("a")

    def fail() -> int:
        raise ImageReadError("It is broken.", "Take another.")

    with pytest.raises(ImageReadError, match="broken"):
        run_interruptibly(fail, JobControl())


def test_a_cancelled_job_does_not_wait() -> None:
    control, started, may_end, ended = JobControl(), threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        control.cancel()
        may_end.wait(30)
        ended.set()

    with pytest.raises(JobCancelled):
        run_interruptibly(work, control)
    assert started.is_set()
    assert not ended.is_set()
    may_end.set()
    assert ended.wait(30)


def test_a_paused_job_keeps_the_answer() -> None:
    control = JobControl()

    def work() -> str:
        control.pause()
        threading.Timer(0.2, control.resume).start()
        return "kept"

    assert run_interruptibly(work, control) == "kept"
