"""What was learned of photos' noise, and what that brought, in plain words."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from app.look import phrases
from app.look.translation import tr, translate_engine
from engine.contracts.learned_noise import HARDLY_ANY_NOISE, LearnedNoise, Refusal
from engine.contracts.noise import LEVELS
from engine.simulation.learned.grain import common_grain

_DARK, _MIDDLE, _BRIGHT = 0.1, 0.5, 0.9
_SMALL_PERCENT = 1.0
_LEAST_GAIN_DB = 0.01
"""Less is no difference, see `engine.refining.gate`."""


def level_text(noise: LearnedNoise, photos: Sequence[int]) -> str:
    """Say in a sentence how strong the noise of some photos is; see `level_figures`."""
    return tr("Level: {figures}.").format(figures=level_figures(noise, photos))


def level_figures(noise: LearnedNoise, photos: Sequence[int]) -> str:
    """Return how strong the noise of some photos is, from dark to bright: their median.

    Args:
        noise: What was learned.
        photos: Indices of at least one photo.
    """
    dark, middle, bright = (
        phrases.number(LEVELS * float(np.median([noise.photos[photo].sigma(at) for photo in photos])), 1)
        for at in (_DARK, _MIDDLE, _BRIGHT)
    )
    return tr("{dark} of {levels} in dark parts, {middle} in middle ones, {bright} in bright ones").format(
        dark=dark, middle=middle, bright=bright, levels=LEVELS
    )


def grain_text(noise: LearnedNoise, photos: Sequence[int]) -> str:
    """Say what the grain of some photos looks like."""
    grain = common_grain(noise, photos)
    if all(noise.photos[photo].is_gray for photo in photos):
        return translate_engine(grain.sentence)
    return f"{translate_engine(grain.sentence)} {translate_engine(grain.colour_sentence)}"


def accuracy_text(noise: LearnedNoise) -> str:
    """Say how well photos and their twins find each other; "" where no twins were made."""
    if noise.distance is None:
        return ""
    if noise.accuracy is None:
        return tr("Noise learned from a single photo, whose twin has no other to be taken for.")
    return tr("Noise learned: {share} of the twins find their photo.").format(share=phrases.percent(noise.accuracy))


def accuracy_tip() -> str:
    """Say what that means, with the term."""
    return tr(
        "Contrastive accuracy: how often a photo that was restored and made noisy anew, its twin, is nearer to its own "
        "photo than to any other. Photos with the same noise may be taken for one another; that does no harm."
    )


def distance_text(noise: LearnedNoise) -> str:
    """Say how near photos and twins have come; "" where no twins were made."""
    if noise.distance is None or noise.unfitted_distance is None:
        return ""
    return tr("Photos and twins differ by {after} of the noise; by the first guess it was {before}.").format(
        after=phrases.percent(noise.distance), before=phrases.percent(noise.unfitted_distance)
    )


def distance_tip() -> str:
    """Say what that means, with the term."""
    return tr(
        "Earth mover's distance of what the network takes away from photo and twin, by brightness and of neighbouring "
        "pixels, as a share of its mean strength. Two places of one photo are apart as well, so it never reaches 0."
    )


def gain_text(metrics: Mapping[str, float], *, is_from_starter: bool, parent: str = "") -> str:
    """Say what refining a model on the photos has brought, by the gate's estimate.

    Args:
        metrics: Of the run; its gate has measured.
        is_from_starter: Whether a model that ships was refined.
        parent: What the model that was refined is called; "" where unknown.
    """
    share = metrics.get("share_of_way", 0.0)
    if not share and any(reason in metrics for reason in Refusal):
        if is_from_starter:
            return tr("The starter is kept: what was learned would lose elsewhere.")
        return tr("The model that it started from is kept: what was learned would lose elsewhere.")
    if not share:
        if is_from_starter:
            return tr("The starter already fits; kept as it is.")
        if parent:
            return tr("“{model}” already fits; kept as it is.").format(model=parent)
        return tr("The model that it started from already fits; kept as it is.")
    if is_from_starter:
        text = tr("Your photos: error {share} lower than with the starter; kept.")
    elif parent:
        text = tr("Your photos: error {share} lower than with “{model}”; kept.")
    else:
        text = tr("Your photos: error {share} lower than with the model that it started from; kept.")
    fallen = 100 * (1 - 10 ** (-metrics["estimated_gain"] / 10))
    digits = 0 if fallen >= _SMALL_PERCENT else 1
    return text.format(share=f"{phrases.number(fallen, digits)}{phrases.NO_BREAK}%", model=parent)


def share_note(gains: Mapping[float, float], kept: float, reasons: Collection[str] = ()) -> str:
    """Say why a share is kept though the mean error is lower at another; "" where it is the lowest.

    Args:
        gains: Estimated gain by share, dB.
        kept: The share that was kept.
        reasons: A run's figures, by whose names the gate gives reasons; runs of older versions have none.
    """
    if HARDLY_ANY_NOISE in reasons:
        return tr("There is hardly any noise in these photos: their fine texture could lose more than they gain.")
    if max(gains.values()) - gains.get(kept, 0.0) < _LEAST_GAIN_DB:
        return ""
    if Refusal.FORGETTING in reasons:
        return tr("Further on the mean error is lower, but more of other noises would be forgotten than is allowed.")
    if Refusal.UNLABELLED in reasons:
        return tr("Further on the mean error is lower, but photos without a label would lose.")
    if Refusal.LABELS in reasons:
        return tr("Further on the mean error is lower, but the labels would lose.")
    return tr("Further on the mean error is lower, but photos with a noise of their own would lose.")


def gain_tip(gains: Mapping[float, float], kept: float) -> str:
    """Say how the gain is known, and how far the refinement was followed; see `share_note`."""
    return tr(
        "Mean squared error, estimated without references (Stein's unbiased risk estimate): {gain}. Of the way from "
        "the model before to what was learned, {share} is kept."
    ).format(gain=phrases.signed_decibels(gains.get(kept, 0.0)), share=phrases.percent(kept))


def gains_by_share(metrics: Mapping[str, float]) -> dict[float, float]:
    """Return the estimated gain of each share of the way, dB; empty where no gate has measured.

    Args:
        metrics: Of a run; see `engine.refining.gate.GateResult.figures`.
    """
    start = "gain_at_"
    return {
        int(name.removeprefix(start)) / 100: value
        for name, value in sorted(metrics.items(), key=lambda item: len(item[0]))
        if name.startswith(start) and name.removeprefix(start).isdecimal()
    }
