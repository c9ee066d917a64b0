"""The stored runs as the window knows them: read in the background, shared by the pages and the model menu."""

import os
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.jobs.latest_task import LatestTask
from engine.runs.records import RunRecord
from engine.runs.store import Run, RunStore
from engine.runs.trash import remove_expired


@dataclass(frozen=True)
class RunEntry:
    """One run as it was last read.

    Attributes:
        path: Its folder.
        record: What is known of it.
        has_model: Whether photos can be restored with it.
        is_resumable: Whether its training can go on.
        lost_steps: Steps that a sudden end has cost.
        lost_seconds: The time they had taken.
    """

    path: Path
    record: RunRecord
    has_model: bool
    is_resumable: bool
    lost_steps: int = 0
    lost_seconds: float = 0.0


class RunCatalog(QObject):
    """All runs of the store, newest first.

    Signals:
        changed: The runs have been read again and differ (main thread).
        read: The runs have been read, whether or not they differ (main thread).
    """

    changed = Signal()
    read = Signal()

    def __init__(self, store: RunStore, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._runs: tuple[RunEntry, ...] = ()
        self._task = LatestTask(self, finished=self._take)

    @property
    def runs(self) -> tuple[RunEntry, ...]:
        """The runs as last read."""
        return self._runs

    def find(self, path: Path) -> RunEntry | None:
        """Return the run of a folder."""
        return next((entry for entry in self._runs if entry.path == path), None)

    def refresh(self) -> None:
        """Read the store again; `changed` follows if anything differs."""
        self._task.submit(self._read)

    def tidy_up(self, keep_days: int) -> None:
        """Remove for good what was deleted long ago, and read the store.

        Args:
            keep_days: How long a deleted run can be brought back; 0: always.
        """

        def work() -> tuple[RunEntry, ...]:
            remove_expired(self._store, keep_days)
            return self._read()

        self._task.submit(work)

    def shut_down(self) -> None:
        """Wait for a reading that is under way."""
        self._task.shut_down()

    def _read(self) -> tuple[RunEntry, ...]:
        return tuple(_entry(run) for run in self._store.list())

    @Slot(object)
    def _take(self, runs: tuple[RunEntry, ...]) -> None:
        if runs != self._runs:
            self._runs = runs
            self.changed.emit()
        self.read.emit()


def _entry(run: Run) -> RunEntry:
    return RunEntry(run.path, run.record, os.path.isfile(run.model_path), run.is_resumable, *run.lost_work())
