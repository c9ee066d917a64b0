"""run.py: what it refuses and names; its set-up itself is what every run of these tests has gone through."""

import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from engine.machine import system_libraries

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def run_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_script", ROOT / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_needs_nothing_but_python() -> None:
    """Neither the packages of an environment nor the folder it is started in may be asked for."""
    shown = subprocess.run(
        [sys.executable, "-S", "-E", str(ROOT / "run.py"), "--help"],
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )
    assert shown.returncode == 0
    assert "python3 run.py test" in shown.stdout


def test_an_old_python_is_refused_with_a_sentence(
    run_script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run_script, "OLDEST_PYTHON", (99, 0))
    assert run_script.main([]) == 1
    assert "Residua needs Python" in capsys.readouterr().err


def test_missing_packages_are_named_with_the_command(run_script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    run_script.require_system_packages([])
    with pytest.raises(run_script.SetUpError, match="libxcb-cursor0, libegl1") as refused:
        run_script.require_system_packages(["libxcb-cursor0", "libegl1"])
    if run_script.shutil.which("apt-get"):
        assert "apt-get install -y libxcb-cursor0 libegl1" in str(refused.value)


def test_a_changed_lock_asks_for_set_up_again(
    run_script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("a==1\n")
    first = run_script.set_up_digest(lock)
    assert run_script.set_up_digest(lock) == first
    monkeypatch.setattr(run_script, "ROOT", tmp_path)
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    assert run_script.set_up_digest(lock) != first, "a moved folder has an environment of its own"
    second = run_script.set_up_digest(lock)
    lock.write_text("a==2\n")
    assert run_script.set_up_digest(lock) != second


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_to_the_environment_of_another_folder_leaves_that_one_whole(
    run_script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a work tree of git that borrows the environment of another."""
    theirs, own = tmp_path / "theirs", tmp_path / "own"
    theirs.mkdir()
    (theirs / "made-for").write_text(f"{sys.version}\n{tmp_path}/elsewhere")
    own.mkdir()
    (own / ".venv").symlink_to(theirs)
    monkeypatch.setattr(run_script, "ROOT", own)
    monkeypatch.setattr(run_script, "ENVIRONMENT", own / ".venv")
    run_script.make_environment()
    assert [file.name for file in theirs.iterdir()] == ["made-for"]
    assert not (own / ".venv").is_symlink()
    assert run_script.environment_python().exists()
    assert (own / ".venv" / "made-for").read_text().endswith(f"\n{own}")


def test_an_unknown_benchmark_is_answered_with_the_known_ones(
    run_script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_script.bench(["no such benchmark"]) == 2
    assert "few_labels" in capsys.readouterr().err


def test_libraries_are_known_by_loading_them() -> None:
    assert system_libraries.missing_packages({"libno-such-thing.so.1": "no-such-package"}) == ["no-such-package"]
    assert system_libraries.missing_packages({}) == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
def test_a_display_counts_only_if_it_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    for stale in ("", ":98765", "unix:98765.0", "nonsense"):
        monkeypatch.setenv("DISPLAY", stale)
        assert not system_libraries.has_display()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind("\0/tmp/.X11-unix/X98765")
        server.listen()
        monkeypatch.setenv("DISPLAY", ":98765")
        assert system_libraries.has_display()
    monkeypatch.setenv("DISPLAY", "elsewhere:0")
    assert system_libraries.has_display()
