"""The methods that the experiment compares: made from the catalogue when it runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.contracts.configs import OWN_NOISE
from engine.contracts.errors import InvalidInputError
from engine.contracts.label_budget import PRIMARY_PRETEXT
from engine.method.catalogue.pretexts import PRETEXTS
from engine.models.starters import starter_path
from engine.translatable import TranslatableField, say

SCRATCH = "scratch"
STARTER = "starter"
SUGGESTED = "suggested"


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to spend steps and labels.

    Attributes:
        name: As a person types it.
        title: As a person reads it.
        pretext: What it pretrains with; None: it does not.
        starter: The starter model that it begins with; None: with fresh weights.
        by_suggestion: Whether its labels are chosen by `engine.labelling.suggestion` and not drawn by chance.
    """

    name: str
    title: str
    pretext: str | None = None
    starter: Path | None = None
    by_suggestion: bool = False


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A method or a number of labels that could not be compared, and why."""

    name: TranslatableField
    reason: TranslatableField


def available_methods() -> tuple[dict[str, Method], list[LeftOut]]:
    """All methods that this installation has, by name, and those that it lacks."""
    methods = {SCRATCH: Method(name=SCRATCH, title="From scratch")}
    for name, row in PRETEXTS.items():
        if name != OWN_NOISE:
            title = "RCL" if name == PRIMARY_PRETEXT else row.title
            methods[name] = Method(name=name, title=title, pretext=name)
    left_out = []
    starter = starter_path("denoise")
    both = f"{STARTER}+{PRIMARY_PRETEXT}"
    if starter is None:
        reason = "This installation has no starter model for denoising."
        left_out = [LeftOut(name=name, reason=reason) for name in (STARTER, OWN_NOISE, both)]
    else:
        title = "Starter, then the photos' own noise"
        methods[OWN_NOISE] = Method(name=OWN_NOISE, title=title, pretext=OWN_NOISE, starter=starter)
        methods[STARTER] = Method(name=STARTER, title="Starter", starter=starter)
        methods[both] = Method(name=both, title="Starter, then RCL", pretext=PRIMARY_PRETEXT, starter=starter)
    methods[SUGGESTED] = Method(
        name=SUGGESTED, title="RCL, suggested labels", pretext=PRIMARY_PRETEXT, by_suggestion=True
    )
    return methods, left_out


def choose_methods(names: Sequence[str]) -> tuple[tuple[Method, ...], list[LeftOut]]:
    """The methods of the given names, or all for no name; with those that are missing here.

    Raises:
        InvalidInputError: There is no method of a name, or none of them is to be had here.
    """
    available, left_out = available_methods()
    missing = {item.name for item in left_out}
    unknown = [name for name in names if name not in available and name not in missing]
    if unknown:
        raise InvalidInputError(
            say("There is no method called '{unknown}'.", unknown=unknown[0]),
            say("Choose of: {names}.", names=", ".join([*available, *sorted(missing)])),
        )
    wanted = tuple(dict.fromkeys(names)) or (*available, *missing)
    chosen = tuple(available[name] for name in wanted if name in available)
    if not chosen:
        raise InvalidInputError(left_out[0].reason, say("Choose of: {available}.", available=", ".join(available)))
    return chosen, [item for item in left_out if item.name in wanted]
