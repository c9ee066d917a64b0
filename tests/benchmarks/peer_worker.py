"""Runs in the environment of another program, without a line of ours: trains and restores as its own guide says.

    python peer_worker.py careamics|bm3d FOLDER [--minutes 5] [--seed 0]

Reads `noisy/NAME.npy` to learn from, `measured/NAME.npy` to restore, and `large.npy` for its time (height, width and
three channels or none; 8-bit levels as float32); `sigmas.json` has each measured picture's noise in these levels.
Writes `restored/NAME.npy` alike, and prints one JSON object: what `peers.Told` holds.
"""

import argparse
import importlib
import json
import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

TILE = (256, 256)
"""Of a large picture, as CAREamics' guide restores it."""

Photos = dict[str, Any]
Restore = Callable[[Any, float], Any]
"""From a picture and its noise to the restored one."""


@dataclass(frozen=True)
class Trained:
    """What restores, and what training it took: steps, seconds, and processor time by time."""

    restore: Restore
    steps: int = 0
    seconds: float = 0.0
    cores: float = 0.0


def careamics(photos: Photos, arguments: argparse.Namespace) -> Trained:
    """Train Noise2Void for some minutes."""
    package = importlib.import_module("careamics")
    factories = importlib.import_module("careamics.config.factories")
    first = next(iter(photos.values()))
    axes, channels = ("YXC", {"n_channels": 3}) if first.ndim == 3 else ("YX", {})
    config = factories.create_advanced_n2v_config(
        experiment_name="peer",
        data_type="array",
        axes=axes,
        **channels,
        patch_size=[64, 64],
        batch_size=16,
        num_epochs=10_000,
        num_steps=100,
        trainer_params={"max_time": {"seconds": round(60 * arguments.minutes)}, "accelerator": "cpu"},
        # Theirs begin at 1.
        seed=arguments.seed + 1,
    )
    restorer = package.CAREamist(config, work_dir=arguments.folder / "work", enable_progress_bar=False)
    used, started = processor_seconds(), time.perf_counter()
    restorer.train(train_data=list(photos.values()))
    seconds = time.perf_counter() - started
    cores = (processor_seconds() - used) / seconds

    def restore(noisy: Any, sigma: float) -> Any:
        is_large = max(noisy.shape[:2]) > 2 * max(TILE)
        prediction = np.squeeze(np.asarray(restorer.predict([noisy], tile_size=TILE if is_large else None)[0][0]))
        return prediction if prediction.shape == noisy.shape else np.moveaxis(prediction, 0, -1)

    return Trained(restore, int(restorer.trainer.global_step), seconds, cores)


def bm3d(photos: Photos, arguments: argparse.Namespace) -> Trained:
    """Nothing to train."""
    package = importlib.import_module("bm3d")

    def restore(noisy: Any, sigma: float) -> Any:
        denoise = package.bm3d_rgb if noisy.ndim == 3 else package.bm3d
        return 255 * denoise(noisy / 255, sigma_psd=sigma / 255)

    return Trained(restore)


def processor_seconds() -> float:
    """Processor time of this process and of those it has started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    """Train, restore every picture, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=("careamics", "bm3d"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    folder = arguments.folder
    photos = {path.stem: np.load(path) for path in sorted((folder / "noisy").glob("*.npy"))}
    sigmas = json.loads((folder / "sigmas.json").read_text())
    trained = {"careamics": careamics, "bm3d": bm3d}[arguments.peer](photos, arguments)
    (folder / "restored").mkdir(exist_ok=True)
    pixels, restore_seconds = 0, 0.0
    for path in sorted((folder / "measured").glob("*.npy")):
        noisy = np.load(path)
        started = time.perf_counter()
        restored = trained.restore(noisy, sigmas[path.stem])
        restore_seconds += time.perf_counter() - started
        pixels += noisy.shape[0] * noisy.shape[1]
        np.save(folder / "restored" / path.name, np.asarray(restored, np.float32))
    if (folder / "large.npy").exists():
        large = np.load(folder / "large.npy")
        started = time.perf_counter()
        trained.restore(large, 0.0)
        pixels, restore_seconds = large.shape[0] * large.shape[1], time.perf_counter() - started
    told = {
        "train_seconds": trained.seconds,
        "steps": trained.steps,
        "cores": trained.cores,
        "restore_seconds": restore_seconds,
        "megapixels": pixels / 1e6,
        # Linux tells it in KiB.
        "peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "version": metadata.version(arguments.peer),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
