"""What was restored is found again by what it says of itself, wherever it and its photo lie by now."""

import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from engine.comparing.earlier_results import FindResultsConfig, FoundResult, FoundResults, SoughtPhoto, find_results
from engine.contracts.configs import RestoreConfig
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.photo import PhotoRef
from engine.machine import interruptible
from engine.machine.interruptible import answering_folders
from engine.machine.places import Place
from engine.restoring.job import restore
from tests.starter_makers import make_starter


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_starter(tmp_path, "night", "denoise").path


def write_photo(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), np.uint8)
    assert cv2.imwrite(str(path), values)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for seed, name in enumerate(("a.png", "b.png", "sub/c.png")):
        write_photo(tmp_path / "in" / name, seed)
    return tmp_path / "in"


@pytest.fixture
def out(model: Path, photos: Path, tmp_path: Path) -> Path:
    run(model, photos, tmp_path / "out")
    return tmp_path / "out"


def run(model: Path, photos: Path, out: Path) -> None:
    config = RestoreConfig(model=model, photos=(photos,), out=out, device="cpu", precision="32-true")
    restore(config, JobControl(), lambda event: None)


def look(photos: Path, *folders: Path, others: tuple[Path, ...] = (), **fields: object) -> FoundResults:
    sought = tuple(
        SoughtPhoto(photo=PhotoRef(path), num_bytes=path.stat().st_size)
        for path in sorted(photos.rglob("*"))
        if path.is_file()
    )
    config = FindResultsConfig.model_validate(
        {"photos": sought, "folders": (*folders, photos), "other_folders": others, **fields}
    )
    return find_results(config, JobControl(), lambda event: None)


def by_name(found: FoundResults) -> dict[str, FoundResult]:
    return {result.photo.name: result for result in found.results}


def test_each_photo_has_its_result(photos: Path, out: Path, model: Path) -> None:
    found = by_name(look(photos, out, model=model))
    assert {name: result.output.relative_to(out).as_posix() for name, result in found.items()} == {
        "a.png": "a_restored.png",
        "b.png": "b_restored.png",
        "c.png": "sub/c_restored.png",
    }
    assert all(result.is_of_photo and result.is_intact and result.is_of_model for result in found.values())
    assert found["a.png"].provenance.model == "night"


def move_result(photos: Path, out: Path) -> None:
    (out / "a_restored.png").rename(out / "the best one.png")


def move_result_beside_the_photo(photos: Path, out: Path) -> None:
    (out / "a_restored.png").rename(photos / "sub" / "x.png")


def rename_photo(photos: Path, out: Path) -> None:
    (photos / "a.png").rename(photos / "sub" / "Sunset.png")


def swap_results(photos: Path, out: Path) -> None:
    (out / "a_restored.png").rename(out / "x.png")
    (out / "b_restored.png").rename(out / "a_restored.png")
    (out / "x.png").rename(out / "b_restored.png")


@pytest.mark.parametrize("change", [move_result, move_result_beside_the_photo, rename_photo, swap_results])
@pytest.mark.parametrize("was_seen_before", [True, False])
def test_names_and_places_do_not_matter(
    photos: Path, out: Path, change: Callable[[Path, Path], None], was_seen_before: bool
) -> None:
    def pictures(found: FoundResults) -> set[tuple[bytes, bytes]]:
        return {
            (result.photo.file.read_bytes(), result.output.read_bytes()) for result in found.results if result.photo
        }

    before = pictures(look(photos, out))
    if not was_seen_before:
        Place.SEEN_RESULTS.path().unlink()
    change(photos, out)
    found = look(photos, out)
    assert pictures(found) == before
    assert len(before) == 3
    assert all(result.is_of_photo for result in found.results)


def test_results_that_were_moved_to_another_known_folder(photos: Path, out: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    shutil.move(out, kept)
    assert look(photos, out).results == ()
    assert set(by_name(look(photos, out, others=(kept,)))) == {"a.png", "b.png", "c.png"}


def test_an_edited_photo_an_edited_result_and_another_model_are_told(
    photos: Path, out: Path, model: Path, tmp_path: Path
) -> None:
    write_photo(photos / "a.png", 99)
    with (out / "b_restored.png").open("ab") as file:
        file.write(b"\0")
    found = by_name(look(photos, out, model=model))
    assert {name: (result.is_of_photo, result.is_intact) for name, result in found.items()} == {
        "a.png": (False, True),
        "b.png": (True, False),
        "c.png": (True, True),
    }
    (tmp_path / "other").mkdir()
    other = make_starter(tmp_path / "other", "day", "denoise").path
    assert not any(result.is_of_model for result in look(photos, out, model=other).results)


def test_a_photo_of_the_same_name_elsewhere_is_not_the_photo(
    model: Path, photos: Path, out: Path, tmp_path: Path
) -> None:
    """Cameras count from one again."""
    write_photo(tmp_path / "holiday" / "a.png", 7)
    assert look(tmp_path / "holiday", tmp_path / "holiday restored", others=(out,)).results == ()


def test_of_two_photos_of_a_name_the_one_in_the_result_s_subfolder_was_edited(
    model: Path, photos: Path, tmp_path: Path
) -> None:
    for seed, day in ((10, "monday"), (11, "tuesday")):
        write_photo(photos / day / "a.png", seed)
    run(model, photos, tmp_path / "out")
    write_photo(photos / "tuesday" / "a.png", 12)
    edited = [result.photo.file for result in look(photos, tmp_path / "out").results if not result.is_of_photo]
    assert edited == [photos / "tuesday" / "a.png"]


def test_what_was_deleted_is_gone(photos: Path, out: Path) -> None:
    result = out / "a_restored.png"
    assert look(photos, out, known=(result,)).gone == ()
    result.unlink()
    found = look(photos, out, known=(result,))
    assert found.gone == (result,)
    assert set(by_name(found)) == {"b.png", "c.png"}


def test_pages_and_their_stack(model: Path, tmp_path: Path) -> None:
    stack = tmp_path / "in" / "cells.tif"
    stack.parent.mkdir()
    pages = np.random.default_rng(0).integers(0, 256, (3, 24, 32), np.uint8)
    tifffile.imwrite(stack, pages, photometric="minisblack")
    for format_name in ("keep", "png"):
        config = RestoreConfig.model_validate(
            {"model": model, "photos": (stack,), "out": tmp_path / "out", "format": format_name, "device": "cpu"}
        )
        restore(config, JobControl(), lambda event: None)
    sought = (SoughtPhoto(photo=PhotoRef(stack), num_bytes=stack.stat().st_size, pages=(1, 2, 3)),)
    config_of_look = FindResultsConfig(photos=sought, folders=(tmp_path / "out",))
    found = find_results(config_of_look, JobControl(), lambda event: None)
    whole, *single = sorted(found.results, key=lambda result: result.photo.page)
    assert (whole.photo, whole.output.suffix) == (PhotoRef(stack), ".tif")
    assert [result.photo.page for result in single] == [1, 2, 3]
    for result in single:
        assert f"page {result.photo.page}" in result.output.name


def test_without_results_no_photo_is_read(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    sought = (SoughtPhoto(photo=PhotoRef(tmp_path / "not there.png"), num_bytes=1),)
    config = FindResultsConfig(photos=sought, folders=(tmp_path / "out", tmp_path / "nowhere"))
    assert find_results(config, JobControl(), lambda event: None).results == ()


def test_a_look_can_be_given_up(photos: Path, out: Path) -> None:
    control = JobControl()
    control.cancel()
    with pytest.raises(JobCancelled):
        find_results(FindResultsConfig(photos=(), folders=(out,)), control, lambda event: None)


class HeldUp(type(Path())):  # type: ignore[misc] # the kind of path of this system
    """A folder on a network drive whose other end is gone, until it is back."""

    is_back = threading.Event()
    num_questions = 0

    def is_dir(self, **_: bool) -> bool:
        HeldUp.num_questions += 1
        return HeldUp.is_back.wait(60)


def test_a_folder_that_does_not_answer_keeps_nobody_waiting(tmp_path: Path) -> None:
    gone, there = HeldUp(tmp_path / "gone"), tmp_path / "there"
    there.mkdir()
    for _ in range(2):
        assert answering_folders([gone, there], JobControl(), patience_s=0.2) == [there]
    assert HeldUp.num_questions == 1, "nobody asks again while the first question is open"
    HeldUp.is_back.set()
    assert answering_folders([gone, there], JobControl(), patience_s=30) == [gone, there]


def test_folders_are_asked_for_by_several_at_once_and_twice_by_one(tmp_path: Path) -> None:
    folders = [tmp_path / f"{index}" for index in range(20)]
    for folder in folders[::2]:
        folder.mkdir()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(answering_folders, folders * 2, JobControl(), patience_s=30) for _ in range(24)]
        assert all(question.result() == folders[::2] for question in asked)


def test_an_answer_that_came_late_is_no_answer_now(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    control = JobControl()
    control.cancel()
    with pytest.raises(JobCancelled):
        answering_folders([folder], control, patience_s=30)
    question = interruptible._unanswered.get(folder)
    while question is not None and not question.is_done:
        time.sleep(0.01)
    folder.mkdir()
    assert answering_folders([folder], JobControl(), patience_s=30) == [folder]
