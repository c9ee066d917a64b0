"""Plot axes whose numbers are written as the language writes them."""

from typing import Any

import pyqtgraph as pg

from app.look.translation import short_number


class NumberAxis(pg.AxisItem):  # type: ignore[misc]
    """An axis with the language's decimal sign; pyqtgraph knows English alone."""

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        texts: list[str] = super().tickStrings(values, scale, spacing)
        return [short_number(text) for text in texts]


def number_axes() -> dict[str, Any]:
    """Return the left and bottom axes of a new plot, for its `axisItems`."""
    return {side: NumberAxis(side) for side in ("left", "bottom")}


def plot_item() -> pg.PlotItem:
    """Return a new plot with such axes that stays as it is under the mouse, without menu and buttons."""
    # Told at once: a menu that is taken away later has been made, of two hundred widgets.
    result = pg.PlotItem(axisItems=number_axes(), enableMenu=False)
    result.setMenuEnabled(False)
    result.setMouseEnabled(x=False, y=False)
    result.hideButtons()
    return result
