"""Aligning pictures to a fraction of a pixel, and the aligned copies of references."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engine.contracts.errors import InvalidInputError
from engine.contracts.events import JobEvent
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.photo import PhotoRef
from engine.labelling.alignment import AlignRequest, align_reference, align_references, find_alignment
from engine.photo_files.photo_image import ImageMetadata
from engine.photo_files.photos import PhotoImage, read_image, write_image
from engine.photos.pairs import PhotoPair


def draw_scene(height: int = 200, width: int = 240, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    scene = np.full((height, width, 3), 0.4, np.float32)
    for _ in range(60):
        centre = tuple(int(value) for value in rng.integers(0, width, 2))
        colour = [float(value) for value in rng.uniform(0.1, 0.9, 3)]
        cv2.circle(scene, centre, int(rng.integers(4, 24)), colour, -1, cv2.LINE_AA)
    return scene


def moved(picture: NDArray[np.float32], columns: float, rows: float, degrees: float = 0) -> NDArray[np.float32]:
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    matrix[:, 2] += (columns, rows)
    return cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def noisy(picture: NDArray[np.float32], sigma: float = 0.05) -> NDArray[np.float32]:
    return picture + np.random.default_rng(3).normal(0, sigma, picture.shape).astype(np.float32)


@pytest.mark.parametrize(
    ("columns", "rows", "degrees"), [(0.5, -0.4, 0), (3.3, -6.6, 0), (-12, 5, 0.7), (20, -15, -1.5)]
)
def test_shifts_and_turns_are_found_under_noise(columns: float, rows: float, degrees: float) -> None:
    scene = draw_scene()
    alignment = find_alignment(noisy(moved(scene, columns, rows, degrees)).mean(axis=2), scene.mean(axis=2))
    truth = cv2.getRotationMatrix2D((120, 100), degrees, 1)
    truth[:, 2] += (columns, rows)
    corners = np.array([[x, y, 1.0] for x in (0, 240) for y in (0, 200)])
    errors = corners @ (alignment.matrix - cv2.invertAffineTransform(truth)).T
    assert np.abs(errors).max() < 0.15
    turned = np.degrees(np.arctan2(alignment.matrix[1, 0], alignment.matrix[0, 0]))
    assert turned == pytest.approx(degrees, abs=0.05)


def test_a_large_picture_is_aligned_to_a_fraction_of_a_pixel_too() -> None:
    scene = cv2.resize(draw_scene(), (1500, 1250), interpolation=cv2.INTER_CUBIC)
    scene += 0.2 * np.random.default_rng(5).standard_normal(scene.shape).astype(np.float32)
    scene = cv2.GaussianBlur(scene, (0, 0), 1.2)
    alignment = find_alignment(noisy(moved(scene, 4.4, -2.7)).mean(axis=2), scene.mean(axis=2))
    assert alignment.matrix[:, 2] == pytest.approx((-4.4, 2.7), abs=0.15)


@pytest.mark.parametrize("picture", [draw_scene(), np.full((200, 240, 3), 0.5, np.float32)], ids=["scene", "flat"])
def test_what_fits_already_is_not_moved(picture: NDArray[np.float32]) -> None:
    alignment = find_alignment(noisy(picture).mean(axis=2), picture.mean(axis=2))
    assert alignment.gain == 0
    assert alignment.displacement_px(200, 240) == 0
    with pytest.raises(ValueError, match="one shape"):
        find_alignment(np.zeros((4, 4), np.float32), np.zeros((4, 5), np.float32))


def write_pair(folder: Path, first: NDArray[np.float32], second: NDArray[np.float32]) -> PhotoPair:
    (folder / "clean").mkdir(parents=True)
    pair = PhotoPair(PhotoRef(folder / "photo.png"), PhotoRef(folder / "clean" / "photo.png"))
    write_image(pair.noisy.file, PhotoImage(first))
    write_image(pair.clean.file, PhotoImage(second))
    return pair


def test_an_aligned_copy_fits_and_the_original_is_untouched(tmp_path: Path) -> None:
    scene = draw_scene()
    pair = write_pair(tmp_path, noisy(scene), moved(scene, 3.4, 2.2))
    original, files = pair.clean.file.read_bytes(), sorted(tmp_path.rglob("*.png"))
    copy = align_reference(pair, tmp_path / "data")
    assert pair.clean.file.read_bytes() == original
    assert sorted(path for path in tmp_path.rglob("*.png") if path not in files) == [copy.path]
    assert copy.path.is_relative_to(tmp_path / "data")
    assert copy.displacement_px == pytest.approx(np.hypot(3.4, 2.2), abs=0.2)
    aligned = read_image(copy.path)
    assert aligned.metadata.bit_depth == 16
    inside = (slice(8, -8), slice(8, -8))
    before = float(np.square(read_image(pair.clean).pixels - scene)[inside].mean())
    after = float(np.square(aligned.pixels - scene)[inside].mean())
    assert after < before / 50


def test_where_the_moved_reference_shows_nothing_the_copy_asks_for_no_change(tmp_path: Path) -> None:
    scene = draw_scene()
    pair = write_pair(tmp_path, noisy(scene), moved(scene, 10, 0))
    aligned = read_image(align_reference(pair, tmp_path / "data").path).pixels
    photo = read_image(pair.noisy).pixels
    assert np.abs(aligned[:, -9:] - photo[:, -9:]).max() < 1e-4
    assert np.abs(aligned[:, :-20] - photo[:, :-20]).mean() > 0.02


@pytest.mark.parametrize("degrees", [0, 2])
@pytest.mark.parametrize("gain", [0.4, 0.7])
def test_there_it_has_the_exposure_of_the_reference(tmp_path: Path, gain: float, degrees: float) -> None:
    scene = draw_scene()
    offset = 0.05
    pair = write_pair(tmp_path, noisy(gain * scene + offset, 0.01), moved(scene, 10, -6, degrees))
    aligned = read_image(align_reference(pair, tmp_path / "data").path).pixels
    # Bright and dark alike, at the borders as in the middle.
    inside = np.zeros(scene.shape[:2], np.bool_)
    inside[20:-20, 20:-20] = True
    for part in (inside, ~inside):
        slope, start = np.polyfit(scene[part].ravel(), aligned[part].ravel(), 1)
        assert (slope, start) == (pytest.approx(1, abs=0.03), pytest.approx(0, abs=0.02))
    away = np.abs(aligned[:, -8:] - (read_image(pair.noisy).pixels[:, -8:] - offset) / gain)
    assert np.median(away) < 0.02


def test_there_a_reference_of_other_numbers_keeps_them(tmp_path: Path) -> None:
    scene = draw_scene()[:, :, :1]
    counts = PhotoImage(noisy(0.02 * scene, 0.0005), metadata=ImageMetadata(file_format="png", bit_depth=16))
    pair = write_pair(tmp_path, scene, moved(scene, 10, 0)[:, :, None])
    write_image(pair.noisy.file, counts)
    aligned = read_image(align_reference(pair, tmp_path / "data").path).pixels
    assert np.abs(aligned[:, -9:] - scene[:, -9:]).mean() < 0.05


def test_tones_that_no_gain_brings_together_are_refused(tmp_path: Path) -> None:
    scene = draw_scene()
    pair = write_pair(tmp_path, noisy(scene**3, 0.01), moved(scene, 10, 0))
    with pytest.raises(InvalidInputError, match="tones differ"):
        align_reference(pair, tmp_path / "data")


def test_pairs_that_cannot_be_aligned_say_why_and_end_no_batch(tmp_path: Path) -> None:
    scene = draw_scene()
    sound = write_pair(tmp_path / "sound", noisy(scene), scene)
    other_size = write_pair(tmp_path / "size", noisy(scene), scene[:100])
    shifted = write_pair(tmp_path / "shifted", noisy(scene), moved(scene, 5, 0))
    with pytest.raises(InvalidInputError, match="no better"):
        align_reference(sound, tmp_path / "data")
    events: list[JobEvent] = []
    request = AlignRequest(pairs=(sound, other_size, shifted), folder=tmp_path / "data")
    result = align_references(request, JobControl(), events.append)
    assert [copy.pair for copy in result.aligned] == [shifted]
    assert [file.path for file in result.failed] == [sound.noisy, other_size.noisy]
    assert "one size" in result.failed[1].reason
    control = JobControl()
    control.cancel()
    with pytest.raises(JobCancelled):
        align_references(request, control, events.append)
