"""The noise that a run has learned, read from its folder."""

import os
from collections.abc import Iterable
from pathlib import Path

from app.core.run_catalog import RunEntry
from engine.contracts.errors import InvalidInputError
from engine.contracts.learned_noise import LearnedNoise
from engine.photo_files.metadata.provenance import read_provenance
from engine.simulation.learned.noise_file import NOISE_FILE, load_noise


def stored_noise(run: Path) -> LearnedNoise | None:
    """Return what a run has learned of its photos' noise; None where it learned none, or the file is damaged."""
    try:
        return load_noise(run / NOISE_FILE)
    except InvalidInputError:
        # Whatever else the run holds can still be looked at.
        return None


def noise_file_of(restored: Path, label: str, runs: Iterable[RunEntry]) -> Path | None:
    """Return the file of the noise that was learned by the run that restored a photo; None where there is none.

    Args:
        restored: The restored photo; it says itself which run that was, unless its format has no room for that.
        label: What made it, for one that does not say: the name of a run.
        runs: Those that there are, the newest first.
    """
    known = [entry for entry in runs if os.path.isfile(entry.path / NOISE_FILE)]
    said = read_provenance(restored)
    for entry in known:
        if entry.record.id == said.run if said is not None and said.run else entry.record.name == label:
            return entry.path / NOISE_FILE
    return None
