"""Experiments on photos of which several show one scene: what one of them teaches, no other measures."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contracts.errors import InvalidInputError
from engine.contracts.events import JobEvent, JobWarning
from engine.contracts.job_control import JobControl
from engine.contracts.label_budget import LabelBudgetConfig
from engine.contracts.photo import PhotoRef
from engine.jobs import label_budget
from engine.label_budget.methods import Method
from engine.label_budget.plan import Plan, make_plan, split_photos
from engine.labelling.burst import BurstConfig, make_burst_references
from engine.photo_files.photos import PhotoImage, write_image
from engine.photos.pairs import PhotoPair

SCRATCH = Method(name="scratch", title="From scratch")
NUM_SHOTS = 3


def pairs_of(sizes: list[int]) -> tuple[list[PhotoPair], dict[PhotoRef, int]]:
    """So many pairs of each scene, and which scene each reference shows."""
    pairs, scenes = [], {}
    for scene, size in enumerate(sizes):
        for _ in range(size):
            name = f"{len(pairs):03}.png"
            pairs.append(PhotoPair(PhotoRef(Path("noisy") / name), PhotoRef(Path("clean") / name)))
            scenes[pairs[-1].clean] = scene
    return pairs, scenes


def config_of(**changes: Any) -> LabelBudgetConfig:
    return LabelBudgetConfig(noisy=(Path("noisy"),), clean=(Path("clean"),), out=Path("out"), **changes)


def plan_of(sizes: list[int], **changes: Any) -> Plan:
    config = config_of(**changes)
    pairs, scenes = pairs_of(sizes)
    photos = split_photos(config, pairs, [pair.noisy for pair in pairs], scenes)
    return make_plan(config, photos, (SCRATCH,), ())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=2, max_size=12), st.floats(0.05, 0.9), st.integers(0, 50))
def test_no_scene_both_teaches_and_measures(sizes: list[int], share: float, seed: int) -> None:
    pairs, scenes = pairs_of(sizes)
    config = config_of(evaluation_share=share, split_seed=seed)
    split = split_photos(config, pairs, [pair.noisy for pair in pairs], scenes)
    taught, measured = ({scenes[pair.clean] for pair in side} for side in (split.candidates, split.evaluation))
    assert taught
    assert measured
    assert not taught & measured
    assert taught | measured == set(range(len(sizes)))
    wanted = max(round(len(pairs) * share), 1)
    assert len(split.evaluation) <= max(wanted, min(sizes))


def test_pairs_that_share_a_reference_stay_on_one_side() -> None:
    noisy = [PhotoRef(Path(f"noisy/{index}.png")) for index in range(6)]
    pairs = [PhotoPair(photo, PhotoRef(Path(f"clean/{index // 2}.png"))) for index, photo in enumerate(noisy)]
    for seed in range(10):
        split = split_photos(config_of(split_seed=seed), pairs, noisy, {})
        assert not {pair.clean for pair in split.candidates} & {pair.clean for pair in split.evaluation}


def test_photos_of_one_scene_alone_are_refused_unless_a_person_decides() -> None:
    with pytest.raises(InvalidInputError, match="one scene"):
        plan_of([5])
    with pytest.raises(InvalidInputError, match="one scene"):
        plan_of([5], evaluate_on="others", unlabelled="all", measure_names=("001.png",))
    assert len(plan_of([5], measure_names=("001.png",)).photos.evaluation) == 1


def test_measuring_on_all_others_leaves_out_the_scenes_of_the_labels() -> None:
    plan = plan_of([3, 1, 2], evaluate_on="others", unlabelled="all", labels=(1, 2, 3, 9))
    assert plan.photos.taught_by(("001.png",)) == {"000.png", "001.png", "002.png"}
    assert plan.photos.taught_by(("003.png",)) == {"003.png"}
    assert plan.photos.taught_by(()) == frozenset()
    # Three labels may be of all three scenes.
    assert plan.label_counts == (1, 2)
    assert [item.name for item in plan.left_out] == ["3 labels", "9 labels"]
    assert "another scene" in plan.left_out[0].reason


@pytest.fixture(scope="module")
def bursts(tmp_path_factory: pytest.TempPathFactory) -> dict[PhotoRef, PhotoRef]:
    """Shots of three scenes, each with the mean of the others of its scene as its reference."""
    folder = tmp_path_factory.mktemp("bursts")
    generator = np.random.default_rng(5)
    given_pairs = {}
    for scene in range(3):
        picture = cv2.GaussianBlur(generator.uniform(0, 1, (48, 64, 3)).astype(np.float32), (0, 0), 5)
        picture = cv2.normalize(picture, None, 0.15, 0.85, cv2.NORM_MINMAX)
        shots = folder / f"scene {scene}"
        shots.mkdir()
        for shot in range(NUM_SHOTS):
            noisy = picture + generator.normal(0, 0.03, picture.shape).astype(np.float32)
            write_image(shots / f"{scene}-{shot}.png", PhotoImage(noisy))
        config = BurstConfig(shots=(shots,), out=folder / "references" / str(scene))
        result = make_burst_references(config, JobControl(), lambda _: None)
        given_pairs |= {pair.noisy: pair.clean for pair in result.pairs}
    assert len(given_pairs) == 3 * NUM_SHOTS
    return given_pairs


def run(bursts: Mapping[PhotoRef, PhotoRef], out: Path, **changes: Any) -> tuple[dict[str, Any], list[JobEvent]]:
    """Do an experiment of one training; what its score says, and all that it told."""
    config = LabelBudgetConfig(
        noisy=tuple(bursts),
        clean=tuple(bursts.values()),
        out=out,
        given_pairs=dict(bursts),
        labels=(1,),
        methods=("scratch",),
        seeds=1,
        steps=3,
        device="cpu",
        workers=1,
        backbone="unet",
        backbone_params={"width": 8, "num_levels": 2},
        training_params={"crop_px": 16, "photos_per_batch": 2},
        **changes,
    )
    events: list[JobEvent] = []
    label_budget(config, JobControl(), events.append)
    (path,) = (out / "scores").iterdir()
    return json.loads(path.read_text())["score"], events


@pytest.mark.parametrize("changes", [{}, {"evaluate_on": "others", "unlabelled": "all"}], ids=["held-back", "others"])
def test_shots_of_a_burst_never_measure_what_one_of_them_taught(
    bursts: Mapping[PhotoRef, PhotoRef], tmp_path: Path, changes: dict[str, Any]
) -> None:
    score, events = run(bursts, tmp_path / "out", **changes)
    (label,) = score["labels"]
    measured_scenes = [name[0] for name in score["photos"]]
    assert label[0] not in measured_scenes
    num_scenes = 2 if changes else 1
    assert len(set(measured_scenes)) == num_scenes
    assert len(measured_scenes) == num_scenes * NUM_SHOTS
    assert not any("only measures" in event.message for event in events if isinstance(event, JobWarning))


def test_a_photo_named_to_measure_what_is_taught_is_told(bursts: Mapping[PhotoRef, PhotoRef], tmp_path: Path) -> None:
    score, events = run(bursts, tmp_path / "out", measure_names=("1-0.png",))
    assert set(score["photos"]) == {"1-0.png"}
    told = [event.message for event in events if isinstance(event, JobWarning) and "only measures" in event.message]
    assert told == ["1-0.png only measures, but shows a scene that a label teaches."]
