"""Environments of the benchmarks' own, below `build/peers`, for other programs: they never enter the lock files."""

import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

BUILD = Path(__file__).resolve().parents[2] / "build" / "peers"


def environment_of(name: str, packages: Sequence[str] = (), folder: Path = BUILD) -> Path:
    """Return the Python of an environment, which is made where it is not there.

    Args:
        name: Of the environment.
        packages: What is installed there, as pip reads it; empty: the package of that name.
        folder: Where the environments are.
    """
    folder = folder.resolve() / name
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    finished = folder / "installed"
    if not finished.exists():
        print(f"Making an environment for {name} in {folder}: this may take long", file=sys.stderr)
        venv.create(folder, clear=True, with_pip=True)
        # pip tries old releases one after the other for a quarter of an hour; uv finds those that fit in seconds.
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "uv"], check=True)
        command = [str(python), "-m", "uv", "pip", "install", "--quiet", "--python", str(python)]
        subprocess.run([*command, *(packages or [name])], check=True)
        finished.touch()
    return python
