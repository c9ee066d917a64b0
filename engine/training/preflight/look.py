"""What can be told before a training starts: where it runs, what it reads, needs and leaves, and what is wrong.

Nothing is decoded and nothing is written: headers, sizes, names and one small step say enough.
"""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from engine.contracts.configs import FinetuneConfig, PretrainConfig
from engine.contracts.errors import EngineError
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.machine.devices import ComputeDevice, open_device
from engine.machine.places import Place
from engine.machine.system_memory import available_memory, total_memory
from engine.method.catalogue.pretexts import PRETEXTS
from engine.method.catalogue.tasks import TASKS
from engine.method.factory import make_pretext, make_task
from engine.models.files import ModelCard, read_card
from engine.models.starters import starter_path
from engine.photos.crops import MEMORY_BUDGET_BYTES
from engine.photos.decoded_files import decoded_files
from engine.photos.pairs import PairMatching, PhotoPair, match_pairs
from engine.training.labels import MIN_LABELS_FOR_VALIDATION, MIN_OWN_SIDE_PX
from engine.training.preflight.findings import Finding, Weight, blocks, doubtful, note, worst_first
from engine.training.preflight.photos import PhotoSet, look_at_photos, mixture_findings, photo_findings, size_findings
from engine.training.preflight.trial import StepMemory, measure_step_memory
from engine.translatable import count_of, say, say_counted

FEW_LABELS = 3
_PREVIEW_BYTES = 200_000
_LOG_BYTES_PER_SECOND = 300
_COPIES_ON_DISK = 14
"""Of the weights, 4 bytes each: two models; network, average and two moments in each of two checkpoints and in the one
being written."""


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """What was found out.

    Attributes:
        device: "cpu", "cuda" or "mps"; "" where none can be used.
        precision: "32-true" or "bf16-mixed".
        num_photos: Noisy photos that are read.
        num_labels: Pairs that teach or measure; 0 for pretraining.
        num_pixels: Of all photos that are read, references included.
        num_skipped: Files that cannot be used.
        memory_bytes: That the training needs in the memory where it computes.
        free_memory_bytes: That is free there now.
        disk_bytes: That the run takes.
        free_disk_bytes: That is free where runs are kept.
        findings: The worst first.
        origin: Card of the model that it starts from; None: from scratch.
    """

    device: str = ""
    precision: str = ""
    num_photos: int = 0
    num_labels: int = 0
    num_pixels: int = 0
    num_skipped: int = 0
    memory_bytes: int = 0
    free_memory_bytes: int = 0
    disk_bytes: int = 0
    free_disk_bytes: int = 0
    findings: tuple[Finding, ...] = ()
    origin: ModelCard | None = None

    @property
    def obstacle(self) -> Finding | None:
        """The first thing that prevents the training."""
        return next((finding for finding in self.findings if finding.weight is Weight.BLOCKS), None)


def preflight(config: PretrainConfig | FinetuneConfig, control: JobControl, *, seconds: float = 0.0) -> Preflight:
    """Look ahead at a training.

    Args:
        config: Its settings.
        control: Asked before each file.
        seconds: How long it is expected to take, for the previews that it will keep; 0: unknown.

    Returns:
        What was found, problems included: nothing that a person can mend is raised.

    Raises:
        JobCancelled: Asked to end.
    """
    try:
        device = open_device(config)
        origin = read_card(config.parent) if config.parent is not None else None
        if isinstance(config, PretrainConfig):
            photos, num_labels, findings = _pretraining(config, origin, control)
        else:
            photos, num_labels, findings = _fine_tuning(config, origin, control)
        step = measure_step_memory(config, origin, device, num_photos=max(len(photos.photos), 1))
    except EngineError as error:
        return Preflight(findings=(blocks(error.message, error.hint),))
    needed, free, memory_findings = _memory(photos, step, device)
    disk_bytes, free_disk_bytes, disk_findings = _disk(config, step, seconds)
    return Preflight(
        device=device.name,
        precision=device.precision,
        num_photos=len(photos.photos),
        num_labels=num_labels,
        num_pixels=photos.num_pixels,
        num_skipped=len(photos.skipped),
        memory_bytes=needed,
        free_memory_bytes=free,
        disk_bytes=disk_bytes,
        free_disk_bytes=free_disk_bytes,
        findings=worst_first([*findings, *memory_findings, *disk_findings]),
        origin=origin,
    )


def _pretraining(
    config: PretrainConfig, origin: ModelCard | None, control: JobControl
) -> tuple[PhotoSet, int, list[Finding]]:
    row = PRETEXTS.find(config.pretext)
    pretext = make_pretext(config.pretext, row.with_stride(config.pretext_params))
    photos = look_at_photos(config.photos, control)
    findings = photo_findings(
        photos,
        crop_px=pretext.source_crop_px(config.crop_px),
        min_photos=row.min_photos,
        needs_variety=not row.needs_start,
        control=control,
    )
    if row.needs_start and origin is None:
        findings.append(
            blocks(
                "Learning the photos' own noise refines a model; from scratch there is none.",
                "Start from the starter model or from a run of yours, or choose residual contrastive learning.",
            )
        )
    elif not row.needs_start and origin is not None and origin.task != "denoise":
        findings.append(_other_task(origin, "denoise"))
    return photos, 0, findings


def _fine_tuning(
    config: FinetuneConfig, origin: ModelCard | None, control: JobControl
) -> tuple[PhotoSet, int, list[Finding]]:
    task = make_task(config.task, config.task_params)
    makes_own_pairs = TASKS[config.task].makes_own_pairs
    noisy, clean = look_at_photos(config.noisy, control), look_at_photos(config.clean, control)
    read = PhotoSet(
        photos=tuple(dict((*noisy.photos, *clean.photos)).items()), skipped=(*noisy.skipped, *clean.skipped)
    )
    findings: list[Finding] = []
    if not config.noisy and not makes_own_pairs:
        return read, 0, [blocks("This task learns from pairs, but there are no noisy photos.", "Add noisy photos.")]
    if makes_own_pairs and (not config.noisy or set(noisy.paths) == set(clean.paths)):
        pairs: tuple[PhotoPair, ...] = tuple(PhotoPair(path, path) for path in clean.paths)
        findings += size_findings(clean, max(MIN_OWN_SIDE_PX, task.scale * config.crop_px))
    else:
        readable = {*noisy.paths, *clean.paths}
        given = [PhotoPair(*files) for files in config.given_pairs.items() if readable.issuperset(files)]
        matching = match_pairs(noisy.paths, clean.paths, scale=TASKS[config.task].scale, given=given)
        if makes_own_pairs and not matching.pairs and not matching.doubtful:
            matching = replace(matching, pairs=tuple(PhotoPair(path, path) for path in clean.paths), unmatched_clean=())
        pairs, matching_findings = _chosen(config, matching)
        findings += matching_findings
        headers = dict(read.photos)
        labelled = tuple((pair.noisy, headers[pair.noisy]) for pair in pairs)
        findings += size_findings(PhotoSet(photos=labelled, skipped=()), config.crop_px)
        findings += _colour_findings(pairs, read)
    findings += mixture_findings(clean)
    if not pairs and not any(finding.weight is Weight.BLOCKS for finding in findings):
        findings.append(blocks("There is no label to learn from.", "Add clean references on the Labels page."))
    measuring = frozenset(config.measure_names)
    teaching = [pair for pair in pairs if not pair.noisy.is_named_in(measuring)]
    if pairs and not teaching:
        findings.append(blocks("All labels only measure, so that none teaches.", "Let some of them teach."))
    num_labels = len(teaching) if config.labels is None else min(config.labels, len(teaching))
    findings += _label_findings(config, origin, num_labels)
    return read, num_labels, findings


def _chosen(config: FinetuneConfig, matching: PairMatching) -> tuple[tuple[PhotoPair, ...], list[Finding]]:
    """The pairs that would be used, and what is wrong with the others."""
    if config.label_names is None:
        found = [
            doubtful(
                say("{noisy} will be set aside: {reason}", noisy=aside.pair.noisy.name, reason=aside.reason), aside.hint
            )
            for aside in matching.doubtful
        ]
        if matching.unmatched_clean:
            found.append(
                note(
                    say(
                        "{references} without a noisy photo of that name will not be used.",
                        references=count_of(len(matching.unmatched_clean), "reference"),
                    ),
                    "Give a reference the same file name as its noisy photo.",
                )
            )
        return matching.pairs, found
    wanted = {*config.label_names, *config.measure_names}
    chosen = tuple(matching.named(wanted))
    missing = sorted(wanted.difference(*(pair.noisy.names for pair in chosen)))
    found = [
        doubtful(say("{file}: {problem}", file=aside.pair.noisy.name, problem=aside.reason), aside.hint)
        for aside in matching.doubtful
        if aside.pair in chosen
    ]
    if missing:
        found.append(
            blocks(
                say("No pair of a noisy photo and a reference was found for: {missing}.", missing=", ".join(missing)),
                "Check that the files are still there and that their names match.",
            )
        )
    return chosen, found


def _colour_findings(pairs: Sequence[PhotoPair], photos: PhotoSet) -> list[Finding]:
    """Pairs of which one side is gray and the other in colour."""
    channels = {path: info.num_channels for path, info in photos.photos}
    odd = [pair for pair in pairs if channels[pair.noisy] != channels[pair.clean]]
    if not odd:
        return []
    return [
        doubtful(
            say(
                "In {pairs}, such as {noisy}, one side is gray and the other in colour.",
                pairs=count_of(len(odd), "pair"),
                noisy=odd[0].noisy.name,
            ),
            "Export both the same way: the network would learn to take the colour away, or to invent it.",
        )
    ]


def _label_findings(config: FinetuneConfig, origin: ModelCard | None, num_labels: int) -> list[Finding]:
    found: list[Finding] = []
    if 0 < num_labels < FEW_LABELS:
        found.append(
            doubtful(
                say_counted(
                    "{labels} is easily learned by heart.",
                    "{labels} are easily learned by heart.",
                    num_labels,
                    labels=count_of(num_labels, "label"),
                ),
                "A handful of labels of different scenes and exposures teaches far more.",
            )
        )
    is_too_few = num_labels < MIN_LABELS_FOR_VALIDATION or config.validation_share == 0
    if num_labels and is_too_few and not config.measure_names:
        found.append(
            note(
                "No label is held back, so the result's quality will not be measured.",
                say(
                    "From {min_labels_for_validation} labels on, some of them only measure; of fewer, those that "
                    "you choose for it.",
                    min_labels_for_validation=MIN_LABELS_FOR_VALIDATION,
                ),
            )
        )
    if origin is None:
        if starter_path(config.task) is not None:
            found.append(
                note(
                    "It starts from scratch, though a model that ships with Residua knows this task.",
                    "With few labels the shipped model is the better start.",
                )
            )
        return found
    if origin.task != config.task:
        found.append(_other_task(origin, config.task))
    num_known = len(set(origin.labels) & {PhotoRef.of(name).name for name in config.label_names or ()})
    if num_known:
        found.append(
            note(
                say("Of these labels, {num_known:,} have taught the model to start from already.", num_known=num_known),
                "Figures measured on them flatter the result.",
            )
        )
    return found


def _other_task(origin: ModelCard, task: str) -> Finding:
    """A start that knows another task."""
    known, wanted = (TASKS.find(name).title for name in (origin.task, task))
    message = say(
        "The model to start from was trained for another task: {known}, not {wanted}.", known=known, wanted=wanted
    )
    if starter_path(task) is not None:
        return doubtful(
            message, "Its features are taken over and the rest is learned anew; a model of the task is better."
        )
    return note(message, "Its features are taken over and the rest is learned anew, which takes more steps.")


def _memory(photos: PhotoSet, step: StepMemory, device: ComputeDevice) -> tuple[int, int, list[Finding]]:
    """Bytes needed and free where the network computes, and what is wrong with them."""
    kept = photos.reading(MEMORY_BUDGET_BYTES, decoded_files().capacity())
    reading = kept.memory_bytes + photos.largest_bytes
    found: list[Finding] = []
    if kept.num_cut:
        found.append(
            note(
                say(
                    "Of {large_photos} only the middle is read, so that all fit into {memory_budget_bytes:.0f} "
                    "GiB of memory.",
                    large_photos=count_of(kept.num_cut, "large photo"),
                    memory_budget_bytes=MEMORY_BUDGET_BYTES / 2**30,
                ),
                "Fewer photos are read whole, and so are these where the disk has more room for decoded photos.",
            )
        )
    free = available_memory()
    if device.name == "cuda":
        if reading > free:
            found.append(_short_of_memory(reading, free, total_memory()))
        needed = step.step_bytes
        free, total = torch.cuda.mem_get_info(device.torch_device)
    else:
        needed, total = reading + step.step_bytes, total_memory()
    if needed > free:
        found.append(_short_of_memory(needed, free, total))
    return needed, free, found


def _short_of_memory(needed: int, free: int, total: int) -> Finding:
    message = say("About {needed} of memory are needed, {free} are free.", needed=_size(needed), free=_size(free))
    if needed > total:
        return blocks(message, "Choose a smaller crop size, fewer photos per batch or a smaller network.")
    return doubtful(message, "Close other programs, or choose a smaller crop size or fewer photos per batch.")


def _disk(config: PretrainConfig | FinetuneConfig, step: StepMemory, seconds: float) -> tuple[int, int, list[Finding]]:
    """Bytes that the run takes and that are free on its disk, and what is wrong with them."""
    previews = 2 + seconds / config.preview_interval_s
    needed = round(_COPIES_ON_DISK * 4 * step.num_weights + previews * _PREVIEW_BYTES + seconds * _LOG_BYTES_PER_SECOND)
    folder = _existing(config.out or Place.RUNS.path())
    free = shutil.disk_usage(folder).free
    if not os.access(folder, os.W_OK):
        return (
            needed,
            free,
            [blocks(say("The folder {folder} may not be written.", folder=folder), "Choose another folder for runs.")],
        )
    if needed > free:
        return (
            needed,
            free,
            [
                blocks(
                    say(
                        "The run needs about {needed} on disk, {free} are free.", needed=_size(needed), free=_size(free)
                    ),
                    "Free some space, or delete runs that are no longer needed.",
                )
            ],
        )
    return needed, free, []


def _existing(folder: Path) -> Path:
    """A folder, or the closest one above it that is there."""
    return next(place for place in (folder, *folder.absolute().parents) if os.path.isdir(place))


def _size(num_bytes: float) -> str:
    if num_bytes >= 2**29:
        return say("{size:.1f} GiB", size=num_bytes / 2**30)
    return say("{size:.0f} MiB", size=num_bytes / 2**20)
