"""The page to look: versions of one photo beside, over and against each other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

from PySide6.QtCore import QPointF, Qt, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QSplitter, QStackedWidget, QWidget

from app.core.messages import Message, Severity
from app.core.programs.open_menu import OtherPrograms, results_of
from app.core.session import ModelChoice, Session
from app.core.settings import COMPARE_HISTOGRAM, COMPARE_PROFILE, RESTORE_RAW_LOOK, Settings
from app.jobs.latest_task import LatestTask
from app.jobs.runner import JobRunner
from app.look.layouts import in_column
from app.look.theme import SPACING, Theme
from app.look.thumbnails import shared_thumbnails
from app.look.translation import mark, tr
from app.pages.compare.bar import CompareBar
from app.pages.compare.blind.mode import BlindMode
from app.pages.compare.computing import PictureMaker
from app.pages.compare.export import CompareExport
from app.pages.compare.figures import PaneFigures, PaneMeter
from app.pages.compare.filmstrip import Filmstrip, FilmstripRow
from app.pages.compare.keys import connect_keys, draw_first_line, toggle_region, view_keys
from app.pages.compare.memory import ViewMemory
from app.pages.compare.offers import offers_of
from app.pages.compare.panes import (
    INPUT_CHOICE,
    REFERENCE_CHOICE,
    RESTORED_CHOICE,
    LoadedPanes,
    PaneChoice,
    PaneKind,
    load_panes,
    reference_of,
    source_of,
)
from app.pages.shared.page import Page
from app.pages.shared.page_slider import PageSlider
from app.viewer.compare_viewer import CompareViewer
from app.viewer.histogram_view import HistogramView
from app.viewer.inspectors import PixelBar
from app.viewer.picture_files import PictureFiles
from app.viewer.profile_view import ProfileView
from app.viewer.view_modes import VIEW_MODES
from app.widgets.empty_state import EmptyState
from app.widgets.room.current_stack import CurrentStack
from engine.comparing.blind_votes import Choice
from engine.comparing.region_metrics import Region
from engine.contracts.errors import EngineError
from engine.contracts.job_control import JobControl
from engine.contracts.output_formats import RawLook
from engine.contracts.photo import PhotoRef

_HISTOGRAM_PX, _PROFILE_PX = 170, 230
"""What plots get until a person drags an edge, or where there is room for no more than they need; pictures the rest."""
_THE_REST_PX = 100_000


class ComparePage(Page):
    """The canvas fills the page; a slim bar above, pixel values and the filmstrip below."""

    page_id = "compare"
    title = mark("Compare")
    icon_name = "columns"
    tip = mark("Look at noisy, restored and clean versions of a photo side by side.")

    def __init__(self, session: Session, runner: JobRunner, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(session, runner, settings, parent)
        self._files = PictureFiles()
        self._meter = PaneMeter(self._files)
        self._choices: tuple[PaneChoice, ...] = (INPUT_CHOICE, RESTORED_CHOICE)
        self._is_chosen_by_person = False
        self._loaded: LoadedPanes | None = None
        self._figures: dict[int, str] = {}
        self._is_outdated = True
        self._was_being_restored = False
        self._load_task = LatestTask(self, finished=self._show_loaded)
        self._measure_task = LatestTask(self)
        self._measure_control = JobControl()
        self._measure_task.finished.connect(self._show_figures)
        self._maker = PictureMaker(runner, self.page_id, self)
        self._maker.changed.connect(self._reload)
        self.exporter = CompareExport(runner, settings, self.page_id, self)
        self.exporter.message_raised.connect(self.message_raised)

        self.viewer = CompareViewer()
        self._memory = ViewMemory(settings, session, self.viewer)
        self.bar = CompareBar(self.viewer, OtherPrograms(settings, self.message_raised.emit), settings)
        self.pixel_bar = PixelBar()
        self.histogram = HistogramView(self.viewer)
        self.histogram.hide()
        self.profile = ProfileView(self.viewer)
        self.profile.hide()
        self.filmstrip = Filmstrip(session, shared_thumbnails(session))
        self.blind = BlindMode(session, self.viewer, self.pixel_bar, self.bar, self.filmstrip, self)
        self.page_slider = PageSlider(session)
        self._stack = self._lay_out()
        self._connect_widgets()
        self._make_actions()
        self._follow_session()
        self._recall_view()
        self.bar.histogram_button.setChecked(settings.get(COMPARE_HISTOGRAM))
        self.bar.profile_button.setChecked(settings.get(COMPARE_PROFILE))
        self._on_photos_changed()

    @property
    def choices(self) -> tuple[PaneChoice, ...]:
        """What the panes show."""
        return self._choices

    @property
    def is_busy(self) -> bool:
        """Whether what is on screen is not yet all that was asked for."""
        return (
            self._load_task.is_busy
            or self._measure_task.is_busy
            or self._maker.is_busy
            or self.viewer.is_busy
            or self.page_slider.is_busy
        )

    def activated(self) -> None:
        self._on_photos_changed()
        self.viewer.setFocus()

    def come_back_to(self) -> None:
        if not self.blind.is_on:
            self._reload()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._on_photos_changed()
        self._show_choices()
        if self._is_outdated:
            self._reload()

    def shut_down(self) -> None:
        """Wait for the background threads."""
        self._stop_measuring()
        panels = (self.histogram, self.profile, self.viewer, self.page_slider)
        for task in (self._load_task, self._measure_task, self.exporter, *panels):
            task.shut_down()

    @Slot()
    def export(self) -> None:
        """Ask for a file and save what is on screen as PNG."""
        photo = self.session.shown_photo
        path = self.exporter.ask_for_picture(photo) if photo is not None else None
        if path is not None:
            self.exporter.save_picture(self.viewer.composed_view(), path)

    @Slot()
    def export_page(self) -> None:
        """Ask for a file and save the pictures as a page with a slider."""
        loaded = self._loaded
        if loaded is None or loaded.num_pictures < 2:
            self._tell(tr("A page with a slider needs two pictures."), tr("Show two pictures first, then save it."))
            return
        chosen = None if self.blind.is_on else self.exporter.ask_for_page(loaded.photo)
        if chosen is not None:
            self.exporter.save_page(loaded, self._figures, *chosen)

    @Slot()
    def restore_photo(self) -> None:
        """Restore the photo that is looked at, as the Restore page would."""
        photo = self.session.current_photo
        if photo is not None:
            # The button goes, and the keys of the page shall go on.
            self.viewer.setFocus()
            self.session.restore_requested.emit((photo,), True)

    @Slot()
    def start_blind_test(self) -> None:
        """Ask which of two unnamed pictures is better, photo after photo."""
        if len(self._choices) < 2:
            self._tell(tr("A blind test needs two panes."), tr("Add a pane first."))
            return
        self.blind.start()

    @Slot(bool)
    def _show_results(self, is_shown: bool) -> None:
        self._stack.setCurrentWidget(self.blind.results if is_shown else self._content)

    def _lay_out(self) -> QStackedWidget:
        self._empty = EmptyState(
            "columns", tr("There is nothing to compare yet: open some photos first."), tr("Go to Photos")
        )
        self._content = QWidget()
        content_layout = in_column(of=self._content, margins=0, spacing=0)
        self._splitter = self._lay_out_viewer()
        content_layout.addWidget(self._splitter, 1)
        content_layout.addWidget(self.page_slider)
        content_layout.addWidget(self.pixel_bar)
        content_layout.addSpacing(SPACING // 2)
        content_layout.addWidget(FilmstripRow(self.filmstrip))
        stack = CurrentStack()
        for widget in (self._empty, self._content, self.blind.results):
            stack.addWidget(widget)
        in_column(self.bar, self.blind.bar, (stack, 1), of=self, margins=0, spacing=0)
        return stack

    def _lay_out_viewer(self) -> QSplitter:
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.addWidget(self.viewer)
        splitter.addWidget(self.histogram)
        splitter.addWidget(self.profile)
        splitter.setStretchFactor(0, 1)
        splitter.setChildrenCollapsible(False)
        return splitter

    def _connect_widgets(self) -> None:
        self._empty.action_requested.connect(lambda: self.page_requested.emit("photos"))
        self.bar.choices_changed.connect(self._choose_panes)
        self.bar.compute_again_requested.connect(self._compute_again)
        self.bar.export_requested.connect(self.export)
        self.bar.page_export_requested.connect(self.export_page)
        self.bar.looks.levels_button.clicked.connect(lambda: self.session.levels_requested.emit())
        self.bar.inspect_requested.connect(lambda: self.session.inspect_requested.emit(None))
        self.bar.blind_requested.connect(self.start_blind_test)
        self.blind.reload_requested.connect(self._reload)
        self.blind.results_requested.connect(self._show_results)
        self.blind.test.failed.connect(self._tell_error)
        self.bar.histogram_button.toggled.connect(self._show_histogram)
        self.bar.profile_button.toggled.connect(self._show_profile)
        self.viewer.line_changed.connect(self._follow_line)
        self.viewer.panels_shown.connect(self._draw_first_line)
        Theme.of_application().changed.connect(self._share_height)
        self.bar.region_toggled.connect(partial(toggle_region, self.viewer))
        self.viewer.hovered.connect(self._show_pixel)
        self.viewer.action_requested.connect(self.restore_photo)
        self.bar.restore_requested.connect(self.restore_photo)
        self.viewer.region_changed.connect(self._measure)
        self.filmstrip.photo_chosen.connect(self.session.set_current_photo)

    def _make_actions(self) -> None:
        connect_keys(self, {**view_keys(self.viewer), **self._own_keys()})
        # Not on the whole page: on the bar, Space presses the focused button and the arrows move within a box.
        on_pictures: dict[str, Callable[[], object]] = {
            "view.previous_photo": partial(self.filmstrip.step, -1),
            "view.next_photo": partial(self.filmstrip.step, 1),
        }
        connect_keys(self.viewer, on_pictures, also_on=self.filmstrip)
        for mode_key, mode in VIEW_MODES.items():
            toggle = {mode.action: partial(self._toggle_mode, mode_key)}
            if mode.key == "Space":
                connect_keys(self.viewer, toggle, also_on=self.filmstrip)
            else:
                connect_keys(self, toggle)

    def _own_keys(self) -> dict[str, Callable[[], object]]:
        return {
            "view.histogram": self.bar.histogram_button.toggle,
            "view.profile": self.bar.profile_button.toggle,
            "view.export": self.export,
            "view.export_page": self.export_page,
            "view.vote_first": partial(self.blind.vote, Choice.FIRST),
            "view.vote_same": partial(self.blind.vote, Choice.SAME),
            "view.vote_second": partial(self.blind.vote, Choice.SECOND),
        }

    def _toggle_mode(self, mode_key: str) -> None:
        if self.blind.allows(mode_key):
            self.viewer.toggle_mode(mode_key)

    def _follow_session(self) -> None:
        session = self.session
        self.settings.changed.connect(self._on_setting_changed)
        session.folders_changed.connect(self._recall_view)
        session.current_photo_changed.connect(self._on_current_photo_changed)
        session.levels_changed.connect(self._reload)
        session.shown_channel_changed.connect(self._reload)
        session.restored_changed.connect(self._on_restored_changed)
        session.restoring_changed.connect(self._on_restoring_changed)
        session.label_pairs_changed.connect(self._on_pairs_changed)
        session.references_changed.connect(self._on_pairs_changed)
        session.photos_changed.connect(self._on_photos_changed)
        session.model_changed.connect(self._on_model_changed)
        session.run_catalog.changed.connect(self._show_choices)
        session.comparison_requested.connect(self._compare_models)

    @Slot()
    def _recall_view(self) -> None:
        """Look at the open folder as it was looked at last."""
        choices = self._memory.recall()
        self._is_chosen_by_person = bool(choices)
        if choices:
            self._choices = choices
        self._on_pairs_changed()

    @Slot(bool)
    def _show_histogram(self, is_shown: bool) -> None:
        self.histogram.setVisible(is_shown)
        self._share_height()
        self.settings.set(COMPARE_HISTOGRAM, is_shown)

    @Slot(bool)
    def _show_profile(self, is_shown: bool) -> None:
        """Show the profile, at first of a line through the middle of what is in view; hidden, there is no line."""
        self.profile.setVisible(is_shown)
        self._share_height()
        self.settings.set(COMPARE_PROFILE, is_shown)
        if is_shown:
            draw_first_line(self.viewer)
        else:
            self.viewer.set_line(None)

    @Slot()
    def _draw_first_line(self) -> None:
        """Draw it once there are panes: the profile may be there before them, as in the last session."""
        if self.bar.profile_button.isChecked():
            draw_first_line(self.viewer)

    @Slot()
    def _share_height(self) -> None:
        theme = Theme.of_application()
        self._splitter.setSizes([_THE_REST_PX, theme.px(_HISTOGRAM_PX), theme.px(_PROFILE_PX)])

    @Slot(object)
    def _follow_line(self, line: object) -> None:
        if line is not None:
            self.bar.profile_button.setChecked(True)

    @Slot()
    def _on_photos_changed(self) -> None:
        has_photos = bool(self.session.photos)
        self.bar.setVisible(has_photos)
        if not has_photos:
            self._stack.setCurrentWidget(self._empty)
            self.blind.end()
        elif self._stack.currentWidget() is self._empty:
            self._show_results(False)
        if has_photos and self.session.current_photo is None and self.isVisible():
            first = next(iter(self.session.restored_sources), None) or self.session.photos[0].path
            self.session.set_current_photo(first)

    @Slot()
    def _on_current_photo_changed(self) -> None:
        # Which methods apply depends on the kind of file.
        self._show_choices()
        self._reload()

    @Slot(object)
    def _on_restored_changed(self, sources: frozenset[PhotoRef] | None) -> None:
        self._show_choices()
        if sources is None or self.session.current_photo in sources or self.session.shown_photo in sources:
            self._reload()

    @Slot()
    def _on_restoring_changed(self) -> None:
        photo = self.session.shown_photo
        is_being_restored = photo is not None and self.session.is_being_restored(photo)
        if is_being_restored != self._was_being_restored:
            self._was_being_restored = is_being_restored
            self._reload()

    @Slot()
    def _on_model_changed(self) -> None:
        # By which a photo without a result would be restored.
        self._show_choices()
        self._reload()

    @Slot()
    def _on_pairs_changed(self) -> None:
        """Show references as soon as there are some, unless the person has chosen the panes."""
        if not self._is_chosen_by_person:
            has_references = bool(self.session.label_pairs)
            self._choices = (INPUT_CHOICE, RESTORED_CHOICE, *((REFERENCE_CHOICE,) if has_references else ()))
        self._show_choices()
        self._reload()

    @Slot()
    def _show_choices(self) -> None:
        """Offer what the panes can show, once the page is seen: to look through all results takes a while."""
        if not self.isVisible():
            return
        photo = self.session.shown_photo
        self.bar.show_files(*(([], []) if photo is None else (results_of(self.session, [photo]), [photo.file])))
        self.bar.show_choices(self._choices, offers_of(self.session, photo))

    @Slot(tuple)
    def _choose_panes(self, choices: tuple[PaneChoice, ...]) -> None:
        self._is_chosen_by_person = True
        self._choices = choices
        self._memory.keep_choices(choices)
        self._compute_again()
        self._show_choices()

    @Slot(tuple)
    def _compare_models(self, models: tuple[ModelChoice, ...]) -> None:
        """Show the photo, and beside it what each model makes of it."""
        panes = [PaneChoice(PaneKind.MODEL, model.name, model.path) for model in models]
        self._choose_panes((INPUT_CHOICE, *panes))

    @Slot()
    def _compute_again(self) -> None:
        self._maker.allow_again()
        self._reload()

    @Slot(str)
    def _on_setting_changed(self, key: str) -> None:
        if key == RESTORE_RAW_LOOK.key:
            self._reload()

    @Slot()
    def _reload(self) -> None:
        """Read the current photo's pictures, once the page is seen."""
        self._is_outdated = True
        photo, row = self.session.shown_photo, self.session.current_photo
        if photo is None or row is None:
            self._load_task.cancel()
            self._stop_measuring()
            self._maker.want(())
            self._loaded = None
            self.viewer.show_message(tr("Choose a photo below."))
            self.pixel_bar.set_panes(())
            return
        if not self.isVisible():
            return
        self._is_outdated = False
        self._was_being_restored = self.session.is_being_restored(photo)
        self.filmstrip.choose(row)
        sources = [source_of(choice, self.session, photo) for choice in self._choices]
        # Nobody wants to wait between two votes.
        next_photo = self.filmstrip.next_photo if self.blind.is_on else None
        ahead = [] if next_photo is None else [source_of(choice, self.session, next_photo) for choice in self._choices]
        reference = reference_of(self.session, photo)
        refused = dict(self._maker.refused)
        previous = self._loaded.panes if self._loaded is not None else ()
        self._stop_measuring()
        self.viewer.set_loading(tr("Reading the pictures…"))
        look = cast(RawLook, self.settings.get(RESTORE_RAW_LOOK))
        self._load_task.submit(
            lambda: load_panes(photo, sources, reference, self._files, refused, previous, ahead, raw_look=look)
        )

    @Slot(object)
    def _show_loaded(self, loaded: LoadedPanes) -> None:
        is_other_photo = self._loaded is None or loaded.photo != self._loaded.photo
        self._loaded = loaded
        self._figures = {}
        self._maker.want((*loaded.to_make, *loaded.to_make_ahead))
        if self.blind.is_on:
            self.blind.show(loaded)
        else:
            self.viewer.set_panes(loaded.panes)
            self.pixel_bar.set_panes(loaded.panes)
            self._measure()
        if is_other_photo and self.viewer.view_transform.is_fit:
            self.viewer.view_transform.fit()

    @Slot()
    def _measure(self) -> None:
        """Measure what is shown, and the marked region on its own."""
        loaded = self._loaded
        if loaded is not None and not self.blind.is_on:
            region = self.viewer.region
            part = None if region is None else Region(region.x(), region.y(), region.width(), region.height())
            self._stop_measuring()
            control = self._measure_control = JobControl()
            self._measure_task.submit(lambda: self._meter.measure(loaded, part, control))

    def _stop_measuring(self) -> None:
        # The task first: it tells nothing of what ends after that.
        self._measure_task.cancel()
        self._measure_control.cancel()

    @Slot(object)
    def _show_figures(self, figures: PaneFigures) -> None:
        if self._loaded is not None and figures.photo == self._loaded.photo and not self.blind.is_on:
            self._figures = figures.by_pane
            self.viewer.set_figures(figures.by_pane)

    @Slot(object)
    def _show_pixel(self, point: QPointF | None) -> None:
        self.pixel_bar.show_point(self.viewer.view_transform.scene_size, point, self.viewer.offsets)

    @Slot(object)
    def _tell_error(self, error: EngineError) -> None:
        self.message_raised.emit(Message(severity=Severity.ERROR, text=error.message, hint=error.hint))

    def _tell(self, text: str, hint: str) -> None:
        self.message_raised.emit(Message(severity=Severity.WARNING, text=text, hint=hint))
