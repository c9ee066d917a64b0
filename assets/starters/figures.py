"""Figures of a starter model on held-out free pictures: what it makes of noise, reduction and mosaics, in dB."""

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
import torch
from clean_pictures import CleanPictures, Crops

from engine.comparing.metrics import psnr
from engine.contracts.photo import Pixels
from engine.machine.devices import ComputeDevice
from engine.method.factory import make_task
from engine.method.tasks.restoration_task import RestorationTask
from engine.models.files import RestorationModel
from engine.restoring.restorer import Restorer
from engine.simulation.camera import draw_camera, take_photo
from engine.simulation.parameters import CameraRanges

Figures = dict[str, dict[str, float]]
"""Mean PSNR by condition: of what the model was given (`input`) and of what it made of it (`restored`)."""

SIDE_PX = 240
"""Pictures are measured on their central square of this side, a multiple of every scale."""

LARGEST_PSNR = 99.0
"""Stands for equal pictures."""

Degrade = Callable[[Crops, RestorationTask, np.random.Generator], tuple[Pixels, Pixels, Pixels]]
"""From a clean picture: what the model sees, that as a picture of the target's size, and the target."""


def measure(model: RestorationModel, pictures: CleanPictures, device: ComputeDevice, *, seed: int = 0) -> Figures:
    """Measure a model on clean pictures that it has not learned from.

    Args:
        model: A starter model.
        pictures: The pictures.
        device: Where to compute.
        seed: Of the noise.

    Returns:
        Mean PSNR over the pictures, by condition.
    """
    task = make_task(model.card.task, model.card.task_params)
    restorer = Restorer(model, device)
    figures: Figures = {}
    for name, degrade in _CONDITIONS[_kind(model.card.task)].items():
        values = []
        for index, levels in enumerate(pictures.levels):
            clean = _centre(levels)
            observed, shown, target = degrade(clean, task, np.random.default_rng((seed, index)))
            restored = restorer.restore(observed)
            values.append([min(psnr(picture, target), LARGEST_PSNR) for picture in (shown, restored)])
        given, made = np.mean(values, axis=0)
        figures[name] = {"input": round(float(given), 3), "restored": round(float(made), 3)}
    return figures


def _kind(task: str) -> str:
    return "super_resolution" if task.startswith("sr") else task


def _centre(levels: Any) -> Crops:
    top, left = ((size - min(size, SIDE_PX)) // 2 for size in levels.shape[:2])
    part = levels[top : top + SIDE_PX, left : left + SIDE_PX]
    rows, columns = (size - size % 12 for size in part.shape[:2])
    return np.ascontiguousarray(part[:rows, :columns]).astype(np.float32) / 255


def _rounded(picture: Crops) -> Crops:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.float32) / np.float32(255)


def _plain(sigma: float) -> Degrade:
    def degrade(clean: Crops, task: RestorationTask, generator: np.random.Generator) -> tuple[Pixels, Pixels, Pixels]:
        noise = generator.standard_normal(clean.shape, np.float32)
        noisy = _rounded(clean + np.float32(sigma / 255) * noise)
        return noisy, noisy, clean

    return degrade


def _camera(clean: Crops, task: RestorationTask, generator: np.random.Generator) -> tuple[Pixels, Pixels, Pixels]:
    noisy, target = take_photo(clean, draw_camera(generator, CameraRanges()), generator)
    return noisy, noisy, target


def _clean(clean: Crops, task: RestorationTask, generator: np.random.Generator) -> tuple[Pixels, Pixels, Pixels]:
    nudged = _rounded(clean + generator.uniform(-0.5, 0.5, clean.shape).astype(np.float32) / 255)
    return nudged, nudged, clean


def _reduced(clean: Crops, task: RestorationTask, generator: np.random.Generator) -> tuple[Pixels, Pixels, Pixels]:
    low = _rounded(_measured(task, clean))
    enlarged = cv2.resize(low, clean.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return low, np.clip(enlarged, 0, 1), clean


def _mosaicked(sigma: float) -> Degrade:
    def degrade(clean: Crops, task: RestorationTask, generator: np.random.Generator) -> tuple[Pixels, Pixels, Pixels]:
        noise = generator.standard_normal(clean.shape, np.float32)
        mosaic = _measured(task, np.clip(clean + np.float32(sigma / 255) * noise, 0, 1))
        levels = np.rint(mosaic[..., 0] * 65535).astype(np.uint16)
        shown = cv2.cvtColor(levels, cv2.COLOR_BayerRGGB2RGB_EA).astype(np.float32) / np.float32(65535)
        return mosaic, shown, clean

    return degrade


def _measured(task: RestorationTask, clean: Crops) -> Crops:
    batch = torch.from_numpy(np.ascontiguousarray(clean.transpose(2, 0, 1)))[None]
    return np.ascontiguousarray(task.measure(batch)[0].permute(1, 2, 0).numpy())


_CONDITIONS: Mapping[str, Mapping[str, Degrade]] = {
    "denoise": {
        "sigma 15": _plain(15),
        "sigma 25": _plain(25),
        "sigma 50": _plain(50),
        "simulated cameras": _camera,
        "no noise": _clean,
    },
    "super_resolution": {"reduced": _reduced},
    "demosaick": {"no noise": _mosaicked(0), "sigma 10": _mosaicked(10)},
}
