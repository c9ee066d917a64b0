"""What every page is to the main window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton, QWidget

from app.core.messages import Message, Severity
from app.core.session import Session
from app.core.settings import Settings
from app.jobs.runner import JobRunner
from app.look.phrases import number
from app.look.translation import tr_count
from engine.contracts.photo import PhotoPlace, PhotoRef
from engine.photos.folder import is_no_photo


class Page(QWidget):
    """Base of the seven pages.

    Attributes:
        page_id: "photos", "pretrain", "labels", "finetune", "restore", "compare" or "runs".
        title: Its name in the rail.
        icon_name: A Phosphor icon.
        tip: One sentence: what is done here, with the technical term.
        stays_when_photos_open: Whether photos that are dropped on it are opened without leaving it.

    Signals:
        rail_status_changed: A short text below the name in the rail: "212", "62 %", "2 doubtful".
        page_requested: The id of the page that shall be shown instead.
        message_raised: A `Message` for the message bar.
        computed_more: Of what a person looks at, more has been computed: what nobody waits for had better wait.
    """

    page_id: ClassVar[str]
    title: ClassVar[str]
    icon_name: ClassVar[str]
    tip: ClassVar[str]
    stays_when_photos_open: ClassVar[bool] = False

    rail_status_changed = Signal(str)
    page_requested = Signal(str)
    message_raised = Signal(object)
    computed_more = Signal()

    def __init__(self, session: Session, runner: JobRunner, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.runner = runner
        self.settings = settings
        application = QGuiApplication.instance()
        if isinstance(application, QGuiApplication):
            application.applicationStateChanged.connect(self._on_application_state_changed)

    def accept_paths(self, paths: Sequence[PhotoPlace]) -> bool:
        """Take dropped folders and files.

        Args:
            paths: What was dropped on the window while this page was shown.

        Returns:
            Whether the page took them; if not, the photos page is asked.
        """
        return False

    def without_others(self, paths: Sequence[PhotoPlace]) -> list[PhotoPlace]:
        """Leave out files that are no photos by name and content, and say so."""
        others = [path for path in paths if is_no_photo(PhotoRef.of(path))]
        if others:
            text = tr_count(
                "{name} is no photo that can be read.",
                "{number} files, such as {name}, are no photos that can be read.",
                len(others),
            )
            self.message_raised.emit(
                Message(severity=Severity.WARNING, text=text.format(name=others[0].name, number=number(len(others))))
            )
        return [path for path in paths if path not in set(others)]

    def activated(self) -> None:
        """Called each time the page has been brought to the front."""

    def come_back_to(self) -> None:
        """Called each time the person comes back from another program, where files may have been changed."""

    def first_action(self) -> QWidget | None:
        """Return what the keyboard begins with on this page, where nothing of it has the focus yet."""
        buttons = self.findChildren(QPushButton)
        return next((one for one in buttons if one.property("role") == "primary" and _can_be_pressed(one, self)), None)

    @Slot(Qt.ApplicationState)
    def _on_application_state_changed(self, state: Qt.ApplicationState) -> None:
        if state is Qt.ApplicationState.ApplicationActive:
            self.come_back_to()


def _can_be_pressed(target: QPushButton, page: QWidget) -> bool:
    return target.isVisibleTo(page) and target.isEnabled()
