"""The compare page's panel of looks, its region, and what a narrow bar does."""

import shutil
from itertools import pairwise

import pytest
from PySide6.QtCore import QEvent, QPointF, QRect, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QRadioButton, QWidget

from app.core.settings import COMPARE_HISTOGRAM
from app.look.buttons import icon_button
from app.look.image_convert import pixels_from_qimage
from app.look.theme import Theme, ThemeChoice
from app.pages.compare.looks import gamma_of, steps_of
from app.pages.compare.page import ComparePage
from app.pages.compare.panes import INPUT_CHOICE, REFERENCE_CHOICE, PaneChoice, PaneKind
from app.viewer.canvas.image_canvas import Backdrop
from app.viewer.pictures import MAX_PANES
from app.viewer.tiles.tile_mosaic import Interpolation
from app.widgets.room.overflow import OverflowButton
from engine.comparing.metrics import psnr, ssim
from engine.contracts.events import PhotoScanned
from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import read_image
from engine.photos.pairs import PhotoPair
from tests.app.conftest import show_at


@pytest.fixture
def photo(tmp_path, tiny_photos):
    return shutil.copy(tiny_photos.noisy / "photo 1.png", tmp_path / "photo 1.png")


@pytest.fixture
def page(qtbot, theme, session, runner, settings, photo, tiny_photos):
    session.set_folders([photo.parent])
    session.add_photos([PhotoScanned(path=PhotoRef(photo), width=112, height=96, noise_sigma=0.1)])
    session.set_label_pairs([PhotoPair(PhotoRef(photo), PhotoRef(tiny_photos.clean / photo.name))])
    page = ComparePage(session, runner, settings)
    show_at(qtbot, page, 1100, 700)
    page.bar.choices_changed.emit((INPUT_CHOICE, REFERENCE_CHOICE))
    page.activateWindow()
    page.activated()
    wait(qtbot, page)
    qtbot.waitUntil(page.viewer.hasFocus)
    yield page
    page.shut_down()


def wait(qtbot, page):
    qtbot.wait(20)
    qtbot.waitUntil(lambda: not page.is_busy and page.filmstrip.photos.rowCount() > 0, timeout=10_000)


def press(qtbot, page, key, modifier=Qt.KeyboardModifier.NoModifier):
    QTest.keyClick(page.viewer, key, modifier)
    wait(qtbot, page)


def drag_with_shift(canvas, start, end):
    for kind, place, buttons in (
        (QEvent.Type.MouseButtonPress, start, Qt.MouseButton.LeftButton),
        (QEvent.Type.MouseMove, end, Qt.MouseButton.LeftButton),
        (QEvent.Type.MouseButtonRelease, end, Qt.MouseButton.NoButton),
    ):
        button = Qt.MouseButton.NoButton if kind is QEvent.Type.MouseMove else Qt.MouseButton.LeftButton
        shift = Qt.KeyboardModifier.ShiftModifier
        event = QMouseEvent(kind, QPointF(place), QPointF(canvas.mapToGlobal(place)), button, buttons, shift)
        canvas.event(event)


def brightness(page):
    return float(pixels_from_qimage(page.viewer.composed_view()).mean())


def test_a_region_has_figures_of_its_own(qtbot, page, photo, tiny_photos):
    canvas = page.viewer.pane_views[0].canvas
    centre = canvas.rect().center()
    drag_with_shift(canvas, centre, centre + canvas.rect().topLeft() + QPointF(90, 80).toPoint())
    wait(qtbot, page)
    region = page.viewer.region
    assert page.bar.region_button.isChecked()
    noisy, clean = read_image(photo).pixels, read_image(tiny_photos.clean / photo.name).pixels
    rows = slice(region.top(), region.top() + region.height())
    columns = slice(region.left(), region.left() + region.width())
    caption = page.viewer.pane_views[0].caption.text
    inside = (noisy[rows, columns], clean[rows, columns])
    assert f"region {psnr(*inside):.2f}\N{NO-BREAK SPACE}dB, SSIM {ssim(*inside):.3f}" in caption
    assert f"whole {psnr(noisy, clean):.2f}" in caption
    press(qtbot, page, Qt.Key.Key_Escape)
    assert page.viewer.region is None
    assert not page.bar.region_button.isChecked()
    assert "region" not in page.viewer.pane_views[0].caption.text


def test_what_is_in_view_is_a_region(qtbot, page):
    press(qtbot, page, Qt.Key.Key_F)
    press(qtbot, page, Qt.Key.Key_M)
    assert page.viewer.region == QRect(0, 0, 112, 96)
    page.bar.region_button.click()
    assert page.viewer.region is None
    page.viewer.view_transform.zoom_to(16.0)
    page.bar.region_button.click()
    wait(qtbot, page)
    region = page.viewer.region
    assert 0 < region.width() < 112
    assert "region" in page.viewer.pane_views[0].caption.text


def test_exposure_and_gamma_by_keys_and_sliders(qtbot, page):
    looks = page.bar.looks
    before = brightness(page)
    press(qtbot, page, Qt.Key.Key_Period)
    press(qtbot, page, Qt.Key.Key_Period)
    assert page.viewer.exposure_stops == 1.0
    assert looks.exposure_slider.value() == 4
    assert brightness(page) > before
    looks.exposure_slider.setValue(-6)
    wait(qtbot, page)
    assert page.viewer.exposure_stops == -1.5
    assert brightness(page) < before
    looks.gamma_slider.setValue(3)
    assert page.viewer.gamma == pytest.approx(1.331)
    press(qtbot, page, Qt.Key.Key_0)
    assert (page.viewer.exposure_stops, page.viewer.gamma) == (0.0, 1.0)
    assert (looks.exposure_slider.value(), looks.gamma_slider.value()) == (0, 0)
    assert brightness(page) == pytest.approx(before, abs=1e-3)


def test_histograms_on_demand_and_remembered(qtbot, page, settings):
    assert page.histogram.isHidden()
    press(qtbot, page, Qt.Key.Key_H)
    qtbot.waitUntil(lambda: bool(page.histogram.histograms) and not page.histogram.is_busy)
    assert [histogram.title for histogram in page.histogram.histograms] == ["Noisy", "Reference"]
    assert {histogram.num_pixels for histogram in page.histogram.histograms} == {112 * 96}
    assert settings.get(COMPARE_HISTOGRAM)
    assert page.bar.histogram_button.isChecked()
    page.bar.histogram_button.click()
    assert page.histogram.isHidden()
    assert not settings.get(COMPARE_HISTOGRAM)


def test_gamma_and_slider_positions_agree():
    for steps in range(-16, 17):
        assert steps_of(gamma_of(steps)) == steps
    assert gamma_of(100) == 5.0


def test_the_panel_sets_and_follows_every_look(qtbot, page):
    looks, viewer = page.bar.looks, page.viewer
    page.bar.looks_button.click()
    assert looks.isVisible()
    assert page.rect().contains(QRect(page.mapFromGlobal(looks.pos()), looks.size()))
    for name, value_of in (
        ("stretched", lambda: viewer.is_stretched),
        ("false_colours", lambda: viewer.has_false_colours),
        ("signed", lambda: viewer.is_signed),
        ("grid", lambda: viewer.has_pixel_grid),
    ):
        looks.boxes[name].click()
        assert value_of(), name
    for choice in looks.findChildren(QRadioButton):
        if choice.text() in ("White", "Squares"):
            choice.click()
    assert viewer.backdrop is Backdrop.WHITE
    assert viewer.interpolation is Interpolation.NEAREST
    looks.close()
    press(qtbot, page, Qt.Key.Key_C)
    press(qtbot, page, Qt.Key.Key_D, Qt.KeyboardModifier.ShiftModifier)
    assert not looks.boxes["false_colours"].isChecked()
    assert not looks.boxes["signed"].isChecked()
    looks.flicker_box.click()
    assert viewer.flicker_timer.is_running
    assert viewer.mode_key == "flicker"
    press(qtbot, page, Qt.Key.Key_T)
    assert not viewer.flicker_timer.is_running
    assert not looks.flicker_box.isChecked()


@pytest.mark.parametrize(("width", "text_scale"), [(890, 1.0), (826, 2.0)])
def test_a_narrow_bar_holds_six_panes_and_loses_nothing(qtbot, page, width, text_scale):
    """The page's width in a window of 960 pixels, at the smallest and the largest text."""
    Theme.of_application().apply(ThemeChoice.DARK, text_scale)
    baselines = ("wavelet", "total-variation", "non-local-means")
    choices = [PaneChoice(PaneKind.BASELINE, name) for name in baselines]
    page.bar.choices_changed.emit((INPUT_CHOICE, REFERENCE_CHOICE, INPUT_CHOICE, *choices)[:MAX_PANES])
    page.viewer.set_mode("difference")
    page.resize(width, 500)
    wait(qtbot, page)
    bar = page.bar
    assert page.width() == width
    shown = [
        child
        for child in bar.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
        if child.isVisible()
    ]
    assert max(child.geometry().right() for child in shown) < width
    places = sorted((child.geometry() for child in shown), key=QRect.left)
    assert all(one.right() < other.left() for one, other in pairwise(places))
    bar.overflow.menu().aboutToShow.emit()
    texts = [action.text() for action in bar.overflow.menu().actions()]
    assert "Blind test" in texts
    if bar.save_button.isHidden():
        assert "Save what is shown" in texts
    next(action for action in bar.overflow.menu().actions() if action.text() == "Blind test").trigger()
    wait(qtbot, page)
    assert page.blind.is_on
    blind_bar = page.blind.bar
    shown = [
        child
        for child in blind_bar.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
        if child.isVisible()
    ]
    assert max(child.geometry().right() for child in shown) < width
    page.blind.end()


def test_the_overflow_hides_the_most_dispensable_first(qtbot):
    overflow = OverflowButton()
    qtbot.addWidget(overflow)
    host = QWidget()
    qtbot.addWidget(host)
    clicked = []
    controls = [icon_button("plus", name, host) for name in ("first", "second", "third")]
    for control in controls:
        overflow.watch(control, control.toolTip())
        control.clicked.connect(lambda _=False, control=control: clicked.append(control.toolTip()))
    width = controls[0].sizeHint().width()
    overflow.fit(3 * width, 0)
    assert [control.isHidden() for control in controls] == [False, False, False]
    assert overflow.isHidden()
    overflow.fit(3 * width - 1, 0)
    # Its own button takes the place of one more.
    assert [control.isHidden() for control in controls] == [True, True, False]
    overflow.withdraw(controls[1], True)
    overflow.fit(2 * width - 1, 0)
    assert overflow.hidden_controls == [controls[0], controls[2]]
    overflow.menu().aboutToShow.emit()
    assert [action.text() for action in overflow.menu().actions()] == ["third", "first"]
    overflow.menu().actions()[1].trigger()
    assert clicked == ["first"]


def test_escape_closes_the_panel_and_leaves_the_region(qtbot, page):
    region = QRect(10, 10, 30, 20)
    page.viewer.set_region(region)
    page.bar.looks_button.click()
    qtbot.waitUntil(page.bar.looks.isVisible)
    QTest.keyClick(page.bar.looks.exposure_slider, Qt.Key.Key_Escape)
    assert not page.bar.looks.isVisible()
    assert page.viewer.region == region


def test_keys_go_on_after_a_pane_was_chosen_by_its_button(qtbot, page):
    chip = page.bar.menu_of(1).parentWidget()
    chip.setFocus()
    page.bar.menu_of(1).actions()[0].trigger()
    wait(qtbot, page)
    assert page.window().focusWidget() is page.viewer
