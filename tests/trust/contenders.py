"""What processes contend for in `test_two_processes`: a module of its own, which each of them loads in a blink."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.contracts.errors import EngineError
from engine.runs.folder import Run
from engine.runs.records import RunStatus
from engine.runs.store import RunStore

NUM_PROCESSES = 4
NUM_ROUNDS = 25
PATIENCE_S = 120


def create(folder: Path) -> str:
    return RunStore(folder / "runs").create("pretrain", "x", {"pid": os.getpid()}, path=folder / "run").record.id


def create_in_store(folder: Path) -> str:
    return RunStore(folder / "runs").create("pretrain", "x", {"pid": os.getpid()}).record.id


def take_over(folder: Path) -> str:
    """What a resumption does before it trains."""
    return Run(folder / "run").update(status=RunStatus.RUNNING).id


def contend(work: Callable[[Path], str], folder: Path, barrier: Any, results: Any) -> None:
    """Do the work of every round at the same moment as the other processes."""
    for number in range(NUM_ROUNDS):
        barrier.wait(PATIENCE_S)
        try:
            results.put((number, os.getpid(), work(folder / str(number))))
        except EngineError as error:
            results.put((number, os.getpid(), error))
    # Until all have seen that this one still lives.
    barrier.wait(PATIENCE_S)
