"""The pair doctor on pairs with one defect each, and on real pairs."""

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import engine.labelling.doctor
from engine.contracts.events import JobEvent, StepDone
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.photo import PhotoRef
from engine.labelling.brightness_fit import compare_brightness
from engine.labelling.doctor import ExamineRequest, FactKind, PairDiagnosis, examine_pairs
from engine.labelling.doctor_measures import compare_sharpness, pixel_digest, scene_signature
from engine.photo_files.bicubic_resize import shrink
from engine.photo_files.photos import PhotoImage, read_image, write_image
from engine.photos.folder import list_image_files
from engine.photos.pair_checks import best_shift
from engine.photos.pairs import PhotoPair, match_pairs, split_pairs
from engine.photos.scenes import group_scenes

Picture = NDArray[np.float32]


def draw_scene(seed: int = 0, height: int = 160, width: int = 200) -> Picture:
    rng = np.random.default_rng(seed)
    scene = np.full((height, width, 3), 0.4, np.float32)
    for _ in range(60):
        centre = tuple(int(value) for value in rng.integers(0, width, 2))
        colour = [float(value) for value in rng.uniform(0.1, 0.8, 3)]
        cv2.circle(scene, centre, int(rng.integers(3, 20)), colour, -1, cv2.LINE_AA)
    return scene


def noisy(scene: Picture, seed: int = 1, sigma: float = 0.06) -> Picture:
    return scene + np.random.default_rng(seed).normal(0, sigma, scene.shape).astype(np.float32)


class Pairs:
    """A folder of pairs, and the doctor who sees them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.pairs: list[PhotoPair] = []
        self.events: list[JobEvent] = []

    def add(self, first: Picture, second: Picture) -> PhotoPair:
        index = len(self.pairs)
        pair = PhotoPair(PhotoRef(self._root / f"{index}.png"), PhotoRef(self._root / f"{index}_clean.png"))
        write_image(pair.noisy.file, PhotoImage(first))
        write_image(pair.clean.file, PhotoImage(second))
        self.pairs.append(pair)
        return pair

    def examine(self) -> tuple[PairDiagnosis, ...]:
        request = ExamineRequest(pairs=tuple(self.pairs), cache_file=self._root / "cache" / "measures.json")
        return examine_pairs(request, JobControl(), self.events.append)

    def doubts(self) -> list[list[FactKind]]:
        return [[fact.kind for fact in diagnosis.facts if fact.is_doubt] for diagnosis in self.examine()]


@pytest.fixture
def pairs(tmp_path: Path) -> Pairs:
    return Pairs(tmp_path)


def test_a_sound_pair_has_facts_and_no_doubt(pairs: Pairs) -> None:
    pairs.add(noisy(draw_scene()), draw_scene())
    (diagnosis,) = pairs.examine()
    assert diagnosis.doubt is None
    assert not diagnosis.can_be_aligned
    said = " ".join(fact.text for fact in diagnosis.facts)
    for words in ("Aligned", "Same brightness", "Same colours", "as sharp", "dB"):
        assert words in said
    last = pairs.events[-1]
    assert isinstance(last, StepDone)
    assert last.step == last.num_steps == 1


@pytest.mark.parametrize(
    ("kind", "spoil", "words"),
    [
        (FactKind.POSITION, lambda scene: np.roll(scene, (3, -4), (0, 1)), "5.0 pixels"),
        (FactKind.EXPOSURE, lambda scene: scene**4, "tones differ"),
        (FactKind.COLOUR, lambda scene: np.dstack([scene[..., :2], scene[..., 2] ** 4]), "more blue"),
        (FactKind.SHARPNESS, lambda scene: cv2.GaussianBlur(scene, (0, 0), 1.2), "blurred"),
        (FactKind.DIFFERENT, lambda scene: draw_scene(9), "different scenes"),
        (FactKind.SIZE, lambda scene: scene[:-7], "200 x 160"),
    ],
)
def test_each_defect_is_found_and_named(pairs: Pairs, kind: FactKind, spoil: object, words: str) -> None:
    scene = draw_scene()
    pairs.add(noisy(scene), np.ascontiguousarray(spoil(scene), np.float32))  # type: ignore[operator]
    (diagnosis,) = pairs.examine()
    doubt = next(fact for fact in diagnosis.facts if fact.is_doubt and fact.kind is kind)
    assert diagnosis.doubt is not None
    assert words in doubt.text
    assert doubt.hint
    assert diagnosis.can_be_aligned == (kind is FactKind.POSITION)


@pytest.mark.parametrize(
    ("gains", "offsets", "words"),
    [
        ((0.6,) * 3, (0.0,) * 3, ("gain 0.6", "offset +0.")),
        ((1.0,) * 3, (0.1,) * 3, ("gain 1.0", "offset +10")),
        ((0.7, 0.8, 0.9), (0.05, 0.0, -0.03), ("0.70 / 0.80 / 0.90", " / -0.0 % / ")),
    ],
)
def test_another_exposure_is_fitted_and_no_doubt(
    pairs: Pairs, gains: tuple[float, ...], offsets: tuple[float, ...], words: tuple[str, str]
) -> None:
    scene = draw_scene()
    pairs.add(noisy(scene * np.float32(gains) + np.float32(offsets), sigma=0.02), scene)
    (diagnosis,) = pairs.examine()
    assert diagnosis.doubt is None
    assert diagnosis.is_fitted
    (fact,) = [fact for fact in diagnosis.facts if fact.is_fitted]
    assert all(word in fact.text for word in words), fact.text
    assert "against the fitted one" in " ".join(fact.text for fact in diagnosis.facts)
    assert not [fact for fact in diagnosis.facts if fact.kind is FactKind.SHARPNESS and "sharper" in fact.text]


def test_a_fit_is_not_led_astray_by_what_one_picture_shows_alone_or_by_what_is_cut_off() -> None:
    scene = draw_scene()
    photo = noisy(0.55 * scene + np.float32(0.06))
    photo[20:70, 30:90] = 0.95
    photo = np.clip(photo, 0.12, 1)
    for fit in compare_brightness(photo, scene).channels:
        assert fit.gain == pytest.approx(0.55, abs=0.02)
        assert fit.offset == pytest.approx(0.06, abs=0.02)


def test_a_stretched_copy_of_the_photo_is_no_reference(pairs: Pairs) -> None:
    photo = noisy(draw_scene()) * np.float32(0.6)
    pair = pairs.add(photo, photo)
    for side, picture in ((pair.noisy, photo), (pair.clean, photo * np.float32(1.4) + np.float32(0.03))):
        write_image(side.file, PhotoImage(picture), bit_depth=16)
    assert pairs.doubts() == [[FactKind.SAME_PICTURE]]


def test_a_larger_reference_that_the_photo_was_made_of_is_a_label(pairs: Pairs) -> None:
    large = draw_scene(height=320, width=400)
    pairs.add(np.asarray(shrink(large, 2)), large)
    (diagnosis,) = pairs.examine()
    assert diagnosis.doubt is None


def test_a_small_shift_is_a_note_that_offers_to_align(pairs: Pairs) -> None:
    scene = draw_scene()
    matrix = np.array([[1, 0, 0.7], [0, 1, 0]], np.float32)
    moved = cv2.warpAffine(scene, matrix, (200, 160), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    pairs.add(noisy(scene), moved)
    (diagnosis,) = pairs.examine()
    assert diagnosis.doubt is None
    assert diagnosis.can_be_aligned


def test_the_same_picture_on_both_sides_is_found_in_another_format_too(pairs: Pairs) -> None:
    photo = noisy(draw_scene())
    pairs.add(photo, photo)
    other = pairs.add(noisy(draw_scene(1)), draw_scene(1))
    write_image(other.clean.file, PhotoImage(read_image(other.noisy).pixels), file_format="tiff", bit_depth=16)
    assert pairs.doubts() == [[FactKind.SAME_PICTURE], [FactKind.SAME_PICTURE]]


def test_a_dim_picture_of_16_bits_is_not_taken_for_its_noisy_version(pairs: Pairs) -> None:
    dim = draw_scene() * np.float32(0.02)
    pair = pairs.add(dim, dim)
    for photo, picture in ((pair.noisy, noisy(dim, sigma=0.001)), (pair.clean, dim)):
        write_image(photo.file, PhotoImage(picture), bit_depth=16)
    assert pairs.doubts() == [[]]


def test_duplicates_and_references_that_are_noisy_photos_are_found_between_pairs(pairs: Pairs) -> None:
    scene, other = draw_scene(), draw_scene(1)
    pairs.add(noisy(scene), scene)
    pairs.add(noisy(scene), scene)
    pairs.add(noisy(other), noisy(scene))
    pairs.add(noisy(other, seed=5), other)
    doubts = pairs.doubts()
    assert doubts[0] == []
    assert doubts[1] == [FactKind.DUPLICATE]
    assert doubts[2] == [FactKind.NOISY_REFERENCE, FactKind.DIFFERENT]
    assert doubts[3] == []
    assert "0.png" in pairs.examine()[1].facts[0].text


def test_one_scene_twice_is_noted_and_stays_on_one_side_of_the_split(pairs: Pairs) -> None:
    for seed in (0, 0, 1, 2, 3, 4):
        pairs.add(
            noisy(draw_scene(seed), seed=len(pairs.pairs)), draw_scene(seed) * np.float32(1 - 0.001 * len(pairs.pairs))
        )
    noted = [any(fact.kind is FactKind.SCENE for fact in diagnosis.facts) for diagnosis in pairs.examine()]
    assert noted == [True, True, False, False, False, False]
    assert pairs.doubts() == [[]] * 6
    scenes = group_scenes({pair.clean: scene_signature(read_image(pair.clean).pixels) for pair in pairs.pairs})
    by_path = {pair.clean: scenes[pair.clean] for pair in pairs.pairs}
    twins = set(pairs.pairs[:2])
    for seed in range(20):
        _, validation = split_pairs(pairs.pairs, 0.4, seed, by_path)
        assert len(twins & set(validation)) in (0, 2)
    assert any(len(twins & set(split_pairs(pairs.pairs, 0.4, seed)[1])) == 1 for seed in range(20))


def test_references_of_another_scale_are_compared_at_the_photos_size(pairs: Pairs) -> None:
    large = draw_scene(height=320, width=400)
    small = cv2.resize(large, (200, 160), interpolation=cv2.INTER_AREA)
    pairs.add(noisy(small, sigma=0.02), large)
    (diagnosis,) = pairs.examine()
    assert diagnosis.doubt is None


@pytest.mark.parametrize(("height", "width"), [(1, 80), (80, 1), (10, 80)])
def test_a_picture_too_small_to_be_measured_is_a_doubt(pairs: Pairs, height: int, width: int) -> None:
    scene = draw_scene(height=height, width=width)
    pairs.add(noisy(scene), scene)
    (diagnosis,) = pairs.examine()
    assert diagnosis.doubt is not None
    assert diagnosis.doubt.kind is FactKind.SIZE
    assert f"{width} x {height}" in diagnosis.doubt.text


def test_no_shift_is_seen_across_one_row() -> None:
    """As of a photo of one row, or of a long one that is looked at small."""
    line = draw_scene(height=1)[:, :, 0]
    assert best_shift(line, np.roll(line, 3)) == ((0.0, 0.0), 1.0, 0.0)


def test_unreadable_files_are_doubts(pairs: Pairs) -> None:
    pair = pairs.add(draw_scene(), draw_scene())
    pair.clean.file.write_bytes(b"no photo")
    assert pairs.doubts() == [[FactKind.UNREADABLE]]


def test_a_pair_is_measured_once_until_a_file_changes(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = pairs.add(noisy(draw_scene()), draw_scene())
    first = pairs.examine()
    calls: list[object] = []
    measure = engine.labelling.doctor.measure_pair
    monkeypatch.setattr(engine.labelling.doctor, "measure_pair", lambda *args: calls.append(args) or measure(*args))
    assert pairs.examine() == first
    assert calls == []
    write_image(pair.clean.file, PhotoImage(draw_scene(4, height=170)))
    assert pairs.doubts() == [[FactKind.SIZE]]
    shutil.copy(pair.noisy.file, pair.clean.file)
    assert pairs.doubts() == [[FactKind.SAME_PICTURE]]
    assert len(calls) == 2


def test_a_damaged_cache_counts_as_empty_and_a_stop_keeps_what_is_measured(pairs: Pairs, tmp_path: Path) -> None:
    pairs.add(noisy(draw_scene()), draw_scene())
    pairs.add(noisy(draw_scene(1)), draw_scene(1))
    cache = tmp_path / "cache" / "measures.json"
    cache.parent.mkdir()
    cache.write_text("{ half")
    control = JobControl()

    def stop_at_the_second(event: JobEvent) -> None:
        if isinstance(event, StepDone) and event.step == 1:
            control.cancel()

    request = ExamineRequest(pairs=tuple(pairs.pairs), cache_file=cache)
    with pytest.raises(JobCancelled):
        examine_pairs(request, control, stop_at_the_second)
    assert "0_clean.png" in cache.read_text()
    assert "1_clean.png" not in cache.read_text()
    assert [diagnosis.doubt for diagnosis in pairs.examine()] == [None, None]


def test_gain_and_offset_of_each_channel_are_found_under_noise() -> None:
    scene = draw_scene()
    gains, offsets = np.array([0.9, 1.0, 1.1], np.float32), np.array([0.02, 0.0, -0.03], np.float32)
    fits = compare_brightness(noisy(scene * gains + offsets), scene).channels
    assert [fit.gain for fit in fits] == pytest.approx(list(gains), abs=0.02)
    assert [fit.offset for fit in fits] == pytest.approx(list(offsets), abs=0.01)


@pytest.mark.parametrize(("sigma", "is_blurred"), [(0.02, True), (0.1, True), (0.02, False), (0.1, False)])
def test_a_blur_of_the_reference_shows_under_noise_and_noise_alone_does_not(sigma: float, is_blurred: bool) -> None:
    scene = draw_scene().mean(axis=2)
    reference = cv2.GaussianBlur(scene, (0, 0), 1.2) if is_blurred else scene
    sharpness = compare_sharpness(noisy(scene, sigma=sigma), reference)
    assert (sharpness > 1.35) == is_blurred


def test_digests_tell_pictures_not_files() -> None:
    scene = draw_scene()
    assert pixel_digest(scene) == pixel_digest(scene.copy())
    assert pixel_digest(scene) != pixel_digest(scene[:, ::-1])
    assert pixel_digest(np.zeros((2, 8, 1), np.float32)) != pixel_digest(np.zeros((4, 4, 1), np.float32))
    assert scene_signature(np.full((40, 40, 1), 0.5, np.float32)) == ()


def test_real_pairs_pass_and_their_defects_are_found(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "real_noisy_pairs" / "polyu"
    matching = match_pairs(list_image_files([folder / "noisy"]), list_image_files([folder / "clean"]))
    sound = matching.pairs[::10]
    spoiled = []
    for index, pair in enumerate(sound):
        clean = read_image(pair.clean).pixels
        bad = (np.roll(clean, 3, 1), cv2.GaussianBlur(clean, (0, 0), 1.5))[index % 2]
        copy = replace(pair, clean=PhotoRef(tmp_path / pair.clean.name))
        write_image(copy.clean.file, PhotoImage(np.ascontiguousarray(bad)), file_format="png")
        spoiled.append(copy)
    request = ExamineRequest(pairs=sound, cache_file=tmp_path / "sound.json")
    assert [diagnosis.doubt for diagnosis in examine_pairs(request, JobControl(), lambda _: None)] == [None] * len(
        sound
    )
    request = ExamineRequest(pairs=tuple(spoiled), cache_file=tmp_path / "spoiled.json")
    kinds = [
        diagnosis.doubt.kind for diagnosis in examine_pairs(request, JobControl(), lambda _: None) if diagnosis.doubt
    ]
    assert kinds == [FactKind.POSITION, FactKind.SHARPNESS] * (len(sound) // 2)
