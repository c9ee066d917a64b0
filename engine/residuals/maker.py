"""The residuals of crops as a model's own pretext task sees them: what the model takes for noise."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.contracts.events import Emit
from engine.contracts.job_control import JobControl
from engine.contracts.noise import spread_evenly
from engine.contracts.photo import PhotoRef
from engine.machine.devices import ComputeDevice
from engine.method.catalogue.pretexts import PRETEXTS
from engine.method.factory import make_pretext
from engine.method.pretext.pretext_task import PretextTask
from engine.models.files import RestorationModel, task_of
from engine.photos.crops import decode_photos
from engine.photos.noise_estimate import measure_noise
from engine.runs.folder import RECORD_FILE, Run


@dataclass(frozen=True)
class CropResiduals:
    """Residuals of some crops.

    Attributes:
        values: Shape: (crops, 3, height, width), -1 to 1; may be smaller than the crops.
        intensity: The restored picture below each value. Same shape.
    """

    values: Tensor
    intensity: Tensor


class ResidualMaker:
    """Makes residuals, by the model's own pretext task, else as x - A f(x)."""

    def __init__(
        self, restore: Callable[[Tensor], Tensor], pretext: PretextTask | None, num_bins: int, device: ComputeDevice
    ) -> None:
        """Take what makes them; see `of_model`.

        Args:
            restore: The network.
            pretext: The task that it learned with; None where unknown.
            num_bins: Groups of brightness in which that task compares noises.
            device: Where to compute.
        """
        self._restore = restore
        self._pretext = pretext
        self._device = device
        self.num_bins = num_bins

    @classmethod
    def of_model(
        cls,
        model_path: Path,
        model: RestorationModel,
        device: ComputeDevice,
        photos: Sequence[PhotoRef],
        control: JobControl,
        emit: Emit,
    ) -> "ResidualMaker":
        """Use a model.

        Args:
            model_path: Where the model comes from; a run's own measured settings are used.
            model: The model.
            device: Where to compute.
            photos: Photos; what the run has not noted is measured on them.
            control: Asked once a photo.
            emit: Receives `StepDone` and `FileSkipped`.

        Raises:
            InvalidInputError: None of the photos can be read.
            JobCancelled: Asked to end.
        """
        pretext = _pretext_of(model_path, model, photos, control, emit)
        task = task_of(model.card)
        network = model.network.to(device.torch_device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        restore = task.measured(lambda noisy: network(noisy.contiguous(memory_format=torch.channels_last)).float())
        num_bins = getattr(getattr(pretext, "params", None), "intensity_bins", 1)
        return cls(restore, pretext, int(num_bins), device)

    def source_crop_px(self, crop_px: int) -> int:
        """Side of the crop of a photo from which the network sees a square of `crop_px`."""
        return self._pretext.source_crop_px(crop_px) if self._pretext else crop_px

    def residual(self, crops: NDArray[np.float32], seed: int) -> CropResiduals:
        """Return the residuals of crops.

        Args:
            crops: Shape: (crops, 3, side, side), 0 to 1.
            seed: Of the pretext task's choices.
        """
        noisy = torch.from_numpy(crops).to(self._device.torch_device)
        restored: list[Tensor] = []

        def restore(seen: Tensor) -> Tensor:
            restored.append(self._restore(seen))
            return restored[-1]

        with torch.no_grad(), self._device.autocast():
            if self._pretext is None:
                values = noisy - restore(noisy)
            else:
                values = self._pretext.residual(restore, noisy, torch.Generator().manual_seed(seed))
        return CropResiduals(values, restored[-1])


def _pretext_of(
    model_path: Path, model: RestorationModel, photos: Sequence[PhotoRef], control: JobControl, emit: Emit
) -> PretextTask | None:
    """The pretext task that the model learned with; a stride that its run has not noted is measured on the photos."""
    if model.card.pretext is None:
        return None
    row = PRETEXTS.find(model.card.pretext)
    params = _run_params(model_path)
    if row.leaves_stride_open(params):
        decoded = decode_photos(spread_evenly(photos), control, emit, stage="Measuring the noise")
        noise = measure_noise(decoded, lambda photo: photo.pixels)
        params = row.with_stride(params, noise.stride if noise is not None else 1)
    return make_pretext(model.card.pretext, params)


def _run_params(model_path: Path) -> dict[str, object]:
    """What a pretraining run was told of its pretext task; nothing for other models."""
    if not os.path.isfile(model_path / RECORD_FILE):
        return {}
    run = Run(model_path)
    return dict(run.config().get("pretext_params", {})) if run.record.kind == "pretrain" else {}
