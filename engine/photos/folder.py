"""Finding the photos in folders, without decoding them."""

import logging
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from engine.contracts.errors import ImageReadError, InvalidInputError
from engine.contracts.events import FileSkipped
from engine.contracts.photo import PhotoPlace, PhotoRef
from engine.photo_files.formats import (
    IMAGE_SUFFIXES,
    OTHER_PHOTO_SUFFIXES,
    PHONE_SUFFIXES,
    RAW_SUFFIXES,
    ZARR_SUFFIX,
)
from engine.photo_files.photos import ImageInfo, probe_image
from engine.photo_files.raw.bare import describes_itself
from engine.photo_files.tiff.pages import list_pages
from engine.photos.identity import provenance_of_state
from engine.translatable import say

_logger = logging.getLogger(__name__)

_LISTED_SUFFIXES = IMAGE_SUFFIXES | PHONE_SUFFIXES | RAW_SUFFIXES | OTHER_PHOTO_SUFFIXES
_DIGITS = re.compile(r"(\d+)")

NaturalKey = tuple[tuple[tuple[int, str], ...], str]


def natural_sort_key(name: str) -> NaturalKey:
    """Return a key by which "photo 2" comes before "photo 10", whatever the case of the letters."""
    parts = _DIGITS.split(name.casefold())
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts), name


@lru_cache(maxsize=1 << 16)
def photo_sort_key(photo: PhotoRef) -> tuple[NaturalKey, NaturalKey, int]:
    """Return a key that sorts photos by folder and name; pages of a file stand where the file would.

    Remembered: several lists of the window sort ten thousand photos again and again.
    """
    return natural_sort_key(str(photo.file.parent)), natural_sort_key(photo.file.name), photo.page


def list_image_files(places: Sequence[PhotoPlace], recursive: bool = True) -> list[PhotoRef]:
    """List the photos in folders, by their names alone; each page of a TIFF file of several is one.

    Photos of formats that cannot be read are listed too, so that `find_usable_photos` can say why; other files,
    hidden files and hidden folders are passed over. A file that is given itself is listed whatever its name is; so is
    one of several with a photo's name that is not there any more: that it is gone is its own failure alone.

    Args:
        places: Folders, files, and photos.
        recursive: Whether subfolders are searched; links that lead back are followed once.

    Returns:
        The photos, each once, in the order of `places`, within a folder in natural order, before its subfolders.

    Raises:
        InvalidInputError: One of `places` is not there or may not be read, or nothing of what was given is there.
    """
    photos: dict[PhotoRef, None] = {}
    visited: set[tuple[int, int]] = set()
    num_gone = 0
    for place in places:
        photo = PhotoRef.of(place)
        file = photo.file
        try:
            if file.is_dir() and file.suffix.lower() == ZARR_SUFFIX:
                photos[photo] = None
            elif file.is_dir():
                found = list(_walk(file, recursive, visited))
                # A photo may have become a folder since it was listed.
                photos.update(dict.fromkeys(found or ([photo] if _is_photo_s_name(file) else [])))
            elif photo.is_on_disk():
                photos.update(dict.fromkeys([photo] if photo.page else list_pages(file)))
            else:
                num_gone += 1
                if num_gone == len(places) or not _is_photo_s_name(file):
                    raise InvalidInputError(
                        say("{photo} is not there.", photo=photo), "Check the path, or add the folder again."
                    )
                photos[photo] = None
        except PermissionError as error:
            if _is_photo_s_name(file) and len(places) > 1:
                photos[photo] = None
                continue
            raise InvalidInputError(
                say("The folder {photo} may not be read.", photo=photo), "Change its permissions, or copy it elsewhere."
            ) from error
        except OSError as error:
            raise InvalidInputError(
                say("The folder {photo} cannot be read ({strerror}).", photo=photo, strerror=error.strerror),
                "Check the disk, then try again.",
            ) from error
    return list(photos)


def group_stacks(
    photos: Iterable[PhotoRef], places: Iterable[PhotoPlace] = ()
) -> list[tuple[PhotoRef, tuple[int, ...]]]:
    """Put the pages of each file together.

    Args:
        photos: As `list_image_files` gives them.
        places: What was listed: a page that was named itself stays a photo of its own.

    Returns:
        Photos with no pages, and, in place of several of one file, the file with their numbers.
    """
    named = {place for place in map(PhotoRef.of, places) if place.page}
    pages: dict[Path, list[int]] = {}
    listed = list(photos)
    for photo in listed:
        if photo.page and photo not in named:
            pages.setdefault(photo.file, []).append(photo.page)
    grouped: dict[PhotoRef, tuple[int, ...]] = {}
    for photo in listed:
        numbers = pages.get(photo.file, [])
        if photo.page in numbers and len(numbers) > 1:
            grouped[PhotoRef(photo.file)] = tuple(numbers)
        else:
            grouped[photo] = ()
    return list(grouped.items())


class ResultsBeside:
    """Tells photos from what was restored from another of them and lies beside it.

    A result has hardly any noise left: counted as a photo, it would say so of its folder, and a training would learn
    it. One that lies elsewhere is a photo, and so is one that was given itself. Only files that are named after another
    one ("night_restored.jpg" or "night (2).tif" after "night.jpg") are asked: to open each one of ten thousand takes as
    long again as listing them.
    """

    def __init__(self, photos: Iterable[PhotoRef], places: Iterable[PhotoPlace]) -> None:
        """Take what is there.

        Args:
            photos: As `list_image_files` gives them.
            places: What was listed.
        """
        files = {photo.file for photo in photos}
        self._present = {(file.parent, file.name.casefold()) for file in files}
        self._stems = {(file.parent, file.stem.casefold()) for file in files}
        self._given = {PhotoRef.of(place).file for place in places}

    def skipped(self, photo: PhotoRef) -> FileSkipped | None:
        """Return why one of the photos is none; None where it is one. Reads what the file says of itself."""
        file = photo.file
        if file in self._given or not self._is_named_after_another(file):
            return None
        provenance = provenance_of_state(file)
        if provenance is None:
            return None
        source = provenance.source.casefold()
        if source == file.name.casefold() or (file.parent, source) not in self._present:
            return None
        return FileSkipped(
            path=photo,
            reason=say("It was restored from {name}, which lies beside it.", name=provenance.source),
            hint="To use it all the same, add the file itself.",
            is_result=True,
        )

    def _is_named_after_another(self, file: Path) -> bool:
        name, folder = file.stem.casefold(), file.parent
        ends = (end for end, letter in enumerate(name) if not letter.isalnum())
        return any((folder, name[:end]) in self._stems for end in ends)


def find_usable_photos(photos: Iterable[PhotoRef]) -> tuple[list[tuple[PhotoRef, ImageInfo]], list[FileSkipped]]:
    """Tell the photos from what cannot be used, by their headers.

    Args:
        photos: As `list_image_files` gives them.

    Returns:
        The usable photos with their sizes, and each other file with its reason; both in the given order.
    """
    usable: list[tuple[PhotoRef, ImageInfo]] = []
    skipped: list[FileSkipped] = []
    for photo in photos:
        try:
            usable.append((photo, probe_image(photo)))
        except ImageReadError as error:
            skipped.append(FileSkipped(path=photo, reason=error.message, hint=error.hint))
    return usable, skipped


def find_photos_in(places: Sequence[PhotoPlace]) -> tuple[list[tuple[PhotoRef, ImageInfo]], list[FileSkipped]]:
    """Find what can be learned from: photos that can be used, without what was restored from others beside it.

    Args:
        places: Folders, with all below them, and single files.

    Returns:
        As of `find_usable_photos`; of the skipped files the results come first.
    """
    listed = list_image_files(places, recursive=True)
    beside = ResultsBeside(listed, places)
    results = {photo: reason for photo in listed if (reason := beside.skipped(photo)) is not None}
    usable, skipped = find_usable_photos(photo for photo in listed if photo not in results)
    return usable, [*results.values(), *skipped]


def _walk(folder: Path, recursive: bool, visited: set[tuple[int, int]]) -> Iterator[PhotoRef]:
    """Yield a folder's photos, then those of its subfolders.

    Raises:
        OSError: The folder itself cannot be read; subfolders that cannot are passed over with a log entry.
    """
    status = folder.stat()
    identity = (status.st_dev, status.st_ino)
    if identity in visited:
        return
    visited.add(identity)
    names: list[str] = []
    subfolders: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if _is_hidden(entry):
                continue
            is_zarr = entry.name.lower().endswith(ZARR_SUFFIX) and _is_folder(entry)
            if is_zarr or (_is_named_like_a_photo(entry) and not _is_folder(entry)):
                names.append(entry.name)
            elif recursive and _is_folder(entry):
                subfolders.append(entry.name)
    for name in sorted(names, key=natural_sort_key):
        yield from list_pages(folder / name)
    for name in sorted(subfolders, key=natural_sort_key):
        try:
            yield from _walk(folder / name, recursive, visited)
        except OSError as error:
            _logger.warning("Passing over the folder %s: %s", folder / name, error)


def is_no_photo(photo: PhotoRef) -> bool:
    """Tell whether a file is no photo, by its name and, where that promises none, by its content."""
    if _is_photo_s_name(photo.file) or not photo.is_on_disk() or os.path.isdir(photo.file):
        return False
    try:
        probe_image(photo)
    except ImageReadError:
        return True
    return False


def _is_photo_s_name(path: Path) -> bool:
    return path.suffix.lower() in _LISTED_SUFFIXES


def _is_named_like_a_photo(entry: os.DirEntry[str]) -> bool:
    # Files of bare numbers have endings that others have too.
    return os.path.splitext(entry.name)[1].lower() in _LISTED_SUFFIXES or describes_itself(Path(entry.path))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads to itself.
        return False


def _is_hidden(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith("."):
        return True
    if os.name != "nt":
        return False
    attributes = getattr(entry.stat(follow_symlinks=False), "st_file_attributes", 0)
    return bool(attributes & stat.FILE_ATTRIBUTE_HIDDEN)
