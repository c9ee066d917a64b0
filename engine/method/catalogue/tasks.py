"""The tasks that a model can be trained for, and their settings.

`engine.method.tasks.restoration_task` says what a task offers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from engine.contracts.configs import JobConfig
from engine.method.catalogue.rows import Row, Table


class DemosaickParams(JobConfig):
    """Noise that is added to the mosaics of labels."""

    noise_sigma: Annotated[
        float,
        Field(
            ge=0,
            le=100,
            title="Strongest added noise",
            description="Each label's mosaic gets noise of a random strength up to this; 0: none is added.",
            json_schema_extra={"unit": "levels of 255"},
        ),
    ] = 20.0
    camera_noise: Annotated[
        bool,
        Field(
            title="Noise of light",
            description="Half of the added noise grows with brightness, as a sensor's does; off: alike everywhere.",
        ),
    ] = True


class SuperResolutionParams(JobConfig):
    """What the small photos are like."""

    noise_sigma: Annotated[
        float,
        Field(
            ge=0,
            le=100,
            title="Strongest added noise",
            description="Each small photo gets noise of a random strength up to this; 0: none is added.",
            json_schema_extra={"unit": "levels of 255"},
        ),
    ] = 0.0
    enlarged_input: Annotated[
        bool,
        Field(
            title="Already enlarged",
            description="The small photos have been enlarged to the size of the large ones; the size then stays.",
        ),
    ] = False


@dataclass(frozen=True, kw_only=True)
class TaskRow(Row):
    """One task.

    Attributes:
        makes: What it makes of clean photos to learn from them alone; "" where it needs pairs.
        scale: How many times larger, to a side, its results are.
        takes_mosaics: Whether it takes what a sensor records: one colour a pixel.
        shows_risk: Whether noisy photos tell by themselves how well they are restored.
        untreated: What its results are measured against.
        arguments: What its class is made with, other than its settings.
        own_pairs_params: Settings, other than the usual ones, for labels that it makes of clean photos.
        same_size_params: Settings of a task with a scale for photos that have been enlarged to their references' size.
    """

    makes: str = ""
    scale: int = 1
    takes_mosaics: bool = False
    shows_risk: bool = False
    untreated: str = "the noisy photos"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    own_pairs_params: Mapping[str, Any] = field(default_factory=dict)
    same_size_params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def makes_own_pairs(self) -> bool:
        """Whether clean photos alone serve as labels, their noisy side being made of them."""
        return bool(self.makes)


def _enlarging(factor: int, *, title: str, description: str) -> TaskRow:
    return TaskRow(
        title=title,
        description=description,
        implementation="engine.method.tasks.super_resolution:SuperResolution",
        params_model=SuperResolutionParams,
        makes="the small photos",
        scale=factor,
        untreated="plain enlargement",
        arguments={"factor": factor},
        own_pairs_params={"noise_sigma": 10.0},
        same_size_params={"enlarged_input": True},
    )


TASKS: Table[TaskRow] = Table(
    "task",
    {
        "denoise": TaskRow(
            title="Denoise",
            description="Remove noise and keep the size.",
            implementation="engine.method.tasks.denoise:Denoise",
            shows_risk=True,
        ),
        "sr2": _enlarging(2, title="Enlarge x2", description="Twice the width and height (super-resolution)."),
        "sr3": _enlarging(3, title="Enlarge x3", description="Three times the width and height (super-resolution)."),
        "sr4": _enlarging(4, title="Enlarge x4", description="Four times the width and height (super-resolution)."),
        "demosaick": TaskRow(
            title="Develop raw",
            description="All colours for raw files, without their noise (demosaicking).",
            implementation="engine.method.tasks.demosaick:Demosaick",
            params_model=DemosaickParams,
            makes="the noisy sensor data",
            takes_mosaics=True,
            untreated="plain interpolation",
        ),
    },
)
