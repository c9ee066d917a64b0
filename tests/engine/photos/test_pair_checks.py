"""What a look at the pixels of a pair finds: shifts, exposures, other scenes."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import PhotoImage, write_image
from engine.photos.folder import list_image_files
from engine.photos.pair_checks import check_pair, set_doubtful_aside
from engine.photos.pairs import PairMatching, PhotoPair, match_pairs


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
    pair = PhotoPair(PhotoRef(folder / "noisy.png"), PhotoRef(folder / "clean.png"))
    noise = generator.normal(0, 0.08, noisy.shape).astype(np.float32)
    write_image(pair.noisy.file, PhotoImage(noisy + noise))
    write_image(pair.clean.file, PhotoImage(np.ascontiguousarray(clean)))
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
    assert check_pair(PhotoPair(PhotoRef(tmp_path / "a.png"), PhotoRef(tmp_path / "b.png"))) == []


def test_doubtful_pairs_are_set_aside(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    good = write_pair(tmp_path, draw_scene(), draw_scene())
    bad = write_pair(tmp_path / "bad", np.roll(draw_scene(), 9, 0), draw_scene())
    matching = PairMatching(pairs=(good, bad), doubtful=(), unmatched_clean=(), unmatched_noisy=())
    checked = set_doubtful_aside(matching)
    assert checked.pairs == (good,)
    assert [doubt.pair for doubt in checked.doubtful] == [bad]
    assert "shifted" in checked.doubtful[0].reason
