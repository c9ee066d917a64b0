"""What the experiment will do: who is measured, who teaches, and every training in the order of its doing."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine.contracts.configs import OWN_NOISE, FinetuneConfig, PretrainConfig
from engine.contracts.errors import InvalidInputError
from engine.contracts.label_budget import PRIMARY_PRETEXT, LabelBudgetConfig
from engine.contracts.photo import PhotoRef
from engine.label_budget.methods import SCRATCH, LeftOut, Method
from engine.method.catalogue.pretexts import PRETEXTS
from engine.photos.pairs import PhotoPair, choose_pairs, groups_sharing_a_photo
from engine.translatable import count_of, say, say_joined

_UNSETTLING = {"out", "name", "parent", "device", "precision", "preview_interval_s", "checkpoint_interval_s", "levels"}
"""Settings that do not change what a training is: it may go on with others."""


@dataclass(frozen=True, kw_only=True)
class PhotoSet:
    """The photos of an experiment.

    Attributes:
        candidates: Pairs that may be labels, in natural order.
        evaluation: Pairs that are measured, labels of the measured model excepted.
        unlabelled: Noisy photos that pretraining sees; the candidates' are among them.
        alike: Names of noisy photos that show one scene or share a file, where all but the labels are measured: of
            these none is measured on a model that another one taught.
    """

    candidates: tuple[PhotoPair, ...]
    evaluation: tuple[PhotoPair, ...]
    unlabelled: tuple[PhotoRef, ...]
    alike: tuple[frozenset[str], ...] = ()

    def taught_by(self, labels: Collection[str]) -> frozenset[str]:
        """Return the names of the noisy photos that labels tell something of: their own, and those alike.

        Args:
            labels: Names of the labels' noisy photos.
        """
        return frozenset(labels).union(*(names for names in self.alike if not names.isdisjoint(labels)))


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One model of the experiment.

    Attributes:
        name: Of its run folder and of its score.
        title: What a person reads.
        config: Its training; None: a model that is measured as it is.
        model: That model.
        parent: Name of the cell whose model it starts from.
        num_suggested: Labels that are chosen by the parent's residuals before training; 0: the config names them.
    """

    name: str
    title: str
    config: PretrainConfig | FinetuneConfig | None = None
    model: Path | None = None
    parent: str | None = None
    num_suggested: int = 0

    @property
    def steps(self) -> int:
        """Optimisation steps that it takes."""
        return self.config.steps if self.config else 0

    def settings(self, photos: PhotoSet) -> dict[str, Any]:
        """Return what of its score depends on the plan, as JSON values."""
        start = self.config.parent if self.config and self.parent is None else self.model
        return {
            "training": self.config.model_dump(mode="json", exclude=_UNSETTLING) if self.config else None,
            "start": str(start) if start else None,
            "parent": self.parent,
            "num_suggested": self.num_suggested,
            "evaluation": [str(pair.noisy) for pair in photos.evaluation],
            **({"alike": [sorted(names) for names in photos.alike]} if photos.alike else {}),
        }


CellKey = tuple[str, int, int]
"""Name of a method, number of labels, repetition."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that the experiment does.

    Attributes:
        photos: Who teaches and who is measured.
        methods: What is compared.
        label_counts: Ascending.
        all_count: The number of labels that is all there are.
        num_seeds: Repetitions.
        cells: By name; parents before those that start from them.
        cell_of: Name of the cell of a method, a number of labels and a repetition; None: the photo as it is.
        left_out: What is not compared, and why.
    """

    photos: PhotoSet
    methods: tuple[Method, ...]
    label_counts: tuple[int, ...]
    all_count: int
    num_seeds: int
    cells: Mapping[str, Cell]
    cell_of: Mapping[CellKey, str | None]
    left_out: tuple[LeftOut, ...] = field(default=())


def split_photos(
    config: LabelBudgetConfig,
    pairs: Sequence[PhotoPair],
    noisy: Sequence[PhotoRef],
    scenes: Mapping[PhotoRef, Hashable],
) -> PhotoSet:
    """Decide who is measured and who teaches.

    Pairs that show one scene or share a file teach together or measure together, unless a person named those that
    measure: the shots of a burst, whose references are means of each other, would else measure what was taught.

    Args:
        config: How.
        pairs: Sound pairs in natural order.
        noisy: All usable noisy photos, with and without reference.
        scenes: What references show, where that is known.

    Raises:
        InvalidInputError: There are too few pairs, or all are of one scene.
    """
    if len(pairs) < 2:
        raise InvalidInputError(
            say(
                "The experiment needs at least 2 pairs of a noisy photo and a clean reference; found {num_pairs}.",
                num_pairs=len(pairs),
            ),
            "Add references named as their noisy photos: some of them teach, the others measure.",
        )
    named = frozenset(config.measure_names)
    measuring = {pair for pair in pairs if pair.noisy.is_named_in(named)}
    # One of several that cannot be used has been told as what it is.
    if config.measure_names and not measuring:
        raise InvalidInputError(
            say(
                "No pair of a noisy photo and a reference was found for: {missing}.",
                missing=", ".join(sorted(config.measure_names)),
            ),
            "Check that the files are still there and that their names match.",
        )
    if len(measuring) == len(pairs):
        raise InvalidInputError(
            "None of the labels can be used for training.", "Let some of those that only measure teach."
        )
    groups = groups_sharing_a_photo(pairs, scenes)
    measures_others = config.evaluate_on == "others"
    if len(groups) < 2 and (measures_others or not measuring):
        raise InvalidInputError(
            "All pairs show one scene or share a file: what one of them teaches, the others cannot measure.",
            "Add pairs of other scenes, or name those that only measure.",
        )
    if measures_others:
        alike = tuple(frozenset(pair.noisy.name for pair in group) for group in groups if len(group) > 1)
        teaching = tuple(pair for pair in pairs if pair not in measuring)
        return PhotoSet(candidates=teaching, evaluation=tuple(pairs), unlabelled=tuple(noisy), alike=alike)
    held_back = measuring or _hold_back(groups, config)
    unseen = {pair.noisy for pair in held_back} if config.unlabelled == "training" else set()
    return PhotoSet(
        candidates=tuple(pair for pair in pairs if pair not in held_back),
        evaluation=tuple(pair for pair in pairs if pair in held_back),
        unlabelled=tuple(path for path in noisy if path not in unseen),
    )


def _hold_back(groups: Sequence[Sequence[PhotoPair]], config: LabelBudgetConfig) -> set[PhotoPair]:
    """Draw whole groups, at least one and never all, up to the share that is asked for."""
    num_pairs = sum(map(len, groups))
    count = min(max(round(num_pairs * config.evaluation_share), 1), num_pairs - 1)
    held_back: set[PhotoPair] = set()
    for index in np.random.default_rng(config.split_seed).permutation(len(groups))[:-1]:
        if len(held_back) + len(groups[index]) <= count:
            held_back.update(groups[index])
    smallest: Sequence[PhotoPair] = min(groups, key=len)
    return held_back or set(smallest)


def make_plan(
    config: LabelBudgetConfig, photos: PhotoSet, methods: Sequence[Method], left_out: Sequence[LeftOut]
) -> Plan:
    """List every training.

    Args:
        config: Settings.
        photos: Who teaches and who is measured.
        methods: What to compare.
        left_out: What is known to be missing; more may be added.

    Raises:
        InvalidInputError: Nothing is left to compare.
    """
    missing = list(left_out)
    kept = []
    for method in methods:
        needed = _photos_needed(method)
        if len(photos.unlabelled) < needed:
            missing.append(
                LeftOut(name=method.name, reason=say("It needs at least {needed} photos to learn from.", needed=needed))
            )
        else:
            kept.append(method)
    counts, all_count = _label_counts(config, photos, missing)
    if not kept or not counts:
        raise InvalidInputError(
            say_joined(["Nothing is left to compare.", *(item.reason for item in missing)]), "Add photos."
        )
    builder = _Builder(config, photos, all_count)
    for seed in range(config.seeds):
        for method in kept:
            for count in counts:
                builder.add(method, count, seed)
    return Plan(
        photos=photos,
        methods=tuple(kept),
        label_counts=counts,
        all_count=all_count,
        num_seeds=config.seeds,
        cells=builder.cells,
        cell_of=builder.cell_of,
        left_out=tuple(missing),
    )


def _photos_needed(method: Method) -> int:
    return PRETEXTS[method.pretext].min_photos if method.pretext is not None else 0


def _label_counts(config: LabelBudgetConfig, photos: PhotoSet, missing: list[LeftOut]) -> tuple[tuple[int, ...], int]:
    """The numbers of labels to compare, ascending, and which of them is all."""
    others = config.evaluate_on == "others"
    largest = len(photos.candidates) - (1 if others else 0)
    # So many teach at most as many scenes: one at least is left, whichever are drawn.
    num_alike = sum(len(names) - 1 for names in photos.alike)
    surest = len(photos.evaluation) - num_alike - 1 if others else largest
    counts = set()
    for item in config.labels:
        if item == "all" and others:
            missing.append(LeftOut(name=say("all labels"), reason="No photo would be left to measure."))
        elif item == "all":
            counts.add(largest)
        elif item > largest:
            missing.append(
                LeftOut(
                    name=count_of(item, "label"),
                    reason=say("There are only {num_pairs} pairs to draw them from.", num_pairs=largest),
                )
            )
        elif item > surest:
            missing.append(
                LeftOut(name=count_of(item, "label"), reason="Perhaps no photo of another scene is left to measure.")
            )
        else:
            counts.add(item)
    return tuple(sorted(counts)), len(photos.candidates)


class _Builder:
    """Collects cells, each once, parents first."""

    def __init__(self, config: LabelBudgetConfig, photos: PhotoSet, all_count: int) -> None:
        self._config = config
        self._photos = photos
        self._all_count = all_count
        self.cells: dict[str, Cell] = {}
        self.cell_of: dict[CellKey, str | None] = {}

    def add(self, method: Method, count: int, seed: int) -> None:
        """Add the model of a method with so many labels in a repetition, and what it starts from."""
        if method.by_suggestion and count in (0, self._all_count):
            # Nothing is chosen there.
            return
        key = (method.name, count, seed)
        self.cell_of[key] = self._without_labels(method, seed) if count == 0 else self._with_labels(method, count, seed)

    def _without_labels(self, method: Method, seed: int) -> str | None:
        if method.pretext is not None:
            return self._pretrained(method, seed)
        if method.starter is not None:
            return self._keep(Cell(name=method.name, title=method.title, model=method.starter))
        assert method.name == SCRATCH
        return None

    def _pretrained(self, method: Method, seed: int) -> str:
        assert method.pretext is not None
        # Labels by suggestion change nothing before there are labels.
        name = PRIMARY_PRETEXT if method.by_suggestion else method.name
        name = f"{name}_seed-{seed}"
        title = "RCL" if method.by_suggestion else method.title
        training = PretrainConfig(
            photos=self._photos.unlabelled,
            levels=self._config.levels,
            parent=method.starter,
            out=self._run_folder(name),
            name=name,
            seed=seed,
            **self._config.pretrain_settings(method.pretext, from_scratch=method.starter is None),
        )
        return self._keep(
            Cell(
                name=name,
                title=say("{title}, no label, repetition {repetition}", title=title, repetition=seed + 1),
                config=training,
            )
        )

    def _with_labels(self, method: Method, count: int, seed: int) -> str:
        parent = self._pretrained(method, seed) if method.pretext is not None else None
        start = self._run_folder(parent) if parent else method.starter
        spent = self._config.pretraining_steps if parent else 0
        labels = self._photos.candidates
        if not method.by_suggestion:
            labels = choose_pairs(self._photos.candidates, count, seed)
        name = "_".join((method.name, f"{count}-labels", f"seed-{seed}"))
        training = FinetuneConfig(
            parent=start,
            noisy=self._photos.unlabelled,
            levels=self._config.levels,
            # No other reference is within its reach.
            clean=tuple(pair.clean for pair in labels),
            label_names=tuple(pair.noisy.name for pair in labels),
            out=self._run_folder(name),
            name=name,
            seed=seed,
            **self._config.pair_settings(pair.noisy for pair in labels),
            **self._config.finetune_settings(
                from_scratch=start is None,
                with_twins=method.starter is not None and method.pretext in {None, OWN_NOISE},
                steps=self._config.total_steps - spent,
            ),
        )
        return self._keep(
            Cell(
                name=name,
                title=say(
                    "{title}, {labels}, repetition {repetition}",
                    title=method.title,
                    labels=phrase_labels(count),
                    repetition=seed + 1,
                ),
                config=training,
                parent=parent,
                num_suggested=count if method.by_suggestion else 0,
            )
        )

    def _run_folder(self, name: str) -> Path:
        return self._config.out / "runs" / name

    def _keep(self, cell: Cell) -> str:
        self.cells.setdefault(cell.name, cell)
        return cell.name


def phrase_labels(number: int) -> str:
    """Say a number of labels: "no label", "1 label", "5 labels"."""
    return count_of(number, "label") if number else say("no label")
