"""What the pair doctor has measured, kept by the identity of the files: a pair is examined once."""

from pathlib import Path

from engine.labelling.doctor_measures import PairMeasures
from engine.machine.caches import KeptMeasures
from engine.photos.decoded_files import DECODER_VERSION
from engine.photos.pairs import PhotoPair

CACHE_VERSION = 3
"""To be raised when `PairMeasures` or what it is computed from changes."""

MAX_PAIRS = 5000


class MeasuresCache:
    """Measures by the identity of a pair's two files."""

    def __init__(self, path: Path) -> None:
        """Read what is there; a file that cannot be read or is of another version counts as empty.

        Args:
            path: The cache's file.
        """
        self._kept = KeptMeasures(path, PairMeasures, version=CACHE_VERSION * 1000 + DECODER_VERSION, limit=MAX_PAIRS)

    def find(self, pair: PhotoPair) -> PairMeasures | None:
        """Return what was measured on a pair; None where nothing was, or a file has changed since."""
        return self._kept.find((pair.noisy, pair.clean))

    def add(self, pair: PhotoPair, measures: PairMeasures) -> None:
        """Remember what was measured on a pair; of too many the oldest are forgotten."""
        self._kept.add((pair.noisy, pair.clean), measures)

    def save(self) -> None:
        """Write the file if there is anything new."""
        self._kept.save()
