"""`docs/benchmarks.md` and `docs/benchmarks.json`: each benchmark owns one section and leaves the others alone.

The JSON holds the sections by the benchmarks' names; the Markdown is made anew from the whole JSON whenever a section
is written. A section's `data` is the benchmark's own: one that can be continued reads there what it has already.
"""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.machine.atomic_files import write_bytes_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOCS = Path(__file__).resolve().parents[2] / "docs"

ORDER = ("quality", "peers", "label_budget", "contrastive_term", "backbones", "restore", "train", "loss", "ui")
"""Sections in the order of the document; others come behind, by name."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Told apart with any colour vision (Okabe and Ito, "Color Universal Design", 2008)."""

_INTRODUCTION = """\
# Benchmarks

Written by `python3 run.py bench NAME`, each section by the command that it names; do not edit it by hand. All figures,
in full, are in [benchmarks.json](benchmarks.json).
"""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of texts below a header."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A picture in `images/`, beside which an SVG of the same name lies.

    Attributes:
        file: Its name, ending in `.png`.
        caption: What it shows.
    """

    file: str
    caption: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """What one benchmark has to say.

    Attributes:
        title: Headline.
        text: What was measured and how; Markdown.
        command: What measures it again.
        seeds: Of all that is drawn by chance.
        minutes: It took, in all.
        machine: What on.
        tables: Figures as texts.
        charts: Pictures.
        missing: What could not be measured, and why; one sentence each.
        data: All figures, as plain values.
    """

    title: str
    text: str
    command: str
    seeds: Sequence[int]
    minutes: float
    machine: str
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()
    missing: Sequence[str] = ()
    data: Mapping[str, Any] = field(default_factory=dict)


def write_section(name: str, section: Section, docs: Path = DOCS) -> None:
    """Replace one benchmark's section in the JSON and make the Markdown anew."""
    sections = _read(docs)
    sections[name] = _finite(dataclasses.asdict(section))
    docs.mkdir(parents=True, exist_ok=True)
    text = json.dumps(sections, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_bytes_atomically(docs / "benchmarks.json", text.encode())
    write_bytes_atomically(docs / "benchmarks.md", as_markdown(sections).encode())


def stored_data(name: str, docs: Path = DOCS) -> dict[str, Any]:
    """Return what a benchmark's section holds as its data; empty if there is none."""
    data = _read(docs).get(name, {}).get("data", {})
    assert isinstance(data, dict)
    return data


def as_markdown(sections: Mapping[str, Any]) -> str:
    """Return the whole document."""
    names = sorted(sections, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    return "\n".join([_INTRODUCTION, *(_section_text(sections[name]) for name in names)])


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows))


def draw_chart(name: str, draw: Callable[["Figure"], None], docs: Path = DOCS) -> str:
    """Draw a chart and write it as PNG and SVG to `images/`.

    Args:
        name: File name without its ending.
        draw: Draws on an empty white figure of 9 x 5 inches, whose size it may set.
        docs: Folder of the document.

    Returns:
        The PNG's file name.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    folder = docs / "images"
    folder.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({"font.family": "DejaVu Sans", "font.size": 10}):
        figure = Figure(figsize=(9, 5), facecolor="white")
        FigureCanvasAgg(figure)
        draw(figure)
        content = BytesIO()
        figure.savefig(content, format="png", bbox_inches="tight", dpi=130)
        write_bytes_atomically(folder / f"{name}.png", content.getvalue())
    return f"{name}.png"


def _section_text(section: Mapping[str, Any]) -> str:
    seeds = ", ".join(str(seed) for seed in section["seeds"])
    parts = [
        f"## {section['title']}",
        section["text"],
        f"`{section['command']}`  \n"
        f"{'Seeds' if len(section['seeds']) > 1 else 'Seed'} {seeds}; {section['minutes']:.0f} minutes; "
        f"{section['machine']}.",
    ]
    parts += [
        f"**{table['title']}**\n\n{markdown_table(table['header'], table['rows'])}" for table in section["tables"]
    ]
    parts += [f"![{chart['caption']}](images/{chart['file']})" for chart in section["charts"]]
    if section["missing"]:
        parts.append("Not measured:\n\n" + "\n".join(f"- {sentence}" for sentence in section["missing"]))
    return "\n\n".join(parts) + "\n"


def _read(docs: Path) -> dict[str, Any]:
    file = docs / "benchmarks.json"
    sections = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    assert isinstance(sections, dict)
    return sections


def _finite(value: Any) -> Any:
    """Return plain values with null for numbers that JSON does not know."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
