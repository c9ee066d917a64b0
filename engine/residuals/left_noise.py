"""The restored picture without the noise that was left in it.

A photo restored at half strength still holds half of its noise, the same that was taken away. Whatever looks for the
picture in a residual finds that noise instead: where the picture is faint beside it, a line on "the picture" is a line
on the noise. Noise that was left is so many times the noise that was taken, everywhere and at every spatial frequency,
so the factor is measured where the picture is flattest, and that much of the residual is taken off.

Brightness and colours have a factor each, since they can be given back apart.
"""

import cv2
import numpy as np

from engine.contracts.photo import Pixels
from engine.residuals.drift import BLOCK_PX, whole_blocks

_FLAT_SHARE = 0.1
_MIN_BLOCKS = 8
_SOFT_PX = 2.0
"""The picture is judged flat or not by what is broader than this, and the factor by what is finer."""

_CERTAIN = 3.0
_SMALLEST_VARIANCE = 1e-16


def without_noise_left(residual: Pixels, restored: Pixels) -> Pixels:
    """Take off what the restored picture's flattest blocks have in common with the residual.

    Args:
        residual: Noisy minus restored. Height x width x channels.
        restored: The restored picture. Same shape.

    Returns:
        The restored picture without it; unchanged where there are too few blocks, or nothing in common.
    """
    if min(residual.shape[:2]) < 2 * BLOCK_PX:
        return restored
    taken, left = _parts(residual), _parts(restored)
    factors = [_factor(one, other) for one, other in zip(taken, left, strict=True)]
    if not any(factors):
        return restored
    return np.asarray(restored - sum(factor * part for factor, part in zip(factors, taken, strict=True)), np.float32)


def _parts(picture: Pixels) -> list[Pixels]:
    """The mean of three channels and what each has beyond it; of other pictures the whole. The same shape each."""
    if picture.shape[2] != 3:
        return [picture]
    brightness = np.broadcast_to(picture.mean(axis=2, keepdims=True), picture.shape)
    return [brightness, picture - brightness]


def _factor(taken: Pixels, left: Pixels) -> float:
    """How many times the noise that was taken is in the picture still; 0 where it may be chance."""
    soft = _soft(left)
    flatness = np.var(whole_blocks(soft), axis=1, dtype=np.float64).sum(axis=1)
    num_flat = max(_MIN_BLOCKS, round(_FLAT_SHARE * len(flatness)))
    if len(flatness) < num_flat:
        return 0.0
    flat = np.argsort(flatness)[:num_flat]
    fine_taken, fine_left = (
        whole_blocks(fine)[flat].astype(np.float64) for fine in (taken - _soft(taken), left - soft)
    )
    common = np.sum(fine_taken * fine_left, axis=(1, 2))
    strength = np.sum(np.square(fine_taken), axis=(1, 2))
    if strength.sum() < _SMALLEST_VARIANCE:
        return 0.0
    factor = float(common.sum() / strength.sum())
    error = float(np.sqrt(np.sum(np.square(common - factor * strength))) / strength.sum())
    return factor if factor > _CERTAIN * error else 0.0


def _soft(picture: Pixels) -> Pixels:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), _SOFT_PX), np.float32).reshape(picture.shape)
