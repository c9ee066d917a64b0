"""Writing files so that a reader, or a power cut, never meets half of one.

A temporary file in the same folder is written, flushed to the disk and then renamed over the target: the target is
at any time either the old file or the whole new one.
"""

import errno
import os
import re
import secrets
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

Publish = Callable[[Path, Path], Path]
"""Gives a temporary file, which is whole, the name of another one, and returns how it is called now."""

TEMPORARY_PREFIX = ".residua-"
"""How the names of temporary files begin; hidden, so that folder listings pass over a file left by a power cut."""

LEFTOVER_AGE_S = 24 * 3600.0
"""A temporary file that was last written to so long ago has no writer any more: one file is written in minutes."""

UNFINISHED_SUFFIX = ".unfinished"
"""How those go on that are kept on purpose, see `engine.photo_files.tiff.unfinished_stacks`."""

UNFINISHED_AGE_S = 30 * LEFTOVER_AGE_S
"""Nobody goes on with what was stopped so long ago."""

_LEFTOVER_NAME = re.compile(
    rf"{re.escape(TEMPORARY_PREFIX)}[0-9a-f]{{16}}(\.part|(?P<kept>{re.escape(UNFINISHED_SUFFIX)}))(\..{{0,31}})?"
)
_swept_lock = threading.Lock()
_swept: set[str] = set()


def put_in_place(temporary: Path, path: Path) -> Path:
    """Rename a file, replacing what is there.

    Raises:
        OSError: It cannot be renamed.
    """
    os.replace(temporary, path)
    return path


def put_unless_there(temporary: Path, path: Path) -> Path:
    """Rename a file unless another one is called so, also one that another process has made just now.

    Raises:
        FileExistsError: One is; both are as they were.
        OSError: It cannot be renamed.
    """
    if os.name == "nt":
        # Refuses there what it replaces elsewhere.
        os.rename(temporary, path)
        return path
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        # Memory cards and some network drives have no links: what can be done there is to look right before.
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        os.replace(temporary, path)
    else:
        temporary.unlink()
    return path


def write_bytes_atomically(
    path: Path, data: bytes, modified_ns: int | None = None, publish: Publish = put_in_place
) -> None:
    """Write `data` to `path`, whole or not at all, replacing what is there unless `publish` does otherwise.

    Args:
        path: The file; its folder must exist.
        data: The new content.
        modified_ns: When the file counts as modified, nanoseconds since 1970; None: now.
        publish: As for `replace_atomically`.

    Raises:
        OSError: The folder cannot be written or the disk is full; the old file is untouched.
    """
    with replace_atomically(path, modified_ns, publish=publish) as temporary:
        temporary.write_bytes(data)


@contextmanager
def replace_atomically(
    path: Path, modified_ns: int | None = None, *, publish: Publish = put_in_place
) -> Iterator[Path]:
    """Give a temporary path to write to; on leaving without an error it becomes `path`.

    Args:
        path: The file to replace; its folder must exist.
        modified_ns: As of `write_bytes_atomically`.
        publish: Gives the finished file its name.

    Yields:
        An empty file in the same folder, with the same suffix.

    Raises:
        OSError: The folder cannot be written or the disk is full; the old file is untouched.
    """
    _sweep_once(path.parent)
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}.part{path.suffix[:16]}")
    # Created here rather than by the caller: O_EXCL cannot meet another's file, and 0o666 obeys the umask, which
    # the tempfile module does not.
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield temporary
        _flush_to_disk(temporary)
        path = publish(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if modified_ns is not None:
        # Only now: an old temporary file is a leftover to other processes. Some network drives and memory cards refuse
        # it; the content matters more.
        with suppress(OSError):
            os.utime(path, ns=(time.time_ns(), modified_ns))
    # The file is in its place already. Folders that may be written but not listed, and some network drives, refuse it.
    with suppress(OSError):
        _flush_folder(path.parent)


def remove_leftovers(folder: Path) -> int:
    """Remove the temporary files in a folder whose writer was killed more than a day ago, or stopped a month ago.

    Only plain files whose whole name is one that `replace_atomically`, or an unfinished stack, gives are ever removed,
    and nothing below the folder's own subfolders.

    Args:
        folder: The folder; one that cannot be read has nothing to remove.

    Returns:
        How many were removed; one that cannot be removed stays.
    """
    limit = time.time() - LEFTOVER_AGE_S
    num_removed = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _LEFTOVER_NAME.fullmatch(entry.name)
            if match is None:
                continue
            oldest = limit if match["kept"] is None else limit + LEFTOVER_AGE_S - UNFINISHED_AGE_S
            # Another program may have removed it, or may hold it open where that forbids removing.
            with suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode) and status.st_mtime < oldest:
                    os.unlink(entry.path)
                    num_removed += 1
    return num_removed


def _sweep_once(folder: Path) -> None:
    """Remove leftovers when a folder is first written to by this process: listing it each time would cost more."""
    key = os.path.abspath(folder)
    with _swept_lock:
        if key in _swept:
            return
        _swept.add(key)
    remove_leftovers(folder)


def _flush_to_disk(path: Path) -> None:
    # Windows flushes only handles that may write.
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    """Make the rename itself durable; Windows neither needs nor allows it."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
