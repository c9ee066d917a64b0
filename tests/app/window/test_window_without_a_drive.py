"""What was in use lies on a drive that is gone: the system refuses to look at it, and the window goes on without it."""

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.core.error_reporting import ErrorReporter
from app.core.session import Session
from app.core.settings import BURST_FOLDER, LAST_FOLDERS, LAST_MODEL, RESULT_FOLDERS, Settings
from app.jobs.runner import JobRunner
from app.look.theme import Theme
from app.pages.compare.panes import reference_of
from app.pages.labels.page import LabelsPage
from app.window.main_window import MainWindow
from engine.contracts.photo import PhotoRef
from tests.app.conftest import OpenWindow, open_photos, undressed
from tests.conftest import TinyPhotos


@pytest.fixture
def gone(tmp_path: Path) -> Path:
    """A folder that cannot even be asked for, which is refused as one on a dropped drive is."""
    folder = tmp_path / ("x" * 300)
    with pytest.raises(OSError, match="File name too long"):
        folder.exists()
    return folder


def test_the_window_opens_without_what_is_gone(
    qtbot: QtBot, theme: Theme, session: Session, runner: JobRunner, settings: Settings, gone: Path
) -> None:
    settings.set(LAST_MODEL, str(gone / "model.safetensors"))
    settings.set(BURST_FOLDER, str(gone))
    settings.set(LAST_FOLDERS, [str(gone)])
    settings.set(RESULT_FOLDERS, [str(gone)])
    with undressed(theme):
        window = MainWindow(session, runner, settings, ErrorReporter())
    qtbot.addWidget(window)
    window.open_last_folders()
    assert session.model is None
    assert session.folders == ()
    labels = window.pages["labels"]
    assert isinstance(labels, LabelsPage)
    assert labels.burst_form.destination is None
    labels.burst_form.add_shots([gone / "shot.png"])
    assert labels.burst_form.destination == gone.with_name(f"{gone.name} references")


def test_an_open_folder_may_go(qtbot: QtBot, opened: OpenWindow, gone: Path) -> None:
    session = opened.session
    session.set_folders([gone])
    qtbot.waitUntil(lambda: session.are_results_known, timeout=20_000)
    assert all(session.restored(source) == () for source in session.restored_sources)


def test_references_may_go(session: Session, tiny_photos: TinyPhotos, gone: Path) -> None:
    open_photos(session, tiny_photos.noisy)
    session.set_references([gone, tiny_photos.clean])
    named = PhotoRef(tiny_photos.noisy / "photo 3.png")
    assert reference_of(session, named) == PhotoRef(tiny_photos.clean / "photo 3.png")
