"""What false colours stand for: the scale with its values and their unit, painted over a corner of the canvas."""

import math
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter

from app.look.image_convert import qimage_from_bytes
from app.look.translation import format_number, short_number, tr
from app.viewer.tiles.display_settings import DisplaySettings, ValueKind
from app.viewer.tiles.false_colours import ColourScale, colours_of

_BAR_WIDTH_PX, _BAR_HEIGHT_PX = 192, 12
_MARGIN_PX = 8


@dataclass(frozen=True)
class Legend:
    """A colour scale with its values.

    Attributes:
        title: What is shown, with its unit.
        scale: The colours.
        labels: Values at the low end, the middle and the high end.
    """

    title: str
    scale: ColourScale
    labels: tuple[str, str, str]


def legend_of(settings: DisplaySettings, peak: float) -> Legend:
    """Return the legend of values that are shown in false colours.

    Args:
        settings: How they are shown.
        peak: What a value of 1 is in the numbers of the file, in which the values are given.
    """
    titles = {
        ValueKind.PICTURE: tr("Brightness, levels of {peak}"),
        ValueKind.MAGNITUDE: tr("Difference in brightness, levels of {peak}"),
        ValueKind.SIGNED: tr("Brightness more or less, levels of {peak}"),
    }
    if peak == 1:
        # Floating-point numbers have no greatest one.
        titles = {
            ValueKind.PICTURE: tr("Brightness, in the numbers of the file"),
            ValueKind.MAGNITUDE: tr("Difference in brightness, in the numbers of the file"),
            ValueKind.SIGNED: tr("Brightness more or less, in the numbers of the file"),
        }
    signs = "+" if settings.kind is ValueKind.SIGNED else ""
    values = [settings.value_at(share) * peak for share in (0.0, 0.5, 1.0)]
    span = abs(values[2] - values[0])
    digits = 0 if span >= 20 else 2 if span >= 1 or span == 0 else 1 - math.floor(math.log10(span))
    low, middle, high = (short_number(f"{value:{signs if value else ''},.{digits}f}") for value in values)
    return Legend(titles[settings.kind].format(peak=format_number(peak)), settings.scale, (low, middle, high))


def paint_legend(painter: QPainter, legend: Legend, canvas: QRectF) -> None:
    """Paint a legend into the lower left corner; not where there is no room for it.

    Args:
        painter: In the canvas's coordinates.
        legend: What to paint.
        canvas: The canvas.
    """
    metrics = QFontMetricsF(painter.font())
    width = max(_BAR_WIDTH_PX, metrics.horizontalAdvance(legend.title)) + 2 * _MARGIN_PX
    height = 2 * metrics.height() + _BAR_HEIGHT_PX + 2 * _MARGIN_PX
    if width + 2 * _MARGIN_PX > canvas.width() or height + 2 * _MARGIN_PX > canvas.height():
        return
    chip = QRectF(_MARGIN_PX, canvas.bottom() - height - _MARGIN_PX, width, height)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(20, 20, 20, 220))
    painter.drawRoundedRect(chip, 4, 4)
    inside = chip.adjusted(_MARGIN_PX, _MARGIN_PX, -_MARGIN_PX, -_MARGIN_PX)
    painter.setPen(QColor(240, 240, 240))
    painter.drawText(inside, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft, legend.title)
    bar = QRectF(inside.left(), inside.top() + metrics.height(), inside.width(), _BAR_HEIGHT_PX)
    strip = qimage_from_bytes(np.ascontiguousarray(colours_of(legend.scale)[None]))
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.drawImage(bar, strip)
    below = QRectF(inside.left(), bar.bottom(), inside.width(), metrics.height())
    sides = (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignRight)
    for side, text in zip(sides, legend.labels, strict=True):
        painter.drawText(below, side | Qt.AlignmentFlag.AlignVCenter, text)
    painter.restore()
