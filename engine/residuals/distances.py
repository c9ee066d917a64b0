"""How alike the noises of a folder are, crop by crop: what residual contrastive learning sees.

Crops of one photo are its positives, crops of different photos its negatives; their distance is the earth mover's
distance between their residuals. Where positives are near and negatives far the method has something to learn from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from engine.contracts.configs import ADVANCED, ComputeConfig
from engine.contracts.errors import EngineError, InvalidInputError
from engine.contracts.events import Emit, FileSkipped, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.machine.interruptible import run_interruptibly
from engine.translatable import say, say_joined

if TYPE_CHECKING:
    from engine.photos.crops import DecodedPhoto

CLEARLY_APART, SLIGHTLY_APART = 2.0, 1.25
"""Negatives so many times as far apart as positives are told apart with ease, or at all."""

_STAGE = "Comparing noise"


class NoiseComparisonConfig(ComputeConfig):
    """Compare the residuals of crops of several photos."""

    model: Annotated[Path, Field(title="Model", description="A run folder or a model file; it tells noise apart.")]
    photos: Annotated[
        tuple[PhotoRef, ...],
        Field(min_length=2, title="Photos", description="Noisy photos; of more than are compared, the first is one."),
    ]
    num_photos: Annotated[
        int, Field(ge=2, le=64, title="Photos compared", description="The first, and others at equal intervals.")
    ] = 8
    crops_per_photo: Annotated[
        int, Field(ge=2, le=8, title="Crops of each photo", description="At different places, side by side.")
    ] = 3
    crop_px: Annotated[
        int,
        Field(
            ge=16,
            le=256,
            title="Crop",
            description="Side of the square that the network sees of each crop.",
            json_schema_extra={"unit": "px", **ADVANCED},
        ),
    ] = 48
    seed: Annotated[
        int,
        Field(ge=0, le=2**31 - 1, title="Seed", description="Of the places of the crops.", json_schema_extra=ADVANCED),
    ] = 0


@dataclass(frozen=True, kw_only=True)
class NoiseComparison:
    """Distances between the residuals of crops.

    Attributes:
        photos: The photos compared.
        crops_per_photo: Crops of each; crop `c` of photo `p` has the row `p * crops_per_photo + c`.
        distances: Earth mover's distance, averaged over channels and groups of brightness, on the scale of 0 to 1.
            Shape: (crops, crops), symmetric, 0 on the diagonal.
        positive: Mean distance of crops of one photo.
        negative: Mean distance of crops of different photos.
        accuracy: How often the nearest crop is one of the same photo, 0 to 1.
        chance: How often it would be by guessing.
        sentence: What this says, in plain words.
    """

    photos: tuple[PhotoRef, ...]
    crops_per_photo: int
    distances: NDArray[np.float64]
    positive: float
    negative: float
    accuracy: float
    chance: float
    sentence: str


def compare_noises(config: NoiseComparisonConfig, control: JobControl, emit: Emit) -> NoiseComparison:
    """Compare the residuals of crops of several photos, as the model's own pretext task sees them.

    Args:
        config: Model and photos.
        control: Asked once a photo.
        emit: Receives `StepDone`, and `FileSkipped` for photos that cannot be read.

    Raises:
        InvalidInputError: Fewer than two photos can be read.
        ModelFileError: The model cannot be loaded.
        DeviceError: The device is not there.
        JobCancelled: Asked to end.
    """
    import torch

    from engine.machine.devices import open_device
    from engine.machine.seeds import step_seed
    from engine.method.losses.earth_mover import earth_mover_distance_matrix, sorted_residuals
    from engine.models.files import load_model
    from engine.photos.crops import decode_photo
    from engine.residuals.maker import ResidualMaker

    paths = choose_photos(config.photos, config.num_photos)
    device = open_device(config)
    maker = ResidualMaker.of_model(config.model, load_model(config.model), device, paths, control, emit)
    side_px = maker.source_crop_px(config.crop_px)
    read: list[PhotoRef] = []
    quantiles = []
    for index, path in enumerate(paths):
        control.wait_if_paused()
        emit(StepDone(stage=_STAGE, step=index, num_steps=len(paths)))
        try:
            photo = run_interruptibly(partial(decode_photo, path, independent_pixels=True), control)
        except EngineError as error:
            emit(FileSkipped(path=path, reason=error.message, hint=error.hint))
            continue
        # Of a microscope's channels the first: of two photos the same channel is compared.
        photo = photo.pictures[0]
        crops = _separate_crops(photo, config.crops_per_photo, side_px, np.random.default_rng((config.seed, index)))
        residuals = maker.residual(crops, step_seed(config.seed, index))
        quantiles.append(sorted_residuals(residuals.values, residuals.intensity, maker.num_bins).cpu())
        read.append(path)
    if len(read) < 2:
        raise InvalidInputError(
            "Fewer than two of the photos can be read.", "See the list of skipped files for the reasons."
        )
    emit(StepDone(stage=_STAGE, step=len(paths), num_steps=len(paths)))
    values = torch.cat(quantiles)
    distances = earth_mover_distance_matrix(values, values).double().numpy()
    return summarize_distances((distances + distances.T) / 2, tuple(read), config.crops_per_photo)


def choose_photos(photos: Sequence[PhotoRef], count: int) -> list[PhotoRef]:
    """Choose the first photo, and others at equal intervals, each once."""
    distinct = list(dict.fromkeys(photos))
    places = np.linspace(0, len(distinct), min(count, len(distinct)), endpoint=False).astype(int)
    return [distinct[place] for place in places]


def summarize_distances(
    distances: NDArray[np.float64], photos: tuple[PhotoRef, ...], crops_per_photo: int
) -> NoiseComparison:
    """Say how far crops of one photo and crops of different photos are apart.

    Args:
        distances: Shape: (photos * crops_per_photo, the same), symmetric.
        photos: At least two.
        crops_per_photo: At least two.
    """
    of_photo = np.repeat(np.arange(len(photos)), crops_per_photo)
    same = of_photo[:, None] == of_photo
    others = ~np.eye(len(distances), dtype=bool)
    positive, negative = float(distances[same & others].mean()), float(distances[~same].mean())
    nearest = np.where(others, distances, np.inf).argmin(axis=1)
    accuracy = float(np.mean(of_photo[nearest] == of_photo))
    chance = (crops_per_photo - 1) / (len(distances) - 1)
    return NoiseComparison(
        photos=photos,
        crops_per_photo=crops_per_photo,
        distances=np.where(others, distances, 0.0),
        positive=positive,
        negative=negative,
        accuracy=accuracy,
        chance=chance,
        sentence=_explain(positive, negative, accuracy, chance),
    )


def _explain(positive: float, negative: float, accuracy: float, chance: float) -> str:
    if positive <= 0:
        return "The residuals hold nothing to compare: the photos come back unchanged."
    ratio = negative / positive
    apart = say(
        "Noises of different photos are {ratio:.1f} times as far apart as two places of one photo "
        "({negative:.2f} against {positive:.2f} of 255 levels).",
        ratio=ratio,
        negative=negative * 255,
        positive=positive * 255,
    )
    found = say(
        "For {accuracy:.0f} % of the crops the most alike noise is found in the same photo, by "
        "guessing for {chance:.0f} %.",
        accuracy=100 * accuracy,
        chance=100 * chance,
    )
    if ratio >= CLEARLY_APART:
        learning = "Contrast has much to learn from in this folder."
    elif ratio >= SLIGHTLY_APART:
        learning = "Contrast has something to learn from in this folder."
    else:
        learning = "The photos' noise is alike, so contrast has little to learn from here."
    return say_joined((apart, found, learning))


def _separate_crops(
    photo: "DecodedPhoto", count: int, side_px: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Crops of different parts of a photo, at random places within them. Shape: (count, 3, side_px, side_px).

    Overlapping crops would be alike whatever the noise; in a photo of little room they overlap as little as they can.
    """
    height, width = photo.levels.shape[1:]
    crops = []
    for index in range(count):
        along_rows = height > width
        bounds = [(0, height), (0, width)]
        long_side = bounds[0 if along_rows else 1][1]
        room = max(long_side - side_px, 0)
        part = (round(index * long_side / count), round((index + 1) * long_side / count))
        low = min(part[0], room)
        bounds[0 if along_rows else 1] = (low, max(min(part[1], long_side), low))
        top, left = (
            int(generator.integers(start, max(min(end, whole) - side_px, start) + 1))
            for (start, end), whole in zip(bounds, (height, width), strict=True)
        )
        crops.append(photo.crop(top, left, side_px))
    return np.stack(crops)
