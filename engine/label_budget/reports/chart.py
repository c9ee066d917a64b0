"""The experiment as a picture: quality against labels, a line for each method, named at its end."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.label_budget.methods import SUGGESTED
from engine.label_budget.plan import Plan
from engine.label_budget.reports.results import BudgetFigures, BudgetRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Told apart with any colour vision (Okabe and Ito, "Color Universal Design", 2008), without the pale yellow."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")

_INK = "#222222"
_FAINT = "#888888"
_SIZE_INCHES = (9.0, 5.4)
_DOTS_PER_INCH = 150
_SMALLEST_RANGE_DB = 0.5
_SHIFT = 0.06
_LARGEST_SPREAD = 0.36
"""By how much neighbouring lines, and all together, are set apart sideways, so that their intervals do not hide each
other; in label counts."""

_LABEL_HEIGHT = 0.052
"""Of the axis; names at the ends of lines keep this distance."""


def draw_chart(plan: Plan, figures: BudgetFigures, title: str, note: str) -> dict[str, bytes]:
    """Draw the chart.

    Args:
        plan: What was done.
        figures: What came out.
        title: Above the chart.
        note: Below the title: steps, repetitions, photos.

    Returns:
        The picture as "png" and as "svg".
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # The salt makes the same chart the same file.
    with matplotlib.rc_context(
        {"font.family": "DejaVu Sans", "font.size": 10, "svg.fonttype": "none", "svg.hashsalt": "residua"}
    ):
        figure = Figure(figsize=_SIZE_INCHES, facecolor="white")
        _draw(figure, plan, figures, title, note)
        png, svg = io.BytesIO(), io.BytesIO()
        FigureCanvasAgg(figure)
        figure.savefig(png, format="png", dpi=_DOTS_PER_INCH)
        figure.savefig(svg, format="svg", metadata={"Date": None, "Title": title})
    return {"png": png.getvalue(), "svg": svg.getvalue()}


def _draw(figure: "Figure", plan: Plan, figures: BudgetFigures, title: str, note: str) -> None:
    axes = figure.add_axes((0.08, 0.11, 0.68, 0.73))
    places = {count: place for place, count in enumerate(plan.label_counts)}
    names = [method.name for method in plan.methods]
    axes.axhline(0.0, color=_FAINT, linewidth=1.0, zorder=1)
    ends: list[tuple[float, str, str]] = []
    for index, name in enumerate(names):
        rows = [row for row in figures.rows if row.method == name]
        if not rows:
            continue
        shift = min(_SHIFT, _LARGEST_SPREAD / len(names)) * (index - (len(names) - 1) / 2)
        colour = COLOURS[index % len(COLOURS)]
        _draw_line(axes, rows, [places[row.num_labels] + shift for row in rows], colour, index)
        ends.append((rows[-1].gain.mean, rows[-1].title, colour))
    axes.set_ylim(*vertical_reach(figures.rows))
    axes.set_xlim(-0.4, len(places) - 0.6)
    axes.set_xticks(list(places.values()), [_tick(count, plan.all_count) for count in places])
    axes.set_xlabel("Labelled photos", color=_INK)
    axes.set_ylabel("PSNR above the noisy photos, dB", color=_INK)
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_FAINT)
    axes.tick_params(colors=_INK)
    _name_lines(axes, ends)
    figure.text(0.08, 0.94, title, fontsize=14, fontweight="bold", color=_INK)
    figure.text(0.08, 0.885, note, fontsize=9.5, color="#555555")


def vertical_reach(rows: Sequence[BudgetRow]) -> tuple[float, float]:
    """The axis: all means and, where they are not much wider than the means lie apart, their intervals."""
    means = [row.gain.mean for row in rows] + [0.0]
    apart = max(max(means) - min(means), _SMALLEST_RANGE_DB)
    ends = [end for row in rows if row.gain.has_interval for end in (row.gain.low, row.gain.high)]
    low = max(min([*means, *ends]), min(means) - apart)
    high = min(max([*means, *ends]), max(means) + apart)
    margin = 0.05 * max(high - low, _SMALLEST_RANGE_DB)
    return low - margin, high + margin


def _draw_line(axes: "Axes", rows: Sequence[BudgetRow], places: Sequence[float], colour: str, index: int) -> None:
    means = [row.gain.mean for row in rows]
    # One repetition has no interval; its end would be infinitely far.
    reach = [row.gain.high - row.gain.mean if row.gain.has_interval else 0.0 for row in rows]
    axes.errorbar(
        places,
        means,
        yerr=reach,
        color=colour,
        marker=MARKERS[index % len(MARKERS)],
        markersize=6,
        linewidth=1.8,
        elinewidth=1.2,
        capsize=3,
        linestyle="--" if rows[0].method == SUGGESTED or index >= len(COLOURS) else "-",
        zorder=3,
    )


def _name_lines(axes: "Axes", ends: Sequence[tuple[float, str, str]]) -> None:
    """Write each method's name at the height at which its line ends, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    wanted = sorted(((mean - low) / (high - low), name, colour) for mean, name, colour in ends)
    heights = spread([height for height, _, _ in wanted], _LABEL_HEIGHT)
    for height, (end, name, colour) in zip(heights, wanted, strict=True):
        axes.annotate(
            name,
            xy=(1.0, end),
            xytext=(1.03, height),
            xycoords="axes fraction",
            textcoords="axes fraction",
            color=colour,
            fontweight="bold",
            fontsize=9.5,
            verticalalignment="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.8,
                "shrinkA": 3,
                "shrinkB": 0,
                "relpos": (0, 0.5),
            },
        )


def spread(heights: Sequence[float], distance: float) -> list[float]:
    """Move ascending heights apart to at least a distance, keeping groups that touch centred where they were.

    Args:
        heights: Ascending.
        distance: Between neighbours, at least.
    """
    groups: list[tuple[float, int]] = []
    for height in heights:
        centre, size = height, 1
        while groups:
            below, below_size = groups[-1]
            if centre - below >= distance * (size + below_size) / 2:
                break
            groups.pop()
            centre = (centre * size + below * below_size) / (size + below_size)
            size += below_size
        groups.append((centre, size))
    return [centre + distance * (index - (size - 1) / 2) for centre, size in groups for index in range(size)]


def _tick(count: int, all_count: int) -> str:
    if count == 0:
        return "none"
    return f"all ({count})" if count == all_count else str(count)
