"""Plots of a learned noise: its level by brightness, twins that come nearer, and how far a refinement pays."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QSizePolicy

from app.look import phrases
from app.look.palette import Palette
from app.look.theme import Theme
from app.look.translation import mark, tr
from app.widgets.plots.library import pyqtgraph as pg
from app.widgets.plots.themed_plot import ThemedPlot
from engine.contracts.learned_noise import BRIGHTNESS, LearnedNoise
from engine.contracts.noise import LEVELS
from engine.residuals.statistics import ResidualLevels

_CHANNELS = ((mark("red"), 1), (mark("green"), 2), (mark("blue"), 0))
"""Names of the channels, and which of the palette's lines comes near their colour."""

_SPREAD_PERCENTILES = (10, 90)
_ALIKE = 0.04
"""Channels whose levels differ by less are one line."""

_HEIGHT_PX = 184
_ROOM, _ROOM_FOR_NAMES = 1.15, 1.6
_LEAST_TOP = 0.5
_EMPTY_TOP = 10.0
_SHARE_NAMES = {0.0: "0", 0.25: "¼", 0.5: "½", 0.75: "¾", 1.0: "1"}
_LEAST_DROP = 2.0
"""Of a hundred: less than this between the highest and the lowest error is not drawn as if it were much."""


class _LowPlot(ThemedPlot):
    """Keeps its height, which grows with the text: a scrolled column would give it a whole screen."""

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), Theme.of_application().px(_HEIGHT_PX))

    def minimumSizeHint(self) -> QSize:
        return QSize(super().minimumSizeHint().width(), Theme.of_application().px(_HEIGHT_PX))


def _low_plot(title: str, x_label: str, y_label: str, tip: str, ground: str = "window") -> ThemedPlot:
    plot = _LowPlot(title, x_label, y_label, tip, ground=ground)
    plot.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    return plot


def level_plot(*, ground: str = "window", title: str = "") -> ThemedPlot:
    """Return the empty plot of the noise's level by brightness.

    Args:
        ground: The palette's colour that it stands on.
        title: Above it; "" for none.
    """
    plot = _low_plot(
        title,
        tr("brightness, of 255"),
        tr("noise, of 255"),
        tr(
            "How strong the noise is from black to white: its standard deviation, colour by colour. The pale band "
            "holds eight of ten photos."
        ),
        ground,
    )
    plot.setAccessibleName(tr("Level of the noise by brightness"))
    return plot


def show_no_levels(target: ThemedPlot) -> None:
    """Draw what levels are going to stand on, while none is known."""
    target.set_drawing(lambda colors: _set_ranges(target, _EMPTY_TOP))
    target.setAccessibleDescription("")


def show_levels(target: ThemedPlot, noise: LearnedNoise, photos: Sequence[int]) -> None:
    """Draw the median of some photos, and their spread.

    Args:
        target: Where.
        noise: What was learned.
        photos: Indices of at least one photo.
    """
    sigmas = LEVELS * np.sqrt(np.array([noise.photos[photo].variance for photo in photos]))
    medians = np.median(sigmas, axis=0)
    low, high = np.percentile(sigmas.mean(axis=1), _SPREAD_PERCENTILES, axis=0)
    lines = _lines(medians, is_gray=all(noise.photos[photo].is_gray for photo in photos))
    top = _ROOM * max(float(medians.max()), float(high.max()), _LEAST_TOP)

    def draw(colors: Palette) -> None:
        if len(photos) > 1:
            _draw_band(target, low, high, colors)
        for _, line, values in lines:
            target.plot.plot(LEVELS * BRIGHTNESS, values, pen=pg.mkPen(colors.plot_lines[line], width=2))
        names = [(tr(name), colors.plot_lines[line]) for name, line, _ in lines]
        _write_names(target, names, [*medians, high], top)
        _set_ranges(target, top)

    target.set_drawing(draw)
    target.setAccessibleDescription(_spoken(medians.mean(axis=0)))


def show_residual_levels(target: ThemedPlot, levels: ResidualLevels, learned: NDArray[np.float64] | None) -> None:
    """Draw how strong a residual is by brightness, and the learned noise at the same places.

    Args:
        target: A `level_plot`.
        levels: Measured on the residual.
        learned: Standard deviation of the learned noise, 0 to 1; None where none is known. Shape: (steps,).
    """
    at, found = LEVELS * levels.brightness, LEVELS * levels.sigma
    expected = None if learned is None else LEVELS * learned
    top = _ROOM_FOR_NAMES * max(float(found.max()), 0.0 if expected is None else float(expected.max()), _LEAST_TOP)

    def draw(colors: Palette) -> None:
        first, second = colors.plot_lines[0], colors.plot_lines[1]
        marked = pg.mkBrush(first)
        target.plot.plot(at, found, pen=pg.mkPen(first, width=2), symbol="o", symbolSize=6, symbolBrush=marked,
                         symbolPen=pg.mkPen(None))  # fmt: skip
        names, lines = [(tr("taken away"), first)], [found]
        if expected is not None:
            target.plot.plot(at, expected, pen=pg.mkPen(second, width=2, style=Qt.PenStyle.DashLine))
            names.append((tr("learned noise"), second))
            lines.append(expected)
        _write_names(target, names, lines, top)
        _set_ranges(target, top)

    target.set_drawing(draw)


def _write_names(
    target: ThemedPlot, names: Sequence[tuple[str, str]], lines: Sequence[NDArray[np.float64]], top: float
) -> None:
    """Write what lines are called, one below the other, where they leave the most room: above dark, or above bright.

    Args:
        target: Where they are drawn.
        names: Each with its colour, as "#rrggbb".
        lines: From dark to bright.
        top: Upper edge of the plot.
    """
    third = max(len(lines[0]) // 3, 1)
    is_right = max(line[-third:].max() for line in lines) < max(line[:third].max() for line in lines)
    target.write_names(names, LEVELS * (0.98 if is_right else 0.02), top * 0.98, to_left=bool(is_right))


def distance_plot() -> ThemedPlot:
    """Return the empty plot of how near twins come to their photos."""
    return _low_plot(
        tr("Twins come nearer"),
        tr("round of putting the noise right"),
        tr("apart, % of the noise"),
        tr(
            "Earth mover's distance of what the network takes away from a photo and from its twin, the photo restored "
            "and made noisy anew. The noise of the round with the lowest distance is used."
        ),
    )


def show_distances(target: ThemedPlot, distances: Sequence[float], num_rounds: int) -> None:
    """Draw the distance by round.

    Args:
        target: A `distance_plot`.
        distances: From round 0 on, as shares of the noise; where only the first and the best are known, those two.
        num_rounds: How many rounds there will be after the first.
    """
    values = 100 * np.array(distances)
    best = int(values.argmin()) if len(values) else 0

    def draw(colors: Palette) -> None:
        color = colors.plot_lines[0]
        _draw_points(target, np.arange(len(values), dtype=np.float64), values, best, colors)
        names = [(0.0, tr("guess")), *((float(number), str(number)) for number in range(1, num_rounds + 1))]
        target.plot.getAxis("bottom").setTicks([names])
        target.plot.setXRange(-0.35, num_rounds + 0.35, padding=0)
        target.plot.setYRange(0, _ROOM * 1.1 * max(float(values.max(initial=0)), 1.0), padding=0)
        for index in sorted({0, best} & set(range(len(values)))):
            text = f"{phrases.number(values[index])}{phrases.NO_BREAK}%"
            target.write(text, index, float(values[index]), color, (0.5, 1.15))

    target.set_drawing(draw)
    if len(values):
        target.setAccessibleDescription(
            tr("From {before} % to {after} %").format(
                before=phrases.number(values[0]), after=phrases.number(values[best])
            )
        )


def share_plot() -> ThemedPlot:
    """Return the empty plot of the error by how far a refinement is followed."""
    return _low_plot(
        tr("How far it pays"),
        tr("share of what was learned"),
        tr("error, % of before"),
        tr(
            "Mean squared error on parts of your photos, estimated without references (Stein's unbiased risk "
            "estimate). The share with the lowest error is kept; 0 is the model as it was."
        ),
    )


def show_shares(target: ThemedPlot, gains: Mapping[float, float], kept: float) -> None:
    """Draw the estimated error by share of the way.

    Args:
        target: A `share_plot`.
        gains: Estimated gain by share, dB.
        kept: The share that was kept.
    """
    shares = np.array(list(gains))
    errors = 100 * 10 ** (-np.array(list(gains.values())) / 10)
    chosen = int(np.abs(shares - kept).argmin())

    def draw(colors: Palette) -> None:
        before = pg.mkPen(colors.text_muted, width=1.5, style=Qt.PenStyle.DotLine)
        target.plot.addItem(pg.InfiniteLine(100, angle=0, pen=before), ignoreBounds=True)
        _draw_points(target, shares, errors, chosen, colors)
        target.plot.getAxis("bottom").setTicks(
            [[(share, _SHARE_NAMES.get(share, phrases.number(share, 2))) for share in gains]]
        )
        low, high = float(errors.min()), float(errors.max())
        middle, half = (low + high) / 2, max(high - low, _LEAST_DROP) / 2
        target.plot.setXRange(-0.06, 1.06, padding=0)
        target.plot.setYRange(middle - 1.5 * half, middle + 1.5 * half, padding=0)
        text = tr("kept: {error} %").format(error=phrases.number(errors[chosen], 1))
        # Inside the plot at both ends, and on the side of the line that is free.
        across = 0.0 if shares[chosen] < 0.2 else 1.0 if shares[chosen] > 0.8 else 0.5
        down = -0.25 if errors[chosen] <= middle else 1.25
        target.write(text, float(shares[chosen]), float(errors[chosen]), colors.plot_lines[0], (across, down))

    target.set_drawing(draw)
    spoken = ", ".join(
        f"{_SHARE_NAMES.get(share, phrases.number(share, 2))}: {phrases.number(error, 1)} %"
        for share, error in zip(gains, errors, strict=True)
    )
    target.setAccessibleDescription(spoken)


def _lines(medians: NDArray[np.float64], *, is_gray: bool) -> list[tuple[str, int, NDArray[np.float64]]]:
    """The names, colours and values of the lines to draw. Shape of the levels: (3, brightness)."""
    if is_gray:
        return [(mark("gray"), 0, medians[0])]
    mean = medians.mean(axis=0)
    if np.abs(medians - mean).max() < _ALIKE * max(float(mean.max()), 1e-6):
        return [(mark("all colours"), 0, mean)]
    return [(name, line, values) for (name, line), values in zip(_CHANNELS, medians, strict=True)]


def _draw_band(target: ThemedPlot, low: NDArray[np.float64], high: NDArray[np.float64], colors: Palette) -> None:
    edges = [pg.PlotDataItem(LEVELS * BRIGHTNESS, values, pen=pg.mkPen(None)) for values in (low, high)]
    color = QColor(colors.text_muted)
    color.setAlpha(50)
    for edge in edges:
        target.plot.addItem(edge)
    target.plot.addItem(pg.FillBetweenItem(*edges, brush=pg.mkBrush(color)))


def _draw_points(
    target: ThemedPlot, at: NDArray[np.float64], values: NDArray[np.float64], chosen: int, colors: Palette
) -> None:
    """Joined points of which one is marked."""
    color = colors.plot_lines[0]
    sizes = [12 if index == chosen else 6 for index in range(len(values))]
    target.plot.plot(at, values, pen=pg.mkPen(color, width=2), symbol="o", symbolSize=sizes,
                     symbolBrush=pg.mkBrush(color), symbolPen=pg.mkPen(None))  # fmt: skip


def _set_ranges(target: ThemedPlot, top: float) -> None:
    target.plot.setXRange(0, LEVELS, padding=0)
    target.plot.setYRange(0, top, padding=0)


def _spoken(values: NDArray[np.float64]) -> str:
    """The level at black, middle and white, for whoever cannot see the plot."""
    dark, middle, bright = (phrases.number(values[place], 1) for place in (0, len(values) // 2, -1))
    return tr("{dark} at black, {middle} at middle gray, {bright} at white, of {levels}").format(
        dark=dark, middle=middle, bright=bright, levels=LEVELS
    )
