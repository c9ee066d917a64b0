"""What a comparison is made of: pictures, what a person has set about looking at them, and what a canvas shows."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from PySide6.QtCore import QSize

from app.look.image_convert import ChannelTint, DisplayLevels, stretch_levels
from app.viewer.canvas.image_canvas import Layer
from app.viewer.canvas.legend import Legend
from engine.contracts.photo import Pixels
from engine.photo_files.bicubic_resize import enlarge
from engine.photo_files.photo_image import type_of_bit_depth
from engine.photo_files.values.levels import OF_TYPE, ValueLevels, levels_of_reference
from engine.photo_files.values.sample_types import SampleType, unit_of

GAINS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
DEFAULT_GAIN = 4.0
MAX_PANES = 6


class PictureRole(StrEnum):
    """What a picture is to its photo; decides what is subtracted from what."""

    INPUT = "input"
    RESTORED = "restored"
    REFERENCE = "reference"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """One version of a photo.

    Attributes:
        title: What it is: "Noisy", "Restored", "Reference".
        detail: Which one: the model's or the file's name.
        pixels: Height x width x channels, in units of the file's type: 0 to 1 for photographs.
        bit_depth: In which its file holds the values, 8 or 16.
        sample_type: Of the numbers in its file; None: whole ones without sign, of that depth.
        role: What it is to its photo.
        icc_profile: The colour profile in which `pixels` are to be understood; None: sRGB.
        levels: What is black and white in its file.
        channels: Of channels that are no red, green and blue: how each is shown.
    """

    title: str
    detail: str = ""
    pixels: Pixels
    bit_depth: Literal[8, 16] = 8
    role: PictureRole = PictureRole.OTHER
    icc_profile: bytes | None = None
    levels: ValueLevels = OF_TYPE
    sample_type: SampleType | None = None
    channels: tuple[ChannelTint, ...] = ()

    @property
    def type_of_numbers(self) -> SampleType:
        """The type of the numbers in its file."""
        return self.sample_type or type_of_bit_depth(self.bit_depth)

    @property
    def peak(self) -> float:
        """What a value of 1 is in the numbers of the file: 255, 65535, or 1 of floating-point numbers."""
        return unit_of(self.type_of_numbers)

    @property
    def width(self) -> int:
        """Columns of pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Rows of pixels."""
        return int(self.pixels.shape[0])

    @property
    def size(self) -> QSize:
        """Width and height in pixels."""
        return QSize(self.width, self.height)

    @property
    def size_text(self) -> str:
        """Its size as a person reads it."""
        return f"{self.width} × {self.height}"


@dataclass(frozen=True, kw_only=True)
class MissingPicture:
    """A pane whose picture cannot be shown.

    Attributes:
        title: What it would be.
        reason: Why it is not there, and what to do.
        action: What a button that does it says; "": there is none.
    """

    title: str
    reason: str
    action: str = ""


PaneContent = Picture | MissingPicture


def scene_of(pictures: Sequence[Picture]) -> QSize | None:
    """Return the size of the scene on which pictures are laid: that of the largest; None without any."""
    return max((picture.size for picture in pictures), key=lambda size: size.width() * size.height(), default=None)


def deepest(pictures: Sequence[Picture]) -> Picture:
    """Return the picture in the numbers of whose file values are read that belong to several: it has the greatest."""
    return max(pictures, key=lambda picture: picture.peak)


def levels_beside(first: Picture, other: Picture) -> ValueLevels:
    """Return what is black and white in a version of a photo, so that the same light is in both.

    Args:
        first: The version whose black and white count.
        other: The version that is asked about, in a file of any type.

    Returns:
        In units of the other one's type.
    """
    if len(first.levels.black) not in (1, other.pixels.shape[2]):
        return other.levels
    return levels_of_reference(first.levels, first.peak, other.levels, other.peak)


@dataclass(frozen=True)
class CommonLevels:
    """What is shown as black and white in versions of one photo: the same light in all, whatever types their files are.

    Attributes:
        first: The version whose black and white count, and the colours of whose channels; None: each has its own.
        stretch: What is shown as black and white of what lies between those, from 0 to 1.
    """

    first: Picture | None = None
    stretch: DisplayLevels = field(default_factory=DisplayLevels)

    @classmethod
    def of(cls, first: Picture, *, is_stretched: bool) -> "CommonLevels":
        """Take what is black and white in the first version.

        Args:
            first: The version.
            is_stretched: Whether to spread nearly all of its values, instead of taking what its file says.
        """
        if not is_stretched:
            return cls(first)
        own, wanted = DisplayLevels.of_file(first.levels), stretch_levels(first.pixels)
        shares = ((value - own.black) / (own.white - own.black) for value in (wanted.black, wanted.white))
        return cls(first, DisplayLevels(*shares))

    def of_file(self, picture: Picture) -> ValueLevels:
        """Return what is black and white in a version, in units of its file's type."""
        return picture.levels if self.first is None else levels_beside(self.first, picture)

    def shown(self, picture: Picture) -> DisplayLevels:
        """Return what of a version is shown as black and white."""
        own = DisplayLevels.of_file(self.of_file(picture))
        span = own.white - own.black
        return DisplayLevels(own.black + self.stretch.black * span, own.black + self.stretch.white * span)

    def tints(self, picture: Picture) -> tuple[ChannelTint, ...]:
        """Return how the channels of a version are shown; none of colours."""
        tints = picture.channels
        if self.first is not None and len(self.first.channels) == len(tints):
            tints = self.first.channels
        levels = self.of_file(picture)
        return tuple(
            replace(tint, levels=DisplayLevels.of_file(levels.of_channel(index))) for index, tint in enumerate(tints)
        )


@dataclass(frozen=True, kw_only=True)
class ViewSettings:
    """What a person can set about a mode.

    Attributes:
        gain: By how much differences are multiplied.
        picked: Index of the pane picked with the keys 1 to 6; None: none in particular.
        levels: What is shown as black and white in plain pictures; of differences, what is between them is 1.
        exposure_stops: By how many doublings of light plain pictures are shown brighter; differences have the gain.
        gamma: Above 1 lifts the shadows of plain pictures, below 1 lowers them.
        is_signed: Whether the difference mode tells more from less, or only shows how much.
        has_false_colours: Whether brightness and differences are shown as colours of a scale.
    """

    gain: float = DEFAULT_GAIN
    picked: int | None = None
    levels: CommonLevels = field(default_factory=CommonLevels)
    exposure_stops: float = 0.0
    gamma: float = 1.0
    is_signed: bool = False
    has_false_colours: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What one canvas shows.

    Attributes:
        title: First part of the caption.
        detail: Second, quieter part of the caption.
        layers: One picture; two for a split; several to flicker between.
        pane_indices: Which panes the layers are, in the same order; empty for computed pictures.
        is_split: Whether the two layers share the canvas.
        message: A sentence in place of a picture.
        legend: What the false colours stand for.
        action: What a button below the sentence says; "": there is none.
    """

    title: str
    detail: str = ""
    layers: tuple[Layer, ...] = ()
    pane_indices: tuple[int, ...] = ()
    is_split: bool = False
    message: str = ""
    legend: Legend | None = None
    action: str = ""


MAX_FACTOR = 4


def at_common_size(first: Pixels, second: Pixels) -> tuple[Pixels, Pixels] | None:
    """Enlarge the smaller of two pictures, and cut off what the smaller one does not show.

    A photo of 101 pixels shrunk by 2 has 50; enlarged again it has 100, and the last pixel of the large one has no
    counterpart.

    Args:
        first: Height x width x channels, 0 to 1.
        second: Height x width x channels, 0 to 1.

    Returns:
        Both at the same height and width, their channels kept; None where neither is a whole number of times the other.
    """
    if first.shape[:2] == second.shape[:2]:
        return first, second
    if first.size > second.size:
        swapped = at_common_size(second, first)
        return None if swapped is None else (swapped[1], swapped[0])
    height, width = first.shape[:2]
    for factor in range(1, MAX_FACTOR + 1):
        beyond_height, beyond_width = second.shape[0] - factor * height, second.shape[1] - factor * width
        if 0 <= beyond_height < MAX_FACTOR and 0 <= beyond_width < MAX_FACTOR:
            enlarged = enlarge(first, factor) if factor > 1 else first
            return enlarged, second[: factor * height, : factor * width]
    return None
