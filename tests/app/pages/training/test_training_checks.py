"""The look ahead, the estimates, several trainings at once, and trying the current weights, in the real window."""

import json
import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.core.settings import MEASURED_SPEEDS, Settings
from app.jobs.runner import JobState
from app.pages.training.finetune import FinetunePage
from app.pages.training.page import TrainingPage
from app.pages.training.pretrain import PretrainPage
from app.pages.training.setup.time import SpeedSource, TrainingTime, compared_with_estimate, speed_key_of
from engine.contracts.configs import Preset, PretrainConfig
from engine.contracts.events import PhotoScanned
from engine.contracts.photo import PhotoRef
from engine.photos.folder import list_image_files
from engine.photos.pairs import match_pairs
from engine.runs.store import RunStore
from tests.app.conftest import OpenWindow
from tests.conftest import TinyPhotos

TINY = {"steps": 6, "crop_px": 32, "photos_per_batch": 3, "preview_interval_s": 0.05}
TRAINING_MS = 60_000


def scanned(folder: Path) -> list[PhotoScanned]:
    return [
        PhotoScanned(path=PhotoRef(path), width=112, height=96, noise_sigma=0.1) for path in sorted(folder.iterdir())
    ]


def open_photos(opened: OpenWindow, folder: Path) -> None:
    opened.session.set_folders([folder])
    opened.session.add_photos(scanned(folder))


@pytest.fixture
def pretrain_page(opened: OpenWindow, tiny_photos: TinyPhotos) -> PretrainPage:
    open_photos(opened, tiny_photos.noisy)
    opened.window.show_page("pretrain")
    page = opened.window.pages["pretrain"]
    assert isinstance(page, PretrainPage)
    return page


@pytest.fixture
def finetune_page(opened: OpenWindow, tiny_photos: TinyPhotos) -> FinetunePage:
    open_photos(opened, tiny_photos.noisy)
    pairs = match_pairs(list_image_files([tiny_photos.noisy]), list_image_files([tiny_photos.clean]))
    opened.session.set_label_pairs(pairs.pairs)
    opened.session.set_clean_photos(list_image_files([tiny_photos.clean]))
    opened.window.show_page("finetune")
    page = opened.window.pages["finetune"]
    assert isinstance(page, FinetunePage)
    return page


def make_tiny(page: TrainingPage, **values: object) -> None:
    page.form.form.set_values(TINY | values)
    page.refresh()


def look_ahead(qtbot: QtBot, page: TrainingPage) -> None:
    """Let the page look at its photos, as it does once torch is in memory, and wait for what it finds."""
    page.session.set_engine_loaded("CPU")
    wait_for_look(qtbot, page)


def wait_for_look(qtbot: QtBot, page: TrainingPage) -> None:
    qtbot.waitUntil(lambda: not page.checks.is_busy and page.checks.report is not None, timeout=TRAINING_MS)


def start(qtbot: QtBot, page: TrainingPage, **values: object) -> None:
    make_tiny(page, **values)
    assert page.start_button.isEnabled(), page.start_button.toolTip()
    qtbot.mouseClick(page.start_button, Qt.MouseButton.LeftButton)


def test_a_long_training_is_told_more_disk(qtbot: QtBot, pretrain_page: PretrainPage) -> None:
    """Its previews and its log are kept."""
    told = []
    for steps in (6, 600_000):
        make_tiny(pretrain_page, steps=steps, preview_interval_s=8.0)
        look_ahead(qtbot, pretrain_page)
        report = pretrain_page.checks.report
        assert report is not None
        told.append(report.disk_bytes)
    assert told[1] > told[0] + 100 * 2**20


class TestEstimates:
    @pytest.fixture
    def time(self, qtbot: QtBot, settings: Settings) -> TrainingTime:
        return TrainingTime(settings, "pretrain", lambda preset: {"steps": 100}, lambda preset: 4.0, {})

    @pytest.fixture
    def config(self, tmp_path: Path) -> PretrainConfig:
        return PretrainConfig(photos=(tmp_path,), steps=1000, crop_px=32, photos_per_batch=4)

    def test_a_guess_gives_way_to_a_trial_and_that_to_a_measurement(
        self, time: TrainingTime, config: PretrainConfig
    ) -> None:
        key = speed_key_of(config, "unet", {})
        values = config.model_dump()
        assert time.estimate(values, Preset.QUICK, 8, key).source is SpeedSource.GUESSED
        time.take_trial(key, config, 8, 50.0)
        tried = time.estimate(values, Preset.QUICK, 8, key)
        assert tried.source is SpeedSource.TRIED
        assert tried.minutes == pytest.approx(1000 / 50 / 60)
        time.learn(key, config, 8, 1000, 20.0)
        measured = time.estimate(values, Preset.QUICK, 8, key)
        assert measured.source is SpeedSource.MEASURED
        assert measured.minutes == pytest.approx(1000 / 20 / 60)
        # Four times the pixels to a step.
        larger = time.estimate(values | {"crop_px": 64}, Preset.QUICK, 8, key)
        assert larger.minutes == pytest.approx(4 * measured.minutes)
        other = time.estimate(values, Preset.QUICK, 8, speed_key_of(config, "dncnn", {}))
        assert other.source is SpeedSource.ALIKE

    def test_measurements_outlive_the_window_and_each_kind_has_its_own(
        self, time: TrainingTime, config: PretrainConfig, settings: Settings, tmp_path: Path
    ) -> None:
        time.learn("a", config, 8, 1000, 20.0)
        finetune = TrainingTime(settings, "finetune", lambda preset: {}, lambda preset: 4.0, {})
        finetune.learn("a", config, 8, 1000, 5.0)
        settings.save()
        later = TrainingTime(
            Settings(tmp_path / "settings.json"), "pretrain", lambda preset: {}, lambda preset: 4.0, {}
        )
        assert later.knows("a")
        assert later.estimate(config.model_dump(), Preset.QUICK, 8, "a").minutes == pytest.approx(1000 / 20 / 60)

    def test_a_handful_of_steps_teaches_nothing(self, time: TrainingTime, config: PretrainConfig) -> None:
        time.learn("a", config, 8, 20, 20.0)
        assert not time.knows("a")

    def test_what_somebody_else_wrote_into_the_settings_is_passed_over(
        self, time: TrainingTime, config: PretrainConfig, settings: Settings
    ) -> None:
        settings.set(MEASURED_SPEEDS, ["nonsense", "[1]", json.dumps(["pretrain", "a", "fast"]), "5"])
        assert not time.knows("a")
        time.learn("a", config, 8, 1000, 20.0)
        assert time.knows("a")

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (100, "as long as estimated"),
            (103, "as long as estimated"),
            (112, "12\xa0% longer than estimated"),
            (80, "20\xa0% shorter than estimated"),
            (250, "2.5 times as long as estimated"),
        ],
    )
    def test_the_error_of_an_estimate_is_told(self, seconds: float, text: str) -> None:
        assert compared_with_estimate(seconds, 100) == text
        assert compared_with_estimate(seconds, 0) == ""


class TestLookAhead:
    def test_what_will_be_read_and_needed_is_shown(self, qtbot: QtBot, pretrain_page: PretrainPage) -> None:
        make_tiny(pretrain_page)
        look_ahead(qtbot, pretrain_page)
        panel = pretrain_page.setup.panel
        assert panel.isVisible()
        assert panel.facts["Reads"] == "8\xa0photos · 0.1\xa0MP"
        assert panel.facts["Computes on"].startswith(("CPU", "CUDA", "MPS"))
        assert "MiB of" in panel.facts["Memory"]
        assert "MiB of" in panel.facts["Disk"]
        assert any("little variety" in message for message in panel.messages)
        assert pretrain_page.start_button.isEnabled()
        qtbot.waitUntil(lambda: not pretrain_page.checks.is_trying, timeout=TRAINING_MS)
        estimate = pretrain_page._time.estimate(
            pretrain_page.form.values(), Preset.QUICK, 8, pretrain_page.checks.speed_key
        )
        assert estimate.source is SpeedSource.TRIED

    def test_a_problem_that_would_end_the_training_prevents_its_start_until_it_is_mended(
        self, qtbot: QtBot, pretrain_page: PretrainPage, opened: OpenWindow, tmp_path: Path, tiny_photos: TinyPhotos
    ) -> None:
        copies = tmp_path / "copies"
        copies.mkdir()
        for name in "abc":
            shutil.copy(tiny_photos.noisy / "photo 0.png", copies / f"{name}.png")
        open_photos(opened, copies)
        look_ahead(qtbot, pretrain_page)
        assert not pretrain_page.start_button.isEnabled()
        assert "copies of one file" in pretrain_page.start_button.toolTip()
        assert "Add other photos." in pretrain_page.start_button.toolTip()
        assert pretrain_page.setup.panel.messages
        open_photos(opened, tiny_photos.noisy)
        qtbot.waitUntil(pretrain_page.start_button.isEnabled, timeout=TRAINING_MS)

    def test_a_changed_setting_is_looked_at_again(self, qtbot: QtBot, pretrain_page: PretrainPage) -> None:
        make_tiny(pretrain_page)
        look_ahead(qtbot, pretrain_page)
        panel = pretrain_page.setup.panel
        assert not any("smaller than the square" in message for message in panel.messages)
        # The same settings once more: there is nothing to find out, and nothing more is said to be.
        pretrain_page.refresh()
        assert panel.state == "looking at the photos …"
        qtbot.waitUntil(lambda: panel.state != "looking at the photos …", timeout=TRAINING_MS)
        make_tiny(pretrain_page, crop_px=128)
        qtbot.waitUntil(
            lambda: any("smaller than the square" in message for message in panel.messages), timeout=TRAINING_MS
        )
        assert pretrain_page.start_button.isEnabled()


class TestSeveralTrainings:
    def test_a_second_training_waits_and_is_then_shown(
        self, qtbot: QtBot, pretrain_page: PretrainPage, opened: OpenWindow
    ) -> None:
        start(qtbot, pretrain_page, name="First", steps=4000)
        view, setup = pretrain_page.view, pretrain_page.setup
        assert view.isVisible()
        qtbot.waitUntil(lambda: view.run is not None, timeout=TRAINING_MS)
        view.setup_requested.emit()
        assert setup.isVisible()
        assert setup.show_button.isVisible()
        start(qtbot, pretrain_page, name="Second")
        assert setup.isVisible()
        message = opened.window.message_bar.shown_message
        assert message is not None
        assert message.text == "Pretraining “Second” waits in the queue."
        first, second = opened.runner.jobs
        assert (first.request.title, second.state) == ("Pretraining “First”", JobState.QUEUED)
        qtbot.mouseClick(setup.show_button, Qt.MouseButton.LeftButton)
        assert view.isVisible()
        assert view.job is first
        ends: list[JobState] = []
        pretrain_page.training_ended.connect(ends.append)
        first.cancel()
        qtbot.waitUntil(lambda: len(ends) == 2, timeout=TRAINING_MS)
        assert ends == [JobState.CANCELLED, JobState.FINISHED]
        assert view.job is second
        assert view.summary.startswith("6\xa0steps took")
        assert "estimated" in view.summary
        assert not pretrain_page.is_training
        assert {run.record.name for run in RunStore().list()} == {"First", "Second"}

    def test_a_waiting_training_can_be_removed(
        self, qtbot: QtBot, pretrain_page: PretrainPage, opened: OpenWindow
    ) -> None:
        start(qtbot, pretrain_page, name="First", steps=4000)
        pretrain_page.show_setup()
        start(qtbot, pretrain_page, name="Second")
        first, second = opened.runner.jobs
        with qtbot.waitSignal(pretrain_page.training_ended, timeout=TRAINING_MS):
            second.cancel()
        assert pretrain_page.is_training
        with qtbot.waitSignal(pretrain_page.training_ended, timeout=TRAINING_MS):
            first.cancel()
        assert not pretrain_page.is_training
        assert not pretrain_page.setup.show_button.isVisible()


class TestTryingWeights:
    def test_the_current_weights_restore_a_photo_while_the_training_goes_on(
        self, qtbot: QtBot, pretrain_page: PretrainPage, opened: OpenWindow
    ) -> None:
        tries = pretrain_page.view.tries
        start(qtbot, pretrain_page, steps=4000)
        pretrain_page.view.looks.setCurrentWidget(tries)
        assert not tries.try_button.isEnabled()
        qtbot.waitUntil(tries.try_button.isEnabled, timeout=TRAINING_MS)
        tries.photo_box.setCurrentIndex(2)
        [job] = opened.runner.jobs
        with qtbot.waitSignal(tries.tried, timeout=TRAINING_MS) as signal:
            qtbot.mouseClick(tries.try_button, Qt.MouseButton.LeftButton)
        [step] = signal.args
        assert step >= 0
        assert job.state is JobState.RUNNING
        titles = [pane.title for pane in tries.viewer.panes]
        assert titles == ["Noisy", f"Restored, step {step:,}"]
        assert "Restored with step" in tries.status
        # Amid a pause too.
        job.pause()
        with qtbot.waitSignal(tries.tried, timeout=TRAINING_MS):
            qtbot.mouseClick(tries.try_button, Qt.MouseButton.LeftButton)
        assert job.state is JobState.PAUSED
        with qtbot.waitSignal(pretrain_page.training_ended, timeout=TRAINING_MS):
            job.cancel()
        with qtbot.waitSignal(tries.tried, timeout=TRAINING_MS) as signal:
            qtbot.mouseClick(tries.try_button, Qt.MouseButton.LeftButton)
        assert signal.args == [None]
        tries.shut_down()


def test_the_settings_of_the_task_are_offered_and_used(
    qtbot: QtBot, finetune_page: FinetunePage, opened: OpenWindow
) -> None:
    opened.session.set_engine_loaded("CPU")
    forms = finetune_page.form.params_forms
    assert "task_params" not in forms
    finetune_page.inputs.tasks.choose("sr2")
    # What suits small photos that are made of clean ones.
    assert forms["task_params"].values() == {"noise_sigma": 10.0, "enlarged_input": False}
    forms["task_params"].set_values({"noise_sigma": 3.0})
    assert finetune_page.inputs.make_config().task_params["noise_sigma"] == 3.0
    finetune_page.inputs.tasks.choose("denoise")
    assert "task_params" not in forms
    assert finetune_page.inputs.make_config().task_params == {}
