"""Where results go, and what was restored before: found in the background whenever photos or results may be others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QStandardPaths, Qt, QTimer, Slot
from PySide6.QtWidgets import QApplication

from app.core.session import ModelChoice, RestoredPhoto, ResultDoubt, Session
from app.core.settings import RESTORE_DESTINATION, RESULT_FOLDERS, Settings
from app.jobs.latest_task import LatestTask
from app.look.thumbnails import shut_down_at_quit
from engine.comparing.earlier_results import FindResultsConfig, FoundResult, SoughtPhoto
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoPlace, PhotoRef
from engine.jobs import find_results

_WAIT_MS = 500
"""Photos arrive, and results are written, one after the other: looked for once that has come to rest."""

_MAX_RESULT_FOLDERS = 20


def default_destination(place: PhotoPlace) -> Path:
    """Return where restored photos go unless a person says otherwise.

    Args:
        place: The open folder, file or photo.

    Returns:
        "<folder> restored" beside it, or in the person's Pictures where that may not be written.
    """
    file = PhotoRef.of(place).file
    source = file if os.path.isdir(file) else file.parent
    name = f"{source.name or 'Photos'} restored"
    if os.access(source.parent, os.W_OK):
        return source.parent / name
    return Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)) / name


def remember_result_folder(settings: Settings, folder: Path) -> None:
    """Note that restored photos were written into a folder; of many the newest are kept."""
    others = [name for name in settings.get(RESULT_FOLDERS) if name != str(folder)]
    settings.set(RESULT_FOLDERS, [*others, str(folder)][-_MAX_RESULT_FOLDERS:])


@dataclass(frozen=True)
class _Found:
    """What a look has found, ready to be shown: of thousands of photos, naming them would hold the window up.

    Attributes:
        versions: Photos with a restored version each, oldest first.
        gone: Files that were known and are not there any more.
    """

    versions: Sequence[tuple[PhotoRef, RestoredPhoto]]
    gone: Sequence[Path]


class ResultFinder(QObject):
    """Keeps the session's restored versions in step with the files that are there.

    It looks when photos were opened, a batch has written, another model was chosen, or the person comes back from
    another program; for the photo that is looked at first.
    """

    def __init__(self, session: Session, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._settings = settings
        self._control = JobControl()
        self._is_of_one = False
        self._wait = QTimer(self, singleShot=True, interval=_WAIT_MS)
        self._wait.timeout.connect(self._look_at_current)
        self._task = LatestTask(self, finished=self._take, failed=self._give_up)
        session.folders_changed.connect(self._on_folders_changed)
        session.photos_changed.connect(self.look_soon)
        session.model_changed.connect(self.look_soon)
        session.current_photo_changed.connect(self._on_current_photo_changed)
        session.restored_changed.connect(self._on_restored_changed)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.applicationStateChanged.connect(self._on_application_state_changed)
        shut_down_at_quit(self.shut_down)

    @property
    def is_busy(self) -> bool:
        """Whether a look is under way, or will begin in a moment."""
        return self._wait.isActive() or self._task.is_busy

    @Slot()
    def look_soon(self) -> None:
        """Look once nothing has changed for a moment; what is being looked for is given up."""
        self._stop()
        self._wait.start()

    @Slot()
    def shut_down(self) -> None:
        """Give up, and wait for the thread."""
        self._stop()
        self._task.shut_down()

    def _stop(self) -> None:
        self._wait.stop()
        self._control.cancel()
        self._task.cancel()

    @Slot()
    def _on_folders_changed(self) -> None:
        self._session.set_results_known(not self._session.folders)
        self.look_soon()

    @Slot()
    def _on_current_photo_changed(self) -> None:
        if not self._session.are_results_known:
            self.look_soon()

    @Slot(object)
    def _on_restored_changed(self, sources: frozenset[PhotoRef] | None) -> None:
        # None: that is what was found.
        if sources is not None:
            self.look_soon()

    @Slot(Qt.ApplicationState)
    def _on_application_state_changed(self, state: Qt.ApplicationState) -> None:
        if state is Qt.ApplicationState.ApplicationActive:
            self.look_soon()

    @Slot()
    def _look_at_current(self) -> None:
        session = self._session
        current = session.current_photo
        if current is None or session.are_results_known:
            self._look([photo.path for photo in session.photos])
        else:
            self._look([current], is_of_one=True)

    def _look(self, photos: Sequence[PhotoRef], *, is_of_one: bool = False) -> None:
        session, settings = self._session, self._settings
        if not photos:
            self._give_up()
            return
        sought = []
        for photo in photos:
            scanned = session.photo(photo)
            if scanned is not None:
                sought.append(SoughtPhoto(photo=photo, num_bytes=scanned.num_bytes, pages=scanned.pages))
        places = session.folders
        chosen = [settings.get_for_folder(place, RESTORE_DESTINATION) for place in places]
        others = tuple(map(Path, settings.get(RESULT_FOLDERS)))
        model = session.model
        run_names = {run.record.id: run.record.name for run in session.run_catalog.runs}
        known = tuple(version.path for source in session.restored_sources for version in session.restored(source))
        control = self._control = JobControl()
        self._is_of_one = is_of_one

        def look() -> _Found:
            config = FindResultsConfig(
                photos=tuple(sought),
                folders=tuple(dict.fromkeys(_folders_of_results(places, chosen))),
                other_folders=others,
                model=None if model is None else model.path,
                known=() if is_of_one else known,
            )
            found = find_results(config, control, lambda event: None)
            # Of an edited photo among several of its name nothing can be told yet.
            told = [result for result in found.results if result.is_of_photo or not is_of_one]
            return _Found([(result.photo, _version(result, model, run_names)) for result in told], found.gone)

        self._task.submit(look)

    @Slot(object)
    def _take(self, found: _Found) -> None:
        session = self._session
        if self._is_of_one:
            session.take_found(found.versions)
            self._look([photo.path for photo in session.photos])
        else:
            session.take_found(found.versions, found.gone, are_all=True)

    @Slot()
    def _give_up(self) -> None:
        self._session.set_results_known(True)


def _version(result: FoundResult, model: ModelChoice | None, run_names: Mapping[str, str]) -> RestoredPhoto:
    """Return what the window knows of a result.

    Args:
        result: What was found.
        model: The one that restores now.
        run_names: What runs are called, by their ids.
    """
    doubt = ResultDoubt.NONE
    if not result.is_of_photo:
        doubt = ResultDoubt.PHOTO_EDITED
    elif not result.is_intact:
        doubt = ResultDoubt.RESULT_CHANGED
    elif result.is_of_model is False:
        doubt = ResultDoubt.OTHER_MODEL
    made_by = result.provenance
    if result.is_of_model and model is not None:
        label = model.name
    else:
        label = (run_names.get(made_by.run) if made_by.run else "") or made_by.model
    return RestoredPhoto(label, result.output, doubt=doubt)


def _folders_of_results(places: Iterable[PhotoPlace], chosen: Iterable[str]) -> Iterable[Path]:
    """Yield where results of open folders go, then the folders: results may lie beside their photos."""
    for place, destination in zip(places, chosen, strict=True):
        yield Path(destination) if destination else default_destination(place)
    for place in places:
        file = PhotoRef.of(place).file
        yield file if os.path.isdir(file) else file.parent
