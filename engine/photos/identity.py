"""Telling whether a photo is still the same: without reading it, and by its content."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Final

from engine.contracts.photo import PhotoRef
from engine.photo_files.metadata.provenance import Provenance, digest_of_file, is_intact, read_provenance
from engine.photo_files.opened_photo import disk_failure
from engine.photo_files.raw.bare import BARE_SUFFIXES, find_side_car
from engine.photo_files.values.given import identity_of_levels, identity_of_page_levels

_NUM_REMEMBERED_FILES: Final = 20_000


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
        if levels := identity_of_page_levels(PhotoRef.of(named)):
            parts.append(f"levels of pages {levels}")
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


def source_digest(photo: PhotoRef, of_file: str = "") -> str:
    """Return the SHA-256 by which a result tells what it was made from, in hexadecimal.

    Of all that makes the photo: its file, a page's number, a bare mosaic's side-car.

    Args:
        photo: The photo.
        of_file: That of its file's content, where it is known.

    Raises:
        ImageReadError: It cannot be read.
    """
    try:
        digest = of_file or digest_of_state(photo.file)
        side_car = find_side_car(photo.file) if photo.suffix.lower() in BARE_SUFFIXES else None
        more = "" if side_car is None else digest_of_file(side_car)
    except OSError as error:
        raise disk_failure(error) from error
    if not photo.page and not more:
        return digest
    return hashlib.sha256(f"{digest} {photo.page or ''} {more}".encode()).hexdigest()


def digest_of_state(file: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal, read once for each state of the file.

    A file of a thousand pages is a thousand photos, and what is done is asked again with every setting that changes.

    Raises:
        OSError: It cannot be read.
    """
    return _digest_of_state(file, *_state(file))


def is_state_intact(file: Path) -> bool:
    """Tell as `is_intact` does, once for each state of the file; False where it is not there."""
    try:
        return _is_state_intact(file, *_state(file))
    except OSError:
        return False


def provenance_of_state(file: Path) -> Provenance | None:
    """Return as `read_provenance` does, once for each state of the file; None where it is not there."""
    try:
        return _provenance_of_state(file, *_state(file))
    except OSError:
        return None


def _state(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=_NUM_REMEMBERED_FILES)
def _digest_of_state(file: Path, modified_ns: int, num_bytes: int) -> str:
    del modified_ns, num_bytes
    return digest_of_file(file)


@lru_cache(maxsize=_NUM_REMEMBERED_FILES)
def _is_state_intact(file: Path, modified_ns: int, num_bytes: int) -> bool:
    del modified_ns, num_bytes
    return is_intact(file)


@lru_cache(maxsize=_NUM_REMEMBERED_FILES)
def _provenance_of_state(file: Path, modified_ns: int, num_bytes: int) -> Provenance | None:
    del modified_ns, num_bytes
    return read_provenance(file)
