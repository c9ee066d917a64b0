"""NVIDIA cards, as the driver's own program lists them: a real program, found on the real search path."""

import os
import sys
from pathlib import Path

import pytest

from engine.machine.graphics_cards import NvidiaCard, find_nvidia_card, why_unused

CARD = NvidiaCard(name="NVIDIA RTX 4070, Laptop", driver="551.86")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the program here is a shell script")


def install(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_a_card_is_found_by_its_drivers_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, 'echo "NVIDIA RTX 4070, Laptop, 551.86"; echo "NVIDIA T4, 551.86"', monkeypatch)
    assert find_nvidia_card() == CARD


@pytest.mark.parametrize("script", ["exit 9", 'echo "NVIDIA-SMI has failed"; exit 9', "exit 0", 'echo "No devices"'])
def test_a_driver_without_a_card_is_none(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, script, monkeypatch)
    assert find_nvidia_card() is None


def test_without_a_driver_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_nvidia_card() is None


def test_what_keeps_torch_from_a_card_is_told() -> None:
    assert why_unused(CARD, built_for="13.0", is_usable=True) is None
    without = why_unused(CARD, built_for=None, is_usable=False)
    assert without is not None
    assert "computes without it" in without[0]
    assert "docs/gpu.md" in without[1]
    too_old = why_unused(CARD, built_for="13.0", is_usable=False)
    assert too_old is not None
    assert "551.86" in too_old[0]
    assert "Update the driver" in too_old[1]
