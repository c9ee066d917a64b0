"""How much memory this machine has and has left, as far as its system says."""

import ctypes
import sys
from pathlib import Path

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

_NUM_ARENAS = 1
_LARGEST_KEPT_BYTES = 64 * 1024**2
"""Larger blocks, whole photos, go back to the system at once; the tensors of a training step are smaller."""

_MOST_KEPT_BYTES = 256 * 1024**2


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


def settle_allocation() -> None:
    """Have little memory lie about in many places, and a training step's be used again by the next.

    To be called before there are threads.

    glibc gives each thread an arena of its own, up to eight for each core. Every job has threads that end with it, and
    what is left over in their arenas grows by 2 MB for ten minutes of work (measured by `tests/soak`); and all but the
    first one consist of pieces of 64 MiB that go back to the system whenever one of them is empty. The first, too, goes
    back as soon as 128 KiB are free, a little more where it has seen large blocks. A step of the starter on 16 crops of
    64 pixels then asks for 10,000 pages anew, each of which the system has to clear: half of its time in the system, 7
    to 13 % of the step, and a window that answers late (99th percentile while it trains: 38 ms, 26 with one arena that
    keeps its memory; Intel Xeon, 2 cores, torch 2.13).
    """
    _settle(_M_ARENA_MAX, _NUM_ARENAS)
    _settle(_M_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
    _settle(_M_TRIM_THRESHOLD, _MOST_KEPT_BYTES)


def return_freed_memory() -> None:
    """Give back to the system what was kept for the next step, after a job."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _settle(parameter: int, value: int) -> None:
    library = _glibc()
    if library is not None:
        library.mallopt(parameter, value)


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    # Another C library has other habits.
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
