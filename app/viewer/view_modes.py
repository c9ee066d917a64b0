"""The ways of looking at several pictures of one photo; one row of `VIEW_MODES` each.

A mode arranges pictures into panels, one canvas each. `ViewMode.arrange` is a pure function that runs in a
background thread, so a mode may compute; it never touches a widget.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar, Literal

import numpy as np

from app.image_convert import DisplayLevels
from app.viewer.common_size import at_common_size
from app.viewer.image_canvas import Layer
from app.viewer.image_pyramid import ImagePyramid
from engine.events import Pixels

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
        pixels: Height x width x channels, 0 to 1.
        bit_depth: In which its file holds the values, 8 or 16.
        role: What it is to its photo.
    """

    title: str
    detail: str = ""
    pixels: Pixels
    bit_depth: Literal[8, 16] = 8
    role: PictureRole = PictureRole.OTHER

    @property
    def width(self) -> int:
        """Columns of pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Rows of pixels."""
        return int(self.pixels.shape[0])

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
    """

    title: str
    reason: str


PaneContent = Picture | MissingPicture


@dataclass(frozen=True, kw_only=True)
class ViewSettings:
    """What a person can set about a mode.

    Attributes:
        gain: By how much differences are multiplied.
        picked: Index of the pane picked with the keys 1 to 6; None: none in particular.
        levels: What is shown as black and white in plain pictures; differences show as they are.
    """

    gain: float = DEFAULT_GAIN
    picked: int | None = None
    levels: DisplayLevels = field(default_factory=DisplayLevels)


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
    """

    title: str
    detail: str = ""
    layers: tuple[Layer, ...] = ()
    pane_indices: tuple[int, ...] = ()
    is_split: bool = False
    message: str = ""


PyramidOf = Callable[[Picture], ImagePyramid]


class ViewMode(ABC):
    """One way of looking.

    Attributes:
        title: Its name.
        description: What it is good for, one sentence.
        key: The key that chooses it.
        icon: Its icon's name.
        uses_gain: Whether it multiplies differences.
    """

    title: ClassVar[str]
    description: ClassVar[str]
    key: ClassVar[str]
    icon: ClassVar[str]
    uses_gain: ClassVar[bool] = False

    @abstractmethod
    def arrange(self, panes: Sequence[PaneContent], settings: ViewSettings, pyramid_of: PyramidOf) -> list[Panel]:
        """Arrange pictures into panels.

        Args:
            panes: At least one.
            settings: What the person has set.
            pyramid_of: Gives the display-ready form of a picture; slow the first time.

        Returns:
            At least one panel.
        """


class SideBySide(ViewMode):
    """Every pane on its own; a picked one alone."""

    title = "Side by side"
    description = "All panes beside each other, zoomed and moved together."
    key = "A"
    icon = "squares-four"

    def arrange(self, panes: Sequence[PaneContent], settings: ViewSettings, pyramid_of: PyramidOf) -> list[Panel]:
        panels = [_plain_panel(index, pane, pyramid_of) for index, pane in enumerate(panes)]
        if len({pane.size_text for pane in panes if isinstance(pane, Picture)}) > 1:
            panels = [_with_size(panel, pane) for panel, pane in zip(panels, panes, strict=True)]
        if settings.picked is not None and settings.picked < len(panels):
            return [panels[settings.picked]]
        return panels


class Split(ViewMode):
    """The first pane left and another one right of a line that is dragged."""

    title = "Split"
    description = "Two pictures with a line between them; drag the line."
    key = "S"
    icon = "square-half"

    def arrange(self, panes: Sequence[PaneContent], settings: ViewSettings, pyramid_of: PyramidOf) -> list[Panel]:
        other_index = _other_index(panes, settings, base_index=0)
        if other_index is None:
            return [Panel(title=self.title, message="A split needs two panes; add one.")]
        sides = [panes[0], panes[other_index]]
        pictures = [side for side in sides if isinstance(side, Picture)]
        missing = [side for side in sides if isinstance(side, MissingPicture)]
        return [
            Panel(
                title=" | ".join(side.title for side in sides),
                detail=_size_note(pictures),
                layers=tuple(Layer(pyramid_of(picture), _label(picture)) for picture in pictures),
                pane_indices=tuple(i for i in (0, other_index) if isinstance(panes[i], Picture)),
                is_split=len(pictures) == 2,
                message=" ".join(f"{pane.title}: {pane.reason}" for pane in missing),
            )
        ]


class Flicker(ViewMode):
    """All panes at the same place, one at a time: the eye catches the least change."""

    title = "Flicker"
    description = "One pane at a time at the same place; Space shows the next."
    key = "Space"
    icon = "stack"

    def arrange(self, panes: Sequence[PaneContent], settings: ViewSettings, pyramid_of: PyramidOf) -> list[Panel]:
        found = [(index, pane) for index, pane in enumerate(panes) if isinstance(pane, Picture)]
        if not found:
            return [_plain_panel(0, panes[0], pyramid_of)]
        pictures = [picture for _, picture in found]
        return [
            Panel(
                title=self.title,
                detail=_size_note(pictures),
                layers=tuple(Layer(pyramid_of(picture), _label(picture)) for picture in pictures),
                pane_indices=tuple(index for index, _ in found),
            )
        ]


class _Subtraction(ViewMode):
    """What the modes that subtract have in common."""

    uses_gain = True

    @abstractmethod
    def _base_index(self, panes: Sequence[PaneContent]) -> int:
        """Which pane is subtracted from the others."""

    @abstractmethod
    def _picture(self, base: Pixels, other: Pixels, gain: float) -> Pixels:
        """Both pictures subtracted, as it is shown."""

    @abstractmethod
    def _detail(self, gain: float) -> str:
        """What the caption says of it."""

    def arrange(self, panes: Sequence[PaneContent], settings: ViewSettings, pyramid_of: PyramidOf) -> list[Panel]:
        base_index = self._base_index(panes)
        base = panes[base_index]
        if not isinstance(base, Picture):
            return [Panel(title=self.title, message=f"{base.title}: {base.reason}")]
        others = [index for index in range(len(panes)) if index != base_index]
        if settings.picked in others:
            others = [settings.picked]
        if not others:
            return [Panel(title=self.title, message=f"{self.title} needs two panes; add one.")]
        return [self._panel(base, panes[index], settings.gain) for index in others]

    def _panel(self, base: Picture, other: PaneContent, gain: float) -> Panel:
        if isinstance(other, MissingPicture):
            return Panel(title=f"{self.title}: {other.title}", message=other.reason)
        title = f"{base.title} − {_label(other)}"
        pair = at_common_size(base.pixels, other.pixels)
        if pair is None:
            return Panel(
                title=title,
                message=f"{base.title} is {base.size_text} pixels, {other.title.lower()} is {other.size_text}: "
                "pictures of different size cannot be subtracted.",
            )
        pyramid = ImagePyramid.from_pixels(self._picture(*pair, gain))
        detail = self._detail(gain)
        if (base.width, base.height) != (other.width, other.height):
            detail += ", the smaller one enlarged"
        return Panel(title=title, detail=detail, layers=(Layer(pyramid, title),))


class Difference(_Subtraction):
    """How far each pane is from the reference, or from the first pane where there is none."""

    title = "Difference"
    description = "How far each pane is from the reference (or the first pane): black is equal."
    key = "D"
    icon = "intersect"

    def _base_index(self, panes: Sequence[PaneContent]) -> int:
        return _index_of_role(panes, PictureRole.REFERENCE)

    def _picture(self, base: Pixels, other: Pixels, gain: float) -> Pixels:
        return difference_pixels(base, other, gain)

    def _detail(self, gain: float) -> str:
        return f"difference × {gain:g}, black = equal"


class Residual(_Subtraction):
    """What a restoration took away: noise if it did well, and then no picture is to be seen."""

    title = "Residual"
    description = "What was taken away from the noisy photo: gray is nothing, and no picture should show."
    key = "R"
    icon = "waves"

    def _base_index(self, panes: Sequence[PaneContent]) -> int:
        return _index_of_role(panes, PictureRole.INPUT)

    def _picture(self, base: Pixels, other: Pixels, gain: float) -> Pixels:
        return residual_pixels(base, other, gain)

    def _detail(self, gain: float) -> str:
        return f"residual × {gain:g}, gray = nothing"


VIEW_MODES: dict[str, ViewMode] = {
    "side_by_side": SideBySide(),
    "split": Split(),
    "flicker": Flicker(),
    "difference": Difference(),
    "residual": Residual(),
}


def difference_pixels(base: Pixels, other: Pixels, gain: float) -> Pixels:
    """Return gain * |base - other|, clipped to 0 to 1.

    Args:
        base: Height x width x channels, 0 to 1.
        other: Of the same height and width; gray and colour may meet.
        gain: Multiplies the difference.
    """
    difference: Pixels = np.abs(base - other)
    difference *= np.float32(gain)
    return np.clip(difference, 0, 1, out=difference)


def residual_pixels(base: Pixels, other: Pixels, gain: float) -> Pixels:
    """Return 0.5 + gain * (base - other), clipped to 0 to 1: gray where nothing was taken away.

    Args:
        base: Height x width x channels, 0 to 1.
        other: Of the same height and width; gray and colour may meet.
        gain: Multiplies the residual.
    """
    residual = base - other
    residual *= np.float32(gain)
    residual += np.float32(0.5)
    return np.clip(residual, 0, 1, out=residual)


def _plain_panel(index: int, pane: PaneContent, pyramid_of: PyramidOf) -> Panel:
    if isinstance(pane, MissingPicture):
        return Panel(title=pane.title, message=pane.reason)
    return Panel(
        title=pane.title,
        detail=pane.detail,
        layers=(Layer(pyramid_of(pane), _label(pane)),),
        pane_indices=(index,),
    )


def _with_size(panel: Panel, pane: PaneContent) -> Panel:
    """Name the size in the caption: panes of different size are scaled to match."""
    if isinstance(pane, MissingPicture):
        return panel
    note = f"{pane.size_text} px, scaled to match"
    return replace(panel, detail=f"{panel.detail} · {note}" if panel.detail else note)


def _label(picture: Picture) -> str:
    return f"{picture.title} · {picture.detail}" if picture.detail else picture.title


def _size_note(pictures: Sequence[Picture]) -> str:
    """Say so where pictures of different size lie on one canvas."""
    sizes = dict.fromkeys(picture.size_text for picture in pictures)
    return f"different sizes: {', '.join(sizes)}; scaled to match" if len(sizes) > 1 else ""


def _other_index(panes: Sequence[PaneContent], settings: ViewSettings, base_index: int) -> int | None:
    """The picked pane if it is another one than the base, else the first other one."""
    others = [index for index in range(len(panes)) if index != base_index]
    if settings.picked in others:
        return settings.picked
    return others[0] if others else None


def _index_of_role(panes: Sequence[PaneContent], role: PictureRole) -> int:
    """The first pane of a role, or the first pane."""
    for index, pane in enumerate(panes):
        if isinstance(pane, Picture) and pane.role is role:
            return index
    return 0
