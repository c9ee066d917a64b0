"""The starter models that ship: where they are looked for, what a person is told, and what is really there."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from engine.contracts.configs import RestoreConfig
from engine.contracts.errors import InvalidInputError
from engine.contracts.job_control import JobControl
from engine.jobs import restore
from engine.models.files import load_model, read_card
from engine.models.starters import STARTER_WORD, list_starters, require_starter, starter_path

ROOT = Path(__file__).resolve().parents[3]
LARGEST_BYTES = 10_000_000

LOOK = (
    "import json, sys\n"
    "sys.prefix = sys.argv[1]\n"
    "from engine.models import starters\n"
    "found = [[starter.name, str(starter.path)] for starter in starters.list_starters()]\n"
    "print(json.dumps({'module': starters.__file__, 'found': found, 'modules': sorted(sys.modules)}))"
)


def write_starter(folder: Path, name: str, **card: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    path.write_bytes(b"weights")
    fields = {"name": f"Model {name}", "description": f"Does {name}.", "task": name, **card}
    path.with_suffix(".json").write_text(json.dumps(fields), encoding="utf-8")
    return path


@pytest.fixture
def frozen_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a frozen program finds its starter models: before all other places."""
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    return tmp_path / "assets" / "starters"


def look_from_a_copy(folder: Path) -> dict[str, Any]:
    """List the starters of a copy of the engine in `folder`, installed below its `prefix`, without any package."""
    shutil.copytree(ROOT / "engine", folder / "engine", ignore=shutil.ignore_patterns("__pycache__"))
    # -S: no installed packages, so that neither they nor the starters among them are found.
    done = subprocess.run(
        [sys.executable, "-S", "-c", LOOK, str(folder / "prefix")],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    looked = json.loads(done.stdout)
    assert Path(looked["module"]).is_relative_to(folder)
    assert isinstance(looked, dict)
    return looked


def test_starters_are_found_in_a_checkout(tmp_path: Path) -> None:
    path = write_starter(tmp_path / "assets" / "starters", "denoise")
    write_starter(tmp_path / "prefix" / "share" / "residua" / "starters", "installed")
    assert look_from_a_copy(tmp_path)["found"] == [["denoise", str(path)]]


def test_starters_are_found_where_a_package_was_installed(tmp_path: Path) -> None:
    path = write_starter(tmp_path / "prefix" / "share" / "residua" / "starters", "denoise")
    assert look_from_a_copy(tmp_path)["found"] == [["denoise", str(path)]]


def test_without_a_folder_there_are_none(tmp_path: Path) -> None:
    assert look_from_a_copy(tmp_path)["found"] == []


def test_listing_needs_nothing_but_python(tmp_path: Path) -> None:
    write_starter(tmp_path / "assets" / "starters", "denoise")
    # The copy ran without any package; here, where all are installed, none may be loaded.
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout)["modules"])
    assert loaded.isdisjoint({"torch", "numpy", "cv2", "safetensors", "pydantic", "PySide6"})


def test_starters_are_listed_by_name_with_what_a_person_reads(frozen_folder: Path) -> None:
    second = write_starter(frozen_folder, "super_resolution_x2", task="sr2")
    first = write_starter(frozen_folder, "denoise")
    starters = list_starters()
    assert [starter.path for starter in starters] == [first, second]
    assert [starter.name for starter in starters] == ["denoise", "super_resolution_x2"]
    assert (starters[1].title, starters[1].description) == ("Model super_resolution_x2", "Does super_resolution_x2.")
    assert starter_path("sr2") == require_starter("sr2") == second


@pytest.mark.parametrize(
    "card", [None, b"", b"no JSON", b"\xff\xfe", b"[]", b'{"name": "x", "description": "x"}', b"null"]
)
def test_a_file_without_a_sound_card_is_passed_over(frozen_folder: Path, card: bytes | None) -> None:
    sound = write_starter(frozen_folder, "denoise")
    other = write_starter(frozen_folder, "other").with_suffix(".json")
    other.unlink()
    if card is not None:
        other.write_bytes(card)
    assert [starter.path for starter in list_starters()] == [sound]


def test_a_task_without_starter_is_a_sentence(frozen_folder: Path) -> None:
    write_starter(frozen_folder, "denoise")
    write_starter(frozen_folder, "demosaick")
    assert starter_path("sr3") is None
    with pytest.raises(InvalidInputError) as refused:
        require_starter("sr3")
    assert refused.value.message == "There is no starter model for the task 'sr3'."
    assert refused.value.hint == "There are starter models for: demosaick, denoise."


def test_the_shipped_starters_are_what_their_cards_say() -> None:
    starters = [starter for starter in list_starters() if starter.path.is_relative_to(ROOT)]
    if not starters:
        pytest.skip("this checkout has no starter models")
    assert len({starter.task for starter in starters}) == len(starters)
    for starter in starters:
        assert starter.name != STARTER_WORD
        assert starter.path.stat().st_size <= LARGEST_BYTES
        card = read_card(starter.path)
        assert (card.name, card.description, card.task) == (starter.title, starter.description, starter.task)
        assert card.starter == starter.name
        assert card.training["licences"]
        assert card.training["figures"]
        network = load_model(starter.path).network
        side = 4 * network.alignment_px
        with torch.inference_mode():
            restored = network(torch.full((1, network.input_channels, side, side), 0.5))
        assert restored.shape == (1, 3, network.scale * side, network.scale * side)
        assert (restored - 0.5).abs().mean() < 0.1, "an even photo stays about as it is"


def test_a_near_black_sky_keeps_its_level_and_its_colour(tmp_path: Path) -> None:
    """As astronomers' linear 16-bit exposures are: a cast of few per cent shows once such a picture is stretched."""
    generator = np.random.default_rng(5)
    sky = np.array([300.0, 340.0, 420.0])
    exposure = generator.normal(sky, 45.0, (160, 160, 3)).clip(0, 65535)
    tifffile.imwrite(tmp_path / "sky.tif", np.rint(exposure).astype(np.uint16), photometric="rgb")
    config = RestoreConfig(
        model=require_starter("denoise"), photos=(tmp_path / "sky.tif",), out=tmp_path / "out", backend="torch"
    )
    [outcome] = restore(config, JobControl(), lambda event: None).outcomes
    assert outcome.output is not None
    restored = tifffile.imread(outcome.output).astype(np.float64)
    assert np.abs(restored.mean(axis=(0, 1)) / exposure.mean(axis=(0, 1)) - 1).max() < 0.015
    assert restored.std() < exposure.std()
