"""Memory and time for putting tiles together: what all canvases of the window share, so that no frame is late."""

import functools
import time
from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QSize
from PySide6.QtGui import QImage

_BUDGET_S = 0.0015
"""Of a frame's 16.7 ms, for tiles that are not shown yet."""

_MAX_SPARE_BYTES = 288 * 2**20
"""One image of a display of 5120 x 2880 pixels, of which there may be twice as many in view; of smaller ones many."""


class DrawingRoom:
    """Hands out images to draw tiles in, and says how long to go on with it. Belongs to the main thread.

    To write to fresh memory takes six times as long as to write where something has been written before (60 tiles:
    11 ms and 2 ms), so that the memory of images that are not needed any more is kept for the next ones.
    """

    def __init__(self, budget_s: float = _BUDGET_S) -> None:
        """Keep nothing yet.

        Args:
            budget_s: How long to draw in a frame what is not shown yet, all canvases together.
        """
        self._budget_s = budget_s
        self._spare: list[QImage] = []
        self._drawn_in_frame: set[int] = set()
        self._used_s = 0.0

    def take_image(self, least: QSize, wanted: QSize) -> QImage:
        """Return an image at least so large, with anything in it: the smallest spare one that will do.

        Args:
            least: What it has to hold.
            wanted: What a new one should be able to hold; memory counts only once something is drawn there.
        """
        fitting = [
            image for image in self._spare if image.width() >= least.width() and image.height() >= least.height()
        ]
        if not fitting:
            return QImage(least.expandedTo(wanted), QImage.Format.Format_RGB32)
        image = min(fitting, key=QImage.sizeInBytes)
        self._spare.remove(image)
        return image

    def give_back(self, image: QImage) -> None:
        """Keep an image that nobody shows any more for another use; of too many the oldest go."""
        self._spare.append(image)
        while sum(spare.sizeInBytes() for spare in self._spare) > _MAX_SPARE_BYTES:
            del self._spare[0]

    @property
    def is_spent(self) -> bool:
        """Whether others have taken what this frame has for what is not shown yet; never where nobody has drawn."""
        return 0 < self._used_s >= self._budget_s

    @contextmanager
    def drawing(self, who: int) -> Iterator[float]:
        """Draw what is not shown yet; yields until when, by `time.perf_counter`: what is left of this frame's share.

        Args:
            who: Number of what draws once a frame; when it draws again, that is the next frame.
        """
        if who in self._drawn_in_frame:
            self._drawn_in_frame.clear()
            self._used_s = 0.0
        self._drawn_in_frame.add(who)
        began = time.perf_counter()
        yield began + max(0.0, self._budget_s - self._used_s)
        self._used_s += time.perf_counter() - began


@functools.cache
def shared_drawing_room() -> DrawingRoom:
    """Return that of the program's window."""
    return DrawingRoom()
