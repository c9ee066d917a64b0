"""Turning panes into panels: the part of a comparison that computes, in a background thread."""

import math
from dataclasses import dataclass, replace

from PySide6.QtCore import QPointF, QRectF, QSizeF

from app.viewer.canvas.legend import Legend
from app.viewer.canvas.view_transform import ViewTransform, place_in_scene
from app.viewer.pictures import CommonLevels, PaneContent, Panel, Picture, ViewSettings, scene_of
from app.viewer.pyramid_store import PyramidStore
from app.viewer.tiles.tile_mosaic import needed_pixels
from app.viewer.view_modes import ViewMode


@dataclass(frozen=True)
class Viewpoint:
    """Where a person looks while pictures are being made; their tiles there are made first.

    Attributes:
        zoom: Screen pixels a scene pixel; None: as large as fits.
        centre: The middle, as shares of the scene's width and height.
        viewport: Size of one pane in screen pixels.
    """

    zoom: float | None
    centre: QPointF
    viewport: QSizeF

    @classmethod
    def of(cls, transform: ViewTransform) -> "Viewpoint":
        """Return where a person looks now."""
        scene, centre = transform.scene_size, transform.centre
        return cls(
            zoom=None if transform.is_fit else transform.zoom,
            centre=QPointF(centre.x() / scene.width(), centre.y() / scene.height()),
            viewport=transform.viewport * transform.device_pixel_ratio,
        )


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
    store: PyramidStore,
    viewpoint: Viewpoint,
) -> Arrangement:
    """Arrange panes in a mode; in a background thread, which alone touches `store`.

    Args:
        mode: The way of looking.
        panes: At least one.
        settings: What the person has set.
        is_stretched: Whether to spread dim pictures, all by the levels of the first.
        store: Makes pyramids, and keeps those of the last arrangement.
        viewpoint: What is looked at.
    """
    pictures = [pane for pane in panes if isinstance(pane, Picture)]
    if pictures:
        settings = replace(settings, levels=CommonLevels.of(pictures[0], is_stretched=is_stretched))
    store.begin(settings)
    for picture in pictures:
        store.keep(picture)
    panels = mode.arrange(panes, settings, store)
    store.end()
    panels = _with_legend_once(panels)
    size = scene_of(pictures)
    if size is None:
        return Arrangement(tuple(panels), None)
    scene = size.toSizeF()
    _prepare_tiles(panels, scene, viewpoint)
    return Arrangement(tuple(panels), scene)


def _with_legend_once(panels: list[Panel]) -> list[Panel]:
    """Show a legend that holds for several panels on the first of them."""
    seen: set[Legend] = set()
    result: list[Panel] = []
    for panel in panels:
        result.append(replace(panel, legend=None) if panel.legend in seen else panel)
        if panel.legend is not None:
            seen.add(panel.legend)
    return result


def _prepare_tiles(panels: list[Panel], scene: QSizeF, viewpoint: Viewpoint) -> None:
    """Make the tiles that will be seen first, so that pictures appear sharp."""
    viewport = viewpoint.viewport
    fit_zoom = min(viewport.width() / scene.width(), viewport.height() / scene.height())
    zoom = fit_zoom if viewpoint.zoom is None else viewpoint.zoom
    middle = QPointF(0.5, 0.5) if viewpoint.zoom is None else viewpoint.centre
    corner = QPointF(
        math.floor(viewport.width() / 2 - middle.x() * scene.width() * zoom),
        math.floor(viewport.height() / 2 - middle.y() * scene.height() * zoom),
    )
    place = QRectF(corner, scene * zoom)
    for layer in [layer for panel in panels for layer in panel.layers]:
        target = place_in_scene(layer.pyramid.size, place)
        visible = target.intersected(QRectF(QPointF(0, 0), viewport))
        if not visible.isEmpty():
            layer.pyramid.prepare(
                *needed_pixels(layer.pyramid, target, visible, target.width() / layer.pyramid.size.width())
            )
