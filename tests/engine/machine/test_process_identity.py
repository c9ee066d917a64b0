"""Whether the owner of a run still lives, by both ways of reading when it began."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from engine.machine import process_identity

WAYS = [
    pytest.param(process_identity._time_of_start, id="psutil"),
    pytest.param(
        process_identity._ticks_since_boot,
        id="ticks",
        marks=pytest.mark.skipif(sys.platform != "linux", reason="read from Linux's /proc"),
    ),
]


@pytest.fixture
def process() -> Iterator["subprocess.Popen[bytes]"]:
    started = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield started
    started.kill()
    started.communicate()


@pytest.mark.parametrize("start_mark", WAYS)
def test_a_process_keeps_its_mark_until_it_ends(
    start_mark: Callable[[int], str | None], process: "subprocess.Popen[bytes]"
) -> None:
    mark = start_mark(process.pid)
    assert mark is not None
    assert start_mark(process.pid) == mark
    assert start_mark(os.getpid()) not in {mark, None}
    process.kill()
    process.wait()
    assert start_mark(process.pid) is None


@pytest.mark.parametrize("start_mark", WAYS)
@pytest.mark.skipif(not hasattr(os, "waitid"), reason="only on POSIX systems an ended process waits for its parent")
def test_a_process_that_ended_is_dead_before_its_parent_has_looked(
    start_mark: Callable[[int], str | None], process: "subprocess.Popen[bytes]"
) -> None:
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert start_mark(process.pid) is None


def test_another_process_of_the_same_id_is_another(process: "subprocess.Popen[bytes]") -> None:
    owner = process_identity.current_process()
    assert process_identity.is_alive(owner)
    assert not process_identity.is_alive({**owner, "pid": process.pid})
    assert not process_identity.is_alive({**owner, "pid": 0})
    assert not process_identity.is_alive({})
