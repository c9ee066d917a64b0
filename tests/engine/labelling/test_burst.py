"""Labels from bursts: simulated shots with shift, noise and moving things, against the truth."""

import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from engine.comparing.metrics import psnr
from engine.contracts.errors import InvalidInputError
from engine.contracts.events import FileSkipped, JobEvent, StepDone
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.photo import PhotoRef
from engine.labelling.burst import BurstConfig, BurstResult, MotionChoice, make_burst_references
from engine.labelling.burst_alignment import AlignedShot, align_shot, read_shot
from engine.labelling.burst_merging import Shot, _median_of, merge_shots
from engine.photo_files.photos import ImageMetadata, PhotoImage, read_image, write_image
from engine.photo_files.sensors.colour import linear_from_srgb, srgb_from_linear
from engine.photos.pairs import match_pairs

Picture = NDArray[np.float32]
INSIDE = (slice(16, -16), slice(16, -16))


def draw_scene(seed: int = 0, height: int = 200, width: int = 240) -> Picture:
    rng = np.random.default_rng(seed)
    scene = np.full((height, width, 3), 0.4, np.float32)
    for _ in range(70):
        centre = tuple(int(value) for value in rng.integers(0, width, 2))
        colour = [float(value) for value in rng.uniform(0.15, 0.8, 3)]
        cv2.circle(scene, centre, int(rng.integers(4, 24)), colour, -1, cv2.LINE_AA)
    # As a lens does: no edge is sharper than the sampling allows.
    return cv2.GaussianBlur(scene, (0, 0), 0.9)


def moved(picture: Picture, columns: float, rows: float, degrees: float = 0.0) -> Picture:
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    matrix[:, 2] += (columns, rows)
    return cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)


def shoot(scene: Picture, seed: int, sigma: float = 0.03) -> Picture:
    """Noise of light, then the tone curve."""
    light = linear_from_srgb(np.clip(scene, 0, 1))
    noise = np.random.default_rng(seed).normal(0, sigma, scene.shape).astype(np.float32)
    return srgb_from_linear(np.clip(light + noise * np.sqrt(light), 0, 1))


class Burst:
    """A folder of shots, and another for their references."""

    def __init__(self, root: Path) -> None:
        self.shots, self.out = root / "shots", root / "references"
        self.shots.mkdir()
        self.events: list[JobEvent] = []

    def add(self, picture: Picture, bit_depth: int = 8) -> Path:
        path = self.shots / f"IMG_{len(list(self.shots.iterdir()))}.png"
        metadata = ImageMetadata(file_format="png", bit_depth=8 if bit_depth == 8 else 16)
        write_image(path, PhotoImage(np.ascontiguousarray(picture), None, metadata))
        return path

    def make(self, **settings: object) -> BurstResult:
        config = BurstConfig.model_validate({"shots": (self.shots,), "out": self.out, **settings})
        return make_burst_references(config, JobControl(), self.events.append)


@pytest.fixture
def burst(tmp_path: Path) -> Burst:
    return Burst(tmp_path)


def ideal_psnr(scene: Picture, shots: list[Picture]) -> float:
    """Of the plain mean in linear light of shots that do not move."""
    mean = srgb_from_linear(np.mean([linear_from_srgb(shot) for shot in shots], axis=0))
    return psnr(mean[INSIDE], scene[INSIDE])


def test_a_tripod_burst_gives_each_shot_the_ideal_mean_of_the_others(burst: Burst) -> None:
    scene = draw_scene()
    shots = [shoot(scene, seed) for seed in range(10)]
    paths = [burst.add(shot) for shot in shots]
    originals = [path.read_bytes() for path in paths]
    result = burst.make()
    assert [pair.noisy.file for pair in result.pairs] == paths
    assert len({pair.clean for pair in result.pairs}) == 10
    assert (result.num_averaged, result.displacement_px, result.left_out) == (10, 0, ())
    for index, pair in list(enumerate(result.pairs))[::3]:
        reference = read_image(pair.clean)
        assert reference.metadata.bit_depth == 16
        assert reference.metadata.file_format == "tiff"
        others = [shot for number, shot in enumerate(shots) if number != index]
        assert psnr(reference.pixels[INSIDE], scene[INSIDE]) > ideal_psnr(scene, others) - 0.3
        assert psnr(reference.pixels[INSIDE], scene[INSIDE]) > psnr(shots[0][INSIDE], scene[INSIDE]) + 8.5
        assert abs(share_of_own_noise(read_image(pair.noisy).pixels, reference.pixels, scene)) < 0.02
    assert [path.read_bytes() for path in paths] == originals
    last = burst.events[-1]
    assert isinstance(last, StepDone)
    assert last.step == last.num_steps


def share_of_own_noise(shot: Picture, reference: Picture, scene: Picture) -> float:
    """How much of a shot's noise its reference holds: a tenth, were it among ten that are averaged."""
    own, left = (picture[INSIDE].astype(np.float64) - scene[INSIDE] for picture in (shot, reference))
    return float(np.mean(own * left) / np.mean(own * own))


def test_a_stack_of_thirty_frames_is_a_burst(tmp_path: Path) -> None:
    """Dim counts of a microscope's camera, drifting a little."""
    scene = draw_scene(height=140, width=150)[:, :, :1]
    generator = np.random.default_rng(3)
    frames = []
    for _ in range(30):
        frame = moved(scene, *generator.uniform(-1.5, 1.5, 2))
        light = generator.poisson(np.clip(frame.reshape(140, 150), 0, 1) * 300)
        frames.append(np.rint(88 + light + generator.normal(0, 3, light.shape)).astype(np.uint16))
    tifffile.imwrite(tmp_path / "series.tif", np.stack(frames), photometric="minisblack")
    config = BurstConfig(shots=(tmp_path / "series.tif",), out=tmp_path / "references")
    events: list[JobEvent] = []
    result = make_burst_references(config, JobControl(), events.append)
    assert (result.num_averaged, result.left_out) == (30, ())
    assert [pair.noisy.page for pair in result.pairs] == list(range(1, 31))
    inside = (slice(8, -8), slice(8, -8))
    gains = []
    for pair in result.pairs[::7]:
        reference = tifffile.imread(pair.clean.file).astype(np.float64)
        noisy = frames[pair.noisy.page - 1].astype(np.float64)
        rest = noisy[inside] - reference[inside]
        # What is left is the shot's own noise: of light, and of the camera.
        gains.append(np.sqrt(np.mean((reference[inside] - 88) + 9) / np.mean(rest**2)))
        assert abs(reference.mean() - noisy.mean()) < 1
    assert np.mean(gains) == pytest.approx(1, abs=0.05)


def test_a_hand_held_burst_gives_each_shot_a_reference_that_lies_on_it(burst: Burst) -> None:
    scene = draw_scene(height=232, width=272)
    rng = np.random.default_rng(4)
    places = [(*rng.uniform(-4, 4, 2), rng.uniform(-0.4, 0.4)) for _ in range(8)]
    truths = [moved(scene, *place) for place in places]
    still = [shoot(scene, seed) for seed in range(8)]
    for seed, truth in enumerate(truths):
        burst.add(shoot(truth, seed))
    result = burst.make(file_format="png")
    assert len({pair.clean for pair in result.pairs}) == 8
    assert result.displacement_px > 2
    for pair, truth in zip(result.pairs, truths, strict=True):
        found = psnr(read_image(pair.clean).pixels[INSIDE], truth[INSIDE])
        assert found > ideal_psnr(scene, still) - 1.5
    # By their names alone they find each other too.
    names = match_pairs([pair.noisy for pair in result.pairs], [pair.clean for pair in result.pairs])
    assert names.pairs == result.pairs


def with_ball(scene: Picture, column: int) -> Picture:
    picture = scene.copy()
    cv2.circle(picture, (column, 100), 14, (0.95, 0.1, 0.1), -1, cv2.LINE_AA)
    return picture


def test_a_moving_thing_is_cut_out_of_the_mean_and_kept_in_its_own_shot(burst: Burst) -> None:
    scene = draw_scene()
    truths = [with_ball(scene, 40 + 40 * index) if index < 4 else scene for index in range(9)]
    still = [shoot(scene, seed) for seed in range(9)]
    for seed, truth in enumerate(truths):
        burst.add(shoot(truth, seed))
    result = burst.make()
    assert 0.02 < result.moved_share < 0.2
    assert len(result.pairs) == 9
    assert len({pair.clean for pair in result.pairs}) == 9
    for pair, truth in zip(result.pairs, truths, strict=True):
        assert psnr(read_image(pair.clean).pixels[INSIDE], truth[INSIDE]) > ideal_psnr(scene, still) - 3.0
    clean = read_image(result.pairs[-1].clean).pixels
    assert psnr(clean[INSIDE], scene[INSIDE]) > ideal_psnr(scene, still[:-1]) - 0.5


def test_shots_in_which_something_moved_can_be_left_out(burst: Burst) -> None:
    scene = draw_scene()
    for seed in range(9):
        burst.add(shoot(with_ball(scene, 60) if seed == 2 else scene, seed))
    result = burst.make(motion=MotionChoice.LEAVE_OUT)
    assert [file.path.name for file in result.left_out] == ["IMG_2.png"]
    assert "moved" in result.left_out[0].reason
    assert len(result.pairs) == 8
    assert len({pair.clean for pair in result.pairs}) == 8


def test_shots_of_another_scene_size_or_exposure_are_left_out(burst: Burst) -> None:
    scene = draw_scene()
    for seed in range(6):
        burst.add(shoot(scene, seed))
    burst.add(shoot(draw_scene(7), 6))
    burst.add(shoot(scene[:150], 7))
    burst.add(srgb_from_linear(linear_from_srgb(shoot(scene, 8)) * np.float32(0.4)))
    (burst.shots / "broken.png").write_bytes(b"no photo")
    result = burst.make()
    reasons = {file.path.name: file.reason for file in result.left_out}
    assert set(reasons) == {"IMG_6.png", "IMG_7.png", "IMG_8.png", "broken.png"}
    assert "another scene" in reasons["IMG_6.png"]
    assert "240 x 150" in reasons["IMG_7.png"]
    assert "exposed otherwise" in reasons["IMG_8.png"]
    assert result.num_averaged == 6
    assert {event.path for event in burst.events if isinstance(event, FileSkipped)} == {f.path for f in result.left_out}


def test_flicker_is_evened_out_and_each_reference_is_as_bright_as_its_shot(burst: Burst) -> None:
    scene = draw_scene()
    gains = [1.0, 0.9, 1.1, 1.0, 0.95, 1.05, 1.0]
    truths = [srgb_from_linear(linear_from_srgb(scene) * np.float32(gain)) for gain in gains]
    for seed, truth in enumerate(truths):
        burst.add(shoot(truth, seed))
    for pair, truth in zip(burst.make().pairs, truths, strict=True):
        assert abs(float((read_image(pair.clean).pixels - truth)[INSIDE].mean())) < 0.003


@pytest.mark.parametrize("num_scenes", [2, 5])
def test_bursts_of_different_scenes_are_refused(burst: Burst, num_scenes: int) -> None:
    for seed in range(6):
        burst.add(shoot(draw_scene(seed % num_scenes), seed))
    with pytest.raises(InvalidInputError, match="fit together"):
        burst.make()
    assert not burst.out.exists()


def test_too_few_shots_and_the_shots_own_folder_are_refused(burst: Burst, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(2):
        burst.add(shoot(draw_scene(), seed))
    with pytest.raises(InvalidInputError, match="at least 3 shots"):
        burst.make()
    burst.add(shoot(draw_scene(), 2))
    with pytest.raises(InvalidInputError, match="folder of the shots"):
        burst.make(out=burst.shots)
    monkeypatch.setattr("engine.labelling.burst.available_memory", lambda: 1000)
    with pytest.raises(InvalidInputError, match="memory"):
        burst.make()


def test_a_burst_in_which_everything_moves_is_refused(burst: Burst) -> None:
    """As shadows of clouds do."""
    for seed in range(6):
        shadows = np.random.default_rng(seed).normal(0, 1, (200, 240, 1)).astype(np.float32)
        shadows = cv2.GaussianBlur(shadows, (0, 0), 20.0)[:, :, None]
        burst.add(shoot(draw_scene() + 0.03 * shadows / shadows.std(), seed, sigma=0.005))
    with pytest.raises(InvalidInputError, match="too much moved"):
        burst.make()
    assert not burst.out.exists()


def test_a_burst_of_whose_every_shot_much_moved_is_refused(burst: Burst) -> None:
    for seed in range(4):
        picture = draw_scene()
        picture[:, 60 * seed : 60 * seed + 66] *= 0.88
        burst.add(shoot(picture, seed, sigma=0.005))
    with pytest.raises(InvalidInputError, match="Too much moved"):
        burst.make()


def test_gray_photos_of_16_bits_are_averaged_as_they_are(burst: Burst) -> None:
    scene = draw_scene()[:, :, :1]
    noise = np.random.default_rng(0)
    for _ in range(8):
        burst.add(scene + noise.normal(0, 0.05, scene.shape).astype(np.float32), bit_depth=16)
    reference = read_image(burst.make().pairs[0].clean)
    assert reference.pixels.shape == scene.shape
    assert psnr(reference.pixels, scene) > 20 * np.log10(1 / 0.05) + 10 * np.log10(7) - 0.4


def test_channels_of_a_microscope_are_averaged_as_they_are(burst: Burst) -> None:
    scene = draw_scene()
    noise = np.random.default_rng(0)
    metadata = ImageMetadata(file_format="tiff", bit_depth=16, channels_are_gray=True)
    for index in range(8):
        shot = scene + noise.normal(0, 0.08, scene.shape).astype(np.float32)
        write_image(burst.shots / f"{index}.tif", PhotoImage(shot, None, metadata))
    reference = read_image(burst.make().pairs[0].clean)
    assert reference.metadata.channels_are_gray
    # Averaged with a tone curve taken off and put back it would be brighter by 0.008.
    assert abs(float((reference.pixels - scene).mean())) < 0.001


def test_so_much_memory_is_held_as_is_asked_for(burst: Burst) -> None:
    scene = draw_scene()
    paths = [PhotoRef(burst.add(shoot(scene, seed))) for seed in range(4)]
    # What is loaded and kept at the first photo is none of the shots'.
    read_shot(paths[0])
    tracemalloc.start()
    try:
        photos = [read_shot(path) for path in paths]
        aligned = [align_shot(photos[0], photo, in_linear_light=True) for photo in photos]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert all(isinstance(outcome, AlignedShot) for outcome in aligned)
    assert held < 1.1 * len(paths) * scene.shape[0] * scene.shape[1] * (2 * 3 + 4)


def test_no_file_is_overwritten(burst: Burst) -> None:
    for seed in range(4):
        burst.add(shoot(draw_scene(), seed))
    first = burst.make().pairs[0].clean.file
    content = first.read_bytes()
    second = burst.make().pairs[0].clean.file
    assert first != second
    assert first.read_bytes() == content


def test_a_stop_is_obeyed_between_bands(burst: Burst) -> None:
    for seed in range(3):
        burst.add(shoot(draw_scene(), seed))
    control = JobControl()

    def stop_while_averaging(event: JobEvent) -> None:
        if isinstance(event, StepDone) and event.stage == "Averaging" and event.step == 1:
            control.cancel()

    config = BurstConfig(shots=(burst.shots,), out=burst.out)
    with pytest.raises(JobCancelled):
        make_burst_references(config, control, stop_while_averaging)
    assert not burst.out.exists()


def test_merging_in_bands_leaves_no_seams() -> None:
    flat = np.full((300, 64, 1), 0.5, np.float32)
    rng = np.random.default_rng(0)
    levels = [np.rint((flat + rng.normal(0, 0.05, flat.shape)) * 65535).astype(np.uint16) for _ in range(16)]
    turned = cv2.getRotationMatrix2D((32, 150), 0.3, 1)
    shots = [Shot(level, turned if index % 2 else np.eye(2, 3)) for index, level in enumerate(levels)]
    merged = merge_shots(shots, in_linear_light=False, step=lambda done, every: None)
    rows = merged.pixels[:, 8:-8].mean(axis=(1, 2))
    assert np.abs(rows - 0.5).max() < 0.01
    assert merged.moved.mean() < 0.001
    assert merged.noise_sigma == pytest.approx(0.05, rel=0.2)


@pytest.mark.parametrize("num_shots", [3, 4, 7, 8])
def test_the_quick_median_is_the_median(num_shots: int) -> None:
    rng = np.random.default_rng(num_shots)
    values = rng.random((num_shots, 9, 40, 3)).astype(np.float32)
    everywhere = np.ones(values.shape[:3], np.bool_)
    np.testing.assert_allclose(_median_of(values, everywhere), np.median(values, axis=0), rtol=1e-6)
    covered = rng.random(values.shape[:3]) < 0.7
    covered[0] = True
    expected = np.nanmedian(np.where(covered[..., None], values, np.nan), axis=0)
    np.testing.assert_allclose(_median_of(values, covered), expected, rtol=1e-6)


def test_large_shots_are_merged_as_well_as_small_ones(burst: Burst) -> None:
    """Larger than what the shots are compared at: shapes and brightness are then asked of reduced pictures."""
    scene = draw_scene(height=900, width=1400)
    places = ((0, 0, 0), (5.3, -3.1, 0.1), (-6.2, 2.4, -0.15), (2.2, 4.9, 0.05))
    truths = [moved(scene, *place) for place in places]
    for seed, truth in enumerate(truths):
        burst.add(shoot(truth, seed))
    result = burst.make()
    assert (result.num_averaged, result.left_out) == (4, ())
    still = ideal_psnr(scene, [shoot(scene, seed) for seed in range(4)])
    for pair, truth in zip(result.pairs, truths, strict=True):
        assert psnr(read_image(pair.clean).pixels[INSIDE], truth[INSIDE]) > still - 1.5
