"""Checkpoints: everything comes back, what belongs to something else is refused, what fits is taken over."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.contracts.configs import ComputeConfig, TrainingConfig
from engine.contracts.errors import ModelFileError
from engine.machine.devices import open_device
from engine.method.backbones.backbone import RestorationNetwork
from engine.models.files import ModelCard, RestorationModel, build_network
from engine.training.checkpoints import (
    GRADIENT_NORM_KEY,
    PROGRESS_KEY,
    TrainingState,
    checkpoint_bytes,
    load_checkpoint,
    transfer_weights,
)
from engine.training.trainer import new_state

CARD = ModelCard(name="small", backbone_params={"width": 8, "num_levels": 2})
ENLARGING = CARD.model_copy(update={"task": "sr2"})
MOSAICS = CARD.model_copy(update={"task": "demosaick"})


def other_size(card: ModelCard, **params: int) -> ModelCard:
    return card.model_copy(update={"backbone_params": {**card.backbone_params, **params}})


def fresh_state(card: ModelCard = CARD) -> TrainingState:
    return new_state(build_network(card), TrainingConfig(steps=4), open_device(ComputeConfig(device="cpu")))


class Remembers:
    """A memory of one tensor."""

    def __init__(self, value: float) -> None:
        self.value = torch.tensor([value])

    def state_tensors(self) -> dict[str, Tensor]:
        return {"seen.before": self.value}

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        if tensors.keys() != {"seen.before"}:
            raise ValueError(f"of something else: {sorted(tensors)}")
        self.value = tensors["seen.before"]


def trained_state(seed: int) -> TrainingState:
    torch.manual_seed(seed)
    state = fresh_state()
    state.network(torch.rand(1, 3, 8, 8)).square().mean().backward()
    state.optimizer.step()
    state.step, state.seconds, state.best_psnr, state.best_step = 7, 1.5, 30.25, 5
    state.gradient_norm.fill_(0.25 * seed)
    return state


def saved(folder: Path, state: TrainingState) -> Path:
    path = folder / "last.safetensors"
    path.write_bytes(checkpoint_bytes(state))
    return path


def test_a_state_begins_with_nothing_done() -> None:
    state = fresh_state()
    bare = TrainingState(state.network, state.averaged, state.optimizer)
    assert (bare.step, bare.seconds, bare.best_psnr, bare.best_step, bare.memory) == (0, 0.0, None, 0, None)
    assert bare.batch_parts == 1, "a batch is computed whole until memory is short"
    assert bare.gradient_norm.item() == 0
    assert bare.gradient_norm.shape == ()


def test_everything_comes_back(tmp_path: Path) -> None:
    before, after = trained_state(1), trained_state(2)
    path = saved(tmp_path, before)
    assert not all(
        torch.equal(one, other)
        for one, other in zip(before.network.parameters(), before.averaged.parameters(), strict=True)
    ), "after one step the average is another network, or the test could not tell them apart"
    load_checkpoint(path, after)
    assert (after.step, after.seconds, after.best_psnr, after.best_step) == (7, 1.5, 30.25, 5)
    assert after.gradient_norm.item() == 0.25
    for part in ("network", "averaged"):
        expected, found = getattr(before, part).state_dict(), getattr(after, part).state_dict()
        assert all(torch.equal(expected[name], found[name]) for name in expected)
    expected, found = before.optimizer.state_dict()["state"], after.optimizer.state_dict()["state"]
    assert expected.keys() == found.keys()
    assert len(expected) > 10
    for index, moments in expected.items():
        assert moments.keys() == found[index].keys()
        for name, tensor in moments.items():
            assert torch.equal(tensor, found[index][name])
            # The fused optimiser reads memory in order: a moment laid out otherwise than its weight is another one.
            assert tensor.stride() == found[index][name].stride()
    assert before.optimizer.state_dict()["param_groups"] == after.optimizer.state_dict()["param_groups"]


def test_it_comes_back_before_the_first_step_and_without_validation(tmp_path: Path) -> None:
    after = trained_state(2)
    load_checkpoint(saved(tmp_path, fresh_state()), after)
    assert (after.step, after.seconds, after.best_psnr, after.best_step) == (0, 0.0, None, 0)
    assert after.optimizer.state_dict()["state"] == {}


@pytest.mark.parametrize(("stated", "expected"), [({}, 1), ({"batch_parts": 4}, 4), ({"batch_parts": 0}, 1)])
def test_parts_of_a_batch_come_back_and_are_one_in_older_files(
    tmp_path: Path, stated: dict[str, int], expected: int
) -> None:
    path, after = saved(tmp_path, trained_state(1)), trained_state(2)
    rewritten(path, progress=json.dumps({"step": 1, "seconds": 0, "best_psnr": None, "best_step": 0, **stated}))
    load_checkpoint(path, after)
    assert after.batch_parts == expected


@pytest.mark.parametrize(("stated", "expected"), [({}, 7), ({"validated_step": 5}, 5), ({"validated_step": -1}, -1)])
def test_what_was_measured_last_comes_back_and_is_all_in_older_files(
    tmp_path: Path, stated: dict[str, int], expected: int
) -> None:
    path, after = saved(tmp_path, trained_state(1)), trained_state(2)
    rewritten(path, progress=json.dumps({"step": 7, "seconds": 0, "best_psnr": None, "best_step": 0, **stated}))
    load_checkpoint(path, after)
    assert after.validated_step == expected


def test_the_largest_count_that_every_json_reader_knows_comes_back(tmp_path: Path) -> None:
    path, after = saved(tmp_path, trained_state(1)), trained_state(2)
    rewritten(path, progress=json.dumps({"step": 2**53, "seconds": 0, "best_psnr": -(2**53), "best_step": 2**53}))
    load_checkpoint(path, after)
    assert (after.step, after.best_psnr, after.best_step) == (2**53, -(2**53), 2**53)


def test_weights_of_the_gpus_layout_are_written_in_the_usual_one(tmp_path: Path) -> None:
    """safetensors knows no strides: what is written is what other programs read."""
    state = trained_state(1)
    convolution = next(name for name, weight in state.network.named_parameters() if weight.ndim == 4)
    assert not state.network.state_dict()[convolution].is_contiguous()
    written = load_file(saved(tmp_path, state))
    assert torch.equal(written[f"network.{convolution}"], state.network.state_dict()[convolution])


def test_what_is_remembered_comes_back_too(tmp_path: Path) -> None:
    before, after = trained_state(1), trained_state(2)
    before.memory, after.memory = Remembers(3.5), Remembers(0.0)
    path = saved(tmp_path, before)
    assert "memory.seen.before" in load_file(path)
    load_checkpoint(path, after)
    assert after.memory.value.tolist() == [3.5]
    # A pretext that remembers nothing goes on from a checkpoint that holds more than it needs.
    after.memory = None
    load_checkpoint(path, after)


def test_a_memory_without_its_tensors_is_refused(tmp_path: Path) -> None:
    after = trained_state(2)
    after.memory = Remembers(0.0)
    with pytest.raises(ModelFileError, match="another network"):
        load_checkpoint(saved(tmp_path, trained_state(1)), after)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, trained_state(1))
    with pytest.raises(ModelFileError, match="another network") as caught:
        load_checkpoint(path, fresh_state(other_size(CARD, width=16)))
    assert "'last.safetensors'" in caught.value.message
    assert "Start a new run" in caught.value.hint
    assert caught.value.__cause__ is not None


def rewritten(path: Path, *, without: str = "", progress: str | None = "same") -> None:
    """Write a checkpoint anew with something left out."""
    with safe_open(path, framework="pt") as file:
        kept = file.metadata()[PROGRESS_KEY]
    tensors = {name: tensor for name, tensor in load_file(path).items() if not (without and name.startswith(without))}
    text = kept if progress == "same" else progress
    save_file(tensors, path, metadata=None if text is None else {PROGRESS_KEY: text})


@pytest.mark.parametrize(
    "damage",
    [
        {"without": "network."},
        {"without": "averaged."},
        {"without": GRADIENT_NORM_KEY},
        {"progress": None},
        {"progress": "{"},
        {"progress": "[]"},
        {"progress": json.dumps({"step": 1})},
        {"progress": json.dumps({"step": None, "seconds": 0, "best_psnr": None, "best_step": 0})},
        {"progress": json.dumps({"step": "x", "seconds": 0, "best_psnr": None, "best_step": 0})},
        {"progress": json.dumps({"step": float("inf"), "seconds": 0, "best_psnr": None, "best_step": 0})},
        {"progress": json.dumps({"step": "1", "seconds": 0, "best_psnr": None, "best_step": 0})},
        {"progress": json.dumps({"step": 1.0, "seconds": 0, "best_psnr": None, "best_step": 0})},
        {"progress": json.dumps({"step": 2**53 + 1, "seconds": 0, "best_psnr": None, "best_step": 0})},
        {"progress": json.dumps({"step": -1, "seconds": 0, "best_psnr": None, "best_step": 0})},
        {"progress": json.dumps({"step": 1, "seconds": float("nan"), "best_psnr": None, "best_step": 0})},
        {"progress": json.dumps({"step": 1, "seconds": 0, "best_psnr": "x", "best_step": 0})},
        {"progress": json.dumps({"step": 1, "seconds": 0, "best_psnr": float("nan"), "best_step": 0})},
        {"progress": json.dumps({"step": 1, "seconds": 0, "best_psnr": None, "best_step": float("inf")})},
        {"progress": json.dumps({"step": 1, "seconds": 0, "best_psnr": None, "best_step": 0, "batch_parts": 10**400})},
        {"progress": json.dumps({"step": 1, "seconds": 0, "best_psnr": None, "best_step": 0, "validated_step": "1"})},
    ],
)
def test_a_checkpoint_that_lacks_something_is_refused(tmp_path: Path, damage: dict[str, str | None]) -> None:
    path = saved(tmp_path, trained_state(1))
    rewritten(path)
    load_checkpoint(path, trained_state(2))
    rewritten(path, **damage)
    with pytest.raises(ModelFileError, match="damaged"):
        load_checkpoint(path, trained_state(2))


@pytest.mark.parametrize("content", [None, b"", b"garbage" * 100])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "last.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelFileError, match="damaged"):
        load_checkpoint(path, fresh_state())


def model_of(card: ModelCard, seed: int = 0) -> RestorationModel:
    torch.manual_seed(seed)
    network = build_network(card)
    for weight in network.parameters():
        torch.nn.init.normal_(weight)
    return RestorationModel(network, card)


def same_backbone(one: RestorationNetwork, other: RestorationNetwork) -> bool:
    expected, found = one.backbone.state_dict(), other.backbone.state_dict()
    return all(torch.equal(tensor, found[name]) for name, tensor in expected.items())


@pytest.mark.parametrize("card", [CARD, ENLARGING, MOSAICS])
def test_a_parent_of_the_same_task_gives_everything(card: ModelCard) -> None:
    parent, network = model_of(card), build_network(card)
    taken, total = transfer_weights(network, parent)
    assert taken == total == len(network.state_dict())
    assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in parent.network.state_dict().items())


@pytest.mark.parametrize(("source", "target"), [(CARD, ENLARGING), (ENLARGING, CARD), (MOSAICS, ENLARGING)])
def test_a_parent_of_another_task_gives_its_backbone(source: ModelCard, target: ModelCard) -> None:
    parent, network = model_of(source), build_network(target)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    taken, total = transfer_weights(network, parent)
    assert taken == len(parent.network.backbone.state_dict())
    assert total == len(network.state_dict())
    assert same_backbone(parent.network, network)
    if target is ENLARGING:
        assert taken < total
        assert torch.equal(network.state_dict()["head.weight"], before["head.weight"])


def test_a_parent_of_which_half_fits_serves_and_one_of_which_less_does_not() -> None:
    """The same names with other shapes do not fit; half of the tensors is enough, fewer is training from scratch."""
    network = build_network(CARD)
    names = list(network.state_dict())

    def offering(num_fitting: int) -> RestorationModel:
        parent = model_of(CARD)
        for weight in list(parent.network.state_dict(keep_vars=True).values())[num_fitting:]:
            weight.data = torch.zeros(99)
        return parent

    assert len(names) % 2 == 0
    taken, total = transfer_weights(network, offering(len(names) // 2))
    assert (taken, total) == (len(names) // 2, len(names))
    with pytest.raises(ModelFileError, match="No weights of the model 'small' fit") as caught:
        transfer_weights(network, offering(len(names) // 2 - 1))
    assert "from scratch" in caught.value.hint


def test_a_parent_of_another_width_does_not_serve() -> None:
    with pytest.raises(ModelFileError, match="No weights"):
        transfer_weights(build_network(other_size(CARD, width=12)), model_of(CARD))
