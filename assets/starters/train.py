"""Trains a starter model, which ships with the program, on free pictures; anyone can rerun it.

    .venv/bin/python assets/starters/train.py denoise [--pictures DIR] [--steps N | --minutes M] [--from MODEL]

Recipes: denoise, super_resolution_x2, super_resolution_x4, demosaick (`recipes.py`). The pictures are gathered by
`pictures.py` where they are not there yet. The training can be stopped by Ctrl+C; the same command goes on with it.
Beside the model its card is written: what it learned from, with licences, how, and its figures on held-out pictures.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from cards import write_cards
from figures import Figures, measure
from pictures import Picture, gather
from recipes import RECIPES, CleanPictures, Recipe, StarterObjective

from engine import __version__
from engine.checkpoints import TrainingState, load_checkpoint, transfer_weights
from engine.configs import TrainingConfig
from engine.devices import ComputeDevice, open_device
from engine.errors import EngineError, InvalidInputError
from engine.events import JobEvent, StepDone
from engine.job_control import JobCancelled, JobControl
from engine.models import ModelCard, RestorationModel, build_network, load_model
from engine.registry import BACKBONES, TASKS, find_entry
from engine.run_folder import RECORD_FILE
from engine.run_records import RunStatus
from engine.run_store import Run, RunStore
from engine.trainer import Trainer, new_state

ROOT = Path(__file__).resolve().parents[2]
STARTERS_FOLDER = Path(__file__).resolve().parent
WORK_FOLDER = ROOT / "build" / "starters"

TRIAL_STEPS = 20
"""Steps after which the speed is known, where minutes are asked for."""

REPORT_EVERY_S = 30.0


class HeldOutObserver:
    """Measures the averaged weights on held-out pictures now and then, and says so; the last weights are kept."""

    def __init__(
        self, pictures: CleanPictures, recipe: Recipe, card: ModelCard, device: ComputeDevice, run: Run
    ) -> None:
        self._pictures = pictures
        self._recipe = recipe
        self._card = card
        self._device = device
        self._run = run
        self.figures: Figures = {}

    def preview(self, state: TrainingState) -> None:
        """The figures say enough."""

    def validate(self, state: TrainingState) -> bool:
        """Measure; the best weights are not kept, since the last ones were trained longest."""
        model = RestorationModel(state.averaged, self._card)
        self.figures = measure(model, self._pictures, self._device)
        row = {name: values["restored"] for name, values in self.figures.items()}
        self._run.append_metrics(state.step, row)
        self._run.log(f"Step {state.step}: " + ", ".join(f"{name} {value:.2f} dB" for name, value in row.items()))
        return False

    def report(self, step: int, metrics: Mapping[str, float]) -> None:
        """The run's own curves keep the losses."""


def train(name: str, arguments: argparse.Namespace, control: JobControl) -> Path:
    """Train a starter model, or go on with its training.

    Args:
        name: Of the recipe.
        arguments: What the command line says.
        control: Stops it.

    Returns:
        The model file.

    Raises:
        JobCancelled: Asked to stop; it can go on later.
        EngineError: Pictures are missing, or the network or task does not exist.
    """
    recipe = RECIPES[name]
    task = find_entry(TASKS, recipe.task, "task").make(dict(recipe.task_params))
    pictures = gather(arguments.pictures)
    teaching, held_out = ([picture for picture in pictures if picture.is_held_out == flag] for flag in (False, True))
    objective = StarterObjective(_read(arguments.pictures, teaching), recipe, task, arguments.seed)
    measured_on = _read(arguments.pictures, held_out)
    device = open_device(TrainingConfig(device=arguments.device))
    backbone_params = find_entry(BACKBONES, recipe.backbone, "network").validate(dict(recipe.backbone_params))
    card = ModelCard(
        name=recipe.title,
        task=recipe.task,
        task_params=dict(recipe.task_params),
        backbone=recipe.backbone,
        backbone_params=backbone_params.model_dump(mode="json"),
        version=__version__,
        description=recipe.description,
    )
    run_folder = arguments.run or WORK_FOLDER / name
    is_resumed = (run_folder / "checkpoints" / "last.safetensors").is_file()
    if is_resumed:
        run = RunStore().open(run_folder)
        config = TrainingConfig.model_validate(run.config())
    else:
        config = _settings(recipe, arguments)
        if arguments.minutes:
            speed = _steps_per_second(objective, card, config, device, control)
            config = config.model_copy(update={"steps": max(round(arguments.minutes * 60 * speed), 1)})
    state = _new_state(card, config, device, arguments.start)
    if is_resumed:
        load_checkpoint(run.checkpoint_path, state)
        run.update(status=RunStatus.RUNNING, error="")
    else:
        if (run_folder / RECORD_FILE).is_file():
            # It ended before its first checkpoint: there is nothing to go on with.
            shutil.rmtree(run_folder)
        run = RunStore().create("pretrain", recipe.title, config, path=run_folder, task=recipe.task, device=device.name)
    run.update(num_parameters=sum(weight.numel() for weight in state.network.parameters()), steps_total=config.steps)
    run.log(f"{len(teaching)} pictures teach, {len(held_out)} measure; from step {state.step} to {config.steps}")
    observer = HeldOutObserver(measured_on, recipe, card, device, run)
    emit = _ProgressLines(name)
    trainer = _trainer(state, objective, observer, config, device, run, card, control, emit)
    try:
        trainer.train()
    except JobCancelled:
        run.update(status=RunStatus.STOPPED)
        raise
    run.update(status=RunStatus.DONE)
    training = {
        "script": f"assets/starters/train.py {name}",
        "command": _command(name, arguments, config.steps),
        "parent": arguments.start.stem if arguments.start else None,
        "seed": config.seed,
        "steps": state.step,
        "minutes": round(state.seconds / 60, 1),
        "batch": recipe.batch,
        "crop_px": recipe.crop_px,
        "learning_rate": config.learning_rate,
        "machine": f"{device.name}, {device.precision}, {torch.get_num_threads()} threads, torch {torch.__version__}",
        "figures": observer.figures,
    }
    out = arguments.out or STARTERS_FOLDER / f"{name}.safetensors"
    finished = card.model_copy(update={"steps": state.step, "parent": training["parent"], "training": training})
    write_cards(out, state.averaged.state_dict(), finished, teaching, held_out)
    return Path(out)


def _command(name: str, arguments: argparse.Namespace, steps: int) -> str:
    """What makes the same model again, without where this machine keeps its files."""
    words = [f"python3 assets/starters/train.py {name} --steps {steps} --seed {arguments.seed}"]
    if arguments.learning_rate:
        words.append(f"--learning-rate {arguments.learning_rate:g}")
    if arguments.start:
        words.append(f"--from assets/starters/{arguments.start.name}")
    return " ".join(words)


def _settings(recipe: Recipe, arguments: argparse.Namespace) -> TrainingConfig:
    return TrainingConfig(
        steps=arguments.steps or recipe.steps,
        photos_per_batch=recipe.batch,
        crop_px=recipe.crop_px,
        learning_rate=arguments.learning_rate or recipe.learning_rate,
        weight_average_decay=recipe.weight_average_decay,
        seed=arguments.seed,
        device=arguments.device,
        preview_interval_s=3600.0,
    )


def _new_state(card: ModelCard, config: TrainingConfig, device: ComputeDevice, start: Path | None) -> TrainingState:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = build_network(card)
    if start is not None:
        taken, total = transfer_weights(network, load_model(start))
        print(f"{taken} of {total} tensors are taken from {start}", file=sys.stderr)
    return new_state(network, config, device)


def _trainer(
    state: TrainingState,
    objective: StarterObjective,
    observer: Any,
    config: TrainingConfig,
    device: ComputeDevice,
    run: Run,
    card: ModelCard,
    control: JobControl,
    emit: Callable[[JobEvent], None],
) -> Trainer:
    return Trainer(
        state=state,
        objective=objective,
        observer=observer,
        config=config,
        device=device,
        run=run,
        card=card,
        stage="Training",
        control=control,
        emit=emit,
    )


class _NoObserver:
    """For the trial of the speed."""

    def preview(self, state: TrainingState) -> None:
        """Nothing is shown."""

    def validate(self, state: TrainingState) -> bool:
        """Nothing is measured."""
        return False

    def report(self, step: int, metrics: Mapping[str, float]) -> None:
        """Nothing is noted."""


def _steps_per_second(
    objective: StarterObjective, card: ModelCard, config: TrainingConfig, device: ComputeDevice, control: JobControl
) -> float:
    """The speed of a short training whose result is thrown away; its first steps warm the machine up."""
    marks: list[tuple[int, float]] = []

    def note_time(event: JobEvent) -> None:
        if isinstance(event, StepDone):
            marks.append((event.step, time.monotonic()))

    trial = config.model_copy(update={"steps": TRIAL_STEPS})
    with tempfile.TemporaryDirectory() as folder:
        run = RunStore().create("pretrain", "Trial", trial, path=Path(folder) / "trial")
        state = _new_state(card, trial, device, None)
        _trainer(state, objective, _NoObserver(), trial, device, run, card, control, note_time).train()
    (first_step, first_time), (last_step, last_time) = marks[TRIAL_STEPS // 3], marks[-1]
    return (last_step - first_step) / (last_time - first_time)


class _ProgressLines:
    """A line on stderr now and then."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._shown = 0.0

    def __call__(self, event: JobEvent) -> None:
        if isinstance(event, StepDone) and time.monotonic() - self._shown >= REPORT_EVERY_S:
            self._shown = time.monotonic()
            left = "" if event.seconds_left is None else f", {event.seconds_left / 60:.1f} minutes left"
            loss = event.metrics.get("supervised")
            shown = "" if loss is None else f", loss {loss:.5f}"
            print(f"{self._name}: step {event.step} of {event.num_steps}{shown}{left}", file=sys.stderr, flush=True)


def _read(folder: Path, pictures: Sequence[Picture]) -> CleanPictures:
    if not pictures:
        raise InvalidInputError(f"The list of {folder} lacks teaching or held-out pictures.", "Gather them anew.")
    return CleanPictures.read([folder / picture.name for picture in pictures])


def main() -> int:
    """Run the command; 0 when done, 3 when it failed, 130 when it was stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=list(RECIPES))
    parser.add_argument("--pictures", type=Path, default=WORK_FOLDER / "pictures", help="folder of the clean pictures")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="optimisation steps; default: the recipe's")
    length.add_argument("--minutes", type=float, help="as many steps as fit into this time on this machine")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--learning-rate", type=float, help="default: the recipe's")
    parser.add_argument("--from", dest="start", type=Path, help="model whose weights it starts from")
    parser.add_argument("--run", type=Path, help="folder of the training; one with a checkpoint is gone on with")
    parser.add_argument("--out", type=Path, help="model file; default: beside this script")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"])
    arguments = parser.parse_args()
    control = JobControl()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: control.cancel())
    try:
        out = train(arguments.recipe, arguments, control)
    except JobCancelled:
        print("Stopped; the same command goes on with it.", file=sys.stderr)
        return 130
    except EngineError as error:
        print(error, file=sys.stderr)
        return 3
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
