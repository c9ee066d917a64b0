"""Our side of `bench peers`, in a process of its own as theirs are: trains for some minutes, measures, restores.

    python -m tests.benchmarks.peer_ours METHOD FOLDER [--minutes 5] [--seed 0]

METHOD is a pretext, or "starter" for the model as it is shipped. Learns from the photos in `FOLDER/noisy`, measures
those of `FOLDER/measured` against `FOLDER/clean`, restores `FOLDER/large.png` from file to file, and prints one JSON
object: what `peers.Told` holds.
"""

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

from engine import __version__
from engine.contracts.configs import EvaluateConfig, Preset, PretrainConfig, RestoreConfig
from engine.contracts.job_control import JobControl
from engine.contracts.presets import pretrain_preset
from engine.jobs import evaluate, pretrain, restore
from engine.models.starters import GENERAL_TASK, require_starter
from engine.photo_files.photos import read_image
from tests.benchmarks.peer_worker import processor_seconds

STARTER = "starter"
OWN_NOISE = "own-noise"
"""The starter, refined on the photos' own noise: what the program does where nothing else is asked for."""

SHORT_STEPS, LONGER_STEPS = 20, 60
"""Of two trainings whose times tell what a step and the start take."""


def train(method: str, noisy: Path, out: Path, steps: int, seed: int) -> tuple[Path, float]:
    """Train on noisy photos; returns the run and the job's seconds."""
    fields: dict[str, Any] = {"crop_px": 48, "learning_rate": 2e-3}
    if method == OWN_NOISE:
        fields = {**pretrain_preset(Preset.QUICK, from_scratch=False), "parent": require_starter(GENERAL_TASK)}
    fields |= {"pretext": method, "steps": steps, "seed": seed, "preview_interval_s": 3600.0}
    config = PretrainConfig(photos=(noisy,), out=out, device="cpu", **fields)
    started = time.perf_counter()
    run = pretrain(config, JobControl(), lambda event: None).run
    return run, time.perf_counter() - started


def steps_of_minutes(method: str, folder: Path, minutes: float, seed: int) -> int:
    """How many steps fit into some minutes, start and end included; of own noise as many as preset quick takes."""
    if method == OWN_NOISE:
        # More of them add nothing, and learning the noise takes most of a short training.
        steps: int = pretrain_preset(Preset.QUICK, from_scratch=False)["steps"]
        return steps
    short = train(method, folder / "noisy", folder / "short", SHORT_STEPS, seed)[1]
    longer = train(method, folder / "noisy", folder / "longer", LONGER_STEPS, seed)[1]
    a_step = max(longer - short, 1e-3) / (LONGER_STEPS - SHORT_STEPS)
    return max(int((60 * minutes - (short - SHORT_STEPS * a_step)) / a_step), SHORT_STEPS)


def main() -> None:
    """Train, measure, restore, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fit-brightness", action="store_true")
    arguments = parser.parse_args()
    folder, method = arguments.folder, arguments.method
    model, steps, train_seconds, cores = require_starter(GENERAL_TASK), 0, 0.0, 0.0
    if method != STARTER:
        steps = steps_of_minutes(method, folder, arguments.minutes, arguments.seed)
        used = processor_seconds()
        model, train_seconds = train(method, folder / "noisy", folder / "run", steps, arguments.seed)
        cores = (processor_seconds() - used) / train_seconds
    scores = evaluate(
        EvaluateConfig(
            model=model,
            noisy=(folder / "measured",),
            clean=(folder / "clean",),
            device="cpu",
            fit_brightness=arguments.fit_brightness,
        ),
        JobControl(),
        lambda event: None,
    )
    large = folder / "large.png"
    config = RestoreConfig(model=model, photos=(large,), out=folder / "out", device="cpu", existing="overwrite")
    seconds = []
    # The first time chooses what computes.
    for _ in range(2):
        started = time.perf_counter()
        result = restore(config.model_copy(update={"skip_done": False}), JobControl(), lambda event: None)
        seconds.append(time.perf_counter() - started)
    height, width = read_image(large).pixels.shape[:2]
    told = {
        "psnr": scores.psnr,
        "noisy_psnr": scores.noisy_psnr,
        "train_seconds": train_seconds,
        "steps": steps,
        "cores": cores,
        "restore_seconds": seconds[-1],
        "megapixels": height * width / 1e6,
        "peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "version": f"{__version__}, {result.backend}",
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
