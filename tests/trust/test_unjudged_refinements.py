"""A refinement that ends before it was judged, by a stop or by SIGKILL, leaves the model that it started from."""

import signal
import sys
import textwrap
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from engine.contracts.configs import OWN_NOISE, PretrainConfig
from engine.contracts.errors import EngineError
from engine.contracts.events import JobEvent, StepDone, VerdictReady
from engine.contracts.job_control import JobCancelled, JobControl
from engine.jobs import pretrain, resume_training
from engine.runs.folder import STOPPED_UNJUDGED
from engine.runs.records import RunStatus
from engine.runs.store import Run
from tests.conftest import TinyPhotos
from tests.warm_processes import run_warm

MOMENTS = [("Pretraining", 3), ("Measuring the gain", 7)]
"""Amid the training, and amid the gate."""

HOST = """
    import os, signal, sys
    from engine.contracts.configs import PretrainConfig
    from engine.contracts.events import StepDone
    from engine.contracts.job_control import JobControl
    from engine.jobs import pretrain

    def kill(event):
        if isinstance(event, StepDone) and (event.stage, event.step) == (sys.argv[2], int(sys.argv[3])):
            os.kill(os.getpid(), signal.SIGKILL)

    pretrain(PretrainConfig.model_validate_json(sys.argv[1]), JobControl(), kill)
"""


def ignore(event: JobEvent) -> None:
    """Nobody watches these jobs."""


@pytest.fixture(scope="module")
def parent(tiny_photos: TinyPhotos, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = PretrainConfig(
        photos=(tiny_photos.noisy,),
        out=tmp_path_factory.mktemp("runs") / "parent",
        backbone="unet",
        backbone_params={"width": 8, "num_levels": 2},
        steps=2,
        photos_per_batch=2,
        crop_px=32,
    )
    return pretrain(config, JobControl(), ignore).run


def refining(photos: TinyPhotos, parent: Path, out: Path) -> PretrainConfig:
    return PretrainConfig(
        photos=tuple(sorted(photos.noisy.iterdir())[:3]),
        parent=parent,
        out=out,
        pretext=OWN_NOISE,
        steps=6,
        photos_per_batch=2,
        crop_px=32,
        learning_rate=1e-3,
        # At every step.
        checkpoint_interval_s=1e-6,
    )


def weights_of(run: Path, name: str = "model") -> dict[str, torch.Tensor]:
    return load_file(run / "checkpoints" / f"{name}.safetensors")


def are_equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def whole(tiny_photos: TinyPhotos, parent: Path) -> Path:
    """The same training without a break."""
    return pretrain(refining(tiny_photos, parent, parent.parent / "whole"), JobControl(), ignore).run


def check_resumed(run: Path, whole: Path) -> None:
    result = resume_training(run, JobControl(), ignore)
    assert result.metrics["estimated_gain"] == Run(whole).record.metrics["estimated_gain"]
    for name in ("model", "trained_model"):
        assert are_equal(weights_of(run, name), weights_of(whole, name)), name


@pytest.mark.parametrize(("stage", "step"), MOMENTS)
def test_a_stop_leaves_what_it_started_from_and_says_so(
    tiny_photos: TinyPhotos, parent: Path, whole: Path, tmp_path: Path, stage: str, step: int
) -> None:
    control = JobControl()

    def stop(event: JobEvent) -> None:
        if isinstance(event, StepDone) and (event.stage, event.step) == (stage, step):
            control.cancel()

    with pytest.raises(JobCancelled):
        pretrain(refining(tiny_photos, parent, tmp_path / "run"), control, stop)
    run = Run(tmp_path / "run")
    assert run.record.status == RunStatus.STOPPED
    assert "still the one that it started from" in run.record.verdict
    assert are_equal(weights_of(run.path), weights_of(parent))
    assert not are_equal(weights_of(run.path, "trained_model"), weights_of(parent))
    check_resumed(run.path, whole)


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
@pytest.mark.parametrize(("stage", "step"), MOMENTS)
def test_a_kill_leaves_what_it_started_from(
    tiny_photos: TinyPhotos, parent: Path, whole: Path, tmp_path: Path, stage: str, step: int
) -> None:
    config = refining(tiny_photos, parent, tmp_path / "run")
    host = tmp_path / "host.py"
    host.write_text(textwrap.dedent(HOST), encoding="utf-8")
    killed = run_warm(host, [config.model_dump_json(), stage, step])
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    run = Run(config.out or tmp_path)
    assert run.record.status == RunStatus.INTERRUPTED
    assert run.record.verdict == STOPPED_UNJUDGED
    assert "the one that it started from" in run.log_path.read_text(encoding="utf-8")
    assert are_equal(weights_of(run.path), weights_of(parent))
    check_resumed(run.path, whole)


def test_what_fails_leaves_what_it_started_from(tiny_photos: TinyPhotos, parent: Path, tmp_path: Path) -> None:
    config = refining(tiny_photos, parent, tmp_path / "run").model_copy(update={"learning_rate": 1e30})
    verdicts: list[VerdictReady] = []

    def watch(event: JobEvent) -> None:
        if isinstance(event, VerdictReady):
            verdicts.append(event)

    with pytest.raises(EngineError):
        pretrain(config, JobControl(), watch)
    record = Run(tmp_path / "run").record
    assert record.status == RunStatus.FAILED
    assert record.verdict == STOPPED_UNJUDGED
    assert verdicts[-1] == VerdictReady(state="unjudged", sentence=STOPPED_UNJUDGED)
    assert are_equal(weights_of(tmp_path / "run"), weights_of(parent))


def test_what_cannot_be_judged_says_so(parent: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    folder.mkdir()
    for seed in range(3):
        levels = np.random.default_rng(seed).integers(0, 256, (12, 14, 3), np.uint8)
        cv2.imwrite(str(folder / f"{seed}.png"), levels)
    verdicts: list[str] = []

    def watch(event: JobEvent) -> None:
        if isinstance(event, VerdictReady):
            verdicts.append(event.sentence)

    config = PretrainConfig(
        photos=(folder,), parent=parent, out=tmp_path / "run", pretext="rcl", steps=2, photos_per_batch=2, crop_px=16
    )
    record = Run(pretrain(config, JobControl(), watch).run).record
    assert "gain" not in record.metrics
    assert "not judged" in record.verdict
    assert verdicts[-1] == record.verdict
