"""Turning panes into panels: the part of a comparison that computes, in a background thread."""

from dataclasses import dataclass, replace

from PySide6.QtCore import QSizeF

from app.image_convert import DisplayLevels, stretch_levels
from app.viewer.image_pyramid import ImagePyramid
from app.viewer.view_modes import PaneContent, Panel, Picture, ViewMode, ViewSettings

PyramidCache = dict[tuple[Picture, DisplayLevels], ImagePyramid]


@dataclass(frozen=True)
class Arrangement:
    """What the background thread made of the panes.

    Attributes:
        panels: One canvas each.
        scene: Size of the largest picture; None without any.
    """

    panels: tuple[Panel, ...]
    scene: QSizeF | None


def arrange(
    mode: ViewMode,
    panes: tuple[PaneContent, ...],
    settings: ViewSettings,
    is_stretched: bool,
    pyramids: PyramidCache,
) -> Arrangement:
    """Arrange panes in a mode; in a background thread, which alone touches `pyramids`.

    Args:
        mode: The way of looking.
        panes: At least one.
        settings: What the person has set.
        is_stretched: Whether to spread dim pictures, all by the levels of the first.
        pyramids: The display-ready pictures of the last arrangement; those of this one afterwards.
    """
    pictures = [pane for pane in panes if isinstance(pane, Picture)]
    if is_stretched and pictures:
        settings = replace(settings, levels=stretch_levels(pictures[0].pixels))
    for key in [key for key in pyramids if key[0] not in pictures or key[1] != settings.levels]:
        del pyramids[key]

    def pyramid_of(picture: Picture) -> ImagePyramid:
        key = (picture, settings.levels)
        if key not in pyramids:
            pyramids[key] = ImagePyramid.from_pixels(picture.pixels, settings.levels)
        return pyramids[key]

    panels = mode.arrange(panes, settings, pyramid_of)
    largest = max(pictures, key=lambda picture: picture.width * picture.height, default=None)
    scene = QSizeF(largest.width, largest.height) if largest is not None else None
    return Arrangement(tuple(panels), scene)
