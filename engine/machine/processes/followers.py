"""What the processes of a training do that are not its first: all that the first one does, and nothing that stays.

So there is one way to train, and every process finds the same batches, validations and best weights. A follower's run
lies in a folder that is thrown away, and nobody hears its events.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from engine.contracts.configs import TrainingConfig
from engine.contracts.events import Emit, JobEvent
from engine.machine.processes.group import ProcessGroup, join_group
from engine.machine.processes.rank import is_one_of_several

Config = TypeVar("Config", bound=TrainingConfig)


@contextmanager
def own_part(group: ProcessGroup, config: Config, emit: Emit) -> Iterator[tuple[Config, Emit]]:
    """The settings and the listener of this process in a new training.

    Each process's batch is that of the settings, so the whole batch is as many times larger as there are processes:
    that is what the run remembers, and what it is resumed with, by however many.

    Args:
        group: The processes.
        config: The settings that were given.
        emit: Who listens.
    """
    if group.size > 1:
        config = config.model_copy(update={"photos_per_batch": group.size * config.photos_per_batch})
    if group.is_first:
        yield config, emit
        return
    with tempfile.TemporaryDirectory(prefix="residua-follower-") as folder:
        yield config.model_copy(update={"out": Path(folder) / "run"}), _ignore


@contextmanager
def copied_run(run_folder: Path, emit: Emit) -> Iterator[tuple[Path, Emit]]:
    """The run that this process resumes and its listener: followers take a copy, before the first goes on with it.

    Args:
        run_folder: The run.
        emit: Who listens.

    Raises:
        ProcessGroupError: The processes cannot reach each other.
    """
    if not is_one_of_several():
        yield run_folder, emit
        return
    group = join_group()
    if group.is_first:
        group.all_of(None)
        yield run_folder, emit
        return
    with tempfile.TemporaryDirectory(prefix="residua-follower-") as folder:
        copy = Path(folder) / "run"
        if run_folder.is_dir():
            shutil.copytree(run_folder, copy)
        group.all_of(None)
        yield copy, _ignore


def _ignore(event: JobEvent) -> None:
    """The first process tells it."""
