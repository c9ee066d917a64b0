import gc
import itertools
import weakref

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QSizeF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

from app.look.theme import ThemeChoice
from app.viewer.canvas.image_canvas import Backdrop
from app.viewer.compare_viewer import CompareViewer
from app.viewer.inspectors import PixelBar, pixel_value
from app.viewer.pictures import MissingPicture, Picture, PictureRole
from tests.app.conftest import show_at


def picture(title, value=None, role=PictureRole.OTHER, size=(80, 120), seed=0, **fields):
    pixels = (
        np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.float32) / 255
        if value is None
        else np.full((*size, 3), value, np.float32)
    )
    return Picture(title=title, pixels=pixels, role=role, **fields)


THREE = [
    picture("Noisy", 0.6, PictureRole.INPUT),
    picture("Restored", 0.4, PictureRole.RESTORED),
    picture("Reference", 0.2, PictureRole.REFERENCE),
]


@pytest.fixture
def viewer(qtbot):
    viewer = CompareViewer()
    show_at(qtbot, viewer, 900, 500)
    yield viewer
    viewer.shut_down()


def show(qtbot, viewer, panes):
    with qtbot.waitSignal(viewer.panels_shown):
        viewer.set_panes(panes)


def change(qtbot, viewer, function, *args):
    with qtbot.waitSignal(viewer.panels_shown):
        function(*args)


def turn_wheel(canvas, position, units=120):
    event = QWheelEvent(
        QPointF(position),
        QPointF(canvas.mapToGlobal(position)),
        QPoint(),
        QPoint(0, units),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, event)


def drag(widget, start, end, button=Qt.MouseButton.LeftButton):
    QTest.mousePress(widget, button, Qt.KeyboardModifier.NoModifier, start)
    for step in (0.3, 0.7, 1.0):
        QTest.mouseMove(widget, start + (end - start) * step)
        QTest.qWait(2)
    QTest.mouseRelease(widget, button, Qt.KeyboardModifier.NoModifier, end)


def gray_at(widget, x, y):
    image = widget.grab().toImage()
    ratio = image.devicePixelRatio()
    return image.pixelColor(round(x * ratio), round(y * ratio)).red()


def test_panes_are_beside_each_other_with_captions(qtbot, viewer):
    viewer.set_panes(THREE, {0: "20.10 dB"})
    qtbot.waitUntil(lambda: len(viewer.pane_views) == 3)
    assert [view.caption.text for view in viewer.pane_views] == ["Noisy  20.10 dB", "Restored", "Reference"]
    assert [view.isVisible() for view in viewer.pane_views] == [True] * 3
    assert len({view.canvas.size().toTuple() for view in viewer.pane_views}) == 1
    for view, value in zip(viewer.pane_views, (0.6, 0.4, 0.2), strict=True):
        middle = view.canvas.rect().center()
        assert gray_at(view.canvas, middle.x(), middle.y()) == round(value * 255)


def test_wheel_zooms_about_the_cursor_in_all_panes(qtbot, viewer):
    show(qtbot, viewer, THREE)
    first, second = (view.canvas for view in viewer.pane_views[:2])
    position = QPoint(100, 180)
    size = QSizeF(first.size())
    before = viewer.view_transform.to_scene(QPointF(position), size)
    zoom = viewer.view_transform.zoom
    for _ in range(8):
        turn_wheel(first, position)
    assert viewer.view_transform.zoom == pytest.approx(zoom * 4)
    after = viewer.view_transform.to_scene(QPointF(position), size)
    scale = viewer.view_transform.scale
    assert (after.x(), after.y()) == pytest.approx((before.x(), before.y()), abs=1 / scale)
    turn_wheel(second, position, units=-120)
    assert second.view_transform is first.view_transform
    assert viewer.view_transform.to_scene(QPointF(position), size).x() == pytest.approx(before.x(), abs=1 / scale)


def test_wheel_keeps_the_painted_pixel_under_the_cursor(qtbot, viewer):
    # One white pixel on black: where it is painted is what counts, not what the transform says.
    pixels = np.zeros((80, 120, 3), np.float32)
    pixels[30, 40] = 1.0
    show(qtbot, viewer, [Picture(title="Dot", pixels=pixels)])
    canvas = viewer.pane_views[0].canvas
    viewer.view_transform.zoom_to(8.0)
    viewer.view_transform.centre_on(QPointF(45, 33))
    centre = viewer.view_transform.to_viewport(QPointF(40.5, 30.5), QSizeF(canvas.size()))
    position = QPoint(round(centre.x()), round(centre.y()))
    assert gray_at(canvas, position.x(), position.y()) == 255
    for _ in range(6):
        turn_wheel(canvas, position)
        assert gray_at(canvas, position.x(), position.y()) == 255


def test_dragging_pans_all_panes(qtbot, viewer):
    show(qtbot, viewer, THREE)
    viewer.view_transform.zoom_to(10.0)
    before = viewer.view_transform.centre
    drag(viewer.pane_views[1].canvas, QPoint(150, 150), QPoint(110, 170))
    moved = viewer.view_transform.centre - before
    assert (moved.x(), moved.y()) == pytest.approx((4.0, -2.0), abs=0.01)
    assert not viewer.view_transform.is_fit


def test_double_click_toggles_fit_and_actual_size(qtbot, viewer):
    show(qtbot, viewer, THREE)
    canvas = viewer.pane_views[0].canvas
    assert viewer.view_transform.is_fit
    QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(90, 150))
    assert viewer.view_transform.zoom == 1.0
    QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(90, 150))
    assert viewer.view_transform.is_fit


def test_split_handle_is_dragged_by_the_mouse(qtbot, viewer):
    show(qtbot, viewer, THREE)
    change(qtbot, viewer, viewer.set_mode, "split")
    (view,) = viewer.pane_views
    canvas, handle = view.canvas, view.canvas.split_handle
    assert handle.isVisible()
    middle_y = canvas.height() // 2
    assert gray_at(canvas, canvas.width() * 0.45, middle_y) == 153
    assert gray_at(canvas, canvas.width() * 0.55, middle_y) == 102
    grip = QPoint(handle.width() // 2, middle_y)
    target = handle.mapFrom(canvas, QPoint(round(canvas.width() * 0.7), middle_y))
    QTest.mousePress(handle, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, grip)
    QTest.mouseMove(handle, target)
    QTest.mouseRelease(handle, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, grip)
    assert canvas.split == pytest.approx(0.7, abs=0.01)
    assert gray_at(canvas, canvas.width() * 0.62, middle_y) == 153
    assert not handle.hasFocus()


def test_split_handle_is_moved_by_keys(qtbot, viewer):
    show(qtbot, viewer, THREE)
    change(qtbot, viewer, viewer.set_mode, "split")
    canvas = viewer.pane_views[0].canvas
    handle = canvas.split_handle
    handle.setFocus()
    QTest.keyClick(handle, Qt.Key.Key_Left)
    assert canvas.split == pytest.approx(0.49)
    QTest.keyClick(handle, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert canvas.split == pytest.approx(0.59)
    QTest.keyClick(handle, Qt.Key.Key_Home)
    assert canvas.split == 0
    viewer.step_split(1)
    assert canvas.split == pytest.approx(0.01)


def test_difference_is_painted_by_values(qtbot, viewer):
    show(qtbot, viewer, THREE)
    change(qtbot, viewer, viewer.set_mode, "difference")
    change(qtbot, viewer, viewer.set_gain, 2.0)
    assert len(viewer.pane_views) == 2
    first, second = (view.canvas for view in viewer.pane_views)
    assert gray_at(first, first.width() / 2, first.height() / 2) == round(0.8 * 255)
    assert gray_at(second, second.width() / 2, second.height() / 2) == round(0.4 * 255)


def test_flicker_walks_the_panes(qtbot, viewer):
    show(qtbot, viewer, THREE)
    change(qtbot, viewer, viewer.toggle_mode, "flicker")
    (view,) = viewer.pane_views
    seen = []
    for _ in range(4):
        seen.append(gray_at(view.canvas, view.width() / 2, view.height() / 2))
        viewer.toggle_mode("flicker")
    assert seen == [153, 102, 51, 153]
    viewer.pick(2)
    assert view.caption.text.startswith("Reference  3 of 3")


def test_picking_shows_one_pane_alone_and_all_again(qtbot, viewer):
    show(qtbot, viewer, THREE)
    change(qtbot, viewer, viewer.pick, 1)
    assert [view.panel.title for view in viewer.pane_views] == ["Restored"]
    change(qtbot, viewer, viewer.pick, 1)
    assert len(viewer.pane_views) == 3
    viewer.pick(5)
    assert viewer.picked is None


def test_gain_steps_stay_in_range(viewer):
    for _ in range(10):
        viewer.step_gain(1)
    assert viewer.gain == 32
    for _ in range(10):
        viewer.step_gain(-1)
    assert viewer.gain == 1


def test_backdrop_is_neutral(qtbot, viewer):
    show(qtbot, viewer, [picture("Wide", 0.5, size=(10, 400))])
    canvas = viewer.pane_views[0].canvas
    assert gray_at(canvas, 5, 5) == 0x77
    viewer.set_backdrop(Backdrop.WHITE)
    assert gray_at(canvas, 5, 5) == 255


def test_pictures_of_different_size_are_scaled_to_match(qtbot, viewer):
    show(qtbot, viewer, [picture("Small", 0.5, size=(40, 60)), picture("Large", 0.5, size=(80, 120))])
    assert viewer.view_transform.scene_size == QSizeF(120, 80)
    assert "60 × 40" in viewer.pane_views[0].caption.text
    canvas = viewer.pane_views[0].canvas
    assert gray_at(canvas, canvas.width() / 2 + 150, canvas.height() / 2) == 128


def test_missing_picture_says_why(qtbot, viewer):
    show(qtbot, viewer, [THREE[0], MissingPicture(title="Restored", reason="Not restored yet.")])
    assert viewer.pane_views[1].canvas.message == "Not restored yet."
    empty = viewer.pane_views[1].canvas.grab().toImage()
    viewer.pane_views[1].canvas.set_pointer(QPointF(60, 20))
    assert viewer.pane_views[1].canvas.grab().toImage() == empty


def test_latest_panes_win(qtbot, viewer):
    large = picture("Large", size=(900, 1200))
    viewer.set_panes([large, large])
    viewer.set_panes([THREE[0]])
    qtbot.waitUntil(lambda: not viewer.is_busy)
    qtbot.wait(50)
    assert [view.panel.title for view in viewer.pane_views] == ["Noisy"]


def test_pictures_that_are_no_longer_shown_are_let_go(qtbot, viewer):
    def is_gone(reference):
        gc.collect()
        return reference() is None

    kept = picture("Kept")
    show(qtbot, viewer, [kept, picture("Other")])
    left = [weakref.ref(viewer.panes[1]), weakref.ref(viewer.pane_views[1].canvas.layers[0].pyramid)]
    show(qtbot, viewer, [kept])
    for reference in left:
        qtbot.waitUntil(lambda reference=reference: is_gone(reference))
    show(qtbot, viewer, [picture("Shown")])
    left = [weakref.ref(viewer.panes[0]), weakref.ref(viewer.pane_views[0].canvas.layers[0].pyramid)]
    viewer.show_message("Choose a photo.")
    for reference in left:
        qtbot.waitUntil(lambda reference=reference: is_gone(reference))


def test_stretch_uses_the_levels_of_the_first_picture(qtbot, viewer):
    ramp = np.linspace(0.01, 0.05, 120, dtype=np.float32)
    dim = np.broadcast_to(ramp[None, :, None], (80, 120, 3)).copy()
    show(qtbot, viewer, [Picture(title="Dim", pixels=dim), picture("Other", 0.03)])
    other = viewer.pane_views[1].canvas
    assert gray_at(other, other.width() / 2, other.height() / 2) == 8
    change(qtbot, viewer, viewer.set_stretched, True)
    assert gray_at(other, other.width() / 2, other.height() / 2) == pytest.approx(128, abs=3)


def test_number_of_panes_is_checked(viewer):
    with pytest.raises(ValueError, match="1 to 6"):
        viewer.set_panes([])
    with pytest.raises(ValueError, match="mode must be"):
        viewer.set_mode("sideways")


def test_cursor_is_marked_in_the_other_panes(qtbot, viewer):
    show(qtbot, viewer, THREE)
    first, second = (view.canvas for view in viewer.pane_views[:2])
    before = second.grab().toImage()
    with qtbot.waitSignal(viewer.hovered):
        QTest.mouseMove(first, QPoint(120, 200))
    assert second.grab().toImage() != before
    assert gray_at(first, 120 - 7, 200) == 153


def test_actual_size_is_painted_pixel_by_pixel(qtbot, viewer):
    shown = picture("Noise", size=(60, 90), seed=3)
    show(qtbot, viewer, [shown])
    canvas = viewer.pane_views[0].canvas
    viewer.view_transform.show_actual_size()
    corner = viewer.view_transform.scene_rect(QSizeF(canvas.size())).topLeft().toPoint()
    painted = canvas.grab(canvas.rect().adjusted(corner.x(), corner.y(), 0, 0)).toImage()
    for row, column in ((0, 0), (17, 43), (59, 89)):
        expected = tuple(round(float(value) * 255) for value in shown.pixels[row, column])
        assert painted.pixelColor(column, row).getRgb()[:3] == expected


def test_pixel_bar_shows_the_values_of_all_panes(qtbot):
    gray = Picture(title="Deep", pixels=np.full((4, 4, 1), 1000 / 65535, np.float32), bit_depth=16)
    colour = picture("Noisy", size=(4, 4), seed=1)
    bar = PixelBar()
    qtbot.addWidget(bar)
    bar.set_panes([gray, colour, MissingPicture(title="Restored", reason="None.")])
    bar.show_point(QSizeF(4, 4), QPointF(2.5, 1.2))
    red, green, blue = (round(float(value) * 255) for value in colour.pixels[1, 2])
    assert bar.text == f"x 2  y 1  Deep 1000  Noisy R {red} G {green} B {blue}  Restored –"
    bar.show_point(QSizeF(4, 4), QPointF(-1, 2))
    assert "Noisy –" in bar.text


@pytest.mark.parametrize("text_scale", [1.0, 2.0])
def test_pixel_values_never_overlap_in_a_narrow_bar(qtbot, theme, text_scale):
    bar = PixelBar()
    qtbot.addWidget(bar)
    theme.apply(ThemeChoice.DARK, text_scale)
    bar.set_panes([picture(name, size=(4, 4), seed=1) for name in ("Noisy", "Restored with “Holiday”", "Reference")])
    bar.resize(1600, bar.sizeHint().height())
    bar.show()
    for width in (1600, 1000, 700, 300):
        bar.resize(width, bar.height())
        bar.show_point(QSizeF(4, 4), QPointF(2.5, 1.2))
        bar.resize(width, bar.sizeHint().height())
        parts = [part.geometry() for part in bar.findChildren(QLabel)]
        assert len(parts) == 4
        assert not any(one.intersects(other) for one, other in itertools.combinations(parts, 2))
        assert all(bar.rect().contains(place) for place in parts)
        for part in bar.findChildren(QLabel):
            assert part.fontMetrics().horizontalAdvance(part.text()) <= part.width()
    assert bar.text.startswith("x 2  y 1  1 ")


def test_pixel_of_a_scaled_picture():
    small = picture("Small", size=(2, 3), seed=2)
    value = pixel_value(small, QSizeF(6, 4), QPointF(5.5, 3.9))
    assert (value.column, value.row) == (2, 1)
    assert pixel_value(small, QSizeF(6, 4), QPointF(6.1, 1)) is None
