"""Doing one cell of the experiment: train or go on training, then measure; what is done is kept."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.contracts.configs import ComputeConfig, FinetuneConfig, PretrainConfig
from engine.contracts.errors import InvalidInputError
from engine.contracts.events import Emit
from engine.contracts.given_levels import GivenLevels
from engine.contracts.job_control import JobControl
from engine.contracts.results import TrainingResult
from engine.label_budget.measuring import Measurer
from engine.label_budget.plan import Cell, PhotoSet
from engine.label_budget.scores import Score, ScoreFolder
from engine.labelling.suggestion import choose_representatives, measure_residuals
from engine.machine.devices import open_device
from engine.machine.interruptible import run_interruptibly
from engine.models.files import load_model, read_card
from engine.photo_files.values.given import levels_given
from engine.runs.folder import RECORD_FILE, unwritable
from engine.runs.records import RunStatus
from engine.runs.store import Run
from engine.training.job import finetune, pretrain, resume_training
from engine.translatable import say


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """What every cell needs beside itself; crosses to worker processes.

    Attributes:
        out: The experiment's folder.
        photos: Who teaches and who is measured.
        compute: Where to compute.
        photo_memory_bytes: Room for decoded photos in each process.
        levels: What is black and white by hand.
        unfitted: The noisy photos whose references keep their own exposure, as settings name them; None: all do.
    """

    out: Path
    photos: PhotoSet
    compute: ComputeConfig
    photo_memory_bytes: int
    levels: tuple[GivenLevels, ...] = ()
    unfitted: tuple[str, ...] | None = ()

    @property
    def scores(self) -> ScoreFolder:
        """What is kept of finished cells."""
        return ScoreFolder(self.out / "scores")

    def settings_of(self, cell: Cell) -> dict[str, Any]:
        """All that a cell's score depends on, as JSON values; a kept score counts only if they are the same."""
        settings = cell.settings(self.photos)
        if self.levels:
            settings["levels"] = [given.as_text for given in self.levels]
        if self.unfitted != ():
            settings["unfitted"] = self.unfitted and list(self.unfitted)
        return settings


class CellRunner:
    """Does cells one after the other."""

    def __init__(self, workplace: Workplace) -> None:
        """Take the workplace."""
        self._workplace = workplace
        self._measurer = Measurer(workplace.photos.evaluation, workplace.compute, workplace.unfitted)

    def run(self, cell: Cell, control: JobControl, emit: Emit) -> Score:
        """Do a cell from where it stands.

        Args:
            cell: Its parent is done.
            control: Pause and cancel.
            emit: Receives the events of its training and `StepDone` while it is measured.

        Raises:
            JobCancelled: Asked to end; the training can be resumed.
            EngineError: It cannot be done.
        """
        with levels_given(self._workplace.levels):
            return self._run(cell, control, emit)

    def _run(self, cell: Cell, control: JobControl, emit: Emit) -> Score:
        settings = self._workplace.settings_of(cell)
        scores = self._workplace.scores
        done = scores.find(cell.name, settings)
        if done is not None:
            return done
        scores.begin(cell.name, settings)
        if cell.config is None:
            assert cell.model is not None
            score = Score(photos=self._measurer.measure(cell.model, control, emit))
        else:
            trained = self._train(cell, cell.config, control, emit)
            labels = read_card(trained.run).labels
            taught = self._workplace.photos.taught_by(labels)
            photos = self._measurer.measure(trained.run, control, emit, leave_out=taught)
            score = Score(
                photos=photos,
                labels=labels,
                steps=trained.steps,
                seconds=trained.seconds,
                metrics=dict(trained.metrics),
            )
        scores.keep(cell.name, settings, score)
        return score

    def _train(
        self, cell: Cell, config: PretrainConfig | FinetuneConfig, control: JobControl, emit: Emit
    ) -> TrainingResult:
        assert config.out is not None
        if config.out.is_dir():
            run = Run(config.out) if (config.out / RECORD_FILE).is_file() else None
            if run is not None and run.record.status == RunStatus.DONE:
                record = run.record
                return TrainingResult(
                    run=run.path,
                    steps=record.steps_done,
                    seconds=record.seconds,
                    status=record.status.value,
                    metrics=record.metrics,
                )
            if run is not None and run.record.status == RunStatus.RUNNING:
                raise InvalidInputError(
                    say("The training {cell} is being done by another process.", cell=cell.name),
                    "Wait for that experiment to end, or choose another destination.",
                )
            if run is not None and run.is_resumable:
                return resume_training(run.path, control, emit)
            _remove_unfinished(config.out)
        config.out.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(config, PretrainConfig):
            return pretrain(config, control, emit)
        if cell.num_suggested:
            config = self._with_suggested_labels(config, cell.num_suggested, control, emit)
        return finetune(config, control, emit)

    def _with_suggested_labels(
        self, config: FinetuneConfig, count: int, control: JobControl, emit: Emit
    ) -> FinetuneConfig:
        assert config.parent is not None
        pairs = {pair.noisy: pair for pair in self._workplace.photos.candidates}
        residuals = measure_residuals(
            config.parent,
            load_model(config.parent),
            open_device(self._workplace.compute),
            list(pairs),
            config.seed,
            control,
            emit,
        )
        suggested = run_interruptibly(lambda: choose_representatives(residuals, count), control)
        chosen = [pairs[label.photo] for label in suggested]
        labels = {
            "clean": tuple(pair.clean for pair in chosen),
            "label_names": tuple(pair.noisy.name for pair in chosen),
            "given_pairs": {pair.noisy: pair.clean for pair in chosen if pair.noisy in config.given_pairs},
        }
        return config.model_copy(update=labels)


def _remove_unfinished(folder: Path) -> None:
    """Remove the folder of a training that ended before its first checkpoint.

    Raises:
        RunStoreError: It cannot be removed.
    """
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
