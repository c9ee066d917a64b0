"""What refining a network on a folder's own noise learns from: the noise, and pictures clean enough to carry it.

Pictures are the photos as the network restores them already; shrunk a little when they are used, what it left of the
noise goes and edges are sharp. Pictures that no camera took stand beside them, so that the network does not take its
own mistakes for the truth: overlapping shapes in the photos' colours, and photographs that scikit-image brings along.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from engine.contracts.configs import NoiseLearningConfig
from engine.contracts.errors import InvalidInputError
from engine.contracts.events import Emit, NoiseLearned, StepDone, TwinMade, TwinsCompared
from engine.contracts.job_control import JobControl
from engine.contracts.learned_noise import BLOCK_PX, LearnedNoise
from engine.contracts.noise import spread_evenly
from engine.contracts.photo import Pixels
from engine.contracts.results import PhotosNoise
from engine.machine.devices import open_device
from engine.method.tasks.restoration_task import RestorationTask
from engine.models.files import load_model, save_tensors, task_of
from engine.models.starters import GENERAL_TASK, require_starter
from engine.photo_files.values.given import reads_as_set
from engine.photos.crops import DecodedPair, DecodedPhoto, PictureKey, decode_photos
from engine.photos.noise_estimate import MIN_SIDE_PX
from engine.refining.label_parts import reference_windows
from engine.restoring.restorer import Restorer
from engine.simulation.dead_leaves import draw_dead_leaves
from engine.simulation.learned.answer import not_above_answer
from engine.simulation.learned.flat_blocks import guess_noise
from engine.simulation.learned.jpeg import compression_of
from engine.simulation.learned.labelled import LabelledPart, put_right_by_labels
from engine.simulation.learned.noise_file import NOISE_FILE, load_noise, save_noise
from engine.simulation.learned.texture import without_texture
from engine.simulation.learned.twins import MAX_PHOTOS as MAX_TWINS
from engine.simulation.learned.twins import NUM_ROUNDS, fit_by_twins
from engine.simulation.pictures import Picture
from engine.translatable import say

MAX_PHOTOS = 64
"""Photos of a folder that are learned from, spread evenly over it."""

WINDOW_PX = 256
NUM_WINDOWS = 64
MAX_WINDOWS_A_PHOTO = 6

MAX_SHOWN_TWINS = 24
SHOWN_TWIN_PX = 128
"""Side of what a person is shown of a photo and of its twin."""

WINDOWS_FILE = "clean_pictures.safetensors"
"""Beside the checkpoints: the restored windows, so that a resumed training sees the same ones."""

_NUM_DEAD_LEAVES = 4
_DEAD_LEAVES_PX = 384
_NUM_COLOURS = 512
_FREE_PICTURES = ("immunohistochemistry", "coins", "moon", "page", "stereo_motorcycle")
_LEVELS = 65535
_KNOWN_RESIDUAL = 0.8, 1.2
"""Power of the residual beside that of the learned noise, between which the noise counts as known. White noise of 25 of
255 has 0.75 to 0.97, fluorescence 0.96 to 1.04; grass and gravel 0.5, camera JPEGs 0.1 to 0.7 (measured)."""

_RESTORED, _REFERENCE, _NOISY = "restored", "reference", "noisy"
_KNOWN = "known"
_STAGE = "Learning the noise"


@dataclass(frozen=True, kw_only=True)
class OwnNoiseMaterial:
    """What a refinement learns from.

    Attributes:
        noise: The photos' noise.
        windows: Restored parts of the photos, 16 bit. Shape of each: (height, width, 3).
        window_photos: For each window, which photo of the noise it is of.
        free: Other clean pictures, 0 to 1. Shape of each: (height, width, 3).
        noisy: The photos there, 16 bit, where the network restores them at their size; None elsewhere. Shapes as of the
            windows.
        known: Where their noise is known as it was added to the light.
        num_references: How many of the last windows are no restored photos but references of labels; these are among
            the other clean pictures too, since they are fit for any photo's noise.
    """

    noise: LearnedNoise
    windows: tuple[NDArray[np.uint16], ...]
    window_photos: tuple[int, ...]
    free: tuple[Picture, ...]
    noisy: tuple[NDArray[np.uint16] | None, ...] = ()
    known: tuple[bool, ...] = ()
    num_references: int = 0

    def save(self, folder: Path, checkpoint_folder: Path) -> None:
        """Keep noise and windows with a run.

        Raises:
            OSError: The noise cannot be written.
            ModelFileError: The windows cannot be.
        """
        save_noise(folder / NOISE_FILE, self.noise)
        first_reference = len(self.windows) - self.num_references
        tensors = {
            f"{index:04d}_{photo}_{_REFERENCE if index >= first_reference else _RESTORED}": torch.from_numpy(
                window.view(np.int16).copy()
            )
            for index, (window, photo) in enumerate(zip(self.windows, self.window_photos, strict=True))
        }
        tensors |= {
            f"{index:04d}_{_KNOWN if is_known else _NOISY}": torch.from_numpy(window.view(np.int16).copy())
            for index, (window, is_known) in enumerate(zip(self.noisy, self.known, strict=True))
            if window is not None
        }
        save_tensors(checkpoint_folder / WINDOWS_FILE, tensors, {})

    @classmethod
    def load(cls, folder: Path, checkpoint_folder: Path, seed: int) -> "OwnNoiseMaterial":
        """Take up what a run has kept.

        Raises:
            InvalidInputError: It is missing or damaged.
        """
        noise = load_noise(folder / NOISE_FILE)
        try:
            tensors = load_file(checkpoint_folder / WINDOWS_FILE)
            of_photos = {name: tensors[name].view(np.uint16) for name in tensors if name.endswith((_NOISY, _KNOWN))}
            names = sorted(set(tensors) - set(of_photos))
            windows = tuple(tensors[name].view(np.uint16) for name in names)
            photos = tuple(int(name.split("_")[1]) for name in names)
            num_references = sum(name.endswith(_REFERENCE) for name in names)
            if not names or max(photos) >= len(noise.photos) or any(window.ndim != 3 for window in windows):
                raise ValueError("the windows are not those of the noise")
        except (OSError, SafetensorError, ValueError, LookupError) as error:
            raise InvalidInputError(
                "The pictures that this training learned from are missing or damaged.", "Start a new training."
            ) from error
        known = tuple(f"{index:04d}_{_KNOWN}" in of_photos for index in range(len(windows)))
        noisy = tuple(
            of_photos.get(f"{index:04d}_{_KNOWN if is_known else _NOISY}") for index, is_known in enumerate(known)
        )
        return cls.of_windows(noise, windows, photos, num_references, seed, noisy=noisy, known=known)

    @classmethod
    def of_windows(
        cls,
        noise: LearnedNoise,
        windows: tuple[NDArray[np.uint16], ...],
        window_photos: tuple[int, ...],
        num_references: int,
        seed: int,
        *,
        noisy: tuple[NDArray[np.uint16] | None, ...],
        known: tuple[bool, ...],
    ) -> "OwnNoiseMaterial":
        """Add the other clean pictures, always the same for the same windows."""
        references = windows[len(windows) - num_references :]
        return cls(
            noise=noise,
            windows=windows,
            window_photos=window_photos,
            free=(*_free_pictures(windows, seed), *(as_pixels(window) for window in references)),
            noisy=noisy,
            known=known,
            num_references=num_references,
        )

    def window(self, index: int) -> NDArray[np.float32]:
        """A restored part of a photo, 0 to 1. Shape: (height, width, 3)."""
        return as_pixels(self.windows[index])


def as_levels(pixels: Pixels) -> NDArray[np.uint16]:
    """Pixels from 0 to 1 in 65,536 levels."""
    return np.rint(pixels * _LEVELS).astype(np.uint16)


def as_pixels(levels: NDArray[np.uint16]) -> NDArray[np.float32]:
    """What `as_levels` was given."""
    pixels: NDArray[np.float32] = levels * np.float32(1 / _LEVELS)
    return pixels


def chosen_photos(photos: Sequence[DecodedPhoto], labelled: Collection[PictureKey] = ()) -> list[DecodedPhoto]:
    """The photos that are learned from: large enough to judge, and not too many; those with a label come first.

    Raises:
        InvalidInputError: None is large enough.
    """
    judged = [photo for photo in photos if min(photo.levels.shape[1:]) >= MIN_SIDE_PX]
    if not judged:
        raise InvalidInputError(
            say("None of the photos has {min_side_px} pixels in both directions.", min_side_px=MIN_SIDE_PX),
            "Choose larger photos.",
        )
    first = [photo for photo in judged if photo.picture in labelled][:MAX_PHOTOS]
    others = [photo for photo in judged if photo.picture not in labelled]
    return [*first, *spread_evenly(others, max(MAX_PHOTOS - len(first), 1))]


@reads_as_set
def learn_noise(config: NoiseLearningConfig, control: JobControl, emit: Emit) -> PhotosNoise:
    """Learn the noise of photos by twins, with a model that restores them already.

    Args:
        config: The photos.
        control: Pause and cancel.
        emit: Receives `NoiseLearned`, `TwinsCompared` and progress.

    Raises:
        InvalidInputError: No photo is large enough, or there is no starter model.
        ModelFileError: The model cannot be read.
        JobCancelled: Asked to end.
    """
    model = load_model(config.model or require_starter(GENERAL_TASK))
    if model.card.task != GENERAL_TASK:
        raise InvalidInputError(
            say(
                "The noise is learned with a model that denoises; this one is for the task '{task}'.",
                task=model.card.task,
            ),
            "Choose a model that denoises.",
        )
    looked_at = config.photos if config.most is None else spread_evenly(config.photos, config.most)
    photos = chosen_photos(decode_photos(looked_at, control, emit))
    restorer = Restorer(model, open_device(config))
    noise = learn_own_noise(
        photos, restorer, task_of(model.card), seed=0, control=control, emit=emit, max_twins=config.max_twins
    )
    return PhotosNoise(photos=tuple(photo.photo for photo in photos), noise=noise)


def learn_own_noise(
    photos: Sequence[DecodedPhoto],
    restorer: Restorer,
    task: RestorationTask,
    *,
    seed: int,
    control: JobControl,
    emit: Emit,
    max_twins: int = MAX_TWINS,
    labels: Sequence[DecodedPair] = (),
) -> LearnedNoise:
    """Learn the noise of photos with a network that restores them already.

    Args:
        photos: As `chosen_photos` gives them.
        restorer: The network.
        task: What it does; the noise is that of what was measured.
        seed: Of the twins.
        control: Pause and cancel.
        emit: Receives progress, and what is known of the noise so far.
        max_twins: Photos whose twins are made, at most.
        labels: Pairs, or parts of pairs, of some of the photos: they show their noise as it is.

    Raises:
        JobCancelled: Asked to end.
    """
    emit(StepDone(stage=_STAGE, step=0, num_steps=NUM_ROUNDS + 1))
    # Each judged on a part: decoded, they may be more than memory holds.
    parts = [_central_part(photo) for photo in photos]
    guess = guess_noise(
        [photo.name for photo in photos],
        parts,
        [255 if photo.bit_depth == 8 else 65535 for photo in photos],
        is_white=restorer.takes_mosaics,
    )

    for index, photo in enumerate(photos):
        control.wait_if_paused()
        if photo.bit_depth == 8:
            guess = guess.with_photo(index, jpeg=compression_of(photo.photo.file))
    emit(NoiseLearned(noise=guess))

    def restore(pixels: Pixels) -> Pixels:
        return task.make_noisy(restorer.restore(pixels, control=control))

    def report(done: int, rounds: int, distance: float) -> None:
        control.wait_if_paused()
        emit(StepDone(stage=_STAGE, step=done + 1, num_steps=rounds + 1, metrics={"twin_distance": distance}))
        emit(TwinsCompared(round=done, num_rounds=rounds, distance=distance))

    found = fit_by_twins(
        guess,
        parts,
        restore,
        seed=seed,
        max_twins=max_twins,
        is_white=restorer.takes_mosaics,
        on_round=report,
    )
    found = without_texture(found, parts, restore)
    if restorer.scale == 1 and not restorer.takes_mosaics:
        found = not_above_answer(found, parts, restore)
    index_of = {photo.picture: index for index, photo in enumerate(photos)}
    labelled = [
        LabelledPart(
            photo=index_of[pair.noisy.picture], noisy=_central_part(pair.noisy), clean=_central_part(pair.clean)
        )
        for pair in labels
        if pair.noisy.picture in index_of and pair.noisy.levels.shape == pair.clean.levels.shape
    ]
    noise = put_right_by_labels(found, labelled)
    emit(NoiseLearned(noise=noise))
    return noise


def gather_material(
    photos: Sequence[DecodedPhoto],
    noise: LearnedNoise,
    restorer: Restorer,
    *,
    seed: int,
    control: JobControl,
    emit: Emit,
    labels: Sequence[DecodedPair] = (),
) -> OwnNoiseMaterial:
    """Restore parts of the photos to put the noise on, and gather other pictures.

    Args:
        photos: Those of the noise.
        noise: What was learned of them.
        restorer: The network as it is before.
        seed: Of the places and of the pictures.
        control: Pause and cancel.
        emit: Receives progress.
        labels: Pairs, or parts of pairs, of some of the photos: their references stand in for what would be restored.

    Raises:
        JobCancelled: Asked to end.
    """
    generator = np.random.default_rng((seed, 1))
    index_of = {photo.picture: index for index, photo in enumerate(photos)}
    known = [pair for pair in labels if pair.noisy.picture in index_of]
    labelled = {pair.noisy.picture for pair in known}
    count = int(np.clip(NUM_WINDOWS // len(photos), 1, MAX_WINDOWS_A_PHOTO))
    shown_a_photo = max(MAX_SHOWN_TWINS // len(photos), 1)
    windows: list[NDArray[np.uint16]] = []
    noisy: list[NDArray[np.uint16] | None] = []
    are_known: list[bool] = []
    owners: list[int] = []
    for index, photo in enumerate(photos):
        if photo.picture in labelled:
            continue
        for number, (top, left) in enumerate(_places(photo, count, generator)):
            control.wait_if_paused()
            side = min(WINDOW_PX // restorer.scale, max(photo.levels.shape[1:]))
            crop = photo.crop(top, left, side).transpose(1, 2, 0)
            restored = restorer.restore(crop, control=control)
            windows.append(as_levels(restored))
            owners.append(index)
            is_same_size = crop.shape == restored.shape
            noisy.append(as_levels(crop) if is_same_size else None)
            are_known.append(is_same_size and _is_known(noise, index, crop, restored))
            if number < shown_a_photo and index < MAX_SHOWN_TWINS:
                # A photo smaller than a window has been continued by mirroring.
                height, width = photo.levels.shape[1:]
                own, own_restored = crop[:height, :width], np.asarray(restored[:height, :width], np.float32)
                emit(_shown_twin(noise, index, own, own_restored, (seed, len(windows))))
        emit(StepDone(stage="Restoring what carries it", step=index + 1, num_steps=len(photos)))
    num_restored = len(windows)
    for number, window in reference_windows(known, WINDOW_PX):
        noisy.append(None)
        are_known.append(False)
        windows.append(window)
        owners.append(index_of[known[number].noisy.picture])
    num_references = len(windows) - num_restored
    return OwnNoiseMaterial.of_windows(
        noise, tuple(windows), tuple(owners), num_references, seed, noisy=tuple(noisy), known=tuple(are_known)
    )


def gate_places(photo: DecodedPhoto) -> tuple[int, int]:
    """Where a photo is measured: at its upper left, which windows keep away from where there is room."""
    top, left = (min(side // 16, max(side - 2 * WINDOW_PX, 0)) for side in photo.levels.shape[1:])
    return top, left


def _places(photo: DecodedPhoto, count: int, generator: np.random.Generator) -> list[tuple[int, int]]:
    """Random places for windows; the upper left is kept for measuring where the photo is large enough."""
    height, width = photo.levels.shape[1:]
    rows, columns = max(height - WINDOW_PX, 0), max(width - WINDOW_PX, 0)
    if not rows and not columns:
        return [(0, 0)]
    kept_top, kept_left = gate_places(photo)
    places: list[tuple[int, int]] = []
    for _ in range(20 * count):
        place = int(generator.integers(rows + 1)), int(generator.integers(columns + 1))
        is_apart = abs(place[0] - kept_top) >= WINDOW_PX or abs(place[1] - kept_left) >= WINDOW_PX
        if is_apart or min(rows, columns) < WINDOW_PX // 2:
            places.append(place)
        if len(places) == count:
            break
    return places or [(rows, columns)]


def _is_known(noise: LearnedNoise, photo: int, crop: Pixels, restored: Pixels) -> bool:
    """Whether a crop's noise was learned as it was added: not compressed since, and as strong as its residual.

    A residual that is stronger holds structure that the network took away; one that is weaker, a noise that the network
    did not take away, or that texture was taken for.
    """
    if noise.photos[photo].jpeg is not None:
        return False
    residual = float(np.mean((crop - restored) ** 2))
    low, high = _KNOWN_RESIDUAL
    return low <= residual / noise.power(np.asarray(restored, np.float32), photo) <= high


def _shown_twin(noise: LearnedNoise, photo: int, crop: Pixels, restored: Pixels, seed: tuple[int, int]) -> TwinMade:
    """The middle of a window, and the same with the learned noise."""
    twin = noise.add(restored, photo, np.random.default_rng((*seed, 4)))
    top, left = (max(side - SHOWN_TWIN_PX, 0) // 2 for side in crop.shape[:2])
    area = slice(top, top + SHOWN_TWIN_PX), slice(left, left + SHOWN_TWIN_PX)
    shown = [np.ascontiguousarray(picture[area], np.float32) for picture in (crop, twin)]
    for picture in shown:
        picture.flags.writeable = False
    return TwinMade(name=noise.photos[photo].name, photo=shown[0], twin=shown[1])


def _central_part(photo: DecodedPhoto, side_px: int = 1024) -> Pixels:
    height, width = photo.levels.shape[1:]
    top, left = (max(side - side_px, 0) // 2 // BLOCK_PX * BLOCK_PX for side in (height, width))
    return photo.part(slice(top, top + side_px), slice(left, left + side_px)).pixels


def _free_pictures(windows: Sequence[NDArray[np.uint16]], seed: int) -> tuple[Picture, ...]:
    """Overlapping shapes in the windows' colours, and photographs; always the same for the same windows."""
    from skimage import data

    generator = np.random.default_rng((seed, 2))
    pixels = np.concatenate([window.reshape(-1, 3)[::61] for window in windows])
    colours = pixels[generator.integers(len(pixels), size=_NUM_COLOURS)] * np.float32(1 / _LEVELS)
    pictures = [draw_dead_leaves(_DEAD_LEAVES_PX, colours, generator) for _ in range(_NUM_DEAD_LEAVES)]
    for name in _FREE_PICTURES:
        found = getattr(data, name)()
        picture = np.asarray(found[0] if isinstance(found, tuple) else found, np.float32) / 255
        in_colour = np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture[..., :3]
        pictures.append(np.asarray(in_colour, np.float32))
    return tuple(pictures)
