"""Measuring models on the same photos again and again, without a restored file between."""

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.comparing.metrics import psnr, ssim
from engine.contracts.errors import InvalidInputError
from engine.contracts.events import Emit, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef, Pixels
from engine.contracts.results import PairScore
from engine.labelling.brightness_fit import fit_reference
from engine.machine.devices import open_device
from engine.machine.interruptible import run_interruptibly
from engine.models.files import load_model
from engine.photo_files.photos import read_image
from engine.photos.crops import DecodedPair, DecodedPhoto, decode_photo, scale_of_reference
from engine.photos.pairs import PhotoPair
from engine.photos.stack_levels import as_in_stack
from engine.restoring.restorer import Restorer

if TYPE_CHECKING:
    from engine.contracts.configs import ComputeConfig

PSNR_LIMIT_DB = 100.0
"""A picture equal to its reference would make every mean infinite."""


def _decoded(photo: PhotoRef, control: JobControl) -> DecodedPhoto:
    """Read a photo; a page with what is black and white in its stack, between which it is restored."""
    if not photo.page:
        return run_interruptibly(partial(decode_photo, photo), control)
    image = run_interruptibly(partial(read_image, photo), control)
    return DecodedPhoto.of_image(photo, as_in_stack(photo, image, control))


def _as_measured(label: DecodedPair, is_fitted: bool) -> tuple[Pixels, Pixels]:
    """Return a noisy picture and its reference, as bright where it is fitted; gray ones with one channel."""
    clean = label.clean.with_scale(scale_of_reference(label.noisy, label.clean))
    if is_fitted and (fit := fit_reference(label.noisy, clean)).is_wanted:
        clean = clean.with_scale(fit.scale_of(clean))
    are_gray = all((side.levels[:1] == side.levels[1:]).all() for side in (label.noisy, clean))
    num_channels = 1 if are_gray else 3
    return label.noisy.pixels[:, :, :num_channels], clean.pixels[:, :, :num_channels]


class Measurer:
    """Restores and compares the evaluation photos of an experiment; denoising alone.

    A reference of another exposure or stretch is made as bright as its photo first, as those are that teach.
    """

    def __init__(
        self, pairs: Sequence[PhotoPair], compute: "ComputeConfig", unfitted: Collection[str] | None = ()
    ) -> None:
        """Take the pairs.

        Args:
            pairs: With different names of the noisy photos.
            compute: Where to compute.
            unfitted: The noisy photos whose references keep their own exposure, as settings name them; None: all do.
        """
        self._pairs = pairs
        self._unfitted = {pair.noisy for pair in pairs if unfitted is None or pair.noisy.is_named_in(unfitted)}
        self._compute = compute
        self._untouched: dict[str, tuple[float, float]] = {}

    def measure(
        self, model: Path, control: JobControl, emit: Emit, *, leave_out: Collection[str] = ()
    ) -> dict[str, PairScore]:
        """Measure a model.

        Args:
            model: Its file or run folder.
            control: Asked once a tile.
            emit: Receives `StepDone` and `JobWarning`.
            leave_out: Names of noisy photos that taught it, or that those which did tell something of.

        Returns:
            Figures by name of the noisy photo.

        Raises:
            JobCancelled: Asked to end.
            EngineError: The model or a photo cannot be read, or no photo is left to measure.
        """
        restorer = Restorer(load_model(model), open_device(self._compute), emit=emit)
        pairs = [pair for pair in self._pairs if pair.noisy.name not in leave_out]
        if not pairs:
            raise InvalidInputError("No photo is left to measure.", "Add pairs, or use fewer labels.")
        scores = {}
        for index, pair in enumerate(pairs):
            emit(StepDone(stage="Measuring", step=index, num_steps=len(pairs)))
            name = pair.noisy.name
            labels = DecodedPair(_decoded(pair.noisy, control), _decoded(pair.clean, control)).pictures
            is_fitted = pair.noisy not in self._unfitted
            parts = [run_interruptibly(partial(_as_measured, label, is_fitted), control) for label in labels]
            noisy, clean = (np.concatenate(side, axis=2) for side in zip(*parts, strict=True))
            restored = restorer.restore(noisy, channels_are_gray=len(labels) > 1, control=control)
            if name not in self._untouched:
                self._untouched[name] = min(psnr(noisy, clean), PSNR_LIMIT_DB), ssim(noisy, clean)
            noisy_psnr, noisy_ssim = self._untouched[name]
            scores[name] = PairScore(
                name=name,
                psnr=min(psnr(restored, clean), PSNR_LIMIT_DB),
                ssim=ssim(restored, clean),
                noisy_psnr=noisy_psnr,
                noisy_ssim=noisy_ssim,
                used_for_training=False,
            )
        return scores
