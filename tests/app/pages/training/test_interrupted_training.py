"""Promise 2: the next start offers a killed training, and says what the kill has cost."""

import json
import signal
import sys
import time
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.pages.training.pretrain import PretrainPage
from engine.runs.records import RunStatus
from engine.runs.store import RunStore
from tests.app.conftest import OpenWindow
from tests.conftest import TinyPhotos
from tests.warm_processes import start_warm

SETTINGS = (
    "--photos-per-batch 2 --crop-px 16 --steps 100000 --device cpu --backbone-params width=8 --learning-rate 0.001"
)


def kill_amid_training(photos: Path, *, seconds_after_save: float) -> None:
    """Train in a process of its own and kill it some time after it has saved."""
    command = ["pretrain", photos, "--preset", "quick", "--json", "--checkpoint-interval-s", "10"]
    process = start_warm("engine.cli", [*command, *SETTINGS.split()])
    saved_at = None
    for line in process.stderr:
        event = json.loads(line)["event"]
        if event == "CheckpointSaved" and saved_at is None:
            saved_at = time.monotonic()
        # Figures are written once a second.
        if event == "MetricsRow" and saved_at is not None and time.monotonic() - saved_at > seconds_after_save:
            break
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    process.stderr.close()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_the_next_start_offers_it_and_says_what_is_lost(
    qtbot: QtBot, tiny_photos: TinyPhotos, request: pytest.FixtureRequest
) -> None:
    kill_amid_training(tiny_photos.noisy, seconds_after_save=2.0)
    [run] = RunStore().list()
    assert run.record.status is RunStatus.INTERRUPTED
    lost_steps, lost_seconds = run.lost_work()
    assert lost_steps > 0
    assert lost_seconds > 0

    window: OpenWindow = request.getfixturevalue("opened")
    page = window.window.pages["pretrain"]
    assert isinstance(page, PretrainPage)
    window.window.show_page("pretrain")
    window.session.run_catalog.refresh()
    qtbot.waitUntil(page.resume_banner.isVisible, timeout=30_000)
    assert page.resume_banner.entry is not None
    assert page.resume_banner.entry.path == run.path
    text = page.resume_banner.text
    assert f"from step {run.record.steps_done:,} of 100,000" in text
    assert f"{lost_steps:,} steps" in text


def test_what_was_stopped_has_lost_nothing(tmp_path: Path) -> None:
    run = RunStore(tmp_path).create("pretrain", "x", {})
    run.append_metrics(30, {"loss": 1.0})
    run.update(status=RunStatus.STOPPED, steps_done=10)
    assert run.lost_work() == (0, 0.0)
