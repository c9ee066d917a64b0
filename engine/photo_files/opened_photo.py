"""Opening the file that a photo lies in."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from engine.contracts.errors import ImageReadError
from engine.contracts.photo import PhotoRef
from engine.photo_files.formats import SIGNATURE_BYTES, ZARR_SUFFIX, FileContent, zarr_error
from engine.photo_files.raw import files as raw_files
from engine.translatable import say


class OpenedPhoto(NamedTuple):
    """An open file and what it holds.

    Attributes:
        path: The file on the disk.
        file: The same, opened.
        content: By content, whatever its name ends in.
        page: Which page of it is meant, from 1.
    """

    path: Path
    file: BinaryIO
    content: FileContent
    page: int


@contextmanager
def open_photo(photo: PhotoRef | Path) -> Iterator[OpenedPhoto]:
    """Open the regular file that a photo lies in, and tell its format by content.

    Args:
        photo: The photo, or a file, whose first is meant.

    Raises:
        ImageReadError: It cannot be opened, is of no supported format, or the disk fails while it is open.
    """
    path, page = (photo.file, photo.page) if isinstance(photo, PhotoRef) else (photo, 0)
    try:
        # Opening a pipe would wait for a writer for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            if path.suffix.lower() == ZARR_SUFFIX and path.is_dir():
                raise zarr_error()
            kind = "a folder" if path.is_dir() else say("a device or pipe")
            raise ImageReadError(say("This is {kind}, not a file.", kind=kind), "Choose a file.")
        file = path.open("rb")
    except (FileNotFoundError, PermissionError) as error:
        raise disk_failure(error) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageReadError(
            say("The file cannot be opened ({reason}).", reason=reason), "Check the disk, then try again."
        ) from error
    with file:
        try:
            content = raw_files.identify(path, file, file.read(SIGNATURE_BYTES))
            if page and content != "tiff":
                raise ImageReadError("The file has no pages (any more).", "Close its folder and open it again.")
            yield OpenedPhoto(path, file, content, page or 1)
        except OSError as error:
            raise disk_failure(error) from error


def disk_failure(error: OSError) -> ImageReadError:
    """What to say of a photo that the disk does not give (any more)."""
    if isinstance(error, FileNotFoundError):
        return ImageReadError("The file is not there.", "It may have been moved or deleted; add it again.")
    if isinstance(error, PermissionError):
        return ImageReadError("The file may not be read.", "Change its permissions, or copy it elsewhere.")
    return ImageReadError(
        say("The file cannot be read from the disk ({error}).", error=error.strerror or error),
        "Check the disk, then try again.",
    )
