import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRect, QSizeF

from app.viewer.compare_viewer import CompareViewer
from app.viewer.histogram_view import HistogramPart, HistogramView
from app.viewer.histograms import NUM_BINS, bin_values, histogram_of
from app.viewer.pictures import MissingPicture, Picture
from tests.app.conftest import show_at


def gray(values, title="Gray", bit_depth=8):
    return Picture(title=title, pixels=np.asarray(values, np.float32)[:, :, None], bit_depth=bit_depth)


def halves(title="Halves", size=(80, 120)):
    """Left half at level 51, right half at level 204."""
    values = np.full(size, 0.2, np.float32)
    values[:, size[1] // 2 :] = 0.8
    return gray(values, title)


def test_every_level_of_eight_bits_has_its_bin():
    levels = np.repeat(np.arange(256), 3).reshape(3, 256) / 255
    histogram = histogram_of(gray(levels))
    np.testing.assert_allclose(histogram.shares, np.full(NUM_BINS, 1 / 256))
    assert histogram.num_pixels == 768


def test_a_part_and_a_range():
    picture = halves()
    part = histogram_of(picture, QRect(50, 0, 15, 1000))
    assert part.num_pixels == 15 * 80
    assert part.shares[51] == pytest.approx(10 / 15)
    assert part.shares[204] == pytest.approx(5 / 15)
    ranged = histogram_of(picture, None, 0.2, 0.6)
    assert (ranged.shares[0], ranged.shares[-1]) == (0.5, 0.5)
    assert histogram_of(picture, QRect(500, 500, 5, 5)).num_pixels == 0
    with pytest.raises(ValueError, match="above low"):
        histogram_of(picture, None, 0.5, 0.5)


def test_counting_in_strips_counts_every_pixel_once():
    values = np.random.default_rng(0).random((1300, 7)).astype(np.float32)
    histogram = histogram_of(gray(values))
    expected = np.bincount(np.rint(values * 255).astype(int).ravel(), minlength=256) / values.size
    np.testing.assert_allclose(histogram.shares, expected, atol=1.5 / values.size)


def test_colours_count_by_their_brightness():
    green = Picture(title="Green", pixels=np.broadcast_to(np.float32([0, 1, 0]), (4, 4, 3)))
    assert histogram_of(green).shares[round(0.7152 * 255)] == 1.0


def test_bins_are_named_in_levels():
    values = bin_values(0.0, 1.0, 65535)
    assert (values[0], values[-1]) == (0, 65535)


@pytest.fixture
def viewer(qtbot, theme):
    viewer = CompareViewer()
    show_at(qtbot, viewer, 800, 400)
    with qtbot.waitSignal(viewer.panels_shown):
        viewer.set_panes([halves("First"), MissingPicture(title="Restored", reason="None."), halves("Third")])
    yield viewer
    viewer.shut_down()


@pytest.fixture
def view(qtbot, viewer):
    view = HistogramView(viewer)
    qtbot.addWidget(view)
    view.resize(600, 220)
    view.show()
    qtbot.waitUntil(lambda: len(view.histograms) == 2)
    yield view
    view.shut_down()


def settled(qtbot, view):
    qtbot.waitUntil(lambda: not view.is_busy)
    return view.histograms


def choose_part(view, part):
    index = view.part_box.findData(part)
    view.part_box.setCurrentIndex(index)
    view.part_box.activated.emit(index)


def test_all_pictures_are_counted_whole_at_first(view):
    assert [histogram.title for histogram in view.histograms] == ["First", "Third"]
    assert [histogram.shares[51] for histogram in view.histograms] == [0.5, 0.5]


def test_what_is_in_view_is_counted_as_one_moves(qtbot, viewer, view):
    choose_part(view, HistogramPart.VISIBLE)
    viewer.view_transform.zoom_to(16.0)
    viewer.view_transform.centre_on(QPointF(20, 40))
    first, third = settled(qtbot, view)
    assert first.shares[51] == third.shares[51] == 1.0
    size = QSizeF(viewer.pane_views[0].canvas.size()) / 16
    assert first.num_pixels == pytest.approx(size.width() * size.height(), rel=0.15)
    viewer.offsets.put(2, QPointF(-80, 0))
    first, third = settled(qtbot, view)
    assert (first.shares[51], third.shares[204]) == (1.0, 1.0)


def test_the_marked_region_is_counted(qtbot, viewer, view):
    choose_part(view, HistogramPart.REGION)
    assert settled(qtbot, view) == ()
    viewer.set_region(QRect(55, 10, 10, 10))
    first, _ = settled(qtbot, view)
    assert (first.num_pixels, first.shares[51]) == (100, 0.5)


def test_a_logarithmic_axis_shows_the_same_counts(qtbot, view):
    before = view.grab().toImage()
    view.log_box.setChecked(True)
    assert view.grab().toImage() != before
    assert len(view.histograms) == 2


def test_a_hidden_histogram_counts_nothing(qtbot, viewer, view):
    view.hide()
    with qtbot.waitSignal(viewer.panels_shown):
        viewer.set_panes([halves("Other")])
    assert not view.is_busy
    assert len(view.histograms) == 2
    view.show()
    assert [histogram.title for histogram in settled(qtbot, view)] == ["Other"]
