"""Restoring between a black and a white that a person has given, and back to the numbers of the file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray

from engine.contracts.configs import ComputeConfig, EvaluateConfig, RestoreConfig
from engine.contracts.given_levels import GivenLevels
from engine.contracts.job_control import JobControl
from engine.contracts.results import RestoreResult
from engine.jobs import evaluate
from engine.method.catalogue.backbones import UNetParams
from engine.models.files import ModelCard, build_network, load_model, save_model
from engine.photo_files.metadata.provenance import read_provenance
from engine.restoring.arrays import restore_array
from engine.restoring.job import restore

COMPUTE: dict[str, Any] = {"device": "cpu", "precision": "32-true"}


def write_model(path: Path, change: float) -> Path:
    """A network that changes what it is given by so much, or nothing."""
    card = ModelCard(name="any", backbone_params=UNetParams(width=8, num_levels=2).model_dump())
    torch.manual_seed(0)
    network = build_network(card)
    torch.nn.init.normal_(network.get_parameter("head.weight"), std=change)
    torch.nn.init.zeros_(network.get_parameter("head.bias"))
    save_model(path, network.state_dict(), card)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "any.safetensors", 0.05)


def counts(*shape: int) -> NDArray[np.uint16]:
    return np.asarray(100 + np.random.default_rng(0).poisson(80, shape), np.uint16)


def run(model: Path, photos: Path, out: Path, *levels: str, **fields: Any) -> RestoreResult:
    given = tuple(map(GivenLevels.of_text, levels))
    config = RestoreConfig(model=model, photos=(photos,), out=out, levels=given, **COMPUTE, **fields)
    result = restore(config, JobControl(), lambda event: None)
    assert not result.failed, result.failed
    return result


def picture(result: RestoreResult) -> NDArray[Any]:
    return np.asarray(tifffile.imread(result.restored[0][1]))


@pytest.mark.parametrize("name", ["uint8", "uint16", "int16", "uint32", "float16", "float32", "float64"])
def test_what_the_network_leaves_alone_comes_back_exactly(tmp_path: Path, name: str) -> None:
    """Beyond black and white too: both are inside of what the picture holds."""
    same = write_model(tmp_path / "same.safetensors", 0)
    stored = (counts(40, 32) - (200 if name == "int16" else 0)).astype(name)
    tifffile.imwrite(tmp_path / "a.tif", stored)
    found = picture(run(same, tmp_path / "a.tif", tmp_path / "out", "-30 185" if name == "int16" else "170 185"))
    # Networks compute with 24 bits.
    np.testing.assert_allclose(found, stored, rtol=1e-7 if name == "float64" else 0)
    assert found.dtype == stored.dtype


@pytest.mark.parametrize("name", ["int8", "int16", "int32", "uint32", "float32"])
def test_what_lies_beyond_the_range_of_its_type_comes_back_too(tmp_path: Path, name: str) -> None:
    """Levels that are by chance those of a photograph, 0 and the greatest number or 1."""
    same = write_model(tmp_path / "same.safetensors", 0)
    is_float = name == "float32"
    white = 1 if is_float else int(np.iinfo(name).max)
    stored = np.linspace(-0.5 if is_float else np.iinfo(name).min, 3 if is_float else white, 40 * 32).astype(name)
    stored = stored.reshape(40, 32)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack")
    found = picture(run(same, tmp_path / "a.tif", tmp_path / "out", f"0 {white}"))
    np.testing.assert_allclose(found.astype(float), stored.astype(float), rtol=1e-6, atol=0 if is_float else 1)
    given = (GivenLevels.of_text(f"0 {white}"),)
    array = restore_array(load_model(same), stored, levels=given, compute=ComputeConfig(**COMPUTE))
    np.testing.assert_array_equal(array, found)


def test_what_lies_beyond_the_range_that_most_pages_keep_comes_back(tmp_path: Path) -> None:
    """Nothing is given here: a series of changes of fluorescence, of which some pages go beyond 1."""
    same = write_model(tmp_path / "same.safetensors", 0)
    highest = np.array([0.9] * 7 + [1.6] * 3).reshape(-1, 1, 1)
    stack = (np.random.default_rng(0).random((10, 40, 32)) * highest).astype(np.float32)
    tifffile.imwrite(tmp_path / "s.tif", stack, photometric="minisblack")
    np.testing.assert_allclose(picture(run(same, tmp_path / "s.tif", tmp_path / "out")), stack, atol=1e-6)
    array = restore_array(load_model(same), stack, axes="TYX", compute=ComputeConfig(**COMPUTE))
    np.testing.assert_allclose(array, stack, atol=1e-6)


def test_the_network_sees_what_is_given(model: Path, tmp_path: Path) -> None:
    """As it sees the same numbers in a photograph's range."""
    tifffile.imwrite(tmp_path / "a.tif", counts(40, 32))
    found = picture(run(model, tmp_path / "a.tif", tmp_path / "out", "0 255"))
    tifffile.imwrite(tmp_path / "b.tif", counts(40, 32) * 257)
    as_photograph = picture(run(model, tmp_path / "b.tif", tmp_path / "out", "0 65535")) / 257
    difference = found - as_photograph
    assert np.abs(difference - difference.mean()).max() < 1
    assert np.abs(found - picture(run(model, tmp_path / "a.tif", tmp_path / "measured")).astype(float)).max() > 2


def test_channels_of_a_stack_are_restored_between_their_own(model: Path, tmp_path: Path) -> None:
    stack = counts(2, 2, 32, 40)
    stack[:, 1] *= 9
    tifffile.imwrite(tmp_path / "s.tif", stack, imagej=True, metadata={"axes": "TCYX"})
    found = picture(run(model, tmp_path / "s.tif", tmp_path / "out", "50 400", "500 3000 channel 2"))
    for channel, levels in enumerate(("50 400", "500 3000")):
        tifffile.imwrite(tmp_path / "p.tif", stack[1, channel])
        alone = picture(run(model, tmp_path / "p.tif", tmp_path / f"out {channel}", levels))
        np.testing.assert_array_equal(found[1, channel], alone)
    array = restore_array(
        load_model(model),
        stack,
        axes="TCYX",
        levels=(GivenLevels.of_text("50 400"), GivenLevels.of_text("500 3000 channel 2")),
        compute=ComputeConfig(**COMPUTE),
    )
    np.testing.assert_array_equal(array, found)


def test_the_result_notes_them_and_others_are_other_work(model: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", counts(40, 32))
    place = f"{tmp_path}=50 400"
    first = run(model, tmp_path / "a.tif", tmp_path / "out", place)
    provenance = read_provenance(first.restored[0][1])
    assert provenance is not None
    assert json.loads(provenance.settings)["levels"] == ["50 400"]
    assert str(tmp_path) not in first.restored[0][1].read_bytes().decode("latin-1")
    assert run(model, tmp_path / "a.tif", tmp_path / "out", "50 400").already_done, "wherever they were given"
    assert run(model, tmp_path / "a.tif", tmp_path / "out", "50 500").restored
    assert run(model, tmp_path / "a.tif", tmp_path / "out").restored
    assert run(model, tmp_path / "a.tif", tmp_path / "out", "/elsewhere=1 2").already_done


def test_the_result_of_a_stack_notes_those_of_its_pages(model: Path, tmp_path: Path) -> None:
    """What is given for one page alone, changed or taken back is other work."""
    file, out = tmp_path / "s.tif", tmp_path / "out"
    stack = counts(4, 40, 32) * np.array([1, 1, 1, 3], np.uint16).reshape(4, 1, 1)
    tifffile.imwrite(file, stack, photometric="minisblack")
    page = f"{file / 's · page 4.tif'}="
    measured = picture(run(model, file, out))
    by_hand = run(model, file, out, f"{page}50 400")
    found = picture(by_hand)
    assert not np.array_equal(found, measured)
    provenance = read_provenance(by_hand.restored[0][1])
    assert provenance is not None
    assert json.loads(provenance.settings)["levels"] == ["page 4: 50 400"]
    assert run(model, file, out, f"{page}50 400").already_done
    assert run(model, file, out, f"{page}50 500").restored
    both = run(model, file, out, "50 400", f"{page}50 400")
    assert both.restored
    assert run(model, file, out, "50 400").already_done, "the same for all pages"
    assert run(model, file, out, f"{file / 's · page 9.tif'}=1 2").already_done, "it has no such page"


def test_evaluation_restores_as_the_batch_does(model: Path, tmp_path: Path) -> None:
    clean = np.clip(counts(64, 64), 150, 200)
    for folder, content in (("noisy", counts(64, 64)), ("clean", clean)):
        (tmp_path / folder).mkdir()
        tifffile.imwrite(tmp_path / folder / "a.tif", content)
    given = (GivenLevels.of_text("0 1000"),)
    config = EvaluateConfig(
        model=model, noisy=(tmp_path / "noisy",), clean=(tmp_path / "clean",), levels=given, **COMPUTE
    )
    found = evaluate(config, JobControl(), lambda event: None).psnr
    restored = picture(run(model, tmp_path / "noisy", tmp_path / "out", "0 1000"))
    error = np.square((restored.astype(float) - clean) / 65535).mean()
    assert found == pytest.approx(-10 * np.log10(error), abs=0.05)
