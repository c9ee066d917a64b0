"""Luminance, colour and detail: what each takes and leaves, on real files, over tiles, in any type of numbers."""

import dataclasses
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter

from engine.contracts.blending import FULL, Blend, suggested_blend
from engine.contracts.configs import ComputeConfig, RestoreConfig
from engine.contracts.events import ImageRestored, JobEvent, JobWarning
from engine.contracts.job_control import JobControl
from engine.contracts.noise import NoiseEstimate
from engine.contracts.photo import Pixels
from engine.contracts.results import RestoreReportConfig, RestoreResult
from engine.jobs import restore, write_restore_report
from engine.machine.devices import open_device
from engine.method.backbones.unet import UNet
from engine.method.catalogue.backbones import UNetParams
from engine.models.files import ModelCard, RestorationModel, save_model
from engine.photo_files.metadata.provenance import read_provenance
from engine.photo_files.photos import read_image
from engine.photo_files.values.sample_types import SampleType, to_float, to_samples
from engine.restoring.arrays import restore_array
from engine.restoring.blending import REACH_PX, applied_change, blended
from engine.restoring.restorer import Restorer

COMPUTE = ComputeConfig(device="cpu", precision="32-true")
LUMA = np.array([0.299, 0.587, 0.114])
SHARES = st.floats(0, 1, width=32)


def luma(pixels: Any) -> Any:
    return np.asarray(pixels, float) @ LUMA


def pair(height: int, width: int, num_channels: int = 3, span: float = 0.4) -> tuple[Pixels, Pixels]:
    """A noisy picture around middle gray, so that nothing is clipped, and one that is nearer to it."""
    rng = np.random.default_rng(height + 1000 * width)
    noisy, other = (0.5 + span * (rng.random((height, width, num_channels), np.float32) - 0.5) for _ in range(2))
    return np.asarray(noisy, np.float32), np.asarray(0.6 * noisy + 0.4 * other, np.float32)


@pytest.fixture(scope="module")
def model() -> RestorationModel:
    torch.manual_seed(3)
    network = UNet(UNetParams(width=8, num_levels=2))
    for weights in network.parameters():
        if not weights.any():
            weights.data = 0.05 * torch.randn(weights.shape)
    card = ModelCard(name="any", backbone_params=UNetParams(width=8, num_levels=2).model_dump())
    return RestorationModel(network.eval().requires_grad_(False), card)


@pytest.fixture(scope="module")
def model_file(model: RestorationModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "any.safetensors"
    save_model(path, model.network.state_dict(), model.card)
    return path


def run(model: Path, photos: Path, out: Path, **fields: Any) -> tuple[RestoreResult, list[JobEvent]]:
    events: list[JobEvent] = []
    config = RestoreConfig(model=model, photos=(photos,), out=out, device="cpu", precision="32-true", **fields)
    return restore(config, JobControl(), events.append), events


def test_all_of_it_is_the_restoration_itself_and_none_of_it_the_noisy_picture_itself() -> None:
    noisy, restored = pair(40, 30)
    assert blended(noisy, restored, FULL) is restored
    assert blended(noisy, restored, Blend.even(0)) is noisy
    assert blended(noisy, restored, Blend(luminance=0, colour=0, detail=1)) is noisy
    gray = noisy[:, :, :1], restored[:, :, :1]
    assert blended(*gray, Blend(colour=0.3)) is gray[1], "a gray picture has no colour noise"
    assert blended(noisy, restored, Blend(colour=0.3), channels_are_gray=True) is restored


@pytest.mark.parametrize("num_channels", [1, 3])
def test_an_even_blend_is_the_mixture_by_one_strength(num_channels: int) -> None:
    noisy, restored = pair(300, 20, num_channels)
    for strength in (0.25, 0.8):
        found = blended(noisy, restored, Blend.even(strength))
        np.testing.assert_array_equal(found, noisy + np.float32(strength) * (restored - noisy))
        assert found.dtype == np.float32
        assert not found.flags.writeable


def test_colour_noise_goes_while_the_brightness_stays_and_the_other_way_round() -> None:
    noisy, restored = pair(64, 48)
    of_colour = blended(noisy, restored, Blend(luminance=0)).astype(float)
    np.testing.assert_allclose(luma(of_colour), luma(noisy), atol=1e-6)
    colours = of_colour - luma(of_colour)[..., None]
    np.testing.assert_allclose(colours, restored - luma(restored)[..., None], atol=1e-6)
    of_brightness = blended(noisy, restored, Blend(colour=0)).astype(float)
    np.testing.assert_allclose(luma(of_brightness), luma(restored), atol=1e-6)
    colours = of_brightness - luma(of_brightness)[..., None]
    np.testing.assert_allclose(colours, noisy - luma(noisy)[..., None], atol=1e-6)


@pytest.mark.parametrize("num_channels", [1, 3])
def test_detail_gives_back_what_a_gaussian_leaves_over(num_channels: int) -> None:
    """Against another library's filter."""
    noisy, restored = pair(80, 70, num_channels)
    found = blended(noisy, restored, Blend(detail=0.5)).astype(float)
    lost = (luma(noisy - restored) if num_channels == 3 else (noisy - restored)[:, :, 0]).astype(float)
    fine = lost - gaussian_filter(lost, 2.0, mode="mirror", radius=6)
    np.testing.assert_allclose(found, restored + 0.5 * fine[..., None], atol=2e-6)
    # Coarse noise stays away while its grain is back.
    whole = blended(noisy, restored, Blend(detail=1)).astype(float)
    kept = gaussian_filter((whole - restored).mean(axis=2), 6)
    assert np.abs(kept).mean() < 0.2 * np.abs(gaussian_filter(lost, 6)).mean()


@settings(deadline=None, max_examples=40)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.sampled_from([1, 3]),
    blend=st.builds(Blend, luminance=SHARES, colour=SHARES, detail=SHARES),
)
def test_any_blend_of_any_size_stays_within_its_range(height: int, width: int, channels: int, blend: Blend) -> None:
    noisy, restored = pair(height, width, channels, span=1)
    found = blended(noisy, restored, blend)
    assert found.shape == noisy.shape
    assert np.isfinite(found).all()
    assert 0 <= found.min() <= found.max() <= 1


def test_a_blend_never_leaves_more_noise_than_there_was() -> None:
    """Whatever is set, the result lies between the clean and the noisy picture, frequency by frequency."""
    rng = np.random.default_rng(0)
    clean = np.full((128, 128, 3), 0.5, np.float32)
    noisy = np.asarray(clean + rng.normal(0, 0.05, clean.shape), np.float32)
    amplitudes = []
    for blend in (Blend.even(0), Blend(luminance=0.3, detail=1), Blend(luminance=0.7, detail=0.5), Blend(detail=0.5)):
        error = blended(noisy, clean, blend) - clean
        amplitudes.append(np.abs(dctn(luma(error), type=1)))
    for smaller in amplitudes[1:]:
        assert (smaller <= amplitudes[0] * 1.001 + 1e-4).all()


def test_a_part_with_its_surroundings_is_what_the_whole_gives_there() -> None:
    noisy, restored = pair(120, 90)
    blend = Blend(luminance=0.8, colour=0.5, detail=0.7)
    whole = applied_change(restored - noisy, blend, has_colour=True)
    change = (restored - noisy)[30 - REACH_PX : 60 + REACH_PX, : 40 + REACH_PX]
    part = applied_change(change, blend, has_colour=True)[REACH_PX : REACH_PX + 30, :40]
    np.testing.assert_allclose(part, whole[30:60, :40], atol=1e-6)
    # Of what is not known yet nothing is taken for an edge: a constant change has no detail up to its border.
    known = np.ones((60, 60), np.float32)
    known[:, 30:] = 0
    change = np.full((60, 60, 3), 0.1, np.float32) * known[..., None]
    found = applied_change(change, Blend(detail=1), has_colour=True, known=known)
    np.testing.assert_allclose(found, change, atol=1e-6)


def test_a_halved_picture_has_as_much_less_detail() -> None:
    noisy, restored = pair(128, 128)
    change = restored - noisy

    def halved(pixels: Any) -> Any:
        return np.ascontiguousarray(pixels.reshape(len(pixels) // 2, 2, -1, 2, 3).mean(axis=(1, 3)))

    expected = halved(applied_change(change, Blend(detail=1), has_colour=True))
    found = applied_change(halved(change), Blend(detail=1), has_colour=True, halvings=1)
    inside = np.s_[8:-8, 8:-8]
    assert np.abs((found - expected)[inside]).mean() < 0.12 * np.abs(halved(change)[inside]).mean()
    small = applied_change(change, Blend(detail=1), has_colour=True, halvings=4)
    np.testing.assert_array_equal(small, change)


@pytest.mark.parametrize("sample_type", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("blend", [FULL, Blend(luminance=0.4), Blend(luminance=0.9, colour=0.5, detail=0.8)])
def test_tiles_have_no_seams_at_any_blend(
    model: RestorationModel, sample_type: SampleType, channels: int, blend: Blend
) -> None:
    largest = np.iinfo(sample_type).max
    samples = (np.random.default_rng(2).random((203, 150, channels)) * largest).astype(sample_type)
    pixels = to_float(samples)
    device = open_device(COMPUTE)
    whole = Restorer(model, device, tile_px=1024).restore(pixels)
    expected = to_samples(blended(pixels, whole, blend), sample_type)
    found = Restorer(model, device, tile_px=64).restore_samples(samples, sample_type=sample_type, blend=blend)
    off = np.abs(found.astype(int) - expected.astype(int))
    assert off.max() <= 1 + largest // 10_000
    assert (off > 1).mean() < 0.01
    assert np.abs(found.astype(int) - samples).mean() > largest / 1000, "the network does something"


def test_a_restoration_costs_no_more_memory_when_it_is_blended() -> None:
    """Beyond the result a strip's worth; a picture's change is nowhere whole."""
    noisy = np.zeros((4096, 512, 3), np.float32)
    restored = np.full_like(noisy, 0.5)
    tracemalloc.start()
    blended(noisy, restored, Blend(luminance=0.6, detail=0.3))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < noisy.nbytes * 1.45


def test_a_tiled_photo_costs_no_more_memory_than_some_tiles_when_it_is_blended(model: RestorationModel) -> None:
    samples = np.random.default_rng(2).integers(0, 256, (700, 700, 3), np.uint8)
    restorer = Restorer(model, open_device(COMPUTE), tile_px=64)
    peaks = []
    for blend in (FULL, Blend(luminance=0.6, detail=0.3)):
        tracemalloc.start()
        restorer.restore_samples(samples, sample_type="uint8", blend=blend)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[0] > samples.nbytes
    floats_of_a_tile = 4 * 3 * 80**2
    assert peaks[1] - peaks[0] < 12 * floats_of_a_tile


@pytest.mark.parametrize("name", ["uint8", "uint16", "int16", "uint32", "float32"])
def test_arrays_keep_type_and_range_whatever_is_set(model: RestorationModel, name: str) -> None:
    array = np.random.default_rng(0).poisson(120, (96, 80)).astype(name)
    if name == "uint16":
        array[5, 7] = 60_000
    full = restore_array(model, array, compute=COMPUTE)
    blend = Blend(luminance=0.7, colour=0.1, detail=0.6)
    found = restore_array(model, array, compute=COMPUTE, blend=blend)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(restore_array(model, array, compute=COMPUTE, blend=Blend(colour=0)), full)
    np.testing.assert_array_equal(restore_array(model, array, compute=COMPUTE, blend=Blend.even(0)), array)
    changes = [np.abs(result.astype(float) - array).mean() for result in (found, full)]
    assert 0 < changes[0] < changes[1]
    if name == "uint16":
        assert abs(int(found[5, 7]) - 60_000) < 300, "a hot pixel beyond the levels is carried past"


def test_files_keep_what_they_had_and_say_what_was_set(model_file: Path, tmp_path: Path) -> None:
    """16 bits and transparency, against other readers; found again by the same blend alone."""
    rng = np.random.default_rng(1)
    colours = rng.integers(0, 65536, (70, 90, 4), np.uint16)
    colours[:10, :, 3] = 0
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in" / "a.tif", colours, photometric="rgb", extrasamples=(2,), metadata=None)
    shares = {"luminance": 0.25, "colour": 1.0, "detail": 0.5}
    first, events = run(model_file, tmp_path / "in", tmp_path / "out", **shares)
    ((_, output),) = first.restored
    found = tifffile.imread(output)
    assert (found.dtype, found.shape) == (np.uint16, colours.shape)
    np.testing.assert_array_equal(found[:, :, 3], colours[:, :, 3])
    np.testing.assert_array_equal(found[:10], colours[:10], "what nobody sees stays as it was")
    provenance = read_provenance(output)
    assert provenance is not None
    assert (provenance.luminance, provenance.colour, provenance.detail) == ("0.25", "1", "0.5")
    how = next(event.how for event in events if isinstance(event, ImageRestored))
    assert "luminance at 25%, colour at 100%, detail back 50%" in how
    report = write_restore_report(
        RestoreReportConfig(path=tmp_path / "report.html", outcomes=first.outcomes), JobControl(), events.append
    )
    assert how in report.read_text()
    assert how in report.with_suffix(".csv").read_text("utf-8-sig")
    assert run(model_file, tmp_path / "in", tmp_path / "out", **shares)[0].already_done == first.restored
    assert not run(model_file, tmp_path / "in", tmp_path / "out", **{**shares, "detail": 0.25})[0].already_done


def test_a_photo_has_its_own_blend(model_file: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    (tmp_path / "in").mkdir()
    for name in ("a", "b", "gray"):
        pixels = rng.integers(0, 256, (40, 50) if name == "gray" else (40, 50, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / f"{name}.png")
    own = {
        str(tmp_path / "in" / "b.png"): Blend.even(0),
        str(tmp_path / "in" / "gray.png"): Blend(luminance=0.5, colour=0.2),
    }
    settings = {"luminance": 1.0, "detail": 0.5, "own_blends": own, "name_pattern": "{name}_{strength}"}
    result, _ = run(model_file, tmp_path / "in", tmp_path / "out", **settings)
    outputs = {source.stem: output for source, output in result.restored}
    assert {output.name for output in outputs.values()} == {"a_100-100-50.png", "b_0.png", "gray_50.png"}
    np.testing.assert_array_equal(Image.open(outputs["b"]), Image.open(tmp_path / "in" / "b.png"))
    assert np.abs(read_image(outputs["a"]).pixels - read_image(tmp_path / "in" / "a.png").pixels).mean() > 1e-3
    # The colour of a gray photo is no other work.
    settings["own_blends"] = {**own, str(tmp_path / "in" / "gray.png"): Blend(luminance=0.5, colour=0.9)}
    again, _ = run(model_file, tmp_path / "in", tmp_path / "out", **settings)
    assert again.already_done == result.restored
    assert RestoreConfig.model_validate_json(config_json(settings, tmp_path)).own_blends == settings["own_blends"]


def test_an_own_blend_of_no_photo_is_told(model_file: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    photo = tmp_path / "in" / "a.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 50, 3), np.uint8)).save(photo)
    for name, is_told in ((str(photo), False), ("elsewhere/a.png", True)):
        _, events = run(model_file, photo.parent, tmp_path / "out", own_blends={name: Blend.even(0)})
        said = [event.message for event in events if isinstance(event, JobWarning)]
        assert any("elsewhere/a.png" in message for message in said) == is_told


@pytest.mark.parametrize("file_format", ["keep", "png"])
def test_the_pages_of_a_stack_have_the_blend_that_is_set_for_it(
    model_file: Path, tmp_path: Path, file_format: str
) -> None:
    pages = np.random.default_rng(1).integers(0, 65536, (3, 40, 50), np.uint16)
    (tmp_path / "in").mkdir()
    stack = tmp_path / "in" / "s.tif"
    tifffile.imwrite(stack, pages, photometric="minisblack")
    result, _ = run(model_file, stack, tmp_path / "out", own_blends={str(stack): Blend.even(0)}, format=file_format)
    assert not result.failed
    outputs = list(dict.fromkeys(output for _, output in result.restored))
    read = [tifffile.imread(path) if file_format == "keep" else read_image(path).pixels * 65535 for path in outputs]
    found = np.concatenate([np.asarray(part, float).reshape(-1, 40, 50) for part in read])
    np.testing.assert_allclose(found, pages, atol=0.01)
    for output in outputs:
        provenance = read_provenance(output)
        assert provenance is not None
        assert provenance.luminance == "0"


def config_json(fields: dict[str, Any], folder: Path) -> str:
    return RestoreConfig(model=folder / "m", photos=(folder,), out=folder, **fields).model_dump_json()


def test_blends_are_read_back_from_text_and_nonsense_is_refused() -> None:
    for blend in (FULL, Blend.even(0.3), Blend(luminance=0.05, colour=0.85, detail=0.123)):
        assert Blend.of_text(blend.as_text) == blend
    for text in ("", "1 1", "1 1 2", "1 1 nan", "a b c", "1 1 0 0"):
        with pytest.raises(ValueError, match=r"."):
            Blend.of_text(text)
    with pytest.raises(ValueError, match="colour must be from 0 to 1"):
        dataclasses.replace(FULL, colour=-0.1)


def test_the_less_noise_the_less_is_suggested() -> None:
    def suggested(levels: float, correlation: float) -> Blend:
        return suggested_blend(NoiseEstimate(sigma=levels / 255, correlation=(correlation, 0.1, 0.0, 0.0)))

    found = [suggested(levels, 0.2) for levels in (0.5, 1.9, 2.5, 5.9, 6.1, 30)]
    assert found == [Blend.even(0.3)] * 2 + [Blend(luminance=0.7)] * 2 + [FULL] * 2
    assert suggested(1.5, 0.6) == FULL, "noise that a camera has smoothed is stronger than it measures"
