"""The memory that a large photo takes, in a process that does nothing else; a part of `bench restore`.

    python -m tests.benchmarks.restore_memory PHOTO MODEL OUT

Restores one photo by the program's own job and prints one JSON object: bytes of memory after the start (everything
imported, nothing read) and at the peak, and the seconds that the job took. Linux alone tells a process's peak so.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from engine.models.starters import require_starter
from tests.benchmarks.document import Table
from tests.benchmarks.parts import Figures, spread

LARGE_SIZE = (8192, 12288)
"""100.7 megapixels."""

NUM_RUNS = 2
"""Memory hardly differs from one run to the next, and one takes more than a minute."""

GOAL_MIB = 2048


def measure_memory(folder: Path, num_runs: int) -> Figures:
    """The peak of one photo of 100 megapixels and 16 bits."""
    photo = folder / "photo.tif"
    write_large_photo(photo, LARGE_SIZE)
    starter = require_starter("denoise")
    told = [run_alone(photo, starter, folder / f"restored {run}") for run in range(min(num_runs, NUM_RUNS))]
    above = [(one["peak_bytes"] - one["start_bytes"]) / 2**20 for one in told]
    megapixels = LARGE_SIZE[0] * LARGE_SIZE[1] / 1e6
    table = Table(
        title=f"Memory: one TIFF photo of 16 bits with the starter (goal: below {GOAL_MIB:,} MiB above the start)",
        header=("megapixels", "at the start, MiB", "at the peak above it, MiB", "seconds"),
        rows=[
            (
                f"{megapixels:.1f}",
                spread([one["start_bytes"] / 2**20 for one in told], 0),
                spread(above, 0),
                spread([one["seconds"] for one in told], 0),
            )
        ],
    )
    return {"tables": [table], "figures": {"runs": told}}


def write_large_photo(path: Path, size: tuple[int, int]) -> None:
    """Write noise on a soft gradient, 16 bits, strip by strip, so that the writer itself needs little."""
    height, width = size
    rng = np.random.default_rng(0)
    tile = rng.normal(0, 3000, (256, width, 3)).astype(np.float32)
    rows = np.linspace(8000, 50000, height, dtype=np.float32)

    def strips() -> Any:
        for top in range(0, height, 256):
            brightness = rows[top : top + 256, None, None]
            strip = tile[: len(brightness)] + brightness
            yield np.ascontiguousarray(strip.clip(0, 65535).astype(np.uint16))

    tifffile.imwrite(
        path, strips(), shape=(height, width, 3), dtype=np.uint16, photometric="rgb", rowsperstrip=256, compression=None
    )


def run_alone(photo: Path, model: Path, out: Path) -> dict[str, Any]:
    """Restore in a process of its own; returns what it has told."""
    command = [sys.executable, "-m", "tests.benchmarks.restore_memory", str(photo), str(model), str(out)]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    told: dict[str, Any] = json.loads(output.splitlines()[-1])
    return told


def _memory_bytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def main(photo: Path, model: Path, out: Path) -> None:
    """What the child process does."""
    import torch  # noqa: F401 - what a started program has loaded

    from tests.benchmarks.restore import our_job

    start_bytes = _memory_bytes("VmRSS")
    started = time.perf_counter()
    our_job(model, photo, out=out)
    seconds = time.perf_counter() - started
    print(json.dumps({"start_bytes": start_bytes, "peak_bytes": _memory_bytes("VmHWM"), "seconds": seconds}))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
