"""The ways of looking at several pictures of one photo; one row of `VIEW_MODES` each.

A mode arranges pictures into panels, one canvas each. `ViewMode.arrange` runs in a background thread, so a mode may
compute; it never touches a widget.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from app.look.translation import mark, short_number, tr
from app.viewer.canvas.image_canvas import Layer
from app.viewer.canvas.legend import Legend, legend_of
from app.viewer.pictures import (
    DEFAULT_GAIN,
    GAINS,
    MAX_PANES,
    MissingPicture,
    PaneContent,
    Panel,
    Picture,
    PictureRole,
    ViewSettings,
)
from app.viewer.pyramid_store import PyramidStore
from app.viewer.tiles.image_pyramid import ImagePyramid

__all__ = [
    "DEFAULT_GAIN",
    "GAINS",
    "MAX_PANES",
    "VIEW_MODES",
    "MissingPicture",
    "PaneContent",
    "Panel",
    "Picture",
    "PictureRole",
    "ViewMode",
    "ViewSettings",
]


class ViewMode(ABC):
    """One way of looking.

    Attributes:
        title: Its name; translated where it is shown.
        description: What it is good for, one sentence; translated where it is shown.
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
    def arrange(self, panes: Sequence[PaneContent], settings: ViewSettings, store: PyramidStore) -> list[Panel]:
        """Arrange pictures into panels.

        Args:
            panes: At least one.
            settings: What the person has set.
            store: Makes pyramids; slow the first time.

        Returns:
            At least one panel.
        """


class SideBySide(ViewMode):
    """Every pane on its own; a picked one alone."""

    title = mark("Side by side")
    description = mark("All panes beside each other, zoomed and moved together.")
    key = "A"
    icon = "squares-four"

    def arrange(self, panes: Sequence[PaneContent], settings: ViewSettings, store: PyramidStore) -> list[Panel]:
        panels = [_plain_panel(index, pane, store) for index, pane in enumerate(panes)]
        if len({pane.size_text for pane in panes if isinstance(pane, Picture)}) > 1:
            panels = [_with_size(panel, pane) for panel, pane in zip(panels, panes, strict=True)]
        if settings.picked is not None and settings.picked < len(panels):
            return [panels[settings.picked]]
        return panels


class Split(ViewMode):
    """The first pane left and another one right of a line that is dragged."""

    title = mark("Split")
    description = mark("Two pictures with a line between them; drag the line.")
    key = "S"
    icon = "square-half"

    def arrange(self, panes: Sequence[PaneContent], settings: ViewSettings, store: PyramidStore) -> list[Panel]:
        other_index = _other_index(panes, settings, base_index=0)
        if other_index is None:
            return [Panel(title=tr(self.title), message=tr("A split needs two panes; add one."))]
        sides = [panes[0], panes[other_index]]
        pictures = [side for side in sides if isinstance(side, Picture)]
        missing = [side for side in sides if isinstance(side, MissingPicture)]
        pyramids = [store.plain(picture) for picture in pictures]
        return [
            Panel(
                title=" | ".join(side.title for side in sides),
                detail=_size_note(pictures),
                layers=_layers(pictures, pyramids),
                pane_indices=tuple(i for i in (0, other_index) if isinstance(panes[i], Picture)),
                is_split=len(pictures) == 2,
                message=" ".join(f"{pane.title}: {pane.reason}" for pane in missing),
                legend=_legend(pictures, pyramids),
            )
        ]


class Flicker(ViewMode):
    """All panes at the same place, one at a time: the eye catches the least change."""

    title = mark("Flicker")
    description = mark("One pane at a time at the same place; Space shows the next.")
    key = "Space"
    icon = "stack"

    def arrange(self, panes: Sequence[PaneContent], settings: ViewSettings, store: PyramidStore) -> list[Panel]:
        found = [(index, pane) for index, pane in enumerate(panes) if isinstance(pane, Picture)]
        if not found:
            return [_plain_panel(0, panes[0], store)]
        pictures = [picture for _, picture in found]
        pyramids = [store.plain(picture) for picture in pictures]
        return [
            Panel(
                title=tr(self.title),
                detail=_size_note(pictures),
                layers=_layers(pictures, pyramids),
                pane_indices=tuple(index for index, _ in found),
                legend=_legend(pictures, pyramids),
            )
        ]


class _Subtraction(ViewMode):
    """What the modes that subtract have in common."""

    uses_gain = True

    @abstractmethod
    def _base_index(self, panes: Sequence[PaneContent]) -> int:
        """Which pane is subtracted from the others."""

    @abstractmethod
    def _is_signed(self, settings: ViewSettings) -> bool:
        """Whether more and less are told apart."""

    @abstractmethod
    def _detail(self, settings: ViewSettings) -> str:
        """What the caption says of it."""

    def arrange(self, panes: Sequence[PaneContent], settings: ViewSettings, store: PyramidStore) -> list[Panel]:
        base_index = self._base_index(panes)
        base = panes[base_index]
        if not isinstance(base, Picture):
            return [Panel(title=tr(self.title), message=f"{base.title}: {base.reason}")]
        others = [index for index in range(len(panes)) if index != base_index]
        if settings.picked in others:
            others = [settings.picked]
        if not others:
            message = tr("{mode} needs two panes; add one.").format(mode=tr(self.title))
            return [Panel(title=tr(self.title), message=message)]
        return [self._panel(base, panes[index], settings, store) for index in others]

    def _panel(self, base: Picture, other: PaneContent, settings: ViewSettings, store: PyramidStore) -> Panel:
        if isinstance(other, MissingPicture):
            return Panel(title=f"{tr(self.title)}: {other.title}", message=other.reason)
        title = f"{base.title} − {_label(other)}"
        pyramid = store.subtracted(base, other, is_signed=self._is_signed(settings))
        if pyramid is None:
            message = tr(
                "{first} is {first_size} pixels, {second} is {second_size}: "
                "pictures of different size cannot be subtracted."
            )
            return Panel(
                title=title,
                message=message.format(
                    first=base.title, first_size=base.size_text, second=other.title, second_size=other.size_text
                ),
            )
        detail = self._detail(settings)
        if (base.width, base.height) != (other.width, other.height):
            detail += ", " + tr("the smaller one enlarged")
        return Panel(
            title=title,
            detail=detail,
            layers=(Layer(pyramid, title, max(base.bit_depth, other.bit_depth)),),
            legend=_legend([base, other], [pyramid]),
        )


class Difference(_Subtraction):
    """How far each pane is from the reference, or from the first pane where there is none."""

    title = mark("Difference")
    description = mark("How far each pane is from the reference (or the first pane): black is equal.")
    key = "D"
    icon = "intersect"

    def _base_index(self, panes: Sequence[PaneContent]) -> int:
        return _index_of_role(panes, PictureRole.REFERENCE)

    def _is_signed(self, settings: ViewSettings) -> bool:
        return settings.is_signed

    def _detail(self, settings: ViewSettings) -> str:
        if settings.has_false_colours:
            return tr("difference × {gain}").format(gain=short_number(f"{settings.gain:g}"))
        if settings.is_signed:
            return tr("signed difference × {gain}, gray = equal").format(gain=short_number(f"{settings.gain:g}"))
        return tr("difference × {gain}, black = equal").format(gain=short_number(f"{settings.gain:g}"))


class Residual(_Subtraction):
    """What a restoration took away: noise if it did well, and then no picture is to be seen."""

    title = mark("Residual")
    description = mark("What was taken away from the noisy photo: gray is nothing, and no picture should show.")
    key = "R"
    icon = "waves"

    def _base_index(self, panes: Sequence[PaneContent]) -> int:
        return _index_of_role(panes, PictureRole.INPUT)

    def _is_signed(self, settings: ViewSettings) -> bool:
        return True

    def _detail(self, settings: ViewSettings) -> str:
        if settings.has_false_colours:
            return tr("residual × {gain}, white = nothing").format(gain=short_number(f"{settings.gain:g}"))
        return tr("residual × {gain}, gray = nothing").format(gain=short_number(f"{settings.gain:g}"))


VIEW_MODES: dict[str, ViewMode] = {
    "side_by_side": SideBySide(),
    "split": Split(),
    "flicker": Flicker(),
    "difference": Difference(),
    "residual": Residual(),
}


def _plain_panel(index: int, pane: PaneContent, store: PyramidStore) -> Panel:
    if isinstance(pane, MissingPicture):
        return Panel(title=pane.title, message=pane.reason)
    pyramid = store.plain(pane)
    return Panel(
        title=pane.title,
        detail=pane.detail,
        layers=_layers([pane], [pyramid]),
        pane_indices=(index,),
        legend=_legend([pane], [pyramid]),
    )


def _layers(pictures: Sequence[Picture], pyramids: Sequence[ImagePyramid]) -> tuple[Layer, ...]:
    return tuple(
        Layer(pyramid, _label(picture), picture.bit_depth) for picture, pyramid in zip(pictures, pyramids, strict=True)
    )


def _legend(pictures: Sequence[Picture], pyramids: Sequence[ImagePyramid]) -> Legend | None:
    """The legend of one canvas, in levels of the deepest file on it."""
    if not pyramids or not pyramids[0].settings.has_false_colours:
        return None
    return legend_of(pyramids[0].settings, max(picture.bit_depth for picture in pictures))


def _with_size(panel: Panel, pane: PaneContent) -> Panel:
    """Name the size in the caption: panes of different size are scaled to match."""
    if isinstance(pane, MissingPicture):
        return panel
    note = tr("{size} px, scaled to match").format(size=pane.size_text)
    return replace(panel, detail=f"{panel.detail} · {note}" if panel.detail else note)


def _label(picture: Picture) -> str:
    return f"{picture.title} · {picture.detail}" if picture.detail else picture.title


def _size_note(pictures: Sequence[Picture]) -> str:
    """Say so where pictures of different size lie on one canvas."""
    sizes = dict.fromkeys(picture.size_text for picture in pictures)
    return tr("different sizes: {sizes}; scaled to match").format(sizes=", ".join(sizes)) if len(sizes) > 1 else ""


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
