"""What each starter model is trained with: its network, its pairs and its figures, one row a model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.data.augment import random_orientation
from engine.objectives import step_seed
from engine.pretext.pretext_task import LossParts, Restore
from engine.simulation.pairs import add_light_degradation, simulate_pairs
from engine.tasks.restoration_task import RestorationTask

Levels = NDArray[np.uint8]
Crops = NDArray[np.float32]

PairMaker = Callable[[Crops, RestorationTask, int, np.random.Generator], tuple[Tensor, Tensor]]
"""From clean crops, the task, the side of the network's input and chance: what the network sees, and its target."""

_MARGIN_PX = 16
"""How much larger crops are cut for the simulated camera, so that JPEG blocks begin anywhere."""

_NUM_CANDIDATES = 2
"""Places of which the one with more detail is taken: much of a photograph is out of focus."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a starter model is made.

    Attributes:
        title: Name on its card.
        description: What it does, one or two sentences.
        task: Name in `engine.registry.TASKS`.
        make_pair: Makes the pairs.
        margin_px: How much larger the clean crops are than the network's output.
        backbone: Name in `engine.registry.BACKBONES`.
        backbone_params: Its settings.
        task_params: The task's settings.
        steps: Optimisation steps.
        batch: Crops a step.
        crop_px: Side of the network's input.
        learning_rate: At its highest.
        weight_average_decay: Share of the running average of the weights that is kept at each step.
    """

    title: str
    description: str
    task: str
    make_pair: PairMaker
    margin_px: int = 0
    backbone: str = "nafnet"
    backbone_params: Mapping[str, Any] = field(default_factory=lambda: NETWORK)
    task_params: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 12_000
    batch: int = 8
    crop_px: int = 64
    learning_rate: float = 2e-3
    weight_average_decay: float = 0.999


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
    """The task's own noisy mosaics, and a quarter of the batch without noise."""
    target = _as_tensor(clean)
    num_noise_free = len(target) // 4
    observed = [task.measure(target[:num_noise_free]), _observe(target[num_noise_free:], task, generator)]
    return torch.cat(observed), target


RECIPES: dict[str, Recipe] = {
    "denoise": Recipe(
        title="Denoise (starter)",
        description="Removes camera noise and plain noise of any level, in colour and in gray.",
        task="denoise",
        make_pair=denoising_pair,
        margin_px=_MARGIN_PX,
    ),
    "super_resolution_x2": Recipe(
        title="Super-resolution x2 (starter)",
        description="Enlarges twice, with finer detail than interpolation, and removes light noise.",
        task="sr2",
        make_pair=super_resolution_pair,
        crop_px=48,
    ),
    "super_resolution_x4": Recipe(
        title="Super-resolution x4 (starter)",
        description="Enlarges four times, with finer detail than interpolation, and removes light noise.",
        task="sr4",
        make_pair=super_resolution_pair,
        crop_px=48,
    ),
    "demosaick": Recipe(
        title="Demosaick (starter)",
        description="Makes colour photos of Bayer mosaics and removes their noise.",
        task="demosaick",
        make_pair=demosaicking_pair,
    ),
}


@dataclass(frozen=True)
class CleanPictures:
    """Decoded clean pictures, of which crops are drawn.

    Attributes:
        levels: RGB. Shape of each: (height, width, 3).
        weights: With which chance each is drawn: larger ones more often, but not in proportion, for variety.
    """

    levels: list[Levels]
    weights: NDArray[np.float64]

    @classmethod
    def read(cls, paths: list[Path]) -> "CleanPictures":
        """Decode PNGs."""
        levels = [np.ascontiguousarray(_decode(path)[..., ::-1]) for path in paths]
        roots = np.sqrt([float(picture.shape[0] * picture.shape[1]) for picture in levels])
        return cls(levels, roots / roots.sum())

    def draw(self, count: int, side_px: int, generator: np.random.Generator) -> Crops:
        """Draw square crops, turned and mirrored at random. Shape: (count, side_px, side_px, 3), 0 to 1."""
        crops = np.empty((count, side_px, side_px, 3), np.float32)
        for position, index in enumerate(generator.choice(len(self.levels), count, p=self.weights)):
            candidates = [_random_crop(self.levels[index], side_px, generator) for _ in range(_NUM_CANDIDATES)]
            chosen = max(candidates, key=_detail).transpose(2, 0, 1).astype(np.float32)
            (turned,) = random_orientation((chosen,), generator)
            crops[position] = turned.transpose(1, 2, 0) * np.float32(1 / 255)
        return crops


@dataclass(frozen=True)
class StarterObjective:
    """What the trainer minimises: the task's loss on pairs made from clean pictures.

    Attributes:
        pictures: The clean pictures.
        recipe: The pairs.
        task: The task.
        seed: Of all chance.
    """

    pictures: CleanPictures
    recipe: Recipe
    task: RestorationTask
    seed: int

    def batch(self, step: int) -> tuple[Tensor, ...]:
        """What the network sees, and its target: a function of seed and step."""
        generator = np.random.default_rng(step_seed(self.seed, step, stream=3))
        side_px = self.recipe.crop_px * self.task.scale + self.recipe.margin_px
        clean = self.pictures.draw(self.recipe.batch, side_px, generator)
        return self.recipe.make_pair(clean, self.task, self.recipe.crop_px, generator)

    def loss(self, restore: Restore, batch: tuple[Tensor, ...], generator: torch.Generator) -> LossParts:
        """The task's loss."""
        observed, target = batch
        return self.task.supervised_loss(restore(observed), target)


def _observe(noisy: Tensor, task: RestorationTask, generator: np.random.Generator) -> Tensor:
    return task.observe(noisy, torch.Generator().manual_seed(int(generator.integers(2**62))))


def _as_tensor(pictures: Crops) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))


def _random_crop(levels: Levels, side_px: int, generator: np.random.Generator) -> Levels:
    height, width = levels.shape[:2]
    top = int(generator.integers(max(height - side_px, 0) + 1))
    left = int(generator.integers(max(width - side_px, 0) + 1))
    crop = levels[top : top + side_px, left : left + side_px]
    missing = (side_px - crop.shape[0], side_px - crop.shape[1])
    return np.pad(crop, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric") if any(missing) else crop


def _detail(crop: Levels) -> float:
    """Mean step between neighbours of the green channel."""
    green = crop[::2, :, 1].astype(np.int16)
    return float(np.abs(np.diff(green, axis=1)).mean())


def _decode(path: Path) -> Levels:
    levels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert levels is not None, f"{path} was written by pictures.py"
    return np.asarray(levels, np.uint8)
