"""The benchmarks' document: sections of several benchmarks live side by side."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.document import Chart, Section, Table, draw_chart, stored_data, write_section

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def section(title: str, **fields: Any) -> Section:
    return Section(
        title=title,
        text=f"About {title}.",
        command="python3 run.py bench x",
        seeds=(0,),
        minutes=2,
        machine="m",
        **fields,
    )


def test_a_section_leaves_the_others_alone(tmp_path: Path) -> None:
    write_section("backbones", section("Backbones", data={"unet": 1.5}), tmp_path)
    write_section("quality", section("Quality", data={"polyu": {"psnr": math.inf}}), tmp_path)
    write_section("another", section("Another"), tmp_path)
    write_section("backbones", section("Backbones anew", data={"unet": 2.5}), tmp_path)
    text = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    headlines = [line for line in text.splitlines() if line.startswith("## ")]
    assert headlines == ["## Quality", "## Backbones anew", "## Another"]
    assert stored_data("backbones", tmp_path) == {"unet": 2.5}
    assert stored_data("quality", tmp_path) == {"polyu": {"psnr": None}}
    assert stored_data("missing", tmp_path) == {}
    assert set(json.loads((tmp_path / "benchmarks.json").read_text(encoding="utf-8"))) == {
        "quality",
        "backbones",
        "another",
    }


def test_a_section_says_how_it_was_measured_and_what_is_missing(tmp_path: Path) -> None:
    table = Table(title="Figures", header=("set", "dB"), rows=[("polyu", "37.2")])
    chart = Chart(file="x.png", caption="a chart")
    write_section(
        "quality", section("Quality", tables=[table], charts=[chart], missing=["No pictures of W2S."]), tmp_path
    )
    text = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    for part in (
        "`python3 run.py bench x`",
        "Seed 0; 2 minutes; m.",
        "| set | dB |\n| --- | --- |\n| polyu | 37.2 |",
        "![a chart](images/x.png)",
        "- No pictures of W2S.",
    ):
        assert part in text


def test_the_same_chart_is_the_same_file(tmp_path: Path) -> None:
    def draw(figure: "Figure") -> None:
        figure.add_subplot().plot([1, 2], [3, 4])

    files = []
    for folder in (tmp_path / "first", tmp_path / "second"):
        assert draw_chart("lines", draw, folder) == "lines.png"
        files.append((folder / "images" / "lines.png").read_bytes())
    assert files[0] == files[1]
    assert files[0].startswith(b"\x89PNG")
