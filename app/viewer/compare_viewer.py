"""One to six versions of one photo, looked at together: one zoom, one position, several ways of looking."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QPointF, QRect, QSizeF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QImage, QResizeEvent
from PySide6.QtWidgets import QWidget

from app.theme import Theme
from app.viewer.arrangement import Arrangement, PyramidCache, arrange
from app.viewer.image_canvas import Backdrop
from app.viewer.latest_task import LatestTask
from app.viewer.pane_view import PaneView
from app.viewer.view_modes import GAINS, MAX_PANES, VIEW_MODES, PaneContent, Panel, ViewSettings
from app.viewer.view_transform import ViewTransform
from engine.errors import EngineError

_GAP_PX = 2
_PATIENCE_MS = 150
"""Work that is done sooner shows no "Computing", which would only flash."""


class CompareViewer(QWidget):
    """Shows panes in one of the modes of `VIEW_MODES`, all through one `ViewTransform`.

    Signals:
        hovered(QPointF | None): The scene point under the cursor in any pane.
        state_changed(): Mode, gain, picked pane or backdrop is another.
        panels_shown(): New pictures are on the canvases.

    Attributes:
        view_transform: Zoom and position of all panes.
    """

    hovered = Signal(object)
    state_changed = Signal()
    panels_shown = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view_transform = ViewTransform(self)
        self._panes: tuple[PaneContent, ...] = ()
        self._figures: dict[int, str] = {}
        self._mode_key = "side_by_side"
        self._settings = ViewSettings()
        self._is_stretched = False
        self._shows_captions = True
        self._backdrop = Backdrop.GRAY
        self._pane_views: list[PaneView] = []
        self._visible: list[PaneView] = []
        self._pyramids: PyramidCache = {}
        self._task = LatestTask(self)
        self._task.finished.connect(self._show_arrangement)
        self._task.failed.connect(self._show_failure)
        self._busy_text = ""
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(_PATIENCE_MS)
        self._patience.timeout.connect(self._show_busy)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(240, 160)
        Theme.of_application().changed.connect(self._place_panes)
        self._show_panels((Panel(title=""),))

    @property
    def panes(self) -> tuple[PaneContent, ...]:
        """What is compared."""
        return self._panes

    @property
    def pane_views(self) -> tuple[PaneView, ...]:
        """The canvases on screen, in reading order."""
        return tuple(self._visible)

    @property
    def mode_key(self) -> str:
        """The present way of looking, a key of `VIEW_MODES`."""
        return self._mode_key

    @property
    def gain(self) -> float:
        """By how much differences are multiplied."""
        return self._settings.gain

    @property
    def picked(self) -> int | None:
        """The pane picked with the keys 1 to 6."""
        return self._settings.picked

    @property
    def backdrop(self) -> Backdrop:
        """What lies behind the pictures."""
        return self._backdrop

    @property
    def is_stretched(self) -> bool:
        """Whether dim pictures are spread over the display's whole range."""
        return self._is_stretched

    @property
    def is_busy(self) -> bool:
        """Whether what is on screen is not yet what was asked for."""
        return self._task.is_busy

    def set_panes(self, panes: Sequence[PaneContent], figures: Mapping[int, str] | None = None) -> None:
        """Compare other pictures; zoom and position stay where the sizes are alike.

        Args:
            panes: One to six.
            figures: PSNR and SSIM by pane index, as text; may come later by `set_figures`.

        Raises:
            ValueError: There are none, or more than six.
        """
        if not 1 <= len(panes) <= MAX_PANES:
            raise ValueError(f"1 to {MAX_PANES} panes can be compared, got {len(panes)}")
        self._panes = tuple(panes)
        self._figures = dict(figures or {})
        if self._settings.picked is not None and self._settings.picked >= len(panes):
            self._settings = replace(self._settings, picked=None)
        self._arrange()

    def set_figures(self, figures: Mapping[int, str]) -> None:
        """Show figures in the captions, by pane index."""
        self._figures = dict(figures)
        self._caption_all()

    def set_loading(self, text: str) -> None:
        """Say that other pictures are on their way; the present ones stay until then."""
        self._busy_text = text
        self._patience.start()

    def show_message(self, text: str) -> None:
        """Show a sentence and no picture."""
        self._task.cancel()
        self._panes = ()
        self._figures = {}
        self._patience.stop()
        self._pyramids = {}
        self._show_panels((Panel(title="", message=text),))

    def set_mode(self, mode_key: str) -> None:
        """Look in another way.

        Raises:
            ValueError: There is no such mode.
        """
        if mode_key not in VIEW_MODES:
            raise ValueError(f"mode must be one of {list(VIEW_MODES)}, got {mode_key!r}")
        if mode_key == self._mode_key:
            return
        self._mode_key = mode_key
        self._settings = replace(self._settings, picked=None)
        self._arrange()
        self.state_changed.emit()

    def toggle_mode(self, mode_key: str) -> None:
        """Look in this way, or side by side again if that is so already."""
        self.set_mode("side_by_side" if mode_key == self._mode_key else mode_key)

    def pick(self, index: int) -> None:
        """Pick a pane: side by side shows it alone, or all again; the other modes bring it in.

        Args:
            index: 0 for the first pane; one that is not there is passed over.
        """
        if index >= len(self._panes):
            return
        is_again = index == self._settings.picked and self._mode_key == "side_by_side"
        self._settings = replace(self._settings, picked=None if is_again else index)
        if self._mode_key == "flicker":
            self._show_flicker_layer()
        else:
            self._arrange()
        self.state_changed.emit()

    def flicker(self) -> None:
        """Go to the flicker mode, or show its next pane."""
        if self._mode_key != "flicker":
            self.set_mode("flicker")
            return
        indices = self._visible[0].panel.pane_indices
        if len(indices) > 1:
            position = self._flicker_position()
            self.pick(indices[(position + 1) % len(indices)])

    def set_gain(self, gain: float) -> None:
        """Multiply differences by another factor."""
        if gain != self._settings.gain:
            self._settings = replace(self._settings, gain=gain)
            if VIEW_MODES[self._mode_key].uses_gain:
                self._arrange()
            self.state_changed.emit()

    def step_gain(self, direction: int) -> None:
        """Go to the next larger (1) or smaller (-1) gain."""
        if direction > 0:
            self.set_gain(next((gain for gain in GAINS if gain > self.gain), GAINS[-1]))
        else:
            self.set_gain(next((gain for gain in reversed(GAINS) if gain < self.gain), GAINS[0]))

    def set_backdrop(self, backdrop: Backdrop) -> None:
        """Choose what lies behind the pictures."""
        self._backdrop = backdrop
        for view in self._pane_views:
            view.canvas.set_backdrop(backdrop)
        self.state_changed.emit()

    def set_stretched(self, is_stretched: bool) -> None:
        """Show dim pictures spread over the display's whole range, all by the same levels, or as they are."""
        if is_stretched != self._is_stretched:
            self._is_stretched = is_stretched
            self._arrange()
            self.state_changed.emit()

    def set_captions_shown(self, is_shown: bool) -> None:
        """Show or hide the line above each canvas."""
        self._shows_captions = is_shown
        for view in self._pane_views:
            view.caption.setVisible(is_shown)

    def step_split(self, direction: int) -> None:
        """Move the split handle left (-1) or right (1), where there is one."""
        handle = self._visible[0].canvas.split_handle
        if handle.isVisible():
            handle.step(direction)

    def composed_view(self) -> QImage:
        """Return what is on screen, captions and all, in screen pixels."""
        return self.grab().toImage()

    def shut_down(self) -> None:
        """Wait for the background thread."""
        self._task.shut_down()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_panes()

    def _arrange(self) -> None:
        """Ask the background thread for what the panes look like in the present mode."""
        if not self._panes:
            return
        mode = VIEW_MODES[self._mode_key]
        self._task.submit(partial(arrange, mode, self._panes, self._settings, self._is_stretched, self._pyramids))
        self._busy_text = "Computing…"
        self._patience.start()

    @Slot(object)
    def _show_arrangement(self, arrangement: Arrangement) -> None:
        self._patience.stop()
        if arrangement.scene is not None:
            self.view_transform.set_scene(arrangement.scene)
        self._show_panels(arrangement.panels)
        self.panels_shown.emit()

    @Slot(object)
    def _show_failure(self, error: EngineError) -> None:
        self._patience.stop()
        self._show_panels((Panel(title="", message=str(error)),))

    @Slot()
    def _show_busy(self) -> None:
        for view in self._visible:
            view.canvas.set_message(self._busy_text)

    def _show_panels(self, panels: Sequence[Panel]) -> None:
        while len(self._pane_views) < len(panels):
            self._pane_views.append(self._new_pane_view())
        self._visible = self._pane_views[: len(panels)]
        for view, panel in zip(self._visible, panels, strict=True):
            view.panel = panel
            view.canvas.show_layers(panel.layers, is_split=panel.is_split, message=panel.message)
        for view in self._pane_views:
            view.setVisible(view in self._visible)
        if self._mode_key == "flicker":
            self._show_flicker_layer()
        elif len(panels) == 1:
            self._visible[0].canvas.show_layer(0)
        self._caption_all()
        self._place_panes()

    def _new_pane_view(self) -> PaneView:
        view = PaneView(self.view_transform, self)
        view.canvas.set_backdrop(self._backdrop)
        view.caption.setVisible(self._shows_captions)
        view.canvas.hovered.connect(self._follow_cursor)
        return view

    def _flicker_position(self) -> int:
        indices = self._visible[0].panel.pane_indices
        picked = self._settings.picked
        return indices.index(picked) if picked in indices else 0

    def _show_flicker_layer(self) -> None:
        self._visible[0].canvas.show_layer(self._flicker_position())
        self._caption_all()

    def _caption_all(self) -> None:
        for view in self._visible:
            panel = view.panel
            title, detail, indices = panel.title, panel.detail, panel.pane_indices
            if self._mode_key == "flicker" and indices:
                position = self._flicker_position()
                title = panel.layers[position].label
                detail = "  ".join(filter(None, (f"{position + 1} of {len(indices)}, Space: next", panel.detail)))
                indices = (indices[position],)
            figures = [self._figures[index] for index in indices if self._figures.get(index)]
            view.caption.show_text(title, detail, "  |  ".join(figures))

    @Slot()
    def _place_panes(self) -> None:
        """Give every pane the same room, in the grid in which the picture gets largest."""
        num_panes = len(self._visible)
        caption_height = self._visible[0].caption.sizeHint().height() if self._shows_captions else 0
        scene = self.view_transform.scene_size
        best_columns, best_scale = 1, 0.0
        for columns in range(1, num_panes + 1):
            rows = -(-num_panes // columns)
            width = (self.width() - (columns - 1) * _GAP_PX) / columns
            height = (self.height() - (rows - 1) * _GAP_PX) / rows - caption_height
            scale = min(width / scene.width(), height / scene.height())
            if scale > best_scale:
                best_columns, best_scale = columns, scale
        rows = -(-num_panes // best_columns)
        width = (self.width() - (best_columns - 1) * _GAP_PX) // best_columns
        height = (self.height() - (rows - 1) * _GAP_PX) // rows
        for index, view in enumerate(self._visible):
            row, column = divmod(index, best_columns)
            view.setGeometry(QRect(column * (width + _GAP_PX), row * (height + _GAP_PX), width, height))
        self.view_transform.set_viewport(
            QSizeF(max(1, width), max(1, height - caption_height)), self.devicePixelRatioF()
        )

    @Slot(object)
    def _follow_cursor(self, point: QPointF | None) -> None:
        under_cursor = self.sender()
        for view in self._visible:
            view.canvas.set_pointer(None if view.canvas is under_cursor else point)
        self.hovered.emit(point)
