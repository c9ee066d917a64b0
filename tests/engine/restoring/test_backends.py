"""Other libraries compute what torch computes, and where they don't, torch does."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from numpy.typing import NDArray

from engine.contracts.configs import BackendName, ComputeConfig, RestoreConfig
from engine.contracts.job_control import JobControl
from engine.machine.devices import ComputeDevice, open_device
from engine.method.backbones.backbone import RestorationNetwork
from engine.method.catalogue.backbones import BACKBONES
from engine.method.catalogue.tasks import TASKS
from engine.method.factory import make_backbone, make_task
from engine.models.export_form import FORM_VERSION, SplitGatedBlock, export_form, export_graph
from engine.models.files import ModelCard, RestorationModel, save_model
from engine.photo_files.photos import read_image, write_image
from engine.restoring.backends import selection
from engine.restoring.backends.compiled_network import CompiledNetwork, OnnxRuntimeNetwork, OpenVinoNetwork
from engine.restoring.backends.selection import (
    COMPILED,
    HALF_PRECISION_TOLERANCE_DB,
    SINGLE_PRECISION_TOLERANCE_DB,
    choose_backend,
    count_choices,
)
from engine.restoring.job import restore
from engine.restoring.restorer import Restorer
from tests.engine.restoring.test_restorer import random_photo, with_random_weights
from tests.engine.restoring.test_restoring import make_photo

PHOTO_NOISE = 0.05
ENOUGH_MEGAPIXELS = 100.0


@pytest.fixture(scope="module")
def device() -> ComputeDevice:
    return open_device(ComputeConfig(device="cpu", precision="32-true"))


def small_network(backbone: str = "nafnet", task: str = "denoise") -> RestorationNetwork:
    """Of all kinds of layer that its kind has, but few of them, and with few channels."""
    torch.manual_seed(3)
    made = make_backbone(backbone, {"width": 16, **({"num_blocks": 1} if backbone == "nafnet" else {})})
    return with_random_weights(make_task(task, {}).add_head(made)).network


def in_library(name: str, network: RestorationNetwork, folder: Path, *, is_half: bool = False) -> CompiledNetwork:
    pytest.importorskip(name)
    graph = folder / "graph.onnx"
    export_graph(network, graph)
    if name == "openvino":
        return OpenVinoNetwork(network, graph, is_half=is_half)
    return OnnxRuntimeNetwork(network, graph)


def photo_and_noisy(network: RestorationNetwork, height: int, width: int) -> NDArray[np.float32]:
    noisy = np.random.default_rng(5).normal(0.5, 0.2, (1, network.input_channels, height, width))
    return noisy.clip(0, 1).astype(np.float32)


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("keeps_weights", [False, True])
def test_the_exported_form_is_the_same_function(backbone: str, task: str, keeps_weights: bool) -> None:
    """On noise, and where all is one value and a normalisation has nothing to divide by."""
    network = small_network(backbone, task)
    noisy = torch.from_numpy(photo_and_noisy(network, 64, 80))
    noisy[..., 40:] = 0.7
    exported = export_form(network, keeps_weights=keeps_weights)
    assert (exported(noisy) - network(noisy)).abs().max() < 1e-5
    if backbone == "nafnet":
        assert any(isinstance(module, SplitGatedBlock) for module in exported.modules())
        assert not any(isinstance(module, SplitGatedBlock) for module in network.modules())


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("task", TASKS)
def test_every_model_gives_the_same_in_every_library(name: str, backbone: str, task: str, tmp_path: Path) -> None:
    """To the last pixel, where a picture ends as well, at sizes that no library has been prepared for."""
    network = small_network(backbone, task)
    compiled = in_library(name, network, tmp_path)
    cell = network.alignment_px
    for height, width in ((16, 16), (11, 17), (4, 23)):
        noisy = photo_and_noisy(network, height * cell, width * cell)
        wanted = network(torch.from_numpy(noisy)).numpy()
        found = compiled.restore(noisy)
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, atol=2e-4)
    if cell > 1:
        with pytest.raises(ValueError, match="multiples"):
            compiled.restore(photo_and_noisy(network, 16 * cell, 16 * cell - 1))


def psnr_difference(found: NDArray[np.float32], wanted: NDArray[np.float32], clean: NDArray[np.float32]) -> float:
    errors = [float(np.mean(np.square(picture - clean, dtype=np.float64))) for picture in (found, wanted)]
    return abs(10 * float(np.log10(errors[0] / errors[1])))


@pytest.mark.parametrize(
    ("name", "is_half", "tolerance_db"),
    [
        ("openvino", False, SINGLE_PRECISION_TOLERANCE_DB),
        ("onnxruntime", False, SINGLE_PRECISION_TOLERANCE_DB),
        ("openvino", True, HALF_PRECISION_TOLERANCE_DB),
    ],
)
def test_the_starter_stays_within_the_tolerance(
    name: str, is_half: bool, tolerance_db: float, tmp_path: Path, starter_model: RestorationModel
) -> None:
    photo = skimage.data.astronaut()[:256, 128:384]
    clean = np.ascontiguousarray(photo.transpose(2, 0, 1)[None], np.float32) / 255
    noisy = clean + np.random.default_rng(0).normal(0, PHOTO_NOISE, clean.shape).astype(np.float32)
    wanted = starter_model.network(torch.from_numpy(noisy)).numpy()
    found = in_library(name, starter_model.network, tmp_path, is_half=is_half).restore(noisy)
    assert psnr_difference(found, wanted, clean) <= tolerance_db
    assert psnr_difference(found, noisy, clean) > 3, "the starter does nothing, so the test would say nothing"


@pytest.fixture(scope="module")
def starter_model() -> RestorationModel:
    from engine.models.files import load_model
    from engine.models.starters import require_starter

    return load_model(require_starter("denoise"))


@pytest.mark.parametrize("name", COMPILED)
def test_tiles_meet_without_a_seam(name: str, device: ComputeDevice, tmp_path: Path) -> None:
    network = small_network("unet")
    model = RestorationModel(network, ModelCard(name="x"))
    compiled = in_library(name, network, tmp_path)
    for noisy in (random_photo(203, 331), random_photo(150, 90, 1)):
        wanted = Restorer(model, device, tile_px=512).restore(noisy)
        tiled = Restorer(model, device, tile_px=64, compiled=compiled).restore(noisy)
        assert np.abs(tiled - wanted).max() < 2e-4


def noisy_photo(height: int, width: int) -> NDArray[np.uint8]:
    """A part of a real photo with a camera's noise: more of it where there is more light, and its neighbours alike."""
    rng = np.random.default_rng([height, width])
    photo = skimage.data.astronaut()
    top, left = (int(rng.integers(photo.shape[axis] - side + 1)) for axis, side in enumerate((height, width)))
    clean = photo[top : top + height, left : left + width] / 255
    noise = rng.normal(0, 1, clean.shape)
    noise = (noise + 0.5 * np.roll(noise, 1, axis=1) + 0.5 * np.roll(noise, 1, axis=0)) / np.sqrt(1.5)
    noisy: NDArray[np.uint8] = np.rint(255 * (clean + noise * np.sqrt(0.0005 + 0.004 * clean)).clip(0, 1)).astype(
        np.uint8
    )
    return noisy


BORDER_SIZES = [
    *((height, width) for height in (1, 7, 64, 97, 131) for width in (2, 33, 95, 128, 201)),
    *((96 + number, 140 - 2 * number) for number in range(1, 13)),
    (5, 300),
    (300, 5),
    (256, 256),
]
assert len(BORDER_SIZES) == 40


def border_difference(
    compiled: CompiledNetwork, model: RestorationModel, size: tuple[int, int], tile_px: int, device: ComputeDevice
) -> float:
    """By how much a library's result differs from torch's at most, of 255, near the four borders of a photo."""
    noisy = noisy_photo(*size)
    wanted, found = (
        Restorer(model, device, tile_px=tile_px, compiled=used)
        .restore_samples(noisy, sample_type="uint16")
        .astype(np.float64)
        for used in (None, compiled)
    )
    assert np.abs(wanted / 257 - noisy).max() > 1, "the model does nothing, so the test would say nothing"
    difference = np.abs(found - wanted).max(axis=2) / 257
    difference[16:-16, 16:-16] = 0
    return float(difference.max())


@pytest.fixture(scope="module")
def quick_model() -> RestorationModel:
    """Small, and at each pixel dependent on much of what lies around."""
    torch.manual_seed(3)
    network = make_backbone("unet", {"width": 8})
    network.head.weight.data.normal_(0, 0.3)
    return RestorationModel(network.eval().requires_grad_(False), ModelCard(name="x"))


@pytest.mark.parametrize("name", COMPILED)
def test_every_border_of_every_size_is_that_of_torch(
    name: str, device: ComputeDevice, tmp_path: Path, quick_model: RestorationModel
) -> None:
    """In one piece, and in as many as there are."""
    compiled = in_library(name, quick_model.network, tmp_path)
    for size in BORDER_SIZES:
        for tile_px in (64, 512):
            assert border_difference(compiled, quick_model, size, tile_px, device) <= 0.6, (size, tile_px)


@pytest.mark.parametrize("name", COMPILED)
def test_the_starter_s_borders_are_those_of_torch(
    name: str, device: ComputeDevice, tmp_path: Path, starter_model: RestorationModel
) -> None:
    compiled = in_library(name, starter_model.network, tmp_path)
    for size in ((131, 201), (1, 33), (97, 130)):
        assert border_difference(compiled, starter_model, size, 512, device) <= 0.6, size


@pytest.mark.parametrize("name", COMPILED)
def test_without_the_package_torch_computes(
    name: BackendName, device: ComputeDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    asked = choose_backend(small_network(), device, name, megapixels=ENOUGH_MEGAPIXELS, cache=tmp_path)
    assert (asked.name, asked.network) == ("torch", None)
    assert name in asked.failed
    chosen = choose_backend(small_network(), device, "auto", megapixels=ENOUGH_MEGAPIXELS, cache=tmp_path)
    assert name in chosen.failed
    assert chosen.name != name


def test_the_choice_is_the_quickest_and_is_remembered(device: ComputeDevice, tmp_path: Path) -> None:
    network = small_network()
    first = choose_backend(network, device, "auto", megapixels=ENOUGH_MEGAPIXELS, cache=tmp_path)
    assert first.name == min(first.seconds_per_megapixel, key=lambda name: first.seconds_per_megapixel[name])
    again = choose_backend(network, device, "auto", megapixels=ENOUGH_MEGAPIXELS, cache=tmp_path)
    assert again.seconds_per_megapixel == first.seconds_per_megapixel, "nothing is measured twice"
    assert again.name == first.name
    assert count_choices(tmp_path) == {first.name: 1}
    assert (again.network is None) == (first.name == "torch")


def test_other_weights_are_measured_for_themselves(device: ComputeDevice, tmp_path: Path) -> None:
    for seed in range(2):
        network = small_network()
        next(network.parameters()).data += seed
        choose_backend(network, device, "auto", megapixels=ENOUGH_MEGAPIXELS, cache=tmp_path)
    assert len(list(tmp_path.glob("*.json"))) == 2


@pytest.fixture(scope="module")
def remembered(device: ComputeDevice, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is kept of one choice."""
    folder = tmp_path_factory.mktemp("choices")
    choose_backend(small_network(), device, "auto", megapixels=ENOUGH_MEGAPIXELS, cache=folder)
    return folder


@pytest.mark.parametrize("content", ["", "[]", '{"name": "else", "seconds_per_megapixel": {}, "failed": {}}'])
def test_a_damaged_memory_is_measured_anew(
    content: str, device: ComputeDevice, remembered: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(remembered, cache)
    (record,) = cache.glob("*.json")
    record.write_text(content)
    choose_backend(small_network(), device, "auto", megapixels=ENOUGH_MEGAPIXELS, cache=cache)
    assert json.loads(record.read_text())["seconds_per_megapixel"]


def test_a_damaged_graph_leaves_the_work_to_torch(device: ComputeDevice, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    network = small_network()
    choose_backend(network, device, "openvino", megapixels=ENOUGH_MEGAPIXELS, cache=tmp_path)
    (graph,) = tmp_path.glob("*.onnx")
    graph.write_bytes(b"no graph")
    found = choose_backend(network, device, "openvino", megapixels=ENOUGH_MEGAPIXELS, cache=tmp_path)
    assert found.name == "torch"
    assert found.failed["openvino"]


def test_a_graph_of_an_earlier_form_is_made_anew(
    device: ComputeDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever has restored before would never get what a newer form gains."""
    pytest.importorskip("openvino")
    network = small_network()
    choose_backend(network, device, "openvino", megapixels=ENOUGH_MEGAPIXELS, cache=tmp_path)
    (earlier,) = tmp_path.glob("*.onnx")
    choose_backend(network, device, "openvino", megapixels=ENOUGH_MEGAPIXELS, cache=tmp_path)
    assert [*tmp_path.glob("*.onnx")] == [earlier]
    monkeypatch.setattr(selection, "FORM_VERSION", FORM_VERSION + 1)
    choose_backend(network, device, "openvino", megapixels=ENOUGH_MEGAPIXELS, cache=tmp_path)
    assert len([*tmp_path.glob("*.onnx")]) == 2


def test_another_result_than_torch_s_is_refused(device: ComputeDevice, tmp_path: Path) -> None:
    """A library that computes something else, here the graph of other weights, is not taken however quick it is."""
    pytest.importorskip("openvino")
    network, other = small_network(), small_network()
    next(other.parameters()).data += 1
    choose_backend(network, device, "openvino", megapixels=ENOUGH_MEGAPIXELS, cache=tmp_path)
    (graph,) = tmp_path.glob("*.onnx")
    export_graph(other, graph)
    found = choose_backend(network, device, "openvino", megapixels=ENOUGH_MEGAPIXELS, cache=tmp_path)
    assert found.name == "torch"
    assert "differs by" in found.failed["openvino"]


class Adding(CompiledNetwork):
    """Right, but for the border of its result."""

    name = "openvino"

    def __init__(self, network: RestorationNetwork, graph: Path, *, is_half: bool) -> None:
        super().__init__(network)
        self.network = network
        del graph, is_half

    def _infer(self, noisy: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            restored: NDArray[np.float32] = self.network(torch.from_numpy(noisy)).numpy()
        restored[..., -12:] += np.float32(2 / 255) * np.resize([1, -1], 12).astype(np.float32)
        return restored


def test_a_border_that_is_not_torch_s_is_refused(
    device: ComputeDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_model: RestorationModel
) -> None:
    """Over the whole probe it is far within the tolerance."""
    pytest.importorskip("openvino")
    monkeypatch.setattr("engine.restoring.backends.selection.OpenVinoNetwork", Adding)
    found = choose_backend(quick_model.network, device, "openvino", megapixels=ENOUGH_MEGAPIXELS, cache=tmp_path)
    assert found.name == "torch"
    assert "along a border" in found.failed["openvino"]


def test_a_small_job_is_not_worth_measuring(device: ComputeDevice, tmp_path: Path) -> None:
    assert choose_backend(small_network(), device, "auto", megapixels=0.1, cache=tmp_path).name == "torch"
    assert choose_backend(small_network(), device, "auto", megapixels=2, cache=tmp_path).name == "torch"
    assert not list(tmp_path.iterdir())


def test_one_photo_is_computed_by_what_is_known_to_be_the_quickest(device: ComputeDevice, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    network = small_network()
    choose_backend(network, device, "auto", megapixels=ENOUGH_MEGAPIXELS, cache=tmp_path)
    (record,) = tmp_path.glob("*.json")
    known = json.loads(record.read_text())
    record.write_text(json.dumps(known | {"name": "openvino"}))
    assert choose_backend(network, device, "auto", megapixels=2, cache=tmp_path).name == "openvino"
    assert choose_backend(network, device, "auto", megapixels=0.1, cache=tmp_path).name == "torch"


class Failing(CompiledNetwork):
    name = "openvino"

    def __init__(self, network: RestorationNetwork, message: str) -> None:
        super().__init__(network)
        self.message = message
        self.num_calls = 0

    def _infer(self, noisy: NDArray[np.float32]) -> NDArray[np.float32]:
        self.num_calls += 1
        raise RuntimeError(self.message)


@pytest.mark.parametrize("message", ["no such primitive", "cannot allocate memory"])
def test_a_failure_on_the_way_goes_on_with_torch(message: str, device: ComputeDevice) -> None:
    network = small_network()
    model = RestorationModel(network, ModelCard(name="x"))
    failing = Failing(network, message)
    noisy = random_photo(90, 130)
    found = Restorer(model, device, tile_px=64, compiled=failing).restore(noisy)
    np.testing.assert_allclose(found, Restorer(model, device, tile_px=64).restore(noisy), atol=1e-5)
    assert failing.num_calls == 1


@pytest.mark.parametrize("backend", ["torch", "openvino", "onnxruntime"])
def test_a_batch_says_what_computed(backend: BackendName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if backend != "torch":
        pytest.importorskip(backend)
    monkeypatch.setenv("RESIDUA_DATA", str(tmp_path / "data"))
    card = ModelCard(name="x", backbone="nafnet", backbone_params={"width": 8})
    network = with_random_weights(make_backbone("nafnet", {"width": 8})).network
    save_model(tmp_path / "model.safetensors", network.state_dict(), card)
    write_image(tmp_path / "photo.png", make_photo(tmp_path / "source.png"))
    config = RestoreConfig(
        model=tmp_path / "model.safetensors",
        photos=(tmp_path / "photo.png",),
        out=tmp_path / "out",
        backend=backend,
        precision="32-true",
    )
    result = restore(config, JobControl(), lambda event: None)
    assert result.backend == backend
    ((_, output),) = result.restored
    written = read_image(output).pixels
    as_torch = restore(
        config.model_copy(update={"backend": "torch", "out": tmp_path / "torch"}), JobControl(), lambda event: None
    )
    # One step of eight bits, where both lie about the middle between two.
    assert np.abs(written - read_image(as_torch.restored[0][1]).pixels).max() <= 1.01 / 255
