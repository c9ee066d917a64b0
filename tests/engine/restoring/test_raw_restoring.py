"""Raw files through the jobs: demosaicked, denoised as photos, learned from."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.contracts.configs import ComputeConfig, RestoreConfig, ScanConfig
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.contracts.results import RestoreResult
from engine.jobs import scan
from engine.machine.devices import open_device
from engine.method.catalogue.backbones import UNetParams
from engine.models.files import ModelCard, build_network, load_model, save_model
from engine.photo_files.photos import ImageMetadata, PhotoImage, read_image, read_raw_mosaic, write_image
from engine.photo_files.raw.mosaic import demosaick_simply
from engine.photos.crops import decode_photo, decode_photos
from engine.restoring.job import restore
from engine.restoring.raw import open_raw, restore_raw_area, restore_raw_file
from engine.restoring.restorer import Restorer

CPU = ComputeConfig(device="cpu", precision="32-true")
DESCRIPTION = {"cfa": "GBRG", "bit_depth": 12, "black": 64, "white_balance": [2, 1, 1.5], "orientation": 6}


def write_raw(path: Path, height: int = 50, width: int = 70) -> Path:
    rows, columns = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(3).normal(0, 40, (height, width))
    levels = np.clip(300 + 20 * columns + 10 * rows + noise, 0, 4095).astype("<u2")
    path.write_bytes(levels.tobytes())
    path.with_name(f"{path.name}.json").write_text(json.dumps({"width": width, "height": height, **DESCRIPTION}))
    return path


def write_model(folder: Path, task: str, *, gain: float = 0.0) -> Path:
    card = ModelCard(name="test", task=task, backbone_params=UNetParams(width=8, num_levels=2).model_dump())
    torch.manual_seed(0)
    network = build_network(card)
    torch.nn.init.normal_(network.backbone.head.weight, std=gain)
    path = folder / f"{task}.safetensors"
    save_model(path, network.state_dict(), card)
    return path


def run_restore(model: Path, photos: tuple[Path, ...], out: Path, **fields: object) -> RestoreResult:
    config = RestoreConfig(
        model=model,
        photos=photos,
        out=out,
        device="cpu",
        precision="32-true",
        **{"raw_look": "neutral", **fields},  # type: ignore[arg-type]
    )
    return restore(config, JobControl(), lambda event: None)


@pytest.mark.parametrize("tile", [0, 32])
def test_an_untrained_model_interpolates_a_raw_file(tmp_path: Path, tile: int) -> None:
    path = write_raw(tmp_path / "frame.raw")
    result = run_restore(write_model(tmp_path, "demosaick"), (path,), tmp_path / "out", tile=tile)
    ((_, output),) = result.restored
    assert output.name == "frame_restored.tif"
    restored = read_image(output)
    assert restored.metadata.bit_depth == 16
    # Turned by a quarter, as its description says.
    assert restored.pixels.shape == (70, 50, 3)
    np.testing.assert_allclose(restored.pixels, demosaick_simply(read_raw_mosaic(path)), atol=2e-4)


def test_no_strength_is_the_interpolation_and_full_strength_is_not(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "frame.raw")
    model = write_model(tmp_path, "demosaick", gain=0.01)
    pictures = {}
    for strength in (0.0, 0.5, 1.0):
        result = run_restore(
            model, (path,), tmp_path / f"{strength}", luminance=strength, colour=strength, format="png"
        )
        pictures[strength] = read_image(result.restored[0][1]).pixels
    interpolated = demosaick_simply(read_raw_mosaic(path))
    np.testing.assert_allclose(pictures[0.0], interpolated, atol=2e-4)
    half, whole = (np.abs(pictures[strength] - interpolated).mean() for strength in (0.5, 1.0))
    assert 0 < half < whole


def test_a_photo_is_told_to_be_finished_and_the_batch_goes_on(tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    write_image(photo, PhotoImage(np.full((20, 20, 3), 0.5, np.float32)))
    raw = write_raw(tmp_path / "b.raw")
    result = run_restore(write_model(tmp_path, "demosaick"), (photo, raw), tmp_path / "out")
    assert [source for source, _ in result.restored] == [PhotoRef(raw)]
    assert [failed.path for failed in result.failed] == [PhotoRef(photo)]
    assert "finished picture" in result.failed[0].reason
    assert "denoising model" in result.failed[0].hint


def test_a_denoising_model_takes_a_raw_file_as_a_photo(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "frame.raw")
    result = run_restore(write_model(tmp_path, "denoise"), (path,), tmp_path / "out")
    np.testing.assert_allclose(read_image(result.restored[0][1]).pixels, read_image(path).pixels, atol=2e-5)


def test_a_scan_measures_raw_files_too(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "frame.raw")
    result = scan(ScanConfig(folders=(tmp_path,)), JobControl(), lambda event: None)
    assert [(photo.path, photo.width, photo.height) for photo in result.photos] == [(PhotoRef(path), 50, 70)]
    assert result.photos[0].noise_sigma


def test_learning_from_noise_sees_cells_and_labels_see_the_whole(tmp_path: Path) -> None:
    raw, photo = write_raw(tmp_path / "frame.raw"), tmp_path / "a.png"
    metadata = ImageMetadata(file_format="png", bit_depth=16)
    write_image(photo, PhotoImage(np.full((20, 24, 3), 0.5, np.float32), None, metadata))
    unlabelled = decode_photos((PhotoRef(raw), PhotoRef(photo)), JobControl(), lambda event: None)
    assert [decoded.levels.shape for decoded in unlabelled] == [(3, 35, 25), (3, 20, 24)]
    assert decode_photo(PhotoRef(raw)).levels.shape == (3, 70, 50)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["RGGB", "GBRG", "BGGR"])
def test_an_area_is_what_the_whole_file_will_be(tmp_path: Path, orientation: int, order: str) -> None:
    path = write_raw(tmp_path / "frame.raw", 300, 330)
    side_car = path.with_name("frame.raw.json")
    side_car.write_text(json.dumps({**json.loads(side_car.read_text()), "orientation": orientation, "cfa": order}))
    restorer = Restorer(load_model(write_model(tmp_path, "demosaick", gain=0.3)), open_device(CPU))
    whole = restore_raw_file(PhotoRef(path), restorer).pixels
    opened = open_raw(PhotoRef(path))
    for rows, columns in ((slice(100, 180), slice(90, 200)), (slice(0, 64), slice(0, 40)), (slice(250, 300),) * 2):
        area = restore_raw_area(opened, rows, columns, restorer)
        np.testing.assert_allclose(area, whole[rows, columns], atol=2e-3)
