"""No silent death: whatever goes wrong unexpectedly is written to a log and shown, with details to copy.

Four sources lead here: exceptions that nobody caught on the main thread and in other threads, Qt's own warnings, and
crashes of native code, whose traceback the next start finds in a file.
"""

from __future__ import annotations

import faulthandler
import logging
import logging.handlers
import os
import platform
import sys
import threading
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TextIO

from PySide6.QtCore import QMessageLogContext, QObject, Qt, QtMsgType, QUrl, Signal, Slot, qInstallMessageHandler
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog, QPlainTextEdit, QWidget
from shiboken6 import isValid

from app.look.buttons import button, primary_button
from app.look.layouts import WIDE_MARGINS, Stretch, in_column, in_row
from app.look.text import label
from app.look.theme import SPACING
from app.look.translation import tr
from engine.machine.places import Place, library_versions

logger = logging.getLogger(__name__)

_LOG_BYTES = 1_000_000
_NUM_OLD_LOGS = 3
_QT_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


@dataclass(frozen=True)
class ErrorReport:
    """Something unexpected.

    Attributes:
        summary: One sentence.
        details: Traceback and versions.
    """

    summary: str
    details: str


class ErrorReporter(QObject):
    """Catches what nobody else caught; one, made at start and installed before any window.

    Signals:
        reported: An `ErrorReport` (main thread).
    """

    reported = Signal(object)
    _caught = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.last_crash = ""
        self._crash_file: TextIO | None = None
        self._log_handler: logging.Handler | None = None
        self._dialog: ReportDialog | None = None
        self._is_reporting = threading.local()
        self._caught.connect(self._show, Qt.ConnectionType.QueuedConnection)

    def install(self) -> None:
        """Take over from Python's and Qt's own ways of complaining."""
        folder = Place.LOGS.path()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._open_log(folder / "residua.log")
            self._open_crash_file(folder / "crash.txt")
        except OSError as error:
            logger.warning("No log is written: %s", error)
        sys.excepthook = self.on_exception
        threading.excepthook = self._on_thread_exception
        qInstallMessageHandler(_log_qt_message)
        logger.info("Residua starts: %s, Python %s", platform.platform(), platform.python_version())

    def uninstall(self) -> None:
        """Give everything back; what is written from here on goes where it went before."""
        sys.excepthook = sys.__excepthook__
        threading.excepthook = threading.__excepthook__
        qInstallMessageHandler(None)
        if self._log_handler is not None:
            logging.getLogger().removeHandler(self._log_handler)
            self._log_handler.close()
            self._log_handler = None
        if self._crash_file is not None:
            faulthandler.disable()
            self._crash_file.close()
            self._crash_file = None

    def close_dialog(self) -> None:
        """Close the dialog if it is open."""
        dialog = self._open_dialog
        if dialog is not None:
            dialog.close()

    def report(self, summary: str, details: str) -> None:
        """Log and show something unexpected; from any thread."""
        logger.error("%s\n%s", summary, details)
        self._caught.emit(ErrorReport(summary, f"{details.rstrip()}\n\n{_environment()}"))

    def on_exception(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """What `sys.excepthook` does from now on."""
        if issubclass(kind, KeyboardInterrupt):
            QApplication.quit()
            return
        # A fault of this very code would otherwise go round in circles.
        if getattr(self._is_reporting, "now", False):
            sys.__excepthook__(kind, error, trace)
            return
        self._is_reporting.now = True
        try:
            self.report(f"{kind.__name__}: {error}", "".join(traceback.format_exception(kind, error, trace)))
        finally:
            self._is_reporting.now = False

    def _on_thread_exception(self, arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            self.on_exception(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)

    def _open_log(self, path: Path) -> None:
        handler = logging.handlers.RotatingFileHandler(
            path,
            maxBytes=_LOG_BYTES,
            backupCount=_NUM_OLD_LOGS,
            encoding="utf-8",
            delay=True,
            errors="backslashreplace",
        )
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"))
        root = logging.getLogger()
        root.addHandler(handler)
        if root.level in (logging.NOTSET, logging.WARNING):
            root.setLevel(logging.INFO)
        # It tells at each change of theme that it was successful.
        logging.getLogger("qdarkstyle").setLevel(logging.WARNING)
        self._log_handler = handler

    def _open_crash_file(self, path: Path) -> None:
        if os.path.isfile(path):
            self.last_crash = path.read_text(encoding="utf-8", errors="replace").strip()
            if self.last_crash:
                logger.error("The last session crashed:\n%s", self.last_crash)
        self._crash_file = path.open("w", encoding="utf-8")
        faulthandler.enable(self._crash_file)

    @property
    def _open_dialog(self) -> ReportDialog | None:
        """The dialog while it is seen; closed, or with the window that it stood over, it is gone."""
        dialog = self._dialog
        return dialog if dialog is not None and isValid(dialog) and dialog.isVisible() else None

    @Slot(object)
    def _show(self, report: ErrorReport) -> None:
        self.reported.emit(report)
        dialog = self._open_dialog
        if dialog is None:
            self._dialog = ReportDialog(report, _main_window())
            self._dialog.open()
        else:
            dialog.add(report)


class ReportDialog(QDialog):
    """Says that the program made a mistake, and helps to report it.

    Attributes:
        copy_button: Copies the details.
    """

    def __init__(self, report: ErrorReport, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Residua met an unexpected error"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._details = QPlainTextEdit(report.details, readOnly=True)
        self._details.setAccessibleName(tr("Details"))
        self.copy_button = button(tr("Copy the details"), "copy")
        self.copy_button.clicked.connect(self._copy)
        folder_button = button(tr("Open the log folder"), "folder-open")
        folder_button.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(Place.LOGS.path()))))
        close_button = primary_button(tr("Go on"))
        close_button.clicked.connect(self.accept)
        close_button.setDefault(True)
        row = in_row(self.copy_button, folder_button, Stretch(), close_button)
        in_column(
            label(tr("A fault of the program"), "title"),
            label(
                tr(
                    "Something happened that should not. Your photos are untouched, and what was saved is still there. "
                    "Please copy the details and report them; if the window behaves oddly, close and start it again."
                ),
                wraps=True,
            ),
            label(report.summary, "warning", wraps=True),
            (self._details, 1),
            row,
            of=self,
            margins=WIDE_MARGINS,
            spacing=2 * SPACING,
        )
        self.resize(720, 480)

    @property
    def details(self) -> str:
        """All that would be copied."""
        return self._details.toPlainText()

    def add(self, report: ErrorReport) -> None:
        """Add a further report to the details."""
        self._details.appendPlainText(f"\n{report.details}")

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.details)


def _main_window() -> QWidget | None:
    """Return the window that the active one belongs to: a dialog would take the report with it when it closes."""
    window = QApplication.activeWindow()
    while window is not None and (owner := window.parentWidget()) is not None:
        window = owner
    return window


def _environment() -> str:
    versions = ", ".join(f"{name} {version}" for name, version in library_versions().items())
    return f"{platform.platform()}, Python {platform.python_version()}\n{versions}"


def _log_qt_message(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    logging.getLogger("qt").log(_QT_LEVELS.get(kind, logging.WARNING), "%s", message)
