"""RCL on simulated noise of many levels: without labels, with 2 and 10, and against the same network from scratch.

    python3 run.py bench few_labels [--seed 0] [--preset quick] [--out DIR]

200 photos of `bsds500_train` get noise of a standard deviation of 8 to 50 levels each, half of its variance
signal-dependent; 16 photos of `bsds500_test` with noise of the same kind are measured.
"""

import argparse
import json
import tempfile
from pathlib import Path

import cv2
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

LABEL_COUNTS = (2, 10)
NUM_TEST_PHOTOS = 16


def add_noise(
    clean_folder: Path, out: Path, *, count: int, seed: int, sigmas: tuple[float, float] = (8, 50)
) -> tuple[Path, Path]:
    """Write noisy and clean PNGs of the first `count` photos of a folder.

    The variance is a y + b with b = sigma^2 / 2 and a such that both parts are equal on average over the photo.

    Returns:
        The noisy and the clean folder.
    """
    noisy_folder, reference_folder = out / "noisy", out / "clean"
    noisy_folder.mkdir(parents=True)
    reference_folder.mkdir()
    sources = sorted(path for path in clean_folder.iterdir() if path.suffix.lower() in {".jpg", ".png"})[:count]
    for index, source in enumerate(sources):
        levels = cv2.imread(str(source))
        assert levels is not None
        clean = levels / 255.0
        generator = np.random.default_rng((seed, index))
        sigma = generator.uniform(*sigmas) / 255
        variance = sigma**2 / 2 * (1 + clean / clean.mean())
        noisy = clean + generator.normal(size=clean.shape) * np.sqrt(variance)
        cv2.imwrite(str(noisy_folder / f"{source.stem}.png"), np.rint(noisy.clip(0, 1) * 255).astype(np.uint8))
        cv2.imwrite(str(reference_folder / f"{source.stem}.png"), levels)
    return noisy_folder, reference_folder


def run(out: Path, preset: Preset, seed: int) -> dict[str, object]:
    """Run the whole comparison and print its table."""
    photos = require(SHARED_DATA / "clean_color")
    noisy, clean = add_noise(photos / "bsds500_train", out / "train", count=200, seed=1)
    test_noisy, test_clean = add_noise(photos / "bsds500_test", out / "test", count=NUM_TEST_PHOTOS, seed=2)

    parent = timed_pretrain("RCL", noisy, out / "rcl", preset=preset, seed=seed)
    runs = {"RCL, no label": parent}
    total_steps = pretrain_preset(preset)["steps"] + finetune_preset(preset)["steps"]
    for labels in LABEL_COUNTS:
        for name, start, values in (
            ("RCL", parent, {}),
            ("scratch", None, {"steps": total_steps}),
        ):
            title = f"{name}, {labels} labels"
            folder = out / f"{name}-{labels}"
            runs[title] = timed_finetune(
                title, noisy, clean, folder, preset=preset, seed=seed, parent=start, labels=labels, **values
            )
    results = {title: measure(model, test_noisy, test_clean) for title, model in runs.items()}
    print_table(
        ("model", "PSNR, dB", "gain, dB", "SSIM"),
        [
            (title, f"{result.psnr:.2f}", f"{result.psnr - result.noisy_psnr:+.2f}", f"{result.ssim:.3f}")
            for title, result in results.items()
        ],
    )
    first = next(iter(results.values()))
    print(f"noisy input {first.noisy_psnr:.2f} dB; seed {seed}, preset {preset.value}; {describe_machine()}")
    return {title: {"psnr": result.psnr, "noisy_psnr": result.noisy_psnr} for title, result in results.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--preset", type=Preset, default=Preset.QUICK)
    parser.add_argument("--out", type=Path, help="an empty folder for pictures and runs; default: a temporary one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.out or Path(temporary) / "few_labels"
        folder.mkdir(parents=True, exist_ok=True)
        print(json.dumps(run(folder, arguments.preset, arguments.seed)))
