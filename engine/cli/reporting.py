"""What the command line says while a job runs and when it ends, for people or for scripts."""

import dataclasses
import json
import logging
import math
import os
import shutil
import signal
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TextIO, TypeVar

import typer

from engine.contracts.errors import EngineError
from engine.contracts.events import (
    Emit,
    FileSkipped,
    ImageRestored,
    JobEvent,
    JobWarning,
    NoiseLearned,
    NoiseMeasured,
    PhotoPassedOver,
    PreviewReady,
    RunStarted,
    StepDone,
    TrainingMeasured,
    TwinMade,
    ValidationDone,
    VerdictReady,
)
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.photo import PhotoRef
from engine.machine.processes.rank import is_follower

EXIT_SOME_FAILED = 1
EXIT_JOB_FAILED = 3
EXIT_CANCELLED = 130

_STEPS_PER_SECOND = 5.0
"""More lines of progress than these help neither a person nor a script."""
_PLAIN_LINE_INTERVAL_S = 10.0
"""Progress where the line cannot be rewritten, as in a log file."""

_SHOWN_METRICS = ("consistency", "contrast", "contrast_accuracy", "supervised")

_logger = logging.getLogger(__name__)

Config = TypeVar("Config")
Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ending:
    """How a command reports a result.

    Attributes:
        summary: Lines for a person.
        fields: The JSON object for a script; paths and numbers that are not finite are converted.
        exit_code: 0, or 1 where some inputs failed.
    """

    summary: str
    fields: Mapping[str, Any]
    exit_code: int = 0


def run_job(
    job: Callable[[Config, JobControl, Emit], Result],
    config: Config,
    describe: Callable[[Result], Ending],
    *,
    as_json: bool,
) -> NoReturn:
    """Run a job, report it, and leave with its exit code.

    Ctrl-C asks the job to end at its next step; a second one ends the program at once.

    Args:
        job: Of `engine.jobs`.
        config: Its settings.
        describe: Turns its result into words and exit code.
        as_json: For scripts: events as JSON lines on stderr, one JSON object as last line on stdout.

    Raises:
        typer.Exit: Always, with the exit code.
    """
    set_up_logging(as_json)
    if is_follower():
        follow(job, config)
    reporter: Reporter = JsonReporter(sys.stderr) if as_json else LineReporter(sys.stderr)
    control = JobControl()
    try:
        with cancelled_by_signals(control, reporter):
            result = job(config, control, reporter.report)
    except JobCancelled:
        reporter.end_line()
        print_result(_describe_cancelled(reporter.run), as_json=as_json)
        raise typer.Exit(EXIT_CANCELLED) from None
    except EngineError as error:
        reporter.end_line()
        fields = {"status": "failed", "error": error.message, "hint": error.hint}
        if as_json:
            print_result(Ending(summary="", fields=fields), as_json=as_json)
        else:
            reporter.say(f"{error.message}\n{error.hint}")
        raise typer.Exit(EXIT_JOB_FAILED) from None
    except Exception as error:
        reporter.end_line()
        _logger.exception("An unexpected error ended the job")
        if as_json:
            print_result(
                Ending(summary="", fields={"status": "failed", "error": str(error), "hint": ""}), as_json=as_json
            )
        raise typer.Exit(EXIT_JOB_FAILED) from None
    reporter.end_line()
    ending = describe(result)
    print_result(ending, as_json=as_json)
    raise typer.Exit(ending.exit_code)


def print_result(ending: Ending, *, as_json: bool) -> None:
    """Print what a command has found.

    Raises:
        typer.Exit: It cannot be written, with the exit code.
    """
    try:
        print(json.dumps(to_json(ending.fields)) if as_json else ending.summary, flush=True)
    except OSError as error:
        silence(sys.stdout)
        # Whoever ends a pipe has read what they wanted, as `head` does.
        if not isinstance(error, BrokenPipeError):
            print(f"The result cannot be written: {error.strerror or error}.", file=sys.stderr)
            raise typer.Exit(EXIT_JOB_FAILED) from None


def phrase_duration(seconds: float) -> str:
    """Say a duration as a person would: "40 s", "3 min", "2 h 5 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def to_json(value: Any) -> Any:
    """Convert a value to what JSON holds: paths and times to text, numbers that are not finite to null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path | PhotoRef):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return value


class Reporter(ABC):
    """Receives a job's events, from any thread.

    Attributes:
        run: Folder of the training run, once it has begun.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last_step_time = -math.inf
        self._last_stage = ""
        self._writing = threading.Lock()
        self.run: Path | None = None

    def report(self, event: JobEvent) -> None:
        """Report an event; progress only now and then."""
        if isinstance(event, RunStarted):
            self.run = event.run
        if isinstance(event, StepDone):
            now = time.monotonic()
            is_due = now - self._last_step_time >= self._step_interval_s
            if not is_due and event.stage == self._last_stage and event.step < event.num_steps:
                return
            self._last_step_time, self._last_stage = now, event.stage
        with self._at_line():
            self._write(event)

    def say(self, text: str) -> None:
        """Say something that is no event. Not in a signal's handler, which may have come amid a line."""
        with self._at_line():
            self._say(text)

    def end_line(self) -> None:
        """Leave the progress line behind."""
        with self._at_line():
            self._end_line()

    @contextmanager
    def _at_line(self) -> Iterator[None]:
        """Hold the stream; where nobody takes what is said any more, the job goes on unheard."""
        with self._writing:
            try:
                yield
            except OSError:
                silence(self._stream)

    @property
    def _step_interval_s(self) -> float:
        return 1 / _STEPS_PER_SECOND

    @abstractmethod
    def _write(self, event: JobEvent) -> None: ...

    @abstractmethod
    def _say(self, text: str) -> None: ...

    @abstractmethod
    def _end_line(self) -> None: ...


class JsonReporter(Reporter):
    """One JSON object a line: the event's kind and its fields, without pictures; a message is an object of its own."""

    def _say(self, text: str) -> None:
        self._write_line({"event": "Message", "text": text})

    def _end_line(self) -> None:
        self._stream.flush()

    def _write(self, event: JobEvent) -> None:
        self._write_line({"event": type(event).__name__, **_fields_of(event)})

    def _write_line(self, fields: Mapping[str, Any]) -> None:
        self._stream.write(json.dumps(fields) + "\n")
        self._stream.flush()


class LineReporter(Reporter):
    """One line of progress, rewritten in place on a terminal, with what a person should know above it."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._rewrites = stream.isatty()
        self._line = ""

    def _say(self, text: str) -> None:
        self._clear()
        self._stream.write(text + "\n")
        self._draw()

    def _end_line(self) -> None:
        if self._line:
            self._line = ""
            if self._rewrites:
                self._stream.write("\n")
            self._stream.flush()

    @property
    def _step_interval_s(self) -> float:
        return super()._step_interval_s if self._rewrites else _PLAIN_LINE_INTERVAL_S

    def _write(self, event: JobEvent) -> None:
        if isinstance(event, StepDone):
            self._clear()
            self._line = _phrase_progress(event)
            self._draw()
            if not self._rewrites:
                self._stream.write(self._line + "\n")
                self._stream.flush()
            return
        sentence = _phrase_event(event)
        if sentence:
            self._say(sentence)

    def _clear(self) -> None:
        if self._rewrites and self._line:
            self._stream.write("\r\x1b[K")

    def _draw(self) -> None:
        if self._rewrites:
            self._stream.write(self._line[: shutil.get_terminal_size().columns - 1])
        self._stream.flush()


def _phrase_progress(event: StepDone) -> str:
    parts = [f"{event.stage} {event.step:,} / {event.num_steps:,}"]
    parts += [f"{name.replace('_', ' ')} {event.metrics[name]:.4g}" for name in _SHOWN_METRICS if name in event.metrics]
    if "fraction" in event.metrics:
        parts.append(f"{event.metrics['fraction']:.0%}")
    if event.seconds_left is not None:
        parts.append(f"{phrase_duration(event.seconds_left)} left")
    return " · ".join(parts)


def _fields_of(event: JobEvent) -> dict[str, Any]:
    """What a script is told of an event: no pictures, and of a noise its figures."""
    if isinstance(event, PreviewReady):
        return {"step": event.step}
    if isinstance(event, TwinMade):
        return {"name": event.name}
    if isinstance(event, NoiseLearned):
        return {"noise": to_json(event.noise.summary)}
    fields: dict[str, Any] = to_json(event)
    return fields


def _phrase_event(event: JobEvent) -> str:
    if isinstance(event, RunStarted):
        return f"Run folder: {event.run}"
    if isinstance(event, FileSkipped):
        return f"Skipped {event.path}: {event.reason} {event.hint}"
    if isinstance(event, JobWarning):
        return f"Note: {event.message} {event.hint}"
    if isinstance(event, NoiseMeasured):
        return event.noise.stride_sentence
    if isinstance(event, VerdictReady):
        return event.sentence
    if isinstance(event, ValidationDone):
        gain = event.psnr - event.noisy_psnr
        return f"Step {event.step:,}: validation PSNR {event.psnr:.2f} dB ({gain:+.2f}), SSIM {event.ssim:.4f}"
    if isinstance(event, ImageRestored):
        return "\n  ".join((f"{event.source} → {event.output}", *event.remarks))
    if isinstance(event, PhotoPassedOver):
        reason = "was done already" if event.is_done else "left alone, there is a file of that name"
        return f"{event.source}: {reason}: {event.output}"
    if isinstance(event, TrainingMeasured) and event.gain is not None:
        return f"{event.title}: {event.gain:+.2f} dB ({event.num_done} of {event.num_trainings})"
    return ""


def _describe_cancelled(run_folder: Path | None) -> Ending:
    if run_folder is None:
        return Ending(summary="Cancelled.", fields={"status": "cancelled"})
    from engine.runs.store import Run

    run = Run(run_folder)
    fields = {
        "run": run.path,
        "steps": run.record.steps_done,
        "seconds": run.record.seconds,
        "status": run.record.status.value,
    }
    summary = f"Stopped at step {run.record.steps_done:,} of {run.record.steps_total:,}."
    if run.is_resumable:
        summary += f"\nGo on with: residua resume {run.path}"
    return Ending(summary=summary, fields=fields)


def silence(stream: TextIO) -> None:
    """Let what is still written to a stream go nowhere, that of libraries and at the program's end too."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


def open_missing_streams() -> None:
    """Let what is said go nowhere where a program was started with its output closed.

    A file that is opened later would else be taken for it by what writes to the output's number.
    """
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for as long as the program runs
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


@contextmanager
def cancelled_by_signals(control: JobControl, reporter: Reporter) -> Iterator[None]:
    """Let Ctrl-C, and what the system sends at shutdown, end the job in its own time; a second one at once.

    So does a terminal that is closed, however often that is told: the shell and the system both do. Where hanging up is
    ignored already, as by `nohup`, it stays so.

    Args:
        control: Of the job.
        reporter: Says what is going on.
    """

    def cancel(number: int, frame: FrameType | None) -> None:
        del frame
        if control.is_cancelled:
            if number == hangup:
                return
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        control.cancel()
        # In a thread: the signal may have come amid a line that this thread is writing.
        text = "Ending at the next step. Once more to end at once, without saving."
        threading.Thread(target=reporter.say, args=(text,)).start()

    # Windows has none.
    hangup = getattr(signal, "SIGHUP", None)
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        numbers.append(hangup)
    previous = {number: signal.signal(number, cancel) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class _JsonLogFormatter(logging.Formatter):
    """Log records as JSON lines, among the events."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {"event": "Log", "level": record.levelname.lower(), "text": record.getMessage()}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields)


def set_up_logging(as_json: bool) -> None:
    """Send warnings and errors of the program and its libraries to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    # Set on the handler too: some libraries lower the level of their own loggers when they are imported.
    handler.setLevel(logging.WARNING)
    handler.setFormatter(_JsonLogFormatter() if as_json else logging.Formatter("%(levelname)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(True)


class SilentReporter(Reporter):
    """Says nothing: the first process does."""

    def _say(self, text: str) -> None: ...

    def _end_line(self) -> None: ...

    def _write(self, event: JobEvent) -> None: ...


def follow(job: Callable[[Config, JobControl, Emit], Result], config: Config) -> NoReturn:
    """Do this process's part of a job.

    Args:
        job: Of `engine.jobs`.
        config: Its settings.

    Raises:
        typer.Exit: Always, with the exit code.
    """
    control = JobControl()
    reporter = SilentReporter(sys.stderr)
    try:
        with cancelled_by_signals(control, reporter):
            job(config, control, reporter.report)
    except JobCancelled:
        raise typer.Exit(EXIT_CANCELLED) from None
    except EngineError as error:
        sys.stderr.write(f"Process {os.environ['RANK']}: {error.message}\n")
        raise typer.Exit(EXIT_JOB_FAILED) from None
    raise typer.Exit
