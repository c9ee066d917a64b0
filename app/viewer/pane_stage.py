"""The canvases of a comparison on screen: where they lie, and what all of them share."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QLineF, QPointF, QRect, QRectF, QSize, QSizeF, Qt, Signal, Slot
from PySide6.QtGui import QImage, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from app.look.layouts import in_column
from app.look.theme import Theme
from app.viewer.canvas.caption import PaneCaption
from app.viewer.canvas.image_canvas import Backdrop, ImageCanvas
from app.viewer.canvas.view_transform import ViewTransform
from app.viewer.pane_offsets import PaneOffsets
from app.viewer.pictures import Panel
from app.viewer.tiles.tile_loader import TileLoader
from app.viewer.tiles.tile_mosaic import Interpolation

_LEAST_PX = (240, 118)
"""So low that a line's profile and the filmstrip are in the smallest window too."""


class PaneView(QWidget):
    """A canvas with its caption.

    Attributes:
        caption: The line above.
        canvas: The picture.
        panel: What is shown.
    """

    def __init__(self, transform: ViewTransform, loader: TileLoader, parent: QWidget) -> None:
        super().__init__(parent)
        self.caption = PaneCaption(self)
        self.canvas = ImageCanvas(transform, loader, self)
        self.panel = Panel(title="")
        in_column(self.caption, (self.canvas, 1), of=self, margins=0, spacing=0)


class PaneStage(QWidget):
    """Shows panels, one canvas each, all through one `ViewTransform`; knows nothing of modes.

    Signals:
        hovered(QPointF | None): The scene point under the cursor in any pane.
        state_changed(): Something about the way of looking is another.
        region_changed(QRect | None): Another region is marked; once the mouse is released.
        action_requested: The button below a pane's sentence was pressed.
        line_changed(QLineF | None): Another line is drawn, also while the mouse draws it.

    Attributes:
        view_transform: Zoom and position of all panes.
        offsets: By how much single panes are moved against the others.
    """

    hovered = Signal(object)
    state_changed = Signal()
    region_changed = Signal(object)
    action_requested = Signal()
    line_changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view_transform = ViewTransform(self)
        self.offsets = PaneOffsets(self)
        self.offsets.changed.connect(self._place_layers)
        self._backdrop = Backdrop.GRAY
        self._interpolation = Interpolation.AUTOMATIC
        self._has_grid = False
        self._region: QRect | None = None
        self._told_region: QRect | None = None
        self._line: QLineF | None = None
        self._pane_views: list[PaneView] = []
        self._visible: list[PaneView] = []
        self._loader = TileLoader(self)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(*_LEAST_PX)
        Theme.of_application().changed.connect(self._place_panes)

    @property
    def pane_views(self) -> tuple[PaneView, ...]:
        """The canvases on screen, in reading order."""
        return tuple(self._visible)

    @property
    def backdrop(self) -> Backdrop:
        """What lies behind the pictures."""
        return self._backdrop

    @property
    def interpolation(self) -> Interpolation:
        """How pictures are enlarged."""
        return self._interpolation

    @property
    def has_pixel_grid(self) -> bool:
        """Whether lines are shown between pixels, once they are large enough."""
        return self._has_grid

    @property
    def region(self) -> QRect | None:
        """The marked region in pixels of the largest picture; None where none is marked."""
        return None if self._region is None else QRect(self._region)

    @property
    def line(self) -> QLineF | None:
        """The line in pixels of the largest picture, whole numbers being their middles; None where there is none."""
        return None if self._line is None else QLineF(self._line)

    @property
    def is_sharp(self) -> bool:
        """Whether every tile in view has been made."""
        return all(view.canvas.is_sharp for view in self._visible)

    def set_backdrop(self, backdrop: Backdrop) -> None:
        """Choose what lies behind the pictures."""
        self._backdrop = backdrop
        for view in self._pane_views:
            view.canvas.set_backdrop(backdrop)
        self.state_changed.emit()

    def set_interpolation(self, interpolation: Interpolation) -> None:
        """Choose how pictures are enlarged."""
        self._interpolation = interpolation
        for view in self._pane_views:
            view.canvas.set_interpolation(interpolation)
        self.state_changed.emit()

    def set_pixel_grid(self, is_shown: bool) -> None:
        """Show lines between pixels, once they are large enough, or none."""
        self._has_grid = is_shown
        for view in self._pane_views:
            view.canvas.set_grid_shown(is_shown)
        self.state_changed.emit()

    def show_changes(self) -> None:
        """Show the present values of pictures that have changed."""
        for view in self._visible:
            view.canvas.show_changes()

    def set_region(self, region: QRect | None) -> None:
        """Mark a region in all panes.

        Args:
            region: In pixels of the largest picture; cut to it. None, or one outside of it, marks none.
        """
        if region is not None:
            region = region.intersected(QRectF(QPointF(0, 0), self.view_transform.scene_size).toRect())
        marked = None if region is None or region.isEmpty() else region
        self._mark_region(marked)
        if marked != self._told_region:
            self._told_region = marked
            self.region_changed.emit(self.region)

    def clear_region(self) -> None:
        """Mark no region any more."""
        self.set_region(None)

    def set_line(self, line: QLineF | None) -> None:
        """Show a line in all panes; its ends are held within the largest picture. None: none."""
        if line is not None:
            last = self.view_transform.scene_size - QSizeF(1, 1)
            ends = (
                QPointF(min(max(end.x(), 0.0), last.width()), min(max(end.y(), 0.0), last.height()))
                for end in (line.p1(), line.p2())
            )
            line = QLineF(*ends)
        if line != self._line:
            self._line = line
            for view in self._pane_views:
                view.canvas.set_line(line)
            self.line_changed.emit(self.line)

    def step_split(self, direction: int) -> None:
        """Move the split handle left (-1) or right (1), where there is one."""
        handle = self._visible[0].canvas.split_handle
        if handle.isVisible():
            handle.step(direction)

    def composed_view(self) -> QImage:
        """Return what is on screen, captions and all, in screen pixels."""
        for view in self._visible:
            view.canvas.complete()
        return self.grab().toImage()

    def event(self, event: QEvent) -> bool:
        """Also see a display of another scale, to which the window has moved: 1:1 counts its pixels."""
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._place_panes()
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self._region is not None:
            self.clear_region()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_panes()

    def shut_down(self) -> None:
        """Wait for the background threads."""
        self._loader.shut_down()

    def _show_panels(self, panels: Sequence[Panel]) -> None:
        """Put panels on the canvases; at least one."""
        while len(self._pane_views) < len(panels):
            self._pane_views.append(self._new_pane_view())
        self._visible = self._pane_views[: len(panels)]
        # Pictures of canvases that are not seen any more would stay in memory.
        nothing = [Panel(title="")] * (len(self._pane_views) - len(panels))
        for view, panel in zip(self._pane_views, [*panels, *nothing], strict=True):
            view.panel = panel
            view.canvas.show_layers(
                panel.layers,
                is_split=panel.is_split,
                message=panel.message,
                legend=panel.legend,
                action=panel.action,
            )
        for view in self._pane_views:
            view.setVisible(view in self._visible)
        self._place_layers()
        self._place_panes()

    def _new_pane_view(self) -> PaneView:
        view = PaneView(self.view_transform, self._loader, self)
        view.canvas.set_backdrop(self._backdrop)
        view.canvas.set_interpolation(self._interpolation)
        view.canvas.set_grid_shown(self._has_grid)
        view.canvas.set_region(self._region)
        view.canvas.set_line(self._line)
        view.canvas.hovered.connect(self._follow_cursor)
        view.canvas.layer_shifted.connect(self._shift_layer)
        view.canvas.region_drawn.connect(self._draw_region)
        view.canvas.action_requested.connect(self.action_requested)
        view.canvas.line_drawn.connect(self._draw_line)
        return view

    def _mark_region(self, region: QRect | None) -> None:
        self._region = region
        for view in self._pane_views:
            view.canvas.set_region(region)

    @Slot(QRectF, bool)
    def _draw_region(self, drawn: QRectF, is_final: bool) -> None:
        """Follow the mouse; pixels that are touched belong to the region."""
        whole = QRectF(QPointF(0, 0), self.view_transform.scene_size)
        region = drawn.intersected(whole).toAlignedRect()
        if is_final:
            self.set_region(region)
        else:
            self._mark_region(None if region.isEmpty() else region)

    @Slot(QLineF, bool)
    def _draw_line(self, drawn: QLineF, _is_final: bool) -> None:
        self.set_line(drawn)

    @Slot(int, QPointF)
    def _shift_layer(self, layer: int, by: QPointF) -> None:
        canvas = self.sender()
        for view in self._visible:
            if view.canvas is canvas and layer < len(view.panel.pane_indices):
                self.offsets.move(view.panel.pane_indices[layer], by)

    @Slot()
    def _place_layers(self) -> None:
        for view in self._visible:
            view.canvas.set_offsets([self.offsets.of(index) for index in view.panel.pane_indices])

    @Slot()
    def _place_panes(self) -> None:
        """Give every pane the same room, in the grid in which the picture gets largest."""
        caption_height = self._visible[0].caption.sizeHint().height()
        places = pane_places(len(self._visible), self.size(), caption_height, self.view_transform.scene_size)
        for view, place in zip(self._visible, places, strict=True):
            view.setGeometry(place)
        size = QSizeF(max(1, places[0].width()), max(1, places[0].height() - caption_height))
        self.view_transform.set_viewport(size, self.devicePixelRatioF())

    @Slot(object)
    def _follow_cursor(self, point: QPointF | None) -> None:
        under_cursor = self.sender()
        for view in self._visible:
            view.canvas.set_pointer(None if view.canvas is under_cursor else point)
        self.hovered.emit(point)


GAP_PX = 2


def pane_places(num_panes: int, room: QSize, caption_height: int, scene: QSizeF) -> list[QRect]:
    """Give every pane the same room, in the grid in which the picture gets largest.

    Args:
        num_panes: At least one.
        room: What there is for all of them.
        caption_height: What a pane needs above its picture.
        scene: Size of the picture.

    Returns:
        The panes' places in reading order.
    """
    best_columns, best_scale = 1, 0.0
    for columns in range(1, num_panes + 1):
        rows = -(-num_panes // columns)
        width = (room.width() - (columns - 1) * GAP_PX) / columns
        height = (room.height() - (rows - 1) * GAP_PX) / rows - caption_height
        scale = min(width / scene.width(), height / scene.height())
        if scale > best_scale:
            best_columns, best_scale = columns, scale
    rows = -(-num_panes // best_columns)
    width = (room.width() - (best_columns - 1) * GAP_PX) // best_columns
    height = (room.height() - (rows - 1) * GAP_PX) // rows
    places: list[QRect] = []
    for index in range(num_panes):
        row, column = divmod(index, best_columns)
        places.append(QRect(column * (width + GAP_PX), row * (height + GAP_PX), width, height))
    return places
