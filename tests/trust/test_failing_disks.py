"""Promise 1: a full disk, a read-only folder, a folder that goes away: a sentence, and nothing half-written."""

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from app.core.settings import LAST_MODEL, Settings
from engine.contracts.configs import OWN_NOISE, ComputeConfig, PretrainConfig, RestoreConfig, TrainingConfig
from engine.contracts.errors import EngineError, ImageWriteError, ModelFileError, RunStoreError
from engine.contracts.events import CheckpointSaved, FileSkipped, ImageRestored, JobEvent, PreviewReady
from engine.contracts.job_control import JobControl
from engine.jobs import pretrain, restore, resume_training
from engine.machine.atomic_files import write_bytes_atomically
from engine.machine.devices import open_device
from engine.models.files import load_model, save_model
from engine.photo_files.photos import PhotoImage, read_image, write_image
from engine.runs.records import RunStatus
from engine.runs.store import Run, RunStore
from engine.training.checkpoint_files import keep_checkpoint, load_newest_checkpoint
from engine.training.checkpoints import TrainingState
from engine.training.trainer import new_state
from tests.conftest import TinyPhotos
from tests.trust.kill_host import CARD, network_of

DISK_BYTES = 2_000_000
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts a small tmpfs")

Seal = Callable[[Path], None]


def mount(*arguments: str) -> None:
    result = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.skip(f"needs to mount a tmpfs: {result.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(disk))
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture
def seal(small_disk: Path) -> Seal:
    """Makes the small disk read-only, which binds root too."""
    return lambda disk: mount("-o", "remount,ro", str(disk))


def fill(disk: Path) -> Path:
    """Take all room that is left; returns the file that holds it."""
    filler = disk / ".filler"
    with filler.open("wb", buffering=0) as file:
        for size in (4096, 64, 1):
            with pytest.raises(OSError, match="No space left"):
                file.writelines(itertools.repeat(b"x" * size))
    return filler


def visible(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.name.startswith("."))


def noise_photo(seed: int = 0, side_px: int = 96) -> PhotoImage:
    return PhotoImage(np.random.default_rng(seed).random((side_px, side_px, 3), np.float32))


def keep(disk: Path, step: int) -> None:
    keep_checkpoint(disk / "last.safetensors", disk / "previous.safetensors", state_at(step))


def state_at(step: int) -> TrainingState:
    state = new_state(network_of(step), TrainingConfig(), open_device(ComputeConfig(device="cpu")))
    state.step = step
    return state


@pytest.mark.parametrize("trouble", ["full", "read-only"])
def test_every_kind_of_file_is_kept_and_the_failure_is_a_sentence(small_disk: Path, seal: Seal, trouble: str) -> None:
    write_image(small_disk / "photo.png", noise_photo())
    save_model(small_disk / "model.safetensors", network_of(1).state_dict(), CARD)
    keep(small_disk, 1)
    run = RunStore(small_disk / "runs").create("pretrain", "kept", {})
    settings = Settings(small_disk / "settings.json")
    settings.set(LAST_MODEL, "first")
    settings.save()
    before = {path: path.read_bytes() for path in small_disk.rglob("*") if path.is_file()}
    if trouble == "full":
        fill(small_disk)
    else:
        seal(small_disk)

    sentence = "disk is full" if trouble == "full" else "may not be written"
    with pytest.raises(ImageWriteError, match=sentence):
        write_image(small_disk / "photo.png", noise_photo(1))
    with pytest.raises(ImageWriteError, match=sentence):
        write_image(small_disk / "new.png", noise_photo(1))
    with pytest.raises(ModelFileError, match="cannot be written"):
        save_model(small_disk / "model.safetensors", network_of(2).state_dict(), CARD)
    with pytest.raises(ModelFileError, match="cannot be written"):
        keep(small_disk, 2)
    with pytest.raises(RunStoreError, match="cannot be written"):
        run.update(steps_done=7)
    with pytest.raises(RunStoreError, match="cannot be written"):
        RunStore(small_disk / "runs").create("pretrain", "new", {})
    with pytest.raises(OSError):
        write_bytes_atomically(small_disk / "settings.json", b"x" * 10_000)
    settings.set(LAST_MODEL, "second")
    settings.save()

    after = {path: path.read_bytes() for path in small_disk.rglob("*") if path.is_file() and path.name != ".filler"}
    assert after == before
    assert len(RunStore(small_disk / "runs").list()) == 1
    assert len(list((small_disk / "runs").iterdir())) == 1


def run_restore(model: Path, photos: Path, out: Path, emit: Callable[[JobEvent], None]) -> int:
    config = RestoreConfig(model=model, photos=(photos,), out=out, device="cpu")
    return len(restore(config, JobControl(), emit).restored)


@pytest.fixture
def batch(tmp_path: Path) -> tuple[Path, Path]:
    """A model, and a folder of six photos of 200 kB each."""
    model = tmp_path / "model.safetensors"
    save_model(model, network_of(0).state_dict(), CARD)
    photos = tmp_path / "photos"
    photos.mkdir()
    for index in range(6):
        write_image(photos / f"{index}.png", noise_photo(index, side_px=256))
    return model, photos


def test_a_disk_that_fills_up_amid_a_batch(small_disk: Path, batch: tuple[Path, Path]) -> None:
    (small_disk / "taken").write_bytes(b"x" * (DISK_BYTES - 600_000))
    events: list[JobEvent] = []
    num_restored = run_restore(*batch, small_disk / "out", events.append)
    reasons = {event.reason for event in events if isinstance(event, FileSkipped)}
    assert 0 < num_restored < 6
    assert reasons == {"The disk is full."}
    assert len(visible(small_disk / "out")) == num_restored
    for path in (small_disk / "out").iterdir():
        assert read_image(path).width == 256


def test_a_destination_that_is_read_only(small_disk: Path, seal: Seal, batch: tuple[Path, Path]) -> None:
    seal(small_disk)
    for destination in (small_disk / "out", small_disk):
        # Told before the start: no photo is computed for nothing.
        with pytest.raises(ImageWriteError, match="cannot be written to"):
            run_restore(*batch, destination, lambda event: None)
    assert visible(small_disk) == []


@pytest.mark.parametrize("removed", ["out", "photos"])
def test_a_folder_that_goes_away_amid_a_batch(tmp_path: Path, batch: tuple[Path, Path], removed: str) -> None:
    model, photos = batch
    events: list[JobEvent] = []

    def remove_after_the_second(event: JobEvent) -> None:
        events.append(event)
        if sum(isinstance(each, ImageRestored) for each in events) == 2 and isinstance(event, ImageRestored):
            shutil.rmtree(tmp_path / removed)

    num_restored = run_restore(model, photos, tmp_path / "out", remove_after_the_second)
    skipped = [event for event in events if isinstance(event, FileSkipped)]
    if removed == "photos":
        # One is restored by then, and the next has been read.
        assert 2 <= num_restored <= 4
        assert len(skipped) == 6 - num_restored
        assert {event.reason for event in skipped} == {"The file is not there."}
    else:
        # It is made anew for what follows.
        assert num_restored == 6
        assert skipped == []
        assert len(visible(tmp_path / "out")) == 4
    for path in (tmp_path / "out").iterdir():
        assert read_image(path).width == 256


def small_training(photos: TinyPhotos, out: Path, steps: int = 400) -> PretrainConfig:
    return PretrainConfig(
        photos=(photos.noisy,),
        out=out,
        steps=steps,
        crop_px=16,
        photos_per_batch=2,
        backbone="dncnn",
        backbone_params={"num_layers": 3, "width": 8},
        device="cpu",
        checkpoint_interval_s=0.05,
        # Rarely, or pictures would fill the small disk.
        preview_interval_s=1000,
    )


def test_a_disk_that_fills_up_amid_a_training(small_disk: Path, tiny_photos: TinyPhotos) -> None:
    fillers: list[Path] = []

    def fill_after_the_first_checkpoint(event: JobEvent) -> None:
        if isinstance(event, CheckpointSaved) and not fillers:
            fillers.append(fill(small_disk))

    with pytest.raises(EngineError, match="cannot be written"):
        pretrain(small_training(tiny_photos, small_disk / "run"), JobControl(), fill_after_the_first_checkpoint)
    run = Run(small_disk / "run")
    assert run.record.status in (RunStatus.INTERRUPTED, RunStatus.FAILED)
    assert run.is_resumable
    load_model(run.path)
    fillers[0].unlink()
    # With room again, it goes on from where it was, in the same session.
    assert resume_training(run.path, JobControl(), lambda event: None).steps == 400


def test_a_disk_that_fills_up_amid_the_first_save_leaves_a_model_if_a_checkpoint(
    small_disk: Path, tiny_photos: TinyPhotos, tmp_path: Path
) -> None:
    wide = {"backbone_params": {"num_layers": 3, "width": 32}, "checkpoint_interval_s": 1e-6}
    whole = Run(
        pretrain(
            small_training(tiny_photos, tmp_path / "whole", steps=1).model_copy(update=wide),
            JobControl(),
            lambda event: None,
        ).run
    )
    # For a checkpoint, and half of a model beside it.
    room = whole.checkpoint_path.stat().st_size + whole.model_path.stat().st_size // 2

    def leave_little_room(event: JobEvent) -> None:
        if isinstance(event, PreviewReady):
            (small_disk / ".room").write_bytes(bytes(room))
            fill(small_disk)
            (small_disk / ".room").unlink()

    config = small_training(tiny_photos, small_disk / "run").model_copy(update=wide)
    with pytest.raises(EngineError, match="cannot be written"):
        pretrain(config, JobControl(), leave_little_room)
    run = Run(small_disk / "run")
    load_model(run.path)
    assert not run.is_resumable


def test_learned_noise_that_finds_no_room_ends_its_run(
    small_disk: Path, tiny_photos: TinyPhotos, tmp_path: Path
) -> None:
    parent = pretrain(small_training(tiny_photos, tmp_path / "parent", steps=1), JobControl(), lambda event: None).run
    # Room for the run's record, but not for a spectrum.
    (small_disk / ".filler").write_bytes(bytes(DISK_BYTES - 48_000))
    config = small_training(tiny_photos, small_disk / "run").model_copy(update={"parent": parent, "pretext": OWN_NOISE})
    with pytest.raises(RunStoreError, match="noise that was learned cannot be written") as caught:
        pretrain(config, JobControl(), lambda event: None)
    record = Run(small_disk / "run").record
    assert record.status is RunStatus.FAILED
    assert record.error == str(caught.value)


def test_a_run_folder_that_goes_away_amid_its_training(tmp_path: Path, tiny_photos: TinyPhotos) -> None:
    def remove(event: JobEvent) -> None:
        if isinstance(event, CheckpointSaved):
            shutil.rmtree(tmp_path / "run")

    with pytest.raises(EngineError, match="cannot be written") as caught:
        pretrain(small_training(tiny_photos, tmp_path / "run", steps=100_000), JobControl(), remove)
    assert caught.value.hint
    assert not (tmp_path / "run" / "run.json").exists()


def test_photos_that_go_away_amid_a_training_are_in_memory(tmp_path: Path, tiny_photos: TinyPhotos) -> None:
    shutil.copytree(tiny_photos.noisy, tmp_path / "photos")
    photos = TinyPhotos(noisy=tmp_path / "photos", clean=tiny_photos.clean)

    def remove(event: JobEvent) -> None:
        if isinstance(event, CheckpointSaved):
            shutil.rmtree(tmp_path / "photos", ignore_errors=True)

    result = pretrain(small_training(photos, tmp_path / "run", steps=60), JobControl(), remove)
    assert result.steps == 60
    assert all(torch.isfinite(weight).all() for weight in load_model(result.run).network.parameters())


def test_a_training_on_a_read_only_disk(small_disk: Path, seal: Seal, tiny_photos: TinyPhotos) -> None:
    seal(small_disk)
    with pytest.raises(RunStoreError, match="cannot be written"):
        pretrain(small_training(tiny_photos, small_disk / "run"), JobControl(), lambda event: None)
    assert visible(small_disk) == []


def test_the_loaded_state_is_that_of_the_last_whole_checkpoint(small_disk: Path) -> None:
    keep(small_disk, 3)
    fill(small_disk)
    for step in range(4, 8):
        with pytest.raises(ModelFileError):
            keep(small_disk, step)
    state = state_at(0)
    load_newest_checkpoint(small_disk / "last.safetensors", small_disk / "previous.safetensors", state)
    assert state.step == 3
