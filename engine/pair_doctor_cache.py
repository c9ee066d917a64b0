"""What the pair doctor has measured, kept by the identity of the files: a pair is examined once."""

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pydantic

from engine.atomic_files import write_bytes_atomically
from engine.data.photo_pairs import PhotoPair
from engine.json_files import read_json_object
from engine.pair_doctor_measures import PairMeasures
from engine.run_store import default_runs_folder

CACHE_VERSION = 2
"""To be raised when `PairMeasures` or what it is computed from changes."""

MAX_PAIRS = 5000

_logger = logging.getLogger(__name__)
_READER = pydantic.TypeAdapter(PairMeasures)


def default_cache_file() -> Path:
    """Return where measures are kept between sessions: beside the runs."""
    return default_runs_folder().parent / "cache" / "examined_pairs.json"


class MeasuresCache:
    """Measures by file identity: path, time of change and size of both files."""

    def __init__(self, path: Path) -> None:
        """Read what is there; a file that cannot be read or is of another version counts as empty.

        Args:
            path: The cache's file.
        """
        self._path = path
        self._entries: dict[str, Any] = {}
        self._is_changed = False
        try:
            content = read_json_object(path)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            _logger.warning("The measures in %s are unreadable and will be taken again: %s", path, error)
            return
        if content.get("version") == CACHE_VERSION:
            entries = content.get("pairs")
            self._entries = entries if isinstance(entries, dict) else {}

    def find(self, pair: PhotoPair) -> PairMeasures | None:
        """Return what was measured on a pair; None where nothing was, or a file has changed since."""
        key = _identity(pair)
        entry = self._entries.get(key) if key else None
        if entry is None:
            return None
        try:
            return _READER.validate_python(entry)
        except pydantic.ValidationError:
            return None

    def add(self, pair: PhotoPair, measures: PairMeasures) -> None:
        """Remember what was measured on a pair; of too many the oldest are forgotten."""
        key = _identity(pair)
        if not key:
            return
        self._entries.pop(key, None)
        self._entries[key] = asdict(measures)
        while len(self._entries) > MAX_PAIRS:
            self._entries.pop(next(iter(self._entries)))
        self._is_changed = True

    def save(self) -> None:
        """Write the file if there is anything new; measures that cannot be kept are taken again the next time."""
        if not self._is_changed:
            return
        content = json.dumps({"version": CACHE_VERSION, "pairs": self._entries}, separators=(",", ":"))
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes_atomically(self._path, content.encode())
        except OSError as error:
            _logger.warning("The measures of the pairs are not kept in %s: %s", self._path, error)
            return
        self._is_changed = False


def _identity(pair: PhotoPair) -> str:
    """Both files' paths, times and sizes; "" where one is not there."""
    parts: list[str] = []
    for path in (pair.noisy, pair.clean):
        try:
            status = path.stat()
        except OSError:
            return ""
        parts += [str(path), str(status.st_mtime_ns), str(status.st_size)]
    return "\n".join(parts)
