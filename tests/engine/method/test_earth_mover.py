"""The earth mover's distance against SciPy and POT."""

import numpy as np
import ot
import pytest
import torch
from scipy.stats import wasserstein_distance

from engine.method.losses.earth_mover import earth_mover_distance, earth_mover_distance_matrix, sorted_residuals


def random_residuals(batch: int = 5, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    scale = torch.linspace(0.01, 0.2, batch)[:, None, None, None]
    return torch.randn(batch, 3, 7, 9, generator=generator) * scale + 0.1 * scale


def reference_distance(first: torch.Tensor, second: torch.Tensor) -> float:
    per_channel = [
        wasserstein_distance(a.flatten().double().numpy(), b.flatten().double().numpy())
        for a, b in zip(first, second, strict=True)
    ]
    return float(np.mean(per_channel))


def test_matrix_agrees_with_scipy() -> None:
    residuals = random_residuals()
    values = sorted_residuals(residuals)
    matrix = earth_mover_distance_matrix(values, values)
    for row in range(5):
        for column in range(5):
            expected = reference_distance(residuals[row], residuals[column])
            assert matrix[row, column].item() == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_pairs_agree_with_optimal_transport_solver() -> None:
    first, second = random_residuals(seed=1), random_residuals(seed=2)
    distances = earth_mover_distance(sorted_residuals(first), sorted_residuals(second))
    for index in range(len(first)):
        solved = [
            # The exact linear-programming solver, which does not know that one dimension can be sorted.
            ot.emd2([], [], ot.dist(a.reshape(-1, 1).double().numpy(), b.reshape(-1, 1).double().numpy(), "euclidean"))
            for a, b in zip(first[index], second[index], strict=True)
        ]
        assert distances[index].item() == pytest.approx(float(np.mean(solved)), rel=1e-5)


def test_distance_is_symmetric_zero_to_itself_and_obeys_the_triangle() -> None:
    values = sorted_residuals(random_residuals(6, seed=3))
    matrix = earth_mover_distance_matrix(values, values)
    assert torch.allclose(matrix, matrix.T, atol=1e-7)
    assert matrix.diagonal().abs().max() < 1e-7
    through = matrix[:, :, None] + matrix[None, :, :]
    assert (matrix[:, None, :] <= through + 1e-6).all()


def test_order_of_pixels_does_not_count_but_the_shift_does() -> None:
    residuals = random_residuals(2, seed=4)
    shuffled = residuals.flatten(2)[:, :, torch.randperm(63)].reshape(residuals.shape)
    values, same = sorted_residuals(residuals), sorted_residuals(shuffled)
    assert earth_mover_distance(values, same).max() < 1e-8
    shifted = sorted_residuals(residuals + 0.25)
    assert torch.allclose(earth_mover_distance(values, shifted), torch.full((2,), 0.25), atol=1e-6)


def test_gradient_is_the_sign_of_the_matched_difference() -> None:
    first = torch.tensor([[[[0.3, -0.1], [0.2, 0.0]]]], requires_grad=True)
    second = torch.zeros(1, 1, 2, 2)
    earth_mover_distance(sorted_residuals(first), sorted_residuals(second)).sum().backward()
    assert first.grad is not None
    assert torch.allclose(first.grad, torch.sign(first.detach()) / 4)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="batch, channels, height, width"):
        sorted_residuals(torch.zeros(3, 4, 4))
    with pytest.raises(ValueError, match=r"channels or samples differ: \(3, 8\) and \(3, 9\)$"):
        earth_mover_distance_matrix(torch.zeros(2, 3, 8), torch.zeros(2, 3, 9))
    with pytest.raises(ValueError, match="differ"):
        earth_mover_distance(torch.zeros(2, 3, 8), torch.zeros(3, 3, 8))


@pytest.mark.parametrize("num_bins", [2, 5])
def test_distance_in_bins_is_the_mean_of_the_bins_distances(num_bins: int) -> None:
    """Against SciPy and POT, on bins made by hand from the ranks of the intensity."""
    first, second = random_residuals(3, seed=6), random_residuals(3, seed=7)
    generator = torch.Generator().manual_seed(8)
    brightness = [torch.rand(first.shape, generator=generator) for _ in range(2)]
    values = [
        sorted_residuals(residual, intensity, num_bins)
        for residual, intensity in zip((first, second), brightness, strict=True)
    ]
    matrix = earth_mover_distance_matrix(*values)
    per_bin = 63 // num_bins
    assert values[0].shape == (3, 3, per_bin * num_bins)

    def binned(residual: torch.Tensor, intensity: torch.Tensor, position: int) -> np.ndarray:
        order = np.argsort(intensity.flatten().numpy())[position * per_bin : (position + 1) * per_bin]
        return residual.flatten().double().numpy()[order]

    for row in range(3):
        for column in range(3):
            parts = [
                (
                    binned(first[row, c], brightness[0][row, c], b),
                    binned(second[column, c], brightness[1][column, c], b),
                )
                for c in range(3)
                for b in range(num_bins)
            ]
            by_scipy = np.mean([wasserstein_distance(a, b) for a, b in parts])
            by_solver = np.mean([ot.emd2([], [], np.abs(a[:, None] - b[None, :])) for a, b in parts])
            assert matrix[row, column].item() == pytest.approx(by_scipy, rel=1e-5)
            assert matrix[row, column].item() == pytest.approx(by_solver, rel=1e-5)


def test_bins_need_pixels_and_a_fitting_intensity() -> None:
    residuals = random_residuals(2)
    for num_bins in (64, 0, -1):
        with pytest.raises(ValueError, match=rf"63 pixels cannot be parted into {num_bins} bins"):
            sorted_residuals(residuals, residuals, num_bins)
    assert sorted_residuals(residuals, residuals, 63).shape == (2, 3, 63)
    with pytest.raises(ValueError, match="intensity"):
        sorted_residuals(residuals, None, 2)
    with pytest.raises(ValueError, match="intensity"):
        sorted_residuals(residuals, residuals[:1], 2)


def test_values_are_sorted_as_float32_in_one_bin_unless_more_are_asked_for() -> None:
    residuals = random_residuals(2).half()
    values = sorted_residuals(residuals)
    assert values.dtype == torch.float32
    assert values.shape == (2, 3, 63)
    assert (values.diff(dim=2) >= 0).all()
    assert torch.equal(values, sorted_residuals(residuals, residuals, 1))
    assert sorted_residuals(residuals, residuals, 2).dtype == torch.float32


def test_pixels_of_equal_brightness_keep_their_order() -> None:
    """Or the bins of a flat picture, and with them the loss, would differ from one machine to another."""
    residuals = torch.arange(32.0).view(1, 1, 4, 8).flip(3)
    values = sorted_residuals(residuals, torch.zeros_like(residuals), 4)
    assert torch.equal(values.flatten(), torch.arange(32.0))


def test_bins_pass_no_gradient_to_the_intensity() -> None:
    residuals, intensity = random_residuals(2).requires_grad_(), random_residuals(2, seed=1).requires_grad_()
    sorted_residuals(residuals, intensity, 3).sum().backward()
    assert residuals.grad is not None
    assert intensity.grad is None


def test_a_matrix_of_two_batches_of_other_sizes() -> None:
    first, second = sorted_residuals(random_residuals(2, seed=1)), sorted_residuals(random_residuals(4, seed=2))
    matrix = earth_mover_distance_matrix(first, second)
    assert matrix.shape == (2, 4)
    for row in range(2):
        for column in range(4):
            pair = earth_mover_distance(first[row : row + 1], second[column : column + 1])
            assert matrix[row, column].item() == pytest.approx(pair.item(), rel=1e-5)
    with pytest.raises(ValueError, match="channels or samples differ"):
        earth_mover_distance_matrix(first, second[:, :2])
