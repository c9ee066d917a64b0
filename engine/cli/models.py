"""The commands about model files: giving a model away, taking one in."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.options import find_run_or_model
from engine.cli.reporting import Ending, print_result, set_up_logging

_Json = Annotated[bool, typer.Option("--json", help="For scripts: one JSON object as the last line of stdout.")]
_Name = Annotated[str, typer.Option("--name", help="What to call the model. Default: as it is called.")]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the command line."""
    app.command(name="export")(export)
    app.command(name="import")(take_in)


def export(
    model: Annotated[
        str, typer.Argument(metavar="RUN|MODEL|starter", help="A run's folder or id, a model file, or starter.")
    ],
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Ends in .safetensors, or in .onnx for other programs."),
    ],
    name: _Name = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there already.")] = False,
    as_json: _Json = False,
) -> None:
    """Write a model with its card to a file, for Residua elsewhere or, as ONNX, for other programs."""
    from engine.models.exchange import export_model
    from engine.models.reading import read_card

    set_up_logging(as_json)
    source = find_run_or_model(model)
    written = export_model(source, file.absolute(), name or read_card(source).name, may_replace=overwrite)
    _tell(f"The model is in {written}.", {"status": "done", "model": written}, as_json)


def take_in(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model file of Residua: .safetensors or .onnx.")],
    name: _Name = "",
    as_json: _Json = False,
) -> None:
    """Take a model file into the runs, after its weights were checked."""
    from engine.models.exchange import import_model
    from engine.runs.store import RunStore

    set_up_logging(as_json)
    run = import_model(RunStore(), file.absolute(), name)
    summary = f"The model is the run {run.path.name} now: residua restore {run.path.name} PATH... --out DIR"
    _tell(summary, {"status": "done", "run": run.path}, as_json)


def _tell(summary: str, fields: dict[str, object], as_json: bool) -> None:
    print_result(Ending(summary=summary, fields=fields), as_json=as_json)
