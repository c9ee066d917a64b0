"""The training of the starter models: in pieces as at a stretch, by a schedule that is fixed, on pairs made ahead."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.warm_processes import run_warm

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = ROOT / "assets" / "starters"
sys.path.insert(0, str(SCRIPTS))

import progress  # noqa: E402
import recipes  # noqa: E402
from clean_pictures import CleanPictures  # noqa: E402

LAST_STEP = 12

PROGRAM = f"""
# Here, so that the process which makes pairs loads no more than it needs.
if __name__ == "__main__":
    import dataclasses, sys
    import recipes, train
    recipes.RECIPES["denoise"] = dataclasses.replace(
        recipes.RECIPES["denoise"],
        stages=recipes._stages((4, 4, 16, 0.0), (2, 2, 24, 0.5), ({LAST_STEP - 6}, 2, 24, 1.0)),
        backbone="residual_unet",
        parent="",
        backbone_params={{"width": 8, "num_levels": 2, "max_width": 16, "num_blocks": 1, "shuffle": 2}},
    )
    stop_at = int(sys.argv.pop(1))
    class Stopping(train.Chronicle):
        def __call__(self, event):
            super().__call__(event)
            if isinstance(event, train.StepDone) and event.step == stop_at:
                train.signal.raise_signal(train.signal.SIGTERM)
            if isinstance(event, train.StepDone) and event.step == -stop_at:
                print("reached", flush=True)
                train.time.sleep(60)
    train.Chronicle = Stopping
    train.WORK_FOLDER = train.Path(sys.argv.pop(1))
    sys.exit(train.main())
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(4)
    listed = []
    for index in range(3):
        coarse = generator.integers(0, 256, (9, 12, 3), np.uint8)
        cv2.imwrite(str(folder / f"{index}.png"), cv2.resize(coarse, (64, 48), interpolation=cv2.INTER_CUBIC))
        entry: dict[str, Any] = {"package": "made", "file": "", "author": "test", "licence": "CC0-1.0", "source": ""}
        listed.append({**entry, "name": f"{index}.png", "shrink": 1.0, "is_held_out": index == 2})
    (folder / "pictures.json").write_text(json.dumps(listed), encoding="utf-8")
    return folder


def command(pictures: Path, folder: Path, stop_at: int) -> list[str]:
    program = folder / "program.py"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(PROGRAM, encoding="utf-8")
    options = ["denoise", "--threads", "1", "--seed", "7", "--device", "cpu", "--pictures", str(pictures)]
    files = ["--in-training", str(folder / "in_training"), "--out", str(folder / "made.safetensors")]
    return [sys.executable, str(program), str(stop_at), str(folder / "work"), *options, *files]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(SCRIPTS)])}


def sit(pictures: Path, folder: Path, *, stop_at: int) -> int:
    _, program, *words = command(pictures, folder, stop_at)
    done = run_warm(Path(program), words, environment=environment(), folder=folder.parent)
    assert done.returncode in (0, 130), done.stderr
    return done.returncode


@pytest.mark.timeout(900)
@pytest.mark.slow
def test_a_training_in_pieces_is_that_at_a_stretch_to_the_bit(pictures: Path, tmp_path: Path) -> None:
    straight, pieces = tmp_path / "straight", tmp_path / "pieces"
    assert sit(pictures, straight, stop_at=7) == 130
    # Amid the first stage; the second one, the third's first steps and the last measurement lie in later pieces.
    for stop in (3, 7):
        assert sit(pictures, pieces, stop_at=stop) == 130
    expected, got = (load_file(folder / "in_training" / "denoise.safetensors") for folder in (straight, pieces))
    assert any(name.startswith("optimizer.") for name in expected)
    assert expected.keys() == got.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensor, got[name]), name
    record = json.loads((pieces / "in_training" / "denoise.json").read_text(encoding="utf-8"))
    assert [(piece["first_step"], piece["steps_done"]) for piece in record["pieces"]] == [(0, 3), (3, 7)]
    assert all(piece["cpu_s"] > 0 and piece["wall_s"] > piece["waiting_s"] >= 0 for piece in record["pieces"])
    assert sit(pictures, pieces, stop_at=0) == 0
    assert not list((pieces / "in_training").iterdir())
    card = json.loads((pieces / "made.json").read_text(encoding="utf-8"))
    assert card["steps"] == LAST_STEP
    assert card["training"]["pieces"] == 3
    assert card["training"]["hours"] >= 0
    with (pieces / "made.csv").open(encoding="utf-8", newline="") as file:
        steps = [float(row["step"]) for row in csv.DictReader(file)]
    assert steps == sorted(set(steps))
    assert steps[-1] == LAST_STEP
    assert "4 crops of 16 pixels" in (pieces / "made.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_kill_ends_the_process_that_makes_pairs(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    running = subprocess.Popen(
        command(pictures, folder, -2), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "reached\n"
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    if not children.exists():
        running.kill()
        pytest.skip("this system does not list a process's children")
    others = children.read_text(encoding="utf-8").split()
    assert others
    running.send_signal(signal.SIGKILL)
    running.wait()
    deadline = time.monotonic() + 20
    while any(is_running(process) for process in others) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(is_running(process) for process in others)


def is_running(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_pairs_are_a_function_of_seed_and_step(pictures: Path) -> None:
    clean = CleanPictures.read([pictures / "0.png", pictures / "1.png"])
    for name, recipe in recipes.RECIPES.items():
        task = recipes.make_task(recipe)
        step = recipe.steps - 1
        stage = recipe.stage_at(step)
        observed, target = recipes.make_batch(clean, recipe, task, 5, step)
        assert observed.shape[::3] == (stage.batch, stage.crop_px), name
        assert target.shape == (stage.batch, 3, task.scale * stage.crop_px, task.scale * stage.crop_px)
        again = recipes.make_batch(clean, recipe, task, 5, step)
        assert torch.equal(observed, again[0])
        assert torch.equal(target, again[1])
        assert not torch.equal(observed, recipes.make_batch(clean, recipe, task, 6, step)[0])


def test_every_schedule_ends_as_it_was_fixed() -> None:
    for recipe in recipes.RECIPES.values():
        with pytest.raises(IndexError):
            recipe.stage_at(recipe.steps)
        assert recipe.stage_at(0) == recipe.stages[0]
        assert recipe.stage_at(recipe.stages[0].steps) == recipe.stages[1]
        seen = sum(recipe.stage_at(step).pixels for step in range(recipe.steps))
        assert recipe.gigapixels_at(recipe.steps) == pytest.approx(seen / 1e9)
        assert recipe.gigapixels_at(recipe.steps // 2) < seen / 1e9
        assert recipe.stages[-1].psnr_share == 1, "the last part minimises what is measured"
        assert json.dumps(recipe.plain())


def test_another_recipe_or_picture_has_another_fingerprint(pictures: Path) -> None:
    from pictures import read_list

    listed = read_list(pictures)
    recipe = recipes.RECIPES["denoise"]
    known = progress.fingerprint(recipe, listed, 0)
    assert known == progress.fingerprint(recipe, list(listed), 0)
    others = [(recipes.RECIPES["demosaick"], listed, 0), (recipe, listed[:2], 0), (recipe, listed, 1)]
    assert len({known, *(progress.fingerprint(*other) for other in others)}) == 4
