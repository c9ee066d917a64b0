"""Curves, preview strip, message bar, job bar, cards, drop zone."""

import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.core.messages import Message, Severity
from app.jobs.runner import JobRequest, JobRunner
from app.look.theme import Theme, ThemeChoice
from app.pages.training.setup.preset_cards import CardText, ChoiceCards
from app.widgets.drop_zone import DropZone
from app.widgets.job_controls import progress_text
from app.widgets.plots.curves import (
    CHANCE_METRIC,
    CURVES,
    MAX_DRAWN_POINTS,
    Curve,
    chance_accuracy,
    decimated,
    smoothed,
    value_range,
)
from app.widgets.plots.themed_plot import ThemedPlot
from app.widgets.plots.training_plot import TrainingPlot
from app.widgets.preview_strip import MAX_FRAMES, PreviewStrip
from app.window.job_bar import JobBar
from app.window.message_bar import MessageBar
from engine.contracts.events import Emit, PreviewReady, StepDone
from engine.contracts.job_control import JobControl


def preview(step: int, side: int = 24, **kwargs: Any) -> PreviewReady:
    noisy = np.full((side, side, 3), 0.5, np.float32)
    restored = np.full((side, side, 3), min(step / 1000, 1.0), np.float32)
    return PreviewReady(step=step, noisy=noisy, restored=restored, residual=noisy - restored, **kwargs)


class TestCurves:
    def test_a_resumed_run_replaces_the_steps_it_repeats(self) -> None:
        curve = Curve([(1, 1.0), (2, 2.0), (3, 3.0)])
        curve.append(2, 20.0)
        steps, values = curve.points()
        assert steps.tolist() == [1, 2]
        assert values.tolist() == [1.0, 20.0]

    def test_what_is_not_finite_is_left_out(self) -> None:
        curve = Curve([(1, 1.0), (2, float("nan")), (3, float("inf"))])
        assert curve.points()[1].tolist() == [1.0]
        assert curve.last() == 1.0

    def test_decimation_keeps_ends_and_extremes(self) -> None:
        values = np.random.default_rng(0).normal(size=20_000)
        values[12_345] = 50.0
        steps, kept = decimated(np.arange(20_000.0), values)
        assert len(steps) <= 1000
        assert kept.max() == 50.0
        assert kept.min() == values.min()
        assert (np.diff(steps) > 0).all()

    def test_smoothing_keeps_a_straight_line_inside_and_the_mean_of_noise(self) -> None:
        line = np.arange(400.0)
        assert smoothed(line)[20:-20] == pytest.approx(line[20:-20])
        noise = np.random.default_rng(1).normal(size=4000)
        assert smoothed(noise).std() < 0.15
        assert smoothed(line[:10]).tolist() == line[:10].tolist()

    def test_the_range_leaves_out_the_steep_beginning(self) -> None:
        values = np.concatenate([np.full(5, 100.0), np.linspace(1.0, 0.9, 95)])
        low, high = value_range(values, [0.5])
        assert high < 2
        assert low < 0.5
        assert value_range(np.array([3.0])) == (pytest.approx(2.85), pytest.approx(3.15))

    def test_chance(self) -> None:
        assert chance_accuracy(24) == pytest.approx(1 / 23)
        assert chance_accuracy(2) == 1.0

    def test_the_names_are_those_that_a_training_writes(self) -> None:
        source = "".join(path.read_text() for path in Path("engine").rglob("*.py"))
        for spec in CURVES:
            for name in (spec.metric, spec.reference_metric):
                assert not name or name == CHANCE_METRIC or f'"{name}"' in source, name


class TestTrainingPlot:
    def test_panels_appear_with_their_first_point(self, qtbot: QtBot, theme: Theme) -> None:
        plot = TrainingPlot()
        qtbot.addWidget(plot)
        plot.resize(500, 400)
        plot.show()
        assert plot.shown_metrics == ()
        plot.add_row(
            1, {"consistency": 0.1, "contrast": 2.0, "contrast_accuracy": 0.1, CHANCE_METRIC: 0.04, "learning_rate": 1}
        )
        qtbot.waitUntil(lambda: plot.shown_metrics == ("consistency", "contrast", "contrast_accuracy"))
        plot.add_row(2, {"validation_psnr": 30.0, "validation_noisy_psnr": 28.0})
        qtbot.waitUntil(lambda: plot.shown_metrics[0] == "validation_psnr")
        plot.clear()
        assert plot.shown_metrics == ()

    def test_of_thousands_of_points_few_are_drawn(self, qtbot: QtBot, theme: Theme) -> None:
        """However long a training is, its curves cost the same, and no extreme is lost."""
        plot = TrainingPlot()
        qtbot.addWidget(plot)
        plot.resize(500, 400)
        plot.show()
        rng = np.random.default_rng(0)
        values = rng.random((8000, 2))
        for step, (consistency, contrast) in enumerate(values.tolist(), start=1):
            plot.add_row(step, {"consistency": consistency, "contrast": contrast})
        qtbot.waitUntil(lambda: len(plot.shown_metrics) == 2)
        plot._draw()
        for panel, column in zip(plot._panels.values(), values.T, strict=True):
            drawn = [curve.getData()[1] for curve in panel.plot.listDataItems()]
            assert len(drawn) == 2, "as they are, and smoothed"
            assert all(MAX_DRAWN_POINTS / 4 < len(points) <= MAX_DRAWN_POINTS for points in drawn)
            assert (min(drawn[0]), max(drawn[0])) == (column.min(), column.max())

    def test_both_themes_and_all_sizes_are_drawn(self, qtbot: QtBot, theme: Theme) -> None:
        plot = TrainingPlot()
        qtbot.addWidget(plot)
        plot.show()
        for step in range(1, 30):
            plot.add_row(step, {"contrast_accuracy": step / 40, CHANCE_METRIC: 0.04})
        for choice, scale in ((ThemeChoice.LIGHT, 1.0), (ThemeChoice.DARK, 2.0)):
            theme.apply(choice, scale)
            for size in ((240, 120), (900, 600)):
                plot.resize(*size)
                plot._draw()
                image = plot.grab().toImage()
                assert image.pixelColor(2, image.height() - 2).name() == theme.palette.window
                colors = {
                    image.pixelColor(x, y).name() for x in range(0, image.width(), 2) for y in range(image.height())
                }
                assert theme.palette.plot_lines[0] in colors

    def test_earlier_points_are_put_before(self, qtbot: QtBot, theme: Theme) -> None:
        plot = TrainingPlot()
        qtbot.addWidget(plot)
        plot.add_row(5, {"consistency": 0.5})
        plot.put_before({"consistency": [(1, 0.1), (5, 0.9), (6, 0.9)], "contrast": [(1, 2.0)]})
        curve = plot.curve("consistency")
        assert curve is not None
        assert curve.points()[0].tolist() == [1, 5]
        assert curve.last() == 0.5


class TestThemedPlot:
    def test_it_is_made_when_something_is_drawn_or_when_it_is_seen(self, qtbot: QtBot, theme: Theme) -> None:
        drawn, seen = (ThemedPlot("Level", "brightness", "noise", "How strong the noise is.") for _ in range(2))
        for plot in (drawn, seen):
            qtbot.addWidget(plot)
            theme.apply(ThemeChoice.LIGHT)
            assert plot.findChildren(pg.PlotWidget) == []
        drawn.set_drawing(lambda colors: drawn.plot.plot([0, 1], [2, 3]))
        assert [item.getData()[1].tolist() for item in drawn.plot.listDataItems()] == [[2, 3]]
        seen.show()
        qtbot.waitExposed(seen)
        for plot in (drawn, seen):
            assert len(plot.findChildren(pg.PlotWidget)) == 1
            assert plot.plot.getAxis("left").labelText == "noise"


class TestPreviewStrip:
    def test_it_follows_until_someone_scrubs_back(self, qtbot: QtBot, theme: Theme) -> None:
        strip = PreviewStrip()
        qtbot.addWidget(strip)
        shown: list[int] = []
        strip.frame_shown.connect(shown.append)
        for step in (0, 100, 200):
            strip.add(preview(step))
        assert shown == [0, 100, 200]
        strip.slider.setValue(1)
        assert shown[-1] == 100
        strip.add(preview(300))
        assert shown[-1] == 100, "the slider was moved away from what someone looks at"
        strip.slider.setValue(strip.slider.maximum())
        strip.add(preview(400))
        assert shown[-1] == 400

    def test_memory_is_bounded_and_the_ends_stay(self, qtbot: QtBot, theme: Theme) -> None:
        strip = PreviewStrip()
        qtbot.addWidget(strip)
        shown: list[int] = []
        strip.frame_shown.connect(shown.append)
        for step in range(0, 4000, 10):
            strip.add(preview(step, side=4))
        assert strip.num_frames <= MAX_FRAMES
        assert shown[-1] == 3990
        strip.slider.setValue(0)
        assert shown[-1] == 0

    def test_a_repeated_step_replaces_the_old_picture(self, qtbot: QtBot, theme: Theme) -> None:
        strip = PreviewStrip()
        qtbot.addWidget(strip)
        for step in (0, 100, 200, 150):
            strip.add(preview(step))
        assert strip.num_frames == 3

    def test_the_pictures_are_painted(self, qtbot: QtBot, theme: Theme) -> None:
        strip = PreviewStrip()
        qtbot.addWidget(strip)
        strip.resize(600, 300)
        strip.show()
        strip.add(preview(1000, reference=np.full((24, 24, 3), 0.25, np.float32)))
        image = strip.grab().toImage()
        levels = {image.pixelColor(x, y).red() for x in range(image.width()) for y in range(image.height())}
        # Noisy 0.5, restored 1, reference 0.25, residual -0.5 amplified and clipped to black.
        assert {128, 255, 64, 0} <= levels

    def test_stored_pictures_are_shown(self, qtbot: QtBot, theme: Theme, tmp_path: Path) -> None:
        for step in (0, 50):
            cv2.imwrite(str(tmp_path / f"step_{step:08d}.png"), np.full((8, 24, 3), step, np.uint8))
        (tmp_path / "step_00000099.png").write_bytes(b"no picture")
        strip = PreviewStrip()
        qtbot.addWidget(strip)
        shown: list[int] = []
        strip.frame_shown.connect(shown.append)
        strip.set_files(list(tmp_path.iterdir()))
        assert strip.num_frames == 3
        assert shown == []
        strip.slider.setValue(1)
        assert shown == [50]


class TestMessageBar:
    def test_an_error_stays_and_others_wait_behind_it(self, qtbot: QtBot, theme: Theme) -> None:
        bar = MessageBar()
        qtbot.addWidget(bar)
        error = Message(severity=Severity.ERROR, text="The disk is full.", hint="Free some space.", details="at /x")
        note = Message(text="Done.")
        bar.post(error)
        bar.post(note)
        bar.post(error)
        assert bar.shown_message == error
        assert not bar.isHidden()
        qtbot.mouseClick(bar.dismiss_button, Qt.MouseButton.LeftButton)
        assert bar.shown_message == note
        qtbot.mouseClick(bar.dismiss_button, Qt.MouseButton.LeftButton)
        assert bar.shown_message is None
        assert bar.isHidden()

    def test_a_note_goes_away_by_itself_but_an_error_does_not(
        self, qtbot: QtBot, theme: Theme, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.window.message_bar._SHOWN_MS", {Severity.INFO: 40, Severity.WARNING: 80})
        holder = QWidget()
        qtbot.addWidget(holder)
        bar = MessageBar(holder)
        elsewhere = QPushButton("Elsewhere", holder)
        holder.resize(600, 400)
        bar.setGeometry(0, 300, 600, 100)
        holder.show()
        elsewhere.setFocus()
        bar.post(Message(text="Saved."))
        qtbot.waitUntil(lambda: bar.shown_message is None, timeout=20_000)
        bar.post(Message(severity=Severity.ERROR, text="Not saved."))
        qtbot.wait(150)
        assert bar.shown_message is not None

    def test_the_action_and_the_details(self, qtbot: QtBot, theme: Theme) -> None:
        bar = MessageBar()
        qtbot.addWidget(bar)
        bar.show()
        done: list[int] = []
        bar.post(
            Message(
                severity=Severity.WARNING, text="Deleted.", hint="h", details="where", action_label="Undo",
                action=lambda: done.append(1),
            )
        )  # fmt: skip
        assert bar.action_button.text() == "Undo"
        copy = next(control for control in bar.findChildren(QPushButton) if control.text() == "Copy")
        qtbot.mouseClick(copy, Qt.MouseButton.LeftButton)
        assert QGuiApplication.clipboard().text() == "Deleted.\nh\nwhere"
        qtbot.mouseClick(bar.action_button, Qt.MouseButton.LeftButton)
        assert done == [1]
        assert bar.shown_message is None


class TestJobBar:
    def test_it_shows_the_job_and_pauses_and_stops_it(self, qtbot: QtBot, theme: Theme, runner: JobRunner) -> None:
        def work(_: None, control: JobControl, emit: Emit) -> None:
            for step in range(100_000):
                control.wait_if_paused()
                emit(
                    StepDone(
                        stage="Pretraining", step=step, num_steps=100_000, seconds_left=200.0,
                        metrics={"steps_per_second": 10.0},
                    )
                )  # fmt: skip
                time.sleep(0.002)

        holder = QWidget()
        qtbot.addWidget(holder)
        bar = JobBar(runner, holder)
        holder.resize(900, 60)
        bar.setGeometry(0, 0, 900, 44)
        holder.show()
        assert not bar.isVisible()
        job = runner.submit(JobRequest(title="Pretraining “x”", page_id="pretrain", function=work, config=None))
        waiting = runner.submit(JobRequest(title="Next", page_id="restore", function=lambda *_: None, config=None))
        qtbot.waitUntil(bar.isVisible)
        qtbot.waitUntil(lambda: "3\xa0min left" in progress_text(job))
        assert progress_text(waiting) == "waiting"
        qtbot.mouseClick(bar.controls.pause_button, Qt.MouseButton.LeftButton)
        assert progress_text(job) == "paused"
        assert bar.controls.pause_button.toolTip() == "Resume"
        qtbot.mouseClick(bar.controls.pause_button, Qt.MouseButton.LeftButton)
        qtbot.mouseClick(bar, Qt.MouseButton.LeftButton, pos=QPoint(300, 22))
        assert bar.panel is not None
        bar.panel.close()
        assert bar.panel is None
        qtbot.mouseClick(bar.controls.stop_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not runner.is_busy)
        qtbot.waitUntil(lambda: not bar.isVisible())


def test_cards_are_chosen_by_click_and_key(qtbot: QtBot, theme: Theme) -> None:
    cards = ChoiceCards([CardText(name, "scales", name.title(), "1 min", "What one gets") for name in "abc"], "Preset")
    qtbot.addWidget(cards)
    chosen: list[str] = []
    cards.chosen.connect(chosen.append)
    cards.resize(600, 100)
    with qtbot.waitActive(cards):
        cards.show()
    cards.choose("b")
    qtbot.mouseClick(cards.cards["a"], Qt.MouseButton.LeftButton, pos=QPoint(30, 20))
    cards.cards["a"].setFocus()
    qtbot.keyClick(cards.cards["a"], Qt.Key.Key_Right)
    assert chosen == ["b", "a", "b"]
    assert cards.value == "b"


def test_dropping_on_the_drop_zone(qtbot: QtBot, theme: Theme, tmp_path: Path) -> None:
    zone = DropZone("image", "Drop photos here", "or", [QPushButton("Open")])
    qtbot.addWidget(zone)
    zone.resize(500, 300)
    zone.show()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path)), QUrl("https://example.org/x.png")])
    where, action = QPoint(50, 50), Qt.DropAction.CopyAction
    enter = QDragEnterEvent(where, action, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(zone, enter)
    assert enter.isAccepted()
    drop = QDropEvent(QPointF(where), action, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    with qtbot.waitSignal(zone.dropped) as signal:
        QApplication.sendEvent(zone, drop)
    assert signal.args == [[tmp_path]]
