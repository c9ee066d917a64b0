"""What the program keeps on the disk to be quicker next time: thumbnails, decoded photos and computed pictures.

All of it can go.
"""

import os

from PySide6.QtCore import QThreadPool

from app.look.thumbnails import ThumbnailFiles
from engine.comparing.pictures import kept_pictures
from engine.machine.caches import BoundedFolder
from engine.machine.places import Place
from engine.machine.processes.environment import DECODED_PHOTOS_VARIABLE
from engine.photos import decoded_files

MEGABYTE = 2**20


def cache_files() -> tuple[BoundedFolder, ...]:
    """Return all caches."""
    return (
        ThumbnailFiles(Place.THUMBNAILS.path()),
        kept_pictures(Place.COMPARISON_PICTURES.path()),
        decoded_files.decoded_files(),
    )


def limit_decoded_photos(gigabytes: int) -> None:
    """Set what decoded photos may take on the disk, for trainings in other processes too; 0: none is kept.

    What is too much goes in the background, the longest unused first.
    """
    os.environ[DECODED_PHOTOS_VARIABLE] = str(gigabytes)
    QThreadPool.globalInstance().start(decoded_files.decoded_files().prune)
