"""Which folder holds what: the data of a person, below one folder."""

import os
from importlib import metadata
from pathlib import Path

import platformdirs

from engine.contracts.errors import RunStoreError

DATA_FOLDER_VARIABLE = "RESIDUA_DATA"


_LIBRARIES = ("residua", "torch", "lightning-fabric", "numpy", "opencv-python-headless")


def default_runs_folder() -> Path:
    """Return where runs live: below RESIDUA_DATA if that is set, else in the user's data folder.

    Raises:
        RunStoreError: The user has no home folder, as in some containers and services.
    """
    chosen = os.environ.get(DATA_FOLDER_VARIABLE)
    try:
        base = Path(chosen or platformdirs.user_data_dir("Residua", appauthor=False))
        # As `Path.home` does: this is what is left of "~" where nobody knows what it stands for.
        if base.parts[:1] == ("~",):
            raise RuntimeError("no home folder")
    except RuntimeError as error:
        raise RunStoreError(
            "There is no home folder to keep runs and settings in.",
            f"Set the environment variable {DATA_FOLDER_VARIABLE} to a folder that can be written to.",
        ) from error
    return base.absolute() / "runs"


def library_versions() -> dict[str, str]:
    """Return the versions of this program and of what its results depend on, without importing anything."""
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
