"""Work for hours in one process, and see whether memory, threads or file handles grow.

    .venv/bin/python -m tests.soak [--cycles 48] [--photos 60] [--growth-mb 15] [--small-starter] [--out FILE]

A cycle is what a person does in ten minutes, done as fast as the machine can: a window is opened on new photos, which
are scanned, learned from without and with labels, restored, compared and taken away; then the window is closed. 48
cycles stand for eight hours. The first cycles fill what is meant to stay (libraries, caches, pools of memory); what is
there in the middle third is compared with the last third.
"""

import argparse
import gc
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LARGEST_GROWTH_MB = 15


def main() -> int:
    """Work, measure after each cycle; 0 where nothing has grown."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--cycles", type=int, default=48)
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--growth-mb", type=float, default=LARGEST_GROWTH_MB, help="of memory that is let pass")
    parser.add_argument("--small-starter", action="store_true", help="one that learns in seconds")
    parser.add_argument("--out", type=Path, help="file for the figures, JSON")
    asked = parser.parse_args()
    if not Path("/proc/self/fd").is_dir():
        sys.exit("This needs /proc.")
    with tempfile.TemporaryDirectory(prefix="residua-soak-") as folder:
        os.environ["RESIDUA_DATA"] = str(Path(folder) / "data")
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        rows = work(asked.cycles, asked.photos, Path(folder), small_starter=asked.small_starter)
    if asked.out:
        asked.out.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return report(rows, asked.growth_mb)


def work(num_cycles: int, num_photos: int, folder: Path, *, small_starter: bool) -> list[dict[str, Any]]:
    """Do all cycles; return what was there after each."""
    import numpy as np
    from PySide6.QtWidgets import QApplication

    from engine.machine.system_memory import settle_allocation
    from engine.models.starters import list_starters
    from tests.soak.day import ten_minutes
    from tests.starter_makers import make_starter

    # As the program does when it starts.
    settle_allocation()
    application = QApplication([])
    starters = (make_starter(folder, "small", "denoise"),) if small_starter else list_starters()
    rng = np.random.default_rng(0)
    rows = []
    for cycle in range(num_cycles):
        started = time.monotonic()
        ten_minutes(application, starters, folder / f"photos {cycle}", num_photos, rng)
        application.processEvents()
        gc.collect()
        row = {"cycle": cycle, "seconds": round(time.monotonic() - started, 1), **measured()}
        print(json.dumps(row), flush=True)
        rows.append(row)
    return rows


def measured() -> dict[str, float]:
    """What this process holds."""
    from PySide6.QtWidgets import QApplication

    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text("utf-8").splitlines())
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text("utf-8").split()
    return {
        "memory_mb": round(int(status["VmRSS"].split()[0]) / 1024, 1),
        "threads": len(os.listdir("/proc/self/task")),
        "file_handles": len(os.listdir("/proc/self/fd")),
        "children": len(children),
        "widgets": len(QApplication.allWidgets()),
        "objects": len(gc.get_objects()),
    }


def report(rows: list[dict[str, Any]], growth_mb: float = LARGEST_GROWTH_MB) -> int:
    """Compare the last third with the middle one; 1 where something has grown."""
    third = max(len(rows) // 3, 1)
    middle, last = rows[-2 * third : -third] or rows[:1], rows[-third:]
    grown = []
    for name, largest in (
        ("memory_mb", growth_mb),
        # One that comes and goes, as an idle pool's, makes a half between two medians; one that stays makes a whole.
        ("threads", 0.5),
        ("file_handles", 0.5),
        ("children", 0),
        ("widgets", 0),
    ):
        before, after = (statistics.median(row[name] for row in part) for part in (middle, last))
        every = [row[name] for row in rows]
        print(
            f"{name}: {before:,.0f} in the middle third, {after:,.0f} in the last "
            f"(range {min(every):,.0f} to {max(every):,.0f})"
        )
        if after - before > largest:
            grown.append(name)
    print(f"grown: {', '.join(grown) or 'nothing'}")
    return int(bool(grown))


if __name__ == "__main__":
    sys.exit(main())
