"""Collects what the engine says to a person, so that it can be translated without the engine knowing languages.

Every string and f-string that reads like a title or a sentence counts; what is filled in becomes {0}, {1} and so on.
Left out are docstrings, log lines, errors for programmers, and the modules that talk to a terminal alone.
"""

import ast
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

TERMINAL_MODULES = ("cli/*.py", "machine/system_libraries.py", "machine/processes/rank.py", "simulation/*.py")
"""Below `engine`: the window shows nothing of these."""

SHORT_TEXT_KEYWORDS = frozenset({"title", "label", "zero", "makes", "untreated"})
"""Their values are shown even where they are one word, or not the beginning of a sentence."""

PROGRAMMER_ERRORS = frozenset(
    {"ValueError", "TypeError", "RuntimeError", "AssertionError", "KeyError", "NotImplementedError"}
)
MAX_VARIANTS = 8
"""A sentence with two plurals in it stands for four; more than eight are one template with a gap in place of each."""

_SENTENCE = re.compile(r"^[“\"'(]?(\{\d+\}|[A-Z0-9])")
_TYPE = re.compile(r"\w\[| \| ")
"""A type written as text, for a cast or a later name."""

_WORD = re.compile(r"[A-Za-zé]{2,}")


def engine_texts(root: Path) -> dict[str, list[str]]:
    """Return the engine's texts, each with the files that it stands in.

    Args:
        root: The repository.
    """
    texts: dict[str, list[str]] = {}
    engine = root / "engine"
    terminal = {path for pattern in TERMINAL_MODULES for path in engine.glob(pattern)}
    for path in sorted(engine.rglob("*.py")):
        if path in terminal:
            continue
        for text in _texts_of(ast.parse(path.read_text(encoding="utf-8"))):
            files = texts.setdefault(text, [])
            if path.relative_to(root).as_posix() not in files:
                files.append(path.relative_to(root).as_posix())
    for path in sorted((root / "assets" / "starters").glob("*.json")):
        card = json.loads(path.read_text(encoding="utf-8"))
        for text in (card["name"], card["description"]):
            texts.setdefault(text, []).append(path.relative_to(root).as_posix())
    return texts


def _texts_of(tree: ast.Module) -> Iterator[str]:
    skipped = set(_not_shown(tree))
    keyword_values = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg in SHORT_TEXT_KEYWORDS
    } | {
        id(value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and key.value in SHORT_TEXT_KEYWORDS
    }
    yield from _walk(tree, skipped, keyword_values)


def _walk(node: ast.AST, skipped: set[int], short_texts: set[int]) -> Iterator[str]:
    if id(node) in skipped:
        return
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        for text in _variants(node):
            if _is_shown(text) or (id(node) in short_texts and text):
                yield text
    for child in ast.iter_child_nodes(node):
        # The literal pieces of an f-string are no texts by themselves; what is filled in may hold some.
        if not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
            yield from _walk(child, skipped, short_texts)


def _not_shown(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)
        elif isinstance(node, ast.Assert | ast.FormattedValue):
            yield id(node.msg if isinstance(node, ast.Assert) else node.format_spec)
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in PROGRAMMER_ERRORS or name.split(".")[0] in {
                "logger",
                "_logger",
                "re",
                "warnings",
                "logging",
                "cast",
            }:
                yield id(node)


def _variants(node: ast.Constant | ast.JoinedStr) -> list[str]:
    """Return a string's text; an f-string that chooses between words (photo, photos) gives one for each choice."""
    if isinstance(node, ast.Constant):
        return [] if "{" in str(node.value) else [str(node.value)]
    choices: list[list[str | None]] = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            choices.append([str(part.value)])
        else:
            choices.append(_words_of(part.value) if isinstance(part, ast.FormattedValue) else [None])
    if any("{" in text for choice in choices for text in choice if text):
        return []
    num_variants = 1
    for choice in choices:
        num_variants *= len(choice)
    if num_variants > MAX_VARIANTS:
        choices = [choice if len(choice) == 1 else [None] for choice in choices]
    return [_numbered(parts) for parts in itertools.product(*choices)]


def _words_of(value: ast.expr) -> list[str | None]:
    if isinstance(value, ast.IfExp):
        branches = (value.body, value.orelse)
        words = [branch.value for branch in branches if isinstance(branch, ast.Constant)]
        if len(words) == 2 and all(isinstance(word, str) for word in words):
            return [str(word) for word in words]
    return [None]


def _numbered(parts: tuple[str | None, ...]) -> str:
    numbers = itertools.count()
    return "".join(f"{{{next(numbers)}}}" if part is None else part for part in parts)


def _is_shown(text: str) -> bool:
    """Tell whether a text reads like a title or a sentence: begins like one, and has two words or more."""
    fixed = re.sub(r"\{\d+\}", " ", text)
    words = _WORD.findall(fixed)
    return bool(_SENTENCE.match(text)) and len(words) >= 2 and not _TYPE.search(fixed)
