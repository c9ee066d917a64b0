"""The page of runs: filter, notes, several runs at once, import and export, the trash."""

from collections.abc import Callable
from pathlib import Path

import pyqtgraph as pg
import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from app.core.session import ModelChoice
from app.core.settings import LAST_RUN, RUNS_SORT, Settings
from app.pages.runs.import_dialog import ImportDialog
from app.pages.runs.page import RunsPage
from app.pages.runs.table import COLUMNS
from engine.contracts.events import PhotoScanned
from engine.contracts.photo import PhotoRef
from engine.models.cards import MODEL_SUFFIXES
from engine.models.files import ModelCard, build_network, save_model
from engine.runs.records import DataFingerprint, RunStatus
from engine.runs.store import Run, RunStore
from engine.runs.trash import list_deleted
from tests.app.conftest import OpenWindow
from tests.conftest import TinyPhotos

CARD = ModelCard(name="Someone's model", backbone_params={"width": 8, "num_levels": 2}, labels=("a.png",), steps=70)
WAIT_MS = 15_000


def make_run(store: RunStore, name: str, *, kind: str = "pretrain", steps: int = 100, psnr: float = 0.0) -> Run:
    data = DataFingerprint(folders=(f"/photos/{name.lower()}",), num_photos=12, num_pixels=9_000_000, digest="x")
    run = store.create(
        kind,  # type: ignore[arg-type]
        name,
        {"steps": steps, "learning_rate": 0.001, "pretext_params": {"temperature": steps / 1000}},
        data=data,
        steps_total=steps,
        device="cpu",
    )
    for step in range(0, steps, 10):
        run.append_metrics(step, {"consistency": 1 / (step + 5), "contrast": 2.0})
    save_model(run.model_path, build_network(CARD).state_dict(), CARD)
    metrics = {"validation_psnr": psnr, "validation_noisy_psnr": 30.0} if psnr else {}
    run.update(status=RunStatus.DONE, steps_done=steps, seconds=steps / 2, metrics=metrics)
    return run


@pytest.fixture
def page(qtbot: QtBot, opened: OpenWindow, user_data: Path) -> RunsPage:
    page = opened.window.pages["runs"]
    assert isinstance(page, RunsPage)
    opened.window.resize(1280, 800)
    opened.window.show_page("runs")
    return page


@pytest.fixture
def store(opened: OpenWindow) -> RunStore:
    return opened.session.run_store


@pytest.fixture
def three(qtbot: QtBot, opened: OpenWindow, page: RunsPage, store: RunStore) -> list[Run]:
    runs = [
        make_run(store, "Holiday"),
        make_run(store, "Night sky", steps=60),
        make_run(store, "Portraits", kind="finetune", psnr=31.5),
    ]
    opened.session.runs_changed.emit()
    qtbot.waitUntil(lambda: len(page.list.shown) == 3, timeout=WAIT_MS)
    return runs


def names(page: RunsPage) -> list[str]:
    return [entry.record.name for entry in page.list.shown]


def select_all(page: RunsPage) -> None:
    page.table.selectAll()


def test_the_newest_is_first_and_a_heading_sorts(qtbot: QtBot, page: RunsPage, three: list[Run]) -> None:
    assert names(page) == ["Portraits", "Night sky", "Holiday"]
    assert page.selected is not None
    position = [column.name for column in COLUMNS].index("name")
    header = page.table.horizontalHeader()
    x = header.sectionViewportPosition(position) + 10
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=header.rect().center().__class__(x, 8))
    first, again = names(page), page.settings.get(RUNS_SORT)
    assert sorted(first) in (first, first[::-1])
    assert again.startswith("name:")


def test_words_and_kind_filter_in_any_column(qtbot: QtBot, page: RunsPage, three: list[Run]) -> None:
    page.table.setFocus()
    qtbot.keyClick(page.table, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(page.list.filter_edit.hasFocus)
    qtbot.keyClicks(page.list.filter_edit, "SKY 12")
    qtbot.waitUntil(lambda: names(page) == ["Night sky"])
    assert page.selected is not None
    assert page.selected.record.name == "Night sky"
    page.list.filter_edit.setText("nothing is called so")
    qtbot.waitUntil(lambda: names(page) == [])
    assert page.list._none_fits.isVisible()
    assert not page.delete_button.isEnabled()
    page.list.filter_edit.clear()
    page.list.kind_box.setCurrentIndex(page.list.kind_box.findData("finetune"))
    qtbot.waitUntil(lambda: names(page) == ["Portraits"])


def test_notes_are_kept_in_the_run_and_can_be_undone(
    qtbot: QtBot, opened: OpenWindow, page: RunsPage, three: list[Run]
) -> None:
    page.select(three[0].path)
    notes = page.details.notes
    notes.setPlainText("Too soft. ")
    page.select(three[1].path)
    assert Run(three[0].path).record.notes == "Too soft."
    assert notes.toPlainText() == ""
    qtbot.waitUntil(lambda: "Too soft." in [entry.record.notes for entry in page.list.shown], timeout=WAIT_MS)
    page.select(three[0].path)
    assert notes.toPlainText() == "Too soft."
    opened.session.undo_stack.undo()
    assert Run(three[0].path).record.notes == ""
    qtbot.waitUntil(lambda: notes.toPlainText() == "", timeout=WAIT_MS)


def test_what_is_being_written_survives_a_change_of_the_store(
    qtbot: QtBot, opened: OpenWindow, page: RunsPage, three: list[Run]
) -> None:
    page.select(three[0].path)
    page.details.notes.setPlainText("half a sent")
    make_run(opened.session.run_store, "Another")
    opened.session.runs_changed.emit()
    qtbot.waitUntil(lambda: len(page.list.shown) == 4, timeout=WAIT_MS)
    assert page.selected is not None
    assert page.selected.path == three[0].path
    assert page.details.notes.toPlainText() == "half a sent"


def test_several_runs_are_drawn_over_one_another(qtbot: QtBot, page: RunsPage, three: list[Run]) -> None:
    select_all(page)
    overlay = page.overlay
    qtbot.waitUntil(lambda: len(overlay.drawn_runs) == 3, timeout=WAIT_MS)
    assert overlay.isVisible()
    assert not page.details.isVisible()
    assert {overlay.metric_box.itemData(row) for row in range(overlay.metric_box.count())} == {
        "consistency",
        "contrast",
    }
    assert len(overlay.plot.getPlotItem().listDataItems()) == 3
    settings = [overlay.differences.item(row, 0).text() for row in range(overlay.differences.rowCount())]
    assert settings == ["steps", "pretext_params.temperature"]
    assert [overlay.figures.item(row, 2).text() for row in range(3)] == ["100", "60", "100"]
    assert not page.action_bar.rename_button.isEnabled()
    assert page.action_bar.compare_button.isEnabled()


@pytest.mark.parametrize("width", [420, 900])
def test_long_names_end_inside_of_the_plot(
    qtbot: QtBot, opened: OpenWindow, page: RunsPage, store: RunStore, width: int
) -> None:
    for name in ("Holiday at the sea with a very long name indeed, and MORE WIDE WORDS", "WWWWWWWWWWWWWWWWWWWWWWWW"):
        make_run(store, name)
    opened.session.runs_changed.emit()
    qtbot.waitUntil(lambda: len(page.list.shown) == 2, timeout=WAIT_MS)
    select_all(page)
    overlay = page.overlay
    qtbot.waitUntil(lambda: len(overlay.drawn_runs) == 2, timeout=WAIT_MS)
    overlay.plot.setFixedWidth(width)

    def are_inside() -> bool:
        box = overlay.plot.getPlotItem().vb.sceneBoundingRect()
        texts = [item for item in overlay.plot.getPlotItem().items if isinstance(item, pg.TextItem)]
        return len(texts) == 2 and all(
            box.left() <= text.sceneBoundingRect().left() and text.sceneBoundingRect().right() <= box.right() + 1
            for text in texts
        )

    qtbot.waitUntil(are_inside, timeout=WAIT_MS)


def test_several_runs_are_deleted_and_brought_back_at_once(
    qtbot: QtBot, opened: OpenWindow, page: RunsPage, three: list[Run]
) -> None:
    page.list.select(three[0].path, three[1].path)
    page.table.setFocus()
    qtbot.keyClick(page.table, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: names(page) == ["Portraits"], timeout=WAIT_MS)
    message = opened.window.message_bar.shown_message
    assert message is not None
    assert "2 runs" in message.text
    opened.session.undo_stack.undo()
    qtbot.waitUntil(lambda: len(page.list.shown) == 3, timeout=WAIT_MS)
    assert [run.record.deleted for run in opened.session.run_store.list()] == ["", "", ""]


def test_comparing_hands_the_models_to_the_page_that_compares(
    qtbot: QtBot, opened: OpenWindow, page: RunsPage, three: list[Run], tiny_photos: TinyPhotos
) -> None:
    photo = sorted(tiny_photos.noisy.iterdir())[0]
    opened.session.set_folders([tiny_photos.noisy])
    opened.session.add_photos([PhotoScanned(path=PhotoRef(photo), width=112, height=96, noise_sigma=0.1)])
    opened.session.set_current_photo(PhotoRef(photo))
    opened.window.show_page("runs")
    page.list.select(three[1].path, three[2].path)
    with qtbot.waitSignal(opened.session.comparison_requested) as asked:
        qtbot.mouseClick(page.action_bar.compare_button, Qt.MouseButton.LeftButton)
    [models] = asked.args
    assert models == (ModelChoice(three[2].path, "Portraits"), ModelChoice(three[1].path, "Night sky"))
    compare = opened.window.current_page
    assert compare.page_id == "compare"
    shown = [choice.path for choice in compare.choices if choice.path is not None]  # type: ignore[attr-defined]
    assert shown == [three[2].path, three[1].path]
    qtbot.waitUntil(lambda: not compare.is_busy and not opened.runner.is_busy, timeout=60_000)  # type: ignore[attr-defined]


@pytest.mark.parametrize("suffix", MODEL_SUFFIXES)
def test_a_model_goes_out_and_comes_back_with_its_card(
    qtbot: QtBot, opened: OpenWindow, page: RunsPage, three: list[Run], tmp_path: Path, suffix: str
) -> None:
    page.select(three[0].path)
    assert page.selected is not None
    target = tmp_path / f"for a friend{suffix}"
    page.export(page.selected, target)
    qtbot.waitUntil(target.exists, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: opened.window.message_bar.shown_message is not None)

    dialog = page.import_file(target)
    assert not dialog.import_button.isEnabled()
    qtbot.waitUntil(lambda: dialog.import_button.isEnabled() or bool(dialog.problem.text()), timeout=WAIT_MS)
    assert dialog.problem.text() == ""
    assert dialog.facts.facts["Name"] == "Holiday"
    assert "a.png" in dialog.facts.facts["Learned from"]
    dialog.name_edit.setText("From a friend")
    qtbot.mouseClick(dialog.import_button, Qt.MouseButton.LeftButton)
    assert not dialog.close_button.isEnabled(), "the run would come all the same"
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert dialog.isVisible()
    qtbot.waitUntil(lambda: "From a friend" in names(page), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: page.selected is not None and page.selected.record.kind == "import", timeout=WAIT_MS)
    assert page.use_button.isEnabled()
    assert not page.action_bar.resume_button.isEnabled()
    qtbot.waitUntil(lambda: page.details.facts.facts.get("Learned from", "") != "", timeout=WAIT_MS)
    opened.session.undo_stack.undo()
    qtbot.waitUntil(lambda: len(page.list.shown) == 3, timeout=WAIT_MS)
    opened.session.undo_stack.redo()
    qtbot.waitUntil(lambda: len(page.list.shown) == 4, timeout=WAIT_MS)


def test_a_broken_model_is_refused_in_the_dialog(
    qtbot: QtBot, page: RunsPage, three: list[Run], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing of the kind")
    assert page.accept_paths([broken])
    dialog = next(child for child in page.findChildren(ImportDialog) if child.isVisible())
    qtbot.waitUntil(lambda: dialog.problem.isVisible(), timeout=WAIT_MS)
    assert "damaged" in dialog.problem.text()
    assert not dialog.import_button.isEnabled()
    qtbot.mouseClick(dialog.close_button, Qt.MouseButton.LeftButton)
    assert len(page.list.shown) == 3


def test_deleted_runs_can_be_brought_back_later_or_removed(
    qtbot: QtBot, opened: OpenWindow, page: RunsPage, three: list[Run], store: RunStore
) -> None:
    for run in three[:2]:
        store.delete(run)
    opened.session.runs_changed.emit()
    dialog = page.show_deleted()
    qtbot.waitUntil(lambda: dialog.list.topLevelItemCount() == 2, timeout=WAIT_MS)
    assert "30 days" in dialog.rule.text()
    assert not dialog.back_button.isEnabled()
    rows = {dialog.list.topLevelItem(row).text(0): dialog.list.topLevelItem(row) for row in range(2)}
    rows["Holiday"].setSelected(True)
    qtbot.mouseClick(dialog.back_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: sorted(names(page)) == ["Holiday", "Portraits"], timeout=WAIT_MS)
    qtbot.waitUntil(lambda: dialog.list.topLevelItemCount() == 1, timeout=WAIT_MS)

    def answer(text: str) -> Callable[[], bool]:
        def click() -> bool:
            boxes = [box for box in dialog.findChildren(QMessageBox) if box.isVisible()]
            control = next(control for control in boxes[0].findChildren(QPushButton) if control.text() == text)
            qtbot.mouseClick(control, Qt.MouseButton.LeftButton)
            return True

        return click

    qtbot.mouseClick(dialog.remove_all_button, Qt.MouseButton.LeftButton)
    answer("Keep")()
    assert len(list_deleted(store)) == 1
    qtbot.mouseClick(dialog.remove_all_button, Qt.MouseButton.LeftButton)
    answer("Remove for good")()
    qtbot.waitUntil(lambda: list_deleted(store) == (), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not dialog.remove_all_button.isEnabled(), timeout=WAIT_MS)
    dialog.accept()


def test_the_selected_run_is_selected_again_at_the_next_start(
    qtbot: QtBot, opened: OpenWindow, page: RunsPage, three: list[Run], settings: Settings
) -> None:
    page.select(three[0].path)
    assert settings.get(LAST_RUN) == str(three[0].path)
    again = RunsPage(opened.session, opened.runner, settings)
    qtbot.addWidget(again)
    assert again.selected is not None
    assert again.selected.path == three[0].path


def test_an_empty_page_says_what_to_do(qtbot: QtBot, opened: OpenWindow, page: RunsPage) -> None:
    buttons = [control for control in page.findChildren(QPushButton) if control.isVisible()]
    assert [control.text() for control in buttons] == ["Pretrain", "Import a model…"]
    qtbot.mouseClick(buttons[0], Qt.MouseButton.LeftButton)
    assert opened.window.current_page.page_id == "pretrain"


def test_rows_are_chosen_with_the_keyboard(qtbot: QtBot, page: RunsPage, three: list[Run]) -> None:
    page.table.setFocus()
    page.list.select(three[2].path)
    qtbot.keyClick(page.table, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert len(page.list.selected) == 2
    flags = QItemSelectionModel.SelectionFlag
    page.table.selectionModel().select(page.table.currentIndex(), flags.ClearAndSelect | flags.Rows)
    assert len(page.list.selected) == 1
    QApplication.processEvents()
