"""Four folders of different noise, each with photos to learn from and others, with references, to be measured on."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.photo_files.photos import read_image
from engine.photos.noise_estimate import measure_noise
from engine.simulation.camera import draw_camera, take_photo
from engine.simulation.parameters import CameraRanges
from tests.benchmarks.reporting import SHARED_DATA, require

NUM_PHOTOS, NUM_TEST_PHOTOS = 60, 12
TEST_CROP_PX = 256

Picture = NDArray[np.float32]
TakePhoto = Callable[[Picture, np.random.Generator], tuple[Picture, Picture]]
"""From a clean picture its noisy photo and the reference of that. Shapes: (height, width, 3), 0 to 1."""


@dataclass(frozen=True)
class NoisyFolder:
    """One folder as it lies on the disk.

    Attributes:
        photos: Noisy photos to learn from.
        test_noisy: Noisy sides of the pairs that are measured.
        test_clean: Clean sides.
        stride: At which the photos' noise is independent.
        sigmas: A tenth of the photos has less noise than the first, a tenth more than the second; of 255.
    """

    photos: Path
    test_noisy: Path
    test_clean: Path
    stride: int
    sigmas: tuple[float, float]


def many_levels(clean: Picture, generator: np.random.Generator) -> tuple[Picture, Picture]:
    """Noise of a standard deviation of 8 to 50 levels, half of its variance signal-dependent."""
    sigma = generator.uniform(8, 50) / 255
    deviation = sigma * np.sqrt((1 + clean / clean.mean()) / 2)
    return np.asarray(clean + deviation * generator.standard_normal(clean.shape), np.float32), clean


def one_level(clean: Picture, generator: np.random.Generator) -> tuple[Picture, Picture]:
    """White noise of 25 levels in every photo."""
    return np.asarray(clean + 25 / 255 * generator.standard_normal(clean.shape), np.float32), clean


def camera_noise(clean: Picture, generator: np.random.Generator) -> tuple[Picture, Picture]:
    """Noise in a simulated camera's raw data, coarsened by demosaicking, colour smoothing and JPEG."""
    ranges = CameraRanges(
        lowest_shot=1e-3,
        highest_shot=0.02,
        tail_share=0.0,
        dark_share=0.0,
        luma_smoothing_share=0.0,
        sharpening_share=0.0,
        fine_share=0.0,
    )
    return take_photo(clean, draw_camera(generator, ranges), generator)


SIMULATED: dict[str, TakePhoto] = {
    "many levels": many_levels,
    "one level": one_level,
    "camera": camera_noise,
}
REAL = "polyu"
FOLDERS = (*SIMULATED, REAL)


def prepare_folder(name: str, out: Path) -> NoisyFolder:
    """Make a folder, or take the one that was made before.

    Args:
        name: One of `FOLDERS`.
        out: Where it is kept.
    """
    folder, facts_file = out / name, out / name / "facts.json"
    if not facts_file.is_file():
        for side in ("photos", "test_noisy", "test_clean"):
            (folder / side).mkdir(parents=True, exist_ok=True)
        if name == REAL:
            _split_real(folder)
        else:
            _simulate(SIMULATED[name], folder, seed=FOLDERS.index(name))
        photos = sorted((folder / "photos").iterdir())
        noise = measure_noise(photos, lambda path: read_image(path).pixels)
        assert noise is not None
        facts = {"stride": noise.stride, "sigmas": [noise.low_sigma * 255, noise.high_sigma * 255]}
        facts_file.write_text(json.dumps(facts), "utf-8")
    facts = json.loads(facts_file.read_text("utf-8"))
    low, high = facts["sigmas"]
    return NoisyFolder(
        folder / "photos", folder / "test_noisy", folder / "test_clean", int(facts["stride"]), (low, high)
    )


def _simulate(take: TakePhoto, folder: Path, *, seed: int) -> None:
    sets = require(SHARED_DATA / "clean_color")
    for source, count, is_test in (("bsds500_train", NUM_PHOTOS, False), ("bsds500_test", NUM_TEST_PHOTOS, True)):
        for index, path in enumerate(sorted((sets / source).glob("*.jpg"))[:count]):
            generator = np.random.default_rng((seed, int(is_test), index))
            noisy, clean = take(read_image(path).pixels, generator)
            if is_test:
                _write(folder / "test_noisy" / f"{path.stem}.png", _middle(noisy))
                _write(folder / "test_clean" / f"{path.stem}.png", _middle(clean))
            else:
                _write(folder / "photos" / f"{path.stem}.png", noisy)


def _split_real(folder: Path) -> None:
    """Every fourth scene is measured, so that no scene is on both sides."""
    source = require(SHARED_DATA / "real_noisy_pairs" / "polyu")
    scenes = sorted({path.name.split("_")[0] for path in (source / "noisy").iterdir()})
    for noisy, clean in _pairs(source):
        if scenes.index(noisy.name.split("_")[0]) % 4 == 3:
            _write(folder / "test_noisy" / f"{noisy.stem}.png", _middle(read_image(noisy).pixels))
            _write(folder / "test_clean" / f"{noisy.stem}.png", _middle(read_image(clean).pixels))
        else:
            (folder / "photos" / noisy.name).write_bytes(noisy.read_bytes())


def _pairs(source: Path) -> Iterator[tuple[Path, Path]]:
    for noisy in sorted((source / "noisy").iterdir()):
        yield noisy, source / "clean" / noisy.name


def _middle(pixels: Picture) -> Picture:
    top, left = ((side - TEST_CROP_PX) // 2 for side in pixels.shape[:2])
    return pixels[top : top + TEST_CROP_PX, left : left + TEST_CROP_PX]


def _write(path: Path, pixels: Picture) -> None:
    levels = np.rint(pixels.clip(0, 1) * 255).astype(np.uint8)
    assert cv2.imwrite(str(path), levels[..., ::-1])
