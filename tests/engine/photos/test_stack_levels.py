"""How the pages of a stack are counted, and what is black and white in them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from engine.contracts.given_levels import GivenLevels
from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import read_samples
from engine.photo_files.tiff.stack_reading import read_layout
from engine.photo_files.values.given import levels_given
from engine.photo_files.values.levels import ValueLevels
from engine.photos.stack_levels import levels_in_stack


def bleaching(num_times: int = 6, side: int = 64) -> NDArray[np.uint16]:
    """Two channels, of 150 and 600 counts, that lose half of their light. Shape: (times, 2, side, side)."""
    generator = np.random.default_rng(0)
    picture = generator.random((2, side, side)) * np.array([150, 600]).reshape(2, 1, 1)
    fading = np.linspace(1, 0.5, num_times).reshape(-1, 1, 1, 1)
    return np.asarray(100 + generator.poisson(picture * fading), np.uint16)


def levels_of(file: Path, page: int) -> ValueLevels:
    photo = PhotoRef(file, page)
    samples = read_samples(photo)
    return levels_in_stack(photo, samples.metadata, samples.samples.shape[2])


def test_the_pages_of_a_channel_have_one_black_and_one_white(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", bleaching(), imagej=True, metadata={"axes": "TCYX"})
    found = [levels_of(tmp_path / "a.tif", page) for page in range(1, 13)]
    own = [read_samples(PhotoRef(tmp_path / "a.tif", page)).metadata.levels for page in range(1, 13)]
    assert len(set(own)) == 12, "each by itself is another"
    assert len(set(found[::2])) == len(set(found[1::2])) == 1
    assert found[0] != found[1], "channels are pictures of their own"
    assert found[0].white[0] == max(levels.white[0] for levels in own[::2])


def test_what_is_given_for_one_page_changes_what_the_others_share_at_once(tmp_path: Path) -> None:
    """Theirs is measured without it, whether it was measured with it before or not."""
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, bleaching()[:, 0], photometric="minisblack")
    before = levels_of(file, 2)
    with levels_given((GivenLevels(black=1, white=2, place=PhotoRef(file, 1)),)):
        assert levels_of(file, 2) == levels_of(file, 3) != before
        assert levels_of(file, 1).is_given
    assert levels_of(file, 2) == before


def test_a_page_that_shows_something_else_keeps_its_own(tmp_path: Path) -> None:
    frames = bleaching()[:, 0]
    frames[3] = 100 + (frames[3] - 100) * 50
    tifffile.imwrite(tmp_path / "a.tif", frames, photometric="minisblack")
    own = read_samples(PhotoRef(tmp_path / "a.tif", 4)).metadata.levels
    assert levels_of(tmp_path / "a.tif", 4) == own
    assert levels_of(tmp_path / "a.tif", 3) == levels_of(tmp_path / "a.tif", 1) != own


def test_photographs_keep_the_range_of_their_type(tmp_path: Path) -> None:
    pages = np.random.default_rng(0).integers(0, 65535, (3, 32, 32)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    assert levels_of(tmp_path / "a.tif", 2).are_of_type


def pages_of(num: int) -> list[int]:
    return list(range(1, num + 1))


@pytest.mark.parametrize(
    ("shape", "options", "axes"),
    [
        ((2, 3, 4, 16, 16), {"imagej": True, "metadata": {"axes": "TZCYX"}}, (("T", 2), ("Z", 3), ("C", 4))),
        ((3, 2, 16, 16), {"ome": True, "metadata": {"axes": "CZYX"}}, (("C", 3), ("Z", 2))),
        ((5, 16, 16), {"metadata": None}, (("page", 5),)),
        ((5, 16, 16), {"metadata": {"axes": "TYX"}}, (("T", 5),)),
        ((5, 16, 16, 3), {"metadata": {"axes": "ZYXS"}, "photometric": "rgb"}, (("Z", 5),)),
    ],
)
def test_axes_are_those_that_the_file_names(
    tmp_path: Path, shape: tuple[int, ...], options: dict[str, Any], axes: tuple[tuple[str, int], ...]
) -> None:
    data = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    tifffile.imwrite(tmp_path / "a.tif", data, **{"photometric": "minisblack", **options})
    num = int(np.prod([size for _, size in axes]))
    layout = read_layout(tmp_path / "a.tif", pages_of(num))
    assert layout.axes == axes
    flat = data.reshape(num, *shape[len(axes) :])
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        for places in np.ndindex(*(size for _, size in axes)):
            page = layout.page(places)
            assert layout.places(page) == places
            assert np.array_equal(tiff.pages[page - 1].asarray(), data[places])
    assert len(flat) == num


def test_pages_that_are_unlike_are_counted_one_after_the_other(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for side in (16, 24, 16):
            writer.write(np.zeros((side, side), np.uint16), photometric="minisblack", metadata=None)
    assert read_layout(tmp_path / "a.tif", pages_of(3)).axes == (("page", 3),)
    (tmp_path / "a.tif").write_bytes(b"no TIFF any more")
    assert read_layout(tmp_path / "a.tif", pages_of(3)).pages == (1, 2, 3)


def test_positions_of_equal_stacks_are_an_axis(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        for _ in range(2):
            writer.write(np.zeros((3, 16, 16), np.uint16), photometric="minisblack", metadata={"axes": "ZYX"})
    assert read_layout(tmp_path / "a.ome.tif", pages_of(6)).axes == (("series", 2), ("Z", 3))
