"""A lock between processes on one folder, for the moment in which a file is read, changed and written.

The system lets go of it when its process ends, however that happens, so there is nothing stale to clear away.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    LOCK_FILE = ".lock"

    @contextmanager
    def lock_folder(folder: Path) -> Iterator[None]:
        """Hold the folder; others who ask for it wait. Where its disk knows no locks, nobody waits.

        Args:
            folder: It must exist.
        """
        try:
            descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT)
        except OSError:
            yield
            return
        try:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
            except OSError:
                yield
                return
            try:
                yield
            finally:
                os.lseek(descriptor, 0, os.SEEK_SET)
                msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        finally:
            os.close(descriptor)

else:
    import fcntl

    @contextmanager
    def lock_folder(folder: Path) -> Iterator[None]:
        """Hold the folder; others who ask for it wait. Where its disk knows no locks, nobody waits.

        Args:
            folder: It must exist.
        """
        try:
            # The folder itself: a lock file could be a link or a pipe in a run from elsewhere.
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            yield
            return
        try:
            _try_lock(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _try_lock(descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            return
