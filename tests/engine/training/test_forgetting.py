"""What a refined starter forgot of other noises, and how far it is taken back."""

import numpy as np
import pytest
import torch

from engine.comparing.metrics import psnr
from engine.contracts.configs import ComputeConfig
from engine.contracts.job_control import JobCancelled, JobControl
from engine.machine.devices import ComputeDevice, open_device
from engine.models.files import ModelCard, RestorationModel, build_network
from engine.training.forgetting import INVISIBLE_PSNR, SHARES, remember_starter, simulated_probes

CARD = ModelCard(name="small", backbone_params={"width": 8, "num_levels": 2})


@pytest.fixture
def device() -> ComputeDevice:
    return open_device(ComputeConfig(device="cpu", precision="32-true"))


def model_that_adds(brightness: float) -> RestorationModel:
    """A network that returns the photo, brighter by an amount."""
    torch.manual_seed(0)
    network = build_network(CARD)
    with torch.no_grad():
        assert network.backbone.head.bias is not None
        network.backbone.head.bias.fill_(-brightness)
    return RestorationModel(network.eval().requires_grad_(False), CARD)


def test_probes_are_many_noises_and_always_the_same() -> None:
    probes, again = simulated_probes(CARD), simulated_probes(CARD)
    assert len(probes) == 12
    assert all(np.array_equal(one.noisy, other.noisy) for one, other in zip(probes, again, strict=True))
    levels = [float(np.std(probe.noisy - probe.clean)) for probe in probes]
    assert max(levels) > 2 * np.median(levels) > 0


def test_what_forgot_little_stays_as_it_was_trained(device: ComputeDevice) -> None:
    refined = model_that_adds(0.001)
    found = remember_starter(model_that_adds(0.0), refined, limit_db=0.3, device=device, control=JobControl())
    assert found.share == 1
    assert found.kept_psnr == found.refined_psnr > found.starter_psnr - 0.3
    assert all(torch.equal(found.weights[name], value) for name, value in refined.network.state_dict().items())


def test_what_forgot_much_goes_back_as_far_as_the_limit_asks(device: ComputeDevice) -> None:
    found = remember_starter(
        model_that_adds(0.0), model_that_adds(0.02), limit_db=0.5, device=device, control=JobControl()
    )
    assert found.refined_psnr < found.starter_psnr - 0.5
    assert found.kept_psnr >= found.starter_psnr - 0.5
    assert found.share in SHARES
    assert found.share < 1
    # It lies on the straight line, and the next larger share would have forgotten too much.
    bias = found.weights["head.bias"]
    torch.testing.assert_close(bias, torch.full_like(bias, -0.02 * found.share))
    probes = simulated_probes(CARD)
    brighter = 0.02 * SHARES[SHARES.index(found.share) - 1]
    figures = [psnr((probe.noisy + np.float32(brighter)).clip(0, 1), probe.clean) for probe in probes]
    assert float(np.mean(np.minimum(figures, INVISIBLE_PSNR))) < found.starter_psnr - 0.5


def test_measuring_can_be_cancelled(device: ComputeDevice) -> None:
    control = JobControl()
    control.cancel()
    with pytest.raises(JobCancelled):
        remember_starter(model_that_adds(0.0), model_that_adds(0.1), limit_db=1.0, device=device, control=control)
