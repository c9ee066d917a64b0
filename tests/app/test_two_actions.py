"""What the guide promises: two actions from an empty start to photos that are restored, looked at and saved."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from app.core.session import Session
from app.look.thumbnails import shared_thumbnails
from app.pages.restore.page import RestorePage
from engine.models.starters import list_starters
from engine.runs.store import RunStore
from tests.app.conftest import OpenWindow
from tests.conftest import TinyPhotos

WAIT_MS = 180_000


@pytest.fixture
def session(qtbot: QtBot) -> Iterator[Session]:
    """A session that knows the models that ship."""
    result = Session(RunStore(), list_starters())
    yield result
    result.undo_stack.clear()
    result.run_catalog.shut_down()
    shared_thumbnails(result).shut_down()


def shown_button(opened: OpenWindow, text: str) -> QAbstractButton | None:
    """Return what a person sees and can press."""
    for found in opened.window.current_page.findChildren(QAbstractButton):
        if found.isVisible() and found.isEnabled() and found.text().replace("\xa0", " ") == text:
            return found
    return None


def press(qtbot: QtBot, opened: OpenWindow, text: str) -> None:
    qtbot.waitUntil(lambda: shown_button(opened, text) is not None, timeout=WAIT_MS)
    found = shown_button(opened, text)
    assert found is not None
    qtbot.mouseClick(found, Qt.MouseButton.LeftButton)


def drop(opened: OpenWindow, folder: Path) -> None:
    content = QMimeData()
    content.setUrls([QUrl.fromLocalFile(str(folder))])
    event = QDropEvent(
        QPointF(opened.window.rect().center()),
        Qt.DropAction.CopyAction,
        content,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    opened.window.dropEvent(event)


@pytest.mark.slow
def test_drop_and_press_restore_and_save(qtbot: QtBot, opened: OpenWindow, tiny_photos: TinyPhotos) -> None:
    assert opened.window.current_page.page_id == "photos"
    assert not opened.session.photos

    drop(opened, tiny_photos.noisy)
    qtbot.waitUntil(lambda: len(opened.session.photos) == 8, timeout=WAIT_MS)

    press(qtbot, opened, "Restore 8 photos")
    page = opened.window.current_page
    assert isinstance(page, RestorePage)
    assert page.batch.is_running
    qtbot.waitUntil(lambda: page.preview.shows_restored, timeout=WAIT_MS)
    assert [layer.label for layer in page.preview.viewer.pane_views[0].panel.layers] == ["Noisy", "Restored"]
    qtbot.waitUntil(lambda: len(opened.session.restored_sources) == 8, timeout=WAIT_MS)
    saved = {opened.session.restored(source)[-1].path for source in opened.session.restored_sources}
    assert len(saved) == 8
    assert all(path.is_file() and path.parent != tiny_photos.noisy for path in saved)


@pytest.mark.slow
def test_the_keyboard_alone_restores(qtbot: QtBot, opened: OpenWindow, tiny_photos: TinyPhotos) -> None:
    assert isinstance(opened.window.focusWidget(), QAbstractButton)
    drop(opened, tiny_photos.noisy)
    qtbot.waitUntil(lambda: len(opened.session.photos) == 8, timeout=WAIT_MS)

    def main_button() -> QAbstractButton | None:
        return shown_button(opened, "Restore 8 photos")

    qtbot.waitUntil(lambda: main_button() is not None and opened.window.focusWidget() is main_button(), timeout=WAIT_MS)
    qtbot.keyClick(opened.window.focusWidget(), Qt.Key.Key_Return)
    page = opened.window.current_page
    assert isinstance(page, RestorePage)
    focused = opened.window.focusWidget()
    assert focused is not None
    assert page.isAncestorOf(focused), "the focus is on the page that goes on"
    qtbot.waitUntil(lambda: len(opened.session.restored_sources) == 8, timeout=WAIT_MS)
