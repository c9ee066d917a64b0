"""Promise 2: a damaged newest checkpoint costs one more interval, not the run; none gives way to an unverified one."""

import hashlib
import json
import logging
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine.contracts.configs import ComputeConfig, PretrainConfig, TrainingConfig
from engine.contracts.errors import ModelFileError
from engine.contracts.events import CheckpointSaved, JobEvent, JobWarning
from engine.contracts.job_control import JobCancelled, JobControl
from engine.jobs import pretrain, resume_training
from engine.machine.devices import open_device
from engine.runs.store import Run
from engine.training import checkpoint_files
from engine.training.checkpoint_files import MANIFEST_FILE, keep_checkpoint, load_newest_checkpoint
from engine.training.checkpoints import TrainingState
from engine.training.trainer import new_state
from tests.conftest import TinyPhotos
from tests.trust.kill_host import network_of

NUM_STEPS = 24


def state_at(step: int) -> TrainingState:
    state = new_state(network_of(step), TrainingConfig(), open_device(ComputeConfig(device="cpu")))
    state.step = step
    return state


def keep(folder: Path, step: int) -> None:
    keep_checkpoint(folder / "last.safetensors", folder / "previous.safetensors", state_at(step))


def loaded_step(folder: Path) -> int:
    state = state_at(0)
    load_newest_checkpoint(folder / "last.safetensors", folder / "previous.safetensors", state)
    assert all(bool((weight == state.step).all()) for weight in state.network.parameters())
    return state.step


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip_one_bit(path: Path) -> None:
    """In the weights, where nothing but a digest can tell."""
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


def fill_with_zeros(path: Path) -> None:
    """What some file systems leave after a power cut."""
    path.write_bytes(bytes(path.stat().st_size))


DAMAGES: list[Callable[[Path], None]] = [cut, flip_one_bit, fill_with_zeros, Path.unlink]


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_one_before_serves_where_the_newest_is_damaged(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    for step in (1, 2, 3):
        keep(tmp_path, step)
    assert loaded_step(tmp_path) == 3
    damage(tmp_path / "last.safetensors")
    assert loaded_step(tmp_path) == 2
    damage(tmp_path / "previous.safetensors")
    with pytest.raises(ModelFileError) as caught:
        loaded_step(tmp_path)
    assert caught.value.message == "The checkpoint 'last.safetensors' is missing or damaged.", "the newest is named"
    assert caught.value.hint


def test_two_are_kept_and_the_manifest_knows_them(tmp_path: Path) -> None:
    for step in range(1, 6):
        keep(tmp_path, step)
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"last.safetensors", "previous.safetensors", MANIFEST_FILE}
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.glob("*.safetensors")}
    assert digests <= set(json.loads((tmp_path / MANIFEST_FILE).read_text())["sha256"])


def test_a_damaged_one_never_takes_the_place_of_a_whole_one(tmp_path: Path) -> None:
    keep(tmp_path, 1)
    keep(tmp_path, 2)
    flip_one_bit(tmp_path / "last.safetensors")
    keep(tmp_path, 3)
    assert loaded_step(tmp_path) == 3
    (tmp_path / "last.safetensors").unlink()
    assert loaded_step(tmp_path) == 1


def test_what_reads_back_differently_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(tmp_path, 1)
    keep(tmp_path, 2)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    # A disk that lies: what is flushed to it is not what comes back.
    monkeypatch.setattr(checkpoint_files.os, "fsync", lambda descriptor: os.pwrite(descriptor, b"?", 5000))
    with pytest.raises(ModelFileError, match=r"cannot be written: what was written reads back differently\."):
        keep(tmp_path, 3)
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert loaded_step(tmp_path) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets go of a file's pages on request")
def test_what_is_read_back_comes_from_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int, int]] = []
    monkeypatch.setattr(checkpoint_files.os, "posix_fadvise", lambda descriptor, *rest: asked.append(rest))
    keep(tmp_path, 1)
    assert asked == [(0, 0, os.POSIX_FADV_DONTNEED)], "the whole file, from its start to its end"


@pytest.mark.parametrize("manifest", [None, b"", b"{", b"[" * 100_000, b'{"schema_version": 9}', b'{"sha256": 5}'])
def test_without_a_manifest_the_content_decides(
    tmp_path: Path, manifest: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    """As in runs of version 0.1, and where the manifest itself is damaged."""
    keep(tmp_path, 1)
    keep(tmp_path, 2)
    if manifest is None:
        (tmp_path / MANIFEST_FILE).unlink()
    else:
        (tmp_path / MANIFEST_FILE).write_bytes(manifest)
    with caplog.at_level(logging.WARNING):
        assert loaded_step(tmp_path) == 2
    assert ("manifest" in caplog.text) == (manifest is not None)
    cut(tmp_path / "last.safetensors")
    assert loaded_step(tmp_path) == 1
    keep(tmp_path, 3)
    assert loaded_step(tmp_path) == 3


def small_training(photos: TinyPhotos, out: Path) -> PretrainConfig:
    return PretrainConfig(
        photos=(photos.noisy,),
        out=out,
        steps=NUM_STEPS,
        crop_px=16,
        photos_per_batch=4,
        backbone_params={"width": 8},
        device="cpu",
        checkpoint_interval_s=0.001,
        preview_interval_s=1000,
        pretext_params={"queue_photos": 10},
    )


def test_a_training_goes_on_from_the_one_before_as_if_nothing_had_happened(
    tmp_path: Path, tiny_photos: TinyPhotos
) -> None:
    control = JobControl()
    saved: list[int] = []

    def stop_after_five(event: JobEvent) -> None:
        if isinstance(event, CheckpointSaved):
            saved.append(event.step)
            if len(saved) == 5:
                control.cancel()

    with pytest.raises(JobCancelled):
        pretrain(small_training(tiny_photos, tmp_path / "run"), control, stop_after_five)
    run = Run(tmp_path / "run")
    # A stop saves at once, so the last two may be the same step; what counts is that the newest one cannot be used.
    flip_one_bit(run.checkpoint_path)
    expected_step = json.loads(_progress_of(run.previous_checkpoint_path))["step"]
    events: list[JobEvent] = []
    resume_training(run.path, JobControl(), events.append)
    [warning] = [event for event in events if isinstance(event, JobWarning)]
    assert (
        warning.message == f"The newest checkpoint is missing or damaged; training goes on from step {expected_step}."
    )
    assert warning.message in run.log_path.read_text(encoding="utf-8")

    whole = pretrain(small_training(tiny_photos, tmp_path / "whole"), JobControl(), lambda event: None).run
    expected, found = load_file(whole / "checkpoints" / "last.safetensors"), load_file(run.checkpoint_path)
    assert expected.keys() == found.keys()
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())
    assert json.loads(_progress_of(run.checkpoint_path))["step"] == NUM_STEPS
    shutil.rmtree(whole)


def _progress_of(checkpoint: Path) -> str:
    from safetensors import safe_open

    with safe_open(checkpoint, framework="pt") as file:
        return str(file.metadata()["residua_progress"])
