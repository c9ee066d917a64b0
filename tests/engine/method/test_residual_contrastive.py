"""The RCL pretext: what its objective prefers, its balance, and its blindness to its own noise."""

import itertools

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from engine.contracts.errors import InvalidInputError
from engine.method.catalogue.pretexts import ResidualContrastiveParams
from engine.method.factory import make_pretext
from engine.method.losses.contrastive import nt_xent
from engine.method.losses.earth_mover import earth_mover_distance_matrix, sorted_residuals
from engine.method.losses.residual_contrast import ResidualContrast
from engine.method.losses.residual_queue import ResidualQueue
from engine.method.pretext.residual_contrastive import ResidualContrastive, balanced_loss
from engine.method.pretext.subsampling import neighbour_subsamples


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


def contrast_loss(residual: torch.Tensor, temperature: float, *, pull_only: bool = False) -> torch.Tensor:
    return ResidualContrast(temperature, pull_only=pull_only)(residual).term.loss


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_oracle_true_noise_is_preferred(seed: int) -> None:
    """With the true noise known, the objective must rank it below residuals that hold the picture."""
    noisy, noise = noisy_crops(seed=seed)
    blurred = torch.from_numpy(gaussian_filter(noisy.numpy(), (0, 0, 2, 2)))
    candidates = {"noise": noise, "high-pass": noisy - blurred, "tenth": 0.1 * noisy, "photo": noisy}
    losses = {name: contrast_loss(residual, 0.01).item() for name, residual in candidates.items()}
    assert losses["noise"] < losses["high-pass"]
    assert losses["noise"] < losses["tenth"]
    assert losses["noise"] < losses["photo"]


def test_pull_only_keeps_the_value_and_only_the_positives_gradient() -> None:
    noisy, _ = noisy_crops(4, side=16)
    full = noisy.clone().requires_grad_()
    contrast_loss(full, 0.05).backward()
    pulled = noisy.clone().requires_grad_()
    loss = contrast_loss(pulled, 0.05, pull_only=True)
    loss.backward()
    assert loss.item() == pytest.approx(contrast_loss(noisy, 0.05).item(), rel=1e-5)

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
    balanced_loss(residual, ResidualContrast(0.02), ratio).total.backward()
    assert residual.grad is not None
    consistency = residual.detach().clone().requires_grad_()
    consistency.square().mean().backward()
    assert consistency.grad is not None
    contrast_share = (residual.grad - consistency.grad).norm() / consistency.grad.norm()
    assert contrast_share.item() == pytest.approx(ratio, rel=1e-3)


def test_without_contrast_only_consistency_is_left() -> None:
    noisy, _ = noisy_crops(3, side=16)
    residual = noisy.clone().requires_grad_()
    balanced_loss(residual, ResidualContrast(0.01, pull_only=True), 0.0).total.backward()
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
        make_pretext("rcl", {"temprature": 1})


def test_measured_temperature_makes_the_loss_independent_of_the_noise_scale() -> None:
    _, noise = noisy_crops(4, side=16)
    measured, fixed = ResidualContrast(0.0), ResidualContrast(0.01)
    assert measured(0.1 * noise).term.loss.item() == pytest.approx(measured(noise).term.loss.item(), rel=1e-4)
    assert fixed(0.1 * noise).term.loss.item() > 2 * fixed(noise).term.loss.item()
    # Weak noise under a fixed temperature is near chance; a measured one still tells it apart.
    assert fixed(0.02 * noise).term.share_of_chance > 0.9
    assert measured(0.02 * noise).term.share_of_chance < 0.8


def test_measured_temperature_is_a_share_of_the_median_without_gradient() -> None:
    _, noise = noisy_crops(3, side=16)
    leaf = noise.clone().requires_grad_()
    values = sorted_residuals(noise)
    matrix = earth_mover_distance_matrix(values, values)
    negatives = [matrix[i, j].item() for i in range(6) for j in range(6) if i % 3 != j % 3]
    temperature = 0.5 * sorted(negatives)[(len(negatives) - 1) // 2]
    ResidualContrast(0.0, temperature_share=0.5)(leaf).term.loss.backward()
    fixed = noise.clone().requires_grad_()
    ResidualContrast(temperature)(fixed).term.loss.backward()
    assert leaf.grad is not None
    assert fixed.grad is not None
    assert torch.allclose(leaf.grad, fixed.grad, rtol=1e-4, atol=1e-9)


def test_equal_residuals_stay_finite_with_a_measured_temperature() -> None:
    leaf = torch.zeros(6, 3, 8, 8, requires_grad=True)
    term = ResidualContrast(0.0)(leaf).term
    term.loss.backward()
    assert term.share_of_chance.item() == pytest.approx(1.0)
    assert leaf.grad is not None
    assert torch.isfinite(leaf.grad).all()


@pytest.mark.parametrize("pull_only", [False, True])
def test_queue_adds_the_residuals_of_other_photos_as_negatives(pull_only: bool) -> None:
    _, noise = noisy_crops(6, side=16)
    first, second = noise[[0, 1, 2, 6, 7, 8]], noise[[3, 4, 1, 9, 10, 7]]
    contrast = ResidualContrast(0.05, pull_only=pull_only, queue_length=3)
    contrast(first, photos=torch.tensor([0, 1, 2, 0, 1, 2]))
    leaf = second.clone().requires_grad_()
    photos = torch.tensor([3, 4, 1, 3, 4, 1])
    term = contrast(leaf, photos=photos).term
    term.loss.backward()

    # The definition, one crop at a time: photo 1 of the queue is no negative of the batch's own photo 1.
    values, kept = sorted_residuals(second), sorted_residuals(first[:3])
    losses = []
    for anchor in range(6):
        distances = [(values[anchor] - values[other]).abs().mean().item() for other in range(6) if other != anchor] + [
            (values[anchor] - kept[photo]).abs().mean().item() for photo in range(3) if photo != photos[anchor]
        ]
        positive = (values[anchor] - values[(anchor + 3) % 6]).abs().mean().item()
        losses.append(positive / 0.05 + np.log(np.sum(np.exp(-np.array(distances) / 0.05))))
    assert term.loss.item() == pytest.approx(np.mean(losses), rel=1e-4)
    assert leaf.grad is not None
    assert torch.isfinite(leaf.grad).all()


def test_queue_keeps_the_latest_and_starts_anew_with_other_crops() -> None:
    queue = ResidualQueue(4)
    values = torch.arange(6.0)[:, None, None].expand(6, 1, 5)
    assert queue.distances_from(values, torch.arange(6)) is None
    queue.push(values[:3], torch.arange(3))
    queue.push(values[3:], torch.arange(3, 6))
    assert len(queue) == 4
    distances = queue.distances_from(values[:1], torch.tensor([3]))
    assert distances is not None
    assert distances.tolist() == [[2.0, torch.inf, 4.0, 5.0]]
    queue.push(torch.zeros(2, 1, 7), torch.arange(2))
    assert len(queue) == 2


def test_an_empty_queue_has_no_state_and_takes_none() -> None:
    queue = ResidualQueue(2)
    assert len(queue) == 0
    assert queue.state_tensors() == {}
    queue.push(torch.ones(2, 1, 5), torch.arange(2))
    queue.load_state_tensors({})
    assert len(queue) == 0
    assert queue.distances_from(torch.ones(1, 1, 5), torch.arange(1)) is None


def test_a_queue_keeps_no_gradient_and_lets_go_of_the_batch() -> None:
    queue = ResidualQueue(2)
    batch = torch.rand(64, 1, 5, requires_grad=True)
    queue.push(batch, torch.arange(64))
    state = queue.state_tensors()
    assert not state["values"].requires_grad
    assert state["values"].untyped_storage().nbytes() == 2 * 5 * 4, "a view would hold the whole batch in memory"
    assert torch.equal(state["values"], batch.detach()[-2:])
    assert state["photos"].tolist() == [62, 63]


def test_crops_of_another_size_are_not_compared_with_a_queue() -> None:
    queue = ResidualQueue(4)
    queue.push(torch.ones(2, 1, 5), torch.arange(2))
    assert queue.distances_from(torch.ones(2, 1, 6), torch.arange(2)) is None
    assert queue.distances_from(torch.ones(2, 2, 5), torch.arange(2)) is None
    assert len(queue) == 2


@pytest.mark.parametrize(
    ("num_values", "num_photos", "fits"), [(3, 3, True), (1, 1, True), (4, 4, False), (2, 3, False), (3, 2, False)]
)
def test_a_queue_takes_no_more_than_it_holds(num_values: int, num_photos: int, fits: bool) -> None:
    queue = ResidualQueue(3)
    tensors = {"values": torch.ones(num_values, 1, 5), "photos": torch.arange(num_photos)}
    if fits:
        queue.load_state_tensors(tensors)
        assert len(queue) == num_values
    else:
        with pytest.raises(ValueError, match="a queue of 3 cannot hold"):
            queue.load_state_tensors(tensors)


@pytest.mark.parametrize(
    "tensors",
    [
        {"values": torch.ones(1, 1, 5)},
        {"photos": torch.arange(1)},
        {"values": torch.ones(1, 5), "photos": torch.arange(1)},
        {"values": torch.ones(1, 1, 1, 5), "photos": torch.arange(1)},
        {"values": torch.ones(1, 1, 5), "photos": torch.arange(1), "more": torch.arange(1)},
    ],
)
def test_what_is_no_queue_is_refused(tensors: dict[str, torch.Tensor]) -> None:
    with pytest.raises(ValueError, match="values and photos"):
        ResidualQueue(3).load_state_tensors(tensors)


def test_a_contrast_without_a_queue_has_nothing_to_remember() -> None:
    contrast = ResidualContrast(0.05)
    assert contrast.state_tensors() == {}
    contrast.load_state_tensors({})
    with pytest.raises(ValueError, match="have none"):
        contrast.load_state_tensors({"values": torch.ones(1, 1, 5)})
    with pytest.raises(ValueError, match="the photo of each crop"):
        ResidualContrast(0.05, queue_length=2)(noisy_crops(2, side=8)[1])


def test_the_distance_is_the_mean_between_photos_without_gradient() -> None:
    _, noise = noisy_crops(3, side=16)
    leaf = noise.clone().requires_grad_()
    values = sorted_residuals(noise)
    apart = [
        (values[one] - values[other]).abs().mean().item()
        for one in range(6)
        for other in range(6)
        if one % 3 != other % 3
    ]
    for pull_only in (False, True):
        found = ResidualContrast(0.05, pull_only=pull_only)(leaf)
        assert found.distance.item() == pytest.approx(np.mean(apart), rel=1e-5)
        assert not found.distance.requires_grad


def test_no_gradient_is_made_where_none_is_wanted() -> None:
    leaf = noisy_crops(3, side=16)[1].requires_grad_()
    for pull_only in (False, True):
        with torch.no_grad():
            assert not ResidualContrast(0.05, pull_only=pull_only)(leaf).term.loss.requires_grad
        assert ResidualContrast(0.05, pull_only=pull_only)(leaf).term.loss.requires_grad


def test_a_contrast_is_plain_unless_asked_otherwise() -> None:
    _, noise = noisy_crops(3, side=16)
    plain = ResidualContrast(0.0)(noise).term.loss
    spelled = ResidualContrast(0.0, temperature_share=0.25, pull_only=False, num_bins=1, queue_length=0)
    assert torch.equal(plain, spelled(noise).term.loss)
    leaf, other = noise.clone().requires_grad_(), noise.clone().requires_grad_()
    ResidualContrast(0.0)(leaf).term.loss.backward()
    spelled(other).term.loss.backward()
    assert leaf.grad is not None
    assert other.grad is not None
    assert torch.equal(leaf.grad, other.grad)


def test_remembered_residuals_survive_a_checkpoint_and_fit_their_settings() -> None:
    noisy, _ = noisy_crops(4, side=32)
    photos = torch.arange(4).repeat(2)
    params = ResidualContrastiveParams(stride=1, queue_photos=8)
    task, resumed = ResidualContrastive(params), ResidualContrastive(params)
    task.loss(lambda seen: seen * 0.9, noisy, photos, torch.Generator().manual_seed(0))
    resumed.load_state_tensors(task.state_tensors())
    losses = [
        one.loss(lambda seen: seen * 0.8, noisy, photos + 2, torch.Generator().manual_seed(1)).parts["contrast"]
        for one in (task, resumed)
    ]
    assert torch.equal(losses[0], losses[1])
    for other in (0, 2):
        with pytest.raises(ValueError):
            ResidualContrastive(ResidualContrastiveParams(stride=1, queue_photos=other)).load_state_tensors(
                task.state_tensors()
            )


def test_brightness_steps_tell_noises_apart_that_are_alike_as_a_whole() -> None:
    """Half the photos are noisier in the dark, half in the light: the same values altogether."""
    generator = torch.Generator().manual_seed(0)
    brightness = torch.rand(8, 3, 24, 24, generator=generator)
    rises = torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0])[:, None, None, None]
    rises = torch.cat([rises[:4], rises[:4]])
    strength = 0.02 + 0.1 * (rises * brightness + (1 - rises) * (1 - brightness))
    residual = torch.randn(8, 3, 24, 24, generator=generator) * strength
    whole = ResidualContrast(0.005)(residual)
    binned = ResidualContrast(0.005, num_bins=4)(residual, intensity=brightness)
    assert binned.term.loss < 0.8 * whole.term.loss
    with pytest.raises(ValueError, match="intensity"):
        ResidualContrast(0.005, num_bins=4)(residual)
