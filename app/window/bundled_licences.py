"""The licences of all that comes with the program: its own list where it is frozen, else what is installed."""

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from engine.machine.json_files import read_json_object
from engine.machine.shipped_files import shipped_folders

LICENCES_FOLDER: Final = "licences"
LICENCES_FILE: Final = "licences.json"

_LICENCE_FILE = re.compile(r"(^|/)(licen[cs]es?/|(licen[cs]e|copying|notice|authors)[^/]*$)", re.IGNORECASE)
_NAME_LINE = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_LONGEST_NAME = 80


@dataclass(frozen=True, kw_only=True)
class BundledPackage:
    """A package that comes with the program.

    Attributes:
        name: As its authors write it.
        version: Its version; empty where it has none.
        licence: What it calls its licence.
        text: The licence, in full; empty where the package holds none.
    """

    name: str
    version: str
    licence: str
    text: str


def bundled_packages() -> tuple[BundledPackage, ...]:
    """Return what comes with the program, by name."""
    for folder in shipped_folders(LICENCES_FOLDER):
        file = folder / LICENCES_FILE
        if os.path.isfile(file):
            return tuple(BundledPackage(**entry) for entry in read_json_object(file)["packages"])
    return collect_packages(required_packages("residua"))


def dump_packages(packages: Iterable[BundledPackage]) -> str:
    """Return them as the JSON text that `bundled_packages` reads."""
    return json.dumps({"packages": [asdict(package) for package in packages]}, indent=1, ensure_ascii=False)


def required_packages(name: str) -> tuple[str, ...]:
    """Return the names of a package and of all installed ones that it needs to run, itself first."""
    found: dict[str, None] = {}
    waiting = [name]
    while waiting:
        wanted = waiting.pop(0)
        key = re.sub(r"[-_.]+", "-", wanted).lower()
        if key in found:
            continue
        try:
            requirements = metadata.requires(wanted) or []
        except metadata.PackageNotFoundError:
            # Needed on another system alone.
            continue
        found[key] = None
        for text in requirements:
            match = _NAME_LINE.match(text)
            if match and "extra ==" not in text:
                waiting.append(match[1])
    return tuple(found)


def collect_packages(names: Iterable[str]) -> tuple[BundledPackage, ...]:
    """Return installed packages with their licences, by name; names that are not installed are passed over."""
    packages = []
    for name in names:
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        facts = distribution.metadata
        packages.append(
            BundledPackage(
                name=facts["Name"],
                version=distribution.version,
                licence=_licence_name(facts.get_all("Classifier") or [], facts["License-Expression"], facts["License"]),
                text="\n\n".join(_licence_texts(distribution)),
            )
        )
    return tuple(sorted(packages, key=lambda package: package.name.lower()))


def _licence_name(classifiers: list[str], expression: str | None, free_text: str | None) -> str:
    if expression:
        return expression
    named = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License :: ")]
    if free_text and len(free_text) <= _LONGEST_NAME and "\n" not in free_text:
        return free_text
    return ", ".join(named)


def _licence_texts(distribution: metadata.Distribution) -> Iterator[str]:
    for file in distribution.files or []:
        place = file.as_posix()
        # The package's own folders may hold modules of such names.
        if ".dist-info/" not in place or not _LICENCE_FILE.search(place.partition(".dist-info/")[2]):
            continue
        path = Path(str(file.locate()))
        if os.path.isfile(path):
            yield path.read_text(encoding="utf-8", errors="replace").strip()
