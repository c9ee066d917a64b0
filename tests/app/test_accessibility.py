"""A screen reader finds a name on everything that can be operated, and an icon alone always has a tooltip."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QTabBar,
    QTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.core.actions import ACTIONS
from app.viewer.view_modes import VIEW_MODES
from app.window.about_dialog import AboutDialog
from app.window.settings_dialog import SettingsDialog
from app.window.shortcut_sheet import ShortcutSheet
from engine.contracts.events import PhotoScanned
from engine.contracts.photo import PhotoRef
from tests.app.conftest import OpenWindow
from tests.conftest import TinyPhotos

OPERATED = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
)
PARTS = (QHeaderView, QScrollBar, QTabBar)
"""Parts of other widgets, named by them."""


def operated_widgets(root: QWidget) -> Iterator[QWidget]:
    """Everything that a person can operate, without the inner parts of Qt's own widgets."""
    for widget in root.findChildren(QWidget):
        owner = widget.parentWidget()
        is_inner = (
            isinstance(widget, PARTS)
            or isinstance(owner, QComboBox | QAbstractSpinBox | QLineEdit | QTabBar | QAbstractItemView)
            or widget.objectName().startswith("qt_")
            or (type(owner).__name__ == "QFrame" and isinstance(widget, QAbstractItemView))
        )
        # A button without a text yet is hidden until it has one.
        if isinstance(widget, OPERATED) and not is_inner and not widget.isHidden():
            yield widget


def has_name(widget: QWidget, labelled: set[QWidget]) -> bool:
    if widget.accessibleName().strip() or widget in labelled:
        return True
    # The name may stand on the editor around it.
    owner = widget.parentWidget()
    if owner is not None and owner in labelled:
        return True
    return isinstance(widget, QAbstractButton) and bool(widget.text().strip())


def nameless(root: QWidget) -> list[str]:
    labelled = {label.buddy() for label in root.findChildren(QLabel) if label.buddy() is not None}
    return [describe(widget) for widget in operated_widgets(root) if not has_name(widget, labelled)]


def without_tip(root: QWidget) -> list[str]:
    return [
        describe(widget)
        for widget in operated_widgets(root)
        if isinstance(widget, QAbstractButton)
        and not widget.icon().isNull()
        and not widget.text().strip()
        and not widget.toolTip().strip()
    ]


def describe(widget: QWidget) -> str:
    parents = []
    owner = widget.parentWidget()
    while owner is not None and len(parents) < 4:
        parents.append(type(owner).__name__)
        owner = owner.parentWidget()
    return f"{type(widget).__name__} “{widget.toolTip() or widget.accessibleName()}” in {' in '.join(parents)}"


@pytest.fixture
def with_photos(opened: OpenWindow, tiny_photos: TinyPhotos) -> OpenWindow:
    photos = [
        PhotoScanned(path=PhotoRef(path), width=112, height=96, noise_sigma=0.1)
        for path in sorted(tiny_photos.noisy.iterdir())
    ]
    opened.session.set_folders([tiny_photos.noisy])
    opened.session.add_photos(photos)
    opened.session.set_current_photo(photos[0].path)
    return opened


def test_everything_has_a_name_and_every_icon_a_tooltip(qtbot: QtBot, with_photos: OpenWindow) -> None:
    window = with_photos.window
    for page_id in window.pages:
        window.show_page(page_id)
    assert sum(1 for _ in operated_widgets(window)) > 60
    assert nameless(window) == []
    assert without_tip(window) == []


def test_dialogs_too(qtbot: QtBot, opened: OpenWindow, user_data: Path) -> None:
    opened.window.show_settings()
    opened.window.show_shortcuts()
    opened.window.show_about()
    for kind in (SettingsDialog, ShortcutSheet, AboutDialog):
        [dialog] = opened.window.findChildren(kind)
        assert nameless(dialog) == []
        assert without_tip(dialog) == []
        dialog.close()


def test_the_cheat_sheet_lists_every_key(qtbot: QtBot, opened: OpenWindow) -> None:
    opened.window.show_shortcuts()
    [sheet] = opened.window.findChildren(ShortcutSheet)
    shown = [label.text() for label in sheet.findChildren(QLabel)]
    actions = [*ACTIONS.values(), *(mode.action for mode in VIEW_MODES.values())]
    assert [spec.text for spec in actions if spec.text not in shown] == []
    groups = [label.text() for label in sheet.findChildren(QLabel) if label.property("role") == "section"]
    assert len(groups) == len(set(groups)) == len({spec.group for spec in ACTIONS.values()})
    sheet.close()


def test_every_page_has_a_name_for_the_screen_reader(opened: OpenWindow) -> None:
    for page_id in opened.window.pages:
        button = opened.window.rail.button(page_id)
        assert button.accessibleName()
        assert button.toolTip()
