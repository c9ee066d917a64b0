"""Folders that results go into: made, or tried before a batch takes its time."""

import errno
import os
import secrets
from pathlib import Path

from engine.contracts.errors import ImageWriteError
from engine.machine.atomic_files import TEMPORARY_PREFIX
from engine.translatable import say


def make_folder(folder: Path, hint: str = "Choose another folder.") -> None:
    """Make a folder, and those above it, if it is not there.

    Args:
        folder: The folder.
        hint: What to do where it cannot be made.

    Raises:
        ImageWriteError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageWriteError(
            say("The folder {folder} cannot be made ({error}).", folder=folder, error=error.strerror or error), hint
        ) from error


def check_destination(folder: Path) -> None:
    """Try whether files can be made in a folder, or the folder itself where it is not there yet; nothing is left.

    Args:
        folder: The destination.

    Raises:
        ImageWriteError: It cannot be written, with the reason.
    """
    try:
        existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        if not existing.is_dir():
            raise ImageWriteError(say("{existing} is a file, no folder.", existing=existing), "Choose another folder.")
        # Permissions alone tell too little: of a disk that is mounted read-only, of network drives, of Windows.
        probe = existing / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}.part"
        os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        probe.unlink()
    except StopIteration as error:
        raise ImageWriteError(
            say("The folder {folder} is not there.", folder=folder), "Choose another folder."
        ) from error
    except OSError as error:
        # One that is full may be made room on until the first result is written; that says so then.
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return
        raise ImageWriteError(
            say("The folder {folder} cannot be written to ({error}).", folder=folder, error=error.strerror or error),
            "Choose another folder.",
        ) from error
