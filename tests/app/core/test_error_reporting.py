"""Nothing dies silently: exceptions, threads, Qt's warnings and crashes are logged and shown."""

import logging
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer, qWarning
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.core.error_reporting import ErrorReporter, ReportDialog
from app.look.theme import Theme
from app.window.settings_dialog import SettingsDialog
from engine.machine.places import Place
from tests.app.conftest import OpenWindow


@pytest.fixture
def reporter(qtbot: QtBot, theme: Theme, python_hooks: None) -> Iterator[ErrorReporter]:
    result = ErrorReporter()
    result.install()
    yield result
    result.close_dialog()
    result.uninstall()


def open_dialogs() -> list[ReportDialog]:
    return [
        widget for widget in QApplication.topLevelWidgets() if isinstance(widget, ReportDialog) and widget.isVisible()
    ]


def test_the_log_follows_the_environment(user_data: Path) -> None:
    assert Place.LOGS.path() == user_data / "logs"


@pytest.mark.qt_no_exception_capture
def test_an_exception_in_a_slot_is_logged_and_shown(qtbot: QtBot, reporter: ErrorReporter) -> None:
    def fail() -> None:
        raise RuntimeError("a fault in a slot")

    with qtbot.waitSignal(reporter.reported):
        QTimer.singleShot(0, fail)
    [dialog] = open_dialogs()
    assert "a fault in a slot" in dialog.details
    assert "Python 3" in dialog.details
    qtbot.mouseClick(dialog.copy_button, Qt.MouseButton.LeftButton)
    assert "in fail" in QGuiApplication.clipboard().text()
    assert "a fault in a slot" in (Place.LOGS.path() / "residua.log").read_text()


def test_an_exception_in_a_thread_is_shown_too_and_in_the_same_dialog(qtbot: QtBot, reporter: ErrorReporter) -> None:
    for number in range(2):
        with qtbot.waitSignal(reporter.reported):
            thread = threading.Thread(target=lambda number=number: [].pop(number))
            thread.start()
        thread.join()
    [dialog] = open_dialogs()
    assert dialog.details.count("IndexError: pop from empty list") >= 2


def report_and_wait(qtbot: QtBot, reporter: ErrorReporter, summary: str) -> ReportDialog:
    """Report something, and return the dialog that says so."""
    with qtbot.waitSignal(reporter.reported):
        reporter.report(summary, summary)
    [dialog] = open_dialogs()
    return dialog


def test_a_report_outlives_the_dialog_that_was_open(qtbot: QtBot, opened: OpenWindow) -> None:
    opened.window.activateWindow()
    qtbot.waitUntil(opened.window.isActiveWindow)
    opened.window.show_settings()
    [settings] = opened.window.findChildren(SettingsDialog)
    qtbot.waitUntil(settings.isActiveWindow)
    first = report_and_wait(qtbot, opened.reporter, "a first fault")
    settings.close()
    qtbot.waitUntil(lambda: not opened.window.findChildren(SettingsDialog))
    assert open_dialogs() == [first]
    assert report_and_wait(qtbot, opened.reporter, "a second fault") is first
    assert "a first fault" in first.details
    assert "a second fault" in first.details
    go_on = next(button for button in first.findChildren(QPushButton) if button.isDefault())
    qtbot.mouseClick(go_on, Qt.MouseButton.LeftButton)
    assert not open_dialogs()
    opened.reporter.close_dialog()
    third = report_and_wait(qtbot, opened.reporter, "a third fault")
    assert "a first fault" not in third.details
    opened.reporter.close_dialog()


def test_a_fault_is_shown_after_the_window_of_the_last_one_is_gone(
    qtbot: QtBot, theme: Theme, reporter: ErrorReporter
) -> None:
    window = QWidget()
    window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    assert report_and_wait(qtbot, reporter, "a first fault").parentWidget() is window
    with qtbot.waitSignal(window.destroyed):
        window.close()
    assert "a second fault" in report_and_wait(qtbot, reporter, "a second fault").details


def test_a_keyboard_interrupt_quits_rather_than_complains(qtbot: QtBot, reporter: ErrorReporter) -> None:
    with qtbot.assertNotEmitted(reporter.reported, wait=100):
        reporter.on_exception(KeyboardInterrupt, KeyboardInterrupt(), None)


@pytest.mark.qt_log_ignore("a warning of Qt")
def test_qt_warnings_are_logged(qtbot: QtBot, reporter: ErrorReporter, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="qt"):
        qWarning("a warning of Qt")
    assert "a warning of Qt" in (Place.LOGS.path() / "residua.log").read_text()


def test_a_crash_of_native_code_is_found_at_the_next_start(qtbot: QtBot, theme: Theme, python_hooks: None) -> None:
    program = textwrap.dedent(
        """
        import faulthandler
        from PySide6.QtWidgets import QApplication, QPushButton, QWidget
        application = QApplication([])
        from app.core.error_reporting import ErrorReporter
        reporter = ErrorReporter()
        reporter.install()
        faulthandler._sigsegv()
        """
    )
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment, check=False)
    assert ended.returncode != 0
    reporter = ErrorReporter()
    reporter.install()
    try:
        assert "Segmentation fault" in reporter.last_crash
    finally:
        reporter.uninstall()
    again = ErrorReporter()
    again.install()
    again.uninstall()
    assert again.last_crash == ""


def test_a_log_that_cannot_be_written_does_not_stop_the_program(
    qtbot: QtBot, theme: Theme, python_hooks: None, user_data: Path
) -> None:
    (user_data / "logs").write_text("a file in the folder's place")
    reporter = ErrorReporter()
    reporter.install()
    with qtbot.waitSignal(reporter.reported):
        reporter.report("Something", "details")
    reporter.close_dialog()
    reporter.uninstall()
