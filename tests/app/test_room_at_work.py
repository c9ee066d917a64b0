"""Nothing is cut while the window works and shows what came out: in the smallest window, with text at 200 %."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRect, QRectF
from PySide6.QtGui import QFont, QImage, QPainter
from PySide6.QtWidgets import QLabel, QTabWidget, QWidget
from pytestqt.qtbot import QtBot

from app.core.messages import Message, Severity
from app.core.session import ModelChoice, RestoredPhoto
from app.jobs.runner import JobState
from app.look.theme import Theme, ThemeChoice
from app.pages.photos.tools import PhotoTools
from app.pages.restore.page import RestorePage
from app.pages.runs.page import RunsPage
from app.pages.training.finetune import FinetunePage
from app.pages.training.page import TrainingPage
from app.viewer.canvas.canvas_marks import paint_message, place_message
from app.viewer.canvas.image_canvas import ImageCanvas
from app.widgets.room.scroll_room import ScrollRoom
from app.window.main_window import MIN_SIZE, MainWindow
from engine.label_budget.methods import LeftOut
from engine.label_budget.reports.results import BudgetFigures, BudgetRow
from engine.label_budget.reports.statistics import estimate
from engine.label_budget.stored import StoredOutcome
from engine.photos.folder import list_image_files
from engine.photos.pairs import match_pairs
from tests.app.conftest import OpenWindow
from tests.app.pages.runs.test_runs_page import make_run
from tests.app.pages.training.test_training_pages import TRAINING_MS, make_tiny, scanned
from tests.app.test_room import cut_texts, language, scrolled_sideways, settle, shown, unreachable
from tests.conftest import TinyPhotos

__all__ = ["language"]

READY_MS = 30_000
SENTENCE_CHARS = 30


def cut_messages(root: QWidget) -> list[str]:
    """Sentences on canvases of pictures that are larger than these."""
    found = []
    for canvas in shown(root):
        if isinstance(canvas, ImageCanvas) and canvas.message:
            room = QRectF(canvas.rect())
            _, ground = place_message(canvas.message, canvas.font(), room)
            if not room.contains(ground):
                found.append(f"{canvas.message!r}: {ground.size().toTuple()} in {room.size().toTuple()}")
    return found


def all_that_is_cut(name: str, root: QWidget) -> list[str]:
    settle(root)
    found = (*cut_texts(root), *unreachable(root), *cut_messages(root), *scrolled_sideways(root))
    return [f"{name}: {text}" for text in found]


@pytest.fixture
def small(language: str, opened: OpenWindow, theme: Theme, tiny_photos: TinyPhotos) -> OpenWindow:
    """The smallest window with large text, photos and references."""
    theme.apply(ThemeChoice.DARK, 2.0)
    opened.window.resize(*MIN_SIZE)
    photos = list_image_files([tiny_photos.noisy])
    opened.session.set_folders([tiny_photos.noisy])
    opened.session.add_photos(scanned(tiny_photos.noisy))
    opened.session.set_current_photo(photos[0])
    opened.session.set_label_pairs(match_pairs(photos, list_image_files([tiny_photos.clean])).pairs)
    opened.session.set_engine_loaded("CPU")
    return opened


def training_page(window: MainWindow, page_id: str) -> TrainingPage:
    page = window.pages[page_id]
    assert isinstance(page, TrainingPage)
    window.show_page(page_id)
    make_tiny(page, preview_interval_s=60)
    settle(window)
    return page


@pytest.mark.parametrize("page_id", ["pretrain", "finetune"])
def test_while_a_training_runs_and_when_it_has_ended(small: OpenWindow, qtbot: QtBot, page_id: str) -> None:
    window = small.window
    page, wrong = training_page(window, page_id), []
    with qtbot.waitSignal(page.training_ended, timeout=TRAINING_MS):
        page.start_button.click()
        job = page.view.job
        assert job is not None
        qtbot.waitUntil(lambda: page.view.run is not None, timeout=TRAINING_MS)
        job.pause()
        qtbot.waitUntil(lambda: job.state is JobState.PAUSED and window.job_bar.isVisible(), timeout=TRAINING_MS)
        for index in range(page.view.looks.count()):
            page.view.looks.setCurrentIndex(index)
            wrong += all_that_is_cut(f"running, {page.view.looks.tabText(index)}", window)
        page.view.looks.setCurrentIndex(0)
        for other in window.pages if page_id == "pretrain" else ():
            window.show_page(other)
            wrong += all_that_is_cut(f"{other} above the job bar", window)
        window.show_page(page_id)
        job.resume()
    wrong += all_that_is_cut("ended", window)
    assert page.view.summary
    assert "\n".join(wrong) == ""
    view = page.view
    assert view.looks.isTabVisible(view.looks.indexOf(view.game_tab)) == bool(view.game.num_pairs)
    sentences = [each.text() for each in shown(view) if isinstance(each, QLabel) and len(each.text()) > SENTENCE_CHARS]
    assert sorted(set(sentences)) == sorted(sentences)


def test_what_came_out_and_what_is_said_of_it(small: OpenWindow, qtbot: QtBot, tmp_path: Path) -> None:
    window, wrong = small.window, []
    long = "The photo “IMG_20240517_183005 in the mountains.jpg” cannot be read from the disk (Input/output error)."
    window.message_bar.post(
        Message(
            severity=Severity.ERROR,
            text=long,
            hint="Check the disk, then try again, or copy the file from where it came from.",
            details="Traceback:\n" * 20,
            action_label="Choose another folder",
            action=lambda: None,
        )
    )
    wrong += all_that_is_cut("message", window)
    window.message_bar.details_button.click()
    wrong += all_that_is_cut("message with details", window)
    window.message_bar.dismiss()
    for index, kind in enumerate(("pretrain", "finetune", "finetune")):
        make_run(small.session.run_store, f"Holiday in the mountains {index}", kind=kind, psnr=31.5)
    small.session.runs_changed.emit()
    runs = window.pages["runs"]
    assert isinstance(runs, RunsPage)
    window.show_page("runs")
    qtbot.waitUntil(lambda: len(runs.list.shown) == 3, timeout=READY_MS)
    tabs = runs.details.findChild(QTabWidget)
    assert tabs is not None
    for index in range(tabs.count()):
        tabs.setCurrentIndex(index)
        wrong += all_that_is_cut(f"one run, {tabs.tabText(index)}", window)
    runs.table.selectAll()
    wrong += all_that_is_cut("several runs", window)
    page = window.pages["finetune"]
    assert isinstance(page, FinetunePage)
    window.show_page("finetune")
    page.tabs.setCurrentWidget(page.label_budget)
    page.label_budget._show_outcome(outcome(), tmp_path)
    wrong += all_that_is_cut("label budget", window)
    assert "\n".join(wrong) == ""


def outcome() -> StoredOutcome:
    rows = tuple(
        BudgetRow(
            method=method,
            title=title,
            num_labels=labels,
            is_all=labels == 128,
            psnr=estimate([33.1, 33.4, 33.9]),
            gain=estimate([1.1, 1.4, 1.9]),
            ssim=estimate([0.81, 0.82, 0.83]),
            num_photos=128,
            least_above_no_label=0.1,
            seconds=3200,
        )
        for method, title in (("scratch", "From scratch"), ("rcl", "Contrastive"), ("n2n", "Neighbor2Neighbor"))
        for labels in (0, 8, 32, 128)
    )
    return StoredOutcome(
        figures=BudgetFigures(rows=rows, comparisons=(), noisy_psnr=31.2, num_evaluation=128),
        verdict="Contrastive pretraining with 8 labels reaches what training from scratch reaches with 128 labels.",
        left_out=(LeftOut(name="Noise2Void", reason="It needs at least 64 pixels at each side."),),
        failed=(),
        total_steps=40_000,
    )


def test_what_opens_beside_the_pages(small: OpenWindow, qtbot: QtBot, tmp_path: Path) -> None:
    window, session, wrong = small.window, small.session, []
    window.show_page("photos")
    tools = window.findChild(PhotoTools)
    assert isinstance(tools, PhotoTools)
    tools.filter_button.click()
    wrong += all_that_is_cut("filter", tools.filter_panel)
    panel = tools.filter_panel.size()
    assert panel.width() <= MIN_SIZE[0]
    assert panel.height() <= MIN_SIZE[1]
    tools.filter_panel.hide()
    photo = session.photos[2].path
    picture = cv2.imread(str(photo))
    assert picture is not None
    restored = tmp_path / "blurred.png"
    cv2.imwrite(str(restored), cv2.GaussianBlur(picture, (0, 0), 2.0))
    session.add_restored([(photo, RestoredPhoto("Blur", restored))])
    session.set_current_photo(photo)
    window.show_page("compare")
    wrong += all_that_is_cut("compare", window)
    session.set_current_photo(session.photos[0].path)
    wrong += all_that_is_cut("compare without a restored picture", window)
    session.set_current_photo(photo)
    session.inspect_requested.emit(None)
    inspector = window.residual_inspection.inspector
    assert inspector is not None
    qtbot.waitUntil(lambda: not inspector.is_busy, timeout=READY_MS)
    inspector.resize(*MIN_SIZE)
    settle(inspector)
    assert inspector.size().toTuple() == MIN_SIZE
    for index in range(inspector.tabs.count()):
        inspector.tabs.setCurrentIndex(index)
        wrong += all_that_is_cut(f"inspector, {index}", inspector)
    inspector.close()
    assert "\n".join(wrong) == ""


@pytest.mark.parametrize("size", [(900, 600), (403, 191), (268, 129), (240, 160)])
def test_a_sentence_on_a_canvas_is_whole(qtbot: QtBot, theme: Theme, size: tuple[int, int]) -> None:
    font = QFont()
    font.setPixelSize(26)
    room = QRectF(0, 0, *size)
    text = (
        "This photo has not been restored yet. That is done on the page “Restore”; or choose a model in the menu of "
        "this pane, to see what it would make of it."
    )
    for said in ("Loading …", text):
        used, ground = place_message(said, font, room)
        assert room.contains(ground)
        assert (used.pixelSize() == 26) == (said == "Loading …" or size == (900, 600))
        assert used.pixelSize() >= 9


@pytest.mark.parametrize("width", range(240, 420, 20))
def test_a_sentence_leaves_the_edges_of_its_ground_free(qtbot: QtBot, theme: Theme, width: int) -> None:
    font = QFont()
    font.setPixelSize(13)
    picture = QImage(width, 280, QImage.Format.Format_RGB32)
    picture.fill(0)
    text = (
        "This photo has not been restored yet. The button does it; this pane's menu shows what others would make of it."
    )
    painter = QPainter(picture)
    painter.setFont(font)
    paint_message(painter, text, QRectF(picture.rect()))
    painter.end()
    _, ground = place_message(text, font, QRectF(picture.rect()))
    pixels = np.frombuffer(picture.constBits(), np.uint8).reshape(280, picture.bytesPerLine())[:, : 4 * width : 4]
    is_text = np.flatnonzero((pixels > 100).any(axis=0))
    assert is_text[0] - ground.left() >= 8
    assert ground.right() - is_text[-1] >= 8


@pytest.mark.parametrize("text_scale", [1.0, 1.5])
def test_restore_need_not_be_scrolled_sideways_once_there_are_results(
    language: str, qtbot: QtBot, opened: OpenWindow, theme: Theme, tiny_photos: TinyPhotos, text_scale: float
) -> None:
    theme.apply(ThemeChoice.DARK, text_scale)
    window, session = opened.window, opened.session
    window.resize(*MIN_SIZE)
    session.set_folders([tiny_photos.noisy])
    session.add_photos(scanned(tiny_photos.noisy))
    session.set_model(ModelChoice(tiny_photos.noisy / "model.pt", "Night"))
    window.show_page("restore")
    page = window.pages["restore"]
    assert isinstance(page, RestorePage)
    for number, photo in enumerate(list_image_files([tiny_photos.noisy])):
        session.add_restored([(photo, RestoredPhoto("Night", tiny_photos.clean / f"{number}.png"))])
    settle(window)
    room = page.parentWidget().parentWidget()
    assert isinstance(room, ScrollRoom)
    assert not room.horizontalScrollBar().isVisible()
    assert page.rect().contains(QRect(page.primary.mapTo(page, QPoint(0, 0)), page.primary.size()))
    row = page.folding
    # Nothing is lost: what does not stand in the row stands in its menu.
    hidden = row.overflow.hidden_controls
    assert page.compare_button.isVisible() or page.compare_button in hidden
    assert not hidden or row.overflow.isVisible()
    # Where there is room, all of it is seen.
    window.resize(2400, 800)
    settle(window)
    assert page.compare_button.isVisible()
    assert page.inspect_button.isVisible()
    assert not row.overflow.isVisible()
