"""A layout in one expression is the layout that Qt's calls would make."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QLabel, QWidget
from pytestqt.qtbot import QtBot

from app.look.layouts import Gap, Stretch, in_column, in_row
from app.look.theme import SPACING


def margins_of(layout: QBoxLayout) -> tuple[int, int, int, int]:
    margins = layout.contentsMargins()
    return margins.left(), margins.top(), margins.right(), margins.bottom()


def test_parts_stand_in_their_order_with_their_shares_and_places(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    first, second, third = QLabel("1"), QLabel("2"), QLabel("3")
    inner = in_row(second, Gap(7))
    outer = in_column(first, (inner, 2), Stretch(3), (third, 0, Qt.AlignmentFlag.AlignRight), of=window)
    assert outer.direction() is QBoxLayout.Direction.TopToBottom
    assert inner.direction() is QBoxLayout.Direction.LeftToRight
    assert window.layout() is outer
    assert [outer.stretch(place) for place in range(outer.count())] == [0, 2, 3, 0]
    assert outer.itemAt(0).widget() is first
    assert outer.itemAt(1).layout() is inner
    assert outer.itemAt(2).spacerItem() is not None
    assert outer.itemAt(3).widget() is third
    assert outer.itemAt(3).alignment() == Qt.AlignmentFlag.AlignRight
    assert inner.itemAt(1).spacerItem().sizeHint().width() == 7
    assert {part.parentWidget() for part in (first, second, third)} == {window}


@pytest.mark.parametrize(("margins", "wanted"), [(0, (0, 0, 0, 0)), (5, (5, 5, 5, 5)), ((1, 2, 3, 4), (1, 2, 3, 4))])
def test_room_around_and_between_is_as_said(
    qtbot: QtBot, margins: int | tuple[int, int, int, int], wanted: tuple[int, int, int, int]
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    layout = in_row(of=window, margins=margins, spacing=11)
    assert margins_of(layout) == wanted
    assert layout.spacing() == 11


def test_what_is_not_said_is_as_the_style_and_the_outer_layout_have_it(qtbot: QtBot) -> None:
    plain, window = QWidget(), QWidget()
    for widget in (plain, window):
        qtbot.addWidget(widget)
    inner = in_row(spacing=None)
    outer = in_column(inner, of=window)
    assert outer.spacing() == inner.spacing() == SPACING
    assert margins_of(inner) == (0, 0, 0, 0)
    assert margins_of(outer) == margins_of(in_column(of=plain, spacing=0)) != (0, 0, 0, 0)
