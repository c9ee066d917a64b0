"""Noise level and reach, against noise that is known."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.restoration import estimate_sigma

from engine.contracts.noise import (
    NUM_JUDGED,
    NoiseDoubt,
    NoiseEstimate,
    SignalDependence,
    independent_distance,
    noise_word,
    spread_evenly,
    summarize_noise,
)
from engine.photo_files.photos import read_image
from engine.photos.noise_estimate import MIN_SIDE_PX, estimate_noise, measure_noise
from tests.picture_makers import dim_series


def stride_of(photos: Sequence[NDArray[np.float32]]) -> int:
    noise = measure_noise(photos, lambda pixels: pixels)
    assert noise is not None
    return noise.stride


SIGNAL_PICTURES = ["astronaut.png", "coffee.png", "rocket.jpg", "retina.jpg", "chelsea.png", "motorcycle_left.png"]
PICTURES = ["astronaut.png", "coffee.png", "camera.png", "rocket.jpg", "retina.jpg"]


def clean_picture(name: str) -> NDArray[np.float32]:
    return read_image(Path(skimage.__file__).parent / "data" / name).pixels[:512, :640]


def with_noise(clean: NDArray[np.float32], sigma: float, seed: int = 0, blur_px: float = 0) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).standard_normal(clean.shape)
    if blur_px:
        noise = gaussian_filter(noise, (blur_px, blur_px, 0))
        noise /= noise.std()
    # Kept clear of black and white: the noise added must be the noise that is there.
    return (0.2 + 0.6 * clean + sigma * noise).clip(0, 1).astype(np.float32)


def with_sensor_noise(
    clean: NDArray[np.float32], slope: float, offset: float, blur_px: float = 0
) -> NDArray[np.float32]:
    """Poisson-Gaussian noise in its Gaussian approximation: variance = slope * y + offset."""
    noise = np.random.default_rng(0).standard_normal(clean.shape)
    if blur_px:
        noise = gaussian_filter(noise, (blur_px, blur_px, 0))
        noise /= noise.std()
    bright = 0.05 + 0.85 * clean
    return (bright + np.sqrt(slope * bright + offset) * noise).clip(0, 1).astype(np.float32)


@pytest.mark.parametrize("sigma", [15 / 255, 25 / 255, 50 / 255])
@pytest.mark.parametrize("name", PICTURES)
def test_the_level_of_white_noise_on_real_pictures(name: str, sigma: float) -> None:
    estimate = estimate_noise(with_noise(clean_picture(name), sigma))
    assert estimate.sigma == pytest.approx(sigma, rel=0.15)
    assert max(map(abs, estimate.correlation)) < 0.15


@pytest.mark.parametrize("blur_px", [0.4, 0.6, 0.8])
def test_the_correlation_of_noise_on_a_flat_field(blur_px: float) -> None:
    flat = np.full((512, 512, 1), 0.5, np.float32)
    estimate = estimate_noise(with_noise(flat, 0.05, blur_px=blur_px))
    # White noise through a filter correlates as the filter does with itself.
    kernel = gaussian_filter(np.eye(1, 41, 20)[0], blur_px)
    expected = [float(np.sum(kernel[lag:] * kernel[:-lag]) / np.sum(kernel**2)) for lag in (1, 2, 3, 4)]
    assert estimate.correlation == pytest.approx(expected, abs=0.15)
    assert estimate.sigma == pytest.approx(0.05, rel=0.2)


@pytest.mark.parametrize("sigma", [5 / 255, 10 / 255, 25 / 255])
@pytest.mark.parametrize("name", PICTURES)
def test_the_level_agrees_with_the_wavelet_estimate(name: str, sigma: float) -> None:
    noisy = with_noise(clean_picture(name), sigma)
    # Donoho and Johnstone's median of the finest wavelet coefficients: another principle altogether.
    reference = float(np.mean(estimate_sigma(noisy, channel_axis=-1)))
    estimate = estimate_noise(noisy).sigma
    assert estimate == pytest.approx(reference, rel=0.2)
    assert abs(estimate - sigma) < 0.06 * sigma


@pytest.mark.parametrize("offset", [(2 / 255) ** 2, (10 / 255) ** 2])
@pytest.mark.parametrize("slope", [0.002, 0.01, 0.03])
def test_signal_dependence_on_real_pictures(slope: float, offset: float) -> None:
    found = [
        estimate_noise(with_sensor_noise(clean_picture(name), slope, offset)).dependence for name in SIGNAL_PICTURES
    ]
    lines = [dependence for dependence in found if dependence is not None]
    assert len(lines) == len(SIGNAL_PICTURES)
    assert np.median([line.slope for line in lines]) == pytest.approx(slope, rel=0.1)
    for line in lines:
        for brightness in (line.darkest, line.brightest):
            true = np.sqrt(slope * brightness + offset)
            assert line.sigma_at(brightness) == pytest.approx(true, rel=0.2)


def test_signal_dependence_of_correlated_noise() -> None:
    for name in SIGNAL_PICTURES:
        noisy = with_sensor_noise(clean_picture(name), 0.01, (5 / 255) ** 2, blur_px=0.6)
        line = estimate_noise(noisy).dependence
        assert line is not None
        assert line.slope == pytest.approx(0.01, rel=0.25)


@pytest.mark.parametrize("sigma", [10 / 255, 25 / 255])
def test_noise_alike_everywhere_has_no_slope(sigma: float) -> None:
    for name in SIGNAL_PICTURES:
        line = estimate_noise(with_sensor_noise(clean_picture(name), 0, sigma**2)).dependence
        assert line is not None
        assert line.sigma_at(line.darkest) == pytest.approx(line.sigma_at(line.brightest), rel=0.15)
        assert "about as strong" in line.sentence


@pytest.mark.parametrize("sigmas", [(20, 8, 14), (20, 10, 20)])
def test_colours_with_noises_of_their_own_are_all_in_the_line(sigmas: tuple[int, int, int]) -> None:
    deviation = np.array(sigmas) / 255
    ramp = np.broadcast_to(np.linspace(0.2, 0.8, 512)[:, None, None], (512, 512, 3))
    noisy = ramp + deviation * np.random.default_rng(0).standard_normal(ramp.shape)
    found = estimate_noise(noisy.clip(0, 1).astype(np.float32)).dependence
    assert found is not None
    for brightness in (found.darkest, 0.5, found.brightest):
        assert found.sigma_at(brightness) == pytest.approx(np.sqrt(np.mean(deviation**2)), rel=0.1)


@pytest.mark.parametrize("across", [0, 1])
def test_stripes_alike_all_along_tell_no_line_over_the_brightness(across: int) -> None:
    lines = np.linspace(0.1, 0.9, 256) + 0.02 * np.random.default_rng(0).standard_normal(256)
    picture = np.expand_dims(np.broadcast_to(np.expand_dims(lines, 1 - across), (256, 256)), 2)
    estimate = estimate_noise(picture.astype(np.float32))
    assert estimate.sigma > 0.005
    assert estimate.dependence is None


@pytest.mark.parametrize("across", [0, 1])
def test_bands_under_plain_noise_are_as_strong_over_the_brightness_as_altogether(across: int) -> None:
    generator = np.random.default_rng(1)
    bands = np.expand_dims(0.02 * generator.standard_normal(512), (1 - across, 2))
    clean = np.linspace(0.1, 0.9, 512)[:, None, None]
    noisy = clean + bands + 0.01 * generator.standard_normal((512, 512, 3))
    estimate = estimate_noise(noisy.clip(0, 1).astype(np.float32))
    assert estimate.dependence is not None
    for brightness in (0.2, 0.5, 0.8):
        assert estimate.dependence.sigma_at(brightness) == pytest.approx(estimate.sigma, rel=0.1)


def test_a_tone_curve_makes_the_slope_negative() -> None:
    linear = with_sensor_noise(clean_picture("astronaut.png") ** 2.2, 0.001, 0.0002)
    line = estimate_noise(np.power(linear, 1 / 2.2).astype(np.float32)).dependence
    assert line is not None
    assert line.slope < 0
    assert "stronger in dark parts" in line.sentence


def test_pictures_that_cannot_tell_have_no_dependence() -> None:
    even = with_noise(np.full((256, 256, 3), 0.5, np.float32), 0.05)
    assert estimate_noise(even).dependence is None
    small = with_noise(clean_picture("coffee.png")[:48, :48], 0.05)
    assert estimate_noise(small).dependence is None


def test_signal_dependent_noise_is_averaged_over_brightness() -> None:
    ramp = np.broadcast_to(np.linspace(0.1, 0.9, 512, dtype=np.float32)[:, None, None], (512, 512, 3))
    sigma = np.sqrt(0.002 + 0.01 * ramp)
    noise = np.random.default_rng(0).standard_normal(ramp.shape) * sigma
    estimate = estimate_noise((ramp + noise).astype(np.float32))
    assert estimate.sigma == pytest.approx(float(np.sqrt(np.mean(sigma**2))), rel=0.1)


def test_large_photos_are_judged_like_small_ones() -> None:
    noisy = with_noise(np.full((1500, 2100, 1), 0.5, np.float32), 0.1)
    assert estimate_noise(noisy).sigma == pytest.approx(0.1, rel=0.08)


@pytest.mark.parametrize("shape", [(16, 16, 1), (17, 300, 3), (16, 5000, 1), (5000, 40, 3)])
def test_any_shape_from_the_smallest_on(shape: tuple[int, int, int]) -> None:
    estimate = estimate_noise(with_noise(np.full(shape, 0.5, np.float32), 0.1))
    assert estimate.sigma == pytest.approx(0.1, rel=0.2)


def test_flat_and_clipped_pictures_have_no_noise() -> None:
    for value in (0.0, 0.5, 1.0):
        estimate = estimate_noise(np.full((64, 64, 3), value, np.float32))
        assert estimate.sigma == 0
        assert not any(estimate.correlation)


def test_too_small_a_photo_is_refused() -> None:
    with pytest.raises(ValueError, match="16 pixels"):
        estimate_noise(np.zeros((MIN_SIDE_PX - 1, 100, 3), np.float32))


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("blur_px", [0, 0.7])
def test_a_level_that_is_right_is_not_doubted(name: str, blur_px: float) -> None:
    noise = estimate_noise(with_noise(clean_picture(name), 15 / 255, blur_px=blur_px))
    assert noise.sigma * 255 == pytest.approx(15, rel=0.15)
    assert noise.doubt is NoiseDoubt.NONE


def test_nothing_but_texture_is_doubted_and_noise_on_it_is_not() -> None:
    """Grass that differs from place to place, as it grows; the noise that it passes for would be alike everywhere."""
    rng = np.random.default_rng(0)
    fine, height = (gaussian_filter(rng.standard_normal((384, 384, 1)), (px, px, 0)) for px in (0.7, 12))
    blades = fine / fine.std() * 0.06 * np.exp(0.8 * height / height.std())
    grass = np.repeat(0.5 + blades, 3, axis=2).clip(0.1, 0.9).astype(np.float32)
    alone = estimate_noise(grass)
    assert alone.sigma * 255 > 2, "texture passes for noise"
    assert alone.doubt is NoiseDoubt.DETAILED
    assert "less" in alone.doubt.sentence
    assert estimate_noise(with_noise(grass, 20 / 255)).doubt is NoiseDoubt.NONE


def test_a_tiny_photo_is_doubted_and_hardly_any_noise_is_not() -> None:
    picture = clean_picture("astronaut.png")
    assert estimate_noise(with_noise(picture[:96, :96], 15 / 255)).doubt is NoiseDoubt.SMALL
    assert estimate_noise(with_noise(np.full_like(picture, 0.5), 1 / 255)).doubt is NoiseDoubt.NONE


def test_strides_of_known_noise() -> None:
    pictures = [clean_picture(name) for name in PICTURES]
    white = [
        with_noise(picture, sigma, seed)
        for seed, (picture, sigma) in enumerate(zip(pictures, (0.04, 0.1, 0.04, 0.1, 0.06), strict=True))
    ]
    assert stride_of(white) == 1
    grainy = [with_noise(picture, 0.06, blur_px=0.6) for picture in pictures]
    assert stride_of(grainy) == 2
    coarse = [with_noise(picture, 0.06, blur_px=3) for picture in pictures]
    assert stride_of(coarse) == 4
    assert measure_noise([], lambda pixels: pixels) is None
    assert measure_noise([np.zeros((4, 4, 3), np.float32)], lambda pixels: pixels) is None


def test_the_noise_of_real_cameras_reaches_two_or_three_pixels(shared_data: Path) -> None:
    folder = shared_data / "real_noisy_pairs" / "polyu"
    paths = sorted((folder / "noisy").iterdir())[::3]
    photos = [read_image(path).pixels for path in paths]
    assert stride_of(photos) in (2, 3)
    estimated = np.median([estimate_noise(pixels).correlation for pixels in photos], axis=0)
    true = []
    for path, noisy in zip(paths, photos, strict=True):
        noise = noisy - read_image(folder / "clean" / path.name).pixels
        noise = noise - gaussian_filter(noise, (6, 6, 0))
        true.append([float(np.mean(noise[:, lag:] * noise[:, :-lag]) / noise.var()) for lag in (1, 2, 3, 4)])
    assert estimated == pytest.approx(np.median(true, axis=0), abs=0.15)


def test_white_noise_on_the_shared_photos_has_stride_one(shared_data: Path) -> None:
    generator = np.random.default_rng(0)
    photos = []
    for path in sorted((shared_data / "clean_color" / "bsds500_test").glob("*.jpg"))[::12]:
        clean = read_image(path).pixels
        noise = generator.uniform(8, 50) / 255 * generator.standard_normal(clean.shape)
        photos.append((clean + noise).clip(0, 1).astype(np.float32))
    assert stride_of(photos) == 1


def test_a_folder_of_camera_photos_is_summed_up(shared_data: Path) -> None:
    folder = shared_data / "real_noisy_pairs" / "polyu"
    paths = sorted((folder / "noisy").iterdir())
    noise = summarize_noise(estimate_noise(read_image(path).pixels) for path in paths)
    assert noise is not None
    assert (noise.num_photos, noise.stride) == (60, 3)
    judged = measure_noise(paths, lambda path: read_image(path).pixels)
    assert judged is not None
    assert (judged.num_photos, judged.stride, judged.correlation) == (NUM_JUDGED, noise.stride, noise.correlation)
    assert noise.low_sigma < noise.sigma < noise.high_sigma
    # In-camera denoising and the tone curve: less noise in the highlights.
    assert noise.dependence is not None
    assert noise.dependence.slope < 0
    assert "sub-sampling with stride 3" in noise.sentence


def filaments(seed: int, num: int, width_px: float, side: int = 256) -> NDArray[np.float32]:
    """Winding bright lines, as thin as a microscope shows them, on dark ground. Shape: (side, side, 1), 0 to 1."""
    generator = np.random.default_rng(seed)
    picture = np.zeros((side, side), np.float32)
    for _ in range(num):
        turns = generator.uniform(0, 2 * np.pi) + np.cumsum(generator.normal(0, 0.25, int(generator.integers(40, 120))))
        steps = 3 * np.stack([np.cos(turns), np.sin(turns)], axis=1)
        points = generator.uniform(0, side, 2) + np.cumsum(steps, axis=0)
        line = np.zeros_like(picture)
        corners = np.round(16 * points).astype(np.int32)
        cv2.polylines(line, [corners], False, float(generator.uniform(0.3, 1)), 1, cv2.LINE_AA, 4)
        picture = np.maximum(picture, line)
    picture = gaussian_filter(picture, width_px)
    return np.float32(0.15) + np.float32(0.6) * picture[:, :, None] / picture.max()


@pytest.mark.parametrize("width_px", [1.0, 1.6])
@pytest.mark.parametrize(("num", "sigma"), [(20, 0.03), (20, 0.12), (60, 0.02), (60, 0.05), (60, 0.12), (100, 0.06)])
def test_white_noise_on_filaments_is_not_taken_for_grain(num: int, sigma: float, width_px: float) -> None:
    clean = filaments(1, num, width_px)
    generator = np.random.default_rng(7)
    frames = [(clean + sigma * generator.standard_normal(clean.shape)).astype(np.float32) for _ in range(30)]
    noise = measure_noise(frames, lambda pixels: pixels)
    assert noise is not None
    # Measured before on these: 0.13 to 0.6.
    assert abs(noise.correlation[0]) < 0.11
    assert noise.stride == 1
    assert noise.sigma == pytest.approx(sigma, rel=0.2)


def test_grain_on_filaments_is_still_found() -> None:
    clean = filaments(1, 60, 1.0)
    frames = []
    for seed in range(6):
        noise = gaussian_filter(np.random.default_rng(seed).standard_normal(clean.shape), (0.7, 0.7, 0))
        frames.append((clean + 0.08 * noise / noise.std()).astype(np.float32))
    assert stride_of(frames) in (2, 3)


def small_frames(grain_px: float) -> list[NDArray[np.float32]]:
    """Small pictures of a microscope without a flat spot, with noise that is white or grainy; 0 to 1."""
    generator = np.random.default_rng(0)
    frames = []
    for counted, counts in dim_series(8):
        noise = (counted - counts) / 300
        if grain_px:
            noise = gaussian_filter(generator.standard_normal(counts.shape), grain_px)
            noise *= 0.02 / noise.std()
        frames.append(((counts - 88) / 300 + noise)[:, :, None].astype(np.float32))
    return frames


def test_white_noise_in_small_pictures_full_of_structure_is_not_taken_for_grain() -> None:
    # Read from the 36 blocks of such a picture alone it was a correlation of 0.7 and a stride of 4, by which a training
    # on these frames ended 13 dB below them.
    noise = measure_noise(small_frames(0), lambda pixels: pixels)
    assert noise is not None
    assert abs(noise.correlation[0]) < 0.11
    assert noise.stride == 1


def test_grain_in_small_pictures_full_of_structure_is_still_found() -> None:
    assert stride_of(small_frames(0.7)) in (2, 3)


def test_photos_are_chosen_evenly_the_first_and_the_last_among_them() -> None:
    assert spread_evenly(range(30), 4) == [0, 10, 19, 29]
    assert spread_evenly(range(3), 4) == [0, 1, 2]
    chosen = spread_evenly(range(30))
    assert len(set(chosen)) == NUM_JUDGED
    # What has been chosen is chosen whole: who measures some and who measures all judge by the same.
    assert spread_evenly(chosen) == chosen


def test_the_stride_is_that_of_the_chosen_photos_whether_all_were_measured_or_those_alone() -> None:
    noises = [NoiseEstimate(sigma=0.05, correlation=(value, 0.0, 0.0, 0.0)) for value in [0.0] * 16 + [0.6] * 14]
    every, some = summarize_noise(noises), summarize_noise(spread_evenly(noises))
    assert every is not None
    assert some is not None
    assert (every.stride, every.correlation) == (some.stride, some.correlation)
    assert (every.num_photos, some.num_photos) == (30, NUM_JUDGED)


def test_what_the_noises_of_a_folder_have_in_common() -> None:
    def line(slope: float, offset: float) -> SignalDependence:
        return SignalDependence(slope=slope, offset=offset, darkest=0.2, brightest=0.8)

    white, camera = (0.0, 0.0, 0.0, 0.0), (0.6, 0.2, 0.1, 0.0)
    estimates = [
        NoiseEstimate(sigma=0.01, correlation=white, dependence=line(0.0005, 0.0)),
        NoiseEstimate(sigma=0.02, correlation=camera, dependence=line(0.002, 0.0)),
        NoiseEstimate(sigma=0.09, correlation=camera, dependence=line(0.0405, 0.01)),
        NoiseEstimate(sigma=0.02, correlation=camera),
    ]
    noise = summarize_noise(estimates)
    assert noise is not None
    assert noise.num_photos == 4
    assert noise.sigma == 0.02
    assert noise.stride == 3
    assert noise.dependence == line(pytest.approx(0.002), pytest.approx(0, abs=1e-12))
    assert noise.sentence == (
        "Little noise: 5.1 of 255, most photos 3.3 to 17.6. It is stronger in bright parts (10.2) than in dark ones "
        "(5.1). The noise of neighbouring pixels is alike: sub-sampling with stride 3."
    )
    # One photo in three that shows a dependence does not speak for the others.
    even = NoiseEstimate(sigma=0.02, correlation=white)
    mostly_even = summarize_noise([estimates[0], even, even])
    assert mostly_even is not None
    assert mostly_even.dependence is None
    assert summarize_noise([]) is None
    alone = summarize_noise([NoiseEstimate(sigma=0.02, correlation=white)])
    assert alone is not None
    assert alone.sentence == (
        "Little noise: 5.1 of 255 in each photo. "
        "The noise of neighbouring pixels is independent: sub-sampling with stride 1."
    )


def test_distances_of_independent_noise() -> None:
    assert independent_distance((0.2, 0.3, 0, 0)) == 1
    assert independent_distance((0.3, 0.14, 0, 0)) == 2
    assert independent_distance((0.9, 0.8, 0.7, 0.6)) == 4


@pytest.mark.parametrize(
    ("levels", "word"), [(1, "Hardly"), (5, "Little"), (12, "Clear"), (30, "Strong"), (60, "Very")]
)
def test_noise_in_words(levels: float, word: str) -> None:
    assert noise_word(levels / 255).startswith(word)
