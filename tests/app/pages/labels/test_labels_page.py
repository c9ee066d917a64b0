import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PySide6.QtCore import QMimeData, QPoint, QSize, Qt, QUrl
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QMenu

from app.core.messages import Message
from app.core.session import ModelChoice
from app.core.settings import Settings
from app.pages.labels.burst import BurstForm
from app.pages.labels.decisions import LabelDecisions, recall_decisions, store_decisions
from app.pages.labels.entries import LabelEntry, MatchRequest, entries_of, is_used, match_labels, used_pairs
from app.pages.labels.matching import closest_names
from app.pages.labels.page import LabelsPage
from engine.contracts.events import PhotoScanned
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.models.starters import list_starters
from engine.photo_files.photos import PhotoImage, read_image, write_image
from tests.app.conftest import open_photos

PAGE_OF_SMALLEST_WINDOW = QSize(880, 450)


@pytest.fixture
def page(qtbot, session, runner, settings):
    page = LabelsPage(session, runner, settings)
    # Before the page goes: what a job says last still reaches it.
    qtbot.addWidget(page, before_close_func=lambda _: end_jobs(qtbot, runner))
    page.resize(1000, 640)
    page.show()
    qtbot.waitExposed(page)
    yield page
    page.content.pair_view.shut_down()


def end_jobs(qtbot, runner):
    runner.cancel_all()
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=60_000)


@pytest.fixture
def references(tmp_path, tiny_photos):
    """Three sound references, one of another size, one without a noisy photo."""
    folder = tmp_path / "clean"
    folder.mkdir()
    for index in (0, 1, 2):
        shutil.copy(tiny_photos.clean / f"photo {index}.png", folder / f"photo {index}.png")
    cv2.imwrite(str(folder / "photo 3.png"), np.full((48, 56, 3), 128, np.uint8))
    shutil.copy(tiny_photos.clean / "photo 5.png", folder / "quite another scene.png")
    return folder


def wait_for_match(qtbot, page, runner, num_rows):
    """Until all is matched and the doctor has seen it."""

    def is_settled():
        return page.model.rowCount() == num_rows and not runner.is_busy and not page._match_later.isActive()

    qtbot.waitUntil(is_settled, timeout=20_000)


def names_used(session):
    return [pair.noisy.name for pair in session.label_pairs]


def row_of(page, name):
    return next(row for row, entry in enumerate(page.model.entries) if entry.main_photo.name == name)


def choose_in_menu(page, text):
    """Click the button that corrects a match, and what its menu offers."""
    before = set(page.findChildren(QMenu))
    QTest.mouseClick(page.content.pair_view.facts.match_button, Qt.MouseButton.LeftButton)
    (menu,) = set(page.findChildren(QMenu)) - before
    action = next(action for action in menu.actions() if action.text() == text)
    action.trigger()
    menu.close()
    menu.deleteLater()


def click_box(page, row):
    rect = page.content.list.visualRect(page.model.index(row))
    box = page.content.list.itemDelegate().box_rect(rect)
    QTest.mouseClick(
        page.content.list.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, box.center()
    )


def test_references_are_matched_by_name(qtbot, page, session, runner, tiny_photos, references):
    statuses = []
    page.rail_status_changed.connect(statuses.append)
    open_photos(session, tiny_photos.noisy)
    page.add_references([references])
    wait_for_match(qtbot, page, runner, 5)
    assert [entry.is_doubtful for entry in page.model.entries] == [True, False, False, False, False]
    assert "sizes differ" in page.model.entries[0].reason
    assert page.model.entries[4].clean.name == "quite another scene.png"
    assert "No noisy photo" in page.model.entries[4].reason
    assert [pair.noisy.name for pair in session.label_pairs] == ["photo 0.png", "photo 1.png", "photo 2.png"]
    qtbot.waitUntil(lambda: "3\N{NO-BREAK SPACE}pairs used" in page.content.summary.whole_text)
    assert "1 doubtful, set aside" in page.content.summary.whole_text
    assert page.content.primary.text() == "Fine-tune with 3\N{NO-BREAK SPACE}labels"
    assert statuses[-1] == "3"
    with qtbot.waitSignal(page.page_requested) as requested:
        page.content.primary.click()
    assert requested.args == ["finetune"]


def test_box_takes_a_pair_out_and_undo_takes_it_back(qtbot, page, session, runner, tiny_photos, references):
    open_photos(session, tiny_photos.noisy)
    page.add_references([references])
    wait_for_match(qtbot, page, runner, 5)
    click_box(page, 1)
    assert [pair.noisy.name for pair in session.label_pairs] == ["photo 1.png", "photo 2.png"]
    click_box(page, 4)
    assert len(session.label_pairs) == 2
    session.undo_stack.undo()
    assert len(session.label_pairs) == 3


def test_doubtful_pair_is_used_with_one_click(qtbot, page, session, runner, tiny_photos, references):
    open_photos(session, tiny_photos.noisy)
    page.add_references([references])
    wait_for_match(qtbot, page, runner, 5)
    page.content.list.setCurrentIndex(page.model.index(0))
    assert page.content.pair_view.facts.use_button.text() == "Use it anyway"
    QTest.mouseClick(page.content.pair_view.facts.use_button, Qt.MouseButton.LeftButton)
    assert "photo 3.png" in [pair.noisy.name for pair in session.label_pairs]
    assert page.content.pair_view.facts.use_button.text() == "Set this pair aside"


def test_chosen_pair_is_looked_at(qtbot, page, session, runner, tiny_photos, references):
    open_photos(session, tiny_photos.noisy)
    page.add_references([references])
    wait_for_match(qtbot, page, runner, 5)
    qtbot.waitUntil(lambda: page.content.pair_view.findings != [])
    assert "sizes differ" in page.content.pair_view.findings[0]
    page.content.list.setCurrentIndex(page.model.index(1))
    assert any("PSNR" in finding for finding in page.content.pair_view.findings)
    qtbot.waitUntil(lambda: not page.content.pair_view.viewer.is_busy)
    (view,) = page.content.pair_view.viewer.pane_views
    assert [layer.label for layer in view.canvas.layers] == ["Noisy", "Reference"]
    assert view.canvas.split_handle.isVisible()


def test_doctor_sets_doubtful_pairs_aside_with_a_reason(qtbot, page, session, runner, tiny_photos, tmp_path):
    folder = tmp_path / "suspicious"
    folder.mkdir()
    shutil.copy(tiny_photos.noisy / "photo 0.png", folder / "photo 0.png")
    clean = cv2.imread(str(tiny_photos.clean / "photo 1.png"))
    cv2.imwrite(str(folder / "photo 1.png"), (255 * (clean / 255.0) ** 2.5).astype(np.uint8))
    shutil.copy(tiny_photos.clean / "photo 2.png", folder / "photo 2.png")
    open_photos(session, tiny_photos.noisy)
    page.add_references([folder])
    wait_for_match(qtbot, page, runner, 3)
    assert names_used(session) == ["photo 2.png"]
    assert "same picture" in page.model.entries[row_of(page, "photo 0.png")].reason
    assert "tones differ" in page.model.entries[row_of(page, "photo 1.png")].reason
    page.content.list.setCurrentIndex(page.model.index(row_of(page, "photo 1.png")))
    assert any("tones differ" in finding for finding in page.content.pair_view.findings)
    QTest.mouseClick(page.content.pair_view.facts.use_button, Qt.MouseButton.LeftButton)
    assert names_used(session) == ["photo 1.png", "photo 2.png"]
    assert any("although it is doubtful" in finding for finding in page.content.pair_view.findings)
    session.undo_stack.undo()
    assert names_used(session) == ["photo 2.png"]


def test_a_reference_of_another_exposure_is_fitted_and_keeps_its_own_brightness_on_request(
    qtbot, page, session, runner, settings, tiny_photos, tmp_path
):
    folder = tmp_path / "darker"
    folder.mkdir()
    clean = cv2.imread(str(tiny_photos.clean / "photo 1.png"))
    cv2.imwrite(str(folder / "photo 1.png"), (clean * 0.6).astype(np.uint8))
    shutil.copy(tiny_photos.clean / "photo 2.png", folder / "photo 2.png")
    before = (folder / "photo 1.png").read_bytes()
    open_photos(session, tiny_photos.noisy)
    page.add_references([folder])
    wait_for_match(qtbot, page, runner, 2)
    assert names_used(session) == ["photo 1.png", "photo 2.png"]
    assert not session.unfitted_labels
    row = row_of(page, "photo 1.png")
    assert page.model.entries[row].reason == ""
    page.content.list.setCurrentIndex(page.model.index(row))
    facts = page.content.pair_view.facts
    (told,) = [finding for finding in page.content.pair_view.findings if "fitted to the noisy photo" in finding]
    # The photo is brighter than its reference by 1 / 0.6.
    assert "gain 1.6" in told
    assert facts.fit_button.isVisible()
    assert facts.fit_button.text() == "Keep its own brightness"
    QTest.mouseClick(facts.fit_button, Qt.MouseButton.LeftButton)
    assert [path.name for path in session.unfitted_labels] == ["photo 1.png"]
    assert any("keeps its own brightness" in finding for finding in page.content.pair_view.findings)
    assert not [finding for finding in page.content.pair_view.findings if "fitted to the noisy photo" in finding]
    assert facts.fit_button.text() == "Fit its brightness"
    assert recall_decisions(settings, session.folders).unfitted == session.unfitted_labels
    session.undo_stack.undo()
    assert not session.unfitted_labels
    assert facts.fit_button.text() == "Keep its own brightness"
    page.content.list.setCurrentIndex(page.model.index(row_of(page, "photo 2.png")))
    assert not facts.fit_button.isVisible()
    assert (folder / "photo 1.png").read_bytes() == before


def test_a_pair_only_measures_on_request(qtbot, page, session, runner, settings, tiny_photos, references):
    open_photos(session, tiny_photos.noisy)
    page.add_references([references])
    wait_for_match(qtbot, page, runner, 5)
    page.content.list.setCurrentIndex(page.model.index(row_of(page, "photo 1.png")))
    facts = page.content.pair_view.facts
    assert facts.measure_button.text() == "Measure only"
    QTest.mouseClick(facts.measure_button, Qt.MouseButton.LeftButton)
    assert [path.name for path in session.measuring_labels] == ["photo 1.png"]
    assert names_used(session) == ["photo 0.png", "photo 1.png", "photo 2.png"]
    assert any("only measures" in finding for finding in page.content.pair_view.findings)
    assert facts.measure_button.text() == "Teach with it"
    assert "1 only measures" in page.content.summary.whole_text
    assert page.content.primary.text() == "Fine-tune with 2\N{NO-BREAK SPACE}labels"
    assert recall_decisions(settings, session.folders).measuring == session.measuring_labels
    session.undo_stack.undo()
    assert not session.measuring_labels
    page.content.list.setCurrentIndex(page.model.index(0))
    assert not facts.measure_button.isVisible()


def test_what_is_looked_at_stays_chosen_when_the_doctor_sorts_the_rows(
    qtbot, page, session, runner, tiny_photos, tmp_path
):
    folder = tmp_path / "clean"
    shutil.copytree(tiny_photos.clean, folder)
    shutil.copy(tiny_photos.noisy / "photo 5.png", folder / "photo 5.png")
    open_photos(session, tiny_photos.noisy)
    page.add_references([folder])
    qtbot.waitUntil(lambda: page.model.rowCount() == 8)
    page.content.list.setCurrentIndex(page.model.index(row_of(page, "photo 2.png")))
    wait_for_match(qtbot, page, runner, 8)
    assert row_of(page, "photo 5.png") == 0
    assert page.content.list.chosen_entry.main_photo.name == "photo 2.png"


def test_shifted_reference_is_aligned_into_the_data_folder(
    qtbot, page, session, runner, tiny_photos, tmp_path, user_data
):
    folder = tmp_path / "clean"
    folder.mkdir()
    clean = cv2.imread(str(tiny_photos.clean / "photo 0.png"))
    cv2.imwrite(str(folder / "photo 0.png"), np.roll(clean, (2, 3), (0, 1)))
    original = (folder / "photo 0.png").read_bytes()
    messages = []
    page.message_raised.connect(messages.append)
    open_photos(session, tiny_photos.noisy)
    page.add_references([folder])
    wait_for_match(qtbot, page, runner, 1)
    assert session.label_pairs == ()
    assert page.content.align_button.isVisible()
    QTest.mouseClick(page.content.pair_view.facts.align_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(session.label_pairs) == 1, timeout=20_000)
    copy = session.label_pairs[0].clean.file
    assert copy.is_relative_to(user_data)
    assert (folder / "photo 0.png").read_bytes() == original
    assert list(folder.iterdir()) == [folder / "photo 0.png"]
    assert "aligned" in messages[-1].text
    other = PhotoRef(tiny_photos.noisy / "photo 1.png")
    page.choose_match(other, None)
    messages[-1].action()
    qtbot.waitUntil(lambda: page.model.entries[0].clean == PhotoRef(folder / "photo 0.png"), timeout=20_000)
    assert page.decisions == LabelDecisions().with_match(other, None), "what followed stays"


def test_what_is_aligned_stays_with_its_folder_when_another_is_opened_meanwhile(
    qtbot, page, session, runner, settings, tiny_photos, tmp_path, user_data
):
    other, clean = tmp_path / "other", tmp_path / "clean"
    other.mkdir()
    clean.mkdir()
    shutil.copy(tiny_photos.noisy / "photo 7.png", other)
    picture = cv2.imread(str(tiny_photos.clean / "photo 0.png"))
    cv2.imwrite(str(clean / "photo 0.png"), np.roll(picture, (2, 3), (0, 1)))
    messages = []
    page.message_raised.connect(messages.append)
    open_photos(session, tiny_photos.noisy)
    page.add_references([clean])
    wait_for_match(qtbot, page, runner, 1)
    QTest.mouseClick(page.content.pair_view.facts.align_button, Qt.MouseButton.LeftButton)
    assert page.jobs.is_busy("align")
    open_photos(session, other)
    qtbot.waitUntil(lambda: not runner.is_busy and not page._match_later.isActive(), timeout=20_000)
    assert page.decisions == LabelDecisions()
    assert session.label_pairs == ()
    assert recall_decisions(settings, [other]) == LabelDecisions()
    assert not any("aligned" in message.text for message in messages)
    # There it is, where its folder is opened again.
    open_photos(session, tiny_photos.noisy)
    qtbot.waitUntil(lambda: len(session.label_pairs) == 1, timeout=20_000)
    (pair,) = session.label_pairs
    assert pair.noisy == PhotoRef(tiny_photos.noisy / "photo 0.png")
    assert pair.clean.file.is_relative_to(user_data)


def test_closed_references_are_brought_back_beside_those_that_were_added_since(page, session, tiny_photos, references):
    messages = []
    page.message_raised.connect(messages.append)
    open_photos(session, tiny_photos.noisy)
    page.add_references([references, tiny_photos.clean])
    page.content.reference_closed.emit(references)
    page.add_references([references.parent])
    messages[-1].action()
    assert session.references == (references, tiny_photos.clean, references.parent)


def test_match_is_corrected_by_menu_and_undone(qtbot, page, session, runner, tiny_photos, references):
    open_photos(session, tiny_photos.noisy)
    page.add_references([references])
    wait_for_match(qtbot, page, runner, 5)
    page.content.list.setCurrentIndex(page.model.index(row_of(page, "photo 1.png")))
    choose_in_menu(page, "No reference")
    qtbot.waitUntil(lambda: names_used(session) == ["photo 0.png", "photo 2.png"], timeout=20_000)
    wait_for_match(qtbot, page, runner, 5)
    page.content.list.setCurrentIndex(page.model.index(row_of(page, "quite another scene.png")))
    choose_in_menu(page, "photo 5.png")
    qtbot.waitUntil(lambda: "photo 5.png" in names_used(session), timeout=20_000)
    pair = next(pair for pair in session.label_pairs if pair.noisy.name == "photo 5.png")
    assert pair.clean.name == "quite another scene.png"
    wait_for_match(qtbot, page, runner, 5)
    entry = page.model.entries[row_of(page, "photo 5.png")]
    assert entry.is_by_hand
    session.undo_stack.undo()
    session.undo_stack.undo()
    qtbot.waitUntil(lambda: names_used(session) == ["photo 0.png", "photo 1.png", "photo 2.png"], timeout=20_000)


def test_another_reference_is_chosen_from_a_file(qtbot, page, session, runner, tiny_photos, references, monkeypatch):
    open_photos(session, tiny_photos.noisy)
    page.add_references([references])
    wait_for_match(qtbot, page, runner, 5)
    other = tiny_photos.clean / "photo 3.png"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(other), ""))
    page.content.list.setCurrentIndex(page.model.index(row_of(page, "photo 3.png")))
    choose_in_menu(page, "Choose a file…")
    qtbot.waitUntil(lambda: "photo 3.png" in names_used(session), timeout=20_000)
    assert next(pair for pair in session.label_pairs if pair.noisy.name == "photo 3.png").clean == PhotoRef(other)
    # The reference that its name pointed to stands alone now.
    wait_for_match(qtbot, page, runner, 6)
    choose_in_menu(page, "As the names say")
    qtbot.waitUntil(lambda: "photo 3.png" not in names_used(session), timeout=20_000)


def test_references_come_as_files_too(qtbot, page, session, runner, tiny_photos, monkeypatch):
    open_photos(session, tiny_photos.noisy)
    files = [str(tiny_photos.clean / f"photo {index}.png") for index in (1, 4)]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (files, ""))
    page.add_references([tiny_photos.clean / "photo 0.png"])
    next(action for action in page.content.add_button.menu().actions() if action.text() == "Files…").trigger()
    qtbot.waitUntil(lambda: names_used(session) == ["photo 0.png", "photo 1.png", "photo 4.png"], timeout=20_000)


def test_files_that_are_no_photos_become_no_references(qtbot, page, session, tiny_photos, tmp_path):
    open_photos(session, tiny_photos.noisy)
    notes = tmp_path / "notes.txt"
    notes.write_text("taken on Monday")
    clean = tiny_photos.clean / "photo 0.png"
    with qtbot.waitSignal(page.message_raised) as told:
        assert page.accept_paths([notes, clean])
    assert told.args[0].text == "notes.txt is no photo that can be read."
    assert session.references == (clean,)


def test_files_that_are_no_photos_become_no_shots(qtbot, page, tiny_photos, tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("taken on Monday")
    shot = tiny_photos.noisy / "photo 0.png"
    page.show_burst_form()
    for drop in (page.accept_paths, page.burst_form.list.dropped.emit):
        page.burst_form.clear()
        with qtbot.waitSignal(page.message_raised):
            drop([notes, shot])
        assert page.burst_form.shots == (PhotoRef(shot),)


def test_suggestions_say_why_and_what_has_a_reference(qtbot, page, session, runner, tiny_photos):
    assert not page.first_suggest.isEnabled()
    starter = next(starter for starter in list_starters() if starter.task == "denoise")
    session.set_model(ModelChoice(starter.path, starter.title))
    open_photos(session, tiny_photos.noisy)
    page.content.suggestion_count.setValue(3)
    QTest.mouseClick(page.first_suggest, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not page.content.suggest_button.isEnabled())
    rows = page.content.suggestion_list.model()
    qtbot.waitUntil(lambda: rows.rowCount() == 3, timeout=120_000)
    assert page.content.suggestion_list.isVisible()
    entry = page.content.suggestion_list.chosen_entry
    assert "levels" in page.content.pair_view.findings[0]
    assert "no reference yet" in page.content.pair_view.findings[1]
    page.add_references([tiny_photos.clean / entry.noisy.name])
    qtbot.waitUntil(lambda: page.content.suggestion_list.chosen_entry.is_pair, timeout=20_000)
    assert page.content.suggestion_list.chosen_entry.noisy == entry.noisy
    assert names_used(session) == [entry.noisy.name]


def make_burst(folder, scene, num_shots=5):
    folder.mkdir()
    for index in range(num_shots):
        noise = np.random.default_rng(index).normal(0, 0.05, scene.shape).astype(np.float32)
        write_image(folder / f"shot {index}.png", PhotoImage(np.clip(scene + noise, 0, 1)))


def test_burst_becomes_labels_and_can_be_undone(qtbot, page, session, runner, tiny_photos, tmp_path):
    make_burst(tmp_path / "burst", read_image(tiny_photos.clean / "photo 0.png").pixels)
    messages: list[Message] = []
    page.message_raised.connect(messages.append)
    open_photos(session, tiny_photos.noisy)
    page.show_burst_form()
    form = page.burst_form
    assert not form.primary.isEnabled()
    assert page.accept_paths([tmp_path / "burst"])
    assert len(form.shots) == 5
    form.set_destination(tmp_path / "references")
    QTest.mouseClick(form.primary, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(session.label_pairs) == 5, timeout=30_000)
    assert {pair.clean.file for pair in session.label_pairs} == set((tmp_path / "references").iterdir())
    assert page.content.isVisible()
    assert "5 shots" in messages[-1].text
    assert form.shots == ()
    wait_for_match(qtbot, page, runner, 5)
    assert page.content.list.chosen_entry.main_photo.name == "shot 0.png"
    session.undo_stack.undo()
    qtbot.waitUntil(lambda: session.label_pairs == (), timeout=20_000)


def test_the_next_burst_is_kept_where_one_ends(qtbot, page, session, runner, tiny_photos, tmp_path):
    for index in range(2):
        make_burst(tmp_path / f"burst {index}", read_image(tiny_photos.clean / f"photo {index}.png").pixels)
    open_photos(session, tiny_photos.noisy)
    page.show_burst_form()
    form = page.burst_form
    form.set_destination(tmp_path / "references")
    page.accept_paths([tmp_path / "burst 0"])
    QTest.mouseClick(form.primary, Qt.MouseButton.LeftButton)
    form.list.selectAll()
    QTest.mouseClick(form.remove_button, Qt.MouseButton.LeftButton)
    page.accept_paths([tmp_path / "burst 1"])
    qtbot.waitUntil(lambda: len(session.label_pairs) == 5, timeout=30_000)
    assert {shot.file.parent.name for shot in form.shots} == {"burst 1"}
    assert form.isVisible()
    qtbot.waitUntil(form.primary.isEnabled)
    QTest.mouseClick(form.primary, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(session.label_pairs) == 10, timeout=30_000)
    assert form.shots == ()
    assert page.content.isVisible()


def test_burst_form_takes_drops_and_removes_shots(qtbot, settings, session, page, tmp_path, tiny_photos):
    form: BurstForm = page.burst_form
    page.show_burst_form()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in sorted(tiny_photos.noisy.iterdir())[:4]])
    form.list.dropped.emit([Path(url.toLocalFile()) for url in data.urls()])
    assert len(form.shots) == 4
    assert form.destination == tiny_photos.noisy.with_name("noisy references")
    qtbot.waitUntil(lambda: not form.list.item(0).icon().isNull(), timeout=20_000)
    form.list.item(1).setSelected(True)
    QTest.mouseClick(form.remove_button, Qt.MouseButton.LeftButton)
    assert [path.name for path in form.shots] == ["photo 0.png", "photo 2.png", "photo 3.png"]
    form.list.item(0).setSelected(True)
    QTest.mouseClick(form.remove_button, Qt.MouseButton.LeftButton)
    assert not form.primary.isEnabled()
    assert "at least 3" in form.primary.toolTip()


def test_the_pages_of_a_stack_are_the_shots_of_a_burst(page, tmp_path, tiny_photos):
    frames = np.random.default_rng(0).integers(90, 400, (30, 24, 32), np.uint16)
    tifffile.imwrite(tmp_path / "series.tif", frames, photometric="minisblack")
    form: BurstForm = page.burst_form
    page.show_burst_form()
    form.add_shots([tmp_path / "series.tif"])
    assert [shot.page for shot in form.shots] == list(range(1, 31))
    assert form.primary.isEnabled()
    form.clear()
    form.add_shots([tmp_path])
    assert len(form.shots) == 30


@pytest.mark.parametrize("task", ["sr2", "demosaick"])
def test_labels_made_of_clean_photos_are_shown(qtbot, page, session, runner, tiny_photos, references, task):
    open_photos(session, tiny_photos.noisy)
    page.add_references([references])
    wait_for_match(qtbot, page, runner, 5)
    view = page.content.pair_view
    page.content.list.setCurrentIndex(page.model.index(row_of(page, "quite another scene.png")))
    view.task_choice.setCurrentIndex(view.task_choice.findData(task))
    qtbot.waitUntil(lambda: [pane.title for pane in view.viewer.panes] == ["Made of it", "Reference"], timeout=60_000)
    made, clean = view.viewer.panes
    assert made.pixels.shape == ((48, 54, 3) if task == "sr2" else (*clean.pixels.shape[:2], 1))
    # What it is made of can be read in the smallest window too.
    page.resize(PAGE_OF_SMALLEST_WINDOW)
    note = view.task_note
    assert "no noisy photo is needed" in note.text()
    qtbot.waitUntil(lambda: note.height() >= note.heightForWidth(note.width()) > 0)
    view.task_choice.setCurrentIndex(0)
    qtbot.waitUntil(lambda: len(view.viewer.panes) == 1, timeout=20_000)


def test_decisions_are_kept_by_folder_and_outdated_references_forgotten(settings, tmp_path):
    folders = (tmp_path / "a", tmp_path / "b")
    (tmp_path / "clean.png").touch()
    clean = PhotoRef(tmp_path / "clean.png")
    inside, outside = PhotoRef(folders[1] / "1.png"), PhotoRef(tmp_path / "2.png")
    decisions = LabelDecisions().with_match(inside, clean).with_match(outside, PhotoRef(tmp_path / "gone.png"))
    decisions = (
        decisions.with_match(PhotoRef(folders[0] / "3.png"), None).with_use(inside, True).with_use(outside, False)
    )
    store_decisions(settings, folders, decisions)
    assert recall_decisions(settings, folders[1:]).matches == {inside: clean}
    recalled = recall_decisions(settings, folders)
    assert recalled.matches == {inside: clean, PhotoRef(folders[0] / "3.png"): None}
    assert (recalled.used, recalled.aside) == ({inside}, {outside})
    again = recalled.with_match(inside, None)
    assert inside not in again.used
    assert again.without_match(inside).matches == {PhotoRef(folders[0] / "3.png"): None}


def test_a_match_with_a_page_of_a_file_is_remembered_while_the_file_is_there(settings, tmp_path):
    stack = tmp_path / "stack.tif"
    tifffile.imwrite(stack, np.zeros((3, 16, 16), np.uint16), photometric="minisblack")
    noisy = PhotoRef(tmp_path / "photos" / "noisy.tif", 2)
    store_decisions(settings, [tmp_path / "photos"], LabelDecisions().with_match(noisy, PhotoRef(stack, 3)))
    settings.save()
    again = Settings(tmp_path / "settings.json")
    assert recall_decisions(again, [tmp_path / "photos"]).matches == {noisy: PhotoRef(stack, 3)}
    stack.unlink()
    assert recall_decisions(again, [tmp_path / "photos"]).matches == {}


def test_a_page_is_remembered_as_a_reference(qtbot, page, session, runner, tiny_photos, tmp_path):
    stack = tmp_path / "photo 0.tif"
    tifffile.imwrite(stack, np.zeros((2, 96, 112), np.uint16), photometric="minisblack")
    open_photos(session, tiny_photos.noisy)
    page.add_references([PhotoRef(stack, 2)])
    session.set_folders([])
    open_photos(session, tiny_photos.noisy)
    assert session.references == (PhotoRef(stack, 2),)


def test_decisions_and_suggestions_of_a_closed_folder_go_with_it(
    qtbot, page, session, runner, tiny_photos, references, settings, tmp_path
):
    other = tmp_path / "other"
    other.mkdir()
    open_photos(session, tiny_photos.noisy)
    page.add_references([references])
    wait_for_match(qtbot, page, runner, 5)
    page.choose_match(PhotoRef(tiny_photos.noisy / "photo 1.png"), None)
    session.set_folders([other])
    assert page.decisions == LabelDecisions()
    page.choose_match(PhotoRef(other / "new.png"), None)
    assert recall_decisions(settings, [other]).matches == {PhotoRef(other / "new.png"): None}
    assert recall_decisions(settings, [tiny_photos.noisy]).matches == {
        PhotoRef(tiny_photos.noisy / "photo 1.png"): None
    }


def test_undo_leaves_the_decisions_of_a_folder_alone_that_was_opened_since(
    qtbot, page, session, tiny_photos, settings, tmp_path
):
    other = tmp_path / "other"
    other.mkdir()
    here, there = PhotoRef(tiny_photos.noisy / "photo 1.png"), PhotoRef(other / "photo 2.png")
    remembered = LabelDecisions().with_match(there, None).with_use(there, False)
    remembered = remembered.with_fit(there, False).with_measuring(there, True)
    store_decisions(settings, [other], remembered)
    open_photos(session, tiny_photos.noisy)
    page.choose_match(here, None)
    session.extend_folders([other])
    assert page.decisions.matches == {here: None, there: None}
    session.undo_stack.undo()
    assert page.decisions == recall_decisions(settings, [other]) == remembered
    session.undo_stack.redo()
    assert page.decisions == remembered.with_match(here, None)
    assert recall_decisions(settings, [tiny_photos.noisy]) == LabelDecisions().with_match(here, None)


def test_the_closest_names_are_offered_first():
    names = [*(f"scene {number}.png" for number in range(40)), "IMG_0012_gt.tif"]
    offered = closest_names("IMG_0012", [PhotoRef(Path("/x", name)) for name in names])
    assert len(offered) == 12
    assert PhotoRef(Path("/x/IMG_0012_gt.tif")) in offered


def test_each_missing_input_has_its_button(qtbot, page, session, runner, tiny_photos, references):
    with qtbot.waitSignal(page.page_requested) as requested:
        page._no_photos.action_button.click()
    assert requested.args == ["photos"]
    assert not page.accept_paths([references])
    open_photos(session, tiny_photos.noisy)
    assert not page.content.list.isVisible()
    assert page.accept_paths([references])
    wait_for_match(qtbot, page, runner, 5)
    assert page.content.list.isVisible()


def test_photos_that_arrive_later_are_matched_too(qtbot, page, session, runner, tiny_photos, references):
    paths = sorted(tiny_photos.noisy.iterdir())
    session.set_folders([tiny_photos.noisy])
    session.add_photos([PhotoScanned(path=PhotoRef(paths[0]), width=112, height=96, noise_sigma=None)])
    page.add_references([references])
    qtbot.waitUntil(lambda: len(session.label_pairs) == 1)
    session.add_photos([PhotoScanned(path=PhotoRef(path), width=112, height=96, noise_sigma=None) for path in paths])
    qtbot.waitUntil(lambda: len(session.label_pairs) == 3)
    session.set_excluded([PhotoRef(paths[1])])
    qtbot.waitUntil(lambda: len(session.label_pairs) == 2)


def test_references_and_decisions_are_remembered(qtbot, page, session, runner, settings, tiny_photos, references):
    open_photos(session, tiny_photos.noisy)
    page.add_references([references])
    wait_for_match(qtbot, page, runner, 5)
    click_box(page, 2)
    session.set_folders([])
    assert session.references == ()
    assert session.label_pairs == ()
    open_photos(session, tiny_photos.noisy)
    assert session.references == (references,)
    wait_for_match(qtbot, page, runner, 5)
    assert [pair.noisy.name for pair in session.label_pairs] == ["photo 0.png", "photo 2.png"]


def test_missing_reference_folder_is_told(qtbot, page, session, runner, tiny_photos, tmp_path):
    failures = []
    runner.job_submitted.connect(lambda job: job.failed.connect(failures.append))
    open_photos(session, tiny_photos.noisy)
    page.add_references([tmp_path / "not there"])
    qtbot.waitUntil(lambda: failures != [])
    assert failures[0].is_expected


def test_matching_as_a_job(tiny_photos, references):
    noisy = tuple(sorted(tiny_photos.noisy.iterdir()))
    events = []
    matching = match_labels(MatchRequest(noisy=noisy, references=(references,)), JobControl(), events.append)
    entries = entries_of(matching, LabelDecisions(), {})
    assert len(entries) == 5
    assert events[-1].step == events[-1].num_steps
    doubtful = entries[0]
    assert len(used_pairs(entries, LabelDecisions())) == 3
    assert len(used_pairs(entries, LabelDecisions().with_use(doubtful.noisy, True))) == 4
    assert not is_used(LabelEntry(clean=PhotoRef(references / "x.png")), LabelDecisions())


def test_space_toggles_the_chosen_pair(qtbot, page, session, runner, tiny_photos, references):
    open_photos(session, tiny_photos.noisy)
    page.add_references([references])
    wait_for_match(qtbot, page, runner, 5)
    page.content.list.setCurrentIndex(page.model.index(1))
    QTest.keyClick(page.content.list, Qt.Key.Key_Space)
    assert len(session.label_pairs) == 2
    QTest.mouseMove(page.content.list.viewport(), QPoint(5, 5))
