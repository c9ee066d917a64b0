"""Model files: what is written comes back, and what is damaged is refused with a sentence."""

import itertools
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engine.contracts.configs import ComputeConfig, TrainingConfig
from engine.contracts.errors import DeviceError, ModelFileError
from engine.machine.devices import open_device
from engine.models.files import CARD_KEY, ModelCard, build_network, load_model, read_card, save_model
from engine.training.trainer import learning_rate_at

CARD = ModelCard(name="small", backbone_params={"width": 8, "num_levels": 2}, labels=("a.png",))


def saved_model(folder: Path) -> Path:
    path = folder / "model.safetensors"
    save_model(path, build_network(CARD).state_dict(), CARD)
    return path


def test_model_comes_back_with_its_card(tmp_path: Path) -> None:
    path = saved_model(tmp_path)
    model = load_model(path)
    assert model.card == read_card(path) == CARD
    assert not model.network.training
    assert not any(weight.requires_grad for weight in model.network.parameters())


@pytest.mark.parametrize("damage", ["empty", "cut", "garbage", "pickle", "other program", "hostile card"])
def test_damaged_model_is_refused_with_a_sentence(tmp_path: Path, damage: str) -> None:
    path = saved_model(tmp_path)
    content = path.read_bytes()
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "garbage":
        path.write_bytes(os.urandom(2000))
    elif damage == "pickle":
        torch.save({"weights": torch.zeros(3)}, path)
    elif damage == "other program":
        save_file({"weights": torch.zeros(3)}, path)
    else:
        card = json.loads(CARD.model_dump_json()) | {"surprise": "__import__('os').system('true')"}
        save_file(build_network(CARD).state_dict(), path, metadata={CARD_KEY: json.dumps(card)})
    with pytest.raises(ModelFileError) as caught:
        load_model(path)
    assert "model.safetensors" in caught.value.message
    assert caught.value.hint


def test_weights_of_another_size_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    wider = CARD.model_copy(update={"backbone_params": {"width": 16, "num_levels": 2}})
    save_model(path, build_network(wider).state_dict(), CARD)
    with pytest.raises(ModelFileError, match="do not fit"):
        load_model(path)


def test_a_missing_model_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no model"):
        load_model(tmp_path)


def test_unwritable_place_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "model.safetensors"
    with pytest.raises(ModelFileError, match="cannot be written"):
        save_model(path, build_network(CARD).state_dict(), CARD)
    assert list(tmp_path.iterdir()) == []


def test_learning_rate_warms_up_and_falls_to_a_hundredth() -> None:
    config = TrainingConfig(steps=1000, learning_rate=1e-3)
    rates = [learning_rate_at(step, config) for step in range(1000)]
    assert rates[0] < 1e-4
    assert max(rates) <= 1e-3
    assert rates[60] > 0.98e-3
    assert rates[-1] == pytest.approx(1e-5, rel=0.05)
    assert all(later <= earlier for earlier, later in itertools.pairwise(rates[50:]))


def test_a_device_that_is_not_there_is_a_sentence() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(DeviceError, match="no usable CUDA"):
        open_device(ComputeConfig(device="cuda"))
