"""The benchmarks of speed: both sides compute the same, and parts are kept side by side."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ot import emd2_1d

from engine.method.losses.earth_mover import earth_mover_distances_within, sorted_residuals
from engine.models.starters import require_starter
from engine.photo_files.photos import read_image
from tests.benchmarks.document import Table, stored_data
from tests.benchmarks.loss import noises, pot_distance
from tests.benchmarks.parts import Figures, SpeedBenchmark, measured_in_turn, ratios
from tests.benchmarks.restore_memory import run_alone, write_large_photo
from tests.benchmarks.train import processor_seconds
from tests.benchmarks.training_sides import PlainLoop, Workload, our_step, write_photos


def test_both_sides_of_the_distance_agree() -> None:
    residuals = noises(3, 8)
    ours = earth_mover_distances_within(sorted_residuals(residuals))
    values = residuals.flatten(2).numpy()
    assert float(ours[0, 2]) == pytest.approx(pot_distance(values[0], values[2], emd2_1d), rel=1e-4)


def test_both_sides_of_the_training_take_steps(tmp_path: Path) -> None:
    photos = write_photos(tmp_path)
    work = Workload(num_crops=4, crop_px=16)
    marks: list[float] = []
    assert our_step(photos, work, num_steps=2, on_step=lambda: marks.append(time.perf_counter())) > 0
    assert len(marks) == 2
    plain = PlainLoop(photos, work)
    assert plain.gflop() > 0
    losses = [plain.step() for _ in range(3)]
    assert np.isfinite(losses).all()
    assert len(set(losses)) == 3


def test_sides_take_turns_and_the_first_turn_does_not_count() -> None:
    calls: list[str] = []

    def side(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    figures = measured_in_turn({"a": lambda: side("a"), "b": lambda: side("b")}, num_runs=2)
    assert calls == ["a", "b"] * 3
    assert figures == {"a": [3.0, 5.0], "b": [4.0, 6.0]}
    assert ratios(figures, "a")["b"] == [4 / 3, 6 / 5]


def test_a_part_leaves_those_measured_before(tmp_path: Path) -> None:
    def part(folder: Path, num_runs: int) -> Figures:
        assert not list(folder.iterdir())
        return {"tables": [Table(title="T", header=("a",), rows=[("1",)])], "figures": {"runs": num_runs}}

    benchmark = SpeedBenchmark(name="x", title="X", text="Of {runs} runs.", parts={"one": part, "two": part})
    for name, runs in (("one", 7), ("two", 6)):
        benchmark.run("", ["--runs", str(runs), "--parts", name, "--docs", str(tmp_path)])
    text = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert "Of 6 runs." in text
    assert "Not measured" not in text
    assert stored_data("x", tmp_path)["one"]["figures"] == {"runs": 7}


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="the account of processor time is Linux's")
def test_the_account_of_another_process_grows_while_it_is_busy() -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        try:
            deadline = time.monotonic() + 20
            while processor_seconds(other.pid) < 0.1 and time.monotonic() < deadline:
                time.sleep(0.02)
            assert processor_seconds(other.pid) >= 0.1
        finally:
            other.kill()


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="a process's peak is told by Linux alone")
def test_the_memory_of_a_photo_is_that_of_its_own_process(tmp_path: Path) -> None:
    photo = tmp_path / "photo.tif"
    write_large_photo(photo, (300, 200))
    assert read_image(photo).metadata.bit_depth == 16
    told = run_alone(photo, require_starter("denoise"), tmp_path / "restored")
    assert told["peak_bytes"] > told["start_bytes"] > 50 * 2**20
    assert len(list((tmp_path / "restored").glob("*.tif"))) == 1
