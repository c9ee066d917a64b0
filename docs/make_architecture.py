"""Draws the rooms of the house and who imports whom, from the code: `docs/images/architecture.svg`.

    .venv/bin/python docs/make_architecture.py [--check]

A row is a folder, from the top of the program to its bottom; a dot says that the folder imports the one above the dot.
With `--check` nothing is written, and the exit code is 1 where the picture is no longer true.
"""

import argparse
import ast
import sys
import tomllib
from html import escape
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
PICTURE = Path(__file__).resolve().parent / "images" / "architecture.svg"
ROW_PX, COLUMN_PX, NAME_PX, TEXT_PX, HEAD_PX = 24, 24, 170, 670, 120
CONTRACTS = ("app-layers", "engine-layers")
PAGES = "app.pages"


def rooms() -> list[str]:
    """The folders and modules that the layers name, from top to bottom, with the pages one by one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = {
        contract["id"]: contract["layers"]
        for contract in project["tool"]["importlinter"]["contracts"]
        if "layers" in contract
    }
    pages = [page.strip() for layer in layers["pages-apart"] for page in layer.split("|")]
    found: list[str] = []
    for contract in CONTRACTS:
        for layer in layers[contract]:
            found += pages if layer == PAGES else [room.strip() for room in layer.split("|")]
    return found


def purpose(room: str) -> str:
    """The first sentence of what a folder or module says of itself."""
    path = ROOT / room.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n")[0].replace("`", "")


def arrows(names: list[str]) -> set[tuple[str, str]]:
    """Which room imports which."""
    graph = grimp.build_graph("engine", "app")
    inside = {
        module: next((name for name in names if f"{module}.".startswith(f"{name}.")), None) for module in graph.modules
    }
    return {
        (importer, imported)
        for module, importer in inside.items()
        for found in graph.find_modules_directly_imported_by(module)
        if importer is not None and (imported := inside.get(found)) is not None and importer != imported
    }


def draw(names: list[str], found: set[tuple[str, str]]) -> str:
    """The picture."""
    left = NAME_PX + TEXT_PX
    width, height = left + COLUMN_PX * len(names) + 20, HEAD_PX + ROW_PX * len(names) + 20
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for index, name in enumerate(names):
        top, column = HEAD_PX + ROW_PX * index, left + COLUMN_PX * index
        fill = "#eef3fa" if name.startswith("app") else "#f3f7ee"
        lines += [
            f'<rect x="8" y="{top}" width="{width - 16}" height="{ROW_PX - 2}" rx="3" fill="{fill}"/>',
            f'<text x="16" y="{top + 16}" font-weight="bold" fill="#202020">{escape(name)}</text>',
            f'<text x="{NAME_PX + 8}" y="{top + 16}" fill="#404040">{escape(purpose(name))}</text>',
            f'<text transform="translate({column + 15} {HEAD_PX - 6}) rotate(-60)" font-size="11" fill="#404040">'
            f"{escape(name.rpartition('.')[2])}</text>",
        ]
    for row, importer in enumerate(names):
        middle = HEAD_PX + ROW_PX * row + ROW_PX // 2 - 1
        lines.append(f'<rect x="{left + COLUMN_PX * row + 6}" y="{middle - 6}" width="12" height="12" fill="#c8c8c8"/>')
        for column, imported in enumerate(names):
            if (importer, imported) in found:
                fill = "#2f6db5" if column > row else "#c62828"
                lines.append(f'<circle cx="{left + COLUMN_PX * column + 12}" cy="{middle}" r="4.5" fill="{fill}"/>')
    return "\n".join([*lines, "</svg>", ""])


def main() -> int:
    """Draw, or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="Only say whether the picture is still true.")
    arguments = parser.parse_args()
    names = rooms()
    picture = draw(names, arrows(names))
    if arguments.check:
        return int(PICTURE.read_text(encoding="utf-8") != picture)
    PICTURE.write_text(picture, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
