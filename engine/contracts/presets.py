"""Presets: how much time training takes, as values of config fields. Imports no torch, so that a form shows at once."""

from dataclasses import dataclass
from typing import Any

from engine.contracts.configs import OWN_NOISE, Preset


@dataclass(frozen=True, kw_only=True)
class PresetCard:
    """What a person reads before choosing a preset.

    Attributes:
        title: Its name.
        description: What one gets.
        pretrain_minutes: Pretraining time on 2 CPU cores.
        finetune_minutes: Fine-tuning time on 2 CPU cores.
    """

    title: str
    description: str
    pretrain_minutes: float
    finetune_minutes: float


PRESET_CARDS: dict[Preset, PresetCard] = {
    Preset.QUICK: PresetCard(
        title="Quick",
        description="A first result to judge by. Good for trying things out.",
        pretrain_minutes=2,
        finetune_minutes=1.3,
    ),
    Preset.BALANCED: PresetCard(
        title="Balanced",
        description="Cleaner fine texture from a longer look at the photos.",
        pretrain_minutes=6,
        finetune_minutes=3.5,
    ),
    Preset.THOROUGH: PresetCard(
        title="Thorough",
        description="The best this machine can do. Start it and come back later.",
        pretrain_minutes=32,
        finetune_minutes=18,
    ),
}


_PRETRAIN: dict[Preset, dict[str, Any]] = {
    Preset.QUICK: {"steps": 4000, "photos_per_batch": 12, "crop_px": 32},
    Preset.BALANCED: {"steps": 12000, "photos_per_batch": 12, "crop_px": 32},
    Preset.THOROUGH: {"steps": 30000, "photos_per_batch": 16, "crop_px": 40},
}

_FINETUNE: dict[Preset, dict[str, Any]] = {
    Preset.QUICK: {"steps": 1200, "photos_per_batch": 12, "crop_px": 64},
    Preset.BALANCED: {"steps": 3000, "photos_per_batch": 12, "crop_px": 64},
    Preset.THOROUGH: {"steps": 8000, "photos_per_batch": 16, "crop_px": 80},
}

_OWN_NOISE: dict[Preset, dict[str, Any]] = {
    Preset.QUICK: {"steps": 400, "photos_per_batch": 8, "crop_px": 64},
    Preset.BALANCED: {"steps": 1200, "photos_per_batch": 8, "crop_px": 64},
    Preset.THOROUGH: {"steps": 4000, "photos_per_batch": 8, "crop_px": 96},
}

_WITH_TWINS: dict[Preset, dict[str, Any]] = {
    Preset.QUICK: {"steps": 300, "photos_per_batch": 8, "crop_px": 64},
    Preset.BALANCED: {"steps": 1000, "photos_per_batch": 8, "crop_px": 64},
    Preset.THOROUGH: {"steps": 4000, "photos_per_batch": 8, "crop_px": 96},
}

# What is already learned is refined, not overwritten; from scratch there is nothing to overwrite. Without labels it is
# refined in small steps, and followed as far as that pays.
_REFINING_LEARNING_RATE = 1e-3
_READAPTING_LEARNING_RATE = 1e-4
_LABELLED_LEARNING_RATE = 2e-4
FROM_SCRATCH_PRETEXT = "rcl"
"""The method that learns most without a model to begin with."""

# Of 1e-3, 2e-3 and 3e-3 the one that gained most in the same steps (`polyu`, 3,000 steps: +1.34, +1.51, +0.82 dB).
_FRESH_LEARNING_RATE = 2e-3


def pretrain_preset(preset: Preset, *, from_scratch: bool = True, pretext: str = "") -> dict[str, Any]:
    """Values for `engine.contracts.configs.PretrainConfig`.

    Args:
        preset: How much time it may take.
        from_scratch: Whether there is no parent model.
        pretext: The method, where it is chosen; "": the one that fits, which is among the values.
    """
    if pretext == OWN_NOISE or not (pretext or from_scratch):
        return {"learning_rate": _READAPTING_LEARNING_RATE, "pretext": OWN_NOISE, **_OWN_NOISE[preset]}
    rate = _FRESH_LEARNING_RATE if from_scratch else _READAPTING_LEARNING_RATE
    return {"learning_rate": rate, "pretext": pretext or FROM_SCRATCH_PRETEXT, **_PRETRAIN[preset]}


def finetune_preset(
    preset: Preset, *, from_scratch: bool = False, is_new_task: bool = False, with_twins: bool = False
) -> dict[str, Any]:
    """Values for `engine.contracts.configs.FinetuneConfig`.

    Args:
        preset: How much time it may take.
        from_scratch: Whether there is no parent model.
        is_new_task: Whether the parent was trained for another task, so that this one's head has all to learn.
        with_twins: Whether the parent is a model that denoises well already, a starter or what came of one: photos
            without a label then teach beside the labels, with their own noise.
    """
    if with_twins:
        return {"learning_rate": _LABELLED_LEARNING_RATE, **_WITH_TWINS[preset]}
    rate = _FRESH_LEARNING_RATE if from_scratch or is_new_task else _REFINING_LEARNING_RATE
    return {"learning_rate": rate, **_FINETUNE[preset]}
