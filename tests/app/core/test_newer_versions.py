"""Promise 10: what a newer version has written is refused with a sentence and left as it is."""

import json
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.core.settings import THEME, Settings
from tests.app.conftest import OpenWindow

NEWER = {"schema_version": 99, "values": {"theme": "light", "recursive": {"depth": 3}}, "folders": {}}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "settings.json").write_text(json.dumps(NEWER))
    return Settings(tmp_path / "settings.json")


def test_preferences_of_a_newer_version_are_neither_used_nor_overwritten(
    qtbot: QtBot, settings: Settings, tmp_path: Path
) -> None:
    assert settings.get(THEME) == "system"
    settings.set(THEME, "dark")
    settings.save()
    assert settings.get(THEME) == "dark"
    assert json.loads((tmp_path / "settings.json").read_text()) == NEWER


def test_the_window_says_so(opened: OpenWindow) -> None:
    message = opened.window.message_bar.shown_message
    assert message is not None
    assert "newer version" in message.text
    assert message.hint


def test_preferences_without_a_version_are_those_of_the_first(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "first.json"
    path.write_text(json.dumps({"values": {"theme": "light", "restore_keep_metadata": False}, "folders": {}}))
    settings = Settings(path)
    assert not settings.is_of_newer_version
    assert settings.get(THEME) == "light"
    settings.save()
    kept = json.loads(path.read_text())
    assert kept["schema_version"] == 1
    assert kept["values"]["restore_metadata"] == "none"
