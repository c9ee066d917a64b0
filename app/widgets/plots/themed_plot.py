"""A plot that follows the theme: axes with units, quiet grid, names written at the lines themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from PySide6.QtCore import QEvent, Qt, Slot
from PySide6.QtGui import QColor, QFont, QFontMetrics, QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.look.layouts import in_column
from app.look.palette import Palette, Sizes
from app.look.text import ElidedLabel
from app.look.theme import SPACING, Theme, palette
from app.widgets.plots.library import pyqtgraph as pg

_LEFT_AXIS_PX = 56
_BOTTOM_AXIS_PX = 34
_MIN_PLOT_PX = 124
_MOST_NAME_PX = 140
_GROUND_ALPHA = 190
"""Of what lies behind names: they are read over a curve, which still shows through."""


def caption_font() -> QFont:
    """Return the font of everything written on a plot."""
    font = QFont()
    font.setPixelSize(Sizes(Theme.of_application().text_scale).caption)
    return font


def dress_axis(axis: pg.AxisItem, text: str, colors: Palette) -> None:
    """Give an axis the theme's colours and font, and its name."""
    scale = Theme.of_application().text_scale
    axis.setPen(pg.mkPen(colors.plot_grid))
    axis.setTextPen(pg.mkPen(colors.text_muted))
    axis.setTickFont(caption_font())
    axis.setStyle(tickLength=-4)
    # Switching prefixes off takes effect only as long as the axis has no label; in no range they have none.
    style = {"color": colors.text_muted, "font-size": f"{Sizes(scale).caption}px"}
    axis.setLabel(text, siPrefixEnableRanges=((0.0, 0.0),), **style)
    axis.updateAutoSIPrefix()
    if axis.orientation in ("left", "right"):
        axis.setWidth(round(_LEFT_AXIS_PX * scale))
    else:
        axis.setHeight(round(_BOTTOM_AXIS_PX * scale))


class ThemedPlot(QWidget):
    """A title, a plot, and a function that draws it anew whenever the theme changes."""

    # Of the class, since a change of the font may come while Qt's own part is being set up.
    _view: pg.PlotWidget | None = None
    _draw: Callable[[Palette], None] | None = None

    def __init__(
        self,
        title: str,
        x_label: str,
        y_label: str,
        tip: str,
        parent: QWidget | None = None,
        *,
        ground: str = "window",
    ) -> None:
        """Show nothing yet.

        Args:
            title: Above the plot, and its name for screen readers; "" for none.
            x_label: Of the axis below, with its unit.
            y_label: Of the axis at the left, with its unit.
            tip: What is seen, in a sentence with the term.
            parent: Its owner.
            ground: The palette's colour that it stands on.
        """
        super().__init__(parent)
        self._ground = ground
        self.setAccessibleName(title)
        self.setToolTip(tip)
        self._labels = {"bottom": x_label, "left": y_label}
        self._title = ElidedLabel(title, "section")
        self._title.setVisible(bool(title))
        in_column(self._title, of=self, margins=0, spacing=SPACING // 2)
        Theme.of_application().changed.connect(self._redraw)

    @property
    def plot(self) -> pg.PlotItem:
        """The plot; a drawing function adds to it."""
        return self._made().getPlotItem()

    def _made(self) -> pg.PlotWidget:
        """Return the view, made when it is first needed.

        Each is some sixty widgets that have to be dressed, and most plots of a window are never seen.
        """
        if self._view is None:
            from app.widgets.plots.axis import plot_item

            self._view = pg.PlotWidget(plotItem=plot_item())
            self._view.setObjectName("ThemedPlot")
            self._view.setFrameShape(pg.PlotWidget.Shape.NoFrame)
            self._view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            layout = self.layout()
            assert isinstance(layout, QVBoxLayout)
            layout.addWidget(self._view, 1)
            # A layout would show it later: what is already seen would be empty for one frame.
            self._view.show()
        return self._view

    def set_drawing(self, draw: Callable[[Palette], None] | None) -> None:
        """Show something else.

        Args:
            draw: Adds its items to `plot`, which is empty, in the given colours; None: nothing to show.
        """
        self._draw = draw
        self._redraw()

    def write(self, text: str, x: float, y: float, color: str, anchor: tuple[float, float] = (0, 0.5)) -> pg.TextItem:
        """Write a name beside what it names, and return it.

        Args:
            text: The name.
            x: In the plot's units.
            y: In the plot's units.
            color: As "#rrggbb".
            anchor: Which point of the text lies there: 0 for left or top, 1 for right or bottom.
        """
        item = pg.TextItem(text, color=QColor(color), anchor=anchor)
        item.setFont(caption_font())
        item.setPos(x, y)
        self.plot.addItem(item, ignoreBounds=True)
        return item

    def write_names(self, names: Sequence[tuple[str, str]], x: float, y: float, *, to_left: bool) -> pg.TextItem:
        """Write the names of several curves one below the other, whatever the plot's height, and return them.

        Long ones are shortened in the middle: they are mostly those of files.

        Args:
            names: Each with its colour, as "#rrggbb".
            x: Where the lines begin, or end, in the plot's units.
            y: Their upper edge.
            to_left: Whether they end at `x`.
        """
        metrics, room_px = QFontMetrics(caption_font()), Theme.of_application().px(_MOST_NAME_PX)
        shown = [(metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, room_px), color) for name, color in names]
        lines = "<br>".join(f'<span style="color: {color}">{escape(name)}</span>' for name, color in shown)
        ground = QColor(getattr(palette(), self._ground))
        ground.setAlpha(_GROUND_ALPHA)
        item = pg.TextItem(html=f"<div>{lines}</div>", anchor=(int(to_left), 0), fill=ground)
        item.setFont(caption_font())
        document = item.textItem.document()
        document.setDocumentMargin(1)
        align = document.defaultTextOption()
        align.setAlignment(Qt.AlignmentFlag.AlignRight if to_left else Qt.AlignmentFlag.AlignLeft)
        document.setDefaultTextOption(align)
        # Lines are aligned within a width alone.
        item.setTextWidth(document.idealWidth())
        item.setPos(x, y)
        self.plot.addItem(item, ignoreBounds=True)
        return item

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.FontChange:
            self._redraw()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._redraw()

    @Slot()
    def _redraw(self) -> None:
        if self._view is None and self._draw is None and not self.isVisible():
            return
        colors = palette()
        view = self._made()
        view.setBackground(getattr(colors, self._ground))
        view.setMinimumHeight(Theme.of_application().px(_MIN_PLOT_PX))
        self.plot.clear()
        for name, text in self._labels.items():
            dress_axis(self.plot.getAxis(name), text, colors)
        self.plot.showGrid(y=True, alpha=0.12 if colors.is_dark else 0.2)
        if self._draw is not None:
            self._draw(colors)
