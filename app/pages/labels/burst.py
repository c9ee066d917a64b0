"""The form that makes references from a burst: shots, destination, what happens where something moved."""

import os
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QHideEvent, QIcon
from PySide6.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QListView,
    QListWidget,
    QListWidgetItem,
    QWidget,
)

from app.core.settings import BURST_FOLDER, BURST_MOTION, Settings
from app.look.buttons import button, primary_button, quiet_button, set_reason
from app.look.layouts import Stretch, in_column, in_row
from app.look.text import ElidedLabel, label
from app.look.theme import SPACING
from app.look.thumbnails import ThumbnailLoader
from app.look.translation import format_number, mark, tr, tr_count
from app.pages.shared.photo_dialogs import ask_for_photos
from app.widgets.drop_zone import dropped_paths, take_as_copy
from app.widgets.elided_box import ElidedComboBox
from engine.contracts.photo import PhotoPlace, PhotoRef
from engine.labelling.burst import MIN_SHOTS, BurstConfig, BurstResult, MotionChoice
from engine.photo_files.photos import IMAGE_SUFFIXES
from engine.photo_files.tiff.pages import list_pages

_ICON_PX = 96
_MOTIONS = {
    MotionChoice.FILL: mark("Keep each shot as it is there: nothing is learned at those places"),
    MotionChoice.LEAVE_OUT: mark("Leave the shot out: it becomes no label"),
}


class ShotList(QListWidget):
    """The chosen shots as thumbnails; more can be dropped on it.

    Signals:
        dropped: Files and folders (list of Path).
    """

    dropped = Signal(list)

    def __init__(self, thumbnails: ThumbnailLoader) -> None:
        super().__init__()
        self._thumbnails = thumbnails
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setIconSize(QSize(_ICON_PX, _ICON_PX))
        self.setGridSize(QSize(_ICON_PX + 3 * SPACING, _ICON_PX + 5 * SPACING))
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        self.setAcceptDrops(True)
        self.setAccessibleName(tr("Shots of the burst"))
        thumbnails.ready.connect(self._show_thumbnail)

    def show_photos(self, photos: Sequence[PhotoRef]) -> None:
        """Show other shots."""
        self.clear()
        for photo in photos:
            item = QListWidgetItem(photo.name)
            item.setData(Qt.ItemDataRole.UserRole, str(photo))
            item.setToolTip(str(photo))
            self.addItem(item)
            self._show_thumbnail(photo)
        self._thumbnails.want(photos, view=self)

    def hideEvent(self, event: QHideEvent) -> None:
        self._thumbnails.want((), view=self)
        super().hideEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_paths(event.mimeData()):
            take_as_copy(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        if dropped_paths(event.mimeData()):
            take_as_copy(event)

    def dropEvent(self, event: QDropEvent) -> None:
        take_as_copy(event)
        self.dropped.emit(dropped_paths(event.mimeData()))

    @Slot(object)
    def _show_thumbnail(self, photo: PhotoRef) -> None:
        pixmap = self._thumbnails.pixmap(photo)
        if pixmap is None:
            return
        for row in range(self.count()):
            item = self.item(row)
            if item.data(Qt.ItemDataRole.UserRole) == str(photo):
                item.setIcon(QIcon(pixmap))


class BurstForm(QWidget):
    """Asks for all that a burst needs.

    Attributes:
        primary: Starts it.
        shots: The files chosen so far.
        started_shots: Those of the burst that was started last; others may have been chosen since.

    Signals:
        start_requested(BurstConfig): Make the references.
        closed: Go back to the pairs.
    """

    start_requested = Signal(object)
    closed = Signal()

    def __init__(self, settings: Settings, thumbnails: ThumbnailLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._destination: Path | None = None
        self._is_busy = False
        self.shots: tuple[PhotoRef, ...] = ()
        self.started_shots: tuple[PhotoRef, ...] = ()
        self.list = ShotList(thumbnails)
        add = button(tr("Add shots"), "plus")
        add.clicked.connect(self.choose_shots)
        self.remove_button = button(tr("Remove"), "trash")
        self.remove_button.clicked.connect(self._remove_selected)
        self.list.itemSelectionChanged.connect(self._update)
        self._num_shots = label("", "muted")
        tools = in_row(add, self.remove_button, self._num_shots, Stretch(1))
        self._destination_text = ElidedLabel("", elide_mode=Qt.TextElideMode.ElideMiddle)
        choose = button(tr("Choose"), "folder-open")
        choose.setAccessibleName(tr("Choose the folder for the references"))
        choose.clicked.connect(self.choose_destination)
        destination = in_row((self._destination_text, 1), choose, spacing=None)
        self.motion = ElidedComboBox()
        for choice, text in _MOTIONS.items():
            self.motion.addItem(tr(text), choice.value)
        self.motion.setCurrentIndex(self.motion.findData(settings.get(BURST_MOTION)))
        self.motion.setAccessibleName(tr("Where something moved"))
        form = QFormLayout()
        form.setSpacing(SPACING)
        form.addRow(label(tr("References go to"), "muted"), destination)
        form.addRow(label(tr("Where something moved"), "muted"), self.motion)
        self.primary = primary_button("")
        self.primary.clicked.connect(self._start)
        back = quiet_button(tr("Back"), "arrow-left")
        back.clicked.connect(self.closed)
        bottom = in_row(back, Stretch(1), self.primary)
        in_column(
            label(tr("Make references from a burst"), "title"),
            label(
                tr(
                    "Several shots of one scene are aligned and averaged: of nine shots the mean has a third of the "
                    "noise. Each shot is paired with the mean of the others; the pages of a stack are shots too. A "
                    "tripod and one exposure, set by hand, work best."
                ),
                "muted",
                wraps=True,
            ),
            tools,
            (self.list, 1),
            form,
            bottom,
            of=self,
            margins=0,
        )
        self._update()

    @property
    def destination(self) -> Path | None:
        """Where the references go; beside the shots' folder unless chosen otherwise."""
        if self._destination is not None:
            return self._destination
        stored = self._settings.get(BURST_FOLDER)
        if stored and os.path.isdir(stored):
            return Path(stored)
        if not self.shots:
            return None
        folder = self.shots[0].file.parent
        return folder.with_name(f"{folder.name} references")

    @Slot(list)
    def add_shots(self, paths: Sequence[PhotoPlace]) -> None:
        """Add files, pages of stacks, and the photos that lie in folders."""
        found: list[PhotoRef] = []
        for path in paths:
            given = PhotoRef.of(path)
            if os.path.isdir(given.file):
                files = sorted(file for file in given.file.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
            else:
                files = [given.file]
            # A stack is a burst by itself.
            found += [given] if given.page else [page for file in files for page in list_pages(file)]
        self.shots = tuple(dict.fromkeys((*self.shots, *(path.absolute() for path in found))))
        self.list.show_photos(self.shots)
        self._update()

    @Slot()
    def choose_shots(self) -> None:
        """Ask for files and add them."""
        found = ask_for_photos(self, tr("Add shots of one scene"), self._settings, several=True)
        if found:
            self.add_shots(found)

    @Slot()
    def choose_destination(self) -> None:
        """Ask for the folder of the references."""
        start = str(self.destination or self._settings.dialog_folder)
        chosen = QFileDialog.getExistingDirectory(self, tr("A folder for the references"), start)
        if chosen:
            self.set_destination(Path(chosen))

    def set_destination(self, folder: Path) -> None:
        """Let the references go to a folder, and remember it."""
        self._destination = folder
        self._settings.set(BURST_FOLDER, str(folder))
        self._update()

    def clear(self) -> None:
        """Forget the shots."""
        self.shots = ()
        self.list.show_photos(())
        self._update()

    def set_busy(self, is_busy: bool) -> None:
        """Note whether a burst is being made."""
        if is_busy != self._is_busy:
            self._is_busy = is_busy
            self._update()

    @Slot()
    def _remove_selected(self) -> None:
        gone = {item.data(Qt.ItemDataRole.UserRole) for item in self.list.selectedItems()}
        self.shots = tuple(path for path in self.shots if str(path) not in gone)
        self.list.show_photos(self.shots)
        self._update()

    @Slot()
    def _update(self) -> None:
        number = len(self.shots)
        shots = tr_count("{number} shot", "{number} shots", number).format(number=format_number(number))
        self._num_shots.setText(shots if number else tr("Add the shots, or drop them below."))
        self._destination_text.set_text(str(self.destination or tr("Beside the shots")))
        self.primary.setText(
            tr("Make references from {shots}").format(shots=shots) if number else tr("Make references")
        )
        few = tr("A burst needs at least {number} shots.").format(number=MIN_SHOTS)
        busy = tr("A burst is being averaged already.") if self._is_busy else ""
        set_reason(self.primary, few if number < MIN_SHOTS else busy)
        set_reason(self.remove_button, "" if self.list.selectedItems() else tr("Select shots first."))

    @Slot()
    def _start(self) -> None:
        destination = self.destination
        if destination is None:
            return
        self._settings.set(BURST_MOTION, self.motion.currentData())
        self.started_shots = self.shots
        self.start_requested.emit(
            BurstConfig(shots=self.shots, out=destination, motion=MotionChoice(self.motion.currentData()))
        )


def burst_text(result: BurstResult) -> str:
    """Say what became of a burst."""
    num_shots, num_left_out = len(result.pairs), len(result.left_out)
    shots = tr_count("{number} shot", "{number} shots", num_shots).format(number=format_number(num_shots))
    text = tr("{shots} paired with a reference of about {factor} times less noise.").format(
        shots=shots, factor=format_number((result.num_averaged - 1) ** 0.5, 1)
    )
    if num_left_out:
        left_out = tr_count("{number} was left out.", "{number} were left out.", num_left_out)
        text += " " + left_out.format(number=format_number(num_left_out))
    return text
