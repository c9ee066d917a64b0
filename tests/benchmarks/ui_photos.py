"""How quickly a folder of many photos is there: measured in the real window.

Used by `python3 run.py bench ui`; each function returns figures by name, with their unit in the name.
"""

import time
from pathlib import Path

import cv2
import numpy as np
from PySide6.QtWidgets import QApplication

from app.look.thumbnails import shared_thumbnails
from app.pages.photos.page import PhotosPage
from app.window.main_window import MainWindow
from tests.benchmarks.lateness import LatenessMeter
from tests.benchmarks.studio import wait_until

NUM_FILES = 10_000
_SIDE_PX = 48
_NUM_KINDS = 40
_WAIT_S = 600.0
_SCROLL_STEPS = 120


def make_many_photos(folder: Path, num_files: int = NUM_FILES) -> Path:
    """Write a folder of tiny JPEG photos of all noise levels; one that is whole already is kept.

    Args:
        folder: Where; made if it is not there.
        num_files: How many.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if sum(1 for _ in folder.iterdir()) >= num_files:
        return folder
    random = np.random.default_rng(0)
    kinds: list[bytes] = []
    for kind in range(_NUM_KINDS):
        blobs = cv2.resize(random.random((4, 5, 3)).astype(np.float32), (_SIDE_PX, _SIDE_PX))
        noisy = blobs + random.normal(0, (1 + kind) / 255, blobs.shape)
        levels = np.rint(255 * np.clip(noisy, 0, 1)).astype(np.uint8)
        kinds.append(cv2.imencode(".jpg", levels)[1].tobytes())
    for index in range(num_files):
        # A comment behind the end tells the files apart, so that they are no duplicates.
        (folder / f"photo {index:05d}.jpg").write_bytes(kinds[index % _NUM_KINDS] + f"{index:06d}".encode())
    return folder


def measure_opening(window: MainWindow, folder: Path, *, with_noise: bool = False) -> dict[str, float]:
    """Open a folder and watch it arrive.

    Args:
        window: Shown, with nothing open.
        folder: As `make_many_photos` wrote it.
        with_noise: Whether the noise of all photos is waited for too.

    Returns:
        Seconds from opening to the first painted thumbnail, to a whole page of them, to the last listed photo and,
        where asked for, to the last measured one; and how late the window answered meanwhile, in milliseconds.
    """
    page = window.pages["photos"]
    assert isinstance(page, PhotosPage)
    thumbnails = shared_thumbnails(page.session)
    num_files = sum(1 for _ in folder.iterdir())
    watch = LatenessMeter()
    started = time.perf_counter()
    window.open_paths([folder])
    figures: dict[str, float] = {"num_files": num_files}

    def shown() -> list[bool]:
        rows = page.grid.visible_rows()
        return [thumbnails.pixmap(page.model.photo_at(row).path) is not None for row in rows]

    wait_until(lambda: any(shown()), _WAIT_S)
    figures["first_thumbnail_s"] = time.perf_counter() - started
    wait_until(lambda: len(shown()) > 1 and all(shown()), _WAIT_S)
    figures["first_page_s"] = time.perf_counter() - started
    wait_until(lambda: page.model.rowCount() == num_files, _WAIT_S)
    figures["all_listed_s"] = time.perf_counter() - started
    opening = watch.stop()
    figures["listing_lateness_p99_ms"] = opening.percentile(99)
    figures["listing_lateness_max_ms"] = opening.percentile(100)
    if with_noise:
        watch = LatenessMeter()
        wait_until(lambda: not page.runner.is_busy, _WAIT_S)
        figures["all_measured_s"] = time.perf_counter() - started
        measuring = watch.stop()
        figures["measuring_lateness_p99_ms"] = measuring.percentile(99)
        figures["measuring_lateness_max_ms"] = measuring.percentile(100)
    return figures


def measure_scrolling(window: MainWindow) -> dict[str, float]:
    """Scroll the open folder from its top to its end and back, a frame a step.

    Returns:
        Milliseconds a frame took, median and 99th percentile, with the thumbnails loading meanwhile.
    """
    page = window.pages["photos"]
    assert isinstance(page, PhotosPage)
    bar = page.grid.verticalScrollBar()
    targets = [round(bar.maximum() * step / _SCROLL_STEPS) for step in range(_SCROLL_STEPS + 1)]
    frames: list[float] = []
    for target in [*targets, *reversed(targets)]:
        started = time.perf_counter()
        bar.setValue(target)
        page.grid.viewport().repaint()
        QApplication.processEvents()
        frames.append((time.perf_counter() - started) * 1000)
    return {"scroll_frame_median_ms": float(np.median(frames)), "scroll_frame_p99_ms": float(np.percentile(frames, 99))}
