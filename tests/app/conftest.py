"""Fixtures for the window's tests: the theme, and a real window with everything behind it."""

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.error_reporting import ErrorReporter
from app.job_runner import JobRunner
from app.main_window import MainWindow
from app.session import Session
from app.settings import Settings
from app.theme import Theme, ThemeChoice
from engine.run_store import RunStore


@pytest.fixture
def theme(qtbot: QtBot) -> Iterator[Theme]:
    """Dress the application in the dark theme, and again after a test that changed it."""
    result = Theme.of_application()
    result.apply(ThemeChoice.DARK)
    yield result
    result.apply(ThemeChoice.DARK)


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
    result.run_catalog.shut_down()


@dataclass(frozen=True)
class OpenWindow:
    """The real window and what stands behind it."""

    window: MainWindow
    session: Session
    runner: JobRunner
    settings: Settings
    reporter: ErrorReporter


@pytest.fixture
def opened(qtbot: QtBot, theme: Theme, session: Session, runner: JobRunner, settings: Settings) -> Iterator[OpenWindow]:
    """The real window, shown."""
    reporter = ErrorReporter()
    window = MainWindow(session, runner, settings, reporter)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    yield OpenWindow(window, session, runner, settings, reporter)
    runner.cancel_all()
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=60_000)


@pytest.fixture
def python_hooks() -> Iterator[None]:
    """Give the hooks back that a test has taken over."""
    hooks = sys.excepthook, threading.excepthook
    yield
    sys.excepthook, threading.excepthook = hooks
