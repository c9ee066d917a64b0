"""Broad blotches of colour: found where photos agree on them, drawn as they were put in, left out elsewhere."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engine.contracts.learned_noise import LearnedNoise
from engine.simulation.dead_leaves import draw_dead_leaves
from engine.simulation.learned.broad_colour import find_broad_colour, without_broad_colour
from engine.simulation.learned.flat_blocks import guess_noise
from engine.simulation.learned.noise_file import load_noise, save_noise

Picture = NDArray[np.float32]
SIDE = 512
FINE, BROAD = 0.02, 0.06


def picture(seed: int, colour: float = 0.03) -> Picture:
    generator = np.random.default_rng(seed)
    gray = np.repeat(generator.uniform(0.2, 0.8, (60, 1)), 3, axis=1).astype(np.float32)
    colours = np.clip(gray + generator.normal(0, colour, gray.shape), 0.1, 0.9).astype(np.float32)
    coarse = draw_dead_leaves(SIDE // 8, colours, generator)
    return np.asarray(cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.float32)


def blotches(seed: int) -> Picture:
    """Of mean variance `BROAD` squared in what two channels differ by, gray nowhere."""
    planes = [
        cv2.GaussianBlur(plane, (0, 0), 5.0) for plane in np.random.default_rng(seed).standard_normal((3, SIDE, SIDE))
    ]
    colour = np.stack([plane / plane.std() for plane in planes], axis=2)
    return np.asarray(BROAD * (colour - colour.mean(axis=2, keepdims=True)), np.float32)


def photo(seed: int, *, with_blotches: bool = True, colour: float = 0.03) -> Picture:
    fine = FINE * np.random.default_rng((seed, 1)).standard_normal((SIDE, SIDE, 3))
    broad = blotches(seed) if with_blotches else 0
    return np.asarray(np.clip(picture(seed, colour) + fine + broad, 0, 1), np.float32)


def guess(photos: list[Picture]) -> LearnedNoise:
    return guess_noise([f"{index}.png" for index in range(len(photos))], photos, [255] * len(photos))


@pytest.fixture(scope="module")
def learned() -> LearnedNoise:
    return guess([photo(seed) for seed in range(4)])


def shrunk(noise: Picture, times: int) -> Picture:
    return np.asarray(cv2.resize(noise, None, fx=1 / times, fy=1 / times, interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize("times", [8, 16, 32])
def test_blotches_are_drawn_as_they_were_put_in(learned: LearnedNoise, times: int) -> None:
    drawn = learned.draw(np.full((SIDE, SIDE, 3), 0.5, np.float32), 0, np.random.default_rng(9))
    found, wanted = (shrunk(noise, times) for noise in (drawn, blotches(77)))
    assert (found[..., 0] - found[..., 1]).std() == pytest.approx((wanted[..., 0] - wanted[..., 1]).std(), rel=0.2)
    assert found.mean(axis=2).std() < 0.2 * found.std(), "blotches are of colour alone"
    assert "blotches" in learned.sentence


def test_the_fine_noise_is_judged_without_them(learned: LearnedNoise) -> None:
    assert np.median([noise.sigma() for noise in learned.photos]) == pytest.approx(FINE, rel=0.25)


def test_a_photos_power_is_that_of_what_is_drawn(learned: LearnedNoise) -> None:
    clean = np.full((SIDE, SIDE, 3), 0.5, np.float32)
    drawn = [learned.draw(clean, 1, np.random.default_rng(seed)) for seed in range(4)]
    assert np.mean(np.square(drawn)) == pytest.approx(learned.power(clean, 1), rel=0.1)


@pytest.mark.parametrize("colour", [0.0, 0.03, 0.1])
def test_pictures_own_colours_are_no_blotches(colour: float) -> None:
    assert find_broad_colour([photo(seed, with_blotches=False, colour=colour) for seed in range(5)]) is None


def test_two_photos_cannot_be_told_to_agree() -> None:
    assert find_broad_colour([photo(seed) for seed in range(2)]) is None


def test_small_and_gray_photos_have_none() -> None:
    gray = [np.repeat(photo(seed)[..., :1], 3, axis=2) for seed in range(3)]
    assert guess(gray).broad_colour is None
    assert find_broad_colour([photo(seed)[:64, :64] for seed in range(3)]) is None


def test_taking_them_away_leaves_brightness_and_detail() -> None:
    before = photo(3)
    after = without_broad_colour(before)
    assert np.allclose(after.mean(axis=2), before.mean(axis=2), atol=1e-5)
    fine = [pixels - cv2.GaussianBlur(pixels, (0, 0), 1.0) for pixels in (before, after)]
    assert np.corrcoef(fine[0].ravel(), fine[1].ravel())[0, 1] > 0.98


def test_they_are_kept_in_the_noises_file(learned: LearnedNoise, tmp_path: Path) -> None:
    save_noise(tmp_path / "noise.json", learned)
    read = load_noise(tmp_path / "noise.json")
    clean = np.full((64, 64, 3), 0.5, np.float32)
    first, second = (one.draw(clean, 2, np.random.default_rng(1)) for one in (learned, read))
    assert np.array_equal(first, second)
