"""Line profiles and statistics of regions, against other libraries and by hand."""

import cv2
import numpy as np
import pytest

from engine.comparing.profiles import line_profile, region_statistics
from engine.comparing.region_metrics import Region

PIXELS = np.random.default_rng(0).random((40, 60, 3), np.float32)


def test_along_rows_and_columns_it_is_the_pixels_themselves() -> None:
    row = line_profile(PIXELS, (5, 7), (50, 7))
    np.testing.assert_allclose(row.values, PIXELS[7, 5:51], rtol=1e-6)
    np.testing.assert_array_equal(row.distances, np.arange(46))
    column = line_profile(PIXELS, (0, 39), (0, 0))
    np.testing.assert_allclose(column.values, PIXELS[::-1, 0], rtol=1e-6)


@pytest.mark.parametrize("ends", [((3.0, 2.0), (41.0, 33.0)), ((50.5, 3.25), (2.0, 20.75))])
def test_between_pixels_it_is_interpolated_as_opencv_does(ends: tuple[tuple[float, float], ...]) -> None:
    found = line_profile(PIXELS, *ends)
    first, last = np.array(ends[0]), np.array(ends[1])
    places = first + found.distances[:, None] * (last - first) / np.hypot(*(last - first))
    expected = cv2.remap(PIXELS, places[:, :1].astype(np.float32), places[:, 1:].astype(np.float32), cv2.INTER_LINEAR)[
        :, 0
    ]
    # OpenCV rounds places to a 32nd of a pixel.
    np.testing.assert_allclose(found.values, expected, atol=0.07)
    ramp = np.add.outer(2.0 * np.arange(40), 3.0 * np.arange(60)).astype(np.float32)[:, :, None]
    exact = line_profile(ramp, *ends).values[:, 0]
    np.testing.assert_allclose(exact, 3 * places[:, 0] + 2 * places[:, 1], rtol=1e-5)


def test_a_wide_line_is_the_mean_of_parallel_ones() -> None:
    found = line_profile(PIXELS, (5, 20), (50, 20), width_px=5)
    np.testing.assert_allclose(found.values, PIXELS[18:23, 5:51].mean(axis=0), rtol=1e-5)
    even = line_profile(PIXELS, (5, 20), (50, 20), width_px=2)
    between = (PIXELS[19] + 2 * PIXELS[20] + PIXELS[21]) / 4
    np.testing.assert_allclose(even.values, between[5:51], rtol=1e-5)
    with pytest.raises(ValueError, match="at least 1"):
        line_profile(PIXELS, (0, 0), (1, 1), width_px=0)


def test_outside_there_is_nothing() -> None:
    values = line_profile(PIXELS, (50, 5), (70, 5)).values
    assert np.isfinite(values[:10]).all()
    assert np.isnan(values[10:]).all()
    ends = line_profile(PIXELS, (-0.5, 5), (59.5, 5)).values
    np.testing.assert_allclose(ends[[0, -1]], PIXELS[5, [0, -1]], rtol=1e-6)
    assert np.isnan(line_profile(PIXELS, (-0.6, 5), (-0.6, 5)).values).all()
    point = line_profile(PIXELS, (4, 4), (4, 4))
    np.testing.assert_allclose(point.values, PIXELS[4:5, 4], rtol=1e-6)


def test_statistics_are_those_of_numpy() -> None:
    found = region_statistics(PIXELS, Region(-3, 5, 20, 10))
    part = PIXELS[5:15, :17].astype(np.float64)
    assert found is not None
    assert found.num_pixels == 170
    np.testing.assert_allclose(found.mean, part.mean(axis=(0, 1)), rtol=1e-9)
    np.testing.assert_allclose(found.deviation, part.reshape(-1, 3).std(axis=0, ddof=1), rtol=1e-9)
    assert region_statistics(PIXELS, Region(60, 0, 5, 5)) is None
    tall = np.random.default_rng(1).normal(1e4, 1, (3000, 4, 1)).astype(np.float32)
    whole = region_statistics(tall)
    assert whole is not None
    np.testing.assert_allclose(whole.deviation, tall.astype(np.float64).std(ddof=1), rtol=1e-9)
    one = region_statistics(PIXELS, Region(0, 0, 1, 1))
    assert one is not None
    assert not one.deviation.any()
