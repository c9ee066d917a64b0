"""The program itself, started on a virtual screen and measured from within."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from app.window.main_window import MainWindow

Answer = TypeVar("Answer")

SCREEN = (1280, 800)
_START_S = 120.0
_POLL_MS = 2


def run_on_virtual_screen(module: str, arguments: Sequence[str], data: Path, **variables: str) -> int:
    """Run a module of this project inside Xvfb, with user data of its own.

    Args:
        module: Its dotted name.
        arguments: Of its command line.
        data: Where the program keeps runs and settings.
        variables: Further environment variables; SCREEN, such as "1280x800", is the size of the screen.

    Returns:
        Its exit code. Ends the program if the tool for it is missing.
    """
    if shutil.which("xvfb-run") is None:
        sys.exit("This benchmark needs xvfb-run: apt-get install xvfb")
    screen = variables.pop("SCREEN", "{}x{}".format(*SCREEN))
    command = ["xvfb-run", "-a", "-s", f"-screen 0 {screen}x24", sys.executable, "-m", module, *arguments]
    environment = {**os.environ, "QT_QPA_PLATFORM": "xcb", "RESIDUA_DATA": str(data), **variables}
    return subprocess.run(command, env=environment, check=False).returncode


def measure_in_studio(measure: Callable[[MainWindow], Answer], paths: Sequence[Path] = ()) -> Answer:
    """Start the program as a person does, measure in its window, and close it.

    Args:
        measure: Called on the main thread once all is loaded; may let the window live by `wait_until`.
        paths: Folders and files to open.

    Raises:
        Exception: What `measure` raised.
    """
    from app import main as program

    application = QApplication([])
    answers: list[Answer] = []
    errors: list[Exception] = []

    def begin() -> None:
        window = next(widget for widget in application.topLevelWidgets() if isinstance(widget, MainWindow))
        try:
            wait_until(lambda: bool(window.current_page.session.compute_text), _START_S)
            answers.append(measure(window))
        except Exception as error:  # noqa: BLE001 - raised again when the window is closed
            errors.append(error)
        runner = window.current_page.runner
        runner.cancel_all()
        wait_until(lambda: not runner.is_busy, _START_S)
        window.close()

    QTimer.singleShot(500, begin)
    program.main([str(path) for path in paths])
    if errors:
        raise errors[0]
    return answers[0]


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Let the window live until a condition holds.

    Raises:
        TimeoutError: It does not.
    """
    until = time.perf_counter() + seconds
    loop = QEventLoop()
    while not condition():
        if time.perf_counter() > until:
            raise TimeoutError(f"what was waited for has not come within {seconds:.0f} s")
        QTimer.singleShot(_POLL_MS, loop.quit)
        loop.exec()


def let_live(seconds: float) -> None:
    """Let the window live for some time."""
    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()
