"""Ten minutes of a person's work in the real window, as often as one likes."""

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication

from app.core.error_reporting import ErrorReporter
from app.core.session import Session
from app.core.settings import Settings
from app.jobs.runner import JobRunner
from app.look.theme import Theme, ThemeChoice
from app.look.thumbnails import shared_thumbnails
from app.pages.compare.page import ComparePage
from app.pages.labels.page import LabelsPage
from app.pages.runs.page import RunsPage
from app.pages.training.page import TrainingPage
from app.window.main_window import MainWindow
from engine.models.starters import StarterModel
from engine.runs.store import RunStore

TINY = {"steps": 4, "crop_px": 32, "photos_per_batch": 3, "preview_interval_s": 0.05}
LIMIT_S = 180.0
NUM_LABELS = 5
_KEYS = (Qt.Key.Key_S, Qt.Key.Key_D, Qt.Key.Key_R, Qt.Key.Key_F, Qt.Key.Key_Z, Qt.Key.Key_A)


def make_photos(folder: Path, num_photos: int, rng: np.random.Generator) -> tuple[Path, Path]:
    """Write noisy photos, and clean references of the first few; return both folders."""
    noisy, clean = folder / "noisy", folder / "clean"
    for each in (noisy, clean):
        each.mkdir(parents=True)
    for number in range(num_photos):
        scene = cv2.resize(rng.random((4, 5, 3)), (80, 64), interpolation=cv2.INTER_CUBIC).clip(0, 1)
        photo = scene + rng.normal(0, 0.05 + 0.002 * (number % 20), scene.shape)
        assert cv2.imwrite(str(noisy / f"{number:04d}.png"), np.uint8(photo.clip(0, 1) * 255))
        if number < NUM_LABELS:
            assert cv2.imwrite(str(clean / f"{number:04d}.png"), np.uint8(scene * 255))
    return noisy, clean


class Desk:
    """One window from its opening to its closing."""

    def __init__(self, application: QApplication, starters: Sequence[StarterModel]) -> None:
        self._application = application
        self.settings = Settings()
        self.session = Session(RunStore(), starters)
        self.runner = JobRunner()
        # As the program does: made undressed, and dressed when all of it is there.
        application.setStyleSheet("")
        theme = Theme.of_application()
        theme.choose(ThemeChoice.DARK)
        self.window = MainWindow(self.session, self.runner, self.settings, ErrorReporter())
        theme.dress()
        self.window.resize(1280, 800)
        self.window.show()

    def work(self, noisy: Path, clean: Path) -> None:
        """Scan, pretrain, label, fine-tune, restore, compare, throw the runs away."""
        self.window.open_paths([noisy])
        num_photos = len(list(noisy.iterdir()))
        self.wait("photos", lambda: len(self.session.photos) == num_photos)
        self.wait("their noise", lambda: all(photo.noise_sigma for photo in self.session.photos))
        self.train("pretrain", f"Learn the noise of {num_photos}")
        self.window.show_page("labels")
        labels = self.window.current_page
        assert isinstance(labels, LabelsPage)
        labels.accept_paths([clean])
        self.wait("pairs", lambda: len(self.session.label_pairs) == NUM_LABELS)
        self.train("finetune", f"Fine-tune on {NUM_LABELS}")
        self.window.show_page("restore")
        self.click(f"Restore {num_photos}")
        self.wait("restored photos", lambda: len(self.session.restored_sources) == num_photos)
        self.window.show_page("compare")
        compare = self.window.current_page
        assert isinstance(compare, ComparePage)
        for _ in range(3):
            for key in _KEYS:
                QTest.keyClick(self.window.focusWidget() or self.window, key)
                self.wait("a picture", lambda: not compare.is_busy)
            QTest.keyClick(self.window.focusWidget() or self.window, Qt.Key.Key_Right)
        self.window.show_page("runs")
        runs = self.window.current_page
        assert isinstance(runs, RunsPage)
        self.wait("runs", lambda: len(runs.list.shown) == 2)
        for path in [entry.path for entry in runs.list.shown]:
            runs.select(path)
            runs.delete_selected()
        self.wait("no runs", lambda: not runs.list.shown)

    def train(self, page_id: str, button: str) -> None:
        """Train for a few steps on a page."""
        self.window.show_page(page_id)
        page = self.window.current_page
        assert isinstance(page, TrainingPage)
        page.form.form.set_values(TINY)
        page.refresh()
        ended: list[object] = []
        page.training_ended.connect(ended.append)
        self.click(button)
        self.wait(f"the end of {page_id}", lambda: bool(ended))

    def click(self, text: str) -> None:
        """Press the button that begins with a text."""
        found: list[QAbstractButton] = []

        def is_there() -> bool:
            buttons = self.window.current_page.findChildren(QAbstractButton)
            usable = (button for button in buttons if button.isVisible() and button.isEnabled())
            found[:] = [button for button in usable if button.text().replace("\xa0", " ").startswith(text)]
            return bool(found)

        self.wait(f"“{text}”", is_there)
        QTest.mouseClick(found[0], Qt.MouseButton.LeftButton)

    def wait(self, what: str, condition: Callable[[], bool]) -> None:
        """Let the window live until a condition holds."""
        until = time.monotonic() + LIMIT_S
        while not condition():
            self._application.processEvents()
            time.sleep(0.002)
            if time.monotonic() > until:
                raise TimeoutError(f"waited {LIMIT_S:.0f} s for {what}")

    def close(self) -> None:
        """Close the window, as the program does at its end."""
        self.runner.cancel_all()
        self.wait("idle jobs", lambda: not self.runner.is_busy)
        self.window.close()
        self.runner.shut_down(30)
        self.session.run_catalog.shut_down()
        shared_thumbnails(self.session).shut_down()
        self.session.undo_stack.clear()
        self.settings.save()
        self.window.deleteLater()
        self.session.deleteLater()
        self.runner.deleteLater()
        self._application.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def ten_minutes(
    application: QApplication,
    starters: Sequence[StarterModel],
    folder: Path,
    num_photos: int,
    rng: np.random.Generator,
) -> None:
    """Open a window, do all there is to do on photos of its own, close it, and take the photos away."""
    noisy, clean = make_photos(folder, num_photos, rng)
    desk = Desk(application, starters)
    try:
        desk.work(noisy, clean)
    finally:
        desk.close()
        shutil.rmtree(folder)
