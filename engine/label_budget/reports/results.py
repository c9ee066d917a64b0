"""What the scores say: means over repetitions, and differences between methods on the same labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from engine.contracts.events import FileSkipped
from engine.contracts.label_budget import PRIMARY_PRETEXT
from engine.label_budget.methods import SCRATCH, STARTER, SUGGESTED, LeftOut
from engine.label_budget.plan import Plan
from engine.label_budget.reports.statistics import Estimate, estimate
from engine.label_budget.scores import Score

REFERENCES = {SUGGESTED: PRIMARY_PRETEXT, f"{STARTER}+{PRIMARY_PRETEXT}": STARTER}
"""What a method is compared with besides scratch: the one that it differs from in a single point."""


@dataclass(frozen=True, kw_only=True)
class BudgetRow:
    """One method with one number of labels.

    Attributes:
        method: Its name.
        title: What a person reads.
        num_labels: Labels that it got.
        is_all: Whether these are all that there are.
        psnr: Mean over photos, dB.
        gain: Mean PSNR above the untouched photos, dB.
        ssim: Mean over photos.
        num_photos: Photos that were measured, at least.
        least_above_no_label: The worst repetition against the same method without labels, on the same photos, dB; None
            where there is nothing to compare.
        seconds: Mean training time, pretraining included.
    """

    method: str
    title: str
    num_labels: int
    is_all: bool
    psnr: Estimate
    gain: Estimate
    ssim: Estimate
    num_photos: int
    least_above_no_label: float | None
    seconds: float


@dataclass(frozen=True, kw_only=True)
class BudgetComparison:
    """One model against another, repetition by repetition, on the photos that neither learned from.

    Attributes:
        method: Name of the first.
        num_labels: Its labels.
        reference: Name of the second.
        reference_labels: Its labels.
        difference: PSNR of the first above the second, dB.
    """

    method: str
    num_labels: int
    reference: str
    reference_labels: int
    difference: Estimate


@dataclass(frozen=True, kw_only=True)
class BudgetFigures:
    """All that is computed from the scores.

    Attributes:
        rows: By method, then by labels.
        comparisons: Between methods at one number of labels, then of a method with itself at fewer labels.
        noisy_psnr: Mean PSNR of the untouched evaluation photos, dB.
        num_evaluation: Evaluation photos, labels among them where all others are measured.
    """

    rows: tuple[BudgetRow, ...]
    comparisons: tuple[BudgetComparison, ...]
    noisy_psnr: float
    num_evaluation: int


@dataclass(frozen=True, kw_only=True)
class LabelBudgetResult:
    """The experiment's result; its files lie in its folder.

    Attributes:
        figures: Means, intervals, differences.
        verdict: One paragraph in plain words.
        out: The experiment's folder.
        files: Chart, tables and JSON.
        left_out: Methods and label counts that are not compared, with reasons.
        failed: Trainings that could not be done, with reasons.
        skipped: Files that could not be used, with reasons.
        num_trainings: Models that were made or measured.
        seconds: Time of this session, without pauses.
    """

    figures: BudgetFigures
    verdict: str
    out: Path
    files: tuple[Path, ...]
    left_out: tuple[LeftOut, ...]
    failed: tuple[LeftOut, ...]
    skipped: tuple[FileSkipped, ...]
    num_trainings: int
    seconds: float


def compute_figures(plan: Plan, scores: Mapping[str, Score]) -> BudgetFigures:
    """Compute all figures from the scores there are.

    Args:
        plan: What was done.
        scores: By name of the cell; at least one.
    """
    return _Figures(plan, scores).compute()


class _Figures:
    def __init__(self, plan: Plan, scores: Mapping[str, Score]) -> None:
        self._plan = plan
        self._scores = scores
        untouched = {}
        for score in scores.values():
            for name, photo in score.photos.items():
                untouched[name] = photo
        self._noisy = {name: (photo.noisy_psnr, photo.noisy_ssim) for name, photo in untouched.items()}

    def compute(self) -> BudgetFigures:
        rows = [self._row(method.name, count) for method in self._plan.methods for count in self._plan.label_counts]
        noisy = [psnr for psnr, _ in self._noisy.values()]
        return BudgetFigures(
            rows=tuple(row for row in rows if row is not None),
            comparisons=(*self._between_methods(), *self._between_counts()),
            noisy_psnr=_mean(noisy),
            num_evaluation=len(noisy),
        )

    def _photos(self, method: str, count: int, seed: int) -> dict[str, tuple[float, float]] | None:
        """PSNR and SSIM by photo; None where that was not done."""
        key = (method, count, seed)
        if key not in self._plan.cell_of:
            return None
        cell = self._plan.cell_of[key]
        if cell is None:
            return self._noisy
        score = self._scores.get(cell)
        return None if score is None else {name: (item.psnr, item.ssim) for name, item in score.photos.items()}

    def _row(self, method: str, count: int) -> BudgetRow | None:
        seeds = range(self._plan.num_seeds)
        done = {seed: photos for seed in seeds if (photos := self._photos(method, count, seed)) is not None}
        if not done:
            return None
        found = list(done.values())
        title = next(item.title for item in self._plan.methods if item.name == method)
        gains = [_mean([psnr - self._noisy[name][0] for name, (psnr, _) in photos.items()]) for photos in found]
        above_own = [
            difference
            for seed in seeds
            if count and (difference := self._difference(method, count, method, 0, seed)) is not None
        ]
        return BudgetRow(
            method=method,
            title=title,
            num_labels=count,
            is_all=count == self._plan.all_count,
            psnr=estimate([_mean([psnr for psnr, _ in photos.values()]) for photos in found]),
            gain=estimate(gains),
            ssim=estimate([_mean([ssim for _, ssim in photos.values()]) for photos in found]),
            num_photos=min(len(photos) for photos in found),
            least_above_no_label=min(above_own, default=None),
            seconds=_mean([self._seconds(method, count, seed) for seed in done]),
        )

    def _seconds(self, method: str, count: int, seed: int) -> float:
        cell = self._plan.cell_of[method, count, seed]
        total = 0.0
        while cell is not None and cell in self._scores:
            total += self._scores[cell].seconds
            cell = self._plan.cells[cell].parent
        return total

    def _difference(self, first: str, first_count: int, second: str, second_count: int, seed: int) -> float | None:
        one, other = self._photos(first, first_count, seed), self._photos(second, second_count, seed)
        if one is None or other is None:
            return None
        common = one.keys() & other.keys()
        return _mean([one[name][0] - other[name][0] for name in sorted(common)]) if common else None

    def _compare(self, first: str, first_count: int, second: str, second_count: int) -> BudgetComparison | None:
        found = [
            difference
            for seed in range(self._plan.num_seeds)
            if (difference := self._difference(first, first_count, second, second_count, seed)) is not None
        ]
        if not found:
            return None
        return BudgetComparison(
            method=first,
            num_labels=first_count,
            reference=second,
            reference_labels=second_count,
            difference=estimate(found),
        )

    def _between_methods(self) -> list[BudgetComparison]:
        names = [method.name for method in self._plan.methods]
        compared = []
        for name in names:
            for reference in dict.fromkeys((SCRATCH, REFERENCES.get(name, SCRATCH))):
                if name == reference or reference not in names:
                    continue
                compared += [self._compare(name, count, reference, count) for count in self._plan.label_counts]
        return [comparison for comparison in compared if comparison is not None]

    def _between_counts(self) -> list[BudgetComparison]:
        compared = []
        for method in self._plan.methods:
            done = [count for count in self._plan.label_counts if (method.name, count, 0) in self._plan.cell_of]
            for fewer, more in pairwise(done):
                compared.append(self._compare(method.name, more, method.name, fewer))
        return [comparison for comparison in compared if comparison is not None]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
