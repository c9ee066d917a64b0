"""What has changed while a training was stopped: its photos, its labels, and where exactly it stood."""

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from engine.contracts.configs import OWN_NOISE, FinetuneConfig, PretrainConfig
from engine.contracts.events import (
    JobEvent,
    JobWarning,
    NoiseLearned,
    RunStarted,
    StepDone,
    ValidationDone,
    VerdictReady,
)
from engine.contracts.job_control import JobCancelled, JobControl
from engine.jobs import finetune, pretrain, resume_training
from engine.runs.records import RunStatus
from engine.runs.store import RunStore
from engine.training.labels import LabelSet, gather_labels
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


@pytest.mark.parametrize("change", ["one gone", "one more", "a measuring one gone"])
def test_what_has_taught_before_a_stop_never_measures_after_it(
    change: str, tiny_photos: TinyPhotos, tmp_path: Path
) -> None:
    noisy, clean = tmp_path / "noisy", tmp_path / "clean"
    shutil.copytree(tiny_photos.noisy, noisy)
    shutil.copytree(tiny_photos.clean, clean)
    config = FinetuneConfig(
        noisy=(noisy,), clean=(clean,), backbone="unet", backbone_params={"width": 8}, validation_share=0.4,
        out=tmp_path / "run", **{**SMALL, "crop_px": 16},
    )  # fmt: skip
    stopper = Stopper(2)
    with pytest.raises(JobCancelled):
        finetune(config, stopper.control, stopper)
    run = RunStore().open(tmp_path / "run")
    before = run.record
    taught, measured = set(before.labels), set(before.validation_labels)
    assert len(measured) == 3
    new: set[str] = set()
    if change == "one more":
        new = {"another.png"}
        for folder in (noisy, clean):
            picture = cv2.imread(str(folder / "photo 0.png"))
            assert picture is not None
            cv2.imwrite(str(folder / "another.png"), np.ascontiguousarray(255 - picture[::-1]))
    else:
        gone = min(taught if change == "one gone" else measured)
        (clean / gone).unlink()
        taught, measured = taught - {gone}, measured - {gone}
    events: list[JobEvent] = []
    found = gather_labels(config, JobControl(), ignore, before)
    assert set(found.validation_names) == measured
    assert set(found.training_names) == taught | new
    resume_training(run.path, JobControl(), events.append)
    assert [event.step for event in events if isinstance(event, ValidationDone)] == [2, 3, 4]
    assert set(run.reload().labels) == set(before.labels) | new
    assert run.record.validation_labels == before.validation_labels
    if change == "a measuring one gone":
        # The best of all figures is told, of weights before the stop too, on the photos that are left.
        assert run.record.metrics["validation_psnr"] not in [
            value for step, value in run.read_metrics()["validation_psnr"] if step < 2
        ]


def test_a_draw_of_labels_stays_when_references_come(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    clean = tmp_path / "clean"
    clean.mkdir()
    for index in range(1, 8):
        shutil.copy(tiny_photos.clean / f"photo {index}.png", clean)
    config = FinetuneConfig(
        noisy=(tiny_photos.noisy,), clean=(clean,), backbone="unet", backbone_params={"width": 8}, labels=3,
        out=tmp_path / "run", **{**SMALL, "crop_px": 16},
    )  # fmt: skip
    stopper = Stopper(2)
    with pytest.raises(JobCancelled):
        finetune(config, stopper.control, stopper)
    before = RunStore().open(tmp_path / "run").record
    shutil.copy(tiny_photos.clean / "photo 0.png", clean)
    assert gather_labels(config, JobControl(), ignore, before).training_names == before.labels


@pytest.fixture
def of_two_folders(tiny_photos: TinyPhotos, tmp_path: Path) -> FinetuneConfig:
    """Labels of which each name is that of two, one in each of two folders; some photos are in both."""
    for side, photos in (("noisy", tiny_photos.noisy), ("clean", tiny_photos.clean)):
        for folder, first in (("A", 0), ("B", 3)):
            (tmp_path / side / folder).mkdir(parents=True)
            for index in range(5):
                shutil.copy(photos / f"photo {first + index}.png", tmp_path / side / folder / f"{index}.png")
    return FinetuneConfig(
        noisy=(tmp_path / "noisy",), clean=(tmp_path / "clean",), backbone="unet", backbone_params={"width": 8},
        out=tmp_path / "run", **{**SMALL, "crop_px": 16},
    )  # fmt: skip


def files_of(labels: LabelSet) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return labels.training_files, labels.validation_files


@pytest.mark.parametrize("seed", range(3))
def test_the_labels_that_were_drawn_go_on_teaching_where_others_have_their_names(
    of_two_folders: FinetuneConfig, seed: int
) -> None:
    config = of_two_folders.model_copy(update={"labels": 3, "seed": seed})
    stopper = Stopper(2)
    with pytest.raises(JobCancelled):
        finetune(config, stopper.control, stopper)
    before = RunStore().open(config.out).record  # type: ignore[arg-type]
    assert files_of(gather_labels(config, JobControl(), ignore, before))[0] == before.label_files
    # An older version recorded names alone, by which they are still found.
    older = before.model_copy(update={"label_files": (), "validation_files": ()})
    assert set(gather_labels(config, JobControl(), ignore, older).training_names) <= set(before.labels)


def test_a_label_that_measured_does_not_teach_since_another_has_its_name(of_two_folders: FinetuneConfig) -> None:
    config = of_two_folders.model_copy(update={"validation_share": 0.4})
    stopper = Stopper(2)
    with pytest.raises(JobCancelled):
        finetune(config, stopper.control, stopper)
    before = RunStore().open(config.out).record  # type: ignore[arg-type]
    gone = before.label_files[0]
    Path(gone).unlink()
    taught, measured = files_of(gather_labels(config, JobControl(), ignore, before))
    assert set(measured) == set(before.validation_files)
    assert set(taught) == set(before.label_files) - {gone}


@pytest.mark.parametrize("refines", [True, False])
def test_who_stops_a_refinement_is_told_that_nothing_was_judged(
    refines: bool, tiny_photos: TinyPhotos, small_model: Path, tmp_path: Path
) -> None:
    config = PretrainConfig(
        photos=(tiny_photos.noisy,), parent=small_model if refines else None, out=tmp_path / "run", **SMALL
    )
    stopper, verdicts = Stopper(2), list[VerdictReady]()

    def watch(event: JobEvent) -> None:
        if isinstance(event, VerdictReady):
            verdicts.append(event)
        stopper(event)

    with pytest.raises(JobCancelled):
        pretrain(config, stopper.control, watch)
    told = [verdict.sentence for verdict in verdicts if verdict.state == "unjudged"]
    assert told == ([RunStore().open(tmp_path / "run").record.verdict] if refines else [])
