"""Matching references with noisy photos, and which of the pairs are used: the labels page's data, without widgets."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.data.photo_folder import list_image_files
from engine.data.photo_pairs import DoubtfulPair, PairMatching, PhotoPair, match_pairs
from engine.events import Emit, StepDone
from engine.job_control import JobControl

NO_MATCH_REASON = "No noisy photo has this name."
SCALES = (1, 2, 3, 4)
"""How many times larger references may be, to a side: the task that needs them so is chosen later."""

NO_MATCH_HINT = "Give it the name of its noisy photo, or open the folder which that is in."


@dataclass(frozen=True, kw_only=True)
class MatchRequest:
    """What to match.

    Attributes:
        noisy: Noisy photos.
        references: Folders or files of clean references.
    """

    noisy: tuple[Path, ...]
    references: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class LabelEntry:
    """One row of the list.

    Attributes:
        clean: The reference.
        noisy: The noisy photo of the same scene; None for a reference without one.
        reason: Why the pair is set aside, or why the reference has no noisy photo; "" for a sound pair.
        hint: What to do about it.
    """

    clean: Path
    noisy: Path | None = None
    reason: str = ""
    hint: str = ""

    @property
    def is_pair(self) -> bool:
        """Whether it can be used at all."""
        return self.noisy is not None

    @property
    def is_doubtful(self) -> bool:
        """Whether it is set aside unless a person says otherwise."""
        return self.is_pair and bool(self.reason)

    @property
    def pair(self) -> PhotoPair:
        """The two files."""
        assert self.noisy is not None
        return PhotoPair(self.noisy, self.clean)


def match_labels(request: MatchRequest, control: JobControl, emit: Emit) -> PairMatching:
    """Find the references' files and match them with the noisy photos; a job.

    Raises:
        InvalidInputError: A folder is not there or may not be read.
        JobCancelled: Asked to end.
    """
    emit(StepDone(stage="Matching references", step=0, num_steps=1))
    clean = list_image_files(request.references)
    control.wait_if_paused()
    matching = match_pairs(request.noisy, clean, scale=SCALES)
    control.wait_if_paused()
    emit(StepDone(stage="Matching references", step=1, num_steps=1))
    return matching


def entries_of(matching: PairMatching) -> tuple[LabelEntry, ...]:
    """Return the rows: what needs a decision first, then the sound pairs, then references without a noisy photo."""
    return (
        *(_doubtful_entry(doubtful) for doubtful in matching.doubtful),
        *(LabelEntry(noisy=pair.noisy, clean=pair.clean) for pair in matching.pairs),
        *(LabelEntry(clean=clean, reason=NO_MATCH_REASON, hint=NO_MATCH_HINT) for clean in matching.unmatched_clean),
    )


def used_pairs(entries: Iterable[LabelEntry], switched: frozenset[Path]) -> tuple[PhotoPair, ...]:
    """Return the pairs that teach.

    Args:
        entries: All rows.
        switched: Noisy photos for which a person decided otherwise: a sound pair not used, or a doubtful one used.
    """
    return tuple(entry.pair for entry in entries if entry.is_pair and is_used(entry, switched))


def is_used(entry: LabelEntry, switched: frozenset[Path]) -> bool:
    """Return whether a pair teaches."""
    return entry.is_pair and entry.is_doubtful == (entry.noisy in switched)


def _doubtful_entry(doubtful: DoubtfulPair) -> LabelEntry:
    return LabelEntry(noisy=doubtful.pair.noisy, clean=doubtful.pair.clean, reason=doubtful.reason, hint=doubtful.hint)
