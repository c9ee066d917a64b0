"""What files say of their colours, made without the engine, and what that means: sRGB by formulas or by LittleCMS."""

import struct
import zlib
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

D65 = (0.3127, 0.3290)
SRGB_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
P3_PRIMARIES = ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
ADOBE_PRIMARIES = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
SRGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


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


def of_p3(values: NDArray[Any]) -> NDArray[Any]:
    return encode_srgb(decode_srgb(values) @ to_srgb_primaries(P3_PRIMARIES).T)


def of_power(values: NDArray[Any], gamma: float, primaries: tuple[tuple[float, float], ...]) -> NDArray[Any]:
    return encode_srgb((values**gamma) @ to_srgb_primaries(primaries).T)


def rgb_profile_of(gamma: float, primaries: tuple[tuple[float, float], ...] = SRGB_PRIMARIES) -> bytes:
    numbers = [number for x, y in primaries for number in (x, y, 1.0)]
    return bytes(imagecodecs.cms_profile("rgb", whitepoint=[*D65, 1.0], primaries=numbers, gamma=gamma))


def gray_profile_of(gamma: float) -> bytes:
    return bytes(imagecodecs.cms_profile("gray", gamma=gamma))


def press_profile() -> bytes:
    """A press: lookup table from CMYK to L*a*b* whose inks are weaker than ideal ones."""
    steps = np.linspace(0, 1, 5)
    inks = np.stack(np.meshgrid(*[steps] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    light = np.prod(1 - 0.8 * inks[:, None, :] * np.array([[1, 0.2, 0, 1], [0.3, 1, 0.1, 1], [0.1, 0.4, 1, 1]]), axis=2)
    lab = np.stack(
        [100 * light.mean(axis=1), 60 * (light[:, 0] - light[:, 1]), 60 * (light[:, 1] - light[:, 2])], axis=1
    )
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


def shown(samples: NDArray[np.uint8], profile: bytes | None) -> NDArray[Any]:
    """What a viewer with colour management shows, by LittleCMS: height x width x 3, sRGB, 0 to 1.

    Args:
        samples: Height x width x 1 (gray), 3 (RGB) or 4 (inks).
        profile: Of as many channels; without one inks are ideal, all else is sRGB.
    """
    num_channels = samples.shape[2]
    if profile is None:
        if num_channels == 4:
            light = 1 - samples / 255
            return np.asarray(light[:, :, :3] * light[:, :, 3:])
        return np.broadcast_to(samples / 255, (*samples.shape[:2], 3))
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[num_channels]
    assert profile[16:20] == {"L": b"GRAY", "RGB": b"RGB ", "CMYK": b"CMYK"}[mode], "a profile of other colours"
    image = Image.frombytes(mode, samples.shape[1::-1], samples.tobytes())
    return np.asarray(ImageCms.applyTransform(image, _to_srgb(profile, mode))) / 255


@lru_cache(maxsize=100)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    """By the intent of photos, for inks by that of pictures."""
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB", 0 if mode == "CMYK" else 1)


def seen(path: Path) -> NDArray[Any]:
    """What such a viewer shows of a file of 8 bits without transparency."""
    with Image.open(path) as image:
        image.load()
        plain = image if image.mode == "L" else image.convert("RGB")
        samples = np.asarray(plain).reshape(image.height, image.width, -1)
        return shown(samples, image.info.get("icc_profile"))


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


def icc_chunk(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"x\x00\x00" + zlib.compress(profile))


P3_CODES = chunk(b"cICP", bytes((12, 13, 0, 1)))


def adobe_exif() -> bytes:
    """As cameras write it that are set to Adobe RGB: directories 0, EXIF and interoperability."""
    interoperability = struct.pack("<HHHI4sI", 1, 1, 2, 4, b"R03\x00", 0)
    exif = struct.pack("<HHHIIHHIII", 2, 0xA001, 3, 1, 0xFFFF, 0xA005, 4, 1, 26 + 30, 0)
    main = struct.pack("<HHHIII", 1, 0x8769, 4, 1, 26, 0)
    return b"II*\x00\x08\x00\x00\x00" + main + exif + interoperability


def bmp_header(
    colours: str, pixel_bytes: int, width: int, height: int, per_metre: tuple[int, int] = (0, 0)
) -> tuple[bytes, bytes]:
    """The fifth header of a BMP of 24 bits, with colours of gamma 1.8 stated or embedded; and what ends the file."""
    profile = rgb_profile_of(1.8)
    matrix = [round(v * 2**30) for v in (0.4124, 0.2126, 0.0193, 0.3576, 0.7152, 0.1192, 0.1805, 0.0722, 0.9505)]
    kind, ends, gamma, tail = {
        "embedded": (b"DEBM", [0] * 9, 0, profile),
        "stated": (bytes(4), matrix, round(1.8 * 65536), b""),
    }[colours]
    header = struct.pack("<IiiHHIIiiII", 124, width, height, 1, 24, 0, pixel_bytes, *per_metre, 0, 0) + bytes(16) + kind
    header += struct.pack("<9i3I", *ends, *[gamma] * 3) + struct.pack("<4I", 4, 124 + pixel_bytes, len(tail), 0)
    return struct.pack("<2sIHHI", b"BM", 138 + pixel_bytes + len(tail), 0, 0, 138) + header, tail
