"""Which pictures show one scene: those must stay on one side of the split, or validation measures what was taught."""

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

SAME_SCENE_CORRELATION = 0.985
"""Measured on 60 real pairs: crops of different places, some of one photo, correlate up to 0.76."""


_Picture = TypeVar("_Picture", bound=Hashable)


def group_scenes(signatures: Mapping[_Picture, Sequence[float]]) -> dict[_Picture, _Picture]:
    """Tell the scenes apart.

    Args:
        signatures: What each picture shows, as `doctor_measures.scene_signature` has it; an empty one is a scene
            of its own.

    Returns:
        For each picture the first of its scene, itself for one that is alone.
    """
    known = [name for name, signature in signatures.items() if len(signature)]
    scenes = {name: name for name in signatures}
    if len(known) < 2:
        return scenes
    matrix = np.array([signatures[name] for name in known], dtype=np.float32)
    for position, name in enumerate(known):
        if scenes[name] != name:
            continue
        alike = np.flatnonzero(matrix[position:] @ matrix[position] >= SAME_SCENE_CORRELATION) + position
        for other in alike:
            if scenes[known[other]] == known[other]:
                scenes[known[other]] = name
    return scenes
