"""What was restored from a photo and lies beside it is no photo: neither of the folder, nor for a training."""

from pathlib import Path

import numpy as np
import pytest

from engine.contracts.configs import PretrainConfig, RestoreConfig, ScanConfig
from engine.contracts.events import FileSkipped, JobEvent
from engine.contracts.job_control import JobControl
from engine.contracts.results import ScanResult
from engine.jobs import pretrain, scan
from engine.photo_files.photos import PhotoImage, write_image
from engine.photos.folder import find_photos_in
from engine.restoring.job import restore
from engine.training.preflight.photos import look_at_photos
from tests.engine.restoring.test_restoring import identity_model

__all__ = ["identity_model"]


@pytest.fixture
def folder(identity_model: Path, tmp_path: Path) -> Path:
    """Two photos with their results beside them, one of which got another name, as a catalogue gives."""
    folder = tmp_path / "photos"
    folder.mkdir()
    photos = [folder / "Night.png", folder / "day.png"]
    for seed, photo in enumerate(photos):
        pixels = 0.5 + np.random.default_rng(seed).normal(0, 0.05, (64, 96, 3))
        write_image(photo, PhotoImage(pixels.astype(np.float32)))
    config = RestoreConfig(model=identity_model, photos=tuple(photos), out=folder, device="cpu")
    restore(config, JobControl(), lambda event: None)
    (folder / "day_restored.png").rename(folder / "day_v1.png")
    return folder


def scanned(*places: Path) -> ScanResult:
    return scan(ScanConfig(folders=places), JobControl(), lambda event: None)


def test_a_scan_skips_results_that_lie_beside_their_photos(folder: Path) -> None:
    found = scanned(folder)
    assert [photo.path.name for photo in found.photos] == ["day.png", "Night.png"]
    assert {file.path.name: file.reason for file in found.skipped} == {
        "day_v1.png": "It was restored from day.png, which lies beside it.",
        "Night_restored.png": "It was restored from Night.png, which lies beside it.",
    }
    assert found.noise is not None
    assert found.noise.num_photos == 2


def test_a_result_is_a_photo_where_it_lies_elsewhere_or_is_given_itself(folder: Path, tmp_path: Path) -> None:
    found = scanned(folder, folder / "day_v1.png")
    assert [photo.path.name for photo in found.photos] == ["day.png", "day_v1.png", "Night.png"]
    elsewhere = tmp_path / "photos restored"
    elsewhere.mkdir()
    (folder / "day_v1.png").rename(elsewhere / "day_v1.png")
    # What has taken its photo's place, under its name, is the photo now.
    (folder / "Night_restored.png").replace(folder / "Night.png")
    found = scanned(folder, elsewhere)
    assert [photo.path.name for photo in found.photos] == ["day.png", "Night.png", "day_v1.png"]
    assert found.skipped == ()


def test_a_training_learns_from_no_results_beside_its_photos(folder: Path, tmp_path: Path) -> None:
    results = ["day_v1.png", "Night_restored.png"]
    photos = look_at_photos([folder], JobControl())
    assert [photo.name for photo, _ in photos.photos] == ["day.png", "Night.png"]
    assert [file.path.name for file in photos.skipped] == results
    events: list[JobEvent] = []
    config = PretrainConfig.model_validate(
        {
            "photos": (folder,),
            "out": tmp_path / "run",
            "steps": 1,
            "crop_px": 16,
            "photos_per_batch": 2,
            "backbone": "unet",
            "backbone_params": {"size": "small"},
            "pretext_params": {"stride": 1},
            "device": "cpu",
        }
    )
    pretrain(config, JobControl(), events.append)
    assert [event.path.name for event in events if isinstance(event, FileSkipped)] == results


def test_whatever_learns_finds_the_photos_alone(folder: Path) -> None:
    usable, skipped = find_photos_in([folder])
    assert [photo.name for photo, _ in usable] == ["day.png", "Night.png"]
    assert [(file.path.name, file.is_result) for file in skipped] == [
        ("day_v1.png", True),
        ("Night_restored.png", True),
    ]
