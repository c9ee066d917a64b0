"""The record of a run: what `run.json` holds."""

from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from engine.contracts.photo import PhotoRef
from engine.translatable import TranslatableField

SCHEMA_VERSION: Final = 1

RunKind = Literal["pretrain", "finetune", "import"]


class RunStatus(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    """Ended by the person before its last step; can be resumed."""
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """The program ended while it ran; can be resumed."""


class DataFingerprint(BaseModel):
    """Which photos a run learned from, without their content.

    Attributes:
        folders: The folders or files given.
        num_photos: Usable photos.
        num_pixels: Their pixels together.
        digest: SHA-256 over names, sizes and modification times, those of photos without a label included.
    """

    model_config = ConfigDict(frozen=True)

    folders: tuple[str, ...]
    num_photos: int
    num_pixels: int
    digest: str


class RunRecord(BaseModel):
    """What is known of a run.

    Attributes:
        schema_version: Of this record.
        id: The run folder's name when it was created.
        name: What a person calls it.
        kind: "pretrain", "finetune", or "import" for a model that someone else has trained.
        status: Where it stands.
        created: ISO 8601 time, UTC.
        parent: The run's id or model file it started from.
        task: Restoration task; "denoise" for a pretrained run, since it restores without labels.
        pretext: Pretext task of a pretraining.
        backbone: Network architecture.
        num_parameters: Size of the network.
        device: Where it ran, e.g. "cpu".
        precision: e.g. "bf16-mixed".
        versions: Of this program and its main libraries.
        data: Which photos it learned from.
        labels: File names of the noisy photos whose references taught.
        validation_labels: File names of those that only measured.
        label_files: The photos of `labels`, each by its path from the root, since several may have one name; () in a
            record of an older version.
        validation_files: Those of `validation_labels`.
        steps_done: Optimisation steps so far.
        steps_total: Steps asked for.
        seconds: Training time without pauses, over all sessions.
        metrics: Last or final figures by name (`validation_psnr`, `validation_noisy_psnr`, `consistency`, ...).
        verdict: The last plain-language verdict.
        error: Sentence of a failure.
        notes: What a person wrote about it.
        deleted: When it was deleted, ISO 8601, UTC; "" while it is not.
        owner: Process id, its start time and host while running.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = SCHEMA_VERSION
    id: str
    name: str
    kind: RunKind
    status: RunStatus
    created: str
    parent: str | None = None
    task: str = "denoise"
    pretext: str | None = None
    backbone: str = "unet"
    num_parameters: int = 0
    device: str = ""
    precision: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    data: DataFingerprint | None = None
    labels: tuple[str, ...] = ()
    validation_labels: tuple[str, ...] = ()
    label_files: tuple[str, ...] = ()
    validation_files: tuple[str, ...] = ()
    steps_done: int = 0
    steps_total: int = 0
    seconds: float = 0.0
    metrics: dict[str, float] = Field(default_factory=dict)
    verdict: TranslatableField = ""
    error: TranslatableField = ""
    notes: str = ""
    deleted: str = ""
    owner: dict[str, Any] | None = None

    def has_taught(self, photo: PhotoRef) -> bool:
        """Return whether the label of a photo has taught; without its files, whether one of its name has."""
        return str(photo.absolute()) in self.label_files if self.label_files else photo.name in self.labels

    def has_measured(self, photo: PhotoRef) -> bool:
        """Return whether the label of a photo has measured, and never taught."""
        if self.label_files:
            return str(photo.absolute()) in self.validation_files and not self.has_taught(photo)
        return photo.name in self.validation_labels and not self.has_taught(photo)
