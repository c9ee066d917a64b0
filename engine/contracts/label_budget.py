"""Settings of the label-budget experiment; free of torch, since the command line reads them to make its options."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from engine.contracts.configs import (
    ADVANCED,
    ComputeConfig,
    FinetuneConfig,
    PairsConfig,
    Preset,
    PretrainConfig,
    ReadingConfig,
)
from engine.contracts.photo import PhotoPlace, PhotoRef
from engine.contracts.presets import finetune_preset, pretrain_preset
from engine.translatable import say

LabelCount = Annotated[int, Field(ge=0)] | Literal["all"]

PRIMARY_PRETEXT = "rcl"

SHARED_SETTINGS = frozenset({"photos_per_batch", "crop_px", "learning_rate", "weight_average_decay"})
FINETUNE_SETTINGS = SHARED_SETTINGS | {"unlabelled_weight", "validation_share"}
"""What `training_params` may set: nothing that the experiment itself varies or holds equal."""


class LabelBudgetConfig(ComputeConfig, ReadingConfig, PairsConfig):
    """Measure what pretraining, a starter model and a few more labels are worth on a folder."""

    noisy: Annotated[
        tuple[PhotoPlace, ...],
        Field(min_length=1, title="Noisy photos", description="Folders or files of noisy photos."),
    ]
    clean: Annotated[
        tuple[PhotoPlace, ...],
        Field(min_length=1, title="Clean references", description="Folders or files; named as their noisy photos."),
    ]
    out: Annotated[
        Path,
        Field(title="Destination", description="Folder for trainings and results; the same folder goes on with them."),
    ]
    labels: Annotated[
        tuple[LabelCount, ...],
        Field(
            min_length=1,
            title="Label counts",
            description="Numbers of labels to compare, such as 0,1,2,5,10,all; 0 is without labels.",
        ),
    ] = (0, 1, 2, 5, 10, "all")
    methods: Annotated[
        tuple[str, ...],
        Field(title="Methods", description="Names of the methods to compare; empty: all that there are."),
    ] = ()
    seeds: Annotated[
        int,
        Field(
            ge=1,
            le=100,
            title="Repetitions",
            description="Each with other labels, first weights and batches; fewer than 3 show little.",
        ),
    ] = 3
    preset: Annotated[Preset, Field(title="Preset", description="How much time each training may take.")] = Preset.QUICK
    steps: Annotated[
        int | None,
        Field(
            ge=2,
            le=1_000_000,
            title="Steps",
            description="Optimisation steps of every method in all, pretraining included; empty: by the preset.",
        ),
    ] = None
    pretraining_share: Annotated[
        float | None,
        Field(
            gt=0,
            lt=1,
            title="Share of pretraining",
            description="Part of the steps that goes to pretraining where there is one; empty: by the preset.",
            json_schema_extra=ADVANCED,
        ),
    ] = None
    evaluate_on: Annotated[
        Literal["held-back", "others"],
        Field(
            title="Measure on",
            description="held-back: the same photos for all, which teach nobody. others: all photos but those of a "
            "scene that taught; needs all photos for pretraining.",
            json_schema_extra=ADVANCED,
        ),
    ] = "held-back"
    evaluation_share: Annotated[
        float,
        Field(
            ge=0.05,
            le=0.9,
            title="Held back for measuring",
            description="Share of the pairs that only measures.",
            json_schema_extra=ADVANCED,
        ),
    ] = 0.4
    unlabelled: Annotated[
        Literal["training", "all"],
        Field(
            title="Photos for pretraining",
            description="training: the held-back photos stay unseen. all: they teach too, without their references.",
            json_schema_extra=ADVANCED,
        ),
    ] = "training"
    split_seed: Annotated[
        int,
        Field(
            ge=0,
            le=2**31 - 1,
            title="Seed of the split",
            description="Which photos are held back; the same for all methods and repetitions.",
            json_schema_extra=ADVANCED,
        ),
    ] = 0
    workers: Annotated[
        int | None,
        Field(
            ge=1,
            le=64,
            title="Trainings side by side",
            description="Each in a process of its own with one thread; empty: one for each CPU core, one on a GPU.",
            json_schema_extra=ADVANCED,
        ),
    ] = None
    backbone: Annotated[
        str | None,
        Field(
            title="Network",
            description="Of all that does not begin with a starter; empty: as trainings have it.",
            json_schema_extra=ADVANCED,
        ),
    ] = None
    backbone_params: Annotated[
        dict[str, Any],
        Field(title="Network settings", description="Settings of the network.", json_schema_extra=ADVANCED),
    ] = {}  # noqa: RUF012 - pydantic copies it
    training_params: Annotated[
        dict[str, Any],
        Field(
            title="Training settings",
            description=say("In place of the preset's: {settings}.", settings=", ".join(sorted(FINETUNE_SETTINGS))),
            json_schema_extra=ADVANCED,
        ),
    ] = {}  # noqa: RUF012 - pydantic copies it

    @field_validator("labels", mode="before")
    @classmethod
    def _read_counts(cls, value: Any) -> Any:
        """Numbers may come as text, as from a command line."""
        if not isinstance(value, list | tuple):
            return value
        return tuple(int(item) if isinstance(item, str) and item.isdecimal() else item for item in value)

    @field_validator("training_params")
    @classmethod
    def _check_training_params(cls, value: dict[str, Any]) -> dict[str, Any]:
        unknown = set(value) - FINETUNE_SETTINGS
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))} cannot be set here; choose of {sorted(FINETUNE_SETTINGS)}")
        anywhere = (Path(),)
        PretrainConfig(photos=anywhere, **{name: value[name] for name in SHARED_SETTINGS & set(value)})
        FinetuneConfig(noisy=anywhere, clean=anywhere, **value)
        return value

    @model_validator(mode="after")
    def _check_others(self) -> "LabelBudgetConfig":
        if self.evaluate_on == "others" and self.unlabelled != "all":
            raise ValueError("measuring on all other photos needs all photos for pretraining (unlabelled: all)")
        return self

    @property
    def total_steps(self) -> int:
        """Steps that every method takes in all."""
        return self.steps or sum(self._preset_steps)

    @property
    def pretraining_steps(self) -> int:
        """Those of them that go to pretraining."""
        first, second = self._preset_steps
        share = self.pretraining_share or first / (first + second)
        return min(max(round(self.total_steps * share), 1), self.total_steps - 1)

    @property
    def _preset_steps(self) -> tuple[int, int]:
        return int(pretrain_preset(self.preset)["steps"]), int(finetune_preset(self.preset)["steps"])

    def pretrain_settings(self, pretext: str, *, from_scratch: bool) -> dict[str, Any]:
        """Values for `engine.contracts.configs.PretrainConfig`, without photos and seed."""
        own = {name: self.training_params[name] for name in SHARED_SETTINGS & set(self.training_params)}
        steps = {"steps": self.pretraining_steps}
        preset = pretrain_preset(self.preset, from_scratch=from_scratch, pretext=pretext)
        return {**preset, **steps, **self._compute(), **own}

    def pair_settings(self, noisy: Iterable[PhotoRef]) -> dict[str, Any]:
        """What is decided about pairs that teach: values for `FinetuneConfig`, as far as they say something.

        Args:
            noisy: Their noisy photos.
        """
        photos = list(noisy)
        names = {name for photo in photos for name in photo.names}
        given = {photo: self.given_pairs[photo] for photo in photos if photo in self.given_pairs}
        unfitted = tuple(name for name in self.unfitted_names if name in names)
        return {
            **({"given_pairs": given} if given else {}),
            **({"unfitted_names": unfitted} if unfitted else {}),
            **({} if self.fit_references else {"fit_references": False}),
        }

    def finetune_settings(self, *, from_scratch: bool, with_twins: bool, steps: int) -> dict[str, Any]:
        """Values for `engine.contracts.configs.FinetuneConfig`, without photos, labels, seed and parent."""
        preset = finetune_preset(self.preset, from_scratch=from_scratch, with_twins=with_twins)
        return {**preset, "steps": steps, **self._compute(), **self.training_params}

    def _compute(self) -> dict[str, Any]:
        chosen = {"backbone": self.backbone} if self.backbone else {}
        return {
            **chosen,
            "backbone_params": self.backbone_params,
            "device": self.device,
            "precision": self.precision,
            # Nobody watches these previews; the least that the settings allow.
            "preview_interval_s": 3600.0,
        }
