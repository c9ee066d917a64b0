"""What the contrastive term costs, and the earth mover's distance beside POT.

    python3 run.py bench loss [--runs 5] [--parts share distance] [--docs DIR]

1. Share: the program's training step with the contrastive term and without it, in turn, and the term alone (loss and
   gradient on a residual), over batch and crop sizes.
2. Distance: all distances between the crops of a batch, by one sort a residual and one matrix, and by POT pair by pair:
   `ot.emd2_1d` for each channel, POT's solver for one dimension. A few pairs are timed and reckoned up to all.

Takes about five minutes in all.
"""

import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from engine.method.catalogue.pretexts import ResidualContrastiveParams
from engine.method.losses.earth_mover import earth_mover_distances_within, sorted_residuals
from engine.method.losses.residual_contrast import ResidualContrast
from tests.benchmarks.document import Table
from tests.benchmarks.parts import Figures, SpeedBenchmark, measured_in_turn, spread
from tests.benchmarks.training_sides import Workload, our_step, write_photos

SIZES = ((32, 64), (16, 64), (64, 64), (32, 32), (32, 96))
"""Crops and their side; the bar is on the first."""

NUM_TERM_CALLS = 10
NUM_POT_PAIRS = 20


def measure_share(folder: Path, num_runs: int) -> Figures:
    """The contrastive term's share of a training step."""
    photos = write_photos(folder)
    rows, figures = [], {}
    for crops, side in SIZES:
        work = Workload(num_crops=crops, crop_px=side)
        without = Workload(num_crops=crops, crop_px=side, contrast_ratio=0.0)
        seconds = measured_in_turn(
            {
                "with": lambda used=work: our_step(photos, used),  # type: ignore[misc]
                "without": lambda used=without: our_step(photos, used),  # type: ignore[misc]
                "term": lambda used=work: term_seconds(used),  # type: ignore[misc]
            },
            num_runs,
        )
        of_step = [100 * term / step for term, step in zip(seconds["term"], seconds["with"], strict=True)]
        more = [100 * (1 - plain / step) for plain, step in zip(seconds["without"], seconds["with"], strict=True)]
        rows.append(
            (
                work.name,
                *(spread([1e3 * one for one in seconds[name]], 1) for name in ("with", "without", "term")),
                f"{spread(more, 1)} %",
                f"{spread(of_step, 1)} %",
            )
        )
        figures[work.name] = {"seconds": seconds, "term_percent": of_step, "difference_percent": more}
    table = Table(
        title="The contrastive term's share of a training step (goal: at most 10 % at 32 crops of 64 px)",
        header=("step", "with, ms", "without, ms", "term alone, ms", "step longer by", "term alone, of the step"),
        rows=rows,
    )
    return {"tables": [table], "figures": figures}


def measure_distance(folder: Path, num_runs: int) -> Figures:
    """All distances of a batch, ours and POT's."""
    rows, figures = [], {}
    for crops, side in SIZES:
        residuals = noises(crops, side)
        sides: dict[str, Callable[[], float]] = {
            "ours": lambda used=residuals: our_distances(used),  # type: ignore[misc]
            "POT": lambda used=residuals: pot_distances(used),  # type: ignore[misc]
        }
        seconds = measured_in_turn(sides, num_runs)
        factor = [theirs / ours for theirs, ours in zip(seconds["POT"], seconds["ours"], strict=True)]
        num_pairs = crops * (crops - 1) // 2
        rows.append(
            (
                f"{crops} crops of {side} px",
                f"{num_pairs:,}",
                spread([1e3 * one for one in seconds["ours"]], 1),
                spread([1e3 * one for one in seconds["POT"]], 0),
                spread(factor, 0),
            )
        )
        figures[f"{crops} x {side}"] = {"seconds": seconds, "ratio": factor, "pairs": num_pairs}
    table = Table(
        title="All distances of a batch (goal: 100 times POT pair by pair)",
        header=("batch", "pairs", "ours, ms", "POT pair by pair, ms", "times as fast"),
        rows=rows,
    )
    return {"tables": [table], "figures": figures}


def noises(num_crops: int, side_px: int) -> torch.Tensor:
    """Residuals of different strength. Shape: (num_crops, 3, side_px, side_px)."""
    generator = torch.Generator().manual_seed(0)
    strength = torch.linspace(0.01, 0.1, num_crops)[:, None, None, None]
    return strength * torch.randn(num_crops, 3, side_px, side_px, generator=generator)


def term_seconds(work: Workload) -> float:
    """Seconds of the term's loss and of its gradient on the residual, with the method's own settings."""
    residual = noises(work.num_crops, work.crop_px)
    intensity = torch.rand(residual.shape, generator=torch.Generator().manual_seed(1))
    params = ResidualContrastiveParams()
    contrast = ResidualContrast(params.temperature, pull_only=params.pull_only, num_bins=params.intensity_bins)
    started = time.perf_counter()
    for _ in range(NUM_TERM_CALLS):
        leaf = residual.clone().requires_grad_()
        torch.autograd.grad(contrast(leaf, intensity=intensity).term.loss, leaf)
    return (time.perf_counter() - started) / NUM_TERM_CALLS


@torch.no_grad()
def our_distances(residuals: torch.Tensor) -> float:
    """Seconds for the whole matrix."""
    started = time.perf_counter()
    for _ in range(NUM_TERM_CALLS):
        earth_mover_distances_within(sorted_residuals(residuals))
    return (time.perf_counter() - started) / NUM_TERM_CALLS


def pot_distances(residuals: torch.Tensor) -> float:
    """Seconds for all pairs, reckoned from a few."""
    from ot import emd2_1d

    values = residuals.flatten(2).numpy()
    pairs = list(itertools.combinations(range(len(values)), 2))
    chosen = pairs[:: max(len(pairs) // NUM_POT_PAIRS, 1)][:NUM_POT_PAIRS]
    started = time.perf_counter()
    for first, second in chosen:
        pot_distance(values[first], values[second], emd2_1d)
    return (time.perf_counter() - started) / len(chosen) * len(pairs)


def pot_distance(first: np.ndarray, second: np.ndarray, solve: Callable[..., float]) -> float:
    """Mean W1 over the channels by POT's solver for one dimension. Shapes: (channels, samples)."""
    each: Sequence[float] = [
        float(solve(ours, theirs, metric="euclidean")) for ours, theirs in zip(first, second, strict=True)
    ]
    return statistics.fmean(each)


BENCHMARK = SpeedBenchmark(
    name="loss",
    title="The contrastive term: speed",
    text=(
        "Medians with the least and the most of {runs} runs, all sides in turn. The training step is the program's "
        "own, with the default network and method; without the term only its weight is set to 0."
    ),
    parts={"share": measure_share, "distance": measure_distance},
)


if __name__ == "__main__":
    BENCHMARK.run((__doc__ or "").partition("\n")[0])
