"""The tab "Was it worth it?": settings, a tiny experiment that goes on and is shown, earlier ones."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QSpinBox

from app.jobs.runner import JobState
from app.look.catalogues import load_catalogue
from app.look.translation import install_catalogue
from app.pages.training.budget.time import BudgetTime
from app.pages.training.budget.view import EXPERIMENTS_FOLDER, LabelBudgetView
from app.pages.training.setup.time import SpeedSource, TrainingTime, speed_key_of
from engine.contracts.configs import FinetuneConfig, Preset, PretrainConfig
from engine.contracts.events import PhotoScanned
from engine.contracts.label_budget import LabelBudgetConfig
from engine.contracts.photo import PhotoRef
from engine.contracts.presets import PRESET_CARDS, finetune_preset, pretrain_preset
from engine.label_budget.stored import keep_settings
from engine.label_budget.workload import Workload
from engine.photos.pairs import PhotoPair


@pytest.fixture
def labelled(session, tiny_photos):
    """Eight photos with their references."""
    paths = sorted(tiny_photos.noisy.iterdir())
    session.set_folders([tiny_photos.noisy])
    session.add_photos([PhotoScanned(path=PhotoRef(path), width=112, height=96, noise_sigma=0.1) for path in paths])
    session.set_label_pairs([PhotoPair(PhotoRef(path), PhotoRef(tiny_photos.clean / path.name)) for path in paths])
    return session


@pytest.fixture
def view(qtbot, theme, session, runner, settings):
    view = LabelBudgetView(session, runner, settings)

    def end(_):
        runner.cancel_all()
        qtbot.waitUntil(lambda: not runner.is_busy, timeout=60_000)
        view.shut_down()

    qtbot.addWidget(view, before_close_func=end)
    view.resize(1000, 700)
    view.show()
    return view


@pytest.fixture
def unfinished(session, tiny_photos):
    """A tiny experiment of which nothing is done yet, in its folder."""
    config = LabelBudgetConfig(
        noisy=tuple(sorted(tiny_photos.noisy.iterdir())[:4]),
        clean=tuple(sorted(tiny_photos.clean.iterdir())[:4]),
        out=session.run_store.root.parent / EXPERIMENTS_FOLDER / "2025-11-23 tiny",
        labels=(0, 1),
        methods=("scratch", "rcl"),
        seeds=2,
        steps=4,
        device="cpu",
        workers=1,
        backbone="unet",
        backbone_params={"width": 8, "num_levels": 2},
        training_params={"crop_px": 16, "photos_per_batch": 2},
    )
    config.out.mkdir(parents=True)
    keep_settings(config)
    return config


def type_counts(qtbot, view, text):
    edit = view.setup.form.editor("labels").findChild(QLineEdit)
    edit.selectAll()
    qtbot.keyClicks(edit, text)


def test_it_says_what_is_missing_until_it_can_start(qtbot, view, session, tiny_photos):
    assert not view.setup.start_button.isEnabled()
    session.set_engine_loaded("CPU")
    assert "references" in view.setup.start_button.toolTip()
    noisy, clean = sorted(tiny_photos.noisy.iterdir()), sorted(tiny_photos.clean.iterdir())
    session.set_label_pairs([PhotoPair(*map(PhotoRef, pair)) for pair in zip(noisy, clean, strict=True)])
    assert view.setup.start_button.isEnabled()
    type_counts(qtbot, view, "a few")
    assert "numbers" in view.setup.start_button.toolTip()
    type_counts(qtbot, view, "0, 1, all")
    assert view.setup.start_button.isEnabled()
    for box in view.setup.method_boxes.values():
        box.setChecked(False)
    assert "method" in view.setup.start_button.toolTip()


def test_what_pretrain_and_finetune_do_by_themselves_is_among_what_is_compared(view):
    for method in ("starter", pretrain_preset(Preset.QUICK, from_scratch=False)["pretext"]):
        assert view.setup.method_boxes[method].isChecked()
        assert view.setup.method_boxes[method].toolTip()


def test_what_will_not_be_compared_is_said_in_the_chosen_language(qtbot, view, labelled):
    labelled.set_engine_loaded("CPU")
    install_catalogue(load_catalogue("de"))
    try:
        type_counts(qtbot, view, "0, 50")
        (said,) = (each.text() for each in view.findChildren(QLabel) if "50" in each.text())
        assert "50 Labels: Für die Auswahl gibt es nur" in said
    finally:
        install_catalogue(load_catalogue("en"))


def test_starting_submits_what_was_chosen_and_stopping_leads_back(qtbot, view, labelled, runner):
    labelled.set_engine_loaded("CPU")
    type_counts(qtbot, view, "0, 2")
    view.setup.form.editor("seeds").findChild(QSpinBox).setValue(2)
    for name, box in view.setup.method_boxes.items():
        box.setChecked(name == "scratch")
    QTest.mouseClick(view.setup.start_button, Qt.MouseButton.LeftButton)
    (job,) = runner.jobs
    config = job.request.config
    assert (config.methods, config.labels, config.seeds, config.workers) == (("scratch",), (0, 2), 2, 1)
    assert config.preset is Preset.QUICK
    assert config.out.parent == view.root
    assert len(config.clean) == 8
    job.cancel()
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=60_000)
    assert job.state is JobState.CANCELLED
    assert not view.is_running


def test_the_number_of_steps_can_be_set(view, labelled):
    labelled.set_engine_loaded("CPU")
    view.refresh()
    by_preset = view._config(Preset.QUICK, view.root)
    assert by_preset.steps is None
    editor = view.setup.form.editor("steps")
    editor.findChild(QSpinBox).setValue(40)
    config = view._config(Preset.QUICK, view.root)
    assert (config.steps, config.total_steps) == (40, 40)
    assert view._estimate(Preset.QUICK).minutes > 0
    assert view._count(Preset.QUICK).finetuning_steps < by_preset.total_steps


def test_what_was_decided_about_pairs_goes_along(view, labelled):
    pairs = labelled.label_pairs
    labelled.set_label_pairs(pairs, unfitted=[pairs[0].noisy], measuring=[pairs[1].noisy])
    config = view._config(Preset.QUICK, view.root)
    assert config.unfitted_names == (str(pairs[0].noisy),)
    assert config.measure_names == (str(pairs[1].noisy),)
    assert config.given_pairs == {pair.noisy: pair.clean for pair in pairs}
    assert view._count(Preset.QUICK).num_measured == 1


def test_an_unfinished_experiment_goes_on_and_is_shown(qtbot, view, labelled, unfinished, runner):
    labelled.set_engine_loaded("CPU")
    view.list_earlier()
    qtbot.waitUntil(lambda: view.setup.earlier.count() == 1)
    assert "not finished" in view.setup.earlier.currentText()
    QTest.mouseClick(view.setup.open_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: view.is_running)
    titles = []
    qtbot.waitUntil(lambda: view.progress.table.rowCount() > 0, timeout=60_000)
    titles = [view.progress.table.item(row, 0).text() for row in range(view.progress.table.rowCount())]
    assert "From scratch, 1 label, repetition 1" in titles
    qtbot.waitUntil(lambda: not view.is_running, timeout=120_000)
    states = {view.progress.table.item(row, 1).text() for row in range(view.progress.table.rowCount())}
    assert states == {"measured"}
    assert "PSNR" not in view.result.verdict.text()
    assert "dB" in view.result.verdict.text()
    assert view.result.table.rowCount() == 2
    assert view.result.table.columnCount() == 3
    assert "…" in view.result.table.item(0, 2).text()
    assert len(view.result.chart.plot.listDataItems()) >= 2
    assert (unfinished.out / "chart.png").is_file()
    view.show_setup()
    qtbot.waitUntil(lambda: "not finished" not in view.setup.earlier.currentText())
    QTest.mouseClick(view.setup.open_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: view.result.isVisible())
    assert not view.is_running


def test_a_damaged_experiment_is_a_message(qtbot, view, unfinished):
    (unfinished.out / "experiment.json").write_text("{", encoding="utf-8")
    with qtbot.waitSignal(view.message_raised) as raised:
        view.open_experiment(unfinished.out)
    assert "cannot be read" in raised.args[0].text


class TestEstimate:
    STEPS = int(pretrain_preset(Preset.QUICK)["steps"]), int(finetune_preset(Preset.QUICK)["steps"])
    WORKLOAD = Workload(
        num_trainings=5,
        pretraining_steps=2 * STEPS[0],
        finetuning_steps=3 * STEPS[1],
        num_measured=3,
        all_count=64,
        left_out=(),
    )

    @pytest.fixture
    def config(self, tmp_path):
        noisy = tuple(tmp_path / f"{number}.png" for number in range(64))
        return LabelBudgetConfig(noisy=noisy, clean=noisy, out=tmp_path, preset=Preset.QUICK)

    def test_of_an_unknown_machine_it_is_the_presets_minutes_for_each_training(self, session, settings, config):
        card = PRESET_CARDS[Preset.QUICK]
        estimate = BudgetTime(session, settings).estimate(config, self.WORKLOAD)
        assert estimate.minutes == pytest.approx(2 * card.pretrain_minutes + 3 * card.finetune_minutes)
        assert estimate.source is SpeedSource.GUESSED

    def test_trials_of_the_training_pages_count(self, session, settings, config):
        for training, kind, steps_per_second in (
            (
                PretrainConfig(photos=config.noisy, **config.pretrain_settings("rcl", from_scratch=True)),
                "pretrain",
                4.0,
            ),
            (
                FinetuneConfig(
                    noisy=config.noisy,
                    clean=config.clean,
                    **config.finetune_settings(from_scratch=True, with_twins=False, steps=10),
                ),
                "finetune",
                2.0,
            ),
        ):
            times = TrainingTime(settings, kind, lambda _: {}, lambda _: 1.0, session.tried_speeds)
            times.take_trial(
                speed_key_of(training, training.backbone, training.backbone_params), training, 64, steps_per_second
            )
        estimate = BudgetTime(session, settings).estimate(config, self.WORKLOAD)
        assert estimate.minutes == pytest.approx((2 * self.STEPS[0] / 4 + 3 * self.STEPS[1] / 2) / 60)
        assert estimate.source is SpeedSource.TRIED
