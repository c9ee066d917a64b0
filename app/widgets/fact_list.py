"""Names and values one below the other: what is known of a run or a model."""

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QWidget

from app.look.layouts import Stretch, in_column
from app.look.text import label
from app.look.theme import SPACING


class FactList(QWidget):
    """Facts under headings; values can be selected and copied, empty ones are left out."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._groups: dict[str, dict[str, str]] = {}
        self._form = QFormLayout(
            horizontalSpacing=2 * SPACING,
            verticalSpacing=SPACING // 2,
            rowWrapPolicy=QFormLayout.RowWrapPolicy.WrapLongRows,
        )
        in_column(self._form, Stretch(), of=self, margins=(0, SPACING, SPACING, 0), spacing=None)

    @property
    def facts(self) -> dict[str, str]:
        """What is shown, by name."""
        return {name: value for group in self._groups.values() for name, value in group.items() if value}

    def set_groups(self, groups: Mapping[str, Mapping[str, str]]) -> None:
        """Show other facts.

        Args:
            groups: By heading ("" for none): values by name.
        """
        wanted = {heading: dict(facts) for heading, facts in groups.items()}
        if wanted == self._groups:
            return
        self._groups = wanted
        while self._form.rowCount():
            self._form.removeRow(0)
        for heading, facts in wanted.items():
            if heading and any(facts.values()):
                self._form.addRow(label(heading, "section"))
            for name, value in facts.items():
                if value:
                    value_label = label(value, wraps=True)
                    value_label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                    self._form.addRow(label(name, "muted"), value_label)
