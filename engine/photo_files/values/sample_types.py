"""The types of numbers that files hold, and how they become floats and are rounded back.

Values between reading and writing are in units of their type: whole numbers are divided by the greatest one of the
type, so that 1 is the white of a photograph, and floating-point numbers stay as they are.
"""

from typing import Any, Final, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from engine.contracts.errors import ImageWriteError

SampleType = Literal["uint8", "uint16", "uint32", "int8", "int16", "int32", "float16", "float32", "float64"]
"""As numpy names it."""

USUAL_TYPES: Final[frozenset[SampleType]] = frozenset({"uint8", "uint16"})
"""Those that every format's files hold, or the wider ones."""

_TYPES: Final = frozenset(get_args(SampleType))


def type_of_samples(samples: NDArray[Any]) -> SampleType:
    """Return the type of an array's numbers.

    Raises:
        ValueError: It is none of `SampleType`.
    """
    name = samples.dtype.name
    if name not in _TYPES:
        raise ValueError(f"samples must be of one of the types {', '.join(sorted(_TYPES))}; found {name}")
    return cast(SampleType, name)


def unit_of(sample_type: str) -> float:
    """Return what the numbers of a type are divided by: the greatest whole number, 1 for floating-point numbers."""
    dtype = np.dtype(sample_type)
    return 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)


def to_float(samples: NDArray[Any]) -> NDArray[np.float32]:
    """Return samples as floats in units of their type.

    Args:
        samples: Of any shape and `SampleType`.
    """
    if samples.dtype.kind == "f":
        return np.ascontiguousarray(samples, dtype=np.float32)
    scaled: NDArray[np.float32] = samples.astype(np.float32)
    scaled *= np.float32(1 / np.iinfo(samples.dtype).max)
    return scaled


def to_samples(values: NDArray[Any], sample_type: SampleType) -> NDArray[Any]:
    """Round values to the numbers of a file.

    Args:
        values: Of any shape, in units of the type; clipped to its range. Of more than 24 bits they are to be float64.
        sample_type: Of the result.

    Returns:
        Same shape.

    Raises:
        ImageWriteError: Some of the values are no numbers.
    """
    if not np.isfinite(values).all():
        raise ImageWriteError(
            "The restored picture holds values that are no numbers.",
            "Restore it again with another model, and report this.",
        )
    dtype = np.dtype(sample_type)
    if dtype.kind == "f":
        limits = np.finfo(dtype)
        floats: NDArray[Any] = np.clip(np.asarray(values, np.float64), limits.min, limits.max).astype(dtype)
        return floats
    unit, lowest = unit_of(sample_type), float(np.iinfo(dtype).min)
    scaled = np.clip(values, lowest / unit, 1)
    scaled *= values.dtype.type(unit)
    if dtype.itemsize > 2:
        # A float32 next to the greatest whole number may lie above it.
        scaled = np.clip(scaled.astype(np.float64), lowest, unit)
    integers: NDArray[Any] = np.rint(scaled, out=scaled).astype(dtype)
    return integers
