"""What a look at the pixels of a pair finds: shifts and other scenes."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engine.photo_files.photos import read_image
from engine.photos.folder import list_image_files
from engine.photos.pair_checks import PairFinding, compare_brightness_fields
from engine.photos.pairs import PhotoPair, match_pairs


def test_the_shared_real_pairs_match_and_pass(shared_data: Path) -> None:
    folder = shared_data / "real_noisy_pairs" / "polyu"
    matching = match_pairs(list_image_files([folder / "noisy"]), list_image_files([folder / "clean"]))
    assert len(matching.pairs) == 60
    assert all(look_at_files(pair) == [] for pair in matching.pairs[::3])
    wrong = [PhotoPair(a.noisy, b.clean) for a, b in zip(matching.pairs[::4], matching.pairs[30::2], strict=True)]
    assert all([finding.kind for finding in look_at_files(pair)] == ["different"] for pair in wrong)


def look_at_files(pair: PhotoPair) -> list[PairFinding]:
    return compare_brightness_fields(*(read_image(path).pixels.mean(axis=2) for path in (pair.noisy, pair.clean)))


def draw_scene(seed: int = 0) -> NDArray[np.float32]:
    generator = np.random.default_rng(seed)
    scene = np.zeros((160, 200, 3), np.float32)
    for _ in range(40):
        centre = tuple(int(value) for value in generator.integers(0, 200, 2))
        colour = tuple(float(value) for value in generator.random(3))
        cv2.circle(scene, centre, int(generator.integers(5, 30)), colour, -1, cv2.LINE_AA)
    return scene * np.float32(0.8)


def look_at(noisy: NDArray[np.float32], clean: NDArray[np.float32]) -> list[PairFinding]:
    noise = np.random.default_rng(1).normal(0, 0.08, noisy.shape).astype(np.float32)
    return compare_brightness_fields((noisy + noise).mean(axis=2), clean.mean(axis=2))


@pytest.mark.parametrize("shift", [(0, 2), (-2, 0), (3, -4), (0, 25)])
def test_a_shift_is_found_and_measured(shift: tuple[int, int]) -> None:
    scene = draw_scene()
    findings = look_at(np.roll(scene, shift, (0, 1)), scene)
    assert [finding.kind for finding in findings] == ["misaligned"]
    measured = re.search(r"by ([\d.]+) pixels", findings[0].reason)
    assert measured is not None
    assert float(measured[1]) == pytest.approx(np.hypot(*shift), abs=0.2)


def test_a_good_pair_has_no_findings() -> None:
    assert look_at(draw_scene(), draw_scene()) == []


def test_different_scenes_are_found() -> None:
    assert [finding.kind for finding in look_at(draw_scene(1), draw_scene(2))] == ["different"]


@pytest.mark.parametrize(("gain", "offset"), [(0.6, 0.0), (1.0, 0.1)])
def test_another_exposure_is_no_finding(gain: float, offset: float) -> None:
    scene = draw_scene()
    assert look_at(scene * np.float32(gain) + np.float32(offset), scene) == []


@pytest.mark.parametrize("shape", [(1, 1, 3), (8, 8, 3), (64, 64, 3)])
def test_pictures_without_detail_raise_no_doubt(shape: tuple[int, int, int]) -> None:
    flat = np.full(shape, 0.5, np.float32)
    assert compare_brightness_fields(flat.mean(axis=2), flat.mean(axis=2)) == []
