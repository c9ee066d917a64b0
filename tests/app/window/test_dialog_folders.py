"""Dialogs for photos, and those for models, open where the last one of their kind has ended."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog

from app.pages.labels.page import LabelsPage
from app.pages.photos.page import PhotosPage
from app.pages.restore.page import RestorePage
from app.pages.runs.page import RunsPage
from tests.app.conftest import OpenWindow


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, object], list[str]]:
    """Let the system's dialog answer at once; what comes back grows by the folder that it would open in."""

    def answer(dialog: str, answered: object) -> list[str]:
        seen: list[str] = []

        def choose(parent: object, title: str, start: str, *_: object) -> object:
            seen.append(start)
            return answered

        monkeypatch.setattr(QFileDialog, dialog, choose)
        return seen

    return answer


def test_photos(opened: OpenWindow, starts: Callable[[str, object], list[str]], tmp_path: Path) -> None:
    photos, labels = opened.window.pages["photos"], opened.window.pages["labels"]
    assert isinstance(photos, PhotosPage)
    assert isinstance(labels, LabelsPage)
    at_first = opened.settings.dialog_folder
    folder = tmp_path / "2026" / "March"
    folder.mkdir(parents=True)
    seen = starts("getExistingDirectory", str(folder))
    opened.window.choose_folder()
    photos.choose_folder()
    labels.choose_references()
    assert seen == [at_first, str(tmp_path / "2026"), str(tmp_path / "2026")]
    files = starts("getOpenFileNames", ([str(folder / "clean.png")], ""))
    labels.choose_reference_files()
    assert files == [str(tmp_path / "2026")]
    assert opened.settings.dialog_folder == str(folder)


def test_models(opened: OpenWindow, starts: Callable[[str, object], list[str]], tmp_path: Path) -> None:
    restore, runs = opened.window.pages["restore"], opened.window.pages["runs"]
    assert isinstance(restore, RestorePage)
    assert isinstance(runs, RunsPage)
    seen = starts("getOpenFileName", (str(tmp_path / "models" / "mine.safetensors"), ""))
    restore.options.open_model_file()
    given_up = starts("getOpenFileName", ("", ""))
    runs.import_model()
    assert seen == [str(Path.home())]
    assert given_up == [str(tmp_path / "models")]
