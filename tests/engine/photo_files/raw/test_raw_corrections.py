"""What a DNG says about its numbers, and whether a raw file is whole: told by the file, compared with plain loops."""

import os
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from engine.contracts.errors import ImageReadError
from engine.photo_files.photos import probe_image, read_image, read_raw_mosaic, read_thumbnail
from engine.photo_files.raw.corrections.opcodes import Samples, apply_opcodes, read_opcodes
from engine.photo_files.sensors.colour import linear_from_srgb
from tests.raw_makers import LIST_2, LIST_3, gain_map, list_tag, opcode_area, opcode_list, write_dng
from tests.warm_processes import run_warm

WHITE = 16383
HEIGHT, WIDTH = 48, 64


def smooth(*shape: int, low: float = 0.2, high: float = 0.5) -> NDArray[np.float64]:
    """Light that grows to the lower right, so that no pixel stands alone as a defect would."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    light = low + (high - low) * (rows + columns) / (sum(shape[:2]) - 2)
    return light if len(shape) == 2 else np.stack([light * (1 - 0.2 * plane) for plane in range(shape[2])], axis=2)


def levels_of(light: NDArray[Any], black: float | NDArray[Any] = 0) -> NDArray[np.uint16]:
    return np.rint(black + light * (WHITE - np.max(black))).astype(np.uint16)


def by_gain_map(light: NDArray[Any], bounds: tuple[int, ...], pitch: int, gains: NDArray[Any], grid: Any) -> Any:
    """DNG 1.7, GainMap, pixel by pixel. Gains: of one plane; grid: spacing and origin, down and across."""
    (down, across), (first_row, first_column) = grid
    height, width = light.shape
    corrected = np.array(light, np.float64)
    for row in range(bounds[0], bounds[2], pitch):
        for column in range(bounds[1], bounds[3], pitch):
            at = (((row + 0.5) / height - first_row) / down, ((column + 0.5) / width - first_column) / across)
            y, x = (min(max(each, 0.0), count - 1.0) for each, count in zip(at, gains.shape, strict=True))
            top, left = int(y), int(x)
            bottom, right = min(top + 1, gains.shape[0] - 1), min(left + 1, gains.shape[1] - 1)
            upper = gains[top, left] * (1 - (x - left)) + gains[top, right] * (x - left)
            lower = gains[bottom, left] * (1 - (x - left)) + gains[bottom, right] * (x - left)
            corrected[row, column] = min(corrected[row, column] * (upper * (1 - (y - top)) + lower * (y - top)), 1)
    return corrected


# -- Whole or cut off


@pytest.mark.parametrize("kind", ["mosaic", "linear"])
def test_a_black_lower_edge_is_part_of_the_picture(kind: str, tmp_path: Path) -> None:
    levels = levels_of(smooth(HEIGHT, WIDTH) if kind == "mosaic" else smooth(HEIGHT, WIDTH, 3))
    levels[-16:] = 0
    photo = read_image(write_dng(tmp_path / "a.dng", levels, white=WHITE))
    assert photo.pixels.shape == (HEIGHT, WIDTH, 3)
    assert photo.pixels[-8:].max() < 0.01
    assert photo.pixels[:-24].min() > 0.2


@pytest.mark.parametrize("kind", ["mosaic", "linear"])
@pytest.mark.parametrize("rows_per_strip", [8, HEIGHT])
@pytest.mark.parametrize("share", [0.99, 0.6])
def test_a_file_that_lacks_its_end_is_refused(kind: str, rows_per_strip: int, share: float, tmp_path: Path) -> None:
    levels = levels_of(smooth(HEIGHT, WIDTH) if kind == "mosaic" else smooth(HEIGHT, WIDTH, 3))
    path = write_dng(tmp_path / "a.dng", levels, white=WHITE, rowsperstrip=rows_per_strip)
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(ImageReadError, match="ends too early"):
        read_image(path)


def test_missing_data_is_told_where_the_directory_knows_no_lengths(tmp_path: Path) -> None:
    """As some makers' do not; LibRaw notes then that its data ended."""
    rng = np.random.default_rng(0)
    levels = levels_of(np.clip(smooth(64, 64) + rng.normal(0, 0.02, (64, 64)), 0, 1))
    path = write_compressed(tmp_path / "a.dng", levels)
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        tag, end = page.tags["TileByteCounts"], page.dataoffsets[-1] + page.databytecounts[-1] // 2
    content = bytearray(path.read_bytes())
    struct.pack_into("<H", content, tag.offset, 0xFFF0)
    path.write_bytes(content[:end])
    with pytest.raises(ImageReadError, match="ends too early"):
        read_image(path)


@pytest.mark.parametrize("hole", ["a whole tile", "the end of a tile"])
def test_an_empty_part_of_a_compressed_picture_is_missed(hole: str, tmp_path: Path) -> None:
    """As an interrupted copy leaves it: the file's length is right."""
    rng = np.random.default_rng(0)
    levels = levels_of(np.clip(smooth(64, 64) + rng.normal(0, 0.02, (64, 64)), 0, 1))
    path = write_compressed(tmp_path / "a.dng", levels)
    read_image(path)
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        offset, size = page.dataoffsets[-1], page.databytecounts[-1]
    num_empty = size if hole == "a whole tile" else 600
    content = bytearray(path.read_bytes())
    content[offset + size - num_empty : offset + size] = bytes(num_empty)
    path.write_bytes(content)
    with pytest.raises(ImageReadError, match="ends too early"):
        read_image(path)


def write_compressed(path: Path, levels: NDArray[np.uint16]) -> Path:
    """A mosaic in tiles of lossless JPEG, which DNG calls compression 7."""
    height, width = levels.shape
    tiles = [
        imagecodecs.ljpeg_encode(np.ascontiguousarray(levels[row : row + 32, column : column + 32]), bitspersample=16)
        for row in range(0, height, 32)
        for column in range(0, width, 32)
    ]
    tags = [(50706, "B", 4, (1, 4, 0, 0), True), (50708, "s", 0, "TestCam 1", True), (50717, "I", 1, WHITE, True)]
    tags += [(33421, "H", 2, (2, 2), True), (33422, "B", 4, (0, 1, 1, 2), True)]
    tifffile.imwrite(
        path,
        iter(tiles),
        shape=levels.shape,
        dtype=levels.dtype,
        tile=(32, 32),
        compression=7,
        photometric=32803,
        extratags=tags,
        metadata=None,
    )
    return path


@pytest.mark.parametrize(
    ("number", "name"), [(52546, "compressed with JPEG XL"), (9, "GoPro's VC-5"), (50123, r"number 50123")]
)
@pytest.mark.parametrize("open_file", [probe_image, read_image, lambda path: read_thumbnail(path, 32)])
def test_a_compression_that_cannot_be_read_is_named(number: int, name: str, open_file: Any, tmp_path: Path) -> None:
    path = write_dng(tmp_path / "a.dng", levels_of(smooth(HEIGHT, WIDTH)), white=WHITE)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        struct.pack_into("<H", content, tiff.pages.first.tags["Compression"].valueoffset, number)
    path.write_bytes(content)
    with pytest.raises(ImageReadError, match=name) as caught:
        open_file(path)
    assert "Convert it" in caught.value.hint


# -- Crop and black


@pytest.mark.parametrize("origin", [(8, 6), (7, 5)])
@pytest.mark.parametrize("kind", ["mosaic", "linear"])
def test_what_lies_outside_of_the_crop_is_no_picture(kind: str, origin: tuple[int, int], tmp_path: Path) -> None:
    left, top = origin
    bordered = levels_of(smooth(HEIGHT, WIDTH) if kind == "mosaic" else smooth(HEIGHT, WIDTH, 3))
    inner = bordered[top : top + 30, left : left + 40].copy()
    bordered[:] = 0
    bordered[top : top + 30, left : left + 40] = inner
    crop = [(50719, "I", 2, origin, True), (50720, "I", 2, (40, 30), True)]
    path = write_dng(tmp_path / "a.dng", bordered, [*crop, (274, "H", 1, 6, True)], white=WHITE)
    info, photo = probe_image(path), read_image(path)
    assert (info.width, info.height) == (photo.width, photo.height) == (30, 40)
    assert photo.pixels.min() > 0.2, "no black border"
    if kind == "mosaic":
        raw = read_raw_mosaic(path)
        assert raw.order == {(8, 6): "RGGB", (7, 5): "BGGR"}[origin]
        np.testing.assert_allclose(raw.mosaic, inner / WHITE, atol=1e-6)


def test_a_crop_within_an_active_area(tmp_path: Path) -> None:
    tags = [(50829, "I", 4, (4, 2, HEIGHT - 4, WIDTH), True)]
    tags += [(50719, "2I", 2, (5, 2, 3, 1), True), (50720, "2I", 2, (41, 2, 30, 1), True)]
    levels = levels_of(smooth(HEIGHT, WIDTH))
    raw = read_raw_mosaic(write_dng(tmp_path / "a.dng", levels, tags, white=WHITE))
    # Two and a half columns and three rows into it, rounded inwards.
    np.testing.assert_allclose(raw.mosaic, levels[7:37, 5:25] / WHITE, atol=1e-6)


@pytest.mark.parametrize("repeat", [(1, 1), (2, 2), (1, 4), (4, 4), (3, 2), (2, 6)])
@pytest.mark.parametrize("has_deltas", [False, True])
def test_black_levels_of_any_pattern_are_subtracted(repeat: tuple[int, int], has_deltas: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pattern = rng.integers(500, 560, repeat)
    black = np.tile(pattern, (HEIGHT, WIDTH))[:HEIGHT, :WIDTH].astype(float)
    tags = [(50713, "H", 2, repeat, True), (50714, "I", pattern.size, pattern.ravel().tolist(), True)]
    if has_deltas:
        across, down = rng.integers(-30, 30, WIDTH), rng.integers(-30, 30, HEIGHT)
        black += across[None, :] + down[:, None]
        for code, deltas in ((50715, across), (50716, down)):
            tags.append((code, "2i", len(deltas), [part for delta in deltas for part in (int(delta), 1)], True))
    light = smooth(HEIGHT, WIDTH)
    levels = np.rint(black + light * 10000).astype(np.uint16)
    raw = read_raw_mosaic(write_dng(tmp_path / "a.dng", levels, tags, white=WHITE))
    # Between the highest black level and white the spread is as wide as the levels' own at most.
    share = raw.mosaic / light
    assert 10000 / (WHITE - 500) < share.mean() < 10000 / (WHITE - 700)
    assert np.ptp(share) < 0.01, "no pattern is left"


def test_black_levels_in_a_linear_picture(tmp_path: Path) -> None:
    deltas = np.arange(WIDTH) * 20
    light = smooth(HEIGHT, WIDTH, 3)
    levels = np.rint(light * 8000 + 300 + deltas[None, :, None]).astype(np.uint16)
    tags = [(50714, "I", 3, (300, 300, 300), True)]
    tags.append((50715, "2i", WIDTH, [part for delta in deltas for part in (int(delta), 1)], True))
    found = linear_from_srgb(read_image(write_dng(tmp_path / "a.dng", levels, tags, white=WHITE)).pixels)
    share = found / light
    assert np.ptp(share) < 0.02
    assert share.mean() == pytest.approx(8000 / (WHITE - 300 - deltas.max()), rel=0.02)


# -- Opcodes


@pytest.mark.parametrize("pitch", [1, 2])
def test_gains_of_a_mosaic_are_those_of_the_map(pitch: int, tmp_path: Path) -> None:
    """Four maps of every second row and column, as phones have them, or one of all."""
    rng = np.random.default_rng(1)
    light = smooth(HEIGHT, WIDTH, low=0.1, high=0.2)
    spacing, origin = (0.3, 0.25), (0.05, -0.02)
    expected, opcodes = light, []
    for row, column in np.ndindex(pitch, pitch):
        gains = rng.uniform(1, 1.2, (4, 5, 1)) + 0.3 * row
        bounds = (row, column, HEIGHT, WIDTH)
        opcodes.append(gain_map(opcode_area(bounds, pitch=(pitch, pitch)), gains, spacing, origin))
        expected = by_gain_map(expected, bounds, pitch, gains.astype("f4")[:, :, 0], (spacing, origin))
    content = opcode_list(*opcodes)
    path = write_dng(tmp_path / "a.dng", levels_of(light), [list_tag(LIST_2, content)], white=WHITE)
    np.testing.assert_allclose(read_raw_mosaic(path).mosaic, expected, atol=2e-4)


def test_a_map_is_laid_over_the_active_area_and_ends_at_its_own_bounds(tmp_path: Path) -> None:
    light = smooth(HEIGHT, WIDTH, low=0.1, high=0.2)
    gains = np.array([[1.0, 1.5], [2.0, 3.0]])[:, :, None]
    active, bounds = (4, 2, HEIGHT - 4, WIDTH), (5, 9, 31, 40)
    grid = (1.0, 1.0), (0.0, 0.0)
    tags = [(50829, "I", 4, active, True), list_tag(LIST_2, opcode_list(gain_map(opcode_area(bounds), gains, *grid)))]
    tags += [(50719, "I", 2, (3, 2), True), (50720, "I", 2, (50, 32), True)]
    path = write_dng(tmp_path / "a.dng", levels_of(light), tags, white=WHITE)
    expected = by_gain_map(light[4:-4, 2:], bounds, 1, gains[:, :, 0], grid)[2:34, 3:53]
    np.testing.assert_allclose(read_raw_mosaic(path).mosaic, expected, atol=2e-4)


def test_gains_of_the_demosaicked_picture_are_done_by_colour(tmp_path: Path) -> None:
    light = smooth(HEIGHT, WIDTH, low=0.1, high=0.2)
    gains = np.broadcast_to([1.5, 1.0, 2.0], (1, 1, 3))
    content = opcode_list(gain_map(opcode_area((0, 0, HEIGHT, WIDTH), planes=3), gains, (1.0, 1.0)))
    path = write_dng(tmp_path / "a.dng", levels_of(light), [list_tag(LIST_3, content)], white=WHITE)
    of_filters = np.tile([[1.5, 1.0], [1.0, 2.0]], (HEIGHT // 2, WIDTH // 2))
    np.testing.assert_allclose(read_raw_mosaic(path).mosaic, light * of_filters, atol=2e-4)


@pytest.mark.parametrize("code", [LIST_2, LIST_3])
def test_gains_of_a_linear_picture(code: int, tmp_path: Path) -> None:
    light = smooth(HEIGHT, WIDTH, 3, low=0.1, high=0.2)
    gains = np.stack([np.array([[1.0, 1.5], [2.0, 3.0]]) * scale for scale in (1, 1.2, 0.8)], axis=2)
    grid, bounds = ((1.0, 1.0), (0.0, 0.0)), (0, 0, HEIGHT, WIDTH)
    content = opcode_list(gain_map(opcode_area(bounds, planes=3), gains, *grid))
    black = 400
    tags = [list_tag(code, content), (50714, "I", 3, (black,) * 3, True)]
    photo = read_image(write_dng(tmp_path / "a.dng", levels_of(light, black), tags, white=WHITE))
    expected = np.stack(
        [by_gain_map(light[:, :, plane], bounds, 1, gains[:, :, plane], grid) for plane in range(3)], axis=2
    )
    np.testing.assert_allclose(linear_from_srgb(photo.pixels), expected, atol=0.004)


def corrected(light: NDArray[Any], number: int, parameters: bytes) -> NDArray[np.float32]:
    """What an opcode makes of the first of two planes."""
    values = np.stack([light, light]).astype(np.float32)
    rows, columns = (np.arange(length) for length in light.shape)
    planes = [Samples(values=values[plane], rows=rows, columns=columns, plane=plane) for plane in (0, 1)]
    assert apply_opcodes(read_opcodes(opcode_list((number, parameters))), planes, light.shape) == []
    if number != 3:
        np.testing.assert_array_equal(values[1], light.astype(np.float32))
    return values[0]


def test_the_other_changes_of_brightness() -> None:
    light = smooth(9, 12)
    area, bounds = opcode_area((1, 2, 9, 12), pitch=(2, 5)), (slice(1, 9, 2), slice(2, 12, 5))

    def expected(change: Any) -> NDArray[Any]:
        result = light.copy()
        result[bounds] = change(light[bounds])
        return result

    rows, columns = np.array([1.0, 1.1, 1.2, 1.3]), np.array([0.5, 0.75])
    for number, lines, change in (
        (10, rows / 10, lambda part: part + rows[:, None] / 10),
        (11, columns / 10, lambda part: part + columns / 10),
        (12, rows, lambda part: part * rows[:, None]),
        (13, columns, lambda part: part * columns),
    ):
        parameters = area + struct.pack(">I", len(lines)) + lines.astype(">f4").tobytes()
        np.testing.assert_allclose(corrected(light, number, parameters), expected(change), atol=1e-6)
    table = np.linspace(60000, 0, 65536).astype(">u2")
    found = corrected(light, 7, area + struct.pack(">I", len(table)) + table.tobytes())
    np.testing.assert_allclose(found, expected(lambda part: 60000 / 65535 * (1 - part)), atol=1e-4)
    found = corrected(light, 8, area + struct.pack(">I3d", 2, 0.1, 0.5, 0.25))
    np.testing.assert_allclose(found, expected(lambda part: 0.1 + 0.5 * part + 0.25 * part**2), atol=1e-6)


def test_a_vignette_is_undone_from_its_centre_on() -> None:
    light = smooth(9, 12)
    terms, centre = (0.5, 0.1, -0.05, 0.02, 0.01), (0.5, 0.25)
    found = corrected(light, 3, struct.pack(">7d", *terms, *centre))
    corners = [np.hypot(row - 0.25 * 9, column - 0.5 * 12) for row in (0, 9) for column in (0, 12)]
    for row, column in np.ndindex(9, 12):
        radius = np.hypot(row + 0.5 - 0.25 * 9, column + 0.5 - 0.5 * 12) / max(corners)
        gain = 1 + sum(term * radius ** (2 * power) for power, term in enumerate(terms, 1))
        assert found[row, column] == pytest.approx(light[row, column] * gain, abs=1e-6)


@pytest.mark.parametrize(
    ("number", "is_optional", "remark"), [(1, False, "distortion"), (77, False, "77"), (1, True, ""), (5, False, "")]
)
@pytest.mark.parametrize("kind", ["mosaic", "linear"])
def test_what_is_asked_for_and_not_done_is_told(
    number: int, is_optional: bool, remark: str, kind: str, tmp_path: Path
) -> None:
    levels = levels_of(smooth(HEIGHT, WIDTH) if kind == "mosaic" else smooth(HEIGHT, WIDTH, 3))
    content = opcode_list((number, bytes(8)), is_optional=is_optional)
    photo = read_image(write_dng(tmp_path / "a.dng", levels, [list_tag(LIST_3, content)], white=WHITE))
    assert len(photo.metadata.remarks) == bool(remark)
    assert remark in " ".join(photo.metadata.remarks)


def test_a_damaged_map_is_told_and_changes_nothing(tmp_path: Path) -> None:
    light = smooth(HEIGHT, WIDTH)
    _, whole = gain_map(opcode_area((0, 0, HEIGHT, WIDTH)), np.full((2, 2, 1), 2.0), (1.0, 1.0))
    for content in (whole[:-1], whole[:32] + bytes(44), whole[:-4] + struct.pack(">f", np.nan)):
        tag = list_tag(LIST_2, opcode_list((9, content)))
        raw = read_raw_mosaic(write_dng(tmp_path / "a.dng", levels_of(light), [tag], white=WHITE))
        np.testing.assert_allclose(raw.mosaic, light, atol=1e-4)
        assert "corners" in raw.metadata.remarks[0]


def test_the_line_of_a_restored_photo_says_what_was_not_done(tmp_path: Path, user_data: Path) -> None:
    content = list_tag(LIST_3, opcode_list((1, bytes(8))))
    path = write_dng(tmp_path / "a.dng", levels_of(smooth(HEIGHT, WIDTH)), [content], white=WHITE)
    command = ["restore", "starter", str(path), "--out", str(tmp_path / "out"), "--strength", "0"]
    said = run_warm("engine.cli", command)
    assert said.returncode == 0, said.stderr
    assert read_image(path).metadata.remarks[0] in said.stdout + said.stderr
