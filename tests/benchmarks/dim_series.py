"""A simulated time series of a microscope, 88 to 390 counts of 65,535: what starter and RCL bring, counts as they are.

    python3 run.py bench dim_series [--frames 30] [--preset quick] [--also-stretched]

The same frames are restored as they are, in the counts of the camera, and with `--also-stretched` spread over the range
of the type by hand first, as one had to before levels were measured. Gains are PSNR over the noisy frames, in dB, in
counts.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from engine.contracts.configs import Preset, PretrainConfig, RestoreConfig
from engine.contracts.events import JobEvent, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.presets import pretrain_preset
from engine.jobs import pretrain, restore
from engine.models.starters import require_starter
from tests.picture_makers import dim_series

STRETCHED = (88, 390)
"""Counts that become black and white where the frames are spread by hand."""


def write_frames(folder: Path, frames: list[NDArray[Any]], *, is_stretched: bool) -> Path:
    """Write the frames as TIFF files of 16 bits."""
    folder.mkdir()
    low, high = STRETCHED
    for index, frame in enumerate(frames):
        if is_stretched:
            frame = np.rint(np.clip((frame.astype(float) - low) / (high - low), 0, 1) * 65535).astype(np.uint16)
        tifffile.imwrite(folder / f"{index:02d}.tif", frame)
    return folder


def restored(model: Path, noisy: Path, out: Path, *, is_stretched: bool) -> list[NDArray[np.float64]]:
    """Restore a folder, and return the frames in counts."""
    result = restore(RestoreConfig(model=model, photos=(noisy,), out=out, device="cpu"), JobControl(), lambda _: None)
    assert not result.failed, result.failed
    found = [tifffile.imread(output).astype(float) for _, output in result.restored]
    low, high = STRETCHED
    return [frame / 65535 * (high - low) + low for frame in found] if is_stretched else found


def mean_gain(found: list[NDArray[np.float64]], noisy: list[NDArray[Any]], counts: list[NDArray[np.float64]]) -> float:
    """Return the mean gain in PSNR, in dB."""
    gains = [
        10 * np.log10(np.square(before - clean).mean() / np.square(after - clean).mean())
        for before, after, clean in zip(noisy, found, counts, strict=True)
    ]
    return float(np.mean(gains))


def learn(noisy: Path, run: Path, preset: Preset) -> Path:
    """Pretrain by RCL from scratch, as `residua pretrain --pretext rcl` does."""

    def show(event: JobEvent) -> None:
        if isinstance(event, StepDone) and event.step % 500 == 0:
            print(f"  {event.stage}: {event.step:,} of {event.num_steps:,}", flush=True)

    values = pretrain_preset(preset, from_scratch=True, pretext="rcl")
    return pretrain(PretrainConfig(**values, photos=(noisy,), out=run, device="cpu"), JobControl(), show).run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--preset", type=Preset, default=Preset.QUICK, choices=list(Preset))
    parser.add_argument("--also-stretched", action="store_true")
    arguments = parser.parse_args()
    noisy, counts = (list(side) for side in zip(*dim_series(arguments.frames), strict=True))
    with tempfile.TemporaryDirectory() as name:
        for is_stretched in (False, True) if arguments.also_stretched else (False,):
            what = "stretched by hand" if is_stretched else "native counts"
            work = Path(name) / what
            work.mkdir()
            folder = write_frames(work / "noisy", noisy, is_stretched=is_stretched)
            models = {"starter": require_starter("denoise")}
            for method in ("starter", "rcl"):
                if method == "rcl":
                    models["rcl"] = learn(folder, work / "run", arguments.preset)
                found = restored(models[method], folder, work / method, is_stretched=is_stretched)
                kept = float(np.mean(found)) / float(np.mean(noisy)) - 1
                print(
                    f"{method}, {what}: {mean_gain(found, noisy, counts):+.2f} dB, mean {100 * kept:+.2f} %", flush=True
                )


if __name__ == "__main__":
    main()
