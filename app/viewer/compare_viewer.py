"""One to six versions of one photo, looked at together: one zoom, one position, several ways of looking."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import QPointF, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QWidget

from app.core.actions import make_action, shown_keys
from app.jobs.latest_task import LatestTask
from app.look.translation import format_number, short_number, tr, translate_engine
from app.viewer.arrangement import Arrangement, Viewpoint, arrange
from app.viewer.flicker_timer import FlickerTimer
from app.viewer.pane_stage import PaneStage
from app.viewer.pictures import GAINS, MAX_PANES, PaneContent, Panel, ViewSettings
from app.viewer.pyramid_store import PyramidStore
from app.viewer.tiles.display_settings import EXPOSURE_RANGE_STOPS, GAMMA_RANGE
from app.viewer.tiles.tile_mosaic import Interpolation
from app.viewer.view_modes import DEFAULT_MODE, VIEW_MODES, ViewMode
from engine.contracts.errors import EngineError

_PATIENCE_MS = 150
"""Work that is done sooner shows no "Computing", which would only flash."""


class CompareViewer(PaneStage):
    """Shows panes in one of the modes of `VIEW_MODES`, all through one `ViewTransform`.

    Signals:
        panels_shown(): New pictures are on the canvases.

    Attributes:
        flicker_timer: Shows the next pane by itself, in a mode that steps through them.
    """

    panels_shown = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.offsets.changed.connect(self._caption_all)
        self.flicker_timer = FlickerTimer(self)
        self.flicker_timer.due.connect(self._on_flicker_due)
        self.flicker_timer.changed.connect(self._on_flicker_timer_changed)
        self._panes: tuple[PaneContent, ...] = ()
        self._figures: dict[int, str] = {}
        self._mode_key = DEFAULT_MODE
        self._settings = ViewSettings()
        self._is_stretched = False
        self._store = PyramidStore()
        self._task = LatestTask(self, finished=self._show_arrangement, failed=self._show_failure)
        self._busy_text = ""
        self._patience = QTimer(self, singleShot=True, interval=_PATIENCE_MS)
        self._patience.timeout.connect(self._show_busy)
        self._show_panels((Panel(title=""),))
        self._make_actions()

    @property
    def panes(self) -> tuple[PaneContent, ...]:
        """What is compared."""
        return self._panes

    @property
    def mode_key(self) -> str:
        """The present way of looking, a key of `VIEW_MODES`."""
        return self._mode_key

    @property
    def mode(self) -> ViewMode:
        """The present way of looking, the row of `VIEW_MODES`."""
        return VIEW_MODES[self._mode_key]

    @property
    def gain(self) -> float:
        """By how much differences are multiplied."""
        return self._settings.gain

    @property
    def picked(self) -> int | None:
        """The pane picked with the keys 1 to 6."""
        return self._settings.picked

    @property
    def is_stretched(self) -> bool:
        """Whether dim pictures are spread over the display's whole range."""
        return self._is_stretched

    @property
    def exposure_stops(self) -> float:
        """By how many doublings of light plain pictures are shown brighter."""
        return self._settings.exposure_stops

    @property
    def gamma(self) -> float:
        """Above 1 the shadows of plain pictures are lifted, below 1 lowered."""
        return self._settings.gamma

    @property
    def is_signed(self) -> bool:
        """Whether the difference mode tells more from less."""
        return self._settings.is_signed

    @property
    def has_false_colours(self) -> bool:
        """Whether brightness and differences are shown on a colour scale."""
        return self._settings.has_false_colours

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
        # The former one belongs to the background thread, which lets go of it, and so of all pictures, when it is done.
        self._store = PyramidStore()
        self._patience.stop()
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
        if not self.mode.steps_through_panes:
            self.flicker_timer.stop()
        self._arrange()
        self.state_changed.emit()

    def toggle_mode(self, mode_key: str) -> None:
        """Look in this way; if that is so already, see its next pane, or all side by side again."""
        if mode_key == self._mode_key and self.mode.steps_through_panes:
            self._show_next_pane()
        else:
            self.set_mode(DEFAULT_MODE if mode_key == self._mode_key else mode_key)

    def pick(self, index: int) -> None:
        """Pick a pane: side by side shows it alone, or all again; the other modes bring it in.

        Args:
            index: 0 for the first pane; one that is not there is passed over.
        """
        if index >= len(self._panes):
            return
        is_again = index == self._settings.picked and self.mode.shows_picked_alone
        self._settings = replace(self._settings, picked=None if is_again else index)
        if self.mode.steps_through_panes:
            self._show_picked_layer()
        else:
            self._arrange()
        self.state_changed.emit()

    def set_gain(self, gain: float) -> None:
        """Multiply differences by another factor."""
        self._change_settings(self.mode.uses_gain, gain=gain)

    def step_gain(self, direction: int) -> None:
        """Go to the next larger (1) or smaller (-1) gain."""
        if direction > 0:
            self.set_gain(next((gain for gain in GAINS if gain > self.gain), GAINS[-1]))
        else:
            self.set_gain(next((gain for gain in reversed(GAINS) if gain < self.gain), GAINS[0]))

    def set_stretched(self, is_stretched: bool) -> None:
        """Show dim pictures spread over the display's whole range, all by the same levels, or as they are."""
        if is_stretched != self._is_stretched:
            self._is_stretched = is_stretched
            self._arrange()
            self.state_changed.emit()

    def set_exposure(self, stops: float) -> None:
        """Show plain pictures brighter by so many doublings of light; held in range. Never saved anywhere."""
        low, high = EXPOSURE_RANGE_STOPS
        self._change_settings(not self.mode.uses_gain, exposure_stops=min(max(stops, low), high))

    def set_gamma(self, gamma: float) -> None:
        """Lift (above 1) or lower the shadows of plain pictures; held in range. Never saved anywhere."""
        low, high = GAMMA_RANGE
        self._change_settings(not self.mode.uses_gain, gamma=min(max(gamma, low), high))

    def set_signed(self, is_signed: bool) -> None:
        """Let the difference mode tell more from less, or only show how much."""
        self._change_settings(self.mode.has_sign, is_signed=is_signed)

    def set_false_colours(self, has_false_colours: bool) -> None:
        """Show brightness and differences on a colour scale, or as they are."""
        self._change_settings(True, has_false_colours=has_false_colours)

    def reset_looking(self) -> None:
        """Put exposure, gamma and moved panes back."""
        self.offsets.reset()
        is_plain = not self.mode.uses_gain
        self._change_settings(is_plain, exposure_stops=0.0, gamma=1.0)

    def shift_pane(self, columns: float, rows: float) -> None:
        """Move one pane against the others by pixels.

        That is the picked one; else the one that is seen where panes are stepped through, the one under the cursor
        elsewhere; else the last.
        """
        index = self._settings.picked
        stepped_through = self._visible[0].panel.pane_indices if self.mode.steps_through_panes else ()
        if index is None and stepped_through:
            index = stepped_through[self._picked_layer()]
        elif index is None:
            under_cursor = [view for view in self._visible if view.canvas.underMouse() and view.panel.pane_indices]
            index = under_cursor[0].panel.pane_indices[-1] if under_cursor else len(self._panes) - 1
        if 0 <= index < len(self._panes):
            self.offsets.move(index, QPointF(columns, rows))

    def shut_down(self) -> None:
        """Wait for the background threads."""
        self.flicker_timer.stop()
        self._task.shut_down()
        super().shut_down()

    def _make_actions(self) -> None:
        """The keys that are the same wherever pictures are compared; the pages add theirs."""
        enlarged = {Interpolation.NEAREST: Interpolation.SMOOTH}
        functions: dict[str, Callable[[], None]] = {
            "view.reset_looking": self.reset_looking,
            "view.smooth": lambda: self.set_interpolation(enlarged.get(self.interpolation, Interpolation.NEAREST)),
            "view.pixel_grid": lambda: self.set_pixel_grid(not self.has_pixel_grid),
            "view.shift_left": lambda: self.shift_pane(-1, 0),
            "view.shift_right": lambda: self.shift_pane(1, 0),
            "view.shift_up": lambda: self.shift_pane(0, -1),
            "view.shift_down": lambda: self.shift_pane(0, 1),
        }
        for action_id, function in functions.items():
            action = make_action(action_id, self)
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(partial(_call, function))

    def _change_settings(self, concerns_mode: bool, **values: Any) -> None:
        """Set fields of `ViewSettings`; arrange anew where the present mode shows them."""
        settings = replace(self._settings, **values)
        if settings == self._settings:
            return
        self._settings = settings
        if concerns_mode:
            self._arrange()
        self._caption_all()
        self.state_changed.emit()

    def _arrange(self) -> None:
        """Ask the background thread for what the panes look like in the present mode."""
        if not self._panes:
            return
        mode, viewpoint = self.mode, Viewpoint.of(self.view_transform)
        self._task.submit(
            partial(arrange, mode, self._panes, self._settings, self._is_stretched, self._store, viewpoint)
        )
        self._busy_text = tr("Computing…")
        self._patience.start()

    @Slot(object)
    def _show_arrangement(self, arrangement: Arrangement) -> None:
        self._patience.stop()
        if arrangement.scene is not None:
            self.view_transform.set_scene(arrangement.scene)
            # What lies outside of another photo cannot stay marked.
            self.set_region(self._region)
            self.set_line(self._line)
        self._show_panels(arrangement.panels)
        self.panels_shown.emit()

    @Slot(object)
    def _show_failure(self, error: EngineError) -> None:
        self._patience.stop()
        self._show_panels((Panel(title="", message=translate_engine(str(error))),))

    @Slot()
    def _show_busy(self) -> None:
        for view in self._visible:
            view.canvas.set_message(self._busy_text)

    def _show_panels(self, panels: Sequence[Panel]) -> None:
        super()._show_panels(panels)
        if self.mode.steps_through_panes:
            self._show_picked_layer()
        elif len(panels) == 1:
            self._visible[0].canvas.show_layer(0)
        self._caption_all()

    @Slot()
    def _on_flicker_due(self) -> None:
        if self.isVisible():
            self._show_next_pane()

    @Slot()
    def _on_flicker_timer_changed(self) -> None:
        if self.flicker_timer.is_running and not self.mode.steps_through_panes:
            self.set_mode(next(key for key, mode in VIEW_MODES.items() if mode.steps_through_panes))
        self.state_changed.emit()

    def _show_next_pane(self) -> None:
        indices = self._visible[0].panel.pane_indices
        if len(indices) > 1:
            self.pick(indices[(self._picked_layer() + 1) % len(indices)])

    def _picked_layer(self) -> int:
        """Which layer is seen where panes are stepped through."""
        indices = self._visible[0].panel.pane_indices
        picked = self._settings.picked
        return indices.index(picked) if picked in indices else 0

    def _show_picked_layer(self) -> None:
        self._visible[0].canvas.show_layer(self._picked_layer())
        self._caption_all()

    @Slot()
    def _caption_all(self) -> None:
        for view in self._visible:
            panel = view.panel
            title, detail, indices = panel.title, panel.detail, panel.pane_indices
            if self.mode.steps_through_panes and indices:
                position = self._picked_layer()
                title = panel.layers[position].label
                number = tr("{position} of {number}, {key}: next").format(
                    position=position + 1, number=format_number(len(indices)), key=shown_keys(self.mode.action)
                )
                detail = "  ".join(filter(None, (number, panel.detail)))
                indices = (indices[position],)
            if panel.layers:
                # Before the detail, whose middle goes first where there is little room.
                detail = "  ".join(filter(None, (self._looking_note(), self._offset_note(indices), detail)))
            figures = [self._figures[index] for index in indices if self._figures.get(index)]
            view.caption.show_text(title, detail, "  |  ".join(figures))

    def _looking_note(self) -> str:
        """Say so where pictures are not shown as they are."""
        if self.mode.uses_gain:
            return ""
        notes: list[str] = []
        if self.exposure_stops:
            notes.append(tr("{stops} EV").format(stops=short_number(f"{self.exposure_stops:+.3g}")))
        if self.gamma != 1.0:
            notes.append(tr("gamma {gamma}").format(gamma=short_number(f"{self.gamma:.3g}")))
        return ", ".join(notes)

    def _offset_note(self, indices: Sequence[int]) -> str:
        """Say so where a pane is moved against the others."""
        moved = [self.offsets.of(index) for index in indices]
        texts = [
            f"{short_number(f'{offset.x():+.3g}')}; {short_number(f'{offset.y():+.3g}')}"
            for offset in moved
            if not offset.isNull()
        ]
        return tr("moved by {offsets} px").format(offsets=" | ".join(texts)) if texts else ""


def _call(function: Callable[[], None], _is_checked: bool = False) -> None:
    """Do what an action does, whatever its state."""
    function()
