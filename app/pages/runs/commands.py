"""What can be done to runs and taken back: new names, notes, deleting, importing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.core.messages import Message, Severity
from app.core.run_catalog import RunEntry
from app.core.session import ModelChoice, Session
from app.look.translation import format_number, tr, tr_count
from app.pages.shared.undoing import Change, undoable
from engine.contracts.errors import EngineError
from engine.runs.store import Run

MAX_NAME = 120
MAX_NOTES = 20_000


class RunCommands(QObject):
    """Changes the store through the session's undo stack.

    Signals:
        message_raised: A `Message` for the message bar.
    """

    message_raised = Signal(object)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session

    def rename(self, entry: RunEntry, name: str) -> None:
        """Give a run another name."""
        name = " ".join(name.split())[:MAX_NAME]
        if name and name != entry.record.name:
            self._push(
                tr("Rename “{name}”").format(name=entry.record.name),
                lambda: self._set_name(entry.path, name),
                lambda: self._set_name(entry.path, entry.record.name),
            )

    def set_notes(self, path: Path, old: str, new: str) -> None:
        """Write notes into a run.

        Args:
            path: The run's folder.
            old: The notes before.
            new: The notes from now on.
        """
        new = new.strip()[:MAX_NOTES]
        if new != old:
            self._push(
                tr("Edit the notes"),
                lambda: self._change(lambda: Run(path).update(notes=new)),
                lambda: self._change(lambda: Run(path).update(notes=old)),
            )

    def delete(self, entries: Sequence[RunEntry]) -> None:
        """Move runs to the store's trash."""
        tokens: list[str] = []

        def delete() -> None:
            for entry in entries:
                if self._change(lambda entry=entry: tokens.append(self._delete(entry.path))):  # type: ignore[misc]
                    self._forget_model(entry.path)

        if len(entries) == 1:
            name = entries[0].record.name
            text, done = tr("Delete “{name}”"), tr("The run “{name}” was deleted.")
        else:
            name = str(len(entries))
            text, done = tr("Delete {name} runs"), tr("{name} runs were deleted.")
        change = self._push(text.format(name=name), delete, lambda: self._restore_all(tokens))
        if tokens:
            self.message_raised.emit(undoable(self._session.undo_stack, change, done.format(name=name)))

    def add_imported(self, run: Run) -> None:
        """Let an import be undone that has just been made."""
        path, tokens = run.path, list[str]()

        def take_out() -> None:
            if self._change(lambda: tokens.append(self._delete(path))):
                self._forget_model(path)

        self._push(tr("Import “{name}”").format(name=run.record.name), lambda: self._restore_all(tokens), take_out)
        self._session.runs_changed.emit()

    def bring_back(self, tokens: Sequence[str]) -> None:
        """Take runs out of the trash."""
        brought = [token for token in tokens if self._restore(token)]
        if brought:
            text = tr_count("{number} run is back.", "{number} runs are back.", len(brought))
            self.message_raised.emit(Message(text=text.format(number=format_number(len(brought)))))

    def _restore(self, token: str) -> bool:
        return self._change(lambda: self._session.run_store.restore_deleted(token))

    def _restore_all(self, tokens: list[str]) -> None:
        """Take runs out of the trash, the last one first, and forget their tokens."""
        while tokens:
            self._restore(tokens.pop())

    def _delete(self, path: Path) -> str:
        return self._session.run_store.delete(Run(path))

    def _forget_model(self, path: Path) -> None:
        model = self._session.model
        if model is not None and model.path == path:
            self._session.set_model(None)

    def _set_name(self, path: Path, name: str) -> None:
        self._change(lambda: Run(path).update(name=name))
        if self._session.model is not None and self._session.model.path == path:
            self._session.set_model(ModelChoice(path, name))

    def _push(self, text: str, redo: Callable[[], object], undo: Callable[[], object]) -> Change:
        change = Change(text, redo, undo)
        self._session.undo_stack.push(change)
        return change

    def _change(self, change: Callable[[], object]) -> bool:
        """Change the store; what goes wrong becomes a message."""
        try:
            change()
        except EngineError as error:
            self.message_raised.emit(Message(severity=Severity.ERROR, text=error.message, hint=error.hint))
            return False
        finally:
            self._session.runs_changed.emit()
        return True
