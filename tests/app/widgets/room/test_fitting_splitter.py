"""Columns that stand below one another where they do not fit beside one another."""

import pytest
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from app.look.layouts import in_column
from app.look.theme import Theme
from app.widgets.room.fitting_splitter import FittingSplitter

LEAST_PX = 200
GAP_PX = 16
SENTENCE = "A sentence that wraps. " * 20


def column() -> QWidget:
    result = QWidget(minimumWidth=LEAST_PX)
    in_column(QLabel(SENTENCE, wordWrap=True), of=result, margins=0)
    return result


def splitter_in(window: QWidget) -> FittingSplitter:
    """A splitter of its own would not become narrower than its columns."""
    result = FittingSplitter(((column(), 0), (column(), 640)), (300, 500), gap_px=GAP_PX, parent=window)
    result.resize(900, 400)
    result.show()
    return result


@pytest.fixture
def window(qtbot: QtBot, theme: Theme) -> QWidget:
    result = QWidget()
    qtbot.addWidget(result)
    result.resize(1000, 300)
    result.show()
    return result


@pytest.fixture
def splitter(window: QWidget) -> FittingSplitter:
    return splitter_in(window)


def test_columns_stand_beside_one_another_as_far_as_they_fit(splitter: FittingSplitter) -> None:
    handle_px = splitter.handle(1).sizeHint().width()
    for width, is_stacked in ((900, False), (2 * LEAST_PX + handle_px, False), (2 * LEAST_PX + handle_px - 1, True)):
        splitter.resize(width, 400)
        assert splitter.is_stacked is is_stacked
    assert splitter.minimumSizeHint().width() == LEAST_PX


def test_what_is_stacked_is_whole(splitter: FittingSplitter) -> None:
    splitter.resize(LEAST_PX, splitter.height())
    splitter.resize(LEAST_PX, splitter.minimumSizeHint().height())
    first, second = splitter.widget(0), splitter.widget(1)
    label = first.findChild(QLabel)
    assert label is not None
    assert label.height() >= label.heightForWidth(label.width())
    assert second.height() >= 640
    assert second.y() + second.height() <= splitter.height()


def test_the_gap_stands_beside_the_handle(splitter: FittingSplitter) -> None:
    margins = [splitter.widget(number).layout().contentsMargins() for number in (0, 1)]
    assert [(each.left(), each.right()) for each in margins] == [(0, GAP_PX), (GAP_PX, 0)]
    splitter.resize(LEAST_PX, 400)
    margins = [splitter.widget(number).layout().contentsMargins() for number in (0, 1)]
    assert [(each.left(), each.top(), each.bottom()) for each in margins] == [(0, 0, GAP_PX), (0, GAP_PX, 0)]


def test_drawn_widths_outlast_being_stacked_and_the_program(splitter: FittingSplitter, window: QWidget) -> None:
    splitter.setSizes([620, 260])
    drawn = splitter.sizes()
    splitter.resize(LEAST_PX, 1500)
    assert splitter.is_stacked
    stored = splitter.saveState()
    splitter.resize(900, 400)
    assert splitter.sizes() == drawn
    other = splitter_in(window)
    other.resize(LEAST_PX, 1500)
    assert other.restoreState(stored)
    assert other.is_stacked
    other.resize(900, 400)
    assert other.sizes() == drawn


def test_the_first_widths_hold_whether_or_not_it_was_stacked_first(window: QWidget) -> None:
    beside, stacked_first = splitter_in(window), splitter_in(window)
    first = beside.sizes()
    stacked_first.resize(LEAST_PX, 1500)
    assert stacked_first.is_stacked
    stacked_first.resize(900, 400)
    assert stacked_first.sizes() == first
