"""Compare shows what was restored before, after a restart of the program and wherever the files lie by then."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.core.error_reporting import ErrorReporter
from app.core.session import ModelChoice, ResultDoubt, Session
from app.core.settings import LAST_FOLDERS, LAST_MODEL, LAST_PHOTO, Settings
from app.jobs.runner import JobRunner
from app.look.catalogues import load_catalogue
from app.look.theme import Theme
from app.look.thumbnails import shared_thumbnails
from app.look.translation import install_catalogue
from app.pages.compare.page import ComparePage
from app.pages.compare.panes import PaneChoice, PaneKind
from app.viewer.pictures import MissingPicture, Picture
from app.window.main_window import MainWindow
from engine.contracts.configs import RestoreConfig
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.photo_files.metadata.provenance import read_provenance
from engine.restoring.job import restore
from engine.runs.store import RunStore
from tests.app.conftest import undressed
from tests.starter_makers import make_starter

WAIT_MS = 240_000


class Started:
    """The program after a start: a new window on the settings of the last one."""

    def __init__(self, qtbot: QtBot, settings_file: Path) -> None:
        self._qtbot = qtbot
        self.session = Session(RunStore())
        self.runner = JobRunner()
        self.window = MainWindow(self.session, self.runner, Settings(settings_file), ErrorReporter())
        self.told: list[str] = []
        self.window.pages["restore"].message_raised.connect(lambda message: self.told.append(message.text))
        page = self.window.pages["compare"]
        assert isinstance(page, ComparePage)
        self.compare = page

    def settle(self) -> None:
        """Wait until nothing goes on and nothing is about to."""

        def is_settled() -> bool:
            return not (self.runner.is_busy or self.window.result_finder.is_busy or self.compare.is_busy)

        self._qtbot.waitUntil(lambda: is_settled() and self.session.are_results_known, timeout=WAIT_MS)
        self._qtbot.wait(50)
        self._qtbot.waitUntil(is_settled, timeout=WAIT_MS)

    def look_at(self, photo: Path) -> None:
        self.session.set_current_photo(PhotoRef(photo))
        self.settle()

    @property
    def restored_pane(self) -> Picture | MissingPicture:
        return self.compare.viewer.panes[1]

    @property
    def captions(self) -> list[str]:
        return [view.caption.text for view in self.compare.viewer.pane_views]


@contextmanager
def started(qtbot: QtBot, theme: Theme, tmp_path: Path) -> Iterator[Started]:
    with undressed(theme):
        program = Started(qtbot, tmp_path / "settings.json")
    program.window.show()
    qtbot.waitExposed(program.window)
    program.window.open_last_folders()
    program.window.show_page("compare")
    yield program
    program.runner.cancel_all()
    qtbot.waitUntil(lambda: not program.runner.is_busy, timeout=WAIT_MS)
    program.window.close()
    program.window.result_finder.shut_down()
    program.compare.shut_down()
    program.session.undo_stack.clear()
    program.session.run_catalog.shut_down()
    shared_thumbnails(program.session).shut_down()
    assert program.runner.shut_down(30)
    program.window.deleteLater()


@pytest.fixture
def model(tmp_path: Path) -> ModelChoice:
    (tmp_path / "models").mkdir()
    return ModelChoice(make_starter(tmp_path / "models", "Night", "denoise").path, "Night")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "Holiday"
    folder.mkdir()
    for seed, name in enumerate(("beach.png", "hills.png")):
        write_photo(folder / name, seed)
    return folder


def write_photo(path: Path, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)
    assert cv2.imwrite(str(path), values)


def test_one_button_restores_in_place_and_the_next_start_knows(
    qtbot: QtBot, theme: Theme, tmp_path: Path, model: ModelChoice, folder: Path
) -> None:
    with started(qtbot, theme, tmp_path) as program:
        program.session.set_model(model)
        program.window.open_paths([folder])
        program.window.show_page("compare")
        program.settle()
        program.look_at(folder / "beach.png")
        pane = program.compare.viewer.pane_views[1]
        assert "not been restored yet" in pane.canvas.message
        assert pane.canvas.action_button.isVisible()
        assert pane.canvas.rect().contains(pane.canvas.action_button.geometry())
        QTest.mouseClick(pane.canvas.action_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: isinstance(program.restored_pane, Picture), timeout=WAIT_MS)
        program.settle()
        assert not pane.canvas.action_button.isVisible()
        assert program.window.current_page is program.compare, "in place"
        assert program.captions[1].startswith("Restored  Night")
        [made] = program.session.restored(PhotoRef(folder / "beach.png"))
        assert made.path.parent == folder.parent / "Holiday restored"
        assert read_provenance(made.path) is not None
    # What lies there by the next start is called otherwise.
    result = made.path.rename(made.path.with_name("for grandma.png"))
    photo = (folder / "beach.png").rename(folder / "2026-07 beach.png")
    with started(qtbot, theme, tmp_path) as program:
        program.settle()
        program.look_at(photo)
        assert isinstance(program.restored_pane, Picture)
        assert program.captions[1].startswith("Restored  Night")
        [version] = program.session.restored(PhotoRef(photo))
        assert (version.path, version.doubt) == (result, ResultDoubt.NONE)
        program.look_at(folder / "hills.png")
        assert isinstance(program.restored_pane, MissingPicture)


@pytest.fixture
def once(tmp_path: Path, model: ModelChoice, folder: Path, qtbot: QtBot) -> Path:
    """The program was there once, and the first photo was restored; returns the result."""
    out = tmp_path / "Holiday restored"
    photo = folder / "beach.png"
    config = RestoreConfig(model=model.path, photos=(photo,), out=out, device="cpu", precision="32-true")
    [(_, result)] = restore(config, JobControl(), lambda event: None).restored
    settings = Settings(tmp_path / "settings.json")
    settings.set(LAST_FOLDERS, [str(folder)])
    settings.set(LAST_MODEL, str(model.path))
    settings.set(LAST_PHOTO, str(photo))
    settings.save()
    return result


def photo_edited(folder: Path, result: Path) -> str:
    write_photo(folder / "beach.png", 99)
    return "Restored, before the photo was edited"


def result_edited(folder: Path, result: Path) -> str:
    content = bytearray(result.read_bytes())
    # A text chunk, as an image manager that notes a rating adds one before the end.
    end = content.rindex(b"IEND") - 4
    content[end:end] = b"\x00\x00\x00\x05tEXt" + b"a\x00bcd" + (0x3E1F9F5D).to_bytes(4, "big")
    result.write_bytes(content)
    return "Restored, changed since"


@pytest.mark.parametrize("change", [photo_edited, result_edited])
def test_what_is_not_current_is_said(
    qtbot: QtBot, theme: Theme, tmp_path: Path, folder: Path, once: Path, change: Callable[[Path, Path], str]
) -> None:
    said = change(folder, once)
    with started(qtbot, theme, tmp_path) as program:
        program.settle()
        program.look_at(folder / "beach.png")
        assert program.captions[1].startswith(said)


def test_another_model_is_said_and_restores_again_from_the_pane_s_menu(
    qtbot: QtBot, theme: Theme, tmp_path: Path, folder: Path, once: Path
) -> None:
    (tmp_path / "others").mkdir()
    with started(qtbot, theme, tmp_path) as program:
        program.settle()
        program.look_at(folder / "beach.png")
        other = make_starter(tmp_path / "others", "Day", "denoise").path
        program.session.set_model(ModelChoice(other, "Day"))
        program.settle()
        assert program.captions[1].startswith("Restored, by another model  Night")
        menu = program.compare.bar.menu_of(1)
        [again] = [action for action in menu.actions() if action.text() == "Restore this photo with Day"]
        again.trigger()
        qtbot.waitUntil(lambda: len(program.session.restored(PhotoRef(folder / "beach.png"))) == 2, timeout=WAIT_MS)
        program.settle()
        assert program.captions[1].startswith("Restored  Day")


def test_a_deleted_result_is_offered_to_be_made_again_or_it_is_said_why_not(
    qtbot: QtBot, theme: Theme, tmp_path: Path, folder: Path, once: Path
) -> None:
    with started(qtbot, theme, tmp_path) as program:
        program.settle()
        program.look_at(folder / "beach.png")
        assert isinstance(program.restored_pane, Picture)
        once.unlink()
        # As on coming back from the program that deleted it.
        program.window.result_finder.look_soon()
        program.settle()
        assert isinstance(program.restored_pane, MissingPicture)
        button = program.compare.viewer.pane_views[1].canvas.action_button
        assert button.isVisible()
        blocked = tmp_path / "a file.txt"
        blocked.write_text("in the way")
        program.window.pages["restore"].options.output.destination_chosen.emit(blocked)
        button.click()
        assert len(program.told) == 1
        assert "a file.txt" in program.told[0]


def test_of_many_photos_one_look_is_told_once(
    qtbot: QtBot, theme: Theme, tmp_path: Path, folder: Path, once: Path
) -> None:
    # Every page looks through all photos each time.
    num_copies = 20
    for number in range(num_copies):
        write_photo(folder / f"more {number}.png", 1000 + number)
    with started(qtbot, theme, tmp_path) as program:
        qtbot.waitUntil(lambda: len(program.session.photos) == num_copies + 2, timeout=WAIT_MS)
        program.settle()
        assert program.session.has_result(PhotoRef(folder / "beach.png"))
        once.unlink()
        told: list[tuple[PhotoRef | None, bool]] = []
        program.session.restored_changed.connect(
            lambda source: told.append((source, program.session.are_results_known))
        )
        program.session.set_results_known(False)
        program.window.result_finder.look_soon()
        program.settle()
        assert told == [(None, False), (None, True)], "that it is looked for, then what there is"
        assert not program.session.has_result(PhotoRef(folder / "beach.png"))


def test_a_shipped_model_is_named_in_the_chosen_language_as_a_result_s_maker_too() -> None:
    name = "Denoise (starter)"
    install_catalogue(load_catalogue("de"))
    try:
        restored, model = (
            PaneChoice(PaneKind.RESTORED, name),
            PaneChoice(PaneKind.MODEL, name, Path("denoise.safetensors")),
        )
        assert model.title != name
        assert restored.short_title == model.title
        assert restored.title.endswith(model.title)
    finally:
        install_catalogue(load_catalogue("en"))
