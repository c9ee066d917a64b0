"""Which folder holds what: everything that the program keeps, each with its name."""

import os
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from importlib import metadata
from pathlib import Path
from typing import Final

import platformdirs

from engine.contracts.errors import RunStoreError
from engine.translatable import say

DATA_FOLDER_VARIABLE = "RESIDUA_DATA"

_LIBRARIES = ("residua", "torch", "lightning-fabric", "numpy", "opencv-python-headless")

_ROOTS: Final[dict[str, tuple[Callable[..., Path], str]]] = {
    "data": (platformdirs.user_data_path, ""),
    "settings": (platformdirs.user_config_path, ""),
    "cache": (platformdirs.user_cache_path, "cache"),
    "log": (platformdirs.user_log_path, "logs"),
}
"""Where a system puts what, and where that is below the folder that a person has named for all of it."""


class Place(Enum):
    """A file or folder of a person's: its root, and its name there, which stays: what people have is found by it."""

    RUNS = "data", "runs"
    SAMPLE_PHOTOS = "data", "sample photos"
    DEMONSTRATIONS = "data", "demonstrations"
    ALIGNED_REFERENCES = "data", "aligned"
    BLIND_VOTES = "data", "blind votes.json"
    BACKENDS = "data", "backends"
    COMPARISON_PICTURES = "data", "comparison pictures"
    DECODED_PHOTOS = "data", "cache/decoded photos"
    MEASURED_PHOTOS = "data", "cache/measured_photos.json"
    EXAMINED_PAIRS = "data", "cache/examined_pairs.json"
    SEEN_RESULTS = "data", "cache/seen_results.json"
    THUMBNAILS = "cache", "thumbnails"
    SETTINGS = "settings", "settings.json"
    LOGS = "log", ""

    def path(self) -> Path:
        """Return where it is: below RESIDUA_DATA if that is set, else where the user's system keeps such things.

        Raises:
            RunStoreError: The user has no home folder, as in some containers and services.
        """
        root, name = self.value
        return _root(root) / name


def _root(kind: str) -> Path:
    folder_of, subfolder = _ROOTS[kind]
    chosen = os.environ.get(DATA_FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).absolute() / subfolder
    with suppress(RuntimeError):
        folder = folder_of("Residua", appauthor=False)
        # As `Path.home` does: this is what is left of "~" where nobody knows what it stands for.
        if folder.parts[:1] != ("~",):
            return folder.absolute()
    if kind != "data":
        # Beside the runs, if there is a place for these.
        return _root("data") / subfolder
    raise RunStoreError(
        "There is no home folder to keep runs and settings in.",
        say(
            "Set the environment variable {data_folder_variable} to a folder that can be written to.",
            data_folder_variable=DATA_FOLDER_VARIABLE,
        ),
    )


def library_versions() -> dict[str, str]:
    """Return the versions of this program and of what its results depend on, without importing anything."""
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
