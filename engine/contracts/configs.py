"""Settings of every job: frozen, validated, and the one source of the CLI options and of the forms.

A field's title, description, bounds and unit are what a person sees. `json_schema_extra` may hold `unit`
(shown behind the number), `zero` (shown in place of a 0 that stands for something) and `level`: fields marked
"advanced" are folded away. Parameters of a pretext task, of a restoration task or of a backbone stand above its row; a
config names it and holds its parameters as plain values, which a row of `engine.method.catalogue` validates.
"""

from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from engine.contracts.blending import Blend
from engine.contracts.given_levels import LevelsByHand
from engine.contracts.output_formats import FORMATS, FileChoices, RawLook
from engine.contracts.output_names import DEFAULT_PATTERN, check_pattern
from engine.contracts.photo import PhotoName, PhotoPlace, PhotoRef

ADVANCED = {"level": "advanced"}

OWN_NOISE = "own-noise"
"""Name of the method that refines a model on the photos' own noise: the default where there is a model to refine."""


class Preset(StrEnum):
    """How much time training may take."""

    QUICK = "quick"
    BALANCED = "balanced"
    THOROUGH = "thorough"


class JobConfig(BaseModel):
    """Base of all settings: immutable, and a field that does not exist is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=False)


class ReadingConfig(JobConfig):
    """What jobs that read photos share."""

    levels: Annotated[
        tuple[LevelsByHand, ...],
        Field(
            title="Levels",
            description='Black and white in the numbers of the files, as "100 4000", where they are not to be '
            'measured; "cells/=100 4000": of a folder or file; "cells.tif=100 4000 channel 2": of one channel.',
            json_schema_extra=ADVANCED,
        ),
    ] = ()


BackendName = Literal["torch", "openvino", "onnxruntime"]
BackendChoice = Literal["auto", "torch", "openvino", "onnxruntime"]
"""What computes a network on a processor; all but torch are optional packages."""


if TYPE_CHECKING:
    FormatChoice = str
else:
    FormatChoice = Literal["keep", *FORMATS]
"""What restored photos can be written as; keep: as the original."""


class ComputeConfig(JobConfig):
    """Where and how exactly the network computes."""

    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"],
        Field(
            title="Device",
            description="Where the network computes. Automatic takes the fastest one found.",
            json_schema_extra=ADVANCED,
        ),
    ] = "auto"
    precision: Annotated[
        Literal["auto", "32-true", "bf16-mixed"],
        Field(
            title="Precision",
            description="Half precision (bfloat16) is faster where the hardware has it; automatic uses it there.",
            json_schema_extra=ADVANCED,
        ),
    ] = "auto"


class ComputePreference(ComputeConfig):
    """What "auto" means in this process; see `engine.machine.devices.prefer`."""

    threads: Annotated[
        int,
        Field(
            ge=0,
            le=256,
            title="Processor threads",
            description="How many processor cores the network may take; fewer leave more for other programs.",
            json_schema_extra={"zero": "All", **ADVANCED},
        ),
    ] = 0
    backend: Annotated[
        BackendChoice,
        Field(
            title="Photos restored by",
            description="The library that computes on a processor. Automatic takes what a short measurement finds the "
            "fastest for a model; one that is not installed leaves the work to PyTorch.",
            json_schema_extra=ADVANCED,
        ),
    ] = "auto"


class ScanConfig(ReadingConfig):
    """Look through folders for usable photos."""

    folders: Annotated[tuple[PhotoPlace, ...], Field(min_length=1, title="Folders", description="Folders or files.")]
    recursive: Annotated[bool, Field(title="Include subfolders", description="Look into subfolders too.")] = True
    estimate_noise: Annotated[bool, Field(title="Estimate noise", description="Measure each photo's noise level.")] = (
        True
    )
    noise_model: Annotated[
        bool,
        Field(title="Learn the noise", description="Learn what the photos' noise is like, with the starter model."),
    ] = False


class TrainingConfig(ComputeConfig, ReadingConfig):
    """What pretraining and fine-tuning share."""

    out: Annotated[Path | None, Field(title="Run folder", description="Empty: a new run in the run store.")] = None
    parent: Annotated[
        Path | None,
        Field(title="Start from", description="A run or model file to start from; empty: from scratch."),
    ] = None
    name: Annotated[str, Field(max_length=120, title="Name", description="What the run is called in lists.")] = ""
    steps: Annotated[
        int, Field(ge=1, le=1_000_000, title="Steps", description="Optimisation steps; more take longer.")
    ] = 2000
    photos_per_batch: Annotated[
        int,
        Field(
            ge=1,
            le=256,
            title="Photos per batch",
            description="How many different photos each step sees.",
            json_schema_extra=ADVANCED,
        ),
    ] = 12
    crop_px: Annotated[
        int,
        Field(
            ge=16,
            le=1024,
            multiple_of=4,
            title="Crop size",
            description="Side of the square cut from a photo for one step.",
            json_schema_extra={"unit": "px", **ADVANCED},
        ),
    ] = 80
    learning_rate: Annotated[
        float,
        Field(
            gt=0,
            le=0.1,
            title="Learning rate",
            description="Size of the first steps; it falls to almost zero along a cosine.",
            json_schema_extra=ADVANCED,
        ),
    ] = 1e-3
    weight_average_decay: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            title="Weight averaging",
            description="Share of the running average kept at each step; steadies the result. 0 turns it off.",
            json_schema_extra=ADVANCED,
        ),
    ] = 0.995
    forgetting_limit: Annotated[
        float,
        Field(
            ge=0,
            le=20,
            title="Forgetting allowed",
            description="How much worse than its starter model it may become on other noises; 0: no limit.",
            json_schema_extra={"unit": "dB", **ADVANCED},
        ),
    ] = 0.25
    seed: Annotated[
        int,
        Field(
            ge=0,
            le=2**31 - 1,
            title="Seed",
            description="The same seed, data and settings give the same result on a CPU.",
            json_schema_extra=ADVANCED,
        ),
    ] = 0
    checkpoint_interval_s: Annotated[
        float,
        Field(
            gt=0,
            le=3600,
            title="Save every",
            description="How much work a power cut can cost at most.",
            json_schema_extra={"unit": "s", **ADVANCED},
        ),
    ] = 120.0
    preview_interval_s: Annotated[
        float,
        Field(
            gt=0,
            le=3600,
            title="Preview every",
            description="Time between two pictures of the preview strip.",
            json_schema_extra={"unit": "s", **ADVANCED},
        ),
    ] = 8.0


class PretrainConfig(TrainingConfig):
    """Learn from noisy photos alone."""

    photos: Annotated[
        tuple[PhotoPlace, ...], Field(min_length=1, title="Photos", description="Folders or files of noisy photos.")
    ]
    pretext: Annotated[
        str,
        Field(
            title="Method",
            description="How the network learns without clean photos.",
            json_schema_extra=ADVANCED,
        ),
    ] = "rcl"
    """From scratch; the presets name `OWN_NOISE` where training starts from a model."""
    pretext_params: Annotated[
        dict[str, Any],
        Field(title="Method settings", description="Settings of the method.", json_schema_extra=ADVANCED),
    ] = {}
    backbone: Annotated[
        str, Field(title="Network", description="The network's architecture.", json_schema_extra=ADVANCED)
    ] = "nafnet"
    backbone_params: Annotated[
        dict[str, Any],
        Field(title="Network settings", description="Settings of the network.", json_schema_extra=ADVANCED),
    ] = {}


class PairsConfig(JobConfig):
    """What a person decides about pairs of a noisy photo and its reference."""

    given_pairs: Annotated[
        dict[PhotoRef, PhotoRef],
        Field(
            title="Given pairs",
            description="Noisy photos with their references, which belong together whatever their names.",
            json_schema_extra=ADVANCED,
        ),
    ] = {}
    fit_references: Annotated[
        bool,
        Field(
            title="Fit references",
            description="Make references of another exposure or stretch as bright as their noisy photos, by gain and "
            "offset; the files stay as they are.",
            json_schema_extra=ADVANCED,
        ),
    ] = True
    unfitted_names: Annotated[
        tuple[PhotoName, ...],
        Field(
            title="Not fitted",
            description="File names of the noisy photos whose references keep their own brightness.",
            json_schema_extra=ADVANCED,
        ),
    ] = ()
    measure_names: Annotated[
        tuple[PhotoName, ...],
        Field(
            title="Only measured",
            description="File names of the noisy photos whose pairs measure and never teach, however few labels there "
            "are; without any, some are held back by chance.",
        ),
    ] = ()


class FinetuneConfig(TrainingConfig, PairsConfig):
    """Learn from a few pairs of a noisy photo and its clean reference."""

    noisy: Annotated[
        tuple[PhotoPlace, ...],
        Field(
            title="Noisy photos",
            description="Folders or files; empty: the task makes them from the clean ones, if it can.",
        ),
    ] = ()
    clean: Annotated[
        tuple[PhotoPlace, ...], Field(min_length=1, title="Clean references", description="Folders or files.")
    ]
    task: Annotated[str, Field(title="Task", description="What the model shall do.")] = "denoise"
    labels: Annotated[
        int | None,
        Field(ge=1, title="Labels used", description="Use this many pairs, drawn by the seed; empty: all."),
    ] = None
    label_names: Annotated[
        tuple[PhotoName, ...] | None,
        Field(
            title="Labels",
            description="File names of the noisy photos whose pairs are used; empty: by number.",
        ),
    ] = None
    validation_share: Annotated[
        float,
        Field(
            ge=0,
            le=0.5,
            title="Held back for validation",
            description="Share of the labels that only measures and never teaches; from 8 labels on.",
            json_schema_extra=ADVANCED,
        ),
    ] = 0.2
    patience: Annotated[
        int,
        Field(
            ge=0,
            le=20,
            title="Patience",
            description="Ends early after this many of 20 measurements without a gain; 0: never. Needs validation.",
            json_schema_extra={"zero": "Never", **ADVANCED},
        ),
    ] = 10
    unlabelled_weight: Annotated[
        float,
        Field(
            ge=0,
            le=1000,
            title="Unlabelled photos",
            description="How much the photos without a reference go on teaching, shared by the labels; 0: not at all.",
            json_schema_extra=ADVANCED,
        ),
    ] = 0.3
    task_params: Annotated[
        dict[str, Any],
        Field(title="Task settings", description="Settings of the task.", json_schema_extra=ADVANCED),
    ] = {}
    backbone: Annotated[
        str, Field(title="Network", description="Only used from scratch.", json_schema_extra=ADVANCED)
    ] = "nafnet"
    backbone_params: Annotated[
        dict[str, Any],
        Field(title="Network settings", description="Only used from scratch.", json_schema_extra=ADVANCED),
    ] = {}


def _read_blend(value: Any) -> Any:
    return Blend.of_text(value) if isinstance(value, str) else value


class RestoreConfig(ComputeConfig, ReadingConfig):
    """Restore photos with a model."""

    model: Annotated[Path, Field(title="Model", description="A run folder or a model file.")]
    photos: Annotated[tuple[PhotoPlace, ...], Field(min_length=1, title="Photos", description="Folders or files.")]
    out: Annotated[Path, Field(title="Destination", description="Folder for the restored photos.")]
    luminance: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            title="Luminance",
            description="How much of the noise in brightness goes, and in gray photos of all noise.",
        ),
    ] = 1.0
    colour: Annotated[
        float, Field(ge=0, le=1, title="Colour", description="How much of the noise in colours goes.")
    ] = 1.0
    detail: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            title="Detail",
            description="How much of the fine detail and fine grain that goes with the luminance noise is given back.",
        ),
    ] = 0.0
    own_blends: Annotated[
        dict[str, Annotated[Blend, BeforeValidator(_read_blend)]],
        Field(
            title="Of single photos",
            description='Luminance, colour and detail of a photo that has its own, as in "photos/a.jpg=0 1 0".',
            json_schema_extra=ADVANCED,
        ),
    ] = {}
    format: Annotated[
        FormatChoice,
        Field(
            title="Format",
            description="Keep: as the original. Raw files become TIFF with 16 bits. "
            "DNG: raw files stay to be developed; other photos keep their format.",
        ),
    ] = "keep"
    bit_depth: Annotated[
        Literal["keep", "8", "16"],
        Field(
            title="Bit depth",
            description="Bits per channel. Keep: as the original. Some formats hold 8 whatever is asked for.",
        ),
    ] = "keep"
    raw_look: Annotated[
        RawLook,
        Field(
            title="Raw files look",
            description="As in the camera: a base curve makes them about as bright as the picture that the camera "
            "has put into the file. Neutral: without a curve, darker and flatter. A DNG stays to be developed.",
        ),
    ] = "camera"
    jpeg_quality: Annotated[
        int,
        Field(
            ge=50,
            le=100,
            title="JPEG quality",
            description="Of formats with loss, such as JPEG and WebP: 100 loses least and takes most room.",
        ),
    ] = 95
    metadata: Annotated[
        Literal["keep", "without-gps", "none"],
        Field(
            title="Metadata",
            description="What of EXIF, XMP and IPTC is carried over: all, all but the place, nothing. "
            "Colour profiles are kept.",
        ),
    ] = "keep"
    provenance: Annotated[
        bool,
        Field(
            title="Note in the file how it was restored",
            description="Write model, run, version, luminance, colour and detail into the restored file (XMP).",
        ),
    ] = True
    keep_time: Annotated[
        bool,
        Field(title="Keep the file's time", description="Give each result the modification time of its photo's file."),
    ] = False
    name_pattern: Annotated[
        str,
        Field(
            title="File name",
            description="How results are called; {name}, {model}, {task}, {strength} and {date} are filled in.",
        ),
    ] = DEFAULT_PATTERN
    existing: Annotated[
        Literal["rename", "overwrite", "skip"],
        Field(
            title="If the file exists",
            description="Rename adds a number. Only results are replaced, known by their name or by the note in them; "
            "originals never are.",
        ),
    ] = "rename"
    skip_done: Annotated[
        bool,
        Field(
            title="Skip photos that are done",
            description="Photos whose result is there, undamaged, from the same model and settings, are left out.",
        ),
    ] = True
    files_are_chosen: Annotated[
        bool,
        Field(
            title="Restore chosen results",
            description="Restore a file that was given itself even if it is a result; in folders they are left out.",
            json_schema_extra=ADVANCED,
        ),
    ] = True
    report: Annotated[
        bool,
        Field(
            title="Report beside the results",
            description="Write a report beside the results when done: HTML with crops, and CSV.",
        ),
    ] = False
    backend: Annotated[
        BackendChoice,
        Field(
            title="Computed by",
            description="Auto: what a short measurement finds the fastest for this model on this machine.",
            json_schema_extra=ADVANCED,
        ),
    ] = "auto"
    tile: Annotated[
        int,
        Field(
            ge=0,
            le=8192,
            title="Tile size",
            description="0: chosen from memory. Smaller tiles need less memory.",
            json_schema_extra={"unit": "px", "zero": "From memory", **ADVANCED},
        ),
    ] = 0

    def blend_of(self, photo: PhotoRef) -> Blend:
        """Return how much of a photo's restoration is kept; of a page without an own blend, that of its file."""
        common = Blend(luminance=self.luminance, colour=self.colour, detail=self.detail)
        of_file = self.own_blends.get(str(photo.file), common)
        return self.own_blends.get(str(photo), of_file) if photo.page else of_file

    @property
    def file_choices(self) -> FileChoices:
        """What reaches the encoders."""
        return FileChoices(**{each.name: getattr(self, each.name) for each in fields(FileChoices)})

    @field_validator("name_pattern")
    @classmethod
    def _check_name_pattern(cls, pattern: str) -> str:
        check_pattern(pattern)
        return pattern


class SuggestLabelsConfig(ComputeConfig, ReadingConfig):
    """Suggest the photos whose clean references would teach most."""

    model: Annotated[Path, Field(title="Model", description="A run folder or a model file; it tells noise apart.")]
    photos: Annotated[
        tuple[PhotoPlace, ...], Field(min_length=1, title="Photos", description="Folders or files of noisy photos.")
    ]
    count: Annotated[int, Field(ge=1, le=1000, title="Labels", description="How many photos to suggest.")] = 5
    seed: Annotated[
        int,
        Field(
            ge=0,
            le=2**31 - 1,
            title="Seed",
            description="Of the places at which each photo is looked at.",
            json_schema_extra=ADVANCED,
        ),
    ] = 0


class EvaluateConfig(ComputeConfig, ReadingConfig):
    """Measure a model, or a classical method, on pairs of noisy photos and clean references."""

    model: Annotated[Path | None, Field(title="Model", description="A run folder or a model file.")] = None
    baseline: Annotated[
        str, Field(title="Classical method", description="A method that needs no training, instead of a model.")
    ] = ""
    noisy: Annotated[tuple[PhotoPlace, ...], Field(min_length=1, title="Noisy photos", description="Folders or files.")]
    clean: Annotated[
        tuple[PhotoPlace, ...], Field(min_length=1, title="Clean references", description="Folders or files.")
    ]
    task: Annotated[
        str, Field(title="Task", description="Empty: the model's own; for a classical method, denoising.")
    ] = ""
    fit_brightness: Annotated[
        bool,
        Field(
            title="Fit the brightness",
            description="Fit gain and offset to each reference first, for photos of another exposure or stretch.",
        ),
    ] = False
    include_training: Annotated[
        bool,
        Field(
            title="Include training labels",
            description="Count pairs that the model was trained on; they flatter it.",
        ),
    ] = False
    tile: Annotated[int, Field(ge=0, le=8192, title="Tile size", description="0: chosen from memory.")] = 0

    @model_validator(mode="after")
    def _exactly_one_method(self) -> "EvaluateConfig":
        if (self.model is None) == (not self.baseline):
            raise ValueError("a model or a classical method must be given, not both")
        return self


class NoiseLearningConfig(ComputeConfig, ReadingConfig):
    """Learn what the noise of photos is like."""

    photos: Annotated[tuple[PhotoRef, ...], Field(min_length=1, title="Photos", description="Files of noisy photos.")]
    model: Annotated[
        Path | None,
        Field(title="Model", description="A run or model file that restores them; empty: the starter model."),
    ] = None
    most: Annotated[
        int | None, Field(ge=1, title="Photos at most", description="Spread evenly over all of them; empty: all.")
    ] = None
    max_twins: Annotated[
        int, Field(ge=1, title="Twins at most", description="Photos whose twins are made; it takes most of the time.")
    ] = 24
