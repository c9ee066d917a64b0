"""The label-budget job: none, a few and all labels, by every method, several times, on one split and in equal steps."""

from collections import defaultdict
from collections.abc import Hashable, Mapping

from engine.contracts.configs import ComputeConfig
from engine.contracts.errors import InvalidInputError
from engine.contracts.events import Emit, FileSkipped, JobWarning
from engine.contracts.job_control import JobCancelled, JobControl
from engine.contracts.label_budget import LabelBudgetConfig
from engine.contracts.photo import PhotoPlace, PhotoRef
from engine.label_budget.methods import LeftOut, choose_methods
from engine.label_budget.plan import PhotoSet, make_plan, split_photos
from engine.label_budget.progress import ExperimentProgress
from engine.label_budget.reports.files import write_reports
from engine.label_budget.reports.results import LabelBudgetResult, compute_figures
from engine.label_budget.reports.verdict import write_verdict
from engine.label_budget.stored import keep_settings, require_own_folder
from engine.machine.destination import make_folder
from engine.photo_files.values.given import reads_as_set
from engine.photos.folder import find_photos_in
from engine.photos.pairs import PhotoPair, groups_sharing_a_photo, match_pairs
from engine.translatable import say

_SMALLEST_SIDE_PX = 11
"""Of a photo whose structural similarity can be measured."""


@reads_as_set
def label_budget(config: LabelBudgetConfig, control: JobControl, emit: Emit) -> LabelBudgetResult:
    """Measure what pretraining, a starter and a few more labels are worth on a folder of photos.

    Every training is a run folder below `config.out`. What is done there is not done again: after a stop or a crash
    the same call goes on, and with more repetitions, label counts or methods it adds to what there is.

    Args:
        config: Photos, references, what to compare.
        control: Pause and cancel.
        emit: Receives `TrainingsPlanned`, `StepDone` over all trainings, `TrainingMeasured`, `FileSkipped` and
            `JobWarning`.

    Raises:
        JobCancelled: Asked to end; what is done so far is kept.
        InvalidInputError: There are too few pairs, an unknown method, or a folder of another experiment.
        EngineError: A worker process died, or the folder cannot be written.
    """
    from engine.label_budget.execution import Workplace
    from engine.label_budget.side_by_side import default_workers, do_cells
    from engine.photos.crops import MEMORY_BUDGET_BYTES

    config = config.model_copy(
        update={
            "noisy": tuple(path.absolute() for path in config.noisy),
            "clean": tuple(path.absolute() for path in config.clean),
            "out": config.out.absolute(),
            "given_pairs": {noisy.absolute(): clean.absolute() for noisy, clean in config.given_pairs.items()},
        }
    )
    methods, left_out = choose_methods(config.methods)
    skipped: list[FileSkipped] = []
    noisy, pairs, scenes = _find_photos(config, skipped, control, emit)
    photos = split_photos(config, pairs, noisy, scenes)
    if config.evaluate_on == "held-back":
        _warn_of_taught_scenes(photos, scenes, emit)
    plan = make_plan(config, photos, methods, left_out)
    for item in plan.left_out:
        emit(JobWarning(message=say("{item} is left out.", item=item.name), hint=item.reason))
    require_own_folder(config.out)
    make_folder(config.out / "scores", "Choose another destination.")
    keep_settings(config)
    cells = list(plan.cells.values())
    workers = config.workers or default_workers(_device_name(config), len(cells))
    workplace = Workplace(
        out=config.out,
        photos=plan.photos,
        compute=ComputeConfig(device=config.device, precision=config.precision),
        photo_memory_bytes=MEMORY_BUDGET_BYTES // workers,
        levels=config.levels,
        unfitted=config.unfitted_names if config.fit_references else None,
    )
    progress = ExperimentProgress(cells, control, emit)
    try:
        outcome = do_cells(cells, workplace, workers, control, progress)
    except JobCancelled:
        emit(
            JobWarning(
                message="The experiment is stopped; what is done is kept.",
                hint="Start it again with the same folder and settings to go on.",
            )
        )
        raise
    failed = tuple(LeftOut(name=plan.cells[name].title, reason=reason) for name, reason in outcome.failures.items())
    if not outcome.scores:
        raise InvalidInputError(
            say(
                "None of the trainings could be done: {reason}",
                reason=failed[0].reason if failed else say("there is nothing to train."),
            ),
            "See the reasons, then start again with the same folder.",
        )
    figures = compute_figures(plan, outcome.scores)
    verdict = write_verdict(plan, figures, config.total_steps)
    files = write_reports(config, plan, figures, verdict, outcome.scores, failed)
    return LabelBudgetResult(
        figures=figures,
        verdict=verdict,
        out=config.out,
        files=files,
        left_out=plan.left_out,
        failed=failed,
        skipped=tuple(skipped),
        num_trainings=len(outcome.scores),
        seconds=progress.seconds,
    )


def _find_photos(
    config: LabelBudgetConfig, skipped: list[FileSkipped], control: JobControl, emit: Emit
) -> tuple[list[PhotoRef], list[PhotoPair], dict[PhotoRef, Hashable]]:
    """All usable noisy photos, the pairs whose two sides agree and whose names tell them apart, and their scenes."""

    def set_aside(photo: PhotoRef, reason: str, hint: str) -> None:
        skipped.append(FileSkipped(path=photo, reason=reason, hint=hint))
        emit(skipped[-1])

    def usable(folders: tuple[PhotoPlace, ...]) -> list[PhotoRef]:
        found, unusable = find_photos_in(folders)
        for file in unusable:
            set_aside(file.path, file.reason, file.hint)
        return [path for path, info in found if min(info.width, info.height) >= _SMALLEST_SIDE_PX]

    # Imported late: OpenCV.
    from engine.labelling.doctor import ExamineRequest, examine_pairs

    noisy = usable(config.noisy)
    given = [PhotoPair(noisy, clean) for noisy, clean in config.given_pairs.items()]
    matching = match_pairs(noisy, usable(config.clean), given=given)
    for doubtful in matching.doubtful:
        set_aside(doubtful.pair.noisy, doubtful.reason, doubtful.hint)
    by_name: defaultdict[str, list[PhotoPair]] = defaultdict(list)
    for pair in matching.pairs:
        by_name[pair.noisy.name].append(pair)
    named = []
    for pair in matching.pairs:
        if len(by_name[pair.noisy.name]) > 1:
            set_aside(pair.noisy, "Another photo has the same file name.", "Give one of them another name.")
        else:
            named.append(pair)
    pairs: list[PhotoPair] = []
    scenes: dict[PhotoRef, Hashable] = {}
    unfitted = frozenset(config.unfitted_names)
    for diagnosis in examine_pairs(ExamineRequest(pairs=tuple(named)), control, emit):
        if diagnosis.doubt is not None:
            set_aside(diagnosis.pair.noisy, diagnosis.doubt.text, diagnosis.doubt.hint)
            continue
        pairs.append(diagnosis.pair)
        scenes[diagnosis.pair.clean] = diagnosis.scene
        is_wanted = config.fit_references and not diagnosis.pair.noisy.is_named_in(unfitted)
        if diagnosis.is_fitted and is_wanted:
            emit(
                JobWarning(
                    message=say(
                        "The reference of {noisy} has another exposure or stretch: it is fitted to the photo, to "
                        "teach and to measure.",
                        noisy=diagnosis.pair.noisy.name,
                    ),
                    hint="Its file stays as it is.",
                )
            )
    return noisy, pairs, scenes


def _warn_of_taught_scenes(photos: PhotoSet, scenes: Mapping[PhotoRef, Hashable], emit: Emit) -> None:
    """Say which of the photos that a person named to measure shows what labels teach."""
    for group in groups_sharing_a_photo((*photos.candidates, *photos.evaluation), scenes):
        if set(group).isdisjoint(photos.candidates):
            continue
        for pair in group:
            if pair in photos.evaluation:
                emit(
                    JobWarning(
                        message=say(
                            "{noisy} only measures, but shows a scene that a label teaches.", noisy=pair.noisy.name
                        ),
                        hint="Its figure flatters the result; let all labels of a scene measure, or none.",
                    )
                )


def _device_name(config: LabelBudgetConfig) -> str:
    from engine.machine.devices import open_device

    return open_device(config).name
