"""The real window: rail, keys, theme, drops, messages, closing during a job."""

import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRect, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QLabel, QMessageBox, QPushButton, QSplitter
from pytestqt.qtbot import QtBot

from app.core.actions import PAGE_IDS
from app.core.error_reporting import ErrorReporter
from app.core.messages import Message, Severity
from app.core.session import ModelChoice
from app.core.settings import LAST_FOLDERS, LAST_PAGE, TEXT_SCALE, THEME, WINDOW_GEOMETRY
from app.jobs.runner import JobRequest, JobState
from app.look.catalogues import load_catalogue
from app.look.palette import LIGHT
from app.look.theme import Theme, ThemeChoice
from app.look.translation import install_catalogue
from app.pages.runs.import_dialog import ImportDialog
from app.window.main_window import MIN_SIZE, MainWindow
from app.window.shortcut_sheet import ShortcutSheet
from engine.contracts.errors import InvalidInputError
from engine.contracts.events import Emit, JobWarning, PhotoScanned, StepDone
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.photo import PhotoRef
from engine.translatable import say
from tests.app.conftest import OpenWindow, undressed
from tests.conftest import TinyPhotos


def drop(window: MainWindow, *paths: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    where, action = QPoint(400, 300), Qt.DropAction.CopyAction
    button, modifier = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(where, action, data, button, modifier)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(window, QDropEvent(QPointF(where), action, data, button, modifier))


def saving_job(saved: list[str], save_seconds: float = 0.3) -> Callable[[None, JobControl, Emit], None]:
    """A job that needs a while to save when it is stopped, as a training does."""

    def work(_: None, control: JobControl, emit: Emit) -> None:
        step = 0
        try:
            while True:
                control.wait_if_paused()
                step += 1
                emit(StepDone(stage="Working", step=step, num_steps=1000))
                time.sleep(0.01)
        except JobCancelled:
            time.sleep(save_seconds)
            saved.append("checkpoint")
            raise

    return work


def submit_saving_job(opened: OpenWindow, saved: list[str]) -> None:
    opened.runner.submit(JobRequest(title="Working", page_id="runs", function=saving_job(saved), config=None))


def closing_question(window: MainWindow) -> QMessageBox:
    [question] = [box for box in window.findChildren(QMessageBox) if box.isVisible()]
    return question


def press(qtbot: QtBot, question: QMessageBox, text: str) -> None:
    button = next(control for control in question.findChildren(QPushButton) if control.text() == text)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_every_page_opens_by_click_and_by_key(qtbot: QtBot, opened: OpenWindow) -> None:
    window = opened.window
    assert tuple(window.pages) == PAGE_IDS
    for page_id in PAGE_IDS:
        qtbot.mouseClick(window.rail.button(page_id), Qt.MouseButton.LeftButton)
        assert window.current_page.page_id == page_id
        assert window.rail.button(page_id).isChecked()
    with qtbot.waitActive(window):
        window.activateWindow()
    for number, page_id in enumerate(PAGE_IDS, start=1):
        qtbot.keyClick(window, Qt.Key(Qt.Key.Key_0 + number), Qt.KeyboardModifier.ControlModifier)
        assert window.current_page.page_id == page_id
    assert opened.settings.get(LAST_PAGE) == "runs"


def test_the_rail_shows_what_pages_say_and_shrinks(qtbot: QtBot, opened: OpenWindow) -> None:
    window = opened.window
    window.pages["pretrain"].rail_status_changed.emit("● 62 %")
    assert window.rail.button("pretrain").status == "● 62 %"
    assert "62 %" in window.rail.button("pretrain").toolTip()
    window.resize(1280, 800)
    assert not window.rail.is_narrow
    wide = window.rail.width()
    window.resize(*MIN_SIZE)
    assert window.rail.is_narrow
    assert window.rail.width() < wide / 2


@pytest.mark.parametrize(("scale", "size"), [(1.0, MIN_SIZE), (2.0, (1280, 800))])
def test_every_page_fits_into_a_small_window(
    qtbot: QtBot, opened: OpenWindow, scale: float, size: tuple[int, int]
) -> None:
    window = opened.window
    opened.settings.set(TEXT_SCALE, scale)
    for page_id in PAGE_IDS:
        window.show_page(page_id)
        window.resize(*size)
        hint = window.centralWidget().minimumSizeHint()
        assert hint.width() <= size[0], (page_id, hint)
        assert hint.height() <= size[1], (page_id, hint)
        page = window.pages[page_id]
        assert page.minimumSizeHint().width() <= size[0] - window.rail.width(), "it would scroll sideways"


def test_the_theme_switches_by_key_and_is_remembered(qtbot: QtBot, opened: OpenWindow, theme: Theme) -> None:
    window = opened.window
    opened.settings.set(THEME, "dark")
    with qtbot.waitActive(window):
        window.activateWindow()
    with qtbot.waitSignal(theme.changed):
        qtbot.keyClick(window, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    assert opened.settings.get(THEME) == "light"
    for page_id in PAGE_IDS:
        window.show_page(page_id)
        image = window.grab().toImage()
        assert image.pixelColor(image.width() // 2, 8).name() == LIGHT.panel
        assert image.pixelColor(image.width() - 4, image.height() // 2).lightness() > 200, page_id


def test_the_cheat_sheet_opens_by_key(qtbot: QtBot, opened: OpenWindow) -> None:
    with qtbot.waitActive(opened.window):
        opened.window.activateWindow()
    qtbot.keyClick(opened.window, Qt.Key.Key_F1)
    [sheet] = opened.window.findChildren(ShortcutSheet)
    assert sheet.isVisible()
    sheet.close()


def test_a_dropped_folder_is_opened_from_any_page(qtbot: QtBot, opened: OpenWindow, tiny_photos: TinyPhotos) -> None:
    opened.window.show_page("runs")
    drop(opened.window, tiny_photos.noisy)
    assert opened.window.current_page.page_id == "photos"
    qtbot.waitUntil(lambda: len(opened.session.photos) == 8, timeout=20_000)
    qtbot.waitUntil(lambda: "noisy (8\xa0photos)" in opened.window.header.folder_text)
    assert "noisy" in opened.window.windowTitle()
    qtbot.waitUntil(lambda: not opened.runner.is_busy, timeout=20_000)


def test_a_folder_dropped_on_labels_becomes_references(
    qtbot: QtBot, opened: OpenWindow, tiny_photos: TinyPhotos
) -> None:
    opened.window.open_paths([tiny_photos.noisy])
    qtbot.waitUntil(lambda: len(opened.session.photos) == 8 and not opened.runner.is_busy, timeout=20_000)
    opened.window.show_page("labels")
    drop(opened.window, tiny_photos.clean)
    assert opened.window.current_page.page_id == "labels"
    qtbot.waitUntil(lambda: len(opened.session.label_pairs) == 8, timeout=20_000)
    assert opened.session.references == (tiny_photos.clean,)


def test_warnings_and_failures_of_jobs_become_messages(qtbot: QtBot, opened: OpenWindow) -> None:
    def fail(_: None, control: JobControl, emit: Emit) -> None:
        emit(JobWarning(message="Two photos are alike.", hint="Remove one."))
        raise InvalidInputError("There is no photo.", "Add one.")

    bar = opened.window.message_bar
    shown: list[str] = []
    bar.message_shown.connect(lambda message: shown.append(message.text if message else ""))
    opened.runner.submit(JobRequest(title="Failing", page_id="runs", function=fail, config=None))
    qtbot.waitUntil(lambda: "There is no photo." in shown)
    assert shown[0] == "Two photos are alike."
    assert bar.shown_message is not None
    assert bar.shown_message.severity is Severity.ERROR
    assert "InvalidInputError" in bar.shown_message.details
    assert bar.shown_message.details.startswith(bar.shown_message.text), "a sentence comes before the traceback"


def test_a_fault_in_a_job_is_reported(qtbot: QtBot, opened: OpenWindow) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a fault")

    with qtbot.waitSignal(opened.reporter.reported) as signal:
        opened.runner.submit(JobRequest(title="Failing", page_id="runs", function=fail, config=None))
    assert "ZeroDivisionError" in signal.args[0].details
    opened.reporter.close_dialog()


def test_closing_without_a_job_just_closes(qtbot: QtBot, opened: OpenWindow) -> None:
    assert opened.window.close()
    assert opened.settings.get(WINDOW_GEOMETRY)


def test_closing_during_a_job_asks_and_stays_if_told_so(qtbot: QtBot, opened: OpenWindow) -> None:
    saved: list[str] = []
    submit_saving_job(opened, saved)
    assert not opened.window.close()
    question = closing_question(opened.window)
    assert "Working is running" in question.text()
    assert not opened.window.close(), "a second attempt must not ask twice"
    press(qtbot, closing_question(opened.window), "Keep running")
    assert opened.window.isVisible()
    assert opened.runner.is_busy
    assert saved == []


def test_the_question_before_closing_names_what_waits(qtbot: QtBot, opened: OpenWindow) -> None:
    saved: list[str] = []
    submit_saving_job(opened, saved)
    opened.runner.submit(JobRequest(title="Pretraining “Holiday”", page_id="pretrain", function=print, config=None))
    opened.window.close()
    assert closing_question(opened.window).text() == "Working is running.\nWaiting: Pretraining “Holiday”."
    press(qtbot, closing_question(opened.window), "Stop and quit")
    qtbot.waitUntil(lambda: not opened.window.isVisible(), timeout=10_000)


def test_closing_during_a_job_stops_it_lets_it_save_and_closes(qtbot: QtBot, opened: OpenWindow) -> None:
    saved: list[str] = []
    submit_saving_job(opened, saved)
    submit_saving_job(opened, saved)
    [first, second] = opened.runner.jobs
    qtbot.waitUntil(lambda: first.state is JobState.RUNNING)
    first.pause()
    opened.window.close()
    press(qtbot, closing_question(opened.window), "Stop and quit")
    assert opened.window.isVisible(), "it closes before the job has saved"
    qtbot.waitUntil(lambda: not opened.window.isVisible(), timeout=10_000)
    assert saved == ["checkpoint"]
    assert {first.state, second.state} == {JobState.CANCELLED}


def test_what_follows_an_ending_job_does_not_keep_the_window(qtbot: QtBot, opened: OpenWindow) -> None:
    saved: list[str] = []
    submit_saving_job(opened, saved)
    [job] = opened.runner.jobs
    qtbot.waitUntil(lambda: job.state is JobState.RUNNING)
    job.cancelled.connect(lambda: submit_saving_job(opened, saved))
    opened.window.close()
    press(qtbot, closing_question(opened.window), "Stop and quit")
    qtbot.waitUntil(lambda: not opened.window.isVisible(), timeout=10_000)
    assert not opened.runner.is_busy, "it did not wait for what has been begun"


def test_the_model_is_shown_and_remembered(qtbot: QtBot, opened: OpenWindow, tmp_path: Path, theme: Theme) -> None:
    path = tmp_path / "my model.safetensors"
    path.write_bytes(b"")
    opened.session.set_model(ModelChoice(path, "my model"))
    assert opened.window.header.model_button.text() == "Model: my model"
    opened.session.set_model(None)
    assert "none" in opened.window.header.model_button.text()
    opened.session.set_model(ModelChoice(path, "my model"))
    opened.session._model = None
    with undressed(theme):
        again = MainWindow(opened.session, opened.runner, opened.settings, ErrorReporter())
    qtbot.addWidget(again)
    assert opened.session.model == ModelChoice(path, "my model")


def test_a_crash_of_the_last_session_is_told(qtbot: QtBot, opened: OpenWindow, theme: Theme) -> None:
    reporter = ErrorReporter()
    reporter.last_crash = "Fatal Python error: Segmentation fault"
    with undressed(theme):
        window = MainWindow(opened.session, opened.runner, opened.settings, reporter)
    qtbot.addWidget(window)
    assert window.message_bar.shown_message is not None
    assert "Segmentation fault" in window.message_bar.shown_message.details


def test_the_first_window_needs_no_torch_and_a_start_ends_cleanly(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import sys
        import app.main
        from PySide6.QtCore import QTimer
        from PySide6.QtWidgets import QApplication
        application = QApplication([])

        def look() -> None:
            window = application.topLevelWidgets()[0]
            print("shown", any(widget.isVisible() for widget in application.topLevelWidgets()), "torch" in sys.modules)

        def close() -> None:
            if "torch" in sys.modules and hasattr(sys.modules["torch"], "optim"):
                [w.close() for w in application.topLevelWidgets() if w.inherits("QMainWindow")]

        QTimer.singleShot(0, look)
        timer = QTimer()
        timer.timeout.connect(close)
        timer.start(200)
        sys.exit(app.main.main([]))
        """
    )
    environment = {**os.environ, "RESIDUA_DATA": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"}
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, env=environment, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == ["shown", "True", "False"]
    assert "Traceback" not in (tmp_path / "logs" / "residua.log").read_text()


def test_the_first_size_fits_the_screen(opened: OpenWindow) -> None:
    available = opened.window.screen().availableSize()
    size = opened.window.size()
    smallest = opened.window.minimumSize()
    assert size.width() <= max(available.width(), smallest.width())
    assert size.height() <= max(available.height(), smallest.height())


def test_panes_and_photo_are_as_they_were_left(
    qtbot: QtBot, opened: OpenWindow, tiny_photos: TinyPhotos, theme: Theme
) -> None:
    window, session, settings = opened.window, opened.session, opened.settings
    photos = [
        PhotoScanned(path=PhotoRef(path), width=112, height=96, noise_sigma=0.1)
        for path in sorted(tiny_photos.noisy.iterdir())
    ]
    window.resize(1200, 760)
    for page_id in window.pages:
        window.show_page(page_id)
    session.set_folders([tiny_photos.noisy])
    session.add_photos(photos)
    session.set_current_photo(photos[3].path)
    [splitter] = window.pages["photos"].findChildren(QSplitter)[:1]
    window.show_page("photos")
    first, *others = splitter.sizes()
    splitter.setSizes([first + 60, *others])
    expected = splitter.saveState()
    window.close()
    session.set_folders([])

    with undressed(theme):
        again = MainWindow(session, opened.runner, settings, ErrorReporter())
    qtbot.addWidget(again)
    assert again.pages["photos"].findChildren(QSplitter)[0].saveState() == expected
    # The width of the screen that tests have is less than the least one of the window.
    assert again.height() == window.height()
    session.set_folders([tiny_photos.noisy])
    session.add_photos(photos[:2])
    assert session.current_photo != photos[3].path
    session.set_current_photo(None)
    session.add_photos(photos[2:])
    assert session.current_photo == photos[3].path


def test_a_model_file_that_is_dropped_shows_its_card(qtbot: QtBot, opened: OpenWindow, tmp_path: Path) -> None:
    path = tmp_path / "theirs.safetensors"
    path.write_bytes(b"no model")
    opened.window.show_page("photos")
    drop(opened.window, path)
    assert opened.window.current_page.page_id == "runs"
    [dialog] = opened.window.findChildren(ImportDialog)
    qtbot.waitUntil(lambda: dialog.problem.isVisible(), timeout=20_000)
    dialog.reject()


def test_what_the_engine_says_is_translated_in_the_message_bar(opened: OpenWindow, tmp_path: Path) -> None:
    install_catalogue(load_catalogue("de"))
    try:
        text = say("The run “{run}” is still running.", run="Holiday")
        opened.window.message_bar.post(Message(text=text, hint="Stop it first."))
        shown = [label.text() for label in opened.window.message_bar.findChildren(QLabel)]
    finally:
        install_catalogue(load_catalogue("en"))
    assert "Holiday" in shown[0]
    assert text not in shown


def test_a_page_that_was_open_is_opened_again(qtbot: QtBot, opened: OpenWindow, tmp_path: Path) -> None:
    stack = tmp_path / "stack.tif"
    tifffile.imwrite(stack, np.zeros((3, 64, 64), np.uint16), photometric="minisblack")
    opened.settings.set(LAST_FOLDERS, [str(PhotoRef(stack, 2)), str(tmp_path / "gone.png")])
    opened.window.open_last_folders()
    assert opened.session.folders == (PhotoRef(stack, 2),)
    qtbot.waitUntil(lambda: [photo.path for photo in opened.session.photos] == [PhotoRef(stack, 2)], timeout=20_000)


def test_the_rail_keeps_the_page_that_is_shown_in_sight(qtbot: QtBot, opened: OpenWindow, theme: Theme) -> None:
    window = opened.window

    def is_in_sight() -> bool:
        entry = window.rail.button(window.current_page.page_id)
        return entry.visibleRegion().boundingRect() == entry.rect()

    theme.apply(ThemeChoice.DARK, 2.0)
    window.resize(1280, 560)
    for page_id in ("runs", "photos", "finetune"):
        window.show_page(page_id)
        qtbot.waitUntil(is_in_sight)
    window.resize(1280, 1000)
    qtbot.wait(50)
    window.resize(1280, 500)
    qtbot.waitUntil(is_in_sight)


def settled_geometry(qtbot: QtBot, window: MainWindow) -> tuple[QRect, QRect]:
    """Where page and header are once two looks agree: new letters are laid out in several turns."""
    seen: list[tuple[QRect, QRect]] = []

    def is_settled() -> bool:
        seen.append((window.current_page.geometry(), window.header.geometry()))
        qtbot.wait(100)
        return len(seen) > 1 and seen[-1] == seen[-2]

    qtbot.waitUntil(is_settled)
    return seen[-1]


@pytest.mark.parametrize("text_scale", [1.0, 1.5, 2.0])
def test_no_page_moves_when_a_message_or_a_job_comes_or_goes(
    qtbot: QtBot, opened: OpenWindow, theme: Theme, text_scale: float
) -> None:
    window, runner = opened.window, opened.runner
    theme.apply(ThemeChoice.DARK, text_scale)
    before = settled_geometry(qtbot, window)
    window.message_bar.post(Message(text="Something has happened that takes a sentence to say.", hint="Do this."))
    end = threading.Event()
    job = runner.submit(JobRequest(title="Restoring", page_id="restore", function=lambda *_: end.wait(20), config=None))
    runner.submit(JobRequest(title="Next", page_id="restore", function=lambda *_: None, config=None))
    bar = window.message_bar
    try:
        qtbot.waitUntil(window.job_bar.isVisible)
        assert settled_geometry(qtbot, window) == before
        assert bar.isVisible()
        room = window.job_bar.parentWidget()
        assert room is not None
        assert bar.geometry().bottom() < room.geometry().top()
        assert bar.height() < 3 * bar.dismiss_button.height(), "as high as its words need, not more"
        # The tallest state: what runs has ended, what waits is held back and has a button.
        runner.set_held(True)
    finally:
        end.set()
    qtbot.waitUntil(lambda: job.state.is_ended and window.job_bar.go_on_button.isVisible())
    assert settled_geometry(qtbot, window) == before
    runner.set_held(False)
    qtbot.waitUntil(lambda: not window.job_bar.isVisible())
    bar.dismiss()
    assert settled_geometry(qtbot, window) == before


def test_every_page_gives_the_keyboard_something_to_begin_with(qtbot: QtBot, opened: OpenWindow) -> None:
    for page_id, page in opened.window.pages.items():
        opened.window.rail.button(page_id).setFocus()
        qtbot.keyClick(opened.window.rail.button(page_id), Qt.Key.Key_Return)
        assert opened.window.current_page is page
        focused = opened.window.focusWidget()
        if page.first_action() is not None:
            assert focused is not None
            assert page.isAncestorOf(focused), page_id


def test_what_teaches_stands_in_a_group_below(opened: OpenWindow) -> None:
    rail = opened.window.rail
    assert list(opened.window.pages) == ["photos", "restore", "compare", "pretrain", "labels", "finetune", "runs"]
    [group] = [label for label in rail.findChildren(QLabel) if label.text() == "Teach"]
    top = group.mapTo(rail, group.rect().topLeft()).y()
    assert rail.button("compare").geometry().bottom() < top < rail.button("pretrain").geometry().top()
