"""A window that moves to a display of another scale, in a process of its own: displays are there from the start."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

PROGRAM = """
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget
from app.viewer.compare_viewer import CompareViewer

application = QApplication([])
window = QWidget()
viewer = CompareViewer(window)
QHBoxLayout(window).addWidget(viewer)
window.resize(300, 200)
plain, dense = sorted(application.screens(), key=lambda screen: screen.devicePixelRatio())
window.setScreen(plain)
window.move(plain.geometry().topLeft())
window.show()
application.processEvents()
viewer.view_transform.show_actual_size()
ratios = [(viewer.devicePixelRatioF(), viewer.view_transform.device_pixel_ratio, viewer.view_transform.scale)]
window.windowHandle().setScreen(dense)
window.move(dense.geometry().topLeft())
application.processEvents()
ratios.append((viewer.devicePixelRatioF(), viewer.view_transform.device_pixel_ratio, viewer.view_transform.scale))
viewer.shut_down()
print(ratios)
"""


def test_actual_size_counts_the_pixels_of_the_display_to_which_the_window_moves(tmp_path: Path) -> None:
    places = {"width": 1000, "height": 800, "logicalDpi": 96, "logicalBaseDpi": 96, "dpr": 1}
    displays = tmp_path / "displays.json"
    screens = [{"name": name, "x": x, "y": 0, **places} for name, x in (("plain", 0), ("dense", 1000))]
    displays.write_text(json.dumps({"screens": screens}))
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": f"offscreen:configfile={displays.name}",
        "QT_SCREEN_SCALE_FACTORS": "plain=1;dense=2",
        "RESIDUA_DATA": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[(1.0, 1.0, 1.0), (2.0, 2.0, 0.5)]"
