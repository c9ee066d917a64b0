"""How a person looked at the photos of a folder: mode, gain and panes, kept for the next time."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Slot

from app.core.session import Session
from app.core.settings import CANVAS_BACKGROUND, COMPARE_GAIN, COMPARE_MODE, COMPARE_PANES, Settings
from app.pages.compare.panes import PaneChoice, choice_from_text
from app.viewer.canvas.image_canvas import Backdrop
from app.viewer.compare_viewer import CompareViewer
from app.viewer.pictures import GAINS, MAX_PANES
from app.viewer.view_modes import VIEW_MODES
from engine.contracts.photo import PhotoPlace


class ViewMemory(QObject):
    """Follows the viewer into the preferences; what was set last is what a folder seen for the first time begins with.

    The panes are each folder's own alone: a run that was compared on one is nothing to another.
    """

    def __init__(self, settings: Settings, session: Session, viewer: CompareViewer) -> None:
        super().__init__(viewer)
        self._settings = settings
        self._session = session
        self._viewer = viewer
        self._is_recalling = False
        viewer.state_changed.connect(self._keep_view)

    def recall(self) -> tuple[PaneChoice, ...]:
        """Set the viewer as it was for the open folder.

        Returns:
            What its panes showed; empty where nothing was chosen.
        """
        folder = self._folder()
        mode, gain = self._settings.get(COMPARE_MODE), self._settings.get(COMPARE_GAIN)
        kept: list[str] = []
        if folder is not None:
            mode = self._settings.get_for_folder(folder, COMPARE_MODE)
            gain = self._settings.get_for_folder(folder, COMPARE_GAIN)
            kept = self._settings.get_for_folder(folder, COMPARE_PANES)
        # Mode and gain change one after the other: the first must not be kept with the other folder's second.
        self._is_recalling = True
        if mode in VIEW_MODES:
            self._viewer.set_mode(mode)
        if gain in GAINS:
            self._viewer.set_gain(gain)
        self._viewer.set_backdrop(Backdrop[self._settings.get(CANVAS_BACKGROUND).upper()])
        self._is_recalling = False
        choices = (choice_from_text(text) for text in kept[:MAX_PANES])
        return tuple(choice for choice in choices if choice is not None)

    def keep_choices(self, choices: Sequence[PaneChoice]) -> None:
        """Keep what the panes show."""
        folder = self._folder()
        if folder is not None:
            self._settings.set_for_folder(folder, COMPARE_PANES, [choice.to_text() for choice in choices])

    @Slot()
    def _keep_view(self) -> None:
        if self._is_recalling:
            return
        viewer, settings, folder = self._viewer, self._settings, self._folder()
        settings.set(COMPARE_MODE, viewer.mode_key)
        settings.set(COMPARE_GAIN, viewer.gain)
        settings.set(CANVAS_BACKGROUND, viewer.backdrop.name.lower())
        if folder is not None:
            settings.set_for_folder(folder, COMPARE_MODE, viewer.mode_key)
            settings.set_for_folder(folder, COMPARE_GAIN, viewer.gain)

    def _folder(self) -> PhotoPlace | None:
        return next(iter(self._session.folders), None)
