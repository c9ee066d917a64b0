"""The noise of photos, learned from them: against the noise that was put in."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import welch
from scipy.stats import poisson, skew, wasserstein_distance

from engine.contracts.errors import InvalidInputError
from engine.contracts.learned_noise import BRIGHTNESS, LearnedNoise, PhotoNoise
from engine.photo_files.photos import read_image
from engine.photos.noise_estimate import estimate_noise, flat_blocks
from engine.simulation.dead_leaves import draw_dead_leaves
from engine.simulation.learned.answer import not_above_answer
from engine.simulation.learned.flat_blocks import guess_noise
from engine.simulation.learned.labelled import LabelledPart, put_right_by_labels
from engine.simulation.learned.noise_file import load_noise, save_noise
from engine.simulation.learned.spectra import cut_into_blocks
from engine.simulation.learned.texture import without_texture
from engine.simulation.learned.twins import fit_by_twins

Picture = NDArray[np.float32]
SIDE = 160


def picture(seed: int, side: int = SIDE) -> Picture:
    """A clean picture with flat parts and edges, between 0.2 and 0.8."""
    generator = np.random.default_rng(seed)
    colours = generator.uniform(0.2, 0.8, (60, 3)).astype(np.float32)
    coarse = draw_dead_leaves(side // 8, colours, generator)
    return cv2.GaussianBlur(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), (0, 0), 2.0)


def noisy(clean: Picture, seed: int, sigma: float = 0.1, blur_px: float = 0.0, slope: float = 0.0) -> Picture:
    noise = np.random.default_rng(seed).standard_normal(clean.shape).astype(np.float32)
    if blur_px:
        noise = cv2.GaussianBlur(noise, (0, 0), blur_px)
        noise /= noise.std()
    deviation = np.sqrt(sigma**2 + slope * clean)
    return np.clip(clean + deviation * noise, 0, 1).astype(np.float32)


def smoothing(pixels: Picture) -> Picture:
    """A simple network: it removes what is fine."""
    return np.clip(cv2.GaussianBlur(pixels, (0, 0), 2.0), 0, 1)


def learn(photos: list[Picture], rounds: int = 3) -> LearnedNoise:
    guess = guess_noise([f"{index}.png" for index in range(len(photos))], photos, [255] * len(photos))
    return fit_by_twins(guess, photos, smoothing, seed=0, num_rounds=rounds)


def test_white_noise_is_learned_at_its_level() -> None:
    learned = learn([noisy(picture(seed), seed, sigma=0.04 + 0.02 * seed) for seed in range(3)])
    for seed, photo in enumerate(learned.photos):
        assert photo.sigma() == pytest.approx(0.04 + 0.02 * seed, rel=0.12)
    assert len({photo.spectrum for photo in learned.photos}) == 1
    assert learned.accuracy == 1.0
    drawn = learned.draw(np.full((128, 128, 3), 0.5, np.float32), 1, np.random.default_rng(5))
    neighbours = np.corrcoef(drawn[:, 1:, 0].ravel(), drawn[:, :-1, 0].ravel())[0, 1]
    channels = np.corrcoef(drawn[..., 0].ravel(), drawn[..., 1].ravel())[0, 1]
    assert abs(neighbours) < 0.12
    assert abs(channels) < 0.12


def test_the_spectrum_of_grain_is_that_of_an_independent_estimate() -> None:
    clean = picture(1, side=256)
    learned = learn([noisy(clean, 2, sigma=0.08, blur_px=1.0)], rounds=0)
    drawn = learned.draw(np.full((256, 256, 3), 0.5, np.float32), 0, np.random.default_rng(1))
    true = noisy(np.full((256, 256, 3), 0.5, np.float32), 3, sigma=0.08, blur_px=1.0) - 0.5
    found, wanted = (welch(noise[..., 0].ravel(), nperseg=32)[1] for noise in (drawn, true))
    shares = [power[1:9].sum() / power[1:].sum() for power in (found, wanted)]
    assert shares[0] == pytest.approx(shares[1], abs=0.08)
    assert drawn.std() == pytest.approx(true.std(), rel=0.25)


def test_noise_that_follows_the_brightness_is_drawn_so() -> None:
    learned = learn([noisy(picture(3), 4, sigma=0.02, slope=0.02)])
    dark, bright = learned.photos[0].sigma(0.3), learned.photos[0].sigma(0.7)
    assert bright / dark == pytest.approx(np.sqrt((0.0004 + 0.014) / (0.0004 + 0.006)), rel=0.25)


def drawn_texture(contrast: float, blur_px: float = 0.0) -> Picture:
    texture = np.random.default_rng(9).standard_normal((SIDE, SIDE)).astype(np.float32)
    if blur_px:
        texture = cv2.GaussianBlur(texture, (0, 0), blur_px)
    return np.asarray(contrast * texture / texture.std(), np.float32)[..., None]


@pytest.mark.parametrize(("ground", "sigma"), [(0.02, 0.003), (0.5, 0.004), (0.1, 0.02)])
def test_an_even_picture_tells_no_more_noise_where_it_has_no_pixels(ground: float, sigma: float) -> None:
    for seed in range(3):
        white = np.random.default_rng(seed).standard_normal((256, 256, 3)).astype(np.float32)
        (photo,) = guess_noise(["even.tif"], [np.float32(ground) + np.float32(sigma) * white], [65535]).photos
        found = [photo.sigma(brightness) for brightness in (0.0, 0.1, 0.5, 1.0)]
        assert found == pytest.approx([sigma] * 4, rel=0.1)


OWN_SIGMAS = np.array([20, 8, 14]) / 255


def in_own_colours(seed: int) -> tuple[Picture, Picture]:
    """A clean ramp, and with noise of which each colour has its own."""
    clean = np.broadcast_to(np.linspace(0.3, 0.7, 256, dtype=np.float32)[:, None, None], (256, 256, 3))
    white = np.random.default_rng(seed).standard_normal(clean.shape)
    return clean, (clean + OWN_SIGMAS * white).clip(0, 1).astype(np.float32)


@pytest.mark.parametrize("num_labels", [0, 1, 3])
def test_colours_keep_noises_of_their_own(num_labels: int) -> None:
    pairs = [in_own_colours(seed) for seed in range(4)]
    noise = guess_noise([f"{index}.tif" for index in range(4)], [seen for _, seen in pairs], [65535] * 4)
    labels = [LabelledPart(photo=index, noisy=pairs[index][1], clean=pairs[index][0]) for index in range(num_labels)]
    noise = put_right_by_labels(noise, labels)
    even = np.full((256, 256, 3), 0.5, np.float32)
    for photo in (0, 3):
        drawn = noise.draw(even, photo, np.random.default_rng(9))
        assert drawn.std(axis=(0, 1)) == pytest.approx(OWN_SIGMAS, rel=0.07)
        assert noise.deviation(even, photo)[0, 0] == pytest.approx(OWN_SIGMAS, rel=0.07)
        bright = np.full((256, 256, 3), 0.97, np.float32)
        taken = (noise.add(bright, photo, np.random.default_rng(7)) - bright).mean(axis=(0, 1))
        assert noise.taken_by_limits(bright, photo)[0, 0] == pytest.approx(taken, rel=0.1)


@pytest.mark.parametrize("blur_px", [0.0, 1.0, 2.0])
def test_labels_tell_the_level_of_coarse_noise(blur_px: float) -> None:
    clean = [np.full((320, 320, 3), 0.5, np.float32) for _ in range(2)]
    seen = [noisy(clean[index], index, sigma=0.05, blur_px=blur_px) for index in range(2)]
    noise = guess_noise(["0.png", "1.png"], seen, [65535] * 2)
    labels = [LabelledPart(photo=index, noisy=seen[index], clean=clean[index]) for index in range(2)]
    learned = put_right_by_labels(noise, labels)
    drawn = [clean[0] + learned.draw(clean[0], 0, np.random.default_rng(seed)) for seed in range(4)]
    # Coarser than a block is what neither shows.
    within = [cut_into_blocks(picture).std(axis=(2, 3)).mean() for picture in drawn]
    assert np.mean(within) == pytest.approx(cut_into_blocks(seen[0]).std(axis=(2, 3)).mean(), rel=0.03)


def test_photons_of_one_colour_alone_are_counted() -> None:
    light = np.zeros((256, 256, 3), np.float32)
    light[..., 1] = np.linspace(0.1, 0.9, 256)[:, None]
    photons = 5
    counted = np.random.default_rng(0).poisson(photons * light) / photons
    noise = guess_noise(["green.tif"], [np.asarray(counted / 3, np.float32)], [65535])
    even = np.full((256, 256, 3), 0.25, np.float32)
    drawn = noise.draw(even, 0, np.random.default_rng(1))[..., 1]
    assert drawn.std() == pytest.approx(np.sqrt(0.25 / photons / 3), rel=0.1)
    assert skew(drawn.ravel()) == pytest.approx(poisson(0.25 * 3 * photons).stats("s"), rel=0.1)
    assert abs(drawn.mean()) < 0.02 * drawn.std()


def test_texture_without_a_flat_spot_does_not_pass_for_noise() -> None:
    photo = noisy(np.clip(picture(7) + drawn_texture(0.06, blur_px=1.2), 0, 1), 7, sigma=0.05)
    others = [noisy(picture(seed), seed, sigma=0.05) for seed in range(3)]
    guess = guess_noise(list("0123"), [*others, photo], [255] * 4)
    assert float(flat_blocks(photo).residuals.std()) > 1.25 * 0.05
    # The estimate sees through it, as far as it goes.
    assert estimate_noise(photo).sigma == pytest.approx(0.05, rel=0.1)
    assert guess.photos[3].sigma() == pytest.approx(0.05, rel=0.1)


def test_noise_of_light_is_followed_where_only_the_dark_is_flat() -> None:
    """A dark photo with bright texture, as of fluorescence: the flat blocks see the dark alone."""
    generator = np.random.default_rng(4)
    bright = cv2.GaussianBlur(generator.standard_normal((256, 256)).astype(np.float32), (0, 0), 9.0)
    clean = 0.02 + 0.5 * np.clip(bright / bright.std(), 0, 2)[..., None] * np.ones(3, np.float32)
    photo = generator.poisson(clean * 400) / np.float32(400)
    photo = np.repeat(photo[..., :1], 3, axis=2).clip(0, 1).astype(np.float32)
    learned = guess_noise(["a"], [photo], [65535]).photos[0]
    for brightness in (0.25, 0.5, 0.75):
        assert learned.sigma(brightness) == pytest.approx(np.sqrt(brightness / 400), rel=0.2)


def test_twins_put_right_what_texture_has_spoiled() -> None:
    texture = drawn_texture(0.05)
    photos = [noisy(picture(seed), seed, sigma=0.05) for seed in range(6)]
    photos.append(noisy(np.clip(picture(7) + texture, 0, 1), 7, sigma=0.05))

    def keeps_the_texture(pixels: Picture) -> Picture:
        is_textured = abs(
            np.corrcoef(pixels[..., 0].ravel() - smoothing(pixels)[..., 0].ravel(), texture.ravel())[0, 1]
        )
        return np.clip(smoothing(pixels) + (texture if is_textured > 0.2 else 0), 0, 1).astype(np.float32)

    guess = guess_noise([str(index) for index in range(7)], photos, [255] * 7)
    fitted = fit_by_twins(guess, photos, keeps_the_texture, seed=0)
    assert guess.photos[6].sigma() > 1.2 * 0.05
    assert fitted.photos[6].sigma() == pytest.approx(0.05, rel=0.2)
    assert fitted.distance is not None
    assert fitted.unfitted_distance is not None
    assert fitted.distance < fitted.unfitted_distance


def test_photos_without_a_twin_follow_those_of_their_kind() -> None:
    """White noise beside grain, one guessed too weak and one too strong: what is put right is not mixed up."""
    photos = [noisy(picture(seed), seed, sigma=0.06, blur_px=0.0 if seed < 4 else 1.0) for seed in range(8)]
    guess = guess_noise(list("01234567"), photos, [255] * 8)
    assert len({photo.spectrum for photo in guess.photos}) == 2
    for index, photo in enumerate(guess.photos):
        guess = guess.with_photo(index, variance=photo.variance * (0.7 if index < 4 else 1.4) ** 2)
    fitted = fit_by_twins(guess, photos, smoothing, seed=0, max_twins=4)
    for with_twin, without in ((0, 1), (2, 3), (4, 5), (6, 7)):
        factors = [fitted.photos[index].sigma() / guess.photos[index].sigma() for index in (with_twin, without)]
        assert factors[1] == pytest.approx(factors[0], rel=0.08)
        assert (factors[1] > 1.0) is (without < 4)


def test_an_icon_among_photos_does_not_keep_their_twins_from_being_seen() -> None:
    photos = [noisy(picture(seed), seed, sigma=0.06) for seed in range(4)]
    photos.append(noisy(picture(4, side=32)[:24, :24], 4, sigma=0.06))
    guess = guess_noise(list("01234"), photos, [255] * 5)
    for index, photo in enumerate(guess.photos):
        guess = guess.with_photo(index, variance=photo.variance * 1.4**2)
    fitted = fit_by_twins(guess, photos, smoothing, seed=0)
    for photo in fitted.photos[:4]:
        assert photo.sigma() == pytest.approx(0.06, rel=0.1)
    # It follows them.
    assert fitted.photos[4].sigma() < 0.9 * guess.photos[4].sigma()


def test_small_photos_alone_have_twins_of_their_own() -> None:
    learned = learn([noisy(picture(seed, side=64), seed, sigma=0.06) for seed in range(3)])
    assert learned.accuracy is not None
    for photo in learned.photos:
        assert photo.sigma() == pytest.approx(0.06, rel=0.2)


def keeps_fine_texture(pixels: Picture) -> Picture:
    """A network that removes a half of what is weak, and takes what is strong for picture."""
    detail = pixels - smoothing(pixels)
    return np.clip(pixels - (0.5 * detail if detail.std() < 0.02 else 0.02 * detail), 0, 1).astype(np.float32)


def test_texture_is_told_from_noise_by_the_folders_calmest_photos() -> None:
    photos = [noisy(picture(seed), seed, sigma=0.01) for seed in range(4)]
    photos += [noisy(np.clip(picture(seed) + drawn_texture(0.08), 0, 1), seed, sigma=0.01) for seed in (7, 8)]
    guess = guess_noise(list("012345"), photos, [255] * 6)
    assert min(guess.photos[index].sigma() for index in (4, 5)) > 0.06
    told = without_texture(guess, photos, keeps_fine_texture)
    for index, photo in enumerate(told.photos):
        assert photo.sigma() < 0.015
        assert index > 3 or photo.sigma() == guess.photos[index].sigma()


def test_coarse_grain_over_texture_keeps_its_level(shared_data: Path) -> None:
    """It passes for structure where the photo by itself is judged."""
    clean = read_image(shared_data / "clean_color" / "kodak24" / "kodim05.png").pixels
    brightness = clean.mean(axis=2, keepdims=True)
    grain = cv2.GaussianBlur(np.random.default_rng((0, 1)).standard_normal(clean.shape[:2]), (0, 0), 1.6)[..., None]
    # As of film: the same in all channels, strongest in the mid-tones.
    photo = np.clip(clean + grain / grain.std() * (0.02 + 0.36 * brightness * (1 - brightness)), 0, 1)
    photo = photo.astype(np.float32)
    assert estimate_noise(photo).sigma < 0.05
    assert guess_noise(["a"], [photo], [255]).photos[0].sigma() > 0.08


def test_texture_in_all_photos_of_a_folder_is_told_by_its_calm_places() -> None:
    """Of a folder of nothing else no photo is calm, but parts of each are."""
    shade = np.linspace(0, 1, SIDE, dtype=np.float32)[None, :, None] ** 2
    photos = [
        noisy(np.clip(picture(seed) + drawn_texture(0.12, blur_px=0.7) * shade, 0, 1), seed, sigma=0.004)
        for seed in range(4)
    ]
    guess = guess_noise(list("0123"), photos, [255] * 4)
    believed = guess
    for index in range(4):
        # As where there is no flat spot: the level is that of the texture.
        believed = believed.with_photo(index, variance=np.full_like(guess.photos[index].variance, 0.05**2))
    told = without_texture(believed, photos, keeps_fine_texture)
    assert all(photo.sigma() < 0.01 for photo in told.photos)
    even = [noisy(picture(seed), seed, sigma=0.08, blur_px=1.0) for seed in range(4)]
    of_even = guess_noise(list("0123"), even, [255] * 4)
    assert without_texture(of_even, even, keeps_fine_texture) is of_even


@pytest.mark.parametrize(("count", "is_believed"), [(4, True), (1, False)])
def test_a_noise_that_the_network_does_not_know_is_believed_of_several_photos(count: int, is_believed: bool) -> None:
    photos = [noisy(picture(seed), seed, sigma=0.08, blur_px=1.0) for seed in range(count)]
    guess = guess_noise([str(index) for index in range(count)], photos, [255] * count)
    told = without_texture(guess, photos, keeps_fine_texture)
    for before, after in zip(guess.photos, told.photos, strict=True):
        assert (after.sigma() == before.sigma()) == is_believed
        assert is_believed or after.sigma() < 0.02


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("level", [0, 1])
def test_an_empty_photo_beside_noisy_ones_gets_hardly_any_noise(level: int, count: int) -> None:
    empty = np.full((SIDE, SIDE, 3), level, np.float32)
    photos = [empty, *(noisy(picture(seed), seed) for seed in range(1, count))]
    learned = without_texture(learn(photos, rounds=1), photos, smoothing)
    learned = not_above_answer(learned, photos, smoothing)
    drawn = learned.draw(picture(9), 0, np.random.default_rng(0))
    assert np.abs(drawn).max() < 1 / 255
    assert all(photo.sigma() > 0.05 for photo in learned.photos[1:])


def test_photos_with_other_noises_keep_spectra_of_their_own() -> None:
    photos = [noisy(picture(seed), seed, sigma=0.06) for seed in range(3)]
    photos += [noisy(picture(seed), seed, sigma=0.06, blur_px=1.5) for seed in range(3, 6)]
    guess = guess_noise([str(index) for index in range(6)], photos, [255] * 6)
    assert len({guess.photos[index].spectrum for index in range(3)}) == 1
    assert {guess.photos[index].spectrum for index in range(3)}.isdisjoint(
        {guess.photos[index].spectrum for index in range(3, 6)}
    )


@pytest.mark.parametrize("blur_px", [0.0, 0.7])
@pytest.mark.parametrize("side", [64, 96])
def test_small_photos_full_of_texture_are_judged_together(side: int, blur_px: float) -> None:
    generator = np.random.default_rng(0)
    photos = []
    for seed in range(12):
        # A third of each is flat: of so few blocks hardly one lies there whole.
        strength = 0.15 * (np.indices((side, side)).sum(axis=0) % side > side // 3)[..., None]
        fine = cv2.GaussianBlur(generator.standard_normal((side, side, 3)).astype(np.float32), (0, 0), 1.5)
        photos.append(noisy((0.5 + strength * fine / fine.std()).astype(np.float32), seed, 0.06, blur_px))
    guess = guess_noise([f"{index}.png" for index in range(12)], photos, [255] * 12)
    assert len(guess.spectra) == 1
    # Of the spectrum's power: as much as of white noise, and of grain, lies at the lowest frequencies.
    power = np.trace(guess.spectra[0], axis1=2, axis2=3) / 3
    flat = noisy(np.full((256, 256, 3), 0.5, np.float32), 1, 0.06, blur_px)
    truth = np.trace(guess_noise(["flat.png"], [flat], [255]).spectra[0], axis1=2, axis2=3) / 3
    low = np.hypot(*np.meshgrid(*2 * [np.fft.fftfreq(16)])) < 0.2
    assert power[low].mean() == pytest.approx(truth[low].mean(), rel=0.35)
    assert np.median([photo.sigma() for photo in guess.photos]) == pytest.approx(0.06, rel=0.35)


def test_gray_photos_get_gray_noise() -> None:
    gray = np.repeat(noisy(picture(2), 2)[..., :1], 3, axis=2)
    learned = learn([gray])
    assert learned.photos[0].is_gray
    drawn = learned.draw(gray, 0, np.random.default_rng(0))
    assert np.allclose(drawn[..., 0], drawn[..., 1], atol=1e-4)


def test_twins_are_rounded_to_the_photos_levels() -> None:
    noise = white_noise(0.05)
    twin = noise.add(picture(1), 0, np.random.default_rng(0))
    assert np.allclose(twin * 255, np.rint(twin * 255), atol=1e-3)
    assert twin.min() >= 0
    assert twin.max() <= 1


def test_the_distance_is_the_earth_movers() -> None:
    """Of one photo and one twin, the part that is the residual's own, in one brightness step, is SciPy's."""
    generator = np.random.default_rng(0)
    first, second = generator.normal(0, 1, 2000), generator.normal(0, 1.3, 2000)
    assert np.abs(np.sort(first) - np.sort(second)).mean() == pytest.approx(wasserstein_distance(first, second))


def white_noise(sigma: float) -> LearnedNoise:
    spectrum = np.broadcast_to(np.eye(3), (16, 16, 3, 3)).copy()
    variance = np.full((3, len(BRIGHTNESS)), sigma**2)
    photo = PhotoNoise(name="a.png", variance=variance, spectrum=0, is_gray=False, highest_level=255)
    return LearnedNoise(photos=(photo,), spectra=(spectrum,))


def test_drawn_noise_has_the_level_and_no_mean() -> None:
    drawn = white_noise(0.1).draw(np.full((200, 200, 3), 0.4, np.float32), 0, np.random.default_rng(3))
    assert drawn.std() == pytest.approx(0.1, rel=0.02)
    assert abs(drawn.mean()) < 0.002


@pytest.mark.parametrize(("sigma", "is_hardly_any"), [(2 / 255, True), (4 / 255, False)])
def test_hardly_any_noise_is_told(sigma: float, is_hardly_any: bool) -> None:
    noise = white_noise(sigma)
    assert noise.is_hardly_any == is_hardly_any
    assert ("hardly any" in noise.sentence) == is_hardly_any


def photon_noise(photons: float, read_sigma: float = 0.0) -> LearnedNoise:
    """Of a sensor whose white is as many photons."""
    noise = white_noise(0.1)
    variance = np.tile(np.maximum(BRIGHTNESS / photons + read_sigma**2, 1e-6), (3, 1))
    return noise.with_photo(0, variance=variance)


@pytest.mark.parametrize("expected", [1.0, 4.0, 12.0])
def test_few_photons_are_drawn_as_counts(expected: float) -> None:
    """Against SciPy's Poisson distribution."""
    photons = 40.0
    clean = np.full((200, 200, 3), expected / photons, np.float32)
    drawn = photon_noise(photons).draw(clean, 0, np.random.default_rng(3))
    counts = (clean + drawn) * photons
    values = np.arange(0, 40)
    found = np.array([np.mean(np.abs(counts - value) < 0.5) for value in values])
    assert np.abs(found - poisson.pmf(values, expected)).max() < 0.012
    assert np.mean(drawn**2) == pytest.approx(expected / photons**2, rel=0.03)


def test_correlated_counts_keep_their_correlation() -> None:
    clean = np.full((200, 200, 3), 0.1, np.float32)
    spectrum = (
        np.broadcast_to(np.eye(3), (16, 16, 3, 3))
        * np.outer(*[1 + np.cos(2 * np.pi * np.fft.fftfreq(16))] * 2)[..., None, None]
    )
    noises = [replace(photon_noise(photons), spectra=(spectrum,)) for photons in (40.0, 4000.0)]
    few, many = (noise.draw(clean, 0, np.random.default_rng(3))[..., 0] for noise in noises)
    found, wanted = (np.corrcoef(drawn[:, 1:].ravel(), drawn[:, :-1].ravel())[0, 1] for drawn in (few, many))
    assert found == pytest.approx(wanted, abs=0.05)


def test_reading_noise_and_many_photons_stay_gaussian() -> None:
    clean = np.full((200, 200, 3), 0.3, np.float32)
    for noise in (photon_noise(4000), photon_noise(40, read_sigma=0.3)):
        drawn = noise.draw(clean, 0, np.random.default_rng(3))
        assert abs(skew(drawn.ravel())) < 0.02
        assert drawn.std() == pytest.approx(noise.photos[0].sigma(0.3), rel=0.02)


def test_a_saved_noise_is_read_as_it_was(tmp_path: Path) -> None:
    learned = learn([noisy(picture(seed), seed) for seed in range(2)], rounds=1)
    save_noise(tmp_path / "noise.json", learned)
    read = load_noise(tmp_path / "noise.json")
    clean = picture(5)
    for photo in range(2):
        first, second = (one.draw(clean, photo, np.random.default_rng(8)) for one in (learned, read))
        assert np.array_equal(first, second)
    assert (read.distance, read.accuracy) == (learned.distance, learned.accuracy)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"version": 99}', '{"version": 1, "spectra": [[1]], "photos": []}']
)
def test_what_is_no_learned_noise_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "noise.json").write_text(content)
    with pytest.raises(InvalidInputError):
        load_noise(tmp_path / "noise.json")
