import shutil

import cv2
import numpy as np
import pytest
import tifffile
from PySide6.QtCore import QPointF, QRect, QSizeF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.core.session import RestoredPhoto
from app.core.settings import COMPARE_MODE, COMPARE_PROFILE
from app.pages.compare.figures import figures_text
from app.pages.compare.page import ComparePage
from app.pages.compare.panes import (
    INPUT_CHOICE,
    REFERENCE_CHOICE,
    RESTORED_CHOICE,
    PaneChoice,
    PaneKind,
    reference_of,
    source_of,
)
from app.viewer.pictures import MissingPicture, Picture
from engine.comparing.metrics import psnr, ssim
from engine.contracts.events import PhotoScanned
from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import read_image
from engine.photos.pairs import PhotoPair
from tests.app.conftest import show_at


@pytest.fixture
def folder(tmp_path, tiny_photos):
    folder = tmp_path / "noisy"
    folder.mkdir()
    for index in range(4):
        shutil.copy(tiny_photos.noisy / f"photo {index}.png", folder / f"photo {index}.png")
    return folder


@pytest.fixture
def filled(session, folder, tiny_photos, tmp_path):
    """Four photos; the first two restored by one model, the first by another too; references of the first three."""
    session.set_folders([folder])
    paths = sorted(folder.iterdir())
    session.add_photos([PhotoScanned(path=PhotoRef(path), width=112, height=96, noise_sigma=0.1) for path in paths])
    session.set_label_pairs([PhotoPair(PhotoRef(path), PhotoRef(tiny_photos.clean / path.name)) for path in paths[:3]])
    for index, model in ((0, "Blurry"), (1, "Blurry"), (0, "Sharper")):
        values = cv2.GaussianBlur(cv2.imread(str(paths[index])), (5, 5), 1.5 if model == "Blurry" else 0.8)
        output = tmp_path / f"{paths[index].stem} {model}.png"
        cv2.imwrite(str(output), values)
        session.add_restored([(PhotoRef(paths[index]), RestoredPhoto(model, output))])
    return session


@pytest.fixture
def page(qtbot, session, runner, settings):
    page = ComparePage(session, runner, settings)
    show_at(qtbot, page, 1100, 700)
    page.activateWindow()
    yield page
    page.shut_down()


@pytest.fixture
def opened(qtbot, filled, page):
    page.activated()
    wait(qtbot, page)
    qtbot.waitUntil(page.viewer.hasFocus)
    return page


def wait(qtbot, page):
    qtbot.waitUntil(lambda: not page.is_busy and page.filmstrip.photos.rowCount() > 0, timeout=10_000)
    qtbot.wait(20)
    qtbot.waitUntil(lambda: not page.is_busy, timeout=10_000)


def titles(page):
    return [view.panel.title for view in page.viewer.pane_views]


def press(qtbot, page, key, modifier=Qt.KeyboardModifier.NoModifier):
    QTest.keyClick(page.viewer, key, modifier)
    wait(qtbot, page)


def test_without_photos_the_page_leads_to_them(qtbot, page):
    with qtbot.waitSignal(page.page_requested) as requested:
        page._empty.action_button.click()
    assert requested.args == ["photos"]


def test_noisy_restored_and_reference_with_their_figures(qtbot, opened, session, tiny_photos, folder):
    assert titles(opened) == ["Noisy", "Restored", "Reference"]
    noisy, restored, _ = (view.caption.text for view in opened.viewer.pane_views)
    clean = read_image(tiny_photos.clean / "photo 0.png").pixels
    pixels = read_image(folder / "photo 0.png").pixels
    assert f"{psnr(pixels, clean):.2f}" in noisy
    assert f"SSIM {ssim(pixels, clean):.3f}" in noisy
    assert "Sharper" in restored
    assert "dB" in restored


def test_arrows_walk_the_photos(qtbot, opened, session, folder):
    assert session.current_photo == PhotoRef(folder / "photo 0.png")
    press(qtbot, opened, Qt.Key.Key_Right)
    assert session.current_photo == PhotoRef(folder / "photo 1.png")
    assert opened.filmstrip.currentIndex().row() == 1
    for _ in range(5):
        press(qtbot, opened, Qt.Key.Key_Right)
    assert session.current_photo == PhotoRef(folder / "photo 3.png")
    assert [type(pane) for pane in opened.viewer.panes] == [Picture, MissingPicture, MissingPicture]
    said = ["no reference" in view.caption.text for view in opened.viewer.pane_views]
    assert said == [True, False, False], "once is enough"
    assert "not been restored" in opened.viewer.pane_views[1].canvas.message
    press(qtbot, opened, Qt.Key.Key_Left)
    assert session.current_photo == PhotoRef(folder / "photo 2.png")


def test_keys_choose_the_ways_of_looking(qtbot, opened, settings):
    press(qtbot, opened, Qt.Key.Key_S)
    assert opened.viewer.mode_key == "split"
    assert opened.bar.mode_buttons["split"].isChecked()
    press(qtbot, opened, Qt.Key.Key_D)
    assert opened.viewer.mode_key == "difference"
    assert titles(opened)[0].startswith("Reference − Noisy")
    press(qtbot, opened, Qt.Key.Key_R)
    assert opened.viewer.mode_key == "residual"
    gain = opened.viewer.gain
    press(qtbot, opened, Qt.Key.Key_BracketRight)
    assert opened.viewer.gain == 2 * gain
    assert opened.bar.gain_box.currentData() == 2 * gain
    press(qtbot, opened, Qt.Key.Key_BracketLeft)
    assert opened.viewer.gain == gain
    press(qtbot, opened, Qt.Key.Key_R)
    assert opened.viewer.mode_key == "side_by_side"
    press(qtbot, opened, Qt.Key.Key_2)
    assert titles(opened) == ["Restored"]
    press(qtbot, opened, Qt.Key.Key_2)
    assert len(titles(opened)) == 3
    press(qtbot, opened, Qt.Key.Key_Space)
    assert opened.viewer.mode_key == "flicker"
    assert settings.get(COMPARE_MODE) == "flicker"
    press(qtbot, opened, Qt.Key.Key_Space)
    assert opened.viewer.pane_views[0].caption.text.startswith("Restored")


def test_keys_zoom(qtbot, opened):
    press(qtbot, opened, Qt.Key.Key_Z)
    assert opened.viewer.view_transform.zoom == 1.0
    assert opened.bar.zoom_text == "100 %"
    press(qtbot, opened, Qt.Key.Key_Plus)
    assert opened.viewer.view_transform.zoom == 1.5
    press(qtbot, opened, Qt.Key.Key_Minus)
    assert opened.viewer.view_transform.zoom == 1.0
    press(qtbot, opened, Qt.Key.Key_F)
    assert opened.viewer.view_transform.is_fit


def test_zoom_stays_while_walking(qtbot, opened):
    opened.viewer.view_transform.zoom_to(5.0)
    centre = opened.viewer.view_transform.centre
    press(qtbot, opened, Qt.Key.Key_Right)
    assert opened.viewer.view_transform.zoom == 5.0
    assert opened.viewer.view_transform.centre == centre


def test_shift_and_arrows_move_the_split(qtbot, opened):
    press(qtbot, opened, Qt.Key.Key_S)
    press(qtbot, opened, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert opened.viewer.pane_views[0].canvas.split == pytest.approx(0.49)


def test_each_pane_can_show_something_else(qtbot, opened, tmp_path):
    menu_texts = [action.text() for action in opened.bar.menu_of(1).actions() if action.text()]
    assert menu_texts[:5] == ["Noisy", "Restored, newest", "Restored: Blurry", "Restored: Sharper", "Reference"]
    next(action for action in opened.bar.menu_of(1).actions() if action.text() == "Restored: Blurry").trigger()
    wait(qtbot, opened)
    assert "Blurry" in opened.viewer.pane_views[1].caption.text
    opened.bar.add_button.click()
    wait(qtbot, opened)
    assert len(opened.choices) == 4
    other = tmp_path / "photo 0 Blurry.png"
    opened.bar.choices_changed.emit((INPUT_CHOICE, PaneChoice(PaneKind.FILE, path=other)))
    wait(qtbot, opened)
    assert titles(opened) == ["Noisy", "photo 0 Blurry.png"]
    assert opened.bar.chip_texts == ["1  Noisy", "2  photo 0 Blurry.png"]


def test_at_most_six_panes(qtbot, opened):
    for _ in range(4):
        opened.bar.add_button.click()
        wait(qtbot, opened)
    assert len(opened.viewer.pane_views) == 6
    assert not opened.bar.add_button.isEnabled()


def test_pixel_values_under_the_cursor(qtbot, opened, folder):
    press(qtbot, opened, Qt.Key.Key_F)
    canvas = opened.viewer.pane_views[0].canvas
    place = opened.viewer.view_transform.to_viewport(QPointF(56.5, 48.5), QSizeF(canvas.size()))
    QTest.mouseMove(canvas, place.toPoint())
    qtbot.waitUntil(lambda: "Noisy R" in opened.pixel_bar.text)
    pixels = np.rint(read_image(folder / "photo 0.png").pixels * 255).astype(int)
    red, green, blue = pixels[48, 56]
    assert f"x 56  y 48  Noisy R {red} G {green} B {blue}" in opened.pixel_bar.text


def test_new_results_show_up(qtbot, opened, session, folder, tmp_path):
    press(qtbot, opened, Qt.Key.Key_Right)
    output = tmp_path / "fresh.png"
    shutil.copy(folder / "photo 1.png", output)
    session.add_restored([(PhotoRef(folder / "photo 1.png"), RestoredPhoto("Fresh", output))])
    wait(qtbot, opened)
    assert "Fresh" in opened.viewer.pane_views[1].caption.text


def test_broken_file_says_why(qtbot, opened, folder):
    (folder / "photo 1.png").write_bytes(b"no picture")
    press(qtbot, opened, Qt.Key.Key_Right)
    assert opened.viewer.pane_views[0].canvas.message
    assert isinstance(opened.viewer.panes[0], MissingPicture)


def test_the_view_is_saved_as_a_picture(qtbot, opened, tmp_path):
    messages = []
    opened.message_raised.connect(messages.append)
    opened.exporter.save_picture(opened.viewer.composed_view(), tmp_path / "view.png")
    qtbot.waitUntil(lambda: messages != [])
    saved = read_image(tmp_path / "view.png")
    assert (saved.width, saved.height) == (opened.viewer.width(), opened.viewer.height())
    assert saved.pixels.std() > 0.05
    assert "view.png" in messages[0].text
    opened.exporter.save_picture(opened.viewer.composed_view(), tmp_path / "no such folder" / "view.png")
    qtbot.waitUntil(lambda: len(messages) == 2)
    assert messages[1].hint


def test_hidden_page_reads_nothing(qtbot, session, runner, settings, filled, folder):
    page = ComparePage(session, runner, settings)
    qtbot.addWidget(page)
    session.set_current_photo(PhotoRef(folder / "photo 0.png"))
    qtbot.wait(50)
    assert page.viewer.panes == ()
    page.show()
    wait(qtbot, page)
    assert len(page.viewer.panes) == 3
    page.shut_down()


def test_sources(filled, folder, tmp_path, tiny_photos):
    first, last = folder / "photo 0.png", folder / "photo 3.png"
    assert source_of(RESTORED_CHOICE, filled, PhotoRef(first)).detail == "Sharper"
    assert (
        source_of(PaneChoice(PaneKind.RESTORED, label="Blurry"), filled, PhotoRef(first)).picture.name
        == "photo 0 Blurry.png"
    )
    missing = source_of(PaneChoice(PaneKind.RESTORED, label="Blurry"), filled, PhotoRef(last))
    assert missing.picture is None
    assert "Blurry" in missing.missing
    assert source_of(REFERENCE_CHOICE, filled, PhotoRef(last)).picture is None
    filled.set_references([tiny_photos.clean])
    assert reference_of(filled, PhotoRef(last)) == PhotoRef(tiny_photos.clean / "photo 3.png")


def test_a_page_has_the_page_of_the_same_number_as_reference(session, tmp_path):
    for folder, num_pages in (("noisy", 3), ("clean", 2)):
        (tmp_path / folder).mkdir()
        pages = np.zeros((num_pages, 16, 16), np.uint16)
        tifffile.imwrite(tmp_path / folder / "stack.tif", pages, photometric="minisblack")
    session.set_references([tmp_path / "clean"])
    noisy, clean = tmp_path / "noisy" / "stack.tif", tmp_path / "clean" / "stack.tif"
    assert reference_of(session, PhotoRef(noisy, 2)) == PhotoRef(clean, 2)
    assert reference_of(session, PhotoRef(noisy, 3)) is None
    assert reference_of(session, PhotoRef(clean, 1)) is None


def test_figures_are_honest():
    clean = Picture(title="Reference", pixels=np.full((20, 20, 3), 0.5, np.float32))
    other = Picture(title="Other", pixels=np.full((10, 13, 3), 0.5, np.float32))
    small = Picture(title="Small", pixels=np.full((10, 10, 3), 0.6, np.float32))
    off = Picture(title="Off", pixels=np.full((20, 20, 3), 0.6, np.float32))
    assert figures_text(other, clean) == "reference has 20 × 20"
    assert figures_text(small, clean).startswith("enlarged: 20.00\N{NO-BREAK SPACE}dB · SSIM")
    assert figures_text(clean, clean) == "equals the reference"
    assert figures_text(off, clean).startswith("20.00\N{NO-BREAK SPACE}dB · SSIM")


def test_the_profile_of_the_last_session_has_its_line_once_there_are_panes(qtbot, filled, runner, settings):
    settings.set(COMPARE_PROFILE, True)
    page = ComparePage(filled, runner, settings)
    show_at(qtbot, page, 1100, 700)
    filled.set_current_photo(filled.photos[0].path)
    qtbot.waitUntil(lambda: not page.is_busy and not page.profile.is_busy, timeout=10_000)
    qtbot.waitUntil(lambda: bool(page.profile.measured), timeout=10_000)
    line = page.viewer.line
    assert (line.y1(), line.dx()) == pytest.approx((48, 112), abs=2)
    assert all(one.profile is not None for one in page.profile.measured)
    page.bar.profile_button.click()
    assert page.viewer.line is None
    page.shut_down()


def test_a_region_is_measured_where_it_is_seen_beside_a_picture_of_another_shape(qtbot, opened, tiny_photos, tmp_path):
    """The narrower photo lies in the middle of the wider scene, and so do the region's pixels in it."""
    wide = tmp_path / "wide.png"
    cv2.imwrite(str(wide), np.zeros((96, 224, 3), np.uint8))
    opened._choose_panes((INPUT_CHOICE, PaneChoice(PaneKind.FILE, path=wide)))
    wait(qtbot, opened)
    opened.viewer.set_region(QRect(56 + 70, 20, 30, 40))
    wait(qtbot, opened)
    noisy, clean = (read_image(folder / "photo 0.png").pixels for folder in (tiny_photos.noisy, tiny_photos.clean))
    expected = f"{psnr(noisy[20:60, 70:100], clean[20:60, 70:100]):.2f}"
    assert f"region {expected}" in opened.viewer.pane_views[0].caption.text


def test_figures_follow_a_reference_that_has_changed(qtbot, opened, session, folder, tiny_photos, tmp_path):
    reference = tmp_path / "reference.png"
    shutil.copy(tiny_photos.clean / "photo 0.png", reference)
    session.set_label_pairs([PhotoPair(PhotoRef(folder / "photo 0.png"), PhotoRef(reference))])
    wait(qtbot, opened)
    noisy, other = (read_image(path).pixels for path in (folder / "photo 0.png", folder / "photo 1.png"))
    shutil.copy(folder / "photo 1.png", reference)
    opened.hide()
    session.set_label_pairs([])
    session.set_label_pairs([PhotoPair(PhotoRef(folder / "photo 0.png"), PhotoRef(reference))])
    opened.show()
    wait(qtbot, opened)
    assert f"{psnr(noisy, other):.2f}" in opened.viewer.pane_views[0].caption.text


@pytest.mark.parametrize("is_seen", [True, False])
def test_a_photo_edited_in_another_program_is_shown_as_it_is_now(qtbot, opened, session, folder, is_seen):
    session.set_current_photo(PhotoRef(folder / "photo 3.png"))
    wait(qtbot, opened)
    opened.setVisible(is_seen)
    shutil.copy(folder / "photo 1.png", folder / "photo 3.png")
    QApplication.instance().applicationStateChanged.emit(Qt.ApplicationState.ApplicationActive)
    opened.show()
    wait(qtbot, opened)
    np.testing.assert_array_equal(opened.viewer.panes[0].pixels, read_image(folder / "photo 1.png").pixels)
