"""The residual of one restored photo under the magnifier: is what was taken away noise, or picture too?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from engine.contracts.configs import JobConfig
from engine.contracts.errors import ImageReadError, InvalidInputError
from engine.contracts.events import Emit, StepDone
from engine.contracts.job_control import JobControl
from engine.contracts.learned_noise import BRIGHTNESS
from engine.contracts.photo import PhotoRef, Pixels
from engine.machine.interruptible import run_interruptibly
from engine.photo_files.bicubic_resize import shrink
from engine.photo_files.tiff.channel_descriptions import Channel, describe_channels
from engine.residuals.drift import ValueDrift, measure_drift
from engine.residuals.leak import LARGE_SHARE, TRACE_SHARE, measure_leak, smallest_side_px
from engine.residuals.left_noise import without_noise_left
from engine.residuals.statistics import (
    UNCHANGED_LEVEL,
    RadialSpectrum,
    ResidualHistogram,
    ResidualLevels,
    autocorrelation,
    radial_spectrum,
    residual_histogram,
    residual_levels,
)
from engine.simulation.learned.noise_file import load_noise
from engine.translatable import say, say_joined

if TYPE_CHECKING:
    from engine.photo_files.photo_image import PhotoImage

VISIBLE_LEVEL = 1 / 255
"""Picture in the residual that is weaker than this, root mean square, is hardly missed in the photo."""

_LARGE_SHIFT = 0.01
"""Of the range from black to white: a shift of the mean that is seen."""

_SEEN_CONTRAST = 0.005
"""A contrast nearer to 1 is not what moved; colours that moved against each other are."""

_COLOURS = ("Red", "Green", "Blue")
_MAX_SCALE = 4
_MAX_SPECTRUM_PX = 2048
_STAGE = "Looking at the residual"
_NUM_STEPS = 6

_AS_STRONG = (0.8, 1.15)
"""Of a residual to the noise. A network leaves a little of the noise, so the lower bound is the further one."""

_LEAST_SIGMA = 1e-6

LeakState = Literal["nothing", "noise", "trace", "picture"]


class ResidualConfig(JobConfig):
    """Examine what a restoration has taken away from a photo."""

    noisy: Annotated[PhotoRef, Field(title="Noisy photo", description="The photo as it was.")]
    restored: Annotated[PhotoRef, Field(title="Restored photo", description="The photo as it has become.")]
    noise: Annotated[
        Path | None,
        Field(title="Learned noise", description="File of the noise that was learned of the photos; empty: none."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class ResidualVerdict:
    """What a residual says of the restoration.

    Attributes:
        state: "nothing" was taken away; only "noise"; a "trace" of picture; much "picture".
        sentence: The same in plain words, with what to do about it.
    """

    state: LeakState
    sentence: str


@dataclass(frozen=True, kw_only=True)
class NoiseMatch:
    """A residual beside the noise that was learned of its photo.

    Attributes:
        sigma: The learned noise's standard deviation at each step of the residual's brightness, 0 to 1.
        ratio: How strong the residual is, as a multiple of that noise.
        of_this_photo: Whether the photo was learned from; otherwise the noise is that of the others, their median.
        sentence: Both in plain words.
    """

    sigma: NDArray[np.float64]
    ratio: float
    of_this_photo: bool
    sentence: str


@dataclass(frozen=True, kw_only=True)
class ResidualReport:
    """The residual of one restored photo.

    Attributes:
        noisy: The noisy photo. Height x width x channels, 0 to 1.
        restored: The restored photo at the noisy one's size. Same shape.
        scale: How many times larger the restored photo is, to a side; it was shrunk by as much.
        channels: How a microscope's channels are shown; empty for colours and one gray channel.
        sigma: Standard deviation of the residual, 0 to 1.
        mean: By how much the photo was darkened, -1 to 1.
        histogram: Its values.
        autocorrelation: How alike neighbouring values are, see `engine.residuals.statistics.autocorrelation`.
        spectrum: Its power by fineness; None for a photo of fewer than 4 pixels a side.
        levels: Its strength by brightness.
        match: The same beside the learned noise; None where none was given.
        leak: Share of its variance that is picture, 0 to 1; None where the photo is too small to tell.
        drift: How far the picture's own values were moved; None likewise.
        verdict: In plain words.
    """

    noisy: Pixels
    restored: Pixels
    scale: int
    channels: tuple[Channel, ...]
    sigma: float
    mean: float
    histogram: ResidualHistogram
    autocorrelation: NDArray[np.float64]
    spectrum: RadialSpectrum | None
    levels: ResidualLevels
    match: NoiseMatch | None
    leak: float | None
    drift: ValueDrift | None
    verdict: ResidualVerdict


def examine_residual(config: ResidualConfig, control: JobControl, emit: Emit) -> ResidualReport:
    """Examine what a restoration has taken away from a photo.

    Args:
        config: The two photos.
        control: Asked before and while each measurement is made.
        emit: Receives `StepDone`.

    Raises:
        ImageReadError: One of the photos cannot be read.
        InvalidInputError: They do not show the same, or the learned noise cannot be read.
        JobCancelled: Asked to end.
    """
    # Imported late: OpenCV and the readers.
    from engine.photo_files.metadata.provenance import look_of_result
    from engine.photo_files.photo_image import between_levels, channels_beside_colours
    from engine.photo_files.photos import read_image, read_tone
    from engine.photos.stack_levels import as_in_stack

    def begin(step: int) -> None:
        control.wait_if_paused()
        emit(StepDone(stage=_STAGE, step=step, num_steps=_NUM_STEPS))

    def read(path: PhotoRef | Path) -> "PhotoImage":
        try:
            return as_in_stack(PhotoRef.of(path), run_interruptibly(lambda: read_image(path), control), control)
        except ImageReadError as error:
            # Which of the two it is.
            raise ImageReadError(say("{file}: {problem}", file=path.name, problem=error.message), error.hint) from error

    begin(0)
    photos = read(config.noisy), read(config.restored)
    look = look_of_result(PhotoRef.of(config.restored).file)
    if look == "camera" and (tone := read_tone(config.noisy, photos[0].pixels)) is not None:
        # Noise is that of the light; the curve came after the network.
        photos = photos[0], photos[1].with_pixels(tone.undone(photos[1].pixels), photos[1].alpha, photos[1].extra)
    pairs = [photos, *channels_beside_colours(*photos)]
    measured = [common_measurement(*between_levels(*pair)) for pair in pairs]
    noisy, restored = (np.concatenate([each[side] for each in measured], axis=2) for side in (0, 1))
    scale = measured[0][2]
    are_pictures = len(pairs) > 1 or photos[0].metadata.channels_are_gray
    channels = describe_channels(config.noisy.file, noisy.shape[2]) if are_pictures else ()
    residual = noisy - restored
    smallest_side = min(residual.shape[:2])
    begin(1)
    histogram = run_interruptibly(lambda: residual_histogram(residual), control)
    begin(2)
    correlation = run_interruptibly(lambda: autocorrelation(_centre(residual)), control)
    begin(3)
    spectrum = leak = None
    if smallest_side >= 4:
        spectrum = run_interruptibly(lambda: radial_spectrum(_centre(residual)), control)
    begin(4)
    levels = run_interruptibly(lambda: residual_levels(residual, restored), control)
    match = None if config.noise is None else match_noise(levels, config.noise, config.noisy.name)
    begin(5)
    picture = run_interruptibly(lambda: without_noise_left(residual, restored), control)
    if smallest_side >= smallest_side_px():
        leak = run_interruptibly(lambda: measure_leak(residual, picture).share, control)
    drift = run_interruptibly(lambda: measure_drift(residual, picture), control)
    begin(_NUM_STEPS)
    names = [channel.name for channel in channels] or (_COLOURS if noisy.shape[2] == len(_COLOURS) else ())
    sigma, mean = float(residual.std(dtype=np.float64)), float(residual.mean(dtype=np.float64))
    return ResidualReport(
        noisy=noisy,
        restored=restored,
        scale=scale,
        channels=channels,
        sigma=sigma,
        mean=mean,
        histogram=histogram,
        autocorrelation=correlation,
        spectrum=spectrum,
        levels=levels,
        match=match,
        leak=leak,
        drift=drift,
        verdict=judge_residual(leak, sigma, mean, drift, names),
    )


def match_noise(levels: ResidualLevels, noise_file: Path, photo: str) -> NoiseMatch:
    """Compare a residual with the noise that was learned of its photo.

    Args:
        levels: The residual's.
        noise_file: What was learned.
        photo: The photo's file name.

    Raises:
        InvalidInputError: The file is missing or damaged.
    """
    noise = load_noise(noise_file)
    own = [one for one in noise.photos if one.name == photo]
    variances = np.median([one.variance for one in own or noise.photos], axis=0)
    by_channel = [np.interp(levels.brightness, BRIGHTNESS, row) for row in variances]
    sigma = np.sqrt(np.mean(by_channel, axis=0))
    # Each step holds as many pixels, so means over steps are means over the photo.
    found, learned = (float(np.sqrt(np.mean(np.square(values)))) for values in (levels.sigma, sigma))
    ratio = found / max(learned, _LEAST_SIGMA)
    lowest, highest = _AS_STRONG
    both = say("{found:.1f} and {learned:.1f} of 255 levels", found=found * 255, learned=learned * 255)
    if lowest <= ratio <= highest:
        sentence = say("What was taken away is as strong as the learned noise ({both}).", both=both)
    elif ratio < lowest:
        sentence = say(
            "What was taken away is weaker than the learned noise ({both}): some of it is left in the photo.", both=both
        )
    else:
        sentence = say(
            "What was taken away is stronger than the learned noise ({both}): picture may be among it.", both=both
        )
    if not own:
        sentence = say(
            "{sentence} This photo was not learned from; the noise is that of the others.", sentence=sentence
        )
    return NoiseMatch(sigma=sigma, ratio=ratio, of_this_photo=bool(own), sentence=sentence)


def common_measurement(noisy: Pixels, restored: Pixels) -> tuple[Pixels, Pixels, int]:
    """Bring a restored photo to what the camera measured: A f(x) of x - A f(x).

    An enlarged photo is shrunk to the noisy one's size; gray beside colour counts as three equal channels.

    Args:
        noisy: Height x width x channels, 0 to 1.
        restored: The same photo, at most 4 times as large to a side.

    Returns:
        Both in one shape, and how many times larger the restored one was.

    Raises:
        InvalidInputError: The sizes do not fit.
    """
    height, width = noisy.shape[:2]
    scale = restored.shape[0] // height
    # A photo may have been cut down to whole pixels before it was enlarged.
    beyond = (restored.shape[0] - scale * height, restored.shape[1] - scale * width)
    if not 1 <= scale <= _MAX_SCALE or not all(0 <= rest < scale for rest in beyond):
        raise InvalidInputError(
            say(
                "The restored photo has {width} x {height} pixels, the noisy one {noisy_width} x {noisy_height}.",
                width=restored.shape[1],
                height=restored.shape[0],
                noisy_width=width,
                noisy_height=height,
            ),
            "Choose the restored version of this very photo, not cropped or turned.",
        )
    if scale > 1:
        restored = shrink(restored[: scale * height, : scale * width], scale)
    num_channels = max(noisy.shape[2], restored.shape[2])
    shape = (height, width, num_channels)
    return np.broadcast_to(noisy, shape), np.broadcast_to(restored, shape), scale


def judge_residual(
    leak: float | None,
    sigma: float,
    mean: float,
    drift: ValueDrift | None = None,
    channel_names: Sequence[str] = (),
) -> ResidualVerdict:
    """Say in plain words what a residual is.

    Args:
        leak: Share of picture in it, 0 to 1; None where unknown.
        sigma: Its standard deviation, 0 to 1.
        mean: Its mean, -1 to 1.
        drift: How far the picture's own values were moved; None where unknown.
        channel_names: What its channels are called; "" where one has no name.
    """
    verdict = _judge_structure(leak, sigma, mean)
    if drift is None or not drift.is_told:
        return verdict
    most_shifted = max(abs(shift) for shift in (drift.shift, *drift.channel_shifts))
    is_large = max(drift.share, drift.broad_share) >= LARGE_SHARE or most_shifted >= _LARGE_SHIFT
    state: LeakState = "picture" if is_large or verdict.state == "picture" else "trace"
    noise = say("{sigma:.1f} of 255 levels were taken away, and not noise alone.", sigma=sigma * 255)
    first = noise if verdict.state in {"noise", "nothing"} else verdict.sentence
    return ResidualVerdict(state=state, sentence=say_joined((first, _drift_sentence(drift, channel_names))))


def _drift_sentence(drift: ValueDrift, channel_names: Sequence[str]) -> str:
    """What has become of the picture's values, and what to do."""
    contrast, shift = (say("{figure:.1f}", figure=figure) for figure in (100 * drift.contrast, 255 * abs(drift.shift)))
    cure = "A model that learned from photos like this one keeps them better: see Pretrain."
    channel = drift.most_shifted_channel
    is_one_channel = channel is not None and abs(drift.channel_shifts[channel]) > abs(drift.shift) / 2
    if drift.is_line_told and drift.is_shift_told and not is_one_channel:
        both = say("The restored photo has {contrast} % of the photo's contrast", contrast=contrast)
        if drift.shift > 0:
            return say("{both}, and is {shift} of 255 levels brighter. {cure}", both=both, shift=shift, cure=cure)
        return say("{both}, and is {shift} of 255 levels darker. {cure}", both=both, shift=shift, cure=cure)
    if drift.is_line_told and abs(drift.contrast - 1) >= _SEEN_CONTRAST:
        return say("The restored photo has {contrast} % of the photo's contrast. {cure}", contrast=contrast, cure=cure)
    if channel is not None and is_one_channel:
        return _channel_sentence(channel, drift.shift + drift.channel_shifts[channel], channel_names, cure)
    if drift.is_shift_told:
        if drift.shift > 0:
            return say(
                "The restored photo is {shift} of 255 levels brighter than the photo. {cure}", shift=shift, cure=cure
            )
        return say("The restored photo is {shift} of 255 levels darker than the photo. {cure}", shift=shift, cure=cure)
    return say(
        "Broad parts of the picture or of its colours went with the noise: {percent} % of what was taken away. {cure}",
        percent=say("{percent:.0f}", percent=max(100 * max(drift.share, drift.broad_share), 1)),
        cure=cure,
    )


def _channel_sentence(channel: int, shift: float, names: Sequence[str], cure: str) -> str:
    """Which channel moved against the others."""
    name = names[channel] if channel < len(names) and names[channel] else say("Channel {number}", number=channel + 1)
    levels = say("{figure:.1f}", figure=255 * abs(shift))
    if shift > 0:
        return say(
            "{name} is {levels} of 255 levels brighter than in the photo. {cure}", name=name, levels=levels, cure=cure
        )
    return say("{name} is {levels} of 255 levels darker than in the photo. {cure}", name=name, levels=levels, cure=cure)


def _judge_structure(leak: float | None, sigma: float, mean: float) -> ResidualVerdict:
    if np.hypot(sigma, mean) < UNCHANGED_LEVEL:
        return ResidualVerdict(state="nothing", sentence="Next to nothing was taken away: the photo is as it was.")
    levels = say("{levels:.1f}", levels=sigma * 255)
    if leak is None:
        sentence = say(
            "{levels} of 255 levels were taken away. The photo is too small to tell whether picture is among it.",
            levels=levels,
        )
        return ResidualVerdict(state="noise", sentence=sentence)
    if leak < TRACE_SHARE:
        sentence = say(
            "What was taken away ({levels} of 255 levels) looks like noise alone: no picture is found in it.",
            levels=levels,
        )
        return ResidualVerdict(state="noise", sentence=sentence)
    percent = say("{percent:.0f}", percent=100 * leak)
    is_faint = np.sqrt(leak) * sigma < VISIBLE_LEVEL
    if leak < LARGE_SHARE:
        sentence = say(
            "Mostly noise was taken away ({levels} of 255 levels), but at least {percent} % of it is picture.",
            levels=levels,
            percent=percent,
        )
        cure = "Look at fine detail; giving some of it back keeps it."
    else:
        sentence = say(
            "Picture was taken away with the noise ({levels} of 255 levels): at least {percent} % is picture.",
            levels=levels,
            percent=percent,
        )
        cure = "Take less of the luminance noise away, or use a model that learned from photos like this one."
    if is_faint:
        cure = "That is too faint to be missed in the photo."
    return ResidualVerdict(state="trace" if leak < LARGE_SHARE else "picture", sentence=say_joined((sentence, cure)))


def _centre(residual: Pixels) -> Pixels:
    """The central part that is enough to measure noise by."""
    top, left = (max(side - _MAX_SPECTRUM_PX, 0) // 2 for side in residual.shape[:2])
    return residual[top : top + _MAX_SPECTRUM_PX, left : left + _MAX_SPECTRUM_PX]
