"""Every kind of simulated noise: its statistics against its definition, and the mixture of them."""

import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from engine.simulation.banding import Banding, add_bands
from engine.simulation.camera import draw_camera
from engine.simulation.drawings import draw_graphic
from engine.simulation.film import Film, add_grain, draw_film
from engine.simulation.kinds import KINDS, Pair
from engine.simulation.low_light import Detector, detect, detect_in_colour, draw_detector
from engine.simulation.pairs import draw_kind, simulate_pair
from engine.simulation.parameters import NIGHT, PHONE, CameraRanges, PairParams
from engine.simulation.resaving import KERNELS, Resaving, draw_resaving, resave
from engine.simulation.sky import Sky, draw_sky, photograph_sky

Picture = NDArray[np.float32]

OF_NO_NOISE = ("clean", "drawing")


def even_picture(level: float, height: int = 96, width: int = 96) -> Picture:
    return np.full((height, width, 3), level, np.float32)


def textured_picture(seed: int = 0, height: int = 40, width: int = 48) -> Picture:
    return np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)


def autocorrelation(noise: NDArray[np.float32], lag: int) -> tuple[float, float]:
    """From row to row and from column to column of a plane, by products."""
    centred = noise - noise.mean()
    return tuple(
        float((moved[lag:] * moved[:-lag]).mean() / np.square(centred).mean()) for moved in (centred, centred.T)
    )


def simulate_kind(
    name: str, clean: Sequence[Picture], *, seed: int = 0, params: PairParams | None = None
) -> list[Pair]:
    """Pairs of one kind alone, always the same ones."""
    stream = zlib.crc32(name.encode())
    return [
        KINDS[name].make_pair(picture, np.random.default_rng((seed, stream, index)), params or PairParams())
        for index, picture in enumerate(clean)
    ]


# The table


def test_shares_are_of_one() -> None:
    assert sum(kind.share for kind in KINDS.values()) == pytest.approx(1)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("height", "width"), [(4, 4), (5, 9), (33, 20)])
def test_a_kind_keeps_shape_and_range_at_any_size(name: str, height: int, width: int) -> None:
    clean = textured_picture(9, height, width)
    untouched = clean.copy()
    mixture = PairParams(rounded_share=1.0, gray_share=0.3, enlarged_share=0.9, largest_zoom=8.0)
    for noisy, target in simulate_kind(name, [clean] * 12, params=mixture):
        for picture in (noisy, target):
            assert picture.shape == clean.shape
            assert picture.dtype == np.float32
            assert np.isfinite(picture).all()
            assert 0 <= picture.min() <= picture.max() <= 1
    np.testing.assert_array_equal(clean, untouched)


@pytest.mark.parametrize("name", KINDS)
def test_only_clean_kinds_have_no_noise(name: str) -> None:
    pairs = simulate_kind(name, [textured_picture(seed) for seed in range(6)])
    is_noisy = [not np.array_equal(noisy, target) for noisy, target in pairs]
    assert all(is_noisy) if name not in OF_NO_NOISE else not any(is_noisy)


def test_kinds_are_drawn_as_often_as_their_shares_say() -> None:
    generator = np.random.default_rng(1)
    drawn = Counter(draw_kind(generator, PairParams()) for _ in range(4000))
    expected = [4000 * kind.share for kind in KINDS.values()]
    assert stats.chisquare([drawn[name] for name in KINDS], expected).pvalue > 1e-3
    some = PairParams(shares={"film": 0.2, "sky": 0.6, "camera": 0.0})
    drawn = Counter(draw_kind(generator, some) for _ in range(400))
    assert set(drawn) == {"film", "sky"}
    assert drawn["sky"] == pytest.approx(300, abs=40)


def test_a_kind_that_does_not_exist_is_refused_with_those_that_do() -> None:
    clean = even_picture(0.5, 4, 4)
    with pytest.raises(ValueError, match=r"'fog'.*plain.*film"):
        simulate_pair(clean, np.random.default_rng(0), PairParams(shares={"fog": 1.0}))
    with pytest.raises(ValueError, match="No kind"):
        simulate_pair(clean, np.random.default_rng(0), PairParams(shares={"film": 0.0}))


# Cameras


def test_most_cameras_are_as_noisy_as_published_profiles_say() -> None:
    generator = np.random.default_rng(2)
    shots = np.array([draw_camera(generator, CameraRanges()).shot for _ in range(2000)])
    low_iso, high_iso = 4e-5, 1.2e-3
    assert np.mean((shots > low_iso / 2) & (shots < 2 * high_iso)) > 0.85
    assert np.mean(shots > 2e-3) == pytest.approx(0.12, abs=0.03)
    assert shots.max() > 0.015
    assert shots.max() <= 0.03
    # Each decade of both parts is as frequent as any other.
    bulk = np.log(shots[shots < 2e-3] / 2e-5) / np.log(100)
    tail = np.log(shots[shots >= 2e-3] / 2e-3) / np.log(15)
    assert stats.kstest(bulk, "uniform").pvalue > 1e-3
    assert stats.kstest(tail, "uniform").pvalue > 1e-3


def test_phones_are_noisier_smoother_and_sharper() -> None:
    generator = np.random.default_rng(3)
    phones, cameras = ([draw_camera(generator, ranges) for _ in range(300)] for ranges in (PHONE, CameraRanges()))
    for attribute in ("shot", "chroma_blur_px", "luma_smoothing", "sharpening"):
        of_phones, of_cameras = (np.mean([getattr(one, attribute) for one in group]) for group in (phones, cameras))
        assert of_phones > 1.3 * of_cameras, attribute


def test_night_is_nearly_black_and_fine() -> None:
    generator = np.random.default_rng(4)
    cameras = [draw_camera(generator, NIGHT) for _ in range(300)]
    stops = -np.log2([camera.exposure for camera in cameras])
    assert stats.kstest(stops / 7, "uniform").pvalue > 1e-3
    assert np.mean([camera.bits == 16 and not camera.jpeg_quality for camera in cameras]) == pytest.approx(0.4, abs=0.1)
    means = [target.mean() for _, target in simulate_kind("night", [even_picture(0.6, 16, 16)] * 40)]
    assert np.median(means) < 0.2
    assert min(means) < 0.05


# Film


def test_grain_is_strongest_in_mid_tones() -> None:
    film = Film(strength=0.06, grain_px=1.0, is_one_layer=False)
    levels = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]
    found = [
        float((add_grain(even_picture(level, 200, 200), film, np.random.default_rng(index)) - level).std())
        for index, level in enumerate(levels)
    ]
    # Binomial: the variance of a share p of n grains is p (1 - p) / n, here squared to the deviation's curve.
    expected = [0.06 * (0.25 + 0.75 * level * (1 - level) / 0.25) for level in levels]
    np.testing.assert_allclose(found, expected, rtol=0.05)


@pytest.mark.parametrize("grain_px", [0.6, 1.0, 2.0])
def test_grain_is_correlated_over_its_size(grain_px: float) -> None:
    film = Film(strength=0.05, grain_px=grain_px, is_one_layer=True)
    noise = add_grain(even_picture(0.5, 400, 400), film, np.random.default_rng(5)) - np.float32(0.5)
    # White noise blurred by a Gaussian: the blur with itself.
    blur = np.exp(-(np.arange(-12, 13) ** 2) / (2 * grain_px**2))
    overlap = np.correlate(blur, blur, "full")
    for lag in (1, 2, 3, 4):
        expected = overlap[24 + lag] / overlap[24]
        for found in autocorrelation(noise[..., 0], lag):
            assert found == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("is_one_layer", [True, False])
def test_layers_of_film_have_their_own_grain_unless_there_is_one(is_one_layer: bool) -> None:
    film = Film(strength=0.05, grain_px=0.8, is_one_layer=is_one_layer)
    noise = add_grain(even_picture(0.5, 200, 200), film, np.random.default_rng(6)) - 0.5
    correlation = np.corrcoef(noise.reshape(-1, 3).T)
    np.testing.assert_allclose(correlation[np.triu_indices(3, 1)], float(is_one_layer), atol=0.03)
    # Next to a border it is as strong as elsewhere.
    border = np.concatenate([noise[0], noise[-1], noise[:, 0], noise[:, -1]])
    assert border.std() == pytest.approx(noise.std(), rel=0.12)


def test_films_range_from_fine_to_coarse() -> None:
    generator = np.random.default_rng(7)
    films = [draw_film(generator) for _ in range(200)]
    lengths = [2 * film.grain_px for film in films]
    assert min(lengths) < 1.2
    assert max(lengths) > 3.8
    assert {film.is_one_layer for film in films} == {True, False}
    grays = [np.ptp(target, axis=2).max() == 0 for _, target in simulate_kind("film", [textured_picture()] * 80)]
    assert np.mean(grays) == pytest.approx(0.25, abs=0.15)


# Rows and columns


def test_bands_are_offsets_of_rows_and_columns() -> None:
    banding = Banding(row_sigma=0.02, column_sigma=0.01, noise_sigma=0.03)
    noise = add_bands(even_picture(0.5, 600, 500), banding, np.random.default_rng(8)) - np.float32(0.5)
    plane = noise[..., 0]
    # The mean of a row of n pixels: its own offset, and the noise's variance by n.
    assert plane.mean(axis=1).std() == pytest.approx(np.hypot(0.02, 0.03 / np.sqrt(500)), rel=0.1)
    assert plane.mean(axis=0).std() == pytest.approx(np.hypot(0.01, 0.03 / np.sqrt(600)), rel=0.1)
    rest = plane - plane.mean(axis=1, keepdims=True) - plane.mean(axis=0, keepdims=True) + plane.mean()
    assert rest.std() == pytest.approx(0.03, rel=0.02)
    rows = noise.mean(axis=1)
    np.testing.assert_allclose(np.corrcoef(rows.T), 1, atol=0.02)


def test_bands_stand_on_the_axes_of_the_spectrum() -> None:
    banding = Banding(row_sigma=0.0, column_sigma=0.0, hum=0.02, hum_period_px=16.0, noise_sigma=0.05)
    noise = add_bands(even_picture(0.5, 256, 256), banding, np.random.default_rng(9))[..., 0] - 0.5
    power = np.square(np.abs(np.fft.fft2(noise))) / noise.size
    row, column = np.unravel_index(np.argmax(power), power.shape)
    assert (min(row, 256 - row), column) == (256 / 16, 0)
    # A sine of amplitude a puts a^2 / 4 times the number of pixels into each of two places.
    assert power[16, 0] == pytest.approx(0.02**2 / 4 * 256**2, rel=0.1)
    power[[16, -16], 0] = np.nan
    assert np.nanmean(power) == pytest.approx(0.05**2, rel=0.03)


def test_wide_bands_are_alike_from_row_to_row_and_as_strong() -> None:
    banding = Banding(row_sigma=0.02, column_sigma=0.0, width_px=1.5, is_gray=False)
    rows = np.concatenate(
        [add_bands(even_picture(0.5, 300, 4), banding, np.random.default_rng(seed))[:, 0] - 0.5 for seed in range(4)]
    )
    assert rows.std() == pytest.approx(0.02, rel=0.1)
    assert np.corrcoef(rows[1:, 0], rows[:-1, 0])[0, 1] == pytest.approx(np.exp(-1 / (4 * 1.5**2)), abs=0.05)
    assert abs(np.corrcoef(rows[:, 0], rows[:, 1])[0, 1]) < 0.15


# Few photons


@pytest.mark.parametrize("photons", [1.0, 10.0, 100.0])
def test_the_number_of_photons_is_poisson_distributed(photons: float) -> None:
    white = min(0.08 * photons, 0.5)
    detector = Detector(photons=photons, white=white, offset=0.05)
    for index, brightness in enumerate((0.1, 0.4, 0.8)):
        light = np.full((200, 200), brightness, np.float32)
        noisy, target = detect(light, detector, np.random.default_rng(index))
        np.testing.assert_allclose(target, 0.05 + white * brightness, rtol=1e-5)
        counts = (noisy - 0.05) * photons / white
        mean = photons * brightness
        assert np.mean(noisy == 1) < 1e-3, "hardly any pixel is cut off"
        assert counts.mean() == pytest.approx(mean, rel=0.03)
        assert counts.var() / counts.mean() == pytest.approx(1, abs=0.05), "Fano factor"
        np.testing.assert_allclose(counts, np.rint(counts), atol=0.01 * photons + 1e-3)
        # In full: the share of pixels of each number.
        numbers = np.arange(int(mean + 6 * np.sqrt(mean)) + 2)
        found = np.bincount(np.rint(counts).astype(int).ravel(), minlength=len(numbers))[: len(numbers)] / counts.size
        np.testing.assert_allclose(found, stats.poisson.pmf(numbers, mean), atol=0.012)


def test_read_noise_adds_its_variance_and_dark_parts_keep_their_mean() -> None:
    detector = Detector(photons=40, read_photons=1.5, white=0.5, offset=0.1)
    light = np.full((300, 300), 0.01, np.float32)
    noisy, target = detect(light, detector, np.random.default_rng(10))
    counts = (noisy - 0.1) * 80
    assert counts.var() == pytest.approx(0.4 + 1.5**2, rel=0.04)
    assert noisy.mean() == pytest.approx(target.mean(), rel=0.002)


def test_a_colour_camera_spreads_the_noise_of_few_photons_and_keeps_the_mean() -> None:
    detector = Detector(photons=50, white=0.6, offset=0.1)
    light = even_picture(0.3, 200, 200) * np.array([1, 0.5, 2], np.float32)
    noisy, target = detect_in_colour(light, detector, np.random.default_rng(11))
    np.testing.assert_allclose(target, 0.1 + 0.6 * light, atol=1e-5)
    np.testing.assert_allclose(noisy.mean(axis=(0, 1)), target.mean(axis=(0, 1)), rtol=0.01)
    for channel in (0, 2):
        # Between two measured pixels lies half of each: 0.5 of what both sides share, on average over the places.
        assert min(autocorrelation(noisy[..., channel] - target[..., channel], 1)) > 0.4


def test_most_specimens_are_dark_with_bright_structures_of_one_to_a_hundred_photons() -> None:
    generator = np.random.default_rng(12)
    detectors = [draw_detector(generator) for _ in range(400)]
    assert np.mean([1 <= one.photons <= 100 for one in detectors]) == pytest.approx(0.65, abs=0.08)
    assert {one.bits for one in detectors} == {8, 16}
    targets = [target for _, target in simulate_kind("low light", [textured_picture(13, 64, 64)] * 80)]
    shapes = []
    for target in targets:
        plane = target.max(axis=2)
        shapes.append(float((np.median(plane) - plane.min()) / max(np.ptp(plane), 1e-6)))
    assert np.median(shapes) < 0.5
    lit = [tuple(target.max(axis=(0, 1)) > 1e-4) for target in targets]
    assert any(sum(channels) == 1 for channels in lit)
    assert np.mean([np.ptp(target, axis=2).max() == 0 for target in targets]) == pytest.approx(0.4, abs=0.2)


# Night skies


def plain_sky(**settings: Any) -> Sky:
    ground = np.array([0.0046, 0.0052, 0.0064], np.float32)
    neutral: dict[str, Any] = {"ground": ground, "shot": 0.0, "read": 1e-6, "stars_per_pixel": 0.0}
    return Sky(**{**neutral, **settings})


def test_the_dark_sky_is_neither_lifted_nor_tinted() -> None:
    noisy, target = photograph_sky(even_picture(0.0, 200, 200), plain_sky(), np.random.default_rng(14))
    np.testing.assert_allclose(target, np.broadcast_to([0.0046, 0.0052, 0.0064], target.shape), rtol=1e-6)
    np.testing.assert_allclose(noisy.mean(axis=(0, 1)), [0.0046, 0.0052, 0.0064], rtol=0.003)
    np.testing.assert_allclose(noisy.std(axis=(0, 1)), 0.001, rtol=0.02)
    assert noisy.min() > 0, "nothing was cut off"
    np.testing.assert_allclose(noisy * 65535, np.rint(noisy * 65535), atol=2e-3)


def test_the_noise_of_a_sky_grows_with_its_light_and_is_cut_off_at_black() -> None:
    levels = np.linspace(0.01, 0.05, 5)
    variances = [
        photograph_sky(
            even_picture(0.0, 200, 200),
            plain_sky(ground=np.full(3, level, np.float32), shot=1e-3, read=1e-5),
            np.random.default_rng(index),
        )[0].var()
        for index, level in enumerate(levels)
    ]
    slope, offset = np.polyfit(levels, variances, 1)
    assert slope == pytest.approx(1e-3, rel=0.05)
    assert offset == pytest.approx(1e-5, rel=0.2)
    noisy, target = photograph_sky(even_picture(0.0), plain_sky(read=1e-4), np.random.default_rng(15))
    assert noisy.min() == 0
    # A normal distribution of deviation s about m, cut off below 0, has the mean m F(m / s) + s f(m / s).
    mean = np.array([0.0046, 0.0052, 0.0064])
    expected = mean * stats.norm.cdf(mean / 0.01) + 0.01 * stats.norm.pdf(mean / 0.01)
    np.testing.assert_allclose(noisy.mean(axis=(0, 1)), expected, rtol=0.05)
    np.testing.assert_allclose(target.mean(axis=(0, 1)), mean, rtol=1e-5)


def test_stars_are_round_and_of_their_size() -> None:
    sky = plain_sky(stars_per_pixel=2e-4, star_px=1.5)
    _, target = photograph_sky(even_picture(0.0, 300, 300), sky, np.random.default_rng(16))
    light = (target - sky.ground).mean(axis=2)
    count, _ = cv2.connectedComponents((light > 1e-5).astype(np.uint8))
    assert 4 < count - 1 < 40
    row, column = np.unravel_index(np.argmax(light[20:-20, 20:-20]), (260, 260))
    patch = light[row + 14 : row + 27, column + 14 : column + 27]
    places = np.arange(-6, 7)
    widths = [np.sqrt((patch.sum(axis=axis) * places**2).sum() / patch.sum()) for axis in (0, 1)]
    np.testing.assert_allclose(widths, 1.5, rtol=0.1)


def test_skies_are_near_black_and_most_are_not_cut_off() -> None:
    generator = np.random.default_rng(17)
    skies = [draw_sky(generator) for _ in range(300)]
    grounds = np.array([sky.ground.mean() for sky in skies])
    assert grounds.min() < 1e-3
    assert grounds.max() < 0.06
    relative = np.array([np.sqrt(sky.shot * sky.ground.mean() + sky.read) for sky in skies]) / grounds
    assert 0.029 < relative.min() < 0.05
    assert np.mean(relative < 1 / 3) == pytest.approx(np.log(1 / 3 / 0.03) / np.log(1.5 / 0.03), abs=0.1)
    tints = np.array([sky.ground / sky.ground.mean() for sky in skies])
    assert tints.std() > 0.1


# Programs after the camera


@pytest.mark.parametrize("kernel", KERNELS)
def test_reducing_averages_the_noise_and_keeps_the_mean(kernel: str) -> None:
    noisy = np.random.default_rng(18).normal(0.5, 0.1, (200, 200, 3)).astype(np.float32)
    reduced = resave(noisy, Resaving(reduction=2, kernel=kernel), (100, 100), is_target=True)
    assert reduced.mean() == pytest.approx(0.5, abs=0.003)
    # The squares of the weights half way between two pixels: half of each, or a cubic's (Keys, with a = -0.75).
    expected = {"area": 1 / 2, "linear": 1 / 2, "cubic": 2 * (0.59375**2 + 0.09375**2)}.get(kernel)
    if expected:
        assert reduced.var() / noisy.var() == pytest.approx(expected**2, rel=0.04)
    assert reduced.var() < 0.75 * noisy.var()


@pytest.mark.parametrize("top", [0, 3, 7])
def test_the_blocks_of_the_second_compression_begin_where_they_are_said_to(top: int) -> None:
    noisy = cv2.GaussianBlur(textured_picture(19, 160, 160), (0, 0), 1.5)
    resaving = Resaving(jpeg_quality=12, block_top=top, block_left=top)
    saved = resave(noisy, resaving, (160, 160))
    for axis in (0, 1):
        steps = np.abs(np.diff(saved - noisy, axis=axis)).mean(axis=(1 - axis, 2))
        # The step between pixel i and i + 1 is largest where a block ends.
        strengths = [steps[phase::8].mean() for phase in range(8)]
        assert (int(np.argmax(strengths)) + 1) % 8 == top


def test_a_resaved_target_is_neither_rounded_nor_compressed_but_as_sharp() -> None:
    clean = textured_picture(20)
    resaving = Resaving(sharpening=0.8, jpeg_quality=70)
    target = resave(clean, resaving, clean.shape[:2], is_target=True)
    blurred = cv2.GaussianBlur(clean, (9, 9), 1.0)
    np.testing.assert_allclose(target, np.clip(clean + 0.8 * (clean - blurred), 0, 1), atol=2e-3)
    saved = resave(clean, resaving, clean.shape[:2])
    np.testing.assert_allclose(saved * 255, np.rint(saved * 255), atol=1e-4)
    assert np.abs(saved - target).max() > 0.02


def test_programs_reduce_with_every_kernel_and_compress_again() -> None:
    generator = np.random.default_rng(21)
    drawn = [draw_resaving(generator) for _ in range(300)]
    assert {one.kernel for one in drawn} == set(KERNELS)
    assert all(1 <= one.reduction <= 2 for one in drawn)
    assert np.mean([one.reduction > 1 for one in drawn]) == pytest.approx(0.6, abs=0.1)
    assert np.mean([one.jpeg_quality > 0 for one in drawn]) == pytest.approx(0.75, abs=0.1)


# No noise


def test_drawings_are_varied_graphics_of_8_bits_with_hard_edges() -> None:
    pictures = [draw_graphic(64, 64, np.random.default_rng(seed)) for seed in range(60)]
    for picture in pictures:
        np.testing.assert_allclose(picture * 255, np.rint(picture * 255), atol=1e-4)
    steps = [np.abs(np.diff(picture, axis=1)).max() for picture in pictures]
    assert np.mean(np.array(steps) > 0.5) > 0.6
    # Most of a page is one colour.
    shares = [Counter(map(bytes, picture.reshape(-1, 3))).most_common(1)[0][1] / 64**2 for picture in pictures]
    assert np.median(shares) > 0.4
    assert len({picture.tobytes() for picture in pictures}) > 55
    grays = np.mean([np.ptp(picture, axis=2).max() == 0 for picture in pictures])
    assert 0.2 < grays < 0.95
    saturated = [float(np.ptp(picture, axis=2).max()) for picture in pictures]
    assert max(saturated) == 1


def test_faint_noise_is_below_two_levels() -> None:
    errors = [
        np.sqrt(np.square(noisy - target).mean()) * 255
        for noisy, target in simulate_kind("faint", [np.rint(textured_picture() * 255) / np.float32(255)] * 60)
    ]
    assert max(errors) < 1.7
    assert np.mean(np.array(errors) < 0.3) > 0.1
