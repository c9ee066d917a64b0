"""Batches that one can leave alone: what is done already, what failed and is tried again, what is said about it."""

import os
import shutil
import time

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QLabel, QLineEdit

from app.core.session import ModelChoice
from app.core.settings import Settings, restore_setting
from app.pages.photos.page import PhotosPage
from app.pages.restore.list import PhotoState
from app.pages.restore.page import RestorePage
from engine.contracts.events import PhotoScanned
from engine.contracts.photo import PhotoRef
from engine.jobs import restore
from engine.photo_files.metadata.provenance import read_provenance
from engine.photo_files.photos import read_image
from tests.app.conftest import show_at
from tests.starter_makers import make_model


@pytest.fixture
def model(tmp_path):
    return ModelChoice(make_model(tmp_path / "tiny.safetensors", run="run-7"), "Tiny")


@pytest.fixture
def page(qtbot, session, runner, settings, tmp_path, tiny_photos, model):
    folder = tmp_path / "Night shots"
    folder.mkdir()
    for index in range(3):
        shutil.copy(tiny_photos.noisy / f"photo {index}.png", folder)
    page = RestorePage(session, runner, settings)
    show_at(qtbot, page, 1100, 660)
    session.set_folders([folder])
    session.add_photos(
        [PhotoScanned(path=PhotoRef(path), width=112, height=96, noise_sigma=0.1) for path in sorted(folder.iterdir())]
    )
    session.set_model(model)
    yield page
    page.preview.shut_down()
    page.done_before.shut_down()


@pytest.fixture
def messages(page):
    messages = []
    page.message_raised.connect(messages.append)
    return messages


def press_and_wait(qtbot, page, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not page.batch.is_running and not page.batch.is_reporting, timeout=60_000)


def states(page):
    return [page.model.state_of(path).state for path in page.model.photos]


def choose(output, field, value):
    """Choose an entry as a person does."""
    output.editor(field).set_value(value)
    output.editor(field).edited.emit()


def click(output, field):
    output.editor(field).findChild(QCheckBox).click()


def notes(output):
    """What is said below the fields."""
    return [label.text() for label in output.findChildren(QLabel) if label.isVisible()]


def test_each_photo_says_what_became_of_it(qtbot, page):
    press_and_wait(qtbot, page, page.primary)
    state = page.model.state_of(page.model.photos[0])
    assert state.text.startswith("done · ")
    assert state.text.endswith("\N{NO-BREAK SPACE}s")
    tip = page.model.data(page.model.index(0), Qt.ItemDataRole.ToolTipRole)
    assert str(page.destination / "photo 0_restored.png") in tip
    assert "Restored from photo 0.png with Tiny (run run-7) at 100%" in tip


def open_again(session):
    """As the next start of the program does."""
    folders, photos = session.folders, session.photos
    session.set_folders(())
    session.set_folders(folders)
    session.add_photos(photos)


def test_what_is_done_is_passed_over_in_the_next_session_too(qtbot, page, session, messages):
    press_and_wait(qtbot, page, page.primary)
    open_again(session)
    assert states(page) == [PhotoState.IDLE] * 3
    page.model.photos[1].file.write_bytes(page.model.photos[2].file.read_bytes())
    press_and_wait(qtbot, page, page.primary)
    assert states(page) == [PhotoState.DONE_BEFORE, PhotoState.DONE, PhotoState.DONE_BEFORE]
    assert "2 photos were done already." in messages[-1].text
    assert session.restored(page.model.photos[0])
    click(page.options.output, "skip_done")
    press_and_wait(qtbot, page, page.primary)
    assert states(page) == [PhotoState.DONE] * 3


def test_failed_photos_are_tried_again_alone(qtbot, page):
    path = page.model.photos[1].file
    sound = path.read_bytes()
    path.write_bytes(b"no photo")
    assert not page.retry_button.isVisible()
    press_and_wait(qtbot, page, page.primary)
    assert states(page) == [PhotoState.DONE, PhotoState.FAILED, PhotoState.DONE]
    assert page.retry_button.text() == "Retry 1 failed"
    path.write_bytes(sound)
    press_and_wait(qtbot, page, page.retry_button)
    assert states(page) == [PhotoState.DONE] * 3
    assert not page.retry_button.isVisible()
    assert len(list(page.destination.iterdir())) == 3


def test_the_report_is_written_on_request_and_after_the_batch(qtbot, page, messages):
    page.model.photos[1].file.write_bytes(b"no photo")
    assert not page.report_button.isVisible()
    press_and_wait(qtbot, page, page.primary)
    press_and_wait(qtbot, page, page.report_button)
    (report,) = page.destination.glob("*.html")
    text = report.read_text(encoding="utf-8")
    assert text.count("data:image/jpeg") == 4
    assert "3 photos: 2 restored, 1 failed." in text
    assert report.with_suffix(".csv").is_file()
    assert messages[-1].action_label == "Open report"
    report.unlink()
    click(page.options.output, "report")
    press_and_wait(qtbot, page, page.primary)
    assert len(list(page.destination.glob("*.html"))) == 1
    assert messages[-1].action_label == "Open report"


def test_a_stopped_batch_goes_on_where_it_was(qtbot, page, runner):
    events = []
    page.primary.click()
    page.batch._job.events_received.connect(events.append)
    qtbot.waitUntil(lambda: PhotoState.DONE in states(page), timeout=60_000)
    runner.cancel_all()
    qtbot.waitUntil(lambda: not page.batch.is_running, timeout=30_000)
    num_done = states(page).count(PhotoState.DONE)
    assert set(states(page)) <= {PhotoState.DONE, PhotoState.IDLE}
    press_and_wait(qtbot, page, page.primary)
    assert states(page).count(PhotoState.DONE_BEFORE) >= num_done
    assert len(list(page.destination.iterdir())) == 3


def test_names_follow_the_pattern_and_a_wrong_one_is_told(qtbot, page, settings):
    output = page.options.output
    assert "For example photo 0_restored.png" in notes(output)
    pattern = output.editor("name_pattern").findChild(QLineEdit)
    pattern.selectAll()
    qtbot.keyClicks(pattern, "{nam}")
    assert [note for note in notes(output) if "{nam} is not known" in note]
    assert not page.primary.isEnabled()
    assert page.primary.toolTip() == output.problem
    pattern.selectAll()
    qtbot.keyClick(pattern, Qt.Key.Key_Delete)
    assert "For example photo 0_restored.png" in notes(output), "empty is the usual pattern"
    qtbot.keyClicks(pattern, "{name} by {model} at {strength}")
    for share in ("luminance", "colour"):
        page.options.blending.sliders[share].setValue(80)
    page.options.blending.copy_button.click()
    choose(output, "format", "tiff")
    assert "For example photo 0 by Tiny at 80.tif" in notes(output)
    press_and_wait(qtbot, page, page.primary)
    assert sorted(path.name for path in page.destination.iterdir()) == [
        f"photo {index} by Tiny at 80.tif" for index in range(3)
    ]
    assert settings.get(restore_setting("name_pattern")) == "{name} by {model} at {strength}"


def test_format_depth_and_metadata_are_written_as_chosen(qtbot, page):
    photo = page.model.photos[0].file
    exif = Image.Exif()
    exif[0x010F] = "Camera maker"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 14.1)})
    with Image.open(photo) as image:
        image.save(photo, exif=exif)
    output = page.options.output
    choose(output, "format", "jpeg")
    assert not output.editor("bit_depth").isVisible()
    assert output.editor("jpeg_quality").isVisible()
    choose(output, "format", "png")
    assert not output.editor("jpeg_quality").isVisible()
    choose(output, "bit_depth", "16")
    choose(output, "metadata", "without-gps")
    press_and_wait(qtbot, page, page.primary)
    restored = page.destination / "photo 0_restored.png"
    assert read_image(restored).metadata.bit_depth == 16
    with Image.open(restored) as image:
        assert image.getexif()[0x010F] == "Camera maker"
        assert 0x8825 not in image.getexif()
    assert read_provenance(restored) is not None
    click(output, "provenance")
    assert not output.editor("skip_done").isEnabled()
    press_and_wait(qtbot, page, page.primary)
    assert read_provenance(page.destination / "photo 0_restored_2.png") is None


def test_the_file_s_time_is_kept_where_that_is_chosen(qtbot, page):
    photo = page.model.photos[0].file
    os.utime(photo, (1_000_000_000, 1_000_000_000))
    click(page.options.output, "keep_time")
    press_and_wait(qtbot, page, page.primary)
    assert (page.destination / "photo 0_restored.png").stat().st_mtime == pytest.approx(1_000_000_000, abs=2)


def test_older_settings_are_taken_over(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text('{"values": {"restore_keep_metadata": false, "restore_format": "tiff16"}, "folders": {}}')
    settings = Settings(path)
    assert settings.get(restore_setting("metadata")) == "none"
    assert (settings.get(restore_setting("format")), settings.get(restore_setting("bit_depth"))) == ("tiff", "16")
    path.write_text('{"values": {"restore_keep_metadata": true}, "folders": {}}')
    assert Settings(path).get(restore_setting("metadata")) == "keep"


def summary(page):
    return page.summary.whole_text


def test_what_is_done_is_told_before_the_start_and_follows_the_settings(qtbot, page, session):
    qtbot.waitUntil(lambda: not page.done_before._task.is_busy, timeout=30_000)
    assert page.done_before.photos == frozenset()
    press_and_wait(qtbot, page, page.primary)
    open_again(session)
    page.model.photos[1].file.write_bytes(page.model.photos[2].file.read_bytes())
    page.done_before.look_soon()
    qtbot.waitUntil(lambda: summary(page).startswith("2 of 3 done already"), timeout=30_000)
    assert page.done_before.photos == {page.model.photos[0], page.model.photos[2]}
    assert states(page) == [PhotoState.DONE_BEFORE, PhotoState.IDLE, PhotoState.DONE_BEFORE]
    page.options.blending.sliders["detail"].setValue(50)
    qtbot.waitUntil(lambda: summary(page).startswith("1 of 3"), timeout=30_000)
    page.options.blending.copy_button.click()
    qtbot.waitUntil(lambda: "done already" not in summary(page), timeout=30_000)
    assert states(page) == [PhotoState.IDLE] * 3
    page.options.blending.sliders["detail"].setValue(0)
    page.options.blending.copy_button.click()
    qtbot.waitUntil(lambda: summary(page).startswith("2 of 3"), timeout=30_000)
    click(page.options.output, "skip_done")
    qtbot.waitUntil(lambda: "done already" not in summary(page), timeout=30_000)


def test_a_stopped_batch_says_what_is_left_and_goes_on(qtbot, page, runner, messages):
    # Stopped while it waits behind nothing: all three are left, whatever the machine's speed.
    page.primary.click()
    runner.cancel_all()
    qtbot.waitUntil(lambda: not page.batch.is_running, timeout=30_000)
    [message] = messages
    num_done = states(page).count(PhotoState.DONE)
    assert message.text.startswith(f"Stopped: {num_done} of 3 photos are done")
    assert message.action_label == "Restore the rest"
    message.action()
    assert page.batch.is_running
    qtbot.waitUntil(lambda: not page.batch.is_running, timeout=60_000)
    assert states(page) == [PhotoState.DONE] * 3


def test_a_stopped_batch_counts_no_photo_that_failed_as_done(qtbot, page, runner, messages):
    first, *others = (photo.file for photo in page.model.photos)
    first.write_bytes(b"no picture")
    for path in others:
        Image.effect_noise((2400, 2400), 40).save(path)

    def stop_at_failure():
        if PhotoState.FAILED in states(page):
            runner.cancel_all()

    page.model.dataChanged.connect(stop_at_failure)
    press_and_wait(qtbot, page, page.primary)
    num_left = states(page).count(PhotoState.IDLE)
    assert num_left
    assert messages[0].text.startswith(f"Stopped: {2 - num_left} of 3 photos are done, {num_left} ")
    assert messages[0].text.endswith("1 photo failed; the list says why.")
    assert page.retry_button.isVisible()


@pytest.fixture
def photos_page(qtbot, page, session, runner, settings, tmp_path, tiny_photos):
    """Where folders are closed; a second one is open."""
    other = tmp_path / "Other shots"
    other.mkdir()
    shutil.copy(tiny_photos.noisy / "photo 4.png", other)
    photos_page = PhotosPage(session, runner, settings)
    qtbot.addWidget(photos_page)
    photos_page.open_paths([other])
    qtbot.waitUntil(lambda: not runner.is_busy and page.model.rowCount() == 4, timeout=20_000)
    yield photos_page
    photos_page.grid.shut_down()


def wait_for_scan(qtbot, photos_page, page, num_photos):
    qtbot.waitUntil(lambda: not photos_page.scans.is_busy and page.model.rowCount() == num_photos, timeout=20_000)


def test_what_became_of_a_folder_is_known_while_it_is_open(qtbot, page, photos_page, session):
    first, other = session.folders
    lost = first / "photo 1.png"
    sound = lost.read_bytes()
    lost.write_bytes(b"no photo")
    press_and_wait(qtbot, page, page.primary)
    lost.write_bytes(sound)
    outcomes = [outcome for outcome in page.model.outcomes() if outcome.source.is_in(first)]
    photos_page.close_folder(other)
    wait_for_scan(qtbot, photos_page, page, 3)
    photos_page._set_recursive(False)
    wait_for_scan(qtbot, photos_page, page, 3)
    assert list(page.model.outcomes()) == outcomes
    assert states(page) == [PhotoState.DONE, PhotoState.FAILED, PhotoState.DONE]
    assert page.report_button.isVisible()
    press_and_wait(qtbot, page, page.retry_button)
    assert states(page) == [PhotoState.DONE] * 3
    photos_page.close_folder(first)
    photos_page.open_paths([first, other])
    wait_for_scan(qtbot, photos_page, page, 4)
    assert page.model.outcomes() == ()


def test_a_batch_is_followed_while_folders_are_closed_and_read_again(
    qtbot, page, photos_page, session, runner, messages
):
    first, other = session.folders
    photos = [photo.file for photo in page.model.photos]
    photos[0].write_bytes(b"no photo")
    for path in photos[1:]:
        Image.effect_noise((1200, 1200), 40).save(path)
    batch = list(page.model.photos)
    page.primary.click()
    qtbot.waitUntil(lambda: PhotoState.FAILED in states(page), timeout=30_000)
    [job] = [job for job in runner.jobs if job.request.function is restore]
    job.pause()
    photos_page.close_folder(other)
    photos_page._set_recursive(False)
    qtbot.waitUntil(lambda: page.model.rowCount() == 2, timeout=20_000)
    assert set(states(page)) & {PhotoState.WAITING, PhotoState.RESTORING}
    photos_page.close_folder(first)
    runner.cancel_all()
    qtbot.waitUntil(lambda: not page.batch.is_running, timeout=60_000)
    assert messages[-1].text.startswith("Stopped: ")
    assert " of 4 photos are done" in messages[-1].text
    assert messages[-1].text.endswith("1 photo failed; the list says why.")
    assert messages[-1].action_label == "Restore the rest"
    messages[-1].action()
    qtbot.waitUntil(lambda: not page.batch.is_running, timeout=60_000)
    assert {page.model.state_of(photo).state for photo in batch[1:]} == {PhotoState.DONE}


def test_bmp_is_told_to_hold_no_provenance(page):
    output = page.options.output
    assert not [note for note in notes(output) if "BMP" in note]
    choose(output, "format", "bmp")
    assert [note for note in notes(output) if "cannot be told later" in note]
    assert not output.editor("provenance").isEnabled()
    assert not output.editor("skip_done").isEnabled()
    choose(output, "format", "png")
    assert not [note for note in notes(output) if "BMP" in note]
    assert output.editor("skip_done").isEnabled()


def test_a_destination_that_cannot_be_written_is_told_when_it_is_chosen(page, tmp_path):
    below_a_file = tmp_path / "tiny.safetensors" / "restored"
    page.options.output.destination_chosen.emit(below_a_file)
    assert "is a file" in page.options.output.problem
    assert not page.primary.isEnabled()
    page.options.output.destination_chosen.emit(tmp_path / "fine")
    assert page.options.output.problem == ""
    assert page.primary.isEnabled()


def test_the_common_reason_of_failures_stands_in_the_bar(qtbot, page, messages):
    for path in page.model.photos[:2]:
        path.file.unlink()
    press_and_wait(qtbot, page, page.primary)
    assert "2 of 3 failed: The file is not there." in messages[-1].text
    assert states(page).count(PhotoState.DONE) == 1


def test_the_example_shows_the_ending_that_is_written(page, tmp_path):
    for content, name, ending in (
        ("camera raw", "a.nef", ".tif"),
        ("heic", "a.heic", ".jpg"),
        ("png", "a.PNG", ".png"),
    ):
        page.options.output.show_example_photo(PhotoRef(tmp_path / name), content)
        assert [note for note in notes(page.options.output) if note.casefold().endswith(f"a_restored{ending}")], name


def test_of_many_results_the_pages_are_told_once_a_delivery(qtbot, page, session, runner):
    [folder] = session.folders
    for number in range(30):
        Image.effect_noise((32, 32), 20).convert("RGB").save(folder / f"small {number}.png")
    session.add_photos(
        [PhotoScanned(path=PhotoRef(path), width=112, height=96, noise_sigma=0.1) for path in sorted(folder.iterdir())]
    )
    qtbot.waitUntil(lambda: page.model.rowCount() == 33)
    press_and_wait(qtbot, page, page.primary)
    open_again(session)
    qtbot.waitUntil(lambda: page.model.rowCount() == 33)
    told, deliveries = [], []
    session.restored_changed.connect(told.append)
    runner.job_submitted.connect(lambda job: job.events_received.connect(deliveries.append))
    page.restore()
    # All that the batch says arrives together.
    time.sleep(1)
    qtbot.waitUntil(lambda: not page.batch.is_running, timeout=60_000)
    assert states(page) == [PhotoState.DONE_BEFORE] * 33
    assert len(told) <= len(deliveries)
    assert frozenset().union(*told) == frozenset(page.model.photos)
    assert page.summary.whole_text.startswith("33")
