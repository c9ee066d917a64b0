"""Models given away and taken in: what arrives is what was sent, and what is broken never becomes a run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from engine.cli.main import app
from engine.contracts.errors import EngineError, InvalidInputError, ModelFileError
from engine.models.exchange import check_model, export_model, import_model
from engine.models.files import ModelCard, build_network, load_model, save_model
from engine.models.reading import read_summary
from engine.models.starters import require_starter
from engine.runs.records import RunStatus
from engine.runs.store import RunStore

CARD = ModelCard(
    name="Someone's model",
    backbone_params={"width": 8, "num_levels": 2},
    labels=("a.png",),
    parent="their run",
    steps=70,
)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    path = tmp_path / "theirs.safetensors"
    save_model(path, build_network(CARD).state_dict(), CARD)
    return path


def test_the_summary_needs_no_torch(theirs: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom engine.models.reading import read_summary\n"
        "summary = read_summary(Path(sys.argv[1]))\n"
        "print(summary.num_parameters, summary.num_bytes, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(theirs)], capture_output=True, text=True, check=True)
    num_parameters = sum(weight.numel() for weight in build_network(CARD).state_dict().values())
    assert done.stdout.split() == [str(num_parameters), str(theirs.stat().st_size), "False"]


def test_an_imported_model_is_a_run_that_restores(store: RunStore, theirs: Path) -> None:
    content = theirs.read_bytes()
    run = import_model(store, theirs)
    assert theirs.read_bytes() == content == run.model_path.read_bytes()
    [listed] = store.list()
    record = listed.record
    assert (record.kind, record.status, record.name) == ("import", RunStatus.DONE, "Someone's model")
    assert (record.parent, record.labels, record.steps_done) == ("their run", ("a.png",), 70)
    assert record.num_parameters == read_summary(theirs).num_parameters
    assert not listed.is_resumable
    assert load_model(run.path).card == CARD
    assert import_model(store, theirs, "Mine now").record.name == "Mine now"


@pytest.mark.parametrize("damage", ["no file", "cut", "garbage", "other network", "no numbers", "unknown network"])
def test_a_broken_model_is_refused_with_a_sentence_and_leaves_nothing(
    store: RunStore, theirs: Path, damage: str
) -> None:
    weights = build_network(CARD).state_dict()
    if damage == "no file":
        theirs.unlink()
    elif damage == "cut":
        theirs.write_bytes(theirs.read_bytes()[:-1000])
    elif damage == "garbage":
        theirs.write_bytes(os.urandom(3000))
    elif damage == "other network":
        save_model(theirs, weights, CARD.model_copy(update={"backbone_params": {"width": 12, "num_levels": 2}}))
    elif damage == "no numbers":
        next(iter(weights.values())).fill_(torch.nan)
        save_model(theirs, weights, CARD)
    elif damage == "unknown network":
        save_model(theirs, weights, CARD.model_copy(update={"backbone": "transformer"}))
    with pytest.raises(EngineError) as refused:
        import_model(store, theirs)
    assert refused.value.message.endswith(".")
    assert refused.value.hint
    assert store.list() == []
    assert not store.root.exists() or not any(store.root.iterdir())


def test_a_model_that_cannot_be_copied_leaves_no_run(
    store: RunStore, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.models.exchange.shutil.copyfile", full)
    with pytest.raises(ModelFileError, match="No space left"):
        import_model(store, theirs)
    assert not any(store.root.iterdir())


def test_export_and_import_bring_the_same_weights_back(store: RunStore, theirs: Path, tmp_path: Path) -> None:
    run = import_model(store, theirs)
    written = export_model(run.path, tmp_path / "for a friend", "Rain at night")
    assert written == tmp_path / "for a friend.safetensors"
    summary = check_model(written)
    assert summary.card == CARD.model_copy(update={"name": "Rain at night"})
    expected, found = load_model(theirs).network.state_dict(), load_model(written).network.state_dict()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_an_export_over_itself_is_refused(store: RunStore, theirs: Path, tmp_path: Path) -> None:
    content = theirs.read_bytes()
    with pytest.raises(InvalidInputError, match="overwrite itself"):
        export_model(theirs, theirs, "x")
    assert theirs.read_bytes() == content
    with pytest.raises(ModelFileError):
        export_model(theirs, tmp_path / "no such folder" / "x.safetensors", "x")
    with pytest.raises(ModelFileError):
        export_model(tmp_path / "nothing", tmp_path / "x.safetensors", "x")


@pytest.mark.parametrize("name", ["net.pth", "net.pt", "net.ckpt", "net.safetensors"])
@pytest.mark.parametrize("is_zip", [True, False])
def test_a_model_of_another_program_is_not_called_damaged(tmp_path: Path, name: str, is_zip: bool) -> None:
    """As torch.save writes them, whatever the file is called; what is broken still is."""
    path = tmp_path / name
    torch.save({"params": {"weight": torch.zeros(8, 3)}}, path, _use_new_zipfile_serialization=is_zip)
    kind = "of another program" if is_zip or not name.endswith(".safetensors") else "damaged"
    with pytest.raises(ModelFileError, match=kind):
        check_model(path)
    path.write_bytes(b"no model at all")
    with pytest.raises(ModelFileError, match="damaged"):
        check_model(path)


def test_a_file_that_is_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    theirs = require_starter("denoise")
    for name in ("x.safetensors", "x.onnx", "y"):
        target = tmp_path / name
        target.with_name("y.safetensors" if name == "y" else name).write_bytes(b"kept")
        with pytest.raises(InvalidInputError, match="is there already"):
            export_model(theirs, target, "x")
        assert target.with_name("y.safetensors" if name == "y" else name).read_bytes() == b"kept"
    assert load_model(export_model(theirs, tmp_path / "x.safetensors", "x", may_replace=True)).card.name == "x"


def test_by_command_line_it_takes_an_option(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"kept")
    refused = CliRunner().invoke(app, ["export", "starter", str(tmp_path / "x.safetensors")])
    assert refused.exit_code == 3
    assert "is there already" in refused.output
    assert (tmp_path / "x.safetensors").read_bytes() == b"kept"
    written = CliRunner().invoke(app, ["export", "starter", str(tmp_path / "x.safetensors"), "--overwrite"])
    assert written.exit_code == 0, written.output
    load_model(tmp_path / "x.safetensors")
