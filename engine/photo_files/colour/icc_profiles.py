"""ICC profiles: what fits a picture, new ones for colours that a file describes in other words, and conversions.

A file's values stay as they are where a profile can say what they mean: converting them would clip colours and round.
Layout of profiles and tags: ICC.1:2022.
"""

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import imagecodecs
import numpy as np
from numpy.typing import NDArray

_COLOUR_MODEL: Final = slice(16, 20)
_NUM_CURVE_POINTS: Final = 1024
_SRGB: Final[bytes] = bytes(imagecodecs.cms_profile("srgb"))
_LINEAR_GRAY: Final[bytes] = bytes(imagecodecs.cms_profile("gray", gamma=1.0))
_D50: Final = (0.9642, 1.0, 0.8249)
_BRADFORD: Final = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_HALF_A_LEVEL: Final = 0.5 / 255
_ONE_LEVEL: Final = 1.02 / 255
# As in the profiles that others make: a viewer that converts for another purpose is not held back.
_RELATIVE_COLORIMETRIC: Final = 1
_PERCEPTUAL: Final = 0


class Chromaticities(NamedTuple):
    """Where in the CIE 1931 diagram a picture's white and its three primary colours lie, each as x and y."""

    white: tuple[float, float]
    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]


SRGB_CHROMATICITIES: Final = Chromaticities((0.3127, 0.3290), (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))


def parametric_curve(gamma: float, *linear_part: float) -> bytes:
    """Return a curve element: a power, or one that begins with a straight line.

    Args:
        gamma: The exponent from stored values to light.
        linear_part: None, or a, b, c, d of ICC's function type 3: (a x + b) ** gamma from d on, c x below it.
    """
    kind = 3 if linear_part else 0
    numbers = b"".join(struct.pack(">i", round(number * 65536)) for number in (gamma, *linear_part))
    return b"".join((b"para", bytes(4), struct.pack(">HH", kind, 0), numbers))


SRGB_CURVE: Final = parametric_curve(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def sampled_curve(light: NDArray[Any]) -> bytes:
    """Return a curve element.

    Args:
        light: What evenly spaced stored values, the first 0 and the last 1, mean as light: 0 to 1.
    """
    numbers = np.rint(np.clip(light, 0, 1) * 65535).astype(">u2")
    return b"".join((b"curv", bytes(4), struct.pack(">I", len(numbers)), numbers.tobytes()))


def gray_profile(curve: bytes) -> bytes:
    """Return the profile of gray pictures whose values mean light by a curve element."""
    return _profile(b"GRAY", [(b"wtpt", _xyz_element(_D50)), (b"kTRC", curve)])


def rgb_profile(chromaticities: Chromaticities, curve: bytes, code_points: bytes | None = None) -> bytes | None:
    """Return the profile of pictures of three primary colours.

    Args:
        chromaticities: Of the primary colours and white.
        curve: From stored values to light, a curve element that all three share.
        code_points: The four numbers of ITU-T H.273 that describe the same, for programs that show high dynamic range.

    Returns:
        The profile; None where the chromaticities cannot be those of a picture.
    """
    points = np.array(chromaticities, np.float64)
    if not np.isfinite(points).all() or (points[:, 1] <= 0).any():
        return None
    white, *colours = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in points)
    try:
        to_xyz = np.column_stack(colours) * np.linalg.solve(np.column_stack(colours), white)
    except np.linalg.LinAlgError:
        return None
    cone_ratio = (_BRADFORD @ np.array(_D50)) / (_BRADFORD @ white)
    adaptation = np.linalg.inv(_BRADFORD) @ np.diag(cone_ratio) @ _BRADFORD
    adapted = adaptation @ to_xyz
    if not np.isfinite(adapted).all() or np.abs(adapted).max() > 10:
        return None
    tags = [(b"wtpt", _xyz_element(_D50)), (b"chad", b"sf32" + bytes(4) + _fixed(adaptation.ravel()))]
    tags += [(name, _xyz_element(column)) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), adapted.T, strict=True)]
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    if code_points is not None:
        tags.append((b"cicp", b"cicp" + bytes(4) + code_points))
    return _profile(b"RGB ", tags)


def read_code_points(icc_profile: bytes) -> bytes | None:
    """Return the four numbers of ITU-T H.273 that a profile holds beside its own description; None if it has none."""
    try:
        (num_tags,) = struct.unpack_from(">I", icc_profile, 128)
        for index in range(min(num_tags, 100)):
            name, offset, size = struct.unpack_from(">4sII", icc_profile, 132 + 12 * index)
            if name == b"cicp" and size >= 12:
                points = icc_profile[offset + 8 : offset + 12]
                return points if len(points) == 4 else None
    except struct.error:
        pass
    return None


@lru_cache(maxsize=32)
def fitting_profile(icc_profile: bytes | None, num_colours: int) -> bytes | None:
    """Return a profile with which a picture's values mean what they do with the one that it came with.

    A profile for colours says of a gray picture how bright its values are, and the other way round; but no file may
    hold a profile of another number of channels than its picture's.

    Args:
        icc_profile: As a file holds it.
        num_colours: Of the picture: 1 (gray) or 3 (RGB).

    Returns:
        The same where it fits, one made of its curve where that is what it tells, None where the values mean sRGB or
        the profile is no help (one of inks, or a broken one).
    """
    if icc_profile is None:
        return None
    model = icc_profile[_COLOUR_MODEL]
    if model == (b"GRAY" if num_colours == 1 else b"RGB "):
        return icc_profile
    if model not in (b"GRAY", b"RGB "):
        return None
    values = np.linspace(0, 1, _NUM_CURVE_POINTS, dtype=np.float32)
    is_gray = model == b"GRAY"
    ramp = values[None, :] if is_gray else np.repeat(values[None, :, None], 3, axis=2)
    light = _transformed(ramp, icc_profile, _LINEAR_GRAY, "gray" if is_gray else "rgb", "gray")
    if light is None:
        return None
    light = light.ravel()
    if np.abs(encode_srgb(light) - values).max() <= _HALF_A_LEVEL:
        return None
    curve = sampled_curve(light)
    return gray_profile(curve) if num_colours == 1 else rgb_profile(SRGB_CHROMATICITIES, curve)


def encode_srgb(light: NDArray[Any]) -> NDArray[Any]:
    """Return the stored values, 0 to 1, of linear light by IEC 61966-2-1; light is clipped to 0 to 1."""
    bounded = np.clip(light, 0, 1)
    encoded: NDArray[Any] = np.where(bounded <= 0.0031308, bounded * 12.92, 1.055 * bounded ** (1 / 2.4) - 0.055)
    return encoded


def convert_to_srgb(samples: NDArray[Any], icc_profile: bytes | None) -> NDArray[Any]:
    """Convert a picture for a format that has no place for its profile.

    Args:
        samples: Height x width x 1 to 4, uint8 or uint16, as in `DecodedImage`.
        icc_profile: Fitting the colours; None, or a broken one: they are sRGB already.

    Returns:
        Same shape and type; the samples themselves where there is nothing to convert.
    """
    if icc_profile is None or _means_srgb(icc_profile):
        return samples
    num_colours = 1 if samples.shape[2] <= 2 else 3
    colours = np.ascontiguousarray(samples[:, :, :num_colours])
    if num_colours == 1:
        converted = _transformed(colours[:, :, 0], icc_profile, _SRGB, "gray", "rgb")
        converted = None if converted is None else converted[:, :, :1]
    else:
        converted = _transformed(colours, icc_profile, _SRGB, "rgb", "rgb")
    if converted is None:
        return samples
    return np.concatenate([converted, samples[:, :, num_colours:]], axis=2)


def convert_inks_to_srgb(samples: NDArray[Any], icc_profile: bytes) -> NDArray[Any] | None:
    """Convert a picture of four inks by its press's profile.

    Args:
        samples: Height x width x 4, uint8 or uint16; 0 is no ink.
        icc_profile: The profile.

    Returns:
        Height x width x 3, same type; None where the profile is broken or one of other colours.
    """
    if icc_profile[_COLOUR_MODEL] != b"CMYK":
        return None
    return _transformed(np.ascontiguousarray(samples), icc_profile, _SRGB, "cmyk", "rgb", _PERCEPTUAL)


@lru_cache(maxsize=32)
def _means_srgb(icc_profile: bytes) -> bool:
    steps = np.linspace(0, 1, 9, dtype=np.float32)
    if icc_profile[_COLOUR_MODEL] == b"GRAY":
        values = np.linspace(0, 1, 256, dtype=np.float32)[None, :]
        converted = _transformed(values, icc_profile, _SRGB, "gray", "rgb")
        return converted is None or bool(np.abs(converted - values[:, :, None]).max() <= _ONE_LEVEL)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    converted = _transformed(np.ascontiguousarray(colours), icc_profile, _SRGB, "rgb", "rgb")
    return converted is None or bool(np.abs(converted - colours).max() <= _ONE_LEVEL)


def _transformed(
    samples: NDArray[Any],
    icc_profile: bytes,
    to_profile: bytes,
    model: str,
    to_model: str,
    intent: int = _RELATIVE_COLORIMETRIC,
) -> NDArray[Any] | None:
    """Convert by LittleCMS; None where a profile is broken."""
    try:
        converted: NDArray[Any] = imagecodecs.cms_transform(
            samples, icc_profile, to_profile, colorspace=model, outcolorspace=to_model, intent=intent
        )
    except (RuntimeError, ValueError, TypeError):
        return None
    return converted


def _profile(model: bytes, tags: Sequence[tuple[bytes, bytes]]) -> bytes:
    described = ((b"desc", "described colours"), (b"cprt", "none"))
    elements = [*((name, _text_element(text)) for name, text in described), *tags]
    table, body = b"", b""
    start = 128 + 4 + 12 * len(elements)
    places: dict[bytes, int] = {}
    for name, element in elements:
        if element not in places:
            places[element] = start + len(body)
            body += element + bytes(-len(element) % 4)
        table += struct.pack(">4sII", name, places[element], len(element))
    size = start + len(body)
    header = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x04400000, b"mntr", model, b"XYZ ")
    # A fixed date: the same description always gives the same bytes.
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(24) + struct.pack(">I", _RELATIVE_COLORIMETRIC)
    header += _fixed(_D50)
    return header.ljust(128, b"\x00") + struct.pack(">I", len(elements)) + table + body


def _text_element(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(encoded), 28) + encoded


def _xyz_element(xyz: Sequence[float] | NDArray[Any]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(xyz)


def _fixed(numbers: Sequence[float] | NDArray[Any]) -> bytes:
    return b"".join(struct.pack(">i", round(float(number) * 65536)) for number in numbers)
