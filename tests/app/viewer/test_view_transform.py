import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, QSizeF

from app.viewer.canvas.view_transform import MAX_ZOOM, ViewTransform, own_pixels


@pytest.fixture
def transform():
    view = ViewTransform()
    view.set_scene(QSizeF(400, 300))
    view.set_viewport(QSizeF(200, 200), 1.0)
    return view


def test_fit_shows_the_whole_scene(transform):
    assert transform.is_fit
    assert transform.zoom == pytest.approx(0.5)
    assert transform.scene_rect(QSizeF(200, 200)).getRect() == (0, 25, 200, 150)


def test_fit_follows_the_viewport(transform):
    transform.set_viewport(QSizeF(800, 900), 1.0)
    assert transform.zoom == pytest.approx(2.0)


def test_actual_size_counts_screen_pixels(transform):
    transform.set_viewport(QSizeF(200, 200), 2.0)
    transform.show_actual_size()
    assert transform.zoom == 1.0
    assert transform.scale == 0.5


@given(x=st.floats(20, 180), y=st.floats(40, 160), factor=st.floats(1.0, 20.0), second=st.floats(1.0, 3.0))
def test_zoom_keeps_the_point_under_the_cursor(x, y, factor, second):
    view = ViewTransform()
    view.set_scene(QSizeF(400, 300))
    viewport = QSizeF(200, 200)
    view.set_viewport(viewport, 1.0)
    anchor = QPointF(x, y)
    before = view.to_scene(anchor, viewport)
    for step in (factor, second):
        view.zoom_by(step, anchor)
        after = view.to_scene(anchor, viewport)
        assert (after.x(), after.y()) == pytest.approx((before.x(), before.y()), abs=1 / view.scale + 1e-6)


def test_many_zoom_steps_do_not_drift(transform):
    anchor, viewport = QPointF(33, 117), QSizeF(200, 200)
    before = transform.to_scene(anchor, viewport)
    for factor in [1.19] * 12 + [1 / 1.19] * 11:
        transform.zoom_by(factor, anchor)
    after = transform.to_scene(anchor, viewport)
    assert (after.x(), after.y()) == pytest.approx((before.x(), before.y()), abs=1 / transform.scale)


@given(width=st.integers(50, 80), height=st.integers(50, 80), column=st.integers(0, 39), row=st.integers(0, 29))
def test_actual_size_maps_pixels_to_pixels(width, height, column, row):
    view = ViewTransform()
    view.set_scene(QSizeF(40, 30))
    viewport = QSizeF(width, height)
    view.set_viewport(viewport, 1.0)
    view.show_actual_size()
    place = view.to_viewport(QPointF(column, row), viewport)
    assert (place.x(), place.y()) == (int(place.x()), int(place.y()))
    back = view.to_scene(place + QPointF(0.5, 0.5), viewport)
    assert (int(back.x()), int(back.y())) == (column, row)


def test_zoom_is_bounded(transform):
    transform.zoom_by(1e9)
    assert transform.zoom == MAX_ZOOM
    transform.zoom_by(1e-9)
    assert transform.zoom == pytest.approx(0.05)


def test_pan_moves_by_the_same_distance(transform):
    transform.zoom_to(2.0)
    before = transform.to_viewport(QPointF(200, 150), QSizeF(200, 200))
    transform.pan_by(QPointF(-30, 12))
    after = transform.to_viewport(QPointF(200, 150), QSizeF(200, 200))
    assert (after - before) == QPointF(-30, 12)


def test_picture_cannot_be_lost(transform):
    transform.zoom_to(4.0)
    transform.pan_by(QPointF(1e6, 1e6))
    assert transform.centre == QPointF(0, 0)


def test_steps_walk_the_customary_zooms(transform):
    transform.zoom_to(0.9)
    transform.zoom_step(1)
    assert transform.zoom == 1.0
    transform.zoom_step(1)
    assert transform.zoom == 1.5
    transform.zoom_step(-1)
    transform.zoom_step(-1)
    assert transform.zoom == 0.67


def test_steps_of_a_very_large_picture_keep_their_direction(transform):
    transform.set_scene(QSizeF(40_000, 4_000))
    transform.set_viewport(QSizeF(1_000, 600), 1.0)
    zooms = [transform.zoom]
    for direction in (-1, -1, 1, 1, 1):
        transform.zoom_step(direction)
        zooms.append(transform.zoom)
    assert zooms == pytest.approx([0.025, 0.0125, 0.00625, 0.0125, 0.025, 0.05])


def test_scene_of_another_size_keeps_the_relative_place(transform):
    transform.zoom_to(2.0)
    transform.centre_on(QPointF(100, 75))
    transform.set_scene(QSizeF(800, 600))
    assert transform.centre == QPointF(200, 150)
    assert transform.zoom == 2.0


def test_scene_lies_on_whole_screen_pixels(transform):
    transform.zoom_to(1.0)
    transform.pan_by(QPointF(0.37, -0.21))
    rect = transform.scene_rect(QSizeF(200, 200))
    assert rect.x() == int(rect.x())
    assert rect.y() == int(rect.y())


def test_unchanged_viewport_and_scene_are_silent(transform, qtbot):
    with qtbot.assertNotEmitted(transform.changed):
        transform.set_viewport(QSizeF(200, 200), 1.0)
        transform.set_scene(QSizeF(400, 300))


def test_part_of_a_smaller_picture():
    scene, size = QRectF(0, 0, 240, 160), QSize(120, 80)
    assert own_pixels(size, scene, QRectF(100, 40, 20, 41)) == QRect(50, 20, 10, 21)
    assert own_pixels(size, scene, QRectF(-100, -40, 120, 60)) == QRect(0, 0, 10, 10)


@given(st.integers(1, 5), st.integers(0, 300), st.integers(1, 300))
def test_whole_pixels_of_a_smaller_picture_touch_no_others(factor, left, width):
    scene, size = QRectF(0, 0, 600 * factor, 400 * factor), QSize(600, 400)
    part = QRectF(left * factor, 3 * factor, width * factor, 7 * factor)
    assert own_pixels(size, scene, part) == QRect(left, 3, width, 7)
