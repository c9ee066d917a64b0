"""A person's whole way through the window, by the X server's own mouse and keyboard, with a look at every page.

    python3 run.py bench scripted_user [--steps 300] [--finetune-steps 400] [--out DIR] [--scale 2]

Starts the studio on the noisy `polyu` photos on a virtual screen (Xvfb), pretrains, adds references, fine-tunes with
5 labels, restores and compares. `xdotool` moves the mouse and presses the keys; nothing is called behind the window's
back. Writes a screenshot of every page in both themes to DIR, and prints how late the window's event loop was while
it trained (a 10 ms timer).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Answer = TypeVar("Answer")

SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
TIMER_MS = 10


def main(arguments: argparse.Namespace) -> int:
    """Open the window and let the person at it."""
    import numpy as np
    from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
    from PySide6.QtWidgets import QAbstractButton, QApplication, QMainWindow, QWidget

    from app import main as program

    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    application = QApplication([])

    class Eyes(QObject):
        """Answers the person's thread from the main thread: where a thing is, what it says."""

        asked = Signal(object)

        def __init__(self) -> None:
            super().__init__()
            self.asked.connect(self._answer, Qt.ConnectionType.BlockingQueuedConnection)

        @Slot(object)
        def _answer(self, question: Callable[[], None]) -> None:
            question()

        def see(self, question: Callable[[], Answer]) -> Answer:
            """Return the answer of a function called on the main thread."""
            answers: list[Answer] = []
            self.asked.emit(lambda: answers.append(question()))
            return answers[0]

    class LatenessProbe(QObject):
        """How late a 10 ms timer fires."""

        def __init__(self) -> None:
            super().__init__()
            self.delays_ms: list[float] = []
            self.recording = False
            self._expected = 0.0
            self._timer = QTimer(self)
            self._timer.setTimerType(Qt.TimerType.PreciseTimer)
            self._timer.timeout.connect(self._tick)
            self._timer.start(TIMER_MS)

        @Slot()
        def _tick(self) -> None:
            now = time.perf_counter() * 1000
            if self.recording and self._expected:
                self.delays_ms.append(max(now - self._expected, 0.0))
            self._expected = now + TIMER_MS

    # A copy, since restored photos go beside the folder of the noisy ones.
    photos = Path(os.environ["RESIDUA_DATA"]) / "polyu"
    shutil.copytree(SHARED_DATA / "real_noisy_pairs" / "polyu", photos)
    eyes, probe = Eyes(), LatenessProbe()
    report: dict[str, Any] = {}

    def window() -> QMainWindow:
        return next(widget for widget in application.topLevelWidgets() if isinstance(widget, QMainWindow))

    def visible(kind: type, text: str) -> QWidget | None:
        top = application.activeModalWidget() or window()
        for widget in top.findChildren(kind):
            said = (getattr(widget, "text", str)(), widget.accessibleName(), widget.toolTip())
            is_there = widget.isVisible() and widget.isEnabled()
            if is_there and any(words.replace("&", "").startswith(text) for words in said):
                return widget
        return None

    def do(*words: str) -> None:
        subprocess.run(["xdotool", *words], check=True, stdout=subprocess.DEVNULL)

    def centre_of(widget: QWidget) -> tuple[int, int]:
        ratio = widget.devicePixelRatioF()
        place = widget.mapToGlobal(widget.rect().center())
        return round(place.x() * ratio), round(place.y() * ratio)

    def wait_until(what: str, condition: Callable[[], object], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not eyes.see(condition):
            if time.monotonic() > deadline:
                shoot(f"stuck at {what}")
                raise TimeoutError(what)
            time.sleep(0.2)

    def click(text: str, kind: type = QAbstractButton, seconds: float = 60) -> None:
        wait_until(f"“{text}”", lambda: visible(kind, text) is not None, seconds)
        time.sleep(0.2)
        x, y = eyes.see(lambda: centre_of(visible(kind, text)))  # type: ignore[arg-type]
        do("mousemove", str(x), str(y), "click", "1")
        time.sleep(0.4)

    def press(*keys: str) -> None:
        for key in keys:
            do("key", key)
            time.sleep(0.25)

    def write(text: str) -> None:
        do("type", "--delay", "5", text)

    def shoot(name: str) -> None:
        eyes.see(lambda: application.primaryScreen().grabWindow(0).save(str(out / f"{name}.png")))

    def page() -> Any:
        return window().current_page  # type: ignore[attr-defined]

    def set_number(field: str, number: int) -> None:
        x, y = eyes.see(lambda: centre_of(page().form.form.editor(field)))
        do("mousemove", str(x), str(y), "click", "1")
        press("ctrl+a")
        write(str(number))
        press("Tab")

    def train(start_text: str, name: str, minutes: float) -> None:
        click(start_text)
        wait_until("training begun", lambda: page().is_training and page().view.isVisible(), 120)
        time.sleep(4)
        probe.recording = True
        time.sleep(arguments.watch_s)
        probe.recording = False
        shoot(f"{name} running")
        click("Pause")
        time.sleep(1.5)
        shoot(f"{name} paused")
        click("Resume")
        wait_until("training ended", lambda: not page().is_training, minutes * 60)
        time.sleep(1)
        shoot(f"{name} done")

    def live() -> None:
        wait_until("photos", lambda: "60" in window().windowTitle() or visible(QAbstractButton, "Pretrain on 60"), 90)
        wait_until("engine", lambda: page().session.compute_text, 90)
        shoot("photos")
        click("Pretrain on 60")
        click("Quick")
        if arguments.steps:
            set_number("steps", arguments.steps)
        shoot("pretrain")
        train("Pretrain on 60", "pretrain", 30)
        press("ctrl+3")
        click("Add references")
        time.sleep(1)
        shoot("labels dialog")
        write(str(photos / "clean"))
        press("Return")
        time.sleep(0.5)
        if eyes.see(lambda: application.activeModalWidget() is not None):
            press("Return")
        wait_until("pairs", lambda: len(page().session.label_pairs) >= 55, 60)
        time.sleep(1)
        shoot("labels")
        click("Fine-tune with")
        click("Quick")
        if arguments.finetune_steps:
            set_number("steps", arguments.finetune_steps)
        set_number("labels", 5)
        shoot("finetune")
        train("Fine-tune on", "finetune", 15)
        press("ctrl+5")
        time.sleep(3)
        shoot("restore")
        click("Restore 60")
        wait_until("restored", lambda: len(page().session.restored_sources) >= 60, 300)
        time.sleep(1)
        shoot("restore done")
        press("ctrl+6")
        time.sleep(3)
        shoot("compare fit")
        canvas = eyes.see(lambda: centre_of(page()))
        do("mousemove", str(canvas[0]), str(canvas[1]))
        for _ in range(6):
            do("click", "4")
        time.sleep(1)
        shoot("compare zoomed")
        press("s")
        time.sleep(1)
        shoot("compare split")
        press("d")
        time.sleep(1)
        shoot("compare difference")
        press("r", "bracketright", "bracketright")
        time.sleep(1)
        shoot("compare residual")
        press("s", "Right")
        time.sleep(2)
        for _theme in range(2):
            theme = "dark" if eyes.see(lambda: window().palette().window().color().lightness()) < 128 else "light"
            for number, name in enumerate(
                ("photos", "pretrain", "labels", "finetune", "restore", "compare", "runs"), start=1
            ):
                press(f"ctrl+{number}")
                time.sleep(1.5)
                shoot(f"{number} {name} {theme}")
            press("ctrl+t")
            time.sleep(1)
        report["done"] = True

    def person() -> None:
        try:
            live()
        except Exception as error:  # noqa: BLE001 - told to whoever runs this, and the window is closed
            report["error"] = f"{type(error).__name__}: {error}"
        eyes.see(lambda: window().close())

    thread = threading.Thread(target=person, daemon=True)
    QTimer.singleShot(3000, thread.start)
    code = program.main([str(photos / "noisy")])
    if probe.delays_ms:
        p50, p99 = np.percentile(probe.delays_ms, [50, 99])
        report["lateness_ms"] = {"p50": p50, "p99": p99, "max": max(probe.delays_ms), "ticks": len(probe.delays_ms)}
    report["screenshots"] = sorted(path.name for path in out.glob("*.png"))
    print(json.dumps(report, indent=2))
    return code if report.get("done") else 1


def on_virtual_screen(arguments: argparse.Namespace) -> int:
    """Start this script again inside Xvfb, with user data of its own."""
    for tool in ("xvfb-run", "xdotool"):
        if shutil.which(tool) is None:
            sys.exit(f"This benchmark needs {tool}: apt-get install xvfb xdotool")
    if not SHARED_DATA.is_dir():
        sys.exit(f"This benchmark needs the test images in {SHARED_DATA}.")
    width, height = (1280, 800) if arguments.scale == 1 else (2560, 1440)
    with tempfile.TemporaryDirectory() as data:
        environment = {
            **os.environ,
            "RESIDUA_DATA": data,
            "QT_SCALE_FACTOR": str(arguments.scale),
            "QT_QPA_PLATFORM": "xcb",
            "SCRIPTED_USER_ON_SCREEN": "1",
        }
        command = ["xvfb-run", "-a", "-s", f"-screen 0 {width}x{height}x24", sys.executable, "-m"]
        return subprocess.run([*command, "tests.benchmarks.scripted_user", *sys.argv[1:]], env=environment).returncode


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300, help="pretraining steps; 0: the preset's")
    parser.add_argument("--finetune-steps", type=int, default=400, help="fine-tuning steps; 0: the preset's")
    parser.add_argument("--watch-s", type=float, default=15, help="how long lateness is measured in each training")
    parser.add_argument("--out", type=Path, default=Path("screenshots"), help="folder for the screenshots")
    parser.add_argument("--scale", type=int, choices=(1, 2), default=1)
    chosen = parser.parse_args()
    sys.exit(main(chosen) if os.environ.get("SCRIPTED_USER_ON_SCREEN") else on_virtual_screen(chosen))
