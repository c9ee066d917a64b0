"""What a file manager is told when photos are dropped: they were copied from it, whatever it proposed."""

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.pages.labels.page import LabelsPage
from app.widgets.drop_zone import DropZone
from tests.app.conftest import OpenWindow
from tests.conftest import TinyPhotos


def drop_to_move(target: QWidget, *paths: Path) -> list[Qt.DropAction]:
    """Drop as a file manager would to move files; return what it is told at the border and at the drop."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    either = Qt.DropAction.CopyAction | Qt.DropAction.MoveAction
    left, shift = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier
    where = QPoint(40, 40)
    told = []
    for event in (
        QDragEnterEvent(where, either, data, left, shift),
        QDropEvent(QPointF(where), either, data, left, shift),
    ):
        assert event.proposedAction() is Qt.DropAction.MoveAction
        QApplication.sendEvent(target, event)
        assert event.isAccepted()
        told.append(event.dropAction())
    return told


@pytest.mark.parametrize("target", ["window", "photos", "labels", "burst"])
def test_whoever_drops_photos_keeps_them(
    qtbot: QtBot, opened: OpenWindow, tiny_photos: TinyPhotos, target: str
) -> None:
    window = opened.window
    labels = window.pages["labels"]
    assert isinstance(labels, LabelsPage)
    if target in ("labels", "burst"):
        window.open_paths([tiny_photos.noisy])
        window.show_page("labels")
    if target == "burst":
        labels.show_burst_form()
    zones = {name: window.pages[name].findChildren(DropZone) for name in ("photos", "labels")}
    widget = {
        "window": window,
        "photos": zones["photos"][0],
        "labels": zones["labels"][0],
        "burst": labels.burst_form.list.viewport(),
    }[target]
    assert drop_to_move(widget, *sorted(tiny_photos.clean.iterdir())) == [Qt.DropAction.CopyAction] * 2
