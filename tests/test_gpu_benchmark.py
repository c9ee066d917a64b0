"""The benchmark of the graphics card, small and on the processor: that it runs, and finds what differs."""

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from engine.contracts.configs import OWN_NOISE, ComputeConfig
from engine.machine.devices import ComputeDevice, open_device
from tests.benchmarks import gpu
from tests.benchmarks.training_sides import Workload, our_training


@pytest.fixture
def processor() -> ComputeDevice:
    return open_device(ComputeConfig(device="cpu", precision="32-true"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(8):
        noisy = np.random.default_rng(seed).normal(128, 10, (112, 112, 3)).clip(0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{seed}.png"), noisy)
    return folder


@pytest.mark.parametrize("method", ["rcl", "neighbor2neighbor"])
def test_a_device_agrees_with_itself(method: str, photos: Path, processor: ComputeDevice) -> None:
    assert gpu.one_batch(method, photos, processor) == {"loss": 0.0, "gradient": 0.0}


def test_a_training_agrees_with_itself(photos: Path, processor: ComputeDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "AGREEMENT_STEPS", 2)
    assert gpu.after_some_steps("rcl", photos, processor) == 0


def test_another_gradient_is_told() -> None:
    assert gpu._relative(torch.tensor([1.0, 1.1]), torch.tensor([1.0, 1.0])) == pytest.approx(0.1 / 2**0.5)


def test_every_method_has_a_step_and_a_batch(photos: Path, processor: ComputeDevice) -> None:
    made = gpu.objectives(photos, crop_px=32)
    assert set(made) == set(gpu._methods())
    found = gpu.network_steps({"rcl": made["rcl"]}, processor, num_runs=1, forms=("eager",))
    assert [(one.method, one.form, one.note) for one in found] == [("rcl", "eager", "")]
    assert min(found[0].seconds) > 0
    assert found[0].gflop > 0
    assert all(gpu.seconds_of_batches(objective, count=1) > 0 for objective in made.values())


@pytest.mark.slow
def test_a_refinement_makes_its_batches_with_the_noise_that_it_learned(photos: Path, processor: ComputeDevice) -> None:
    work = Workload(pretext=OWN_NOISE, num_crops=2, crop_px=32)
    seconds, run = our_training(photos, work, num_steps=1)
    noisy, target, _ = gpu.twins_of(run, work).batch(0)
    assert seconds > 0
    assert noisy.shape == target.shape == (2, 3, 32, 32)
    assert not torch.equal(noisy, target)


def test_what_begins_too_late_is_said(photos: Path, processor: ComputeDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "BEGINS_WITHIN_S", 0.0)
    found = gpu.network_steps(gpu.objectives(photos, crop_px=32), processor, num_runs=1)
    assert {one.note for one in found} == {gpu._LATE}
    assert gpu.measure_restoring(photos.parent / "later", num_runs=1)["tables"][0].rows == [(gpu._LATE,)]


def test_jobs_in_little_memory_tell_how_they_end(photos: Path, tmp_path: Path) -> None:
    """On a processor nothing is taken from them."""
    train = partial(gpu.train_large, photos, tmp_path / "run", photos_per_batch=2, crop_px=16)
    assert gpu.in_little_memory(1.0, train)[0] == "done"
    assert gpu.in_little_memory(1.0, partial(gpu.restore_one, photos / "0.png", tmp_path / "out"))[0] == "done"
    outcome, _ = gpu.in_little_memory(1.0, partial(gpu.restore_one, photos / "none.png", tmp_path / "out"))
    assert "none.png" in outcome


def test_restoring_is_measured_in_megapixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "NUM_PHOTOS", 1)
    found = gpu.measure_restoring(tmp_path, num_runs=1, size=(96, 128))
    assert found["figures"]["cpu"][0] > 0
    if not torch.cuda.is_available():
        assert "processor" in found["tables"][-1].rows[0][0]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card, on which it would be filled")
def test_without_a_card_memory_is_not_measured(tmp_path: Path) -> None:
    assert gpu.measure_memory(tmp_path, 1)["tables"][0].rows == [("It needs a CUDA card.",)]
