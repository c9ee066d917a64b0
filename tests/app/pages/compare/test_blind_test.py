"""The blind test on the compare page, with real keys."""

import json
import random
import shutil

import cv2
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.core.session import RestoredPhoto
from app.pages.compare.bar import PaneChip
from app.pages.compare.blind.bar import TallyBar
from app.pages.compare.blind.trial import make_trial, reading
from app.pages.compare.page import ComparePage
from app.pages.compare.panes import INPUT_CHOICE, PaneChoice, PaneKind
from app.viewer.pictures import MissingPicture, Picture, PictureRole
from engine.comparing.blind_votes import Choice, PairTally, VoteBook, sign_test
from engine.contracts.events import PhotoScanned
from engine.contracts.photo import PhotoRef
from tests.app.conftest import show_at


@pytest.fixture
def page(qtbot, session, runner, settings, tmp_path, tiny_photos):
    """Three photos, the first two restored."""
    folder = tmp_path / "noisy"
    folder.mkdir()
    for index in range(3):
        shutil.copy(tiny_photos.noisy / f"photo {index}.png", folder)
    paths = sorted(folder.iterdir())
    session.set_folders([folder])
    session.add_photos([PhotoScanned(path=PhotoRef(path), width=112, height=96, noise_sigma=0.1) for path in paths])
    for path in paths[:2]:
        output = tmp_path / f"{path.stem} smooth.png"
        cv2.imwrite(str(output), cv2.GaussianBlur(cv2.imread(str(path)), (5, 5), 1.5))
        session.add_restored([(PhotoRef(path), RestoredPhoto("Smooth", output))])
    page = ComparePage(session, runner, settings)
    show_at(qtbot, page, 1000, 640)
    page.activateWindow()
    page.activated()
    wait(qtbot, page)
    qtbot.waitUntil(page.viewer.hasFocus)
    yield page
    page.shut_down()


@pytest.fixture
def book(user_data):
    return VoteBook(user_data / "blind votes.json")


def wait(qtbot, page):
    qtbot.wait(20)
    qtbot.waitUntil(lambda: not page.is_busy and page.filmstrip.photos.rowCount() > 0, timeout=10_000)


def press(qtbot, page, key):
    QTest.keyClick(page.viewer, key)
    wait(qtbot, page)


def start(qtbot, page):
    page.bar.blind_button.click()
    wait(qtbot, page)


def said(page):
    """All that the page says while it asks."""
    captions = " ".join(view.caption.text for view in page.viewer.pane_views)
    return f"{captions} {page.pixel_bar.text}"


def test_nothing_tells_the_two_apart(qtbot, page):
    page.viewer.set_mode("residual")
    start(qtbot, page)
    assert page.viewer.mode_key == "side_by_side"
    assert [pane.title for pane in page.viewer.panes] == ["A", "B"]
    assert {pane.role for pane in page.viewer.panes} == {PictureRole.OTHER}
    assert not any(word in said(page) for word in ("Noisy", "Restored", "Smooth", "dB", "reference", ".png"))
    assert page.bar.save_button.isHidden()
    press(qtbot, page, Qt.Key.Key_R)
    press(qtbot, page, Qt.Key.Key_D)
    assert page.viewer.mode_key == "side_by_side"
    press(qtbot, page, Qt.Key.Key_S)
    assert page.viewer.mode_key == "split"


def test_votes_are_recorded_under_the_true_names(qtbot, page, session, book):
    start(qtbot, page)
    first = page.blind.test.trial
    press(qtbot, page, Qt.Key.Key_Q)
    assert session.current_photo.name == "photo 1.png"
    assert not any(chip.isVisible() for chip in page.bar.findChildren(PaneChip))
    second = page.blind.test.trial
    page.blind.bar.vote_buttons[Choice.SECOND].click()
    wait(qtbot, page)
    votes = book.read()
    assert [vote.winner for vote in votes] == [first.names[0], second.names[1]]
    assert {*first.names} == {"Noisy", "Restored: Smooth"}
    assert votes[0].photo.endswith("photo 0.png")
    assert json.loads(book.path.read_text())["votes"][0]["mode"] == "side_by_side"
    assert page.blind.bar.count_text == "2 votes"


def test_an_open_question_stays_while_other_pictures_arrive(qtbot, page, session):
    start(qtbot, page)
    trial, photo = page.blind.test.trial, session.current_photo
    session.add_restored([(photo, session.restored(photo)[0])])
    wait(qtbot, page)
    assert page.blind.test.trial is trial
    assert page.viewer.panes == trial.panes


def test_the_next_photo_is_made_ready_while_one_looks(qtbot, page, session, runner):
    wavelet = PaneChoice(PaneKind.BASELINE, "wavelet")
    page.bar.choices_changed.emit((INPUT_CHOICE, wavelet))
    wait(qtbot, page)
    made = []
    runner.job_submitted.connect(lambda job: made.append(job.request.config.photo.name))
    start(qtbot, page)
    qtbot.waitUntil(lambda: made == ["photo 1.png"] and not runner.is_busy, timeout=10_000)
    wait(qtbot, page)
    assert session.current_photo.name == "photo 0.png"
    press(qtbot, page, Qt.Key.Key_Q)
    assert {*page.blind.test.trial.names} == {"Noisy", "Wavelet"}
    assert page.blind.test.trial.photo.name == "photo 1.png"


def test_a_photo_without_two_pictures_cannot_be_voted_on(qtbot, page, session, book):
    start(qtbot, page)
    page.filmstrip.step(2)
    page.filmstrip.step(1)
    wait(qtbot, page)
    assert session.current_photo.name == "photo 2.png"
    assert not page.blind.bar.vote_buttons[Choice.SAME].isEnabled()
    assert "no two pictures" in page.viewer.pane_views[0].canvas.message
    press(qtbot, page, Qt.Key.Key_W)
    assert book.read() == ()


def test_votes_go_round_and_can_be_undone(qtbot, page, session, book):
    start(qtbot, page)
    press(qtbot, page, Qt.Key.Key_W)
    press(qtbot, page, Qt.Key.Key_W)
    assert session.current_photo.name == "photo 2.png"
    page.filmstrip.go_round()
    assert session.current_photo.name == "photo 0.png"
    session.undo_stack.undo()
    assert len(book.read()) == 1
    assert page.blind.bar.count_text == "1 vote"
    session.undo_stack.redo()
    assert len(book.read()) == 2


def test_the_names_are_revealed_and_the_votes_forgotten(qtbot, page, session, book):
    start(qtbot, page)
    for _ in range(2):
        trial = page.blind.test.trial
        press(qtbot, page, Qt.Key.Key_Q if trial.names[0] == "Noisy" else Qt.Key.Key_E)
    page.filmstrip.go_round()
    wait(qtbot, page)
    names = page.blind.test.trial.names
    page.blind.bar.reveal_button.click()
    texts = [widget.text() for widget in page.blind.results.findChildren(type(page.blind.bar._count))]
    assert any(f"A is {names[0]}, B is {names[1]}" in text for text in texts)
    assert any(text.startswith("Noisy is ahead, but chance alone") for text in texts)
    assert [bar.accessibleName() for bar in page.blind.results.findChildren(TallyBar)] == [
        "Noisy: 2, no difference: 0, Restored: Smooth: 0 (2 votes)"
    ]
    press(qtbot, page, Qt.Key.Key_Q)
    assert len(book.read()) == 2
    page.blind.results.forget_requested.emit()
    assert book.read() == ()
    session.undo_stack.undo()
    assert len(book.read()) == 2
    page.blind.results.go_on_requested.emit()
    wait(qtbot, page)
    assert page.viewer.isVisible()
    page.blind.bar.end_button.click()
    wait(qtbot, page)
    assert "Smooth" in said(page)
    assert page.bar.save_button.isVisible()
    assert page.blind.bar.isHidden()


def test_a_damaged_file_of_votes_is_told_and_kept(qtbot, page, book):
    book.path.parent.mkdir(parents=True, exist_ok=True)
    book.path.write_text("nonsense")
    messages = []
    page.message_raised.connect(messages.append)
    start(qtbot, page)
    press(qtbot, page, Qt.Key.Key_Q)
    assert all("cannot be understood" in message.text for message in messages)
    assert messages
    assert book.path.read_text() == "nonsense"
    assert page.blind.test.trial is not None


def test_both_orders_and_all_pairs_are_drawn(tmp_path):
    pictures = [
        Picture(title=name, pixels=np.full((8, 8, 3), level, np.float32))
        for name, level in (("Noisy", 0.1), ("One", 0.2), ("Two", 0.3))
    ]
    chance = random.Random(1)
    drawn = {make_trial(tmp_path, pictures, ("Noisy", "One", "Two"), chance).names for _ in range(100)}
    assert len(drawn) == 6
    trial = make_trial(tmp_path, pictures, ("Noisy", "One", "Two"), chance)
    levels = {"Noisy": 0.1, "One": 0.2, "Two": 0.3}
    for name, pane in zip(trial.names, trial.panes, strict=True):
        assert pane.pixels[0, 0, 0] == np.float32(levels[name])


def test_no_pair_is_drawn_where_there_is_none(tmp_path):
    small = Picture(title="", pixels=np.zeros((8, 8, 3), np.float32))
    large = Picture(title="", pixels=np.zeros((16, 16, 3), np.float32))
    missing = MissingPicture(title="", reason="")
    chance = random.Random(1)
    assert make_trial(tmp_path, (small, large), ("a", "b"), chance) is None
    assert make_trial(tmp_path, (small, missing), ("a", "b"), chance) is None
    assert make_trial(tmp_path, (small, small), ("a", "a"), chance) is None


@pytest.mark.parametrize(
    ("first", "second", "same", "said"),
    [
        (0, 0, 3, "no difference on any photo"),
        (2, 2, 0, "A draw: each was better on 2 of 4"),
        (3, 1, 0, "chance alone could do that (p = 0.62, sign test). 5 more photos"),
        (9, 0, 1, "hardly by chance (p = 0.0039, sign test)"),
        (20, 0, 0, "hardly by chance (p < 0.001, sign test)"),
    ],
)
def test_the_reading_is_honest(first, second, same, said):
    tally = PairTally(
        first="Model",
        second="Noisy",
        num_first=first,
        num_second=second,
        num_same=same,
        num_votes=first + second + same,
        probability=sign_test(first, second),
    )
    assert said in reading(tally)
