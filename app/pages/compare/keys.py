"""The keys of the compare page that only concern how its viewer looks at the pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtCore import QLineF, QPoint, QPointF, QRect, QRectF, QSizeF, Qt
from PySide6.QtWidgets import QWidget

from app.core.actions import ActionSpec, make_action
from app.pages.compare.looks import gamma_of, steps_of
from app.viewer.compare_viewer import CompareViewer
from app.viewer.pictures import MAX_PANES, Picture

_EXPOSURE_STEP_STOPS = 0.5


def view_keys(viewer: CompareViewer) -> dict[str, Callable[[], object]]:
    """Return what each action of the viewer does."""
    transform = viewer.view_transform
    picks = {f"view.pane_{index + 1}": partial(viewer.pick, index) for index in range(MAX_PANES)}
    return picks | {
        "view.fit": transform.fit,
        "view.one_to_one": transform.show_actual_size,
        "view.zoom_in": partial(transform.zoom_step, 1),
        "view.zoom_out": partial(transform.zoom_step, -1),
        "view.gain_down": partial(viewer.step_gain, -1),
        "view.gain_up": partial(viewer.step_gain, 1),
        "view.split_left": partial(viewer.step_split, -1),
        "view.split_right": partial(viewer.step_split, 1),
        "view.brighter": lambda: viewer.set_exposure(viewer.exposure_stops + _EXPOSURE_STEP_STOPS),
        "view.darker": lambda: viewer.set_exposure(viewer.exposure_stops - _EXPOSURE_STEP_STOPS),
        "view.gamma_up": lambda: viewer.set_gamma(gamma_of(steps_of(viewer.gamma) + 1)),
        "view.gamma_down": lambda: viewer.set_gamma(gamma_of(steps_of(viewer.gamma) - 1)),
        "view.false_colours": lambda: viewer.set_false_colours(not viewer.has_false_colours),
        "view.signed": lambda: viewer.set_signed(not viewer.is_signed),
        "view.flicker_timer": viewer.flicker_timer.toggle,
        "view.region": partial(toggle_region, viewer),
        "view.clear_region": viewer.clear_region,
    }


def connect_keys(
    widget: QWidget,
    functions: Mapping[str, Callable[[], object]] | Mapping[ActionSpec, Callable[[], object]],
    *,
    also_on: QWidget | None = None,
) -> None:
    """Let the keys of actions do something wherever the focus is within a widget.

    Args:
        widget: Within it the keys hold.
        functions: What is done, by action.
        also_on: Another widget within which they hold.
    """
    for name_or_row, function in functions.items():
        action = make_action(name_or_row, widget)
        if also_on is not None:
            also_on.addAction(action)
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(partial(_call, function))


def toggle_region(viewer: CompareViewer) -> None:
    """Mark what is in view, or nothing again."""
    if viewer.region is not None:
        viewer.clear_region()
        return
    viewer.set_region(_in_view(viewer))


def draw_first_line(viewer: CompareViewer) -> None:
    """Draw a line across the middle of what is in view, where there is none yet and anything to be seen."""
    if viewer.line is not None or not any(isinstance(pane, Picture) for pane in viewer.panes):
        return
    part = _in_view(viewer).intersected(QRect(QPoint(0, 0), viewer.view_transform.scene_size.toSize()))
    middle = part.center().y()
    viewer.set_line(QLineF(part.left(), middle, part.right(), middle))


def _in_view(viewer: CompareViewer) -> QRect:
    size = QSizeF(viewer.pane_views[0].canvas.size())
    transform = viewer.view_transform
    corner = transform.to_scene(QPointF(0, 0), size)
    opposite = transform.to_scene(QPointF(size.width(), size.height()), size)
    return QRectF(corner, opposite).toAlignedRect()


def _call(function: Callable[[], object], _checked: bool = False) -> None:
    function()
