"""The first page: open folders of photos, see them and their noise, leave some out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QPoint, Qt, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.actions import make_action, tip_with_keys
from app.job_runner import JobHandle, JobLane, JobRequest, JobRunner
from app.messages import Message
from app.pages.noise_facts import NoiseFacts
from app.pages.page import Page
from app.pages.photo_commands import SetExclusion
from app.pages.photo_folders import FolderList
from app.pages.photo_grid import PhotoGrid
from app.pages.photo_list_model import PhotoListModel
from app.pages.photo_scans import PhotoScans
from app.pages.photo_tools import PhotoTools
from app.pages.skipped_files import SkippedFiles
from app.phrases import count
from app.session import Session
from app.settings import EXCLUDED_PHOTOS, LAST_FOLDERS, OPEN_DIALOG_FOLDER, RECURSIVE, Settings
from app.theme import SPACING, Theme, themed_icon
from app.thumbnails import shared_thumbnails
from app.widgets.buttons import button, primary_button, quiet_button, set_reason
from app.widgets.drop_zone import DropZone
from app.widgets.text import ElidedLabel, label
from engine.demonstration import make_samples, sample_photos_folder
from engine.events import Emit
from engine.job_control import JobControl
from engine.sample_photos import SamplePhotos

_LARGE_TEXT = 1.5


class PhotosPage(Page):
    """Folders left, thumbnails right, below them what is usable and what is not."""

    page_id = "photos"
    title = "Photos"
    icon_name = "image"
    tip = "Open folders of noisy photos and see how noisy each one is."

    def __init__(self, session: Session, runner: JobRunner, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(session, runner, settings, parent)
        self._making_samples: JobHandle | None = None

        self.scans = PhotoScans(session, runner, settings, self)
        self.scans.changed.connect(self._update_texts)
        self.model = PhotoListModel(session, self)
        self.grid = PhotoGrid(self.model, shared_thumbnails(session))
        self.grid.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.grid.customContextMenuRequested.connect(self._show_menu)
        self.grid.selectionModel().currentChanged.connect(self._follow_current)
        self.grid.photo_activated.connect(lambda path: self._look_at(path, "compare"))
        self.tools = PhotoTools(self.model, self.grid, settings)
        self.folder_list = FolderList(session)
        self.folder_list.folder_chosen.connect(self._choose_folder)
        self.folder_list.add_requested.connect(self.choose_folder)
        self.folder_list.remove_requested.connect(self.close_folder)
        self.noise_facts = NoiseFacts()
        self.skipped_files = SkippedFiles(session)
        self.skipped_files.close_requested.connect(lambda: self._show_skipped(False))
        self.skipped_files.hide()

        self._stack = QStackedWidget()
        self._stack.addWidget(self._build_empty_state())
        self._stack.addWidget(self._build_content())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * SPACING, 2 * SPACING, 2 * SPACING, 2 * SPACING)
        layout.addWidget(self._stack)

        exclude = make_action("photos.exclude", self.grid)
        exclude.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        exclude.triggered.connect(self.toggle_exclusion)

        session.folders_changed.connect(self._on_folders_changed)
        session.photos_changed.connect(self._update_texts)
        session.skipped_changed.connect(self._update_texts)
        session.excluded_changed.connect(self._on_excluded_changed)
        session.current_photo_changed.connect(self._on_current_photo_changed)
        self.model.modelReset.connect(self._update_texts)
        self.model.rowsInserted.connect(self._update_texts)
        self.model.layoutChanged.connect(self._update_texts)
        self._update_texts()

    def accept_paths(self, paths: Sequence[Path]) -> bool:
        there = [path for path in paths if path.exists()]
        self.open_paths(there)
        return bool(there)

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Open folders or files beside those that are open, and look through them.

        Args:
            paths: What was dropped or chosen; what is open already is looked through again.
        """
        wanted = [path.absolute() for path in paths]
        if not wanted:
            return
        remembered = {Path(name) for path in wanted for name in self.settings.get_for_folder(path, EXCLUDED_PHOTOS)}
        if self.session.folders:
            self.session.extend_folders(wanted)
        else:
            self.session.set_folders(wanted)
        if remembered:
            self.session.set_excluded(self.session.excluded | remembered)
        self.scans.start(wanted)
        samples = sample_photos_folder()
        if samples / "noisy" in wanted and not self.session.references:
            self.session.set_references([samples / "clean"])

    def close_folder(self, folder: Path) -> None:
        """Close one folder; nothing is deleted. The others are looked through again."""
        remaining = [other for other in self.session.folders if other != folder]
        self.scans.cancel()
        self.session.set_folders(remaining)
        if remaining:
            kept = {Path(name) for other in remaining for name in self.settings.get_for_folder(other, EXCLUDED_PHOTOS)}
            self.session.set_excluded(kept)
            self.scans.start(remaining)

    @Slot()
    def choose_folder(self) -> None:
        """Ask for a folder and open it."""
        start = self.settings.get(OPEN_DIALOG_FOLDER)
        chosen = QFileDialog.getExistingDirectory(self, "Open a folder of photos", start)
        if chosen:
            self.settings.set(OPEN_DIALOG_FOLDER, str(Path(chosen).parent))
            self.open_paths([Path(chosen)])

    @Slot()
    def open_samples(self) -> None:
        """Make the sample photos, unless they are there, and open them."""
        if self._making_samples is not None:
            return
        self._making_samples = self.runner.submit(
            JobRequest(
                title="Making sample photos",
                page_id=self.page_id,
                function=_make_samples,
                config=None,
                lane=JobLane.SIDE,
            )
        )
        self._making_samples.finished.connect(self._open_made_samples)
        self._making_samples.state_changed.connect(self._forget_ended_samples)
        set_reason(self._sample_button, "The sample photos are being made.")

    @Slot()
    def toggle_exclusion(self) -> None:
        """Leave the selected photos out, or take them back if all of them are out."""
        paths = [photo.path for photo in self.grid.selected_photos()]
        if not paths:
            return
        command = SetExclusion(
            self.session, paths, is_excluded=not all(path in self.session.excluded for path in paths)
        )
        self.session.undo_stack.push(command)
        self.message_raised.emit(
            Message(text=f"{command.text()}.", action_label="Undo", action=self.session.undo_stack.undo)
        )

    def activated(self) -> None:
        if self.session.photos:
            self.grid.setFocus()

    def _build_empty_state(self) -> QWidget:
        self.open_button = primary_button("Open a folder", "folder-open")
        self.open_button.clicked.connect(self.choose_folder)
        self._sample_button = button("Try with sample photos", "sparkle")
        self._sample_button.clicked.connect(self.open_samples)
        zone = DropZone(
            "image",
            "Drop your noisy photos here",
            "One or more folders, or single photos. They stay where they are and are never changed.",
            [self.open_button, self._sample_button],
        )
        zone.dropped.connect(self.open_paths)
        return zone

    def _build_content(self) -> QWidget:
        recursive = QCheckBox("Subfolders")
        recursive.setToolTip("Look into subfolders too.")
        recursive.setChecked(self.settings.get(RECURSIVE))
        recursive.toggled.connect(self._set_recursive)
        left = QWidget()
        left_layout = QVBoxLayout(left)
        left_layout.setContentsMargins(0, 0, 2 * SPACING, 0)
        left_layout.setSpacing(SPACING)
        left_layout.addWidget(self.folder_list, 1)
        left_layout.addWidget(recursive)

        self._nothing = label("", "muted", wraps=True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._grid_stack = QStackedWidget()
        self._grid_stack.addWidget(self.grid)
        self._grid_stack.addWidget(self._nothing)
        lists = QSplitter(Qt.Orientation.Vertical)
        lists.setChildrenCollapsible(False)
        lists.setHandleWidth(1)
        lists.addWidget(self._grid_stack)
        lists.addWidget(self.skipped_files)
        lists.setStretchFactor(0, 3)
        lists.setStretchFactor(1, 1)
        right = QWidget()
        right_layout = QVBoxLayout(right)
        right_layout.setContentsMargins(2 * SPACING, 0, 0, 0)
        right_layout.setSpacing(SPACING)
        right_layout.addWidget(self.tools)
        right_layout.addWidget(lists, 1)
        right_layout.addWidget(self.noise_facts)
        right_layout.addLayout(self._build_strip())

        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(left)
        splitter.addWidget(right)
        splitter.setStretchFactor(1, 1)
        splitter.setHandleWidth(1)

        self._left, self._recursive_box = left, recursive
        self._fit_left()
        Theme.of_application().changed.connect(self._on_theme_changed)
        splitter.setSizes([208, 900])
        return splitter

    @Slot()
    def _fit_left(self) -> None:
        widest = max(self._recursive_box.sizeHint().width(), self.folder_list.minimumSizeHint().width())
        self._left.setMinimumWidth(widest + 3 * SPACING)

    @Slot()
    def _on_theme_changed(self) -> None:
        self._fit_left()
        self._update_texts()

    def _build_strip(self) -> QHBoxLayout:
        self.summary = ElidedLabel("", "muted")
        self.skipped_button = quiet_button("")
        self.skipped_button.setToolTip("Show the files that cannot be used, and why.")
        self.skipped_button.setCheckable(True)
        self.skipped_button.toggled.connect(self._show_skipped)
        self.primary = primary_button("")
        self.primary.clicked.connect(lambda: self.page_requested.emit("pretrain"))
        self.restore_button = button("Restore", "magic-wand")
        self.restore_button.setToolTip("Look at any spot of them restored, and restore them.")
        self.restore_button.clicked.connect(lambda: self.page_requested.emit("restore"))
        for control in (self.skipped_button, self.restore_button, self.primary):
            control.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        strip = QHBoxLayout()
        strip.setSpacing(SPACING)
        strip.addWidget(self.summary)
        strip.addWidget(self.skipped_button)
        strip.addStretch(1)
        strip.addWidget(self.restore_button)
        strip.addWidget(self.primary)
        return strip

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
        self._stack.setCurrentIndex(1 if self.session.folders else 0)
        self._update_texts()

    @Slot()
    def _on_excluded_changed(self) -> None:
        for folder in self.session.folders:
            inside = sorted(str(path) for path in self.session.excluded if path.is_relative_to(folder))
            self.settings.set_for_folder(folder, EXCLUDED_PHOTOS, inside)
        self._update_texts()

    @Slot()
    def _on_current_photo_changed(self) -> None:
        if self.session.current_photo is not None:
            self.grid.select_photo(self.session.current_photo)

    @Slot(object)
    def _choose_folder(self, folder: Path | None) -> None:
        self.model.set_folder(folder)
        self._update_texts()

    @Slot()
    def _follow_current(self) -> None:
        index = self.grid.currentIndex()
        if index.isValid():
            self.session.set_current_photo(self.model.photo_at(index.row()).path)

    @Slot()
    def _update_texts(self) -> None:
        num_photos, num_included = len(self.session.photos), len(self.session.included_photos)
        num_skipped = len(self.session.skipped)
        parts = [f"{num_included:,} usable"]
        if num_photos > num_included:
            parts.append(f"{num_photos - num_included:,} left out")
        if self.scans.is_busy:
            parts.insert(0, self.scans.text)
        self.summary.set_text(" · ".join(parts))
        self.skipped_button.setVisible(num_skipped > 0)
        # At large text the question goes without saying: the tooltip has it too.
        why = " (why)" if Theme.of_application().text_scale < _LARGE_TEXT else ""
        self.skipped_button.setText(f"{num_skipped:,} skipped{why}")
        if not num_skipped:
            self._show_skipped(False)
        self._show_nothing()
        if not self.scans.is_busy:
            self.noise_facts.show_photos(self.model.included_in_folder)
        self.primary.setText(f"Pretrain on {count(num_included, 'photo')}")
        set_reason(self.primary, "" if num_included else "Open a folder with usable photos first.")
        self.rail_status_changed.emit(f"{num_included:,}" if num_photos else "")

    def _show_nothing(self) -> None:
        """Say why the grid is empty, where it is."""
        if self.model.rowCount():
            self._grid_stack.setCurrentIndex(0)
            return
        if self.session.photos:
            text = "No photo here matches the filter."
        elif self.scans.is_busy:
            text = "Reading photos…"
        elif self.session.skipped:
            text = "None of the files in here can be used. The list of skipped files says why."
        else:
            text = "There are no photos in here. Add another folder, or switch “Subfolders” on."
        self._nothing.setText(text)
        self._grid_stack.setCurrentIndex(1)

    @Slot(bool)
    def _show_skipped(self, is_shown: bool) -> None:
        self.skipped_files.setVisible(is_shown)
        self.skipped_button.setChecked(is_shown)

    @Slot(bool)
    def _set_recursive(self, is_recursive: bool) -> None:
        self.settings.set(RECURSIVE, is_recursive)
        folders = self.session.folders
        if folders:
            self.scans.cancel()
            excluded = self.session.excluded
            self.session.set_folders(folders)
            self.session.set_excluded(excluded)
            self.scans.start(folders)

    @Slot(QPoint)
    def _show_menu(self, position: QPoint) -> None:
        selected = self.grid.selected_photos()
        if not selected:
            return
        menu = QMenu(self)
        look = menu.addAction(themed_icon("columns"), "Look at it in Compare")
        look.setEnabled(len(selected) == 1)
        look.triggered.connect(lambda: self._look_at(selected[0].path, "compare"))
        preview = menu.addAction(themed_icon("magic-wand"), "Preview the restoration")
        preview.setEnabled(len(selected) == 1)
        preview.triggered.connect(lambda: self._look_at(selected[0].path, "restore"))
        menu.addSeparator()
        are_out = all(photo.path in self.session.excluded for photo in selected)
        what = count(len(selected), "photo")
        exclude = menu.addAction(
            themed_icon("arrow-counter-clockwise" if are_out else "prohibit"),
            f"Take {what} back" if are_out else f"Leave {what} out",
        )
        exclude.setToolTip(tip_with_keys("Left-out photos are neither learned from nor restored", "photos.exclude"))
        exclude.triggered.connect(self.toggle_exclusion)
        menu.popup(self.grid.viewport().mapToGlobal(position))

    def _look_at(self, path: Path, page_id: str) -> None:
        self.session.set_current_photo(path)
        self.page_requested.emit(page_id)


def _make_samples(_config: None, control: JobControl, emit: Emit) -> SamplePhotos:
    """Make the sample photos, unless they are there; the wait for them can be seen and stopped like any job's."""
    return make_samples(control, emit)
