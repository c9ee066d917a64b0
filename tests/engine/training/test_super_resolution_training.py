"""Super-resolution from labels to restored files: a few real steps, from pairs, clean photos alone, enlarged pairs."""

import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from engine.cli.main import app
from engine.contracts.configs import EvaluateConfig, FinetuneConfig, Preset, PretrainConfig, RestoreConfig
from engine.contracts.events import JobEvent, PreviewReady, ValidationDone, VerdictReady
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.presets import finetune_preset
from engine.jobs import evaluate, finetune, pretrain, restore, resume_training
from engine.models.files import load_model, read_card
from engine.models.starters import require_starter
from engine.photo_files.bicubic_resize import enlarge, shrink
from engine.photo_files.photos import PhotoImage, probe_image, read_image, write_image
from engine.runs.records import RunStatus
from engine.runs.store import RunStore
from engine.training.verdicts import gain_verdict
from tests.conftest import TinyPhotos
from tests.engine.training.test_training import Recorder

SMALL = {
    "backbone": "unet",
    "backbone_params": {"width": 8},
    "photos_per_batch": 2,
    "crop_px": 24,
    "steps": 4,
    "device": "cpu",
    "precision": "32-true",
}


@pytest.fixture(scope="module")
def small_photos(tiny_photos: TinyPhotos, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The noisy photos at half their size."""
    return _made_of(tiny_photos.noisy, tmp_path_factory.mktemp("small"), lambda pixels: shrink(pixels, 2))


@pytest.fixture(scope="module")
def enlarged_photos(small_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small photos enlarged again."""
    return _made_of(small_photos, tmp_path_factory.mktemp("enlarged"), lambda pixels: enlarge(pixels, 2))


def _made_of(source, folder, make) -> Path:  # type: ignore[no-untyped-def]
    for path in source.iterdir():
        write_image(folder / path.name, PhotoImage(make(read_image(path).pixels)))
    return folder


def train(clean: Path, noisy: tuple[Path, ...] = (), **changes: object) -> tuple[Path, list[JobEvent]]:
    values: dict[str, object] = {**SMALL, "clean": (clean,), "noisy": noisy, "task": "sr2", **changes}
    recorder = Recorder()
    return finetune(FinetuneConfig.model_validate(values), JobControl(), recorder).run, recorder.events


def mean_bicubic_psnr(noisy: Path, clean: Path, names: tuple[str, ...]) -> float:
    figures = []
    for name in names:
        small, large = read_image(noisy / name).pixels, read_image(clean / name).pixels
        enlarged = enlarge(small, 2) if small.shape != large.shape else small
        figures.append(-10 * np.log10(np.mean((enlarged - large) ** 2)))
    return float(np.mean(figures))


def test_from_pairs_to_restored_files(tiny_photos: TinyPhotos, small_photos: Path, tmp_path: Path) -> None:
    parent = pretrain(
        PretrainConfig.model_validate({**SMALL, "photos": (small_photos,), "steps": 2}), JobControl(), Recorder()
    ).run
    run, events = train(tiny_photos.clean, (small_photos,), parent=parent)
    model = load_model(run)
    assert model.network.scale == 2
    assert model.card.task_params == {}

    previews = [event for event in events if isinstance(event, PreviewReady)]
    for preview in previews:
        assert preview.reference is not None
        assert preview.noisy.shape == preview.restored.shape == preview.residual.shape == preview.reference.shape
        assert preview.noisy.shape == (96, 96, 3)
    strip = cv2.imread(str(next((run / "previews").iterdir())))
    assert strip is not None
    assert strip.shape == (96, 3 * 96, 3)

    validations = [event for event in events if isinstance(event, ValidationDone)]
    held_back = RunStore().open(run).record.validation_labels
    assert validations[0].noisy_psnr == pytest.approx(
        mean_bicubic_psnr(small_photos, tiny_photos.clean, held_back), abs=0.01
    )

    photos = (small_photos / "photo 0.png", small_photos / "photo 1.png")
    out = tmp_path / "out"
    result = restore(RestoreConfig(model=run, photos=photos, out=out, device="cpu"), JobControl(), Recorder())
    assert not result.failed
    assert [(probe_image(file).width, probe_image(file).height) for _, file in result.restored] == [(112, 96)] * 2
    plain = RestoreConfig(model=run, photos=photos[:1], out=out, luminance=0.0, colour=0.0, device="cpu")
    ((_, untouched),) = restore(plain, JobControl(), Recorder()).restored
    expected = enlarge(read_image(photos[0]).pixels, 2)
    np.testing.assert_allclose(read_image(untouched).pixels, expected, atol=0.51 / 255)

    score = evaluate(
        EvaluateConfig(
            model=run, noisy=(small_photos,), clean=(tiny_photos.clean,), include_training=True, device="cpu"
        ),
        JobControl(),
        Recorder(),
    )
    assert score.num_pairs == 8


def test_from_clean_photos_alone(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    run, events = train(tiny_photos.clean)
    record = RunStore().open(run).record
    assert len(record.labels) == 6
    assert len(record.validation_labels) == 2
    assert read_card(run).task_params == {"noise_sigma": 10.0}
    assert json.loads((run / "config.json").read_text("utf-8"))["task_params"] == {"noise_sigma": 10.0}
    assert load_model(run).network.scale == 2
    assert [event for event in events if isinstance(event, ValidationDone)]


def test_from_pairs_that_were_enlarged(tiny_photos: TinyPhotos, enlarged_photos: Path, tmp_path: Path) -> None:
    run, events = train(tiny_photos.clean, (enlarged_photos,))
    assert read_card(run).task_params == {"enlarged_input": True}
    assert load_model(run).network.scale == 1
    held_back = RunStore().open(run).record.validation_labels
    first = next(event for event in events if isinstance(event, ValidationDone))
    assert first.noisy_psnr == pytest.approx(mean_bicubic_psnr(enlarged_photos, tiny_photos.clean, held_back), abs=0.01)
    photo = enlarged_photos / "photo 0.png"
    config = RestoreConfig(model=run, photos=(photo,), out=tmp_path / "out", device="cpu")
    ((_, restored),) = restore(config, JobControl(), Recorder()).restored
    assert (probe_image(restored).width, probe_image(restored).height) == (112, 96)
    (score,) = evaluate(
        EvaluateConfig(model=run, noisy=(photo,), clean=(tiny_photos.clean,), include_training=True, device="cpu"),
        JobControl(),
        Recorder(),
    ).per_image
    assert score.noisy_psnr < 60


def test_the_starter_learns_from_pairs_that_were_enlarged(tiny_photos: TinyPhotos, enlarged_photos: Path) -> None:
    """It enlarges, what it becomes does not: the starter is no measure of what that has forgotten."""
    run, _ = train(tiny_photos.clean, (enlarged_photos,), parent=require_starter("sr2"), steps=2)
    assert read_card(run).task_params == {"enlarged_input": True}
    assert RunStore().open(run).record.status is RunStatus.DONE


def test_a_starter_of_another_task_is_nothing_to_go_back_to(tiny_photos: TinyPhotos) -> None:
    """The denoising starter learns to enlarge: the one that enlarges already has no part in it."""
    run, _ = train(tiny_photos.clean, parent=require_starter("denoise"), steps=2)
    record = RunStore().open(run).record
    assert not {"share_of_way", "other_noise_psnr_starter"} & set(record.metrics)
    assert "starter" not in record.verdict


@pytest.mark.parametrize("kind", ["pairs", "clean alone", "enlarged pairs"])
def test_resumed_training_equals_uninterrupted(
    tiny_photos: TinyPhotos, small_photos: Path, enlarged_photos: Path, kind: str
) -> None:
    noisy = {"pairs": (small_photos,), "clean alone": (), "enlarged pairs": (enlarged_photos,)}[kind]
    whole, _ = train(tiny_photos.clean, noisy)
    control = JobControl()
    values = {**SMALL, "clean": (tiny_photos.clean,), "noisy": noisy, "task": "sr2"}
    with pytest.raises(JobCancelled):
        finetune(FinetuneConfig.model_validate(values), control, Recorder(control, cancel_at=2))
    stopped = RunStore().list()[0].path
    resume_training(stopped, JobControl(), Recorder())
    expected, found = load_model(whole), load_model(stopped)
    assert expected.card.task_params == found.card.task_params
    weights = found.network.state_dict()
    for name, tensor in expected.network.state_dict().items():
        assert tensor.equal(weights[name]), name


def test_a_parent_of_another_task_is_no_reason_for_small_steps() -> None:
    rates = [
        finetune_preset(Preset.QUICK, **choice)["learning_rate"]
        for choice in ({}, {"is_new_task": True}, {"from_scratch": True})
    ]
    assert rates[0] < rates[1] == rates[2]


def test_the_command_line_needs_no_noisy_photos(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    def residua(*arguments: str | Path) -> dict[str, Any]:
        result = CliRunner().invoke(app, [*map(str, arguments), "--device", "cpu", "--json"])
        assert result.exit_code == 0, result.output
        return dict(json.loads(result.stdout.splitlines()[-1]))

    small = ("--steps", "2", "--crop-px", "16", "--photos-per-batch", "2", "--backbone-params", "width=8")
    parent = residua("finetune", "--from", "none", "--task", "sr2", "--clean", tiny_photos.clean, *small)["run"]
    again = residua("finetune", "--from", parent, "--task", "sr2", "--clean", tiny_photos.clean, *small)["run"]
    wider = residua("finetune", "--from", parent, "--task", "sr4", "--clean", tiny_photos.clean, *small)["run"]
    rates = [
        json.loads((Path(run) / "config.json").read_text("utf-8"))["learning_rate"] for run in (parent, again, wider)
    ]
    assert rates[1] < rates[0] == rates[2]
    assert load_model(Path(wider)).network.scale == 4


def test_training_beats_bicubic_enlargement(tiny_photos: TinyPhotos, small_photos: Path) -> None:
    """The small photos are noisy, so that there is much to gain within a few steps."""
    settings = {"steps": 250, "photos_per_batch": 4, "learning_rate": 4e-3, "weight_average_decay": 0.9, "patience": 0}
    _, events = train(tiny_photos.clean, (small_photos,), **settings)
    last = [event for event in events if isinstance(event, ValidationDone)][-1]
    assert last.psnr > last.noisy_psnr + 0.5
    verdicts = [event for event in events if isinstance(event, VerdictReady)]
    assert {verdict.state for verdict in verdicts} <= {"learning", "done"}
    assert any("nearer to its clean reference" in verdict.sentence for verdict in verdicts)


@pytest.mark.parametrize(
    ("gain_db", "step", "state", "word"),
    [
        (0.0, 5, "learning", "Starting"),
        (0.0, 25, "learning", "yet"),
        (0.0, 200, "collapsed", "Not learning"),
        (1.5, 200, "learning", "1.5 dB nearer"),
        (1.5, 400, "done", "Done"),
        (-2.0, 400, "collapsed", "-2.0 dB"),
        (math.nan, 400, "collapsed", "no nearer"),
    ],
)
def test_verdict_by_the_reference(gain_db: float, step: int, state: str, word: str) -> None:
    verdict = gain_verdict(gain_db, step=step, num_steps=400)
    assert verdict.state == state
    assert word in verdict.sentence
