"""What the command line does in the processes of a job that are not its first: the same job, in silence."""

import os
import sys
from collections.abc import Callable
from typing import NoReturn, TypeVar

import typer

from engine.cli.reporting import EXIT_CANCELLED, EXIT_JOB_FAILED, Reporter, cancelled_by_signals
from engine.contracts.errors import EngineError
from engine.contracts.events import Emit, JobEvent
from engine.contracts.job_control import JobCancelled, JobControl

Config = TypeVar("Config")
Result = TypeVar("Result")


class SilentReporter(Reporter):
    """Says nothing: the first process does."""

    def say(self, text: str) -> None:
        """Nothing."""

    def end_line(self) -> None:
        """Nothing."""

    def _write(self, event: JobEvent) -> None:
        """Nothing."""


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
