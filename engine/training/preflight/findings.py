"""What a look before a training can find: things that prevent it, things to doubt, things to know."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Weight(StrEnum):
    """How much a finding matters."""

    BLOCKS = "blocks"
    """The training would fail."""
    DOUBTFUL = "doubtful"
    """It would run, but its result is likely worse than it could be."""
    NOTE = "note"
    """Good to know."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was found.

    Attributes:
        weight: How much it matters.
        message: What was found, one sentence.
        hint: What to do about it, one sentence.
    """

    weight: Weight
    message: str
    hint: str


def blocks(message: str, hint: str) -> Finding:
    """Return what prevents a training."""
    return Finding(weight=Weight.BLOCKS, message=message, hint=hint)


def doubtful(message: str, hint: str) -> Finding:
    """Return what makes a good result unlikely."""
    return Finding(weight=Weight.DOUBTFUL, message=message, hint=hint)


def note(message: str, hint: str) -> Finding:
    """Return what is good to know."""
    return Finding(weight=Weight.NOTE, message=message, hint=hint)


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings by weight, those of one weight in the order in which they were found."""
    order = list(Weight)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.weight)))
