"""A photo that is restored tile by tile: what is shown is the noisy photo, the restored one, or what lies between."""

import numpy as np
import pytest
from PySide6.QtCore import QRect

from app.pages.restore import restored_levels
from app.pages.restore.restored_levels import RestoredLevels
from app.viewer.tiles.pixel_pyramid import PixelPyramid, PlainPixels, SamplePixels
from engine.contracts.blending import Blend
from engine.photo_files.bicubic_resize import enlarge
from engine.restoring.blending import blended


def picture(height, width, num_channels=3, seed=0):
    return np.random.default_rng(seed).random((height, width, num_channels), dtype=np.float32)


def put_all(levels, restored):
    for tile in levels.tiles_in(QRect(0, 0, restored.shape[1], restored.shape[0])):
        place = levels.place(tile)
        rows = slice(place.top(), place.top() + place.height())
        columns = slice(place.left(), place.left() + place.width())
        levels.put(tile, restored[rows, columns])


def whole(levels, level):
    return levels.window(level, 0, 0, *levels.level_size(level))


@pytest.mark.parametrize(
    ("height", "width", "num_channels", "scale"),
    [(901, 1603, 3, 1), (300, 200, 1, 1), (401, 503, 3, 2), (333, 447, 1, 3), (229, 301, 3, 4)],
)
def test_all_tiles_are_the_restored_photo_on_every_level(height, width, num_channels, scale):
    noisy = picture(height, width, num_channels)
    restored = picture(scale * height, scale * width, num_channels, seed=1)
    levels = RestoredLevels(PixelPyramid(PlainPixels(noisy)), scale=scale, num_channels=num_channels)
    reference = PixelPyramid(PlainPixels(restored))
    assert levels.num_levels == reference.num_levels
    put_all(levels, restored)
    for level in range(levels.num_levels):
        assert levels.level_size(level) == reference.level_size(level)
        expected = reference.window(level, 0, 0, *reference.level_size(level))
        # Kept in half the bytes of a float: a tenth of a step of 8 bits.
        np.testing.assert_allclose(whole(levels, level), expected, atol=5e-4)
    levels.blend = Blend.even(0)
    np.testing.assert_array_equal(whole(levels, 0), enlarge(noisy, scale) if scale > 1 else noisy)
    levels.blend = Blend.even(0.25)
    between = whole(levels, 0)
    base = enlarge(noisy, scale) if scale > 1 else noisy
    np.testing.assert_allclose(between, base + 0.25 * (restored - base), atol=5e-4)
    levels.blend = Blend(luminance=0.9, colour=0.4, detail=0.6)
    np.testing.assert_allclose(whole(levels, 0), blended(base, restored, levels.blend), atol=1e-3)


@pytest.mark.parametrize("num_channels", [1, 3])
def test_any_part_of_a_blended_photo_is_what_the_whole_shows_there(num_channels):
    """The canvas asks for tiles of its own, which are not those that are restored."""
    noisy, restored = picture(700, 900, num_channels), picture(700, 900, num_channels, seed=1)
    blend = Blend(luminance=0.9, colour=0.4, detail=0.8)
    levels = RestoredLevels(PixelPyramid(PlainPixels(noisy)), num_channels=num_channels, blend=blend)
    put_all(levels, restored)
    for level in range(levels.num_levels):
        shown = whole(levels, level)
        for left, top, right, bottom in ((0, 0, 100, 90), (60, 70, 128, 130), (1, 128, 129, 150)):
            part = levels.window(level, left, top, right, bottom)
            np.testing.assert_allclose(part, shown[top:bottom, left:right], atol=1e-5)


def test_no_edge_shows_where_the_restored_part_ends():
    noisy = np.full((900, 1600, 3), 0.5, np.float32)
    levels = RestoredLevels(PixelPyramid(PlainPixels(noisy)), num_channels=3, blend=Blend(detail=1))
    tile = levels.tiles_in(QRect(700, 400, 100, 100))[0]
    place = levels.place(tile)
    levels.put(tile, np.full((place.height(), place.width(), 3), 0.4, np.float32))
    shown = whole(levels, 0)
    inside = shown[place.top() : place.top() + place.height(), place.left() : place.left() + place.width()]
    np.testing.assert_allclose(inside, 0.4, atol=1e-3)
    assert (shown[: place.top()] == 0.5).all()


def test_three_gray_channels_have_no_colours_to_blend():
    noisy, restored = picture(90, 80), picture(90, 80, seed=1)
    pyramid = PixelPyramid(PlainPixels(noisy))
    levels = RestoredLevels(pyramid, num_channels=3, channels_are_gray=True, blend=Blend(colour=0))
    put_all(levels, restored)
    np.testing.assert_allclose(whole(levels, 0), restored, atol=1e-3)


def test_what_is_not_restored_is_noisy():
    noisy = picture(900, 1600)
    levels = RestoredLevels(PixelPyramid(PlainPixels(noisy)), num_channels=3)
    np.testing.assert_array_equal(whole(levels, 0), noisy)
    middle = QRect(700, 400, 100, 100)
    tile = levels.tiles_in(middle)[0]
    assert levels.place(tile).contains(middle.center()), "the tile in the middle comes first"
    assert not levels.has(tile, 0)
    place = levels.place(tile)
    levels.put(tile, np.zeros((place.height(), place.width(), 3), np.float32))
    assert levels.has(tile, 0)
    assert levels.has(tile, 1)
    shown = whole(levels, 0)
    inside = np.zeros(noisy.shape[:2], bool)
    inside[place.top() : place.top() + place.height(), place.left() : place.left() + place.width()] = True
    assert shown[inside].max() < 1e-3
    np.testing.assert_array_equal(shown[~inside], noisy[~inside])


def test_the_first_look_is_seen_from_afar_until_tiles_come():
    noisy = picture(900, 1600)
    pyramid = PixelPyramid(PlainPixels(noisy))
    levels = RestoredLevels(pyramid, num_channels=3)
    last = levels.num_levels - 1
    assert last == 2
    first_look = picture(225, 400, seed=2)
    levels.put_first_look(first_look)
    np.testing.assert_allclose(whole(levels, last), first_look, atol=1e-6)
    np.testing.assert_array_equal(whole(levels, 0), noisy), "single pixels stay noisy until they are restored"
    # Between, what it changes is spread over the pixels that it stands for.
    change = whole(levels, 1) - pyramid.window(1, 0, 0, *pyramid.level_size(1))
    clipped = (whole(levels, 1) == 0) | (whole(levels, 1) == 1)
    expected = first_look - pyramid.window(last, 0, 0, 400, 225)
    assert np.corrcoef(change[::2, ::2][~clipped[::2, ::2]], expected[~clipped[::2, ::2]])[0, 1] > 0.8
    put_all(levels, np.full_like(noisy, 0.5))
    np.testing.assert_allclose(whole(levels, last), 0.5, atol=5e-4)


def test_large_levels_keep_the_tiles_that_were_seen_last(monkeypatch):
    monkeypatch.setattr(restored_levels, "_KEPT_BYTES", 5 * 256 * 256 * 3 * 2)
    noisy = picture(1024, 1024)
    levels = RestoredLevels(PixelPyramid(PlainPixels(noisy)), num_channels=3)
    tiles = levels.tiles_in(QRect(0, 0, 1024, 1024))
    assert len(tiles) == 16
    put_all(levels, np.zeros_like(noisy))
    assert sum(levels.has(tile, 0) for tile in tiles) == 5
    assert all(levels.has(tile, 1) for tile in tiles), "from afar nothing is restored twice"
    np.testing.assert_allclose(whole(levels, 1), 0, atol=5e-4)


def test_numbers_of_a_file_are_read_as_floats():
    samples = np.random.default_rng(0).integers(0, 2**16, (40, 50, 3), dtype=np.uint16)
    window = SamplePixels(samples).window(10, 5, 30, 25)
    np.testing.assert_allclose(window, samples[5:25, 10:30] / 65535, atol=1e-6)
    assert window.dtype == np.float32
