"""What the contrastive term adds to the consistency term, on four folders of different noise, without any label.

    python3 run.py bench contrastive_term [--steps 900] [--seeds 5] [--variants off on auto ...] [--folders ...]
                                          [--workers 2] [--out DIR] [--document]

Every variant is trained with the same seeds: the same first weights and the same crops, so that differences to "off" at
a seed are paired. Each training runs in a process of one thread. Results are kept in DIR/results.json as they come, and
a further run goes on from there: more seeds or variants cost only what is new.
"""

import argparse
import json
import multiprocessing
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.contracts.configs import EvaluateConfig, PretrainConfig
from engine.contracts.job_control import JobControl
from engine.jobs import evaluate, pretrain
from engine.label_budget.reports.statistics import Estimate, estimate
from engine.machine.atomic_files import write_bytes_atomically
from engine.method.catalogue.backbones import BACKBONES
from engine.photos.crops import photos_remembered
from tests.benchmarks.contrastive_folders import FOLDERS, NoisyFolder, prepare_folder
from tests.benchmarks.document import Section, Table, write_section
from tests.benchmarks.reporting import describe_machine, print_table

BASELINE = "off"
# In full, so that a change of the defaults changes no variant.
_PLAIN = {
    "temperature": 0.01,
    "temperature_share": 0.25,
    "contrast_ratio": 0.1,
    "pull_only": True,
    "queue_photos": 0,
    "intensity_bins": 1,
}
VARIANTS: dict[str, dict[str, Any]] = {
    BASELINE: {**_PLAIN, "contrast_ratio": 0.0},
    "on": _PLAIN,
    "ratio 0.03": {**_PLAIN, "contrast_ratio": 0.03},
    "ratio 0.3": {**_PLAIN, "contrast_ratio": 0.3},
    "full gradient": {**_PLAIN, "pull_only": False},
    "auto": {**_PLAIN, "temperature": 0.0},
    "auto, ratio 0.3": {**_PLAIN, "temperature": 0.0, "contrast_ratio": 0.3},
    "auto, full gradient": {**_PLAIN, "temperature": 0.0, "pull_only": False},
    "queue": {**_PLAIN, "queue_photos": 48},
    "bins": {**_PLAIN, "intensity_bins": 4},
    "auto, bins, ratio 0.3": {**_PLAIN, "temperature": 0.0, "contrast_ratio": 0.3, "intensity_bins": 4},
    "auto, queue, bins": {**_PLAIN, "temperature": 0.0, "queue_photos": 48, "intensity_bins": 4},
}
PHOTO_MEMORY_BYTES = 2**29

_for_life = ExitStack()
"""What a worker process holds until it ends."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What all trainings share; results of other settings are not mixed with these."""

    steps: int
    photos_per_batch: int
    crop_px: int
    learning_rate: float
    weight_average_decay: float
    backbone: str
    size: str


@dataclass(frozen=True)
class Cell:
    """One training."""

    folder: str
    variant: str
    seed: int

    @property
    def key(self) -> str:
        return f"{self.folder}/{self.variant}/{self.seed}"


def start_worker() -> None:
    """One thread a process: two trainings side by side use two cores better than one training on both."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    _for_life.enter_context(photos_remembered(PHOTO_MEMORY_BYTES))


def run_cell(cell: Cell, folder: NoisyFolder, settings: Settings, runs: Path) -> dict[str, float]:
    """Train without labels and measure on the held-back photos."""
    started = time.monotonic()
    run = runs / cell.key.replace("/", "-").replace(" ", "_")
    shutil.rmtree(run, ignore_errors=True)
    config = PretrainConfig(
        photos=(folder.photos,),
        pretext="rcl",
        pretext_params={"stride": folder.stride, **VARIANTS[cell.variant]},
        backbone=settings.backbone,
        backbone_params={"size": settings.size},
        steps=settings.steps,
        photos_per_batch=settings.photos_per_batch,
        crop_px=settings.crop_px,
        learning_rate=settings.learning_rate,
        weight_average_decay=settings.weight_average_decay,
        seed=cell.seed,
        device="cpu",
        checkpoint_interval_s=3600,
        preview_interval_s=3600,
        out=run,
    )
    trained = pretrain(config, JobControl(), lambda _: None)
    measured = evaluate(
        EvaluateConfig(model=run, noisy=(folder.test_noisy,), clean=(folder.test_clean,), device="cpu"),
        JobControl(),
        lambda _: None,
    )
    shutil.rmtree(run)
    shown = ("consistency", "contrast", "contrast_accuracy", "contrast_share_of_chance", "residual_distance")
    return {
        "psnr": measured.psnr,
        "noisy_psnr": measured.noisy_psnr,
        "seconds": time.monotonic() - started,
        **{name: trained.metrics[name] for name in shown if name in trained.metrics},
    }


class Results:
    """The figures of all cells so far, in one JSON."""

    def __init__(self, file: Path, settings: Settings) -> None:
        self._file = file
        self._settings = asdict(settings)
        stored = json.loads(file.read_text("utf-8")) if file.is_file() else {"settings": self._settings, "cells": {}}
        if stored["settings"] != self._settings:
            sys.exit(
                f"{file} holds results of other settings ({stored['settings']}). Choose another folder with --out."
            )
        self.cells: dict[str, dict[str, float]] = stored["cells"]

    def add(self, cell: Cell, figures: dict[str, float]) -> None:
        """Keep a cell's figures, on the disk at once."""
        self.cells[cell.key] = figures
        text = json.dumps({"settings": self._settings, "cells": dict(sorted(self.cells.items()))}, indent=1)
        write_bytes_atomically(self._file, text.encode())

    def differences(self, variant: str, folders: Sequence[str], seeds: Sequence[int]) -> list[float]:
        """PSNR with a variant less PSNR without the term, dB; a pair a folder and seed that has both."""
        pairs = [
            (Cell(folder, variant, seed).key, Cell(folder, BASELINE, seed).key) for folder in folders for seed in seeds
        ]
        return [
            self.cells[one]["psnr"] - self.cells[other]["psnr"]
            for one, other in pairs
            if one in self.cells and other in self.cells
        ]


def run(
    cells: Sequence[Cell],
    folders: Mapping[str, NoisyFolder],
    settings: Settings,
    results: Results,
    out: Path,
    workers: int,
) -> None:
    """Train what is missing, and print a line for each."""
    pending = [cell for cell in cells if cell.key not in results.cells]
    print(f"{len(cells) - len(pending)} trainings are there, {len(pending)} to do", flush=True)
    # Read once, when torch is first imported.
    os.environ |= {"OMP_NUM_THREADS": "1", "RESIDUA_DATA": str(out / "data")}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker) as pool:
        futures = {pool.submit(run_cell, cell, folders[cell.folder], settings, out / "runs"): cell for cell in pending}
        try:
            for number, future in enumerate(as_completed(futures), start=1):
                cell, figures = futures[future], future.result()
                results.add(cell, figures)
                gain = figures["psnr"] - figures["noisy_psnr"]
                said = f"{figures['psnr']:.3f} dB ({gain:+.2f}), {figures['seconds']:.0f} s"
                print(f"{number}/{len(pending)} {cell.folder}, {cell.variant}, seed {cell.seed}: {said}", flush=True)
        finally:
            for future in futures:
                future.cancel()


def tables(
    results: Results, folders: Mapping[str, NoisyFolder], variants: Sequence[str], seeds: Sequence[int]
) -> list[Table]:
    """Paired differences with their intervals, and the absolute figures behind them."""
    others = [variant for variant in variants if variant != BASELINE]
    names = list(folders)
    groups = [*([name] for name in names), names]
    differences = [
        (variant, *(_phrase(results.differences(variant, group, seeds)) for group in groups)) for variant in others
    ]

    def means(variant: str, figure: str, form: str) -> list[str]:
        return [_mean(results, [Cell(name, variant, seed) for seed in seeds], figure, form) for name in names]

    absolute = [(variant, *means(variant, "psnr", "{:.2f}")) for variant in variants]
    accuracy = [(variant, *means(variant, "contrast_accuracy", "{:.0%}")) for variant in others]
    headed = [
        f"{name} ({folder.sigmas[0]:.0f} to {folder.sigmas[1]:.0f}, stride {folder.stride})"
        for name, folder in folders.items()
    ]
    return [
        Table(
            title="PSNR with the contrastive term less PSNR without, dB, and its 95 % interval",
            header=("variant", *headed, "all"),
            rows=differences,
        ),
        Table(title="PSNR without any label, dB", header=("variant", *names), rows=absolute),
        Table(title="Noises told apart at the end of training", header=("variant", *names), rows=accuracy),
    ]


def _phrase(values: Sequence[float]) -> str:
    if not values:
        return "-"
    found: Estimate = estimate(values)
    interval = f" ({found.low:+.3f} to {found.high:+.3f})" if found.has_interval else ""
    return f"{found.mean:+.3f}{interval}"


def _mean(results: Results, cells: Sequence[Cell], figure: str, form: str) -> str:
    values = [results.cells[cell.key][figure] for cell in cells if figure in results.cells.get(cell.key, {})]
    return form.format(sum(values) / len(values)) if values else "-"


def section(results: Results, shown: Sequence[Table], settings: Settings, seeds: Sequence[int]) -> Section:
    """What `docs/benchmarks.md` says of it."""
    variants = [row[0] for row in shown[1].rows]
    return Section(
        title="The contrastive term",
        text="RCL without labels, with its contrastive term in several forms and without it (off), on four folders of "
        "60 simulated or 40 real noisy photos; other photos are measured, the middle 256 x 256 pixels of each. "
        "Behind a folder's name stand the noise of most of its photos in levels of 255 and the sub-sampling stride. "
        f"Each pair of trainings has the same seed. {settings.steps} steps of {settings.photos_per_batch} photos, two "
        f"crops of {settings.crop_px} px each; the network {settings.backbone}, {settings.size}.",
        command=f"python3 run.py bench contrastive_term --steps {settings.steps} --seeds {len(seeds)} "
        f"--backbone {settings.backbone} --size {settings.size} --variants {shlex.join(variants)} --document",
        seeds=seeds,
        minutes=sum(cell["seconds"] for cell in results.cells.values()) / 60,
        machine=describe_machine() + ", one thread a training",
        tables=shown,
        data={"settings": asdict(settings), "variants": VARIANTS, "cells": results.cells},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0, 1, ...")
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--folders", nargs="+", choices=FOLDERS, default=list(FOLDERS))
    parser.add_argument("--photos-per-batch", type=int, default=12)
    parser.add_argument("--crop-px", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--weight-average-decay", type=float, default=0.995)
    parser.add_argument("--backbone", choices=list(BACKBONES), default="nafnet")
    parser.add_argument("--size", choices=("small", "medium", "large"), default="small")
    parser.add_argument("--workers", type=int, default=1, help="trainings side by side, one thread each")
    parser.add_argument("--out", type=Path, help="where photos and results are kept; default: a temporary folder")
    parser.add_argument("--document", action="store_true", help="write the section of docs/benchmarks.md")
    arguments = parser.parse_args()
    settings = Settings(
        steps=arguments.steps,
        photos_per_batch=arguments.photos_per_batch,
        crop_px=arguments.crop_px,
        learning_rate=arguments.learning_rate,
        weight_average_decay=arguments.weight_average_decay,
        backbone=arguments.backbone,
        size=arguments.size,
    )
    seeds = range(arguments.seeds)
    variants = list(dict.fromkeys((BASELINE, *arguments.variants)))
    with tempfile.TemporaryDirectory() as temporary:
        out = (arguments.out or Path(temporary)).absolute()
        out.mkdir(parents=True, exist_ok=True)
        results = Results(out / "results.json", settings)
        folders = {name: prepare_folder(name, out / "photos") for name in arguments.folders}
        # Seed by seed, so that a run that is cut short has compared everything a few times.
        cells = [Cell(name, variant, seed) for seed in seeds for name in folders for variant in variants]
        run(cells, folders, settings, results, out, arguments.workers)
        shown = tables(results, folders, variants, seeds)
        for table in shown:
            print(f"\n{table.title}")
            print_table(table.header, table.rows)
        print(f"\nseeds {list(seeds)}, {asdict(settings)}; {describe_machine()}")
        if arguments.document:
            write_section("contrastive_term", section(results, shown, settings, list(seeds)))


if __name__ == "__main__":
    main()
