import threading

import pytest

from app.jobs.latest_task import LatestTask
from engine.contracts.errors import ImageReadError
from engine.contracts.job_control import JobControl


@pytest.fixture
def task():
    task = LatestTask()
    yield task
    task.shut_down()


def test_result_arrives_on_the_main_thread(qtbot, task):
    threads = []
    task.finished.connect(lambda _: threads.append(threading.current_thread()))
    with qtbot.waitSignal(task.finished) as finished:
        task.submit(threading.current_thread)
    assert finished.args[0] is not threading.main_thread()
    assert threads == [threading.main_thread()]
    assert not task.is_busy


def test_only_the_latest_request_is_answered(qtbot, task):
    results = []
    task.finished.connect(results.append)
    gate = threading.Event()
    task.submit(lambda: gate.wait(5) and "first")
    ran = []
    task.submit(lambda: ran.append("second"))
    task.submit(lambda: "third")
    assert task.is_busy
    gate.set()
    qtbot.waitUntil(lambda: results != [])
    qtbot.wait(30)
    assert results == ["third"]
    assert ran == []


def test_cancelled_request_is_not_answered(qtbot, task):
    results = []
    task.finished.connect(results.append)
    task.submit(lambda: "void")
    task.cancel()
    qtbot.wait(50)
    assert results == []
    assert not task.is_busy


def test_what_a_person_can_mend_is_told(qtbot, task):
    def fail():
        raise ImageReadError("It is broken.", "Mend it.")

    with qtbot.waitSignal(task.failed) as failed:
        task.submit(fail)
    assert failed.args[0].hint == "Mend it."


def test_a_fault_of_the_program_is_raised_on_the_main_thread(qtbot, task):
    with qtbot.captureExceptions() as exceptions:
        task.submit(lambda: 1 / 0)
        qtbot.waitUntil(lambda: exceptions != [])
    assert exceptions[0][0] is ZeroDivisionError


def test_what_was_cancelled_from_outside_is_neither_answered_nor_a_fault(qtbot, task):
    answers = []
    task.finished.connect(answers.append)
    task.failed.connect(answers.append)
    control = JobControl()
    control.cancel()
    with qtbot.captureExceptions() as exceptions:
        task.submit(control.wait_if_paused)
        qtbot.waitUntil(lambda: not task.is_busy)
        qtbot.wait(30)
    assert exceptions == []
    assert answers == []
