"""Command line options made from the settings models, so that a field added there is an option here."""

import functools
import inspect
import json
import os
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from engine.contracts.configs import OWN_NOISE, JobConfig
from engine.contracts.errors import EngineError, InvalidInputError, RunStoreError
from engine.contracts.photo import PhotoRef
from engine.method.catalogue.tasks import TASKS
from engine.models.starters import GENERAL_TASK, STARTER_WORD, require_starter

ADVANCED_PANEL = "More settings"


def options_from(
    model: type[JobConfig],
    *,
    leave_out: Collection[str],
    by_preset: Collection[str] = (),
    earlier_words: Mapping[str, Mapping[str, Mapping[str, Any]]] = types.MappingProxyType({}),
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each field of a settings model.

    The command receives `settings`: the values of those options that were given, by field name.

    Args:
        model: The settings.
        leave_out: Fields that the command takes in a way of its own.
        by_preset: Fields whose value a preset sets where the option is not given.
        earlier_words: Words that choices once had, by field; each stands for values of fields, unless their options
            are given beside it.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        fields = {name: field for name, field in model.model_fields.items() if name not in leave_out}

        @functools.wraps(command)
        def with_settings(**arguments: Any) -> None:
            given = {name: arguments.pop(name) for name in fields}
            settings = _parse(fields, given)
            for name, words in earlier_words.items():
                if settings.get(name) in words:
                    settings = {**words[settings.pop(name)], **settings}
            command(**arguments, settings=settings)

        annotations = {
            name: _annotation(name, field, has_preset=name in by_preset, earlier_words=earlier_words.get(name, ()))
            for name, field in fields.items()
        }
        own = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in inspect.signature(command).parameters.values()
            if parameter.name != "settings"
        ]
        generated = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
            for name, annotation in annotations.items()
        ]
        parameters = [*own, *generated]
        # typer reads the signature and, for the types, the annotations.
        with_settings.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        with_settings.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return with_settings

    return decorate


def make_config(model: type[JobConfig], /, **values: Any) -> Any:
    """Build settings from values of the command line.

    Raises:
        typer.BadParameter: A value is out of bounds, or two do not fit together.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        raise typer.BadParameter(f"{_flag(name)}: {first['msg']} (found {first['input']!r})") from error


def parse_tile(text: str) -> int:
    """Read a tile size: "auto" or a number of pixels."""
    if text == "auto":
        return 0
    if not text.isdecimal():
        raise typer.BadParameter(f"expected auto or a number of pixels; found {text!r}")
    return int(text)


def find_run_or_model(text: str, task: str = "") -> Path:
    """Turn what a person calls a model into its path: a folder or file, the id of a run, or the word "starter".

    Args:
        text: What the person wrote.
        task: Whose starter model the word stands for; empty: denoising.

    Raises:
        typer.BadParameter: There is no starter model for the task.
    """
    from engine.runs.store import RunStore

    if text == STARTER_WORD:
        try:
            return require_starter(task or GENERAL_TASK)
        except InvalidInputError as error:
            raise typer.BadParameter(str(error)) from error
    path = Path(text)
    if os.path.exists(path):
        return path.absolute()
    try:
        return RunStore().open(text).path
    except RunStoreError:
        # The job says what is wrong with it.
        return path.absolute()


def task_of_model(path: Path) -> str:
    """The task of a model; "" for what is none, which the job then says."""
    from engine.models.reading import read_card

    try:
        return read_card(path).task
    except EngineError:
        return ""


def learns_with_twins(path: Path, task: str) -> bool:
    """Whether fine-tuning a model goes on with the photos' own noise: it denoises, and was not pretrained otherwise."""
    from engine.models.reading import read_card

    try:
        card = read_card(path)
    except EngineError:
        return False
    row = TASKS.get(task)
    denoises = row is not None and row.shows_risk and card.task == task
    return denoises and card.starter is not None and card.pretext in {None, OWN_NOISE}


def _annotation(name: str, field: FieldInfo, *, has_preset: bool, earlier_words: Iterable[str]) -> Any:
    kind = _plain_type(field.annotation)
    if earlier_words:
        kind = Literal.__getitem__((*get_args(kind), *earlier_words))
    is_advanced = isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("level") == "advanced"
    details: dict[str, Any] = {
        "help": _help(field, has_preset),
        "rich_help_panel": ADVANCED_PANEL if is_advanced else None,
        "show_default": False,
    }
    flag = _flag(name)
    if kind is bool:
        return Annotated[bool | None, typer.Option(f"{flag}/--no-{flag[2:]}", **details)]
    if get_origin(kind) is tuple or kind is tuple:
        return Annotated[list[str] | None, typer.Option(flag, **details)]
    if get_origin(kind) is dict or kind is dict:
        return Annotated[list[str] | None, typer.Option(flag, metavar="NAME=VALUE", **details)]
    if kind in (int, float):
        details |= _bounds(field)
    return Annotated[kind | None, typer.Option(flag, **details)]


def _plain_type(annotation: Any) -> Any:
    """Return a field's type without None; of a choice of words, the choice."""
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        assert len(kinds) == 1, f"a command line option has one type; found {annotation}"
        return kinds[0]
    return annotation


def _bounds(field: FieldInfo) -> dict[str, Any]:
    bounds: dict[str, Any] = {}
    for limit in field.metadata:
        if hasattr(limit, "ge"):
            bounds["min"] = limit.ge
        if hasattr(limit, "le"):
            bounds["max"] = limit.le
    return bounds


def _help(field: FieldInfo, has_preset: bool) -> str:
    description = field.description or ""
    if has_preset:
        return f"{description} Default: by the preset."
    if field.default in (None, "", {}, ()):
        return description
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    unit = f" {extra['unit']}" if "unit" in extra else ""
    default = {True: "yes", False: "no"}[field.default] if isinstance(field.default, bool) else field.default
    return f"{description} Default: {default}{unit}."


def _parse(fields: dict[str, FieldInfo], given: dict[str, Any]) -> dict[str, Any]:
    """Keep what was given, with `NAME=VALUE` texts turned into values by name."""
    settings = {}
    for name, value in given.items():
        if value is None or value == []:
            continue
        kind = _plain_type(fields[name].annotation)
        settings[name] = _parse_pairs(name, value, kind) if get_origin(kind) is dict else value
    return settings


def _parse_pairs(name: str, texts: Sequence[str], kind: Any) -> dict[str, Any]:
    """Read `NAME=VALUE` texts of one option: the field itself reads a value, unless anything may be one."""
    _, value_kind = get_args(kind)
    values: dict[str, Any] = {}
    for text in texts:
        if value_kind is Any:
            key, _, value = text.partition("=")
        elif value_kind is PhotoRef:
            key, value = _two_photos(text)
        else:
            # Of a photo, whose name may hold one too.
            key, _, value = text.rpartition("=")
        if not key or "=" not in text:
            raise typer.BadParameter(f"{_flag(name)}: expected NAME=VALUE; found {text!r}")
        values[key] = _json_or_text(value) if value_kind is Any else value
    return values


def _two_photos(text: str) -> tuple[str, str]:
    """Part a text at the sign between two photos: of several, at the one that leaves two which are there."""
    ways = [(text[:end], text[end + 1 :]) for end, letter in enumerate(text) if letter == "=" and end]
    there = (way for way in ways if all(PhotoRef.of(side).is_on_disk() for side in way))
    return next(there, ways[0] if ways else ("", ""))


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
