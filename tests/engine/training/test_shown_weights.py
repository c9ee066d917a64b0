"""Asking a running training for its present weights."""

import threading
from pathlib import Path

import pytest

from engine.contracts.configs import PretrainConfig
from engine.contracts.events import JobEvent, JobWarning, StepDone, WeightsShown
from engine.contracts.job_control import JobCancelled, JobControl
from engine.jobs import pretrain
from engine.models.files import RestorationModel, load_model
from engine.runs.folder import Run
from tests.conftest import TinyPhotos

SETTINGS = {
    "crop_px": 16, "photos_per_batch": 2, "backbone": "unet", "backbone_params": {"size": "small"},
    "pretext": "noise2void", "weight_average_decay": 0.0,
}  # fmt: skip


def config(photos: TinyPhotos, steps: int) -> PretrainConfig:
    return PretrainConfig.model_validate({"photos": (photos.noisy,), "steps": steps, **SETTINGS})


def test_the_present_weights_are_shown_once_and_the_file_goes_with_the_training(tiny_photos: TinyPhotos) -> None:
    control = JobControl()
    shown: list[tuple[int, RestorationModel]] = []
    paths: list[Path] = []

    def emit(event: JobEvent) -> None:
        if isinstance(event, StepDone) and event.step == 2 and "steps_per_second" in event.metrics:
            control.ask()
            control.ask()
        elif isinstance(event, WeightsShown):
            shown.append((event.step, load_model(event.path)))
            paths.append(event.path)

    result = pretrain(config(tiny_photos, 5), control, emit)
    [(step, model)] = shown
    assert step == 2
    assert model.card.steps == 2
    assert not paths[0].exists()
    final = load_model(result.run).network.state_dict()
    assert any(not weight.equal(final[name]) for name, weight in model.network.state_dict().items())


def test_a_paused_training_answers_too(tiny_photos: TinyPhotos) -> None:
    control, has_answered = JobControl(), threading.Event()

    def emit(event: JobEvent) -> None:
        if isinstance(event, StepDone) and "steps_per_second" in event.metrics and event.step == 1:
            control.pause()
            threading.Timer(0.05, control.ask).start()
        elif isinstance(event, WeightsShown):
            assert control.is_paused
            has_answered.set()
            control.cancel()

    with pytest.raises(JobCancelled):
        pretrain(config(tiny_photos, 50), control, emit)
    assert has_answered.is_set()


def test_a_training_goes_on_where_its_weights_cannot_be_shown(
    tiny_photos: TinyPhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = JobControl()
    events: list[JobEvent] = []
    nowhere = tmp_path / "a file"
    nowhere.touch()
    monkeypatch.setattr(Run, "shown_model_path", property(lambda run: nowhere / "model.safetensors"))
    control.ask()
    result = pretrain(config(tiny_photos, 2), control, events.append)
    assert result.steps == 2
    assert any(isinstance(event, JobWarning) and event.hint for event in events)
    assert not any(isinstance(event, WeightsShown) for event in events)


def test_a_job_without_an_answer_passes_over_the_question() -> None:
    control = JobControl()
    control.ask()
    control.wait_if_paused()
    answers: list[int] = []
    with control.answering(lambda: answers.append(1)):
        control.wait_if_paused()
        control.wait_if_paused()
    control.ask()
    control.wait_if_paused()
    assert answers == [1]
