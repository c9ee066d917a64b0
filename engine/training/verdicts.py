"""How training goes, in plain words: what its residuals say about the network.

A network that learns from noise can collapse in known ways: it hands the photos back, its residual vanishes, all its
residuals are alike, or it takes the picture away with the noise. Each is told from figures that training has anyway,
and named with what to do about it; photos that hold no noise, or all the same noise, are no collapse and are named as
such.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from engine.contracts.events import VerdictReady
from engine.contracts.noise import FolderNoise
from engine.contracts.photo import Pixels
from engine.residuals.statistics import UNCHANGED_LEVEL
from engine.translatable import say, say_joined

UNCHANGED_SHARE = 0.1
"""Beside noise of ten times its size a residual is as good as none."""

WEAK_NOISE_SIGMA = 2 / 255
"""Photos with less hold hardly any noise; what was measured may as well be fine texture."""

LARGE_PICTURE_SHARE = 0.25
"""From this share on, what is taken away looks like the picture to the eye."""

TOO_MUCH_FACTOR = 2.5
"""A residual so many times as strong as the noise is mostly picture. Where noise grows with brightness, that of a crop
may be twice what was measured in the calmest parts of its photo."""

VISIBLE_GAIN_DB = 0.1
"""Less is no difference to the eye."""

EARLY_SHARE = 0.25
"""Until this share of the steps a network that changes little may only be slow."""

ALIKE_RATIO, DIFFERENT_RATIO = 1.25, 1.5
"""Noises of a folder, high against low, are alike up to the one ratio and surely differ from the other on."""

ALIKE_DISTANCE_SHARE = 0.1
"""W1 between residuals as a share of their size: what two crops of one noise differ by as well, by their few pixels."""

SOFT_SHARES_OF_CHANCE = 0.9, 1.05
"""A contrastive loss this near to chance weighs all negatives about alike; a larger one weighs them wrongly."""


CHANCE_FACTOR, ALIKE_CHANCE_FACTOR = 1.5, 3.0
"""Hits up to this many times those of guessing are none; more where the noises are known to be alike, since two crops
of one photo share remains of their picture too."""


@dataclass(frozen=True, kw_only=True)
class ResidualFacts:
    """What the residual of one crop looks like.

    Attributes:
        level: Root mean square, 0 to 1.
        picture_share: Share of its variance that follows the picture's fine structure, 0 to 1.
    """

    level: float
    picture_share: float


@dataclass(frozen=True, kw_only=True)
class TrainingFacts:
    """All that a verdict rests on.

    Attributes:
        residual: Of the preview crop.
        metrics: The latest losses by name.
        step: Steps done.
        num_steps: Steps in all.
        num_crops: Crops that the contrastive term compares; chance accuracy is 1 / (num_crops - 1).
        noise: Of the photos; None where it could not be measured.
        preview_sigma: Standard deviation of the noise of the preview crop's photo, 0 to 1; None likewise.
    """

    residual: ResidualFacts
    metrics: Mapping[str, float]
    step: int
    num_steps: int
    num_crops: int
    noise: FolderNoise | None = None
    preview_sigma: float | None = None

    @property
    def is_finished(self) -> bool:
        """Whether the last step is done."""
        return self.step >= self.num_steps

    @property
    def is_early(self) -> bool:
        """Whether a network that changes little may only be slow."""
        return self.step < EARLY_SHARE * self.num_steps

    @property
    def residual_rms(self) -> float | None:
        """Size of the residual that the losses see, 0 to 1; None without a self-supervised term."""
        consistency = self.metrics.get("consistency")
        return None if consistency is None else math.sqrt(max(consistency, 0.0))

    @property
    def noises_are_alike(self) -> bool:
        """Whether all photos have about the same noise."""
        return self._has_several and self._sigmas[1] <= ALIKE_RATIO * self._sigmas[0]

    @property
    def noises_differ(self) -> bool:
        """Whether the photos' noises surely differ in strength."""
        return self._has_several and self._sigmas[1] >= DIFFERENT_RATIO * self._sigmas[0]

    @property
    def _has_several(self) -> bool:
        return self.noise is not None and self.noise.num_photos >= 3

    @property
    def _sigmas(self) -> tuple[float, float]:
        return (self.noise.low_sigma, self.noise.high_sigma) if self.noise is not None else (0.0, 0.0)


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
    )


def training_verdict(facts: TrainingFacts) -> VerdictReady:
    """Say in a few sentences how training goes: the first sign that applies, or that all is well."""
    if facts.step < max(facts.num_steps // 20, 20) and not facts.is_finished:
        return VerdictReady(state="learning", sentence="Starting: the first steps say little yet.")
    for sign in _SIGNS:
        verdict = sign(facts)
        if verdict is not None:
            return verdict
    percent = max(math.ceil(facts.residual.picture_share * 100), 1)
    sentence = (
        say("Done: the residual looks like noise and holds at most {percent} % picture.", percent=percent)
        if facts.is_finished
        else say("Learning: the residual looks like noise and holds at most {percent} % picture.", percent=percent)
    )
    return _going_well(facts, say_joined((sentence, _remark_on_contrast(facts))))


def gain_verdict(gain_db: float, *, step: int, num_steps: int) -> VerdictReady:
    """Say how a training goes whose results hold more than was measured, so that a residual does not tell.

    Args:
        gain_db: By how much the preview crop is nearer to its clean reference than by plain interpolation.
        step: Steps done.
        num_steps: Steps in all.
    """
    is_finished = step >= num_steps
    if step < max(num_steps // 20, 20) and not is_finished:
        return VerdictReady(state="learning", sentence="Starting: the first steps say little yet.")
    if gain_db >= VISIBLE_GAIN_DB:
        return VerdictReady(
            state="done" if is_finished else "learning",
            sentence=(
                say(
                    "Done: the preview is {gain_db:.1f} dB nearer to its clean reference than by plain interpolation.",
                    gain_db=gain_db,
                )
                if is_finished
                else say(
                    "Learning: the preview is {gain_db:.1f} dB nearer to its clean reference than by plain "
                    "interpolation.",
                    gain_db=gain_db,
                )
            ),
        )
    if step < EARLY_SHARE * num_steps:
        return VerdictReady(state="learning", sentence="Learning: no better than plain interpolation yet.")
    return VerdictReady(
        state="collapsed",
        sentence=(
            say(
                "Not learned: the preview is no nearer to its clean reference than by plain interpolation "
                "({gain_db:+.1f} dB). Give it more steps, or check that the references fit.",
                gain_db=gain_db,
            )
            if is_finished
            else say(
                "Not learning: the preview is no nearer to its clean reference than by plain interpolation "
                "({gain_db:+.1f} dB). Give it more steps, or check that the references fit.",
                gain_db=gain_db,
            )
        ),
    )


def _sign_of_clean_photos(facts: TrainingFacts) -> VerdictReady | None:
    """Photos that need no restoring: their small residual is right."""
    if facts.noise is None or max(facts.noise.high_sigma, facts.residual.level) >= WEAK_NOISE_SIGMA:
        return None
    return _going_well(
        facts,
        (
            say(
                "Done: the photos hold hardly any noise (about {sigma}), so hardly anything is taken away, "
                "as it should be.",
                sigma=_levels(facts.noise.sigma),
            )
            if facts.is_finished
            else say(
                "Learning: the photos hold hardly any noise (about {sigma}), so hardly anything is taken "
                "away, as it should be.",
                sigma=_levels(facts.noise.sigma),
            )
        ),
    )


def _sign_of_vanished_residual(facts: TrainingFacts) -> VerdictReady | None:
    """The residual that the losses see has shrunk to nothing, as a fidelity term alone would have it."""
    rms = facts.residual_rms
    if rms is None or facts.noise is None or facts.noise.sigma < WEAK_NOISE_SIGMA:
        return None
    if rms >= UNCHANGED_SHARE * facts.noise.sigma:
        return None
    if facts.is_early:
        return _not_yet(facts)
    return VerdictReady(
        state="collapsed",
        sentence=say(
            "Collapsed: the residual has shrunk to almost nothing ({rms}; the noise has {sigma}), so the "
            "photos are handed back. Choose the method Residual contrastive learning, whose residual "
            "cannot vanish, or raise Contrast under More settings.",
            rms=_levels(rms),
            sigma=_levels(facts.noise.sigma),
        ),
    )


def _sign_of_unchanged_photos(facts: TrainingFacts) -> VerdictReady | None:
    """The restored crop is the noisy one."""
    sigma = facts.preview_sigma
    if facts.residual.level >= max(UNCHANGED_LEVEL, UNCHANGED_SHARE * (sigma or 0.0)):
        return None
    if facts.is_early:
        return _not_yet(facts)
    noise = say("; check that they are noisy")
    if sigma is not None:
        noise = say(", though their noise is about {sigma}", sigma=_levels(sigma))
    return VerdictReady(
        state="collapsed",
        sentence=say(
            "Not learning: the photos come back unchanged{noise}. Give it more steps, or raise the "
            "learning rate under More settings if it was lowered.",
            noise=noise,
        ),
    )


def _sign_of_picture(facts: TrainingFacts) -> VerdictReady | None:
    """What is taken away is the picture."""
    if facts.residual.picture_share <= LARGE_PICTURE_SHARE:
        return None
    return VerdictReady(
        state="collapsed",
        sentence=say(
            "Something is wrong: {picture_share:.0%} of what is taken away follows the picture. Lower "
            "the learning rate, or use a larger sub-sampling stride under More settings.",
            picture_share=facts.residual.picture_share,
        ),
    )


def _sign_of_too_much(facts: TrainingFacts) -> VerdictReady | None:
    """More is taken away than there is noise; from a picture flattened whole nothing is left for it to follow."""
    sigma = facts.preview_sigma
    if sigma is None or facts.is_early or facts.residual.level <= TOO_MUCH_FACTOR * max(sigma, WEAK_NOISE_SIGMA):
        return None
    return VerdictReady(
        state="collapsed",
        sentence=say(
            "Something is wrong: what is taken away ({level}) is {factor:.1f} times as strong as the noise ({sigma}), "
            "so most of it is picture. Lower the sub-sampling stride under More settings, or give it more steps.",
            level=_levels(facts.residual.level),
            factor=facts.residual.level / max(sigma, WEAK_NOISE_SIGMA),
            sigma=_levels(sigma),
        ),
    )


def _sign_of_equal_residuals(facts: TrainingFacts) -> VerdictReady | None:
    """The same residual for every photo although their noises differ: it does not come from the noise."""
    rms, distance = facts.residual_rms, facts.metrics.get("residual_distance")
    if facts.noise is None or not facts.noises_differ or not _is_at_chance(facts):
        return None
    if rms is None or distance is None or distance >= ALIKE_DISTANCE_SHARE * rms:
        return None
    return VerdictReady(
        state="collapsed",
        sentence=say(
            "Collapsed: what is taken away is alike for all photos, although their noise differs "
            "({low_sigma} to {high_sigma}). Start again with a lower learning rate or another seed, or "
            "choose the method Residual contrastive learning if another one was chosen.",
            low_sigma=_levels(facts.noise.low_sigma),
            high_sigma=_levels(facts.noise.high_sigma),
        ),
    )


_SIGNS: tuple[Callable[[TrainingFacts], VerdictReady | None], ...] = (
    _sign_of_clean_photos,
    _sign_of_vanished_residual,
    _sign_of_unchanged_photos,
    _sign_of_equal_residuals,
    _sign_of_picture,
    _sign_of_too_much,
)
"""In the order in which they exclude one another: a residual of nothing has no structure to judge."""


def _remark_on_contrast(facts: TrainingFacts) -> str:
    """What the contrastive term does or fails to do; empty where it works or there is none.

    None of it spoils the model, which the consistency term teaches too.
    """
    lowest, highest = SOFT_SHARES_OF_CHANCE
    is_soft = lowest < facts.metrics.get("contrast_share_of_chance", 0.0) < highest
    if facts.noises_are_alike and (_is_at_chance(facts, ALIKE_CHANCE_FACTOR) or is_soft):
        return (
            "The photos' noise is alike, so the contrastive term has little to tell apart; "
            "what is learned here comes from the consistency term."
        )
    if _is_at_chance(facts):
        if facts.noises_differ and facts.noise is not None:
            low, high = _levels(facts.noise.low_sigma), _levels(facts.noise.high_sigma)
            return say(
                "The contrastive term is at chance although the photos' noise differs ({low} to {high}): "
                "larger crops or more photos per batch may let it tell them apart.",
                low=low,
                high=high,
            )
        return (
            "To the contrastive term the photos' noise looks alike, so it has little to tell apart; "
            "what is learned here comes from the consistency term."
        )
    if is_soft:
        return (
            "The contrastive term sees differences but hardly weighs them: lower Temperature under More settings, "
            "or set it to 0 to have it measured."
        )
    return ""


def _is_at_chance(facts: TrainingFacts, factor: float = CHANCE_FACTOR) -> bool:
    accuracy = facts.metrics.get("contrast_accuracy")
    return accuracy is not None and facts.num_crops > 3 and accuracy < factor / (facts.num_crops - 1)


def _not_yet(facts: TrainingFacts) -> VerdictReady:
    return _going_well(
        facts,
        (
            "Done: hardly anything is taken away yet."
            if facts.is_finished
            else "Learning: hardly anything is taken away yet."
        ),
    )


def _going_well(facts: TrainingFacts, sentence: str) -> VerdictReady:
    return VerdictReady(state="done" if facts.is_finished else "learning", sentence=sentence)


def _levels(sigma: float) -> str:
    return say("{levels:.1f} of 255", levels=sigma * 255)


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
            sentence=say(
                "Done, without a gain: on the validation photos nothing was better than the model it started "
                "from ({best_psnr:.2f} dB), so that model is kept. More or other labels may help.",
                best_psnr=best_psnr,
            ),
        )
    if step < num_steps:
        return VerdictReady(
            state="done",
            sentence=say(
                "Ended early at step {step:,}: the weights of step {best_step:,} were the best on the "
                "validation photos ({best_psnr:.2f} dB) and are kept.",
                step=step,
                best_step=best_step,
                best_psnr=best_psnr,
            ),
        )
    return VerdictReady(
        state="done",
        sentence=say(
            "Done: the weights of step {best_step:,} were the best on the validation photos "
            "({best_psnr:.2f} dB) and are kept.",
            best_step=best_step,
            best_psnr=best_psnr,
        ),
    )
