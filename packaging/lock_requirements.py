"""Write requirements.lock and requirements-dev.lock from what is installed in this environment.

To move to newer versions: install them, run the tests, then `.venv/bin/python packaging/lock_requirements.py`.
Every package that pyproject.toml asks for, directly or not, is pinned to the version found, for all platforms at once.
"""

import sys
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
BUILD_REQUIREMENTS = ("setuptools>=77",)
PLATFORMS = (
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
)
NEVER_LOCKED = ("benchmark", "fuzzing", "mutation")
"""Extras that a person has to ask for by name, because of their licence or because hardly anybody needs them."""

HEADER = """\
# Every package at the exact version that Residua is tested with; written by packaging/lock_requirements.py.
"""


def pin(requirements: Iterable[str]) -> dict[str, str]:
    """Return the versions of the required packages and of all that they need, by name.

    A package that only another platform needs, and that is not installed here, cannot be pinned and is left to pip.
    """
    pinned: dict[str, str] = {}
    seen: set[str] = set()
    todo = [(Requirement(text), frozenset({""})) for text in requirements]
    while todo:
        requirement, wanted_extras = todo.pop()
        if not _is_needed(requirement, wanted_extras):
            continue
        key = f"{canonicalize_name(requirement.name)}{sorted(requirement.extras)}"
        if key in seen:
            continue
        seen.add(key)
        try:
            found = metadata.distribution(requirement.name)
        except metadata.PackageNotFoundError:
            sys.stderr.write(f"not installed here, so not pinned: {requirement}\n")
            continue
        # A local label (2.13.0+cpu) names one build of a version, which other machines cannot get.
        pinned[canonicalize_name(requirement.name)] = found.version.partition("+")[0]
        extras = frozenset({"", *requirement.extras})
        todo += [(Requirement(text), extras) for text in found.requires or ()]
    return pinned


def _is_needed(requirement: Requirement, extras: frozenset[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(
        marker.evaluate({**platform, "extra": extra}) for platform in PLATFORMS for extra in extras
    )


def _write(path: Path, first_lines: str, pins: dict[str, str]) -> None:
    rows = "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()))
    path.write_text(HEADER + first_lines + rows, encoding="utf-8")


def main() -> None:
    """Write both files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = pin([*project["dependencies"], *BUILD_REQUIREMENTS])
    groups = project["optional-dependencies"].items()
    extras = [text for name, texts in groups if name not in NEVER_LOCKED for text in texts]
    development = {name: version for name, version in pin(extras).items() if name not in needed}
    _write(ROOT / "requirements.lock", "# To run the program.\n", needed)
    _write(ROOT / "requirements-dev.lock", "# In addition: to test and to package it.\n", development)


if __name__ == "__main__":
    main()
