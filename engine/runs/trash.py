"""Deleted runs: what still lies in a store's trash, and when it goes for good."""

import logging
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.contracts.errors import RunStoreError
from engine.runs.folder import RECORD_FILE, Run, unwritable
from engine.runs.store import TRASH_FOLDER, RunStore
from engine.translatable import say

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DeletedRun:
    """A run in the trash.

    Attributes:
        token: What `RunStore.restore_deleted` needs to bring it back.
        name: What a person called it.
        deleted: When it was deleted.
        num_bytes: What removing it frees.
    """

    token: str
    name: str
    deleted: datetime
    num_bytes: int


def list_deleted(store: RunStore) -> tuple[DeletedRun, ...]:
    """Return the runs in a store's trash, the last deleted first; a damaged one is called after its folder.

    None where the trash cannot be looked into, as on a drive that is gone.

    Another thread or program may be removing runs, or bringing them back, meanwhile: one that goes is not listed.
    """
    try:
        folders = list((store.root / TRASH_FOLDER).iterdir())
    except OSError:
        return ()
    found = (_deleted_run(folder) for folder in folders if os.path.isdir(folder) and not folder.is_symlink())
    return tuple(sorted((run for run in found if run), key=lambda run: (run.deleted, run.token), reverse=True))


def remove_for_good(store: RunStore, token: str) -> None:
    """Remove a deleted run from the disk; it can't be brought back.

    Raises:
        RunStoreError: It is not in the trash, or a part of it cannot be removed.
    """
    folder = store.root / TRASH_FOLDER / token
    is_inside = folder.parent == store.root / TRASH_FOLDER and token not in {"", ".", ".."}
    if not is_inside or folder.is_symlink() or not os.path.isdir(folder):
        raise RunStoreError(
            say("No deleted run is called {token!r}.", token=token), "It may have been removed for good."
        )
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise unwritable(folder, error) from error


def remove_expired(store: RunStore, keep_days: int, now: datetime | None = None) -> int:
    """Remove for good what was deleted longer ago than it is kept.

    Args:
        store: The runs.
        keep_days: How long a deleted run can be brought back; 0: always, nothing is removed.
        now: The present; None: now.

    Returns:
        How many were removed. One that cannot be removed is passed over, with a warning in the program's log.
    """
    if keep_days <= 0:
        return 0
    limit = (now or datetime.now(UTC)) - timedelta(days=keep_days)
    num_removed = 0
    for run in list_deleted(store):
        if run.deleted >= limit:
            continue
        try:
            remove_for_good(store, run.token)
        except RunStoreError as error:
            _logger.warning("%s", error)
            continue
        num_removed += 1
    return num_removed


def _deleted_run(folder: Path) -> DeletedRun | None:
    """Describe a run in the trash; None where it has gone meanwhile."""
    name, deleted = folder.name, None
    try:
        record = Run(folder).record
        name = record.name
        deleted = datetime.fromisoformat(record.deleted) if record.deleted else None
    except (RunStoreError, ValueError) as error:
        if not os.path.isdir(folder):
            return None
        _logger.warning("%s", error)
    # A run deleted before records said when: it was not written to afterwards.
    if deleted is None:
        status = _status_of(folder / RECORD_FILE) or _status_of(folder)
        if status is None:
            return None
        deleted = datetime.fromtimestamp(status.st_mtime, UTC)
    if deleted.tzinfo is None:
        deleted = deleted.replace(tzinfo=UTC)
    num_bytes, is_there = _bytes_below(folder), os.path.isdir(folder)
    return DeletedRun(token=folder.name, name=name, deleted=deleted, num_bytes=num_bytes) if is_there else None


def _bytes_below(folder: Path) -> int:
    """What the files below a folder take; those that go meanwhile take nothing."""
    # os.walk passes over folders that cannot be read any more, where Path.rglob ends with an error.
    files = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    sizes = (status.st_size for file in files if not file.is_symlink() and (status := _status_of(file)) is not None)
    return sum(sizes)


def _status_of(path: Path) -> os.stat_result | None:
    """A file's or folder's status; None where it is not there."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
