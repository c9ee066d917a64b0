"""Several runs at once: their curves over one another, their figures, and what differs in their settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, QTimer, Slot
from PySide6.QtGui import QColor, QFont, QFontMetrics, QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QWidget,
)

from app.core.run_catalog import RunEntry
from app.jobs.latest_task import LatestTask
from app.look import phrases
from app.look.layouts import Stretch, in_column, in_row
from app.look.palette import Sizes
from app.look.text import label
from app.look.theme import SPACING, Theme, follow_theme, palette
from app.look.translation import plain_number, tr, translate_engine
from app.pages.runs.table import steps_text
from app.widgets.elided_box import ElidedComboBox
from app.widgets.plots.axis import plot_item
from app.widgets.plots.curves import CURVES, Curve, CurveSpec, curves_of, decimated, smoothed, value_range
from engine.contracts.errors import EngineError
from engine.runs.store import Run

MAX_RUNS = 10
_LINE_STYLES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine)
_MOST_NAME_SHARE = 0.45
_NAME_MARGIN_PX = 2 * SPACING
"""A text item's own margins, and a little air."""
_NAME_PX = 200
_LABEL_GAP_PX = 15
_UNIMPORTANT = frozenset({"out", "name"})
"""Settings that say nothing about a result."""


@dataclass(frozen=True)
class _Stored:
    """What is read from the runs' folders, by folder."""

    curves: dict[Path, dict[str, Curve]]
    settings: dict[Path, dict[str, Any]]


class RunOverlay(QWidget):
    """Compares two to ten runs; what lies in their files is read in the background.

    Attributes:
        metric_box: Which figure is drawn.
        plot: The curves, one a run, each with its name at its end.
        figures: The runs' last figures.
        differences: The settings in which the runs differ.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries: tuple[RunEntry, ...] = ()
        self._stored = _Stored({}, {})
        self._title = label("", "section")
        self._note = label("", "muted", wraps=True)
        self._note.hide()
        self.metric_box = ElidedComboBox()
        self.metric_box.setAccessibleName(tr("Figure to draw"))
        self.metric_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.metric_box.currentIndexChanged.connect(self._draw)
        self.plot = pg.PlotWidget(plotItem=plot_item())
        self.plot.setAccessibleName(tr("Curves of the selected runs"))
        for name in ("left", "bottom"):
            # Now, while no label is shown: switched off later, pyqtgraph would scale the axis once more.
            self.plot.getPlotItem().getAxis(name).enableAutoSIPrefix(False)
        self.figures = _table(tr("Figures of the selected runs"))
        self.differences = _table(tr("Settings that differ"))
        heading = in_row(self._title, Stretch(), self.metric_box)
        curves = QWidget()
        in_column((self.plot, 3), (self.figures, 2), of=curves, margins=(0, SPACING, 0, 0), spacing=None)
        tabs = QTabWidget(documentMode=True)
        tabs.addTab(curves, tr("Curves"))
        tabs.addTab(self.differences, tr("Differing settings"))
        in_column(heading, self._note, (tabs, 1), of=self, margins=0)
        # The names stand apart by pixels, so another size is another drawing.
        self._redraw_later = QTimer(self, singleShot=True)
        self._redraw_later.timeout.connect(self._draw)
        # The curves' own area: it also changes with the width of the axis, of which the page's size says nothing.
        self.plot.getPlotItem().vb.sigResized.connect(lambda _: self._redraw_later.start())
        self._task = LatestTask(self, finished=self._show_stored, failed=self._show_failure)
        follow_theme(self._apply_theme)

    @property
    def drawn_runs(self) -> tuple[Path, ...]:
        """The folders of the runs that have a curve of the chosen figure."""
        spec = self._spec()
        return tuple(entry.path for entry in self._entries if spec is not None and self._curve(entry, spec) is not None)

    def set_entries(self, entries: Sequence[RunEntry]) -> None:
        """Compare other runs, or the same ones as they are now."""
        shown = tuple(entries)[:MAX_RUNS]
        more = len(entries) - len(shown)
        self._note.setText(tr("The first {number} of the selected runs are compared.").format(number=MAX_RUNS))
        self._note.setVisible(more > 0)
        if shown == self._entries:
            return
        self._entries = shown
        self._title.setText(phrases.count(len(entries), "run"))
        paths = tuple(entry.path for entry in shown)
        self._task.submit(lambda: _read(paths))

    def shut_down(self) -> None:
        """Wait for a reading that is under way."""
        self._task.shut_down()

    @Slot(object)
    def _show_stored(self, stored: _Stored) -> None:
        self._stored = stored
        present = {metric for curves in stored.curves.values() for metric, curve in curves.items() if len(curve)}
        chosen = self.metric_box.currentData() or self._most_common(stored)
        self.metric_box.blockSignals(True)
        self.metric_box.clear()
        for spec in CURVES:
            if spec.metric in present:
                self.metric_box.addItem(tr(spec.title), spec.metric)
        self.metric_box.setCurrentIndex(max(0, self.metric_box.findData(chosen)))
        self.metric_box.blockSignals(False)
        self.metric_box.setEnabled(self.metric_box.count() > 1)
        self._show_differences()
        self._draw()

    @staticmethod
    def _most_common(stored: _Stored) -> str:
        """Return the figure that most of the runs have."""
        numbers = {
            spec.metric: sum(bool(len(curves.get(spec.metric, ()))) for curves in stored.curves.values())
            for spec in CURVES
        }
        return max(numbers, key=lambda metric: numbers[metric])

    @Slot(object)
    def _show_failure(self, error: EngineError) -> None:
        self._note.setText(translate_engine(str(error)))
        self._note.show()

    def _spec(self) -> CurveSpec | None:
        metric = self.metric_box.currentData()
        return next((spec for spec in CURVES if spec.metric == metric), None)

    def _curve(self, entry: RunEntry, spec: CurveSpec) -> Curve | None:
        curve = self._stored.curves.get(entry.path, {}).get(spec.metric)
        return curve if curve is not None and curve.last() is not None else None

    @Slot()
    def _draw(self) -> None:
        item = self.plot.getPlotItem()
        item.clear()
        spec = self._spec()
        self._show_figures(spec)
        if spec is None:
            return
        colors, sizes = palette(), Sizes(Theme.of_application().text_scale)
        unit = f" [{spec.unit}]" if spec.unit else ""
        style = {"color": colors.text_muted, "font-size": f"{sizes.caption}px"}
        item.setLabel("left", f"{tr(spec.title)}{unit}", **style)
        item.setLabel("bottom", tr("step"), **style)
        font = QFont()
        font.setPixelSize(sizes.caption)
        lows, highs, ends, last_step = [], [], [], 1.0
        for index, entry in enumerate(self._entries):
            curve = self._curve(entry, spec)
            if curve is None:
                continue
            steps, values = curve.points()
            values = values * spec.factor
            drawn = values if spec.is_measured else smoothed(values)
            color, pen_style = _look(index)
            item.plot(*decimated(steps, drawn), pen=pg.mkPen(color, width=2, style=pen_style))
            low, high = value_range(drawn)
            lows.append(low)
            highs.append(high)
            ends.append((float(drawn[-1]), entry.record.name, color))
            last_step = max(last_step, float(steps[-1]))
        if not lows:
            return
        metrics = QFontMetrics(font)
        width_px = max(float(item.vb.width()), 1.0)
        # At most a part of the plot is the names'; longer ones are shortened to it, the table below has them whole.
        most_px = width_px * _MOST_NAME_SHARE - _NAME_MARGIN_PX
        ends = [
            (value, metrics.elidedText(name, Qt.TextElideMode.ElideRight, int(most_px)), color)
            for value, name, color in ends
        ]
        label_px = max(metrics.horizontalAdvance(name) for _, name, _ in ends) + _NAME_MARGIN_PX
        # Room for the names behind the last step.
        item.setXRange(0, last_step * width_px / (width_px - label_px), padding=0)
        item.setYRange(min(lows), max(highs), padding=0)
        self._write_names(ends, last_step, font, (min(lows), max(highs)))

    def _write_names(
        self, ends: list[tuple[float, str, QColor]], step: float, font: QFont, limits: tuple[float, float]
    ) -> None:
        """Write the runs' names right of all curves, each as high as its curve ends, moved apart where they meet."""
        low, high = limits
        height_px = max(1.0, float(self.plot.getPlotItem().vb.height()))
        gap = (high - low) * _LABEL_GAP_PX * Theme.of_application().text_scale / height_px
        ordered = sorted(ends, key=lambda end: end[0])
        for (_, name, color), place in zip(ordered, spread([end[0] for end in ordered], gap, limits), strict=True):
            text = pg.TextItem(name, color=color)
            text.setAnchor(QPointF(0, 0.5))
            text.setFont(font)
            text.setPos(step, place)
            self.plot.getPlotItem().addItem(text, ignoreBounds=True)

    def _show_figures(self, spec: CurveSpec | None) -> None:
        headings = [tr("Run"), tr("Last value"), tr("Steps"), tr("Time")]
        rows = []
        for entry in self._entries:
            curve = self._curve(entry, spec) if spec is not None else None
            last = curve.last() if curve is not None else None
            value = "" if last is None or spec is None else phrases.number(last * spec.factor, spec.digits)
            record = entry.record
            rows.append([record.name, value, steps_text(record), phrases.duration(record.seconds)])
        _fill(self.figures, headings, rows)
        for row in range(len(rows)):
            item = self.figures.item(row, 0)
            if item is not None:
                item.setIcon(_swatch(*_look(row)))
        self.figures.setColumnWidth(0, Theme.of_application().px(_NAME_PX))

    def _show_differences(self) -> None:
        settings = [_flat(self._stored.settings.get(entry.path, {})) for entry in self._entries]
        names = [name for name in dict.fromkeys(name for each in settings for name in each) if name not in _UNIMPORTANT]
        rows = {name: [plain_number(each.get(name, "–")) for each in settings] for name in names}
        headings = [tr("Setting"), *(entry.record.name for entry in self._entries)]
        _fill(self.differences, headings, [[name, *texts] for name, texts in rows.items() if len(set(texts)) > 1])

    @Slot()
    def _apply_theme(self) -> None:
        colors, sizes = palette(), Sizes(Theme.of_application().text_scale)
        self.plot.setBackground(colors.window)
        font = QFont()
        font.setPixelSize(sizes.caption)
        item = self.plot.getPlotItem()
        for name in ("left", "bottom"):
            axis = item.getAxis(name)
            axis.setPen(pg.mkPen(colors.plot_grid))
            axis.setTextPen(pg.mkPen(colors.text_muted))
            axis.setTickFont(font)
        item.showGrid(y=True, alpha=0.12 if colors.is_dark else 0.2)
        for table in (self.figures, self.differences):
            table.verticalHeader().setDefaultSectionSize(Theme.of_application().px(3 * SPACING + 4))
        self._draw()


def _read(paths: tuple[Path, ...]) -> _Stored:
    runs = {path: Run(path) for path in paths}
    curves = {path: curves_of(run.read_metrics()) for path, run in runs.items()}
    return _Stored(curves, {path: run.config() for path, run in runs.items()})


def _look(index: int) -> tuple[QColor, Qt.PenStyle]:
    """Return a run's colour and line: five colours, then the same ones dashed."""
    lines = palette().plot_lines
    return QColor(lines[index % len(lines)]), _LINE_STYLES[index // len(lines) % len(_LINE_STYLES)]


def spread(places: Sequence[float], gap: float, limits: tuple[float, float]) -> list[float]:
    """Move places apart so that neighbours keep a distance.

    Args:
        places: In rising order.
        gap: The least distance.
        limits: Half a gap inside of these they stay, as far as there is room.

    Returns:
        The new places, in the same order.
    """
    low, high = limits
    moved: list[float] = []
    for place in places:
        lowest = moved[-1] + gap if moved else low + gap / 2
        moved.append(max(place, lowest))
    highest = high - gap / 2
    for index in range(len(moved) - 1, -1, -1):
        moved[index] = min(moved[index], highest)
        highest = moved[index] - gap
    return moved


def _swatch(color: QColor, style: Qt.PenStyle) -> QIcon:
    """Return a short piece of a run's line."""
    picture = QPixmap(24, 24)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setPen(QPen(color, 4, style))
    painter.drawLine(0, 12, 24, 12)
    painter.end()
    return QIcon(picture)


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a method beside those of the run: "pretext_params.temperature"."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat.update({f"{name}.{inner}": inner_value for inner, inner_value in value.items()})
        else:
            flat[name] = value
    return flat


def _table(name: str) -> QTableWidget:
    table = QTableWidget()
    table.setAccessibleName(name)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.verticalHeader().hide()
    table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
    table.horizontalHeader().setHighlightSections(False)
    return table


def _fill(table: QTableWidget, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table.setColumnCount(len(headings))
    table.setHorizontalHeaderLabels(list(headings))
    table.setRowCount(len(rows))
    for row, texts in enumerate(rows):
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            item.setToolTip(text)
            table.setItem(row, column, item)
    table.resizeColumnsToContents()
