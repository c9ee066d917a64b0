"""Promise 10: every kind of file says its version, and what a newer program has written is refused with a sentence."""

import json
from pathlib import Path

import pytest

from engine.contracts.configs import ComputeConfig, TrainingConfig
from engine.contracts.errors import EngineError, RunStoreError
from engine.label_budget.stored import read_experiment
from engine.machine.devices import open_device
from engine.runs.folder import Run
from engine.runs.store import RunStore
from engine.training.checkpoint_files import MANIFEST_FILE, keep_checkpoint, load_newest_checkpoint
from engine.training.trainer import new_state
from tests.trust.kill_host import network_of


def test_an_experiment_of_another_version_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "experiment.json").write_text(json.dumps({"schema_version": 99, "settings": {}}))
    with pytest.raises(EngineError, match="version") as caught:
        read_experiment(tmp_path)
    assert caught.value.hint


def test_the_settings_of_a_run_are_of_the_version_of_its_record(tmp_path: Path) -> None:
    run = RunStore(tmp_path).create("pretrain", "x", {"steps": 1})
    fields = json.loads((run.path / "run.json").read_text())
    assert fields["schema_version"] == 1
    # What a newer version adds beside the version that this one knows is passed over; the rest is read.
    (run.path / "run.json").write_text(json.dumps(fields | {"mystery": 1}))
    assert Run(run.path).config() == {"steps": 1}
    (run.path / "run.json").write_text(json.dumps(fields | {"schema_version": 99}))
    with pytest.raises(RunStoreError, match="newer version") as caught:
        Run(run.path)
    assert caught.value.hint == "Update Residua."


def test_a_manifest_of_a_newer_version_costs_no_checkpoint(tmp_path: Path) -> None:
    newest, previous = tmp_path / "last.safetensors", tmp_path / "previous.safetensors"
    device = open_device(ComputeConfig(device="cpu"))
    state = new_state(network_of(1), TrainingConfig(), device)
    state.step, state.batch_parts = 7, 4
    keep_checkpoint(newest, previous, state)
    (tmp_path / MANIFEST_FILE).write_text(json.dumps({"schema_version": 99, "sha512": []}))
    other = new_state(network_of(2), TrainingConfig(), device)
    assert load_newest_checkpoint(newest, previous, other) == newest
    assert (other.step, other.batch_parts) == (7, 4)
