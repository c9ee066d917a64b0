"""The line profile and the statistics of a region, as a person reads them off the panes."""

import numpy as np
import pytest
from PySide6.QtCore import QLineF, QPoint, QRect, Qt
from PySide6.QtWidgets import QApplication

from app.viewer.compare_viewer import CompareViewer
from app.viewer.pictures import Picture
from app.viewer.profile_view import ProfileView

COUNTS = np.random.default_rng(0).integers(90, 390, (60, 80))


def of_counts(title, counts=COUNTS, **options):
    pixels = np.asarray(counts / 65535, np.float32)[:, :, None]
    return Picture(title=title, pixels=pixels, bit_depth=16, **options)


@pytest.fixture
def shown(qtbot, theme):
    viewer = CompareViewer()
    view = ProfileView(viewer)
    qtbot.addWidget(viewer)
    qtbot.addWidget(view)
    viewer.resize(700, 400)
    viewer.show()
    view.resize(700, 240)
    view.show()
    yield viewer, view
    view.shut_down()
    viewer.shut_down()


def show(qtbot, viewer, view, *pictures):
    viewer.set_panes(pictures)
    qtbot.waitUntil(lambda: not viewer.is_busy and not view.is_busy and len(view.measured) == len(pictures))


def test_values_are_in_the_numbers_of_each_file(qtbot, shown):
    viewer, view = shown
    floats = Picture(
        title="Float", pixels=np.asarray(COUNTS, np.float32)[:, :, None], bit_depth=16, sample_type="float32"
    )
    show(qtbot, viewer, view, of_counts("Noisy"), floats)
    viewer.set_line(QLineF(10, 7, 50, 7))
    qtbot.waitUntil(lambda: not view.is_busy and view.measured[0].profile is not None)
    for one in view.measured:
        np.testing.assert_allclose(one.profile.values[:, 0], COUNTS[7, 10:51], rtol=1e-5)
    viewer.set_region(QRect(3, 4, 20, 10))
    part = COUNTS[4:14, 3:23]
    qtbot.waitUntil(lambda: not view.is_busy and view.measured[0].statistics.num_pixels == part.size)
    expected = f"{part.mean():.1f} ± {part.std(ddof=1):.1f}"
    assert [(one.title, one.statistics_text) for one in view.measured] == [("Noisy", expected), ("Float", expected)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.042, 0.042], "0.042 ± 0"),
        ([2**-24, 3 * 2**-24], "1.19209e−07 ± 8.42937e−08"),
        ([0.5, 0.52], "0.510 ± 0.014"),
        ([1000.0, 1050.0], "1,025.0 ± 35.4"),
    ],
)
def test_small_and_flat_regions_of_floating_point_files_are_written_out(qtbot, shown, values, expected):
    viewer, view = shown
    show(qtbot, viewer, view, Picture(title="Float", pixels=np.float32([values])[:, :, None], sample_type="float32"))
    assert view.measured[0].statistics_text == expected


def test_a_flat_region_of_whole_numbers_keeps_its_tenths(qtbot, shown):
    viewer, view = shown
    show(qtbot, viewer, view, of_counts("Noisy", np.full((4, 4), 133)))
    assert view.measured[0].statistics_text == "133.0 ± 0.0"


def test_a_line_is_drawn_with_shift_and_ctrl_and_set_by_numbers(qtbot, shown):
    viewer, view = shown
    show(qtbot, viewer, view, of_counts("Noisy"), of_counts("Restored"))
    canvas = viewer.pane_views[1].canvas
    keys = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier

    def place(column, row):
        scene = viewer.view_transform.scene_rect(canvas.size().toSizeF())
        scale = viewer.view_transform.scale
        return QPoint(round(scene.left() + (column + 0.5) * scale), round(scene.top() + (row + 0.5) * scale))

    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, keys, place(10, 20))
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, keys, place(40, 30))
    assert viewer.line == QLineF(10, 20, 40, 30)
    assert [box.value() for box in view.coordinate_boxes] == [10, 20, 40, 30]
    view.coordinate_boxes[2].setValue(5_000)
    assert viewer.line == QLineF(10, 20, 79, 30)
    assert view.coordinate_boxes[2].value() == 79
    view.width_box.setValue(3)
    qtbot.waitUntil(lambda: not view.is_busy)


def test_a_picture_of_half_the_size_is_read_at_the_same_places(qtbot, shown):
    viewer, view = shown
    small = COUNTS.reshape(30, 2, 40, 2).mean(axis=(1, 3))
    show(qtbot, viewer, view, of_counts("Large"), of_counts("Small", small))
    viewer.set_line(QLineF(0.5, 8.5, 78.5, 8.5))
    viewer.set_region(QRect(10, 10, 20, 20))
    qtbot.waitUntil(
        lambda: (
            not view.is_busy and view.measured[1].profile is not None and view.measured[1].statistics.num_pixels == 100
        )
    )
    np.testing.assert_allclose(view.measured[1].profile.values[:, 0], small[4], rtol=1e-5)
    assert view.measured[1].profile.distances[-1] == pytest.approx(78)
    assert view.measured[0].statistics.mean == pytest.approx(view.measured[1].statistics.mean)


def test_a_last_pixel_before_the_end_of_the_line_stays_before_it(qtbot, shown):
    viewer, view = shown
    small = COUNTS.reshape(15, 4, 20, 4).mean(axis=(1, 3))
    show(qtbot, viewer, view, of_counts("Large"), of_counts("Small", small))
    viewer.set_line(QLineF(0, 1.5, 7, 1.5))
    qtbot.waitUntil(lambda: not view.is_busy and view.measured[1].profile is not None)
    profile = view.measured[1].profile
    np.testing.assert_allclose(profile.distances, [0, 4])
    # The line begins at the outer edge of the small picture's first pixel.
    between = 0.375 * small[0, 0] + 0.625 * small[0, 1]
    np.testing.assert_allclose(profile.values[:, 0], [small[0, 0], between], rtol=1e-5)


def test_a_picture_of_another_shape_is_read_where_it_lies(qtbot, shown):
    """A pane of another shape is centred: what lies below the line and the region is read."""
    viewer, view = shown
    upright = COUNTS[:, :40].copy()
    show(qtbot, viewer, view, of_counts("Wide"), of_counts("Upright", upright))
    viewer.set_line(QLineF(10, 7, 70, 7))
    viewer.set_region(QRect(10, 4, 20, 10))
    qtbot.waitUntil(
        lambda: (
            not view.is_busy and view.measured[1].profile is not None and view.measured[1].statistics.num_pixels == 100
        )
    )
    values = view.measured[1].profile.values[:, 0]
    np.testing.assert_allclose(values[10:50], upright[7], rtol=1e-5)
    assert np.isnan(values[:10]).all()
    assert np.isnan(values[50:]).all()
    assert view.measured[1].statistics.mean == pytest.approx(upright[4:14, :10].mean(), rel=1e-5)
    viewer.set_region(QRect(0, 0, 15, 15))
    qtbot.waitUntil(lambda: not view.is_busy and view.measured[1].statistics is None)


def test_panes_of_different_sizes_can_be_copied(qtbot, shown):
    viewer, view = shown
    small = COUNTS.reshape(30, 2, 40, 2).mean(axis=(1, 3))
    show(qtbot, viewer, view, of_counts("Noisy", small), of_counts("Restored"), of_counts("Reference"))
    viewer.set_line(QLineF(0.5, 8.5, 6.5, 8.5))
    qtbot.waitUntil(lambda: not view.is_busy and view.measured[0].profile is not None)
    rows = [line.split("\t") for line in view.as_table().splitlines()[:8]]
    assert rows[0] == ["distance", "Noisy", "distance", "Restored", "Reference"]
    assert [row[0] for row in rows[1:]] == ["0", "2", "4", "6", "", "", ""]
    assert [row[2] for row in rows[1:]] == ["0", "1", "2", "3", "4", "5", "6"]
    np.testing.assert_allclose([float(row[1]) for row in rows[1:5]], small[4, :4], rtol=1e-5)
    assert [row[1] for row in rows[5:]] == ["", "", ""]
    assert all(row[3] == row[4] for row in rows[1:])


def test_the_numbers_can_be_copied(qtbot, shown):
    viewer, view = shown
    show(qtbot, viewer, view, of_counts("Noisy"))
    viewer.set_line(QLineF(0, 0, 3, 0))
    qtbot.waitUntil(lambda: not view.is_busy and view.measured[0].profile is not None)
    view.copy()
    lines = QApplication.clipboard().text().splitlines()
    assert lines[0] == "distance\tNoisy"
    assert [round(float(line.split("\t")[1])) for line in lines[1:5]] == COUNTS[0, :4].tolist()
    name, mean, deviation, number = lines[-1].split("\t")
    assert (name, number) == ("Noisy", "4800")
    assert float(mean) == pytest.approx(COUNTS.mean(), rel=1e-6)
    assert float(deviation) == pytest.approx(COUNTS.std(ddof=1), rel=1e-6)
