"""What the program keeps on the disk to be quicker next time: thumbnails, decoded photos and computed pictures.

All of it can go.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QThreadPool

from app.look.thumbnails import default_thumbnail_folder
from engine.comparing.pictures import PICTURES_FOLDER
from engine.machine.places import default_runs_folder
from engine.photos import decoded_files

MEGABYTE = 2**20


@dataclass(frozen=True)
class CacheFiles:
    """The files of one cache.

    Attributes:
        folder: Where they lie.
        pattern: How they are called; whatever else is in the folder is left alone.
    """

    folder: Path
    pattern: str

    def num_bytes(self) -> int:
        """Return what they take on the disk."""
        return sum(size for _, size in self._files())

    def clear(self) -> int:
        """Delete them; return what that has freed. One that is in use or protected is left."""
        num_freed = 0
        for path, size in self._files():
            try:
                path.unlink()
            except OSError:
                continue
            num_freed += size
        return num_freed

    def _files(self) -> list[tuple[Path, int]]:
        found = []
        for path in self.folder.glob(self.pattern):
            try:
                if path.is_file() and not path.is_symlink():
                    found.append((path, path.stat().st_size))
            except OSError:
                # Another window tidies up too.
                continue
        return found


def cache_files() -> tuple[CacheFiles, ...]:
    """Return all caches."""
    return (
        CacheFiles(default_thumbnail_folder(), "*.jpg"),
        CacheFiles(default_runs_folder().parent / PICTURES_FOLDER, "*.tif*"),
        CacheFiles(decoded_files.default_decoded_folder(), decoded_files.PATTERN),
    )


def limit_decoded_photos(gigabytes: int) -> None:
    """Set what decoded photos may take on the disk, for trainings in other processes too; 0: none is kept.

    What is too much goes in the background, the longest unused first.
    """
    os.environ[decoded_files.LIMIT_VARIABLE] = str(gigabytes)
    QThreadPool.globalInstance().start(decoded_files.decoded_files().prune)
