"""Black and white by hand: for a file, a folder or a channel, the same for all that read."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile

from engine.contracts.configs import PretrainConfig, RestoreConfig, ScanConfig
from engine.contracts.given_levels import GivenLevels, levels_for
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.jobs import scan
from engine.photo_files.photos import LEVELS_OF_RAW_REMARK, read_image, read_samples, read_thumbnail
from engine.photo_files.values.given import levels_given, prefer_levels
from engine.photos.crops import decode_photo, decode_photos
from engine.photos.identity import identity_of
from engine.photos.stack_levels import levels_in_stack
from tests.raw_makers import write_dng


def given(*texts: str) -> tuple[GivenLevels, ...]:
    return tuple(GivenLevels.of_text(text) for text in texts)


def counts(shape: tuple[int, ...] = (48, 64)) -> np.ndarray[Any, np.dtype[np.uint16]]:
    return np.asarray(100 + np.random.default_rng(0).poisson(80, shape), np.uint16)


@pytest.mark.parametrize(
    "text", ["100 4000", "-0.5 1e-05", "/a/b=100.25 4000", "/a/b c=d.tif=1 2 channel 12", "/a/s.tif/s · page 3.tif=1 2"]
)
def test_a_text_and_what_it_means_are_one(text: str) -> None:
    meant = GivenLevels.of_text(text)
    assert meant.as_text == text
    config = PretrainConfig(photos=(Path("a"),), levels=(meant,))
    assert PretrainConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize("text", ["", "100", "100 x", "4000 100", "5 5", "1 2 3", "1 2 channel 0", "nan 2", "a=1"])
def test_what_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected black and white|white must be above black"):
        RestoreConfig(model=Path("m"), photos=(Path("a"),), out=Path("o"), levels=(text,))  # type: ignore[arg-type]


def test_the_smallest_place_counts_and_in_it_the_channel(tmp_path: Path) -> None:
    levels = given(
        "0 1",
        f"{tmp_path}=0 2",
        f"{tmp_path}/sub=0 3",
        f"{tmp_path}/sub=0 4 channel 2",
        f"{tmp_path}/sub/a.tif=0 5",
        f"{tmp_path}/sub/a.tif/a · page 7.tif=0 6",
    )
    (tmp_path / "sub").mkdir()

    def white(photo: PhotoRef, channel: int = 1) -> float | None:
        found = levels_for(photo, channel, levels)
        return None if found is None else found.white

    assert white(PhotoRef(Path("/elsewhere/a.tif"))) == 1
    assert white(PhotoRef(tmp_path / "a.tif")) == 2
    assert [white(PhotoRef(tmp_path / "sub" / "b.tif"), channel) for channel in (1, 2, 3)] == [3, 4, 3]
    assert white(PhotoRef(tmp_path / "sub" / "a.tif"), 2) == white(PhotoRef(tmp_path / "sub" / "a.tif", 3)) == 5
    assert white(PhotoRef(tmp_path / "sub" / "a.tif", 7)) == 6
    assert levels_for(PhotoRef(tmp_path / "b.tif"), 1, levels[3:]) is None
    assert white(PhotoRef(tmp_path / "sub" / ".." / "sub" / "b.tif")) == 3


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.uint32, np.float32, np.float64])
def test_they_are_in_the_numbers_of_the_file(tmp_path: Path, dtype: type) -> None:
    stored = counts().astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", stored)
    measured = read_image(tmp_path / "a.tif").metadata.levels
    with levels_given(given("90 290")):
        image = read_image(tmp_path / "a.tif")
    expected = np.clip((stored.astype(float) - 90) / 200, 0, 1)
    np.testing.assert_allclose(image.normalised[:, :, 0], expected, atol=2e-6)
    np.testing.assert_array_equal(image.pixels, read_image(tmp_path / "a.tif").pixels)
    assert read_image(tmp_path / "a.tif").metadata.levels == measured


@pytest.mark.parametrize("name", ["int8", "int16", "uint32", "float32"])
def test_what_lies_beyond_them_is_black_or_white_to_all(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where they are by chance those of a photograph, and of photos that lie decoded on the disk."""
    monkeypatch.setattr("engine.photos.crops.SMALLEST_BYTES", 1)
    white = 1 if name == "float32" else int(np.iinfo(name).max)
    lowest, highest = (-0.5, 3) if name == "float32" else (np.iinfo(name).min, white)
    stored = np.linspace(lowest, highest, 40 * 48).reshape(40, 48).astype(name)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack")
    expected = np.clip(stored.astype(float) / white, 0, 1)
    with levels_given(given(f"0 {white}")):
        np.testing.assert_allclose(read_image(tmp_path / "a.tif").normalised[:, :, 0], expected, atol=1e-6)
        for keep_on_disk in (False, True, True):
            decoded = decode_photo(PhotoRef(tmp_path / "a.tif"), keep_on_disk=keep_on_disk)
            np.testing.assert_allclose(decoded.pixels[:, :, 0], expected, atol=1e-6)
        thumbnail = read_thumbnail(tmp_path / "a.tif", 48)
        assert np.abs(thumbnail[:, :, 0] - 255 * expected).max() <= 0.51
        assert read_thumbnail(tmp_path / "a.tif", 20).shape[:2] == (17, 20)


def test_photographs_keep_their_scale_where_nothing_is_given(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), counts((40, 50, 3)).astype(np.uint8))
    cv2.imwrite(str(tmp_path / "b.png"), counts((40, 50, 3)).astype(np.uint8))
    with levels_given(given(f"{tmp_path / 'b.png'}=90 255")):
        assert read_image(tmp_path / "a.png").metadata.levels.are_of_type
        assert not read_image(tmp_path / "b.png").metadata.levels.are_of_type


def test_channels_of_a_stack_have_their_own(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", counts((3, 2, 32, 32)), imagej=True, metadata={"axes": "TCYX"})
    with levels_given(given("50 400", "0 1000 channel 2")):
        found = []
        for page in range(1, 7):
            photo = PhotoRef(tmp_path / "a.tif", page)
            samples = read_samples(photo)
            found.append(levels_in_stack(photo, samples.metadata, 1))
        assert [round(65535 * levels.white[0]) for levels in found] == [400, 1000] * 3
        assert [round(65535 * levels.black[0]) for levels in found] == [50, 0] * 3


def test_channels_of_one_page_have_their_own(tmp_path: Path) -> None:
    options: dict[str, Any] = {"photometric": "minisblack", "planarconfig": "contig", "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", counts((32, 32, 5)), **options)
    measured = read_samples(tmp_path / "a.tif").metadata
    with levels_given(given("0 1000 channel 2", "0 2000 channel 5")):
        metadata = read_samples(tmp_path / "a.tif").metadata
    whites = [*metadata.levels.white, *metadata.extra_levels.white]
    own = [*measured.levels.white, *measured.extra_levels.white]
    assert [round(65535 * white) for white in whites] == [
        round(65535 * own[0]), 1000, round(65535 * own[2]), round(65535 * own[3]), 2000,
    ]  # fmt: skip


def test_a_raw_file_keeps_its_cameras_and_says_so(tmp_path: Path) -> None:
    raw = write_dng(tmp_path / "a.dng", np.random.default_rng(0).integers(500, 9000, (64, 64)).astype(np.uint16))
    with levels_given(given("100 4000")):
        found = read_image(raw)
    assert LEVELS_OF_RAW_REMARK in found.metadata.remarks
    np.testing.assert_array_equal(found.pixels, read_image(raw).pixels)


@pytest.mark.parametrize("suffix", ["tif", "png", "jpg"])
def test_a_thumbnail_shows_them_and_caches_know(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"a.{suffix}"
    stored = np.full((40, 40, 3), 120, np.uint8)
    cv2.imwrite(str(file), stored)
    before = identity_of(PhotoRef(file))
    try:
        prefer_levels(given(f"{tmp_path}=100 140"))
        seen = read_thumbnail(PhotoRef(file), 40)
        assert identity_of(PhotoRef(file)) != before
    finally:
        prefer_levels(())
    assert abs(int(seen[20, 20, 0]) - 128) <= 3
    assert identity_of(PhotoRef(file)) == before


def test_noise_is_judged_between_them_and_measured_anew(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    tifffile.imwrite(tmp_path / "a.tif", (1000 + generator.normal(0, 10, (96, 96))).astype(np.uint16))

    def sigma(*texts: str) -> float:
        config = ScanConfig(folders=(tmp_path,), levels=given(*texts))
        (photo,) = scan(config, JobControl(), lambda event: None).photos
        assert photo.noise_sigma is not None
        return photo.noise_sigma

    assert sigma("900 1100") == pytest.approx(10 / 200, rel=0.1)
    assert sigma("0 2000") == pytest.approx(10 / 2000, rel=0.1)
    measured = sigma()
    assert sigma(f"{tmp_path / 'other.tif'}=0 2000") == measured


@pytest.mark.parametrize("side", [48, 900])
def test_training_sees_them_and_shares_only_what_was_measured(tmp_path: Path, side: int) -> None:
    """Also of photos that lie decoded on the disk."""
    stored = counts((side, side))
    for name, factor in (("a", 1), ("b", 2), ("c", 1)):
        tifffile.imwrite(tmp_path / f"{name}.tif", factor * stored)
    paths = [PhotoRef(tmp_path / f"{name}.tif") for name in "abc"]
    with levels_given(given(f"{tmp_path / 'c.tif'}=0 4000")):
        a, b, c = decode_photos(paths, JobControl(), lambda event: None)
    assert a.scale == b.scale
    np.testing.assert_allclose(c.pixels[:, :, 0], stored / 4000, atol=1e-6)
