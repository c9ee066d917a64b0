"""The queue of jobs: its order, its standing still, and the panel that shows it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.jobs.runner import JobHandle, JobRequest, JobRunner, JobState
from app.look.theme import Theme
from app.window.job_bar import JobBar
from app.window.job_queue import QueuePanel, WaitingRow
from engine.contracts.events import Emit
from engine.contracts.job_control import JobControl


@dataclass
class Gates:
    """Jobs that each wait for their own gate, and the order in which they began."""

    runner: JobRunner
    order: list[str] = field(default_factory=list)
    open: dict[str, Event] = field(default_factory=dict)

    def submit(self, name: str) -> JobHandle:
        self.open[name] = Event()

        def work(_: Any, control: JobControl, emit: Emit) -> None:
            self.order.append(name)
            while not self.open[name].wait(0.01):
                control.wait_if_paused()

        return self.runner.submit(JobRequest(title=name, page_id="pretrain", function=work, config=None))


@pytest.fixture
def gates(runner: JobRunner) -> Gates:
    return Gates(runner)


@pytest.fixture
def four(qtbot: QtBot, gates: Gates) -> list[JobHandle]:
    """One job that runs, three that wait."""
    jobs = [gates.submit(name) for name in ("first", "a", "b", "c")]
    qtbot.waitUntil(lambda: jobs[0].state is JobState.RUNNING)
    return jobs


@pytest.fixture
def bar(qtbot: QtBot, theme: Theme, runner: JobRunner, four: list[JobHandle]) -> Iterator[JobBar]:
    holder = QWidget()
    qtbot.addWidget(holder)
    bar = JobBar(runner, holder)
    holder.resize(900, 500)
    bar.setGeometry(0, 456, 900, 44)
    with qtbot.waitActive(holder):
        holder.show()
    runner.jobs_changed.emit()
    qtbot.waitUntil(bar.isVisible)
    yield bar
    runner.cancel_all()
    qtbot.waitUntil(lambda: not runner.is_busy)


def opened_panel(qtbot: QtBot, bar: JobBar) -> QueuePanel:
    qtbot.mouseClick(bar, Qt.MouseButton.LeftButton, pos=QPoint(300, 22))
    assert bar.panel is not None
    return bar.panel


def titles(runner: JobRunner) -> list[str]:
    return [job.request.title for job in runner.waiting]


def row_of(panel: QueuePanel, title: str) -> WaitingRow:
    return next(row for row in panel.waiting_rows if row.job.request.title == title)


def test_jobs_start_in_the_order_they_were_moved_into(
    qtbot: QtBot, runner: JobRunner, gates: Gates, four: list[JobHandle]
) -> None:
    runner.move(four[3], 0)
    assert titles(runner) == ["c", "a", "b"]
    runner.move(four[1], 99)
    assert [job.request.title for job in runner.jobs] == ["first", "c", "b", "a"]
    runner.move(four[0], 2)
    assert titles(runner) == ["c", "b", "a"], "what runs cannot be moved"
    for gate in gates.open.values():
        gate.set()
    qtbot.waitUntil(lambda: not runner.is_busy)
    assert gates.order == ["first", "c", "b", "a"]


def test_a_queue_stands_still_after_the_job_that_runs_until_it_may_go_on(
    qtbot: QtBot, runner: JobRunner, gates: Gates, four: list[JobHandle]
) -> None:
    runner.set_held(True)
    for gate in gates.open.values():
        gate.set()
    qtbot.waitUntil(lambda: four[0].state.is_ended)
    qtbot.wait(100)
    assert gates.order == ["first"]
    assert titles(runner) == ["a", "b", "c"]
    four[2].cancel()
    qtbot.waitUntil(lambda: four[2].state is JobState.CANCELLED)
    runner.set_held(False)
    qtbot.waitUntil(lambda: not runner.is_busy)
    assert gates.order == ["first", "a", "c"]


def test_an_empty_queue_is_not_held(qtbot: QtBot, runner: JobRunner, gates: Gates) -> None:
    job = gates.submit("only")
    runner.set_held(True)
    job.cancel()
    qtbot.waitUntil(lambda: not runner.is_busy)
    assert not runner.is_held
    following = gates.submit("next")
    gates.open["next"].set()
    qtbot.waitUntil(lambda: following.state is JobState.FINISHED)


def test_a_held_queue_ends_with_the_runner(qtbot: QtBot) -> None:
    runner = JobRunner()
    gates = Gates(runner)
    jobs = [gates.submit(name) for name in "ab"]
    qtbot.waitUntil(lambda: jobs[0].state is JobState.RUNNING)
    runner.set_held(True)
    assert runner.shut_down(10)
    assert [job.state for job in jobs] == [JobState.CANCELLED] * 2


def test_jobs_are_moved_by_button_key_and_drag(qtbot: QtBot, runner: JobRunner, bar: JobBar) -> None:
    panel = opened_panel(qtbot, bar)
    assert not row_of(panel, "a").earlier_button.isEnabled()
    qtbot.mouseClick(row_of(panel, "a").later_button, Qt.MouseButton.LeftButton)
    assert titles(runner) == ["b", "a", "c"]
    row = row_of(panel, "c")
    row.setFocus()
    qtbot.keyClick(row, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert titles(runner) == ["b", "c", "a"]
    assert row.window().focusWidget() is row
    qtbot.keyClick(row, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert titles(runner) == ["b", "a", "c"]
    row = row_of(panel, "b")
    qtbot.mousePress(row, Qt.MouseButton.LeftButton, pos=QPoint(12, 8))
    for _ in range(2):
        qtbot.mouseMove(row, QPoint(12, row.height() + 6))
        qtbot.waitUntil(lambda: row.pos().y() >= 0)
    qtbot.mouseRelease(row, Qt.MouseButton.LeftButton, pos=QPoint(12, 8))
    assert titles(runner)[0] == "a"
    assert "b" in titles(runner)[1:]


def test_jobs_are_removed_and_the_panel_follows(qtbot: QtBot, runner: JobRunner, bar: JobBar) -> None:
    panel = opened_panel(qtbot, bar)
    qtbot.mouseClick(row_of(panel, "b").remove_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: titles(runner) == ["a", "c"])
    row = row_of(panel, "a")
    row.setFocus()
    qtbot.keyClick(row, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: [row.job.request.title for row in panel.waiting_rows] == ["c"])
    qtbot.keyClick(panel, Qt.Key.Key_Escape)
    assert bar.panel is None


def test_stop_after_this_one_by_click_and_going_on_from_the_bar(
    qtbot: QtBot, runner: JobRunner, gates: Gates, four: list[JobHandle], bar: JobBar
) -> None:
    panel = opened_panel(qtbot, bar)
    qtbot.mouseClick(panel.stop_after, Qt.MouseButton.LeftButton, pos=QPoint(8, panel.stop_after.height() // 2))
    assert runner.is_held
    assert bar.go_on_button.isHidden()
    for gate in gates.open.values():
        gate.set()
    qtbot.waitUntil(bar.go_on_button.isVisible)
    qtbot.mouseClick(bar.go_on_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not runner.is_busy)
    assert len(gates.order) == 4


def test_a_click_elsewhere_closes_the_panel(qtbot: QtBot, bar: JobBar) -> None:
    opened_panel(qtbot, bar)
    qtbot.mouseClick(bar.window(), Qt.MouseButton.LeftButton, pos=QPoint(20, 20))
    assert bar.panel is None


def test_a_click_on_a_free_place_leaves_the_panel_open(qtbot: QtBot, bar: JobBar) -> None:
    panel = opened_panel(qtbot, bar)
    # Right of its words a check box takes no clicks; they go on to what lies below it.
    free = QPoint(panel.stop_after.width() - 4, panel.stop_after.height() // 2)
    qtbot.mouseClick(panel.stop_after, Qt.MouseButton.LeftButton, pos=free)
    assert not panel.stop_after.isChecked()
    assert bar.panel is panel
