"""Counts of a camera come back as counts: mean, phases, constants and types are kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from engine.contracts.configs import ComputeConfig, RestoreConfig
from engine.contracts.job_control import JobControl
from engine.machine.devices import open_device
from engine.method.catalogue.backbones import UNetParams
from engine.models.files import ModelCard, build_network, load_model, save_model
from engine.models.starters import starter_path
from engine.photo_files.photos import read_image
from engine.photo_files.values.levels import ValueLevels
from engine.restoring.job import restore
from engine.restoring.restorer import Restorer
from tests.picture_makers import dim_series

FMD = Path(__file__).parents[4] / "shared/data/real_noisy_pairs/fmd_microscopy/noisy/myxo_bacteria_16bit.png"


def psnr(found: NDArray[Any], counts: NDArray[np.float64]) -> float:
    return float(-10 * np.log10(np.square((found - counts) / 65535).mean()))


def restored(model: Path, photos: Path, out: Path, **fields: Any) -> list[NDArray[Any]]:
    config = RestoreConfig(model=model, photos=(photos,), out=out, device="cpu", precision="32-true", **fields)
    result = restore(config, JobControl(), lambda event: None)
    assert not result.failed, result.failed
    return [tifffile.imread(output) for _, output in result.restored]


@pytest.fixture(scope="module")
def starter() -> Path:
    path = starter_path("denoise")
    assert path is not None
    return path


@pytest.fixture(scope="module")
def any_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Changes whatever it is given, by far more than rounding."""
    import torch

    card = ModelCard(name="any", backbone_params=UNetParams(width=8, num_levels=2).model_dump())
    torch.manual_seed(0)
    network = build_network(card)
    torch.nn.init.normal_(network.get_parameter("head.weight"), std=0.05)
    torch.nn.init.constant_(network.get_parameter("head.bias"), 0.02)
    path = tmp_path_factory.mktemp("model") / "any.safetensors"
    save_model(path, network.state_dict(), card)
    return path


def test_dim_counts_are_restored_as_well_as_when_they_are_stretched_by_hand(starter: Path, tmp_path: Path) -> None:
    frames = dim_series(3)
    (tmp_path / "in").mkdir()
    for index, (noisy, _) in enumerate(frames):
        tifffile.imwrite(tmp_path / "in" / f"{index}.tif", noisy)
    found = restored(starter, tmp_path / "in", tmp_path / "out")
    by_hand = Restorer(load_model(starter), open_device(ComputeConfig(device="cpu", precision="32-true")))
    gains, gains_by_hand = [], []
    for result, (noisy, counts) in zip(found, frames, strict=True):
        low, high = np.percentile(noisy, (0.1, 99.9))
        stretched = np.clip((noisy[:, :, None] - low) / (high - low), 0, 1).astype(np.float32)
        back = by_hand.restore(stretched)[:, :, 0] * (high - low) + low
        gains.append(psnr(result, counts) - psnr(noisy, counts))
        gains_by_hand.append(psnr(back, counts) - psnr(noisy, counts))
        assert abs(result.mean() / noisy.mean() - 1) < 0.003
        for row, column in np.ndindex(2, 2):
            assert abs(result[row::2, column::2].mean() - noisy[row::2, column::2].mean()) < 1
    assert np.mean(gains) > 5
    assert np.mean(gains) > np.mean(gains_by_hand) - 0.05


def test_mean_and_gain_are_kept(starter: Path, tmp_path: Path) -> None:
    """Of dim 16-bit counts, numbers with sign, floats of any range, and a stack: against what the camera counted."""
    frames = dim_series(2)
    noisy, counts = (np.stack(side) for side in zip(*frames, strict=True))
    folder = tmp_path / "in"
    folder.mkdir()
    tifffile.imwrite(folder / "dim.tif", noisy[0])
    tifffile.imwrite(folder / "signed.tif", (noisy[0].astype(np.int32) - 150).astype(np.int16))
    tifffile.imwrite(folder / "floats.tif", noisy[0].astype(np.float32) * 37.5 - 1000)
    options: dict[str, Any] = {"ome": True, "photometric": "minisblack", "metadata": {"axes": "TYX"}}
    tifffile.imwrite(folder / "stack.ome.tif", noisy, **options)
    config = RestoreConfig(model=starter, photos=(folder,), out=tmp_path / "out", device="cpu", precision="32-true")
    result = restore(config, JobControl(), lambda event: None)
    assert len(result.restored) == 4
    for photo, output in result.restored:
        before, after = (tifffile.imread(file).astype(float) for file in (photo.file, output))
        truth = counts if before.ndim == 3 else counts[0]
        gains = [float(np.cov(side.ravel(), truth.ravel())[0, 1] / truth.var()) for side in (before, after)]
        assert gains[1] / gains[0] == pytest.approx(1, abs=0.005), photo.name
        assert abs(after.mean() - before.mean()) < 1e-4 * np.ptp(before), photo.name


@pytest.mark.skipif(not FMD.is_file(), reason="the FMD picture is not here")
def test_a_microscopes_picture_keeps_mean_and_phases(starter: Path) -> None:
    photo = read_image(FMD)
    device = open_device(ComputeConfig(device="cpu", precision="32-true"))
    noisy = photo.pixels[:256, :256]
    found = Restorer(load_model(starter), device).restore(noisy, levels=photo.metadata.levels)
    assert abs(found.mean() / noisy.mean() - 1) < 0.003
    for row, column in np.ndindex(2, 2):
        assert abs(float((found - noisy)[row::2, column::2].mean())) * 65535 < 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("uint8", 133),
        ("int8", -3),
        ("uint16", 1000),
        ("uint16", 40_000),
        ("int16", -12),
        ("uint32", 3_000_000_123),
        ("float16", 0.3),
        ("float32", 0.0),
        ("float32", 1234.5),
        ("float64", -1e9),
    ],
)
def test_a_constant_frame_comes_back_as_it_is(any_model: Path, tmp_path: Path, name: str, value: float) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full((40, 32), value, name))
    (found,) = restored(any_model, tmp_path / "a.tif", tmp_path / "out")
    np.testing.assert_array_equal(found, np.full((40, 32), value, name))


@pytest.mark.parametrize("name", ["uint16", "int16", "uint32", "float16", "float32", "float64"])
@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_type_and_mean_are_kept_and_the_noise_is_not(
    any_model: Path, tmp_path: Path, name: str, strength: float
) -> None:
    noisy = dim_series(1)[0][0].astype(float)
    stored = (noisy - 150 if name == "int16" else noisy * 100 if name == "float32" else noisy).astype(name)
    tifffile.imwrite(tmp_path / "a.tif", stored)
    (found,) = restored(
        any_model, tmp_path / "a.tif", tmp_path / "out", luminance=strength, colour=strength, detail=0.5
    )
    assert found.dtype == stored.dtype
    span = float(np.ptp(stored.astype(float)))
    assert np.abs(found.astype(float) - stored).max() > 0.02 * span, "the model does something"
    assert abs(float(found.mean(dtype=float) - stored.mean(dtype=float))) < 1e-3 * span


def test_each_channel_is_a_picture_of_its_own(any_model: Path, tmp_path: Path) -> None:
    noisy = dim_series(1)[0][0]
    stored = np.stack([noisy, 3 * noisy, noisy // 2, 100 * noisy, noisy], axis=2)
    options: dict[str, Any] = {"photometric": "minisblack", "metadata": None}
    tifffile.imwrite(tmp_path / "all.tif", stored, planarconfig="contig", **options)
    (found,) = restored(any_model, tmp_path / "all.tif", tmp_path / "out")
    assert found.shape == stored.shape
    for index in range(5):
        tifffile.imwrite(tmp_path / f"{index}.tif", stored[:, :, index], **options)
        (alone,) = restored(any_model, tmp_path / f"{index}.tif", tmp_path / "alone")
        np.testing.assert_array_equal(found[:, :, index], alone)


def test_a_hot_pixel_is_carried_past_the_network(any_model: Path, tmp_path: Path) -> None:
    noisy = dim_series(1)[0][0].copy()
    noisy[30, 40] = 60_000
    tifffile.imwrite(tmp_path / "a.tif", noisy)
    (found,) = restored(any_model, tmp_path / "a.tif", tmp_path / "out")
    assert abs(int(found[30, 40]) - 60_000) < 1_000
    found[30, 40] = noisy[30, 40] = 100
    assert found.max() < 1_000


def test_photographs_go_through_the_network_as_they_are(any_model: Path) -> None:
    """Bit for bit what the network gives, rounded: nothing of the levels touches them."""
    import torch

    model = load_model(any_model)
    restorer = Restorer(model, open_device(ComputeConfig(device="cpu", precision="32-true")), tile_px=512)
    for dtype in (np.uint8, np.uint16):
        top = np.iinfo(dtype).max
        photo = np.random.default_rng(3).integers(0, top + 1, (64, 64, 3), dtype)
        padded = np.pad(photo, ((16, 16), (16, 16), (0, 0)), mode="reflect").astype(np.float32) * np.float32(1 / top)
        with torch.inference_mode():
            noisy = torch.from_numpy(padded).permute(2, 0, 1)[None].contiguous(memory_format=torch.channels_last)
            expected = model.network(noisy)[0].permute(1, 2, 0).numpy()[16:-16, 16:-16]
        found = restorer.restore_samples(photo, sample_type=np.dtype(dtype).name)  # type: ignore[arg-type]
        np.testing.assert_array_equal(found, np.rint(np.clip(expected, 0, 1) * np.float32(top)).astype(dtype))


def test_given_levels_are_used(any_model: Path) -> None:
    restorer = Restorer(load_model(any_model), open_device(ComputeConfig(device="cpu", precision="32-true")))
    noisy = dim_series(1)[0][0][:, :, None]
    results = [
        restorer.restore_samples(
            noisy, sample_type="uint16", levels=ValueLevels(black=(90 / 65535,), white=(white / 65535,))
        )
        for white in (110, 400)
    ]
    assert np.abs(results[0].astype(int) - results[1]).max() > 2
