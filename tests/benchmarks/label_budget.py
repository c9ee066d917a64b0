"""What labels are worth on real camera photos: the 60 `polyu` pairs, labels drawn five times.

    python3 run.py bench label_budget [--preset quick] [--seeds 5] [--steps 2000] [--pretraining-share 0.5]
        [--methods NAME ...] [--labels 0 1 2 5 10] [--runs DIR]

Every noisy photo may be learned from without its reference; each model is measured on the photos whose references did
not teach it: with 5 labels, on the other 55. All methods take the same number of steps, pretraining included. The
trainings stay in DIR, and what is done is not done again: a stopped benchmark goes on, and one with more methods or
repetitions adds to it. Writes its section of `docs/benchmarks.md` and `docs/benchmarks.json`.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.contracts.configs import Preset
from engine.contracts.errors import InvalidInputError
from engine.contracts.events import JobEvent, JobWarning, StepDone, TrainingMeasured
from engine.contracts.job_control import JobControl
from engine.contracts.label_budget import LabelBudgetConfig
from engine.jobs import label_budget
from engine.label_budget.methods import available_methods
from engine.label_budget.plan import phrase_labels
from engine.label_budget.reports.files import CHART_PNG, CHART_SVG, JSON_FILE
from engine.label_budget.reports.results import BudgetFigures, LabelBudgetResult
from engine.label_budget.reports.statistics import Estimate, estimate
from engine.machine.atomic_files import write_bytes_atomically
from tests.benchmarks.document import DOCS, Chart, Section, Table, write_section
from tests.benchmarks.reporting import SHARED_DATA, describe_machine, require

NAME = "label_budget"
METHODS = ("scratch", "rcl", "suggested", "starter", "starter+rcl")
BOTH = "starter+rcl"
RUNS = Path(__file__).resolve().parents[2] / "build" / "benchmarks" / NAME

TEXT = """\
The 60 `polyu` pairs (crops of real camera JPEGs at ISO 1600 to 12800). Labels are drawn anew in each repetition; fewer
labels are among more. Every noisy photo may be learned from without its reference, and a model is measured on the
photos whose references did not teach it. All methods take {steps:,} steps, of which {pretraining:,} go to pretraining
where there is one; a method without labels has taken those alone. Intervals are 95 % over the repetitions (Student's
t).

{verdict}
"""


def show(event: JobEvent) -> None:
    """Print what is done, and the progress on a terminal."""
    if isinstance(event, TrainingMeasured):
        print(f"{event.title}: {event.gain:+.2f} dB ({event.num_done} of {event.num_trainings})", flush=True)
    elif isinstance(event, JobWarning):
        print(f"{event.message} {event.hint}", file=sys.stderr, flush=True)
    elif isinstance(event, StepDone) and sys.stderr.isatty():
        left = "" if event.seconds_left is None else f", {event.seconds_left / 60:.0f} min left"
        print(f"\r{event.stage}: {event.step:,}/{event.num_steps:,}{left}   ", end="", file=sys.stderr, flush=True)


def run(arguments: argparse.Namespace) -> None:
    """Run the experiment and write the section."""
    photos = require(SHARED_DATA / "real_noisy_pairs" / "polyu")
    available, left_out = available_methods()
    missing = [f"{item.name}: {item.reason}" for item in left_out if item.name in arguments.methods]
    config = LabelBudgetConfig(
        noisy=(photos / "noisy",),
        clean=(photos / "clean",),
        out=arguments.runs,
        labels=tuple(arguments.labels),
        seeds=arguments.seeds,
        methods=tuple(name for name in arguments.methods if name in available or name not in METHODS),
        preset=arguments.preset,
        steps=arguments.steps,
        pretraining_share=arguments.pretraining_share,
        evaluate_on="others",
        unlabelled="all",
        workers=arguments.workers,
    )
    started = time.monotonic()
    try:
        result = label_budget(config, JobControl(), show)
    except InvalidInputError as error:
        sys.exit(str(error))
    minutes = (time.monotonic() - started) / 60
    print(result.verdict)
    for line in acceptance(result):
        print(" ".join(line))
    images = arguments.out / "images"
    images.mkdir(parents=True, exist_ok=True)
    for file in (CHART_PNG, CHART_SVG):
        write_bytes_atomically(images / f"benchmark_{NAME}{Path(file).suffix}", (result.out / file).read_bytes())
    section = Section(
        title="Few labels",
        text=TEXT.format(steps=config.total_steps, pretraining=config.pretraining_steps, verdict=result.verdict),
        command=command(arguments),
        seeds=list(range(arguments.seeds)),
        minutes=max(minutes, training_minutes(result)),
        machine=describe_machine(),
        tables=[
            gains_table(result.figures),
            differences_table(result.figures),
            Table(title="Against the bars", header=("what", "bar", "found"), rows=acceptance(result)),
        ],
        charts=[Chart(file=f"benchmark_{NAME}.png", caption="PSNR above the noisy photos by number of labels, dB")],
        missing=[*missing, *(f"{item.name}: {item.reason}" for item in (*result.left_out, *result.failed))],
        data=experiment_data(result),
    )
    write_section(NAME, section, arguments.out)


def command(arguments: argparse.Namespace) -> str:
    """What measures the same again."""
    words = [f"--preset {arguments.preset.value}", f"--seeds {arguments.seeds}"]
    if arguments.steps:
        words.append(f"--steps {arguments.steps}")
    if arguments.pretraining_share:
        words.append(f"--pretraining-share {arguments.pretraining_share:g}")
    words += [f"--methods {' '.join(arguments.methods)}", f"--labels {' '.join(map(str, arguments.labels))}"]
    return f"python3 run.py bench {NAME} {' '.join(words)}"


def experiment_data(result: LabelBudgetResult) -> dict[str, Any]:
    """All figures of the experiment, without where this machine keeps its photos."""
    data: dict[str, Any] = json.loads((result.out / JSON_FILE).read_text(encoding="utf-8"))
    for name in ("noisy", "clean", "out"):
        del data["settings"][name]
    return data


def training_minutes(result: LabelBudgetResult) -> float:
    """Of all trainings, those of earlier sessions included."""
    seconds = sum(training["seconds"] for training in experiment_data(result)["trainings"].values())
    return float(seconds) / 60


def gains_table(figures: BudgetFigures) -> Table:
    """Gain over the noisy photos by method and labels."""
    counts = sorted({row.num_labels for row in figures.rows})
    rows = []
    for method in dict.fromkeys(row.method for row in figures.rows):
        own = {row.num_labels: row for row in figures.rows if row.method == method}
        title = next(iter(own.values())).title
        rows.append((title, *(phrase(own[count].gain) if count in own else "–" for count in counts)))
    header = ("labels", *(str(count) for count in counts))
    return Table(title="PSNR above the noisy photos, dB (95 % interval)", header=header, rows=rows)


def differences_table(figures: BudgetFigures) -> Table:
    """Paired differences between methods with the same labels."""
    found = [item for item in figures.comparisons if item.method != item.reference]
    counts = sorted({item.num_labels for item in found})
    rows = []
    for pair in dict.fromkeys((item.method, item.reference) for item in found):
        own = {item.num_labels: item.difference for item in found if (item.method, item.reference) == pair}
        rows.append((" − ".join(pair), *(phrase(own[count]) if count in own else "–" for count in counts)))
    header = ("labels", *(str(count) for count in counts))
    return Table(title="Paired differences on the same photos, dB (95 % interval)", header=header, rows=rows)


def acceptance(result: LabelBudgetResult) -> Sequence[tuple[str, str, str]]:
    """What was promised of few labels, and what was found."""
    figures = result.figures
    rows = {(row.method, row.num_labels): row for row in figures.rows}
    lines = []
    if ("rcl", 5) in rows:
        lines.append(("rcl with 5 labels above the noisy photos", "+1.20 dB", phrase(rows["rcl", 5].gain)))
    for item in figures.comparisons:
        if (item.method, item.reference) == ("rcl", "scratch") and item.num_labels:
            title = f"rcl above scratch with {phrase_labels(item.num_labels)}"
            lines.append((title, "interval above 0", phrase(item.difference)))
    least = [row.least_above_no_label for row in figures.rows if row.method == "rcl"]
    known = [value for value in least if value is not None]
    if known:
        lines.append(
            ("rcl with labels, the worst draw against its own result without", "−0.10 dB", f"{min(known):+.2f} dB")
        )
    if (BOTH, 5) in rows:
        lines.append(
            ("starter, then rcl, with 5 labels above the noisy photos", "+2.50 dB", phrase(rows[BOTH, 5].gain))
        )
        lines += forgotten(experiment_data(result))
    return [(title, bar, text.replace("-", "−")) for title, bar, text in lines]


def forgotten(data: dict[str, Any]) -> list[tuple[str, str, str]]:
    """How much the starter's result on simulated noise of other cameras has changed, as its own runs have measured."""
    changes = [
        training["metrics"]["other_noise_psnr"] - training["metrics"]["other_noise_psnr_starter"]
        for name, training in data["trainings"].items()
        if name.startswith(f"{BOTH}_5-labels") and "other_noise_psnr" in training["metrics"]
    ]
    if not changes:
        return []
    return [
        ("the same on simulated noise of other cameras, against the starter", "−0.30 dB", phrase(estimate(changes)))
    ]


def phrase(value: Estimate) -> str:
    """A mean with its interval."""
    interval = f" ({value.low:+.2f} to {value.high:+.2f})" if value.has_interval else ""
    return f"{value.mean:+.2f}{interval}".replace("-", "−")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", type=Preset, default=Preset.QUICK, choices=list(Preset))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="of every method in all; default: by the preset")
    parser.add_argument("--pretraining-share", type=float, help="of the steps; default: by the preset")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), metavar="METHOD")
    parser.add_argument("--labels", nargs="+", type=int, default=[0, 1, 2, 5, 10], metavar="COUNT")
    parser.add_argument("--workers", type=int, help="trainings side by side; default: by the machine")
    parser.add_argument("--runs", type=Path, default=RUNS, help="folder of the trainings; default: build/benchmarks")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of benchmarks.md; default: docs")
    run(parser.parse_args())
