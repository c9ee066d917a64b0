"""Simulated cameras: their noise, what else they do to a picture, and the mixture that teaches."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.photo_files.raw.mosaic import FILTER_ORDERS, FilterOrder
from engine.photo_files.sensors.colour import linear_from_srgb, srgb_from_linear
from engine.simulation.camera import Camera, compress, develop, draw_camera, noise_variance, take_photo, unprocess
from engine.simulation.demosaicking import DEMOSAICKERS, mosaic_of
from engine.simulation.pairs import add_light_degradation, simulate_pair, simulate_pairs
from engine.simulation.parameters import CameraRanges, PairParams

Picture = NDArray[np.float32]

SHOT, READ = 0.002, 1e-4
HALF_A_LEVEL = 0.5 / 255 + 1e-6

PLAIN_ALONE = {"shares": {"plain": 1.0}}
CAMERA_ALONE = {"shares": {"camera": 1.0}}
CLEAN_ALONE = {"shares": {"clean": 1.0}}


def plain_camera(**settings: Any) -> Camera:
    """A camera that adds noise and the sRGB curve, and does nothing else."""
    neutral: dict[str, Any] = {"shot": SHOT, "read": READ, "red_gain": 1.0, "blue_gain": 1.0}
    return Camera(**{**neutral, "colour_matrix": np.eye(3, dtype=np.float32), **settings})


def even_picture(*levels: float, height: int = 96, width: int = 96) -> Picture:
    return np.broadcast_to(np.array(levels, np.float32), (height, width, 3)).copy()


def textured_picture(seed: int = 0, height: int = 40, width: int = 48) -> Picture:
    return np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)


def params(**settings: Any) -> PairParams:
    return PairParams.model_validate({"gray_share": 0.0, **settings})


@pytest.mark.parametrize("order", FILTER_ORDERS)
def test_the_variance_of_the_noise_grows_with_the_light_as_the_camera_says(order: FilterOrder) -> None:
    light = np.linspace(0.1, 0.65, 10)
    camera = plain_camera(order=order)
    row, column = divmod(order.index("G"), 2)
    variances = []
    for index, level in enumerate(light):
        clean = srgb_from_linear(even_picture(level, height=160, width=160))
        noisy, _ = take_photo(clean, camera, np.random.default_rng(index))
        # Linear interpolation keeps what was measured: at its own places green is the sensor's sample.
        variances.append(linear_from_srgb(noisy)[row::2, column::2, 1].var())
    slope, offset = np.polyfit(light, variances, 1)
    assert slope == pytest.approx(SHOT, rel=0.08)
    assert offset == pytest.approx(READ, abs=0.3 * READ)


def test_noise_variance_is_shot_times_light_plus_read() -> None:
    variance = noise_variance(np.array([[-0.5, 0.0, 0.25, 1.0]], np.float32), plain_camera())
    np.testing.assert_allclose(variance, [[READ, READ, SHOT / 4 + READ, SHOT + READ]], rtol=1e-6)


def test_white_balance_amplifies_the_noise_of_its_colour() -> None:
    clean = srgb_from_linear(even_picture(0.3))
    noisy, _ = take_photo(clean, plain_camera(red_gain=2.5, blue_gain=1.0), np.random.default_rng(1))
    red, blue = (linear_from_srgb(noisy)[row::2, row::2, channel] for row, channel in ((0, 0), (1, 2)))
    assert red.mean() == pytest.approx(blue.mean(), rel=0.02)
    # Variance of 2.5 samples of light 0.3 / 2.5: gain^2 (a I / gain + b).
    expected = (2.5**2 * (SHOT * 0.3 / 2.5 + READ)) / (SHOT * 0.3 + READ)
    assert red.var() / blue.var() == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("demosaicking", DEMOSAICKERS)
@pytest.mark.parametrize("order", FILTER_ORDERS)
@pytest.mark.parametrize("contrast", [0.0, 0.6])
def test_developing_undoes_unprocessing(demosaicking: str, order: FilterOrder, contrast: float) -> None:
    generator = np.random.default_rng(3)
    drawn = draw_camera(generator, CameraRanges(sharpening_share=0, chroma_blur_share=0, luma_smoothing_share=0))
    camera = replace(drawn, demosaicking=demosaicking, order=order, contrast=contrast, exposure=1.0)
    for levels in ((0.5, 0.5, 0.5), (0.45, 0.5, 0.4)):
        clean = even_picture(*levels, height=12, width=14)
        developed = develop(mosaic_of(unprocess(clean, camera), order), camera)
        np.testing.assert_allclose(developed, clean, atol=2e-3)


@pytest.mark.parametrize("name", ["linear", "gradient-corrected"])
def test_demosaicking_keeps_what_was_measured_and_knows_the_order(name: str) -> None:
    mosaic = np.random.default_rng(4).random((24, 26), dtype=np.float32)
    by_order = {order: DEMOSAICKERS[name](mosaic, order) for order in FILTER_ORDERS}
    for order, picture in by_order.items():
        np.testing.assert_array_equal(mosaic_of(picture, order), mosaic)
    # One column further on, red-green-green-blue reads green-red-blue-green.
    shifted = DEMOSAICKERS[name](np.ascontiguousarray(mosaic[:, 1:]), "GRBG")
    np.testing.assert_allclose(shifted[4:-4, 4:-4], by_order["RGGB"][4:-4, 5:-4], atol=1e-6)


def test_edge_aware_demosaicking_keeps_noise_below_black_and_above_white() -> None:
    for level in (-0.1, 1.1):
        mosaic = np.full((16, 16), level, np.float32)
        np.testing.assert_allclose(DEMOSAICKERS["edge-aware"](mosaic, "RGGB"), level, atol=1e-4)


def test_without_jpeg_a_photo_is_its_target_in_8_bits_but_for_the_noise() -> None:
    clean = textured_picture()
    camera = plain_camera(shot=0.0, read=0.0, sharpening=0.5)
    noisy, target = take_photo(clean, camera, np.random.default_rng(0))
    assert np.abs(noisy - target).max() <= HALF_A_LEVEL
    compressed, same_target = take_photo(clean, replace(camera, jpeg_quality=80), np.random.default_rng(0))
    np.testing.assert_array_equal(same_target, target)
    assert np.abs(compressed - target).max() > 10 * HALF_A_LEVEL


def test_the_target_is_the_photo_without_noise() -> None:
    clean = textured_picture()
    camera = plain_camera(sharpening=0.8, contrast=0.5)
    _, target = take_photo(clean, camera, np.random.default_rng(0))
    expected = develop(mosaic_of(unprocess(clean, camera), camera.order), camera)
    np.testing.assert_array_equal(target, expected)
    assert np.abs(target - clean).max() > 0.05, "the camera's own processing belongs to the target"


def test_compression_rounds_and_loses_more_at_lower_quality() -> None:
    picture = textured_picture(6, 64, 64)
    rounded = compress(picture, 0)
    np.testing.assert_allclose(rounded * 255, np.rint(rounded * 255), atol=1e-4)
    assert np.abs(rounded - picture).max() <= HALF_A_LEVEL

    def error(quality: int, *, has_fine_chroma: bool = True) -> float:
        return float(np.square(compress(picture, quality, has_fine_chroma=has_fine_chroma) - picture).mean())

    assert error(0) < error(98) < error(75)
    assert error(90) < 0.5 * error(90, has_fine_chroma=False)


def noise_of(camera: Camera) -> Picture:
    """Noise of an even photo, its mean left out."""
    noisy, target = take_photo(even_picture(0.5), camera, np.random.default_rng(7))
    noise = (noisy - target)[8:-8, 8:-8]
    return noise - noise.mean(axis=(0, 1))


def test_processing_shapes_the_noise() -> None:
    plain = noise_of(plain_camera())
    assert noise_of(plain_camera(sharpening=1.0)).std() > 1.2 * plain.std()
    smoothed = noise_of(plain_camera(luma_smoothing=2.0))
    # Brightness is smoothed, colours are left.
    assert smoothed.mean(axis=2).std() < 0.8 * plain.mean(axis=2).std()
    assert (smoothed[..., 0] - smoothed[..., 1]).std() > 0.9 * (plain[..., 0] - plain[..., 1]).std()
    blurred = noise_of(plain_camera(chroma_blur_px=2.0))

    def reach(noise: Picture) -> float:
        difference = noise[..., 0] - noise[..., 1]
        return float((difference[:, 3:] * difference[:, :-3]).mean() / difference.var())

    assert reach(plain) < 0.1
    assert reach(blurred) > 0.3


def test_drawn_cameras_keep_to_their_ranges_and_differ() -> None:
    ranges = CameraRanges(lowest_shot=1e-4, highest_shot=1e-2, tail_share=0, lowest_read=1e-6, highest_read=1e-3)
    generator = np.random.default_rng(8)
    cameras = [draw_camera(generator, ranges) for _ in range(300)]
    for camera in cameras:
        assert 1e-4 <= camera.shot <= 1e-2
        assert 1e-6 <= camera.read <= 1e-3
        assert 0.25 <= camera.exposure <= 1
        assert camera.jpeg_quality == 0 or 75 <= camera.jpeg_quality < 100
        np.testing.assert_allclose(camera.colour_matrix.sum(axis=1), 1, atol=1e-5)
    assert {camera.order for camera in cameras} == set(FILTER_ORDERS)
    assert {camera.demosaicking for camera in cameras} == set(DEMOSAICKERS)
    # Log-uniform: as many below the geometric mean as above.
    assert np.mean([camera.shot < 1e-3 for camera in cameras]) == pytest.approx(0.5, abs=0.12)
    assert np.mean([camera.jpeg_quality > 0 for camera in cameras]) == pytest.approx(0.75, abs=0.1)
    logarithms = np.log([[camera.shot, camera.read] for camera in cameras])
    assert np.corrcoef(logarithms.T)[0, 1] > 0.7, "read noise follows shot noise"


@pytest.mark.parametrize("kind", [PLAIN_ALONE, CAMERA_ALONE, CLEAN_ALONE])
def test_a_pair_is_a_function_of_its_generator(kind: dict[str, Any]) -> None:
    clean = textured_picture()
    untouched = clean.copy()
    first, again, other = (simulate_pair(clean, np.random.default_rng(seed), params(**kind)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(clean, untouched)
    assert np.array_equal(first[0], other[0]) == (kind is CLEAN_ALONE)


def test_what_is_clean_stays_as_it_is() -> None:
    clean = textured_picture()
    noisy, target = simulate_pair(clean, np.random.default_rng(0), params(**CLEAN_ALONE))
    np.testing.assert_array_equal(noisy, clean)
    np.testing.assert_array_equal(target, clean)


def test_plain_noise_is_gaussian_and_not_clipped_unless_rounded() -> None:
    clean = even_picture(0.0)
    clean[:, 48:] = 1.0
    sigmas = []
    for seed in range(40):
        noisy, target = simulate_pair(clean, np.random.default_rng(seed), params(**PLAIN_ALONE, rounded_share=0.0))
        assert target is clean
        noise = noisy - clean
        assert abs(noise.mean()) < 0.03 * noise.std()
        assert noisy.min() < 0
        assert noisy.max() > 1
        sigmas.append(noise.std() * 255)
    assert max(sigmas) < 55.5
    assert min(sigmas) < 10
    assert max(sigmas) > 45
    rounded, _ = simulate_pair(clean, np.random.default_rng(0), params(**PLAIN_ALONE, rounded_share=1.0))
    assert (rounded.min(), rounded.max()) == (0, 1)
    np.testing.assert_allclose(rounded * 255, np.rint(rounded * 255), atol=1e-4)


@pytest.mark.parametrize("kind", ["plain gray", "camera", "phone", "resaved"])
def test_gray_pairs_are_gray(kind: str) -> None:
    for seed in range(8):
        alone = PairParams(shares={kind: 1.0}, gray_share=1.0)
        pair = simulate_pair(textured_picture(), np.random.default_rng(seed), alone)
        for picture in pair:
            np.testing.assert_array_equal(picture[..., 0], picture[..., 1])
            np.testing.assert_array_equal(picture[..., 0], picture[..., 2])
        assert np.abs(pair[0] - pair[1]).max() > 0


@pytest.mark.parametrize(("height", "width"), [(4, 4), (5, 9), (33, 20)])
def test_pairs_of_any_size_keep_shape_and_range(height: int, width: int) -> None:
    clean = textured_picture(9, height, width)
    generator = np.random.default_rng(10)
    mixture = PairParams(rounded_share=1.0, gray_share=0.3, enlarged_share=0.9, largest_zoom=8.0)
    for _ in range(60):
        for picture in simulate_pair(clean, generator, mixture):
            assert picture.shape == clean.shape
            assert picture.dtype == np.float32
            assert np.isfinite(picture).all()
            assert 0 <= picture.min() <= picture.max() <= 1


def test_a_batch_of_one_is_a_pair() -> None:
    clean = textured_picture()
    for seed in range(6):
        alone = simulate_pair(clean, np.random.default_rng(seed))
        batch = simulate_pairs(clean[None], np.random.default_rng(seed))
        np.testing.assert_array_equal([part[0] for part in batch], alone)


def test_each_picture_of_a_batch_has_a_noise_of_its_own() -> None:
    clean = np.stack([even_picture(0.5, height=32, width=32)] * 6)
    noisy, targets = simulate_pairs(clean, np.random.default_rng(0), params(**PLAIN_ALONE))
    np.testing.assert_array_equal(targets, clean)
    strengths = (noisy - targets).std(axis=(1, 2, 3))
    assert len({round(float(strength), 5) for strength in strengths}) == 6


def test_squares_of_a_batch_lie_anywhere_and_on_each_other() -> None:
    rows, columns = np.mgrid[0:40, 0:48] / np.float32(64)
    clean = np.stack([np.dstack([rows, columns, 0 * rows]).astype(np.float32)] * 30)
    noisy, targets = simulate_pairs(clean, np.random.default_rng(0), params(**CLEAN_ALONE), side_px=24)
    assert noisy.shape == (30, 24, 24, 3)
    np.testing.assert_array_equal(noisy, targets)
    corners = {(round(float(square[0, 0, 0]) * 64), round(float(square[0, 0, 1]) * 64)) for square in noisy}
    assert len(corners) > 20
    assert {top % 8 for top, _ in corners} == set(range(8)), "blocks of a JPEG begin anywhere"
    for square in noisy:
        np.testing.assert_allclose(square[-1, -1] - square[0, 0], [23 / 64, 23 / 64, 0], atol=1e-6)


def test_light_degradation_is_light() -> None:
    picture = textured_picture(11, 32, 32)
    generator = np.random.default_rng(12)
    errors = []
    for _ in range(80):
        degraded = add_light_degradation(picture, generator)
        assert degraded.shape == picture.shape
        np.testing.assert_allclose(degraded * 255, np.rint(degraded * 255), atol=1e-4)
        errors.append(np.abs(degraded - picture).max())
    only_rounded = np.mean(np.array(errors) <= HALF_A_LEVEL)
    assert only_rounded == pytest.approx(0.75, abs=0.15)
