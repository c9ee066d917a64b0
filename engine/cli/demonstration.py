"""The main job without a window, on the sample photos: what `python3 run.py` does where there is no display.

Makes the sample photos, restores them with the model that ships, learns their own noise, refines with the few
references, and writes a comparison picture and a report. On the photos whose reference was not used each of these steps
must be at least as good as the one before, which is measured, and said.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from engine.cli.comparison_sheet import Tile, choose_spot, write_comparison_sheet
from engine.cli.reporting import LineReporter, cancelled_by_signals, phrase_duration, set_up_logging
from engine.comparing.metrics import psnr, ssim
from engine.contracts.configs import FinetuneConfig, Preset, PretrainConfig, RestoreConfig
from engine.contracts.errors import EngineError
from engine.contracts.events import Emit, JobEvent, JobWarning, StepDone
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.photo import Pixels
from engine.contracts.presets import finetune_preset, pretrain_preset
from engine.jobs import finetune, pretrain, restore
from engine.machine.atomic_files import write_bytes_atomically
from engine.machine.places import Place
from engine.machine.shipped_files import page_template
from engine.models.starters import GENERAL_TASK, require_starter
from engine.photo_files.photos import read_image
from engine.photos.sample_photos import SamplePhotos, make_samples
from engine.runs.store import Run

PRETRAIN_STEPS, PRETRAIN_SECONDS = 300, 35.0
FINETUNE_STEPS, FINETUNE_SECONDS = 150, 15.0
"""Steps at most, and the time they may take, so that all of it takes less than four minutes on two cores.

A slower or busier machine does fewer steps. The presets take longer and reach further.
"""

SPOT_PX = 240
NUM_SHOWN = 6

STAGES = ("noisy", "shipped model", "own noise", "with labels")
"""What is compared, in order; the folders of the restored photos are called after all but the first."""

TOLERANCE_DB = 0.005
"""Less is the rounding of the files."""


@dataclass(frozen=True, kw_only=True)
class PhotoFigures:
    """One photo's figures against its reference.

    Attributes:
        name: File name of the noisy photo.
        is_label: Whether the fine-tuning saw its reference.
        psnr: dB at each of the `STAGES`.
        ssim: Of the same.
    """

    name: str
    is_label: bool
    psnr: tuple[float, ...]
    ssim: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Demonstration:
    """What was written.

    Attributes:
        folder: Holds all of it.
        comparison: The picture.
        report: The report, an HTML file.
        figures: What the report says, photo by photo.
        seconds: Time it took.
    """

    folder: Path
    comparison: Path
    report: Path
    figures: tuple[PhotoFigures, ...]
    seconds: float

    @property
    def mean_psnr(self) -> tuple[float, ...]:
        """At each of the `STAGES`, over the photos whose reference was not used, dB."""
        counted = np.array([figure.psnr for figure in self.figures if not figure.is_label])
        return tuple(float(value) for value in counted.mean(axis=0))

    @property
    def is_in_order(self) -> bool:
        """Whether each step is at least as good as the one before, on the photos whose reference was not used."""
        return all(later >= earlier - TOLERANCE_DB for earlier, later in itertools.pairwise(self.mean_psnr))

    @property
    def order_sentence(self) -> str:
        """Says so."""
        if self.is_in_order:
            return "Each step is at least as good as the one before."
        return "Not each step is at least as good as the one before: this should not be, please report it."


def demonstrate(
    folder: Path,
    control: JobControl,
    emit: Emit,
    *,
    pretrain_steps: int | None = None,
    finetune_steps: int | None = None,
    samples: SamplePhotos | None = None,
) -> Demonstration:
    """Do the whole job.

    Args:
        folder: New folder for the pictures and the report.
        control: Pause and cancel.
        emit: Receives the events of all jobs.
        pretrain_steps: Steps without labels; None: as many as this machine does in the time.
        finetune_steps: Steps with the references; None: likewise.
        samples: Photos to do it on; None: the sample photos.

    Returns:
        What was written and measured.

    Raises:
        JobCancelled: Asked to end.
        EngineError: A person can mend it: a full disk, a folder that cannot be written.
    """
    started = time.monotonic()
    samples = samples or make_samples(control, emit)
    noisy, clean = (samples.noisy,), (samples.clean,)
    starter = require_starter(GENERAL_TASK)
    pretraining = PretrainConfig(
        photos=noisy, parent=starter, name="Sample photos", **pretrain_preset(Preset.QUICK, from_scratch=False)
    )
    if pretrain_steps is None:
        speed = _speed_of(pretraining, control, emit)
        pretrain_steps = _affordable_steps(speed, PRETRAIN_STEPS, PRETRAIN_SECONDS)
    pretrained = pretrain(pretraining.model_copy(update={"steps": pretrain_steps}), control, emit)
    finetuning = FinetuneConfig(
        parent=pretrained.run,
        noisy=noisy,
        clean=clean,
        name="Sample photos, fine-tuned",
        **finetune_preset(Preset.QUICK, with_twins=True),
    )
    if finetune_steps is None:
        speed = _speed_of(finetuning, control, emit)
        finetune_steps = _affordable_steps(speed, FINETUNE_STEPS, FINETUNE_SECONDS)
    finetuned = finetune(finetuning.model_copy(update={"steps": finetune_steps}), control, emit)
    outputs = []
    for name, model in zip(STAGES[1:], (starter, pretrained.run, finetuned.run), strict=True):
        config = RestoreConfig(model=model, photos=noisy, out=folder / f"restored, {name}")
        result = restore(config, control, emit)
        outputs.append({source.name: output for source, output in result.restored})
    record = Run(finetuned.run).record
    photos = _read_photos(samples, outputs)
    labels = {*record.labels, *record.validation_labels}
    figures = tuple(_measure(name, name in labels, versions) for name, versions in photos.items())
    comparison = folder / "comparison.png"
    _write_comparison(comparison, photos, figures)
    demonstration = Demonstration(
        folder=folder,
        comparison=comparison,
        report=folder / "report.html",
        figures=figures,
        seconds=time.monotonic() - started,
    )
    report = _describe(demonstration, (pretrained.run, finetuned.run), samples.licences.read_text(encoding="utf-8"))
    write_bytes_atomically(demonstration.report, report.encode("utf-8"))
    return demonstration


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration as a program.

    Returns:
        0 when done, 3 when it failed, 130 when it was cancelled.
    """
    parser = argparse.ArgumentParser(prog="residua-demonstration", description=__doc__)
    parser.add_argument(
        "--samples-only", action="store_true", help="only make the sample photos and print the noisy ones' folder"
    )
    options = parser.parse_args(arguments)
    set_up_logging(as_json=False)
    reporter = LineReporter(sys.stderr)
    control = JobControl()

    def report(event: JobEvent) -> None:
        # One line of progress; the report says the rest.
        if isinstance(event, StepDone | JobWarning):
            reporter.report(event)

    try:
        with cancelled_by_signals(control, reporter):
            if options.samples_only:
                text = str(make_samples(control, report).noisy)
            else:
                folder = Place.DEMONSTRATIONS.path() / f"{datetime.now():%Y%m%d-%H%M%S}"
                text = _summarise(demonstrate(folder, control, report))
    except JobCancelled:
        reporter.end_line()
        return 130
    except EngineError as error:
        reporter.end_line()
        sys.stderr.write(f"{error.message}\n{error.hint}\n")
        return 3
    reporter.end_line()
    sys.stdout.write(text + "\n")
    return 0


def _speed_of(config: PretrainConfig | FinetuneConfig, control: JobControl, emit: Emit) -> float:
    """Steps a second that this machine does of a training."""
    from engine.machine.devices import open_device
    from engine.models.reading import read_card
    from engine.training.preflight.trial import measure_speed

    emit(StepDone(stage="Trying this machine's speed", step=0, num_steps=1))
    origin = read_card(config.parent) if config.parent is not None else None
    return measure_speed(config, origin, open_device(config), num_photos=NUM_SHOWN, control=control)


def _affordable_steps(steps_per_second: float, num_steps: int, seconds: float) -> int:
    """Return the steps that fit into a time, at least a few and at most `num_steps`."""
    return max(min(round(steps_per_second * seconds), num_steps), num_steps // 10)


def _read_photos(samples: SamplePhotos, outputs: Sequence[dict[str, Path]]) -> dict[str, tuple[Pixels, ...]]:
    """Return each photo at each of the `STAGES`, and its reference, by its file name."""
    return {
        name: tuple(
            read_image(path).pixels
            for path in (samples.noisy / name, *(output[name] for output in outputs), samples.all_clean / name)
        )
        for name in outputs[0]
    }


def _measure(name: str, is_label: bool, versions: Sequence[Pixels]) -> PhotoFigures:
    *measured, clean = versions
    return PhotoFigures(
        name=name,
        is_label=is_label,
        psnr=tuple(psnr(pixels, clean) for pixels in measured),
        ssim=tuple(ssim(pixels, clean) for pixels in measured),
    )


def _write_comparison(path: Path, photos: dict[str, tuple[Pixels, ...]], figures: Sequence[PhotoFigures]) -> None:
    """Show one spot of the noisiest photos, those first whose reference was not used."""
    shown = sorted(figures, key=lambda figure: (figure.is_label, figure.psnr[0]))[:NUM_SHOWN]
    rows = []
    for figure in shown:
        versions = photos[figure.name]
        rows_of_spot, columns_of_spot = choose_spot(versions[-1], SPOT_PX)
        captions = [f"{value:.1f} dB" for value in figure.psnr]
        captions[0] = f"{Path(figure.name).stem}, {captions[0]}"
        captions.append("seen in fine-tuning" if figure.is_label else "not seen in training")
        rows.append(
            [
                Tile(pixels=pixels[rows_of_spot, columns_of_spot], caption=caption)
                for pixels, caption in zip(versions, captions, strict=True)
            ]
        )
    write_comparison_sheet(path, [*(stage.capitalize() for stage in STAGES), "Reference"], rows)


def _summarise(demonstration: Demonstration) -> str:
    means = ", ".join(f"{stage} {value:.2f} dB" for stage, value in zip(STAGES, demonstration.mean_psnr, strict=True))
    return "\n".join(
        [
            f"Done in {phrase_duration(demonstration.seconds)}. Mean PSNR on photos without a label: {means}.",
            demonstration.order_sentence,
            f"Comparison: {demonstration.comparison}",
            f"Report:     {demonstration.report}",
            f"Pictures:   {demonstration.folder}",
        ]
    )


def _describe(demonstration: Demonstration, runs: Sequence[Path], licences: str) -> str:
    rows = []
    for figure in sorted(demonstration.figures, key=lambda figure: (figure.is_label, figure.name)):
        cells = [figure.name, "yes" if figure.is_label else "no"]
        rows.append(cells + [f"{value:.2f}" for value in figure.psnr] + [f"{value:.4f}" for value in figure.ssim])
    return page_template("cli/demonstration.html").render(
        headings=["Photo", "Label", *(f"{measure} {stage}" for measure in ("PSNR", "SSIM") for stage in STAGES)],
        rows=rows,
        num_labels=sum(figure.is_label for figure in demonstration.figures),
        means=[f"{value:.2f}" for value in demonstration.mean_psnr],
        duration=phrase_duration(demonstration.seconds),
        order_sentence=demonstration.order_sentence,
        runs=runs,
        licences=licences,
    )


if __name__ == "__main__":
    sys.exit(main())
