"""Where a person wants the network to compute wherever a job leaves it open. Free of torch."""

from typing import Annotated

from pydantic import Field

from engine.contracts.configs import ADVANCED, BackendChoice, ComputeConfig


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
