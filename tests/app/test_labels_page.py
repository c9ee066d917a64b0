import shutil

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from app.pages.label_entries import LabelEntry, MatchRequest, entries_of, is_used, match_labels, used_pairs
from app.pages.labels import LabelsPage
from engine.events import PhotoScanned
from engine.job_control import JobControl


@pytest.fixture
def page(qtbot, session, runner, settings):
    page = LabelsPage(session, runner, settings)
    qtbot.addWidget(page)
    page.resize(1000, 640)
    page.show()
    qtbot.waitExposed(page)
    yield page
    page.pair_view.shut_down()


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


def open_photos(session, folder):
    session.set_folders([folder])
    session.add_photos(
        [PhotoScanned(path=path, width=112, height=96, noise_sigma=0.1) for path in sorted(folder.iterdir())]
    )


def wait_for_match(qtbot, page, runner, num_rows):
    qtbot.waitUntil(lambda: page.model.rowCount() == num_rows and not runner.is_busy, timeout=10_000)


def click_box(page, row):
    rect = page.list.visualRect(page.model.index(row))
    box = page.list.itemDelegate().box_rect(rect)
    QTest.mouseClick(page.list.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, box.center())


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
    qtbot.waitUntil(lambda: "3\N{NO-BREAK SPACE}pairs used" in page.summary.whole_text)
    assert "1 doubtful, set aside" in page.summary.whole_text
    assert page.primary.text() == "Fine-tune with 3\N{NO-BREAK SPACE}labels"
    assert statuses[-1] == "3"
    with qtbot.waitSignal(page.page_requested) as requested:
        page.primary.click()
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
    page.list.setCurrentIndex(page.model.index(0))
    assert page.pair_view.use_button.text() == "Use it anyway"
    QTest.mouseClick(page.pair_view.use_button, Qt.MouseButton.LeftButton)
    assert "photo 3.png" in [pair.noisy.name for pair in session.label_pairs]
    assert page.pair_view.use_button.text() == "Set this pair aside"


def test_chosen_pair_is_looked_at(qtbot, page, session, runner, tiny_photos, references):
    open_photos(session, tiny_photos.noisy)
    page.add_references([references])
    wait_for_match(qtbot, page, runner, 5)
    qtbot.waitUntil(lambda: page.pair_view.findings != [])
    assert "sizes differ" in page.pair_view.findings[0]
    page.list.setCurrentIndex(page.model.index(1))
    qtbot.waitUntil(lambda: any("PSNR" in finding for finding in page.pair_view.findings))
    qtbot.waitUntil(lambda: not page.pair_view.viewer.is_busy)
    (view,) = page.pair_view.viewer.pane_views
    assert [layer.label for layer in view.canvas.layers] == ["Noisy", "Reference"]
    assert view.canvas.split_handle.isVisible()


def test_same_picture_and_exposure_are_found_out(qtbot, page, session, runner, tiny_photos, tmp_path):
    folder = tmp_path / "suspicious"
    folder.mkdir()
    shutil.copy(tiny_photos.noisy / "photo 0.png", folder / "photo 0.png")
    clean = cv2.imread(str(tiny_photos.clean / "photo 1.png"))
    cv2.imwrite(str(folder / "photo 1.png"), (clean * 0.6).astype(np.uint8))
    open_photos(session, tiny_photos.noisy)
    page.add_references([folder])
    wait_for_match(qtbot, page, runner, 2)
    page.list.setCurrentIndex(page.model.index(0))
    qtbot.waitUntil(lambda: any("same picture" in finding for finding in page.pair_view.findings))
    page.list.setCurrentIndex(page.model.index(1))
    qtbot.waitUntil(lambda: any("darker" in finding for finding in page.pair_view.findings))


def test_each_missing_input_has_its_button(qtbot, page, session, runner, tiny_photos, references):
    with qtbot.waitSignal(page.page_requested) as requested:
        page._no_photos.action_button.click()
    assert requested.args == ["photos"]
    assert not page.accept_paths([references])
    open_photos(session, tiny_photos.noisy)
    assert not page.list.isVisible()
    assert page.accept_paths([references])
    wait_for_match(qtbot, page, runner, 5)
    assert page.list.isVisible()


def test_photos_that_arrive_later_are_matched_too(qtbot, page, session, runner, tiny_photos, references):
    paths = sorted(tiny_photos.noisy.iterdir())
    session.set_folders([tiny_photos.noisy])
    session.add_photos([PhotoScanned(path=paths[0], width=112, height=96, noise_sigma=None)])
    page.add_references([references])
    qtbot.waitUntil(lambda: len(session.label_pairs) == 1)
    session.add_photos([PhotoScanned(path=path, width=112, height=96, noise_sigma=None) for path in paths])
    qtbot.waitUntil(lambda: len(session.label_pairs) == 3)
    session.set_excluded([paths[1]])
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
    entries = entries_of(matching)
    assert len(entries) == 5
    assert events[-1].step == events[-1].num_steps
    doubtful = entries[0]
    assert len(used_pairs(entries, frozenset())) == 3
    assert len(used_pairs(entries, frozenset({doubtful.noisy}))) == 4
    assert not is_used(LabelEntry(clean=references / "x.png"), frozenset())


def test_space_toggles_the_chosen_pair(qtbot, page, session, runner, tiny_photos, references):
    open_photos(session, tiny_photos.noisy)
    page.add_references([references])
    wait_for_match(qtbot, page, runner, 5)
    page.list.setCurrentIndex(page.model.index(1))
    QTest.keyClick(page.list, Qt.Key.Key_Space)
    assert len(session.label_pairs) == 2
    QTest.mouseMove(page.list.viewport(), QPoint(5, 5))
