"""A picture at full size, half, a quarter and so on, so that a zoomed-out view never touches all its pixels."""

import cv2
import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize
from PySide6.QtGui import QImage, QPainter

from app.image_convert import DisplayLevels, image_view, qimage_from_bytes, qimage_from_pixels
from engine.events import Pixels

_SMALLEST_SIDE_PX = 384
NEAREST_FROM_ZOOM = 2.0
"""Above this many screen pixels a picture pixel, pixels are shown as squares."""


class ImagePyramid:
    """What a canvas paints: display-ready levels of one picture.

    Making one takes tens of milliseconds for a large photo, so it belongs in a background thread.

    Attributes:
        levels: The picture, then its halvings.
    """

    def __init__(self, image: QImage) -> None:
        """Build the smaller levels.

        Args:
            image: `Format_Grayscale8` or `Format_RGB32`, not null.

        Raises:
            ValueError: The image is null.
        """
        if image.isNull():
            raise ValueError("image is null")
        self.levels = [image]
        while max(image.width(), image.height()) > 2 * _SMALLEST_SIDE_PX:
            image = _halve(image)
            self.levels.append(image)

    @classmethod
    def from_pixels(cls, pixels: Pixels, levels: DisplayLevels | None = None) -> "ImagePyramid":
        """Build the pyramid of a picture.

        Args:
            pixels: Height x width x channels, 0 to 1.
            levels: What to show as black and white; None shows the values as they are.
        """
        return cls(qimage_from_pixels(pixels, levels=levels, padded=True))

    @property
    def size(self) -> QSize:
        """Size of the picture."""
        return self.levels[0].size()

    def level_for(self, zoom: float) -> QImage:
        """Return the smallest level that still holds every detail a screen shows.

        Args:
            zoom: Screen pixels a picture pixel.
        """
        width = self.levels[0].width()
        for level in reversed(self.levels):
            if level.width() >= width * min(zoom, 1.0) - 1:
                return level
        return self.levels[0]

    def paint(self, painter: QPainter, target: QRectF, clip: QRectF, device_pixel_ratio: float) -> None:
        """Paint the part of the picture that is visible.

        Args:
            painter: In the canvas's coordinates.
            target: Where the whole picture lies.
            clip: The visible part of the canvas.
            device_pixel_ratio: Screen pixels a unit of the canvas's coordinates.
        """
        visible = target.intersected(clip)
        if visible.isEmpty():
            return
        zoom = target.width() * device_pixel_ratio / self.size.width()
        level = self.level_for(zoom)
        scale_x, scale_y = level.width() / target.width(), level.height() / target.height()
        # Whole source pixels around the visible part, with one more for the interpolation at its rim.
        left = max(0, int((visible.left() - target.left()) * scale_x) - 1)
        top = max(0, int((visible.top() - target.top()) * scale_y) - 1)
        right = min(level.width(), int((visible.right() - target.left()) * scale_x) + 2)
        bottom = min(level.height(), int((visible.bottom() - target.top()) * scale_y) + 2)
        source = QRectF(left, top, right - left, bottom - top)
        corner = QPointF(target.left() + left / scale_x, target.top() + top / scale_y)
        place = QRectF(corner.x(), corner.y(), source.width() / scale_x, source.height() / scale_y)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, zoom <= NEAREST_FROM_ZOOM)
        painter.drawImage(place, level, source)


def _halve(image: QImage) -> QImage:
    """Average every 2 x 2 pixels."""
    values = image_view(image)
    size = ((image.width() + 1) // 2, (image.height() + 1) // 2)
    halved = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    return qimage_from_bytes(halved.reshape(size[1], size[0], values.shape[2]).astype(np.uint8, copy=False))
