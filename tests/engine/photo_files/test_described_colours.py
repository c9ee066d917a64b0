"""What a file says of its colours counts, whatever words it uses, and stays true in every format that is written.

Each format's usual words are in `tests/trust/test_what_is_kept.py`; here are the rare ones.
"""

from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PySide6.QtGui import QColorSpace

from engine.photo_files.colour.icc_profiles import sampled_curve
from engine.photo_files.photos import ImageMetadata, PhotoImage, read_image, write_image
from tests.colour_makers import (
    ADOBE_PRIMARIES,
    adobe_exif,
    chunk,
    encode_srgb,
    gray_profile_of,
    press_profile,
    rgb_profile_of,
    seen,
    to_srgb_primaries,
    write_png,
)


def colours(seed: int = 0) -> NDArray[np.uint8]:
    """Mild colours, so that none leaves sRGB."""
    gray = np.random.default_rng(seed).integers(40, 200, (16, 16, 1))
    return (gray + np.random.default_rng(seed + 1).integers(0, 40, (16, 16, 3))).astype(np.uint8)


def test_video_range_is_spread(tmp_path: Path) -> None:
    pixels = np.repeat(np.linspace(16, 235, 64).astype(np.uint8).reshape(8, 8, 1), 3, axis=2)
    photo = read_image(write_png(tmp_path / "a.png", pixels, chunk(b"cICP", bytes((1, 13, 0, 0)))))
    np.testing.assert_allclose(photo.pixels, (pixels - 16.0) / 219, atol=0.003)
    assert photo.metadata.icc_profile is None


@pytest.mark.parametrize("transfer", [16, 18])
def test_high_dynamic_range_keeps_its_values_and_what_they_mean(tmp_path: Path, transfer: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (16, 16, 3), dtype=np.uint16)
    codes = bytes((9, transfer, 0, 1))
    photo = read_image(write_png(tmp_path / "a.png", pixels, chunk(b"cICP", codes)))
    write_image(tmp_path / "b.png", photo)
    content = (tmp_path / "b.png").read_bytes()
    assert chunk(b"cICP", codes) in content
    np.testing.assert_array_equal(imagecodecs.png_decode(content), pixels)
    # A program that knows ICC alone shows white paper (203 nits) as nearly white, and nothing brighter than white.
    profile = ImageCms.ImageCmsProfile(BytesIO(photo.metadata.icc_profile or b""))
    paper = 0.5807 if transfer == 16 else 0.75
    shades = Image.fromarray(np.array([[[0] * 3, [round(255 * paper)] * 3, [255] * 3]], np.uint8))
    transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), "RGB", "RGB", 1)
    black, white, peak = np.asarray(ImageCms.applyTransform(shades, transform))[0, :, 1]
    assert black == 0
    assert 225 < white < 245
    assert peak >= 254
    assert QColorSpace.fromIccProfile(photo.metadata.icc_profile or b"").isValid()


@pytest.mark.parametrize("target", ["jpg", "png", "bmp"])
def test_adobe_rgb_that_only_the_camera_s_note_tells(tmp_path: Path, target: str) -> None:
    flat = np.tile(np.array([200, 120, 90], np.uint8), (16, 16, 1))
    Image.fromarray(flat).save(tmp_path / "a.jpg", quality=100, exif=b"Exif\x00\x00" + adobe_exif())
    write_image(tmp_path / f"b.{target}", read_image(tmp_path / "a.jpg"), metadata="none", jpeg_quality=100)
    expected = encode_srgb(((flat / 255) ** 2.19921875) @ to_srgb_primaries(ADOBE_PRIMARIES).T)
    assert np.abs(seen(tmp_path / f"b.{target}") - expected).mean() * 255 < 2


def test_gray_with_a_profile_for_colours(tmp_path: Path) -> None:
    """As scanners write it: no file may hold both, yet the values must mean the same."""
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(gray).save(tmp_path / "a.jpg", quality=100, icc_profile=rgb_profile_of(1.8))
    for target in ("jpg", "tif", "webp", "png", "bmp"):
        write_image(tmp_path / f"b.{target}", read_image(tmp_path / "a.jpg"), jpeg_quality=100)
        assert np.abs(seen(tmp_path / f"b.{target}") - encode_srgb((gray[:, :, None] / 255) ** 1.8)).max() < 0.03
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(gray).save(tmp_path / "c.jpg", icc_profile=srgb)
    assert read_image(tmp_path / "c.jpg").metadata.icc_profile is None, "gray of sRGB needs none"


LAB_STORED: dict[str, Any] = {
    "cielab": lambda lab, unit, top: np.stack(
        [lab[..., 0] / 100 * top, lab[..., 1] * unit, lab[..., 2] * unit], axis=-1
    ),
    "icclab": lambda lab, unit, top: np.stack(
        [lab[..., 0] / 100 * (top if unit == 1 else 65280), (lab[..., 1] + 128) * unit, (lab[..., 2] + 128) * unit],
        axis=-1,
    ),
    "itulab": lambda lab, unit, top: np.stack(
        [lab[..., 0] / 100 * top, lab[..., 1] * top / 170 + 128 * unit, lab[..., 2] * top / 200 + 96 * unit], axis=-1
    ),
}


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("encoding", LAB_STORED)
def test_lab_of_white_d50(tmp_path: Path, encoding: str, bits: int) -> None:
    generator = np.random.default_rng(0)
    lab = np.dstack([generator.uniform(20, 90, (16, 16)), generator.uniform(-25, 25, (16, 16, 2))])
    lab[0, 0], lab[0, 1] = (100, 0, 0), (50, 0, 0)
    unit, top = (1, 255) if bits == 8 else (256, 65535)
    stored = np.rint(LAB_STORED[encoding](lab, unit, top)).astype(np.int64).astype(np.uint8 if bits == 8 else np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric=encoding)
    pixels = read_image(tmp_path / "a.tif").pixels
    # LittleCMS, whose L*a*b* has this white.
    numbers = np.rint(lab * [2.55, 1, 1]).astype(np.int64).astype(np.uint8)
    image = Image.frombytes("LAB", (16, 16), numbers.tobytes())
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("LAB", 5000), ImageCms.createProfile("sRGB"), "LAB", "RGB", 1
    )
    shown = np.asarray(ImageCms.applyTransform(image, transform))
    assert np.abs(pixels * 255 - shown).mean() < (2.0 if bits == 8 else 1.2)
    np.testing.assert_allclose(pixels[0, 0], 1, atol=0.01)
    assert float(np.ptp(pixels[0, 1])) < 0.01, "gray stays gray"


def test_no_profile_of_another_number_of_channels_is_written(tmp_path: Path) -> None:
    for profile in (gray_profile_of(1.8), rgb_profile_of(1.8), press_profile(), b"damaged", sampled_curve(np.ones(2))):
        for num_channels in (1, 3):
            metadata = ImageMetadata(file_format="png", bit_depth=8, icc_profile=profile)
            for target in ("png", "jpg", "webp", "tif", "bmp"):
                write_image(
                    tmp_path / f"a.{target}", PhotoImage(np.full((4, 4, num_channels), 0.5, np.float32), None, metadata)
                )
                seen(tmp_path / f"a.{target}")
