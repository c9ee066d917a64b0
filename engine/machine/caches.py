"""What is kept on the disk to be quicker next time: measures of files in one file, and folders of bounded size."""

import json
import logging
import shutil
import stat
from collections.abc import Container
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pydantic

from engine.machine.atomic_files import TEMPORARY_PREFIX, write_bytes_atomically
from engine.machine.json_files import MAX_JSON_BYTES, is_text, read_json_object

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
            limit: How many are kept; beyond, and beyond what is read again, the oldest are forgotten.
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

    def find(self, identity: str) -> Measures | None:
        """Return what was measured on files of an identity; None where nothing was, and for ""."""
        entry = self._entries.get(identity) if identity else None
        if entry is None:
            return None
        try:
            return self._reader.validate_python(entry)
        except pydantic.ValidationError:
            return None

    def add(self, identity: str, measures: Measures) -> None:
        """Remember what was measured on files that had an identity before they were read; "": nothing is kept.

        Of too many the oldest are forgotten.
        """
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
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes_atomically(self._path, self._content())
        except OSError as error:
            _logger.warning("Measures are not kept in %s: %s", self._path, error)
            return
        self._is_changed = False

    def _content(self) -> bytes:
        """Return the file: of the measures the newest, as many as are read again."""
        head, tail = b'{"version":%d,"measures":{' % self._version, b"}}"
        left = MAX_JSON_BYTES - len(head) - len(tail)
        newest: list[bytes] = []
        for identity, measures in reversed(self._entries.items()):
            entry = b"%b:%b" % (_as_json(identity), _as_json(measures))
            left -= len(entry) + 1
            if left < 0:
                break
            newest.append(entry)
        return head + b",".join(reversed(newest)) + tail


def _as_json(content: Any) -> bytes:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    # A name may hold bytes that are no text.
    return (text if is_text(text) else json.dumps(content)).encode("utf-8")


class BoundedFolder:
    """A folder of files that can be made again: of too many those go that were not used for longest.

    A file is used when its time of change is set. What another process is writing, and whatever is called otherwise
    than the files of the cache, is left alone.

    Attributes:
        folder: It need not be there.
        limit_bytes: What the files may take together.
    """

    def __init__(self, folder: Path, pattern: str, limit_bytes: int, reserve_bytes: int = 0) -> None:
        """Set what is kept where.

        Args:
            folder: Where the files lie.
            pattern: How they are called: "*.jpg".
            limit_bytes: What they may take together.
            reserve_bytes: What is left free on the disk.
        """
        self.folder = folder
        self.limit_bytes = limit_bytes
        self._pattern = pattern
        self._reserve_bytes = reserve_bytes

    def num_bytes(self) -> int:
        """Return what the files take."""
        return sum(size for _, size, _ in self._files())

    def capacity(self) -> int:
        """Return what files could take if all that are there went."""
        return max(min(self.limit_bytes, self.num_bytes() + self._free_bytes()), 0)

    def make_room(self, num_bytes: int = 0, *, keep: Container[str] = ()) -> bool:
        """Delete the files that were not used for longest until there is room.

        Args:
            num_bytes: For a file that is to be added; 0: until those that are there fit.
            keep: Names of files that stay.

        Returns:
            Whether there is room now.
        """
        files = self._files()
        used, free = sum(size for _, size, _ in files), self._free_bytes()
        for path, size, _ in sorted(files, key=lambda file: file[2]):
            if used + num_bytes <= self.limit_bytes and num_bytes <= free:
                break
            if path.name not in keep and _is_deleted(path):
                used -= size
                free += size
        return used + num_bytes <= self.limit_bytes and num_bytes <= free

    def clear(self) -> None:
        """Delete all files; one that is in use or protected stays."""
        for path, _, _ in self._files():
            _is_deleted(path)

    def _free_bytes(self) -> int:
        with suppress(OSError):
            place = next(folder for folder in (self.folder, *self.folder.absolute().parents) if folder.is_dir())
            return shutil.disk_usage(place).free - self._reserve_bytes
        return 0

    def _files(self) -> list[tuple[Path, int, int]]:
        """Each file with its size and when it was last used."""
        found = []
        # Of a folder that cannot be looked into nothing is known.
        with suppress(OSError):
            for path in self.folder.glob(self._pattern):
                # Another process tidies up too.
                with suppress(OSError):
                    status = path.lstat()
                    if stat.S_ISREG(status.st_mode) and not path.name.startswith(TEMPORARY_PREFIX):
                        found.append((path, status.st_size, status.st_mtime_ns))
        return found


def _is_deleted(path: Path) -> bool:
    """Delete a file if it can be; one that another process has deleted is deleted too."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _logger.info("%s cannot be deleted to make room: %s", path, error)
        return False
    return True
