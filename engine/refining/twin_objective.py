"""Learning from twins: clean pictures with a folder's own noise on them, and the clean pictures as their targets.

Among them are noisy photos that are targets of themselves (`recorrupt`). Clean pictures of the photos are made by the
network: halfway, once it restores them better, they are made anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.contracts.photo import Pixels
from engine.machine.seeds import step_seed
from engine.method.pretext.pretext_task import LossParts, Restore
from engine.method.tasks.restoration_task import RestorationTask
from engine.refining.own_noise import OwnNoiseMaterial, as_levels, as_pixels
from engine.simulation.pairs import simulate_pair

SIMULATED_SHARE = 0.25
"""Crops with a simulated noise instead, so that other noises are not forgotten."""

OWN_PICTURE_SHARE = 0.5
"""Of the others, crops of the photos themselves; the rest is of pictures that no camera took."""

OTHER_SIGMA = 20 / 255
"""Of the other noises for tasks that no camera's finished photo is given to: plain noise up to it."""

RECORRUPTED_SHARE = 1 / 3
"""Of the others again, noisy photos as they are, where their noise is known as it was added to the light."""

STRENGTH: Final = 0.5
"""How much noise is added to what is seen of a noisy photo: it is then 1.12 times as noisy as the photo."""

LARGEST_SHRINKING = 2.0
LEVEL_SPREAD = 0.12
"""Standard deviation of the logarithm of the level: no photo's is known exactly, and within a photo it may change."""

_SIMULATION_MARGIN_PX = 16
_EXTRA_PX = 8
_MATCHED_BRIGHTNESS_SHARE = 0.7
_RANGE = (0.02, 0.98)
_SMALLEST_RANGE = 1e-3
_SMALLEST_DEVIATION = 1e-4


_STEP, _WINDOW = "step", "window_"


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
    _renewed: dict[str, Tensor] = field(default_factory=dict, init=False)

    @property
    def num_crops(self) -> int:
        """Crops that a contrastive term compares: none, the contrast has been in learning the noise."""
        return 0

    def batch(self, step: int) -> tuple[Tensor, ...]:
        """Noisy crops, what they are measured against, and the deviation of its noise: 0 where it is clean.

        Shapes: (crops_per_batch, 3, crop_px, crop_px), likewise with crops as many times as large as the task says, and
        (crops_per_batch, 1, 1, 1).
        """
        generator = np.random.default_rng(step_seed(self.seed, step, stream=3))
        noisy = np.empty((self.crops_per_batch, 3, self.crop_px, self.crop_px), np.float32)
        target = np.empty((self.crops_per_batch, 3, self._clean_px, self._clean_px), np.float32)
        deviations = np.zeros((self.crops_per_batch, 1, 1, 1), np.float32)
        themselves = self._own_targets()
        for place in range(self.crops_per_batch):
            if generator.random() < SIMULATED_SHARE:
                pair = self._simulated(generator)
            elif themselves and generator.random() < RECORRUPTED_SHARE:
                index = themselves[int(generator.integers(len(themselves)))]
                pair, deviations[place] = self._recorrupted(index, step, generator)
            else:
                pair = self._twin(step, generator)
            noisy[place], target[place] = (picture.transpose(2, 0, 1) for picture in pair)
        return torch.from_numpy(noisy), torch.from_numpy(target), torch.from_numpy(deviations)

    def loss(self, restore: Restore, batch: tuple[Tensor, ...], generator: torch.Generator) -> LossParts:
        """Mean absolute error; of noisy targets the mean square, whose least value noise does not shift.

        The mean square is divided by the deviation and the root of 2 pi: of Gaussian noise the absolute error's mean
        grows so, and both kinds of targets weigh alike.
        """
        noisy, target, deviations = batch
        difference = (restore(self.task.sample(noisy)).float() - target).abs()
        is_clean = deviations == 0
        squared = difference.square() / (np.sqrt(2 * np.pi) * torch.where(is_clean, 1.0, deviations))
        error = torch.where(is_clean, difference, squared).mean()
        return LossParts(total=error, parts={"supervised": error.detach()})

    def renew(self, step: int, restore: Callable[[Pixels], Pixels]) -> None:
        """Make the photos' clean parts anew.

        Args:
            step: The next one, whose batch may be in the making: those after it use them.
            restore: What the network has become. Shape: (height, width, 3), kept; 0 to 1.
        """
        renewed = {}
        for index, noisy in enumerate(self.material.noisy):
            if noisy is not None and not self.makes_own_pairs:
                restored = as_levels(restore(as_pixels(noisy)))
                renewed[f"{_WINDOW}{index:04d}"] = torch.from_numpy(restored.view(np.int16))
        # The step first: whoever makes a batch meanwhile finds none without it.
        self._renewed[_STEP] = torch.tensor(step)
        self._renewed.update(renewed)

    def state_tensors(self) -> dict[str, Tensor]:
        """The clean parts that were made anew; besides, a batch is a function of its step."""
        return dict(self._renewed)

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up the clean parts that were made anew.

        Raises:
            ValueError: There is something else.
        """
        names = set(tensors) - {_STEP}
        if tensors and (_STEP not in tensors or not all(name.startswith(_WINDOW) for name in names)):
            raise ValueError("a checkpoint remembers what learning from twins does not")
        self._renewed.clear()
        self._renewed.update(tensors)

    @property
    def _clean_px(self) -> int:
        """Side of a clean crop."""
        return self.task.scale * self.crop_px

    def _own_targets(self) -> list[int]:
        """Windows that can be targets of themselves."""
        if self.makes_own_pairs:
            return []
        return [
            index
            for index, (noisy, is_known) in enumerate(zip(self.material.noisy, self.material.known, strict=True))
            if is_known and noisy is not None and min(noisy.shape[:2]) >= self.crop_px
        ]

    def _window(self, index: int, step: int) -> NDArray[np.float32]:
        renewed = self._renewed.get(f"{_WINDOW}{index:04d}")
        if renewed is None or step <= int(self._renewed[_STEP]):
            return self.material.window(index)
        return as_pixels(renewed.numpy().view(np.uint16))

    def _simulated(self, generator: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        free = self.material.free[int(generator.integers(len(self.material.free)))]
        if self.makes_own_pairs:
            clean = _resized(_crop(free, min(2 * self._clean_px, *free.shape[:2]), generator), self._clean_px)
            small = self.task.make_noisy(clean)
            sigma = np.float32(generator.uniform(0, OTHER_SIGMA))
            noise = sigma * generator.standard_normal(small.shape, np.float32)
            return np.clip(small + noise, 0, 1, dtype=np.float32), clean
        side = self.crop_px + _SIMULATION_MARGIN_PX
        crop = _crop(_continued(free, side), side, generator)
        noisy, clean = simulate_pair(crop, generator)
        top = left = _SIMULATION_MARGIN_PX // 2
        area = slice(top, top + self.crop_px), slice(left, left + self.crop_px)
        return noisy[area], clean[area]

    def _recorrupted(
        self, index: int, step: int, generator: np.random.Generator
    ) -> tuple[tuple[NDArray[np.float32], NDArray[np.float32]], float]:
        """A crop of a noisy photo in two views, and the deviation of the second's noise."""
        material, noisy = self.material, self.material.noisy[index]
        assert noisy is not None
        top, left = (int(generator.integers(side - self.crop_px + 1)) for side in noisy.shape[:2])
        area = slice(top, top + self.crop_px), slice(left, left + self.crop_px)
        restored, photo = self._window(index, step)[area], material.window_photos[index]
        noise = material.noise.draw(restored, photo, generator)
        pair = recorrupt(as_pixels(noisy[area]), noise, material.noise.taken_by_limits(restored, photo))
        # Turned together, after its noise was drawn: rows that differ stay rows.
        is_mirrored, num_turns = generator.random() < 0.5, int(generator.integers(4))
        seen, target = (_turned(view, is_mirrored, num_turns) for view in (pair.seen, pair.target))
        return (seen, target), pair.deviation

    def _twin(self, step: int, generator: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        material = self.material
        index = int(generator.integers(len(material.windows)))
        photo, window = material.window_photos[index], self._window(index, step)
        is_own = generator.random() < OWN_PICTURE_SHARE
        source = window if is_own else material.free[int(generator.integers(len(material.free)))]
        wide = round((self._clean_px + _EXTRA_PX) * generator.uniform(1, LARGEST_SHRINKING))
        clean = _resized(_crop(source, min(wide, *source.shape[:2]), generator), self._clean_px)
        if material.noise.photos[photo].is_gray:
            clean = np.repeat(clean.mean(axis=2, keepdims=True), 3, axis=2)
        if not is_own and generator.random() < _MATCHED_BRIGHTNESS_SHARE:
            clean = _in_range_of(clean, window, generator)
        scale = float(np.exp(generator.normal(0, LEVEL_SPREAD)))
        return material.noise.add(self.task.make_noisy(clean), photo, generator, scale), clean


def _resized(picture: NDArray[np.float32], side_px: int) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_AREA), np.float32)


def _continued(picture: NDArray[np.float32], side_px: int) -> NDArray[np.float32]:
    """A picture that is smaller than a square, mirrored at its borders until it holds one."""
    missing = [(0, max(side_px - side, 0)) for side in picture.shape[:2]]
    return np.pad(picture, [*missing, (0, 0)], mode="symmetric") if any(after for _, after in missing) else picture


def _crop(picture: NDArray[np.float32], side_px: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """A random square, turned and mirrored at random."""
    top, left = (int(generator.integers(side - side_px + 1)) for side in picture.shape[:2])
    part = picture[top : top + side_px, left : left + side_px]
    return _turned(part, generator.random() < 0.5, int(generator.integers(4)))


def _turned(picture: NDArray[np.float32], is_mirrored: bool, num_turns: int) -> NDArray[np.float32]:
    return np.ascontiguousarray(np.rot90(picture[:, ::-1] if is_mirrored else picture, num_turns))


def _in_range_of(
    picture: NDArray[np.float32], window: NDArray[np.float32], generator: np.random.Generator
) -> NDArray[np.float32]:
    """A picture as bright as the photo whose noise it will carry: noise is known at that photo's brightness alone."""
    darkest, brightest = np.quantile(window, _RANGE)
    low, high = np.quantile(picture, _RANGE)
    spread = (brightest - darkest) * generator.uniform(0.3, 1)
    share = np.clip((picture - low) / (high - low + _SMALLEST_RANGE), 0, 1)
    return np.asarray(share * spread + darkest, np.float32)


@dataclass(frozen=True, kw_only=True)
class RecorruptedPair:
    """Two views of one crop.

    Attributes:
        seen: Shape: (height, width, 3); not limited to 0 to 1, which would shift its mean.
        target: Same shape.
        deviation: Standard deviation of the target's noise.
    """

    seen: NDArray[np.float32]
    target: NDArray[np.float32]
    deviation: float


def recorrupt(noisy: NDArray[np.float32], noise: NDArray[np.float32], taken: NDArray[np.float32]) -> RecorruptedPair:
    """Part a noisy crop into two views, so that noisy photos are their own targets.

    With noise n, and a second draw m of the same noise, y + a m and y - m / a are two views of one picture x whose
    noises do not correlate: what best predicts the one from the other, in the mean square, is x (a is `STRENGTH`;
    recorrupted-to-recorrupted; Pang, Zheng, Quan and Ji, CVPR 2021). So the photos' own structure teaches, sharper than
    any network has restored it, as far as the noise was learned rightly.

    Args:
        noisy: Shape: (height, width, 3), 0 to 1.
        noise: Drawn as the crop's own. Same shape.
        taken: What black and white have taken from its mean, cutting its noise off; the target gets it back, or a white
            sky would be learned to be gray. Same shape.
    """
    strength = np.float32(STRENGTH)
    power = float(np.mean(noise**2)) * (1 + 1 / STRENGTH**2)
    return RecorruptedPair(
        seen=noisy + strength * noise,
        target=noisy - noise / strength - taken,
        deviation=float(np.sqrt(power)) + _SMALLEST_DEVIATION,
    )
