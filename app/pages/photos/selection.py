"""What can be done with the selected photos, and taken back."""

from collections.abc import Callable, Iterable, Sequence

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtWidgets import QMenu, QWidget

from app.core.actions import make_action, tip_with_keys
from app.core.programs.file_manager import no_file_manager, open_in_file_manager
from app.core.programs.open_menu import OtherPrograms, results_of
from app.core.session import Session
from app.core.settings import Settings
from app.look.buttons import quiet_button, set_reason
from app.look.layouts import in_row
from app.look.phrases import count, number
from app.look.theme import themed_icon
from app.look.translation import tr
from app.pages.photos.grid import PhotoGrid
from app.pages.shared.photo_list_model import PhotoListModel
from app.pages.shared.undoing import Change, undoable
from engine.contracts.photo import PhotoRef


class PhotoSelection(QWidget):
    """What can be done with what is selected in the grid or the noise map: a line of buttons, and the menu of a photo.

    Signals:
        message_raised(Message): What was done, with its undoing.
        look_requested(PhotoRef, str): A photo shall be shown on the page of this id.
    """

    message_raised = Signal(object)
    look_requested = Signal(object, str)

    def __init__(
        self,
        session: Session,
        settings: Settings,
        model: PhotoListModel,
        grid: PhotoGrid,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._programs = OtherPrograms(settings, self.message_raised.emit)
        self._grid = grid
        self.exclude_button = quiet_button(tr("Leave out"), "prohibit")
        self.exclude_button.setToolTip(
            tip_with_keys(tr("Left-out photos are neither learned from nor restored"), "photos.exclude")
        )
        self.exclude_button.clicked.connect(self.toggle_exclusion)
        self.only_button = quiet_button(tr("Use only these"), "check")
        self.only_button.setToolTip(
            tip_with_keys(tr("Learn from and restore the selected photos; leave all others out"), "photos.keep_only")
        )
        self.only_button.clicked.connect(self.use_only)
        self.all_button = quiet_button(tr("Take all back"), "arrow-counter-clockwise")
        self.all_button.setToolTip(tr("Use all photos again."))
        self.all_button.clicked.connect(self.take_all_back)
        in_row(self.exclude_button, self.only_button, self.all_button, of=self, margins=0)
        grid.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        grid.customContextMenuRequested.connect(lambda position: self.show_menu(grid.viewport(), position))
        grid.selectionModel().selectionChanged.connect(self._update)
        model.modelReset.connect(self._update)
        model.layoutChanged.connect(self._update)
        session.excluded_changed.connect(self._update)
        self._update()

    def add_actions(self, view: QWidget) -> None:
        """Let keys work on the selection while a view of the photos has the focus."""
        for action_id, slot in (("photos.exclude", self.toggle_exclusion), ("photos.keep_only", self.use_only)):
            action = make_action(action_id, view)
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.triggered.connect(slot)

    @property
    def _photos(self) -> list[PhotoRef]:
        return [photo.path for photo in self._grid.selected_photos()]

    @Slot()
    def toggle_exclusion(self) -> None:
        """Leave the selected photos out, or take them back if all of them are out."""
        photos = self._photos
        if self._are_out(photos):
            self._take_back(photos)
        else:
            self.leave_out(photos)

    @Slot()
    def use_only(self) -> None:
        """Leave all but the selected photos out."""
        used = frozenset(self._photos)
        if used:
            others = {photo.path for photo in self._session.photos} - used
            text = tr("{photos} used, all others left out").format(photos=count(len(used), "photo"))
            self._change(text, left_out=others, taken_back=used)

    @Slot()
    def take_all_back(self) -> None:
        """Use all photos again."""
        self._take_back([photo.path for photo in self._session.photos if photo.path in self._session.excluded])

    @Slot(list)
    def leave_out(self, photos: Sequence[PhotoRef]) -> None:
        """Leave photos out, whatever is selected."""
        if photos:
            self._change(tr("{photos} left out").format(photos=count(len(set(photos)), "photo")), left_out=photos)

    def _take_back(self, photos: Sequence[PhotoRef]) -> None:
        if photos:
            self._change(tr("{photos} taken back").format(photos=count(len(photos), "photo")), taken_back=photos)

    def show_menu(self, view: QWidget, position: QPoint) -> None:
        """Show what can be done with the selected photos, at a place of a view."""
        paths = self._photos
        if not paths:
            return
        menu = QMenu(self)
        alone = len(paths) == 1
        self._add(menu, "columns", tr("Look at it in Compare"), lambda: self._look("compare"), alone)
        self._add(menu, "magic-wand", tr("Preview the restoration"), lambda: self._look("restore"), alone)
        menu.addSeparator()
        photos, are_out = count(len(paths), "photo"), self._are_out(paths)
        text = tr("Take {photos} back") if are_out else tr("Leave {photos} out")
        icon = "arrow-counter-clockwise" if are_out else "prohibit"
        self._add(menu, icon, text.format(photos=photos), self.toggle_exclusion)
        self._add(menu, "check", tr("Use only {photos}").format(photos=photos), self.use_only)
        menu.addSeparator()
        self._programs.add_to(menu, tr("Open the result in"), results_of(self._session, paths))
        self._programs.add_to(menu, tr("Open the photo in"), list(dict.fromkeys(path.file for path in paths)))
        self._add(menu, "folder-open", tr("Show in folder"), lambda: self._reveal(paths[0]), alone)
        menu.popup(view.mapToGlobal(position))

    @staticmethod
    def _add(menu: QMenu, icon: str, text: str, slot: Callable[[], object], is_enabled: bool = True) -> None:
        action = menu.addAction(themed_icon(icon), text)
        action.setEnabled(is_enabled)
        action.triggered.connect(lambda _=False: slot())

    def _change(self, text: str, *, left_out: Iterable[PhotoRef] = (), taken_back: Iterable[PhotoRef] = ()) -> None:
        """Leave photos out of training and restoring, and take others back; can be undone."""
        session = self._session
        # Of folders that are opened later the person may have left out others.
        out, back = frozenset(left_out) - session.excluded, session.excluded.intersection(taken_back)
        change = Change(
            text,
            do=lambda: session.set_excluded((session.excluded | out) - back),
            take_back=lambda: session.set_excluded((session.excluded - out) | back),
        )
        session.undo_stack.push(change)
        self.message_raised.emit(undoable(session.undo_stack, change, f"{text}."))

    def _look(self, page_id: str) -> None:
        paths = self._photos
        if paths:
            self.look_requested.emit(paths[0], page_id)

    def _reveal(self, photo: PhotoRef) -> None:
        folder = photo.file.parent
        if not open_in_file_manager(folder):
            self.message_raised.emit(no_file_manager(folder))

    def _are_out(self, photos: Sequence[PhotoRef]) -> bool:
        return all(photo in self._session.excluded for photo in photos)

    @Slot()
    def _update(self) -> None:
        paths = self._photos
        none = "" if paths else tr("Select photos first: by click, with Ctrl or Shift, or in the noise map.")
        for control in (self.exclude_button, self.only_button):
            set_reason(control, none)
        are_out = bool(paths) and self._are_out(paths)
        in_all = f" ({number(len(paths))})" if paths else ""
        self.exclude_button.setText((tr("Take back") if are_out else tr("Leave out")) + in_all)
        self.only_button.setText(tr("Use only these") + in_all)
        self.exclude_button.setIcon(themed_icon("arrow-counter-clockwise" if are_out else "prohibit"))
        self.all_button.setVisible(bool(self._session.excluded))
