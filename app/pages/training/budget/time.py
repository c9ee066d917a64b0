"""How long a label-budget experiment will take: by what is known of this machine's speed in trainings."""

from pathlib import Path

from app.core.session import Session
from app.core.settings import Settings
from app.pages.training.setup.time import Estimate, SpeedSource, TrainingTime, speed_key_of
from engine.contracts.configs import FinetuneConfig, PretrainConfig
from engine.contracts.label_budget import LabelBudgetConfig
from engine.contracts.presets import FROM_SCRATCH_PRETEXT, PRESET_CARDS, finetune_preset, pretrain_preset
from engine.label_budget.workload import Workload

_FROM_LEAST_CERTAIN = (SpeedSource.GUESSED, SpeedSource.ALIKE, SpeedSource.TRIED, SpeedSource.MEASURED)
_ANYWHERE = (Path(),)


class BudgetTime:
    """Estimates experiments as the pages of Pretrain and Fine-tune estimate their trainings."""

    def __init__(self, session: Session, settings: Settings) -> None:
        self._pretraining = TrainingTime(
            settings,
            "pretrain",
            pretrain_preset,
            lambda preset: PRESET_CARDS[preset].pretrain_minutes,
            session.tried_speeds,
        )
        self._finetuning = TrainingTime(
            settings,
            "finetune",
            finetune_preset,
            lambda preset: PRESET_CARDS[preset].finetune_minutes,
            session.tried_speeds,
        )

    def estimate(self, config: LabelBudgetConfig, workload: Workload) -> Estimate:
        """Return how long an experiment takes; measuring is not counted.

        Args:
            config: The experiment.
            workload: What it does.

        Returns:
            The minutes, and the less certain of the sources of what they were made from.
        """
        pretraining = PretrainConfig(
            photos=_ANYWHERE, **config.pretrain_settings(FROM_SCRATCH_PRETEXT, from_scratch=True)
        )
        finetuning = FinetuneConfig(
            noisy=_ANYWHERE,
            clean=_ANYWHERE,
            **config.finetune_settings(from_scratch=True, with_twins=False, steps=config.total_steps),
        )
        parts = []
        for times, training, steps, num_photos in (
            (self._pretraining, pretraining, workload.pretraining_steps, len(config.noisy)),
            (self._finetuning, finetuning, workload.finetuning_steps, workload.all_count),
        ):
            if not steps:
                continue
            speed_key = speed_key_of(training, training.backbone, training.backbone_params)
            values = training.model_dump(include={"photos_per_batch", "crop_px"}) | {"steps": steps}
            parts.append(times.estimate(values, config.preset, num_photos, speed_key))
        sources = {part.source for part in parts}
        source = next((one for one in _FROM_LEAST_CERTAIN if one in sources), SpeedSource.GUESSED)
        return Estimate(sum(part.minutes for part in parts), source)
