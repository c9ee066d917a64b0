"""How restored files are called: a pattern whose fields are filled in for each photo."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import cycle
from pathlib import Path
from typing import Final

from engine.contracts.blending import Blend
from engine.contracts.photo import PhotoRef

DEFAULT_PATTERN: Final = "{name}_restored"
FIELDS: Final = ("name", "model", "task", "strength", "date")
"""What can be filled in: the photo's name without its ending, the model's, its task, percents, the day (ISO 8601)."""

_FIELD: Final = re.compile(r"\{([^{}]*)\}")
_NOT_IN_NAMES: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
"""What Windows or Linux refuses in a file's name."""
_NUMBER: Final = re.compile(r"_[0-9]+$")
_MAX_FIELD_CHARACTERS: Final = 60
_OME: Final = re.compile(r"(?P<stem>.+)(?P<suffix>\.ome\.tiff?)", re.DOTALL | re.IGNORECASE)
"""OME-TIFF's ending has two parts, by which other programs know it."""


@dataclass(frozen=True, kw_only=True)
class NameValues:
    """What is the same for all photos of a batch.

    Attributes:
        model: What a person calls the model.
        task: What it does.
        blend: How much of the noise goes; `{strength}` is its percents.
        day: On which the batch began.
    """

    model: str
    task: str
    blend: Blend
    day: date


@dataclass(frozen=True, kw_only=True)
class NumberedName:
    """A result's file name.

    Attributes:
        stem: Without number and ending.
        suffix: The ending.
        number: 1 stands in no name.
    """

    stem: str
    suffix: str
    number: int = 1

    @property
    def text(self) -> str:
        """The name."""
        return f"{self.stem}{self.suffix}" if self.number == 1 else f"{self.stem}_{self.number}{self.suffix}"

    @property
    def next(self) -> "NumberedName":
        """The name to take where another file is called so."""
        return replace(self, number=self.number + 1)


def check_pattern(pattern: str) -> None:
    """Refuse a pattern that gives no usable names.

    Raises:
        ValueError: With what is wrong, as a sentence.
    """
    fields = _FIELD.findall(pattern)
    rest = _FIELD.sub("", pattern)
    unknown = next((field for field in fields if field not in FIELDS), None)
    if unknown is not None:
        known = ", ".join(f"{{{field}}}" for field in FIELDS)
        raise ValueError(f"{{{unknown}}} is not known; there are {known}.")
    if "{" in rest or "}" in rest:
        raise ValueError("A curly bracket is left open.")
    if "name" not in fields:
        raise ValueError("{name} is missing: all photos would get the same name.")
    forbidden = _NOT_IN_NAMES.search(rest)
    if forbidden is not None:
        raise ValueError(f"A file's name cannot hold {forbidden[0]!r}.")
    if pattern != pattern.strip() or pattern.startswith(".") or pattern.endswith("."):
        raise ValueError("A name cannot begin or end with a space or a full stop.")


def split_name(name: str) -> tuple[str, str]:
    """Return a file's name without its ending, and the ending; of an OME-TIFF that is ".ome.tif"."""
    match = _OME.fullmatch(name)
    if match is not None:
        return match["stem"], match["suffix"]
    path = Path(name)
    return path.stem, path.suffix


def stem_of_photo(photo: PhotoRef) -> str:
    """Return what a photo's result is called by."""
    return photo.stem if photo.page else split_name(photo.file.name)[0]


def fill_pattern(pattern: str, name: str, values: NameValues) -> str:
    """Return the name of a result, without number and ending.

    Args:
        pattern: A sound one, see `check_pattern`.
        name: The photo's name without its ending.
        values: Of the batch.
    """
    filled = {"name": name, **_texts(values)}
    return _FIELD.sub(lambda match: filled[match[1]], pattern)


class NameReader:
    """Finds out of which photos a file may be the result, by its name alone.

    Attributes:
        is_telling: Whether the pattern adds text of its own, by which a result can be told from a photo.
    """

    def __init__(self, pattern: str, values: NameValues | None = None) -> None:
        """Take the pattern by which the results are called.

        Args:
            pattern: A sound one, see `check_pattern`.
            values: What was filled in, on whatever day; None: anything, which leaves some names in doubt.
        """
        before, _, after = pattern.partition("{name}")
        self.is_telling = bool(_FIELD.sub("", pattern).strip(" _-"))
        self._pattern = re.compile(
            f"{_any_filling(before, values)}(?P<name>.+){_any_filling(after, values)}", re.DOTALL
        )

    def names_of(self, stem: str) -> Iterator[str]:
        """Yield the names, without ending, of the photos whose result may be called so.

        Args:
            stem: The file's name without its ending; with a number or without.
        """
        for candidate in dict.fromkeys((stem, _NUMBER.sub("", stem))):
            match = self._pattern.fullmatch(candidate)
            if match is not None:
                yield match["name"]


def _any_filling(part: str, values: NameValues | None) -> str:
    """Return a regular expression for a part of a pattern, on whatever day; without values, whatever is filled in."""
    fillings = {"date": r"\d{4}-\d{2}-\d{2}", "name": ".+"}
    if values is not None:
        fillings |= {field: re.escape(text) for field, text in _texts(values).items() if field != "date"}
    pieces = _FIELD.split(part)
    return "".join(
        fillings.get(piece, ".+?") if is_field else re.escape(piece)
        for piece, is_field in zip(pieces, cycle((False, True)), strict=False)
    )


def _texts(values: NameValues) -> dict[str, str]:
    return {
        "model": _safe(values.model),
        "task": _safe(values.task),
        "strength": values.blend.percents,
        "date": values.day.isoformat(),
    }


def _safe(text: str) -> str:
    return _NOT_IN_NAMES.sub("-", text)[:_MAX_FIELD_CHARACTERS].strip(" .") or "model"
