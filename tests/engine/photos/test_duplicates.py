"""Photos that are there more than once: the same file, the same picture; and what is none of both."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import PhotoImage, write_image
from engine.photos.duplicates import Candidate, DuplicatesConfig, find_duplicates, look_hash


def picture(seed: int, height: int = 96, width: int = 128) -> np.ndarray:
    """Smooth blobs, as photos have."""
    random = np.random.default_rng(seed).random((6, 8, 3)).astype(np.float32)
    return cv2.resize(random, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 1)


def candidate(path: Path, pixels: np.ndarray) -> Candidate:
    size = path.stat().st_size if path.is_file() else 0
    return Candidate(
        photo=PhotoRef(path), num_bytes=size, look=look_hash(pixels), width=pixels.shape[1], height=pixels.shape[0]
    )


def groups_of(*photos: Candidate) -> list[tuple[str, list[str]]]:
    found = find_duplicates(DuplicatesConfig(photos=photos), JobControl(), lambda _: None)
    return [(group.kind, [path.name for path in group.photos]) for group in found]


def different_bits(one: np.ndarray, other: np.ndarray) -> int:
    first, second = look_hash(one), look_hash(other)
    assert first is not None
    assert second is not None
    return (first ^ second).bit_count()


@pytest.mark.parametrize("seed", range(5))
def test_the_hash_keeps_what_changes_little(seed: int) -> None:
    original = picture(seed)
    noisy = (original + 0.03 * np.random.default_rng(99).standard_normal(original.shape)).clip(0, 1).astype(np.float32)
    small = cv2.resize(original, (64, 48), interpolation=cv2.INTER_AREA)
    darker = original * np.float32(0.7)
    for changed in (noisy, small, darker, original.mean(axis=2, keepdims=True)):
        assert different_bits(original, changed) <= 8
    assert different_bits(original, picture(seed + 100)) > 12


def test_an_even_picture_has_no_look() -> None:
    assert look_hash(np.full((40, 40, 1), 0.5, np.float32)) is None


def test_equal_files_and_equal_pictures(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", PhotoImage(picture(1)))
    shutil.copy(tmp_path / "a.png", tmp_path / "copy of a.png")
    write_image(tmp_path / "b.png", PhotoImage(picture(2)))
    write_image(tmp_path / "a small.jpg", PhotoImage(cv2.resize(picture(1), (64, 48), interpolation=cv2.INTER_AREA)))
    photos = [candidate(tmp_path / name, picture(1)) for name in ("a.png", "copy of a.png")]
    photos += [candidate(tmp_path / "b.png", picture(2))]
    photos += [candidate(tmp_path / "a small.jpg", cv2.resize(picture(1), (64, 48), interpolation=cv2.INTER_AREA))]
    assert groups_of(*photos) == [
        ("same file", ["a.png", "copy of a.png"]),
        ("same look", ["a.png", "a small.jpg"]),
    ]


def test_files_of_one_size_alone_are_no_duplicates(tmp_path: Path) -> None:
    for name in ("a.bmp", "b.bmp"):
        write_image(tmp_path / name, PhotoImage(picture(ord(name[0]))))
    assert (tmp_path / "a.bmp").stat().st_size == (tmp_path / "b.bmp").stat().st_size
    assert groups_of(*(candidate(tmp_path / name, picture(ord(name[0]))) for name in ("a.bmp", "b.bmp"))) == []


def test_another_shape_is_another_photo(tmp_path: Path) -> None:
    assert (
        groups_of(candidate(tmp_path / "a.png", picture(1)), candidate(tmp_path / "a square.png", picture(1, 128, 128)))
        == []
    )


def test_likeness_is_not_handed_on(tmp_path: Path) -> None:
    """Each is 6 bits from the one before it: the third is not like the first."""
    looks = [0, 0b111111, 0b111111111111]
    photos = [
        Candidate(photo=PhotoRef(tmp_path / f"{place}.png"), num_bytes=0, look=look, width=10, height=10)
        for place, look in enumerate(looks)
    ]
    assert groups_of(*photos) == [("same look", ["0.png", "1.png"])]


def test_a_file_that_has_gone_is_none(tmp_path: Path) -> None:
    gone = [
        Candidate(photo=PhotoRef(tmp_path / name), num_bytes=7, look=None, width=9, height=9)
        for name in ("a.png", "b.png")
    ]
    assert groups_of(*gone) == []


def test_crops_of_real_photos(shared_data: Path) -> None:
    """Noisy and clean are the same picture; no two scenes are."""
    folder = shared_data / "real_noisy_pairs" / "polyu"
    from engine.photo_files.photos import read_image

    names = [path.name for path in sorted((folder / "noisy").iterdir())][:12]
    noisy = [read_image(folder / "noisy" / name).pixels for name in names]
    for name, photo in zip(names, noisy, strict=True):
        assert different_bits(photo, read_image(folder / "clean" / name).pixels) <= 8, name
