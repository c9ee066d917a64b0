"""A training step as the program does it, and as a user would write it around the same network, batch and loss."""

import itertools
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from engine.contracts.configs import OWN_NOISE, PretrainConfig
from engine.contracts.events import JobEvent, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.jobs import pretrain
from engine.method.catalogue.pretexts import PRETEXTS, ResidualContrastiveParams
from engine.method.pretext.residual_contrastive import ResidualContrastive
from engine.models.files import ModelCard, build_network
from engine.models.starters import GENERAL_TASK, require_starter
from engine.photos.crops import DecodedPhoto, decode_photo
from engine.training.objectives import PretextObjective

NUM_PHOTOS = 32
PHOTO_PX = 512
NOISE = 12.0
NUM_WARM_UP_STEPS = 3
"""The first ones choose their kernels and fill the memory's pools."""

SELDOM_S = 3600.0
"""Between previews and checkpoints, so that steps alone are measured."""

_number = itertools.count()


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What a step computes.

    Attributes:
        backbone: Network.
        size: Its named size.
        num_crops: Crops of a batch, two of each photo.
        crop_px: Their side as the network sees them.
        contrast_ratio: Share of the contrastive term's gradient; 0 leaves the term out.
        pretext: The method. "own-noise" refines the starter, whose network then counts.
        device: What computes.
    """

    backbone: str = "nafnet"
    size: str = "small"
    num_crops: int = 32
    crop_px: int = 64
    contrast_ratio: float = 0.1
    pretext: str = "rcl"
    device: str = "cpu"

    @property
    def name(self) -> str:
        """For a table."""
        return f"{self.backbone} {self.size}, {self.num_crops} crops of {self.crop_px} px"

    @property
    def pretext_params(self) -> dict[str, Any]:
        """Of the method; the stride is given, so that none has to be measured."""
        given = {"stride": 1, "contrast_ratio": self.contrast_ratio}
        return {
            name: value for name, value in given.items() if name in PRETEXTS[self.pretext].params_model.model_fields
        }


def write_photos(folder: Path) -> Path:
    """Write noisy pictures of soft shapes to learn from; returns their folder."""
    photos = folder / "photos"
    photos.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(NUM_PHOTOS):
        soft = cv2.resize(
            rng.random((12, 12, 3)).astype(np.float32), (PHOTO_PX, PHOTO_PX), interpolation=cv2.INTER_CUBIC
        )
        noisy = 255 * soft + rng.normal(0, NOISE * rng.uniform(0.5, 1.5), soft.shape)
        cv2.imwrite(str(photos / f"{number:02}.png"), np.clip(noisy, 0, 255).astype(np.uint8))
    return photos


def our_step(photos: Path, work: Workload, num_steps: int = 12, on_step: Callable[[], None] | None = None) -> float:
    """The program's own job; returns the seconds of a step, of those that `our_training` times."""
    return our_training(photos, work, num_steps, on_step)[0]


def our_training(
    photos: Path, work: Workload, num_steps: int = 12, on_step: Callable[[], None] | None = None
) -> tuple[float, Path]:
    """The program's own job.

    Args:
        photos: Folder to learn from; results go beside it.
        work: What a step computes.
        num_steps: How many are timed, after the first few.
        on_step: Called when the timing begins and when it ends.

    Returns:
        Seconds a step, and the run's folder.
    """
    finished: list[float] = []

    def note(event: JobEvent) -> None:
        if isinstance(event, StepDone) and event.stage == "Pretraining" and event.step:
            finished.append(time.perf_counter())
            if on_step is not None and len(finished) in (NUM_WARM_UP_STEPS, NUM_WARM_UP_STEPS + num_steps):
                on_step()

    refines = work.pretext == OWN_NOISE
    config = PretrainConfig(
        photos=(photos,),
        out=photos.parent / f"run {os.getpid()} {next(_number)}",
        device=work.device,
        steps=NUM_WARM_UP_STEPS + num_steps,
        pretext=work.pretext,
        parent=require_starter(GENERAL_TASK) if refines else None,
        photos_per_batch=work.num_crops if refines else work.num_crops // 2,
        crop_px=work.crop_px,
        pretext_params=work.pretext_params,
        **({} if refines else {"backbone": work.backbone, "backbone_params": {"size": work.size}}),
        preview_interval_s=SELDOM_S,
        checkpoint_interval_s=SELDOM_S,
    )
    run = pretrain(config, JobControl(), note).run
    assert len(finished) == NUM_WARM_UP_STEPS + num_steps
    return (finished[-1] - finished[NUM_WARM_UP_STEPS - 1]) / num_steps, run


class PlainLoop:
    """What a user would write: crops cut when they are needed, single precision, torch's own layout and optimizer."""

    def __init__(self, photos: Path, work: Workload) -> None:
        decoded: list[DecodedPhoto] = [decode_photo(PhotoRef(path)) for path in sorted(photos.iterdir())]
        pretext = ResidualContrastive(ResidualContrastiveParams(**work.pretext_params))
        self._objective = PretextObjective(decoded, pretext, work.num_crops // 2, work.crop_px, seed=0)
        torch.manual_seed(0)
        card = ModelCard(name="plain", backbone=work.backbone, backbone_params={"size": work.size})
        self._network = build_network(card).train().requires_grad_(True)
        self._optimizer = torch.optim.AdamW(self._network.parameters(), lr=1e-3)
        self._step = 0

    def step(self) -> float:
        """Take one step; returns its loss."""
        crops, photos = self._objective.batch(self._step)
        generator = torch.Generator().manual_seed(self._step)
        loss = self._objective.loss(self._network, (crops, photos), generator)
        self._optimizer.zero_grad()
        loss.total.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._step += 1
        return float(loss.parts["consistency"])

    def seconds_a_step(self, num_steps: int = 12) -> float:
        """Take some steps; returns the seconds of each."""
        for _ in range(NUM_WARM_UP_STEPS):
            self.step()
        started = time.perf_counter()
        for _ in range(num_steps):
            self.step()
        return (time.perf_counter() - started) / num_steps

    def gflop(self) -> float:
        """Floating point operations of a step, in billions; convolutions and matrix products, as torch counts them."""
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter:
            self.step()
        return float(counter.get_total_flops() / 1e9)


def process_of_its_own(initializer: Callable[[], None] | None = None) -> ProcessPoolExecutor:
    """A process that does one thing after the other, what it keeps for the whole process being its own."""
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=initializer)


@lru_cache(maxsize=1)
def _plain_loop(photos: Path, work: Workload) -> PlainLoop:
    return PlainLoop(photos, work)


def plain_step(photos: Path, work: Workload) -> float:
    """Seconds of a step of the plain loop, which goes on from call to call."""
    return _plain_loop(photos, work).seconds_a_step()


def plain_gflop(photos: Path, work: Workload) -> float:
    """Floating point operations of a step of the plain loop, in billions."""
    return _plain_loop(photos, work).gflop()
