"""The running program, from the window's opening to its end."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication, QWidget

from app.core.error_reporting import ErrorReporter
from app.core.garbage_collection import MainThreadCollector
from app.core.open_windows import OpenWindows, other_window_message
from app.core.session import Session
from app.core.settings import KEEP_DELETED_DAYS, LANGUAGE, RUNS_FOLDER, TEXT_SCALE, THEME, Settings, compute_preference
from app.core.warm_up import WarmUp
from app.jobs.runner import JobRunner
from app.look.app_icon import app_icon
from app.look.catalogues import use_language
from app.look.theme import Theme, ThemeChoice
from app.look.tool_tips import WrappedToolTips
from app.window.main_window import MainWindow
from engine.contracts.errors import RunStoreError
from engine.machine.places import Place
from engine.machine.system_memory import settle_allocation
from engine.models.starters import list_starters
from engine.runs.store import RunStore

SWITCH_INTERVAL_S = 0.002
"""How long a thread may hold Python's lock while the window waits for it; Python's own is 5 ms."""

_SHUT_DOWN_S = 20.0
_SIGNAL_POLL_MS = 200


def run(arguments: Sequence[str] | None = None) -> int:
    """Open the window and run until it is closed.

    Args:
        arguments: Folders and files to open; None: those of the command line.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="residua-studio", description="Restore noisy photos: the window.")
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="folders or files to open as photos")
    paths = [path.absolute() for path in parser.parse_args(arguments).paths]
    try:
        Place.SETTINGS.path()
        Place.RUNS.path()
    except RunStoreError as error:
        # Nothing could be kept, not even a report of that.
        sys.stderr.write(f"{error.message}\n{error.hint}\n")
        return 3

    settle_allocation()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    application.setApplicationName("Residua")
    application.setDesktopFileName("residua")
    reporter = ErrorReporter()
    reporter.install()
    collector = MainThreadCollector(application)
    collector.start()
    settings = Settings()
    use_language(settings.get(LANGUAGE), application)
    theme = Theme.of_application()
    theme.choose(ThemeChoice(settings.get(THEME)), settings.get(TEXT_SCALE))
    application.setWindowIcon(app_icon())
    runs_folder = settings.get(RUNS_FOLDER)
    session = Session(RunStore(Path(runs_folder) if runs_folder else None), list_starters())
    runner = JobRunner()
    window = MainWindow(session, runner, settings, reporter)
    theme.dress()
    window.show()
    open_windows = OpenWindows(Place.SETTINGS.path().parent)
    if open_windows.announce():
        window.message_bar.post(other_window_message())

    warm_up = WarmUp(compute_preference(settings))
    warm_up.finished.connect(session.set_engine_loaded)
    warm_up.settled.connect(collector.keep_what_is_loaded)
    warm_up.failed.connect(_raise)
    for page in window.pages.values():
        page.computed_more.connect(warm_up.put_off)
    # Loading torch would delay the first picture.
    first_picture = _FirstPicture(window)
    first_picture.there.connect(warm_up.start, Qt.ConnectionType.QueuedConnection)
    # Nobody rests on a button while the window is being built, by tens of thousands of events.
    tool_tips = WrappedToolTips(application)
    QTimer.singleShot(500, lambda: application.installEventFilter(tool_tips))
    QTimer.singleShot(0, lambda: window.open_paths(paths) if paths else window.open_last_folders())
    session.run_catalog.tidy_up(settings.get(KEEP_DELETED_DAYS))
    keep_alive = _quit_on_interrupt(application, window)

    exit_code = application.exec()
    keep_alive.stop()
    warm_up.join(_SHUT_DOWN_S)
    runner.shut_down(_SHUT_DOWN_S)
    session.run_catalog.shut_down()
    # Now, while Qt owns them: PySide deletes Python's commands twice if the cycle collector finds their stack.
    session.undo_stack.clear()
    settings.save()
    open_windows.withdraw()
    collector.stop()
    reporter.uninstall()
    return exit_code


class _FirstPicture(QObject):
    """Tells when a window has been painted for the first time.

    Signals:
        there: Once.
    """

    there = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Paint:
            self._window.removeEventFilter(self)
            self.there.emit()
        return False


def _quit_on_interrupt(application: QApplication, window: MainWindow) -> QTimer:
    """Let Ctrl+C in the terminal close the window properly: Python sees signals only while it runs."""
    signal.signal(signal.SIGINT, lambda *_: window.close())
    timer = QTimer(application)
    timer.timeout.connect(lambda: None)
    timer.start(_SIGNAL_POLL_MS)
    return timer


def _raise(error: Exception) -> None:
    raise error
