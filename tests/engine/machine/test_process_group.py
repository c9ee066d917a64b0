"""Two processes of one batch each are one process with both: real processes, real Gloo, one pair by torchrun."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine.contracts.configs import OWN_NOISE, PretrainConfig
from engine.contracts.job_control import JobControl
from engine.jobs import pretrain, resume_training
from engine.machine.processes.group import ALONE, ProcessGroup
from engine.runs.records import RunStatus
from engine.runs.store import RunStore
from tests.conftest import TinyPhotos
from tests.engine.machine import gradients_of_processes
from tests.warm_processes import WarmProcess, start_warm

PROJECT = Path(__file__).resolve().parents[3]


def torchrun(*arguments: object) -> str:
    """Start two processes by torchrun; returns what they say."""
    # torchrun is a script of torch's; by its module it takes this environment's Python and this checkout's engine.
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, *map(str, arguments)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)},
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def two_processes(program: str, *arguments: object) -> "list[WarmProcess | subprocess.Popen[str]]":
    """Start two processes as torchrun does, by the environment that it gives them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [
        start_warm(program, arguments, environment={**os.environ, **told, "RANK": rank, "LOCAL_RANK": rank})
        for rank in ("0", "1")
    ]


def ignore(event: object) -> None:
    """Nobody watches these jobs."""


def finish(processes: "list[WarmProcess | subprocess.Popen[str]]") -> list[tuple[str, str]]:
    """Wait for all; returns what each has said and reported."""
    said = [process.communicate(timeout=240) for process in processes]
    for process, (_, errors) in zip(processes, said, strict=True):
        process.wait()
        assert process.returncode == 0, errors[-4000:]
    return said


@pytest.fixture
def small_model(tiny_photos: TinyPhotos, tmp_path: Path) -> Path:
    """A network that is quick to refine on the photos' own noise, which is what pretraining does by default."""
    config = PretrainConfig(
        photos=(tiny_photos.noisy,),
        out=tmp_path / "parent",
        backbone="unet",
        backbone_params={"width": 8, "num_levels": 2},
        steps=2,
        crop_px=16,
        photos_per_batch=2,
    )
    return pretrain(config, JobControl(), ignore).run


@pytest.mark.slow
def test_two_processes_have_the_loss_and_gradients_of_one(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    """Of RCL with its negatives, and of few labels with the folder beside them."""
    gradients_of_processes.write(tiny_photos.noisy, tmp_path)
    finish(two_processes("tests.engine.machine.gradients_of_processes", tiny_photos.noisy, tmp_path))
    alone, *parts = (json.loads(file.read_text()) for file in sorted(tmp_path.glob("*.json")))
    assert len(parts) == 2
    for part in parts:
        for name, found in part.items():
            assert torch.allclose(torch.tensor(found), torch.tensor(alone[name]), rtol=1e-4, atol=1e-7), name
    # They are no trifles: without the other process's negatives they would be others.
    assert all(max(abs(value) for value in alone[f"{name} gradient"]) > 1e-5 for name in ("rcl", "labels"))


@pytest.mark.slow
def test_a_training_by_two_processes_leaves_one_ordinary_run(
    tiny_photos: TinyPhotos, small_model: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    options = ("--from", small_model, "--steps", 12, "--crop-px", 16, "--precision", "32-true", "--json")
    output = torchrun(
        "-m", "engine.cli", "pretrain", tiny_photos.noisy, "--out", run, "--photos-per-batch", 2, *options
    )
    assert len(output.strip().splitlines()) == 1, "the first process alone speaks"
    assert json.loads(output)["status"] == "done"
    config = json.loads((run / "config.json").read_text())
    assert (config["photos_per_batch"], config["pretext"]) == (4, OWN_NOISE)
    other = pretrain(PretrainConfig.model_validate({**config, "out": tmp_path / "alone"}), JobControl(), ignore).run
    together, alone = (load_file(folder / "checkpoints" / "last.safetensors") for folder in (run, other))
    assert together.keys() == alone.keys()
    for name, weights in alone.items():
        # Photos restored anew are kept in 65,536 levels.
        tolerance = 16.0 if weights.dtype == torch.int16 else 2e-4
        assert torch.allclose(together[name].float(), weights.float(), atol=tolerance), name


@pytest.mark.slow
def test_a_process_that_dies_ends_the_training_with_a_sentence_and_a_run_to_resume(
    tiny_photos: TinyPhotos, small_model: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    options = ("--from", small_model, "--steps", 100_000, "--crop-px", 16)
    first, second = two_processes("engine.cli", "pretrain", tiny_photos.noisy, "--out", run, *options)
    while not (run / "metrics.csv").is_file() and first.poll() is None:
        time.sleep(0.2)
    second.kill()
    assert second.wait(30) == -signal.SIGKILL
    _, errors = first.communicate(timeout=240)
    assert first.wait() != 0
    assert "Another process of this job has ended" in errors
    record = json.loads((run / "run.json").read_text())
    assert record["status"] in {"failed", "stopped"}
    steps = record["steps_done"]
    assert steps > 0
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "steps": steps + 3}))
    resume_training(run, JobControl(), ignore)
    assert RunStore().open(run).record.status == RunStatus.DONE


@pytest.mark.slow
def test_two_processes_restore_every_photo_once(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    folder, out = tmp_path / "photos", tmp_path / "restored"
    shutil.copytree(tiny_photos.noisy, folder)
    (folder / "broken.png").write_bytes(b"no picture")
    processes = two_processes("engine.cli", "restore", "starter", folder, "--out", out, "--json", "--report")
    (output, errors), (other_output, _) = (process.communicate(timeout=240) for process in processes)
    assert other_output == "", "the first process alone speaks"
    result = json.loads(output)
    assert [Path(entry["source"]).name for entry in result["restored"]] == sorted(
        path.name for path in tiny_photos.noisy.iterdir()
    ), errors[-2000:]
    assert [Path(entry["path"]).name for entry in result["failed"]] == ["broken.png"]
    assert len(list(out.glob("*.png"))) == 8
    assert Path(result["report"]).read_text(encoding="utf-8").count("broken.png") > 0


def test_rows_are_shared_out_whole() -> None:
    for count in range(12):
        for size in range(1, 6):
            rows = [ProcessGroup(rank, size).rows(count) for rank in range(size)]
            assert [row for part in rows for row in range(count)[part]] == list(range(count))


def test_a_process_alone_exchanges_nothing() -> None:
    weight = torch.ones(2, requires_grad=True)
    (weight * 3).sum().backward()
    ALONE.sum_gradients([weight])
    assert weight.grad is not None
    assert weight.grad.tolist() == [3, 3]
    assert ALONE.all_of("x") == ["x"]
    assert ALONE.any(True, torch.device("cpu"))
