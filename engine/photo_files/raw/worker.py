"""Decodes camera raw files in a process of its own: `python -m engine.photo_files.raw.worker`.

LibRaw is native code that parses hundreds of formats. What makes it crash, hang or fill the memory ends this process,
not the program that asked; see `process`. Requests come in at standard input, answers go out at standard output,
both as Python's pickles; the process ends when whoever asks has ended.
"""

import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from engine.contracts.errors import EngineError, ImageReadError
from engine.machine.system_memory import total_memory
from engine.photo_files.raw import camera as raw_camera
from engine.translatable import say

READERS: Final[dict[str, Callable[[Path], Any]]] = {
    "camera_colours": raw_camera.read_camera_colours,
    "camera_mosaic": raw_camera.read_camera_mosaic,
    "developed": raw_camera.read_developed,
    "info": raw_camera.probe_camera_raw,
    "is_known": raw_camera.is_known_to_libraw,
    "preview": raw_camera.read_preview,
}
"""What can be asked for, by name."""

_SMALLEST_MEMORY_LIMIT = 2**30


def serve() -> int:
    """Answer requests until there are no more; returns the exit code.

    A request is the name of a reader and a path; the answer is whether it was read, and what was read or the
    `EngineError` that says why not.
    """
    limit_resources(total_memory() // 2)
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    # What a library prints must not get among the answers.
    os.dup2(2, 1)
    while True:
        try:
            name, path = pickle.load(requests)
        except EOFError:
            return 0
        try:
            pickle.dump(_answer(name, Path(path)), answers, pickle.HIGHEST_PROTOCOL)
            answers.flush()
        except BrokenPipeError:
            return 0


def limit_resources(num_bytes: int) -> None:
    """Let this process take no more memory than that, and leave no core file; where the system has such limits."""
    if sys.platform == "win32":
        return
    import resource

    limit = max(num_bytes, _SMALLEST_MEMORY_LIMIT)
    _, hardest = resource.getrlimit(resource.RLIMIT_DATA)
    if hardest != resource.RLIM_INFINITY:
        limit = min(limit, hardest)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hardest))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(name: str, path: Path) -> tuple[bool, Any]:
    try:
        return True, READERS[name](path)
    except EngineError as error:
        return False, error
    except MemoryError:
        return False, ImageReadError(
            "There is not enough memory to open the camera raw file.", "Close other programs, then try again."
        )
    except Exception as error:  # noqa: BLE001 - a damaged file can make the reader fail in any way
        return False, ImageReadError(
            say("The camera raw file cannot be read ({name}).", name=type(error).__name__),
            "Convert it to DNG, TIFF or JPEG with the camera maker's program, or use another copy.",
        )


if __name__ == "__main__":
    sys.exit(serve())
