"""A terminal that is closed, or a person who logs out, ends a training as Ctrl-C does."""

import io
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.cli.reporting import LineReporter, cancelled_by_signals
from engine.contracts.job_control import JobControl
from tests.conftest import TinyPhotos
from tests.engine.cli.test_cli import interrupt_training

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="nothing hangs up on Windows")


@pytest.fixture
def kept_handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def test_a_closed_terminal_saves_and_the_run_can_be_resumed(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    run = tmp_path / "run"
    settings = ["--preset", "quick", "--steps", "100000", "--backbone-params", "width=8", "--device", "cpu"]
    code, fields, _ = interrupt_training(
        ["pretrain", str(tiny_photos.noisy), *settings, "--out", str(run)], signal.SIGHUP
    )
    assert code == 130
    assert fields["status"] == "stopped"
    assert (run / "checkpoints" / "last.safetensors").is_file()


@pytest.mark.usefixtures("kept_handler")
def test_that_it_was_closed_may_be_told_twice() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    control = JobControl()
    with cancelled_by_signals(control, LineReporter(io.StringIO())):
        signal.raise_signal(signal.SIGHUP)
        assert control.is_cancelled
        signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


@pytest.mark.usefixtures("kept_handler")
def test_what_was_started_to_outlive_its_terminal_does() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    control = JobControl()
    with cancelled_by_signals(control, LineReporter(io.StringIO())):
        signal.raise_signal(signal.SIGHUP)
        assert not control.is_cancelled
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
