"""How training goes, in plain words: what the residual of a crop says about the network."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from engine.events import Pixels, VerdictReady

UNCHANGED_LEVEL = 0.25 / 255
"""A residual smaller than this (root mean square) is invisible: the photo comes back as it was."""

LARGE_PICTURE_SHARE = 0.25
"""From this share on, what is taken away looks like the picture to the eye."""


@dataclass(frozen=True, kw_only=True)
class ResidualFacts:
    """What the residual of one crop looks like.

    Attributes:
        level: Root mean square, 0 to 1.
        picture_share: Share of its variance that follows the picture's fine structure, 0 to 1.
        level_difference: Difference of the mean brightness that restoring makes, -1 to 1.
    """

    level: float
    picture_share: float
    level_difference: float


def residual_facts(noisy: Pixels, restored: Pixels) -> ResidualFacts:
    """Measure the residual noisy - restored.

    The picture share is the squared correlation of the residual with the restored picture, both without their
    coarse structure.

    Args:
        noisy: Shape: (height, width, channels), 0 to 1.
        restored: Same shape.
    """
    residual = noisy - restored
    fine_residual = residual - cv2.GaussianBlur(residual, (0, 0), 2.0).reshape(residual.shape)
    fine_picture = restored - cv2.GaussianBlur(restored, (0, 0), 2.0).reshape(restored.shape)
    product = float(np.mean(fine_residual * fine_picture))
    power = float(np.mean(fine_residual**2) * np.mean(fine_picture**2))
    return ResidualFacts(
        level=float(np.sqrt(np.mean(residual**2))),
        picture_share=product**2 / power if power > 0 else 0.0,
        level_difference=float(np.mean(residual)),
    )


def training_verdict(
    facts: ResidualFacts, metrics: Mapping[str, float], *, step: int, num_steps: int, num_crops: int
) -> VerdictReady:
    """Say in one sentence how training goes.

    Args:
        facts: Of the preview's residual.
        metrics: The latest losses by name.
        step: Steps done.
        num_steps: Steps in all.
        num_crops: Crops that the contrastive term compares; chance accuracy is 1 / (num_crops - 1).
    """
    if step < max(num_steps // 20, 20) and step < num_steps:
        return VerdictReady(state="learning", sentence="Starting: the first steps say little yet.")
    if facts.level < UNCHANGED_LEVEL:
        return VerdictReady(
            state="collapsed",
            sentence="Not learning: the photos come back unchanged. "
            "Give it more steps, or check that the photos are noisy.",
        )
    if facts.picture_share > LARGE_PICTURE_SHARE:
        return VerdictReady(
            state="collapsed",
            sentence=f"Something is wrong: {facts.picture_share:.0%} of what is taken away follows the picture. "
            "Lower the learning rate, or use a larger sub-sampling stride under More settings.",
        )
    percent = max(math.ceil(facts.picture_share * 100), 1)
    finished = step >= num_steps
    opening = "Done" if finished else "Learning"
    sentence = f"{opening}: the residual looks like noise and holds at most {percent} % picture."
    accuracy = metrics.get("contrast_accuracy")
    if accuracy is not None and num_crops > 3 and accuracy < 1.5 / (num_crops - 1):
        sentence += " The photos' noises are too alike to be told apart, so the contrast teaches little here."
    return VerdictReady(state="done" if finished else "learning", sentence=sentence)


def choice_verdict(
    step: int, num_steps: int, best_psnr: float | None, best_step: int, *, has_parent: bool
) -> VerdictReady | None:
    """Say which weights a training with validation photos has kept, where these are not the last ones.

    Args:
        step: Steps done.
        num_steps: Steps asked for.
        best_psnr: Best validation PSNR, dB; None without validation.
        best_step: Its step.
        has_parent: Whether the weights of step 0 were a model.

    Returns:
        The verdict; None where the last weights are the best, or there was no validation.
    """
    if best_psnr is None or best_step == step:
        return None
    if best_step == 0 and has_parent:
        return VerdictReady(
            state="done",
            sentence=f"Done, without a gain: on the validation photos nothing was better than the model it started "
            f"from ({best_psnr:.2f} dB), so that model is kept. More or other labels may help.",
        )
    ended = f"Ended early at step {step:,}" if step < num_steps else "Done"
    return VerdictReady(
        state="done",
        sentence=f"{ended}: the weights of step {best_step:,} were the best on the validation photos "
        f"({best_psnr:.2f} dB) and are kept.",
    )
