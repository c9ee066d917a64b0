"""The store of runs: a folder in which run folders are created, listed, opened, deleted and brought back."""

import logging
import os
import re
import shutil
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from engine.contracts.errors import InvalidInputError, RunStoreError
from engine.machine import process_identity
from engine.machine.json_files import is_text, json_text
from engine.machine.places import Place, library_versions
from engine.runs.folder import CONFIG_FILE, RECORD_FILE, SUBFOLDERS, Run, claim, unwritable, write_text
from engine.runs.records import RunKind, RunRecord, RunStatus
from engine.translatable import say

__all__ = ["Run", "RunStore"]

TRASH_FOLDER = ".deleted"


_logger = logging.getLogger(__name__)


class RunStore:
    """A folder of runs.

    Attributes:
        root: The folder; made when the first run is created.
    """

    def __init__(self, root: Path | None = None) -> None:
        """Use a folder as store.

        Args:
            root: The folder; None for the person's own (`Place.RUNS`).
        """
        self.root = (root or Place.RUNS.path()).absolute()

    def create(
        self,
        kind: RunKind,
        name: str,
        config: BaseModel | Mapping[str, Any],
        *,
        path: Path | None = None,
        **record_fields: Any,
    ) -> Run:
        """Make a run folder; the run is "running" and belongs to this process.

        Args:
            kind: What the run does.
            name: What a person calls it; empty: called after its kind.
            config: Its settings.
            path: The folder to use, new or empty; None: a new one in the store.
            **record_fields: Further fields of `RunRecord`.

        Returns:
            The new run.

        Raises:
            InvalidInputError: `path` is a file, a folder with something in it, or holds bytes that are no text.
            RunStoreError: The folder cannot be written.
        """
        created = datetime.now(UTC)
        name = (
            " ".join(name.split())
            or {"pretrain": "Pretraining", "finetune": "Fine-tuning", "import": "Imported model"}[kind]
        )
        if not is_text(str((path or self.root).absolute())):
            # Weights are read by a library that knows no such paths.
            raise InvalidInputError(
                "The name of the run's folder, or of one that it lies in, holds bytes that are no text.",
                "Choose a folder whose path is plain text.",
            )
        try:
            if path is None:
                folder = self._make_folder(f"{datetime.now():%Y%m%d-%H%M%S}_{kind}_{_slug(name)}")
            else:
                folder = _empty_folder(path)
            _claim_folder(folder)
        except OSError as error:
            raise unwritable(path or self.root, error) from error
        fields: dict[str, Any] = {
            "id": folder.name,
            "name": name,
            "kind": kind,
            "status": RunStatus.RUNNING,
            # To the microsecond: two runs of one second must still be told apart by age.
            "created": created.isoformat(timespec="microseconds"),
            "versions": library_versions(),
            "owner": process_identity.current_process(),
        }
        record = RunRecord.model_validate(fields | record_fields)
        settings = config.model_dump(mode="json") if isinstance(config, BaseModel) else dict(config)
        try:
            for subfolder in SUBFOLDERS[1:]:
                (folder / subfolder).mkdir()
            claim(record)
            # The record comes last: a folder without one is not yet a run.
            write_text(folder / CONFIG_FILE, json_text(settings, indent=2))
            write_text(folder / RECORD_FILE, json_text(record.model_dump(), indent=2))
        except (OSError, RunStoreError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise error if isinstance(error, RunStoreError) else unwritable(folder, error) from error
        return Run(folder)

    def open(self, path_or_id: Path | str) -> Run:
        """Open a run.

        Args:
            path_or_id: A run's folder, anywhere; or, as text, the id of a run in this store.

        Returns:
            The run.

        Raises:
            RunStoreError: There is none, it is damaged, or it was made by a newer version.
        """
        if isinstance(path_or_id, str) and _is_plain_name(path_or_id):
            inside = self.root / path_or_id
            if os.path.isfile(inside / RECORD_FILE):
                return Run(inside)
        return Run(Path(path_or_id))

    def list(self) -> list[Run]:
        """Return the runs of this store, newest first.

        A folder that is no run is passed over; a damaged one too, with a warning in the program's log, as is a store
        that cannot be looked into, such as one on a drive that is gone.
        """
        try:
            folders = list(self.root.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            _logger.warning("The runs in %s cannot be listed: %s", self.root, error)
            return []
        runs = []
        for folder in folders:
            if folder.name.startswith(".") or not os.path.isfile(folder / RECORD_FILE):
                continue
            try:
                runs.append(Run(folder))
            except RunStoreError as error:
                _logger.warning("%s", error)
        return sorted(runs, key=lambda run: (run.record.created, run.path.name), reverse=True)

    def delete(self, run: Run) -> str:
        """Move a run to the store's own trash.

        Args:
            run: A run of this store that is not running.

        Returns:
            What `restore_deleted` needs to bring it back.

        Raises:
            RunStoreError: It is running, lies outside the store, or cannot be moved.
        """
        if run.reload().status == RunStatus.RUNNING:
            raise RunStoreError(say("The run “{run}” is still running.", run=run.record.name), "Stop it first.")
        if run.path.parent.resolve() != self.root.resolve():
            raise RunStoreError(
                say("The run “{run}” lies outside the run store, in {folder}.", run=run.record.name, folder=run.path),
                "Delete that folder with your file manager.",
            )
        trash = self.root / TRASH_FOLDER
        token = _unused_name(trash, run.path.name)
        try:
            trash.mkdir(exist_ok=True)
            run.update(deleted=datetime.now(UTC).isoformat(timespec="seconds"))
            run.path.rename(trash / token)
        except OSError as error:
            raise unwritable(run.path, error) from error
        return token

    def restore_deleted(self, token: str) -> Run:
        """Bring a deleted run back.

        Args:
            token: What `delete` returned.

        Returns:
            The run, in the store again.

        Raises:
            RunStoreError: It is no longer in the trash, or cannot be moved.
        """
        if not _is_plain_name(token) or not os.path.isdir(self.root / TRASH_FOLDER / token):
            raise RunStoreError(
                say("No deleted run is called {token!r}.", token=token), "It may have been removed for good."
            )
        folder = self.root / _unused_name(self.root, token)
        try:
            (self.root / TRASH_FOLDER / token).rename(folder)
        except OSError as error:
            raise unwritable(folder, error) from error
        run = Run(folder)
        run.update(deleted="")
        return run

    def _make_folder(self, name: str) -> Path:
        self.root.mkdir(parents=True, exist_ok=True)
        while True:
            folder = self.root / _unused_name(self.root, name)
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder


def _claim_folder(folder: Path) -> None:
    """Make the first part of a run: of several processes that find a folder empty at one moment, one succeeds.

    Raises:
        InvalidInputError: Another one was first.
        OSError: The folder cannot be written.
    """
    try:
        (folder / SUBFOLDERS[0]).mkdir()
    except FileExistsError as error:
        raise InvalidInputError(
            say("Another run has just begun in the folder {folder}.", folder=folder),
            "Name a new or an empty folder for the run.",
        ) from error


def _empty_folder(path: Path) -> Path:
    folder = path.absolute()
    if folder.exists() and not folder.is_dir():
        raise InvalidInputError(say("{folder} is a file.", folder=folder), "Name a new folder for the run.")
    if folder.is_dir() and any(folder.iterdir()):
        raise InvalidInputError(
            say("The folder {folder} is not empty.", folder=folder), "Name a new or an empty folder for the run."
        )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _slug(name: str) -> str:
    """Turn a name into a short part of a folder name that every file system takes."""
    words = re.sub(r"\W+", "-", unicodedata.normalize("NFC", name).casefold())
    return words.strip("-_")[:40].rstrip("-_") or "run"


def _is_plain_name(text: str) -> bool:
    """Tell whether a text names an entry of a folder and cannot lead out of it."""
    return bool(text) and text not in {".", ".."} and not re.search(r"[/\\:\0]", text)


def _unused_name(folder: Path, name: str) -> str:
    candidate, number = name, 2
    while os.path.exists(folder / candidate):
        candidate, number = f"{name}-{number}", number + 1
    return candidate
