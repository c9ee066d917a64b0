"""Promise 1: whoever is killed while writing leaves the old file or the new one, never half of one."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from app.core.settings import LAST_MODEL, Settings
from engine.contracts.configs import ComputeConfig, TrainingConfig
from engine.machine.atomic_files import TEMPORARY_PREFIX
from engine.machine.devices import open_device
from engine.models.files import load_model
from engine.photo_files.photos import read_image
from engine.runs.records import RunStatus
from engine.runs.store import Run, RunStore
from engine.runs.trash import list_deleted
from engine.training.checkpoint_files import load_newest_checkpoint
from engine.training.trainer import new_state
from tests.trust import kill_host
from tests.warm_processes import run_warm

KILLS_PER_KIND = 24
SEED = 20261124

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor SIGKILL")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the killed processes have left, a folder for each kind of file, in it one for each process."""
    folder = tmp_path_factory.mktemp("killed")
    result = run_warm("tests.trust.kill_host", [folder, KILLS_PER_KIND, SEED])
    assert result.returncode == 0, result.stderr
    num_kills = json.loads(result.stdout)
    assert num_kills.keys() == kill_host.WRITERS.keys()
    assert all(number >= min(KILLS_PER_KIND, 20) for number in num_kills.values()), num_kills
    return folder


def places(killed: Path, kind: str) -> list[Path]:
    found = sorted(place for place in (killed / kind).iterdir() if place.name != "whole")
    assert len(found) >= 20
    return found


def visible(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def expect_both(versions: list[int]) -> None:
    """Early kills leave the first version, late ones the second: otherwise nothing was killed in between."""
    assert set(versions) == {1, 2}


def test_photos(killed: Path) -> None:
    whole = {}
    for version in kill_host.VERSIONS:
        place = killed / f"photo version {version}"
        place.mkdir()
        kill_host.write_photo(place, version)
        whole[version] = {path.name: read_image(path).pixels for path in place.iterdir()}
    versions = []
    for place in places(killed, "photo"):
        assert visible(place) == whole[1].keys()
        for name in whole[1]:
            pixels = read_image(place / name).pixels
            fitting = [version for version in (1, 2) if np.array_equal(pixels, whole[version][name])]
            assert len(fitting) == 1, place / name
            versions += fitting
    expect_both(versions)


def test_models(killed: Path) -> None:
    versions = []
    for place in places(killed, "model"):
        assert visible(place) == {"model.safetensors"}
        values = torch.cat(
            [weight.flatten() for weight in load_model(place / "model.safetensors").network.parameters()]
        )
        [version] = values.unique().tolist()
        versions.append(int(version))
    expect_both(versions)


def test_checkpoints(killed: Path) -> None:
    versions = []
    device = open_device(ComputeConfig(device="cpu"))
    for place in places(killed, "checkpoint"):
        state = new_state(kill_host.network_of(0), TrainingConfig(), device)
        load_newest_checkpoint(place / "last.safetensors", place / "previous.safetensors", state)
        values = torch.cat([weight.flatten() for weight in state.network.parameters()])
        assert values.unique().tolist() == [state.step]
        for name in visible(place):
            if name.endswith(".safetensors"):
                load_file(place / name)
        versions.append(state.step)
    expect_both(versions)


def test_runs(killed: Path) -> None:
    versions = []
    num_listed = []
    for place in places(killed, "run"):
        store = RunStore(place / "runs")
        runs = store.list()
        num_listed.append(len(runs))
        first = store.open("first")
        versions.append(first.record.steps_done)
        steps = [step for step, _ in first.read_metrics()["loss"]]
        assert steps in ([1], [1, 2])
        for run in runs:
            assert isinstance(run.config(), dict)
            if run.path != first.path:
                assert run.config() == {"steps": 2}
                assert run.record.status == RunStatus.INTERRUPTED
    expect_both(versions)
    assert set(num_listed) == {1, 2}


def test_runs_on_their_way_to_the_trash_and_back(killed: Path) -> None:
    found: set[str] = set()
    for place in places(killed, "trash"):
        store = RunStore(place / "runs")
        runs, deleted = store.list(), list_deleted(store)
        assert len(runs) + len(deleted) == 1
        if deleted:
            assert store.restore_deleted(deleted[0].token).record.name == "first"
        else:
            assert Run(runs[0].path).record.status == RunStatus.DONE
        found.add("deleted" if deleted else "there")
    # Which of the two the last kills met is chance on a busy machine.
    assert found


def test_settings(killed: Path) -> None:
    versions = []
    for place in places(killed, "settings"):
        assert visible(place) == {"settings.json"}
        json.loads((place / "settings.json").read_text(encoding="utf-8"))
        versions.append(int(Settings(place / "settings.json").get(LAST_MODEL).removeprefix("model ")))
    expect_both(versions)


@pytest.mark.parametrize("kind", ["photo", "model", "checkpoint", "run", "settings"])
def test_some_were_killed_amid_a_write(killed: Path, kind: str) -> None:
    """A temporary file that was left behind shows that a kill fell between its making and its renaming."""
    assert list((killed / kind).rglob(f"{TEMPORARY_PREFIX}*"))
