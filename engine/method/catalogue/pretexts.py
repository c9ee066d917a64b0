"""The ways to learn from noisy photos alone that can be chosen, and their settings.

`engine.method.pretext.pretext_task` says what such a way offers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from engine.contracts.configs import ADVANCED, OWN_NOISE, JobConfig
from engine.method.catalogue.rows import Row, Table


class StrideParams(JobConfig):
    """Settings of methods that need pixels whose noise is independent."""

    stride: Annotated[
        int,
        Field(
            ge=0,
            le=4,
            title="Sub-sampling stride",
            description="Distance between pixels whose noise is independent; 0 measures it on the photos.",
            json_schema_extra={"unit": "px"},
        ),
    ] = 0

    def require_stride(self) -> None:
        """Refuse a stride that has not been measured yet.

        Raises:
            ValueError: The stride is 0.
        """
        if self.stride < 1:
            raise ValueError("the stride must be measured on the photos before training: set it to 1 or more")


class ContrastParams(JobConfig):
    """Settings of the contrastive term."""

    temperature: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            title="Temperature",
            description="Distance between two noises at which they begin to count as different, on the 0 to 1 scale; "
            "0 measures it on each batch.",
        ),
    ] = 0.01
    temperature_share: Annotated[
        float,
        Field(
            gt=0,
            le=10,
            title="Measured temperature",
            description="As a share of the median distance between the noises of different photos; "
            "used where the temperature is 0.",
            json_schema_extra=ADVANCED,
        ),
    ] = 0.25
    contrast_ratio: Annotated[
        float,
        Field(
            ge=0,
            le=10,
            title="Contrast",
            description="Pull of the contrastive term on the residual, as a share of the consistency term's; "
            "0 leaves it out.",
        ),
    ] = 0.1


class ResidualContrastiveParams(StrideParams, ContrastParams):
    """Settings of residual contrastive learning."""

    pull_only: Annotated[
        bool,
        Field(
            title="Pull alike noises only",
            description="Negatives weigh the pull between positives, but are not pushed apart themselves.",
        ),
    ] = True
    queue_photos: Annotated[
        int,
        Field(
            ge=0,
            le=4096,
            title="Remembered residuals",
            description="Residuals of photos of earlier steps that noises are told apart from too; 0: none. "
            "Of use with more photos than a batch holds.",
            json_schema_extra={"zero": "None", **ADVANCED},
        ),
    ] = 0
    intensity_bins: Annotated[
        int,
        Field(
            ge=1,
            le=16,
            title="Brightness steps",
            description="Compare noises separately in this many groups of equally many pixels, from dark to bright, "
            "since camera noise grows with brightness; 1 compares them as a whole.",
            json_schema_extra=ADVANCED,
        ),
    ] = 4
    # Of the forms measured in docs/benchmarks.md the one that gains on the whole and loses on no folder.


class FidelityParams(ContrastParams):
    """Settings of the plain form."""


class Neighbor2NeighborParams(StrideParams):
    """Settings of Neighbor2Neighbor."""

    gamma: Annotated[
        float,
        Field(
            ge=0,
            le=100,
            title="Regularisation",
            description="Weight of the term that allows for the difference between neighbouring pixels; "
            "more keeps the picture smoother.",
        ),
    ] = 2.0
    """2 is what the authors' program takes for sRGB photos, reached from 0 in the course of the training."""


class Noise2VoidParams(StrideParams):
    """Settings of Noise2Void."""

    cell_px: Annotated[
        int,
        Field(
            ge=2,
            le=32,
            title="One hidden pixel in each square of",
            description="Smaller squares hide more pixels: more is learned from a crop, but less of it is left to see.",
            json_schema_extra={"unit": "px"},
        ),
    ] = 8


@dataclass(frozen=True, kw_only=True)
class PretextRow(Row):
    """One way to learn from noisy photos alone.

    Attributes:
        min_photos: Photos that it needs at least.
        needs_start: Whether it refines a network that restores already, and cannot begin from scratch.
    """

    min_photos: int = 1
    needs_start: bool = False

    def photos_in_batch(self, wanted: int) -> int:
        """How many photos a step sees where so many are wanted: a method that compares photos needs several."""
        return max(wanted, self.min_photos)

    def leaves_stride_open(self, params: Mapping[str, Any]) -> bool:
        """Whether it needs pixels whose noise is independent, and the settings do not say how far apart they are."""
        return issubclass(self.params_model, StrideParams) and not params.get("stride")

    def with_stride(self, params: Mapping[str, Any], stride: int = 1) -> dict[str, Any]:
        """The settings, the stride filled in where they leave it open."""
        return {**params, "stride": stride} if self.leaves_stride_open(params) else dict(params)


PRETEXTS: Table[PretextRow] = Table(
    "method",
    {
        OWN_NOISE: PretextRow(
            title="The photos' own noise",
            description="Learns what the photos' noise is like and refines a model on it, as far as that pays. One "
            "photo is enough.",
            implementation="engine.method.pretext.own_noise:OwnNoise",
            needs_start=True,
        ),
        "rcl": PretextRow(
            title="Residual contrastive learning",
            description="Tells the noises of photos apart, through residuals that cannot see their own noise.",
            implementation="engine.method.pretext.residual_contrastive:ResidualContrastive",
            params_model=ResidualContrastiveParams,
            min_photos=2,
        ),
        "rcl-plain": PretextRow(
            title="Residual contrastive learning, plain",
            description="The paper's plain form with a fidelity term. For comparison: it removes little noise.",
            implementation="engine.method.pretext.residual_contrastive:FidelityResidualContrastive",
            params_model=FidelityParams,
            min_photos=2,
        ),
        "neighbor2neighbor": PretextRow(
            title="Neighbor2Neighbor",
            description="One half of neighbouring pixels has to foretell the other. Learns from a single photo too.",
            implementation="engine.method.pretext.neighbor2neighbor:Neighbor2Neighbor",
            params_model=Neighbor2NeighborParams,
        ),
        "noise2void": PretextRow(
            title="Noise2Void",
            description="Hidden pixels have to be foretold from their surroundings. Learns from a single photo too.",
            implementation="engine.method.pretext.noise2void:Noise2Void",
            params_model=Noise2VoidParams,
        ),
    },
)


def methods_for_one_photo() -> list[str]:
    """Titles of the methods that compare no photos."""
    return [row.title for row in PRETEXTS.values() if row.min_photos == 1]
