"""Zeros amid coded data, or where a sensor measures none, are told; flat, dark and saturated pictures are read."""

import json
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from engine.contracts.errors import ImageReadError
from engine.photo_files.missing.coded_holes import SMALLEST_HOLE_BYTES, find_hole_in_jpeg, find_zeros
from engine.photo_files.missing.data import check_extents
from engine.photo_files.photos import read_image, read_raw_mosaic, read_thumbnail
from tests.engine.photo_files.raw.test_raw_corrections import levels_of, smooth, write_compressed
from tests.engine.photo_files.test_missing_data import ENCODERS, HEIGHT, WIDTH, by_pillow, file_of, scene, tiff
from tests.raw_makers import write_dng

HOLE_BYTES = 640
JPEGS = {
    "jpeg": by_pillow("JPEG", quality=90),
    "jpeg with restarts": by_pillow("JPEG", quality=90, restart_marker_rows=1),
    "jpeg, optimised": by_pillow("JPEG", quality=90, optimize=True),
    "jpeg of gray": lambda pixels: by_pillow("JPEG", quality=95, optimize=True)(pixels[:, :, 1]),
    "progressive jpeg": by_pillow("JPEG", quality=90, progressive=True),
}
CODED = JPEGS | {name: ENCODERS[name] for name in ENCODERS if "png" in name or name.startswith("tiff, ")}
del CODED["tiff, one strip"]
CODED["tiff of one jpeg"] = tiff(compression="jpeg", rowsperstrip=HEIGHT)
CODED["tiff, lzw in one strip"] = tiff(compression="lzw", rowsperstrip=HEIGHT)


def with_hole(content: bytes, at: float = 0.5, size: int = HOLE_BYTES) -> bytes:
    start = int(len(content) * at)
    return content[:start] + bytes(size) + content[start + size :]


@pytest.mark.parametrize("at", [0.35, 0.6])
@pytest.mark.parametrize("name", CODED)
def test_a_hole_amid_the_data_is_missed(tmp_path: Path, name: str, at: float) -> None:
    path = file_of(tmp_path, name, with_hole(CODED[name](scene()), at))
    for read in (read_image, lambda file: read_thumbnail(file, 64)):
        with pytest.raises(ImageReadError) as caught:
            read(path)
        assert caught.value.hint
        if "jpeg" in name or "lzw" in name or "packbits" in name:
            share = re.search(r"incomplete: (\d+) % of its data are missing", caught.value.message)
            assert share is not None, caught.value.message
            assert int(share[1]) <= 10


def flat_pictures() -> dict[str, NDArray[np.uint8]]:
    page = np.full((HEIGHT * 4, WIDTH * 4, 3), 255, np.uint8)
    framed = page.copy()
    framed[:100], framed[-100:] = np.tile(scene(), (1, 4, 1))[:100], np.tile(scene(), (1, 4, 1))[:100]
    half = framed.copy()
    half[500:] = 0
    return {"white": page, "black": page * 0, "framed": framed, "half": half, "gray": page // 2}


@pytest.mark.parametrize("picture", flat_pictures())
@pytest.mark.parametrize("name", CODED)
def test_flat_pictures_are_whole(tmp_path: Path, name: str, picture: str) -> None:
    pixels = flat_pictures()[picture]
    path = file_of(tmp_path, name, CODED[name](pixels))
    assert np.abs(read_image(path).pixels * 255 - pixels[:, :, :1]).mean() < 25


def test_zeros_of_a_flat_area_are_not_taken_for_a_hole(tmp_path: Path) -> None:
    """What the pictures above are about does occur: an optimised code of zeros for a flat area."""
    page = np.full((1024, 1024, 3), 255, np.uint8)
    page[:32, :WIDTH], page[-32:, -WIDTH:] = scene()[:32], scene()[:32]
    content = JPEGS["jpeg of gray"](page)
    assert find_zeros(content, SMALLEST_HOLE_BYTES) is not None
    hole = find_hole_in_jpeg(content)
    assert hole is not None
    assert not hole.is_sure
    assert find_hole_in_jpeg(JPEGS["jpeg"](page)) is None
    path = file_of(tmp_path, "jpeg", content)
    assert np.abs(read_image(path).pixels[:, :, 0] * 255 - page[:, :, 1]).mean() < 2
    path = file_of(tmp_path, "jpeg", with_hole(content, 0.2, 100))
    with pytest.raises(ImageReadError, match="of its data are missing"):
        read_image(path)


def test_zeros_in_what_a_camera_notes_are_no_hole(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a" + "\0" * 3000 + "b"
    file = BytesIO()
    Image.fromarray(scene()).save(file, "JPEG", exif=exif)
    assert bytes(1000) in file.getvalue()
    read_image(file_of(tmp_path, "jpeg", file.getvalue()))


def test_where_zeros_are_escaped_a_hole_is_one_anywhere() -> None:
    coded = bytes(range(1, 251)) * 40
    damaged = coded[:4000] + bytes(1000) + coded[5000:]

    def read_at(content: bytes) -> Callable[[int, int], bytes]:
        return lambda offset, size: content[offset : offset + size]

    extents = ((0, 6000), (6000, 4000))
    check_extents(read_at(coded), extents, has_escapes=True)
    check_extents(read_at(damaged), extents)
    with pytest.raises(ImageReadError, match=r"10 % of its data"):
        check_extents(read_at(damaged), extents, has_escapes=True)


# -- Raw files

RNG = np.random.default_rng(4)
BLACK = 512


def noisy(black: int, planes: int = 0, height: int = 96, width: int = 128) -> NDArray[np.uint16]:
    """A scene with noise; its lower third is as dark as the sensor gets."""
    light = smooth(height, width, planes) if planes else smooth(height, width)
    light[-height // 3 :] = 0
    levels = levels_of(light, black).astype(np.int64) + RNG.normal(0, 6, light.shape).astype(np.int64)
    return np.clip(levels, 0, 16383).astype(np.uint16)


def black_tag(black: int) -> list[tuple[Any, ...]]:
    return [(50714, "H", 1, black, True)] if black else []


LAYOUTS: dict[str, dict[str, Any]] = {
    "one strip": {"rowsperstrip": 96},
    "strips": {"rowsperstrip": 8},
    "tiles": {"tile": (32, 64)},
}


def zeroed(path: Path, share: float, *, at_row: bool = False) -> Path:
    """Fill the end of the file with zeros: from a row on, or within one and, where a row is longer, after a sector."""
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff_file:
        page = tiff_file.pages.first
        start, end = page.dataoffsets[0], page.dataoffsets[-1] + page.databytecounts[-1]
        row = (page.tilewidth if page.is_tiled else page.imagewidth) * page.samplesperpixel * 2
    at = start + int((end - start) * (1 - share)) // row * row
    if not at_row:
        at = -(-at // 512) * 512
        at += row // 2 if (at - start) % row == 0 else 0
    content[at:] = bytes(len(content) - at)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("planes", [0, 3])
@pytest.mark.parametrize("black", [0, BLACK])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_plain_raw_file_that_is_zeros_from_some_place_on(
    tmp_path: Path, layout: str, black: int, planes: int
) -> None:
    path = tmp_path / "a.dng"
    lit = noisy(black, planes)
    lit[-32:] = lit[:32]
    for at_row in (False, True):
        for share in (0.45, 0.1):
            write_dng(path, lit, black_tag(black), **LAYOUTS[layout])
            zeroed(path, share, at_row=at_row)
            if at_row and not black:
                # Nothing tells it from the black border of a panorama.
                assert read_image(path).pixels[-2:, -60:].max() < 0.01
                continue
            with pytest.raises(ImageReadError, match="incomplete") as caught:
                read_image(path)
            told = re.search(r"(\d+) % of its (rows|data) are missing", caught.value.message)
            assert told is not None
            assert abs(int(told[1]) / 100 - share) < 0.06
            assert layout == "tiles" or told[2] == "rows"


@pytest.mark.parametrize("planes", [0, 3])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_black_of_a_sensor_is_read(tmp_path: Path, layout: str, planes: int) -> None:
    path = write_dng(tmp_path / "a.dng", noisy(BLACK, planes), black_tag(BLACK), **LAYOUTS[layout])
    assert read_image(path).pixels[-20:].max() < 0.1


@pytest.mark.parametrize("planes", [0, 3])
def test_zeros_beside_the_picture_are_no_part_of_it(tmp_path: Path, planes: int) -> None:
    bordered = noisy(BLACK, planes)
    bordered[:8], bordered[-8:], bordered[:, :8], bordered[:, -8:] = 0, 0, 0, 0
    crop = [(50719, "I", 2, (8, 8), True), (50720, "I", 2, (112, 80), True)]
    path = write_dng(tmp_path / "a.dng", bordered, [*crop, *black_tag(BLACK)])
    assert read_image(path).pixels.shape == (80, 112, 3)


def test_a_hole_in_a_plain_raw_file_and_a_dead_row(tmp_path: Path) -> None:
    levels = noisy(BLACK)
    levels[40] = 0
    read_image(write_dng(tmp_path / "a.dng", levels, black_tag(BLACK)))
    levels[40:60] = 0
    with pytest.raises(ImageReadError, match="21 % of its data are missing"):
        read_image(write_dng(tmp_path / "a.dng", levels, black_tag(BLACK)))


def test_a_dark_photo_whose_numbers_take_one_byte(tmp_path: Path) -> None:
    """Of two bytes each, one is zero; a picture breaks off all the same."""
    levels = RNG.integers(20, 200, (96, 128)).astype(np.uint16)
    path = zeroed(write_dng(tmp_path / "a.dng", levels), 0.4)
    with pytest.raises(ImageReadError, match=r"(40|41) % of its rows"):
        read_image(path)
    rows = np.repeat(levels[:, :, None], 3, axis=2)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, rows, photometric="rgb", metadata=None)
    with pytest.raises(ImageReadError, match=r"(40|41) % of its rows"):
        read_image(zeroed(path, 0.4))


def test_a_hole_in_a_compressed_raw_file(tmp_path: Path) -> None:
    levels = noisy(0, height=64, width=64)
    levels[:32] = RNG.integers(0, 16000, (32, 64))
    path = write_compressed(tmp_path / "a.dng", levels)
    read_image(path)
    with tifffile.TiffFile(path) as tiff_file:
        start, size = (getattr(tiff_file.pages.first, name)[0] for name in ("dataoffsets", "databytecounts"))
    content = path.read_bytes()
    hole = content[start : start + size // 2] + bytes(400) + content[start + size // 2 + 400 : start + size]
    path.write_bytes(content[:start] + hole + content[start + size :])
    with pytest.raises(ImageReadError, match="ends too early"):
        read_image(path)


def test_a_saturated_area_of_a_compressed_raw_file_is_read(tmp_path: Path) -> None:
    """All differences are none there, and the code of that is zeros."""
    for value in (0, 16383):
        levels = np.full((256, 256), value, np.uint16)
        levels[:, :40] = RNG.integers(3000, 9000, (256, 40))
        raw = read_raw_mosaic(write_compressed(tmp_path / "a.dng", levels))
        assert abs(float(raw.mosaic[:, 80:].mean()) - value / 16383) < 0.01
    flat = imagecodecs.ljpeg_encode(np.full((512, 512), 9000, np.uint16), bitspersample=16)
    found = find_hole_in_jpeg(flat)
    assert found is None or not found.is_sure


def test_a_bare_mosaic_that_ends_in_zeros(tmp_path: Path) -> None:
    path, levels = tmp_path / "frame.raw", noisy(BLACK)
    description = {"width": 128, "height": 96, "cfa": "RGGB", "black": BLACK, "white": 16383}
    (tmp_path / "frame.raw.json").write_text(json.dumps(description))
    path.write_bytes(levels.astype("<u2").tobytes())
    read_image(path)
    for num_rows, columns in ((30, 64), (30, 0)):
        flat = levels.ravel().copy()
        flat[(96 - num_rows) * 128 + columns :] = 0
        path.write_bytes(flat.astype("<u2").tobytes())
        with pytest.raises(ImageReadError, match=r"last 3\d % of its rows"):
            read_image(path)
