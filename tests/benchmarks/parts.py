"""What the benchmarks of speed share: sides timed in turn, their spread, and parts measured one after the other."""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from engine.contracts.configs import ComputePreference
from engine.machine.devices import prefer
from tests.benchmarks.document import DOCS, Section, Table, stored_data, write_section
from tests.benchmarks.reporting import describe_machine, print_table

Figures = dict[str, Any]
"""Of a part: "tables" (of `Table`) and "figures" (plain values)."""

Found = TypeVar("Found")

Sides = Mapping[str, Callable[[], object]]
Part = Callable[[Path, int], Figures]
"""Measures in an empty folder, each side so many times."""


def timed(sides: Sides, num_runs: int) -> dict[str, list[float]]:
    """Time all sides in turn, after one call of each that does not count.

    Args:
        sides: What to call, by name.
        num_runs: How often each counts.

    Returns:
        Seconds of each run, by name.
    """

    def clocked(call: Callable[[], object]) -> Callable[[], float]:
        def run() -> float:
            started = time.perf_counter()
            call()
            return time.perf_counter() - started

        return run

    return measured_in_turn({name: clocked(call) for name, call in sides.items()}, num_runs)


def measured_in_turn(sides: Mapping[str, Callable[[], float]], num_runs: int) -> dict[str, list[float]]:
    """Let all sides measure themselves in turn, after one call of each that does not count.

    Args:
        sides: What returns a figure, by name.
        num_runs: How often each counts.

    Returns:
        The figures of each run, by name.
    """
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for run in range(num_runs + 1):
        for name, call in sides.items():
            figure = call()
            if run:
                figures[name].append(figure)
    return figures


def spread(figures: Sequence[float], digits: int = 2) -> str:
    """Median, least and most, as a text."""
    return f"{statistics.median(figures):.{digits}f} ({min(figures):.{digits}f} to {max(figures):.{digits}f})"


def ratios(seconds: Mapping[str, Sequence[float]], of: str) -> dict[str, list[float]]:
    """How many times as long as one side each other took, run by run."""
    return {
        name: [theirs / ours for theirs, ours in zip(figures, seconds[of], strict=True)]
        for name, figures in seconds.items()
    }


def with_threads(count: int, call: Callable[[], Found]) -> Found:
    """Call something while the program is set to a number of threads."""
    prefer(ComputePreference(threads=count))
    try:
        return call()
    finally:
        prefer(ComputePreference())


@dataclass(frozen=True, kw_only=True)
class SpeedBenchmark:
    """A section of the document that is measured part by part.

    Attributes:
        name: In `python3 run.py bench NAME`.
        title: Headline.
        text: What was measured and how; `{runs}` stands for the least number of runs.
        parts: What can be measured, in the order of the section.
    """

    name: str
    title: str
    text: str
    parts: Mapping[str, Part]

    def run(self, description: str, arguments: Sequence[str] | None = None) -> None:
        """Measure the parts, print them, and write them into the document beside those measured before.

        Args:
            description: For `--help`.
            arguments: Of the command line; None: this process's.
        """
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("--runs", type=int, default=5, help="how often each side is timed")
        parser.add_argument("--parts", nargs="*", choices=self.parts, default=list(self.parts), help="what to measure")
        parser.add_argument("--docs", type=Path, default=DOCS, help="folder of the document")
        given = parser.parse_args(arguments)
        data = stored_data(self.name, given.docs)
        for part in given.parts:
            started = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                measured = self.parts[part](Path(folder), given.runs)
            for table in measured["tables"]:
                print(f"\n{table.title}\n")
                print_table(table.header, table.rows)
            tables = [
                {"title": one.title, "header": list(one.header), "rows": [list(row) for row in one.rows]}
                for one in measured["tables"]
            ]
            minutes = (time.monotonic() - started) / 60
            data[part] = {"minutes": minutes, "runs": given.runs, "tables": tables, "figures": measured["figures"]}
            write_section(self.name, self.section_of(data), given.docs)

    def section_of(self, data: Mapping[str, Any]) -> Section:
        """The document's section from what all parts have left."""
        measured = [data[name] for name in self.parts if name in data]
        return Section(
            title=self.title,
            text=self.text.format(runs=min(part["runs"] for part in measured)),
            command=f"python3 run.py bench {self.name}",
            seeds=(0,),
            minutes=sum(part["minutes"] for part in measured),
            machine=describe_machine(),
            tables=[Table(**table) for part in measured for table in part["tables"]],
            missing=[f"The part {name}." for name in self.parts if name not in data],
            data=dict(data),
        )
