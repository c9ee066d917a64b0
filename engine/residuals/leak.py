"""How much picture is left in a residual: the share of its variance that follows the restored picture's structure.

In small blocks the residual is regressed on the restored picture around each pixel. A filter that takes edges or
texture away with the noise leaves them in the residual as a local linear function of what it keeps (of a Gaussian blur
exactly, of other filters nearly), so that the regression explains some of the residual; it explains nothing of noise.

Three things would pass for picture and are taken out:

- Any regression explains a little of any noise, more where the noise is correlated. What it explains of Gaussian noise
  with the residual's own power spectrum in that block is the zero of the scale (surrogates with phases drawn by chance:
  Theiler et al., Physica D 58, 1992). Of each block, since JPEG compression shapes noise from block to block.
- Noise that the filter left in the picture goes along with the noise that it took. Its covariance is measured in the
  flattest blocks of each brightness, where there is no picture, and taken off that of all blocks.
- Noise that is stronger at some brightness than at others explains nothing by that, since each block is measured on its
  own scale.
- Broad noise (blotches of colour) has so few turns within a block that it goes along with whatever is there by chance,
  and with noise of its kind that was left. So what waves of at most one turn explain in a block is taken out of both
  pictures first. Broad parts of the picture are `drift`'s to find.

Texture of which the restored picture keeps nothing at all has nothing to follow and is not seen, so the share is rather
too low: of noise with the detail that a Gaussian blur of 1.5 or 3 pixels takes from natural photos it found 0.4 to 1 of
the true share, always more for more. Of noise alone (white, correlated, growing with the light, blotches) it found at
most 0.004, and 0.012 where half as much noise of the same kind was left in the picture.

Unlike `engine.training.verdicts.residual_facts`, which is quick enough for every preview of a training and
correlates both pictures as a whole, this one is not misled by noise left in the picture (a restoration at half strength
has a residual of pure noise), and grows with the leak where that correlation falls again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.contracts.photo import Pixels

BLOCK_PX = 24
"""Side of a block: a few times the regression's terms in pixels, yet small enough for one structure."""

TRACE_SHARE, LARGE_SHARE = 0.017, 0.10
"""From the first share on edges show in the amplified residual: where 0.03 of it is picture, 0.013 to 0.03 are found.
From the second on the picture can be recognised in it: what plain blurring gave on natural photos."""

_NEAR_PX, _FAR_PX = 1, 3
_MARGIN_PX = _FAR_PX
_MAX_BLOCKS = 1600
_NUM_BROAD_WAVES = 3
"""Cosines of none to two half turns over a block's side, in both directions."""

_NUM_SURROGATES = 2
_MAX_BRIGHTNESS_GROUPS = 4
_MIN_GROUP_BLOCKS = 40
_FLAT_SHARE = 0.2
_MIN_FLAT_BLOCKS = 4
_RIDGE = 1e-6
_CERTAINTY = 4.0
_SMALLEST_VARIANCE = 1e-14

_Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PictureLeak:
    """How much picture a residual holds.

    Attributes:
        share: Share of the residual's variance that is picture, 0 to 1; rather too low than too high.
        num_blocks: Blocks that were measured, of each channel.
    """

    share: float
    num_blocks: int


def smallest_side_px() -> int:
    """The smallest photo, in both directions, in which a leak can be measured."""
    return 2 * BLOCK_PX + 2 * _MARGIN_PX


def measure_leak(residual: Pixels, restored: Pixels) -> PictureLeak:
    """Measure how much picture is left in a residual.

    Args:
        residual: Noisy minus restored. Height x width x channels, at least `smallest_side_px` a side.
        restored: The restored picture. Same shape.

    Returns:
        The share, over all channels. 0 for a residual of nothing.

    Raises:
        ValueError: The shapes differ, or the photo is too small.
    """
    if residual.shape != restored.shape or residual.ndim != 3:
        raise ValueError(f"both must be height x width x channels; found {residual.shape} and {restored.shape}")
    if min(residual.shape[:2]) < smallest_side_px():
        raise ValueError(f"each side needs at least {smallest_side_px()} pixels; found {residual.shape[:2]}")
    places = _block_places(residual.shape[0], residual.shape[1], residual.shape[2])
    generator = np.random.default_rng(0)
    explained = total = 0.0
    for channel in range(residual.shape[2]):
        values = residual[:, :, channel].astype(np.float64)
        blocks = _Blocks(restored[:, :, channel].astype(np.float64), places)
        cut = _cut(values, places)
        found = _without_broad(cut)
        noises = [_without_broad(_noise_of_same_spectrum(values, places, generator)) for _ in range(_NUM_SURROGATES)]
        variance = np.mean(np.square(found), axis=1)
        of_found, by_chance = blocks.explained(found, noises)
        # As an adjusted coefficient of determination: what noise would give counts as nothing, all as all.
        share = (of_found - by_chance) / np.maximum(1 - by_chance, 0.1)
        explained += float(np.sum(share * variance))
        total += float(np.sum(np.var(cut, axis=1)))
    share_of_all = explained / total if total > _SMALLEST_VARIANCE else 0.0
    return PictureLeak(share=float(np.clip(share_of_all, 0, 1)), num_blocks=len(places))


def _without_broad(blocks: _Array) -> _Array:
    """Blocks without their means and broadest waves. Shape: (blocks, pixels of a block)."""
    result: _Array = blocks - (blocks @ _BROAD_WAVES) @ _BROAD_WAVES.T
    return result


def _broad_waves() -> _Array:
    """The broadest waves of a block, of length 1 and at right angles. Shape: (pixels of a block, waves)."""
    places = (np.arange(BLOCK_PX) + 0.5) / BLOCK_PX
    lines = [np.cos(np.pi * turns * places) for turns in range(_NUM_BROAD_WAVES)]
    waves = np.stack([np.outer(down, across).ravel() for down in lines for across in lines], axis=1)
    unit: _Array = waves / np.linalg.norm(waves, axis=0)
    return unit


_BROAD_WAVES = _broad_waves()


def _block_places(height: int, width: int, num_channels: int) -> NDArray[np.int64]:
    """Top left corners of blocks, spread evenly where there are more than are needed. Shape: (blocks, 2)."""
    tops = np.arange(_MARGIN_PX, height - _MARGIN_PX - BLOCK_PX + 1, BLOCK_PX)
    lefts = np.arange(_MARGIN_PX, width - _MARGIN_PX - BLOCK_PX + 1, BLOCK_PX)
    places = np.stack(np.meshgrid(tops, lefts, indexing="ij"), axis=-1).reshape(-1, 2)
    most = _MAX_BLOCKS // num_channels
    if len(places) > most:
        places = places[np.linspace(0, len(places) - 1, most).astype(int)]
    return places


def _cut(
    picture: _Array, places: NDArray[np.int64], offset: tuple[int, int] = (0, 0), side_px: int = BLOCK_PX
) -> _Array:
    """Squares of a picture at places moved by an offset. Shape: (blocks, side_px * side_px)."""
    side = np.arange(side_px)
    rows = places[:, 0, None] + side + offset[0]
    columns = places[:, 1, None] + side + offset[1]
    squares: _Array = picture[rows[:, :, None], columns[:, None, :]].reshape(len(places), -1)
    return squares


def _noise_of_same_spectrum(values: _Array, places: NDArray[np.int64], generator: np.random.Generator) -> _Array:
    """Gaussian noise with the power spectrum of each block and its surroundings. Shape: (blocks, pixels of a block)."""
    reach, side_px = BLOCK_PX // 2, 2 * BLOCK_PX
    surroundings = _cut(np.pad(values, reach, mode="symmetric"), places, side_px=side_px)
    surroundings = (surroundings - surroundings.mean(axis=1, keepdims=True)).reshape(-1, side_px, side_px)
    window = np.hanning(side_px + 2)[1:-1]
    window /= np.sqrt(np.mean(np.square(window)))
    spectrum = np.abs(np.fft.rfft2(surroundings * np.outer(window, window)))
    phases = np.fft.rfft2(generator.standard_normal(surroundings.shape))
    phases /= np.maximum(np.abs(phases), _SMALLEST_VARIANCE)
    noise = np.fft.irfft2(spectrum * phases, s=(side_px, side_px))
    return np.asarray(noise[:, reach:-reach, reach:-reach].reshape(len(places), -1))


class _Blocks:
    """The regressors of one channel's blocks, made once for the residual and all surrogates."""

    def __init__(self, restored: _Array, places: NDArray[np.int64]) -> None:
        steps = (-1, 0, 1)
        offsets = dict.fromkeys(
            (row * far, column * far) for far in (_NEAR_PX, _FAR_PX) for row in steps for column in steps
        )
        columns = [_cut(restored, places, offset) for offset in offsets]
        brightness = columns[0].mean(axis=1)
        # Shape: (blocks, pixels of a block, terms).
        self._terms = np.stack([_without_broad(column) for column in columns], axis=2)
        covariance = np.einsum("bpi,bpj->bij", self._terms, self._terms, optimize=True) / self._terms.shape[1]
        identity = np.eye(covariance.shape[1])
        energy = np.trace(covariance, axis1=1, axis2=2) / len(identity)
        self._inverse = np.linalg.inv(covariance + (_RIDGE * energy + _SMALLEST_VARIANCE)[:, None, None] * identity)
        self._groups = []
        num_groups = min(_MAX_BRIGHTNESS_GROUPS, max(len(places) // _MIN_GROUP_BLOCKS, 1))
        for group in np.array_split(np.argsort(brightness), num_groups):
            num_flat = max(_MIN_FLAT_BLOCKS, round(_FLAT_SHARE * len(group)))
            flat = group[np.argsort(energy[group])[:num_flat]]
            ridge = _RIDGE * energy[flat].mean() + _SMALLEST_VARIANCE
            self._groups.append((group, flat, np.linalg.inv(covariance[flat].mean(axis=0) + ridge * identity)))

    def explained(self, found: _Array, noises: Sequence[_Array]) -> tuple[_Array, _Array]:
        """The shares of its variance that each block's regression explains.

        Args:
            found: What is regressed. Shape: (blocks, pixels of a block).
            noises: What is known to be noise. The same shape each.

        Returns:
            Of what is regressed, and of the noises on average. Shapes: (blocks,).
        """
        crosses = [np.einsum("bpi,bp->bi", self._terms, values) / values.shape[1] for values in (found, *noises)]
        for group, flat, metric in self._groups:
            couplings = [cross[flat].mean(axis=0) for cross in crosses]
            sizes = [float(coupling @ metric @ coupling) for coupling in couplings]
            chance = _CERTAINTY * float(np.mean(sizes[1:]))
            # Shrunk as far as it may be chance (as James and Stein 1961): one that is not there, but taken off all the
            # same, would be multiplied where the picture is very smooth.
            for cross, coupling, size in zip(crosses, couplings, sizes, strict=True):
                cross[group] -= coupling * max(0.0, 1 - chance / max(size, _SMALLEST_VARIANCE))
        shares = [
            np.einsum("bi,bij,bj->b", cross, self._inverse, cross, optimize=True)
            / np.maximum(np.mean(np.square(values), axis=1), _SMALLEST_VARIANCE)
            for cross, values in zip(crosses, (found, *noises), strict=True)
        ]
        return np.minimum(shares[0], 1), np.minimum(shares[1:], 1).mean(axis=0)
