"""What a file says of its colours counts, whatever words it uses, and stays true in every format that is written."""

import struct
import zlib
from dataclasses import replace
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

from engine.data.icc_profiles import SRGB_CHROMATICITIES, parametric_curve, rgb_profile, sampled_curve
from engine.data.image_files import ImageMetadata, PhotoImage, read_image, write_image

D65 = (0.3127, 0.3290)
SRGB_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
P3_PRIMARIES = ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
ADOBE_PRIMARIES = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))


def colours(seed: int = 0) -> NDArray[np.uint8]:
    """Mild colours, so that none leaves sRGB."""
    gray = np.random.default_rng(seed).integers(40, 200, (16, 16, 1))
    return (gray + np.random.default_rng(seed + 1).integers(0, 40, (16, 16, 3))).astype(np.uint8)


def encode_srgb(light: NDArray[Any]) -> NDArray[Any]:
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def decode_srgb(values: NDArray[Any]) -> NDArray[Any]:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def to_srgb_primaries(primaries: tuple[tuple[float, float], ...]) -> NDArray[Any]:
    def matrix(points: tuple[tuple[float, float], ...]) -> NDArray[Any]:
        xyz = np.array([[x / y, 1, (1 - x - y) / y] for x, y in points]).T
        white = np.array([D65[0] / D65[1], 1, (1 - sum(D65)) / D65[1]])
        return xyz * np.linalg.solve(xyz, white)

    return np.linalg.inv(matrix(SRGB_PRIMARIES)) @ matrix(primaries)


def seen(path: Path) -> NDArray[Any]:
    """What a viewer with colour management shows, by LittleCMS: sRGB, 0 to 1."""
    with Image.open(path) as image:
        image.load()
        profile = image.info.get("icc_profile")
        assert profile is None or profile[16:20] == (b"GRAY" if image.mode == "L" else b"RGB ")
        if profile is None:
            return np.asarray(image.convert("RGB")) / 255
        mode = "L" if image.mode == "L" else "RGB"
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB"), mode, "RGB", 1
        )
        return np.asarray(ImageCms.applyTransform(image.convert(mode), transform)) / 255


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def write_png(path: Path, pixels: NDArray[Any], *chunks: bytes) -> Path:
    content = imagecodecs.png_encode(pixels)
    path.write_bytes(content[:33] + b"".join(chunks) + content[33:])
    return path


def gamma_chunk(gamma: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(gamma * 100_000)))


def points_chunk(primaries: tuple[tuple[float, float], ...]) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *(round(v * 100_000) for point in (D65, *primaries) for v in point)))


P3_CODES = chunk(b"cICP", bytes((12, 13, 0, 1)))
ICC_OF_GAMMA_1 = rgb_profile(SRGB_CHROMATICITIES, parametric_curve(1.0))


def icc_chunk(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"x\x00\x00" + zlib.compress(profile))


def of_p3(values: NDArray[Any]) -> NDArray[Any]:
    return encode_srgb(decode_srgb(values) @ to_srgb_primaries(P3_PRIMARIES).T)


PNG_CASES: dict[str, tuple[tuple[bytes, ...], Any]] = {
    "linear": ((gamma_chunk(1.0),), encode_srgb),
    "gamma 1.8": ((gamma_chunk(1 / 1.8),), lambda v: encode_srgb(v**1.8)),
    "adobe": (
        (gamma_chunk(1 / 2.2), points_chunk(ADOBE_PRIMARIES)),
        lambda v: encode_srgb((v**2.2) @ to_srgb_primaries(ADOBE_PRIMARIES).T),
    ),
    "chromaticities alone": ((points_chunk(P3_PRIMARIES),), of_p3),
    "sRGB by its numbers": ((gamma_chunk(0.45455), points_chunk(SRGB_PRIMARIES)), lambda v: v),
    "sRGB before gamma": ((chunk(b"sRGB", b"\x00"), gamma_chunk(1.0)), lambda v: v),
    "profile before gamma": ((icc_chunk(ICC_OF_GAMMA_1 or b""), gamma_chunk(1 / 1.8)), encode_srgb),
    "display P3": ((P3_CODES,), of_p3),
    "code points before all": ((P3_CODES, icc_chunk(ICC_OF_GAMMA_1 or b""), gamma_chunk(1.0)), of_p3),
    "reserved code points": ((chunk(b"cICP", bytes((99, 99, 0, 1))), gamma_chunk(1.0)), encode_srgb),
    "BT.709": (
        (chunk(b"cICP", bytes((1, 1, 0, 1))),),
        lambda v: encode_srgb(np.where(v < 0.081, v / 4.5, ((v + 0.099) / 1.099) ** (1 / 0.45))),
    ),
}


@pytest.mark.parametrize("target", ["png", "tif", "jpg", "webp", "bmp"])
@pytest.mark.parametrize("name", PNG_CASES)
def test_a_png_looks_the_same_in_every_format(tmp_path: Path, name: str, target: str) -> None:
    chunks, meant = PNG_CASES[name]
    photo = read_image(write_png(tmp_path / "a.png", colours(), *chunks))
    lossless = PhotoImage(photo.pixels, None, replace(photo.metadata, file_format="webp"))
    write_image(tmp_path / f"b.{target}", lossless, jpeg_quality=100)
    expected = meant(colours() / 255)
    assert np.abs(seen(tmp_path / f"b.{target}") - expected).mean() * 255 < 1.0
    again = read_image(tmp_path / f"b.{target}")
    if target in ("png", "tif"):
        assert again.metadata.icc_profile == photo.metadata.icc_profile
        np.testing.assert_array_equal(again.pixels, photo.pixels)


@pytest.mark.parametrize("target", ["png", "tif", "jpg", "webp", "bmp"])
def test_gray_of_another_power(tmp_path: Path, target: str) -> None:
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    photo = read_image(write_png(tmp_path / "a.png", gray, gamma_chunk(1.0)))
    assert photo.pixels.shape[2] == 1
    write_image(tmp_path / f"b.{target}", photo, jpeg_quality=100)
    expected = encode_srgb(gray[:, :, None] / 255)
    assert np.abs(seen(tmp_path / f"b.{target}") - expected).mean() * 255 < 1.5


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


@pytest.mark.parametrize("bits", [8, 10])
def test_code_points_of_an_avif(tmp_path: Path, bits: int) -> None:
    pixels = np.repeat(np.repeat(colours()[::4, ::4], 16, axis=0), 16, axis=1)
    stored = pixels if bits == 8 else (pixels.astype(np.uint32) * 1023 // 255).astype(np.uint16)
    content = imagecodecs.avif_encode(stored, level=100, bitspersample=bits, primaries=12, transfer=13, matrix=0)
    (tmp_path / "a.avif").write_bytes(content)
    photo = read_image(tmp_path / "a.avif")
    write_image(tmp_path / "b.png", photo, file_format="png", bit_depth=8)
    assert np.abs(seen(tmp_path / "b.png") - of_p3(pixels / 255)).mean() * 255 < 2


def test_an_avif_of_srgb_needs_no_profile(tmp_path: Path) -> None:
    Image.fromarray(colours()).save(tmp_path / "a.avif")
    assert read_image(tmp_path / "a.avif").metadata.icc_profile is None


def adobe_exif() -> bytes:
    """As cameras write it that are set to Adobe RGB: directories 0, EXIF and interoperability."""
    interoperability = struct.pack("<HHHI4sI", 1, 1, 2, 4, b"R03\x00", 0)
    exif = struct.pack("<HHHIIHHIII", 2, 0xA001, 3, 1, 0xFFFF, 0xA005, 4, 1, 26 + 30, 0)
    main = struct.pack("<HHHIII", 1, 0x8769, 4, 1, 26, 0)
    return b"II*\x00\x08\x00\x00\x00" + main + exif + interoperability


@pytest.mark.parametrize("target", ["jpg", "png", "bmp"])
def test_adobe_rgb_that_only_the_camera_s_note_tells(tmp_path: Path, target: str) -> None:
    flat = np.tile(np.array([200, 120, 90], np.uint8), (16, 16, 1))
    Image.fromarray(flat).save(tmp_path / "a.jpg", quality=100, exif=b"Exif\x00\x00" + adobe_exif())
    write_image(tmp_path / f"b.{target}", read_image(tmp_path / "a.jpg"), metadata="none", jpeg_quality=100)
    expected = encode_srgb(((flat / 255) ** 2.19921875) @ to_srgb_primaries(ADOBE_PRIMARIES).T)
    assert np.abs(seen(tmp_path / f"b.{target}") - expected).mean() * 255 < 2


def test_a_bmp_s_own_words(tmp_path: Path) -> None:
    pixels = colours()
    profile = rgb_profile_of(1.8)
    rows = pixels[::-1, :, ::-1].tobytes()
    matrix = [round(v * 2**30) for v in (0.4124, 0.2126, 0.0193, 0.3576, 0.7152, 0.1192, 0.1805, 0.0722, 0.9505)]
    for name, kind, ends, gamma, tail in (
        ("embedded.bmp", b"DEBM", [0] * 9, 0, profile),
        ("stated.bmp", bytes(4), matrix, round(1.8 * 65536), b""),
    ):
        header = struct.pack("<IiiHHIIiiII", 124, 16, 16, 1, 24, 0, len(rows), 0, 0, 0, 0) + bytes(16) + kind
        header += struct.pack("<9i3I", *ends, *[gamma] * 3)
        header += struct.pack("<4I", 4, 124 + len(rows), len(tail), 0)
        start = struct.pack("<2sIHHI", b"BM", 14 + 124 + len(rows) + len(tail), 0, 0, 138)
        (tmp_path / name).write_bytes(start + header + rows + tail)
        write_image(tmp_path / "b.png", read_image(tmp_path / name))
        assert np.abs(seen(tmp_path / "b.png") - encode_srgb((pixels / 255) ** 1.8)).mean() * 255 < 1.5


def rgb_profile_of(gamma: float) -> bytes:
    return bytes(
        imagecodecs.cms_profile("rgb", whitepoint=[0.3127, 0.329, 1.0], primaries=_flat_primaries(), gamma=gamma)
    )


def _flat_primaries() -> list[float]:
    return [number for x, y in SRGB_PRIMARIES for number in (x, y, 1.0)]


def gray_profile_of(gamma: float) -> bytes:
    return bytes(imagecodecs.cms_profile("gray", gamma=gamma))


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


@pytest.mark.parametrize("target", ["webp", "png", "tif", "bmp"])
def test_gray_keeps_its_own_profile_or_its_look(tmp_path: Path, target: str) -> None:
    gray = np.arange(256, dtype=np.float32).reshape(16, 16, 1) / 255
    metadata = ImageMetadata(file_format="webp", bit_depth=8, icc_profile=gray_profile_of(1.8))
    write_image(tmp_path / f"b.{target}", PhotoImage(gray, None, metadata))
    assert np.abs(seen(tmp_path / f"b.{target}") - encode_srgb(gray**1.8)).max() < 0.02


def test_a_palette_keeps_its_profile(tmp_path: Path) -> None:
    palette = Image.fromarray(colours()).quantize(16)
    profile = rgb_profile_of(1.8)
    for name in ("a.png", "a.tif"):
        palette.save(tmp_path / name, icc_profile=profile)
        photo = read_image(tmp_path / name)
        assert photo.metadata.icc_profile == profile
        write_image(tmp_path / f"b{Path(name).suffix}", photo)
        expected = encode_srgb((np.asarray(palette.convert("RGB")) / 255) ** 1.8)
        assert np.abs(seen(tmp_path / f"b{Path(name).suffix}") - expected).mean() * 255 < 1


def press_profile() -> bytes:
    """A press: lookup table from CMYK to L*a*b* whose inks are weaker than ideal ones."""
    steps = np.linspace(0, 1, 5)
    inks = np.stack(np.meshgrid(*[steps] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    light = np.prod(1 - 0.8 * inks[:, None, :] * np.array([[1, 0.2, 0, 1], [0.3, 1, 0.1, 1], [0.1, 0.4, 1, 1]]), axis=2)
    lab = np.stack(
        [100 * light.mean(axis=1), 60 * (light[:, 0] - light[:, 1]), 60 * (light[:, 1] - light[:, 2])], axis=1
    )
    stored = np.rint(lab * [655.35, 257, 257] + [0, 128 * 257, 128 * 257]).clip(0, 65535).astype(">u2")
    identity = np.array([0, 65535], ">u2").tobytes()
    matrix = struct.pack(">9i", *[65536 if index % 4 == 0 else 0 for index in range(9)])
    table = b"mft2" + bytes(4) + bytes((4, 3, 5, 0)) + matrix + struct.pack(">HH", 2, 2)
    # The encoding of L*a*b* in lut16Type: 100 is 0xFF00, 0 of a* and b* 0x8000.
    stored = np.rint(lab * [652.8, 256, 256] + [0, 32768, 32768]).clip(0, 65535).astype(">u2")
    table += identity * 4 + stored.tobytes() + identity * 3
    table += bytes(-len(table) % 4)
    text = b"text" + bytes(4) + b"none\x00\x00\x00\x00"
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    start = 132 + 12 * 3
    tags = struct.pack(">4sII", b"A2B0", start, len(table))
    tags += struct.pack(">4sII", b"wtpt", start + len(table), len(white))
    tags += struct.pack(">4sII", b"cprt", start + len(table) + len(white), len(text))
    body = struct.pack(">I", 3) + tags + table + white + text
    header = struct.pack(">I4sI4s4s4s", 128 + len(body), bytes(4), 0x02400000, b"prtr", b"CMYK", b"Lab ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\x00") + body


@pytest.mark.parametrize("bits", [8, 16])
def test_inks_by_the_press_s_profile(tmp_path: Path, bits: int) -> None:
    inks = np.random.default_rng(0).integers(0, 256, (16, 16, 4), np.uint8)
    stored = inks if bits == 8 else inks.astype(np.uint16) * 257
    profile = press_profile()
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="separated", iccprofile=profile)
    photo = read_image(tmp_path / "a.tif")
    reference = ImageCms.profileToProfile(
        Image.fromarray(inks, "CMYK"), BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert np.abs(photo.pixels * 255 - np.asarray(reference)).max() < 1.01
    assert photo.metadata.icc_profile is None
    tifffile.imwrite(tmp_path / "b.tif", stored, photometric="separated")
    ideal = (1 - inks[:, :, :3] / 255) * (1 - inks[:, :, 3:] / 255)
    np.testing.assert_allclose(read_image(tmp_path / "b.tif").pixels, ideal, atol=0.003)


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
