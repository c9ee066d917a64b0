"""What was measured on files, kept between sessions by the identity of the files: nothing is measured twice."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pydantic

from engine.machine.atomic_files import write_bytes_atomically
from engine.machine.json_files import read_json_object

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Measures = TypeVar("Measures", bound=DataclassInstance)
else:
    Measures = TypeVar("Measures")

_logger = logging.getLogger(__name__)


class KeptMeasures(Generic[Measures]):
    """Measures by file identity: paths, times of change and sizes of the files that they were taken on."""

    def __init__(self, path: Path, kind: type[Measures], *, version: int, limit: int) -> None:
        """Read what is there; a file that cannot be read or is of another version counts as empty.

        Args:
            path: The cache's file.
            kind: The dataclass of the measures.
            version: To be raised when `kind`, or what it is computed from, changes.
            limit: How many are kept; beyond, the oldest are forgotten.
        """
        self._path = path
        self._version = version
        self._limit = limit
        self._reader = pydantic.TypeAdapter(kind)
        self._entries: dict[str, Any] = {}
        self._is_changed = False
        try:
            content = read_json_object(path)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            _logger.warning("The measures in %s are unreadable and will be taken again: %s", path, error)
            return
        if content.get("version") == version:
            entries = content.get("measures")
            self._entries = entries if isinstance(entries, dict) else {}

    def find(self, files: Sequence[Path]) -> Measures | None:
        """Return what was measured on files; None where nothing was, or one has changed since."""
        return self.find_by_identity(identity_of(files))

    def find_by_identity(self, identity: str) -> Measures | None:
        """Return what was measured on files of an identity; None for ""."""
        entry = self._entries.get(identity) if identity else None
        if entry is None:
            return None
        try:
            return self._reader.validate_python(entry)
        except pydantic.ValidationError:
            return None

    def add(self, files: Sequence[Path], measures: Measures) -> None:
        """Remember what was measured on files; of too many the oldest are forgotten."""
        self.add_by_identity(identity_of(files), measures)

    def add_by_identity(self, identity: str, measures: Measures) -> None:
        """Remember what was measured on files that had an identity before they were read; "": nothing is kept."""
        if not identity:
            return
        self._entries.pop(identity, None)
        self._entries[identity] = asdict(measures)
        while len(self._entries) > self._limit:
            self._entries.pop(next(iter(self._entries)))
        self._is_changed = True

    def save(self) -> None:
        """Write the file if there is anything new; measures that cannot be kept are taken again the next time."""
        if not self._is_changed:
            return
        content = json.dumps({"version": self._version, "measures": self._entries}, separators=(",", ":"))
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes_atomically(self._path, content.encode("utf-8"))
        except OSError as error:
            _logger.warning("Measures are not kept in %s: %s", self._path, error)
            return
        self._is_changed = False


def identity_of(files: Sequence[Path]) -> str:
    """Return the files' paths, times and sizes; "" where one is not there."""
    parts: list[str] = []
    for path in files:
        try:
            status = path.stat()
        except OSError:
            return ""
        parts += [str(path), str(status.st_mtime_ns), str(status.st_size)]
    return "\n".join(parts)
