"""What a canvas paints over its picture: names of the sides, the cursor of another pane, the region, a grid, words."""

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontInfo, QFontMetricsF, QPainter, QPen

POINTER_RADIUS_PX = 9
_CHIP_MARGIN_PX = 8
_MESSAGE_COLUMN_EMS = 32
_SMALLEST_MESSAGE_PX = 9
_UNLIMITED_PX = 10_000
_DARK, _LIGHT = QColor(0, 0, 0, 170), QColor(255, 255, 255, 235)


def paint_chip(painter: QPainter, chip: QRectF, text: str, padding_px: float = 0.0) -> None:
    """Paint light text on a dark, rounded ground: readable over any picture, and neutral.

    Args:
        painter: In the canvas's coordinates.
        chip: The ground.
        text: What stands on it.
        padding_px: What its lines leave free at both sides of the ground.
    """
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(20, 20, 20, 200))
    painter.drawRoundedRect(chip, 4, 4)
    painter.setPen(QColor(240, 240, 240))
    lines = chip.adjusted(padding_px, 0, -padding_px, 0)
    painter.drawText(lines, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), text)
    painter.restore()


def paint_side_labels(painter: QPainter, left: str, right: str, line: float, canvas: QRectF) -> None:
    """Name the two sides of a split, as far as each has room.

    Args:
        painter: In the canvas's coordinates.
        left: Name of the left side.
        right: Name of the right side.
        line: Where the split is.
        canvas: The canvas.
    """
    metrics = QFontMetricsF(painter.font())
    gap = _CHIP_MARGIN_PX
    for text, is_left in ((left, True), (right, False)):
        room = (line if is_left else canvas.width() - line) - 2 * gap
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room - 2 * gap)
        if len(shown) < min(len(text), 4):
            continue
        width, height = metrics.horizontalAdvance(shown) + 2 * gap, metrics.height() + gap
        paint_chip(painter, QRectF(line - gap - width if is_left else line + gap, gap, width, height), shown)


def paint_pointer(painter: QPainter, centre: QPointF) -> None:
    """Mark a place with an open cross that leaves the pixel itself free."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for colour, width in ((_DARK, 3.0), (_LIGHT, 1.0)):
        painter.setPen(QPen(colour, width))
        for direction in (QPointF(1, 0), QPointF(-1, 0), QPointF(0, 1), QPointF(0, -1)):
            painter.drawLine(centre + direction * 4, centre + direction * POINTER_RADIUS_PX)
    painter.restore()


def paint_region(painter: QPainter, place: QRectF) -> None:
    """Paint a region's outline, just around its pixels; seen on dark and on light.

    Args:
        painter: In the canvas's coordinates.
        place: Where the region's pixels are.
    """
    painter.save()
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(_DARK, 3.0))
    painter.drawRect(place.adjusted(-1, -1, 0, 0))
    painter.setPen(QPen(_LIGHT, 1.0))
    painter.drawRect(place.adjusted(-1, -1, 0, 0))
    painter.restore()


def paint_line(painter: QPainter, line: QLineF) -> None:
    """Paint a line with its ends, of which the first is filled; seen on dark and on light.

    Args:
        painter: In the canvas's coordinates.
        line: Where it lies there.
    """
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for colour, width in ((_DARK, 3.0), (_LIGHT, 1.0)):
        painter.setPen(QPen(colour, width))
        painter.drawLine(line)
    painter.setPen(QPen(_DARK, 1.0))
    for end, fill in ((line.p1(), _LIGHT), (line.p2(), _DARK)):
        painter.setBrush(fill)
        painter.drawEllipse(end, 3.0, 3.0)
    painter.restore()


def paint_message(painter: QPainter, text: str, canvas: QRectF) -> None:
    """Paint a sentence in the middle of a canvas."""
    painter.save()
    font, chip = place_message(text, painter.font(), canvas)
    painter.setFont(font)
    # In its full width other lines than those that were measured would fit, up to its very edge.
    paint_chip(painter, chip, text, 2 * _CHIP_MARGIN_PX - 1)
    painter.restore()


def place_message(text: str, font: QFont, canvas: QRectF) -> tuple[QFont, QRectF]:
    """Find how a sentence fits into a canvas: in a column that reads well, else as wide as there is room, else smaller.

    Args:
        text: The sentence.
        font: In which it is written where that fits.
        canvas: The canvas.

    Returns:
        The font, and the ground around the sentence.
    """
    margin = 2 * _CHIP_MARGIN_PX
    room = canvas.adjusted(margin, margin, -margin, -margin)
    flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
    size = QFontInfo(font).pixelSize()
    column = _MESSAGE_COLUMN_EMS * size
    while True:
        metrics = QFontMetricsF(font)
        for width in (min(room.width(), column), room.width()):
            inner = QRectF(0, 0, width - 2 * margin, _UNLIMITED_PX)
            bounds = metrics.boundingRect(inner, flags, text)
            if bounds.width() <= inner.width() and bounds.height() + margin <= room.height():
                break
        else:
            if size > _SMALLEST_MESSAGE_PX:
                size -= 1
                font = QFont(font)
                font.setPixelSize(size)
                continue
        chip = QRectF(0, 0, bounds.width() + 2 * margin, bounds.height() + margin)
        chip.moveCenter(room.center())
        return font, chip
