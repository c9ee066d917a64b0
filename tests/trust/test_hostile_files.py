"""Promise 5: whatever a model, a run, settings or a name holds, opening it runs no code and gives a sentence."""

import ast
import json
import os
import pickle
import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from safetensors.torch import save

from app.core.settings import LAST_FOLDERS, LAST_MODEL, Settings
from engine.contracts.configs import (
    ComputeConfig,
    FinetuneConfig,
    PretrainConfig,
    RestoreConfig,
    ScanConfig,
    TrainingConfig,
)
from engine.contracts.errors import EngineError, ImageReadError, InvalidInputError, ModelFileError, RunStoreError
from engine.contracts.events import FileSkipped, ImageRestored, JobEvent
from engine.contracts.job_control import JobControl
from engine.jobs import finetune, pretrain, restore, scan
from engine.label_budget.stored import read_experiment
from engine.machine.devices import open_device
from engine.models.cards import MODEL_SUFFIXES
from engine.models.exchange import export_model, import_model
from engine.models.files import CARD_KEY, ModelCard, build_network, load_model, read_card, save_model
from engine.models.starters import starter_path
from engine.photo_files.photos import PhotoImage, probe_image, read_image, read_thumbnail, write_image
from engine.runs.folder import write_text
from engine.runs.store import Run, RunStore
from engine.training.checkpoint_files import load_newest_checkpoint
from engine.training.trainer import new_state
from tests.conftest import TinyPhotos
from tests.trust.kill_host import CARD, PROJECT, network_of

DEEP = "[" * 200_000
DEEP_OBJECT = '{"a":' * 200_000
LONG_NUMBER = "9" * 1_000_000


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self._target),)


def raw_safetensors(header: bytes, data: bytes = b"", stated_length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if stated_length is None else stated_length) + header + data


def header_of(**tensors: Any) -> bytes:
    return json.dumps({"__metadata__": {CARD_KEY: CARD.model_dump_json()}, **tensors}).encode()


def tensor(shape: list[int], start: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def with_card(card: str) -> bytes:
    return save(build_network(CARD).state_dict(), {CARD_KEY: card})


def changed_card(**fields: Any) -> bytes:
    return with_card(json.dumps(json.loads(CARD.model_dump_json()) | fields))


HOSTILE_MODELS: dict[str, Callable[[], bytes]] = {
    "length beyond the file": lambda: raw_safetensors(b"{}", stated_length=2**40),
    "length of all bits": lambda: raw_safetensors(b"{}", stated_length=2**64 - 1),
    "no length": lambda: b"\x08",
    "offsets beyond the file": lambda: raw_safetensors(header_of(a=tensor([4], 0, 16)), b"1234"),
    "offsets backwards": lambda: raw_safetensors(header_of(a=tensor([1], 4, 0)), b"12345678"),
    "offsets negative": lambda: raw_safetensors(header_of(a=tensor([1], -4, 0)), b"12345678"),
    "offsets overlap": lambda: raw_safetensors(header_of(a=tensor([2], 0, 8), b=tensor([2], 4, 12)), b"0" * 12),
    "hole in the data": lambda: raw_safetensors(header_of(a=tensor([1], 0, 4), b=tensor([1], 8, 12)), b"0" * 12),
    "shape overflows": lambda: raw_safetensors(header_of(a=tensor([2**32, 2**32, 4], 0, 0)), b""),
    "shape without numbers": lambda: raw_safetensors(header_of(a=tensor([0, 2**62], 0, 0)), b""),
    "unknown type": lambda: raw_safetensors(header_of(a=tensor([1], 0, 4, "P0")), b"1234"),
    "header is a list": lambda: raw_safetensors(b"[]"),
    "header is deep": lambda: raw_safetensors(DEEP.encode()),
    "header is no text": lambda: raw_safetensors(b"\xff\xfe{}"),
    "header of 120 megabytes": lambda: raw_safetensors(b'{"a":"' + b"x" * 120_000_000 + b'"}'),
    "metadata is no text": lambda: raw_safetensors(b'{"__metadata__":{"residua_card":5}}'),
    "card is deep": lambda: with_card(DEEP),
    "card is a deep object": lambda: with_card(DEEP_OBJECT),
    "card is a list": lambda: with_card("[]"),
    "card of 20 megabytes": lambda: changed_card(description="x" * 20_000_000),
    "card with a long number": lambda: with_card('{"name": "a", "steps": ' + LONG_NUMBER + "}"),
    "card of a newer version": lambda: changed_card(schema_version=2),
    "network far larger than the file": lambda: changed_card(backbone_params={"width": 512, "num_levels": 5}),
    "network larger than the file": lambda: changed_card(backbone_params={"width": 16, "num_levels": 2}),
    "network of another kind": lambda: changed_card(backbone="nafnet", backbone_params={}),
    "unknown network": lambda: changed_card(backbone="os.system"),
    "unknown setting": lambda: changed_card(backbone_params={"__class__": "x"}),
    "unknown task": lambda: changed_card(task="../../task"),
}


@pytest.mark.parametrize("name", HOSTILE_MODELS)
def test_model_files_that_lie(tmp_path: Path, name: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(HOSTILE_MODELS[name]())
    store = RunStore(tmp_path / "runs")
    for use in (load_model, lambda path: import_model(store, path)):
        with pytest.raises(EngineError) as caught:
            use(path)
        assert caught.value.message
        assert caught.value.hint
    assert store.list() == []


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt", ".safetensors", ".bin", ""])
@pytest.mark.parametrize("form", ["pickle", "torch", "old torch"])
def test_a_pickle_is_never_unpickled(tmp_path: Path, suffix: str, form: str) -> None:
    path, target = tmp_path / f"model{suffix}", tmp_path / "the payload ran"
    if form == "pickle":
        path.write_bytes(pickle.dumps(Payload(target)))
    else:
        torch.save({"state_dict": Payload(target)}, path, _use_new_zipfile_serialization=form == "torch")
    folder = tmp_path / "run" / "checkpoints"
    folder.mkdir(parents=True)
    shutil.copyfile(path, folder / "last.safetensors")
    state = new_state(network_of(0), TrainingConfig(), open_device(ComputeConfig(device="cpu")))
    for use in (
        load_model,
        read_card,
        lambda path: import_model(RunStore(tmp_path / "runs"), path),
        lambda path: load_newest_checkpoint(folder / "last.safetensors", folder / "previous.safetensors", state),
    ):
        with pytest.raises(ModelFileError):
            use(path)
    with pytest.raises(ImageReadError):
        read_image(path)
    assert not target.exists()
    # The payload is one: that it did not run is no accident.
    pickle.loads(pickle.dumps(Payload(target)))
    assert target.is_dir()


FORBIDDEN_CALLS = {"eval", "exec", "compile", "torch.load", "np.load", "numpy.load", "marshal.loads", "shelve.open"}
FORBIDDEN_CALLS |= {"pickle.load", "pickle.loads", "joblib.load", "yaml.load", "os.system", "torch.jit.load"}
PIPES_TO_OWN_CHILDREN = {"engine/photo_files/raw/process.py", "engine/photo_files/raw/worker.py"}


def test_nothing_in_the_program_runs_what_a_file_holds() -> None:
    found = {
        (str(path.relative_to(PROJECT)), ast.unparse(node.func))
        for package in ("engine", "app")
        for path in (PROJECT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in FORBIDDEN_CALLS
    }
    assert {place for place, _ in found} == PIPES_TO_OWN_CHILDREN
    assert {call for _, call in found} == {"pickle.load"}


BOMBS = {
    "deep": DEEP,
    "deep object": DEEP_OBJECT,
    "long number": f'{{"schema_version": {LONG_NUMBER}}}',
    "many keys": "{" + ",".join(f'"{number}":0' for number in range(300_000)) + "}",
    "huge": '{"values": "' + "x" * (65 * 2**20) + '"}',
    "not closed": '{"values": {',
}


@pytest.mark.parametrize("name", BOMBS)
def test_json_bombs(tmp_path: Path, name: str) -> None:
    run = RunStore(tmp_path / "runs").create("pretrain", "x", {})
    (run.path / "config.json").write_text(BOMBS[name])
    if name == "many keys":
        assert len(run.config()) == 300_000
    else:
        with pytest.raises(RunStoreError, match="damaged"):
            run.config()
    (run.path / "run.json").write_text(BOMBS[name])
    with pytest.raises(RunStoreError, match="damaged"):
        Run(run.path)
    assert RunStore(tmp_path / "runs").list() == []
    settings = tmp_path / "settings.json"
    settings.write_text(BOMBS[name])
    assert Settings(settings).get(LAST_MODEL) == ""
    (tmp_path / "experiment.json").write_text(BOMBS[name])
    with pytest.raises(EngineError):
        read_experiment(tmp_path)
    (tmp_path / "a.raw").write_bytes(bytes(64))
    (tmp_path / "a.raw.json").write_text(BOMBS[name])
    with pytest.raises(ImageReadError):
        read_image(tmp_path / "a.raw")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_and_devices_in_the_place_of_files(tmp_path: Path) -> None:
    """Opening them would wait, or read, for ever."""
    run = RunStore(tmp_path / "runs").create("pretrain", "x", {})
    (run.path / "config.json").unlink()
    os.mkfifo(run.path / "config.json")
    with pytest.raises(RunStoreError, match="damaged"):
        run.config()
    os.mkfifo(run.metrics_path)
    assert run.read_metrics() == {}
    assert run.lost_work() == (0, 0.0)
    os.mkfifo(tmp_path / "settings.json")
    assert Settings(tmp_path / "settings.json").get(LAST_MODEL) == ""
    for name, target in (("pipe.png", None), ("zero.png", "/dev/zero"), ("loop.png", tmp_path / "loop.png")):
        path = tmp_path / name
        if target is None:
            os.mkfifo(path)
        else:
            path.symlink_to(target)
        for read in (probe_image, read_image, lambda path: read_thumbnail(path, 32)):
            with pytest.raises(ImageReadError) as caught:
                read(path)
            assert caught.value.hint
    os.mkfifo(tmp_path / "model.safetensors")
    with pytest.raises(ModelFileError):
        load_model(tmp_path / "model.safetensors")


@pytest.mark.skipif(sys.platform == "win32", reason="only administrators make links there")
@pytest.mark.parametrize("part", ["log.txt", "metrics.csv", "run.json", "config.json", "checkpoints", "previews"])
def test_a_run_with_a_link_that_leads_out_is_refused(tmp_path: Path, part: str) -> None:
    """A run from elsewhere must not have the program write to the files of whoever opens it."""
    run = RunStore(tmp_path / "runs").create("pretrain", "x", {})
    run.append_metrics(1, {"loss": 1.0})
    run.log("begun")
    outside = tmp_path / "outside"
    (run.path / part).rename(outside)
    (run.path / part).symlink_to(outside, target_is_directory=outside.is_dir())
    with pytest.raises(RunStoreError, match="is a link") as caught:
        Run(run.path)
    assert part in caught.value.message
    assert caught.value.hint
    with pytest.raises(RunStoreError, match="is a link"):
        run.update(steps_done=5)
    assert RunStore(tmp_path / "runs").list() == []


@pytest.mark.parametrize("text", ["../outside", "/etc/passwd", "..", "a/../../outside", "C:\\outside", "\0", "\n"])
def test_names_in_a_run_lead_nowhere(tmp_path: Path, text: str) -> None:
    store = RunStore(tmp_path / "runs")
    run = store.create("pretrain", "x", {})
    fields = json.loads((run.path / "run.json").read_text())
    hostile = fields | {"id": text, "name": text, "parent": text, "status": "done", "owner": None}
    (run.path / "run.json").write_text(json.dumps(hostile))
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.parent == tmp_path)
    [listed] = store.list()
    token = store.delete(listed)
    assert store.restore_deleted(token).path.parent == store.root
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.parent == tmp_path) == before


def test_given_pairs_that_are_no_photos_are_set_aside(tmp_path: Path, tiny_photos: TinyPhotos) -> None:
    photo = sorted(tiny_photos.noisy.iterdir())[0]
    (tmp_path / "link.png").symlink_to("/etc/passwd")
    (tmp_path / "secret.png").write_text("secret")
    pairs = {
        Path("/etc/passwd"): photo,
        photo: Path("/dev/zero"),
        tmp_path / "link.png": photo,
        tmp_path / ".." / tmp_path.name / "secret.png": photo,
        tmp_path / "missing" / ".." / "none.png": photo,
        tmp_path: photo,
    }
    config = FinetuneConfig(
        noisy=(tiny_photos.noisy,), clean=(tiny_photos.noisy,), given_pairs=pairs, out=tmp_path / "run", steps=1
    )
    events: list[JobEvent] = []
    with pytest.raises(EngineError) as caught:
        finetune(config, JobControl(), events.append)
    assert caught.value.hint
    assert (tmp_path / "secret.png").read_text() == "secret"
    assert not (tmp_path / "run").exists()


ODD_NAMES = {
    "newline": "two\nlines.png",
    "carriage return": "back\rhome.png",
    "escape": "\x1b[31mred\x1b[0m.png",
    "right to left": "photo\u202egnp.exe.png",
    "isolates": "\u2066\u2067photo\u2069.png",
    "zero width": "a\u200bb\ufeff.png",
    "markup": "<b>bold<img src=x>&amp;.png",
    "braces": "{name} {0} %s.png",
    "dots": "a..png",
    "blank": " .png",
    "255 bytes": "n" * 251 + ".png",
    "255 bytes of two-byte letters": "é" * 125 + "x.png",
    "combining": "e\u0301" * 40 + ".png",
    "dash": "--help.png",
    "no text": os.fsdecode(b"\xff\xfe\x80.png"),
}


def test_odd_names_are_scanned_and_restored(tmp_path: Path) -> None:
    model, photos, out = tmp_path / "model.safetensors", tmp_path / "photos", tmp_path / "out"
    save_model(model, build_network(CARD).state_dict(), ModelCard.model_validate(CARD.model_dump()))
    photos.mkdir()
    picture = PhotoImage(np.random.default_rng(0).random((16, 16, 3), np.float32))
    write_image(tmp_path / "photo.png", picture)
    for name in ODD_NAMES.values():
        shutil.copyfile(tmp_path / "photo.png", photos / name)
    before = {path: path.read_bytes() for path in photos.iterdir()}
    scanned = scan(ScanConfig(folders=(photos,)), JobControl(), lambda event: None)
    assert len(scanned.photos) == len(ODD_NAMES)

    events: list[JobEvent] = []
    config = RestoreConfig(model=model, photos=(photos,), out=out, device="cpu", report=True)
    result = restore(config, JobControl(), events.append)
    restored = [event for event in events if isinstance(event, ImageRestored)]
    skipped = [event for event in events if isinstance(event, FileSkipped)]
    assert len(result.outcomes) == len(ODD_NAMES)
    assert len(restored) + len(skipped) == len(ODD_NAMES)
    assert all(event.reason and event.hint for event in skipped)
    # A name that leaves no room for what is added to it may be refused; no other.
    assert all(len(os.fsencode(event.path.name)) > 240 for event in skipped)
    assert all(out in event.output.parents and event.output.is_file() for event in restored)
    assert {path: path.read_bytes() for path in photos.iterdir()} == before


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_photos_whose_names_are_no_text_serve_every_job(tmp_path: Path, tiny_photos: TinyPhotos) -> None:
    """As archives of the nineties have them: Latin-1, in folders and files."""
    noisy, clean, out = (Path(os.fsdecode(os.fsencode(tmp_path) + name)) for name in (b"/d\xe9", b"/r\xe9", b"/s\xe9"))
    for source, target in ((tiny_photos.noisy, noisy), (tiny_photos.clean, clean)):
        target.mkdir()
        for number, path in enumerate(sorted(source.iterdir())[:3]):
            shutil.copyfile(path, target / os.fsdecode(b"caf\xe9 %d.png" % number))
    few: dict[str, Any] = {"steps": 2, "crop_px": 16, "device": "cpu"}
    control, events = JobControl(), list[JobEvent]()
    first = pretrain(PretrainConfig(photos=(noisy,), out=tmp_path / "run", **few), control, events.append)
    refined = finetune(
        FinetuneConfig(parent=first.run, noisy=(noisy,), clean=(clean,), out=tmp_path / "refined", **few),
        control,
        events.append,
    )
    card = read_card(refined.run)
    assert len(card.labels) == 3
    assert all(name.startswith("caf\udce9") for name in card.labels)
    assert Run(refined.run).record.labels == card.labels
    for suffix in MODEL_SUFFIXES:
        written = export_model(refined.run, tmp_path / f"out{suffix}", "x")
        assert import_model(RunStore(tmp_path / "runs"), written).record.labels == card.labels
    result = restore(RestoreConfig(model=refined.run, photos=(noisy,), out=out, report=True), control, events.append)
    assert len(list(out.glob("*.png"))) == 3 == len(result.outcomes)
    # Weights are read by a library that takes text alone: said before a training, not after it.
    with pytest.raises(InvalidInputError, match="no text"):
        pretrain(PretrainConfig(photos=(noisy,), out=out / "run", **few), control, events.append)
    shutil.copyfile(tmp_path / "out.safetensors", out / "model.safetensors")
    with pytest.raises(ModelFileError, match="no text"):
        read_card(out / "model.safetensors")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_an_ome_stack_whose_name_is_no_text_is_restored(tmp_path: Path) -> None:
    """Its description names the file itself, and that of the result the result."""
    pages = np.random.default_rng(0).integers(0, 200, (2, 32, 32), np.uint8)
    told = (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        'UUID="urn:uuid:1"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="32" '
        'SizeY="32" SizeC="1" SizeZ="2" SizeT="1"><Channel ID="Channel:0:0" SamplesPerPixel="1"/><TiffData IFD="0" '
        'PlaneCount="2"><UUID FileName="cafe.ome.tif">urn:uuid:1</UUID></TiffData></Pixels></Image></OME>'
    )
    stack = tmp_path / "in" / os.fsdecode(b"caf\xe9.ome.tif")
    stack.parent.mkdir()
    with stack.open("wb") as file, tifffile.TiffWriter(file) as writer:
        for index, page in enumerate(pages):
            writer.write(page, photometric="minisblack", description="" if index else told, metadata=None)
    model = starter_path("denoise")
    assert model is not None
    config = RestoreConfig(model=model, photos=(stack.parent,), out=tmp_path / "out", device="cpu")
    ((_, output),) = restore(config, JobControl(), lambda event: None).restored
    with output.open("rb") as file, tifffile.TiffFile(file) as tiff:
        assert len(tiff.pages) == 2
        assert 'FileName="caf\\udce9_restored.ome.tif"' in (tiff.ome_metadata or "")


def test_a_run_s_files_take_names_that_are_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    run = RunStore(tmp_path / "runs").create("pretrain", "x", PretrainConfig(photos=(tmp_path,)), steps_total=1)
    run.log(f"{name} is passed over.")
    write_text(run.path / "table.csv", name)
    for file in (run.log_path, run.path / "table.csv"):
        assert "caf\\udce9.png" in file.read_text(encoding="utf-8")


def test_settings_keep_paths_that_are_no_text(tmp_path: Path) -> None:
    folder = os.fsdecode(b"/photos/d\xe9j\xe0")
    settings = Settings(tmp_path / "settings.json")
    settings.set(LAST_FOLDERS, [folder])
    settings.save()
    assert Settings(tmp_path / "settings.json").get(LAST_FOLDERS) == [folder]
