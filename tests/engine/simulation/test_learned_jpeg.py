"""A file's own JPEG compression put on twins: as Pillow compresses with the file's tables."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.contracts.learned_noise import JpegCompression
from engine.simulation.learned.jpeg import compression_of
from engine.simulation.learned.noise_file import load_noise, save_noise
from tests.engine.refining.test_own_noise import clean_picture, white_noise


def write(path: Path, pixels: np.ndarray, **options: object) -> np.ndarray:
    Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).save(path, "JPEG", **options)
    return np.asarray(Image.open(path), np.float32) / 255


def noisy_picture() -> np.ndarray:
    picture = clean_picture(0, 208)
    return np.clip(picture + np.random.default_rng(0).normal(0, 0.05, picture.shape), 0, 1).astype(np.float32)


@pytest.mark.parametrize("quality", [30, 75, 95])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_it_compresses_as_the_file_was(tmp_path: Path, quality: int, subsampling: int) -> None:
    picture = noisy_picture()
    expected = write(tmp_path / "photo.jpg", picture, quality=quality, subsampling=subsampling)
    found = compression_of(tmp_path / "photo.jpg")
    assert found is not None
    assert found.subsampling == subsampling
    assert np.allclose(found.apply(picture), expected, atol=1e-6)


def test_blocks_lie_where_they_lie_in_the_file(tmp_path: Path) -> None:
    whole = write(tmp_path / "photo.jpg", noisy_picture(), quality=50, subsampling=0)
    found = compression_of(tmp_path / "photo.jpg")
    assert found is not None
    crop = whole[21:85, 11:75]
    in_place, elsewhere = (np.abs(found.apply(crop, offset) - crop)[8:-8, 8:-8].mean() for offset in ((5, 3), (0, 0)))
    assert in_place < 0.2 * elsewhere


def test_gray_files_have_one_table(tmp_path: Path) -> None:
    gray = noisy_picture()[..., 0]
    expected = write(tmp_path / "gray.jpg", gray, quality=40)
    found = compression_of(tmp_path / "gray.jpg")
    assert found is not None
    assert len(found.tables) == 1
    assert np.allclose(found.apply(np.repeat(gray[..., None], 3, axis=2))[..., 2], expected, atol=1e-6)


def test_other_files_have_none(tmp_path: Path) -> None:
    levels = np.rint(noisy_picture() * 255).astype(np.uint8)
    Image.fromarray(levels).save(tmp_path / "photo.png")
    Image.fromarray(levels).convert("CMYK").save(tmp_path / "cmyk.jpg")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0nothing")
    names = ("photo.png", "cmyk.jpg", "broken.jpg", "missing.jpg")
    assert [compression_of(tmp_path / name) for name in names] == [None] * 4
    with pytest.raises(ValueError, match="tables"):
        JpegCompression(tables=((0,) * 64,), subsampling=0)


def test_twins_of_a_jpeg_are_compressed_and_the_noise_is_kept_so(tmp_path: Path) -> None:
    picture = noisy_picture()
    write(tmp_path / "photo.jpg", picture, quality=30)
    noise = white_noise(0.03).with_photo(0, jpeg=compression_of(tmp_path / "photo.jpg"))
    save_noise(tmp_path / "noise.json", noise)
    read = load_noise(tmp_path / "noise.json")
    assert read.photos[0].jpeg == noise.photos[0].jpeg
    clean = clean_picture(4, 64)
    twin = read.add(clean, 0, np.random.default_rng(1))
    assert np.array_equal(twin, noise.add(clean, 0, np.random.default_rng(1)))
    # Compressed again in place, nothing is left to change.
    stored = io.BytesIO()
    top, left = 0, 0
    recorded = read.record(clean, 0, (top, left))
    Image.fromarray(np.rint(recorded * 255).astype(np.uint8)).save(
        stored,
        "JPEG",
        qtables=[list(table) for table in noise.photos[0].jpeg.tables],
        subsampling=2,  # type: ignore[union-attr]
    )
    assert np.abs(np.asarray(Image.open(stored), np.float32) / 255 - recorded).max() <= 3 / 255
    assert np.std(twin - clean) < 0.03, "compression takes noise away"
