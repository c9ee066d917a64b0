"""Which photos a person wants to see: conditions on what the scan found out. No widgets here."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum

from app.look.translation import mark
from engine.contracts.events import PhotoScanned
from engine.contracts.noise import LEVELS
from engine.photo_files.formats import FORMAT_TITLES

FORMAT_NAMES = {
    **FORMAT_TITLES,
    "camera raw": mark("Camera raw"),
    "bare mosaic": mark("Bare raw"),
}
"""What the formats of `PhotoScanned.content` are called."""


class Use(StrEnum):
    """Whether photos are used."""

    ANY = "any"
    USED = "used"
    LEFT_OUT = "left out"


@dataclass(frozen=True)
class Span:
    """A range with open ends.

    Attributes:
        low: The least value; None: any.
        high: The greatest; None: any.
    """

    low: float | None = None
    high: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether it admits everything, the unknown too."""
        return self.low is None and self.high is None

    def holds(self, value: float | None) -> bool:
        """Tell whether a value lies within; an unknown one lies in an open range alone."""
        if self.is_open:
            return True
        return (
            value is not None and (self.low is None or value >= self.low) and (self.high is None or value <= self.high)
        )


@dataclass(frozen=True, kw_only=True)
class PhotoFilter:
    """Conditions that all must hold.

    Attributes:
        text: Every word of it stands in the name.
        camera: Maker and model; "" any.
        content: The format as in `PhotoScanned.content`; "" any.
        iso: Sensitivity.
        taken_from: The earliest time; None: any.
        taken_to: The time before which it was taken; None: any.
        noise: Standard deviation on the 0 to 255 scale.
        megapixels: Size.
        use: Whether it is learned from and restored.
    """

    text: str = ""
    camera: str = ""
    content: str = ""
    iso: Span = Span()
    taken_from: datetime | None = None
    taken_to: datetime | None = None
    noise: Span = Span()
    megapixels: Span = Span()
    use: Use = Use.ANY

    @property
    def num_conditions(self) -> int:
        """How many conditions there are beside the text; a date range is one."""
        changed = {field.name for field in fields(self) if getattr(self, field.name) != field.default} - {"text"}
        return len(changed) - (1 if {"taken_from", "taken_to"} <= changed else 0)

    def predicate(self) -> Callable[[PhotoScanned, bool], bool]:
        """Return a function of a photo, and of whether it is left out, that tells whether all conditions hold."""
        words = _plain(self.text).split()
        noise = Span(*(None if end is None else end / LEVELS for end in (self.noise.low, self.noise.high)))

        def holds(photo: PhotoScanned, is_left_out: bool) -> bool:
            camera = photo.camera
            if words:
                name = _plain(photo.path.name)
                if not all(word in name for word in words):
                    return False
            return (
                (not self.camera or camera.camera == self.camera)
                and (not self.content or photo.content == self.content)
                and (self.use is Use.ANY or is_left_out == (self.use is Use.LEFT_OUT))
                and self.iso.holds(camera.iso)
                and self._holds_time(camera.taken)
                and noise.holds(photo.noise_sigma)
                and (self.megapixels.is_open or self.megapixels.holds(photo.width * photo.height / 1e6))
            )

        return holds

    def _holds_time(self, taken: datetime | None) -> bool:
        if self.taken_from is None and self.taken_to is None:
            return True
        return (
            taken is not None
            and (self.taken_from is None or taken >= self.taken_from)
            and (self.taken_to is None or taken < self.taken_to)
        )


def _plain(text: str) -> str:
    # Macs decompose letters with accents in file names, keyboards do not.
    return unicodedata.normalize("NFC", text).casefold()


def first_moment(text: str) -> datetime | None:
    """Return when a year, month or day begins, written "2025", "2025-06" or "2025-06-30"; None where it is none."""
    found = _parse(text)
    return found[0] if found is not None else None


def moment_after(text: str) -> datetime | None:
    """Return when the year, month or day has ended; None where it is none."""
    found = _parse(text)
    if found is None:
        return None
    begin, num_parts = found
    if num_parts == 1:
        return begin.replace(year=begin.year + 1) if begin.year < datetime.max.year else None
    if num_parts == 2:
        next_month = begin.year * 12 + begin.month
        return datetime(next_month // 12, next_month % 12 + 1, 1) if next_month // 12 <= datetime.max.year else None
    return datetime.fromordinal(begin.toordinal() + 1) if begin.date() < datetime.max.date() else None


def _parse(text: str) -> tuple[datetime, int] | None:
    parts = text.strip().split("-")
    for num_parts, form in ((1, "%Y"), (2, "%Y-%m"), (3, "%Y-%m-%d")):
        if len(parts) == num_parts and len(parts[0]) == 4:
            try:
                return datetime.strptime(text.strip(), form), num_parts
            except ValueError:
                return None
    return None
