"""What a person writes about a run."""

from pathlib import Path

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QFocusEvent, QHideEvent
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from app.core.run_catalog import RunEntry
from app.look.translation import tr

_SAVED_AFTER_MS = 3_000


class RunNotes(QPlainTextEdit):
    """An editor that says what was written when one leaves it, chooses another run, or rests for three seconds.

    Signals:
        written: A run's folder, its notes before, and as they are now.
    """

    written = Signal(object, str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPlaceholderText(tr("What was tried, and what came of it. Kept in the run's folder."))
        self.setAccessibleName(tr("Notes"))
        self.setTabChangesFocus(True)
        self._path: Path | None = None
        self._stored = ""
        self._rest = QTimer(self, singleShot=True, interval=_SAVED_AFTER_MS)
        self._rest.timeout.connect(self.commit)
        self.textChanged.connect(self._rest.start)

    def set_entry(self, entry: RunEntry | None) -> None:
        """Show another run's notes, or the same one's as they are now; what is being written stays."""
        path, notes = (entry.path, entry.record.notes) if entry is not None else (None, "")
        if path != self._path:
            self.commit()
        elif self._is_edited or notes == self._stored:
            self._stored = notes
            return
        self._path, self._stored = path, notes
        if self.toPlainText() != notes:
            self.setPlainText(notes)
        self._rest.stop()
        self.setEnabled(path is not None)

    @Slot()
    def commit(self) -> None:
        """Say what was written, if anything was."""
        self._rest.stop()
        if self._path is not None and self._is_edited:
            old, self._stored = self._stored, self.toPlainText().strip()
            self.written.emit(self._path, old, self._stored)

    @property
    def _is_edited(self) -> bool:
        return self.toPlainText().strip() != self._stored

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.commit()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.commit()
