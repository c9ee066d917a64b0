"""Telling whether a photo is still the file that it was, without reading it."""

import hashlib
from pathlib import Path

from engine.machine.caches import identity_of
from engine.photo_files.opened_photo import disk_failure
from engine.photo_files.raw.bare import BARE_SUFFIXES, find_side_car
from engine.photo_files.tiff.pages import containing_file, page_number


def identity_of_photo(path: Path) -> str:
    """Return what changes whenever a photo's pixels may have: paths, times and sizes of all its files.

    To be asked before the photo is read: one that changes meanwhile then counts as changed the next time.

    Args:
        path: A file, or a page of one.

    Returns:
        Different for the pages of a file; "" where it is not there.
    """
    files = [containing_file(path)]
    side_car = find_side_car(path) if path.suffix.lower() in BARE_SUFFIXES else None
    if side_car is not None:
        files.append(side_car)
    identity = identity_of(files)
    return f"{path}\n{identity}" if identity else ""


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, and of which page is meant where it has several, in hexadecimal.

    Raises:
        ImageReadError: The file cannot be read.
    """
    try:
        with containing_file(path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
    except OSError as error:
        raise disk_failure(error) from error
    number = page_number(path)
    if number is not None:
        digest.update(f"page {number}".encode())
    return digest.hexdigest()
