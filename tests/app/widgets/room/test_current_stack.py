"""A stack, and tabs, ask for what the shown widget needs, and for what the own frame takes."""

import pytest
from PySide6.QtCore import QPoint, QRect, QSize
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.widgets.room.current_stack import CurrentStack, CurrentTabs
from tests.app.conftest import show_at


def test_the_shown_widget_has_all_the_room_that_it_needs(qtbot: QtBot) -> None:
    window = QWidget()
    layout = QVBoxLayout(window)
    layout.setContentsMargins(0, 0, 0, 0)
    stack = CurrentStack()
    stack.setFrameShape(QFrame.Shape.Box)
    stack.setLineWidth(5)
    layout.addWidget(stack)
    small, large = QWidget(), QWidget()
    small.setMinimumSize(120, 80)
    large.setMinimumSize(600, 400)
    for widget in (small, large):
        stack.addWidget(widget)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    window.resize(1, 1)
    assert small.size() == QSize(120, 80)
    assert stack.contentsRect() == QRect(small.mapTo(stack, QPoint(0, 0)), small.size())
    stack.setCurrentWidget(large)
    window.resize(1, 1)
    qtbot.waitUntil(lambda: stack.contentsRect().size() == QSize(600, 400))
    assert stack.contentsRect() == QRect(large.mapTo(stack, QPoint(0, 0)), large.size())


@pytest.mark.parametrize("kind", [CurrentStack, CurrentTabs])
def test_what_is_hidden_takes_no_room_from_wrapped_text(
    qtbot: QtBot, kind: type[CurrentStack] | type[CurrentTabs]
) -> None:
    """Qt asks all widgets of a stack for their height as soon as the text of one of them wraps."""
    window = QWidget()
    layout = QVBoxLayout(window)
    layout.setContentsMargins(0, 0, 0, 0)
    several = kind()
    layout.addWidget(several)
    text = QLabel("One line of text that wraps where there is little room for it. " * 3)
    text.setWordWrap(True)
    large = QWidget()
    inner = QVBoxLayout(large)
    long = QLabel("Much more text, which wraps too. " * 200)
    long.setWordWrap(True)
    inner.addWidget(long)
    large.setMinimumHeight(700)
    for widget in (text, large):
        if isinstance(several, CurrentTabs):
            several.addTab(widget, "tab")
        else:
            several.addWidget(widget)
    show_at(qtbot, window, 300, 200)
    assert layout.totalMinimumHeightForWidth(300) < 200
    several.setCurrentWidget(large)
    assert layout.totalMinimumHeightForWidth(300) >= 700
    several.setCurrentWidget(text)
    assert layout.totalMinimumHeightForWidth(300) < 200
