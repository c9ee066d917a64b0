"""How a training ended, noted in its run: by a person, by what a person can mend, or by a fault."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from engine.contracts.errors import EngineError, RunStoreError
from engine.contracts.events import Emit, VerdictReady
from engine.contracts.job_control import JobCancelled
from engine.runs.folder import STOPPED_UNJUDGED
from engine.runs.records import RunStatus
from engine.runs.store import Run
from engine.translatable import say

_logger = logging.getLogger(__name__)


@contextmanager
def one_ending(run: Run, emit: Emit = lambda event: None) -> Iterator[None]:
    """Note in the run how it ended, whatever happens, and say what its model is where that may surprise.

    Args:
        run: Of what is done meanwhile.
        emit: Told the verdict on a refinement that ends before it was judged.
    """
    try:
        yield
    except JobCancelled:
        _note_ending(run, "Stopped by the person", status=RunStatus.STOPPED)
        _tell_if_unjudged(run, emit)
        raise
    except EngineError as error:
        _note_ending(run, f"Failed: {error}", status=RunStatus.FAILED, error=str(error))
        _tell_if_unjudged(run, emit)
        raise
    except BaseException as error:
        _note_ending(
            run, traceback.format_exc(), status=RunStatus.FAILED, error=say("An unexpected error: {error}", error=error)
        )
        _tell_if_unjudged(run, emit)
        raise


def _tell_if_unjudged(run: Run, emit: Emit) -> None:
    if run.is_unjudged:
        _note_ending(run, STOPPED_UNJUDGED, verdict=STOPPED_UNJUDGED)
        emit(VerdictReady(state="unjudged", sentence=STOPPED_UNJUDGED))


def _note_ending(run: Run, line: str, **fields: Any) -> None:
    """Note it where that is possible: what a full disk or a removed folder has ended is told by the error itself."""
    try:
        run.update(**fields)
        run.log(line)
    except RunStoreError as error:
        _logger.warning("How the run %s ended cannot be noted: %s", run.path, error)
