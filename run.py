"""Set-up and start of Residua, with nothing but Python.

    python3 run.py                 open the studio on sample photos; without a display, do the same job without a window
    python3 run.py test [ARGS]     check style and types, run the tests (ARGS go to pytest)
    python3 run.py coverage        the same, and show how much of the engine the tests reach; takes half as long again
    python3 run.py bench NAME      run tests/benchmarks/NAME.py
    python3 run.py scan FOLDER     any command of the command line: scan, pretrain, finetune, restore, evaluate, doctor

The first start makes a virtual environment in .venv and installs the pinned packages into it; later starts do not.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
OLDEST_PYTHON = (3, 11)
RUNTIME_LOCK = ROOT / "requirements.lock"
DEVELOPMENT_LOCK = ROOT / "requirements-dev.lock"


class SetUpError(Exception):
    """Set-up cannot go on; the text says what to do."""


def main(arguments: list[str]) -> int:
    """Do what the command line asks for and return the exit code."""
    if arguments and arguments[0] in {"-h", "--help", "help"}:
        print(__doc__.strip())
        return 0
    try:
        require_python()
        if not arguments:
            return start()
        if arguments[0] == "test":
            return test(arguments[1:], counts_lines=False)
        if arguments == ["coverage"]:
            return test([], counts_lines=True)
        if arguments[0] == "bench":
            return bench(arguments[1:])
        set_up()
        return replace_process(["-P", "-m", "engine.cli", *arguments])
    except SetUpError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def start() -> int:
    """Open the studio, or without a display do the same job without a window."""
    # Only now, since an older Python could not read it.
    from engine.machine.system_libraries import has_display

    if not has_display():
        set_up()
        return replace_process(["-P", "-m", "engine.cli.demonstration"])
    if sys.platform == "linux":
        require_qt_libraries(for_a_window=True)
    set_up()
    samples = subprocess.run(
        [str(environment_python()), "-P", "-m", "engine.cli.demonstration", "--samples-only"],
        env=child_environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if samples.returncode:
        return samples.returncode
    return replace_process(["-P", "-m", "app.main", samples.stdout.splitlines()[-1]])


def test(pytest_arguments: list[str], *, counts_lines: bool) -> int:
    """Check style and types and run the tests.

    Args:
        pytest_arguments: What goes to pytest; empty: all tests, in several processes.
        counts_lines: Whether to measure what of the engine they reach.

    Returns:
        0 if all is well; coverage below `fail_under` in pyproject.toml is not. pytest's closing line is the last one
        printed.
    """
    if sys.platform == "linux":
        require_qt_libraries(for_a_window=False)
    set_up(with_development=True)
    python = str(environment_python())
    checks = {
        "ruff check": ["-m", "ruff", "check"],
        "ruff format --check": ["-m", "ruff", "format", "--check"],
        "mypy": ["-m", "mypy"],
        # It can't be run as a module, and a script's name depends on the system.
        "lint-imports": ["-c", "from importlinter.cli import lint_imports_command as check; check()"],
    }
    failed = []
    for name, arguments in checks.items():
        print(f"$ {name}", flush=True)
        if subprocess.run([python, *arguments], cwd=ROOT, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"FAILED before the tests: {', '.join(failed)}", flush=True)
    # A selection runs in one process: two take longer to start than they save.
    # A file's tests stay together: they share what its fixtures have trained.
    # In the order of tests/conftest.py, slow ones first; xdist's own puts files with few tests last, which are those.
    # One more than there are cores: some tests wait for a file, a screen or a process.
    num_processes = min(4, (os.cpu_count() or 1) + 1)
    distribution = [f"--numprocesses={num_processes}", "--dist=loadfile", "--no-loadscope-reorder"]
    pytest_arguments = pytest_arguments or [*(["--cov"] if counts_lines else []), *distribution]
    print(f"$ pytest {' '.join(pytest_arguments)}", flush=True)
    # Offscreen: the tests then neither need nor disturb a display, and no window manager decides about focus.
    environment = {**child_environment(), "QT_QPA_PLATFORM": "offscreen"}
    # They start the program again and again, and each start would compile all of its modules anew.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [python, "-m", "pytest", *pytest_arguments]
    code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    return code or int(bool(failed))


def bench(arguments: list[str]) -> int:
    """Run one benchmark by its name."""
    folder = ROOT / "tests" / "benchmarks"
    names = sorted(file.stem for file in folder.glob("*.py") if '__name__ == "__main__"' in file.read_text("utf-8"))
    if not arguments or arguments[0] not in names:
        print(f"usage: python3 run.py bench NAME\nNAME is one of: {', '.join(names) or 'none yet'}", file=sys.stderr)
        return 2
    set_up(with_development=True)
    # They share modules below tests, which only the project's own folder holds.
    os.chdir(ROOT)
    return replace_process(["-m", f"tests.benchmarks.{arguments[0]}", *arguments[1:]])


def require_python() -> None:
    """Refuse a Python that the packages do not run on, and name a newer one if this machine has it."""
    if sys.version_info >= OLDEST_PYTHON:
        return
    newer = next((name for name in ("python3.13", "python3.12", "python3.11") if shutil.which(name)), None)
    remedy = f"Start it with: {newer} run.py" if newer else "Install Python 3.11 or newer."
    raise SetUpError(f"Residua needs Python 3.11 or newer; this is {platform.python_version()}. {remedy}")


def set_up(with_development: bool = False) -> None:
    """Make the virtual environment and install the pinned packages, unless that has been done.

    Raises:
        SetUpError: It cannot be done; the text says what to do.
    """
    locks = [RUNTIME_LOCK, DEVELOPMENT_LOCK] if with_development else [RUNTIME_LOCK]
    stamps = {ENVIRONMENT / f"installed-{lock.stem}": set_up_digest(lock) for lock in locks}
    if environment_python().exists() and all(
        stamp.is_file() and stamp.read_text() == digest for stamp, digest in stamps.items()
    ):
        return
    started = time.monotonic()
    make_environment()
    print("Installing the packages (once; a few minutes)", file=sys.stderr, flush=True)
    pip(["install", *(word for lock in locks for word in ("--requirement", str(lock)))])
    pip(["install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)])
    for stamp, digest in stamps.items():
        stamp.write_text(digest)
    print(f"Set up in {time.monotonic() - started:.0f} s.", file=sys.stderr, flush=True)


def set_up_digest(lock: Path) -> str:
    """Return a digest of all that what a lock installs depends on; a moved folder needs a new set-up too."""
    digest = hashlib.sha256(f"{sys.version}\n{ROOT}\n".encode())
    for file in (lock, ROOT / "pyproject.toml"):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def make_environment() -> None:
    """Make the virtual environment; one of another Python or another folder is made anew.

    A link to what was not made for this folder makes way for an environment of its own: what it leads to is another's.
    """
    marker = ENVIRONMENT / "made-for"
    wanted = f"{sys.version}\n{ROOT}"
    usable = environment_python().exists() and environment_has_pip()
    if usable and (not marker.is_file() or marker.read_text() == wanted):
        marker.write_text(wanted)
        return
    if importlib.util.find_spec("ensurepip") is None:
        require_system_packages([f"python{sys.version_info.major}.{sys.version_info.minor}-venv"])
    if ENVIRONMENT.is_symlink() and not (marker.is_file() and marker.read_text().endswith(f"\n{ROOT}")):
        ENVIRONMENT.unlink()
    print(f"Making a virtual environment in {ENVIRONMENT}", file=sys.stderr, flush=True)
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], cwd=ROOT, check=False)
    if made.returncode:
        raise SetUpError(f"The virtual environment cannot be made in {ENVIRONMENT}: see the lines above.")
    marker.write_text(wanted)


def environment_has_pip() -> bool:
    """Tell whether the virtual environment starts and can install packages."""
    command = [str(environment_python()), "-c", f"import pip, sys; sys.exit(sys.version != {sys.version!r})"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def environment_python() -> Path:
    """Return the virtual environment's Python."""
    return ENVIRONMENT / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def pip(arguments: list[str]) -> None:
    """Run pip in the virtual environment, with one line of progress.

    Raises:
        SetUpError: It failed; the text ends with pip's last words.
    """
    log = ENVIRONMENT / "set-up.log"
    command = [
        str(environment_python()),
        "-m",
        "pip",
        *arguments,
        "--disable-pip-version-check",
        "--progress-bar",
        "off",
    ]
    lines: list[str] = []
    with log.open("a", encoding="utf-8") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        assert process.stdout is not None
        for line in process.stdout:
            file.write(line)
            lines.append(line.rstrip())
            show_progress(line.strip())
    show_progress("")
    if process.wait():
        last_words = "\n".join(lines[-12:])
        raise SetUpError(
            f"{last_words}\n\nThe packages could not be installed. Check the network and the free disk space (3 GB; "
            "several more where torch brings NVIDIA's libraries), then start again: it goes on where it stopped. The "
            f"whole log is in {log}."
        )


def show_progress(line: str) -> None:
    """Rewrite the one progress line of a terminal; say nothing elsewhere."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{line[:width]:<{width}}\r", end="", file=sys.stderr, flush=True)


def require_qt_libraries(for_a_window: bool) -> None:
    """See to the system libraries and the font that Qt needs, offscreen or for a window on X11.

    Raises:
        SetUpError: Some are missing and could not be installed.
    """
    from engine.machine import system_libraries

    packages = system_libraries.missing_packages(system_libraries.QT_LIBRARIES)
    if for_a_window:
        packages += system_libraries.missing_packages(system_libraries.X11_LIBRARIES)
    require_system_packages(packages + system_libraries.missing_font_packages())


def require_system_packages(packages: list[str]) -> None:
    """Install missing system packages where this user may, else name the command.

    Raises:
        SetUpError: They are missing and could not be installed.
    """
    if not packages:
        return
    command = f"apt-get install -y {' '.join(packages)}"
    if not may_install():
        if shutil.which("apt-get"):
            remedy = f"Install them with:\n    sudo apt-get update && sudo {command}"
        else:
            remedy = "Install them with your system's package manager; on Debian and Ubuntu they are called so."
        raise SetUpError(f"These system packages are missing: {', '.join(packages)}. {remedy}")
    print(f"Installing system packages: {command}", file=sys.stderr, flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in ("apt-get -qq update", f"apt-get -qq install -y --no-install-recommends {' '.join(packages)}"):
        done = subprocess.run(
            step.split(), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode:
            raise SetUpError(f"{done.stdout[-2000:]}\nThe system packages could not be installed: {command}")
    importlib.invalidate_caches()


def may_install() -> bool:
    """Tell whether this user may install system packages here."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def child_environment() -> dict[str, str]:
    """Return the environment for the program.

    What the program asks of OpenMP's threads (`engine.machine.processes.openmp`), for benchmarks too.
    """
    from engine.machine.processes.openmp import WAITING

    return dict(os.environ) if "OMP_WAIT_POLICY" in os.environ else {**os.environ, **WAITING}


def replace_process(arguments: list[str]) -> int:
    """Become the virtual environment's Python with these arguments, in the folder the person is in."""
    command = [str(environment_python()), *arguments]
    if sys.platform != "win32":
        os.execve(command[0], command, child_environment())
    # On Windows exec returns to the prompt at once and leaves the program in the background.
    return subprocess.run(command, env=child_environment(), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
