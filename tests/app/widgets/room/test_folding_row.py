"""A row whose buttons fold into a menu: nothing is lost, nothing is shown twice, no room is wasted."""

import random
from itertools import pairwise

import pytest
from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QHBoxLayout, QLabel, QPushButton, QStackedWidget, QWidget
from pytestqt.qtbot import QtBot

from app.look.buttons import button
from app.look.text import ElidedLabel
from app.look.theme import SPACING, Theme
from app.widgets.room.folding_row import FoldingRow
from app.widgets.room.overflow import OverflowButton

LEAST_PX = 80


class Host:
    """The row as a page has it: beside another button, in a stack of pages."""

    def __init__(self, qtbot: QtBot) -> None:
        self.lead = ElidedLabel("4 of 4 photos are done already, with the same model", least_px=LEAST_PX)
        self.buttons = [button(f"Button {number}") for number in range(4)]
        self.row = FoldingRow(self.lead, {each: each.text() for each in self.buttons})
        content = QWidget()
        layout = QHBoxLayout(content)
        layout.addWidget(self.row, 1)
        layout.addWidget(QPushButton("Start"))
        self.stack = QStackedWidget()
        qtbot.addWidget(self.stack)
        self.stack.addWidget(QWidget())
        self.stack.addWidget(content)

    def settle(self) -> None:
        for _ in range(4):
            QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)
            QApplication.processEvents()

    @property
    def seen(self) -> list[QWidget]:
        return [each for each in (*self.buttons, self.row.overflow) if each.isVisible()]


@pytest.mark.parametrize("seed", range(8))
def test_what_does_not_stand_in_the_row_stands_in_its_menu(qtbot: QtBot, theme: Theme, seed: int) -> None:
    chance, host, offered = random.Random(seed), Host(qtbot), set[QWidget]()
    host.stack.resize(chance.randint(150, 700), 60)
    host.stack.show()
    for _ in range(40):
        # Shown, resized and offered in any order, also while the page is not seen.
        match chance.randrange(4):
            case 0:
                host.stack.setCurrentIndex(chance.randint(0, 1))
            case 1:
                host.stack.resize(chance.randint(150, 700), 60)
            case _:
                control, is_offered = chance.choice(host.buttons), chance.random() < 0.7
                host.row.offer(control, is_offered)
                (offered.add if is_offered else offered.discard)(control)
        if chance.random() < 0.6:
            host.settle()
    host.stack.setCurrentIndex(1)
    host.settle()
    parts: list[QWidget] = [*host.buttons, host.row.overflow]
    for part in parts:
        assert part.isVisible() is not part.isHidden()
    folded = host.row.overflow.hidden_controls
    assert {*folded, *host.seen} - {host.row.overflow} == offered
    assert bool(folded) is host.row.overflow.isVisible()


class NarrowingBar(QWidget):
    """A bar that asks for no more than its buttons take: showing one of them changes its own width."""

    def __init__(self, controls: list[QAbstractButton]) -> None:
        super().__init__()
        self.overflow = OverflowButton()
        self.controls = controls
        layout = QHBoxLayout(self)
        for control in controls:
            self.overflow.watch(control, control.text())
            layout.addWidget(control)
        layout.addWidget(self.overflow)
        self.offered = set(controls)

    def offer(self, control: QAbstractButton, is_offered: bool) -> None:
        (self.offered.add if is_offered else self.offered.discard)(control)
        self.overflow.withdraw(control, not is_offered)
        self.fit()
        self.updateGeometry()

    def sizeHint(self) -> QSize:  # noqa: N802 - of Qt
        return QSize(sum(each.sizeHint().width() + SPACING for each in self.offered), 40)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - of Qt
        return QSize(min(self.sizeHint().width(), self.overflow.sizeHint().width()), 40)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - of Qt
        super().resizeEvent(event)
        self.fit()

    def fit(self) -> None:
        self.overflow.fit(self.width() + SPACING, SPACING)


@pytest.mark.parametrize("seed", range(8))
def test_no_part_is_shown_and_hidden_at_once(qtbot: QtBot, theme: Theme, seed: int) -> None:
    chance = random.Random(seed)
    bar = NarrowingBar([button(f"Button {number}") for number in range(4)])
    content = QWidget()
    qtbot.addWidget(content)
    layout = QHBoxLayout(content)
    layout.addWidget(QLabel("x"), 1)
    layout.addWidget(bar)
    parts: list[QWidget] = [*bar.controls, bar.overflow]
    for _ in range(40):
        if chance.random() < 0.7:
            bar.offer(chance.choice(bar.controls), chance.random() < 0.7)
        else:
            content.resize(chance.randint(150, 700), 60)
        content.setVisible(chance.random() < 0.8)
        if chance.random() < 0.6:
            QApplication.processEvents()
        if content.isVisible():
            assert [part.isVisible() for part in parts] == [not part.isHidden() for part in parts]


@pytest.mark.parametrize("width", range(260, 900, 40))
def test_the_text_gets_all_that_the_buttons_leave(qtbot: QtBot, theme: Theme, width: int) -> None:
    host = Host(qtbot)
    host.stack.setCurrentIndex(1)
    for control in host.buttons:
        host.row.offer(control, True)
    host.stack.resize(width, 60)
    host.stack.show()
    host.settle()
    seen = host.seen
    assert host.lead.width() >= LEAST_PX
    assert host.lead.geometry().right() + 1 + SPACING == seen[0].geometry().left()
    assert seen[-1].geometry().right() + 1 == host.row.width()
    for left, right in pairwise(seen):
        assert left.geometry().right() + 1 + SPACING == right.geometry().left()
