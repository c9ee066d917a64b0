"""What a person says is black and white in pictures, in the numbers of their files."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import GetPydanticSchema, WithJsonSchema
from pydantic_core import core_schema

from engine.contracts.photo import PhotoPlace, PhotoRef, photo_place

_CHANNEL: Final = "channel"


@dataclass(frozen=True, kw_only=True)
class GivenLevels:
    """Which numbers of a file are black and white, because a person says so.

    Attributes:
        black: In the numbers of the file, such as counts.
        white: Above it.
        place: Of which photos: a folder with all below it, a file, or a page, by a path from the root; None: of all.
        channel: Of which channel, from 1; 0: of all.
    """

    black: float
    white: float
    place: PhotoPlace | None = None
    channel: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.black) and math.isfinite(self.white) and self.black < self.white):
            raise ValueError(f"white must be above black; found {self.black:g} and {self.white:g}")
        if self.channel < 0:
            raise ValueError(f"channels are counted from 1; found {self.channel}")

    @classmethod
    def of_text(cls, text: str) -> "GivenLevels":
        """Return what a text of `as_text` stands for; a place in it may be a path from the working folder.

        Raises:
            ValueError: It stands for nothing.
        """
        place, _, levels = text.rpartition("=")
        words = levels.split()
        try:
            black, white = float(words[0]), float(words[1])
            channel = int(words[3]) if len(words) > 2 else 0
            is_sound = len(words) in (2, 4) and words[2:3] in ([], [_CHANNEL]) and (len(words) == 2 or channel > 0)
        except (ValueError, IndexError):
            is_sound = False
        if not is_sound:
            raise ValueError(
                'expected black and white, as "100 4000", and if need be of what, as '
                f'"cells/=100 4000" or "cells.tif=100 4000 channel 2"; found {text!r}'
            )
        return cls(black=black, white=white, place=photo_place(place).absolute() if place else None, channel=channel)

    @property
    def levels_as_text(self) -> str:
        """Without the place: "100 4000", or "100 4000 channel 2"."""
        channel = f" {_CHANNEL} {self.channel}" if self.channel else ""
        return f"{_number(self.black)} {_number(self.white)}{channel}"

    @property
    def as_text(self) -> str:
        """For settings: "/photos/cells.tif=100 4000 channel 2"."""
        return self.levels_as_text if self.place is None else f"{self.place}={self.levels_as_text}"

    def is_of(self, photo: PhotoRef) -> bool:
        """Return whether the photo is one of those."""
        return self.place is None or _from_root(photo).is_in(_from_root(self.place))


LevelsByHand = Annotated[
    GivenLevels,
    GetPydanticSchema(
        lambda _source, _handler: core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, GivenLevels) else _of_value(value),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda given: given.as_text, when_used="json"
            ),
        )
    ),
    WithJsonSchema({"type": "string"}),
]
"""As a field of settings, where a text stands for it."""


def levels_for(photo: PhotoRef, channel: int, given: Sequence[GivenLevels]) -> GivenLevels | None:
    """Return what counts for a channel of a photo: what is given for the smallest place, there for that channel alone.

    Args:
        photo: Which it is.
        channel: From 1.
        given: Of two for the same the later counts.

    Returns:
        None where nothing is given.
    """
    found = [one for one in given if one.channel in (0, channel) and one.is_of(photo)]
    return max(reversed(found), key=_narrowness, default=None)


def given_for(photo: PhotoRef, given: Sequence[GivenLevels]) -> tuple[GivenLevels, ...]:
    """Return what is given for any channel of a photo and counts there, by the channel's number."""
    counting = {channel: levels_for(photo, channel, given) for channel in sorted({0, *(one.channel for one in given)})}
    return tuple(dict.fromkeys(one for one in counting.values() if one is not None))


def given_for_pages(file: Path, given: Sequence[GivenLevels]) -> tuple[tuple[int, GivenLevels], ...]:
    """Return what is given for single pages of a file, each with the page's number, in the order given."""
    file = _from_root(file).file
    refs = [(PhotoRef(Path()) if one.place is None else _from_root(one.place), one) for one in given]
    return tuple((ref.page, one) for ref, one in refs if ref.page and ref.file == file)


def _narrowness(given: GivenLevels) -> tuple[int, int, bool]:
    if given.place is None:
        return 0, 0, given.channel > 0
    ref = PhotoRef.of(given.place)
    return len(ref.file.absolute().parts), ref.page, given.channel > 0


def _from_root(place: PhotoPlace) -> PhotoRef:
    ref = PhotoRef.of(place)
    return PhotoRef(Path(os.path.abspath(ref.file)), ref.page)


def _of_value(value: Any) -> GivenLevels:
    if not isinstance(value, str):
        raise ValueError(f"black and white are given as a text; found {value!r}")
    return GivenLevels.of_text(value)


def _number(value: float) -> str:
    """As a person writes it, and exactly."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
