"""Trains a starter model, which ships with the program, on free pictures; anyone can rerun it.

    .venv/bin/python assets/starters/train.py denoise [--hours H] [--threads N] [--nice 19]

Models: denoise, then super_resolution_x2, super_resolution_x4 and demosaick, which start from it (`recipes.py`). The
pictures are gathered by `pictures.py` where they are not there yet.

A training takes days and is done in pieces. Its length and its schedule are the recipe's; `--hours` ends this piece,
as Ctrl+C and SIGTERM do, and the same command goes on, bit by bit as if it had never been stopped (on the same
machine with the same number of threads). What it goes on from lies in `in_training/`, is saved every ten minutes and
is to be committed at each stop. At the end the model is written with its cards and its curve: what it learned from,
with licences, how, what it cost, and its figures on held-out pictures.
"""

import argparse
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.machine.processes.openmp import WAITING

os.environ.update(WAITING)

import torch
from cards import write_cards
from clean_pictures import CleanPictures
from figures import Figures, measure
from pairs_ahead import PairsAhead, PairSource, pairs_ahead
from pictures import Picture, gather
from progress import PieceMeter, ProgressFiles, Record, fingerprint, new_piece
from recipes import RECIPES, Recipe
from torch import Tensor

from engine import __version__
from engine.contracts.configs import ComputePreference, TrainingConfig
from engine.contracts.errors import EngineError, InvalidInputError
from engine.contracts.events import CheckpointSaved, JobEvent, StepDone
from engine.contracts.job_control import JobCancelled, JobControl
from engine.machine.devices import ComputeDevice, open_device, prefer
from engine.method.catalogue.backbones import BACKBONES
from engine.method.pretext.pretext_task import LossParts, Restore
from engine.models.files import ModelCard, RestorationModel, build_network, load_model
from engine.runs.store import RunStore
from engine.training.checkpoints import TrainingState, load_checkpoint, transfer_weights
from engine.training.trainer import Trainer, new_state

ROOT = Path(__file__).resolve().parents[2]
STARTERS_FOLDER = Path(__file__).resolve().parent
IN_TRAINING_FOLDER = STARTERS_FOLDER / "in_training"
WORK_FOLDER = ROOT / "build" / "starters"

SAVE_EVERY_S = 600.0
REPORT_EVERY_S = 60.0

LOGARITHM_SCALE = 0.015
"""Makes the gradient of the logarithm about as long as that of the mean absolute error, at the usual error."""

LEAST_SQUARE = 4e-6
"""Added to the mean square under the logarithm: beyond 54 dB nothing is to be gained."""


@dataclass(frozen=True)
class StarterObjective:
    """What the trainer minimises: the error on the pairs of the other process.

    Attributes:
        recipe: The schedule.
        pairs: Where the pairs come from.
        meter: Told when they have come.
    """

    recipe: Recipe
    pairs: PairsAhead
    meter: PieceMeter

    def batch(self, step: int) -> tuple[Tensor, ...]:
        """What the network sees, its target, and the share of the logarithmic loss."""
        observed, target = self.pairs.take(step)
        self.meter.pairs_ready(step)
        return observed, target, torch.tensor(self.recipe.stage_at(step).psnr_share)

    def loss(self, restore: Restore, batch: tuple[Tensor, ...], generator: torch.Generator) -> LossParts:
        """The mean absolute error, mixed with the logarithm of each crop's mean square."""
        observed, target, share = batch
        error = restore(observed) - target
        absolute = error.abs().mean()
        logarithm = (error.square().mean(dim=(1, 2, 3)) + LEAST_SQUARE).log().mean()
        total = (1 - share) * absolute + share * LOGARITHM_SCALE * logarithm
        return LossParts(total=total, parts={"absolute": absolute.detach(), "logarithm": logarithm.detach()})

    def state_tensors(self) -> dict[str, Tensor]:
        """It remembers nothing."""
        return {}

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """There is nothing to go on from."""


class HeldOutObserver:
    """Measures the averaged weights on held-out pictures, and keeps the curve."""

    def __init__(
        self, pictures: CleanPictures, recipe: Recipe, card: ModelCard, device: ComputeDevice, files: ProgressFiles
    ) -> None:
        self._pictures = pictures
        self._recipe = recipe
        self._card = card
        self._device = device
        self._files = files
        self._loss = 0.0
        self.figures: Figures = {}

    def preview(self, state: TrainingState) -> None:
        """The figures say enough."""

    def validate(self, state: TrainingState) -> bool:
        """Measure; the best weights are not kept, since the last ones were trained longest."""
        self.figures = measure(RestorationModel(state.averaged, self._card), self._pictures, self._device)
        row = {
            "step": float(state.step),
            "gigapixels": self._recipe.gigapixels_at(state.step),
            "hours": state.seconds / 3600,
            "loss": self._loss,
            **{name: values["restored"] for name, values in self.figures.items()},
        }
        # What was measured before a kill, at steps that are done again, would stand there twice.
        self._files.write_curve([*(old for old in self._files.read_curve() if old["step"] < state.step), row])
        shown = ", ".join(f"{name} {values['restored']:.2f} dB" for name, values in self.figures.items())
        print(f"step {state.step}: {shown}", file=sys.stderr, flush=True)
        return False

    def report(self, step: int, metrics: Mapping[str, float]) -> None:
        """Keep the loss for the curve."""
        self._loss = metrics["absolute"]


class Chronicle:
    """Follows a piece: saves what the next one goes on from, and prints a line now and then."""

    def __init__(self, name: str, files: ProgressFiles, record: Record, meter: PieceMeter) -> None:
        self._name = name
        self._files = files
        self._record = record
        self._meter = meter
        self._shown = 0.0

    def __call__(self, event: JobEvent) -> None:
        """Receive what the trainer tells."""
        if isinstance(event, CheckpointSaved):
            self._meter.update()
            self._files.save(event.path.read_bytes(), self._record)
        elif isinstance(event, StepDone):
            self._meter.step_done(event.step)
            if time.monotonic() - self._shown >= REPORT_EVERY_S:
                self._shown = time.monotonic()
                self._print(event)

    def _print(self, event: StepDone) -> None:
        self._meter.update()
        piece = self._record.pieces[-1]
        left = "" if event.seconds_left is None else f", {event.seconds_left / 3600:.1f} hours left"
        loss = event.metrics.get("absolute")
        shown = "" if loss is None else f", loss {loss:.5f}"
        waiting = f", {100 * piece.waiting_s / max(piece.wall_s, 1):.1f} % waiting"
        line = f"{self._name}: step {event.step} of {event.num_steps}{shown}{waiting}{left}"
        print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True, kw_only=True)
class Sitting:
    """Where and for how long one piece is trained.

    Attributes:
        pictures: Folder of the clean pictures; they are gathered where it is empty.
        in_training: Folder of the state that it goes on from.
        out: The model file to write at the end.
        work: Folder for what is thrown away.
        start: Model whose weights a new training starts from; None: the recipe's.
        hours: How long; 0: to the end.
        seed: Of a new training.
        device: As of `engine.contracts.configs.ComputeConfig`.
        save_every_s: How much work a kill can cost.
    """

    pictures: Path
    in_training: Path
    out: Path
    work: Path
    start: Path | None = None
    hours: float = 0.0
    seed: int = 0
    device: str = "auto"
    save_every_s: float = SAVE_EVERY_S


def train(name: str, sitting: Sitting, control: JobControl) -> Path:
    """Train a starter model, or go on with its training.

    Args:
        name: Of the recipe.
        sitting: Where and how long.
        control: Stops it.

    Returns:
        The model file.

    Raises:
        JobCancelled: Asked to stop; all that it goes on from is saved.
        EngineError: Pictures are missing, the state is damaged, or the network or task does not exist.
    """
    recipe = RECIPES[name]
    files = ProgressFiles(sitting.in_training, name)
    pictures = gather(sitting.pictures)
    teaching, held_out = ([picture for picture in pictures if picture.is_held_out == flag] for flag in (False, True))
    if not teaching or not held_out:
        raise InvalidInputError(
            f"The list of {sitting.pictures} lacks teaching or held-out pictures.", "Gather them anew."
        )
    is_resumed = files.state.is_file()
    record = (
        files.read_record()
        if is_resumed
        else Record(sitting.seed, sitting.start.stem if sitting.start else recipe.parent)
    )
    config = TrainingConfig(
        steps=recipe.steps,
        learning_rate=recipe.learning_rate,
        weight_average_decay=recipe.weight_average_decay,
        seed=record.seed,
        device=sitting.device,
        checkpoint_interval_s=sitting.save_every_s,
        preview_interval_s=3600.0,
    )
    device = open_device(config)
    card = _card(recipe)
    state = _first_state(card, config, device, None if is_resumed else sitting.start or _parent_of(recipe))
    if is_resumed:
        load_checkpoint(files.state, state)
    made_with = fingerprint(recipe, pictures, record.seed)
    if record.pieces and record.pieces[-1].fingerprint != made_with:
        print("Recipe, noise or pictures differ from those of the piece before: noted in the record.", file=sys.stderr)
    machine = f"{device.name}, {device.precision}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    record.pieces.append(new_piece(state.step, machine, made_with))
    observer = HeldOutObserver(_read(sitting.pictures, held_out), recipe, card, device, files)
    # Whatever a killed piece left is older than the state.
    shutil.rmtree(sitting.work, ignore_errors=True)
    run = RunStore().create("pretrain", recipe.title, config, path=sitting.work, task=recipe.task, device=device.name)
    paths = tuple(sitting.pictures / picture.name for picture in teaching)
    timer = threading.Timer(sitting.hours * 3600, control.cancel)
    timer.daemon = True
    if sitting.hours:
        timer.start()
    with pairs_ahead(PairSource(paths=paths, recipe=recipe, seed=record.seed)) as pairs:
        meter = PieceMeter(record.pieces[-1], pairs)
        chronicle = Chronicle(name, files, record, meter)
        trainer = Trainer(
            state=state,
            objective=StarterObjective(recipe, pairs, meter),
            observer=observer,
            config=config,
            device=device,
            run=run,
            card=card,
            stage="Training",
            control=control,
            emit=chronicle,
        )
        try:
            trainer.train()
        except JobCancelled:
            observer.validate(state)
            raise
        finally:
            timer.cancel()
    training = {
        "script": f"assets/starters/train.py {name}",
        "command": _command(name, record),
        "parent": record.parent or None,
        "seed": record.seed,
        "steps": state.step,
        "stages": [vars(stage) for stage in recipe.stages],
        "gigapixels": round(recipe.gigapixels_at(state.step), 3),
        "hours": round(record.total("wall_s") / 3600, 2),
        "cpu_hours": round(record.total("cpu_s") / 3600, 2),
        "pieces": len(record.pieces),
        "learning_rate": config.learning_rate,
        "machine": machine,
        "figures": observer.figures,
    }
    finished = card.model_copy(update={"steps": state.step, "parent": record.parent or None, "training": training})
    write_cards(sitting.out, state.averaged.state_dict(), finished, teaching, held_out)
    shutil.copyfile(files.curve, sitting.out.with_suffix(".csv"))
    files.delete()
    shutil.rmtree(sitting.work, ignore_errors=True)
    return sitting.out


def _card(recipe: Recipe) -> ModelCard:
    params = BACKBONES.find(recipe.backbone).validate(dict(recipe.backbone_params))
    return ModelCard(
        name=recipe.title,
        task=recipe.task,
        task_params=dict(recipe.task_params),
        backbone=recipe.backbone,
        backbone_params=params.model_dump(mode="json"),
        version=__version__,
        description=recipe.description,
    )


def _parent_of(recipe: Recipe) -> Path | None:
    return STARTERS_FOLDER / f"{recipe.parent}.safetensors" if recipe.parent else None


def _command(name: str, record: Record) -> str:
    """What makes the same model again, without where this machine keeps its files."""
    return f"python3 assets/starters/train.py {name}" + (f" --seed {record.seed}" if record.seed else "")


def _first_state(card: ModelCard, config: TrainingConfig, device: ComputeDevice, start: Path | None) -> TrainingState:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = build_network(card)
    if start is not None:
        taken, total = transfer_weights(network, load_model(start))
        print(f"{taken} of {total} tensors are taken from {start}", file=sys.stderr)
    return new_state(network, config, device)


def _read(folder: Path, pictures: Sequence[Picture]) -> CleanPictures:
    return CleanPictures.read([folder / picture.name for picture in pictures])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when the model is done, 3 when it failed, 130 when it was stopped and can go on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=list(RECIPES))
    parser.add_argument("--hours", type=float, default=0.0, help="length of this piece; default: to the end")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of the network; default: all")
    parser.add_argument("--nice", type=int, default=0, help="19 leaves the machine to all other programs")
    parser.add_argument("--seed", type=int, default=0, help="of a new training")
    parser.add_argument(
        "--from", dest="start", type=Path, help="model that a new one starts from; default: the recipe's"
    )
    parser.add_argument("--pictures", type=Path, default=WORK_FOLDER / "pictures", help="folder of the clean pictures")
    parser.add_argument("--in-training", type=Path, default=IN_TRAINING_FOLDER, help="folder of what it goes on from")
    parser.add_argument("--out", type=Path, help="model file; default: beside this script")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"])
    asked = parser.parse_args(arguments)
    if asked.nice:
        os.nice(asked.nice)
    prefer(ComputePreference(threads=asked.threads))
    sitting = Sitting(
        pictures=asked.pictures,
        in_training=asked.in_training,
        out=asked.out or STARTERS_FOLDER / f"{asked.model}.safetensors",
        work=WORK_FOLDER / asked.model,
        start=asked.start,
        hours=asked.hours,
        seed=asked.seed,
        device=asked.device,
    )
    control = JobControl()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: control.cancel())
    try:
        out = train(asked.model, sitting, control)
    except JobCancelled:
        print(f"Stopped; commit {sitting.in_training}, and the same command goes on.", file=sys.stderr)
        return 130
    except EngineError as error:
        print(error, file=sys.stderr)
        return 3
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
