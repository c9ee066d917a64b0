"""The ways of looking at several pictures of one photo; one row of `VIEW_MODES` each.

A mode arranges pictures into panels, one canvas each. That happens in a background thread, so a mode may compute; it
never touches a widget. All that the viewer, the bar, the keys and the shortcut sheet know of a mode is in its row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.core.actions import VIEW_GROUP, ActionSpec
from app.look.translation import mark, short_number, tr
from app.viewer.canvas.image_canvas import Layer
from app.viewer.canvas.legend import Legend, legend_of
from app.viewer.pictures import MissingPicture, PaneContent, Panel, Picture, PictureRole, ViewSettings, deepest
from app.viewer.pyramid_store import PyramidStore
from app.viewer.tiles.image_pyramid import ImagePyramid

Draw = Callable[[Sequence[PaneContent], ViewSettings, PyramidStore], list[Panel]]
"""Arranges panes into panels, at least one of each."""


@dataclass(frozen=True, kw_only=True)
class ViewMode:
    """One way of looking.

    Attributes:
        title: Its name; translated where it is shown.
        description: What it is good for, one sentence; translated where it is shown.
        key: The key that chooses it.
        icon: Its icon's name.
        draw: What it makes of the panes; slow the first time that it asks for a pyramid.
        key_text: What its key does, in the shortcut sheet; "": its title says it.
        needs_two_panes: Whether a single pane is not enough for it.
        uses_gain: Whether it multiplies differences, so that exposure and gamma are nothing to it.
        has_sign: Whether it can tell more from less.
        shows_picked_alone: Whether a picked pane stands alone, until it is picked again.
        steps_through_panes: Whether one pane after the other is seen; its key, or a timer, shows the next.
    """

    title: str
    description: str
    key: str
    icon: str
    draw: Draw
    key_text: str = ""
    needs_two_panes: bool = False
    uses_gain: bool = False
    has_sign: bool = False
    shows_picked_alone: bool = False
    steps_through_panes: bool = False

    @property
    def action(self) -> ActionSpec:
        """What its key does."""
        return ActionSpec(self.key_text or self.title, (self.key,), VIEW_GROUP)

    def arrange(self, panes: Sequence[PaneContent], settings: ViewSettings, store: PyramidStore) -> list[Panel]:
        """Arrange panes, at least one, into panels; or say that there are too few."""
        if self.needs_two_panes and len(panes) < 2:
            message = tr("{mode} needs two panes; add one.").format(mode=tr(self.title))
            return [Panel(title=tr(self.title), message=message)]
        return self.draw(panes, settings, store)


def side_by_side(panes: Sequence[PaneContent], settings: ViewSettings, store: PyramidStore) -> list[Panel]:
    """Every pane on its own; a picked one alone."""
    panels = [_plain_panel(index, pane, store) for index, pane in enumerate(panes)]
    if len({pane.size_text for pane in panes if isinstance(pane, Picture)}) > 1:
        panels = [_with_size(panel, pane) for panel, pane in zip(panels, panes, strict=True)]
    if settings.picked is not None and settings.picked < len(panels):
        return [panels[settings.picked]]
    return panels


def split(panes: Sequence[PaneContent], settings: ViewSettings, store: PyramidStore) -> list[Panel]:
    """The first pane left and another one, the picked one or the second, right of a line that is dragged."""
    other = settings.picked if settings.picked and settings.picked < len(panes) else 1
    sides = {0: panes[0], other: panes[other]}
    pictures = [side for side in sides.values() if isinstance(side, Picture)]
    missing = [side for side in sides.values() if isinstance(side, MissingPicture)]
    pyramids = [store.plain(picture) for picture in pictures]
    return [
        Panel(
            title=" | ".join(side.title for side in sides.values()),
            detail=_size_note(pictures),
            layers=_layers(pictures, pyramids),
            pane_indices=tuple(index for index, side in sides.items() if isinstance(side, Picture)),
            is_split=len(pictures) == 2,
            message=" ".join(f"{pane.title}: {pane.reason}" for pane in missing),
            legend=_legend(pictures, pyramids),
            action=next((pane.action for pane in missing if pane.action), ""),
        )
    ]


def flicker(panes: Sequence[PaneContent], settings: ViewSettings, store: PyramidStore) -> list[Panel]:
    """All panes at the same place, one at a time: the eye catches the least change."""
    found = {index: pane for index, pane in enumerate(panes) if isinstance(pane, Picture)}
    if not found:
        return [_plain_panel(0, panes[0], store)]
    pictures = list(found.values())
    pyramids = [store.plain(picture) for picture in pictures]
    return [
        Panel(
            title=pictures[0].title,
            detail=_size_note(pictures),
            layers=_layers(pictures, pyramids),
            pane_indices=tuple(found),
            legend=_legend(pictures, pyramids),
        )
    ]


def difference(panes: Sequence[PaneContent], settings: ViewSettings, store: PyramidStore) -> list[Panel]:
    """How far each pane is from the reference, or from the first pane where there is none."""
    if settings.has_false_colours:
        detail = tr("difference × {gain}")
    elif settings.is_signed:
        detail = tr("signed difference × {gain}, gray = equal")
    else:
        detail = tr("difference × {gain}, black = equal")
    base = _index_of_role(panes, PictureRole.REFERENCE)
    return _subtracted(_DIFFERENCE, base, detail, panes, settings, store)


def residual(panes: Sequence[PaneContent], settings: ViewSettings, store: PyramidStore) -> list[Panel]:
    """What a restoration took away: noise if it did well, and then no picture is to be seen."""
    detail = tr("residual × {gain}, gray = nothing")
    if settings.has_false_colours:
        detail = tr("residual × {gain}, white = nothing")
    base = _index_of_role(panes, PictureRole.INPUT)
    return _subtracted(_RESIDUAL, base, detail, panes, replace(settings, is_signed=True), store)


_DIFFERENCE, _RESIDUAL = mark("Difference"), mark("Residual")

VIEW_MODES: dict[str, ViewMode] = {
    "side_by_side": ViewMode(
        title=mark("Side by side"),
        description=mark("All panes beside each other, zoomed and moved together."),
        key="A",
        icon="squares-four",
        draw=side_by_side,
        shows_picked_alone=True,
    ),
    "split": ViewMode(
        title=mark("Split"),
        description=mark("Two pictures with a line between them; drag the line."),
        key="S",
        icon="square-half",
        draw=split,
        key_text=mark("Split slider"),
        needs_two_panes=True,
    ),
    "flicker": ViewMode(
        title=mark("Flicker"),
        description=mark("One pane at a time at the same place; Space shows the next."),
        key="Space",
        icon="stack",
        draw=flicker,
        key_text=mark("Flicker between panes"),
        steps_through_panes=True,
    ),
    "difference": ViewMode(
        title=_DIFFERENCE,
        description=mark("How far each pane is from the reference (or the first pane): black is equal."),
        key="D",
        icon="intersect",
        draw=difference,
        needs_two_panes=True,
        uses_gain=True,
        has_sign=True,
    ),
    "residual": ViewMode(
        title=_RESIDUAL,
        description=mark("What was taken away from the noisy photo: gray is nothing, and no picture should show."),
        key="R",
        icon="waves",
        draw=residual,
        key_text=mark("Residual: what was removed"),
        needs_two_panes=True,
        uses_gain=True,
    ),
}

DEFAULT_MODE = "side_by_side"


def _subtracted(
    mode: str,
    base_index: int,
    detail: str,
    panes: Sequence[PaneContent],
    settings: ViewSettings,
    store: PyramidStore,
) -> list[Panel]:
    """One pane less each other one, or less the picked one alone."""
    base = panes[base_index]
    if not isinstance(base, Picture):
        return [Panel(title=tr(mode), message=f"{base.title}: {base.reason}", action=base.action)]
    others = [index for index in range(len(panes)) if index != base_index]
    if settings.picked in others:
        others = [settings.picked]
    detail = detail.format(gain=short_number(f"{settings.gain:g}"))
    return [_difference_panel(mode, base, panes[index], detail, settings, store) for index in others]


def _difference_panel(
    mode: str, base: Picture, other: PaneContent, detail: str, settings: ViewSettings, store: PyramidStore
) -> Panel:
    if isinstance(other, MissingPicture):
        return Panel(title=f"{tr(mode)}: {other.title}", message=other.reason, action=other.action)
    title = f"{base.title} − {_label(other)}"
    pyramid = store.subtracted(base, other, is_signed=settings.is_signed)
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
    if (base.width, base.height) != (other.width, other.height):
        detail += ", " + tr("the smaller one enlarged")
    return Panel(
        title=title,
        detail=detail,
        layers=(Layer(pyramid, title, deepest([base, other]).peak),),
        legend=_legend([deepest([base, other])], [pyramid]),
    )


def _plain_panel(index: int, pane: PaneContent, store: PyramidStore) -> Panel:
    if isinstance(pane, MissingPicture):
        return Panel(title=pane.title, message=pane.reason, action=pane.action)
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
        Layer(pyramid, _label(picture), picture.peak) for picture, pyramid in zip(pictures, pyramids, strict=True)
    )


def _legend(pictures: Sequence[Picture], pyramids: Sequence[ImagePyramid]) -> Legend | None:
    """The legend of one canvas, in the numbers of the deepest file on it."""
    if not pyramids or not pyramids[0].settings.has_false_colours:
        return None
    deep = deepest(pictures)
    return legend_of(pyramids[list(pictures).index(deep)].settings, deep.peak)


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


def _index_of_role(panes: Sequence[PaneContent], role: PictureRole) -> int:
    """The first pane of a role, or the first pane."""
    for index, pane in enumerate(panes):
        if isinstance(pane, Picture) and pane.role is role:
            return index
    return 0
