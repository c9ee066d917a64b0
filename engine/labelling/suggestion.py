"""Which photos to label: the few whose noise stands for the whole folder.

A clean reference teaches most where it shows a noise that many photos have. A model tells the noise of each photo, as
its residual; residuals are compared by the earth mover's distance, as residual contrastive learning does, and the
medoids of the distances are the photos that stand for all.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.contracts.configs import SuggestLabelsConfig
from engine.contracts.errors import EngineError, InvalidInputError
from engine.contracts.events import Emit, FileSkipped, JobWarning, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.labelling.k_medoids import k_medoids
from engine.machine.interruptible import run_interruptibly
from engine.photo_files.values.given import reads_as_set
from engine.photos.folder import find_photos_in
from engine.translatable import say, say_joined

if TYPE_CHECKING:
    from torch import Tensor

    from engine.machine.devices import ComputeDevice
    from engine.models.files import RestorationModel
    from engine.photos.crops import DecodedPhoto

MAX_COMPARED_PHOTOS = 2000
"""Distances grow with the square of the photos; of a larger folder, photos at equal intervals are compared."""

NUM_CROPS = 8
CROP_PX = 48
NUM_QUANTILES = 512
"""Of a residual's values per channel: its distribution, at a cost that lets thousands of photos be compared."""

_NUM_NAMED_PHOTOS = 3


@dataclass(frozen=True, kw_only=True)
class SuggestedLabel:
    """A photo that should get a clean reference.

    Attributes:
        photo: Which it is.
        stands_for: The photos whose noise is most like its own, nearest first; itself at the front.
        noise_sigma: Standard deviation of its residual, 0 to 1: what the model takes for noise, and what it cannot
            foresee of the picture.
        sentence: Why it is suggested.
    """

    photo: PhotoRef
    stands_for: tuple[PhotoRef, ...]
    noise_sigma: float
    sentence: str


@dataclass(frozen=True, kw_only=True)
class LabelSuggestion:
    """Photos to label, those that stand for most photos first.

    Attributes:
        suggested: At most as many as were asked for.
        num_photos: Photos that were compared.
        skipped: Files that could not be, with reasons.
        seconds: Time it took, without pauses.
    """

    suggested: tuple[SuggestedLabel, ...]
    num_photos: int
    skipped: tuple[FileSkipped, ...]
    seconds: float


@reads_as_set
def suggest_labels(config: SuggestLabelsConfig, control: JobControl, emit: Emit) -> LabelSuggestion:
    """Suggest the photos whose clean references would teach most.

    Args:
        config: Model, photos, how many.
        control: Asked once a photo.
        emit: Receives `StepDone`, `FileSkipped` and `JobWarning`.

    Raises:
        JobCancelled: Asked to end.
        InvalidInputError: There is no usable photo.
        ModelFileError: The model cannot be loaded.
        DeviceError: The device is not there.
    """
    from engine.machine.devices import open_device
    from engine.models.files import load_model

    started, paused_before = time.monotonic(), control.paused_seconds
    skipped: list[FileSkipped] = []

    def report(event: object) -> None:
        if isinstance(event, FileSkipped):
            skipped.append(event)
        emit(event)  # type: ignore[arg-type] # an event, as the jobs below emit them

    usable, unusable = find_photos_in(config.photos)
    for file in unusable:
        report(file)
    paths = [path for path, _ in usable]
    if not paths:
        raise InvalidInputError("There is no usable photo in what was given.", "Choose a folder with noisy photos.")
    if len(paths) > MAX_COMPARED_PHOTOS:
        emit(
            JobWarning(
                message=say(
                    "Of the {num_paths:,} photos, {max_compared_photos:,} at equal intervals are compared.",
                    num_paths=len(paths),
                    max_compared_photos=MAX_COMPARED_PHOTOS,
                ),
                hint="Give a smaller folder if each photo shall count.",
            )
        )
        paths = [paths[index] for index in np.linspace(0, len(paths) - 1, MAX_COMPARED_PHOTOS).astype(int)]
    device = open_device(config)
    residuals = measure_residuals(config.model, load_model(config.model), device, paths, config.seed, control, report)
    if config.count > len(residuals.photos):
        emit(
            JobWarning(
                message=say(
                    "There are only {num_photos} photos, not {count}.",
                    num_photos=len(residuals.photos),
                    count=config.count,
                ),
                hint="All of them are suggested.",
            )
        )
    return LabelSuggestion(
        suggested=run_interruptibly(lambda: choose_representatives(residuals, config.count), control),
        num_photos=len(residuals.photos),
        skipped=tuple(skipped),
        seconds=time.monotonic() - started - (control.paused_seconds - paused_before),
    )


@dataclass(frozen=True)
class PhotoResiduals:
    """The noise of photos as a model sees it.

    Attributes:
        photos: Their files.
        distances: Earth mover's distance between their residuals, averaged over channels, on the scale of 0 to 1.
            Shape: (photos, photos).
        sigmas: Standard deviations of the residuals. Shape: (photos,).
    """

    photos: tuple[PhotoRef, ...]
    distances: NDArray[np.float64]
    sigmas: NDArray[np.float64]


def measure_residuals(
    model_path: Path,
    model: "RestorationModel",
    device: "ComputeDevice",
    photos: Sequence[PhotoRef],
    seed: int,
    control: JobControl,
    emit: Emit,
) -> PhotoResiduals:
    """Compare the residuals of photos, as the model's own pretext task sees them, else as x - A f(x).

    Only one photo at a time is in memory.

    Args:
        model_path: Where the model comes from; a run's own measured settings are used.
        model: The model.
        device: Where to compute.
        photos: Photos; one that cannot be read is reported and left out.
        seed: Of the places that are looked at.
        control: Asked once a photo.
        emit: Receives `StepDone` and `FileSkipped`.

    Raises:
        InvalidInputError: None of the photos can be read.
        JobCancelled: Asked to end.
    """
    import torch

    from engine.machine.seeds import step_seed
    from engine.method.losses.earth_mover import earth_mover_distance_matrix
    from engine.photos.crops import crops_of_photos, decode_photo
    from engine.residuals.maker import ResidualMaker

    maker = ResidualMaker.of_model(model_path, model, device, photos, control, emit)

    def residual_of(photo: "DecodedPhoto", index: int) -> "Tensor":
        pictures = photo.pictures
        crops = crops_of_photos(
            pictures,
            np.arange(NUM_CROPS) % len(pictures),
            maker.source_crop_px(CROP_PX),
            np.random.default_rng((seed, index)),
        )
        return maker.residual(crops, step_seed(seed, index)).values

    decoded: list[PhotoRef] = []
    quantiles: list[Tensor] = []
    for index, path in enumerate(photos):
        control.wait_if_paused()
        emit(StepDone(stage="Comparing noise", step=index, num_steps=len(photos)))
        try:
            photo = run_interruptibly(partial(decode_photo, path, independent_pixels=True), control)
            quantiles.append(_quantiles(residual_of(photo, index)))
        except EngineError as error:
            emit(FileSkipped(path=path, reason=error.message, hint=error.hint))
            continue
        decoded.append(path)
    if not decoded:
        raise InvalidInputError("None of the photos can be read.", "See the list of skipped files for the reasons.")
    values = torch.stack(quantiles)
    # Of thousands of photos this takes seconds.
    distances = run_interruptibly(lambda: earth_mover_distance_matrix(values, values).double().numpy(), control)
    sigmas = values.double().square().mean(dim=(1, 2)).sub(values.double().mean(dim=2).square().mean(dim=1))
    emit(StepDone(stage="Comparing noise", step=len(photos), num_steps=len(photos)))
    return PhotoResiduals(tuple(decoded), distances, sigmas.clamp_min(0).sqrt().numpy())


def choose_representatives(residuals: PhotoResiduals, count: int) -> tuple[SuggestedLabel, ...]:
    """Choose the photos whose residuals stand for all, those that stand for most first.

    Args:
        residuals: Of the photos to choose from.
        count: How many to choose; more than there are photos means all.
    """
    clustering = k_medoids(residuals.distances, min(count, len(residuals.photos)))
    by_noise = np.argsort(residuals.sigmas[clustering.medoids], kind="stable")
    suggested = []
    for position, medoid in enumerate(clustering.medoids):
        members = np.flatnonzero(clustering.assignment == position)
        distances = np.where(members == medoid, -1.0, residuals.distances[medoid, members])
        nearest_first = members[np.argsort(distances, kind="stable")]
        stands_for = tuple(residuals.photos[member] for member in nearest_first)
        rank = int(np.flatnonzero(by_noise == position)[0])
        sigma = float(residuals.sigmas[medoid])
        suggested.append(
            SuggestedLabel(
                photo=residuals.photos[medoid],
                stands_for=stands_for,
                noise_sigma=sigma,
                sentence=_explain(stands_for, sigma, rank, len(by_noise), len(residuals.photos)),
            )
        )
    return tuple(sorted(suggested, key=lambda label: -len(label.stands_for)))


def _explain(stands_for: Sequence[PhotoRef], sigma: float, rank: int, num_suggested: int, num_photos: int) -> str:
    others = stands_for[1:]
    if not others:
        likeness = "No other photo has a noise much like its own."
    else:
        named = ", ".join(path.name for path in others[:_NUM_NAMED_PHOTOS])
        more = len(others) - _NUM_NAMED_PHOTOS
        likeness = (
            say(
                "Its noise stands for {num_stands_for:,} of the {num_photos:,} photos: itself, {named} and "
                "{more:,} more.",
                num_stands_for=len(stands_for),
                num_photos=num_photos,
                named=named,
                more=more,
            )
            if more > 0
            else say(
                "Its noise stands for {num_stands_for:,} of the {num_photos:,} photos: itself, {named}.",
                num_stands_for=len(stands_for),
                num_photos=num_photos,
                named=named,
            )
        )
    # Whole sentences: parts of them could not be translated.
    if num_suggested > 1 and rank in (0, num_suggested - 1):
        strength = (
            say("It is about {sigma:.1f} of 255 levels, the weakest of those suggested.", sigma=sigma * 255)
            if rank == 0
            else say("It is about {sigma:.1f} of 255 levels, the strongest of those suggested.", sigma=sigma * 255)
        )
    else:
        strength = say("It is about {sigma:.1f} of 255 levels.", sigma=sigma * 255)
    return say_joined((likeness, strength))


def _quantiles(residual: "Tensor") -> "Tensor":
    """The quantile function of all crops' values together. Shape: (channels, NUM_QUANTILES), on the CPU."""
    import torch

    from engine.method.losses.earth_mover import sorted_residuals

    together = residual.movedim(1, 0).flatten(1)[None, :, None]
    values = sorted_residuals(together)[0].cpu()
    places = (torch.arange(NUM_QUANTILES) + 0.5) * (values.shape[1] / NUM_QUANTILES)
    return values[:, places.long()]
