"""How much memory this machine has and has left, as far as its system says."""

import ctypes
import os
import sys
from pathlib import Path

_UNKNOWN_BYTES = 4 * 1024**3
"""A cautious guess where the system does not say."""

# Of glibc's malloc.h.
_M_ARENA_MAX = -8
_NUM_ARENAS = 2


def total_memory() -> int:
    """Return the bytes of memory that this process may use at most."""
    if sys.platform == "linux":
        limits = [_meminfo("MemTotal"), _read_number(Path("/sys/fs/cgroup/memory.max"))]
        return min((limit for limit in limits if limit), default=_UNKNOWN_BYTES)
    if sys.platform == "win32":
        return _windows_memory()[0]
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def available_memory() -> int:
    """Return the bytes of memory that could be taken now without pushing others out."""
    if sys.platform == "linux":
        # A container may be allowed less than the machine has.
        limit = _read_number(Path("/sys/fs/cgroup/memory.max"))
        used = _read_number(Path("/sys/fs/cgroup/memory.current"))
        left = limit - used if limit and used is not None else None
        return min((size for size in (_meminfo("MemAvailable"), left) if size), default=_UNKNOWN_BYTES)
    if sys.platform == "win32":
        return _windows_memory()[1]
    return total_memory() // 2


def _meminfo(key: str) -> int | None:
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith(f"{key}:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return None
    return None


def _read_number(path: Path) -> int | None:
    """Return the number in a file; None where there is none, as in "max"."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


if sys.platform == "win32":
    import ctypes

    class _MemoryStatus(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_uint32),
            ("load_percent", ctypes.c_uint32),
            ("total", ctypes.c_uint64),
            ("available", ctypes.c_uint64),
            *((name, ctypes.c_uint64) for name in ("page_total", "page_available")),
            *((name, ctypes.c_uint64) for name in ("virtual_total", "virtual_available", "extended")),
        )

    def _windows_memory() -> tuple[int, int]:
        status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
        if not ctypes.WinDLL("kernel32").GlobalMemoryStatusEx(ctypes.byref(status)):
            return _UNKNOWN_BYTES, _UNKNOWN_BYTES
        return status.total, status.available


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
