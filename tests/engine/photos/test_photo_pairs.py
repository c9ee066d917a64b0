"""Pairs by name, what is set aside, and the draws of labels."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts.errors import InvalidInputError
from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import PhotoImage, write_image
from engine.photos.pairs import (
    MIN_PAIRS_FOR_VALIDATION,
    PairMatching,
    PhotoPair,
    choose_pairs,
    match_pairs,
    split_pairs,
)


def make_files(folder: Path, names: Sequence[str], size: tuple[int, int] = (8, 8)) -> list[PhotoRef]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, PhotoImage(np.zeros((*size, 3), np.float32)))
    return [PhotoRef(path) for path in paths]


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
    assert all("must be 2 times as large" in doubt.hint for doubt in matching.doubtful)


def test_references_of_any_of_several_scales(tmp_path: Path) -> None:
    sizes = {"ax2.png": (20, 30), "bx3.png": (13, 20), "c.png": (41, 60), "dx4.png": (10, 14)}
    noisy = [make_files(tmp_path / "low", [name], size)[0] for name, size in sizes.items()]
    clean = make_files(tmp_path / "high", ["a.png", "b.png", "c.png", "d.png"], (41, 60))
    matching = match_pairs(noisy, clean, scale=(1, 2, 3, 4))
    assert named(matching) == [("ax2.png", "a.png"), ("bx3.png", "b.png"), ("c.png", "c.png")]
    (doubt,) = matching.doubtful
    assert doubt.pair.noisy.name == "dx4.png"
    assert "14 x 10" in doubt.reason
    assert "must be 2 or 3 or 4 times" in doubt.hint


def test_without_a_scale_references_have_the_photos_size(tmp_path: Path) -> None:
    noisy = make_files(tmp_path / "low", ["head.png", "babyx1.png", "ax2.png"], (20, 30))
    clean = make_files(tmp_path / "high", ["head.png", "baby.png", "a.png"], (40, 60))
    matching = match_pairs(noisy, clean)
    assert matching.pairs == ()
    (doubt,) = matching.doubtful
    assert doubt.pair.noisy.name == "head.png"
    assert "has 30 x 20 pixels, its reference 60 x 40" in doubt.reason
    assert doubt.hint == "Crop or scale one of them so that both show the same pixels."
    # An ending "x1" is no scale: nobody enlarges by it, and names may well end so.
    assert [pair.noisy.name for pair in match_pairs(noisy, clean, scale=(1, 2)).pairs] == ["ax2.png", "head.png"]


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
    assert [(pair.noisy.file.parent.name, pair.clean.file.parent.name) for pair in matching.pairs] == [
        ("x", "x"),
        ("y", "y"),
    ]
    assert matching.doubtful == ()
    assert [path.file.parent.name for path in matching.unmatched_clean] == ["z"]


def test_a_folder_that_holds_two_references_of_a_name_decides_nothing(tmp_path: Path) -> None:
    matching = match(tmp_path, ["x/1.png", "y/1.png"], ["x/1.png", "x/1.jpg", "y/1.png"])
    assert [(pair.noisy.file.parent.name, pair.clean.file.parent.name) for pair in matching.pairs] == [("y", "y")]
    (doubt,) = matching.doubtful
    assert doubt.pair.noisy.file.parent.name == "x"
    folder = tmp_path / "clean" / "x"
    assert doubt.reason == f"Several references fit this photo by their names: {folder / '1.png'}, {folder / '1.jpg'}."


def test_what_is_left_over_stands_beside_a_reference_that_is_taken(tmp_path: Path) -> None:
    matching = match(tmp_path, ["x/1.png", "z/1.png"], ["x/1.png"])
    assert [(pair.noisy.file.parent.name, pair.clean.file.parent.name) for pair in matching.pairs] == [("x", "x")]
    (doubt,) = matching.doubtful
    assert (doubt.pair.noisy.file.parent.name, doubt.pair.clean.file.parent.name) == ("z", "x")
    photo = tmp_path / "noisy" / "x" / "1.png"
    expected = (
        f"The reference 1.png fits by its name, but belongs to another photo, whose folder is named alike: {photo}."
    )
    assert doubt.reason == expected
    matching = match(tmp_path, ["x/1.png", "y/1.png", "z/1.png"], ["x/1.png"])
    assert [doubt.reason for doubt in matching.doubtful] == [expected] * 2


def test_what_is_left_over_on_both_sides_is_of_several_references(tmp_path: Path) -> None:
    (doubt,) = match(tmp_path, ["x/1.png", "z/1.png"], ["x/1.png", "w/1.png"]).doubtful
    assert (doubt.pair.noisy.file.parent.name, doubt.pair.clean.file.parent.name) == ("z", "w")
    folder = tmp_path / "clean"
    expected = f"{folder / 'x' / '1.png'}, {folder / 'w' / '1.png'}"
    assert doubt.reason == f"Several references fit this photo by their names: {expected}."


def test_ambiguous_names_are_set_aside(tmp_path: Path) -> None:
    matching = match(tmp_path, ["a.png", "b.png", "b.jpg"], ["a_gt.png", "a_mean.png", "b.png"])
    assert matching.pairs == ()
    assert [doubt.pair.noisy.name for doubt in matching.doubtful] == ["a.png", "b.jpg", "b.png"]
    assert "Several references" in matching.doubtful[0].reason
    assert "Several noisy photos" in matching.doubtful[1].reason
    assert all(doubt.hint for doubt in matching.doubtful)


def test_a_doubt_names_all_that_fit_and_stands_beside_the_first(tmp_path: Path) -> None:
    matching = match(tmp_path, ["b.png", "b.jpg"], ["b_gt.png", "b_mean.png"])
    noisy = [tmp_path / "noisy" / name for name in ("b.png", "b.jpg")]
    assert {doubt.pair for doubt in matching.doubtful} == {
        PhotoPair(PhotoRef(path), PhotoRef(tmp_path / "clean" / "b_gt.png")) for path in noisy
    }
    expected = f"Several noisy photos fit the reference b_gt.png by their names: {noisy[0]}, {noisy[1]}."
    assert [doubt.reason for doubt in matching.doubtful] == [expected] * 2
    assert matching.unmatched_clean == ()
    one = match(tmp_path / "one", ["b.png"], ["b_gt.png", "b_mean.png"])
    (doubt,) = one.doubtful
    assert doubt.pair.clean.name == "b_gt.png"
    assert re.fullmatch(r"Several references fit this photo by their names: \S+b_gt.png, \S+b_mean.png\.", doubt.reason)


def test_other_sizes_unreadable_files_and_the_same_file_are_set_aside(tmp_path: Path) -> None:
    noisy = make_files(tmp_path / "noisy", ["size.png", "broken.png"])
    clean = make_files(tmp_path / "clean", ["size.png", "broken.png"], size=(8, 16))
    clean[1].file.write_bytes(b"")
    same = make_files(tmp_path / "same", ["same.png"])
    matching = match_pairs(noisy + same, clean + same)
    reasons = {doubt.pair.noisy.stem: doubt.reason for doubt in matching.doubtful}
    assert "8 x 8" in reasons["size"]
    assert "16 x 8" in reasons["size"]
    assert "empty" in reasons["broken"]
    assert "same file" in reasons["same"]


def make_pairs(count: int) -> list[PhotoPair]:
    return [
        PhotoPair(PhotoRef(Path(f"/noisy/{number}.png")), PhotoRef(Path(f"/clean/{number}.png")))
        for number in range(count)
    ]


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


def test_from_five_pairs_on_one_is_held_back() -> None:
    """Documented for the people who label, so the number itself is what counts here."""
    assert MIN_PAIRS_FOR_VALIDATION == 5
    assert split_pairs(make_pairs(4), 0.5, 0)[1] == ()
    assert len(split_pairs(make_pairs(5), 0.01, 0)[1]) == 1
    assert len(split_pairs(make_pairs(5), 0.5, 0)[1]) == 2


@given(seed=st.integers(0, 100), share=st.floats(0.05, 0.5))
def test_pairs_with_a_common_reference_stay_on_one_side(seed: int, share: float) -> None:
    pairs = [
        PhotoPair(PhotoRef(Path(f"/n/{number}.png")), PhotoRef(Path(f"/c/{number // 3}.png"))) for number in range(30)
    ]
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
    assert choose_pairs(make_pairs(3), 3, 0) == tuple(make_pairs(3))
    for share in (-0.01, 0.51):
        with pytest.raises(ValueError, match="validation_share"):
            split_pairs(make_pairs(3), share, 0)


def test_one_group_of_photos_always_trains() -> None:
    """Four pairs with one reference, and one pair alone: either group may be drawn, but only the small one fits."""
    pairs = [
        PhotoPair(PhotoRef(Path(f"/n/{number}.png")), PhotoRef(Path(f"/c/{number // 4}.png"))) for number in range(5)
    ]
    held_back = {split_pairs(pairs, 0.5, seed)[1] for seed in range(20)}
    assert held_back == {(), (pairs[4],)}
    alike = [PhotoPair(PhotoRef(Path(f"/n/{number}.png")), PhotoRef(Path("/c/one.png"))) for number in range(8)]
    assert all(split_pairs(alike, 0.5, seed) == (tuple(alike), ()) for seed in range(5))


def test_chains_of_shared_photos_are_one_group() -> None:
    """Pair 0 shares its reference with 1, which shares its noisy photo with 2: found in whatever order."""
    noisy, clean = ([PhotoRef(Path(f"/{side}/{number}.png")) for number in range(9)] for side in "nc")
    chain = [
        PhotoPair(noisy[0], clean[5]),
        PhotoPair(noisy[1], clean[6]),
        PhotoPair(noisy[2], clean[5]),
        PhotoPair(noisy[2], clean[6]),
        PhotoPair(noisy[3], clean[6]),
    ]
    alone = [PhotoPair(noisy[7], clean[7]), PhotoPair(noisy[8], clean[8])]
    for seed in range(20):
        training, validation = split_pairs([*alone, *chain], 0.3, seed)
        assert set(chain) <= set(training)
        assert set(validation) <= set(alone)
    scenes = {clean[7]: "sea", clean[8]: "sea"}
    assert all(len(split_pairs([*alone, *chain], 0.3, seed, scenes)[1]) in {0, 2} for seed in range(20))


def test_given_pairs_go_before_names_and_may_share_a_reference(tmp_path: Path) -> None:
    noisy = make_files(tmp_path / "noisy", ["a.png", "b.png", "c.png"])
    clean = make_files(tmp_path / "clean", ["a.png", "b.png", "other.png"])
    given = [PhotoPair(noisy[0], clean[2]), PhotoPair(noisy[1], clean[2])]
    matching = match_pairs(noisy, clean, given=given)
    assert named(matching) == [("a.png", "other.png"), ("b.png", "other.png")]
    assert [path.name for path in matching.unmatched_clean] == ["a.png", "b.png"]
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
