"""Dialogs close at once, whatever they still have to read."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QDialog
from pytestqt.qtbot import QtBot

from app.jobs.latest_task import LatestTask
from app.pages.runs.page import RunsPage
from tests.app.conftest import OpenWindow


def runs_page(opened: OpenWindow) -> RunsPage:
    page = opened.window.pages["runs"]
    assert isinstance(page, RunsPage)
    return page


DIALOGS: dict[str, Callable[[OpenWindow], object]] = {
    "about": lambda opened: opened.window.show_about(),
    "settings": lambda opened: opened.window.show_settings(),
    "levels": lambda opened: opened.window.show_levels(),
    "deleted runs": lambda opened: runs_page(opened).show_deleted(),
    "import": lambda opened: runs_page(opened).import_file(Path("nowhere.safetensors")),
}


@pytest.mark.parametrize("name", DIALOGS)
def test_a_dialog_closes_while_it_reads(qtbot: QtBot, opened: OpenWindow, name: str) -> None:
    DIALOGS[name](opened)
    [dialog] = [found for found in opened.window.findChildren(QDialog) if found.isVisible()]
    task = dialog.findChildren(LatestTask)[0]
    has_begun, may_end, has_ended, is_gone = (threading.Event() for _ in range(4))

    def read() -> None:
        has_begun.set()
        may_end.wait(60)
        has_ended.set()

    qtbot.waitUntil(lambda: not task.is_busy)
    task.destroyed.connect(is_gone.set)
    task.submit(read)
    try:
        qtbot.waitUntil(has_begun.is_set)
        dialog.reject()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        assert not [found for found in opened.window.findChildren(QDialog) if found.isVisible()]
        assert not has_ended.is_set(), "it was waited for"
    finally:
        may_end.set()
    qtbot.waitUntil(is_gone.is_set)
