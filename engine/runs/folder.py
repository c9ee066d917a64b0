"""One run's folder: what it holds, and how it is read and changed safely.

A run is a folder that explains itself: `run.json` (what it is and where it stands), `config.json` (its settings),
`metrics.csv`, `log.txt`, `checkpoints/` and `previews/`. What is read here may come from another machine, a newer
version or a crash, and is checked.
"""

import os
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.contracts.errors import RunStoreError
from engine.machine import process_identity
from engine.machine.atomic_files import write_bytes_atomically
from engine.machine.folder_lock import lock_folder
from engine.machine.json_files import json_text, read_json_object
from engine.runs import metrics_file
from engine.runs.records import SCHEMA_VERSION, RunRecord, RunStatus
from engine.translatable import say

RECORD_FILE = "run.json"
CONFIG_FILE = "config.json"
METRICS_FILE = "metrics.csv"
LOG_FILE = "log.txt"
SUBFOLDERS = ("checkpoints", "previews")
BEGUN_FILE = "begun.safetensors"

STOPPED_UNJUDGED = (
    "Stopped before what it learned was judged: its model is still the one that it started from. Resume it to go on."
)
"""The verdict on a refinement that ended before its gate had chosen, in whatever way."""

# Earlier versions made the last one.
_PARTS = (RECORD_FILE, CONFIG_FILE, METRICS_FILE, LOG_FILE, *SUBFOLDERS, "restored")

_SILENT_SECONDS = 3600.0
"""A run on another machine, whose process cannot be seen from here, counts as interrupted after this silence."""

_trained_here: set[tuple[str, str]] = set()
"""Ids and times of the runs that this process trains: an ending that no disk could take is known all the same."""

_record_lock = threading.Lock()
"""The window renames a run while its trainer counts steps: both read, change and write the one record."""


class Run:
    """One run folder.

    Attributes:
        path: The folder, absolute.
    """

    def __init__(self, path: Path) -> None:
        """Read the run.

        Args:
            path: The run's folder.

        Raises:
            RunStoreError: It is no run folder, is damaged, or was made by a newer version.
        """
        self.path = path.absolute()
        self._record = _read_record(self.path)

    @property
    def record(self) -> RunRecord:
        """What is known of the run, as last read or written by this object."""
        return self._record

    @property
    def checkpoint_folder(self) -> Path:
        """Where weights are kept."""
        return self.path / "checkpoints"

    @property
    def preview_folder(self) -> Path:
        """Where the pictures of the preview strip are kept."""
        return self.path / "previews"

    @property
    def model_path(self) -> Path:
        """The averaged weights with their card: what restores. With validation photos, the best ones so far.

        Of a run that refines a model they are that model's own until the gate has chosen, however the run ends.
        """
        return self.checkpoint_folder / "model.safetensors"

    @property
    def begun_model_path(self) -> Path:
        """The weights that a run which refines a model has started from: what it falls back on."""
        return self.checkpoint_folder / BEGUN_FILE

    @property
    def trained_model_path(self) -> Path:
        """The averaged weights that a run which refines a model has reached, before the gate has chosen."""
        return self.checkpoint_folder / "trained_model.safetensors"

    @property
    def last_model_path(self) -> Path:
        """The averaged weights as they were last, where the best ones are another file."""
        return self.checkpoint_folder / "last_model.safetensors"

    @property
    def shown_model_path(self) -> Path:
        """The averaged weights as they were when somebody last asked for them; gone when the training has ended."""
        return self.checkpoint_folder / "shown_model.safetensors"

    @property
    def checkpoint_path(self) -> Path:
        """The whole state of the training: what resumes."""
        return self.checkpoint_folder / "last.safetensors"

    @property
    def previous_checkpoint_path(self) -> Path:
        """The checkpoint before it, for the case that the newest one is damaged."""
        return self.checkpoint_folder / "previous.safetensors"

    @property
    def metrics_path(self) -> Path:
        """The figures of the curves."""
        return self.path / METRICS_FILE

    @property
    def log_path(self) -> Path:
        """What happened, line by line."""
        return self.path / LOG_FILE

    @property
    def is_resumable(self) -> bool:
        """Whether training can go on from the last checkpoint."""
        ended_early = self._record.status in {RunStatus.STOPPED, RunStatus.INTERRUPTED, RunStatus.FAILED}
        return ended_early and any(map(os.path.isfile, (self.checkpoint_path, self.previous_checkpoint_path)))

    @property
    def is_unjudged(self) -> bool:
        """Whether it refines a model, and the gate has not chosen yet: then its model is that one."""
        return _is_unjudged(self.path, self._record)

    def reload(self) -> RunRecord:
        """Read the record again, as another thread or process may have changed it.

        Raises:
            RunStoreError: The folder is gone or damaged.
        """
        self._record = _read_record(self.path)
        return self._record

    def update(self, **fields: Any) -> RunRecord:
        """Change fields of the record on disk, leaving the others as they are there.

        Setting the status also sets the owner: this process while "running", else nobody.

        Args:
            **fields: New values by name, as in `RunRecord`.

        Returns:
            The record as written.

        Raises:
            RunStoreError: Another living process trains this run, or the folder cannot be written.
        """
        with _record_lock, lock_folder(self.path):
            current = _read_record(self.path)
            if "status" in fields:
                self._set_owner(current, fields)
            record = RunRecord.model_validate({**current.model_dump(), **fields})
            write_text(self.path / RECORD_FILE, json_text(record.model_dump(), indent=2))
            self._record = record
        return record

    def config(self) -> dict[str, Any]:
        """Return the settings the run was started with, as JSON values.

        Raises:
            RunStoreError: The file is missing or damaged.
        """
        return _read_json(self.path / CONFIG_FILE)

    def append_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        """Add one row of figures; see `engine.runs.metrics_file`.

        Raises:
            RunStoreError: The file cannot be written.
        """
        try:
            metrics_file.append(self.metrics_path, step, metrics)
        except OSError as error:
            raise unwritable(self.metrics_path, error) from error

    def read_metrics(self) -> dict[str, list[tuple[int, float]]]:
        """Return the curves: (step, value) pairs by name; empty before the first row."""
        return metrics_file.read(self.metrics_path)

    def lost_work(self) -> tuple[int, float]:
        """What a sudden end has cost: steps and seconds between the last checkpoint and the last sign of life.

        Figures are written once a second, so it is right to about that.

        Returns:
            Both 0 for a run that was not interrupted.
        """
        if self._record.status != RunStatus.INTERRUPTED:
            return 0, 0.0
        last_step = max((curve[-1][0] for curve in self.read_metrics().values()), default=0)
        num_steps = max(last_step - self._record.steps_done, 0)
        try:
            seconds = self.metrics_path.stat().st_mtime - self.checkpoint_path.stat().st_mtime
        except OSError:
            seconds = 0.0
        return num_steps, max(seconds, 0.0) if num_steps else 0.0

    def log(self, line: str) -> None:
        """Add a line with the time to the run's log; further lines of the text are indented.

        Raises:
            RunStoreError: The file cannot be written.
        """
        stamp = datetime.now(UTC).isoformat(timespec="seconds")
        entry = line.rstrip().replace("\n", "\n    ")
        try:
            # Names of photos may hold bytes that are no letters of any encoding; so may those in `write_text`.
            with self.log_path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(f"{stamp} {entry}\n")
        except OSError as error:
            raise unwritable(self.log_path, error) from error

    def _set_owner(self, current: RunRecord, fields: dict[str, Any]) -> None:
        if fields["status"] != RunStatus.RUNNING:
            fields["owner"] = None
            _trained_here.discard(_identity(current))
            return
        owner = process_identity.current_process()
        if current.status == RunStatus.RUNNING and current.owner != owner:
            raise RunStoreError(
                say("The run “{run}” is being trained by another process.", run=current.name),
                "Wait for it to end, or stop it there.",
            )
        fields["owner"] = owner
        claim(current)


def _read_record(folder: Path) -> RunRecord:
    path = folder / RECORD_FILE
    try:
        is_run = path.is_file()
    except OSError as error:
        raise RunStoreError(
            say("'{path}' cannot be looked at ({error}).", path=folder, error=error.strerror or error),
            "Choose another folder, or make it readable.",
        ) from error
    if not is_run:
        raise RunStoreError(
            say("{folder} is not a run folder.", folder=folder), "Choose a folder that holds a run.json."
        )
    link = next((name for name in _PARTS if (folder / name).is_symlink()), None)
    if link is not None:
        raise RunStoreError(
            say(
                "In the run {folder}, '{link}' is a link, so that writing to the run would change something else.",
                folder=folder.name,
                link=link,
            ),
            "Put what it leads to in its place.",
        )
    fields = _read_json(path)
    version = fields.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise RunStoreError(
            say("The run {folder} was made by a newer version of Residua.", folder=folder.name), "Update Residua."
        )
    try:
        record = RunRecord.model_validate(fields)
    except ValidationError as error:
        raise _damaged(path) from error
    if record.status == RunStatus.RUNNING and not _has_living_owner(folder, record):
        verdict = STOPPED_UNJUDGED if _is_unjudged(folder, record) else record.verdict
        return record.model_copy(update={"status": RunStatus.INTERRUPTED, "owner": None, "verdict": verdict})
    return record


def _is_unjudged(folder: Path, record: RunRecord) -> bool:
    return os.path.isfile(folder / SUBFOLDERS[0] / BEGUN_FILE) and "share_of_way" not in record.metrics


def _has_living_owner(folder: Path, record: RunRecord) -> bool:
    if record.owner is None:
        return False
    if process_identity.is_local(record.owner):
        is_another = record.owner.get("pid") != os.getpid()
        return process_identity.is_alive(record.owner) and (is_another or _identity(record) in _trained_here)
    written = [file.stat().st_mtime for file in (folder / RECORD_FILE, folder / METRICS_FILE) if os.path.isfile(file)]
    return time.time() - max(written, default=0.0) < _SILENT_SECONDS


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return read_json_object(path)
    except (OSError, ValueError) as error:
        raise _damaged(path) from error


def write_text(path: Path, text: str) -> None:
    """Write a file of a run, whole or not at all.

    Raises:
        RunStoreError: It cannot be written.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file of a run, whole or not at all.

    Raises:
        RunStoreError: It cannot be written.
    """
    try:
        write_bytes_atomically(path, content)
    except OSError as error:
        raise unwritable(path, error) from error


def _damaged(path: Path) -> RunStoreError:
    return RunStoreError(
        say("The file {path} is missing or damaged.", path=path), "Delete the run, or restore it from a backup."
    )


def claim(record: RunRecord) -> None:
    """Note that this process trains a run, before its record on the disk says so."""
    _trained_here.add(_identity(record))


def _identity(record: RunRecord) -> tuple[str, str]:
    return record.id, record.created


def unwritable(path: Path, error: OSError) -> RunStoreError:
    """Say in a person's words that a part of a run cannot be written."""
    return RunStoreError(
        say("The run cannot be written to {path}: {error}.", path=path, error=error.strerror or error),
        "Free space on the disk, or choose a folder that you may write to.",
    )
