"""Make modules wrong in one place at a time, and see whether their tests notice.

    .venv/bin/python -m tests.mutation GROUP [--again FILE] [--out FILE]

The groups stand in pyproject.toml, `[tool.residua.mutation]`: modules, and the tests that concern them. The mutants are
cosmic-ray's (see `mutants`). Nothing is changed in the project: it is copied to a temporary folder, and the mutants are
written there. Each is tested in a fork of one process that has imported torch and all other packages, so that it costs
its tests and not their imports.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings

from tests.mutation.mutants import Mutant, mutants_of

PROJECT = Path(__file__).resolve().parent.parent.parent

KILLED, SURVIVED, TIMED_OUT = "killed", "survived", "timed out"

PYTEST_OPTIONS = ("-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:pytest-qt", "-p", "no:randomly")


def main() -> int:
    """Test the mutants of one group; 0 where none has survived."""
    groups = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["tool"]["residua"]["mutation"]
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Whether the tests notice.")
    parser.add_argument("group", choices=sorted(groups))
    parser.add_argument("--again", type=Path, help="test only what was not killed in this file of results")
    parser.add_argument("--out", type=Path, help="file for the results, JSON")
    asked = parser.parse_args()
    tests = groups[asked.group]["tests"]
    results: list[dict[str, Any]] = []
    with _copied_project() as project:
        mutants = [mutant for module in groups[asked.group]["modules"] for mutant in mutants_of(project, Path(module))]
        if asked.again:
            open_keys = {row["key"] for row in json.loads(asked.again.read_text("utf-8")) if row["outcome"] != KILLED}
            mutants = [mutant for mutant in mutants if mutant.key in open_keys]
        seconds = _prepare(project, tests)
        print(f"{len(mutants)} mutants; their tests take {seconds:.1f} s", flush=True)
        for number, mutant in enumerate(mutants):
            if number and number % 50 == 0:
                print(f"{number} of {len(mutants)} done", flush=True)
            outcome = _outcome(project, mutant, tests, limit_s=10 + 4 * seconds)
            if outcome == TIMED_OUT:
                # Once more: the machine may have been busy with something else.
                outcome = _outcome(project, mutant, tests, limit_s=20 + 8 * seconds)
            results.append({"key": mutant.key, "outcome": outcome, "before": mutant.before, "after": mutant.after})
            if outcome != KILLED:
                print(f"{outcome}: {mutant.key}\n    - {mutant.before}\n    + {mutant.after}", flush=True)
            if asked.out:
                asked.out.write_text(json.dumps(results, indent=1), encoding="utf-8")
    for module in groups[asked.group]["modules"]:
        counts = Counter(row["outcome"] for row in results if row["key"].startswith(f"{module}:"))
        print(f"{module}: {counts.total()} mutants, " + ", ".join(f"{counts[key]} {key}" for key in COLUMNS))
    return int(any(row["outcome"] == SURVIVED for row in results))


COLUMNS = (KILLED, SURVIVED, TIMED_OUT)


@contextmanager
def _copied_project() -> Iterator[Path]:
    """Give a copy of what git knows, beside which the shared photos lie as they lie beside the project."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copy = Path(folder) / "project"
        for name in filter(None, listed.stdout.split("\0")):
            if (PROJECT / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(PROJECT / name, copy / name)
        shared = PROJECT.parent / "shared"
        if shared.is_dir():
            (copy.parent / "shared").symlink_to(shared)
        yield copy


def _prepare(project: Path, tests: Sequence[str]) -> float:
    """Become the process that is forked, and return how many seconds the tests take while nothing is wrong."""
    os.chdir(project)
    # Threads of OpenMP would not survive a fork; the packages are imported here, but nothing is computed.
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(project)}
    sys.path[:] = [str(project), *(path for path in sys.path if Path(path or ".").resolve() != PROJECT)]
    for name in [name for name in sys.modules if name.partition(".")[0] in {"tests", "engine"}]:
        del sys.modules[name]
    listed = project.parent / "packages.json"
    for _ in range(2):
        started = time.monotonic()
        if _fork(tests, limit_s=600, list_packages=listed) != 0:
            raise SystemExit(f"The tests fail with nothing made wrong:\n{_output(project)[-3000:]}")
        seconds = time.monotonic() - started
        for name in json.loads(listed.read_text("utf-8")):
            _import_quietly(name)
    # From here on a module's stale bytecode could hide a mutant of the same second and length.
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    return seconds


def _import_quietly(name: str) -> None:
    try:
        __import__(name)
    except ImportError:
        # Some can only be imported by others.
        return


def _outcome(project: Path, mutant: Mutant, tests: Sequence[str], *, limit_s: float) -> str:
    file = project / mutant.module
    original = file.read_bytes()
    for cached in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
        cached.unlink()
    try:
        file.write_text(mutant.code, encoding="utf-8")
        code = _fork(tests, limit_s=limit_s)
    finally:
        file.write_bytes(original)
    return TIMED_OUT if code is None else SURVIVED if code == 0 else KILLED


def _output(project: Path) -> str:
    return (project.parent / "output.txt").read_text("utf-8", "replace")


def _fork(tests: Sequence[str], *, limit_s: float, list_packages: Path | None = None) -> int | None:
    """Run tests in a child; its exit code, or None where it had to be ended."""
    child = os.fork()
    if not child:
        _be_the_child(tests, list_packages)
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _be_the_child(tests: Sequence[str], list_packages: Path | None) -> None:
    code = 1
    try:
        os.setpgid(0, 0)
        output = os.open(Path.cwd().parent / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        # The first counterexample does, and the same ones have to be tried at every call.
        hypothesis_settings.register_profile(
            "mutation",
            phases=(Phase.explicit, Phase.generate),
            max_examples=25,
            derandomize=True,
            database=None,
            deadline=None,
        )
        hypothesis_settings.load_profile("mutation")
        code = int(pytest.main([*PYTEST_OPTIONS, *tests]))
        if list_packages is not None:
            list_packages.write_text(json.dumps(_packages()), encoding="utf-8")
    finally:
        # Whatever happened: the child must never go on as its parent.
        os._exit(code)


def _packages() -> list[str]:
    """Return the modules of installed packages that the tests have imported, but for pytest's own."""
    left_out = {"_pytest", "pytest", "pluggy", "conftest", "engine", "app", "tests", "PySide6", "shiboken6"}
    return [
        name
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] not in left_out and "site-packages" in (getattr(module, "__file__", None) or "")
    ]


if __name__ == "__main__":
    sys.exit(main())
