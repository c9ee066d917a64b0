"""The cheat sheet: every key there is, by what it is for."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from app.core.actions import ACTIONS, ActionSpec, shown_keys
from app.look.layouts import in_column, in_row
from app.look.text import label
from app.look.theme import SPACING, Theme
from app.look.translation import tr
from app.viewer.view_modes import VIEW_MODES

_WIDTH_PX, _HEIGHT_PX, _KEYS_PX = 1040, 760, 130


class ShortcutSheet(QDialog):
    """Lists the table of actions and the view modes; Escape closes it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Keyboard shortcuts"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        actions = [*(mode.action for mode in VIEW_MODES.values()), *ACTIONS.values()]
        groups = {spec.group: [one for one in actions if one.group == spec.group] for spec in ACTIONS.values()}
        columns = in_row(margins=(0, 0, 2 * SPACING, 0), spacing=5 * SPACING)
        half = -(-sum(len(members) + 2 for members in groups.values()) // 2)
        column, height = self._column(), 0
        for group, members in groups.items():
            if height and height + len(members) > half:
                column.addStretch()
                columns.addLayout(column, 1)
                column, height = self._column(), 0
            column.addWidget(label(tr(group), "section"))
            column.addLayout(self._grid(members))
            column.addSpacing(SPACING)
            height += len(members) + 2
        column.addStretch()
        columns.addLayout(column, 1)
        content = QWidget()
        content.setLayout(columns)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        scroll.setWidget(content)
        in_column(
            label(tr("Keyboard shortcuts"), "title"), (scroll, 1), of=self, margins=3 * SPACING, spacing=2 * SPACING
        )
        available, px = self.screen().availableSize(), Theme.of_application().px
        self.resize(min(px(_WIDTH_PX), available.width() - 40), min(px(_HEIGHT_PX), available.height() - 80))

    @staticmethod
    def _column() -> QVBoxLayout:
        return in_column()

    @staticmethod
    def _grid(actions: list[ActionSpec]) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(3 * SPACING)
        grid.setVerticalSpacing(SPACING // 2)
        for row, action in enumerate(actions):
            grid.addWidget(label(shown_keys(action), "strong"), row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(label(tr(action.text), wraps=True), row, 1)
        # All groups alike, so that the eye finds the texts in one line.
        grid.setColumnMinimumWidth(0, Theme.of_application().px(_KEYS_PX))
        grid.setColumnStretch(1, 1)
        return grid
