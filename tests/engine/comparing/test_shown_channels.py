"""A microscope's channels are shown together in the colours that the file says, or one by one; no file changes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from engine.comparing.pictures import ComparisonPictureConfig, compute_picture
from engine.comparing.shown_channels import (
    MOST_SHOWN,
    channel_pages,
    count_channels,
    has_channels,
    read_shown,
    read_shown_thumbnail,
)
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import read_image
from engine.photo_files.tiff.channel_descriptions import USUAL_COLOURS, describe_channels, mixed
from engine.photo_files.tiff.pages import list_pages

BLUE, GREEN, RED = (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)


def counts(*shape: int) -> NDArray[np.uint16]:
    """Each plane its own place lit: a square that moves."""
    planes = np.random.default_rng(0).integers(100, 110, shape).astype(np.uint16)
    flat = planes.reshape(-1, *shape[-2:])
    for index, plane in enumerate(flat):
        plane[4 + 3 * index : 12 + 3 * index, 8:24] += 500 * (index + 1)
    return planes


def write_ome(path: Path, data: NDArray[Any], axes: str, **said: Any) -> Path:
    tifffile.imwrite(path, data, ome=True, photometric="minisblack", metadata={"axes": axes, **said})
    return path


def write_within(path: Path, planes: NDArray[Any]) -> Path:
    extra = ["unspecified"] * (len(planes) - 1)
    pixels = np.moveaxis(planes, 0, -1)
    tifffile.imwrite(path, pixels, photometric="minisblack", planarconfig="contig", extrasamples=extra)
    return path


def test_ome_names_channels_and_colours(tmp_path: Path) -> None:
    said = {"Channel": {"Name": ["DAPI", "GFP", "Cy5"], "Color": [0x0000FFFF, 0x00FF00FF, 0xFF0000FF - 2**32]}}
    path = write_ome(tmp_path / "a.ome.tif", counts(2, 3, 48, 40), "ZCYX", **said)
    before = path.read_bytes()
    found = describe_channels(path, 3)
    assert [channel.name for channel in found] == ["DAPI", "GFP", "Cy5"]
    assert [channel.colour for channel in found] == [BLUE, GREEN, RED]
    # The second place in z, whichever of its channels is asked for.
    pages = list_pages(path)
    data = tifffile.imread(path)
    for page in pages[3:]:
        assert channel_pages(page) == pages[3:]
        shown = read_shown(page)
        assert shown.channels == found
        assert np.array_equal(np.moveaxis(shown.samples, -1, 0), data[1])
        assert len(shown.metadata.levels.black) == 3
    alone = read_shown(pages[4], channel=1)
    assert alone.channels == found[1:2]
    assert np.array_equal(alone.samples[:, :, 0], data[1, 1])
    assert path.read_bytes() == before


def test_imagej_keeps_colours_and_labels(tmp_path: Path) -> None:
    ramp, dark = np.arange(256, dtype=np.uint8), np.zeros(256, np.uint8)
    tables = [np.stack([ramp, dark, dark]), np.stack([dark, ramp, ramp])]
    path = tmp_path / "a.tif"
    said = {"axes": "TCYX", "mode": "composite", "LUTs": tables, "Labels": ["red one", "cyan one"] * 2}
    tifffile.imwrite(path, counts(2, 2, 48, 40), imagej=True, metadata=said)
    assert [(one.name, one.colour) for one in describe_channels(path, 2)] == [
        ("red one", RED),
        ("cyan one", (0.0, 1.0, 1.0)),
    ]


@pytest.mark.parametrize("says_white", [False, True])
def test_where_nothing_is_said_colours_are_usual_ones(tmp_path: Path, says_white: bool) -> None:
    said = {"Channel": {"Color": [-1, -1]}} if says_white else {}
    path = write_ome(tmp_path / "a.ome.tif", counts(2, 48, 40), "CYX", **said)
    assert tuple(one.colour for one in describe_channels(path, 2)) == USUAL_COLOURS[:2]
    assert len(describe_channels(tmp_path / "a.png", 20)) == 20


@pytest.mark.parametrize("num", [2, 3, 5])
def test_channels_within_a_page(tmp_path: Path, num: int) -> None:
    planes = counts(num, 48, 40)
    photo = PhotoRef(write_within(tmp_path / "a.tif", planes))
    assert count_channels(photo) == num
    shown = read_shown(photo)
    assert np.array_equal(np.moveaxis(shown.samples, -1, 0), planes)
    assert len(shown.channels) == num
    for index in range(num):
        alone = read_shown(photo, channel=index + 1)
        assert np.array_equal(alone.samples[:, :, 0], planes[index])
        assert alone.metadata.levels == shown.metadata.levels.of_channel(index)
        assert alone.channels == shown.channels[index : index + 1]


def test_photographs_gray_pictures_and_spectra_are_no_composites(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "rgb.tif", np.zeros((20, 20, 3), np.uint8), photometric="rgb")
    tifffile.imwrite(tmp_path / "gray.tif", counts(1, 48, 40)[0])
    tifffile.imwrite(tmp_path / "time.tif", counts(3, 48, 40), imagej=True, metadata={"axes": "TYX"})
    for name in ("rgb.tif", "gray.tif", "time.tif"):
        photo = list_pages(tmp_path / name)[0]
        assert not has_channels(photo)
        assert read_shown(photo).channels == ()
    assert not has_channels(PhotoRef(tmp_path / "gone.tif"))
    spectrum = PhotoRef(write_within(tmp_path / "spectrum.tif", counts(MOST_SHOWN + 4, 90, 40)))
    assert read_shown(spectrum).samples.shape[2] == 1


def test_a_thumbnail_shows_all_channels_in_their_colours(tmp_path: Path) -> None:
    said = {"Channel": {"Color": [0x0000FFFF, 0x00FF00FF]}}
    stack = write_ome(tmp_path / "a.ome.tif", counts(2, 48, 40), "CYX", **said)
    for photo in (PhotoRef(stack), list_pages(stack)[1]):
        small = read_shown_thumbnail(photo, 40)
        assert small.shape == (40, 33, 3)
        light = small.reshape(-1, 3).max(axis=0)
        assert light[0] == 0
        assert min(light[1], light[2]) > 200
    page = write_within(tmp_path / "b.tif", counts(2, 48, 40))
    assert read_shown_thumbnail(PhotoRef(page), 400).shape == (48, 40, 3)


def test_light_adds_up() -> None:
    values = np.float32([[[0.5, 0.25], [2.0, -1.0]]])
    assert mixed(values, [GREEN, (1.0, 1.0, 0.0)]).tolist() == [[[0.25, 0.75, 0.0], [0.0, 1.0, 0.0]]]


@pytest.mark.parametrize("num", [2, 3])
def test_a_computed_picture_has_all_channels_at_the_place(tmp_path: Path, num: int) -> None:
    data = counts(num, 48, 40)
    stack = write_ome(tmp_path / "a.ome.tif", data, "CYX")
    config = ComparisonPictureConfig(
        photo=list_pages(stack)[0], folder=tmp_path / "computed", baseline="wavelet", device="cpu"
    )
    path = compute_picture(config, JobControl(), lambda event: None)
    image = read_image(path)
    assert image.channels_are_pictures
    assert image.all_channels[0].shape[2] == num
    computed = np.moveaxis(tifffile.imread(path), -1, 0)
    assert computed.dtype == data.dtype
    for restored, noisy in zip(computed, data, strict=True):
        assert np.corrcoef(restored.ravel(), noisy.ravel())[0, 1] > 0.9
        assert restored.mean() == pytest.approx(noisy.mean(), rel=0.02)
