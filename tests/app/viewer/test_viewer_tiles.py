"""Tiles: what a canvas paints of a large photo is what the photo holds, wherever one looks."""

import time

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, QSizeF
from PySide6.QtGui import QColor, QImage, QPainter

from app.look.image_convert import image_view
from app.viewer.compare_viewer import CompareViewer
from app.viewer.pictures import Picture
from app.viewer.tiles.display_settings import DisplaySettings
from app.viewer.tiles.drawing_room import DrawingRoom
from app.viewer.tiles.image_pyramid import TILE_PX, ImagePyramid, TileKey, tiles_within
from app.viewer.tiles.pixel_pyramid import PixelPyramid, PlainPixels, SubtractedPixels, level_for
from app.viewer.tiles.tile_loader import TileLoader
from app.viewer.tiles.tile_mosaic import Interpolation, TileMosaic
from tests.app.conftest import show_at


def noise(height, width, num_channels=3, seed=0):
    values = np.random.default_rng(seed).integers(0, 256, (height, width, num_channels))
    return (values / 255).astype(np.float32)


def bytes_of(pixels):
    return np.rint(pixels * 255).astype(np.uint8)


def painted(mosaic, target, size, interpolation=Interpolation.AUTOMATIC):
    """What a canvas shows, red, green and blue."""
    canvas = QImage(*size, QImage.Format.Format_RGB32)
    canvas.fill(QColor(255, 0, 255))
    painter = QPainter(canvas)
    zoom = target.width() / mosaic.pyramid.size.width()
    viewport = QRectF(0, 0, *size)
    mosaic.cover(target, viewport, zoom)
    mosaic.paint(painter, target, viewport, zoom, interpolation)
    painter.end()
    return image_view(canvas)[:, :, 2::-1]


@pytest.fixture
def loader(qtbot):
    loader = TileLoader(num_threads=1)
    yield loader
    loader.shut_down()


def test_levels_halve_down_to_the_overview():
    pyramid = PixelPyramid(PlainPixels(np.zeros((1500, 4001, 1), np.float32)))
    assert [pyramid.level_size(level) for level in range(pyramid.num_levels)] == [
        (4001, 1500),
        (2001, 750),
        (1001, 375),
        (501, 188),
    ]
    assert [level_for(pyramid, zoom) for zoom in (8, 1, 0.51, 0.5, 0.3, 0.25, 0.125, 0.01)] == [0, 0, 0, 1, 1, 2, 3, 3]


def test_a_small_picture_is_its_own_overview():
    assert PixelPyramid(PlainPixels(np.zeros((10, 768, 3), np.float32))).num_levels == 1


@pytest.mark.parametrize("size", [(1100, 900), (1099, 901)])
def test_a_halving_averages_two_by_two_pixels_across_strips(size):
    pixels = noise(*size)
    even = np.pad(pixels, ((0, size[0] % 2), (0, size[1] % 2), (0, 0)), mode="edge")
    expected = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2, 3).mean((1, 3))
    pyramid = PixelPyramid(PlainPixels(pixels))
    np.testing.assert_allclose(pyramid.window(1, 0, 0, *pyramid.level_size(1)), expected, atol=1e-6)


def test_absolute_differences_are_averaged_not_the_signed_ones():
    # Noise that cancels out in the mean must not vanish when zoomed out.
    base = np.zeros((800, 1600, 1), np.float32)
    other = np.tile(np.array([[0.5], [-0.5]], np.float32), (400, 1600))[:, :, None]
    size = (slice(0, 400), slice(0, 800))
    absolute = PixelPyramid(SubtractedPixels(base, other, is_signed=False))
    signed = PixelPyramid(SubtractedPixels(base, other, is_signed=True))
    assert np.all(absolute.window(1, 0, 0, 800, 400)[size] == 0.5)
    assert np.all(signed.window(1, 0, 0, 800, 400)[size] == 0.0)


def test_sizes_that_differ_are_refused():
    with pytest.raises(ValueError, match="equal"):
        SubtractedPixels(np.zeros((2, 2, 1), np.float32), np.zeros((2, 3, 1), np.float32), is_signed=True)
    with pytest.raises(ValueError, match="height x width"):
        PlainPixels(np.zeros((2, 2), np.float32))


def test_tiles_cover_a_part_without_gap():
    part = QRect(300, 10, 600, 300)
    keys = tiles_within(2, part)
    assert keys == [TileKey(2, column, row) for row in (0, 1) for column in (1, 2, 3)]
    assert tiles_within(0, QRect()) == []


def test_actual_size_is_the_photo_pixel_by_pixel_wherever_one_looks(qtbot):
    pixels = noise(900, 1300)
    mosaic = TileMosaic(ImagePyramid.from_pixels(pixels))
    expected = bytes_of(pixels)
    for left, top in ((0, 0), (-250, -100), (-255, -257), (-900, -500)):
        target = QRectF(left, top, 1300, 900)
        painted(mosaic, target, (400, 300))
        mosaic.complete()
        shown = painted(mosaic, target, (400, 300))
        np.testing.assert_array_equal(shown, expected[-top : 300 - top, -left : 400 - left])
        assert mosaic.is_sharp


def test_missing_tiles_show_the_overview_and_are_named(qtbot):
    pixels = np.full((1000, 1600, 3), 0.25, np.float32)
    mosaic = TileMosaic(ImagePyramid.from_pixels(pixels))
    shown = painted(mosaic, QRectF(-100, -100, 1600, 1000), (300, 300))
    assert set(mosaic.missing[:4]) == {TileKey(0, column, row) for column in (0, 1) for row in (0, 1)}
    np.testing.assert_array_equal(shown, np.full((300, 300, 3), 64))


def test_hidden_layers_are_made_ready_too(qtbot, viewer):
    # Otherwise the first flicker to another pane would show it less sharp.
    panes = [Picture(title=title, pixels=noise(2000, 3000, seed=seed)) for seed, title in enumerate("AB")]
    with qtbot.waitSignal(viewer.panels_shown):
        viewer.set_panes(panes)
    with qtbot.waitSignal(viewer.panels_shown):
        viewer.set_mode("flicker")
    viewer.view_transform.zoom_to(1.0)
    qtbot.waitUntil(lambda: viewer.grab() is not None and viewer.is_sharp)
    hidden = viewer.pane_views[0].canvas.layers[1].pyramid
    seen = viewer.pane_views[0].canvas.layers[0].pyramid
    keys = tiles_within(0, QRect(1300, 900, 400, 200))
    assert all(hidden.kept(key) is not None and seen.kept(key) is not None for key in keys)


def test_panning_within_the_ring_lacks_nothing(qtbot):
    pixels = noise(1500, 1500)
    mosaic, expected = TileMosaic(ImagePyramid.from_pixels(pixels)), bytes_of(pixels)
    # First what is in view, which is then drawn a few tiles a frame, and the ring.
    for _ in range(4):
        painted(mosaic, QRectF(-600, -600, 1500, 1500), (200, 200))
        for key in mosaic.missing:
            mosaic.pyramid.keep(key, mosaic.pyramid.render(key))
        mosaic.take_tiles()
    for step in range(0, TILE_PX - 1, 50):
        left = 600 + step
        shown = painted(mosaic, QRectF(-left, -600, 1500, 1500), (200, 200))
        assert mosaic.is_sharp
        np.testing.assert_array_equal(shown, expected[600:800, left : left + 200])


def all_made(pixels, levels):
    pyramid = ImagePyramid.from_pixels(pixels)
    for level in levels:
        pyramid.prepare(level, QRect(0, 0, *pyramid.pixels.level_size(level)))
    return pyramid


@pytest.mark.parametrize("step", [9, 90, 700])
def test_panning_across_many_rings_shows_every_pixel(qtbot, step):
    pixels = noise(1300, 3000)
    mosaic, expected = TileMosaic(all_made(pixels, [0])), bytes_of(pixels)
    for left in [*range(0, 2700, step), *range(2700, 0, -step)]:
        top = left // 3
        shown = painted(mosaic, QRectF(-left, -top, 3000, 1300), (300, 300))
        assert mosaic.is_sharp
        np.testing.assert_array_equal(shown, expected[top : top + 300, left : left + 300])


def test_another_level_is_drawn_over_several_frames_before_it_is_shown(qtbot):
    pixels = noise(2000, 2000)
    mosaic, expected = TileMosaic(all_made(pixels, [0, 1]), DrawingRoom(budget_s=0.0)), bytes_of(pixels)
    small, large = QRectF(0, 0, 1000, 1000), QRectF(-300, -400, 2000, 2000)
    half = painted(mosaic, small, (700, 700))
    enlarged = painted(mosaic, large, (700, 700))
    assert mosaic.is_preparing
    assert not mosaic.is_sharp
    # Meanwhile the level that is there stands for it.
    assert abs(float(enlarged.mean()) - float(half.mean())) < 10
    num_frames = 1
    while mosaic.is_preparing:
        shown = painted(mosaic, large, (700, 700))
        num_frames += 1
        assert num_frames < 20
    np.testing.assert_array_equal(shown, expected[400:1100, 300:1000])
    # A picture of what is on screen does not wait.
    other = TileMosaic(mosaic.pyramid, DrawingRoom(budget_s=0.0))
    painted(other, small, (700, 700))
    painted(other, large, (700, 700))
    assert other.is_preparing
    other.complete()
    np.testing.assert_array_equal(painted(other, large, (700, 700)), expected[400:1100, 300:1000])


def test_panes_that_move_together_draw_ahead_one_after_the_other(qtbot):
    """All would else begin in the same frame, each with at least one tile."""
    room = DrawingRoom(budget_s=0.0)
    pyramids = [all_made(noise(2000, 2000, seed=seed), [0, 1]) for seed in range(3)]
    mosaics = [TileMosaic(pyramid, room) for pyramid in pyramids]
    small, large = QRectF(0, 0, 1000, 1000), QRectF(-300, -400, 2000, 2000)
    for mosaic in mosaics:
        painted(mosaic, small, (700, 700))
    ready = []
    for _ in range(100):
        for index, mosaic in enumerate(mosaics):
            shown = painted(mosaic, large, (700, 700))
            if not mosaic.is_preparing and index not in ready:
                ready.append(index)
                np.testing.assert_array_equal(shown, bytes_of(noise(2000, 2000, seed=index))[400:1100, 300:1000])
    assert ready == [0, 1, 2]
    # A picture of what is on screen does not wait for its turn.
    shared = DrawingRoom(budget_s=0.0)
    late = [TileMosaic(pyramid, shared) for pyramid in pyramids[:2]]
    for mosaic in late:
        painted(mosaic, small, (700, 700))
    for mosaic in late:
        painted(mosaic, large, (700, 700))
    assert late[1].is_preparing
    late[1].complete()
    assert late[1].is_sharp
    np.testing.assert_array_equal(
        painted(late[1], large, (700, 700)), bytes_of(noise(2000, 2000, seed=1))[400:1100, 300:1000]
    )


def test_the_time_for_drawing_ahead_is_that_of_all_canvases_of_a_frame():
    room = DrawingRoom(budget_s=0.05)
    lefts = []
    for who in (1, 2, 1, 2):
        began = time.perf_counter()
        with room.drawing(who) as until:
            lefts.append(until - began)
            time.sleep(0.03)
    assert lefts == pytest.approx([0.05, 0.02, 0.05, 0.02], abs=0.015)


def test_memory_of_what_is_no_longer_shown_is_drawn_in_again():
    room = DrawingRoom()
    small, large = (room.take_image(QSize(side, 10), QSize(5, 20)) for side in (30, 40))
    assert (small.size(), large.size()) == (QSize(30, 20), QSize(40, 20))
    room.give_back(large)
    room.give_back(small)
    assert room.take_image(QSize(20, 20), QSize(100, 100)) is small
    assert room.take_image(QSize(20, 20), QSize(100, 100)) is large
    assert room.take_image(QSize(20, 20), QSize(100, 100)).size() == QSize(100, 100)
    # Of too many none stays for good.
    for _ in range(20):
        room.give_back(QImage(4000, 2000, QImage.Format.Format_RGB32))
    room.give_back(small)
    num_kept = 0
    while room.take_image(QSize(1, 1), QSize(1, 1)).width() > 1:
        num_kept += 1
    assert 2 < num_kept < 12


def zooming(pyramid, anchor, zooms):
    """Where a picture lies while one zooms about a point of the canvas that stays where it is."""
    width, height = pyramid.size.toTuple()
    first = zooms[0]
    for zoom in zooms:
        left, top = (place - place * zoom / first for place in (anchor.x(), anchor.y()))
        yield QRectF(left, top, width * zoom, height * zoom), zoom


@pytest.mark.parametrize("is_inwards", [True, False])
@pytest.mark.parametrize("anchor", [QPointF(40, 30), QPointF(500, 350)])
def test_what_a_zoom_will_show_next_is_made_before_it_asks_for_it(qtbot, is_inwards, anchor):
    pyramid = ImagePyramid.from_pixels(noise(2400, 3600))
    mosaic = TileMosaic(pyramid)
    viewport = QRectF(0, 0, 600, 420)
    zooms = [0.4 * 1.04**step for step in range(12)]
    for target, zoom in zooming(pyramid, anchor, zooms if is_inwards else zooms[::-1]):
        if level_for(pyramid.pixels, zoom) != level_for(pyramid.pixels, zooms[0 if is_inwards else -1]):
            break
        mosaic.cover(target, viewport, zoom)
        for key in [*mosaic.missing_in_view, *mosaic.missing_ahead]:
            pyramid.keep(key, pyramid.render(key))
    else:
        raise AssertionError("the zoom never reached another level")
    mosaic.cover(target, viewport, zoom)
    assert not mosaic.missing_in_view, "all that is in view at the new level has been made"


def test_what_is_made_ahead_is_near_the_cursor(qtbot):
    pyramid = ImagePyramid.from_pixels(noise(2400, 3600))
    mosaic = TileMosaic(pyramid)
    for target, zoom in zooming(pyramid, QPointF(500, 350), [0.42, 0.44]):
        mosaic.cover(target, QRectF(0, 0, 600, 420), zoom)
    ahead = mosaic.missing_ahead
    assert {key.level for key in ahead} == {0}
    # 500 and 350 at a zoom of 0.42.
    assert ahead[0] == TileKey(0, 1190 // TILE_PX, 833 // TILE_PX)
    # One goes back: nothing of it is needed.
    for target, zoom in zooming(pyramid, QPointF(500, 350), [0.44, 0.43]):
        mosaic.cover(target, QRectF(0, 0, 600, 420), zoom)
    assert not [key for key in mosaic.missing_ahead if key.level == 0]


def test_a_display_of_many_tiles_gets_sharp(qtbot):
    pixels = noise(4400, 5600, 1)
    mosaic = TileMosaic(ImagePyramid.from_pixels(pixels))
    target, num_rounds = QRectF(0, 0, 5600, 4400), 0
    mosaic.cover(target, target, 1.0)
    assert len(mosaic.missing_in_view) > 320
    while not mosaic.is_sharp:
        for key in mosaic.missing_in_view:
            mosaic.pyramid.keep(key, mosaic.pyramid.render(key))
        mosaic.take_tiles()
        mosaic.cover(target, target, 1.0)
        num_rounds += 1
        assert num_rounds < 400
    shown = painted(mosaic, target, (5600, 4400))
    np.testing.assert_array_equal(shown, np.broadcast_to(bytes_of(pixels), shown.shape))


def test_no_seam_shows_between_tiles_at_a_broken_zoom(qtbot):
    mosaic = TileMosaic(ImagePyramid.from_pixels(np.full((900, 900, 1), 0.6, np.float32)))
    target = QRectF(-123.5, -77.25, 900 * 1.37, 900 * 1.37)
    painted(mosaic, target, (600, 500), Interpolation.SMOOTH)
    mosaic.complete()
    assert np.all(painted(mosaic, target, (600, 500), Interpolation.SMOOTH) == 153)


@pytest.mark.parametrize("zoom", [1.0, 0.5, 0.25, 0.4])
def test_an_odd_edge_is_cut_off_where_the_picture_ends(qtbot, zoom):
    mosaic = TileMosaic(ImagePyramid.from_pixels(np.ones((1001, 1001, 1), np.float32)))
    target = QRectF(0, 0, 1001 * zoom, 1001 * zoom)
    painted(mosaic, target, (1010, 1010))
    mosaic.complete()
    shown = painted(mosaic, target, (1010, 1010))
    edge = int(1001 * zoom)
    assert np.all(shown[:edge, :edge] == 255)
    assert np.all(shown[edge + 1 :, :, 1] == 0)


def test_squares_or_smooth(qtbot):
    pixels = np.zeros((2, 2, 1), np.float32)
    pixels[:, 1] = 1.0
    mosaic = TileMosaic(ImagePyramid.from_pixels(pixels))
    target = QRectF(0, 0, 80, 80)
    squares = painted(mosaic, target, (80, 80), Interpolation.NEAREST)[40, :, 0]
    assert set(squares.tolist()) == {0, 255}
    smooth = painted(mosaic, target, (80, 80), Interpolation.SMOOTH)[40, :, 0]
    assert 100 < smooth[40] < 155
    np.testing.assert_array_equal(painted(mosaic, target, (80, 80), Interpolation.AUTOMATIC)[40, :, 0], squares)


def test_the_loader_makes_what_is_wanted_and_nothing_else(qtbot, loader):
    pyramid = ImagePyramid.from_pixels(noise(1200, 1200))
    wanted = [(pyramid, TileKey(0, 1, 2)), (pyramid, TileKey(0, 0, 0))]
    loader.want("canvas", wanted)
    qtbot.waitUntil(lambda: not loader.is_busy)
    for _, key in wanted:
        assert image_view(pyramid.kept(key)).shape[:2] == (TILE_PX, TILE_PX)
    assert pyramid.kept(TileKey(0, 1, 1)) is None


def test_a_wish_that_is_withdrawn_is_not_made(qtbot, loader):
    pyramid = ImagePyramid.from_pixels(noise(4000, 4000, 1))
    loader.want("canvas", [(pyramid, key) for key in tiles_within(0, QRect(0, 0, 4000, 4000))])
    loader.want("canvas", [])
    qtbot.waitUntil(lambda: not loader.is_busy)
    made = [key for key in tiles_within(0, QRect(0, 0, 4000, 4000)) if pyramid.kept(key) is not None]
    assert len(made) < 256


def test_a_failure_while_rendering_is_raised_in_the_main_thread(qtbot, loader):
    class BrokenPyramid(ImagePyramid):
        def render(self, key):
            raise MemoryError("no room for a tile")

    pyramid = BrokenPyramid(PixelPyramid(PlainPixels(noise(900, 900))), DisplaySettings())
    with qtbot.captureExceptions() as raised:
        loader.want("canvas", [(pyramid, TileKey(0, 0, 0))])
        qtbot.waitUntil(lambda: bool(raised))
    assert raised[0][0] is MemoryError


@pytest.fixture
def viewer(qtbot):
    viewer = CompareViewer()
    show_at(qtbot, viewer, 700, 500)
    yield viewer
    viewer.shut_down()


def test_a_large_photo_appears_sharp_and_gets_sharp_again_after_a_move(qtbot, viewer):
    pixels = noise(2000, 3000)
    viewer.view_transform.set_scene(QSizeF(3000, 2000))
    viewer.view_transform.show_actual_size()
    with qtbot.waitSignal(viewer.panels_shown):
        viewer.set_panes([Picture(title="Large", pixels=pixels)])
    canvas = viewer.pane_views[0].canvas

    def expected():
        corner = viewer.view_transform.scene_rect(QSizeF(canvas.size())).topLeft().toPoint()
        left, top = -corner.x(), -corner.y()
        return bytes_of(pixels[top : top + canvas.height(), left : left + canvas.width()])

    shown = image_view(canvas.grab().toImage().convertToFormat(QImage.Format.Format_RGB32))[:, :, 2::-1]
    np.testing.assert_array_equal(shown, expected())
    viewer.view_transform.centre_on(QPointF(700, 1500))
    qtbot.waitUntil(lambda: viewer.grab() is not None and viewer.is_sharp and not viewer.is_busy)
    shown = image_view(canvas.grab().toImage().convertToFormat(QImage.Format.Format_RGB32))[:, :, 2::-1]
    np.testing.assert_array_equal(shown, expected())


def test_a_composed_view_is_sharp_at_once(qtbot, viewer):
    with qtbot.waitSignal(viewer.panels_shown):
        viewer.set_panes([Picture(title="Large", pixels=noise(2000, 3000))])
    viewer.view_transform.zoom_to(1.0)
    viewer.composed_view()
    assert viewer.is_sharp


def test_painting_never_makes_a_tile_itself(qtbot, monkeypatch):
    pyramid = ImagePyramid.from_pixels(noise(2000, 3000))
    made = []
    monkeypatch.setattr(pyramid, "render", made.append)
    mosaic = TileMosaic(pyramid)
    painted(mosaic, QRectF(-500, -500, 3000, 2000), (600, 400))
    assert made == []
    assert mosaic.missing


class Changing:
    """Pixels that become others."""

    def __init__(self, pixels):
        self.pixels = pixels
        self.height, self.width, self.num_channels = pixels.shape

    def window(self, left, top, right, bottom):
        return self.pixels[top:bottom, left:right]


def test_a_changed_tile_stays_until_it_is_made_anew():
    pixels = noise(1000, 1200)
    source = Changing(pixels.copy())
    pyramid = ImagePyramid(PixelPyramid(source), DisplaySettings())
    mosaic = TileMosaic(pyramid)
    target = QRectF(0, 0, 1200, 1000)
    painted(mosaic, target, (600, 500))
    mosaic.complete()
    before = painted(mosaic, target, (600, 500))
    np.testing.assert_array_equal(before, bytes_of(pixels[:500, :600]))
    source.pixels[:256, :256] = 0
    pyramid.outdate(QRect(0, 0, 256, 256))
    mosaic.take_changes()
    assert mosaic.missing_in_view == [TileKey(0, 0, 0)], "only what has changed is made anew"
    np.testing.assert_array_equal(painted(mosaic, target, (600, 500)), before)
    pyramid.keep(TileKey(0, 0, 0), pyramid.render(TileKey(0, 0, 0)))
    assert mosaic.take_tiles()
    after = painted(mosaic, target, (600, 500))
    assert not after[:256, :256].any()
    np.testing.assert_array_equal(after[256:], before[256:])
    assert mosaic.is_sharp


def test_a_tile_whose_values_change_while_it_is_made_is_made_again():
    source = Changing(noise(1000, 1200))
    pyramid = ImagePyramid(PixelPyramid(source), DisplaySettings())
    key = TileKey(0, 1, 1)
    made = pyramid.render(key)
    source.pixels[:] = 0
    pyramid.outdate()
    pyramid.keep(key, made)
    assert pyramid.kept(key) is not None
    assert not pyramid.is_current(key)
    pyramid.keep(key, pyramid.render(key))
    assert pyramid.is_current(key)
