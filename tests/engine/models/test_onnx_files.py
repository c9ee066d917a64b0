"""Models as ONNX files: the same function elsewhere, the same model back, and nothing of a hostile one."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from engine.contracts.errors import EngineError, ModelFileError
from engine.models.cards import CARD_KEY
from engine.models.exchange import check_model, export_model, import_model
from engine.models.files import ModelCard, RestorationModel, build_network, load_model, save_model
from engine.models.onnx import MAX_BYTES
from engine.models.reading import read_summary
from engine.models.starters import require_starter
from engine.runs.store import RunStore
from tests.conftest import TinyPhotos

DOCS = Path(__file__).resolve().parents[3] / "docs"

CARDS = {
    "unet": ModelCard(name="unet", backbone="unet", backbone_params={"width": 8, "num_levels": 2}),
    "nafnet": ModelCard(name="nafnet", backbone="nafnet", backbone_params={"size": "small"}),
    "dncnn": ModelCard(name="dncnn", backbone="dncnn", backbone_params={"size": "small"}),
    "sr2": ModelCard(name="sr2", task="sr2", backbone_params={"width": 8, "num_levels": 2}),
    "sr3 of enlarged photos": ModelCard(
        name="sr3", task="sr3", task_params={"enlarged_input": True}, backbone_params={"width": 8, "num_levels": 2}
    ),
    "demosaick": ModelCard(name="demosaick", task="demosaick", backbone_params={"width": 8, "num_levels": 2}),
}


def saved(card: ModelCard, path: Path) -> RestorationModel:
    """A model whose weights are all at work, some of them equal."""
    network = build_network(card)
    generator = torch.Generator().manual_seed(3)
    for weights in network.parameters():
        if weights.ndim > 1:
            weights.data.copy_(0.05 * torch.randn(weights.shape, generator=generator))
    save_model(path, network.state_dict(), card)
    return load_model(path)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    saved(CARDS["unet"], tmp_path / "model.safetensors")
    return export_model(tmp_path / "model.safetensors", tmp_path / "model.onnx", "Rain")


def test_what_another_library_computes_is_what_torch_does(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime, which is an extra")
    rng = np.random.default_rng(0)
    for name, card in CARDS.items():
        model = saved(card, tmp_path / "model.safetensors")
        path = export_model(tmp_path / "model.safetensors", tmp_path / "model.onnx", name, may_replace=True)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        # On the grid, off it, below it; several at once.
        for batch, height, width in ((1, 64, 64), (2, 51, 38), (1, 7, 90)):
            noisy = rng.random((batch, model.network.input_channels, height, width), np.float32)
            expected = model.network(torch.from_numpy(noisy)).numpy()
            (restored,) = session.run(["restored"], {"noisy": noisy})
            assert restored.shape == expected.shape == (batch, 3, *(model.network.scale * n for n in (height, width)))
            assert np.abs(restored - expected).max() < 1e-3, (name, height, width)


@pytest.mark.parametrize("name", CARDS)
def test_a_model_comes_back_with_card_and_weights(tmp_path: Path, name: str) -> None:
    model = saved(CARDS[name], tmp_path / "model.safetensors")
    path = export_model(tmp_path / "model.safetensors", tmp_path / "model.onnx", "Rain")
    assert onnx.load(path).opset_import[0].version == 17
    card = CARDS[name].model_copy(update={"name": "Rain"})
    assert check_model(path).card == card
    run = import_model(RunStore(tmp_path / "runs"), path)
    assert run.record.num_parameters == read_summary(tmp_path / "model.safetensors").num_parameters
    assert run.model_path.suffix == ".safetensors"
    found = load_model(run.path)
    assert found.card == card
    expected = model.network.state_dict()
    assert found.network.state_dict().keys() == expected.keys()
    assert all(torch.equal(found.network.state_dict()[key], weights) for key, weights in expected.items())
    again = export_model(path, tmp_path / "again.safetensors", "Rain")
    assert all(torch.equal(load_model(again).network.state_dict()[key], weights) for key, weights in expected.items())


def numbers_elsewhere(model: Any) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def one_shape_too_large(model: Any) -> None:
    model.graph.initializer[0].dims[0] = 2**40


def negative_shape(model: Any) -> None:
    model.graph.initializer[0].dims[0] = -1


def other_numbers(model: Any) -> None:
    model.graph.initializer[0].data_type = onnx.TensorProto.INT32


def a_weight_missing(model: Any) -> None:
    del model.graph.initializer[0]


def shares_with_none(model: Any) -> None:
    model.metadata_props[1].value = '{"head.bias": "nothing"}'


def shares_no_names(model: Any) -> None:
    model.metadata_props[1].value = "[1, 2]"


def no_card(model: Any) -> None:
    del model.metadata_props[:]


def deep_card(model: Any) -> None:
    model.metadata_props[0].value = '{"a":' * 100_000


def newer_card(model: Any) -> None:
    model.metadata_props[0].value = '{"schema_version": 99}'


def huge_network(model: Any) -> None:
    card = ModelCard(name="huge", backbone_params={"width": 256, "num_levels": 5})
    model.metadata_props[0].value = card.model_dump_json()


@pytest.mark.parametrize(
    "damage",
    [
        numbers_elsewhere,
        one_shape_too_large,
        negative_shape,
        other_numbers,
        a_weight_missing,
        shares_with_none,
        shares_no_names,
        no_card,
        deep_card,
        newer_card,
        huge_network,
    ],
)
def test_a_hostile_file_is_refused_and_leaves_nothing(exported: Path, tmp_path: Path, damage: Any) -> None:
    model = onnx.load(exported)
    assert model.metadata_props[0].key == CARD_KEY
    damage(model)
    exported.write_bytes(model.SerializeToString())
    store = RunStore(tmp_path / "runs")
    with pytest.raises(EngineError) as refused:
        import_model(store, exported)
    assert refused.value.message.endswith(".")
    assert refused.value.hint
    assert store.list() == []


@pytest.mark.parametrize("content", [b"", b"\x0a", b"\xff" * 1000, b"\x3a\x80\x80\x80\x80\x08"])
def test_what_is_no_onnx_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelFileError):
        read_summary(path)
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ModelFileError):
        read_summary(path)


def test_the_graph_of_a_file_is_not_what_is_run(exported: Path) -> None:
    model = onnx.load(exported)
    del model.graph.node[:]
    model.graph.node.add(op_type="Identity", input=["noisy"], output=["restored"])
    exported.write_bytes(model.SerializeToString())
    network = load_model(exported).network
    noisy = torch.rand(1, 3, 16, 16)
    assert not torch.equal(network(noisy), noisy)


def test_a_full_disk_leaves_the_older_file(exported: Path, tmp_path: Path) -> None:
    content = exported.read_bytes()
    with pytest.raises(ModelFileError, match="cannot be written"):
        export_model(tmp_path / "model.safetensors", tmp_path / "no such folder" / "x.onnx", "x")
    assert exported.read_bytes() == content


def test_the_script_of_the_docs_restores_a_photo(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    """As it stands on the page, in ten lines, with neither this program nor torch."""
    pytest.importorskip("onnxruntime", reason="needs onnxruntime, which is an extra")
    page = (DOCS / "exported-models.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.+?)```", page, re.DOTALL)
    assert found is not None
    script = found[1]
    assert len(script.strip().splitlines()) <= 10
    assert not re.search(r"torch|residua|engine", script)
    export_model(require_starter("denoise"), tmp_path / "model.onnx", "Starter")
    photo = sorted(tiny_photos.noisy.iterdir())[0]
    (tmp_path / "noisy.png").write_bytes(photo.read_bytes())
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    from engine.photo_files.photos import read_image

    noisy, restored = read_image(photo).pixels, read_image(tmp_path / "restored.png").pixels
    assert restored.shape == noisy.shape
    expected = load_model(require_starter("denoise")).network(torch.from_numpy(noisy.transpose(2, 0, 1)[None].copy()))
    difference = expected[0].permute(1, 2, 0).clip(0, 1).numpy() - restored
    assert np.abs(difference).max() < 0.6 / 255
