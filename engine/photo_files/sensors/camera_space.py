"""What a camera's own colours are, as a DNG says it to whoever develops them: matrices, white, profile.

A DNG says it itself and is believed. Of other makers' files LibRaw knows the matrix for daylight; of sensors of which
nothing is known the one by which this program renders them stands for it (DNG 1.7, chapter 6).
"""

import struct
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.photo_files.exif import BYTES_PER_VALUE, ByteOrder
from engine.photo_files.sensors.colour import NEUTRAL_MATRIX, XYZ_FROM_SRGB, Matrix
from engine.photo_files.sensors.tone import ToneCurve

UNIQUE_CAMERA_MODEL: Final = 50708
COLOR_MATRIX_1: Final = 50721
AS_SHOT_NEUTRAL: Final = 50728
CALIBRATION_ILLUMINANT_1: Final = 50778
_D65: Final = 21
_SHORT: Final = 3
_SIGNED_FRACTION: Final = 10
_FRACTIONS: Final = (5, _SIGNED_FRACTION)
_DENOMINATOR: Final = 1_000_000

THIRD_ILLUMINANT_TAGS: Final = frozenset(range(52529, 52533))
"""CalibrationIlluminant3, CameraCalibration3, ColorMatrix3, ForwardMatrix3: of DNG 1.6."""


class DngTag(NamedTuple):
    """A tag of a DNG.

    Attributes:
        tag: Its number.
        value_type: Its TIFF type.
        num_values: How many.
        value: Their bytes, little-endian.
    """

    tag: int
    value_type: int
    num_values: int
    value: bytes


@dataclass(frozen=True, kw_only=True)
class CameraSpace:
    """The colours of one photo's camera.

    Attributes:
        white_balance: Gains of red, green and blue that make gray neutral; the smallest is 1.
        camera_to_srgb: From white-balanced colours to linear sRGB, row by row.
        model: The camera's; empty where it is not known.
        tags: What the file says of its colours, as tags of a DNG; at least a matrix.
        top: Where the sensor saturated, of the level that the file states for it: a DNG relates its numbers to the
            latter, so that other programs expose it as they do the original.
        tone: By which curve previews show it; None: neutral.
        exposure_gain: How much brighter this program shows the photo, see `engine.photo_files.raw.mosaic`.
    """

    white_balance: tuple[float, float, float]
    camera_to_srgb: Matrix = NEUTRAL_MATRIX
    model: str = ""
    tags: tuple[DngTag, ...] = ()
    top: float = 1.0
    exposure_gain: float = 1.0
    tone: ToneCurve | None = None

    @property
    def gains(self) -> NDArray[np.float32]:
        """What each colour is multiplied with where the photo is shown. Shape: (3,)."""
        return np.asarray(self.white_balance, np.float32) * np.float32(self.exposure_gain)


def tags_of_matrix(camera_from_xyz: NDArray[np.float64]) -> tuple[DngTag, ...]:
    """Return the tags of a camera of which a matrix for daylight is known. Shape: (3, 3)."""
    return (
        fraction_tag(COLOR_MATRIX_1, camera_from_xyz),
        DngTag(CALIBRATION_ILLUMINANT_1, _SHORT, 1, struct.pack("<H", _D65)),
    )


def tags_of_rendering(camera_to_srgb: Matrix, white_balance: tuple[float, float, float]) -> tuple[DngTag, ...]:
    """Return the tags with which others render a photo as this program does, whose light then counts as daylight."""
    balanced_from_srgb = np.linalg.inv(np.asarray(camera_to_srgb, np.float64))
    from_xyz = np.diag(1 / np.asarray(white_balance)) @ balanced_from_srgb @ np.linalg.inv(XYZ_FROM_SRGB)
    return tags_of_matrix(from_xyz)


def fraction_tag(tag: int, values: NDArray[np.float64]) -> DngTag:
    """Return a tag of signed fractions."""
    numbers = np.rint(np.ravel(values) * _DENOMINATOR).astype("<i4")
    pairs = np.stack([numbers, np.full_like(numbers, _DENOMINATOR)], axis=1)
    return DngTag(tag, _SIGNED_FRACTION, numbers.size, pairs.tobytes())


def in_other_order(value: bytes, value_type: int, order: ByteOrder) -> bytes:
    """Return a tag's bytes with another byte order: from little-endian to `order`, or from there, which is the same."""
    size = 4 if value_type in _FRACTIONS else BYTES_PER_VALUE[value_type]
    return value if order == "<" or size == 1 else np.frombuffer(value, f"<u{size}").byteswap().tobytes()
