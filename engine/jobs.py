"""The engine's public door: each job is `job(config, control, emit) -> result`, and loads what it needs when it runs.

A job ends in exactly one of three ways: it returns its result, raises `engine.contracts.job_control.JobCancelled`,
or raises an error, which is an `engine.contracts.errors.EngineError` where a person can mend the cause. The function
behind each job says what it emits and raises.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.contracts.configs import (
    EvaluateConfig,
    FinetuneConfig,
    NoiseLearningConfig,
    PretrainConfig,
    RestoreConfig,
    ScanConfig,
    SuggestLabelsConfig,
)
from engine.contracts.events import Emit
from engine.contracts.job_control import JobControl
from engine.contracts.label_budget import LabelBudgetConfig
from engine.contracts.results import (
    EvaluationResult,
    PhotosNoise,
    RestoreReportConfig,
    RestoreResult,
    ScanResult,
    TrainingResult,
)

if TYPE_CHECKING:
    from engine.comparing.earlier_results import FindResultsConfig, FoundResults
    from engine.comparing.page import ComparisonPageConfig
    from engine.comparing.pictures import ComparisonPictureConfig
    from engine.label_budget.reports.results import LabelBudgetResult
    from engine.labelling.alignment import AlignRequest, AlignResult
    from engine.labelling.burst import BurstConfig, BurstResult
    from engine.labelling.doctor import ExamineRequest, PairDiagnosis
    from engine.labelling.suggestion import LabelSuggestion
    from engine.photos.duplicates import DuplicateGroup, DuplicatesConfig
    from engine.residuals.distances import NoiseComparison, NoiseComparisonConfig
    from engine.residuals.inspection import ResidualConfig, ResidualReport


def load_restoring() -> None:
    """Load ahead what restorations are made of, so that the first of them starts at once."""
    import engine.restoring.restorer  # noqa: F401


def load_training() -> None:
    """Load ahead what trainings are made of, likewise; their first optimizer brings torch's compiler along."""
    import torch

    import engine.training.job  # noqa: F401

    weight = torch.nn.Parameter(torch.zeros(8))
    optimizer = torch.optim.AdamW([weight])
    weight.grad = torch.zeros(8)
    optimizer.step()


def scan(config: ScanConfig, control: JobControl, emit: Emit) -> ScanResult:
    """Find the usable photos in folders, and learn their noise by twins where that is asked for."""
    from engine.photos.scanning import scan_photos

    result = scan_photos(config, control, emit)
    if not (config.noise_model and result.photos):
        return result
    learning = NoiseLearningConfig(photos=tuple(photo.path for photo in result.photos), levels=config.levels)
    return replace(result, noise_model=learn_noise(learning, control, emit).noise)


def find_duplicates(config: "DuplicatesConfig", control: JobControl, emit: Emit) -> "tuple[DuplicateGroup, ...]":
    """Group photos with the same content, and those that look alike."""
    from engine.photos.duplicates import find_duplicates as job

    return job(config, control, emit)


def learn_noise(config: NoiseLearningConfig, control: JobControl, emit: Emit) -> PhotosNoise:
    """Learn the noise of photos by twins, with a model that restores them already."""
    from engine.refining.own_noise import learn_noise as job

    return job(config, control, emit)


def pretrain(config: PretrainConfig, control: JobControl, emit: Emit) -> TrainingResult:
    """Learn from noisy photos alone; the result already restores."""
    from engine.training.job import pretrain as job

    return job(config, control, emit)


def finetune(config: FinetuneConfig, control: JobControl, emit: Emit) -> TrainingResult:
    """Learn from pairs, from a parent model or from scratch."""
    from engine.training.job import finetune as job

    return job(config, control, emit)


def resume_training(run_folder: Path, control: JobControl, emit: Emit) -> TrainingResult:
    """Go on with a run that was stopped or interrupted, from its last checkpoint."""
    from engine.training.job import resume_training as job

    return job(run_folder, control, emit)


def suggest_labels(config: SuggestLabelsConfig, control: JobControl, emit: Emit) -> "LabelSuggestion":
    """Suggest the photos whose clean references would teach most."""
    from engine.labelling.suggestion import suggest_labels as job

    return job(config, control, emit)


def examine_pairs(request: "ExamineRequest", control: JobControl, emit: Emit) -> "tuple[PairDiagnosis, ...]":
    """Examine pairs, each on its own and all together; a job."""
    from engine.labelling.doctor import examine_pairs as job

    return job(request, control, emit)


def align_references(request: "AlignRequest", control: JobControl, emit: Emit) -> "AlignResult":
    """Write aligned copies of references; a job."""
    from engine.labelling.alignment import align_references as job

    return job(request, control, emit)


def make_burst_references(config: "BurstConfig", control: JobControl, emit: Emit) -> "BurstResult":
    """Align and average shots of one scene, and write a reference for each."""
    from engine.labelling.burst import make_burst_references as job

    return job(config, control, emit)


def restore(config: RestoreConfig, control: JobControl, emit: Emit) -> RestoreResult:
    """Restore photos into a folder; a photo that fails never stops the batch."""
    from engine.restoring.job import restore as job

    return job(config, control, emit)


def restore_each(configs: Sequence[RestoreConfig], control: JobControl, emit: Emit) -> RestoreResult:
    """Restore photos into several folders by one model; a folder that fails never stops the others."""
    from engine.restoring.job import restore_each as job

    return job(configs, control, emit)


def write_restore_report(config: RestoreReportConfig, control: JobControl, emit: Emit) -> Path:
    """Write the report; a job."""
    from engine.restoring.report import write_restore_report as job

    return job(config, control, emit)


def evaluate(config: EvaluateConfig, control: JobControl, emit: Emit) -> EvaluationResult:
    """Measure a model or a classical method on pairs of noisy photos and clean references."""
    from engine.comparing.evaluating import evaluate as job

    return job(config, control, emit)


def find_results(config: "FindResultsConfig", control: JobControl, emit: Emit) -> "FoundResults":
    """Find what was made of photos before, by what the results say of themselves; a job."""
    from engine.comparing.earlier_results import find_results as job

    return job(config, control, emit)


def compute_picture(config: "ComparisonPictureConfig", control: JobControl, emit: Emit) -> Path:
    """Make the picture, in the photo's own bit depth and with its colour profile; a job."""
    from engine.comparing.pictures import compute_picture as job

    return job(config, control, emit)


def write_comparison_page(config: "ComparisonPageConfig", control: JobControl, emit: Emit) -> Path:
    """Write the page, whole or not at all; a job."""
    from engine.comparing.page import write_comparison_page as job

    return job(config, control, emit)


def examine_residual(config: "ResidualConfig", control: JobControl, emit: Emit) -> "ResidualReport":
    """Examine what a restoration has taken away from a photo."""
    from engine.residuals.inspection import examine_residual as job

    return job(config, control, emit)


def compare_noises(config: "NoiseComparisonConfig", control: JobControl, emit: Emit) -> "NoiseComparison":
    """Compare the residuals of crops of several photos, as the model's own pretext task sees them."""
    from engine.residuals.distances import compare_noises as job

    return job(config, control, emit)


def label_budget(config: LabelBudgetConfig, control: JobControl, emit: Emit) -> "LabelBudgetResult":
    """Measure what pretraining, a starter and a few more labels are worth on a folder of photos."""
    from engine.label_budget.experiment import label_budget as job

    return job(config, control, emit)
