"""Pairs of a noisy picture and its target, made from clean pictures: every kind of `engine.simulation.kinds`, mixed."""

import numpy as np
from numpy.typing import NDArray

from engine.simulation.camera import compress
from engine.simulation.kinds import KINDS, Pair
from engine.simulation.parameters import PairParams
from engine.simulation.pictures import Picture

_DEGRADED_SHARE = 0.25
_HIGHEST_LIGHT_SIGMA = 6.0


def simulate_pair(clean: Picture, generator: np.random.Generator, params: PairParams | None = None) -> Pair:
    """Make a noisy picture of a clean one.

    With the default mixture it takes 0.2 microseconds a pixel on average, on one thread for crops of 64 to 128 px:
    nothing for clean ones, 0.05 for plain noise, 0.4 for a camera, 0.65 for photos that were reduced.

    Args:
        clean: sRGB, 0 to 1. Shape: (height, width, 3), at least 4 pixels a side.
        generator: Source of chance.
        params: The mixture; None: the default one.

    Returns:
        The noisy picture, and what restoring it should give: the clean picture itself; for a camera's noise the photo
        that the camera would have taken without noise and compression; for kinds that make their own scene that
        scene. Same shape, 0 to 1; noise that is not rounded reaches beyond.

    Raises:
        ValueError: The parameters name a kind that does not exist, or none has a share.
    """
    params = params or PairParams()
    return KINDS[draw_kind(generator, params)].make_pair(clean, generator, params)


def draw_kind(generator: np.random.Generator, params: PairParams) -> str:
    """Draw the name of a kind, each as often as its share says.

    Raises:
        ValueError: The parameters name a kind that does not exist, or none has a share.
    """
    shares = params.shares or {name: kind.share for name, kind in KINDS.items()}
    place = generator.random() * sum(shares.values())
    for name, share in shares.items():
        _check(name)
        place -= share
        if place < 0:
            return name
    raise ValueError(f"No kind of noise has a share: {dict(shares)}")


def simulate_pairs(
    clean: NDArray[np.float32], generator: np.random.Generator, params: PairParams | None = None, *, side_px: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Make a noisy picture of each clean one of a batch, each with a noise of its own.

    Args:
        clean: sRGB, 0 to 1. Shape: (batch, height, width, 3).
        generator: Source of chance.
        params: The mixture; None: the default one.
        side_px: Side of the squares to cut at random from the results, so that the grid of JPEG blocks falls anywhere
            and borders stay out; 0: all of them.

    Returns:
        Noisy pictures and targets. Shape of both: (batch, side_px or height, side_px or width, 3).

    Raises:
        ValueError: The parameters name a kind that does not exist, or none has a share.
    """
    height, width = (side_px, side_px) if side_px else clean.shape[1:3]
    noisy = np.empty((len(clean), height, width, 3), np.float32)
    targets = np.empty_like(noisy)
    for index, picture in enumerate(clean):
        pair = simulate_pair(picture, generator, params)
        top = int(generator.integers(picture.shape[0] - height + 1))
        left = int(generator.integers(picture.shape[1] - width + 1))
        noisy[index], targets[index] = (part[top : top + height, left : left + width] for part in pair)
    return noisy, targets


def add_light_degradation(picture: Picture, generator: np.random.Generator) -> Picture:
    """Treat a picture as files on the web are: mostly rounded to 8 bits alone, else with a little noise or compression.

    Args:
        picture: 0 to 1. Shape: (height, width, 3).
        generator: Source of chance.

    Returns:
        Same shape, 0 to 1.
    """
    degrade = generator.random() < _DEGRADED_SHARE
    if degrade:
        sigma = np.float32(generator.uniform(0, _HIGHEST_LIGHT_SIGMA) / 255)
        picture = picture + sigma * generator.standard_normal(picture.shape, np.float32)
    quality = int(generator.integers(80, 100)) if degrade and generator.random() < 0.5 else 0
    return compress(np.clip(picture, 0, 1), quality, has_fine_chroma=bool(generator.random() < 0.5))


def _check(name: str) -> None:
    if name not in KINDS:
        raise ValueError(f"There is no kind of noise called {name!r}; there are: {', '.join(KINDS)}")
