"""The page that restores: list of photos, preview of a spot, and how and where to write."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QSize, QStandardPaths, Qt, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QSizePolicy, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.file_manager import open_in_file_manager
from app.job_runner import JobHandle, JobRequest, JobRunner
from app.messages import Message, Severity
from app.pages.page import Page
from app.pages.restore_list import PhotoState, RestoreList, RestoreListModel, RowState
from app.pages.restore_options import RestoreOptions
from app.pages.restore_preview import RestorePreview
from app.pages.thumbnail_list import select_alone
from app.phrases import count, duration
from app.session import ModelChoice, RestoredPhoto, Session
from app.settings import RESTORE_DESTINATION, Settings
from app.theme import SPACING
from app.thumbnails import shared_thumbnails
from app.viewer.picture_files import PictureFiles
from app.widgets.buttons import button, primary_button, set_reason
from app.widgets.empty_state import EmptyState
from app.widgets.text import ElidedLabel
from engine.configs import RestoreConfig
from engine.events import Emit, FileSkipped, ImageRestored, JobEvent, StepDone
from engine.job_control import JobControl
from engine.job_results import RestoreResult

_OPTIONS_WIDTH_PX = 264


class RestorePage(Page):
    """Photos left, a spot at 100 % in the middle, options right."""

    page_id = "restore"
    title = "Restore"
    icon_name = "magic-wand"
    tip = "Restore your photos with a model; look at any spot first."
    stays_when_photos_open = True

    def __init__(self, session: Session, runner: JobRunner, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(session, runner, settings, parent)
        self._job: JobHandle | None = None
        self._batch: list[Path] = []
        self._batch_model: ModelChoice | None = None
        self._batch_destination = Path()
        self._destination: Path | None = None
        thumbnails = shared_thumbnails(session)
        self.model = RestoreListModel(session, self)
        self.list = RestoreList(self.model, thumbnails)
        self.list.photo_chosen.connect(self._choose_photo)
        self.list.selectionModel().selectionChanged.connect(self._update)
        self.preview = RestorePreview(PictureFiles(), thumbnails)
        self.options = RestoreOptions(session, settings)
        self.options.strength_changed.connect(self.preview.set_strength)
        self.options.destination_chosen.connect(self._set_destination)
        self.preview.set_strength(self.options.choices.strength)

        self._no_photos = EmptyState(
            "magic-wand", "Drop the photos here that shall be restored, or open them first.", "Go to Photos"
        )
        self._no_photos.action_requested.connect(lambda: self.page_requested.emit("photos"))
        self._no_model = EmptyState(
            "magic-wand",
            "There is no model yet. Pretraining on your own noisy photos makes one, without any clean reference.",
            "Go to Pretrain",
            "Open a model file",
        )
        self._no_model.action_requested.connect(lambda: self.page_requested.emit("pretrain"))
        self._no_model.other_requested.connect(self.options.open_model_file)
        self._stack = QStackedWidget()
        for content in (self._no_photos, self._no_model, self._build_content()):
            self._stack.addWidget(content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * SPACING, 2 * SPACING, 2 * SPACING, 2 * SPACING)
        layout.addWidget(self._stack)

        session.folders_changed.connect(self._recall_destination)
        session.photos_changed.connect(self._update)
        session.excluded_changed.connect(self._update)
        session.restored_changed.connect(self._update)
        session.model_changed.connect(self._on_model_changed)
        session.run_catalog.changed.connect(self._update)
        session.current_photo_changed.connect(self._on_current_photo_changed)
        self.model.modelReset.connect(self._on_reset)
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

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._on_current_photo_changed()

    @Slot()
    def restore(self) -> None:
        """Restore the selected photos if there are several, else all."""
        model, destination = self.session.model, self._destination
        if self._job is not None or model is None or destination is None:
            return
        self._batch = self._chosen_paths()
        self._batch_model = model
        self._batch_destination = destination
        choices = self.options.choices
        config = RestoreConfig(
            model=model.path,
            photos=tuple(self._batch),
            out=destination,
            strength=choices.strength,
            format="tiff" if choices.format == "tiff16" else choices.format,
            bit_depth="16" if choices.format == "tiff16" else "keep",
            jpeg_quality=choices.jpeg_quality,
            metadata="keep" if choices.keep_metadata else "none",
            existing=choices.existing,
        )
        self.model.set_state(self._batch, RowState(PhotoState.WAITING))
        self._job = self.runner.submit(
            JobRequest(
                title=f"Restoring {count(len(self._batch), 'photo')}",
                page_id=self.page_id,
                function=_restore_photos,
                config=config,
            )
        )
        self._job.events_received.connect(self._take_events)
        self._job.finished.connect(self._on_finished)
        self._job.cancelled.connect(self._on_cancelled)
        self._job.failed.connect(self._on_failed)
        self._update()

    def _build_content(self) -> QWidget:
        options_area = QScrollArea()
        options_area.setWidgetResizable(True)
        options_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        options_area.setWidget(self.options)
        columns = QSplitter(Qt.Orientation.Horizontal)
        columns.setChildrenCollapsible(False)
        columns.setHandleWidth(1)
        gap = 2 * SPACING
        for column, left, right, least_width in (
            (self.list, 0, gap, 180),
            (self.preview, gap, gap, 320),
            (options_area, gap, 0, 240),
        ):
            holder = QWidget()
            holder.setMinimumWidth(least_width)
            holder_layout = QHBoxLayout(holder)
            holder_layout.setContentsMargins(left, 0, right, 0)
            holder_layout.addWidget(column)
            columns.addWidget(holder)
        columns.setStretchFactor(1, 1)
        columns.setSizes([236, 560, _OPTIONS_WIDTH_PX + 2 * SPACING])

        self.summary = ElidedLabel("", "muted")
        self.compare_button = button("Compare", "columns")
        self.compare_button.setToolTip("Look at the restored photos beside the noisy ones.")
        self.compare_button.clicked.connect(lambda: self.page_requested.emit("compare"))
        self.primary = primary_button("")
        self.primary.clicked.connect(self.restore)
        for control in (self.compare_button, self.primary):
            control.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        bottom = QHBoxLayout()
        bottom.setSpacing(SPACING)
        bottom.addWidget(self.summary, 1)
        bottom.addWidget(self.compare_button)
        bottom.addWidget(self.primary)
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(columns, 1)
        layout.addLayout(bottom)
        return content

    def _chosen_paths(self) -> list[Path]:
        selected = self.list.selected_paths()
        return selected if len(selected) > 1 else self.model.paths

    @Slot(object)
    def _choose_photo(self, path: Path) -> None:
        self._show_photo(path)
        self.session.set_current_photo(path)

    @Slot()
    def _on_current_photo_changed(self) -> None:
        if self.isVisible():
            path = self.session.current_photo
            if path is not None and self.model.row_of(path) is not None:
                self.list.select_photo(path)
                self._show_photo(path)
            elif self.model.rowCount() and not self.list.currentIndex().isValid():
                select_alone(self.list, self.model.index(0))

    def _show_photo(self, path: Path) -> None:
        photo = self.session.photo(path)
        if photo is not None:
            self.preview.spot_map.set_photo_size(QSize(photo.width, photo.height))
        self.preview.set_photo(path)

    @Slot()
    def _on_reset(self) -> None:
        if not self.model.rowCount():
            self.preview.set_photo(None)
        self._on_current_photo_changed()
        self._update()

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
        self.options.show_destination(self._destination)
        self._update()

    @Slot(object)
    def _set_destination(self, folder: Path) -> None:
        self._destination = folder
        if self.session.folders:
            self.settings.set_for_folder(self.session.folders[0], RESTORE_DESTINATION, str(folder))
        self.options.show_destination(folder)
        self._update()

    @Slot(tuple)
    def _take_events(self, events: tuple[JobEvent, ...]) -> None:
        model = self._batch_model
        for event in events:
            if isinstance(event, ImageRestored):
                self.model.set_state([event.source], RowState(PhotoState.DONE))
                if model is not None:
                    self.session.add_restored(event.source, RestoredPhoto(model.name, event.output))
            elif isinstance(event, FileSkipped):
                self.model.set_state([event.path], RowState(PhotoState.FAILED, event.reason))
            elif isinstance(event, StepDone):
                self._show_progress(event)

    def _show_progress(self, progress: StepDone) -> None:
        fraction = progress.metrics.get("fraction", progress.step / max(1, progress.num_steps))
        waiting = [path for path in self._batch if self.model.state_of(path).state is PhotoState.WAITING]
        in_work = any(self.model.state_of(path).state is PhotoState.RESTORING for path in self._batch)
        if waiting and not in_work and progress.step < progress.num_steps:
            self.model.set_state(waiting[:1], RowState(PhotoState.RESTORING))
        self.rail_status_changed.emit(f"{round(fraction * 100)} %")

    @Slot(object)
    def _on_finished(self, result: RestoreResult) -> None:
        destination = self._batch_destination
        skipped = RowState(PhotoState.DONE, "was restored before")
        self.model.set_state(result.skipped_existing, skipped)
        self._end_job()
        num_failed = len(result.failed)
        text = f"Restored {count(len(result.restored), 'photo')} in {duration(result.seconds)}."
        if num_failed:
            text += f" {count(num_failed, 'photo')} failed; the list says why."
        elif result.skipped_existing:
            text += f" {count(len(result.skipped_existing), 'photo')} had been restored before."
        self.message_raised.emit(
            Message(
                severity=Severity.WARNING if num_failed else Severity.INFO,
                text=text,
                action_label="Open folder",
                action=lambda: self._open_folder(destination),
            )
        )

    def _open_folder(self, folder: Path) -> None:
        if not open_in_file_manager(folder):
            self.message_raised.emit(Message(text=f"The restored photos are in {folder}."))

    @Slot()
    def _on_cancelled(self) -> None:
        self._end_job()

    @Slot(object)
    def _on_failed(self, _failure: object) -> None:
        self._end_job()

    def _end_job(self) -> None:
        self._job = None
        self.model.clear_unfinished()
        self._update()

    @Slot()
    def _update(self) -> None:
        paths = self._chosen_paths()
        if not self.model.rowCount():
            self._stack.setCurrentIndex(0)
        elif self.session.model is None:
            self._stack.setCurrentIndex(1)
        else:
            self._stack.setCurrentIndex(2)
        num_done = sum(bool(self.session.restored(path)) for path in self.model.paths)
        self.compare_button.setVisible(num_done > 0)
        what = "selected photos" if len(self.list.selected_paths()) > 1 else "photos"
        self.primary.setText(f"Restore {count(len(paths), 'photo', what)}")
        set_reason(self.primary, "The photos are being restored." if self._job is not None else "")
        if self._job is None:
            self.rail_status_changed.emit(f"{num_done:,}" if num_done else "")
        parts = [f"{count(num_done, 'photo')} restored"] if num_done else []
        if self._destination is not None:
            parts.append(f"to {self._destination}")
        self.summary.set_text(" · ".join(parts))


def default_destination(folder: Path) -> Path:
    """Return where restored photos go unless a person says otherwise.

    Args:
        folder: The open folder, or file.

    Returns:
        "<folder> restored" beside it, or in the person's Pictures where that may not be written.
    """
    source = folder if folder.is_dir() else folder.parent
    name = f"{source.name or 'Photos'} restored"
    if os.access(source.parent, os.W_OK):
        return source.parent / name
    return Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)) / name


def _restore_photos(config: RestoreConfig, control: JobControl, emit: Emit) -> RestoreResult:
    """Run the engine's job; its imports are left to the background thread."""
    from engine.restoring import restore

    return restore(config, control, emit)
