"""The training pages and the runs page with real, tiny trainings."""

import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QPushButton, QSpinBox
from pytestqt.qtbot import QtBot

from app.core.messages import Message
from app.core.session import ModelChoice
from app.core.settings import PRETRAIN_PRESET
from app.jobs.runner import JobState
from app.look.phrases import decibels
from app.pages.runs.page import RunsPage
from app.pages.training.finetune import FinetunePage
from app.pages.training.page import TrainingPage
from app.pages.training.pretrain import PretrainPage
from app.pages.training.setup.start_choice import FROM_SCRATCH
from app.widgets.plots.curves import CHANCE_METRIC
from engine import jobs
from engine.contracts.configs import PretrainConfig
from engine.contracts.events import PhotoScanned
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.photos.folder import list_image_files
from engine.photos.pairs import match_pairs
from engine.runs.records import RunStatus
from engine.runs.store import RunStore
from engine.training.labels import gather_labels
from tests.app.conftest import OpenWindow
from tests.conftest import TinyPhotos

TINY = {"steps": 6, "crop_px": 32, "photos_per_batch": 3, "preview_interval_s": 0.05}
TRAINING_MS = 60_000


def scanned(folder: Path) -> list[PhotoScanned]:
    return [
        PhotoScanned(path=PhotoRef(path), width=112, height=96, noise_sigma=0.1) for path in sorted(folder.iterdir())
    ]


@pytest.fixture
def with_photos(opened: OpenWindow, tiny_photos: TinyPhotos) -> OpenWindow:
    opened.session.set_folders([tiny_photos.noisy])
    opened.session.add_photos(scanned(tiny_photos.noisy))
    return opened


@pytest.fixture
def pretrain_page(with_photos: OpenWindow) -> PretrainPage:
    page = with_photos.window.pages["pretrain"]
    assert isinstance(page, PretrainPage)
    with_photos.window.show_page("pretrain")
    return page


@pytest.fixture
def finetune_page(with_photos: OpenWindow, tiny_photos: TinyPhotos) -> FinetunePage:
    page = with_photos.window.pages["finetune"]
    assert isinstance(page, FinetunePage)
    with_photos.window.show_page("finetune")
    pairs = match_pairs(list_image_files([tiny_photos.noisy]), list_image_files([tiny_photos.clean]))
    with_photos.session.set_label_pairs(pairs.pairs)
    return page


@pytest.fixture(scope="module", autouse=True)
def engine() -> None:
    """What the program loads behind its first window, so that no training waits for it."""
    jobs.load_training()


def test_references_that_keep_their_own_brightness_reach_the_settings(finetune_page: FinetunePage) -> None:
    session = finetune_page.inputs.session
    assert finetune_page.inputs.make_config().unfitted_names == ()
    first = session.label_pairs[0]
    session.set_label_pairs(session.label_pairs, [first.noisy])
    config = finetune_page.inputs.make_config()
    assert config.unfitted_names == (str(first.noisy),)
    assert config.fit_references


def test_pairs_that_only_measure_reach_the_settings_and_are_no_labels(finetune_page: FinetunePage) -> None:
    inputs, session = finetune_page.inputs, finetune_page.inputs.session
    first, *others = session.label_pairs
    session.set_label_pairs(session.label_pairs, measuring=[first.noisy])
    config = inputs.make_config()
    assert config.measure_names == (str(first.noisy),)
    assert set(config.label_names or ()) == {pair.noisy.name for pair in session.label_pairs}
    assert inputs.num_input_photos() == len(others)
    finetune_page.form.form.set_values({"labels": 2})
    config = inputs.make_config()
    assert len(config.label_names or ()) == 3
    assert first.noisy.name in (config.label_names or ())
    session.set_label_pairs(session.label_pairs, measuring=[pair.noisy for pair in session.label_pairs])
    assert "only measure" in inputs.obstacle()


def test_what_is_decided_about_one_of_two_photos_with_one_name_is_not_of_the_other(
    finetune_page: FinetunePage, tiny_photos: TinyPhotos, tmp_path: Path
) -> None:
    other = TinyPhotos(noisy=tmp_path / "noisy", clean=tmp_path / "clean")
    for ours, theirs in ((tiny_photos.noisy, other.noisy), (tiny_photos.clean, other.clean)):
        shutil.copytree(ours, theirs)
    session = finetune_page.inputs.session
    session.set_folders([tiny_photos.noisy, other.noisy])
    session.add_photos([*scanned(tiny_photos.noisy), *scanned(other.noisy)])
    more = match_pairs(list_image_files([other.noisy]), list_image_files([other.clean])).pairs
    measured, kept_bright = more[0].noisy, more[1].noisy
    pairs = (*session.label_pairs, *more)
    session.set_label_pairs(pairs, unfitted=[kept_bright], measuring=[measured])
    config = finetune_page.inputs.make_config()
    labels = gather_labels(config, JobControl(), lambda event: None)
    assert [label.noisy.photo for label in labels.validation] == [measured]
    assert len(labels.training) == len(pairs) - 1
    assert [pair.noisy for pair in pairs if pair.noisy.is_named_in(config.unfitted_names)] == [kept_bright]


def make_tiny(page: TrainingPage, **values: object) -> None:
    page.form.form.set_values(TINY | values)
    page.refresh()


def start(qtbot: QtBot, page: TrainingPage) -> None:
    assert page.start_button.isEnabled(), page.start_button.toolTip()
    qtbot.mouseClick(page.start_button, Qt.MouseButton.LeftButton)
    assert page.is_training


def train(qtbot: QtBot, page: TrainingPage) -> JobState:
    with qtbot.waitSignal(page.training_ended, timeout=TRAINING_MS) as signal:
        start(qtbot, page)
    state: JobState = signal.args[0]
    return state


def load_engine(qtbot: QtBot, page: TrainingPage) -> None:
    page.session.set_engine_loaded("CPU")


def choose(qtbot: QtBot, page: TrainingPage, field: str, value: str) -> None:
    """Pick a row of a catalogue as a person does."""
    page.form.form.set_values({field: value})
    page.form.form.editor(field).edited.emit()


def summary_button(page: TrainingPage, text: str) -> QPushButton:
    return next(control for control in page.view.findChildren(QPushButton) if control.text() == text)


def test_training_needs_photos_and_says_so(qtbot: QtBot, opened: OpenWindow, tiny_photos: TinyPhotos) -> None:
    page = opened.window.pages["pretrain"]
    assert isinstance(page, PretrainPage)
    assert not page.start_button.isEnabled()
    assert page.start_button.toolTip() == "Open a folder of noisy photos first."
    photos = scanned(tiny_photos.noisy)
    opened.session.set_folders([tiny_photos.noisy])
    opened.session.add_photos(photos[:1])
    assert "At least 2 photos" in page.start_button.toolTip()
    opened.session.add_photos(photos)
    assert page.start_button.isEnabled()
    assert page.start_button.text() == "Pretrain on 8\xa0photos"
    opened.session.set_excluded([photos[0].path])
    assert page.start_button.text() == "Pretrain on 7\xa0photos"
    assert len(page.inputs.make_config().photos) == 7
    page.form.form.set_values({"learning_rate": 5.0})
    page.refresh()
    assert "at most 0.1" in page.start_button.toolTip()


def test_a_preset_sets_the_values_and_is_remembered(qtbot: QtBot, pretrain_page: PretrainPage) -> None:
    from engine.contracts.configs import Preset
    from engine.contracts.presets import pretrain_preset

    pretrain_page.form.form.set_values({"name": "mine"})
    for preset in Preset:
        qtbot.mouseClick(pretrain_page.cards.cards[preset.value], Qt.MouseButton.LeftButton)
        config = pretrain_page.inputs.make_config()
        assert config.model_dump().items() >= pretrain_preset(preset).items()
        assert config.name == "mine"
        assert pretrain_page.settings.get(PRETRAIN_PRESET) == preset.value


def test_a_real_pretraining_from_click_to_model(
    qtbot: QtBot, pretrain_page: PretrainPage, with_photos: OpenWindow
) -> None:
    make_tiny(pretrain_page, name="Holiday")
    assert train(qtbot, pretrain_page) is JobState.FINISHED
    view = pretrain_page.view
    assert view.plot.curve("consistency") is not None
    assert view.preview.num_frames >= 2
    assert view.preview.isVisible()
    assert "6\xa0steps took" in view.summary
    assert view.verdict
    [run] = RunStore().list()
    assert run.record.status is RunStatus.DONE
    assert run.record.name == "Holiday"
    assert with_photos.session.model == ModelChoice(run.path, "Holiday")
    assert with_photos.window.rail.button("pretrain").status == "✓ done"
    qtbot.mouseClick(summary_button(pretrain_page, "Restore photos with it"), Qt.MouseButton.LeftButton)
    assert with_photos.window.current_page.page_id == "restore"


def test_a_stopped_pretraining_is_resumed_to_its_end(
    qtbot: QtBot, pretrain_page: PretrainPage, with_photos: OpenWindow
) -> None:
    make_tiny(pretrain_page, steps=4000)
    start(qtbot, pretrain_page)
    plot = pretrain_page.view.plot
    qtbot.waitUntil(lambda: len(plot.curve("consistency") or ()) > 0, timeout=TRAINING_MS)
    [job] = with_photos.runner.jobs
    job.pause()
    assert "paused" in with_photos.window.rail.button("pretrain").status or job.state is JobState.PAUSED
    with qtbot.waitSignal(pretrain_page.training_ended, timeout=TRAINING_MS) as signal:
        job.cancel()
    assert signal.args == [JobState.CANCELLED]
    assert "Stopped at step" in pretrain_page.view.summary
    [run] = RunStore().list()
    assert run.record.status is RunStatus.STOPPED
    assert 0 < run.record.steps_done < 4000
    # The rest of 4,000 steps would take too long here.
    shortened = run.config() | {"steps": run.record.steps_done + 3}
    (run.path / "config.json").write_text(PretrainConfig.model_validate(shortened).model_dump_json())
    qtbot.waitUntil(
        lambda: (entry := with_photos.session.run_catalog.find(run.path)) is not None and entry.is_resumable
    )
    num_points = len(plot.curve("consistency") or ())
    with qtbot.waitSignal(pretrain_page.training_ended, timeout=TRAINING_MS) as signal:
        qtbot.mouseClick(summary_button(pretrain_page, "Resume"), Qt.MouseButton.LeftButton)
    assert signal.args == [JobState.FINISHED]
    assert run.reload().status is RunStatus.DONE
    assert run.record.steps_done == shortened["steps"]
    assert len(plot.curve("consistency") or ()) > num_points
    # Of three photos a step, though more are open: the other crop is one of five.
    chance = plot.curve(CHANCE_METRIC)
    assert chance is not None
    assert set(chance.points()[1]) == {1 / 5}
    assert len(RunStore().list()) == 1


def test_a_stopped_refinement_does_not_promise_a_model_that_it_has_not_got(
    qtbot: QtBot, pretrain_page: PretrainPage, with_photos: OpenWindow
) -> None:
    make_tiny(pretrain_page, name="Parent")
    train(qtbot, pretrain_page)
    [parent] = RunStore().list()
    pretrain_page.show_setup()
    pretrain_page.start_choice.choose(parent.path)
    qtbot.waitUntil(lambda: pretrain_page.start_choice.path == parent.path)
    choose(qtbot, pretrain_page, "pretext", "rcl")
    make_tiny(pretrain_page, steps=4000, name="Child")
    start(qtbot, pretrain_page)
    plot = pretrain_page.view.plot
    qtbot.waitUntil(lambda: len(plot.curve("consistency") or ()) > 0, timeout=TRAINING_MS)
    with qtbot.waitSignal(pretrain_page.training_ended, timeout=TRAINING_MS):
        with_photos.runner.jobs[0].cancel()
    assert "Stopped at step" in pretrain_page.view.summary
    assert "restore photos now" not in pretrain_page.view.summary
    child = next(run for run in RunStore().list() if run.record.name == "Child")
    assert child.begun_model_path.is_file()
    assert pretrain_page.view.verdict == child.record.verdict
    assert "still the one that it started from" in pretrain_page.view.verdict


def test_what_a_training_achieved_is_told_though_the_next_one_takes_its_place(
    qtbot: QtBot, pretrain_page: PretrainPage, with_photos: OpenWindow
) -> None:
    told: list[Message] = []
    pretrain_page.message_raised.connect(told.append)
    make_tiny(pretrain_page, name="First")
    start(qtbot, pretrain_page)
    with_photos.runner.jobs[0].pause()
    pretrain_page.show_setup()
    make_tiny(pretrain_page, name="Second")
    qtbot.mouseClick(pretrain_page.start_button, Qt.MouseButton.LeftButton)
    first, second = with_photos.runner.jobs
    pretrain_page.show_training()
    assert pretrain_page.view.job is first
    first.resume()
    qtbot.waitUntil(lambda: pretrain_page.view.job is second, timeout=TRAINING_MS)
    texts = [message.text for message in told if message.action is not None]
    assert len(texts) == 1
    assert "First" in texts[0]
    qtbot.waitUntil(lambda: not with_photos.runner.is_busy, timeout=TRAINING_MS)


def test_a_failed_training_says_why(
    qtbot: QtBot, pretrain_page: PretrainPage, with_photos: OpenWindow, tmp_path: Path
) -> None:
    gone = [PhotoScanned(path=PhotoRef(tmp_path / f"{name}.png"), width=9, height=9, noise_sigma=None) for name in "ab"]
    with_photos.session.set_folders([tmp_path])
    with_photos.session.add_photos(gone)
    make_tiny(pretrain_page)
    assert train(qtbot, pretrain_page) is JobState.FAILED
    message = with_photos.window.message_bar.shown_message
    assert message is not None
    assert message.text in pretrain_page.view.summary
    assert message.hint
    qtbot.mouseClick(summary_button(pretrain_page, "Back to the settings"), Qt.MouseButton.LeftButton)
    assert pretrain_page.start_button.isVisible()


def test_a_real_fine_tuning_measures_itself(qtbot: QtBot, finetune_page: FinetunePage, with_photos: OpenWindow) -> None:
    assert finetune_page.start_choice.box.currentText() == FROM_SCRATCH
    make_tiny(finetune_page)
    assert finetune_page.start_button.text() == "Fine-tune on 8\xa0labels"
    assert train(qtbot, finetune_page) is JobState.FINISHED
    assert "against the noisy photos" in finetune_page.view.summary
    plot = finetune_page.view.plot
    assert plot.curve("validation_psnr") is not None
    assert plot.curve("validation_noisy_psnr") is not None
    assert plot.curve("supervised") is not None


def test_the_figure_that_is_told_is_that_of_the_weights_that_are_kept(
    qtbot: QtBot, finetune_page: FinetunePage, with_photos: OpenWindow
) -> None:
    make_tiny(finetune_page, learning_rate=0.1, weight_average_decay=0.0)
    assert train(qtbot, finetune_page) is JobState.FINISHED
    values = [value for _, value in RunStore().list()[0].read_metrics()["validation_psnr"]]
    assert max(values) > values[-1] + 0.1
    assert decibels(max(values)) in finetune_page.view.summary


def test_fine_tuning_starts_from_the_pretrained_run_with_some_of_the_labels(
    qtbot: QtBot, finetune_page: FinetunePage, pretrain_page: PretrainPage, with_photos: OpenWindow
) -> None:
    make_tiny(pretrain_page)
    train(qtbot, pretrain_page)
    qtbot.mouseClick(summary_button(pretrain_page, "Fine-tune it"), Qt.MouseButton.LeftButton)
    assert with_photos.window.current_page is finetune_page
    [parent] = RunStore().list()
    qtbot.waitUntil(lambda: finetune_page.start_choice.path == parent.path)
    make_tiny(finetune_page)
    labels = finetune_page.form.form.editor("labels").findChild(QSpinBox)
    assert labels is not None
    labels.setValue(3)
    assert finetune_page.start_button.text() == "Fine-tune on 3\xa0labels"
    assert train(qtbot, finetune_page) is JobState.FINISHED
    run = RunStore().list()[0]
    assert run.record.kind == "finetune"
    assert run.record.parent == parent.record.id
    assert len(run.record.labels) == 3
    assert "kept" in finetune_page.view.summary


def test_fine_tuning_without_labels_says_what_to_do(qtbot: QtBot, with_photos: OpenWindow) -> None:
    page = with_photos.window.pages["finetune"]
    assert isinstance(page, FinetunePage)
    assert page.start_button.toolTip() == "Add clean references on the Labels page first."
    with_photos.window.show_page("finetune")
    go_there = next(control for control in page.findChildren(QPushButton) if control.text() == "Go to Labels")
    qtbot.mouseClick(go_there, Qt.MouseButton.LeftButton)
    assert with_photos.window.current_page.page_id == "labels"


def test_runs_are_listed_renamed_deleted_and_brought_back(
    qtbot: QtBot, pretrain_page: PretrainPage, with_photos: OpenWindow
) -> None:
    session, window = with_photos.session, with_photos.window
    runs = window.pages["runs"]
    assert isinstance(runs, RunsPage)
    make_tiny(pretrain_page, name="First")
    train(qtbot, pretrain_page)
    window.show_page("runs")
    qtbot.waitUntil(lambda: runs.selected is not None and runs.selected.record.status is RunStatus.DONE)
    assert window.rail.button("runs").status == "1"
    qtbot.waitUntil(lambda: runs.details.preview.num_frames >= 2)
    qtbot.waitUntil(lambda: runs.details.plot.curve("consistency") is not None)
    entry = runs.selected
    assert entry is not None

    runs.rename(entry, "  Second   name ")
    qtbot.waitUntil(lambda: runs.selected is not None and runs.selected.record.name == "Second name")
    assert session.model is not None
    assert session.model.name == "Second name"
    session.undo_stack.undo()
    qtbot.waitUntil(lambda: runs.selected is not None and runs.selected.record.name == "First")

    qtbot.mouseClick(runs.delete_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session.run_catalog.runs == ())
    assert session.model is None
    assert not entry.path.exists()
    qtbot.mouseClick(window.message_bar.action_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(session.run_catalog.runs) == 1)
    assert entry.path.exists()

    qtbot.waitUntil(lambda: runs.selected is not None)
    qtbot.mouseClick(runs.use_button, Qt.MouseButton.LeftButton)
    assert session.model == ModelChoice(entry.path, "First")


def test_an_interrupted_run_is_offered_on_its_page(
    qtbot: QtBot, pretrain_page: PretrainPage, with_photos: OpenWindow
) -> None:
    make_tiny(pretrain_page)
    train(qtbot, pretrain_page)
    [run] = RunStore().list()
    run.update(status=RunStatus.STOPPED, steps_done=3)
    pretrain_page.show_setup()
    with_photos.session.runs_changed.emit()
    banner = pretrain_page.resume_banner
    qtbot.waitUntil(banner.isVisible)
    assert banner.entry is not None
    assert banner.entry.path == run.path
    with qtbot.waitSignal(pretrain_page.training_ended, timeout=TRAINING_MS) as signal:
        qtbot.mouseClick(banner.resume_button, Qt.MouseButton.LeftButton)
    assert signal.args == [JobState.FINISHED]


def test_learning_from_scratch_takes_larger_steps_than_refining(
    qtbot: QtBot, finetune_page: FinetunePage, tiny_photos: TinyPhotos
) -> None:
    assert finetune_page.start_choice.box.currentText() == FROM_SCRATCH
    from_scratch = finetune_page.form.values()["learning_rate"]
    finetune_page.start_choice.choose_file(tiny_photos.noisy / "some.safetensors")
    assert finetune_page.form.values()["learning_rate"] < from_scratch


@pytest.mark.parametrize("backbone", ["nafnet", "unet", "dncnn"])
def test_every_network_learns_from_the_window_at_a_chosen_size(
    qtbot: QtBot, pretrain_page: PretrainPage, with_photos: OpenWindow, backbone: str
) -> None:
    load_engine(qtbot, pretrain_page)
    choose(qtbot, pretrain_page, "backbone", backbone)
    params = pretrain_page.form.params_forms["backbone_params"]
    size = params.editor("size").findChild(QComboBox)
    assert size is not None
    size.setCurrentIndex(0)
    size.activated.emit(0)
    make_tiny(pretrain_page, steps=2)
    assert train(qtbot, pretrain_page) is JobState.FINISHED
    [run] = RunStore().list()
    assert run.record.backbone == backbone
    assert run.config()["backbone_params"]["size"] == params.values()["size"]


@pytest.mark.parametrize("pretext", ["neighbor2neighbor", "noise2void", "rcl-plain"])
def test_every_method_learns_from_the_window(
    qtbot: QtBot, pretrain_page: PretrainPage, with_photos: OpenWindow, pretext: str
) -> None:
    load_engine(qtbot, pretrain_page)
    choose(qtbot, pretrain_page, "pretext", pretext)
    make_tiny(pretrain_page, steps=2)
    assert train(qtbot, pretrain_page) is JobState.FINISHED
    [run] = RunStore().list()
    assert run.record.pretext == pretext


def test_a_method_that_compares_nothing_learns_from_a_single_photo(
    qtbot: QtBot, pretrain_page: PretrainPage, with_photos: OpenWindow
) -> None:
    session = with_photos.session
    session.set_excluded(photo.path for photo in session.photos[1:])
    assert "At least 2 photos" in pretrain_page.start_button.toolTip()
    load_engine(qtbot, pretrain_page)
    choose(qtbot, pretrain_page, "pretext", "noise2void")
    assert pretrain_page.start_button.isEnabled()


def test_the_network_cannot_be_chosen_where_it_is_inherited(
    qtbot: QtBot, finetune_page: FinetunePage, tiny_photos: TinyPhotos
) -> None:
    load_engine(qtbot, finetune_page)
    assert not finetune_page.form.form.editor("backbone").isHidden()
    assert "backbone_params" in finetune_page.form.params_forms
    finetune_page.start_choice.choose_file(tiny_photos.noisy / "some.safetensors")
    assert finetune_page.form.form.editor("backbone").isHidden()
    assert "backbone_params" not in finetune_page.form.params_forms
    finetune_page.start_choice.box.setCurrentIndex(finetune_page.start_choice.box.count() - 1)
    finetune_page.start_choice.box.activated.emit(finetune_page.start_choice.box.count() - 1)
    assert not finetune_page.form.form.editor("backbone").isHidden()
