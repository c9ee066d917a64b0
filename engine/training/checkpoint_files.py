"""The checkpoints that a run keeps: the newest one and the one before it, with a manifest of what was written.

A disk may return something else than it was given. So a new checkpoint takes the place of an old one only after it has
been read back, and one whose content the manifest does not know is passed over for the one before it. A kill at any
moment leaves at least one whole checkpoint, and a manifest that knows it.
"""

import errno
import hashlib
import logging
import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.contracts.errors import ModelFileError
from engine.machine.atomic_files import replace_atomically, write_bytes_atomically
from engine.machine.json_files import read_json_object
from engine.training.checkpoints import TrainingState, checkpoint_bytes, load_checkpoint
from engine.translatable import say

MANIFEST_FILE = "manifest.json"

_logger = logging.getLogger(__name__)


class Manifest(BaseModel):
    """The checkpoints that were written whole; by content, since files change their names.

    Attributes:
        schema_version: Of this file.
        sha256: Their digests, the newest first.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = 1
    sha256: tuple[str, ...] = ()


def keep_checkpoint(newest: Path, previous: Path, state: TrainingState) -> None:
    """Write a checkpoint, read it back, and only then let it take the place of the last one, which is kept too.

    Args:
        newest: The newest checkpoint's file.
        previous: The file, in the same folder, of the one before it; stays if the newest one has become damaged.
        state: What is kept.

    Raises:
        ModelFileError: It cannot be written, or reads back otherwise; the checkpoints before it are unharmed.
    """
    content = checkpoint_bytes(state)
    digest = hashlib.sha256(content).hexdigest()
    known = _known_digests(newest.parent)
    kept = [_digest_of_whole(path, known) for path in (newest, previous)]
    try:
        with replace_atomically(newest) as temporary:
            temporary.write_bytes(content)
            del content
            _forget_cached_pages(temporary)
            if _digest(temporary) != digest:
                raise OSError(errno.EIO, "what was written reads back differently")
            # Before the files change places, or a kill would leave one that the manifest does not know.
            _note(newest.parent, [digest, *filter(None, kept)])
            if kept[0] is not None:
                newest.replace(previous)
    except OSError as error:
        raise ModelFileError(
            say("The file {newest} cannot be written: {error}.", newest=newest, error=error.strerror or error),
            "Make room on the disk and check that the folder still exists; what was saved before is unharmed.",
        ) from error


def load_newest_checkpoint(newest: Path, previous: Path, state: TrainingState) -> Path:
    """Set a state to what it was at the newest checkpoint that is whole.

    Args:
        newest: The newest checkpoint's file.
        previous: That of the one before it.
        state: A state of the same network and optimiser; changed in place.

    Returns:
        The file that it was found in.

    Raises:
        ModelFileError: All are missing, damaged, or belong to another network.
    """
    known = _known_digests(newest.parent)
    refusals: list[ModelFileError] = []
    for path in (newest, previous):
        if not path.is_file():
            continue
        try:
            if _digest_of_whole(path, known) is None:
                raise _damaged(path)
            load_checkpoint(path, state)
        except ModelFileError as error:
            _logger.warning("%s", error)
            refusals.append(error)
        else:
            return path
    raise refusals[0] if refusals else _damaged(newest)


def _damaged(path: Path) -> ModelFileError:
    return ModelFileError(
        say("The checkpoint '{file}' is missing or damaged.", file=path.name),
        "Start a new run; the photos are not affected.",
    )


def _known_digests(folder: Path) -> tuple[str, ...]:
    """What the manifest knows; nothing where there is none, as in runs of older versions, or it is damaged."""
    path = folder / MANIFEST_FILE
    try:
        return Manifest.model_validate(read_json_object(path)).sha256
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, ValidationError) as error:
        _logger.warning("The manifest %s is damaged: %s", path, error)
        return ()


def _note(folder: Path, digests: Sequence[str]) -> None:
    manifest = Manifest(sha256=tuple(dict.fromkeys(digests)))
    write_bytes_atomically(folder / MANIFEST_FILE, manifest.model_dump_json(indent=2).encode())


def _digest_of_whole(path: Path, known: Collection[str]) -> str | None:
    """A checkpoint's digest; None where there is none, or it is not one of those known, if any are."""
    try:
        digest = _digest(path)
    except OSError:
        return None
    return digest if digest in known or not known else None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _forget_cached_pages(path: Path) -> None:
    """Have the file read from the disk, not from the memory that it was written from, where the system can do that."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
        if sys.platform == "linux":
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
