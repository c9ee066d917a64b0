"""RCL on real camera photos: pretrain on the 60 noisy `polyu` photos, fine-tune with 5 labels, measure on the others.

    python3 run.py bench real_photos [--seeds 1] [--preset quick] [--labels 5] [--out DIR]

Seed s draws the labels, the first weights and the batches.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from engine.contracts.configs import Preset
from engine.contracts.presets import finetune_preset, pretrain_preset
from tests.benchmarks.reporting import (
    SHARED_DATA,
    describe_machine,
    measure,
    print_table,
    require,
    timed_finetune,
    timed_pretrain,
)


def run_seed(out: Path, preset: Preset, seed: int, labels: int) -> dict[str, float]:
    """Gains over the noisy input in dB, of the photos whose references nobody saw."""
    noisy, clean = (require(SHARED_DATA / "real_noisy_pairs" / "polyu") / side for side in ("noisy", "clean"))
    parent = timed_pretrain(f"RCL, seed {seed}", noisy, out / "rcl", preset=preset, seed=seed)
    total_steps = pretrain_preset(preset)["steps"] + finetune_preset(preset)["steps"]
    common = {"preset": preset, "seed": seed, "labels": labels}
    tuned = timed_finetune(f"RCL, {labels} labels", noisy, clean, out / "tuned", parent=parent, **common)
    scratch = timed_finetune(
        f"scratch, {labels} labels", noisy, clean, out / "scratch", parent=None, steps=total_steps, **common
    )
    result = measure(tuned, noisy, clean)
    unseen = {score.name for score in result.per_image if not score.used_for_training}
    without = measure(parent, noisy, clean)
    gains = [score.psnr - score.noisy_psnr for score in without.per_image if score.name in unseen]
    plain = measure(scratch, noisy, clean)
    return {
        "RCL, no label": float(np.mean(gains)),
        f"RCL, {labels} labels": result.psnr - result.noisy_psnr,
        f"scratch, {labels} labels": plain.psnr - plain.noisy_psnr,
        "noisy": result.noisy_psnr,
        "pairs": result.num_pairs,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--labels", type=int, default=5)
    parser.add_argument("--preset", type=Preset, default=Preset.QUICK)
    parser.add_argument("--out", type=Path, help="an empty folder for the runs; default: a temporary one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.out or Path(temporary)
        rows = [
            run_seed(folder / f"seed {seed}", arguments.preset, seed, arguments.labels)
            for seed in range(arguments.seeds)
        ]
    print_table(("seed", *rows[0]), [(str(seed), *(f"{v:.2f}" for v in row.values())) for seed, row in enumerate(rows)])
    print(describe_machine())
    print(json.dumps(rows))
