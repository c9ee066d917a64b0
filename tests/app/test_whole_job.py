"""One person's way through the real window, from a dropped folder to a compared photo, with mouse and keys."""

import hashlib
import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from app.pages.compare.page import ComparePage
from app.pages.training.page import TrainingPage
from engine.runs.records import RunStatus
from engine.runs.store import RunStore
from tests.app.conftest import OpenWindow
from tests.conftest import TinyPhotos

TINY = {"steps": 6, "crop_px": 32, "photos_per_batch": 3, "preview_interval_s": 0.05}
JOB_MS = 90_000


class Person:
    """Sees what is visible, and uses mouse and keys."""

    def __init__(self, qtbot: QtBot, opened: OpenWindow) -> None:
        self.qtbot = qtbot
        self.window = opened.window

    def find(self, text: str) -> QAbstractButton | None:
        for button in self.window.current_page.findChildren(QAbstractButton):
            said = button.text().replace("\xa0", " ")
            if button.isVisible() and button.isEnabled() and said.startswith(text):
                return button
        return None

    def click(self, text: str) -> None:
        self.qtbot.waitUntil(lambda: self.find(text) is not None, timeout=JOB_MS)
        button = self.find(text)
        assert button is not None
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def drop(self, folder: Path) -> None:
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(folder))])
        event = QDropEvent(
            QPointF(self.window.rect().center()),
            Qt.DropAction.CopyAction,
            mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        self.window.dropEvent(event)
        assert event.isAccepted()

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(self.window.focusWidget() or self.window, key, modifier)

    def page(self, page_id: str) -> None:
        button = self.window.rail.button(page_id)
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        assert self.window.current_page.page_id == page_id

    def train(self, button: str) -> None:
        page = self.window.current_page
        assert isinstance(page, TrainingPage)
        page.form.form.set_values(TINY)
        page.refresh()
        with self.qtbot.waitSignal(page.training_ended, timeout=JOB_MS):
            self.click(button)


def contents(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture
def own_photos(tiny_photos: TinyPhotos, tmp_path: Path) -> TinyPhotos:
    """Copies: beside the photos of all tests may lie what another test has restored."""
    return TinyPhotos(
        noisy=Path(shutil.copytree(tiny_photos.noisy, tmp_path / "noisy")),
        clean=Path(shutil.copytree(tiny_photos.clean, tmp_path / "clean")),
    )


@pytest.mark.slow
def test_from_a_dropped_folder_to_a_compared_photo(qtbot: QtBot, opened: OpenWindow, own_photos: TinyPhotos) -> None:
    originals = contents(own_photos.noisy)
    person, session = Person(qtbot, opened), opened.session

    person.drop(own_photos.noisy)
    qtbot.waitUntil(lambda: len(session.photos) == 8, timeout=JOB_MS)
    qtbot.waitUntil(lambda: all(photo.noise_sigma for photo in session.photos), timeout=JOB_MS)

    person.page("pretrain")
    person.train("Pretrain on 8 photos")

    person.page("labels")
    person.drop(own_photos.clean)
    qtbot.waitUntil(lambda: len(session.label_pairs) == 8, timeout=JOB_MS)
    person.click("Fine-tune with 8 labels")
    assert opened.window.current_page.page_id == "finetune"
    person.train("Fine-tune on 8 labels")
    tuned, pretrained = RunStore().list()
    assert (tuned.record.kind, tuned.record.status) == ("finetune", RunStatus.DONE)
    assert tuned.record.parent == pretrained.record.id

    person.page("restore")
    person.click("Restore 8 photos")
    qtbot.waitUntil(lambda: len(session.restored_sources) == 8, timeout=JOB_MS)
    outputs = [session.restored(source)[-1].path for source in session.restored_sources]
    assert all(output.is_file() for output in outputs)
    assert not any(output.parent == own_photos.noisy for output in outputs)

    person.page("compare")
    page = opened.window.current_page
    assert isinstance(page, ComparePage)
    qtbot.waitUntil(lambda: not page.is_busy and page.filmstrip.photos.rowCount() == 8, timeout=JOB_MS)
    titles = [view.panel.title for view in page.viewer.pane_views]
    assert titles == ["Noisy", "Restored", "Reference"]
    for key in (Qt.Key.Key_S, Qt.Key.Key_D, Qt.Key.Key_R, Qt.Key.Key_F, Qt.Key.Key_Z, Qt.Key.Key_Right):
        person.press(key)
        qtbot.waitUntil(lambda: not page.is_busy, timeout=JOB_MS)
    assert session.current_photo is not None
    assert session.current_photo.name == "photo 1.png"

    person.page("runs")
    qtbot.waitUntil(lambda: opened.window.rail.button("runs").status == "2", timeout=JOB_MS)
    assert contents(own_photos.noisy) == originals
