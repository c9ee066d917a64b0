"""Promises 3 and 4 for training: short memory halves what is computed at a time, and a pause gives the memory back.

A graphics card is played by the CPU: every tensor that torch makes is counted, and one too many is refused as a card's
driver refuses it, wherever in the step that happens.
"""

import dataclasses
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from engine.contracts.configs import ComputeConfig, FinetuneConfig, PretrainConfig
from engine.contracts.errors import DeviceError
from engine.contracts.events import JobEvent, JobWarning, StepDone
from engine.contracts.job_control import JobCancelled, JobControl
from engine.jobs import finetune, pretrain, resume_training
from engine.machine.devices import ComputeDevice, open_device
from engine.runs.records import RunStatus
from engine.runs.store import RunStore
from engine.training import job as training
from engine.training.trainer import Trainer
from tests.conftest import TinyPhotos

SMALL: dict[str, Any] = {
    "backbone": "unet",
    "backbone_params": {"width": 8},
    "photos_per_batch": 4,
    "crop_px": 32,
    "steps": 4,
    "device": "cpu",
    "precision": "32-true",
    "weight_average_decay": 0.0,
}
REMEMBERING = {"queue_photos": 10, "temperature": 0, "intensity_bins": 4}


class CountedMemory(TorchDispatchMode):
    """Counts the bytes of all tensors made while it is on; beyond a limit it refuses, as a card does.

    Attributes:
        peak: Most bytes at one time.
        limit: Bytes that may be taken.
        max_refusals: After so many it refuses no more, as if other programs had ended.
        num_refusals: How often it refused.
    """

    def __init__(self, limit: float = float("inf")) -> None:
        super().__init__()
        self.limit = limit
        self.max_refusals = float("inf")
        self.peak = self.num_refusals = self._taken = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        # Previews and measurements have a ladder of their own.
        if not torch.is_inference_mode_enabled():
            for leaf in tree_leaves(result):
                if isinstance(leaf, torch.Tensor):
                    self._count(leaf.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._known:
            return
        num_bytes = storage.nbytes()
        if self._taken + num_bytes > self.limit and self.num_refusals < self.max_refusals:
            self.num_refusals += 1
            raise torch.OutOfMemoryError("CUDA out of memory.")
        self._known.add(key)
        self._taken += num_bytes
        self.peak = max(self.peak, self._taken)
        weakref.finalize(storage, self._release, key, num_bytes)

    def _release(self, key: int, num_bytes: int) -> None:
        self._known.discard(key)
        self._taken -= num_bytes


def said(events: list[JobEvent]) -> list[str]:
    return [event.message for event in events if isinstance(event, JobWarning)]


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "checkpoints" / "last.safetensors")


@pytest.mark.parametrize(
    ("pretext", "share"), [("rcl", 0.75), ("rcl", 0.5), ("neighbor2neighbor", 0.6), ("noise2void", 0.6)]
)
def test_short_memory_halves_the_batch_and_learns_the_same(tiny_photos: TinyPhotos, pretext: str, share: float) -> None:
    choice: dict[str, Any] = {"pretext": pretext}
    if pretext == "rcl":
        choice["pretext_params"] = REMEMBERING
    config = PretrainConfig(photos=(tiny_photos.noisy,), **SMALL, **choice)
    events: list[JobEvent] = []
    with CountedMemory() as memory:
        whole = pretrain(config, JobControl(), lambda event: None).run
    with CountedMemory(share * memory.peak) as short:
        run = pretrain(config, JobControl(), events.append).run
    assert short.num_refusals > 0
    assert short.peak <= share * memory.peak
    halvings = said(events)
    assert halvings[0] == "Memory is short: from step 0 on each batch is computed in 2 parts."
    assert len(halvings) == short.num_refusals
    log = RunStore().open(run).log_path.read_text()
    assert all(sentence in log for sentence in halvings)
    expected, found = weights_of(whole), weights_of(run)
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=2e-3, atol=2e-4, msg=lambda text, name=name: name + text)


def test_finetuning_halves_the_batch_too(tiny_photos: TinyPhotos) -> None:
    config = FinetuneConfig(noisy=(tiny_photos.noisy,), clean=(tiny_photos.clean,), unlabelled_weight=1.0, **SMALL)
    with CountedMemory() as memory:
        whole = finetune(config, JobControl(), lambda event: None).run
    events: list[JobEvent] = []
    with CountedMemory(0.6 * memory.peak):
        run = finetune(config, JobControl(), events.append).run
    assert said(events)
    expected, found = weights_of(whole), weights_of(run)
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=2e-3, atol=2e-4)


def test_after_one_crop_at_a_time_a_sentence_is_said_and_the_run_can_go_on(tiny_photos: TinyPhotos) -> None:
    """With the memory back, the run is resumed with the parts that it had come to."""
    config = PretrainConfig(photos=(tiny_photos.noisy,), **SMALL)
    events: list[JobEvent] = []
    memory = CountedMemory()
    # Whole, in 2, in 4, and in 8 parts of one crop.
    memory.max_refusals = 4

    def shrink(event: JobEvent) -> None:
        events.append(event)
        if isinstance(event, StepDone) and event.stage == "Pretraining" and event.step == 2:
            memory.limit = 0

    with memory, pytest.raises(DeviceError, match="one crop at a time") as caught:
        pretrain(config, JobControl(), shrink)
    assert caught.value.hint
    assert [sentence.split()[-2] for sentence in said(events)] == ["2", "4", "8"]
    [run] = RunStore().list()
    assert run.record.status is RunStatus.FAILED
    assert run.record.steps_done == 2
    assert run.is_resumable
    events.clear()
    # Now without a limit: no step is tried at once, or its memory would be that of the whole batch.
    with CountedMemory() as whole:
        pretrain(config, JobControl(), lambda event: None)
    with CountedMemory() as later:
        assert resume_training(run.path, JobControl(), events.append).steps == SMALL["steps"]
    assert later.peak < 0.8 * whole.peak
    assert said(events) == []


def test_other_errors_are_not_taken_for_short_memory(tiny_photos: TinyPhotos) -> None:
    class Faulty(CountedMemory):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if function is torch.ops.aten.convolution.default and torch.is_inference_mode_enabled() is False:
                raise RuntimeError("shapes do not match")
            return super().__torch_dispatch__(function, types, args, kwargs)

    with Faulty(), pytest.raises(RuntimeError, match="shapes do not match"):
        pretrain(PretrainConfig(photos=(tiny_photos.noisy,), **SMALL), JobControl(), lambda event: None)


def played_card() -> ComputeDevice:
    """The CPU under the name of a graphics card: moving to and from it copies, as with one."""
    return dataclasses.replace(open_device(ComputeConfig(device="cpu", precision="32-true")), name="cuda")


@pytest.fixture
def pausing(monkeypatch: pytest.MonkeyPatch) -> Callable[[JobControl, Callable[[], None]], Callable[[JobEvent], None]]:
    """Trains on a played card; the recorder pauses after two steps, looks, and lets the job go on."""
    monkeypatch.setattr(training, "open_device", lambda config: played_card())
    made: list[Trainer] = []
    first = Trainer.train

    def train(self: Trainer) -> None:
        made.append(self)
        first(self)

    monkeypatch.setattr(Trainer, "train", train)

    def recorder(control: JobControl, look: Callable[[], None]) -> Callable[[JobEvent], None]:
        def pause_after_two(event: JobEvent) -> None:
            if isinstance(event, StepDone) and event.stage == "Pretraining" and event.step == 2:
                state = made[-1]._state
                held = [weakref.ref(tensor.untyped_storage()) for tensor in state.tensors()]
                control.pause()
                threading.Thread(target=lambda: wait_and_look(held), daemon=True).start()

        def wait_and_look(held: list[Any]) -> None:
            until = time.monotonic() + 30
            while any(storage() is not None for storage in held) and time.monotonic() < until:
                time.sleep(0.01)
            still.append(sum(storage() is not None for storage in held))
            look()

        return pause_after_two

    still: list[int] = []
    recorder.still = still  # type: ignore[attr-defined]
    return recorder


def test_a_pause_gives_the_memory_back_and_changes_nothing(tiny_photos: TinyPhotos, pausing: Any) -> None:
    choice = {"pretext_params": REMEMBERING}
    config = PretrainConfig(photos=(tiny_photos.noisy,), **SMALL, **choice)
    whole = pretrain(config, JobControl(), lambda event: None).run
    control = JobControl()
    paused = pretrain(config, control, pausing(control, control.resume)).run
    assert pausing.still == [0], "tensors that stayed on the card"
    assert control.paused_seconds > 0
    expected, found = weights_of(whole), weights_of(paused)
    assert expected.keys() == found.keys()
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())


def test_stopped_out_of_a_pause_it_goes_on_bit_by_bit(tiny_photos: TinyPhotos, pausing: Any) -> None:
    config = PretrainConfig(photos=(tiny_photos.noisy,), **SMALL)
    whole = pretrain(config, JobControl(), lambda event: None).run
    control = JobControl()
    with pytest.raises(JobCancelled):
        pretrain(config, control, pausing(control, control.cancel))
    stopped = RunStore().list()[0]
    assert stopped.record.steps_done == 2
    resume_training(stopped.path, JobControl(), lambda event: None)
    expected, found = weights_of(whole), weights_of(stopped.path)
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())


def test_memory_that_others_took_meanwhile_is_a_sentence(tiny_photos: TinyPhotos, pausing: Any) -> None:
    memory, control = CountedMemory(), JobControl()
    memory.max_refusals = 1

    def take_all() -> None:
        memory.limit = 0
        control.resume()

    config = PretrainConfig(photos=(tiny_photos.noisy,), **SMALL)
    with memory, pytest.raises(DeviceError, match="during the pause") as caught:
        pretrain(config, control, pausing(control, take_all))
    assert "resume" in caught.value.hint
    assert RunStore().list()[0].record.steps_done == 2
    assert RunStore().list()[0].is_resumable
