"""The contract of every backbone at every named size: identity at first, any size, exact tiles, known cost."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from engine.contracts.configs import ComputeConfig
from engine.contracts.errors import InvalidInputError
from engine.machine.devices import open_device
from engine.method.backbones.backbone import Backbone
from engine.method.backbones.nafnet import normalise_channels, simple_gate
from engine.method.catalogue.backbones import BACKBONES, SizedParams, UNetParams
from engine.method.factory import make_backbone
from engine.models.files import ModelCard, RestorationModel, build_network
from engine.restoring.restorer import Restorer


def sizes_of(name: str) -> type[SizedParams]:
    model = BACKBONES[name].params_model
    assert issubclass(model, SizedParams)
    return model


ALL_SIZES = [(name, size) for name in BACKBONES for size in sizes_of(name).sizes]
every_size = pytest.mark.parametrize(("name", "size"), ALL_SIZES)


def make(name: str, size: str) -> Backbone:
    torch.manual_seed(3)
    return make_backbone(name, {"size": size}).eval().requires_grad_(False)


def make_busy(name: str, size: str) -> Backbone:
    """A fresh backbone is the identity, which sees one pixel and which any tiling passes: fill what is zero."""
    network = make(name, size)
    for weights in network.parameters():
        if not weights.any():
            weights.normal_(0, 0.02)
    return network


@every_size
def test_starts_as_the_identity_at_any_height_and_width(name: str, size: str) -> None:
    network = make(name, size)
    for height, width in ((1, 1), (7, 30), (33, 17)):
        photo = torch.rand(2, 3, height, width)
        assert torch.equal(network(photo), photo)


@every_size
def test_features_have_the_stated_shape(name: str, size: str) -> None:
    network = make(name, size)
    height, width = 2 * network.alignment_px, 3 * network.alignment_px
    features = network.features(torch.rand(2, 3, height, width))
    stride = network.feature_stride
    assert network.alignment_px % stride == 0
    assert features.shape == (2, network.feature_channels, height // stride, width // stride)


@every_size
def test_receptive_field_is_the_stated_context(name: str, size: str) -> None:
    # In double precision, or what the farthest pixels contribute would be rounded away.
    network = make_busy(name, size).double()
    grid, context = network.alignment_px, network.context_px
    start = -(-context // grid) * grid
    photo = torch.rand(1, 3, 2 * start + grid, 2 * start + grid, dtype=torch.float64, requires_grad=True)
    restored = network(photo)
    reaches = []
    for place in (start, start + grid // 2, start + grid - 1):
        (gradient,) = torch.autograd.grad(restored[0, :, place, place].sum(), photo, retain_graph=True)
        reaches.append(int((gradient[0].abs().sum(dim=0).nonzero() - place).abs().max()))
    assert max(reaches) <= context
    assert max(reaches) > context - max(grid, 2), "the tiles would carry more surroundings than they need"


@every_size
def test_tiles_give_the_same_as_the_whole(name: str, size: str) -> None:
    device = open_device(ComputeConfig(device="cpu", precision="32-true"))
    model = RestorationModel(make_busy(name, size), ModelCard(name="busy"))
    noisy = np.random.default_rng(5).random((97, 150, 3), np.float32)
    whole = Restorer(model, device, tile_px=512).restore(noisy)
    tiled = Restorer(model, device, tile_px=64).restore(noisy)
    assert np.abs(whole - noisy).mean() > 1e-3, "the network does nothing, so the test would say nothing"
    assert np.abs(tiled - whole).max() < 1e-5


@every_size
def test_a_size_costs_what_it_says(name: str, size: str) -> None:
    stated = sizes_of(name).sizes[size]
    network = make(name, size)
    num_parameters = sum(weights.numel() for weights in network.parameters())
    side = 8 * network.alignment_px
    with FlopCounterMode(display=False) as counter:
        network(torch.rand(1, 3, side, side))
    assert stated.num_parameters == round(num_parameters / 1000)
    assert stated.kflop_per_pixel == round(counter.get_total_flops() / side**2 / 1000)


@pytest.mark.parametrize("name", BACKBONES)
def test_larger_sizes_cost_more_and_the_form_says_what(name: str) -> None:
    model = sizes_of(name)
    costs = [size.kflop_per_pixel for size in model.sizes.values()]
    assert costs == sorted(set(costs))
    description = model.model_fields["size"].description
    assert description is not None
    for size in model.sizes.values():
        assert f"{size.num_parameters:,} thousand weights, {size.kflop_per_pixel} kFLOP a pixel" in description


@pytest.mark.parametrize("name", BACKBONES)
def test_a_number_replaces_that_of_the_size_and_the_card_holds_them_all(name: str) -> None:
    entry = BACKBONES[name]
    params = entry.validate({"size": "small", "width": 8}).model_dump(mode="json")
    assert params == {"size": "small", **sizes_of(name).sizes["small"].settings, "width": 8}
    assert entry.validate(params).model_dump(mode="json") == params


def test_cards_from_before_sizes_had_names_build_the_same_network() -> None:
    card = ModelCard(name="old", backbone_params={"width": 32, "num_levels": 3, "max_width": 96})
    network = build_network(card)
    assert (network.alignment_px, network.backbone.feature_stride) == (4, 1)
    assert sum(weights.numel() for weights in network.parameters()) == 376_163
    assert UNetParams(width=8) == UNetParams(width=8, num_levels=3, max_width=96, shuffle=1)


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("params", [{"size": "giant"}, {"size": 3}, {"width": -1}, {"width": 5000}, {"depth": 3}])
def test_a_wrong_setting_is_a_sentence(name: str, params: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        make_backbone(name, params)
    assert next(iter(params)) in caught.value.message
    assert "size" in caught.value.hint


def test_normalised_channels_are_those_of_the_formula() -> None:
    features = 3 + 2 * torch.randn(2, 6, 5, 4, generator=torch.Generator().manual_seed(1))
    centred = features - features.mean(dim=1, keepdim=True)
    expected = centred / (centred.square().mean(dim=1, keepdim=True) + 1e-6).sqrt()
    torch.testing.assert_close(normalise_channels(features), expected)


def test_a_gate_in_training_is_the_plain_product_with_its_gradient() -> None:
    features = torch.randn(2, 6, 5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    features = features.contiguous(memory_format=torch.channels_last).requires_grad_()
    first, second = features.chunk(2, dim=1)
    assert torch.equal(simple_gate(features), first * second)
    with torch.no_grad():
        assert torch.equal(simple_gate(features), first * second)
    assert torch.autograd.gradcheck(simple_gate, (features,))
