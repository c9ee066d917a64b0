"""A photo that is lost on the way is its own failure alone: the job goes on with the rest."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.comparing.evaluating import evaluate
from engine.contracts.configs import EvaluateConfig, ScanConfig
from engine.contracts.errors import ImageReadError, ImageWriteError, InvalidInputError
from engine.contracts.events import FileSkipped, ImageRestored, JobEvent, PhotoScanned
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.jobs import scan
from engine.machine.destination import check_destination
from engine.photo_files.opened_photo import open_photo
from engine.photos.folder import find_usable_photos, list_image_files
from engine.photos.identity import file_digest
from engine.restoring.job import restore
from tests.engine.restoring.test_restoring import RestoreConfig, identity_model, make_photo, outputs, run_restore

__all__ = ["identity_model"]


def become_folder(photo: Path) -> None:
    photo.unlink()
    photo.mkdir()


def become_link_to_itself(photo: Path) -> None:
    photo.unlink()
    photo.symlink_to(photo)


def lose_folder(photo: Path) -> None:
    photo.unlink()
    photo.symlink_to(photo.parent / "gone" / photo.name)


LOSSES = [Path.unlink, become_folder, become_link_to_itself, lose_folder]


def photos_in(folder: Path, num: int = 4) -> list[Path]:
    for number in range(num):
        make_photo(folder / f"{number}.png")
    return [folder / f"{number}.png" for number in range(num)]


@pytest.mark.parametrize("lose", LOSSES)
def test_a_photo_lost_before_its_turn_fails_alone(
    lose: Callable[[Path], None], identity_model: Path, tmp_path: Path
) -> None:
    """The last one is lost while the first is restored; the second to last before the batch has listed them."""
    photos = photos_in(tmp_path / "in", 6)
    events: list[JobEvent] = []

    def on_event(event: JobEvent) -> None:
        events.append(event)
        if isinstance(event, ImageRestored) and event.source.file == photos[0]:
            lose(photos[5])

    lose(photos[4])
    config = RestoreConfig(model=identity_model, photos=tuple(photos), out=tmp_path / "out", device="cpu")
    result = restore(config, JobControl(), on_event)
    assert outputs(result) == [f"{number}_restored.png" for number in range(4)]
    assert [skipped.path.file for skipped in result.failed] == [photos[4], photos[5]]
    assert all(skipped.reason and skipped.hint for skipped in result.failed)


@pytest.mark.parametrize("lose", LOSSES)
def test_scan_and_lists_name_what_is_lost(lose: Callable[[Path], None], tmp_path: Path) -> None:
    photos = photos_in(tmp_path / "in")
    listed = list_image_files(photos)
    lose(photos[1])
    usable, skipped = find_usable_photos(listed)
    assert [photo.file for photo, _ in usable] == [photos[0], photos[2], photos[3]]
    assert [file.path.file for file in skipped] == [photos[1]]
    with pytest.raises(ImageReadError):
        file_digest(PhotoRef(photos[1]))
    events: list[JobEvent] = []
    scan(ScanConfig(folders=tuple(photos)), JobControl(), events.append)
    assert sum(isinstance(event, PhotoScanned) for event in events) == 3
    assert [event.path.file for event in events if isinstance(event, FileSkipped)] == [photos[1]]


def test_a_disk_that_fails_amid_a_photo_is_that_photo_s_failure(tmp_path: Path) -> None:
    (photo,) = photos_in(tmp_path, 1)
    with pytest.raises(ImageReadError, match="Input/output error"), open_photo(photo):
        raise OSError(5, "Input/output error")


def test_evaluation_goes_on_without_what_is_lost(tmp_path: Path) -> None:
    noisy = tuple(photos_in(tmp_path / "noisy", 3))
    shutil.copytree(tmp_path / "noisy", tmp_path / "clean")
    noisy[1].unlink()
    config = EvaluateConfig(baseline="wavelet", noisy=noisy, clean=(tmp_path / "clean",))
    result = evaluate(config, JobControl(), lambda event: None)
    assert [score.name for score in result.per_image] == ["0.png", "2.png"]
    assert [file.path.file for file in result.failed] == [noisy[1]]


def test_nothing_that_was_given_is_there(identity_model: Path, tmp_path: Path) -> None:
    """A mistyped name is told as such, and so is a folder that is gone."""
    photos = photos_in(tmp_path / "in", 1)
    for given in ((tmp_path / "a.png", tmp_path / "b.png"), (photos[0], tmp_path / "folder")):
        with pytest.raises(InvalidInputError, match="is not there"):
            run_restore(identity_model, given, tmp_path / "out")


def test_a_destination_that_cannot_be_written_is_told_before_the_start(identity_model: Path, tmp_path: Path) -> None:
    (photo,) = photos_in(tmp_path / "in", 1)
    places = [photo / "below a file"]
    if sys.platform == "linux":
        places.append(Path("/proc/residua"))
    if sys.platform != "win32" and os.geteuid():
        locked = tmp_path / "locked"
        locked.mkdir(mode=0o500)
        places += [locked, locked / "new"]
    for place in places:
        with pytest.raises(ImageWriteError) as told:
            check_destination(place)
        assert told.value.hint == "Choose another folder."
        with pytest.raises(ImageWriteError, match=str(told.value.message)[:20]):
            # Before anything else: the model is not even looked for.
            run_restore(tmp_path / "no model", photo, place)
    check_destination(tmp_path / "new" / "deeper")
    assert not (tmp_path / "new").exists()


def test_a_result_in_another_folder_is_no_source(identity_model: Path, tmp_path: Path) -> None:
    """Whatever it is called and wherever an earlier batch has put it; chosen itself, it is restored."""
    photos_in(tmp_path / "in", 2)
    first, _ = run_restore(identity_model, tmp_path / "in", tmp_path / "out")
    moved = tmp_path / "in" / "best" / "holiday.png"
    moved.parent.mkdir()
    shutil.copy(first.restored[0][1], moved)
    again, _ = run_restore(identity_model, tmp_path / "in", tmp_path / "other")
    assert outputs(again) == ["0_restored.png", "1_restored.png"]
    assert again.earlier_results == (PhotoRef(moved),)
    chosen, _ = run_restore(identity_model, moved, tmp_path / "third")
    assert outputs(chosen) == ["holiday_restored.png"]
    given = tuple(sorted((tmp_path / "in").rglob("*.png")))
    listed, _ = run_restore(identity_model, given, tmp_path / "fourth", files_are_chosen=False)
    assert listed.earlier_results == (PhotoRef(moved),)
    assert len(listed.restored) == 2
    only, _ = run_restore(identity_model, moved.parent, tmp_path / "fifth")
    assert (only.restored, only.failed, only.earlier_results) == ((), (), (PhotoRef(moved),))
