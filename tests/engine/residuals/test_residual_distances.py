"""Distances between crops' residuals against SciPy, and on photos of clearly different noises."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from engine.contracts.configs import PretrainConfig
from engine.contracts.errors import InvalidInputError
from engine.contracts.events import FileSkipped, JobEvent, StepDone
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.photo import PhotoRef
from engine.jobs import compare_noises, pretrain
from engine.method.losses.earth_mover import earth_mover_distance_matrix, sorted_residuals
from engine.residuals.distances import NoiseComparisonConfig, choose_photos, summarize_distances

SIGMAS = (0.01, 0.05, 0.15)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three smooth photos, of a faint, a middling and a strong noise."""
    folder = tmp_path_factory.mktemp("noises")
    generator = np.random.default_rng(3)
    for index, sigma in enumerate(SIGMAS):
        scene = cv2.resize(generator.uniform(0.4, 0.6, (4, 4, 3)), (160, 120), interpolation=cv2.INTER_CUBIC)
        levels = np.rint((scene + sigma * generator.standard_normal(scene.shape)).clip(0, 1) * 255)
        assert cv2.imwrite(str(folder / f"{index}.png"), levels.astype(np.uint8))
    return folder


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = PretrainConfig(
        photos=(folder,),
        out=tmp_path_factory.mktemp("runs") / "rcl",
        backbone="unet",
        backbone_params={"width": 8, "num_levels": 2},
        photos_per_batch=3,
        crop_px=16,
        steps=2,
        device="cpu",
    )
    return pretrain(config, JobControl(), lambda event: None).run


def config_of(run: Path, folder: Path, **changes: object) -> NoiseComparisonConfig:
    photos = tuple(PhotoRef(path) for path in sorted(folder.iterdir()))
    settings = {"model": run, "photos": photos, "crop_px": 24, "crops_per_photo": 2, "device": "cpu"} | changes
    return NoiseComparisonConfig(**settings)


def test_the_matrix_is_scipys_distance() -> None:
    residuals = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 2, 8, 8)) * [[[[1.0]]], [[[2.0]]], [[[3.0]]]])
    values = sorted_residuals(residuals)
    matrix = earth_mover_distance_matrix(values, values)
    for first in range(3):
        for second in range(3):
            expected = np.mean(
                [wasserstein_distance(residuals[first, c].ravel(), residuals[second, c].ravel()) for c in range(2)]
            )
            assert float(matrix[first, second]) == pytest.approx(expected, abs=1e-5)


def test_noises_of_different_strength_are_found_apart(run: Path, folder: Path) -> None:
    events: list[JobEvent] = []
    result = compare_noises(config_of(run, folder), JobControl(), events.append)
    assert [path.name for path in result.photos] == ["0.png", "1.png", "2.png"]
    assert result.distances.shape == (6, 6)
    np.testing.assert_array_equal(result.distances, result.distances.T)
    assert not result.distances.diagonal().any()
    assert result.negative > 2 * result.positive > 0
    assert "times as far apart" in result.sentence
    steps = [event for event in events if isinstance(event, StepDone) and event.stage == "Comparing noise"]
    assert steps[-1].step == steps[-1].num_steps == 3
    again = compare_noises(config_of(run, folder), JobControl(), events.append)
    np.testing.assert_array_equal(again.distances, result.distances)


def test_an_unreadable_photo_is_left_out(run: Path, folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    events: list[JobEvent] = []
    photos = tuple(PhotoRef(path) for path in (*sorted(folder.iterdir())[:2], broken))
    result = compare_noises(config_of(run, folder, photos=photos), JobControl(), events.append)
    assert result.photos == photos[:2]
    assert [event.path for event in events if isinstance(event, FileSkipped)] == [PhotoRef(broken)]
    with pytest.raises(InvalidInputError):
        compare_noises(config_of(run, folder, photos=photos[::2]), JobControl(), events.append)


def test_a_cancelled_comparison_ends(run: Path, folder: Path) -> None:
    control = JobControl()
    control.cancel()
    with pytest.raises(JobCancelled):
        compare_noises(config_of(run, folder), control, lambda event: None)


def test_the_first_photo_is_always_among_those_compared() -> None:
    photos = [PhotoRef(Path(f"{index}.png")) for index in range(100)]
    chosen = choose_photos(photos[7:] + photos[:7], 8)
    assert len(set(chosen)) == 8
    assert chosen[0] == photos[7]
    assert choose_photos([photos[1], photos[0], photos[1]], 8) == [photos[1], photos[0]]


def test_the_summary_counts_blocks_and_nearest_crops() -> None:
    photos = (PhotoRef(Path("a")), PhotoRef(Path("b")))
    distances = np.array([[0, 1, 3, 3], [1, 0, 3, 3], [3, 3, 0, 5], [3, 3, 5, 0]], dtype=float) / 255
    summary = summarize_distances(distances, photos, 2)
    assert summary.positive * 255 == pytest.approx(3)
    assert summary.negative * 255 == pytest.approx(3)
    assert (summary.accuracy, summary.chance) == (0.5, pytest.approx(1 / 3))
    assert "little to learn" in summary.sentence
    assert "unchanged" in summarize_distances(np.zeros((4, 4)), photos, 2).sentence
