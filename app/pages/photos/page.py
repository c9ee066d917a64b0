"""The first page: open folders of photos, see them and their noise, leave some out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import QCheckBox, QSplitter, QWidget

from app.core.actions import make_action
from app.core.session import Session
from app.core.settings import EXCLUDED_PHOTOS, LAST_FOLDERS, RECURSIVE, STRETCH_THUMBNAILS, Settings
from app.jobs.runner import JobHandle, JobLane, JobRequest, JobRunner
from app.look.buttons import button, primary_button, quiet_button, set_reason
from app.look.layouts import Stretch, in_column, in_row
from app.look.phrases import number
from app.look.text import label
from app.look.theme import SPACING, Theme
from app.look.thumbnails import shared_thumbnails
from app.look.translation import mark, tr
from app.pages.photos.duplicates import DuplicatePhotos
from app.pages.photos.folders import FolderList
from app.pages.photos.grid import PhotoGrid
from app.pages.photos.scans import PhotoScans
from app.pages.photos.selection import PhotoSelection
from app.pages.photos.skipped_files import SkippedFiles
from app.pages.photos.strip import PhotoStrip
from app.pages.photos.tools import PhotoTools
from app.pages.shared.noise_facts import NoiseFacts
from app.pages.shared.page import Page
from app.pages.shared.photo_dialogs import ask_for_photo_folder
from app.pages.shared.photo_filter import PhotoFilter
from app.pages.shared.photo_list_model import PhotoListModel
from app.widgets.drop_zone import DropZone
from app.widgets.room.current_stack import CurrentStack
from app.widgets.room.fitting_splitter import FittingSplitter
from app.widgets.room.scroll_room import LEAST_SEEN_PX, ScrollRoom
from engine.contracts.events import Emit
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoPlace, PhotoRef, photo_place
from engine.machine.places import Place
from engine.photos.sample_photos import NOISY_FOLDER, SamplePhotos, make_samples

if TYPE_CHECKING:
    from app.pages.photos.noise_map import NoiseMap

_NOISE_INTERVAL_MS = 2000
_WIDTHS_PX = (208, 900)
_LEAST_STACKED_PX = 640


class PhotosPage(Page):
    """Folders left, thumbnails right, below them what is usable and what is not."""

    page_id = "photos"
    title = mark("Photos")
    icon_name = "image"
    tip = mark("Open folders of noisy photos and see how noisy each one is.")

    def __init__(self, session: Session, runner: JobRunner, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(session, runner, settings, parent)
        self._making_samples: JobHandle | None = None
        self._begins_anew = True
        self._noise_later = QTimer(self, singleShot=True, interval=_NOISE_INTERVAL_MS)
        self._noise_later.timeout.connect(self._show_noise)

        self._thumbnails = thumbnails = shared_thumbnails(session)
        self.scans = PhotoScans(session, runner, settings, self)
        self.model = PhotoListModel(session, self)
        self.grid = PhotoGrid(self.model, thumbnails)
        self.grid.selectionModel().currentChanged.connect(self._follow_current)
        self.grid.photo_activated.connect(lambda path: self._look_at(path, "compare"))
        self.selection = PhotoSelection(session, settings, self.model, self.grid)
        self.selection.message_raised.connect(self.message_raised)
        self.selection.look_requested.connect(self._look_at)
        self.tools = PhotoTools(session, self.model, self.grid, thumbnails, settings)
        self.tools.map_toggled.connect(self._show_photos)
        self.folder_list = FolderList(session)
        self.folder_list.folder_chosen.connect(self._choose_folder)
        self.folder_list.add_requested.connect(self.choose_folder)
        self.folder_list.remove_requested.connect(self.close_folder)
        self.noise_facts = NoiseFacts()
        self.skipped_files = SkippedFiles(session)
        self.skipped_files.message_raised.connect(self.message_raised)
        self.skipped_files.retry_requested.connect(self._look_again)
        self.duplicates = DuplicatePhotos(session, thumbnails)
        self.duplicates.leave_out_requested.connect(self.selection.leave_out)
        self.duplicates.photo_chosen.connect(self.grid.select_photo)
        self.strip = PhotoStrip(session, self.scans, self.model, thumbnails)
        self.strip.restore_requested.connect(self.restore)
        # Qt drops what is filtered away from the selection without a word.
        for signal in (
            self.grid.selectionModel().selectionChanged,
            self.model.modelReset,
            self.model.layoutChanged,
        ):
            signal.connect(self._on_selection_changed)
        for panel, switch in (
            (self.skipped_files, self.strip.skipped_button),
            (self.duplicates, self.strip.duplicates_button),
        ):
            panel.hide()
            switch.toggled.connect(panel.setVisible)
            panel.close_requested.connect(lambda switch=switch: switch.setChecked(False))

        self._stack = CurrentStack()
        self._stack.addWidget(self._build_empty_state())
        self._stack.addWidget(self._build_content())
        in_column(self._stack, of=self, margins=2 * SPACING)

        self.selection.add_actions(self.grid)
        self.tools.add_actions(self)
        start = make_action("restore.shown", self)
        start.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        start.triggered.connect(lambda _=False: self.strip.primary.click())

        session.folders_changed.connect(self._on_folders_changed)
        session.photos_changed.connect(self._update_texts)
        session.photos_measured.connect(self._update_texts)
        session.skipped_changed.connect(self._update_texts)
        session.excluded_changed.connect(self._on_excluded_changed)
        session.current_photo_changed.connect(self._on_current_photo_changed)
        self.scans.changed.connect(self._on_scans_changed)
        self.scans.duplicates_changed.connect(self._take_duplicates)
        settings.changed.connect(self._on_setting_changed)
        self.model.modelReset.connect(self._update_texts)
        self.model.rowsInserted.connect(self._update_texts)
        self.model.layoutChanged.connect(self._update_texts)
        self._update_texts()

    def accept_paths(self, paths: Sequence[PhotoPlace]) -> bool:
        there = [path for path in paths if PhotoRef.of(path).is_on_disk()]
        self.open_paths(there)
        # Even if all were told to be no photos: nobody else has to take them.
        return bool(there)

    def open_paths(self, paths: Sequence[PhotoPlace]) -> None:
        """Open folders or files beside those that are open, and look through them.

        Args:
            paths: What was dropped or chosen; what is open already is looked through again.
        """
        wanted = self.without_others([photo_place(path).absolute() for path in paths])
        if not wanted:
            return
        remembered = {
            PhotoRef.of(name) for path in wanted for name in self.settings.get_for_folder(path, EXCLUDED_PHOTOS)
        }
        if self.session.folders:
            self.session.extend_folders(wanted)
            self.session.set_excluded(self.session.excluded | remembered)
        else:
            self.session.set_folders(wanted, remembered)
        self._look_again(wanted)
        samples = Place.SAMPLE_PHOTOS.path()
        if samples / NOISY_FOLDER in wanted and not self.session.references:
            self.session.set_references([samples / "clean"])

    def close_folder(self, folder: PhotoPlace) -> None:
        """Close one folder; nothing is deleted. The others are looked through again."""
        remaining = [other for other in self.session.folders if other != folder]
        self.scans.cancel()
        kept = {photo for photo in self.session.excluded if any(map(photo.is_in, remaining))}
        self.session.set_folders(remaining, kept)
        if remaining:
            self.scans.start(remaining)

    @Slot(object)
    def _look_again(self, places: Sequence[PhotoPlace]) -> None:
        """Look through folders or files whose photos may have changed since they were shown."""
        self._thumbnails.forget(places)
        self.scans.start(places)

    @Slot()
    def restore(self) -> None:
        """Restore the selected photos if there are several, else all that are shown."""
        paths = self._chosen_photos()
        if paths:
            self.page_requested.emit("restore")
            self.session.restore_requested.emit(paths, len(self.session.selected_photos) > 1)

    def _chosen_photos(self) -> tuple[PhotoRef, ...]:
        selected, excluded = self.session.selected_photos, self.session.excluded
        if len(selected) > 1:
            return tuple(path for path in selected if path not in excluded)
        return tuple(photo.path for photo in self.model.included)

    @Slot()
    def _on_selection_changed(self) -> None:
        self.session.selected_photos = tuple(photo.path for photo in self.grid.selected_photos())
        self.strip.show_state()

    @Slot()
    def choose_folder(self) -> None:
        """Ask for a folder and open it."""
        chosen = ask_for_photo_folder(self, tr("Open a folder of photos"), self.settings)
        if chosen is not None:
            self.open_paths([chosen])

    @Slot()
    def open_samples(self) -> None:
        """Make the sample photos, unless they are there, and open them."""
        if self._making_samples is not None:
            return
        self._making_samples = self.runner.submit(
            JobRequest(
                title=tr("Making sample photos"),
                page_id=self.page_id,
                function=_make_samples,
                config=None,
                lane=JobLane.SIDE,
            )
        )
        self._making_samples.finished.connect(self._open_made_samples)
        self._making_samples.state_changed.connect(self._forget_ended_samples)
        set_reason(self._sample_button, tr("The sample photos are being made."))

    @cached_property
    def noise_map(self) -> NoiseMap:
        """The photos as points; made when it is first asked for."""
        from app.pages.photos.noise_map import NoiseMap

        noise_map = NoiseMap(self.model, self.grid, self.settings)
        noise_map.photo_activated.connect(lambda path: self._look_at(path, "compare"))
        self.selection.add_actions(noise_map.plot)
        noise_map.plot.menu_requested.connect(lambda at: self.selection.show_menu(noise_map.plot, at))
        self._photo_stack.addWidget(noise_map)
        return noise_map

    def activated(self) -> None:
        if self.session.photos:
            (self.noise_map.plot if self.tools.shows_map else self.grid).setFocus()

    def _build_empty_state(self) -> QWidget:
        self.open_button = primary_button(tr("Open a folder"), "folder-open")
        self.open_button.clicked.connect(self.choose_folder)
        self._sample_button = button(tr("Try with sample photos"), "sparkle")
        self._sample_button.clicked.connect(self.open_samples)
        zone = DropZone(
            "image",
            tr("Drop your noisy photos here"),
            tr("One or more folders, or single photos. They stay where they are and are never changed."),
            [self.open_button, self._sample_button],
        )
        zone.dropped.connect(self.open_paths)
        return zone

    def _build_content(self) -> QWidget:
        recursive = QCheckBox(tr("Subfolders"))
        recursive.setToolTip(tr("Look into subfolders too."))
        recursive.setChecked(self.settings.get(RECURSIVE))
        recursive.toggled.connect(self._set_recursive)
        left = QWidget()
        in_column((self.folder_list, 1), recursive, of=left, margins=0)

        self._nothing = label("", "muted", wraps=True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._clear_button = quiet_button(tr("Clear the filter"), "x")
        self._clear_button.clicked.connect(self.tools.clear_filter)
        self._no_photos = QWidget()
        in_column(
            Stretch(1),
            self._nothing,
            (self._clear_button, 0, Qt.AlignmentFlag.AlignHCenter),
            Stretch(1),
            of=self._no_photos,
            spacing=None,
        )
        self._photo_stack = CurrentStack()
        for view in (self.grid, self._no_photos):
            self._photo_stack.addWidget(view)
        lists = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False, handleWidth=1)
        for part, stretch in ((self._photo_stack, 3), (self.skipped_files, 1), (self.duplicates, 2)):
            lists.addWidget(part)
            lists.setStretchFactor(lists.count() - 1, stretch)
        right = QWidget()
        right_layout = in_column(self.tools, (lists, 1), of=right, margins=0)
        middle = in_row((self.strip.summary, 1), self.selection)
        right_layout.addLayout(middle)
        right_layout.addWidget(self.noise_facts)

        splitter = FittingSplitter(((left, 0), (right, _LEAST_STACKED_PX)), _WIDTHS_PX, handle_px=1, gap_px=2 * SPACING)
        splitter.setStretchFactor(1, 1)
        content = QWidget()
        in_column((ScrollRoom(splitter, least_height_px=LEAST_SEEN_PX), 1), self.strip, of=content, margins=0)
        self._left, self._recursive_box = left, recursive
        self._fit_left()
        Theme.of_application().changed.connect(self._on_theme_changed)
        return content

    @Slot()
    def _fit_left(self) -> None:
        widest = max(self._recursive_box.sizeHint().width(), self.folder_list.minimumSizeHint().width())
        self._left.setMinimumWidth(widest + 3 * SPACING)

    @Slot()
    def _on_theme_changed(self) -> None:
        self._fit_left()
        self._update_texts()

    @Slot(object)
    def _open_made_samples(self, samples: SamplePhotos) -> None:
        self.open_paths([samples.noisy])

    @Slot(object)
    def _forget_ended_samples(self, _state: object) -> None:
        if self._making_samples is not None and self._making_samples.state.is_ended:
            self._making_samples = None
            set_reason(self._sample_button, "")

    @Slot()
    def _on_folders_changed(self) -> None:
        self.settings.set(LAST_FOLDERS, [str(folder) for folder in self.session.folders])
        focused = self.window().focusWidget()
        self._begins_anew = self._begins_anew or focused in (None, self.open_button, self._sample_button)
        self._stack.setCurrentIndex(1 if self.session.folders else 0)
        self._update_texts()

    @Slot()
    def _on_excluded_changed(self) -> None:
        for folder in self.session.folders:
            inside = sorted(str(path) for path in self.session.excluded if path.is_in(folder))
            self.settings.set_for_folder(folder, EXCLUDED_PHOTOS, inside)
        self._update_texts()

    @Slot()
    def _on_current_photo_changed(self) -> None:
        if self.session.current_photo is not None:
            self.grid.select_photo(self.session.current_photo)

    @Slot(object)
    def _choose_folder(self, folder: PhotoPlace | None) -> None:
        self.model.listing.set_folder(folder)
        self._update_texts()

    @Slot()
    def _follow_current(self) -> None:
        index = self.grid.currentIndex()
        if index.isValid():
            self.session.set_current_photo(self.model.photo_at(index.row()).path)

    @Slot()
    def _take_duplicates(self) -> None:
        self.duplicates.show_groups(self.scans.duplicates)
        self._update_texts()

    @Slot(str)
    def _on_setting_changed(self, key: str) -> None:
        if key == STRETCH_THUMBNAILS.key:
            self._update_texts()

    @Slot()
    def _update_texts(self) -> None:
        self.strip.show_state()
        if not self.session.skipped:
            self.strip.skipped_button.setChecked(False)
        if not self.scans.duplicates:
            self.strip.duplicates_button.setChecked(False)
        self._show_photos()
        self._show_noise()
        if self._begins_anew and self.strip.primary.isEnabled() and self.isVisible():
            # What had the focus is gone: the first photos are there, and what one does with them.
            self._begins_anew = False
            self.strip.primary.setFocus()
        num_included = len(self.session.included_photos)
        self.rail_status_changed.emit(number(num_included) if self.session.photos else "")

    @Slot()
    def _on_scans_changed(self) -> None:
        # Twenty times a second while one runs: the photos themselves have their own signals.
        self.strip.show_state()
        if self.scans.is_busy or self.scans.is_measuring:
            self._show_photos()
        else:
            self._update_texts()

    @Slot()
    def _show_noise(self) -> None:
        """Sum the noise up; while more and more photos are measured, now and then only."""
        if self.scans.is_busy or (self.scans.is_measuring and self._noise_later.isActive()):
            return
        if self.scans.is_measuring:
            self._noise_later.start()
        self.noise_facts.show_photos(self.model.included_in_folder)

    @Slot()
    def _show_photos(self) -> None:
        """Show the grid or the noise map, or say why there is nothing to show."""
        if self.model.rowCount():
            self._photo_stack.setCurrentWidget(self.noise_map if self.tools.shows_map else self.grid)
            return
        if self.session.photos:
            text = tr("No photo here matches the filter.")
        elif self.scans.is_busy:
            text = tr("Reading photos…")
        elif self.session.skipped:
            text = tr("None of the files in here can be used. The list of skipped files says why.")
        else:
            text = tr("There are no photos in here. Add another folder, or switch “Subfolders” on.")
        self._nothing.setText(text)
        self._clear_button.setVisible(bool(self.session.photos) and self.model.conditions != PhotoFilter())
        self._photo_stack.setCurrentWidget(self._no_photos)

    @Slot(bool)
    def _set_recursive(self, is_recursive: bool) -> None:
        self.settings.set(RECURSIVE, is_recursive)
        folders = self.session.folders
        if folders:
            self.scans.cancel()
            self.session.set_folders(folders, self.session.excluded)
            self.scans.start(folders)

    @Slot(object, str)
    def _look_at(self, photo: PhotoRef, page_id: str) -> None:
        self.session.set_current_photo(photo)
        self.page_requested.emit(page_id)


def _make_samples(_config: None, control: JobControl, emit: Emit) -> SamplePhotos:
    """Make the sample photos, unless they are there; the wait for them can be seen and stopped like any job's."""
    return make_samples(control, emit)
