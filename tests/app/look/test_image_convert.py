import gc

import numpy as np
import pytest
from PySide6.QtGui import QColor, QImage

from app.look.image_convert import (
    DisplayLevels,
    apply_levels,
    image_view,
    pixels_from_qimage,
    qimage_from_bytes,
    qimage_from_pixels,
    stretch_levels,
)


def exact_pixels(height, width, num_channels, peak, seed=0):
    values = np.random.default_rng(seed).integers(0, peak + 1, (height, width, num_channels))
    return (values / peak).astype(np.float32)


@pytest.mark.parametrize("num_channels", [1, 3])
@pytest.mark.parametrize("bit_depth", [8, 16])
@pytest.mark.parametrize("width", [1, 5, 64])
def test_round_trip_is_exact(num_channels, bit_depth, width):
    pixels = exact_pixels(7, width, num_channels, 2**bit_depth - 1)
    image = qimage_from_pixels(pixels, bit_depth=bit_depth)
    assert (image.width(), image.height()) == (width, 7)
    back = pixels_from_qimage(image)
    assert back.dtype == np.float32
    assert not back.flags.writeable
    np.testing.assert_array_equal(np.rint(back * (2**bit_depth - 1)), np.rint(pixels * (2**bit_depth - 1)))


@pytest.mark.parametrize(
    ("num_channels", "bit_depth", "padded", "expected"),
    [
        (1, 8, False, QImage.Format.Format_Grayscale8),
        (1, 16, False, QImage.Format.Format_Grayscale16),
        (3, 8, False, QImage.Format.Format_RGB888),
        (3, 8, True, QImage.Format.Format_RGB32),
        (3, 16, False, QImage.Format.Format_RGBX64),
    ],
)
def test_formats(num_channels, bit_depth, padded, expected):
    image = qimage_from_pixels(exact_pixels(3, 3, num_channels, 255), bit_depth=bit_depth, padded=padded)
    assert image.format() == expected


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("bit_depth", [8, 16])
def test_colours_keep_their_order(padded, bit_depth):
    pixels = np.zeros((1, 3, 3), np.float32)
    pixels[0, 0, 0] = pixels[0, 1, 1] = pixels[0, 2, 2] = 1.0
    image = qimage_from_pixels(pixels, bit_depth=bit_depth, padded=padded)
    assert [image.pixelColor(x, 0).getRgb() for x in range(3)] == [
        (255, 0, 0, 255),
        (0, 255, 0, 255),
        (0, 0, 255, 255),
    ]


def test_values_outside_the_range_are_clipped():
    pixels = np.array([[[-0.5], [1.5], [0.5]]], np.float32)
    assert image_view(qimage_from_pixels(pixels)).ravel().tolist() == [0, 255, 128]
    assert image_view(qimage_from_pixels(pixels, bit_depth=16)).ravel().tolist() == [0, 65535, 32768]


def test_image_outlives_its_source():
    pixels = exact_pixels(200, 203, 3, 255)
    expected = np.rint(pixels * 255).astype(np.uint8)
    image = qimage_from_pixels(pixels)
    pixels[:] = 0
    del pixels
    gc.collect()
    np.testing.assert_array_equal(image_view(image), expected)


def test_view_is_read_only_and_outlives_its_image():
    image = qimage_from_pixels(exact_pixels(300, 300, 3, 255), padded=True)
    view = image_view(image)
    before = view.copy()
    assert not view.flags.writeable
    image.setPixelColor(2, 1, QColor(10, 20, 30))
    assert image_view(image)[1, 2, :3].tolist() == [30, 20, 10]
    del image
    gc.collect()
    np.testing.assert_array_equal(view, before)


def test_view_does_not_copy():
    image = qimage_from_pixels(exact_pixels(4, 6, 3, 255))
    assert np.shares_memory(image_view(image), image_view(image))


def test_view_of_a_foreign_format_is_refused():
    with pytest.raises(ValueError, match="Format_ARGB32"):
        image_view(QImage(2, 2, QImage.Format.Format_ARGB32))


def test_bytes_become_the_same_values():
    values = np.random.default_rng(1).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    np.testing.assert_array_equal(image_view(qimage_from_bytes(values)), values)


def test_non_contiguous_pixels():
    pixels = exact_pixels(8, 9, 3, 255)[::2, ::-1]
    np.testing.assert_array_equal(image_view(qimage_from_pixels(pixels)), np.rint(pixels * 255).astype(np.uint8))


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 2), (0, 4, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="height x width"):
        qimage_from_pixels(np.zeros(shape, np.float32))


def test_stretch_spreads_a_dim_picture():
    # The 16 bit microscopy case: everything between 111 and 2651 of 65535.
    pixels = np.random.default_rng(0).uniform(111 / 65535, 2651 / 65535, (64, 64, 1)).astype(np.float32)
    levels = stretch_levels(pixels)
    assert levels.black == pytest.approx(111 / 65535, abs=2e-4)
    assert levels.white == pytest.approx(2651 / 65535, abs=2e-4)
    shown = image_view(qimage_from_pixels(pixels, levels=levels))
    assert shown.min() == 0
    assert shown.max() == 255
    assert 120 < shown.mean() < 136


def test_stretch_leaves_a_flat_picture_alone():
    assert stretch_levels(np.full((8, 8, 1), 0.3, np.float32)).is_identity


def test_identity_levels_do_not_copy():
    pixels = exact_pixels(3, 3, 3, 255)
    assert apply_levels(pixels, DisplayLevels()) is pixels


def test_levels_must_be_ordered():
    with pytest.raises(ValueError, match="above black"):
        DisplayLevels(0.5, 0.5)


def test_padded_gray_and_indexed_images():
    image = QImage(3, 2, QImage.Format.Format_ARGB32)
    image.fill(QColor(51, 102, 204, 128))
    np.testing.assert_allclose(pixels_from_qimage(image)[0, 0], [0.2, 0.4, 0.8], atol=1e-6)
    with pytest.raises(ValueError, match="null"):
        pixels_from_qimage(QImage())
