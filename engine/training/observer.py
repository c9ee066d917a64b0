"""Looks at a network while it trains: previews of one crop, validation on held-back labels, verdicts."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from engine.comparing.metrics import psnr, ssim
from engine.contracts.events import Emit, PreviewReady, ValidationDone, VerdictReady
from engine.contracts.job_control import JobControl
from engine.contracts.noise import FolderNoise, spread_evenly, summarize_noise
from engine.contracts.photo import Pixels
from engine.machine.devices import ComputeDevice
from engine.method.catalogue.tasks import TASKS
from engine.models.files import ModelCard, RestorationModel, task_of
from engine.photos.crops import DecodedPair, DecodedPhoto
from engine.photos.noise_estimate import MIN_SIDE_PX, estimate_noise
from engine.restoring.restorer import Restorer
from engine.runs.folder import write_bytes
from engine.runs.store import Run
from engine.training.checkpoints import TrainingState
from engine.training.verdicts import TrainingFacts, gain_verdict, residual_facts, training_verdict

PREVIEW_PX = 192
NUM_PREVIEW_CANDIDATES = 12
VALIDATION_PX = 1024
"""Validation looks at the central square of this side, so that a few large photos do not hold training up."""

RESIDUAL_GAIN = 4.0
"""By how much the residual is amplified in preview pictures; noise of 1 % would be invisible otherwise."""


@dataclass(frozen=True, kw_only=True)
class PreviewCrop:
    """The crop that the preview strip shows.

    Attributes:
        noisy: Shape: (side, side, 3), 0 to 1.
        reference: The clean crop, where known. Shape: (scale * side, scale * side, 3).
        sigma: Standard deviation of its photo's noise, 0 to 1; None for a photo too small to judge.
        noise: Of the photos that it was chosen from; None likewise.
    """

    noisy: Pixels
    reference: Pixels | None = None
    sigma: float | None = None
    noise: FolderNoise | None = None


class TrainingObserver:
    """Previews, validation and verdicts of one run."""

    def __init__(
        self,
        *,
        preview_crop: PreviewCrop,
        validation: Sequence[DecodedPair],
        card: ModelCard,
        device: ComputeDevice,
        run: Run,
        num_steps: int,
        num_crops: int,
        control: JobControl,
        emit: Emit,
    ) -> None:
        """Take what is looked at.

        Args:
            preview_crop: The crop to show.
            validation: Held-back pairs; may be empty.
            card: Of the model.
            device: Where to compute.
            run: Where previews are kept.
            num_steps: Steps in all.
            num_crops: Crops that the contrastive term compares; 0 without one.
            control: Pause and cancel.
            emit: Receives what is seen.
        """
        self._crop = preview_crop
        self._task = task_of(card)
        self._validation = [_central_part(pair, self._task.scale) for pair in validation]
        self._card = card
        self._device = device
        self._run = run
        self._num_steps = num_steps
        self._num_crops = num_crops
        self._control = control
        self._emit = emit
        self._metrics: Mapping[str, float] = {}

    def preview(self, state: TrainingState) -> None:
        """Restore the preview crop, keep its picture, and judge its residual.

        Raises:
            RunStoreError: The picture cannot be written.
        """
        restorer = self._restorer(state)
        restored = restorer.restore(self._crop.noisy, control=self._control)
        noisy = restorer.unrestored(self._crop.noisy)
        residual = _read_only(noisy - restored)
        tiles = [noisy, restored, np.clip(0.5 + RESIDUAL_GAIN * residual, 0, 1)]
        picture = np.rint(np.concatenate(tiles, axis=1) * 255).astype(np.uint8)
        _, encoded = cv2.imencode(".png", picture[:, :, ::-1])
        write_bytes(self._run.preview_folder / f"step_{state.step:08d}.png", encoded.tobytes())
        self._emit(
            PreviewReady(
                step=state.step, noisy=noisy, restored=restored, residual=residual, reference=self._crop.reference
            )
        )
        if state.step:
            verdict = self._verdict(state.step, noisy, restored)
            self._run.update(verdict=verdict.sentence)
            self._emit(verdict)

    def validate(self, state: TrainingState) -> bool:
        """Measure the averaged weights on the held-back pairs; whether they are the best so far."""
        if not self._validation:
            return False
        row = self._measured(self._restorer(state))
        psnr_now = row["validation_psnr"]
        self._run.append_metrics(state.step, row)
        self._emit(
            ValidationDone(
                step=state.step,
                psnr=psnr_now,
                ssim=row["validation_ssim"],
                noisy_psnr=row["validation_noisy_psnr"],
            )
        )
        if math.isnan(psnr_now) or (state.best_psnr is not None and psnr_now <= state.best_psnr):
            return False
        # Those of the weights that are kept.
        self._run.update(metrics={**self._run.record.metrics, **row})
        state.best_psnr, state.best_step = psnr_now, state.step
        return True

    def measure_kept(self, model: RestorationModel) -> float | None:
        """Measure weights that were changed after training, and note it as what the run keeps.

        Args:
            model: What is kept.

        Returns:
            Its validation PSNR, dB; None without validation.
        """
        if not self._validation:
            return None
        row = self._measured(Restorer(model, self._device))
        self._run.update(metrics={**self._run.record.metrics, **row})
        return row["validation_psnr"]

    def _measured(self, restorer: Restorer) -> dict[str, float]:
        """Mean figures on the held-back pairs, as `metrics.csv` names them."""
        figures = []
        for noisy, clean in self._validation:
            restored = restorer.restore(noisy, control=self._control)
            figures.append((psnr(restored, clean), ssim(restored, clean), psnr(restorer.unrestored(noisy), clean)))
        mean_psnr, mean_ssim, mean_noisy = (float(value) for value in np.mean(figures, axis=0))
        return {"validation_psnr": mean_psnr, "validation_ssim": mean_ssim, "validation_noisy_psnr": mean_noisy}

    def report(self, step: int, metrics: Mapping[str, float]) -> None:
        """Keep the latest losses for the verdict."""
        self._metrics = metrics

    def _restorer(self, state: TrainingState) -> Restorer:
        return Restorer(RestorationModel(state.averaged, self._card), self._device)

    def _verdict(self, step: int, noisy: Pixels, restored: Pixels) -> VerdictReady:
        reference = self._crop.reference
        if TASKS[self._card.task].makes_own_pairs and reference is not None:
            gain_db = psnr(restored, reference) - psnr(noisy, reference)
            return gain_verdict(gain_db, step=step, num_steps=self._num_steps)
        return training_verdict(
            TrainingFacts(
                residual=residual_facts(noisy, restored),
                metrics=self._metrics,
                step=step,
                num_steps=self._num_steps,
                num_crops=self._num_crops,
                noise=self._crop.noise,
                preview_sigma=self._crop.sigma,
            )
        )


def choose_preview_crop(
    photos: Sequence[DecodedPhoto],
    reference_of: Callable[[DecodedPhoto], DecodedPhoto | None] = lambda _: None,
    *,
    scale: int = 1,
) -> PreviewCrop:
    """The busiest place of one of the noisier photos: there a person sees both noise and detail.

    Args:
        photos: At least one.
        reference_of: The clean reference of a photo, where known.
        scale: How many times larger references are, to a side; the crop is that much smaller.
    """
    candidates = spread_evenly(photos, NUM_PREVIEW_CANDIDATES)
    estimates = [
        (photo, estimate_noise(_centre(photo.pixels, 512)))
        for photo in candidates
        if min(photo.levels.shape[1:]) >= MIN_SIDE_PX
    ]
    by_noise = sorted(estimates, key=lambda estimate: estimate[1].sigma)
    photo, estimate = by_noise[(3 * len(by_noise)) // 4] if by_noise else (candidates[0], None)
    pixels = photo.pixels
    height, width = pixels.shape[:2]
    side = min(PREVIEW_PX // scale, height, width)
    places = [
        (int(row * (height - side)), int(column * (width - side)))
        for row in (0.25, 0.5, 0.75)
        for column in (0.25, 0.5, 0.75)
    ]

    def detail(place: tuple[int, int]) -> float:
        # Blurred first, or the place with the most noise would count as the busiest.
        return float(cv2.GaussianBlur(_part(pixels, place, side), (0, 0), 3.0).std())

    top, left = max(places, key=detail)
    reference = reference_of(photo)
    return PreviewCrop(
        noisy=_part(pixels, (top, left), side),
        reference=None if reference is None else _part(reference.pixels, (scale * top, scale * left), scale * side),
        sigma=None if estimate is None else estimate.sigma,
        noise=summarize_noise(noise for _, noise in estimates),
    )


def _part(pixels: Pixels, place: tuple[int, int], side: int) -> Pixels:
    top, left = place
    return _read_only(pixels[top : top + side, left : left + side])


def _centre(pixels: Pixels, side: int) -> Pixels:
    height, width = pixels.shape[:2]
    return _part(pixels, (max(height - side, 0) // 2, max(width - side, 0) // 2), side)


def _central_part(pair: DecodedPair, scale: int) -> tuple[Pixels, Pixels]:
    side = VALIDATION_PX // scale
    height, width = pair.noisy.levels.shape[1:]
    top, left = max(height - side, 0) // 2, max(width - side, 0) // 2
    clean = _part(pair.clean.pixels, (scale * top, scale * left), scale * side)
    return _part(pair.noisy.pixels, (top, left), side), clean


def _read_only(pixels: Pixels) -> Pixels:
    kept: Pixels = np.ascontiguousarray(pixels, dtype=np.float32)
    kept.flags.writeable = False
    return kept
