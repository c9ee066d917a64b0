"""Tooltips wrap, whatever shows them; short ones are left to Qt."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QPoint, QStringListModel
from PySide6.QtGui import QHelpEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QApplication, QLabel, QListView, QMenu, QPushButton, QToolTip, QWidget
from pytestqt.qtbot import QtBot

from app.look.tool_tips import LONGEST_LINE, WrappedToolTips
from app.widgets.elided_box import ElidedComboBox

LONG = "How much of the grain in brightness goes: 0 % keeps all of it & 100 % none. " * 3 + "\nSecond <line>."


@pytest.fixture
def wrapped(qtbot: QtBot) -> Iterator[None]:
    application = QApplication.instance()
    assert application is not None
    filter_ = WrappedToolTips()
    application.installEventFilter(filter_)
    yield
    application.removeEventFilter(filter_)
    QToolTip.hideText()


def rest_on(widget: QWidget, place: QPoint) -> QLabel:
    """What the mouse that rests there brings up."""
    QApplication.sendEvent(widget, QHelpEvent(QEvent.Type.ToolTip, place, widget.mapToGlobal(place)))
    [tip] = [one for one in QApplication.topLevelWidgets() if one.inherits("QTipLabel") and one.isVisible()]
    assert isinstance(tip, QLabel)
    return tip


def shown_lines(tip: QLabel) -> int:
    return tip.height() // tip.fontMetrics().lineSpacing()


@pytest.mark.usefixtures("wrapped")
def test_a_long_tooltip_of_a_button_wraps_and_a_short_one_is_as_it_was(qtbot: QtBot) -> None:
    button = QPushButton("Go")
    qtbot.addWidget(button)
    button.show()
    button.setToolTip("Restore the photo & go on.")
    tip = rest_on(button, QPoint(3, 3))
    assert tip.text() == "Restore the photo & go on."
    button.setToolTip(LONG)
    tip = rest_on(button, QPoint(3, 3))
    assert tip.wordWrap()
    assert shown_lines(tip) >= 4
    assert tip.width() < 1.6 * tip.fontMetrics().averageCharWidth() * LONGEST_LINE
    assert "&lt;line&gt;" in tip.text(), "its own lines and signs stay"


@pytest.mark.usefixtures("wrapped")
def test_those_of_rows_and_menus_and_boxes_too(qtbot: QtBot) -> None:
    view = QListView()
    qtbot.addWidget(view)
    model = QStandardItemModel(view)
    item = QStandardItem("a photo")
    item.setToolTip(LONG)
    model.appendRow(item)
    view.setModel(model)
    view.show()
    assert rest_on(view.viewport(), view.visualRect(model.index(0, 0)).center()).wordWrap()
    QToolTip.hideText()
    menu = QMenu()
    qtbot.addWidget(menu)
    menu.setToolTipsVisible(True)
    action = menu.addAction("a method")
    action.setToolTip(LONG)
    menu.show()
    assert rest_on(menu, menu.actionGeometry(action).center()).wordWrap()
    QToolTip.hideText()
    box = ElidedComboBox()
    qtbot.addWidget(box)
    box.addItem("A choice with a rather long name that is cut")
    box.setToolTip(LONG)
    box.setFixedWidth(60)
    box.show()
    tip = rest_on(box, QPoint(5, 5))
    assert tip.wordWrap()
    assert tip.text().startswith("<p>A choice with a rather long name that is cut<br>")


@pytest.mark.usefixtures("wrapped")
def test_what_has_none_shows_none(qtbot: QtBot) -> None:
    view = QListView()
    qtbot.addWidget(view)
    view.setModel(QStringListModel(["a"]))
    view.show()
    place = QPoint(5, 5)
    QApplication.sendEvent(view.viewport(), QHelpEvent(QEvent.Type.ToolTip, place, view.mapToGlobal(place)))
    assert not QToolTip.isVisible()
