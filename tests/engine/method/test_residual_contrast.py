"""The whole contrastive term against SciPy, pair by pair, and against what it was before it was made fast."""

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import wasserstein_distance

from engine.method.losses.residual_contrast import ResidualContrast

TEMPERATURE = 0.01


def residuals_and_intensity() -> tuple[torch.Tensor, torch.Tensor]:
    """Eight photos' noise of different strength, which grows with the brightness. Shape: (16, 3, 32, 32)."""
    generator = torch.Generator().manual_seed(0)
    strength = torch.linspace(0.01, 0.1, 8)[:, None, None, None].repeat(2, 1, 1, 1)
    intensity = torch.rand(16, 3, 32, 32, generator=generator)
    return strength * torch.randn(16, 3, 32, 32, generator=generator) * (0.5 + intensity), intensity


@pytest.mark.parametrize("num_bins", [1, 4])
def test_the_term_is_that_of_scipy_pair_by_pair(num_bins: int) -> None:
    residual, intensity = residuals_and_intensity()
    found = ResidualContrast(TEMPERATURE, pull_only=True, num_bins=num_bins)(residual, intensity=intensity)

    values = residual.double().flatten(2).numpy()
    order = intensity.flatten(2).numpy().argsort(axis=-1, kind="stable")
    parts = np.split(np.take_along_axis(values, order, axis=-1), num_bins, axis=-1)
    num_crops = len(values)
    distances = np.array(
        [
            [
                np.mean(
                    [wasserstein_distance(part[i, channel], part[j, channel]) for part in parts for channel in range(3)]
                )
                for j in range(num_crops)
            ]
            for i in range(num_crops)
        ]
    )
    losses = [
        distances[i, (i + 8) % 16] / TEMPERATURE + logsumexp(-np.delete(distances[i], i) / TEMPERATURE)
        for i in range(num_crops)
    ]
    assert found.term.loss.item() == pytest.approx(np.mean(losses), rel=1e-5)


@pytest.mark.parametrize(
    ("num_bins", "pull_only", "loss", "gradient_norm", "gradient_on_intensity"),
    [
        (1, True, 1.2326914, 0.6360008, -0.0301470),
        (1, False, 1.2326912, 0.6457155, -0.0971648),
        (4, True, 1.3792061, 0.6700808, -0.1051309),
        (4, False, 1.3792056, 0.6556550, -0.0861106),
    ],
)
def test_the_term_and_its_gradient_are_what_they_were(
    num_bins: int, pull_only: bool, loss: float, gradient_norm: float, gradient_on_intensity: float
) -> None:
    """The figures are those of torch's own sort, whole matrices and automatic gradients (commit c5e8125)."""
    residual, intensity = residuals_and_intensity()
    leaf = residual.requires_grad_()
    term = ResidualContrast(TEMPERATURE, pull_only=pull_only, num_bins=num_bins)(leaf, intensity=intensity).term
    term.loss.backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    gradient = leaf.grad.double()
    assert term.loss.item() == pytest.approx(loss, rel=1e-5)
    assert gradient.norm().item() == pytest.approx(gradient_norm, rel=1e-5)
    # Which value has which gradient: a gradient that is put in the wrong place keeps its norm.
    assert (gradient * intensity).sum().item() == pytest.approx(gradient_on_intensity, rel=1e-4)
