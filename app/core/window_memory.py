"""What the window remembers from one start to the next: its place, its panes, the model and the photo in use."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QByteArray, QMargins, QObject, QPoint, QRect, QSize, Qt, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMainWindow, QSplitter, QWidget

from app.core.session import ModelChoice, Session
from app.core.settings import GIVEN_LEVELS, LAST_MODEL, LAST_PHOTO, SPLITTERS, WINDOW_GEOMETRY, Settings
from engine.contracts.given_levels import GivenLevels
from engine.contracts.photo import PhotoRef

FIRST_SIZE = (1280, 800)
FRAME_PX = (8, 48)
"""What a window's frame and title bar take at most; no system says so before the window is shown."""

TITLE_BAR_PX = 32
"""What a title bar takes at least: a size that leaves it room was chosen by the person, and stays."""


class WindowMemory(QObject):
    """Restores a window's state once it is built, and keeps what changes."""

    def __init__(self, window: QMainWindow, pages: Mapping[str, QWidget], session: Session, settings: Settings) -> None:
        super().__init__(window)
        self._window = window
        self._pages = pages
        self._session = session
        self._settings = settings
        self._awaited_photo: PhotoRef | None = None

    def restore(self) -> None:
        """Bring everything back; what is gone by now is left out."""
        self._restore_geometry()
        self._restore_splitters()
        self._recall_model()
        self._recall_levels()
        self._session.levels_changed.connect(self._keep_levels)
        photo = self._settings.get(LAST_PHOTO)
        if photo:
            self._awaited_photo = PhotoRef.of(photo)
            self._session.photos_added.connect(self._recall_photo)
        self._session.model_changed.connect(self._keep_model)
        self._session.current_photo_changed.connect(self._keep_photo)

    def remember(self) -> None:
        """Keep what is only known at the end, and write everything to the disk."""
        self._settings.set(WINDOW_GEOMETRY, _text(self._window.saveGeometry()))
        kept = dict(entry.partition("=")[::2] for entry in self._settings.get(SPLITTERS))
        # One that was never seen in this session has no sizes of its own yet.
        seen = {name: splitter for name, splitter in self._splitters().items() if any(splitter.sizes())}
        kept |= {name: _text(splitter.saveState()) for name, splitter in seen.items()}
        self._settings.set(SPLITTERS, [f"{name}={state}" for name, state in kept.items()])
        self._settings.save()

    def _splitters(self) -> dict[str, QSplitter]:
        return {
            f"{page_id}.{number}": splitter
            for page_id, page in self._pages.items()
            for number, splitter in enumerate(page.findChildren(QSplitter))
        }

    def _restore_geometry(self) -> None:
        # On a small or strongly scaled screen the first size would push the buttons below its edge.
        available = self._window.screen().availableSize()
        self._window.resize(QSize(*FIRST_SIZE).boundedTo(available - QSize(*FRAME_PX)))
        stored = self._settings.get(WINDOW_GEOMETRY)
        if stored and self._window.restoreGeometry(_bytes(stored)):
            self._bring_back()

    def _bring_back(self) -> None:
        """Let a window that was left on another screen, or on a larger one, be seen whole."""
        if self._window.isMaximized() or self._window.isFullScreen():
            return
        place = self._window.geometry()
        screen = QGuiApplication.screenAt(place.center()) or QGuiApplication.primaryScreen()
        room = screen.availableGeometry().marginsRemoved(QMargins(0, TITLE_BAR_PX, 0, 0))
        size = place.size().boundedTo(room.size()).expandedTo(self._window.minimumSize())
        left = max(room.left(), min(place.left(), room.left() + room.width() - size.width()))
        top = max(room.top(), min(place.top(), room.top() + room.height() - size.height()))
        self._window.setGeometry(QRect(QPoint(left, top), size))

    def _restore_splitters(self) -> None:
        splitters = self._splitters()
        for entry in self._settings.get(SPLITTERS):
            name, _, state = entry.partition("=")
            splitter = splitters.get(name)
            if splitter is not None:
                num_parts, may_collapse = splitter.count(), splitter.childrenCollapsible()
                splitter.restoreState(_bytes(state))
                # Another version may have had another splitter in this place.
                splitter.setChildrenCollapsible(may_collapse)
                if num_parts and not any(splitter.sizes()):
                    splitter.setSizes([1] * num_parts)

    def _recall_model(self) -> None:
        stored = self._settings.get(LAST_MODEL)
        if stored and os.path.exists(stored):
            path = Path(stored)
            starter = self._session.find_starter(path)
            # The catalogue is read in the background; a run's own name follows with it.
            self._session.set_model(ModelChoice(path, starter.title if starter is not None else path.stem))
            self._session.run_catalog.changed.connect(self._name_model)
        else:
            self._session.run_catalog.read.connect(
                self._session.choose_default_model, Qt.ConnectionType.SingleShotConnection
            )

    def _recall_levels(self) -> None:
        found = []
        for text in self._settings.get(GIVEN_LEVELS):
            # The file of settings may have been edited.
            with suppress(ValueError):
                found.append(GivenLevels.of_text(text))
        self._session.set_levels(found)

    @Slot()
    def _keep_levels(self) -> None:
        self._settings.set(GIVEN_LEVELS, [given.as_text for given in self._session.levels])

    @Slot()
    def _name_model(self) -> None:
        model = self._session.model
        entry = self._session.run_catalog.find(model.path) if model else None
        if entry is not None:
            self._session.set_model(ModelChoice(entry.path, entry.record.name))

    @Slot()
    def _keep_model(self) -> None:
        model = self._session.model
        self._settings.set(LAST_MODEL, str(model.path) if model else "")

    @Slot()
    def _keep_photo(self) -> None:
        photo = self._session.current_photo
        if photo is not None:
            self._awaited_photo = None
            self._settings.set(LAST_PHOTO, str(photo))

    @Slot(tuple)
    def _recall_photo(self, photos: tuple[object, ...]) -> None:
        """Look at the last photo again as soon as the scan has found it."""
        awaited = self._awaited_photo
        if awaited is not None and self._session.photo(awaited) is not None:
            self._session.set_current_photo(awaited)


def _text(state: QByteArray) -> str:
    return bytes(state.toBase64().data()).decode()


def _bytes(text: str) -> QByteArray:
    return QByteArray.fromBase64(text.encode())
