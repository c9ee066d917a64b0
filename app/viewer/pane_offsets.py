"""By how much single panes are moved against the others: two shots of a scene rarely lie on the same pixel."""

from PySide6.QtCore import QObject, QPointF, Signal

_NOTHING = QPointF(0, 0)


class PaneOffsets(QObject):
    """One offset a pane, in scene pixels; panes that were not moved have none.

    Signals:
        changed(): Some pane lies elsewhere.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._offsets: dict[int, QPointF] = {}

    @property
    def any(self) -> bool:
        """Whether any pane has been moved."""
        return bool(self._offsets)

    def of(self, index: int) -> QPointF:
        """Return a pane's offset."""
        return QPointF(self._offsets.get(index, _NOTHING))

    def move(self, index: int, by: QPointF) -> None:
        """Move a pane by so many scene pixels, to the right and down."""
        self.put(index, self.of(index) + by)

    def put(self, index: int, offset: QPointF) -> None:
        """Move a pane to an offset."""
        if offset == self.of(index):
            return
        if offset.isNull():
            self._offsets.pop(index)
        else:
            self._offsets[index] = QPointF(offset)
        self.changed.emit()

    def reset(self) -> None:
        """Put all panes back."""
        if self._offsets:
            self._offsets = {}
            self.changed.emit()
