"""Experiments read again from their folders, and counted before they begin."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.contracts.errors import InvalidInputError
from engine.contracts.events import JobEvent, StepDone, TrainingMeasured, TrainingsPlanned
from engine.contracts.given_levels import GivenLevels
from engine.contracts.job_control import JobControl
from engine.contracts.label_budget import LabelBudgetConfig
from engine.contracts.photo import PhotoRef
from engine.jobs import label_budget
from engine.label_budget.reports.files import JSON_FILE
from engine.label_budget.reports.results import LabelBudgetResult
from engine.label_budget.stored import (
    SETTINGS_FILE,
    keep_settings,
    list_experiments,
    read_experiment,
    require_own_folder,
)
from engine.label_budget.workload import count_workload
from engine.photos.pairs import PhotoPair
from tests.conftest import TinyPhotos


def config_of(tiny_photos: TinyPhotos, out: Path) -> LabelBudgetConfig:
    return LabelBudgetConfig(
        noisy=tuple(sorted(tiny_photos.noisy.iterdir())[:4]),
        clean=tuple(sorted(tiny_photos.clean.iterdir())[:4]),
        out=out,
        labels=(0, 1),
        methods=("scratch", "rcl"),
        seeds=1,
        steps=4,
        device="cpu",
        workers=1,
        backbone="unet",
        backbone_params={"width": 8, "num_levels": 2},
        training_params={"crop_px": 16, "photos_per_batch": 2},
    )


@pytest.fixture(scope="module")
def done(
    tiny_photos: TinyPhotos, tmp_path_factory: pytest.TempPathFactory
) -> tuple[LabelBudgetConfig, LabelBudgetResult, list[JobEvent]]:
    """A tiny experiment that has ended, and all that it said."""
    config = config_of(tiny_photos, tmp_path_factory.mktemp("experiments") / "first")
    events: list[JobEvent] = []
    return config, label_budget(config, JobControl(), events.append), events


def test_an_experiment_is_read_as_it_was(done: tuple[LabelBudgetConfig, LabelBudgetResult, list[JobEvent]]) -> None:
    config, result, _ = done
    stored = read_experiment(config.out)
    assert stored.config == config
    assert stored.outcome is not None
    assert stored.outcome.verdict == result.verdict
    assert stored.outcome.total_steps == 4
    assert [(row.method, row.num_labels) for row in stored.outcome.figures.rows] == [
        (row.method, row.num_labels) for row in result.figures.rows
    ]
    found, wanted = stored.outcome.figures.rows[-1].gain, result.figures.rows[-1].gain
    assert found.mean == pytest.approx(wanted.mean)
    assert math.isinf(found.low)
    assert not found.has_interval
    assert list_experiments(config.out.parent) == (config.out,)


def test_its_plan_was_told_before_its_progress(
    done: tuple[LabelBudgetConfig, LabelBudgetResult, list[JobEvent]],
) -> None:
    _, _, events = done
    (planned,) = (event for event in events if isinstance(event, TrainingsPlanned))
    progress = [event for event in events if isinstance(event, StepDone) and event.stage.startswith("Training")]
    assert events.index(planned) < events.index(progress[0])
    assert sum(planned.steps) == progress[-1].num_steps
    assert {event.title for event in events if isinstance(event, TrainingMeasured)} == set(planned.titles)


def test_the_workload_is_what_is_done(
    done: tuple[LabelBudgetConfig, LabelBudgetResult, list[JobEvent]], tiny_photos: TinyPhotos
) -> None:
    config, result, events = done
    noisy, clean = ([PhotoRef.of(place) for place in side] for side in (config.noisy, config.clean))
    pairs = [PhotoPair(*files) for files in zip(noisy, clean, strict=True)]
    workload = count_workload(config, pairs, noisy)
    (planned,) = (event for event in events if isinstance(event, TrainingsPlanned))
    assert workload.num_trainings == result.num_trainings == len(planned.titles)
    assert workload.pretraining_steps + workload.finetuning_steps == sum(planned.steps)
    assert workload.num_measured == result.figures.num_evaluation
    with pytest.raises(InvalidInputError, match="at least 2 pairs"):
        count_workload(config, pairs[:1], noisy)


@pytest.mark.parametrize(
    "changes",
    [{"fit_references": False}, {"unfitted_names": ("photo 0.png",)}, {"levels": (GivenLevels.of_text("2 250"),)}],
    ids=["no fit", "one not fitted", "levels"],
)
def test_one_with_decisions_about_photos_goes_on(
    tiny_photos: TinyPhotos, tmp_path: Path, changes: dict[str, Any]
) -> None:
    config = config_of(tiny_photos, tmp_path / "out").model_copy(update={"methods": ("scratch",), **changes})
    label_budget(config, JobControl(), lambda _: None)
    (kept,) = (path for path in (config.out / "scores").iterdir())
    content = kept.read_bytes()
    # Nothing may make it anew.
    shutil.rmtree(config.out / "runs")
    stored = read_experiment(config.out)
    more = stored.config.model_copy(update={"labels": (0, 1, 2)})
    result = label_budget(more, JobControl(), lambda _: None)
    assert not result.failed
    assert result.num_trainings == 2
    assert kept.read_bytes() == content
    with pytest.raises(InvalidInputError, match="other photos or settings"):
        label_budget(config_of(tiny_photos, config.out), JobControl(), lambda _: None)


def test_one_that_has_not_ended_has_no_outcome(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    config = config_of(tiny_photos, tmp_path / "begun")
    config.out.mkdir()
    keep_settings(config)
    moved = tmp_path / "moved"
    shutil.move(config.out, moved)
    stored = read_experiment(moved)
    assert stored.outcome is None
    assert stored.config.out == moved
    assert list_experiments(tmp_path / "nowhere") == ()


@pytest.mark.parametrize(
    "damage",
    [
        {"num_evaluation": math.inf},
        {"total_steps": math.nan},
        {"noisy_psnr": "x"},
        {"verdict": None},
        {"rows": [1]},
        {"left_out": [{"name": "x"}]},
    ],
)
def test_an_outcome_with_numbers_that_are_none_is_refused(
    done: tuple[LabelBudgetConfig, LabelBudgetResult, list[JobEvent]], tmp_path: Path, damage: dict[str, object]
) -> None:
    for name in (SETTINGS_FILE, JSON_FILE):
        shutil.copy(done[0].out / name, tmp_path / name)
    fields = json.loads((tmp_path / JSON_FILE).read_text("utf-8"))
    assert read_experiment(tmp_path).outcome is not None
    (tmp_path / JSON_FILE).write_text(json.dumps(fields | damage), encoding="utf-8")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_experiment(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", '{"schema_version": 99}', '{"schema_version": 1, "settings": {}}', "[]"])
def test_a_damaged_one_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / SETTINGS_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(InvalidInputError):
        read_experiment(tmp_path)


def test_a_folder_with_files_of_others_is_refused(tmp_path: Path) -> None:
    """A chart of something else would go for the experiment's."""
    require_own_folder(tmp_path)
    (tmp_path / "chart.png").write_bytes(b"kept")
    with pytest.raises(InvalidInputError, match=r"chart\.png .* would be replaced"):
        require_own_folder(tmp_path)
    (tmp_path / SETTINGS_FILE).write_text("{}")
    require_own_folder(tmp_path)
