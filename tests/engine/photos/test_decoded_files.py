"""Decoded photos on disk: the same pixels, decoded once, within bounds, and never needed."""

import gc
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.contracts.configs import PretrainConfig
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.jobs import pretrain
from engine.machine.processes.environment import DECODED_PHOTOS_VARIABLE
from engine.models.files import load_model
from engine.photos.crops import DecodedPair, crops_of_photos, decode_photo, decode_photos
from engine.photos.decoded_files import PATTERN, DecodedFiles, Levels, decoded_files

SIDE = 1200
"""Of 8 bits in colour, 4.1 MiB decoded: just large enough to be kept."""


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESIDUA_DATA", str(tmp_path / "data"))
    monkeypatch.delenv(DECODED_PHOTOS_VARIABLE, raising=False)


def write_photo(path: Path, seed: int = 0, side: int = SIDE, dtype: type = np.uint8) -> Path:
    rng = np.random.default_rng(seed)
    cv2.imwrite(str(path), rng.integers(0, np.iinfo(dtype).max, (side, side + 8, 3), dtype=dtype))
    return path


def levels_of(seed: int, side: int = 16) -> Levels:
    return np.random.default_rng(seed).integers(0, 255, (3, side, side), dtype=np.uint8)


def kept_files() -> list[Path]:
    return sorted(decoded_files().folder.glob(PATTERN))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_large_photo_is_decoded_once_and_has_the_same_levels(tmp_path: Path, dtype: type) -> None:
    path = write_photo(tmp_path / "photo.png", dtype=dtype)
    plain = decode_photo(PhotoRef(path))
    assert kept_files() == []
    kept = decode_photo(PhotoRef(path), keep_on_disk=True)
    assert len(kept_files()) == 1
    assert kept.bit_depth == plain.bit_depth
    assert np.array_equal(kept.levels, plain.levels)
    assert not kept.levels.flags.writeable
    assert np.array_equal(kept.pixels, plain.pixels)
    assert np.array_equal(kept.crop(7, 1100, 128), plain.crop(7, 1100, 128))
    assert not plain.is_mapped
    assert kept.is_mapped
    assert kept.part(slice(9), slice(9)).is_mapped
    # Of a label only what lies in memory counts.
    assert DecodedPair(kept, kept).within(1, scale=1).noisy is kept
    cut = DecodedPair(kept, plain).within(plain.memory_bytes // 4, scale=1)
    assert cut.clean.memory_bytes <= plain.memory_bytes // 4
    assert np.array_equal(cut.clean.levels, cut.noisy.levels)
    assert cut.noisy.is_mapped

    # The file as it was, as far as its size and time tell, but nothing that could be decoded.
    status = path.stat()
    path.write_bytes(b"\0" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert np.array_equal(decode_photo(PhotoRef(path)).levels, plain.levels)


def test_a_changed_photo_is_decoded_anew(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "photo.png")
    first = decode_photo(PhotoRef(path), keep_on_disk=True)
    write_photo(path, seed=1, side=SIDE + 20)
    second = decode_photo(PhotoRef(path), keep_on_disk=True)
    assert second.levels.shape == (3, SIDE + 20, SIDE + 28)
    assert first.levels.shape == (3, SIDE, SIDE + 8)


def test_a_small_photo_stays_in_memory(tmp_path: Path) -> None:
    decode_photo(PhotoRef(write_photo(tmp_path / "photo.png", side=400)), keep_on_disk=True)
    assert kept_files() == []


@pytest.mark.parametrize("damage", ["cut", "emptied", "no array", "other array"])
def test_a_damaged_copy_is_replaced(tmp_path: Path, damage: str) -> None:
    path = write_photo(tmp_path / "photo.png")
    plain = decode_photo(PhotoRef(path)).levels.copy()
    decode_photo(PhotoRef(path), keep_on_disk=True)
    (copy,) = kept_files()
    content = copy.read_bytes()
    if damage == "other array":
        np.save(copy, np.zeros(7))
    else:
        copy.write_bytes({"cut": content[:-1000], "emptied": b"", "no array": b"\x93NUMPY and more"}[damage])
    assert np.array_equal(decode_photo(PhotoRef(path), keep_on_disk=True).levels, plain)
    (copy,) = kept_files()
    assert copy.read_bytes() == content


def test_of_too_many_the_longest_unused_go_and_those_in_use_stay(tmp_path: Path) -> None:
    files = DecodedFiles(tmp_path / "files", limit_bytes=3000, reserve_bytes=0)
    for number in range(3):
        assert files.keep(f"photo {number}", levels_of(number)) is not None
        age_all(files.folder)
    gc.collect()
    assert np.array_equal(found(files, "photo 0"), levels_of(0))
    assert files.keep("photo 3", levels_of(3)) is not None
    assert [files.find(f"photo {number}") is not None for number in range(4)] == [True, False, True, True]

    held = [files.find(f"photo {number}") for number in (0, 2, 3)]
    assert files.keep("photo 4", levels_of(4)) is None
    del held[0]
    gc.collect()
    assert files.keep("photo 4", levels_of(4)) is not None
    assert files.find("photo 0") is None


def found(files: DecodedFiles, identity: str) -> Levels:
    kept = files.find(identity)
    assert kept is not None
    return kept[0]


def age_all(folder: Path) -> None:
    """Make all files a minute older, so that their order does not hang on the clock's steps."""
    for path in folder.glob(PATTERN):
        status = path.stat()
        os.utime(path, (status.st_atime - 60, status.st_mtime - 60))


def test_the_disk_is_never_filled(tmp_path: Path) -> None:
    files = DecodedFiles(tmp_path / "files", reserve_bytes=2**60)
    assert files.keep("photo", levels_of(0)) is None
    assert files.capacity() == 0
    assert list(files.folder.iterdir()) == []
    roomy = DecodedFiles(tmp_path / "files", limit_bytes=5000, reserve_bytes=0)
    assert roomy.capacity() == 5000
    assert roomy.keep("photo", levels_of(0)) is not None
    assert roomy.capacity() == 5000


def test_a_lower_limit_frees_the_disk(tmp_path: Path) -> None:
    files = DecodedFiles(tmp_path / "files", reserve_bytes=0)
    files.keep("photo", levels_of(0))
    gc.collect()
    files.limit_bytes = 0
    files.prune()
    assert list(files.folder.iterdir()) == []
    assert files.keep("photo", levels_of(0)) is None


def test_where_nothing_can_be_written_photos_are_decoded_into_memory(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cache").write_text("no folder")
    photo = decode_photo(PhotoRef(write_photo(tmp_path / "photo.png")), keep_on_disk=True)
    assert photo.levels.shape == (3, SIDE, SIDE + 8)


@pytest.mark.parametrize(("limit", "is_whole"), [("1", True), ("0", False), ("nonsense", True)])
def test_with_room_on_the_disk_large_photos_are_learned_from_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, is_whole: bool
) -> None:
    monkeypatch.setenv(DECODED_PHOTOS_VARIABLE, limit)
    paths = [PhotoRef(write_photo(tmp_path / f"{seed}.png", seed)) for seed in range(2)]
    photos = decode_photos(paths, JobControl(), lambda event: None, budget_bytes=2_000_000)
    assert [photo.levels.shape == (3, SIDE, SIDE + 8) for photo in photos] == [is_whole] * 2
    assert sum(photo.levels.nbytes for photo in photos) <= 2_000_000 or is_whole
    assert len(kept_files()) == (2 if is_whole else 0)
    crops = crops_of_photos(photos, np.array([0, 1, 0, 1]), 64, np.random.default_rng(0))
    assert crops.shape == (4, 3, 64, 64)


def test_a_training_learns_the_same_from_the_disk_as_from_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(2):
        write_photo(folder / f"{seed}.png", seed)
    weights = []
    for name, limit in (("memory", "0"), ("decoded", "1"), ("mapped", "1")):
        monkeypatch.setenv(DECODED_PHOTOS_VARIABLE, limit)
        config = PretrainConfig(
            photos=(folder,),
            out=tmp_path / name,
            device="cpu",
            steps=2,
            photos_per_batch=2,
            crop_px=16,
            pretext_params={"stride": 1},
        )
        weights.append(load_model(pretrain(config, JobControl(), lambda event: None).run).network.state_dict())
    assert len(kept_files()) == 2
    for other in weights[1:]:
        assert all(np.array_equal(weights[0][name], other[name]) for name in weights[0])
