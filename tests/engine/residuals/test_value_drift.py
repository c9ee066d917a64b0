"""How far a restoration moved the picture's values: told where it did, and never of noise alone."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from scipy.stats import linregress
from skimage import data

from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.residuals.drift import ValueDrift, measure_drift
from engine.residuals.inspection import ResidualConfig, examine_residual, judge_residual
from engine.residuals.leak import measure_leak
from engine.residuals.left_noise import without_noise_left

Picture = NDArray[np.float32]

PICTURES = ("astronaut", "coffee", "camera", "coins")
NOISES = ("white", "correlated", "counts", "blotches")


def picture(name: str) -> Picture:
    found = getattr(data, name)()
    colours = np.repeat(found[..., None], 3, axis=2) if found.ndim == 2 else found[..., :3]
    small = cv2.resize(colours, (384, 384), interpolation=cv2.INTER_AREA)
    return np.asarray(0.1 + 0.8 * small.astype(np.float32) / 255, np.float32)


def noise(kind: str, clean: Picture, seed: int = 0) -> Picture:
    white = np.random.default_rng(seed).standard_normal(clean.shape).astype(np.float32)
    if kind == "correlated":
        soft = cv2.GaussianBlur(white, (0, 0), 1.2)
        return np.asarray(0.06 * soft / soft.std(), np.float32)
    if kind == "counts":
        return np.asarray(0.07 * white * np.sqrt(clean), np.float32)
    if kind == "blotches":
        broad = cv2.GaussianBlur(np.random.default_rng(seed + 1).standard_normal(clean.shape), (0, 0), 5.0)
        return np.asarray(0.03 * broad / broad.std() + 0.02 * white, np.float32)
    return 0.06 * white


@pytest.mark.parametrize("kind", NOISES)
@pytest.mark.parametrize("name", PICTURES)
def test_noise_alone_moves_nothing(name: str, kind: str) -> None:
    clean = picture(name)
    taken = noise(kind, clean)
    for restored in (clean, clean + 0.5 * taken, clean + 0.5 * noise(kind, clean, seed=5)):
        residual = clean + taken - restored
        drift = measure_drift(residual, without_noise_left(residual, restored))
        assert drift is not None
        assert not drift.is_told


@pytest.mark.parametrize("kind", NOISES)
@pytest.mark.parametrize("name", PICTURES)
def test_what_is_moved_is_told_and_measured(name: str, kind: str) -> None:
    clean = picture(name)
    noisy = clean + noise(kind, clean)
    flatter = measure_drift(noisy - (0.5 + 0.93 * (clean - 0.5)), 0.5 + 0.93 * (clean - 0.5))
    darker = measure_drift(noisy - (clean - 0.01), clean - 0.01)
    broad = clean - 0.1 * cv2.GaussianBlur(clean - clean.mean(), (0, 0), 12.0)
    without_broad = measure_drift(noisy - broad, broad)
    assert flatter is not None
    assert darker is not None
    assert without_broad is not None
    assert flatter.is_told
    assert darker.is_told
    assert without_broad.is_told
    assert flatter.contrast == pytest.approx(0.93, abs=0.012)
    assert darker.shift == pytest.approx(-0.01, abs=0.002)
    assert darker.share < 0.025


@pytest.mark.parametrize("kind", ["white", "correlated"])
@pytest.mark.parametrize("name", ["astronaut", "coffee", "cat", "coins"])
def test_no_harm_above_three_percent_of_the_residual_passes(name: str, kind: str) -> None:
    clean = picture(name)
    taken = noise(kind, clean)
    harms = {
        "gain": clean - clean.mean(axis=(0, 1)),
        "offset": np.ones_like(clean),
        "cast": np.ones_like(clean) * np.array([1, 0, -1], np.float32),
        "low": cv2.GaussianBlur(clean - clean.mean(axis=(0, 1)), (0, 0), 12),
        "detail": clean - cv2.GaussianBlur(clean, (0, 0), 1.5),
    }
    for harm, pattern in harms.items():
        restored = clean - pattern * np.sqrt(0.032 / 0.968 * np.mean(taken**2) / np.mean(pattern**2))
        residual = np.asarray(clean + taken - restored, np.float32)
        seen = without_noise_left(residual, restored)
        leak = measure_leak(residual, seen).share
        verdict = judge_residual(leak, float(residual.std()), float(residual.mean()), measure_drift(residual, seen))
        assert verdict.state != "noise", harm


@pytest.mark.parametrize("left", [0.03, 0.1, 0.3])
def test_the_share_is_that_of_an_independent_regression(left: float) -> None:
    # Far from black and white, so that no block is left out.
    clean = 0.5 + 0.5 * (picture("coffee") - 0.5)
    taken = noise("white", clean)
    factor = np.sqrt(left / (1 - left) * taken.var() / clean.var())
    restored = clean * np.float32(1 - factor)
    residual = clean + taken - restored
    drift = measure_drift(residual, restored)
    assert drift is not None
    wanted = np.mean([linregress(restored[..., k].ravel(), residual[..., k].ravel()).rvalue ** 2 for k in range(3)])
    assert drift.share == pytest.approx(wanted, rel=0.2)


@pytest.mark.parametrize("kind", ["white", "correlated"])
@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_colours_that_move_against_each_other_are_told(name: str, kind: str) -> None:
    """Opposite shifts of red and blue leave the mean as it was, and a turned hue the contrast."""
    clean = picture(name)
    taken = noise(kind, clean)
    shifted = clean + np.array([0.012, 0, -0.012], np.float32)
    drift = measure_drift(clean + taken - shifted, shifted)
    assert drift is not None
    assert drift.shift == 0
    assert drift.channel_shifts == pytest.approx((0.012, 0, -0.012), abs=0.002)
    assert drift.most_shifted_channel in {0, 2}
    assert "than in the photo" in judge_residual(0.0, 0.06, 0.0, drift).sentence
    paler = clean + 0.15 * (clean.mean(axis=2, keepdims=True) - clean)
    turned = clean + 0.1 * (np.roll(clean - clean.mean(axis=(0, 1)), 1, axis=2) - (clean - clean.mean(axis=(0, 1))))
    for restored in (paler, turned):
        moved = measure_drift(clean + taken - restored, restored)
        assert moved is not None
        assert moved.is_told


@pytest.mark.parametrize("name", ["astronaut", "coffee", "cat"])
def test_broad_parts_that_went_with_the_noise_are_told(name: str) -> None:
    clean = picture(name)
    taken = noise("white", clean)
    broad = cv2.GaussianBlur(clean - clean.mean(axis=(0, 1)), (0, 0), 30.0)
    restored = clean - float(np.sqrt(0.04 / 0.96) * taken.std() / broad.std()) * broad
    drift = measure_drift(clean + taken - restored, restored)
    assert drift is not None
    assert drift.is_told
    assert 0.01 < max(drift.share, drift.broad_share) < 0.05


@pytest.mark.parametrize("strength", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("kind", NOISES)
@pytest.mark.parametrize("name", ["camera", "brick", "retina"])
def test_a_photo_at_part_of_the_strength_did_not_move(name: str, kind: str, strength: float) -> None:
    """What is left of the noise is the noise that was taken: no line on the picture, and no picture."""
    clean = picture(name)
    all_of_it = noise(kind, clean)
    residual = strength * all_of_it
    seen = without_noise_left(residual, clean + all_of_it - residual)
    assert np.std(seen - clean) < 0.02 * np.std(all_of_it)
    verdict = judge_residual(measure_leak(residual, seen).share, 0.05, 0.0, measure_drift(residual, seen))
    assert verdict.state == "noise", verdict.sentence


def test_nothing_is_taken_off_a_picture_without_noise() -> None:
    clean = picture("coffee")
    for residual in (noise("white", clean), np.zeros_like(clean)):
        np.testing.assert_array_equal(without_noise_left(residual, clean), clean)
    small = clean[:20, :20]
    assert without_noise_left(small, small) is small


def test_cut_off_blocks_are_left_out() -> None:
    """Noise that black cuts off makes a dark photo brighter than what was below it; that is no fault."""
    clean = np.zeros((256, 256, 1), np.float32)
    clean[:, 128:] = 0.5
    noisy = np.clip(clean + 0.05 * np.random.default_rng(0).standard_normal(clean.shape), 0, 1).astype(np.float32)
    drift = measure_drift(noisy - clean, clean)
    assert drift is not None
    assert not drift.is_told
    assert measure_drift(noisy[:64, :64] - clean[:64, :64], clean[:64, :64]) is None


@pytest.mark.parametrize(
    ("share", "contrast", "shift", "state", "phrase"),
    [
        (0.05, 0.96, 0.0, "trace", "has 96.0 % of the photo's contrast."),
        (0.3, 0.9, -0.02, "picture", "90.0 % of the photo's contrast, and is 5.1 of 255 levels darker"),
        (0.05, 1.04, 0.005, "trace", "levels brighter"),
        (0.0, 1.0, -0.02, "picture", "is 5.1 of 255 levels darker than the photo"),
    ],
)
def test_the_verdict_says_what_was_moved(share: float, contrast: float, shift: float, state: str, phrase: str) -> None:
    verdict = judge_residual(0.0, 0.05, -shift, ValueDrift(share=share, contrast=contrast, shift=shift))
    assert verdict.state == state
    assert phrase in verdict.sentence
    assert "no picture is found" not in verdict.sentence
    assert "Pretrain" in verdict.sentence


@pytest.mark.parametrize(
    ("shifts", "broad_share", "state", "phrase"),
    [
        ((0.02, 0.0, -0.004), 0.0, "picture", "Red is 5.1 of 255 levels brighter than in the photo"),
        ((0.001, -0.004, 0.001), 0.0, "trace", "Green is 1.0 of 255 levels darker than in the photo"),
        ((0.004, -0.005), 0.0, "trace", "Channel 2 is 1.3 of 255 levels darker than in the photo"),
        ((0.0, 0.0, 0.0), 0.04, "trace", "Broad parts of the picture or of its colours went with the noise: 4 %"),
        ((), 0.2, "picture", "went with the noise: 20 %"),
    ],
)
def test_the_verdict_names_colours_and_broad_parts(
    shifts: tuple[float, ...], broad_share: float, state: str, phrase: str
) -> None:
    drift = ValueDrift(share=0.0, contrast=1.0, shift=0.0, channel_shifts=shifts, broad_share=broad_share)
    verdict = judge_residual(0.0, 0.05, 0.0, drift, ("Red", "Green", "Blue") if len(shifts) == 3 else ("", ""))
    assert verdict.state == state
    assert phrase in verdict.sentence


def test_every_channel_of_a_microscope_is_examined(tmp_path: Path) -> None:
    """The third of five is brighter than it was; that is told by its number."""
    clean = np.stack([picture(name)[:160, :160, 1] for name in (*PICTURES, "cat")])
    counts = 300 + 3000 * clean
    for name, levels in (
        ("noisy", counts + 120 * np.random.default_rng(0).standard_normal(counts.shape)),
        ("restored", counts),
    ):
        levels[2] += 60 if name == "restored" else 0
        tifffile.imwrite(
            tmp_path / f"{name}.tif",
            np.moveaxis(np.rint(levels), 0, 2).astype(np.uint16),
            photometric="minisblack",
            planarconfig="contig",
        )
    config = ResidualConfig(noisy=PhotoRef(tmp_path / "noisy.tif"), restored=PhotoRef(tmp_path / "restored.tif"))
    report = examine_residual(config, JobControl(), lambda _: None)
    assert report.noisy.shape == (160, 160, 5)
    assert len(report.channels) == 5
    assert report.verdict.state == "picture"
    assert "Channel 3 is " in report.verdict.sentence
    assert "brighter than in the photo" in report.verdict.sentence
