"""The figures of a run over its steps, as CSV in long form: `step,name,value`.

Long form lets names appear at any time (a validation score, say) without rewriting what is there, so a row is one
append, and a kill at any moment costs no more than the row being written.
"""

import logging
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

HEADER = "step,name,value\n"

MAX_READ_BYTES: Final = 32 * 2**20
"""More than a day of training; of a longer file the newest rows are read."""

_MAX_STEP = 2**53

_logger = logging.getLogger(__name__)


def append(path: Path, step: int, metrics: Mapping[str, float]) -> None:
    """Add the figures of one step.

    Args:
        path: The file; made if missing.
        step: The optimisation step.
        metrics: Figures by name; a name holds no comma.

    Raises:
        OSError: The file cannot be written.
    """
    rows = "".join(f"{step},{name},{float(value)!r}\n" for name, value in metrics.items())
    with path.open("a+b") as file:
        kept = _whole_rows_size(file)
        file.truncate(kept)
        file.seek(0, os.SEEK_END)
        file.write(f"{'' if kept else HEADER}{rows}".encode())


def read(path: Path) -> dict[str, list[tuple[int, float]]]:
    """Read the curves.

    A resumed run repeats the steps since its last checkpoint: what follows in the file replaces what was there.

    Args:
        path: The file. One that is missing, cannot be read or is no regular file has no curves: a run is a run
            without them.

    Returns:
        (step, value) pairs by name, steps rising. Values that are not finite are kept.
    """
    curves: dict[str, list[tuple[int, float]]] = {}
    text = _newest_rows(path)
    whole_rows = text[: text.rfind("\n") + 1]
    for row in whole_rows.split("\n"):
        point = _parse(row)
        if point is None:
            continue
        step, name, value = point
        curve = curves.setdefault(name, [])
        while curve and curve[-1][0] >= step:
            curve.pop()
        curve.append((step, value))
    return curves


def _parse(row: str) -> tuple[int, str, float] | None:
    try:
        step, name, value = row.split(",")
        point = int(step), name, float(value)
    except ValueError:
        return None
    return point if 0 <= point[0] <= _MAX_STEP else None


def _newest_rows(path: Path) -> str:
    """The end of the file, from the beginning of a row on; "" where there is nothing to read."""
    try:
        status = path.stat()
        # Opening a pipe would wait for a writer for ever, and a device may have no end.
        if not stat.S_ISREG(status.st_mode):
            _logger.warning("The curves in %s are left out: it is not a regular file", path)
            return ""
        with path.open("rb") as file:
            left_out = max(status.st_size - MAX_READ_BYTES, 0)
            file.seek(left_out)
            content = file.read(MAX_READ_BYTES)
    except FileNotFoundError:
        return ""
    except OSError as error:
        _logger.warning("The curves in %s cannot be read: %s", path, error)
        return ""
    if left_out:
        content = content[content.find(b"\n") + 1 :]
    return content.decode("utf-8", "replace")


def _whole_rows_size(file: BinaryIO) -> int:
    """Return the size up to the last line end: what follows it was cut off by a kill and must not be glued to."""
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        return 0
    block = min(size, 4096)
    file.seek(size - block)
    end = file.read(block).rfind(b"\n")
    if end < 0:
        return 0 if block == size else size
    return size - block + end + 1
