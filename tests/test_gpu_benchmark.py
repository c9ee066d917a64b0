"""The benchmark of the graphics card, small and on the processor: that it runs, and finds what differs."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from engine.contracts.configs import ComputeConfig
from engine.machine.devices import ComputeDevice, open_device
from tests.benchmarks import gpu


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


def test_restoring_is_measured_in_megapixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "NUM_PHOTOS", 1)
    found = gpu.measure_restoring(tmp_path, num_runs=1, size=(96, 128))
    assert found["figures"]["cpu"][0] > 0
    if not torch.cuda.is_available():
        assert "processor" in found["tables"][-1].rows[0][0]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card, on which it would be filled")
def test_without_a_card_memory_is_not_measured(tmp_path: Path) -> None:
    assert gpu.measure_memory(tmp_path, 1)["tables"][0].rows == [("It needs a CUDA card.",)]
