"""Showing a folder in the system's file manager."""

import shutil
import sys
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from app.core.messages import Message, Severity
from app.look.translation import tr


def open_in_file_manager(folder: Path) -> bool:
    """Show a folder; return whether there is a file manager."""
    # Qt would look for one in vain, and for long.
    if sys.platform.startswith("linux") and shutil.which("xdg-open") is None:
        return False
    return QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def no_file_manager(folder: Path) -> Message:
    """What to say where `open_in_file_manager` finds none."""
    return Message(
        severity=Severity.WARNING,
        text=tr("No file manager could be opened."),
        hint=tr("The folder is {folder}.").format(folder=folder),
    )
