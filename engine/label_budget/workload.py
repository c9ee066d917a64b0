"""How much an experiment will do, counted before it begins."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.contracts.configs import PretrainConfig
from engine.contracts.label_budget import LabelBudgetConfig
from engine.contracts.photo import PhotoRef
from engine.label_budget.methods import LeftOut, choose_methods
from engine.label_budget.plan import make_plan, split_photos
from engine.photos.pairs import PhotoPair


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What an experiment will do.

    Attributes:
        num_trainings: Trainings in all.
        pretraining_steps: Optimisation steps of all pretrainings.
        finetuning_steps: Optimisation steps of all others.
        num_measured: Photos that only measure.
        all_count: Labels that there are to learn from.
        left_out: What will not be compared, with reasons.
    """

    num_trainings: int
    pretraining_steps: int
    finetuning_steps: int
    num_measured: int
    all_count: int
    left_out: tuple[LeftOut, ...]


def count_workload(config: LabelBudgetConfig, pairs: Sequence[PhotoPair], noisy: Sequence[PhotoRef]) -> Workload:
    """Count what an experiment will do; quick, since it looks into no file.

    Pairs whose pictures show one scene teach or measure together: there the split may come out otherwise by a few.

    Args:
        config: Settings.
        pairs: Pairs of a noisy photo and its reference.
        noisy: All noisy photos.

    Raises:
        InvalidInputError: There are too few pairs, or nothing is left to compare.
    """
    methods, left_out = choose_methods(config.methods)
    plan = make_plan(config, split_photos(config, pairs, noisy, scenes={}), methods, left_out)
    trained = [cell.config for cell in plan.cells.values() if cell.config is not None]
    pretrainings = [training for training in trained if isinstance(training, PretrainConfig)]
    pretraining_steps = sum(training.steps for training in pretrainings)
    return Workload(
        num_trainings=len(trained),
        pretraining_steps=pretraining_steps,
        finetuning_steps=sum(training.steps for training in trained) - pretraining_steps,
        num_measured=len(plan.photos.evaluation),
        all_count=len(plan.photos.candidates),
        left_out=plan.left_out,
    )
