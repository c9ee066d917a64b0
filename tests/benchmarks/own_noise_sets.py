"""Folders that the own-noise benchmark learns from: real photos, made noises, and two that have to stay as they are."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np

from engine.contracts.photo import Pixels
from engine.photo_files.photos import ImageMetadata, PhotoImage, read_image, write_image
from engine.photos.folder import list_image_files
from engine.photos.sample_photos import make_sample_photos
from tests.benchmarks.quality_sets import KODAK, SETS, Folders, PairSet

EVERY_FOURTH = 4
"""Of the Kodak photos, those that carry a noise that no starter saw: six."""

_PHOTONS = 5.0
_PHOTON_SCALE = 40.0
"""As many photons are white."""

Degrade = Callable[[Pixels, np.random.Generator], tuple[Pixels, Pixels]]
"""From a clean picture to a noisy one and its reference."""


def _mixed(source: Path, out: Path, seed: int) -> Folders:
    """The camera photos beside Kodak photos with white noise."""
    camera = SETS["polyu"].prepare(SETS["polyu"].folder, out, seed)
    (out / "white").mkdir()
    white = SETS["kodak24_25"].prepare(SETS["kodak24_25"].folder, out / "white", seed)
    sides = []
    for name, folders in zip(("noisy", "clean"), zip(camera, white, strict=True), strict=True):
        named = {
            f"{prefix}{path.name}": path.file
            for prefix, folder in zip(("camera_", "white_"), folders, strict=True)
            for path in list_image_files([folder])
        }
        sides.append(_copied(out / name, named))
    return sides[0], sides[1]


def _samples(source: Path, out: Path, seed: int) -> Folders:
    samples = make_sample_photos(out)
    return samples.noisy, samples.all_clean


def _made(degrade: Degrade, *, every: int = EVERY_FOURTH, bit_depth: int = 8) -> Callable[[Path, Path, int], Folders]:
    """Kodak photos with a noise of their own."""

    def prepare(source: Path, out: Path, seed: int) -> Folders:
        for side in ("noisy", "clean"):
            (out / side).mkdir(parents=True)
        for index, path in enumerate(list_image_files([source])[::every]):
            noisy, clean = degrade(read_image(path).pixels, np.random.default_rng((seed, index)))
            for side, pixels in (("noisy", noisy), ("clean", clean)):
                limited = np.clip(pixels, 0, 1).astype(np.float32)
                metadata = ImageMetadata(file_format="png", bit_depth=bit_depth)
                write_image(out / side / f"{path.stem}.png", PhotoImage(limited, metadata=metadata))
        return out / "noisy", out / "clean"

    return prepare


def _grain(clean: Pixels, generator: np.random.Generator) -> tuple[Pixels, Pixels]:
    """Coarse film grain, the same in all channels, strongest in the mid-tones."""
    gray = clean.mean(axis=2, keepdims=True)
    coarse = _blurred(generator.standard_normal(clean.shape[:2]).astype(np.float32), 1.6)[..., None]
    return np.asarray(clean + coarse * (0.02 + 0.36 * gray * (1 - gray))), clean


def _banding(clean: Pixels, generator: np.random.Generator) -> tuple[Pixels, Pixels]:
    """Rows with offsets, above a little white noise."""
    rows = 0.06 * generator.standard_normal((clean.shape[0], 1, 1))
    return np.asarray(clean + rows + 0.02 * generator.standard_normal(clean.shape)), clean


def _blotches(clean: Pixels, generator: np.random.Generator) -> tuple[Pixels, Pixels]:
    """Broad blotches of colour alone, above a little white noise."""
    planes = [_blurred(generator.standard_normal(clean.shape[:2]).astype(np.float32), 5.0) for _ in range(3)]
    colour = np.stack(planes, axis=2)
    colour -= colour.mean(axis=2, keepdims=True)
    return np.asarray(clean + 0.06 * colour + 0.02 * generator.standard_normal(clean.shape)), clean


def _photons(clean: Pixels, generator: np.random.Generator) -> tuple[Pixels, Pixels]:
    """Gray, and five photons a pixel on the mean."""
    gray = clean.mean(axis=2, keepdims=True)
    expected = gray / gray.mean() * _PHOTONS
    counted = generator.poisson(expected) / _PHOTON_SCALE
    noisy, reference = (np.repeat(each, 3, axis=2).astype(np.float32) for each in (counted, expected / _PHOTON_SCALE))
    return noisy, reference


def _untouched(clean: Pixels, generator: np.random.Generator) -> tuple[Pixels, Pixels]:
    return clean, clean


def _blurred(noise: Pixels, sigma_px: float) -> Pixels:
    """Noise of variance 1 with a correlation. Shape: (height, width), kept."""
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma_px)
    return np.asarray(smooth / smooth.std(), np.float32)


def _copied(folder: Path, named: Mapping[str, Path]) -> Path:
    folder.mkdir(parents=True)
    for name, path in named.items():
        shutil.copyfile(path, folder / name)
    return folder


def _own(title: str, prepare: Callable[[Path, Path, int], Folders], source: str = KODAK) -> PairSet:
    return PairSet(title=title, task="denoise", source=source, prepare=prepare)


OWN_NOISE_SETS: dict[str, PairSet] = {
    **{f"fmd_{index}": SETS[f"fmd_{index}"] for index in (1, 2, 3)},
    "w2s": SETS["w2s"],
    "polyu": SETS["polyu"],
    "white_25": SETS["kodak24_25"],
    "samples": _own("Sample photos", _samples),
    "mixed": _own("PolyU and Kodak with white noise in one folder", _mixed),
    "grain": _own("Coarse film grain, 6 photos", _made(_grain)),
    "banding": _own("Banding in rows, 6 photos", _made(_banding)),
    "blotches": _own("Blotches of colour, 6 photos", _made(_blotches)),
    "photons": _own("5 photons a pixel, 16 bit, 6 photos", _made(_photons, bit_depth=16)),
    "no_noise": _own("Kodak without noise, 24 photos", _made(_untouched, every=1)),
}

HALVES: dict[str, tuple[str, ...]] = {"mixed": ("camera_", "white_")}
"""What the names of a folder's halves begin with, where each must not lose."""
