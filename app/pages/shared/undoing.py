"""What a person does and can take back: by Ctrl+Z, or by the button of the message that told of it."""

from collections.abc import Callable

from PySide6.QtGui import QUndoCommand, QUndoStack

from app.core.messages import Message
from app.look.translation import tr


class Change(QUndoCommand):
    """One change, for the session's undo stack.

    A message's button takes back its own change, whatever has followed. So both functions change what is there now, by
    a difference, and never bring back a whole state. Ctrl+Z then passes over what was taken back already.
    """

    def __init__(
        self, text: str, do: Callable[[], object], take_back: Callable[[], object], *, is_done: bool = False
    ) -> None:
        """Describe a change.

        Args:
            text: What it is called in the menu.
            do: Does it, at first when the change is pushed.
            take_back: Does the opposite.
            is_done: Whether it has been done already when it is pushed.
        """
        super().__init__(text)
        self._do = do
        self._take_back = take_back
        self._is_done = is_done

    def redo(self) -> None:
        if not self._is_done:
            self._is_done = True
            self._do()

    def undo(self) -> None:
        if self._is_done:
            self._is_done = False
            self._take_back()


def undoable(stack: QUndoStack, change: Change, text: str, details: str = "") -> Message:
    """Return a message whose button takes a change back.

    Args:
        stack: Where the change was pushed.
        change: What the message tells of.
        text: As of `Message`.
        details: As of `Message`.
    """

    def take_back() -> None:
        if stack.index() and stack.command(stack.index() - 1) is change:
            # So that the menu names what comes before it, and it can be done again.
            stack.undo()
        else:
            change.undo()

    return Message(text=text, details=details, action_label=tr("Undo"), action=take_back)
