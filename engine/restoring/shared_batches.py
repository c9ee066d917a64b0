"""A batch of photos that several processes restore as one: the first says where results go, each restores its share."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from engine.contracts.errors import EngineError
from engine.contracts.job_control import JobControl
from engine.contracts.output_formats import FileFormat
from engine.contracts.photo import PhotoRef
from engine.contracts.results import PhotoOutcome, RestoreResult
from engine.machine.processes.group import ProcessGroup
from engine.photo_files.values.sample_types import SampleType
from engine.restoring.output_plan import OutputPlan, Placement
from engine.restoring.sources import SourcePhoto

Claims = Mapping[PhotoRef, Placement | EngineError]
"""Where each photo's result goes or is, or why there can be none."""


class ClaimedPlan:
    """An output plan all of whose photos have their places before the first result is written."""

    def __init__(self, plan: OutputPlan, claims: Claims) -> None:
        """Take a plan.

        Args:
            plan: Knows formats and types of numbers.
            claims: Of all photos of the batch.
        """
        self._claims = claims
        self._plan = plan

    def file_format(self, photo: SourcePhoto) -> FileFormat:
        """Return the format of a photo's result."""
        return self._plan.file_format(photo)

    def sample_type(self, photo: SourcePhoto) -> SampleType:
        """Return the type of the numbers of a photo's result."""
        return self._plan.sample_type(photo)

    def claim(self, photo: SourcePhoto) -> Placement:
        """Return where the result of a photo goes or is.

        Raises:
            EngineError: There can be none.
        """
        claim = self._claims[photo.photo]
        if isinstance(claim, EngineError):
            raise claim
        return claim

    def further_paths(self, placement: Placement) -> Iterator[Path] | None:
        """Yield where a result goes whose place another batch takes meanwhile; None where it replaces what is there."""
        return self._plan.further_paths(placement)


def share_out(
    plan: OutputPlan, photos: Sequence[SourcePhoto], group: ProcessGroup, control: JobControl
) -> tuple[ClaimedPlan, Sequence[SourcePhoto]]:
    """Give every process the places of all results, and the photos that it restores.

    Args:
        plan: Of the whole batch; only the first process's gives places, or two could give one name to two photos.
        photos: The whole batch.
        group: The processes.
        control: Asked once per photo.

    Raises:
        JobCancelled: Asked to end.
        ProcessGroupError: Another process has ended.
    """
    claims: dict[PhotoRef, Placement | EngineError] = {}
    if group.is_first:
        for photo in photos:
            control.wait_if_paused()
            try:
                claims[photo.photo] = plan.claim(photo)
            except EngineError as error:
                claims[photo.photo] = error
    # By turns and not by halves: neighbours are often of one size, and so of one cost.
    return ClaimedPlan(plan, group.all_of(claims)[0]), photos[group.rank :: group.size]


def gather_results(own: RestoreResult, photos: Sequence[SourcePhoto], group: ProcessGroup) -> RestoreResult:
    """Put the processes' results together.

    Args:
        own: This process's.
        photos: The whole batch, in its order.
        group: The processes.

    Returns:
        The same everywhere; its seconds are those of the slowest.

    Raises:
        ProcessGroupError: Another process has ended; what it has restored stays.
    """
    results = group.all_of(own)
    place = {photo.photo: index for index, photo in enumerate(photos)}
    outcomes: list[PhotoOutcome] = [outcome for result in results for outcome in result.outcomes]
    # Those that could not be read at all come first, as ever.
    outcomes.sort(key=lambda outcome: place.get(outcome.source, -1))
    return RestoreResult(
        outcomes=tuple(outcomes),
        seconds=max(result.seconds for result in results),
        megapixels=sum(result.megapixels for result in results),
    )
