"""Makes what the catalogue names, from plain settings; loads torch."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from engine.method.backbones.backbone import Backbone
from engine.method.catalogue.backbones import BACKBONES
from engine.method.catalogue.pretexts import PRETEXTS
from engine.method.catalogue.rows import Row
from engine.method.catalogue.tasks import TASKS
from engine.method.pretext.pretext_task import PretextTask
from engine.method.tasks.restoration_task import RestorationTask


def make_pretext(name: str, params: Mapping[str, Any]) -> PretextTask:
    """Make a pretext task.

    Raises:
        InvalidInputError: There is none of that name, or a setting does not exist or is out of bounds.
        ValueError: The stride has not been measured yet.
    """
    row = PRETEXTS.find(name)
    pretext: PretextTask = _class_of(row)(row.validate(params))
    return pretext


def make_task(name: str, params: Mapping[str, Any]) -> RestorationTask:
    """Make a restoration task.

    Raises:
        InvalidInputError: There is none of that name, or a setting does not exist or is out of bounds.
    """
    row = TASKS.find(name)
    task: RestorationTask = _class_of(row)(row.validate(params), **row.arguments)
    return task


def make_backbone(name: str, params: Mapping[str, Any]) -> Backbone:
    """Make a network with fresh weights.

    Raises:
        InvalidInputError: There is none of that name, or a setting does not exist or is out of bounds.
    """
    row = BACKBONES.find(name)
    backbone: Backbone = _class_of(row)(row.validate(params))
    return backbone


def _class_of(row: Row) -> Any:
    module, _, name = row.implementation.partition(":")
    return getattr(import_module(module), name)
