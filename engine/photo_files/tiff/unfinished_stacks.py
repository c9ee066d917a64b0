"""What is kept of a stack on its way, so that it goes on where it stood when it was stopped, or its process was killed.

It lies beside the result that it will be, hidden, and is never taken for one: its pages so far, as the file has them,
and a note of how far that is, written behind each page. Whoever goes on with it takes it by renaming it, so that of two
only one gets it; from a process that lives nobody takes it.
"""

import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from engine.machine import process_identity
from engine.machine.atomic_files import TEMPORARY_PREFIX, UNFINISHED_SUFFIX, write_bytes_atomically
from engine.machine.json_files import json_text, read_json_object
from engine.translatable import TranslatableField

_SCHEMA: Final = 2
_TOKEN: Final = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True, kw_only=True)
class StackProgress:
    """How far a stack is.

    Attributes:
        num_pages: So many are in the file.
        writer: What its writer has to know, see `StackWriter.state`.
        remarks: Sentences about what could not be done so far.
        lost_pages: The numbers of pages that could not be restored.
        failures: A sentence for each of these.
    """

    num_pages: int
    writer: dict[str, Any]
    remarks: tuple[TranslatableField, ...]
    lost_pages: tuple[int, ...]
    failures: tuple[TranslatableField, ...]


_READER: Final = TypeAdapter(StackProgress)


class UnfinishedStack:
    """The place of one stack's unfinished file."""

    def __init__(self, output: Path, work: Mapping[str, Any], pages: Sequence[int]) -> None:
        """Find the place.

        Args:
            output: The file that it becomes.
            work: All that its content depends on: photo, model, settings.
            pages: The numbers of its pages.
        """
        text = json.dumps({"work": work, "pages": list(pages)}, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        self._output = output
        self._name = f"{TEMPORARY_PREFIX}{digest}{UNFINISHED_SUFFIX}"
        self._note = output.with_name(f"{self._name}.json")

    def take(self, temporary: Path) -> StackProgress | None:
        """Move what is kept to where it is gone on with.

        Args:
            temporary: An empty file in the same folder; replaced.

        Returns:
            How far it is; None where there is nothing that can be gone on with.
        """
        try:
            note = read_json_object(self._note)
            owner, token = note.pop("owner"), note.pop("token")
            if note.pop("schema_version") != _SCHEMA or _is_held(owner) or _TOKEN.fullmatch(token) is None:
                return None
            os.replace(self._file(token), temporary)
        except (OSError, ValueError, LookupError, TypeError):
            return None
        self._note.unlink(missing_ok=True)
        try:
            progress = _READER.validate_python(note)
            return progress if temporary.stat().st_size >= int(progress.writer["length"]) else None
        except (OSError, ValueError, LookupError, TypeError, ValidationError):
            return None

    @contextmanager
    def kept_on_the_way(self, temporary: Path) -> Iterator[tuple[Path, "OnProgress"]]:
        """Keep what is written from here on, whatever becomes of this process.

        Args:
            temporary: Goes on elsewhere, and is back, with what was added, when all is done.

        Yields:
            Where to write, and what is to be called with each progress once that is on the disk. What is left early
            stays as far as was told there; where nothing was told, nothing stays.

        Raises:
            OSError: The folder cannot be written.
        """
        token = secrets.token_hex(4)
        file = self._file(token)
        told: list[StackProgress] = []

        def note(progress: StackProgress, owner: Mapping[str, Any] | None) -> None:
            content = {"schema_version": _SCHEMA, "owner": owner, "token": token, **vars(progress)}
            # Where the disk does not take it, it has to be done again.
            with suppress(OSError):
                write_bytes_atomically(self._note, json_text(content).encode())

        def tell(progress: StackProgress) -> None:
            told[:] = [progress]
            note(progress, process_identity.current_process())

        os.replace(temporary, file)
        try:
            yield file, tell
            os.replace(file, temporary)
        except BaseException:
            if told:
                note(told[0], None)
            else:
                file.unlink(missing_ok=True)
            raise
        if told:
            self._note.unlink(missing_ok=True)

    def _file(self, token: str) -> Path:
        return self._output.with_name(f"{self._name}.{token}{self._output.suffix[:8]}")


OnProgress = Callable[[StackProgress], None]


def _is_held(owner: Mapping[str, Any] | None) -> bool:
    """Whether somebody may still be at work: on another machine that cannot be known."""
    return owner is not None and (not process_identity.is_local(dict(owner)) or process_identity.is_alive(dict(owner)))
