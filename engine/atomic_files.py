"""Writing files so that a reader, or a power cut, never meets half of one.

A temporary file in the same folder is written, flushed to the disk and then renamed over the target: the target is
at any time either the old file or the whole new one.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY_PREFIX = ".residua-"
"""How the names of temporary files begin; hidden, so that folder listings pass over a file left by a power cut."""


def write_bytes_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path`, replacing what is there, whole or not at all.

    Args:
        path: The file; its folder must exist.
        data: The new content.

    Raises:
        OSError: The folder cannot be written or the disk is full; the old file is untouched.
    """
    with replace_atomically(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def replace_atomically(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; on leaving without an error it becomes `path`.

    Args:
        path: The file to replace; its folder must exist.

    Yields:
        An empty file in the same folder, with the same suffix.

    Raises:
        OSError: The folder cannot be written or the disk is full; the old file is untouched.
    """
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}.part{path.suffix[:16]}")
    # Created here rather than by the caller: O_EXCL cannot meet another's file, and 0o666 obeys the umask, which
    # the tempfile module does not.
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield temporary
        _flush_to_disk(temporary)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


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
