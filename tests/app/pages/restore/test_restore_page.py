import shutil

import numpy as np
import pytest
import tifffile
from PySide6.QtCore import QItemSelectionModel, QPointF, QSize, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

from app.core.messages import Severity
from app.core.session import ModelChoice
from app.core.settings import RESTORE_DESTINATION
from app.look.theme import ThemeChoice
from app.pages.photos.page import PhotosPage
from app.pages.restore.list import PhotoState
from app.pages.restore.page import RestorePage, default_destination
from app.pages.shared.photo_list_model import shared_listing
from app.pages.shared.spot_restoring import SpotRestorer, spot_around
from app.pages.shared.thumbnail_list import select_alone
from app.viewer.picture_files import PictureFiles
from engine.contracts.events import PhotoScanned
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import read_image
from engine.runs.records import RunStatus
from tests.app.conftest import open_photos, show_at
from tests.raw_makers import write_dng
from tests.starter_makers import make_model


@pytest.fixture
def tiny_run(session):
    """A run whose network has fresh weights: fast, and its output differs from its input."""
    run = session.run_store.create("pretrain", "Tiny", {})
    make_model(run.model_path, backbone_params={})
    run.update(status=RunStatus.DONE, steps_done=10)
    return run


@pytest.fixture
def model(tiny_run):
    return ModelChoice(tiny_run.path, "Tiny")


@pytest.fixture
def folder(tmp_path, tiny_photos):
    folder = tmp_path / "Night shots"
    folder.mkdir()
    for index in range(4):
        shutil.copy(tiny_photos.noisy / f"photo {index}.png", folder / f"photo {index}.png")
    return folder


@pytest.fixture
def page(qtbot, session, runner, settings):
    page = RestorePage(session, runner, settings)
    show_at(qtbot, page, 1100, 660)
    yield page
    page.preview.shut_down()


def wait_for_preview(qtbot, page):
    qtbot.waitUntil(lambda: page.preview.shows_restored and not page.preview.is_busy, timeout=30_000)


def restore_and_wait(qtbot, page, runner):
    page.primary.click()
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=60_000)


def test_missing_inputs_lead_to_their_pages(qtbot, page, session, folder):
    with qtbot.waitSignal(page.page_requested) as requested:
        page._no_photos.action_button.click()
    assert requested.args == ["photos"]
    open_photos(session, folder)
    with qtbot.waitSignal(page.page_requested) as requested:
        page._no_model.action_button.click()
    assert requested.args == ["pretrain"]


def test_newest_finished_run_is_chosen(qtbot, page, session, folder, tiny_run):
    open_photos(session, folder)
    with qtbot.waitSignal(session.run_catalog.read):
        session.run_catalog.refresh()
    page.activated()
    assert session.model.path == tiny_run.path
    assert page.options.model_box.currentText() == "Tiny"


def test_spot_lies_within_the_photo():
    spot = spot_around(QPointF(0.0, 1.0), QSize(1000, 600), QSize(300, 200))
    assert (spot.left, spot.top, spot.width, spot.height) == (0, 400, 300, 200)
    spot = spot_around(QPointF(0.5, 0.5), QSize(100, 80), QSize(300, 200))
    assert (spot.left, spot.top, spot.width, spot.height) == (0, 0, 100, 80)


def test_superseded_spot_is_given_up(folder, model):
    control = JobControl()
    control.cancel()
    with pytest.raises(JobCancelled):
        SpotRestorer(PictureFiles()).restore(
            PhotoRef(folder / "photo 0.png"), QPointF(0.5, 0.5), QSize(64, 64), model, control
        )


def test_broken_model_is_told_in_the_preview(qtbot, page, session, folder, tmp_path):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no model")
    open_photos(session, folder)
    session.set_model(ModelChoice(broken, "broken"))
    canvas = page.preview.viewer.pane_views[0].canvas
    qtbot.waitUntil(lambda: "damaged" in canvas.message, timeout=30_000)


def test_all_photos_are_restored(qtbot, page, session, runner, folder, model):
    statuses, messages = [], []
    page.rail_status_changed.connect(statuses.append)
    page.message_raised.connect(messages.append)
    open_photos(session, folder)
    session.set_model(model)
    assert page.primary.text() == "Restore 4\N{NO-BREAK SPACE}photos"
    assert page.destination == folder.parent / "Night shots restored"
    assert not page.compare_button.isVisible()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    restore_and_wait(qtbot, page, runner)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [page.model.state_of(path).state for path in page.model.photos] == [PhotoState.DONE] * 4
    for source in page.model.photos:
        (restored,) = session.restored(source)
        assert restored.label == "Tiny"
        assert restored.path.parent == page.destination
        assert read_image(restored.path).pixels.shape == read_image(source).pixels.shape
    assert messages[-1].text.startswith("Restored 4\N{NO-BREAK SPACE}photos in")
    assert messages[-1].action_label == "Open folder"
    assert page.compare_button.isVisible()
    assert statuses[-1] == "4"
    with qtbot.waitSignal(page.page_requested) as requested:
        page.compare_button.click()
    assert requested.args == ["compare"]


def test_what_was_taken_away_can_be_inspected(qtbot, page, session, runner, folder, model):
    open_photos(session, folder)
    session.set_model(model)
    assert not page.inspect_button.isVisible()
    restore_and_wait(qtbot, page, runner)
    assert page.inspect_button.isVisible()
    with qtbot.waitSignal(session.inspect_requested) as asked:
        QTest.mouseClick(page.inspect_button, Qt.MouseButton.LeftButton)
    assert asked.args == [None], "the newest version of the photo that is looked at"
    request = session.inspection_of_current()
    assert request is not None
    assert (request.noisy, request.restored) == (session.current_photo, session.restored(request.noisy)[-1].path)


def test_selected_photos_alone_with_another_format(qtbot, page, session, runner, folder, model):
    open_photos(session, folder)
    session.set_model(model)
    page.list.setCurrentIndex(page.model.index(1))
    page.list.selectionModel().select(page.model.index(2), page.list.selectionModel().SelectionFlag.Select)
    assert page.primary.text() == "Restore 2 selected photos"
    page.options.output.editor("format").set_value("jpeg")
    page.options.output.editor("format").edited.emit()
    assert page.options.output.editor("jpeg_quality").isVisible()
    restore_and_wait(qtbot, page, runner)
    written = sorted(path.name for path in page.destination.iterdir())
    assert written == ["photo 1_restored.jpg", "photo 2_restored.jpg"]


def test_raw_files_become_dng_and_other_photos_keep_their_format(qtbot, page, session, runner, folder, model):
    for path in sorted(folder.iterdir())[1:]:
        path.unlink()
    write_dng(folder / "raw.dng", np.full((96, 112), 4000, np.uint16))
    open_photos(session, folder)
    session.set_model(model)
    output = page.options.output
    output.editor("format").set_value("dng")
    output.editor("format").edited.emit()
    assert not output.editor("bit_depth").isVisible()
    assert not output.editor("jpeg_quality").isVisible()
    assert output.editor("skip_done").isEnabled()
    notes = " ".join(each.text() for each in output.findChildren(QLabel) if each.isVisible())
    assert "Raw files alone become DNG" in notes
    assert "photo 0_restored.png" in notes
    output.show_example_photo(PhotoRef(folder / "raw.dng"), "camera raw")
    assert "raw_restored.dng" in " ".join(each.text() for each in output.findChildren(QLabel))
    restore_and_wait(qtbot, page, runner)
    assert sorted(path.name for path in page.destination.iterdir()) == ["photo 0_restored.png", "raw_restored.dng"]
    told = page.model.state_of(PhotoRef(folder / "photo 0.png"))
    assert "keeps its format, PNG" in told.explanation


def test_a_photo_that_fails_says_why(qtbot, page, session, runner, folder, model):
    messages = []
    page.message_raised.connect(messages.append)
    open_photos(session, folder)
    session.set_model(model)
    (folder / "photo 2.png").write_bytes(b"gone bad meanwhile")
    restore_and_wait(qtbot, page, runner)
    failed = page.model.state_of(PhotoRef(folder / "photo 2.png"))
    assert failed.state is PhotoState.FAILED
    assert failed.outcome.reason
    assert failed.text == failed.outcome.reason
    assert failed.outcome.hint in failed.explanation
    assert [page.model.state_of(path).state for path in page.model.photos].count(PhotoState.DONE) == 3
    assert "1 of 4 failed" in messages[-1].text


def test_a_stack_that_lost_a_page_is_not_complete_the_next_time_either(
    qtbot, page, session, runner, folder, model, tmp_path
):
    messages = []
    page.message_raised.connect(messages.append)
    stack = np.random.default_rng(0).random((3, 40, 48), np.float32)
    stack[1, 5, 5] = np.nan
    (tmp_path / "Stacks").mkdir()
    tifffile.imwrite(tmp_path / "Stacks" / "cells.tif", stack, photometric="minisblack")
    open_photos(session, tmp_path / "Stacks")
    session.set_model(model)
    for expected in (PhotoState.DONE, PhotoState.DONE_BEFORE):
        restore_and_wait(qtbot, page, runner)
        state = page.model.state_of(PhotoRef(tmp_path / "Stacks" / "cells.tif"))
        assert state.state is expected
        assert "Of its pages these could not be restored: 2." in state.explanation
        assert "1 stack is not complete: of cells.tif" in messages[-1].text
        assert messages[-1].severity is Severity.WARNING


def test_stopping_leaves_nothing_waiting(qtbot, page, session, runner, folder, model):
    open_photos(session, folder)
    session.set_model(model)
    page.primary.click()
    assert not page.primary.isEnabled()
    assert "being restored" in page.primary.toolTip()
    runner.cancel_all()
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=30_000)
    states = {page.model.state_of(path).state for path in page.model.photos}
    assert states <= {PhotoState.IDLE, PhotoState.DONE}
    assert page.primary.isEnabled()


def test_destination_is_remembered_for_the_folder(qtbot, page, session, settings, folder, tmp_path):
    open_photos(session, folder)
    page.options.output.destination_chosen.emit(tmp_path / "elsewhere")
    assert page.destination == tmp_path / "elsewhere"
    assert settings.get_for_folder(folder, RESTORE_DESTINATION) == str(tmp_path / "elsewhere")
    session.set_folders([])
    assert page.destination is None
    open_photos(session, folder)
    assert page.options.output.destination_text == str(tmp_path / "elsewhere")


def test_the_destination_in_the_settings_counts_at_once(page, session, settings, folder, tmp_path):
    open_photos(session, folder)
    settings.set(RESTORE_DESTINATION, str(tmp_path / "all results"))
    assert page.destination == tmp_path / "all results"
    assert page.options.output.destination_text == str(tmp_path / "all results")
    settings.set(RESTORE_DESTINATION, "")
    assert page.destination == default_destination(folder)
    page.options.output.destination_chosen.emit(tmp_path / "of this folder")
    settings.set(RESTORE_DESTINATION, str(tmp_path / "all results"))
    assert page.destination == tmp_path / "of this folder"


def test_default_destination(folder):
    assert default_destination(folder) == folder.parent / "Night shots restored"
    assert default_destination(folder / "photo 0.png") == folder.parent / "Night shots restored"
    assert default_destination(PhotoRef(folder / "stack.tif", 2)) == folder.parent / "Night shots restored"


def test_left_out_photos_are_not_restored(qtbot, page, session, runner, folder, model, settings):
    photos = PhotosPage(session, runner, settings)
    qtbot.addWidget(photos)
    open_photos(session, folder)
    session.set_model(model)
    session.set_excluded([PhotoRef(folder / "photo 0.png")])
    assert page.primary.text() == "Restore 3\N{NO-BREAK SPACE}photos"
    assert page.model.row_of(PhotoRef(folder / "photo 0.png")) is None
    photos.grid.shut_down()


def test_walking_on_another_page_never_adds_to_the_selection(qtbot, page, session, folder, model):
    open_photos(session, folder)
    first, second = page.model.photos[:2]
    session.set_current_photo(first)
    # As after Ctrl+2: the key is still held when the page comes up.
    QTest.keyPress(page.window().windowHandle(), Qt.Key.Key_Control, Qt.KeyboardModifier.ControlModifier)
    session.set_current_photo(second)
    QTest.keyRelease(page.window().windowHandle(), Qt.Key.Key_Control)
    assert page.list.selected_photos() == [second]


@pytest.mark.parametrize("text_scale", [1.0, 1.5, 2.0])
def test_options_are_not_clipped_at_large_text(qtbot, theme, page, session, folder, model, text_scale):
    open_photos(session, folder)
    session.set_model(model)
    page.resize(1200, 660)
    theme.apply(ThemeChoice.DARK, text_scale)
    viewport = page.options.parentWidget()
    assert viewport is not None
    qtbot.waitUntil(lambda: page.options.minimumSizeHint().width() <= page.options.width() <= viewport.width())


def test_one_photo_alone_is_restored_by_one_press(qtbot, page, session, runner, folder, model):
    open_photos(session, folder)
    session.set_model(model)
    page.list.setCurrentIndex(page.model.index(2))
    assert page.photo_button.text() == "Restore this photo"
    page.photo_button.setFocus()
    QTest.keyClick(page.photo_button, Qt.Key.Key_Return)
    assert not page.photo_button.isEnabled()
    assert page.focusWidget() is page.list, "not somewhere else in the window"
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=60_000)
    assert session.restored_sources == (PhotoRef(folder / "photo 2.png"),)
    assert page.folder_button.isVisible()
    QTest.keyClick(
        page.list, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    qtbot.waitUntil(lambda: page.batch.is_running or len(session.restored_sources) == 4, timeout=60_000)
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=60_000)
    assert len(session.restored_sources) == 4


def test_a_photo_that_is_alone_has_one_button(qtbot, page, session, folder, model):
    open_photos(session, folder)
    session.set_model(model)
    session.set_excluded([PhotoRef(path) for path in sorted(folder.iterdir())[1:]])
    assert not page.photo_button.isVisible()
    assert page.primary.text() == "Restore 1\N{NO-BREAK SPACE}photo"


def test_the_list_follows_filter_and_order_of_the_photos_page(qtbot, page, session, runner, settings, folder, model):
    photos = PhotosPage(session, runner, settings)
    qtbot.addWidget(photos)
    session.set_folders([folder])
    session.add_photos(
        [
            PhotoScanned(path=PhotoRef(path), width=112, height=96, noise_sigma=0.1 * (1 + index % 3))
            for index, path in enumerate(sorted(folder.iterdir()))
        ]
    )
    session.set_model(model)
    photos.tools.sort_box.setCurrentIndex(photos.tools.sort_box.findData("noisiest"))
    assert page.model.photos == [photo.path for photo in photos.model.shown]
    assert page.model.photos[0].name == "photo 2.png"
    photos.tools.filter_box.setText("photo 3")
    assert [path.name for path in page.model.photos] == ["photo 3.png"]
    assert page.primary.text() == "Restore 1\N{NO-BREAK SPACE}photo"
    photos.tools.filter_box.setText("no such photo")
    assert page._none_shown.isVisible()
    with qtbot.waitSignal(page.page_requested) as requested:
        page._none_shown.action_button.click()
    assert requested.args == ["photos"]
    photos.tools.clear_filter()
    assert len(page.model.photos) == 4
    photos.grid.shut_down()


def test_what_is_selected_on_the_photos_page_is_restored(qtbot, page, session, runner, settings, folder, model):
    photos = PhotosPage(session, runner, settings)
    qtbot.addWidget(photos)
    open_photos(session, folder)
    session.set_model(model)
    assert photos.strip.primary.text() == "Restore 4\N{NO-BREAK SPACE}photos"
    selection = photos.grid.selectionModel()
    for row in (1, 3):
        selection.select(photos.model.index(row), selection.SelectionFlag.Select)
    assert photos.strip.primary.text() == "Restore 2 selected photos"
    page.activated()
    assert [path.name for path in page.list.selected_photos()] == ["photo 1.png", "photo 3.png"]
    with qtbot.waitSignal(photos.page_requested) as requested:
        photos.strip.primary.click()
    assert requested.args == ["restore"]
    assert page.batch.is_running
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=60_000)
    assert {source.name for source in session.restored_sources} == {"photo 1.png", "photo 3.png"}
    photos.grid.shut_down()


def test_photos_that_come_later_are_counted_at_once(qtbot, page, session, folder, model):
    """The button says how many it restores, whenever they came."""
    open_photos(session, folder)
    session.set_model(model)
    assert page.primary.text() == "Restore 4\N{NO-BREAK SPACE}photos"
    later = [shutil.copy(folder / "photo 0.png", folder / f"photo {index}.png") for index in (7, 8)]
    session.add_photos([PhotoScanned(path=PhotoRef(path), width=112, height=96, noise_sigma=0.1) for path in later])
    qtbot.waitUntil(lambda: page.model.rowCount() == 6)
    qtbot.waitUntil(lambda: page.primary.text() == "Restore 6\N{NO-BREAK SPACE}photos")
    assert page.options.blending.copy_button.text() == "Copy to the 5 others shown"


def test_selected_photos_stay_selected_when_the_list_is_sorted_or_filtered_anew(qtbot, page, session, folder, model):
    """Photos move while one selects, as their noise is measured; the button must not restore all of them then."""
    paths = [PhotoRef(path) for path in sorted(folder.iterdir())]
    session.set_folders([folder])
    session.add_photos(
        [PhotoScanned(path=path, width=112, height=96 + row, noise_sigma=0.1) for row, path in enumerate(paths)]
    )
    session.set_model(model)
    select_alone(page.list, page.model.index(1))
    for row in (2, 3):
        page.list.selectionModel().select(page.model.index(row), QItemSelectionModel.SelectionFlag.Select)
    shared_listing(session).set_sort("largest")
    assert page.list.selected_photos() == paths[:0:-1]
    assert page.list.currentIndex().row() == 2
    session.set_excluded([paths[0]])
    assert page.list.selected_photos() == paths[:0:-1]
    assert page.primary.text() == "Restore 3 selected photos"
    # The one that is looked at goes: the first of the others is looked at.
    session.set_excluded([paths[1]])
    assert page.list.selected_photos() == [paths[3], paths[2]]
    assert session.current_photo == paths[3]
    assert page.primary.text() == "Restore 2 selected photos"


def test_a_list_that_is_sorted_unseen_leaves_the_photo_that_is_looked_at_elsewhere(page, session, folder):
    open_photos(session, folder)
    page.list.step(1)
    page.hide()
    elsewhere = session.photos[2].path
    session.set_current_photo(elsewhere)
    session.set_excluded([session.photos[3].path])
    assert session.current_photo == elsewhere
    page.show()
    assert page.model.photo_at(page.list.currentIndex().row()).path == elsewhere


def test_a_photo_edited_in_another_program_is_shown_as_it_is_now(qtbot, page, session, folder, model):
    open_photos(session, folder)
    session.set_model(model)
    wait_for_preview(qtbot, page)
    before = page.preview.restoring.restoration
    shutil.copy(folder / "photo 1.png", session.current_photo.file)
    QApplication.instance().applicationStateChanged.emit(Qt.ApplicationState.ApplicationActive)
    qtbot.waitUntil(lambda: page.preview.restoring.restoration not in (None, before), timeout=30_000)
    wait_for_preview(qtbot, page)
    source = page.preview.restoring.photo.source
    shown = source.window(0, 0, source.width, source.height)
    np.testing.assert_array_equal(shown, read_image(folder / "photo 1.png").pixels)
