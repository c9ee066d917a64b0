"""Telling whether a photo is still the same, without reading it."""

import hashlib
from pathlib import Path

from engine.contracts.photo import PhotoRef
from engine.photo_files.opened_photo import disk_failure
from engine.photo_files.raw.bare import BARE_SUFFIXES, find_side_car
from engine.photo_files.values.given import identity_of_levels


def identity_of(*files: PhotoRef | Path) -> str:
    """Return what changes whenever any photo, or file of another kind, may have: names, times and sizes.

    What is black and white in it by hand counts too: what is measured on it depends on that.
    To be asked before they are read: one that changes meanwhile then counts as changed the next time.

    Returns:
        Different for the pages of a file; "" where one is not there.
    """
    parts: list[str] = []
    for named in files:
        file = named.file if isinstance(named, PhotoRef) else named
        parts.append(str(named))
        if levels := identity_of_levels(PhotoRef.of(named)):
            parts.append(f"levels {levels}")
        try:
            side_car = find_side_car(file) if file.suffix.lower() in BARE_SUFFIXES else None
            for one in filter(None, (file, side_car)):
                status = one.stat()
                parts += [str(one), str(status.st_mtime_ns), str(status.st_size)]
        except OSError:
            return ""
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
