"""The RCL pretext: what its objective prefers, its balance, and its blindness to its own noise."""

import itertools

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from engine.errors import InvalidInputError
from engine.losses.contrastive import nt_xent
from engine.losses.earth_mover import earth_mover_distance_matrix, sorted_residuals
from engine.pretext.residual_contrastive import (
    ContrastParams,
    ResidualContrastive,
    ResidualContrastiveParams,
    balanced_loss,
    residual_contrast,
)
from engine.pretext.subsampling import neighbour_subsamples
from engine.registry import PRETEXTS


def noisy_crops(num_photos: int = 8, side: int = 64, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth pictures with structure, and each photo's own signal-dependent noise.

    Returns:
        Noisy crops and their noise, first views before second views. Shape: (2 * num_photos, 3, side, side).
    """
    rng = np.random.default_rng(seed)
    sigmas = np.linspace(8, 50, num_photos) / 255
    clean, noise = [], []
    for _view, sigma in itertools.product(range(2), sigmas):
        picture = gaussian_filter(rng.normal(size=(3, side, side)), (0, 3, 3))
        picture = np.clip(0.5 + 0.2 * picture / picture.std() * rng.uniform(0.3, 1.5), 0.02, 0.98)
        variance = sigma**2 / 2 + sigma**2 * picture
        clean.append(picture)
        noise.append(rng.normal(size=picture.shape) * np.sqrt(variance))
    both = np.stack(clean), np.stack(noise)
    return torch.from_numpy(both[0] + both[1]).float(), torch.from_numpy(both[1]).float()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_oracle_true_noise_is_preferred(seed: int) -> None:
    """With the true noise known, the objective must rank it below residuals that hold the picture."""
    noisy, noise = noisy_crops(seed=seed)
    blurred = torch.from_numpy(gaussian_filter(noisy.numpy(), (0, 0, 2, 2)))
    candidates = {"noise": noise, "high-pass": noisy - blurred, "tenth": 0.1 * noisy, "photo": noisy}
    losses = {name: residual_contrast(residual, 0.01).loss.item() for name, residual in candidates.items()}
    assert losses["noise"] < losses["high-pass"]
    assert losses["noise"] < losses["tenth"]
    assert losses["noise"] < losses["photo"]


def test_pull_only_keeps_the_value_and_only_the_positives_gradient() -> None:
    noisy, _ = noisy_crops(4, side=16)
    full = noisy.clone().requires_grad_()
    residual_contrast(full, 0.05).loss.backward()
    pulled = noisy.clone().requires_grad_()
    loss = residual_contrast(pulled, 0.05, pull_only=True).loss
    loss.backward()
    assert loss.item() == pytest.approx(residual_contrast(noisy, 0.05).loss.item(), rel=1e-5)

    # The reference: the whole matrix with gradient, of which all but the positives are cut off.
    reference = noisy.clone().requires_grad_()
    values = sorted_residuals(reference)
    distances = earth_mover_distance_matrix(values, values)
    positive = torch.eye(8).roll(4, dims=1).bool()
    nt_xent(torch.where(positive, distances, distances.detach()), 0.05).loss.backward()
    assert pulled.grad is not None
    assert reference.grad is not None
    assert full.grad is not None
    assert torch.allclose(pulled.grad, reference.grad, atol=1e-8)
    assert not torch.allclose(pulled.grad, full.grad, atol=1e-8)


@pytest.mark.parametrize("ratio", [0.1, 1.0])
def test_terms_are_balanced_by_their_gradients(ratio: float) -> None:
    noisy, _ = noisy_crops(4, side=16)
    residual = (noisy * 0.3).requires_grad_()
    balanced_loss(residual, ContrastParams(contrast_ratio=ratio, temperature=0.02), pull_only=False).total.backward()
    assert residual.grad is not None
    consistency = residual.detach().clone().requires_grad_()
    consistency.square().mean().backward()
    assert consistency.grad is not None
    contrast_share = (residual.grad - consistency.grad).norm() / consistency.grad.norm()
    assert contrast_share.item() == pytest.approx(ratio, rel=1e-3)


def test_without_contrast_only_consistency_is_left() -> None:
    noisy, _ = noisy_crops(3, side=16)
    residual = noisy.clone().requires_grad_()
    balanced_loss(residual, ContrastParams(contrast_ratio=0.0), pull_only=True).total.backward()
    assert residual.grad is not None
    assert torch.allclose(residual.grad, 2 * noisy / noisy.numel())


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_subsamples_are_neighbours_at_the_stride(stride: int) -> None:
    side = 12 * stride
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    coordinates = torch.stack([rows, columns])[None].float()
    first, second = neighbour_subsamples(coordinates, stride, torch.Generator().manual_seed(0))
    assert first.shape == second.shape == (1, 2, 6, 6)
    apart = (first - second).abs().sum(dim=1)
    assert (apart == stride).all()
    # Each cell gives one pixel to either side: no pixel is used twice.
    used = torch.cat([first, second]).permute(0, 2, 3, 1).reshape(-1, 2)
    assert len(torch.unique(used, dim=0)) == len(used)


def test_subsamples_use_all_neighbour_directions_alike() -> None:
    side = 256
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    coordinates = torch.stack([rows, columns])[None].float()
    first, second = neighbour_subsamples(coordinates, 1, torch.Generator().manual_seed(0))
    steps, counts = torch.unique((second - first).flatten(2)[0].T, dim=0, return_counts=True)
    assert len(steps) == 4
    assert (counts / counts.sum() - 0.25).abs().max() < 0.02


def test_residual_holds_the_hidden_noise_whatever_the_network_does() -> None:
    """The noise of g2(x) is not seen by f(g1(x)): no network can remove it from the residual."""
    _, noise = noisy_crops(4, side=64)
    task = ResidualContrastive(ResidualContrastiveParams(stride=1))
    residual = task.residual(lambda seen: seen * 0.0, noise, torch.Generator().manual_seed(1))
    greedy = task.residual(lambda seen: seen, noise, torch.Generator().manual_seed(1))
    assert residual.std() == pytest.approx(noise.std().item(), rel=0.1)
    assert greedy.square().mean() > 1.5 * residual.square().mean()


def test_stride_must_be_measured_before_training() -> None:
    with pytest.raises(ValueError, match="measured"):
        ResidualContrastive(ResidualContrastiveParams())


def test_unknown_setting_is_a_sentence() -> None:
    with pytest.raises(InvalidInputError, match="temprature"):
        PRETEXTS["rcl"].make({"temprature": 1})
