"""What is missing of a picture is told, with how much, whatever the format; dark pictures and whole ones are read."""

import re
import struct
import tracemalloc
import zlib
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
from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import read_image, read_thumbnail

HEIGHT, WIDTH = 256, 96


def scene() -> NDArray[np.uint8]:
    """Detail everywhere, so that data are spread evenly over the rows."""
    gray = np.random.default_rng(0).integers(20, 230, (HEIGHT, WIDTH, 1))
    return (gray + np.array([0, 10, 20])).astype(np.uint8)


def by_pillow(format_name: str, **options: Any) -> Callable[[NDArray[Any]], bytes]:
    def encode(pixels: NDArray[Any]) -> bytes:
        file = BytesIO()
        Image.fromarray(pixels).save(file, format_name, **options)
        return file.getvalue()

    return encode


def tiff(**options: Any) -> Callable[[NDArray[Any]], bytes]:
    def encode(pixels: NDArray[Any]) -> bytes:
        file = BytesIO()
        tifffile.imwrite(file, pixels, photometric="rgb", metadata=None, **options)
        return file.getvalue()

    return encode


ENCODERS: dict[str, Callable[[NDArray[Any]], bytes]] = {
    "png": by_pillow("PNG"),
    "png of 16 bits": lambda pixels: bytes(imagecodecs.png_encode(pixels.astype(np.uint16) * 257)),
    "jpeg": by_pillow("JPEG", quality=90),
    "jpeg with restarts": by_pillow("JPEG", quality=90, restart_marker_rows=1),
    "jpeg, optimised": by_pillow("JPEG", quality=90, optimize=True),
    "progressive jpeg": by_pillow("JPEG", quality=90, progressive=True),
    "webp": by_pillow("WEBP", quality=90),
    "lossless webp": by_pillow("WEBP", lossless=True),
    "bmp": by_pillow("BMP"),
    "tiff": tiff(rowsperstrip=8),
    "tiff, one strip": tiff(),
    "tiff, deflated": tiff(compression="zlib", rowsperstrip=8),
    "tiff, deflated in one strip": tiff(compression="zlib", rowsperstrip=HEIGHT),
    "tiff, lzw": tiff(compression="lzw", rowsperstrip=8),
    "tiff, packbits": tiff(compression="packbits", rowsperstrip=8),
    "tiff of jpegs": tiff(compression="jpeg", rowsperstrip=16),
    "tiff, tiled": tiff(compression="zlib", tile=(32, 32)),
    "avif": by_pillow("AVIF", quality=90),
}
SUFFIXES = {"jpeg": ".jpg", "webp": ".webp", "bmp": ".bmp", "avif": ".avif", "png": ".png"}


def file_of(folder: Path, name: str, content: bytes) -> Path:
    suffix = next((suffix for word, suffix in SUFFIXES.items() if word in name and "tiff" not in name), ".tif")
    path = folder / f"a{suffix}"
    path.write_bytes(content)
    return path


def emptied(content: bytes) -> bytes:
    """As a copy leaves it that was broken off: disks and programs copy whole sectors."""
    cut = len(content) * 6 // 10 // 512 * 512
    return content[:cut] + bytes(len(content) - cut)


def cut_off(content: bytes) -> bytes:
    return content[: len(content) * 6 // 10]


@pytest.mark.parametrize("damage", [emptied, cut_off])
@pytest.mark.parametrize("name", ENCODERS)
def test_the_last_two_fifths_are_missing(tmp_path: Path, name: str, damage: Callable[[bytes], bytes]) -> None:
    path = file_of(tmp_path, name, damage(ENCODERS[name](scene())))
    for read in (read_image, lambda file: read_thumbnail(file, 64)):
        with pytest.raises(ImageReadError) as caught:
            read(path)
        assert "Copy it again" in caught.value.hint
        share = re.search(r"incomplete: .*?(\d+) %", caught.value.message)
        if name == "progressive jpeg":
            assert "finer details" in caught.value.message
        else:
            assert share is not None, caught.value.message
            # Codecs look ahead, and strips and rows of blocks are missing whole.
            assert 30 <= int(share[1]) <= 52, caught.value.message
        if name in ("png", "jpeg", "bmp", "tiff", "tiff, one strip", "tiff, lzw"):
            assert "of its rows are missing" in caught.value.message
        assert ("first" in caught.value.message) == (name == "bmp")


@pytest.mark.parametrize("name", ENCODERS)
def test_a_whole_picture_is_read_however_dark(tmp_path: Path, name: str) -> None:
    night = scene()
    night[140:] = 0
    night[120:140] //= 40
    black = np.zeros_like(night)
    see_through = np.dstack([night, night[:, :, 0]])
    pictures = [scene(), night, black, night[::-1].copy()]
    if name in ("png", "lossless webp", "tiff", "tiff, lzw", "tiff, deflated", "bmp"):
        pictures.append(see_through)
    for pixels in pictures:
        path = file_of(tmp_path, name, ENCODERS[name](pixels))
        shown = read_image(path).pixels
        assert np.abs(shown * 255 - pixels[:, :, :3]).mean() < 25
        read_thumbnail(path, 64)


def registered(generator: np.random.Generator, **options: Any) -> NDArray[Any]:
    """A picture whose black border begins amid a row: that of a frame turned by a hundredth of a degree."""
    pixels = generator.integers(700, 4000, HEIGHT * WIDTH)
    pixels[generator.integers(HEIGHT // 2, HEIGHT - 2) * WIDTH + generator.integers(20, WIDTH - 20) :] = 0
    return pixels.reshape(HEIGHT, WIDTH).astype(np.uint16, **options)


@pytest.mark.parametrize("options", [{}, {"rowsperstrip": 8}, {"byteorder": ">"}])
def test_the_black_border_of_a_registered_picture_is_read(tmp_path: Path, options: dict[str, Any]) -> None:
    generator = np.random.default_rng(3)
    for _ in range(20):
        pixels = registered(generator)
        tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", **options)
        np.testing.assert_array_equal(np.rint(read_image(tmp_path / "a.tif").pixels[:, :, 0] * 65535), pixels)
        gray = (pixels // 16).astype(np.uint8)
        bmp = file_of(tmp_path, "bmp", by_pillow("BMP")(gray[::-1]))
        np.testing.assert_array_equal(np.rint(read_image(bmp).pixels[:, :, 0] * 255), gray[::-1])


def test_what_lies_behind_a_picture_shows_that_it_is_whole(tmp_path: Path) -> None:
    """Wherever its black begins: a file that was copied in part lacks the next page too."""
    whole = np.random.default_rng(1).integers(700, 4000, (2, HEIGHT, WIDTH)).astype(np.uint16)
    for is_followed in (True, False):
        tifffile.imwrite(tmp_path / "a.tif", whole, photometric="minisblack")
        with tifffile.TiffFile(tmp_path / "a.tif") as file:
            start, size = file.pages[0].dataoffsets[0], whole[0].nbytes
        sector = (start + size * 3 // 4) // 512 * 512
        assert 0 < (sector - start) % (2 * WIDTH) < 2 * WIDTH - 8
        content = (tmp_path / "a.tif").read_bytes()
        end = start + size if is_followed else len(content)
        (tmp_path / "a.tif").write_bytes(content[:sector] + bytes(end - sector) + content[end:])
        if is_followed:
            assert read_image(PhotoRef(tmp_path / "a.tif", 1)).pixels[-1].max() == 0
        else:
            with pytest.raises(ImageReadError, match=r"the last 2[56] % of its rows are missing"):
                read_image(PhotoRef(tmp_path / "a.tif", 1))


@pytest.mark.parametrize("zeros", [0, 1, 40])
@pytest.mark.parametrize("name", ["jpeg", "jpeg with restarts", "jpeg, optimised", "progressive jpeg"])
def test_a_jpeg_that_lacks_its_end_mark_alone_is_read(tmp_path: Path, name: str, zeros: int) -> None:
    whole = ENCODERS[name](scene())
    expected = np.asarray(Image.open(BytesIO(whole)))
    for end in (-2, -1):
        path = file_of(tmp_path, name, whole[:end] + bytes(zeros))
        np.testing.assert_array_equal(np.rint(read_image(path).pixels * 255), expected)
        assert read_thumbnail(path, 64).shape == (64, 24, 3)
    path = file_of(tmp_path, name, whole + bytes(5000))
    np.testing.assert_array_equal(np.rint(read_image(path).pixels * 255), expected)


def test_a_jpeg_whose_end_mark_came_too_early(tmp_path: Path) -> None:
    """As programs leave it that close what they could copy."""
    path = file_of(tmp_path, "jpeg", cut_off(ENCODERS["jpeg"](scene())) + b"\xff\xd9")
    for read in (read_image, lambda file: read_thumbnail(file, 64)):
        with pytest.raises(ImageReadError, match=r"the last (3\d|4\d) % of its rows"):
            read(path)
    gray = file_of(tmp_path, "jpeg", ENCODERS["jpeg"](np.full((64, 64, 3), 128, np.uint8)))
    np.testing.assert_array_equal(read_image(gray).pixels * 255, 128)


def test_a_png_that_lacks_its_end_mark_alone_is_read(tmp_path: Path) -> None:
    whole = ENCODERS["png"](scene())
    for content in (whole[:-12], whole[:-5], whole[:-12] + bytes(100)):
        np.testing.assert_array_equal(np.rint(read_image(file_of(tmp_path, "png", content)).pixels * 255), scene())


def test_a_png_with_too_few_rows_in_whole_chunks(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1 + 3 * WIDTH) * (HEIGHT // 4))
    content = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")):
        content += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    with pytest.raises(ImageReadError, match="the last 75 % of its rows"):
        read_image(file_of(tmp_path, "png", content))


def with_values(content: bytes, tag: int, change: Callable[[int, int], int]) -> bytes:
    """Change the values of a list in a TIFF's first directory: `change` gets each with its place."""
    changed = bytearray(content)
    with tifffile.TiffFile(BytesIO(content)) as file:
        entry = file.pages.first.tags[tag]
        letter, size = ("H", 2) if entry.dtype == 3 else ("I", 4)
        values = entry.value if isinstance(entry.value, tuple) else (entry.value,)
        for index, value in enumerate(values):
            struct.pack_into("<" + letter, changed, entry.valueoffset + index * size, change(index, value))
    return bytes(changed)


OFFSETS, COUNTS = 273, 279


@pytest.mark.parametrize("tag", [OFFSETS, COUNTS])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_strips_that_were_never_written(tmp_path: Path, tag: int, compression: str | None) -> None:
    content = tiff(compression=compression, rowsperstrip=16)(scene())
    damaged = content
    for each in (OFFSETS, COUNTS) if tag == COUNTS else (OFFSETS,):
        damaged = with_values(damaged, each, lambda index, value: 0 if index >= 10 else value)
    with pytest.raises(ImageReadError, match="the last 38 % of its rows are missing"):
        read_image(file_of(tmp_path, "tiff", damaged))
    hole = with_values(content, OFFSETS, lambda index, value: 0 if 4 <= index < 8 else value)
    with pytest.raises(ImageReadError, match="25 % of its data are missing"):
        read_image(file_of(tmp_path, "tiff", hole))
    beyond = with_values(content, OFFSETS, lambda index, value: 10**8 if index >= 8 else value)
    with pytest.raises(ImageReadError, match="the last 50 % of its rows are missing"):
        read_image(file_of(tmp_path, "tiff", beyond))


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_strips_whose_size_is_not_noted_are_read(tmp_path: Path, compression: str | None) -> None:
    """As libtiff does it; Pillow, which uses that, is the reference."""
    for rows in (16, HEIGHT):
        content = tiff(compression=compression, rowsperstrip=rows)(scene())
        path = file_of(tmp_path, "tiff", with_values(content, COUNTS, lambda index, value: 0))
        np.testing.assert_array_equal(np.rint(read_image(path).pixels * 255), scene())


@pytest.mark.parametrize("layout", ["strips", "one strip", "planes", "tiles"])
def test_plain_parts_whose_noted_size_is_too_large_are_read(tmp_path: Path, layout: str) -> None:
    """Libtiff reads them too; what is missing of them is still told."""
    options: dict[str, dict[str, Any]] = {
        "strips": {"rowsperstrip": 16},
        "one strip": {"rowsperstrip": HEIGHT},
        "planes": {"rowsperstrip": 100, "planarconfig": "separate"},
        "tiles": {"tile": (32, 64)},
    }
    picture = np.moveaxis(scene(), 2, 0).copy() if layout == "planes" else scene()
    content = tiff(compression=None, **options[layout])(picture)
    tag, too_large = 325 if layout == "tiles" else COUNTS, 35_711_440 if layout == "one strip" else 60_000
    whole = with_values(content, tag, lambda index, value: too_large)
    path = file_of(tmp_path, "tiff", whole)
    np.testing.assert_array_equal(np.rint(read_image(path).pixels * 255), scene())
    if layout == "one strip":
        path = file_of(tmp_path, "tiff", whole[: len(whole) - scene().nbytes // 4])
        with pytest.raises(ImageReadError, match="the last 25 % of its rows are missing"):
            read_image(path)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_tiles_that_were_never_written(tmp_path: Path, planar: str) -> None:
    content = tiff(compression="zlib", tile=(32, 32), planarconfig=planar)(
        scene() if planar == "contig" else np.moveaxis(scene(), 2, 0).copy()
    )
    damaged = with_values(content, 324, lambda index, value: 0 if index % 24 >= 12 else value)
    with pytest.raises(ImageReadError, match="50 % of its"):
        read_image(file_of(tmp_path, "tiff", damaged))


def test_a_small_webp_that_declares_gigabytes_takes_no_memory(tmp_path: Path) -> None:
    content = bytearray(by_pillow("WEBP", quality=90)(scene()))
    place = content.index(b"VP8 ") + 4
    struct.pack_into("<I", content, place, 2**32 - 20)
    path = tmp_path / "declares.webp"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(ImageReadError, match="100 %"):
            read_image(path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2**27
