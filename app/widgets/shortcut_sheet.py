"""The cheat sheet: every key there is, by what it is for."""

import itertools

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.actions import ACTIONS, shown_keys
from app.theme import SPACING
from app.widgets.text import label


class ShortcutSheet(QDialog):
    """Lists the table of actions; Escape closes it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        groups = [
            (group, [action_id for action_id, _ in members])
            for group, members in itertools.groupby(ACTIONS.items(), key=lambda item: item[1].group)
        ]
        columns = QHBoxLayout()
        columns.setContentsMargins(0, 0, 2 * SPACING, 0)
        columns.setSpacing(5 * SPACING)
        half = -(-sum(len(members) + 2 for _, members in groups) // 2)
        column, height = self._column(), 0
        for group, members in groups:
            if height and height + len(members) > half:
                column.addStretch()
                columns.addLayout(column)
                column, height = self._column(), 0
            column.addWidget(label(group, "section"))
            column.addLayout(self._grid(members))
            column.addSpacing(SPACING)
            height += len(members) + 2
        column.addStretch()
        columns.addLayout(column)
        content = QWidget()
        content.setLayout(columns)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(3 * SPACING, 3 * SPACING, 3 * SPACING, 3 * SPACING)
        layout.setSpacing(2 * SPACING)
        layout.addWidget(label("Keyboard shortcuts", "title"))
        layout.addWidget(scroll, 1)
        self.resize(min(content.sizeHint().width() + 9 * SPACING, 1000), min(content.sizeHint().height() + 120, 720))

    @staticmethod
    def _column() -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(SPACING)
        return column

    @staticmethod
    def _grid(action_ids: list[str]) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(3 * SPACING)
        grid.setVerticalSpacing(SPACING // 2)
        for row, action_id in enumerate(action_ids):
            keys = label(shown_keys(action_id), "strong")
            grid.addWidget(keys, row, 0)
            grid.addWidget(label(ACTIONS[action_id].text), row, 1)
        grid.setColumnStretch(1, 1)
        return grid
