"""The residual's figures against SciPy and against leaks of known size."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter
from scipy.signal import correlate
from scipy.stats import norm

from engine.contracts.errors import InvalidInputError
from engine.contracts.events import StepDone
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.learned_noise import BRIGHTNESS, LearnedNoise, PhotoNoise
from engine.contracts.photo import PhotoRef
from engine.photo_files.bicubic_resize import enlarge
from engine.photo_files.photos import PhotoImage, read_image, write_image
from engine.residuals.inspection import ResidualConfig, common_measurement, examine_residual, judge_residual
from engine.residuals.leak import LARGE_SHARE, TRACE_SHARE, measure_leak, smallest_side_px
from engine.residuals.statistics import autocorrelation, radial_spectrum, residual_histogram, residual_levels
from engine.simulation.learned.noise_file import save_noise
from tests.engine.photos.test_stack_levels import bleaching, levels_of

SIDE_PX = 240


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """A scene with flat areas, edges of all directions and some texture."""
    rng = np.random.default_rng(4)
    scene = cv2.resize(rng.uniform(0.3, 0.7, (5, 5, 3)), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
    for _ in range(40):
        centre = tuple(int(place) for place in rng.integers(0, SIDE_PX, 2))
        cv2.circle(scene, centre, int(rng.integers(4, 30)), tuple(rng.uniform(0.1, 0.9, 3)), -1, cv2.LINE_AA)
    rows = np.arange(SIDE_PX)[:, None, None]
    scene[:, SIDE_PX // 2 :] += 0.05 * np.sin(rows * 0.9)
    return scene.clip(0, 1).astype(np.float32)


def noise(shape: tuple[int, ...], sigma: float = 0.05, seed: int = 0) -> np.ndarray:
    return (sigma * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def leak_of(noisy: np.ndarray, restored: np.ndarray) -> float:
    return measure_leak((noisy - restored).astype(np.float32), restored.astype(np.float32)).share


def test_pure_noise_holds_no_picture(picture: np.ndarray) -> None:
    white = noise(picture.shape)
    correlated = 4 * cv2.GaussianBlur(white, (0, 0), 1.2)
    stronger_in_bright = noise(picture.shape, 1.0) * np.sqrt(0.01 * picture + 0.0005)
    for kind in (white, correlated, stronger_in_bright):
        assert leak_of(picture + kind, picture) < TRACE_SHARE


def test_noise_that_was_left_in_the_picture_is_no_picture(picture: np.ndarray) -> None:
    taken = noise(picture.shape)
    for share in (0.1, 0.5):
        assert leak_of(picture + taken, picture + share * taken) < TRACE_SHARE


@pytest.mark.parametrize("sigma_px", [0.8, 1.5])
def test_the_leak_grows_with_what_was_blurred_away(picture: np.ndarray, sigma_px: float) -> None:
    taken = noise(picture.shape)
    detail = picture - cv2.GaussianBlur(picture, (0, 0), sigma_px)
    shares = [leak_of(picture + taken, picture - part * detail) for part in (0, 0.3, 0.6, 1.0)]
    assert shares == sorted(shares)
    assert shares[0] < TRACE_SHARE
    true_share = float(np.var(detail) / np.var(taken + detail))
    assert 0.2 * true_share < shares[-1] < 1.1 * true_share


def test_filters_that_smooth_too_much_are_found_out(picture: np.ndarray) -> None:
    noisy = picture + noise(picture.shape)
    levels = np.rint(noisy.clip(0, 1) * 255).astype(np.uint8)
    assert leak_of(noisy, cv2.GaussianBlur(noisy, (0, 0), 1.5)) > TRACE_SHARE
    assert leak_of(noisy, cv2.medianBlur(levels, 5).astype(np.float32) / 255) > TRACE_SHARE


def test_a_leak_needs_pictures_of_one_shape_and_some_size(picture: np.ndarray) -> None:
    with pytest.raises(ValueError, match="both must be"):
        measure_leak(picture, picture[:, :, :1])
    small = picture[: smallest_side_px() - 1]
    with pytest.raises(ValueError, match="pixels"):
        measure_leak(small, small)


def test_autocorrelation_equals_direct_sums() -> None:
    values = cv2.GaussianBlur(noise((40, 30), seed=3), (0, 0), 1.0)
    centred = values.astype(np.float64) - values.mean(dtype=np.float64)
    direct = correlate(centred, centred, method="direct")
    counts = correlate(np.ones_like(centred), np.ones_like(centred), method="direct")
    expected = (direct / counts / np.mean(centred**2))[39 - 5 : 39 + 6, 29 - 5 : 29 + 6]
    np.testing.assert_allclose(autocorrelation(values[:, :, None], 5), expected, atol=1e-6)


def test_autocorrelation_is_the_mean_over_channels_weighted_by_their_variance() -> None:
    strong, weak = noise((50, 60), 0.1, 1), noise((50, 60), 0.001, 2)
    both = autocorrelation(np.stack([strong, weak], axis=2), 4)
    np.testing.assert_allclose(both, autocorrelation(strong[:, :, None], 4), atol=1e-3)
    assert both[4, 4] == pytest.approx(1)
    assert not autocorrelation(np.zeros((20, 20, 1), np.float32), 4).any()
    assert autocorrelation(strong[:6, :9, None]).shape == (11, 11)


def test_histogram_follows_the_normal_of_equal_variance() -> None:
    values = noise((300, 300, 3), 0.03) + np.float32(0.01)
    histogram = residual_histogram(values)
    width = histogram.centres[1] - histogram.centres[0]
    assert histogram.density.sum() * width == pytest.approx(1)
    np.testing.assert_allclose(histogram.normal, norm.pdf(histogram.centres, values.mean(), values.std()), rtol=1e-3)
    np.testing.assert_allclose(histogram.density, histogram.normal, atol=0.04 * histogram.normal.max())


@pytest.mark.parametrize("num_steps", [255, 301, 65535])
def test_whole_numbers_give_no_comb(num_steps: int) -> None:
    """Photos of 8 bits, and dim frames whose black and white lie 301 counts apart."""
    values = (np.rint(noise((256, 256, 1), 0.02) * num_steps) / num_steps).astype(np.float32)
    histogram = residual_histogram(values)
    middle = np.abs(histogram.centres) < 0.02
    np.testing.assert_allclose(histogram.density[middle], histogram.normal[middle], rtol=0.12)
    assert residual_histogram(np.zeros((9, 9, 1), np.float32)).density.sum() > 0


def test_spectrum_of_white_noise_is_flat_and_of_a_wave_a_peak() -> None:
    white = radial_spectrum(noise((256, 256, 3)))
    np.testing.assert_allclose(white.power, 1, atol=0.2)
    columns = np.arange(256)
    wave = np.tile(np.sin(2 * np.pi * 0.25 * columns), (256, 1))[:, :, None].astype(np.float32)
    spectrum = radial_spectrum(wave)
    assert spectrum.frequencies[spectrum.power.argmax()] == pytest.approx(0.25)
    with pytest.raises(ValueError, match="4 pixels"):
        radial_spectrum(wave[:3])


def test_an_enlarged_photo_is_compared_at_the_noisy_ones_size(picture: np.ndarray) -> None:
    noisy, restored, scale = common_measurement(picture, enlarge(picture, 2))
    assert (noisy.shape, restored.shape, scale) == (picture.shape, picture.shape, 2)
    assert np.abs(noisy - restored).mean() < 0.01
    assert common_measurement(picture[:, :, :1], picture)[0].shape == picture.shape
    for other in (picture[:-10], enlarge(picture[:50, :50], 4)):
        with pytest.raises(InvalidInputError, match="pixels"):
            common_measurement(picture, other)


def test_the_job_reports_every_figure(picture: np.ndarray, tmp_path) -> None:
    noisy = (picture + noise(picture.shape)).clip(0, 1)
    blurred = cv2.GaussianBlur(noisy, (0, 0), 1.5)
    for name, pixels in (("noisy", noisy), ("restored", blurred), ("unchanged", noisy)):
        write_image(tmp_path / f"{name}.png", PhotoImage(pixels), file_format="png", bit_depth=16)
    events: list[StepDone] = []
    config = ResidualConfig(noisy=tmp_path / "noisy.png", restored=tmp_path / "restored.png")
    report = examine_residual(config, JobControl(), events.append)
    assert events[-1].step == events[-1].num_steps
    assert report.sigma == pytest.approx(float((noisy - blurred).std()), rel=1e-3)
    assert report.leak is not None
    assert report.leak > TRACE_SHARE
    assert report.verdict.state in ("trace", "picture")
    assert "picture" in report.verdict.sentence
    assert report.autocorrelation.shape == (33, 33)
    assert report.spectrum is not None
    unchanged = ResidualConfig(noisy=tmp_path / "noisy.png", restored=tmp_path / "unchanged.png")
    assert examine_residual(unchanged, JobControl(), events.append).verdict.state == "nothing"
    control = JobControl()
    control.cancel()
    with pytest.raises(JobCancelled):
        examine_residual(config, control, events.append)


@pytest.mark.parametrize(
    ("leak", "sigma", "state", "phrase"),
    [
        (0.0, 0.05, "noise", "noise alone"),
        (None, 0.05, "noise", "too small"),
        (0.036, 0.2, "trace", "at least 4 %"),
        (1.2 * TRACE_SHARE, 0.01, "trace", "too faint"),
        (2 * LARGE_SHARE, 0.05, "picture", "at least 20 %"),
    ],
)
def test_the_verdict_names_what_was_found(leak: float | None, sigma: float, state: str, phrase: str) -> None:
    verdict = judge_residual(leak, sigma, 0.0)
    assert verdict.state == state
    assert phrase in verdict.sentence


def save_noise_of(path: Path, sigma_at: Callable[[np.ndarray], np.ndarray], photo: str) -> None:
    spectrum = np.broadcast_to(np.eye(3), (16, 16, 3, 3)).copy()
    variance = np.tile(sigma_at(BRIGHTNESS) ** 2, (3, 1))
    learned = PhotoNoise(name=photo, variance=variance, spectrum=0, is_gray=False, highest_level=65535)
    save_noise(path, LearnedNoise(photos=(learned,), spectra=(spectrum,)))


def test_the_level_by_brightness_is_that_of_the_noise(picture: np.ndarray) -> None:
    taken = noise(picture.shape, 1.0) * (0.02 + 0.05 * picture)
    levels = residual_levels(taken.astype(np.float32), picture)
    assert np.all(np.diff(levels.brightness) > 0)
    assert levels.sigma == pytest.approx(0.02 + 0.05 * levels.brightness, rel=0.05)


@pytest.mark.parametrize("shape", [(2000, 1000, 3), (2000, 2000, 3)], ids=["three channels", "half the columns"])
def test_of_a_large_residual_all_channels_and_columns_count(shape: tuple[int, int, int]) -> None:
    restored = np.full(shape, 0.5, np.float32)
    sigmas = np.array([0.02, 0.05, 0.08]) * np.where(np.arange(shape[1]) % 2, 0.5, 1.0)[:, None]
    taken = (sigmas * np.random.default_rng(1).standard_normal(shape)).astype(np.float32)
    levels = residual_levels(taken, restored)
    assert levels.sigma == pytest.approx(np.sqrt(np.square(sigmas).mean()), rel=0.02)


@pytest.mark.parametrize(
    ("factor", "word"), [(1.0, "is as strong"), (0.5, "is weaker"), (1.6, "is stronger")], ids=["all", "half", "more"]
)
def test_a_residual_is_compared_with_what_was_learned(
    picture: np.ndarray, tmp_path: Path, factor: float, word: str
) -> None:
    taken = factor * noise(picture.shape, 1.0) * (0.02 + 0.05 * picture)
    for name, pixels in (("noisy.png", picture + taken), ("restored.png", picture)):
        clipped = pixels.clip(0, 1).astype(np.float32)
        write_image(tmp_path / name, PhotoImage(clipped), file_format="png", bit_depth=16)
    config = ResidualConfig(
        noisy=tmp_path / "noisy.png", restored=tmp_path / "restored.png", noise=tmp_path / "noise.json"
    )
    save_noise_of(tmp_path / "noise.json", lambda brightness: 0.02 + 0.05 * brightness, "noisy.png")
    match = examine_residual(config, JobControl(), lambda event: None).match
    assert match is not None
    assert match.ratio == pytest.approx(factor, rel=0.08)
    assert match.of_this_photo
    assert word in match.sentence
    save_noise_of(tmp_path / "noise.json", lambda brightness: 0.02 + 0.05 * brightness, "another.png")
    other = examine_residual(config, JobControl(), lambda event: None).match
    assert other is not None
    assert "that of the others" in other.sentence
    (tmp_path / "noise.json").write_text("{}")
    with pytest.raises(InvalidInputError, match=r"noise\.json"):
        examine_residual(config, JobControl(), lambda event: None)


def test_without_a_learned_noise_nothing_is_compared(picture: np.ndarray, tmp_path: Path) -> None:
    for name in ("noisy.png", "restored.png"):
        write_image(tmp_path / name, PhotoImage(picture), file_format="png", bit_depth=16)
    config = ResidualConfig(noisy=tmp_path / "noisy.png", restored=tmp_path / "restored.png")
    assert examine_residual(config, JobControl(), lambda event: None).match is None


def test_a_page_is_examined_between_the_black_and_white_of_its_stack(tmp_path: Path) -> None:
    """By its own a page that has lost half of its light would have noise twice as strong as what was learned."""
    frames = bleaching(side=96)[:, 0]
    for name, shown in (("noisy", frames), ("restored", gaussian_filter(frames, (0, 2, 2)))):
        tifffile.imwrite(tmp_path / f"{name}.tif", shown, photometric="minisblack")
    levels = levels_of(tmp_path / "noisy.tif", 1)
    photos = [PhotoRef(tmp_path / f"{name}.tif", 6) for name in ("noisy", "restored")]
    report = examine_residual(ResidualConfig(noisy=photos[0], restored=photos[1]), JobControl(), lambda event: None)
    noisy, restored = (levels.normalised(read_image(photo).pixels) for photo in photos)
    assert report.sigma == pytest.approx(float((noisy - restored).std()), rel=0.01)
