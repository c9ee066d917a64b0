"""How late the window answers while it trains, and how quickly a spot is restored: measured in the real window.

Used by `python3 run.py bench ui`; each function returns figures by name, with their unit in the name.
"""

import time
from pathlib import Path

import cv2
import numpy as np
from PySide6.QtCore import QPointF, QRect, QSize, Qt
from PySide6.QtTest import QTest

from app.pages.compare.page import ComparePage
from app.pages.restore.page import RestorePage
from app.pages.training.pretrain import PretrainPage
from app.window.main_window import MainWindow
from tests.benchmarks.lateness import LatenessMeter
from tests.benchmarks.studio import let_live, wait_until

_WAIT_S = 180.0
_WARM_UP_S = 5.0
_WALK_S = 0.6
_PREVIEW_PHOTO_PX = (4000, 6000)
_NUM_SPOTS = 16


def measure_training(window: MainWindow, seconds: float = 20.0) -> dict[str, dict[str, float]]:
    """Pretrain, and watch how late the window is: on the training's page, then while a person walks through photos.

    Args:
        window: With a folder of photos open.
        seconds: How long each is watched.

    Returns:
        "training_page" and "compare_page", each with the figures of `Lateness.figures`.
    """
    page = window.pages["pretrain"]
    assert isinstance(page, PretrainPage)
    wait_until(lambda: bool(page.session.photos) and not page.runner.is_busy, _WAIT_S)
    window.show_page("pretrain")
    page.cards.cards["thorough"].click()
    wait_until(page.start_button.isEnabled, _WAIT_S)
    page.start_button.click()
    wait_until(lambda: page.view.run is not None, _WAIT_S)
    let_live(_WARM_UP_S)
    meter = LatenessMeter()
    let_live(seconds)
    figures = {"training_page": meter.stop().figures()}
    window.show_page("compare")
    compare = window.pages["compare"]
    assert isinstance(compare, ComparePage)
    let_live(_WARM_UP_S)
    meter = LatenessMeter()
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        QTest.keyClick(compare.viewer, Qt.Key.Key_Right)
        let_live(_WALK_S)
    figures["compare_page"] = meter.stop().figures()
    return figures


def make_large_photo(path: Path) -> Path:
    """Write a noisy photo of 24 megapixels, as JPEG, as a camera does."""
    height, width = _PREVIEW_PHOTO_PX
    random = np.random.default_rng(0)
    scene = cv2.resize(random.random((height // 60, width // 60, 3), dtype=np.float32), (width, height))
    scene += random.standard_normal((height, width, 1), dtype=np.float32) * np.float32(0.06)
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = np.rint(np.clip(scene, 0, 1) * 255).astype(np.uint8)
    path.write_bytes(cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes())
    return path


def measure_preview(window: MainWindow, num_spots: int = _NUM_SPOTS) -> dict[str, float]:
    """Look at a large photo on the Restore page, as a whole and then spot after spot, with the model that ships.

    Args:
        window: With the photo open.
        num_spots: How many, scattered over it.

    Returns:
        Seconds to the first restored picture of the whole, with photo and model being read; from looking at a spot at
        100 % to its being restored, half of the spots and the slowest; and how long another blend takes.
    """
    page = window.pages["restore"]
    assert isinstance(page, RestorePage)
    preview = page.preview
    wait_until(lambda: bool(page.session.photos) and not page.runner.is_busy, _WAIT_S)

    def is_restored() -> bool:
        return preview.shows_restored and preview.viewer.is_sharp

    started = time.perf_counter()
    window.show_page("restore")
    wait_until(is_restored, _WAIT_S)
    figures = {"first_s": time.perf_counter() - started}
    preview.zoom_buttons[1.0].click()
    restoration = preview.restoring.restoration
    assert restoration is not None
    levels = restoration.levels
    random = np.random.default_rng(1)
    waited: list[float] = []
    for x, y in random.uniform(0.1, 0.9, (num_spots, 2)):
        spot = QPointF(x * levels.size.width(), y * levels.size.height())
        [tile] = levels.tiles_in(QRect(spot.toPoint(), QSize(1, 1)))
        started = time.perf_counter()
        preview.viewer.view_transform.centre_on(spot)
        wait_until(lambda tile=tile: levels.has(tile, 0) and preview.viewer.is_sharp, _WAIT_S)  # type: ignore[misc]
        waited.append(time.perf_counter() - started)
        let_live(0.3)
    wait_until(lambda: not preview.is_busy, _WAIT_S)
    blended: list[float] = []
    for percent in np.linspace(90, 20, 8):
        started = time.perf_counter()
        page.options.blending.sliders["luminance"].setValue(int(percent))
        wait_until(lambda: not preview.is_busy and preview.viewer.is_sharp, _WAIT_S)
        blended.append((time.perf_counter() - started) * 1000)
    return {
        **figures,
        "median_s": float(np.median(waited)),
        "slowest_s": max(waited),
        "blend_median_ms": float(np.median(blended)),
    }
