"""The residual inspector in the real window: opened by shortcut and by request, plots, matrix, failures."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QMainWindow

from app.core.messages import Message
from app.core.session import InspectRequest, ModelChoice, RestoredPhoto, Session
from app.jobs.runner import JobRunner
from app.look.catalogues import load_catalogue
from app.look.theme import ThemeChoice
from app.look.translation import install_catalogue
from app.pages.residual.inspector import ResidualInspection
from app.pages.residual.plots import short_names
from engine.contracts.events import PhotoScanned
from engine.contracts.photo import PhotoRef
from engine.residuals.distances import summarize_distances
from tests.starter_makers import make_model


@dataclass(frozen=True)
class Inspected:
    """A window with the inspection behind it, and what it shares with pages."""

    window: QMainWindow
    session: Session
    runner: JobRunner
    inspection: ResidualInspection
    messages: list[Message]


@pytest.fixture
def filled(qtbot, theme, session, runner, tiny_photos, tmp_path):
    """Eight photos open, the third of them blurred as its restored version."""
    window = QMainWindow()
    messages = []
    inspection = ResidualInspection(session, runner, window)
    inspection.message_raised.connect(messages.append)

    def end_jobs(_):
        runner.cancel_all()
        qtbot.waitUntil(lambda: not runner.is_busy, timeout=60_000)
        if inspection.inspector is not None:
            inspection.inspector.shut_down()

    qtbot.addWidget(window, before_close_func=end_jobs)
    window.show()
    paths = sorted(tiny_photos.noisy.iterdir())
    session.set_folders([tiny_photos.noisy])
    session.add_photos([PhotoScanned(path=PhotoRef(path), width=112, height=96, noise_sigma=0.1) for path in paths])
    restored = tmp_path / "blurred.png"
    cv2.imwrite(str(restored), cv2.GaussianBlur(cv2.imread(str(paths[2])), (0, 0), 2.0))
    session.add_restored([(PhotoRef(paths[2]), RestoredPhoto("Blur", restored))])
    session.set_current_photo(PhotoRef(paths[2]))
    return Inspected(window, session, runner, inspection, messages)


def wait_for_report(qtbot, filled):
    inspector = filled.inspection.inspector
    qtbot.waitUntil(lambda: not inspector.is_busy, timeout=30_000)
    return inspector


def test_the_shortcut_opens_it_for_the_current_photo(qtbot, filled, theme):
    filled.window.activateWindow()
    QTest.keyClick(filled.window, Qt.Key.Key_I, Qt.KeyboardModifier.ControlModifier)
    inspector = wait_for_report(qtbot, filled)
    assert inspector.isVisible()
    assert inspector.request.label == "Blur"
    assert "photo 2.png" in inspector.windowTitle()
    assert "of 255 levels" in inspector.verdict.text()
    assert inspector.view.viewer.mode_key == "residual"
    assert len(inspector.view.viewer.panes) == 2
    assert inspector.view.histogram.plot.listDataItems()
    assert inspector.view.spectrum.plot.listDataItems()
    # Once more, since dressing an axis again must not bring pyqtgraph's own prefixes back.
    for choice in (ThemeChoice.LIGHT, ThemeChoice.DARK):
        theme.apply(choice)
        assert inspector.view.spectrum.plot.getAxis("bottom").autoSIPrefixScale == 1


def test_the_map_of_neighbours_reads_values_in_words(qtbot, filled):
    filled.session.inspect_requested.emit(None)
    neighbours = wait_for_report(qtbot, filled).view.neighbours
    assert "always 1" in neighbours.value_text(QPointF(0, 0))
    assert "1 to the right and 0 down" in neighbours.value_text(QPointF(1, 0))
    assert neighbours.value_text(QPointF(500, 0)) == neighbours.reading.whole_text


def test_the_gain_is_stepped_by_key_and_shown(qtbot, filled):
    filled.session.inspect_requested.emit(None)
    inspector = wait_for_report(qtbot, filled)
    before = inspector.view.viewer.gain
    inspector.view.viewer.setFocus()
    QTest.keyClick(inspector.view.viewer, Qt.Key.Key_BracketRight)
    assert inspector.view.viewer.gain == 2 * before
    qtbot.waitUntil(lambda: not inspector.is_busy)


def test_without_a_restored_version_it_says_so(filled):
    filled.session.set_current_photo(filled.session.photos[0].path)
    filled.session.inspect_requested.emit(None)
    assert filled.inspection.inspector is None
    assert "has not been restored" in filled.messages[0].text


def test_an_unreadable_file_is_a_sentence_and_no_crash(qtbot, filled, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    filled.session.inspect_requested.emit(InspectRequest(filled.session.photos[0].path, broken))
    inspector = wait_for_report(qtbot, filled)
    assert "broken.png" in inspector.verdict.text()


def test_nothing_of_another_photo_stays_where_one_cannot_be_examined(qtbot, filled, tmp_path):
    filled.session.inspect_requested.emit(None)
    inspector = wait_for_report(qtbot, filled)
    assert inspector.view.histogram.isVisible()
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    filled.session.inspect_requested.emit(InspectRequest(filled.session.photos[0].path, broken))
    assert wait_for_report(qtbot, filled) is inspector
    assert not inspector.view.viewer.panes
    assert not inspector.view.histogram.isVisible()
    filled.session.inspect_requested.emit(None)
    wait_for_report(qtbot, filled)
    assert len(inspector.view.viewer.panes) == 2
    assert inspector.view.histogram.isVisible()


def test_an_examination_that_is_stopped_says_so(qtbot, filled):
    filled.session.inspect_requested.emit(None)
    inspector = wait_for_report(qtbot, filled)
    filled.session.inspect_requested.emit(None)
    filled.runner.cancel_all()
    wait_for_report(qtbot, filled)
    assert inspector.verdict.text() == "Stopped."
    assert not inspector.view.viewer.panes


def test_closing_it_stops_what_runs(qtbot, filled):
    filled.session.inspect_requested.emit(None)
    filled.inspection.inspector.close()
    qtbot.waitUntil(lambda: not filled.runner.is_busy, timeout=30_000)
    assert not filled.inspection.inspector.isVisible()


def test_the_noises_of_the_folder_are_compared(qtbot, filled, tmp_path):
    filled.session.inspect_requested.emit(None)
    inspector = wait_for_report(qtbot, filled)
    folder_view = inspector.folder_view
    assert not folder_view.compare_button.isEnabled()
    model = make_model(tmp_path / "model.safetensors", change=0.05, name="Untrained")
    filled.session.set_model(ModelChoice(model, "Untrained"))
    assert folder_view.compare_button.isEnabled()
    folder_view.num_photos.setValue(4)
    folder_view.num_crops.setValue(2)
    inspector.tabs.setCurrentIndex(1)
    QTest.mouseClick(folder_view.compare_button, Qt.MouseButton.LeftButton)
    wait_for_report(qtbot, filled)
    content = folder_view.matrix.content
    assert content.values.shape == (8, 8)
    assert next(name for _, name in content.ticks) == "photo 2"
    assert "times as far apart" in folder_view.sentence.text()
    assert "photo 2.png, crop 1, and photo 2.png, crop 2" in folder_view.matrix.value_text(QPointF(1.5, 0.5))


def test_long_names_keep_the_end_in_which_they_differ(tmp_path):
    names = short_names([tmp_path / "short.png", tmp_path / "a very long name of a photo 0001.png"])
    assert names[0] == "short"
    assert names[1].startswith("…")
    assert names[1].endswith("0001")
    assert summarize_distances(np.ones((4, 4)), (tmp_path, tmp_path), 2).positive == 1


def test_the_compare_page_and_the_shortcut_open_it_in_the_real_window(qtbot, opened, tiny_photos, tmp_path):
    session, window = opened.session, opened.window
    paths = sorted(tiny_photos.noisy.iterdir())[:2]
    session.set_folders([tiny_photos.noisy])
    session.add_photos([PhotoScanned(path=PhotoRef(path), width=112, height=96, noise_sigma=0.1) for path in paths])
    window.show_page("compare")
    session.set_current_photo(PhotoRef(paths[0]))
    bar = window.pages["compare"].bar
    QTest.mouseClick(bar.inspect_button, Qt.MouseButton.LeftButton)
    assert window.residual_inspection.inspector is None
    assert "has not been restored" in window.message_bar.shown_message.text
    restored = tmp_path / "blurred.png"
    cv2.imwrite(str(restored), cv2.GaussianBlur(cv2.imread(str(paths[0])), (0, 0), 2.0))
    session.add_restored([(PhotoRef(paths[0]), RestoredPhoto("Blur", restored))])
    QTest.mouseClick(bar.inspect_button, Qt.MouseButton.LeftButton)
    inspector = window.residual_inspection.inspector
    qtbot.waitUntil(lambda: not inspector.is_busy, timeout=30_000)
    assert inspector.request.noisy == PhotoRef(paths[0])
    inspector.close()
    inspector.shut_down()


def test_a_starter_is_named_in_the_persons_language(qtbot, filled, tmp_path):
    filled.session.inspect_requested.emit(None)
    inspector = wait_for_report(qtbot, filled)
    install_catalogue(load_catalogue("de"))
    try:
        filled.session.set_model(ModelChoice(tmp_path / "denoise.safetensors", "Denoise (starter)"))
        assert "Entrauschen (Startmodell)" in " ".join(
            said.text() for said in inspector.folder_view.findChildren(QLabel)
        )
    finally:
        install_catalogue(load_catalogue("en"))


def test_noises_that_cannot_be_compared_leave_the_verdict_on_the_photo(qtbot, filled, tmp_path):
    filled.session.inspect_requested.emit(None)
    inspector = wait_for_report(qtbot, filled)
    verdict = inspector.verdict.text()
    filled.session.set_model(ModelChoice(tmp_path / "gone.safetensors", "Gone"))
    inspector.tabs.setCurrentIndex(1)
    QTest.mouseClick(inspector.folder_view.compare_button, Qt.MouseButton.LeftButton)
    wait_for_report(qtbot, filled)
    assert "There is no model" in inspector.folder_view.sentence.text()
    assert inspector.folder_view.sentence.isVisible()
    assert inspector.verdict.text() == verdict
