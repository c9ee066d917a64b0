"""The experiment's files: chart, tables for people and programs, and everything as JSON."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.contracts.label_budget import LabelBudgetConfig
from engine.contracts.photo import PhotoRef
from engine.label_budget.methods import SCRATCH, LeftOut
from engine.label_budget.plan import Plan
from engine.label_budget.reports.chart import draw_chart
from engine.label_budget.reports.results import BudgetComparison, BudgetFigures
from engine.label_budget.reports.statistics import Estimate
from engine.label_budget.scores import Score
from engine.machine.atomic_files import write_bytes_atomically
from engine.machine.json_files import json_text
from engine.machine.places import library_versions
from engine.runs.folder import unwritable, write_text
from engine.translatable import say

CHART_PNG = "chart.png"
CHART_SVG = "chart.svg"
TABLE_CSV = "table.csv"
TABLE_MARKDOWN = "table.md"
JSON_FILE = "label_budget.json"
REPORT_FILES = (CHART_PNG, CHART_SVG, TABLE_CSV, TABLE_MARKDOWN, JSON_FILE)


def write_reports(
    config: LabelBudgetConfig,
    plan: Plan,
    figures: BudgetFigures,
    verdict: str,
    scores: Mapping[str, Score],
    failed: Sequence[LeftOut],
) -> tuple[Path, ...]:
    """Write all files of a finished experiment into its folder.

    Raises:
        RunStoreError: One of them cannot be written.
    """
    note = describe_experiment(config, plan, figures)
    folder = PhotoRef.of(config.noisy[0]).file
    title = say("What labels are worth: {folder} / {experiment}", folder=folder.parent.name, experiment=folder.name)
    chart = draw_chart(plan, figures, title, note)
    texts = {
        TABLE_CSV: as_csv(plan, figures),
        TABLE_MARKDOWN: as_markdown(plan, figures, verdict, note, failed),
        JSON_FILE: json_text(as_fields(config, plan, figures, verdict, scores, failed), indent=1),
    }
    try:
        write_bytes_atomically(config.out / CHART_PNG, chart["png"])
        write_bytes_atomically(config.out / CHART_SVG, chart["svg"])
    except OSError as error:
        raise unwritable(config.out, error) from error
    for name, text in texts.items():
        write_text(config.out / name, text)
    return tuple(config.out / name for name in (CHART_PNG, CHART_SVG, *texts))


def describe_experiment(config: LabelBudgetConfig, plan: Plan, figures: BudgetFigures) -> str:
    """One line: steps, repetitions, photos, intervals."""
    repetitions = (
        "1 repetition"
        if plan.num_seeds == 1
        else say("{num_seeds} repetitions, bars: 95 % interval", num_seeds=plan.num_seeds)
    )
    measured = "held-back photos" if config.evaluate_on == "held-back" else "photos whose labels taught nobody"
    return say(
        "{total_steps:,} steps each, pretraining included; {num_evaluation} {measured}; {repetitions}",
        total_steps=config.total_steps,
        num_evaluation=figures.num_evaluation,
        measured=measured,
        repetitions=repetitions,
    )


def as_csv(plan: Plan, figures: BudgetFigures) -> str:
    """One line a method and number of labels; intervals that do not exist are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    header = ["method", "labels", "repetitions", "photos"]
    header += [f"{name}{part}" for name in ("psnr", "gain", "ssim") for part in ("", "_low", "_high")]
    header += ["above_scratch", "above_scratch_low", "above_scratch_high", "least_above_no_label", "seconds"]
    writer.writerow(header)
    for row in figures.rows:
        against = _find(figures, row.method, SCRATCH, row.num_labels)
        cells: list[Any] = [row.method, row.num_labels, row.gain.count, row.num_photos]
        for value in (row.psnr, row.gain, row.ssim):
            cells += _csv_cells(value)
        cells += _csv_cells(against.difference) if against else ["", "", ""]
        cells += ["" if row.least_above_no_label is None else f"{row.least_above_no_label:.4f}", f"{row.seconds:.1f}"]
        writer.writerow(cells)
    return text.getvalue()


def as_markdown(plan: Plan, figures: BudgetFigures, verdict: str, note: str, failed: Sequence[LeftOut]) -> str:
    """Verdict, gains and differences for a person."""
    counts = [f"{'all, ' if count == plan.all_count else ''}{count}" for count in plan.label_counts]
    lines = [
        verdict,
        "",
        say("{note}. The noisy photos have {noisy_psnr:.2f} dB.", note=note, noisy_psnr=figures.noisy_psnr),
        "",
    ]
    lines += ["PSNR above the noisy photos in dB, mean (95 % interval), by number of labels:", ""]
    lines += [_markdown_row(["method", *counts]), _markdown_row(["---"] * (len(counts) + 1))]
    for method in plan.methods:
        by_count = {row.num_labels: row.gain for row in figures.rows if row.method == method.name}
        cells = [_phrase(by_count.get(count)) for count in plan.label_counts]
        lines.append(_markdown_row([method.title, *cells]))
    titles = {method.name: method.title for method in plan.methods}
    pairs = dict.fromkeys(
        (item.method, item.reference) for item in figures.comparisons if item.method != item.reference
    )
    if pairs:
        lines += ["", "Differences on the same labels in dB, mean (95 % interval), by number of labels:", ""]
        lines += [_markdown_row(["difference", *counts]), _markdown_row(["---"] * (len(counts) + 1))]
    for method_name, reference in pairs:
        found = [_find(figures, method_name, reference, count) for count in plan.label_counts]
        cells = [_phrase(item.difference if item else None) for item in found]
        lines.append(_markdown_row([f"{titles[method_name]} − {titles[reference]}", *cells]))
    for heading, items in (("Not compared:", plan.left_out), ("Failed:", failed)):
        if items:
            lines += ["", heading, "", *(f"- {item.name}: {item.reason}" for item in items)]
    return "\n".join(lines) + "\n"


def as_fields(
    config: LabelBudgetConfig,
    plan: Plan,
    figures: BudgetFigures,
    verdict: str,
    scores: Mapping[str, Score],
    failed: Sequence[LeftOut],
) -> dict[str, Any]:
    """Everything as JSON values, each photo's figures included; an interval that does not exist is null."""
    fields = {
        "verdict": verdict,
        "settings": config.model_dump(mode="json"),
        "total_steps": config.total_steps,
        "pretraining_steps": config.pretraining_steps,
        "versions": library_versions(),
        "noisy_psnr": figures.noisy_psnr,
        "num_evaluation": figures.num_evaluation,
        "evaluation": [pair.noisy.name for pair in plan.photos.evaluation],
        "rows": [asdict(row) for row in figures.rows],
        "comparisons": [asdict(comparison) for comparison in figures.comparisons],
        "left_out": [asdict(item) for item in plan.left_out],
        "failed": [asdict(item) for item in failed],
        "trainings": {
            name: {
                "title": plan.cells[name].title,
                "labels": list(score.labels),
                "steps": score.steps,
                "seconds": score.seconds,
                "metrics": dict(score.metrics),
                "psnr": {photo: item.psnr for photo, item in score.photos.items()},
                "noisy_psnr": {photo: item.noisy_psnr for photo, item in score.photos.items()},
            }
            for name, score in scores.items()
        },
    }
    finite: dict[str, Any] = _finite(fields)
    return finite


def _find(figures: BudgetFigures, method: str, reference: str, count: int) -> BudgetComparison | None:
    for item in figures.comparisons:
        if (item.method, item.reference, item.num_labels, item.reference_labels) == (method, reference, count, count):
            return item
    return None


def _csv_cells(value: Estimate) -> list[str]:
    ends = [f"{value.low:.4f}", f"{value.high:.4f}"] if value.has_interval else ["", ""]
    return [f"{value.mean:.4f}", *ends]


def _phrase(value: Estimate | None) -> str:
    if value is None:
        return ""
    text = f"{value.mean:+.2f}"
    if value.has_interval:
        text += f" ({value.low:+.2f} to {value.high:+.2f})"
    return text.replace("-", "−")


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _finite(value: Any) -> Any:
    """The value with null in place of numbers that JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
