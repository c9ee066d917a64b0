"""JSON files: what may come from anywhere is read within limits of size and depth, so that none fills memory or stack.

What the engine said keeps the parts that another language needs, beside the English text, under `TRANSLATABLE`.

A file's name may hold bytes that are no text; Python keeps them as lone surrogates, which JSON holds as escapes alone.
"""

import json
import stat
from pathlib import Path
from typing import Any, Final

from engine.translatable import restored_texts, translatable_parts

MAX_JSON_BYTES: Final = 64 * 2**20
"""The largest of the program's own files, caches of ten thousand photos, stay well below it."""
TRANSLATABLE: Final = "translatable"
"""The name of the object's field for the parts of its texts; left out where there are none."""


def json_text(content: Any, indent: int | None = None) -> str:
    """Return JSON that every encoding can write, readable wherever it can be.

    Args:
        content: Plain values, with names of files as `str` or `Path`.
        indent: Spaces of each level; None: all in one line.
    """
    if isinstance(content, dict) and (parts := translatable_parts(content)):
        content = {**content, TRANSLATABLE: parts}
    text = json.dumps(content, indent=indent, ensure_ascii=False, default=str)
    return text if is_text(text) else json.dumps(content, indent=indent, default=str)


def read_json_object(path: Path, max_bytes: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Args:
        path: The file; UTF-8.
        max_bytes: A longer one is refused unread.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no regular file, too large, or holds something else.
    """
    # Opening a pipe would wait for a writer for ever, and a device may have no end.
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(f"{path.name} is not a regular file")
    with path.open("rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"{path.name} is larger than {max_bytes:,} bytes")
    return parse_json_object(content.decode("utf-8"), max_bytes)


def parse_json_object(text: str, max_chars: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """Read a text that holds one JSON object.

    Args:
        text: The text.
        max_chars: A longer one is refused.

    Raises:
        ValueError: It is too long, nested too deeply, or holds something else.
    """
    if len(text) > max_chars:
        raise ValueError(f"the text is longer than {max_chars:,} letters")
    try:
        content = json.loads(text)
        if not isinstance(content, dict):
            raise ValueError("the text is not a JSON object")
        parts = content.pop(TRANSLATABLE, None)
        return content if parts is None else dict(restored_texts(content, parts))
    except RecursionError as error:
        raise ValueError("the text is nested too deeply") from error


def is_text(text: str) -> bool:
    """Whether a text, such as a file's path, is one indeed: without bytes of a name that are none."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
