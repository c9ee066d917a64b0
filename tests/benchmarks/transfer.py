"""What one backbone that RCL pretrained on noisy photos is worth to each task, against the same network from scratch.

    python3 run.py bench transfer [--seeds 1] [--preset quick] [--labels 5] [--only sr2] [--out DIR]

Simulated: 100 photos of `bsds500_train` get noise of a standard deviation of 3 to 20 levels, half of its variance
signal-dependent. One backbone learns from these alone; then it learns each task from a few labels: denoising,
super-resolution x2 of noisy photos of half the size, demosaicking of noisy mosaics. Photos of `bsds500_test` measure.

Real: the ten `city100_iphonex` pairs of one scene at two focal distances. The backbone learns from the ten low photos;
a few pairs teach super-resolution, the others measure. The low photos have been enlarged to the size of the high ones.

From scratch, a network trains on the labels for as many steps as pretraining and fine-tuning take together. Seed s
draws the labels, the first weights and the batches.
"""

import argparse
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.contracts.configs import Preset
from engine.contracts.presets import finetune_preset, pretrain_preset
from engine.label_budget.reports.statistics import estimate
from engine.photo_files.bicubic_resize import shrink
from engine.photo_files.photos import PhotoImage, read_image, write_image
from tests.benchmarks.few_labels import add_noise
from tests.benchmarks.reporting import (
    SHARED_DATA,
    describe_machine,
    measure,
    print_table,
    require,
    timed_finetune,
    timed_pretrain,
)

NUM_PHOTOS, NUM_TEST_PHOTOS = 100, 16
SIGMAS = (3.0, 20.0)
SCALE = 2


@dataclass(frozen=True, kw_only=True)
class Case:
    """One task on one set of photos.

    Attributes:
        title: Name in the table.
        task: What is learned.
        noisy: Photos that labels are drawn from, and that go on teaching without one.
        clean: Their references.
        test_noisy: Photos that measure; those that teach are left out.
        test_clean: Their references.
        pretraining: Photos that the backbone learns from alone.
        task_params: Settings of the task.
    """

    title: str
    task: str
    noisy: Path
    clean: Path
    test_noisy: Path
    test_clean: Path
    pretraining: Path
    task_params: dict[str, Any] = field(default_factory=dict)


def make_cases(out: Path) -> list[Case]:
    """Write the simulated photos and name all sets."""
    photos = require(SHARED_DATA / "clean_color")
    noisy, clean = add_noise(photos / "bsds500_train", out / "train", count=NUM_PHOTOS, seed=1, sigmas=SIGMAS)
    test_noisy, test_clean = add_noise(
        photos / "bsds500_test", out / "test", count=NUM_TEST_PHOTOS, seed=2, sigmas=SIGMAS
    )
    small, _ = add_noise(
        _shrink_all(clean, out / "small"), out / "train_small", count=NUM_PHOTOS, seed=3, sigmas=SIGMAS
    )
    test_small, _ = add_noise(
        _shrink_all(test_clean, out / "small_test"), out / "test_small", count=NUM_TEST_PHOTOS, seed=4, sigmas=SIGMAS
    )
    same_size = {"noisy": noisy, "clean": clean, "test_noisy": test_noisy, "test_clean": test_clean}
    city = require(SHARED_DATA / "real_sr_pairs" / "city100_iphonex")
    low, high = city / "low", city / "high"
    return [
        Case(title="denoise", task="denoise", pretraining=noisy, **same_size),
        Case(
            title="sr2", task="sr2", pretraining=noisy, noisy=small, clean=clean, test_noisy=test_small,
            test_clean=test_clean,
        ),
        # The mosaics are as noisy as the photos that they are taken from: nothing is added.
        Case(
            title="demosaick", task="demosaick", pretraining=noisy, task_params={"noise_sigma": 0.0}, **same_size
        ),
        Case(
            title="city100", task="sr2", pretraining=low, noisy=low, clean=high, test_noisy=low, test_clean=high
        ),
    ]  # fmt: skip


def run_seed(cases: list[Case], out: Path, seed: int, steps: dict[str, int], **settings: Any) -> list[dict[str, Any]]:
    """Pretrain once a folder, fine-tune each case from it and from scratch, and measure.

    Args:
        cases: What to measure.
        out: Folder of the runs.
        seed: Of everything.
        steps: Of "pretrain" and "finetune".
        settings: Preset, labels, device.
    """
    parents: dict[Path, Path] = {}
    rows: list[dict[str, Any]] = []
    preset, device = settings["preset"], settings["device"]
    for case in cases:
        if case.pretraining not in parents:
            parents[case.pretraining] = timed_pretrain(
                f"pretraining for {case.title}, seed {seed}", case.pretraining, out / f"pretrained {case.title}",
                preset=preset, seed=seed, steps=steps["pretrain"], device=device,
            )  # fmt: skip
        figures: dict[str, float] = {}
        starts = {"pretrained": parents[case.pretraining], "scratch": None}
        for name, parent in starts.items():
            run = timed_finetune(
                f"{case.title}, {name}, seed {seed}", case.noisy, case.clean, out / f"{case.title} {name}",
                preset=preset, seed=seed, parent=parent, labels=settings["labels"], task=case.task,
                task_params=case.task_params, device=device,
                steps=steps["finetune"] + (0 if parent else steps["pretrain"]),
            )  # fmt: skip
            result = measure(run, case.test_noisy, case.test_clean)
            figures |= {"input": result.noisy_psnr, name: result.psnr, f"{name}_ssim": result.ssim}
        rows.append({"case": case.title, "seed": seed, "pairs": result.num_pairs, **figures})
    return rows


def print_results(rows: list[dict[str, Any]]) -> None:
    """Print one line a case: means over the seeds, and the paired difference with its interval."""
    lines = []
    for title in dict.fromkeys(row["case"] for row in rows):
        own = [row for row in rows if row["case"] == title]
        means = {name: estimate([row[name] for row in own]).mean for name in ("input", "scratch", "pretrained")}
        gain = estimate([row["pretrained"] - row["scratch"] for row in own])
        interval = f" ({gain.low:+.2f} to {gain.high:+.2f})" if gain.has_interval else ""
        lines.append((title, *(f"{value:.2f}" for value in means.values()), f"{gain.mean:+.2f}{interval}"))
    print_table(("case", "input, dB", "scratch, dB", "from RCL, dB", "difference, dB"), lines)


def _shrink_all(folder: Path, out: Path) -> Path:
    out.mkdir()
    for path in sorted(folder.iterdir()):
        write_image(out / path.name, PhotoImage(shrink(read_image(path).pixels, SCALE)))
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--labels", type=int, default=5)
    parser.add_argument("--preset", type=Preset, default=Preset.QUICK)
    parser.add_argument("--only", help="one case: denoise, sr2, demosaick or city100")
    parser.add_argument("--pretrain-steps", type=int, help="default: by the preset")
    parser.add_argument("--finetune-steps", type=int, help="default: by the preset")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, help="an empty folder for pictures and runs; default: a temporary one")
    arguments = parser.parse_args()
    steps = {
        "pretrain": arguments.pretrain_steps or pretrain_preset(arguments.preset)["steps"],
        "finetune": arguments.finetune_steps or finetune_preset(arguments.preset)["steps"],
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.out or Path(temporary) / "transfer"
        folder.mkdir(parents=True, exist_ok=True)
        chosen = [case for case in make_cases(folder) if arguments.only in (None, case.title)]
        rows = []
        for seed in range(arguments.seeds):
            settings = {"preset": arguments.preset, "labels": arguments.labels, "device": arguments.device}
            rows += run_seed(chosen, folder / f"seed {seed}", seed, steps, **settings)
    print_results(rows)
    print(f"steps {steps}, labels {arguments.labels}, seeds {arguments.seeds}; {describe_machine()}")
    print(json.dumps(rows))
