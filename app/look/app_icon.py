"""The program's icon, painted: a photo whose left half is noisy and whose right half is restored."""

import random

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QLinearGradient, QPainter, QPainterPath, QPixmap, QPolygonF

_SIZES_PX = (16, 24, 32, 48, 64, 128, 256)
_NUM_GRAINS = 14
"""Grains across the icon; more would melt into gray at small sizes."""


def app_icon() -> QIcon:
    """Return the icon in all sizes that systems ask for."""
    icon = QIcon()
    for size in _SIZES_PX:
        icon.addPixmap(_paint(size))
    return icon


def _paint(size: int) -> QPixmap:
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    area = QRectF(size * 0.06, size * 0.06, size * 0.88, size * 0.88)
    outline = QPainterPath()
    outline.addRoundedRect(area, size * 0.18, size * 0.18)
    painter.setClipPath(outline)
    sky = QLinearGradient(0, 0, 0, size)
    sky.setColorAt(0, QColor("#1b4f8a"))
    sky.setColorAt(1, QColor("#62b0f5"))
    painter.fillRect(area, sky)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor("#f4f6f8"))
    painter.drawEllipse(QPointF(size * 0.68, size * 0.33), size * 0.09, size * 0.09)
    painter.setBrush(QColor("#0d2136"))
    hills = [(0.0, 0.80), (0.30, 0.46), (0.52, 0.72), (0.66, 0.58), (1.0, 0.86), (1.0, 1.0), (0.0, 1.0)]
    painter.drawPolygon(QPolygonF([QPointF(x * size, y * size) for x, y in hills]))
    grain = size / _NUM_GRAINS
    rng = random.Random(5)
    for row in range(_NUM_GRAINS):
        for column in range(_NUM_GRAINS // 2):
            level = rng.gauss(0, 1)
            color = QColor(Qt.GlobalColor.white if level > 0 else Qt.GlobalColor.black)
            color.setAlphaF(min(0.75, 0.3 * abs(level)))
            painter.fillRect(QRectF(column * grain, row * grain, grain, grain), color)
    painter.setBrush(QColor("#f4f6f8"))
    painter.drawRect(QRectF(size * 0.5 - size * 0.012, 0, max(1.0, size * 0.024), size))
    painter.end()
    return pixmap
