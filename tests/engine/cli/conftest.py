"""What tests of the command line share."""

import sys
from pathlib import Path

import pytest

from tests.starter_makers import make_starter


@pytest.fixture
def starters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Starter models of two tasks, where a frozen program has them."""
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    folder = tmp_path / "assets" / "starters"
    folder.mkdir(parents=True)
    names = {"denoise": "denoise", "sr2": "super_resolution_x2"}
    return {task: make_starter(folder, name, task).path for task, name in names.items()}
