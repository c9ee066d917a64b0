"""Promise 1: a drive that is gone, and a name at the limit of the file system, end in a sentence or are passed over."""

from pathlib import Path

import numpy as np
import pytest

from engine.cli.doctor import examine
from engine.contracts.configs import PretrainConfig, RestoreConfig
from engine.contracts.errors import ImageReadError, ImageWriteError, RunStoreError
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.contracts.results import report_path
from engine.labelling.burst import BurstConfig, make_burst_references
from engine.machine.places import DATA_FOLDER_VARIABLE
from engine.photo_files.photos import PhotoImage, write_image
from engine.photos.crops import decode_photo
from engine.photos.folder import is_no_photo, list_image_files
from engine.restoring.output_plan import find_done_photos
from engine.runs.store import RunStore
from engine.runs.trash import list_deleted
from tests.conftest import TinyPhotos

LONGEST_NAME = 255


@pytest.fixture
def gone(tmp_path: Path) -> Path:
    """A folder that cannot even be asked for, which is refused as one on a dropped drive is."""
    folder = tmp_path / ("x" * (LONGEST_NAME + 1))
    with pytest.raises(OSError, match="File name too long"):
        folder.exists()
    return folder


def test_a_store_of_runs_that_is_gone_holds_none(gone: Path) -> None:
    store = RunStore(gone)
    assert store.list() == []
    assert list_deleted(store) == ()
    with pytest.raises(RunStoreError, match="File name too long"):
        store.create("pretrain", "Holiday", PretrainConfig(photos=(Path("photos"),)), steps_total=1)
    with pytest.raises(RunStoreError, match="No deleted run"):
        store.restore_deleted("holiday")


def test_nothing_is_done_in_a_destination_that_is_gone(gone: Path, tiny_photos: TinyPhotos) -> None:
    config = RestoreConfig(model=gone / "model.safetensors", photos=(tiny_photos.noisy,), out=gone)
    assert find_done_photos(config, JobControl()) == ()
    assert report_path(gone).parent == gone


def test_a_photo_that_is_gone_cannot_be_read(gone: Path) -> None:
    with pytest.raises(ImageReadError):
        decode_photo(PhotoRef(gone / "photo.png"))
    assert not is_no_photo(PhotoRef(gone / "notes.txt"))
    assert not PhotoRef(gone / "photo.png").is_on_disk()


def test_the_doctor_says_that_the_place_of_runs_is_gone(gone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_FOLDER_VARIABLE, str(gone))
    report = examine()
    assert report.facts["runs_folder_writable"] is False
    assert any("Runs cannot be stored" in problem.message for problem in report.problems)


def test_a_folder_with_the_longest_names_is_opened(tmp_path: Path) -> None:
    (tmp_path / f"{'x' * (LONGEST_NAME - 4)}.bin").touch()
    write_image(tmp_path / "photo.png", PhotoImage(np.zeros((5, 7, 3), np.float32)))
    assert PhotoRef(tmp_path / "photo.png") in list_image_files([tmp_path])


def test_a_reference_whose_name_would_be_too_long_is_told(tmp_path: Path) -> None:
    scene = np.random.default_rng(0).random((96, 96, 3)) * 0.5 + 0.2
    names = [f"{'x' * (LONGEST_NAME - 5)}{number}.png" for number in range(4)]
    (tmp_path / "shots").mkdir()
    for number, name in enumerate(names):
        noise = np.random.default_rng(number).normal(0, 0.02, scene.shape)
        write_image(tmp_path / "shots" / name, PhotoImage((scene + noise).clip(0, 1).astype(np.float32)))
    config = BurstConfig(shots=(tmp_path / "shots",), out=tmp_path / "references")
    with pytest.raises(ImageWriteError, match="File name too long"):
        make_burst_references(config, JobControl(), lambda event: None)
