"""Tiles: what each is computed from, how large they are chosen, and what is said where memory does not suffice."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from engine.contracts.configs import ComputeConfig
from engine.contracts.errors import DeviceError
from engine.contracts.events import JobEvent, JobWarning
from engine.contracts.photo import Pixels
from engine.machine.devices import ComputeDevice, open_device
from engine.method.backbones.backbone import Backbone, RestorationNetwork
from engine.models.files import ModelCard, RestorationModel
from engine.photo_files.raw.demosaicking import bayer_mosaic, interpolate_rggb
from engine.restoring.restorer import Restorer
from engine.restoring.tiles import Tile, WindowRule, mirror_indices, split_into_tiles


@pytest.fixture(scope="module")
def device() -> ComputeDevice:
    return open_device(ComputeConfig(device="cpu", precision="32-true"))


class Recorder(RestorationNetwork):
    """Gives back what it is shown, times its gain, and keeps it; fails for windows above a size."""

    def __init__(
        self,
        *,
        grid_px: int = 8,
        context_px: int = 16,
        scale: int = 1,
        input_channels: int = 3,
        gain: float = 1.0,
        largest_side_px: int = 10**6,
    ) -> None:
        super().__init__()
        self.alignment_px, self.context_px = grid_px, context_px
        self.scale, self.input_channels = scale, input_channels
        self.gain = nn.Parameter(torch.tensor(gain))
        self.largest_side_px = largest_side_px
        self.failure: Exception = torch.OutOfMemoryError("CUDA out of memory")
        self.shown: list[Pixels] = []

    @property
    def backbone(self) -> Backbone:
        raise NotImplementedError

    def forward(self, observed: Tensor) -> Tensor:
        if max(observed.shape[-2:]) > self.largest_side_px:
            raise self.failure
        assert observed.is_contiguous(memory_format=torch.channels_last)
        self.shown.append(observed[0].permute(1, 2, 0).numpy().copy())
        enlarged = observed.repeat_interleave(self.scale, dim=2).repeat_interleave(self.scale, dim=3)
        return enlarged.expand(-1, 3, -1, -1) * self.gain


def restorer_of(
    network: Recorder, device: ComputeDevice, *, tile_px: int = 0, events: list[JobEvent] | None = None
) -> Restorer:
    emit = None if events is None else events.append
    return Restorer(RestorationModel(network, ModelCard(name="x")), device, tile_px=tile_px, emit=emit)


def random_photo(height: int, width: int, num_channels: int = 3) -> Pixels:
    return np.random.default_rng(height * 1000 + width).random((height, width, num_channels), np.float32)


def messages(events: list[JobEvent]) -> list[tuple[str, str]]:
    return [(event.message, event.hint) for event in events if isinstance(event, JobWarning)]


@pytest.mark.parametrize(
    ("grid_px", "context_px", "reach_px", "border_px"),
    [(8, 16, 16, 16), (8, 13, 16, 16), (8, 40, 40, 16), (12, 5, 12, 24), (5, 40, 40, 20)],
)
def test_a_tile_is_computed_from_its_context_within_the_mirrored_border(
    device: ComputeDevice, grid_px: int, context_px: int, reach_px: int, border_px: int
) -> None:
    """The context in whole cells of the grid; beyond the photo its mirror image, at most 16 pixels in such cells."""
    network = Recorder(grid_px=grid_px, context_px=context_px)
    noisy = random_photo(3 * grid_px + 5, 2 * grid_px)
    height, width = noisy.shape[:2]
    np.testing.assert_array_equal(restorer_of(network, device, tile_px=grid_px).restore(noisy), noisy)
    # The last cell of the grid is filled up in the same way.
    missing = -height % grid_px
    mirrored = np.pad(noisy, ((border_px, border_px + missing), (border_px, border_px), (0, 0)), mode="reflect")
    expected = []
    for top in range(0, height, grid_px):
        for left in range(0, width, grid_px):
            right = min(left + grid_px, width)
            rows = slice(
                max(top - reach_px, -border_px) + border_px,
                min(top + grid_px + reach_px, height + missing + border_px) + border_px,
            )
            columns = slice(
                max(left - reach_px, -border_px) + border_px, min(right + reach_px, width + border_px) + border_px
            )
            expected.append(mirrored[rows, columns])
    assert len(network.shown) == len(expected)
    for shown, window in zip(network.shown, expected, strict=True):
        np.testing.assert_array_equal(shown, window)


@pytest.mark.parametrize("scale", [2, 3])
def test_enlarging_tiles_lie_where_they_belong(device: ComputeDevice, scale: int) -> None:
    noisy = random_photo(30, 41)
    restorer = restorer_of(Recorder(scale=scale), device, tile_px=16)
    restored = restorer.restore(noisy)
    assert restorer.scale == scale
    np.testing.assert_array_equal(restored, noisy.repeat(scale, axis=0).repeat(scale, axis=1))
    assert restorer.enlarged(noisy[:, :, :1]).shape == (30 * scale, 41 * scale, 1)
    assert restorer.unrestored(noisy).shape == restored.shape


def test_gray_is_shown_as_three_channels_and_comes_back_as_one(device: ComputeDevice) -> None:
    network = Recorder()
    gray = random_photo(20, 24, 1)
    restored = restorer_of(network, device, tile_px=64).restore(gray)
    np.testing.assert_allclose(restored, gray, atol=1e-6)
    assert {shown.shape[2] for shown in network.shown} == {3}
    restorer = restorer_of(network, device)
    assert restorer.unrestored(gray) is gray
    assert restorer.enlarged(gray) is gray
    assert not restorer.takes_mosaics


def test_a_network_for_mosaics_sees_one_channel_of_a_photo(device: ComputeDevice) -> None:
    network = Recorder(input_channels=1)
    restorer = restorer_of(network, device, tile_px=64)
    assert restorer.takes_mosaics
    photo = random_photo(20, 24)
    mosaic = bayer_mosaic(photo)
    for noisy in (photo, mosaic):
        restored = restorer.restore(noisy)
        np.testing.assert_array_equal(restored, mosaic.repeat(3, axis=2))
        plain = restorer.unrestored(noisy)
        np.testing.assert_allclose(plain, interpolate_rggb(mosaic[:, :, 0]).clip(0, 1), atol=1e-6)
        assert plain.shape == photo.shape
        assert not plain.flags.writeable
    assert {shown.shape[2] for shown in network.shown} == {1}


def test_a_network_amid_a_training_restores_too(device: ComputeDevice) -> None:
    network = Recorder(gain=0.5)
    assert network.gain.requires_grad
    noisy = random_photo(9, 9)
    np.testing.assert_allclose(restorer_of(network, device).restore(noisy), noisy / 2)


@pytest.mark.parametrize(("gain", "expected"), [(-1.0, 0.0), (9.0, 1.0)])
def test_the_result_is_clipped(device: ComputeDevice, gain: float, expected: float) -> None:
    restored = restorer_of(Recorder(gain=gain), device).restore(0.5 + random_photo(9, 9) / 2)
    assert (restored == expected).all()
    assert not restored.flags.writeable


@pytest.mark.parametrize(
    ("megabytes", "context_px", "scale", "expected"),
    [
        # The root of half of the memory by 1024 bytes a pixel, less the context at either side, up to the grid of 8.
        (100, 16, 1, 200),
        (100, 16, 2, 200),
        (200, 20, 1, 280),
        # At least 64, at most 512 on a CPU; a result of twice the size weighs on what it is made from.
        (1, 16, 1, 64),
        (8, 0, 1, 64),
        (10_000, 16, 1, 512),
        (10_000, 16, 2, 256),
    ],
)
def test_tiles_are_chosen_from_the_free_memory(
    device: ComputeDevice,
    monkeypatch: pytest.MonkeyPatch,
    megabytes: int,
    context_px: int,
    scale: int,
    expected: int,
) -> None:
    monkeypatch.setattr("engine.restoring.restorer.available_memory", lambda: megabytes * 2**20)
    restorer = restorer_of(Recorder(context_px=context_px, scale=scale), device)
    assert restorer.tile_px == 0
    restorer.restore(random_photo(4, 4))
    assert restorer.tile_px == expected
    side = int(math.sqrt(megabytes * 2**20 / 2 / 1024) - 2 * context_px)
    assert restorer.tile_px == min(max(-(-side // 8) * 8, 64), 512 // scale)


@pytest.mark.parametrize(
    ("num_bytes", "expected"),
    [(2 * 1024 * 400**2, 400), (2 * 1024 * 401**2 - 1000, 400), (2**20, 64), (2**40, 512)],
)
def test_the_choice_is_exact_where_the_grid_is_fine(
    device: ComputeDevice, monkeypatch: pytest.MonkeyPatch, num_bytes: int, expected: int
) -> None:
    monkeypatch.setattr("engine.restoring.restorer.available_memory", lambda: num_bytes)
    restorer = Restorer(RestorationModel(Recorder(grid_px=1, context_px=0), ModelCard(name="x")), device)
    assert restorer.tile_px == 0
    restorer.restore(random_photo(4, 4))
    assert restorer.tile_px == expected


def test_tiles_of_less_than_64_are_not_tried(device: ComputeDevice) -> None:
    for tile_px, last_px in ((128, 64), (127, 127), (130, 65)):
        restorer = restorer_of(Recorder(grid_px=1, largest_side_px=1), device, tile_px=tile_px)
        with pytest.raises(DeviceError):
            restorer.restore(random_photo(9, 9))
        assert restorer.tile_px == last_px


@pytest.mark.parametrize(("name", "largest_px"), [("mps", 1024), ("cuda", 2048)])
def test_graphics_cards_take_larger_tiles(
    device: ComputeDevice, monkeypatch: pytest.MonkeyPatch, name: str, largest_px: int
) -> None:
    monkeypatch.setattr("engine.restoring.restorer.available_memory", lambda: 2**40)
    restorer = restorer_of(Recorder(grid_px=1), dataclasses.replace(device, name=name))
    restorer.restore(random_photo(4, 4))
    assert restorer.tile_px == largest_px


@pytest.mark.parametrize(("asked", "found"), [(1, 8), (8, 8), (9, 16), (200, 200), (0, 0)])
def test_a_size_of_tiles_is_brought_to_the_grid(device: ComputeDevice, asked: int, found: int) -> None:
    assert restorer_of(Recorder(), device, tile_px=asked).tile_px == found


def test_progress_grows_where_tiles_become_smaller_and_nothing_is_done_twice(device: ComputeDevice) -> None:
    """The first tile still fits, at the photo's edge; the second does not."""
    network = Recorder(context_px=64, largest_side_px=64 + 16 + 128)
    events: list[JobEvent] = []
    seen: list[tuple[int, int]] = []
    noisy = random_photo(24, 384)
    restorer = restorer_of(network, device, tile_px=128, events=events)
    restored = restorer.restore(noisy, on_tile=lambda done, total: seen.append((done, total)))
    np.testing.assert_array_equal(restored, noisy)
    assert seen == [(1, 3), (2, 5), (3, 5), (4, 5), (5, 5)]
    assert messages(events) == [("Memory is short: going on with tiles of 64 pixels.", "The result is the same.")]


def test_tiles_are_halved_down_to_64_and_then_it_is_said(device: ComputeDevice) -> None:
    events: list[JobEvent] = []
    restorer = restorer_of(Recorder(largest_side_px=1), device, tile_px=256, events=events)
    with pytest.raises(DeviceError, match="does not suffice") as caught:
        restorer.restore(random_photo(300, 300))
    # Where the machine computes in half precision, that is tried last.
    said = [message for message, _ in messages(events) if "half precision" not in message]
    assert [message.split()[-2] for message in said] == ["128", "64"]
    assert restorer.tile_px == 64
    assert "smaller network" in caught.value.hint


def test_a_grid_of_the_tiles_size_ends_too(device: ComputeDevice) -> None:
    """Half a tile rounded up to the grid is the tile again, which would be tried for ever."""
    with pytest.raises(DeviceError):
        restorer_of(Recorder(grid_px=128, largest_side_px=1), device, tile_px=128).restore(random_photo(9, 9))


def test_a_graphics_card_gives_way_to_the_cpu(device: ComputeDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.restoring.restorer.available_memory", lambda: 100 * 2**20)

    class FullCard(Recorder):
        """Has no room on the card; its copy for the CPU has."""

        def __deepcopy__(self, memo: object) -> Recorder:
            return Recorder()

    events: list[JobEvent] = []
    # At half precision already, so that this step is taken.
    card = dataclasses.replace(device, name="cuda", precision="bf16-mixed")
    restorer = restorer_of(FullCard(largest_side_px=1), card, tile_px=64, events=events)
    noisy = random_photo(80, 80)
    restored = restorer.restore(noisy)
    # The CPU may compute in half precision.
    np.testing.assert_allclose(restored, noisy, atol=0.01)
    assert messages(events) == [
        (
            "The graphics card has too little memory: going on without it.",
            "It takes longer. Close other programs that use the graphics card.",
        )
    ]
    assert restorer.tile_px == 200


@pytest.mark.parametrize(
    "failure", [MemoryError(), RuntimeError("CUDA error: OUT OF MEMORY"), RuntimeError("cannot Alloc")]
)
def test_failures_that_are_a_lack_of_memory(device: ComputeDevice, failure: Exception) -> None:
    network = Recorder(largest_side_px=110)
    network.failure = failure
    noisy = random_photo(120, 120)
    np.testing.assert_array_equal(restorer_of(network, device, tile_px=128).restore(noisy), noisy)


def test_a_result_that_no_memory_holds_is_a_sentence(device: ComputeDevice) -> None:
    endless = np.broadcast_to(np.float32(0), (2**22, 2**22, 3))
    with pytest.raises(DeviceError, match="does not suffice"):
        restorer_of(Recorder(), device, tile_px=64).restore(endless)


def test_without_anyone_to_tell_it_goes_on_all_the_same(device: ComputeDevice) -> None:
    noisy = random_photo(120, 120)
    model = RestorationModel(Recorder(largest_side_px=110), ModelCard(name="x"))
    np.testing.assert_array_equal(Restorer(model, device, tile_px=128).restore(noisy), noisy)


def test_tiles_are_of_about_equal_size_and_in_reading_order() -> None:
    assert split_into_tiles(Tile(0, 100, 0, 20), 48, 8) == [
        Tile(0, 40, 0, 20),
        Tile(40, 80, 0, 20),
        Tile(80, 100, 0, 20),
    ]
    assert split_into_tiles(Tile(8, 24, 16, 48), 16, 8) == [Tile(8, 24, 16, 32), Tile(8, 24, 32, 48)]
    assert split_into_tiles(Tile(0, 9, 0, 9), 8, 8) == [
        Tile(0, 8, 0, 8),
        Tile(0, 8, 8, 9),
        Tile(8, 9, 0, 8),
        Tile(8, 9, 8, 9),
    ]
    assert split_into_tiles(Tile(0, 1, 0, 1), 64, 8) == [Tile(0, 1, 0, 1)]


def test_an_axis_of_one_pixel_is_its_own_mirror_image() -> None:
    assert mirror_indices(-2, 3, 1).tolist() == [0, 0, 0, 0, 0]
    assert mirror_indices(-2, 4, 2).tolist() == [0, 1, 0, 1, 0, 1]
    assert mirror_indices(0, 0, 5).tolist() == []


@given(
    st.integers(1, 5000),
    st.integers(1, 200).map(lambda cells: 8 * cells),
    st.integers(0, 12).map(lambda cells: 8 * cells),
    st.sampled_from([16, 24]),
)
def test_windows_of_one_length_hold_what_each_tile_needs(
    size: int, tile_px: int, context_px: int, border_px: int
) -> None:
    """One length for all tiles of an axis, on the grid, and nowhere a pixel beyond the mirrored border."""
    rule = WindowRule(context_px=context_px, border_px=border_px, grid_px=8, step_px=64)
    tiles = split_into_tiles(Tile(0, size, 0, 1), tile_px, 8)
    common = rule.common_length([(tile.top, tile.bottom) for tile in tiles], size)
    lengths, all_needed = set(), set()
    for tile in tiles:
        needed = rule.smallest(tile.top, tile.bottom, size)
        first, last = rule.of_length(common, tile.top, tile.bottom, size)
        assert -border_px <= first <= needed[0]
        assert needed[1] <= last < size + border_px + 8
        assert first % 8 == last % 8 == 0
        lengths.add(last - first)
        all_needed.add(needed[1] - needed[0])
    assert len(lengths) == 1
    assert lengths.pop() < max(all_needed) + rule.step_px
