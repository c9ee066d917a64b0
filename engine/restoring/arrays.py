"""Restoring arrays of other programs: any type of numbers, and as many axes as a microscope gives."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.contracts.blending import FULL, Blend
from engine.contracts.configs import ComputeConfig
from engine.contracts.errors import InvalidInputError
from engine.contracts.given_levels import GivenLevels, levels_for
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.machine.devices import open_device
from engine.models.files import RestorationModel, load_model
from engine.photo_files.values.levels import OF_TYPE, ValueLevels, levels_of_numbers, measure_levels, share_levels
from engine.photo_files.values.sample_types import to_float, to_samples, type_of_samples, unit_of
from engine.restoring.blending import blended
from engine.restoring.restorer import Restorer
from engine.translatable import say

_CHANNEL, _COLOURS = "C", "S"
_NO_FILE: Final = PhotoRef(Path())


def restore_array(
    model: RestorationModel | Path,
    array: NDArray[Any],
    *,
    axes: str | None = None,
    levels: Sequence[GivenLevels] = (),
    blend: Blend = FULL,
    compute: ComputeConfig | None = None,
    control: JobControl | None = None,
) -> NDArray[Any]:
    """Restore a picture, or a stack of pictures, of another program.

    Args:
        model: What restores, loaded or as its file or run folder. It makes photos of photos: none for mosaics.
        array: Of any `SampleType`: whole numbers of 8 to 32 bits or floating-point numbers.
        axes: A letter for each axis: Y and X, S for red, green and blue, and any others, such as T, Z and C, along
            which each plane is a picture of its own. None: YX behind all others, or YXS where the last of three axes
            has three.
        levels: What is black and white, in the numbers of the array, for all or for one channel C; where nothing is
            given it is measured as of a file, for each channel, and shared by all its planes. Places mean nothing here.
        blend: How much of the luminance and the colour noise goes, and how much of the detail comes back.
        compute: Where it is computed.
        control: Asked once a tile.

    Returns:
        The same type and axes; Y and X are larger with a model that enlarges.

    Raises:
        InvalidInputError: The axes do not fit the array, its numbers are of no such type or not finite, or the model
            takes mosaics.
        JobCancelled: Asked to end.
        ModelFileError: The model cannot be loaded.
        DeviceError: The device is not there, or its memory does not suffice.
    """
    letters = _letters(array, axes)
    try:
        sample_type = type_of_samples(array)
    except ValueError as error:
        raise InvalidInputError(
            say("The array cannot be restored: {error}.", error=error), "Convert it to float32 first."
        ) from error
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InvalidInputError(
            "The array holds values that are no numbers (NaN or infinity).", "Replace them before it is restored."
        )
    restorer = Restorer(
        load_model(model) if isinstance(model, Path) else model, open_device(compute or ComputeConfig())
    )
    if restorer.takes_mosaics:
        raise InvalidInputError("This model makes photos of a sensor's mosaic.", "Choose a model for photos.")
    order = [*(letter for letter in letters if letter not in "YXS"), "Y", "X", *(_COLOURS * (_COLOURS in letters))]
    moved = array.transpose([letters.index(letter) for letter in order])
    num_outer = len(order) - (3 if _COLOURS in letters else 2)
    outer, planes = moved.shape[:num_outer], moved.reshape(-1, *moved.shape[num_outer:])
    if _COLOURS not in letters:
        planes = planes[..., np.newaxis]
    channel = order.index(_CHANNEL) if _CHANNEL in order else None
    channels = [0 if channel is None else index[channel] for index in np.ndindex(outer)]
    by_plane = _by_plane(planes, channels, [replace(given, place=None) for given in levels])

    def restored(plane: NDArray[Any], own: ValueLevels) -> NDArray[Any]:
        if restorer.scale == 1:
            return restorer.restore_samples(plane, sample_type=sample_type, levels=own, blend=blend, control=control)
        pixels = to_float(plane)
        large = restorer.restore(pixels, levels=own, control=control)
        return to_samples(blended(restorer.unrestored(pixels), large, blend), sample_type)

    results = np.stack([restored(plane, own) for plane, own in zip(planes, by_plane, strict=True)])
    results = results.reshape(*outer, *results.shape[1 : 3 + (_COLOURS in letters)])
    return results.transpose([order.index(letter) for letter in letters])


def _letters(array: NDArray[Any], axes: str | None) -> str:
    """Return a letter for each axis.

    Raises:
        InvalidInputError: They do not fit.
    """
    if axes is None:
        if array.ndim == 3 and array.shape[2] == 3:
            return "YXS"
        axes = "".join(chr(ord("a") + index) for index in range(array.ndim - 2)) + "YX"
    is_sound = len(axes) == array.ndim == len(set(axes)) and {"Y", "X"} <= set(axes) and array.size > 0
    if not is_sound or (_COLOURS in axes and array.shape[axes.index(_COLOURS)] != 3):
        raise InvalidInputError(
            say("The axes {axes} do not fit an array of shape {shape}.", axes=axes, shape=array.shape),
            "Name each axis once, among them Y and X; S has red, green and blue.",
        )
    return axes


def _by_plane(planes: NDArray[Any], channels: list[int], given: Sequence[GivenLevels]) -> list[ValueLevels]:
    """Take what is given for a channel, or measure its planes, and share what was found among them."""
    shared, unit = [OF_TYPE] * len(planes), unit_of(planes.dtype.name)
    for channel in set(channels):
        members = [index for index, own in enumerate(channels) if own == channel]
        by_hand = levels_for(_NO_FILE, channel + 1, given)
        if by_hand is None:
            found = share_levels([measure_levels(planes[index]) for index in members])
        else:
            both = (by_hand.black / unit, by_hand.white / unit)
            found = [levels_of_numbers([both], planes.dtype.name)] * len(members)
        for index, levels in zip(members, found, strict=True):
            shared[index] = levels
    return shared
