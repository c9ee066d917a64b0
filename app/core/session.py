"""What the pages share: the photos, the labels, the results, the model. Qt-side model, no widgets, no work.

Pages never import each other; each changes the session and follows its signals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoStack

from app.core.run_catalog import RunCatalog
from app.core.shown_channel import show_channel, shown_channel
from app.look.translation import format_number, tr
from engine.contracts.events import FileSkipped, PhotoScanned
from engine.contracts.given_levels import GivenLevels
from engine.contracts.photo import PhotoPlace, PhotoRef, photo_place
from engine.method.catalogue.tasks import TASKS
from engine.models.starters import StarterModel
from engine.photo_files.values.given import prefer_levels

if TYPE_CHECKING:
    from engine.photos.pairs import PhotoPair
    from engine.runs.store import RunStore

_FIRST_TASK = next(iter(TASKS))
"""What a person is offered who has trained nothing yet."""


def _place_of_task(starter: StarterModel) -> int:
    tasks = list(TASKS)
    return tasks.index(starter.task) if starter.task in tasks else len(tasks)


class ResultDoubt(Enum):
    """Why a restored version may not be what would come of the photo now."""

    NONE = "none"
    PHOTO_EDITED = "photo edited"
    """It was made from an earlier state of the photo."""
    RESULT_CHANGED = "result changed"
    """The file is not what was written."""
    OTHER_MODEL = "other model"
    """Another model made it than the one that restores now, or an earlier state of that."""


@dataclass(frozen=True)
class RestoredPhoto:
    """One restored version of a photo.

    Attributes:
        label: What made it, e.g. the model's name; shown as the caption of its pane.
        path: The file.
        page: Which page of it; 0: it holds one photo.
        doubt: Why it may not be what would come of the photo now.
    """

    label: str
    path: Path
    page: int = 0
    doubt: ResultDoubt = ResultDoubt.NONE

    @property
    def photo(self) -> PhotoRef:
        """The same as what can be read."""
        return PhotoRef(self.path, self.page)


@dataclass(frozen=True)
class InspectRequest:
    """A restored photo whose residual shall be examined.

    Attributes:
        noisy: The photo as it was.
        restored: The restored version.
        label: What made it; "" where unknown.
        page: Which page of the restored version; 0: it holds one photo.
    """

    noisy: PhotoRef
    restored: Path
    label: str = ""
    page: int = 0


@dataclass(frozen=True)
class ModelChoice:
    """The model used for restoring.

    Attributes:
        path: A run folder or a model file.
        name: What a person calls it.
    """

    path: Path
    name: str


class Session(QObject):
    """The state of the open window.

    All methods and signals belong to the main thread. What a person may want back (exclusions, label edits,
    renames, deletions) is pushed on `undo_stack` as commands by the page that does it.

    Attributes:
        run_store: Where runs are kept.
        starters: The models that ship with the program.
        run_catalog: The stored runs as last read; read again after `runs_changed`.
        undo_stack: What Ctrl+Z takes back.
        selected_photos: What is selected on the Photos page; one photo is merely the one that is looked at.
        are_results_known: Whether it has been looked for what was restored before, of all photos.
        tried_speeds: What trials of trainings have shown of this machine: pixels a second by kind of training and by
            what it depends on, see `app.pages.training.setup.time`.

    Signals:
        folders_changed: Other photo folders.
        levels_changed: Other levels are given by hand.
        shown_channel_changed: A microscope's channels are looked at together now, or another one alone.
        levels_requested: The dialog for them shall open.
        photos_added: New photos arrived while scanning (tuple of PhotoScanned).
        photos_changed: The list of photos is another, or has grown.
        photos_measured: More is known of photos that were there before, such as their noise.
        skipped_changed: The list of unusable files.
        excluded_changed: Photos were taken out of, or back into, training.
        references_changed: Other reference folders or files.
        label_pairs_changed: Other label pairs, or other files of clean references.
        restored_changed: Photos have new restored versions (frozenset of PhotoRef), or None: any may have others.
        restoring_changed: Other photos are being restored, or wait for it.
        model_changed: Another model is used for restoring.
        current_photo_changed: Another photo is looked at, or another page of it.
        runs_changed: A run was created, changed, deleted or brought back.
        resume_requested: A `RunEntry` whose training shall go on, on the page of its kind.
        start_requested: The path of a run that the next fine-tuning shall start from.
        inspect_requested: The residual inspector shall open, with an `InspectRequest`, or with None for the newest
            version of the current photo.
        restore_requested: Photos (tuple of PhotoRef) shall be restored, and whether a person chose them one by one.
        comparison_requested: The models (tuple of ModelChoice) whose results shall be compared, one a pane.
        engine_loaded: torch and the jobs are in memory, and where they compute is known.
    """

    folders_changed = Signal()
    levels_changed = Signal()
    shown_channel_changed = Signal()
    levels_requested = Signal()
    photos_added = Signal(tuple)
    photos_changed = Signal()
    photos_measured = Signal()
    skipped_changed = Signal()
    excluded_changed = Signal()
    references_changed = Signal()
    label_pairs_changed = Signal()
    restored_changed = Signal(object)
    restoring_changed = Signal()
    model_changed = Signal()
    current_photo_changed = Signal()
    runs_changed = Signal()
    resume_requested = Signal(object)
    start_requested = Signal(object)
    restore_requested = Signal(object, bool)
    comparison_requested = Signal(object)
    inspect_requested = Signal(object)
    engine_loaded = Signal()

    def __init__(
        self, run_store: RunStore, starters: Sequence[StarterModel] = (), parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.run_store = run_store
        self.starters = tuple(sorted(starters, key=_place_of_task))
        self.run_catalog = RunCatalog(run_store, self)
        self.runs_changed.connect(self.run_catalog.refresh)
        self.undo_stack = QUndoStack(self)
        self._folders: tuple[PhotoPlace, ...] = ()
        self._levels: tuple[GivenLevels, ...] = ()
        self._photos: dict[PhotoRef, PhotoScanned] = {}
        # Asked for by all pages at every change; of ten thousand photos each takes milliseconds.
        self._photo_tuple: tuple[PhotoScanned, ...] | None = None
        self._included_tuple: tuple[PhotoScanned, ...] | None = None
        self._skipped: dict[PhotoRef, FileSkipped] = {}
        self._excluded: frozenset[PhotoRef] = frozenset()
        self._references: tuple[PhotoPlace, ...] = ()
        self._clean_photos: tuple[PhotoRef, ...] = ()
        self._label_pairs: tuple[PhotoPair, ...] = ()
        self._unfitted_labels: frozenset[PhotoRef] = frozenset()
        self._measuring_labels: frozenset[PhotoRef] = frozenset()
        self._restored: dict[PhotoRef, list[RestoredPhoto]] = {}
        self._model: ModelChoice | None = None
        self._current_photo: PhotoRef | None = None
        self._current_page = 0
        self._restored_pages: set[Path] = set()
        self._labels_of_results: dict[Path, str] = {}
        self._being_restored: set[PhotoRef] = set()
        self._compute_text = ""
        self.selected_photos: tuple[PhotoRef, ...] = ()
        self.are_results_known = True
        self.tried_speeds: dict[tuple[str, str], float] = {}

    @property
    def compute_text(self) -> str:
        """Where the network computes: "CPU · bf16"; "" until the engine is loaded."""
        return self._compute_text

    @property
    def folders(self) -> tuple[PhotoPlace, ...]:
        """The photo folders or files as they were opened."""
        return self._folders

    @property
    def levels(self) -> tuple[GivenLevels, ...]:
        """What is black and white in photos by hand; all that read in this process see it."""
        return self._levels

    @property
    def folder_name(self) -> str:
        """What to call the open photos: the first folder's name, and how many more there are."""
        if not self._folders:
            return ""
        more = len(self._folders) - 1
        return self._folders[0].name + (tr(" + {number} more").format(number=format_number(more)) if more else "")

    @property
    def photos(self) -> tuple[PhotoScanned, ...]:
        """All usable photos found, in the order of the scan."""
        if self._photo_tuple is None:
            self._photo_tuple = tuple(self._photos.values())
        return self._photo_tuple

    @property
    def included_photos(self) -> tuple[PhotoScanned, ...]:
        """The photos without the excluded ones: what is learned from."""
        if self._included_tuple is None:
            excluded = self._excluded
            self._included_tuple = (
                tuple(photo for path, photo in self._photos.items() if path not in excluded)
                if excluded
                else self.photos
            )
        return self._included_tuple

    @property
    def num_pages(self) -> int:
        """How many pages the included photos have in all, a photo that is no stack being one."""
        return sum(max(len(photo.pages), 1) for photo in self.included_photos)

    @property
    def teaching_photos(self) -> tuple[PhotoRef, ...]:
        """What is learned from one by one: the included photos, and of a stack each page."""
        return tuple(page for photo in self.included_photos for page in photo.photos)

    @property
    def skipped(self) -> tuple[FileSkipped, ...]:
        """The files that cannot be used, with a reason each."""
        return tuple(self._skipped.values())

    @property
    def excluded(self) -> frozenset[PhotoRef]:
        """Photos that a person took out."""
        return self._excluded

    @property
    def references(self) -> tuple[PhotoPlace, ...]:
        """Folders or files of clean references as they were added."""
        return self._references

    @property
    def clean_photos(self) -> tuple[PhotoRef, ...]:
        """The files of clean references, with a noisy photo of their name or without."""
        return self._clean_photos

    @property
    def label_pairs(self) -> tuple[PhotoPair, ...]:
        """Pairs of a noisy photo and its clean reference that teach or measure."""
        return self._label_pairs

    @property
    def measuring_labels(self) -> frozenset[PhotoRef]:
        """Noisy photos whose pair only measures."""
        return self._measuring_labels

    @property
    def unfitted_labels(self) -> frozenset[PhotoRef]:
        """Noisy photos whose reference keeps its own exposure or stretch."""
        return self._unfitted_labels

    @property
    def model(self) -> ModelChoice | None:
        """The model used for restoring; None while there is none."""
        return self._model

    @property
    def current_photo(self) -> PhotoRef | None:
        """The photo, or stack, that is looked at on the pages which show one."""
        return self._current_photo

    @property
    def shown_photo(self) -> PhotoRef | None:
        """The photo that is looked at: of a stack the page."""
        current = self._current_photo
        return PhotoRef(current.file, self._current_page) if current is not None and self._current_page else current

    @property
    def restored_sources(self) -> tuple[PhotoRef, ...]:
        """The photos of which there is a restored version."""
        return tuple(self._restored)

    @property
    def restored_labels(self) -> tuple[str, ...]:
        """What made the restored versions, each once."""
        labels = (version.label for versions in self._restored.values() for version in versions)
        return tuple(dict.fromkeys(labels))

    def training_sources(self, *, is_whole_folder: bool) -> tuple[PhotoPlace, ...]:
        """Return what a training is given: the folders while all their photos count, else the photos one by one.

        Args:
            is_whole_folder: Whether the scan looked into subfolders, as the training will.
        """
        if is_whole_folder and not self._excluded:
            return self._folders
        return tuple(photo_place(photo.path) for photo in self.included_photos)

    def photo(self, photo: PhotoRef) -> PhotoScanned | None:
        """Return what the scan found out about a photo; of a page about its stack."""
        return self._photos.get(photo) or (self._stack_of(photo) if photo.page else None)

    def set_engine_loaded(self, compute_text: str) -> None:
        """Note that torch and the jobs are in memory."""
        self._compute_text = compute_text
        self.engine_loaded.emit()

    def set_folders(self, folders: Iterable[PhotoPlace], excluded: Iterable[PhotoRef] = ()) -> None:
        """Open other photo folders: forget the photos, exclusions and restored versions of the old ones.

        Args:
            folders: All that are open from now on.
            excluded: Photos of theirs that are left out. Set later, `excluded_changed` would tell of none at first, and
                none would be remembered.
        """
        self._folders = tuple(folders)
        self._photos.clear()
        self._forget_tuples()
        self._skipped.clear()
        self._excluded = frozenset(excluded)
        self._restored.clear()
        self._restored_pages.clear()
        self._labels_of_results.clear()
        self._current_photo, self._current_page = None, 0
        self.selected_photos = ()
        self.undo_stack.clear()
        self.folders_changed.emit()
        self.photos_changed.emit()
        self.skipped_changed.emit()
        self.excluded_changed.emit()
        self.restored_changed.emit(None)
        self.current_photo_changed.emit()

    def set_levels(self, levels: Iterable[GivenLevels]) -> None:
        """Say what is black and white in photos by hand."""
        changed = tuple(levels)
        prefer_levels(changed)
        if changed != self._levels:
            self._levels = changed
            self.levels_changed.emit()

    def set_shown_channel(self, channel: int) -> None:
        """Say which channel of a microscope's photos is looked at alone, see `shown_channel`; 0: all together."""
        if channel != shown_channel():
            show_channel(channel)
            self.shown_channel_changed.emit()

    def extend_folders(self, folders: Iterable[PhotoPlace]) -> None:
        """Open further photo folders beside the present ones."""
        self._folders = tuple(dict.fromkeys((*self._folders, *folders)))
        self.folders_changed.emit()

    def add_photos(self, photos: Sequence[PhotoScanned]) -> None:
        """Add photos found by a scan; one that is already there is replaced, and is no skipped file any more."""
        if photos:
            has_grown = any(photo.path not in self._photos for photo in photos)
            self._photos.update((photo.path, photo) for photo in photos)
            self._forget_tuples()
            mended = [photo.path for photo in photos if self._skipped.pop(photo.path, None) is not None]
            if has_grown:
                self.photos_added.emit(tuple(photos))
                self.photos_changed.emit()
            else:
                self.photos_measured.emit()
            if mended:
                self.skipped_changed.emit()

    def add_skipped(self, files: Sequence[FileSkipped]) -> None:
        """Add files found unusable by a scan, be it only when they were decoded: they are no photos any more."""
        if files:
            self._skipped.update((file.path, file) for file in files)
            lost = [file.path for file in files if self._photos.pop(file.path, None) is not None]
            self._forget_tuples()
            self.skipped_changed.emit()
            if lost:
                self.photos_changed.emit()

    def forget(self, photos: Iterable[PhotoRef]) -> None:
        """Forget photos and skipped files that are not there any more."""
        for photo in photos:
            self._photos.pop(photo, None)
            self._skipped.pop(photo, None)
        self._forget_tuples()
        self.photos_changed.emit()
        self.skipped_changed.emit()

    def is_excluded(self, photo: PhotoRef) -> bool:
        """Return whether a photo, or the stack that it is a page of, was taken out."""
        return photo in self._excluded or (bool(photo.page) and PhotoRef(photo.file) in self._excluded)

    def set_excluded(self, excluded: Iterable[PhotoRef]) -> None:
        """Set which photos are left out."""
        changed = frozenset(excluded)
        if changed != self._excluded:
            self._excluded, self._included_tuple = changed, None
            self.excluded_changed.emit()

    def _forget_tuples(self) -> None:
        self._photo_tuple = None
        self._included_tuple = None

    def set_references(self, references: Iterable[PhotoPlace]) -> None:
        """Set the folders or files of clean references."""
        changed = tuple(dict.fromkeys(references))
        if changed != self._references:
            self._references = changed
            self.references_changed.emit()

    def set_label_pairs(
        self, pairs: Iterable[PhotoPair], unfitted: Iterable[PhotoRef] = (), measuring: Iterable[PhotoRef] = ()
    ) -> None:
        """Set the pairs that teach or measure.

        Args:
            pairs: A noisy photo and its reference each.
            unfitted: Noisy photos whose reference keeps its own exposure or stretch.
            measuring: Noisy photos whose pair only measures.
        """
        changed = (tuple(pairs), frozenset(unfitted), frozenset(measuring))
        if changed != (self._label_pairs, self._unfitted_labels, self._measuring_labels):
            self._label_pairs, self._unfitted_labels, self._measuring_labels = changed
            self.label_pairs_changed.emit()

    def set_clean_photos(self, photos: Iterable[PhotoRef]) -> None:
        """Set the files of clean references."""
        changed = tuple(photos)
        if changed != self._clean_photos:
            self._clean_photos = changed
            self.label_pairs_changed.emit()

    def starter_of(self, task: str) -> StarterModel | None:
        """Return the shipped model of a task; None where there is none."""
        return next((starter for starter in self.starters if starter.task == task), None)

    def starter_to_learn_from(self, task: str) -> StarterModel | None:
        """Return the shipped model that a training for a task best begins with: its own, or the one that denoises.

        As `engine.models.starters.starter_to_learn_from` does: one backbone serves all tasks.
        """
        return self.starter_of(task) or self.starter_of(_FIRST_TASK)

    def find_starter(self, path: Path) -> StarterModel | None:
        """Return the shipped model of a file."""
        return next((starter for starter in self.starters if starter.path == path), None)

    def choose_default_model(self) -> None:
        """Where no model is chosen, choose the newest of one's own, else the shipped one that denoises."""
        if self._model is not None:
            return
        newest = next((entry for entry in self.run_catalog.runs if entry.has_model), None)
        starter = self.starter_of(_FIRST_TASK)
        if newest is not None:
            self.set_model(ModelChoice(newest.path, newest.record.name))
        elif starter is not None:
            self.set_model(ModelChoice(starter.path, starter.title))

    def set_model(self, model: ModelChoice | None) -> None:
        """Choose the model used for restoring."""
        if model != self._model:
            self._model = model
            self.model_changed.emit()

    def set_current_photo(self, photo: PhotoRef | None) -> None:
        """Choose the photo that is looked at; of a stack its first page, or the one that is named."""
        page = 0
        stack = self._stack_of(photo) if photo is not None else None
        if photo is not None and stack is not None:
            page = photo.page
            photo = stack.path
            if page not in stack.pages:
                page = self._current_page if photo == self._current_photo else stack.pages[0]
        if photo != self._current_photo or page != self._current_page:
            self._current_photo, self._current_page = photo, page
            self.current_photo_changed.emit()

    def restored(self, source: PhotoRef) -> tuple[RestoredPhoto, ...]:
        """Return the restored versions of a photo, oldest first; of a page those of its stack, at that page."""
        versions = self._restored.get(source)
        stack = None if versions else self._stack_of(source)
        if stack is None:
            return tuple(versions or ())
        if source.page in stack.pages:
            number = stack.pages.index(source.page) + 1
            return tuple(replace(version, page=number) for version in self._restored.get(stack.path, ()))
        # In a format without pages each has become a file of its own.
        pages = stack.photos if source.file in self._restored_pages else ()
        return next((tuple(self._restored[page]) for page in pages if page in self._restored), ())

    def has_result(self, source: PhotoRef) -> bool:
        """Return whether there is a restored version of a photo as it is now."""
        return any(version.doubt is not ResultDoubt.PHOTO_EDITED for version in self.restored(source))

    def _stack_of(self, photo: PhotoRef) -> PhotoScanned | None:
        """Return the stack that a photo is, or is a page of."""
        found = self._photos.get(PhotoRef(photo.file) if photo.page else photo)
        return found if found is not None and found.pages else None

    def inspection_of_current(self) -> InspectRequest | None:
        """Return what to inspect of the photo that is looked at: its newest restored version; None without one."""
        source = self.shown_photo
        if source is None or not self.has_result(source):
            return None
        versions = self.restored(source)
        return InspectRequest(source, versions[-1].path, versions[-1].label, versions[-1].page)

    def add_restored(self, restored: Sequence[tuple[PhotoRef, RestoredPhoto]]) -> None:
        """Add restored versions, each with its photo; an older one of the same file is replaced."""
        for source, added in restored:
            versions = [version for version in self._restored.get(source, []) if version.path != added.path]
            self._restored[source] = [*versions, added]
            self._labels_of_results[added.path] = added.label
            if source.page:
                self._restored_pages.add(source.file)
        if restored:
            # Told once: every page looks through all photos then.
            self.restored_changed.emit(frozenset(source for source, _ in restored))

    def take_found(
        self,
        found: Iterable[tuple[PhotoRef, RestoredPhoto]],
        gone: Iterable[Path] = (),
        *,
        are_all: bool = False,
    ) -> None:
        """Take over restored versions that were found where results lie.

        Args:
            found: Photos with a version each, oldest first; what this window has restored keeps its label.
            gone: Files of versions that are not there any more.
            are_all: Whether it has been looked for those of all photos, as by `set_results_known`.
        """
        lost = set(gone)
        by_source: dict[PhotoRef, list[RestoredPhoto]] = {}
        for source, version in found:
            label = self._labels_of_results.get(version.path)
            by_source.setdefault(source, []).append(replace(version, label=label) if label else version)
        # One that has been found may have been taken for another photo's until now.
        lost |= {version.path for versions in by_source.values() for version in versions}
        before, self._restored = self._restored, {}
        for source in dict.fromkeys([*before, *by_source]):
            kept = [version for version in before.get(source, ()) if version.path not in lost]
            versions = [*by_source.get(source, ()), *kept]
            versions.sort(key=lambda version: version.doubt is not ResultDoubt.PHOTO_EDITED)
            if versions:
                self._restored[source] = versions
        self._restored_pages = {source.file for source in self._restored if source.page}
        is_other = self._restored != before
        if are_all and not self.are_results_known:
            # Told once: every page looks through all photos then.
            self.are_results_known = is_other = True
        if is_other:
            self.restored_changed.emit(None)

    def set_results_known(self, are_known: bool) -> None:
        """Note whether it has been looked for what was restored before, of all photos."""
        if are_known != self.are_results_known:
            self.are_results_known = are_known
            self.restored_changed.emit(None)

    def is_being_restored(self, photo: PhotoRef) -> bool:
        """Return whether a photo, or the stack that it is a page of, is being restored, or waits for it."""
        return photo in self._being_restored or (bool(photo.page) and PhotoRef(photo.file) in self._being_restored)

    def begin_restoring(self, photos: Iterable[PhotoRef]) -> None:
        """Note that photos are being restored, or wait for it."""
        self._being_restored.update(photos)
        self.restoring_changed.emit()

    def end_restoring(self, photos: Iterable[PhotoRef]) -> None:
        """Note that photos are being restored no more, whatever became of them."""
        self._being_restored.difference_update(photos)
        self.restoring_changed.emit()
