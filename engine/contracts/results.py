"""What each job returns: frozen and picklable."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from engine.contracts.events import FileSkipped, PhotoScanned
from engine.contracts.learned_noise import LearnedNoise
from engine.contracts.noise import FolderNoise
from engine.contracts.output_formats import RawLook
from engine.contracts.photo import PhotoRef

_NAMED_PAGES: Final = 6


@dataclass(frozen=True, kw_only=True)
class ScanResult:
    """Usable photos and, with a reason each, the files that are not.

    Attributes:
        photos: Usable ones, in natural order.
        skipped: The others.
        noise: What the noises of the photos have in common; None where not estimated.
        seconds: Time it took, without pauses.
        noise_model: What was learned of the photos' noise by twins; None where that was not asked for.
    """

    photos: tuple[PhotoScanned, ...]
    skipped: tuple[FileSkipped, ...]
    noise: FolderNoise | None
    seconds: float
    noise_model: LearnedNoise | None = None


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """A training run that has ended.

    Attributes:
        run: Its folder.
        steps: Steps done.
        seconds: Training time, without pauses.
        status: As in `engine.runs.records.RunStatus`: "done" or, after a cancel, "stopped".
        metrics: Final figures by name.
    """

    run: Path
    steps: int
    seconds: float
    status: str
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class PhotoOutcome:
    """What became of one photo of a batch.

    Attributes:
        source: The noisy file.
        state: "restored"; "done": its result was there already, undamaged; "exists": a file of its name was there and
            was left alone; "failed".
        output: The restored file, or the one that was there; None where it failed.
        seconds: Time it took, without pauses and what was shared with the photo before.
        reason: Why it failed.
        hint: What to do about that.
        how: A sentence about how it was restored, as the file itself says.
        remarks: As in `ImageRestored`.
        lost_pages: As in `ImageRestored`.
    """

    source: PhotoRef
    state: Literal["restored", "done", "exists", "failed"]
    output: Path | None = None
    seconds: float = 0.0
    reason: str = ""
    hint: str = ""
    how: str = ""
    remarks: tuple[str, ...] = ()
    lost_pages: tuple[int, ...] = ()


def phrase_pages(pages: Sequence[int]) -> str:
    """Say which pages: "page 3", "pages 3, 7 and 5 more"."""
    named = [f"{page:,}" for page in pages[:_NAMED_PAGES]]
    more = len(pages) - len(named)
    if len(pages) == 1:
        return f"page {named[0]}"
    return f"pages {', '.join(named)} and {more:,} more" if more else f"pages {', '.join(named[:-1])} and {named[-1]}"


@dataclass(frozen=True, kw_only=True)
class RestoreResult:
    """A batch of restored photos.

    Attributes:
        outcomes: What became of each photo, those that could not be read at all first.
        seconds: Time for the batch.
        megapixels: Restored in all.
        reports: Those in HTML, where they were asked for: one beside the results in each folder.
        backend: The library that computed.
        earlier_results: Files that were passed over since they are results themselves.
    """

    outcomes: tuple[PhotoOutcome, ...]
    seconds: float
    megapixels: float
    reports: tuple[Path, ...] = ()
    backend: str = "torch"
    earlier_results: tuple[PhotoRef, ...] = ()

    @property
    def report(self) -> Path | None:
        """The report of a batch into one folder."""
        return self.reports[0] if self.reports else None

    @property
    def restored(self) -> tuple[tuple[PhotoRef, Path], ...]:
        """Pairs of source and output."""
        return self._pairs("restored")

    @property
    def already_done(self) -> tuple[tuple[PhotoRef, Path], ...]:
        """Pairs of source and the result that was there already."""
        return self._pairs("done")

    @property
    def skipped_existing(self) -> tuple[PhotoRef, ...]:
        """Sources for which another file of the result's name was there, and stays."""
        return tuple(outcome.source for outcome in self.outcomes if outcome.state == "exists")

    @property
    def failed(self) -> tuple[FileSkipped, ...]:
        """Files that could not be restored, with reason."""
        return tuple(
            FileSkipped(path=outcome.source, reason=outcome.reason, hint=outcome.hint)
            for outcome in self.outcomes
            if outcome.state == "failed"
        )

    @property
    def incomplete(self) -> tuple[PhotoOutcome, ...]:
        """Stacks that were restored but for some of their pages."""
        return tuple(outcome for outcome in self.outcomes if outcome.lost_pages)

    def _pairs(self, state: str) -> tuple[tuple[PhotoRef, Path], ...]:
        return tuple(
            (outcome.source, outcome.output)
            for outcome in self.outcomes
            if outcome.state == state and outcome.output is not None
        )


@dataclass(frozen=True, kw_only=True)
class PairScore:
    """One pair's figures.

    Attributes:
        name: File name of the noisy photo.
        psnr: Of the restored photo, dB.
        ssim: Of the restored photo.
        noisy_psnr: Of the untouched input, dB.
        noisy_ssim: Of the untouched input.
        used_for_training: Whether the model learned from, or was chosen by, this pair.
        luminance_psnr: Of the restored photo's luminance without its border, dB; only for super-resolution.
        luminance_ssim: The same, SSIM.
        noisy_luminance_psnr: Of the enlarged input's luminance, dB.
        noisy_luminance_ssim: The same, SSIM.
        scale_invariant_psnr: Of the restored photo after gain and offset are fitted to the reference, dB.
        scale_invariant_ssim: The same, SSIM.
        noisy_scale_invariant_psnr: Of the untouched input, fitted likewise, dB.
        noisy_scale_invariant_ssim: The same, SSIM.
        seconds: That restoring took.
    """

    name: str
    psnr: float
    ssim: float
    noisy_psnr: float
    noisy_ssim: float
    used_for_training: bool
    luminance_psnr: float | None = None
    luminance_ssim: float | None = None
    noisy_luminance_psnr: float | None = None
    noisy_luminance_ssim: float | None = None
    scale_invariant_psnr: float | None = None
    scale_invariant_ssim: float | None = None
    noisy_scale_invariant_psnr: float | None = None
    noisy_scale_invariant_ssim: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class EvaluationResult:
    """Means over the pairs that count and have a finite PSNR, noisy and restored, and all pairs' figures.

    Attributes:
        psnr: Of the restored photos, dB.
        ssim: Of the restored photos.
        noisy_psnr: Of what there is without restoration, dB: the noisy photos, for super-resolution enlarged (bicubic),
            for demosaicking interpolated (bilinear).
        noisy_ssim: The same, SSIM.
        num_pairs: Pairs that count.
        num_left_out: Pairs that do not, since the model learned from them.
        per_image: Every pair's figures.
        failed: Files that could not be measured, with reason.
        seconds: Time for all, reading included, without pauses.
        luminance_psnr: As in `PairScore`; None where the task has none.
        luminance_ssim: As in `PairScore`.
        noisy_luminance_psnr: As in `PairScore`.
        noisy_luminance_ssim: As in `PairScore`.
        seconds_per_megapixel: That restoring took, for a megapixel of the result.
        scale_invariant_psnr: As in `PairScore`.
        scale_invariant_ssim: As in `PairScore`.
        noisy_scale_invariant_psnr: As in `PairScore`.
        noisy_scale_invariant_ssim: As in `PairScore`.
        num_without_error: Pairs that count, but whose restored or noisy photo equals the reference: that PSNR is
            infinite, and they are in no mean, unless all are such.
    """

    psnr: float
    ssim: float
    noisy_psnr: float
    noisy_ssim: float
    num_pairs: int
    num_left_out: int
    per_image: tuple[PairScore, ...]
    failed: tuple[FileSkipped, ...]
    seconds: float
    luminance_psnr: float | None = None
    luminance_ssim: float | None = None
    noisy_luminance_psnr: float | None = None
    noisy_luminance_ssim: float | None = None
    seconds_per_megapixel: float | None = None
    scale_invariant_psnr: float | None = None
    scale_invariant_ssim: float | None = None
    noisy_scale_invariant_psnr: float | None = None
    noisy_scale_invariant_ssim: float | None = None
    num_without_error: int = 0


@dataclass(frozen=True, kw_only=True)
class PhotosNoise:
    """The noise of photos.

    Attributes:
        photos: The photos that it was learned from.
        noise: What was learned, in their order.
    """

    photos: tuple[PhotoRef, ...]
    noise: LearnedNoise


@dataclass(frozen=True, kw_only=True)
class RestoreReportConfig:
    """What the report is about.

    Attributes:
        path: The HTML file; its folder must exist. The CSV file lies beside it under the same name.
        outcomes: What became of each photo.
        earlier_results: Files that were passed over since they are results themselves.
        seconds: Of the batch; None, as for photos of several batches: those of the photos together.
        raw_look: How results of raw files were rendered that say nothing of it themselves.
    """

    path: Path
    outcomes: tuple[PhotoOutcome, ...]
    earlier_results: tuple[PhotoRef, ...] = ()
    seconds: float | None = None
    raw_look: RawLook = "neutral"


def report_path(folder: Path) -> Path:
    """Return the name of a report that is written now; of none that is there already."""
    name = datetime.now().strftime("Restoration report %Y-%m-%d %H.%M.%S")
    numbered = (name, *(f"{name}_{number}" for number in range(2, 1000)))
    free = next((one for one in numbered if not os.path.exists(folder / f"{one}.html")), name)
    return folder / f"{free}.html"
