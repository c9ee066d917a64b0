"""Photos whose noise is looked at together: those of one camera at one sensitivity, else those with one grain."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.look import phrases
from app.look.translation import tr
from engine.contracts.learned_noise import LearnedNoise
from engine.contracts.noise import LEVELS
from engine.contracts.photo import CameraFacts

MAX_GROUPS = 12


@dataclass(frozen=True, kw_only=True)
class NoiseGroup:
    """Some photos of a learned noise.

    Attributes:
        title: What they have in common, how many they are, and how strong their noise is.
        photos: Their indices.
    """

    title: str
    photos: tuple[int, ...]


def noise_groups(noise: LearnedNoise, cameras: Sequence[CameraFacts]) -> tuple[NoiseGroup, ...]:
    """Return all photos, then the groups among them from the largest on; only all of them where there is one group.

    Args:
        noise: What was learned.
        cameras: What each photo's camera noted, in the order of the noise.
    """
    everything = tuple(range(len(noise.photos)))
    by_camera = _grouped({photo: (cameras[photo].camera, cameras[photo].iso) for photo in everything})
    named = [(_camera_title(cameras[members[0]]), members) for members in by_camera]
    if len(by_camera) < 2:
        by_grain = _grouped({photo: noise.photos[photo].spectrum for photo in everything})
        named = [
            (tr("Grain {number}").format(number=phrases.number(number)), members)
            for number, members in enumerate(by_grain, start=1)
        ]
    groups = [NoiseGroup(title=f"{tr('All photos')} · {_level(noise, everything)}", photos=everything)]
    if len(named) > 1:
        groups += [
            NoiseGroup(
                title=f"{title} · {phrases.count(len(members), 'photo')} · {_level(noise, members)}", photos=members
            )
            for title, members in named[:MAX_GROUPS]
        ]
    return tuple(groups)


def _grouped(keys: Mapping[int, Hashable]) -> list[tuple[int, ...]]:
    members: dict[Hashable, list[int]] = {}
    for photo, key in keys.items():
        members.setdefault(key, []).append(photo)
    return sorted((tuple(photos) for photos in members.values()), key=lambda photos: (-len(photos), photos))


def _camera_title(facts: CameraFacts) -> str:
    iso = "" if facts.iso is None else tr("ISO {number}").format(number=facts.iso)
    return " · ".join(part for part in (facts.camera, iso) if part) or tr("Camera not noted")


def _level(noise: LearnedNoise, photos: Sequence[int]) -> str:
    sigma = LEVELS * float(np.median([noise.photos[photo].sigma() for photo in photos]))
    return tr("{sigma} of {levels}").format(sigma=phrases.number(sigma, 1), levels=LEVELS)
