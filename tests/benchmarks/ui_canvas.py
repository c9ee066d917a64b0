"""Frame times of the comparison while panning and zooming a photo of 50 megapixels.

    python3 run.py bench ui_canvas [--panes 1 2 4] [--frames 300]

A real window on a virtual screen (Xvfb, 1280 x 800). A frame is one step of panning or zooming, painted to the screen.
Frames are asked for every 1/60 s, as a display does; 16.7 ms is what each may take. A frame counts as soft where some
tile in view came later and the photo was shown less sharp for that moment.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from engine.contracts.photo import Pixels
from tests.benchmarks.reporting import describe_machine, print_table

WIDTH, HEIGHT = 8256, 6192
"""51 megapixels, 8 rows and columns beyond a whole number of tiles."""

FRAME_S = 1 / 60


@dataclass(frozen=True)
class FrameTimes:
    """One way of moving.

    Attributes:
        movement: What was done.
        num_panes: How many copies of the photo were shown.
        p50_ms: Half of the frames took at most so long.
        p99_ms: All but one in a hundred took at most so long.
        max_ms: The slowest.
        main_thread_p99_ms: The same of the processor time of the window's thread alone: what the program itself needs
            where other programs share the processor.
        soft_share: Share of the frames in which some tile was still missing.
    """

    movement: str
    num_panes: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    main_thread_p99_ms: float
    soft_share: float


def measure_canvas(num_panes: int, num_frames: int) -> list[FrameTimes]:
    """Pan and zoom; in a process that has a `QApplication` and a screen.

    Args:
        num_panes: 1 to 6 panes with the same photo.
        num_frames: For each way of moving.
    """
    import numpy as np
    from PySide6.QtCore import QEventLoop, QPointF, QTimer
    from PySide6.QtWidgets import QApplication

    from app.viewer.compare_viewer import CompareViewer
    from app.viewer.pictures import Picture

    photo = _photo()
    viewer = CompareViewer()
    viewer.resize(1280, 760)
    viewer.show()
    viewer.set_panes([Picture(title=f"Pane {number}", pixels=photo) for number in range(1, num_panes + 1)])

    def settle(ms: int = 300) -> None:
        loop = QEventLoop()
        QTimer.singleShot(ms, loop.quit)
        loop.exec()
        while viewer.is_busy or not viewer.is_sharp:
            QApplication.processEvents()

    def frames(movement: str, step: Callable[[], None]) -> FrameTimes:
        settle()
        wall, main_thread, num_soft = [], [], 0
        for _ in range(num_frames):
            started, started_here = time.perf_counter(), time.thread_time()
            step()
            QApplication.processEvents()
            wall.append((time.perf_counter() - started) * 1000)
            main_thread.append((time.thread_time() - started_here) * 1000)
            num_soft += not viewer.is_sharp
            # The rest of the frame is free for the threads that make tiles.
            time.sleep(max(0.0, FRAME_S - (time.perf_counter() - started)))
        p50, p99 = np.percentile(wall, [50, 99])
        own = float(np.percentile(main_thread, 99))
        return FrameTimes(movement, num_panes, float(p50), float(p99), max(wall), own, num_soft / num_frames)

    transform, cursor = viewer.view_transform, QPointF(300, 250)

    def to(zoom: float) -> None:
        transform.zoom_to(zoom)
        transform.centre_on(QPointF(WIDTH / 2, HEIGHT / 2))

    settle(1000)
    results: list[FrameTimes] = []
    for zoom in (1.0, 0.3, 2.0):
        to(zoom)
        results.append(frames(f"pan at {zoom:.0%}", lambda: transform.pan_by(QPointF(-7, -4))))
    transform.fit()
    results.append(frames("zoom in from fit", lambda: transform.zoom_by(1.015, cursor)))
    results.append(frames("zoom out to fit", lambda: transform.zoom_by(1 / 1.015, cursor)))
    viewer.shut_down()
    viewer.close()
    viewer.deleteLater()
    return results


def report(results: Iterable[FrameTimes]) -> None:
    """Print the figures as a Markdown table."""
    header = ["panes", "movement", "p50", "p99", "slowest", "p99, window's thread alone", "soft frames"]
    rows = [
        [
            str(result.num_panes),
            result.movement,
            f"{result.p50_ms:.1f} ms",
            f"{result.p99_ms:.1f} ms",
            f"{result.max_ms:.1f} ms",
            f"{result.main_thread_p99_ms:.1f} ms",
            f"{result.soft_share:.0%}",
        ]
        for result in results
    ]
    print_table(header, rows)


def _photo() -> Pixels:
    """A photo with detail everywhere."""
    import cv2
    import numpy as np

    random = np.random.default_rng(0)
    coarse = random.random((HEIGHT // 48, WIDTH // 48, 3), dtype=np.float32)
    photo: Pixels = np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.float32)
    photo += random.standard_normal((HEIGHT, WIDTH, 1), dtype=np.float32) * np.float32(0.05)
    return np.clip(photo, 0, 1, out=photo)


def on_virtual_screen() -> int:
    """Start this script again inside Xvfb."""
    if shutil.which("xvfb-run") is None:
        sys.exit("This benchmark needs xvfb-run: apt-get install xvfb")
    command = ["xvfb-run", "-a", "-s", "-screen 0 1280x800x24", sys.executable, "-m", "tests.benchmarks.ui_canvas"]
    environment = {**os.environ, "QT_QPA_PLATFORM": "xcb", "UI_CANVAS_ON_SCREEN": "1"}
    return subprocess.run([*command, *sys.argv[1:]], env=environment).returncode


def main(arguments: argparse.Namespace) -> int:
    """Measure with each number of panes."""
    from PySide6.QtWidgets import QApplication

    from app.look.theme import Theme, ThemeChoice
    from app.studio import SWITCH_INTERVAL_S

    # As the program does.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    application = QApplication([])
    Theme.of_application().apply(ThemeChoice.DARK)
    print(f"{WIDTH} x {HEIGHT} pixels; {describe_machine()}\n")
    report(result for num_panes in arguments.panes for result in measure_canvas(num_panes, arguments.frames))
    del application
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--panes", type=int, nargs="+", default=[1, 2, 4], choices=range(1, 7))
    parser.add_argument("--frames", type=int, default=300, help="of each way of moving")
    chosen = parser.parse_args()
    sys.exit(main(chosen) if os.environ.get("UI_CANVAS_ON_SCREEN") else on_virtual_screen())
