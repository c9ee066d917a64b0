"""Of several processes that torchrun has started for one folder, one is killed: real processes, a real folder."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

PROJECT = Path(__file__).resolve().parents[3]
NUM_PROCESSES, NUM_PHOTOS = 4, 20
LIMIT_S = 400
"""Ten starts of torch on a busy machine."""


@pytest.mark.timeout(900)
@pytest.mark.slow
def test_of_four_processes_that_restore_a_folder_one_may_be_killed(tmp_path: Path) -> None:
    """What the others have written by then is whole, and starting again does the rest alone."""
    folder, out = tmp_path / "photos", tmp_path / "restored"
    folder.mkdir()
    for seed in range(NUM_PHOTOS):
        noisy = np.random.default_rng(seed).normal(128, 10, (384, 512, 3)).clip(0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{seed:02}.png"), noisy)
    process = restoring(folder, out)
    deadline = time.monotonic() + LIMIT_S
    while not (out.is_dir() and any(out.glob("*.png"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(next(pid for pid in children_of(process.pid) if environment_of(pid).get("RANK") == "3"), signal.SIGKILL)
    _, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode != 0
    written = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
    assert 0 < len(written) < NUM_PHOTOS, errors[-2000:]
    assert all(cv2.imread(str(out / name)) is not None for name in written)
    again = restoring(folder, out)
    output, errors = again.communicate(timeout=LIMIT_S)
    assert again.returncode == 0, errors[-4000:]
    assert len(json.loads(output)["restored"]) == NUM_PHOTOS - len(written)
    assert len(list(out.glob("*.png"))) == NUM_PHOTOS
    assert {name: (out / name).stat().st_mtime_ns for name in written} == written, "they were not made anew"


def restoring(folder: Path, out: Path) -> "subprocess.Popen[str]":
    # torchrun is a script of torch's; by its module it takes this environment's Python and this checkout's engine.
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={NUM_PROCESSES}"]
    return subprocess.Popen(
        [*command, "-m", "engine.cli", "restore", "starter", str(folder), "--out", str(out), "--json"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)},
    )


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def environment_of(pid: int) -> dict[str, str]:
    entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return dict(entry.decode().partition("=")[::2] for entry in entries if entry)
