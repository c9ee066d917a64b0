"""The whole job by the command line, as a script would do it: eight tiny photos through every stage."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest
from typer.testing import CliRunner

from engine.cli.main import app
from tests.conftest import TinyPhotos
from tests.warm_processes import run_warm

NETWORK = ("--backbone-params", "width=8", "--device", "cpu", "--seed", "1")


def run_command(*arguments: str | Path) -> dict[str, Any]:
    """Run a command with --json in a process of its own, check what every command promises, and return its object."""
    done = run_warm("engine.cli", [*arguments, "--json"])
    return checked(done.returncode, done.stdout, done.stderr)


def start_command(*arguments: str | Path) -> dict[str, Any]:
    """The same by a start of Python, as from a shell."""
    done = subprocess.run(
        [sys.executable, "-m", "engine.cli", *map(str, arguments), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    return checked(done.returncode, done.stdout, done.stderr)


def measure(*arguments: str | Path) -> dict[str, Any]:
    """The same within this process, which has loaded torch already."""
    done = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    return checked(done.exit_code, done.stdout, done.stderr)


def checked(code: int, said: str, reported: str) -> dict[str, Any]:
    assert code == 0, reported
    for line in reported.splitlines():
        assert "event" in json.loads(line)
    result = json.loads(said.splitlines()[-1])
    assert isinstance(result, dict)
    return result


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_from_noisy_photos_to_measured_restorations(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    noisy, clean = tiny_photos.noisy, tiny_photos.clean
    pretrained, finetuned = tmp_path / "pretrained", tmp_path / "fine-tuned"

    scanned = run_command("scan", noisy)
    assert len(scanned["photos"]) == 8
    assert scanned["skipped"] == []
    sigmas = [photo["noise_sigma"] for photo in scanned["photos"]]
    assert sigmas[0] < sigmas[3] < sigmas[7]

    trained = start_command("pretrain", noisy, "--preset", "quick", "--steps", 150, *NETWORK, "--out", pretrained)
    assert trained["status"] == "done"
    assert (trained["run"], trained["steps"]) == (str(pretrained), 150)
    assert trained["seconds"] > 0

    tuned = run_command(
        *("finetune", "--from", pretrained, "--noisy", noisy, "--clean", clean, "--labels", 2),
        *("--preset", "quick", "--steps", 40, *NETWORK[2:], "--out", finetuned),
    )
    assert tuned["status"] == "done"

    restored = run_command(
        "restore", finetuned, noisy, "--out", tmp_path / "restored", "--format", "tiff", "--bit-depth", "16"
    )
    assert restored["failed"] == []
    assert len(restored["restored"]) == 8
    assert restored["megapixels"] == pytest.approx(8 * 96 * 112 / 1e6)
    first = Path(restored["restored"][0]["output"])
    assert first == tmp_path / "restored" / "photo 0_restored.tif"
    pixels = cv2.imread(str(first), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    assert (pixels.shape, pixels.dtype.name) == ((96, 112, 3), "uint16")

    without_labels = measure("evaluate", pretrained, "--noisy", noisy, "--clean", clean)
    with_labels = measure("evaluate", finetuned, "--noisy", noisy, "--clean", clean)
    assert (without_labels["num_pairs"], with_labels["num_pairs"], with_labels["num_left_out"]) == (8, 6, 2)
    assert sum(score["used_for_training"] for score in with_labels["per_image"]) == 2
    for measured in (without_labels, with_labels):
        assert measured["psnr"] > measured["noisy_psnr"] + 1
        assert measured["ssim"] > measured["noisy_ssim"]
