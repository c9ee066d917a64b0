"""Matching references with noisy photos, and which of the pairs are used: the labels page's data, without widgets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.look.translation import format_number, mark, tr, tr_count, translate_engine
from app.pages.labels.decisions import LabelDecisions
from engine.contracts.events import Emit, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoPlace, PhotoRef
from engine.labelling.doctor import PairDiagnosis
from engine.labelling.suggestion import SuggestedLabel
from engine.photos.folder import list_image_files
from engine.photos.pairs import PairMatching, PhotoPair, match_pairs

NO_MATCH_REASON = mark("No noisy photo has this name.")
NO_MATCH_HINT = mark(
    "Choose its noisy photo, or leave it: for enlarging and raw development clean references are labels by themselves."
)
SCALES = (1, 2, 3, 4)
"""How many times larger references may be, to a side: the task that needs them so is chosen later."""


@dataclass(frozen=True, kw_only=True)
class MatchRequest:
    """What to match.

    Attributes:
        noisy: Noisy photos.
        references: Folders or files of clean references.
        matches: References chosen by hand; None: the photo has none.
    """

    noisy: tuple[PhotoRef, ...]
    references: tuple[PhotoPlace, ...]
    matches: Mapping[PhotoRef, PhotoRef | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LabelEntry:
    """One row of the list.

    Attributes:
        clean: The reference; None for a noisy photo without one.
        noisy: The noisy photo of the same scene; None for a reference without one.
        reason: Why the pair is set aside, or why the reference has no noisy photo; "" for a sound pair.
        hint: What to do about it.
        is_by_hand: Whether a person chose the reference.
        diagnosis: What the pair doctor says; None where the pair was not examined yet, or can't be.
        is_fitted: Whether its reference is taught as bright as the photo, having another exposure or stretch.
        only_measures: Whether it measures and never teaches, as a person decided.
        suggestion: Why the photo should get a reference; None where it is not suggested.
    """

    clean: PhotoRef | None = None
    noisy: PhotoRef | None = None
    reason: str = ""
    hint: str = ""
    is_by_hand: bool = False
    diagnosis: PairDiagnosis | None = None
    is_fitted: bool = False
    only_measures: bool = False
    suggestion: SuggestedLabel | None = None

    @property
    def has_other_exposure(self) -> bool:
        """Whether its reference can be fitted."""
        return self.diagnosis is not None and self.diagnosis.is_fitted

    @property
    def is_pair(self) -> bool:
        """Whether it can be used at all."""
        return self.noisy is not None and self.clean is not None

    @property
    def is_doubtful(self) -> bool:
        """Whether it is set aside unless a person says otherwise."""
        return self.is_pair and bool(self.reason)

    @property
    def pair(self) -> PhotoPair:
        """The two files."""
        assert self.noisy is not None
        assert self.clean is not None
        return PhotoPair(self.noisy, self.clean)

    @property
    def main_photo(self) -> PhotoRef:
        """The noisy photo, or the reference where there is none."""
        path = self.noisy or self.clean
        assert path is not None
        return path


def match_labels(request: MatchRequest, control: JobControl, emit: Emit) -> PairMatching:
    """Find the references' files and match them with the noisy photos; a job.

    Raises:
        InvalidInputError: A folder is not there or may not be read.
        JobCancelled: Asked to end.
    """
    emit(StepDone(stage="Matching references", step=0, num_steps=1))
    clean = list_image_files(request.references) if request.references else []
    control.wait_if_paused()
    given = [PhotoPair(noisy, chosen) for noisy, chosen in request.matches.items() if chosen is not None]
    open_noisy = [path for path in request.noisy if path not in request.matches]
    matching = match_pairs(open_noisy, clean, scale=SCALES, given=given)
    control.wait_if_paused()
    emit(StepDone(stage="Matching references", step=1, num_steps=1))
    return matching


def entries_of(
    matching: PairMatching, decisions: LabelDecisions, diagnoses: Mapping[PhotoPair, PairDiagnosis]
) -> tuple[LabelEntry, ...]:
    """Return the rows: what needs a decision first, then the sound pairs, then references without a noisy photo."""
    doubtful: list[LabelEntry] = []
    sound: list[LabelEntry] = []
    for aside in matching.doubtful:
        doubtful.append(_pair_entry(aside.pair, aside.reason, aside.hint, decisions))
    for pair in matching.pairs:
        diagnosis = diagnoses.get(pair)
        doubt = diagnosis.doubt if diagnosis is not None else None
        rows = sound if doubt is None else doubtful
        reason, hint = (doubt.text, doubt.hint) if doubt is not None else ("", "")
        rows.append(_pair_entry(pair, reason, hint, decisions, diagnosis))
    unmatched = (
        LabelEntry(clean=clean, reason=NO_MATCH_REASON, hint=NO_MATCH_HINT) for clean in matching.unmatched_clean
    )
    return (*doubtful, *sound, *unmatched)


def suggested_entries(suggested: Sequence[SuggestedLabel], entries: Iterable[LabelEntry]) -> tuple[LabelEntry, ...]:
    """Return a row for each suggested photo: with its reference, where it has one by now."""
    by_noisy = {entry.noisy: entry for entry in entries if entry.is_pair}
    rows = []
    for label in suggested:
        known = by_noisy.get(label.photo)
        if known is None:
            rows.append(LabelEntry(noisy=label.photo, suggestion=label))
        else:
            rows.append(replace(known, suggestion=label))
    return tuple(rows)


def used_pairs(entries: Iterable[LabelEntry], decisions: LabelDecisions) -> tuple[PhotoPair, ...]:
    """Return the pairs that teach or measure."""
    return tuple(entry.pair for entry in entries if is_used(entry, decisions))


def is_used(entry: LabelEntry, decisions: LabelDecisions) -> bool:
    """Return whether a pair teaches or measures: as a person decided, else as the matching and the doctor do."""
    if not entry.is_pair or entry.noisy in decisions.aside:
        return False
    return entry.noisy in decisions.used or not entry.is_doubtful


def state_text(entry: LabelEntry) -> str:
    """Say in a few words how a row stands."""
    if entry.suggestion is not None and not entry.reason:
        num_others = len(entry.suggestion.stands_for)
        stands_for = tr_count("Stands for {number} photo", "Stands for {number} photos", num_others).format(
            number=format_number(num_others)
        )
        has = tr("has a reference") if entry.is_pair else tr("no reference yet")
        return f"{stands_for}, {has}"
    if entry.reason:
        return translate_engine(tr(entry.reason))
    if entry.only_measures:
        return tr("Only measures, never teaches")
    if entry.has_other_exposure:
        return tr("Sound, reference fitted") if entry.is_fitted else tr("Other exposure, taught as it is")
    if entry.diagnosis is not None:
        return tr("Sound, chosen by hand") if entry.is_by_hand else tr("Sound, matched by name")
    return tr("Chosen by hand") if entry.is_by_hand else tr("Matched by name")


def _pair_entry(
    pair: PhotoPair, reason: str, hint: str, decisions: LabelDecisions, diagnosis: PairDiagnosis | None = None
) -> LabelEntry:
    return LabelEntry(
        noisy=pair.noisy,
        clean=pair.clean,
        reason=reason,
        hint=hint,
        is_by_hand=decisions.matches.get(pair.noisy) == pair.clean,
        diagnosis=diagnosis,
        only_measures=pair.noisy in decisions.measuring,
        is_fitted=diagnosis is not None and diagnosis.is_fitted and pair.noisy not in decisions.unfitted,
    )
