"""The residual inspector's plots: values, neighbours, fineness, and the distances between crops."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt

from app.look.palette import Palette
from app.look.translation import format_number, mark, signed_number, tr
from app.pages.residual.heat_map import DIVERGING, SEQUENTIAL, HeatMap, HeatMapContent
from app.widgets.plots.library import pyqtgraph as pg
from app.widgets.plots.themed_plot import ThemedPlot
from engine.contracts.photo import PhotoRef
from engine.residuals.distances import NoiseComparison
from engine.residuals.statistics import RadialSpectrum, ResidualHistogram

_LEVELS = 255
_SMALLEST_SHOWN_CORRELATION = 0.1
_LEAST_POWER = 1e-4
_NAME_LENGTH = 18

_CORRELATION = mark("{value} between pixels {right} to the right and {down} down")
_DISTANCE = mark("{first}, crop {first_crop}, and {second}, crop {second_crop}: {distance} of 255 levels apart")


def histogram_plot() -> ThemedPlot:
    """Return the empty plot of how often which value was taken away."""
    return ThemedPlot(
        tr("Values"),
        tr("taken away, of 255 levels"),
        tr("% per level"),
        tr("How often which value was taken away. Noise usually follows the bell curve (normal distribution)."),
    )


def show_histogram(target: ThemedPlot, histogram: ResidualHistogram) -> None:
    """Draw the values and the normal distribution of the same strength."""
    centres = histogram.centres * _LEVELS
    found, normal = histogram.density / _LEVELS * 100, histogram.normal / _LEVELS * 100

    def draw(colors: Palette) -> None:
        first, second = colors.plot_lines[0], colors.plot_lines[1]
        fill = pg.mkColor(first)
        fill.setAlpha(70)
        target.plot.plot(centres, found, pen=pg.mkPen(first, width=1.5), fillLevel=0, brush=fill)
        target.plot.plot(centres, normal, pen=pg.mkPen(second, width=1.5, style=Qt.PenStyle.DashLine))
        reach, top = float(centres[-1]), float(max(found.max(), normal.max())) * 1.08
        target.plot.setXRange(float(centres[0]), reach, padding=0)
        target.plot.setYRange(0, top, padding=0)
        target.write(tr("residual"), reach, top, first, (1, 0))
        target.write(tr("normal noise as strong"), reach, 0.8 * top, second, (1, 0))

    target.set_drawing(draw)


def spectrum_plot() -> ThemedPlot:
    """Return the empty plot of power by fineness."""
    return ThemedPlot(
        tr("Power by fineness"),
        tr("fineness, cycles per pixel"),
        tr("power, dB"),
        tr(
            "How strong coarse (left) and fine (right) parts are: the radial power spectrum. White noise lies on the "
            "dotted line; a rise to the left is blotchy noise or picture."
        ),
    )


def show_spectrum(target: ThemedPlot, spectrum: RadialSpectrum) -> None:
    """Draw the radial spectrum against white noise."""
    power = 10 * np.log10(np.maximum(spectrum.power, _LEAST_POWER))

    def draw(colors: Palette) -> None:
        white = pg.InfiniteLine(0, angle=0, pen=pg.mkPen(colors.text_muted, width=1.5, style=Qt.PenStyle.DotLine))
        target.plot.addItem(white, ignoreBounds=True)
        target.plot.plot(spectrum.frequencies, power, pen=pg.mkPen(colors.plot_lines[0], width=2))
        low, high = min(float(power.min()), -3.0), max(float(power.max()), 3.0)
        target.plot.setXRange(0, 0.5, padding=0)
        target.plot.setYRange(low - 1, high + 1, padding=0)
        # On the side of the dotted line that the curve leaves free at the right end.
        anchor = (1.0, 1.0) if float(power[-1]) < 0 else (1.0, 0.0)
        target.write(tr("white noise"), 0.495, 0, colors.text_muted, anchor)

    target.set_drawing(draw)


def autocorrelation_map() -> HeatMap:
    """Return the empty map of how alike neighbours are."""
    return HeatMap(
        tr("Neighbours"),
        tr("to the right, pixels"),
        tr("down, pixels"),
        tr("correlation"),
        tr(
            "How alike what was taken away is at pixels some distance apart: the autocorrelation. White noise is pale "
            "all over; stripes and rings are structure."
        ),
    )


def show_autocorrelation(target: HeatMap, correlation: NDArray[np.float64]) -> None:
    """Show the autocorrelation without its middle, which is always 1."""
    lag = correlation.shape[0] // 2
    shown = correlation.copy()
    shown[lag, lag] = 0.0
    reach = max(float(np.abs(shown).max()), _SMALLEST_SHOWN_CORRELATION)

    def phrase(row: int, column: int) -> str:
        if row == lag and column == lag:
            return tr("The middle is each pixel with itself: always 1")
        return tr(_CORRELATION).format(
            value=signed_number(float(correlation[row, column]), 3), right=column - lag, down=row - lag
        )

    strongest = float(shown.ravel()[np.abs(shown).argmax()])
    target.show_content(
        HeatMapContent(
            values=shown,
            rect=QRectF(-lag - 0.5, -lag - 0.5, 2 * lag + 1, 2 * lag + 1),
            low=-reach,
            high=reach,
            color_map=DIVERGING,
            phrase=phrase,
        ),
        tr("Strongest: {value}. Point at a place to read it.").format(value=signed_number(strongest, 2)),
    )


def distance_map() -> HeatMap:
    """Return the empty map of distances between crops."""
    return HeatMap(
        "",
        "",
        "",
        tr("apart, of 255 levels"),
        tr(
            "How far the noises of two crops are apart (earth mover's distance). Blocks along the diagonal are crops "
            "of one photo, the positives; all others are negatives."
        ),
    )


def show_distances(target: HeatMap, comparison: NoiseComparison) -> None:
    """Show the matrix, a block of rows and columns for each photo."""
    crops = comparison.crops_per_photo
    values = comparison.distances * _LEVELS
    names = short_names(comparison.photos)
    count = len(values)

    def phrase(row: int, column: int) -> str:
        return tr(_DISTANCE).format(
            first=comparison.photos[row // crops].name,
            first_crop=row % crops + 1,
            second=comparison.photos[column // crops].name,
            second_crop=column % crops + 1,
            distance=format_number(float(values[row, column]), 2),
        )

    target.show_content(
        HeatMapContent(
            values=values,
            rect=QRectF(0, 0, count, count),
            low=0.0,
            high=max(float(values.max()), 1e-6),
            color_map=SEQUENTIAL,
            phrase=phrase,
            ticks=[((index + 0.5) * crops, name) for index, name in enumerate(names)],
            lines=[index * crops for index in range(1, len(names))],
        ),
        tr("Point at a place to read it."),
    )


def short_names(photos: Sequence[PhotoRef]) -> list[str]:
    """Return names that fit beside a matrix: the ends, in which names of one folder differ."""
    return [path.stem if len(path.stem) <= _NAME_LENGTH else f"…{path.stem[1 - _NAME_LENGTH :]}" for path in photos]
