"""Pairs by name, what is set aside, and the draws of labels."""

import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.data.image_files import PhotoImage, write_image
from engine.data.pair_checks import check_pair, set_doubtful_aside
from engine.data.photo_folder import list_image_files
from engine.data.photo_pairs import (
    MIN_PAIRS_FOR_VALIDATION,
    PairMatching,
    PhotoPair,
    choose_pairs,
    match_pairs,
    split_pairs,
)
from engine.errors import InvalidInputError


def make_files(folder: Path, names: Sequence[str], size: tuple[int, int] = (8, 8)) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, PhotoImage(np.zeros((*size, 3), np.float32)))
    return paths


def match(root: Path, noisy: Sequence[str], clean: Sequence[str]) -> PairMatching:
    return match_pairs(make_files(root / "noisy", noisy), make_files(root / "clean", clean))


def named(matching: PairMatching) -> list[tuple[str, str]]:
    return [(pair.noisy.name, pair.clean.name) for pair in matching.pairs]


@pytest.mark.parametrize(
    ("noisy", "clean"),
    [
        ("a.png", "a.png"),
        ("Photo 1.JPG", "photo 1.tif"),
        ("a_noisy.png", "a_clean.png"),
        ("a-noisy.png", "a.png"),
        ("NOISY_SRGB_010.PNG", "GT_SRGB_010.PNG"),
        ("Canon_5_160_3200_real.jpg", "Canon_5_160_3200_mean.jpg"),
        ("a.png", "a-reference.png"),
        ("noisy7.png", "noisy7.png"),
        ("caf\u00e9.png", "cafe\u0301.png"),
    ],
)
def test_names_that_match(tmp_path: Path, noisy: str, clean: str) -> None:
    matching = match(tmp_path, [noisy, "other.png"], [clean, "unused.png"])
    assert named(matching) == [(noisy, clean)]
    assert [path.name for path in matching.unmatched_noisy] == ["other.png"]
    assert [path.name for path in matching.unmatched_clean] == ["unused.png"]
    assert matching.doubtful == ()


@pytest.mark.parametrize(
    ("size", "fits"), [((20, 30), True), ((41, 60), True), ((19, 30), False), ((20, 31), False), ((82, 120), False)]
)
def test_references_of_a_larger_scale(tmp_path: Path, size: tuple[int, int], fits: bool) -> None:
    """A reference of 41 x 60 pixels is twice as large as 20 x 30, an odd row being left over."""
    noisy = make_files(tmp_path / "low", ["babyx2.png", "head.png"], size)
    clean = make_files(tmp_path / "high", ["baby.png", "head.png"], (41, 60))
    matching = match_pairs(noisy, clean, scale=2)
    expected = [("babyx2.png", "baby.png"), ("head.png", "head.png")]
    assert named(matching) == (expected if fits else [])
    assert [doubt.pair.noisy for doubt in matching.doubtful] == ([] if fits else noisy)


def test_references_of_any_of_several_scales(tmp_path: Path) -> None:
    sizes = {"ax2.png": (20, 30), "bx3.png": (13, 20), "c.png": (41, 60), "dx4.png": (10, 14)}
    noisy = [make_files(tmp_path / "low", [name], size)[0] for name, size in sizes.items()]
    clean = make_files(tmp_path / "high", ["a.png", "b.png", "c.png", "d.png"], (41, 60))
    matching = match_pairs(noisy, clean, scale=(1, 2, 3, 4))
    assert named(matching) == [("ax2.png", "a.png"), ("bx3.png", "b.png"), ("c.png", "c.png")]
    (doubt,) = matching.doubtful
    assert doubt.pair.noisy.name == "dx4.png"
    assert "14 x 10" in doubt.reason
    assert "2 or 3 or 4 times" in doubt.hint


def test_scenes_are_told_apart(tmp_path: Path) -> None:
    matching = match(tmp_path, ["scene 1_noisy.png", "scene 2_noisy.png"], ["scene 2_gt.png", "scene 3_gt.png"])
    assert named(matching) == [("scene 2_noisy.png", "scene 2_gt.png")]


def test_names_without_a_scene_match_nothing(tmp_path: Path) -> None:
    matching = match(tmp_path, ["noisy.png"], ["clean.png"])
    assert matching.pairs == ()
    assert len(matching.unmatched_clean) == 1


def test_an_exact_name_goes_first(tmp_path: Path) -> None:
    matching = match(tmp_path, ["a.png", "a_noisy.png"], ["a.png", "a_clean.png"])
    assert named(matching) == [("a.png", "a.png"), ("a_noisy.png", "a_clean.png")]


def test_equal_names_in_different_folders_match_by_folder(tmp_path: Path) -> None:
    matching = match(tmp_path, ["x/1.png", "y/1.png"], ["x/1.png", "y/1.png", "z/1.png"])
    assert [(pair.noisy.parent.name, pair.clean.parent.name) for pair in matching.pairs] == [("x", "x"), ("y", "y")]
    assert matching.doubtful == ()
    assert [path.parent.name for path in matching.unmatched_clean] == ["z"]


def test_ambiguous_names_are_set_aside(tmp_path: Path) -> None:
    matching = match(tmp_path, ["a.png", "b.png", "b.jpg"], ["a_gt.png", "a_mean.png", "b.png"])
    assert matching.pairs == ()
    assert [doubt.pair.noisy.name for doubt in matching.doubtful] == ["a.png", "b.jpg", "b.png"]
    assert "Several references" in matching.doubtful[0].reason
    assert "Several noisy photos" in matching.doubtful[1].reason
    assert all(doubt.hint for doubt in matching.doubtful)


def test_other_sizes_unreadable_files_and_the_same_file_are_set_aside(tmp_path: Path) -> None:
    noisy = make_files(tmp_path / "noisy", ["size.png", "broken.png"])
    clean = make_files(tmp_path / "clean", ["size.png", "broken.png"], size=(8, 16))
    clean[1].write_bytes(b"")
    same = make_files(tmp_path / "same", ["same.png"])
    matching = match_pairs(noisy + same, clean + same)
    reasons = {doubt.pair.noisy.stem: doubt.reason for doubt in matching.doubtful}
    assert "8 x 8" in reasons["size"]
    assert "16 x 8" in reasons["size"]
    assert "empty" in reasons["broken"]
    assert "same file" in reasons["same"]


def test_the_shared_real_pairs_match_and_pass(shared_data: Path) -> None:
    folder = shared_data / "real_noisy_pairs" / "polyu"
    matching = match_pairs(list_image_files([folder / "noisy"]), list_image_files([folder / "clean"]))
    assert len(matching.pairs) == 60
    assert all(check_pair(pair) == [] for pair in matching.pairs[::3])
    wrong = [PhotoPair(a.noisy, b.clean) for a, b in zip(matching.pairs[::4], matching.pairs[30::2], strict=True)]
    assert all([finding.kind for finding in check_pair(pair)] == ["different"] for pair in wrong)


def draw_scene(seed: int = 0) -> NDArray[np.float32]:
    generator = np.random.default_rng(seed)
    scene = np.zeros((160, 200, 3), np.float32)
    for _ in range(40):
        centre = tuple(int(value) for value in generator.integers(0, 200, 2))
        colour = tuple(float(value) for value in generator.random(3))
        cv2.circle(scene, centre, int(generator.integers(5, 30)), colour, -1, cv2.LINE_AA)
    return scene * np.float32(0.8)


def write_pair(folder: Path, noisy: NDArray[np.float32], clean: NDArray[np.float32]) -> PhotoPair:
    generator = np.random.default_rng(1)
    pair = PhotoPair(folder / "noisy.png", folder / "clean.png")
    noise = generator.normal(0, 0.08, noisy.shape).astype(np.float32)
    write_image(pair.noisy, PhotoImage(noisy + noise))
    write_image(pair.clean, PhotoImage(np.ascontiguousarray(clean)))
    return pair


@pytest.mark.parametrize("shift", [(0, 2), (-2, 0), (3, -4), (0, 25)])
def test_a_shift_is_found_and_measured(tmp_path: Path, shift: tuple[int, int]) -> None:
    scene = draw_scene()
    findings = check_pair(write_pair(tmp_path, np.roll(scene, shift, (0, 1)), scene))
    assert [finding.kind for finding in findings] == ["misaligned"]
    measured = re.search(r"by ([\d.]+) pixels", findings[0].reason)
    assert measured is not None
    assert float(measured[1]) == pytest.approx(np.hypot(*shift), abs=0.2)


def test_a_good_pair_has_no_findings(tmp_path: Path) -> None:
    assert check_pair(write_pair(tmp_path, draw_scene(), draw_scene())) == []


def test_different_scenes_are_found(tmp_path: Path) -> None:
    findings = check_pair(write_pair(tmp_path, draw_scene(1), draw_scene(2)))
    assert [finding.kind for finding in findings] == ["different"]


@pytest.mark.parametrize(("gain", "offset"), [(0.6, 0.0), (1.0, 0.1)])
def test_another_exposure_is_found(tmp_path: Path, gain: float, offset: float) -> None:
    scene = draw_scene()
    findings = check_pair(write_pair(tmp_path, scene * np.float32(gain) + np.float32(offset), scene))
    assert [finding.kind for finding in findings] == ["exposure"]


@pytest.mark.parametrize("shape", [(1, 1, 3), (8, 8, 3), (64, 64, 3)])
def test_pictures_without_detail_raise_no_doubt(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    flat = np.full(shape, 0.5, np.float32)
    write_image(tmp_path / "a.png", PhotoImage(flat))
    write_image(tmp_path / "b.png", PhotoImage(flat))
    assert check_pair(PhotoPair(tmp_path / "a.png", tmp_path / "b.png")) == []


def test_doubtful_pairs_are_set_aside(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    good = write_pair(tmp_path, draw_scene(), draw_scene())
    bad = write_pair(tmp_path / "bad", np.roll(draw_scene(), 9, 0), draw_scene())
    matching = PairMatching(pairs=(good, bad), doubtful=(), unmatched_clean=(), unmatched_noisy=())
    checked = set_doubtful_aside(matching)
    assert checked.pairs == (good,)
    assert [doubt.pair for doubt in checked.doubtful] == [bad]
    assert "shifted" in checked.doubtful[0].reason


def make_pairs(count: int) -> list[PhotoPair]:
    return [PhotoPair(Path(f"/noisy/{number}.png"), Path(f"/clean/{number}.png")) for number in range(count)]


@given(count=st.integers(0, 40), share=st.floats(0, 0.5), seed=st.integers(0, 100), data=st.data())
def test_splits_are_disjoint_complete_and_independent_of_order(
    count: int, share: float, seed: int, data: st.DataObject
) -> None:
    pairs = make_pairs(count)
    training, validation = split_pairs(pairs, share, seed)
    assert set(training) | set(validation) == set(pairs)
    assert not set(training) & set(validation)
    assert training or not pairs
    if count < MIN_PAIRS_FOR_VALIDATION or share == 0:
        assert validation == ()
    else:
        assert len(validation) == max(1, round(count * share))
    assert split_pairs(data.draw(st.permutations(pairs)), share, seed) == (training, validation)


@given(seed=st.integers(0, 100), share=st.floats(0.05, 0.5))
def test_pairs_with_a_common_reference_stay_on_one_side(seed: int, share: float) -> None:
    pairs = [PhotoPair(Path(f"/n/{number}.png"), Path(f"/c/{number // 3}.png")) for number in range(30)]
    training, validation = split_pairs(pairs, share, seed)
    assert not {pair.clean for pair in training} & {pair.clean for pair in validation}
    assert len(validation) <= max(1, round(30 * share))


def test_the_split_depends_on_the_seed() -> None:
    assert len({split_pairs(make_pairs(20), 0.2, seed)[1] for seed in range(10)}) > 5


@given(count=st.integers(1, 30), fewer=st.integers(0, 30), seed=st.integers(0, 100))
def test_a_draw_of_few_is_part_of_a_draw_of_more(count: int, fewer: int, seed: int) -> None:
    pairs = make_pairs(30)
    few, more = sorted((fewer, count))
    assert set(choose_pairs(pairs, few, seed)) <= set(choose_pairs(pairs[::-1], more, seed))
    assert len(choose_pairs(pairs, few, seed)) == few


def test_more_labels_than_pairs_is_an_error() -> None:
    with pytest.raises(InvalidInputError, match="only 3 usable pairs"):
        choose_pairs(make_pairs(3), 4, 0)
    with pytest.raises(ValueError, match="validation_share"):
        split_pairs(make_pairs(3), 0.6, 0)


def test_given_pairs_go_before_names_and_may_share_a_reference(tmp_path: Path) -> None:
    noisy = make_files(tmp_path / "noisy", ["a.png", "b.png", "c.png"])
    clean = make_files(tmp_path / "clean", ["a.png", "b.png", "other.png"])
    given = [PhotoPair(noisy[0], clean[2]), PhotoPair(noisy[1], clean[2])]
    matching = match_pairs(noisy, clean, given=given)
    assert named(matching) == [("a.png", "other.png"), ("b.png", "other.png")]
    assert [path.name for path in matching.unmatched_clean] == ["a.png", "b.png"]
    assert [path.name for path in matching.unmatched_noisy] == ["c.png"]
    wrong_size = make_files(tmp_path / "wrong", ["wrong.png"], (9, 9))
    (doubt,) = match_pairs(noisy, wrong_size, given=[PhotoPair(noisy[0], wrong_size[0])]).doubtful
    assert "sizes differ" in doubt.reason


@given(seed=st.integers(0, 100), share=st.floats(0.05, 0.5))
def test_pairs_of_one_scene_stay_on_one_side(seed: int, share: float) -> None:
    pairs = make_pairs(30)
    scenes = {pair.clean: number // 3 for number, pair in enumerate(pairs)}
    training, validation = split_pairs(pairs, share, seed, scenes)
    assert not {scenes[pair.clean] for pair in training} & {scenes[pair.clean] for pair in validation}
    assert set(training) | set(validation) == set(pairs)
