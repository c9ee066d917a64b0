"""Doing the cells: one after the other in this process, or side by side in worker processes of one thread each.

On a CPU two trainings of one thread each are faster than two of two threads, one after the other: small convolutions
divide badly. Each worker has a pipe to this process; it is told what to do, to pause and to end, and tells its events
and its scores. If this process dies the pipe closes, and the workers save and end.
"""

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Literal

from engine.contracts.errors import EngineError
from engine.contracts.events import FileSkipped, JobEvent, JobWarning, RunStarted, StepDone
from engine.contracts.job_control import JobCancelled, JobControl
from engine.label_budget.execution import CellRunner, Workplace
from engine.label_budget.plan import Cell
from engine.label_budget.progress import REPORT_INTERVAL_S, ExperimentProgress
from engine.label_budget.scores import Score
from engine.machine.system_memory import available_memory
from engine.photos.crops import photos_remembered
from engine.translatable import say

MEMORY_PER_WORKER = 3 * 2**29
"""Bytes of one process with torch, a small network and some photos."""

_POLL_S = 0.2
_ENDING_S = 10.0
"""How long a worker may take to save before it is ended by force, which costs what it did since its last checkpoint."""


@dataclass(frozen=True)
class Outcome:
    """Scores by name of the cell, and why the others have none."""

    scores: dict[str, Score]
    failures: dict[str, str]


def default_workers(device_name: str, num_cells: int) -> int:
    """How many trainings to do side by side: as many as there are free cores and memory; one on a GPU."""
    if device_name != "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(min(cores, available_memory() // MEMORY_PER_WORKER, num_cells), 1)


def do_cells(
    cells: Sequence[Cell], workplace: Workplace, num_workers: int, control: JobControl, progress: ExperimentProgress
) -> Outcome:
    """Do all cells; one that fails never stops the others, those that start from it excepted.

    Args:
        cells: Parents before those that start from them.
        workplace: What they need.
        num_workers: 1: in this process.
        control: Pause and cancel.
        progress: Told of all that happens.

    Raises:
        JobCancelled: Asked to end; what is trained so far is saved.
        EngineError: A kept score is damaged or belongs to other settings, or a worker died.
    """
    outcome = Outcome({}, {})
    open_cells: list[Cell] = []
    for cell in cells:
        # Before any work: a folder of another experiment is refused at once.
        score = workplace.scores.find(cell.name, workplace.settings_of(cell))
        if score is None:
            open_cells.append(cell)
        else:
            _note(outcome, progress, cell, score)
    waiting = _Waiting(open_cells, outcome, progress)
    if num_workers == 1 or len(open_cells) < 2:
        runner = CellRunner(workplace)
        with photos_remembered(workplace.photo_memory_bytes):
            while (ready := waiting.next_ready()) is not None:
                _note(outcome, progress, ready, _attempt(runner, ready, control, progress))
    else:
        _WorkerPool(workplace, min(num_workers, len(open_cells)), control, progress).run(waiting, outcome)
    return outcome


class _Waiting:
    """Cells that are still to be done."""

    def __init__(self, cells: Sequence[Cell], outcome: Outcome, progress: ExperimentProgress) -> None:
        self._cells = list(cells)
        self._outcome = outcome
        self._progress = progress

    def next_ready(self) -> Cell | None:
        """The first cell whose parent is done; those whose parent failed fail too."""
        for cell in [cell for cell in self._cells if cell.parent in self._outcome.failures]:
            self._cells.remove(cell)
            _note(self._outcome, self._progress, cell, "What it starts from could not be done.")
        for cell in self._cells:
            if cell.parent is None or cell.parent in self._outcome.scores:
                self._cells.remove(cell)
                return cell
        return None


def _note(outcome: Outcome, progress: ExperimentProgress, cell: Cell, result: "Score | str") -> None:
    """Take note of a score, or of the reason for which there is none."""
    if isinstance(result, Score):
        outcome.scores[cell.name] = result
        progress.finished(cell, result)
    else:
        outcome.failures[cell.name] = result
        progress.failed(cell, result)


def _attempt(runner: CellRunner, cell: Cell, control: JobControl, progress: ExperimentProgress) -> "Score | str":
    control.wait_if_paused()
    try:
        return runner.run(cell, control, lambda event: progress.event(cell, event))
    except EngineError as error:
        return str(error)


_Order = tuple[Literal["run"], Cell] | tuple[Literal["pause", "resume", "cancel", "end"], None]
_Answer = (
    tuple[Literal["ready"], None]
    | tuple[Literal["event"], JobEvent]
    | tuple[Literal["score"], Score]
    | tuple[Literal["failure"], str]
    | tuple[Literal["cancelled"], None]
)


class _Worker:
    """One worker process and the cell that it does."""

    def __init__(self, workplace: Workplace) -> None:
        # Spawned, since a fork of a process with threads may deadlock.
        context = multiprocessing.get_context("spawn")
        self.connection, other_end = context.Pipe()
        self.process: BaseProcess = context.Process(target=work, args=(workplace, other_end), daemon=True)
        self.process.start()
        other_end.close()
        self.cell: Cell | None = None
        self.is_ready = False

    def order(self, order: _Order) -> None:
        """Tell it something; one that is gone is found out when it is listened to."""
        with contextlib.suppress(BrokenPipeError):
            self.connection.send(order)


class _WorkerPool:
    """Worker processes, kept busy."""

    def __init__(
        self, workplace: Workplace, num_workers: int, control: JobControl, progress: ExperimentProgress
    ) -> None:
        self._control = control
        self._progress = progress
        self._workers = [_Worker(workplace) for _ in range(num_workers)]

    def run(self, waiting: _Waiting, outcome: Outcome) -> None:
        """Do all cells.

        Raises:
            JobCancelled: Asked to end; every worker has saved.
            EngineError: A worker died.
        """
        try:
            while True:
                self._heed_control()
                for worker in self._workers:
                    if worker.cell is None and (cell := waiting.next_ready()) is not None:
                        worker.cell = cell
                        worker.order(("run", cell))
                busy = [worker for worker in self._workers if worker.cell is not None]
                if not busy:
                    return
                ready = wait([worker.connection for worker in busy], _POLL_S)
                for worker in busy:
                    if worker.connection in ready:
                        self._listen(worker, outcome)
        finally:
            self._end()

    def _heed_control(self) -> None:
        if self._control.is_paused:
            self._tell_all(("pause", None))
            self._control.wait_if_paused()
            self._tell_all(("resume", None))
        self._control.wait_if_paused()

    def _listen(self, worker: _Worker, outcome: Outcome) -> None:
        cell = worker.cell
        assert cell is not None
        try:
            kind, content = worker.connection.recv()
        except EOFError as error:
            worker.cell = None
            worker.process.join(_ENDING_S)
            raise EngineError(
                say(
                    "The process that trained {title} has ended unexpectedly (code {exitcode}).",
                    title=cell.title,
                    exitcode=worker.process.exitcode,
                ),
                "Start the experiment again with the same folder: it goes on. If memory was short, use fewer workers.",
            ) from error
        if kind == "ready":
            worker.is_ready = True
            return
        if kind == "event":
            self._progress.event(cell, content)
            return
        worker.cell = None
        if kind != "cancelled":
            _note(outcome, self._progress, cell, content)

    def _tell_all(self, order: _Order) -> None:
        for worker in self._workers:
            worker.order(order)

    def _end(self) -> None:
        """Let every worker save and end; one that still loads its packages has nothing to save."""
        self._tell_all(("cancel", None))
        self._tell_all(("end", None))
        deadline = time.monotonic() + _ENDING_S
        for worker in self._workers:
            # What it still has to say must be taken, or it would wait for ever to say it.
            with contextlib.suppress(EOFError, ConnectionResetError):
                while worker.connection.poll(max(deadline - time.monotonic(), 0.0) if worker.is_ready else 0.0):
                    worker.connection.recv()
                    worker.is_ready = True
            if not worker.is_ready:
                worker.process.kill()
            worker.process.join(max(deadline - time.monotonic(), 0.0))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.connection.close()


def work(workplace: Workplace, connection: Connection) -> None:
    """What a worker process does: cell after cell, until it is told to end or the other side is gone."""
    # A terminal's Ctrl-C, and its end, reach every process of the group; the first one decides what they mean.
    for name in ("SIGINT", "SIGHUP"):
        if (number := getattr(signal, name, None)) is not None:
            signal.signal(number, signal.SIG_IGN)
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    orders: queue.SimpleQueue[Cell | None] = queue.SimpleQueue()
    control = JobControl()
    threading.Thread(target=_take_orders, args=(connection, orders, control), daemon=True).start()
    with contextlib.suppress(BrokenPipeError):
        _answer(connection, ("ready", None))
    runner = CellRunner(workplace)
    with photos_remembered(workplace.photo_memory_bytes):
        while (cell := orders.get()) is not None:
            try:
                _answer(connection, _do(runner, cell, control, connection))
            except BrokenPipeError:
                # The other side is gone; the training has been saved.
                return


def _take_orders(connection: Connection, orders: "queue.SimpleQueue[Cell | None]", control: JobControl) -> None:
    actions = {"pause": control.pause, "resume": control.resume, "cancel": control.cancel}
    while True:
        try:
            kind, cell = connection.recv()
        except (EOFError, OSError):
            control.cancel()
            orders.put(None)
            return
        if kind in actions:
            actions[kind]()
        else:
            orders.put(cell)
            if kind == "end":
                return


def _do(runner: CellRunner, cell: Cell, control: JobControl, connection: Connection) -> _Answer:
    last_report = 0.0

    def report(event: JobEvent) -> None:
        nonlocal last_report
        # Pictures and curves are for a person who watches one training.
        if not isinstance(event, StepDone | RunStarted | JobWarning | FileSkipped):
            return
        if isinstance(event, StepDone):
            now = time.monotonic()
            if now - last_report < REPORT_INTERVAL_S and event.step < event.num_steps:
                return
            last_report = now
        with contextlib.suppress(BrokenPipeError):
            _answer(connection, ("event", event))

    try:
        control.wait_if_paused()
        return ("score", runner.run(cell, control, report))
    except JobCancelled:
        return ("cancelled", None)
    except EngineError as error:
        return ("failure", str(error))


def _answer(connection: Connection, answer: _Answer) -> None:
    connection.send(answer)
