"""“Open in”: menus of the programs that open a file, the one that was used last first."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from app.core.actions import tip_with_keys
from app.core.messages import Message, Severity
from app.core.programs.catalogue import Program, programs_for
from app.core.session import Session
from app.core.settings import OPEN_IN_PROGRAM, Settings
from app.look.buttons import IconButton
from app.look.theme import themed_icon
from app.look.translation import tr
from engine.contracts.photo import PhotoRef

Offer = tuple[str, Sequence[Path]]
"""What an entry says, such as "Open the result in", and what is opened."""


class OtherPrograms:
    """Opens files in other programs, and remembers in which."""

    def __init__(self, settings: Settings, tell: Callable[[Message], object]) -> None:
        """Open nothing yet.

        Args:
            settings: Where the last choice is kept.
            tell: Told where a program could not be started.
        """
        self._settings = settings
        self._tell = tell

    def add_to(self, menu: QMenu, title: str, files: Sequence[Path]) -> None:
        """Add the programs that open files to a menu, as a menu of their own; nothing where there are none."""
        own = QMenu(title, menu, icon=themed_icon("arrow-square-out"))
        self.fill(own, files)
        if own.isEmpty():
            own.deleteLater()
        else:
            menu.addMenu(own)

    def fill(self, menu: QMenu, files: Sequence[Path]) -> None:
        """Add the programs that open files to a menu, the one that was used last before the others."""
        programs = self._programs(files)
        for program in programs:
            text = tr("{program} (usual)").format(program=program.name) if program.is_default else program.name
            action = menu.addAction(text.replace("&", "&&"))
            action.triggered.connect(lambda _=False, program=program: self._choose(program, files))
            if program.key == self._settings.get(OPEN_IN_PROGRAM) and len(programs) > 1:
                menu.addSeparator()

    def open_in_last(self, files: Sequence[Path]) -> None:
        """Open files in the program that was used last, at first in the one that the system takes."""
        programs = self._programs(files)
        if programs:
            self._open(programs[0], files)
        elif files:
            text = tr("No program of this machine opens {name}.").format(name=files[0].name)
            self._tell(Message(severity=Severity.WARNING, text=text))

    def _programs(self, files: Sequence[Path]) -> list[Program]:
        last = self._settings.get(OPEN_IN_PROGRAM)
        return sorted(programs_for(files) if files else [], key=lambda program: program.key != last)

    def _choose(self, program: Program, files: Sequence[Path]) -> None:
        self._settings.set(OPEN_IN_PROGRAM, program.key)
        self._open(program, files)

    def _open(self, program: Program, files: Sequence[Path]) -> None:
        if not program.open(files):
            self._tell(
                Message(
                    severity=Severity.WARNING,
                    text=tr("{program} could not be started.").format(program=program.name),
                    hint=tr("The file is {path}.").format(path=files[0]),
                )
            )


class OpenInButton(IconButton):
    """A button with that menu.

    Attributes:
        is_offered: Whether some program opens some of what is offered.
    """

    def __init__(self, programs: OtherPrograms, tip: str, parent: QWidget | None = None) -> None:
        """Offer nothing yet.

        Args:
            programs: Opens what is chosen.
            tip: What the button does.
            parent: Owner.
        """
        super().__init__(parent)
        self.is_offered = False
        self._programs = programs
        self._offers: list[Offer] = []
        self._known: dict[frozenset[str], bool] = {}
        """By the suffixes of the files, whether any program opens them: photos are walked through quickly."""
        self.setIcon(themed_icon("arrow-square-out"))
        tip = tip_with_keys(tip, "window.open_in")
        self.setToolTip(tip)
        self.setAccessibleName(tip)
        self.setAutoRaise(True)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        menu.aboutToShow.connect(self._fill)
        self.setMenu(menu)

    def set_offers(self, offers: Sequence[Offer]) -> None:
        """Offer files; of several offers each has a menu of its own."""
        self._offers = [offer for offer in offers if offer[1]]
        self.is_offered = any(self._is_known(files) for _, files in self._offers)

    def _is_known(self, files: Sequence[Path]) -> bool:
        kinds = frozenset(file.suffix.lower() for file in files)
        if kinds not in self._known:
            self._known[kinds] = bool(programs_for(files))
        return self._known[kinds]

    @Slot()
    def _fill(self) -> None:
        menu = self.menu()
        menu.clear()
        if len(self._offers) == 1:
            self._programs.fill(menu, self._offers[0][1])
        else:
            for title, files in self._offers:
                self._programs.add_to(menu, title, files)


def results_of(session: Session, photos: Sequence[PhotoRef]) -> list[Path]:
    """Return the newest result of each photo that has one; none twice."""
    versions = [session.restored(photo) for photo in photos]
    return list(dict.fromkeys(found[-1].path for found in versions if found))


def result_or_photo(session: Session) -> list[Path]:
    """Return the newest result of the photo that is looked at, else the photo itself; nothing where none is."""
    photo = session.current_photo
    return [] if photo is None else results_of(session, [photo]) or [photo.file]
