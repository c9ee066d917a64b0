"""The user guide says what is true: its pages, pictures, links and the words on the screen that it names."""

import ast
import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GUIDE = ROOT / "docs" / "guide"
PAGES = sorted(GUIDE.glob("*.md"))
MAX_PICTURE_BYTES = 200_000

LINK = re.compile(r"\]\(([^)\s]+)\)")
BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)
KEY = re.compile(r"`([^`]+)`")
INSTRUCTIONS = {"Drop a folder of photos on the window.", "Press Restore …"}
"""Bold, but not on the screen: the two actions."""
OWN_WORDS = {
    "The model that ships",
    "Fine-tuning it on a few clean references",
    "Learning the noise of your own photos",
}


@functools.cache
def texts_on_screen() -> set[str]:
    """Return all strings of the program, with an ellipsis for what is filled in."""
    found: set[str] = set()
    for folder in ("app", "engine"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(re.sub(r"\{[^}]*\}", "…", node.value))
    return found


def bold_words(page: Path) -> set[str]:
    return {" ".join(words.split()) for words in BOLD.findall(page.read_text(encoding="utf-8"))}


def anchors_of(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_of_the_window_has_a_page() -> None:
    names = {page.stem for page in PAGES}
    assert {"photos", "pretrain", "labels", "fine-tune", "restore", "compare", "runs", "window", "README"} <= names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.is_file(), link
        if anchor:
            assert anchor in anchors_of(file), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_bold_is_on_the_screen(page: Path) -> None:
    assert bold_words(page) - INSTRUCTIONS - OWN_WORDS <= texts_on_screen()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_keys_exist(page: Path) -> None:
    from app.core.actions import ACTIONS
    from app.viewer.view_modes import VIEW_MODES

    known = {keys for action in ACTIONS.values() for keys in action.keys} | {mode.key for mode in VIEW_MODES.values()}
    known |= {"Shift", "Alt", "Ctrl"}
    assert {key for key in KEY.findall(page.read_text(encoding="utf-8")) if len(key) < 14} <= known


def test_the_readme_leads_to_the_guide() -> None:
    assert "docs/guide/README.md" in LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))


def pictures_of(page: Path) -> set[Path]:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    return {(page.parent / link).resolve() for link in links if link.endswith((".png", ".svg"))}


def test_pictures_are_small_and_all_of_them_are_used() -> None:
    shown = set().union(*(pictures_of(page) for page in [*PAGES, ROOT / "README.md"]))
    benchmarks = pictures_of(ROOT / "docs" / "benchmarks.md")
    assert set((ROOT / "docs" / "images").glob("*.png")) <= shown | benchmarks
    for picture in shown:
        assert picture.stat().st_size <= MAX_PICTURE_BYTES, picture.name
