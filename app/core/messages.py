"""What the window says to the person: never a dialog, always with what can be done about it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a message matters."""

    INFO = "info"
    """Goes away by itself."""
    WARNING = "warning"
    """Goes away by itself, after a while."""
    ERROR = "error"
    """Stays until it is dismissed."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message of the message bar.

    Attributes:
        severity: How much it matters.
        text: What happened, one sentence.
        hint: What to do about it, one sentence; may be empty.
        details: Shown on demand, copyable: paths, a traceback.
        action_label: Text of the button that does something about it: "Undo", "Open folder".
        action: What that button does.
    """

    severity: Severity = Severity.INFO
    text: str
    hint: str = ""
    details: str = ""
    action_label: str = ""
    action: Callable[[], None] | None = None
