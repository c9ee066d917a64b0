"""The command line: the same jobs as in the window.

The parser must be there at once, so nothing here imports torch before a command runs.
"""

import importlib
import io
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from engine import __version__, jobs
from engine.cli.boundary import CommandLine
from engine.cli.experiments import add_commands as add_experiments
from engine.cli.models import add_commands as add_model_commands
from engine.cli.options import (
    ADVANCED_PANEL,
    find_run_or_model,
    learns_with_twins,
    make_config,
    options_from,
    parse_tile,
    task_of_model,
)
from engine.cli.reporting import (
    EXIT_JOB_FAILED,
    EXIT_SOME_FAILED,
    Ending,
    open_missing_streams,
    phrase_duration,
    print_result,
    run_job,
    set_up_logging,
    to_json,
)
from engine.comparing.baselines.catalogue import BASELINES
from engine.contracts.configs import (
    OWN_NOISE,
    EvaluateConfig,
    FinetuneConfig,
    Preset,
    PretrainConfig,
    RestoreConfig,
    ScanConfig,
)
from engine.contracts.output_formats import EARLIER_FORMATS
from engine.contracts.photo import PhotoRef
from engine.contracts.presets import finetune_preset, pretrain_preset
from engine.contracts.results import EvaluationResult, RestoreResult, ScanResult, TrainingResult, phrase_pages
from engine.machine.processes.environment import complete_environment
from engine.machine.processes.openmp import share_the_processor
from engine.machine.system_libraries import has_display
from engine.machine.system_memory import settle_allocation
from engine.models.starters import STARTER_WORD, starter_to_learn_from

app = typer.Typer(
    name="residua",
    cls=CommandLine,
    help="Restore noisy photos with a network trained on your own machine, on your own photos. "
    "Without a command, the window opens.",
    epilog="Exit codes: 0 all done, 1 some inputs failed and the rest is done, 2 wrong usage, 3 the job failed, "
    "130 cancelled.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="For scripts: progress as JSON lines on stderr, one JSON object as the last line of stdout.",
    ),
]
Noisy = Annotated[list[Path], typer.Option("--noisy", metavar="DIR", help="Noisy photos; can be repeated.")]
NoisyIfAny = Annotated[
    list[Path],
    typer.Option(
        "--noisy",
        metavar="DIR",
        help="Noisy photos; can be repeated. Tasks such as sr2 make them from the clean ones where there are none.",
    ),
]
Clean = Annotated[list[Path], typer.Option("--clean", metavar="DIR", help="Clean references; can be repeated.")]
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL|RUN|starter", help="A model file, a run folder, a run's id, or starter: a model that ships."
    ),
]
Parent = Annotated[
    str, typer.Option("--from", metavar="RUN|MODEL|starter|none", help="What to start from; none: from scratch.")
]
RefinedParent = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="RUN|MODEL|starter|none",
        help="What to start from; none: from scratch. Default: starter, with another method or network none.",
    ),
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="RUN", help="Run folder, new or empty. Default: in the run store.")
]
PresetOption = Annotated[
    Preset, typer.Option("--preset", help="How much time training may take; options given beside it prevail.")
]
Tile = Annotated[
    int, typer.Option("--tile", metavar="auto|PIXELS", parser=parse_tile, help="Tile size, by memory if auto.")
]


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", is_eager=True, help="Show the version and end.")] = False,
    self_test: Annotated[
        bool,
        typer.Option("--self-test", help="Restore a sample photo, train two steps, open the window unseen, and end."),
    ] = False,
) -> None:
    """Restore noisy photos with a network trained on your own machine, on your own photos."""
    # Before any library is imported, so that they log to here instead of handlers of their own.
    set_up_logging(as_json=False)
    if version:
        print(f"residua {__version__}")
        raise typer.Exit
    if self_test:
        # By name, since the engine does not depend on its front end.
        raise typer.Exit(importlib.import_module("app.self_test").main())
    if context.invoked_subcommand is None:
        _open_window()


@app.command()
def scan(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER", help="Folders or files.")],
    recursive: Annotated[bool, typer.Option(help="Look into subfolders too.")] = True,
    estimate_noise: Annotated[bool, typer.Option(help="Measure each photo's noise.")] = True,
    noise_model: Annotated[
        bool, typer.Option("--noise-model", help="Learn what the photos' noise is like, by twins: slower.")
    ] = False,
    levels: Annotated[
        list[str] | None,
        typer.Option("--levels", help=ScanConfig.model_fields["levels"].description, rich_help_panel=ADVANCED_PANEL),
    ] = None,
    as_json: Json = False,
) -> None:
    """List usable photos with their noise, what it has in common, and why the other files cannot be used."""
    config = make_config(
        ScanConfig,
        folders=folders,
        recursive=recursive,
        estimate_noise=estimate_noise,
        noise_model=noise_model,
        levels=levels or (),
    )
    run_job(jobs.scan, config, _describe_scan, as_json=as_json)


@app.command()
@options_from(PretrainConfig, leave_out={"parent", "photos", "out"}, by_preset=pretrain_preset(Preset.BALANCED))
def pretrain(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER", help="Folders or files of noisy photos.")],
    parent: RefinedParent = "",
    out: Out = None,
    preset: PresetOption = Preset.BALANCED,
    as_json: Json = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Learn from noisy photos alone; the result already restores.

    By default the starter model is refined on the photos' own noise, as far as that pays.
    """
    pretext = settings.get("pretext", "")
    if not parent:
        # The other methods learn most where there is nothing to forget.
        parent = (
            STARTER_WORD
            if pretext in {"", OWN_NOISE} and not {"backbone", "backbone_params"} & set(settings)
            else "none"
        )
    config = make_config(
        PretrainConfig,
        **{**pretrain_preset(preset, from_scratch=parent == "none", pretext=pretext), **settings},
        parent=_find_parent(parent),
        photos=folders,
        out=out,
    )
    run_job(jobs.pretrain, config, _describe_training, as_json=as_json)


@app.command()
@options_from(FinetuneConfig, leave_out={"parent", "noisy", "clean", "out"}, by_preset=finetune_preset(Preset.BALANCED))
def finetune(
    parent: Parent,
    clean: Clean,
    noisy: NoisyIfAny = [],  # noqa: B006 - typer's way to an option that can be repeated or left out
    out: Out = None,
    preset: PresetOption = Preset.BALANCED,
    as_json: Json = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Learn from a few pairs of a noisy photo and its clean reference, or from clean photos alone if the task can."""
    task = settings.get("task") or FinetuneConfig.model_fields["task"].default
    found = starter_to_learn_from(task) if parent == STARTER_WORD else None
    found = found or _find_parent(parent, task)
    values = finetune_preset(
        preset,
        from_scratch=found is None,
        is_new_task=found is not None and task_of_model(found) != task,
        with_twins=found is not None and learns_with_twins(found, task),
    )
    config = make_config(
        FinetuneConfig,
        **{**values, **settings},
        parent=found,
        noisy=noisy,
        clean=clean,
        out=out,
    )
    run_job(jobs.finetune, config, _describe_training, as_json=as_json)


@app.command()
def resume(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder or a run's id.")], as_json: Json = False
) -> None:
    """Go on with a training that was stopped or interrupted."""
    run_job(jobs.resume_training, find_run_or_model(run), _describe_training, as_json=as_json)


@app.command()
@options_from(RestoreConfig, leave_out={"model", "photos", "out", "tile"}, earlier_words={"format": EARLIER_FORMATS})
def restore(
    model: Model,
    photos: Annotated[list[Path], typer.Argument(metavar="PATH", help="Photos or folders.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for the restored photos.", show_default=False)
    ] = None,
    beside: Annotated[
        bool,
        typer.Option("--beside", help="Write each restored photo into its photo's own folder; in place of --out."),
    ] = False,
    task: Annotated[
        str | None,
        typer.Option("--task", help="What the starter model shall do, such as sr2 or demosaick. Default: denoise."),
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(
            "--strength",
            min=0,
            max=1,
            help="Luminance and colour together: 0 keeps the noisy photo, 1 is the full restoration. "
            "Either option given beside it prevails.",
        ),
    ] = None,
    tile: Tile = "auto",  # type: ignore[assignment] # typer passes defaults through the parser too
    as_json: Json = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Restore photos; the originals stay as they are."""
    if strength is not None:
        settings = {"luminance": strength, "colour": strength, **settings}
    if task is not None and model != STARTER_WORD:
        raise typer.BadParameter(f"--task: chooses a starter model; {model!r} has a task of its own")
    if (out is None) != beside:
        raise typer.BadParameter("Say where the restored photos go: either --out DIR or --beside.")
    found = find_run_or_model(model, task or "")
    places: dict[Path, list[Path]] = {}
    for photo in photos:
        # What is not there is told by the job.
        place = PhotoRef.of(photo).file
        own_folder = place if os.path.isdir(place) else place.parent
        places.setdefault(own_folder if out is None else out, []).append(photo)
    configs = tuple(
        make_config(RestoreConfig, **settings, model=found, photos=given, out=place, tile=tile)
        for place, given in places.items()
    )
    run_job(jobs.restore_each, configs, _describe_restore, as_json=as_json)


@app.command()
@options_from(EvaluateConfig, leave_out={"model", "baseline", "noisy", "clean", "tile"})
def evaluate(
    method: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|RUN|starter|BASELINE",
            help=f"A model file, a run, the starter model, or a classical method: {', '.join(BASELINES)}.",
        ),
    ],
    noisy: Noisy,
    clean: Clean,
    tile: Tile = "auto",  # type: ignore[assignment] # typer passes defaults through the parser too
    as_json: Json = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Measure a model or a classical method on pairs: PSNR and SSIM, before and after."""
    # A file or folder of that name goes before the method.
    is_baseline = method in BASELINES and not os.path.exists(method)
    measured: dict[str, Any] = {"baseline": method}
    if not is_baseline:
        measured = {"model": find_run_or_model(method, settings.get("task", ""))}
    config = make_config(EvaluateConfig, **settings, **measured, noisy=noisy, clean=clean, tile=tile)
    run_job(jobs.evaluate, config, _describe_evaluation, as_json=as_json)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what this machine has and what is missing."""
    from engine.cli.doctor import examine

    set_up_logging(as_json)

    report = examine()
    code = EXIT_SOME_FAILED if report.problems else 0
    print_result(Ending(summary=report.as_text(), fields=report.as_fields(), exit_code=code), as_json=as_json)
    raise typer.Exit(code)


add_experiments(app)
add_model_commands(app)


def main() -> None:
    """Run the command line."""
    open_missing_streams()
    share_the_processor()
    complete_environment()
    settle_allocation()
    for stream in (sys.stdout, sys.stderr):
        # File names may hold bytes or letters that the terminal's encoding does not have.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="residua")


def _find_parent(text: str, task: str = "") -> Path | None:
    return None if text == "none" else find_run_or_model(text, task)


def _open_window() -> None:
    """Open the window.

    Raises:
        typer.Exit: With the window's exit code, or 3 where there can be none.
    """
    if not has_display() and "QT_QPA_PLATFORM" not in os.environ:
        _refuse_window("There is no display.", "Every job runs without one too: see residua --help.")
    try:
        # By name, since the engine does not depend on its front end.
        window = importlib.import_module("app.main")
    except ImportError as error:
        _refuse_window(f"The window cannot be opened: {error}.", "See residua doctor for what is missing.")
    raise typer.Exit(window.main([]))


def _refuse_window(message: str, hint: str) -> None:
    print(f"{message} {hint}", file=sys.stderr)
    raise typer.Exit(EXIT_JOB_FAILED)


def _describe_scan(result: ScanResult) -> Ending:
    lines = []
    for photo in result.photos:
        noise = "" if photo.noise is None else f"  noise {photo.noise.sigma * 255:.1f}, stride {photo.noise.stride}"
        if photo.noise is not None and photo.noise.doubt:
            noise += f" ({photo.noise.doubt.sentence.rstrip('.').lower()})"
        first = "" if photo.num_pictures == 1 else f"  the first of {photo.num_pictures:,} pictures in the file"
        pages = f"  {len(photo.pages):,} pages" if photo.pages else ""
        lines.append(f"{photo.path}  {photo.width} x {photo.height}{pages}{noise}{first}")
    lines.append(f"{len(result.photos):,} usable, {len(result.skipped):,} skipped")
    noise_fields = None
    if result.noise is not None:
        lines.append(result.noise.sentence)
        noise_fields = {**to_json(result.noise), "sentence": result.noise.sentence}
    model = result.noise_model
    if model is not None:
        lines.append(model.sentence)
        lines += [f"  {photo.name}  {photo.facts}" for photo in model.photos]
    fields = {
        "photos": result.photos,
        "skipped": result.skipped,
        "noise": noise_fields,
        "noise_model": None if model is None else model.summary,
        "seconds": result.seconds,
    }
    return Ending(summary="\n".join(lines), fields=fields, exit_code=EXIT_SOME_FAILED if result.skipped else 0)


def _describe_training(result: TrainingResult) -> Ending:
    fields = {
        "run": result.run,
        "steps": result.steps,
        "seconds": result.seconds,
        "status": result.status,
        "metrics": result.metrics,
    }
    lines = [f"{result.steps:,} steps in {phrase_duration(result.seconds)}."]
    psnr, noisy_psnr = (result.metrics.get(name) for name in ("validation_psnr", "validation_noisy_psnr"))
    if psnr is not None and noisy_psnr is not None:
        lines.append(f"Validation: PSNR {psnr:.2f} dB, {psnr - noisy_psnr:+.2f} dB against the noisy photos.")
    lines.append(f"Run: {result.run}")
    lines.append(f"Restore with: residua restore {result.run} PHOTOS --out FOLDER")
    return Ending(summary="\n".join(lines), fields=fields)


def _describe_restore(result: RestoreResult) -> Ending:
    lines = [
        f"{len(result.restored):,} photos restored: {result.megapixels:.1f} megapixels "
        f"in {phrase_duration(result.seconds)}, computed by {result.backend}."
    ]
    if result.already_done:
        lines.append(f"{len(result.already_done):,} had been restored before, with the same model and settings.")
    if result.skipped_existing:
        lines.append(f"{len(result.skipped_existing):,} were there already.")
    if result.earlier_results:
        lines.append(f"{len(result.earlier_results):,} were passed over, being restored files themselves.")
    if result.incomplete:
        lines.append(f"{len(result.incomplete):,} stacks are not complete: pages of them could not be restored.")
        lines += [f"  {outcome.source}: {phrase_pages(outcome.lost_pages)}" for outcome in result.incomplete]
    if result.failed:
        lines.append(f"{len(result.failed):,} failed:")
        lines += [f"  {skipped.path}: {skipped.reason} {skipped.hint}" for skipped in result.failed]
    lines += [f"Report: {report}" for report in result.reports]
    fields = {
        "restored": [{"source": source, "output": output} for source, output in result.restored],
        "failed": result.failed,
        "incomplete": [
            {"source": outcome.source, "output": outcome.output, "lost_pages": outcome.lost_pages}
            for outcome in result.incomplete
        ],
        "already_done": [{"source": source, "output": output} for source, output in result.already_done],
        "skipped_existing": result.skipped_existing,
        "earlier_results": result.earlier_results,
        "report": result.report,
        "reports": result.reports,
        "backend": result.backend,
        "seconds": result.seconds,
        "megapixels": result.megapixels,
    }
    some_failed = bool(result.failed or result.incomplete)
    return Ending(summary="\n".join(lines), fields=fields, exit_code=EXIT_SOME_FAILED if some_failed else 0)


def _describe_evaluation(result: EvaluationResult) -> Ending:
    lines = []
    for score in result.per_image:
        mark = "  (a training label)" if score.used_for_training else ""
        lines.append(
            f"{score.name}  PSNR {score.noisy_psnr:.2f} → {score.psnr:.2f} dB  "
            f"SSIM {score.noisy_ssim:.4f} → {score.ssim:.4f}{mark}"
        )
    left_out = f"; {result.num_left_out} training labels left out" if result.num_left_out else ""
    num_averaged = result.num_pairs - result.num_without_error or result.num_pairs
    lines.append(
        f"Mean of {num_averaged} pairs: PSNR {result.noisy_psnr:.2f} → {result.psnr:.2f} dB "
        f"({result.psnr - result.noisy_psnr:+.2f}), SSIM {result.noisy_ssim:.4f} → {result.ssim:.4f}{left_out}"
    )
    if result.scale_invariant_psnr is not None and result.noisy_scale_invariant_psnr is not None:
        lines.append(
            f"Scale-invariant: PSNR {result.noisy_scale_invariant_psnr:.2f} → {result.scale_invariant_psnr:.2f} dB "
            f"({result.scale_invariant_psnr - result.noisy_scale_invariant_psnr:+.2f}), "
            f"SSIM {result.noisy_scale_invariant_ssim:.4f} → {result.scale_invariant_ssim:.4f}"
        )
    if result.luminance_psnr is not None and result.noisy_luminance_psnr is not None:
        lines.append(
            f"Luminance, without the border: PSNR {result.noisy_luminance_psnr:.2f} → {result.luminance_psnr:.2f} dB "
            f"({result.luminance_psnr - result.noisy_luminance_psnr:+.2f}), "
            f"SSIM {result.noisy_luminance_ssim:.4f} → {result.luminance_ssim:.4f}"
        )
    fields = {
        "psnr": result.psnr,
        "ssim": result.ssim,
        "noisy_psnr": result.noisy_psnr,
        "noisy_ssim": result.noisy_ssim,
        "num_pairs": result.num_pairs,
        "num_left_out": result.num_left_out,
        "luminance_psnr": result.luminance_psnr,
        "luminance_ssim": result.luminance_ssim,
        "noisy_luminance_psnr": result.noisy_luminance_psnr,
        "noisy_luminance_ssim": result.noisy_luminance_ssim,
        "scale_invariant_psnr": result.scale_invariant_psnr,
        "scale_invariant_ssim": result.scale_invariant_ssim,
        "noisy_scale_invariant_psnr": result.noisy_scale_invariant_psnr,
        "noisy_scale_invariant_ssim": result.noisy_scale_invariant_ssim,
        "num_without_error": result.num_without_error,
        "per_image": result.per_image,
        "failed": result.failed,
        "seconds": result.seconds,
        "seconds_per_megapixel": result.seconds_per_megapixel,
    }
    return Ending(summary="\n".join(lines), fields=fields, exit_code=EXIT_SOME_FAILED if result.failed else 0)
