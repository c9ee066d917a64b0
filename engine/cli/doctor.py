"""What this machine has for Residua, and what is missing: the first thing to look at when something does not work."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from engine import __version__
from engine.machine.graphics_cards import find_nvidia_card, why_unused
from engine.machine.places import Place, library_versions
from engine.machine.processes.openmp import WAITING
from engine.machine.system_libraries import (
    QT_LIBRARIES,
    X11_LIBRARIES,
    has_display,
    missing_font_packages,
    missing_packages,
)
from engine.machine.system_memory import available_memory, total_memory

_GIB = 1024**3
_LEAST_MEMORY = 2 * _GIB
_LEAST_DISK = 1 * _GIB


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that keeps a part of the program from working, and what to do about it."""

    message: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What was found.

    Attributes:
        facts: By name, in the order in which they are shown.
        problems: What is wrong; empty on a healthy machine.
    """

    facts: Mapping[str, Any]
    problems: tuple[Problem, ...]

    def as_text(self) -> str:
        """Return it for a person."""
        width = max(map(len, self.facts))
        lines = [f"{name.replace('_', ' '):<{width}}  {_phrase(value)}" for name, value in self.facts.items()]
        lines += [f"Problem: {problem.message} {problem.hint}" for problem in self.problems]
        lines.append("Everything is in order." if not self.problems else f"{len(self.problems)} to look at.")
        return "\n".join(lines)

    def as_fields(self) -> dict[str, Any]:
        """Return it for a script."""
        return {**self.facts, "problems": self.problems}


def examine() -> Examination:
    """Look at the machine. Nothing is changed."""
    problems: list[Problem] = []
    runs_folder = Place.RUNS.path()
    card, card_problem = _nvidia_card()
    facts = {
        "residua": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "versions": _versions(),
        **_compute_facts(),
        **card,
        "memory_gib": round(total_memory() / _GIB, 1),
        "memory_available_gib": round(available_memory() / _GIB, 1),
        "runs_folder": str(runs_folder),
        "runs_folder_writable": _can_write(runs_folder),
        "disk_free_gib": round(shutil.disk_usage(_existing_parent(runs_folder)).free / _GIB, 1),
        "display": has_display(),
        "missing_packages": _missing_packages(),
    }
    if card_problem is not None:
        problems.append(card_problem)
    if not facts["runs_folder_writable"]:
        problems.append(
            Problem(
                message=f"Runs cannot be stored in {runs_folder}.",
                hint="Make the folder writable, or set RESIDUA_DATA to another one.",
            )
        )
    if available_memory() < _LEAST_MEMORY:
        problems.append(Problem(message="Less than 2 GiB of memory is free.", hint="Close other programs."))
    if shutil.disk_usage(_existing_parent(runs_folder)).free < _LEAST_DISK:
        problems.append(Problem(message="Less than 1 GiB of disk is free for runs.", hint="Free some space."))
    if facts["missing_packages"]:
        problems.append(
            Problem(
                message="The window cannot be opened: system packages are missing.",
                hint=f"Install them: apt-get install -y {' '.join(facts['missing_packages'])}",
            )
        )
    return Examination(facts=facts, problems=tuple(problems))


def _compute_facts() -> dict[str, Any]:
    import torch

    from engine.contracts.configs import ComputeConfig
    from engine.machine.devices import available_devices, num_cpu_threads, open_device

    device = open_device(ComputeConfig())
    facts: dict[str, Any] = {
        "devices": available_devices(),
        "device": device.name,
        "precision": device.precision,
        "backends": _backends(),
        "cpu_cores": os.cpu_count(),
        "cpu_threads": num_cpu_threads(),
        "openmp_waiting": {name: os.environ[name] for name in WAITING if name in os.environ},
    }
    if device.name == "cuda":
        facts["graphics_card"] = torch.cuda.get_device_name()
        facts["graphics_memory_gib"] = round(torch.cuda.get_device_properties(0).total_memory / _GIB, 1)
    return facts


def _nvidia_card() -> tuple[dict[str, str], Problem | None]:
    """The NVIDIA card's name and driver, and what keeps torch from it."""
    import torch

    card = find_nvidia_card()
    if card is None:
        return {}, None
    found = why_unused(card, built_for=torch.version.cuda, is_usable=torch.cuda.is_available())
    facts = {"nvidia_card": card.name, "nvidia_driver": card.driver, "torch_cuda": torch.version.cuda or "none"}
    return facts, None if found is None else Problem(message=found[0], hint=found[1])


def _backends() -> list[str]:
    """The libraries that can compute a restoration on the processor, and for how many models each was the quickest."""
    from engine.restoring.backends.selection import COMPILED, count_choices, installed_version

    counts = count_choices()
    names = ["torch", *(f"{name} {version}" for name in COMPILED if (version := installed_version(name)))]
    return [f"{name} (chosen for {counts[key]})" if (key := name.split()[0]) in counts else name for name in names]


def _versions() -> dict[str, str]:
    versions = library_versions()
    for name in ("PySide6-Essentials", "pyqtgraph", "scikit-image", "imagecodecs"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "missing"
    return versions


def _missing_packages() -> list[str]:
    if sys.platform != "linux":
        return []
    # Without a display only the offscreen parts of the window are used, if any.
    libraries = {**QT_LIBRARIES, **X11_LIBRARIES} if has_display() else QT_LIBRARIES
    return missing_packages(libraries) + missing_font_packages()


def _can_write(folder: Path) -> bool:
    """Tell whether a file can be written below a folder, which may not be there yet."""
    try:
        # One on a drive that is gone is there, and cannot be asked; what lies above it could be written.
        with suppress(FileNotFoundError):
            folder.stat()
        with tempfile.TemporaryFile(dir=_existing_parent(folder)):
            return True
    except OSError:
        return False


def _existing_parent(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if os.path.isdir(path))


def _phrase(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return str(value)
