"""Photos in numbers, and what their camera noted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
"""Height x width x channels (1 or 3), read-only: the image contract at every border of the engine.

0 to 1, except where a file's numbers have a sign or are floating-point numbers of another range: those stay in units of
their type, with what is black and white beside them, see `engine.photo_files.values`."""


@dataclass(frozen=True, kw_only=True)
class CameraFacts:
    """What the camera noted.

    Attributes:
        camera: Maker and model, "Apple iPhone 7"; "" where unknown.
        iso: The sensitivity; None where unknown.
        taken: When the photo was taken, by the camera's clock, without a time zone; None where unknown.
    """

    camera: str = ""
    iso: int | None = None
    taken: datetime | None = None


NOTHING_NOTED: Final = CameraFacts()
"""Of a file without such notes."""
