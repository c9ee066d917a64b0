"""What the benchmarks share: running the jobs with a progress line, printing a table, naming the machine."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from engine.cli.options import learns_with_twins
from engine.contracts.configs import ComputeConfig, EvaluateConfig, FinetuneConfig, Preset, PretrainConfig
from engine.contracts.events import JobEvent, JobWarning, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.presets import finetune_preset, pretrain_preset
from engine.contracts.results import EvaluationResult, TrainingResult
from engine.jobs import evaluate, finetune, pretrain
from engine.models.files import read_card
from tests.benchmarks.document import markdown_table

SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def require(folder: Path) -> Path:
    """Return the folder, or end with a sentence where the test images are missing."""
    if not folder.is_dir():
        sys.exit(f"This benchmark needs the test images in {folder}.")
    return folder


class Progress:
    """One line on stderr, rewritten a few times a second."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._shown = 0.0

    def __call__(self, event: JobEvent) -> None:
        if isinstance(event, JobWarning):
            print(f"\n{event.message} {event.hint}", file=sys.stderr)
        if isinstance(event, StepDone) and time.monotonic() - self._shown > 0.5 and sys.stderr.isatty():
            self._shown = time.monotonic()
            left = "" if event.seconds_left is None else f", {event.seconds_left:.0f} s left"
            line = f"\r{self._title}: {event.stage} {event.step}/{event.num_steps}{left}   "
            print(line, end="", file=sys.stderr, flush=True)


def timed_pretrain(title: str, photos: Path, out: Path, *, preset: Preset, seed: int, **values: object) -> Path:
    """Pretrain and print how long the whole job took, reading included."""
    fields = {**pretrain_preset(preset), **values}
    config = PretrainConfig(photos=(photos,), out=out, seed=seed, **fields)  # type: ignore[arg-type]
    started = time.monotonic()
    result = pretrain(config, JobControl(), Progress(title))
    _report(title, result, time.monotonic() - started)
    return result.run


def timed_finetune(
    title: str, noisy: Path, clean: Path, out: Path, *, preset: Preset, seed: int, parent: Path | None, **values: object
) -> Path:
    """Fine-tune and print how long the whole job took, reading included."""
    task = str(values.get("task", "denoise"))
    choice = {
        "from_scratch": parent is None,
        "is_new_task": parent is not None and read_card(parent).task != task,
        "with_twins": parent is not None and learns_with_twins(parent, task),
    }
    fields = {**finetune_preset(preset, **choice), **values}
    config = FinetuneConfig(noisy=(noisy,), clean=(clean,), parent=parent, out=out, seed=seed, **fields)  # type: ignore[arg-type]
    started = time.monotonic()
    result = finetune(config, JobControl(), Progress(title))
    _report(title, result, time.monotonic() - started)
    return result.run


def measure(model: Path, noisy: Path, clean: Path, *, include_training: bool = False) -> EvaluationResult:
    """Evaluate a run on all pairs of two folders; pairs that taught it do not count unless they are asked for."""
    config = EvaluateConfig(model=model, noisy=(noisy,), clean=(clean,), include_training=include_training)
    return evaluate(config, JobControl(), Progress("Evaluating"))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table."""
    print(markdown_table(header, rows))


def describe_machine() -> str:
    """One line: cores, precision, versions."""
    import torch

    from engine.machine.devices import best_precision, open_device

    device = open_device(ComputeConfig())
    trained = best_precision(device.name)
    computed = device.precision if trained == device.precision else f"{device.precision}, trainings at {trained}"
    cores = f"{len(os.sched_getaffinity(0))} of " if hasattr(os, "sched_getaffinity") else ""
    return f"{cores}{os.cpu_count()} cores, {device.name} at {computed}, torch {torch.__version__}"


def _report(title: str, result: TrainingResult, wall_seconds: float) -> None:
    print(f"{title}: {result.steps} steps in {wall_seconds:.0f} s ({result.seconds:.0f} s of training)", flush=True)
