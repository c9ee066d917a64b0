"""The experiment's result in one paragraph of plain words: what helped, what did not, what cannot be told."""

from collections.abc import Sequence
from typing import Literal

from engine.contracts.label_budget import PRIMARY_PRETEXT
from engine.label_budget.methods import SCRATCH, STARTER, SUGGESTED
from engine.label_budget.plan import Plan, phrase_labels
from engine.label_budget.reports.results import BudgetComparison, BudgetFigures, BudgetRow
from engine.label_budget.reports.statistics import Estimate
from engine.translatable import Number, count_of, say, say_joined

FEW_PHOTOS = 5
"""With fewer measured photos, other photos of the folder may well say something else."""

Finding = Literal["helps", "hurts", "unclear"]


def judge(difference: Estimate) -> Finding:
    """What a difference shows: only an interval that leaves zero out shows anything."""
    if difference.low > 0:
        return "helps"
    return "hurts" if difference.high < 0 else "unclear"


def write_verdict(plan: Plan, figures: BudgetFigures, total_steps: int) -> str:
    """Say what the experiment has shown.

    Args:
        plan: What was done.
        figures: What came out.
        total_steps: Steps that every method took in all.
    """
    titles = {method.name: method.title for method in plan.methods}
    photos = count_of(figures.num_evaluation, "photo")
    if plan.photos.evaluation == plan.photos.candidates:
        photos = say("{photos} (each model without its own labels)", photos=photos)
    sentences = [
        say(
            "Measured on {photos} with {total_steps:,} steps for each method and {repetitions}.",
            photos=photos,
            total_steps=total_steps,
            repetitions=count_of(plan.num_seeds, "repetition"),
        )
    ]
    primary = _primary(plan)
    if primary is not None:
        sentences += _without_labels(figures, primary, titles[primary])
    if primary is not None and SCRATCH in titles:
        sentences += _compare(figures, primary, SCRATCH, titles[primary], say("training from scratch"), plan.all_count)
    if primary is not None:
        sentences += _more_labels(figures, primary, titles[primary], plan.all_count)
    both = f"{STARTER}+{PRIMARY_PRETEXT}"
    sentences += _compare(figures, both, STARTER, "RCL after the starter", say("the starter alone"), plan.all_count)
    sentences += _compare(
        figures,
        SUGGESTED,
        PRIMARY_PRETEXT,
        "Choosing labels by suggestion",
        say("drawing them by chance"),
        plan.all_count,
    )
    sentences += _best(figures)
    sentences += _caution(plan, figures)
    return say_joined(sentences)


def _primary(plan: Plan) -> str | None:
    """The pretraining that the verdict is about."""
    pretrained = [method.name for method in plan.methods if method.pretext is not None and not method.by_suggestion]
    return PRIMARY_PRETEXT if PRIMARY_PRETEXT in pretrained else next(iter(pretrained), None)


def _without_labels(figures: BudgetFigures, method: str, title: str) -> list[str]:
    row = next((row for row in figures.rows if row.method == method and row.num_labels == 0), None)
    if row is None:
        return []
    change = say(
        "{title} without any label changes the noisy photos by {gain}", title=title, gain=_with_interval(row.gain)
    )
    is_worse = judge(row.gain) == "hurts"
    return [say("{change}: it makes them worse.", change=change) if is_worse else say("{change}.", change=change)]


def _compare(
    figures: BudgetFigures, method: str, reference: str, title: str, reference_title: str, all_count: int
) -> list[str]:
    """Where a method is better than another, where it is worse, and where nothing can be told."""
    found = [
        item
        for item in figures.comparisons
        if (item.method, item.reference) == (method, reference)
        and item.num_labels == item.reference_labels
        and (item.num_labels > 0 or reference != SCRATCH)
    ]
    groups: dict[Finding, list[BudgetComparison]] = {"helps": [], "hurts": [], "unclear": []}
    for item in found:
        groups[judge(item.difference)].append(item)
    sentences = []
    if groups["helps"]:
        sentences.append(
            say(
                "{title} is better than {reference_title} {listed}.",
                title=title,
                reference_title=reference_title,
                listed=_listed(groups["helps"], all_count),
            )
        )
    if groups["hurts"]:
        sentences.append(
            say(
                "{title} is worse than {reference_title} {listed}: it did not help.",
                title=title,
                reference_title=reference_title,
                listed=_listed(groups["hurts"], all_count),
            )
        )
    if groups["unclear"]:
        listed = _listed(groups["unclear"], all_count)
        sentences.append(
            say(
                "Whether {title} helps over {reference_title} cannot be told {listed}.",
                title=_uncapitalised(title),
                reference_title=reference_title,
                listed=listed,
            )
        )
    return sentences


def _more_labels(figures: BudgetFigures, method: str, title: str, all_count: int) -> list[str]:
    """What further labels were worth, step by step."""
    found = [item for item in figures.comparisons if item.method == item.reference == method]
    worth = [item for item in found if judge(item.difference) == "helps"]
    if not found:
        return []
    if not worth:
        return [say("That more labels help {title} could not be shown.", title=title)]
    last = worth[-1]
    sentence = say(
        "More labels are worth it for {title} up to {num_labels}: the step from {reference_labels} "
        "to there brings {difference}",
        title=title,
        num_labels=_count(last.num_labels, all_count),
        reference_labels=_count(last.reference_labels, all_count),
        difference=_with_interval(last.difference),
    )
    beyond = found[found.index(last) + 1 :]
    return [say("{sentence}; beyond, no gain could be shown." if beyond else "{sentence}.", sentence=sentence)]


def _best(figures: BudgetFigures) -> list[str]:
    """The best mean, whatever it took."""
    rows = [row for row in figures.rows if row.num_labels > 0] or list(figures.rows)
    best: BudgetRow = max(rows, key=lambda row: row.gain.mean)
    return [
        say(
            "The highest mean is {title} with {phrase_labels}: {gain}.",
            title=best.title,
            phrase_labels=phrase_labels(best.num_labels),
            gain=_with_interval(best.gain),
        )
    ]


def _caution(plan: Plan, figures: BudgetFigures) -> list[str]:
    sentences = []
    if plan.num_seeds == 1:
        sentences.append("One repetition says nothing of chance: no difference is shown until there are at least 2.")
    if figures.num_evaluation < FEW_PHOTOS:
        sentences.append(
            say(
                "With fewer than {few_photos} measured photos, others of the folder may behave differently.",
                few_photos=FEW_PHOTOS,
            )
        )
    return sentences


def _listed(items: Sequence[BudgetComparison], all_count: int) -> str:
    parts = [
        say(
            "with {labels} ({difference})",
            labels=_count(item.num_labels, all_count),
            difference=_with_interval(item.difference),
        )
        for item in items
    ]
    if len(parts) == 1:
        return parts[0]
    return say("{listed} and {last}", listed=say_joined(parts[:-1], ", "), last=parts[-1])


def _count(count: int, all_count: int) -> str:
    return say("all {count} labels", count=count) if count == all_count and count > 1 else phrase_labels(count)


def _with_interval(value: Estimate) -> str:
    mean, low, high = (Number(f"{figure:+.2f}".replace("-", "−")) for figure in (value.mean, value.low, value.high))
    if not value.has_interval:
        return say("{mean} dB", mean=mean)
    return say("{mean} dB, 95 % interval {low} to {high}", mean=mean, low=low, high=high)


def _uncapitalised(title: str) -> str:
    """The title within a sentence; abbreviations stay as they are."""
    return title if title[:2].isupper() else title[:1].lower() + title[1:]
