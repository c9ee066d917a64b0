"""Learning from twins: clean pictures with a folder's own noise on them, and the clean pictures as their targets."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.machine.seeds import step_seed
from engine.method.pretext.pretext_task import LossParts, Restore
from engine.method.tasks.restoration_task import RestorationTask
from engine.refining.own_noise import OwnNoiseMaterial
from engine.simulation.pairs import simulate_pair

SIMULATED_SHARE = 0.25
"""Crops with a simulated noise instead, so that other noises are not forgotten."""

OWN_PICTURE_SHARE = 0.5
"""Of the others, crops of the photos themselves; the rest is of pictures that no camera took."""

OTHER_SIGMA = 20 / 255
"""Of the other noises for tasks that no camera's finished photo is given to: plain noise up to it."""

LARGEST_SHRINKING = 2.0
LEVEL_SPREAD = 0.12
"""Standard deviation of the logarithm of the level: no photo's is known exactly, and within a photo it may change."""

_SIMULATION_MARGIN_PX = 16
_EXTRA_PX = 8
_MATCHED_BRIGHTNESS_SHARE = 0.7
_RANGE = (0.02, 0.98)
_SMALLEST_RANGE = 1e-3


@dataclass(frozen=True)
class TwinObjective:
    """Supervised learning on twins.

    Attributes:
        material: Noise and clean pictures.
        crops_per_batch: Crops of one batch.
        crop_px: Side of a crop.
        seed: Of all choices.
        task: What is learned.
        makes_own_pairs: Whether it makes the noisy side of clean pictures by itself.
    """

    material: OwnNoiseMaterial
    crops_per_batch: int
    crop_px: int
    seed: int
    task: RestorationTask
    makes_own_pairs: bool = False

    @property
    def num_crops(self) -> int:
        """Crops that a contrastive term compares: none, the contrast has been in learning the noise."""
        return 0

    def batch(self, step: int) -> tuple[Tensor, ...]:
        """Noisy crops and clean ones, 0 to 1.

        Shapes: (crops_per_batch, 3, crop_px, crop_px), and likewise with crops as many times as large as the task says.
        """
        generator = np.random.default_rng(step_seed(self.seed, step, stream=3))
        noisy = np.empty((self.crops_per_batch, 3, self.crop_px, self.crop_px), np.float32)
        clean = np.empty((self.crops_per_batch, 3, self._clean_px, self._clean_px), np.float32)
        for place in range(self.crops_per_batch):
            pair = self._simulated(generator) if generator.random() < SIMULATED_SHARE else self._twin(generator)
            noisy[place], clean[place] = (picture.transpose(2, 0, 1) for picture in pair)
        return torch.from_numpy(noisy), torch.from_numpy(clean)

    def loss(self, restore: Restore, batch: tuple[Tensor, ...], generator: torch.Generator) -> LossParts:
        """Mean absolute error."""
        noisy, clean = batch
        return self.task.supervised_loss(restore(self.task.sample(noisy)), clean)

    def state_tensors(self) -> dict[str, Tensor]:
        """Nothing: a batch is a function of its step."""
        return {}

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Refuse what another objective remembered.

        Raises:
            ValueError: There is something.
        """
        if tensors:
            raise ValueError("a checkpoint remembers what learning from twins does not")

    @property
    def _clean_px(self) -> int:
        """Side of a clean crop."""
        return self.task.scale * self.crop_px

    def _simulated(self, generator: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        free = self.material.free[int(generator.integers(len(self.material.free)))]
        if self.makes_own_pairs:
            clean = _resized(_crop(free, min(2 * self._clean_px, *free.shape[:2]), generator), self._clean_px)
            small = self.task.make_noisy(clean)
            sigma = np.float32(generator.uniform(0, OTHER_SIGMA))
            noise = sigma * generator.standard_normal(small.shape, np.float32)
            return np.clip(small + noise, 0, 1, dtype=np.float32), clean
        margin = _SIMULATION_MARGIN_PX
        crop = _crop(free, min(self.crop_px + margin, *free.shape[:2]), generator)
        noisy, clean = simulate_pair(crop, generator)
        top, left = (max(side - self.crop_px, 0) // 2 for side in crop.shape[:2])
        area = slice(top, top + self.crop_px), slice(left, left + self.crop_px)
        return noisy[area], clean[area]

    def _twin(self, generator: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        material = self.material
        index = int(generator.integers(len(material.windows)))
        photo = material.window_photos[index]
        is_own = generator.random() < OWN_PICTURE_SHARE
        source = material.window(index) if is_own else material.free[int(generator.integers(len(material.free)))]
        wide = round((self._clean_px + _EXTRA_PX) * generator.uniform(1, LARGEST_SHRINKING))
        clean = _resized(_crop(source, min(wide, *source.shape[:2]), generator), self._clean_px)
        if material.noise.photos[photo].is_gray:
            clean = np.repeat(clean.mean(axis=2, keepdims=True), 3, axis=2)
        if not is_own and generator.random() < _MATCHED_BRIGHTNESS_SHARE:
            clean = _in_range_of(clean, material.window(index), generator)
        scale = float(np.exp(generator.normal(0, LEVEL_SPREAD)))
        return material.noise.add(self.task.make_noisy(clean), photo, generator, scale), clean


def _resized(picture: NDArray[np.float32], side_px: int) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_AREA), np.float32)


def _crop(picture: NDArray[np.float32], side_px: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """A random square, turned and mirrored at random."""
    top, left = (int(generator.integers(side - side_px + 1)) for side in picture.shape[:2])
    part = picture[top : top + side_px, left : left + side_px]
    mirrored = part[:, ::-1] if generator.random() < 0.5 else part
    return np.ascontiguousarray(np.rot90(mirrored, int(generator.integers(4))))


def _in_range_of(
    picture: NDArray[np.float32], window: NDArray[np.float32], generator: np.random.Generator
) -> NDArray[np.float32]:
    """A picture as bright as the photo whose noise it will carry: noise is known at that photo's brightness alone."""
    darkest, brightest = np.quantile(window, _RANGE)
    low, high = np.quantile(picture, _RANGE)
    spread = (brightest - darkest) * generator.uniform(0.3, 1)
    share = np.clip((picture - low) / (high - low + _SMALLEST_RANGE), 0, 1)
    return np.asarray(share * spread + darkest, np.float32)
