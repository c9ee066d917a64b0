"""Parts stand beside one another as far as there is room, and come back when there is more."""

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from app.look.theme import SPACING
from app.widgets.room.fitting_grid import FittingGrid

PART_PX = 100


def parts(number: int) -> list[QLabel]:
    found = [QLabel(str(index)) for index in range(number)]
    for part in found:
        part.setMinimumWidth(PART_PX)
    return found


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    """What the grid stands in: a window of its own would not become narrower than its columns."""
    result = QWidget()
    qtbot.addWidget(result)
    result.resize(1000, 300)
    result.show()
    return result


@pytest.mark.parametrize("width", [100, 207, 208, 315, 316, 900])
def test_as_many_columns_as_fit(window: QWidget, width: int) -> None:
    labels = parts(5)
    grid = FittingGrid(labels, most_columns=3, parent=window)
    grid.show()
    for each in (900, width):
        grid.resize(each, 200)
    expected = min(3, (width + SPACING) // (PART_PX + SPACING))
    assert grid.num_columns == expected
    QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)
    assert len({label.x() for label in labels}) == expected
    assert len({label.y() for label in labels}) == -(-5 // expected)
    assert all(grid.rect().contains(label.geometry()) for label in labels)
    assert grid.minimumSizeHint().width() == PART_PX


def test_a_part_that_grows_gets_room(qtbot: QtBot, window: QWidget) -> None:
    labels = parts(2)
    grid = FittingGrid(labels, most_columns=2, parent=window)
    grid.show()
    grid.resize(250, 200)
    assert grid.num_columns == 2
    labels[0].setMinimumWidth(200)
    qtbot.waitUntil(lambda: grid.num_columns == 1)
    labels[0].setMinimumWidth(PART_PX)
    qtbot.waitUntil(lambda: grid.num_columns == 2)
