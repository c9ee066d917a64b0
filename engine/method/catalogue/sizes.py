"""Named sizes of a backbone: a person picks a name, an expert the numbers behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from pydantic import Field, JsonValue, model_validator

from engine.contracts.configs import JobConfig
from engine.translatable import say, say_joined

SizeName = Literal["small", "medium", "large"]

BY_SIZE: Final[dict[str, JsonValue]] = {"zero": "By the size"}
"""Marks a number that the size gives where it is 0."""
CELL_FIELD: Final = Field(
    ge=0,
    le=2,
    title="Cell",
    description="Side of the pixel cells it works on; 2: quicker, wider view; 0: by the size.",
    json_schema_extra=BY_SIZE,
)
"""The field `shuffle`, which all backbones have."""


@dataclass(frozen=True)
class NamedSize:
    """What a size stands for.

    Attributes:
        settings: The numbers of the params model, by field.
        num_parameters: Weights of the network, in thousands.
        kflop_per_pixel: Multiplications and additions for one pixel of a photo, in thousands.
    """

    settings: Mapping[str, int]
    num_parameters: int
    kflop_per_pixel: int


class SizedParams(JobConfig):
    """Settings of a backbone with named sizes; a number left at 0 is that of the size.

    Once validated, all numbers are filled in, so that a model's card does not depend on what a size means later.

    Attributes:
        sizes: The named sizes.
        unnamed: The numbers beside which given numbers stand where no size is given; None: those of the default size.
    """

    sizes: ClassVar[Mapping[str, NamedSize]]
    unnamed: ClassVar[Mapping[str, int] | None] = None

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        if cls.unnamed is not None and "size" not in values and any(values.get(name) for name in cls.unnamed):
            settings = cls.unnamed
        else:
            size = values.get("size", cls.model_fields["size"].default)
            if not isinstance(size, str) or size not in cls.sizes:
                # The field's own validation says what is wrong.
                return values
            settings = cls.sizes[size].settings
        return {**values, **{name: number for name, number in settings.items() if not values.get(name)}}


def size_field(sizes: Mapping[str, NamedSize]) -> Any:
    """The field by which a person picks a size, with what each one costs."""
    costs = [
        say(
            "{name}: {num_parameters:,} thousand weights, {kflop_per_pixel:,} kFLOP a pixel",
            name=name.capitalize() if name == next(iter(sizes)) else name,
            num_parameters=size.num_parameters,
            kflop_per_pixel=size.kflop_per_pixel,
        )
        for name, size in sizes.items()
    ]
    return Field(
        title="Size",
        description=say("Larger is better and slower. {costs}.", costs=say_joined(costs, "; ")),
    )
