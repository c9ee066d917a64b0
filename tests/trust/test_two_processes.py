"""Promise 7: two windows on one data folder never clash, two runs never share a folder; with real processes."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.core.open_windows import NOTES_FOLDER, OpenWindows, other_window_message
from app.core.settings import LAST_MODEL, PRETRAIN_PRESET, THEME, Settings
from engine.contracts.errors import EngineError
from engine.runs.folder import SUBFOLDERS, Run
from tests.trust.contenders import NUM_PROCESSES, NUM_ROUNDS, PATIENCE_S, contend, create, create_in_store, take_over
from tests.trust.kill_host import PROJECT


def outcomes(work: Callable[[Path], str], folder: Path) -> dict[int, list[tuple[int, Any]]]:
    """What each process got in each round: its id with a run's id, or an error."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(NUM_PROCESSES), context.Queue()
    arguments = (work, folder, barrier, results)
    processes = [context.Process(target=contend, args=arguments) for _ in range(NUM_PROCESSES)]
    for process in processes:
        process.start()
    found: dict[int, list[tuple[int, Any]]] = {}
    for _ in range(NUM_PROCESSES * NUM_ROUNDS):
        number, pid, outcome = results.get(timeout=PATIENCE_S)
        found.setdefault(number, []).append((pid, outcome))
    for process in processes:
        process.join(PATIENCE_S)
        assert process.exitcode == 0
    return found


def test_of_processes_that_name_one_folder_one_gets_it(tmp_path: Path) -> None:
    for number in range(NUM_ROUNDS):
        (tmp_path / str(number)).mkdir()
    for number, results in outcomes(create, tmp_path).items():
        winners = [pid for pid, outcome in results if isinstance(outcome, str)]
        assert len(winners) == 1
        assert all(outcome.hint for _, outcome in results if isinstance(outcome, EngineError))
        folder = tmp_path / str(number) / "run"
        # The others have not taken a part of it away.
        assert Run(folder).config() == {"pid": winners[0]}
        assert all((folder / name).is_dir() for name in SUBFOLDERS)


def test_runs_of_one_moment_get_folders_of_their_own(tmp_path: Path) -> None:
    for results in outcomes(create_in_store, tmp_path).values():
        assert len({outcome for _, outcome in results}) == NUM_PROCESSES


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_of_processes_that_resume_one_run_one_gets_it(tmp_path: Path) -> None:
    """Also where its last owner was killed: what that one left behind blocks nobody."""
    for number in range(NUM_ROUNDS):
        creator = multiprocessing.get_context("fork").Process(
            target=lambda number=number: (create(tmp_path / str(number)), os.kill(os.getpid(), signal.SIGKILL))
        )
        creator.start()
        creator.join(PATIENCE_S)
        assert creator.exitcode == -signal.SIGKILL
    for number, results in outcomes(take_over, tmp_path).items():
        winners = [pid for pid, outcome in results if isinstance(outcome, str)]
        assert len(winners) == 1
        owner = json.loads((tmp_path / str(number) / "run" / "run.json").read_text())["owner"]
        assert owner["pid"] == winners[0]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_second_window_is_told_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESIDUA_DATA", str(tmp_path))
    first = subprocess.Popen(
        [sys.executable, "-m", "app.main"],
        cwd=PROJECT,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + PATIENCE_S
        while not list((tmp_path / NOTES_FOLDER).glob("*.json")) and time.monotonic() < until:
            time.sleep(0.1)
        second, third = OpenWindows(tmp_path), OpenWindows(tmp_path)
        assert second.announce() == 1
        assert third.announce() == 2
        third.withdraw()
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait(PATIENCE_S)
    # The killed one's note tells nothing any more, and is gone.
    assert third.announce() == 1
    second.withdraw()
    third.withdraw()
    assert list((tmp_path / NOTES_FOLDER).iterdir()) == []
    assert other_window_message().hint


def test_a_note_that_is_damaged_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / NOTES_FOLDER).mkdir()
    (tmp_path / NOTES_FOLDER / "0.json").write_text("[" * 100_000)
    (tmp_path / NOTES_FOLDER / "1.json").write_text('{"pid": -1, "host": "elsewhere"}')
    assert OpenWindows(tmp_path).announce() == 0


def test_two_windows_keep_each_others_preferences(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    first, second = Settings(path), Settings(path)
    first.set(THEME, "dark")
    first.set_for_folder(tmp_path / "a", LAST_MODEL, "first")
    second.set(PRETRAIN_PRESET, "quick")
    second.set_for_folder(tmp_path / "b", LAST_MODEL, "second")
    first.save()
    second.save()
    first.save()
    third = Settings(path)
    assert (third.get(THEME), third.get(PRETRAIN_PRESET)) == ("dark", "quick")
    assert third.get_for_folder(tmp_path / "a", LAST_MODEL) == "first"
    assert third.get_for_folder(tmp_path / "b", LAST_MODEL) == "second"
