"""The settings dialog: what is set takes effect, at once or as it says, and is there at the next start."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLineEdit, QSpinBox
from pytestqt.qtbot import QtBot

from app.core.disk_caches import cache_files
from app.core.settings import (
    COMPUTE_BACKEND,
    COMPUTE_PRECISION,
    COMPUTE_THREADS,
    DECODED_PHOTOS_GB,
    KEEP_DELETED_DAYS,
    LANGUAGE,
    RESTORE_DESTINATION,
    RUNS_FOLDER,
    TEXT_SCALE,
    THEME,
    THUMBNAIL_CACHE_MB,
    Settings,
    compute_preference,
)
from app.look.theme import Theme
from app.window.settings_dialog import SettingsDialog
from engine.contracts.configs import ComputePreference
from engine.photos.decoded_files import decoded_files
from engine.runs.records import RunStatus
from engine.runs.store import RunStore
from engine.runs.trash import list_deleted
from tests.app.conftest import OpenWindow


@pytest.fixture
def dialog(qtbot: QtBot, opened: OpenWindow, user_data: Path) -> SettingsDialog:
    with qtbot.waitActive(opened.window):
        opened.window.activateWindow()
    qtbot.keyClick(opened.window, Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)
    [dialog] = opened.window.findChildren(SettingsDialog)
    assert dialog.isVisible()
    return dialog


def choose(dialog: SettingsDialog, key: str, text: str) -> None:
    box = dialog.editors[key].findChild(QComboBox)
    assert isinstance(box, QComboBox)
    index = box.findText(text)
    assert index >= 0, [box.itemText(row) for row in range(box.count())]
    box.setCurrentIndex(index)
    box.activated.emit(index)


def test_look_changes_at_once(dialog: SettingsDialog, opened: OpenWindow, theme: Theme) -> None:
    choose(dialog, THEME.key, "Light")
    assert not theme.palette.is_dark
    choose(dialog, TEXT_SCALE.key, "150\N{NO-BREAK SPACE}%")
    assert theme.text_scale == 1.5
    assert opened.settings.get(TEXT_SCALE) == 1.5
    opened.settings.set(TEXT_SCALE, 1.0)


def test_the_language_waits_for_the_next_start(dialog: SettingsDialog, opened: OpenWindow) -> None:
    choose(dialog, LANGUAGE.key, "Deutsch")
    assert opened.settings.get(LANGUAGE) == "de"
    assert dialog.windowTitle() == "Settings"
    assert "next start" in dialog.editors[LANGUAGE.key].accessibleDescription()


def test_where_the_network_computes_reaches_the_jobs(qtbot: QtBot, dialog: SettingsDialog, opened: OpenWindow) -> None:
    choose(dialog, COMPUTE_PRECISION.key, "Full, 32 bit")
    choose(dialog, COMPUTE_BACKEND.key, "PyTorch")
    box = dialog.editors[COMPUTE_THREADS.key].findChild(QSpinBox)
    assert isinstance(box, QSpinBox)
    assert box.text() == "All"
    box.setValue(1)
    assert compute_preference(opened.settings) == ComputePreference(precision="32-true", threads=1, backend="torch")
    # Nothing is loaded only to be told; what is loaded hears of it at once, and the header says so.
    assert opened.window.header.device_text == "Preparing …"
    opened.session.set_engine_loaded("CPU · bf16")
    box.setValue(2)
    qtbot.waitUntil(lambda: opened.window.header.device_text == "CPU · 32 bit", timeout=30_000)
    opened.settings.set(COMPUTE_PRECISION, "auto")
    opened.settings.set(COMPUTE_THREADS, 0)
    opened.settings.set(COMPUTE_BACKEND, "auto")
    qtbot.waitUntil(lambda: not opened.window._computing.is_busy, timeout=30_000)


def test_what_is_preferred_is_what_auto_means() -> None:
    program = (
        "import torch\n"
        "torch.set_num_threads(3)\n"
        "from engine.contracts.configs import ComputePreference\n"
        "from engine.contracts.configs import ComputeConfig\n"
        "from engine.machine.devices import open_device, prefer, preferred_backend\n"
        "def look(**settings):\n"
        "    device = open_device(ComputeConfig(**settings))\n"
        "    print(device.name, device.precision, torch.get_num_threads())\n"
        "prefer(ComputePreference(device='cpu', precision='32-true', threads=2))\n"
        "look()\n"
        "look(precision='bf16-mixed')\n"
        "print(preferred_backend('auto'))\n"
        "prefer(ComputePreference(device='mps', backend='openvino'))\n"
        "print(preferred_backend('auto'), preferred_backend('torch'))\n"
        "look(device='cpu', precision='32-true')\n"
        "print(open_device(ComputeConfig()).name != 'mps' or torch.backends.mps.is_available())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "cpu 32-true 2",
        "cpu bf16-mixed 2",
        "auto",
        "openvino torch",
        "cpu 32-true 3",
        "True",
    ]


def test_folders_are_taken_when_they_are_whole(qtbot: QtBot, dialog: SettingsDialog, opened: OpenWindow) -> None:
    for setting in (RESTORE_DESTINATION, RUNS_FOLDER):
        edit = dialog.editors[setting.key].findChild(QLineEdit)
        assert isinstance(edit, QLineEdit)
        assert edit.placeholderText()
        qtbot.keyClicks(edit, "somewhere")
        assert opened.settings.get(setting) == ""
        edit.clear()
        qtbot.keyClicks(edit, str(Path.home() / "x"))
        assert opened.settings.get(setting) == str(Path.home() / "x")


def test_caches_are_counted_and_cleared(
    qtbot: QtBot, opened: OpenWindow, user_data: Path, dialog: SettingsDialog
) -> None:
    qtbot.waitUntil(lambda: not dialog._task.is_busy)
    thumbnails, pictures, decoded = cache_files()
    for cache, name in ((thumbnails, "a.jpg"), (pictures, "b.tif"), (decoded, "c.npy")):
        cache.folder.mkdir(parents=True, exist_ok=True)
        (cache.folder / name).write_bytes(bytes(600_000))
        (cache.folder / "not ours.txt").write_text("kept")
    dialog._measure()
    qtbot.waitUntil(lambda: dialog._cache_text.text() == "1.8\xa0MB")
    qtbot.mouseClick(dialog.clear_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog._cache_text.text() == "Nothing")
    assert not dialog.clear_button.isEnabled()
    assert [path.name for cache in cache_files() for path in cache.folder.iterdir()] == ["not ours.txt"] * 3


def test_a_smaller_limit_takes_the_oldest_thumbnails_at_once(
    qtbot: QtBot, dialog: SettingsDialog, opened: OpenWindow, user_data: Path
) -> None:
    [thumbnails, *_] = cache_files()
    thumbnails.folder.mkdir(parents=True, exist_ok=True)
    for name in ("old.jpg", "new.jpg"):
        with (thumbnails.folder / name).open("wb") as file:
            file.truncate(50 * 2**20)
    choose(dialog, THUMBNAIL_CACHE_MB.key, "At most 64\xa0MB")
    qtbot.waitUntil(lambda: len(list(thumbnails.folder.glob("*.jpg"))) == 1)


def test_less_room_for_decoded_photos_frees_it_at_once(
    qtbot: QtBot, dialog: SettingsDialog, opened: OpenWindow, user_data: Path
) -> None:
    folder = decoded_files().folder
    folder.mkdir(parents=True)
    np.save(folder / "a photo.npy", np.zeros((4, 4, 3), np.uint8))
    assert decoded_files().limit_bytes == 16 * 2**30
    choose(dialog, DECODED_PHOTOS_GB.key, "At most 4\xa0GB")
    assert decoded_files().limit_bytes == 4 * 2**30
    assert (folder / "a photo.npy").exists()
    choose(dialog, DECODED_PHOTOS_GB.key, "None")
    qtbot.waitUntil(lambda: list(folder.iterdir()) == [])
    assert decoded_files().limit_bytes == 0


def test_a_start_removes_what_was_deleted_long_ago(qtbot: QtBot, opened: OpenWindow, tmp_path: Path) -> None:
    store: RunStore = opened.session.run_store
    for name, day in (("Old", "2020-01-01T00:00:00+00:00"), ("New", "")):
        run = store.create("pretrain", name, {})
        run.update(status=RunStatus.DONE)
        token = store.delete(run)
        if day:
            record = store.root / ".deleted" / token / "run.json"
            text = record.read_text().replace(list_deleted(store)[0].deleted.isoformat(timespec="seconds"), day)
            record.write_text(text)
    with qtbot.waitSignal(opened.session.run_catalog.read):
        opened.session.run_catalog.tidy_up(0)
    assert len(list_deleted(store)) == 2
    with qtbot.waitSignal(opened.session.run_catalog.read):
        opened.session.run_catalog.tidy_up(KEEP_DELETED_DAYS.default)
    assert [run.name for run in list_deleted(store)] == ["New"]


def test_everything_set_is_there_at_the_next_start(dialog: SettingsDialog, opened: OpenWindow, tmp_path: Path) -> None:
    choose(dialog, KEEP_DELETED_DAYS.key, "Kept for 90 days")
    opened.settings.save()
    again = Settings(tmp_path / "settings.json")
    assert again.get(KEEP_DELETED_DAYS) == 90
