"""Demosaicking: the interpolation against the paper's own words, the operator, the added noise, tiles."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.method.backbones.unet import UNet
from engine.method.catalogue.backbones import UNetParams
from engine.method.catalogue.tasks import DemosaickParams
from engine.method.tasks.demosaick import BayerInterpolation, Demosaick, DemosaickNetwork
from engine.photo_files.raw.demosaicking import bayer_mosaic, interpolate_rggb

TINY = UNetParams(width=8, num_levels=2, max_width=16, shuffle=2)


def colour_at(row: int, column: int) -> str:
    return ("RG", "GB")[row % 2][column % 2]


def interpolate_by_the_paper(mosaic: NDArray[np.float64]) -> NDArray[np.float64]:
    """Malvar, He and Cutler, equations 1 to 7: bilinear plus a gain times the measured colour's Laplacian."""
    height, width = mosaic.shape

    def at(row: int, column: int) -> float:
        mirrored = [min(abs(i), 2 * (n - 1) - abs(i)) for i, n in ((row, height), (column, width))]
        return float(mosaic[mirrored[0], mirrored[1]])

    def mean(row: int, column: int, offsets: list[tuple[int, int]]) -> float:
        return float(np.mean([at(row + down, column + right) for down, right in offsets]))

    cross = [(-1, 0), (1, 0), (0, -1), (0, 1)]
    far_cross = [(-2, 0), (2, 0), (0, -2), (0, 2)]
    diagonals = [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    result = np.empty((height, width, 3))
    for row in range(height):
        for column in range(width):
            own, here = mosaic[row, column], colour_at(row, column)
            for index, colour in enumerate("RGB"):
                if colour == here:
                    value = own
                elif colour == "G":
                    value = mean(row, column, cross) + (own - mean(row, column, far_cross)) / 2
                elif here == "G":
                    is_beside = colour == colour_at(row, column + 1)
                    along = [(0, -1), (0, 1)] if is_beside else [(-1, 0), (1, 0)]
                    far_along = [(0, -2), (0, 2)] if is_beside else [(-2, 0), (2, 0)]
                    far_across = [(-2, 0), (2, 0)] if is_beside else [(0, -2), (0, 2)]
                    # The nine-point pattern of the paper: 5/8 of it, with its weights over the greens around.
                    pattern = (
                        own
                        - (
                            4 * mean(row, column, diagonals)
                            + 2 * mean(row, column, far_along)
                            - mean(row, column, far_across)
                        )
                        / 5
                    )
                    value = mean(row, column, along) + 5 / 8 * pattern
                else:
                    value = mean(row, column, diagonals) + 3 / 4 * (own - mean(row, column, far_cross))
                result[row, column, index] = value
    return result


@pytest.mark.parametrize(("height", "width"), [(8, 10), (7, 9), (5, 4), (6, 11)])
def test_interpolation_is_the_papers(height: int, width: int) -> None:
    mosaic = np.random.default_rng(height).random((height, width))
    expected = interpolate_by_the_paper(mosaic)
    by_array = interpolate_rggb(mosaic.astype(np.float32))
    by_network = BayerInterpolation()(torch.from_numpy(mosaic).float()[None, None])[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(by_array, expected, atol=1e-5)
    np.testing.assert_allclose(by_network, expected, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 2), (3, 2)])
def test_the_smallest_mosaics_have_all_colours(size: tuple[int, int]) -> None:
    photo = BayerInterpolation()(torch.full((1, 1, *size), 0.25))
    assert photo.shape == (1, 3, *size)
    assert torch.isfinite(photo).all()


def test_a_gray_ramp_is_interpolated_exactly() -> None:
    ramp = torch.linspace(0.1, 0.9, 16).expand(1, 1, 12, 16)
    photo = BayerInterpolation()(ramp)
    torch.testing.assert_close(photo[..., 2:-2], ramp[..., 2:-2].expand(-1, 3, -1, -1))


def test_measure_agrees_with_the_array_form() -> None:
    photo = np.random.default_rng(1).random((9, 7, 3), np.float32)
    task = Demosaick(DemosaickParams())
    mosaic = task.measure(torch.from_numpy(photo).permute(2, 0, 1)[None])
    np.testing.assert_array_equal(mosaic[0].permute(1, 2, 0).numpy(), bayer_mosaic(photo))
    assert mosaic[0, 0, 0, 0] == photo[0, 0, 0]
    assert mosaic[0, 0, 0, 1] == photo[0, 1, 1]
    assert mosaic[0, 0, 1, 1] == photo[1, 1, 2]


def test_measuring_a_demosaicked_mosaic_gives_it_back() -> None:
    task = Demosaick(DemosaickParams())
    photo = torch.rand(2, 3, 12, 10, generator=torch.Generator().manual_seed(2))
    measured = task.measured(BayerInterpolation())(photo)
    assert measured.shape == photo.shape
    torch.testing.assert_close(task.measure(measured), task.measure(photo))


def test_plain_noise_has_the_strength_of_the_settings() -> None:
    task = Demosaick(DemosaickParams(noise_sigma=20, camera_noise=False))
    noisy = task.observe(torch.full((400, 3, 24, 24), 0.5), torch.Generator().manual_seed(3))
    sigmas = (noisy - 0.5).flatten(1).std(dim=1) * 255
    assert noisy.shape == (400, 1, 24, 24)
    assert 17 < sigmas.max() < 22
    # Nine tenths of them uniform up to 20.
    assert float(sigmas.mean()) == pytest.approx(9, abs=1)
    assert 20 <= int((sigmas == 0).sum()) <= 60


def test_camera_noise_is_as_strong_at_mid_gray_and_stronger_in_the_encoded_darkness() -> None:
    def spread(level: float, *, camera_noise: bool) -> float:
        task = Demosaick(DemosaickParams(noise_sigma=10, camera_noise=camera_noise))
        noisy = task.observe(torch.full((600, 3, 16, 16), level), torch.Generator().manual_seed(4))
        # Green, which no gain amplifies.
        return float((noisy - level)[:, :, 0::2, 1::2].std())

    assert spread(0.5, camera_noise=True) == pytest.approx(spread(0.5, camera_noise=False), rel=0.05)
    assert spread(0.1, camera_noise=False) == pytest.approx(spread(0.5, camera_noise=False), rel=0.02)
    assert spread(0.1, camera_noise=True) > 1.1 * spread(0.5, camera_noise=True)


def test_noise_depends_on_the_generator_alone() -> None:
    task, photo = Demosaick(DemosaickParams()), torch.rand(2, 3, 8, 8)
    first, again, other = (task.observe(photo, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(Demosaick(DemosaickParams(noise_sigma=0)).observe(photo, torch.Generator()), task.measure(photo))


def test_an_untrained_network_is_the_interpolation() -> None:
    network = Demosaick(DemosaickParams()).add_head(UNet(TINY))
    mosaic = torch.rand(1, 1, 13, 18, generator=torch.Generator().manual_seed(7))
    torch.testing.assert_close(network(mosaic), BayerInterpolation()(mosaic))
    assert network.backbone is network.get_submodule("restoration")
    assert not any("kernels" in name for name in network.state_dict())


def test_nothing_beyond_the_context_counts() -> None:
    torch.manual_seed(8)
    network = DemosaickNetwork(UNet(TINY)).eval()
    torch.nn.init.normal_(network.backbone.head.weight, std=0.1)
    mosaic = torch.rand(1, 1, 96, 96)
    context = -(-network.context_px // network.alignment_px) * network.alignment_px
    top = left = 48
    with torch.inference_mode():
        whole = network(mosaic)[..., top : top + 4, left : left + 4]
        window = mosaic[..., top - context : top + 4 + context, left - context : left + 4 + context]
        part = network(window)[..., context : context + 4, context : context + 4]
    torch.testing.assert_close(part, whole, atol=1e-5, rtol=1e-4)


def test_the_loss_reaches_the_backbone() -> None:
    task = Demosaick(DemosaickParams())
    network = task.add_head(UNet(TINY))
    clean = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(9))
    loss = task.supervised_loss(network(task.observe(clean, torch.Generator().manual_seed(1))), clean)
    loss.total.backward()
    assert float(network.backbone.head.weight.grad.abs().sum()) > 0
    assert loss.parts["supervised"] == pytest.approx(loss.total.item())
