"""The background jobs of the labels page, and what each of them has brought back last."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from app.jobs.runner import JobFunction, JobHandle, JobLane, JobRequest, JobRunner, JobState
from app.look.translation import tr
from app.pages.labels.entries import MatchRequest, match_labels
from engine.contracts.configs import SuggestLabelsConfig
from engine.contracts.photo import PhotoRef
from engine.jobs import align_references, examine_pairs, make_burst_references, suggest_labels
from engine.labelling.alignment import AlignRequest
from engine.labelling.burst import BurstConfig
from engine.labelling.doctor import ExamineRequest, PairDiagnosis
from engine.photo_files.values.given import given_here
from engine.photos.pairs import PairMatching, PhotoPair

_PAGE_ID = "labels"


class LabelJobs(QObject):
    """Submits the page's jobs; of matching and examining only the latest counts.

    Signals:
        matched(PairMatching): References were matched with noisy photos.
        examined: Pairs were examined; see `diagnoses`.
        suggested(LabelSuggestion): Photos to label.
        aligned(AlignResult): Aligned copies of references were written.
        burst_made(BurstResult): References were made from a burst.
        state_changed: A job was submitted or has ended.
    """

    matched = Signal(object)
    examined = Signal()
    suggested = Signal(object)
    aligned = Signal(object)
    burst_made = Signal(object)
    state_changed = Signal()

    def __init__(self, runner: JobRunner, parent: QObject) -> None:
        super().__init__(parent)
        self._runner = runner
        self._jobs: dict[str, JobHandle] = {}
        self._diagnoses: dict[PhotoPair, PairDiagnosis] = {}
        self._examined_pairs: tuple[PhotoPair, ...] = ()

    @property
    def diagnoses(self) -> dict[PhotoPair, PairDiagnosis]:
        """What the pair doctor said last, by pair."""
        return self._diagnoses

    def is_busy(self, kind: str) -> bool:
        """Whether a job of a kind has not ended: "match", "examine", "suggest", "align" or "burst"."""
        job = self._jobs.get(kind)
        return job is not None and not job.state.is_ended

    def stop(self, kind: str) -> None:
        """Ask a job of a kind to end."""
        if self.is_busy(kind):
            self._jobs[kind].cancel()

    def match(self, request: MatchRequest) -> None:
        """Match references with noisy photos; what was asked for before is outdated."""
        self.stop("match")
        self.stop("examine")
        self._submit("match", tr("Matching references"), match_labels, request).finished.connect(self._take_matching)

    def examine(self, pairs: Sequence[PhotoPair]) -> None:
        """Let the pair doctor see pairs, all of them together."""
        self.stop("examine")
        self._examined_pairs = tuple(pairs)
        if not pairs:
            self._diagnoses = {}
            return
        request = ExamineRequest(pairs=self._examined_pairs)
        self._submit("examine", tr("Examining pairs"), examine_pairs, request).finished.connect(self._take_diagnoses)

    def suggest(self, model: Path, photos: Sequence[PhotoRef], count: int) -> None:
        """Choose photos to label; it takes minutes, so it queues with the trainings."""
        config = SuggestLabelsConfig(model=model, photos=tuple(photos), count=count, levels=given_here())
        title = tr("Choosing photos to label")
        self._submit("suggest", title, suggest_labels, config, JobLane.MAIN).finished.connect(self.suggested)

    def align(self, pairs: Sequence[PhotoPair]) -> None:
        """Write aligned copies of references."""
        request = AlignRequest(pairs=tuple(pairs))
        self._submit("align", tr("Aligning references"), align_references, request).finished.connect(self.aligned)

    def make_burst(self, config: BurstConfig) -> None:
        """Make references from a burst."""
        title = tr("Making references from a burst")
        self._submit("burst", title, make_burst_references, config).finished.connect(self.burst_made)

    def _submit(
        self, kind: str, title: str, function: JobFunction, config: Any, lane: JobLane = JobLane.SIDE
    ) -> JobHandle:
        request = JobRequest(title=title, page_id=_PAGE_ID, function=function, config=config, lane=lane)
        job = self._runner.submit(request)
        self._jobs[kind] = job
        job.state_changed.connect(self._tell_state)
        self.state_changed.emit()
        return job

    @Slot(object)
    def _take_matching(self, matching: PairMatching) -> None:
        if self.sender() is self._jobs.get("match"):
            self.matched.emit(matching)

    @Slot(object)
    def _take_diagnoses(self, diagnoses: tuple[PairDiagnosis, ...]) -> None:
        if self.sender() is self._jobs.get("examine"):
            self._diagnoses = {diagnosis.pair: diagnosis for diagnosis in diagnoses}
            self.examined.emit()

    @Slot(object)
    def _tell_state(self, state: JobState) -> None:
        if state.is_ended:
            self.state_changed.emit()
