"""A training that is killed at any moment goes on from its last checkpoint, as if nothing had happened."""

import json
import signal
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine.contracts.configs import PretrainConfig
from engine.contracts.job_control import JobControl
from engine.jobs import pretrain, resume_training
from engine.runs.records import RunStatus
from engine.runs.store import RunStore
from tests.conftest import TinyPhotos
from tests.warm_processes import start_warm

NUM_STEPS = 60
SETTINGS = {"backbone_params": {"width": 8}, "photos_per_batch": 4, "crop_px": 16, "steps": NUM_STEPS, "device": "cpu"}


def kill_after_checkpoint(photos: Path, run: Path, num_checkpoints: int) -> None:
    """Pretrain in a process of its own and kill it right after it has said that it saved."""
    settings = "--photos-per-batch 4 --crop-px 16 --learning-rate 0.001 --backbone-params width=8 --device cpu"
    often = "--checkpoint-interval-s 0.05"
    command = ["pretrain", photos, "--out", run, "--json", "--preset", "quick", "--steps", NUM_STEPS]
    process = start_warm("engine.cli", [*command, *settings.split(), *often.split()])
    seen = 0
    for line in process.stderr:
        seen += json.loads(line)["event"] == "CheckpointSaved"
        if seen == num_checkpoints:
            break
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    process.stderr.close()
    assert seen == num_checkpoints


@pytest.fixture(scope="module")
def whole(tiny_photos: TinyPhotos, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same training without a break."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    config = PretrainConfig(photos=(tiny_photos.noisy,), out=out, **SETTINGS)  # type: ignore[arg-type]
    return pretrain(config, JobControl(), lambda event: None).run


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("num_checkpoints", [1, 4])
def test_killed_training_resumes_bit_by_bit(
    tiny_photos: TinyPhotos, whole: Path, tmp_path: Path, num_checkpoints: int
) -> None:
    killed = tmp_path / "killed"
    kill_after_checkpoint(tiny_photos.noisy, killed, num_checkpoints)
    run = RunStore().open(killed)
    assert run.record.status is RunStatus.INTERRUPTED
    assert run.is_resumable
    assert 0 < run.record.steps_done < NUM_STEPS
    assert not list(killed.rglob("*.tmp"))
    resume_training(killed, JobControl(), lambda event: None)

    expected = load_file(whole / "checkpoints" / "last.safetensors")
    found = load_file(killed / "checkpoints" / "last.safetensors")
    assert expected.keys() == found.keys()
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())
