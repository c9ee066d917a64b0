"""What this machine's arithmetic can do at best: the yardstick of the benchmarks of restoring and training.

    python3 run.py bench roofline [--runs 5]

Matrix products and 3x3 convolutions in single and in half precision, by torch alone, on the threads that it has. The
peak of a kind is the fastest of its shapes, since a network is judged by what its machine can do, not by its own shape.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812 - the customary name

from tests.benchmarks.document import Table
from tests.benchmarks.reporting import describe_machine, print_table

MATRIX_SIDES = (1536, 3072)
CONVOLUTIONS = ((64, 512), (128, 256), (256, 128))
"""Channels, in and out, and the side of the picture."""

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
NUM_WARM_UP_CALLS = 2
CPU = torch.device("cpu")
TITLE = "What the machine can do"


@dataclass(frozen=True, kw_only=True)
class Peak:
    """The best of one kind of arithmetic.

    Attributes:
        kind: "matmul" or "convolution".
        precision: "fp32" or "bf16".
        shape: What was fastest.
        gflops: Median over the runs, in 10^9 operations a second; a multiplication and an addition are two.
        slowest: Of the runs.
        fastest: Of the runs.
    """

    kind: str
    precision: str
    shape: str
    gflops: float
    slowest: float
    fastest: float


@dataclass(frozen=True)
class Roofline:
    """All peaks of this machine, measured in one go."""

    peaks: tuple[Peak, ...]

    def gflops(self, kind: str, precision: str) -> float:
        """Return the peak of one kind.

        Args:
            kind: "matmul" or "convolution".
            precision: "fp32" or "bf16".

        Raises:
            KeyError: It was not measured.
        """
        for peak in self.peaks:
            if (peak.kind, peak.precision) == (kind, precision):
                return peak.gflops
        raise KeyError(f"{kind} {precision}")

    @property
    def convolution(self) -> float:
        """The peak of convolutions in the precision in which they are quickest here, GFLOP/s."""
        return max(peak.gflops for peak in self.peaks if peak.kind == "convolution")

    def table(self) -> Table:
        """The peaks as a table of a section."""
        rows = [
            (
                f"{peak.kind} {peak.precision}",
                peak.shape,
                f"{peak.gflops:.0f}",
                f"{peak.slowest:.0f} to {peak.fastest:.0f}",
            )
            for peak in self.peaks
        ]
        return Table(title=TITLE, header=("arithmetic", "fastest shape", "GFLOP/s", "spread"), rows=rows)


def measure_roofline(num_runs: int = 5, device: torch.device = CPU) -> Roofline:
    """Measure all peaks; a few seconds a run.

    Args:
        num_runs: How often each shape is timed.
        device: What computes.
    """
    return Roofline(
        tuple(
            max(_timed(kind, precision, num_runs, device), key=lambda peak: peak.gflops)
            for kind in ("matmul", "convolution")
            for precision in PRECISIONS
        )
    )


def wait_for(device: torch.device) -> None:
    """Wait until all that was asked of a device is done; a processor has done it already."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


@torch.inference_mode()
def _timed(kind: str, precision: str, num_runs: int, device: torch.device) -> Iterator[Peak]:
    for shape, operations, call in _calls(kind, PRECISIONS[precision], device):
        for _ in range(NUM_WARM_UP_CALLS):
            call()
        wait_for(device)
        figures = []
        for _ in range(num_runs):
            started = time.perf_counter()
            call()
            wait_for(device)
            figures.append(operations / 1e9 / (time.perf_counter() - started))
        yield Peak(
            kind=kind,
            precision=precision,
            shape=shape,
            gflops=statistics.median(figures),
            slowest=min(figures),
            fastest=max(figures),
        )


def _calls(kind: str, dtype: torch.dtype, device: torch.device) -> Iterator[tuple[str, float, Callable[[], object]]]:
    """Yield each shape's name, its operations, and what computes it."""
    if kind == "matmul":
        for side in MATRIX_SIDES:
            first, second = (torch.randn(side, side, dtype=dtype, device=device) for _ in range(2))
            yield f"{side} x {side}", 2.0 * side**3, partial(torch.mm, first, second)
        return
    for channels, side in CONVOLUTIONS:
        layout = torch.channels_last
        features = torch.randn(1, channels, side, side, dtype=dtype, device=device).to(memory_format=layout)
        weight = torch.randn(channels, channels, 3, 3, dtype=dtype, device=device).to(memory_format=layout)
        operations = 2.0 * 9 * channels**2 * side**2
        yield (
            f"3x3, {channels} to {channels} channels, {side} x {side}",
            operations,
            partial(F.conv2d, features, weight, padding=1),
        )


def main() -> None:
    """Print the peaks; the benchmarks that use them write them beside their own figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5, help="how often each shape is timed")
    table = measure_roofline(parser.parse_args().runs).table()
    print(describe_machine())
    print_table(table.header, table.rows)


if __name__ == "__main__":
    main()
