"""What is written over single pixels once they are large: lines between them, and their values in them."""

import math

import numpy as np
from PySide6.QtCore import QLineF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from app.viewer.canvas.pixel_levels import level_text
from app.viewer.tiles.display_settings import ValueKind
from app.viewer.tiles.false_colours import luma
from app.viewer.tiles.image_pyramid import ImagePyramid

GRID_FROM_ZOOM = 12.0
"""Below this many screen pixels a picture pixel, a grid would hide the picture."""

_FONT_PX = 11
_TEXT_MARGIN_PX = 4
_LONGEST_FLOAT = "-8.88888e-05"
_DARK, _LIGHT = QColor(0, 0, 0, 220), QColor(255, 255, 255, 230)


def paint_pixel_marks(
    painter: QPainter, target: QRectF, pyramid: ImagePyramid, zoom: float, clip: QRectF, peak: float
) -> None:
    """Paint a grid over large pixels, and their values into still larger ones; nothing over small ones.

    Args:
        painter: In the canvas's coordinates.
        target: Where the whole picture lies.
        pyramid: The picture.
        zoom: Screen pixels a picture pixel.
        clip: The visible part of the canvas.
        peak: What a value of 1 is in the numbers of the file, in which the values are written.
    """
    visible = target.intersected(clip)
    if zoom < GRID_FROM_ZOOM or visible.isEmpty():
        return
    _paint_grid(painter, target, pyramid.size, clip)
    font = QFont(painter.font())
    font.setPixelSize(_FONT_PX)
    metrics = QFontMetricsF(font)
    sign = "−" if pyramid.settings.kind is ValueKind.SIGNED else ""
    longest = _LONGEST_FLOAT if peak == 1 else f"{sign}{level_text(peak)}"
    widest = metrics.horizontalAdvance(longest) + _TEXT_MARGIN_PX
    tallest = metrics.height() * pyramid.pixels.num_channels + _TEXT_MARGIN_PX
    step_x, step_y = target.width() / pyramid.size.width(), target.height() / pyramid.size.height()
    if widest <= step_x and tallest <= step_y:
        painter.save()
        painter.setFont(font)
        _paint_values(painter, target, pyramid, visible, peak)
        painter.restore()


def _paint_values(painter: QPainter, target: QRectF, pyramid: ImagePyramid, visible: QRectF, peak: float) -> None:
    """Write the values of the pixels in view, one line a channel."""
    size = pyramid.size
    step_x, step_y = target.width() / size.width(), target.height() / size.height()
    left = max(0, math.floor((visible.left() - target.left()) / step_x))
    top = max(0, math.floor((visible.top() - target.top()) / step_y))
    right = min(size.width(), math.ceil((visible.right() - target.left()) / step_x))
    bottom = min(size.height(), math.ceil((visible.bottom() - target.top()) / step_y))
    if right <= left or bottom <= top:
        return
    values = pyramid.pixels.window(0, left, top, right, bottom)
    is_bright = luma(np.clip(pyramid.settings.shown(values), 0, 1))[:, :, 0] > 0.45
    for row in range(bottom - top):
        for column in range(right - left):
            cell = QRectF(target.left() + (left + column) * step_x, target.top() + (top + row) * step_y, step_x, step_y)
            painter.setPen(_DARK if is_bright[row, column] else _LIGHT)
            text = "\n".join(level_text(float(value) * peak, is_float=peak == 1) for value in values[row, column])
            painter.drawText(cell, int(Qt.AlignmentFlag.AlignCenter), text)


def _paint_grid(painter: QPainter, target: QRectF, size: QSize, clip: QRectF) -> None:
    """Paint lines between pixels."""
    visible = target.intersected(clip)
    step_x, step_y = target.width() / size.width(), target.height() / size.height()
    lines: list[QLineF] = []
    inside = visible.translated(-target.topLeft())
    for column in range(int(inside.left() / step_x), int(inside.right() / step_x) + 2):
        x = target.left() + column * step_x
        lines.append(QLineF(x, visible.top(), x, visible.bottom()))
    for row in range(int(inside.top() / step_y), int(inside.bottom() / step_y) + 2):
        y = target.top() + row * step_y
        lines.append(QLineF(visible.left(), y, visible.right(), y))
    painter.save()
    painter.setClipRect(visible, Qt.ClipOperation.IntersectClip)
    painter.setPen(QPen(QColor(128, 128, 128, 150), 0))
    painter.drawLines(lines)
    painter.restore()
