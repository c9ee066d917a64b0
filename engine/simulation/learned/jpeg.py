"""A file's own JPEG compression, so that a twin passes through what its photo has passed through."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

BLOCK_PX = 16
"""Side of the largest unit that a file is compressed in: beyond it all repeats."""

_SUBSAMPLING = {(1, 1): 0, (2, 1): 1, (2, 2): 2}
_NUM_COEFFICIENTS = 64

Field = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class JpegCompression:
    """How a file is compressed.

    Attributes:
        tables: Quantisation of brightness and, in colour, of the colours; 64 steps each.
        subsampling: Of the colours: 0 none, 1 to half the width, 2 to half of both sides.
    """

    tables: tuple[tuple[int, ...], ...]
    subsampling: int

    def __post_init__(self) -> None:
        is_sound = all(
            len(table) == _NUM_COEFFICIENTS and 1 <= min(table) <= max(table) <= 255 for table in self.tables
        )
        if not (is_sound and len(self.tables) in {1, 2} and self.subsampling in {0, 1, 2}):
            raise ValueError("these are no quantisation tables")

    def apply(self, picture: Field, offset: tuple[int, int] = (0, 0)) -> Field:
        """Compress a picture.

        Args:
            picture: 0 to 1. Shape: (height, width, 3); equal channels where there is one table.
            offset: Where in a unit of the file its first pixel lies, from the top and from the left.

        Returns:
            Same shape, in steps of 1/255.
        """
        top, left = offset
        height, width = picture.shape[:2]
        levels = np.rint(picture * 255).astype(np.uint8)
        is_gray = len(self.tables) == 1
        padded = np.pad(levels[..., :1] if is_gray else levels, ((top, 0), (left, 0), (0, 0)), mode="edge")
        file = io.BytesIO()
        image = Image.fromarray(padded[..., 0] if is_gray else padded)
        options = {} if is_gray else {"subsampling": self.subsampling}
        image.save(file, "JPEG", qtables=[list(table) for table in self.tables], **options)
        decoded = np.asarray(Image.open(file), np.float32) * np.float32(1 / 255)
        cut = decoded.reshape(*decoded.shape[:2], -1)[top : top + height, left : left + width]
        return np.broadcast_to(cut, picture.shape).astype(np.float32)


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
