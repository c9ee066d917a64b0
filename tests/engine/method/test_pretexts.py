"""Neighbor2Neighbor, Noise2Void, and what holds for every pretext task."""

import copy

import pytest
import torch
from torch import nn

from engine.method.backbones.unet import UNet
from engine.method.catalogue.backbones import UNetParams
from engine.method.catalogue.pretexts import PRETEXTS, Neighbor2NeighborParams, Noise2VoidParams
from engine.method.factory import make_pretext
from engine.method.pretext.neighbor2neighbor import Neighbor2Neighbor
from engine.method.pretext.noise2void import Noise2Void, draw_blind_spots
from engine.method.pretext.pretext_task import PretextTask
from engine.method.pretext.subsampling import NeighbourSampler, thinned


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scenes(num_photos: int, side: int, sigma: float = 0.1, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth waves, and the same with white noise. Shapes: (2 * num_photos, 3, side, side)."""
    source = generator(seed)
    phase = torch.rand(2 * num_photos, 3, 1, 1, generator=source) * 6
    place = torch.linspace(0, 6, side)
    clean = 0.5 + 0.2 * torch.sin(place[:, None] + phase) + 0.2 * torch.cos(1.3 * place[None, :] + phase)
    return clean + sigma * torch.randn(clean.shape, generator=source), clean


def make(name: str, **params: object) -> PretextTask:
    return make_pretext(name, {**PRETEXTS[name].with_stride({}), **params})


@pytest.mark.parametrize("name", list(PRETEXTS))
@pytest.mark.parametrize("stride", [1, 2])
def test_every_task_keeps_the_contract(name: str, stride: int) -> None:
    task = make(name, **PRETEXTS[name].with_stride({}, stride))
    side = task.source_crop_px(16)
    num_photos = max(PRETEXTS[name].min_photos, 2)
    noisy, _ = scenes(num_photos, side)
    noisy = noisy[: task.crops_per_photo * num_photos]
    photos = torch.arange(num_photos).repeat(task.crops_per_photo)
    network = UNet(UNetParams(width=4, num_levels=2))
    sides = []

    def restore(crops: torch.Tensor) -> torch.Tensor:
        sides.append(crops.shape[-1])
        return network(crops)

    loss = task.loss(restore, noisy, photos, generator())
    loss.total.backward()
    assert sides[0] == 16
    assert all(weight.grad is not None and torch.isfinite(weight.grad).all() for weight in network.parameters())
    assert all(value.ndim == 0 and not value.requires_grad for value in loss.parts.values())
    residual = task.residual(network, noisy, generator())
    assert residual.shape[:2] == noisy.shape[:2]
    assert loss.parts["consistency"].item() == pytest.approx(residual.square().mean().item(), rel=0.2)
    again = task.loss(network, noisy, photos, generator())
    assert torch.equal(again.parts["consistency"], loss.parts["consistency"])


@pytest.mark.parametrize("name", [name for name, row in PRETEXTS.items() if row.leaves_stride_open({})])
def test_stride_must_be_measured(name: str) -> None:
    with pytest.raises(ValueError, match="measured"):
        make(name, stride=0)


@pytest.mark.parametrize("name", ["rcl", "neighbor2neighbor", "noise2void"])
def test_blind_tasks_learn_to_remove_white_noise_without_seeing_a_clean_photo(name: str) -> None:
    torch.manual_seed(0)
    network = UNet(UNetParams(width=16, num_levels=2))
    task = make(name, **({"cell_px": 4} if name == "noise2void" else {}))
    optimizer = torch.optim.Adam(network.parameters())
    for step in range(120):
        optimizer.param_groups[0]["lr"] = 2e-3 * min((step + 1) / 30, 1)
        noisy, _ = scenes(3, task.source_crop_px(16), seed=step)
        optimizer.zero_grad()
        task.loss(network, noisy, torch.arange(3).repeat(2), generator(step)).total.backward()
        optimizer.step()
    noisy, clean = scenes(3, 32, seed=999)
    with torch.no_grad():
        error = (network(noisy) - clean).square().mean()
    assert error < 0.7 * (noisy - clean).square().mean()


def test_neighbor2neighbor_is_the_papers_loss() -> None:
    noisy, _ = scenes(2, 32)
    network = nn.Conv2d(3, 3, 3, padding=1)
    task = Neighbor2Neighbor(Neighbor2NeighborParams(stride=1, gamma=2.0))
    loss = task.loss(network, noisy, torch.arange(2).repeat(2), generator(5))
    loss.total.backward()

    reference = copy.deepcopy(network)
    reference.zero_grad()
    sampler = NeighbourSampler.draw(noisy, generator(5))
    first, second = sampler(noisy)
    with torch.no_grad():
        restored_first, restored_second = sampler(reference(noisy))
    difference = reference(first) - second
    expected = (difference**2).mean() + 2.0 * ((difference - (restored_first - restored_second)) ** 2).mean()
    expected.backward()
    assert loss.total.item() == pytest.approx(expected.item(), rel=1e-5)
    for found, wanted in zip(network.parameters(), reference.parameters(), strict=True):
        assert found.grad is not None
        assert wanted.grad is not None
        assert torch.allclose(found.grad, wanted.grad, atol=1e-7)


def test_sub_samples_are_two_neighbours_of_each_cell() -> None:
    pixels = torch.arange(6 * 8, dtype=torch.float32).view(1, 1, 6, 8).repeat(2, 3, 1, 1)
    sampler = NeighbourSampler.draw(pixels, generator(1))
    first, second = (taken.long() for taken in sampler(pixels))
    rows, columns = torch.meshgrid(torch.arange(3), torch.arange(4), indexing="ij")
    for taken in (first, second):
        assert torch.equal(taken // 8 // 2, rows.expand_as(taken))
        assert torch.equal(taken % 8 // 2, columns.expand_as(taken))
    distance = (first // 8 - second // 8).abs() + (first % 8 - second % 8).abs()
    assert bool((distance == 1).all())


def test_regulariser_forgives_what_the_sub_samples_of_the_clean_photo_differ_by() -> None:
    """With the clean photo as its output, the plain term charges the picture's slope and the regulariser does not."""
    ramp = torch.linspace(0, 4, 32)[None, None, None, :].expand(4, 3, 32, 32).contiguous()
    task = Neighbor2Neighbor(Neighbor2NeighborParams(stride=1, gamma=1.0))
    parts = task.loss(lambda crops: crops, ramp, torch.arange(2).repeat(2), generator()).parts
    assert parts["consistency"] > 1e-3
    assert parts["regulariser"] < 1e-10


def test_without_gamma_the_full_crop_is_not_computed() -> None:
    sizes = []

    def restore(crops: torch.Tensor) -> torch.Tensor:
        sizes.append(crops.shape[-1])
        return crops

    task = Neighbor2Neighbor(Neighbor2NeighborParams(stride=1, gamma=0.0))
    parts = task.loss(restore, scenes(2, 32)[0], torch.arange(2).repeat(2), generator()).parts
    assert sizes == [16]
    assert "regulariser" not in parts


@pytest.mark.parametrize(("height", "width", "cell_px"), [(16, 16, 8), (24, 16, 4), (19, 33, 5), (8, 8, 2)])
def test_blind_spots_are_stratified_and_never_replaced_by_themselves(height: int, width: int, cell_px: int) -> None:
    spots = draw_blind_spots(2000, height, width, cell_px, generator())
    rows, columns = spots.hidden // width, spots.hidden % width
    per_row, per_column = height // cell_px, width // cell_px
    cells = (rows // cell_px) * per_column + columns // cell_px
    assert (cells.sort(dim=1).values == torch.arange(per_row * per_column)).all()
    down, right = spots.replacements // width - rows, spots.replacements % width - columns
    assert ((down != 0) | (right != 0)).all()
    assert down.abs().max() == 2
    assert right.abs().max() == 2
    assert spots.replacements.min() >= 0
    assert spots.replacements.max() < height * width
    # Far from the border all 24 neighbours come alike.
    inner = (rows >= 2) & (rows < height - 2) & (columns >= 2) & (columns < width - 2)
    _, counts = torch.unique(5 * down[inner] + right[inner], return_counts=True)
    assert len(counts) == 24
    assert counts.max() < 1.6 * counts.min()


def test_hidden_pixels_are_seen_by_nobody() -> None:
    """Were a hidden value seen, a network that gives back what it sees would have no loss."""
    side = 32
    impulse = torch.rand(4, 3, side, side, generator=generator(1))
    task = Noise2Void(Noise2VoidParams(stride=1, cell_px=4))
    seen = []

    def identity(crops: torch.Tensor) -> torch.Tensor:
        seen.append(crops)
        return crops

    residual = task.residual(identity, impulse, generator(2))
    spots = draw_blind_spots(4, side, side, 4, generator(2))
    for crop in range(4):
        pixels, shown = impulse[crop].flatten(1), seen[0][crop].flatten(1)
        assert torch.equal(shown[:, spots.hidden[crop]], pixels[:, spots.replacements[crop]])
        untouched = torch.ones(side * side, dtype=torch.bool)
        untouched[spots.hidden[crop]] = False
        assert torch.equal(shown[:, untouched], pixels[:, untouched])
        difference = pixels[:, spots.hidden[crop]] - pixels[:, spots.replacements[crop]]
        assert torch.allclose(residual[crop].flatten(1), difference)


def test_loss_counts_at_hidden_pixels_alone() -> None:
    noisy, _ = scenes(2, 32)
    offset = torch.zeros(4, 3, 32, 32, requires_grad=True)
    task = Noise2Void(Noise2VoidParams(stride=1, cell_px=8))
    task.loss(lambda crops: crops + offset, noisy, torch.arange(2).repeat(2), generator()).total.backward()
    assert offset.grad is not None
    counted = offset.grad.abs().sum(dim=1) > 0
    assert counted.flatten(1).sum(dim=1).tolist() == [16] * 4


def test_thinning_takes_every_other_pixel_and_refuses_uneven_sides() -> None:
    columns = torch.arange(12.0).expand(1, 1, 12, 12)
    thin = thinned(columns, 3, generator())
    assert thin.shape == (1, 1, 4, 4)
    assert (thin[..., 1:] - thin[..., :-1] == 3).all()
    with pytest.raises(ValueError, match="thinned"):
        thinned(columns, 5, generator())


def test_task_without_memory_refuses_a_checkpoint_that_has_one() -> None:
    task = make("noise2void")
    assert task.state_tensors() == {}
    task.load_state_tensors({})
    with pytest.raises(ValueError, match="remembers nothing"):
        task.load_state_tensors({"values": torch.zeros(1)})
