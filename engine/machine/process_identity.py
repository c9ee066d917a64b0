"""Which process owns a run, and whether it still lives.

A process id alone is not enough: the system gives it to another program later. With the time the process
started it is unique on one machine.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any


def current_process() -> dict[str, Any]:
    """Describe this process as JSON values: `pid`, `started` and `host`."""
    pid = os.getpid()
    return {"pid": pid, "started": _start_mark(pid), "host": platform.node()}


def is_local(owner: dict[str, Any]) -> bool:
    """Tell whether the described process belongs to this machine."""
    return owner.get("host") == platform.node()


def is_alive(owner: dict[str, Any]) -> bool:
    """Tell whether the described process still runs on this machine.

    Args:
        owner: As `current_process` returned it, perhaps in another session.
    """
    pid = owner.get("pid")
    if not isinstance(pid, int) or pid <= 0:
        return False
    mark = _start_mark(pid)
    return mark is not None and mark == owner.get("started")


def _start_mark(pid: int) -> str | None:
    """Return a text that is constant while the process lives and differs for the next one of the same id.

    Returns:
        None where no such process lives.
    """
    if sys.platform == "linux":
        return _start_mark_linux(pid)
    if sys.platform == "win32":
        return _start_mark_windows(pid)
    return _start_mark_posix(pid)


def _start_mark_linux(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    # The program's name is in brackets and may hold blanks and brackets itself.
    fields = stat.rpartition(")")[2].split()
    state, start_ticks = fields[0], fields[19]
    return None if state in "ZX" else f"{boot}:{start_ticks}"


def _start_mark_posix(pid: int) -> str | None:
    listing = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    return listing.stdout.strip() or None


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _QUERY_LIMITED_INFORMATION = 0x1000
    _STILL_ACTIVE = 259

    def _start_mark_windows(pid: int) -> str | None:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = wintypes.HANDLE
        handle = kernel.OpenProcess(_QUERY_LIMITED_INFORMATION, False, pid)
        if not handle:
            return None
        try:
            exit_code = wintypes.DWORD()
            times = [wintypes.FILETIME() for _ in range(4)]
            references = [ctypes.byref(time) for time in times]
            if not kernel.GetExitCodeProcess(wintypes.HANDLE(handle), ctypes.byref(exit_code)):
                return None
            if exit_code.value != _STILL_ACTIVE:
                return None
            if not kernel.GetProcessTimes(wintypes.HANDLE(handle), *references):
                return None
            return f"{times[0].dwHighDateTime:08x}{times[0].dwLowDateTime:08x}"
        finally:
            kernel.CloseHandle(wintypes.HANDLE(handle))
