"""The starter models that ship with the program: where they are, and what each is for. Free of torch.

Beside each model file lies its card as JSON, so that the window can list the models without opening them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from engine.contracts.errors import InvalidInputError
from engine.machine.json_files import read_json_object
from engine.machine.shipped_files import shipped_folders
from engine.translatable import say

STARTER_WORD = "starter"
"""Stands on the command line for the starter model that fits the task."""

GENERAL_TASK = "denoise"

_SUFFIX = ".safetensors"


@dataclass(frozen=True, kw_only=True)
class StarterModel:
    """A model that ships with the program.

    Attributes:
        name: Its file's name without the ending.
        title: What a person reads.
        description: What it does.
        task: The task it was trained for.
        path: The model file.
    """

    name: str
    title: str
    description: str
    task: str
    path: Path


def list_starters() -> tuple[StarterModel, ...]:
    """Return the starter models that are there, by name; none where the program was installed without them."""
    for folder in _folders():
        starters = _starters_in(folder)
        if starters:
            return starters
    return ()


def starter_path(task: str) -> Path | None:
    """Return the starter model of a task; None where there is none."""
    return next((starter.path for starter in list_starters() if starter.task == task), None)


def starter_to_learn_from(task: str) -> Path | None:
    """Return the starter model that a fine-tuning for a task best begins with: its own, or the denoising one.

    One backbone serves all tasks, so a task without a starter of its own takes that one's over and learns its head.
    """
    return starter_path(task) or starter_path(GENERAL_TASK)


def require_starter(task: str) -> Path:
    """Return the starter model of a task.

    Raises:
        InvalidInputError: There is none.
    """
    path = starter_path(task)
    if path is None:
        tasks = ", ".join(starter.task for starter in list_starters())
        raise InvalidInputError(
            say("There is no starter model for the task '{task}'.", task=task),
            say("There are starter models for: {tasks}.", tasks=tasks)
            if tasks
            else "Train a model of your own, or name its file.",
        )
    return path


def _folders() -> Iterator[Path]:
    """Yield the places where starter models may lie, the likeliest first."""
    return shipped_folders("starters")


@cache
def _starters_in(folder: Path) -> tuple[StarterModel, ...]:
    return tuple(starter for path in sorted(folder.glob(f"*{_SUFFIX}")) if (starter := _read(path)) is not None)


def _read(path: Path) -> StarterModel | None:
    """Read a model's card; None for a file without one, which is none of ours."""
    try:
        card = read_json_object(path.with_suffix(".json"))
        return StarterModel(
            name=path.stem, title=card["name"], description=card["description"], task=card["task"], path=path
        )
    except (OSError, ValueError, LookupError, TypeError):
        return None
