"""Fixtures for the window's tests: the theme, and a real window with everything behind it."""

import contextlib
import gc
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.core.error_reporting import ErrorReporter
from app.core.session import Session
from app.core.settings import Settings
from app.jobs.runner import JobRunner
from app.look.theme import Theme, ThemeChoice
from app.look.thumbnails import shared_thumbnails
from app.window.main_window import MainWindow
from engine.contracts.events import PhotoScanned
from engine.contracts.photo import PhotoRef
from engine.runs.store import RunStore


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Destroy a test's Qt objects before the next one starts.

    Python's cycle collector runs in whichever thread happens to allocate: left to itself it would destroy the widgets
    and timers of an earlier test in a job's thread, which Qt answers with a warning or a crash.

    What outlives the test, torch's modules above all, is then left out of every later collection: it would have to be
    looked through each time, which takes longer than most tests.
    """
    result = yield
    application = QApplication.instance()
    if application is not None and "qtbot" in getattr(item, "fixturenames", ()):
        application.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        gc.collect()
        gc.freeze()
    return result


@pytest.fixture(autouse=True)
def pointer_beside_every_window() -> None:
    """Take the mouse pointer away from where an earlier test left it.

    A window that is shown under it is entered: a message there would count as being read, a button as about to be
    pressed, and what a test finds would hang on the tests before it.
    """
    if QApplication.instance() is not None:
        QCursor.setPos(-20_000, -20_000)


@pytest.fixture
def theme(qtbot: QtBot) -> Iterator[Theme]:
    """Dress the application in the dark theme, and again after a test that changed it."""
    result = Theme.of_application()
    result.apply(ThemeChoice.DARK)
    yield result
    result.apply(ThemeChoice.DARK)


@contextlib.contextmanager
def undressed(theme: Theme) -> Iterator[None]:
    """Let a window be made as the program makes it, before it is dressed: it is there in a quarter of the time."""
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    application.setStyleSheet("")
    yield
    theme.dress()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "settings.json")


@pytest.fixture
def runner(qtbot: QtBot) -> Iterator[JobRunner]:
    """A runner whose threads have ended when the test has."""
    result = JobRunner()
    yield result
    assert result.shut_down(30)


@pytest.fixture
def session(qtbot: QtBot) -> Iterator[Session]:
    result = Session(RunStore())
    yield result
    # They count for the whole process.
    result.set_levels(())
    result.undo_stack.clear()
    result.run_catalog.shut_down()
    shared_thumbnails(result).shut_down()


def show_at(qtbot: QtBot, widget: QWidget, width: int, height: int) -> None:
    """Show a widget at a size; it goes with the test."""
    qtbot.addWidget(widget)
    widget.resize(width, height)
    with qtbot.waitExposed(widget):
        widget.show()


def open_photos(session: Session, folder: Path) -> None:
    """Open a folder of tiny photos as if it had been scanned."""
    session.set_folders([folder])
    session.add_photos(
        [PhotoScanned(path=PhotoRef(path), width=112, height=96, noise_sigma=0.1) for path in sorted(folder.iterdir())]
    )


@dataclass(frozen=True)
class OpenWindow:
    """The real window and what stands behind it."""

    window: MainWindow
    session: Session
    runner: JobRunner
    settings: Settings
    reporter: ErrorReporter


@pytest.fixture
def opened(qtbot: QtBot, theme: Theme, session: Session, runner: JobRunner, settings: Settings) -> OpenWindow:
    """The real window, shown."""
    reporter = ErrorReporter()
    with undressed(theme):
        window = MainWindow(session, runner, settings, reporter)

    def end_jobs(_: MainWindow) -> None:
        runner.cancel_all()
        qtbot.waitUntil(lambda: not runner.is_busy, timeout=60_000)

    # Before the window goes: what a job says last still reaches its pages.
    qtbot.addWidget(window, before_close_func=end_jobs)
    window.show()
    qtbot.waitExposed(window)
    return OpenWindow(window, session, runner, settings, reporter)


@pytest.fixture
def python_hooks() -> Iterator[None]:
    """Give the hooks back that a test has taken over."""
    hooks = sys.excepthook, threading.excepthook
    yield
    sys.excepthook, threading.excepthook = hooks
