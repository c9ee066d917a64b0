"""The parts of the scripted user's way, and what each may rely on."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Part:
    """One part.

    Attributes:
        name: As on the command line.
        module: In this package. `prepare(plan)` returns what is opened at the start; `live(person, plan)` does it.
        number: Its place; the screenshots' names begin with it.
    """

    name: str
    module: str
    number: int


@dataclass(frozen=True)
class Plan:
    """What a part gets.

    Attributes:
        data: The program's data folder, empty at first.
        shared: The real photos; never written to.
        steps: Of each training.
        watch_s: How long the window's lateness is measured while it trains.
    """

    data: Path
    shared: Path
    steps: int
    watch_s: float

    @property
    def polyu(self) -> Path:
        """Noisy photos and references of the same names in its folders "noisy" and "clean"."""
        return self.shared / "real_noisy_pairs" / "polyu"


_NAMES = ("start", "photos", "training", "labels", "budget", "restore", "compare", "inspector", "runs", "window")

PARTS = {name: Part(name, f"{name}_part", number) for number, name in enumerate(_NAMES, start=1)}
