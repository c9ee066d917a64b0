"""Promise 9, its fast form: an hour of work in one process leaves threads, file handles and widgets as they were."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.soak.__main__ import report


@pytest.mark.slow
@pytest.mark.timeout(520)
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_an_hour_of_work_leaves_nothing_behind(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", "tests.soak", "--cycles", "6", "--photos", "6", "--small-starter"]
    # What is meant to stay is still being filled.
    command += ["--growth-mb", "60", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    rows = json.loads(out.read_text("utf-8"))
    assert len(rows) == 6
    assert {row["widgets"] for row in rows} == {0}
    assert {row["children"] for row in rows} == {0}


@pytest.mark.parametrize("name", ["threads", "file_handles", "children", "widgets"])
def test_what_grows_is_told(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    level = {"memory_mb": 700.0, "threads": 6, "file_handles": 9, "children": 0, "widgets": 0}
    assert report([{**level} for _ in range(6)]) == 0
    assert report([{**level, "threads": threads} for threads in (4, 5, 4, 5, 5, 5)]) == 0
    assert report([{**level, name: level[name] + cycle // 2} for cycle in range(6)]) == 1
    assert report([{**level, "memory_mb": 700.0 + 10 * cycle} for cycle in range(6)]) == 1
    assert f"grown: {name}" in capsys.readouterr().out
