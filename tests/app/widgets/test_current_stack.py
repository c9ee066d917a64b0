"""A stack asks for what its shown widget needs, and for what its own frame takes."""

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.widgets.current_stack import CurrentStack


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
    assert stack.rect().contains(small.geometry())
    stack.setCurrentWidget(large)
    window.resize(1, 1)
    qtbot.waitUntil(lambda: large.size() == QSize(600, 400))
    assert stack.contentsRect() == large.geometry()
