"""Filtering, sorting, the noise map, duplicates, skipped files and pages: with the mouse and the keyboard."""

import math
import shutil
import threading
from datetime import datetime
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from app.jobs.runner import JobLane, JobRequest
from app.look.thumbnails import ThumbnailLoader, shared_thumbnails
from app.pages.photos.page import PhotosPage
from app.pages.shared.photo_filter import PhotoFilter, Span, Use, first_moment, moment_after
from app.pages.shared.photo_list_model import PhotoListModel
from engine.contracts.configs import RestoreConfig
from engine.contracts.events import PhotoScanned
from engine.contracts.job_control import JobControl
from engine.contracts.photo import CameraFacts, PhotoRef
from engine.restoring.job import restore
from tests.app.conftest import show_at
from tests.engine.restoring.test_linear_dng import write_model

LEFT, NO_KEY = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def page(qtbot, theme, session, runner, settings):
    page = PhotosPage(session, runner, settings)
    show_at(qtbot, page, 1100, 700)
    yield page
    page.grid.shut_down()


@pytest.fixture
def folder(tmp_path):
    """Six photos of two cameras, unlike one another, each noisier than the one before; and a copy of the first."""
    folder = tmp_path / "Holiday"
    folder.mkdir()
    for index in range(6):
        random = np.random.default_rng(index)
        blobs = cv2.resize(random.random((5, 6, 3)).astype(np.float32), (96, 80), interpolation=cv2.INTER_CUBIC)
        noisy = 0.1 + 0.12 * index + 0.2 * blobs + random.normal(0, (2 + 3 * index) / 255, blobs.shape)
        exif = Image.Exif()
        exif[0x0110] = "Alpha 7" if index % 2 else "EOS 6D"
        exif.get_ifd(0x8769)[0x8827] = 100 * 2**index
        exif.get_ifd(0x8769)[0x9003] = f"2025:0{index + 1}:15 12:00:00"
        image = Image.fromarray(np.rint(255 * noisy.clip(0, 1)).astype(np.uint8))
        image.save(folder / f"photo {index}.png", exif=exif)
    shutil.copy(folder / "photo 0.png", folder / "photo 0b.png")
    return folder


def open_and_wait(qtbot, page, runner, *paths):
    page.open_paths(paths)
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=30_000)
    qtbot.wait(150)


def names(model):
    return [photo.path.stem for photo in model.shown]


def selected(page):
    return [photo.path.stem for photo in page.grid.selected_photos()]


def test_what_the_camera_noted_filters_and_sorts(qtbot, page, runner, folder):
    open_and_wait(qtbot, page, runner, folder)
    panel = page.tools.filter_panel
    page.tools.filter_button.click()
    assert panel.isVisible()
    panel.camera_box.setCurrentIndex(panel.camera_box.findText("Alpha 7"))
    assert names(page.model) == ["photo 1", "photo 3", "photo 5"]
    assert page.tools.filter_button.text() == "Filter (1)"
    QTest.keyClicks(panel.iso.low, "400")
    QTest.keyClicks(panel.date.high, "2025-05")
    assert names(page.model) == ["photo 3"]
    assert page.tools.filter_button.text() == "Filter (3)"
    panel.clear_button.click()
    panel.hide()
    for sort, first in (
        ("highest_iso", "photo 5"),
        ("newest", "photo 5"),
        ("oldest", "photo 0"),
        ("camera", "photo 1"),
    ):
        page.tools.sort_box.setCurrentIndex(page.tools.sort_box.findData(sort))
        assert names(page.model)[0] == first, sort


def test_a_noise_range_and_what_is_left_out(qtbot, page, runner, session, folder):
    open_and_wait(qtbot, page, runner, folder)
    limit = 255 * session.photo(PhotoRef(folder / "photo 2.png")).noise_sigma
    page.tools.filter_panel.noise.set_span(Span(limit + 0.01, None))
    assert names(page.model) == ["photo 3", "photo 4", "photo 5"]
    page.grid.selectAll()
    page.selection.use_only()
    assert len(session.included_photos) == 3
    page.tools.clear_filter()
    page.tools.filter_panel.use_box.setCurrentIndex(2)
    assert names(page.model) == ["photo 0", "photo 0b", "photo 1", "photo 2"]
    session.undo_stack.undo()
    assert names(page.model) == []
    assert page._clear_button.isVisible()
    page._clear_button.click()
    assert len(names(page.model)) == 7


def test_conditions_without_a_window():
    taken = datetime(2025, 6, 30, 23, 59)
    photo = PhotoScanned(
        path=PhotoRef(Path("a.tif"), 2),
        width=4000,
        height=3000,
        noise_sigma=10 / 255,
        content="tiff",
        camera=CameraFacts(camera="EOS 6D", iso=800, taken=taken),
    )
    blank = PhotoScanned(path=photo.path, width=10, height=10, noise_sigma=None)
    for conditions, holds in (
        (PhotoFilter(text="PAGE 2"), True),
        (PhotoFilter(text="page 3"), False),
        (PhotoFilter(iso=Span(800, 800)), True),
        (PhotoFilter(iso=Span(801, None)), False),
        (PhotoFilter(megapixels=Span(11, 13)), True),
        (PhotoFilter(noise=Span(None, 9)), False),
        (PhotoFilter(content="tiff", camera="EOS 6D"), True),
        (PhotoFilter(content="png"), False),
        (PhotoFilter(taken_from=first_moment("2025-06"), taken_to=moment_after("2025-06-30")), True),
        (PhotoFilter(taken_from=first_moment("2025-07")), False),
        (PhotoFilter(taken_to=moment_after("2024")), False),
        (PhotoFilter(use=Use.LEFT_OUT), False),
    ):
        assert conditions.predicate()(photo, False) is holds, conditions
    for conditions in (PhotoFilter(iso=Span(1, None)), PhotoFilter(noise=Span(0, 99)), PhotoFilter(camera="EOS 6D")):
        assert not conditions.predicate()(blank, False)
    assert PhotoFilter(text="a", taken_from=taken, taken_to=taken, camera="x").num_conditions == 2


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("2025", datetime(2025, 1, 1), datetime(2026, 1, 1)),
        ("2024-02", datetime(2024, 2, 1), datetime(2024, 3, 1)),
        ("2025-12", datetime(2025, 12, 1), datetime(2026, 1, 1)),
        ("2024-02-28", datetime(2024, 2, 28), datetime(2024, 2, 29)),
        ("2025-1", datetime(2025, 1, 1), datetime(2025, 2, 1)),
        ("2025-13", None, None),
        ("9999-12-31", datetime(9999, 12, 31), None),
        ("202", None, None),
        ("", None, None),
    ],
)
def test_dates_may_be_incomplete(text, first, after):
    assert first_moment(text) == first
    assert moment_after(text) == after


def test_the_noise_map_shares_the_selection(qtbot, page, runner, session, folder):
    open_and_wait(qtbot, page, runner, folder)
    page.tools.map_button.click()
    plot = page.noise_map.plot
    qtbot.waitUntil(lambda: plot.isVisible() and plot.num_points == 7)
    qtbot.wait(50)
    row = page.model.row_of(PhotoRef(folder / "photo 4.png"))
    QTest.mouseClick(plot.viewport(), LEFT, NO_KEY, plot.position_of(row))
    assert selected(page) == ["photo 4"]
    assert session.current_photo == PhotoRef(folder / "photo 4.png")
    other = plot.position_of(page.model.row_of(PhotoRef(folder / "photo 5.png")))
    QTest.mouseClick(plot.viewport(), LEFT, Qt.KeyboardModifier.ControlModifier, other)
    assert selected(page) == ["photo 4", "photo 5"]
    QTest.keyClick(plot, Qt.Key.Key_Delete)
    assert {path.stem for path in session.excluded} == {"photo 4", "photo 5"}
    QTest.mouseClick(plot.viewport(), LEFT, NO_KEY, QPoint(plot.width() - 3, 3))
    assert selected(page) == []


def test_a_frame_and_the_arrow_keys_choose_points(qtbot, page, runner, folder):
    open_and_wait(qtbot, page, runner, folder)
    page.tools.map_button.click()
    plot = page.noise_map.plot
    page.noise_map.axis_box.setCurrentIndex(page.noise_map.axis_box.findData("iso"))
    qtbot.waitUntil(lambda: plot.isVisible() and plot.num_points == 7)
    qtbot.wait(50)
    places = {index: plot.position_of(page.model.row_of(PhotoRef(folder / f"photo {index}.png"))) for index in range(6)}
    assert [places[index].x() for index in range(6)] == sorted(place.x() for place in places.values())
    low, high = places[3], places[5]
    begin, end = QPoint(low.x() - 20, max(low.y(), high.y()) + 20), QPoint(high.x() + 12, min(low.y(), high.y()) - 12)
    QTest.mousePress(plot.viewport(), LEFT, NO_KEY, begin)
    QTest.mouseMove(plot.viewport(), end)
    QTest.mouseRelease(plot.viewport(), LEFT, NO_KEY, end)
    assert selected(page) == ["photo 3", "photo 4", "photo 5"]
    QTest.mouseClick(plot.viewport(), LEFT, NO_KEY, places[2])
    QTest.keyClick(plot, Qt.Key.Key_Right)
    assert selected(page) == ["photo 3"]
    QTest.keyClick(plot, Qt.Key.Key_Left)
    QTest.keyClick(plot, Qt.Key.Key_Left)
    assert selected(page) == ["photo 1"]
    with qtbot.waitSignal(page.page_requested) as requested:
        QTest.keyClick(plot, Qt.Key.Key_Return)
    assert requested.args == ["compare"]


def test_the_map_says_what_it_leaves_out(qtbot, page, session, tmp_path):
    page.session.set_folders([tmp_path])
    session.add_photos(
        [
            PhotoScanned(path=PhotoRef(tmp_path / "a.png"), width=90, height=90, noise_sigma=0.02, brightness=0.4),
            PhotoScanned(path=PhotoRef(tmp_path / "b.png"), width=90, height=90, noise_sigma=None),
        ]
    )
    qtbot.waitUntil(lambda: page.model.rowCount() == 2)
    page.tools.map_button.click()
    assert page.noise_map.plot.num_points == 1
    assert page.noise_map.missing.whole_text.startswith("1\N{NO-BREAK SPACE}photo not shown: not measured")
    page.tools.filter_box.setText("a.png")
    page.noise_map.axis_box.setCurrentIndex(page.noise_map.axis_box.findData("iso"))
    assert "without ISO" in page.noise_map.missing.whole_text


def test_copies_are_found_and_left_out(qtbot, page, runner, session, folder):
    messages = []
    page.message_raised.connect(messages.append)
    small = cv2.resize(cv2.imread(str(folder / "photo 1.png")), (72, 60), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(folder / "photo 1 small.jpg"), small)
    open_and_wait(qtbot, page, runner, folder)
    assert page.strip.duplicates_button.text() == "2 duplicates"
    page.strip.duplicates_button.click()
    assert page.duplicates.isVisible()
    page.duplicates.same_button.click()
    assert [path.stem for path in session.excluded] == ["photo 0b"]
    assert not page.duplicates.same_button.isEnabled()
    assert messages[-1].action_label == "Undo"
    alike = page.duplicates.tree.topLevelItem(1)
    assert "look alike" in alike.text(0)
    chosen = next(alike.child(row) for row in range(2) if alike.child(row).text(0) == "photo 1.png")
    page.duplicates.tree.setCurrentItem(chosen)
    assert selected(page) == ["photo 1"]
    page.duplicates.keep_button.click()
    assert {path.stem for path in session.excluded} == {"photo 0b", "photo 1 small"}
    session.undo_stack.undo()
    session.undo_stack.undo()
    assert session.excluded == frozenset()


def test_a_mended_file_is_tried_again(qtbot, page, runner, session, folder):
    whole = (folder / "photo 3.png").read_bytes()
    (folder / "photo 3.png").write_bytes(whole[: len(whole) // 2])
    open_and_wait(qtbot, page, runner, folder)
    # Its header was whole: it was listed, and taken away when it was decoded.
    assert [file.path.stem for file in session.skipped] == ["photo 3"]
    assert "photo 3" not in names(page.model)
    page.strip.skipped_button.click()
    table = page.skipped_files.table
    assert not page.skipped_files.reveal_button.isEnabled()
    table.setFocus()
    table.topLevelItem(0).setSelected(True)
    page.skipped_files.copy_button.click()
    assert QGuiApplication.clipboard().text() == str(folder / "photo 3.png")
    (folder / "photo 3.png").write_bytes(whole)
    page.skipped_files.retry_button.click()
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=20_000)
    qtbot.waitUntil(lambda: "photo 3" in names(page.model))
    assert session.skipped == ()
    assert session.folders == (folder,)
    assert not page.skipped_files.isVisible()


def test_results_beside_their_photos_are_photos_only_where_they_are_chosen(
    qtbot, page, runner, session, folder, tmp_path
):
    config = RestoreConfig(model=write_model(tmp_path), photos=(folder / "photo 3.png",), out=folder, device="cpu")
    restore(config, JobControl(), lambda event: None)
    whole = (folder / "photo 2.png").read_bytes()
    (folder / "photo 2.png").write_bytes(whole[: len(whole) // 2])
    open_and_wait(qtbot, page, runner, folder)
    assert {file.path.stem for file in session.skipped} == {"photo 2", "photo 3_restored"}
    page.strip.skipped_button.click()
    (folder / "photo 2.png").write_bytes(whole)
    page.skipped_files.retry_button.click()
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=20_000)
    qtbot.waitUntil(lambda: "photo 2" in names(page.model))
    # All that could be mended has been tried.
    assert [file.path.stem for file in session.skipped] == ["photo 3_restored"]
    assert not page.skipped_files.retry_button.isEnabled()
    page.skipped_files.table.topLevelItem(0).setSelected(True)
    page.skipped_files.retry_button.click()
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=20_000)
    qtbot.waitUntil(lambda: "photo 3_restored" in names(page.model))
    assert session.skipped == ()


def test_an_animation_is_told_as_one(qtbot, page, runner, tmp_path):
    pictures = [Image.new("RGB", (80, 60), (40 * number, 90, 90)) for number in range(3)]
    pictures[0].save(tmp_path / "animation.webp", save_all=True, append_images=pictures[1:])
    open_and_wait(qtbot, page, runner, tmp_path)
    assert names(page.model) == ["animation"]
    assert "The file holds 3 pictures" in page.model.index(0).data(Qt.ItemDataRole.ToolTipRole)


def test_a_stack_is_one_photo_with_its_pages(qtbot, page, runner, session, tmp_path):
    stack = tmp_path / "stack.tif"
    pixels = (np.random.default_rng(0).random((3, 60, 80)) * 900 + 100).astype(np.uint16)
    tifffile.imwrite(stack, pixels, photometric="minisblack")
    open_and_wait(qtbot, page, runner, tmp_path)
    assert names(page.model) == ["stack"]
    assert page.model.index(0).data() == "stack.tif · 3\N{NO-BREAK SPACE}pages"
    tip = page.model.index(0).data(Qt.ItemDataRole.ToolTipRole)
    assert "A stack of 3\N{NO-BREAK SPACE}pages" in tip
    assert "TIFF, 16 bits" in tip
    assert "1 usable (3\N{NO-BREAK SPACE}pages)" in page.strip.summary.whole_text
    assert page.strip.primary.text() == "Restore 1\N{NO-BREAK SPACE}photo"
    assert session.photos[0].noise_sigma is not None
    thumbnails = shared_thumbnails(session)
    second = PhotoRef(stack)
    qtbot.waitUntil(lambda: thumbnails.pixmap(second) is not None)
    shown = thumbnails.pixmap(second).toImage()
    values = [shown.pixelColor(x, y).red() for x in range(80) for y in range(60)]
    assert min(values) < 10, "of 65,536 levels it uses 900: it is shown between its own black and white"
    assert max(values) > 245
    page.tools.stretch_button.click()
    qtbot.waitUntil(lambda: thumbnails.pixmap(second) is not None)
    shades = {thumbnails.pixmap(second).toImage().pixelColor(x, 30).red() for x in range(80)}
    assert max(shades) - min(shades) > 150
    assert "contrast stretched for looking" in page.strip.summary.whole_text
    page.activateWindow()
    page.grid.select_photo(second)
    assert session.teaching_photos == tuple(PhotoRef(stack, number) for number in (1, 2, 3))
    page.selection.toggle_exclusion()
    assert session.training_sources(is_whole_folder=True) == session.teaching_photos == ()


def test_the_cameras_own_small_picture_comes_first(qtbot, tmp_path):
    """A red thumbnail in the EXIF block of a green photo: red is seen first, and green stays."""
    small = BytesIO()
    Image.new("RGB", (160, 120), (200, 0, 0)).save(small, "JPEG")
    block = bytearray(b"II*\x00\x08\x00\x00\x00" + b"\x00\x00" + (14).to_bytes(4, "little"))
    start = len(block) + 2 + 2 * 12 + 4
    entries = [(0x0201, 4, start), (0x0202, 4, len(small.getvalue()))]
    block += len(entries).to_bytes(2, "little")
    for tag, kind, value in entries:
        block += tag.to_bytes(2, "little") + kind.to_bytes(2, "little") + (1).to_bytes(4, "little")
        block += value.to_bytes(4, "little")
    block += bytes(4) + small.getvalue()
    path = tmp_path / "large.jpg"
    Image.new("RGB", (2000, 1500), (0, 200, 0)).save(path, exif=b"Exif\x00\x00" + bytes(block))
    loader = ThumbnailLoader(side_px=64, cache_folder=tmp_path / "cache", num_threads=1)
    seen = []
    loader.ready.connect(lambda ready: seen.append(loader.pixmap(ready).toImage().pixelColor(20, 20).red() > 100))
    loader.want([PhotoRef(path)])
    qtbot.waitUntil(lambda: len(seen) == 2, timeout=10_000)
    loader.shut_down()
    assert seen == [True, False]
    assert loader.pixmap(PhotoRef(path)).width() == 64


def test_measuring_steps_aside_for_a_job_and_can_be_taken_up_again(qtbot, page, runner, session, folder):
    release, started = threading.Event(), threading.Event()

    def long_job(_config, control, _emit):
        started.set()
        release.wait(20)

    page.open_paths([folder])
    qtbot.waitUntil(lambda: page.scans.is_measuring, timeout=20_000)
    job = runner.submit(
        JobRequest(title="Training", page_id="pretrain", function=long_job, config=None, lane=JobLane.MAIN)
    )
    qtbot.waitUntil(started.is_set)
    if page.scans.is_measuring:
        qtbot.waitUntil(lambda: "waits" in page.scans.text or not page.scans.is_measuring)
    release.set()
    qtbot.waitUntil(lambda: job.state.is_ended)
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=20_000)
    qtbot.waitUntil(lambda: page.scans.unmeasured == [])
    session.add_photos([PhotoScanned(path=PhotoRef(folder / "photo 1.png"), width=96, height=80, noise_sigma=None)])
    page.strip.show_state()
    assert page.strip.measure_button.isVisible()
    page.strip.measure_button.click()
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=20_000)
    assert session.photo(PhotoRef(folder / "photo 1.png")).noise_sigma is not None
    assert not page.strip.measure_button.isVisible()


def test_parts_that_arrive_in_order_are_put_behind(qtbot, session, tmp_path):
    """And one that comes before others sorts in."""
    model = PhotoListModel(session)
    inserted = []
    model.rowsInserted.connect(lambda _parent, first, last: inserted.append((first, last)))

    def photos(*numbers):
        return [
            PhotoScanned(path=PhotoRef(tmp_path / f"{n}.png"), width=9, height=9, noise_sigma=None) for n in numbers
        ]

    session.add_photos(photos(1, 2))
    session.add_photos(photos(3, 10))
    model.rebuild()
    session.add_photos(photos(11))
    model.rebuild()
    assert inserted[-1] == (4, 4)
    session.add_photos(photos(4))
    model.rebuild()
    assert names(model) == ["1", "2", "3", "4", "10", "11"]
    assert [model.row_of(PhotoRef(tmp_path / f"{n}.png")) for n in (4, 11)] == [3, 5]


@pytest.mark.parametrize(("low", "high"), [(3.0, 7.3), (0.1, 60), (4.1, 4.9), (5.5, 9.8), (2.01, 2.9)])
def test_the_noise_axis_names_two_places_at_least(qtbot, page, low, high):
    axis = page.noise_map.plot.getAxis("left")
    [(_, places)] = axis.tickValues(math.log10(low), math.log10(high), 84)
    names = axis.tickStrings(places, 1, 0)
    assert 2 <= len(names) <= 10
    assert len(set(names)) == len(names)
    assert [float(name) for name in names] == pytest.approx([10**place for place in places])
