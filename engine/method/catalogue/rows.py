"""What a row of a catalogue says, and how a row is found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from engine.contracts.configs import JobConfig
from engine.contracts.errors import InvalidInputError
from engine.translatable import say


class NoParams(JobConfig):
    """Settings of what has none."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One choice.

    Attributes:
        title: What a person reads.
        description: What it does, one sentence.
        implementation: Its class, as "module:Class"; text, so that naming it loads nothing.
        params_model: Its settings.
    """

    title: str
    description: str
    implementation: str
    params_model: type[JobConfig] = NoParams

    def validate(self, params: Mapping[str, Any]) -> JobConfig:
        """Check plain values against the settings model.

        Raises:
            InvalidInputError: A setting does not exist or is out of bounds.
        """
        try:
            return self.params_model.model_validate(params)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise InvalidInputError(
                say(
                    "A setting of {title} is not valid: {field}: {problem}.",
                    title=self.title,
                    field=field,
                    problem=first["msg"],
                ),
                say("Its settings are: {settings}.", settings=", ".join(self.params_model.model_fields)),
            ) from error


Choice = TypeVar("Choice")


class Table(dict[str, Choice]):
    """Rows by name.

    Plain assignments, not import side effects: readers and type checkers can follow them.

    Attributes:
        kind: What a row is, for messages.
    """

    def __init__(self, kind: str, rows: Mapping[str, Choice]) -> None:
        super().__init__(rows)
        self.kind = kind

    def find(self, name: str) -> Choice:
        """The row of a name.

        Raises:
            InvalidInputError: There is none.
        """
        if name not in self:
            raise InvalidInputError(
                say("There is no {kind} called '{name}'.", kind=self.kind, name=name),
                say("Choose one of: {names}.", names=", ".join(self)),
            )
        return self[name]
