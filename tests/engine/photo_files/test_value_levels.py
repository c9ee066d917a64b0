"""Which numbers of a picture are black and white: the rule, its inverse, and files of every type of numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from engine.contracts.errors import ImageReadError
from engine.photo_files.photo_image import SPREAD_REMARK, between_levels
from engine.photo_files.photos import (
    encode_image,
    encode_samples,
    probe_image,
    read_image,
    read_samples,
    read_thumbnail,
)
from engine.photo_files.values.levels import (
    OF_TYPE,
    SharedLevels,
    ValueLevels,
    levels_of_reference,
    measure_levels,
    share_levels,
)
from engine.photo_files.values.sample_types import to_samples

TYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64"]


def dim_counts(seed: int = 0, side: int = 48) -> NDArray[np.float64]:
    """A smooth picture of 88 to 390 counts with noise."""
    rows, columns = np.mgrid[0:side, 0:side] / side
    clean = 100 + 120 * (1 + np.sin(6 * rows + 9 * columns))
    return np.clip(clean + np.random.default_rng(seed).normal(0, 8, clean.shape), 88, 390)


def gray(values: NDArray[Any]) -> NDArray[Any]:
    return values[:, :, np.newaxis]


@pytest.mark.parametrize(
    ("samples", "is_measured"),
    [
        (np.full((40, 40, 3), 3, np.uint8), False),
        (gray(dim_counts()).astype(np.uint16), True),
        (gray(dim_counts() * 40).astype(np.uint16), True),  # 14 bits in 16
        (gray(dim_counts() * 100).astype(np.uint16), False),
        (np.repeat(gray(dim_counts() * 12), 3, axis=2).astype(np.uint16), False),  # a photograph at night
        (np.repeat(gray(dim_counts()), 3, axis=2).astype(np.uint16), True),
        (gray(dim_counts() - 200).astype(np.int16), True),
        (gray(dim_counts()).astype(np.uint32), True),
        (gray(dim_counts() / 400).astype(np.float32), False),
        (gray(dim_counts() / 4000).astype(np.float32), True),
        (gray(dim_counts() * 100).astype(np.float32), True),
    ],
)
def test_only_what_does_not_use_its_types_range_is_measured(samples: NDArray[Any], is_measured: bool) -> None:
    assert measure_levels(samples).are_of_type == (not is_measured)


def test_white_is_the_greatest_number_but_for_hot_pixels() -> None:
    samples = gray(dim_counts(side=128)).astype(np.uint16)
    highest = int(samples.max())
    levels = measure_levels(samples)
    assert 65535 * levels.white[0] == pytest.approx(highest)
    assert (samples < 65535 * levels.black[0] - 1e-6).mean() <= 0.0051
    assert (samples <= 65535 * levels.black[0] + 1e-6).mean() >= 0.005
    samples[7, 9] = 60_000
    levels = measure_levels(samples)
    assert 65535 * levels.white[0] < 2 * highest
    # A bead covers several pixels, and is no defect however few they are.
    samples[40:43, 40:43] = 5_000
    assert 65535 * measure_levels(samples).white[0] == pytest.approx(5_000)


def test_channels_of_a_microscope_have_their_own_and_colours_one() -> None:
    samples = np.dstack([dim_counts(), dim_counts() * 8, dim_counts() * 100]).astype(np.uint16)
    own = measure_levels(samples, channels_are_gray=True)
    assert own.of_channel(0).white[0] < own.of_channel(1).white[0] < 1
    assert own.of_channel(2).are_of_type
    assert measure_levels(samples) == OF_TYPE
    assert len(measure_levels(samples // 100).black) == 1


@pytest.mark.parametrize("name", TYPES)
def test_numbers_come_back_from_between_the_levels(name: str) -> None:
    scale = {"uint8": 0.6, "int8": 0.3, "float16": 0.1}.get(name, 1.0)
    samples = gray(scale * dim_counts()).astype(name)
    if name == "uint32":
        samples += np.uint32(4_294_000_000)
    levels = measure_levels(samples)
    normalised = levels.normalised_samples(samples)
    assert levels.are_of_type == (name == "uint8")
    assert -0.1 < normalised.min() <= 0 or levels.are_of_type
    assert normalised.max() <= 1 + 1e-6
    back = to_samples(levels.in_units_of_type(normalised), name)  # type: ignore[arg-type]
    assert back.dtype == samples.dtype
    np.testing.assert_allclose(back.astype(float), samples.astype(float), rtol=2e-3 if name == "float16" else 1e-6)
    if samples.dtype.kind in "iu":
        np.testing.assert_array_equal(back, samples)


def test_frames_of_one_series_share_their_levels() -> None:
    def one(black: float, white: float) -> ValueLevels:
        return ValueLevels(black=(black,), white=(white,))

    frames = [one(0.001, 0.006), one(0.0012, 0.005), one(0.0011, 0.0055)]
    other = one(0.001, 0.2)
    assert share_levels([*frames, other]) == [one(0.001, 0.006)] * 3 + [other]
    # A dark frame of a folder of photographs is a photograph.
    assert share_levels([OF_TYPE, OF_TYPE, frames[0]]) == [OF_TYPE] * 3
    assert share_levels([]) == []


def test_what_lies_beyond_the_range_that_most_of_a_series_keep_is_kept() -> None:
    generator = np.random.default_rng(0)

    def frame(lowest: float, highest: float) -> ValueLevels:
        values = lowest + generator.random((40, 40, 1)) * (highest - lowest)
        return measure_levels(values.astype(np.float32))

    usual, dark, bright, low, other = frame(0, 0.9), frame(0, 0.1), frame(0, 1.6), frame(-0.4, 0.7), frame(0, 900)
    hot = generator.random((40, 40, 1)).astype(np.float32) * 0.1
    hot[3, 3] = 2
    assert usual.are_of_type
    assert share_levels([usual, usual, measure_levels(hot)])[2].white[0] == 1, (
        "one pixel is no reason to see it brighter"
    )
    assert not dark.are_of_type
    *found, of_other = share_levels([usual] * 7 + [dark, bright, low, other])
    assert len(set(found)) == 1
    assert found[0].black[0] == pytest.approx(-0.4, abs=0.02)
    assert found[0].white[0] == pytest.approx(1.6, abs=0.02)
    assert not found[0].are_of_type
    assert of_other == other
    # As of a long stack, of which not every page is measured.
    shared = SharedLevels([usual] * 7 + [dark])
    assert shared.of(usual).are_of_type
    assert shared.of(dark).are_of_type
    assert (shared.of(bright).black, shared.of(bright).white) == ((0,), bright.white)
    assert shared.of(other) == other


def test_a_reference_has_the_levels_of_its_picture_in_numbers_of_any_type() -> None:
    noisy = ValueLevels(black=(88 / 65535,), white=(390 / 65535,))
    mean_of_counts, stretched = ValueLevels(black=(95.2,), white=(320.7,)), ValueLevels(black=(3.0,), white=(2e4,))
    assert levels_of_reference(noisy, 65535, ValueLevels(black=(0.0,), white=(0.1,)), 65535) == noisy
    found = levels_of_reference(noisy, 65535, mean_of_counts, 1)
    np.testing.assert_allclose([*found.black, *found.white], [88, 390], rtol=1e-9)
    assert levels_of_reference(noisy, 65535, stretched, 1) == stretched
    assert levels_of_reference(noisy, 65535, OF_TYPE, 255) == OF_TYPE


def test_levels_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="above black"):
        ValueLevels(black=(0.5,), white=(0.5,))
    with pytest.raises(ValueError, match="as many"):
        ValueLevels(black=(0.1, 0.2), white=(0.5,))


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("num_channels", [1, 2, 3, 5])
def test_a_file_is_written_back_as_it_was_read(tmp_path: Path, name: str, num_channels: int) -> None:
    channels = [0.3 * dim_counts(index) + index for index in range(num_channels)]
    stored = np.dstack(channels).astype(name) if num_channels > 1 else channels[0].astype(name)
    options: dict[str, Any] = {"planarconfig": "contig"} if num_channels > 1 else {}
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack", metadata=None, **options)
    photo, info = read_image(tmp_path / "a.tif"), probe_image(tmp_path / "a.tif")
    assert photo.alpha is None
    assert info.type_written == photo.metadata.type_written == name
    assert info.num_channels + info.num_extra == num_channels
    (tmp_path / "b.tif").write_bytes(encode_samples(read_samples(tmp_path / "a.tif"), file_format="tiff"))
    with tifffile.TiffFile(tmp_path / "b.tif") as written:
        assert written.pages.first.photometric.name == "MINISBLACK"
        found = written.asarray()
    assert found.dtype == stored.dtype
    assert found.shape == stored.shape
    np.testing.assert_array_equal(found, stored)
    (tmp_path / "c.tif").write_bytes(encode_image(photo, file_format="tiff"))
    np.testing.assert_allclose(tifffile.imread(tmp_path / "c.tif").astype(float), stored.astype(float), rtol=1e-7)


@pytest.mark.parametrize("channels_first", [False, True])
def test_a_fourth_channel_that_an_array_was_written_with_is_no_transparency(
    tmp_path: Path, channels_first: bool
) -> None:
    """tifffile calls it so by itself, but says that it wrote an array."""
    stored = np.dstack([dim_counts(index) for index in range(4)]).astype(np.uint16)
    stored = np.moveaxis(stored, -1, 0) if channels_first else stored
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb")
    photo = read_image(tmp_path / "a.tif")
    assert photo.alpha is None
    assert photo.extra is not None
    assert photo.extra.shape[2] == 1
    tifffile.imwrite(tmp_path / "b.tif", (stored >> 1).astype(np.uint8), photometric="rgb")
    assert read_image(tmp_path / "b.tif").alpha is not None


def test_a_dim_picture_is_spread_in_a_file_of_another_type(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", dim_counts().astype(np.float32), metadata=None)
    photo = read_image(tmp_path / "a.tif")
    (tmp_path / "b.png").write_bytes(encode_image(photo, file_format="png"))
    spread = read_samples(tmp_path / "b.png").samples
    assert (spread.dtype, int(spread.min()), int(spread.max())) == (np.uint16, 0, 65535)
    assert SPREAD_REMARK in photo.spread().metadata.remarks
    assert read_thumbnail(tmp_path / "a.tif", 40).max() > 200


@pytest.mark.parametrize("unit", [1, 256, 257])
def test_palettes_of_8_bits_are_as_bright_as_those_of_16(tmp_path: Path, unit: int) -> None:
    """Some programs leave the values as they are; libtiff takes a palette without a greater one for such."""
    palette = np.random.default_rng(0).integers(0, 256, (3, 256)).astype(np.uint16)
    index = np.arange(256, dtype=np.uint8).reshape(16, 16)
    tifffile.imwrite(tmp_path / "a.tif", index, photometric="palette", colormap=palette * unit)
    assert np.array_equal(read_samples(tmp_path / "a.tif").samples, np.moveaxis(palette, 0, 1)[index])


def test_odd_bits_and_palettes_are_told(tmp_path: Path) -> None:
    index = np.arange(256, dtype=np.uint8).reshape(16, 16)
    tifffile.imwrite(
        tmp_path / "a.tif", index, photometric="palette", colormap=np.tile(np.arange(256, dtype=np.uint16) << 8, (3, 1))
    )
    assert any("palette" in remark for remark in read_image(tmp_path / "a.tif").metadata.remarks)
    packed = bytearray()
    for first, second in (dim_counts(side=16).astype(int)).reshape(-1, 2):
        packed += bytes([first >> 4, (first & 15) << 4 | second >> 8, second & 255])
    tifffile.imwrite(tmp_path / "b.tif", np.frombuffer(packed, np.uint8).reshape(16, 24), photometric="minisblack")
    content = bytearray((tmp_path / "b.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        tags = file.pages.first.tags
        for number, value in ((256, 16), (258, 12)):
            at = tags[number].valueoffset
            content[at : at + 2] = value.to_bytes(2, "little")
    (tmp_path / "b.tif").write_bytes(content)
    photo = read_image(tmp_path / "b.tif")
    assert any("12 bits" in remark for remark in photo.metadata.remarks)
    np.testing.assert_allclose(photo.pixels[:, :, 0] * 4095, np.floor(dim_counts(side=16)), atol=0.05)


def test_what_is_no_brightness_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", dim_counts().astype(np.complex64), metadata=None)
    with pytest.raises(ImageReadError, match="complex"):
        read_image(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", dim_counts().astype(np.uint64), metadata=None)
    with pytest.raises(ImageReadError, match="64 bits"):
        read_image(tmp_path / "b.tif")


def test_a_photo_and_its_reference_are_compared_in_the_same_numbers(tmp_path: Path) -> None:
    counts = dim_counts()
    tifffile.imwrite(tmp_path / "noisy.tif", counts.astype(np.uint16), metadata=None)
    tifffile.imwrite(tmp_path / "mean.tif", (np.floor(counts) + 0.25).astype(np.float32), metadata=None)
    noisy, clean = between_levels(read_image(tmp_path / "noisy.tif"), read_image(tmp_path / "mean.tif"))
    span = np.ptp(counts.astype(np.uint16).astype(float))
    np.testing.assert_allclose(clean - noisy, 0.25 / span, atol=1e-5)
