"""Learning a folder's own noise as a person sees it: before, while it runs, afterwards, and in other places."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.core.session import InspectRequest, Session
from app.jobs.runner import JobHandle, JobState
from app.look.theme import Theme, ThemeChoice
from app.look.thumbnails import shared_thumbnails
from app.pages.runs.page import RunsPage
from app.pages.shared.learned_noise.groups import noise_groups
from app.pages.shared.learned_noise.plots import level_plot, show_levels
from app.pages.shared.learned_noise.twin_game import TwinGame
from app.pages.shared.learned_noise.words import accuracy_text, gain_text, gains_by_share, share_note
from app.pages.training.pretrain import PretrainPage
from app.widgets.plots.library import pyqtgraph as pg
from app.window.main_window import MIN_SIZE
from engine.contracts.configs import RestoreConfig
from engine.contracts.events import PhotoScanned, TwinMade
from engine.contracts.job_control import JobControl
from engine.contracts.learned_noise import BRIGHTNESS, HARDLY_ANY_NOISE, LearnedNoise, PhotoNoise, Refusal
from engine.contracts.photo import NOTHING_NOTED, CameraFacts, PhotoRef
from engine.models import starters as starter_models
from engine.models.starters import list_starters
from engine.photo_files.photos import PhotoImage, write_image
from engine.runs.store import RunStore
from engine.simulation.learned.noise_file import NOISE_FILE, load_noise
from tests.app.conftest import OpenWindow
from tests.app.test_room import cut_texts, settle, unreachable
from tests.conftest import TinyPhotos

JOB_MS = 120_000
TINY = {"steps": 3, "crop_px": 32, "photos_per_batch": 2, "preview_interval_s": 0.05, "name": "Mine"}


@pytest.fixture(scope="module")
def starter_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that denoises, with its card beside it, as the shipped one lies."""
    import torch

    from engine.models.files import ModelCard, build_network, save_model

    folder = tmp_path_factory.mktemp("starters")
    card = ModelCard(
        name="Starter: denoise",
        backbone="dncnn",
        backbone_params={"width": 8, "num_layers": 3},
        starter="denoise",
        description="Made for the task denoise.",
    )
    torch.manual_seed(0)
    save_model(folder / "denoise.safetensors", dict(build_network(card).state_dict()), card)
    (folder / "denoise.json").write_text(json.dumps(card.model_dump(mode="json")))
    return folder


@pytest.fixture
def session(qtbot: QtBot, starter_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setattr(starter_models, "_folders", lambda: iter([starter_folder]))
    result = Session(RunStore(), list_starters())
    yield result
    result.undo_stack.clear()
    result.run_catalog.shut_down()
    shared_thumbnails(result).shut_down()


@pytest.fixture
def page(qtbot: QtBot, opened: OpenWindow, tiny_photos: TinyPhotos) -> PretrainPage:
    """The Pretrain page with eight photos, of two cameras."""
    facts = [CameraFacts(camera="Box", iso=100), CameraFacts(camera="Box", iso=6400)]
    open_photos(opened.session, tiny_photos.noisy, facts)
    opened.session.set_engine_loaded("CPU")
    opened.window.show_page("pretrain")
    result = opened.window.pages["pretrain"]
    assert isinstance(result, PretrainPage)
    return result


def open_photos(session: Session, folder: Path, facts: list[CameraFacts]) -> None:
    session.set_folders([folder])
    session.add_photos(
        [
            PhotoScanned(
                path=PhotoRef(path), width=112, height=96, noise_sigma=0.1, camera=facts[4 * index // 8 % len(facts)]
            )
            for index, path in enumerate(sorted(folder.iterdir()))
        ]
    )


def white_noise(sigmas: list[float], spectra: list[int], *, accuracy: float | None = 1.0) -> LearnedNoise:
    spectrum = np.broadcast_to(np.eye(3), (16, 16, 3, 3)).copy()
    photos = tuple(
        PhotoNoise(
            name=f"{index}.png",
            variance=np.full((3, len(BRIGHTNESS)), sigma**2),
            spectrum=number,
            is_gray=False,
            highest_level=255,
        )
        for index, (sigma, number) in enumerate(zip(sigmas, spectra, strict=True))
    )
    kinds = (spectrum,) * (max(spectra) + 1)
    return LearnedNoise(photos=photos, spectra=kinds, distance=0.1, unfitted_distance=0.3, accuracy=accuracy)


def twin(seed: int, *, level: float = 0.5) -> TwinMade:
    photo, other = (
        np.random.default_rng((seed, side)).uniform(0, 2 * level, (48, 48, 3)).astype(np.float32) for side in range(2)
    )
    return TwinMade(name=f"photo {seed}.png", photo=photo, twin=other)


def test_what_is_not_known_yet_has_its_scale_and_is_announced(page: PretrainPage, qtbot: QtBot) -> None:
    panel = page.inputs.noise_panel
    assert page.inputs.look.found is None
    assert panel.state
    (left, right), (bottom, top) = panel.plot.plot.viewRange()
    assert (left, right, bottom) == (0, 255, 0)
    assert top > 1
    assert not panel.plot.plot.listDataItems()
    qtbot.waitUntil(lambda: page.inputs.look.found is not None and not page.inputs.look.is_busy, timeout=JOB_MS)
    assert not panel.state
    assert panel.plot.plot.listDataItems()


def test_the_page_tells_what_is_known_of_the_noise_before_the_start(qtbot: QtBot, page: PretrainPage) -> None:
    assert page.setup.heading == "Learn this folder’s noise"
    assert page.start_button.text() == "Learn the noise of 8\N{NO-BREAK SPACE}photos"
    panel = page.inputs.noise_panel
    qtbot.waitUntil(lambda: page.inputs.look.found is not None and not page.inputs.look.is_busy, timeout=JOB_MS)
    assert panel.isVisible()
    assert panel.state == ""
    level, grain, accuracy, distance = panel.texts
    assert level.startswith("Level: ")
    assert "noise of its own" in grain or "pixels wide" in grain
    assert "of the twins find their photo" in accuracy
    assert "by the first guess" in distance
    assert "of 255" in panel.plot.accessibleDescription()
    # Of the eight photos the later ones are noisier, and they are those of the higher sensitivity.
    box = panel.group_box
    assert [box.itemText(row).split(" · ")[:2] for row in range(1, box.count())] == [
        ["Box", "ISO 100"],
        ["Box", "ISO 6400"],
    ]
    sayings = []
    for row in (1, 2):
        box.setCurrentIndex(row)
        box.activated.emit(row)
        sayings.append(panel.texts[0])
    middle = [float(text.split(", ")[1].split()[0]) for text in sayings]
    assert middle[0] < middle[1]


def test_nothing_is_looked_at_twice_and_from_scratch_nothing_at_all(
    qtbot: QtBot, page: PretrainPage, opened: OpenWindow
) -> None:
    looks: list[JobHandle] = []
    opened.runner.job_submitted.connect(looks.append)
    qtbot.waitUntil(lambda: page.inputs.look.found is not None and not page.inputs.look.is_busy, timeout=JOB_MS)
    found = page.inputs.look.found
    page.activated()
    page.refresh()
    qtbot.waitUntil(lambda: not page.checks.is_busy and not page.checks.is_trying, timeout=JOB_MS)
    assert page.inputs.look.found is found
    assert not page.inputs.look.is_busy
    assert [job.request.title for job in looks] == ["Looking at the noise of the photos"]
    page.start_choice.box.setCurrentIndex(page.start_choice.box.count() - 1)
    page.start_choice.box.activated.emit(page.start_choice.box.count() - 1)
    assert page.setup.heading == "Learn from your photos"
    assert page.start_button.text() == "Pretrain on 8\N{NO-BREAK SPACE}photos"
    assert not page.inputs.noise_panel.isVisible()
    assert page.inputs.look.found is None


def test_photos_too_small_to_judge_are_said_and_raise_no_alarm(
    qtbot: QtBot, page: PretrainPage, opened: OpenWindow, tmp_path: Path
) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    pixels = np.full((12, 12, 3), 0.5, np.float32)
    for name in ("a.png", "b.png"):
        write_image(folder / name, PhotoImage(pixels), file_format="png", bit_depth=8)
    open_photos(opened.session, folder, [NOTHING_NOTED])
    qtbot.waitUntil(lambda: "larger photos" in page.inputs.noise_panel.state, timeout=JOB_MS)
    assert page.inputs.noise_panel.texts == ()
    assert opened.window.message_bar.shown_message is None


def test_the_whole_way_from_twins_to_one_sentence(
    qtbot: QtBot, page: PretrainPage, opened: OpenWindow, tiny_photos: TinyPhotos
) -> None:
    page.form.form.set_values(TINY)
    page.refresh()
    with qtbot.waitSignal(page.training_ended, timeout=JOB_MS) as signal:
        qtbot.mouseClick(page.start_button, Qt.MouseButton.LeftButton)
        assert opened.runner.jobs[-1].request.title == "Learning the noise of “Mine”"
    assert signal.args == [JobState.FINISHED]
    view = page.view
    [run] = RunStore().list()
    learned = load_noise(run.path / NOISE_FILE)
    assert view.story.num_rounds == 4
    assert view.story.text == accuracy_text(learned)
    assert view.story.shares.isVisible()
    assert view.game.num_pairs == 8
    assert view.looks.currentWidget() is view.game_tab
    metrics = run.reload().metrics
    sentence = gain_text(metrics, is_from_starter=True)
    assert sentence in view.summary
    assert "starter" in sentence
    assert not any(each.isVisible() and each.text() == view.verdict for each in view.findChildren(QLabel))

    opened.window.show_page("runs")
    runs = opened.window.pages["runs"]
    assert isinstance(runs, RunsPage)
    qtbot.waitUntil(lambda: "Find their photo" in runs.details.facts.facts, timeout=JOB_MS)
    assert runs.details.noise.story.text == accuracy_text(learned)
    assert "by the first guess" in runs.details.facts.facts["Distance"]

    # What it restores is compared with what it has learned.
    from engine.jobs import restore

    source = tiny_photos.noisy / "photo 3.png"
    config = RestoreConfig(model=run.path, photos=(source,), out=run.path / "restored")
    [(_, restored)] = restore(config, JobControl(), lambda event: None).restored
    opened.session.inspect_requested.emit(InspectRequest(PhotoRef(source), restored, "some other name"))
    inspector = opened.window.residual_inspection.inspector
    assert inspector is not None
    qtbot.waitUntil(lambda: not inspector.is_busy, timeout=JOB_MS)
    assert inspector.match.isVisible()
    assert "learned noise" in inspector.match.text()
    inspector.close()


def test_a_run_without_a_learned_noise_shows_no_tab_of_it(qtbot: QtBot, opened: OpenWindow, tmp_path: Path) -> None:
    RunStore().create("pretrain", "Old", {})
    opened.window.show_page("runs")
    runs = opened.window.pages["runs"]
    assert isinstance(runs, RunsPage)
    qtbot.waitUntil(lambda: runs.selected is not None)
    details = runs.details
    assert not details.tabs.isTabVisible(details.tabs.indexOf(details.noise_tab))


def test_a_person_tells_photo_and_twin_apart(qtbot: QtBot, theme: Theme) -> None:
    game = TwinGame()
    qtbot.addWidget(game)
    game.show()
    assert not game.pictures[0].isEnabled()
    assert "being made" in game.result
    for seed in range(3):
        game.add(twin(seed))
    assert game.result == "Which one is real?"
    assert not game.next_button.isEnabled()
    assert game.next_button.toolTip() == "Choose one first."

    with qtbot.waitSignal(game.answered) as signal:
        qtbot.mouseClick(game.pictures[0 if game.is_left_real else 1], Qt.MouseButton.LeftButton)
    assert signal.args == [True]
    names = ("A", "B") if game.is_left_real else ("B", "A")
    assert game.result == f"Right: {names[0]} is the photo, {names[1]} its twin."
    assert game.score == "1 of 1 right; by guessing 0.5."
    assert game.pictures[0].accessibleName() == ("A: photo" if game.is_left_real else "A: twin")
    # The answer is read out with the button that the keyboard now stands on.
    assert game.next_button.accessibleDescription() == f"{game.result} {game.score}"
    # A second choice of the same pair counts for nothing.
    game.choose(0)
    game.choose(1)
    assert game.score.startswith("1 of 1")

    qtbot.mouseClick(game.next_button, Qt.MouseButton.LeftButton)
    assert game.result == "Which one is real?"
    with qtbot.waitSignal(game.answered) as signal:
        qtbot.keyClick(game.pictures[1 if game.is_left_real else 0], Qt.Key.Key_Space)
    assert signal.args == [False]
    assert game.result.startswith("Wrong: ")
    assert game.score == "1 of 2 right; by guessing 1."


def test_number_keys_choose_and_after_many_pairs_the_score_speaks(qtbot: QtBot, opened: OpenWindow) -> None:
    page = opened.window.pages["pretrain"]
    assert isinstance(page, PretrainPage)
    opened.window.show_page("pretrain")
    game = page.view.game
    page.view.looks.setTabVisible(page.view.looks.indexOf(page.view.game_tab), True)
    page.view.looks.setCurrentWidget(page.view.game_tab)
    page.show_training()
    game.add(twin(0))
    game.add(twin(1))
    qtbot.waitUntil(game.isVisible)
    for number in range(8):
        is_right = number % 2 == 0
        key = Qt.Key.Key_1 if game.is_left_real == is_right else Qt.Key.Key_2
        with qtbot.waitSignal(game.answered) as signal:
            qtbot.keyClick(opened.window, key)
        assert signal.args == [is_right]
        game.show_next()
    assert game.score == "4 of 8 right; by guessing 4. You can hardly tell them apart: the noise is learned."
    for _ in range(8):
        game.choose(0 if game.is_left_real else 1)
        game.show_next()
    assert "gives it away" in game.score
    game.clear()
    assert game.num_pairs == 0


def test_dim_pairs_are_shown_by_the_photos_own_range(qtbot: QtBot, theme: Theme) -> None:
    game = TwinGame()
    qtbot.addWidget(game)
    game.add(twin(0, level=0.01))
    game.resize(400, 300)
    game.show()
    picture = game.pictures[0].grab().toImage()
    middle = picture.pixelColor(picture.width() // 2, 20)
    brightest = max(
        picture.pixelColor(column, row).lightness()
        for column in range(picture.width() // 2 - 20, picture.width() // 2 + 20)
        for row in range(20, 40)
    )
    assert middle.isValid()
    assert brightest > 150


def test_photos_are_grouped_by_camera_and_sensitivity_else_by_grain() -> None:
    noise = white_noise([0.02, 0.04, 0.04], [0, 1, 1])
    cameras = [
        CameraFacts(camera="Box", iso=100),
        CameraFacts(camera="Box", iso=800),
        CameraFacts(camera="Box", iso=800),
    ]
    groups = noise_groups(noise, cameras)
    assert [group.photos for group in groups] == [(0, 1, 2), (1, 2), (0,)]
    assert groups[1].title.replace("\N{NO-BREAK SPACE}", " ") == "Box · ISO 800 · 2 photos · 10.2 of 255"
    unknown = noise_groups(noise, [NOTHING_NOTED] * 3)
    assert [group.title.split(" · ")[0] for group in unknown] == ["All photos", "Grain 1", "Grain 2"]
    assert len(noise_groups(white_noise([0.1, 0.2], [0, 0]), [NOTHING_NOTED] * 2)) == 1


def test_what_it_brought_is_one_sentence() -> None:
    gained = {"share_of_way": 0.5, "estimated_gain": 0.41, "gain_at_0": 0.0, "gain_at_50": 0.41, "gain_at_100": 0.2}
    text = gain_text(gained, is_from_starter=True).replace("\N{NO-BREAK SPACE}", " ")
    assert text == "Your photos: error 9 % lower than with the starter; kept."
    assert "“Mine”" in gain_text(gained, is_from_starter=False, parent="Mine")
    little = {**gained, "estimated_gain": 0.02}
    assert "0.5\N{NO-BREAK SPACE}%" in gain_text(little, is_from_starter=True)
    kept = {"share_of_way": 0.0, "estimated_gain": 0.0}
    assert gain_text(kept, is_from_starter=True) == "The starter already fits; kept as it is."
    assert gains_by_share(gained) == {0.0: 0.0, 0.5: 0.41, 1.0: 0.2}
    assert gains_by_share({"validation_psnr": 30.0}) == {}
    assert share_note(gains_by_share(gained), 0.5) == ""
    assert "would lose" in share_note(gains_by_share(gained), 1.0)
    assert "hardly any noise" in share_note(gains_by_share(gained), 0.0, {HARDLY_ANY_NOISE: 1.0})
    for reason, told in (
        (Refusal.OWN_NOISE, "noise of their own"),
        (Refusal.FORGETTING, "forgotten"),
        (Refusal.UNLABELLED, "without a label"),
        (Refusal.LABELS, "the labels"),
    ):
        refused = {**gained, "share_of_way": 0.0, reason.value: 1.0}
        assert told in share_note(gains_by_share(refused), 0.0, refused)
        assert "fits" not in gain_text(refused, is_from_starter=True)


def test_accuracy_is_told_of_several_photos_alone() -> None:
    several = white_noise([0.1, 0.1], [0, 0], accuracy=0.96)
    assert (
        accuracy_text(several).replace("\N{NO-BREAK SPACE}", " ")
        == "Noise learned: 96 % of the twins find their photo."
    )
    assert "single photo" in accuracy_text(white_noise([0.1], [0], accuracy=None))
    assert accuracy_text(replace(several, distance=None)) == ""


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_nothing_is_cut_while_noise_is_learned(
    qtbot: QtBot, opened: OpenWindow, page: PretrainPage, theme: Theme, scale: float
) -> None:
    theme.apply(ThemeChoice.LIGHT, scale)
    opened.window.resize(*MIN_SIZE)
    qtbot.waitUntil(lambda: page.inputs.look.found is not None and not page.inputs.look.is_busy, timeout=JOB_MS)
    settle(opened.window)
    assert [*cut_texts(opened.window), *unreachable(opened.window)] == []
    view = page.view
    noise = white_noise([0.05, 0.1], [0, 0])
    view.story.show_noise(noise)
    view.story.show_gains({"share_of_way": 0.0, "estimated_gain": 0.0, "gain_at_0": 0.0, "gain_at_100": 0.5})
    view.game.add(twin(0))
    view.looks.setTabVisible(view.looks.indexOf(view.game_tab), True)
    view.looks.setCurrentWidget(view.game_tab)
    view.game.choose(0)
    page.show_training()
    settle(opened.window)
    assert [*cut_texts(opened.window), *unreachable(opened.window)] == []


@pytest.mark.parametrize("is_falling", [True, False])
def test_names_of_the_colours_stand_where_their_lines_leave_room(qtbot: QtBot, is_falling: bool) -> None:
    """Above bright parts where noise falls towards them, as in camera JPEGs; above dark ones where it grows."""
    plot = level_plot()
    qtbot.addWidget(plot)
    plot.resize(380, 230)
    plot.show()
    rise = np.linspace(1, 5, len(BRIGHTNESS)) / 255
    levels = np.stack([factor * (rise[::-1] if is_falling else rise) for factor in (1, 1.1, 1.2)])
    noise = white_noise([0.01], [0]).with_photo(0, variance=levels**2)
    show_levels(plot, noise, [0])
    qtbot.waitUntil(lambda: plot.plot.items != [])
    (names,) = (item for item in plot.plot.items if isinstance(item, pg.TextItem))
    to_view = plot.plot.getViewBox().mapSceneToView
    box = names.sceneBoundingRect()
    left, right = (to_view(corner).x() for corner in (box.topLeft(), box.topRight()))
    lower_edge = to_view(box.bottomLeft()).y()
    for line in levels:
        beneath = 255 * np.interp(np.linspace(left, right, 20), 255 * BRIGHTNESS, line)
        assert beneath.max() < lower_edge
