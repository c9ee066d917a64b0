"""Collects what the engine says to a person, so that it can be translated without the engine knowing languages.

What is filled in is made by `say`, `say_counted` or `count_of` of `engine.translatable`, whose templates are
collected whatever they read like. Every other string that reads like a title or a sentence counts too: it is its own
template. Left out are docstrings, log lines, errors for programmers, and the modules that talk to a terminal alone.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

from engine.translatable import counted_forms, template_id

Text = str | tuple[str, str]
"""A template, or those for one and for several."""

TERMINAL_MODULES = (
    "cli/*.py",
    "machine/system_libraries.py",
    "machine/processes/openmp.py",
    "machine/processes/rank.py",
    "simulation/*.py",
)
"""Below `engine`: the window shows nothing of these."""

SHORT_TEXT_KEYWORDS = frozenset({"title", "label", "zero", "makes", "untreated"})
"""Their values are shown even where they are one word, or not the beginning of a sentence."""

PROGRAMMER_ERRORS = frozenset(
    {"ValueError", "TypeError", "RuntimeError", "AssertionError", "KeyError", "NotImplementedError"}
)
_SENTENCE = re.compile(r"^[“\"'(]?(\{\}|[A-Z0-9])")
_TYPE = re.compile(r"\w\[| \| ")
"""A type written as text, for a cast or a later name."""

_VARIABLE = re.compile(r"^[A-Z][A-Z0-9_]*_[A-Z0-9_]*$")
"""The name of an environment variable, a key or an option of a library."""

_WORD = re.compile(r"[A-Za-zé]{2,}")


def engine_texts(root: Path) -> dict[Text, list[str]]:
    """Return the engine's texts, each with the files that it stands in.

    Args:
        root: The repository.
    """
    texts: dict[Text, list[str]] = {}
    for path, tree in _modules(root):
        for text in _Collector(tree).texts():
            files = texts.setdefault(text, [])
            if path.relative_to(root).as_posix() not in files:
                files.append(path.relative_to(root).as_posix())
    for path in sorted((root / "assets" / "starters").glob("*.json")):
        card = json.loads(path.read_text(encoding="utf-8"))
        for text in (card["name"], card["description"]):
            texts.setdefault(text, []).append(path.relative_to(root).as_posix())
    return texts


def lost_texts(root: Path) -> list[str]:
    """Return where a sentence is filled in by an f-string, so that no language but English can say it.

    Args:
        root: The repository.
    """
    return [
        f"{path.relative_to(root).as_posix()}:{node.lineno}: {ast.unparse(node)}"
        for path, tree in _modules(root)
        for node in _Collector(tree).f_strings()
    ]


def _modules(root: Path) -> Iterator[tuple[Path, ast.Module]]:
    engine = root / "engine"
    terminal = {path for pattern in TERMINAL_MODULES for path in engine.glob(pattern)}
    for path in sorted(engine.rglob("*.py")):
        if path not in terminal:
            yield path, ast.parse(path.read_text(encoding="utf-8"))


class _Collector:
    """Walks through a module."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._skipped = set(_not_shown(tree))
        self._short_texts = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.keyword) and node.arg in SHORT_TEXT_KEYWORDS
        } | {
            id(value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Dict)
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and key.value in SHORT_TEXT_KEYWORDS
        }

    def texts(self) -> Iterator[Text]:
        """Yield the texts that can be translated."""
        for node in self._walk(self._tree):
            if isinstance(node, ast.Call):
                yield from _templates_of(node)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                is_shown = _is_shown(node.value) or (id(node) in self._short_texts and node.value)
                if is_shown and "{" not in node.value:
                    yield node.value

    def f_strings(self) -> Iterator[ast.JoinedStr]:
        """Yield the f-strings that read like texts."""
        for node in self._walk(self._tree):
            if isinstance(node, ast.JoinedStr):
                parts = (str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
                if _is_shown("".join(parts)):
                    yield node

    def _walk(self, node: ast.AST) -> Iterator[ast.AST]:
        if id(node) in self._skipped:
            return
        yield node
        templates = {id(part) for argument in _template_arguments(node) for part in ast.walk(argument)}
        for child in ast.iter_child_nodes(node):
            # The literal pieces of an f-string are no texts by themselves; what is filled in may hold some.
            if id(child) not in templates and not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
                yield from self._walk(child)


def _template_arguments(node: ast.AST) -> list[ast.expr]:
    """What `say` and its like are called with."""
    name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    return node.args[: {"say": 1, "say_counted": 2}.get(name, 0)] if isinstance(node, ast.Call) else []


def _templates_of(call: ast.Call) -> Iterator[Text]:
    """Yield the templates of a call of `say` and its like that have a word in them; an ill-formed one has none."""
    if ast.unparse(call.func) == "count_of" and len(call.args) == 2 and isinstance(call.args[1], ast.Constant):
        singular, plural = map(template_id, counted_forms(str(call.args[1].value)))
        yield singular, plural
        return
    choices = [_literals(argument) for argument in _template_arguments(call)]
    found = [
        [template_id(text) for text in texts if re.search(r"[A-Za-z]", re.sub(r"\{.*?\}", "", text))]
        for texts in choices
    ]
    if len(found) == 2:
        yield from zip(*found, strict=True)
    elif found:
        yield from found[0]


def _literals(node: ast.expr) -> list[str]:
    """A literal's text, or those that are chosen between."""
    if isinstance(node, ast.IfExp):
        return [*_literals(node.body), *_literals(node.orelse)]
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def _not_shown(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)
        elif isinstance(node, ast.Assert | ast.FormattedValue):
            yield id(node.msg if isinstance(node, ast.Assert) else node.format_spec)
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            is_log = name.split(".")[0] in {"logger", "_logger", "re", "warnings", "logging", "cast"}
            if name in PROGRAMMER_ERRORS or is_log or name.endswith(".strftime"):
                yield id(node)


def _is_shown(text: str) -> bool:
    """Tell whether a text reads like a title or a sentence: begins like one, and has two words or more."""
    fixed = text.replace("{}", " ")
    words = _WORD.findall(fixed)
    return bool(_SENTENCE.match(text)) and len(words) >= 2 and not _TYPE.search(fixed) and not _VARIABLE.match(text)
