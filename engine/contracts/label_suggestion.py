"""Settings of label suggestion; free of heavy libraries, since the command line makes its options of them."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from engine.contracts.configs import ADVANCED, ComputeConfig
from engine.contracts.photo import PhotoPlace


class SuggestLabelsConfig(ComputeConfig):
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
