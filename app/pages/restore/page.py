"""The page that restores: list of photos, the photo before and after, and how and where to write."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from PySide6.QtCore import QItemSelection, QPoint, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QMenu, QScrollArea, QSizePolicy, QWidget

from app.core.actions import make_action, tip_with_keys
from app.core.messages import Message, Severity
from app.core.programs.file_manager import no_file_manager, open_in_file_manager
from app.core.programs.open_menu import OpenInButton, OtherPrograms, results_of
from app.core.results import default_destination, remember_result_folder
from app.core.session import Session
from app.core.settings import RESTORE_DESTINATION, RESTORE_RAW_LOOK, Settings
from app.jobs.runner import JobLane, JobRunner, JobState
from app.look.buttons import button, icon_button, primary_button, set_reason
from app.look.layouts import in_column, in_row
from app.look.phrases import count, number
from app.look.text import ElidedLabel
from app.look.theme import SPACING, Theme, themed_icon
from app.look.thumbnails import shared_thumbnails
from app.look.translation import format_number, mark, tr, tr_count
from app.pages.restore.batch import BatchRunner
from app.pages.restore.done import DonePhotos
from app.pages.restore.list import RestoreList, RestoreListModel
from app.pages.restore.options import RestoreOptions
from app.pages.restore.preview import RestorePreview
from app.pages.shared.page import Page
from app.pages.shared.page_slider import PageSlider
from app.widgets.empty_state import EmptyState
from app.widgets.room.current_stack import CurrentStack
from app.widgets.room.fitting_splitter import FittingSplitter
from app.widgets.room.folding_row import FoldingRow
from app.widgets.room.scroll_room import LEAST_SEEN_PX, ScrollRoom
from engine.contracts.configs import RestoreConfig
from engine.contracts.output_formats import RawLook
from engine.contracts.photo import PhotoRef

_MAX_AT_ONCE = 200
"""Results that another program is given at once: a command may be only so long."""
_MOST_UPDATE_MS, _PHOTOS_PER_MS = 250, 40
"""What an update costs grows with the photos that are there: of quick batches several results are waited for."""
_WIDTHS_PX = (236, 560, 280)
_LEAST_LIST_PX, _LEAST_PREVIEW_PX, _LEAST_OPTIONS_PX = 180, 320, 240

_LEAST_SUMMARY_PX = 100
"""What is said beside the buttons, some of which then go into a menu."""


class RestorePage(Page):
    """Photos left, the photo before and after in the middle, options right."""

    page_id = "restore"
    title = mark("Restore")
    icon_name = "magic-wand"
    tip = mark("Restore your photos with a model; look at them first.")
    stays_when_photos_open = True

    def __init__(self, session: Session, runner: JobRunner, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(session, runner, settings, parent)
        self._destination: Path | None = None
        self._update_later = QTimer(self, singleShot=True)
        self._update_later.timeout.connect(self._update)
        thumbnails = shared_thumbnails(session)
        self.programs = OtherPrograms(settings, self.message_raised.emit)
        self.model = RestoreListModel(session, self)
        self.batch = BatchRunner(session, runner, self.model, self.page_id, self)
        self.batch.changed.connect(self._update)
        self.batch.progressed.connect(self.rail_status_changed)
        self.batch.message_raised.connect(self.message_raised)
        self.list = RestoreList(self.model, thumbnails)
        self.list.photo_chosen.connect(self._choose_photo)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._show_menu)
        self.list.selectionModel().selectionChanged.connect(self._update)
        self.page_slider = PageSlider(session)
        self.preview = RestorePreview(thumbnails, self.page_slider)
        self.preview.step_requested.connect(self.list.step)
        self.preview.lend_keys(self)
        self.options = RestoreOptions(session, settings)
        self.options.blends.changed.connect(self._show_blend)
        self.options.blending.copy_requested.connect(self._copy_blend)
        self.preview.restoring.changed.connect(self._show_has_colour)
        self.preview.restoring.changed.connect(self.computed_more)
        self.options.output.destination_chosen.connect(self._set_destination)
        self.options.output.problem_changed.connect(self._update)
        self.options.output.changed.connect(self._follow_raw_look)
        self._follow_raw_look()
        self.done_before = DonePhotos(self._config_to_look_for, self)
        self.done_before.changed.connect(lambda: self.model.show_done_before(self.done_before.photos))
        self.done_before.changed.connect(self._update)
        for change in (
            self.batch.ended,
            self.options.blends.changed,
            self.options.output.changed,
            self.options.output.problem_changed,
            session.folders_changed,
            session.photos_changed,
            session.excluded_changed,
            session.model_changed,
        ):
            change.connect(self.done_before.look_soon)

        self._no_photos = EmptyState(
            "magic-wand", tr("Drop the photos here that shall be restored, or open them first."), tr("Go to Photos")
        )
        self._no_photos.action_requested.connect(lambda: self.page_requested.emit("photos"))
        self._none_shown = EmptyState(
            "funnel", tr("No photo matches the filter of the Photos page."), tr("Go to Photos")
        )
        self._none_shown.action_requested.connect(lambda: self.page_requested.emit("photos"))
        self._no_model = EmptyState(
            "magic-wand",
            tr("There is no model yet. Pretraining on your own noisy photos makes one, without any clean reference."),
            tr("Go to Pretrain"),
            tr("Open a model file"),
        )
        self._no_model.action_requested.connect(lambda: self.page_requested.emit("pretrain"))
        self._no_model.other_requested.connect(self.options.open_model_file)
        self._stack = CurrentStack()
        self._content = self._build_content()
        for content in (self._no_photos, self._none_shown, self._no_model, self._content):
            self._stack.addWidget(content)
        in_column(self._stack, of=self, margins=2 * SPACING)

        session.folders_changed.connect(self._recall_destination)
        settings.changed.connect(self._on_setting_changed)
        session.photos_changed.connect(self._update)
        session.photos_measured.connect(self._show_noise)
        session.levels_changed.connect(self.preview.refresh)
        session.shown_channel_changed.connect(self.preview.refresh)
        session.levels_changed.connect(self.done_before.look_soon)
        self.preview.levels_button.clicked.connect(lambda: session.levels_requested.emit())
        session.excluded_changed.connect(self._update)
        session.restored_changed.connect(self._update_soon)
        session.model_changed.connect(self._on_model_changed)
        session.run_catalog.changed.connect(self._update)
        session.current_photo_changed.connect(self._on_current_photo_changed)
        session.restore_requested.connect(self._restore_requested)
        runner.jobs_changed.connect(self._spare_processor)
        self.model.modelReset.connect(self._on_reset)
        self.model.rowsInserted.connect(self._on_inserted)
        self._recall_destination()
        self._on_model_changed()
        self._on_current_photo_changed()

    @property
    def destination(self) -> Path | None:
        """Where restored photos go; None while no folder is open."""
        return self._destination

    def activated(self) -> None:
        self.session.choose_default_model()
        self.preview.refresh()
        self._select_as_on_photos()

    def come_back_to(self) -> None:
        if self.isVisible():
            self.preview.refresh()
            self.done_before.look_soon()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.done_before.look_soon()
        self._on_current_photo_changed()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_options()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # What is held to see the photo as it was is held wherever the focus is.
        self.preview.keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        self.preview.keyReleaseEvent(event)

    @Slot()
    def restore(self) -> None:
        """Restore the selected photos if there are several, else all."""
        self._restore(
            self._chosen_photos(), are_chosen=bool(self.list.selected_photos()[1:]) or len(self.model.photos) == 1
        )

    @Slot()
    def restore_photo(self) -> None:
        """Restore the photo that is looked at."""
        path = self._looked_at
        if path is not None:
            self._restore([path])

    @Slot(object, bool)
    def _restore_requested(self, photos: tuple[PhotoRef, ...], are_chosen: bool) -> None:
        """Restore what another page asks for."""
        if self.batch.is_running:
            self.message_raised.emit(Message(text=tr("Photos are being restored already; pause and stop are below.")))
            return
        self._restore(list(photos), are_chosen=are_chosen or len(self.model.photos) == 1)
        if self.options.output.problem:
            self.message_raised.emit(Message(severity=Severity.WARNING, text=self.options.output.problem))

    @Slot()
    def retry_failed(self) -> None:
        """Restore the photos that failed once more."""
        self._restore(self.model.failed_photos())

    @Slot()
    def open_results(self) -> None:
        """Open the folder of the newest result of the photo that is looked at, or else where results go."""
        versions = self.session.restored(self._looked_at) if self._looked_at is not None else ()
        folder = versions[-1].path.parent if versions else self._destination
        if folder is not None and not open_in_file_manager(folder):
            self.message_raised.emit(no_file_manager(folder))

    @Slot(QPoint)
    def _show_menu(self, position: QPoint) -> None:
        """Show what can be done with the photo of the list that is under the mouse."""
        index = self.list.indexAt(position)
        if not index.isValid():
            return
        self.list.setCurrentIndex(index)
        has_result = self.session.has_result(self.model.photo_at(index.row()).path)
        menu = QMenu(self)
        restore = menu.addAction(themed_icon("magic-wand"), tr("Restore this photo"))
        restore.setEnabled(self.primary.isEnabled())
        restore.triggered.connect(lambda _=False: self.restore_photo())
        compare = menu.addAction(themed_icon("columns"), tr("Look at it in Compare"))
        compare.triggered.connect(lambda _=False: self.page_requested.emit("compare"))
        results = menu.addAction(themed_icon("folder-open"), tr("Open the folder of the result"))
        results.setEnabled(has_result)
        results.triggered.connect(lambda _=False: self.open_results())
        photo = self.model.photo_at(index.row()).path
        self.programs.add_to(menu, tr("Open the result in"), results_of(self.session, [photo]))
        self.programs.add_to(menu, tr("Open the photo in"), [photo.file])
        menu.popup(self.list.viewport().mapToGlobal(position))

    @Slot()
    def _follow_raw_look(self) -> None:
        self.preview.set_raw_look(cast(RawLook, self.settings.get(RESTORE_RAW_LOOK)))

    @Slot()
    def write_report(self) -> None:
        """Write what became of the photos beside the results."""
        if self._destination is not None:
            self.batch.write_report(self.model.outcomes(), self._destination)

    def _restore(self, photos: list[PhotoRef], *, are_chosen: bool = True) -> None:
        model, destination = self.session.model, self._destination
        if self.batch.is_running or model is None or destination is None or not photos:
            return
        # Once more: a drive may have been taken away, or a folder given free.
        self.options.output.show_destination(destination)
        if self.options.output.problem:
            self._update()
            return
        config = self.options.make_config(model, tuple(photos), destination)
        started_here = self.focusWidget() in (self.primary, self.photo_button) and self.isAncestorOf(self.focusWidget())
        remember_result_folder(self.settings, destination)
        self.batch.start(config.model_copy(update={"files_are_chosen": are_chosen}), model)
        if started_here:
            # A button that cannot be pressed any more loses the focus to whatever comes next.
            self.list.setFocus()

    def _config_to_look_for(self) -> RestoreConfig | None:
        model, destination, paths = self.session.model, self._destination, self.model.photos
        if not self.isVisible() or self.batch.is_running or model is None or destination is None or not paths:
            return None
        return None if self.options.output.problem else self.options.make_config(model, tuple(paths), destination)

    def _build_content(self) -> QWidget:
        self._options_area = options_area = QScrollArea()
        options_area.setWidgetResizable(True)
        options_area.setWidget(self.options)
        holders = []
        for column, least_px in (
            (self.list, _LEAST_LIST_PX),
            (self.preview, _LEAST_PREVIEW_PX),
            (options_area, _LEAST_OPTIONS_PX),
        ):
            holder = QWidget(minimumWidth=least_px)
            in_row(column, of=holder, margins=0)
            holders.append((holder, least_px))
        columns = FittingSplitter(holders, _WIDTHS_PX, handle_px=1, gap_px=2 * SPACING)
        columns.setStretchFactor(1, 1)
        Theme.of_application().changed.connect(self._fit_options_soon)

        self.summary = ElidedLabel("", "muted", least_px=_LEAST_SUMMARY_PX)
        self.retry_button = button("", "arrow-clockwise")
        self.retry_button.setToolTip(tr("Restore the photos that failed once more, with the present settings."))
        self.retry_button.clicked.connect(self.retry_failed)
        self.report_button = button(tr("Report"), "file-text")
        self.report_button.setToolTip(
            tr(
                "Write a page with crops of before and after, and a table, of all photos of the list that were "
                "restored, passed over or failed."
            )
        )
        self.report_button.clicked.connect(self.write_report)
        self.folder_button = icon_button("folder-open", tr("Open the folder of the restored photos"))
        self.folder_button.clicked.connect(self.open_results)
        self.open_in_button = OpenInButton(self.programs, tr("Open the result in another program"))
        self.compare_button = button(tr("Compare"), "columns")
        self.compare_button.setToolTip(tr("Look at the restored photos beside the noisy ones."))
        self.compare_button.clicked.connect(lambda: self.page_requested.emit("compare"))
        self.inspect_button = button(tr("Inspect"), "magnifying-glass")
        tip = tr("Inspect the residual: was only noise taken away, or picture too?")
        self.inspect_button.setToolTip(tip_with_keys(tip, "window.inspect_residual"))
        self.inspect_button.clicked.connect(lambda: self.session.inspect_requested.emit(None))
        self.photo_button = button(tr("Restore this photo"))
        self.photo_button.setToolTip(tip_with_keys(tr("Restore the photo that is shown, alone."), "restore.photo"))
        self.photo_button.clicked.connect(self.restore_photo)
        self.primary = primary_button("")
        self.primary.setToolTip(tip_with_keys(tr("Restore the selected photos, or all of the list."), "restore.shown"))
        self.primary.clicked.connect(self.restore)
        for action_id, target in (("restore.photo", self.photo_button), ("restore.shown", self.primary)):
            action = make_action(action_id, self)
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(lambda _=False, target=target: target.click())
        texts: dict[QWidget, str] = {
            self.report_button: tr("Report"),
            self.folder_button: tr("Open the folder of the restored photos"),
            self.open_in_button: tr("Open the result in another program"),
            self.inspect_button: tr("Inspect"),
            self.compare_button: tr("Compare"),
            self.photo_button: tr("Restore this photo"),
        }
        starts = (self.retry_button, self.primary)
        for control in (*texts, *starts):
            control.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.folding = FoldingRow(self.summary, texts)
        bottom = in_row((self.folding, 1), *starts)
        content = QWidget()
        in_column((ScrollRoom(columns, least_height_px=LEAST_SEEN_PX), 1), bottom, of=content, margins=0)
        return content

    @Slot()
    def _fit_options_soon(self) -> None:
        # Once the new text size has reached the options.
        QTimer.singleShot(0, self, self._fit_options)

    @Slot()
    def _fit_options(self) -> None:
        """Give the options the width that they need at this text size, as far as list and preview leave it."""
        bar = self._options_area.verticalScrollBar().sizeHint().width()
        needed = self.options.minimumSizeHint().width() + bar + 2 * SPACING
        room = self.width() - _LEAST_LIST_PX - _LEAST_PREVIEW_PX - 6 * SPACING
        column = self._options_area.parentWidget()
        assert column is not None
        column.setMinimumWidth(max(_LEAST_OPTIONS_PX, min(needed, room)))

    @Slot()
    def _spare_processor(self) -> None:
        """Leave the processor to what runs for long, as far as one can look without."""
        busy = [job for job in self.runner.jobs if job.request.lane is JobLane.MAIN and job.state is JobState.RUNNING]
        self.preview.set_sparing(bool(busy))

    @property
    def _looked_at(self) -> PhotoRef | None:
        index = self.list.currentIndex()
        return self.model.photo_at(index.row()).path if index.isValid() else None

    @property
    def _looked_at_photos(self) -> list[PhotoRef]:
        """The selected photos where there are several, else the one that is looked at."""
        selected = self.list.selected_photos()
        looked_at = self._looked_at
        return selected if len(selected) > 1 or looked_at is None else [looked_at]

    def _select_as_on_photos(self) -> None:
        """Select what is selected on the Photos page, where that is more than the photo that is looked at."""
        rows = [self.model.row_of(path) for path in self.session.selected_photos]
        found = [self.model.index(row) for row in rows if row is not None]
        if len(found) > 1:
            selection = self.list.selectionModel()
            chosen = QItemSelection()
            for index in found:
                chosen.select(index, index)
            selection.select(chosen, selection.SelectionFlag.ClearAndSelect)

    def _chosen_photos(self) -> list[PhotoRef]:
        selected = self.list.selected_photos()
        return selected if len(selected) > 1 else self.model.photos

    @Slot(object)
    def _choose_photo(self, photo: PhotoRef) -> None:
        self.session.set_current_photo(photo)
        self._show_photo(photo)

    @Slot()
    def _on_current_photo_changed(self) -> None:
        if self.isVisible():
            path = self.session.current_photo
            if path is not None and self.model.row_of(path) is not None:
                self.list.select_photo(path)
                self._show_photo(path)
            elif not self.list.currentIndex().isValid():
                self.list.choose_any()

    def _show_photo(self, photo: PhotoRef) -> None:
        scanned = self.session.photo(photo)
        self.options.show_photo(photo, scanned)
        self._show_blend()
        self._offer_programs()
        shown = self.session.shown_photo
        if shown is None or not shown.is_in(photo):
            shown = photo
        self.preview.set_photo(shown, None if scanned is None else QSize(scanned.width, scanned.height))

    @Slot()
    def _show_blend(self) -> None:
        """Show how much of the restoration the photo that is looked at keeps, and whether the others keep as much."""
        path, blends = self.options.photo, self.options.blends
        blend = blends.of(path)
        self.preview.set_blend(blend)
        others = [other for other in self.model.photos if other != path] if path is not None else []
        are_alike = all(blends.of(other) == blend for other in others)
        self.options.blending.show_others(len(others), are_alike=are_alike)

    @Slot()
    def _copy_blend(self) -> None:
        self.options.blends.copy_to(self.model.photos, self.options.blending.blend)

    @Slot()
    def _show_noise(self) -> None:
        path = self.options.photo
        photo = None if path is None else self.session.photo(path)
        self.options.show_noise(None if photo is None else photo.noise)

    @Slot()
    def _show_has_colour(self) -> None:
        self.options.show_has_colour(self.preview.has_colour)

    @Slot()
    def _on_reset(self) -> None:
        if not self.model.rowCount():
            self.preview.set_photo(None)
        self._on_current_photo_changed()
        self._update()

    @Slot()
    def _on_inserted(self) -> None:
        # The list takes photos in some time after the session tells of them.
        self._show_blend()
        self._update_soon()

    @Slot()
    def _on_model_changed(self) -> None:
        self.preview.set_model(self.session.model)
        self._update()

    @Slot()
    def _recall_destination(self) -> None:
        folders = self.session.folders
        if not folders:
            self._destination = None
        else:
            remembered = self.settings.get_for_folder(folders[0], RESTORE_DESTINATION)
            self._destination = Path(remembered) if remembered else default_destination(folders[0])
        self.options.output.show_destination(self._destination)
        self._update()

    @Slot(str)
    def _on_setting_changed(self, key: str) -> None:
        if key == RESTORE_DESTINATION.key:
            self._recall_destination()
            self.done_before.look_soon()

    @Slot(object)
    def _set_destination(self, folder: Path) -> None:
        self._destination = folder
        if self.session.folders:
            self.settings.set_for_folder(self.session.folders[0], RESTORE_DESTINATION, str(folder))
        self.options.output.show_destination(folder)
        self.done_before.look_soon()
        self._update()

    @Slot()
    def _update_soon(self) -> None:
        if not self._update_later.isActive():
            self._update_later.start(min(self.model.rowCount() // _PHOTOS_PER_MS, _MOST_UPDATE_MS))

    @Slot()
    def _update(self) -> None:
        self._update_later.stop()
        paths = self._chosen_photos()
        if not self.session.included_photos:
            self._stack.setCurrentWidget(self._no_photos)
        elif not self.model.rowCount():
            self._stack.setCurrentWidget(self._none_shown)
        elif self.session.model is None:
            self._stack.setCurrentWidget(self._no_model)
        else:
            self._stack.setCurrentWidget(self._content)
        num_done = sum(self.session.has_result(path) for path in self.model.photos)
        is_running = self.batch.is_running
        self._update_batch_buttons(num_done)
        num_selected = len(self.list.selected_photos())
        self.primary.setText(
            tr_count("Restore {number} selected photo", "Restore {number} selected photos", num_selected).format(
                number=format_number(num_selected)
            )
            if num_selected > 1
            else tr("Restore {photos}").format(photos=count(len(paths), "photo"))
        )
        running = tr("The photos are being restored; pause and stop are below.")
        for start in (self.primary, self.photo_button):
            set_reason(start, running if is_running else self.options.output.problem)
        # One photo alone is what the other button restores.
        self.folding.offer(self.photo_button, self.model.rowCount() > 1)
        if not is_running:
            self.rail_status_changed.emit(format_number(num_done) if num_done else "")
        parts = [tr("{photos} restored").format(photos=count(num_done, "photo"))] if num_done else []
        num_before = 0 if is_running else sum(path in self.done_before.photos for path in paths)
        if num_before:
            parts = [
                tr("{number} of {total} done already (same model, same settings)").format(
                    number=number(num_before), total=number(len(paths))
                )
            ]
        if self._destination is not None:
            parts.append(tr("to {folder}").format(folder=self._destination))
        self.summary.set_text(" · ".join(parts))

    def _update_batch_buttons(self, num_done: int) -> None:
        is_running = self.batch.is_running
        for control in (self.compare_button, self.folder_button, self.inspect_button):
            self.folding.offer(control, num_done > 0)
        self._offer_programs()
        num_failed = 0 if is_running else len(self.model.failed_photos())
        self.retry_button.setVisible(num_failed > 0)
        self.retry_button.setText(
            tr_count("Retry {number} failed", "Retry {number} failed", num_failed).format(
                number=format_number(num_failed)
            )
        )
        self.folding.offer(self.report_button, not is_running and bool(self.model.outcomes()))
        set_reason(self.report_button, tr("The report is being written.") if self.batch.is_reporting else "")

    def _offer_programs(self) -> None:
        """Offer other programs for the result that is looked at, or for those that are selected, or for all."""
        shown, all_shown = (results_of(self.session, paths) for paths in (self._looked_at_photos, self.model.photos))
        offers = [(tr("Open the result in"), shown)]
        if len(all_shown) > max(1, len(shown)) and len(all_shown) <= _MAX_AT_ONCE:
            text = tr("Open all {number} results in").format(number=number(len(all_shown)))
            offers.append((text, all_shown))
        self.open_in_button.set_offers(offers)
        self.folding.offer(self.open_in_button, self.open_in_button.is_offered)
