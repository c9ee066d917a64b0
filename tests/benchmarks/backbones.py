"""Which backbone, at which size, gains most in the same time: RCL without labels, and all labels from scratch.

    python3 run.py bench backbones [--minutes 2 ...] [--seeds 1] [--only unet:small unet:width=32 ...] [--out DIR]

The data are those of the benchmark few_labels: 200 photos with noise of a standard deviation of 8 to 50 levels, half
of its variance signal-dependent; the middle of 16 other photos is measured. Every training has the same wall time: its
steps are chosen by timing some first, so that the learning rate's cosine ends when the time does. Each duration is a
training of its own, since a point on the way to a longer one has not had its small steps yet.
"""

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.comparing.metrics import psnr
from engine.contracts.configs import ComputeConfig, FinetuneConfig, Preset, PretrainConfig
from engine.contracts.errors import InvalidInputError
from engine.contracts.events import CheckpointSaved, JobEvent, RunStarted, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.presets import finetune_preset, pretrain_preset
from engine.jobs import finetune, pretrain
from engine.machine.devices import ComputeDevice, open_device
from engine.method.catalogue.backbones import BACKBONES
from engine.method.factory import make_backbone
from engine.models.files import load_model
from engine.photo_files.photos import read_image
from tests.benchmarks.few_labels import add_noise
from tests.benchmarks.reporting import SHARED_DATA, Progress, describe_machine, print_table, require

NUM_PHOTOS, NUM_TEST_PHOTOS = 200, 16
TEST_CROP_PX = 256
NUM_POINTS = 8
NUM_PROBE_STEPS, NUM_WARM_UP_STEPS = 30, 10
LEAST_STEPS = 20
TRAINING_STAGES = {"Pretraining", "Fine-tuning"}


@dataclass(frozen=True)
class Candidate:
    """A backbone and its settings, written NAME:SIZE or NAME:SETTING=NUMBER,..."""

    text: str
    backbone: str
    params: dict[str, Any]

    @classmethod
    def parse(cls, text: str) -> "Candidate":
        """Read what --only names.

        Raises:
            argparse.ArgumentTypeError: There is no such backbone or setting.
        """
        name, _, settings = text.partition(":")
        params: dict[str, Any] = {}
        for setting in filter(None, settings.split(",")):
            key, separator, value = setting.partition("=")
            params |= {key: int(value) if value.isdecimal() else value} if separator else {"size": setting}
        try:
            BACKBONES.find(name).validate(params)
        except InvalidInputError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return cls(text, name, params)


@dataclass(frozen=True)
class TestSet:
    """What is measured. Shape of both: (photos, height, width, 3), 0 to 1."""

    noisy: np.ndarray
    clean: np.ndarray

    @classmethod
    def read(cls, noisy_folder: Path, clean_folder: Path) -> "TestSet":
        """The middle of each photo."""
        names = sorted(path.name for path in noisy_folder.iterdir())
        sides = [[_middle(folder / name) for name in names] for folder in (noisy_folder, clean_folder)]
        return cls(*(np.stack(side) for side in sides))

    @torch.inference_mode()
    def measure(self, run: Path, device: ComputeDevice) -> float:
        """Mean PSNR of a run's current model, dB."""
        network = load_model(run).network.to(device.torch_device, memory_format=torch.channels_last)
        figures = []
        for noisy, clean in zip(self.noisy, self.clean, strict=True):
            observed = torch.from_numpy(noisy[None]).permute(0, 3, 1, 2).to(device.torch_device)
            with device.autocast():
                restored = network(observed).float()
            pixels = restored[0].permute(1, 2, 0).clamp(0, 1).cpu().numpy()
            figures.append(psnr(pixels, clean))
        return float(np.mean(figures))


@dataclass
class Curve:
    """What a training gained over time.

    Attributes:
        steps: Of the whole training.
        minutes: Training time at each point, without measuring.
        psnr: Of the held-out photos at each point, dB.
    """

    steps: int = 0
    minutes: list[float] = field(default_factory=list)
    psnr: list[float] = field(default_factory=list)

    def rounded(self) -> dict[str, Any]:
        """Plain values for JSON, no more exact than they mean."""
        minutes, figures = ([round(value, 3) for value in values] for values in (self.minutes, self.psnr))
        return {"steps": self.steps, "minutes": minutes, "psnr": figures}

    def at(self, share: float) -> float:
        """The PSNR after a share of the time, between its points."""
        return float(np.interp(share * self.minutes[-1], self.minutes, self.psnr))


class Stopwatch:
    """Receives a training's events; measures at some checkpoints, and leaves that time out."""

    def __init__(
        self, title: str, on_checkpoint: Callable[[Path], float] | None = None, *, interval_s: float = 0.0
    ) -> None:
        """Take what measures a run's model, and the training time between two points of the curve."""
        self.curve = Curve()
        self.step_ends: list[float] = []
        self._progress = Progress(title)
        self._on_checkpoint = on_checkpoint
        self._interval_s = interval_s
        self._run = Path()
        self._started = self._measuring = 0.0
        self._is_last = False

    def __call__(self, event: JobEvent) -> None:
        self._progress(event)
        if isinstance(event, RunStarted):
            self._run = event.run
            self._started = time.monotonic()
        elif isinstance(event, StepDone) and event.stage in TRAINING_STAGES:
            self.curve.steps = event.step
            self._is_last = event.step == event.num_steps
            self.step_ends.append(self._seconds())
        elif isinstance(event, CheckpointSaved) and self._on_checkpoint and self._is_due():
            now = time.monotonic()
            self.curve.minutes.append(self._seconds() / 60)
            self.curve.psnr.append(self._on_checkpoint(self._run))
            self._measuring += time.monotonic() - now

    def _is_due(self) -> bool:
        # The trainer's clock runs on while a model is measured, so that it may save sooner than is wanted here.
        previous = 60 * self.curve.minutes[-1] if self.curve.minutes else 0.0
        return self._is_last or self._seconds() - previous > 0.9 * self._interval_s

    def _seconds(self) -> float:
        return time.monotonic() - self._started - self._measuring

    @property
    def seconds_per_step(self) -> float:
        """Without the first steps, in which memory is laid out."""
        ends = self.step_ends[NUM_WARM_UP_STEPS - 1 :]
        return (ends[-1] - ends[0]) / (len(ends) - 1)


@dataclass(frozen=True)
class Contest:
    """The data and the two ways to learn from them."""

    noisy: Path
    clean: Path
    test: TestSet
    out: Path
    device: ComputeDevice

    def run(self, kind: str, candidate: Candidate, minutes: float, seed: int) -> tuple[Curve, float]:
        """Train for a time. Returns the curve and the seconds of a step."""
        title = f"{kind}, {candidate.text}, seed {seed}"
        folder = self.out / f"{kind} {candidate.text.replace(':', ' ')} {minutes:g} {seed}"
        probe = Stopwatch(f"{title}, timing")
        self._train(kind, candidate, folder / "probe", probe, seed=seed, steps=NUM_PROBE_STEPS)
        steps = max(round(60 * minutes / probe.seconds_per_step), LEAST_STEPS)
        interval = 60 * minutes / NUM_POINTS
        stopwatch = Stopwatch(title, lambda run: self.test.measure(run, self.device), interval_s=interval)
        self._train(kind, candidate, folder / "run", stopwatch, seed=seed, steps=steps, checkpoint_interval_s=interval)
        curve = stopwatch.curve
        print(f"{title}: {curve.steps} steps in {curve.minutes[-1]:.2f} min, {curve.psnr[-1]:.2f} dB", flush=True)
        return curve, probe.seconds_per_step

    def _train(self, kind: str, candidate: Candidate, out: Path, watch: Stopwatch, **values: Any) -> None:
        common = {
            "out": out,
            "backbone": candidate.backbone,
            "backbone_params": candidate.params,
            # No preview: it would cost a slow network as much as a quick one.
            "preview_interval_s": 3600.0,
            **values,
        }
        if kind == "RCL":
            fields = {**pretrain_preset(Preset.QUICK), **common}
            pretrain(PretrainConfig(photos=(self.noisy,), **fields), JobControl(), watch)
        else:
            fields = {**finetune_preset(Preset.QUICK, from_scratch=True), **common, "validation_share": 0.0}
            finetune(FinetuneConfig(noisy=(self.noisy,), clean=(self.clean,), **fields), JobControl(), watch)


KINDS = ("RCL", "supervised")


def compare(
    out: Path, candidates: Sequence[Candidate], minutes: Sequence[float], seeds: int, kinds: Sequence[str] = KINDS
) -> dict[str, Any]:
    """Run all trainings and print a table for each way to learn and duration."""
    photos = require(SHARED_DATA / "clean_color")
    noisy, clean = add_noise(photos / "bsds500_train", out / "train", count=NUM_PHOTOS, seed=1)
    test = TestSet.read(*add_noise(photos / "bsds500_test", out / "test", count=NUM_TEST_PHOTOS, seed=2))
    contest = Contest(noisy, clean, test, out, open_device(ComputeConfig()))
    noisy_psnr = float(np.mean([psnr(*pair) for pair in zip(test.noisy, test.clean, strict=True)]))
    results = []
    for kind in kinds:
        for duration in minutes:
            rows = []
            for candidate in candidates:
                runs = [contest.run(kind, candidate, duration, seed) for seed in range(seeds)]
                rows.append(_row(candidate, [curve for curve, _ in runs], [seconds for _, seconds in runs]))
                results.append(
                    {
                        "kind": kind,
                        "candidate": candidate.text,
                        "minutes": duration,
                        "curves": [curve.rounded() for curve, _ in runs],
                    }
                )
            print(f"\n{kind}, {duration:g} minutes each, noisy {noisy_psnr:.2f} dB\n")
            print_table(
                (
                    "network",
                    "weights, k",
                    "kFLOP/px",
                    "ms a step",
                    "steps",
                    "half the time",
                    "end, dB",
                    "spread",
                    "min",
                ),
                rows,
            )
    print(f"\n{seeds} seed(s); {describe_machine()}, {torch.get_num_threads()} threads")
    return {"noisy_psnr": noisy_psnr, "machine": describe_machine(), "results": results}


def _row(candidate: Candidate, curves: Sequence[Curve], seconds_per_step: Sequence[float]) -> list[str]:
    ends = [curve.psnr[-1] for curve in curves]
    num_parameters, kflop_per_pixel = _cost(candidate)
    return [
        candidate.text,
        f"{num_parameters / 1000:.0f}",
        f"{kflop_per_pixel:.0f}",
        f"{1000 * np.mean(seconds_per_step):.0f}",
        f"{np.mean([curve.steps for curve in curves]):.0f}",
        f"{np.mean([curve.at(0.5) for curve in curves]):.2f}",
        f"{np.mean(ends):.2f}",
        f"{np.std(ends, ddof=1):.2f}" if len(ends) > 1 else "-",
        f"{np.mean([curve.minutes[-1] for curve in curves]):.2f}",
    ]


def _cost(candidate: Candidate) -> tuple[int, float]:
    """Weights, and thousands of multiplications and additions a pixel."""
    from torch.utils.flop_counter import FlopCounterMode

    network = make_backbone(candidate.backbone, candidate.params)
    side = math.lcm(network.alignment_px, 64)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, side, side))
    num_parameters = sum(weights.numel() for weights in network.parameters())
    return num_parameters, counter.get_total_flops() / side**2 / 1000


def _middle(path: Path) -> np.ndarray:
    pixels = read_image(path).pixels
    top, left = ((size - TEST_CROP_PX) // 2 for size in pixels.shape[:2])
    return pixels[top : top + TEST_CROP_PX, left : left + TEST_CROP_PX]


def _all_candidates() -> list[Candidate]:
    """Every named size, and the U-Net at full resolution."""
    from engine.method.catalogue.backbones import SizedParams

    named = [
        f"{name}:{size}"
        for name, entry in BACKBONES.items()
        if issubclass(entry.params_model, SizedParams)
        for size in entry.params_model.sizes
    ]
    return [Candidate.parse(text) for text in (*named, "unet:width=32")]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, nargs="+", default=[2.0], help="of training, each")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument(
        "--only", type=Candidate.parse, nargs="+", metavar="NAME:SIZE", help="what to compare; default: all sizes"
    )
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    parser.add_argument("--out", type=Path, help="an empty folder for pictures and runs; default: a temporary one")
    arguments = parser.parse_args()
    chosen = arguments.only or _all_candidates()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.out or Path(temporary) / "backbones"
        folder.mkdir(parents=True, exist_ok=True)
        report = compare(folder, chosen, arguments.minutes, arguments.seeds, arguments.kinds)
        print(json.dumps(report))
