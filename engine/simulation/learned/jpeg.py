"""A file's own JPEG compression, so that a twin passes through what its photo has passed through."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from engine.contracts.learned_noise import JpegCompression

_SUBSAMPLING = {(1, 1): 0, (2, 1): 1, (2, 2): 2}

Field = NDArray[np.float32]


def compression_of(path: Path) -> JpegCompression | None:
    """How a file is compressed; None where it is no JPEG file, or one of a kind that cannot be imitated."""
    try:
        with Image.open(path) as image:
            if image.format != "JPEG":
                return None
            tables: dict[int, list[int]] = image.quantization  # type: ignore[attr-defined]
            layers: list[tuple[int, int, int, int]] = image.layer  # type: ignore[attr-defined]
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError):
        return None
    if len(layers) not in {1, 3}:
        return None
    try:
        chosen = [tuple(tables[layer[3]]) for layer in layers[:2]]
        subsampling = _SUBSAMPLING[layers[0][1:3]] if len(layers) == 3 else 0
        return JpegCompression(tables=tuple(chosen), subsampling=subsampling)
    except (LookupError, ValueError):
        return None
