"""k-medoids against brute force, and suggestions on photos of three clearly different noises."""

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contracts.configs import PretrainConfig, SuggestLabelsConfig
from engine.contracts.errors import InvalidInputError
from engine.contracts.events import FileSkipped, JobEvent, JobWarning, StepDone
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.photo import PhotoRef
from engine.jobs import pretrain, suggest_labels
from engine.labelling.k_medoids import k_medoids
from engine.models.files import load_model, save_model

SIGMAS = {"faint": 0.01, "middling": 0.06, "strong": 0.15}
NUM_PHOTOS = {"faint": 4, "middling": 3, "strong": 2}


def distances_of(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, None] - points[None], axis=2)


def brute_force_cost(distances: np.ndarray, count: int) -> float:
    choices = itertools.combinations(range(len(distances)), count)
    return min(distances[:, list(chosen)].min(axis=1).sum() for chosen in choices)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 9), st.data())
def test_no_single_exchange_improves_and_the_best_is_near(seed: int, num_points: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, num_points))
    distances = distances_of(np.random.default_rng(seed).normal(size=(num_points, 2)))
    found = k_medoids(distances, count)
    assert len(set(found.medoids)) == count
    cost = distances[:, found.medoids].min(axis=1).sum()
    assert cost == pytest.approx(distances[np.arange(num_points), found.medoids[found.assignment]].sum())
    for leaving, entering in itertools.product(found.medoids, range(num_points)):
        exchanged = [entering if medoid == leaving else medoid for medoid in found.medoids]
        assert distances[:, exchanged].min(axis=1).sum() >= cost - 1e-9
    best = brute_force_cost(distances, count)
    assert best - 1e-9 <= cost <= 1.35 * best + 1e-9


def test_medoids_equal_brute_force_on_most_random_sets() -> None:
    generator = np.random.default_rng(5)
    hits = 0
    for _ in range(50):
        distances = distances_of(generator.normal(size=(10, 2)))
        cost = distances[:, k_medoids(distances, 3).medoids].min(axis=1).sum()
        hits += cost <= brute_force_cost(distances, 3) + 1e-9
    assert hits >= 40


def test_one_medoid_is_the_member_nearest_to_all() -> None:
    distances = distances_of(np.random.default_rng(1).normal(size=(30, 3)))
    assert k_medoids(distances, 1).medoids[0] == distances.sum(axis=0).argmin()


def test_members_alike_still_give_as_many_medoids_as_asked_for() -> None:
    found = k_medoids(np.zeros((4, 4)), 3)
    assert len(set(found.medoids)) == 3
    assert list(found.assignment[found.medoids]) == [0, 1, 2]


@pytest.mark.parametrize(
    ("distances", "count"),
    [(np.zeros((3, 2)), 1), (np.zeros((3, 3)), 0), (np.zeros((3, 3)), 4), (np.full((2, 2), np.nan), 1)],
)
def test_impossible_requests_are_refused(distances: np.ndarray, count: int) -> None:
    with pytest.raises(ValueError):
        k_medoids(distances, count)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine photos of different scenes with noises of three strengths."""
    folder = tmp_path_factory.mktemp("three_noises")
    generator = np.random.default_rng(3)
    for kind, sigma in SIGMAS.items():
        for index in range(NUM_PHOTOS[kind]):
            coarse = generator.uniform(0.3, 0.7, (4, 4, 3))
            scene = cv2.resize(coarse, (96, 96), interpolation=cv2.INTER_CUBIC)
            noisy = scene + sigma * generator.standard_normal(scene.shape)
            levels = np.rint(noisy.clip(0, 1) * 255).astype(np.uint8)
            assert cv2.imwrite(str(folder / f"{kind} {index}.png"), levels)
    return folder


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = PretrainConfig(
        photos=(folder,),
        out=tmp_path_factory.mktemp("runs") / "rcl",
        backbone="unet",
        backbone_params={"width": 8, "num_levels": 2},
        photos_per_batch=4,
        crop_px=16,
        steps=4,
        device="cpu",
    )
    return pretrain(config, JobControl(), lambda event: None).run


def kind_of(photo: PhotoRef) -> str:
    return photo.name.split()[0]


def test_three_labels_are_one_of_each_noise(run: Path, folder: Path) -> None:
    events: list[JobEvent] = []
    config = SuggestLabelsConfig(model=run, photos=(folder,), count=3, device="cpu")
    result = suggest_labels(config, JobControl(), events.append)
    assert [kind_of(label.photo) for label in result.suggested] == ["faint", "middling", "strong"]
    assert result.num_photos == 9
    for label in result.suggested:
        assert {kind_of(photo) for photo in label.stands_for} == {kind_of(label.photo)}
        assert label.stands_for[0] == label.photo
        assert len(label.stands_for) == NUM_PHOTOS[kind_of(label.photo)]
        assert f"{len(label.stands_for)} of the 9 photos" in label.sentence
    assert "the weakest" in result.suggested[0].sentence
    assert "the strongest" in result.suggested[2].sentence
    progress = [event for event in events if isinstance(event, StepDone) and event.stage == "Comparing noise"]
    assert (progress[0].step, progress[-1].step, progress[-1].num_steps) == (0, 9, 9)


def test_a_model_without_pretext_is_asked_for_its_plain_residual(run: Path, folder: Path, tmp_path: Path) -> None:
    model = load_model(run)
    # With nothing but a bias in its head it takes the same grey for noise everywhere: x - f(x) has no spread, whereas
    # the pretext's own residual would hold each photo's noise.
    weights = model.network.state_dict()
    weights |= {name: torch.zeros_like(tensor) for name, tensor in weights.items() if name.startswith("head")}
    weights["head.bias"] = torch.full_like(weights["head.bias"], 0.125)
    file = tmp_path / "plain.safetensors"
    save_model(file, weights, model.card.model_copy(update={"pretext": None}))
    config = SuggestLabelsConfig(model=file, photos=(folder,), count=2, device="cpu")
    result = suggest_labels(config, JobControl(), lambda event: None)
    stood_for = [photo for label in result.suggested for photo in label.stands_for]
    assert len(stood_for) == len(set(stood_for)) == 9
    assert all(label.noise_sigma < 1e-4 for label in result.suggested)


def test_the_same_seed_suggests_the_same(run: Path, folder: Path) -> None:
    config = SuggestLabelsConfig(model=run, photos=(folder,), count=4, seed=2, device="cpu")
    first, again = (suggest_labels(config, JobControl(), lambda event: None).suggested for _ in range(2))
    assert first == again


def test_unreadable_files_are_named_and_more_labels_than_photos_are_all(
    run: Path, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no photo")
    events: list[JobEvent] = []
    photos = (folder / "faint 0.png", folder / "strong 0.png", tmp_path)
    config = SuggestLabelsConfig(model=run, photos=photos, count=5, device="cpu")
    result = suggest_labels(config, JobControl(), events.append)
    assert len(result.suggested) == 2
    assert all("No other photo" in label.sentence for label in result.suggested)
    assert [skipped.path.name for skipped in result.skipped] == ["broken.png"]
    assert [event.path.name for event in events if isinstance(event, FileSkipped)] == ["broken.png"]
    assert any("only 2 photos" in event.message for event in events if isinstance(event, JobWarning))


def test_an_empty_folder_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no usable photo"):
        suggest_labels(
            SuggestLabelsConfig(model=run, photos=(tmp_path,), device="cpu"), JobControl(), lambda event: None
        )


def test_cancelling_ends_at_the_next_photo(run: Path, folder: Path) -> None:
    control = JobControl()
    seen: list[int] = []

    def cancel_at_third(event: JobEvent) -> None:
        if isinstance(event, StepDone) and event.stage == "Comparing noise":
            seen.append(event.step)
            if event.step == 2:
                control.cancel()

    with pytest.raises(JobCancelled):
        suggest_labels(SuggestLabelsConfig(model=run, photos=(folder,), device="cpu"), control, cancel_at_third)
    assert seen == [0, 1, 2]
