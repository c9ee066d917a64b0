"""The job runner with real threads: order, coalescing, one ending, pause, cancel, failure."""

import gc
import os
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QObject, Signal
from pytestqt.qtbot import QtBot

from app.jobs.runner import LOW_PRIORITY, JobFailure, JobHandle, JobLane, JobRequest, JobRunner, JobState
from engine.contracts.errors import InvalidInputError
from engine.contracts.events import Emit, FileSkipped, JobEvent, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef


class Listener:
    """Writes down all that a job says, and on which thread."""

    def __init__(self, job: JobHandle) -> None:
        self.events: list[JobEvent] = []
        self.num_deliveries = 0
        self.endings: list[tuple[str, Any]] = []
        self.states: list[JobState] = []
        self.threads: set[int] = set()
        job.events_received.connect(self.on_events)
        job.finished.connect(lambda result: self.on_ending("finished", result))
        job.cancelled.connect(lambda: self.on_ending("cancelled", None))
        job.failed.connect(lambda failure: self.on_ending("failed", failure))
        job.state_changed.connect(self.states.append)

    def on_events(self, events: tuple[JobEvent, ...]) -> None:
        assert not self.endings, "an event after the ending"
        self.events.extend(events)
        self.num_deliveries += 1
        self.threads.add(threading.get_ident())

    def on_ending(self, kind: str, value: Any) -> None:
        self.endings.append((kind, value))
        self.threads.add(threading.get_ident())


def submit(runner: JobRunner, function: Any, config: Any = None, lane: JobLane = JobLane.MAIN) -> JobHandle:
    return runner.submit(JobRequest(title="Testing", page_id="runs", function=function, config=config, lane=lane))


def wait_for_end(qtbot: QtBot, job: JobHandle) -> None:
    qtbot.waitUntil(lambda: job.state.is_ended, timeout=20_000)


def chatter(num_events: int, control: JobControl, emit: Emit) -> int:
    """Every tenth event is one that must arrive; the others are progress."""
    for step in range(num_events):
        if step % 10 == 0:
            emit(FileSkipped(path=PhotoRef(Path(str(step))), reason="", hint=""))
        else:
            emit(StepDone(stage="Talking", step=step, num_steps=num_events))
    return num_events


def step_until_cancelled(_: None, control: JobControl, emit: Emit) -> None:
    step = 0
    while True:
        control.wait_if_paused()
        step += 1
        emit(StepDone(stage="Stepping", step=step, num_steps=10**6))
        time.sleep(0.005)


class Pictures:
    """What a config may hold: much."""


def test_an_ended_job_leaves_nothing_behind(qtbot: QtBot, runner: JobRunner) -> None:
    pictures = [Pictures() for _ in range(3)]
    held = [weakref.ref(one) for one in pictures]
    jobs = [submit(runner, chatter_of_pictures, one) for one in pictures]
    kept, left, failing = jobs
    listener = Listener(left)
    heard = weakref.ref(listener)
    failing.cancel()
    wait_for_end(qtbot, kept)
    wait_for_end(qtbot, left)
    wait_for_end(qtbot, failing)
    assert listener.endings == [("finished", 3)]
    seen = weakref.ref(left)
    del pictures, jobs, left, failing, listener

    def are_gone() -> bool:
        gc.collect()
        return not any(reference() for reference in (*held, seen, heard))

    qtbot.waitUntil(lambda: not runner.findChildren(JobHandle) and are_gone())
    assert kept.state is JobState.FINISHED
    assert kept.request.title == "Testing"
    kept.cancel()
    assert kept.state is JobState.FINISHED


def chatter_of_pictures(_: Pictures, control: JobControl, emit: Emit) -> int:
    return chatter(3, control, emit)


def test_events_arrive_in_order_and_only_progress_is_left_out(qtbot: QtBot, runner: JobRunner) -> None:
    job = submit(runner, chatter, 20_000)
    listener = Listener(job)
    wait_for_end(qtbot, job)

    skipped = [int(event.path.name) for event in listener.events if isinstance(event, FileSkipped)]
    assert skipped == list(range(0, 20_000, 10))
    steps = [event.step for event in listener.events if isinstance(event, StepDone)]
    assert steps == sorted(steps)
    assert steps[-1] == 19_999
    # Of nine progress reports in a row at most one is kept in each delivery.
    assert len(steps) <= 2_000 + listener.num_deliveries
    assert listener.endings == [("finished", 20_000)]
    assert listener.threads == {threading.get_ident()}
    assert job.progress is not None
    assert job.progress.step == 19_999


def test_deliveries_are_coalesced_to_about_twenty_a_second(qtbot: QtBot, runner: JobRunner) -> None:
    def slow(_: None, control: JobControl, emit: Emit) -> None:
        for step in range(500):
            emit(StepDone(stage="Stepping", step=step, num_steps=500))
            time.sleep(0.002)

    started = time.monotonic()
    job = submit(runner, slow)
    listener = Listener(job)
    wait_for_end(qtbot, job)
    assert listener.num_deliveries <= (time.monotonic() - started) * 20 + 3


def test_progress_of_another_stage_is_kept(qtbot: QtBot, runner: JobRunner) -> None:
    def stages(_: None, control: JobControl, emit: Emit) -> None:
        for stage in ("Reading", "Training"):
            for step in range(1, 4):
                emit(StepDone(stage=stage, step=step, num_steps=3))

    job = submit(runner, stages)
    listener = Listener(job)
    wait_for_end(qtbot, job)
    last = {event.stage: event.step for event in listener.events if isinstance(event, StepDone)}
    assert last == {"Reading": 3, "Training": 3}


def test_signals_survive_five_thousand_emits(qtbot: QtBot) -> None:
    # PySide6 6.12 on Python 3.11 loses a reference to True with each emit and aborts after some hundreds.
    class Source(QObject):
        fired = Signal(bool)

    source, received = Source(), []
    source.fired.connect(received.append)
    before = sys.getrefcount(True)
    for _ in range(5_000):
        source.fired.emit(True)
    received_all = len(received)
    received.clear()
    assert received_all == 5_000
    assert sys.getrefcount(True) > before - 1_000


def test_cancel_while_paused(qtbot: QtBot, runner: JobRunner) -> None:
    job = submit(runner, step_until_cancelled)
    listener = Listener(job)
    qtbot.waitUntil(lambda: job.progress is not None)
    job.pause()
    assert job.state is JobState.PAUSED
    qtbot.wait(150)
    paused_at = job.progress
    qtbot.wait(150)
    assert job.progress == paused_at, "it goes on while paused"
    job.cancel()
    assert job.state is JobState.STOPPING
    wait_for_end(qtbot, job)
    assert [kind for kind, _ in listener.endings] == ["cancelled"]
    assert listener.states == [JobState.RUNNING, JobState.PAUSED, JobState.STOPPING, JobState.CANCELLED]


def test_pause_and_resume(qtbot: QtBot, runner: JobRunner) -> None:
    job = submit(runner, step_until_cancelled)
    qtbot.waitUntil(lambda: job.progress is not None)
    job.pause()
    qtbot.wait(120)
    assert job.progress is not None
    paused_at = job.progress.step
    job.resume()
    assert job.state is JobState.RUNNING
    qtbot.waitUntil(lambda: job.progress is not None and job.progress.step > paused_at + 2)
    job.cancel()
    wait_for_end(qtbot, job)


def test_a_job_in_the_queue_can_be_cancelled_without_waiting_for_its_turn(qtbot: QtBot, runner: JobRunner) -> None:
    first = submit(runner, step_until_cancelled)
    calls: list[int] = []
    second = submit(runner, lambda *_: calls.append(1))
    listener = Listener(second)
    qtbot.waitUntil(lambda: first.state is JobState.RUNNING)
    assert second.state is JobState.QUEUED
    second.cancel()
    wait_for_end(qtbot, second)
    assert not first.state.is_ended
    first.cancel()
    wait_for_end(qtbot, first)
    third = submit(runner, lambda *_: 3)
    wait_for_end(qtbot, third)
    assert [kind for kind, _ in listener.endings] == ["cancelled"]
    assert calls == []


def test_one_job_at_a_time_in_the_order_of_submission(qtbot: QtBot, runner: JobRunner) -> None:
    running: list[int] = []
    order: list[int] = []

    def job(number: int, control: JobControl, emit: Emit) -> None:
        running.append(number)
        assert len(running) == 1
        time.sleep(0.02)
        order.append(number)
        running.remove(number)

    handles = [submit(runner, job, number) for number in range(5)]
    for handle in handles:
        wait_for_end(qtbot, handle)
    assert order == list(range(5))
    assert {handle.state for handle in handles} == {JobState.FINISHED}


def test_the_side_lane_does_not_wait_for_the_main_lane(qtbot: QtBot, runner: JobRunner) -> None:
    training = submit(runner, step_until_cancelled)
    scan = submit(runner, lambda *_: "scanned", lane=JobLane.SIDE)
    wait_for_end(qtbot, scan)
    assert not training.state.is_ended
    training.cancel()
    wait_for_end(qtbot, training)


def test_an_engine_error_keeps_its_sentence_and_hint(qtbot: QtBot, runner: JobRunner) -> None:
    def fail(*_: Any) -> None:
        raise InvalidInputError("There is no photo.", "Add one.")

    job = submit(runner, fail)
    listener = Listener(job)
    wait_for_end(qtbot, job)
    [(kind, failure)] = listener.endings
    assert kind == "failed"
    assert isinstance(failure, JobFailure)
    assert (failure.message, failure.hint, failure.is_expected) == ("There is no photo.", "Add one.", True)


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), SystemExit(1), KeyboardInterrupt()])
def test_any_other_exception_is_a_fault_of_the_program(qtbot: QtBot, runner: JobRunner, error: BaseException) -> None:
    def fail(*_: Any) -> None:
        raise error

    job = submit(runner, fail)
    listener = Listener(job)
    wait_for_end(qtbot, job)
    [(kind, failure)] = listener.endings
    assert kind == "failed"
    assert not failure.is_expected
    assert type(error).__name__ in failure.traceback
    following = submit(runner, lambda *_: "alive")
    wait_for_end(qtbot, following)
    assert following.state is JobState.FINISHED


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets one thread step back")
def test_jobs_run_in_a_thread_of_low_priority(qtbot: QtBot, runner: JobRunner) -> None:
    results: list[Any] = []
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    job = submit(runner, lambda *_: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    job.finished.connect(results.append)
    wait_for_end(qtbot, job)
    assert results == [max(LOW_PRIORITY, before)]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


def test_shut_down_cancels_and_says_every_ending(qtbot: QtBot) -> None:
    runner = JobRunner()
    jobs = [submit(runner, step_until_cancelled) for _ in range(3)]
    listeners = [Listener(job) for job in jobs]
    qtbot.waitUntil(lambda: jobs[0].state is JobState.RUNNING)
    assert runner.shut_down(10)
    assert [[kind for kind, _ in listener.endings] for listener in listeners] == [["cancelled"]] * 3
    assert not runner.is_busy
