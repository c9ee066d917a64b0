"""The trainer and its jobs, on real photos for a few real steps."""

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine.contracts.configs import OWN_NOISE, FinetuneConfig, PretrainConfig
from engine.contracts.errors import EngineError, InvalidInputError, RunStoreError, TrainingDivergedError
from engine.contracts.events import (
    CheckpointSaved,
    FileSkipped,
    JobEvent,
    JobWarning,
    MetricsRow,
    NoiseMeasured,
    PreviewReady,
    RunStarted,
    StepDone,
    ValidationDone,
    VerdictReady,
)
from engine.contracts.given_levels import GivenLevels
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.photo import PhotoRef
from engine.jobs import finetune, pretrain, resume_training
from engine.machine.devices import has_half_precision, open_device
from engine.method.catalogue.backbones import BACKBONES
from engine.method.catalogue.pretexts import PRETEXTS
from engine.method.pretext.pretext_task import LossParts
from engine.method.pretext.residual_contrastive import ResidualContrastive
from engine.models.exchange import import_model
from engine.models.files import load_model, read_card
from engine.models.starters import require_starter
from engine.photos.crops import DecodedPair, decode_photo
from engine.runs.records import RunStatus
from engine.runs.store import RunStore
from engine.training import forgetting
from engine.training.observer import TrainingObserver, choose_preview_crop
from engine.training.trainer import new_state
from tests.conftest import TinyPhotos
from tests.told_control import ToldControl

SMALL = {
    "backbone_params": {"width": 8},
    "photos_per_batch": 4,
    "crop_px": 16,
    "learning_rate": 2e-3,
    "device": "cpu",
}


class Recorder:
    """Keeps all events; may act on the job at a step."""

    def __init__(self, control: JobControl | None = None, cancel_at: int | None = None) -> None:
        self.events: list[JobEvent] = []
        self.control = control
        self.cancel_at = cancel_at

    def __call__(self, event: JobEvent) -> None:
        self.events.append(event)
        trained = isinstance(event, StepDone) and event.stage in {"Pretraining", "Fine-tuning"}
        if trained and self.control is not None and event.step == self.cancel_at:
            self.control.cancel()

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]


def pretrain_config(photos: TinyPhotos, **changes: object) -> PretrainConfig:
    return PretrainConfig(photos=(photos.noisy,), **{**SMALL, "steps": 8, **changes})  # type: ignore[arg-type]


def finetune_config(photos: TinyPhotos, **changes: object) -> FinetuneConfig:
    values = {**SMALL, "steps": 6, **changes}
    return FinetuneConfig(noisy=(photos.noisy,), clean=(photos.clean,), **values)  # type: ignore[arg-type]


def run_pretrain(photos: TinyPhotos, **changes: object) -> Path:
    return pretrain(pretrain_config(photos, **changes), JobControl(), Recorder()).run


@pytest.mark.parametrize(
    ("pretext", "backbone"), sorted({*((name, "unet") for name in PRETEXTS), *(("rcl", name) for name in BACKBONES)})
)
# On a processor that computes in no half precision "auto" would be the other one again.
@pytest.mark.parametrize("precision", ["32-true", *(["bf16-mixed"] if has_half_precision("cpu") else [])])
def test_resumed_training_equals_uninterrupted(
    tiny_photos: TinyPhotos, pretext: str, backbone: str, precision: str
) -> None:
    choice: dict[str, object] = {"pretext": pretext, "backbone": backbone, "precision": precision}
    if pretext == OWN_NOISE:
        choice["parent"] = run_pretrain(tiny_photos, backbone=backbone, steps=2)
    whole = run_pretrain(tiny_photos, **choice)

    control = JobControl()
    with pytest.raises(JobCancelled):
        pretrain(pretrain_config(tiny_photos, **choice), control, Recorder(control, cancel_at=3))
    stopped = RunStore().list()[0]
    assert stopped.record.status == RunStatus.STOPPED
    assert stopped.record.steps_done == 3
    assert stopped.is_resumable
    result = resume_training(stopped.path, JobControl(), Recorder())
    assert result.steps == 8

    for file in ("model.safetensors", "last.safetensors"):
        expected, found = load_file(whole / "checkpoints" / file), load_file(stopped.path / "checkpoints" / file)
        assert expected.keys() == found.keys()
        for name, tensor in expected.items():
            assert torch.equal(tensor, found[name]), name


def test_resumed_training_remembers_the_residuals_of_earlier_steps(tiny_photos: TinyPhotos) -> None:
    """Their queue depends on past weights, so it must come from the checkpoint."""
    choice = {"pretext_params": {"queue_photos": 10, "temperature": 0, "intensity_bins": 4}, "photos_per_batch": 3}
    whole = run_pretrain(tiny_photos, **choice)
    control = JobControl()
    with pytest.raises(JobCancelled):
        pretrain(pretrain_config(tiny_photos, **choice), control, Recorder(control, cancel_at=4))
    stopped = RunStore().list()[0].path
    assert load_file(stopped / "checkpoints" / "last.safetensors")["memory.photos"].shape == (10,)
    resume_training(stopped, JobControl(), Recorder())
    expected = load_file(whole / "checkpoints" / "last.safetensors")
    found = load_file(stopped / "checkpoints" / "last.safetensors")
    assert expected.keys() == found.keys()
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())
    # The remembered residuals matter: without them the weights would be others.
    forgetful = {**choice, "pretext_params": {**choice["pretext_params"], "queue_photos": 0}}  # type: ignore[dict-item]
    other = load_file(run_pretrain(tiny_photos, **forgetful) / "checkpoints" / "last.safetensors")
    assert not torch.equal(other["network.head.weight"], expected["network.head.weight"])


def test_resumed_finetuning_equals_uninterrupted_without_its_parent(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    parent = run_pretrain(tiny_photos, out=tmp_path / "parent")
    whole = finetune(finetune_config(tiny_photos, parent=parent), JobControl(), Recorder()).run
    control = JobControl()
    with pytest.raises(JobCancelled):
        finetune(finetune_config(tiny_photos, parent=parent), control, Recorder(control, cancel_at=2))
    stopped = RunStore().list()[0].path
    (tmp_path / "parent").rename(tmp_path / "moved away")
    resume_training(stopped, JobControl(), Recorder())
    expected = load_file(whole / "checkpoints" / "last.safetensors")
    found = load_file(stopped / "checkpoints" / "last.safetensors")
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())


def test_same_seed_same_weights_other_seed_others(tiny_photos: TinyPhotos) -> None:
    first, again, other = (run_pretrain(tiny_photos, steps=3, seed=seed) for seed in (5, 5, 6))
    weights = [load_file(run / "checkpoints" / "model.safetensors") for run in (first, again, other)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not all(torch.equal(weights[0][name], weights[2][name]) for name in weights[0])


def test_pretraining_tells_its_story(tiny_photos: TinyPhotos, monkeypatch: pytest.MonkeyPatch) -> None:
    # One report at the end, however slow the machine.
    monkeypatch.setattr("engine.training.trainer.REPORT_INTERVAL_S", 3600.0)
    recorder = Recorder()
    result = pretrain(pretrain_config(tiny_photos, preview_interval_s=0.01), JobControl(), recorder)
    run = RunStore().open(result.run)
    assert run.record.status == RunStatus.DONE
    assert run.record.steps_done == run.record.steps_total == result.steps == 8
    assert run.record.data is not None
    assert run.record.data.num_photos == 8
    (measured,) = recorder.of(NoiseMeasured)
    assert run.config()["pretext_params"]["stride"] == measured.noise.stride
    assert f"Sub-sampling with stride {measured.noise.stride}\n" in run.log_path.read_text()
    assert recorder.of(RunStarted)[0].run == result.run
    steps = [event.step for event in recorder.of(StepDone) if event.stage == "Pretraining"]
    assert steps == list(range(1, 9))
    previews = recorder.of(PreviewReady)
    assert previews[0].step == 0
    assert previews[-1].step == 8
    assert previews[0].noisy.shape == previews[0].restored.shape == previews[0].residual.shape
    assert not previews[0].restored.flags.writeable
    assert len(list(run.preview_folder.glob("step_*.png"))) >= 2
    assert recorder.of(VerdictReady)[-1].sentence == run.record.verdict
    assert recorder.of(CheckpointSaved)[-1].path == run.checkpoint_path
    rows = recorder.of(MetricsRow)
    assert {"consistency", "contrast", "contrast_accuracy", "gradient_norm"} <= rows[-1].metrics.keys()
    assert run.read_metrics()["consistency"][-1][0] == 8
    card = read_card(result.run)
    assert (card.run, card.steps, card.pretext) == (run.record.id, 8, "rcl")


def test_pretrained_model_takes_any_size(tiny_photos: TinyPhotos) -> None:
    network = load_model(run_pretrain(tiny_photos, steps=2)).network
    for height, width in ((1, 1), (7, 30), (33, 17)):
        assert network(torch.rand(2, 3, height, width)).shape == (2, 3, height, width)


def test_finetuning_uses_validation_from_eight_labels_on(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    parent = run_pretrain(tiny_photos, out=tmp_path / "parent")
    recorder = Recorder()
    result = finetune(finetune_config(tiny_photos, parent=parent), JobControl(), recorder)
    record = RunStore().open(result.run).record
    assert record.parent == "parent"
    assert len(record.validation_labels) in (1, 2)
    assert len(record.labels) + len(record.validation_labels) == 8
    assert not set(record.labels) & set(record.validation_labels)
    assert recorder.of(ValidationDone)[0].step == 0
    assert recorder.of(ValidationDone)[-1].step == 6
    assert set(read_card(result.run).labels) == {f"photo {index}.png" for index in range(8)}
    # The kept model is the one that measured best, never worse than the parent on the validation photos.
    best = max(event.psnr for event in recorder.of(ValidationDone))
    assert best >= recorder.of(ValidationDone)[0].psnr


def test_a_training_without_a_gain_ends_early_and_keeps_its_parent(tiny_photos: TinyPhotos) -> None:
    # A good model, which steps as long as these can only harm.
    parent = require_starter("denoise")
    recorder = Recorder()
    ruinous = {
        "parent": parent,
        "steps": 40,
        "learning_rate": 0.1,
        "weight_average_decay": 0.0,
        "patience": 3,
        "forgetting_limit": 0.0,
    }
    result = finetune(finetune_config(tiny_photos, **ruinous), JobControl(), recorder)
    run = RunStore().open(result.run)
    assert result.steps == run.record.steps_done < 40
    assert recorder.of(VerdictReady)[-1].sentence.startswith("Done, without a gain")
    assert run.record.verdict == recorder.of(VerdictReady)[-1].sentence
    kept, last, start = (load_file(path) for path in (run.model_path, run.last_model_path, parent))
    assert all(torch.equal(kept[name], start[name]) for name in start)
    assert not all(torch.equal(last[name], start[name]) for name in start)
    assert load_model(run.last_model_path).card.steps == result.steps


def test_what_is_kept_of_the_way_is_measured_again_and_told(
    tiny_photos: TinyPhotos, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each other noise takes the starter seconds, and one shows already that it was forgotten.
    monkeypatch.setattr(forgetting, "NUM_NOISES", 1)
    recorder = Recorder()
    config = finetune_config(
        tiny_photos, parent=require_starter("denoise"), steps=6, learning_rate=1e-2, forgetting_limit=1e-6
    )
    record = RunStore().open(finetune(config, JobControl(), recorder).run).record
    assert 0 < record.metrics["share_of_way"] < 1
    # Weights of no step: what is kept is said, and not which step's were the best.
    assert f"{record.metrics['share_of_way']:.0%} of what was learned is kept" in record.verdict
    assert recorder.of(VerdictReady)[-1].sentence == record.verdict
    validations = [event.psnr for event in recorder.of(ValidationDone)]
    assert record.metrics["validation_psnr"] not in validations


def parent_weights(run: Path) -> Path:
    return RunStore().open(run).model_path


def test_pretraining_goes_on_from_a_parent(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    parent = run_pretrain(tiny_photos, out=tmp_path / "parent")
    result = run_pretrain(tiny_photos, out=tmp_path / "child", parent=parent, steps=1, learning_rate=1e-9)
    start, weights = load_file(parent_weights(parent)), load_file(parent_weights(result))
    assert all(torch.allclose(weights[name], start[name], atol=1e-6) for name in start)
    card = read_card(result)
    assert card.parent == "parent"
    assert card.backbone_params == read_card(parent).backbone_params


def test_what_it_started_from_is_the_run_that_is_here(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    theirs = run_pretrain(tiny_photos, out=tmp_path / "theirs", steps=1)
    imported = import_model(RunStore(), parent_weights(theirs), "Of a friend")
    for start, expected in (
        (imported.path, imported.record.id),
        (theirs, "theirs"),
        (parent_weights(theirs), "theirs"),
    ):
        run = RunStore().open(run_pretrain(tiny_photos, parent=start, steps=1))
        assert run.record.parent == expected
        assert load_model(run.path).card.parent == expected


def test_few_labels_all_teach(tiny_photos: TinyPhotos) -> None:
    recorder = Recorder()
    result = finetune(finetune_config(tiny_photos, labels=3, steps=2), JobControl(), recorder)
    record = RunStore().open(result.run).record
    assert len(record.labels) == 3
    assert record.validation_labels == ()
    assert record.parent is None
    assert not recorder.of(ValidationDone)


def test_labels_by_name(tiny_photos: TinyPhotos) -> None:
    chosen = ("photo 2.png", "photo 5.png")
    result = finetune(finetune_config(tiny_photos, label_names=chosen, steps=1), JobControl(), Recorder())
    assert set(read_card(result.run).labels) == set(chosen)
    with pytest.raises(InvalidInputError, match="photo 99"):
        finetune(finetune_config(tiny_photos, label_names=("photo 99.png",)), JobControl(), Recorder())


def test_unlabelled_photos_change_what_is_learned(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    parent = run_pretrain(tiny_photos, out=tmp_path / "parent")
    both = [
        finetune(finetune_config(tiny_photos, parent=parent, unlabelled_weight=weight), JobControl(), Recorder()).run
        for weight in (0.0, 1.0)
    ]
    first, second = (load_file(run / "checkpoints" / "last.safetensors") for run in both)
    assert not torch.equal(first["network.head.weight"], second["network.head.weight"])


def test_pause_holds_the_step_and_costs_no_training_time(tiny_photos: TinyPhotos) -> None:
    control = ToldControl()
    recorder = Recorder()
    control.pause()
    results: list[object] = []
    thread = threading.Thread(
        target=lambda: results.append(pretrain(pretrain_config(tiny_photos, steps=3), control, recorder))
    )
    thread.start()
    assert control.waits.wait(60)
    time.sleep(0.2)
    assert not recorder.of(StepDone)
    control.resume()
    thread.join(60)
    assert len(results) == 1
    assert control.paused_seconds > 0


def test_one_photo_alone_cannot_be_contrasted(tiny_photos: TinyPhotos) -> None:
    config = PretrainConfig(photos=(tiny_photos.noisy / "photo 0.png",), **SMALL)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="only 1 usable photo"):
        pretrain(config, JobControl(), Recorder())
    assert RunStore().list() == []


@pytest.mark.parametrize("pretext", ["rcl", "rcl-plain"])
def test_what_compares_photos_sees_two_at_each_step_where_one_is_asked_for(
    tiny_photos: TinyPhotos, pretext: str
) -> None:
    recorder = Recorder()
    config = pretrain_config(tiny_photos, pretext=pretext, photos_per_batch=1, steps=2)
    assert pretrain(config, JobControl(), recorder).status == "done"
    (started,) = recorder.of(RunStarted)
    assert started.num_crops == 4


def test_what_compares_unlabelled_photos_sees_two_of_them_beside_one_label(tiny_photos: TinyPhotos) -> None:
    parent = run_pretrain(tiny_photos, steps=2)
    config = finetune_config(tiny_photos, parent=parent, photos_per_batch=1, steps=2)
    assert finetune(config, JobControl(), Recorder()).status == "done"


def test_broken_photos_are_named_and_the_rest_is_used(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for path in tiny_photos.noisy.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    whole = (folder / "photo 3.png").read_bytes()
    (folder / "photo 3.png").write_bytes(whole[: len(whole) // 2])
    recorder = Recorder()
    result = pretrain(PretrainConfig(photos=(folder,), steps=1, **SMALL), JobControl(), recorder)  # type: ignore[arg-type]
    assert [event.path.name for event in recorder.of(FileSkipped)] == ["photo 3.png"]
    data = RunStore().open(result.run).record.data
    assert data is not None
    assert data.num_photos == 7


def test_empty_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        pretrain(PretrainConfig(photos=(tmp_path,), **SMALL), JobControl(), Recorder())  # type: ignore[arg-type]
    assert str(tmp_path) in caught.value.message
    assert caught.value.hint


def test_levels_by_hand_are_kept_and_counted_when_a_run_goes_on(tiny_photos: TinyPhotos) -> None:
    given = (GivenLevels.of_text(f"{tiny_photos.noisy}=10 245"),)
    control = JobControl()
    with pytest.raises(JobCancelled):
        pretrain(pretrain_config(tiny_photos, levels=given), control, Recorder(control, cancel_at=3))
    stopped = RunStore().list()[0].path
    resume_training(stopped, JobControl(), Recorder())
    whole = run_pretrain(tiny_photos, levels=given)
    others = run_pretrain(tiny_photos)
    assert RunStore().open(whole).config()["levels"] == [given[0].as_text]
    weights, expected, without = (
        load_file(run / "checkpoints" / "model.safetensors") for run in (stopped, whole, others)
    )
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert not all(torch.equal(without[name], expected[name]) for name in expected)


def test_finished_run_is_not_resumed(tiny_photos: TinyPhotos) -> None:
    run = run_pretrain(tiny_photos, steps=1)
    with pytest.raises(RunStoreError, match="it is done"):
        resume_training(run, JobControl(), Recorder())


def test_a_gradient_far_longer_than_usual_is_shortened(
    tiny_photos: TinyPhotos, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective = ResidualContrastive
    plain_loss, calls = objective.loss, []

    def loss_with_an_outlier(self: object, *arguments: object) -> LossParts:
        parts = plain_loss(self, *arguments)  # type: ignore[arg-type]
        calls.append(parts)
        return LossParts(total=parts.total * (1e6 if len(calls) == 6 else 1), parts=parts.parts)

    def trained() -> dict[str, torch.Tensor]:
        calls.clear()
        return load_file(parent_weights(run_pretrain(tiny_photos, weight_average_decay=0.0)))

    usual = trained()
    monkeypatch.setattr(objective, "loss", loss_with_an_outlier)
    disturbed = trained()
    change = max(float((disturbed[name] - usual[name]).abs().max()) for name in usual)
    monkeypatch.setattr("engine.training.trainer.GRADIENT_NORM_FACTOR", 1e9)
    unlimited = trained()
    change_unlimited = max(float((unlimited[name] - usual[name]).abs().max()) for name in usual)
    assert 0 < change < 0.5 * change_unlimited


def test_infinite_loss_ends_with_a_sentence_and_keeps_the_checkpoint(
    tiny_photos: TinyPhotos, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real trainer on a real method that blows up at its fourth step."""
    steps: list[int] = []

    class Exploding(ResidualContrastive):
        def loss(self, restore, crops, photos, generator) -> LossParts:  # type: ignore[no-untyped-def]
            steps.append(len(steps))
            parts = super().loss(restore, crops, photos, generator)
            return LossParts(parts.total * float("inf"), parts.parts) if len(steps) > 3 else parts

    monkeypatch.setattr("engine.method.pretext.residual_contrastive.Exploding", Exploding, raising=False)
    implementation = "engine.method.pretext.residual_contrastive:Exploding"
    monkeypatch.setitem(PRETEXTS, "exploding", replace(PRETEXTS["rcl"], implementation=implementation))
    config = pretrain_config(tiny_photos, pretext="exploding", checkpoint_interval_s=1e-6)
    with pytest.raises(TrainingDivergedError, match="no longer a finite number"):
        pretrain(config, JobControl(), Recorder())
    run = RunStore().list()[0]
    assert run.record.status == RunStatus.FAILED
    assert "Lower the learning rate" in run.record.error
    weights: Sequence[torch.Tensor] = list(load_file(run.checkpoint_path).values())
    assert all(torch.isfinite(tensor).all() for tensor in weights)
    assert run.record.steps_done == 3


def test_weights_that_are_no_numbers_are_never_the_best(
    tiny_photos: TinyPhotos, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real trainer measures after each step; from the fourth on a method's gradient is not a number."""
    # Nothing is reported between the step and its measurement.
    monkeypatch.setattr("engine.training.trainer.REPORT_INTERVAL_S", 3600.0)
    steps: list[int] = []

    class Exploding(ResidualContrastive):
        def loss(self, restore, crops, photos, generator) -> LossParts:  # type: ignore[no-untyped-def]
            steps.append(len(steps))
            parts = super().loss(restore, crops, photos, generator)
            return LossParts(parts.total * float("nan"), parts.parts) if len(steps) > 3 else parts

    monkeypatch.setattr("engine.method.pretext.residual_contrastive.Exploding", Exploding, raising=False)
    implementation = "engine.method.pretext.residual_contrastive:Exploding"
    monkeypatch.setitem(PRETEXTS, "exploding", replace(PRETEXTS["rcl"], implementation=implementation))
    parent = run_pretrain(tiny_photos, pretext="exploding", steps=2)
    steps.clear()
    recorder = Recorder()
    with pytest.raises(TrainingDivergedError, match="no longer a finite number"):
        finetune(finetune_config(tiny_photos, parent=parent), JobControl(), recorder)
    run = RunStore().list()[0]
    assert [event.step for event in recorder.of(ValidationDone)] == [0, 1, 2, 3]
    for path in (run.begun_model_path, run.trained_model_path):
        weights = load_file(path)
        assert all(torch.isfinite(tensor).all() for tensor in weights.values())
    assert run.record.metrics["validation_psnr"] > 0


def test_a_figure_that_is_no_number_is_never_the_best(tiny_photos: TinyPhotos) -> None:
    run = RunStore().open(run_pretrain(tiny_photos, steps=1))
    config, card = pretrain_config(tiny_photos), read_card(run.path)
    device = open_device(config)
    photo = decode_photo(PhotoRef(tiny_photos.noisy / "photo 0.png"))
    observer = TrainingObserver(
        preview_crop=choose_preview_crop([photo]), validation=[DecodedPair(photo, photo)], card=card, device=device,
        run=run, num_steps=8, num_crops=0, control=JobControl(), emit=Recorder(),
    )  # fmt: skip
    sound, broken = (new_state(load_model(run.path).network, config, device) for _ in range(2))
    for weights in broken.averaged.parameters():
        weights.fill_(float("nan"))
    assert not observer.validate(broken)
    assert broken.best_psnr is None
    assert observer.validate(sound)


def test_wrong_references_are_set_aside_and_others_drawn(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    clean = tmp_path / "clean"
    clean.mkdir()
    for path in tiny_photos.clean.iterdir():
        (clean / path.name).write_bytes(path.read_bytes())
    (clean / "photo 1.png").write_bytes((tiny_photos.clean / "photo 6.png").read_bytes())
    recorder = Recorder()
    config = FinetuneConfig(noisy=(tiny_photos.noisy,), clean=(clean,), labels=7, steps=1, **SMALL)  # type: ignore[arg-type]
    result = finetune(config, JobControl(), recorder)
    assert set(read_card(result.run).labels) == {f"photo {index}.png" for index in range(8) if index != 1}
    assert any("photo 1.png is set aside" in event.message for event in recorder.of(JobWarning))


def test_labels_of_the_parent_are_not_forgotten(tiny_photos: TinyPhotos) -> None:
    first = finetune(finetune_config(tiny_photos, label_names=("photo 1.png",), steps=1), JobControl(), Recorder()).run
    config = finetune_config(tiny_photos, parent=first, label_names=("photo 4.png",), steps=1)
    card = read_card(finetune(config, JobControl(), Recorder()).run)
    assert card.labels == ("photo 1.png", "photo 4.png")
    assert len(set(card.label_digests)) == 2
