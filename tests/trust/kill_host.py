"""Writes through the program's own functions in processes that are killed: `python -m tests.trust.kill_host FOLDER`.

Each kind of file is written in its first version and then in its second, and the process is killed with SIGKILL at a
line of the program's code during the second write; one process and one folder for each line. Further processes write
in a loop and are killed from outside after a random time, which meets the libraries' own code too. Processes are forked
from this one, where all is imported already: starting Python hundreds of times would take minutes.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from PySide6.QtCore import QCoreApplication

from app.core.settings import LAST_MODEL, Settings
from engine.contracts.configs import ComputeConfig, TrainingConfig
from engine.machine.devices import open_device
from engine.method.backbones.backbone import RestorationNetwork
from engine.models.files import ModelCard, build_network, save_model
from engine.photo_files.photos import PhotoImage, write_image
from engine.runs.records import RunStatus
from engine.runs.store import Run, RunStore
from engine.training.checkpoint_files import keep_checkpoint
from engine.training.trainer import new_state

PROJECT = Path(__file__).resolve().parents[2]
WATCHED_FOLDERS = (str(PROJECT / "engine"), str(PROJECT / "app"))
VERSIONS = (1, 2)
CARD = ModelCard(name="small", backbone_params={"width": 8, "num_levels": 2})
PHOTO_SIDE_PX = 64


def network_of(version: int) -> RestorationNetwork:
    """The small network with every number equal to the version."""
    network = build_network(CARD)
    for weight in network.parameters():
        torch.nn.init.constant_(weight, version)
    return network


def write_photo(folder: Path, version: int) -> None:
    pixels = np.full((PHOTO_SIDE_PX, PHOTO_SIDE_PX, 3), version / 4, np.float32)
    pixels[:, ::2] = np.random.default_rng(0).random((PHOTO_SIDE_PX, PHOTO_SIDE_PX // 2, 3), np.float32)
    for suffix in ("png", "tif", "jpg"):
        write_image(folder / f"photo.{suffix}", PhotoImage(pixels))


def write_model(folder: Path, version: int) -> None:
    save_model(folder / "model.safetensors", network_of(version).state_dict(), CARD)


def write_checkpoint(folder: Path, version: int) -> None:
    state = new_state(network_of(version), TrainingConfig(), open_device(ComputeConfig(device="cpu")))
    state.step = version
    keep_checkpoint(folder / "last.safetensors", folder / "previous.safetensors", state)


def write_run(folder: Path, version: int) -> None:
    """A new run, and one more change of the run that is there already."""
    store = RunStore(folder / "runs")
    run = store.open("first") if version > 1 else store.create("pretrain", "first", {}, path=store.root / "first")
    run.update(steps_done=version, status=RunStatus.STOPPED)
    run.append_metrics(version, {"loss": float(version)})
    if version > 1:
        store.create("pretrain", "second", {"steps": version})


def write_settings(folder: Path, version: int) -> None:
    settings = Settings(folder / "settings.json")
    settings.set(LAST_MODEL, f"model {version}")
    settings.save()


def move_run_to_trash_and_back(folder: Path, version: int) -> None:
    store = RunStore(folder / "runs")
    if version == 1:
        store.create("pretrain", "first", {}, path=store.root / "first").update(status=RunStatus.DONE)
    else:
        store.restore_deleted(store.delete(Run(store.root / "first")))


WRITERS: dict[str, Callable[[Path, int], None]] = {
    "photo": write_photo,
    "model": write_model,
    "checkpoint": write_checkpoint,
    "run": write_run,
    "settings": write_settings,
    "trash": move_run_to_trash_and_back,
}


class LineCounter:
    """Counts the lines of the program's code that are run, and ends the process at one of them."""

    def __init__(self, last_line: int | None = None) -> None:
        self.num_lines = 0
        self._last_line = last_line

    def __enter__(self) -> "LineCounter":
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(WATCHED_FOLDERS):
            return None
        if event == "line":
            self.num_lines += 1
            if self.num_lines == self._last_line:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._trace


def kill_at_lines(write: Callable[[Path, int], None], folder: Path, max_kills: int) -> int:
    """Kill a process at lines spread evenly over the second write; returns how many were killed."""
    whole = folder / "whole"
    whole.mkdir(parents=True)
    write(whole, 1)
    with LineCounter() as counter:
        write(whole, 2)
    lines = sorted({round(line) for line in np.linspace(1, counter.num_lines, max_kills)})
    for line in lines:
        place = folder / f"line {line}"
        place.mkdir()
        write(place, 1)
        if fork(lambda place=place, line=line: _write_until(write, place, line)) != -signal.SIGKILL:
            raise RuntimeError(f"the process was to be killed at line {line}")
    return len(lines)


def _write_until(write: Callable[[Path, int], None], place: Path, line: int) -> None:
    with LineCounter(line):
        write(place, 2)


def kill_at_random(write: Callable[[Path, int], None], folder: Path, num_kills: int, seed: int) -> int:
    """Kill processes that write both versions in turn, after a random time."""
    generator = random.Random(seed)
    for number in range(num_kills):
        place = folder / f"random {number}"
        place.mkdir()
        write(place, 1)
        fork(lambda place=place: _write_for_ever(write, place), kill_after_s=generator.uniform(0.001, 0.05))
    return num_kills


def _write_for_ever(write: Callable[[Path, int], None], place: Path) -> None:
    while True:
        write(place, 2)


def fork(work: Callable[[], None], kill_after_s: float | None = None) -> int:
    """Do work in a process of its own; returns its exit code, negative for a signal."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    folder, max_kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    # The settings' timer asks for one.
    application = QCoreApplication(sys.argv[:1])
    num_kills = {}
    for kind, write in WRITERS.items():
        place = folder / kind
        # Loads what is imported where it is first used, so that it is not counted as lines of a write.
        (folder / "first use" / kind).mkdir(parents=True)
        for version in VERSIONS:
            write(folder / "first use" / kind, version)
        num_kills[kind] = kill_at_lines(write, place, max_kills)
        if kind != "run":
            # A run changes with every write; the others have but two versions.
            num_kills[kind] += kill_at_random(write, place, max(max_kills // 4, 4), seed)
    sys.stdout.write(json.dumps(num_kills))
    application.quit()


if __name__ == "__main__":
    main()
