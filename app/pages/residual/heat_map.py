"""A matrix as colours, with a scale beside it and the value under the cursor in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, Slot
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QWidget

from app.look.layouts import Stretch, in_column, in_row
from app.look.text import ElidedLabel, label
from app.look.theme import SPACING, Theme, follow_theme, palette
from app.widgets.plots.library import pyqtgraph as pg
from app.widgets.plots.themed_plot import caption_font, dress_axis

SEQUENTIAL = "cividis"
"""Rises evenly in lightness, and looks alike to people with and without colour blindness."""

DIVERGING = "CET-CBD1"
"""Blue to yellow over neutral; for colour-blind eyes too (Kovesi, "Good Colour Maps", 2015)."""

_MIN_SIDE_PX = 172
_SCALE_PX = 14
_BESIDE_PX = 88


@dataclass(frozen=True, kw_only=True)
class HeatMapContent:
    """What a heat map shows.

    Attributes:
        values: Shape: (rows, columns), the first row on top.
        rect: What the matrix covers, in the units of the axes.
        low: The value of the first colour; lower ones take it too.
        high: The value of the last colour.
        color_map: `SEQUENTIAL` or `DIVERGING`.
        phrase: Says a value in words, by its row and column.
        ticks: Names at places along both axes, on the left with the number that stands below; none: the axes' units.
        lines: Places along both axes at which lines part groups.
    """

    values: NDArray[np.float64]
    rect: QRectF
    low: float
    high: float
    color_map: str
    phrase: Callable[[int, int], str]
    ticks: Sequence[tuple[float, str]] = ()
    lines: Sequence[float] = ()


class HeatMap(QWidget):
    """Shows one matrix at a time.

    Attributes:
        reading: The line below that says the value under the cursor.
    """

    def __init__(
        self, title: str, x_label: str, y_label: str, scale_label: str, tip: str, parent: QWidget | None = None
    ) -> None:
        from app.widgets.plots.axis import NumberAxis, plot_item

        super().__init__(parent)
        self.setAccessibleName(title)
        self.setToolTip(tip)
        self._labels = {"bottom": x_label, "left": y_label}
        self._scale_label = scale_label
        self._content: HeatMapContent | None = None
        self._invitation = ""
        self._view = pg.GraphicsLayoutWidget()
        self._view.setObjectName("ThemedPlot")
        self._view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._plot = plot_item()
        self._plot.invertY(True)
        self._plot.setAspectLocked(True)
        self._image = pg.ImageItem(axisOrder="row-major")
        self._plot.addItem(self._image)
        self._scale = pg.ColorBarItem(interactive=False, width=_SCALE_PX)
        self._scale.setImageItem(self._image)
        axis = NumberAxis("right")
        axis.setZValue(0.5)
        self._scale.setAxisItems({"right": axis})
        self._scale.axis = axis
        axis.unlinkFromView()
        self._lines: list[pg.InfiniteLine] = []
        self._view.addItem(self._plot, row=0, col=0)
        self._view.addItem(self._scale, row=0, col=1)
        self.reading = ElidedLabel(role="caption")
        heading = label(title, "section")
        heading.setVisible(bool(title))
        layout = in_column(heading, of=self, margins=0, spacing=SPACING // 2)
        # Held square by its largest width, or the names would stand far from their rows.
        row = in_row((self._view, 1), Stretch(), margins=0, spacing=None)
        layout.addLayout(row, 1)
        layout.addWidget(self.reading)
        self._view.scene().sigMouseMoved.connect(self._read)
        follow_theme(self._apply_theme)

    @property
    def content(self) -> HeatMapContent | None:
        """What is shown."""
        return self._content

    def show_content(self, content: HeatMapContent, invitation: str) -> None:
        """Show a matrix.

        Args:
            content: The matrix.
            invitation: What the line below says while the cursor is elsewhere.
        """
        self._content = content
        self._invitation = invitation
        self.reading.set_text(invitation)
        self._image.setImage(content.values, autoLevels=False)
        self._image.setRect(content.rect)
        self._scale.setColorMap(pg.colormap.get(content.color_map))
        self._scale.setLevels((content.low, content.high))
        self._plot.setRange(content.rect, padding=0)
        for line in self._lines:
            self._plot.removeItem(line)
        self._lines = [pg.InfiniteLine(place, angle=angle) for place in content.lines for angle in (0, 90)]
        for line in self._lines:
            self._plot.addItem(line, ignoreBounds=True)
        numbered = [(place, f"{number}  {name}") for number, (place, name) in enumerate(content.ticks, 1)]
        numbers = [(place, f"{number}") for number, (place, _) in enumerate(content.ticks, 1)]
        for name, ticks in (("left", numbered), ("bottom", numbers)):
            self._plot.getAxis(name).setTicks([ticks, []] if ticks else None)
        self._apply_theme()

    def value_text(self, point: QPointF) -> str:
        """Say the value at a point in the units of the axes; the invitation outside of the matrix."""
        content = self._content
        if content is None or not content.rect.contains(point):
            return self._invitation
        rows, columns = content.values.shape
        row = int((point.y() - content.rect.top()) / content.rect.height() * rows)
        column = int((point.x() - content.rect.left()) / content.rect.width() * columns)
        return content.phrase(min(row, rows - 1), min(column, columns - 1))

    @Slot(object)
    def _read(self, position: QPointF) -> None:
        inside = self._plot.vb.sceneBoundingRect().contains(position)
        self.reading.set_text(self.value_text(self._plot.vb.mapSceneToView(position)) if inside else self._invitation)

    @Slot()
    def _apply_theme(self) -> None:
        colors = palette()
        self._view.setBackground(colors.window)
        side = Theme.of_application().px(_MIN_SIDE_PX)
        self._view.setMinimumSize(side, side)
        for name, text in self._labels.items():
            dress_axis(self._plot.getAxis(name), text, colors)
        if self._content is not None and self._content.ticks:
            metrics = QFontMetrics(caption_font())
            widest = max(metrics.horizontalAdvance(f"88  {text}") for _, text in self._content.ticks)
            self._plot.getAxis("left").setWidth(widest + Theme.of_application().px(16))
        dress_axis(self._scale.getAxis("right"), self._scale_label, colors)
        for line in self._lines:
            line.setPen(pg.mkPen(colors.window, width=2))
        self._keep_square()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._keep_square()

    def _keep_square(self) -> None:
        """Let the view be as wide as a square matrix of the present height and what stands beside it."""
        left, right = self._plot.getAxis("left").width(), self._scale.getAxis("right").width()
        around = left + right + _SCALE_PX + Theme.of_application().px(_BESIDE_PX)
        bottom = self._plot.getAxis("bottom").height()
        self._view.setMaximumWidth(round(max(self._view.height() - bottom, 0) + around))
