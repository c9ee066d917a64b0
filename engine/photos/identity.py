"""Telling whether a photo is still the same, without reading it."""

import hashlib

from engine.contracts.photo import PhotoRef
from engine.photo_files.opened_photo import disk_failure
from engine.photo_files.raw.bare import BARE_SUFFIXES, find_side_car


def identity_of(*photos: PhotoRef) -> str:
    """Return what changes whenever the pixels of any photo may have: names, times and sizes of all their files.

    To be asked before they are read: one that changes meanwhile then counts as changed the next time.

    Returns:
        Different for the pages of a file; "" where one is not there.
    """
    parts: list[str] = []
    for photo in photos:
        parts.append(str(photo))
        side_car = find_side_car(photo.file) if photo.suffix.lower() in BARE_SUFFIXES else None
        for file in (photo.file, side_car):
            try:
                status = None if file is None else file.stat()
            except OSError:
                return ""
            if status is not None:
                parts += [str(file), str(status.st_mtime_ns), str(status.st_size)]
    return "\n".join(parts)


def file_digest(photo: PhotoRef) -> str:
    """SHA-256 of a file's content, and of which page is meant where it has several, in hexadecimal.

    Raises:
        ImageReadError: The file cannot be read.
    """
    try:
        with photo.file.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
    except OSError as error:
        raise disk_failure(error) from error
    if photo.page:
        digest.update(f"page {photo.page}".encode())
    return digest.hexdigest()
