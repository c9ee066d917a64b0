"""How quickly networks train, beside the plain loop that a user would write.

    python3 run.py bench train [--runs 5] [--parts step scaling busy] [--docs DIR]

1. Step: the program's own training, and the plain loop around the same network, batch and loss (crops cut when they are
   needed, single precision, torch's own layout, AdamW), in a process each, ours set up as the program's;
   with what the machine can do at best.
2. Scaling: the program's step over batch size, crop size and threads.
3. Busy: the program's step beside a process that keeps one core busy, and alone. The cores that are left are reckoned
   from the time that the other process has got.

Takes about eight minutes in all. Start it by `run.py`, which has idle OpenMP threads sleep as the program does.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from engine.machine.devices import num_cpu_threads
from engine.machine.system_memory import settle_allocation
from tests.benchmarks.document import Table
from tests.benchmarks.parts import Figures, SpeedBenchmark, measured_in_turn, ratios, spread, with_threads
from tests.benchmarks.roofline import measure_roofline
from tests.benchmarks.training_sides import (
    Workload,
    our_step,
    plain_gflop,
    plain_step,
    process_of_its_own,
    write_photos,
)

WORKLOADS = (
    Workload(),
    Workload(size="medium"),
    Workload(num_crops=24, crop_px=32),
    Workload(backbone="unet"),
)
BATCHES, CROPS = (8, 16, 32, 64), (32, 64, 96)
PLAIN, OURS = "eager fp32 torch, plain loop", "ours"
_BUSY = "while True: pass"


def measure_step(folder: Path, num_runs: int) -> Figures:
    """Our step against the plain loop's, and against the machine's peak."""
    photos = write_photos(folder)
    roofline = measure_roofline(num_runs)
    peak = roofline.convolution
    rows, figures = [], {}
    for work in WORKLOADS:
        with process_of_its_own() as plain, process_of_its_own(settle_allocation) as ours:
            gflop = plain.submit(plain_gflop, photos, work).result()
            seconds = measured_in_turn(
                {
                    PLAIN: lambda: plain.submit(plain_step, photos, work).result(),  # noqa: B023
                    OURS: lambda: ours.submit(our_step, photos, work).result(),  # noqa: B023
                },
                num_runs,
            )
        factor = ratios(seconds, OURS)[PLAIN]
        for side, times in seconds.items():
            rates = [gflop / one for one in times]
            rows.append(
                (
                    work.name,
                    side,
                    spread([1e3 * one for one in times], 0),
                    spread(factor) if side == OURS else "",
                    spread(rates, 0),
                    f"{100 * statistics.median(rates) / peak:.0f} %",
                )
            )
        figures[work.name] = {"gflop": gflop, "seconds": seconds, "ratio": factor}
    table = Table(
        title="A training step with its batch (goal: 1.6 times as fast)",
        header=("step", "side", "ms", "times as fast", "GFLOP/s", "of the convolution peak"),
        rows=rows,
    )
    return {"tables": [table, roofline.table()], "figures": {"peak": peak, "steps": figures}}


def measure_scaling(folder: Path, num_runs: int) -> Figures:
    """Our step over batch size, crop size and threads."""
    photos = write_photos(folder)
    all_threads = num_cpu_threads()
    works = [Workload(num_crops=batch) for batch in BATCHES]
    works += [Workload(crop_px=side) for side in CROPS if side != Workload().crop_px]
    sides: dict[str, Callable[[], float]] = {
        f"{work.num_crops} crops of {work.crop_px} px": lambda used=work: our_step(photos, used, num_steps=8)  # type: ignore[misc]
        for work in works
    }
    sides["32 crops of 64 px, 1 thread"] = lambda: with_threads(1, lambda: our_step(photos, Workload(), num_steps=8))
    seconds = measured_in_turn(sides, num_runs)
    num_pixels = [work.num_crops * work.crop_px**2 / 1e6 for work in works] + [32 * 64**2 / 1e6]
    rows = [
        (name, spread([1e3 * one for one in times], 0), spread([1e3 * one / pixels for one in times], 0))
        for (name, times), pixels in zip(seconds.items(), num_pixels, strict=True)
    ]
    table = Table(
        title=f"Scaling of our step, on {all_threads} threads where nothing else is said",
        header=("step", "ms", "ms a megapixel of crops"),
        rows=rows,
    )
    return {"tables": [table], "figures": {"seconds": seconds, "threads": all_threads}}


def measure_busy(folder: Path, num_runs: int) -> Figures:
    """Our step beside one busy process, and alone."""
    photos = write_photos(folder)
    num_cores = len(os.sched_getaffinity(0))
    left: list[float] = []

    def beside() -> float:
        with subprocess.Popen([sys.executable, "-c", _BUSY]) as other:
            try:
                marks: list[tuple[float, float]] = []
                step = our_step(
                    photos, Workload(), on_step=lambda: marks.append((time.monotonic(), processor_seconds(other.pid)))
                )
            finally:
                other.kill()
        (began, used_before), (ended, used_after) = marks
        left.append(num_cores - (used_after - used_before) / (ended - began))
        return step

    seconds = measured_in_turn({"alone": lambda: our_step(photos, Workload()), "beside": beside}, num_runs)
    left = left[1:]
    share = [
        100 * (alone / busy) / (cores / num_cores)
        for alone, busy, cores in zip(seconds["alone"], seconds["beside"], left, strict=True)
    ]
    milliseconds = [spread([1e3 * one for one in seconds[name]], 0) for name in ("alone", "beside")]
    rows = [(Workload().name, *milliseconds, spread(left), f"{spread(share, 0)} %")]
    table = Table(
        title="Our step beside a busy process of one thread (goal: 70 % an available core)",
        header=("step", "alone, ms", "beside, ms", f"cores left of {num_cores}", "speed an available core"),
        rows=rows,
    )
    return {"tables": [table], "figures": {"seconds": seconds, "cores_left": left, "percent": share}}


def processor_seconds(process: int) -> float:
    """Processor time that another process has had, by Linux's own account."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


BENCHMARK = SpeedBenchmark(
    name="train",
    title="Training: speed",
    text=(
        "Medians with the least and the most of {runs} runs, all sides in turn, ours and the plain loop in a process "
        "each. A step includes "
        "cutting its crops from photos in memory. Both sides have the same loss and the same crops; ours also averages "
        "the weights and keeps the gradient in bounds."
    ),
    parts={"step": measure_step, "scaling": measure_scaling, "busy": measure_busy},
)


if __name__ == "__main__":
    BENCHMARK.run((__doc__ or "").partition("\n")[0])
