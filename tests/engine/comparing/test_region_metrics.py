import math

import numpy as np
import pytest

from engine.comparing import region_metrics
from engine.comparing.metrics import psnr, ssim
from engine.comparing.region_metrics import Region, measure_closeness
from engine.contracts.job_control import JobCancelled, JobControl


@pytest.fixture
def pair():
    rng = np.random.default_rng(3)
    clean = rng.random((61, 47, 3), dtype=np.float32)
    return np.clip(clean + rng.normal(0, 0.1, clean.shape), 0, 1).astype(np.float32), clean


def test_the_whole_is_measured_as_ever(pair):
    closeness = measure_closeness(*pair)
    assert closeness.psnr == pytest.approx(psnr(*pair), abs=1e-9)
    assert closeness.ssim == pytest.approx(ssim(*pair), abs=1e-12)


def test_strips_change_nothing(pair, monkeypatch):
    for pixels_at_once in (47, 47 * 7, 47 * 50):
        monkeypatch.setattr(region_metrics, "_STRIP_PIXELS", pixels_at_once)
        assert measure_closeness(*pair).ssim == pytest.approx(ssim(*pair), abs=1e-12)
        assert measure_closeness(*pair).psnr == pytest.approx(psnr(*pair), abs=1e-9)


def test_a_region_is_measured_alone(pair):
    noisy, clean = pair
    region = Region(left=5, top=8, width=20, height=13)
    area = slice(8, 21), slice(5, 25)
    closeness = measure_closeness(noisy, clean, region)
    assert closeness.psnr == pytest.approx(psnr(noisy[area], clean[area]), abs=1e-9)
    assert closeness.ssim == pytest.approx(ssim(noisy[area], clean[area]))
    assert measure_closeness(noisy, clean, Region(0, 0, 10, 61)).ssim is None
    beyond = measure_closeness(noisy, clean, Region(40, 50, 500, 500))
    assert beyond.psnr == pytest.approx(psnr(noisy[50:, 40:], clean[50:, 40:]), abs=1e-9)


def test_gray_meets_colour(pair):
    noisy, _ = pair
    gray = noisy[:, :, :1]
    assert math.isinf(measure_closeness(gray, np.repeat(gray, 3, axis=2)).psnr)


def test_what_cannot_be_measured_is_refused(pair):
    noisy, clean = pair
    with pytest.raises(ValueError, match="one size"):
        measure_closeness(noisy[1:], clean)
    with pytest.raises(ValueError, match="outside"):
        measure_closeness(noisy, clean, Region(47, 0, 5, 5))


def test_measuring_can_be_stopped(pair):
    control = JobControl()
    control.cancel()
    with pytest.raises(JobCancelled):
        measure_closeness(*pair, control=control)


def test_regions_are_clipped():
    assert Region(-5, -5, 10, 20).clipped(100, 8) == Region(0, 0, 5, 8)
    assert Region(100, 0, 5, 5).clipped(100, 100) is None
