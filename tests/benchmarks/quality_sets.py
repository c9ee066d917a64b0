"""The test sets of the quality benchmark: where their pictures are, and what noise is put on them."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.contracts.photo import Pixels
from engine.photo_files.bicubic_resize import shrink
from engine.photo_files.photos import PhotoImage, read_image, write_image
from engine.photos.folder import list_image_files
from tests.benchmarks.reporting import SHARED_DATA

Folders = tuple[Path, Path]
"""Noisy photos and references."""


@dataclass(frozen=True, kw_only=True)
class PairSet:
    """Pairs that methods are measured on.

    Attributes:
        title: What a person reads.
        task: What has to be done.
        source: Its pictures, below the shared data.
        prepare: From the source, an empty folder and the seed to the folders of the pairs.
        fit_brightness: Whether exposure differs within pairs.
        is_noisy: Whether there is noise to remove.
    """

    title: str
    task: str
    source: str
    prepare: Callable[[Path, Path, int], Folders]
    fit_brightness: bool = False
    is_noisy: bool = True

    @property
    def folder(self) -> Path:
        """Where its pictures should be."""
        return SHARED_DATA / self.source


def _side_by_side(noisy: str, clean: str) -> Callable[[Path, Path, int], Folders]:
    """Pairs that lie in two subfolders."""
    return lambda source, out, seed: (source / noisy, source / clean)


def _one_of(noisy: str, clean: str, index: int) -> Callable[[Path, Path, int], Folders]:
    """One pair of those that lie in two subfolders."""

    def prepare(source: Path, out: Path, seed: int) -> Folders:
        chosen = list_image_files([source / noisy])[index].file
        for side in (noisy, clean):
            (out / side).mkdir()
            shutil.copy(next(path for path in (source / side).iterdir() if path.stem == chosen.stem), out / side)
        return out / noisy, out / clean

    return prepare


def _with_white_noise(sigma: float) -> Callable[[Path, Path, int], Folders]:
    """Clean photos with white Gaussian noise, clipped and rounded to 8 bits."""

    def prepare(source: Path, out: Path, seed: int) -> Folders:
        def add_noise(clean: Pixels, index: int) -> Pixels:
            noise = np.random.default_rng((seed, index)).standard_normal(clean.shape)
            return (clean + sigma / 255 * noise).clip(0, 1).astype(np.float32)

        return _made(source, out, add_noise)

    return prepare


def _shrunk(scale: int) -> Callable[[Path, Path, int], Folders]:
    """Clean photos and what bicubic shrinking makes of them, rounded to 8 bits."""
    return lambda source, out, seed: _made(source, out, lambda clean, index: shrink(clean, scale))


def _as_they_are(source: Path, out: Path, seed: int) -> Folders:
    """Clean photos of which the task itself makes the other side."""
    return source, source


def _made(source: Path, out: Path, degrade: Callable[[Pixels, int], Pixels]) -> Folders:
    for index, path in enumerate(list_image_files([source])):
        write_image(out / f"{path.stem}.png", PhotoImage(degrade(read_image(path).pixels, index)))
    return out, source


REAL = "real_noisy_pairs"
KODAK, BERKELEY, SET5, URBAN = (f"clean_color/{name}" for name in ("kodak24", "cbsd68", "set5", "urban100_part"))
SET12 = "clean_gray/set12"

SETS: dict[str, PairSet] = {
    "polyu": PairSet(
        title="PolyU, 60 crops of camera JPEGs",
        task="denoise",
        source=f"{REAL}/polyu",
        prepare=_side_by_side("noisy", "clean"),
    ),
    "polyu_full": PairSet(
        title="PolyU, 4 whole photos",
        task="denoise",
        source=f"{REAL}/polyu_full",
        prepare=_side_by_side("noisy", "clean"),
    ),
    # A set each: a mean of decibels against 255 and against 65,535 would be that of nothing.
    **{
        f"fmd_{index + 1}": PairSet(
            title=f"FMD, {picture}",
            task="denoise",
            source=f"{REAL}/fmd_microscopy",
            prepare=_one_of("noisy", "clean", index),
        )
        for index, picture in enumerate(("confocal, gray", "widefield, colour", "bacteria, 111 to 2,651 of 65,535"))
    },
    "w2s": PairSet(
        title="W2S, 7 fluorescence pictures, gain and offset fitted",
        task="denoise",
        source=f"{REAL}/w2s_microscopy",
        prepare=_side_by_side("noisy", "clean"),
        fit_brightness=True,
    ),
    **{
        f"{name}_{sigma}": PairSet(
            title=f"{title}, white noise of sigma {sigma}",
            task="denoise",
            source=source,
            prepare=_with_white_noise(sigma),
        )
        for name, title, source in (
            ("kodak24", "Kodak, 24 photos", KODAK),
            ("cbsd68", "CBSD68, 68 photos", BERKELEY),
            ("set12", "Set12, 12 gray pictures", SET12),
        )
        for sigma in (15, 25, 50)
    },
    **{
        f"set5_x{scale}": PairSet(
            title=f"Set5, x{scale}",
            task=f"sr{scale}",
            source=SET5,
            prepare=_side_by_side(f"LR_bicubic/X{scale}", "HR"),
            is_noisy=False,
        )
        for scale in (2, 3, 4)
    },
    **{
        f"urban100_x{scale}": PairSet(
            title=f"8 photos of Urban100, x{scale}",
            task=f"sr{scale}",
            source=URBAN,
            prepare=_shrunk(scale),
            is_noisy=False,
        )
        for scale in (2, 4)
    },
    "city100": PairSet(
        title="City100, 10 photos of a phone at two focal lengths",
        task="sr2",
        source="real_sr_pairs/city100_iphonex",
        prepare=_side_by_side("low", "high"),
    ),
    "mosaic_0": PairSet(
        title="Kodak, RGGB mosaics without noise",
        task="demosaick",
        source=KODAK,
        prepare=_as_they_are,
        is_noisy=False,
    ),
    "mosaic_10": PairSet(
        title="Kodak, RGGB mosaics with noise of sigma 10",
        task="demosaick",
        source=KODAK,
        prepare=_with_white_noise(10),
    ),
}
