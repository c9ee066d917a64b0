"""Which programs open a file on this system, and starting one of them."""

import ctypes
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QLocale, QMimeDatabase, QProcess, QProcessEnvironment, QUrl
from PySide6.QtGui import QDesktopServices

from app.core.programs.desktop_entries import entries_for
from app.core.programs.mac_applications import applications_for
from app.look.translation import tr

OWN_ENTRY = "residua.desktop"
_LEAST_SUCCESS = 32
"""What Windows answers below is an error."""
_CHANGED_WHEN_FROZEN = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "QT_PLUGIN_PATH", "QML2_IMPORT_PATH")


@dataclass(frozen=True, kw_only=True)
class Program:
    """One way to open files.

    Attributes:
        key: Tells it from others, on this system.
        name: What a menu says.
        open: Opens files; returns whether the program was started.
        is_default: Whether it is what the system itself would take.
    """

    key: str
    name: str
    open: Callable[[Sequence[Path]], bool]
    is_default: bool = False


def programs_for(files: Sequence[Path]) -> list[Program]:
    """Return the programs that open all of some files.

    Args:
        files: At least one. Of several those programs are returned that take them at once.

    Returns:
        What the system is known to take first, then the others by name. Empty where the system knows of none.
    """
    # A thousand photos are of two or three kinds.
    kinds = list({file.suffix.lower(): file for file in files}.values())
    by_kind = [_programs_for(kind, takes_several=len(files) > 1) for kind in kinds]
    common = set.intersection(*({program.key for program in found} for found in by_kind))
    return [program for program in by_kind[0] if program.key in common]


def _programs_for(file: Path, *, takes_several: bool) -> list[Program]:
    if sys.platform == "win32":
        return [] if takes_several else _of_windows()
    if sys.platform == "darwin":
        return _of_mac(file)
    return _of_desktop(file, takes_several=takes_several)


def _of_desktop(file: Path, *, takes_several: bool) -> list[Program]:
    mime_types = _mime_types(file)
    entries = entries_for(mime_types, QLocale().name())
    return [
        Program(
            key=entry.id,
            name=entry.name,
            open=partial(_start, entry.arguments),
            is_default=entry.is_default,
        )
        for entry in entries
        if entry.id != OWN_ENTRY and (entry.takes_several or not takes_several)
    ]


def _of_mac(file: Path) -> list[Program]:
    usual = Program(
        key="default",
        name=tr("The usual program"),
        open=partial(_start, lambda files: ["open", *map(str, files)]),
        is_default=True,
    )
    others = [
        Program(
            key=str(application.bundle),
            name=application.name,
            open=partial(_start, application.arguments),
        )
        for application in applications_for(file.suffix)
    ]
    return [usual, *others]


def _of_windows() -> list[Program]:
    usual = Program(key="default", name=tr("The usual program"), open=_open_as_usual, is_default=True)
    return [usual, Program(key="choose", name=tr("Choose a program…"), open=_ask_windows)]


def _open_as_usual(files: Sequence[Path]) -> bool:
    return all(QDesktopServices.openUrl(QUrl.fromLocalFile(str(file))) for file in files)


def _ask_windows(files: Sequence[Path]) -> bool:
    """Let the system ask which program it shall be; it remembers what is chosen there."""
    shell = ctypes.windll.shell32  # type: ignore[attr-defined,unused-ignore]
    return all(int(shell.ShellExecuteW(None, "openas", str(file), None, None, 1)) > _LEAST_SUCCESS for file in files)


def _mime_types(file: Path) -> list[str]:
    """Return a file's type with its other names, then what that is a kind of."""
    found = QMimeDatabase().mimeTypeForFile(str(file), QMimeDatabase.MatchMode.MatchExtension)
    return [found.name(), *found.aliases(), *found.allAncestors()]


def _start(command: Callable[[Sequence[Path]], list[str]], files: Sequence[Path]) -> bool:
    program, *arguments = command(files)
    process = QProcess()
    process.setProgram(program)
    process.setArguments(arguments)
    process.setWorkingDirectory(str(Path.home()))
    environment = QProcessEnvironment()
    for name, value in own_environment(os.environ, is_frozen=getattr(sys, "frozen", False)).items():
        environment.insert(name, value)
    process.setProcessEnvironment(environment)
    started = process.startDetached()
    return bool(started[0] if isinstance(started, tuple) else started)


def own_environment(environment: Mapping[str, str], *, is_frozen: bool) -> dict[str, str]:
    """Return what another program shall see of this one's environment.

    Args:
        environment: This one's.
        is_frozen: Whether this one brings its own libraries along: others would load them in place of theirs.
    """
    given = dict(environment)
    if is_frozen:
        for name in _CHANGED_WHEN_FROZEN:
            before = given.pop(f"{name}_ORIG", None)
            given.pop(name, None)
            if before is not None:
                given[name] = before
    return given
