"""What a running job reports: a closed union of frozen, picklable events.

`StepDone` is progress: a receiver may drop all but the latest. Every other event must arrive.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.contracts.learned_noise import LearnedNoise
from engine.contracts.noise import FolderNoise, NoiseDoubt, NoiseEstimate, SignalDependence
from engine.contracts.photo import NOTHING_NOTED, CameraFacts, PhotoRef, Pixels


@dataclass(frozen=True, kw_only=True)
class StepDone:
    """Progress of the current stage.

    Attributes:
        stage: What is being done, as a phrase: "Reading photos", "Pretraining", "Restoring".
        step: Steps done, 0 to num_steps.
        num_steps: Steps in this stage.
        seconds_left: Estimated time to the end of the stage; None while unknown.
        metrics: Latest figures by name (`consistency`, `contrast`, `contrast_accuracy`, `supervised`,
            `learning_rate`, `steps_per_second`, ...); empty where the stage has none. `fraction` is how much is done
            where steps are of different size.
    """

    stage: str
    step: int
    num_steps: int
    seconds_left: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def fraction(self) -> float:
        """How much of the stage is done, 0 to 1."""
        return self.metrics.get("fraction", self.step / self.num_steps if self.num_steps else 0.0)


@dataclass(frozen=True, kw_only=True)
class MetricsRow:
    """One row of a run's metrics file, sent about once a second while training: the points of its curves.

    Attributes:
        step: The optimisation step it belongs to.
        metrics: Figures by name, averaged since the previous row.
    """

    step: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class RunStarted:
    """A run folder exists and training begins or goes on in it.

    Attributes:
        run: The run's folder.
        first_step: 0, or the step from which an interrupted run is resumed.
        num_steps: The step at which it will be done.
        num_crops: Crops that a contrastive term tells apart at each step; 0 without one.
    """

    run: Path
    first_step: int
    num_steps: int
    num_crops: int = 0


@dataclass(frozen=True, kw_only=True)
class PreviewReady:
    """One crop restored with the current weights.

    Attributes:
        step: Optimisation step.
        noisy: The crop as it is, brought to the restored one's size. Height x width x channels, 0 to 1.
        restored: The crop restored. Same shape.
        residual: noisy - restored. Same shape, -1 to 1.
        reference: The clean crop where one is known. Same shape.
    """

    step: int
    noisy: Pixels
    restored: Pixels
    residual: Pixels
    reference: Pixels | None = None


@dataclass(frozen=True, kw_only=True)
class ValidationDone:
    """The current weights were measured on the validation pairs.

    Attributes:
        step: Optimisation step.
        psnr: Mean PSNR of the restored validation photos, dB.
        ssim: Their mean SSIM.
        noisy_psnr: Mean PSNR of the untouched inputs, dB.
    """

    step: int
    psnr: float
    ssim: float
    noisy_psnr: float


@dataclass(frozen=True, kw_only=True)
class CheckpointSaved:
    """The run can be resumed from here."""

    step: int
    path: Path


@dataclass(frozen=True, kw_only=True)
class WeightsShown:
    """The current weights were asked for, and lie in a model file until the training ends.

    Attributes:
        step: Optimisation step.
        path: The file.
    """

    step: int
    path: Path


@dataclass(frozen=True, kw_only=True)
class VerdictReady:
    """How training goes, in plain words.

    Attributes:
        state: "learning", "collapsed", "done", or "unjudged" where it was stopped before what it learned was judged,
            and its model is still the one that it started from.
        sentence: One sentence for the person who waits.
    """

    state: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class PhotoScanned:
    """One usable photo of a scan, or a stack, whose figures are those of some of its pages.

    Attributes:
        path: Which it is.
        width: Pixels, after EXIF orientation.
        height: Pixels, after EXIF orientation.
        noise_sigma: Estimated noise standard deviation on the 0 to 1 scale; None where not estimated.
        noise_correlation: Of the noise of pixels 1, 2, 3 and 4 apart; empty where not estimated.
        noise_dependence: How the noise follows the brightness; None where not estimated, or too even a photo to tell.
        noise_doubt: Why `noise_sigma` may be wrong.
        noise_reach: Nearly nothing in the photo is brighter, on the 0 to 1 scale.
        content: What the file is: "png", "jpeg", "tiff", "heic", "camera raw", ...; "" where unknown.
        bit_depth: Bits per channel, 8 or 16; 0 where unknown.
        num_bytes: Size of the file on the disk; 0 where unknown.
        camera: What the camera noted.
        brightness: Mean of all values, 0 to 1; None where the photo was not decoded.
        look: A hash that photos which look alike share nearly all bits of, see `engine.photos.duplicates`; None where
            the photo was not decoded, or is too even to tell.
        num_pictures: How many pictures the file holds; the first of them is the photo.
        pages: Of a stack: the numbers of its pages, each of which teaches as a photo does.
    """

    path: PhotoRef
    width: int
    height: int
    noise_sigma: float | None
    noise_correlation: tuple[float, ...] = ()
    noise_dependence: SignalDependence | None = None
    noise_doubt: NoiseDoubt = NoiseDoubt.NONE
    noise_reach: float = 1.0
    content: str = ""
    bit_depth: int = 0
    num_bytes: int = 0
    camera: CameraFacts = NOTHING_NOTED
    brightness: float | None = None
    look: int | None = None
    num_pictures: int = 1
    pages: tuple[int, ...] = ()

    @property
    def photos(self) -> tuple[PhotoRef, ...]:
        """What teaches: each page of a stack, else the photo."""
        return tuple(PhotoRef(self.path.file, page) for page in self.pages) or (self.path,)

    @property
    def noise(self) -> NoiseEstimate | None:
        """All that was estimated, together."""
        if self.noise_sigma is None or not self.noise_correlation:
            return None
        return NoiseEstimate(
            sigma=self.noise_sigma,
            correlation=self.noise_correlation,
            dependence=self.noise_dependence,
            doubt=self.noise_doubt,
            reach=self.noise_reach,
        )


@dataclass(frozen=True, kw_only=True)
class NoiseMeasured:
    """The noise of the photos that a training learns from was measured, to choose how far it sub-samples them."""

    noise: FolderNoise


@dataclass(frozen=True, kw_only=True)
class TwinsCompared:
    """Photos were compared with their twins: the same photos restored and made noisy with what is learned so far.

    Attributes:
        round: How often the noise was put right before; 0: as the photos' flat blocks say.
        num_rounds: How often it will be.
        distance: Mean earth mover's distance of photos and twins, on the scale of the residual's own mean magnitude.
    """

    round: int
    num_rounds: int
    distance: float


@dataclass(frozen=True, kw_only=True)
class NoiseLearned:
    """What is known of the noise of photos: first what flat parts say, without a distance, then what twins say."""

    noise: LearnedNoise


@dataclass(frozen=True, kw_only=True)
class TwinMade:
    """A part of a photo, and its twin, for a person to tell apart.

    Attributes:
        name: The photo's file name.
        photo: The part as it was recorded. Height x width x channels, 0 to 1.
        twin: The same part restored and made noisy with the learned noise. Same shape.
    """

    name: str
    photo: Pixels
    twin: Pixels


@dataclass(frozen=True, kw_only=True)
class FileSkipped:
    """One file that a job cannot use; the job goes on with the rest.

    Attributes:
        path: Which it is.
        reason: A sentence about what is wrong.
        hint: What to do.
        is_result: Whether nothing is wrong with the file, but that it was restored from a photo beside it.
    """

    path: PhotoRef
    reason: str
    hint: str
    is_result: bool = False


@dataclass(frozen=True, kw_only=True)
class ImageRestored:
    """One photo has been restored and written.

    Attributes:
        source: The noisy file, untouched.
        output: The restored file.
        seconds: As in `PhotoOutcome`.
        how: A sentence about how it was restored, as the file itself says; empty where it says nothing.
        remarks: Sentences about what could not be done when it was read and written.
        lost_pages: Of a stack: the numbers of its pages that could not be restored.
    """

    source: PhotoRef
    output: Path
    seconds: float
    how: str = ""
    remarks: tuple[str, ...] = ()
    lost_pages: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PhotoPassedOver:
    """One photo of a batch did not have to be restored.

    Attributes:
        source: The noisy file.
        output: The file that is there already.
        is_done: Whether that is the result that would have been written, and undamaged; otherwise it is any file of the
            name, which was to be left alone.
        how: As in `ImageRestored`.
        lost_pages: As in `ImageRestored`, where it is done.
    """

    source: PhotoRef
    output: Path
    is_done: bool
    how: str = ""
    lost_pages: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TrainingsPlanned:
    """What an experiment will do.

    Attributes:
        titles: Of its trainings, in their order.
        steps: Optimisation steps of each; 0 for a model that is only measured.
    """

    titles: tuple[str, ...]
    steps: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class TrainingMeasured:
    """One training of an experiment is done and measured, or could not be done.

    Attributes:
        title: What was trained.
        gain: Mean PSNR above the untouched photos, dB; None where it could not be done.
        num_done: Trainings done so far.
        num_trainings: Trainings in all.
    """

    title: str
    gain: float | None
    num_done: int
    num_trainings: int


@dataclass(frozen=True, kw_only=True)
class JobWarning:
    """Something a person should know; the job goes on."""

    message: str
    hint: str


JobEvent = (
    StepDone
    | MetricsRow
    | RunStarted
    | PreviewReady
    | ValidationDone
    | CheckpointSaved
    | WeightsShown
    | VerdictReady
    | PhotoScanned
    | NoiseMeasured
    | TwinsCompared
    | NoiseLearned
    | TwinMade
    | FileSkipped
    | ImageRestored
    | PhotoPassedOver
    | TrainingsPlanned
    | TrainingMeasured
    | JobWarning
)

Emit = Callable[[JobEvent], None]
