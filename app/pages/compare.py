"""The page to look: versions of one photo beside, over and against each other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPointF, Qt, Slot
from PySide6.QtGui import QAction, QShowEvent
from PySide6.QtWidgets import QFileDialog, QStackedWidget, QVBoxLayout, QWidget

from app.actions import make_action
from app.image_convert import pixels_from_qimage
from app.job_runner import JobRunner
from app.messages import Message, Severity
from app.pages.compare_bar import MODE_ACTIONS, CompareBar
from app.pages.compare_panes import (
    INPUT_CHOICE,
    REFERENCE_CHOICE,
    RESTORED_CHOICE,
    LoadedPanes,
    PaneChoice,
    PaneFigures,
    load_panes,
    measure_panes,
    reference_of,
    restored_labels,
    source_of,
)
from app.pages.filmstrip import Filmstrip
from app.pages.page import Page
from app.session import Session
from app.settings import CANVAS_BACKGROUND, COMPARE_GAIN, COMPARE_MODE, OPEN_DIALOG_FOLDER, Settings
from app.theme import SPACING
from app.thumbnails import shared_thumbnails
from app.viewer.compare_viewer import CompareViewer
from app.viewer.image_canvas import Backdrop
from app.viewer.inspectors import PixelBar
from app.viewer.latest_task import LatestTask
from app.viewer.picture_files import PictureFiles
from app.viewer.view_modes import GAINS, MAX_PANES, VIEW_MODES
from app.widgets.empty_state import EmptyState
from engine.data.image_files import PhotoImage, write_image
from engine.errors import EngineError


class ComparePage(Page):
    """The canvas fills the page; a slim bar above, pixel values and the filmstrip below."""

    page_id = "compare"
    title = "Compare"
    icon_name = "columns"
    tip = "Look at noisy, restored and clean versions of a photo side by side."

    def __init__(self, session: Session, runner: JobRunner, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(session, runner, settings, parent)
        self._files = PictureFiles()
        self._choices: tuple[PaneChoice, ...] = (INPUT_CHOICE, RESTORED_CHOICE)
        self._is_chosen_by_person = False
        self._shown_photo: Path | None = None
        self._is_outdated = True
        self._load_task = LatestTask(self)
        self._load_task.finished.connect(self._show_loaded)
        self._measure_task = LatestTask(self)
        self._measure_task.finished.connect(self._show_figures)
        self._export_task = LatestTask(self)
        self._export_task.finished.connect(self._tell_exported)
        self._export_task.failed.connect(self._tell_not_exported)

        self.viewer = CompareViewer()
        self._recall_view()
        self.bar = CompareBar(self.viewer)
        self.pixel_bar = PixelBar()
        self.filmstrip = Filmstrip(session, shared_thumbnails(session))
        self._empty = EmptyState("columns", "There is nothing to compare yet: open some photos first.", "Go to Photos")
        self._empty.action_requested.connect(lambda: self.page_requested.emit("photos"))
        content = QWidget()
        content_layout = QVBoxLayout(content)
        content_layout.setContentsMargins(0, 0, 0, 0)
        content_layout.setSpacing(0)
        content_layout.addWidget(self.bar)
        content_layout.addWidget(self.viewer, 1)
        content_layout.addWidget(self.pixel_bar)
        content_layout.addSpacing(SPACING // 2)
        content_layout.addWidget(self.filmstrip)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)

        self.bar.choices_changed.connect(self._choose_panes)
        self.bar.export_requested.connect(self.export)
        self.viewer.hovered.connect(self._show_pixel)
        self.viewer.state_changed.connect(self._remember_view)
        self.filmstrip.photo_chosen.connect(session.set_current_photo)
        self._make_actions()
        session.current_photo_changed.connect(self._reload)
        session.restored_changed.connect(self._on_restored_changed)
        session.label_pairs_changed.connect(self._on_pairs_changed)
        session.references_changed.connect(self._on_pairs_changed)
        session.photos_changed.connect(self._on_photos_changed)
        self._on_pairs_changed()
        self._on_photos_changed()

    @property
    def choices(self) -> tuple[PaneChoice, ...]:
        """What the panes show."""
        return self._choices

    @property
    def is_busy(self) -> bool:
        """Whether what is on screen is not yet all that was asked for."""
        return self._load_task.is_busy or self._measure_task.is_busy or self.viewer.is_busy

    def activated(self) -> None:
        self._on_photos_changed()
        self.viewer.setFocus()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._on_photos_changed()
        if self._is_outdated:
            self._reload()

    @Slot()
    def export(self) -> None:
        """Ask for a file and save what is on screen as PNG."""
        photo = self.session.current_photo
        if photo is None:
            return
        suggested = Path(self.settings.get(OPEN_DIALOG_FOLDER) or photo.parent) / f"{photo.stem} comparison.png"
        name, _ = QFileDialog.getSaveFileName(self, "Save this view as a picture", str(suggested), "PNG (*.png)")
        if name:
            self.export_to(Path(name).with_suffix(".png"))

    def export_to(self, path: Path) -> None:
        """Save what is on screen as PNG, in the background."""
        image = self.viewer.composed_view()

        def save() -> Path:
            write_image(path, PhotoImage(pixels_from_qimage(image)), file_format="png", bit_depth=8)
            return path

        self._export_task.submit(save)

    def shut_down(self) -> None:
        """Wait for the background threads."""
        for task in (self._load_task, self._measure_task, self._export_task, self.viewer):
            task.shut_down()

    def _make_actions(self) -> None:
        viewer = self.viewer
        transform = viewer.view_transform
        on_page: dict[str, Callable[[], object]] = {
            action_id: partial(viewer.toggle_mode, mode)
            for mode, action_id in MODE_ACTIONS.items()
            if mode != "flicker"
        }
        on_page |= {f"view.pane_{index + 1}": partial(viewer.pick, index) for index in range(MAX_PANES)}
        on_page |= {
            "view.fit": transform.fit,
            "view.one_to_one": transform.show_actual_size,
            "view.zoom_in": partial(transform.zoom_step, 1),
            "view.zoom_out": partial(transform.zoom_step, -1),
            "view.gain_down": partial(viewer.step_gain, -1),
            "view.gain_up": partial(viewer.step_gain, 1),
            "view.split_left": partial(viewer.step_split, -1),
            "view.split_right": partial(viewer.step_split, 1),
            "view.export": self.export,
        }
        for action_id, function in on_page.items():
            self._connect_action(make_action(action_id, self), function)
        # Not on the whole page: on the bar, Space presses the focused button and the arrows move within a box.
        on_pictures: dict[str, Callable[[], object]] = {
            "view.flicker": viewer.flicker,
            "view.previous_photo": partial(self.filmstrip.step, -1),
            "view.next_photo": partial(self.filmstrip.step, 1),
        }
        for action_id, function in on_pictures.items():
            action = make_action(action_id, viewer)
            self.filmstrip.addAction(action)
            self._connect_action(action, function)

    def _connect_action(self, action: QAction, function: Callable[[], object]) -> None:
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(lambda _checked=False: function())

    def _recall_view(self) -> None:
        mode, gain = self.settings.get(COMPARE_MODE), self.settings.get(COMPARE_GAIN)
        if mode in VIEW_MODES:
            self.viewer.set_mode(mode)
        if gain in GAINS:
            self.viewer.set_gain(gain)
        self.viewer.set_backdrop(Backdrop[self.settings.get(CANVAS_BACKGROUND).upper()])

    @Slot()
    def _remember_view(self) -> None:
        self.settings.set(COMPARE_MODE, self.viewer.mode_key)
        self.settings.set(COMPARE_GAIN, self.viewer.gain)
        self.settings.set(CANVAS_BACKGROUND, self.viewer.backdrop.name.lower())

    @Slot()
    def _on_photos_changed(self) -> None:
        has_photos = bool(self.session.photos)
        self._stack.setCurrentIndex(1 if has_photos else 0)
        if has_photos and self.session.current_photo is None and self.isVisible():
            first = next(iter(self.session.restored_sources), None) or self.session.photos[0].path
            self.session.set_current_photo(first)

    @Slot(object)
    def _on_restored_changed(self, source: Path | None) -> None:
        self.bar.show_choices(self._choices, restored_labels(self.session))
        if source is None or source == self.session.current_photo:
            self._reload()

    @Slot()
    def _on_pairs_changed(self) -> None:
        """Show references as soon as there are some, unless the person has chosen the panes."""
        if not self._is_chosen_by_person:
            has_references = bool(self.session.label_pairs)
            self._choices = (INPUT_CHOICE, RESTORED_CHOICE, *((REFERENCE_CHOICE,) if has_references else ()))
        self.bar.show_choices(self._choices, restored_labels(self.session))
        self._reload()

    @Slot(tuple)
    def _choose_panes(self, choices: tuple[PaneChoice, ...]) -> None:
        self._is_chosen_by_person = True
        self._choices = choices
        self.bar.show_choices(choices, restored_labels(self.session))
        self._reload()

    @Slot()
    def _reload(self) -> None:
        """Read the current photo's pictures, once the page is seen."""
        self._is_outdated = True
        photo = self.session.current_photo
        if photo is None:
            self._load_task.cancel()
            self._measure_task.cancel()
            self.viewer.show_message("Choose a photo below.")
            self.pixel_bar.set_panes(())
            return
        if not self.isVisible():
            return
        self._is_outdated = False
        self.filmstrip.choose(photo)
        sources = [source_of(choice, self.session, photo) for choice in self._choices]
        reference = reference_of(self.session, photo)
        self._measure_task.cancel()
        self.viewer.set_loading("Reading the pictures…")
        self._load_task.submit(lambda: load_panes(photo, sources, reference, self._files))

    @Slot(object)
    def _show_loaded(self, loaded: LoadedPanes) -> None:
        self.viewer.set_panes(loaded.panes)
        self.pixel_bar.set_panes(loaded.panes)
        if loaded.photo != self._shown_photo and self.viewer.view_transform.is_fit:
            self.viewer.view_transform.fit()
        self._shown_photo = loaded.photo
        self._measure_task.submit(lambda: measure_panes(loaded, self._files))

    @Slot(object)
    def _show_figures(self, figures: PaneFigures) -> None:
        if figures.photo == self._shown_photo:
            self.viewer.set_figures(figures.by_pane)

    @Slot(object)
    def _show_pixel(self, point: QPointF | None) -> None:
        self.pixel_bar.show_point(self.viewer.view_transform.scene_size, point)

    @Slot(object)
    def _tell_exported(self, path: Path) -> None:
        self.settings.set(OPEN_DIALOG_FOLDER, str(path.parent))
        self.message_raised.emit(Message(text=f"Saved the view as {path.name} in {path.parent}."))

    @Slot(object)
    def _tell_not_exported(self, error: EngineError) -> None:
        self.message_raised.emit(Message(severity=Severity.ERROR, text=error.message, hint=error.hint))
