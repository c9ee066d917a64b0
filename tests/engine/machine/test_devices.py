"""Which precision a device computes in, and that Fabric's view of a device is ours."""

from pathlib import Path

import pytest
import torch

from engine.contracts.configs import ComputeConfig, PretrainConfig
from engine.machine.devices import best_precision, has_half_precision, open_device

INTEL, AMD = {"cpu_name": "Intel Xeon"}, {"cpu_name": "AMD EPYC"}


@pytest.mark.parametrize(
    ("capabilities", "has_half", "best"),
    [
        ({**INTEL, "avx512_bf16": True, "amx_bf16": True}, True, "bf16-mixed"),
        # As a virtual machine shows it that hides the matrix units: half precision is there, and the slower one.
        ({**INTEL, "avx512_bf16": True, "amx_bf16": False}, True, "32-true"),
        ({**AMD, "avx512_bf16": True}, True, "bf16-mixed"),
        ({**AMD, "avx512_bf16": False}, False, "32-true"),
        ({"cpu_name": "Neoverse V1", "bf16": True}, True, "bf16-mixed"),
        ({}, False, "32-true"),
    ],
)
def test_the_precision_is_the_quicker_one_for_what_is_done(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, object], has_half: bool, best: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert has_half_precision("cpu") is has_half
    assert best_precision("cpu") == best
    training = PretrainConfig(photos=(Path("x"),), device="cpu")
    assert open_device(training).precision == best
    # Restoring waits for memory, of which half precision takes half.
    assert open_device(ComputeConfig(device="cpu")).precision == ("bf16-mixed" if has_half else "32-true")


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_trainings_by_fabric_compute_where_and_as_restorations_do(precision: str) -> None:
    device = open_device(ComputeConfig(device="cpu", precision=precision))
    layer = torch.nn.Linear(4, 4)
    with device.autocast():
        alone = layer(torch.ones(1, 4))
    assert device.fabric.device == device.torch_device
    with device.fabric.autocast():
        by_fabric = layer(torch.ones(1, 4))
    assert alone.dtype == by_fabric.dtype == (torch.float32 if precision == "32-true" else torch.bfloat16)
    assert torch.equal(alone, by_fabric)
