"""Processes of the program that have loaded torch already, for tests that need a process and not its start.

Loading torch with all that a training needs takes some eight seconds of a processor. One process that has done so, and
nothing else, is kept for each process of tests and forked whenever a test asks for a program: what it then does,
says, leaves behind and dies of is its own. That the program starts from nothing, other tests show by a start:
`tests/end_to_end/test_command_line.py`, `tests/engine/cli/test_cli.py`, `tests/test_documentation.py`.
"""

import atexit
import io
import multiprocessing
import multiprocessing.forkserver
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

PRELOADED = ("torch", "torch._dynamo", "engine.cli.main", "engine.training.job", "engine.restoring.restorer")
COUNTS_LINES = "COVERAGE_PROCESS_CONFIG"
"""Set by coverage where processes that are started shall count lines too."""


class WarmProcess:
    """A program in a process of its own, by the part of `subprocess.Popen` that the tests need.

    Args:
        program: A module, as after `python -m`, or a script's file.
        arguments: Its arguments.
        environment: The whole of its environment; None: this process's.
        folder: Where it runs; None: here.
    """

    def __init__(
        self,
        program: str | Path,
        arguments: Sequence[object] = (),
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(PRELOADED))
        with _counting_no_lines():
            multiprocessing.forkserver.ensure_running()
        output, said = context.Pipe(duplex=False)
        errors, reported = context.Pipe(duplex=False)
        words = [str(program), *map(str, arguments)]
        place = str(folder or Path.cwd())
        everything = (program, words, dict(os.environ if environment is None else environment), place, said, reported)
        self._process = context.Process(target=_become, args=everything)
        self._process.start()
        said.close()
        reported.close()
        assert self._process.pid is not None
        self.pid: int = self._process.pid
        self.stdout, self.stderr = _reading(output), _reading(errors)
        # Of a test that has failed: this process waits for it at its end, before which this is called.
        atexit.register(self.kill)

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same."""
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it by force."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code.

        Raises:
            subprocess.TimeoutExpired: It goes on.
        """
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Read what it says until its end; by force after a while.

        Raises:
            subprocess.TimeoutExpired: It went on for too long, and has been killed.
        """
        late = threading.Event()

        def end() -> None:
            late.set()
            self.kill()

        errors: list[str] = []
        listener = threading.Thread(target=lambda: errors.append(self.stderr.read()), daemon=True)
        watch = threading.Timer(timeout or threading.TIMEOUT_MAX, end)
        listener.start()
        watch.start()
        try:
            output = self.stdout.read()
            listener.join()
            self._process.join()
        except BaseException:
            self.kill()
            raise
        finally:
            watch.cancel()
        self.stdout.close()
        self.stderr.close()
        if late.is_set():
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0, output, errors[0])
        return output, errors[0]


def start_warm(
    program: str | Path,
    arguments: Sequence[object] = (),
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> "WarmProcess | subprocess.Popen[str]":
    """Start a program; where a process cannot be forked safely, by a start of Python."""
    if sys.platform == "linux":
        return WarmProcess(program, arguments, environment=environment, folder=folder)
    command = [sys.executable, *(["-m"] if isinstance(program, str) else []), str(program), *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=folder
    )


def run_warm(
    program: str | Path,
    arguments: Sequence[object] = (),
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    timeout: float | None = 240,
) -> "subprocess.CompletedProcess[str]":
    """Run a program until its end and return what it said, as `subprocess.run` does."""
    process = start_warm(program, arguments, environment=environment, folder=folder)
    output, errors = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess([str(program), *map(str, arguments)], process.wait(), output, errors)


@contextmanager
def _counting_no_lines() -> Iterator[None]:
    """Let the process that all others are forked from count no lines: those that it has imported count their own."""
    kept = os.environ.pop(COUNTS_LINES, None)
    try:
        yield
    finally:
        if kept is not None:
            os.environ[COUNTS_LINES] = kept


def _reading(connection: Connection) -> io.TextIOWrapper:
    file = open(os.dup(connection.fileno()), encoding="utf-8", errors="replace")  # noqa: SIM115
    connection.close()
    return file


def _writing(number: int, errors: str) -> io.TextIOWrapper:
    file = io.BufferedWriter(io.FileIO(number, "w", closefd=False))
    return io.TextIOWrapper(file, "utf-8", errors, line_buffering=number == 2)


def _become(
    program: str | Path,
    words: list[str],
    environment: dict[str, str],
    folder: str,
    said: Connection,
    reported: Connection,
) -> None:
    """Be a program, in the process that has been forked for it."""
    for connection, number in ((said, 1), (reported, 2)):
        os.dup2(connection.fileno(), number)
        connection.close()
    sys.stdout = _writing(1, "strict")
    sys.stderr = _writing(2, "backslashreplace")
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv[:] = words
    sys.path[:0] = [entry for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if COUNTS_LINES in environment:
        import coverage

        coverage.process_startup(force=True)
    try:
        if isinstance(program, Path):
            sys.path.insert(0, str(program.parent))
            runpy.run_path(str(program), run_name="__main__")
        else:
            runpy.run_module(program, run_name="__main__", alter_sys=True)
    finally:
        # A process that multiprocessing has started leaves these out: coverage writes its lines there.
        atexit._run_exitfuncs()
