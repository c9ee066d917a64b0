"""A stack in the window: one item, whose pages are walked through, restored into one file and taught one by one."""

import shutil

import numpy as np
import pytest
import tifffile
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.core.session import ModelChoice, RestoredPhoto
from app.core.settings import RESTORE_DESTINATION
from app.pages.compare.page import ComparePage
from app.pages.restore.list import PhotoState
from app.pages.restore.page import RestorePage
from app.pages.shared.page_slider import PageSlider
from app.viewer.pictures import Picture
from engine.comparing.blind_votes import Choice
from engine.contracts.configs import ScanConfig
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.jobs import scan
from engine.photo_files.photos import read_image
from engine.photos.crops import decode_photo
from engine.photos.folder import list_image_files
from tests.app.conftest import show_at
from tests.starter_makers import make_model

BREAK = "\N{NO-BREAK SPACE}"


@pytest.fixture
def frames():
    """Two times, three depths, two channels; dim counts, each frame brighter than the one before."""
    counts = np.random.default_rng(0).poisson(150, (2, 3, 2, 64, 80)) + 100
    return (counts + 20 * np.arange(12).reshape(2, 3, 2, 1, 1)).astype(np.uint16)


@pytest.fixture
def folder(tmp_path, frames, tiny_photos):
    folder = tmp_path / "Slides"
    folder.mkdir()
    tifffile.imwrite(folder / "stack.ome.tif", frames, ome=True, metadata={"axes": "TZCYX", "PhysicalSizeX": 0.1})
    shutil.copy(tiny_photos.noisy / "photo 0.png", folder / "photo.png")
    return folder


@pytest.fixture
def filled(session, folder):
    session.set_folders([folder])
    session.add_photos(scan(ScanConfig(folders=(folder,)), JobControl(), lambda event: None).photos)
    return session


@pytest.fixture
def model(session):
    from engine.runs.records import RunStatus

    run = session.run_store.create("pretrain", "Tiny", {})
    make_model(run.model_path, backbone_params={})
    run.update(status=RunStatus.DONE, steps_done=10)
    return ModelChoice(run.path, "Tiny")


@pytest.fixture
def stack(folder):
    return PhotoRef(folder / "stack.ome.tif")


@pytest.fixture
def slider(qtbot, filled, stack):
    slider = PageSlider(filled)
    qtbot.addWidget(slider)
    filled.set_current_photo(stack)
    slider.show()
    qtbot.waitUntil(lambda: not slider.is_busy, timeout=10_000)
    yield slider
    slider.shut_down()


def test_each_axis_has_a_slider_that_says_where_it_stands(qtbot, slider, filled, stack):
    assert slider.texts == ["T 1 of 2", "Z 1 of 3", "C 1 of 2"]
    assert [one.accessibleName() for one in slider.sliders] == slider.texts
    slider.sliders[1].setFocus()
    QTest.keyClick(slider.sliders[1], Qt.Key.Key_Right)
    QTest.keyClick(slider.sliders[2], Qt.Key.Key_Right)
    assert slider.texts == ["T 1 of 2", "Z 2 of 3", "C 2 of 2"]
    qtbot.waitUntil(lambda: not slider.is_busy)
    assert filled.current_photo == stack
    assert filled.shown_photo == PhotoRef(stack.file, 4)
    filled.set_current_photo(PhotoRef(stack.file, 12))
    assert slider.texts == ["T 2 of 2", "Z 3 of 3", "C 2 of 2"]
    filled.set_current_photo(stack)
    assert filled.shown_photo == PhotoRef(stack.file, 12), "the stack is looked at already"
    filled.set_current_photo(PhotoRef(stack.file.parent / "photo.png"))
    assert slider.isHidden()
    assert filled.shown_photo == filled.current_photo


def test_axes_stand_below_one_another_where_there_is_no_room(qtbot, slider):
    slider.resize(700, 40)
    qtbot.waitUntil(lambda: len({one.y() for one in slider.sliders}) == 1)
    slider.resize(slider.minimumSizeHint().width(), 200)
    qtbot.waitUntil(lambda: len({one.y() for one in slider.sliders}) == 3)
    assert all(one.width() >= 60 and one.geometry().right() <= slider.width() for one in slider.sliders)


def test_pages_that_nothing_is_said_of_are_counted(qtbot, filled, slider, folder, frames):
    tifffile.imwrite(folder / "plain.tif", frames[0, 0], photometric="minisblack", metadata=None)
    filled.add_photos(scan(ScanConfig(folders=(folder,)), JobControl(), lambda event: None).photos)
    filled.set_current_photo(PhotoRef(folder / "plain.tif"))
    qtbot.waitUntil(lambda: not slider.is_busy)
    assert slider.texts == ["Page 1 of 2"]
    slider.resize(700, 40)
    qtbot.waitUntil(lambda: slider.sliders[0].width() > 500)


def test_restore_shows_a_page_and_writes_the_stack(qtbot, filled, runner, settings, model, stack, folder, frames):
    page = RestorePage(filled, runner, settings)
    show_at(qtbot, page, 1100, 660)
    filled.set_model(model)
    filled.set_current_photo(stack)
    row = page.model.row_of(stack)
    assert page.model.index(row).data() == f"stack.ome.tif · 12{BREAK}pages"
    qtbot.waitUntil(lambda: page.preview.shows_restored and not page.preview.is_busy, timeout=30_000)
    filled.set_current_photo(PhotoRef(stack.file, 7))
    qtbot.waitUntil(lambda: page.preview.restoring.photo is not None and not page.preview.is_busy, timeout=30_000)
    shown = page.preview.restoring.photo.source.window(0, 0, 80, 64)
    for channel in range(2):
        assert np.array_equal(shown[:, :, channel], read_image(PhotoRef(stack.file, 7 + channel)).pixels[:, :, 0])
    settings.set_for_folder(folder, RESTORE_DESTINATION, str(folder.parent / "out"))
    page._recall_destination()
    page.restore_photo()
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=60_000)
    assert page.model.state_of(stack).state is PhotoState.DONE
    (written,) = (folder.parent / "out").iterdir()
    assert written.name == "stack_restored.ome.tif"
    with tifffile.TiffFile(written) as tiff:
        assert (tiff.series[0].axes, tiff.series[0].shape) == ("TZCYX", frames.shape)
    assert filled.restored(PhotoRef(stack.file, 7)) == (RestoredPhoto("Tiny", written, 7),)
    request = filled.inspection_of_current()
    assert (request.noisy, request.restored, request.page) == (PhotoRef(stack.file, 7), written, 7)
    page.preview.shut_down()


@pytest.fixture
def compared(qtbot, filled, runner, settings, stack, tmp_path, frames):
    """Compare with a page of a stack and its result, which is 7 brighter."""
    result = tmp_path / "result.tif"
    tifffile.imwrite(result, frames + 7, photometric="minisblack")
    filled.add_restored([(stack, RestoredPhoto("Tiny", result))])
    page = ComparePage(filled, runner, settings)
    show_at(qtbot, page, 1100, 700)
    filled.set_current_photo(PhotoRef(stack.file, 5))
    qtbot.waitUntil(lambda: not page.is_busy, timeout=20_000)
    yield page
    page.shut_down()


def test_compare_shows_the_same_page_of_both(compared, frames):
    pictures = [pane for pane in compared.viewer.panes if isinstance(pane, Picture)]
    means = [float(picture.pixels.mean()) * 65535 for picture in pictures]
    assert means == pytest.approx([frames[0, 2, 0].mean(), frames[0, 2, 0].mean() + 7], abs=0.1)
    assert compared.page_slider.texts == ["T 1 of 2", "Z 3 of 3", "C 1 of 2"]


def test_blind_votes_on_pages_are_counted_and_forgotten(qtbot, filled, compared, stack, tmp_path):
    compared.bar.blind_button.click()
    qtbot.waitUntil(lambda: compared.blind.test.trial is not None, timeout=20_000)
    compared.blind.bar.vote_buttons[Choice.FIRST].click()
    assert compared.blind.bar.count_text == "1 vote"
    (vote,) = compared.blind.test.votes()
    assert PhotoRef.of(vote.photo) == PhotoRef(stack.file, 5)
    compared.blind.results.forget_requested.emit()
    assert compared.blind.bar.count_text == "0 votes"
    filled.undo_stack.undo()
    assert compared.blind.test.votes() == (vote,)
    filled.set_folders([tmp_path])
    assert compared.blind.test.votes() == ()


def test_pages_teach_one_by_one(filled, stack, folder):
    pages = tuple(PhotoRef(stack.file, number) for number in range(1, 13))
    assert filled.teaching_photos == (PhotoRef(folder / "photo.png"), *pages)
    assert filled.num_pages == 13
    filled.set_excluded([PhotoRef(folder / "photo.png")])
    sources = filled.training_sources(is_whole_folder=True)
    assert tuple(list_image_files(sources)) == pages
    assert decode_photo(pages[3], independent_pixels=True).levels.shape[1:] == (64, 80)
    filled.set_excluded([stack])
    assert filled.is_excluded(pages[0])
    assert filled.teaching_photos == (PhotoRef(folder / "photo.png"),)


def test_what_pages_have_become_is_told_of_the_stack(filled, stack, tmp_path):
    """In a format without pages each becomes a file of its own."""
    filled.add_restored([(PhotoRef(stack.file, 2), RestoredPhoto("Tiny", tmp_path / "two.png"))])
    assert filled.restored(stack) == filled.restored(PhotoRef(stack.file, 2))
    assert filled.restored(PhotoRef(stack.file, 3)) == ()
