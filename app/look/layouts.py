"""Layouts in one expression: what stands beside or below what, and how far apart."""

from dataclasses import dataclass
from typing import Final, TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLayout, QVBoxLayout, QWidget

from app.look.theme import SPACING

_Box = TypeVar("_Box", bound=QBoxLayout)


@dataclass(frozen=True)
class Stretch:
    """Room that takes its share of what is left over; 0: only if nothing else takes any."""

    share: int = 0


@dataclass(frozen=True)
class Gap:
    """Room of one size, in pixels."""

    px: int


Part = QWidget | QLayout | Stretch | Gap | tuple[QWidget | QLayout, int] | tuple[QWidget, int, Qt.AlignmentFlag]
"""What a layout holds: behind a widget or layout its share of what is left over, and where in its room it stands."""

Margins = int | tuple[int, int, int, int]
"""Pixels at all edges, or left, above, right and below."""

WIDE_MARGINS: Final = (3 * SPACING, 3 * SPACING, 3 * SPACING, 2 * SPACING)
"""Of a dialog, or a page that stands like one: the buttons are nearer to the edge than the title."""


def in_row(
    *parts: Part, of: QWidget | None = None, margins: Margins | None = None, spacing: int | None = SPACING
) -> QHBoxLayout:
    """Return a layout of parts from left to right.

    Args:
        parts: In this order.
        of: The widget that it lays out; None: it becomes a part of another layout.
        margins: Around all; None: as the style has them, and none where it is a part of another layout.
        spacing: Between two parts, pixels; None: as the style, or the layout that it is a part of, has it.
    """
    return _filled(QHBoxLayout() if of is None else QHBoxLayout(of), parts, margins, spacing)


def in_column(
    *parts: Part, of: QWidget | None = None, margins: Margins | None = None, spacing: int | None = SPACING
) -> QVBoxLayout:
    """Return a layout of parts from top to bottom; arguments as of `in_row`."""
    return _filled(QVBoxLayout() if of is None else QVBoxLayout(of), parts, margins, spacing)


def _filled(layout: _Box, parts: tuple[Part, ...], margins: Margins | None, spacing: int | None) -> _Box:
    if margins is not None:
        layout.setContentsMargins(*((margins,) * 4 if isinstance(margins, int) else margins))
    if spacing is not None:
        layout.setSpacing(spacing)
    for part in parts:
        if isinstance(part, Stretch):
            layout.addStretch(part.share)
        elif isinstance(part, Gap):
            layout.addSpacing(part.px)
        else:
            placed, share, *place = part if isinstance(part, tuple) else (part, 0)
            if isinstance(placed, QLayout):
                layout.addLayout(placed, share)
            else:
                layout.addWidget(placed, share, *place)
    return layout


def below_tabs(content: QWidget) -> QWidget:
    """Keep what a tab shows off the tabs above it."""
    result = QWidget()
    in_column(content, of=result, margins=(0, SPACING, 0, 0))
    return result
