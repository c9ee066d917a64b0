"""Learned noises as files: written into a run's folder, and read again."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.contracts.errors import InvalidInputError
from engine.contracts.learned_noise import (
    BRIGHTNESS,
    NUM_BANDS,
    NUM_CHANNELS,
    SMALLEST_VARIANCE,
    JpegCompression,
    LearnedNoise,
    PhotoNoise,
)
from engine.machine.atomic_files import write_bytes_atomically
from engine.machine.json_files import json_text, read_json_object
from engine.translatable import say

NOISE_FILE: Final = "noise.json"
"""In a run's folder: what was learned of the photos' noise."""


FILE_VERSION: Final = 1


def save_noise(path: Path, noise: LearnedNoise) -> None:
    """Write a learned noise as JSON, at once or not at all.

    Raises:
        OSError: It cannot be written.
    """
    content = {
        "version": FILE_VERSION,
        "photos": [
            {
                "name": photo.name,
                "variance": photo.variance.tolist(),
                "spectrum": photo.spectrum,
                "is_gray": photo.is_gray,
                "highest_level": photo.highest_level,
                "has_shared_spectrum": photo.has_shared_spectrum,
                "broad_variance": photo.broad_variance,
                "jpeg": None if photo.jpeg is None else asdict(photo.jpeg),
            }
            for photo in noise.photos
        ],
        "spectra": [spectrum.tolist() for spectrum in noise.spectra],
        "broad_colour": None if noise.broad_colour is None else noise.broad_colour.tolist(),
        "distance": noise.distance,
        "unfitted_distance": noise.unfitted_distance,
        "accuracy": noise.accuracy,
    }
    write_bytes_atomically(path, json_text(content).encode("utf-8"))


def load_noise(path: Path) -> LearnedNoise:
    """Read a learned noise.

    Raises:
        InvalidInputError: The file is missing, damaged, or of a newer version.
    """
    try:
        content = read_json_object(path)
        if content["version"] > FILE_VERSION:
            raise InvalidInputError(
                say("'{file}' was made by a newer version of Residua.", file=path.name), "Update Residua."
            )
        spectra = tuple(_numbers(spectrum, (NUM_BANDS, NUM_BANDS, 3, 3)) for spectrum in content["spectra"])
        broad = content.get("broad_colour")
        broad_colour = None if broad is None else _numbers(broad, (NUM_BANDS, NUM_BANDS, 3, 3))
        photos = tuple(_photo_of(fields, len(spectra)) for fields in content["photos"])
        if broad_colour is None and any(photo.broad_variance for photo in photos):
            raise ValueError("the broad blotches of a photo are missing")
        figures = {name: _figure(content[name]) for name in ("distance", "unfitted_distance", "accuracy")}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InvalidInputError(
            say("'{file}' is missing, damaged, or holds no learned noise.", file=path.name),
            "Learn the noise of the photos again.",
        ) from error
    return LearnedNoise(photos=photos, spectra=spectra, broad_colour=broad_colour, **figures)


def _photo_of(fields: Mapping[str, Any], num_spectra: int) -> PhotoNoise:
    spectrum, highest_level = fields["spectrum"], fields["highest_level"]
    if not (isinstance(spectrum, int) and 0 <= spectrum < num_spectra and highest_level in {255, 65535}):
        raise ValueError("a photo's spectrum or levels do not exist")
    return PhotoNoise(
        name=str(fields["name"]),
        variance=np.maximum(_numbers(fields["variance"], (NUM_CHANNELS, len(BRIGHTNESS))), SMALLEST_VARIANCE),
        spectrum=spectrum,
        is_gray=bool(fields["is_gray"]),
        highest_level=int(highest_level),
        has_shared_spectrum=bool(fields["has_shared_spectrum"]),
        broad_variance=max(float(fields.get("broad_variance", 0)), 0.0),
        jpeg=_compression_of(fields.get("jpeg")),
    )


def _compression_of(fields: Mapping[str, Any] | None) -> JpegCompression | None:
    if fields is None:
        return None
    tables = tuple(tuple(int(step) for step in table) for table in fields["tables"])
    return JpegCompression(tables=tables, subsampling=int(fields["subsampling"]))


def _numbers(values: Sequence[Any], shape: tuple[int, ...]) -> NDArray[np.float64]:
    numbers = np.array(values, np.float64)
    if numbers.shape != shape or not np.isfinite(numbers).all():
        raise ValueError(f"numbers of shape {shape} are needed, not {numbers.shape}")
    return numbers


def _figure(value: Any) -> float | None:
    return None if value is None else float(value)
