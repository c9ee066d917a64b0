"""Arrays of other programs are restored plane by plane, whatever their type and axes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.contracts.blending import Blend
from engine.contracts.configs import ComputeConfig
from engine.contracts.errors import InvalidInputError
from engine.machine.devices import open_device
from engine.method.catalogue.backbones import UNetParams
from engine.models.files import ModelCard, RestorationModel, build_network, save_model
from engine.photo_files.values.levels import measure_levels
from engine.restoring.arrays import restore_array
from engine.restoring.restorer import Restorer

COMPUTE = ComputeConfig(device="cpu", precision="32-true")


def model_for(task: str = "denoise") -> RestorationModel:
    card = ModelCard(name="any", task=task, backbone_params=UNetParams(width=8, num_levels=2).model_dump())
    torch.manual_seed(0)
    network = build_network(card)
    for weights in network.parameters():
        weights.data.normal_(std=0.1)
    return RestorationModel(network.eval().requires_grad_(False), card)


def counts(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    return np.random.default_rng(0).poisson(120, shape).astype(np.uint16)


def test_a_plane_is_restored_as_its_file_would_be() -> None:
    model, plane = model_for(), counts(40, 32)
    found = restore_array(model, plane, compute=COMPUTE)
    expected = Restorer(model, open_device(COMPUTE)).restore_samples(
        plane[:, :, None], sample_type="uint16", levels=measure_levels(plane[:, :, None])
    )[:, :, 0]
    np.testing.assert_array_equal(found, expected)
    assert (found != plane).mean() > 0.3


@pytest.mark.parametrize("name", ["uint8", "uint16", "int16", "uint32", "float16", "float32", "float64"])
def test_type_shape_and_order_of_axes_are_kept(name: str) -> None:
    model, stack = model_for(), counts(2, 3, 40, 32).astype(name)
    found = restore_array(model, stack, axes="TCYX", compute=COMPUTE)
    assert (found.dtype, found.shape) == (stack.dtype, stack.shape)
    turned = restore_array(model, stack.transpose(3, 0, 2, 1), axes="XTYC", compute=COMPUTE)
    np.testing.assert_array_equal(turned.transpose(1, 3, 2, 0), found)
    np.testing.assert_array_equal(restore_array(model, stack, compute=COMPUTE, blend=Blend.even(0)), stack)


@pytest.mark.parametrize(
    ("name", "pedestal", "tolerance"), [("float32", 2**15, 0.01), ("float64", 2**15, 1e-5), ("float64", 2**30, 1e-5)]
)
def test_a_high_pedestal_changes_nothing(name: str, pedestal: int, tolerance: float) -> None:
    model, plane = model_for(), counts(40, 32) / 8.0
    plain = restore_array(model, plane, compute=COMPUTE)
    raised = restore_array(model, (plane + pedestal).astype(name), compute=COMPUTE)
    assert np.abs(raised - pedestal - plain).max() < tolerance * plane.std()


def test_planes_of_a_channel_share_their_levels_and_channels_do_not() -> None:
    model, stack = model_for(), counts(2, 2, 40, 32)
    stack[1] += 30
    stack[:, 1] *= 20
    found = restore_array(model, stack, axes="TCYX", compute=COMPUTE)
    for channel in range(2):
        np.testing.assert_array_equal(
            found[:, channel], restore_array(model, stack[:, channel], axes="TYX", compute=COMPUTE)
        )
    alone = restore_array(model, stack[0, 0], compute=COMPUTE)
    assert np.abs(alone.astype(int) - found[0, 0]).max() > 0


def test_colours_are_one_picture_and_enlarging_enlarges(tmp_path: Path) -> None:
    model = model_for("sr2")
    save_model(tmp_path / "m.safetensors", model.network.state_dict(), model.card)
    photo = counts(20, 24, 3).astype(np.uint8)
    found = restore_array(tmp_path / "m.safetensors", photo, compute=COMPUTE)
    assert (found.dtype, found.shape) == (np.dtype(np.uint8), (40, 48, 3))
    assert restore_array(model, photo, axes="ZYX", compute=COMPUTE).shape == (20, 48, 6)


@pytest.mark.parametrize(
    ("array", "axes", "reason"),
    [
        (counts(8, 9), "YY", "do not fit"),
        (counts(8, 9), "TYX", "do not fit"),
        (counts(8, 9, 4), "YXS", "do not fit"),
        (counts(8, 9).astype(np.complex64), None, "one of the types"),
        (np.full((8, 9), np.nan), None, "no numbers"),
    ],
)
def test_what_cannot_be_restored_is_told(array: np.ndarray, axes: str | None, reason: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(InvalidInputError, match=reason):
        restore_array(model_for(), array, axes=axes, compute=COMPUTE)


def test_a_model_for_mosaics_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="mosaic"):
        restore_array(model_for("demosaick"), counts(8, 9), compute=COMPUTE)
