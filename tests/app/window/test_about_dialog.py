import json
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.window import bundled_licences
from app.window.about_dialog import AboutDialog
from app.window.bundled_licences import BundledPackage, bundled_packages, dump_packages
from engine import __version__
from tests.app.conftest import OpenWindow


def test_about_shows_the_licence_of_what_is_chosen(qtbot: QtBot, opened: OpenWindow) -> None:
    opened.window.show_about()
    [dialog] = opened.window.findChildren(AboutDialog)
    qtbot.waitUntil(lambda: dialog.list.count() > 0, timeout=20_000)
    names = [dialog.list.item(row).text() for row in range(dialog.list.count())]
    assert f"residua {__version__}" in names
    assert any(name.startswith("torch ") for name in names)
    dialog.list.setCurrentRow(next(row for row, name in enumerate(names) if name.startswith("torch ")))
    assert "Redistribution" in dialog.text.toPlainText()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not opened.window.findChildren(AboutDialog))


def test_a_frozen_program_shows_the_list_that_was_built_into_it(tmp_path: Path, monkeypatch) -> None:
    listed = BundledPackage(name="libexample", version="1", licence="MIT", text="Permission is granted …")
    folder = tmp_path / "assets" / "licences"
    folder.mkdir(parents=True)
    (folder / bundled_licences.LICENCES_FILE).write_text(dump_packages([listed]), encoding="utf-8")
    monkeypatch.setattr("sys._MEIPASS", str(tmp_path), raising=False)
    assert bundled_packages() == (listed,)


def test_development_tools_are_not_said_to_come_along() -> None:
    names = {package.name.lower() for package in bundled_packages()}
    assert {"residua", "numpy", "pyside6_essentials"} <= names
    assert not names & {"pytest", "mypy", "pot", "pyinstaller", "bm3d"}
    assert json.loads(dump_packages(bundled_packages()))["packages"]
