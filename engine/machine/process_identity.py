"""Which process owns a run, and whether it still lives.

A process id alone is not enough: the system gives it to another program later. With the time the process
started it is unique on one machine.
"""

import os
import platform
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
    # psutil adds the time of the boot by the clock, which moves whenever the clock is set: a training would seem dead.
    return _ticks_since_boot(pid) if sys.platform == "linux" else _time_of_start(pid)


def _ticks_since_boot(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    # The program's name is in brackets and may hold blanks and brackets itself.
    fields = stat.rpartition(")")[2].split()
    state, start_ticks = fields[0], fields[19]
    return None if state in "ZX" else f"{boot}:{start_ticks}"


def _time_of_start(pid: int) -> str | None:
    # It takes 20 ms to load, which a start on Linux does without.
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return None
