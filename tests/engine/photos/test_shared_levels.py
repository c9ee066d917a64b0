"""What learns sees frames of one series between the same black and white, and photographs as they are."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from engine.contracts.configs import ScanConfig
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.machine.processes.environment import DECODED_PHOTOS_VARIABLE
from engine.photos.crops import decode_photo, decode_photos, photos_remembered, scale_of_reference
from engine.photos.scanning import scan_photos


def frame(seed: int, light: float = 1.0, side: int = 64) -> NDArray[np.float64]:
    rows, columns = np.mgrid[:side, :side] / side
    clean = 100 + light * 90 * (1 + np.sin(5 * rows + 8 * columns))
    return clean + np.random.default_rng(seed).normal(0, 6, clean.shape)


def write(path: Path, values: NDArray[np.float64], dtype: str = "uint16") -> PhotoRef:
    path.parent.mkdir(exist_ok=True)
    tifffile.imwrite(path, values.astype(dtype), photometric="minisblack")
    return PhotoRef(path)


def test_frames_of_a_folder_share_their_levels_and_keep_their_proportions(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a" / f"{index}.tif", frame(index, 1 - 0.1 * index)) for index in range(4)]
    others = [write(tmp_path / "b" / "0.tif", 10 * frame(9)), write(tmp_path / "b" / "1.tif", frame(8), "float32")]
    photos = decode_photos([*paths, *others], JobControl(), lambda event: None)
    assert len({photo.scale for photo in photos[:4]}) == 1
    assert len({photo.scale for photo in photos}) == 3
    scale = photos[0].scale
    counts = tifffile.imread(paths[2].file).astype(float)
    expected = np.clip((counts / 65535 - scale.black[0]) / (scale.white[0] - scale.black[0]), 0, 1)
    np.testing.assert_allclose(photos[2].pixels[:, :, 1], expected, atol=1e-6)
    np.testing.assert_allclose(photos[2].crop(3, 5, 20)[0], expected[3:23, 5:25], atol=1e-6)
    assert all(photo.pixels.std() > 0.1 for photo in photos)


@pytest.mark.parametrize("is_on_disk", [False, True])
def test_gray_and_colour_photos_of_a_folder_share_none(
    tmp_path: Path, is_on_disk: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gray counts are no photographs because the colour photos beside them are."""
    monkeypatch.setattr("engine.photos.crops.SMALLEST_BYTES", 1 if is_on_disk else 2**40)
    generator = np.random.default_rng(0)
    for index in range(6):
        colours = generator.integers(0, 60_000, (64, 64, 3)).astype(np.uint16)
        tifffile.imwrite(tmp_path / f"colour {index}.tif", colours, photometric="rgb")
    counts = [write(tmp_path / f"gray {index}.tif", generator.integers(0, 4096, (64, 64))) for index in range(4)]
    colour = [PhotoRef(tmp_path / f"colour {index}.tif") for index in range(6)]
    for _ in range(2):
        photos = decode_photos([*colour, *counts], JobControl(), lambda event: None)
        assert [photo.is_gray for photo in photos] == [False] * 6 + [True] * 4
        assert all(photo.scale.are_of_type for photo in photos[:6])
        assert len({photo.scale for photo in photos[6:]}) == 1
        assert photos[6].pixels.max() > 0.99


def test_levels_lie_beside_what_is_kept_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.photos.crops.SMALLEST_BYTES", 1)
    monkeypatch.setenv(DECODED_PHOTOS_VARIABLE, "1")
    for name, dtype in (("a.tif", "uint16"), ("b.tif", "float32"), ("c.tif", "int16")):
        path = write(tmp_path / name, frame(1), dtype)
        first, second = (decode_photo(path, keep_on_disk=True) for _ in range(2))
        assert isinstance(second.levels.base, np.ndarray)
        assert not first.scale.are_of_type
        assert first.scale == second.scale
        np.testing.assert_array_equal(first.pixels, second.pixels)
        np.testing.assert_array_equal(first.pixels, decode_photo(path).pixels)


@pytest.mark.parametrize("name", ["uint8", "int8", "uint16", "int16", "uint32", "float32"])
@pytest.mark.parametrize("num_channels", [1, 2, 3, 5])
@pytest.mark.parametrize("is_dim", [False, True])
def test_memory_is_counted_as_it_is_taken(tmp_path: Path, name: str, num_channels: int, is_dim: bool) -> None:
    highest = 1 if name == "float32" and is_dim else 120 if name in ("uint8", "int8") else 5000 if is_dim else 30_000
    values = np.random.default_rng(0).random((80, 60, num_channels)) * highest
    photometric = "rgb" if num_channels == 3 and not name.startswith("int") else "minisblack"
    tifffile.imwrite(
        tmp_path / "a.tif", np.squeeze(values).astype(name), photometric=photometric, planarconfig="contig"
    )
    photo = PhotoRef(tmp_path / "a.tif")
    whole = decode_photo(photo)
    taken = whole.memory_bytes
    owner = whole.levels.base if isinstance(whole.levels.base, np.ndarray) else whole.levels
    assert taken == owner.nbytes
    assert decode_photo(photo, taken).levels.shape == whole.levels.shape
    cut = decode_photo(photo, taken // 2)
    assert 0.4 * taken < cut.memory_bytes <= taken // 2
    with photos_remembered(taken):
        assert decode_photo(photo, taken) is decode_photo(photo, taken)


def test_a_reference_is_seen_between_its_photos_levels(tmp_path: Path) -> None:
    noisy = decode_photo(write(tmp_path / "noisy.tif", frame(0)))
    for name, dtype in (("same.tif", "uint16"), ("mean.tif", "float32")):
        clean = decode_photo(write(tmp_path / name, frame(0) * 0.8 + 20, dtype))
        seen = clean.with_scale(scale_of_reference(noisy, clean)).pixels
        slope = np.polyfit(noisy.pixels.ravel(), seen.ravel(), 1)[0]
        assert slope == pytest.approx(0.8, abs=0.01)


def test_noise_is_judged_against_the_signals_range(tmp_path: Path) -> None:
    """The same frames as counts and spread over the type's range are as noisy."""
    counts = frame(3, side=160)
    low, high = np.percentile(np.floor(counts), 0.5), np.floor(counts).max()
    write(tmp_path / "counts" / "a.tif", counts)
    write(tmp_path / "spread" / "a.tif", np.clip((np.floor(counts) - low) / (high - low), 0, 1) * 65535)
    found = []
    for folder in ("counts", "spread"):
        config = ScanConfig(folders=(tmp_path / folder,))
        found.append(scan_photos(config, JobControl(), lambda event: None).photos[0].noise_sigma)
    assert found[0] == pytest.approx(found[1], rel=0.01)
    assert found[0] == pytest.approx(6 / (high - low), rel=0.25)
