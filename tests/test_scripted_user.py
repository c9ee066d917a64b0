"""The scripted user's parts are whole, whether or not there is a screen and a mouse here."""

import importlib
import inspect
from pathlib import Path

import pytest

from tests.benchmarks.scripted.parts import PARTS, Part, Plan

PAGES = ("photos", "training", "labels", "budget", "restore", "compare", "inspector", "runs")


def test_every_page_of_the_window_has_a_part() -> None:
    assert set(PAGES) <= set(PARTS)
    assert [part.number for part in PARTS.values()] == list(range(1, len(PARTS) + 1))


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_each_part_prepares_and_lives(part: Part) -> None:
    module = importlib.import_module(f"tests.benchmarks.scripted.{part.module}")
    assert list(inspect.signature(module.prepare).parameters) == ["plan"]
    assert list(inspect.signature(module.live).parameters) == ["person", "plan"]
    assert "person.shoot(" in inspect.getsource(module)


@pytest.mark.parametrize("name", ["start", "photos", "labels", "restore", "compare", "inspector", "window"])
def test_what_is_opened_lies_in_the_data_folder(name: str, shared_data: Path, tmp_path: Path) -> None:
    """The real photos are copied: restored ones and references go beside them."""
    module = importlib.import_module(f"tests.benchmarks.scripted.{PARTS[name].module}")
    opened = module.prepare(Plan(data=tmp_path / "data", shared=shared_data, steps=10, watch_s=1))
    assert all(path.is_relative_to(tmp_path) and any(path.iterdir()) for path in opened)
    assert any((tmp_path / "data").rglob("*.jpg"))
