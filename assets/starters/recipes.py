"""What each starter model is trained with: its network, its pairs and its whole schedule, one row a model.

A schedule is fixed in advance and never stretched: a training of days is done in pieces (`train.py`), and each piece
must find the learning rate, the crops and the loss of its step where the piece before left them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from clean_pictures import CleanPictures, Crops
from torch import Tensor

from engine.machine.seeds import step_seed
from engine.method import factory
from engine.method.tasks.restoration_task import RestorationTask
from engine.simulation.pairs import add_light_degradation, simulate_pairs

PairMaker = Callable[[Crops, RestorationTask, int, np.random.Generator], tuple[Tensor, Tensor]]
"""From clean crops, the task, the side of the network's input and chance: what the network sees, and its target."""

_MARGIN_PX = 16
"""How much larger crops are cut for the simulated camera, so that JPEG blocks begin anywhere."""

_PAIR_STREAM = 3
"""Of the randomness of a step (`engine.machine.seeds.step_seed`)."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of a training.

    Attributes:
        steps: Its length, in optimisation steps.
        batch: Crops a step.
        crop_px: Side of the network's input.
        psnr_share: Share of the loss that is the logarithm of the mean square, which PSNR is, instead of the mean
            absolute error.
    """

    steps: int
    batch: int
    crop_px: int
    psnr_share: float = 0.0

    @property
    def pixels(self) -> int:
        """Pixels that the network sees at a step."""
        return self.batch * self.crop_px**2


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a starter model is made.

    Attributes:
        title: Name on its card.
        description: What it does, one or two sentences.
        task: Name in `engine.method.catalogue.tasks.TASKS`.
        make_pair: Makes the pairs.
        stages: The schedule.
        margin_px: How much larger the clean crops are than the network's output.
        backbone: Name in `engine.method.catalogue.backbones.BACKBONES`.
        backbone_params: Its settings.
        task_params: The task's settings.
        parent: Starter model whose weights it starts from; empty: none.
        learning_rate: At its highest; it falls to a hundredth along one cosine over all stages.
        weight_average_decay: Share of the running average of the weights that is kept at each step.
    """

    title: str
    description: str
    task: str
    make_pair: PairMaker
    stages: Sequence[Stage]
    margin_px: int = 0
    backbone: str = "nafnet"
    backbone_params: Mapping[str, Any] = field(default_factory=lambda: NETWORK)
    task_params: Mapping[str, Any] = field(default_factory=dict)
    parent: str = ""
    learning_rate: float = 1e-3
    weight_average_decay: float = 0.999

    @property
    def steps(self) -> int:
        """Length of the whole training."""
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> Stage:
        """Return the stage that a step, counted from 0, belongs to."""
        for stage in self.stages:
            if step < stage.steps:
                return stage
            step -= stage.steps
        raise IndexError(f"the training ends at step {self.steps}")

    def gigapixels_at(self, step: int) -> float:
        """Return how many gigapixels of input the network has seen before a step."""
        seen = 0
        for stage in self.stages:
            done = min(step, stage.steps)
            seen += done * stage.pixels
            step -= done
        return seen / 1e9

    def plain(self) -> dict[str, Any]:
        """All settings as plain values, to tell whether a training goes on as it began."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "make_pair"}
        return {
            **values,
            "backbone_params": dict(self.backbone_params),
            "task_params": dict(self.task_params),
            "stages": [vars(stage) for stage in self.stages],
            "make_pair": self.make_pair.__name__,
        }


NETWORK: Mapping[str, Any] = {"size": "medium"}
"""One backbone for all, so that each may start from the denoiser's."""


def denoising_pair(
    clean: Crops, task: RestorationTask, side_px: int, generator: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Simulated cameras mixed with plain noise (`engine.simulation`)."""
    noisy, target = simulate_pairs(clean, generator, side_px=side_px)
    return _as_tensor(noisy), _as_tensor(target)


def super_resolution_pair(
    clean: Crops, task: RestorationTask, side_px: int, generator: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """The task's own reduction, mostly rounded to 8 bits and nothing else, in part with light noise and compression."""
    target = _as_tensor(clean)
    low = task.measure(target).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    observed = np.stack([add_light_degradation(picture, generator) for picture in low])
    return _observe(_as_tensor(observed), task, generator), target


def demosaicking_pair(
    clean: Crops, task: RestorationTask, side_px: int, generator: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """The task's own noisy mosaics, and a quarter of the batch without noise.

    All four orders of the filters reach the network as red top left, cut at that place, and turned and mirrored crops
    show it every direction.
    """
    target = _as_tensor(clean)
    num_noise_free = len(target) // 4
    observed = [task.measure(target[:num_noise_free]), _observe(target[num_noise_free:], task, generator)]
    return torch.cat(observed), target


def _stages(*rows: tuple[int, int, int, float]) -> tuple[Stage, ...]:
    return tuple(
        Stage(steps=steps, batch=batch, crop_px=crop_px, psnr_share=psnr_share)
        for steps, batch, crop_px, psnr_share in rows
    )


_FROM_DENOISER = _stages((24_000, 16, 64, 0.0), (8_000, 8, 96, 1.0))
_ENLARGING = _stages((30_000, 16, 48, 0.0), (12_000, 12, 64, 1.0))

RECIPES: dict[str, Recipe] = {
    "denoise_widened": Recipe(
        title="Denoise (starter)",
        description="Removes camera noise and plain noise of any level, in colour and in gray.",
        task="denoise",
        make_pair=denoising_pair,
        margin_px=_MARGIN_PX,
        # The starter before, shown the noises that it had never seen; it ships until the long training is done.
        parent="denoise",
        stages=_stages((4_000, 8, 64, 0.0), (1_000, 8, 64, 1.0)),
        learning_rate=5e-4,
    ),
    "denoise": Recipe(
        title="Denoise (starter)",
        description="Removes camera noise and plain noise of any level, in colour and in gray.",
        task="denoise",
        make_pair=denoising_pair,
        margin_px=_MARGIN_PX,
        parent="denoise",
        stages=_stages((15_000, 16, 64, 0.0), (9_000, 8, 96, 0.0), (6_000, 6, 128, 1.0)),
    ),
    "super_resolution_x2": Recipe(
        title="Super-resolution x2 (starter)",
        description="Enlarges twice, with finer detail than interpolation, and removes light noise.",
        task="sr2",
        make_pair=super_resolution_pair,
        parent="denoise",
        stages=_ENLARGING,
    ),
    "super_resolution_x4": Recipe(
        title="Super-resolution x4 (starter)",
        description="Enlarges four times, with finer detail than interpolation, and removes light noise.",
        task="sr4",
        make_pair=super_resolution_pair,
        parent="denoise",
        stages=_ENLARGING,
    ),
    "demosaick": Recipe(
        title="Demosaick (starter)",
        description="Makes colour photos of Bayer mosaics and removes their noise.",
        task="demosaick",
        make_pair=demosaicking_pair,
        parent="denoise",
        stages=_FROM_DENOISER,
    ),
}


def make_task(recipe: Recipe) -> RestorationTask:
    """Return the recipe's task with its settings."""
    return factory.make_task(recipe.task, recipe.task_params)


def make_batch(
    pictures: CleanPictures, recipe: Recipe, task: RestorationTask, seed: int, step: int
) -> tuple[Tensor, Tensor]:
    """Make the pairs of a step: a function of recipe, pictures, seed and step alone.

    Args:
        pictures: The clean pictures.
        recipe: The pairs and the schedule.
        task: The recipe's task.
        seed: Of the whole training.
        step: From 0.

    Returns:
        What the network sees, and its target. Shapes: (batch, input channels, crop_px, crop_px) and (batch, 3,
        scale * crop_px, scale * crop_px).
    """
    stage = recipe.stage_at(step)
    generator = np.random.default_rng(step_seed(seed, step, stream=_PAIR_STREAM))
    clean = pictures.draw(stage.batch, stage.crop_px * task.scale + recipe.margin_px, generator)
    return recipe.make_pair(clean, task, stage.crop_px, generator)


def _observe(noisy: Tensor, task: RestorationTask, generator: np.random.Generator) -> Tensor:
    return task.observe(noisy, torch.Generator().manual_seed(int(generator.integers(2**62))))


def _as_tensor(pictures: Crops) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))
