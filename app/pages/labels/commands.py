"""What can be undone on the labels page."""

from collections.abc import Callable

from PySide6.QtGui import QUndoCommand

from app.pages.labels.decisions import LabelDecisions


class DecideCommand(QUndoCommand):
    """Decide otherwise about labels."""

    def __init__(
        self, apply: Callable[[LabelDecisions], None], before: LabelDecisions, after: LabelDecisions, text: str
    ) -> None:
        super().__init__(text)
        self._apply = apply
        self._before = before
        self._after = after

    def redo(self) -> None:
        self._apply(self._after)

    def undo(self) -> None:
        self._apply(self._before)
