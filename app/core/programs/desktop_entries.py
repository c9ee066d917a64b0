"""The programs of a Linux or BSD desktop that open a kind of file, as their desktop entries say.

After the Desktop Entry Specification and the specification of associations between MIME types and applications, both of
freedesktop.org.
"""

import logging
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

logger = logging.getLogger(__name__)

_ENTRY_GROUP = "Desktop Entry"
_IMAGES = b"image/"
"""Entries without it open no pictures: seen at once, without understanding the file."""

_STRING_ESCAPES = {"s": " ", "n": "\n", "t": "\t", "r": "\r", "\\": "\\", ";": ";"}
_OF_ONE_FILE, _OF_SEVERAL = frozenset("fu"), frozenset("FU")
_ARGUMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s"]+)')


@dataclass(frozen=True, kw_only=True)
class DesktopEntry:
    """One program.

    Attributes:
        id: The entry's name, such as "gimp.desktop".
        name: What the desktop calls it.
        command: Program and arguments, with field codes such as "%f".
        mime_types: What it opens.
        is_default: Whether the person or the desktop has said that it shall be taken.
    """

    id: str
    name: str
    command: tuple[str, ...]
    mime_types: frozenset[str]
    is_default: bool = False

    @property
    def takes_several(self) -> bool:
        """Whether one start opens several files."""
        return any(_codes(argument) & _OF_SEVERAL for argument in self.command)

    def arguments(self, files: Sequence[Path]) -> list[str]:
        """Return the command that opens files.

        Args:
            files: One, or several where `takes_several`.
        """
        filled: list[str] = []
        has_files = False
        for argument in self.command:
            if argument in ("%F", "%U"):
                filled += [_as_asked(argument[1], file) for file in files]
            elif argument != "%i":
                filled.append(self._filled(argument, files[0]))
            has_files |= bool(_codes(argument) & (_OF_ONE_FILE | _OF_SEVERAL))
        # As desktops do: programs that ask for no file are given it all the same.
        return filled if has_files else [*filled, *map(str, files)]

    def _filled(self, argument: str, file: Path) -> str:
        def value(code: re.Match[str]) -> str:
            letter = code.group(1)
            if letter in "fFuU":
                return _as_asked(letter, file)
            # What is left are icon and location of the entry, and codes that mean nothing any more.
            return {"%": "%", "c": self.name}.get(letter, "")

        return re.sub(r"%(.)", value, argument)


def entries_for(mime_types: Sequence[str], language: str = "") -> list[DesktopEntry]:
    """Return the programs that open a kind of file.

    Args:
        mime_types: Its type, and what that is a kind of; the most telling first.
        language: In which names are wanted, such as "de_DE".

    Returns:
        The one that is to be taken, where that has been said; then the others by name. None twice.
    """
    folders = _application_folders()
    present = _entries(folders, language)
    added, removed, chosen = _associations(folders, mime_types)
    found = [
        entry
        for entry in present.values()
        if entry.id in added or (entry.mime_types.intersection(mime_types) and entry.id not in removed)
    ]
    found.sort(key=lambda entry: entry.name.casefold())
    default = next((present[name] for name in chosen if name in present), None)
    if default is None:
        return found
    return [replace(default, is_default=True), *(entry for entry in found if entry is not default)]


def _application_folders() -> list[Path]:
    """Where desktop entries lie, the most important first."""
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    shared = (os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":")
    return [folder / "applications" for folder in (home, *map(Path, filter(None, shared)))]


def _entries(folders: Iterable[Path], language: str) -> dict[str, DesktopEntry]:
    """Return what opens pictures and can be started, by id; an entry of the person's own hides one of the system's."""
    present: dict[str, DesktopEntry] = {}
    seen: set[str] = set()
    for folder in folders:
        for path in sorted(folder.rglob("*.desktop")):
            entry_id = "-".join(path.relative_to(folder).parts)
            if entry_id in seen:
                continue
            seen.add(entry_id)
            entry = _read_entry(path, entry_id, language)
            if entry is not None:
                present[entry_id] = entry
    return present


def _read_entry(path: Path, entry_id: str, language: str) -> DesktopEntry | None:
    try:
        content = path.read_bytes()
    except OSError as error:
        logger.info("%s: %s", path, error)
        return None
    if _IMAGES not in content:
        return None
    values = next((values for name, values in _groups(content) if name == _ENTRY_GROUP), {})
    command = _split_command(_unescaped(values.get("Exec", "")))
    if not command or not _is_shown(values) or not _can_start(command[0], values.get("TryExec", "")):
        return None
    return DesktopEntry(
        id=entry_id,
        name=_unescaped(_in_language(values, "Name", language)) or path.stem,
        command=command,
        mime_types=frozenset(_list(values.get("MimeType", ""))),
    )


def _is_shown(values: Mapping[str, str]) -> bool:
    """Whether a person shall meet the program on this desktop."""
    if values.get("Type") != "Application":
        return False
    # A terminal there is no way to open that all desktops share.
    if any(values.get(key) == "true" for key in ("Hidden", "NoDisplay", "Terminal")):
        return False
    desktops = set(os.environ.get("XDG_CURRENT_DESKTOP", "").split(":"))
    only, not_in = _list(values.get("OnlyShowIn", "")), _list(values.get("NotShowIn", ""))
    return (not only or bool(desktops & set(only))) and not desktops & set(not_in)


def _can_start(program: str, tried: str) -> bool:
    return all(shutil.which(name) is not None for name in filter(None, (program, _unescaped(tried))))


def _associations(folders: Iterable[Path], mime_types: Sequence[str]) -> tuple[set[str], set[str], list[str]]:
    """Return which programs were added for a kind of file, which were removed, and which are to be taken, in order."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    shared = (os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
    desktops = [name.lower() for name in os.environ.get("XDG_CURRENT_DESKTOP", "").split(":") if name]
    names = [*(f"{desktop}-mimeapps.list" for desktop in desktops), "mimeapps.list"]
    added: set[str] = set()
    removed: set[str] = set()
    chosen: list[str] = []
    lists = [folder / name for folder in (home, *map(Path, filter(None, shared)), *folders) for name in names]
    of_files = [dict(_groups(_read(path))) for path in lists]
    for groups in of_files:
        for mime_type in mime_types:
            # What the person took away stays so, whatever less important files say.
            added.update(set(_list(groups.get("Added Associations", {}).get(mime_type, ""))) - removed)
            removed.update(set(_list(groups.get("Removed Associations", {}).get(mime_type, ""))) - added)
    for mime_type in mime_types:
        for group in ("Default Applications", "Added Associations"):
            for groups in of_files:
                chosen += _list(groups.get(group, {}).get(mime_type, ""))
    return added, removed, [name for name in chosen if name not in removed]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _groups(content: bytes) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each group of a file of keys, with its keys; of a key or a group twice the first counts."""
    groups: dict[str, dict[str, str]] = {}
    values: dict[str, str] = {}
    for line in content.decode("utf-8", errors="replace").splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            values = groups.setdefault(line[1:-1], {})
        elif "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            values.setdefault(key.rstrip(), value.lstrip())
    yield from groups.items()


def _in_language(values: Mapping[str, str], key: str, language: str) -> str:
    for locale in (language, language.split("_")[0]):
        if locale and f"{key}[{locale}]" in values:
            return values[f"{key}[{locale}]"]
    return values.get(key, "")


def _list(value: str) -> list[str]:
    return [part.strip() for part in value.split(";") if part.strip()]


def _unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: _STRING_ESCAPES.get(found.group(1), found.group(0)), value)


def _split_command(command: str) -> tuple[str, ...]:
    """Return a command's arguments; within quotes a backslash takes the next character as it is."""
    arguments = []
    for found in _ARGUMENT.finditer(command):
        quoted, plain = found.groups()
        arguments.append(plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
    return tuple(arguments)


def _codes(argument: str) -> set[str]:
    return set(re.findall(r"%(.)", argument))


def _as_asked(code: str, file: Path) -> str:
    return file.absolute().as_uri() if code in "uU" else str(file)
