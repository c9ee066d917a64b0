"""The page of the labels: clean references of a few noisy photos, matched, examined and looked at."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import QWidget

from app.core.messages import Message, Severity
from app.core.session import Session
from app.core.settings import LAST_REFERENCE_FOLDERS, SUGGESTED_LABELS, Settings
from app.jobs.runner import JobRunner
from app.look.buttons import button, primary_button, set_reason
from app.look.layouts import in_column
from app.look.theme import SPACING
from app.look.thumbnails import shared_thumbnails
from app.look.translation import format_number, mark, tr, tr_count, translate_engine
from app.pages.labels.burst import BurstForm, burst_text
from app.pages.labels.content import LabelContent
from app.pages.labels.decisions import LabelDecisions, keep_for_closed, recall_decisions, store_decisions
from app.pages.labels.entries import LabelEntry, MatchRequest, entries_of, is_used, suggested_entries, used_pairs
from app.pages.labels.jobs import LabelJobs
from app.pages.labels.list import LabelListModel
from app.pages.labels.matching import matching_menu
from app.pages.shared.page import Page
from app.pages.shared.photo_dialogs import ask_for_photo_folder, ask_for_photos
from app.pages.shared.undoing import Change, undoable
from app.widgets.drop_zone import DropZone
from app.widgets.empty_state import EmptyState
from app.widgets.room.current_stack import CurrentStack
from engine.contracts.photo import PhotoPlace, PhotoRef, photo_place
from engine.labelling.alignment import AlignResult
from engine.labelling.burst import BurstResult
from engine.labelling.suggestion import LabelSuggestion, SuggestedLabel
from engine.method.catalogue.tasks import TASKS
from engine.photos.pairs import PairMatching, PhotoPair

_MATCH_DELAY_MS = 300
_NOTHING = PairMatching(pairs=(), doubtful=(), unmatched_clean=())


class LabelsPage(Page):
    """Pairs left, the chosen pair and what is known about it right.

    Attributes:
        content: What is shown while there is anything to show.
        burst_form: What is shown while a burst is chosen.
        jobs: The page's background jobs.
        decisions: What the person decided otherwise than the matching and the pair doctor.
    """

    page_id = "labels"
    title = mark("Labels")
    icon_name = "tag"
    tip = mark("Add clean references of a few photos: the labels that fine-tuning learns from.")

    def __init__(self, session: Session, runner: JobRunner, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(session, runner, settings, parent)
        self.decisions = LabelDecisions()
        self._matching = _NOTHING
        self._suggested: tuple[SuggestedLabel, ...] = ()
        self._folders_aligned: tuple[PhotoPlace, ...] = ()
        self._match_later = QTimer(self, singleShot=True, interval=_MATCH_DELAY_MS)
        self._match_later.timeout.connect(self._match)
        self.jobs = LabelJobs(runner, self)
        self.content = LabelContent(shared_thumbnails(session))
        self.content.suggestion_count.setValue(settings.get(SUGGESTED_LABELS))
        self.burst_form = BurstForm(settings, shared_thumbnails(session))
        self._no_photos = EmptyState(
            "tag",
            tr("Labels are clean references of some of your noisy photos, so open the noisy photos first."),
            tr("Go to Photos"),
        )
        self._no_photos.action_requested.connect(lambda: self.page_requested.emit("photos"))
        self._stack = CurrentStack()
        for part in (self._no_photos, self._build_drop_zone(), self.content, self.burst_form):
            self._stack.addWidget(part)
        in_column(self._stack, of=self, margins=2 * SPACING)
        self._connect()
        self._update()

    @property
    def model(self) -> LabelListModel:
        """The pairs."""
        return self.content.model

    def accept_paths(self, paths: Sequence[PhotoPlace]) -> bool:
        if self._stack.currentWidget() is self.burst_form:
            self._add_shots(paths)
            return True
        if not self.session.photos:
            return False
        self.add_references(paths)
        return True

    def add_references(self, paths: Sequence[PhotoPlace]) -> None:
        """Add folders or files of clean references."""
        photos = self.without_others([photo_place(path).absolute() for path in paths])
        self.session.set_references([*self.session.references, *photos])

    @Slot()
    def choose_references(self) -> None:
        """Ask for a folder of references and add it."""
        chosen = ask_for_photo_folder(self, tr("Add a folder of clean references"), self.settings)
        if chosen is not None:
            self.add_references([chosen])

    @Slot()
    def choose_reference_files(self) -> None:
        """Ask for files and add them as references."""
        self.add_references(ask_for_photos(self, tr("Add clean references"), self.settings, several=True))

    @Slot(object, bool)
    def use_pair(self, entry: LabelEntry, wanted: bool) -> None:
        """Use a pair, or set it aside; can be undone."""
        if entry.noisy is None or wanted == is_used(entry, self.decisions):
            return
        text = tr("{name} is used") if wanted else tr("{name} is set aside")
        self._decide(self.decisions.with_use(entry.noisy, wanted), text.format(name=entry.noisy.name))

    @Slot(object, bool)
    def fit_reference(self, entry: LabelEntry, wanted: bool) -> None:
        """Make a reference as bright as its photo, or let it keep its own brightness; can be undone."""
        if entry.noisy is None or wanted == entry.is_fitted:
            return
        text = tr("The reference of {name} is fitted") if wanted else tr("The reference of {name} is taught as it is")
        self._decide(self.decisions.with_fit(entry.noisy, wanted), text.format(name=entry.noisy.name))

    @Slot(object, bool)
    def let_measure(self, entry: LabelEntry, wanted: bool) -> None:
        """Let a pair only measure, or teach; can be undone."""
        if entry.noisy is None or wanted == entry.only_measures:
            return
        text = tr("{name} only measures") if wanted else tr("{name} teaches")
        self._decide(self.decisions.with_measuring(entry.noisy, wanted), text.format(name=entry.noisy.name))

    def choose_match(self, noisy: PhotoRef, clean: PhotoRef | None) -> None:
        """Give a noisy photo another reference, or none; can be undone."""
        text = tr("{name} has another reference") if clean is not None else tr("{name} has no reference")
        self._decide(self.decisions.with_match(noisy, clean), text.format(name=noisy.name))

    def set_decisions(self, decisions: LabelDecisions) -> None:
        """Let other decisions hold, and remember them."""
        must_match = decisions.matches != self.decisions.matches
        self.decisions = decisions
        if self.session.folders:
            store_decisions(self.settings, self.session.folders, decisions)
        self._rebuild()
        if must_match:
            self._match_soon()

    @Slot()
    def suggest(self) -> None:
        """Choose the photos whose references would teach most."""
        starter = self.session.starter_of(next(iter(TASKS)))
        chosen = self.session.model
        model = chosen.path if chosen is not None else starter.path if starter is not None else None
        photos = list(self.session.teaching_photos)
        number = self.content.suggestion_count.value()
        self.settings.set(SUGGESTED_LABELS, number)
        if model is not None and photos:
            self.jobs.suggest(model, photos, number)

    @Slot()
    def show_burst_form(self) -> None:
        """Ask for the shots of a burst."""
        self._stack.setCurrentWidget(self.burst_form)

    def _connect(self) -> None:
        content, jobs, session = self.content, self.jobs, self.session
        content.use_requested.connect(self.use_pair)
        content.folder_requested.connect(self.choose_references)
        content.files_requested.connect(self.choose_reference_files)
        content.burst_requested.connect(self.show_burst_form)
        content.suggest_requested.connect(self.suggest)
        content.align_requested.connect(self._align)
        content.fit_requested.connect(self.fit_reference)
        content.measure_requested.connect(self.let_measure)
        content.match_requested.connect(self._ask_for_match)
        content.reference_closed.connect(self._close_reference)
        content.train_requested.connect(lambda: self.page_requested.emit("finetune"))
        self.burst_form.list.dropped.connect(self._add_shots)
        self.burst_form.closed.connect(self._leave_burst_form)
        self.burst_form.start_requested.connect(jobs.make_burst)
        jobs.matched.connect(self._take_matching)
        jobs.examined.connect(self._rebuild)
        jobs.suggested.connect(self._take_suggestion)
        jobs.aligned.connect(self._take_aligned)
        jobs.burst_made.connect(self._take_burst)
        # After the result has been taken, which comes right behind this signal.
        jobs.state_changed.connect(self._update, Qt.ConnectionType.QueuedConnection)
        session.folders_changed.connect(self._recall)
        session.photos_changed.connect(self._match_soon)
        session.excluded_changed.connect(self._match_soon)
        session.levels_changed.connect(self._match_soon)
        session.levels_changed.connect(content.pair_view.look)
        session.shown_channel_changed.connect(content.pair_view.look)
        session.references_changed.connect(self._on_references_changed)
        session.model_changed.connect(self._update)

    def _build_drop_zone(self) -> QWidget:
        add = primary_button(tr("Add references"), "folder-plus")
        add.clicked.connect(self.choose_references)
        burst = button(tr("Make from a burst"), "stack")
        burst.clicked.connect(self.show_burst_form)
        self.first_suggest = button(tr("Suggest which to label"), "sparkle")
        self.first_suggest.clicked.connect(self.suggest)
        zone = DropZone(
            "tag",
            tr("Drop clean references here"),
            tr(
                "Clean versions of some of your noisy photos, with the same file names. Five are a good start; without "
                "any, pretraining alone restores too. For enlarging and raw development, any clean photos serve: their "
                "labels are made from them."
            ),
            [add, burst, self.first_suggest],
        )
        zone.dropped.connect(self.add_references)
        return zone

    def _decide(self, decisions: LabelDecisions, text: str) -> Change:
        """Decide otherwise about some photos; can be undone.

        Decisions about others stay, such as those of folders that are opened later.
        """
        before = self.decisions
        photos = decisions.photos_decided_otherwise(before)
        change = Change(
            text,
            do=lambda: self.set_decisions(self.decisions.with_those_about(photos, decisions)),
            take_back=lambda: self.set_decisions(self.decisions.with_those_about(photos, before)),
        )
        self.session.undo_stack.push(change)
        return change

    @Slot()
    def _recall(self) -> None:
        """Open the references and decisions that were made for these photo folders before."""
        folders = self.session.folders
        # Looking through new folders must not wait for it.
        self.jobs.stop("examine")
        references = list(self.session.references) if folders else []
        for folder in folders:
            remembered = self.settings.get_for_folder(folder, LAST_REFERENCE_FOLDERS)
            references.extend(photo_place(name) for name in remembered if PhotoRef.of(name).is_on_disk())
        self.decisions = recall_decisions(self.settings, folders)
        self.session.set_references(references)
        self._match_soon()

    @Slot()
    def _on_references_changed(self) -> None:
        for folder in self.session.folders:
            self.settings.set_for_folder(
                folder, LAST_REFERENCE_FOLDERS, [str(path) for path in self.session.references]
            )
        self._match_soon()

    @Slot()
    def _match_soon(self) -> None:
        if self._has_labels:
            self._match_later.start()
        else:
            self._match_later.stop()
            self.jobs.stop("match")
            self._matching = _NOTHING
        self._rebuild()

    @property
    def _has_labels(self) -> bool:
        has_matches = any(clean is not None for clean in self.decisions.matches.values())
        return bool(self.session.photos and (self.session.references or has_matches))

    @Slot()
    def _match(self) -> None:
        self.jobs.match(
            MatchRequest(
                noisy=self.session.teaching_photos,
                references=self.session.references,
                matches={
                    noisy: clean
                    for noisy, clean in self.decisions.matches.items()
                    if not self.session.is_excluded(noisy)
                },
            )
        )

    @Slot(object)
    def _take_matching(self, matching: PairMatching) -> None:
        if not self._has_labels:
            return
        self._matching = matching
        self.jobs.examine(matching.pairs)
        self._rebuild()

    @Slot(object)
    def _take_suggestion(self, suggestion: LabelSuggestion) -> None:
        self._suggested = suggestion.suggested
        self._rebuild()
        self.content.show_suggestions()

    @Slot(object)
    def _align(self, pairs: Sequence[PhotoPair]) -> None:
        self._folders_aligned = self.session.folders
        self.jobs.align(pairs)

    @Slot(object)
    def _take_aligned(self, result: AlignResult) -> None:
        copies = {copy.pair.noisy: PhotoRef(copy.path) for copy in result.aligned}
        # Other folders may have been opened meanwhile.
        copies = keep_for_closed(self.settings, copies, self._folders_aligned, self.session.folders)
        decisions = self.decisions
        for noisy, copy in copies.items():
            decisions = decisions.with_match(noisy, copy)
        if copies:
            number = len(copies)
            text = tr_count("{number} reference is aligned", "{number} references are aligned", number)
            text = text.format(number=format_number(number))
            self._tell(self._decide(decisions, text), text + tr("; your files stay as they are."))
        for file in result.failed[:1]:
            self.message_raised.emit(
                Message(
                    severity=Severity.WARNING,
                    text=translate_engine(file.reason),
                    hint=translate_engine(file.hint),
                    details="\n".join(f"{other.path}: {other.reason}" for other in result.failed),
                )
            )

    @Slot(object)
    def _take_burst(self, result: BurstResult) -> None:
        decisions = self.decisions
        for pair in result.pairs:
            decisions = decisions.with_match(pair.noisy, pair.clean)
        self.content.choose_pair(result.pairs[0].noisy)
        change = self._decide(decisions, tr("Labels from a burst"))
        # The shots of another scene may have been put together meanwhile.
        if self.burst_form.shots == self.burst_form.started_shots:
            self.burst_form.clear()
            self._leave_burst_form()
        details = "\n".join(f"{file.path.name}: {translate_engine(file.reason)}" for file in result.left_out)
        self._tell(change, burst_text(result), details)

    def _tell(self, change: Change, text: str, details: str = "") -> None:
        self.message_raised.emit(undoable(self.session.undo_stack, change, text, details))

    @Slot(list)
    def _add_shots(self, paths: Sequence[PhotoPlace]) -> None:
        self.burst_form.add_shots(self.without_others(paths))

    @Slot()
    def _leave_burst_form(self) -> None:
        self._stack.setCurrentIndex(0)
        self._update()

    @Slot()
    def _rebuild(self) -> None:
        entries = entries_of(self._matching, self.decisions, self.jobs.diagnoses)
        suggested = [label for label in self._suggested if self.session.photo(label.photo) is not None]
        self.content.show_entries(entries, suggested_entries(suggested, entries), self.decisions)
        self.session.set_clean_photos(dict.fromkeys(entry.clean for entry in entries if entry.clean is not None))
        self.session.set_label_pairs(
            used_pairs(entries, self.decisions), self.decisions.unfitted, self.decisions.measuring
        )
        self._update()

    @Slot()
    def _update(self) -> None:
        if self._stack.currentWidget() is not self.burst_form:
            if not self.session.photos:
                self._stack.setCurrentIndex(0)
            else:
                is_empty = not (self.session.references or self._has_labels or self._suggested)
                self._stack.setCurrentIndex(1 if is_empty else 2)
        entries = self.model.entries
        num_used = len(self.session.label_pairs)
        num_aside = sum(entry.is_doubtful and not is_used(entry, self.decisions) for entry in entries)
        self.content.show_state(
            references=self.session.references,
            num_used=num_used,
            num_measuring=sum(pair.noisy in self.decisions.measuring for pair in self.session.label_pairs),
            num_aside=num_aside,
            is_matching=self._match_later.isActive() or self.jobs.is_busy("match"),
            is_examining=self.jobs.is_busy("examine"),
            is_aligning=self.jobs.is_busy("align"),
            obstacle_to_suggesting=self._obstacle_to_suggesting(),
        )
        set_reason(self.first_suggest, self._obstacle_to_suggesting())
        self.burst_form.set_busy(self.jobs.is_busy("burst"))
        status = format_number(num_used) if entries else ""
        doubtful = tr("{number} doubtful").format(number=format_number(num_aside))
        self.rail_status_changed.emit(doubtful if num_aside and not num_used else status)

    def _obstacle_to_suggesting(self) -> str:
        if self.jobs.is_busy("suggest"):
            return tr("Photos to label are being chosen already.")
        if self.session.model is None and self.session.starter_of(next(iter(TASKS))) is None:
            return tr("It needs a model that tells noise apart: pretrain one first.")
        return ""

    @Slot(object, object)
    def _ask_for_match(self, entry: LabelEntry, place: QWidget) -> None:
        """Offer other files for the other side of a row."""
        paired = {other.noisy for other in self.model.entries if other.is_pair}
        photos = (photo for photo in self.session.teaching_photos if photo not in paired)
        noisy = entry.noisy

        def choose(photo: PhotoRef) -> None:
            if noisy is not None:
                self.choose_match(noisy, photo)
            elif entry.clean is not None:
                self.choose_match(photo, entry.clean)

        def choose_file() -> None:
            title = tr("Choose its reference") if noisy is not None else tr("Choose its noisy photo")
            for path in ask_for_photos(self, title, self.settings):
                choose(PhotoRef(path))

        menu = matching_menu(
            place,
            entry,
            self.session.clean_photos if noisy is not None else photos,
            choose=choose,
            choose_file=choose_file,
            unmatch=(lambda: self.choose_match(noisy, None)) if noisy is not None and entry.is_pair else None,
            undo_hand=(lambda: self._decide(self.decisions.without_match(noisy), tr("As the names say")))
            if noisy is not None and noisy in self.decisions.matches
            else None,
        )
        menu.popup(place.mapToGlobal(place.rect().bottomLeft()))

    @Slot(object)
    def _close_reference(self, path: PhotoPlace) -> None:
        place = self.session.references.index(path)
        self.session.set_references(other for other in self.session.references if other != path)

        def open_again() -> None:
            others = self.session.references
            self.session.set_references([*others[:place], path, *others[place:]])

        self.message_raised.emit(
            Message(
                text=tr("Closed the references in {name}; nothing was deleted.").format(name=path.name),
                action_label=tr("Undo"),
                action=open_again,
            )
        )
