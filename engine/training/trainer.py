"""The only optimisation loop: pretraining and fine-tuning differ in their objective, not in how they are trained."""

import contextlib
import copy
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from engine.contracts.configs import TrainingConfig
from engine.contracts.errors import DeviceError, ModelFileError, ProcessGroupError, TrainingDivergedError
from engine.contracts.events import CheckpointSaved, Emit, JobWarning, MetricsRow, StepDone, WeightsShown
from engine.contracts.job_control import JobCancelled, JobControl
from engine.machine.devices import ComputeDevice, is_out_of_memory
from engine.method.backbones.backbone import RestorationNetwork
from engine.models.files import ModelCard, save_model
from engine.runs.store import Run
from engine.training.batch_gradient import BatchGradient
from engine.training.checkpoint_files import keep_checkpoint
from engine.training.checkpoints import TrainingState
from engine.training.objectives import Objective
from engine.translatable import say

WARM_UP_STEPS = 50
REPORT_INTERVAL_S = 1.0
NUM_VALIDATIONS = 20
"""How often a training is measured, evenly over its steps."""

GRADIENT_NORM_FACTOR = 4.0
"""A gradient longer than the usual by more than this is shortened: a rare bad batch must not undo what was learned."""

GRADIENT_NORM_SHARE = 0.02
"""Part of each step's gradient length in the running average of the usual one."""

SMALLEST_NORM = 1e-12


class Observer(Protocol):
    """Who looks at the averaged weights while they train; it must not change them."""

    def preview(self, state: TrainingState) -> None:
        """Show the current weights; called every few seconds and at the end."""

    def validate(self, state: TrainingState) -> bool:
        """Measure the current weights; called at fixed steps. Whether they are the best so far."""

    def report(self, step: int, metrics: Mapping[str, float]) -> None:
        """Take note of the losses since the last report; called about once a second."""


def new_state(network: RestorationNetwork, config: TrainingConfig, device: ComputeDevice) -> TrainingState:
    """A network at its first step.

    Args:
        network: Fresh or transferred weights.
        config: Learning rate.
        device: Where it will train.
    """
    network = network.to(device.torch_device, memory_format=torch.channels_last).train().requires_grad_(True)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=0.0, fused=True)
    averaged = copy.deepcopy(network).eval().requires_grad_(False)
    usual = torch.zeros((), device=device.torch_device)
    return TrainingState(network, averaged, optimizer, gradient_norm=usual)


def learning_rate_at(step: int, config: TrainingConfig) -> float:
    """A short linear warm-up, then half a cosine down to a hundredth (Loshchilov and Hutter, ICLR 2017)."""
    warm_up = min(1.0, (step + 1) / WARM_UP_STEPS)
    progress = step / max(config.steps, 1)
    return config.learning_rate * warm_up * (0.505 + 0.495 * math.cos(math.pi * progress))


class Trainer:
    """Trains one network for one run."""

    def __init__(
        self,
        *,
        state: TrainingState,
        objective: Objective,
        observer: Observer,
        config: TrainingConfig,
        device: ComputeDevice,
        run: Run,
        card: ModelCard,
        stage: str,
        control: JobControl,
        emit: Emit,
        patience: int = 0,
        model_path: Path | None = None,
        halfway: Callable[[TrainingState], None] = lambda state: None,
    ) -> None:
        """Take what a training needs.

        Args:
            state: Where to start; changed in place.
            objective: Batches and loss.
            observer: Previews, validation, verdicts.
            config: Steps, learning rate and so on.
            device: Where to compute.
            run: Where to save.
            card: Of the model to be saved.
            stage: What a person reads: "Pretraining".
            control: Pause and cancel.
            emit: Receives progress.
            patience: Validations without a gain after which it ends early; 0: never.
            model_path: File of the averaged weights, of the best ones with validation; None: the run's model, which
                restores from then on.
            halfway: Called after half of the steps; what it changes in the objective is in that one's state.
        """
        self._state = state
        self._objective = objective
        self._observer = observer
        self._config = config
        self._device = device
        self._run = run
        self._card = card
        self._stage = stage
        self._control = control
        self._emit = emit
        self._module, self._optimizer = device.fabric.setup(state.network, state.optimizer)
        # Once: to gather them takes a millisecond, as long as a thirtieth of a small step.
        self._weights: list[Any] = list(state.network.parameters())
        self._averaged: list[Any] = list(state.averaged.parameters())
        self._patience = patience
        self._halfway = halfway
        self._model_path = model_path or run.model_path
        self._gradient = BatchGradient(
            module=self._module,
            state=state,
            objective=objective,
            device=device,
            seed=config.seed,
            say=self._say_warning,
        )
        self._validate_every = max(config.steps // NUM_VALIDATIONS, 1)
        self._sums: defaultdict[str, Tensor] = defaultdict(lambda: torch.zeros((), device=device.torch_device))
        self._num_summed = 0
        self._previously_summed = 0
        self._latest: dict[str, float] = {}

    def train(self) -> None:
        """Train to the last step, saving on the way.

        Raises:
            JobCancelled: Asked to end; everything is saved and the run can be resumed.
            TrainingDivergedError: A loss or gradient is not finite; the last checkpoint still is.
            ProcessGroupError: Another process of this training has ended; everything is saved likewise.
            DeviceError: Memory does not suffice for a single crop; everything is saved and the run can be resumed.
        """
        clock = _Clock(self._state, self._control)
        reported = saved = previewed = time.monotonic()
        with (
            self._control.answering(self._show_weights),
            self._control.resting(self._resting),
            ThreadPoolExecutor(1, "batches") as ahead,
        ):
            try:
                # Before the first step, and where the last session was stopped while this was measured.
                self._validate()
                if self._state.step == 0:
                    self._observer.preview(self._state)
                pending = ahead.submit(self._objective.batch, self._state.step)
                while self._state.step < self._config.steps and not self._is_past_its_best():
                    self._device.group.wait_if_paused(self._control, self._state.step, self._device.torch_device)
                    if self._state.step == self._config.steps // 2:
                        self._halfway(self._state)
                    pending = self._step(pending, lambda step: ahead.submit(self._objective.batch, step))
                    now = time.monotonic()
                    if now - reported >= REPORT_INTERVAL_S:
                        self._report()
                        reported = now
                    self._progress(clock)
                    self._validate()
                    if now - previewed >= self._config.preview_interval_s:
                        self._observer.preview(self._state)
                        previewed = now
                    if now - saved >= self._config.checkpoint_interval_s:
                        self.save(clock)
                        saved = now
                self._report()
                self._observer.preview(self._state)
            except (JobCancelled, ProcessGroupError, DeviceError):
                self.save(clock)
                raise
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                # Amid a change of the weights, which must not be saved half done.
                raise DeviceError(
                    "The memory does not suffice for this training.",
                    "Close other programs and resume the run from its last checkpoint, or choose a smaller network.",
                ) from error
            finally:
                # Whoever reads it at this moment keeps it, where the system does not let go of open files.
                with contextlib.suppress(OSError):
                    self._run.shown_model_path.unlink()
        self.save(clock)

    def save(self, clock: "_Clock | None" = None) -> None:
        """Save a checkpoint and the model as it is now, once the figures since the last one are seen to be finite."""
        self._report()
        if clock is not None:
            self._state.seconds = clock.seconds()
        # The model first: a run with a checkpoint goes on by its model's card.
        self._save_model(self._model_path if self._state.best_psnr is None else self._run.last_model_path)
        keep_checkpoint(self._run.checkpoint_path, self._run.previous_checkpoint_path, self._state)
        self._run.update(
            steps_done=self._state.step, seconds=self._state.seconds, metrics=self._run.record.metrics | self._latest
        )
        self._emit(CheckpointSaved(step=self._state.step, path=self._run.checkpoint_path))

    def _step(
        self, pending: "Future[tuple[Tensor, ...]]", prefetch: Callable[[int], "Future[tuple[Tensor, ...]]"]
    ) -> "Future[tuple[Tensor, ...]]":
        """One optimisation step; returns the next batch in the making."""
        state = self._state
        batch = pending.result()
        following = prefetch(state.step + 1)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate_at(state.step, self._config)
        loss = self._gradient.compute(batch)
        self._device.group.sum_gradients(self._weights)
        norm = self._limit_gradient()
        self._optimizer.step()
        state.step += 1
        self._average_weights()
        # Summed on the device and looked at once a second: reading a value would make a GPU wait at each step.
        for name, value in {**loss.parts, "gradient_norm": norm}.items():
            self._sums[name] += value
        self._num_summed += 1
        return following

    def _say_warning(self, message: str, hint: str) -> None:
        self._run.log(message)
        self._emit(JobWarning(message=message, hint=hint))

    @contextlib.contextmanager
    def _resting(self) -> Iterator[None]:
        """Give the device's memory to others during a pause.

        Raises:
            DeviceError: They have kept it.
        """
        self._optimizer.zero_grad(set_to_none=True)
        moved = self._device.move_to_host([*self._state.tensors(), *self._objective.state_tensors().values()])
        yield
        # What ends is saved from where it is.
        if not self._control.is_cancelled:
            self._device.move_back(moved)

    def _limit_gradient(self) -> Tensor:
        """Shorten a gradient that is far longer than the last ones; returns its length before.

        A fixed limit would be out of proportion: the length follows the noise of the photos. The idea of a limit from
        the training's own history is that of AutoClip (Seetharaman et al., 2020). All stays on the device.
        """
        gradients = [weight.grad for weight in self._weights if weight.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients, foreach=True)
        usual = self._state.gradient_norm
        if self._state.step == 0:
            usual.copy_(norm)
        limit = GRADIENT_NORM_FACTOR * usual
        torch._foreach_mul_(gradients, (limit / (norm + SMALLEST_NORM)).clamp(max=1.0))
        usual.lerp_(torch.minimum(norm, limit), GRADIENT_NORM_SHARE)
        return norm

    def _average_weights(self) -> None:
        # Early on the average follows closely, or it would still hold the first, random weights.
        step = self._state.step
        decay = min(self._config.weight_average_decay, step / (step + 9))
        torch._foreach_lerp_(self._averaged, [weight.detach() for weight in self._weights], 1 - decay)

    def _validate(self) -> None:
        """Measure the weights where their step is one of those that are, once."""
        state = self._state
        is_due = state.step % self._validate_every == 0 or state.step >= self._config.steps
        if not is_due or state.validated_step == state.step:
            return
        self._require_finite()
        if self._observer.validate(state):
            self._save_model(self._model_path)
        state.validated_step = state.step

    def _is_past_its_best(self) -> bool:
        """Whether the last validations brought no gain (early stopping; Prechelt, 1998)."""
        without_gain = (self._state.step - self._state.best_step) // self._validate_every
        return 0 < self._patience <= without_gain and self._state.best_psnr is not None

    def _show_weights(self) -> None:
        """Write the present weights down for whoever asked; the training goes on without, where that fails."""
        try:
            self._save_model(self._run.shown_model_path)
        except ModelFileError as error:
            self._emit(JobWarning(message=error.message, hint=error.hint))
        else:
            self._emit(WeightsShown(step=self._state.step, path=self._run.shown_model_path))

    def _save_model(self, path: Path) -> None:
        card = self._card.model_copy(update={"steps": self._state.step})
        save_model(path, self._state.averaged.state_dict(), card)

    def _require_finite(self) -> None:
        """Check the figures since the last report, before the weights that they led to are kept.

        Raises:
            TrainingDivergedError: One is not finite.
        """
        if not all(math.isfinite(float(total)) for total in self._sums.values()):
            raise TrainingDivergedError(
                say(
                    "Training has become unstable near step {step:,}: a loss is no longer a finite number.",
                    step=self._state.step,
                ),
                "Lower the learning rate under More settings and start again; the last saved state is kept.",
            )

    def _report(self) -> None:
        if not self._num_summed:
            return
        self._require_finite()
        metrics = {name: float(total) / self._num_summed for name, total in self._sums.items()}
        # The few steps before the end or a stop are no fair mean: one batch alone would end every curve with a spike.
        is_representative = self._num_summed * 4 >= self._previously_summed
        self._previously_summed = self._num_summed
        self._sums.clear()
        self._num_summed = 0
        if not is_representative:
            return
        metrics["learning_rate"] = learning_rate_at(self._state.step - 1, self._config)
        self._latest = metrics
        self._run.append_metrics(self._state.step, metrics)
        self._emit(MetricsRow(step=self._state.step, metrics=metrics))
        self._observer.report(self._state.step, metrics)

    def _progress(self, clock: "_Clock") -> None:
        steps_per_second = clock.steps_per_second()
        remaining = self._config.steps - self._state.step
        self._emit(
            StepDone(
                stage=self._stage,
                step=self._state.step,
                num_steps=self._config.steps,
                seconds_left=remaining / steps_per_second if steps_per_second else None,
                metrics={**self._latest, "steps_per_second": steps_per_second},
            )
        )


class _Clock:
    """Training time without pauses, and the speed of this session."""

    def __init__(self, state: TrainingState, control: JobControl) -> None:
        self._state = state
        self._control = control
        self._first_step = state.step
        self._seconds_before = state.seconds
        self._started = time.monotonic()
        self._paused_before = control.paused_seconds

    def _session_seconds(self) -> float:
        return time.monotonic() - self._started - (self._control.paused_seconds - self._paused_before)

    def seconds(self) -> float:
        """Training time over all sessions."""
        return self._seconds_before + self._session_seconds()

    def steps_per_second(self) -> float:
        """Mean speed of this session; 0 before its first step."""
        return (self._state.step - self._first_step) / max(self._session_seconds(), 1e-6)
