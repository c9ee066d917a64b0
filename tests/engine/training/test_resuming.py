"""What has changed while a training was stopped: its photos, its labels, and where exactly it stood."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine.contracts.configs import OWN_NOISE, FinetuneConfig, PretrainConfig
from engine.contracts.events import JobEvent, JobWarning, NoiseLearned, RunStarted, StepDone
from engine.contracts.job_control import JobCancelled, JobControl
from engine.jobs import finetune, pretrain, resume_training
from engine.runs.records import RunStatus
from engine.runs.store import RunStore
from tests.conftest import TinyPhotos
from tests.engine.refining.test_own_noise import SMALL, ignore, small_model

__all__ = ["small_model"]


class Stopper:
    """Stops a training once a number of steps is done."""

    def __init__(self, step: int) -> None:
        self.control = JobControl()
        self._step = step

    def __call__(self, event: JobEvent) -> None:
        if isinstance(event, StepDone) and event.stage in {"Pretraining", "Fine-tuning"} and event.step == self._step:
            self.control.cancel()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def add_two(folder: Path, others: Path) -> None:
    for name in ("photo 6.png", "photo 7.png"):
        shutil.copy(others / name, folder / name)


def lose_the_first(folder: Path, others: Path) -> None:
    (folder / "photo 0.png").unlink()


@pytest.mark.parametrize("change", [add_two, lose_the_first])
def test_photos_are_judged_by_their_own_noise_after_a_resumption(
    change: Callable[[Path, Path], None], tiny_photos: TinyPhotos, small_model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(3):
        shutil.copy(tiny_photos.noisy / f"photo {index}.png", folder)
    config = PretrainConfig(photos=(folder,), parent=small_model, out=tmp_path / "run", pretext=OWN_NOISE, **SMALL)
    stopper = Stopper(2)
    with pytest.raises(JobCancelled):
        pretrain(config, stopper.control, stopper)
    change(folder, tiny_photos.noisy)
    events: list[JobEvent] = []
    result = resume_training(config.out, JobControl(), events.append)  # type: ignore[arg-type]
    assert "The photos have changed since this run was started." in {
        event.message for event in events if isinstance(event, JobWarning)
    }
    learned = [event.noise for event in events if isinstance(event, NoiseLearned)]
    assert [photo.name for photo in learned[-1].photos] == names_in(folder)
    assert RunStore().open(result.run).record.status is RunStatus.DONE
    assert result.metrics["gain"] >= 0


def test_photos_that_nothing_happened_to_keep_their_noise(
    tiny_photos: TinyPhotos, small_model: Path, tmp_path: Path
) -> None:
    config = PretrainConfig(
        photos=(tiny_photos.noisy,), parent=small_model, out=tmp_path / "run", pretext=OWN_NOISE, **SMALL
    )
    stopper = Stopper(2)
    with pytest.raises(JobCancelled):
        pretrain(config, stopper.control, stopper)
    events: list[JobEvent] = []
    resume_training(tmp_path / "run", JobControl(), events.append)
    assert not [event for event in events if isinstance(event, NoiseLearned | JobWarning)]


@pytest.mark.parametrize("num_left", [5, 0])
def test_photos_without_a_label_may_go_while_a_refinement_by_labels_rests(
    num_left: int, tiny_photos: TinyPhotos, small_model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(tiny_photos.noisy, folder)
    adapting = PretrainConfig(photos=(folder,), parent=small_model, out=tmp_path / "own", pretext=OWN_NOISE, **SMALL)
    config = FinetuneConfig(
        noisy=(folder,),
        clean=(tiny_photos.clean,),
        parent=pretrain(adapting, JobControl(), ignore).run,
        out=tmp_path / "run",
        label_names=("photo 6.png", "photo 7.png"),
        **{**SMALL, "checkpoint_interval_s": 1e-6},  # type: ignore[arg-type]
    )
    stopper = Stopper(3)
    with pytest.raises(JobCancelled):
        finetune(config, stopper.control, stopper)
    for index in range(6 - num_left):
        (folder / f"photo {index}.png").unlink()
    events: list[JobEvent] = []
    result = resume_training(tmp_path / "run", JobControl(), events.append)
    assert "The photos have changed since this run was started." in {
        event.message for event in events if isinstance(event, JobWarning)
    }
    assert result.status == "done"
    learned = [event.noise for event in events if isinstance(event, NoiseLearned)]
    assert bool(learned) == bool(num_left), "photos that all have a label are measured by it"
    if learned:
        assert {photo.name for photo in learned[-1].photos} == set(names_in(folder))


@pytest.mark.parametrize("step", [0, 3, 6])
def test_a_training_stopped_while_it_measures_goes_on_with_that_measurement(
    step: int, tiny_photos: TinyPhotos, tmp_path: Path
) -> None:
    config = FinetuneConfig(
        noisy=(tiny_photos.noisy,), clean=(tiny_photos.clean,), backbone="unet", backbone_params={"width": 8},
        out=tmp_path / "whole", **{**SMALL, "crop_px": 16, "steps": 6},
    )  # fmt: skip
    whole = RunStore().open(finetune(config, JobControl(), ignore).run)
    control = JobControl()

    def stop(event: JobEvent) -> None:
        begins = isinstance(event, RunStarted) and step == 0
        if begins or (isinstance(event, StepDone) and event.stage == "Fine-tuning" and event.step == step > 0):
            control.cancel()

    with pytest.raises(JobCancelled):
        finetune(config.model_copy(update={"out": tmp_path / "run"}), control, stop)
    stopped = RunStore().open(tmp_path / "run")
    assert stopped.is_resumable
    assert stopped.record.steps_done == step
    resume_training(stopped.path, JobControl(), ignore)
    figures, expected = stopped.read_metrics()["validation_psnr"], whole.read_metrics()["validation_psnr"]
    assert figures == expected
    assert [int(row[0]) for row in figures] == list(range(7))
    kept, wanted = (load_file(run.model_path) for run in (stopped, whole))
    assert all(torch.equal(kept[name], tensor) for name, tensor in wanted.items())
