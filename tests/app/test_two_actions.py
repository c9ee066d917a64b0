"""What the guide promises: two actions from an empty start to photos that are restored, looked at and saved.

By keys alone it takes eight presses at most.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QFileDialog, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from app.core.session import Session
from app.look.thumbnails import shared_thumbnails
from app.pages.compare.page import ComparePage
from app.pages.restore.page import RestorePage
from app.viewer.pictures import Picture
from app.viewer.view_modes import VIEW_MODES
from engine.models.starters import list_starters
from engine.runs.store import RunStore
from tests.app.conftest import OpenWindow
from tests.conftest import TinyPhotos

WAIT_MS = 180_000
READY_MS = 10_000


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


class Keyboard:
    """Presses keys as the system hands them to the program, wherever the focus is, and counts them."""

    def __init__(self, qtbot: QtBot, window: QWidget) -> None:
        self._qtbot = qtbot
        self._window = window
        self.num_presses = 0

    def press(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        self.num_presses += 1
        if QGuiApplication.focusWindow() is None:
            # After a dialog a window manager gives the focus back; the offscreen platform has none.
            self._window.activateWindow()
        self._qtbot.waitUntil(lambda: QGuiApplication.focusWindow() is not None, timeout=READY_MS)
        QTest.keyClick(QGuiApplication.focusWindow(), key, modifiers)

    def choose_in_dialog(self, folder: Path) -> None:
        """Name a folder in the dialog that the next press opens; what is pressed there does not count."""
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QFileDialog) or QGuiApplication.focusWindow() is not dialog.windowHandle():
            QTimer.singleShot(20, lambda: self.choose_in_dialog(folder))
            return
        edit = dialog.focusWidget()
        assert isinstance(edit, QLineEdit)
        edit.setText(str(folder))
        QTest.keyClick(edit, Qt.Key.Key_Return)


def wait_for_focus(qtbot: QtBot, opened: OpenWindow, text: str) -> None:
    """Wait until a press of Enter would press this button."""
    qtbot.waitUntil(
        lambda: (found := shown_button(opened, text)) is not None and opened.window.focusWidget() is found,
        timeout=WAIT_MS,
    )


@pytest.mark.slow
@pytest.mark.parametrize("what", ["all of the folder", "one photo of it"])
def test_the_keyboard_alone_opens_restores_looks_and_saves(
    qtbot: QtBot, opened: OpenWindow, tiny_photos: TinyPhotos, tmp_path: Path, what: str
) -> None:
    window, session, keyboard = opened.window, opened.session, Keyboard(qtbot, opened.window)
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    qtbot.waitActive(window)
    # Of its own: results that lie beside the photos from before are found, too.
    folder = Path(shutil.copytree(tiny_photos.noisy, tmp_path / "photos"))
    keyboard.choose_in_dialog(folder)
    wait_for_focus(qtbot, opened, "Open a folder")
    keyboard.press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(session.photos) == 8, timeout=WAIT_MS)
    wait_for_focus(qtbot, opened, "Restore 8 photos")
    if what == "all of the folder":
        keyboard.press(Qt.Key.Key_Return)
    else:
        keyboard.press(Qt.Key.Key_2, control)
    restore = window.current_page
    assert isinstance(restore, RestorePage)
    focused = window.focusWidget()
    assert focused is not None
    assert restore.isAncestorOf(focused), "the focus is on the page that goes on"
    qtbot.waitUntil(lambda: restore.preview.shows_restored, timeout=WAIT_MS)
    num_saved = 8 if what == "all of the folder" else 1
    if num_saved == 1:
        qtbot.waitUntil(restore.photo_button.isEnabled, timeout=WAIT_MS)
        keyboard.press(Qt.Key.Key_Return, control)
    qtbot.waitUntil(
        lambda: len(session.restored_sources) == num_saved and not restore.batch.is_running, timeout=WAIT_MS
    )
    assert all(session.restored(source)[-1].path.is_file() for source in session.restored_sources)

    keyboard.press(Qt.Key.Key_3, control)
    compare = window.current_page
    assert isinstance(compare, ComparePage)
    qtbot.waitUntil(lambda: [pane.title for pane in compare.viewer.panes] == ["Noisy", "Restored"], timeout=WAIT_MS)
    assert all(isinstance(pane, Picture) for pane in compare.viewer.panes)
    keyboard.press(Qt.Key.Key_S)
    assert compare.viewer.mode is VIEW_MODES["split"]
    keyboard.press(Qt.Key.Key_Z)
    assert compare.viewer.view_transform.zoom == 1
    keyboard.press(Qt.Key.Key_Left, shift)
    assert keyboard.num_presses <= 8
