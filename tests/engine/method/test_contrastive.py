"""NT-Xent against a plain loop and closed forms."""

import math

import pytest
import torch

from engine.method.losses.contrastive import nt_xent, positive_index, spread_temperature


def looped_nt_xent(distances: torch.Tensor, temperature: float) -> float:
    """The definition, one crop and one exponential at a time."""
    num_crops = len(distances)
    total = 0.0
    for anchor in range(num_crops):
        positive = (anchor + num_crops // 2) % num_crops
        similar = math.exp(-distances[anchor, positive].item() / temperature)
        others = sum(
            math.exp(-distances[anchor, other].item() / temperature) for other in range(num_crops) if other != anchor
        )
        total -= math.log(similar / others)
    return total / num_crops


def random_distances(num_crops: int, seed: int = 0) -> torch.Tensor:
    half = torch.rand(num_crops, num_crops, generator=torch.Generator().manual_seed(seed)) * 0.05
    return half + half.T


@pytest.mark.parametrize("num_photos", [2, 3, 8])
@pytest.mark.parametrize("temperature", [0.01, 0.1])
def test_agrees_with_a_loop(num_photos: int, temperature: float) -> None:
    distances = random_distances(2 * num_photos)
    expected = looped_nt_xent(distances, temperature)
    assert nt_xent(distances, temperature).loss.item() == pytest.approx(expected, rel=1e-5)


def test_equal_distances_give_chance() -> None:
    assert nt_xent(torch.full((8, 8), 0.3), 0.05).loss.item() == pytest.approx(math.log(7), rel=1e-6)


def test_perfect_separation_gives_zero_and_full_accuracy() -> None:
    distances = torch.ones(8, 8)
    distances[torch.arange(8), positive_index(4)] = 0.0
    term = nt_xent(distances, 0.01)
    assert term.loss.item() < 1e-6
    assert term.accuracy.item() == 1.0


def test_nearest_negative_counts_against_accuracy() -> None:
    distances = torch.ones(4, 4)
    distances[torch.arange(4), positive_index(2)] = 0.5
    distances[0, 1] = distances[1, 0] = 0.1
    assert nt_xent(distances, 0.1).accuracy.item() == 0.5


def test_extreme_distances_stay_finite() -> None:
    distances = (random_distances(6) * 1e5).requires_grad_()
    term = nt_xent(distances, 0.01)
    term.loss.backward()
    assert torch.isfinite(term.loss)
    assert distances.grad is not None
    assert torch.isfinite(distances.grad).all()


def test_exchanging_the_two_views_changes_nothing() -> None:
    distances = random_distances(6, seed=5)
    order = positive_index(3)
    swapped = distances[order][:, order]
    assert nt_xent(swapped, 0.02).loss.item() == pytest.approx(nt_xent(distances, 0.02).loss.item(), rel=1e-6)


def test_one_photo_has_no_negatives() -> None:
    with pytest.raises(ValueError, match="at least 2 photos"):
        nt_xent(torch.zeros(2, 2), 0.1)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="temperature"):
        nt_xent(torch.zeros(4, 4), 0.0)
    with pytest.raises(ValueError, match="2N"):
        nt_xent(torch.zeros(4, 6), 0.1)
    with pytest.raises(ValueError, match="2N"):
        nt_xent(torch.zeros(5, 5), 0.1)
    with pytest.raises(ValueError, match="2N"):
        nt_xent(torch.zeros(4, 4, 4), 0.1)
    with pytest.raises(ValueError, match="2N"):
        nt_xent(torch.zeros(4), 0.1)
    with pytest.raises(ValueError, match="temperature"):
        nt_xent(torch.zeros(4, 4), -0.5)
    with pytest.raises(ValueError, match="temperature"):
        nt_xent(torch.zeros(4, 4), math.nan)


def test_further_negatives_add_to_the_loss_and_not_to_the_accuracy() -> None:
    distances = random_distances(6, seed=2)
    plain = nt_xent(distances, 0.05)
    near = nt_xent(distances, 0.05, torch.zeros(6, 4))
    ignored = nt_xent(distances, 0.05, torch.full((6, 4), torch.inf))
    assert near.loss > plain.loss
    assert near.accuracy == plain.accuracy
    assert ignored.loss.item() == pytest.approx(plain.loss.item(), rel=1e-6)
    assert ignored.share_of_chance.item() == pytest.approx(plain.share_of_chance.item(), rel=1e-6)


def test_share_of_chance_is_one_without_differences() -> None:
    alike = torch.full((6, 6), 0.2)
    assert nt_xent(alike, 0.05).share_of_chance.item() == pytest.approx(1.0)
    assert nt_xent(alike, 0.05, torch.full((6, 3), 0.2)).share_of_chance.item() == pytest.approx(1.0)


def test_spread_temperature_is_a_share_of_the_median_negative() -> None:
    distances = torch.full((4, 4), 0.4)
    distances[torch.arange(4), positive_index(2)] = 0.01
    assert spread_temperature(distances, 0.25).item() == pytest.approx(0.1)
    assert spread_temperature(torch.zeros(4, 4), 0.25).item() == pytest.approx(1e-5)


@pytest.mark.parametrize("num_photos", [2, 3, 4])
def test_spread_temperature_of_distances_that_all_differ(num_photos: int) -> None:
    num_crops = 2 * num_photos
    distances = 1 + torch.arange(float(num_crops * num_crops)).view(num_crops, num_crops)
    negatives = [
        distances[row, column].item()
        for row in range(num_crops)
        for column in range(num_crops)
        if row % num_photos != column % num_photos
    ]
    median = sorted(negatives)[(len(negatives) - 1) // 2]
    assert spread_temperature(distances, 0.5).item() == pytest.approx(0.5 * median)


def test_share_of_chance_is_the_loss_by_that_of_guessing() -> None:
    distances = random_distances(6, seed=3)
    term = nt_xent(distances.requires_grad_(), 0.05)
    assert term.share_of_chance.item() == pytest.approx(term.loss.item() / math.log(5), rel=1e-6)
    assert not term.share_of_chance.requires_grad
    further = torch.rand(6, 3, generator=torch.Generator().manual_seed(4))
    more = nt_xent(distances, 0.05, further)
    assert more.share_of_chance.item() == pytest.approx(more.loss.item() / math.log(8), rel=1e-6)


def test_without_any_negative_near_chance_is_that_of_two() -> None:
    """Negatives that overflow leave a crop with its positive alone; a share of log(1) would be no number."""
    distances = torch.full((4, 4), torch.inf)
    distances[torch.arange(4), positive_index(2)] = 0.5
    term = nt_xent(distances, 0.1)
    assert term.loss.item() == 0
    assert term.share_of_chance.item() == 0


def test_only_negatives_at_a_finite_distance_count_as_guesses() -> None:
    distances = torch.full((4, 4), 0.5)
    for one, other in ((0, 1), (2, 3)):
        distances[one, other] = distances[other, one] = torch.inf
    term = nt_xent(distances, 0.1)
    assert term.loss.item() == pytest.approx(math.log(2))
    assert term.share_of_chance.item() == pytest.approx(1.0)


def test_each_crop_looks_for_its_own_positive() -> None:
    """By rows: to crop 0 a negative is nearest, and to no other."""
    distances = torch.ones(4, 4)
    distances[torch.arange(4), positive_index(2)] = 0.5
    distances[0, 1] = 0.1
    assert nt_xent(distances, 0.1).accuracy.item() == 0.75
    distances[0, 3] = 0.05
    distances[1, 0] = 0.2
    assert nt_xent(distances, 0.1).accuracy.item() == 0.5


def test_a_positive_is_found_by_its_crop() -> None:
    assert positive_index(3).tolist() == [3, 4, 5, 0, 1, 2]
    assert positive_index(1).tolist() == [1, 0]
