"""The label-budget experiment as a chart: quality over labels, a line for each method, named at its end."""

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import Qt

from app.look.palette import Palette
from app.look.theme import Theme
from app.look.translation import format_number, tr, translate_engine
from app.widgets.plots.library import pyqtgraph as pg
from app.widgets.plots.themed_plot import ThemedPlot
from engine.label_budget.reports.chart import spread, vertical_reach
from engine.label_budget.reports.results import BudgetFigures, BudgetRow

_MARKERS = ("o", "s", "t1", "d", "t", "p", "star")
_MARKER_PX = 8
_SHIFT = 0.05
"""Neighbouring lines are set apart sideways by this, in label counts, so that their intervals can be told apart."""

_NAMES_ROOM = 0.3
"""Room for the names at the right, as a share of the width of the lines."""

_NAME_HEIGHT_PX = 17


def budget_chart() -> ThemedPlot:
    """Return the empty chart."""
    return ThemedPlot(
        "",
        tr("labelled photos"),
        tr("PSNR above the noisy photos, dB"),
        tr(
            "How much nearer to their clean references the measured photos come, by method and number of labels. Bars "
            "are 95 % intervals over the repetitions: where two overlap widely, their difference may be chance."
        ),
    )


def methods_of(figures: BudgetFigures) -> list[str]:
    """Return the names of the methods in their order."""
    return list(dict.fromkeys(row.method for row in figures.rows))


def label_counts_of(figures: BudgetFigures) -> list[int]:
    """Return the numbers of labels, ascending."""
    return sorted({row.num_labels for row in figures.rows})


def count_text(count: int, figures: BudgetFigures) -> str:
    """Return what a number of labels is called: "none", "5", "all (12)"."""
    if count == 0:
        return tr("none")
    is_all = any(row.is_all for row in figures.rows if row.num_labels == count)
    return tr("all ({count})").format(count=format_number(count)) if is_all else format_number(count)


def show_figures(target: ThemedPlot, figures: BudgetFigures) -> None:
    """Draw an experiment's figures."""
    methods, counts = methods_of(figures), label_counts_of(figures)
    low, high = vertical_reach(figures.rows)
    last = max(len(counts) - 1, 1)

    def draw(colors: Palette) -> None:
        target.plot.addItem(pg.InfiniteLine(0, angle=0, pen=pg.mkPen(colors.text_muted, width=1)), ignoreBounds=True)
        ends = []
        for index, method in enumerate(methods):
            rows = [row for row in figures.rows if row.method == method]
            color, style = _look(index, colors)
            places = [counts.index(row.num_labels) + _SHIFT * (index - (len(methods) - 1) / 2) for row in rows]
            _draw_line(target, rows, places, color, style, _MARKERS[index % len(_MARKERS)])
            ends.append((rows[-1].gain.mean, translate_engine(rows[-1].title), color, places[-1]))
        target.plot.setXRange(-0.3, last + 0.15 + _NAMES_ROOM * max(last, 1), padding=0)
        target.plot.setYRange(low, high, padding=0)
        target.plot.getAxis("bottom").setTicks(
            [[(place, count_text(count, figures)) for place, count in enumerate(counts)], []]
        )
        _name_lines(target, ends, high - low, last + 0.12, colors)

    target.set_drawing(draw)


def _look(index: int, colors: Palette) -> tuple[str, Qt.PenStyle]:
    """Colour and style; beyond the colours that all eyes tell apart, lines are dashed."""
    style = Qt.PenStyle.SolidLine if index < len(colors.plot_lines) else Qt.PenStyle.DashLine
    return colors.plot_lines[index % len(colors.plot_lines)], style


def _draw_line(
    target: ThemedPlot, rows: Sequence[BudgetRow], places: Sequence[float], color: str, style: Qt.PenStyle, marker: str
) -> None:
    means = np.array([row.gain.mean for row in rows])
    # One repetition has no interval; its end would be infinitely far.
    reach = np.array([row.gain.high - row.gain.mean if row.gain.has_interval else 0.0 for row in rows])
    if reach.any():
        target.plot.addItem(
            pg.ErrorBarItem(
                x=np.array(places), y=means, top=reach, bottom=reach, beam=0.04, pen=pg.mkPen(color, width=1.2)
            )
        )
    target.plot.plot(
        places,
        means,
        pen=pg.mkPen(color, width=2, style=style),
        symbol=marker,
        symbolSize=Theme.of_application().px(_MARKER_PX),
        symbolBrush=color,
        symbolPen=None,
    )


def _name_lines(
    target: ThemedPlot, ends: Sequence[tuple[float, str, str, float]], height: float, x: float, colors: Palette
) -> None:
    """Write each method's name at the height at which its line ends, moved apart where they would overlap."""
    room = max(target.plot.vb.height(), 1.0)
    distance = Theme.of_application().px(_NAME_HEIGHT_PX) / room * height
    ordered = sorted(ends)
    for wanted, (mean, name, color, end) in zip(spread([mean for mean, *_ in ordered], distance), ordered, strict=True):
        faint = pg.mkPen(color, width=0.8, style=Qt.PenStyle.DotLine)
        target.plot.addItem(pg.PlotCurveItem([end, x], [mean, wanted], pen=faint), ignoreBounds=True)
        target.write(name, x, wanted, color)
