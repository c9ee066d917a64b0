"""Experiments on disk: what one was asked to do, and what came out, read again without doing it again."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from engine.contracts.errors import InvalidInputError
from engine.contracts.label_budget import LabelBudgetConfig
from engine.label_budget.methods import LeftOut
from engine.label_budget.reports.files import JSON_FILE, REPORT_FILES
from engine.label_budget.reports.results import BudgetFigures
from engine.machine.json_files import json_text, read_json_object
from engine.runs.folder import write_text
from engine.translatable import TranslatableField, say

SETTINGS_FILE = "experiment.json"
_SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class StoredOutcome:
    """What an experiment has shown.

    Attributes:
        figures: Means, intervals, differences.
        verdict: One paragraph in plain words.
        left_out: What was not compared, with reasons.
        failed: Trainings that could not be done, with reasons.
        total_steps: Steps that every method took.
    """

    figures: BudgetFigures
    verdict: TranslatableField
    left_out: tuple[LeftOut, ...]
    failed: tuple[LeftOut, ...]
    total_steps: int


@dataclass(frozen=True, kw_only=True)
class StoredExperiment:
    """An experiment in its folder.

    Attributes:
        folder: Where it is.
        config: What it was asked to do; given to the job again it goes on.
        outcome: What came out; None where it has not ended.
    """

    folder: Path
    config: LabelBudgetConfig
    outcome: StoredOutcome | None


_READER = TypeAdapter(StoredOutcome)


def keep_settings(config: LabelBudgetConfig) -> None:
    """Note in an experiment's folder what it is asked to do, so that it can go on after a stop.

    Raises:
        RunStoreError: The file cannot be written.
    """
    content = {"schema_version": _SCHEMA, "settings": config.model_dump(mode="json")}
    write_text(config.out / SETTINGS_FILE, json_text(content, indent=1))


def require_own_folder(folder: Path) -> None:
    """Refuse a folder in which the reports would replace files that are no experiment's.

    Raises:
        InvalidInputError: There are such.
    """
    # An experiment notes its settings before all else.
    if os.path.isfile(folder / SETTINGS_FILE):
        return
    others = [name for name in REPORT_FILES if os.path.exists(folder / name)]
    if others:
        raise InvalidInputError(
            say("The file {others} in {folder} would be replaced.", others=others[0], folder=folder),
            "Choose another destination, such as a new folder.",
        )


def list_experiments(root: Path) -> tuple[Path, ...]:
    """Return the folders below a folder that hold an experiment, newest first."""
    try:
        found = [(path.stat().st_mtime, path.parent) for path in root.glob(f"*/{SETTINGS_FILE}")]
    except OSError:
        return ()
    return tuple(folder for _, folder in sorted(found, reverse=True))


def read_experiment(folder: Path) -> StoredExperiment:
    """Read an experiment's settings, and its outcome if it has ended.

    Raises:
        InvalidInputError: It cannot be read.
    """
    try:
        kept = read_json_object(folder / SETTINGS_FILE)
        if kept["schema_version"] != _SCHEMA:
            raise InvalidInputError(
                say("The experiment in {folder} was made by another version of this program.", folder=folder),
                "Open it with that version.",
            )
        # The folder may have been moved since.
        config = LabelBudgetConfig(**{**kept["settings"], "out": folder})
        return StoredExperiment(folder=folder, config=config, outcome=_read_outcome(folder / JSON_FILE))
    except (OSError, ValueError, LookupError, TypeError, ValidationError) as error:
        raise InvalidInputError(
            say("The experiment in {folder} cannot be read.", folder=folder),
            "Start a new one; the folder may be deleted.",
        ) from error


def _read_outcome(path: Path) -> StoredOutcome | None:
    try:
        fields = read_json_object(path)
    except FileNotFoundError:
        return None
    figures = {
        "rows": [_with_estimates(row, ("psnr", "gain", "ssim")) for row in fields["rows"]],
        "comparisons": [_with_estimates(row, ("difference",)) for row in fields["comparisons"]],
        "noisy_psnr": fields["noisy_psnr"],
        "num_evaluation": fields["num_evaluation"],
    }
    # Numbers are numbers and texts are texts from here on, whatever the file holds.
    return _READER.validate_python({**fields, "figures": figures})


def _with_estimates(row: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """A row with its estimates complete; ends that do not exist are null in the file."""
    estimates = {}
    for name in names:
        low, high = row[name]["low"], row[name]["high"]
        has_ends = low is not None and high is not None
        ends = {} if has_ends else {"low": -math.inf, "high": math.inf}
        estimates[name] = {**row[name], **ends}
    return {**row, **estimates}
