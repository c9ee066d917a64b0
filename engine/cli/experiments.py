"""The commands about labels: which photos to label, and what labels are worth."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine import jobs
from engine.cli.options import find_run_or_model, make_config, options_from
from engine.cli.reporting import EXIT_SOME_FAILED, Ending, phrase_duration, run_job
from engine.contracts.configs import Preset, SuggestLabelsConfig
from engine.contracts.label_budget import LabelBudgetConfig

if TYPE_CHECKING:
    from engine.label_budget.reports.results import LabelBudgetResult
    from engine.labelling.suggestion import LabelSuggestion

_Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="For scripts: progress as JSON lines on stderr, one JSON object as the last line of stdout.",
    ),
]
_Folders = Annotated[list[Path], typer.Argument(metavar="FOLDER", help="Folders or files of noisy photos.")]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the command line."""
    app.command(name="suggest-labels")(suggest_labels)
    app.command(name="label-budget")(label_budget)


@options_from(SuggestLabelsConfig, leave_out={"model", "photos", "count"})
def suggest_labels(
    folders: _Folders,
    model: Annotated[
        str, typer.Option("--from", metavar="RUN|MODEL|starter", help="The model that tells their noise apart.")
    ],
    count: Annotated[int, typer.Option("-k", "--count", min=1, max=1000, help="How many photos to suggest.")] = 5,
    as_json: _Json = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Suggest the few photos whose clean references would teach most."""
    config = make_config(SuggestLabelsConfig, **settings, model=find_run_or_model(model), photos=folders, count=count)
    run_job(jobs.suggest_labels, config, _describe_suggestion, as_json=as_json)


@options_from(LabelBudgetConfig, leave_out={"noisy", "clean", "out", "labels", "methods", "preset"})
def label_budget(
    folders: _Folders,
    clean: Annotated[list[Path], typer.Option("--clean", metavar="DIR", help="Clean references; can be repeated.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder for trainings and results; given again, it goes on.")
    ],
    labels: Annotated[
        str, typer.Option("--labels", metavar="0,1,2,...,all", help="Numbers of labels to compare.")
    ] = "0,1,2,5,10,all",
    methods: Annotated[
        str, typer.Option("--methods", metavar="NAME,NAME,...", help="Methods to compare. Default: all.")
    ] = "",
    preset: Annotated[Preset, typer.Option("--preset", help="How much time each training may take.")] = Preset.QUICK,
    as_json: _Json = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Measure what pretraining and a few more labels are worth on your own photos; long, and can be resumed."""
    config = make_config(
        LabelBudgetConfig,
        **settings,
        noisy=folders,
        clean=clean,
        out=out,
        labels=_split(labels),
        methods=_split(methods),
        preset=preset,
    )
    run_job(jobs.label_budget, config, _describe_label_budget, as_json=as_json)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _describe_suggestion(result: "LabelSuggestion") -> Ending:
    lines = [f"{label.photo}\n    {label.sentence}" for label in result.suggested]
    lines.append(f"{len(result.suggested)} of {result.num_photos:,} photos suggested.")
    fields = {
        "suggested": result.suggested,
        "num_photos": result.num_photos,
        "skipped": result.skipped,
        "seconds": result.seconds,
    }
    return Ending(summary="\n".join(lines), fields=fields, exit_code=EXIT_SOME_FAILED if result.skipped else 0)


def _describe_label_budget(result: "LabelBudgetResult") -> Ending:
    lines = [result.verdict, ""]
    for row in result.figures.rows:
        interval = f"  ({row.gain.low:+.2f} to {row.gain.high:+.2f})" if row.gain.has_interval else ""
        lines.append(f"{row.title:<40} {row.num_labels:>4} labels  {row.gain.mean:+.2f} dB{interval}")
    lines += [f"Failed: {item.name}: {item.reason}" for item in result.failed]
    lines.append(f"{result.num_trainings} models in {phrase_duration(result.seconds)}. Chart and tables: {result.out}")
    fields = {
        "verdict": result.verdict,
        "out": result.out,
        "files": result.files,
        "noisy_psnr": result.figures.noisy_psnr,
        "num_evaluation": result.figures.num_evaluation,
        "rows": result.figures.rows,
        "comparisons": result.figures.comparisons,
        "left_out": result.left_out,
        "failed": result.failed,
        "skipped": result.skipped,
        "seconds": result.seconds,
    }
    some_failed = bool(result.failed or result.skipped)
    return Ending(summary="\n".join(lines), fields=fields, exit_code=EXIT_SOME_FAILED if some_failed else 0)
