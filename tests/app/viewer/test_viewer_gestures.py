"""What mouse and keys do in a comparison beyond zooming and panning."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRect, QSizeF, Qt
from PySide6.QtTest import QTest

from app.viewer.canvas.pixel_levels import level_text
from app.viewer.compare_viewer import CompareViewer
from app.viewer.flicker_timer import FLICKER_INTERVALS_MS
from app.viewer.inspectors import PixelBar
from app.viewer.pictures import Picture
from app.viewer.tiles.tile_mosaic import Interpolation
from tests.app.conftest import show_at

LEFT = Qt.MouseButton.LeftButton
NONE, SHIFT, ALT, CTRL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ControlModifier,
)


def dot(title, column=60, row=40, value=1.0):
    """A picture with one pixel that is not black."""
    pixels = np.zeros((80, 120, 3), np.float32)
    pixels[row, column] = value
    return Picture(title=title, pixels=pixels)


@pytest.fixture
def viewer(qtbot):
    viewer = CompareViewer()
    show_at(qtbot, viewer, 900, 500)
    with qtbot.waitSignal(viewer.panels_shown):
        viewer.set_panes([dot("First"), dot("Second")])
    viewer.view_transform.zoom_to(8.0)
    viewer.view_transform.centre_on(QPointF(60, 40))
    yield viewer
    viewer.shut_down()


def change(qtbot, viewer, function, *args):
    with qtbot.waitSignal(viewer.panels_shown):
        function(*args)


def drag(widget, start, end, modifiers=NONE):
    QTest.mousePress(widget, LEFT, modifiers, start)
    for step in (0.3, 0.7, 1.0):
        QTest.mouseMove(widget, start + (end - start) * step)
        QTest.qWait(2)
    QTest.mouseRelease(widget, LEFT, modifiers, end)


def canvas_of(viewer, index):
    return viewer.pane_views[index].canvas


def place_of(viewer, index, column, row):
    """Where a scene point lies on a canvas."""
    point = viewer.view_transform.to_viewport(QPointF(column, row), QSizeF(canvas_of(viewer, index).size()))
    return QPoint(round(point.x()), round(point.y()))


def red_at(viewer, index, place):
    return canvas_of(viewer, index).grab().toImage().pixelColor(place).red()


@pytest.mark.parametrize("modifier", [ALT, CTRL])
def test_dragging_with_alt_or_ctrl_moves_one_pane_alone(qtbot, viewer, modifier):
    place = place_of(viewer, 1, 60.5, 40.5)
    drag(canvas_of(viewer, 1), QPoint(100, 100), QPoint(140, 84), modifier)
    assert viewer.offsets.of(0) == QPointF(0, 0)
    assert viewer.offsets.of(1) == QPointF(5, -2)
    assert viewer.view_transform.centre == QPointF(60, 40)
    assert red_at(viewer, 0, place) == 255
    assert red_at(viewer, 1, place) == 0
    assert red_at(viewer, 1, place + QPoint(40, -16)) == 255
    assert viewer.pane_views[1].caption.text == "Second  moved by +5; −2 px"
    viewer.offsets.reset()
    assert red_at(viewer, 1, place) == 255
    assert viewer.pane_views[1].caption.text == "Second"


def test_the_moved_pane_keeps_its_offset_in_a_split_and_moves_there(qtbot, viewer):
    change(qtbot, viewer, viewer.set_mode, "split")
    canvas = canvas_of(viewer, 0)
    right = QPoint(round(canvas.width() * 0.8), 200)
    drag(canvas, right, right + QPoint(8, 0), ALT)
    drag(canvas, QPoint(50, 200), QPoint(50, 216), ALT)
    assert viewer.offsets.of(1) == QPointF(1, 0)
    assert viewer.offsets.of(0) == QPointF(0, 2)
    change(qtbot, viewer, viewer.set_mode, "side_by_side")
    assert red_at(viewer, 1, place_of(viewer, 1, 61.5, 40.5)) == 255


def test_keys_move_a_pane_and_put_it_back(qtbot, viewer):
    viewer.setFocus()
    QTest.keyClick(viewer, Qt.Key.Key_Right, ALT)
    QTest.keyClick(viewer, Qt.Key.Key_Up, ALT)
    assert viewer.offsets.of(1) == QPointF(1, -1)
    viewer.set_exposure(2.0)
    viewer.set_gamma(1.5)
    QTest.keyClick(viewer, Qt.Key.Key_0)
    assert not viewer.offsets.any
    assert (viewer.exposure_stops, viewer.gamma) == (0.0, 1.0)


def test_keys_move_the_pane_that_flicker_shows(qtbot, viewer):
    change(qtbot, viewer, viewer.set_mode, "flicker")
    viewer.shift_pane(1, 0)
    assert [viewer.offsets.of(index) for index in (0, 1)] == [QPointF(1, 0), QPointF(0, 0)]
    viewer.toggle_mode("flicker")
    viewer.shift_pane(0, 2)
    assert [viewer.offsets.of(index) for index in (0, 1)] == [QPointF(1, 0), QPointF(0, 2)]


def test_pixel_values_follow_a_moved_pane(qtbot):
    bar = PixelBar()
    qtbot.addWidget(bar)
    viewer = CompareViewer()
    qtbot.addWidget(viewer)
    viewer.offsets.put(1, QPointF(3, -1))
    bar.set_panes([dot("First"), dot("Second", column=57, row=41)])
    bar.show_point(QSizeF(120, 80), QPointF(60.5, 40.5), viewer.offsets)
    assert bar.text == "x 60  y 40  First R 255 G 255 B 255  Second R 255 G 255 B 255"
    viewer.shut_down()


def test_values_between_levels_keep_a_digit(qtbot):
    bar = PixelBar()
    qtbot.addWidget(bar)
    pixels = np.full((4, 4, 1), 1234.56 / 65535, np.float32)
    bar.set_panes([Picture(title="Float", pixels=pixels, bit_depth=16)])
    bar.show_point(QSizeF(4, 4), QPointF(1, 1))
    assert "Float 1234.6" in bar.text


def test_dragging_with_shift_marks_a_region_in_all_panes(qtbot, viewer):
    start, end = place_of(viewer, 1, 50, 35), place_of(viewer, 1, 70, 44)
    with qtbot.waitSignal(viewer.region_changed) as told:
        drag(canvas_of(viewer, 1), end, start, SHIFT)
    assert told.args == [QRect(50, 35, 20, 9)]
    assert viewer.region == QRect(50, 35, 20, 9)
    assert viewer.view_transform.centre == QPointF(60, 40)
    for index in (0, 1):
        outline = place_of(viewer, index, 60, 35)
        assert max(red_at(viewer, index, outline + QPoint(0, step)) for step in (-2, -1, 0)) > 200
    with qtbot.waitSignal(viewer.region_changed) as told:
        QTest.keyClick(canvas_of(viewer, 1), Qt.Key.Key_Escape)
    assert told.args == [None]
    assert viewer.region is None


def test_a_region_ends_where_the_photo_does(qtbot, viewer):
    viewer.view_transform.zoom_to(2.0)
    drag(canvas_of(viewer, 0), QPoint(2, 2), QPoint(440, 480), SHIFT)
    assert viewer.region == QRect(0, 0, 120, 80)
    viewer.set_region(QRect(200, 200, 5, 5))
    assert viewer.region is None


def test_a_region_of_a_moved_pane_is_in_its_own_pixels(qtbot, viewer):
    viewer.offsets.put(1, QPointF(10, 0))
    drag(canvas_of(viewer, 1), place_of(viewer, 1, 60, 35), place_of(viewer, 1, 70, 45), SHIFT)
    assert viewer.region == QRect(50, 35, 10, 10)


def test_a_click_with_shift_unmarks(qtbot, viewer):
    viewer.set_region(QRect(1, 2, 3, 4))
    with qtbot.waitSignal(viewer.region_changed):
        QTest.mouseClick(canvas_of(viewer, 0), LEFT, SHIFT, QPoint(100, 100))
    assert viewer.region is None


def test_the_region_follows_the_photo(qtbot, viewer):
    viewer.set_region(QRect(100, 60, 20, 20))
    small = Picture(title="Small", pixels=np.zeros((70, 110, 3), np.float32))
    change(qtbot, viewer, viewer.set_panes, [small])
    assert viewer.region == QRect(100, 60, 10, 10)


def test_flicker_by_itself(qtbot, viewer):
    viewer.flicker_timer.set_interval(100)
    change(qtbot, viewer, viewer.flicker_timer.toggle)
    assert viewer.mode_key == "flicker"
    seen = set()

    def both_seen():
        seen.add(viewer.pane_views[0].caption.text.split()[0])
        return seen == {"First", "Second"}

    qtbot.waitUntil(both_seen)
    viewer.flicker_timer.toggle()
    assert not viewer.flicker_timer.is_running


def test_the_flicker_speed_stays_in_range(viewer):
    viewer.flicker_timer.set_interval(1)
    assert viewer.flicker_timer.interval_ms == FLICKER_INTERVALS_MS[0]
    viewer.flicker_timer.set_interval(1_000_000)
    assert viewer.flicker_timer.interval_ms == FLICKER_INTERVALS_MS[-1]


def test_leaving_the_flicker_mode_ends_the_flickering(qtbot, viewer):
    change(qtbot, viewer, viewer.flicker_timer.start)
    change(qtbot, viewer, viewer.set_mode, "split")
    assert not viewer.flicker_timer.is_running


def test_the_grid_shows_between_large_pixels_only(qtbot, viewer):
    viewer.view_transform.zoom_to(16.0)
    line = place_of(viewer, 0, 55, 38.5)
    assert red_at(viewer, 0, line) == 0
    viewer.set_pixel_grid(True)
    assert red_at(viewer, 0, line) > 50
    viewer.view_transform.zoom_to(8.0)
    assert red_at(viewer, 0, place_of(viewer, 0, 55, 38.5)) == 0


def test_values_are_written_into_very_large_pixels(qtbot, viewer):
    flat = Picture(title="Flat", pixels=np.full((80, 120, 3), 0.8, np.float32))
    change(qtbot, viewer, viewer.set_panes, [flat])
    viewer.set_pixel_grid(True)

    def darkest_within(column, row):
        corner = place_of(viewer, 0, column, row)
        size = round(viewer.view_transform.zoom)
        cell = canvas_of(viewer, 0).grab(QRect(corner.x() + 3, corner.y() + 3, size - 6, size - 6)).toImage()
        return min(cell.pixelColor(x, y).red() for x in range(cell.width()) for y in range(cell.height()))

    viewer.view_transform.zoom_to(24.0)
    assert darkest_within(60, 40) == 204
    viewer.view_transform.zoom_to(64.0)
    assert darkest_within(60, 40) < 120


@pytest.mark.parametrize(
    ("level", "text"),
    [(0.0, "0"), (-0.001, "0"), (-0.04, "0"), (254.999, "255"), (12.5, "12.5"), (-3.25, "−3.2"), (65535.0, "65535")],
)
def test_levels_are_written_whole_where_they_are(level, text):
    assert level_text(level) == text


def test_squares_or_smooth_is_switched_by_a_key(qtbot, viewer):
    beside = place_of(viewer, 0, 61.0, 40.5) + QPoint(1, 0)
    assert red_at(viewer, 0, beside) == 0
    viewer.setFocus()
    QTest.keyClick(viewer, Qt.Key.Key_N)
    QTest.keyClick(viewer, Qt.Key.Key_N)
    assert viewer.interpolation is Interpolation.SMOOTH
    assert 40 < red_at(viewer, 0, beside) < 215


def test_exposure_and_gamma_are_held_in_range_and_told(qtbot, viewer):
    with qtbot.waitSignals([viewer.state_changed, viewer.panels_shown]):
        viewer.set_exposure(99.0)
    assert viewer.exposure_stops == 10.0
    assert viewer.pane_views[0].caption.text == "First  +10 EV"
    change(qtbot, viewer, viewer.set_gamma, 0.0)
    assert viewer.gamma == 0.2


def test_exposure_reaches_the_canvas_and_never_the_pixels(qtbot, viewer):
    dim = dot("Dim", value=0.1)
    change(qtbot, viewer, viewer.set_panes, [dim])
    place = place_of(viewer, 0, 60.5, 40.5)
    assert red_at(viewer, 0, place) == 26
    change(qtbot, viewer, viewer.set_exposure, 3.0)
    assert red_at(viewer, 0, place) > 75
    assert dim.pixels[40, 60, 0] == np.float32(0.1)


def test_the_split_handle_can_always_be_taken_back(qtbot, viewer):
    change(qtbot, viewer, viewer.set_mode, "split")
    canvas = canvas_of(viewer, 0)
    for position in (-3.0, 0.0, 1.0, 7.0):
        canvas.set_split(position)
        reachable = canvas.split_handle.geometry().intersected(canvas.rect())
        assert reachable.width() >= 12
        assert canvas.childAt(reachable.center()) is canvas.split_handle
    viewer.resize(300, 300)
    reachable = canvas.split_handle.geometry().intersected(canvas.rect())
    assert reachable.width() >= 12
