"""The pair doctor: whether each noisy photo and its reference are a label that teaches what it should.

A pair is measured once, as long as its files stay as they are. What is said about it follows from its measures and
from those of all other pairs: duplicates, a reference that is another pair's noisy photo, and scenes that occur twice
are only seen together.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

import numpy as np

from engine.comparing.metrics import SMALLEST_SSIM_SIDE_PX
from engine.contracts.errors import EngineError
from engine.contracts.events import Emit, StepDone
from engine.contracts.job_control import JobControl
from engine.labelling.brightness_fit import MAX_COLOUR_DRIFT, BrightnessFit
from engine.labelling.doctor_measures import PairMeasures, measure_pair
from engine.machine.caches import KeptMeasures
from engine.machine.interruptible import run_interruptibly
from engine.machine.places import Place
from engine.photo_files.photos import read_image
from engine.photos.decoded_files import DECODER_VERSION
from engine.photos.identity import identity_of
from engine.photos.pair_checks import MAX_SHIFT_PX
from engine.photos.pairs import PhotoPair
from engine.photos.scenes import group_scenes
from engine.translatable import say

MEASURES_VERSION = 4
"""To be raised when `PairMeasures` or what it is computed from changes."""

MAX_KEPT_PAIRS = 5000

MIN_NOTED_SHIFT_PX = 0.4
"""A smaller shift costs next to nothing, and is hard to tell."""

MAX_SHARPNESS = 1.35
"""How much more fine detail than its reference a noisy photo may show; of 60 sound real pairs, 1.17 at most."""

_MIN_SHARPNESS = 0.7
_MIN_SHIFT_GAIN = 0.005
_STAGE = "Examining pairs"


class FactKind(StrEnum):
    """What a fact is about."""

    UNREADABLE = "unreadable"
    SIZE = "size"
    SAME_PICTURE = "same picture"
    DIFFERENT = "different"
    POSITION = "position"
    EXPOSURE = "exposure"
    COLOUR = "colour"
    SHARPNESS = "sharpness"
    DUPLICATE = "duplicate"
    NOISY_REFERENCE = "noisy reference"
    SCENE = "scene"
    PSNR = "psnr"


@dataclass(frozen=True, kw_only=True)
class PairFact:
    """One thing found out about a pair.

    Attributes:
        kind: What it is about.
        is_doubt: Whether it speaks against teaching with the pair.
        text: What it is, one sentence.
        hint: What to do about it, one sentence; "" where nothing has to be done.
        can_align: Whether an aligned copy of the reference would mend it.
        is_fitted: Whether the reference is made as bright as the photo because of it, unless a person says otherwise.
    """

    kind: FactKind
    is_doubt: bool
    text: str
    hint: str = ""
    can_align: bool = False
    is_fitted: bool = False


@dataclass(frozen=True, kw_only=True)
class PairDiagnosis:
    """All that is known about a pair.

    Attributes:
        pair: The two files.
        facts: What speaks against it first.
        scene: The first of the pairs examined together that shows the same scene; the pair itself where none does.
    """

    pair: PhotoPair
    facts: tuple[PairFact, ...]
    scene: PhotoPair

    @property
    def doubt(self) -> PairFact | None:
        """Why it is set aside unless a person says otherwise; None for a sound pair."""
        return next((fact for fact in self.facts if fact.is_doubt), None)

    @property
    def can_be_aligned(self) -> bool:
        """Whether an aligned copy of the reference would fit better."""
        return any(fact.can_align for fact in self.facts)

    @property
    def is_fitted(self) -> bool:
        """Whether the reference is taught as bright as its photo, since its own exposure or stretch is another."""
        return any(fact.is_fitted for fact in self.facts)


@dataclass(frozen=True, kw_only=True)
class ExamineRequest:
    """Settings of `examine_pairs`.

    Attributes:
        pairs: What to examine.
        cache_file: Where measures are kept; None: in the program's own data.
    """

    pairs: tuple[PhotoPair, ...]
    cache_file: Path | None = None


def examine_pairs(request: ExamineRequest, control: JobControl, emit: Emit) -> tuple[PairDiagnosis, ...]:
    """Examine pairs, each on its own and all together; a job.

    Args:
        request: The pairs.
        control: Asked before and while each pair is measured.
        emit: Receives `StepDone`.

    Returns:
        A diagnosis of each pair, in the given order.

    Raises:
        JobCancelled: Asked to end; what has been measured is kept.
    """
    cache_file = request.cache_file or Place.EXAMINED_PAIRS.path()
    version = MEASURES_VERSION * 1000 + DECODER_VERSION
    kept = KeptMeasures(cache_file, PairMeasures, version=version, limit=MAX_KEPT_PAIRS)
    outcomes: dict[PhotoPair, PairMeasures | PairFact] = {}
    try:
        for index, pair in enumerate(request.pairs):
            control.wait_if_paused()
            emit(StepDone(stage=_STAGE, step=index, num_steps=len(request.pairs)))
            identity = identity_of(pair.noisy, pair.clean)
            known = kept.find(identity)
            outcomes[pair] = known or run_interruptibly(partial(_measure, pair), control)
            if known is None and isinstance(found := outcomes[pair], PairMeasures):
                kept.add(identity, found)
    finally:
        kept.save()
    emit(StepDone(stage=_STAGE, step=len(request.pairs), num_steps=len(request.pairs)))
    return diagnose(outcomes)


def diagnose(outcomes: Mapping[PhotoPair, PairMeasures | PairFact]) -> tuple[PairDiagnosis, ...]:
    """Say what follows from the measures.

    Args:
        outcomes: Of each pair its measures, or why it has none.

    Returns:
        A diagnosis of each pair, in the same order.
    """
    measured = {pair: outcome for pair, outcome in outcomes.items() if isinstance(outcome, PairMeasures)}
    scenes = group_scenes({pair: measures.scene for pair, measures in measured.items()})
    common = _facts_in_common(measured, scenes)
    diagnoses = []
    for pair, outcome in outcomes.items():
        facts = [outcome] if isinstance(outcome, PairFact) else [*common[pair], *_facts_of(outcome)]
        # Stable: within doubts and within the rest the order stays.
        in_order = tuple(sorted(facts, key=lambda fact: not fact.is_doubt))
        diagnoses.append(PairDiagnosis(pair=pair, facts=in_order, scene=scenes.get(pair, pair)))
    return tuple(diagnoses)


def _measure(pair: PhotoPair) -> PairMeasures | PairFact:
    try:
        noisy, clean = read_image(pair.noisy), read_image(pair.clean)
    except EngineError as error:
        return PairFact(kind=FactKind.UNREADABLE, is_doubt=True, text=error.message, hint=error.hint)
    if min(clean.width, clean.height) < SMALLEST_SSIM_SIDE_PX:
        return PairFact(
            kind=FactKind.SIZE,
            is_doubt=True,
            text=say("The photo has only {width} x {height} pixels.", width=clean.width, height=clean.height),
            hint=say(
                "A label needs at least {min_own_side_px} pixels to a side.", min_own_side_px=SMALLEST_SSIM_SIDE_PX
            ),
        )
    try:
        return measure_pair(noisy, clean)
    except ValueError:
        return PairFact(
            kind=FactKind.SIZE,
            is_doubt=True,
            text=say(
                "The sizes differ: the noisy photo has {width} x {height} pixels, its reference "
                "{clean_width} x {clean_height}.",
                width=noisy.width,
                height=noisy.height,
                clean_width=clean.width,
                clean_height=clean.height,
            ),
            hint="Crop or scale one of them so that both show the same pixels.",
        )


def _facts_of(measures: PairMeasures) -> list[PairFact]:
    """What one pair shows by itself."""
    if measures.is_same_picture:
        return [
            PairFact(
                kind=FactKind.SAME_PICTURE,
                is_doubt=True,
                text="Both files hold the same picture: it would teach nothing.",
                hint="Choose the clean version of the photo as its reference.",
            )
        ]
    different = next((finding for finding in measures.findings if finding.kind == "different"), None)
    if different is not None:
        return [PairFact(kind=FactKind.DIFFERENT, is_doubt=True, text=different.reason, hint=different.hint)]
    brightness, psnr = measures.brightness, measures.psnr
    text = say("The noisy photo is at {psnr:.2f} dB PSNR against the reference.", psnr=psnr)
    if brightness.is_wanted:
        text = say(
            "The noisy photo is at {psnr:.2f} dB PSNR against the reference as it is, and at "
            "{fitted_psnr:.2f} dB against the fitted one.",
            psnr=psnr,
            fitted_psnr=measures.fitted_psnr,
        )
    return [
        _position_fact(measures),
        _exposure_fact(brightness),
        *([] if len(brightness.channels) == 1 or brightness.is_wanted else [_colour_fact(brightness)]),
        _sharpness_fact(measures.sharpness),
        PairFact(kind=FactKind.PSNR, is_doubt=False, text=text),
    ]


def _position_fact(measures: PairMeasures) -> PairFact:
    distance_px = float(np.hypot(*measures.shift_px))
    is_doubt = any(finding.kind == "misaligned" for finding in measures.findings)
    if is_doubt or (distance_px > MIN_NOTED_SHIFT_PX and measures.shift_gain > _MIN_SHIFT_GAIN):
        return PairFact(
            kind=FactKind.POSITION,
            is_doubt=is_doubt,
            text=say(
                "The reference is shifted by {distance_px:.1f} pixels against the noisy photo.", distance_px=distance_px
            ),
            hint="Let Residua align a copy of it, or take both from a tripod.",
            can_align=True,
        )
    limit = MIN_NOTED_SHIFT_PX if measures.shift_gain > _MIN_SHIFT_GAIN else MAX_SHIFT_PX
    return PairFact(
        kind=FactKind.POSITION,
        is_doubt=False,
        text=say("Aligned: no shift above {limit:.1f} pixels can be seen.", limit=limit),
    )


def _exposure_fact(brightness: BrightnessFit) -> PairFact:
    if not brightness.differs:
        return PairFact(kind=FactKind.EXPOSURE, is_doubt=False, text="Same brightness.")
    if not brightness.can_mend:
        return PairFact(
            kind=FactKind.EXPOSURE,
            is_doubt=True,
            text="The tones differ: no gain and offset make the reference as bright as the noisy photo.",
            hint="Develop both with the same exposure, contrast and tone curve.",
        )
    return PairFact(
        kind=FactKind.EXPOSURE,
        is_doubt=False,
        text=say(
            "Another exposure or stretch: the reference is fitted to the noisy photo by gain "
            "{gains_text} and offset {offsets_text}.",
            gains_text=brightness.gains_text,
            offsets_text=brightness.offsets_text,
        ),
        hint="Its file stays as it is. Keep its own brightness only where restored photos shall take it on.",
        is_fitted=True,
    )


def _colour_fact(brightness: BrightnessFit) -> PairFact:
    drifts = np.array(brightness.colour_drifts or (0.0,))
    if float(np.abs(drifts).max()) <= MAX_COLOUR_DRIFT:
        return PairFact(kind=FactKind.COLOUR, is_doubt=False, text="Same colours.")
    position = int(np.abs(drifts).argmax())
    colour = ("red", "green", "blue")[position]
    more = "more" if drifts[position] > 0 else "less"
    return PairFact(
        kind=FactKind.COLOUR,
        is_doubt=True,
        text=say(
            "The colours drift: the noisy photo has {more} {colour}, by {drifts:.0%} of white.",
            more=more,
            colour=colour,
            drifts=abs(drifts[position]),
        ),
        hint="Develop both with the same white balance and colour profile.",
    )


def _sharpness_fact(sharpness: float) -> PairFact:
    if sharpness > MAX_SHARPNESS:
        return PairFact(
            kind=FactKind.SHARPNESS,
            is_doubt=True,
            text=say(
                "The reference is blurred: the noisy photo shows {sharpness:.1f} times as much fine detail.",
                sharpness=sharpness,
            ),
            hint="Choose a sharp reference; smoothing a photo is no substitute for a clean one.",
        )
    if sharpness < _MIN_SHARPNESS:
        return PairFact(
            kind=FactKind.SHARPNESS,
            is_doubt=False,
            text=say(
                "The reference is sharper: it shows {sharpness:.1f} times as much fine detail, and "
                "sharpening would be learned too.",
                sharpness=1 / sharpness,
            ),
        )
    return PairFact(kind=FactKind.SHARPNESS, is_doubt=False, text="The reference is as sharp as the noisy photo.")


def _facts_in_common(
    measured: Mapping[PhotoPair, PairMeasures], scenes: Mapping[PhotoPair, PhotoPair]
) -> dict[PhotoPair, list[PairFact]]:
    """What pairs show only together."""
    facts: defaultdict[PhotoPair, list[PairFact]] = defaultdict(list)
    first_of_noisy: dict[str, PhotoPair] = {}
    noisy_of: dict[str, PhotoPair] = {measures.noisy_digest: pair for pair, measures in measured.items()}
    for pair, measures in measured.items():
        first = first_of_noisy.setdefault(measures.noisy_digest, pair)
        if first != pair:
            facts[pair].append(
                PairFact(
                    kind=FactKind.DUPLICATE,
                    is_doubt=True,
                    text=say("It is the same photo as {noisy}, which is a label already.", noisy=first.noisy.name),
                    hint="One of the two is enough.",
                )
            )
        other = noisy_of.get(measures.clean_digest)
        if other is not None and other != pair and not measures.is_same_picture:
            facts[pair].append(
                PairFact(
                    kind=FactKind.NOISY_REFERENCE,
                    is_doubt=True,
                    text=say("Its reference is a noisy photo itself: {noisy}.", noisy=other.noisy.name),
                    hint="Choose the clean version of the photo as its reference.",
                )
            )
    _note_scenes(measured, scenes, facts)
    return facts


def _note_scenes(
    measured: Mapping[PhotoPair, PairMeasures],
    scenes: Mapping[PhotoPair, PhotoPair],
    facts: defaultdict[PhotoPair, list[PairFact]],
) -> None:
    members: defaultdict[PhotoPair, list[PhotoPair]] = defaultdict(list)
    for pair in measured:
        members[scenes[pair]].append(pair)
    for pairs in members.values():
        for pair in pairs if len(pairs) > 1 else ():
            other = next(member for member in pairs if member != pair)
            more = say(" and {number} more", number=len(pairs) - 2) if len(pairs) > 2 else ""
            facts[pair].append(
                PairFact(
                    kind=FactKind.SCENE,
                    is_doubt=False,
                    text=say(
                        "It shows the same scene as {noisy}{more}: they teach together or measure together, never "
                        "one each.",
                        noisy=other.noisy.name,
                        more=more,
                    ),
                )
            )
