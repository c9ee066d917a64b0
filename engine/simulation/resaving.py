"""What becomes of photos after the camera: they are reduced, sharpened, and saved as JPEG once more."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from engine.simulation.camera import compress
from engine.simulation.pictures import Picture, smoothed

KERNELS: Final[Mapping[str, int]] = {
    "area": cv2.INTER_AREA,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
}
"""How programs reduce; all but the first take few pixels and alias."""

_JPEG_BLOCK_PX = 8


@dataclass(frozen=True, kw_only=True)
class Resaving:
    """What a program does to a photo.

    Attributes:
        reduction: How many pixels to a side become one, 1 to 2.
        kernel: A name of `KERNELS`.
        sharpening: Amount of the unsharp mask; 0: none.
        jpeg_quality: 1 to 100; 0: not compressed.
        has_fine_chroma: Whether the JPEG keeps colours at full resolution (4:4:4).
        block_top: First row at which a block of the JPEG begins, since the photo was cut out of a larger one.
        block_left: First column.
    """

    reduction: float = 1.0
    kernel: str = "area"
    sharpening: float = 0.0
    jpeg_quality: int = 0
    has_fine_chroma: bool = True
    block_top: int = 0
    block_left: int = 0


def draw_resaving(generator: np.random.Generator) -> Resaving:
    """Draw what a program does: most reduce, most compress, some sharpen."""
    return Resaving(
        reduction=float(generator.uniform(1, 2)) if generator.random() < 0.6 else 1.0,
        kernel=list(KERNELS)[int(generator.integers(len(KERNELS)))],
        sharpening=float(generator.uniform(0.2, 1.0)) if generator.random() < 0.3 else 0.0,
        jpeg_quality=int(generator.integers(65, 98)) if generator.random() < 0.75 else 0,
        has_fine_chroma=bool(generator.random() < 0.4),
        block_top=int(generator.integers(_JPEG_BLOCK_PX)),
        block_left=int(generator.integers(_JPEG_BLOCK_PX)),
    )


def resave(picture: Picture, resaving: Resaving, size: tuple[int, int], *, is_target: bool = False) -> Picture:
    """Treat a photo.

    Args:
        picture: 0 to 1. Shape: (height, width, 3).
        resaving: What is done.
        size: Height and width of the result: those of the photo, divided by the reduction.
        is_target: Leaves out rounding and compression, which a restored photo shall not have.

    Returns:
        Shape: (*size, 3), 0 to 1.
    """
    if size != picture.shape[:2]:
        picture = np.asarray(cv2.resize(picture, size[::-1], interpolation=KERNELS[resaving.kernel]), np.float32)
    if resaving.sharpening:
        picture = picture + np.float32(resaving.sharpening) * (picture - smoothed(picture, 1.0))
    picture = np.clip(picture, 0, 1)
    if is_target:
        return picture
    # What was cut off is put back by mirroring.
    added = -resaving.block_top % _JPEG_BLOCK_PX, -resaving.block_left % _JPEG_BLOCK_PX
    framed = cv2.copyMakeBorder(picture, added[0], 0, added[1], 0, cv2.BORDER_REFLECT)
    compressed = compress(
        np.asarray(framed, np.float32), resaving.jpeg_quality, has_fine_chroma=resaving.has_fine_chroma
    )
    return compressed[added[0] :, added[1] :]
