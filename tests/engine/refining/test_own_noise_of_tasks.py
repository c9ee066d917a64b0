"""The photos' own noise for raw mosaics and for the small photos of super-resolution."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.contracts.configs import OWN_NOISE, FinetuneConfig, PretrainConfig, RestoreConfig
from engine.contracts.errors import EngineError, InvalidInputError
from engine.contracts.events import FileSkipped
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.jobs import finetune, pretrain, restore
from engine.method.catalogue.tasks import TASKS
from engine.method.factory import make_task
from engine.models.files import read_card
from engine.photo_files.photos import read_camera_cells, read_image
from engine.photos.crops import decode_photos
from engine.refining.gate import SHARES
from engine.refining.twin_objective import TwinObjective
from engine.runs.store import Run
from engine.simulation.learned.noise_file import NOISE_FILE, load_noise
from tests.conftest import TinyPhotos
from tests.engine.refining.test_own_noise import clean_picture, ignore, material_of
from tests.raw_makers import write_dng

SMALL: dict[str, Any] = {"steps": 3, "photos_per_batch": 2, "crop_px": 16}
WHITE = 16383
SIGMA = 0.02
"""Of the light, 1 being saturation."""


def parent_of(task: str, photos: TinyPhotos, out: Path) -> Path:
    config = FinetuneConfig(
        clean=(photos.clean,), task=task, out=out, backbone="unet", backbone_params={"width": 8, "num_levels": 2},
        **SMALL,
    )  # fmt: skip
    return finetune(config, JobControl(), ignore).run


def write_raw(path: Path, seed: int, sigma: float) -> Path:
    picture = 0.15 + 0.5 * clean_picture(seed, 256)
    mosaic = picture[..., 1].copy()
    mosaic[0::2, 0::2], mosaic[1::2, 1::2] = picture[0::2, 0::2, 0], picture[1::2, 1::2, 2]
    noisy = mosaic + np.random.default_rng(seed).normal(0, sigma, mosaic.shape)
    return write_dng(path, np.rint(np.clip(noisy, 0, 1) * WHITE).astype(np.uint16), white=WHITE)


@pytest.fixture
def raws(tmp_path: Path) -> Path:
    folder = tmp_path / "raws"
    folder.mkdir()
    for seed in range(3):
        write_raw(folder / f"{seed}.dng", seed, SIGMA)
    return folder


def test_cells_are_the_samples_of_the_mosaic(tmp_path: Path) -> None:
    levels = (np.arange(64 * 96, dtype=np.uint32).reshape(64, 96) * 7919 % 12000 + 60).astype(np.uint16)
    cells = read_camera_cells(write_dng(tmp_path / "a.dng", levels, white=WHITE)).pixels
    light = levels / WHITE
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    assert cells.shape == (32, 48, 3)
    for channel, (row, column) in enumerate(((0, 0), (0, 1), (1, 1))):
        assert np.allclose(cells[..., channel], encoded[row::2, column::2], atol=1e-4)


def test_a_demosaicking_model_is_refined_on_the_noise_of_its_mosaics(
    tiny_photos: TinyPhotos, raws: Path, tmp_path: Path
) -> None:
    parent = parent_of("demosaick", tiny_photos, tmp_path / "parent")
    config = PretrainConfig(photos=(raws,), parent=parent, out=tmp_path / "run", pretext=OWN_NOISE, **SMALL)
    run = Run(pretrain(config, JobControl(), ignore).run)
    assert run.record.task == read_card(run.path).task == "demosaick"
    assert run.record.metrics["share_of_way"] in SHARES
    noise = load_noise(run.path / NOISE_FILE)
    assert len(noise.spectra) == 1
    assert np.allclose(noise.spectra[0], np.eye(3)), "samples of a sensor are independent"
    clean = write_raw(tmp_path / "clean.dng", 1, 0.0)
    true = read_camera_cells(raws / "1.dng").pixels - read_camera_cells(clean).pixels
    drawn = noise.draw(np.asarray(read_camera_cells(clean).pixels), 1, np.random.default_rng(0))
    assert drawn.std(axis=(0, 1)) == pytest.approx(true.std(axis=(0, 1)), rel=0.2)
    result = restore(
        RestoreConfig(model=run.path, photos=(raws / "0.dng",), out=tmp_path / "out"), JobControl(), ignore
    )
    assert read_image(result.restored[0][1]).pixels.shape == (256, 256, 3)


def test_finished_pictures_are_no_mosaics(tiny_photos: TinyPhotos, raws: Path, tmp_path: Path) -> None:
    skipped: list[Any] = []
    paths = [PhotoRef(raws / "0.dng"), PhotoRef(tiny_photos.noisy / "photo 0.png")]
    photos = decode_photos(paths, JobControl(), skipped.append, camera_cells=True)
    assert [photo.photo.name for photo in photos] == ["0.dng"]
    (reason,) = [event for event in skipped if isinstance(event, FileSkipped)]
    assert "not a raw file" in reason.reason
    with pytest.raises(InvalidInputError):
        decode_photos(paths[1:], JobControl(), ignore, camera_cells=True)


def test_an_enlarging_model_is_refined_on_small_photos(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    parent = parent_of("sr2", tiny_photos, tmp_path / "parent")
    photos = tuple(sorted(tiny_photos.noisy.iterdir())[:3])
    config = PretrainConfig(photos=photos, parent=parent, out=tmp_path / "run", pretext=OWN_NOISE, **SMALL)
    run = Run(pretrain(config, JobControl(), ignore).run)
    assert run.record.task == "sr2"
    assert run.record.metrics["share_of_way"] in SHARES
    result = restore(RestoreConfig(model=run.path, photos=photos[:1], out=tmp_path / "out"), JobControl(), ignore)
    assert read_image(result.restored[0][1]).pixels.shape == (192, 224, 3)


@pytest.mark.parametrize("name", sorted(TASKS))
def test_twins_fit_every_task(name: str) -> None:
    task = make_task(name, {})
    makes_own_pairs = TASKS[name].makes_own_pairs
    objective = TwinObjective(material_of(0.05), 6, crop_px=32, seed=1, task=task, makes_own_pairs=makes_own_pairs)
    noisy, clean, deviations = objective.batch(0)
    assert noisy.shape == (6, 3, 32, 32)
    assert clean.shape == (6, 3, 32 * task.scale, 32 * task.scale)
    given: list[torch.Tensor] = []

    def perfect(observed: torch.Tensor) -> torch.Tensor:
        given.append(observed)
        return clean

    assert float(objective.loss(perfect, (noisy, clean, deviations), torch.Generator()).total) == 0
    measured = torch.from_numpy(
        np.stack([task.make_noisy(picture.numpy().transpose(1, 2, 0)).transpose(2, 0, 1) for picture in clean])
    )
    levels = (given[0] - task.sample(measured)).flatten(1).std(dim=1)
    assert given[0].shape[1] == (1 if name == "demosaick" else 3)
    assert float(levels.median()) == pytest.approx(0.05, rel=0.5)


def test_a_damaged_raw_is_a_sentence(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    (tmp_path / "broken.dng").write_bytes(b"II*\x00nothing")
    parent = parent_of("demosaick", tiny_photos, tmp_path / "parent")
    with pytest.raises(EngineError):
        pretrain(
            PretrainConfig(photos=(tmp_path / "broken.dng",), parent=parent, pretext=OWN_NOISE, **SMALL),
            JobControl(),
            ignore,
        )
