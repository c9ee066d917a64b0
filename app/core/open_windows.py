"""Which windows of the program share one folder of preferences: the second one is told of the first.

Each window leaves a note that names its process. A note whose process is gone, however it ended, counts for nothing.
"""

import json
import logging
import secrets
from pathlib import Path

from app.core.messages import Message, Severity
from app.look.translation import tr
from engine.machine import process_identity
from engine.machine.atomic_files import write_bytes_atomically
from engine.machine.json_files import read_json_object

logger = logging.getLogger(__name__)

NOTES_FOLDER = "windows"


class OpenWindows:
    """The notes of the windows that share a folder."""

    def __init__(self, folder: Path) -> None:
        """Take the folder.

        Args:
            folder: Where the preferences are; need not exist yet.
        """
        self._folder = folder / NOTES_FOLDER
        self._own = self._folder / f"{secrets.token_hex(8)}.json"

    def announce(self) -> int:
        """Leave this window's note.

        Returns:
            How many other windows are open.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_bytes_atomically(self._own, json.dumps(process_identity.current_process()).encode())
            return sum(self._is_open(path) for path in self._folder.glob("*.json") if path != self._own)
        except OSError as error:
            logger.warning("Other windows cannot be told of this one: %s", error)
            return 0

    def withdraw(self) -> None:
        """Take the note away."""
        try:
            self._own.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("%s stays behind: %s", self._own, error)

    def _is_open(self, path: Path) -> bool:
        """Whether a note's process lives; one that does not is cleared away."""
        try:
            owner = read_json_object(path)
        except (OSError, ValueError):
            owner = {}
        # Another machine's processes cannot be seen from here: its windows tell of themselves there.
        if not owner or (process_identity.is_local(owner) and not process_identity.is_alive(owner)):
            path.unlink(missing_ok=True)
            return False
        return process_identity.is_local(owner)


def other_window_message() -> Message:
    """What the second window says."""
    return Message(
        severity=Severity.WARNING,
        text=tr("Another window of Residua is open with the same runs and preferences."),
        hint=tr(
            "Both can be used: each trains runs of its own, and keeps the preferences that are changed in it. "
            "Trainings at the same time share the machine."
        ),
    )
