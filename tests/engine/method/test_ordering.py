"""The order of values on a processor, against torch's own stable sort."""

import numpy as np
import pytest
import torch

from engine.method.losses.earth_mover import earth_mover_distance_matrix, earth_mover_distances_within, sorted_residuals
from engine.method.losses.ordering import ascending, ascending_order, parted_order


def values_with_ties(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(shape, generator=generator)
    values[..., ::3] = (4 * values[..., ::3]).round() / 4
    values[..., 0], values[..., 1], values[..., 2] = 0.0, -0.0, float("inf")
    return values


def test_the_order_is_that_of_a_stable_sort_on_one_thread_and_on_several() -> None:
    for shape in ((5,), (2, 3, 64), (40, 3, 1024)):
        values = values_with_ties(shape)
        assert torch.equal(ascending_order(values), values.sort(dim=-1, stable=True).indices)


def test_places_stand_for_values_and_decide_between_equal_ones() -> None:
    values = torch.tensor([[0.5, 0.25, 0.5, -1.0]])
    places = torch.tensor([[7, 3, 2, 9]])
    assert ascending_order(values, places).tolist() == [[9, 3, 2, 7]]


def test_parts_are_equally_many_from_small_to_large() -> None:
    for shape in ((2, 3, 31), (40, 3, 1023), (1, 1, 2**16 + 3)):
        values = values_with_ties(shape, seed=1).nan_to_num(posinf=3.0)
        # Sums that differ by less than the steps that a brightness is told apart by.
        values += 1e-7 * torch.rand(shape, generator=torch.Generator().manual_seed(2))
        values = torch.where(values.abs() < 1e-3, 0.0, values)
        parts = parted_order(values, 4)
        per_part = shape[-1] // 4
        assert parts.shape == (*shape[:-1], 4, per_part)
        taken = values.gather(-1, parts.flatten(-2)).view(parts.shape)
        ordered = values.sort(dim=-1).values[..., : 4 * per_part].view(parts.shape)
        spread = float(values.max() - values.min())
        assert (taken.min(dim=-1).values - ordered[..., 0]).abs().max() <= spread / 2**16
        assert (taken.max(dim=-1).values - ordered[..., -1]).abs().max() <= spread / 2**16
        assert all(len(row.unique()) == 4 * per_part for row in parts.flatten(-2).flatten(0, -2))


def test_parts_of_far_apart_values_are_those_of_a_stable_sort() -> None:
    levels = torch.randint(0, 256, (4, 3, 4096), generator=torch.Generator().manual_seed(0)) / 255
    order = levels.sort(dim=-1, stable=True).indices
    assert torch.equal(parted_order(levels, 4).flatten(-2), order)
    assert torch.equal(
        parted_order(levels[..., :31], 4).flatten(-2), levels[..., :31].sort(stable=True).indices[..., :28]
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("burst", [float("nan"), float("inf"), -float("inf"), 3e38])
def test_numbers_that_have_burst_are_parted_all_the_same(burst: float) -> None:
    values = torch.randn(2, 3, 64, generator=torch.Generator().manual_seed(0))
    values[0, 0, 5], values[1, 1, :] = burst, burst
    values[0, 1, 7], values[0, 1, 8] = burst, -burst
    parts = parted_order(values, 4)
    for row in parts.flatten(-2).flatten(0, 1):
        assert row.sort().values.tolist() == list(range(64))


def test_sorting_with_and_without_a_gradient_gives_the_same_values() -> None:
    values = values_with_ties((4, 3, 50), seed=2)
    assert torch.equal(ascending(values.clone().requires_grad_()), ascending(values))
    leaf = values[..., 3:].clone().requires_grad_()
    weights = torch.arange(47.0)
    ascending(leaf).mul(weights).sum().backward()
    ranks = torch.from_numpy(np.argsort(np.argsort(leaf.detach().numpy(), axis=-1, kind="stable"), axis=-1))
    assert torch.equal(leaf.grad, weights[ranks])


def test_distances_within_a_batch_are_those_of_the_matrix() -> None:
    residuals = values_with_ties((6, 3, 8, 8), seed=3).nan_to_num(posinf=1.0).requires_grad_()
    values = sorted_residuals(residuals)
    within, matrix = earth_mover_distances_within(values), earth_mover_distance_matrix(values, values)
    torch.testing.assert_close(within, matrix)
    assert within.diagonal().count_nonzero() == 0
    weights = torch.rand(6, 6, generator=torch.Generator().manual_seed(4))
    ours, theirs = (
        torch.autograd.grad((one * weights).sum(), residuals, retain_graph=True)[0] for one in (within, matrix)
    )
    torch.testing.assert_close(ours, theirs)
