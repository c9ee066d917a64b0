"""Colours that a file describes in other words than an ICC profile, put into the words of one.

PNG (third edition, sections 4.3 and 11.3.2), HEIF and AVIF name code points of ITU-T H.273; PNG can also state a power
and the chromaticities of its primary colours, as BMP can; a camera notes in EXIF that a JPEG is in Adobe RGB.
"""

import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.photo_files.colour.icc_profiles import (
    SRGB_CHROMATICITIES,
    SRGB_CURVE,
    Chromaticities,
    gray_profile,
    parametric_curve,
    read_code_points,
    rgb_profile,
    sampled_curve,
)
from engine.photo_files.exif import read_interoperability_index

PNG_COLOUR_CHUNKS: Final = (b"cICP", b"sRGB", b"gAMA", b"cHRM")

_D65: Final = (0.3127, 0.3290)
_UNSPECIFIED: Final = 2
_PRIMARIES: Final[Mapping[int, Chromaticities]] = {
    1: SRGB_CHROMATICITIES,
    # "Unspecified": the standards of HEIF and AVIF take these.
    _UNSPECIFIED: SRGB_CHROMATICITIES,
    4: Chromaticities((0.310, 0.316), (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: Chromaticities(_D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: Chromaticities(_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: Chromaticities(_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    9: Chromaticities(_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: Chromaticities((0.314, 0.351), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: Chromaticities(_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: Chromaticities(_D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}
_VIDEO_CURVE: Final = parametric_curve(1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_CURVES: Final[Mapping[int, bytes]] = {
    1: _VIDEO_CURVE,
    _UNSPECIFIED: SRGB_CURVE,
    4: parametric_curve(2.2),
    5: parametric_curve(2.8),
    6: _VIDEO_CURVE,
    8: parametric_curve(1.0),
    13: SRGB_CURVE,
    14: _VIDEO_CURVE,
    15: _VIDEO_CURVE,
    17: parametric_curve(2.6),
}
_PERCEPTUAL_QUANTIZER: Final = 16
_HYBRID_LOG_GAMMA: Final = 18
_NUM_CURVE_POINTS: Final = 4096
# ITU-R BT.2408: what white paper has, and the peak that hybrid log-gamma is made for.
_WHITE_NITS: Final = 203.0
_HYBRID_PEAK_NITS: Final = 1000.0
_SHOULDER: Final = 0.6
_PNG_GAMMA_OF_SRGB: Final = 45455
_PNG_GAMMA_TOLERANCE: Final = 500
_CHROMATICITY_TOLERANCE: Final = 0.002
_ADOBE_RGB: Final = Chromaticities(_D65, (0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
_ADOBE_GAMMA: Final = 2.19921875
_ADOBE_INTEROPERABILITY: Final = "R03"


@lru_cache(maxsize=16)
def profile_of_code_points(code_points: bytes, num_colours: int) -> bytes | None:
    """Return the profile that says what code points of ITU-T H.273 say.

    Light beyond white is kept in the values; the profile shows it compressed, and holds the code points too, for
    programs that can show it.

    Args:
        code_points: Primaries, transfer characteristics, matrix, full range: a byte each. The last two are done with.
        num_colours: Of the picture: 1 (gray) or 3 (RGB).

    Returns:
        The profile; None where this is sRGB, or the numbers are reserved ones.
    """
    primaries, transfer = code_points[0], code_points[1]
    chromaticities, curve = _PRIMARIES.get(primaries), _CURVES.get(transfer)
    is_high_range = transfer in (_PERCEPTUAL_QUANTIZER, _HYBRID_LOG_GAMMA)
    if is_high_range:
        curve = _high_range_curve(transfer)
    if chromaticities is None or curve is None:
        return None
    # Behind the decoder the values are RGB of full range.
    return _profile(chromaticities, curve, num_colours, bytes((primaries, transfer, 0, 1)) if is_high_range else None)


def code_points_of_profile(icc_profile: bytes | None) -> bytes | None:
    """Return the code points that a profile was made of by `profile_of_code_points`; None for any other profile."""
    if icc_profile is None:
        return None
    code_points = read_code_points(icc_profile)
    if code_points is None or profile_of_code_points(code_points, 3) != icc_profile:
        return None
    return code_points


def profile_of_png(chunks: Mapping[bytes, bytes], icc_profile: bytes | None, num_colours: int) -> bytes | None:
    """Return the profile of a PNG: the first description that is valid counts (cICP, iCCP, sRGB, then gAMA and cHRM).

    Args:
        chunks: The bodies of those of `PNG_COLOUR_CHUNKS` that it has.
        icc_profile: Of its iCCP chunk.
        num_colours: 1 (gray) or 3 (RGB, palettes too).

    Returns:
        The profile; None: sRGB.
    """
    code_points = png_code_points(chunks)
    if code_points is not None:
        return profile_of_code_points(code_points, num_colours)
    if icc_profile is not None and icc_profile[16:20] == (b"GRAY" if num_colours == 1 else b"RGB "):
        return icc_profile
    gamma_chunk, points_chunk = chunks.get(b"gAMA", b""), chunks.get(b"cHRM", b"")
    if b"sRGB" in chunks or (len(gamma_chunk) != 4 and len(points_chunk) != 32):
        return None
    curve, chromaticities = SRGB_CURVE, SRGB_CHROMATICITIES
    if len(points_chunk) == 32:
        numbers = [number / 100_000 for number in struct.unpack(">8I", points_chunk)]
        stated = Chromaticities(*((numbers[at], numbers[at + 1]) for at in (0, 2, 4, 6)))
        if np.abs(np.array(stated) - np.array(SRGB_CHROMATICITIES)).max() > _CHROMATICITY_TOLERANCE:
            chromaticities = stated
    if len(gamma_chunk) == 4:
        (gamma,) = struct.unpack(">I", gamma_chunk)
        is_srgb_like = abs(gamma - _PNG_GAMMA_OF_SRGB) <= _PNG_GAMMA_TOLERANCE
        # The standard has sRGB pictures state 1/2.2 for programs that know nothing better.
        if gamma and not (is_srgb_like and (num_colours == 1 or chromaticities is SRGB_CHROMATICITIES)):
            curve = parametric_curve(100_000 / gamma)
    return _profile(chromaticities, curve, num_colours, None)


def png_code_points(chunks: Mapping[bytes, bytes]) -> bytes | None:
    """Return the body of a PNG's cICP chunk where it can be understood."""
    body = chunks.get(b"cICP", b"")
    is_known = len(body) == 4 and body[0] in _PRIMARIES and (body[1] in _CURVES or body[1] in (16, 18))
    # Other matrices than that of RGB are not allowed in a PNG.
    return body if is_known and body[2] == 0 and body[:2] != bytes((_UNSPECIFIED, _UNSPECIFIED)) else None


def profile_of_bmp(start: bytes, read_at: Callable[[int, int], bytes], num_colours: int) -> bytes | None:
    """Return the profile of a BMP: embedded in its fifth header, or stated in its fourth or fifth as XYZ and powers.

    Args:
        start: The file's first 138 bytes.
        read_at: Returns so many bytes of the file from a place on.
        num_colours: 1 (gray) or 3 (RGB).
    """
    if len(start) < 138:
        return None
    (header_bytes,) = struct.unpack_from("<I", start, 14)
    kind = start[14 + 56 : 14 + 60]
    if header_bytes >= 124 and kind == b"DEBM":
        offset, size = struct.unpack_from("<II", start, 14 + 112)
        profile = read_at(14 + offset, size) if 128 < size <= 32 * 2**20 else b""
        return profile if len(profile) == size and profile[36:40] == b"acsp" else None
    if header_bytes < 108 or kind != bytes(4):
        return None
    ends = np.array(struct.unpack_from("<9i", start, 14 + 60), np.float64).reshape(3, 3) / 2**30
    gammas = np.array(struct.unpack_from("<3I", start, 14 + 96), np.float64) / 2**16
    sums = ends.sum(axis=1)
    if (sums <= 0).any() or not (0.1 < gammas.min() <= gammas.max() < 10) or ends.sum(axis=0).min() <= 0:
        return None
    white = ends.sum(axis=0)
    places = [(float(xyz[0] / xyz.sum()), float(xyz[1] / xyz.sum())) for xyz in (white, *ends)]
    return _profile(Chromaticities(*places), parametric_curve(float(gammas.mean())), num_colours, None)


def profile_of_exif(exif: bytes | None, num_colours: int) -> bytes | None:
    """Return the profile of a photo of a camera that was set to Adobe RGB and says so in EXIF alone (DCF 2.0).

    Args:
        exif: The block, beginning with its byte order mark.
        num_colours: 1 (gray) or 3 (RGB).
    """
    if exif is None or read_interoperability_index(exif) != _ADOBE_INTEROPERABILITY:
        return None
    return _profile(_ADOBE_RGB, parametric_curve(_ADOBE_GAMMA), num_colours, None)


def narrow_to_full_range(samples: NDArray[Any], num_colours: int) -> NDArray[Any]:
    """Spread the values of video, of which 16 of 255 is black and 235 white, over the full range.

    Args:
        samples: Height x width x channels, uint8 or uint16.
        num_colours: How many of the channels are colours; the others stay.
    """
    unit = 1 if samples.dtype == np.uint8 else 256
    top = float(np.iinfo(samples.dtype).max)
    spread = (samples[:, :, :num_colours].astype(np.float32) - 16 * unit) * np.float32(top / (219 * unit))
    full = np.rint(np.clip(spread, 0, top)).astype(samples.dtype)
    return np.concatenate([full, samples[:, :, num_colours:]], axis=2)


def _profile(chromaticities: Chromaticities, curve: bytes, num_colours: int, code_points: bytes | None) -> bytes | None:
    is_srgb_curve = curve == SRGB_CURVE
    if num_colours == 1:
        return None if is_srgb_curve else gray_profile(curve)
    if is_srgb_curve and chromaticities == SRGB_CHROMATICITIES:
        return None
    return rgb_profile(chromaticities, curve, code_points)


def _high_range_curve(transfer: int) -> bytes:
    """Return the curve that shows light of a high range on a display that ends at white.

    Up to three fifths of white nothing changes; what is brighter nears white without reaching it.
    """
    values = np.linspace(0, 1, _NUM_CURVE_POINTS)
    if transfer == _PERCEPTUAL_QUANTIZER:
        # SMPTE ST 2084, equation 4.1.
        power = values ** (1 / 78.84375)
        nits = 10_000 * (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)
    else:
        # ITU-R BT.2100, table 5; the system's gamma of 1.2 is applied to each colour alone.
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(values <= 0.5, values**2 / 3, (np.exp((values - c) / a) + b) / 12)
        nits = _HYBRID_PEAK_NITS * scene**1.2
    light = nits / _WHITE_NITS
    rest = 1 - _SHOULDER
    shown = np.where(light <= _SHOULDER, light, _SHOULDER + rest * (1 - np.exp(-(light - _SHOULDER) / rest)))
    return sampled_curve(shown)
