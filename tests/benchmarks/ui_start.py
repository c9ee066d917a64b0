"""How soon the window is there after the program was started, and how soon it can restore."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication, QMainWindow

NUM_STARTS = 5
_WAIT_S = 120.0


def measure_starts(photo_folder: Path, num_starts: int = NUM_STARTS) -> dict[str, float]:
    """Start the program several times, after once that warms the disk.

    Args:
        photo_folder: Opened at the start.
        num_starts: How often.

    Returns:
        Seconds from starting Python to the first picture of the window, to its engine being loaded, and to a restored
        spot on the Restore page; the median of the starts, and the slowest.
    """
    starts = [_start(photo_folder) for _ in range(num_starts + 1)][1:]
    figures: dict[str, float] = {"num_starts": num_starts}
    for name in starts[0]:
        figures |= {name: statistics.median(start[name] for start in starts)}
        figures |= {f"{name}_slowest": max(start[name] for start in starts)}
    return figures


def _start(photo_folder: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        environment = {**os.environ, "RESIDUA_DATA": folder}
        command = [sys.executable, "-m", "tests.benchmarks.ui_start", str(photo_folder), str(result), str(time.time())]
        subprocess.run(command, env=environment, check=False)
        seconds: dict[str, float] = json.loads(result.read_text(encoding="utf-8"))
    return seconds


class _FirstPicture(QObject):
    """Notes when the window has been painted for the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 0.0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if not self.at and isinstance(watched, QMainWindow) and event.type() is QEvent.Type.Paint:
            # After this event the picture goes to the screen.
            QTimer.singleShot(0, self._note)
        return False

    def _note(self) -> None:
        self.at = self.at or time.time()


def main(photo_folder: Path, result: Path, started: float) -> None:
    """Be the program that is started."""
    from app import main as program

    application = QApplication([])
    first_picture = _FirstPicture()
    application.installEventFilter(first_picture)

    def look() -> None:
        # Loaded by now: nothing of the program may be loaded before it starts by itself.
        from app.pages.restore.page import RestorePage
        from app.window.main_window import MainWindow
        from tests.benchmarks.studio import wait_until

        window = next(widget for widget in application.topLevelWidgets() if isinstance(widget, MainWindow))
        wait_until(lambda: first_picture.at > 0, _WAIT_S)
        application.removeEventFilter(first_picture)
        session = window.current_page.session
        wait_until(lambda: bool(session.photos), _WAIT_S)
        window.show_page("restore")
        page = window.pages["restore"]
        assert isinstance(page, RestorePage)
        preview = page.preview
        wait_until(lambda: preview.shows_restored, _WAIT_S)
        ready = time.time()
        seconds = {"window_s": first_picture.at - started, "restored_s": ready - started}
        result.write_text(json.dumps(seconds), encoding="utf-8")
        window.current_page.runner.cancel_all()
        wait_until(lambda: not window.current_page.runner.is_busy, _WAIT_S)
        window.close()

    QTimer.singleShot(0, look)
    program.main([str(photo_folder)])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
    sys.stdout.flush()
    os._exit(0)
