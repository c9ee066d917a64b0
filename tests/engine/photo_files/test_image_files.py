"""Photos survive reading and writing; whatever else is refused with a reason."""

import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from engine.contracts.errors import ImageReadError, ImageWriteError
from engine.contracts.output_formats import FORMATS
from engine.photo_files.encoding import ENCODERS
from engine.photo_files.exif import mark_upright, read_exif_orientation
from engine.photo_files.photos import (
    ImageInfo,
    ImageMetadata,
    PhotoImage,
    format_of_name,
    probe_image,
    read_image,
    read_thumbnail,
    write_image,
)

SRGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GRAY_PROFILE = SRGB_PROFILE[:16] + b"GRAY" + SRGB_PROFILE[20:]
SECONDS_FOR_ALL_ODD_FILES = 240


def make_exif(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "Maker & Söhne"
    exif[0x0112] = orientation
    exif[0x0132] = "2025:08:01 12:00:00"
    exif.get_ifd(0x8769)[0x9003] = "2025:08:01 11:59:59"
    exif.get_ifd(0x8769)[0x829A] = 0.004
    exif.get_ifd(0x8769)[0xA002] = 4000
    exif.get_ifd(0x8769)[0xA003] = 3000
    exif.get_ifd(0x8825)[1] = "N"
    return exif.tobytes().removeprefix(b"Exif\x00\x00")


def exif_values(block: bytes | None) -> dict[Any, Any]:
    """All tags of an EXIF block by Pillow, an independent reader."""
    assert block is not None
    exif = Image.Exif()
    exif.load(block)
    return {
        **{tag: value for tag, value in exif.items() if tag not in (0x8769, 0x8825)},
        "exif": dict(exif.get_ifd(0x8769)),
        "gps": dict(exif.get_ifd(0x8825)),
    }


def random_photo(
    height: int, width: int, num_channels: int, bit_depth: int, has_alpha: bool, seed: int = 0, **metadata: Any
) -> PhotoImage:
    generator = np.random.default_rng(seed)
    top = 2**bit_depth - 1
    samples = generator.integers(0, top + 1, (height, width, 4)).astype(np.float32) / np.float32(top)
    return PhotoImage(
        samples[:, :, :num_channels],
        samples[:, :, 3] if has_alpha else None,
        ImageMetadata(**{"file_format": "png", "bit_depth": bit_depth, **metadata}),
    )


def write_bytes(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


LOSSLESS_CASES = [
    ("png", 8),
    ("png", 16),
    ("tiff", 8),
    ("tiff", 16),
    ("bmp", 8),
    ("webp", 8),
]


@pytest.mark.parametrize(("file_format", "bit_depth"), LOSSLESS_CASES)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    num_channels=st.sampled_from([1, 3]),
    has_alpha=st.booleans(),
    with_metadata=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_lossless_round_trip(
    tmp_path: Path,
    file_format: str,
    bit_depth: int,
    height: int,
    width: int,
    num_channels: int,
    has_alpha: bool,
    with_metadata: bool,
    seed: int,
) -> None:
    profile = SRGB_PROFILE if num_channels == 3 or file_format == "webp" else GRAY_PROFILE
    photo = random_photo(
        height,
        width,
        num_channels,
        bit_depth,
        has_alpha,
        seed,
        file_format=file_format,
        icc_profile=profile if with_metadata else None,
        exif=make_exif() if with_metadata else None,
    )
    path = tmp_path / f"photo.{file_format}"
    write_image(path, photo)
    again = read_image(path)

    # WebP has no gray; BMP has none with alpha.
    becomes_rgb = file_format == "webp" or (file_format == "bmp" and has_alpha)
    expected = np.repeat(photo.pixels, 3, axis=2) if becomes_rgb and num_channels == 1 else photo.pixels
    np.testing.assert_allclose(again.pixels, expected, atol=1e-7)
    if photo.alpha is not None and not (file_format == "webp" and bool((photo.alpha == 1).all())):
        assert again.alpha is not None
        np.testing.assert_allclose(again.alpha, photo.alpha, atol=1e-7)
    assert again.metadata.file_format == file_format
    assert again.metadata.bit_depth == bit_depth
    if with_metadata and file_format != "bmp":
        assert again.metadata.icc_profile == profile
        written, read = exif_values(photo.metadata.exif), exif_values(again.metadata.exif)
        assert {tag: read.get(tag) for tag in written} == written
    info = probe_image(path)
    assert (info.width, info.height, info.num_channels) == (width, height, again.pixels.shape[2])
    assert (info.bit_depth, info.file_format) == (bit_depth, file_format)


def test_metadata_is_left_out_on_request(tmp_path: Path) -> None:
    metadata = ImageMetadata(file_format="png", bit_depth=8, icc_profile=SRGB_PROFILE, exif=make_exif())
    for suffix in (".png", ".jpg", ".webp", ".tif"):
        path = tmp_path / f"photo{suffix}"
        write_image(path, PhotoImage(np.zeros((4, 4, 3), np.float32), None, metadata), metadata="none")
        again = read_image(path).metadata
        assert again.icc_profile == SRGB_PROFILE, "without it the colours would be others"
        assert b"Maker" not in (again.exif or b"")


@pytest.mark.parametrize("file_format", ["png", "tiff"])
def test_every_16_bit_value_survives(tmp_path: Path, file_format: str) -> None:
    samples = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    photo = PhotoImage(
        (np.stack([samples, samples[::-1], samples.T], axis=2) / np.float32(65535)).astype(np.float32),
        None,
        ImageMetadata(file_format="png", bit_depth=16, icc_profile=SRGB_PROFILE),
    )
    path = tmp_path / f"photo.{file_format}"
    write_image(path, photo)
    stored = tifffile.imread(path) if file_format == "tiff" else cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(stored[:, :, 0 if file_format == "tiff" else 2], samples)
    np.testing.assert_array_equal(np.rint(read_image(path).pixels[:, :, 0] * 65535), samples)


@pytest.mark.parametrize("orientation", range(9))
@pytest.mark.parametrize("file_format", ["jpeg", "tiff"])
def test_orientation_is_applied_as_pillow_does_and_then_reset(
    tmp_path: Path, file_format: str, orientation: int
) -> None:
    rows, columns = np.mgrid[0:48, 0:64]
    image = Image.fromarray(np.stack([4 * rows, 3 * columns, rows + columns], axis=2).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"photo.{file_format}"
    options: dict[str, Any] = {"lossless": True} if file_format == "webp" else {}
    image.save(path, file_format.upper(), exif=exif, **options)
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    with Image.open(path) as stored:
        # Pillow turns TIFF upright by itself.
        pixels = image if file_format == "tiff" else Image.fromarray(np.asarray(stored))
    expected = np.asarray(pixels.transpose(turns[orientation]) if orientation in turns else pixels)

    photo = read_image(path)
    np.testing.assert_array_equal(np.rint(photo.pixels * 255), expected)
    assert read_exif_orientation(photo.metadata.exif or b"") == 1
    info = probe_image(path)
    assert (info.height, info.width) == expected.shape[:2]
    assert read_thumbnail(path, 1000).shape == expected.shape
    assert float(np.abs(read_thumbnail(path, 1000).astype(int) - expected).max()) <= 1


def test_exif_that_is_damaged_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(path, exif=make_exif())
    photo = read_image(path)
    assert (photo.metadata.exif is not None, photo.metadata.remarks) == (True, ())
    content = path.read_bytes()
    start = content.index(b"eXIf")
    damaged = bytearray(content)
    # Its main directory lies outside of it.
    damaged[start + 8 : start + 12] = b"\x7f\xff\xff\x7f"
    length = int.from_bytes(content[start - 4 : start], "big")
    end = start + 4 + length
    damaged[end : end + 4] = zlib.crc32(damaged[start:end]).to_bytes(4, "big")
    path.write_bytes(damaged)
    photo = read_image(path)
    assert photo.metadata.exif is None
    assert "EXIF is damaged" in photo.metadata.remarks[0]


def test_a_quarter_turn_exchanges_the_stated_width_and_height() -> None:
    upright = exif_values(mark_upright(make_exif(orientation=6)))
    assert upright[0x0112] == 1
    assert (upright["exif"][0xA002], upright["exif"][0xA003]) == (3000, 4000)


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_no_bytes_break_the_exif_reader(tail: bytes) -> None:
    for mark in (b"II*\x00\x08\x00\x00\x00", b"MM\x00*\x00\x00\x00\x08", b""):
        assert 1 <= read_exif_orientation(mark + tail) <= 8
        mark_upright(mark + tail)


@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
@settings(deadline=None)
def test_no_damage_breaks_the_exif_reader(position: int, value: int) -> None:
    block = bytearray(make_exif(orientation=6))
    block[position % len(block)] = value
    assert 1 <= read_exif_orientation(bytes(block)) <= 8
    mark_upright(bytes(block))


def save_png_as(path: Path, image: Image.Image) -> Path:
    image.save(path, "PNG")
    return path


def test_palette_and_single_bits_are_expanded(tmp_path: Path) -> None:
    gradient = Image.fromarray(np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1)))
    palette = gradient.convert("RGB").quantize(16)
    photo = read_image(save_png_as(tmp_path / "palette.png", palette))
    np.testing.assert_array_equal(np.rint(photo.pixels * 255), np.asarray(palette.convert("RGB")))
    bits = read_image(save_png_as(tmp_path / "bits.png", gradient.convert("1")))
    assert bits.pixels.shape == (64, 64, 1)
    assert set(np.unique(bits.pixels)) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([0.0, float("nan")], "no numbers"),
        ([0.0, float("inf")], "no numbers"),
    ],
)
def test_a_tiff_of_no_numbers_is_refused(tmp_path: Path, values: list[float], reason: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.array([values], np.float32))
    with pytest.raises(ImageReadError, match=reason):
        read_image(tmp_path / "a.tif")


def png_bytes() -> bytes:
    file = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda: b"", "empty"),
        (lambda: b"hello", "not a picture"),
        (lambda: png_bytes()[:500], r"the last 8\d % of its rows are missing"),
        (lambda: png_bytes()[:20], "ends too early"),
        (lambda: b"GIF89a" + bytes(50), "GIF"),
        (lambda: bytes(4) + b"ftypheic" + bytes(50), "HEIC"),
        (lambda: b"FUJIFILMCCD-RAW" + bytes(50), "camera raw file is not known"),
    ],
)
def test_other_files_are_refused_with_the_reason(tmp_path: Path, content: Callable[[], bytes], reason: str) -> None:
    with pytest.raises(ImageReadError, match=reason) as caught:
        read_image(write_bytes(tmp_path / "a.png", content()))
    assert caught.value.hint


@pytest.mark.timeout(20)
def test_a_run_length_coded_bmp_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    header = struct.pack("<2sIHHI", b"BM", 1082, 0, 0, 1078)
    header += struct.pack("<IiiHHIIiiII", 40, 20_000, 10_000, 1, 8, 1, 0, 0, 0, 256, 0)
    path = write_bytes(tmp_path / "a.bmp", header + bytes(1024) + b"\x00\x01")
    for read in (probe_image, read_image):
        with pytest.raises(ImageReadError, match="too small"):
            read(path)


@pytest.mark.timeout(20)
def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ImageReadError, match="folder"):
        read_image(tmp_path / "folder.png")
    with pytest.raises(ImageReadError, match="not there"):
        read_image(tmp_path / "missing.png")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        with pytest.raises(ImageReadError, match="pipe"):
            read_image(tmp_path / "pipe.png")


def test_content_decides_not_the_name(tmp_path: Path) -> None:
    path = write_bytes(tmp_path / "really_a_png.jpg", png_bytes())
    assert read_image(path).metadata.file_format == "png"
    assert probe_image(path) == ImageInfo(width=32, height=32, num_channels=3, bit_depth=8, file_format="png")


def test_thumbnails_are_small_and_never_enlarged(tmp_path: Path) -> None:
    write_image(tmp_path / "a.jpg", random_photo(300, 400, 3, 8, False))
    write_image(tmp_path / "gray16.png", random_photo(50, 20, 1, 16, True))
    assert read_thumbnail(tmp_path / "a.jpg", 128).shape == (96, 128, 3)
    thumbnail = read_thumbnail(tmp_path / "gray16.png", 128)
    assert thumbnail.shape == (50, 20, 3)
    assert thumbnail.dtype == np.uint8


@pytest.mark.parametrize(
    ("suffix", "options", "reason"),
    [
        (".jpg", {"has_alpha": True}, "transparency"),
        (".jpg", {"bit_depth_asked": 16}, "16 bits"),
        (".webp", {"width": 16_384}, "16,383"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(
    tmp_path: Path, suffix: str, options: dict[str, Any], reason: str
) -> None:
    photo = random_photo(1, options.get("width", 4), 3, 8, options.get("has_alpha", False))
    with pytest.raises(ImageWriteError, match=reason):
        write_image(tmp_path / f"a{suffix}", photo, bit_depth=options.get("bit_depth_asked"))
    assert list(tmp_path.iterdir()) == []


def test_no_numbers_are_never_written(tmp_path: Path) -> None:
    with pytest.raises(ImageWriteError, match="no numbers"):
        write_image(tmp_path / "a.png", PhotoImage(np.full((2, 2, 3), np.nan, np.float32)))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageWriteError, match="not there"):
        write_image(tmp_path / "missing" / "a.png", random_photo(2, 2, 3, 8, False))


def test_pixels_are_read_only_and_checked(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", random_photo(4, 4, 3, 8, True))
    photo = read_image(tmp_path / "a.png")
    assert not photo.pixels.flags.writeable
    assert photo.alpha is not None
    assert not photo.alpha.flags.writeable
    with pytest.raises(ValueError, match="float32"):
        PhotoImage(np.zeros((4, 4, 3), np.float64))


def test_endings() -> None:
    assert format_of_name(Path("a.JPEG")) == "jpeg"
    assert format_of_name(Path("a.tif")) == "tiff"
    assert format_of_name(Path("a.txt")) is None


def test_each_format_has_an_encoder() -> None:
    assert ENCODERS.keys() == FORMATS.keys()


def test_the_same_upright_picture_from_every_orientation(shared_data: Path) -> None:
    files = sorted((shared_data / "odd_files/exif_orientation").glob("*.jpg"))
    assert len(files) == 9
    expected = read_image(files[1]).pixels
    for path in files:
        pixels = read_image(path).pixels
        assert pixels.shape == expected.shape
        assert float(np.abs(pixels - expected).mean()) < 0.02
        thumbnail = read_thumbnail(path, 200).astype(np.float32)
        assert float(np.abs(thumbnail - read_thumbnail(files[1], 200)).mean()) < 3


ODD_FILES_READER = """
import sys
from pathlib import Path
import numpy as np
from engine.photo_files.photos import ImageInfo, PhotoImage, probe_image, read_image, read_thumbnail
from engine.contracts.errors import ImageReadError

num_read = num_refused = 0
for path in sorted(Path(sys.argv[1]).rglob("*")):
    outcomes = []
    for read in (probe_image, read_image, lambda file: read_thumbnail(file, 96)):
        print(path, file=sys.stdout, flush=True)
        try:
            outcomes.append(read(path))
        except ImageReadError as error:
            assert error.message.endswith(".") and error.hint.endswith("."), error
            outcomes.append(None)
    info, photo, thumbnail = outcomes
    assert (photo is None) == (thumbnail is None), path
    if photo is None:
        num_refused += 1
        continue
    num_read += 1
    assert photo.pixels.dtype == np.float32 and not photo.pixels.flags.writeable
    assert 0 <= photo.normalised.min() and photo.normalised.max() <= 1
    height, width, num_channels = photo.pixels.shape
    assert num_channels in (1, 3)
    assert photo.alpha is None or photo.alpha.shape == (height, width)
    assert info == ImageInfo(
        width=width, height=height, num_channels=num_channels,
        bit_depth=photo.metadata.bit_depth, file_format=photo.metadata.file_format,
        has_alpha=photo.alpha is not None, num_extra=0 if photo.extra is None else photo.extra.shape[2],
        sample_type=photo.metadata.sample_type, channels_are_gray=photo.metadata.channels_are_gray,
    ), path
    assert thumbnail.dtype == np.uint8 and thumbnail.shape[2] == 3 and max(thumbnail.shape[:2]) <= 96
print(num_read, num_refused)
"""


@pytest.mark.slow
@pytest.mark.timeout(SECONDS_FOR_ALL_ODD_FILES + 20)
def test_every_odd_file_is_read_or_refused(shared_data: Path) -> None:
    """In a process of its own: a crash, a hang or a message on the console is a failure."""
    result = subprocess.run(
        [sys.executable, "-c", ODD_FILES_READER, str(shared_data / "odd_files")],
        capture_output=True,
        text=True,
        timeout=SECONDS_FOR_ALL_ODD_FILES,
        check=False,
    )
    lines = result.stdout.splitlines()
    assert result.returncode == 0, f"at {lines[-1] if lines else 'start'}: {result.stderr[-2000:]}"
    assert result.stderr == ""
    num_read, num_refused = map(int, lines[-1].split())
    assert num_read >= 300
    assert num_refused >= 100
