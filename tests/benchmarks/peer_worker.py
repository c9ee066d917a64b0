"""Runs in the environment of another program, without a line of ours: trains and restores as its own guide says.

    python peer_worker.py careamics|bm3d FOLDER [--minutes 5] [--seed 0]

Reads `noisy/NAME.npy` (height, width, 3; 8-bit levels as float32), writes `restored/NAME.npy` alike, and prints one
JSON object: the seconds that training and restoring took, and the versions.
"""

import argparse
import importlib
import json
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

SIGMA = 25.0
"""BM3D has to be told the noise."""

Photos = dict[str, Any]


def careamics(photos: Photos, arguments: argparse.Namespace) -> tuple[float, Callable[[list[Any]], list[Any]]]:
    """Train Noise2Void for some minutes; returns the seconds and what restores."""
    package = importlib.import_module("careamics")
    factories = importlib.import_module("careamics.config.factories")
    config = factories.create_advanced_n2v_config(
        experiment_name="peer",
        data_type="array",
        axes="YXC",
        n_channels=3,
        patch_size=[64, 64],
        batch_size=16,
        num_epochs=10_000,
        num_steps=100,
        trainer_params={"max_time": {"seconds": round(60 * arguments.minutes)}, "accelerator": "cpu"},
        # Theirs begin at 1.
        seed=arguments.seed + 1,
    )
    restorer = package.CAREamist(config, work_dir=arguments.folder / "work", enable_progress_bar=False)
    started = time.perf_counter()
    restorer.train(train_data=list(photos.values()))
    seconds = time.perf_counter() - started

    def restore(noisy: list[Any]) -> list[Any]:
        restored = [np.squeeze(np.asarray(prediction)) for prediction in restorer.predict(noisy)[0]]
        return [one if one.shape[-1] == 3 else np.moveaxis(one, 0, -1) for one in restored]

    return seconds, restore


def bm3d(photos: Photos, arguments: argparse.Namespace) -> tuple[float, Callable[[list[Any]], list[Any]]]:
    """Nothing to train."""
    package = importlib.import_module("bm3d")
    return 0.0, lambda noisy: [255 * package.bm3d_rgb(one / 255, sigma_psd=SIGMA / 255) for one in noisy]


def main() -> None:
    """Train, restore every photo, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=("careamics", "bm3d"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    photos = {path.name: np.load(path) for path in sorted((arguments.folder / "noisy").glob("*.npy"))}
    train_seconds, restore = {"careamics": careamics, "bm3d": bm3d}[arguments.peer](photos, arguments)
    wanted = json.loads((arguments.folder / "wanted.json").read_text())
    (arguments.folder / "restored").mkdir(exist_ok=True)
    started = time.perf_counter()
    restored = restore([photos[name] for name in wanted])
    restore_seconds = time.perf_counter() - started
    for name, pixels in zip(wanted, restored, strict=True):
        np.save(arguments.folder / "restored" / name, np.asarray(pixels, np.float32))
    print(
        json.dumps(
            {
                "train_seconds": train_seconds,
                "restore_seconds": restore_seconds,
                "megapixels": sum(photos[name].shape[0] * photos[name].shape[1] for name in wanted) / 1e6,
                "version": metadata.version(arguments.peer),
            }
        )
    )


if __name__ == "__main__":
    main()
