"""What a report on restored photos is about; free of what is slow to import."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.contracts.photo import PhotoRef
from engine.contracts.results import PhotoOutcome


@dataclass(frozen=True, kw_only=True)
class RestoreReportConfig:
    """What the report is about.

    Attributes:
        path: The HTML file; its folder must exist. The CSV file lies beside it under the same name.
        outcomes: What became of each photo.
        earlier_results: Files that were passed over since they are results themselves.
    """

    path: Path
    outcomes: tuple[PhotoOutcome, ...]
    earlier_results: tuple[PhotoRef, ...] = ()


def report_path(folder: Path) -> Path:
    """Return the name of a report that is written now; of none that is there already."""
    name = f"Restoration report {datetime.now():%Y-%m-%d %H.%M.%S}"
    numbered = (name, *(f"{name}_{number}" for number in range(2, 1000)))
    free = next((one for one in numbered if not (folder / f"{one}.html").exists()), name)
    return folder / f"{free}.html"
