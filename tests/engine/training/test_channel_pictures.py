"""Channels that are no red, green and blue teach as what they are: each a picture of its own."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from engine.contracts.configs import OWN_NOISE, ComputeConfig, FinetuneConfig, PretrainConfig, ScanConfig
from engine.contracts.errors import InvalidInputError
from engine.contracts.events import JobEvent
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.jobs import finetune, pretrain
from engine.label_budget.measuring import Measurer
from engine.models.starters import require_starter
from engine.photos.crops import DecodedPair, DecodedPhoto, decode_photo, decode_photos
from engine.photos.decoded_files import decoded_files
from engine.photos.noise_estimate import estimate_noise
from engine.photos.pairs import PhotoPair
from engine.photos.scanning import scan_photos

SMALL = {"backbone_params": {"width": 8}, "photos_per_batch": 3, "crop_px": 16, "device": "cpu", "steps": 3}


def ignore(event: JobEvent) -> None:
    """Nobody looks."""


def scenes(num: int, noise: float) -> NDArray[np.uint8]:
    """Return gray pictures that have nothing in common. Shape: (num, 80, 96)."""
    generator = np.random.default_rng(5)
    drawn = np.empty((num, 80, 96))
    for index in range(num):
        drawn[index] = cv2.GaussianBlur(generator.random((80, 96)), (0, 0), 4 + index)
        drawn[index] = (drawn[index] - drawn[index].min()) / np.ptp(drawn[index])
        drawn[index] += (1 + index) * noise * np.random.default_rng(index).standard_normal((80, 96))
    return np.rint(255 * drawn.clip(0, 1)).astype(np.uint8)


def write_channels(path: Path, pictures: NDArray[np.generic]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.moveaxis(pictures, 0, -1)
    extra = ["unspecified"] * (len(pictures) - 1)
    tifffile.imwrite(path, pixels, photometric="minisblack", planarconfig="contig", extrasamples=extra)
    return path


def write_apart(folder: Path, pictures: NDArray[np.generic]) -> Path:
    folder.mkdir(parents=True)
    for index, picture in enumerate(pictures):
        tifffile.imwrite(folder / f"{index}.tif", picture, photometric="minisblack")
    return folder


def same_weights(first: Path, second: Path) -> bool:
    one, other = (load_file(run / "checkpoints" / "model.safetensors") for run in (first, second))
    assert one.keys() == other.keys()
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())


@pytest.mark.parametrize("num_channels", [2, 3, 4])
@pytest.mark.parametrize("keep_on_disk", [False, True])
def test_each_channel_is_a_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_channels: int, keep_on_disk: bool
) -> None:
    monkeypatch.setenv("RESIDUA_DATA", str(tmp_path / "data"))
    side = 1300 if keep_on_disk else 40
    counts = np.random.default_rng(1).integers(100, 900, (num_channels, side, side)).astype(np.uint16)
    counts[-1] *= 8
    path = write_channels(tmp_path / "cells.tif", counts)
    for _ in range(2):
        photos = decode_photos([PhotoRef(path)], JobControl(), ignore)
        assert [photo.picture for photo in photos] == [(PhotoRef(path), index + 1) for index in range(num_channels)]
        assert len({photo.name for photo in photos}) == num_channels
        for photo, picture in zip(photos, counts, strict=True):
            crop = photo.crop(4, 6, 24)
            assert crop.shape == (3, 24, 24)
            # Between its own black and white, whatever the others' are.
            assert photo.pixels.mean() == pytest.approx(0.5, abs=0.05)
            assert np.corrcoef(crop[1].ravel(), picture[4:28, 6:30].ravel())[0, 1] > 0.999
    assert bool(list(decoded_files().folder.glob("*.npy"))) == keep_on_disk


def test_red_green_and_blue_are_one_photo(tmp_path: Path) -> None:
    pixels = np.moveaxis(scenes(3, 0.02), 0, -1)
    tifffile.imwrite(tmp_path / "rgb.tif", pixels, photometric="rgb")
    (photo,) = decode_photos([PhotoRef(tmp_path / "rgb.tif")], JobControl(), ignore)
    assert np.array_equal(photo.levels, np.moveaxis(pixels, -1, 0))


def test_a_pretraining_sees_what_it_would_see_in_files_of_one_channel(tmp_path: Path) -> None:
    pictures = scenes(3, 0.03)
    together = write_channels(tmp_path / "together" / "cells.tif", pictures).parent
    apart = write_apart(tmp_path / "apart", pictures)
    runs = [
        pretrain(PretrainConfig(photos=(folder,), **SMALL), JobControl(), ignore).run  # type: ignore[arg-type]
        for folder in (together, apart)
    ]
    assert same_weights(*runs)


def test_the_own_noise_is_learned_of_each_channel(tmp_path: Path) -> None:
    pictures = scenes(2, 0.04)
    together = write_channels(tmp_path / "together" / "cells.tif", pictures).parent
    apart = write_apart(tmp_path / "apart", pictures)
    choice = {
        "pretext": OWN_NOISE,
        "parent": require_starter("denoise"),
        "steps": 1,
        "photos_per_batch": 2,
        "device": "cpu",
    }
    runs = [
        pretrain(PretrainConfig(photos=(folder,), **choice), JobControl(), ignore).run  # type: ignore[arg-type]
        for folder in (together, apart)
    ]
    assert same_weights(*runs)


def test_labels_teach_channel_by_channel(tmp_path: Path) -> None:
    noisy, clean = scenes(3, 0.03), scenes(3, 0)
    runs = []
    for name in ("together", "apart"):
        for side, pictures in (("noisy", noisy), ("clean", clean)):
            if name == "together":
                write_channels(tmp_path / name / side / "cells.tif", pictures)
            else:
                write_apart(tmp_path / name / side, pictures)
        folders = {side: (tmp_path / name / side,) for side in ("noisy", "clean")}
        config = FinetuneConfig(**folders, **SMALL)  # type: ignore[arg-type]
        runs.append(finetune(config, JobControl(), ignore).run)
    assert same_weights(*runs)


def test_a_reference_that_says_nothing_of_its_channels_is_what_its_photo_is(tmp_path: Path) -> None:
    noisy, clean = scenes(3, 0.03), scenes(3, 0)
    tifffile.imwrite(tmp_path / "noisy.tif", np.moveaxis(noisy, 0, -1), photometric="rgb")
    write_channels(tmp_path / "clean.tif", clean)
    photo, reference = (decode_photo(PhotoRef(tmp_path / f"{name}.tif")) for name in ("noisy", "clean"))
    (label,) = DecodedPair(photo, reference).pictures
    assert np.array_equal(label.clean.levels, clean)


def test_other_channels_than_the_photo_s_are_a_sentence() -> None:
    two, four = (
        DecodedPhoto(PhotoRef(Path("cells.tif")), np.zeros((num, 8, 8), np.uint8), channels_are_pictures=True)
        for num in (2, 4)
    )
    with pytest.raises(InvalidInputError, match=r"2 pictures .* 4"):
        _ = DecodedPair(two, four).pictures


def test_a_label_budget_measures_all_channels(tmp_path: Path) -> None:
    noisy, clean = scenes(4, 0.04), scenes(4, 0)
    files = [write_channels(tmp_path / side / "cells.tif", both) for side, both in (("a", noisy), ("b", clean))]
    apart = [write_apart(tmp_path / f"{side} apart", both) for side, both in (("a", noisy), ("b", clean))]
    compute = ComputeConfig(device="cpu")
    pair = PhotoPair(*map(PhotoRef, files))
    of_file = Measurer([pair], compute).measure(require_starter("denoise"), JobControl(), ignore)["cells.tif"]
    pairs = [PhotoPair(*(PhotoRef(folder / f"{index}.tif") for folder in apart)) for index in range(4)]
    of_each = Measurer(pairs, compute).measure(require_starter("denoise"), JobControl(), ignore)
    mean_error = np.mean([10 ** (-score.psnr / 10) for score in of_each.values()])
    assert of_file.psnr == pytest.approx(-10 * np.log10(mean_error), abs=0.01)
    assert of_file.psnr > of_file.noisy_psnr


def test_a_scan_judges_the_noise_of_all_channels(tmp_path: Path) -> None:
    pictures = scenes(2, 0.03)
    write_channels(tmp_path / "cells.tif", pictures)
    (photo,) = scan_photos(ScanConfig(folders=(tmp_path,)), JobControl(), ignore).photos
    expected = estimate_noise(np.float32(np.moveaxis(pictures, 0, -1)) / np.float32(255))
    assert photo.noise_sigma == pytest.approx(expected.sigma)
    first = estimate_noise(np.float32(pictures[0, :, :, None]) / np.float32(255))
    assert photo.noise_sigma > 1.2 * first.sigma
