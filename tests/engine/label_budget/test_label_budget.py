"""The label-budget experiment: statistics, plan, verdicts, chart, and a tiny real one from end to end."""

import csv
import io
import json
import os
import shutil
import signal
import sys
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.contracts.configs import ComputeConfig, FinetuneConfig, PretrainConfig
from engine.contracts.errors import InvalidInputError
from engine.contracts.events import FileSkipped, JobEvent, JobWarning, StepDone, TrainingMeasured
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.label_budget import LabelBudgetConfig
from engine.contracts.photo import PhotoRef
from engine.contracts.results import PairScore
from engine.jobs import label_budget
from engine.label_budget.measuring import Measurer
from engine.label_budget.methods import LeftOut, Method, available_methods, choose_methods
from engine.label_budget.plan import Plan, make_plan, split_photos
from engine.label_budget.reports.chart import draw_chart, spread, vertical_reach
from engine.label_budget.reports.results import BudgetFigures, LabelBudgetResult, compute_figures
from engine.label_budget.reports.statistics import estimate
from engine.label_budget.reports.verdict import judge, write_verdict
from engine.label_budget.scores import Score
from engine.label_budget.side_by_side import default_workers
from engine.method.catalogue.pretexts import PRETEXTS
from engine.models.files import read_card
from engine.models.starters import require_starter
from engine.photo_files.photos import PhotoImage, read_image, write_image
from engine.photos.crops import decode_photo, photos_remembered
from engine.photos.pairs import PhotoPair
from tests.conftest import TinyPhotos
from tests.warm_processes import run_warm, start_warm

SCRATCH = Method(name="scratch", title="From scratch")
RCL = Method(name="rcl", title="RCL", pretext="rcl")
SUGGESTED = Method(name="suggested", title="RCL, suggested labels", pretext="rcl", by_suggestion=True)
STARTER = Method(name="starter", title="Starter", starter=Path("starter.safetensors"))

TINY = {
    "steps": 6,
    "seeds": 2,
    "device": "cpu",
    "workers": 1,
    "backbone": "unet",
    "backbone_params": {"width": 8, "num_levels": 2},
    "training_params": {"crop_px": 16, "photos_per_batch": 2},
}


@pytest.fixture(scope="module")
def photos(tiny_photos: TinyPhotos, tmp_path_factory: pytest.TempPathFactory) -> TinyPhotos:
    """Five of the tiny photos."""
    folder = tmp_path_factory.mktemp("five_photos")
    few = TinyPhotos(noisy=folder / "noisy", clean=folder / "clean")
    for source, target in ((tiny_photos.noisy, few.noisy), (tiny_photos.clean, few.clean)):
        target.mkdir()
        for path in sorted(source.iterdir())[:5]:
            shutil.copy(path, target)
    return few


def tiny_config(photos: TinyPhotos, out: Path, **changes: Any) -> LabelBudgetConfig:
    values = {"labels": (0, 1, "all"), "methods": ("scratch", "rcl"), **TINY, **changes}
    return LabelBudgetConfig(noisy=(photos.noisy,), clean=(photos.clean,), out=out, **values)


# Statistics


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=12))
def test_intervals_equal_scipys(values: list[float]) -> None:
    found = estimate(values)
    spread_of_mean = scipy.stats.sem(values)
    low, high = scipy.stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=max(spread_of_mean, 1e-300))
    assert found.mean == pytest.approx(np.mean(values), abs=1e-9)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6))


def test_a_paired_interval_leaves_zero_out_exactly_where_the_paired_t_test_finds_a_difference() -> None:
    generator = np.random.default_rng(4)
    found = set()
    for _ in range(200):
        first = generator.normal(30, 1, 5)
        second = first + generator.normal(0.3, 0.3, 5)
        shown = judge(estimate(list(second - first))) != "unclear"
        assert shown == (scipy.stats.ttest_rel(second, first).pvalue < 0.05)
        found.add(shown)
    assert found == {True, False}


def test_one_repetition_has_no_interval() -> None:
    alone = estimate([0.7])
    assert alone.mean == 0.7
    assert not alone.has_interval
    assert judge(alone) == "unclear"


@pytest.mark.parametrize("values", [[], [1.0, float("inf")], [float("nan")]])
def test_what_cannot_be_estimated_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        estimate(values)


# Settings and plan


def pairs_of(count: int) -> list[PhotoPair]:
    return [
        PhotoPair(PhotoRef(Path(f"noisy/{index:02}.png")), PhotoRef(Path(f"clean/{index:02}.png")))
        for index in range(count)
    ]


def plan_of(
    count: int = 10, methods: tuple[Method, ...] = (SCRATCH, RCL), left_out: tuple[LeftOut, ...] = (), **changes: Any
) -> Plan:
    values: dict[str, Any] = {"labels": (0, 1, 2, "all"), "seeds": 3, "steps": 100, **changes}
    config = LabelBudgetConfig(noisy=(Path("noisy"),), clean=(Path("clean"),), out=Path("out"), **values)
    pairs = pairs_of(count)
    return make_plan(config, split_photos(config, pairs, [pair.noisy for pair in pairs], {}), methods, left_out)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 40), st.floats(0.05, 0.9), st.integers(0, 50))
def test_no_photo_both_teaches_and_measures(count: int, share: float, seed: int) -> None:
    config = LabelBudgetConfig(
        noisy=(Path("n"),), clean=(Path("c"),), out=Path("o"), evaluation_share=share, split_seed=seed
    )
    pairs = pairs_of(count)
    split = split_photos(config, pairs, [pair.noisy for pair in pairs], {})
    assert {*split.candidates, *split.evaluation} == set(pairs)
    assert len(split.candidates) + len(split.evaluation) == count
    assert min(len(split.candidates), len(split.evaluation)) >= 1
    assert set(split.unlabelled) == {pair.noisy for pair in split.candidates}


def test_held_back_photos_may_be_pretrained_on_without_their_references() -> None:
    plan = plan_of(unlabelled="all")
    assert len(plan.photos.unlabelled) == 10
    config = plan.cells["rcl_2-labels_seed-0"].config
    assert isinstance(config, FinetuneConfig)
    assert len(config.noisy) == 10
    assert not set(config.clean) & {pair.clean for pair in plan.photos.evaluation}


def test_pairs_that_only_measure_never_teach() -> None:
    plan = plan_of(measure_names=("03.png", "07.png"))
    assert [pair.noisy.name for pair in plan.photos.evaluation] == ["03.png", "07.png"]
    assert len(plan.photos.candidates) == plan.all_count == 8
    by_path = plan_of(measure_names=("noisy/03.png", "07.png"))
    assert by_path.photos == plan.photos
    with pytest.raises(InvalidInputError, match=r"found for: .*/elsewhere/03\.png"):
        plan_of(measure_names=("elsewhere/03.png",))
    on_others = plan_of(measure_names=("03.png",), evaluate_on="others", unlabelled="all", labels=(1, 2))
    assert "03.png" not in {pair.noisy.name for pair in on_others.photos.candidates}
    assert len(on_others.photos.evaluation) == 10
    with pytest.raises(InvalidInputError, match=r"found for: lost\.png"):
        plan_of(measure_names=("lost.png",))
    with pytest.raises(InvalidInputError, match="None of the labels"):
        plan_of(count=2, measure_names=("00.png", "01.png"))


def test_what_is_decided_about_pairs_holds_for_each_training() -> None:
    given = {pair.noisy: pair.clean for pair in pairs_of(10)[:6]}
    names = tuple(pair.noisy.name for pair in pairs_of(10))
    plan = plan_of(given_pairs=given, unfitted_names=names[::2])
    trainings = [cell.config for cell in plan.cells.values() if isinstance(cell.config, FinetuneConfig)]
    by_path = plan_of(given_pairs=given, unfitted_names=tuple(f"noisy/{name}" for name in names[::2]))
    for training in trainings:
        assert training.label_names is not None
        same = by_path.cells[training.name].config
        assert isinstance(same, FinetuneConfig)
        assert tuple(Path(name).name for name in same.unfitted_names) == training.unfitted_names
        assert set(training.unfitted_names) == set(training.label_names) & set(names[::2])
        assert {noisy.name for noisy in training.given_pairs} == set(training.label_names) & {
            noisy.name for noisy in given
        }
        assert training.fit_references
    plain = plan_of().cells["rcl_2-labels_seed-0"].config
    unfitted = plan_of(fit_references=False).cells["rcl_2-labels_seed-0"].config
    assert isinstance(plain, FinetuneConfig)
    assert unfitted == plain.model_copy(update={"fit_references": False})


def test_a_reference_that_keeps_its_exposure_is_measured_by_it(photos: TinyPhotos, tmp_path: Path) -> None:
    dimmed = tmp_path / "photo 0.png"
    clean = read_image(photos.clean / "photo 0.png")
    write_image(dimmed, clean.with_pixels(np.float32(0.5) * clean.pixels, None))
    pair = PhotoPair(PhotoRef(photos.noisy / "photo 0.png"), PhotoRef(dimmed))
    compute = ComputeConfig(device="cpu")

    def measured(unfitted: tuple[str, ...] | None) -> PairScore:
        found = Measurer([pair], compute, unfitted).measure(require_starter("denoise"), JobControl(), lambda _: None)
        return found["photo 0.png"]

    fitted, by_name, all_of_them = measured(()), measured(("photo 0.png",)), measured(None)
    assert by_name == all_of_them
    noisy = read_image(pair.noisy).pixels
    error = float(np.mean((noisy.astype(np.float64) - read_image(dimmed).pixels) ** 2))
    assert by_name.noisy_psnr == pytest.approx(-10 * np.log10(error), abs=1e-3)
    assert fitted.psnr > by_name.psnr + 6


def test_a_pair_given_by_hand_takes_part(photos: TinyPhotos, tmp_path: Path) -> None:
    clean = tmp_path / "clean"
    shutil.copytree(photos.clean, clean)
    renamed = (clean / "photo 4.png").rename(clean / "another name.png")
    given = {PhotoRef(photos.noisy / "photo 4.png"): PhotoRef(renamed)}
    result = label_budget(
        LabelBudgetConfig(
            noisy=(photos.noisy,), clean=(clean,), out=tmp_path / "out", given_pairs=given,
            measure_names=("photo 4.png",),
            labels=(0, 1), methods=("scratch",), **{**TINY, "seeds": 1},
        ),
        JobControl(),
        lambda _: None,
    )  # fmt: skip
    assert result.num_trainings == 1
    (score,) = (json.loads(path.read_text()) for path in (tmp_path / "out" / "scores").glob("*.json"))
    assert set(score["score"]["photos"]) == {"photo 4.png"}


def test_labels_of_a_repetition_are_nested_and_the_same_for_all_methods() -> None:
    plan = plan_of(labels=(1, 2, 5), evaluation_share=0.3)
    for seed in range(3):
        names = {}
        for count in (1, 2, 5):
            of_methods = set()
            for method in ("scratch", "rcl"):
                config = plan.cells[f"{method}_{count}-labels_seed-{seed}"].config
                assert isinstance(config, FinetuneConfig)
                assert config.label_names is not None
                assert [path.name for path in config.clean] == list(config.label_names)
                assert config.seed == seed
                of_methods.add(config.label_names)
            assert len(of_methods) == 1
            names[count] = set(of_methods.pop())
            assert len(names[count]) == count
        assert names[1] < names[2] < names[5]
    draws = {plan.cells[f"rcl_5-labels_seed-{seed}"].config.label_names for seed in range(3)}  # type: ignore[union-attr]
    assert len(draws) > 1


def test_every_method_takes_the_same_steps_and_shares_its_pretraining() -> None:
    plan = plan_of(methods=(SCRATCH, RCL, STARTER, SUGGESTED), steps=100, pretraining_share=0.7)

    def total(name: str | None) -> int:
        return 0 if name is None else plan.cells[name].steps + total(plan.cells[name].parent)

    for (_, count, _), cell in plan.cell_of.items():
        assert total(cell) == (100 if count else total(cell))
    pretrainings = [cell for cell in plan.cells.values() if isinstance(cell.config, PretrainConfig)]
    assert [cell.name for cell in pretrainings] == [f"rcl_seed-{seed}" for seed in range(3)]
    assert {cell.steps for cell in pretrainings} == {70}
    assert plan.cell_of["scratch", 0, 0] is None
    assert plan.cell_of["starter", 0, 0] == plan.cell_of["starter", 0, 2] == "starter"
    names = list(plan.cells)
    assert all(cell.parent is None or names.index(cell.parent) < names.index(cell.name) for cell in plan.cells.values())


def test_where_nothing_is_to_be_chosen_nothing_is_suggested() -> None:
    plan = plan_of(methods=(RCL, SUGGESTED))
    assert {count for method, count, _ in plan.cell_of if method == "suggested"} == {1, 2}
    assert {cell.num_suggested for name, cell in plan.cells.items() if name.startswith("suggested")} == {1, 2}


def test_counts_beyond_the_pairs_and_methods_without_photos_are_named() -> None:
    plan = plan_of(count=4, labels=(1, 50, "all"), evaluation_share=0.5)
    assert plan.label_counts == (1, 2)
    assert plan.all_count == 2
    assert [item.name for item in plan.left_out] == ["50 labels"]
    plan = plan_of(count=2, labels=(1,), methods=(SCRATCH, RCL))
    assert [method.name for method in plan.methods] == ["scratch"]
    assert "at least 2 photos" in plan.left_out[0].reason


def test_measuring_on_all_others_leaves_out_the_labels_alone() -> None:
    plan = plan_of(evaluate_on="others", unlabelled="all", labels=(5, "all"))
    assert len(plan.photos.evaluation) == len(plan.photos.candidates) == 10
    assert plan.label_counts == (5,)
    assert [item.name for item in plan.left_out] == ["all labels"]


def test_too_few_pairs_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="at least 2 pairs"):
        plan_of(count=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": ()},
        {"labels": (-1,)},
        {"labels": ("some",)},
        {"training_params": {"steps": 3}},
        {"training_params": {"crop_px": 1}},
        {"evaluate_on": "others"},
        {"seeds": 0},
        {"steps": 1},
    ],
)
def test_settings_out_of_bounds_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LabelBudgetConfig(noisy=(Path("n"),), clean=(Path("c"),), out=Path("o"), **changes)


def test_numbers_of_labels_may_be_text() -> None:
    config = LabelBudgetConfig(noisy=(Path("n"),), clean=(Path("c"),), out=Path("o"), labels=("0", "5", "all"))  # type: ignore[arg-type]
    assert config.labels == (0, 5, "all")


def test_every_registered_pretext_is_a_method_and_unknown_ones_are_refused() -> None:
    methods, left_out = available_methods()
    assert set(PRETEXTS) <= set(methods)
    assert {"starter", "starter+rcl"} <= {*methods, *(item.name for item in left_out)}
    chosen, _ = choose_methods(("rcl", "scratch", "rcl"))
    assert [method.name for method in chosen] == ["rcl", "scratch"]
    with pytest.raises(InvalidInputError, match="'magic'"):
        choose_methods(("magic",))


def test_one_worker_on_a_gpu_and_never_more_than_trainings() -> None:
    assert default_workers("cuda", 50) == 1
    assert default_workers("cpu", 1) == 1
    assert default_workers("cpu", 50) >= 1


# Figures and verdict


def score_of(gain: float, names: list[str], labels: tuple[str, ...] = ()) -> Score:
    photos = {
        name: PairScore(name=name, psnr=30 + gain, ssim=0.9, noisy_psnr=30, noisy_ssim=0.8, used_for_training=False)
        for name in names
        if name not in labels
    }
    return Score(photos=photos, labels=labels, steps=1, seconds=1.0)


def figures_of(plan: Plan, gains: dict[tuple[str, int], list[float]]) -> BudgetFigures:
    names = [pair.noisy.name for pair in plan.photos.evaluation]
    scores = {}
    for (method, count), values in gains.items():
        for seed, gain in enumerate(values):
            cell = plan.cell_of[method, count, seed]
            assert cell is not None
            scores[cell] = score_of(gain, names)
    return compute_figures(plan, scores)


def test_figures_are_means_over_photos_and_paired_over_repetitions() -> None:
    plan = plan_of(labels=(0, 1))
    gains = {("rcl", 0): [1.0, 1.2, 1.4], ("rcl", 1): [1.5, 1.1, 1.9], ("scratch", 1): [0.5, 0.2, 0.8]}
    figures = figures_of(plan, gains)
    assert figures.noisy_psnr == pytest.approx(30)
    rows = {(row.method, row.num_labels): row for row in figures.rows}
    assert rows["rcl", 1].gain.mean == pytest.approx(1.5)
    assert rows["rcl", 1].psnr.mean == pytest.approx(31.5)
    assert rows["rcl", 1].least_above_no_label == pytest.approx(1.1 - 1.2)
    assert rows["rcl", 1].seconds == pytest.approx(2.0)
    assert rows["scratch", 0].gain.mean == 0
    found = {
        (item.method, item.num_labels, item.reference, item.reference_labels): item for item in figures.comparisons
    }
    difference = found["rcl", 1, "scratch", 1].difference
    interval = scipy.stats.t.interval(0.95, 2, loc=1.0, scale=scipy.stats.sem([1.0, 0.9, 1.1]))
    assert (difference.low, difference.high) == (pytest.approx(interval[0]), pytest.approx(interval[1]))
    assert found["rcl", 1, "rcl", 0].difference.mean == pytest.approx(0.3)


def test_repetitions_that_failed_take_no_part_in_the_mean_time() -> None:
    plan = plan_of(labels=(0, 1))
    rows = {(row.method, row.num_labels): row for row in figures_of(plan, {("rcl", 0): [1.0], ("rcl", 1): [1.0]}).rows}
    assert rows["rcl", 1].seconds == pytest.approx(2.0)
    assert rows["rcl", 0].seconds == pytest.approx(1.0)
    assert rows["scratch", 0].seconds == 0


def test_only_photos_that_neither_learned_from_are_compared() -> None:
    plan = plan_of(evaluate_on="others", unlabelled="all", labels=(1,), seeds=1)
    names = [pair.noisy.name for pair in plan.photos.evaluation]
    first = score_of(2.0, names, labels=(names[0],))
    second = score_of(1.0, names, labels=(names[1],))
    # What only one of the two was measured on must not count.
    first.photos[names[1]] = PairScore(  # type: ignore[index]
        name=names[1], psnr=90, ssim=1, noisy_psnr=30, noisy_ssim=0.8, used_for_training=False
    )
    figures = compute_figures(plan, {"rcl_1-labels_seed-0": first, "scratch_1-labels_seed-0": second})
    (difference,) = (item.difference.mean for item in figures.comparisons if item.method == "rcl")
    assert difference == pytest.approx(1.0)


GAINS = {
    "helps": ([1.5, 1.6, 1.7], [0.5, 0.6, 0.7], "RCL is better than training from scratch with 1 label (+1.00 dB"),
    "hurts": ([0.5, 0.6, 0.7], [1.5, 1.6, 1.7], "RCL is worse than training from scratch with 1 label (−1.00 dB"),
    "unclear": ([0.5, 1.6, 0.7], [0.9, 0.6, 1.2], "Whether RCL helps over training from scratch cannot be told with 1"),
}


@pytest.mark.parametrize("case", GAINS)
def test_the_verdict_says_what_was_shown(case: str) -> None:
    rcl, scratch, expected = GAINS[case]
    plan = plan_of(labels=(0, 1))
    figures = figures_of(plan, {("rcl", 0): [1.0, 1.1, 1.2], ("rcl", 1): rcl, ("scratch", 1): scratch})
    verdict = write_verdict(plan, figures, 100)
    assert expected in verdict
    others = {sentence for name, (_, _, sentence) in GAINS.items() if name != case}
    assert not any(sentence.split(" (")[0] in verdict for sentence in others)
    assert ("it did not help" in verdict) == (case == "hurts")
    assert "RCL without any label changes the noisy photos by +1.10 dB" in verdict
    assert "100 steps for each method and 3 repetitions" in verdict
    assert "\n" not in verdict


def test_the_verdict_owns_up_to_too_little_data() -> None:
    plan = plan_of(count=4, labels=(0, 1), seeds=1)
    verdict = write_verdict(plan, figures_of(plan, {("rcl", 0): [1.0], ("rcl", 1): [2.0], ("scratch", 1): [0.1]}), 100)
    assert "One repetition says nothing of chance" in verdict
    assert "fewer than 5 measured photos" in verdict
    assert "cannot be told with 1 label (+1.90 dB)" in verdict


def test_the_verdict_says_how_far_more_labels_are_worth_it() -> None:
    plan = plan_of(count=20, labels=(0, 1, 5), seeds=3)
    gains = {("rcl", 0): [1.0, 1.0, 1.1], ("rcl", 1): [1.5, 1.5, 1.6], ("rcl", 5): [1.4, 1.6, 1.6]}
    verdict = write_verdict(plan, figures_of(plan, gains), 100)
    assert "More labels are worth it for RCL up to 1 label" in verdict
    assert "beyond, no gain could be shown" in verdict
    assert "The highest mean is RCL with 1 label" in verdict


def test_the_verdict_compares_suggested_labels_with_drawn_ones() -> None:
    plan = plan_of(methods=(RCL, SUGGESTED), labels=(1, 2))
    gains = {(name, count): [1.0, 1.1, 1.2] for name in ("rcl", "suggested") for count in (1, 2)}
    gains["suggested", 1] = [1.3, 1.4, 1.5]
    verdict = write_verdict(plan, figures_of(plan, gains), 100)
    assert "Choosing labels by suggestion is better than drawing them by chance with 1 label" in verdict
    assert "Whether choosing labels by suggestion helps over drawing them by chance cannot be told with 2" in verdict


# Chart


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.floats(0.01, 0.1))
def test_names_beside_lines_never_overlap(heights: list[float], distance: float) -> None:
    ascending = sorted(heights)
    moved = spread(ascending, distance)
    assert len(moved) == len(heights)
    assert all(above - below >= distance - 1e-9 for below, above in pairwise(moved))
    assert np.mean(moved) == pytest.approx(np.mean(ascending))


def test_names_that_do_not_touch_stay_where_their_lines_end() -> None:
    assert spread([0.1, 0.5, 0.9], 0.05) == [0.1, 0.5, 0.9]


def test_the_chart_shows_every_method_and_is_the_same_each_time() -> None:
    plan = plan_of(labels=(0, 1))
    figures = figures_of(
        plan, {("rcl", 0): [1.0, 1.1, 1.2], ("rcl", 1): [2.0, 2.2, 2.1], ("scratch", 1): [0.4, 0.3, 0.2]}
    )
    chart = draw_chart(plan, figures, "Title", "Note")
    picture = cv2.imdecode(np.frombuffer(chart["png"], np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape[1] >= 1000
    for colour in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)):
        is_near = (np.abs(picture[..., ::-1].astype(int) - colour).max(axis=2) < 20).sum()
        assert is_near > 500, colour
    svg = chart["svg"].decode()
    assert all(f">{words}</text>" in svg for words in ("From scratch", "RCL", "none", "Title", "Note"))
    assert draw_chart(plan, figures, "Title", "Note") == chart


def test_the_axis_holds_all_means_and_no_interval_flattens_them() -> None:
    plan = plan_of(labels=(0, 1), seeds=2)
    narrow = figures_of(plan, {("rcl", 0): [0.5, 0.5], ("rcl", 1): [1.0, 1.01], ("scratch", 1): [0.2, 0.21]})
    low, high = vertical_reach(narrow.rows)
    assert -0.2 < low < 0
    assert max(row.gain.high for row in narrow.rows) < high < 1.3
    wide = figures_of(plan, {("rcl", 0): [-9.0, 10.0], ("rcl", 1): [1.0, 1.01], ("scratch", 1): [0.2, 0.21]})
    low, high = vertical_reach(wide.rows)
    assert -1.3 < low < 0
    assert 1.005 < high < 2.3


# A real one


def run_recorded(config: LabelBudgetConfig) -> tuple[LabelBudgetResult, list[JobEvent]]:
    events: list[JobEvent] = []
    return label_budget(config, JobControl(), events.append), events


@pytest.fixture(scope="module")
def experiment(
    photos: TinyPhotos, tmp_path_factory: pytest.TempPathFactory
) -> tuple[LabelBudgetResult, list[JobEvent]]:
    out = tmp_path_factory.mktemp("experiment") / "out"
    return run_recorded(tiny_config(photos, out, methods=("scratch", "rcl", "suggested"), labels=(0, 1, 2, "all")))


def test_a_tiny_experiment_from_end_to_end(experiment: tuple[LabelBudgetResult, list[JobEvent]]) -> None:
    result, events = experiment
    out = result.out
    assert not result.failed
    assert not result.skipped
    # Two are measured, three may be labels: 2 x (3 scratch + 1 pretrained + 3 rcl + 2 suggested).
    assert result.figures.num_evaluation == 2
    assert result.num_trainings == 18
    assert len(list((out / "runs").iterdir())) == 18
    rows = {(row.method, row.num_labels): row for row in result.figures.rows}
    assert set(rows) == {
        *((method, count) for method in ("scratch", "rcl") for count in (0, 1, 2, 3)),
        *(("suggested", count) for count in (1, 2)),
    }
    assert all(row.gain.count == 2 and row.gain.has_interval for row in rows.values())
    assert rows["rcl", 3].is_all
    assert [path.name for path in result.files] == [
        "chart.png", "chart.svg", "table.csv", "table.md", "label_budget.json"
    ]  # fmt: skip
    table = list(csv.DictReader(io.StringIO((out / "table.csv").read_text())))
    assert len(table) == len(rows)
    line = next(line for line in table if (line["method"], line["labels"]) == ("rcl", "1"))
    assert float(line["gain"]) == pytest.approx(rows["rcl", 1].gain.mean, abs=1e-3)
    assert float(line["above_scratch"]) == pytest.approx(
        rows["rcl", 1].psnr.mean - rows["scratch", 1].psnr.mean, abs=1e-3
    )
    markdown = (out / "table.md").read_text()
    assert result.verdict in markdown
    assert "| RCL − From scratch |" in markdown
    fields = json.loads((out / "label_budget.json").read_text())
    assert fields["verdict"] == result.verdict
    assert len(fields["trainings"]) == 18
    evaluated = set(fields["evaluation"])
    for training in fields["trainings"].values():
        assert set(training["psnr"]) == evaluated
        assert not evaluated & set(training["labels"])
    for seed in (0, 1):
        pretrained = read_card(out / "runs" / f"rcl_seed-{seed}")
        assert pretrained.labels == ()
        chosen = set(read_card(out / "runs" / f"suggested_2-labels_seed-{seed}").labels)
        assert len(chosen) == 2
    measured = [event for event in events if isinstance(event, TrainingMeasured)]
    assert [event.num_done for event in measured] == list(range(1, 19))
    progress = [event for event in events if isinstance(event, StepDone) and event.stage.startswith("Training")]
    steps = [event.step for event in progress]
    assert steps == sorted(steps)
    assert steps[-1] == progress[-1].num_steps == 2 * (3 * 6 + 5 + 5 * 1)


def test_what_is_done_is_not_done_again_and_more_can_be_added(
    experiment: tuple[LabelBudgetResult, list[JobEvent]], photos: TinyPhotos, tmp_path: Path
) -> None:
    first, _ = experiment
    out = tmp_path / "out"
    shutil.copytree(first.out, out)
    score = json.loads((out / "scores" / "rcl_seed-0.json").read_text())
    # Nothing may look at these again, and nothing may make them anew.
    shutil.rmtree(out / "runs")
    result, _ = run_recorded(tiny_config(photos, out, seeds=3, labels=(0, 1)))
    assert result.num_trainings == 9
    assert json.loads((out / "scores" / "rcl_seed-0.json").read_text()) == score
    assert {path.name for path in (out / "runs").iterdir()} == {
        "scratch_1-labels_seed-2", "rcl_seed-2", "rcl_1-labels_seed-2"
    }  # fmt: skip
    old = {(row.method, row.num_labels): row for row in first.figures.rows}
    for row in result.figures.rows:
        assert row.gain.count == 3
        assert old[row.method, row.num_labels].gain.count == 2


def test_another_experiments_folder_is_refused_before_any_work(
    experiment: tuple[LabelBudgetResult, list[JobEvent]], photos: TinyPhotos
) -> None:
    with pytest.raises(InvalidInputError, match="other photos or settings") as caught:
        run_recorded(tiny_config(photos, experiment[0].out, steps=9))
    assert "_seed-0: steps)" in caught.value.message
    assert "another destination" in caught.value.hint


@pytest.mark.slow
def test_side_by_side_and_paused_gives_the_same_figures_as_one_after_the_other(
    photos: TinyPhotos, tmp_path: Path
) -> None:
    changes = {"seeds": 1, "labels": (0, 1), "precision": "32-true"}
    alone, _ = run_recorded(tiny_config(photos, tmp_path / "one", **changes))
    control = JobControl()
    titles: list[str] = []

    def pause_after_first(event: JobEvent) -> None:
        if isinstance(event, TrainingMeasured):
            titles.append(event.title)
            if len(titles) == 1:
                control.pause()
                threading.Timer(0.3, control.resume).start()

    both = label_budget(tiny_config(photos, tmp_path / "two", workers=2, **changes), control, pause_after_first)
    assert sorted(titles) == [
        "From scratch, 1 label, repetition 1", "RCL, 1 label, repetition 1", "RCL, no label, repetition 1"
    ]  # fmt: skip
    assert control.paused_seconds > 0
    for first, second in zip(alone.figures.rows, both.figures.rows, strict=True):
        assert (first.method, first.num_labels) == (second.method, second.num_labels)
        assert first.gain.mean == pytest.approx(second.gain.mean, abs=1e-3)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_stopped_experiment_keeps_its_trainings_and_goes_on(photos: TinyPhotos, tmp_path: Path, workers: int) -> None:
    config = tiny_config(photos, tmp_path / "out", seeds=1, labels=(0, 1), workers=workers)
    control = JobControl()
    events: list[JobEvent] = []

    def stop_after_first(event: JobEvent) -> None:
        events.append(event)
        if isinstance(event, TrainingMeasured):
            control.cancel()

    with pytest.raises(JobCancelled):
        label_budget(config, control, stop_after_first)
    assert any("what is done is kept" in event.message for event in events if isinstance(event, JobWarning))
    kept = [path for path in (tmp_path / "out" / "scores").iterdir() if json.loads(path.read_text())["score"]]
    assert 1 <= len(kept) < 3
    times = {path: path.stat().st_mtime_ns for path in kept}
    result, _ = run_recorded(config.model_copy(update={"workers": 1}))
    assert result.num_trainings == 3
    assert {path: path.stat().st_mtime_ns for path in kept} == times


def test_a_training_that_fails_stops_neither_the_others_nor_the_result(photos: TinyPhotos, tmp_path: Path) -> None:
    config = tiny_config(photos, tmp_path / "out", seeds=2, labels=(0, 1))
    in_the_way = tmp_path / "out" / "runs" / "rcl_seed-1"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_text("a file where a run should be")
    result, events = run_recorded(config)
    assert [item.name for item in result.failed] == ["RCL, no label, repetition 2", "RCL, 1 label, repetition 2"]
    assert "could not be done" in result.failed[1].reason
    counts = {(row.method, row.num_labels): row.gain.count for row in result.figures.rows}
    assert counts["rcl", 1] == 1
    assert counts["scratch", 1] == 2
    assert sum("could not be done" in event.message for event in events if isinstance(event, JobWarning)) == 2
    assert "Failed:" in (tmp_path / "out" / "table.md").read_text()


def test_wrong_references_and_double_names_are_set_aside(photos: TinyPhotos, tmp_path: Path) -> None:
    mine = TinyPhotos(noisy=tmp_path / "noisy", clean=tmp_path / "clean")
    shutil.copytree(photos.noisy, mine.noisy)
    shutil.copytree(photos.clean, mine.clean)
    shutil.copy(photos.clean / "photo 3.png", mine.clean / "photo 1.png")
    (mine.noisy / "broken.png").write_bytes(b"no photo")
    result, events = run_recorded(
        tiny_config(mine, tmp_path / "out", seeds=1, labels=(1,), methods=("scratch",), evaluation_share=0.5)
    )
    assert {skipped.path.name for skipped in result.skipped} == {"photo 1.png", "broken.png"}
    assert {event.path.name for event in events if isinstance(event, FileSkipped)} == {"photo 1.png", "broken.png"}
    fields = json.loads((tmp_path / "out" / "label_budget.json").read_text())
    assert "photo 1.png" not in {*fields["evaluation"], *fields["trainings"]["scratch_1-labels_seed-0"]["labels"]}


def test_references_of_another_exposure_teach_and_measure_fitted(photos: TinyPhotos, tmp_path: Path) -> None:
    mine = TinyPhotos(noisy=tmp_path / "noisy", clean=tmp_path / "clean")
    shutil.copytree(photos.noisy, mine.noisy)
    shutil.copytree(photos.clean, mine.clean)
    for path in mine.clean.iterdir():
        write_image(path, PhotoImage(read_image(path).pixels * np.float32(0.6)))
    changes: dict[str, Any] = {"seeds": 1, "labels": (1,), "methods": ("scratch",), "evaluation_share": 0.5}
    result, events = run_recorded(tiny_config(mine, tmp_path / "out", **changes))
    assert not result.skipped
    told = [event.message for event in events if isinstance(event, JobWarning)]
    assert sum("fitted to the photo, to teach and to measure" in message for message in told) == 5
    usual, _ = run_recorded(tiny_config(photos, tmp_path / "usual", **changes))
    assert result.figures.noisy_psnr == pytest.approx(usual.figures.noisy_psnr, abs=0.1)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_experiment_goes_on_where_it_stood(photos: TinyPhotos, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [
        *("label-budget", photos.noisy, "--clean", photos.clean),
        *("--out", out, "--labels", "0,1", "--methods", "scratch,rcl", "--seeds", "1", "--steps", "60"),
        *("--workers", "1", "--device", "cpu", "--json", "--backbone", "unet"),
        *("--backbone-params", "width=8"),
        *("--backbone-params", "num_levels=2", "--training-params", "crop_px=16"),
        *("--training-params", "photos_per_batch=2"),
    ]
    process = start_warm("engine.cli", command)
    for line in process.stderr:
        if json.loads(line)["event"] == "TrainingMeasured":
            break
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    process.stderr.close()
    kept = {path.name: path.read_text() for path in (out / "scores").iterdir()}
    finished = {name for name, text in kept.items() if json.loads(text)["score"]}
    assert len(finished) == 1
    done = run_warm("engine.cli", command)
    assert done.returncode == 0, done.stderr
    fields = json.loads(done.stdout.splitlines()[-1])
    assert {(row["method"], row["num_labels"]) for row in fields["rows"]} == {
        ("scratch", 0), ("scratch", 1), ("rcl", 0), ("rcl", 1)
    }  # fmt: skip
    assert "One repetition" in fields["verdict"]
    assert all((out / "scores" / name).read_text() == kept[name] for name in finished)
    assert (out / "chart.png").stat().st_size > 10_000


def test_photos_are_decoded_once_while_remembered(photos: TinyPhotos) -> None:
    path = next(photos.noisy.iterdir())
    with photos_remembered(10**8):
        first = decode_photo(PhotoRef(path))
        assert decode_photo(PhotoRef(path)) is first
        assert decode_photo(PhotoRef(path), largest_bytes=3000).levels.size < first.levels.size
        os.utime(path, ns=(1, 1))
        assert decode_photo(PhotoRef(path)) is not first
    assert decode_photo(PhotoRef(path)) is not decode_photo(PhotoRef(path))
    with photos_remembered(100):
        assert decode_photo(PhotoRef(path)) is not decode_photo(PhotoRef(path))
