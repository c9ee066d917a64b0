"""Tiled restoration: the same as in one piece, for every size, in whatever memory there is."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.contracts.configs import ComputeConfig
from engine.contracts.errors import DeviceError
from engine.contracts.events import JobEvent, JobWarning
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.photo import Pixels
from engine.machine.devices import ComputeDevice, copy_on_cpu, open_device
from engine.method.backbones.backbone import Backbone, RestorationNetwork
from engine.method.backbones.unet import UNet
from engine.method.catalogue.backbones import BACKBONES, UNetParams
from engine.method.factory import make_backbone
from engine.models.files import ModelCard, RestorationModel
from engine.restoring.restorer import Restorer
from engine.restoring.tiles import Tile, mirror_indices, split_into_tiles

GRID_PX = 8


@pytest.fixture(scope="module")
def device() -> ComputeDevice:
    return open_device(ComputeConfig(device="cpu", precision="32-true"))


def with_random_weights(network: RestorationNetwork) -> RestorationModel:
    """Fresh networks are the identity, which any tiling passes: give every layer something to say."""
    generator = torch.Generator().manual_seed(3)
    for parameter in network.parameters():
        if not parameter.any():
            parameter.data = 0.002 * torch.randn(parameter.shape, generator=generator)
    return RestorationModel(network.eval().requires_grad_(False), ModelCard(name="random"))


@pytest.fixture(scope="module")
def model() -> RestorationModel:
    torch.manual_seed(3)
    return with_random_weights(UNet(UNetParams(width=8)))


def random_photo(height: int, width: int, num_channels: int = 3) -> Pixels:
    return np.random.default_rng(height * 1000 + width).random((height, width, num_channels), np.float32)


@pytest.mark.parametrize("name", BACKBONES)
def test_tiled_equals_whole_for_every_backbone(name: str, device: ComputeDevice) -> None:
    torch.manual_seed(3)
    model = with_random_weights(make_backbone(name, {}))
    noisy = random_photo(203, 331)
    whole = Restorer(model, device, tile_px=1024).restore(noisy)
    tiled = Restorer(model, device, tile_px=64).restore(noisy)
    assert np.abs(whole - noisy).mean() > 1e-3, "the network does nothing, so the test would say nothing"
    assert np.abs(tiled - whole).max() < 1e-3


def test_inside_a_photo_tiles_give_what_the_bare_network_gives(model: RestorationModel, device: ComputeDevice) -> None:
    noisy = random_photo(256, 256)
    tensor = torch.from_numpy(noisy).permute(2, 0, 1).unsqueeze(0)
    bare = model.network(tensor)[0].permute(1, 2, 0).numpy().clip(0, 1)
    tiled = Restorer(model, device, tile_px=64).restore(noisy)
    inside = slice(model.network.context_px, -model.network.context_px)
    assert np.abs(tiled - bare)[inside, inside].max() < 1e-3


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 3]))
def test_every_size_is_kept(
    model: RestorationModel, device: ComputeDevice, height: int, width: int, num_channels: int
) -> None:
    noisy = random_photo(height, width, num_channels)
    restored = Restorer(model, device, tile_px=32).restore(noisy)
    assert restored.shape == noisy.shape
    assert restored.dtype == np.float32
    assert not restored.flags.writeable
    assert np.isfinite(restored).all()
    assert restored.min() >= 0
    assert restored.max() <= 1


def test_gray_is_the_mean_of_three_equal_channels(model: RestorationModel, device: ComputeDevice) -> None:
    gray = 0.25 + 0.5 * random_photo(40, 50, 1)
    restored = Restorer(model, device).restore(gray)
    in_colour = Restorer(model, device).restore(np.repeat(gray, 3, axis=2))
    np.testing.assert_allclose(restored[..., 0], in_colour.mean(axis=2), atol=1e-5)


def test_progress_counts_tiles_and_a_cancel_ends_at_the_next(model: RestorationModel, device: ComputeDevice) -> None:
    control = JobControl()
    seen: list[tuple[int, int]] = []

    def cancel_after_two(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 2:
            control.cancel()

    with pytest.raises(JobCancelled):
        Restorer(model, device, tile_px=32).restore(random_photo(100, 100), control=control, on_tile=cancel_after_two)
    assert seen == [(1, 16), (2, 16)]


class HungryNetwork(RestorationNetwork):
    """Halves its input and, like a small graphics card, has no memory for windows above a size."""

    alignment_px = GRID_PX
    context_px = 16

    def __init__(self, largest_side_px: int, message: str = "CUDA out of memory") -> None:
        super().__init__()
        self.largest_side_px = largest_side_px
        self.message = message
        self.asked: list[int] = []

    @property
    def backbone(self) -> Backbone:
        raise NotImplementedError

    def forward(self, noisy: Tensor) -> Tensor:
        side = max(noisy.shape[-2:])
        self.asked.append(side)
        if side > self.largest_side_px:
            raise torch.OutOfMemoryError(self.message)
        return noisy / 2


def warnings_of(events: list[JobEvent]) -> list[str]:
    return [event.message for event in events if isinstance(event, JobWarning)]


def test_out_of_memory_halves_the_tiles_and_goes_on(device: ComputeDevice) -> None:
    network = HungryNetwork(largest_side_px=180)
    events: list[JobEvent] = []
    restorer = Restorer(RestorationModel(network, ModelCard(name="x")), device, tile_px=512, emit=events.append)
    noisy = random_photo(520, 300)
    np.testing.assert_allclose(restorer.restore(noisy), noisy / 2)
    assert warnings_of(events) == [
        "Memory is short: going on with tiles of 256 pixels.",
        "Memory is short: going on with tiles of 128 pixels.",
    ]
    network.asked.clear()
    restorer.restore(noisy)
    assert max(network.asked) <= 180, "the next photo begins with what fitted"


def test_after_the_smallest_tile_the_cpu_is_tried_and_then_a_sentence_is_said(device: ComputeDevice) -> None:
    network = HungryNetwork(largest_side_px=1)
    events: list[JobEvent] = []
    card = dataclasses.replace(device, name="cuda")
    restorer = Restorer(RestorationModel(network, ModelCard(name="x")), card, tile_px=64, emit=events.append)
    with pytest.raises(DeviceError, match="memory does not suffice"):
        restorer.restore(random_photo(80, 80))
    assert warnings_of(events)[0] == "The graphics card has too little memory: going on without it."


def test_the_ladder_has_half_precision_between_small_tiles_and_the_cpu(
    device: ComputeDevice,
) -> None:
    """Each step is said, and the network that was given stays where it is: a training may go on with it."""
    half = dataclasses.replace(device, name="cuda", precision="bf16-mixed")

    class Card(ComputeDevice):
        def at_half_precision(self) -> ComputeDevice | None:
            return half

    class OnlyOnCpu(HungryNetwork):
        """A card that is full as long as anything is on it: only the copy for the CPU has room."""

        def __deepcopy__(self, memo: object) -> "OnlyOnCpu":
            return OnlyOnCpu(largest_side_px=4096)

    network = OnlyOnCpu(largest_side_px=1)
    events: list[JobEvent] = []
    card = Card(device.torch_device, "cuda", "32-true")
    restorer = Restorer(RestorationModel(network, ModelCard(name="x")), card, tile_px=128, emit=events.append)
    noisy = random_photo(150, 150)
    np.testing.assert_allclose(restorer.restore(noisy), noisy / 2)
    assert warnings_of(events) == [
        "Memory is short: going on with tiles of 64 pixels.",
        "Memory is short: going on at half precision.",
        "The graphics card has too little memory: going on without it.",
    ]
    assert all(event.hint for event in events if isinstance(event, JobWarning))
    assert network.largest_side_px == 1


def test_half_precision_is_a_step_only_where_it_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    single = open_device(ComputeConfig(device="cpu", precision="32-true"))
    monkeypatch.setattr("engine.machine.devices.has_half_precision", lambda name: False)
    assert single.at_half_precision() is None
    monkeypatch.setattr("engine.machine.devices.has_half_precision", lambda name: True)
    half = single.at_half_precision()
    assert half is not None
    assert (half.name, half.precision) == ("cpu", "bf16-mixed")
    assert half.at_half_precision() is None


def test_going_on_without_the_card_leaves_the_given_network_whole(
    model: RestorationModel, device: ComputeDevice
) -> None:
    """Its copy on the CPU shares no tensor with it, and says the same."""
    copied = copy_on_cpu(model.network)
    theirs = {tensor.data_ptr() for tensor in model.network.parameters()}
    assert not any(tensor.data_ptr() in theirs for tensor in copied.parameters())
    noisy = torch.rand(1, 3, 24, 24)
    assert torch.equal(copied(noisy), model.network(noisy))


@pytest.mark.parametrize("message", ["MPS backend out of memory", "DefaultCPUAllocator: can't allocate memory"])
def test_out_of_memory_is_known_by_its_text(device: ComputeDevice, message: str) -> None:
    class Refusing(HungryNetwork):
        def forward(self, noisy: Tensor) -> Tensor:
            if max(noisy.shape[-2:]) > self.largest_side_px:
                raise RuntimeError(self.message)
            return noisy

    model = RestorationModel(Refusing(120, message), ModelCard(name="x"))
    noisy = random_photo(200, 200)
    np.testing.assert_array_equal(Restorer(model, device, tile_px=128).restore(noisy), noisy)


def test_other_failures_are_not_taken_for_it(device: ComputeDevice) -> None:
    class Broken(HungryNetwork):
        def forward(self, noisy: Tensor) -> Tensor:
            raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        Restorer(RestorationModel(Broken(0), ModelCard(name="x")), device).restore(random_photo(20, 20))


@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 8).map(lambda number: number * GRID_PX))
def test_tiles_cover_a_photo_once_and_begin_on_the_grid(height: int, width: int, tile_px: int) -> None:
    counts = np.zeros((height, width), np.uint8)
    for tile in split_into_tiles(Tile(0, height, 0, width), tile_px, GRID_PX):
        assert tile.top % GRID_PX == 0
        assert tile.left % GRID_PX == 0
        assert 0 < tile.bottom - tile.top <= tile_px
        assert 0 < tile.right - tile.left <= tile_px
        counts[tile.top : tile.bottom, tile.left : tile.right] += 1
    assert (counts == 1).all()


@given(st.integers(1, 12), st.integers(0, 40), st.integers(0, 40))
def test_mirrored_borders_are_those_of_numpy(size: int, before: int, after: int) -> None:
    expected = np.pad(np.arange(size), (before, after), mode="reflect")
    np.testing.assert_array_equal(mirror_indices(-before, size + after, size), expected)
