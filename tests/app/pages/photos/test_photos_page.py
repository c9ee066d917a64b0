import shutil
import threading

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from app.core.settings import EXCLUDED_PHOTOS, LAST_FOLDERS, RECURSIVE
from app.jobs.runner import JobLane, JobRequest, JobState
from app.look.thumbnails import shared_thumbnails
from app.pages.photos.grid import noise_share
from app.pages.photos.page import PhotosPage
from app.pages.shared.photo_list_model import PhotoListModel
from engine.contracts.events import PhotoScanned
from engine.contracts.noise import SignalDependence
from engine.contracts.photo import PhotoRef
from tests.app.conftest import show_at


@pytest.fixture
def page(qtbot, session, runner, settings):
    page = PhotosPage(session, runner, settings)
    show_at(qtbot, page, 1000, 640)
    yield page
    page.grid.shut_down()


@pytest.fixture
def folder(tmp_path, tiny_photos):
    """Eight photos and a broken file."""
    folder = tmp_path / "Holiday 2025"
    shutil.copytree(tiny_photos.noisy, folder)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n cut off")
    return folder


def open_and_wait(qtbot, page, runner, *paths):
    page.open_paths(paths)
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=20_000)
    qtbot.wait(100)


def names(model):
    return [model.photo_at(row).path.name for row in range(model.rowCount())]


def test_a_folder_with_a_broken_file(qtbot, page, runner, session, folder, settings):
    statuses = []
    page.rail_status_changed.connect(statuses.append)
    assert page.open_button.isVisible()
    open_and_wait(qtbot, page, runner, folder)
    assert not page.open_button.isVisible()
    assert names(page.model) == [f"photo {index}.png" for index in range(8)]
    assert page.strip.summary.whole_text == "8 usable"
    assert page.strip.skipped_button.text() == "1 skipped (why)"
    assert page.strip.primary.text() == "Restore 8\N{NO-BREAK SPACE}photos"
    assert statuses[-1] == "8"
    assert page.folder_list.rows == ["All photos 8", "Holiday 2025 8"]
    assert settings.get(LAST_FOLDERS) == [str(folder)]
    page.strip.skipped_button.click()
    ((name, reason, hint),) = page.skipped_files.rows
    assert name == "broken.png"
    assert reason
    assert hint
    assert page.skipped_files.isVisible()


def test_noise_is_measured_and_sorts(qtbot, page, runner, folder):
    open_and_wait(qtbot, page, runner, folder)
    page.tools.sort_box.setCurrentIndex(page.tools.sort_box.findData("noisiest"))
    sigmas = [page.model.photo_at(row).noise_sigma for row in range(8)]
    assert sigmas == sorted(sigmas, reverse=True)
    assert sigmas[0] > 2 * sigmas[-1]
    page.tools.sort_box.setCurrentIndex(page.tools.sort_box.findData("cleanest"))
    assert [page.model.photo_at(row).noise_sigma for row in range(8)] == sigmas[::-1]


def test_the_folders_noise_is_summed_up(qtbot, page, runner, session, folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    pixels = 0.5 + 0.2 * np.random.default_rng(0).standard_normal((96, 112, 3))
    for index in range(2):
        cv2.imwrite(str(other / f"{index}.png"), (255 * pixels.clip(0, 1)).astype(np.uint8))
    open_and_wait(qtbot, page, runner, folder, other)
    facts = page.noise_facts
    assert facts.isVisible()
    assert facts.label.text().startswith("10\N{NO-BREAK SPACE}photos measured. ")
    assert "so pretraining" in facts.label.text()
    assert "Correlation of the noise" in facts.label.toolTip()
    page.folder_list.choose(2)
    assert facts.label.text().startswith("2\N{NO-BREAK SPACE}photos measured. Very strong noise")
    session.set_excluded([PhotoRef(other / "0.png")])
    assert facts.label.text().startswith("1\N{NO-BREAK SPACE}photo measured.")
    session.set_excluded([PhotoRef(other / "0.png"), PhotoRef(other / "1.png")])
    assert not facts.isVisible()


def test_a_photos_noise_in_its_tool_tip(session):
    model = PhotoListModel(session)
    dependence = SignalDependence(slope=-0.0001, offset=0.00014, darkest=0.1, brightest=0.7)
    session.add_photos(
        [
            PhotoScanned(
                path=PhotoRef(session.run_store.root / "a.jpg"),
                width=10,
                height=10,
                noise_sigma=3.2 / 255,
                noise_correlation=(0.6, 0.22, 0.03, 0.01),
                noise_dependence=dependence,
            ),
            PhotoScanned(path=PhotoRef(session.run_store.root / "b.jpg"), width=10, height=10, noise_sigma=None),
        ]
    )
    model.rebuild()
    assert model.index(0).data(Qt.ItemDataRole.ToolTipRole).splitlines()[2:] == [
        "Little noise (standard deviation 3.2 of 255)",
        "It is stronger in dark parts (2.9) than in bright ones (2.1).",
        "Variance = −0.026 · y + 9.1 for a brightness y from 26 to 178, all on the 0 to 255 scale.",
        "It falls as y grows: usual after a camera's tone curve.",
        "Neighbouring pixels share their noise (correlation 0.60); 3 pixels apart it is independent.",
    ]
    assert model.index(1).data(Qt.ItemDataRole.ToolTipRole).splitlines()[2:] == ["noise not measured"]


def test_thumbnails_load_only_for_visible_rows(qtbot, page, runner, session, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    encoded = cv2.imencode(".png", np.zeros((32, 32, 3), np.uint8))[1].tobytes()
    for index in range(120):
        (folder / f"{index:03d}.png").write_bytes(encoded)
    page.tools.size_slider.setValue(160)
    open_and_wait(qtbot, page, runner, folder)
    thumbnails = shared_thumbnails(session)
    visible = page.grid.visible_rows()
    assert 4 <= len(visible) < 40
    paths = [page.model.photo_at(row).path for row in range(120)]
    qtbot.waitUntil(lambda: all(thumbnails.pixmap(paths[row]) for row in visible))
    qtbot.wait(100)
    loaded = [row for row in range(120) if thumbnails.pixmap(paths[row])]
    # A thumbnail or two may have been under way while the list grew.
    assert set(loaded) <= set(range(visible.stop + 8))
    page.grid.scrollToBottom()
    qtbot.waitUntil(lambda: thumbnails.pixmap(paths[119]) is not None)
    qtbot.wait(100)
    assert thumbnails.pixmap(paths[60]) is None
    assert page.grid.visible_rows().stop == 120


def test_filter_and_folder_choice(qtbot, page, runner, folder, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    open_and_wait(qtbot, page, runner, folder, other)
    assert page.folder_list.rows == ["All photos 16", "Holiday 2025 8", "other 8"]
    page.tools.filter_box.setText("photo 3")
    assert names(page.model) == ["photo 3.png"] * 2
    page.folder_list.choose(2)
    assert names(page.model) == ["photo 3.png"]
    page.tools.filter_box.setText("nothing like it")
    assert names(page.model) == []
    assert not page.grid.isVisible()
    page.tools.filter_box.clear()
    assert len(names(page.model)) == 8


@pytest.mark.parametrize(("name", "typed"), [("Mu\u0308ller.png", "m\u00fcller"), ("M\u00fcller.png", "mu\u0308ller")])
def test_names_with_accents_are_found_however_they_are_composed(qtbot, page, runner, folder, name, typed):
    (folder / "photo 3.png").rename(folder / name)
    open_and_wait(qtbot, page, runner, folder)
    page.tools.filter_box.setText(typed)
    assert names(page.model) == [name]


def test_a_condition_that_no_photo_fulfils_any_more_is_still_shown(qtbot, page, runner, folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    cv2.imwrite(str(other / "scene.jpg"), cv2.imread(str(folder / "photo 0.png")))
    open_and_wait(qtbot, page, runner, folder, other)
    panel = page.tools.filter_panel
    panel.open_below(page.tools.filter_button)
    panel.format_box.setCurrentIndex(panel.format_box.findData("jpeg"))
    panel.hide()
    page.close_folder(other)
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=20_000)
    panel.open_below(page.tools.filter_button)
    assert panel.format_box.currentText() == "JPEG"
    assert panel.conditions.content == page.model.conditions.content == "jpeg"
    panel.format_box.setCurrentIndex(0)
    panel.hide()
    assert page.model.rowCount() == 8


def test_delete_leaves_out_and_undo_takes_back(qtbot, page, runner, session, folder):
    messages = []
    page.message_raised.connect(messages.append)
    open_and_wait(qtbot, page, runner, folder)
    page.activateWindow()
    page.grid.setFocus()
    QTest.mouseClick(
        page.grid.viewport(),
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
        page.grid.visualRect(page.model.index(2)).center(),
    )
    qtbot.waitUntil(page.grid.hasFocus)
    QTest.keyClick(page.grid, Qt.Key.Key_Delete)
    assert {path.name for path in session.excluded} == {"photo 2.png"}
    assert page.strip.summary.whole_text == "7 usable · 1 left out"
    assert messages[-1].action_label == "Undo"
    session.undo_stack.undo()
    assert session.excluded == frozenset()
    assert len(session.included_photos) == 8


def test_exclusions_are_remembered_per_folder(qtbot, page, runner, session, folder):
    open_and_wait(qtbot, page, runner, folder)
    page.grid.select_photo(PhotoRef(folder / "photo 4.png"))
    page.selection.toggle_exclusion()
    page.close_folder(folder)
    assert session.photos == ()
    assert page.open_button.isVisible()
    open_and_wait(qtbot, page, runner, folder)
    assert session.excluded == {PhotoRef(folder / "photo 4.png")}


def leave_out(page, photo):
    page.grid.select_photo(photo)
    page.selection.toggle_exclusion()


def test_closing_a_folder_keeps_what_is_left_out_of_the_others(
    qtbot, page, runner, session, settings, folder, tmp_path
):
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    open_and_wait(qtbot, page, runner, folder, other)
    here, there = PhotoRef(folder / "photo 1.png"), PhotoRef(other / "photo 2.png")
    leave_out(page, here)
    leave_out(page, there)
    page.close_folder(folder)
    assert session.excluded == {there}
    assert settings.get_for_folder(other, EXCLUDED_PHOTOS) == [str(there)]
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=20_000)
    assert len(session.included_photos) == 7
    open_and_wait(qtbot, page, runner, folder)
    assert session.excluded == {here, there}


def test_the_undo_of_a_message_takes_back_what_it_tells_of_and_nothing_else(qtbot, page, runner, session, folder):
    messages = []
    page.message_raised.connect(messages.append)
    open_and_wait(qtbot, page, runner, folder)
    photos = [PhotoRef(folder / f"photo {index}.png") for index in range(3)]
    for photo in photos:
        leave_out(page, photo)
    first, _, last = messages
    session.undo_stack.undo()
    last.action()
    assert session.excluded == set(photos[:2]), "taken back already"
    first.action()
    assert session.excluded == {photos[1]}
    session.undo_stack.undo()
    session.undo_stack.undo()
    assert session.excluded == frozenset()
    for _ in photos:
        session.undo_stack.redo()
    assert session.excluded == set(photos)
    page._set_recursive(False)
    first.action()
    assert session.excluded == set(photos[1:]), "although Ctrl+Z knows nothing of it any more"
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=20_000)


@pytest.mark.parametrize("name", ["toggle_exclusion", "use_only"])
def test_undo_leaves_the_exclusions_of_a_folder_alone_that_was_opened_since(
    qtbot, page, runner, session, settings, folder, tmp_path, name
):
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    here, there = PhotoRef(folder / "photo 1.png"), PhotoRef(other / "photo 2.png")
    settings.set_for_folder(folder, EXCLUDED_PHOTOS, [str(here)])
    settings.set_for_folder(other, EXCLUDED_PHOTOS, [str(there)])
    open_and_wait(qtbot, page, runner, folder)
    page.grid.select_photo(here)
    getattr(page.selection, name)()
    before = len(session.excluded)
    assert here not in session.excluded
    open_and_wait(qtbot, page, runner, other)
    assert len(session.excluded) == before + 1
    session.undo_stack.undo()
    assert session.excluded == {here, there}
    assert settings.get_for_folder(other, EXCLUDED_PHOTOS) == [str(there)]
    session.undo_stack.redo()
    assert len(session.excluded) == before + 1
    assert settings.get_for_folder(other, EXCLUDED_PHOTOS) == [str(there)]


def test_selection_survives_new_photos(qtbot, page, runner, session, folder):
    open_and_wait(qtbot, page, runner, folder)
    page.grid.select_photo(PhotoRef(folder / "photo 5.png"))
    assert session.current_photo == PhotoRef(folder / "photo 5.png")
    first = PhotoScanned(path=PhotoRef(folder / "a first photo.png"), width=9, height=9, noise_sigma=None)
    session.add_photos([first])
    qtbot.waitUntil(lambda: page.model.rowCount() == 9)
    assert names(page.model)[0] == "a first photo.png"
    assert [photo.path.name for photo in page.grid.selected_photos()] == ["photo 5.png"]


@pytest.mark.parametrize(("text", "left"), [("nothing like it", 0), ("photo 2", 1), ("photo", 3)])
def test_photos_that_are_filtered_away_are_selected_no_more(qtbot, page, runner, session, folder, text, left):
    open_and_wait(qtbot, page, runner, folder)
    page.grid.select_rows(range(3))
    assert page.strip.primary.text() == "Restore 3 selected photos"
    page.tools.filter_box.setText(text)
    assert len(session.selected_photos) == len(page.grid.selected_photos()) == left
    page.tools.filter_box.clear()
    assert len(session.selected_photos) == len(page.grid.selected_photos()) == left
    restored = []
    session.restore_requested.connect(lambda photos, _: restored.extend(photos))
    page.strip.primary.click()
    expected = 3 if left == 3 else 8
    assert str(expected) in page.strip.primary.text()
    assert len(restored) == expected


def test_a_single_file_and_a_folder_without_photos(qtbot, page, runner, folder, tmp_path):
    open_and_wait(qtbot, page, runner, folder / "photo 1.png")
    assert names(page.model) == ["photo 1.png"]
    page.close_folder(folder / "photo 1.png")
    empty = tmp_path / "empty"
    empty.mkdir()
    open_and_wait(qtbot, page, runner, empty)
    assert not page.grid.isVisible()
    assert not page.strip.primary.isEnabled()
    assert "usable photos" in page.strip.primary.toolTip()


def test_photos_that_changed_on_disk_look_so_once_they_are_looked_through_again(qtbot, page, runner, session, folder):
    open_and_wait(qtbot, page, runner, folder)
    thumbnails = shared_thumbnails(session)
    photo = folder / "photo 0.png"
    qtbot.waitUntil(lambda: thumbnails.pixmap(PhotoRef(photo)) is not None)
    before = thumbnails.pixmap(PhotoRef(photo)).toImage().pixelColor(5, 5)
    height, width = cv2.imread(str(photo)).shape[:2]
    cv2.imwrite(str(photo), np.full((height, width, 3), 255 if before.red() < 128 else 0, np.uint8))
    open_and_wait(qtbot, page, runner, folder)
    qtbot.waitUntil(lambda: thumbnails.pixmap(PhotoRef(photo)) is not None)
    assert abs(thumbnails.pixmap(PhotoRef(photo)).toImage().pixelColor(5, 5).red() - before.red()) > 100


def test_photos_that_are_gone_are_forgotten_once_their_folder_is_looked_through_again(
    qtbot, page, runner, session, folder, tmp_path
):
    other = tmp_path / "other"
    other.mkdir()
    (folder / "photo 5.png").rename(other / "photo 5.png")
    open_and_wait(qtbot, page, runner, folder, other)
    page.grid.select_photo(PhotoRef(folder / "photo 0.png"))
    (folder / "photo 0.png").unlink()
    (folder / "photo 1.png").rename(folder / "renamed.png")
    (folder / "broken.png").unlink()
    (other / "photo 5.png").unlink()
    open_and_wait(qtbot, page, runner, folder)
    found = ["photo 2.png", "photo 3.png", "photo 4.png", "photo 6.png", "photo 7.png", "renamed.png"]
    # The other folder was not looked through.
    assert names(page.model) == [*found, "photo 5.png"]
    assert session.skipped == ()
    assert session.current_photo != PhotoRef(folder / "photo 0.png")


def test_a_subfolder_opened_by_itself_stays_when_its_parent_is_looked_through_alone(
    qtbot, page, runner, settings, folder
):
    below = folder / "below"
    below.mkdir()
    (folder / "photo 5.png").rename(below / "photo 5.png")
    settings.set(RECURSIVE, False)
    open_and_wait(qtbot, page, runner, folder, below)
    open_and_wait(qtbot, page, runner, folder)
    assert "photo 5.png" in names(page.model)


def test_subfolders_can_be_left_alone(qtbot, page, runner, folder, tiny_photos):
    shutil.copytree(tiny_photos.noisy, folder / "inner")
    open_and_wait(qtbot, page, runner, folder)
    assert page.model.rowCount() == 16
    page._set_recursive(False)
    qtbot.waitUntil(lambda: not runner.is_busy)
    qtbot.wait(150)
    assert page.model.rowCount() == 8


def test_after_a_stopped_reading_nothing_is_measured_unasked(qtbot, page, runner, session, folder, tmp_path):
    open_and_wait(qtbot, page, runner, folder)
    added = tmp_path / "added"
    shutil.copytree(folder, added)
    is_free = threading.Event()
    side = runner.submit(
        JobRequest(title="", page_id="photos", function=lambda *_: is_free.wait(60), config=None, lane=JobLane.SIDE)
    )
    qtbot.waitUntil(lambda: side.state is JobState.RUNNING)
    page.open_paths([added])
    # As after a reading that was stopped halfway.
    session.add_photos([PhotoScanned(path=PhotoRef(added / "photo 0.png"), width=112, height=96, noise_sigma=None)])
    submitted = []
    runner.job_submitted.connect(lambda job: submitted.append(job.request.title))
    [reading] = [job for job in runner.jobs if job is not side]
    reading.cancel()
    is_free.set()
    qtbot.waitUntil(lambda: not runner.is_busy)
    assert submitted == []
    assert page.strip.measure_button.isVisible(), "it is offered"
    page.strip.measure_button.click()
    qtbot.waitUntil(lambda: not page.scans.unmeasured and not runner.is_busy)


def test_double_click_leads_to_compare(qtbot, page, runner, session, folder):
    open_and_wait(qtbot, page, runner, folder)
    middle = page.grid.visualRect(page.model.index(3)).center()
    with qtbot.waitSignal(page.page_requested) as requested:
        QTest.mouseClick(page.grid.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)
        QTest.mouseDClick(page.grid.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)
    assert requested.args == ["compare"]
    assert session.current_photo.name == "photo 3.png"


def test_hovering_shows_a_crop_at_full_size(qtbot, page, runner, folder):
    open_and_wait(qtbot, page, runner, folder)
    QTest.mouseMove(page.grid.viewport(), page.grid.visualRect(page.model.index(1)).center())
    qtbot.waitUntil(lambda: page.grid.hover_crop is not None, timeout=20_000)
    path, crop = page.grid.hover_crop
    assert path.name == "photo 1.png"
    assert (crop.width(), crop.height()) == (112, 96)
    QTest.mouseMove(page.grid.viewport(), QPoint(2, page.grid.viewport().height() - 2))
    qtbot.waitUntil(lambda: page.grid.hover_crop is None)


def test_sample_photos(qtbot, page, runner, session):
    page.open_samples()
    qtbot.waitUntil(lambda: not runner.is_busy and session.photos != (), timeout=60_000)
    qtbot.waitUntil(lambda: not runner.is_busy and len(session.photos) >= 12, timeout=60_000)
    assert session.references
    assert session.folder_name == "Sample photos"
    assert all(photo.path.is_in(session.folders[0]) for photo in session.photos)


def test_large_lists_stay_quick(qtbot, session):
    model = PhotoListModel(session)
    photos = [
        PhotoScanned(path=PhotoRef(session.run_store.root / f"photo {index}.jpg"), width=10, height=10, noise_sigma=0.1)
        for index in range(5000)
    ]
    session.add_photos(photos)
    qtbot.waitUntil(lambda: model.rowCount() == 5000)
    assert [model.photo_at(row).path.name for row in (0, 2, 4999)] == ["photo 0.jpg", "photo 2.jpg", "photo 4999.jpg"]


def test_noise_bar_grows_with_the_noise():
    shares = [noise_share(sigma / 255) for sigma in (0.1, 1, 4, 16, 64, 200)]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] == 1
