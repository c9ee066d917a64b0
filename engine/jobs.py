"""The engine's public interface: each job is `job(config, control, emit) -> result`.

A job ends in exactly one of three ways: it returns its result, raises `engine.job_control.JobCancelled`, or raises an
error, which is an `engine.errors.EngineError` where a person can mend the cause.
"""

from engine.evaluating import evaluate
from engine.label_budget.experiment import label_budget
from engine.label_suggestion import suggest_labels
from engine.noise_learning import learn_noise
from engine.residual_analysis import examine_residual
from engine.residual_distances import compare_noises
from engine.restoring import restore
from engine.scanning import scan
from engine.training import finetune, pretrain, resume_training

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
