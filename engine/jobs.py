"""The engine's public interface: each job is `job(config, control, emit) -> result`.

A job ends in exactly one of three ways: it returns its result, raises `engine.contracts.job_control.JobCancelled`,
or raises an error, which is an `engine.contracts.errors.EngineError` where a person can mend the cause.
"""

from engine.comparing.evaluating import evaluate
from engine.label_budget.experiment import label_budget
from engine.labelling.suggestion import suggest_labels
from engine.photos.scanning import scan
from engine.refining.noise_learning import learn_noise
from engine.residuals.distances import compare_noises
from engine.residuals.inspection import examine_residual
from engine.restoring.job import restore
from engine.training.job import finetune, pretrain, resume_training

__all__ = [
    "compare_noises",
    "evaluate",
    "examine_residual",
    "finetune",
    "label_budget",
    "learn_noise",
    "pretrain",
    "restore",
    "resume_training",
    "scan",
    "suggest_labels",
]
