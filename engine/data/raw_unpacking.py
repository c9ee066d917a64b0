"""Unpacking the sensor's numbers, and telling when some of them are missing.

A black lower edge is no sign of that: merged panoramas, registered stacks and borders outside of the crop have one.
What tells is the file itself, whose parts must lie in it, and LibRaw, which notes where its data ended or made no
sense. It fills the rest with zeros and goes on, and its binding here hands the note out nowhere but at standard error.
"""

import os
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from engine.data.image_formats import truncated_error
from engine.errors import ImageReadError

if TYPE_CHECKING:
    import rawpy

_STANDARD_ERROR: Final = 2
_ENDED: Final = b"Unexpected end of file"
_CORRUPTED: Final = b"data corrupted at"


def unpack_whole(raw: "rawpy.RawPy") -> None:
    """Unpack a raw file.

    Raises:
        ImageReadError: Part of its data is missing or damaged.
        rawpy.LibRawError: LibRaw cannot unpack it at all.
    """
    said = _said_at_standard_error(raw.unpack)
    if _ENDED in said:
        raise truncated_error()
    if _CORRUPTED in said:
        raise ImageReadError("Part of the camera raw file's data is damaged.", "Copy it again from where it came from.")


def _said_at_standard_error(act: Callable[[], Any]) -> bytes:
    """What native code writes to standard error meanwhile; nothing where the process has none."""
    try:
        kept = os.dup(_STANDARD_ERROR)
    except OSError:
        act()
        return b""
    try:
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), _STANDARD_ERROR)
            try:
                act()
            finally:
                os.dup2(kept, _STANDARD_ERROR)
            file.seek(0)
            return file.read()
    finally:
        os.close(kept)
