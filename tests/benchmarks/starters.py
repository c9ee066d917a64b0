"""Starter models, or any checkpoint on the way to one, against the bars that they must reach on the test pictures.

    python3 run.py bench starters [MODEL|RUN ...] [--seed 0]

Without a model: all that ship. A denoiser is measured on the pairs of `polyu` and on `kodak24` with noise of sigma 25
(clipped, 8 bit), super-resolution on `set5` (Y channel, `scale` pixels shaved), a demosaicker on `kodak24`.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engine.configs import ComputeConfig
from engine.data.bicubic_resize import enlarge
from engine.data.image_files import read_image
from engine.devices import open_device
from engine.events import Pixels
from engine.metrics import psnr
from engine.models import RestorationModel, load_model
from engine.registry import TASKS
from engine.restorer import Restorer
from engine.starter_models import list_starters
from tests.benchmarks.reporting import SHARED_DATA, describe_machine, print_table, require

Case = tuple[Pixels, Pixels, Pixels]
"""What the model is given, that as a picture of the reference's size, and the reference."""


def polyu() -> Iterator[Case]:
    """The pairs of real camera noise."""
    folder = require(SHARED_DATA / "real_noisy_pairs" / "polyu")
    for path in sorted((folder / "noisy").iterdir()):
        noisy = read_image(path).pixels
        yield noisy, noisy, read_image(folder / "clean" / path.name).pixels


def plain_noise(sigma: float, seed: int) -> Iterator[Case]:
    """Kodak photos with white noise, clipped and rounded to 8 bits."""
    for index, clean in enumerate(_kodak()):
        noise = np.random.default_rng((seed, index)).standard_normal(clean.shape)
        noisy = _rounded(clean + sigma / 255 * noise)
        yield noisy, noisy, clean


def mosaics(model: RestorationModel, sigma: float, seed: int) -> Iterator[Case]:
    """Kodak photos as RGGB mosaics, with white noise or none; shown as OpenCV's edge-aware method makes them."""
    for index, clean in enumerate(_kodak()):
        noise = np.random.default_rng((seed, index)).standard_normal(clean.shape)
        mosaic = _measured(model, np.clip(clean + sigma / 255 * noise, 0, 1).astype(np.float32))
        levels = np.rint(mosaic[..., 0] * 65535).astype(np.uint16)
        shown = cv2.cvtColor(levels, cv2.COLOR_BayerRGGB2RGB_EA).astype(np.float32) / np.float32(65535)
        yield mosaic, shown, clean


def set5(scale: int) -> Iterator[Case]:
    """The five pictures and their bicubic reductions as files, enlarged again by bicubic interpolation."""
    folder = require(SHARED_DATA / "clean_color" / "set5")
    for path in sorted((folder / "HR").glob("*.png")):
        clean = read_image(path).pixels
        low = read_image(folder / f"LR_bicubic/X{scale}" / f"{path.stem}x{scale}.png").pixels
        shown = np.clip(enlarge(low, scale), 0, 1)
        yield low, shown, clean[: shown.shape[0], : shown.shape[1]]


def luma_psnr(restored: Pixels, reference: Pixels, shaved_px: int) -> float:
    """PSNR of the brightness Y (BT.601, 16 to 235 of 255), without the border: the custom of super-resolution."""

    def luma(pixels: Pixels) -> NDArray[np.float64]:
        levels = np.rint(pixels.astype(np.float64) * 255)
        inner = levels[shaved_px:-shaved_px, shaved_px:-shaved_px]
        return (16 + inner @ np.array([65.481, 128.553, 24.966]) / 255)[..., None] / 255

    return psnr(luma(restored).astype(np.float32), luma(reference).astype(np.float32))


def measure(model: RestorationModel, seed: int) -> list[tuple[str, float, float]]:
    """Return condition, mean PSNR of the input and mean PSNR of the result."""
    scale = TASKS[model.card.task].make(model.card.task_params).scale
    if model.card.task == "denoise":
        return [
            _mean("polyu", model, polyu(), psnr),
            _mean("kodak24, sigma 25", model, plain_noise(25, seed), psnr),
        ]
    if model.card.task == "demosaick":
        return [
            _mean("kodak24, no noise", model, mosaics(model, 0, seed), psnr),
            _mean("kodak24, sigma 10", model, mosaics(model, 10, seed), psnr),
        ]
    return [_mean(f"set5 x{scale}, Y", model, set5(scale), lambda made, true: luma_psnr(made, true, scale))]


def _mean(
    name: str, model: RestorationModel, cases: Iterator[Case], figure: Callable[[Pixels, Pixels], float]
) -> tuple[str, float, float]:
    restorer = Restorer(model, open_device(ComputeConfig()))
    values = [
        (figure(shown, reference), figure(restorer.restore(given), reference)) for given, shown, reference in cases
    ]
    given, made = np.mean(values, axis=0)
    return name, float(given), float(made)


def _kodak() -> Iterator[Pixels]:
    for path in sorted(require(SHARED_DATA / "clean_color" / "kodak24").glob("*.png")):
        yield read_image(path).pixels


def _measured(model: RestorationModel, clean: Pixels) -> Pixels:
    task = TASKS[model.card.task].make(model.card.task_params)
    measured = task.measure(torch.from_numpy(np.ascontiguousarray(clean.transpose(2, 0, 1)))[None])
    return measured[0].permute(1, 2, 0).numpy()


def _rounded(pixels: NDArray[np.float64]) -> Pixels:
    return (np.rint(pixels.clip(0, 1) * 255) / 255).astype(np.float32)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rows = []
    for path in arguments.models or [starter.path for starter in list_starters()]:
        for condition, given, made in measure(load_model(path), arguments.seed):
            rows.append((path.name, condition, f"{given:.2f}", f"{made:.2f}", f"{made - given:+.2f}"))
    print_table(("model", "pictures", "input, dB", "restored, dB", "gain, dB"), rows)
    print(f"seed {arguments.seed}; {describe_machine()}")
