"""Live curves of a training: one small panel per figure, one above the other, over the same steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QPointF, Qt, QTimer, Slot
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.look.layouts import in_column
from app.look.palette import Palette, Sizes
from app.look.theme import Theme, palette
from app.look.translation import format_number, tr
from app.widgets.plots.curves import CURVES, Curve, CurveSpec, decimated, smoothed, value_range
from app.widgets.plots.library import pyqtgraph as pg

_REDRAW_MS = 250
_LEFT_AXIS_PX = 56
_BOTTOM_AXIS_PX = 36
_MIN_PANEL_PX = 88


class TrainingPlot(QWidget):
    """Panels for the figures that a run has; a panel appears with its first point.

    Points may come at any rate; they are drawn at most four times a second, and only while the plot is seen.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("Training curves"))
        self._curves: dict[str, Curve] = {}
        self._num_steps = 0
        self._panels: dict[str, _Panel] = {}
        self._view: pg.GraphicsLayoutWidget | None = None
        in_column(of=self, margins=0, spacing=None)
        self._redraw = QTimer(self, singleShot=True, interval=_REDRAW_MS)
        self._redraw.timeout.connect(self._draw)
        Theme.of_application().changed.connect(self._apply_theme)

    @property
    def shown_metrics(self) -> tuple[str, ...]:
        """The figures that have a panel, from top to bottom."""
        return tuple(self._panels)

    def curve(self, metric: str) -> Curve | None:
        """Return a figure's points."""
        return self._curves.get(metric)

    def clear(self, num_steps: int = 0) -> None:
        """Forget all points.

        Args:
            num_steps: Where the x axis ends; 0: with the points.
        """
        self._curves.clear()
        self._num_steps = num_steps
        self._lay_out_panels()

    def set_num_steps(self, num_steps: int) -> None:
        """Set where the x axis ends."""
        self._num_steps = num_steps
        self._redraw.start()

    def add_row(self, step: int, metrics: Mapping[str, float]) -> None:
        """Add the figures of one step."""
        for name, value in metrics.items():
            self._curves.setdefault(name, Curve()).append(step, value)
        if not self._redraw.isActive():
            self._redraw.start()

    def set_curves(self, curves: Mapping[str, Curve], num_steps: int = 0) -> None:
        """Show other curves."""
        self._curves = dict(curves)
        self._num_steps = num_steps
        self._lay_out_panels()
        self._redraw.start()

    @Slot(object)
    def put_before(self, points: Mapping[str, Sequence[tuple[int, float]]]) -> None:
        """Add points whose steps lie before those that are there."""
        for name, earlier in points.items():
            curve = Curve(earlier)
            for step, value in zip(*self._curves.get(name, Curve()).points(), strict=True):
                curve.append(int(step), float(value))
            self._curves[name] = curve
        self._redraw.start()

    def _made(self) -> pg.GraphicsLayoutWidget:
        """Return the view, made when there is first something to see: most trainings' curves are never looked at."""
        if self._view is None:
            self._view = pg.GraphicsLayoutWidget()
            self._view.ci.layout.setContentsMargins(0, 0, 0, 0)
            self._view.ci.layout.setVerticalSpacing(4)
            self._view.setObjectName("TrainingPlot")
            layout = self.layout()
            assert isinstance(layout, QVBoxLayout)
            layout.addWidget(self._view)
            # A layout would show it later: what is already seen would be empty for one frame.
            self._view.show()
            self._apply_theme()
        return self._view

    def _lay_out_panels(self) -> None:
        wanted = [spec for spec in CURVES if len(self._curves.get(spec.metric, ()))]
        if [spec.metric for spec in wanted] == list(self._panels):
            return
        view = self._made()
        view.clear()
        self._panels = {}
        for row, spec in enumerate(wanted):
            panel = _Panel(spec, row % 4, is_bottom=row == len(wanted) - 1)
            view.addItem(panel.title, row=2 * row, col=0)
            view.addItem(panel.plot, row=2 * row + 1, col=0)
            self._panels[spec.metric] = panel
        view.setMinimumHeight(round(_MIN_PANEL_PX * Theme.of_application().text_scale) * len(wanted))
        self._apply_theme()

    def _draw(self) -> None:
        if not self.isVisible():
            return
        self._lay_out_panels()
        for metric, panel in self._panels.items():
            reference = self._curves.get(panel.spec.reference_metric)
            panel.draw(self._curves[metric], reference, self._num_steps)

    def _apply_theme(self) -> None:
        if self._view is None:
            return
        colors = palette()
        self._view.setBackground(colors.window)
        for panel in self._panels.values():
            panel.apply_theme(colors, Theme.of_application().text_scale)
        self._redraw.start()

    def showEvent(self, event: object) -> None:
        super().showEvent(event)  # type: ignore[arg-type]
        self._made()
        self._redraw.start()


class _Panel:
    """One figure: a title with the latest value above, the curve below."""

    def __init__(self, spec: CurveSpec, color_index: int, *, is_bottom: bool) -> None:
        from app.widgets.plots.axis import plot_item

        self.spec = spec
        self._color_index = color_index
        self._is_bottom = is_bottom
        self.title = pg.LabelItem("", justify="left")
        self.title.setToolTip(tr(spec.tip))
        self.plot = plot_item()
        self.plot.setToolTip(tr(spec.tip))
        self.plot.getAxis("left").setWidth(_LEFT_AXIS_PX)
        self.plot.getAxis("bottom").setStyle(showValues=is_bottom)
        if is_bottom:
            self.plot.setLabel("bottom", tr("step"))
        for axis in ("left", "bottom"):
            self.plot.getAxis(axis).enableAutoSIPrefix(False)
        self._raw = self.plot.plot([], [])
        self._line = self.plot.plot([], [])
        self._reference = pg.InfiniteLine(angle=0, movable=False)
        self._reference_label = pg.TextItem(anchor=(1, 1))
        self._reference.hide()
        self._reference_label.hide()
        self.plot.addItem(self._reference, ignoreBounds=True)
        self.plot.addItem(self._reference_label, ignoreBounds=True)
        self._title_text = ""
        self._colors = palette()
        self._caption_px = 11

    def draw(self, curve: Curve, reference: Curve | None, num_steps: int) -> None:
        """Show the curve as it is now.

        Args:
            curve: Its points.
            reference: Points of the dotted line, of which the latest counts; None for none.
            num_steps: Where the x axis ends; 0: with the points.
        """
        spec = self.spec
        steps, values = curve.points()
        if not len(steps):
            return
        values = values * spec.factor
        drawn = values if spec.is_measured else smoothed(values)
        self._raw.setData(*(([], []) if spec.is_measured or drawn is values else decimated(steps, values)))
        self._line.setData(*decimated(steps, drawn))
        level = reference.last() if reference is not None else None
        self._show_reference(None if level is None else level * spec.factor)
        self.plot.setXRange(0, max(num_steps, float(steps[-1]), 1.0), padding=0.01)
        others = [] if level is None else [level * spec.factor]
        low, high = value_range(values, others)
        self.plot.setYRange(low, high, padding=0)
        if level is not None:
            right = max(num_steps, float(steps[-1]), 1.0)
            # The label stands on whichever side of the line has room for it.
            above = (level * spec.factor - low) < 0.7 * (high - low)
            self._reference_label.setAnchor(QPointF(1, 1 if above else 0))
            self._reference_label.setPos(right, level * spec.factor)
        self._title_text = f"{format_number(drawn[-1], spec.digits)}{' ' if spec.unit else ''}{spec.unit}"
        self._write_title()

    def apply_theme(self, colors: Palette, text_scale: float) -> None:
        """Take other colours and sizes."""
        self._colors = colors
        sizes = Sizes(text_scale)
        self._caption_px = sizes.caption
        color = QColor(colors.plot_lines[self._color_index])
        faint = QColor(color)
        faint.setAlpha(80)
        self._raw.setPen(pg.mkPen(faint, width=1))
        self._line.setPen(pg.mkPen(color, width=2))
        if self.spec.is_measured:
            self._line.setSymbol("o")
            self._line.setSymbolSize(7)
            self._line.setSymbolBrush(pg.mkBrush(color))
            self._line.setSymbolPen(pg.mkPen(None))
        self._reference.setPen(pg.mkPen(colors.text_muted, width=1.5, style=Qt.PenStyle.DotLine))
        self._reference_label.setColor(colors.text_muted)
        font = QFont()
        font.setPixelSize(sizes.caption)
        self._reference_label.setFont(font)
        for name in ("left", "bottom"):
            axis = self.plot.getAxis(name)
            axis.setPen(pg.mkPen(colors.plot_grid))
            axis.setTextPen(pg.mkPen(colors.text_muted))
            axis.setTickFont(font)
            axis.setStyle(tickLength=-4)
            if name == "left":
                axis.setWidth(round(_LEFT_AXIS_PX * text_scale))
            else:
                axis.setHeight(round(_BOTTOM_AXIS_PX * text_scale) if self._is_bottom else 4)
        if self._is_bottom:
            self.plot.setLabel("bottom", tr("step"), **{"color": colors.text_muted, "font-size": f"{sizes.caption}px"})
        self.plot.showGrid(y=True, alpha=0.12 if colors.is_dark else 0.2)
        self._write_title()

    def _show_reference(self, level: float | None) -> None:
        shown = level is not None
        self._reference.setVisible(shown)
        self._reference_label.setVisible(shown)
        if level is not None:
            self._reference.setValue(level)
            unit = f" {self.spec.unit}" if self.spec.unit else ""
            self._reference_label.setText(
                f"{tr(self.spec.reference_title)} {format_number(level, self.spec.digits)}{unit}"
            )

    def _write_title(self) -> None:
        color = self._colors.plot_lines[self._color_index]
        self.title.setText(
            f"<span style='color:{self._colors.text_muted}'>{tr(self.spec.title)}</span>&nbsp;&nbsp;"
            f"<span style='color:{color}; font-weight:600'>{self._title_text}</span>",
            size=f"{self._caption_px}px",
        )
