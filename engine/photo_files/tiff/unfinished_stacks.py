"""What is kept of a stack whose restoration was stopped, so that it goes on where it stood.

It lies beside the result that it will be, hidden, and is never taken for one: its pages so far, as the file has them,
and a note of how far that is. Whoever goes on with it takes it by renaming it, so that of two only one gets it.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from engine.machine.atomic_files import TEMPORARY_PREFIX, UNFINISHED_SUFFIX, write_bytes_atomically
from engine.machine.json_files import json_text, read_json_object
from engine.translatable import TranslatableField

_SCHEMA: Final = 1


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
        self._file = output.with_name(f"{TEMPORARY_PREFIX}{digest}{UNFINISHED_SUFFIX}{output.suffix[:8]}")
        self._note = self._file.with_name(self._file.name + ".json")

    def take(self, temporary: Path) -> StackProgress | None:
        """Move what is kept to where it is gone on with.

        Args:
            temporary: An empty file in the same folder; replaced.

        Returns:
            How far it is; None where there is nothing that can be gone on with.
        """
        try:
            note = read_json_object(self._note)
            os.replace(self._file, temporary)
        except (OSError, ValueError):
            return None
        self._note.unlink(missing_ok=True)
        try:
            if note.pop("schema_version") != _SCHEMA:
                return None
            progress = _READER.validate_python(note)
            return progress if temporary.stat().st_size >= int(progress.writer["length"]) else None
        except (OSError, ValueError, LookupError, TypeError, ValidationError):
            return None

    def keep(self, temporary: Path, progress: StackProgress) -> None:
        """Keep what has been done; where the disk does not take it, it has to be done again."""
        note = {"schema_version": _SCHEMA, **vars(progress)}
        taken = self._file.with_name(f"{self._file.name}.{secrets.token_hex(4)}")
        with suppress(OSError):
            os.replace(temporary, taken)
            try:
                # The note comes first: a file without one is nothing, and one with the note of another is told by it.
                write_bytes_atomically(self._note, json_text(note).encode())
                os.replace(taken, self._file)
            finally:
                taken.unlink(missing_ok=True)
