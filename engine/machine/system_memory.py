"""How much memory this machine has and has left, as far as its system says."""

import ctypes
import sys
from pathlib import Path

# Of glibc's malloc.h.
_M_ARENA_MAX = -8
_NUM_ARENAS = 2


def total_memory() -> int:
    """Return the bytes of memory that this process may use at most."""
    # Loaded where it is asked: the window's start is in a hurry.
    import psutil

    total: int = psutil.virtual_memory().total
    return min(total, _allowed("max") or total)


def available_memory() -> int:
    """Return the bytes of memory that could be taken now without pushing others out."""
    import psutil

    available: int = psutil.virtual_memory().available
    limit, used = _allowed("max"), _allowed("current")
    return min(available, limit - used) if limit and used is not None and limit > used else available


def _allowed(key: str) -> int | None:
    """Return what a container on Linux is allowed, or has of it; None where nothing is said, as in "max"."""
    try:
        text = Path(f"/sys/fs/cgroup/memory.{key}").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def share_arenas() -> None:
    """Let all threads take their memory from two places; to be called before there are threads.

    glibc gives each thread one of its own, up to eight for each core. Every job has threads that end with it, and what
    is left over in their places grows by 2 MB for ten minutes of work (measured by `tests/soak`).
    """
    if sys.platform == "linux":
        try:
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _NUM_ARENAS)
        except (OSError, AttributeError):
            # Another C library, which has other habits.
            return
